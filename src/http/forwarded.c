/* Trusted proxies: see forwarded.h. */
#include "http/forwarded.h"

#include <stdlib.h>

#include "io/address.h"

static int
parse_block(struct str text, struct address_block *ret_block)
{
    struct str bits = text;
    struct str host = str_split(&bits, '/');
    if (address_to_bytes(host, ret_block->bytes) != 0)
        return -1;
    bool is_v4 = str_find(host, ':') < 0;
    uint64_t n_bits = is_v4 ? 32 : 128;
    if (bits.p != NULL &&
        (str_to_u64(bits, &n_bits) != 0 || n_bits > (is_v4 ? 32u : 128u)))
        return -1;
    ret_block->n_bits = (unsigned)n_bits + (is_v4 ? 96 : 0);
    return 0;
}

int
forwarded_init(struct forwarded *forwarded, const struct str *texts, size_t n,
               struct error *error)
{
    *forwarded = (struct forwarded){ NULL, 0 };
    if (n == 0)
        return 0;
    forwarded->blocks = calloc(n, sizeof *forwarded->blocks);
    if (forwarded->blocks == NULL)
        return error_set(error, ERR_NO_MEMORY, "no memory for %zu proxies", n);
    forwarded->n_blocks = n;
    for (size_t i = 0; i < n; i++) {
        if (parse_block(texts[i], &forwarded->blocks[i]) == 0)
            continue;
        forwarded_release(forwarded);
        return error_set(error, ERR_INVALID,
                         "trusted proxy '%.*s' is no address or block like "
                         "10.0.0.0/8",
                         STR_ARG(texts[i]));
    }
    return 0;
}

void
forwarded_release(struct forwarded *forwarded)
{
    free(forwarded->blocks);
    *forwarded = (struct forwarded){ NULL, 0 };
}

static bool
block_has(const struct address_block *block, const unsigned char bytes[16])
{
    unsigned whole = block->n_bits / 8, rest = block->n_bits % 8;
    if (memcmp(block->bytes, bytes, whole) != 0)
        return false;
    return rest == 0 || (block->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

static bool
forwarded_is_trusted(const struct forwarded *forwarded, struct str host)
{
    unsigned char bytes[16];
    if (forwarded->n_blocks == 0 || address_to_bytes(host, bytes) != 0)
        return false;
    for (size_t i = 0; i < forwarded->n_blocks; i++)
        if (block_has(&forwarded->blocks[i], bytes))
            return true;
    return false;
}

/* "1.2.3.4", "1.2.3.4:80", "[::1]:80" or "::1": the address alone. */
static struct str
hop_host(struct str hop)
{
    hop = str_trim(hop);
    if (hop.n > 1 && hop.p[0] == '[') {
        hop.p++;
        hop.n--;
        return str_split(&hop, ']');
    }
    ptrdiff_t colon = str_find(hop, ':');
    if (colon < 0)
        return hop;
    struct str after = { hop.p + colon + 1, hop.n - (size_t)colon - 1 };
    if (str_find(after, ':') < 0)
        hop.n = (size_t)colon;
    return hop;
}

/* Walks one field from the right; false when it met a hop that ends the
 * walk. */
static bool
walk_field(const struct forwarded *forwarded, struct str list,
           struct address *client)
{
    while (list.n > 0) {
        size_t start = list.n;
        while (start > 0 && list.p[start - 1] != ',')
            start--;
        struct str hop =
            hop_host((struct str){ list.p + start, list.n - start });
        unsigned char bytes[16];
        if (address_to_bytes(hop, bytes) != 0)
            return false;
        memcpy(client->host, hop.p, hop.n);
        client->host[hop.n] = '\0';
        client->port = 0;
        if (!forwarded_is_trusted(forwarded, hop))
            return false;
        list.n = start > 0 ? start - 1 : 0;
    }
    return true;
}

void
forwarded_client(const struct forwarded *forwarded, const struct address *peer,
                 struct http_headers headers, struct address *ret_client)
{
    *ret_client = *peer;
    if (peer->is_unix || !forwarded_is_trusted(forwarded, str_from(peer->host)))
        return;
    for (size_t i = headers.n; i-- > 0;)
        if (str_eq_nocase(headers.at[i].name, STR("x-forwarded-for")) &&
            !walk_field(forwarded, headers.at[i].value, ret_client))
            return;
}

bool
forwarded_is_secure(const struct forwarded *forwarded,
                    const struct address *peer, struct http_headers headers)
{
    if (peer->is_unix || !forwarded_is_trusted(forwarded, str_from(peer->host)))
        return false;
    struct str last = { NULL, 0 };
    for (size_t i = 0; i < headers.n; i++)
        if (str_eq_nocase(headers.at[i].name, STR("x-forwarded-proto")))
            last = headers.at[i].value;
    struct str part = { NULL, 0 };
    while (last.p != NULL)
        part = str_trim(str_split(&last, ','));
    return str_eq_nocase(part, STR("https"));
}
