/* Matching of paths against rows: see routes.h.
 *
 * The undecoded path is cut at its slashes and compared piece by piece, so
 * that `%2F` stays inside one segment. A parameter that decodes to a dot
 * segment matches nothing: whoever builds a path from it must not climb. */
#include "http/routes.h"

#include <stdio.h>

struct raw_match {
    struct str params[ROUTE_PARAMS_MAX];
    bool is_rest[ROUTE_PARAMS_MAX];
    size_t n_params;
};

/* True when the pattern's segment is `{name}`, or `{name*}`. */
static bool
is_param(struct str segment, bool *ret_is_rest)
{
    if (segment.n < 3 || segment.p[0] != '{')
        return false;
    *ret_is_rest = segment.p[segment.n - 2] == '*';
    return true;
}

static bool
match_raw(const char *pattern, struct str path, struct raw_match *ret_raw)
{
    struct str want = str_from(pattern);
    ret_raw->n_params = 0;
    while (want.p != NULL) {
        if (path.p == NULL)
            return false;
        struct str whole = path;
        struct str want_segment = str_split(&want, '/');
        struct str segment = str_split(&path, '/');
        bool is_rest = false;
        if (!is_param(want_segment, &is_rest)) {
            if (!str_eq(want_segment, segment))
                return false;
            continue;
        }
        if (ret_raw->n_params == ROUTE_PARAMS_MAX)
            return false;
        size_t at = ret_raw->n_params++;
        ret_raw->params[at] = is_rest ? whole : segment;
        ret_raw->is_rest[at] = is_rest;
        if (is_rest)
            return true;
        if (segment.n == 0)
            return false;
    }
    return path.p == NULL;
}

static bool
has_dot_segment(struct str path)
{
    while (path.p != NULL) {
        struct str segment = str_split(&path, '/');
        if (str_is(segment, ".") || str_is(segment, ".."))
            return true;
    }
    return false;
}

/* 1 when all parameters decode, 0 when one does not, -1 out of memory. */
static int
decode_params(const struct raw_match *raw, struct arena *arena,
              struct str *params)
{
    for (size_t i = 0; i < raw->n_params; i++) {
        char *buffer = arena_alloc(arena, raw->params[i].n + 1);
        if (buffer == NULL)
            return -1;
        ptrdiff_t n = http_percent_decode(raw->params[i], false, buffer,
                                          raw->params[i].n);
        if (n < 0)
            return 0;
        params[i] = (struct str){ buffer, (size_t)n };
        if (has_dot_segment(params[i]))
            return 0;
    }
    return 1;
}

static bool
method_matches(const struct route *route, struct str method)
{
    return str_is(method, route->method) ||
           (str_is(method, "HEAD") && strcmp(route->method, "GET") == 0);
}

/* A path that a row spells out whole is that row's alone: no other row takes
 * its last word for a parameter. */
static bool
is_spelt_out(const struct route *rows, size_t n, struct str path)
{
    for (size_t i = 0; i < n; i++)
        if (str_is(path, rows[i].pattern))
            return true;
    return false;
}

int
routes_match(const struct route *rows, size_t n, struct str method,
             struct str path, struct arena *arena,
             struct route_match *ret_match)
{
    *ret_match = (struct route_match){ .route = NULL };
    bool is_literal = is_spelt_out(rows, n, path);
    for (size_t i = 0; i < n; i++) {
        struct raw_match raw;
        if (!match_raw(rows[i].pattern, path, &raw) ||
            (is_literal && raw.n_params > 0))
            continue;
        struct str params[ROUTE_PARAMS_MAX];
        int decoded = decode_params(&raw, arena, params);
        if (decoded < 0)
            return -1;
        if (decoded == 0)
            continue;
        ret_match->is_path_known = true;
        if (!method_matches(&rows[i], method))
            continue;
        ret_match->route = &rows[i];
        ret_match->n_params = raw.n_params;
        memcpy(ret_match->params, params, raw.n_params * sizeof *params);
        return 0;
    }
    return 0;
}

/* Adds ", NAME" unless it is listed; -1 when it does not fit. */
static int
add_method(char *buffer, size_t size, const char *name)
{
    size_t n = strlen(buffer);
    struct str listed = { buffer, n };
    while (listed.p != NULL && n > 0)
        if (str_is(str_trim(str_split(&listed, ',')), name))
            return 0;
    int added =
        snprintf(buffer + n, size - n, "%s%s", n == 0 ? "" : ", ", name);
    if (added >= 0 && (size_t)added < size - n)
        return 0;
    buffer[n] = '\0';
    return -1;
}

int
routes_allow(const struct route *rows, size_t n, struct str path, char *buffer,
             size_t size)
{
    if (size == 0)
        return -1;
    buffer[0] = '\0';
    bool is_literal = is_spelt_out(rows, n, path);
    for (size_t i = 0; i < n; i++) {
        struct raw_match raw;
        if (!match_raw(rows[i].pattern, path, &raw) ||
            (is_literal && raw.n_params > 0))
            continue;
        if (add_method(buffer, size, rows[i].method) != 0)
            return -1;
        if (strcmp(rows[i].method, "GET") == 0 &&
            add_method(buffer, size, "HEAD") != 0)
            return -1;
    }
    return 0;
}
