/* Answers: heads, bodies, tunnels.
 *
 * What is small is gathered in `out` and leaves in one write at the latest
 * at the end of the turn; what is large goes straight from the caller's
 * memory in the same writev as what was gathered before it. */
#include <assert.h>

#include "base/limits.h"
#include "http/server_internal.h"

static void
mark_broken(struct http_exchange *exchange)
{
    exchange->is_broken = true;
    loop_defer(http_loop(exchange), &exchange->settle);
}

static void
forget_out(struct http_exchange *exchange)
{
    if (exchange->out.capacity > OUT_KEEP_BYTES)
        strbuf_release(&exchange->out);
    else
        strbuf_clear(&exchange->out);
}

void
exchange_flush(struct http_exchange *exchange)
{
    if (exchange->out.n == 0 || exchange->is_broken || exchange->is_aborted)
        return;
    struct str piece = strbuf_view(&exchange->out);
    int status = stream_write(&exchange->connection->stream, &piece, 1);
    forget_out(exchange);
    if (status != 0)
        mark_broken(exchange);
}

/* Sends the gathered bytes, then the pieces; gathers them when small. */
static int
put(struct http_exchange *exchange, const struct str *pieces, size_t n)
{
    struct strbuf *out = &exchange->out;
    size_t total = out->n;
    for (size_t i = 0; i < n; i++)
        total += pieces[i].n;
    if (total <= OUT_GATHER_BYTES) {
        for (size_t i = 0; i < n; i++)
            strbuf_add_str(out, pieces[i]);
        if (strbuf_failed(out)) {
            mark_broken(exchange);
            return -1;
        }
        loop_defer(http_loop(exchange), &exchange->settle);
        return 0;
    }
    struct str all[8] = { strbuf_view(out) };
    assert(n < sizeof all / sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i + 1] = pieces[i];
    int status = stream_write(&exchange->connection->stream, all, n + 1);
    forget_out(exchange);
    if (status != 0)
        mark_broken(exchange);
    return status;
}

/* ---- heads ---- */

static void
add_status_line(struct http_exchange *exchange, int status)
{
    struct strbuf *out = &exchange->out;
    if (status == 200) {
        strbuf_add_str(out, STR("HTTP/1.1 200 OK\r\nDate: "));
    } else {
        char line[24] = "HTTP/1.1 ";
        line[9] = (char)('0' + status / 100 % 10);
        line[10] = (char)('0' + status / 10 % 10);
        line[11] = (char)('0' + status % 10);
        line[12] = ' ';
        strbuf_add(out, line, 13);
        strbuf_add_text(out, http_status_reason(status));
        strbuf_add_str(out, STR("\r\nDate: "));
    }
    strbuf_add_text(out, server_date(exchange->connection->server));
    strbuf_add_str(out, STR("\r\n"));
}

static void
add_headers(struct strbuf *out, struct http_headers headers)
{
    for (size_t i = 0; i < headers.n; i++) {
        strbuf_add_str(out, headers.at[i].name);
        strbuf_add_str(out, STR(": "));
        strbuf_add_str(out, headers.at[i].value);
        strbuf_add_str(out, STR("\r\n"));
    }
}

static void
add_framing(struct http_exchange *exchange, int status)
{
    struct strbuf *out = &exchange->out;
    bool is_bodyless = status < 200 || status == 204 || status == 304;
    exchange->has_no_body = is_bodyless || exchange->request.is_head;
    exchange->is_chunked = false;
    if (exchange->n_declared >= 0) {
        if (status >= 200 && status != 204) {
            strbuf_add_str(out, STR("Content-Length: "));
            http_add_number(out, (uint64_t)exchange->n_declared, 10);
            strbuf_add_str(out, STR("\r\n"));
        }
    } else if (!is_bodyless) {
        exchange->is_chunked = !exchange->request.is_http_10;
        if (exchange->is_chunked)
            strbuf_add_str(out, STR("Transfer-Encoding: chunked\r\n"));
        else
            exchange->must_close = true;
    }
    if (exchange->must_close)
        strbuf_add_str(out, STR("Connection: close\r\n"));
    else if (exchange->request.is_http_10)
        strbuf_add_str(out, STR("Connection: keep-alive\r\n"));
}

static bool
are_clean(struct http_headers headers)
{
    for (size_t i = 0; i < headers.n; i++)
        if (!http_header_is_clean(&headers.at[i]))
            return false;
    return true;
}

/* When a body is still to come that nobody has asked for, the connection is
 * not worth keeping unless the rest is small. */
static bool
has_long_rest(const struct http_exchange *exchange)
{
    if (!exchange->request.has_body || exchange->is_body_ended)
        return false;
    if (exchange->expects_continue)
        return true;
    if (exchange->request.content_length < 0)
        return !exchange->is_body_wanted;
    return (uint64_t)exchange->request.content_length - exchange->n_body_bytes >
           DRAIN_BODY_BYTES;
}

int
exchange_respond_head(struct http_exchange *exchange, int status,
                      struct http_headers headers, int64_t content_length)
{
    if (exchange->has_responded || exchange->is_refused ||
        exchange->is_broken || exchange->is_aborted || status < 200 ||
        status > 999 || !are_clean(headers))
        return -1;
    exchange->has_responded = true;
    exchange->n_declared = content_length;
    exchange->must_close |=
        has_long_rest(exchange) || exchange->connection->server->is_draining;
    add_status_line(exchange, status);
    add_headers(&exchange->out, headers);
    add_framing(exchange, status);
    strbuf_add_str(&exchange->out, STR("\r\n"));
    if (strbuf_failed(&exchange->out)) {
        mark_broken(exchange);
        return -1;
    }
    loop_defer(http_loop(exchange), &exchange->settle);
    return 0;
}

int
http_respond_head(struct http_exchange *exchange, int status,
                  struct http_headers headers, int64_t content_length)
{
    return exchange_respond_head(exchange, status, headers, content_length);
}

/* ---- bodies ---- */

static int
write_chunk(struct http_exchange *exchange, struct str bytes)
{
    char line[20];
    size_t at = sizeof line;
    line[--at] = '\n';
    line[--at] = '\r';
    size_t n = bytes.n;
    do {
        line[--at] = "0123456789abcdef"[n % 16];
        n /= 16;
    } while (n != 0);
    struct str pieces[3] = { { line + at, sizeof line - at },
                             bytes,
                             STR("\r\n") };
    return put(exchange, pieces, 3);
}

int
exchange_write(struct http_exchange *exchange, struct str bytes)
{
    if (!exchange->has_responded || exchange->is_finished ||
        exchange->is_refused || exchange->is_broken || exchange->is_aborted)
        return -1;
    if (exchange->n_declared >= 0 &&
        (int64_t)bytes.n > exchange->n_declared - exchange->n_written)
        return -1;
    exchange->n_written += (int64_t)bytes.n;
    if (exchange->has_no_body || bytes.n == 0)
        return 0;
    if (exchange->is_chunked)
        return write_chunk(exchange, bytes);
    return put(exchange, &bytes, 1);
}

int
http_write(struct http_exchange *exchange, struct str bytes)
{
    return exchange_write(exchange, bytes);
}

size_t
http_pending(const struct http_exchange *exchange)
{
    return exchange->connection->stream.n_pending + exchange->out.n;
}

void
exchange_finish(struct http_exchange *exchange)
{
    if (exchange->is_finished || exchange->is_aborted || exchange->is_broken)
        return;
    bool is_raw = exchange->connection->state == CONNECTION_RAW;
    bool is_short = !is_raw && !exchange->has_no_body &&
                    exchange->n_declared > exchange->n_written;
    if (!exchange->has_responded || is_short) {
        http_abort(exchange);
        return;
    }
    if (exchange->is_chunked && !exchange->has_no_body)
        strbuf_add_str(&exchange->out, STR("0\r\n\r\n"));
    exchange->is_finished = true;
    if (!exchange->is_body_paused)
        connection_clear_deadline(exchange->connection);
    exchange_flush(exchange);
    loop_defer(http_loop(exchange), &exchange->settle);
}

void
http_finish(struct http_exchange *exchange)
{
    exchange_finish(exchange);
}

void
http_abort(struct http_exchange *exchange)
{
    if (exchange->is_aborted || exchange->is_broken ||
        (exchange->is_refused && exchange->is_finished))
        return;
    exchange->is_aborted = true;
    exchange->is_finished = true;
    exchange->has_responded = true;
    connection_clear_deadline(exchange->connection);
    server_watch(exchange->connection, false);
    stream_reset(&exchange->connection->stream);
    loop_defer(http_loop(exchange), &exchange->settle);
}

void
http_respond(struct http_exchange *exchange, int status,
             struct http_headers headers, const char *type, struct str body)
{
    enum { FIELDS_MAX = 24 };
    struct http_header fields[FIELDS_MAX];
    size_t n = headers.n < FIELDS_MAX - 1 ? headers.n : FIELDS_MAX - 1;
    if (n > 0)
        memcpy(fields, headers.at, n * sizeof *fields);
    if (type != NULL)
        fields[n++] =
            (struct http_header){ STR("Content-Type"), str_from(type) };
    else
        body.n = 0;
    struct http_headers all = { fields, n };
    if (exchange->is_refused)
        return;
    if (exchange_respond_head(exchange, status, all, (int64_t)body.n) != 0) {
        http_abort(exchange);
        return;
    }
    exchange_write(exchange, body);
    exchange_finish(exchange);
}

/* ---- tunnels ---- */

int
http_upgrade(struct http_exchange *exchange, struct http_headers headers)
{
    struct connection *connection = exchange->connection;
    if (!exchange->request.is_upgrade || exchange->has_responded ||
        exchange->is_refused || exchange->is_broken || !are_clean(headers) ||
        exchange->ops->on_raw == NULL)
        return -1;
    strbuf_add_str(&exchange->out, STR("HTTP/1.1 101 Switching Protocols\r\n"
                                       "Connection: Upgrade\r\n"));
    add_headers(&exchange->out, headers);
    strbuf_add_str(&exchange->out, STR("\r\n"));
    if (strbuf_failed(&exchange->out)) {
        mark_broken(exchange);
        return -1;
    }
    exchange->has_responded = true;
    exchange->n_declared = -1;
    exchange->is_body_ended = true;
    exchange->must_close = true;
    connection->state = CONNECTION_RAW;
    connection_clear_deadline(connection);
    server_watch(connection, false);
    loop_defer(http_loop(exchange), &exchange->settle);
    return 0;
}

int
http_write_raw(struct http_exchange *exchange, struct str bytes)
{
    if (exchange->connection->state != CONNECTION_RAW ||
        exchange->is_finished || exchange->is_broken || exchange->is_aborted)
        return -1;
    return put(exchange, &bytes, 1);
}
