/* Files and folders: see file.h. */
#include "platform/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "platform/durable_internal.h"
#include "platform/system.h"

static int
write_all(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
    return 0;
}

/* A rename is only as durable as the folder that holds it. */
static int
sync_folder_of(const char *path)
{
    char folder[LIMIT_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - path);
    if (slash == NULL)
        snprintf(folder, sizeof folder, ".");
    else
        snprintf(folder, sizeof folder, "%.*s", n == 0 ? 1 : (int)n, path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int failed = durable_sync(fd);
    close(fd);
    return failed;
}

static int
write_and_rename(int fd, const char *temporary, const char *path,
                 struct str bytes, struct error *error)
{
    int failed = write_all(fd, bytes) != 0 || durable_sync(fd) != 0 ? errno : 0;
    if (close(fd) != 0 && failed == 0)
        failed = errno;
    if (failed == 0 && rename(temporary, path) != 0)
        failed = errno;
    if (failed != 0) {
        unlink(temporary);
        return error_errno(error, failed, "%s", path);
    }
    if (sync_folder_of(path) != 0)
        return error_errno(error, errno, "the folder of %s", path);
    return 0;
}

int
file_write_atomic(const char *path, struct str bytes, int mode,
                  struct error *error)
{
    char temporary[LIMIT_PATH_BYTES];
    uint32_t tail;
    system_random(&tail, sizeof tail);
    int n = snprintf(temporary, sizeof temporary, "%s.%08x.tmp", path, tail);
    if (n >= (int)sizeof temporary)
        return error_set(error, ERR_INVALID, "%s: the path is too long", path);
    int fd =
        open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return error_errno(error, errno, "%s", temporary);
    return write_and_rename(fd, temporary, path, bytes, error);
}

int
file_write_by(const char *temporary, const char *path, struct str bytes,
              int mode, struct error *error)
{
    int fd =
        open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
             (mode_t)mode);
    if (fd < 0)
        return error_errno(error, errno, "%s", temporary);
    return write_and_rename(fd, temporary, path, bytes, error);
}

int
file_read(const char *path, struct strbuf *out, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "%s", path);
    char chunk[4096];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        strbuf_add(out, chunk, (size_t)n);
    }
    int saved = errno;
    close(fd);
    if (n < 0)
        return error_errno(error, saved, "%s", path);
    if (out->state == STRBUF_FULL)
        return error_set(error, ERR_TOO_LARGE, "%s: more than %zu bytes", path,
                         out->ceiling);
    if (strbuf_failed(out))
        return error_set(error, ERR_NO_MEMORY, "%s: out of memory", path);
    return 0;
}

ptrdiff_t
file_read_part(const char *path, uint64_t offset, void *ret_bytes, size_t n,
               struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "%s", path);
    ssize_t got;
    do
        got = pread(fd, ret_bytes, n, (off_t)offset);
    while (got < 0 && errno == EINTR);
    int saved = errno;
    close(fd);
    return got < 0 ? error_errno(error, saved, "%s", path) : got;
}

int
file_read_exactly(void *path, uint64_t offset, void *ret_bytes, size_t n,
                  struct error *error)
{
    char *to = ret_bytes;
    while (n > 0) {
        ptrdiff_t got = file_read_part(path, offset, to, n, error);
        if (got < 0)
            return -1;
        if (got == 0)
            return error_set(error, ERR_INVALID,
                             "the file ends at byte %llu: it is cut short",
                             (unsigned long long)offset);
        to += got;
        offset += (uint64_t)got;
        n -= (size_t)got;
    }
    return 0;
}

int
file_stamp(const char *path, struct file_stamp *ret_stamp)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return -1;
    ret_stamp->size_bytes = info.st_size;
    ret_stamp->modified_at_s = info.st_mtime;
    ret_stamp->inode = (uint64_t)info.st_ino;
    return 0;
}

int
file_make_folders(const char *path, int mode, struct error *error)
{
    size_t made;
    return file_make_folders_noting(path, mode, &made, error);
}

int
file_make_folders_noting(const char *path, int mode, size_t *ret_made,
                         struct error *error)
{
    char part[LIMIT_PATH_BYTES];
    *ret_made = 0;
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return error_set(error, ERR_INVALID, "'%s' is no path for a folder",
                         path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, (mode_t)mode) == 0)
            *ret_made = *ret_made == 0 ? i : *ret_made;
        else if (errno != EEXIST)
            return error_errno(error, errno, "%s", part);
    }
    struct stat info;
    if (stat(path, &info) != 0)
        return error_errno(error, errno, "%s", path);
    if (!S_ISDIR(info.st_mode))
        return error_set(error, ERR_IO, "%s is no folder", path);
    return 0;
}

bool
file_remove_empty_folders(const char *path, size_t made)
{
    char part[LIMIT_PATH_BYTES];
    size_t n = strlen(path);
    bool is_gone = false;
    if (n >= sizeof part || made == 0)
        return false;
    memcpy(part, path, n + 1);
    while (n >= made && rmdir(part) == 0) {
        is_gone = true;
        while (n > 0 && part[n - 1] != '/')
            n--;
        if (n > 0)
            part[--n] = '\0';
    }
    return is_gone;
}
