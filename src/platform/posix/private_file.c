/* Private files and the lock: see private_file.h.
 *
 * flock() and not fcntl(): a record lock is lost as soon as any descriptor of
 * the file is closed anywhere in the process, and does not keep two openers
 * inside one process apart. The lock file is never unlinked: between an open
 * and a lock, another process could then lock a file that has no name. */
#include "platform/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/str.h"
#include "platform/durable_internal.h"

/* A new name survives a crash only once its folder is on disk as well. */
static int
sync_folder_of(const char *path)
{
    char folder[LIMIT_PATH_BYTES];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s",
             slash == NULL ? 1 : (int)(slash - path) + 1,
             slash == NULL ? "." : path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = durable_sync(fd);
    close(fd);
    return result;
}

int
private_file_make(const char *path, struct error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        if (sync_folder_of(path) == 0)
            return 0;
        return error_errno(error, errno, "cannot make %s", path);
    }
    if (errno != EEXIST)
        return error_errno(error, errno, "cannot make %s", path);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "cannot open %s for writing", path);
    struct stat info;
    int result = fstat(fd, &info);
    if (result == 0 && (info.st_mode & 077) != 0)
        result = fchmod(fd, info.st_mode & 0700);
    if (result < 0)
        error_errno(error, errno, "cannot make %s private", path);
    close(fd);
    return result;
}

static void
read_holder(int fd, char ret_holder[FILE_LOCK_HOLDER_BYTES], long *ret_pid)
{
    char text[FILE_LOCK_HOLDER_BYTES + 32];
    ssize_t n = pread(fd, text, sizeof text, 0);
    struct str rest = { text, n < 0 ? 0 : (size_t)n };
    struct str line = str_split(&rest, '\n');
    struct str pid = str_split(&line, ' ');
    int64_t number = 0;
    *ret_pid = str_to_i64(pid, &number) == 0 ? (long)number : 0;
    snprintf(ret_holder, FILE_LOCK_HOLDER_BYTES, "%.*s", STR_ARG(line));
}

static int
write_holder(int fd, const char *holder)
{
    char text[FILE_LOCK_HOLDER_BYTES + 32];
    int n = snprintf(text, sizeof text, "%ld %.*s\n", (long)getpid(),
                     FILE_LOCK_HOLDER_BYTES - 1, holder);
    if (ftruncate(fd, 0) < 0)
        return -1;
    return pwrite(fd, text, (size_t)n, 0) == n ? 0 : -1;
}

/* Whoever held it may have removed the file before he let go: then the next
 * one would make another, and both would hold theirs. */
static bool
is_still_at(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 &&
           ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* What file_lock_take() answers, or LOCK_AGAIN. */
enum { LOCK_AGAIN = 2, LOCK_TRIES = 100 };
static int
try_lock(struct file_lock *lock, const char *path, const char *holder,
         char ret_holder[FILE_LOCK_HOLDER_BYTES], long *ret_pid,
         struct error *error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_errno(error, errno, "cannot open the lock %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int errnum = errno;
        if (errnum == EWOULDBLOCK)
            read_holder(fd, ret_holder, ret_pid);
        close(fd);
        return errnum == EWOULDBLOCK
                   ? 1
                   : error_errno(error, errnum, "cannot lock %s", path);
    }
    if (!is_still_at(fd, path)) {
        close(fd);
        return LOCK_AGAIN;
    }
    if (write_holder(fd, holder) < 0) {
        int errnum = errno;
        close(fd);
        return error_errno(error, errnum, "cannot write the lock %s", path);
    }
    lock->fd = fd;
    return 0;
}

int
file_lock_take(struct file_lock *lock, const char *path, const char *holder,
               char ret_holder[FILE_LOCK_HOLDER_BYTES], long *ret_pid,
               struct error *error)
{
    int rc = LOCK_AGAIN;
    lock->fd = -1;
    ret_holder[0] = '\0';
    *ret_pid = 0;
    for (int i = 0; i < LOCK_TRIES && rc == LOCK_AGAIN; i++)
        rc = try_lock(lock, path, holder, ret_holder, ret_pid, error);
    return rc == LOCK_AGAIN ? 1 : rc; /* others come and go there */
}

void
file_lock_release(struct file_lock *lock)
{
    if (lock->fd < 0)
        return;
    /* The next one must not read our name; if this fails it only may. */
    int emptied = ftruncate(lock->fd, 0);
    (void)emptied;
    close(lock->fd);
    lock->fd = -1;
}
