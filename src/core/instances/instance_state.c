/* The life of an instance, and its one setter.
 *
 *                  +---------+   user, router, auto start, timer
 *      +---------->| STOPPED |<--------------------------+
 *      |           +----+----+                           |
 *      |                | start        +---------+       | user
 *      |                v        +---->| BACKOFF |-------+
 *      |          +----------+   |     +----+----+       |
 *      |          | STARTING |<--|----------+ timer      |
 *      |          +----+-----+   |                       |
 *      |  port answers,|         | policy                |
 *      |  and is ours  v         |                       |
 *      |          +---------+    |     +--------+        |
 *      |          | LOADING |    +-----| FAILED |--------+
 *      |          +----+----+          +--------+
 *      |  probe says 200|                   ^ exit, exec, load timeout,
 *      |               v                    | hung: from every state that
 *      |          +---------+  <-> UNHEALTHY| has a process
 *      |          |  READY  |---------------+
 *      |          +----+----+
 *      |        drain  | ^ undrain
 *      |               v |
 *      |          +----------+
 *      |          | DRAINING |
 *      |          +----+-----+
 *      |               v  stop (from every state that has a process)
 *      |          +----------+
 *      +----------| STOPPING |
 *  reaped and     +----------+
 *  the port free
 *
 * ATTACHING, after a restart of hearth, leads to what the keeper says: READY,
 * LOADING, FAILED or STOPPED. The table itself is in records/instance.c.
 *
 * What holds in which state:
 *   - a link to a keeper: ATTACHING, STARTING (once it is launched), LOADING,
 *     READY, UNHEALTHY, DRAINING, STOPPING;
 *   - the load timer: STARTING, LOADING (and ATTACHING);
 *   - probes: STARTING to UNHEALTHY, not DRAINING and STOPPING;
 *   - the retry timer: BACKOFF only; the stable timer: READY, DRAINING.
 * The setter takes away what the new state may not hold, so that no path
 * through the machine can forget it; it publishes last, because a listener
 * may ask for the next change at once. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/instances/instances_internal.h"

#define IN(name) STATE_BIT(INSTANCE_##name)

static bool
is_among(enum instance_state state, uint32_t states)
{
    return (STATE_BIT(state) & states) != 0;
}

/* Takes away what the state may not hold. */
static void
undo(struct instance *instance, enum instance_state state)
{
    if (!is_among(state, IN(STARTING) | IN(LOADING) | IN(ATTACHING)))
        timer_stop(&instance->load_timer);
    if (!is_among(state, IN(STARTING) | IN(LOADING) | IN(ATTACHING) |
                             IN(READY) | IN(UNHEALTHY)))
        instance_probe_end(instance);
    if (!is_among(state, IN(BACKOFF))) {
        timer_stop(&instance->retry_timer);
        instance->backoff_until_ms = 0;
    }
    if (!is_among(state, IN(READY) | IN(DRAINING)))
        timer_stop(&instance->stable_timer);
    if (!is_among(state, IN(STOPPING))) {
        timer_stop(&instance->stop_timer);
        timer_stop(&instance->port_timer);
    }
    if (is_among(state, IN(STOPPED) | IN(FAILED) | IN(BACKOFF))) {
        instance->ready_at_ms = 0;
        instance->rss_bytes = -1;
        instance->n_threads = -1;
        instance->cpu_percent = 0;
        instance->cpu_ms = -1;
    }
}

__attribute__((format(printf, 2, 0))) static void
set_reason(struct instance *instance, const char *format, va_list args)
{
    vsnprintf(instance->reason, sizeof instance->reason, format, args);
}

static void
note_change(struct instance *instance, enum instance_state state)
{
    struct instances_counts *counts = &instance->all->counts;
    counts->n_failed += state == INSTANCE_FAILED;
    if (state != INSTANCE_READY ||
        !is_among(instance->state, IN(STARTING) | IN(LOADING)))
        return;
    int64_t took_ms = loop_wall_ms() - instance->started_at_ms;
    counts->n_loads++;
    counts->load_ms += took_ms > 0 ? (uint64_t)took_ms : 0;
}

void
instance_set_state(struct instance *instance, enum instance_state state,
                   const struct error *error, const char *format, ...)
{
    enum instance_state from = instance->state;
    assert(state_table_allows(instance_state_rows, (int)from, (int)state));
    assert(state != INSTANCE_FAILED || error != NULL);
    undo(instance, state);
    note_change(instance, state);
    instance->state = state;
    instance->state_since_ms = loop_wall_ms();
    if (error != NULL)
        instance->error = *error;
    else if (!is_among(state, IN(BACKOFF)))
        instance->error = (struct error){ .code = ERR_OK };
    if (error == NULL && !is_among(state, IN(BACKOFF)))
        instance->advice[0] = '\0';
    va_list args;
    va_start(args, format);
    set_reason(instance, format, args);
    va_end(args);
    instance_store(instance, NULL);
    instances_look(instance->all);

    char reason[sizeof instance->reason];
    snprintf(reason, sizeof reason, "%s", instance->reason);
    struct instance_change change = { .instance_id = instance->id,
                                      .profile_id = instance->profile->id,
                                      .from = from,
                                      .to = state,
                                      .reason = reason };
    struct events *events = instance->all->options.events;
    events_log(events, state == INSTANCE_FAILED ? LOG_WARN : LOG_INFO,
               "instances", "%s: %s -> %s (%s)", instance->profile->name,
               instance_state_name(from), instance_state_name(state), reason);
    events_publish(events, EVENT_INSTANCE_STATE, instance->profile->id,
                   &change);
}

/* ---- the row ---- */

struct stored {
    struct instances *instances;
    struct keeper_link *release;
};

static void
on_stored(void *ctx, const struct error *error)
{
    struct stored *stored = ctx;
    struct instances *instances = stored->instances;
    struct keeper_link *release = stored->release;
    free(stored);
    if (instances_job_done(instances))
        return;
    if (error != NULL)
        events_log(instances->options.events, LOG_ERROR, "instances",
                   "a change is not on record: %s", error->message);
    if (release != NULL)
        keeper_link_release(release);
    instances_look(instances);
}

static void
fill_row(const struct instance *instance, struct instance_row *row)
{
    *row = (struct instance_row){ .state = instance->state,
                                  .port = instance->address.port,
                                  .keeper = instance->keeper,
                                  .engine = instance->engine,
                                  .started_at_ms = instance->started_at_ms };
    snprintf(row->id, sizeof row->id, "%s", instance->id);
    snprintf(row->profile_id, sizeof row->profile_id, "%s",
             instance->profile->id);
    snprintf(row->node, sizeof row->node, "%s", instance->profile->node);
    snprintf(row->socket_path, sizeof row->socket_path, "%s",
             instance->socket_path);
    snprintf(row->api_key, sizeof row->api_key, "%s", instance->api_key);
}

void
instance_store(struct instance *instance, struct keeper_link *release)
{
    struct instances *instances = instance->all;
    struct instance_row row;
    struct stored *stored = calloc(1, sizeof *stored);
    if (stored == NULL) {
        if (release != NULL)
            keeper_link_release(release);
        return;
    }
    *stored = (struct stored){ .instances = instances, .release = release };
    fill_row(instance, &row);
    instances->n_jobs++;
    store_put_instance(instances->options.store, &row, on_stored, stored);
}
