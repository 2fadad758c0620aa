/* The router's rules: see router_decide.h. */
#include "core/router/router_decide.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "base/units.h"

#define NONE SIZE_MAX

/* A decision under way. */
struct decision {
    const struct router_snapshot *in;
    struct router_actions *out;
    int64_t wake_at_ms; /* INT64_MAX: nothing to wait for */
};

bool
router_state_occupies(enum instance_state state)
{
    return state != INSTANCE_STOPPED && state != INSTANCE_FAILED;
}

static bool
is_up(const struct router_row *row)
{
    return row->state == INSTANCE_READY || row->state == INSTANCE_UNHEALTHY;
}

static bool
is_loading(const struct router_row *row)
{
    return row->state == INSTANCE_STARTING || row->state == INSTANCE_LOADING ||
           row->state == INSTANCE_ATTACHING;
}

static bool
admits(const struct router_row *row)
{
    return row->state == INSTANCE_READY && row->hold == HOLD_NONE;
}

/* ---- actions ---- */

static int
grow(void **block, size_t n, size_t size)
{
    void *bigger = realloc(*block, n * size);
    if (bigger == NULL)
        return -1;
    *block = bigger;
    return 0;
}

int
router_actions_reserve(struct router_actions *actions, size_t n_rows,
                       size_t n_waiters)
{
    /* Each waiter is answered at most once, each row gets at most one order,
     * then the newcomer's answer and the wake-up. */
    size_t n_actions = n_rows + n_waiters + 2;
    if (actions->capacity < n_actions) {
        if (grow((void **)&actions->at, n_actions, sizeof *actions->at) != 0)
            return -1;
        actions->capacity = n_actions;
    }
    if (actions->n_plans < n_rows) {
        if (grow((void **)&actions->plans, n_rows, sizeof *actions->plans) !=
                0 ||
            grow((void **)&actions->order, n_rows, sizeof *actions->order) != 0)
            return -1;
        actions->n_plans = n_rows;
    }
    if (actions->n_answered < n_waiters) {
        if (grow((void **)&actions->is_answered, n_waiters,
                 sizeof *actions->is_answered) != 0)
            return -1;
        actions->n_answered = n_waiters;
    }
    return 0;
}

void
router_actions_release(struct router_actions *actions)
{
    free(actions->at);
    free(actions->plans);
    free(actions->order);
    free(actions->is_answered);
    *actions = (struct router_actions){ 0 };
}

static struct router_action *
add(struct decision *d, enum router_verb verb, size_t row)
{
    assert(d->out->n < d->out->capacity);
    struct router_action *action = &d->out->at[d->out->n++];
    *action =
        (struct router_action){ .verb = verb, .row = row, .waiter = NONE };
    return action;
}

static void
add_order(struct decision *d, enum router_verb verb, size_t row,
          const char *reason)
{
    add(d, verb, row)->reason = reason;
}

static void
wake_at(struct decision *d, int64_t at_ms)
{
    if (at_ms < d->wake_at_ms)
        d->wake_at_ms = at_ms;
}

/* ---- waiters ---- */

static void
refuse(struct decision *d, size_t waiter, enum error_code code,
       int64_t retry_after_ms)
{
    const struct router_waiter *w = &d->in->waiters[waiter];
    struct router_action *action = add(d, ROUTER_REFUSE, w->row);
    action->waiter = waiter;
    action->code = code;
    action->retry_after_ms = retry_after_ms;
    d->out->is_answered[waiter] = true;
}

static void
refuse_row(struct decision *d, size_t row, enum error_code code,
           int64_t retry_after_ms)
{
    for (size_t i = 0; i < d->in->n_waiters; i++)
        if (d->in->waiters[i].row == row && !d->out->is_answered[i])
            refuse(d, i, code, retry_after_ms);
}

static int64_t
retry_after(const struct decision *d, const struct router_row *row)
{
    return row->retry_at_ms > d->in->now_ms ? row->retry_at_ms - d->in->now_ms
                                            : 0;
}

/* Time does not run for those whose model is being loaded: that has a
 * limit of its own. */
static void
refuse_late(struct decision *d)
{
    for (size_t i = 0; i < d->in->n_waiters; i++) {
        const struct router_waiter *w = &d->in->waiters[i];
        const struct router_row *row = &d->in->rows[w->row];
        if (d->out->is_answered[i])
            continue;
        if (d->in->is_closing) {
            refuse(d, i, ERR_DRAINING, 0);
            continue;
        }
        if (row->queue_timeout_ms == 0 || is_loading(row))
            continue;
        int64_t end_ms = w->since_ms + row->queue_timeout_ms;
        if (end_ms <= d->in->now_ms)
            refuse(d, i, ERR_QUEUE_TIMEOUT, SECOND_MS);
        else
            wake_at(d, end_ms);
    }
}

static void
serve(struct decision *d, size_t waiter)
{
    const struct router_waiter *w = &d->in->waiters[waiter];
    struct router_action *action = add(d, ROUTER_SERVE, w->row);
    action->waiter = waiter;
    action->tag = w->tag;
    d->out->is_answered[waiter] = true;
    if (w->kind == WAIT_LEASE)
        d->out->plans[w->row].n_active++;
}

/* One round: for each model with a free place, the waiter with the smallest
 * tag (the first of equals). Loads by hand are answered by readiness. */
static bool
serve_round(struct decision *d)
{
    struct router_plan *plans = d->out->plans;
    for (size_t r = 0; r < d->in->n_rows; r++)
        plans[r].best = NONE;
    for (size_t i = 0; i < d->in->n_waiters; i++) {
        const struct router_waiter *w = &d->in->waiters[i];
        const struct router_row *row = &d->in->rows[w->row];
        struct router_plan *plan = &plans[w->row];
        if (d->out->is_answered[i] || !admits(row))
            continue;
        if (w->kind != WAIT_LEASE)
            serve(d, i);
        else if (plan->n_active < row->capacity &&
                 (plan->best == NONE ||
                  w->tag < d->in->waiters[plan->best].tag))
            plan->best = i;
    }
    bool has_served = false;
    for (size_t r = 0; r < d->in->n_rows; r++) {
        if (plans[r].best != NONE) {
            serve(d, plans[r].best);
            has_served = true;
        }
    }
    return has_served;
}

/* What is left to wait, by model. */
static void
count_left(struct decision *d)
{
    for (size_t r = 0; r < d->in->n_rows; r++) {
        struct router_plan *plan = &d->out->plans[r];
        plan->n_left = 0;
        plan->oldest_ms = INT64_MAX;
        plan->only_preload = true;
    }
    for (size_t i = 0; i < d->in->n_waiters; i++) {
        const struct router_waiter *w = &d->in->waiters[i];
        struct router_plan *plan = &d->out->plans[w->row];
        if (d->out->is_answered[i])
            continue;
        plan->n_left++;
        if (w->kind != WAIT_PRELOAD)
            plan->only_preload = false;
        if (w->since_ms < plan->oldest_ms)
            plan->oldest_ms = w->since_ms;
    }
    for (size_t r = 0; r < d->in->n_rows; r++) {
        struct router_plan *plan = &d->out->plans[r];
        if (plan->n_left > 0 && plan->oldest_ms < d->in->rows[r].left_at_ms)
            plan->oldest_ms = d->in->rows[r].left_at_ms;
    }
}

/* ---- who goes ---- */

static bool
is_idle(const struct decision *d, size_t r)
{
    const struct router_row *row = &d->in->rows[r];
    const struct router_plan *plan = &d->out->plans[r];
    return (is_up(row) || row->state == INSTANCE_BACKOFF) &&
           row->hold == HOLD_NONE && !plan->is_leaving && plan->n_active == 0 &&
           plan->n_left == 0;
}

static void
stop(struct decision *d, size_t r, const char *reason)
{
    add_order(d, ROUTER_STOP, r, reason);
    d->out->plans[r].is_leaving = true;
}

static void
evict(struct decision *d, size_t r, const char *reason)
{
    size_t n = d->out->n;
    stop(d, r, reason);
    if (d->out->n > n)
        d->out->at[n].is_eviction = true;
}

static void
finish_hold(struct decision *d, size_t r)
{
    if (d->in->rows[r].hold == HOLD_EVICT)
        evict(d, r, "makes room for another");
    else
        stop(d, r, "asked for");
}

/* Held models whose last lease is back, or whose time is over. */
static void
finish_holds(struct decision *d)
{
    for (size_t r = 0; r < d->in->n_rows; r++) {
        const struct router_row *row = &d->in->rows[r];
        struct router_plan *plan = &d->out->plans[r];
        if (row->state == INSTANCE_STOPPING)
            plan->is_leaving = true;
        if (row->hold == HOLD_NONE || row->state == INSTANCE_STOPPING ||
            !router_state_occupies(row->state))
            continue;
        bool is_late =
            row->drain_by_ms != 0 && row->drain_by_ms <= d->in->now_ms;
        plan->is_leaving = true;
        if (plan->n_active == 0 || is_late)
            finish_hold(d, r);
        else if (row->drain_by_ms != 0)
            wake_at(d, row->drain_by_ms);
    }
}

static void
stop_unused(struct decision *d)
{
    for (size_t r = 0; r < d->in->n_rows; r++) {
        const struct router_row *row = &d->in->rows[r];
        if (row->ttl_ms == 0 || row->is_pinned || !is_up(row) || !is_idle(d, r))
            continue;
        if (row->last_used_ms + row->ttl_ms <= d->in->now_ms)
            stop(d, r, "idle longer than its TTL");
        else
            wake_at(d, row->last_used_ms + row->ttl_ms);
    }
}

static size_t
least_recently_used(const struct decision *d, bool may_be_busy)
{
    size_t victim = NONE;
    for (size_t r = 0; r < d->in->n_rows; r++) {
        const struct router_row *row = &d->in->rows[r];
        if (row->is_pinned || d->out->plans[r].is_leaving ||
            row->hold != HOLD_NONE)
            continue;
        if (!is_idle(d, r) && !(may_be_busy && is_up(row)))
            continue;
        if (victim == NONE ||
            row->last_used_ms < d->in->rows[victim].last_used_ms)
            victim = r;
    }
    return victim;
}

/* ---- who comes ---- */

/* Busy and on its way out for another: may still be called back, so it is
 * not in need of anything before it is really gone. */
static bool
can_undrain(const struct decision *d, size_t r)
{
    const struct router_row *row = &d->in->rows[r];
    return row->hold == HOLD_EVICT && d->out->plans[r].is_leaving &&
           d->out->plans[r].n_active > 0 &&
           (is_up(row) || row->state == INSTANCE_DRAINING) &&
           (row->drain_by_ms == 0 || row->drain_by_ms > d->in->now_ms);
}

/* Wants to be up and is not, nor on its way. */
static bool
is_needed(const struct decision *d, size_t r)
{
    const struct router_row *row = &d->in->rows[r];
    const struct router_plan *plan = &d->out->plans[r];
    return plan->n_left > 0 && !can_undrain(d, r) &&
           (plan->is_leaving || !router_state_occupies(row->state));
}

static bool
comes_before(const struct router_plan *a, const struct router_plan *b)
{
    if (a->only_preload != b->only_preload)
        return b->only_preload;
    return a->oldest_ms < b->oldest_ms;
}

/* The needed models in their order; returns how many. */
static size_t
sort_needed(struct decision *d)
{
    size_t *order = d->out->order;
    const struct router_plan *plans = d->out->plans;
    size_t n = 0;
    for (size_t r = 0; r < d->in->n_rows; r++) {
        const struct router_row *row = &d->in->rows[r];
        if (!is_needed(d, r))
            continue;
        if (row->state == INSTANCE_FAILED && retry_after(d, row) > 0) {
            wake_at(d, row->retry_at_ms);
            continue;
        }
        size_t at = n++;
        while (at > 0 && comes_before(&plans[r], &plans[order[at - 1]])) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = r;
    }
    return n;
}

struct room {
    ptrdiff_t n_free; /* may be negative after the limit was lowered */
    ptrdiff_t n_leaving;
};

static struct room
measure(const struct decision *d)
{
    struct room room = { .n_free = (ptrdiff_t)d->in->models_max };
    for (size_t r = 0; r < d->in->n_rows; r++) {
        if (!router_state_occupies(d->in->rows[r].state))
            continue;
        room.n_free--;
        room.n_leaving += d->out->plans[r].is_leaving;
    }
    if (d->in->models_max == 0)
        room.n_free = PTRDIFF_MAX / 2;
    return room;
}

/* More room is coming than is needed by others: the draining that has
 * waiters of its own first, then the most recently used. */
static void
undrain_spare(struct decision *d, struct room *room)
{
    ptrdiff_t spare = room->n_free + room->n_leaving;
    for (size_t r = 0; r < d->in->n_rows; r++)
        if (is_needed(d, r) && !d->out->plans[r].only_preload)
            spare--;
    while (spare > 0) {
        size_t best = NONE;
        for (size_t r = 0; r < d->in->n_rows; r++) {
            if (!can_undrain(d, r))
                continue;
            const struct router_plan *plans = d->out->plans;
            bool is_better =
                best == NONE ||
                (plans[r].n_left > 0) > (plans[best].n_left > 0) ||
                ((plans[r].n_left > 0) == (plans[best].n_left > 0) &&
                 d->in->rows[r].last_used_ms > d->in->rows[best].last_used_ms);
            if (is_better)
                best = r;
        }
        if (best == NONE)
            return;
        add_order(d, ROUTER_UNDRAIN, best, "no longer has to make room");
        d->out->plans[best].is_leaving = false;
        room->n_leaving--;
        spare--;
    }
}

static bool
is_all_pinned(const struct decision *d)
{
    size_t n_pinned = 0;
    for (size_t r = 0; r < d->in->n_rows; r++)
        n_pinned += d->in->rows[r].is_pinned &&
                    router_state_occupies(d->in->rows[r].state);
    return n_pinned >= d->in->models_max;
}

/* Room for a model that found none: sends the best victim away. True when
 * room is coming. */
static bool
make_room(struct decision *d, size_t needed)
{
    size_t victim = least_recently_used(d, false);
    if (victim != NONE) {
        evict(d, victim, "makes room for another");
        return true;
    }
    int64_t drain_at_ms =
        d->out->plans[needed].oldest_ms + d->in->drain_after_ms;
    if (drain_at_ms > d->in->now_ms) {
        wake_at(d, drain_at_ms);
        return false;
    }
    victim = least_recently_used(d, true);
    if (victim == NONE)
        return false;
    add_order(d, ROUTER_DRAIN, victim, "makes room for another");
    d->out->plans[victim].is_leaving = true;
    return true;
}

static void
start_needed(struct decision *d)
{
    struct room room = measure(d);
    undrain_spare(d, &room);
    size_t n = sort_needed(d);
    ptrdiff_t n_claimed = 0;
    for (size_t i = 0; i < n; i++) {
        size_t r = d->out->order[i];
        const struct router_row *row = &d->in->rows[r];
        if (n_claimed < room.n_free) {
            n_claimed++;
            if (!router_state_occupies(row->state))
                add_order(d, ROUTER_START, r, "asked for");
        } else if (d->out->plans[r].only_preload) {
            refuse_row(d, r, ERR_UNAVAILABLE, 0);
        } else if (n_claimed < room.n_free + room.n_leaving) {
            n_claimed++;
        } else if (make_room(d, r)) {
            room.n_leaving++;
            n_claimed++;
        } else if (is_all_pinned(d)) {
            refuse_row(d, r, ERR_PINNED, 0);
        }
    }
}

/* The limit was lowered: idle models above it go. */
static void
stop_excess(struct decision *d)
{
    struct room room = measure(d);
    while (room.n_free + room.n_leaving < 0) {
        size_t victim = least_recently_used(d, false);
        if (victim == NONE)
            return;
        evict(d, victim, "more than models_max are loaded");
        room.n_leaving++;
    }
}

/* ---- entry ---- */

static uint64_t
next_tag(const struct router_snapshot *in, const struct router_event *event)
{
    uint64_t tag = in->rows[event->row].clock;
    for (size_t i = 0; i < in->n_waiters; i++) {
        const struct router_waiter *w = &in->waiters[i];
        if (w->row == event->row && w->client == event->client &&
            w->kind == WAIT_LEASE && w->tag > tag)
            tag = w->tag;
    }
    return tag + 1;
}

bool
router_has_place(const struct router_row *row)
{
    return admits(row) && row->n_waiting == 0 && row->n_active < row->capacity;
}

/* The places that open at once when the model is ready do not count as
 * queue: with queue_size 0 a model can still be loaded by asking. */
static bool
is_queue_full(const struct router_row *row)
{
    size_t limit = row->queue_size;
    if (!admits(row))
        limit += row->capacity;
    return row->n_waiting >= limit;
}

static void
decide_arrival(struct decision *d, const struct router_event *event)
{
    const struct router_row *row = &d->in->rows[event->row];
    bool has_failed =
        row->state == INSTANCE_FAILED || row->state == INSTANCE_BACKOFF;
    enum error_code code = ERR_OK;
    int64_t retry_after_ms = 0;
    if (d->in->is_closing) {
        code = ERR_DRAINING;
    } else if (has_failed && retry_after(d, row) > 0) {
        code = ERR_UNAVAILABLE;
        retry_after_ms = retry_after(d, row);
    } else if (router_has_place(row)) {
        struct router_action *action = add(d, ROUTER_SERVE, event->row);
        action->waiter = ROUTER_NEWCOMER;
        action->tag = row->clock + 1;
        return;
    } else if (is_queue_full(row)) {
        code = ERR_QUEUE_FULL;
        retry_after_ms = SECOND_MS;
    }
    struct router_action *action =
        add(d, code == ERR_OK ? ROUTER_QUEUE : ROUTER_REFUSE, event->row);
    action->waiter = ROUTER_NEWCOMER;
    action->code = code;
    action->retry_after_ms = retry_after_ms;
    if (code == ERR_OK)
        action->tag = next_tag(d->in, event);
}

static void
decide_change(struct decision *d, const struct router_event *event)
{
    for (size_t r = 0; r < d->in->n_rows; r++)
        d->out->plans[r] =
            (struct router_plan){ .n_active = d->in->rows[r].n_active };
    for (size_t i = 0; i < d->in->n_waiters; i++)
        d->out->is_answered[i] = false;
    if (event->kind == ROUTER_FAILED)
        refuse_row(d, event->row, ERR_LOAD_FAILED,
                   retry_after(d, &d->in->rows[event->row]));
    else if (event->kind == ROUTER_DROPPED)
        refuse_row(d, event->row, ERR_CANCELLED, 0);
    refuse_late(d);
    while (serve_round(d)) {
    }
    count_left(d);
    finish_holds(d);
    stop_unused(d);
    start_needed(d);
    stop_excess(d);
    if (d->wake_at_ms != INT64_MAX)
        add(d, ROUTER_WAKE, NONE)->at_ms = d->wake_at_ms;
}

void
router_decide(const struct router_snapshot *snapshot,
              const struct router_event *event, struct router_actions *actions)
{
    struct decision d = { .in = snapshot,
                          .out = actions,
                          .wake_at_ms = INT64_MAX };
    actions->n = 0;
    if (event->kind == ROUTER_ARRIVED)
        decide_arrival(&d, event);
    else
        decide_change(&d, event);
}
