/* The owner of routing: keeps a row for each model that was ever asked for,
 * follows the instances' states by events, queues tickets and hands out
 * leases. What to do is decided in router_decide.c and carried out in
 * router_apply.c.
 *
 * Ordering: nothing calls back inside a caller's call. Answers are told, and
 * the world is looked at again, by router_turn() at the end of the loop's
 * turn. Event handlers only note what happened.
 *
 * A lease belongs to a generation of its engine: when the engine is started
 * anew, leases of the old one no longer count against its places. */
#include "core/router/router.h"

#include <assert.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/router/router_internal.h"

enum {
    STABLE_MS = 10 * SECOND_MS,
    RETRY_MAX_MS = 30 * SECOND_MS,
    RETIRED_TTL_MS = 1,
};

static int64_t
now_ms(struct router *router)
{
    return router->effects.now_ms(router->effects.ctx);
}

static void
mark_dirty(struct router *router)
{
    router->is_dirty = true;
    router->effects.wake_at(router->effects.ctx, now_ms(router));
}

/* ---- slots ---- */

static void
slot_configure(struct router *router, struct router_slot *slot,
               struct profile *profile)
{
    struct router_row *row = &router->rows[slot->at];
    profile_ref(profile);
    profile_unref(slot->profile);
    slot->profile = profile;
    slot->manifest =
        router->effects.manifest(router->effects.ctx, profile->engine);
    int n_places = profile->max_concurrency;
    if (n_places <= 0 && slot->manifest != NULL)
        n_places = engine_slots(slot->manifest, profile);
    row->capacity = n_places < 1 ? 1 : (size_t)n_places;
    row->queue_size = profile->queue_size < 0 ? 0 : (size_t)profile->queue_size;
    row->queue_timeout_ms = profile->queue_timeout_s * SECOND_MS;
    int64_t ttl_s = profile->ttl_s;
    if (profile->source == PROFILE_SOURCE_LIBRARY && ttl_s == 0)
        ttl_s = router->options.default_ttl_s;
    row->ttl_ms = slot->is_retired ? RETIRED_TTL_MS : ttl_s * SECOND_MS;
    row->is_pinned = profile->is_pinned && !slot->is_retired;
}

static int
reserve_slot(struct router *router)
{
    if (router->n_slots < router->capacity)
        return 0;
    size_t capacity = router->capacity == 0 ? 16 : router->capacity * 2;
    struct router_row *rows = realloc(router->rows, capacity * sizeof *rows);
    if (rows == NULL)
        return -1;
    router->rows = rows;
    struct router_slot **slots =
        realloc(router->slots, capacity * sizeof(*slots));
    if (slots == NULL)
        return -1;
    router->slots = slots;
    router->capacity = capacity;
    return 0;
}

static struct router_slot *
find_slot(const struct router *router, const char *profile_id)
{
    return map_get(&router->by_profile, str_from(profile_id));
}

/* The slot of a profile, made at its first use; brought up to date. NULL
 * when out of memory. */
static struct router_slot *
slot_of(struct router *router, struct profile *profile)
{
    struct router_slot *slot = find_slot(router, profile->id);
    if (slot != NULL) {
        if (slot->profile != profile) {
            slot->is_retired = false;
            slot_configure(router, slot, profile);
            slot->is_deleted = false; /* its model is back in the library */
            slot->is_unwanted = false;
        }
        return slot;
    }
    if (reserve_slot(router) != 0)
        return NULL;
    slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return NULL;
    if (map_put(&router->by_profile, str_from(profile->id), slot) != 0) {
        free(slot);
        return NULL;
    }
    slot->at = router->n_slots++;
    router->slots[slot->at] = slot;
    router->rows[slot->at] = (struct router_row){ .state = INSTANCE_STOPPED };
    slot_configure(router, slot, profile);
    return slot;
}

static void
slot_free(struct router_slot *slot)
{
    profile_unref(slot->profile);
    free(slot);
}

/* The last row takes the place of the one that goes. */
static void
remove_slot(struct router *router, struct router_slot *slot)
{
    map_remove(&router->by_profile, str_from(slot->profile->id));
    size_t last = --router->n_slots;
    router->rows[slot->at] = router->rows[last];
    router->slots[slot->at] = router->slots[last];
    router->slots[slot->at]->at = slot->at;
    slot_free(slot);
}

/* ---- what happens to instances and profiles ---- */

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
    int64_t now = now_ms(router);
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
        slot->ready_at_ms = now_ms(router);
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

static void
apply_state(struct router *router, struct router_slot *slot,
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
        row->retry_at_ms = now_ms(router) + (left_ms > 0 ? left_ms : 0);
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
    struct router_slot *slot = find_slot(router, change->profile_id);
    if (slot == NULL) {
        struct instance_view view;
        if (router->effects.view(router->effects.ctx, change->profile_id,
                                 &view) != 0 ||
            view.profile == NULL)
            return;
        slot = slot_of(router, view.profile);
        if (slot == NULL)
            return;
    }
    apply_state(router, slot, change->from, change->to);
    mark_dirty(router);
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
    slot_configure(router, slot, slot->profile);
    return true;
}

static void
on_profile(struct router *router, const struct event *event)
{
    struct router_slot *slot = find_slot(router, event->subject);
    if (slot == NULL)
        return;
    if (event->type == EVENT_PROFILE_UPDATED && event->payload != NULL) {
        /* The event lends the profile; a reference is what we need. */
        union {
            const void *borrowed;
            struct profile *shared;
        } payload = { .borrowed = event->payload };
        slot_configure(router, slot, payload.shared);
    } else if (event->type == EVENT_PROFILE_DELETED) {
        slot->is_deleted = true;
        slot->is_dropped = !try_retire(router, slot);
        slot->is_unwanted =
            !router_state_occupies(router->rows[slot->at].state);
    }
    mark_dirty(router);
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct router *router =
        LIST_ENTRY(subscription, struct router, subscription);
    if (event->type == EVENT_INSTANCE_STATE)
        on_instance_state(router, event->payload);
    else
        on_profile(router, event);
}

/* ---- life ---- */

int
router_new_with(const struct router_options *options,
                const struct router_effects *effects,
                struct router **ret_router, struct error *error)
{
    struct router *router = calloc(1, sizeof *router);
    if (router == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    router->options = *options;
    router->effects = *effects;
    map_init(&router->by_profile);
    list_init(&router->waiting);
    list_init(&router->answered);
    router->next_lease_id = 1;
    router->wake_at_ms = INT64_MAX;
    if (options->events != NULL)
        events_subscribe(options->events, &router->subscription,
                         EVENT_BIT(INSTANCE_STATE) |
                             EVENT_BIT(PROFILE_UPDATED) |
                             EVENT_BIT(PROFILE_DELETED),
                         on_event);
    *ret_router = router;
    return 0;
}

static void
adopt_instance(void *ctx, const struct instance_view *view)
{
    struct router *router = ctx;
    if (view->profile == NULL)
        return;
    struct router_slot *slot = slot_of(router, view->profile);
    if (slot != NULL)
        apply_state(router, slot, INSTANCE_STOPPED, view->state);
}

int
router_new(const struct router_options *options, struct router **ret_router,
           struct error *error)
{
    struct router_effects none = { 0 };
    if (router_new_with(options, &none, ret_router, error) != 0)
        return -1;
    router_real_effects(*ret_router, &(*ret_router)->effects);
    instances_each(options->instances, adopt_instance, *ret_router);
    return 0;
}

void
router_configure(struct router *router, const struct router_options *options)
{
    router->options.models_max = options->models_max;
    router->options.drain_after_ms = options->drain_after_ms;
    router->options.drain_timeout_ms = options->drain_timeout_ms;
    router->options.default_ttl_s = options->default_ttl_s;
    router->is_over_limit = true; /* the next look knows */
    for (size_t i = 0; i < router->n_slots; i++)
        slot_configure(router, router->slots[i], router->slots[i]->profile);
    mark_dirty(router);
}

void
router_free(struct router *router)
{
    if (router == NULL)
        return;
    events_unsubscribe(&router->subscription);
    router->effects.wake_at(router->effects.ctx, INT64_MAX);
    LIST_FOR_SAFE(node, &router->waiting)
    free(LIST_ENTRY(node, struct router_ticket, node));
    LIST_FOR_SAFE(node, &router->answered)
    free(LIST_ENTRY(node, struct router_ticket, node));
    for (size_t i = 0; i < router->n_slots; i++)
        slot_free(router->slots[i]);
    map_release(&router->by_profile);
    router_actions_release(&router->actions);
    free(router->rows);
    free(router->slots);
    free(router->waiters);
    free(router->waiter_tickets);
    free(router);
}

/* ---- resolving ---- */

static void
fill_model(struct router *router, struct profile *profile,
           struct router_model *ret_model)
{
    const struct engine_manifest *manifest =
        router->effects.manifest(router->effects.ctx, profile->engine);
    *ret_model = (struct router_model){
        .profile = profile,
        .manifest = manifest,
        .engine_model =
            str_from(manifest == NULL ? profile->name
                                      : engine_model_name(manifest, profile)),
        .rewrites_model = manifest != NULL && manifest->rewrites_model,
    };
}

/* An engine for many models has this one, under that name. */
static bool
is_elsewhere(struct router *router, struct str name,
             const struct profile *profile, struct router_model *ret_model)
{
    struct str model;
    if (router->effects.elsewhere == NULL)
        return false;
    struct profile *server =
        router->effects.elsewhere(router->effects.ctx, name, profile, &model);
    if (server == NULL)
        return false;
    fill_model(router, server, ret_model);
    ret_model->engine_model = model;
    ret_model->rewrites_model = !str_eq(model, name);
    return true;
}

int
router_resolve(struct router *router, struct str name,
               struct router_model *ret_model, struct error *error)
{
    struct profile *profile =
        router->effects.resolve(router->effects.ctx, name);
    if (is_elsewhere(router, name, profile, ret_model))
        return 0;
    if (profile != NULL) {
        fill_model(router, profile, ret_model);
        return 0;
    }
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != '/')
            continue;
        profile = router->effects.resolve(router->effects.ctx,
                                          (struct str){ name.p, i });
        if (profile == NULL)
            continue;
        fill_model(router, profile, ret_model);
        if (ret_model->manifest == NULL || !ret_model->manifest->is_router)
            continue;
        ret_model->engine_model =
            (struct str){ name.p + i + 1, name.n - i - 1 };
        ret_model->rewrites_model = true;
        return 0;
    }
    *ret_model = (struct router_model){ 0 };
    return error_set(error, ERR_NOT_FOUND, "model '%.*s' not found",
                     (int)(name.n > 200 ? 200 : name.n), name.p);
}

/* ---- tickets and leases ---- */

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
    row->last_used_ms = now_ms(router);
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
    struct router_slot *slot = slot_of(router, model->profile);
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

static struct router_ticket *
ticket_new(struct router *router, struct router_slot *slot,
           enum router_wait kind)
{
    struct router_ticket *ticket = calloc(1, sizeof *ticket);
    if (ticket == NULL)
        return NULL;
    list_init(&ticket->node);
    ticket->router = router;
    ticket->slot = slot;
    ticket->kind = kind;
    ticket->since_ms = now_ms(router);
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
    struct router_slot *slot = slot_of(router, model.profile);
    struct router_ticket *ticket =
        slot == NULL ? NULL : ticket_new(router, slot, WAIT_LEASE);
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
        router->effects.wake_at(router->effects.ctx, now_ms(router));
        return ticket;
    }
    ticket->tag = answer.tag;
    list_push_back(&router->waiting, &ticket->node);
    router->n_waiting++;
    router->rows[slot->at].n_waiting++;
    mark_dirty(router);
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
    mark_dirty(router);
}

void
router_release(struct router *router, const struct lease *lease,
               enum lease_outcome outcome)
{
    assert(lease->id != 0 && router->n_leases > 0);
    router->n_leases--;
    struct router_slot *slot = find_slot(router, lease->profile_id);
    if (slot != NULL && slot->generation == lease->generation) {
        struct router_row *row = &router->rows[slot->at];
        assert(row->n_active > 0);
        row->n_active--;
        row->last_used_ms = now_ms(router);
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
        mark_dirty(router);
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

/* ---- by hand ---- */

/* Queues a load and looks at once, so that a start that cannot be is told
 * to the caller. */
static int
queue_load(struct router *router, struct profile *profile,
           enum router_wait kind, struct error *error)
{
    struct router_slot *slot = slot_of(router, profile);
    struct router_ticket *ticket =
        slot == NULL ? NULL : ticket_new(router, slot, kind);
    if (ticket == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    struct router_row *row = &router->rows[slot->at];
    if (row->state == INSTANCE_FAILED)
        row->retry_at_ms = now_ms(router);
    list_push_back(&router->waiting, &ticket->node);
    router->n_waiting++;
    struct error start_error = { .code = ERR_OK };
    router->sync_error = &start_error;
    router_review(router, &(struct router_event){ .kind = ROUTER_CHANGED });
    router->sync_error = NULL;
    mark_dirty(router);
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
    struct router_slot *slot = find_slot(router, profile->id);
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
    struct router_slot *slot = slot_of(router, profile);
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
    row->left_at_ms = now_ms(router);
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
    struct router_slot *slot = find_slot(router, profile_id);
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
    mark_dirty(router);
    return 0;
}

int
router_restart(struct router *router, struct profile *profile,
               struct error *error)
{
    if (router->is_closing)
        return error_set(error, ERR_DRAINING, "Hearth is shutting down");
    struct router_slot *slot = slot_of(router, profile);
    if (slot == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    enum instance_state state = router->rows[slot->at].state;
    if (router_state_occupies(state) && state != INSTANCE_STOPPING)
        hold_for_unload(router, slot);
    return queue_load(router, profile, WAIT_LOAD, error);
}

/* ---- looking ---- */

struct router_counts
router_counts(const struct router *router)
{
    return router->counts;
}

void
router_status(struct router *router, const char *profile_id,
              struct router_status *ret_status)
{
    *ret_status = (struct router_status){ 0 };
    const struct router_slot *slot = find_slot(router, profile_id);
    if (slot == NULL)
        return;
    ret_status->state = router->rows[slot->at].state;
    ret_status->n_active = router->rows[slot->at].n_active;
    ret_status->n_waiting = router->rows[slot->at].n_waiting;
    ret_status->n_served = slot->n_served;
    ret_status->idle_since_ms = slot->idle_since_wall_ms;
}

void
router_drain_all(struct router *router, int64_t deadline_ms,
                 void (*on_done)(void *ctx), void *ctx)
{
    router->is_closing = true;
    router->on_drained = on_done;
    router->on_drained_ctx = ctx;
    router->drain_deadline_ms = now_ms(router) + deadline_ms;
    mark_dirty(router);
}

static bool
is_waited_for(const struct router *router, const struct router_slot *slot)
{
    LIST_FOR(node, &router->waiting)
    if (LIST_ENTRY(node, struct router_ticket, node)->slot == slot)
        return true;
    return false;
}

void
router_remove_unwanted(struct router *router)
{
    for (size_t i = 0; i < router->n_slots;) {
        struct router_slot *slot = router->slots[i];
        if (slot->is_unwanted && !is_waited_for(router, slot) &&
            !router_state_occupies(router->rows[i].state))
            remove_slot(router, slot);
        else
            i++;
    }
}
