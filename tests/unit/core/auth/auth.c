/* Who may do what: the whole table, and each of its borders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "core/auth/auth.h"
#include "store/store.h"

enum { OWNER = 1000 };

struct fixture {
    struct loop loop;
    struct events events;
    struct subscription on_end; /* of somebody's access */
    int n_ends;
    struct store *store;
    char dir[256];
    struct auth *auth;
    struct auth_options options;
    int64_t now_ms;
    char admin[KEY_SECRET_BYTES];
    char inference[KEY_SECRET_BYTES];
    char read[KEY_SECRET_BYTES];
    char revoked[KEY_SECRET_BYTES];
    char admin_id[ID_BYTES];
    char revoked_id[ID_BYTES];
    char session[KEY_SECRET_BYTES];
};

static int64_t
fake_now(void *ctx)
{
    return ((struct fixture *)ctx)->now_ms;
}

/* ---- keys ---- */

struct made {
    int n_calls;
    bool has_failed;
    struct error error;
    struct api_key key;
    char secret[KEY_SECRET_BYTES];
};

static void
on_made(void *ctx, const struct api_key *key, const char *secret,
        const struct error *error)
{
    struct made *made = ctx;
    made->n_calls++;
    made->has_failed = error != NULL;
    if (error != NULL) {
        made->error = *error;
        return;
    }
    made->key = *key;
    snprintf(made->secret, sizeof made->secret, "%s",
             secret == NULL ? "" : secret);
}

static struct made
make_key(struct fixture *fixture, const char *name, enum key_scope scope)
{
    struct made made = { 0 };
    struct error error;
    if (auth_key_create(fixture->auth, str_from(name), scope, on_made, &made,
                        &error) < 0)
        fail_msg("%s", error.message);
    assert_int_equal(made.n_calls, 0);
    store_wait(fixture->store, NULL);
    assert_int_equal(made.n_calls, 1);
    assert_false(made.has_failed);
    return made;
}

static void
revoke_key(struct fixture *fixture, const char *id)
{
    struct made made = { 0 };
    assert_int_equal(
        auth_key_revoke(fixture->auth, str_from(id), on_made, &made, NULL), 0);
    store_wait(fixture->store, NULL);
    assert_int_equal(made.n_calls, 1);
    assert_false(made.has_failed);
    assert_string_equal(made.secret, "");
    assert_true(made.key.revoked_at_ms > 0);
}

/* ---- the fixture ---- */

static void
open_auth(struct fixture *fixture)
{
    struct error error;
    if (auth_new(&fixture->options, &fixture->auth, &error) < 0)
        fail_msg("%s", error.message);
}

static int
setup_without_keys(void **state)
{
    static const char *const hosts[] = { "hearth.example", "fd00::7" };
    static const char *const origins[] = { "https://ui.example",
                                           "http://localhost:5173/" };
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error error;
    assert_non_null(fixture);
    snprintf(fixture->dir, sizeof fixture->dir, "/tmp/hearth-auth-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    assert_int_equal(loop_init(&fixture->loop, &error), 0);
    assert_int_equal(store_open(&fixture->loop, fixture->dir, "test",
                                &fixture->store, &error),
                     0);
    events_init(&fixture->events);
    fixture->now_ms = 1000000;
    fixture->options = (struct auth_options){
        .loop = &fixture->loop,
        .events = &fixture->events,
        .store = fixture->store,
        .allowed_hosts = hosts,
        .n_allowed_hosts = 2,
        .cors_origins = origins,
        .n_cors_origins = 2,
        .is_loopback_bound = true,
        .owner_uid = OWNER,
        .bound_host = "192.0.2.4",
        .now_ms = fake_now,
        .now_ctx = fixture,
    };
    open_auth(fixture);
    *state = fixture;
    return 0;
}

static int
setup(void **state)
{
    setup_without_keys(state);
    struct fixture *fixture = *state;
    struct made made = make_key(fixture, "admin", KEY_SCOPE_ADMIN);
    memcpy(fixture->admin, made.secret, sizeof fixture->admin);
    memcpy(fixture->admin_id, made.key.id, sizeof fixture->admin_id);
    made = make_key(fixture, "inference", KEY_SCOPE_INFERENCE);
    memcpy(fixture->inference, made.secret, sizeof fixture->inference);
    made = make_key(fixture, "read", KEY_SCOPE_READ);
    memcpy(fixture->read, made.secret, sizeof fixture->read);
    made = make_key(fixture, "revoked", KEY_SCOPE_ADMIN);
    memcpy(fixture->revoked, made.secret, sizeof fixture->revoked);
    memcpy(fixture->revoked_id, made.key.id, sizeof fixture->revoked_id);
    revoke_key(fixture, made.key.id);
    char link[KEY_SECRET_BYTES];
    assert_int_equal(auth_link_create(fixture->auth, link, NULL), 0);
    assert_int_equal(auth_session_create(fixture->auth, str_from(link),
                                         fixture->session, NULL),
                     0);
    return 0;
}

static int
teardown(void **state)
{
    static const char *const names[] = { "hearth.db", "hearth.db-wal",
                                         "hearth.db-shm", "hearth.lock" };
    struct fixture *fixture = *state;
    char path[512];
    store_close(fixture->store);
    auth_free(fixture->auth);
    loop_close(&fixture->loop);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", fixture->dir, names[i]);
        unlink(path);
    }
    rmdir(fixture->dir);
    free(fixture);
    return 0;
}

static const struct address near = { .host = "127.0.0.1", .port = 50000 };
static const struct address far = { .host = "192.0.2.77", .port = 50000 };

/* A request from here that presents nothing. */
static struct auth_request
request_from(const struct address *client, enum authority needs)
{
    return (struct auth_request){
        .peer_uid = -1,
        .client = client,
        .host = STR("localhost:7117"),
        .is_safe_method = needs < AUTHORITY_CONTROL,
        .needs = needs,
    };
}

/* The HTTP status: 200 or that of the error. */
static int
decide(struct fixture *fixture, const struct auth_request *request,
       struct auth_answer *ret_answer)
{
    struct error error = { 0 };
    if (auth_decide(fixture->auth, request, ret_answer, &error) == 0)
        return 200;
    assert_true(error.message[0] != '\0');
    assert_null(strstr(error.message, "hk_"));
    assert_null(strstr(error.message, "hs_"));
    return error_http_status(error.code);
}

/* ---- the table ---- */

enum way {
    UNIX_OWNER,
    UNIX_ROOT,
    UNIX_OTHER,
    ADMIN_KEY,
    INFERENCE_KEY,
    READ_KEY,
    SESSION,
    WRONG_KEY,
    REVOKED_KEY,
    NONE_NEAR,
    NONE_FAR,
    FOREIGN_HOST,
    FOREIGN_ORIGIN,
    ADMIN_KEY_NEAR,
    READ_KEY_NEAR,
    READ_KEY_UNIX,
    SESSION_NEAR,
    WRONG_SESSION,
    WRONG_SESSION_NEAR,
    WRONG_KEY_UNIX,
    FOREIGN_ORIGIN_AND_KEY,
    FOREIGN_HOST_AND_SESSION,
    LISTED_ORIGIN_AND_KEY,
    WAYS
};

struct row {
    const char *name;
    const struct address *client; /* NULL: unix */
    int64_t uid;
    const char *host;
    const char *origin;
    char key;     /* a, i, r, w, x (revoked), 0 */
    char session; /* s, w, 0 */
    enum auth_who who;
    int status[AUTHORITY_EXECUTE + 1];
};

#define ALL_OK                       \
    {                                \
        200, 200, 200, 200, 200, 200 \
    }
#define ALL_FORBIDDEN                \
    {                                \
        403, 403, 403, 403, 403, 403 \
    }
#define ALL_UNKNOWN                  \
    {                                \
        401, 401, 401, 401, 401, 401 \
    }
#define HERE "localhost:7117"
#define EVIL "https://evil.example"

/* statuses:  none, read, inference, models, control, execute */
static const struct row rows[WAYS] = {
    [UNIX_OWNER] = { "unix", NULL, OWNER, "", "", 0, 0, WHO_UNIX, ALL_OK },
    [UNIX_ROOT] = { "unix, root", NULL, 0, "", "", 0, 0, WHO_UNIX, ALL_OK },
    [UNIX_OTHER] = { "unix, another user", NULL, 1001, "", "", 0, 0, WHO_NOBODY,
                     ALL_FORBIDDEN },
    [ADMIN_KEY] = { "admin key", &far, 0, HERE, "", 'a', 0, WHO_KEY, ALL_OK },
    [INFERENCE_KEY] = { "inference key",
                        &far,
                        0,
                        HERE,
                        "",
                        'i',
                        0,
                        WHO_KEY,
                        { 200, 403, 200, 200, 403, 403 } },
    [READ_KEY] = { "read key",
                   &far,
                   0,
                   HERE,
                   "",
                   'r',
                   0,
                   WHO_KEY,
                   { 200, 200, 403, 200, 403, 403 } },
    [SESSION] = { "session", &far, 0, HERE, "", 0, 's', WHO_SESSION, ALL_OK },
    [WRONG_KEY] = { "wrong key", &near, 0, HERE, "", 'w', 0, WHO_NOBODY,
                    ALL_UNKNOWN },
    [REVOKED_KEY] = { "revoked key", &near, 0, HERE, "", 'x', 0, WHO_NOBODY,
                      ALL_UNKNOWN },
    [NONE_NEAR] = { "none on loopback",
                    &near,
                    0,
                    HERE,
                    "",
                    0,
                    0,
                    WHO_LOOPBACK,
                    { 200, 200, 200, 200, 200, 403 } },
    [NONE_FAR] = { "none beyond",
                   &far,
                   0,
                   HERE,
                   "",
                   0,
                   0,
                   WHO_NOBODY,
                   { 200, 401, 401, 401, 401, 401 } },
    [FOREIGN_HOST] = { "foreign Host", &near, 0, "evil.example:7117", "", 0, 0,
                       WHO_NOBODY, ALL_FORBIDDEN },
    [FOREIGN_ORIGIN] = { "foreign Origin", &near, 0, HERE, EVIL, 0, 0,
                         WHO_NOBODY, ALL_FORBIDDEN },
    [ADMIN_KEY_NEAR] = { "admin key, near", &near, 0, HERE, "", 'a', 0, WHO_KEY,
                         ALL_OK },
    [READ_KEY_NEAR] = { "a key narrows loopback",
                        &near,
                        0,
                        HERE,
                        "",
                        'r',
                        0,
                        WHO_KEY,
                        { 200, 200, 403, 200, 403, 403 } },
    [READ_KEY_UNIX] = { "a key narrows the socket",
                        NULL,
                        OWNER,
                        "",
                        "",
                        'r',
                        0,
                        WHO_KEY,
                        { 200, 200, 403, 200, 403, 403 } },
    [SESSION_NEAR] = { "session, near", &near, 0, HERE, "http://localhost:7117",
                       0, 's', WHO_SESSION, ALL_OK },
    [WRONG_SESSION] = { "wrong session, far",
                        &far,
                        0,
                        HERE,
                        "",
                        0,
                        'w',
                        WHO_NOBODY,
                        { 200, 401, 401, 401, 401, 401 } },
    [WRONG_SESSION_NEAR] = { "wrong session, near",
                             &near,
                             0,
                             HERE,
                             "",
                             0,
                             'w',
                             WHO_LOOPBACK,
                             { 200, 200, 200, 200, 200, 403 } },
    [WRONG_KEY_UNIX] = { "wrong key, unix", NULL, OWNER, "", "", 'w', 0,
                         WHO_NOBODY, ALL_UNKNOWN },
    [FOREIGN_ORIGIN_AND_KEY] = { "foreign Origin, admin key", &near, 0, HERE,
                                 EVIL, 'a', 0, WHO_NOBODY, ALL_FORBIDDEN },
    [FOREIGN_HOST_AND_SESSION] = { "foreign Host, session", &near, 0,
                                   "evil.example", "", 0, 's', WHO_NOBODY,
                                   ALL_FORBIDDEN },
    [LISTED_ORIGIN_AND_KEY] = { "listed Origin, read key",
                                &far,
                                0,
                                HERE,
                                "https://ui.example",
                                'r',
                                0,
                                WHO_KEY,
                                { 200, 200, 403, 200, 403, 403 } },
};

static const char *
key_of(struct fixture *fixture, char which)
{
    switch (which) {
    case 'a': return fixture->admin;
    case 'i': return fixture->inference;
    case 'r': return fixture->read;
    case 'x': return fixture->revoked;
    case 'w': return "hk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    default: return NULL;
    }
}

/* The ways to present a key: the answer must not depend on it. */
enum carrier { BEARER, BASIC, X_API_KEY, BOTH, CARRIERS };

struct headers {
    char authorization[256];
    char x_api_key[256];
    char cookie[256];
};

static void
present(struct auth_request *request, struct headers *headers,
        enum carrier carrier, const char *key)
{
    char pair[256];
    headers->authorization[0] = '\0';
    headers->x_api_key[0] = '\0';
    if (carrier == BEARER || carrier == BOTH)
        snprintf(headers->authorization, sizeof headers->authorization,
                 "Bearer %s", key);
    if (carrier == X_API_KEY || carrier == BOTH)
        snprintf(headers->x_api_key, sizeof headers->x_api_key, "%s", key);
    if (carrier == BASIC) {
        snprintf(pair, sizeof pair, "anybody:%s", key);
        memcpy(headers->authorization, "basic ", 7);
        sodium_bin2base64(headers->authorization + 6,
                          sizeof headers->authorization - 6,
                          (const unsigned char *)pair, strlen(pair),
                          sodium_base64_VARIANT_ORIGINAL);
    }
    request->authorization = str_from(headers->authorization);
    request->x_api_key = str_from(headers->x_api_key);
}

static void
test_table(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < WAYS; i++) {
        for (int needs = 0; needs <= AUTHORITY_EXECUTE; needs++) {
            for (int carrier = 0; carrier < CARRIERS; carrier++) {
                const struct row *row = &rows[i];
                struct auth_request request =
                    request_from(row->client, (enum authority)needs);
                struct headers headers = { "", "", "" };
                struct auth_answer answer;
                const char *key = key_of(fixture, row->key);
                request.is_unix = row->client == NULL;
                request.peer_uid = row->client == NULL ? row->uid : -1;
                request.host = str_from(row->host);
                request.origin = str_from(row->origin);
                if (row->session != 0)
                    snprintf(headers.cookie, sizeof headers.cookie,
                             "a=b; hearth_session=%s; c=d",
                             row->session == 's' ? fixture->session
                                                 : "hs_wrong");
                request.cookie = str_from(headers.cookie);
                if (key != NULL)
                    present(&request, &headers, (enum carrier)carrier, key);
                int status = decide(fixture, &request, &answer);
                if (status != row->status[needs])
                    fail_msg("%s, authority %d, carrier %d: %d, expected %d",
                             row->name, needs, carrier, status,
                             row->status[needs]);
                if (answer.who != row->who)
                    fail_msg("%s: who is %d, expected %d", row->name,
                             answer.who, row->who);
                if (status == 200)
                    assert_int_equal(answer.may_execute,
                                     row->status[AUTHORITY_EXECUTE] == 200);
            }
        }
    }
}

/* Bound beyond loopback, nobody is served without a key, near or far. */
static void
test_beyond_loopback_everybody_needs_a_key(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.is_loopback_bound = false;
    assert_int_equal(auth_configure(fixture->auth, &fixture->options, NULL), 0);
    for (int needs = 0; needs <= AUTHORITY_EXECUTE; needs++) {
        struct auth_answer answer;
        struct headers headers;
        struct auth_request request =
            request_from(&near, (enum authority)needs);
        assert_int_equal(decide(fixture, &request, &answer),
                         needs == AUTHORITY_NONE ? 200 : 401);
        present(&request, &headers, BEARER, fixture->admin);
        assert_int_equal(decide(fixture, &request, &answer), 200);
    }
}

/* ---- Host ---- */

static void
test_hosts(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *host;
        bool is_ours;
    } hosts[] = {
        { "localhost", true },
        { "localhost:1", true },
        { "LocalHost:7117", true },
        { "127.0.0.1", true },
        { "127.0.0.1:65535", true },
        { "[::1]", true },
        { "[::1]:7117", true },
        { "192.0.2.4:7117", true },
        { "hearth.example", true },
        { "HEARTH.example:443", true },
        { "[fd00::7]:7117", true },
        { "", false },
        { ":7117", false },
        { "evil.example", false },
        { "localhost.evil.example", false },
        { "localhost:7117.evil.example", false },
        { "evil.example:localhost", false },
        { "hearth.example.", false },
        { "sub.hearth.example", false },
        { "localhost:", false },
        { "localhost:99999", false },
        { "localhost:+1", false },
        { "user@localhost", false },
        { "localhost/", false },
        { "localhost evil", false },
        { "[::1", false },
        { "[::1]x", false },
        { "::1", false },
        { "192.0.2.5", false },
        { "[::2]", false },
        { "[fd00::8]", false },
    };
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct auth_answer answer;
        struct auth_request request = request_from(&near, AUTHORITY_READ);
        request.host = str_from(hosts[i].host);
        int status = decide(fixture, &request, &answer);
        if (status != (hosts[i].is_ours ? 200 : 403))
            fail_msg("host '%s': %d", hosts[i].host, status);
    }
}

/* Whoever listens on all addresses is known by any of them, never by an
 * unlisted name. */
static void
test_bound_to_all_addresses(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *host;
        bool is_ours;
    } hosts[] = {
        { "192.0.2.200:7117", true }, { "[2001:db8::1]", true },
        { "evil.example", false },    { "1.2.3.4.evil.example", false },
        { "1.2.3", false },           { "1.2.3.256", false },
        { "1.2.3.4.", false },        { "hearth.example", true },
    };
    static const char *const bound[] = { "0.0.0.0", "::" };
    for (size_t b = 0; b < 2; b++) {
        fixture->options.bound_host = bound[b];
        assert_int_equal(auth_configure(fixture->auth, &fixture->options, NULL),
                         0);
        for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
            struct auth_answer answer;
            struct auth_request request = request_from(&near, AUTHORITY_READ);
            request.host = str_from(hosts[i].host);
            int status = decide(fixture, &request, &answer);
            if (status != (hosts[i].is_ours ? 200 : 403))
                fail_msg("host '%s': %d", hosts[i].host, status);
        }
    }
}

/* ---- Origin and Sec-Fetch-* ---- */

static void
test_origins(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *host;
        const char *origin;
        int status;
        const char *allow;
    } origins[] = {
        { "localhost:7117", "http://localhost:7117", 200, "" },
        { "localhost:7117", "HTTP://LOCALHOST:7117", 200, "" },
        { "localhost", "http://localhost", 200, "" },
        { "localhost:80", "http://localhost", 200, "" },
        { "localhost", "http://localhost:80", 200, "" },
        { "hearth.example", "https://hearth.example", 200, "" },
        { "hearth.example", "https://hearth.example:443", 200, "" },
        { "[::1]:7117", "http://[::1]:7117", 200, "" },
        { "localhost:7117", "https://ui.example", 200, "https://ui.example" },
        { "localhost:7117", "https://ui.example:443", 200,
          "https://ui.example:443" },
        { "localhost:7117", "http://localhost:5173", 200,
          "http://localhost:5173" },
        { "localhost:7117", "null", 403, "" },
        { "localhost:7117", "NULL", 403, "" },
        { "localhost:7117", "http://ui.example", 403, "" },
        { "localhost:7117", "https://ui.example:8443", 403, "" },
        { "localhost:7117", "https://ui.example.evil.example", 403, "" },
        { "localhost:7117", "https://evil.example", 403, "" },
        { "localhost:7117", "http://localhost:7118", 403, "" },
        { "localhost:7117", "http://localhost", 403, "" },
        { "localhost:7117", "http://127.0.0.1:7117", 403, "" },
        { "localhost:7117", "https://localhost", 403, "" },
        { "localhost:443", "http://localhost", 403, "" },
        { "localhost:7117", "http://localhost:7117/", 403, "" },
        { "localhost:7117", "http://localhost:7117@evil.example", 403, "" },
        { "localhost:7117", "file://", 403, "" },
        { "localhost:7117", "chrome-extension://localhost:7117", 403, "" },
        { "localhost:7117", "localhost:7117", 403, "" },
        { "localhost:7117", "http://", 403, "" },
    };
    for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
        struct auth_answer answer;
        struct auth_request request = request_from(&near, AUTHORITY_CONTROL);
        request.host = str_from(origins[i].host);
        request.origin = str_from(origins[i].origin);
        request.sec_fetch_site = STR("cross-site");
        int status = decide(fixture, &request, &answer);
        if (status != origins[i].status)
            fail_msg("origin '%s' at '%s': %d", origins[i].origin,
                     origins[i].host, status);
        assert_string_equal(answer.allow_origin, origins[i].allow);
    }
}

/* A page of a listed origin must be able to read why it was refused. */
static void
test_listed_origin_is_answered_when_refused(void **state)
{
    struct fixture *fixture = *state;
    struct auth_answer answer;
    struct auth_request request = request_from(&far, AUTHORITY_READ);
    request.origin = STR("https://ui.example");
    assert_int_equal(decide(fixture, &request, &answer), 401);
    assert_string_equal(answer.allow_origin, "https://ui.example");
}

static void
test_fetch_metadata(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *site;
        const char *mode;
        bool is_safe;
        enum authority needs;
        int status;
    } cases[] = {
        { "", "", false, AUTHORITY_CONTROL, 200 },
        { "same-origin", "cors", false, AUTHORITY_CONTROL, 200 },
        { "none", "navigate", true, AUTHORITY_NONE, 200 },
        { "cross-site", "no-cors", true, AUTHORITY_READ, 403 },
        { "cross-site", "cors", false, AUTHORITY_CONTROL, 403 },
        { "same-site", "no-cors", true, AUTHORITY_READ, 403 },
        { "same-site", "navigate", true, AUTHORITY_MODELS, 200 },
        { "cross-site", "navigate", true, AUTHORITY_NONE, 200 },
        { "cross-site", "navigate", true, AUTHORITY_MODELS, 200 },
        { "cross-site", "navigate", true, AUTHORITY_READ, 200 },
        { "cross-site", "navigate", true, AUTHORITY_INFERENCE, 403 },
        { "cross-site", "navigate", true, AUTHORITY_CONTROL, 403 },
        { "cross-site", "navigate", false, AUTHORITY_NONE, 403 },
        { "cross-site", "navigate", false, AUTHORITY_CONTROL, 403 },
        { "nonsense", "navigate", false, AUTHORITY_NONE, 403 },
        { "nonsense", "cors", true, AUTHORITY_NONE, 403 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct auth_answer answer;
        struct auth_request request = request_from(&near, cases[i].needs);
        request.sec_fetch_site = str_from(cases[i].site);
        request.sec_fetch_mode = str_from(cases[i].mode);
        request.is_safe_method = cases[i].is_safe;
        int status = decide(fixture, &request, &answer);
        if (status != cases[i].status)
            fail_msg("case %zu: %d, expected %d", i, status, cases[i].status);
    }
}

/* ---- keys in headers ---- */

static int
decide_with(struct fixture *fixture, const char *authorization,
            const char *x_api_key, char ret_message[ERROR_MESSAGE_MAX])
{
    struct auth_answer answer;
    struct error error = { 0 };
    struct auth_request request = request_from(&near, AUTHORITY_READ);
    request.authorization = str_from(authorization);
    request.x_api_key = str_from(x_api_key);
    int status = 200;
    if (auth_decide(fixture->auth, &request, &answer, &error) < 0)
        status = error_http_status(error.code);
    memcpy(ret_message, error.message, ERROR_MESSAGE_MAX);
    return status;
}

static void
test_every_wrong_key_has_the_same_answer(void **state)
{
    struct fixture *fixture = *state;
    char long_key[600] = "Bearer hk_";
    char revoked[128];
    char admin[128];
    char cut[128];
    char spaced[160];
    memset(long_key + 10, 'a', 500);
    snprintf(revoked, sizeof revoked, "Bearer %s", fixture->revoked);
    snprintf(admin, sizeof admin, "Bearer %s", fixture->admin);
    snprintf(cut, sizeof cut, "Bearer %.20s", fixture->admin);
    snprintf(spaced, sizeof spaced, "Bearer %s x", fixture->admin);
    const struct {
        const char *authorization;
        const char *x_api_key;
    } cases[] = {
        { "Bearer hk_wrong", "" },
        { "Bearer sk-none", "" },
        { long_key, "" },
        { revoked, "" },
        { cut, "" },
        { spaced, "" },
        { "", "hk_wrong" },
        { "", fixture->revoked },
        { "Basic !!!", "" },
        { "Basic bm9jb2xvbg==", "" },     /* no colon */
        { "Basic dXNlcjp3cm9uZw==", "" }, /* user:wrong */
        { "Negotiate abc", "" },
        { "hk_wrong", "" },
        { admin, fixture->inference },
        { admin, "other" },
        { "Bearer other", fixture->admin },
    };
    char first[ERROR_MESSAGE_MAX];
    assert_int_equal(decide_with(fixture, "Bearer hk_", "", first), 401);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[ERROR_MESSAGE_MAX];
        int status = decide_with(fixture, cases[i].authorization,
                                 cases[i].x_api_key, message);
        if (status != 401)
            fail_msg("case %zu: %d", i, status);
        assert_string_equal(message, first);
    }
}

static void
test_ways_to_present_a_key(void **state)
{
    struct fixture *fixture = *state;
    char message[ERROR_MESSAGE_MAX];
    char text[160];
    static const char *const forms[] = { "Bearer %s", "bearer %s",
                                         "BEARER   %s  ", "  Bearer %s" };
    for (size_t i = 0; i < 4; i++) {
        const char *gap = strchr(forms[i], '%');
        snprintf(text, sizeof text, "%.*s%s%s", (int)(gap - forms[i]), forms[i],
                 fixture->admin, gap + 2);
        assert_int_equal(decide_with(fixture, text, "", message), 200);
    }
    assert_int_equal(decide_with(fixture, "", fixture->admin, message), 200);
    /* empty ones are none: what is left is loopback */
    assert_int_equal(decide_with(fixture, "Bearer ", "", message), 200);
    assert_int_equal(decide_with(fixture, "Bearer", "", message), 200);
    assert_int_equal(decide_with(fixture, "Basic dXNlcjo=", "", message), 200);
    snprintf(text, sizeof text, "Bearer %s", fixture->admin);
    assert_int_equal(decide_with(fixture, text, " ", message), 200);
}

/* Client libraries send "sk-none" or so when nobody made a key. */
static void
test_without_any_key_a_foreign_text_is_none(void **state)
{
    struct fixture *fixture = *state;
    char message[ERROR_MESSAGE_MAX];
    assert_int_equal(decide_with(fixture, "Bearer sk-none", "", message), 200);
    assert_int_equal(decide_with(fixture, "", "anything", message), 200);
    assert_int_equal(decide_with(fixture, "Bearer hk_guess", "", message), 401);
    struct auth_answer answer;
    struct auth_request request = request_from(&far, AUTHORITY_READ);
    request.authorization = STR("Bearer sk-none");
    assert_int_equal(decide(fixture, &request, &answer), 401);
    struct made made = make_key(fixture, "first", KEY_SCOPE_READ);
    assert_int_equal(decide_with(fixture, "Bearer sk-none", "", message), 401);
    revoke_key(fixture, made.key.id);
    assert_int_equal(decide_with(fixture, "Bearer sk-none", "", message), 401);
}

/* ---- the life of keys ---- */

static void
test_key_is_kept_as_digest_only(void **state)
{
    struct fixture *fixture = *state;
    struct made made = make_key(fixture, "laptop \xc3\xa9", KEY_SCOPE_READ);
    assert_int_equal(strlen(made.secret), 46);
    assert_memory_equal(made.secret, "hk_", 3);
    assert_memory_equal(made.key.id, "key_", 4);
    assert_string_equal(made.key.name, "laptop \xc3\xa9");
    assert_true(made.key.created_at_ms > 0);
    store_close(fixture->store);
    fixture->store = NULL;
    char path[512];
    snprintf(path, sizeof path, "%s/hearth.db", fixture->dir);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    static char bytes[1 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(n > 4096 && n < sizeof bytes);
    struct str all = { bytes, n };
    assert_true(str_contains(all, str_from(made.key.id)));
    assert_false(str_contains(all, str_from(made.secret)));
    assert_false(str_contains(all, str_from(made.secret + 3)));
}

static void
test_keys_survive_a_restart(void **state)
{
    struct fixture *fixture = *state;
    char message[ERROR_MESSAGE_MAX];
    char text[128];
    assert_true(auth_has_admin_key(fixture->auth));
    assert_int_equal(auth_key_count(fixture->auth), 4);
    auth_free(fixture->auth);
    open_auth(fixture);
    assert_int_equal(auth_key_count(fixture->auth), 4);
    assert_true(auth_has_admin_key(fixture->auth));
    assert_null(auth_key_at(fixture->auth, 4));
    snprintf(text, sizeof text, "Bearer %s", fixture->admin);
    assert_int_equal(decide_with(fixture, text, "", message), 200);
    snprintf(text, sizeof text, "Bearer %s", fixture->revoked);
    assert_int_equal(decide_with(fixture, text, "", message), 401);
    revoke_key(fixture, fixture->admin_id);
    assert_false(auth_has_admin_key(fixture->auth));
    auth_free(fixture->auth);
    open_auth(fixture);
    assert_false(auth_has_admin_key(fixture->auth));
}

static void
test_names_of_keys_are_checked(void **state)
{
    struct fixture *fixture = *state;
    static char long_name[129];
    memset(long_name, 'n', 128);
    static const char *const names[] = { "", "a\nb", "\xff", long_name,
                                         "del\x7f" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct made made = { 0 };
        struct error error;
        assert_int_equal(auth_key_create(fixture->auth, str_from(names[i]),
                                         KEY_SCOPE_READ, on_made, &made,
                                         &error),
                         -1);
        assert_int_equal(error.code, ERR_INVALID);
        assert_string_equal(error.field, "name");
        store_wait(fixture->store, NULL);
        assert_int_equal(made.n_calls, 0);
    }
    struct error error;
    assert_int_equal(
        auth_key_revoke(fixture->auth, STR("key_none"), NULL, NULL, &error),
        -1);
    assert_int_equal(error.code, ERR_NOT_FOUND);
    revoke_key(fixture, fixture->revoked_id);
}

static void
test_key_is_in_force_only_once_stored(void **state)
{
    struct fixture *fixture = *state;
    struct made made = { 0 };
    assert_int_equal(auth_key_create(fixture->auth, STR("new"), KEY_SCOPE_ADMIN,
                                     on_made, &made, NULL),
                     0);
    assert_int_equal(auth_key_count(fixture->auth), 4);
    store_wait(fixture->store, NULL);
    assert_int_equal(auth_key_count(fixture->auth), 5);
}

static void
test_auth_may_go_before_its_changes(void **state)
{
    struct fixture *fixture = *state;
    struct made made = { 0 };
    struct made revoked = { 0 };
    auth_key_create(fixture->auth, STR("new"), KEY_SCOPE_ADMIN, on_made, &made,
                    NULL);
    auth_key_revoke(fixture->auth, str_from(fixture->admin_id), on_made,
                    &revoked, NULL);
    auth_free(fixture->auth);
    fixture->auth = NULL;
    store_wait(fixture->store, NULL);
    assert_int_equal(made.n_calls, 1);
    assert_int_equal(revoked.n_calls, 1);
    open_auth(fixture);
    assert_int_equal(auth_key_count(fixture->auth), 5);
}

static void
test_generated_keys_differ(void **state)
{
    struct api_key a;
    struct api_key b;
    char secret_a[KEY_SECRET_BYTES];
    char secret_b[KEY_SECRET_BYTES];
    assert_int_equal(
        auth_key_generate(STR("n"), KEY_SCOPE_ADMIN, &a, secret_a, NULL), 0);
    assert_int_equal(
        auth_key_generate(STR("n"), KEY_SCOPE_ADMIN, &b, secret_b, NULL), 0);
    assert_string_not_equal(secret_a, secret_b);
    assert_string_not_equal(a.id, b.id);
    assert_memory_not_equal(a.digest, b.digest, KEY_DIGEST_BYTES);
}

/* ---- sessions and links ---- */

static int
trade(struct fixture *fixture, const char *secret,
      char ret_session[KEY_SECRET_BYTES])
{
    struct error error;
    if (auth_session_create(fixture->auth, str_from(secret), ret_session,
                            &error) == 0)
        return 200;
    return error_http_status(error.code);
}

static bool
is_session(struct fixture *fixture, const char *session)
{
    char cookie[128];
    struct auth_answer answer;
    struct auth_request request = request_from(&far, AUTHORITY_EXECUTE);
    snprintf(cookie, sizeof cookie, "hearth_session=%s", session);
    request.cookie = str_from(cookie);
    return decide(fixture, &request, &answer) == 200 &&
           answer.who == WHO_SESSION;
}

static void
test_link_is_good_once(void **state)
{
    struct fixture *fixture = *state;
    char link[KEY_SECRET_BYTES];
    char session[KEY_SECRET_BYTES];
    auth_link_create(fixture->auth, link, NULL);
    assert_int_equal(trade(fixture, link, session), 200);
    assert_true(is_session(fixture, session));
    assert_int_equal(trade(fixture, link, session), 401);
    assert_int_equal(trade(fixture, "", session), 401);
    assert_int_equal(trade(fixture, "hl_wrong", session), 401);
    assert_int_equal(trade(fixture, fixture->session, session), 401);
}

static void
test_link_ends_after_ten_minutes(void **state)
{
    struct fixture *fixture = *state;
    char link[KEY_SECRET_BYTES];
    char session[KEY_SECRET_BYTES];
    auth_link_create(fixture->auth, link, NULL);
    fixture->now_ms += 600000;
    assert_int_equal(trade(fixture, link, session), 401);
    auth_link_create(fixture->auth, link, NULL);
    fixture->now_ms += 599999;
    assert_int_equal(trade(fixture, link, session), 200);
}

static void
test_links_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    char links[17][KEY_SECRET_BYTES];
    char session[KEY_SECRET_BYTES];
    for (int i = 0; i < 17; i++) {
        fixture->now_ms++;
        auth_link_create(fixture->auth, links[i], NULL);
    }
    assert_int_equal(trade(fixture, links[0], session), 401);
    for (int i = 1; i < 17; i++)
        assert_int_equal(trade(fixture, links[i], session), 200);
}

static void
test_keys_open_sessions(void **state)
{
    struct fixture *fixture = *state;
    char session[KEY_SECRET_BYTES];
    assert_int_equal(trade(fixture, fixture->inference, session), 403);
    assert_int_equal(trade(fixture, fixture->read, session), 403);
    assert_int_equal(trade(fixture, fixture->revoked, session), 401);
    assert_int_equal(trade(fixture, fixture->admin, session), 200);
    assert_true(is_session(fixture, session));
    /* the session ends with the key, the one of the link does not */
    revoke_key(fixture, fixture->admin_id);
    assert_false(is_session(fixture, session));
    assert_true(is_session(fixture, fixture->session));
}

static void
test_session_ends_when_idle(void **state)
{
    struct fixture *fixture = *state;
    const int64_t month_ms = INT64_C(30) * 24 * 3600 * 1000;
    fixture->now_ms += month_ms - 1;
    assert_true(is_session(fixture, fixture->session));
    fixture->now_ms += month_ms - 1;
    assert_true(is_session(fixture, fixture->session));
    fixture->now_ms += month_ms;
    assert_false(is_session(fixture, fixture->session));
}

static void
on_end(struct subscription *subscription, const struct event *event)
{
    (void)event;
    LIST_ENTRY(subscription, struct fixture, on_end)->n_ends++;
}

static void
watch_ends(struct fixture *fixture)
{
    events_subscribe(&fixture->events, &fixture->on_end,
                     EVENT_BIT(ACCESS_ENDED), on_end);
}

static void
test_session_is_ended(void **state)
{
    struct fixture *fixture = *state;
    char cookie[256];
    snprintf(cookie, sizeof cookie,
             "x=1; hearth_session=hs_no; "
             "hearth_session=%s",
             fixture->session);
    assert_true(is_session(fixture, fixture->session));
    watch_ends(fixture);
    auth_session_end(fixture->auth, STR("hearth_session=hs_no"));
    auth_session_end(fixture->auth, STR(""));
    assert_true(is_session(fixture, fixture->session));
    assert_int_equal(fixture->n_ends, 0);
    auth_session_end(fixture->auth, str_from(cookie));
    assert_false(is_session(fixture, fixture->session));
    assert_int_equal(fixture->n_ends, 1);
}

static void
test_sessions_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    char first[KEY_SECRET_BYTES];
    char session[KEY_SECRET_BYTES];
    fixture->now_ms++;
    assert_int_equal(trade(fixture, fixture->admin, first), 200);
    for (int i = 0; i < 62; i++) {
        fixture->now_ms++;
        assert_int_equal(trade(fixture, fixture->admin, session), 200);
    }
    /* all places taken: the one idle for longest goes, not the oldest */
    fixture->now_ms++;
    assert_true(is_session(fixture, fixture->session));
    watch_ends(fixture);
    assert_int_equal(trade(fixture, fixture->admin, session), 200);
    assert_int_equal(fixture->n_ends, 1);
    assert_true(is_session(fixture, fixture->session));
    assert_true(is_session(fixture, session));
    assert_false(is_session(fixture, first));
}

static void
test_cookies_are_read_exactly(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *format; /* @ stands for the session's secret */
        bool is_session;
    } cases[] = {
        { "hearth_session=@", true },
        { "a=b;hearth_session=@", true },
        { " hearth_session=@ ; z=y", true },
        { "hearth_session=wrong; hearth_session=@", true },
        { "Hearth_Session=@", false },
        { "xhearth_session=@", false },
        { "hearth_session=@x", false },
        { "hearth_session=\"@\"", false },
        { "hearth_session", false },
        { "hearth_session=", false },
        { "@", false },
        { ";;;=;", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char cookie[256];
        const char *at = strchr(cases[i].format, '@');
        struct auth_answer answer;
        struct auth_request request = request_from(&far, AUTHORITY_READ);
        if (at == NULL)
            snprintf(cookie, sizeof cookie, "%s", cases[i].format);
        else
            snprintf(cookie, sizeof cookie, "%.*s%s%s",
                     (int)(at - cases[i].format), cases[i].format,
                     fixture->session, at + 1);
        request.cookie = str_from(cookie);
        bool is_session = decide(fixture, &request, &answer) == 200;
        if (is_session != cases[i].is_session)
            fail_msg("'%s'", cases[i].format);
    }
}

/* ---- configuration ---- */

static void
test_bad_lists_are_refused_and_change_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad_origins[] = {
        "*",
        "null",
        "ui.example",
        "ftp://ui.example",
        "https://",
        "https://ui.example/path",
        "https://u@ui.example",
        "",
    };
    static const char *const bad_hosts[] = { "", "*", "http://a", "a/b",
                                             "a b" };
    struct error error;
    for (size_t i = 0; i < sizeof bad_origins / sizeof *bad_origins; i++) {
        struct auth_options options = fixture->options;
        options.cors_origins = &bad_origins[i];
        options.n_cors_origins = 1;
        assert_int_equal(auth_configure(fixture->auth, &options, &error), -1);
        assert_string_equal(error.field, "cors_origins");
    }
    for (size_t i = 0; i < sizeof bad_hosts / sizeof *bad_hosts; i++) {
        struct auth_options options = fixture->options;
        options.allowed_hosts = &bad_hosts[i];
        options.n_allowed_hosts = 1;
        assert_int_equal(auth_configure(fixture->auth, &options, &error), -1);
        assert_string_equal(error.field, "allowed_hosts");
    }
    struct auth_answer answer;
    struct auth_request request = request_from(&near, AUTHORITY_READ);
    request.host = STR("hearth.example");
    request.origin = STR("https://ui.example");
    assert_int_equal(decide(fixture, &request, &answer), 200);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
#define BARE(fn) \
    cmocka_unit_test_setup_teardown(fn, setup_without_keys, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_table),
        TEST(test_beyond_loopback_everybody_needs_a_key),
        TEST(test_hosts),
        TEST(test_bound_to_all_addresses),
        TEST(test_origins),
        TEST(test_listed_origin_is_answered_when_refused),
        TEST(test_fetch_metadata),
        TEST(test_every_wrong_key_has_the_same_answer),
        TEST(test_ways_to_present_a_key),
        BARE(test_without_any_key_a_foreign_text_is_none),
        BARE(test_key_is_kept_as_digest_only),
        TEST(test_keys_survive_a_restart),
        TEST(test_names_of_keys_are_checked),
        TEST(test_key_is_in_force_only_once_stored),
        TEST(test_auth_may_go_before_its_changes),
        BARE(test_generated_keys_differ),
        TEST(test_link_is_good_once),
        TEST(test_link_ends_after_ten_minutes),
        BARE(test_links_are_bounded),
        TEST(test_keys_open_sessions),
        TEST(test_session_ends_when_idle),
        TEST(test_session_is_ended),
        TEST(test_sessions_are_bounded),
        TEST(test_cookies_are_read_exactly),
        TEST(test_bad_lists_are_refused_and_change_nothing),
    };
    return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
