/* Heads and redirects of servers: whatever they say, what may be asked next
 * is https on 443 or 80, and every header lies in what came. */
#include <stdlib.h>

#include "fuzz.h"
#include "io/fetch_internal.h"

static void
must(bool is_so)
{
    if (!is_so)
        abort();
}

/* True when the redirect is followed. */
static bool
follow(struct fetch_heads *heads, const struct fetch_rules *rules, CURLU *url,
       const struct curl_api *curl)
{
    struct str location;
    struct fetch_place place;
    struct error error;
    if (fetch_heads_location(heads, &location, &error) < 0 ||
        fetch_rules_check(rules, curl, url, location, &place, &error) < 0)
        return false;
    must(str_is(str_from(place.scheme), "https"));
    must(place.port == 443 || place.port == 80);
    must(!place.is_allowed_http && place.host[0] != '\0');
    char *text = NULL;
    must(curl->url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK);
    must(fetch_text_is_clean(str_from(text)));
    must(str_starts_with(str_from(text), STR("https://")));
    curl->free(text);
    fetch_heads_next_hop(heads);
    return true;
}

static void
look(struct fetch_heads *heads)
{
    struct error error;
    size_t n_bytes = 0;
    if (fetch_heads_finish(heads, STR("https://a/"), &error) < 0)
        return;
    for (size_t i = 0; i < heads->head.n_headers; i++) {
        const struct fetch_header *header = &heads->head.headers[i];
        n_bytes += header->name.n + header->value.n;
        must(header->hop <= heads->head.n_hops && header->name.n > 0);
        must(str_find(header->name, '\n') < 0);
    }
    must(n_bytes <= FETCH_HEAD_BYTES_MAX);
    must(heads->head.content_length >= -1);
    fetch_header_get(&heads->head, "etag");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct fetch_heads heads;
    struct fetch_rules *rules;
    struct fetch_place place;
    struct error error;
    struct curl_api api;
    const struct curl_api *curl = &api;
    must(curl_api_load(&api, &error) == 0);
    CURLU *url = curl->url();
    must(url != NULL && fetch_rules_new(NULL, 0, &rules, &error) == 0);
    must(fetch_rules_check(rules, curl, url, STR("https://example.com/a/b?c"),
                           &place, &error) == 0);
    fetch_heads_init(&heads);
    struct str rest = { (const char *)data, n };
    while (rest.n > 0) {
        ptrdiff_t end = str_find(rest, '\n');
        struct str line = { rest.p, end < 0 ? rest.n : (size_t)end + 1 };
        rest.p += line.n;
        rest.n -= line.n;
        if (fetch_heads_add(&heads, line, &error) < 0)
            break;
        if (!heads.is_whole)
            continue;
        bool is_redirect = heads.status >= 300 && heads.status < 400;
        if (!is_redirect || !follow(&heads, rules, url, curl)) {
            look(&heads);
            break;
        }
    }
    fetch_heads_release(&heads);
    fetch_rules_unref(rules);
    curl->url_cleanup(url);
    return 0;
}
