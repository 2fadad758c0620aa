/* /api/models: deleting and moving files. A model that an engine runs, by
 * whatever profile, stays as it is: 409. */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BULK_MAX = 1000 };

static const char comfy_hint[] = "Models moved. Press 'r' in ComfyUI to "
                                 "refresh the model list";

/* ---- in use ---- */

struct use {
    const struct model *model;
    char profile[LIMIT_NAME_BYTES];
};

static void
look_at_instance(void *ctx, const struct instance_view *view)
{
    struct use *use = ctx;
    if (!server_is_running(view) || view->profile == NULL)
        return;
    const char *path = view->profile->model_path;
    if (strcmp(path, use->model->path) == 0 ||
        text_list_has(&use->model->other_paths, str_from(path)))
        snprintf(use->profile, sizeof use->profile, "%s", view->profile->name);
}

/* A server for many models may have it loaded. */
static void
look_at_llama(struct api *api, const struct model *model, struct use *use)
{
    const struct llama_model *loaded;
    const struct profile *profile =
        profiles_get(api->options.profiles, str_from(model->id));
    const struct profile *server =
        profile == NULL
            ? NULL
            : llama_resolve(api->options.llama, str_from(model->name), profile,
                            &loaded);
    if (server != NULL && loaded->state != LLAMA_UNLOADED &&
        loaded->state != LLAMA_FAILED)
        snprintf(use->profile, sizeof use->profile, "%s", server->name);
}

/* -1 with `error` when an engine runs it. */
static int
check_unused(struct api *api, const struct model *model, struct error *error)
{
    struct use use = { .model = model };
    instances_each(api->options.instances, look_at_instance, &use);
    if (use.profile[0] == '\0')
        look_at_llama(api, model, &use);
    if (use.profile[0] == '\0')
        return 0;
    return error_set(error, ERR_CONFLICT,
                     "%s is being served (%s): stop that first", model->name,
                     use.profile);
}

/* ---- deleting ---- */

static void
on_removed(void *ctx, const struct library_files *files,
           const struct error *error)
{
    struct call *call = ctx;
    if (call_is_open(call) && error != NULL) {
        reply_error(call, error);
    } else if (call_is_open(call)) {
        struct json_writer *w = reply_begin(call);
        json_object_begin(w);
        member_bool(w, "is_deleted", !query_bool(call, "dry_run", false));
        json_key(w, "files");
        json_array_begin(w);
        for (size_t i = 0; i < files->n; i++)
            json_text(w, files->paths[i]);
        json_array_end(w);
        member_int(w, "size_bytes", files->size_bytes);
        json_object_end(w);
        reply_end(call, 200);
    }
    call_unref(call);
}

void
models_remove(struct call *call)
{
    const struct model *model = call_model(call);
    struct error error;
    if (model == NULL)
        return;
    bool is_dry = query_bool(call, "dry_run", false);
    if (!is_dry && check_unused(call->api, model, &error) < 0) {
        reply_error(call, &error);
        return;
    }
    library_delete(call->api->options.library, model->id, is_dry, on_removed,
                   call_ref(call));
}

/* ---- moving ---- */

static enum model_category
asked_category(const struct call *call)
{
    return str_is(input_text(call, "category"), "archive") ? MODEL_ARCHIVE
                                                           : MODEL_ACTIVE;
}

static void
on_moved(void *ctx, const struct model *model, const char *old_path,
         const struct error *error)
{
    struct call *call = ctx;
    if (call_is_open(call) && error != NULL) {
        reply_error(call, error);
    } else if (call_is_open(call)) {
        struct json_writer *w = reply_begin(call);
        json_object_begin(w);
        member_int(w, "moved_count", 1);
        member_text(w, "old_path", old_path);
        member_text(w, "new_path", model == NULL ? "" : model->path);
        member_text(w, "message", comfy_hint);
        json_object_end(w);
        reply_end(call, 200);
    }
    call_unref(call);
}

void
models_move(struct call *call)
{
    const struct model *model = call_model(call);
    struct error error;
    if (model == NULL)
        return;
    if (check_unused(call->api, model, &error) < 0) {
        reply_error(call, &error);
        return;
    }
    library_move(call->api->options.library, model->id, asked_category(call),
                 on_moved, call_ref(call));
}

/* Several, one after the other: what became of each is written as it comes. */
struct bulk {
    struct call *call;
    struct strbuf details; /* JSON, without the brackets */
    size_t at, n_moved, n_failed;
};

static void bulk_next(struct bulk *bulk);

static void
add_detail(struct bulk *bulk, struct str id, const struct model *model,
           const struct error *error)
{
    struct json_writer w;
    if (bulk->details.n > 0)
        strbuf_add_byte(&bulk->details, ',');
    json_writer_init(&w, &bulk->details);
    json_object_begin(&w);
    json_key(&w, "id");
    json_str(&w, id);
    member_text(&w, "status", error == NULL ? "moved" : "failed");
    if (error != NULL)
        member_text(&w, "error", error->message);
    else
        member_text(&w, "new_path", model == NULL ? "" : model->path);
    json_object_end(&w);
    bulk->n_moved += error == NULL;
    bulk->n_failed += error != NULL;
}

static struct str
bulk_id(const struct bulk *bulk)
{
    struct str id = STR("");
    json_as_text(json_at(json_get(bulk->call->input, "model_ids"), bulk->at),
                 &id);
    return id;
}

static void
bulk_end(struct bulk *bulk)
{
    struct call *call = bulk->call;
    if (strbuf_failed(&bulk->details)) {
        reply_errorf(call, ERR_NO_MEMORY, "out of memory for the answer");
    } else if (call_is_open(call)) {
        struct json_writer *w = reply_begin(call);
        char message[96];
        snprintf(message, sizeof message, "%zu moved, %zu failed",
                 bulk->n_moved, bulk->n_failed);
        json_object_begin(w);
        member_int(w, "moved_count", (int64_t)bulk->n_moved);
        member_int(w, "failed_count", (int64_t)bulk->n_failed);
        json_key(w, "details");
        json_array_begin(w);
        json_raw(w, strbuf_view(&bulk->details)); /* one or more, with commas */
        json_array_end(w);
        member_text(w, "message", bulk->n_failed == 0 ? comfy_hint : message);
        json_object_end(w);
        reply_end(call, 200);
    }
    strbuf_release(&bulk->details);
    free(bulk);
    call_unref(call);
}

static void
on_bulk_moved(void *ctx, const struct model *model, const char *old_path,
              const struct error *error)
{
    (void)old_path;
    struct bulk *bulk = ctx;
    add_detail(bulk, bulk_id(bulk), model, error);
    bulk->at++;
    bulk_next(bulk);
}

static void
bulk_next(struct bulk *bulk)
{
    struct api *api = bulk->call->api;
    size_t n = json_count(json_get(bulk->call->input, "model_ids"));
    for (; bulk->at < n && !api->is_closed; bulk->at++) {
        struct str id = bulk_id(bulk);
        const struct model *model = library_find(api->options.library, id);
        struct error error;
        if (model == NULL) {
            error_set(&error, ERR_NOT_FOUND, "there is no such model");
        } else if (check_unused(api, model, &error) == 0) {
            library_move(api->options.library, model->id,
                         asked_category(bulk->call), on_bulk_moved, bulk);
            return;
        }
        add_detail(bulk, id, NULL, &error);
    }
    bulk_end(bulk);
}

void
models_bulk_move(struct call *call)
{
    size_t n = json_count(json_get(call->input, "model_ids"));
    struct error error;
    if (n == 0 || n > BULK_MAX) {
        error_field(&error, "model_ids", "must name 1 to %d models", BULK_MAX);
        reply_error(call, &error);
        return;
    }
    struct bulk *bulk = calloc(1, sizeof *bulk);
    if (bulk == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "out of memory");
        return;
    }
    bulk->call = call_ref(call);
    strbuf_init(&bulk->details, 8 * MIB);
    bulk_next(bulk);
}
