/* A live view over a WebSocket (RFC 6455): the handshake, a heartbeat, an
 * orderly end. For rows with ROW_WEBSOCKET; the handler begins it like this:
 *
 *     if (!socket_begin(&view->socket, call, MESSAGE_BYTES, on_message))
 *         return;                        it has answered
 *     call->on_close = ...               as every view; socket_release() there
 *
 * What a client does not take is queued by the server: socket_is_behind()
 * says when to stop producing. */
#ifndef API_SOCKET_H
#define API_SOCKET_H

#include "api/call.h"
#include "formats/websocket.h"
#include "io/timer.h"

struct socket {
    struct call *call;
    struct websocket *ws;
    struct timer heartbeat;
    bool is_feeding;
    bool is_ending; /* a goodbye was said; the timer ends the wait */
    bool is_released;
    size_t n_left; /* that the client had not taken at the last look */
    void (*on_message)(struct socket *socket, bool is_text, struct str message);
};

/* Answers 101; else an error, and false. A request that is no handshake is
 * 426, one of another version than 13 too. `on_message` NULL: what the client
 * says is ignored. */
bool socket_begin(struct socket *socket, struct call *call,
                  size_t max_message_bytes,
                  void (*on_message)(struct socket *socket, bool is_text,
                                     struct str message));
/* Leaves the heartbeat to the owner's protocol. */
void socket_stop_heartbeat(struct socket *socket);
void socket_send(struct socket *socket, struct str text);
bool socket_is_behind(const struct socket *socket);
/* Says goodbye (enum websocket_close); the connection ends when the client
 * has answered, or soon; at once if it takes nothing more. */
void socket_end(struct socket *socket, int code, const char *reason);
/* From the owner's on_close. */
void socket_release(struct socket *socket);
/* Instead of a view, where there is no such task: a page cannot see the
 * status of a handshake that is refused, so a
 * handshake is let in, told
 * {"type":"error","message":"Task not found: ID"} and sent away. */
void socket_no_task(struct call *call, struct str id);

#endif
