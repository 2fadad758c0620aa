/* Engine.IO 4 over WebSocket alone, the server's end (github.com/socketio/
 * engine.io-protocol): what the query of a handshake asks for, and the packets.
 * No I/O. A packet is a text message whose first character is its type; binary
 * messages are attachments and have no type. */
#ifndef FORMATS_ENGINE_IO_H
#define FORMATS_ENGINE_IO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/strbuf.h"

enum engine_io_type {
    ENGINE_IO_OPEN,
    ENGINE_IO_CLOSE,
    ENGINE_IO_PING,
    ENGINE_IO_PONG,
    ENGINE_IO_MESSAGE,
    ENGINE_IO_UPGRADE,
    ENGINE_IO_NOOP,
    ENGINE_IO_TYPE_COUNT
};

/* The type, with what follows it; ENGINE_IO_TYPE_COUNT when it is none. */
enum engine_io_type engine_io_read(struct str message, struct str *ret_data);

/* The session as it is opened. */
struct engine_io_open {
    const char *sid;
    int64_t ping_interval_ms;
    int64_t ping_timeout_ms;
    int64_t max_payload_bytes;
};
void engine_io_write_open(const struct engine_io_open *open,
                          struct strbuf *out);

/* ---- the handshake ---- */

/* Numbers on the wire. */
enum engine_io_refusal {
    ENGINE_IO_UNKNOWN_TRANSPORT,
    ENGINE_IO_UNKNOWN_SID,
    ENGINE_IO_BAD_METHOD,
    ENGINE_IO_BAD_REQUEST,
    ENGINE_IO_FORBIDDEN,
    ENGINE_IO_UNSUPPORTED_VERSION,
    ENGINE_IO_ACCEPTED
};

/* Parameters are decoded; empty when they were not given. */
struct engine_io_handshake {
    struct str method;
    struct str transport;
    struct str version; /* EIO */
    bool has_sid;
    bool is_upgrade;
};
enum engine_io_refusal
engine_io_check(const struct engine_io_handshake *handshake);
const char *engine_io_refusal_text(enum engine_io_refusal refusal);
/* {"code":0,"message":"Transport unknown"} */
void engine_io_write_refusal(enum engine_io_refusal refusal,
                             struct strbuf *out);

#endif
