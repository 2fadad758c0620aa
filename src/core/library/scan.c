/* Finding model files. Everything that is found is collected first, then
 * sorted so that of several names of one file the best stays: one that is no
 * link, then the first by path. So the outcome does not depend on the order
 * in which a folder gives its names. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"
#include "platform/folder.h"

struct collector {
    struct scan *scan;
    char **roots; /* resolved; NULL where a root is not there */
    char folder[LIMIT_PATH_BYTES];   /* of the file before */
    char resolved[LIMIT_PATH_BYTES]; /* the same without links; "" outside */
};

static void
leave_out(struct scan *scan, const char *what, const char *why)
{
    if (scan->n_left_out++ == 0)
        snprintf(scan->problem, sizeof scan->problem, "%s%s%s", what,
                 why[0] == '\0' ? "" : ": ", why);
}

static bool
is_inside(const struct collector *c, const char *path)
{
    for (size_t i = 0; i < c->scan->n_roots; i++) {
        const char *root = c->roots[i];
        size_t n = root == NULL ? 0 : strlen(root);
        if (root == NULL || strncmp(path, root, n) != 0)
            continue;
        if (path[n] == '/' || path[n] == '\0' || strcmp(root, "/") == 0)
            return true;
    }
    return false;
}

/* "x-00002-of-00003.gguf" and on: the engine finds them by the first. */
static bool
is_later_part(struct str name)
{
    enum { TAIL = 20 }; /* "-00002-of-00003.gguf" */
    if (name.n <= TAIL)
        return false;
    const char *at = name.p + name.n - TAIL;
    if (at[0] != '-' || strncmp(at + 6, "-of-", 4) != 0)
        return false;
    for (size_t i = 1; i < 15; i++)
        if ((i < 6 || i > 9) && (at[i] < '0' || at[i] > '9'))
            return false;
    return strncmp(at + 1, "00001", 5) != 0;
}

static bool
is_printable(struct str text)
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
            !is_inside(c, c->resolved))
            c->resolved[0] = '\0';
    }
    return c->resolved[0] == '\0' ? NULL : c->resolved;
}

static bool
leads_outside(const struct collector *c, const char *path)
{
    char target[LIMIT_PATH_BYTES];
    struct error error;
    return folder_resolve(path, target, sizeof target, &error) < 0 ||
           !is_inside(c, target);
}

static int
add_file(struct scan *scan, const char *path, const struct folder_file *file)
{
    if ((scan->n_files & (scan->n_files - 1)) == 0) {
        size_t room = scan->n_files == 0 ? 1 : scan->n_files * 2;
        struct found_file *files =
            reallocarray(scan->files, room, sizeof *files);
        if (files == NULL)
            return -1;
        scan->files = files;
    }
    char *copy = str_dup(str_from(path));
    if (copy == NULL)
        return -1;
    scan->files[scan->n_files++] = (struct found_file){
        .path = copy,
        .device = file->device,
        .inode = file->inode,
        .size_bytes = file->size_bytes,
        .modified_at_ms = file->modified_at_ms,
        .is_link = file->is_link,
    };
    return 0;
}

static int
on_file(void *ctx, const struct folder_file *file)
{
    struct collector *c = ctx;
    struct scan *scan = c->scan;
    if (is_later_part(file->name))
        return 0;
    if (!is_printable(str_from(file->path))) {
        leave_out(scan, "a file name is not plain UTF-8 text", "");
        return 0;
    }
    size_t n_folder = (size_t)(file->name.p - file->path) - 1;
    const char *folder = resolve_folder(c, file->path, n_folder);
    if (folder == NULL || (file->is_link && leads_outside(c, file->path))) {
        leave_out(scan, file->path, "leads out of the model folders");
        return 0;
    }
    if (scan->n_files == SCAN_MODELS_MAX) {
        leave_out(scan, "there are more than 100,000 models", "");
        return 1;
    }
    char path[LIMIT_PATH_BYTES * 2];
    snprintf(path, sizeof path, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder,
             file->name.p);
    if (add_file(scan, path, file) == 0)
        return 0;
    scan->is_out_of_memory = true;
    return 1;
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
    return strcmp(x->path, y->path);
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
        if (scan->files[i].device == scan->files[n - 1].device &&
            scan->files[i].inode == scan->files[n - 1].inode)
            free(scan->files[i].path);
        else
            scan->files[n++] = scan->files[i];
    }
    scan->n_files = n;
    qsort(scan->files, n, sizeof *scan->files, by_path);
}

static int
collector_init(struct collector *c, struct scan *scan)
{
    *c = (struct collector){ .scan = scan };
    c->roots = calloc(scan->n_roots + 1, sizeof *c->roots);
    if (c->roots == NULL) {
        scan->is_out_of_memory = true;
        return -1;
    }
    for (size_t i = 0; i < scan->n_roots; i++) {
        char resolved[LIMIT_PATH_BYTES];
        struct error error;
        if (folder_resolve(scan->roots[i], resolved, sizeof resolved, &error) <
            0)
            leave_out(scan, error.message, "");
        else if ((c->roots[i] = str_dup(str_from(resolved))) == NULL)
            scan->is_out_of_memory = true;
    }
    return scan->is_out_of_memory ? -1 : 0;
}

static void
collector_release(struct collector *c)
{
    for (size_t i = 0; c->roots != NULL && i < c->scan->n_roots; i++)
        free(c->roots[i]);
    free(c->roots);
}

static void
walk_root(struct collector *c, const char *root, struct folder_walk *walk)
{
    struct error error;
    size_t n_before = walk->n_unreadable;
    if (folder_walk(root, walk, &error) < 0) {
        if (error.code == ERR_NO_MEMORY)
            c->scan->is_out_of_memory = true;
        leave_out(c->scan, error.message, "");
    }
    if (walk->n_unreadable > n_before)
        leave_out(c->scan, walk->first_unreadable.message, "");
}

void
scan_run(struct scan *scan)
{
    struct collector c;
    struct folder_walk walk = { .suffix = ".gguf",
                                .max_depth = SCAN_DEPTH_MAX,
                                .max_entries = SCAN_ENTRIES_MAX,
                                .on_file = on_file,
                                .ctx = &c };
    if (collector_init(&c, scan) == 0) {
        for (size_t i = 0; i < scan->n_roots && !scan->is_out_of_memory; i++)
            if (c.roots[i] != NULL)
                walk_root(&c, c.roots[i], &walk);
        if (walk.is_cut)
            leave_out(scan, "the model folders are too deep or too full", "");
    }
    collector_release(&c);
    keep_each_once(scan);
}

void
scan_known(struct scan *scan, char *const *paths, size_t n)
{
    struct collector c;
    if (collector_init(&c, scan) == 0) {
        for (size_t i = 0; i < n && i < SCAN_MODELS_MAX; i++) {
            struct folder_file file = { .inode = i };
            if (!is_inside(&c, paths[i]) ||
                folder_file_facts(paths[i], &file.size_bytes,
                                  &file.modified_at_ms) < 0)
                continue; /* gone since; it may come back */
            if (add_file(scan, paths[i], &file) < 0)
                scan->is_out_of_memory = true;
        }
    }
    collector_release(&c);
    keep_each_once(scan);
}

void
scan_release(struct scan *scan)
{
    for (size_t i = 0; i < scan->n_roots; i++)
        free(scan->roots[i]);
    free(scan->roots);
    for (size_t i = 0; i < scan->n_files; i++)
        free(scan->files[i].path);
    free(scan->files);
}
