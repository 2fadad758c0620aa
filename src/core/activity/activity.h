/* Activity: the inference requests that are under way, and those that were.
 *
 *   activity.c   requests under way; those that have ended, on their way to
 *                the store; the news of both
 *   capture.c    what was asked and answered, in memory, if that is wanted
 *
 * The relay keeps a `struct activity_item` in its own record of a request and
 * tells of each step; nothing is allocated for a request. News and rows are
 * handed on four times a second at most: a request that begins and ends in
 * between is told once, as a row. Loop thread only. */
#ifndef CORE_ACTIVITY_H
#define CORE_ACTIVITY_H

#include "core/events/events.h"
#include "records/activity.h"

struct activity;
struct capture;
struct store;

struct activity_config {
    int64_t n_stored; /* rows that are kept; 0: none */
    int64_t keep_ms;  /* how old they may get; 0: any age */
    bool captures;
    size_t capture_bytes; /* of memory for all that is captured */
};

struct activity_options {
    struct loop *loop;
    struct events *events;
    struct store *store; /* NULL: no row is kept */
    struct activity_config config;
};

/* Blocks: before the loop runs. */
int activity_new(const struct activity_options *options,
                 struct activity **ret_activity, struct error *error);
/* No item may be under way. Accepts NULL. */
void activity_free(struct activity *activity);
void activity_configure(struct activity *activity,
                        const struct activity_config *config);

/* ---- for whoever carries requests ---- */

struct activity_item {
    struct list node;
    struct activity_entry entry; /* what is known so far; times that pass now
                                  * are added when the phase ends */
    enum activity_phase phase;
    int64_t began_ms;        /* the loop's time */
    int64_t phase_ms;        /* the same, of the phase's beginning */
    bool is_changed;         /* since it was told */
    bool is_told;            /* somebody heard that it is under way */
    struct capture *capture; /* NULL: nothing is captured of it */
    /* Ends it by hand; calls activity_end() now or soon. */
    void (*cancel)(struct activity_item *item);
};

/* Gives the item its id and beginning; the rest of `entry` is the caller's
 * (activity_entry_init first). */
void activity_begin(struct activity *activity, struct activity_item *item,
                    void (*cancel)(struct activity_item *item));
void activity_enter(struct activity *activity, struct activity_item *item,
                    enum activity_phase phase);
/* The first bytes of a streamed answer. */
void activity_first_token(struct activity *activity,
                          struct activity_item *item);
/* Fills duration and rate, then hands the row on; the item is free. */
void activity_end(struct activity *activity, struct activity_item *item);

/* ---- asking ---- */

size_t activity_count(const struct activity *activity); /* under way */
/* The oldest first. */
void activity_each(const struct activity *activity,
                   void (*fn)(void *ctx, const struct activity_item *item),
                   void *ctx);
/* 0, or ERR_NOT_FOUND: it has ended, or never was; ERR_CONFLICT: only its
 * engine is still at it, which cannot be told to stop. */
int activity_cancel(struct activity *activity, int64_t id, struct error *error);

/* As store_query_activity(), with what has not reached the store yet; without
 * a store there are no rows. */
void
activity_find(struct activity *activity, const struct activity_query *query,
              void (*on_done)(void *ctx, const struct activity_entry *entries,
                              size_t n, const struct error *error),
              void *ctx);
/* Forgets all rows and all that was captured; `on_done` comes when that is on
 * disk. */
void activity_clear(struct activity *activity,
                    void (*on_done)(void *ctx, const struct error *error),
                    void *ctx);

/* ---- the news: payload of EVENT_ACTIVITY ---- */

enum { ACTIVITY_NEWS_ROWS = 100 };
struct activity_news {
    /* Began or changed its phase, and is under way; the oldest first. */
    const struct activity_item *const *active;
    size_t n_active;
    /* Have ended, the oldest first: the last ACTIVITY_NEWS_ROWS of them. */
    const struct activity_entry *ended;
    size_t n_ended;
    /* Ids of those that were told as under way, have ended, and are not among
     * these rows. */
    const int64_t *gone;
    size_t n_gone;
    size_t n_all_ended; /* rows or not */
    bool is_cleared;    /* all rows from before were forgotten */
};

/* ---- capture.c ---- */

enum { CAPTURE_PIECE_BYTES = 1024 * 1024 }; /* of one body, the most */
enum capture_side { CAPTURE_REQUEST, CAPTURE_ANSWER, CAPTURE_SIDES };

struct captured_body {
    char content_type[128];
    char *bytes;
    size_t n, n_room;
    int64_t n_all; /* what went past; more than n: it was cut */
};
struct captured {
    int64_t id; /* of the request */
    bool is_under_way;
    struct captured_body bodies[CAPTURE_SIDES];
};

/* Does nothing for an item of which nothing is captured. */
void activity_capture_type(struct activity *activity,
                           struct activity_item *item, enum capture_side side,
                           struct str content_type);
void activity_capture(struct activity *activity, struct activity_item *item,
                      enum capture_side side, struct str bytes);
/* NULL: nothing was captured of it, or that had to make room. Valid in this
 * turn of the loop. */
const struct captured *activity_captured(const struct activity *activity,
                                         int64_t id);

#endif
