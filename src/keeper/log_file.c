/* The engine's log on disk: see log_file.h. */
#include "keeper/log_file.h"

#include <stdio.h>
#include <time.h>

#include "platform/system.h"

enum { PIECE_BYTES = 16 * 1024 };

/* Writes all, or counts what did not go. */
static void
put(struct log_file *file, const char *bytes, size_t n)
{
    file->lost += n - rotated_file_add(&file->file, (struct str){ bytes, n });
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
    rotated_file_close(&file->file);
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
    *file = (struct log_file){ .ring = ring };
    int errnum = rotated_file_init(&file->file, path, max_bytes, n_files);
    if (errnum != 0)
        return errnum;
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
