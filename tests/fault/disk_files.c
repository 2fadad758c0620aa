/* disk_files: lets the n-th write, fsync, rename, pwrite or ftruncate fail, or
 * take only a part, for n = 1, 2, ... as far as there are any: once, and from
 * there on. Whatever fails: a replaced file is the old or the new one, whole,
 * with nothing left beside it; a private file or a lock can be had at the next
 * try; the log of an engine keeps to its sizes and tells what it lost.
 *
 * The calls are caught by the linker (--wrap). */
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper/log_file.h"
#include "platform/file.h"
#include "platform/private_file.h"

/* The linker's names for the real functions and for those in their place. */
ssize_t real_write(int fd, const void *p, size_t n) __asm__("__real_write");
ssize_t our_write(int fd, const void *p, size_t n) __asm__("__wrap_write");
ssize_t real_pwrite(int fd, const void *p, size_t n,
                    int64_t at) __asm__("__real_pwrite64");
ssize_t our_pwrite(int fd, const void *p, size_t n,
                   int64_t at) __asm__("__wrap_pwrite64");
int real_fsync(int fd) __asm__("__real_fsync");
int our_fsync(int fd) __asm__("__wrap_fsync");
int real_rename(const char *from, const char *to) __asm__("__real_rename");
int our_rename(const char *from, const char *to) __asm__("__wrap_rename");
int real_ftruncate(int fd, int64_t n) __asm__("__real_ftruncate64");
int our_ftruncate(int fd, int64_t n) __asm__("__wrap_ftruncate64");

enum {
    CALLS_MAX = 1000, /* of one scenario; it has far fewer */
    PATH_BYTES = 200,
    LOG_BYTES = 24 * 1024,
    LOG_PIECE_BYTES = 16 * 1024, /* the log is written in pieces of this */
    LOG_FILES = 3,
    BLOCK_BYTES = 4000,
    BLOCKS = 40, /* fit into the ring */
};

enum manner { FAILS_ONCE, FAILS_ON, TAKES_PART, MANNERS, RENAMES_FAIL };

static atomic_long calls_left; /* 0: nothing fails */
static _Atomic enum manner manner;
static char dir[PATH_BYTES];

static bool
is_hit(bool is_write)
{
    if (atomic_load(&manner) == TAKES_PART && !is_write)
        return false;
    long left = atomic_load(&calls_left);
    if (left == 1 && atomic_load(&manner) == FAILS_ON)
        return true;
    return left > 0 && atomic_fetch_sub(&calls_left, 1) == 1;
}

static int
fail(void)
{
    errno = ENOSPC;
    return -1;
}

ssize_t
our_write(int fd, const void *p, size_t n)
{
    if (fd <= STDERR_FILENO || n < 2 || !is_hit(true))
        return real_write(fd, p, n);
    return atomic_load(&manner) == TAKES_PART ? real_write(fd, p, n / 2)
                                              : fail();
}

ssize_t
our_pwrite(int fd, const void *p, size_t n, int64_t at)
{
    return is_hit(false) ? fail() : real_pwrite(fd, p, n, at);
}

int
our_fsync(int fd)
{
    return is_hit(false) ? fail() : real_fsync(fd);
}

int
our_rename(const char *from, const char *to)
{
    bool does_fail = atomic_load(&manner) == RENAMES_FAIL || is_hit(false);
    return does_fail ? fail() : real_rename(from, to);
}

int
our_ftruncate(int fd, int64_t n)
{
    return is_hit(false) ? fail() : real_ftruncate(fd, n);
}

static void
die(const char *what, long n, const char *why)
{
    fprintf(stderr, "disk_files: %s, call %ld, manner %d: %s\n", what, n,
            (int)atomic_load(&manner), why);
    exit(1);
}

/* Ends the faults; true when the n-th call was reached. */
static bool
disarm(void)
{
    long left = atomic_exchange(&calls_left, 0);
    return left == 0 || (left == 1 && atomic_load(&manner) == FAILS_ON);
}

static void
path_of(const char *name, char ret_path[PATH_BYTES])
{
    snprintf(ret_path, PATH_BYTES, "%s/%s", dir, name);
}

static int
count_files(void)
{
    DIR *folder = opendir(dir);
    int n = 0;
    if (folder == NULL)
        die("folder", 0, strerror(errno));
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

/* ---- the scenarios: true when the n-th call was reached ---- */

static bool
replace(long n)
{
    char path[PATH_BYTES];
    struct error error = { .code = ERR_OK };
    struct strbuf text = STRBUF_INIT(1024);
    path_of("file", path);
    if (file_write_atomic(path, STR("the old one"), 0600, &error) < 0)
        die("replace", n, error.message);
    atomic_store(&calls_left, n);
    int rc = file_write_atomic(path, STR("the new one"), 0600, &error);
    bool was_reached = disarm();
    if (rc < 0 && (error.code != ERR_IO || error.message[0] == '\0'))
        die("replace", n, "an error without a reason");
    if (rc < 0 && (!was_reached || atomic_load(&manner) == TAKES_PART))
        die("replace", n, error.message);
    if (file_read(path, &text, &error) < 0)
        die("replace", n, error.message);
    bool is_new = strcmp(strbuf_text(&text), "the new one") == 0;
    if (!is_new && (rc == 0 || strcmp(strbuf_text(&text), "the old one") != 0))
        die("replace", n, strbuf_text(&text));
    if (count_files() != 1)
        die("replace", n, "something is left beside the file");
    strbuf_release(&text);
    unlink(path);
    return was_reached;
}

static bool
make_private(long n)
{
    char path[PATH_BYTES];
    struct error error = { .code = ERR_OK };
    struct stat info;
    path_of("private", path);
    atomic_store(&calls_left, n);
    int rc = private_file_make(path, &error);
    bool was_reached = disarm();
    if (rc < 0 && (!was_reached || error.code != ERR_IO))
        die("private file", n, error.message);
    if (rc < 0 && private_file_make(path, &error) < 0)
        die("private file, again", n, error.message);
    if (stat(path, &info) < 0 || (info.st_mode & 0777) != 0600)
        die("private file", n, "is not there or not private");
    unlink(path);
    return was_reached;
}

static bool
lock(long n)
{
    char path[PATH_BYTES], holder[FILE_LOCK_HOLDER_BYTES];
    struct error error = { .code = ERR_OK };
    struct file_lock ours, other;
    long pid = 0;
    path_of("lock", path);
    atomic_store(&calls_left, n);
    int rc = file_lock_take(&ours, path, "files", holder, &pid, &error);
    bool was_reached = disarm();
    if (rc < 0 && (!was_reached || ours.fd != -1))
        die("lock", n, "is told as not taken, and held");
    if (rc < 0)
        rc = file_lock_take(&ours, path, "files", holder, &pid, &error);
    if (rc != 0)
        die("lock, again", n, error.message);
    if (file_lock_take(&other, path, "other", holder, &pid, &error) != 1 ||
        pid != (long)getpid() || strstr(holder, "files") == NULL)
        die("lock", n, "its holder is not told");
    file_lock_release(&ours);
    unlink(path);
    return was_reached;
}

static void
feed(struct log_ring *ring)
{
    char block[BLOCK_BYTES];
    int ends[2];
    if (pipe(ends) != 0)
        die("pipe", 0, strerror(errno));
    for (int i = 0; i < BLOCKS; i++) {
        memset(block, 'a' + i % 26, sizeof block);
        block[sizeof block - 1] = '\n';
        if (real_write(ends[1], block, sizeof block) != sizeof block ||
            log_ring_fill(ring, ends[0]) <= 0)
            die("ring", i, "does not fill");
    }
    close(ends[0]);
    close(ends[1]);
    log_ring_close(ring);
}

/* Looks at each file of the log; true when one tells of a loss. */
static bool
check_log(long n)
{
    static const char *const names[LOG_FILES] = { "log", "log.1", "log.2" };
    bool tells = false;
    for (int i = 0; i < LOG_FILES; i++) {
        char path[PATH_BYTES];
        struct error error = { .code = ERR_OK };
        struct strbuf text = STRBUF_INIT(1024 * 1024);
        path_of(names[i], path);
        if (file_read(path, &text, &error) < 0 && access(path, F_OK) == 0)
            die("log", n, error.message);
        if (text.n > LOG_BYTES + LOG_PIECE_BYTES)
            die("log", n, "a file is larger than it may be");
        tells |=
            strstr(strbuf_text(&text), "bytes of log were dropped") != NULL;
        strbuf_release(&text);
        unlink(path);
    }
    if (count_files() != 0)
        die("log", n, "there are more files than there may be");
    return tells;
}

static bool
write_log(long n)
{
    static struct log_ring ring;
    struct log_file file;
    char path[PATH_BYTES];
    path_of("log", path);
    log_ring_init(&ring);
    feed(&ring);
    atomic_store(&calls_left, n);
    if (log_file_start(&file, &ring, path, LOG_BYTES, LOG_FILES) != 0 ||
        !log_file_join(&file, 20000))
        die("log", n, "does not end");
    bool was_reached = disarm();
    bool tells = check_log(n);
    if (tells && (!was_reached || atomic_load(&manner) == TAKES_PART))
        die("log", n, "tells of a loss that was none");
    return was_reached;
}

/* The first write of the log fails, no rename does: it says so itself. */
static void
check_that_loss_is_told(void)
{
    static struct log_ring ring;
    struct log_file file;
    char path[PATH_BYTES];
    path_of("log", path);
    log_ring_init(&ring);
    feed(&ring);
    atomic_store(&manner, FAILS_ONCE);
    atomic_store(&calls_left, 1);
    if (log_file_start(&file, &ring, path, (uint64_t)BLOCKS * BLOCK_BYTES * 2,
                       1) != 0 ||
        !log_file_join(&file, 20000))
        die("log", 1, "does not end");
    struct error error = { .code = ERR_OK };
    struct strbuf text = STRBUF_INIT(1024 * 1024);
    if (!disarm() || file_read(path, &text, &error) < 0 ||
        strstr(strbuf_text(&text), "16384 bytes of log were dropped") == NULL)
        die("log", 1, "does not tell of its loss");
    strbuf_release(&text);
    unlink(path);
}

/* No file can get out of the way of the next: the newest still keeps to its
 * size, and has the newest lines. */
static void
check_that_log_stays_small(void)
{
    static struct log_ring ring;
    struct log_file file;
    char path[PATH_BYTES];
    struct error error = { .code = ERR_OK };
    struct strbuf text = STRBUF_INIT(1024 * 1024);
    path_of("log", path);
    log_ring_init(&ring);
    feed(&ring);
    atomic_store(&manner, RENAMES_FAIL);
    if (log_file_start(&file, &ring, path, LOG_BYTES, LOG_FILES) != 0 ||
        !log_file_join(&file, 20000))
        die("log", 1, "does not end");
    atomic_store(&manner, FAILS_ONCE);
    if (file_read(path, &text, &error) < 0 || text.n < 2 ||
        text.p[text.n - 2] != 'a' + (BLOCKS - 1) % 26)
        die("log", 1, "has lost its newest lines");
    strbuf_release(&text);
    check_log(1);
}

int
main(void)
{
    static const struct {
        const char *name;
        bool (*run)(long n);
        bool has_writes;
    } scenarios[] = {
        { "replace", replace, true },
        { "private file", make_private, false },
        { "lock", lock, false },
        { "log", write_log, true },
    };
    snprintf(dir, sizeof dir, "/tmp/hearth-disk-XXXXXX");
    if (mkdtemp(dir) == NULL)
        die("folder", 0, strerror(errno));
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
        for (int m = 0; m < MANNERS; m++) {
            long n = 1;
            atomic_store(&manner, (enum manner)m);
            while (n < CALLS_MAX && scenarios[i].run(n))
                n++;
            printf("disk_files: %s, manner %d: %ld calls\n", scenarios[i].name,
                   m, n - 1);
            bool may_be_none = m == TAKES_PART && !scenarios[i].has_writes;
            if (n == CALLS_MAX || (n == 1 && !may_be_none))
                die(scenarios[i].name, n, "too few calls, or no end of them");
        }
    }
    check_that_loss_is_told();
    check_that_log_stays_small();
    return rmdir(dir) == 0 ? 0 : 1;
}
