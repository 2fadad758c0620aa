/* The engine's log on disk, written by a thread of its own so that a slow or
 * hung disk holds up neither the engine nor the keeper.
 *
 * The file is a rotated one (platform/rotated_file.h). What could not be
 * written (the disk is full, or slower than the engine, or the engine writes
 * more than LOG_FILE_RATE_BYTES in a second) is counted, and a line in the
 * file says how much. */
#ifndef KEEPER_LOG_FILE_H
#define KEEPER_LOG_FILE_H

#include "keeper/log_ring.h"
#include "platform/rotated_file.h"

enum {
    LOG_FILE_RATE_BYTES = 16 * 1024 * 1024, /* in a second */
};

struct log_file {
    struct log_ring *ring;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool has_started;
    bool has_ended; /* under the lock */
    /* the thread's own */
    struct rotated_file file;
    uint64_t lost; /* bytes not yet told of */
};

/* Starts the thread; it ends when the ring is closed and read to the end. 0
 * or an errno value. */
int log_file_start(struct log_file *file, struct log_ring *ring,
                   const char *path, uint64_t max_bytes, int n_files);
/* Waits for its end, for so long at most: false when the disk hangs; the
 * thread then still uses the struct. True when it never started. */
bool log_file_join(struct log_file *file, int64_t max_ms);

#endif
