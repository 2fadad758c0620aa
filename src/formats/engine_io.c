/* Engine.IO: see engine_io.h. */
#include "formats/engine_io.h"

#include "formats/json.h"

enum engine_io_type
engine_io_read(struct str message, struct str *ret_data)
{
    *ret_data = STR("");
    if (message.n == 0 || message.p[0] < '0' ||
        message.p[0] >= '0' + ENGINE_IO_TYPE_COUNT)
        return ENGINE_IO_TYPE_COUNT;
    *ret_data = (struct str){ message.p + 1, message.n - 1 };
    return (enum engine_io_type)(message.p[0] - '0');
}

void
engine_io_write_open(const struct engine_io_open *open, struct strbuf *out)
{
    struct json_writer w;
    strbuf_add_byte(out, '0' + ENGINE_IO_OPEN);
    json_writer_init(&w, out);
    json_object_begin(&w);
    json_key(&w, "sid");
    json_text(&w, open->sid);
    json_key(&w, "upgrades");
    json_array_begin(&w);
    json_array_end(&w);
    json_key(&w, "pingInterval");
    json_int(&w, open->ping_interval_ms);
    json_key(&w, "pingTimeout");
    json_int(&w, open->ping_timeout_ms);
    json_key(&w, "maxPayload");
    json_int(&w, open->max_payload_bytes);
    json_object_end(&w);
}

/* In the order of the reference server: the transport, the session, then the
 * rest. A session never outlives its connection here, so that none can be
 * named. */
enum engine_io_refusal
engine_io_check(const struct engine_io_handshake *handshake)
{
    if (!str_is(handshake->transport, "websocket"))
        return ENGINE_IO_UNKNOWN_TRANSPORT;
    if (handshake->has_sid)
        return ENGINE_IO_UNKNOWN_SID;
    if (!str_is(handshake->method, "GET"))
        return ENGINE_IO_BAD_METHOD;
    if (!handshake->is_upgrade)
        return ENGINE_IO_BAD_REQUEST;
    if (!str_is(handshake->version, "4"))
        return ENGINE_IO_UNSUPPORTED_VERSION;
    return ENGINE_IO_ACCEPTED;
}

const char *
engine_io_refusal_text(enum engine_io_refusal refusal)
{
    static const char *const texts[] = {
        [ENGINE_IO_UNKNOWN_TRANSPORT] = "Transport unknown",
        [ENGINE_IO_UNKNOWN_SID] = "Session ID unknown",
        [ENGINE_IO_BAD_METHOD] = "Bad handshake method",
        [ENGINE_IO_BAD_REQUEST] = "Bad request",
        [ENGINE_IO_FORBIDDEN] = "Forbidden",
        [ENGINE_IO_UNSUPPORTED_VERSION] = "Unsupported protocol version",
        [ENGINE_IO_ACCEPTED] = "",
    };
    return texts[refusal];
}

void
engine_io_write_refusal(enum engine_io_refusal refusal, struct strbuf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_object_begin(&w);
    json_key(&w, "code");
    json_int(&w, (int64_t)refusal);
    json_key(&w, "message");
    json_text(&w, engine_io_refusal_text(refusal));
    json_object_end(&w);
}
