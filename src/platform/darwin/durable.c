/* F_FULLFSYNC and F_PREALLOCATE of fcntl(2): durable_internal.h. */
#include "platform/durable_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* fsync(2) leaves the bytes in the drive's cache; not every file system has
 * the command that does not. */
int
durable_sync(int fd)
{
    return fcntl(fd, F_FULLFSYNC) == 0 ? 0 : fsync(fd);
}

/* The system counts from the end of what the file has on disk, and does not
 * change its size. */
int
durable_reserve(int fd, uint64_t size_bytes)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return -1;
    int64_t has_bytes = (int64_t)info.st_blocks * S_BLKSIZE;
    if ((uint64_t)has_bytes >= size_bytes)
        return 0;
    struct fstore store = { .fst_flags = F_ALLOCATEALL,
                            .fst_posmode = F_PEOFPOSMODE,
                            .fst_length = (off_t)size_bytes - has_bytes };
    if (fcntl(fd, F_PREALLOCATE, &store) == 0 || errno == ENOTSUP ||
        errno == EINVAL)
        return 0;
    return -1;
}
