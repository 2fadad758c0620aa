/* Output that does not block for long: see output.h. */
#include "platform/output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

/* A pipe that is ready takes this much at once. */
enum { PIECE_BYTES = _POSIX_PIPE_BUF };

ptrdiff_t
output_write(int fd, struct str bytes, int timeout_ms)
{
    struct pollfd ready = { .fd = fd, .events = POLLOUT };
    int n_ready = poll(&ready, 1, timeout_ms);
    if (n_ready < 0)
        return errno == EINTR ? 0 : -1;
    if (n_ready == 0)
        return 0;
    if ((ready.revents & POLLNVAL) != 0)
        return -1;
    size_t n = bytes.n < PIECE_BYTES ? bytes.n : PIECE_BYTES;
    ssize_t written = write(fd, bytes.p, n);
    if (written >= 0)
        return written;
    return errno == EINTR || errno == EAGAIN ? 0 : -1;
}
