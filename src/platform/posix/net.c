/* Ports, pipes and unix sockets: see net.h. */
#include "platform/net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/limits.h"

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static int
set_flags(int fd, bool is_nonblocking)
{
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return -1;
    return is_nonblocking ? net_set_nonblocking(fd) : 0;
}

int
net_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static int
fill_address(const char *host, int port, union any_address *ret,
             socklen_t *ret_n)
{
    *ret = (union any_address){ 0 };
    if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons((uint16_t)port);
        *ret_n = sizeof ret->v4;
        return 0;
    }
    if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons((uint16_t)port);
        *ret_n = sizeof ret->v6;
        return 0;
    }
    errno = EINVAL;
    return -1;
}

/* Binds for a moment: the port that the system gave, or -1 with errno. */
static int
try_bind(const char *host, int port)
{
    union any_address address;
    socklen_t n = 0;
    if (fill_address(host, port, &address, &n) != 0)
        return -1;
    int fd = socket(address.any.sa_family, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    int one = 1;
    int got = -1;
    /* As a server would: connections in TIME_WAIT do not count. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (set_flags(fd, false) == 0 && bind(fd, &address.any, n) == 0 &&
        getsockname(fd, &address.any, &n) == 0)
        got = ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port
                                                     : address.v6.sin6_port);
    int saved = errno;
    close(fd);
    errno = saved;
    return got;
}

int
net_free_port(const char *host, struct error *error)
{
    int port = try_bind(host, 0);
    if (port < 0)
        return error_errno(error, errno, "a free port on %s", host);
    return port;
}

bool
net_port_is_free(const char *host, int port)
{
    return try_bind(host, port) == port;
}

int
net_listen_unix(const char *path, struct error *error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t n = strlen(path);
    if (n > UNIX_PATH_MAX_BYTES)
        return error_set(error, ERR_INVALID,
                         "%s: a socket's path may have %d bytes, this one "
                         "has %zu: choose a shorter data folder",
                         path, UNIX_PATH_MAX_BYTES, n);
    memcpy(address.sun_path, path, n + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return error_errno(error, errno, "a socket for %s", path);
    if (unlink(path) != 0 && errno != ENOENT)
        goto failed;
    /* Nobody can connect before listen(), so a chmod between is early
     * enough, and unlike umask() it touches no other thread. */
    if (set_flags(fd, true) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(path, 0600) != 0 || listen(fd, 16) != 0)
        goto failed;
    return fd;

failed:
    error_errno(error, errno, "%s", path);
    close(fd);
    return -1;
}

int
net_accept(int listener_fd)
{
    int fd;
    do
        fd = accept(listener_fd, NULL, NULL);
    while (fd < 0 && errno == EINTR);
    if (fd >= 0 && set_flags(fd, true) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

void
net_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

int
net_set_cloexec(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void
net_each_unix(const char *folder, void (*fn)(void *ctx, const char *path),
              void *ctx)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        char path[LIMIT_PATH_BYTES];
        struct stat info;
        int n = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (n < (int)sizeof path && lstat(path, &info) == 0 &&
            S_ISSOCK(info.st_mode))
            fn(ctx, path);
    }
    closedir(dir);
}
