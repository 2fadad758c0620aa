/* One connection: who gets the bytes that come in, and when it ends.
 *
 * Reading never stops while an answer is awaited, because the end of the
 * stream is what tells that the client left. It stops only when bytes came
 * that nobody wants yet (a pipelined request, a body before its handler
 * asks) or when the handler pauses; then the server looks after the
 * connection five times a second instead. A client that half-closes while
 * its answer is pending counts as gone. */
#include <assert.h>
#include <stdlib.h>

#include "http/server_internal.h"

void
connection_set_deadline(struct connection *connection, int64_t after_ms)
{
    struct loop *loop = connection->server->loop;
    connection->deadline_ms = loop_now_ms(loop) + after_ms;
    if (timer_is_armed(&connection->timer) &&
        connection->timer.at_ms <= connection->deadline_ms)
        return;
    if (timer_start(loop, &connection->timer, after_ms) == 0)
        return;
    /* Out of memory. The caller may be in the middle of an exchange. */
    if (connection->exchange == NULL) {
        connection_drop(connection, false);
        return;
    }
    connection->exchange->is_broken = true;
    loop_defer(loop, &connection->exchange->settle);
}

void
connection_clear_deadline(struct connection *connection)
{
    connection->deadline_ms = 0;
}

static void
expire(struct connection *connection)
{
    struct http_exchange *exchange = connection->exchange;
    switch (connection->state) {
    case CONNECTION_HEAD:
        exchange_refuse(exchange, 408, "the request took too long to come");
        break;
    case CONNECTION_EXCHANGE:
        if (exchange->has_responded)
            connection_drop(connection, true);
        else
            exchange_refuse(exchange, 408, "the body stopped coming");
        break;
    default: connection_drop(connection, true); break;
    }
}

void
connection_on_timer(struct timer *timer)
{
    struct connection *connection = LIST_ENTRY(timer, struct connection, timer);
    if (connection->deadline_ms == 0)
        return;
    int64_t left_ms =
        connection->deadline_ms - loop_now_ms(connection->server->loop);
    if (left_ms > 0) {
        if (timer_start(connection->server->loop, timer, left_ms) != 0)
            connection_drop(connection, false);
        return;
    }
    connection->deadline_ms = 0;
    expire(connection);
}

void
connection_drop(struct connection *connection, bool is_client_gone)
{
    connection->deadline_ms = 0;
    server_watch(connection, false);
    stream_close(&connection->stream);
    if (connection->exchange != NULL)
        exchange_end(connection->exchange, is_client_gone);
}

static bool
has_stash(const struct connection *connection)
{
    return connection->stash_at < connection->stash_n;
}

void
connection_update_reading(struct connection *connection)
{
    const struct http_exchange *exchange = connection->exchange;
    bool is_wanted = !has_stash(connection);
    /* A handler may pause and go on within one read: what counts, and what
     * costs system calls, is how it stands at the end. */
    if (connection->is_feeding)
        return;
    if (exchange != NULL && exchange->is_body_paused &&
        (!exchange->is_body_ended || connection->state == CONNECTION_RAW))
        is_wanted = false;
    if (exchange != NULL && exchange->is_raw_eof)
        is_wanted = false;
    if (!is_wanted) {
        stream_read_stop(&connection->stream);
        server_watch(connection, connection->state == CONNECTION_EXCHANGE);
        return;
    }
    server_watch(connection, false);
    if (!connection->stream.is_reading && !connection->stream.is_closing &&
        stream_read_start(&connection->stream) != 0)
        connection_drop(connection, true);
}

/* Keeps what came too early. The input is the stash itself, or what a read
 * brought while there was none. */
static void
stash(struct connection *connection, struct str input)
{
    if (connection->stash != NULL && input.p >= connection->stash &&
        input.p <= connection->stash + connection->stash_n) {
        connection->stash_at = (size_t)(input.p - connection->stash);
        return;
    }
    assert(!has_stash(connection));
    free(connection->stash);
    connection->stash = malloc(input.n);
    if (connection->stash == NULL) {
        connection->stash_at = connection->stash_n = 0;
        connection_drop(connection, false);
        return;
    }
    memcpy(connection->stash, input.p, input.n);
    connection->stash_at = 0;
    connection->stash_n = input.n;
}

static void
drop_stash(struct connection *connection)
{
    free(connection->stash);
    connection->stash = NULL;
    connection->stash_at = connection->stash_n = 0;
}

static bool
begin_head(struct connection *connection)
{
    connection->exchange = exchange_new(connection);
    if (connection->exchange == NULL) {
        connection_drop(connection, false);
        return false;
    }
    connection->state = CONNECTION_HEAD;
    server_list_connection(connection, false);
    return true;
}

static void
feed_head(struct connection *connection, struct str *input)
{
    struct http_exchange *exchange = connection->exchange;
    bool has_begun = reader_has_begun(&exchange->reader);
    switch (reader_read(&exchange->reader, input)) {
    case READER_HEAD:
        connection_clear_deadline(connection);
        connection->state = CONNECTION_EXCHANGE;
        exchange_dispatch(exchange);
        break;
    case READER_MORE:
        if (!has_begun)
            connection_set_deadline(
                connection, connection->server->options.header_timeout_ms);
        break;
    default:
        *input = (struct str){ input->p + input->n, 0 };
        exchange_refuse(exchange, exchange->reader.refusal,
                        exchange->reader.message);
        break;
    }
}

static void
feed_body(struct connection *connection, struct str *input)
{
    struct http_exchange *exchange = connection->exchange;
    if (!exchange->is_body_paused && !exchange->is_discarding)
        connection_set_deadline(connection,
                                connection->server->options.body_stall_ms);
    switch (reader_read(&exchange->reader, input)) {
    case READER_MORE: break;
    case READER_END:
        exchange->is_body_ended = true;
        connection_clear_deadline(connection);
        if (exchange->is_discarding || exchange->is_refused)
            loop_defer(connection->server->loop, &exchange->settle);
        else if (exchange->ops->on_body_end != NULL)
            exchange->ops->on_body_end(exchange);
        break;
    default:
        *input = (struct str){ input->p + input->n, 0 };
        exchange_refuse(exchange, exchange->reader.refusal,
                        exchange->reader.message);
        break;
    }
}

/* True when the exchange takes bytes of the body now. */
static bool
wants_body(const struct http_exchange *exchange)
{
    if (exchange->is_body_ended || exchange->is_refused)
        return false;
    return exchange->is_discarding ||
           (exchange->is_body_wanted && !exchange->is_finished);
}

static void
feed_pieces(struct connection *connection, struct str input)
{
    while (!connection->stream.is_closing) {
        struct http_exchange *exchange = connection->exchange;
        switch (connection->state) {
        case CONNECTION_IDLE:
            if (input.n == 0 || !begin_head(connection))
                return;
            break;
        case CONNECTION_HEAD:
            if (input.n == 0)
                return;
            feed_head(connection, &input);
            break;
        case CONNECTION_EXCHANGE:
            if (!wants_body(exchange)) {
                if (input.n > 0)
                    stash(connection, input);
                return;
            }
            if (input.n == 0 && exchange->reader.framing != FRAMING_NONE)
                return;
            feed_body(connection, &input);
            break;
        case CONNECTION_RAW:
            if (input.n > 0 && !exchange->is_finished)
                exchange->ops->on_raw(exchange, input);
            return;
        case CONNECTION_LINGERING: return;
        }
    }
}

/* Gives bytes to whom they belong; what nobody wants yet is kept. */
static void
feed(struct connection *connection, struct str input)
{
    connection->is_feeding = true;
    feed_pieces(connection, input);
    connection->is_feeding = false;
}

void
connection_feed_stash(struct connection *connection)
{
    if (has_stash(connection)) {
        struct str input = { connection->stash + connection->stash_at,
                             connection->stash_n - connection->stash_at };
        /* Whatever is not taken is put back at its place. */
        connection->stash_at = connection->stash_n;
        feed(connection, input);
        if (!has_stash(connection))
            drop_stash(connection);
    } else {
        feed(connection, (struct str){ "", 0 });
    }
    if (!connection->stream.is_closing)
        connection_update_reading(connection);
}

static void
on_read(struct stream *stream, struct str bytes)
{
    struct connection *connection =
        LIST_ENTRY(stream, struct connection, stream);
    feed(connection, bytes);
    const struct http_exchange *exchange = connection->exchange;
    bool is_paused = exchange != NULL && exchange->is_body_paused;
    if (!stream->is_closing &&
        (has_stash(connection) || is_paused || !stream->is_reading))
        connection_update_reading(connection);
}

static void
on_eof(struct stream *stream)
{
    struct connection *connection =
        LIST_ENTRY(stream, struct connection, stream);
    struct http_exchange *exchange = connection->exchange;
    if (connection->state == CONNECTION_RAW && !exchange->is_finished &&
        exchange->ops->on_raw_eof != NULL) {
        exchange->is_raw_eof = true;
        exchange->ops->on_raw_eof(exchange);
        return;
    }
    bool is_answered = exchange != NULL && exchange->is_finished &&
                       !exchange->is_broken && exchange->out.n == 0 &&
                       stream->n_pending == 0;
    connection_drop(connection, !is_answered);
}

static void
on_error(struct stream *stream, int status)
{
    (void)status;
    connection_drop(LIST_ENTRY(stream, struct connection, stream), true);
}

static void
on_drain(struct stream *stream)
{
    struct http_exchange *exchange =
        LIST_ENTRY(stream, struct connection, stream)->exchange;
    if (exchange == NULL)
        return;
    if (exchange->is_finished)
        loop_defer(stream->loop, &exchange->settle);
    else if (!exchange->is_refused && exchange->ops->on_drain != NULL)
        exchange->ops->on_drain(exchange);
}

static void
on_close(struct stream *stream)
{
    struct connection *connection =
        LIST_ENTRY(stream, struct connection, stream);
    if (connection->exchange != NULL)
        exchange_end(connection->exchange, true);
    server_forget_connection(connection);
}

const struct stream_ops connection_ops = {
    .on_read = on_read,
    .on_eof = on_eof,
    .on_error = on_error,
    .on_drain = on_drain,
    .on_close = on_close,
};

void
connection_start(struct connection *connection)
{
    connection->peer_uid = -1;
    if (stream_peer(&connection->stream, &connection->peer) != 0 ||
        connection->server->is_draining) {
        connection_drop(connection, true);
        return;
    }
    if (connection->is_unix)
        connection->peer_uid = stream_peer_uid(&connection->stream);
    connection_set_deadline(connection, connection->server->options.idle_ms);
    connection_update_reading(connection);
}
