/* The gateway's test bed: see fixture.h. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/units.h"

/* ---- the engine ---- */

struct engine_call {
    struct fixture *f;
    struct http_exchange *exchange;
    struct timer timer;
    int n_sent;
    int64_t n_left;
};

static void
respond_events(struct http_exchange *exchange)
{
    struct http_header type = { STR("Content-Type"), STR("text/event-stream") };
    http_respond_head(exchange, 200, (struct http_headers){ &type, 1 }, -1);
}

static void
on_event_timer(struct timer *timer)
{
    struct engine_call *call = LIST_ENTRY(timer, struct engine_call, timer);
    struct fixture *f = call->f;
    char text[96];
    if (f->mode == ENGINE_CUT && call->n_sent == 2) {
        http_abort(call->exchange);
        return;
    }
    if (call->n_sent == f->n_events) {
        http_write(call->exchange,
                   STR("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,"
                       "\"completion_tokens\":3}}\n\ndata: [DONE]\n\n"));
        http_finish(call->exchange);
        return;
    }
    int n = snprintf(text, sizeof text, "data: {\"n\":%d}\n\n", call->n_sent++);
    http_write(call->exchange, (struct str){ text, (size_t)n });
    timer_start(&f->loop, timer, 5);
}

static void
write_large(struct engine_call *call)
{
    static char block[16384];
    memset(block, 'x', sizeof block);
    while (call->n_left > 0 && http_pending(call->exchange) < 65536) {
        size_t n = call->n_left < (int64_t)sizeof block ? (size_t)call->n_left
                                                        : sizeof block;
        if (http_write(call->exchange, (struct str){ block, n }) != 0)
            return;
        call->n_left -= (int64_t)n;
        call->f->n_large_written += (int64_t)n;
    }
    if (call->n_left == 0)
        http_finish(call->exchange);
}

static void
echo(struct engine_call *call)
{
    struct strbuf body = STRBUF_INIT(8 * MIB);
    struct json_writer w;
    json_writer_init(&w, &body);
    json_object_begin(&w);
    json_key(&w, "got");
    json_int(&w, (int64_t)call->f->seen_body.n);
    json_key(&w, "usage");
    json_raw(&w, STR("{\"prompt_tokens\":11,\"completion_tokens\":5}"));
    json_key(&w, "timings");
    json_raw(&w, STR("{\"predicted_per_second\":12.5}"));
    json_object_end(&w);
    struct http_header fields[] = {
        { STR("X-Engine"), STR("yes") },
        { STR("Access-Control-Allow-Origin"), STR("*") },
        { STR("Keep-Alive"), STR("timeout=5") },
    };
    http_respond(call->exchange, 200, (struct http_headers){ fields, 3 },
                 "application/json", strbuf_view(&body));
    strbuf_release(&body);
    call->f->n_answered++;
}

static void
answer(struct engine_call *call)
{
    struct fixture *f = call->f;
    struct http_header retry = { STR("Retry-After"), STR("17") };
    switch (f->mode) {
    case ENGINE_ECHO:
    case ENGINE_UPGRADE: echo(call); break;
    case ENGINE_EVENTS:
    case ENGINE_CUT:
        respond_events(call->exchange);
        timer_start(&f->loop, &call->timer, 5);
        break;
    case ENGINE_DIES: http_abort(call->exchange); break;
    case ENGINE_HANGS: f->hanging = call->exchange; break;
    case ENGINE_LARGE:
        call->n_left = f->large_bytes;
        http_respond_head(call->exchange, 200, (struct http_headers){ 0 },
                          call->n_left);
        write_large(call);
        break;
    case ENGINE_ERROR:
        http_respond(call->exchange, 429, (struct http_headers){ &retry, 1 },
                     "application/json", STR("{\"error\":\"slow down\"}"));
        break;
    }
}

void
engine_answer(struct fixture *f)
{
    assert_non_null(f->hanging);
    echo(http_ctx(f->hanging));
    f->hanging = NULL;
}

static void
on_engine_body(struct http_exchange *exchange, struct str bytes)
{
    struct engine_call *call = http_ctx(exchange);
    strbuf_add_str(&call->f->seen_body, bytes);
}

static void
on_engine_body_end(struct http_exchange *exchange)
{
    answer(http_ctx(exchange));
}

static void
on_engine_drain(struct http_exchange *exchange)
{
    struct engine_call *call = http_ctx(exchange);
    if (call->n_left > 0)
        write_large(call);
}

static void
on_engine_close(struct http_exchange *exchange, bool is_client_gone)
{
    struct engine_call *call = http_ctx(exchange);
    timer_stop(&call->timer);
    if (is_client_gone)
        call->f->n_gone++;
    if (call->f->hanging == exchange)
        call->f->hanging = NULL;
    free(call);
}

static void
on_engine_raw(struct http_exchange *exchange, struct str bytes)
{
    http_write_raw(exchange, bytes);
}

static void
on_engine_raw_eof(struct http_exchange *exchange)
{
    http_finish(exchange);
}

static const struct http_exchange_ops engine_ops = {
    .on_body = on_engine_body,
    .on_body_end = on_engine_body_end,
    .on_drain = on_engine_drain,
    .on_close = on_engine_close,
    .on_raw = on_engine_raw,
    .on_raw_eof = on_engine_raw_eof,
};

static void
on_engine_request(void *ctx, struct http_exchange *exchange)
{
    struct fixture *f = ctx;
    const struct http_request *request = http_request(exchange);
    f->n_requests++;
    strbuf_clear(&f->seen);
    strbuf_clear(&f->seen_body);
    strbuf_addf(&f->seen, "%.*s %.*s\n", STR_ARG(request->method),
                STR_ARG(request->target));
    for (size_t i = 0; i < request->headers.n; i++)
        strbuf_addf(&f->seen, "%.*s: %.*s\n",
                    STR_ARG(request->headers.at[i].name),
                    STR_ARG(request->headers.at[i].value));
    struct engine_call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        http_abort(exchange);
        return;
    }
    call->f = f;
    call->exchange = exchange;
    timer_init(&call->timer, on_event_timer);
    http_set_ops(exchange, &engine_ops, call);
    struct http_header upgrade = { STR("Upgrade"), STR("websocket") };
    if (f->mode == ENGINE_UPGRADE && request->is_upgrade)
        http_upgrade(exchange, (struct http_headers){ &upgrade, 1 });
    else if (request->has_body)
        http_want_body(exchange);
    else
        answer(call);
}

/* ---- the router's effects ---- */

void
fixture_set_state(struct fixture *f, enum instance_state to)
{
    struct instance_change change = { .instance_id = "i",
                                      .profile_id = f->profile->id,
                                      .from = f->state,
                                      .to = to,
                                      .reason = "test" };
    f->state = to;
    events_publish(&f->events, EVENT_INSTANCE_STATE, f->profile->id, &change);
}

static int
effect_start(void *ctx, struct profile *profile, const char *reason,
             struct error *error)
{
    struct fixture *f = ctx;
    (void)profile;
    (void)reason;
    (void)error;
    fixture_set_state(f, INSTANCE_STARTING);
    fixture_set_state(f, INSTANCE_LOADING);
    if (!f->is_slow_to_load)
        fixture_set_state(f,
                          f->fails_to_load ? INSTANCE_FAILED : INSTANCE_READY);
    return 0;
}

static int
effect_stop(void *ctx, const char *profile_id, bool is_forced,
            const char *reason, struct error *error)
{
    (void)profile_id;
    (void)is_forced;
    (void)reason;
    (void)error;
    fixture_set_state(ctx, INSTANCE_STOPPING);
    fixture_set_state(ctx, INSTANCE_STOPPED);
    return 0;
}

static int
effect_drain(void *ctx, const char *profile_id, const char *reason)
{
    (void)profile_id;
    (void)reason;
    fixture_set_state(ctx, INSTANCE_DRAINING);
    return 0;
}

static int
effect_undrain(void *ctx, const char *profile_id)
{
    (void)profile_id;
    fixture_set_state(ctx, INSTANCE_READY);
    return 0;
}

static void
effect_set_leases(void *ctx, const char *profile_id, int n_leases)
{
    (void)ctx;
    (void)profile_id;
    assert_true(n_leases >= 0);
}

static void
effect_suspect(void *ctx, const char *profile_id)
{
    struct fixture *f = ctx;
    assert_string_equal(profile_id, f->profile->id);
    f->n_suspected++;
}

static int
effect_view(void *ctx, const char *profile_id, struct instance_view *ret_view)
{
    struct fixture *f = ctx;
    (void)profile_id;
    *ret_view = (struct instance_view){ .profile = f->profile,
                                        .state = f->state,
                                        .address = f->engine_at,
                                        .api_key = "engine-key",
                                        .slots = 1 };
    if (f->state == INSTANCE_FAILED)
        error_set(&ret_view->error, ERR_ENGINE_OUT_OF_MEMORY,
                  "the engine ran out of memory");
    return 0;
}

static struct profile *
effect_resolve(void *ctx, struct str name)
{
    struct fixture *f = ctx;
    return str_is(name, "real") || str_is(name, "alias") ||
                   str_is(name, "team/alias")
               ? f->profile
               : NULL;
}

static const struct engine_manifest *
effect_manifest(void *ctx, const char *name)
{
    struct fixture *f = ctx;
    (void)name;
    return &f->manifest;
}

static int64_t
effect_now(void *ctx)
{
    return loop_now_ms(&((struct fixture *)ctx)->loop);
}

static int64_t
effect_wall(void *ctx)
{
    (void)ctx;
    return loop_wall_ms();
}

static void
effect_wake_at(void *ctx, int64_t at_ms)
{
    struct fixture *f = ctx;
    int64_t now = loop_now_ms(&f->loop);
    if (at_ms <= now)
        loop_defer(&f->loop, &f->turn);
    else if (at_ms == INT64_MAX)
        timer_stop(&f->wake);
    else
        timer_start(&f->loop, &f->wake, at_ms - now);
}

static void
on_wake(struct timer *timer)
{
    router_turn(LIST_ENTRY(timer, struct fixture, wake)->router);
}

static void
on_turn(struct deferred *deferred)
{
    router_turn(LIST_ENTRY(deferred, struct fixture, turn)->router);
}

/* ---- life ---- */

static void
on_front_request(void *ctx, struct http_exchange *exchange)
{
    struct fixture *f = ctx;
    struct auth_answer who = { .who = WHO_LOOPBACK };
    struct str origin =
        http_headers_get(http_request(exchange)->headers, "origin");
    if (origin.n < sizeof who.allow_origin)
        memcpy(who.allow_origin, origin.p == NULL ? "" : origin.p, origin.n);
    assert_true(gateway_handles(http_request(exchange)->method,
                                http_request(exchange)->path));
    gateway_request(f->gateway, exchange, &who);
}

static struct http_server *
open_server(struct fixture *f,
            void (*on_request)(void *ctx, struct http_exchange *exchange),
            struct address *ret_bound)
{
    struct error error;
    struct http_server_options options = { .ctx = f, .on_request = on_request };
    struct http_server *server = http_server_new(&f->loop, &options, &error);
    assert_non_null(server);
    struct address at = { .host = "127.0.0.1" };
    assert_int_equal(http_server_listen(server, &at, ret_bound, &error), 0);
    return server;
}

static void
on_news(struct subscription *subscription, const struct event *event)
{
    struct fixture *f = LIST_ENTRY(subscription, struct fixture, news);
    const struct activity_news *news = event->payload;
    if (news->n_active > 0)
        f->last_phase = news->active[news->n_active - 1]->phase;
    if (news->n_ended > 0)
        f->last_ended = news->ended[news->n_ended - 1];
}

void
fixture_open(struct fixture *f)
{
    static const char *const serves[] = { "/v1/*", "/slots", "/completion",
                                          NULL };
    struct error error;
    *f = (struct fixture){ .mode = ENGINE_ECHO,
                           .n_events = 5,
                           .patience_ms = 5 * SECOND_MS };
    strbuf_init(&f->seen, MIB);
    strbuf_init(&f->seen_body, 64 * MIB);
    assert_int_equal(loop_init(&f->loop, &error), 0);
    events_init(&f->events);
    f->front = open_server(f, on_front_request, &f->front_at);
    f->engine = open_server(f, on_engine_request, &f->engine_at);
    f->manifest = (struct engine_manifest){ .name = "fake-engine",
                                            .serves = serves,
                                            .rewrites_model = true,
                                            .model_name = "${name}",
                                            .default_slots = 1 };
    f->profile = profile_new();
    assert_non_null(f->profile);
    snprintf(f->profile->id, sizeof f->profile->id, "prof_1");
    assert_int_equal(profile_set_text(&f->profile->name, STR("real")), 0);
    f->profile->max_concurrency = 4;
    timer_init(&f->wake, on_wake);
    deferred_init(&f->turn, on_turn);
    struct router_options options = { .events = &f->events,
                                      .drain_after_ms = 1000 };
    struct router_effects effects = {
        .start = effect_start,
        .stop = effect_stop,
        .drain = effect_drain,
        .undrain = effect_undrain,
        .set_leases = effect_set_leases,
        .suspect = effect_suspect,
        .view = effect_view,
        .resolve = effect_resolve,
        .manifest = effect_manifest,
        .now_ms = effect_now,
        .wall_ms = effect_wall,
        .wake_at = effect_wake_at,
        .ctx = f,
    };
    assert_int_equal(router_new_with(&options, &effects, &f->router, &error),
                     0);
    struct activity_options activity = { .loop = &f->loop,
                                         .events = &f->events };
    assert_int_equal(activity_new(&activity, &f->activity, &error), 0);
    events_subscribe(&f->events, &f->news, EVENT_BIT(ACTIVITY), on_news);
    struct gateway_options gateway = { .loop = &f->loop,
                                       .events = &f->events,
                                       .router = f->router,
                                       .activity = f->activity,
                                       .models_max = 3 };
    assert_int_equal(gateway_new(&gateway, &f->gateway, &error), 0);
}

static void
on_server_closed(void *ctx)
{
    (*(int *)ctx)++;
}

static bool
are_both_closed(void *ctx)
{
    return *(int *)ctx == 2;
}

static bool
is_one_closed(void *ctx)
{
    return *(int *)ctx == 1;
}

void
fixture_end_engine(struct fixture *f)
{
    int n_closed = 0;
    http_server_close(f->engine, on_server_closed, &n_closed);
    assert_true(run_until(f, is_one_closed, &n_closed));
    f->engine = NULL;
}

void
fixture_begin_engine(struct fixture *f)
{
    f->engine = open_server(f, on_engine_request, &f->engine_at);
}

void
fixture_close(struct fixture *f)
{
    struct router_status status;
    router_status(f->router, f->profile->id, &status);
    assert_int_equal(status.n_active, 0);
    assert_int_equal(status.n_waiting, 0);
    assert_int_equal(gateway_active(f->gateway), 0);
    int n_closed = f->engine == NULL;
    http_server_close(f->front, on_server_closed, &n_closed);
    if (f->engine != NULL)
        http_server_close(f->engine, on_server_closed, &n_closed);
    assert_true(run_until(f, are_both_closed, &n_closed));
    gateway_free(f->gateway);
    activity_free(f->activity);
    events_unsubscribe(&f->news);
    router_free(f->router);
    timer_stop(&f->wake);
    deferred_cancel(&f->turn);
    run_for(f, 20);
    loop_close(&f->loop);
    profile_unref(f->profile);
    strbuf_release(&f->seen);
    strbuf_release(&f->seen_body);
}

static void
on_deadline(struct timer *timer)
{
    (void)timer;
}

bool
run_until(struct fixture *f, bool (*is_done)(void *ctx), void *ctx)
{
    struct timer deadline;
    timer_init(&deadline, on_deadline);
    timer_start(&f->loop, &deadline, f->patience_ms);
    /* Deferred work may be done right before the loop sleeps: the tick
     * looks at its result soon. */
    struct timer tick;
    timer_init(&tick, on_deadline);
    while (!is_done(ctx) && timer_is_armed(&deadline)) {
        timer_start(&f->loop, &tick, 2);
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
    timer_stop(&tick);
    timer_stop(&deadline);
    return is_done(ctx);
}

static bool
is_never(void *ctx)
{
    const struct timer *timer = ctx;
    return !timer_is_armed(timer);
}

void
run_for(struct fixture *f, int64_t ms)
{
    struct timer end;
    timer_init(&end, on_deadline);
    timer_start(&f->loop, &end, ms);
    run_until(f, is_never, &end);
    timer_stop(&end);
}

/* ---- the client ---- */

static void
on_client_connect(struct stream *stream, int status)
{
    struct client *client = LIST_ENTRY(stream, struct client, stream);
    assert_int_equal(status, 0);
    client->is_connected = true;
    stream_read_start(stream);
}

static void
on_client_read(struct stream *stream, struct str bytes)
{
    struct client *client = LIST_ENTRY(stream, struct client, stream);
    strbuf_add_str(&client->in, bytes);
}

static void
on_client_eof(struct stream *stream)
{
    LIST_ENTRY(stream, struct client, stream)->is_eof = true;
}

static void
on_client_error(struct stream *stream, int status)
{
    (void)status;
    LIST_ENTRY(stream, struct client, stream)->is_broken = true;
}

static void
on_client_close(struct stream *stream)
{
    LIST_ENTRY(stream, struct client, stream)->is_closed = true;
}

static const struct stream_ops client_ops = {
    .on_connect = on_client_connect,
    .on_read = on_client_read,
    .on_eof = on_client_eof,
    .on_error = on_client_error,
    .on_close = on_client_close,
};

static bool
is_connected(void *ctx)
{
    return ((struct client *)ctx)->is_connected;
}

static bool
is_closed(void *ctx)
{
    return ((struct client *)ctx)->is_closed;
}

void
client_open(struct client *client, struct fixture *f)
{
    struct error error;
    *client = (struct client){ .f = f };
    strbuf_init(&client->in, 64 * MIB);
    assert_int_equal(stream_connect(&f->loop, &client->stream, &f->front_at,
                                    &client_ops, &error),
                     0);
    assert_true(run_until(f, is_connected, client));
}

void
client_send(struct client *client, struct str bytes)
{
    assert_int_equal(stream_write(&client->stream, &bytes, 1), 0);
}

void
client_stop_reading(struct client *client)
{
    stream_read_stop(&client->stream);
}

void
client_close(struct client *client)
{
    stream_close(&client->stream);
    assert_true(run_until(client->f, is_closed, client));
    strbuf_release(&client->in);
}

bool
client_is_done(void *ctx)
{
    const struct client *client = ctx;
    return client->is_eof || client->is_broken;
}

bool
client_has(struct client *client, const char *text)
{
    return str_contains(strbuf_view(&client->in), str_from(text));
}

void
client_post(struct client *client, struct fixture *f, const char *path,
            const char *headers, struct str body)
{
    struct strbuf head = STRBUF_INIT(64 * KIB);
    client_open(client, f);
    strbuf_addf(&head,
                "POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s"
                "Content-Length: %zu\r\n\r\n",
                path, headers, body.n);
    client_send(client, strbuf_view(&head));
    client_send(client, body);
    strbuf_release(&head);
    assert_true(run_until(f, client_is_done, client));
}

void
client_get(struct client *client, struct fixture *f, const char *path)
{
    char head[512];
    client_open(client, f);
    int n = snprintf(head, sizeof head,
                     "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     "\r\n",
                     path);
    client_send(client, (struct str){ head, (size_t)n });
    assert_true(run_until(f, client_is_done, client));
}

int
client_status(const struct client *client)
{
    if (client->in.n < 12)
        return 0;
    int64_t status = 0;
    str_to_i64((struct str){ client->in.p + 9, 3 }, &status);
    return (int)status;
}

struct str
client_body(struct client *client, struct strbuf *out)
{
    const char *text = strbuf_text(&client->in);
    const char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    bool is_chunked = strstr(text, "Transfer-Encoding: chunked") != NULL;
    body += 4;
    strbuf_init(out, 64 * MIB);
    while (is_chunked && *body != '\0') {
        char *end;
        unsigned long n = strtoul(body, &end, 16);
        if (n == 0)
            return strbuf_view(out);
        strbuf_add(out, end + 2, n);
        body = end + 2 + n + 2;
    }
    strbuf_add_text(out, body);
    return strbuf_view(out);
}
