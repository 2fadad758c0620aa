/* What the keeper says, and what follows from it. */
#include <stdio.h>
#include <string.h>

#include "core/instances/instances_internal.h"

static void
publish_line(void *ctx, uint64_t seq, struct str line)
{
    struct instance *instance = ctx;
    struct instance_line event = { .profile_id = instance->profile->id,
                                   .seq = seq,
                                   .text = line.p == NULL ? "" : line.p,
                                   .n = line.n };
    events_publish(instance->all->options.events, EVENT_INSTANCE_LOG,
                   instance->profile->id, &event);
}

static void
on_log(void *ctx, uint64_t position, struct str bytes)
{
    struct instance *instance = ctx;
    instance_log_feed(&instance->log, position, bytes, publish_line, instance);
}

static void
take_identities(struct instance *instance, const struct keeper_status *status)
{
    instance->engine.pid = status->engine_pid;
    instance->engine.start_ticks = status->engine_ticks;
    instance->keeper.pid = status->keeper_pid;
    instance->keeper.start_ticks = status->keeper_ticks;
    memcpy(instance->engine.boot_id, instance->all->boot_id,
           sizeof instance->engine.boot_id);
    memcpy(instance->keeper.boot_id, instance->all->boot_id,
           sizeof instance->keeper.boot_id);
    instance->started_at_ms = status->started_at_ms;
}

static void
on_running(struct instance *instance, const struct keeper_status *status)
{
    bool is_news = instance->engine.pid != status->engine_pid ||
                   instance->state == INSTANCE_ATTACHING;
    take_identities(instance, status);
    if (!is_news || instance->state == INSTANCE_STOPPING)
        return;
    instance_store(instance, NULL);
    instances_sample_begin(instance->all);
    instance_probe_begin(instance);
}

static void
on_status(void *ctx, const struct keeper_status *status)
{
    struct instance *instance = ctx;
    switch ((enum keeper_phase)status->phase) {
    case KEEPER_RUNNING: on_running(instance, status); break;
    case KEEPER_EXITED:
        take_identities(instance, status);
        instance_log_end(&instance->log, publish_line, instance);
        instance_exited(instance, status);
        break;
    case KEEPER_EXEC_FAILED: instance_exec_failed(instance, status); break;
    default: break;
    }
}

/* The keeper is gone and took the exit status along. Its engine dies with
 * it where the system can do that; where not, the identity on record tells
 * whether the process is still that one. */
static void
on_lost(void *ctx, bool was_connected, const char *why)
{
    struct instance *instance = ctx;
    struct error error;
    instance->link = NULL;
    (void)process_signal_group(instance->engine.pid,
                               instance->engine.start_ticks,
                               instance->engine.boot_id, SIGNUM_KILL);
    error_set(&error, ERR_ENGINE_LOST, "the engine was lost: %s", why);
    if (instance->state == INSTANCE_STOPPING) {
        instance->stop = STOP_FORCED;
        instance_set_state(instance, INSTANCE_STOPPED, NULL, "%s", why);
        return;
    }
    if (!instance_is_active(instance)) /* it could not be stopped before */
        return;
    if (!was_connected && instance->state == INSTANCE_STARTING)
        error_set(&error, ERR_ENGINE_LOST,
                  "the keeper could not be reached: %s", why);
    instance_fail(instance, &error, "");
}

const struct keeper_link_ops instance_link_ops = {
    .on_status = on_status,
    .on_log = on_log,
    .on_lost = on_lost,
};

void
instance_drop_link(struct instance *instance)
{
    if (instance->link != NULL)
        keeper_link_close(instance->link);
    instance->link = NULL;
}
