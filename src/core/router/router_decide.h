/* What the router does next, as a pure function: a snapshot and an event in,
 * actions out. No clock, no I/O, no memory of its own, so every rule below
 * is a row of a table test and the whole is run against a simulated machine.
 *
 * Rules
 * - A ready model with a free place serves; within a model the places go
 *   round among clients (start-time fair queueing: each waiter has a `tag`,
 *   the smallest is next; a new one gets one more than the larger of the
 *   model's clock and its own client's last tag, so that neither a client
 *   with many requests nor a crowd of new clients can starve anybody).
 * - Models that wait to be started go in order of their need: since when
 *   their oldest waiter waits, or since they were told to go if that is
 *   later, so that a model that had to make room queues behind the one it
 *   made room for. There is room while fewer than models_max are up; else
 *   the least recently used idle model is stopped; else, once the need is
 *   drain_after_ms old, the least recently used busy one drains. What is
 *   already on its way out counts as room to come, so that nobody is sent
 *   away twice for the same need; when it goes away, draining is undone.
 * - Requests for a model that finds every place held by pinned models are
 *   refused.
 * - Never stopped or drained for another: a pinned model, one that is being
 *   loaded or attached, one that has a lease out (it drains first).
 * - Idle means: no lease, no waiter. It counts from the last request's end.
 * - A failed load answers all its waiters, and until retry_at_ms new ones
 *   are refused at once.
 * - A waiter is answered exactly once: served or refused. */
#ifndef CORE_ROUTER_DECIDE_H
#define CORE_ROUTER_DECIDE_H

#include <stddef.h>

#include "records/instance.h"

/* Why a model was told to stop admitting. */
enum router_hold {
    HOLD_NONE,
    HOLD_EVICT,  /* to make room; undone when the need goes away */
    HOLD_UNLOAD, /* asked for by hand: stops in any case; a restart is this
                   * and a WAIT_LOAD */
};

/* One model. Times are the loop's monotonic milliseconds. */
struct router_row {
    enum instance_state state;
    enum router_hold hold;
    bool is_pinned;
    size_t n_active;          /* leases out */
    size_t n_waiting;         /* waiters of kind WAIT_LEASE */
    size_t capacity;          /* leases at once, >= 1 */
    size_t queue_size;        /* how many may wait for a place */
    int64_t queue_timeout_ms; /* 0: none; does not run while it loads */
    int64_t ttl_ms;           /* 0: never unloaded for being idle */
    int64_t last_used_ms;     /* last lease given or returned, or ready since */
    int64_t left_at_ms;       /* when it was last told to go */
    int64_t retry_at_ms;      /* failed or in back-off: not before this */
    int64_t drain_by_ms;      /* held: stops then even when busy; 0: never */
    uint64_t clock;           /* tag of the last waiter that was served */
};

enum router_wait {
    WAIT_LEASE,   /* a request */
    WAIT_LOAD,    /* a load by hand: may evict, takes no place */
    WAIT_PRELOAD, /* at start: only into free room */
};

struct router_waiter {
    size_t row;
    enum router_wait kind;
    uint64_t client; /* equal for the requests of one client */
    uint64_t tag;
    int64_t since_ms;
};

struct router_snapshot {
    int64_t now_ms;
    size_t models_max; /* 0: no limit */
    int64_t drain_after_ms;
    bool is_closing; /* the daemon is about to end */
    const struct router_row *rows;
    size_t n_rows;
    const struct router_waiter *waiters; /* in order of arrival */
    size_t n_waiters;
};

enum router_event_kind {
    ROUTER_ARRIVED, /* a request for `row` of `client`: is not among the
                     * waiters yet; answered by one of SERVE, QUEUE, REFUSE */
    ROUTER_CHANGED, /* a state, a lease, a limit or the time: look at all */
    ROUTER_FAILED,  /* the engine of `row` failed: its waiters are answered */
    ROUTER_DROPPED, /* `row` is unloaded by hand or gone: the same */
};

struct router_event {
    enum router_event_kind kind;
    size_t row;
    uint64_t client;
};

enum router_verb {
    ROUTER_SERVE,   /* give `waiter` a lease of `row` */
    ROUTER_QUEUE,   /* the newcomer waits, with `tag` */
    ROUTER_REFUSE,  /* answer `waiter` with `code`, retry_after_ms */
    ROUTER_START,   /* start the engine of `row` */
    ROUTER_STOP,    /* stop it: nobody uses it, or its time is over */
    ROUTER_DRAIN,   /* stop admitting, to make room */
    ROUTER_UNDRAIN, /* admit again */
    ROUTER_WAKE,    /* look again at `at_ms` at the latest */
};

/* As waiter: the request of a ROUTER_ARRIVED. */
#define ROUTER_NEWCOMER SIZE_MAX

struct router_action {
    enum router_verb verb;
    size_t row;
    size_t waiter;
    enum error_code code;
    int64_t retry_after_ms; /* 0: no advice */
    uint64_t tag;
    int64_t at_ms;
    const char *reason; /* of a START, STOP, DRAIN: for people */
    bool is_eviction;   /* of a STOP: makes room for others */
};

/* Scratch of a decision; see router_actions_reserve. */
struct router_plan {
    size_t n_active;
    size_t n_left;     /* waiters not answered in this decision */
    size_t best;       /* waiter that is next, SIZE_MAX: none */
    int64_t oldest_ms; /* since when it is needed, while n_left > 0 */
    bool only_preload;
    bool is_leaving;
};

struct router_actions {
    struct router_action *at;
    size_t n;
    size_t capacity;
    struct router_plan *plans;
    size_t *order;
    size_t n_plans;
    bool *is_answered;
    size_t n_answered;
};

/* Makes room for every action that a snapshot of this size can lead to: 0,
 * or -1 when out of memory (the actions stay as large as they were). */
int router_actions_reserve(struct router_actions *actions, size_t n_rows,
                           size_t n_waiters);
void router_actions_release(struct router_actions *actions);

/* A newcomer would be served at once: nobody is before it. (Of a router that
 * is not closing.) */
bool router_has_place(const struct router_row *row);

/* `actions` must have been reserved for the snapshot. */
void router_decide(const struct router_snapshot *snapshot,
                   const struct router_event *event,
                   struct router_actions *actions);

/* True in the states in which an engine holds its place under models_max:
 * all but stopped and failed (one in back-off starts again by itself). */
bool router_state_occupies(enum instance_state state);

#endif
