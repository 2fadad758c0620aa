/* Byte streams on libuv: see stream.h.
 *
 * All streams of a loop read into the loop's one buffer, which is why
 * on_read's bytes end with its return. A write goes to the socket at once;
 * only what the socket does not take costs an allocation. */
#include "io/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "io/address.h"

struct queued_write {
    uv_write_t uv;
    struct stream *stream;
    size_t n;
    char bytes[];
};

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* the loop ignores the signal anyway */
#endif

enum { PIECES_MAX = 16, SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL };

static void
on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct stream *stream = handle->data;
    *buf = uv_buf_init(stream->loop->read_buffer, LOOP_READ_BYTES);
}

static void
on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *buf)
{
    struct stream *stream = uv->data;
    if (n == 0 || stream->is_closing)
        return;
    if (n > 0) {
        stream->ops->on_read(stream, (struct str){ buf->base, (size_t)n });
        return;
    }
    stream->is_reading = false;
    uv_read_stop(uv);
    if (n == UV_EOF)
        stream->ops->on_eof(stream);
    else
        stream->ops->on_error(stream, (int)n);
}

int
stream_read_start(struct stream *stream)
{
    if (stream->is_closing || !stream->is_open)
        return -1;
    if (stream->is_reading)
        return 0;
    if (uv_read_start(&stream->uv.stream, on_alloc, on_read) != 0)
        return -1;
    stream->is_reading = true;
    return 0;
}

void
stream_read_stop(struct stream *stream)
{
    if (!stream->is_reading)
        return;
    stream->is_reading = false;
    uv_read_stop(&stream->uv.stream);
}

static void
on_written(uv_write_t *uv, int status)
{
    struct queued_write *queued = uv->data;
    struct stream *stream = queued->stream;
    stream->n_pending -= queued->n;
    free(queued);
    if (stream->is_closing)
        return;
    if (status != 0)
        stream->ops->on_error(stream, status);
    else if (stream->n_pending == 0 && stream->ops->on_drain != NULL)
        stream->ops->on_drain(stream);
}

/* Copies what is left of the pieces after `skip` bytes and queues it. */
static int
queue_rest(struct stream *stream, const struct str *pieces, size_t n,
           size_t skip, size_t n_rest)
{
    struct queued_write *queued = malloc(sizeof *queued + n_rest);
    if (queued == NULL)
        return -1;
    queued->stream = stream;
    queued->n = n_rest;
    queued->uv.data = queued;
    char *to = queued->bytes;
    for (size_t i = 0; i < n; i++) {
        size_t cut = skip < pieces[i].n ? skip : pieces[i].n;
        skip -= cut;
        if (pieces[i].n > cut)
            memcpy(to, pieces[i].p + cut, pieces[i].n - cut);
        to += pieces[i].n - cut;
    }
    uv_buf_t buf = uv_buf_init(queued->bytes, (unsigned)n_rest);
    if (uv_write(&queued->uv, &stream->uv.stream, &buf, 1, on_written) != 0) {
        free(queued);
        return -1;
    }
    stream->n_pending += n_rest;
    return 0;
}

/* Sockets take sends, which are cheaper than writes. */
static ssize_t
send_now(int fd, struct iovec *parts, size_t n_parts)
{
    ssize_t sent;
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = n_parts };
    do {
        if (n_parts == 1)
            sent = send(fd, parts[0].iov_base, parts[0].iov_len, SEND_FLAGS);
        else
            sent = sendmsg(fd, &message, SEND_FLAGS);
    } while (sent < 0 && errno == EINTR);
    return sent;
}

int
stream_write(struct stream *stream, const struct str *pieces, size_t n)
{
    assert(n <= PIECES_MAX);
    if (stream->is_closing || !stream->is_open || stream->connect_status != 0)
        return -1;
    struct iovec parts[PIECES_MAX];
    size_t n_parts = 0, total = 0;
    for (size_t i = 0; i < n; i++) {
        if (pieces[i].n == 0)
            continue;
        /* The system takes a pointer to non-const and does not write. */
        parts[n_parts].iov_base = (char *)(uintptr_t)pieces[i].p;
        parts[n_parts++].iov_len = pieces[i].n;
        total += pieces[i].n;
    }
    if (total == 0)
        return 0;
    size_t written = 0;
    if (stream->n_pending == 0 && stream->fd >= 0) {
        ssize_t sent = send_now(stream->fd, parts, n_parts);
        if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK &&
            errno != ENOBUFS)
            return -1;
        if (sent > 0)
            written = (size_t)sent;
        if (written == total)
            return 0;
    }
    return queue_rest(stream, pieces, n, written, total - written);
}

static void
on_shut_down(uv_shutdown_t *uv, int status)
{
    (void)status; /* a broken stream tells by its reads */
    free(uv);
}

int
stream_shutdown(struct stream *stream)
{
    if (stream->is_closing || !stream->is_open)
        return -1;
    uv_shutdown_t *uv = malloc(sizeof *uv);
    if (uv == NULL)
        return -1;
    if (uv_shutdown(uv, &stream->uv.stream, on_shut_down) != 0) {
        free(uv);
        return -1;
    }
    return 0;
}

static void
on_closed(uv_handle_t *handle)
{
    struct stream *stream = handle->data;
    stream->is_open = false;
    if (stream->ops->on_close != NULL)
        stream->ops->on_close(stream);
}

static bool
begin_close(struct stream *stream)
{
    if (stream->is_closing || !stream->is_open)
        return false;
    stream->is_closing = true;
    stream->is_reading = false;
    stream->fd = -1;
    deferred_cancel(&stream->connect_failed);
    return true;
}

void
stream_close(struct stream *stream)
{
    if (begin_close(stream))
        uv_close(&stream->uv.handle, on_closed);
}

void
stream_reset(struct stream *stream)
{
    if (!begin_close(stream))
        return;
    if (stream->uv.handle.type != UV_TCP ||
        uv_tcp_close_reset(&stream->uv.tcp, on_closed) != 0)
        uv_close(&stream->uv.handle, on_closed);
}

static void
on_connect_failed(struct deferred *deferred)
{
    struct stream *stream = LIST_ENTRY(deferred, struct stream, connect_failed);
    stream->ops->on_connect(stream, stream->connect_status);
}

/* Leaves the handle open, with nothing but its loop known. */
static void
stream_init(struct loop *loop, struct stream *stream, bool is_unix,
            const struct stream_ops *ops)
{
    memset(stream, 0, sizeof *stream);
    stream->loop = loop;
    stream->ops = ops;
    stream->fd = -1;
    deferred_init(&stream->connect_failed, on_connect_failed);
    if (is_unix)
        uv_pipe_init(&loop->uv, &stream->uv.pipe, 0);
    else
        uv_tcp_init(&loop->uv, &stream->uv.tcp);
    stream->uv.handle.data = stream;
    stream->is_open = true;
}

static void
on_connected(uv_connect_t *connect, int status)
{
    struct stream *stream = connect->data;
    if (stream->is_closing)
        return;
    if (status == 0)
        uv_fileno(&stream->uv.handle, &stream->fd);
    stream->ops->on_connect(stream, status);
}

int
stream_connect(struct loop *loop, struct stream *stream,
               const struct address *to, const struct stream_ops *ops,
               struct error *error)
{
    assert(loop_is_here(loop));
    struct sockaddr_storage storage;
    socklen_t n;
    if (address_to_sockaddr(to, &storage, &n, error) != 0)
        return -1;
    stream_init(loop, stream, to->is_unix, ops);
    stream->connect.data = stream;
    if (to->is_unix) {
        uv_pipe_connect(&stream->connect, &stream->uv.pipe, to->host,
                        on_connected);
        return 0;
    }
    uv_tcp_nodelay(&stream->uv.tcp, 1);
    int status =
        uv_tcp_connect(&stream->connect, &stream->uv.tcp,
                       (const struct sockaddr *)&storage, on_connected);
    if (status != 0) {
        /* The handle needs its close; so the owner hears of it later. */
        stream->connect_status = status;
        loop_defer(loop, &stream->connect_failed);
    }
    return 0;
}

int
listener_accept(struct listener *listener, struct stream *stream,
                const struct stream_ops *ops)
{
    /* The handle could not go at once if accepting failed after this. */
    if (listener->is_closing || listener->uv.stream.accepted_fd == -1)
        return -1;
    stream_init(listener->loop, stream, listener->address.is_unix, ops);
    int status = uv_accept(&listener->uv.stream, &stream->uv.stream);
    if (status != 0) {
        stream->connect_status = status;
        return 0; /* reading it fails, which closes it */
    }
    uv_fileno(&stream->uv.handle, &stream->fd);
    if (!listener->address.is_unix)
        uv_tcp_nodelay(&stream->uv.tcp, 1);
    return 0;
}
