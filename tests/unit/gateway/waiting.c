/* Requests that wait: whoever leaves is noticed, an engine that is gone is
 * waited for, and what the query names is rewritten in the body, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/units.h"
#include "fixture.h"

#define CHAT      "/v1/chat/completions"
#define JSON_TYPE "Content-Type: application/json\r\n"

enum { BODY_BYTES = 8 * 1024 * 1024 };

static int
setup(void **state)
{
    struct fixture *f = malloc(sizeof *f);
    if (f == NULL)
        return -1;
    fixture_open(f);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

static bool
is_quiet(void *ctx)
{
    return gateway_active(((struct fixture *)ctx)->gateway) == 0;
}

static struct router_status
status_of(struct fixture *f)
{
    struct router_status status;
    router_status(f->router, f->profile->id, &status);
    return status;
}

static bool
does_wait(void *ctx)
{
    return status_of(ctx).n_waiting > 0;
}

static void
make_body(struct strbuf *body)
{
    strbuf_init(body, (size_t)2 * BODY_BYTES);
    strbuf_add_text(body, "{\"model\":\"real\",\"image\":\"");
    while (body->n < BODY_BYTES - 2)
        strbuf_add_byte(body, (char)('a' + body->n * 7 % 26));
    strbuf_add_text(body, "\"}");
}

static void
send_post(struct client *client, struct fixture *f, const char *target,
          struct str body)
{
    char head[256];
    int n = snprintf(head, sizeof head,
                     "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     target, body.n);
    client_open(client, f);
    client_send(client, (struct str){ head, (size_t)n });
    client_send(client, body);
}

/* More than both sockets hold: its end is behind what nobody would read. */
static void
test_leaving_with_a_large_body(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct strbuf body;
    make_body(&body);
    f->is_slow_to_load = true;
    send_post(&client, f, CHAT, strbuf_view(&body));
    assert_true(run_until(f, does_wait, f));
    client_close(&client);
    assert_true(run_until(f, is_quiet, f));
    assert_int_equal(status_of(f).n_waiting, 0);
    assert_int_equal(f->n_requests, 0);
    strbuf_release(&body);
}

static void
test_a_large_body_waits_whole(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct strbuf body;
    make_body(&body);
    f->is_slow_to_load = true;
    send_post(&client, f, CHAT, strbuf_view(&body));
    assert_true(run_until(f, does_wait, f));
    run_for(f, 300);
    fixture_set_state(f, INSTANCE_READY);
    assert_true(run_until(f, client_is_done, &client));
    assert_int_equal(client_status(&client), 200);
    assert_int_equal(f->seen_body.n, body.n);
    assert_memory_equal(f->seen_body.p, body.p, body.n);
    client_close(&client);
    strbuf_release(&body);
}

/* In the middle of the body, with pieces on their way to the file. */
static void
test_a_lease_in_the_middle_of_a_body(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct strbuf body;
    make_body(&body);
    f->is_slow_to_load = true;
    send_post(&client, f, CHAT, strbuf_view(&body));
    assert_true(run_until(f, does_wait, f));
    fixture_set_state(f, INSTANCE_READY);
    assert_true(run_until(f, client_is_done, &client));
    assert_int_equal(client_status(&client), 200);
    assert_int_equal(f->seen_body.n, body.n);
    assert_memory_equal(f->seen_body.p, body.p, body.n);
    client_close(&client);
    strbuf_release(&body);
}

/* ---- an engine that is gone ---- */

static const struct str question = { "{\"model\":\"real\"}", 16 };

/* One request is answered, then the engine's port closes; a second request
 * finds nobody there and waits. */
static void
lose_engine(struct fixture *f, struct client *client)
{
    client_post(client, f, CHAT, JSON_TYPE, question);
    assert_int_equal(client_status(client), 200);
    client_close(client);
    fixture_end_engine(f);
    send_post(client, f, CHAT, question);
    run_for(f, 200);
    assert_int_equal(client->in.n, 0);
    assert_int_equal(status_of(f).n_active, 0);
    assert_int_equal(f->n_suspected, 1);
}

static void
test_a_new_engine_gets_the_request(void **state)
{
    struct fixture *f = *state;
    struct client client;
    lose_engine(f, &client);
    fixture_begin_engine(f);
    fixture_set_state(f, INSTANCE_STOPPED);
    assert_true(run_until(f, client_is_done, &client));
    assert_int_equal(client_status(&client), 200);
    assert_int_equal(f->n_requests, 2);
    client_close(&client);
}

static void
test_a_back_off_gives_the_reason(void **state)
{
    struct fixture *f = *state;
    struct client client;
    lose_engine(f, &client);
    fixture_set_state(f, INSTANCE_FAILED);
    assert_true(run_until(f, client_is_done, &client));
    assert_int_equal(client_status(&client), 503);
    assert_true(client_has(&client, "Retry-After: 1\r\n"));
    assert_true(client_has(&client, "the engine ran out of memory"));
    client_close(&client);
}

/* Ready for all that is known, and not there: told once, not for ever. */
static void
test_nobody_there_twice(void **state)
{
    struct fixture *f = *state;
    struct client client;
    lose_engine(f, &client);
    assert_true(run_until(f, client_is_done, &client));
    assert_int_equal(client_status(&client), 502);
    assert_int_equal(f->n_suspected, 2);
    client_close(&client);
}

static void
test_leaving_a_lost_engine(void **state)
{
    struct fixture *f = *state;
    struct client client;
    lose_engine(f, &client);
    client_close(&client);
    assert_true(run_until(f, is_quiet, f));
}

/* ---- the query's name ---- */

static void
test_query_and_rewritten_body(void **state)
{
    static const struct {
        const char *headers, *body, *seen;
    } rows[] = {
        { JSON_TYPE, "{\"a\":1,\"model\":\"other\",\"b\":2}",
          "{\"a\":1,\"model\":\"real\",\"b\":2}" },
        { JSON_TYPE, "{\"model\":\"real\"}", "{\"model\":\"real\"}" },
        { JSON_TYPE, "{\"a\":1}", "{\"a\":1}" },
        { JSON_TYPE, "{\"model\":17}", "{\"model\":17}" },
        { JSON_TYPE, "{\"model\":\"oth", "{\"model\":\"oth" },
        { "Content-Type: audio/wav\r\n", "RIFF", "RIFF" },
        { "Content-Type: multipart/form-data\r\n", "--x", "--x" },
        { "Content-Type: multipart/form-data; boundary=b\r\n",
          "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n"
          "other\r\n--b--\r\n",
          "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n"
          "real\r\n--b--\r\n" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct client client;
        client_post(&client, f, CHAT "?model=alias", rows[i].headers,
                    str_from(rows[i].body));
        assert_int_equal(client_status(&client), 200);
        assert_string_equal(strbuf_text(&f->seen_body), rows[i].seen);
        client_close(&client);
    }
}

static void
test_query_and_kept_body(void **state)
{
    struct fixture *f = *state;
    struct client client;
    f->manifest.rewrites_model = false;
    client_post(&client, f, CHAT "?model=alias", JSON_TYPE,
                STR("{\"model\":\"other\"}"));
    assert_int_equal(client_status(&client), 200);
    assert_string_equal(strbuf_text(&f->seen_body), "{\"model\":\"other\"}");
    client_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_leaving_with_a_large_body),
        TEST(test_a_large_body_waits_whole),
        TEST(test_a_lease_in_the_middle_of_a_body),
        TEST(test_a_new_engine_gets_the_request),
        TEST(test_a_back_off_gives_the_reason),
        TEST(test_nobody_there_twice),
        TEST(test_leaving_a_lost_engine),
        TEST(test_query_and_rewritten_body),
        TEST(test_query_and_kept_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
