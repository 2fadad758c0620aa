/* Files become models: the parts of a split one are one, a projector belongs
 * to the models beside it, a folder of the transformers layout is one model
 * whatever files it has. The files are in order of path, so the first part
 * of a split model comes before the others. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"
#include "formats/model_name.h"

static struct str
file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return str_from(slash == NULL ? path : slash + 1);
}

static struct str
folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return (struct str){ path, slash == NULL ? 0 : (size_t)(slash - path) };
}

static bool
has_ending(const char *path, const char *ending)
{
    return str_ends_with_nocase(str_from(path), str_from(ending));
}

/* ---- folders of the transformers layout ---- */

static bool
is_weights(const char *path)
{
    return has_ending(path, ".safetensors") || has_ending(path, ".bin") ||
           has_ending(path, ".pth") || has_ending(path, ".pt");
}

/* The first of the files that lies in the folder (in order of path). */
static size_t
first_in(const struct scan *scan, struct str folder)
{
    size_t low = 0, high = scan->n_files;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_compare(str_from(scan->files[middle].path), folder) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A config.json becomes the model that its folder is, or is taken out. */
static void
make_folder(struct scan *scan, struct found_file *config)
{
    struct str folder = folder_of(config->path);
    int64_t size_bytes = 0;
    config->is_taken = true;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = first_in(scan, folder); i < scan->n_files; i++) {
            struct found_file *file = &scan->files[i];
            if (!str_starts_with(str_from(file->path), folder))
                break;
            if (!str_eq(folder_of(file->path), folder) ||
                !is_weights(file->path) || (pass == 0 && file->is_taken))
                continue;
            if (pass == 0)
                size_bytes += file->size_bytes;
            else
                file->is_taken = true;
        }
        if (size_bytes == 0 ||
            (pass == 0 && !texts_config_is_model(config->path)))
            return;
    }
    config->size_bytes = size_bytes;
    config->is_taken = false;
    config->is_folder = true;
}

static int
cut_last_part(char **path)
{
    char *cut = str_dup(folder_of(*path));
    if (cut == NULL)
        return -1;
    free(*path);
    *path = cut;
    return 0;
}

/* Paths change only when every folder was found: they upset the order. */
static int
make_folders(struct scan *scan)
{
    for (size_t i = 0; i < scan->n_files; i++)
        if (str_is(file_name(scan->files[i].path), "config.json"))
            make_folder(scan, &scan->files[i]);
    for (size_t i = 0; i < scan->n_files; i++) {
        struct found_file *file = &scan->files[i];
        if (file->is_folder &&
            (cut_last_part(&file->path) < 0 || cut_last_part(&file->label) < 0))
            return -1;
    }
    return 0;
}

/* ---- one model ---- */

static bool
is_projector(const struct found_file *file)
{
    return has_ending(file->path, ".gguf") &&
           model_name_is_projector(file_name(file->path));
}

static bool
is_archived(const struct scan *scan, const struct found_file *file)
{
    char archive[LIMIT_PATH_BYTES];
    if (file->root->is_archive)
        return true;
    if (scan->archive_dir[0] != '\0')
        return path_is_below(file->path, scan->archive_dir);
    snprintf(archive, sizeof archive, "%s/archive", file->root->resolved);
    return path_is_below(file->path, archive);
}

/* What the place says is in it, unless a folder in it says otherwise. */
static enum model_kind
kind_of_place(const struct found_file *file)
{
    const struct scan_root *root = file->root;
    enum model_kind kind = MODEL_KIND_UNKNOWN;
    if (root->kind != MODEL_KIND_UNKNOWN &&
        path_is_below(file->path, root->resolved))
        kind = facts_kind_of_folders(file->path + strlen(root->resolved));
    return kind != MODEL_KIND_UNKNOWN ? kind : root->kind;
}

static enum model_format
format_of(const struct found_file *file)
{
    if (file->is_folder)
        return MODEL_FORMAT_TRANSFORMERS;
    if (has_ending(file->path, ".gguf") ||
        file->root->source == MODEL_SOURCE_OLLAMA)
        return MODEL_FORMAT_GGUF;
    if (has_ending(file->path, ".safetensors"))
        return MODEL_FORMAT_SAFETENSORS;
    return MODEL_FORMAT_PICKLE;
}

/* The first ten digits of the digest, if that is known. */
static struct str
autov2_of(const struct found_file *file)
{
    enum { AUTOV2_DIGITS = 10 };
    return (struct str){ file->sha256,
                         file->sha256[0] == '\0' ? 0 : AUTOV2_DIGITS };
}

static struct model *
make_model(const struct scan *scan, struct found_file *file)
{
    struct model *model = model_new();
    if (model == NULL)
        return NULL;
    if (model_set_text(&model->path, str_from(file->path)) < 0 ||
        origin_set(model, file) < 0 ||
        model_set_text(&model->root, str_from(file->root->path)) < 0 ||
        model_set_text(&model->sha256, str_from(file->sha256)) < 0 ||
        model_set_text(&model->autov2, autov2_of(file)) < 0 ||
        model_set_text(&model->mmproj_path, str_from(file->projector)) < 0) {
        model_free(model);
        return NULL;
    }
    model->source = file->root->source;
    model->format = format_of(file);
    model->kind = kind_of_place(file);
    model->category = is_archived(scan, file) ? MODEL_ARCHIVE : MODEL_ACTIVE;
    model->size_bytes = file->size_bytes;
    model->modified_at_ms = file->modified_at_ms;
    model->device = (int64_t)file->device;
    model->inode = (int64_t)file->inode;
    model->other_paths = file->other_paths;
    file->other_paths = (struct text_list){ NULL, 0 };
    return model;
}

/* The parts of one model have their folder, stem and count in common. */
static int
add_part(struct map *firsts, const struct found_file *file,
         const struct model_shard *shard, struct model *model)
{
    char key[LIMIT_PATH_BYTES * 2];
    const char *end = shard->stem.p + shard->stem.n;
    int n = snprintf(key, sizeof key, "%.*s/%u", (int)(end - file->path),
                     file->path, shard->count);
    struct str view = { key, (size_t)n };
    if (shard->index == 1)
        return map_put(firsts, view, model);
    struct model *first = map_get(firsts, view);
    if (first == NULL)
        return 0; /* its first part is not here: no model */
    first->size_bytes += file->size_bytes;
    return text_list_add(&first->shards, str_from(file->path));
}

static int
take_file(struct scan *scan, struct map *firsts, struct found_file *file)
{
    const struct model_shard shard = model_shard_of(file_name(file->path));
    bool is_bin = has_ending(file->path, ".bin");
    if (file->is_taken || is_projector(file) ||
        (is_bin && kind_of_place(file) == MODEL_KIND_UNKNOWN &&
         facts_kind_of_folders(file->path) == MODEL_KIND_UNKNOWN))
        return 0;
    if (shard.index > 1)
        return add_part(firsts, file, &shard, NULL);
    struct model *model = make_model(scan, file);
    if (model == NULL)
        return -1;
    scan->models[scan->n_models++].model = model;
    return shard.index == 1 ? add_part(firsts, file, &shard, model) : 0;
}

/* ---- projectors ---- */

/* What a projector's name says besides that it is one. */
static struct str
projector_stem(const char *path)
{
    struct str name = file_name(path);
    static const char *const fronts[] = { "mmproj-model-", "mmproj-", "mmproj_",
                                          "mmproj.",       "mmproj",  NULL };
    for (size_t i = 0; fronts[i] != NULL; i++) {
        size_t n = strlen(fronts[i]);
        if (name.n >= n && str_same_nocase(name.p, fronts[i], n))
            return (struct str){ name.p + n, name.n - n };
    }
    return name;
}

static size_t
common_front(struct str a, struct str b)
{
    size_t n = 0;
    while (n < a.n && n < b.n && str_same_nocase(a.p + n, b.p + n, 1))
        n++;
    return n;
}

/* "F16.gguf", "bf16.gguf", "Q8_0.gguf": any model of the folder. */
static bool
is_plain_precision(struct str stem)
{
    return stem.n <= sizeof "bf16.gguf" - 1;
}

/* How well the projector fits the model: 0 not at all. */
static size_t
fit_of(const struct model *model, const char *projector)
{
    struct str stem = projector_stem(projector);
    if (model->format != MODEL_FORMAT_GGUF ||
        !str_eq(folder_of(model->path), folder_of(projector)))
        return 0;
    size_t n = common_front(stem, file_name(model->path));
    if (n >= 4)
        return 1 + n;
    return is_plain_precision(stem) ? 1 : 0;
}

static int
give_projectors(struct scan *scan)
{
    for (size_t i = 0; i < scan->n_files; i++) {
        const struct found_file *file = &scan->files[i];
        if (file->is_taken || !is_projector(file))
            continue;
        for (size_t k = 0; k < scan->n_models; k++) {
            struct model *model = scan->models[k].model;
            size_t fit = fit_of(model, file->path);
            if (fit == 0 || (model->mmproj_path[0] != '\0' &&
                             fit_of(model, model->mmproj_path) >= fit))
                continue;
            if (model_set_text(&model->mmproj_path, str_from(file->path)) < 0)
                return -1;
        }
    }
    return 0;
}

/* ---- all ---- */

static int
find_preview(struct model *model)
{
    static const char *const endings[] = { ".preview.png",
                                           ".preview.jpg",
                                           ".preview.jpeg",
                                           ".preview.webp",
                                           ".preview.avif",
                                           ".preview.gif",
                                           ".png",
                                           ".jpg",
                                           ".jpeg",
                                           ".webp",
                                           ".avif",
                                           ".gif",
                                           NULL };
    const char *dot = strrchr(model->path, '.');
    char path[LIMIT_PATH_BYTES * 2];
    for (size_t i = 0; dot != NULL && endings[i] != NULL; i++) {
        struct folder_facts facts;
        snprintf(path, sizeof path, "%.*s%s", (int)(dot - model->path),
                 model->path, endings[i]);
        if (folder_facts(path, &facts) == 0 && !facts.is_folder)
            return model_set_text(&model->preview_path, str_from(path));
    }
    return 0;
}

static void
mark_known(const struct scan *scan, struct found_model *found)
{
    const struct model *model = found->model;
    const struct known_file *known =
        map_get(&scan->known, str_from(model->path));
    found->is_known = known != NULL && known->size_bytes == model->size_bytes &&
                      known->modified_at_ms == model->modified_at_ms &&
                      known->device == model->device &&
                      known->inode == model->inode &&
                      known->sidecar_stamp == model->sidecar_stamp;
}

int
scan_group(struct scan *scan)
{
    struct map firsts;
    map_init(&firsts);
    scan->models = calloc(scan->n_files + 1, sizeof *scan->models);
    int result = scan->models == NULL ? -1 : make_folders(scan);
    for (size_t i = 0; result == 0 && i < scan->n_files; i++)
        result = take_file(scan, &firsts, &scan->files[i]);
    map_release(&firsts);
    if (result == 0)
        result = give_projectors(scan);
    for (size_t i = 0; result == 0 && i < scan->n_models; i++) {
        struct found_model *found = &scan->models[i];
        bool has_sidecars = found->model->format == MODEL_FORMAT_SAFETENSORS ||
                            found->model->format == MODEL_FORMAT_PICKLE;
        if (has_sidecars || found->model->format == MODEL_FORMAT_GGUF)
            result = find_preview(found->model);
        if (has_sidecars)
            found->model->sidecar_stamp = texts_sidecar_stamp(found->model);
        mark_known(scan, found);
    }
    return result;
}
