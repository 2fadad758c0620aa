/* Header fields on their way: see headers.h. */
#include "gateway/headers.h"

#include <stdio.h>

void
headers_add(struct header_list *list, struct str name, struct str value)
{
    if (list->n < HEADERS_MAX)
        list->at[list->n++] = (struct http_header){ name, value };
}

void
headers_add_cors(struct header_list *list, const char *allow_origin)
{
    if (allow_origin == NULL || allow_origin[0] == '\0')
        return;
    headers_add(list, STR("Access-Control-Allow-Origin"),
                str_from(allow_origin));
    headers_add(list, STR("Vary"), STR("Origin"));
}

static bool
is_among(struct str name, const struct str *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(name, names[i]))
            return true;
    return false;
}

void
headers_for_engine(struct http_headers request, const struct lease *lease,
                   bool is_upgrade, struct header_list *ret_list)
{
    /* Accept-Encoding: a compressed stream would be held back. */
    static const struct str ours[] = {
        { "host", 4 },
        { "content-length", 14 },
        { "authorization", 13 },
        { "x-api-key", 9 },
        { "cookie", 6 },
        { "expect", 6 },
        { "origin", 6 },
        { "accept-encoding", 15 },
        { "x-hearth-progress", 17 },
    };
    ret_list->n = 0;
    for (size_t i = 0; i < request.n; i++) {
        struct str name = request.at[i].name;
        bool is_kept_upgrade =
            is_upgrade && str_eq_nocase(name, STR("upgrade"));
        if (is_among(name, ours, sizeof ours / sizeof *ours) ||
            (http_header_is_hop_by_hop(request, name) && !is_kept_upgrade))
            continue;
        headers_add(ret_list, name, request.at[i].value);
    }
    if (lease->api_key[0] == '\0')
        return;
    int n = snprintf(ret_list->authorization, sizeof ret_list->authorization,
                     "Bearer %s", lease->api_key);
    headers_add(ret_list, STR("Authorization"),
                (struct str){ ret_list->authorization, (size_t)n });
}

bool
headers_say_events(struct http_headers response)
{
    struct str rest = http_headers_get(response, "content-type");
    struct str type = str_trim(str_split(&rest, ';'));
    return str_eq_nocase(type, STR("text/event-stream"));
}

static bool
is_cors(struct str name)
{
    struct str prefix = STR("access-control-");
    return name.n > prefix.n &&
           str_eq_nocase((struct str){ name.p, prefix.n }, prefix);
}

void
headers_for_client(struct http_headers response, const char *allow_origin,
                   bool is_upgrade, struct header_list *ret_list)
{
    /* The first two are the server's; the others speak for the whole
     * origin, and that is ours: an engine could replace a session. */
    static const struct str ours[] = {
        { "content-length", 14 },
        { "date", 4 },
        { "set-cookie", 10 },
        { "clear-site-data", 15 },
        { "alt-svc", 7 },
        { "strict-transport-security", 25 },
        { "service-worker-allowed", 22 },
    };
    ret_list->n = 0;
    for (size_t i = 0; i < response.n; i++) {
        struct str name = response.at[i].name;
        bool is_kept_upgrade =
            is_upgrade && str_eq_nocase(name, STR("upgrade"));
        if (is_among(name, ours, sizeof ours / sizeof *ours) || is_cors(name) ||
            (http_header_is_hop_by_hop(response, name) && !is_kept_upgrade))
            continue;
        headers_add(ret_list, name, response.at[i].value);
    }
    headers_add_cors(ret_list, allow_origin);
    if (!headers_say_events(response))
        return;
    if (http_headers_get(response, "cache-control").p == NULL)
        headers_add(ret_list, STR("Cache-Control"), STR("no-cache"));
    if (http_headers_get(response, "x-accel-buffering").p == NULL)
        headers_add(ret_list, STR("X-Accel-Buffering"), STR("no"));
}
