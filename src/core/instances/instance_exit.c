/* Stopping, ending, and what follows from an end.
 *
 * How a process ended decides whether it failed: an exit that nobody asked
 * for is a failure, exit code 0 included. Its log only explains. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/instances/instances_internal.h"
#include "platform/net.h"

enum {
    TAIL_LINES = 60,
    TAIL_BYTES = 16 * 1024,
    STOP_SLACK_MS = 10 * SECOND_MS,
    PORT_LOOK_MS = 20,
    PORT_MAX_MS = 1000,
};

/* ---- explaining ---- */

static void
add_line(void *ctx, uint64_t seq, struct str line)
{
    struct strbuf *tail = ctx;
    (void)seq;
    if (tail->n + line.n + 1 > TAIL_BYTES)
        strbuf_clear(tail); /* the newest matter */
    strbuf_add_str(tail, line);
    strbuf_add_byte(tail, '\n');
}

/* The last line that says something. */
static struct str
last_line(struct str tail)
{
    struct str found = { "", 0 };
    struct str rest = tail;
    while (rest.p != NULL) {
        struct str line = str_trim(str_split(&rest, '\n'));
        if (line.n > 0)
            found = line;
    }
    if (found.n > 200)
        found.n = 200;
    return found;
}

static void
describe_end(const struct keeper_status *status, char *to, size_t size)
{
    if (status->exit_signal != 0)
        snprintf(to, size, "the engine was ended by signal %d (%s)",
                 (int)status->exit_signal, strsignal((int)status->exit_signal));
    else if (status->exit_code == 0)
        snprintf(to, size,
                 "the engine exited by itself with code 0, though nobody "
                 "asked it to");
    else
        snprintf(to, size, "the engine exited with code %d",
                 (int)status->exit_code);
}

static void
explain_exit(struct instance *instance, const struct keeper_status *status,
             struct error *ret_error)
{
    char end[160];
    struct strbuf tail = STRBUF_INIT(TAIL_BYTES);
    instance_log_tail(&instance->log, TAIL_LINES, add_line, &tail);
    struct str text = strbuf_view(&tail);
    const struct log_pattern *known = engine_explain(instance->manifest, text);
    struct str last = last_line(text);
    describe_end(status, end, sizeof end);
    if (last.n > 0)
        error_set(ret_error, ERR_ENGINE_EXITED, "%s; its last words: %.*s", end,
                  STR_ARG(last));
    else
        error_set(ret_error, ERR_ENGINE_EXITED, "%s and wrote nothing", end);
    const char *advice = "";
    if (known != NULL) {
        ret_error->code = known->code;
        advice = known->advice;
    } else if (status->exit_signal == SIGNUM_KILL) {
        advice = "Something else ended it: the system does so when memory "
                 "runs out.";
    }
    snprintf(instance->advice, sizeof instance->advice, "%s", advice);
    strbuf_release(&tail);
}

/* ---- failing ---- */

/* Trying again would find the same. */
static bool
is_lasting(enum error_code code)
{
    return code == ERR_ENGINE_BINARY_MISSING ||
           code == ERR_ENGINE_UNKNOWN_OPTION ||
           code == ERR_ENGINE_MODEL_MISSING || code == ERR_ENGINE_MODEL_BAD ||
           code == ERR_ENGINE_GATED_MODEL || code == ERR_INVALID;
}

static bool
may_retry(const struct instance *instance)
{
    if (instance->all->is_shutting_down || instance->is_forgetting ||
        instance->link != NULL)
        return false;
    switch (instance->profile->restart_policy) {
    case RESTART_NEVER: return false;
    case RESTART_ON_FAILURE: return !is_lasting(instance->error.code);
    case RESTART_ALWAYS: return true;
    }
    return false;
}

static void
start_or_fail(struct instance *instance, struct profile *profile,
              const char *reason)
{
    struct error error = { .code = ERR_OK };
    if (instance_start(instance, profile, reason, &error) == 0)
        return;
    instance_set_state(instance, INSTANCE_STARTING, NULL, "%s", reason);
    if (instance->state == INSTANCE_STARTING)
        instance_fail(instance, &error, "");
}

static void
on_retry(struct timer *timer)
{
    struct instance *instance = LIST_ENTRY(timer, struct instance, retry_timer);
    if (instance->state != INSTANCE_BACKOFF)
        return;
    instance->n_restarts++;
    struct profile *profile = profile_ref(instance->profile);
    start_or_fail(instance, profile, "trying again after a failure");
    profile_unref(profile);
}

static int64_t
backoff_ms(const struct instance *instance)
{
    const struct instances_options *options = &instance->all->options;
    int64_t wait_ms = options->backoff_min_ms;
    for (int i = 1; i < instance->n_failures; i++) {
        wait_ms *= 2;
        if (wait_ms >= options->backoff_max_ms)
            return options->backoff_max_ms;
    }
    return wait_ms;
}

void
instance_fail(struct instance *instance, const struct error *error,
              const char *advice)
{
    struct error kept = *error; /* may be a part of the instance */
    char kept_advice[sizeof instance->advice];
    snprintf(kept_advice, sizeof kept_advice, "%s", advice);
    memcpy(instance->advice, kept_advice, sizeof kept_advice);
    instance->n_failures++;
    uint64_t run = instance->run;
    instance_set_state(instance, INSTANCE_FAILED, &kept, "%s", kept.message);
    if (instance->state != INSTANCE_FAILED || instance->run != run ||
        !may_retry(instance))
        return;
    int64_t wait_ms = backoff_ms(instance);
    timer_init(&instance->retry_timer, on_retry);
    if (timer_start(instance->all->options.loop, &instance->retry_timer,
                    wait_ms) != 0)
        return;
    instance->backoff_until_ms = loop_wall_ms() + wait_ms;
    instance_set_state(instance, INSTANCE_BACKOFF, NULL, "next try in %lld ms",
                       (long long)wait_ms);
}

static void
on_stable(struct timer *timer)
{
    struct instance *instance =
        LIST_ENTRY(timer, struct instance, stable_timer);
    instance->n_failures = 0;
}

void
instance_become_stable(struct instance *instance)
{
    timer_init(&instance->stable_timer, on_stable);
    (void)timer_start(instance->all->options.loop, &instance->stable_timer,
                      instance->all->options.stable_ms);
}

/* ---- the end of a stop ---- */

static void
finish_stop(struct instance *instance, const char *note)
{
    struct error error = instance->stop_error;
    instance->stop_error = (struct error){ .code = ERR_OK };
    if (error.code != ERR_OK) {
        char advice[sizeof instance->advice];
        memcpy(advice, instance->advice, sizeof advice);
        instance_fail(instance, &error, advice);
        return;
    }
    instance->n_failures = 0;
    instance_set_state(instance, INSTANCE_STOPPED, NULL, "stopped, %s%s",
                       stop_kind_name(instance->stop), note);
    struct profile *next = instance->next;
    if (next == NULL || instance->state != INSTANCE_STOPPED)
        return;
    instance->next = NULL;
    start_or_fail(instance, next, "restart");
    profile_unref(next);
}

static void
on_port_look(struct timer *timer)
{
    struct instance *instance = LIST_ENTRY(timer, struct instance, port_timer);
    struct loop *loop = instance->all->options.loop;
    const struct address *at = &instance->address;
    if (net_port_is_free(at->host, at->port))
        finish_stop(instance, "");
    else if (loop_now_ms(loop) >= instance->port_by_ms)
        finish_stop(instance, "; another process has the port now");
    else
        (void)timer_start(loop, timer, PORT_LOOK_MS);
}

/* The process is gone; a moment later the port is free as well. */
static void
wait_port(struct instance *instance)
{
    struct loop *loop = instance->all->options.loop;
    timer_stop(&instance->stop_timer);
    instance->port_by_ms = loop_now_ms(loop) + PORT_MAX_MS;
    timer_init(&instance->port_timer, on_port_look);
    on_port_look(&instance->port_timer);
}

/* ---- the process has ended ---- */

static void
take_exit(struct instance *instance, const struct keeper_status *status)
{
    instance->exit = (struct instance_exit){
        .has_exited = true,
        .exit_code = (int)status->exit_code,
        .exit_signal = (int)status->exit_signal,
    };
    instance->stop = status->stop_kind == KEEPER_FORCED     ? STOP_FORCED
                     : status->stop_kind == KEEPER_GRACEFUL ? STOP_GRACEFUL
                                                            : STOP_NONE;
    instance->engine.pid = 0;
}

void
instance_exited(struct instance *instance, const struct keeper_status *status)
{
    struct keeper_link *link = instance->link;
    struct error error;
    instance->link = NULL;
    take_exit(instance, status);
    if (link != NULL)
        keeper_link_detach(link);
    if (instance->state == INSTANCE_STOPPING) {
        if (instance->stop == STOP_NONE) /* it went before it was told */
            instance->stop = STOP_GRACEFUL;
        wait_port(instance);
    } else if (instance->state == INSTANCE_ATTACHING &&
               instance->stop != STOP_NONE) {
        instance_set_state(instance, INSTANCE_STOPPED, NULL, "%s",
                           status->is_orphan_stop
                               ? "stopped by its keeper: hearth was away"
                               : "stopped while hearth was away");
    } else if (instance_is_active(instance)) {
        explain_exit(instance, status, &error);
        char advice[sizeof instance->advice];
        memcpy(advice, instance->advice, sizeof advice);
        instance_fail(instance, &error, advice);
    }
    /* On record first: the keeper holds the status until then. */
    if (link != NULL)
        instance_store(instance, link);
}

void
instance_exec_failed(struct instance *instance,
                     const struct keeper_status *status)
{
    struct keeper_link *link = instance->link;
    int errnum = (int)status->exec_errno;
    struct error error;
    bool is_missing = errnum == ENOENT || errnum == EACCES ||
                      errnum == ENOEXEC || errnum == ENOTDIR;
    instance->link = NULL;
    instance->engine.pid = 0;
    if (link != NULL)
        keeper_link_release(link);
    error_set(&error,
              is_missing ? ERR_ENGINE_BINARY_MISSING : ERR_ENGINE_EXITED,
              "the engine's program cannot be run: %s", strerror(errnum));
    if (instance->state == INSTANCE_STOPPING)
        finish_stop(instance, "");
    else if (instance_is_active(instance))
        instance_fail(instance, &error,
                      is_missing ? instance->manifest->install_hint : "");
}

/* ---- beginning a stop ---- */

static void
on_stop_timeout(struct timer *timer)
{
    struct instance *instance = LIST_ENTRY(timer, struct instance, stop_timer);
    struct error error;
    error_set(&error, ERR_INTERNAL,
              "process %lld cannot be stopped: it does not end although it "
              "was killed",
              (long long)instance->engine.pid);
    instance_fail(instance, &error,
                  "It waits inside the system, mostly for a disk or a GPU "
                  "driver; it is gone when that wait is over.");
}

static int64_t
stop_budget_ms(const struct engine_manifest *manifest)
{
    int64_t budget_ms = STOP_SLACK_MS;
    for (size_t i = 0; i < manifest->n_stop; i++)
        budget_ms += manifest->stop[i].wait_ms;
    return budget_ms;
}

void
instance_begin_stop(struct instance *instance, bool is_forced,
                    const struct error *error, const char *reason)
{
    struct error kept = { .code = ERR_OK };
    if (error != NULL)
        kept = *error;
    instance_set_state(instance, INSTANCE_STOPPING, error, "%s", reason);
    if (instance->state != INSTANCE_STOPPING)
        return;
    instance->stop_error = kept;
    if (instance->link == NULL) { /* it had not come to a process yet */
        instance->run++;
        instance->stop = STOP_GRACEFUL;
        finish_stop(instance, "");
        return;
    }
    timer_init(&instance->stop_timer, on_stop_timeout);
    (void)timer_start(instance->all->options.loop, &instance->stop_timer,
                      stop_budget_ms(instance->manifest));
    (void)keeper_link_stop(instance->link, is_forced);
}
