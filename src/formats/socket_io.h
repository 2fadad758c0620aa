/* Socket.IO 5 packets (github.com/socketio/socket.io-protocol), which travel
 * in Engine.IO messages:
 *
 *     <type>[<attachments>-][<namespace>,][<acknowledgement id>][JSON]
 *
 * No I/O. What the reference parser refuses is refused: a bad type, a payload
 * of another kind than the type's, a reserved event name, none or more than ten
 * attachments, a placeholder of an attachment that does not come. Stricter than
 * it: an object must not have a key twice. */
#ifndef FORMATS_SOCKET_IO_H
#define FORMATS_SOCKET_IO_H

#include "formats/json.h"

enum socket_io_type {
    SOCKET_IO_CONNECT,
    SOCKET_IO_DISCONNECT,
    SOCKET_IO_EVENT,
    SOCKET_IO_ACK,
    SOCKET_IO_CONNECT_ERROR,
    SOCKET_IO_BINARY_EVENT,
    SOCKET_IO_BINARY_ACK,
    SOCKET_IO_TYPE_COUNT
};

enum { SOCKET_IO_ATTACHMENTS_MAX = 10 };
/* What JavaScript counts exactly. */
#define SOCKET_IO_ID_MAX ((INT64_C(1) << 53) - 1)

struct socket_io_packet {
    enum socket_io_type type;
    struct str name_space; /* "/" when none is named; a view of the text */
    int64_t id;            /* of the acknowledgement; -1: none is asked for */
    size_t n_attachments;  /* of binary packets: so many messages follow */
    struct json_doc *doc;
    /* NULL when there is none. CONNECT: an object; events: an array that
     * begins with a name; acknowledgements: an array. */
    const struct json *data;
};

/* 0, or -1 with `error`; then there is nothing to release. */
int socket_io_read(struct str text, struct socket_io_packet *ret_packet,
                   struct error *error);
void socket_io_packet_release(struct socket_io_packet *packet);

/* Appends what stands before the JSON of a packet: type, n_attachments,
 * name_space ("" is "/", too) and id. */
void socket_io_write_head(const struct socket_io_packet *packet,
                          struct strbuf *out);

#endif
