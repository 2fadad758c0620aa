/* Socket.IO on one connection: joining the one namespace there is, events,
 * leaving. What the protocol does not have closes the connection. */
#include "api/live/live_internal.h"

static void
fault(struct live_connection *connection, const char *reason)
{
    live_connection_close(connection, WEBSOCKET_PROTOCOL, reason);
}

/* ---- who ---- */

void
client_facts(struct live_connection *connection, struct auth_request *ret_facts)
{
    api_facts(http_request(connection->call->exchange), ret_facts);
    if (connection->key[0] != '\0')
        ret_facts->x_api_key = str_from(connection->key);
}

static int
decide(struct live_connection *connection, struct auth_answer *who,
       struct error *error)
{
    struct auth_request facts;
    client_facts(connection, &facts);
    facts.needs = AUTHORITY_READ;
    return auth_decide(connection->live->api->options.auth, &facts, who, error);
}

bool
client_may_read(struct live_connection *connection, struct error *error)
{
    struct auth_answer who;
    return connection->call->exchange != NULL &&
           decide(connection, &who, error) == 0;
}

/* The key that came with joining; a text that cannot be one is kept as
 * something that no key is. */
static void
take_key(struct live_connection *connection, const struct json *auth)
{
    static const char *const names[] = { "key", "token", "apiKey", "api_key" };
    struct str key = STR("");
    for (size_t i = 0; key.n == 0 && i < sizeof names / sizeof *names; i++)
        json_as_text(json_get(auth, names[i]), &key);
    key = str_trim(key);
    if (key.n > 7 && str_same_nocase(key.p, "Bearer ", 7))
        key = str_trim((struct str){ key.p + 7, key.n - 7 });
    if (key.n >= sizeof connection->key || memchr(key.p, 0, key.n) != NULL)
        key = STR("hk_too_long_for_a_key");
    snprintf(connection->key, sizeof connection->key, "%.*s", STR_ARG(key));
}

/* ---- joining and leaving ---- */

/* `name_space`: of at most LIVE_NAMESPACE_BYTES. */
static void
refuse(struct live_connection *connection, struct str name_space,
       const char *message, const char *code)
{
    char name[LIVE_NAMESPACE_BYTES + 1];
    struct strbuf text = STRBUF_INIT(8 * KIB);
    struct json_writer w;
    snprintf(name, sizeof name, "%.*s", STR_ARG(name_space));
    packet_begin(SOCKET_IO_CONNECT_ERROR, name, -1, &text);
    json_writer_init(&w, &text);
    json_object_begin(&w);
    member_text(&w, "message", message);
    if (code != NULL) {
        json_key(&w, "data");
        json_object_begin(&w);
        member_text(&w, "code", code);
        json_object_end(&w);
    }
    json_object_end(&w);
    live_connection_send(connection, strbuf_view(&text));
    strbuf_release(&text);
}

static void
send_connect(struct live_connection *connection)
{
    struct strbuf text = STRBUF_INIT(1 * KIB);
    struct json_writer w;
    packet_begin(SOCKET_IO_CONNECT, "/", -1, &text);
    json_writer_init(&w, &text);
    json_object_begin(&w);
    member_text(&w, "sid", connection->sid);
    if (recovery_is_on(connection->live))
        member_text(&w, "pid", connection->pid);
    json_object_end(&w);
    live_connection_send(connection, strbuf_view(&text));
    strbuf_release(&text);
}

static void
join(struct live_connection *connection, const struct json *auth)
{
    struct auth_answer who;
    struct error error = { .code = ERR_OK };
    struct str pid = STR(""), offset = STR("");
    if (connection->is_joined || !requests_take(connection)) {
        fault(connection, "joined twice, or too often");
        return;
    }
    take_key(connection, auth);
    if (decide(connection, &who, &error) < 0) {
        refuse(connection, STR("/"), error.message, error_wire(error.code));
        return;
    }
    connection->who = who.who;
    memcpy(connection->key_id, who.key_id, sizeof connection->key_id);
    json_as_text(json_get(auth, "pid"), &pid);
    json_as_text(json_get(auth, "offset"), &offset);
    if (!recovery_resume(connection, pid, offset) &&
        (auth_nonce(connection->sid, &error) < 0 ||
         auth_nonce(connection->pid, &error) < 0)) {
        fault(connection, error.message);
        return;
    }
    timer_stop(&connection->deadline);
    library_diff_start(connection->live);
    connection->is_joined = true;
    send_connect(connection);
    if (connection->echo != NULL)
        echo_greet(connection, auth);
    else
        message_established(connection);
}

static void
on_connect(struct live_connection *connection,
           const struct socket_io_packet *packet)
{
    if (str_is(packet->name_space, "/"))
        join(connection, packet->data);
    else if (packet->name_space.n > LIVE_NAMESPACE_BYTES)
        fault(connection, "a name that is too long");
    else
        refuse(connection, packet->name_space, "Invalid namespace", NULL);
}

void
client_leave(struct live_connection *connection)
{
    requests_orphan(connection);
    measured_stop(connection);
    measured_start(connection);
    connection->is_joined = false;
}

/* ---- packets ---- */

static void
take(struct live_connection *connection, const struct socket_io_packet *packet)
{
    bool is_joined = connection->is_joined && str_is(packet->name_space, "/");
    if (connection->echo != NULL && echo_take(connection, packet))
        return;
    switch (packet->type) {
    case SOCKET_IO_CONNECT: on_connect(connection, packet); return;
    case SOCKET_IO_DISCONNECT:
        if (is_joined)
            client_leave(connection);
        return;
    case SOCKET_IO_EVENT:
    case SOCKET_IO_BINARY_EVENT:
        if (!is_joined)
            fault(connection, "an event of a client that has not joined");
        else if (packet->data != NULL)
            request_begin(connection, packet->data, packet->id);
        return;
    case SOCKET_IO_ACK: /* nobody asked for one */
    case SOCKET_IO_BINARY_ACK:
        if (!is_joined)
            fault(connection, "an answer of a client that has not joined");
        return;
    case SOCKET_IO_CONNECT_ERROR:
    case SOCKET_IO_TYPE_COUNT: break;
    }
    fault(connection, "not a packet of a client");
}

void
client_on_packet(struct live_connection *connection, struct str text)
{
    struct socket_io_packet packet;
    struct error error = { .code = ERR_OK };
    if (connection->n_attachments > 0) {
        fault(connection, "an attachment is expected");
        return;
    }
    if (socket_io_read(text, &packet, &error) < 0) {
        fault(connection, error.message);
        return;
    }
    if (packet.n_attachments == 0 || !str_is(packet.name_space, "/")) {
        take(connection, &packet);
        socket_io_packet_release(&packet);
        return;
    }
    packet.name_space = STR("/"); /* the text goes */
    connection->pending = packet;
    connection->n_attachments = packet.n_attachments;
    connection->n_attachment_bytes = 0;
}

/* No request has a use for bytes: they are counted and let go. */
void
client_on_attachment(struct live_connection *connection, struct str bytes)
{
    connection->n_attachment_bytes += bytes.n;
    if (connection->n_attachments == 0 ||
        connection->n_attachment_bytes >
            (size_t)connection->live->options.max_payload_bytes) {
        fault(connection, "an attachment of no packet, or too many bytes");
        return;
    }
    if (--connection->n_attachments > 0)
        return;
    struct socket_io_packet packet = connection->pending;
    connection->pending = (struct socket_io_packet){ .id = -1 };
    take(connection, &packet);
    socket_io_packet_release(&packet);
}
