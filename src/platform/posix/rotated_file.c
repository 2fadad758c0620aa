/* Appending without growing without end: see rotated_file.h. */
#include "platform/rotated_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROTATED_FILE_PATH_BYTES = LIMIT_PATH_BYTES + 16 };

/* The path of the i-th, 0 the newest. */
static void
rotated_file_path(const char *path, int i,
                  char ret_path[ROTATED_FILE_PATH_BYTES])
{
    if (i == 0)
        snprintf(ret_path, ROTATED_FILE_PATH_BYTES, "%s", path);
    else
        snprintf(ret_path, ROTATED_FILE_PATH_BYTES, "%s.%d", path, i);
}

int
rotated_file_init(struct rotated_file *file, const char *path,
                  uint64_t max_bytes, int n_files)
{
    size_t n = strlen(path);
    *file = (struct rotated_file){ .max_bytes = max_bytes,
                                   .n_files = n_files,
                                   .fd = -1 };
    if (n >= sizeof file->path)
        return ENAMETOOLONG;
    memcpy(file->path, path, n + 1);
    return 0;
}

void
rotated_file_close(struct rotated_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

static void
open_newest(struct rotated_file *file, int flags)
{
    struct stat info;
    file->fd = open(
        file->path,
        O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    file->size_bytes = 0;
    if (file->fd >= 0 && fstat(file->fd, &info) == 0)
        file->size_bytes = (uint64_t)info.st_size;
}

static int
remove_from(const struct rotated_file *file, int first)
{
    char path[ROTATED_FILE_PATH_BYTES];
    int n = 0;
    for (int i = first; i < ROTATED_FILES_MAX; i++) {
        rotated_file_path(file->path, i, path);
        n += unlink(path) == 0;
    }
    return n;
}

void
rotated_file_limit(struct rotated_file *file, uint64_t max_bytes, int n_files)
{
    file->max_bytes = max_bytes;
    file->n_files = n_files;
    remove_from(file, n_files);
}

int
rotated_file_clear(struct rotated_file *file)
{
    rotated_file_close(file);
    return remove_from(file, 0);
}

bool
rotated_file_remove(struct rotated_file *file, int i)
{
    char path[ROTATED_FILE_PATH_BYTES];
    if (i == 0)
        rotated_file_close(file);
    rotated_file_path(file->path, i, path);
    return unlink(path) == 0;
}

static void
rotate(struct rotated_file *file)
{
    char from[ROTATED_FILE_PATH_BYTES];
    char to[ROTATED_FILE_PATH_BYTES];
    rotated_file_close(file);
    rotated_file_path(file->path, file->n_files - 1, to);
    unlink(to);
    for (int i = file->n_files - 1; i > 0; i--) {
        rotated_file_path(file->path, i - 1, from);
        rotated_file_path(file->path, i, to);
        rename(from, to); /* a gap in the row is no harm */
    }
    /* One that is still in its place would grow without end: it begins anew
     * there. */
    open_newest(file, O_TRUNC);
}

/* Whoever removes, moves or empties the newest by hand means the path, not
 * what we have open. */
static void
look_after(struct rotated_file *file)
{
    struct stat ours, there;
    if (file->fd < 0)
        return;
    if (fstat(file->fd, &ours) != 0 || lstat(file->path, &there) != 0 ||
        ours.st_dev != there.st_dev || ours.st_ino != there.st_ino)
        rotated_file_close(file);
    else
        file->size_bytes = (uint64_t)there.st_size;
}

size_t
rotated_file_add(struct rotated_file *file, struct str bytes)
{
    size_t n_written = 0;
    look_after(file);
    if (file->fd < 0)
        open_newest(file, 0);
    if (file->size_bytes > 0 && file->size_bytes + bytes.n > file->max_bytes)
        rotate(file);
    while (file->fd >= 0 && n_written < bytes.n) {
        ssize_t n = write(file->fd, bytes.p + n_written, bytes.n - n_written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        n_written += (size_t)n;
        file->size_bytes += (uint64_t)n;
    }
    return n_written;
}

/* ---- reading ---- */

int
rotated_file_facts(const char *path, int i, int64_t *ret_size_bytes,
                   int64_t *ret_modified_at_ms)
{
    char name[ROTATED_FILE_PATH_BYTES];
    struct stat info;
    rotated_file_path(path, i, name);
    if (lstat(name, &info) != 0 || !S_ISREG(info.st_mode))
        return -1;
    *ret_size_bytes = (int64_t)info.st_size;
    *ret_modified_at_ms = (int64_t)info.st_mtime * 1000;
    return 0;
}

static ssize_t
read_some(int fd, void *to, size_t n, off_t at)
{
    ssize_t got;
    do
        got = pread(fd, to, n, at);
    while (got < 0 && errno == EINTR);
    return got;
}

/* From there to the end that it has now. */
static int
read_from(int fd, off_t at, off_t end, struct strbuf *out)
{
    while (at < end) {
        size_t n = end - at < 65536 ? (size_t)(end - at) : 65536;
        char *room = strbuf_reserve(out, n);
        ssize_t got = room == NULL ? -1 : read_some(fd, room, n, at);
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        strbuf_commit(out, (size_t)got);
        at += got;
    }
    return 0;
}

int
rotated_file_tail(const char *path, int i, size_t max_bytes, struct strbuf *out,
                  bool *ret_is_cut, struct error *error)
{
    char name[ROTATED_FILE_PATH_BYTES];
    struct stat info;
    rotated_file_path(path, i, name);
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP))
        return error_set(error, ERR_NOT_FOUND, "there is no file %s", name);
    if (fd < 0)
        return error_errno(error, errno, "%s", name);
    int failed = fstat(fd, &info) != 0 ? errno : 0;
    if (failed == 0 && !S_ISREG(info.st_mode))
        failed = EINVAL;
    off_t at = 0;
    if (failed == 0 && (uint64_t)info.st_size > max_bytes)
        at = info.st_size - (off_t)max_bytes;
    *ret_is_cut = at > 0;
    if (failed == 0 && read_from(fd, at, info.st_size, out) != 0)
        failed = strbuf_failed(out) ? ENOMEM : errno;
    close(fd);
    return failed == 0 ? 0 : error_errno(error, failed, "%s", name);
}
