/* What happens to instances and profiles, as the router learns it by events.
 * It is only noted here; router_turn() acts on it. */
#include <string.h>

#include "base/units.h"
#include "core/router/router_internal.h"

enum {
    STABLE_MS = 10 * SECOND_MS,
    RETRY_MAX_MS = 30 * SECOND_MS,
};

static void
note_failure(struct router *router, struct router_slot *slot,
             const struct error *error, const char *advice)
{
    struct router_row *row = &router->rows[slot->at];
    const char *text =
        error->code == ERR_OK ? "the engine failed" : error->message;
    /* Whatever its own status, to a request it means: not now. */
    enum error_code code =
        error_http_status(error->code) == 503 ? error->code : ERR_LOAD_FAILED;
    error_set(&slot->failure, code, "%s: %s%s%s", slot->profile->name, text,
              advice[0] != '\0' ? " - " : "", advice);
    int64_t now = router_now_ms(router);
    if (slot->ready_at_ms != 0 && now - slot->ready_at_ms >= STABLE_MS)
        slot->n_failures = 0;
    else
        slot->n_failures++;
    slot->ready_at_ms = 0;
    int64_t wait_ms = 0;
    if (slot->n_failures > 0) {
        int doublings = slot->n_failures > 6 ? 6 : slot->n_failures;
        wait_ms = (int64_t)SECOND_MS << (doublings - 1);
    }
    row->retry_at_ms = now + (wait_ms > RETRY_MAX_MS ? RETRY_MAX_MS : wait_ms);
}

void
router_note_start_error(struct router *router, struct router_slot *slot,
                        const struct error *error)
{
    struct router_row *row = &router->rows[slot->at];
    if (row->state == INSTANCE_STOPPED)
        row->state = INSTANCE_FAILED;
    note_failure(router, slot, error, "");
    slot->has_failed = true;
}

static void
on_failed(struct router *router, struct router_slot *slot)
{
    struct instance_view view = { 0 };
    router->effects.view(router->effects.ctx, slot->profile->id, &view);
    note_failure(router, slot, &view.error, view.advice);
    slot->has_failed = true;
}

static void
on_ready(struct router *router, struct router_slot *slot,
         enum instance_state from)
{
    struct instance_view view;
    if (router->effects.view(router->effects.ctx, slot->profile->id, &view) !=
        0)
        return;
    slot->address = view.address;
    memcpy(slot->api_key, view.api_key, sizeof slot->api_key);
    if (from != INSTANCE_DRAINING && from != INSTANCE_UNHEALTHY) {
        slot->ready_at_ms = router_now_ms(router);
        router->rows[slot->at].last_used_ms = slot->ready_at_ms;
    }
}

static void
on_gone(struct router *router, struct router_slot *slot)
{
    struct router_row *row = &router->rows[slot->at];
    row->hold = HOLD_NONE;
    row->drain_by_ms = 0;
    if (slot->is_deleted)
        slot->is_unwanted = true;
}

void
router_apply_state(struct router *router, struct router_slot *slot,
                   enum instance_state from, enum instance_state to)
{
    struct router_row *row = &router->rows[slot->at];
    row->state = to;
    switch (to) {
    case INSTANCE_ATTACHING:
    case INSTANCE_STARTING:
        slot->generation++;
        row->n_active = 0;
        break;
    case INSTANCE_READY:
        if (from == INSTANCE_DRAINING)
            on_gone(router, slot);
        on_ready(router, slot, from);
        break;
    case INSTANCE_FAILED:
        on_failed(router, slot);
        on_gone(router, slot);
        break;
    case INSTANCE_BACKOFF: {
        struct instance_view view = { 0 };
        router->effects.view(router->effects.ctx, slot->profile->id, &view);
        int64_t left_ms = view.backoff_until_ms -
                          router->effects.wall_ms(router->effects.ctx);
        row->retry_at_ms = router_now_ms(router) + (left_ms > 0 ? left_ms : 0);
        on_gone(router, slot);
        break;
    }
    case INSTANCE_STOPPED: on_gone(router, slot); break;
    default: break;
    }
}

static void
on_instance_state(struct router *router, const struct instance_change *change)
{
    struct router_slot *slot = router_find_slot(router, change->profile_id);
    if (slot == NULL) {
        struct instance_view view;
        if (router->effects.view(router->effects.ctx, change->profile_id,
                                 &view) != 0 ||
            view.profile == NULL)
            return;
        slot = router_slot_of(router, view.profile);
        if (slot == NULL)
            return;
    }
    router_apply_state(router, slot, change->from, change->to);
    router_mark_dirty(router);
}

/* The file of a library model is gone; its engine has read it and needs it no
 * more. Whoever it serves, and whoever waits for that, loses nothing; it ends
 * once it is idle. If the file comes back before that, it just goes on. */
static bool
try_retire(struct router *router, struct router_slot *slot)
{
    enum instance_state state = router->rows[slot->at].state;
    if (slot->profile->source != PROFILE_SOURCE_LIBRARY ||
        (state != INSTANCE_READY && state != INSTANCE_UNHEALTHY &&
         state != INSTANCE_DRAINING))
        return false;
    slot->is_retired = true;
    router_slot_configure(router, slot, slot->profile);
    return true;
}

static void
on_profile(struct router *router, const struct event *event)
{
    struct router_slot *slot = router_find_slot(router, event->subject);
    if (slot == NULL)
        return;
    if (event->type == EVENT_PROFILE_UPDATED && event->payload != NULL) {
        /* The event lends the profile; a reference is what we need. */
        union {
            const void *borrowed;
            struct profile *shared;
        } payload = { .borrowed = event->payload };
        router_slot_configure(router, slot, payload.shared);
    } else if (event->type == EVENT_PROFILE_DELETED) {
        slot->is_deleted = true;
        slot->is_dropped = !try_retire(router, slot);
        slot->is_unwanted =
            !router_state_occupies(router->rows[slot->at].state);
    }
    router_mark_dirty(router);
}

void
router_on_event(struct subscription *subscription, const struct event *event)
{
    struct router *router =
        LIST_ENTRY(subscription, struct router, subscription);
    if (event->type == EVENT_INSTANCE_STATE)
        on_instance_state(router, event->payload);
    else
        on_profile(router, event);
}
