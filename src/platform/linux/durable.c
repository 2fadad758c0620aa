/* fsync(2) and posix_fallocate(3): durable_internal.h. */
#include "platform/durable_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
durable_sync(int fd)
{
    return fsync(fd);
}

int
durable_reserve(int fd, uint64_t size_bytes)
{
    int failed = posix_fallocate(fd, 0, (off_t)size_bytes);
    if (failed == 0 || failed == EOPNOTSUPP || failed == EINVAL ||
        failed == ENOSYS)
        return 0;
    errno = failed;
    return -1;
}
