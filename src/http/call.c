/* One request to the engine and its answer: see client.h.
 *
 * Writes that fail say nothing: the engine may have answered early and
 * closed, and that answer is still to be read. So only reading decides how a
 * call ends.
 *
 * A kept connection that closes before any byte of an answer was either
 * closed by the engine while our request was on its way, or the engine took
 * the request and died. Only the first may be sent again. The kernel tells
 * them apart: data that no program read is answered with a reset, which
 * follows the end of the stream at once. */
#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "http/client_internal.h"
#include "http/rules.h"

/* ---- the end ---- */

/* Frees the call, or leaves that to the reader's caller. */
static void
release(struct http_call *call)
{
    call->is_over = true;
    if (!call->is_feeding)
        pool_free_call(call);
}

static void
detach(struct http_call *call)
{
    struct upstream *upstream = call->upstream;
    call->upstream = NULL;
    if (upstream != NULL)
        pool_drop(upstream);
}

static void
fail(struct http_call *call, const struct http_call_failure *failure)
{
    if (call->is_over)
        return;
    detach(call);
    call->is_over = true;
    if (call->ops->on_error != NULL)
        call->ops->on_error(call, failure);
    release(call);
}

__attribute__((format(printf, 3, 4))) static void
fail_with(struct http_call *call, enum error_code code, const char *format, ...)
{
    struct http_call_failure failure = {
        .has_response_begun = call->has_begun,
        .is_connect = call->upstream != NULL && !call->upstream->is_connected,
        .is_timeout = code == ERR_GATEWAY_TIMEOUT,
    };
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    error_set(&failure.error, code, "%s", message);
    fail(call, &failure);
}

/* The answer is whole; the connection goes back before on_end, which may
 * start the next call on it. */
static void
complete(struct http_call *call, bool is_reusable)
{
    struct upstream *upstream = call->upstream;
    call->upstream = NULL;
    call->is_over = true;
    if (is_reusable && call->is_request_ended && !call->is_write_broken &&
        call->out.n == 0 && upstream->stream.n_pending == 0)
        pool_give_back(upstream, call->is_stream);
    else
        pool_drop(upstream);
    if (call->ops->on_end != NULL)
        call->ops->on_end(call);
    release(call);
}

/* What was answered before is still to be read; but not for long. */
static void
mark_write_broken(struct http_call *call)
{
    if (call->is_write_broken)
        return;
    call->is_write_broken = true;
    call->broken_by_ms = loop_now_ms(call->pool->loop) + BROKEN_WAIT_MS;
    timer_start(call->pool->loop, &call->timer, BROKEN_WAIT_MS);
}

/* ---- the answer ---- */

void
call_on_body(struct reader *reader, struct str bytes)
{
    struct http_call *call = LIST_ENTRY(reader, struct http_call, reader);
    if (!call->is_over && call->ops->on_body != NULL)
        call->ops->on_body(call, bytes);
}

static void
on_head(struct http_call *call)
{
    struct reader *reader = &call->reader;
    int status = reader->status;
    if (status < 200 && status != 101) {
        if (++call->n_interim > INTERIM_MAX)
            fail_with(call, ERR_BAD_GATEWAY,
                      "the engine sent more than %d interim answers",
                      INTERIM_MAX);
        else
            reader_reset(reader);
        return;
    }
    if (status == 101 && !call->is_upgrade) {
        fail_with(call, ERR_BAD_GATEWAY,
                  "the engine switched protocols without being asked");
        return;
    }
    call->is_raw = status == 101;
    if (call->is_head || status == 204 || status == 304)
        reader_skip_body(reader);
    struct http_response response = {
        .status = status,
        .reason = reader->target,
        .headers = reader_headers(reader),
        .content_length = call->is_raw ? -1 : reader->content_length,
        .is_upgrade = call->is_raw,
    };
    if (call->answer_by_ms != 0 && call->total_by_ms == 0)
        timer_stop(&call->timer);
    call->answer_by_ms = 0;
    call->is_stream =
        str_starts_with(http_headers_get(response.headers, "content-type"),
                        STR("text/event-stream"));
    if (call->ops->on_head != NULL)
        call->ops->on_head(call, &response);
}

/* One step of the reader; false when the input is used up or the call is
 * over. */
static bool
read_some(struct http_call *call, struct str *input)
{
    switch (reader_read(&call->reader, input)) {
    case READER_MORE: return false;
    case READER_HEAD: on_head(call); return !call->is_over;
    case READER_END:
        if (!call->is_over)
            /* Bytes behind the answer: whose would they be? */
            complete(call, call->reader.is_keep_alive && input->n == 0);
        return false;
    case READER_BAD: break;
    }
    fail_with(call, ERR_BAD_GATEWAY, "the engine's answer is malformed: %s",
              call->reader.message);
    return false;
}

static void
feed(struct http_call *call, struct str input)
{
    call->has_begun = true;
    call->is_feeding = true;
    bool goes_on = true;
    while (goes_on && !call->is_over) {
        if (!call->is_raw) {
            goes_on = read_some(call, &input);
            continue;
        }
        if (input.n > 0 && call->ops->on_body != NULL)
            call->ops->on_body(call, input);
        break;
    }
    call->is_feeding = false;
    if (call->is_over)
        pool_free_call(call);
}

static void
on_read(struct stream *stream, struct str bytes)
{
    struct upstream *upstream = LIST_ENTRY(stream, struct upstream, stream);
    if (upstream->call != NULL)
        feed(upstream->call, bytes);
    else
        pool_drop(upstream); /* nobody asked */
}

/* The connection is gone and no byte came on a kept connection. */
static void
fail_unanswered(struct http_call *call, bool is_stale)
{
    struct http_call_failure failure = { .is_stale_reuse = is_stale };
    error_set(&failure.error, ERR_BAD_GATEWAY,
              "the engine closed the connection without an answer");
    fail(call, &failure);
}

static void
on_gone(struct upstream *upstream, int status)
{
    struct http_call *call = upstream->call;
    if (call == NULL) {
        pool_drop(upstream);
        return;
    }
    if (status == 0 && call->is_raw) {
        complete(call, false);
        return;
    }
    if (status == 0 && call->has_begun &&
        reader_finish(&call->reader) == READER_END) {
        complete(call, false);
        return;
    }
    if (call->has_begun) {
        fail_with(call, ERR_BAD_GATEWAY, "the engine's answer ended early%s%s",
                  status != 0 ? ": " : "",
                  status != 0 ? uv_strerror(status) : "");
        return;
    }
    if (!call->is_reused || status != 0 || call->pool->to.is_unix) {
        fail_unanswered(call, call->is_reused);
        return;
    }
    call->is_deciding = true;
    if (stream_is_reset(&upstream->stream) ||
        timer_start(call->pool->loop, &call->timer, STALE_WAIT_MS) != 0)
        fail_unanswered(call, true);
}

static void
on_eof(struct stream *stream)
{
    on_gone(LIST_ENTRY(stream, struct upstream, stream), 0);
}

static void
on_error(struct stream *stream, int status)
{
    struct upstream *upstream = LIST_ENTRY(stream, struct upstream, stream);
    struct http_call *call = upstream->call;
    /* A write that failed: what was answered before is still to be read. */
    if (call != NULL && stream->is_reading) {
        mark_write_broken(call);
        return;
    }
    on_gone(upstream, status);
}

static void
on_connect(struct stream *stream, int status)
{
    struct upstream *upstream = LIST_ENTRY(stream, struct upstream, stream);
    struct http_call *call = upstream->call;
    if (status != 0) {
        if (call == NULL)
            pool_drop(upstream);
        else
            fail_with(call, ERR_BAD_GATEWAY, "cannot connect: %s",
                      uv_strerror(status));
        return;
    }
    upstream->is_connected = true;
    if (call == NULL)
        return;
    call->connect_by_ms = 0;
    if (call->answer_by_ms == 0 && call->total_by_ms == 0)
        timer_stop(&call->timer);
    if (!call->is_paused)
        stream_read_start(stream);
}

static void
on_drain(struct stream *stream)
{
    struct http_call *call = LIST_ENTRY(stream, struct upstream, stream)->call;
    if (call != NULL && call->ops->on_drain != NULL)
        call->ops->on_drain(call);
}

static void
on_close(struct stream *stream)
{
    pool_forget(LIST_ENTRY(stream, struct upstream, stream));
}

const struct stream_ops upstream_ops = {
    .on_connect = on_connect,
    .on_read = on_read,
    .on_eof = on_eof,
    .on_error = on_error,
    .on_drain = on_drain,
    .on_close = on_close,
};

/* ---- time ---- */

static int64_t
first_limit(const struct http_call *call)
{
    int64_t limits[3] = { call->connect_by_ms, call->answer_by_ms,
                          call->total_by_ms };
    int64_t first = 0;
    for (int i = 0; i < 3; i++)
        if (limits[i] != 0 && (first == 0 || limits[i] < first))
            first = limits[i];
    return first;
}

static int
arm(struct http_call *call)
{
    int64_t first_ms = first_limit(call);
    if (first_ms == 0)
        return 0;
    return timer_start(call->pool->loop, &call->timer,
                       first_ms - loop_now_ms(call->pool->loop));
}

void
call_on_timer(struct timer *timer)
{
    struct http_call *call = LIST_ENTRY(timer, struct http_call, timer);
    if (call->is_deciding) {
        fail_unanswered(call, stream_is_reset(&call->upstream->stream));
        return;
    }
    if (call->broken_by_ms != 0) {
        fail_with(call, ERR_BAD_GATEWAY,
                  "the engine does not take the request");
        return;
    }
    int64_t first_ms = first_limit(call);
    if (first_ms == 0)
        return;
    if (first_ms > loop_now_ms(call->pool->loop)) {
        arm(call);
        return;
    }
    fail_with(call, ERR_GATEWAY_TIMEOUT, "%s",
              first_ms == call->connect_by_ms ? "connecting took too long"
                                              : "the engine took too long");
}

/* ---- the request ---- */

static void
flush(struct http_call *call)
{
    if (call->out.n == 0 || call->upstream == NULL)
        return;
    struct str piece = strbuf_view(&call->out);
    if (stream_write(&call->upstream->stream, &piece, 1) != 0)
        mark_write_broken(call);
    if (call->out.capacity > CALL_OUT_KEEP_BYTES)
        strbuf_release(&call->out);
    else
        strbuf_clear(&call->out);
}

void
call_on_settle(struct deferred *deferred)
{
    flush(LIST_ENTRY(deferred, struct http_call, settle));
}

static int
put(struct http_call *call, const struct str *pieces, size_t n)
{
    struct strbuf *out = &call->out;
    size_t total = out->n;
    for (size_t i = 0; i < n; i++)
        total += pieces[i].n;
    if (total <= CALL_OUT_GATHER_BYTES) {
        for (size_t i = 0; i < n; i++)
            strbuf_add_str(out, pieces[i]);
        if (strbuf_failed(out)) {
            mark_write_broken(call);
            strbuf_release(out);
            return -1;
        }
        loop_defer(call->pool->loop, &call->settle);
        return 0;
    }
    struct str all[8] = { strbuf_view(out) };
    assert(n < sizeof all / sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i + 1] = pieces[i];
    int status = stream_write(&call->upstream->stream, all, n + 1);
    if (out->capacity > CALL_OUT_KEEP_BYTES)
        strbuf_release(out);
    else
        strbuf_clear(out);
    if (status != 0)
        mark_write_broken(call);
    return status;
}

/* Written here, whatever the caller lists. */
static bool
is_own_field(struct str name)
{
    switch (name.n) {
    case 4: return str_eq_nocase(name, STR("host"));
    case 6: return str_eq_nocase(name, STR("expect"));
    case 10: return str_eq_nocase(name, STR("connection"));
    case 14: return str_eq_nocase(name, STR("content-length"));
    case 17: return str_eq_nocase(name, STR("transfer-encoding"));
    default: return false;
    }
}

static int
check_options(const struct http_call_options *options, struct error *error)
{
    for (size_t i = 0; i < options->headers.n; i++)
        if (!http_header_is_clean(&options->headers.at[i]))
            return error_set(error, ERR_BAD_REQUEST,
                             "header field '%.*s' holds a forbidden byte",
                             STR_ARG(options->headers.at[i].name));
    bool is_clean = options->method.n > 0 && options->target.n > 0;
    for (size_t i = 0; i < options->method.n; i++)
        is_clean &= http_is_token_byte(options->method.p[i]);
    for (size_t i = 0; i < options->target.n; i++)
        is_clean &= (unsigned char)options->target.p[i] > ' ' &&
                    options->target.p[i] != 0x7F;
    if (!is_clean)
        return error_set(error, ERR_BAD_REQUEST,
                         "the request line holds a forbidden byte");
    return 0;
}

static void
compose_head(struct http_call *call, const struct http_call_options *options)
{
    struct strbuf *out = &call->out;
    strbuf_add_str(out, options->method);
    strbuf_add_byte(out, ' ');
    strbuf_add_str(out, options->target);
    strbuf_add_str(out, STR(" HTTP/1.1\r\n"));
    strbuf_add_text(out, call->pool->host);
    for (size_t i = 0; i < options->headers.n; i++) {
        const struct http_header *field = &options->headers.at[i];
        if (is_own_field(field->name))
            continue;
        strbuf_add_str(out, field->name);
        strbuf_add_str(out, STR(": "));
        strbuf_add_str(out, field->value);
        strbuf_add_str(out, STR("\r\n"));
    }
    bool is_bodyless =
        str_is(options->method, "GET") || str_is(options->method, "HEAD") ||
        str_is(options->method, "DELETE") || str_is(options->method, "OPTIONS");
    if (options->content_length < 0)
        strbuf_add_str(out, STR("Transfer-Encoding: chunked\r\n"));
    else if (options->content_length > 0 || !is_bodyless) {
        strbuf_add_str(out, STR("Content-Length: "));
        http_add_number(out, (uint64_t)options->content_length, 10);
        strbuf_add_str(out, STR("\r\n"));
    }
    if (options->is_upgrade)
        strbuf_add_str(out, STR("Connection: Upgrade\r\n"));
    strbuf_add_str(out, STR("\r\n"));
}

static void
set_limits(struct http_call *call, const struct http_call_options *options)
{
    int64_t now_ms = loop_now_ms(call->pool->loop);
    if (!call->upstream->is_connected)
        call->connect_by_ms = now_ms + (options->connect_timeout_ms > 0
                                            ? options->connect_timeout_ms
                                            : CONNECT_TIMEOUT_MS);
    if (options->answer_timeout_ms > 0)
        call->answer_by_ms = now_ms + options->answer_timeout_ms;
    if (options->total_timeout_ms > 0)
        call->total_by_ms = now_ms + options->total_timeout_ms;
}

struct http_call *
http_call_start(struct http_pool *pool, const struct http_call_options *options,
                struct error *error)
{
    assert(loop_is_here(pool->loop));
    if (check_options(options, error) != 0)
        return NULL;
    struct http_call *call = pool_new_call(pool);
    if (call == NULL) {
        error_set(error, ERR_NO_MEMORY, "no memory for a call");
        return NULL;
    }
    call->ops = options->ops;
    call->ctx = options->ctx;
    call->n_declared = options->content_length;
    call->is_head = str_is(options->method, "HEAD");
    call->is_upgrade = options->is_upgrade;
    compose_head(call, options);
    if (strbuf_failed(&call->out)) {
        error_set(error, ERR_NO_MEMORY, "no memory for the head of a call");
        pool_free_call(call);
        return NULL;
    }
    struct upstream *upstream = pool_take(pool, options->must_be_fresh, error);
    if (upstream == NULL) {
        pool_free_call(call);
        return NULL;
    }
    call->upstream = upstream;
    upstream->call = call;
    call->is_reused = upstream->n_requests++ > 0;
    set_limits(call, options);
    if (arm(call) != 0) {
        error_set(error, ERR_NO_MEMORY, "no memory for a timer");
        call->upstream = NULL;
        pool_drop(upstream);
        pool_free_call(call);
        return NULL;
    }
    loop_defer(pool->loop, &call->settle);
    return call;
}

void *
http_call_ctx(const struct http_call *call)
{
    return call->ctx;
}

int
http_call_write(struct http_call *call, struct str bytes)
{
    if (call->is_over || call->is_write_broken || call->upstream == NULL ||
        (call->is_request_ended && !call->is_raw))
        return -1;
    if (bytes.n == 0)
        return 0;
    if (call->is_raw)
        return put(call, &bytes, 1);
    if (call->n_declared >= 0) {
        if ((int64_t)bytes.n > call->n_declared - call->n_written)
            return -1;
        call->n_written += (int64_t)bytes.n;
        return put(call, &bytes, 1);
    }
    char line[24];
    int n = snprintf(line, sizeof line, "%zx\r\n", bytes.n);
    struct str pieces[3] = { { line, (size_t)n }, bytes, STR("\r\n") };
    return put(call, pieces, 3);
}

size_t
http_call_pending(const struct http_call *call)
{
    size_t n_queued =
        call->upstream == NULL ? 0 : call->upstream->stream.n_pending;
    return n_queued + call->out.n;
}

void
http_call_end(struct http_call *call)
{
    if (call->is_over || call->is_request_ended)
        return;
    call->is_request_ended = true;
    if (call->n_declared < 0)
        strbuf_add_str(&call->out, STR("0\r\n\r\n"));
    flush(call);
}

void
http_call_pause(struct http_call *call)
{
    call->is_paused = true;
    if (call->upstream != NULL)
        stream_read_stop(&call->upstream->stream);
}

void
http_call_resume(struct http_call *call)
{
    if (!call->is_paused)
        return;
    call->is_paused = false;
    if (call->upstream != NULL && call->upstream->is_connected)
        stream_read_start(&call->upstream->stream);
}

void
http_call_retire(struct http_call *call)
{
    call->reader.is_keep_alive = false;
}

void
http_call_cancel(struct http_call *call)
{
    if (call == NULL || call->is_over)
        return;
    detach(call);
    release(call);
}

void
http_call_shutdown(struct http_call *call)
{
    if (call->is_over || !call->is_raw || call->upstream == NULL)
        return;
    flush(call);
    stream_shutdown(&call->upstream->stream);
}
