/* Files that grow under another name: see part_file.h. */
#include "platform/part_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "platform/durable_internal.h"

static int
fail(struct error *error, int errnum, const char *what)
{
    if (errnum == ENOSPC || errnum == EDQUOT)
        return error_set(error, ERR_NO_SPACE, "%s: the disk is full", what);
    if (errnum == EFBIG)
        return error_set(error, ERR_NO_SPACE,
                         "%s: a file may not be so large here", what);
    return error_errno(error, errnum, "%s", what);
}

int
part_file_open(const char *path, int *ret_fd, struct error *error)
{
    *ret_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
    return *ret_fd < 0 ? fail(error, errno, path) : 0;
}

void
part_file_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

int64_t
part_file_allocated(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return 0;
    return (int64_t)info.st_blocks * 512; /* of POSIX, whatever the disk's */
}

int
part_file_reserve(int fd, uint64_t size_bytes, struct error *error)
{
    struct stat info;
    if (size_bytes == 0)
        return 0;
    if (durable_reserve(fd, size_bytes) < 0)
        return fail(error, errno, "cannot reserve the room");
    bool is_set =
        fstat(fd, &info) == 0 && ((uint64_t)info.st_size >= size_bytes ||
                                  ftruncate(fd, (off_t)size_bytes) == 0);
    return is_set ? 0 : fail(error, errno, "cannot reserve the room");
}

int
part_file_cut(int fd, uint64_t size_bytes, struct error *error)
{
    return ftruncate(fd, (off_t)size_bytes) == 0
               ? 0
               : fail(error, errno, "cannot cut the file");
}

int
part_file_write(int fd, uint64_t offset, struct str bytes, struct error *error)
{
    while (bytes.n > 0) {
        ssize_t n = pwrite(fd, bytes.p, bytes.n, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail(error, n < 0 ? errno : ENOSPC, "cannot write");
        bytes = (struct str){ bytes.p + n, bytes.n - (size_t)n };
        offset += (uint64_t)n;
    }
    return 0;
}

int64_t
part_file_read(int fd, uint64_t offset, void *ret_bytes, size_t n,
               struct error *error)
{
    ssize_t got;
    do
        got = pread(fd, ret_bytes, n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? fail(error, errno, "cannot read back") : got;
}

int
part_file_sync(int fd, struct error *error)
{
    return durable_sync(fd) == 0
               ? 0
               : fail(error, errno, "cannot bring it to disk");
}

static int
sync_folder_of(const char *path, struct error *error)
{
    char folder[LIMIT_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash - path >= LIMIT_PATH_BYTES)
        return error_set(error, ERR_INVALID, "%s is no absolute path", path);
    snprintf(folder, sizeof folder, "%.*s",
             slash == path ? 1 : (int)(slash - path), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(error, errno, folder);
    int failed = durable_sync(fd) == 0 ? 0 : errno;
    close(fd);
    return failed == 0 ? 0 : fail(error, failed, folder);
}

/* Ended between the link and the removal: one file under both names. */
static bool
is_same_file(const char *a, const char *b)
{
    struct stat one, other;
    return lstat(a, &one) == 0 && lstat(b, &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* A hard link does not replace, a rename would; where there are none (FAT)
 * a look before the rename has to do. */
int
part_file_publish(const char *part, const char *path, struct error *error)
{
    struct stat info;
    if (link(part, path) == 0 || (errno == EEXIST && is_same_file(part, path)))
        return unlink(part) == 0 ? sync_folder_of(path, error)
                                 : fail(error, errno, part);
    if (errno == EEXIST || lstat(path, &info) == 0)
        return error_set(error, ERR_CONFLICT, "%s is there already", path);
    if (errno == ENOSPC)
        return fail(error, errno, path);
    if (rename(part, path) != 0)
        return fail(error, errno, path);
    return sync_folder_of(path, error);
}

int
part_file_remove(const char *path, struct error *error)
{
    return unlink(path) == 0 || errno == ENOENT ? 0 : fail(error, errno, path);
}

int
part_file_link(const char *target, const char *path, struct error *error)
{
    char there[LIMIT_PATH_BYTES];
    if (symlink(target, path) == 0)
        return sync_folder_of(path, error);
    if (errno != EEXIST)
        return fail(error, errno, path);
    ssize_t n = readlink(path, there, sizeof there - 1);
    if (n < 0)
        return error_set(error, ERR_CONFLICT, "%s is there and no link", path);
    there[n] = '\0';
    if (strcmp(there, target) == 0)
        return 0;
    if (unlink(path) != 0 || symlink(target, path) != 0)
        return fail(error, errno, path);
    return sync_folder_of(path, error);
}
