/* See tree.h. */
#include "platform/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/str.h"
#include "platform/durable_internal.h"
#include "platform/stat_times_internal.h"
#include "platform/system.h"

enum { COPY_BYTES = 1 << 20, DEPTH_MAX = 32 };

static bool
is_plain_part(struct str part)
{
    return part.n > 0 && part.n < 256 && !str_is(part, ".") &&
           !str_is(part, "..");
}

/* Opens the folder that holds the name; *ret_last is its last part. -1 with
 * errno. */
static int
open_parent(const struct tree_name *name, bool may_make, char ret_last[256])
{
    struct str rest = str_from(name->name);
    int fd = open(name->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0) {
        char text[256];
        struct str part = str_split(&rest, '/');
        if (!is_plain_part(part)) {
            close(fd);
            errno = EINVAL;
            return -1;
        }
        snprintf(text, sizeof text, "%.*s", STR_ARG(part));
        if (rest.p == NULL) {
            memcpy(ret_last, text, sizeof text);
            return fd;
        }
        if (may_make && mkdirat(fd, text, 0755) != 0 && errno != EEXIST) {
            int errnum = errno;
            close(fd);
            errno = errnum;
            return -1;
        }
        int next =
            openat(fd, text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int errnum = errno;
        close(fd);
        errno = errnum;
        fd = next;
    }
    return -1;
}

static int
fail(struct error *error, int errnum, const struct tree_name *name)
{
    if (errnum == EINVAL || errnum == ELOOP || errnum == ENOTDIR)
        return error_set(error, ERR_INVALID, "%s is no name inside %s",
                         name->name, name->root);
    if (errnum == EEXIST || errnum == ENOTEMPTY)
        return error_set(error, ERR_CONFLICT, "%s/%s exists already",
                         name->root, name->name);
    return error_errno(error, errnum, "%s/%s", name->root, name->name);
}

/* Gives a name that must be free: 0, or -1 with errno. A hard link cannot
 * replace; where there are none (folders, some file systems), looking has to
 * do. */
static int
rename_free(int from_fd, const char *from, int to_fd, const char *to)
{
    struct stat facts;
    if (linkat(from_fd, from, to_fd, to, 0) == 0) {
        if (unlinkat(from_fd, from, 0) == 0)
            return 0;
        int errnum = errno;
        unlinkat(to_fd, to, 0);
        errno = errnum;
        return -1;
    }
    if (errno == EEXIST || errno == EXDEV || errno == ENOENT)
        return -1;
    if (fstatat(to_fd, to, &facts, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(from_fd, from, to_fd, to);
}

static int
copy_bytes(int from, int to)
{
    char *piece = malloc(COPY_BYTES);
    ssize_t n = piece == NULL ? -1 : 1;
    if (piece == NULL)
        errno = ENOMEM;
    while (n > 0 && (n = read(from, piece, COPY_BYTES)) != 0) {
        if (n < 0 && errno == EINTR) {
            n = 1;
            continue;
        }
        for (ssize_t at = 0; n > 0 && at < n;) {
            ssize_t wrote = write(to, piece + at, (size_t)(n - at));
            if (wrote < 0 && errno != EINTR)
                n = -1;
            else if (wrote > 0)
                at += wrote;
        }
    }
    int errnum = errno;
    free(piece);
    errno = errnum;
    return n < 0 ? -1 : 0;
}

/* The whole of it, with its time, to disk. */
static int
copy_open(int from, int to, const struct stat *facts)
{
    struct timespec times[2];
    stat_times(facts, times);
    if (copy_bytes(from, to) != 0 || futimens(to, times) != 0)
        return -1;
    return durable_sync(to);
}

static bool
is_folder_at(int fd, const char *name)
{
    struct stat facts;
    return fstatat(fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(facts.st_mode);
}

/* ---- reading ---- */

/* As many bytes as the file had when it was opened, or fewer. */
static int
read_open(int fd, size_t n, struct strbuf *out)
{
    char *at = strbuf_reserve(out, n);
    if (at == NULL) {
        errno = ENOMEM;
        return -1;
    }
    size_t n_read = 0;
    while (n_read < n) {
        ssize_t got = read(fd, at + n_read, n - n_read);
        if (got < 0 && errno != EINTR)
            return -1;
        if (got == 0)
            break;
        n_read += got > 0 ? (size_t)got : 0;
    }
    strbuf_commit(out, n_read);
    return 0;
}

/* Without waiting for somebody to write to a pipe. */
static int
open_file(const struct tree_name *name, struct error *error)
{
    char last[256];
    int parent = open_parent(name, false, last);
    int fd = parent < 0
                 ? -1
                 : openat(parent, last,
                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    int errnum = errno;
    if (parent >= 0)
        close(parent);
    if (fd >= 0)
        return fd;
    fail(error, errnum, name);
    if (error != NULL && errnum == ENOENT)
        error->code = ERR_NOT_FOUND;
    return -1;
}

static void
take_facts(const struct stat *facts, struct folder_facts *ret_facts)
{
    struct timespec times[2];
    stat_times(facts, times);
    *ret_facts = (struct folder_facts){
        .device = facts->st_dev,
        .inode = facts->st_ino,
        .size_bytes = facts->st_size,
        .modified_at_ms =
            (int64_t)times[1].tv_sec * 1000 + times[1].tv_nsec / 1000000,
    };
}

int
tree_read(const struct tree_name *name, struct strbuf *out,
          struct folder_facts *ret_facts, struct error *error)
{
    int fd = open_file(name, error);
    if (fd < 0)
        return -1;
    struct stat facts;
    int result = 0;
    if (fstat(fd, &facts) != 0)
        result = fail(error, errno, name);
    else if (!S_ISREG(facts.st_mode))
        result = error_set(error, ERR_INVALID, "%s/%s is no regular file",
                           name->root, name->name);
    else if ((uintmax_t)facts.st_size > out->ceiling - out->n)
        result =
            error_set(error, ERR_TOO_LARGE, "%s/%s is larger than %zu bytes",
                      name->root, name->name, out->ceiling - out->n);
    else if (read_open(fd, (size_t)facts.st_size, out) != 0)
        result = fail(error, errno, name);
    close(fd);
    if (result == 0)
        take_facts(&facts, ret_facts);
    return result;
}

/* ---- removing ---- */

static int
remove_at(int fd, const char *name, int depth)
{
    if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (!is_folder_at(fd, name) || depth == DEPTH_MAX)
        return -1;
    int below =
        openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = below < 0 ? NULL : fdopendir(below);
    if (folder == NULL) {
        if (below >= 0)
            close(below);
        return -1;
    }
    int result = 0;
    const struct dirent *entry;
    while (result == 0 && (entry = readdir(folder)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = remove_at(below, entry->d_name, depth + 1);
    int errnum = errno;
    closedir(folder);
    errno = errnum;
    return result == 0 ? unlinkat(fd, name, AT_REMOVEDIR) : -1;
}

/* ---- copying ---- */

static int
copy_file(int from_fd, const char *from, int to_fd, const char *to)
{
    struct stat facts;
    int source = openat(from_fd, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (source < 0)
        return -1;
    int target =
        openat(to_fd, to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    bool is_copied = target >= 0 && fstat(source, &facts) == 0 &&
                     copy_open(source, target, &facts) == 0;
    int errnum = errno;
    close(source);
    if (target >= 0 && close(target) != 0 && is_copied)
        return -1;
    errno = errnum;
    return is_copied ? 0 : -1;
}

static int
copy_link(int from_fd, const char *from, int to_fd, const char *to)
{
    char target[LIMIT_PATH_BYTES];
    ssize_t n = readlinkat(from_fd, from, target, sizeof target - 1);
    if (n < 0)
        return -1;
    target[n] = '\0';
    return symlinkat(target, to_fd, to);
}

static int copy_at(int from_fd, const char *from, int to_fd, const char *to,
                   int depth);

static int
copy_folder(int from_fd, const char *from, int to_fd, const char *to, int depth)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int result = -1;
    if (mkdirat(to_fd, to, 0755) != 0)
        return -1;
    int below = openat(from_fd, from, flags);
    int target = openat(to_fd, to, flags);
    DIR *folder = below < 0 || target < 0 ? NULL : fdopendir(below);
    if (folder != NULL) {
        const struct dirent *entry;
        result = 0;
        while (result == 0 && (entry = readdir(folder)) != NULL)
            if (strcmp(entry->d_name, ".") != 0 &&
                strcmp(entry->d_name, "..") != 0)
                result = copy_at(below, entry->d_name, target, entry->d_name,
                                 depth + 1);
        result = result == 0 ? durable_sync(target) : -1;
    }
    int errnum = errno;
    if (folder != NULL)
        closedir(folder);
    else if (below >= 0)
        close(below);
    if (target >= 0)
        close(target);
    errno = errnum;
    return result;
}

/* The whole of it, to disk, under a name that is free. */
static int
copy_at(int from_fd, const char *from, int to_fd, const char *to, int depth)
{
    struct stat facts;
    if (fstatat(from_fd, from, &facts, AT_SYMLINK_NOFOLLOW) != 0)
        return -1;
    if (S_ISREG(facts.st_mode))
        return copy_file(from_fd, from, to_fd, to);
    if (S_ISLNK(facts.st_mode))
        return copy_link(from_fd, from, to_fd, to);
    if (S_ISDIR(facts.st_mode) && depth < DEPTH_MAX)
        return copy_folder(from_fd, from, to_fd, to, depth);
    errno = ENOTSUP;
    return -1;
}

static void
hidden_name(char ret_name[64])
{
    uint32_t tail;
    system_random(&tail, sizeof tail);
    snprintf(ret_name, 64, ".hearth-%08x.part", tail);
}

/* At once for everybody who looks, though it may take its time. What cannot
 * be removed is left under a name that nobody looks at. */
static int
put_away(int fd, const char *name)
{
    char hidden[64];
    if (!is_folder_at(fd, name))
        return unlinkat(fd, name, 0);
    hidden_name(hidden);
    if (renameat(fd, name, fd, hidden) != 0)
        return -1;
    remove_at(fd, hidden, 0);
    return 0;
}

/* Never half there, and never lost: the old one goes when the new one is
 * whole and on disk. */
static int
copy_free(int from_fd, const char *from, int to_fd, const char *to)
{
    char part[64];
    struct stat facts;
    bool is_named = false;
    if (fstatat(to_fd, to, &facts, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST; /* before much is copied for nothing */
        return -1;
    }
    hidden_name(part);
    if (copy_at(from_fd, from, to_fd, part, 0) == 0 &&
        rename_free(to_fd, part, to_fd, to) == 0) {
        if (durable_sync(to_fd) == 0 && put_away(from_fd, from) == 0)
            return 0;
        is_named = true;
    }
    int errnum = errno;
    remove_at(to_fd, is_named ? to : part, 0);
    errno = errnum;
    return -1;
}

/* ---- moving ---- */

int
tree_move(const struct tree_name *from, const struct tree_name *to,
          struct error *error)
{
    char from_last[256], to_last[256];
    int from_fd = open_parent(from, false, from_last);
    if (from_fd < 0)
        return fail(error, errno, from);
    int to_fd = open_parent(to, true, to_last);
    if (to_fd < 0) {
        int errnum = errno;
        close(from_fd);
        return fail(error, errnum, to);
    }
    int result = rename_free(from_fd, from_last, to_fd, to_last);
    int errnum = result == 0 ? 0 : errno;
    if (errnum == EXDEV) {
        result = copy_free(from_fd, from_last, to_fd, to_last);
        errnum = result == 0 ? 0 : errno;
    }
    if (result == 0)
        durable_sync(to_fd);
    close(from_fd);
    close(to_fd);
    return errnum == 0 ? 0 : fail(error, errnum, to);
}

int
tree_remove(const struct tree_name *name, struct error *error)
{
    char last[256];
    int fd = open_parent(name, false, last);
    if (fd < 0)
        return errno == ENOENT ? 0 : fail(error, errno, name);
    int errnum = remove_at(fd, last, 0) == 0 ? 0 : errno;
    close(fd);
    return errnum == 0 ? 0 : fail(error, errnum, name);
}
