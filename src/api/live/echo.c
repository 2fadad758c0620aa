/* What the public test suites of the protocols talk to, where `conformance` is
 * set and nowhere else: the application of the Socket.IO suite at /socket.io/
 * (its events, and the namespace /custom), that of the Engine.IO suite at
 * /engine.io/, and a plain echo at /ws/echo. They need no key and can do
 * nothing but say what they were told. The surface itself has the events, too,
 * and greets as the suite expects. */
#include <stdlib.h>

#include "api/live/live_internal.h"
#include "formats/engine_io.h"

enum {
    PLAIN_BYTES_MAX = 64 * 1024 * 1024,
    /* The suites begin to listen for a greeting once they were let in. */
    GREET_AFTER_MS = 10
};
static const size_t TEXT_BYTES_MAX = 256 * MIB;

static const char *const name_spaces[] = { "/", "/custom" };
enum { N_NAME_SPACES = sizeof name_spaces / sizeof *name_spaces };

struct echo {
    enum echo_kind kind;
    struct live_connection *connection;
    struct timer greet;
    struct strbuf greetings[N_NAME_SPACES];
    bool is_joined[N_NAME_SPACES];
    /* attachments, one behind the other */
    struct strbuf bytes;
    size_t lengths[SOCKET_IO_ATTACHMENTS_MAX];
    size_t n_attachments;
};

enum echo_kind
echo_of_path(const struct live *live, struct str path)
{
    if (!live->options.is_conformance)
        return ECHO_NONE;
    if (live_is_path(path))
        return ECHO_ADDED;
    if (str_is(path, "/socket.io/"))
        return ECHO_SOCKET_IO;
    return str_is(path, "/engine.io/") ? ECHO_ENGINE_IO : ECHO_NONE;
}

static void
on_greet(struct timer *timer)
{
    struct echo *echo = LIST_ENTRY(timer, struct echo, greet);
    for (int i = 0; i < N_NAME_SPACES; i++) {
        if (echo->greetings[i].n > 0 && !strbuf_failed(&echo->greetings[i]))
            live_connection_send(echo->connection,
                                 strbuf_view(&echo->greetings[i]));
        strbuf_release(&echo->greetings[i]);
    }
}

int
echo_begin(struct live_connection *connection, enum echo_kind kind)
{
    if (kind == ECHO_NONE)
        return 0;
    connection->echo = calloc(1, sizeof *connection->echo);
    if (connection->echo == NULL)
        return -1;
    connection->echo->kind = kind;
    connection->echo->connection = connection;
    timer_init(&connection->echo->greet, on_greet);
    for (int i = 0; i < N_NAME_SPACES; i++)
        strbuf_init(&connection->echo->greetings[i], TEXT_BYTES_MAX);
    strbuf_init(&connection->echo->bytes,
                (size_t)connection->live->options.max_payload_bytes);
    return 0;
}

void
echo_end(struct live_connection *connection)
{
    if (connection->echo == NULL)
        return;
    timer_stop(&connection->echo->greet);
    for (int i = 0; i < N_NAME_SPACES; i++)
        strbuf_release(&connection->echo->greetings[i]);
    strbuf_release(&connection->echo->bytes);
    free(connection->echo);
    connection->echo = NULL;
}

/* ---- Engine.IO ---- */

bool
echo_on_message(struct live_connection *connection, struct str data)
{
    if (connection->echo == NULL || connection->echo->kind != ECHO_ENGINE_IO)
        return false;
    struct strbuf text = STRBUF_INIT(TEXT_BYTES_MAX);
    strbuf_add_byte(&text, '0' + ENGINE_IO_MESSAGE);
    strbuf_add_str(&text, data);
    if (!strbuf_failed(&text))
        live_connection_send(connection, strbuf_view(&text));
    strbuf_release(&text);
    return true;
}

bool
echo_on_bytes(struct live_connection *connection, struct str bytes)
{
    struct echo *echo = connection->echo;
    if (echo == NULL)
        return false;
    if (echo->kind == ECHO_ENGINE_IO) {
        websocket_send_binary(connection->socket.ws, bytes);
        return true;
    }
    if (connection->n_attachments == 0 ||
        echo->n_attachments == SOCKET_IO_ATTACHMENTS_MAX)
        return false;
    echo->lengths[echo->n_attachments++] = bytes.n;
    strbuf_add_str(&echo->bytes, bytes);
    return false; /* the client counts them */
}

/* ---- Socket.IO ---- */

static int
find_name_space(struct str name)
{
    for (int i = 0; i < N_NAME_SPACES; i++)
        if (str_is(name, name_spaces[i]))
            return i;
    return -1;
}

/* `42["auth",{...}]`: what came with joining. */
static void
send_auth(struct live_connection *connection, int at, const struct json *auth)
{
    struct echo *echo = connection->echo;
    struct json_writer w;
    strbuf_clear(&echo->greetings[at]);
    packet_begin(SOCKET_IO_EVENT, name_spaces[at], -1, &echo->greetings[at]);
    json_writer_init(&w, &echo->greetings[at]);
    json_array_begin(&w);
    json_text(&w, "auth");
    if (auth != NULL) {
        json_value(&w, auth);
    } else {
        json_object_begin(&w);
        json_object_end(&w);
    }
    json_array_end(&w);
    timer_start(connection->live->api->options.loop, &echo->greet,
                GREET_AFTER_MS);
}

static void
join(struct live_connection *connection, int at, const struct json *auth)
{
    char sid[NONCE_BYTES];
    struct strbuf text = STRBUF_INIT(1 * KIB);
    struct json_writer w;
    if (connection->echo->is_joined[at] || auth_nonce(sid, NULL) < 0) {
        live_connection_close(connection, WEBSOCKET_PROTOCOL, "joined twice");
        return;
    }
    connection->echo->is_joined[at] = true;
    timer_stop(&connection->deadline);
    packet_begin(SOCKET_IO_CONNECT, name_spaces[at], -1, &text);
    json_writer_init(&w, &text);
    json_object_begin(&w);
    member_text(&w, "sid", sid);
    json_object_end(&w);
    live_connection_send(connection, strbuf_view(&text));
    strbuf_release(&text);
    send_auth(connection, at, auth);
}

static void
send_attachments(struct live_connection *connection)
{
    struct echo *echo = connection->echo;
    struct str rest = strbuf_view(&echo->bytes);
    for (size_t i = 0; i < echo->n_attachments; i++) {
        struct str one = { rest.p, echo->lengths[i] };
        websocket_send_binary(connection->socket.ws, one);
        rest.p += one.n;
        rest.n -= one.n;
    }
    echo->n_attachments = 0;
    strbuf_release(&echo->bytes);
}

/* The arguments come back: as an event, or as the acknowledgement. */
static void
give_back(struct live_connection *connection,
          const struct socket_io_packet *packet, bool is_ack)
{
    bool is_binary = packet->n_attachments > 0;
    struct socket_io_packet answer = {
        .type = is_ack ? (is_binary ? SOCKET_IO_BINARY_ACK : SOCKET_IO_ACK)
                       : packet->type,
        .name_space = packet->name_space,
        .id = is_ack ? packet->id : -1,
        .n_attachments = packet->n_attachments,
    };
    struct strbuf text = STRBUF_INIT(TEXT_BYTES_MAX);
    struct json_writer w;
    strbuf_add_byte(&text, '0' + ENGINE_IO_MESSAGE);
    socket_io_write_head(&answer, &text);
    json_writer_init(&w, &text);
    json_array_begin(&w);
    if (!is_ack)
        json_text(&w, "message-back");
    for (size_t i = 1; i < json_count(packet->data); i++)
        json_value(&w, json_at(packet->data, i));
    json_array_end(&w);
    if (!strbuf_failed(&text) && !strbuf_failed(&connection->echo->bytes)) {
        live_connection_send(connection, strbuf_view(&text));
        send_attachments(connection);
    }
    strbuf_release(&text);
}

/* False for another event. */
static bool
on_event(struct live_connection *connection,
         const struct socket_io_packet *packet)
{
    struct str name;
    if (!json_as_text(json_at(packet->data, 0), &name))
        return false;
    bool is_ack = str_is(name, "message-with-ack") && packet->id >= 0;
    if (!is_ack && !str_is(name, "message"))
        return false;
    give_back(connection, packet, is_ack);
    return true;
}

static bool
is_event(const struct socket_io_packet *packet)
{
    return packet->type == SOCKET_IO_EVENT ||
           packet->type == SOCKET_IO_BINARY_EVENT;
}

void
echo_greet(struct live_connection *connection, const struct json *auth)
{
    send_auth(connection, 0, auth);
}

bool
echo_take(struct live_connection *connection,
          const struct socket_io_packet *packet)
{
    int at = find_name_space(packet->name_space);
    if (at < 0)
        return false;
    bool *is_joined = &connection->echo->is_joined[at];
    if (at == 0 && connection->echo->kind == ECHO_ADDED)
        return connection->is_joined && is_event(packet) &&
               on_event(connection, packet);
    switch (packet->type) {
    case SOCKET_IO_CONNECT: join(connection, at, packet->data); return true;
    case SOCKET_IO_DISCONNECT: *is_joined = false; return true;
    case SOCKET_IO_EVENT:
    case SOCKET_IO_BINARY_EVENT:
        if (!*is_joined)
            return false;
        on_event(connection, packet);
        return true;
    case SOCKET_IO_ACK:
    case SOCKET_IO_BINARY_ACK: return *is_joined;
    default: return false;
    }
}

/* ---- a plain WebSocket ---- */

static void
on_plain_message(struct socket *socket, bool is_text, struct str message)
{
    if (is_text)
        websocket_send_text(socket->ws, message);
    else
        websocket_send_binary(socket->ws, message);
}

static void
on_plain_close(struct call *call)
{
    socket_release(call->state);
    call_unref(call);
}

static void
on_plain_end(struct call *call, int code, const char *reason)
{
    socket_end(call->state, code, reason);
}

void
echo_plain(struct call *call)
{
    struct socket *socket = arena_alloc(&call->arena, sizeof *socket);
    if (socket == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    if (!socket_begin(socket, call, PLAIN_BYTES_MAX, on_plain_message))
        return;
    socket_stop_heartbeat(socket);
    call->state = socket;
    call_ref(call);
    call->on_close = on_plain_close;
    call->on_end_stream = on_plain_end;
}
