/* /api/models: the library. Reads come from memory. */
#include "api/handlers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/fit/fit.h"
#include "formats/sidecar.h"
#include "io/worker.h"

static void
write_field(const struct model *model, const struct model_field *field,
            struct json_writer *out)
{
    const void *at = (const char *)model + field->offset;
    json_key(out, field->name);
    switch (field->type) {
    case MODEL_TEXT: json_text(out, *(char *const *)at); break;
    case MODEL_INT: json_int(out, *(const int64_t *)at); break;
    case MODEL_BOOL: json_bool(out, *(const bool *)at); break;
    case MODEL_CHOICE:
        json_text(out, field->choices[*(const unsigned *)at]);
        break;
    case MODEL_LIST: {
        const struct text_list *list = at;
        json_array_begin(out);
        for (size_t i = 0; i < list->n; i++)
            json_text(out, list->at[i]);
        json_array_end(out);
        break;
    }
    }
}

static void
write_location(const struct model *place, struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "id", place->id);
    member_text(out, "name", place->name);
    member_text(out, "path", place->path);
    member_text(out, "source", model_source_names[place->source]);
    member_text(out, "category", model_category_names[place->category]);
    member_int(out, "modified_at_ms", place->modified_at_ms);
    json_key(out, "other_paths");
    json_array_begin(out);
    for (size_t i = 0; i < place->other_paths.n; i++)
        json_text(out, place->other_paths.at[i]);
    json_array_end(out);
    json_object_end(out);
}

static void
write_locations(const struct library *library, const struct model *model,
                struct json_writer *out)
{
    const struct model *place;
    json_key(out, "locations");
    json_array_begin(out);
    for (size_t i = 0; (place = library_location(library, model, i)) != NULL;
         i++)
        write_location(place, out);
    json_array_end(out);
}

static void
write_model(struct api *api, const struct model *model, unsigned left_out,
            struct json_writer *out)
{
    const struct library *library = api->options.library;
    struct instance_view view = { .state = INSTANCE_STOPPED };
    instances_view(api->options.instances, model->id, &view);
    json_object_begin(out);
    member_text(out, "id", model->id);
    for (size_t i = 0; i < n_model_fields; i++)
        if (model_fields[i].offset == offsetof(struct model, category))
            member_text(out, "category",
                        model_category_names[library_category(library, model)]);
        else if ((model_fields[i].flags & left_out) == 0)
            write_field(model, &model_fields[i], out);
    member_int(out, "n_locations",
               (int64_t)library_n_locations(library, model));
    if ((left_out & MODEL_DETAIL) == 0)
        write_locations(library, model, out);
    member_text(out, "state", instance_state_name(view.state));
    json_object_end(out);
}

void
model_write(struct api *api, const struct model *model, struct json_writer *out)
{
    write_model(api, model, MODEL_HIDDEN | MODEL_DETAIL, out);
}

static void
reply_model(struct call *call, const struct model *model)
{
    write_model(call->api, model, MODEL_HIDDEN, reply_begin(call));
    reply_end(call, 200);
}

const struct model *
call_model(struct call *call)
{
    struct str id = call->params[0];
    const struct model *model = library_find(call->api->options.library, id);
    if (model == NULL)
        reply_errorf(call, ERR_NOT_FOUND,
                     "there is no model \"%.*s\" in the library",
                     (int)(id.n > 200 ? 200 : id.n), id.p);
    return model;
}

/* -1 when it was not asked for. */
static int
query_choice(struct call *call, const char *name, const char *const *choices)
{
    struct str text = query_text(call, name);
    return text.n == 0 ? -1 : model_choice(choices, text);
}

/* ---- what fits (core/fit: a glance) ---- */

struct look {
    struct call *call;
    struct fit_machine machine;
};

/* Leaves those that fit, or those that do not. */
static size_t
keep_fitting(const struct model **models, size_t n, bool is_fitting,
             int64_t memory_bytes)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++)
        if ((fit_glance_bytes(models[i]) <= memory_bytes) == is_fitting)
            models[n_kept++] = models[i];
    return n_kept;
}

static void
look_work(void *arg)
{
    fit_read_machine(&((struct look *)arg)->machine);
}

static void
look_done(void *arg)
{
    struct look *look = arg;
    struct call *call = look->call;
    call->api->memory_bytes = fit_machine_bytes(&look->machine);
    if (call_is_open(call) && !call->api->is_closed)
        models_list(call);
    call_unref(call);
}

/* The list is made once the machine's memory is known, which stays. */
static void
look_at_machine(struct call *call)
{
    struct look *look = arena_alloc(&call->arena, sizeof *look);
    if (look != NULL) {
        look->call = call_ref(call);
        if (worker_submit(call->api->options.loop, look_work, look_done,
                          look) == 0)
            return;
        call_unref(call);
    }
    reply_errorf(call, ERR_NO_MEMORY, "out of memory");
}

void
models_list(struct call *call)
{
    bool asks_fit = query_text(call, "fits").n > 0;
    int64_t memory_bytes = call->api->memory_bytes;
    if (asks_fit && memory_bytes == 0) {
        look_at_machine(call);
        return;
    }
    if (asks_fit && memory_bytes < 0) {
        reply_errorf(call, ERR_UNAVAILABLE,
                     "the system does not say its memory");
        return;
    }
    const struct library_query query = {
        .text = query_text(call, "q"),
        .architecture = query_text(call, "arch"),
        .quantization = query_text(call, "quant"),
        .tag = query_text(call, "tag"),
        .kind = query_choice(call, "kind", model_kind_names),
        .source = query_choice(call, "source", model_source_names),
        .category = query_choice(call, "category", model_category_names),
        .favourite = query_text(call, "favourite").n == 0
                         ? -1
                         : query_bool(call, "favourite", false),
        .sort = query_text(call, "sort"),
        .is_descending = str_is(query_text(call, "order"), "desc"),
    };
    const struct model **models;
    size_t n;
    if (library_select(call->api->options.library, &query, &models, &n) < 0) {
        reply_errorf(call, ERR_NO_MEMORY, "out of memory");
        return;
    }
    if (asks_fit)
        n = keep_fitting(models, n, query_bool(call, "fits", true),
                         memory_bytes);
    size_t first = (size_t)query_int(call, "offset", 0);
    size_t limit = (size_t)query_int(call, "limit", INT64_MAX);
    struct json_writer *w = reply_begin(call);
    json_array_begin(w);
    for (size_t i = first; i < n && i - first < limit; i++)
        model_write(call->api, models[i], w);
    json_array_end(w);
    free(models);
    char total[24];
    snprintf(total, sizeof total, "%zu", n);
    const struct http_header header = { STR("X-Total-Count"), str_from(total) };
    reply_end_with(call, 200, &header);
}

void
models_show(struct call *call)
{
    const struct model *model = call_model(call);
    if (model != NULL)
        reply_model(call, model);
}

/* ---- duplicates ---- */

void
models_duplicates(struct call *call)
{
    const struct library *library = call->api->options.library;
    struct json_writer *w = reply_begin(call);
    json_array_begin(w);
    for (size_t i = 0; i < library_count(library); i++) {
        const struct model *model = library_at(library, i);
        if (library_location(library, model, 1) == NULL)
            continue;
        json_object_begin(w);
        member_text(w, "id", model->id);
        member_text(w, "name", model->name);
        member_text(w, "sha256", model->sha256);
        member_int(w, "size_bytes", model->size_bytes);
        write_locations(library, model, w);
        json_object_end(w);
    }
    json_array_end(w);
    reply_end(call, 200);
}

/* ---- scanning ---- */

void
scan_write(const struct library_progress *progress, struct json_writer *out)
{
    scan_write_of(progress->number, progress, out);
}

void
scan_write_of(int64_t number, const struct library_progress *progress,
              struct json_writer *out)
{
    char id[SCAN_ID_BYTES];
    snprintf(id, sizeof id, SCAN_ID_FORMAT, number);
    bool is_waiting = number > progress->number;
    json_object_begin(out);
    member_text(out, "task_id", id);
    member_text(out, "status",
                is_waiting             ? "queued"
                : progress->is_running ? "running"
                                       : "completed");
    member_bool(out, "is_running", progress->is_running);
    member_int(out, "n_models", (int64_t)progress->n_found);
    member_int(out, "n_read", (int64_t)progress->n_read);
    member_int(out, "n_to_read", (int64_t)progress->n_to_read);
    member_int(out, "n_errors", (int64_t)progress->n_errors);
    member_int(out, "finished_at_ms", progress->finished_at_ms);
    json_object_end(out);
}

static void
reply_scan(struct call *call, int status, int64_t number)
{
    struct library_progress progress;
    library_progress(call->api->options.library, &progress);
    scan_write_of(number > 0 ? number : progress.number, &progress,
                  reply_begin(call));
    reply_end(call, status);
}

static void
on_scanned(void *ctx)
{
    struct call *call = ctx;
    if (call_is_open(call) && !call->api->is_closed)
        reply_scan(call, 200, 0);
    call_unref(call);
}

void
models_scan_show(struct call *call)
{
    reply_scan(call, 200, 0);
}

void
models_scan(struct call *call)
{
    if (query_bool(call, "wait", true)) {
        library_scan(call->api->options.library, on_scanned, call_ref(call));
        return;
    }
    reply_scan(call, 202, library_scan(call->api->options.library, NULL, NULL));
}

/* ---- what the user says ---- */

static void
on_changed(void *ctx, const struct model *model, const struct error *error)
{
    struct call *call = ctx;
    if (call_is_open(call) && error != NULL) {
        reply_error(call, error);
    } else if (call_is_open(call)) {
        reply_model(call, model);
    }
    call_unref(call);
}

static int
read_tags(struct call *call, struct text_list *tags, struct error *error)
{
    enum { TAGS_MAX = 64 };
    const struct json *list = json_get(call->input, "tags");
    if (json_count(list) > TAGS_MAX)
        return error_field(error, "tags", "are more than %d", TAGS_MAX);
    for (size_t i = 0; i < json_count(list); i++) {
        struct str tag = STR("");
        json_as_text(json_at(list, i), &tag);
        if (!text_list_has(tags, tag) && text_list_add(tags, tag) < 0)
            return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    return 0;
}

void
models_update(struct call *call)
{
    const struct model *model = call_model(call);
    struct library_patch patch = { .is_favourite = -1 };
    struct text_list tags = { NULL, 0 };
    struct error error;
    bool is_favourite;
    if (model == NULL)
        return;
    if (json_as_bool(json_get(call->input, "is_favourite"), &is_favourite))
        patch.is_favourite = is_favourite;
    if (json_get(call->input, "tags") != NULL)
        patch.tags = &tags;
    struct str url;
    int64_t ids[2];
    char *owned = NULL;
    if (json_as_text(json_get(call->input, "civitai_url"), &url))
        patch.civitai_url = owned = arena_str(&call->arena, url);
    int result = read_tags(call, &tags, &error);
    if (result == 0 && owned != NULL && owned[0] != '\0' &&
        !civitai_page_read(url, &ids[0], &ids[1]))
        result = error_field(&error, "civitai_url",
                             "is no page of a model (https://.../models/N)");
    if (result == 0)
        result = library_update(call->api->options.library, model->id, &patch,
                                on_changed, call_ref(call), &error);
    else
        call_ref(call);
    text_list_release(&tags);
    if (result < 0) {
        reply_error(call, &error);
        call_unref(call);
    }
}
