/* What clients rely on, each through real sockets on both sides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/units.h"
#include "fixture.h"

#define CHAT      "/v1/chat/completions"
#define JSON_TYPE "Content-Type: application/json\r\n"

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
seen(struct fixture *f, const char *text)
{
    return str_contains(strbuf_view(&f->seen), str_from(text));
}

static bool
is_quiet(void *ctx)
{
    struct fixture *f = ctx;
    return gateway_active(f->gateway) == 0;
}

static bool
has_request(void *ctx)
{
    return ((struct fixture *)ctx)->n_requests > 0;
}

/* ---- passing through ---- */

static void
test_body_and_headers(void **state)
{
    struct fixture *f = *state;
    struct client client;
    client_post(&client, f, CHAT "?x=1",
                JSON_TYPE "Authorization: Bearer secret\r\n"
                          "X-Api-Key: secret\r\nCookie: a=secret\r\n"
                          "Origin: http://page\r\nX-Stainless-Os: Linux\r\n"
                          "Keep-Alive: 5\r\n",
                STR("{\"n\":123456789012345678901234567890, \"model\":"
                    "\"real\" }"));
    assert_int_equal(client_status(&client), 200);
    assert_string_equal(strbuf_text(&f->seen_body),
                        "{\"n\":123456789012345678901234567890, \"model\":"
                        "\"real\" }");
    assert_true(seen(f, "POST " CHAT "?x=1\n"));
    assert_true(seen(f, "X-Stainless-Os: Linux\n"));
    assert_true(seen(f, "Authorization: Bearer engine-key\n"));
    assert_false(seen(f, "secret"));
    assert_false(seen(f, "Keep-Alive"));
    assert_true(client_has(&client, "X-Engine: yes\r\n"));
    assert_true(client_has(&client, "Content-Length: "));
    assert_false(client_has(&client, "Keep-Alive"));
    assert_true(
        client_has(&client, "Access-Control-Allow-Origin: http://page\r\n"));
    assert_false(client_has(&client, "Access-Control-Allow-Origin: *"));
    client_close(&client);
}

static void
test_alias_is_rewritten(void **state)
{
    struct fixture *f = *state;
    struct client client;
    client_post(&client, f, CHAT, JSON_TYPE,
                STR("{\"a\":{\"model\":\"alias\"},\"\\u006dodel\" : "
                    "\"al\\u0069as\",\"z\":[1]}"));
    assert_int_equal(client_status(&client), 200);
    assert_string_equal(strbuf_text(&f->seen_body),
                        "{\"a\":{\"model\":\"alias\"},\"\\u006dodel\" : "
                        "\"real\",\"z\":[1]}");
    client_close(&client);
}

static void
test_byte_by_byte_and_chunked(void **state)
{
    struct fixture *f = *state;
    static const char body[] = "{\"x\":\"yyyy\",\"model\":\"alias\",\"b\":1}";
    struct client client;
    client_open(&client, f);
    client_send(&client, STR("POST " CHAT " HTTP/1.1\r\nHost: x\r\n"
                             "Connection: close\r\n"
                             "Transfer-Encoding: chunked\r\n\r\n"));
    for (size_t i = 0; i + 1 < sizeof body; i++) {
        char chunk[8];
        int n = snprintf(chunk, sizeof chunk, "1\r\n%c\r\n", body[i]);
        client_send(&client, (struct str){ chunk, (size_t)n });
        run_for(f, 2);
    }
    client_send(&client, STR("0\r\n\r\n"));
    assert_true(run_until(f, client_is_done, &client));
    assert_int_equal(client_status(&client), 200);
    assert_string_equal(strbuf_text(&f->seen_body),
                        "{\"x\":\"yyyy\",\"model\":\"real\",\"b\":1}");
    client_close(&client);
}

/* The model's key comes after 3 MB: the prefix stays in memory, the rest
 * goes through a file, and every byte arrives. */
static void
test_large_body_is_spilled(void **state)
{
    struct fixture *f = *state;
    struct strbuf body = STRBUF_INIT(8 * MIB);
    strbuf_add_text(&body, "{\"image\":\"");
    for (size_t i = 0; i < 3 * MIB; i++)
        strbuf_add_byte(&body, (char)('a' + i * 7 % 26));
    size_t n_before = body.n;
    strbuf_add_text(&body, "\",\"model\":\"alias\",\"end\":true}");
    struct client client;
    client_post(&client, f, CHAT, JSON_TYPE, strbuf_view(&body));
    assert_int_equal(client_status(&client), 200);
    assert_int_equal(f->seen_body.n, body.n - 1);
    assert_memory_equal(f->seen_body.p, body.p, n_before);
    assert_string_equal(f->seen_body.p + n_before,
                        "\",\"model\":\"real\",\"end\":true}");
    client_close(&client);
    strbuf_release(&body);
}

/* The model comes first: the rest of the body passes without being kept. */
static void
test_large_body_streams(void **state)
{
    struct fixture *f = *state;
    struct strbuf body = STRBUF_INIT(8 * MIB);
    strbuf_add_text(&body, "{\"model\":\"team/alias\",\"image\":\"");
    for (size_t i = 0; i < 3 * MIB; i++)
        strbuf_add_byte(&body, (char)('a' + i * 11 % 26));
    strbuf_add_text(&body, "\"}");
    struct client client;
    client_post(&client, f, CHAT, JSON_TYPE "Expect: 100-continue\r\n",
                strbuf_view(&body));
    size_t cut = strlen("{\"model\":\"team/alias\"");
    size_t at = strlen("{\"model\":\"real\"");
    assert_int_equal(f->seen_body.n, body.n - cut + at);
    assert_memory_equal(f->seen_body.p + at, body.p + cut, body.n - cut);
    assert_false(seen(f, "Expect"));
    client_close(&client);
    strbuf_release(&body);
}

static void
test_form(void **state)
{
    struct fixture *f = *state;
    struct client client;
    client_post(&client, f, "/v1/audio/transcriptions",
                "Content-Type: multipart/form-data; boundary=b\r\n",
                STR("--b\r\nContent-Disposition: form-data; name=\"file\"; "
                    "filename=\"a.wav\"\r\n\r\nRIFF\r\n--b\r\n"
                    "Content-Disposition: form-data; name=\"model\"\r\n\r\n"
                    "alias\r\n--b--\r\n"));
    assert_int_equal(client_status(&client), 200);
    assert_non_null(strstr(strbuf_text(&f->seen_body),
                           "name=\"model\"\r\n\r\nreal\r\n--b--\r\n"));
    client_close(&client);
}

static void
test_query_and_upstream(void **state)
{
    struct fixture *f = *state;
    struct client client;
    client_get(&client, f, "/slots?model=team%2Falias&x=1");
    assert_int_equal(client_status(&client), 200);
    assert_true(seen(f, "GET /slots?model=team%2Falias&x=1\n"));
    client_close(&client);
    client_get(&client, f, "/upstream/team/alias/any/path?q=1");
    assert_int_equal(client_status(&client), 200);
    assert_true(seen(f, "GET /any/path?q=1\n"));
    client_close(&client);
    client_get(&client, f, "/upstream/team%2Falias");
    assert_int_equal(client_status(&client), 200);
    assert_true(seen(f, "GET /\n"));
    client_close(&client);
}

static void
test_engine_error_is_untouched(void **state)
{
    struct fixture *f = *state;
    f->mode = ENGINE_ERROR;
    struct client client;
    client_post(&client, f, CHAT, JSON_TYPE, STR("{\"model\":\"real\"}"));
    assert_int_equal(client_status(&client), 429);
    assert_true(client_has(&client, "Retry-After: 17\r\n"));
    assert_true(client_has(&client, "\r\n\r\n{\"error\":\"slow down\"}"));
    assert_int_equal(f->n_requests, 1);
    client_close(&client);
}

/* ---- refusals ---- */

struct refusal {
    const char *path;
    const char *body;
    int status;
    const char *text;
};

static const struct refusal refusals[] = {
    { CHAT, "{\"model\":\"nope\"}", 404,
      "{\"error\":{\"message\":\"model 'nope' not found\",\"type\":"
      "\"invalid_request_error\",\"param\":\"model\",\"code\":"
      "\"model_not_found\"}}" },
    { "/v1/messages", "{\"model\":\"nope\"}", 404,
      "{\"type\":\"error\",\"error\":{\"message\":\"model 'nope' not found\","
      "\"type\":\"not_found_error\"}}" },
    { "/completion", "{\"model\":\"nope\"}", 404,
      "{\"error\":{\"code\":404,\"message\":\"model 'nope' not found\","
      "\"type\":\"not_found_error\"}}" },
    { CHAT, "{\"messages\":[]}", 400, "does not name a \\\"model\\\"" },
    { CHAT, "{\"model\":1}", 400, "must be a string" },
    { CHAT, "[]", 400, "must be a JSON object" },
    { CHAT, "{\"model\":\"re", 400, "not valid JSON" },
    { CHAT, "", 400, "" },
    { CHAT, "{\"model\":\"real\",\"model\":\"real\"}", 400, "more than once" },
    { "/infill", "{\"model\":\"real\"}", 501,
      "fake-engine, the engine of model 'real', does not serve /infill" },
};

static void
test_refusals(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *row = &refusals[i];
        struct client client;
        client_post(&client, f, row->path, JSON_TYPE, str_from(row->body));
        if (client_status(&client) != row->status ||
            !client_has(&client, row->text))
            print_error("%s %s: %s\n", row->path, row->body,
                        strbuf_text(&client.in));
        assert_int_equal(client_status(&client), row->status);
        assert_true(client_has(&client, row->text));
        client_close(&client);
    }
    assert_int_equal(f->n_requests, 0);
    assert_int_equal(f->state, INSTANCE_STOPPED);
}

static void
test_second_model_after_the_start(void **state)
{
    struct fixture *f = *state;
    struct client client;
    client_open(&client, f);
    client_send(&client, STR("POST " CHAT " HTTP/1.1\r\nHost: x\r\n"
                             "Connection: close\r\nContent-Length: 33\r\n\r\n"
                             "{\"model\":\"real\","));
    assert_true(run_until(f, has_request, f));
    client_send(&client, STR("\"model\":\"alias\" }"));
    assert_true(run_until(f, client_is_done, &client));
    assert_int_equal(client_status(&client), 400);
    assert_true(client_has(&client, "more than once"));
    assert_int_equal(f->n_answered, 0);
    client_close(&client);
}

static void
test_wrong_method(void **state)
{
    struct fixture *f = *state;
    struct client client;
    client_get(&client, f, CHAT);
    assert_int_equal(client_status(&client), 405);
    assert_true(client_has(&client, "Allow: POST\r\n"));
    client_close(&client);
}

static void
test_load_failure_has_its_reason(void **state)
{
    struct fixture *f = *state;
    f->fails_to_load = true;
    struct client client;
    client_post(&client, f, CHAT, JSON_TYPE, STR("{\"model\":\"real\"}"));
    assert_int_equal(client_status(&client), 503);
    assert_true(client_has(&client, "the engine ran out of memory"));
    assert_true(client_has(&client, "\"code\":\"out_of_memory\""));
    assert_true(client_has(&client, "Retry-After: 1\r\n"));
    client_close(&client);
    /* And at once the next time, without another start. */
    client_post(&client, f, CHAT, JSON_TYPE, STR("{\"model\":\"real\"}"));
    assert_int_equal(client_status(&client), 503);
    assert_true(client_has(&client, "the engine ran out of memory"));
    client_close(&client);
}

/* ---- streams ---- */

static void
test_events_pass_one_by_one(void **state)
{
    struct fixture *f = *state;
    f->mode = ENGINE_EVENTS;
    struct client client;
    client_post(&client, f, CHAT, JSON_TYPE,
                STR("{\"model\":\"real\",\"stream\":true}"));
    assert_int_equal(client_status(&client), 200);
    assert_true(client_has(&client, "Cache-Control: no-cache\r\n"));
    assert_true(client_has(&client, "X-Accel-Buffering: no\r\n"));
    assert_false(client_has(&client, "Content-Length"));
    /* Each event is a chunk of its own, so it left in its own turn. */
    assert_true(client_has(&client, "\r\ndata: {\"n\":3}\n\n\r\n"));
    struct strbuf body;
    struct str text = client_body(&client, &body);
    assert_true(str_ends_with(text, STR("data: [DONE]\n\n")));
    assert_true(str_ends_with(strbuf_view(&client.in), STR("\r\n0\r\n\r\n")));
    strbuf_release(&body);
    client_close(&client);

    run_for(f, 300);
    const struct activity_entry *entry = &f->last_ended;
    assert_int_equal(entry->outcome, ACTIVITY_COMPLETED);
    assert_int_equal(entry->status, 200);
    assert_true(entry->is_stream);
    assert_int_equal(entry->prompt_tokens, 7);
    assert_int_equal(entry->completion_tokens, 3);
    assert_int_equal(entry->cached_tokens, -1);
    assert_true(entry->first_token_ms >= 0);
    assert_true(entry->duration_ms >= entry->first_token_ms);
    assert_true(entry->completion_per_s > 0); /* from count and times */
    assert_string_equal(entry->path, CHAT);
    assert_string_equal(entry->client, "127.0.0.1");
    const struct gateway_counts *counts = gateway_counts(f->gateway);
    assert_int_equal(counts->n_requests[2], 1);
    assert_int_equal(counts->n_prompt_tokens, 7);
    assert_int_equal(counts->duration.n, 1);
    assert_int_equal(counts->first_byte.n, 1);
    assert_int_equal(counts->waiting.n, 1);
}

static void
test_usage_of_json(void **state)
{
    struct fixture *f = *state;
    struct client client;
    client_post(&client, f, CHAT, JSON_TYPE, STR("{\"model\":\"real\"}"));
    client_close(&client);
    run_for(f, 300);
    const struct activity_entry *entry = &f->last_ended;
    assert_string_equal(entry->model, "real");
    assert_int_equal(entry->prompt_tokens, 11);
    assert_true(entry->completion_per_s == 12.5);
    assert_true(entry->prompt_per_s < 0);
    assert_int_equal(entry->first_token_ms, -1); /* it was no stream */
    assert_false(entry->is_stream);
}

/* ---- ended by hand ---- */

static void
take_item(void *ctx, const struct activity_item *item)
{
    *(const struct activity_item **)ctx = item;
}

static bool
is_in_phase(void *ctx)
{
    const struct activity_item *item = NULL;
    activity_each(((struct fixture *)ctx)->activity, take_item, &item);
    return item != NULL && item->phase == ((struct fixture *)ctx)->last_phase;
}

/* Of the one request, once it is there. */
static int64_t
id_under_way(struct fixture *f, enum activity_phase phase)
{
    const struct activity_item *item = NULL;
    f->last_phase = phase;
    assert_true(run_until(f, is_in_phase, f));
    activity_each(f->activity, take_item, &item);
    return item->entry.id;
}

static void
send_post(struct client *client, struct fixture *f, const char *body)
{
    char text[512];
    int n = snprintf(text, sizeof text,
                     "POST " CHAT " HTTP/1.1\r\nHost: x\r\nConnection: close"
                     "\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     strlen(body), body);
    client_open(client, f);
    client_send(client, (struct str){ text, (size_t)n });
}

static bool
has_no_request(void *ctx)
{
    return activity_count(((struct fixture *)ctx)->activity) == 0;
}

static void
test_a_waiting_request_is_cancelled(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct error error;
    f->state = INSTANCE_STOPPED;
    f->is_slow_to_load = true;
    send_post(&client, f, "{\"model\":\"real\"}");
    int64_t id = id_under_way(f, ACTIVITY_LOADING);
    assert_int_equal(activity_cancel(f->activity, id, &error), 0);
    assert_true(run_until(f, client_is_done, &client));
    assert_int_equal(client_status(&client), 499);
    assert_true(client_has(&client, "cancelled by hand"));
    assert_int_equal(f->n_requests, 0);
    run_for(f, 300);
    assert_int_equal(f->last_ended.outcome, ACTIVITY_CANCELLED);
    assert_int_equal(f->last_ended.status, 499);
    client_close(&client);
}

static void
test_a_stream_is_cancelled_at_its_engine(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct error error;
    f->mode = ENGINE_EVENTS;
    f->n_events = 100000;
    send_post(&client, f, "{\"model\":\"real\",\"stream\":true}");
    int64_t id = id_under_way(f, ACTIVITY_ANSWERING);
    assert_int_equal(activity_cancel(f->activity, id, &error), 0);
    assert_true(run_until(f, client_is_done, &client));
    assert_false(str_ends_with(strbuf_view(&client.in), STR("\r\n0\r\n\r\n")));
    run_for(f, 300);
    assert_int_equal(f->n_gone, 1); /* the engine was left */
    assert_int_equal(f->last_ended.outcome, ACTIVITY_CANCELLED);
    client_close(&client);
}

/* Its engine goes on: the client is told at once, the place stays taken. */
static void
test_an_answer_under_work_is_cancelled(void **state)
{
    struct fixture *f = *state;
    struct client client;
    struct error error;
    f->mode = ENGINE_HANGS;
    send_post(&client, f, "{\"model\":\"real\"}");
    int64_t id = id_under_way(f, ACTIVITY_WORKING);
    run_for(f, 50);
    assert_non_null(f->hanging);
    assert_int_equal(activity_cancel(f->activity, id, &error), 0);
    assert_true(run_until(f, client_is_done, &client));
    assert_int_equal(client_status(&client), 499);
    client_close(&client);
    assert_int_equal(id_under_way(f, ACTIVITY_FINISHING), id);
    assert_int_equal(f->n_gone, 0);
    assert_int_equal(activity_cancel(f->activity, id, &error), -1);
    assert_int_equal(error.code, ERR_CONFLICT);
    engine_answer(f);
    assert_true(run_until(f, has_no_request, f));
    run_for(f, 300);
    assert_int_equal(f->last_ended.outcome, ACTIVITY_CANCELLED);
    assert_int_equal(f->last_ended.status, 499);
}

static void
test_who_leaves_is_told_apart(void **state)
{
    struct fixture *f = *state;
    struct client client;
    f->mode = ENGINE_EVENTS;
    f->n_events = 100000;
    send_post(&client, f, "{\"model\":\"real\",\"stream\":true}");
    id_under_way(f, ACTIVITY_ANSWERING);
    client_close(&client);
    assert_true(run_until(f, has_no_request, f));
    run_for(f, 300);
    assert_int_equal(f->last_ended.outcome, ACTIVITY_GONE);
    assert_int_equal(f->last_ended.status, 200);

    client_post(&client, f, CHAT, JSON_TYPE, STR("{\"model\":\"none\"}"));
    client_close(&client);
    run_for(f, 300);
    assert_int_equal(f->last_ended.outcome, ACTIVITY_FAILED);
    assert_int_equal(f->last_ended.status, 404);
    assert_non_null(strstr(f->last_ended.error, "none"));
}

static void
test_cut_stream_is_broken(void **state)
{
    struct fixture *f = *state;
    f->mode = ENGINE_CUT;
    struct client client;
    client_post(&client, f, CHAT, JSON_TYPE,
                STR("{\"model\":\"real\",\"stream\":true}"));
    assert_true(client_has(&client, "data: {\"n\":1}"));
    assert_false(client_has(&client, "\r\n0\r\n\r\n"));
    assert_true(client.is_broken);
    client_close(&client);
}

static void
test_death_before_the_answer(void **state)
{
    struct fixture *f = *state;
    struct client client;
    f->mode = ENGINE_DIES;
    client_post(&client, f, CHAT, JSON_TYPE, STR("{\"model\":\"real\"}"));
    assert_int_equal(client_status(&client), 502);
    assert_true(client_has(&client, "\"code\":\"bad_gateway\""));
    assert_int_equal(f->n_requests, 1);
    assert_int_equal(f->n_suspected, 1);
    client_close(&client);
    f->mode = ENGINE_ECHO;
    client_post(&client, f, CHAT, JSON_TYPE, STR("{\"model\":\"real\"}"));
    assert_int_equal(client_status(&client), 200);
    client_close(&client);
}

static bool
has_two_events(void *ctx)
{
    return client_has(ctx, "data: {\"n\":1}");
}

static bool
engine_lost_its_client(void *ctx)
{
    return ((struct fixture *)ctx)->n_gone > 0;
}

static void
test_leaving_a_stream_cancels_it(void **state)
{
    struct fixture *f = *state;
    f->mode = ENGINE_EVENTS;
    f->n_events = 100000;
    struct client client;
    client_open(&client, f);
    client_send(&client, STR("POST " CHAT " HTTP/1.1\r\nHost: x\r\n"
                             "Content-Length: 30\r\n\r\n"
                             "{\"model\":\"real\",\"stream\":true}"));
    assert_true(run_until(f, has_two_events, &client));
    client_close(&client);
    assert_true(run_until(f, engine_lost_its_client, f));
    assert_true(run_until(f, is_quiet, f));
}

/* The place stays taken until the engine is done, then it is free. */
static void
test_leaving_an_answer_keeps_the_place(void **state)
{
    struct fixture *f = *state;
    f->mode = ENGINE_HANGS;
    struct client client;
    client_open(&client, f);
    client_send(&client, STR("POST " CHAT " HTTP/1.1\r\nHost: x\r\n"
                             "Content-Length: 16\r\n\r\n"
                             "{\"model\":\"real\"}"));
    assert_true(run_until(f, has_request, f));
    run_for(f, 20);
    client_close(&client);
    run_for(f, 300);
    struct router_status status;
    router_status(f->router, f->profile->id, &status);
    assert_int_equal(status.n_active, 1);
    assert_int_equal(f->n_gone, 0);
    engine_answer(f);
    assert_true(run_until(f, is_quiet, f));
}

static void
test_leaving_the_queue(void **state)
{
    struct fixture *f = *state;
    f->is_slow_to_load = true;
    struct client client;
    client_open(&client, f);
    client_send(&client, STR("POST " CHAT " HTTP/1.1\r\nHost: x\r\n"
                             "Content-Length: 16\r\n\r\n"
                             "{\"model\":\"real\"}"));
    run_for(f, 50);
    struct router_status status;
    router_status(f->router, f->profile->id, &status);
    assert_int_equal(status.n_waiting, 1);
    client_close(&client);
    assert_true(run_until(f, is_quiet, f));
    router_status(f->router, f->profile->id, &status);
    assert_int_equal(status.n_waiting, 0);
    assert_int_equal(f->n_requests, 0);
}

static bool
has_begun(void *ctx)
{
    return ((struct client *)ctx)->in.n > 0;
}

static void
test_stalled_client_stalls_the_engine(void **state)
{
    struct fixture *f = *state;
    f->mode = ENGINE_LARGE;
    f->large_bytes = 64 * (int64_t)MIB;
    struct client client;
    client_open(&client, f);
    client_send(&client, STR("POST " CHAT " HTTP/1.1\r\nHost: x\r\n"
                             "Connection: close\r\nContent-Length: 16\r\n\r\n"
                             "{\"model\":\"real\"}"));
    assert_true(run_until(f, has_begun, &client));
    client_stop_reading(&client);
    run_for(f, 300);
    int64_t n_before = f->n_large_written;
    run_for(f, 200);
    assert_int_equal(f->n_large_written, n_before);
    assert_true(n_before < 24 * (int64_t)MIB); /* the kernels' buffers */
    strbuf_release(&client.in);
    strbuf_init(&client.in, 128 * MIB);
    stream_read_start(&client.stream);
    assert_true(run_until(f, client_is_done, &client));
    assert_int_equal(f->n_large_written, f->large_bytes);
    client_close(&client);
}

/* ---- progress ---- */

static bool
has_comment(void *ctx)
{
    return client_has(ctx, ": loading (loading)\n\n");
}

static void
start_with_progress(struct fixture *f, struct client *client, const char *path)
{
    char head[256];
    f->is_slow_to_load = true;
    f->mode = ENGINE_EVENTS;
    client_open(client, f);
    int n = snprintf(head, sizeof head,
                     "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     "X-Hearth-Progress: 1\r\nContent-Length: 30\r\n\r\n"
                     "{\"model\":\"real\",\"stream\":true}",
                     path);
    client_send(client, (struct str){ head, (size_t)n });
    assert_true(run_until(f, has_comment, client));
    assert_int_equal(client_status(client), 200);
    assert_true(client_has(client, "Content-Type: text/event-stream\r\n"));
}

static void
test_progress_then_the_stream(void **state)
{
    struct fixture *f = *state;
    struct client client;
    start_with_progress(f, &client, CHAT);
    fixture_set_state(f, INSTANCE_READY);
    assert_true(run_until(f, client_is_done, &client));
    assert_true(client_has(&client, "data: {\"n\":4}\n\n"));
    assert_true(client_has(&client, "data: [DONE]\n\n"));
    assert_true(str_ends_with(strbuf_view(&client.in), STR("\r\n0\r\n\r\n")));
    client_close(&client);
}

static void
test_progress_then_failure(void **state)
{
    struct fixture *f = *state;
    struct client client;
    start_with_progress(f, &client, "/v1/messages");
    fixture_set_state(f, INSTANCE_FAILED);
    assert_true(run_until(f, client_is_done, &client));
    assert_true(
        client_has(&client, "event: error\ndata: {\"type\":\"error\","));
    assert_true(client_has(&client, "out of memory"));
    assert_true(str_ends_with(strbuf_view(&client.in), STR("\r\n0\r\n\r\n")));
    client_close(&client);
}

static void
test_progress_then_engine_error(void **state)
{
    struct fixture *f = *state;
    struct client client;
    start_with_progress(f, &client, CHAT);
    f->mode = ENGINE_ERROR;
    fixture_set_state(f, INSTANCE_READY);
    assert_true(run_until(f, client_is_done, &client));
    assert_true(client_has(&client, "data: {\"error\":\"slow down\"}\n\n"));
    client_close(&client);
}

/* ---- tunnels ---- */

static bool
has_echo(void *ctx)
{
    return client_has(ctx, "\r\n\r\nping\x01");
}

static void
test_tunnel(void **state)
{
    struct fixture *f = *state;
    f->mode = ENGINE_UPGRADE;
    struct client client;
    client_open(&client, f);
    client_send(&client, STR("GET /upstream/real/ws HTTP/1.1\r\nHost: x\r\n"
                             "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                             "Sec-WebSocket-Key: k\r\n\r\n"));
    assert_true(run_until(f, has_begun, &client));
    run_for(f, 30);
    assert_int_equal(client_status(&client), 101);
    assert_true(client_has(&client, "Upgrade: websocket\r\n"));
    assert_true(seen(f, "GET /ws\n"));
    assert_true(seen(f, "Sec-WebSocket-Key: k\n"));
    client_send(&client, STR("ping\x01"));
    assert_true(run_until(f, has_echo, &client));
    stream_shutdown(&client.stream);
    assert_true(run_until(f, client_is_done, &client));
    client_close(&client);
    assert_true(run_until(f, is_quiet, f));
}

/* ---- many ---- */

static void
test_places_are_kept_to(void **state)
{
    struct fixture *f = *state;
    f->mode = ENGINE_EVENTS;
    f->n_events = 10;
    enum { N = 50 };
    struct client *clients = calloc(N, sizeof *clients);
    assert_non_null(clients);
    for (int i = 0; i < N; i++) {
        client_open(&clients[i], f);
        client_send(&clients[i],
                    STR("POST " CHAT " HTTP/1.1\r\nHost: x\r\n"
                        "Connection: close\r\nContent-Length: 30\r\n\r\n"
                        "{\"model\":\"real\",\"stream\":true}"));
    }
    for (int i = 0; i < N; i++) {
        assert_true(run_until(f, client_is_done, &clients[i]));
        assert_int_equal(client_status(&clients[i]), 200);
        assert_true(client_has(&clients[i], "data: {\"n\":9}\n\n"));
        assert_true(
            str_ends_with(strbuf_view(&clients[i].in), STR("\r\n0\r\n\r\n")));
        client_close(&clients[i]);
    }
    assert_int_equal(f->n_requests, N);
    free(clients);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_body_and_headers),
        TEST(test_alias_is_rewritten),
        TEST(test_byte_by_byte_and_chunked),
        TEST(test_large_body_is_spilled),
        TEST(test_large_body_streams),
        TEST(test_form),
        TEST(test_query_and_upstream),
        TEST(test_engine_error_is_untouched),
        TEST(test_refusals),
        TEST(test_second_model_after_the_start),
        TEST(test_wrong_method),
        TEST(test_load_failure_has_its_reason),
        TEST(test_events_pass_one_by_one),
        TEST(test_usage_of_json),
        TEST(test_a_waiting_request_is_cancelled),
        TEST(test_a_stream_is_cancelled_at_its_engine),
        TEST(test_an_answer_under_work_is_cancelled),
        TEST(test_who_leaves_is_told_apart),
        TEST(test_cut_stream_is_broken),
        TEST(test_death_before_the_answer),
        TEST(test_leaving_a_stream_cancels_it),
        TEST(test_leaving_an_answer_keeps_the_place),
        TEST(test_leaving_the_queue),
        TEST(test_stalled_client_stalls_the_engine),
        TEST(test_progress_then_the_stream),
        TEST(test_progress_then_failure),
        TEST(test_progress_then_engine_error),
        TEST(test_tunnel),
        TEST(test_places_are_kept_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
