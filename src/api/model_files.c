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

/* ---- which place ---- */

static bool
is_place(const struct model *place, struct str location)
{
    return str_is(location, place->path) || str_is(location, place->id) ||
           text_list_has(&place->other_paths, location);
}

/* The place that is meant: where `location` says, else the one that has this
 * id without standing for the model, else the only one. NULL with `error`. */
static const struct model *
choose_place(const struct library *library, const struct model *model,
             struct str id, struct str location, struct error *error)
{
    const struct model *place;
    bool is_said = location.n > 0;
    size_t n = 0;
    for (; (place = library_location(library, model, n)) != NULL; n++)
        if (is_said ? is_place(place, location)
                    : n > 0 && str_is(id, place->id))
            return place;
    if (is_said)
        error_field(error, "location",
                    "\"%.*s\" is no place of %s (see its locations)",
                    (int)(location.n > 200 ? 200 : location.n), location.p,
                    model->name);
    else if (n > 1)
        error_set(error, ERR_CONFLICT,
                  "%s lies in %zu places; say which as location (see its "
                  "locations)",
                  model->name, n);
    return is_said || n > 1 ? NULL : model;
}

/* ---- deleting ---- */

/* One place after the other; what was touched is written as it comes. */
struct removal {
    struct call *call;
    char (*ids)[ID_BYTES];
    size_t n, at;
    bool is_dry;
    int64_t size_bytes;
    struct strbuf files; /* JSON, without the brackets */
};

static void
removal_end(struct removal *removal, const struct error *error)
{
    struct call *call = removal->call;
    bool is_open = call_is_open(call) && !call->api->is_closed;
    if (is_open && error != NULL && removal->at > 0 && !removal->is_dry) {
        reply_errorf(call, error->code, "%s (%zu of %zu places are deleted)",
                     error->message, removal->at, removal->n);
    } else if (is_open && error != NULL) {
        reply_error(call, error);
    } else if (is_open && strbuf_failed(&removal->files)) {
        reply_errorf(call, ERR_NO_MEMORY, "out of memory for the answer");
    } else if (is_open) {
        struct json_writer *w = reply_begin(call);
        json_object_begin(w);
        member_bool(w, "is_deleted", !removal->is_dry);
        json_key(w, "files");
        json_array_begin(w);
        if (removal->files.n > 0)
            json_raw(w, strbuf_view(&removal->files));
        json_array_end(w);
        member_int(w, "size_bytes", removal->size_bytes);
        json_object_end(w);
        reply_end(call, 200);
    }
    strbuf_release(&removal->files);
    free(removal->ids);
    free(removal);
    call_unref(call);
}

static void removal_next(struct removal *removal);

static void
on_removed(void *ctx, const struct library_files *files,
           const struct error *error)
{
    struct removal *removal = ctx;
    if (error != NULL) {
        removal_end(removal, error);
        return;
    }
    for (size_t i = 0; i < files->n; i++) {
        struct json_writer w;
        if (removal->files.n > 0)
            strbuf_add_byte(&removal->files, ',');
        json_writer_init(&w, &removal->files);
        json_text(&w, files->paths[i]);
    }
    removal->size_bytes += files->size_bytes;
    removal->at++;
    removal_next(removal);
}

static void
removal_next(struct removal *removal)
{
    struct api *api = removal->call->api;
    if (removal->at == removal->n || api->is_closed)
        removal_end(removal, NULL);
    else
        library_delete(api->options.library, removal->ids[removal->at],
                       removal->is_dry, on_removed, removal);
}

/* The places that are to go: the chosen one, or all of them. Not one while it
 * is served. -1 with `error`. */
static int
choose_places(struct removal *removal, const struct model *model,
              struct error *error)
{
    struct call *call = removal->call;
    const struct library *library = call->api->options.library;
    struct str location = query_text(call, "location");
    const struct model *place = NULL;
    bool is_all =
        str_is(location, "all") || (removal->is_dry && location.n == 0);
    if (!is_all) {
        place = choose_place(library, model, call->params[0], location, error);
        if (place == NULL)
            return -1;
    }
    size_t n = library_n_locations(library, model);
    removal->ids = calloc(n, sizeof *removal->ids);
    if (removal->ids == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    /* Backwards: what stands for the model goes last. */
    for (size_t i = n; i-- > 0;) {
        const struct model *other = library_location(library, model, i);
        if (place != NULL && other != place)
            continue;
        if (!removal->is_dry && check_unused(call->api, other, error) < 0)
            return -1;
        memcpy(removal->ids[removal->n++], other->id, ID_BYTES);
    }
    return 0;
}

void
models_remove(struct call *call)
{
    const struct model *model = call_model(call);
    struct error error;
    if (model == NULL)
        return;
    struct removal *removal = calloc(1, sizeof *removal);
    if (removal == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "out of memory");
        return;
    }
    removal->call = call_ref(call);
    removal->is_dry = query_bool(call, "dry_run", false);
    strbuf_init(&removal->files, 8 * MIB);
    if (choose_places(removal, model, &error) < 0)
        removal_end(removal, &error);
    else
        removal_next(removal);
}

/* ---- moving ---- */

static enum model_category
asked_category(const struct call *call)
{
    return str_is(input_text(call, "category"), "archive") ? MODEL_ARCHIVE
                                                           : MODEL_ACTIVE;
}

static void
write_names(const char *key, const struct text_list *names,
            struct json_writer *out)
{
    json_key(out, key);
    json_array_begin(out);
    for (size_t i = 0; i < names->n; i++)
        json_text(out, names->at[i]);
    json_array_end(out);
}

static void
on_moved(void *ctx, const struct model *model,
         const struct library_moved *moved, const struct error *error)
{
    struct call *call = ctx;
    if (call_is_open(call) && error != NULL) {
        reply_error(call, error);
    } else if (call_is_open(call)) {
        struct json_writer *w = reply_begin(call);
        json_object_begin(w);
        member_int(w, "moved_count", 1);
        member_text(w, "old_path", moved->old_path);
        member_text(w, "new_path", model == NULL ? "" : model->path);
        write_names("moved_names", &moved->moved, w);
        write_names("relinked_names", &moved->relinked, w);
        write_names("left_names", &moved->left, w);
        member_text(w, "message", comfy_hint);
        json_object_end(w);
        reply_end(call, 200);
    }
    call_unref(call);
}

void
models_move(struct call *call)
{
    struct library *library = call->api->options.library;
    const struct model *model = call_model(call);
    struct error error;
    if (model == NULL)
        return;
    const struct model *place = choose_place(
        library, model, call->params[0], input_text(call, "location"), &error);
    if (place == NULL || check_unused(call->api, place, &error) < 0) {
        reply_error(call, &error);
        return;
    }
    library_move(library, place->id, asked_category(call), on_moved,
                 call_ref(call));
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
           const struct library_moved *moved, const struct error *error)
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
    if (error == NULL && moved->left.n > 0)
        write_names("left_names", &moved->left, &w);
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
on_bulk_moved(void *ctx, const struct model *model,
              const struct library_moved *moved, const struct error *error)
{
    struct bulk *bulk = ctx;
    add_detail(bulk, bulk_id(bulk), model, moved, error);
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
        struct library *library = api->options.library;
        const struct model *model = library_find(library, id), *place;
        struct error error;
        if (model == NULL) {
            error_set(&error, ERR_NOT_FOUND, "there is no such model");
        } else if ((place = choose_place(library, model, id, STR(""),
                                         &error)) != NULL &&
                   check_unused(api, place, &error) == 0) {
            library_move(library, place->id, asked_category(bulk->call),
                         on_bulk_moved, bulk);
            return;
        }
        add_detail(bulk, id, NULL, NULL, &error);
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
