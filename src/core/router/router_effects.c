/* What the router does to the real world: see router_internal.h. */
#include "core/router/router_internal.h"

static int
do_start(void *ctx, struct profile *profile, const char *reason,
         struct error *error)
{
    struct router *router = ctx;
    return instances_start(router->options.instances, profile, reason, error);
}

static int
do_stop(void *ctx, const char *profile_id, bool is_forced, const char *reason,
        struct error *error)
{
    struct router *router = ctx;
    return instances_stop(router->options.instances, profile_id, is_forced,
                          reason, error);
}

static int
do_drain(void *ctx, const char *profile_id, const char *reason)
{
    struct router *router = ctx;
    return instances_drain(router->options.instances, profile_id, reason);
}

static int
do_undrain(void *ctx, const char *profile_id)
{
    struct router *router = ctx;
    return instances_undrain(router->options.instances, profile_id);
}

static void
do_set_leases(void *ctx, const char *profile_id, int n_leases)
{
    struct router *router = ctx;
    instances_set_leases(router->options.instances, profile_id, n_leases);
}

static void
do_suspect(void *ctx, const char *profile_id)
{
    struct router *router = ctx;
    instances_suspect(router->options.instances, profile_id);
}

static int
do_view(void *ctx, const char *profile_id, struct instance_view *ret_view)
{
    struct router *router = ctx;
    return instances_view(router->options.instances, profile_id, ret_view);
}

static struct profile *
do_resolve(void *ctx, struct str name)
{
    struct router *router = ctx;
    return profiles_resolve(router->options.profiles, name);
}

static struct profile *
do_elsewhere(void *ctx, struct str name, const struct profile *profile,
             struct str *ret_model)
{
    struct router *router = ctx;
    const struct llama_model *model;
    if (router->options.llama == NULL)
        return NULL;
    struct profile *server =
        llama_resolve(router->options.llama, name, profile, &model);
    if (server != NULL)
        *ret_model = str_from(model->name);
    return server;
}

static const struct engine_manifest *
do_manifest(void *ctx, const char *name)
{
    struct router *router = ctx;
    return engines_find(router->options.engines, name);
}

static int64_t
do_now_ms(void *ctx)
{
    struct router *router = ctx;
    return loop_now_ms(router->options.loop);
}

static int64_t
do_wall_ms(void *ctx)
{
    (void)ctx;
    return loop_wall_ms();
}

static void
do_wake_at(void *ctx, int64_t at_ms)
{
    struct router *router = ctx;
    int64_t now = loop_now_ms(router->options.loop);
    if (at_ms <= now) {
        loop_defer(router->options.loop, &router->deferred);
    } else if (at_ms == INT64_MAX) {
        timer_stop(&router->timer);
        deferred_cancel(&router->deferred);
    } else if (timer_start(router->options.loop, &router->timer, at_ms - now) !=
               0) {
        /* No memory for a timer: the end of the next turn is soon. */
        loop_defer(router->options.loop, &router->deferred);
    }
}

static void
on_timer(struct timer *timer)
{
    struct router *router = LIST_ENTRY(timer, struct router, timer);
    router->is_dirty = true;
    router_turn(router);
}

static void
on_deferred(struct deferred *deferred)
{
    router_turn(LIST_ENTRY(deferred, struct router, deferred));
}

void
router_real_effects(struct router *router, struct router_effects *ret_effects)
{
    timer_init(&router->timer, on_timer);
    deferred_init(&router->deferred, on_deferred);
    *ret_effects = (struct router_effects){
        .start = do_start,
        .stop = do_stop,
        .drain = do_drain,
        .undrain = do_undrain,
        .set_leases = do_set_leases,
        .suspect = do_suspect,
        .view = do_view,
        .resolve = do_resolve,
        .elsewhere = do_elsewhere,
        .manifest = do_manifest,
        .now_ms = do_now_ms,
        .wall_ms = do_wall_ms,
        .wake_at = do_wake_at,
        .ctx = router,
    };
}
