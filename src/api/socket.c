/* WebSocket views: see socket.h. */
#include "api/socket.h"

#include "api/handlers.h"
#include "core/digest/digest.h"

enum {
    HEARTBEAT_MS = 15 * SECOND_MS,
    GOODBYE_MS = 2 * SECOND_MS,
    STALL_MS = 10 * SECOND_MS,
    STRANGER_BYTES = 4 * 1024 /* of a client that asks for no task */
};

static void
arm(struct socket *socket)
{
    const struct api_options *options = &socket->call->api->options;
    timer_start(options->loop, &socket->heartbeat,
                options->heartbeat_ms > 0 ? options->heartbeat_ms
                                          : HEARTBEAT_MS);
}

/* The end, whether or not the client has answered the goodbye; one that takes
 * nothing of what is left is not waited for. */
static void
part(struct socket *socket, struct http_exchange *exchange)
{
    size_t n_left = http_pending(exchange);
    if (socket->n_left > 0 && n_left >= socket->n_left) {
        http_abort(exchange);
        return;
    }
    socket->n_left = n_left;
    http_finish(exchange);
    timer_start(socket->call->api->options.loop, &socket->heartbeat, STALL_MS);
}

static void
on_heartbeat(struct timer *timer)
{
    struct socket *socket = LIST_ENTRY(timer, struct socket, heartbeat);
    struct http_exchange *exchange = socket->call->exchange;
    if (exchange == NULL)
        return;
    if (socket->is_ending) {
        part(socket, exchange);
        return;
    }
    if (http_pending(exchange) == 0)
        websocket_ping(socket->ws);
    arm(socket);
}

static void
finish_if_over(struct socket *socket)
{
    if (socket->call->exchange != NULL && websocket_is_over(socket->ws))
        http_finish(socket->call->exchange);
}

static void
on_raw(struct call *call, struct str bytes)
{
    struct socket *socket = call->socket;
    call_ref(call); /* a message may end the view */
    socket->is_feeding = true;
    websocket_feed(socket->ws, bytes);
    socket->is_feeding = false;
    if (socket->is_released)
        socket_release(socket);
    else
        finish_if_over(socket);
    call_unref(call);
}

static void
on_message(void *ctx, bool is_text, struct str message)
{
    struct socket *socket = ctx;
    if (socket->on_message != NULL)
        socket->on_message(socket, is_text, message);
}

static void
on_send(void *ctx, struct str bytes)
{
    struct socket *socket = ctx;
    if (socket->call->exchange != NULL)
        http_write_raw(socket->call->exchange, bytes);
}

static bool
refuse(struct call *call, const char *reason)
{
    const struct http_header version = { STR("Sec-WebSocket-Version"),
                                         STR("13") };
    struct strbuf body = STRBUF_INIT(1 * KIB);
    struct json_writer w;
    json_writer_init(&w, &body);
    json_object_begin(&w);
    json_key(&w, "success");
    json_bool(&w, false);
    json_key(&w, "error");
    json_object_begin(&w);
    json_key(&w, "code");
    json_text(&w, error_wire(ERR_UPGRADE_REQUIRED));
    json_key(&w, "message");
    json_text(&w, reason);
    json_object_end(&w);
    json_object_end(&w);
    reply_raw(call, error_http_status(ERR_UPGRADE_REQUIRED), "application/json",
              strbuf_view(&body), &version);
    strbuf_release(&body);
    return false;
}

static bool
is_handshake(const struct http_request *request)
{
    return request->is_upgrade &&
           http_headers_has_token(request->headers, "upgrade", "websocket");
}

/* RFC 6455, 4.2.1. The browser rules (Host, Origin) were checked before. */
static bool
shake_hands(struct call *call)
{
    const struct http_request *request = http_request(call->exchange);
    struct str key = http_headers_get(request->headers, "sec-websocket-key");
    char accept[WEBSOCKET_ACCEPT_BYTES];
    struct error error = { .code = ERR_OK };
    if (!is_handshake(request))
        return refuse(call, "a WebSocket handshake is expected here");
    if (!str_is(http_headers_get(request->headers, "sec-websocket-version"),
                "13"))
        return refuse(call, "only version 13 of WebSocket is spoken here");
    if (websocket_accept(key, accept, &error) < 0) {
        reply_error(call, &error);
        return false;
    }
    struct http_header headers[REPLY_HEADERS_MAX + 2];
    size_t n = reply_headers(&call->who, REPLY_DATA, headers);
    headers[n++] = (struct http_header){ STR("Upgrade"), STR("websocket") };
    headers[n++] =
        (struct http_header){ STR("Sec-WebSocket-Accept"), str_from(accept) };
    call->is_answered = true;
    return http_upgrade(call->exchange, (struct http_headers){ headers, n }) ==
           0;
}

bool
socket_begin(struct socket *socket, struct call *call, size_t max_message_bytes,
             void (*message_fn)(struct socket *socket, bool is_text,
                                struct str message))
{
    const struct websocket_options options = {
        .max_message_bytes = max_message_bytes,
        .on_message = on_message,
        .send = on_send,
        .ctx = socket,
    };
    *socket = (struct socket){ .call = call, .on_message = message_fn };
    timer_init(&socket->heartbeat, on_heartbeat);
    if (call->exchange == NULL)
        return false;
    socket->ws = websocket_new(&options);
    if (socket->ws == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return false;
    }
    call->socket = socket;
    call->on_raw = on_raw;
    if (!shake_hands(call)) {
        socket_release(socket);
        return false;
    }
    arm(socket);
    return true;
}

void
socket_stop_heartbeat(struct socket *socket)
{
    if (!socket->is_ending)
        timer_stop(&socket->heartbeat);
}

void
socket_send(struct socket *socket, struct str text)
{
    if (socket->call->exchange != NULL)
        websocket_send_text(socket->ws, text);
}

bool
socket_is_behind(const struct socket *socket)
{
    return socket->call->exchange != NULL &&
           http_pending(socket->call->exchange) > LIMIT_RELAY_WINDOW_BYTES;
}

void
socket_end(struct socket *socket, int code, const char *reason)
{
    if (socket->call->exchange == NULL || socket->is_ending)
        return;
    socket->is_ending = true;
    websocket_close(socket->ws, code, str_from(reason));
    finish_if_over(socket);
    timer_start(socket->call->api->options.loop, &socket->heartbeat,
                GOODBYE_MS);
}

void
socket_release(struct socket *socket)
{
    timer_stop(&socket->heartbeat);
    socket->call->on_raw = NULL;
    socket->is_released = true;
    if (socket->is_feeding)
        return; /* at the end of it */
    websocket_free(socket->ws);
    socket->ws = NULL;
}

/* ---- no such task ---- */

static void
on_stranger_close(struct call *call)
{
    socket_release(call->state);
    call_unref(call);
}

/* It has been sent away already. */
static void
on_stranger_end(struct call *call, int code, const char *reason)
{
    (void)call;
    (void)code;
    (void)reason;
}

void
socket_no_task(struct call *call, struct str id)
{
    char message[128];
    if (call->exchange == NULL || !is_handshake(http_request(call->exchange))) {
        reply_errorf(call, ERR_NOT_FOUND, "there is no task \"%.*s\"",
                     (int)(id.n > 64 ? 64 : id.n), id.p);
        return;
    }
    struct socket *socket = arena_alloc(&call->arena, sizeof *socket);
    if (socket == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    if (!socket_begin(socket, call, STRANGER_BYTES, NULL))
        return;
    call->state = socket;
    call_ref(call);
    call->on_close = on_stranger_close;
    call->on_end_stream = on_stranger_end;
    snprintf(message, sizeof message, "Task not found: %.*s",
             (int)(id.n > 64 ? 64 : id.n), id.p);
    struct strbuf data = STRBUF_INIT(1 * KIB);
    struct json_writer w;
    json_writer_init(&w, &data);
    json_object_begin(&w);
    member_text(&w, "type", "error");
    member_text(&w, "message", message);
    json_object_end(&w);
    socket_send(socket, strbuf_view(&data));
    strbuf_release(&data);
    socket_end(socket, WEBSOCKET_NORMAL, "");
}
