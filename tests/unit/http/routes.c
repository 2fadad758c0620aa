/* Paths against rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/routes.h"

static const struct route rows[] = {
    { "GET", "/", 0 },
    { "GET", "/api/profiles", 1 },
    { "POST", "/api/profiles", 2 },
    { "GET", "/api/profiles/next-port", 3 },
    { "GET", "/api/profiles/{id}", 4 },
    { "DELETE", "/api/profiles/{id}", 5 },
    { "POST", "/api/servers/{id}/stop", 6 },
    { "GET", "/upstream/{model}/{rest*}", 7 },
    { "GET", "/{a}/{b}/{c}/{d}", 8 },
};
enum { N_ROWS = sizeof rows / sizeof *rows };

struct row {
    const char *method;
    const char *path;
    int id;             /* -1: 404, -2: 405 */
    const char *params; /* joined by '|' */
};

static const struct row wanted[] = {
    { "GET", "/", 0, "" },
    { "HEAD", "/", 0, "" },
    { "GET", "/api/profiles", 1, "" },
    { "POST", "/api/profiles", 2, "" },
    { "PUT", "/api/profiles", -2, "" },
    { "PUT", "/api/servers/x/stop", -2, "" },
    { "HEAD", "/api/servers/x/stop", 8, "api|servers|x|stop" },
    { "GET", "/api/profiles/", -1, "" },
    { "GET", "/api/profiles/next-port", 3, "" },
    { "DELETE", "/api/profiles/next-port", -2, "" },
    { "GET", "/api/profiles/7", 4, "7" },
    { "DELETE", "/api/profiles/next%2Dport", 5, "next-port" },
    { "GET", "/api/profiles/a%2Fb%20c", 4, "a/b c" },
    { "GET", "/api/profiles/a+b", 4, "a+b" },
    { "GET", "/api/profiles/%C3%A4", 4, "\xc3\xa4" },
    { "GET", "/api/profiles/%00", -1, "" },
    { "GET", "/api/profiles/%4", -1, "" },
    { "GET", "/api/profiles/%zz", -1, "" },
    { "GET", "/api/profiles/..", -1, "" },
    { "GET", "/api/profiles/%2e%2E", -1, "" },
    { "GET", "/api/profiles/..%2fx", -1, "" },
    { "GET", "/api/profiles/...", 4, "..." },
    { "GET", "/API/profiles", -1, "" },
    { "GET", "/api%2fprofiles", -1, "" },
    { "GET", "//api/profiles", -1, "" },
    { "GET", "/api/profiles/7/x", 8, "api|profiles|7|x" },
    { "GET", "/api/profiles//x", -1, "" },
    { "POST", "/api/servers/m/stop", 6, "m" },
    { "POST", "/api/servers//stop", -1, "" },
    { "GET", "/upstream/m/v1/chat", 7, "m|v1/chat" },
    { "GET", "/upstream/o%2Fm/", 7, "o/m|" },
    { "GET", "/upstream/m", -1, "" },
    { "GET", "/upstream/m/a/../b", -1, "" },
    { "GET", "/upstream/m/a%2f..%2fb", -1, "" },
    { "GET", "", -1, "" },
    { "GET", "*", -1, "" },
};

static void
test_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct row *row = &wanted[i];
        struct arena arena;
        arena_init(&arena, 1 << 16);
        struct route_match match;
        assert_int_equal(routes_match(rows, N_ROWS, str_from(row->method),
                                      str_from(row->path), &arena, &match),
                         0);
        int id = match.route != NULL   ? (int)match.route->id
                 : match.is_path_known ? -2
                                       : -1;
        char params[128] = "";
        size_t n = 0;
        for (size_t p = 0; p < match.n_params; p++)
            n += (size_t)snprintf(params + n, sizeof params - n, "%s%.*s",
                                  p == 0 ? "" : "|", STR_ARG(match.params[p]));
        if (id != row->id || strcmp(params, row->params) != 0)
            fail_msg("%s %s: got %d %s, want %d %s", row->method, row->path, id,
                     params, row->id, row->params);
        arena_release(&arena);
    }
}

static void
test_no_memory(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1);
    struct route_match match;
    assert_int_equal(routes_match(rows, N_ROWS, STR("GET"),
                                  STR("/api/profiles/some-name"), &arena,
                                  &match),
                     -1);
    arena_release(&arena);
}

static void
test_allow(void **state)
{
    (void)state;
    char allow[64];
    assert_int_equal(
        routes_allow(rows, N_ROWS, STR("/api/profiles"), allow, sizeof allow),
        0);
    assert_string_equal(allow, "GET, HEAD, POST");
    assert_int_equal(routes_allow(rows, N_ROWS, STR("/api/profiles/next-port"),
                                  allow, sizeof allow),
                     0);
    assert_string_equal(allow, "GET, HEAD");
    assert_int_equal(routes_allow(rows, N_ROWS, STR("/api/servers/x/stop"),
                                  allow, sizeof allow),
                     0);
    assert_string_equal(allow, "POST, GET, HEAD");
    assert_int_equal(
        routes_allow(rows, N_ROWS, STR("/nope"), allow, sizeof allow), 0);
    assert_string_equal(allow, "");
    assert_int_equal(routes_allow(rows, N_ROWS, STR("/"), allow, 5), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
