/* Engine.IO on one WebSocket: the open packet, the heartbeat, the packets.
 *
 * The server asks (`2`), the client answers (`3`); the next question counts
 * from the answer. A client that is slow to take what it was sent is not asked
 * meanwhile, for its answer could not be read. Everything that the protocol
 * does not have closes the connection. */
#include "api/live/live_internal.h"
#include "formats/engine_io.h"

enum {
    /* Broadcasts that a client may be behind with. */
    BEHIND_BYTES_MAX = 1024 * 1024
};

static void
arm_beat(struct live_connection *connection, int64_t after_ms)
{
    timer_start(connection->live->api->options.loop, &connection->beat,
                after_ms);
}

void
live_connection_close(struct live_connection *connection, int code,
                      const char *reason)
{
    if (connection->is_closing)
        return;
    connection->is_closing = true;
    timer_stop(&connection->beat);
    timer_stop(&connection->deadline);
    if (connection->is_paused && connection->call->exchange != NULL)
        http_resume_raw(connection->call->exchange);
    socket_end(&connection->socket, code, reason);
}

/* ---- sending ---- */

static bool
is_behind(const struct live_connection *connection)
{
    return socket_is_behind(&connection->socket);
}

/* While it takes nothing, nothing more is read from it. */
static void
push_back(struct live_connection *connection)
{
    struct http_exchange *exchange = connection->call->exchange;
    if (exchange == NULL || connection->is_closing || connection->is_paused ||
        !is_behind(connection))
        return;
    connection->is_paused = true;
    http_pause_raw(exchange);
}

void
live_connection_send(struct live_connection *connection, struct str text)
{
    if (!connection->is_closing)
        socket_send(&connection->socket, text);
}

void
live_connection_tell(struct live_connection *connection, struct str text,
                     bool is_droppable)
{
    if (connection->is_closing || (is_droppable && is_behind(connection)))
        return;
    if (is_behind(connection)) {
        connection->n_behind_bytes += text.n;
        if (connection->n_behind_bytes > BEHIND_BYTES_MAX) {
            live_connection_close(connection, WEBSOCKET_POLICY,
                                  "the reader did not keep up");
            return;
        }
    }
    live_connection_send(connection, text);
}

static void
on_drain(struct call *call)
{
    struct live_connection *connection = call->state;
    connection->n_behind_bytes = 0;
    connection->n_left = 0;
    if (!connection->is_paused)
        return;
    connection->is_paused = false;
    http_resume_raw(call->exchange);
}

bool
live_connection_let_go(struct live_connection *connection)
{
    struct error error = { .code = ERR_OK };
    if (!connection->is_joined || client_may_read(connection, &error))
        return false;
    live_connection_send(connection, STR("41"));
    client_leave(connection);
    live_connection_close(connection, WEBSOCKET_POLICY, error.message);
    return true;
}

/* ---- the heartbeat ---- */

/* Its pong may wait behind what is not read now; that it takes something tells
 * as much. */
static void
wait_for_reader(struct live_connection *connection)
{
    struct http_exchange *exchange = connection->call->exchange;
    size_t n_left = exchange == NULL ? 0 : http_pending(exchange);
    if (connection->n_left > 0 && n_left >= connection->n_left) {
        live_connection_close(connection, WEBSOCKET_POLICY,
                              "the client does not read");
        return;
    }
    connection->n_left = n_left;
    arm_beat(connection, connection->live->options.ping_timeout_ms);
}

static void
on_beat(struct timer *timer)
{
    struct live_connection *connection =
        LIST_ENTRY(timer, struct live_connection, beat);
    const struct live_options *options = &connection->live->options;
    if (connection->is_paused) {
        wait_for_reader(connection);
        return;
    }
    if (connection->awaits_pong) {
        live_connection_close(connection, WEBSOCKET_POLICY,
                              "the client does not answer");
        return;
    }
    if (live_connection_let_go(connection))
        return;
    connection->awaits_pong = true;
    connection->is_extended = false;
    live_connection_send(connection, STR("2"));
    arm_beat(connection, options->ping_timeout_ms);
}

static void
on_pong(struct live_connection *connection)
{
    if (!connection->awaits_pong)
        return;
    connection->awaits_pong = false;
    arm_beat(connection, connection->live->options.ping_interval_ms);
}

/* Whoever sends something is alive, if perhaps busy: once. */
static void
extend(struct live_connection *connection)
{
    if (!connection->awaits_pong || connection->is_extended)
        return;
    connection->is_extended = true;
    arm_beat(connection, connection->live->options.ping_timeout_ms);
}

static void
on_deadline(struct timer *timer)
{
    struct live_connection *connection =
        LIST_ENTRY(timer, struct live_connection, deadline);
    live_connection_close(connection, WEBSOCKET_POLICY,
                          "the client joined no namespace");
}

/* ---- receiving ---- */

static void
on_packet(struct live_connection *connection, enum engine_io_type type,
          struct str data)
{
    switch (type) {
    case ENGINE_IO_PONG: on_pong(connection); return;
    case ENGINE_IO_OPEN:
    case ENGINE_IO_UPGRADE:
    case ENGINE_IO_NOOP: return;
    case ENGINE_IO_CLOSE:
        live_connection_close(connection, WEBSOCKET_NORMAL, "");
        return;
    case ENGINE_IO_MESSAGE:
        if (!echo_on_message(connection, data))
            client_on_packet(connection, data);
        return;
    case ENGINE_IO_PING:
    case ENGINE_IO_TYPE_COUNT: break;
    }
    live_connection_close(connection, WEBSOCKET_PROTOCOL,
                          "not a packet of a client");
}

static void
on_message(struct socket *socket, bool is_text, struct str message)
{
    struct live_connection *connection =
        LIST_ENTRY(socket, struct live_connection, socket);
    struct str data;
    if (connection->is_closing)
        return;
    if (!is_text) {
        extend(connection);
        if (!echo_on_bytes(connection, message))
            client_on_attachment(connection, message);
    } else {
        enum engine_io_type type = engine_io_read(message, &data);
        if (type != ENGINE_IO_PONG)
            extend(connection);
        on_packet(connection, type, data);
    }
    push_back(connection);
}

/* ---- life ---- */

static void
on_close(struct call *call)
{
    struct live_connection *connection = call->state;
    timer_stop(&connection->beat);
    timer_stop(&connection->deadline);
    list_remove(&connection->node);
    connection->is_closing = true;
    requests_orphan(connection);
    measured_stop(connection);
    if (connection->is_joined)
        recovery_remember(connection);
    socket_io_packet_release(&connection->pending);
    echo_end(connection);
    socket_release(&connection->socket);
    call_unref(call);
}

static void
on_end_stream(struct call *call, int code, const char *reason)
{
    live_connection_close(call->state, code, reason);
}

static void
send_open(struct live_connection *connection, const char *sid)
{
    const struct live_options *options = &connection->live->options;
    const struct engine_io_open open = {
        .sid = sid,
        .ping_interval_ms = options->ping_interval_ms,
        .ping_timeout_ms = options->ping_timeout_ms,
        .max_payload_bytes = options->max_payload_bytes,
    };
    struct strbuf text = STRBUF_INIT(1 * KIB);
    engine_io_write_open(&open, &text);
    live_connection_send(connection, strbuf_view(&text));
    strbuf_release(&text);
}

void
live_connection_begin(struct call *call, enum echo_kind kind)
{
    struct live *live = call->api->live;
    struct live_connection *connection =
        arena_alloc(&call->arena, sizeof *connection);
    struct error error = { .code = ERR_NO_MEMORY };
    char sid[NONCE_BYTES];
    if (connection == NULL || auth_nonce(sid, &error) < 0) {
        reply_errorf(call, error.code, "the connection cannot be opened");
        return;
    }
    connection->live = live;
    connection->call = call;
    timer_init(&connection->beat, on_beat);
    timer_init(&connection->deadline, on_deadline);
    list_init(&connection->node);
    list_init(&connection->requests);
    measured_start(connection);
    if (echo_begin(connection, kind) < 0) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    if (!socket_begin(&connection->socket, call,
                      (size_t)live->options.max_payload_bytes, on_message)) {
        echo_end(connection);
        return;
    }
    socket_stop_heartbeat(&connection->socket);
    call->state = connection;
    call_ref(call);
    call->on_close = on_close;
    call->on_drain = on_drain;
    call->on_end_stream = on_end_stream;
    list_push_back(&live->connections, &connection->node);
    send_open(connection, sid);
    arm_beat(connection, live->options.ping_interval_ms);
    if (kind != ECHO_ENGINE_IO)
        timer_start(live->api->options.loop, &connection->deadline,
                    live->options.connect_timeout_ms);
}
