/* The newest output of the engine: see log_ring.h. */
#include "keeper/log_ring.h"

#include <string.h>
#include <sys/uio.h>

void
log_ring_init(struct log_ring *ring)
{
    pthread_mutex_init(&ring->lock, NULL);
    pthread_cond_init(&ring->grown, NULL);
    ring->end = 0;
    ring->is_closed = false;
}

ssize_t
log_ring_fill(struct log_ring *ring, int fd)
{
    enum { PIECE = 64 * 1024 };
    pthread_mutex_lock(&ring->lock);
    size_t at = (size_t)(ring->end % LOG_RING_BYTES);
    size_t first = LOG_RING_BYTES - at < PIECE ? LOG_RING_BYTES - at : PIECE;
    struct iovec pieces[2] = { { ring->bytes + at, first },
                               { ring->bytes, PIECE - first } };
    ssize_t n = readv(fd, pieces, first < PIECE ? 2 : 1);
    if (n > 0) {
        ring->end += (uint64_t)n;
        pthread_cond_signal(&ring->grown);
    }
    pthread_mutex_unlock(&ring->lock);
    return n;
}

void
log_ring_close(struct log_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->is_closed = true;
    pthread_cond_signal(&ring->grown);
    pthread_mutex_unlock(&ring->lock);
}

static uint64_t
begin_of(const struct log_ring *ring)
{
    return ring->end > LOG_RING_BYTES ? ring->end - LOG_RING_BYTES : 0;
}

void
log_ring_extent(struct log_ring *ring, uint64_t *ret_begin, uint64_t *ret_end)
{
    pthread_mutex_lock(&ring->lock);
    *ret_begin = begin_of(ring);
    *ret_end = ring->end;
    pthread_mutex_unlock(&ring->lock);
}

/* Where a reader that was overtaken goes on: a quarter of the ring ahead of
 * the oldest byte, so that it is not overtaken again at once, and behind the
 * next line end near by. */
static uint64_t
resume_at(const struct log_ring *ring)
{
    uint64_t at = begin_of(ring) + LOG_RING_BYTES / 4;
    uint64_t limit = at + 4096;
    while (at < limit && at < ring->end) {
        if (ring->bytes[at++ % LOG_RING_BYTES] == '\n')
            break;
    }
    return at;
}

static size_t
copy_locked(const struct log_ring *ring, uint64_t *at, char *to, size_t max,
            uint64_t *ret_lost)
{
    *ret_lost = 0;
    if (*at > ring->end)
        *at = ring->end;
    if (*at < begin_of(ring)) {
        uint64_t next = resume_at(ring);
        *ret_lost = next - *at;
        *at = next;
    }
    uint64_t held = ring->end - *at;
    size_t n = held < max ? (size_t)held : max;
    size_t from = (size_t)(*at % LOG_RING_BYTES);
    size_t first = LOG_RING_BYTES - from < n ? LOG_RING_BYTES - from : n;
    memcpy(to, ring->bytes + from, first);
    memcpy(to + first, ring->bytes, n - first);
    *at += n;
    return n;
}

size_t
log_ring_copy(struct log_ring *ring, uint64_t *at, char *to, size_t max,
              uint64_t *ret_lost)
{
    pthread_mutex_lock(&ring->lock);
    size_t n = copy_locked(ring, at, to, max, ret_lost);
    pthread_mutex_unlock(&ring->lock);
    return n;
}

size_t
log_ring_wait(struct log_ring *ring, uint64_t *at, char *to, size_t max,
              uint64_t *ret_lost)
{
    pthread_mutex_lock(&ring->lock);
    while (*at >= ring->end && !ring->is_closed)
        pthread_cond_wait(&ring->grown, &ring->lock);
    size_t n = copy_locked(ring, at, to, max, ret_lost);
    pthread_mutex_unlock(&ring->lock);
    return n;
}
