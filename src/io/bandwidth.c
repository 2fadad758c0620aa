/* The bucket of bytes: see bandwidth.h. */
#include "io/bandwidth.h"

#include "platform/system.h"

enum { BURST_MS = 250 };

void
bandwidth_init(struct bandwidth *bandwidth, struct bandwidth *parent)
{
    *bandwidth = (struct bandwidth){ .parent = parent };
    pthread_mutex_init(&bandwidth->lock, NULL);
}

void
bandwidth_release(struct bandwidth *bandwidth)
{
    pthread_mutex_destroy(&bandwidth->lock);
}

void
bandwidth_set(struct bandwidth *bandwidth, int64_t bytes_per_s)
{
    pthread_mutex_lock(&bandwidth->lock);
    if (bandwidth->bytes_per_s != bytes_per_s) {
        bandwidth->bytes_per_s = bytes_per_s;
        bandwidth->left = 0;
        bandwidth->filled_at_ms = system_monotonic_ms();
    }
    pthread_mutex_unlock(&bandwidth->lock);
}

/* With the lock held. */
static bool
has_left(struct bandwidth *bandwidth)
{
    if (bandwidth->bytes_per_s == 0)
        return true;
    int64_t now_ms = system_monotonic_ms();
    double rate = (double)bandwidth->bytes_per_s;
    double most = rate * BURST_MS / 1000;
    bandwidth->left += rate * (double)(now_ms - bandwidth->filled_at_ms) / 1000;
    bandwidth->filled_at_ms = now_ms;
    if (bandwidth->left > most)
        bandwidth->left = most;
    return bandwidth->left > 0;
}

static bool
take_own(struct bandwidth *bandwidth, size_t n)
{
    pthread_mutex_lock(&bandwidth->lock);
    bool may = has_left(bandwidth);
    if (may && bandwidth->bytes_per_s > 0)
        bandwidth->left -= (double)n;
    if (may)
        bandwidth->n_taken += n;
    pthread_mutex_unlock(&bandwidth->lock);
    return may;
}

bool
bandwidth_take(struct bandwidth *bandwidth, size_t n)
{
    if (!take_own(bandwidth, n))
        return false;
    if (bandwidth->parent == NULL || bandwidth_take(bandwidth->parent, n))
        return true;
    pthread_mutex_lock(&bandwidth->lock);
    if (bandwidth->bytes_per_s > 0)
        bandwidth->left += (double)n;
    bandwidth->n_taken -= n;
    pthread_mutex_unlock(&bandwidth->lock);
    return false;
}

uint64_t
bandwidth_taken(struct bandwidth *bandwidth)
{
    pthread_mutex_lock(&bandwidth->lock);
    uint64_t n = bandwidth->n_taken;
    pthread_mutex_unlock(&bandwidth->lock);
    return n;
}
