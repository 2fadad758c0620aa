/* The owner of routing: keeps a row for each model that was ever asked for,
 * follows the instances' states by events, queues tickets and hands out
 * leases (router_slots.c, router_news.c, router_leases.c). What to do is
 * decided in router_decide.c and carried out in router_apply.c.
 *
 * Ordering: nothing calls back inside a caller's call. Answers are told, and
 * the world is looked at again, by router_turn() at the end of the loop's
 * turn. Event handlers only note what happened.
 *
 * A lease belongs to a generation of its engine: when the engine is started
 * anew, leases of the old one no longer count against its places. */
#include "core/router/router.h"

#include <stdlib.h>

#include "core/router/router_internal.h"

int64_t
router_now_ms(struct router *router)
{
    return router->effects.now_ms(router->effects.ctx);
}

void
router_mark_dirty(struct router *router)
{
    router->is_dirty = true;
    router->effects.wake_at(router->effects.ctx, router_now_ms(router));
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
                         router_on_event);
    *ret_router = router;
    return 0;
}

static void
adopt_instance(void *ctx, const struct instance_view *view)
{
    struct router *router = ctx;
    if (view->profile == NULL)
        return;
    struct router_slot *slot = router_slot_of(router, view->profile);
    if (slot != NULL)
        router_apply_state(router, slot, INSTANCE_STOPPED, view->state);
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
        router_slot_configure(router, router->slots[i],
                              router->slots[i]->profile);
    router_mark_dirty(router);
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
        router_slot_free(router->slots[i]);
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
    const struct router_slot *slot = router_find_slot(router, profile_id);
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
    router->drain_deadline_ms = router_now_ms(router) + deadline_ms;
    router_mark_dirty(router);
}
