/* What is sent: `42["name",envelope,"offset"]`, written once however many
 * there are to hear it. */
#include "api/live/live_internal.h"
#include "formats/engine_io.h"

static const size_t MESSAGE_BYTES_MAX = 256 * MIB;

void
packet_begin(enum socket_io_type type, const char *name_space, int64_t id,
             struct strbuf *out)
{
    const struct socket_io_packet packet = {
        .type = type,
        .name_space = str_from(name_space),
        .id = id,
    };
    strbuf_add_byte(out, '0' + ENGINE_IO_MESSAGE);
    socket_io_write_head(&packet, out);
}

struct json_writer *
message_begin(struct live *live, struct live_message *message,
              const char *event, enum message_kind kind)
{
    bool is_kept = kind == MESSAGE_KEPT && recovery_is_on(live);
    message->kind = kind;
    message->seq = is_kept ? live->next_seq++ : 0;
    strbuf_init(&message->text, MESSAGE_BYTES_MAX);
    packet_begin(SOCKET_IO_EVENT, "/", -1, &message->text);
    json_writer_init(&message->w, &message->text);
    json_array_begin(&message->w);
    json_text(&message->w, event);
    return &message->w;
}

/* The offset has to be the last argument. False: there was no memory. */
static bool
finish(struct live_message *message)
{
    if (message->seq > 0) {
        char offset[24];
        recovery_write_offset(message->seq, offset);
        json_text(&message->w, offset);
    }
    json_array_end(&message->w);
    return !strbuf_failed(&message->text);
}

static void
message_to_all(struct live *live, struct live_message *message)
{
    bool is_whole = finish(message);
    struct str text = strbuf_view(&message->text);
    if (message->seq > 0)
        recovery_note(live, message->seq, NULL, is_whole ? text : STR(""));
    if (is_whole) {
        LIST_FOR_SAFE(node, &live->connections)
        {
            struct live_connection *connection =
                LIST_ENTRY(node, struct live_connection, node);
            if (connection->is_joined)
                live_connection_tell(connection, text,
                                     message->kind == MESSAGE_VOLATILE);
        }
    }
    strbuf_release(&message->text);
}

void
message_to_some(struct live *live, struct live_message *message,
                bool (*wants)(struct live_connection *connection))
{
    if (finish(message)) {
        LIST_FOR_SAFE(node, &live->connections)
        {
            struct live_connection *connection =
                LIST_ENTRY(node, struct live_connection, node);
            if (connection->is_joined && wants(connection))
                live_connection_tell(connection, strbuf_view(&message->text),
                                     true);
        }
    }
    strbuf_release(&message->text);
}

void
message_to_one(struct live *live, struct live_message *message, const char *sid)
{
    bool is_whole = finish(message);
    struct str text = strbuf_view(&message->text);
    if (message->seq > 0)
        recovery_note(live, message->seq, sid, is_whole ? text : STR(""));
    LIST_FOR(node, &live->connections)
    {
        struct live_connection *connection =
            LIST_ENTRY(node, struct live_connection, node);
        if (!connection->is_joined || strcmp(connection->sid, sid) != 0)
            continue;
        if (is_whole)
            live_connection_send(connection, text);
        else
            live_connection_close(connection, WEBSOCKET_INTERNAL,
                                  "there is not enough memory");
        break;
    }
    strbuf_release(&message->text);
}

struct json_writer *
broadcast_begin(struct live *live, struct live_message *message,
                const char *event, enum message_kind kind)
{
    struct json_writer *w = message_begin(live, message, event, kind);
    json_object_begin(w);
    member_text(w, "type", "broadcast");
    member_text(w, "event", event);
    json_key(w, "data");
    return w;
}

void
broadcast_end(struct live *live, struct live_message *message)
{
    member_int(&message->w, "timestamp", loop_wall_ms());
    json_object_end(&message->w);
    message_to_all(live, message);
}

/* Clients of this protocol read the members beside the envelope, too. */
void
message_established(struct live_connection *connection)
{
    struct live *live = connection->live;
    struct live_message message;
    struct json_writer *w =
        broadcast_begin(live, &message, "connection:established", MESSAGE_KEPT);
    int64_t now_ms = loop_wall_ms();
    json_object_begin(w);
    member_text(w, "clientId", connection->sid);
    member_int(w, "timestamp", now_ms);
    json_object_end(w);
    member_text(w, "clientId", connection->sid);
    member_int(w, "timestamp", now_ms);
    json_object_end(w);
    message_to_one(live, &message, connection->sid);
}
