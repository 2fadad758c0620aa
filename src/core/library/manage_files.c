/* Moving and deleting, on a worker. What belongs to a model: its file, its
 * parts, its own projector, and the files of the same stem that image
 * programs keep beside it. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/manage_internal.h"
#include "formats/ollama.h"
#include "platform/file.h"
#include "platform/part_file.h"
#include "platform/tree.h"
#include "platform/usage.h"

enum { FOLDER_FILES_MAX = 10000 }; /* a model has some hundreds */

static const char *const sidecar_endings[] = {
    ".civitai.info", ".metadata.json", ".json",
    ".yaml",         ".txt",           ".preview.png",
    ".preview.jpg",  ".preview.jpeg",  ".preview.webp",
    ".preview.avif", ".preview.gif",   ".png",
    ".jpg",          ".jpeg",          ".webp",
    ".avif",         ".gif",           NULL
};

/* ---- what is touched ---- */

static bool
is_folder(const struct model *model)
{
    return model->format == MODEL_FORMAT_TRANSFORMERS ||
           model->format == MODEL_FORMAT_MLX;
}

static void
add_path(struct manage_job *job, const char *path)
{
    struct folder_facts facts;
    if (folder_facts(path, &facts) < 0 ||
        text_list_has(&job->paths, str_from(path)))
        return;
    if (text_list_add(&job->paths, str_from(path)) < 0)
        job->is_out_of_memory = true;
    job->size_bytes += facts.is_folder ? 0 : facts.size_bytes;
}

static void
add_sidecars(struct manage_job *job)
{
    const char *path = job->model->path;
    const char *dot = strrchr(path, '.');
    char sidecar[LIMIT_PATH_BYTES * 2];
    if (dot == NULL || is_folder(job->model))
        return;
    for (size_t i = 0; sidecar_endings[i] != NULL; i++) {
        snprintf(sidecar, sizeof sidecar, "%.*s%s", (int)(dot - path), path,
                 sidecar_endings[i]);
        add_path(job, sidecar);
    }
    snprintf(sidecar, sizeof sidecar, "%s.civitai.info", path);
    add_path(job, sidecar);
}

static void
add_files(struct manage_job *job)
{
    const struct model *model = job->model;
    add_path(job, model->path);
    if (is_folder(model))
        job->size_bytes += model->size_bytes;
    for (size_t i = 0; i < model->shards.n; i++)
        add_path(job, model->shards.at[i]);
    if (job->has_own_projector && model->mmproj_path[0] != '\0')
        add_path(job, model->mmproj_path);
    add_sidecars(job);
}

/* What is behind a link to a folder is not the model's. */
static bool
is_behind_link(const char *path)
{
    char folder[LIMIT_PATH_BYTES], resolved[LIMIT_PATH_BYTES];
    struct error error;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path),
             path);
    return folder_resolve(folder, resolved, sizeof resolved, &error) < 0 ||
           strcmp(folder, resolved) != 0;
}

static int
on_folder_file(void *ctx, const struct folder_file *file)
{
    struct manage_job *job = ctx;
    for (size_t i = 0; i < job->others.n; i++)
        if (path_is_below(file->path, job->others.at[i]))
            return 0;
    if (!is_behind_link(file->path))
        add_path(job, file->path);
    return 0;
}

/* Each file that goes with a folder; the folder itself unless others have
 * something in it. */
static int
list_folder(struct manage_job *job)
{
    static const char *const any[] = { "", NULL };
    const char *path = job->model->path;
    struct folder_walk walk = { .suffixes = any,
                                .max_depth = SCAN_DEPTH_MAX,
                                .max_entries = FOLDER_FILES_MAX,
                                .on_file = on_folder_file,
                                .ctx = job };
    text_list_release(&job->paths);
    job->size_bytes = 0;
    if (folder_walk(path, &walk, &job->error) < 0)
        return -1;
    if (walk.is_cut)
        return error_set(&job->error, ERR_TOO_LARGE,
                         "%s holds more than %d files: not only a model's",
                         path, FOLDER_FILES_MAX);
    if (job->others.n == 0)
        add_path(job, path);
    return 0;
}

/* The part of the path below the base, or NULL. */
static const char *
name_below(const char *path, const char *base)
{
    size_t n = strlen(base);
    return path_is_below(path, base) && path[n] == '/' ? path + n + 1 : NULL;
}

static int
outside(struct manage_job *job, const char *path, const char *base)
{
    return error_set(&job->error, ERR_INVALID, "%s is not inside %s", path,
                     base);
}

/* ---- moving ---- */

static int
resolve_base(struct manage_job *job)
{
    char resolved[LIMIT_PATH_BYTES];
    if (folder_resolve(job->from_base, resolved, sizeof resolved, &job->error) <
        0)
        return -1;
    return model_set_text(&job->from_base, str_from(resolved));
}

static int
move_one(struct manage_job *job, const char *path)
{
    const char *name = name_below(path, job->from_base);
    char new_path[LIMIT_PATH_BYTES * 2];
    if (name == NULL)
        return outside(job, path, job->from_base);
    snprintf(new_path, sizeof new_path, "%s/%s", job->to_base, name);
    if (text_list_add(&job->new_paths, str_from(new_path)) < 0)
        return error_set(&job->error, ERR_NO_MEMORY, "out of memory");
    const struct tree_name from = { job->from_base, name };
    const struct tree_name to = { job->to_base, name };
    if (tree_move(&from, &to, &job->error) == 0)
        return 0;
    free(job->new_paths.at[--job->new_paths.n]);
    return -1;
}

/* Brings back what was moved, the last first. What cannot be brought back is
 * said. */
static void
roll_back(struct manage_job *job)
{
    for (size_t i = job->new_paths.n; i-- > 0;) {
        const char *name = name_below(job->paths.at[i], job->from_base);
        const struct tree_name from = { job->to_base, name };
        const struct tree_name to = { job->from_base, name };
        struct error error;
        if (tree_move(&from, &to, &error) < 0) {
            struct error first = job->error;
            error_set(&job->error, ERR_IO,
                      "%.200s; and %s could not be moved back: %.200s",
                      first.message, job->new_paths.at[i], error.message);
            return;
        }
    }
}

/* Room is asked for only where bytes have to be copied. */
static int
check_room(struct manage_job *job)
{
    struct folder_facts from, to;
    if (folder_facts(job->from_base, &from) < 0 ||
        folder_facts(job->to_base, &to) < 0 || from.device == to.device)
        return 0;
    struct disk_usage disk;
    if (usage_disk(job->to_base, &disk, NULL) < 0 ||
        disk.free_bytes >= job->size_bytes)
        return 0;
    return error_set(&job->error, ERR_NO_SPACE,
                     "%s has %lld bytes free; %lld are needed", job->to_base,
                     (long long)disk.free_bytes, (long long)job->size_bytes);
}

static void
note_name(struct manage_job *job, struct text_list *list, const char *path)
{
    if (text_list_add(list, str_from(path)) < 0)
        job->is_out_of_memory = true;
}

static bool
is_link(const char *path)
{
    char target[LIMIT_PATH_BYTES];
    struct error error;
    return folder_resolve(path, target, sizeof target, &error) < 0 ||
           strcmp(target, path) != 0;
}

/* A second name that is there and still the same file. */
static bool
is_second_name(const struct model *model, const char *path,
               struct folder_facts *ret_facts)
{
    return folder_facts(path, ret_facts) == 0 &&
           ret_facts->inode == (uint64_t)model->inode;
}

/* A hard link goes along where a move is a change of name; elsewhere it would
 * be a second copy. */
static void
sort_second_names(struct manage_job *job)
{
    const struct text_list *names = &job->model->other_paths;
    struct folder_facts from, to, facts;
    bool is_renaming = folder_facts(job->from_base, &from) == 0 &&
                       folder_facts(job->to_base, &to) == 0 &&
                       from.device == to.device;
    for (size_t i = 0; i < names->n; i++) {
        const char *path = names->at[i];
        if (!is_second_name(job->model, path, &facts))
            continue;
        if (is_link(path)) {
            note_name(job, &job->names.relinked, path);
        } else if (is_renaming && name_below(path, job->from_base) != NULL) {
            note_name(job, &job->names.moved, path);
            add_path(job, path);
            job->size_bytes -= facts.size_bytes; /* once */
        } else {
            note_name(job, &job->names.left, path);
        }
    }
}

/* Links lead to where the file is now. */
static void
relink_names(struct manage_job *job)
{
    struct text_list *links = &job->names.relinked;
    size_t n = 0;
    for (size_t i = 0; i < links->n; i++) {
        if (part_file_link(job->new_paths.at[0], links->at[i], NULL) == 0) {
            links->at[n++] = links->at[i];
            continue;
        }
        note_name(job, &job->names.left, links->at[i]);
        free(links->at[i]);
    }
    links->n = n;
}

static int
move_files(struct manage_job *job)
{
    if (resolve_base(job) < 0 ||
        file_make_folders(job->to_base, 0755, &job->error) < 0)
        return -1;
    if (!is_folder(job->model))
        sort_second_names(job);
    if (job->is_out_of_memory)
        return error_set(&job->error, ERR_NO_MEMORY, "out of memory");
    if (check_room(job) < 0)
        return -1;
    for (size_t i = 0; i < job->paths.n; i++) {
        if (move_one(job, job->paths.at[i]) < 0) {
            roll_back(job);
            return -1;
        }
    }
    relink_names(job);
    return 0;
}

/* ---- deleting ---- */

static int
remove_one(struct manage_job *job, const char *path, const char *base)
{
    const char *name = name_below(path, base);
    if (name == NULL)
        return outside(job, path, base);
    const struct tree_name at = { base, name };
    return tree_remove(&at, &job->error);
}

/* A second name of the file goes, too, where it is ours; else the bytes stay,
 * unless it is but a link. */
static void
add_other_names(struct manage_job *job)
{
    const struct model *model = job->model;
    for (size_t i = 0; i < model->other_paths.n; i++) {
        const char *path = model->other_paths.at[i];
        struct folder_facts facts;
        if (!is_second_name(model, path, &facts))
            continue; /* another file by now */
        if (name_below(path, job->from_base) != NULL)
            add_path(job, path);
        else if (is_link(path))
            continue;
        job->size_bytes -= facts.size_bytes;
    }
    if (job->size_bytes < 0)
        job->size_bytes = 0; /* several names elsewhere */
}

struct counting {
    const struct folder_facts *blob;
    size_t n;
};

static int
count_name(void *ctx, const struct folder_file *file)
{
    struct counting *counting = ctx;
    counting->n += file->device == counting->blob->device &&
                   file->inode == counting->blob->inode;
    return 0;
}

/* The blob behind a link of the hub's cache goes when no other revision has
 * a link to it. */
static void
add_hub_blobs(struct manage_job *job)
{
    static const char *const any[] = { "", NULL };
    size_t n_paths = job->paths.n;
    for (size_t i = 0; i < n_paths; i++) {
        const char *path = job->paths.at[i];
        const char *at = strstr(path, "/snapshots/");
        char blob[LIMIT_PATH_BYTES], snapshots[LIMIT_PATH_BYTES];
        struct folder_facts facts;
        struct counting counting = { .blob = &facts };
        struct folder_walk walk = { .suffixes = any,
                                    .max_depth = SCAN_DEPTH_MAX,
                                    .max_entries = SCAN_ENTRIES_MAX,
                                    .on_file = count_name,
                                    .ctx = &counting };
        struct error error;
        if (at == NULL || folder_facts(path, &facts) < 0 || facts.is_folder ||
            folder_resolve(path, blob, sizeof blob, &error) < 0 ||
            strcmp(blob, path) == 0)
            continue;
        snprintf(snapshots, sizeof snapshots, "%.*s/snapshots",
                 (int)(at - path), path);
        bool is_sure = folder_walk(snapshots, &walk, &error) == 0 &&
                       walk.n_unreadable == 0 && !walk.is_cut;
        if (is_sure && counting.n == 1) {
            job->size_bytes -= facts.size_bytes; /* of the link: once */
            add_path(job, blob);
        } else {
            job->size_bytes -= facts.size_bytes; /* it stays */
        }
    }
}

struct referring {
    const struct ollama_manifest *manifest; /* that goes */
    const char *path;                       /* its */
    bool *is_needed;                        /* each of its blobs, by others */
    bool is_unsure;
};

static int
look_into_manifest(void *ctx, const struct folder_file *file)
{
    struct referring *referring = ctx;
    struct strbuf text = STRBUF_INIT(OLLAMA_MANIFEST_BYTES);
    if (strcmp(file->path, referring->path) == 0)
        return 0;
    if (file_read(file->path, &text, NULL) < 0)
        referring->is_unsure = true;
    /* Searched as text: one that cannot be read may be somebody's, too. */
    for (size_t i = 0; i < referring->manifest->n; i++)
        referring->is_needed[i] |= str_contains(
            strbuf_view(&text), str_from(referring->manifest->blobs[i].sha256));
    strbuf_release(&text);
    return 0;
}

static int
read_manifest(struct manage_job *job, const char *path,
              struct ollama_manifest *ret_manifest)
{
    struct strbuf text = STRBUF_INIT(OLLAMA_MANIFEST_BYTES);
    struct folder_facts facts;
    int result;
    if (folder_facts(path, &facts) < 0)
        result =
            error_set(&job->error, ERR_NOT_FOUND,
                      "%s is not there: another program has changed it", path);
    else if ((result = file_read(path, &text, &job->error)) == 0)
        result =
            ollama_manifest_read(strbuf_view(&text), ret_manifest, &job->error);
    strbuf_release(&text);
    return result;
}

/* The manifest, and those of its blobs that no other one names. */
static int
list_blobs(struct manage_job *job, struct referring *referring)
{
    static const char *const any[] = { "", NULL };
    char path[LIMIT_PATH_BYTES * 2], name[OLLAMA_BLOB_NAME_BYTES];
    struct folder_walk walk = { .suffixes = any,
                                .max_depth = 4,
                                .max_entries = SCAN_ENTRIES_MAX,
                                .on_file = look_into_manifest,
                                .ctx = referring };
    snprintf(path, sizeof path, "%s/manifests", job->from_base);
    if (folder_walk(path, &walk, &job->error) < 0)
        return -1;
    text_list_release(&job->paths);
    job->size_bytes = 0;
    add_path(job, referring->path);
    bool is_sure =
        !referring->is_unsure && walk.n_unreadable == 0 && !walk.is_cut;
    for (size_t i = 0; is_sure && i < referring->manifest->n; i++) {
        if (referring->is_needed[i])
            continue;
        ollama_blob_name(&referring->manifest->blobs[i], name);
        snprintf(path, sizeof path, "%s/blobs/%s", job->from_base, name);
        add_path(job, path);
    }
    return 0;
}

static int
list_ollama(struct manage_job *job)
{
    char below[LIMIT_PATH_BYTES], path[LIMIT_PATH_BYTES * 2];
    struct ollama_manifest manifest = { .blobs = NULL };
    if (!ollama_path_of_name(str_from(job->model->label), below, sizeof below))
        return error_set(&job->error, ERR_INVALID, "%s is no name of Ollama's",
                         job->model->label);
    snprintf(path, sizeof path, "%s/manifests/%s", job->from_base, below);
    if (read_manifest(job, path, &manifest) < 0)
        return -1;
    struct referring referring = {
        .manifest = &manifest,
        .path = path,
        .is_needed = calloc(manifest.n + 1, sizeof *referring.is_needed),
    };
    int result = -1;
    if (referring.is_needed != NULL)
        result = list_blobs(job, &referring);
    if (referring.is_needed == NULL || job->is_out_of_memory)
        result = error_set(&job->error, ERR_NO_MEMORY, "out of memory");
    free(referring.is_needed);
    ollama_manifest_release(&manifest);
    return result;
}

static int
delete_files(struct manage_job *job)
{
    if (resolve_base(job) < 0)
        return -1;
    if (job->model->source == MODEL_SOURCE_OLLAMA && list_ollama(job) < 0)
        return -1;
    if (is_folder(job->model) && list_folder(job) < 0)
        return -1;
    if (job->model->source == MODEL_SOURCE_HUGGINGFACE)
        add_hub_blobs(job);
    else if (job->model->source != MODEL_SOURCE_OLLAMA &&
             !is_folder(job->model))
        add_other_names(job);
    if (job->is_out_of_memory)
        return error_set(&job->error, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; !job->is_dry && i < job->paths.n; i++)
        if (remove_one(job, job->paths.at[i], job->from_base) < 0)
            return -1;
    return 0;
}

void
manage_run(struct manage_job *job)
{
    struct folder_facts facts;
    job->result = -1;
    if (folder_facts(job->model->path, &facts) < 0) {
        error_set(&job->error, ERR_NOT_FOUND, "%s is not there any more",
                  job->model->path);
        return;
    }
    add_files(job);
    if (job->is_out_of_memory)
        error_set(&job->error, ERR_NO_MEMORY, "out of memory");
    else
        job->result = job->is_move ? move_files(job) : delete_files(job);
}
