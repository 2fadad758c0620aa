/* Inside core/activity/: what its files share. */
#ifndef CORE_ACTIVITY_INTERNAL_H
#define CORE_ACTIVITY_INTERNAL_H

#include "core/activity/activity.h"
#include "io/timer.h"

struct capture {
    struct list node;
    struct captured captured;
    size_t n_bytes; /* of memory */
};

struct captures {
    struct list all; /* the oldest first */
    size_t n_bytes;
    size_t n_bytes_max;
};

struct activity {
    struct loop *loop;
    struct events *events;
    struct store *store;
    struct activity_config config;
    struct list items; /* under way, the oldest first */
    size_t n_items;
    int64_t next_id;
    struct timer flush;
    /* Have ended since the last flush. */
    struct activity_entry *ended;
    size_t n_ended, n_ended_room;
    int64_t *gone; /* of these, those that were told as under way */
    size_t n_gone, n_gone_room;
    bool is_cleared;
    bool is_flushing;
    struct captures captures;
};

void captures_init(struct captures *captures);
void captures_release(struct captures *captures);
/* Drops the oldest of those that have ended until all fit in `n_bytes_max`. */
void captures_limit(struct captures *captures, size_t n_bytes_max);
/* NULL: no memory. */
struct capture *capture_begin(struct captures *captures, int64_t id);

#endif
