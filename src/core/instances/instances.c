/* The registry of instances and what may be asked of them: see instances.h. */
#include "core/instances/instances.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/instances/instances_internal.h"
#include "io/worker.h"
#include "platform/file.h"
#include "platform/system.h"

enum { SHUTDOWN_MAX_MS = 60 * SECOND_MS };

struct instance_waiter {
    struct list node;
    struct instances *all;
    char profile_id[ID_BYTES];
    void (*fn)(void *ctx, const struct instance_view *view);
    void *ctx;
};

/* ---- making and ending ---- */

static int64_t
or_default(int64_t value, int64_t otherwise)
{
    return value > 0 ? value : otherwise;
}

static void
fill_defaults(struct instances_options *options)
{
    options->health_interval_ms =
        or_default(options->health_interval_ms, 5 * SECOND_MS);
    options->health_timeout_ms =
        or_default(options->health_timeout_ms, 5 * SECOND_MS);
    options->probe_interval_ms =
        or_default(options->probe_interval_ms, MINUTE_MS);
    options->probe_timeout_ms =
        or_default(options->probe_timeout_ms, 30 * SECOND_MS);
    options->health_failures = (int)or_default(options->health_failures, 3);
    options->backoff_min_ms = or_default(options->backoff_min_ms, SECOND_MS);
    options->backoff_max_ms = or_default(options->backoff_max_ms, MINUTE_MS);
    options->stable_ms = or_default(options->stable_ms, MINUTE_MS);
    options->sample_interval_ms =
        or_default(options->sample_interval_ms, 2 * SECOND_MS);
}

static int
make_folders(const char *data_dir, struct error *error)
{
    static const char *const names[] = { "run", "logs" };
    char path[LIMIT_PATH_BYTES];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", data_dir, names[i]);
        if (file_make_folders(path, 0700, error) != 0)
            return -1;
    }
    return 0;
}

static void on_settle(struct deferred *deferred);

int
instances_new(const struct instances_options *options,
              struct instances **ret_instances, struct error *error)
{
    enum {
        SOCKET_BYTES_MAX = 103,
        NAME_BYTES = sizeof "/run/01234567" - 1,
    };
    if (strlen(options->data_dir) + NAME_BYTES > SOCKET_BYTES_MAX)
        return error_field(error, "data_dir",
                           "data_dir %s is too long: sockets below it may "
                           "have a path of %d bytes, so it may have %d",
                           options->data_dir, SOCKET_BYTES_MAX,
                           SOCKET_BYTES_MAX - NAME_BYTES);
    if (make_folders(options->data_dir, error) != 0)
        return -1;
    struct instances *all = calloc(1, sizeof *all);
    if (all == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    all->options = *options;
    fill_defaults(&all->options);
    list_init(&all->all);
    list_init(&all->links);
    list_init(&all->waiters);
    deferred_init(&all->settle, on_settle);
    all->data_dir = str_dup(str_from(options->data_dir));
    all->hearth_path = str_dup(str_from(options->hearth_path));
    all->probes = binary_probes_new(options->loop);
    if (all->data_dir == NULL || all->hearth_path == NULL ||
        all->probes == NULL || process_boot_id(all->boot_id) != 0) {
        binary_probes_free(all->probes);
        free(all->data_dir);
        free(all->hearth_path);
        free(all);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    *ret_instances = all;
    return 0;
}

void
instances_configure(struct instances *instances,
                    const struct instances_options *options)
{
    struct instances_options *mine = &instances->options;
    mine->keep_engines = options->keep_engines;
    mine->orphan_timeout_s = options->orphan_timeout_s;
    mine->default_threads = options->default_threads;
    mine->health_interval_ms = options->health_interval_ms;
    mine->probe_interval_ms = options->probe_interval_ms;
    mine->probe_timeout_ms = options->probe_timeout_ms;
    fill_defaults(mine);
}

struct instance *
instance_find(struct instances *instances, const char *profile_id)
{
    LIST_FOR(node, &instances->all)
    {
        struct instance *instance = LIST_ENTRY(node, struct instance, node);
        if (strcmp(instance->profile->id, profile_id) == 0)
            return instance;
    }
    return NULL;
}

struct instance *
instance_new(struct instances *instances, struct profile *profile)
{
    uint8_t random[10];
    struct instance *instance = calloc(1, sizeof *instance);
    if (instance == NULL)
        return NULL;
    instance->all = instances;
    instance->manifest =
        engines_find(instances->options.engines, profile->engine);
    instance->profile = profile_ref(profile);
    instance->ready_path = str_dup(
        str_from(instance->manifest == NULL ? "/health"
                                            : instance->manifest->ready_path));
    if (instance->manifest == NULL || instance->ready_path == NULL) {
        profile_unref(instance->profile);
        free(instance->ready_path);
        free(instance);
        return NULL;
    }
    system_random(random, sizeof random);
    id_format(instance->id, "ins", loop_wall_ms(), random);
    instance->slots = engine_slots(instance->manifest, profile);
    instance->rss_bytes = -1;
    instance->n_threads = -1;
    instance->cpu_ms = -1;
    instance->state_since_ms = loop_wall_ms();
    instance_log_init(&instance->log);
    instance->log.secret = instance->api_key;
    list_push_back(&instances->all, &instance->node);
    return instance;
}

static void
stop_timers(struct instance *instance)
{
    struct timer *const timers[] = {
        &instance->probe_timer, &instance->load_timer, &instance->stop_timer,
        &instance->retry_timer, &instance->port_timer, &instance->stable_timer,
    };
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++)
        timer_stop(timers[i]);
}

static void
free_instance(struct instance *instance)
{
    stop_timers(instance);
    instance_probe_end(instance);
    instance_drop_link(instance);
    list_remove(&instance->node);
    instance_log_release(&instance->log);
    profile_unref(instance->profile);
    profile_unref(instance->next);
    free(instance->ready_path);
    free(instance);
}

static void
free_all(struct instances *instances)
{
    free(instances->data_dir);
    free(instances->hearth_path);
    free(instances);
}

bool
instances_job_done(struct instances *instances)
{
    instances->n_jobs--;
    if (!instances->is_freed)
        return false;
    if (instances->n_jobs == 0)
        free_all(instances);
    return true;
}

void
instances_free(struct instances *instances)
{
    if (instances == NULL)
        return;
    LIST_FOR_SAFE(node, &instances->all)
    free_instance(LIST_ENTRY(node, struct instance, node));
    LIST_FOR_SAFE(node, &instances->links)
    keeper_link_close(LIST_ENTRY(node, struct keeper_link, node));
    LIST_FOR_SAFE(node, &instances->waiters)
    instance_waiter_cancel(LIST_ENTRY(node, struct instance_waiter, node));
    /* Links end with the loop; they must not find the list's head gone. */
    list_remove(&instances->links);
    timer_stop(&instances->sample_timer);
    timer_stop(&instances->shutdown_timer);
    deferred_cancel(&instances->settle);
    binary_probes_free(instances->probes);
    instances->is_freed = true;
    if (instances->n_jobs == 0)
        free_all(instances);
}

/* ---- looking ---- */

bool
instance_is_active(const struct instance *instance)
{
    return instance->state != INSTANCE_STOPPED &&
           instance->state != INSTANCE_FAILED &&
           instance->state != INSTANCE_BACKOFF;
}

static bool
is_settled(const struct instance *instance)
{
    return !instance_is_active(instance) || instance->state == INSTANCE_READY ||
           instance->state == INSTANCE_UNHEALTHY;
}

static void
fill_view(const struct instance *instance, struct instance_view *ret_view)
{
    *ret_view = (struct instance_view){
        .profile = instance->profile,
        .state = instance->state,
        .state_since_ms = instance->state_since_ms,
        .pid = instance->engine.pid,
        .address = instance->address,
        .manifest = instance->manifest,
        .slots = instance->slots,
        .started_at_ms = instance->started_at_ms,
        .ready_at_ms = instance->ready_at_ms,
        .exit = instance->exit,
        .error = instance->error,
        .stop = instance->stop,
        .rss_bytes = instance->rss_bytes,
        .n_threads = instance->n_threads,
        .cpu_percent = instance->cpu_percent,
        .backoff_until_ms = instance->backoff_until_ms,
        .n_restarts = instance->n_restarts,
        .restart_required = instance->restart_required,
        .log_from = instance->log_from,
    };
    memcpy(ret_view->id, instance->id, sizeof ret_view->id);
    memcpy(ret_view->reason, instance->reason, sizeof ret_view->reason);
    memcpy(ret_view->api_key, instance->api_key, sizeof ret_view->api_key);
    memcpy(ret_view->advice, instance->advice, sizeof ret_view->advice);
}

struct instances_counts
instances_counts(const struct instances *instances)
{
    return instances->counts;
}

int
instances_view(struct instances *instances, const char *profile_id,
               struct instance_view *ret_view)
{
    const struct instance *instance = instance_find(instances, profile_id);
    if (instance == NULL)
        return -1;
    fill_view(instance, ret_view);
    return 0;
}

void
instances_each(struct instances *instances,
               void (*fn)(void *ctx, const struct instance_view *view),
               void *ctx)
{
    LIST_FOR_SAFE(node, &instances->all)
    {
        struct instance_view view;
        fill_view(LIST_ENTRY(node, struct instance, node), &view);
        fn(ctx, &view);
    }
}

uint64_t
instances_log_tail(struct instances *instances, const char *profile_id,
                   size_t n_lines,
                   void (*fn)(void *ctx, uint64_t seq, struct str line),
                   void *ctx)
{
    const struct instance *instance = instance_find(instances, profile_id);
    return instance == NULL
               ? 0
               : instance_log_tail(&instance->log, n_lines, fn, ctx);
}

/* ---- asking for changes ---- */

/* A start that could not even be tried is shown as what it is: failed, with
 * the reason. There is no next try before something has changed. */
static void
refuse_start(struct instance *instance, const char *reason,
             const struct error *error)
{
    instance->advice[0] = '\0';
    instance_set_state(instance, INSTANCE_STARTING, NULL, "%s", reason);
    if (instance->state == INSTANCE_STARTING)
        instance_set_state(instance, INSTANCE_FAILED, error, "%s",
                           error->message);
}

int
instances_start(struct instances *instances, struct profile *profile,
                const char *reason, struct error *error)
{
    struct instance *instance = instance_find(instances, profile->id);
    if (instances->is_shutting_down)
        return error_set(error, ERR_CONFLICT, "hearth is shutting down");
    if (instance == NULL) {
        if (engines_find(instances->options.engines, profile->engine) == NULL)
            return error_field(error, "engine", "there is no engine '%s'",
                               profile->engine);
        instance = instance_new(instances, profile);
    }
    if (instance == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    switch (instance->state) {
    case INSTANCE_ATTACHING:
    case INSTANCE_STARTING:
    case INSTANCE_LOADING:
    case INSTANCE_READY: return 0;
    case INSTANCE_STOPPED:
    case INSTANCE_FAILED:
    case INSTANCE_BACKOFF: break;
    default:
        return error_set(error, ERR_CONFLICT, "'%s' is %s", profile->name,
                         instance_state_name(instance->state));
    }
    if (instance->is_forgetting)
        return error_set(error, ERR_CONFLICT, "'%s' is being deleted",
                         profile->name);
    if (instance->link != NULL)
        return error_set(error, ERR_CONFLICT,
                         "process %lld of '%s' cannot be stopped",
                         (long long)instance->engine.pid, profile->name);
    struct error why = { .code = ERR_OK };
    if (instance_start(instance, profile, reason, &why) == 0)
        return 0;
    if (error != NULL)
        *error = why;
    refuse_start(instance, reason, &why);
    return -1;
}

int
instances_stop(struct instances *instances, const char *profile_id,
               bool is_forced, const char *reason, struct error *error)
{
    struct instance *instance = instance_find(instances, profile_id);
    if (instance == NULL)
        return error_set(error, ERR_NOT_FOUND, "nothing runs here");
    profile_unref(instance->next); /* a restart that was asked for is off */
    instance->next = NULL;
    switch (instance->state) {
    case INSTANCE_STOPPED:
        return error_set(error, ERR_CONFLICT, "'%s' is stopped already",
                         instance->profile->name);
    case INSTANCE_FAILED:
    case INSTANCE_BACKOFF:
        instance->n_failures = 0;
        instance_set_state(instance, INSTANCE_STOPPED, NULL, "%s", reason);
        return 0;
    case INSTANCE_STOPPING:
        if (is_forced && instance->link != NULL)
            (void)keeper_link_stop(instance->link, true);
        return 0;
    case INSTANCE_ATTACHING:
        instance->is_stop_wanted = true;
        if (instance->engine.pid == 0 || instance->pool == NULL)
            return 0; /* as soon as the keeper has answered */
        instance_set_state(instance, INSTANCE_LOADING, NULL, "attached");
        break;
    default: break;
    }
    if (instance->state != INSTANCE_STOPPING && instance_is_active(instance))
        instance_begin_stop(instance, is_forced, NULL, reason);
    return 0;
}

int
instances_restart(struct instances *instances, struct profile *profile,
                  const char *reason, struct error *error)
{
    struct instance *instance = instance_find(instances, profile->id);
    if (instance == NULL || !instance_is_active(instance))
        return instances_start(instances, profile, reason, error);
    if (instances->is_shutting_down || instance->is_forgetting)
        return error_set(error, ERR_CONFLICT, "'%s' is going away",
                         profile->name);
    if (instances_stop(instances, profile->id, false, reason, error) != 0)
        return -1;
    if (!instance_is_active(instance)) /* it is stopped in this very turn */
        return instances_start(instances, profile, reason, error);
    instance->next = profile_ref(profile);
    return 0;
}

int
instances_drain(struct instances *instances, const char *profile_id,
                const char *reason)
{
    struct instance *instance = instance_find(instances, profile_id);
    if (instance == NULL || instance->state != INSTANCE_READY)
        return -1;
    instance_set_state(instance, INSTANCE_DRAINING, NULL, "%s", reason);
    return 0;
}

int
instances_undrain(struct instances *instances, const char *profile_id)
{
    struct instance *instance = instance_find(instances, profile_id);
    if (instance == NULL || instance->state != INSTANCE_DRAINING)
        return -1;
    struct http_pool *pool =
        http_pool_new(instances->options.loop, &instance->address);
    if (pool == NULL)
        return -1;
    instance->pool = pool;
    instance_set_state(instance, INSTANCE_READY, NULL, "wanted again");
    if (instance->state == INSTANCE_READY)
        instance_health_begin(instance);
    return 0;
}

void
instances_set_leases(struct instances *instances, const char *profile_id,
                     int n_leases)
{
    struct instance *instance = instance_find(instances, profile_id);
    if (instance == NULL)
        return;
    instance->n_leases = n_leases;
    instance_leases_changed(instance);
}

void
instances_suspect(struct instances *instances, const char *profile_id)
{
    struct instance *instance = instance_find(instances, profile_id);
    if (instance != NULL)
        instance_probe_now(instance);
}

void
instances_profile_changed(struct instances *instances, struct profile *profile)
{
    struct instance *instance = instance_find(instances, profile->id);
    if (instance == NULL || instance->profile == profile)
        return;
    if (instance_is_active(instance) &&
        profile_needs_restart(instance->profile, profile))
        instance->restart_required = true;
    profile_ref(profile);
    profile_unref(instance->profile);
    instance->profile = profile;
}

/* ---- forgetting ---- */

struct removal {
    struct instances *all;
    char paths[LIMIT_LOG_FILES + 1][512];
};

static void
remove_logs(void *arg)
{
    struct removal *removal = arg;
    for (int i = 0; i <= LIMIT_LOG_FILES; i++)
        (void)remove(removal->paths[i]);
}

static void
on_removed(void *arg)
{
    struct removal *removal = arg;
    if (!instances_job_done(removal->all))
        instances_look(removal->all);
    free(removal);
}

static void
on_row_deleted(void *ctx, const struct error *error)
{
    struct instances *instances = ctx;
    if (instances_job_done(instances))
        return;
    if (error != NULL)
        events_log(instances->options.events, LOG_ERROR, "instances",
                   "a deleted profile's engine stays on record: %s",
                   error->message);
    instances_look(instances);
}

static void
forget_now(struct instance *instance)
{
    struct instances *all = instance->all;
    void (*on_done)(void *ctx) = instance->on_forgotten;
    void *ctx = instance->forgotten_ctx;
    struct removal *removal = calloc(1, sizeof *removal);
    all->n_jobs++;
    store_delete_instance(all->options.store, instance->id, on_row_deleted,
                          all);
    if (removal != NULL) {
        removal->all = all;
        for (int i = 0; i < LIMIT_LOG_FILES; i++)
            instance_log_path(instance, i, removal->paths[i]);
        instance_preset_path(all, instance->profile->id,
                             removal->paths[LIMIT_LOG_FILES]);
        if (worker_submit(all->options.loop, remove_logs, on_removed,
                          removal) == 0)
            all->n_jobs++;
        else
            free(removal);
    }
    free_instance(instance);
    if (on_done != NULL)
        on_done(ctx);
}

void
instances_forget(struct instances *instances, const char *profile_id,
                 void (*on_done)(void *ctx), void *ctx)
{
    struct instance *instance = instance_find(instances, profile_id);
    if (instance == NULL) {
        if (on_done != NULL)
            on_done(ctx);
        return;
    }
    instance->is_forgetting = true;
    instance->on_forgotten = on_done;
    instance->forgotten_ctx = ctx;
    if (instance->state != INSTANCE_STOPPED)
        (void)instances_stop(instances, profile_id, false,
                             "its profile was deleted", NULL);
    instances_look(instances);
}

/* ---- waiting ---- */

struct instance_waiter *
instances_wait(struct instances *instances, const char *profile_id,
               void (*fn)(void *ctx, const struct instance_view *view),
               void *ctx)
{
    struct instance_waiter *waiter = calloc(1, sizeof *waiter);
    if (waiter == NULL)
        return NULL;
    waiter->all = instances;
    waiter->fn = fn;
    waiter->ctx = ctx;
    snprintf(waiter->profile_id, sizeof waiter->profile_id, "%s", profile_id);
    list_push_back(&instances->waiters, &waiter->node);
    instances_look(instances);
    return waiter;
}

void
instance_waiter_cancel(struct instance_waiter *waiter)
{
    list_remove(&waiter->node);
    free(waiter);
}

/* One at a time, from the start: a callback may cancel or add others. */
static bool
tell_one(struct instances *instances)
{
    LIST_FOR(node, &instances->waiters)
    {
        struct instance_waiter *waiter =
            LIST_ENTRY(node, struct instance_waiter, node);
        const struct instance *instance =
            instance_find(instances, waiter->profile_id);
        if (instance != NULL && !is_settled(instance))
            continue;
        struct instance_view view = { .state = INSTANCE_STOPPED };
        if (instance != NULL)
            fill_view(instance, &view);
        list_remove(&waiter->node);
        waiter->fn(waiter->ctx, &view);
        free(waiter);
        return true;
    }
    return false;
}

static bool
forget_one(struct instances *instances)
{
    LIST_FOR(node, &instances->all)
    {
        struct instance *instance = LIST_ENTRY(node, struct instance, node);
        if (!instance->is_forgetting || instance_is_active(instance))
            continue;
        forget_now(instance);
        return true;
    }
    return false;
}

static bool
has_attaching(const struct instances *instances)
{
    LIST_FOR(node, &instances->all)
    {
        if (LIST_ENTRY(node, struct instance, node)->state ==
            INSTANCE_ATTACHING)
            return true;
    }
    return false;
}

static bool
has_active(const struct instances *instances)
{
    LIST_FOR(node, &instances->all)
    {
        if (instance_is_active(LIST_ENTRY(node, struct instance, node)))
            return true;
    }
    return false;
}

static void
look_at_shutdown(struct instances *instances)
{
    struct loop *loop = instances->options.loop;
    void (*on_done)(void *ctx) = instances->on_shutdown;
    if (on_done == NULL)
        return;
    bool is_late = loop_now_ms(loop) >= instances->shutdown_by_ms;
    if (!is_late && (has_active(instances) || instances->n_jobs > 0 ||
                     !list_is_empty(&instances->links)))
        return;
    instances->on_shutdown = NULL;
    timer_stop(&instances->shutdown_timer);
    on_done(instances->shutdown_ctx);
}

static void
on_settle(struct deferred *deferred)
{
    struct instances *instances =
        LIST_ENTRY(deferred, struct instances, settle);
    while (tell_one(instances) || forget_one(instances))
        continue;
    void (*on_attached)(void *ctx) = instances->on_attached;
    if (on_attached != NULL && !has_attaching(instances)) {
        instances->on_attached = NULL;
        on_attached(instances->attached_ctx);
    }
    look_at_shutdown(instances);
}

void
instances_look(struct instances *instances)
{
    if (!instances->is_freed)
        loop_defer(instances->options.loop, &instances->settle);
}

/* ---- the end ---- */

/* Links and keepers end without an event of ours: look again. */
static void
on_shutdown_timer(struct timer *timer)
{
    struct instances *instances =
        LIST_ENTRY(timer, struct instances, shutdown_timer);
    (void)timer_start(instances->options.loop, timer, 5);
    look_at_shutdown(instances);
}

void
instances_shutdown(struct instances *instances, void (*on_done)(void *ctx),
                   void *ctx)
{
    struct loop *loop = instances->options.loop;
    instances->is_shutting_down = true;
    instances->on_shutdown = on_done;
    instances->shutdown_ctx = ctx;
    instances->shutdown_by_ms = loop_now_ms(loop) + SHUTDOWN_MAX_MS;
    instances_sample_end(instances);
    LIST_FOR_SAFE(node, &instances->all)
    {
        struct instance *instance = LIST_ENTRY(node, struct instance, node);
        if (!instances->options.keep_engines)
            (void)instances_stop(instances, instance->profile->id, false,
                                 "hearth is shutting down", NULL);
        else
            free_instance(instance); /* the keeper goes on with its engine */
    }
    timer_init(&instances->shutdown_timer, on_shutdown_timer);
    (void)timer_start(loop, &instances->shutdown_timer, 0);
}
