/* The newest output of the engine, in memory.
 *
 * One writer (the engine's pipe) and any number of readers, each with its
 * own position: the number of bytes since the start. The writer never
 * waits; a reader that is slower than a whole ring loses the oldest bytes
 * and is told how many. Shared by the main thread and the one that writes
 * the file; every function takes the lock. */
#ifndef KEEPER_LOG_RING_H
#define KEEPER_LOG_RING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/units.h"

enum { LOG_RING_BYTES = 256 * 1024 };

struct log_ring {
    pthread_mutex_t lock;
    pthread_cond_t grown; /* new bytes, or closed */
    uint64_t end;         /* position after the newest byte */
    bool is_closed;       /* no more will come */
    char bytes[LOG_RING_BYTES];
};

void log_ring_init(struct log_ring *ring);
/* Reads once from the descriptor into the ring: read()'s result. */
ssize_t log_ring_fill(struct log_ring *ring, int fd);
void log_ring_close(struct log_ring *ring);
/* The positions that can be read now: from the first to before the second. */
void log_ring_extent(struct log_ring *ring, uint64_t *ret_begin,
                     uint64_t *ret_end);

/* Copies at most `max` bytes from `*at` on and moves it. When the bytes
 * there are gone already, goes on at the start of a later line, and
 * `*ret_lost` says how many were passed over. 0 when nothing is there. */
size_t log_ring_copy(struct log_ring *ring, uint64_t *at, char *to, size_t max,
                     uint64_t *ret_lost);
/* The same, but waits until there is something or the ring is closed: 0 only
 * when all of a closed ring is read. */
size_t log_ring_wait(struct log_ring *ring, uint64_t *at, char *to, size_t max,
                     uint64_t *ret_lost);

#endif
