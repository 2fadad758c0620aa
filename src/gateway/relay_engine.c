/* The engine's side of a relay: the body on its way there, the answer on its
 * way back. See relay.c. */
#include "base/limits.h"
#include "gateway/headers.h"
#include "gateway/relay_internal.h"

enum {
    NEWS_AFTER_MS = 50, /* see wait_for_news */
    NEWS_TRIES = 40,
};

static const struct http_call_ops call_ops;

/* ---- the body on its way to the engine ---- */

static void
write_to_call(struct relay *relay, const char *bytes, size_t n)
{
    if (n > 0)
        http_call_write(relay->call, (struct str){ bytes, n });
}

void
relay_emit(struct relay *relay, struct str bytes)
{
    uint64_t from = relay->cursor;
    uint64_t to = from + bytes.n;
    relay->cursor = to;
    if (!relay->splices || to <= relay->splice_begin ||
        from >= relay->splice_end) {
        write_to_call(relay, bytes.p, bytes.n);
        return;
    }
    if (from <= relay->splice_begin) {
        write_to_call(relay, bytes.p, (size_t)(relay->splice_begin - from));
        write_to_call(relay, relay->replacement.p, relay->replacement.n);
    }
    if (to > relay->splice_end) {
        size_t skip = (size_t)(relay->splice_end - from);
        write_to_call(relay, bytes.p + skip, bytes.n - skip);
    }
}

void
relay_pump(struct relay *relay)
{
    while (relay->call != NULL && !relay->is_tunnel && !relay->is_end_sent &&
           http_call_pending(relay->call) <= LIMIT_RELAY_WINDOW_BYTES) {
        if (relay->cursor < body_buffer_size(&relay->body)) {
            struct str piece = body_buffer_peek(&relay->body, relay->cursor);
            if (piece.n > 0) {
                relay_emit(relay, piece);
                continue;
            }
            if (!body_buffer_is_busy(&relay->body) &&
                body_buffer_read(&relay->body, relay->cursor) != 0)
                relay_fail_with(relay, ERR_NO_MEMORY, "out of memory");
            return;
        }
        if (relay->is_body_ended) {
            relay->is_end_sent = true;
            http_call_end(relay->call);
            return;
        }
        if (!relay->is_body_wanted) {
            relay->is_body_wanted = true;
            http_want_body(relay->exchange);
        }
        http_resume_body(relay->exchange);
        return;
    }
}

void
relay_on_body_room(void *ctx)
{
    struct relay *relay = ctx;
    if (relay->body.is_broken)
        relay_fail_with(relay, ERR_IO,
                        "the request's body could not be stored");
    else if (relay->state == RELAY_SENDING)
        relay_pump(relay);
    else if (relay_may_read_on(relay) && !relay->is_body_ended)
        http_resume_body(relay->exchange);
}

void
relay_on_body_piece(void *ctx, struct str piece)
{
    struct relay *relay = ctx;
    if (relay->call == NULL)
        return;
    if (piece.p == NULL) {
        relay_fail_with(relay, ERR_IO,
                        "the request's body could not be read back");
        return;
    }
    relay_emit(relay, piece);
    relay_pump(relay);
}

/* ---- the engine's answer ---- */

/* The answer has begun: nothing will be sent again. */
static void
forget_replay(struct relay *relay)
{
    relay->is_replayable = false;
    if (relay->cursor >= body_buffer_size(&relay->body) &&
        !body_buffer_is_busy(&relay->body))
        body_buffer_release(&relay->body);
}

static void
answer_tunnel(struct relay *relay, const struct header_list *list)
{
    struct http_headers headers = { list->at, list->n };
    relay->is_tunnel = true;
    if (http_upgrade(relay->exchange, headers) != 0)
        relay_fail_with(relay, ERR_BAD_GATEWAY,
                        "the engine changed the protocol unasked");
}

static void
on_head(struct http_call *call, const struct http_response *response)
{
    struct relay *relay = http_call_ctx(call);
    relay->first_byte_at_ms = loop_now_ms(relay->gateway->options.loop);
    if (!relay->is_cancelled)
        relay->status = response->status;
    if (relay->state == RELAY_LINGERING)
        return;
    forget_replay(relay);
    bool is_events = headers_say_events(response->headers);
    relay->is_stream |= is_events;
    /* llama-server closes after a stream, without saying so before, and
     * reads what has been sent meanwhile only to drop it: a request on that
     * connection would look begun and could not be sent again. */
    if (is_events)
        http_call_retire(call);
    struct str content_type =
        http_headers_get(response->headers, "content-type");
    usage_reader_init(&relay->usage, content_type);
    relay_track_head(relay, content_type, is_events);
    if (relay->has_progress_head) {
        relay->collects_error = response->status != 200 || !is_events;
        return;
    }
    struct header_list list;
    headers_for_client(response->headers, relay->allow_origin,
                       response->is_upgrade, &list);
    if (response->is_upgrade) {
        answer_tunnel(relay, &list);
        return;
    }
    struct http_headers headers = { list.at, list.n };
    if (http_respond_head(relay->exchange, response->status, headers,
                          response->content_length) != 0)
        relay_fail_with(relay, ERR_BAD_GATEWAY,
                        "the engine's answer cannot be passed on");
}

static void
on_answer(struct http_call *call, struct str bytes)
{
    struct relay *relay = http_call_ctx(call);
    relay->n_answer_bytes += (int64_t)bytes.n;
    if (relay->state == RELAY_LINGERING)
        return;
    relay_track_answered(relay, bytes);
    if (relay->collects_error) {
        strbuf_add_str(&relay->error_body, bytes);
        return;
    }
    if (relay->is_tunnel) {
        http_write_raw(relay->exchange, bytes);
    } else {
        usage_reader_feed(&relay->usage, bytes);
        http_write(relay->exchange, bytes);
    }
    if (http_pending(relay->exchange) > LIMIT_RELAY_WINDOW_BYTES)
        http_call_pause(call);
}

/* The engine answered an error after our own 200: it becomes an event. */
static void
finish_collected(struct relay *relay)
{
    struct strbuf event = STRBUF_INIT((size_t)ERROR_BODY_BYTES * 2);
    if (relay->dialect == ERRORS_ANTHROPIC)
        strbuf_add_text(&event, "event: error\n");
    struct str rest = str_trim(strbuf_view(&relay->error_body));
    do {
        struct str line = str_split(&rest, '\n');
        strbuf_add_text(&event, "data: ");
        strbuf_add_str(&event, line);
        strbuf_add_byte(&event, '\n');
    } while (rest.n > 0);
    strbuf_add_byte(&event, '\n');
    http_write(relay->exchange, strbuf_view(&event));
    strbuf_release(&event);
}

static void
on_end(struct http_call *call)
{
    struct relay *relay = http_call_ctx(call);
    relay->call = NULL;
    relay->is_whole = true;
    if (relay->state == RELAY_LINGERING) {
        relay_free(relay);
        return;
    }
    if (relay->collects_error)
        finish_collected(relay);
    http_finish(relay->exchange);
    relay_end(relay, LEASE_OK);
}

static void start_call(struct relay *relay);

/* The body will be sent from its beginning. */
static void
rewind_body(struct relay *relay)
{
    relay->cursor = 0;
    relay->is_end_sent = false;
}

void
relay_on_news(struct timer *timer)
{
    struct relay *relay = LIST_ENTRY(timer, struct relay, news);
    struct gateway *gateway = relay->gateway;
    struct router_status status;
    router_status(gateway->options.router, relay->lease.profile_id, &status);
    if (status.state == INSTANCE_READY && relay->n_news_tries++ < NEWS_TRIES &&
        timer_start(gateway->options.loop, timer, NEWS_AFTER_MS) == 0)
        return;
    relay_acquire(relay, false);
}

/* Nobody listens where the engine was, so it has had nothing of this request,
 * which may go to the one that comes after it. That this one is gone is told
 * to the router by its exit, in a moment; asking before would only give the
 * same lease again. A back-off answers with its reason then. */
static void
wait_for_news(struct relay *relay)
{
    struct gateway *gateway = relay->gateway;
    router_release(gateway->options.router, &relay->lease,
                   LEASE_UPSTREAM_FAILED);
    relay->lease.id = 0;
    relay->is_renewed = true;
    relay->state = RELAY_WAITING;
    rewind_body(relay);
    if (timer_start(gateway->options.loop, &relay->news, NEWS_AFTER_MS) != 0)
        relay_fail_with(relay, ERR_NO_MEMORY, "out of memory");
}

static void
on_error(struct http_call *call, const struct http_call_failure *failure)
{
    struct relay *relay = http_call_ctx(call);
    relay->call = NULL;
    if (relay->state == RELAY_LINGERING) {
        relay_free(relay);
        return;
    }
    if (failure->is_stale_reuse && relay->is_replayable && !relay->is_retry) {
        relay->is_retry = true;
        rewind_body(relay);
        start_call(relay);
        return;
    }
    if (failure->is_connect && relay->is_replayable && !relay->is_renewed) {
        wait_for_news(relay);
        return;
    }
    struct error error;
    enum error_code code =
        failure->is_timeout ? ERR_GATEWAY_TIMEOUT : ERR_BAD_GATEWAY;
    error_set(&error, code, "the engine of model '%s' did not answer: %s",
              strbuf_text(&relay->model), failure->error.message);
    relay_fail(relay, &error, 0, LEASE_UPSTREAM_FAILED);
}

static void
on_call_drain(struct http_call *call)
{
    struct relay *relay = http_call_ctx(call);
    if (relay->state == RELAY_LINGERING)
        return;
    if (relay->is_tunnel)
        http_resume_raw(relay->exchange);
    else
        relay_pump(relay);
}

static const struct http_call_ops call_ops = {
    .on_head = on_head,
    .on_body = on_answer,
    .on_end = on_end,
    .on_error = on_error,
    .on_drain = on_call_drain,
};

/* ---- asking the engine ---- */

/* What the engine will be sent, or -1: as chunks. */
static int64_t
length_for_engine(const struct relay *relay)
{
    const struct http_request *request = http_request(relay->exchange);
    if (!request->has_body)
        return 0;
    int64_t n = request->content_length;
    if (n < 0 && relay->is_body_ended)
        n = (int64_t)relay->n_received;
    if (n >= 0 && relay->splices)
        n += (int64_t)relay->replacement.n -
             (int64_t)(relay->splice_end - relay->splice_begin);
    return n;
}

static void
start_call(struct relay *relay)
{
    const struct http_request *request = http_request(relay->exchange);
    struct http_pool *pool =
        upstreams_get(&relay->gateway->upstreams, &relay->lease);
    if (pool == NULL) {
        relay_fail_with(relay, ERR_NO_MEMORY, "out of memory");
        return;
    }
    struct header_list list;
    headers_for_engine(request->headers, &relay->lease, request->is_upgrade,
                       &list);
    int64_t length = length_for_engine(relay);
    struct http_call_options options = {
        .method = request->is_head ? STR("GET") : request->method,
        .target = relay->target,
        .headers = { list.at, list.n },
        .content_length = length,
        .is_upgrade = request->is_upgrade,
        /* A kept connection only for what could be sent once more. */
        .must_be_fresh = relay->is_retry || request->is_upgrade ||
                         length > (int64_t)LIMIT_REPLAY_BYTES || length < 0,
        .ops = &call_ops,
        .ctx = relay,
    };
    struct error error;
    relay->call = http_call_start(pool, &options, &error);
    if (relay->call == NULL) {
        relay_fail(relay, &error, 0, LEASE_OK);
        return;
    }
    relay->state = RELAY_SENDING;
    relay_track_phase(relay, ACTIVITY_WORKING);
    relay_pump(relay);
}

static void
prepare_splice(struct relay *relay)
{
    struct str name = str_from(relay->lease.model);
    strbuf_clear(&relay->replacement);
    relay->splices = false;
    if (!relay->is_finding || !relay->lease.rewrites_model ||
        (!relay->is_named && str_eq(name, strbuf_view(&relay->model))))
        return;
    relay->splices = true;
    finder_range(&relay->finder, &relay->splice_begin, &relay->splice_end);
    finder_replacement(&relay->finder, name, &relay->replacement);
}

void
relay_begin(struct relay *relay)
{
    prepare_splice(relay);
    if (strbuf_failed(&relay->replacement))
        relay_fail_with(relay, ERR_NO_MEMORY, "out of memory");
    else
        start_call(relay);
}
