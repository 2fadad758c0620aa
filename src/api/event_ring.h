/* What /api/events told lately, for clients that come back: each event as it
 * was written, by its number, in a ring that is bounded by count and bytes.
 *
 * An id outside is "BOOT-NUMBER": numbers begin anew with the program, so that
 * an id of an earlier run is none of ours. Not kept is what a later one
 * replaces (metrics, progress of downloads) and the lines of engines, which
 * have a log and numbers of their own. Nothing is kept before the first client
 * has come. Loop thread only. */
#ifndef API_EVENT_RING_H
#define API_EVENT_RING_H

#include "base/list.h"
#include "base/str.h"
#include "core/events/events.h"

struct api;
struct json_writer;

enum { EVENT_ID_BYTES = 48 };

struct ring_entry {
    struct list node;
    uint64_t seq;
    enum event_type type;
    size_t n;
    char text[]; /* compact JSON */
};

struct event_ring {
    struct api *api;
    struct subscription subscription;
    struct list entries; /* the oldest first */
    size_t n, n_bytes;
    uint64_t forgotten_seq; /* this one and all before it are not kept */
    int64_t boot;
    bool is_open;
};

void event_ring_init(struct event_ring *ring, struct api *api);
void event_ring_release(struct event_ring *ring);
/* From now on events are kept; again: nothing. */
void event_ring_open(struct event_ring *ring);

void event_ring_write_id(const struct event_ring *ring, uint64_t seq,
                         char ret_id[EVENT_ID_BYTES]);
/* True when `id` is one of ours and all that came after it and is ever kept
 * is still there; *ret_seq is its number. */
bool event_ring_reaches(const struct event_ring *ring, struct str id,
                        uint64_t *ret_seq);
/* The first kept after that one, or NULL; `after` NULL: after `seq`. */
const struct ring_entry *event_ring_next(const struct event_ring *ring,
                                         const struct ring_entry *after,
                                         uint64_t seq);
/* The kept one of that number if it is the newest, or NULL. */
const struct ring_entry *event_ring_newest(const struct event_ring *ring,
                                           uint64_t seq);

/* An event as /api/events tells it. */
void event_write(struct api *api, const struct event *event,
                 struct json_writer *out);

#endif
