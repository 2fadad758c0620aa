/* Is it up, is it ready, is it well?
 *
 * Readiness: the engine's own path is asked at once, then after pauses of an
 * eighth of the time waited so far (1 to 250 ms). So it is noticed an eighth
 * late at most, where doubling pauses could double the wait. That something
 * answers on the port proves nothing: the listener must belong to the
 * engine's process group first. Then 200 is READY and anything else LOADING.
 *
 * Health: the same path at an interval. It may lie, so now and then a small
 * real request is sent, but only while nobody else uses the engine: a busy
 * engine is slow, not hung. Several failures in a row make it UNHEALTHY, and
 * the restart policy says what follows. */
#include <stdio.h>
#include <stdlib.h>

#include "core/instances/instances_internal.h"
#include "io/worker.h"
#include "platform/net.h"

enum {
    PAUSE_MIN_MS = 1,
    PAUSE_MAX_MS = 250,
    PAUSE_SHARE = 8, /* of the time waited */
    READY_TIMEOUT_MS = 2000,
    ANSWER_BYTES = 1024 * 1024,
    PROBE_FAILURES = 2, /* real requests in a row */
};

static void on_answer(void *ctx, const struct http_fetch_result *result);

static bool
is_waiting(const struct instance *instance)
{
    return instance->state == INSTANCE_STARTING ||
           instance->state == INSTANCE_LOADING ||
           instance->state == INSTANCE_ATTACHING;
}

static bool
is_watched(const struct instance *instance)
{
    return instance->state == INSTANCE_READY ||
           instance->state == INSTANCE_UNHEALTHY;
}

static int64_t
ready_pause_ms(const struct instance *instance)
{
    int64_t pause_ms =
        (loop_now_ms(instance->all->options.loop) - instance->probe_begun_ms) /
        PAUSE_SHARE;
    if (pause_ms < PAUSE_MIN_MS)
        return PAUSE_MIN_MS;
    return pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause_ms;
}

static void
probe_later(struct instance *instance)
{
    (void)timer_start(instance->all->options.loop, &instance->probe_timer,
                      is_waiting(instance)
                          ? ready_pause_ms(instance)
                          : instance->all->options.health_interval_ms);
}

/* ---- asking ---- */

static void
fetch(struct instance *instance, struct str method, struct str target,
      struct str body, int64_t timeout_ms)
{
    char bearer[sizeof instance->api_key + 8];
    struct http_header headers[2];
    struct http_headers all = { headers, 0 };
    if (instance->api_key[0] != '\0') {
        snprintf(bearer, sizeof bearer, "Bearer %s", instance->api_key);
        headers[all.n++] =
            (struct http_header){ STR("Authorization"), str_from(bearer) };
    }
    if (body.n > 0)
        headers[all.n++] = (struct http_header){ STR("Content-Type"),
                                                 STR("application/json") };
    struct http_fetch_options options = {
        .method = method,
        .target = target,
        .headers = all,
        .body = body,
        .max_answer_bytes = ANSWER_BYTES,
        .timeout_ms = timeout_ms,
    };
    instance->call =
        http_fetch(instance->pool, &options, on_answer, instance, NULL);
    if (instance->call == NULL)
        probe_later(instance);
}

static void
ask_ready_path(struct instance *instance)
{
    instance->is_real_probe = false;
    fetch(instance, STR("GET"), str_from(instance->ready_path),
          (struct str){ "", 0 },
          is_waiting(instance) ? READY_TIMEOUT_MS
                               : instance->all->options.health_timeout_ms);
}

static bool
wants_real_probe(const struct instance *instance)
{
    const struct engine_manifest *manifest = instance->manifest;
    return instance->n_leases == 0 && manifest->probe_path != NULL &&
           manifest->probe_path[0] != '\0' &&
           loop_now_ms(instance->all->options.loop) >=
               instance->real_probe_at_ms;
}

static void
ask_really(struct instance *instance)
{
    const struct engine_manifest *manifest = instance->manifest;
    instance->is_real_probe = true;
    instance->real_probe_at_ms = loop_now_ms(instance->all->options.loop) +
                                 instance->all->options.probe_interval_ms;
    fetch(instance,
          manifest->probe_method == NULL ? STR("GET")
                                         : str_from(manifest->probe_method),
          str_from(manifest->probe_path),
          manifest->probe_body == NULL ? (struct str){ "", 0 }
                                       : str_from(manifest->probe_body),
          instance->all->options.probe_timeout_ms);
}

static void
on_probe_timer(struct timer *timer)
{
    struct instance *instance = LIST_ENTRY(timer, struct instance, probe_timer);
    if (instance->call == NULL &&
        (is_waiting(instance) || is_watched(instance)))
        ask_ready_path(instance);
}

void
instance_probe_now(struct instance *instance)
{
    if (is_watched(instance) && instance->call == NULL)
        (void)timer_start(instance->all->options.loop, &instance->probe_timer,
                          0);
}

/* ---- health ---- */

/* No answer is a failure, and so is an engine that says that it broke. Others
 * are answers: the request may not suit this model (4xx), the engine may not
 * serve the path (501) or be busy (503). */
static bool
is_failed_request(int status)
{
    return status == 0 || status == 500 || status == 502 || status == 504;
}

static void
become_unhealthy(struct instance *instance, const char *why)
{
    struct error error;
    error_set(&error, ERR_ENGINE_UNHEALTHY, "the engine runs but %s", why);
    if (instance->state == INSTANCE_READY)
        instance_set_state(instance, INSTANCE_UNHEALTHY, &error, "%s", why);
    if (instance->state != INSTANCE_UNHEALTHY)
        return;
    if (instance->profile->restart_policy == RESTART_NEVER) {
        probe_later(instance);
        return;
    }
    instance_begin_stop(instance, false, &error, "unhealthy");
}

static void
on_real_answer(struct instance *instance, int status)
{
    bool has_failed = is_failed_request(status);
    instance->n_probe_failures =
        has_failed ? instance->n_probe_failures + 1 : 0;
    if (instance->n_probe_failures >= PROBE_FAILURES) {
        become_unhealthy(instance, status == 0 ? "does not answer requests"
                                               : "fails every request");
        return;
    }
    if (has_failed)
        instance->real_probe_at_ms = 0; /* again at the next turn of it */
    else if (instance->state == INSTANCE_UNHEALTHY)
        instance_set_state(instance, INSTANCE_READY, NULL, "it answers again");
    if (is_watched(instance))
        probe_later(instance);
}

static void
on_health_answer(struct instance *instance, int status)
{
    bool is_well = status >= 200 && status < 300;
    if (is_well)
        instance->n_health_failures = 0;
    else if (instance->n_leases == 0 || status != 0)
        instance->n_health_failures++;
    if (instance->n_health_failures >= instance->all->options.health_failures) {
        become_unhealthy(instance, "does not answer its health check");
        return;
    }
    if (is_well && instance->state == INSTANCE_UNHEALTHY &&
        instance->n_probe_failures == 0)
        instance_set_state(instance, INSTANCE_READY, NULL, "it answers again");
    if (is_well && is_watched(instance) && wants_real_probe(instance))
        ask_really(instance);
    else if (is_watched(instance))
        probe_later(instance);
}

void
instance_health_begin(struct instance *instance)
{
    instance->n_health_failures = 0;
    instance->n_probe_failures = 0;
    instance->real_probe_at_ms = loop_now_ms(instance->all->options.loop) +
                                 instance->all->options.probe_interval_ms;
    if (instance->call == NULL)
        probe_later(instance);
}

void
instance_leases_changed(struct instance *instance)
{
    if (instance->n_leases == 0 || !instance->is_real_probe ||
        instance->call == NULL)
        return;
    http_call_cancel(instance->call);
    instance->call = NULL;
    if (is_watched(instance))
        probe_later(instance);
}

/* ---- readiness ---- */

static void
advance(struct instance *instance)
{
    bool is_ready = instance->last_status >= 200 && instance->last_status < 300;
    if (instance->state == INSTANCE_STARTING)
        instance_set_state(instance, INSTANCE_LOADING, NULL, "port %d answers",
                           instance->address.port);
    else if (instance->state == INSTANCE_ATTACHING && !is_ready)
        instance_set_state(instance, INSTANCE_LOADING, NULL, "attached");
    if (!is_waiting(instance))
        return;
    if (!is_ready) {
        probe_later(instance);
        return;
    }
    instance->ready_at_ms = loop_wall_ms();
    bool is_attached = instance->state == INSTANCE_ATTACHING;
    instance_set_state(instance, INSTANCE_READY, NULL, "%s",
                       is_attached ? "attached" : "ready");
    if (instance->state != INSTANCE_READY)
        return;
    instance_health_begin(instance);
    instance_become_stable(instance);
}

struct owner_question {
    struct instances *all;
    char profile_id[ID_BYTES];
    uint64_t run;
    int port;
    int64_t group;
    struct listener_owner owner;
    enum listener_owner_kind kind;
};

static void
ask_owner(void *arg)
{
    struct owner_question *question = arg;
    question->kind =
        net_listener_owner(question->port, question->group, &question->owner);
}

static void
refuse_stranger(struct instance *instance, const struct listener_owner *owner)
{
    struct error error;
    if (owner->pid != 0)
        error_set(&error, ERR_ENGINE_PORT_IN_USE,
                  "port %d is answered by process %lld (%s), not by the "
                  "engine",
                  instance->address.port, (long long)owner->pid,
                  owner->command);
    else
        error_set(&error, ERR_ENGINE_PORT_IN_USE,
                  "port %d is answered by another process, not by the engine",
                  instance->address.port);
    instance_begin_stop(instance, false, &error,
                        "another process has its port");
}

static void
take_owner(struct instance *instance, const struct owner_question *question)
{
    instance->is_owner_asked = false;
    switch (question->kind) {
    case LISTENER_OURS:
    case LISTENER_UNKNOWN:
        instance->is_owner_known = true;
        advance(instance);
        break;
    case LISTENER_FOREIGN: refuse_stranger(instance, &question->owner); break;
    case LISTENER_NONE: probe_later(instance); break;
    }
}

static void
on_owner(void *arg)
{
    struct owner_question *question = arg;
    struct instances *all = question->all;
    if (!instances_job_done(all)) {
        struct instance *instance = instance_find(all, question->profile_id);
        if (instance != NULL && instance->run == question->run &&
            is_waiting(instance))
            take_owner(instance, question);
        instances_look(all);
    }
    free(question);
}

static void
find_owner(struct instance *instance)
{
    struct owner_question *question = calloc(1, sizeof *question);
    if (question != NULL) {
        question->all = instance->all;
        question->run = instance->run;
        question->port = instance->address.port;
        question->group = instance->engine.pid;
        snprintf(question->profile_id, sizeof question->profile_id, "%s",
                 instance->profile->id);
        if (worker_submit(instance->all->options.loop, ask_owner, on_owner,
                          question) == 0) {
            instance->is_owner_asked = true;
            instance->all->n_jobs++;
            return;
        }
    }
    free(question);
    probe_later(instance);
}

/* Nobody says that one which runs elsewhere is on its way. */
static void
miss_external(struct instance *instance)
{
    struct error error;
    error_set(&error, ERR_UNAVAILABLE, "nothing answers at %s port %d",
              instance->address.host, instance->address.port);
    instance_fail(instance, &error,
                  "Start the server there, or correct host and port.");
}

static void
on_ready_answer(struct instance *instance, int status)
{
    if (status == 0 && instance->manifest->is_external) {
        miss_external(instance);
        return;
    }
    if (status == 0) {
        /* One that is attached and does not answer yet is loading. */
        if (instance->state == INSTANCE_ATTACHING)
            instance_set_state(instance, INSTANCE_LOADING, NULL, "attached");
        if (is_waiting(instance))
            probe_later(instance);
        return;
    }
    instance->last_status = status;
    if (instance->is_owner_known || instance->manifest->skips_listener_check)
        advance(instance);
    else if (!instance->is_owner_asked)
        find_owner(instance);
}

static void
on_answer(void *ctx, const struct http_fetch_result *result)
{
    struct instance *instance = ctx;
    bool was_real = instance->is_real_probe;
    instance->call = NULL;
    instance->is_real_probe = false;
    if (is_waiting(instance))
        on_ready_answer(instance, result->status);
    else if (is_watched(instance) && was_real)
        on_real_answer(instance, result->status);
    else if (is_watched(instance))
        on_health_answer(instance, result->status);
}

/* ---- begin and end ---- */

static void
on_load_timeout(struct timer *timer)
{
    struct instance *instance = LIST_ENTRY(timer, struct instance, load_timer);
    struct error error;
    error_set(&error, ERR_ENGINE_LOAD_TIMEOUT,
              "not ready within %lld s (load_timeout_s)",
              (long long)instance->profile->load_timeout_s);
    if (instance->state == INSTANCE_ATTACHING)
        instance_set_state(instance, INSTANCE_LOADING, NULL, "attached");
    if (is_waiting(instance))
        instance_begin_stop(instance, false, &error, "load timeout");
}

void
instance_probe_begin(struct instance *instance)
{
    struct loop *loop = instance->all->options.loop;
    instance_probe_end(instance);
    instance->pool = http_pool_new(loop, &instance->address);
    instance->probe_begun_ms = loop_now_ms(loop);
    instance->is_owner_known = false;
    instance->is_owner_asked = false;
    instance->last_status = 0;
    timer_init(&instance->probe_timer, on_probe_timer);
    timer_init(&instance->load_timer, on_load_timeout);
    (void)timer_start(loop, &instance->load_timer,
                      instance->profile->load_timeout_s * SECOND_MS);
    if (instance->pool != NULL)
        ask_ready_path(instance);
}

void
instance_probe_end(struct instance *instance)
{
    timer_stop(&instance->probe_timer);
    if (instance->call != NULL)
        http_call_cancel(instance->call);
    instance->call = NULL;
    instance->is_real_probe = false;
    http_pool_free(instance->pool);
    instance->pool = NULL;
}
