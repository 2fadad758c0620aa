/* The folders that are searched, as they are configured, and whether a path
 * lies in one of them. */
#include <stdlib.h>

#include "core/library/library_internal.h"

void
roots_free(struct scan_root *roots, size_t n)
{
    for (size_t i = 0; roots != NULL && i < n; i++) {
        free(roots[i].path);
        free(roots[i].resolved);
    }
    free(roots);
}

/* `like`: what it is, its paths aside. */
static int
add_root(struct scan_root *roots, size_t *n, struct str path,
         const struct scan_root *like)
{
    if (*n == SCAN_ROOTS_MAX)
        return 0;
    roots[*n] = *like;
    roots[*n].path = str_dup(path);
    roots[*n].resolved = NULL;
    roots[*n].is_incomplete = false;
    return roots[(*n)++].path == NULL ? -1 : 0;
}

static int
check_roots(const struct library_options *options, struct error *error)
{
    for (size_t i = 0; i < options->n_roots; i++)
        if (options->roots[i].n == 0 || options->roots[i].p[0] != '/')
            return error_field(error, "models_dirs",
                               "\"%.*s\" is not an absolute path",
                               STR_ARG(options->roots[i]));
    return 0;
}

static struct scan_root *
make_roots(const struct library_options *options, size_t *ret_n)
{
    struct scan_root *roots = calloc(SCAN_ROOTS_MAX, sizeof *roots);
    int result = roots == NULL ? -1 : 0;
    *ret_n = 0;
    for (size_t i = 0; result == 0 && i < options->n_roots; i++) {
        const struct scan_root like = { .source = MODEL_SOURCE_FOLDER };
        result = add_root(roots, ret_n, options->roots[i], &like);
    }
    for (size_t i = 0; result == 0 && i < options->n_places; i++) {
        const struct library_place *place = &options->places[i];
        const struct scan_root like = { .source = place->source,
                                        .kind = place->kind,
                                        .is_optional = true };
        result = add_root(roots, ret_n, place->path, &like);
    }
    if (result == 0 && options->archive_dir.n > 0) {
        const struct scan_root like = { .source = MODEL_SOURCE_FOLDER,
                                        .is_optional = true,
                                        .is_archive = true };
        result = add_root(roots, ret_n, options->archive_dir, &like);
    }
    if (result == 0)
        return roots;
    roots_free(roots, *ret_n);
    return NULL;
}

int
roots_copy(const struct library *library, struct scan *scan)
{
    scan->roots = calloc(library->n_roots + 1, sizeof *scan->roots);
    if (scan->roots == NULL)
        return -1;
    for (size_t i = 0; i < library->n_roots; i++) {
        const struct scan_root *root = &library->roots[i];
        if (add_root(scan->roots, &scan->n_roots, str_from(root->path), root) <
            0)
            return -1;
    }
    return 0;
}

static void
on_change(void *ctx)
{
    library_scan(ctx, NULL, NULL);
}

static void
set_watched(struct library *library, bool is_watched)
{
    if (!is_watched) {
        watch_free(library->watch);
        library->watch = NULL;
    } else if (library->watch == NULL) {
        library->watch = watch_new(library->loop, on_change, library);
        if (library->watch == NULL)
            library_log_problem(library,
                                "no memory to watch the model folders");
    }
}

static bool
is_same_root(const struct scan_root *a, const struct scan_root *b)
{
    return strcmp(a->path, b->path) == 0 && a->source == b->source &&
           a->kind == b->kind && a->is_optional == b->is_optional &&
           a->is_archive == b->is_archive;
}

static bool
are_roots(const struct library *library, const struct scan_root *roots,
          size_t n)
{
    if (library->roots == NULL || library->n_roots != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_same_root(&library->roots[i], &roots[i]))
            return false;
    return true;
}

static void
set_interval(struct library *library, int64_t rescan_s)
{
    if (library->rescan_s == rescan_s)
        return; /* the next one stays due when it was */
    library->rescan_s = rescan_s;
    walks_arm(library);
}

int
library_configure(struct library *library,
                  const struct library_options *options, struct error *error)
{
    if (check_roots(options, error) < 0)
        return -1;
    size_t n;
    struct scan_root *roots = make_roots(options, &n);
    char *archive_dir = str_dup(options->archive_dir);
    if (roots == NULL || archive_dir == NULL) {
        free(archive_dir);
        roots_free(roots, roots == NULL ? 0 : n);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    /* The folder of the archive is the last root. */
    bool is_same = are_roots(library, roots, n);
    roots_free(library->roots, library->n_roots);
    free(library->archive_dir);
    library->roots = roots;
    library->n_roots = n;
    library->archive_dir = archive_dir;
    library->has_hashes = options->has_hashes;
    set_watched(library, options->is_watched);
    set_interval(library, options->rescan_s);
    hashes_next(library);
    if (is_same)
        return 0;
    library->roots_version++;
    return 1;
}

/* ---- paths ---- */

enum library_place_of
library_locate(const struct library *library, const char *path)
{
    char resolved[LIMIT_PATH_BYTES], root[LIMIT_PATH_BYTES];
    struct error error;
    if (folder_resolve(path, resolved, sizeof resolved, &error) < 0)
        return LIBRARY_MISSING;
    for (size_t i = 0; i < library->n_roots; i++)
        if (folder_resolve(library->roots[i].path, root, sizeof root, &error) ==
                0 &&
            path_is_below(resolved, root))
            return LIBRARY_INSIDE;
    return LIBRARY_OUTSIDE;
}

bool
library_is_folder(const char *path)
{
    struct folder_facts facts;
    return folder_facts(path, &facts) == 0 && facts.is_folder;
}

bool
library_holds(const struct library *library, const char *path)
{
    return library_locate(library, path) == LIBRARY_INSIDE;
}
