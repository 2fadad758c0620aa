/* What is asked for by hand: load, preload, unload, restart. */
#include "core/router/router_internal.h"

/* Queues a load and looks at once, so that a start that cannot be is told
 * to the caller. */
static int
queue_load(struct router *router, struct profile *profile,
           enum router_wait kind, struct error *error)
{
    struct router_slot *slot = router_slot_of(router, profile);
    struct router_ticket *ticket =
        slot == NULL ? NULL : router_ticket_new(router, slot, kind);
    if (ticket == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    struct router_row *row = &router->rows[slot->at];
    if (row->state == INSTANCE_FAILED)
        row->retry_at_ms = router_now_ms(router);
    list_push_back(&router->waiting, &ticket->node);
    router->n_waiting++;
    struct error start_error = { .code = ERR_OK };
    router->sync_error = &start_error;
    router_review(router, &(struct router_event){ .kind = ROUTER_CHANGED });
    router->sync_error = NULL;
    router_mark_dirty(router);
    if (start_error.code == ERR_OK)
        return 0;
    if (error != NULL)
        *error = start_error;
    return -1;
}

int
router_load(struct router *router, struct profile *profile, struct error *error)
{
    if (router->is_closing)
        return error_set(error, ERR_DRAINING, "Hearth is shutting down");
    struct router_slot *slot = router_find_slot(router, profile->id);
    enum instance_state state =
        slot == NULL ? INSTANCE_STOPPED : router->rows[slot->at].state;
    switch (state) {
    case INSTANCE_ATTACHING:
    case INSTANCE_STARTING:
    case INSTANCE_LOADING:
    case INSTANCE_READY:
    case INSTANCE_UNHEALTHY: return 0;
    case INSTANCE_BACKOFF: /* has its place already */
        return router->effects.start(router->effects.ctx, profile, "asked for",
                                     error);
    default: return queue_load(router, profile, WAIT_LOAD, error);
    }
}

int
router_preload(struct router *router, struct profile *profile,
               struct error *error)
{
    struct router_slot *slot = router_slot_of(router, profile);
    if (slot == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    if (router->rows[slot->at].state != INSTANCE_STOPPED)
        return 0;
    return queue_load(router, profile, WAIT_PRELOAD, error);
}

/* Stops admitting; the last lease's return, or the deadline, stops it. */
static void
hold_for_unload(struct router *router, struct router_slot *slot)
{
    struct router_row *row = &router->rows[slot->at];
    row->hold = HOLD_UNLOAD;
    row->left_at_ms = router_now_ms(router);
    row->drain_by_ms = router->options.drain_timeout_ms > 0
                           ? row->left_at_ms + router->options.drain_timeout_ms
                           : 0;
    if (row->state == INSTANCE_READY && row->n_active > 0)
        router->effects.drain(router->effects.ctx, slot->profile->id,
                              "asked for");
}

int
router_unload(struct router *router, const char *profile_id, bool is_forced,
              struct error *error)
{
    struct router_slot *slot = router_find_slot(router, profile_id);
    if (slot == NULL || !router_state_occupies(router->rows[slot->at].state))
        return error_set(error, ERR_CONFLICT, "model '%s' is not running",
                         slot == NULL ? profile_id : slot->profile->name);
    struct router_event dropped = { .kind = ROUTER_DROPPED, .row = slot->at };
    if (is_forced) {
        if (router->effects.stop(router->effects.ctx, profile_id, true,
                                 "asked for", error) != 0)
            return -1;
    } else if (router->rows[slot->at].state != INSTANCE_STOPPING) {
        hold_for_unload(router, slot);
    }
    router_review(router, &dropped);
    router_mark_dirty(router);
    return 0;
}

int
router_restart(struct router *router, struct profile *profile,
               struct error *error)
{
    if (router->is_closing)
        return error_set(error, ERR_DRAINING, "Hearth is shutting down");
    struct router_slot *slot = router_slot_of(router, profile);
    if (slot == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    enum instance_state state = router->rows[slot->at].state;
    if (router_state_occupies(state) && state != INSTANCE_STOPPING)
        hold_for_unload(router, slot);
    return queue_load(router, profile, WAIT_LOAD, error);
}
