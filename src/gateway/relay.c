/* The relay: one request for one model, from its head to its end.
 *
 *   FINDING --> WAITING --> SENDING ---------------> ENDED
 *      |           |           |                       ^
 *      |           |           `--> LINGERING ---------|
 *      `-----------`-----------------------------------'
 *
 * FINDING    the body is read until the model's name is known. What was read
 *            is kept (body_buffer.h).
 * WAITING    the router was asked for a lease; reading has stopped.
 * SENDING    a call to the engine runs: first what was kept, then the rest
 *            as it comes, and the answer passes piece by piece. More is
 *            asked of either side only after the other one took what there
 *            was (LIMIT_RELAY_WINDOW_BYTES).
 * LINGERING  the client is gone, but its request was not a streaming one:
 *            engines go on computing such an answer whether anybody listens
 *            or not, so the lease is kept until the answer is there, at most
 *            LINGER_MS. Else the place would be given to a request that the
 *            engine cannot begin.
 * ENDED      nothing runs; the exchange's on_close frees it.
 *
 * Promises: no byte of the body changes but the value of the top-level
 * `model`, and that only when the engine wants it; what an engine has begun
 * to work on is never sent a second time (the one retry is for a kept
 * connection that closed before any byte of an answer); an answer that ends
 * early breaks the client's connection; an error of ours is told once, in
 * the dialect of the path. */
#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "gateway/body_buffer.h"
#include "gateway/finder.h"
#include "gateway/gateway_internal.h"
#include "gateway/headers.h"
#include "io/timer.h"

enum {
    LINGER_MS = 10 * MINUTE_MS,
    PROGRESS_BEAT_MS = 5 * SECOND_MS,
    BREAK_AFTER_MS = 20, /* see break_answer */
    BREAK_TRIES = 250,
    PREFIXES_MAX = 16, /* slashes in /upstream/{model}/... */
    ERROR_BODY_BYTES = 64 * 1024,
};

enum relay_state {
    RELAY_FINDING,
    RELAY_WAITING,
    RELAY_SENDING,
    RELAY_LINGERING,
    RELAY_ENDED,
};

struct relay {
    struct list node;
    struct gateway *gateway;
    struct http_exchange *exchange; /* NULL: closed */
    const struct path_row *row;
    enum error_dialect dialect;
    enum relay_state state;
    char *allow_origin;  /* or NULL */
    struct str target;   /* what the engine is asked for */
    struct strbuf model; /* as the client named it */

    struct finder finder; /* is_finding */
    bool is_finding;      /* the body is looked at */
    bool is_found;
    bool is_named; /* by ?model=; the body's is only looked for to be
                    * rewritten */
    struct body_buffer body;
    uint64_t n_received; /* of the body */
    uint64_t cursor;     /* of the body: passed on so far */
    bool is_body_wanted;
    bool is_body_ended;
    bool is_end_sent;
    bool is_replayable; /* all of the body is in the buffer */
    bool is_retry;

    bool splices;
    uint64_t splice_begin, splice_end;
    struct strbuf replacement;

    struct router_ticket *ticket;
    struct lease lease; /* id 0: none */
    struct http_call *call;
    bool is_stream; /* leaving it cancels it */
    bool is_tunnel;
    bool wants_progress;
    bool has_progress_head; /* 200 and comments were sent */
    char progress[64];      /* the last comment; told again at each beat */
    struct timer beat;
    bool collects_error; /* the answer is to become an error event */
    struct strbuf error_body;

    struct timer linger; /* in RELAY_ENDED: until the answer breaks */
    int n_break_tries;
    struct usage_reader usage;
    int64_t started_at_ms;    /* the loop's time */
    int64_t first_byte_at_ms; /* 0: no answer yet */
    int64_t n_answer_bytes;
    int status; /* of the answer, 0: none */
    bool is_whole;
};

static const struct http_exchange_ops exchange_ops;
static const struct http_call_ops call_ops;

/* ---- the end ---- */

/* As much as there is room for. */
static void
copy_text(char *to, size_t size, struct str text)
{
    size_t n = text.n < size ? text.n : size - 1;
    if (n > 0)
        memcpy(to, text.p, n);
    to[n] = '\0';
}

static void
record(struct relay *relay)
{
    struct usage_entry *entry = usage_ring_add(&relay->gateway->ring);
    if (entry == NULL)
        return;
    int64_t now = loop_now_ms(relay->gateway->options.loop);
    entry->at_ms = loop_wall_ms();
    copy_text(entry->model, sizeof entry->model, strbuf_view(&relay->model));
    copy_text(entry->path, sizeof entry->path, str_from(relay->row->path));
    entry->status = relay->status;
    entry->is_whole = relay->is_whole;
    entry->duration_ms = now - relay->started_at_ms;
    if (relay->first_byte_at_ms != 0)
        entry->first_byte_ms = relay->first_byte_at_ms - relay->started_at_ms;
    entry->answer_bytes = relay->n_answer_bytes;
    usage_reader_end(&relay->usage, &entry->usage);
}

/* Everything that runs for this request is over; only the exchange may
 * still be closing. */
static void
end(struct relay *relay, enum lease_outcome outcome)
{
    if (relay->state == RELAY_ENDED)
        return;
    relay->state = RELAY_ENDED;
    timer_stop(&relay->linger);
    if (relay->ticket != NULL)
        router_cancel(relay->ticket);
    relay->ticket = NULL;
    timer_stop(&relay->beat);
    if (relay->call != NULL)
        http_call_cancel(relay->call);
    relay->call = NULL;
    if (relay->lease.id != 0) {
        record(relay);
        router_release(relay->gateway->options.router, &relay->lease, outcome);
    }
    relay->lease.id = 0;
    body_buffer_release(&relay->body);
    usage_reader_release(&relay->usage);
}

static void
relay_free(struct relay *relay)
{
    end(relay, LEASE_CLIENT_GONE);
    timer_stop(&relay->linger);
    list_remove(&relay->node);
    relay->gateway->n_relays--;
    if (relay->is_finding)
        finder_release(&relay->finder);
    strbuf_release(&relay->model);
    strbuf_release(&relay->replacement);
    strbuf_release(&relay->error_body);
    free(relay->allow_origin);
    free(relay);
}

void
relay_drop_all(struct gateway *gateway)
{
    LIST_FOR_SAFE(node, &gateway->relays)
    {
        struct relay *relay = LIST_ENTRY(node, struct relay, node);
        if (relay->exchange == NULL)
            relay_free(relay);
    }
}

/* An error inside an event stream that has begun. */
static void
send_error_event(struct relay *relay, const struct error *error)
{
    struct strbuf event = STRBUF_INIT(ERROR_BODY_BYTES);
    error_dialect_write_event(relay->dialect, error_http_status(error->code),
                              error_wire(error->code), error->message, &event);
    http_write(relay->exchange, strbuf_view(&event));
    strbuf_release(&event);
    http_finish(relay->exchange);
}

static void
on_break(struct timer *timer)
{
    struct relay *relay = LIST_ENTRY(timer, struct relay, linger);
    if (http_pending(relay->exchange) == 0 ||
        relay->n_break_tries++ == BREAK_TRIES ||
        timer_start(relay->gateway->options.loop, timer, BREAK_AFTER_MS) != 0)
        http_abort(relay->exchange);
}

/* An answer that has begun cannot be finished. What came of it belongs to
 * the client: a reset right behind it would destroy what is still on its
 * way, so that one follows a moment after the last byte has left. */
static void
break_answer(struct relay *relay)
{
    timer_stop(&relay->linger);
    timer_init(&relay->linger, on_break);
    if (timer_start(relay->gateway->options.loop, &relay->linger,
                    BREAK_AFTER_MS) != 0)
        http_abort(relay->exchange);
}

/* Tells the client what went wrong, as far as it still can be told. */
static void
fail(struct relay *relay, const struct error *error, int retry_after_s,
     enum lease_outcome outcome)
{
    struct http_exchange *exchange = relay->exchange;
    bool has_begun = exchange != NULL && http_has_responded(exchange);
    if (has_begun && relay->has_progress_head && relay->status == 0) {
        send_error_event(relay, error);
        has_begun = false;
    } else if (exchange != NULL && !has_begun) {
        relay->status = error_http_status(error->code);
        answer_error(exchange, error, relay->allow_origin, retry_after_s);
    }
    end(relay, outcome);
    if (has_begun)
        break_answer(relay);
}

static void
fail_with(struct relay *relay, enum error_code code, const char *message)
{
    struct error error;
    error_set(&error, code, "%s", message);
    fail(relay, &error, 0, LEASE_OK);
}

/* ---- the body on its way to the engine ---- */

static void
write_to_call(struct relay *relay, const char *bytes, size_t n)
{
    if (n > 0)
        http_call_write(relay->call, (struct str){ bytes, n });
}

/* Passes the bytes at the cursor on, with the model's value replaced. */
static void
emit(struct relay *relay, struct str bytes)
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

/* Sends as much as the engine takes; then asks for more, from the buffer or
 * from the client. */
static void
pump(struct relay *relay)
{
    while (relay->call != NULL && !relay->is_tunnel && !relay->is_end_sent &&
           http_call_pending(relay->call) <= LIMIT_RELAY_WINDOW_BYTES) {
        if (relay->cursor < body_buffer_size(&relay->body)) {
            struct str piece = body_buffer_peek(&relay->body, relay->cursor);
            if (piece.n > 0) {
                emit(relay, piece);
                continue;
            }
            if (!body_buffer_is_busy(&relay->body) &&
                body_buffer_read(&relay->body, relay->cursor) != 0)
                fail_with(relay, ERR_NO_MEMORY, "out of memory");
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

static void
on_body_room(void *ctx)
{
    struct relay *relay = ctx;
    if (relay->body.is_broken)
        fail_with(relay, ERR_IO, "the request's body could not be stored");
    else if (relay->state == RELAY_FINDING && !relay->is_body_ended)
        http_resume_body(relay->exchange);
    else
        pump(relay);
}

static void
on_body_piece(void *ctx, struct str piece)
{
    struct relay *relay = ctx;
    if (relay->call == NULL)
        return;
    if (piece.p == NULL) {
        fail_with(relay, ERR_IO, "the request's body could not be read back");
        return;
    }
    emit(relay, piece);
    pump(relay);
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
        fail_with(relay, ERR_BAD_GATEWAY,
                  "the engine changed the protocol unasked");
}

static void
on_head(struct http_call *call, const struct http_response *response)
{
    struct relay *relay = http_call_ctx(call);
    relay->first_byte_at_ms = loop_now_ms(relay->gateway->options.loop);
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
    usage_reader_init(&relay->usage,
                      http_headers_get(response->headers, "content-type"));
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
        fail_with(relay, ERR_BAD_GATEWAY,
                  "the engine's answer cannot be passed on");
}

static void
on_answer(struct http_call *call, struct str bytes)
{
    struct relay *relay = http_call_ctx(call);
    relay->n_answer_bytes += (int64_t)bytes.n;
    if (relay->state == RELAY_LINGERING)
        return;
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
    end(relay, LEASE_OK);
}

static void start_call(struct relay *relay);

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
        relay->cursor = 0;
        relay->is_end_sent = false;
        start_call(relay);
        return;
    }
    struct error error;
    enum error_code code =
        failure->is_timeout ? ERR_GATEWAY_TIMEOUT : ERR_BAD_GATEWAY;
    error_set(&error, code, "the engine of model '%s' did not answer: %s",
              strbuf_text(&relay->model), failure->error.message);
    fail(relay, &error, 0, LEASE_UPSTREAM_FAILED);
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
        pump(relay);
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
        fail_with(relay, ERR_NO_MEMORY, "out of memory");
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
        fail(relay, &error, 0, LEASE_OK);
        return;
    }
    relay->state = RELAY_SENDING;
    pump(relay);
}

static void
prepare_splice(struct relay *relay)
{
    struct str name = str_from(relay->lease.model);
    if (!relay->is_finding || !relay->lease.rewrites_model ||
        (!relay->is_named && str_eq(name, strbuf_view(&relay->model))))
        return;
    relay->splices = true;
    finder_range(&relay->finder, &relay->splice_begin, &relay->splice_end);
    finder_replacement(&relay->finder, name, &relay->replacement);
}

/* With the lease. */
static void
begin(struct relay *relay)
{
    prepare_splice(relay);
    if (strbuf_failed(&relay->replacement))
        fail_with(relay, ERR_NO_MEMORY, "out of memory");
    else
        start_call(relay);
}

static void
on_ready(void *ctx, const struct lease *lease, const struct error *error,
         int retry_after_s)
{
    struct relay *relay = ctx;
    relay->ticket = NULL;
    timer_stop(&relay->beat);
    if (lease == NULL) {
        fail(relay, error, retry_after_s, LEASE_OK);
        return;
    }
    relay->lease = *lease;
    begin(relay);
}

/* ---- waiting ---- */

static void
send_progress_head(struct relay *relay)
{
    struct header_list list = { .n = 0 };
    headers_add(&list, STR("Content-Type"), STR("text/event-stream"));
    headers_add(&list, STR("Cache-Control"), STR("no-cache"));
    headers_add(&list, STR("X-Accel-Buffering"), STR("no"));
    headers_add_cors(&list, relay->allow_origin);
    struct http_headers headers = { list.at, list.n };
    relay->has_progress_head =
        http_respond_head(relay->exchange, 200, headers, -1) == 0;
}

/* Also when nothing is new: whoever stands between does not take the silence
 * of a long load for the end. */
static void
tell_progress(struct relay *relay)
{
    if (http_write(relay->exchange, str_from(relay->progress)) == 0)
        (void)timer_start(relay->gateway->options.loop, &relay->beat,
                          PROGRESS_BEAT_MS);
}

static void
on_beat(struct timer *timer)
{
    tell_progress(LIST_ENTRY(timer, struct relay, beat));
}

static void
on_progress(void *ctx, enum instance_state state, size_t position)
{
    struct relay *relay = ctx;
    if (!finder_streams(&relay->finder))
        return;
    if (!relay->has_progress_head)
        send_progress_head(relay);
    if (state == INSTANCE_READY)
        snprintf(relay->progress, sizeof relay->progress,
                 ": queued position %zu\n\n", position + 1);
    else
        snprintf(relay->progress, sizeof relay->progress, ": loading (%s)\n\n",
                 instance_state_name(state));
    tell_progress(relay);
}

/* Asks for a lease of relay->model; reading stops until there is one. */
static void
acquire(struct relay *relay, bool checks_path)
{
    struct router *router = relay->gateway->options.router;
    const struct http_request *request = http_request(relay->exchange);
    struct router_model model;
    struct error error;
    if (router_resolve(router, strbuf_view(&relay->model), &model, &error) !=
        0) {
        fail(relay, &error, 0, LEASE_OK);
        return;
    }
    if (checks_path && model.manifest != NULL &&
        !engine_serves(model.manifest, request->path)) {
        error_set(&error, ERR_NOT_IMPLEMENTED,
                  "%s, the engine of model '%s', does not serve %.*s",
                  model.manifest->name, strbuf_text(&relay->model),
                  STR_ARG(request->path));
        fail(relay, &error, 0, LEASE_OK);
        return;
    }
    struct router_need need = {
        .model = strbuf_view(&relay->model),
        .client = str_from(request->client->host),
        .on_ready = on_ready,
        .on_progress = relay->wants_progress ? on_progress : NULL,
        .ctx = relay,
    };
    int retry_after_s;
    relay->state = RELAY_WAITING;
    bool is_served = router_lease_now(router, &model, &relay->lease);
    if (!is_served)
        relay->ticket = router_acquire(router, &need, &error, &retry_after_s);
    if (!is_served && relay->ticket == NULL) {
        fail(relay, &error, retry_after_s, LEASE_OK);
        return;
    }
    if (request->has_body && relay->is_body_wanted && !relay->is_body_ended)
        http_pause_body(relay->exchange);
    if (is_served)
        begin(relay);
}

/* ---- the client's side ---- */

/* The name is known; whether it streams is worth waiting for only when
 * progress was asked for. */
static void
acquire_when_known(struct relay *relay)
{
    if (relay->wants_progress && !finder_knows_stream(&relay->finder) &&
        !relay->is_body_ended)
        return;
    acquire(relay, true);
}

/* A body that names no model, and need not. */
static void
acquire_without_name(struct relay *relay)
{
    relay->is_finding = false;
    relay->is_stream = true; /* nobody knows */
    acquire(relay, true);
}

static void
take_scan(struct relay *relay, enum model_scan scan)
{
    struct error error;
    bool may_lack = relay->is_named && relay->state == RELAY_FINDING;
    switch (scan) {
    case MODEL_FOUND:
        if (!relay->is_found && !relay->is_named &&
            finder_name(&relay->finder, &relay->model) != 0) {
            fail_with(relay, ERR_NO_MEMORY, "out of memory");
            return;
        }
        relay->is_found = true;
        if (relay->state == RELAY_FINDING)
            acquire_when_known(relay);
        break;
    case MODEL_MISSING:
        if (may_lack)
            acquire_without_name(relay);
        else
            fail_with(relay, ERR_BAD_REQUEST,
                      "the request does not name a \"model\"");
        break;
    case MODEL_ERROR:
        finder_error(&relay->finder, &error);
        if (may_lack)
            acquire_without_name(relay);
        else
            fail(relay, &error, 0, LEASE_OK);
        break;
    case MODEL_UNKNOWN: break;
    }
}

static void
keep_body(struct relay *relay, struct str bytes)
{
    if (body_buffer_add(&relay->body, bytes) != 0)
        fail_with(relay, ERR_NO_MEMORY,
                  "the request's body could not be stored");
    else if (body_buffer_is_busy(&relay->body))
        http_pause_body(relay->exchange);
}

static void
pass_body(struct relay *relay, struct str bytes)
{
    bool fits = relay->body.spill == NULL && !relay->body.is_broken &&
                relay->body.memory.n + bytes.n <= LIMIT_REPLAY_BYTES;
    if (relay->is_replayable && fits)
        relay->is_replayable = body_buffer_add(&relay->body, bytes) == 0;
    else
        relay->is_replayable = false;
    emit(relay, bytes);
    if (relay->call != NULL &&
        http_call_pending(relay->call) > LIMIT_RELAY_WINDOW_BYTES)
        http_pause_body(relay->exchange);
}

static void
on_request_body(struct http_exchange *exchange, struct str bytes)
{
    struct relay *relay = http_ctx(exchange);
    if (relay->state == RELAY_ENDED)
        return;
    bool is_live =
        relay->state == RELAY_SENDING && relay->cursor == relay->n_received;
    relay->n_received += bytes.n;
    if (is_live)
        pass_body(relay, bytes);
    else
        keep_body(relay, bytes);
    if (relay->is_finding && relay->state != RELAY_ENDED)
        take_scan(relay, finder_feed(&relay->finder, bytes));
}

static void
on_request_end(struct http_exchange *exchange)
{
    struct relay *relay = http_ctx(exchange);
    relay->is_body_ended = true;
    http_resume_body(exchange); /* nothing comes but its going away */
    if (relay->state == RELAY_SENDING) {
        pump(relay);
    } else if (relay->state == RELAY_FINDING && relay->is_found) {
        acquire(relay, true);
    } else if (relay->state == RELAY_FINDING && relay->is_named) {
        acquire_without_name(relay);
    } else if (relay->state == RELAY_FINDING) {
        struct error error;
        finder_error(&relay->finder, &error);
        fail(relay, &error, 0, LEASE_OK);
    }
}

static void
on_client_drain(struct http_exchange *exchange)
{
    struct relay *relay = http_ctx(exchange);
    if (relay->call != NULL)
        http_call_resume(relay->call);
}

static void
on_linger_end(struct timer *timer)
{
    relay_free(LIST_ENTRY(timer, struct relay, linger));
}

static void
on_close(struct http_exchange *exchange, bool is_client_gone)
{
    struct relay *relay = http_ctx(exchange);
    relay->exchange = NULL;
    bool must_linger = is_client_gone && relay->state == RELAY_SENDING &&
                       relay->is_end_sent && !relay->is_stream &&
                       !finder_streams(&relay->finder);
    if (!must_linger || timer_start(relay->gateway->options.loop,
                                    &relay->linger, LINGER_MS) != 0) {
        relay_free(relay);
        return;
    }
    relay->state = RELAY_LINGERING;
    http_call_resume(relay->call);
}

static void
on_raw(struct http_exchange *exchange, struct str bytes)
{
    struct relay *relay = http_ctx(exchange);
    if (relay->call == NULL)
        return;
    http_call_write(relay->call, bytes);
    if (http_call_pending(relay->call) > LIMIT_RELAY_WINDOW_BYTES)
        http_pause_raw(exchange);
}

static void
on_raw_eof(struct http_exchange *exchange)
{
    struct relay *relay = http_ctx(exchange);
    if (relay->call != NULL)
        http_call_shutdown(relay->call);
}

static const struct http_exchange_ops exchange_ops = {
    .on_body = on_request_body,
    .on_body_end = on_request_end,
    .on_drain = on_client_drain,
    .on_close = on_close,
    .on_raw = on_raw,
    .on_raw_eof = on_raw_eof,
};

/* ---- the beginning ---- */

/* /upstream/{model}/rest, where {model} may hold slashes: the longest name
 * that is known. */
static void
start_upstream(struct relay *relay)
{
    const struct http_request *request = http_request(relay->exchange);
    struct str path = request->path;
    size_t skip = sizeof "/upstream/" - 1;
    size_t ends[PREFIXES_MAX];
    size_t n_ends = 0;
    for (size_t i = skip; i <= path.n && n_ends < PREFIXES_MAX; i++)
        if (i == path.n || path.p[i] == '/')
            ends[n_ends++] = i;
    char name[MODEL_NAME_BYTES];
    while (n_ends-- > 0) {
        struct router_model model;
        struct str text = { path.p + skip, ends[n_ends] - skip };
        ptrdiff_t n = path_decode(text, name, sizeof name);
        bool is_last = n_ends == 0;
        if (n < 0 ||
            (!is_last && router_resolve(relay->gateway->options.router,
                                        (struct str){ name, (size_t)n }, &model,
                                        NULL) != 0))
            continue;
        strbuf_add(&relay->model, name, (size_t)n);
        relay->target = (struct str){ request->target.p + ends[n_ends],
                                      request->target.n - ends[n_ends] };
        if (relay->target.n == 0 || relay->target.p[0] != '/')
            relay->target = STR("/");
        acquire(relay, false);
        return;
    }
    fail_with(relay, ERR_BAD_REQUEST, "the path does not name a model");
}

static void
start_by_query(struct relay *relay, const char *name, size_t n)
{
    /* Nobody looks at the body, so nobody knows whether it streams. */
    relay->is_stream = true;
    strbuf_add(&relay->model, name, n);
    acquire(relay, true);
}

static void
start_by_body(struct relay *relay)
{
    const struct http_request *request = http_request(relay->exchange);
    struct error error;
    if (!request->has_body) {
        fail_with(relay, ERR_BAD_REQUEST,
                  "the request has no body that names a \"model\"");
        return;
    }
    relay->is_finding = true;
    bool can_find =
        finder_init(&relay->finder,
                    http_headers_get(request->headers, "content-type"),
                    &error) == 0;
    if (!can_find && relay->is_named) {
        acquire_without_name(relay);
        return;
    }
    if (!can_find) {
        fail(relay, &error, 0, LEASE_OK);
        return;
    }
    relay->wants_progress = str_eq(
        http_headers_get(request->headers, "x-hearth-progress"), STR("1"));
    if (request->content_length > 0)
        body_buffer_expect(&relay->body, (uint64_t)request->content_length);
    relay->is_body_wanted = true;
    http_want_body(relay->exchange);
}

/* An engine that goes by the name in the body has to find its own there. */
static bool
needs_body_rewritten(struct relay *relay, struct str name)
{
    struct router_model model;
    return http_request(relay->exchange)->has_body &&
           router_resolve(relay->gateway->options.router, name, &model, NULL) ==
               0 &&
           model.rewrites_model;
}

static struct relay *
relay_new(struct gateway *gateway, struct http_exchange *exchange,
          const struct path_row *row, const char *allow_origin)
{
    struct relay *relay = calloc(1, sizeof *relay);
    if (relay == NULL)
        return NULL;
    if (allow_origin[0] != '\0') {
        relay->allow_origin = str_dup(str_from(allow_origin));
        if (relay->allow_origin == NULL) {
            free(relay);
            return NULL;
        }
    }
    timer_init(&relay->beat, on_beat);
    relay->gateway = gateway;
    relay->exchange = exchange;
    relay->row = row;
    relay->dialect = error_dialect_of(http_request(exchange)->path);
    relay->target = http_request(exchange)->target;
    relay->is_replayable = true;
    relay->is_body_ended = !http_request(exchange)->has_body;
    relay->started_at_ms = loop_now_ms(gateway->options.loop);
    strbuf_init(&relay->model, MODEL_NAME_BYTES);
    strbuf_init(&relay->replacement, (size_t)MODEL_NAME_BYTES * 6 + 2);
    strbuf_init(&relay->error_body, ERROR_BODY_BYTES);
    body_buffer_init(&relay->body, gateway->options.loop, &gateway->bodies,
                     gateway->options.spill_dir, on_body_room, on_body_piece,
                     relay);
    usage_reader_init(&relay->usage, STR(""));
    timer_init(&relay->linger, on_linger_end);
    list_push_back(&gateway->relays, &relay->node);
    gateway->n_relays++;
    return relay;
}

void
relay_start(struct gateway *gateway, struct http_exchange *exchange,
            const struct path_row *row, enum path_kind kind,
            const struct auth_answer *who)
{
    struct relay *relay = relay_new(gateway, exchange, row, who->allow_origin);
    if (relay == NULL) {
        answer_status(exchange, 503, ERR_NO_MEMORY, "out of memory",
                      who->allow_origin, NULL);
        return;
    }
    http_set_ops(exchange, &exchange_ops, relay);
    /* Only what is known to be one answer to one question lingers. */
    relay->is_stream = kind != PATH_BODY;
    char name[MODEL_NAME_BYTES];
    ptrdiff_t n = http_query_get(http_request(exchange)->query, "model", name,
                                 sizeof name);
    if (kind == PATH_UPSTREAM)
        start_upstream(relay);
    else if (n > 0 &&
             (kind != PATH_BODY ||
              !needs_body_rewritten(relay, (struct str){ name, (size_t)n })))
        start_by_query(relay, name, (size_t)n);
    else if (kind == PATH_BODY) {
        relay->is_named = n > 0;
        strbuf_add(&relay->model, name, n > 0 ? (size_t)n : 0);
        start_by_body(relay);
    } else
        fail_with(relay, ERR_BAD_REQUEST,
                  "the request does not name a model (?model=...)");
}
