/* After a restart of hearth: back to the engines that its rows tell of.
 *
 * Each row names the socket of a keeper. If that answers, the engine is the
 * very one, and what the keeper says goes. If nobody answers, the keeper may
 * have left its last status in a file beside the socket. If there is none
 * either, the engine is looked for by its identity; a process that merely
 * has its number is left alone. */
#include <stdio.h>
#include <string.h>

#include "core/instances/instances_internal.h"
#include "platform/file.h"
#include "platform/net.h"

static bool
may_have_process(enum instance_state state)
{
    return state != INSTANCE_STOPPED && state != INSTANCE_FAILED &&
           state != INSTANCE_BACKOFF;
}

static void
take_row(struct instance *instance, const struct instance_row *row)
{
    snprintf(instance->id, sizeof instance->id, "%s", row->id);
    snprintf(instance->socket_path, sizeof instance->socket_path, "%.*s",
             (int)sizeof instance->socket_path - 1, row->socket_path);
    snprintf(instance->api_key, sizeof instance->api_key, "%s", row->api_key);
    instance->keeper = row->keeper;
    instance->engine = row->engine;
    instance->started_at_ms = row->started_at_ms;
    instance->is_row_stopping = row->state == INSTANCE_STOPPING;
}

/* ---- nobody answers ---- */

/* The last status that the keeper left behind: 0 when there is one. */
static int
read_left_status(const struct instance *instance,
                 struct keeper_status *ret_status)
{
    char path[SOCKET_PATH_BYTES + 8];
    struct strbuf bytes = STRBUF_INIT(KEEPER_ANSWER_BYTES);
    struct keeper_header header;
    struct str body;
    int failed = -1;
    snprintf(path, sizeof path, "%s.exit", instance->socket_path);
    if (file_read(path, &bytes, NULL) == 0 &&
        keeper_frame_next(strbuf_view(&bytes), KEEPER_ANSWER_BYTES, &header,
                          &body) > 0 &&
        header.type == KEEPER_STATUS &&
        keeper_status_read(body, ret_status, NULL) == 0 &&
        strcmp(ret_status->instance_id, instance->id) == 0)
        failed = 0;
    strbuf_release(&bytes);
    if (failed == 0)
        (void)remove(path);
    return failed;
}

static void
give_up(struct instance *instance)
{
    struct keeper_status status;
    struct error error;
    const struct process_identity engine = instance->engine;
    if (read_left_status(instance, &status) == 0) {
        if (status.phase == KEEPER_EXEC_FAILED)
            instance_exec_failed(instance, &status);
        else
            instance_exited(instance, &status);
        return;
    }
    (void)remove(instance->socket_path);
    instance->engine.pid = 0;
    if (strcmp(engine.boot_id, instance->all->boot_id) != 0) {
        instance_set_state(instance, INSTANCE_STOPPED, NULL,
                           "the machine was restarted");
        return;
    }
    bool was_alive = process_signal_group(engine.pid, engine.start_ticks,
                                          engine.boot_id, SIGNUM_KILL) == 0;
    error_set(&error, ERR_ENGINE_LOST,
              was_alive ? "its keeper is gone: the engine was ended"
                        : "the engine and its keeper ended while hearth was "
                          "away; how is not known");
    instance_fail(instance, &error, "");
}

static void
on_lost(void *ctx, bool was_connected, const char *why)
{
    struct instance *instance = ctx;
    (void)was_connected;
    (void)why;
    instance->link = NULL;
    give_up(instance);
}

/* ---- the keeper answers ---- */

static void
on_status(void *ctx, const struct keeper_status *status)
{
    struct instance *instance = ctx;
    instance->link->ops = &instance_link_ops;
    bool is_wanted = !instance->is_stop_wanted && !instance->is_row_stopping;
    if (status->phase == KEEPER_RUNNING && !is_wanted) {
        instance->engine.pid = status->engine_pid;
        instance->engine.start_ticks = status->engine_ticks;
        instance_set_state(instance, INSTANCE_LOADING, NULL, "attached");
        if (instance->state == INSTANCE_LOADING)
            instance_begin_stop(instance, false, NULL,
                                instance->is_row_stopping
                                    ? "the stop goes on"
                                    : "nothing is to run here any more");
        return;
    }
    instance_link_ops.on_status(instance, status);
}

static void
on_log(void *ctx, uint64_t position, struct str bytes)
{
    instance_link_ops.on_log(ctx, position, bytes);
}

static const struct keeper_link_ops attach_ops = {
    .on_status = on_status,
    .on_log = on_log,
    .on_lost = on_lost,
};

/* ---- all of them ---- */

struct finding {
    struct instances *all;
    struct profile *(*find_profile)(void *ctx, const char *id);
    void *ctx;
};

/* A profile for an engine whose own is gone: only to stop it by. */
static struct profile *
stand_in(const char *profile_id)
{
    struct profile *profile = profile_new();
    if (profile == NULL)
        return NULL;
    snprintf(profile->id, sizeof profile->id, "%s", profile_id);
    profile->restart_policy = RESTART_NEVER;
    if (profile_set_text(&profile->name, str_from(profile_id)) != 0 ||
        profile_set_text(&profile->engine, STR("command")) != 0) {
        profile_unref(profile);
        return NULL;
    }
    return profile;
}

static void
attach(struct instance *instance, const char *instance_id, const char *reason)
{
    struct instances *all = instance->all;
    instance->run++;
    instance_set_state(instance, INSTANCE_ATTACHING, NULL, "%s", reason);
    if (instance->is_stop_wanted)
        instances_forget(all, instance->profile->id, NULL, NULL);
    instance_log_begin(&instance->log);
    struct keeper_link_options options = {
        .loop = all->options.loop,
        .links = &all->links,
        .socket_path = instance->socket_path,
        .ops = &attach_ops,
        .ctx = instance,
    };
    instance->link = keeper_link_attach(&options, instance_id, NULL);
    if (instance->link == NULL)
        give_up(instance);
}

static int
attach_row(void *ctx, const struct instance_row *row)
{
    const struct finding *finding = ctx;
    struct instances *all = finding->all;
    if (!may_have_process(row->state) ||
        instance_find(all, row->profile_id) != NULL)
        return 0;
    struct profile *found =
        finding->find_profile == NULL
            ? NULL
            : finding->find_profile(finding->ctx, row->profile_id);
    if (found != NULL &&
        engines_find(all->options.engines, found->engine) == NULL)
        found = NULL; /* we would not know how to use it */
    struct profile *profile =
        found != NULL ? profile_ref(found) : stand_in(row->profile_id);
    if (profile == NULL)
        return -1;
    struct instance *instance = instance_new(all, profile);
    profile_unref(profile);
    if (instance == NULL)
        return -1;
    if (found != NULL &&
        engines_find(all->options.engines, found->engine)->is_external) {
        struct error error;
        snprintf(instance->id, sizeof instance->id, "%s", row->id);
        if (instance_start(instance, found, "hearth was restarted", &error) !=
            0)
            events_log(all->options.events, LOG_WARN, "instances",
                       "'%s' is not attached again: %s", found->name,
                       error.message);
        return 0;
    }
    take_row(instance, row);
    instance_set_address(instance, row->port);
    instance->is_stop_wanted = found == NULL;
    attach(instance, instance->id, "hearth was restarted");
    return 0;
}

/* A keeper without a row: hearth was killed between the start of its engine
 * and the commit. What it runs has served nobody; it is stopped, so that it
 * holds no memory and no port. */
static void
attach_stray(void *ctx, const char *path)
{
    struct instances *all = ctx;
    LIST_FOR(node, &all->all)
    if (strcmp(LIST_ENTRY(node, struct instance, node)->socket_path, path) == 0)
        return;
    const char *name = strrchr(path, '/');
    char profile_id[ID_BYTES];
    snprintf(profile_id, sizeof profile_id, "stray_%.30s",
             name == NULL ? path : name + 1);
    struct profile *profile = stand_in(profile_id);
    struct instance *instance =
        profile == NULL ? NULL : instance_new(all, profile);
    profile_unref(profile);
    if (instance == NULL)
        return; /* it ends by itself, after its orphan timeout */
    snprintf(instance->socket_path, sizeof instance->socket_path, "%s", path);
    instance->is_stop_wanted = true;
    attach(instance, "", "was started but never written down");
}

void
instances_attach_all(struct instances *instances,
                     struct profile *(*find_profile)(void *ctx, const char *id),
                     void (*on_done)(void *ctx), void *ctx)
{
    struct finding finding = { .all = instances,
                               .find_profile = find_profile,
                               .ctx = ctx };
    struct error error;
    instances->on_attached = on_done;
    instances->attached_ctx = ctx;
    if (store_load_instances(instances->options.store, attach_row, &finding,
                             &error) != 0)
        events_log(instances->options.events, LOG_ERROR, "instances",
                   "engines of an earlier run cannot be looked for: %s",
                   error.message);
    else {
        char folder[SOCKET_PATH_BYTES];
        snprintf(folder, sizeof folder, "%.90s/run", instances->data_dir);
        net_each_unix(folder, attach_stray, instances);
    }
    instances_look(instances);
}
