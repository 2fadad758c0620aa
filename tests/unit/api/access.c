/* Who may do what: every route for every kind of caller, against a table of
 * what each may; then keys, sessions and links. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/handlers.h"
#include "world.h"

enum caller {
    UNIX_SOCKET,
    ADMIN_KEY,
    INFERENCE_KEY,
    READ_KEY,
    SESSION,
    WRONG_KEY,
    REVOKED_KEY,
    NONE_ON_LOOPBACK,
    NONE_BEYOND,
    FOREIGN_HOST,
    FOREIGN_ORIGIN,
    FOREIGN_SITE,
    ADMIN_BEYOND,
    SESSION_BEYOND,
    FOREIGN_ORIGIN_ADMIN,
    CALLERS
};

static const char *const caller_names[CALLERS] = {
    "unix socket",      "admin key",        "inference key",
    "read key",         "session",          "wrong key",
    "revoked key",      "none on loopback", "none beyond",
    "foreign host",     "foreign origin",   "foreign site",
    "admin key beyond", "session beyond",   "foreign origin with an admin key"
};

/* What each gets, by what the route needs: 0 is "let in". */
static const int verdicts[CALLERS][AUTHORITY_EXECUTE + 1] = {
    /*                   none read inference models control execute */
    [UNIX_SOCKET] = { 0, 0, 0, 0, 0, 0 },
    [ADMIN_KEY] = { 0, 0, 0, 0, 0, 0 },
    [INFERENCE_KEY] = { 0, 403, 0, 0, 403, 403 },
    [READ_KEY] = { 0, 0, 403, 0, 403, 403 },
    [SESSION] = { 0, 0, 0, 0, 0, 0 },
    [WRONG_KEY] = { 401, 401, 401, 401, 401, 401 },
    [REVOKED_KEY] = { 401, 401, 401, 401, 401, 401 },
    [NONE_ON_LOOPBACK] = { 0, 0, 0, 0, 0, 403 },
    [NONE_BEYOND] = { 0, 401, 401, 401, 401, 401 },
    [FOREIGN_HOST] = { 403, 403, 403, 403, 403, 403 },
    [FOREIGN_ORIGIN] = { 403, 403, 403, 403, 403, 403 },
    [FOREIGN_SITE] = { 403, 403, 403, 403, 403, 403 },
    [ADMIN_BEYOND] = { 0, 0, 0, 0, 0, 0 },
    [SESSION_BEYOND] = { 0, 0, 0, 0, 0, 0 },
    [FOREIGN_ORIGIN_ADMIN] = { 403, 403, 403, 403, 403, 403 },
};

struct actors {
    struct world *world;
    char headers[CALLERS][512];
};

static struct actors actors;

/* The text after `"key":"` in an answer. */
static void
copy_text(const struct answer *answer, const char *key, char *out, size_t size)
{
    char pattern[64];
    snprintf(pattern, sizeof pattern, "\"%s\":\"", key);
    const char *at = strstr(strbuf_text(&answer->body), pattern);
    assert_non_null(at);
    at += strlen(pattern);
    snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

static void
make_key(struct world *world, const char *scope, char *secret, char *id)
{
    struct answer answer;
    char body[100];
    snprintf(body, sizeof body, "{\"name\":\"%s\",\"scope\":\"%s\"}", scope,
             scope);
    struct question question = {
        .method = "POST", .target = "/api/keys", .body = body, .is_unix = true
    };
    ask(world, &question, &answer);
    assert_int_equal(answer.status, 201);
    copy_text(&answer, "secret", secret, 100);
    copy_text(&answer, "id", id, 100);
    answer_release(&answer);
}

static void
use_key(enum caller caller, const char *secret)
{
    snprintf(actors.headers[caller], sizeof actors.headers[caller],
             "Authorization: Bearer %s\r\n", secret);
}

static void
open_session(struct world *world, const char *key, char *cookie, size_t size)
{
    struct answer answer;
    char body[200];
    snprintf(body, sizeof body, "{\"key\":\"%s\"}", key);
    struct question question = { .method = "POST",
                                 .target = "/api/session",
                                 .body = body };
    ask(world, &question, &answer);
    assert_int_equal(answer.status, 200);
    const char *line = answer_header(&answer, "set-cookie");
    assert_non_null(strstr(line, "; HttpOnly"));
    assert_non_null(strstr(line, "; SameSite=Strict"));
    assert_non_null(strstr(line, "; Path=/"));
    assert_null(strstr(line, "Secure"));
    snprintf(cookie, size, "%.*s", (int)strcspn(line, ";"), line);
    answer_release(&answer);
}

static int
open_world(void **state)
{
    struct world *world = world_new(NULL);
    char secret[100], id[100], cookie[200];
    actors.world = world;
    make_key(world, "inference", secret, id);
    use_key(INFERENCE_KEY, secret);
    make_key(world, "read", secret, id);
    use_key(READ_KEY, secret);
    make_key(world, "admin", secret, id);
    use_key(REVOKED_KEY, secret);
    char target[160];
    snprintf(target, sizeof target, "/api/keys/%s", id);
    struct question revoke = { .method = "DELETE",
                               .target = target,
                               .is_unix = true };
    struct answer answer;
    ask(world, &revoke, &answer);
    assert_int_equal(answer.status, 204);
    answer_release(&answer);
    make_key(world, "admin", secret, id);
    use_key(ADMIN_KEY, secret);
    snprintf(actors.headers[FOREIGN_ORIGIN_ADMIN], 512,
             "%.400sOrigin: http://evil.example\r\n",
             actors.headers[ADMIN_KEY]);
    snprintf(actors.headers[ADMIN_BEYOND], 512,
             "X-Forwarded-For: 203.0.113.9\r\n%.400s",
             actors.headers[ADMIN_KEY]);
    use_key(WRONG_KEY, "hk_0123456789012345678901234567890123456789012");
    open_session(world, secret, cookie, sizeof cookie);
    snprintf(actors.headers[SESSION], 512, "Cookie: a=b; %s\r\n", cookie);
    snprintf(actors.headers[SESSION_BEYOND], 512,
             "X-Forwarded-For: 203.0.113.9\r\nCookie: %s\r\n", cookie);
    snprintf(actors.headers[NONE_BEYOND], 512,
             "X-Forwarded-For: 203.0.113.9\r\n");
    snprintf(actors.headers[FOREIGN_ORIGIN], 512,
             "Origin: http://evil.example\r\n");
    snprintf(actors.headers[FOREIGN_SITE], 512,
             "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n");
    *state = &actors;
    return 0;
}

static int
close_world(void **state)
{
    world_free(actors.world);
    return 0;
}

static void
check(enum caller caller, const char *method, const char *target,
      enum authority needs)
{
    struct answer answer;
    struct question question = {
        .method = method,
        .target = target,
        .headers =
            actors.headers[caller][0] == '\0' ? NULL : actors.headers[caller],
        .host = caller == FOREIGN_HOST ? "evil.example" : NULL,
        .is_unix = caller == UNIX_SOCKET,
    };
    ask(actors.world, &question, &answer);
    int verdict = verdicts[caller][needs];
    bool is_let_in = answer.status != 401 && answer.status != 403;
    if (verdict == 0 ? !is_let_in : answer.status != verdict)
        fail_msg("%s %s as %s: %d, not %d: %.200s", method, target,
                 caller_names[caller], answer.status, verdict,
                 strbuf_text(&answer.body));
    if (answer.status == 401)
        assert_non_null(
            strstr(answer_header(&answer, "www-authenticate"), "Bearer"));
    assert_null(strstr(strbuf_text(&answer.body), "hk_"));
    answer_release(&answer);
}

/* Every row, asked with a query that no row knows: who is let in gets 422
 * and changes nothing. */
static void
test_every_row_for_every_caller(void **state)
{
    for (size_t i = 0; i < n_api_rows; i++) {
        char target[256];
        struct str rest = str_from(api_rows[i].pattern);
        struct str before = str_split(&rest, '{');
        bool has_id = rest.p != NULL;
        if (has_id)
            str_split(&rest, '}');
        snprintf(target, sizeof target, "%.*s%s%.*s?nonsense=1",
                 STR_ARG(before), has_id ? "nobody" : "", (int)rest.n,
                 rest.p == NULL ? "" : rest.p);
        for (int caller = 0; caller < CALLERS; caller++)
            check((enum caller)caller, api_rows[i].method, target,
                  api_rows[i].needs);
    }
}

static void
test_paths_of_the_gateway(void **state)
{
    static const struct {
        const char *method, *target;
        enum authority needs;
    } rows[] = {
        { "POST", "/v1/chat/completions", AUTHORITY_INFERENCE },
        { "POST", "/v1/messages", AUTHORITY_INFERENCE },
        { "GET", "/v1/models", AUTHORITY_MODELS },
        { "GET", "/v1/models/some", AUTHORITY_MODELS },
        { "GET", "/models", AUTHORITY_MODELS },
        { "POST", "/models/load", AUTHORITY_CONTROL },
        { "GET", "/metrics?model=x", AUTHORITY_READ },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int caller = 0; caller < CALLERS; caller++)
            check((enum caller)caller, rows[i].method, rows[i].target,
                  rows[i].needs);
}

static void
test_refusals_speak_the_dialect(void **state)
{
    static const struct {
        const char *target, *part;
    } rows[] = {
        { "/api/profiles", "{\"success\":false,\"error\":{\"code\":"
                           "\"unauthorized\"" },
        { "/v1/chat/completions", "\"type\":\"authentication_error\"" },
        { "/v1/messages", "{\"type\":\"error\",\"error\":{\"type\":"
                          "\"authentication_error\"" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answer answer;
        struct question question = { .method = "POST",
                                     .target = rows[i].target,
                                     .headers = actors.headers[WRONG_KEY] };
        ask(actors.world, &question, &answer);
        if (strstr(strbuf_text(&answer.body), rows[i].part) == NULL)
            fail_msg("%s: %s", rows[i].target, strbuf_text(&answer.body));
        answer_release(&answer);
    }
}

/* The unknown paths under /api tell nothing to who may not read. */
static void
test_unknown_paths_need_authority(void **state)
{
    struct answer answer;
    struct question question = { .method = "GET",
                                 .target = "/api/nothing",
                                 .headers = actors.headers[NONE_BEYOND] };
    ask(actors.world, &question, &answer);
    assert_int_equal(answer.status, 401);
    answer_release(&answer);
    question.headers = actors.headers[READ_KEY];
    ask(actors.world, &question, &answer);
    assert_int_equal(answer.status, 404);
    answer_release(&answer);
}

static void
test_link_is_good_once(void **state)
{
    struct answer answer;
    char url[300], body[300];
    struct question make = { .method = "POST",
                             .target = "/api/session/link",
                             .is_unix = true };
    ask(actors.world, &make, &answer);
    assert_int_equal(answer.status, 201);
    copy_text(&answer, "url", url, sizeof url);
    answer_release(&answer);
    char start[64];
    snprintf(start, sizeof start,
             "http://127.0.0.1:%d/?link=", world_port(actors.world));
    assert_int_equal(strncmp(url, start, strlen(start)), 0);
    snprintf(body, sizeof body, "{\"link\":\"%s\"}", url + strlen(start));
    struct question use = { .method = "POST",
                            .target = "/api/session",
                            .body = body };
    ask(actors.world, &use, &answer);
    assert_int_equal(answer.status, 200);
    char cookie[300];
    const char *line = answer_header(&answer, "set-cookie");
    snprintf(cookie, sizeof cookie,
             "X-Forwarded-For: 203.0.113.9\r\nCookie: %.*s\r\n",
             (int)strcspn(line, ";"), line);
    answer_release(&answer);
    ask(actors.world, &use, &answer);
    assert_int_equal(answer.status, 401);
    assert_null(strstr(strbuf_text(&answer.body), url + strlen(start)));
    answer_release(&answer);
    struct question who = { .method = "GET",
                            .target = "/api/session",
                            .headers = cookie };
    ask(actors.world, &who, &answer);
    assert_non_null(strstr(strbuf_text(&answer.body), "\"who\":\"session\""));
    answer_release(&answer);
    struct question end = { .method = "DELETE",
                            .target = "/api/session",
                            .headers = cookie };
    ask(actors.world, &end, &answer);
    assert_int_equal(answer.status, 204);
    assert_non_null(strstr(answer_header(&answer, "set-cookie"), "Max-Age=0"));
    answer_release(&answer);
    struct question read = { .method = "GET",
                             .target = "/api/profiles",
                             .headers = cookie };
    ask(actors.world, &read, &answer);
    assert_int_equal(answer.status, 401);
    answer_release(&answer);
}

/* A session of a scoped key would be more than the key: refused. */
static void
test_session_needs_an_admin_key(void **state)
{
    char secret[100] = "", body[200];
    sscanf(actors.headers[READ_KEY], "Authorization: Bearer %99s", secret);
    snprintf(body, sizeof body, "{\"key\":\"%s\"}", secret);
    struct answer answer;
    struct question question = { .method = "POST",
                                 .target = "/api/session",
                                 .body = body };
    ask(actors.world, &question, &answer);
    assert_true(answer.status == 401 || answer.status == 403);
    assert_string_equal(answer_header(&answer, "set-cookie"), "");
    answer_release(&answer);
    question.body = "{\"key\":\"a\",\"link\":\"b\"}";
    ask(actors.world, &question, &answer);
    assert_int_equal(answer.status, 422);
    answer_release(&answer);
}

static void
test_cookie_is_secure_behind_https(void **state)
{
    char secret[100] = "", body[200];
    sscanf(actors.headers[ADMIN_KEY], "Authorization: Bearer %99s", secret);
    snprintf(body, sizeof body, "{\"key\":\"%s\"}", secret);
    struct answer answer;
    struct question question = { .method = "POST",
                                 .target = "/api/session",
                                 .body = body,
                                 .headers = "X-Forwarded-Proto: https\r\n"
                                            "X-Forwarded-For: 203.0.113.9"
                                            "\r\n" };
    ask(actors.world, &question, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer_header(&answer, "set-cookie"), "; Secure"));
    answer_release(&answer);
}

static void
test_secrets_are_shown_once(void **state)
{
    struct answer answer;
    struct question question = { .method = "GET",
                                 .target = "/api/keys",
                                 .is_unix = true };
    ask(actors.world, &question, &answer);
    const char *text = strbuf_text(&answer.body);
    assert_int_equal(answer.status, 200);
    assert_null(strstr(text, "hk_"));
    assert_null(strstr(text, "digest"));
    assert_non_null(strstr(text, "\"revoked_at_ms\":null"));
    assert_non_null(strstr(text, "\"scope\":\"inference\""));
    answer_release(&answer);
}

static void
test_cors(void **state)
{
    static const char *const environment[] = {
        "HEARTH_CORS_ORIGINS=https://app.example", NULL
    };
    struct world *world = world_new(environment);
    struct answer answer;
    struct question preflight = {
        .method = "OPTIONS",
        .target = "/v1/chat/completions",
        .headers = "Origin: https://app.example\r\n"
                   "Access-Control-Request-Method: POST\r\n"
                   "Access-Control-Request-Headers: authorization, "
                   "x-stainless-lang\r\n",
    };
    ask(world, &preflight, &answer);
    assert_int_equal(answer.status, 204);
    assert_string_equal(answer_header(&answer, "access-control-allow-origin"),
                        "https://app.example");
    assert_string_equal(answer_header(&answer, "access-control-allow-headers"),
                        "authorization, x-stainless-lang");
    assert_non_null(
        strstr(answer_header(&answer, "access-control-allow-methods"), "POST"));
    answer_release(&answer);
    struct question read = { .method = "GET",
                             .target = "/api/profiles",
                             .headers = "Origin: https://app.example\r\n" };
    ask(world, &read, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_header(&answer, "access-control-allow-origin"),
                        "https://app.example");
    answer_release(&answer);
    read.target = "/api/profiles/nobody";
    ask(world, &read, &answer);
    assert_int_equal(answer.status, 404);
    assert_string_equal(answer_header(&answer, "access-control-allow-origin"),
                        "https://app.example");
    answer_release(&answer);
    preflight.headers = "Origin: https://evil.example\r\n"
                        "Access-Control-Request-Method: POST\r\n";
    ask(world, &preflight, &answer);
    assert_int_equal(answer.status, 403);
    assert_string_equal(answer_header(&answer, "access-control-allow-origin"),
                        "");
    answer_release(&answer);
    world_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_for_every_caller),
        cmocka_unit_test(test_paths_of_the_gateway),
        cmocka_unit_test(test_refusals_speak_the_dialect),
        cmocka_unit_test(test_unknown_paths_need_authority),
        cmocka_unit_test(test_link_is_good_once),
        cmocka_unit_test(test_session_needs_an_admin_key),
        cmocka_unit_test(test_cookie_is_secure_behind_https),
        cmocka_unit_test(test_secrets_are_shown_once),
        cmocka_unit_test(test_cors),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
