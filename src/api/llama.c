/* /api/llama: llama.cpp's server in router mode, as one supervised server with
 * many models, or one that was found running.
 *
 * What it is started with is the stored profile LLAMA_PROFILE, made when it
 * is first needed; its configuration here is a view of that profile. Starting,
 * stopping and restarting it are those of any server (servers.c). */
#include <stdlib.h>

#include "api/handlers.h"
#include "core/llama/llama.h"

/* ---- the configuration: members and what they are of the profile ---- */

static const struct {
    const char *name;
    const char *field; /* of the profile; NULL: the option of that name */
} members[] = {
    { "models_dir", "model_path" },
    { "host", "host" },
    { "port", "port" },
    { "auto_start", "auto_start" },
    { "preset", NULL },
    { "models_max", NULL },
    { "parallel", NULL },
    { "ctx_size", NULL },
    { "n_gpu_layers", NULL },
    { "threads", NULL },
    { "threads_http", NULL },
    { "batch_size", NULL },
    { "temp", NULL },
    { "repeat_penalty", NULL },
    { "metrics", NULL },
    { "api_key", NULL },
};
enum { N_MEMBERS = sizeof members / sizeof *members };

static void
default_folder(struct api *api, char ret_path[LIMIT_PATH_BYTES])
{
    const char *const *texts;
    if (settings_list(api->options.settings, SETTING_ID_MODELS_DIRS, &texts) >
        0)
        snprintf(ret_path, LIMIT_PATH_BYTES, "%s", texts[0]);
    else
        snprintf(ret_path, LIMIT_PATH_BYTES, "%s/models",
                 api->options.data_dir);
}

static bool
is_attached(const struct profile *profile)
{
    return profile != NULL && strcmp(profile->engine, LLAMA_ATTACHED) == 0;
}

/* The profile as JSON (secrets masked unless they are wanted), or NULL. */
static struct json_doc *
profile_doc(struct api *api, const struct profile *profile, bool with_secrets)
{
    struct strbuf text = STRBUF_INIT(8 * MIB);
    struct json_writer w;
    if (profile == NULL)
        return NULL;
    json_writer_init(&w, &text);
    profile_to_json(api->options.engines, profile, with_secrets, &w);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    strbuf_release(&text);
    return doc;
}

void
llama_config_write(struct api *api, struct json_writer *w)
{
    const struct profile *profile = llama_managed(api->options.llama);
    struct json_doc *doc = profile_doc(api, profile, false);
    const struct json *root = doc == NULL ? NULL : json_root(doc);
    const char *path =
        settings_engine_path(api->options.settings, LLAMA_ENGINE);
    char folder[LIMIT_PATH_BYTES];
    default_folder(api, folder);
    json_object_begin(w);
    for (size_t i = 0; i < N_MEMBERS; i++) {
        const char *field = members[i].field;
        const struct json *value =
            field != NULL
                ? json_get(root, field)
                : json_get(json_get(root, "options"), members[i].name);
        json_key(w, members[i].name);
        if (value != NULL)
            json_value(w, value);
        else if (strcmp(members[i].name, "models_dir") == 0)
            json_text(w, folder);
        else if (strcmp(members[i].name, "host") == 0)
            json_text(w, "127.0.0.1");
        else if (strcmp(members[i].name, "port") == 0)
            json_int(w, 0);
        else if (strcmp(members[i].name, "auto_start") == 0)
            json_bool(w, false);
        else
            json_null(w);
    }
    member_bool(w, "attach", is_attached(profile));
    member_text(w, "server_path", path);
    member_text(w, "profile_id", profile == NULL ? NULL : profile->id);
    json_object_end(w);
    json_doc_free(doc);
}

void
llama_show_config(struct call *call)
{
    llama_config_write(call->api, reply_begin(call));
    reply_end(call, 200);
}

/* What is set of the options now, but for what `input` says. */
static void
write_options(const struct json *before, const struct json *input,
              bool is_other_engine, struct json_writer *w)
{
    struct json_iter iter;
    json_object_begin(w);
    if (json_type(before) == JSON_OBJECT && !is_other_engine)
        for (json_iter_init(&iter, before); json_iter_next(&iter);)
            if (json_get_str(input, iter.key) == NULL) {
                json_key_str(w, iter.key);
                json_value(w, iter.value);
            }
    for (size_t i = 0; i < N_MEMBERS; i++) {
        const struct json *value = json_get(input, members[i].name);
        if (members[i].field == NULL && value != NULL &&
            json_type(value) != JSON_NULL) {
            json_key(w, members[i].name);
            json_value(w, value);
        }
    }
    json_object_end(w);
}

static void
write_default(struct api *api, const char *name, struct json_writer *w)
{
    char folder[LIMIT_PATH_BYTES];
    default_folder(api, folder);
    if (strcmp(name, "models_dir") == 0)
        json_text(w, folder);
    else if (strcmp(name, "host") == 0)
        json_text(w, "127.0.0.1");
    else if (strcmp(name, "port") == 0)
        json_int(w, 0);
    else
        json_bool(w, false);
}

/* `input` is NULL where everything goes back to the beginning. */
static bool
wants_attach(const struct profile *profile, const struct json *input)
{
    bool attach = input != NULL && is_attached(profile);
    json_as_bool(json_get(input, "attach"), &attach);
    return attach;
}

/* The patch of the profile that `input` comes to; NULL: everything goes back
 * to the beginning. */
static void
write_patch(struct api *api, const struct profile *profile,
            const struct json *input, struct json_writer *w)
{
    bool attach = wants_attach(profile, input);
    struct json_doc *doc = profile_doc(api, profile, true);
    const struct json *before =
        doc == NULL ? NULL : json_get(json_root(doc), "options");
    json_object_begin(w);
    if (profile == NULL) {
        member_text(w, "name", LLAMA_PROFILE);
        member_text(w, "description", "llama.cpp's router");
        /* It was started to stay, beside what comes and goes. */
        member_bool(w, "pinned", true);
    }
    member_text(w, "engine", attach ? LLAMA_ATTACHED : LLAMA_ENGINE);
    for (size_t i = 0; i < N_MEMBERS; i++) {
        const struct json *value = json_get(input, members[i].name);
        bool is_reset = input == NULL || profile == NULL ||
                        (value != NULL && json_type(value) == JSON_NULL);
        if (members[i].field == NULL || (value == NULL && !is_reset))
            continue;
        json_key(w, members[i].field);
        if (value != NULL && json_type(value) != JSON_NULL)
            json_value(w, value);
        else
            write_default(api, members[i].name, w);
    }
    json_key(w, "options");
    write_options(input == NULL ? NULL : before, input,
                  attach != is_attached(profile), w);
    json_object_end(w);
    json_doc_free(doc);
}

/* Members of the profile under the names that they have here. */
static void
rename_problems(struct field_problems *problems, struct error *error)
{
    for (size_t i = 0; i <= problems->n && i < FIELD_PROBLEMS_MAX; i++) {
        char *field = i < problems->n ? problems->at[i].field : error->field;
        char name[ERROR_FIELD_MAX];
        const char *shown = field;
        if (strncmp(field, "options.", 8) == 0)
            shown = field + 8;
        else if (strcmp(field, "model_path") == 0)
            shown = "models_dir";
        snprintf(name, sizeof name, "%s", shown);
        memcpy(field, name, sizeof name);
    }
}

/* Stores the configuration, then goes on by `then`. */
struct configuring {
    struct call *call;
    void (*then)(struct call *call);
};

static void
on_configured(void *ctx, struct profile *profile, const struct error *error)
{
    struct configuring *configuring = ctx;
    struct call *call = configuring->call;
    if (error != NULL) {
        reply_error(call, error);
    } else if (!call->api->is_closed) {
        instances_profile_changed(call->api->options.instances, profile);
        configuring->then(call);
    }
    call_unref(call);
}

static void
configure(struct call *call, const struct json *input,
          void (*then)(struct call *call))
{
    struct profiles *profiles = call->api->options.profiles;
    struct profile *profile = llama_managed(call->api->options.llama);
    struct field_problems problems = { .n = 0 };
    struct error error = { .code = ERR_OK };
    struct strbuf text = STRBUF_INIT(LIMIT_API_BODY_BYTES);
    struct json_writer w;
    struct configuring *configuring =
        arena_alloc(&call->arena, sizeof *configuring);
    if (!call->who.may_execute &&
        wants_attach(profile, input) != is_attached(profile)) {
        error_field(&error, "attach",
                    "attach decides what is read: a key, the dashboard's "
                    "session or the unix socket is needed to set it");
        error.code = ERR_FORBIDDEN;
        reply_error(call, &error);
        return;
    }
    struct str preset, path;
    const char *server_path =
        settings_engine_path(call->api->options.settings, LLAMA_ENGINE);
    /* Who sends all back that was shown changes nothing by that. */
    if (json_as_text(json_get(input, "server_path"), &path) &&
        !str_is(path, server_path == NULL ? "" : server_path)) {
        error_field(&error, "server_path",
                    "it is set by engines." LLAMA_ENGINE ".path");
        reply_error(call, &error);
        return;
    }
    if (json_as_text(json_get(input, "preset"), &preset) && preset.n > 0 &&
        presets_get(call->api->options.presets, preset) == NULL) {
        error_field(&error, "preset", "there is no preset \"%.*s\"",
                    (int)(preset.n < 128 ? preset.n : 128), preset.p);
        reply_error(call, &error);
        return;
    }
    json_writer_init(&w, &text);
    write_patch(call->api, profile, input, &w);
    struct json_doc *doc =
        configuring == NULL ? NULL : json_parse(strbuf_view(&text), NULL);
    strbuf_release(&text);
    if (doc == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    configuring->call = call_ref(call);
    configuring->then = then;
    int failed =
        profile == NULL
            ? profiles_create_for(profiles, LLAMA_ENGINE, json_root(doc),
                                  call->who.may_execute, &problems,
                                  on_configured, configuring, &error)
            : profiles_update(profiles, str_from(profile->id), json_root(doc),
                              call->who.may_execute, &problems, on_configured,
                              configuring, &error);
    json_doc_free(doc);
    if (failed < 0) {
        rename_problems(&problems, &error);
        reply_problems(call, &problems, &error);
        call_unref(call);
    }
}

static void
reply_config(struct call *call)
{
    if (call_is_open(call))
        llama_show_config(call);
}

void
llama_change_config(struct call *call)
{
    configure(call, call->input, reply_config);
}

void
llama_reset_config(struct call *call)
{
    if (llama_managed(call->api->options.llama) == NULL)
        llama_show_config(call);
    else
        configure(call, NULL, reply_config);
}

/* ---- what it is doing ---- */

static void
write_model(const struct llama_model *model, struct json_writer *w)
{
    struct str rest = str_from(model->aliases);
    json_object_begin(w);
    member_text(w, "name", model->name);
    member_text(w, "status", llama_state_name(model->state));
    member_real_if(w, "progress", model->progress >= 0, model->progress);
    member_int_if(w, "exit_code", model->exit_code >= 0, model->exit_code);
    member_int_if(w, "context_length", model->context_length > 0,
                  model->context_length);
    member_text(w, "path", model->path[0] == '\0' ? NULL : model->path);
    json_key(w, "aliases");
    json_array_begin(w);
    while (rest.n > 0)
        json_str(w, str_split(&rest, '\n'));
    json_array_end(w);
    json_object_end(w);
}

static const char *
status_word(enum instance_state state)
{
    switch (state) {
    case INSTANCE_READY:
    case INSTANCE_DRAINING: return "running";
    case INSTANCE_ATTACHING:
    case INSTANCE_STARTING:
    case INSTANCE_LOADING: return "starting";
    case INSTANCE_STOPPING: return "stopping";
    case INSTANCE_UNHEALTHY:
    case INSTANCE_FAILED:
    case INSTANCE_BACKOFF: return "error";
    default: return "idle";
    }
}

void
llama_status_write(struct api *api, struct json_writer *w)
{
    struct profile *profile = llama_managed(api->options.llama);
    struct instance_view view = { .state = INSTANCE_STOPPED };
    if (profile != NULL)
        server_view(api, profile, &view);
    bool is_running =
        profile != NULL && server_is_running(&view) && view.address.port > 0;
    char url[128];
    snprintf(url, sizeof url,
             str_find(str_from(view.address.host), ':') >= 0 ? "http://[%s]:%d"
                                                             : "http://%s:%d",
             view.address.host, view.address.port);
    json_object_begin(w);
    member_text(w, "status", status_word(view.state));
    member_text(w, "state", instance_state_name(view.state));
    member_text(w, "mode", "router");
    member_text(w, "profile_id", profile == NULL ? NULL : profile->id);
    member_bool(w, "is_attached", is_attached(profile));
    member_bool(w, "is_running", is_running);
    member_text(w, "url", is_running ? url : NULL);
    member_int_if(w, "port", is_running, view.address.port);
    member_int_if(w, "pid", view.pid > 0, view.pid);
    member_bool(w, "restart_required", view.restart_required);
    member_bool(w, "rescan_required",
                profile != NULL &&
                    llama_is_stale(api->options.llama, profile->id));
    member_text(w, "error",
                view.error.code == ERR_OK ? NULL : view.error.message);
    member_text(w, "advice",
                view.error.code == ERR_OK || view.advice[0] == '\0'
                    ? NULL
                    : view.advice);
    json_key(w, "models");
    json_array_begin(w);
    for (size_t i = 0;
         profile != NULL && i < llama_count(api->options.llama, profile->id);
         i++)
        write_model(llama_at(api->options.llama, profile->id, i), w);
    json_array_end(w);
    json_object_end(w);
}

void
llama_show_status(struct call *call)
{
    llama_status_write(call->api, reply_begin(call));
    reply_end(call, 200);
}

/* ---- start, stop, restart ---- */

/* As the server that it is. */
static bool
name_server(struct call *call)
{
    const struct profile *profile = llama_managed(call->api->options.llama);
    if (profile == NULL) {
        reply_errorf(call, ERR_CONFLICT, "the llama router is not running");
        return false;
    }
    call->params[0] = str_from(arena_str(&call->arena, str_from(profile->id)));
    call->n_params = 1;
    return true;
}

static void
start_server(struct call *call)
{
    if (call_is_open(call) && name_server(call))
        servers_start(call);
}

void
llama_start(struct call *call)
{
    bool has_input = call->input != NULL && json_count(call->input) > 0;
    struct instance_view view;
    struct profile *profile = llama_managed(call->api->options.llama);
    if (profile != NULL && has_input) {
        server_view(call->api, profile, &view);
        if (server_is_running(&view)) {
            reply_errorf(call, ERR_CONFLICT,
                         "the llama router is running: stop it to start it "
                         "with something else");
            return;
        }
    }
    if (profile != NULL && !has_input)
        start_server(call);
    else
        configure(call, call->input, start_server);
}

void
llama_stop(struct call *call)
{
    if (name_server(call))
        servers_stop(call);
}

void
llama_restart(struct call *call)
{
    if (name_server(call))
        servers_restart(call);
}

static void
on_rescanned(void *ctx, const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL)
        reply_error(call, error);
    else if (call_is_open(call) && !call->api->is_closed)
        llama_show_status(call);
    call_unref(call);
}

void
llama_do_rescan(struct call *call)
{
    struct error error;
    struct profile *profile = llama_managed(call->api->options.llama);
    call_ref(call);
    if (profile == NULL) {
        reply_errorf(call, ERR_CONFLICT, "the llama router is not running");
        call_unref(call);
    } else if (llama_rescan(call->api->options.llama, profile->id, on_rescanned,
                            call, &error) < 0) {
        reply_error(call, &error);
        call_unref(call);
    }
}
