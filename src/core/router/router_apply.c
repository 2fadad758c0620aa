/* Carrying out what was decided: see router_internal.h. */
#include <assert.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/router/router_internal.h"

static int64_t
now_ms(struct router *router)
{
    return router->effects.now_ms(router->effects.ctx);
}

static int
reserve_waiters(struct router *router)
{
    if (router->n_waiting <= router->waiters_capacity)
        return 0;
    size_t capacity = router->n_waiting * 2;
    struct router_waiter *waiters =
        realloc(router->waiters, capacity * sizeof *waiters);
    if (waiters == NULL)
        return -1;
    router->waiters = waiters;
    struct router_ticket **tickets =
        realloc(router->waiter_tickets, capacity * sizeof(*tickets));
    if (tickets == NULL)
        return -1;
    router->waiter_tickets = tickets;
    router->waiters_capacity = capacity;
    return 0;
}

int
router_fill_snapshot(struct router *router,
                     struct router_snapshot *ret_snapshot)
{
    if (reserve_waiters(router) != 0 ||
        router_actions_reserve(&router->actions, router->n_slots,
                               router->n_waiting) != 0)
        return -1;
    size_t n = 0;
    LIST_FOR(node, &router->waiting)
    {
        struct router_ticket *ticket =
            LIST_ENTRY(node, struct router_ticket, node);
        router->waiter_tickets[n] = ticket;
        router->waiters[n++] = (struct router_waiter){
            .row = ticket->slot->at,
            .kind = ticket->kind,
            .client = ticket->client,
            .tag = ticket->tag,
            .since_ms = ticket->since_ms,
        };
    }
    assert(n == router->n_waiting);
    *ret_snapshot = (struct router_snapshot){
        .now_ms = now_ms(router),
        .models_max =
            (size_t)(router->options.models_max > 0 ? router->options.models_max
                                                    : 0),
        .drain_after_ms = router->options.drain_after_ms,
        .is_closing = router->is_closing,
        .rows = router->rows,
        .n_rows = router->n_slots,
        .waiters = router->waiters,
        .n_waiters = n,
    };
    return 0;
}

/* ---- one action each ---- */

static void
start(struct router *router, struct router_slot *slot, const char *reason)
{
    struct error error = { .code = ERR_OK };
    if (router->effects.start(router->effects.ctx, slot->profile, reason,
                              &error) == 0)
        return;
    if (router->sync_error != NULL)
        *router->sync_error = error;
    router_note_start_error(router, slot, &error);
    router->is_dirty = true;
}

static void
stop(struct router *router, struct router_slot *slot, const char *reason)
{
    struct router_row *row = &router->rows[slot->at];
    struct error error;
    row->left_at_ms = now_ms(router);
    if (router->effects.stop(router->effects.ctx, slot->profile->id, false,
                             reason, &error) == 0)
        return;
    /* Refused: it is not as we thought. Its next state will tell. */
    row = &router->rows[slot->at];
    row->hold = HOLD_NONE;
    row->drain_by_ms = 0;
    row->last_used_ms = now_ms(router);
}

static void
drain(struct router *router, struct router_slot *slot, const char *reason)
{
    struct router_row *row = &router->rows[slot->at];
    row->hold = HOLD_EVICT;
    row->left_at_ms = now_ms(router);
    if (router->options.drain_timeout_ms > 0)
        row->drain_by_ms = row->left_at_ms + router->options.drain_timeout_ms;
    if (row->state == INSTANCE_READY)
        router->effects.drain(router->effects.ctx, slot->profile->id, reason);
    router->is_dirty = true;
}

static void
undrain(struct router *router, struct router_slot *slot)
{
    struct router_row *row = &router->rows[slot->at];
    row->hold = HOLD_NONE;
    row->drain_by_ms = 0;
    if (row->state == INSTANCE_DRAINING)
        router->effects.undrain(router->effects.ctx, slot->profile->id);
    router->is_dirty = true;
}

static void
apply(struct router *router, const struct router_action *action)
{
    struct router_ticket *ticket = action->waiter == ROUTER_NEWCOMER
                                       ? NULL
                                       : router->waiter_tickets[action->waiter];
    switch (action->verb) {
    case ROUTER_SERVE:
        router_leave_queue(ticket);
        router_answer_serve(ticket, action->tag);
        break;
    case ROUTER_REFUSE:
        router_leave_queue(ticket);
        router_answer_refuse(ticket, action->code, action->retry_after_ms);
        break;
    case ROUTER_START:
        start(router, router->slots[action->row], action->reason);
        break;
    case ROUTER_STOP:
        router->counts.n_evicted += action->is_eviction;
        stop(router, router->slots[action->row], action->reason);
        break;
    case ROUTER_DRAIN:
        drain(router, router->slots[action->row], action->reason);
        break;
    case ROUTER_UNDRAIN: undrain(router, router->slots[action->row]); break;
    case ROUTER_WAKE:
        if (action->at_ms < router->wake_at_ms)
            router->wake_at_ms = action->at_ms;
        break;
    case ROUTER_QUEUE: break; /* of an arrival only */
    }
}

/* Answers first: nobody may be left between a decision and its effects. */
static void
apply_all(struct router *router)
{
    size_t n = router->actions.n;
    for (size_t i = 0; i < n; i++)
        if (router->actions.at[i].verb <= ROUTER_REFUSE)
            apply(router, &router->actions.at[i]);
    for (size_t i = 0; i < n; i++)
        if (router->actions.at[i].verb > ROUTER_REFUSE)
            apply(router, &router->actions.at[i]);
}

void
router_review(struct router *router, const struct router_event *event)
{
    struct router_snapshot snapshot;
    if (router_fill_snapshot(router, &snapshot) != 0) {
        /* Nothing is lost by looking again a moment later. */
        router->wake_at_ms = now_ms(router) + SECOND_MS;
        return;
    }
    router->wake_at_ms = INT64_MAX;
    router_decide(&snapshot, event, &router->actions);
    size_t n_up = 0;
    for (size_t i = 0; i < router->n_slots; i++)
        n_up += router_state_occupies(router->rows[i].state);
    router->is_over_limit =
        snapshot.models_max > 0 && n_up > snapshot.models_max;
    apply_all(router);
}

/* ---- a turn ---- */

static void
deliver(struct router *router)
{
    struct list *node;
    while ((node = list_first(&router->answered)) != NULL) {
        struct router_ticket *ticket =
            LIST_ENTRY(node, struct router_ticket, node);
        list_remove(node);
        if (ticket->on_ready == NULL) {
            if (ticket->kind == WAIT_PRELOAD && router->options.events != NULL)
                events_log(router->options.events, LOG_WARN, "router",
                           "%s was not preloaded: %s",
                           ticket->slot->profile->name,
                           ticket->answer.error.message);
        } else if (ticket->has_lease) {
            ticket->on_ready(ticket->ctx, &ticket->answer.lease, NULL, 0);
        } else {
            ticket->on_ready(ticket->ctx, NULL, &ticket->answer.error,
                             ticket->retry_after_s);
        }
        free(ticket);
    }
}

/* How many are to be served before it; 0 while its model is not up. */
static size_t
position_of(const struct router *router, const struct router_ticket *ticket)
{
    if (router->rows[ticket->slot->at].state != INSTANCE_READY)
        return 0;
    size_t n = 0;
    bool is_before = true;
    LIST_FOR(node, &router->waiting)
    {
        const struct router_ticket *other =
            LIST_ENTRY(node, struct router_ticket, node);
        if (other == ticket)
            is_before = false;
        else if (other->slot == ticket->slot && other->kind == WAIT_LEASE &&
                 (other->tag < ticket->tag ||
                  (other->tag == ticket->tag && is_before)))
            n++;
    }
    return n;
}

/* The callback may cancel its own ticket, no other. */
static void
tell_progress(struct router *router)
{
    LIST_FOR_SAFE(node, &router->waiting)
    {
        struct router_ticket *ticket =
            LIST_ENTRY(node, struct router_ticket, node);
        if (ticket->on_progress == NULL)
            continue;
        enum instance_state state = router->rows[ticket->slot->at].state;
        size_t position =
            ticket->wants_position ? position_of(router, ticket) : 0;
        if (ticket->told_position == position && ticket->told_state == state)
            continue;
        ticket->told_position = position;
        ticket->told_state = state;
        ticket->on_progress(ticket->ctx, state, position);
    }
}

static void
review_marked(struct router *router)
{
    for (size_t i = 0; i < router->n_slots; i++) {
        struct router_slot *slot = router->slots[i];
        if (slot->has_failed) {
            slot->has_failed = false;
            router_review(router, &(struct router_event){ .kind = ROUTER_FAILED,
                                                          .row = i });
        }
        if (slot->is_dropped) {
            slot->is_dropped = false;
            router_review(router, &(struct router_event){
                                      .kind = ROUTER_DROPPED, .row = i });
        }
    }
}

static void
finish_closing(struct router *router)
{
    if (!router->is_closing || router->on_drained == NULL)
        return;
    if (router->n_leases > 0 && now_ms(router) < router->drain_deadline_ms) {
        if (router->drain_deadline_ms < router->wake_at_ms)
            router->wake_at_ms = router->drain_deadline_ms;
        return;
    }
    void (*on_drained)(void *ctx) = router->on_drained;
    router->on_drained = NULL;
    on_drained(router->on_drained_ctx);
}

void
router_turn(struct router *router)
{
    /* What a decision sets off may ask for another look; that one is in the
     * next turn, so that a turn always ends. */
    deliver(router);
    if (router->is_dirty || router->wake_at_ms <= now_ms(router)) {
        router->is_dirty = false;
        review_marked(router);
        router_review(router, &(struct router_event){ .kind = ROUTER_CHANGED });
        deliver(router);
        tell_progress(router);
        router_remove_unwanted(router);
    }
    finish_closing(router);
    bool is_due = router->is_dirty || !list_is_empty(&router->answered);
    router->effects.wake_at(router->effects.ctx,
                            is_due ? now_ms(router) : router->wake_at_ms);
}
