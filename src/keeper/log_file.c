/* The engine's log on disk: see log_file.h. */
#include "keeper/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "platform/system.h"

enum { PIECE_BYTES = 16 * 1024, PATH_BYTES = LOG_FILE_PATH_BYTES + 16 };

static void
numbered(const struct log_file *file, int i, char path[PATH_BYTES])
{
    if (i == 0)
        snprintf(path, PATH_BYTES, "%s", file->path);
    else
        snprintf(path, PATH_BYTES, "%s.%d", file->path, i);
}

static void
open_newest(struct log_file *file, int flags)
{
    struct stat info;
    file->fd = open(file->path,
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0600);
    file->size = 0;
    if (file->fd >= 0 && fstat(file->fd, &info) == 0)
        file->size = (uint64_t)info.st_size;
}

static void
rotate(struct log_file *file)
{
    char from[PATH_BYTES];
    char to[PATH_BYTES];
    if (file->fd >= 0)
        close(file->fd);
    numbered(file, file->n_files - 1, to);
    unlink(to);
    for (int i = file->n_files - 1; i > 0; i--) {
        numbered(file, i - 1, from);
        numbered(file, i, to);
        rename(from, to); /* a gap in the row is no harm */
    }
    /* One that is still in its place would grow without end: it begins anew
     * there. */
    open_newest(file, O_TRUNC);
}

/* Writes all, or counts what did not go. */
static void
put(struct log_file *file, const char *bytes, size_t n)
{
    if (file->size + n > file->max_bytes)
        rotate(file);
    if (file->fd < 0)
        open_newest(file, 0);
    while (n > 0) {
        ssize_t done = file->fd < 0 ? -1 : write(file->fd, bytes, n);
        if (done < 0 && file->fd >= 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            file->lost += n;
            return;
        }
        bytes += done;
        n -= (size_t)done;
        file->size += (uint64_t)done;
    }
}

/* Says once what was lost, when there is room to say it again. */
static void
put_note(struct log_file *file)
{
    char note[96];
    uint64_t lost = file->lost;
    int n = snprintf(note, sizeof note,
                     "[hearth: %llu bytes of log were dropped here]\n",
                     (unsigned long long)lost);
    file->lost = 0;
    put(file, note, (size_t)n);
    if (file->lost != 0)
        file->lost = lost;
}

/* Holds the rate: sleeps away the rest of a second whose share is used up.
 * The ring overwrites what comes meanwhile. */
static void
hold_rate(int64_t *second, uint64_t *used, size_t n)
{
    int64_t now_ms = system_monotonic_ms();
    if (now_ms / 1000 != *second) {
        *second = now_ms / 1000;
        *used = 0;
    }
    *used += n;
    if (*used < LOG_FILE_RATE_BYTES)
        return;
    struct timespec rest = { 0, (1000 - now_ms % 1000) * 1000000 };
    nanosleep(&rest, NULL);
}

static void *
run(void *arg)
{
    struct log_file *file = arg;
    char piece[PIECE_BYTES];
    uint64_t at = 0;
    uint64_t lost = 0;
    int64_t second = 0;
    uint64_t used = 0;
    size_t n;
    while ((n = log_ring_wait(file->ring, &at, piece, sizeof piece, &lost)) >
           0) {
        file->lost += lost;
        if (file->lost != 0)
            put_note(file);
        put(file, piece, n);
        hold_rate(&second, &used, n);
    }
    if (file->lost != 0)
        put_note(file);
    if (file->fd >= 0)
        close(file->fd);
    pthread_mutex_lock(&file->lock);
    file->has_ended = true;
    pthread_cond_signal(&file->ended);
    pthread_mutex_unlock(&file->lock);
    return NULL;
}

int
log_file_start(struct log_file *file, struct log_ring *ring, const char *path,
               uint64_t max_bytes, int n_files)
{
    *file = (struct log_file){
        .ring = ring, .max_bytes = max_bytes, .n_files = n_files, .fd = -1
    };
    if (strlen(path) >= sizeof file->path)
        return ENAMETOOLONG;
    memcpy(file->path, path, strlen(path) + 1);
    pthread_mutex_init(&file->lock, NULL);
    pthread_cond_init(&file->ended, NULL);
    int failed = pthread_create(&file->thread, NULL, run, file);
    file->has_started = failed == 0;
    return failed;
}

bool
log_file_join(struct log_file *file, int64_t max_ms)
{
    struct timespec until;
    if (!file->has_started)
        return true;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += max_ms / 1000;
    until.tv_nsec += max_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&file->lock);
    while (!file->has_ended) {
        if (pthread_cond_timedwait(&file->ended, &file->lock, &until) != 0)
            break;
    }
    bool has_ended = file->has_ended;
    pthread_mutex_unlock(&file->lock);
    return has_ended && pthread_join(file->thread, NULL) == 0;
}
