/* "METHOD PATH" against rows: what matches is decoded and cannot climb. */
#include "fuzz.h"

#include <stdlib.h>

#include "http/routes.h"

static const struct route rows[] = {
    { "GET", "/", 0 },
    { "GET", "/a/{id}", 1 },
    { "POST", "/a/{id}/b", 2 },
    { "DELETE", "/a/{id}", 3 },
    { "GET", "/a/b/{x}/{y}/{z}", 4 },
    { "GET", "/u/{model}/{rest*}", 5 },
};

enum { N_ROWS = sizeof rows / sizeof *rows };

static void
check_param(struct str param, bool is_rest)
{
    if (memchr(param.p, '\0', param.n) != NULL || (param.n == 0 && !is_rest))
        abort();
    while (param.p != NULL) {
        struct str segment = str_split(&param, '/');
        if (str_is(segment, ".") || str_is(segment, ".."))
            abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str path = { (const char *)data, n };
    struct str method = str_split(&path, ' ');
    if (path.p == NULL)
        return 0;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct route_match match;
    if (routes_match(rows, N_ROWS, method, path, &arena, &match) == 0 &&
        match.route != NULL) {
        if (!match.is_path_known)
            abort();
        for (size_t i = 0; i < match.n_params; i++)
            check_param(match.params[i],
                        match.route->id == 5 && i == match.n_params - 1);
    }
    char allow[64];
    if (routes_allow(rows, N_ROWS, path, allow, sizeof allow) == 0 &&
        match.is_path_known && allow[0] == '\0')
        abort();
    char value[32];
    ptrdiff_t got = http_query_get(path, "k", value, sizeof value);
    if (got > (ptrdiff_t)sizeof value || got < -1)
        abort();
    arena_release(&arena);
    return 0;
}
