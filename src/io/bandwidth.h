/* How fast bytes may come: a bucket that fills with time. May have a parent,
 * whose bytes are taken too. Any thread. */
#ifndef IO_BANDWIDTH_H
#define IO_BANDWIDTH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bandwidth {
    pthread_mutex_t lock;
    struct bandwidth *parent; /* or NULL */
    int64_t bytes_per_s;      /* 0: no limit */
    double left;              /* bytes; may be negative */
    int64_t filled_at_ms;
    uint64_t n_taken; /* bytes, since the beginning */
};

void bandwidth_init(struct bandwidth *bandwidth, struct bandwidth *parent);
void bandwidth_release(struct bandwidth *bandwidth);
void bandwidth_set(struct bandwidth *bandwidth, int64_t bytes_per_s);
/* Takes n bytes if there are any left, even if fewer (the bucket owes them
 * then, so that any piece passes in the end). False: not now. */
bool bandwidth_take(struct bandwidth *bandwidth, size_t n);
/* Bytes that were taken so far, limit or not. */
uint64_t bandwidth_taken(struct bandwidth *bandwidth);

#endif
