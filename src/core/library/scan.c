/* Finding model files. Everything that is found is collected first, then
 * sorted so that of several names of one file the best stays: one that is no
 * link, then one of the revision in use, then the first by path. So the
 * outcome does not depend on the order in which a folder gives its names. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "core/digest/digest.h"
#include "core/library/library_internal.h"
#include "io/worker.h"
#include "platform/system.h"

struct collector {
    struct scan *scan;
    struct scan_root *root;
    struct hub_cache hub;
    char folder[LIMIT_PATH_BYTES];   /* of the file before */
    char resolved[LIMIT_PATH_BYTES]; /* the same without links; "" outside */
};

static const char *const all_suffixes[] = {
    ".gguf", ".safetensors", ".ckpt", ".pt", ".pth", ".bin", "config.json", NULL
};
static const char *const hub_suffixes[] = { ".gguf", ".safetensors",
                                            "config.json", NULL };
static const char *const gguf_suffixes[] = { ".gguf", NULL };

void
scan_leave_out(struct scan *scan, const char *what, const char *why)
{
    if (scan->n_left_out++ == 0)
        snprintf(scan->problem, sizeof scan->problem, "%s%s%s", what,
                 why[0] == '\0' ? "" : ": ", why);
}

bool
path_is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    if (strncmp(path, folder, n) != 0)
        return false;
    return path[n] == '/' || path[n] == '\0' || strcmp(folder, "/") == 0;
}

static bool
scan_is_inside(const struct scan *scan, const char *path)
{
    for (size_t i = 0; i < scan->n_roots; i++)
        if (scan->roots[i].resolved != NULL &&
            path_is_below(path, scan->roots[i].resolved))
            return true;
    return false;
}

bool
path_is_printable(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7F)
            return false;
    return str_is_utf8(text);
}

/* The folder of a file, without links; cached, for files come by folder. */
static const char *
resolve_folder(struct collector *c, const char *path, size_t n)
{
    if (n == 0)
        n = 1; /* in "/" */
    if (n >= sizeof c->folder)
        return NULL;
    if (strncmp(c->folder, path, n) != 0 || c->folder[n] != '\0') {
        struct error error;
        memcpy(c->folder, path, n);
        c->folder[n] = '\0';
        if (folder_resolve(c->folder, c->resolved, sizeof c->resolved, &error) <
                0 ||
            !scan_is_inside(c->scan, c->resolved))
            c->resolved[0] = '\0';
    }
    return c->resolved[0] == '\0' ? NULL : c->resolved;
}

static bool
leads_outside(const struct scan *scan, const char *path)
{
    char target[LIMIT_PATH_BYTES];
    struct error error;
    return folder_resolve(path, target, sizeof target, &error) < 0 ||
           !scan_is_inside(scan, target);
}

static void
release_file(struct found_file *file)
{
    free(file->path);
    free(file->label);
    free(file->projector);
    text_list_release(&file->other_paths);
    text_list_release(&file->other_origins);
}

int
scan_add_file(struct scan *scan, const struct found_file *file)
{
    if ((scan->n_files & (scan->n_files - 1)) == 0) {
        size_t room = scan->n_files == 0 ? 1 : scan->n_files * 2;
        struct found_file *files =
            realloc_checked(scan->files, room, sizeof *files);
        if (files == NULL)
            return -1;
        scan->files = files;
    }
    struct found_file copy = *file;
    copy.path = str_dup(str_from(file->path));
    copy.label = str_dup(str_from(file->label));
    copy.projector =
        file->projector == NULL ? NULL : str_dup(str_from(file->projector));
    if (copy.path == NULL || copy.label == NULL ||
        (copy.projector == NULL) != (file->projector == NULL)) {
        release_file(&copy);
        return -1;
    }
    scan->files[scan->n_files++] = copy;
    atomic_fetch_add(&scan->n_found, 1);
    return 0;
}

/* The path without the ending of the file's name. */
static void
copy_bare(const char *path, char *ret_bare, size_t size)
{
    snprintf(ret_bare, size, "%s", path);
    char *slash = strrchr(ret_bare, '/');
    char *dot = strrchr(ret_bare, '.');
    if (dot != NULL && (slash == NULL || dot > slash + 1))
        *dot = '\0';
}

void
scan_add_folder(struct scan *scan, const char *path)
{
    if (scan->n_folders == WATCH_FOLDERS_MAX)
        return;
    if ((scan->n_folders & (scan->n_folders - 1)) == 0) {
        size_t room = scan->n_folders == 0 ? 1 : scan->n_folders * 2;
        char **folders = realloc_checked(scan->folders, room, sizeof *folders);
        if (folders == NULL)
            return; /* not watched, then */
        scan->folders = folders;
    }
    char *copy = str_dup(str_from(path));
    if (copy != NULL)
        scan->folders[scan->n_folders++] = copy;
}

static void
on_folder(void *ctx, const char *path)
{
    struct collector *c = ctx;
    scan_add_folder(c->scan, path);
}

/* The hub's cache names the blob of a large file by its digest. */
static void
take_digest(struct found_file *file, const char *link)
{
    char target[LIMIT_PATH_BYTES];
    struct error error;
    if (folder_resolve(link, target, sizeof target, &error) < 0)
        return;
    const char *name = strrchr(target, '/') + 1;
    if (sha256_is_hex(str_from(name)))
        snprintf(file->sha256, sizeof file->sha256, "%.64s", name);
}

/* aria2 gives a file its name before it is whole, and has one of its own
 * beside it until then. */
static bool
is_still_coming(const char *path)
{
    char control[LIMIT_PATH_BYTES + 8];
    struct folder_facts facts;
    snprintf(control, sizeof control, "%s.aria2", path);
    return folder_facts(control, &facts) == 0;
}

static int
take_file(struct collector *c, const char *folder,
          const struct folder_file *file)
{
    char path[LIMIT_PATH_BYTES * 2], label[LIMIT_PATH_BYTES * 2];
    snprintf(path, sizeof path, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder,
             file->name.p);
    struct found_file found = {
        .path = path,
        .label = label,
        .root = c->root,
        .device = file->device,
        .inode = file->inode,
        .size_bytes = file->size_bytes,
        .modified_at_ms = file->modified_at_ms,
        .is_link = file->is_link,
    };
    if (c->root->source == MODEL_SOURCE_HUGGINGFACE) {
        char named[LIMIT_PATH_BYTES];
        if (!hub_cache_takes(&c->hub, c->root->resolved, file->path, &found,
                             named, sizeof named))
            return 0;
        copy_bare(named, label, sizeof label);
    } else {
        copy_bare(path, label, sizeof label);
    }
    if (c->root->source == MODEL_SOURCE_HUGGINGFACE && file->is_link)
        take_digest(&found, file->path);
    if (scan_add_file(c->scan, &found) == 0)
        return 0;
    c->scan->is_out_of_memory = true;
    return 1;
}

static int
on_file(void *ctx, const struct folder_file *file)
{
    struct collector *c = ctx;
    struct scan *scan = c->scan;
    if (atomic_load(&scan->is_cancelled))
        return 1;
    if (scan->on_progress != NULL)
        scan->on_progress(scan->ctx);
    if (str_ends_with_nocase(file->name, STR("config.json")) &&
        !str_is(file->name, "config.json"))
        return 0;
    if (!path_is_printable(file->name)) {
        scan_leave_out(scan, "a name that is no plain UTF-8", "");
        return 0;
    }
    size_t n_folder = (size_t)(file->name.p - file->path) - 1;
    const char *folder = resolve_folder(c, file->path, n_folder);
    if (folder == NULL || (file->is_link && leads_outside(scan, file->path))) {
        scan_leave_out(scan, file->path, "leads out of the model folders");
        return 0;
    }
    if (scan->n_files == SCAN_MODELS_MAX) {
        scan_leave_out(scan, "there are more than 100,000 models", "");
        return 1;
    }
    return is_still_coming(file->path) ? 0 : take_file(c, folder, file);
}

static int
by_file(const void *a, const void *b)
{
    const struct found_file *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    if (x->inode != y->inode)
        return x->inode < y->inode ? -1 : 1;
    if (x->is_link != y->is_link)
        return x->is_link ? 1 : -1;
    if ((x->revision[0] == '\0') != (y->revision[0] == '\0'))
        return x->revision[0] == '\0' ? -1 : 1;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : strcmp(x->label, y->label);
}

static int
by_path(const void *a, const void *b)
{
    return strcmp(((const struct found_file *)a)->path,
                  ((const struct found_file *)b)->path);
}

static void
keep_each_once(struct scan *scan)
{
    if (scan->n_files == 0)
        return;
    qsort(scan->files, scan->n_files, sizeof *scan->files, by_file);
    size_t n = 1;
    for (size_t i = 1; i < scan->n_files; i++) {
        struct found_file *kept = &scan->files[n - 1], *file = &scan->files[i];
        if (file->device != kept->device || file->inode != kept->inode) {
            scan->files[n++] = *file;
            continue;
        }
        /* One path twice: below two roots that overlap. */
        if (strcmp(file->path, kept->path) != 0 &&
            !text_list_has(&kept->other_paths, str_from(file->path)) &&
            text_list_add(&kept->other_paths, str_from(file->path)) < 0)
            scan->is_out_of_memory = true;
        if (origin_add(&kept->other_origins, file) < 0)
            scan->is_out_of_memory = true;
        if (kept->sha256[0] == '\0')
            memcpy(kept->sha256, file->sha256, sizeof kept->sha256);
        release_file(file);
    }
    scan->n_files = n;
    qsort(scan->files, n, sizeof *scan->files, by_path);
}

static void
resolve_roots(struct scan *scan)
{
    for (size_t i = 0; i < scan->n_roots; i++) {
        struct scan_root *root = &scan->roots[i];
        char resolved[LIMIT_PATH_BYTES];
        struct error error;
        if (folder_resolve(root->path, resolved, sizeof resolved, &error) < 0) {
            root->is_incomplete = true;
            if (!root->is_optional)
                scan_leave_out(scan, error.message, "");
            continue;
        }
        free(root->resolved);
        root->resolved = str_dup(str_from(resolved));
        if (root->resolved == NULL)
            scan->is_out_of_memory = true;
    }
}

static void
walk_root(struct collector *c, struct scan_root *root)
{
    struct folder_walk walk = { .suffixes = all_suffixes,
                                .max_depth = SCAN_DEPTH_MAX,
                                .max_entries = SCAN_ENTRIES_MAX,
                                .on_file = on_file,
                                .on_folder = on_folder,
                                .ctx = c };
    if (root->source == MODEL_SOURCE_HUGGINGFACE ||
        root->source == MODEL_SOURCE_LMSTUDIO)
        walk.suffixes = hub_suffixes;
    else if (root->source == MODEL_SOURCE_LLAMA_CPP)
        walk.suffixes = gguf_suffixes;
    struct error error;
    c->root = root;
    if (folder_walk(root->resolved, &walk, &error) < 0) {
        if (error.code == ERR_NO_MEMORY)
            c->scan->is_out_of_memory = true;
        root->is_incomplete = true;
        scan_leave_out(c->scan, error.message, "");
    }
    if (walk.n_unreadable > 0) {
        root->is_incomplete = true;
        scan_leave_out(c->scan, walk.first_unreadable.message, "");
    }
    if (walk.is_cut) {
        root->is_incomplete = true;
        scan_leave_out(c->scan, root->path, "too deep or too full");
    }
}

/* ---- heads: by several threads, each takes the next model ---- */

enum { READERS_MAX = 4, MODELS_PER_READER = 32 };

struct heads {
    struct scan *scan;
    _Atomic size_t next;
    _Atomic bool is_out_of_memory, has_teller;
};

/* False when there is nothing left to do. */
static bool
read_next(struct heads *heads)
{
    struct scan *scan = heads->scan;
    size_t i = atomic_fetch_add(&heads->next, 1);
    if (i >= scan->n_models || atomic_load(&scan->is_cancelled) ||
        atomic_load(&heads->is_out_of_memory))
        return false;
    if (scan->models[i].is_known)
        return true;
    if (facts_read(scan->models[i].model) < 0)
        atomic_store(&heads->is_out_of_memory, true);
    atomic_fetch_add(&scan->n_read, 1);
    return true;
}

/* One of them tells how far they are. */
static void
reader(void *arg)
{
    struct heads *heads = arg;
    const struct scan *scan = heads->scan;
    bool tells =
        !atomic_exchange(&heads->has_teller, true) && scan->on_progress != NULL;
    while (read_next(heads))
        if (tells)
            scan->on_progress(scan->ctx);
}

/* Heads of what is new or has changed. */
static void
read_heads(struct scan *scan)
{
    struct heads heads = { .scan = scan };
    size_t n_to_read = 0;
    for (size_t i = 0; i < scan->n_models; i++)
        n_to_read += !scan->models[i].is_known;
    atomic_store(&scan->n_to_read, n_to_read);
    atomic_store(&scan->n_found, scan->n_models);
    size_t n_more = n_to_read / MODELS_PER_READER;
    size_t n_processors = (size_t)system_processors();
    if (n_more > n_processors - 1)
        n_more = n_processors - 1;
    worker_side_by_side(n_more < READERS_MAX ? n_more : READERS_MAX - 1, reader,
                        &heads);
    if (atomic_load(&heads.is_out_of_memory))
        scan->is_out_of_memory = true;
}

void
scan_run(struct scan *scan)
{
    struct collector c = { .scan = scan };
    resolve_roots(scan);
    for (size_t i = 0; i < scan->n_roots && !scan->is_out_of_memory; i++) {
        struct scan_root *root = &scan->roots[i];
        if (root->resolved == NULL)
            continue;
        if (root->source == MODEL_SOURCE_OLLAMA)
            ollama_scan(scan, root);
        else
            walk_root(&c, root);
    }
    keep_each_once(scan);
    if (!scan->is_out_of_memory && scan_group(scan) < 0)
        scan->is_out_of_memory = true;
    if (!scan->is_out_of_memory)
        read_heads(scan);
}

void
scan_release(struct scan *scan)
{
    for (size_t i = 0; scan->roots != NULL && i < scan->n_roots; i++) {
        free(scan->roots[i].path);
        free(scan->roots[i].resolved);
    }
    free(scan->roots);
    free(scan->archive_dir);
    for (size_t i = 0; i < scan->n_folders; i++)
        free(scan->folders[i]);
    free(scan->folders);
    for (size_t i = 0; i < scan->n_files; i++)
        release_file(&scan->files[i]);
    free(scan->files);
    for (size_t i = 0; i < scan->n_models; i++)
        model_free(scan->models[i].model);
    free(scan->models);
    size_t at = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&scan->known, &at)) != NULL)
        free(slot->value);
    map_release(&scan->known);
}
