/* What the system knows of a socket's other end, beyond libuv. */
#include <poll.h>
#include <sys/socket.h>

#include "io/address.h"
#include "platform/net.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0 /* elsewhere POLLHUP alone tells */
#endif

static int
stream_fd(const struct stream *stream)
{
    uv_os_fd_t fd;
    if (!stream->is_open || uv_fileno(&stream->uv.handle, &fd) != 0)
        return -1;
    return fd;
}

int
stream_peer(const struct stream *stream, struct address *ret_address)
{
    struct sockaddr_storage storage;
    socklen_t n = sizeof storage;
    int fd = stream_fd(stream);
    if (fd < 0 || getpeername(fd, (struct sockaddr *)&storage, &n) != 0)
        return -1;
    return address_from_sockaddr((struct sockaddr *)&storage, ret_address);
}

int64_t
stream_peer_uid(const struct stream *stream)
{
    int fd = stream_fd(stream);
    if (fd < 0 || stream->uv.handle.type != UV_NAMED_PIPE)
        return -1;
    return net_peer_uid(fd);
}

bool
stream_is_peer_gone(const struct stream *stream)
{
    struct pollfd poll_fd = { .fd = stream_fd(stream), .events = POLLRDHUP };
    if (poll_fd.fd < 0)
        return true;
    return poll(&poll_fd, 1, 0) > 0 &&
           (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool
stream_is_reset(const struct stream *stream)
{
    struct pollfd poll_fd = { .fd = stream_fd(stream) };
    if (poll_fd.fd < 0)
        return true;
    return poll(&poll_fd, 1, 0) > 0 &&
           (poll_fd.revents & (POLLHUP | POLLERR)) != 0;
}

void
stream_limit_unsent(struct stream *stream, int64_t limit_ms)
{
    int fd = stream_fd(stream);
    if (fd >= 0 && stream->uv.handle.type == UV_TCP)
        net_limit_unsent(fd, limit_ms);
}
