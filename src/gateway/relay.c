/* The relay: one request for one model, from its head to its end.
 *
 *   FINDING --> WAITING --> SENDING ---------------> ENDED
 *      |           |           |                       ^
 *      |           |           `--> LINGERING ---------|
 *      `-----------`-----------------------------------'
 *
 * FINDING    the body is read until the model's name is known. What was read
 *            is kept (body_buffer.h).
 * WAITING    the router was asked for a lease. The body is read on into the
 *            buffer: whoever leaves in the middle of it is noticed only by
 *            reading. Beyond LIMIT_WAITING_BODIES_BYTES of all that wait it
 *            is not. Also: an engine was not there any more when it was to
 *            be asked, and the news of its end is waited for.
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
 * connection that closed before any byte of an answer, and one new lease is
 * asked for when no connection could be made); an answer that ends
 * early breaks the client's connection; an error of ours is told once, in
 * the dialect of the path. */
#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "gateway/headers.h"
#include "gateway/relay_internal.h"

enum {
    LINGER_MS = 10 * MINUTE_MS,
    PROGRESS_BEAT_MS = 5 * SECOND_MS,
    BREAK_AFTER_MS = 20, /* see break_answer */
    BREAK_TRIES = 250,
    PREFIXES_MAX = 16, /* slashes in /upstream/{model}/... */
};

/* ---- the end ---- */

static void
count(struct relay *relay, const struct usage *usage)
{
    struct counted_request request = {
        .status = relay->status,
        .started_at_ms = relay->started_at_ms,
        .leased_at_ms = relay->leased_at_ms,
        .first_byte_at_ms = relay->first_byte_at_ms,
        .ended_at_ms = loop_now_ms(relay->gateway->options.loop),
        .n_answer_bytes = relay->n_answer_bytes,
        .usage = *usage,
    };
    gateway_count(relay->gateway, &request);
}

static void
note_lease(struct relay *relay)
{
    if (relay->leased_at_ms == 0)
        relay->leased_at_ms = loop_now_ms(relay->gateway->options.loop);
}

void
relay_end(struct relay *relay, enum lease_outcome outcome)
{
    if (relay->state == RELAY_ENDED)
        return;
    relay->state = RELAY_ENDED;
    timer_stop(&relay->linger);
    if (relay->ticket != NULL)
        router_cancel(relay->ticket);
    relay->ticket = NULL;
    timer_stop(&relay->beat);
    timer_stop(&relay->news);
    relay->gateway->n_kept_bytes -= relay->n_kept;
    relay->n_kept = 0;
    if (relay->call != NULL)
        http_call_cancel(relay->call);
    relay->call = NULL;
    struct usage usage;
    usage_reader_end(&relay->usage, &usage);
    count(relay, &usage);
    relay_track_end(relay, &usage);
    if (relay->lease.id != 0)
        router_release(relay->gateway->options.router, &relay->lease, outcome);
    relay->lease.id = 0;
    body_buffer_release(&relay->body);
    usage_reader_release(&relay->usage);
}

void
relay_free(struct relay *relay)
{
    relay_end(relay, LEASE_CLIENT_GONE);
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

void
relay_fail(struct relay *relay, const struct error *error, int retry_after_s,
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
    relay_track_error(relay, error);
    relay_end(relay, outcome);
    if (has_begun)
        break_answer(relay);
}

void
relay_fail_with(struct relay *relay, enum error_code code, const char *message)
{
    struct error error;
    error_set(&error, code, "%s", message);
    relay_fail(relay, &error, 0, LEASE_OK);
}

/* ---- waiting ---- */

bool
relay_may_read_on(const struct relay *relay)
{
    return relay->state == RELAY_FINDING ||
           (relay->state == RELAY_WAITING &&
            relay->gateway->n_kept_bytes < LIMIT_WAITING_BODIES_BYTES);
}

static void
on_ready(void *ctx, const struct lease *lease, const struct error *error,
         int retry_after_s)
{
    struct relay *relay = ctx;
    relay->ticket = NULL;
    timer_stop(&relay->beat);
    if (lease == NULL) {
        relay_fail(relay, error, retry_after_s, LEASE_OK);
        return;
    }
    relay->lease = *lease;
    note_lease(relay);
    /* What comes now would overtake what is in the buffer. */
    if (relay->is_body_wanted && !relay->is_body_ended)
        http_pause_body(relay->exchange);
    relay_begin(relay);
}

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
    relay_track_wait(relay, state);
    if (!relay->wants_progress || !finder_streams(&relay->finder))
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

/* Until it is served. A client that asked for a "100 Continue" has sent
 * nothing yet and is not told to. */
static void
read_while_waiting(struct relay *relay)
{
    struct http_exchange *exchange = relay->exchange;
    const struct http_request *request = http_request(exchange);
    if (!request->has_body || relay->is_body_ended)
        return;
    if (!relay_may_read_on(relay) || body_buffer_is_busy(&relay->body)) {
        http_pause_body(exchange);
    } else if (relay->is_body_wanted) {
        http_resume_body(exchange);
    } else if (http_headers_get(request->headers, "expect").n == 0) {
        relay->is_body_wanted = true;
        http_want_body(exchange);
    }
}

void
relay_acquire(struct relay *relay, bool checks_path)
{
    struct router *router = relay->gateway->options.router;
    const struct http_request *request = http_request(relay->exchange);
    struct router_model model;
    struct error error;
    relay_track_model(relay);
    if (router_resolve(router, strbuf_view(&relay->model), &model, &error) !=
        0) {
        relay_fail(relay, &error, 0, LEASE_OK);
        return;
    }
    if (checks_path && model.manifest != NULL &&
        !engine_serves(model.manifest, request->path)) {
        error_set(&error, ERR_NOT_IMPLEMENTED,
                  "%s, the engine of model '%s', does not serve %.*s",
                  model.manifest->name, strbuf_text(&relay->model),
                  STR_ARG(request->path));
        relay_fail(relay, &error, 0, LEASE_OK);
        return;
    }
    struct router_need need = {
        .model = strbuf_view(&relay->model),
        .client = str_from(request->client->host),
        .on_ready = on_ready,
        .wants_position = relay->wants_progress,
        .on_progress = on_progress,
        .ctx = relay,
    };
    int retry_after_s;
    relay->state = RELAY_WAITING;
    bool is_served = router_lease_now(router, &model, &relay->lease);
    if (!is_served)
        relay->ticket = router_acquire(router, &need, &error, &retry_after_s);
    if (!is_served && relay->ticket == NULL) {
        relay_fail(relay, &error, retry_after_s, LEASE_OK);
        return;
    }
    if (!is_served) {
        relay_track_phase(relay, ACTIVITY_QUEUED);
        read_while_waiting(relay);
        return;
    }
    note_lease(relay);
    if (request->has_body && relay->is_body_wanted && !relay->is_body_ended)
        http_pause_body(relay->exchange);
    relay_begin(relay);
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
    relay_acquire(relay, true);
}

/* A body that names no model, and need not. */
static void
acquire_without_name(struct relay *relay)
{
    finder_release(&relay->finder);
    relay->finder = (struct finder){ .is_form = false };
    relay->is_finding = false;
    relay->is_stream = true; /* nobody knows */
    relay_acquire(relay, true);
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
            relay_fail_with(relay, ERR_NO_MEMORY, "out of memory");
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
            relay_fail_with(relay, ERR_BAD_REQUEST,
                            "the request does not name a \"model\"");
        break;
    case MODEL_ERROR:
        finder_error(&relay->finder, &error);
        if (may_lack)
            acquire_without_name(relay);
        else
            relay_fail(relay, &error, 0, LEASE_OK);
        break;
    case MODEL_UNKNOWN: break;
    }
}

static void
keep_body(struct relay *relay, struct str bytes)
{
    if (body_buffer_add(&relay->body, bytes) != 0)
        relay_fail_with(relay, ERR_NO_MEMORY,
                        "the request's body could not be stored");
    else if (body_buffer_is_busy(&relay->body) || !relay_may_read_on(relay))
        http_pause_body(relay->exchange);
    if (relay->state != RELAY_ENDED) {
        relay->n_kept += bytes.n;
        relay->gateway->n_kept_bytes += bytes.n;
    }
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
    relay_emit(relay, bytes);
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
    relay_track_asked(relay, bytes);
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
        relay_pump(relay);
    } else if (relay->state == RELAY_FINDING && relay->is_found) {
        relay_acquire(relay, true);
    } else if (relay->state == RELAY_FINDING && relay->is_named) {
        acquire_without_name(relay);
    } else if (relay->state == RELAY_FINDING) {
        struct error error;
        finder_error(&relay->finder, &error);
        relay_fail(relay, &error, 0, LEASE_OK);
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

/* Engines go on computing the one answer to one question. */
static bool
would_go_on(const struct relay *relay)
{
    return relay->state == RELAY_SENDING && relay->is_end_sent &&
           !relay->is_stream && !finder_streams(&relay->finder);
}

/* Without its client. */
static void
linger(struct relay *relay)
{
    relay->exchange = NULL;
    if (timer_start(relay->gateway->options.loop, &relay->linger, LINGER_MS) !=
        0) {
        relay_free(relay);
        return;
    }
    relay->state = RELAY_LINGERING;
    relay_track_phase(relay, ACTIVITY_FINISHING);
    http_call_resume(relay->call);
}

static void
on_close(struct http_exchange *exchange, bool is_client_gone)
{
    struct relay *relay = http_ctx(exchange);
    relay->is_left = relay->state != RELAY_ENDED && !relay->is_whole;
    if (is_client_gone && would_go_on(relay)) {
        linger(relay);
        return;
    }
    relay->exchange = NULL;
    relay_free(relay);
}

static void
on_left_close(struct http_exchange *exchange, bool is_client_gone)
{
    (void)exchange;
    (void)is_client_gone;
}

void
relay_cancel(struct relay *relay)
{
    static const struct http_exchange_ops left_ops = { .on_close =
                                                           on_left_close };
    struct http_exchange *exchange = relay->exchange;
    struct error error;
    relay->is_cancelled = true;
    error_set(&error, ERR_REQUEST_CANCELLED,
              "the request was cancelled by hand");
    if (!would_go_on(relay)) {
        relay_fail(relay, &error, 0, LEASE_CLIENT_GONE);
        return;
    }
    relay_track_error(relay, &error);
    http_set_ops(exchange, &left_ops, NULL);
    if (http_has_responded(exchange)) {
        http_abort(exchange);
    } else {
        relay->status = error_http_status(error.code);
        answer_error(exchange, &error, relay->allow_origin, 0);
    }
    linger(relay);
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
        relay_acquire(relay, false);
        return;
    }
    relay_fail_with(relay, ERR_BAD_REQUEST, "the path does not name a model");
}

static void
start_by_query(struct relay *relay, const char *name, size_t n)
{
    /* Nobody looks at the body, so nobody knows whether it streams. */
    relay->is_stream = true;
    strbuf_add(&relay->model, name, n);
    relay_acquire(relay, true);
}

static void
start_by_body(struct relay *relay)
{
    const struct http_request *request = http_request(relay->exchange);
    struct error error;
    if (!request->has_body) {
        relay_fail_with(relay, ERR_BAD_REQUEST,
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
        relay_fail(relay, &error, 0, LEASE_OK);
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
                     gateway->options.spill_dir, relay_on_body_room,
                     relay_on_body_piece, relay);
    usage_reader_init(&relay->usage, STR(""));
    timer_init(&relay->linger, on_linger_end);
    timer_init(&relay->news, relay_on_news);
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
    relay_track(relay, who);
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
        relay_fail_with(relay, ERR_BAD_REQUEST,
                        "the request does not name a model (?model=...)");
}
