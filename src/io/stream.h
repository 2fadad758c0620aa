/* Byte streams: TCP and unix sockets, accepted or connected.
 *
 * A stream is a member of its owner's struct. Reading is push: on_read gets
 * bytes that are valid until it returns. stream_read_stop() is what pushes
 * back on the peer: while stopped nothing is taken from the socket.
 * Writing tries the socket at once; what does not fit is copied and sent
 * when the socket takes it, and `on_drain` tells when nothing is left.
 *
 * Closing has two phases: stream_close() may be called at any time and
 * twice; no other callback fires after it; on_close is the last one and
 * only then may the memory go. If opening failed, no callback ever fires
 * and on_close is not called. */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <sys/types.h>

#include "base/str.h"
#include "io/loop.h"

enum { ADDRESS_TEXT_BYTES = 112 };

/* Where a peer is or is to be found. */
struct address {
    bool is_unix;
    char host[ADDRESS_TEXT_BYTES]; /* numeric address, or the socket's path */
    int port;
};

/* True for 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104 and unix sockets. */
bool address_is_loopback(const struct address *address);

struct stream;

struct stream_ops {
    void (*on_connect)(struct stream *stream, int status); /* 0 or UV_E... */
    void (*on_read)(struct stream *stream, struct str bytes);
    void (*on_eof)(struct stream *stream); /* peer sent its last byte */
    void (*on_error)(struct stream *stream, int status); /* UV_E... */
    void (*on_drain)(struct stream *stream);
    void (*on_close)(struct stream *stream);
};

struct stream {
    struct loop *loop;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    const struct stream_ops *ops;
    uv_connect_t connect;
    size_t n_pending; /* bytes queued, not yet taken by the kernel */
    bool is_reading;
    bool is_closing;
    bool is_open;       /* uv handle initialised */
    int connect_status; /* a connect that failed at once is told later */
    struct deferred connect_failed;
    int fd; /* while connected; else -1 */
};

/* Starts to connect (numeric address, no name look-up; TCP_NODELAY set).
 * 0, or -1 with `error` and no callback. */
int stream_connect(struct loop *loop, struct stream *stream,
                   const struct address *to, const struct stream_ops *ops,
                   struct error *error);

int stream_read_start(struct stream *stream);
void stream_read_stop(struct stream *stream);

/* Writes the pieces in order. Returns 0, or -1 when the stream is closing,
 * broken or out of memory (the caller closes it). The pieces may go at
 * return. stream->n_pending afterwards says how much is queued. */
int stream_write(struct stream *stream, const struct str *pieces, size_t n);

/* Sends FIN once everything queued is out; reading goes on. */
int stream_shutdown(struct stream *stream);
void stream_close(struct stream *stream);
/* Closes with RST where the transport has it: the peer sees a broken
 * stream, not an end. */
void stream_reset(struct stream *stream);

int stream_peer(const struct stream *stream, struct address *ret_address);
/* uid of the peer of a unix socket, or -1. */
int64_t stream_peer_uid(const struct stream *stream);
/* Breaks the connection when the peer takes nothing of what was written for
 * so long (TCP only): on_error, as for any broken one. */
void stream_limit_unsent(struct stream *stream, int64_t limit_ms);
/* True when the peer has closed or broken the connection, although nobody
 * reads: what is unread may still be in the way. One system call. */
bool stream_is_peer_gone(const struct stream *stream);
/* True when the connection is broken, not only ended by the peer: bytes that
 * we sent were not read. Means little for unix sockets. */
bool stream_is_reset(const struct stream *stream);

struct listener;

struct listener_ops {
    /* A connection waits: the owner makes room for a stream and calls
     * listener_accept, or lets it wait. */
    void (*on_connection)(struct listener *listener);
    void (*on_close)(struct listener *listener);
};

struct listener {
    struct loop *loop;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    const struct listener_ops *ops;
    struct address address; /* as bound: the port is the real one */
    bool is_closing;
    bool is_open;
};

/* Binds and listens. A unix path gets mode 0600 from the first instant; a
 * stale socket file (nobody answers) is replaced, a live one is an error. */
int listener_open(struct loop *loop, struct listener *listener,
                  const struct address *at, const struct listener_ops *ops,
                  struct error *error);
/* Takes the waiting connection into `stream`: 0, or -1 when there is none
 * or it cannot be taken (no callback, the memory may go). */
int listener_accept(struct listener *listener, struct stream *stream,
                    const struct stream_ops *ops);
void listener_close(struct listener *listener);

#endif
