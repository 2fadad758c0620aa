/* store_disk: a disk that is full, for the store. First a real limit
 * (RLIMIT_FSIZE, which needs no rights): files may grow so far and no further.
 * Then SQLite's n-th write or truncation finds no room (ENOSPC), for n = 1, 2,
 * ... as far as there are any. Either way each change is told once how it
 * ended; what was told stored is there afterwards, and what was told not
 * stored is not; and once there is room, the same store goes on. */
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store/store.h"

enum { CHANGES_MAX = 300, VALUE_BYTES = 3000, CALLS_MAX = 2000, FEW = 6 };

/* Counts down; from 1 on there is no room. */
static atomic_long calls_left;
static sqlite3_syscall_ptr real_pwrite, real_truncate;
static char dir[64];

static bool
is_full(void)
{
    long left = atomic_load(&calls_left);
    if (left == 1)
        return true;
    if (left > 1)
        atomic_fetch_sub(&calls_left, 1);
    return false;
}

static ssize_t
our_pwrite(int fd, const void *p, size_t n, off_t at)
{
    if (!is_full())
        return ((ssize_t(*)(int, const void *, size_t, off_t))real_pwrite)(
            fd, p, n, at);
    errno = ENOSPC;
    return -1;
}

static int
our_truncate(int fd, off_t n)
{
    if (!is_full())
        return ((int (*)(int, off_t))real_truncate)(fd, n);
    errno = ENOSPC;
    return -1;
}

static void
set_limit(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes == RLIM_INFINITY ? limit.rlim_max : bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void
die(const char *what, long n, const char *why)
{
    set_limit(RLIM_INFINITY);
    fprintf(stderr, "store_disk: %s %ld: %s\n", what, n, why);
    exit(1);
}

struct outcome {
    int n_calls;
    bool has_failed;
};

struct run {
    struct loop loop;
    struct outcome outcomes[CHANGES_MAX];
    bool is_there[CHANGES_MAX];
    int n;
};

static void
on_done(void *ctx, const struct error *error)
{
    struct outcome *outcome = ctx;
    outcome->n_calls++;
    outcome->has_failed = error != NULL;
    if (error != NULL && (error->code != ERR_IO || error->message[0] == '\0'))
        die("a change", 0, error->message);
}

static int
see_setting(void *ctx, const char *key, const char *json)
{
    struct run *run = ctx;
    long i = strtol(key + 1, NULL, 10);
    if (i < 0 || i >= run->n || strlen(json) != VALUE_BYTES)
        die("a row", i, "is not as it was stored");
    run->is_there[i] = true;
    return 0;
}

/* One change, to its end: true when it is stored. */
static bool
put(struct store *store, struct run *run)
{
    char key[16], value[VALUE_BYTES + 1];
    struct error error = { .code = ERR_OK };
    int i = run->n++;
    snprintf(key, sizeof key, "k%d", i);
    memset(value, 'x', VALUE_BYTES);
    value[0] = value[VALUE_BYTES - 1] = '"';
    value[VALUE_BYTES] = '\0';
    store_put_setting(store, key, value, on_done, &run->outcomes[i]);
    (void)store_wait(store, &error);
    if (run->outcomes[i].n_calls != 1)
        die("a change", i, "is not told once");
    return !run->outcomes[i].has_failed;
}

static struct store *
open_store(struct run *run)
{
    struct store *store = NULL;
    struct error error = { .code = ERR_OK };
    if (store_open(&run->loop, dir, "store_disk", &store, &error) == 0)
        return store;
    if (error.code != ERR_IO || error.message[0] == '\0')
        die("store_open", 0, error.message);
    return NULL;
}

/* With room: what was told is so. */
static void
check(struct run *run, long n)
{
    struct error error = { .code = ERR_OK };
    struct store *store = open_store(run);
    if (store == NULL ||
        store_load_settings(store, see_setting, run, &error) < 0)
        die("afterwards", n, "the store cannot be read");
    for (int i = 0; i < run->n; i++)
        if (run->is_there[i] == run->outcomes[i].has_failed)
            die("afterwards", n, "told one thing, stored another");
    store_close(store);
}

static void
begin(struct run *run)
{
    struct error error;
    *run = (struct run){ .n = 0 };
    if (loop_init(&run->loop, &error) < 0)
        die("loop_init", 0, error.message);
}

static void
end(struct run *run)
{
    static const char *const names[] = { "hearth.db", "hearth.db-wal",
                                         "hearth.db-shm", "hearth.lock" };
    loop_close(&run->loop);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
}

/* Files may grow to `bytes`. */
static void
run_limited(long bytes)
{
    static struct run run;
    begin(&run);
    set_limit((rlim_t)bytes);
    struct store *store = open_store(&run);
    if (store == NULL) { /* not even its tables had room */
        set_limit(RLIM_INFINITY);
        check(&run, bytes);
        end(&run);
        return;
    }
    while (run.n < CHANGES_MAX - 1 && put(store, &run))
        continue;
    if (!run.outcomes[run.n - 1].has_failed)
        die("limit", bytes, "was never met");
    set_limit(RLIM_INFINITY);
    if (!put(store, &run))
        die("limit", bytes, "there is room, and the store does not go on");
    store_close(store);
    check(&run, bytes);
    end(&run);
}

/* True when the n-th call was reached. */
static bool
run_full(long n)
{
    static struct run run;
    begin(&run);
    atomic_store(&calls_left, n);
    struct store *store = open_store(&run);
    for (int i = 0; store != NULL && i < FEW; i++)
        put(store, &run);
    bool was_reached = atomic_exchange(&calls_left, 0) == 1;
    bool is_whole = store != NULL && !run.outcomes[FEW - 1].has_failed;
    if (!is_whole && !was_reached)
        die("call", n, "failed with room");
    if (store != NULL && !put(store, &run))
        die("call", n, "there is room, and the store does not go on");
    store_close(store);
    check(&run, n);
    end(&run);
    return was_reached;
}

/* By whichever of its names SQLite calls it. */
static void
take_over(sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr ours,
          sqlite3_syscall_ptr *ret_real)
{
    sqlite3_syscall_ptr real = vfs->xGetSystemCall(vfs, name);
    if (real == NULL)
        return;
    *ret_real = real;
    if (vfs->xSetSystemCall(vfs, name, ours) != SQLITE_OK)
        die(name, 0, "cannot be replaced");
}

int
main(void)
{
    signal(SIGXFSZ, SIG_IGN); /* a write answers EFBIG instead */
    snprintf(dir, sizeof dir, "/tmp/hearth-full-XXXXXX");
    if (mkdtemp(dir) == NULL)
        die("folder", 0, strerror(errno));
    for (long bytes = 0; bytes <= 512L * 1024; bytes += 30L * 1000)
        run_limited(bytes);
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    take_over(vfs, "pwrite", (sqlite3_syscall_ptr)our_pwrite, &real_pwrite);
    take_over(vfs, "pwrite64", (sqlite3_syscall_ptr)our_pwrite, &real_pwrite);
    take_over(vfs, "ftruncate", (sqlite3_syscall_ptr)our_truncate,
              &real_truncate);
    long n = 1;
    while (n < CALLS_MAX && run_full(n))
        n++;
    printf("store_disk: %ld calls\n", n - 1);
    return rmdir(dir) == 0 && n > 20 && n < CALLS_MAX ? 0 : 1;
}
