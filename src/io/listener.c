/* Listening sockets: see stream.h.
 *
 * The socket is made, bound and set listening by hand, so that every failure
 * comes before libuv has a handle to close. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/address.h"

enum { BACKLOG = 4096, KEEPALIVE_IDLE_S = 60 };

static void
on_connection(uv_stream_t *uv, int status)
{
    struct listener *listener = uv->data;
    /* An error (out of descriptors) passes: the connection waits. */
    if (status == 0 && !listener->is_closing)
        listener->ops->on_connection(listener);
}

/* Not inherited by children, never blocking; -1 with errno. */
static int
make_socket(int family)
{
    int fd = socket(family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
        fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        return fd;
    int errnum = errno;
    close(fd);
    errno = errnum;
    return -1;
}

/* A socket file that nobody answers on goes; 0, or -1 when one does. */
static int
remove_stale(const struct address *at, const struct sockaddr *sockaddr,
             socklen_t n, struct error *error)
{
    struct stat info;
    if (lstat(at->host, &info) != 0)
        return 0;
    if (!S_ISSOCK(info.st_mode))
        return error_set(error, ERR_CONFLICT, "%s exists and is not a socket",
                         at->host);
    int fd = make_socket(AF_UNIX);
    if (fd < 0)
        return error_errno(error, errno, "cannot make a socket");
    int status = connect(fd, sockaddr, n);
    int errnum = errno;
    close(fd);
    if (status == 0 || errnum == EAGAIN || errnum == EINPROGRESS)
        return error_set(error, ERR_CONFLICT, "another program listens on %s",
                         at->host);
    if (errnum == ECONNREFUSED && unlink(at->host) != 0 && errno != ENOENT)
        return error_errno(error, errno, "cannot remove the old %s", at->host);
    return 0;
}

/* What accepted sockets inherit on the systems we know. A dead peer of a
 * connection that only waits is found by keep-alive probes. */
static void
set_tcp_options(int fd)
{
    int on = 1, idle_s = KEEPALIVE_IDLE_S;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
#ifdef TCP_KEEPIDLE
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
#endif
    (void)idle_s;
}

static int
open_socket(const struct address *at, const struct sockaddr *sockaddr,
            socklen_t n, struct error *error)
{
    char text[ADDRESS_TEXT_BYTES + 16];
    int fd = make_socket(sockaddr->sa_family);
    if (fd < 0)
        return error_errno(error, errno, "cannot make a socket for %s",
                           address_text(at, text, sizeof text));
    if (at->is_unix)
        fchmod(fd, 0600); /* the mode that bind gives the file, on Linux */
    else
        set_tcp_options(fd);
    if (bind(fd, sockaddr, n) != 0 ||
        (at->is_unix && chmod(at->host, 0600) != 0) ||
        listen(fd, BACKLOG) != 0) {
        int errnum = errno;
        error_errno(error, errnum, "cannot listen on %s",
                    address_text(at, text, sizeof text));
        if (errnum == EADDRINUSE && error != NULL)
            error->code = ERR_CONFLICT;
        close(fd);
        return -1;
    }
    return fd;
}

/* The address with the port that the system chose. */
static void
note_bound(struct listener *listener, int fd)
{
    struct sockaddr_storage storage;
    socklen_t n = sizeof storage;
    struct address bound;
    if (!listener->address.is_unix &&
        getsockname(fd, (struct sockaddr *)&storage, &n) == 0 &&
        address_from_sockaddr((struct sockaddr *)&storage, &bound) == 0)
        listener->address.port = bound.port;
}

int
listener_open(struct loop *loop, struct listener *listener,
              const struct address *at, const struct listener_ops *ops,
              struct error *error)
{
    assert(loop_is_here(loop));
    struct sockaddr_storage storage;
    const struct sockaddr *sockaddr = (const struct sockaddr *)&storage;
    socklen_t n;
    if (address_to_sockaddr(at, &storage, &n, error) != 0)
        return -1;
    if (at->is_unix && remove_stale(at, sockaddr, n, error) != 0)
        return -1;
    int fd = open_socket(at, sockaddr, n, error);
    if (fd < 0)
        return -1;
    memset(listener, 0, sizeof *listener);
    listener->loop = loop;
    listener->ops = ops;
    listener->address = *at;
    note_bound(listener, fd);
    if (at->is_unix) {
        uv_pipe_init(&loop->uv, &listener->uv.pipe, 0);
        uv_pipe_open(&listener->uv.pipe, fd);
    } else {
        uv_tcp_init(&loop->uv, &listener->uv.tcp);
        uv_tcp_open(&listener->uv.tcp, fd);
    }
    listener->uv.handle.data = listener;
    listener->is_open = true;
    uv_listen(&listener->uv.stream, BACKLOG, on_connection);
    return 0;
}

static void
on_closed(uv_handle_t *handle)
{
    struct listener *listener = handle->data;
    listener->is_open = false;
    if (listener->ops->on_close != NULL)
        listener->ops->on_close(listener);
}

void
listener_close(struct listener *listener)
{
    if (listener->is_closing || !listener->is_open)
        return;
    listener->is_closing = true;
    if (listener->address.is_unix)
        unlink(listener->address.host);
    uv_close(&listener->uv.handle, on_closed);
}
