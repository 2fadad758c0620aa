/* /api/servers: engines that run profiles, started and stopped by hand.
 *
 * Changes go through the router, which knows who else needs the room. They
 * answer 202 at once; with ?wait=1 the call listens on the bus until the
 * server has come to rest. A state counts only when it was entered after
 * the change was asked for: what was there before says nothing about it. */
#include <string.h>

#include "api/handlers.h"
#include "core/llama/llama.h"
#include "http/client.h"
#include "io/timer.h"

enum { WAIT_SLACK_S = 30, LIST_WAIT_S = 5, PROBE_TIMEOUT_MS = 5 * SECOND_MS };

/* ---- lists ---- */

struct listing {
    struct api *api;
    struct json_writer *out;
    bool only_running;
};

static void
list_one(struct listing *listing, const struct instance_view *view)
{
    if (!listing->only_running || server_is_running(view))
        server_write(listing->api, view, listing->out);
}

/* Profiles were listed by name; this adds the library's own servers. */
static void
list_implicit(void *ctx, const struct instance_view *view)
{
    if (view->profile != NULL &&
        view->profile->source == PROFILE_SOURCE_LIBRARY)
        list_one(ctx, view);
}

void
servers_write(struct api *api, bool only_running, struct json_writer *out)
{
    struct profiles *profiles = api->options.profiles;
    struct listing listing = { api, out, only_running };
    json_array_begin(out);
    for (size_t i = 0; i < profiles_count(profiles); i++) {
        struct instance_view view;
        server_view(api, profiles_at(profiles, i), &view);
        list_one(&listing, &view);
    }
    instances_each(api->options.instances, list_implicit, &listing);
    json_array_end(out);
}

void
servers_list(struct call *call)
{
    servers_write(call->api, query_bool(call, "running", false),
                  reply_begin(call));
    reply_end(call, 200);
}

void
servers_show(struct call *call)
{
    struct profile *profile = call_profile(call);
    if (profile == NULL)
        return;
    struct instance_view view;
    server_view(call->api, profile, &view);
    server_write(call->api, &view, reply_begin(call));
    reply_end(call, 200);
}

/* ---- waiting for a change to end ---- */

struct change {
    struct call *call;
    struct profile *profile; /* one reference */
    struct subscription subscription;
    struct timer deadline;
    bool is_stop;
    bool is_listing;  /* it is ready, and its models are not known yet */
    bool has_started; /* the new process: a stop from here on is not
                              * the one that a restart begins with */
};

static void
change_release(struct change *change)
{
    events_unsubscribe(&change->subscription);
    timer_stop(&change->deadline);
    change->call->on_close = NULL;
    profile_unref(change->profile);
    call_unref(change->call);
}

static void
reply_change(struct call *call, struct profile *profile, int status)
{
    struct instance_view view;
    server_view(call->api, profile, &view);
    change_write(&view, reply_begin(call));
    reply_end(call, status);
}

/* 409 with everything that is known of the failure. */
static void
reply_failure(struct call *call, const struct instance_view *view,
              const char *message)
{
    bool has_error = view->error.code != ERR_OK;
    strbuf_release(&call->out);
    strbuf_init(&call->out, 1 * MIB);
    struct json_writer *w = &call->writer;
    json_writer_init(w, &call->out);
    json_object_begin(w);
    member_bool(w, "success", false);
    json_key(w, "error");
    json_object_begin(w);
    if (has_error) {
        cause_write(call->api, view, w);
    } else {
        member_text(w, "code", error_wire(ERR_CONFLICT));
        member_text(w, "message", message);
    }
    member_text(w, "state", instance_state_name(view->state));
    const struct instance_exit *end = &view->exit;
    member_int_if(w, "exit_code", end->has_exited && end->exit_signal == 0,
                  end->exit_code);
    member_int_if(w, "exit_signal", end->has_exited && end->exit_signal != 0,
                  end->exit_signal);
    json_object_end(w);
    json_object_end(w);
    reply_raw(call, 409, "application/json", strbuf_view(&call->out), NULL);
}

static void
change_end(struct change *change, bool has_succeeded)
{
    struct call *call = change->call;
    struct instance_view view;
    server_view(call->api, change->profile, &view);
    view.profile = change->profile;
    if (has_succeeded)
        reply_change(call, change->profile, 200);
    else
        reply_failure(call, &view,
                      change->is_stop ? "the server could not be stopped"
                                      : "the server was stopped before it "
                                        "was ready");
    change_release(change);
}

/* Whoever started a router goes on to ask for its models: they are known when
 * it has told them, or take too long. */
static void
end_when_listed(struct change *change)
{
    struct api *api = change->call->api;
    struct instance_view view;
    server_view(api, change->profile, &view);
    if (view.manifest == NULL || !view.manifest->is_router ||
        api->options.llama == NULL ||
        llama_is_known(api->options.llama, change->profile->id)) {
        change_end(change, true);
        return;
    }
    change->is_listing = true;
    timer_start(api->options.loop, &change->deadline, LIST_WAIT_S * SECOND_MS);
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct change *change =
        LIST_ENTRY(subscription, struct change, subscription);
    const struct instance_change *state = event->payload;
    if (event->type == EVENT_LLAMA_MODELS) {
        const struct llama *llama = change->call->api->options.llama;
        if (change->is_listing &&
            strcmp(event->subject, change->profile->id) == 0 &&
            llama_is_known(llama, change->profile->id))
            change_end(change, true);
        return;
    }
    if (event->type == EVENT_PROFILE_DELETED) {
        if (strcmp(event->subject, change->profile->id) == 0)
            change_end(change, change->is_stop);
        return;
    }
    if (strcmp(state->profile_id, change->profile->id) != 0)
        return;
    switch (state->to) {
    case INSTANCE_STARTING: change->has_started = true; break;
    case INSTANCE_READY:
        if (!change->is_stop)
            end_when_listed(change);
        break;
    case INSTANCE_STOPPED:
        if (change->is_stop || change->has_started)
            change_end(change, change->is_stop);
        break;
    case INSTANCE_FAILED: change_end(change, false); break;
    default: break;
    }
}

static void
on_deadline(struct timer *timer)
{
    struct change *change = LIST_ENTRY(timer, struct change, deadline);
    if (change->is_listing) {
        change_end(change, true);
        return;
    }
    reply_change(change->call, change->profile, 202); /* still under way */
    change_release(change);
}

static void
on_client_gone(struct call *call)
{
    change_release(call->state);
}

/* Listens from before the change is asked for; NULL when it has answered. */
static struct change *
change_new(struct call *call, struct profile *profile, bool is_stop)
{
    struct change *change = arena_alloc(&call->arena, sizeof *change);
    if (change == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return NULL;
    }
    struct instance_view view;
    server_view(call->api, profile, &view);
    change->call = call_ref(call);
    change->profile = profile_ref(profile);
    change->is_stop = is_stop;
    change->has_started =
        view.state == INSTANCE_STARTING || view.state == INSTANCE_LOADING;
    timer_init(&change->deadline, on_deadline);
    call->state = change;
    call->on_close = on_client_gone;
    events_subscribe(call->api->options.events, &change->subscription,
                     EVENT_BIT(INSTANCE_STATE) | EVENT_BIT(PROFILE_DELETED) |
                         EVENT_BIT(LLAMA_MODELS),
                     on_event);
    return change;
}

/* ---- start, stop, restart ---- */

typedef int change_fn(struct api *api, struct profile *profile, bool is_forced,
                      struct error *error);

static int
ask_start(struct api *api, struct profile *profile, bool is_forced,
          struct error *error)
{
    (void)is_forced;
    return router_load(api->options.router, profile, error);
}

static int
ask_stop(struct api *api, struct profile *profile, bool is_forced,
         struct error *error)
{
    return router_unload(api->options.router, profile->id, is_forced, error);
}

static int
ask_restart(struct api *api, struct profile *profile, bool is_forced,
            struct error *error)
{
    (void)is_forced;
    return router_restart(api->options.router, profile, error);
}

/* A start that cannot even begin is a conflict with how things are: the
 * code says which, the status is 409. */
static void
reply_refusal(struct call *call, struct profile *profile,
              const struct error *error)
{
    if (error_http_status(error->code) < 500) {
        reply_error(call, error);
        return;
    }
    struct instance_view view;
    server_view(call->api, profile, &view);
    view.error = *error;
    view.profile = profile;
    reply_failure(call, &view, error->message);
}

static void
make_change(struct call *call, struct profile *profile, change_fn *ask,
            bool is_stop)
{
    struct error error = { .code = ERR_OK };
    bool is_forced = query_bool(call, "force", false);
    if (!query_bool(call, "wait", false)) {
        if (ask(call->api, profile, is_forced, &error) < 0)
            reply_refusal(call, profile, &error);
        else
            reply_change(call, profile, 202);
        return;
    }
    struct change *change = change_new(call, profile, is_stop);
    if (change == NULL)
        return;
    call_ref(call); /* it may end, change included, inside of ask() */
    int result = ask(call->api, profile, is_forced, &error);
    if (!call->is_answered) {
        if (result < 0) {
            reply_refusal(call, profile, &error);
            change_release(change);
        } else {
            timer_start(call->api->options.loop, &change->deadline,
                        (profile->load_timeout_s + WAIT_SLACK_S) * SECOND_MS);
        }
    }
    call_unref(call);
}

void
servers_start(struct call *call)
{
    struct profile *profile = call_profile(call);
    if (profile == NULL)
        return;
    struct instance_view view;
    server_view(call->api, profile, &view);
    if (view.state == INSTANCE_READY || view.state == INSTANCE_UNHEALTHY) {
        reply_errorf(call, ERR_CONFLICT,
                     "\"%s\" is already running (pid %lld, port %d)",
                     profile->name, (long long)view.pid, view.address.port);
        return;
    }
    make_change(call, profile, ask_start, false);
}

void
servers_stop(struct call *call)
{
    struct profile *profile = call_profile(call);
    if (profile == NULL)
        return;
    struct instance_view view;
    server_view(call->api, profile, &view);
    if (view.state == INSTANCE_STOPPED || view.state == INSTANCE_FAILED) {
        reply_errorf(call, ERR_CONFLICT, "\"%s\" is not running",
                     profile->name);
        return;
    }
    make_change(call, profile, ask_stop, true);
}

void
servers_restart(struct call *call)
{
    struct profile *profile = call_profile(call);
    if (profile != NULL)
        make_change(call, profile, ask_restart, false);
}

/* ---- health: a probe made for this answer ---- */

struct probe {
    struct call *call;
    struct http_pool *pool;
    struct instance_view view;
    struct profile *profile; /* one reference */
    int64_t started_at_ms;
    struct timer done;
};

static void
reply_health(struct call *call, const struct instance_view *view,
             const char *status, int64_t response_time_ms, const char *problem)
{
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_text(w, "status", status);
    member_text(w, "state", instance_state_name(view->state));
    member_int_if(w, "response_time_ms", response_time_ms >= 0,
                  response_time_ms);
    member_bool(w, "model_loaded",
                view->state == INSTANCE_READY ||
                    view->state == INSTANCE_DRAINING);
    member_text(w, "error", problem);
    json_object_end(w);
    reply_end(call, 200);
}

static void
on_probe_gone(struct timer *timer)
{
    struct probe *probe = LIST_ENTRY(timer, struct probe, done);
    http_pool_free(probe->pool);
    profile_unref(probe->profile);
    call_unref(probe->call);
}

static void
on_probed(void *ctx, const struct http_fetch_result *result)
{
    struct probe *probe = ctx;
    struct loop *loop = probe->call->api->options.loop;
    int64_t took_ms = loop_now_ms(loop) - probe->started_at_ms;
    char problem[ERROR_MESSAGE_MAX];
    if (result->status == 0)
        snprintf(problem, sizeof problem, "%s", result->error.message);
    else
        snprintf(problem, sizeof problem, "HTTP %d", result->status);
    if (result->status >= 200 && result->status < 300)
        reply_health(probe->call, &probe->view, "healthy", took_ms, NULL);
    else
        reply_health(probe->call, &probe->view, "unhealthy", -1, problem);
    /* The pool may not go inside its own callback. */
    timer_start(loop, &probe->done, 0);
}

static bool
probe_start(struct call *call, const struct instance_view *view)
{
    struct loop *loop = call->api->options.loop;
    struct probe *probe = arena_alloc(&call->arena, sizeof *probe);
    if (probe == NULL)
        return false;
    probe->pool = http_pool_new(loop, &view->address);
    if (probe->pool == NULL)
        return false;
    probe->view = *view;
    probe->started_at_ms = loop_now_ms(loop);
    timer_init(&probe->done, on_probe_gone);
    char bearer[96];
    snprintf(bearer, sizeof bearer, "Bearer %s", view->api_key);
    struct http_header key = { STR("Authorization"), str_from(bearer) };
    struct http_fetch_options options = {
        .method = STR("GET"),
        .target = str_from(
            engine_ready_path(view->manifest, view->profile, &call->arena)),
        .headers = { &key, view->api_key[0] == '\0' ? 0 : 1 },
        .max_answer_bytes = 1 * MIB,
        .timeout_ms = PROBE_TIMEOUT_MS,
    };
    probe->call = call_ref(call);
    probe->profile = profile_ref(view->profile);
    probe->view.profile = probe->profile;
    if (http_fetch(probe->pool, &options, on_probed, probe, NULL) == NULL) {
        on_probe_gone(&probe->done);
        return false;
    }
    return true;
}

void
servers_probe(struct call *call)
{
    struct profile *profile = call_profile(call);
    if (profile == NULL)
        return;
    struct instance_view view;
    server_view(call->api, profile, &view);
    bool is_up = view.state == INSTANCE_READY ||
                 view.state == INSTANCE_DRAINING ||
                 view.state == INSTANCE_UNHEALTHY;
    if (is_up && view.manifest != NULL && probe_start(call, &view))
        return;
    bool is_starting = view.state == INSTANCE_STARTING ||
                       view.state == INSTANCE_LOADING ||
                       view.state == INSTANCE_ATTACHING;
    const char *problem = view.error.code == ERR_OK ? NULL : view.error.message;
    reply_health(call, &view,
                 is_up         ? "unhealthy"
                 : is_starting ? "starting"
                               : "stopped",
                 -1, problem);
}
