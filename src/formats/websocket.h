/* WebSocket frames (RFC 6455), the server's end, over wslay: bytes of the
 * connection in, messages out, and the other way round. No I/O and no
 * handshake here; no extension is negotiated.
 *
 * Checked by the library: client frames are masked, no reserved bits or
 * opcodes, control frames are short and whole, text is UTF-8, close codes are
 * those that may be sent. A fault is answered with the close frame that the
 * RFC names for it, and the connection is over. A ping is answered, a close
 * is answered with the same code. */
#ifndef FORMATS_WEBSOCKET_H
#define FORMATS_WEBSOCKET_H

#include "base/error.h"
#include "base/str.h"

struct websocket;

enum websocket_close { /* RFC 6455, 7.4.1 */
                       WEBSOCKET_NORMAL = 1000,
                       WEBSOCKET_GOING_AWAY = 1001,
                       WEBSOCKET_PROTOCOL = 1002,
                       WEBSOCKET_POLICY = 1008,
                       WEBSOCKET_INTERNAL = 1011
};

struct websocket_options {
    size_t max_message_bytes; /* a longer one closes with 1009 */
    /* A whole message; text is UTF-8. May send, and may close. */
    void (*on_message)(void *ctx, bool is_text, struct str message);
    /* Bytes for the peer, to be taken whole. */
    void (*send)(void *ctx, struct str bytes);
    void *ctx;
};

struct websocket *websocket_new(const struct websocket_options *options);
void websocket_free(struct websocket *ws); /* accepts NULL; not from inside
                                            * a callback */

/* What came from the peer, cut anywhere. */
void websocket_feed(struct websocket *ws, struct str bytes);
/* Do nothing once a close was sent. -1 when out of memory: the connection
 * is of no use any more then. */
int websocket_send_text(struct websocket *ws, struct str text);
int websocket_send_binary(struct websocket *ws, struct str bytes);
int websocket_ping(struct websocket *ws);
/* `reason`: at most 123 bytes of UTF-8, cut if longer. */
void websocket_close(struct websocket *ws, int code, struct str reason);
/* True when both sides have closed, or after a fault: the connection may be
 * ended. */
bool websocket_is_over(const struct websocket *ws);
/* The code in the peer's close frame; 0: none came. */
int websocket_peer_code(const struct websocket *ws);

#endif
