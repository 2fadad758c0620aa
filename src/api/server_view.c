/* How a server is shown: one picture for lists, status and events. */
#include <string.h>

#include "api/handlers.h"

enum { LOG_TAIL_LINES = 20 };

void
server_view(struct api *api, struct profile *profile,
            struct instance_view *ret_view)
{
    if (instances_view(api->options.instances, profile->id, ret_view) == 0)
        return;
    *ret_view = (struct instance_view){
        .profile = profile,
        .state = INSTANCE_STOPPED,
        .rss_bytes = -1,
        .n_threads = -1,
        .exit = { .exit_code = -1 },
    };
}

bool
server_is_running(const struct instance_view *view)
{
    if (view->manifest != NULL && view->manifest->is_external)
        return view->state != INSTANCE_STOPPED &&
               view->state != INSTANCE_FAILED &&
               view->state != INSTANCE_BACKOFF;
    return view->pid > 0 || view->state == INSTANCE_STARTING ||
           view->state == INSTANCE_STOPPING;
}

static const char *
health_word(const struct instance_view *view)
{
    switch (view->state) {
    case INSTANCE_READY:
    case INSTANCE_DRAINING: return "healthy";
    case INSTANCE_UNHEALTHY: return "unhealthy";
    case INSTANCE_ATTACHING:
    case INSTANCE_STARTING:
    case INSTANCE_LOADING: return "starting";
    default: return "stopped";
    }
}

/* What was said before this run explains nothing of it. */
struct tail {
    uint64_t from;
    struct json_writer *out;
};

static void
write_line(void *ctx, uint64_t seq, struct str line)
{
    const struct tail *tail = ctx;
    if (seq >= tail->from)
        json_str(tail->out, line);
}

void
cause_write(struct api *api, const struct instance_view *view,
            struct json_writer *out)
{
    member_text(out, "code", error_wire(view->error.code));
    member_text(out, "message", view->error.message);
    member_text(out, "advice", view->advice);
    if (view->error.field[0] != '\0')
        member_text(out, "field", view->error.field);
    json_key(out, "log_tail");
    json_array_begin(out);
    struct tail tail = { .from = view->log_from, .out = out };
    instances_log_tail(api->options.instances, view->profile->id,
                       LOG_TAIL_LINES, write_line, &tail);
    json_array_end(out);
}

static void
write_process(const struct instance_view *view, struct json_writer *out)
{
    bool is_running = server_is_running(view);
    bool has_start = is_running && view->started_at_ms > 0;
    bool has_address = is_running && view->address.port > 0;
    member_int_if(out, "pid", view->pid > 0, view->pid);
    json_key(out, "host");
    json_text(out, has_address ? view->address.host : NULL);
    member_int_if(out, "port", has_address, view->address.port);
    member_int_if(out, "started_at_ms", view->started_at_ms > 0,
                  view->started_at_ms);
    member_int_if(out, "ready_at_ms", view->ready_at_ms > 0, view->ready_at_ms);
    member_int_if(out, "uptime_s", has_start,
                  (loop_wall_ms() - view->started_at_ms) / SECOND_MS);
    member_int_if(out, "rss_bytes", is_running && view->rss_bytes >= 0,
                  view->rss_bytes);
    member_real_if(out, "cpu_percent", is_running, view->cpu_percent);
    member_int_if(out, "slots", view->slots > 0, view->slots);
}

static void
write_end(struct api *api, const struct instance_view *view,
          struct json_writer *out)
{
    const struct instance_exit *end = &view->exit;
    member_int_if(out, "exit_code", end->has_exited && end->exit_signal == 0,
                  end->exit_code);
    member_int_if(out, "exit_signal", end->has_exited && end->exit_signal != 0,
                  end->exit_signal);
    member_text(out, "stop",
                view->stop == STOP_NONE ? NULL : stop_kind_name(view->stop));
    json_key(out, "error");
    if (view->error.code == ERR_OK) {
        json_null(out);
    } else {
        json_object_begin(out);
        cause_write(api, view, out);
        json_object_end(out);
    }
    member_int(out, "n_restarts", view->n_restarts);
    member_int_if(out, "backoff_until_ms", view->state == INSTANCE_BACKOFF,
                  view->backoff_until_ms);
}

static void
write_queue(struct api *api, const char *profile_id, struct json_writer *out)
{
    struct router_status status = { .n_active = 0 };
    router_status(api->options.router, profile_id, &status);
    json_key(out, "queue");
    json_object_begin(out);
    member_int(out, "active", (int64_t)status.n_active);
    member_int(out, "waiting", (int64_t)status.n_waiting);
    json_object_end(out);
}

void
server_write(struct api *api, const struct instance_view *view,
             struct json_writer *out)
{
    const struct profile *profile = view->profile;
    bool has_failed =
        view->state == INSTANCE_FAILED || view->state == INSTANCE_BACKOFF;
    json_object_begin(out);
    member_text(out, "profile_id", profile->id);
    member_text(out, "profile_name", profile->name);
    member_text(out, "source", profile_source_name(profile->source));
    member_text(out, "engine", profile->engine);
    member_text(out, "model_path", profile->model_path);
    member_text(out, "state", instance_state_name(view->state));
    member_text(out, "reason", view->reason);
    member_int_if(out, "state_since_ms", view->state_since_ms > 0,
                  view->state_since_ms);
    member_bool(out, "running", server_is_running(view));
    member_bool(out, "failed", has_failed);
    member_text(out, "health", health_word(view));
    write_process(view, out);
    write_queue(api, profile->id, out);
    write_end(api, view, out);
    member_bool(out, "restart_required", view->restart_required);
    json_object_end(out);
}

void
change_write(const struct instance_view *view, struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "profile_id", view->profile->id);
    member_text(out, "state", instance_state_name(view->state));
    if (view->pid > 0)
        member_int(out, "pid", view->pid);
    if (server_is_running(view) && view->address.port > 0)
        member_int(out, "port", view->address.port);
    bool is_at_rest = !server_is_running(view);
    if (is_at_rest && view->stop != STOP_NONE)
        member_text(out, "stop", stop_kind_name(view->stop));
    if (is_at_rest && view->exit.has_exited) {
        if (view->exit.exit_signal != 0)
            member_int(out, "exit_signal", view->exit.exit_signal);
        else
            member_int(out, "exit_code", view->exit.exit_code);
    }
    json_object_end(out);
}
