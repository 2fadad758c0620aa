/* Tickets of those who wait and leases of those who are served. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "core/router/router_internal.h"

static int
retry_seconds(int64_t ms)
{
    return (int)((ms + SECOND_MS - 1) / SECOND_MS);
}

/* All of the lease but what the engine is sent as `model`. */
static void
grant(struct router *router, struct router_slot *slot, struct lease *lease)
{
    struct router_row *row = &router->rows[slot->at];
    lease->id = router->next_lease_id++;
    memcpy(lease->profile_id, slot->profile->id, sizeof lease->profile_id);
    lease->address = slot->address;
    memcpy(lease->api_key, slot->api_key, sizeof lease->api_key);
    lease->generation = slot->generation;
    row->n_active++;
    slot->n_served++;
    row->last_used_ms = router_now_ms(router);
    slot->idle_since_wall_ms = 0;
    router->n_leases++;
    router->effects.set_leases(router->effects.ctx, slot->profile->id,
                               (int)row->n_active);
}

static void
fill_lease(struct router_slot *slot, struct router_ticket *ticket)
{
    struct lease *lease = &ticket->answer.lease;
    memcpy(lease->model, ticket->model, strlen(ticket->model) + 1);
    lease->rewrites_model = ticket->rewrites_model;
    ticket->has_lease = true;
    grant(ticket->router, slot, lease);
}

/* As ARRIVED is decided for one that is served, without the way through a
 * ticket and the end of the turn: it is what nearly every request meets. */
bool
router_lease_now(struct router *router, const struct router_model *model,
                 struct lease *ret_lease)
{
    struct router_slot *slot = router_slot_of(router, model->profile);
    size_t n = model->engine_model.n;
    if (slot == NULL || router->is_closing || n >= sizeof ret_lease->model ||
        !router_has_place(&router->rows[slot->at]))
        return false;
    router->rows[slot->at].clock++;
    memcpy(ret_lease->model, model->engine_model.p, n);
    ret_lease->model[n] = '\0';
    ret_lease->rewrites_model = model->rewrites_model;
    grant(router, slot, ret_lease);
    return true;
}

void
router_answer_serve(struct router_ticket *ticket, uint64_t tag)
{
    struct router *router = ticket->router;
    struct router_row *row = &router->rows[ticket->slot->at];
    list_remove(&ticket->node);
    ticket->is_answered = true;
    if (ticket->kind != WAIT_LEASE) {
        free(ticket);
        return;
    }
    if (tag > row->clock)
        row->clock = tag;
    fill_lease(ticket->slot, ticket);
    list_push_back(&router->answered, &ticket->node);
}

static void
describe_refusal(const struct router_slot *slot, enum error_code code,
                 struct error *error)
{
    const char *name = slot->profile->name;
    switch (code) {
    case ERR_DRAINING: error_set(error, code, "Hearth is shutting down"); break;
    case ERR_UNAVAILABLE:
    case ERR_LOAD_FAILED:
        *error = slot->failure;
        if (error->code == ERR_OK)
            error_set(error, code, "model '%s' is not available now", name);
        break;
    case ERR_QUEUE_FULL:
        error_set(error, code, "too many requests wait for model '%s'", name);
        break;
    case ERR_QUEUE_TIMEOUT:
        error_set(error, code, "waited too long for model '%s'", name);
        break;
    case ERR_PINNED:
        error_set(error, code,
                  "model '%s' cannot be loaded: every place is held by a "
                  "pinned model",
                  name);
        break;
    case ERR_CANCELLED:
        error_set(error, code, "model '%s' was unloaded", name);
        break;
    default: error_set(error, code, "model '%s' cannot be served", name); break;
    }
}

void
router_answer_refuse(struct router_ticket *ticket, enum error_code code,
                     int64_t retry_after_ms)
{
    struct router *router = ticket->router;
    list_remove(&ticket->node);
    ticket->is_answered = true;
    ticket->retry_after_s = retry_seconds(retry_after_ms);
    describe_refusal(ticket->slot, code, &ticket->answer.error);
    list_push_back(&router->answered, &ticket->node);
}

/* ARRIVED needs the waiters only for the tag of one that queues. */
static struct router_action
decide_arrival(struct router *router, size_t row, uint64_t client)
{
    struct router_event event = { .kind = ROUTER_ARRIVED,
                                  .row = row,
                                  .client = client };
    struct router_snapshot snapshot;
    if (router_fill_snapshot(router, &snapshot) != 0)
        return (struct router_action){ .verb = ROUTER_REFUSE,
                                       .code = ERR_NO_MEMORY };
    router_decide(&snapshot, &event, &router->actions);
    assert(router->actions.n == 1);
    return router->actions.at[0];
}

struct router_ticket *
router_ticket_new(struct router *router, struct router_slot *slot,
                  enum router_wait kind)
{
    struct router_ticket *ticket = calloc(1, sizeof *ticket);
    if (ticket == NULL)
        return NULL;
    list_init(&ticket->node);
    ticket->router = router;
    ticket->slot = slot;
    ticket->kind = kind;
    ticket->since_ms = router_now_ms(router);
    ticket->told_position = SIZE_MAX;
    return ticket;
}

/* 0, or -1 when it does not fit. */
static int
copy_model(struct router_ticket *ticket, const struct router_model *model)
{
    size_t n = model->engine_model.n;
    if (n >= sizeof ticket->model)
        return -1;
    memcpy(ticket->model, model->engine_model.p, n);
    ticket->model[n] = '\0';
    ticket->rewrites_model = model->rewrites_model;
    return 0;
}

struct router_ticket *
router_acquire(struct router *router, const struct router_need *need,
               struct error *error, int *ret_retry_after_s)
{
    *ret_retry_after_s = 0;
    struct router_model model;
    if (router_resolve(router, need->model, &model, error) != 0)
        return NULL;
    struct router_slot *slot = router_slot_of(router, model.profile);
    struct router_ticket *ticket =
        slot == NULL ? NULL : router_ticket_new(router, slot, WAIT_LEASE);
    if (ticket == NULL) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (copy_model(ticket, &model) != 0) {
        error_set(error, ERR_UNAVAILABLE,
                  "model '%s' has a name that is too long for its engine",
                  model.profile->name);
        free(ticket);
        return NULL;
    }
    ticket->client = str_hash(need->client);
    ticket->on_ready = need->on_ready;
    ticket->on_progress = need->on_progress;
    ticket->wants_position = need->wants_position;
    ticket->ctx = need->ctx;
    struct router_action answer =
        decide_arrival(router, slot->at, ticket->client);
    if (answer.verb == ROUTER_REFUSE) {
        describe_refusal(slot, answer.code, error);
        *ret_retry_after_s = retry_seconds(answer.retry_after_ms);
        free(ticket);
        return NULL;
    }
    if (answer.verb == ROUTER_SERVE) {
        router_answer_serve(ticket, answer.tag);
        router->effects.wake_at(router->effects.ctx, router_now_ms(router));
        return ticket;
    }
    ticket->tag = answer.tag;
    list_push_back(&router->waiting, &ticket->node);
    router->n_waiting++;
    router->rows[slot->at].n_waiting++;
    router_mark_dirty(router);
    return ticket;
}

/* Counts that a ticket is no longer among the waiting. */
void
router_leave_queue(struct router_ticket *ticket)
{
    struct router *router = ticket->router;
    router->n_waiting--;
    if (ticket->kind == WAIT_LEASE)
        router->rows[ticket->slot->at].n_waiting--;
}

void
router_cancel(struct router_ticket *ticket)
{
    struct router *router = ticket->router;
    if (!ticket->is_answered)
        router_leave_queue(ticket);
    else if (ticket->has_lease)
        router_release(router, &ticket->answer.lease, LEASE_CLIENT_GONE);
    list_remove(&ticket->node);
    free(ticket);
    router_mark_dirty(router);
}

void
router_release(struct router *router, const struct lease *lease,
               enum lease_outcome outcome)
{
    assert(lease->id != 0 && router->n_leases > 0);
    router->n_leases--;
    struct router_slot *slot = router_find_slot(router, lease->profile_id);
    if (slot != NULL && slot->generation == lease->generation) {
        struct router_row *row = &router->rows[slot->at];
        assert(row->n_active > 0);
        row->n_active--;
        row->last_used_ms = router_now_ms(router);
        router->effects.set_leases(router->effects.ctx, lease->profile_id,
                                   (int)row->n_active);
        if (outcome == LEASE_UPSTREAM_FAILED)
            router->effects.suspect(router->effects.ctx, lease->profile_id);
        if (row->n_active == 0)
            slot->idle_since_wall_ms =
                router->effects.wall_ms(router->effects.ctx);
    }
    if (router->n_waiting > 0 || router->is_closing || router->is_over_limit ||
        slot == NULL || router->rows[slot->at].hold != HOLD_NONE) {
        router_mark_dirty(router);
        return;
    }
    /* Nobody gains by it now; only the clock of the TTL starts. */
    const struct router_row *row = &router->rows[slot->at];
    int64_t ttl_at_ms = row->last_used_ms + row->ttl_ms;
    if (row->ttl_ms > 0 && row->n_active == 0 &&
        ttl_at_ms < router->wake_at_ms) {
        router->wake_at_ms = ttl_at_ms;
        router->effects.wake_at(router->effects.ctx, ttl_at_ms);
    }
}
