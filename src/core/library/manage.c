/* Changing models: what the user says of them, moving, deleting. Decided
 * here, on the loop; done in manage_files.c, on a worker; taken over here
 * again. Two changes of one model do not run at once. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/manage_internal.h"
#include "formats/sidecar.h"
#include "io/worker.h"
#include "store/store.h"

/* ---- what the user says ---- */

struct update {
    struct library *library;
    struct model *model; /* as it becomes */
    library_done_fn *on_done;
    void *ctx;
};

static const char *const users_fields[] = {
    "tags",         "civitai_url", "civitai_model_id", "civitai_version_id",
    "is_favourite", NULL
};

static void
copy_users_fields(struct model *to, const struct model *from)
{
    for (size_t i = 0; i < n_model_fields; i++)
        if (model_choice(users_fields, str_from(model_fields[i].name)) >= 0)
            model_copy_field(to, from, &model_fields[i]);
}

static void
on_stored(void *ctx, const struct error *error)
{
    struct update *update = ctx;
    struct model *model = library_get(update->library, update->model->id);
    if (error == NULL && model != NULL) {
        copy_users_fields(model, update->model);
        events_publish(update->library->events, EVENT_LIBRARY_CHANGED,
                       model->id, NULL);
    }
    if (update->on_done != NULL)
        update->on_done(update->ctx, error == NULL ? update->model : NULL,
                        error);
    model_free(update->model);
    free(update);
}

/* A page says which model it is about; none leaves what a sidecar said. */
static int
set_page(struct model *model, struct str url)
{
    int64_t model_id, version_id;
    if (civitai_page_read(url, &model_id, &version_id)) {
        model->civitai_model_id = model_id;
        model->civitai_version_id = version_id;
    }
    return model_set_text(&model->civitai_url, url);
}

static int
apply_patch(struct model *model, const struct library_patch *patch)
{
    if (patch->is_favourite >= 0)
        model->is_favourite = patch->is_favourite != 0;
    if (patch->civitai_url != NULL &&
        set_page(model, str_from(patch->civitai_url)) < 0)
        return -1;
    if (patch->tags == NULL)
        return 0;
    text_list_release(&model->tags);
    for (size_t i = 0; i < patch->tags->n; i++)
        if (text_list_add(&model->tags, str_from(patch->tags->at[i])) < 0)
            return -1;
    return 0;
}

int
library_update(struct library *library, const char *id,
               const struct library_patch *patch, library_done_fn *on_done,
               void *ctx, struct error *error)
{
    const struct model *model = library_get(library, id);
    if (model == NULL)
        return error_set(error, ERR_NOT_FOUND, "there is no model %s", id);
    struct update *update = calloc(1, sizeof *update);
    struct model *after = model_copy(model);
    if (update == NULL || after == NULL || apply_patch(after, patch) < 0) {
        free(update);
        model_free(after);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    *update = (struct update){ library, after, on_done, ctx };
    const struct model *changed = after;
    store_put_models(library->store, &changed, 1, on_stored, update);
    return 0;
}

/* ---- jobs ---- */

static void
free_job(struct manage_job *job)
{
    list_remove(&job->node);
    model_free(job->model);
    free(job->from_base);
    free(job->to_base);
    free(job->to_root);
    text_list_release(&job->others);
    text_list_release(&job->paths);
    text_list_release(&job->new_paths);
    text_list_release(&job->names.moved);
    text_list_release(&job->names.relinked);
    text_list_release(&job->names.left);
    free(job);
}

static bool
is_projector_of_others(const struct library *library, const struct model *model)
{
    for (size_t i = 0; i < library->catalog.n; i++) {
        const struct model *other = library->catalog.models[i];
        if (other != model &&
            strcmp(other->mmproj_path, model->mmproj_path) == 0)
            return true;
    }
    return false;
}

static int
add_if_inside(struct text_list *others, const char *path, const char *folder)
{
    return path[0] == '\0' || !path_is_below(path, folder)
               ? 0
               : text_list_add(others, str_from(path));
}

/* What lies in the model's folder and belongs to others. */
static int
add_others(const struct library *library, const struct model *model,
           struct text_list *others)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < library->catalog.n; i++) {
        const struct model *other = library->catalog.models[i];
        if (other == model || !path_is_below(other->path, model->path))
            continue;
        result = add_if_inside(others, other->path, model->path);
        for (size_t k = 0; result == 0 && k < other->shards.n; k++)
            result = add_if_inside(others, other->shards.at[k], model->path);
        if (result == 0)
            result = add_if_inside(others, other->mmproj_path, model->path);
    }
    return result;
}

static struct manage_job *
make_job(struct library *library, const struct model *model, void *ctx)
{
    struct manage_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return NULL;
    list_init(&job->node);
    job->library = library;
    job->ctx = ctx;
    job->model = model_copy(model);
    job->from_base = str_dup(str_from(model->root));
    job->has_own_projector = !is_projector_of_others(library, model);
    if (job->model != NULL && job->from_base != NULL &&
        add_others(library, model, &job->others) == 0)
        return job;
    free_job(job);
    return NULL;
}

static bool
is_busy(const struct library *library, const char *id)
{
    LIST_FOR(node, &library->manage_jobs)
    if (strcmp(LIST_ENTRY(node, struct manage_job, node)->model->id, id) == 0)
        return true;
    return false;
}

static void
work(void *arg)
{
    manage_run(arg);
}

/* The model that a change of files is about, and that it may begin. */
static const struct model *
model_to_change(struct library *library, const char *id, struct error *error)
{
    const struct model *model = library_get(library, id);
    if (model == NULL)
        error_set(error, ERR_NOT_FOUND, "there is no model %s", id);
    else if (is_busy(library, id))
        error_set(error, ERR_CONFLICT, "%s is being moved or deleted",
                  model->name);
    else
        return model;
    return NULL;
}

void
manage_detach(struct library *library)
{
    LIST_FOR_SAFE(node, &library->manage_jobs)
    {
        LIST_ENTRY(node, struct manage_job, node)->library = NULL;
        list_remove(node);
    }
}

/* ---- moving ---- */

static int
change_list(struct text_list *list, struct str before, struct str after)
{
    for (size_t i = 0; i < list->n; i++)
        if (str_is(before, list->at[i]) &&
            model_set_text(&list->at[i], after) < 0)
            return -1;
    return 0;
}

/* Where the model's path is now, in the record and in its texts. */
static int
change_paths(struct model *model, const struct manage_job *job)
{
    for (size_t i = 0; i < job->new_paths.n; i++) {
        struct str before = str_from(job->paths.at[i]);
        struct str after = str_from(job->new_paths.at[i]);
        if (str_is(before, model->mmproj_path) &&
            model_set_text(&model->mmproj_path, after) < 0)
            return -1;
        if (str_is(before, model->preview_path) &&
            model_set_text(&model->preview_path, after) < 0)
            return -1;
        if (change_list(&model->shards, before, after) < 0 ||
            change_list(&model->other_paths, before, after) < 0)
            return -1;
    }
    struct str path = str_from(job->new_paths.at[0]);
    struct str label = path;
    const char *dot = strrchr(path.p, '.');
    const char *slash = strrchr(path.p, '/');
    if (dot != NULL && dot > slash && !library_is_folder(path.p))
        label.n = (size_t)(dot - path.p);
    if (model_set_text(&model->path, path) < 0 ||
        model_set_text(&model->label, label) < 0 ||
        model_set_text(&model->root, str_from(job->to_root)) < 0)
        return -1;
    return 0;
}

static void
on_moved(void *arg)
{
    struct manage_job *job = arg;
    struct library *library = job->library;
    if (library == NULL) {
        free_job(job);
        return;
    }
    list_remove(&job->node);
    struct model *model = library_get(library, job->model->id);
    if (job->result == 0 && model != NULL) {
        model->category =
            model->category == MODEL_ACTIVE ? MODEL_ARCHIVE : MODEL_ACTIVE;
        if (change_paths(model, job) == 0)
            library_rename_all(library);
        const struct model *changed = model;
        library_changed(library, &changed, 1);
        library_scan(library, NULL, NULL); /* inode and time, elsewhere */
    }
    job->names.old_path = job->model->path;
    job->on_moved(job->ctx, job->result == 0 ? model : NULL, &job->names,
                  job->result == 0 ? NULL : &job->error);
    free_job(job);
}

static char *
join(const char *folder, const char *name)
{
    char path[LIMIT_PATH_BYTES];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n < (int)sizeof path ? str_dup(str_from(path)) : NULL;
}

static const char *
first_root(const struct library *library)
{
    for (size_t i = 0; i < library->n_roots; i++)
        if (library->roots[i].source == MODEL_SOURCE_FOLDER &&
            !library->roots[i].is_archive)
            return library->roots[i].path;
    return NULL;
}

/* The two folders between which the rest of the path stays the same. */
static int
set_bases(struct library *library, struct manage_job *job)
{
    const struct model *model = job->model;
    bool has_archive = library->archive_dir[0] != '\0';
    const char *root = model->root;
    char *archive = has_archive ? str_dup(str_from(library->archive_dir))
                                : join(root, "archive");
    if (has_archive && strcmp(root, library->archive_dir) == 0)
        root = first_root(library);
    char *active = root == NULL ? NULL : str_dup(str_from(root));
    if (archive == NULL || active == NULL) {
        free(archive);
        free(active);
        return -1;
    }
    bool is_to_archive = model->category == MODEL_ACTIVE;
    free(job->from_base);
    job->from_base = is_to_archive ? active : archive;
    job->to_base = is_to_archive ? archive : active;
    job->to_root = str_dup(
        str_from(is_to_archive && has_archive ? library->archive_dir : root));
    return job->to_root == NULL ? -1 : 0;
}

static int
check_move(const struct model *model, enum model_category category,
           struct error *error)
{
    if (model->source == MODEL_SOURCE_HUGGINGFACE ||
        model->source == MODEL_SOURCE_OLLAMA ||
        model->source == MODEL_SOURCE_LLAMA_CPP)
        return error_set(error, ERR_INVALID,
                         "%s is in the store of %s, which would miss it",
                         model->name, model_source_names[model->source]);
    if (model->category == category)
        return error_set(error, ERR_CONFLICT, "%s is %s already", model->name,
                         model_category_names[category]);
    return 0;
}

void
library_move(struct library *library, const char *id,
             enum model_category category, library_moved_fn *on_done, void *ctx)
{
    struct error error;
    const struct model *model = model_to_change(library, id, &error);
    const struct library_moved none = { model == NULL ? "" : model->path };
    if (model == NULL || check_move(model, category, &error) < 0) {
        on_done(ctx, NULL, &none, &error);
        return;
    }
    struct manage_job *job = make_job(library, model, ctx);
    if (job != NULL) {
        job->is_move = true;
        job->on_moved = on_done;
        list_push_back(&library->manage_jobs, &job->node);
        if (set_bases(library, job) == 0 &&
            worker_submit(library->loop, work, on_moved, job) == 0)
            return;
        free_job(job);
    }
    error_set(&error, ERR_NO_MEMORY, "out of memory");
    on_done(ctx, NULL, &none, &error);
}

/* ---- deleting ---- */

static void
on_deleted(void *arg)
{
    struct manage_job *job = arg;
    struct library *library = job->library;
    if (library == NULL) {
        free_job(job);
        return;
    }
    list_remove(&job->node);
    if (job->result == 0 && !job->is_dry) {
        library_forget(library, job->model->id);
        library_scan(library, NULL, NULL); /* another tag, another name */
    }
    const struct library_files files = { .paths = job->paths.at,
                                         .n = job->paths.n,
                                         .size_bytes = job->size_bytes };
    job->on_deleted(job->ctx, job->result == 0 ? &files : NULL,
                    job->result == 0 ? NULL : &job->error);
    free_job(job);
}

void
library_delete(struct library *library, const char *id, bool is_dry,
               library_files_fn *on_done, void *ctx)
{
    struct error error;
    const struct model *model = model_to_change(library, id, &error);
    if (model == NULL) {
        on_done(ctx, NULL, &error);
        return;
    }
    struct manage_job *job = make_job(library, model, ctx);
    if (job != NULL) {
        job->is_dry = is_dry;
        job->on_deleted = on_done;
        list_push_back(&library->manage_jobs, &job->node);
        if (worker_submit(library->loop, work, on_deleted, job) == 0)
            return;
        free_job(job);
    }
    error_set(&error, ERR_NO_MEMORY, "out of memory");
    on_done(ctx, NULL, &error);
}
