/* Which URLs may be asked, and which addresses connected to.
 *
 * A URL is checked before it is asked; the address once more when the name
 * was looked up, because whoever owns a name can let it point anywhere.
 * The ranges are those of IANA's special-purpose registries (RFC 6890 and
 * its successors). Of IPv6 only 2000::/3 is the public internet; the forms
 * that carry an IPv4 address (mapped, NAT64, 6to4, Teredo) are refused, since
 * nobody's file lies there only. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/address.h"
#include "io/fetch_internal.h"

struct allowed {
    char *host; /* as in a URL: IPv6 in brackets */
    int port;   /* 0: any */
};

struct fetch_rules {
    int n_refs;
    size_t n;
    struct allowed allowed[];
};

void
fetch_rules_unref(struct fetch_rules *rules)
{
    if (rules == NULL || --rules->n_refs > 0)
        return;
    for (size_t i = 0; i < rules->n; i++)
        free(rules->allowed[i].host);
    free(rules);
}

struct fetch_rules *
fetch_rules_ref(struct fetch_rules *rules)
{
    rules->n_refs++;
    return rules;
}

static bool
read_port(struct str text, int *ret_port)
{
    int64_t port;
    if (str_to_i64(text, &port) < 0 || port < 1 || port > 65535)
        return false;
    *ret_port = (int)port;
    return true;
}

/* "HOST", "HOST:PORT", "[V6]", "[V6]:PORT", or "V6". */
static bool
split_entry(struct str entry, struct str *ret_host, int *ret_port)
{
    *ret_port = 0;
    *ret_host = entry;
    size_t n_colons = 0;
    for (size_t i = 0; i < entry.n; i++)
        n_colons += entry.p[i] == ':';
    ptrdiff_t end = str_find(entry, ']');
    if (end >= 0) {
        ret_host->n = (size_t)end + 1;
    } else if (n_colons == 1) {
        ret_host->n = (size_t)str_find(entry, ':');
    }
    if (ret_host->n == 0 || ret_host->n + 3 > FETCH_HOST_BYTES_MAX)
        return false;
    if (ret_host->n == entry.n)
        return true;
    if (entry.p[ret_host->n] != ':')
        return false;
    const struct str port = { entry.p + ret_host->n + 1,
                              entry.n - ret_host->n - 1 };
    return read_port(port, ret_port);
}

static int
add_entry(struct fetch_rules *rules, const char *entry, struct error *error)
{
    struct str host;
    int port;
    if (!split_entry(str_from(entry), &host, &port))
        return error_field(error, "downloads.allow_http",
                           "\"%.200s\" is not HOST or HOST:PORT", entry);
    bool is_bare = str_find(host, ':') >= 0 && host.p[0] != '[';
    char text[FETCH_HOST_BYTES_MAX];
    snprintf(text, sizeof text, is_bare ? "[%.*s]" : "%.*s", STR_ARG(host));
    struct allowed *allowed = &rules->allowed[rules->n];
    allowed->port = port;
    allowed->host = str_dup(str_from(text));
    if (allowed->host == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    rules->n++;
    return 0;
}

int
fetch_rules_new(const char *const *allow_http, size_t n,
                struct fetch_rules **ret_rules, struct error *error)
{
    *ret_rules = NULL;
    struct fetch_rules *rules =
        calloc(1, sizeof *rules + n * sizeof rules->allowed[0]);
    if (rules == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    rules->n_refs = 1;
    for (size_t i = 0; i < n; i++) {
        if (add_entry(rules, allow_http[i], error) < 0) {
            fetch_rules_unref(rules);
            return -1;
        }
    }
    *ret_rules = rules;
    return 0;
}

static bool
is_allowed_http(const struct fetch_rules *rules, const char *host, int port)
{
    for (size_t i = 0; i < rules->n; i++) {
        const struct allowed *allowed = &rules->allowed[i];
        if ((allowed->port == 0 || allowed->port == port) &&
            str_eq_nocase(str_from(allowed->host), str_from(host)))
            return true;
    }
    return false;
}

bool
fetch_place_is_same(const struct fetch_place *a, const struct fetch_place *b)
{
    return a->port == b->port && str_is(str_from(a->scheme), b->scheme) &&
           str_eq_nocase(str_from(a->host), str_from(b->host));
}

/* ---- addresses ---- */

struct range {
    unsigned char bytes[4];
    int n_bits;
};

static const struct range closed_ipv4[] = {
    { { 0, 0, 0, 0 }, 8 },       /* this network */
    { { 10, 0, 0, 0 }, 8 },      /* private */
    { { 100, 64, 0, 0 }, 10 },   /* carriers' NAT */
    { { 127, 0, 0, 0 }, 8 },     /* loopback */
    { { 169, 254, 0, 0 }, 16 },  /* link-local, metadata services */
    { { 172, 16, 0, 0 }, 12 },   /* private */
    { { 192, 0, 0, 0 }, 24 },    /* protocols */
    { { 192, 0, 2, 0 }, 24 },    /* documentation */
    { { 192, 88, 99, 0 }, 24 },  /* 6to4 relays */
    { { 192, 168, 0, 0 }, 16 },  /* private */
    { { 198, 18, 0, 0 }, 15 },   /* benchmarks */
    { { 198, 51, 100, 0 }, 24 }, /* documentation */
    { { 203, 0, 113, 0 }, 24 },  /* documentation */
    { { 224, 0, 0, 0 }, 3 },     /* multicast, reserved, broadcast */
};

static const struct range closed_ipv6[] = {
    /* of 2000::/3 */
    { { 0x20, 0x01, 0x00, 0x00 }, 23 }, /* protocols, Teredo, ORCHID */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
    { { 0x20, 0x02, 0x00, 0x00 }, 16 }, /* 6to4 */
    { { 0x3f, 0xff, 0x00, 0x00 }, 20 }, /* documentation */
};

static bool
is_in(const unsigned char *bytes, const struct range *ranges, size_t n)
{
    uint32_t at = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
                  (uint32_t)bytes[2] << 8 | bytes[3];
    for (size_t i = 0; i < n; i++) {
        const unsigned char *p = ranges[i].bytes;
        uint32_t first = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
                         (uint32_t)p[2] << 8 | p[3];
        if ((at ^ first) >> (32 - ranges[i].n_bits) == 0)
            return true;
    }
    return false;
}

bool
fetch_address_is_public(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        unsigned char bytes[4];
        memcpy(bytes, &in.sin_addr, sizeof bytes);
        return !is_in(bytes, closed_ipv4,
                      sizeof closed_ipv4 / sizeof closed_ipv4[0]);
    }
    if (address->sa_family != AF_INET6)
        return false;
    struct sockaddr_in6 in6;
    memcpy(&in6, address, sizeof in6);
    const unsigned char *bytes = in6.sin6_addr.s6_addr;
    return (bytes[0] & 0xe0) == 0x20 &&
           !is_in(bytes, closed_ipv6,
                  sizeof closed_ipv6 / sizeof closed_ipv6[0]);
}

/* A name that is an address, or always means one. */
static bool
is_closed_name(const char *host)
{
    struct str name = str_from(host);
    while (name.n > 0 && name.p[name.n - 1] == '.')
        name.n--;
    static const char local[] = ".localhost";
    size_t n = sizeof local - 1;
    if (str_eq_nocase(name, STR("localhost")) ||
        (name.n > n && str_same_nocase(name.p + name.n - n, local, n)))
        return true;
    unsigned char bytes[16];
    if (name.n > 2 && name.p[0] == '[')
        name = (struct str){ name.p + 1, name.n - 2 };
    if (address_to_bytes(name, bytes) < 0)
        return false;
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    bool is_ipv4 =
        memcmp(bytes, mapped, sizeof mapped) == 0 && str_find(name, ':') < 0;
    if (is_ipv4) {
        struct sockaddr_in in = { .sin_family = AF_INET };
        memcpy(&in.sin_addr, bytes + 12, 4);
        return !fetch_address_is_public((const struct sockaddr *)&in);
    }
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    memcpy(&in6.sin6_addr, bytes, sizeof bytes);
    return !fetch_address_is_public((const struct sockaddr *)&in6);
}

/* ---- URLs ---- */

bool
fetch_text_is_clean(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char byte = (unsigned char)text.p[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
            return false;
    }
    return true;
}

static bool
copy_part(const struct curl_api *curl, CURLU *parsed, CURLUPart part,
          unsigned flags, char *ret_text, size_t size)
{
    char *text = NULL;
    if (curl->url_get(parsed, part, &text, flags) != CURLUE_OK)
        return false;
    int n = snprintf(ret_text, size, "%s", text);
    curl->free(text);
    return n > 0 && (size_t)n < size;
}

static bool
has_part(const struct curl_api *curl, CURLU *parsed, CURLUPart part)
{
    char *text = NULL;
    CURLUcode code = curl->url_get(parsed, part, &text, 0);
    curl->free(text);
    return code == CURLUE_OK;
}

static bool
is_plain(const struct fetch_place *place)
{
    return str_is(str_from(place->scheme), "http");
}

static int
read_place(const struct fetch_rules *rules, const struct curl_api *curl,
           CURLU *parsed, struct fetch_place *ret_place, struct error *error)
{
    char port[8];
    if (!copy_part(curl, parsed, CURLUPART_SCHEME, 0, ret_place->scheme,
                   sizeof ret_place->scheme))
        return error_set(error, ERR_FORBIDDEN,
                         "the scheme of the URL is not https");
    if (!is_plain(ret_place) && !str_is(str_from(ret_place->scheme), "https"))
        return error_set(error, ERR_FORBIDDEN, "%s:// is not https://",
                         ret_place->scheme);
    if (!copy_part(curl, parsed, CURLUPART_HOST, 0, ret_place->host,
                   sizeof ret_place->host) ||
        !copy_part(curl, parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT, port,
                   sizeof port) ||
        !read_port(str_from(port), &ret_place->port))
        return error_set(error, ERR_INVALID, "the URL names no host or port");
    bool has_user = has_part(curl, parsed, CURLUPART_USER) ||
                    has_part(curl, parsed, CURLUPART_PASSWORD);
    if (has_user)
        return error_set(error, ERR_INVALID,
                         "the URL of %.200s holds a user name or password",
                         ret_place->host);
    ret_place->is_allowed_http =
        is_allowed_http(rules, ret_place->host, ret_place->port);
    return 0;
}

static int
check_place(const struct fetch_place *place, struct error *error)
{
    if (place->is_allowed_http)
        return 0;
    const char *why = NULL;
    if (is_plain(place))
        why = "plain http";
    else if (place->port != 443 && place->port != 80)
        why = "a port other than 443 and 80";
    else if (is_closed_name(place->host))
        why = "a private or local address";
    if (why == NULL)
        return 0;
    return error_set(error, ERR_FORBIDDEN,
                     "%.200s:%d is %s and is not in downloads.allow_http",
                     place->host, place->port, why);
}

static int
parse(const struct curl_api *curl, CURLU *parsed, struct str url,
      struct error *error)
{
    if (url.n == 0)
        return error_set(error, ERR_INVALID, "the URL is empty");
    if (url.n > FETCH_URL_BYTES_MAX)
        return error_set(error, ERR_INVALID, "the URL is longer than %d bytes",
                         FETCH_URL_BYTES_MAX);
    bool is_ascii = true;
    for (size_t i = 0; i < url.n; i++)
        is_ascii &= (unsigned char)url.p[i] < 0x80;
    if (!fetch_text_is_clean(url) || memchr(url.p, '\t', url.n) != NULL)
        return error_set(error, ERR_INVALID,
                         "the URL holds a control character");
    char *text = str_dup(url);
    if (text == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    CURLUcode code = curl->url_set(parsed, CURLUPART_URL, text,
                                   CURLU_NON_SUPPORT_SCHEME |
                                       (is_ascii ? 0U : CURLU_URLENCODE));
    free(text);
    if (code == CURLUE_OK)
        code = curl->url_set(parsed, CURLUPART_FRAGMENT, NULL, 0);
    if (code == CURLUE_OUT_OF_MEMORY)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    if (code != CURLUE_OK)
        return error_set(error, ERR_INVALID, "not a URL: %s",
                         curl->url_strerror(code));
    return 0;
}

int
fetch_rules_check(const struct fetch_rules *rules, const struct curl_api *curl,
                  CURLU *parsed, struct str url, struct fetch_place *ret_place,
                  struct error *error)
{
    if (parse(curl, parsed, url, error) < 0 ||
        read_place(rules, curl, parsed, ret_place, error) < 0)
        return -1;
    return check_place(ret_place, error);
}
