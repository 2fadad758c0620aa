/* The llama router and the launch profiles of models, as this wire has them:
 * its names are those of the dashboard that it comes from. */
#include "api/live/live_internal.h"

/* routerConfig's names, and REST's. */
static const struct {
    const char *live, *rest;
} names[] = {
    { "modelsPath", "models_dir" },
    { "host", "host" },
    { "port", "port" },
    { "maxModelsLoaded", "models_max" },
    { "parallelSlots", "parallel" },
    { "ctxSize", "ctx_size" },
    { "gpuLayers", "n_gpu_layers" },
    { "threads", "threads" },
    { "threadsHttp", "threads_http" },
    { "batchSize", "batch_size" },
    { "temperature", "temp" },
    { "repeatPenalty", "repeat_penalty" },
    { "metricsEnabled", "metrics" },
    { "autoStartOnLaunch", "auto_start" },
    { "preset", "preset" },
    { "apiKey", "api_key" },
    { "attach", "attach" },
};
enum { N_NAMES = sizeof names / sizeof *names };

/* ---- bodies ---- */

/* Members of the library's record: what is not of these is of the launch. */
bool
suits_record(const struct json *request)
{
    static const char *const members[] = { "is_favourite", "tags",
                                           "civitai_url" };
    const struct json *updates = json_get(request, "updates");
    struct json_iter iter;
    if (json_type(updates) != JSON_OBJECT)
        return false;
    for (json_iter_init(&iter, updates); json_iter_next(&iter);) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
            is_known = is_known || str_is(iter.key, members[i]);
        if (!is_known)
            return false;
    }
    return true;
}

/* Without what only names the model. */
void
body_model(const struct json *request, struct json_writer *w)
{
    static const char *const naming[] = { "modelId", "model_id", "id",
                                          "modelName", "name" };
    struct json_iter iter;
    json_object_begin(w);
    if (json_type(json_get(request, "model")) == JSON_OBJECT)
        for (json_iter_init(&iter, json_get(request, "model"));
             json_iter_next(&iter);) {
            bool is_name = false;
            for (size_t i = 0; i < sizeof naming / sizeof *naming; i++)
                is_name = is_name || str_is(iter.key, naming[i]);
            if (is_name)
                continue;
            json_key_str(w, iter.key);
            json_value(w, iter.value);
        }
    json_object_end(w);
}

/* Further names, of the dashboard's older `config` and `settings`. */
static const struct {
    const char *live, *rest;
} older_names[] = {
    { "serverPath", "server_path" }, { "baseModelsPath", "models_dir" },
    { "ctx_size", "ctx_size" },      { "batch_size", "batch_size" },
    { "autoLoadModels", NULL }, /* it always does */
};

static const char *
rest_name(struct str key)
{
    for (size_t i = 0; i < sizeof older_names / sizeof *older_names; i++)
        if (str_is(key, older_names[i].live))
            return older_names[i].rest;
    for (size_t i = 0; i < N_NAMES; i++)
        if (str_is(key, names[i].live))
            return names[i].rest;
    return NULL;
}

static void
write_router_patch(const struct json *config, struct json_writer *w)
{
    struct json_iter iter;
    json_object_begin(w);
    for (json_iter_init(&iter, config); json_iter_next(&iter);) {
        const char *name = rest_name(iter.key);
        bool is_on;
        if (str_is(iter.key, "autoLoadModels") &&
            (json_type(iter.value) == JSON_NULL ||
             (json_as_bool(iter.value, &is_on) && is_on)))
            continue;
        if (name != NULL)
            json_key(w, name);
        else
            json_key_str(w, iter.key); /* REST's own name, or a wrong one */
        json_value(w, iter.value);
    }
    json_object_end(w);
}

static const struct json *
router_members(const struct json *request)
{
    const struct json *config = json_get(request, "config");
    if (json_type(config) != JSON_OBJECT)
        config = json_get(request, "settings");
    return json_type(config) == JSON_OBJECT ? config : request;
}

void
body_router_config(const struct json *request, struct json_writer *w)
{
    write_router_patch(router_members(request), w);
}

/* Whether `config` and `settings` are those of that dashboard: about what
 * the router is started with. host and port alone are Hearth's. */
bool
suits_router(const struct json *request)
{
    struct json_iter iter;
    size_t n_own = 0;
    for (json_iter_init(&iter, router_members(request));
         json_iter_next(&iter);) {
        if (rest_name(iter.key) == NULL && !str_is(iter.key, "autoLoadModels"))
            return false;
        n_own += !str_is(iter.key, "host") && !str_is(iter.key, "port");
    }
    return n_own > 0;
}

void
body_with_preset(const struct json *request, struct json_writer *w)
{
    static const char *const from[] = { "presetName", "maxModels", "ctxSize",
                                        "threads" };
    static const char *const to[] = { "preset", "models_max", "ctx_size",
                                      "threads" };
    json_object_begin(w);
    for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
        const struct json *value = json_get(request, from[i]);
        if (value != NULL) {
            json_key(w, to[i]);
            json_value(w, value);
        }
    }
    json_object_end(w);
}

/* ---- answers ---- */

void
write_llama_status(const struct json *status, struct json_writer *w)
{
    json_object_begin(w);
    copy_member(status, "status", "status", w);
    copy_member(status, "port", "port", w);
    copy_member(status, "url", "url", w);
    copy_member(status, "is_running", "processRunning", w);
    copy_member(status, "mode", "mode", w);
    copy_member(status, "is_attached", "attached", w);
    copy_member(status, "pid", "pid", w);
    copy_member(status, "error", "error", w);
    copy_member(status, "models", "models", w);
    json_object_end(w);
}

void
shape_llama(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "status");
    write_llama_status(input->data, w);
    json_object_end(w);
}

/* REST has waited for it to be ready. */
void
shape_llama_started(const struct shape_input *input, struct json_writer *w)
{
    struct strbuf text = STRBUF_INIT(64 * MIB);
    struct json_writer plain;
    json_writer_init(&plain, &text);
    llama_status_write(input->api, &plain);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    const struct json *status = doc == NULL ? NULL : json_root(doc);
    json_object_begin(w);
    member_bool(w, "success", true);
    copy_member(status, "port", "port", w);
    copy_member(status, "url", "url", w);
    member_text(w, "mode", "router");
    copy_member(status, "status", "status", w);
    json_object_end(w);
    json_doc_free(doc);
    strbuf_release(&text);
}

void
shape_llama_stopped(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    member_bool(w, "success", true);
    copy_member(input->data, "stop", "stop", w);
    json_object_end(w);
}

static void
write_config_members(const struct json *config, struct json_writer *w)
{
    json_object_begin(w);
    for (size_t i = 0; i < N_NAMES; i++)
        copy_member(config, names[i].rest, names[i].live, w);
    copy_member(config, "server_path", "serverPath", w);
    json_object_end(w);
}

void
write_router_config(const struct json *config, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "config");
    write_config_members(config, w);
    json_object_end(w);
}

void
shape_router_config(const struct shape_input *input, struct json_writer *w)
{
    write_router_config(input->data, w);
}

void
shape_llama_settings(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "settings");
    write_config_members(input->data, w);
    json_object_end(w);
}

/* The older `config`. */
void
shape_config(const struct shape_input *input, struct json_writer *w)
{
    static const char *const members[][2] = {
        { "server_path", "serverPath" },
        { "host", "host" },
        { "port", "port" },
        { "models_dir", "baseModelsPath" },
        { "ctx_size", "ctx_size" },
        { "batch_size", "batch_size" },
        { "threads", "threads" },
    };
    json_object_begin(w);
    json_key(w, "config");
    json_object_begin(w);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        copy_member(input->data, members[i][0], members[i][1], w);
    json_object_end(w);
    json_object_end(w);
}

void
shape_models_dir(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    copy_member(input->data, "models_dir", "modelsDir", w);
    json_object_end(w);
}

/* The model with the profile that it is launched by. */
void
write_launched(struct api *api, struct str id, struct json_writer *w)
{
    const struct model *model = library_find(api->options.library, id);
    json_object_begin(w);
    json_key(w, "model");
    if (model == NULL)
        json_null(w);
    else
        model_write(api, model, w);
    json_key(w, "profile");
    struct profile *profile =
        model == NULL
            ? NULL
            : profiles_resolve(api->options.profiles, str_from(model->name));
    if (profile == NULL)
        json_null(w);
    else
        profile_write(api, profile, w);
    json_object_end(w);
}

void
shape_launched(const struct shape_input *input, struct json_writer *w)
{
    write_launched(input->api, input->subject, w);
}
