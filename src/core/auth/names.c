/* Names: which Host is us, which Origin is let in.
 *
 * A page of a foreign site can make a browser send requests here, and by DNS
 * rebinding can even make its own name lead here. Such a request carries the
 * foreign name as Host, or the foreign origin as Origin. So a name is ours
 * only if it is listed; an address in numbers is never rebound. */
#include <stdlib.h>

#include "base/limits.h"
#include "core/auth/auth_internal.h"

/* A Host header or the authority of an origin: RFC 3986 section 3.2 without
 * user information. The host keeps its brackets. */
struct authority_parts {
    struct str host;
    struct str port; /* "" when there is none */
};

static bool
is_host_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
}

static bool
is_name(struct str host)
{
    for (size_t i = 0; i < host.n; i++)
        if (!is_host_byte(host.p[i]))
            return false;
    return host.n > 0;
}

static bool
is_ipv6_literal(struct str host)
{
    if (host.n < 4 || host.p[0] != '[' || host.p[host.n - 1] != ']')
        return false;
    for (size_t i = 1; i + 1 < host.n; i++)
        if (strchr("0123456789abcdefABCDEF:.", host.p[i]) == NULL ||
            host.p[i] == '\0')
            return false;
    return true;
}

/* Numbers and dots; a name's last label is never a number. */
static bool
is_ipv4_literal(struct str host)
{
    int n_parts = 0;
    while (host.p != NULL) {
        uint64_t part;
        if (str_to_u64(str_split(&host, '.'), &part) < 0 || part > 255)
            return false;
        n_parts++;
    }
    return n_parts == 4;
}

static bool
split_authority(struct str text, struct authority_parts *ret_parts)
{
    size_t host_n = text.n;
    if (text.p == NULL)
        return false;
    if (str_starts_with(text, STR("["))) {
        ptrdiff_t end = str_find(text, ']');
        if (end < 0)
            return false;
        host_n = (size_t)end + 1;
    } else {
        ptrdiff_t colon = str_find(text, ':');
        if (colon >= 0)
            host_n = (size_t)colon;
    }
    ret_parts->host = (struct str){ text.p, host_n };
    ret_parts->port = (struct str){ text.p + host_n, text.n - host_n };
    if (!is_name(ret_parts->host) && !is_ipv6_literal(ret_parts->host))
        return false;
    if (ret_parts->port.n == 0)
        return true;
    uint64_t port;
    if (ret_parts->port.p[0] != ':')
        return false;
    ret_parts->port.p++;
    ret_parts->port.n--;
    return str_to_u64(ret_parts->port, &port) == 0 && port <= 65535;
}

/* "https://host:port" without path. The scheme's own port is dropped. */
static bool
split_origin(struct str origin, struct str *ret_scheme,
             struct authority_parts *ret_parts)
{
    static const struct {
        struct str scheme;
        struct str mark;
        struct str port;
    } rows[] = {
        { { "http", 4 }, { "http://", 7 }, { "80", 2 } },
        { { "https", 5 }, { "https://", 8 }, { "443", 3 } },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str start = { origin.p, rows[i].mark.n };
        if (origin.n <= start.n || !str_eq_nocase(start, rows[i].mark))
            continue;
        struct str rest = { origin.p + start.n, origin.n - start.n };
        if (!split_authority(rest, ret_parts))
            return false;
        if (str_eq(ret_parts->port, rows[i].port))
            ret_parts->port = STR("");
        *ret_scheme = rows[i].scheme;
        return true;
    }
    return false;
}

static bool
origins_equal(struct str a, struct str b)
{
    struct str scheme_a;
    struct str scheme_b;
    struct authority_parts parts_a;
    struct authority_parts parts_b;
    return split_origin(a, &scheme_a, &parts_a) &&
           split_origin(b, &scheme_b, &parts_b) && str_eq(scheme_a, scheme_b) &&
           str_eq_nocase(parts_a.host, parts_b.host) &&
           str_eq(parts_a.port, parts_b.port);
}

/* The scheme is not known here: behind a proxy it may be https. So Host is
 * read as if it were of the origin's scheme. */
bool
origin_is_own(struct str origin, struct str host_header)
{
    struct str scheme;
    struct authority_parts parts;
    struct authority_parts host;
    if (!split_origin(origin, &scheme, &parts) ||
        !split_authority(host_header, &host))
        return false;
    struct str own = str_is(scheme, "http") ? STR("80") : STR("443");
    if (str_eq(host.port, own))
        host.port = STR("");
    return str_eq_nocase(parts.host, host.host) &&
           str_eq(parts.port, host.port);
}

bool
names_has_origin(const struct auth_names *names, struct str origin)
{
    for (size_t i = 0; i < names->n_origins; i++)
        if (origins_equal(str_from(names->origins[i]), origin))
            return true;
    return false;
}

/* The listed one may be without the brackets that a URL needs. */
static bool
is_host(struct str listed, struct str host)
{
    if (str_eq_nocase(listed, host))
        return true;
    if (!is_ipv6_literal(host))
        return false;
    struct str inside = { host.p + 1, host.n - 2 };
    return str_eq_nocase(listed, inside);
}

static bool
are_among(char *const *texts, size_t n, char *const *all, size_t n_all)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < n_all && strcmp(texts[i], all[k]) != 0)
            k++;
        if (k == n_all)
            return false;
    }
    return true;
}

bool
names_are_among(const struct auth_names *names, const struct auth_names *all)
{
    return are_among(names->hosts, names->n_hosts, all->hosts, all->n_hosts) &&
           are_among(names->origins, names->n_origins, all->origins,
                     all->n_origins);
}

bool
names_has_host(const struct auth_names *names, struct str host_header)
{
    static const char *const always[] = { "localhost", "127.0.0.1", "[::1]" };
    struct authority_parts parts;
    if (!split_authority(host_header, &parts))
        return false;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (str_eq_nocase(str_from(always[i]), parts.host))
            return true;
    for (size_t i = 0; i < names->n_hosts; i++)
        if (is_host(str_from(names->hosts[i]), parts.host))
            return true;
    if (names->is_wildcard)
        return is_ipv4_literal(parts.host) || is_ipv6_literal(parts.host);
    return names->bound_host != NULL &&
           is_host(str_from(names->bound_host), parts.host);
}

/* ---- the lists ---- */

static void
free_texts(char **texts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    free(texts);
}

void
names_release(struct auth_names *names)
{
    free_texts(names->hosts, names->n_hosts);
    free_texts(names->origins, names->n_origins);
    free(names->bound_host);
    *names = (struct auth_names){ 0 };
}

/* An entry may carry a port, which says nothing: any port is ours. */
static bool
read_host(struct str entry, struct str *ret_host)
{
    struct authority_parts parts;
    if (split_authority(entry, &parts)) {
        *ret_host = parts.host;
        return true;
    }
    *ret_host = entry; /* an IPv6 address without brackets? */
    for (size_t i = 0; i < entry.n; i++)
        if (strchr("0123456789abcdefABCDEF:.", entry.p[i]) == NULL)
            return false;
    return entry.n > 0;
}

static int
add_hosts(struct auth_names *names, const struct auth_options *options,
          struct error *error)
{
    names->hosts = calloc(options->n_allowed_hosts + 1, sizeof *names->hosts);
    if (names->hosts == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < options->n_allowed_hosts; i++) {
        struct str host;
        if (!read_host(str_from(options->allowed_hosts[i]), &host))
            return error_field(error, "allowed_hosts",
                               "'%.100s' is no host name or address",
                               options->allowed_hosts[i]);
        names->hosts[i] = str_dup(host);
        if (names->hosts[i] == NULL)
            return error_set(error, ERR_NO_MEMORY, "out of memory");
        names->n_hosts++;
    }
    return 0;
}

static int
add_origins(struct auth_names *names, const struct auth_options *options,
            struct error *error)
{
    names->origins =
        calloc(options->n_cors_origins + 1, sizeof *names->origins);
    if (names->origins == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < options->n_cors_origins; i++) {
        struct str origin = str_from(options->cors_origins[i]);
        struct str scheme;
        struct authority_parts parts;
        if (str_ends_with(origin, STR("/")))
            origin.n--;
        if (!split_origin(origin, &scheme, &parts))
            return error_field(error, "cors_origins",
                               "'%.100s': expected an origin such as "
                               "https://example.org:8443",
                               options->cors_origins[i]);
        names->origins[i] = str_dup(origin);
        if (names->origins[i] == NULL)
            return error_set(error, ERR_NO_MEMORY, "out of memory");
        names->n_origins++;
    }
    return 0;
}

int
names_init(struct auth_names *names, const struct auth_options *options,
           struct error *error)
{
    *names = (struct auth_names){ 0 };
    struct str bound = str_from(options->bound_host);
    names->is_wildcard = str_is(bound, "0.0.0.0") || str_is(bound, "::") ||
                         str_is(bound, "[::]");
    if (add_hosts(names, options, error) < 0 ||
        add_origins(names, options, error) < 0)
        goto fail;
    if (bound.n > 0 && (names->bound_host = str_dup(bound)) == NULL) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        goto fail;
    }
    return 0;
fail:
    names_release(names);
    return -1;
}
