/* Loading and unloading a model, by whatever serves it: the llama router where
 * that runs and has it, else a server of its own; and its launch profile. */
#include "api/handlers.h"
#include "core/llama/llama.h"
#include "io/timer.h"

enum { LOAD_WAIT_S = 600 };

struct loading {
    struct call *call;
    bool is_unload;
    bool is_waited_for;
    bool is_over;
    char profile_id[ID_BYTES];
    char name[LLAMA_NAME_BYTES];
    struct subscription subscription;
    struct timer deadline;
};

static void
reply_state(struct loading *loading, enum llama_state state, int status)
{
    struct json_writer *w = reply_begin(loading->call);
    json_object_begin(w);
    member_text(w, "profile_id", loading->profile_id);
    member_text(w, "state",
                state == LLAMA_LOADED || state == LLAMA_SLEEPING ? "ready"
                : state == LLAMA_LOADING                         ? "loading"
                : state == LLAMA_FAILED                          ? "failed"
                                                                 : "stopped");
    member_text(w, "model", loading->name);
    json_object_end(w);
    reply_end(loading->call, status);
}

static void
loading_end(struct loading *loading)
{
    if (loading->is_over)
        return;
    loading->is_over = true;
    events_unsubscribe(&loading->subscription);
    timer_stop(&loading->deadline);
    loading->call->on_close = NULL;
    call_unref(loading->call);
}

/* What has come of it, once something has. */
static void
look(struct loading *loading, const struct llama_model *model)
{
    bool is_loaded = model != NULL && (model->state == LLAMA_LOADED ||
                                       model->state == LLAMA_SLEEPING);
    if (model != NULL && model->state == LLAMA_LOADING)
        return;
    if (is_loaded && loading->is_unload)
        return; /* not yet */
    if (is_loaded != loading->is_unload)
        reply_state(loading, is_loaded ? LLAMA_LOADED : LLAMA_UNLOADED, 200);
    else if (model != NULL && model->exit_code >= 0)
        reply_errorf(loading->call, ERR_LOAD_FAILED,
                     "\"%s\" could not be loaded: its process ended with "
                     "code %d",
                     loading->name, model->exit_code);
    else
        reply_errorf(loading->call, ERR_LOAD_FAILED, "\"%s\" is not loaded: %s",
                     loading->name,
                     model == NULL ? "the llama router has gone"
                                   : "the llama router let it go again");
    loading_end(loading);
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct loading *loading =
        LIST_ENTRY(subscription, struct loading, subscription);
    const struct llama_change *change = event->payload;
    if (strcmp(event->subject, loading->profile_id) != 0 ||
        !loading->is_waited_for)
        return;
    if (event->type == EVENT_LLAMA_MODELS) {
        const struct llama *llama = loading->call->api->options.llama;
        if (!llama_is_known(llama, loading->profile_id))
            look(loading, NULL);
    } else if (strcmp(change->model->name, loading->name) == 0) {
        look(loading, change->model);
    }
}

static void
on_deadline(struct timer *timer)
{
    struct loading *loading = LIST_ENTRY(timer, struct loading, deadline);
    reply_state(loading, LLAMA_LOADING, 202);
    loading_end(loading);
}

static void
on_client_gone(struct call *call)
{
    loading_end(call->state);
}

static void
on_told(void *ctx, const struct error *error)
{
    struct loading *loading = ctx;
    struct call *call = loading->call;
    if (!loading->is_over && error != NULL) {
        reply_error(call, error);
        loading_end(loading);
    } else if (!loading->is_over && !loading->is_waited_for) {
        reply_state(loading,
                    loading->is_unload ? LLAMA_UNLOADED : LLAMA_LOADING, 202);
        loading_end(loading);
    }
    call_unref(call);
}

static void
order(struct call *call, const struct profile *server,
      const struct llama_model *model, bool is_unload)
{
    struct api *api = call->api;
    struct error error;
    struct loading *loading = arena_alloc(&call->arena, sizeof *loading);
    if (loading == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    loading->call = call_ref(call);
    loading->is_unload = is_unload;
    loading->is_waited_for = query_bool(call, "wait", false);
    snprintf(loading->profile_id, sizeof loading->profile_id, "%s", server->id);
    snprintf(loading->name, sizeof loading->name, "%s", model->name);
    call->state = loading;
    call->on_close = on_client_gone;
    timer_init(&loading->deadline, on_deadline);
    events_subscribe(api->options.events, &loading->subscription,
                     EVENT_BIT(LLAMA_MODEL) | EVENT_BIT(LLAMA_MODELS),
                     on_event);
    call_ref(call); /* of on_told */
    int failed =
        is_unload
            ? llama_unload(api->options.llama, server->id,
                           str_from(model->name), on_told, loading, &error)
            : llama_load(api->options.llama, server->id, str_from(model->name),
                         on_told, loading, &error);
    if (failed < 0) {
        reply_error(call, &error);
        loading_end(loading);
        call_unref(call);
        return;
    }
    timer_start(api->options.loop, &loading->deadline, LOAD_WAIT_S * SECOND_MS);
}

/* The model of the path, if a llama router has it. */
static const struct llama_model *
find_elsewhere(struct call *call, struct profile **ret_server)
{
    struct router_model found;
    struct error error;
    if (router_resolve(call->api->options.router, call->params[0], &found,
                       &error) < 0)
        return NULL;
    *ret_server = found.profile;
    return llama_find(call->api->options.llama, found.profile->id,
                      found.engine_model);
}

void
models_load(struct call *call)
{
    struct profile *server;
    const struct llama_model *model = find_elsewhere(call, &server);
    if (model == NULL) {
        servers_start(call);
    } else if (model->state == LLAMA_LOADED) {
        reply_errorf(call, ERR_CONFLICT,
                     "\"%s\" is loaded already, by the llama router",
                     model->name);
    } else {
        order(call, server, model, false);
    }
}

void
models_unload(struct call *call)
{
    struct profile *server;
    const struct llama_model *model = find_elsewhere(call, &server);
    if (model == NULL)
        servers_stop(call);
    else if (model->state == LLAMA_UNLOADED || model->state == LLAMA_FAILED)
        reply_errorf(call, ERR_CONFLICT, "\"%s\" is not loaded", model->name);
    else
        order(call, server, model, true);
}

/* ---- the launch profile ---- */

/* The stored one of a model, or NULL. */
static struct profile *
find_launch_profile(struct call *call, const struct model *model)
{
    struct profile *profile =
        profiles_resolve(call->api->options.profiles, str_from(model->name));
    return profile != NULL && profile->source != PROFILE_SOURCE_LIBRARY &&
                   strcmp(profile->model_path, model->path) == 0
               ? profile
               : NULL;
}

/* What it is launched by, stored or implicit. */
static struct profile *
find_any_profile(struct call *call, const struct model *model)
{
    struct profile *profile = find_launch_profile(call, model);
    return profile != NULL
               ? profile
               : profiles_get(call->api->options.profiles, str_from(model->id));
}

void
models_show_profile(struct call *call)
{
    const struct model *model = call_model(call);
    if (model == NULL)
        return;
    struct profile *profile = find_any_profile(call, model);
    if (profile == NULL) {
        reply_errorf(call, ERR_NOT_FOUND,
                     "\"%s\" is no model that a server can serve", model->name);
        return;
    }
    profile_write(call->api, profile, reply_begin(call));
    reply_end(call, 200);
}

static void
on_profile(void *ctx, struct profile *profile, const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_error(call, error);
    } else if (call_is_open(call) && !call->api->is_closed) {
        instances_profile_changed(call->api->options.instances, profile);
        profile_write(call->api, profile, reply_begin(call));
        reply_end(call, 200);
    }
    call_unref(call);
}

/* A new one is the implicit one with what was sent. */
static int
create_profile(struct call *call, const struct model *model,
               struct field_problems *problems, struct error *error)
{
    const struct profile *implicit = find_any_profile(call, model);
    struct strbuf text = STRBUF_INIT(2 * LIMIT_API_BODY_BYTES);
    struct json_writer w;
    struct json_iter iter;
    json_writer_init(&w, &text);
    json_object_begin(&w);
    member_text(&w, "name", model->name);
    member_text(&w, "model_path", model->path);
    const char *engine = NULL; /* nobody asked for it */
    if (json_get(call->input, "engine") == NULL && implicit != NULL)
        engine = implicit->engine;
    if (engine != NULL)
        member_text(&w, "engine", engine);
    for (json_iter_init(&iter, call->input); json_iter_next(&iter);)
        if (!str_is(iter.key, "name") && !str_is(iter.key, "model_path")) {
            json_key_str(&w, iter.key);
            json_value(&w, iter.value);
        }
    json_object_end(&w);
    struct json_doc *doc = json_parse(strbuf_view(&text), error);
    int failed =
        doc == NULL ? -1
                    : profiles_create_for(call->api->options.profiles, engine,
                                          json_root(doc), call->who.may_execute,
                                          problems, on_profile, call, error);
    json_doc_free(doc);
    strbuf_release(&text);
    return failed;
}

static bool
is_option_of_any(const struct engines *engines, struct str key)
{
    for (size_t i = 0; i < engines_count(engines); i++)
        if (engine_canonical_option(engines_at(engines, i), key) != NULL)
            return true;
    return false;
}

/* What no profile could have is told before it is asked whose it would be.
 * False when it has answered. */
static bool
check_members(struct call *call)
{
    struct field_problems problems = { .n = 0 };
    struct error error;
    struct json_iter iter;
    for (json_iter_init(&iter, call->input); json_iter_next(&iter);) {
        bool is_known = is_option_of_any(call->api->options.engines, iter.key);
        for (size_t i = 0; i < n_profile_fields; i++)
            is_known = is_known || str_is(iter.key, profile_fields[i].name);
        if (!is_known)
            problem_add(&problems, iter.key,
                        "neither a field of a profile nor an option of an "
                        "engine");
    }
    if (problems.n == 0)
        return true;
    error_field(&error, problems.at[0].field, "%s", problems.at[0].message);
    reply_problems(call, &problems, &error);
    return false;
}

void
models_change_profile(struct call *call)
{
    struct field_problems problems = { .n = 0 };
    struct error error = { .code = ERR_OK };
    if (!check_members(call))
        return;
    const struct model *model = call_model(call);
    if (model == NULL)
        return;
    if (json_get(call->input, "name") != NULL ||
        json_get(call->input, "model_path") != NULL) {
        error_field(&error,
                    json_get(call->input, "name") != NULL ? "name"
                                                          : "model_path",
                    "is the model's own");
        reply_error(call, &error);
        return;
    }
    const struct profile *profile = find_launch_profile(call, model);
    call_ref(call);
    int failed = profile != NULL
                     ? profiles_update(call->api->options.profiles,
                                       str_from(profile->id), call->input,
                                       call->who.may_execute, &problems,
                                       on_profile, call, &error)
                     : create_profile(call, model, &problems, &error);
    if (failed < 0) {
        reply_problems(call, &problems, &error);
        call_unref(call);
    }
}

void
models_remove_profile(struct call *call)
{
    const struct model *model = call_model(call);
    if (model == NULL)
        return;
    const struct profile *profile = find_launch_profile(call, model);
    if (profile == NULL) {
        reply_errorf(call, ERR_NOT_FOUND,
                     "\"%s\" has no launch profile of its own", model->name);
        return;
    }
    call->params[0] = str_from(arena_str(&call->arena, str_from(profile->id)));
    profiles_remove(call);
}
