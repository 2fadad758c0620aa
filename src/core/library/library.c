/* The owner of the catalog: starts scans, keeps ids, tells of changes. */
#include "core/library/library.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"
#include "io/worker.h"
#include "platform/folder.h"
#include "platform/system.h"
#include "store/store.h"

#define ID_KEY_PREFIX "model_id:"

struct waiter {
    struct list node;
    void (*on_done)(void *ctx);
    void *ctx;
};

/* One walk on a worker. Outlives a library that is freed meanwhile. */
struct walk_job {
    struct library *library; /* NULL: gone */
    struct scan scan;
    uint64_t roots_version;
};

struct library {
    struct loop *loop;
    struct events *events;
    struct store *store;
    char **roots;
    size_t n_roots;
    uint64_t roots_version;
    struct catalog catalog;
    struct map ids;       /* path -> id, owned; paths that are gone too */
    struct walk_job *job; /* while one runs */
    struct list waiters;
};

/* ---- ids ---- */

static int
remember_id(struct library *library, const char *path, const char *id)
{
    char *copy = str_dup(str_from(id));
    if (copy == NULL || map_put(&library->ids, str_from(path), copy) < 0) {
        free(copy);
        return -1;
    }
    return 0;
}

static int
on_stored_id(void *ctx, const char *key, const char *value)
{
    struct library *library = ctx;
    const char *path = key + strlen(ID_KEY_PREFIX);
    if (strlen(value) >= ID_BYTES)
        return 0;
    return remember_id(library, path, value);
}

/* The id of a path, minted and stored when it is new. */
static int
id_of(void *ctx, const char *path, char *ret_id)
{
    struct library *library = ctx;
    const char *known = map_get(&library->ids, str_from(path));
    if (known != NULL) {
        snprintf(ret_id, ID_BYTES, "%s", known);
        return 0;
    }
    uint8_t random[10];
    char key[sizeof ID_KEY_PREFIX + 2 * LIMIT_PATH_BYTES];
    system_random(random, sizeof random);
    id_format(ret_id, "model", loop_wall_ms(), random);
    if (remember_id(library, path, ret_id) < 0)
        return -1;
    snprintf(key, sizeof key, ID_KEY_PREFIX "%s", path);
    store_put_metadata(library->store, key, ret_id, NULL, NULL);
    return 0;
}

/* ---- roots ---- */

static void
free_texts(char **texts, size_t n)
{
    for (size_t i = 0; texts != NULL && i < n; i++)
        free(texts[i]);
    free(texts);
}

static char **
copy_texts(const struct str *texts, size_t n)
{
    char **copies = calloc(n + 1, sizeof *copies);
    for (size_t i = 0; copies != NULL && i < n; i++) {
        copies[i] = str_dup(texts[i]);
        if (copies[i] == NULL) {
            free_texts(copies, i);
            return NULL;
        }
    }
    return copies;
}

int
library_set_roots(struct library *library, const struct str *roots, size_t n,
                  struct error *error)
{
    for (size_t i = 0; i < n; i++)
        if (roots[i].n == 0 || roots[i].p[0] != '/')
            return error_field(error, "models_dirs",
                               "\"%.*s\" is not an absolute path",
                               STR_ARG(roots[i]));
    char **copies = copy_texts(roots, n);
    if (copies == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    free_texts(library->roots, library->n_roots);
    library->roots = copies;
    library->n_roots = n;
    library->roots_version++;
    return 0;
}

/* ---- scanning ---- */

static int
scan_init(const struct library *library, struct scan *scan)
{
    struct str views[64];
    *scan = (struct scan){ .n_files = 0 };
    size_t n = library->n_roots < 64 ? library->n_roots : 64;
    for (size_t i = 0; i < n; i++)
        views[i] = str_from(library->roots[i]);
    scan->roots = copy_texts(views, n);
    scan->n_roots = scan->roots == NULL ? 0 : n;
    return scan->roots == NULL ? -1 : 0;
}

static void
call_waiters(struct library *library)
{
    struct list waiters; /* a waiter may scan again */
    list_init(&waiters);
    struct list *node;
    while ((node = list_first(&library->waiters)) != NULL) {
        list_remove(node);
        list_push_back(&waiters, node);
    }
    while ((node = list_first(&waiters)) != NULL) {
        struct waiter *waiter = LIST_ENTRY(node, struct waiter, node);
        list_remove(node);
        if (waiter->on_done != NULL)
            waiter->on_done(waiter->ctx);
        free(waiter);
    }
}

static void
log_problem(struct library *library, const char *message)
{
    events_log(library->events, LOG_WARN, "library", "%s", message);
}

/* Takes what was found; tells when it differs from what was known. */
static void
apply(struct library *library, const struct scan *scan)
{
    struct catalog catalog;
    if (scan->is_out_of_memory ||
        catalog_init(&catalog, scan->files, scan->n_files, id_of, library) <
            0) {
        log_problem(library, "no memory for a scan; the models that were "
                             "known are kept");
        return;
    }
    if (scan->n_left_out > 0)
        events_log(library->events, LOG_WARN, "library",
                   "%zu left out of the scan; the first: %s", scan->n_left_out,
                   scan->problem);
    if (catalog_equals(&catalog, &library->catalog)) {
        catalog_release(&catalog);
        return;
    }
    struct catalog before = library->catalog;
    library->catalog = catalog;
    events_publish(library->events, EVENT_LIBRARY_CHANGED, "", NULL);
    catalog_release(&before);
}

static void
work(void *arg)
{
    struct walk_job *job = arg;
    scan_run(&job->scan);
}

static void begin_walk(struct library *library);

static void
on_walked(void *arg)
{
    struct walk_job *job = arg;
    struct library *library = job->library;
    if (library != NULL) {
        library->job = NULL;
        if (job->roots_version != library->roots_version) {
            begin_walk(library); /* these are not the folders any more */
        } else {
            apply(library, &job->scan);
            call_waiters(library);
        }
    }
    scan_release(&job->scan);
    free(job);
}

static void
begin_walk(struct library *library)
{
    struct walk_job *job = calloc(1, sizeof *job);
    if (job != NULL && scan_init(library, &job->scan) == 0) {
        job->library = library;
        job->roots_version = library->roots_version;
        library->job = job;
        if (worker_submit(library->loop, work, on_walked, job) == 0)
            return;
        library->job = NULL;
        scan_release(&job->scan);
    }
    free(job);
    log_problem(library, "no memory to scan the model folders");
    call_waiters(library);
}

void
library_scan(struct library *library, void (*on_done)(void *ctx), void *ctx)
{
    assert(loop_is_here(library->loop));
    struct waiter *waiter = calloc(1, sizeof *waiter);
    if (waiter == NULL) {
        log_problem(library, "no memory to scan the model folders");
        if (on_done != NULL)
            on_done(ctx);
        return;
    }
    waiter->on_done = on_done;
    waiter->ctx = ctx;
    list_push_back(&library->waiters, &waiter->node);
    if (library->job == NULL)
        begin_walk(library);
}

/* ---- opening and closing ---- */

/* The models of the last run whose files are there: enough to serve before
 * the first scan has ended. */
static int
load_known(struct library *library, struct error *error)
{
    if (store_load_metadata(library->store, ID_KEY_PREFIX, on_stored_id,
                            library, error) < 0)
        return -1;
    struct scan scan;
    char **paths = calloc(library->ids.n + 1, sizeof *paths);
    if (paths == NULL || scan_init(library, &scan) < 0) {
        free(paths);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    size_t at = 0, n = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&library->ids, &at)) != NULL)
        if (str_ends_with((struct str){ slot->key, slot->key_n }, STR(".gguf")))
            paths[n] = slot->key, n++;
    scan_known(&scan, paths, n);
    int result = 0;
    if (scan.is_out_of_memory || catalog_init(&library->catalog, scan.files,
                                              scan.n_files, id_of, library) < 0)
        result = error_set(error, ERR_NO_MEMORY, "out of memory");
    scan_release(&scan);
    free(paths);
    return result;
}

int
library_new(const struct library_options *options, struct library **ret_library,
            struct error *error)
{
    struct library *library = calloc(1, sizeof *library);
    if (library == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    library->loop = options->loop;
    library->events = options->events;
    library->store = options->store;
    map_init(&library->ids);
    list_init(&library->waiters);
    if (library_set_roots(library, options->roots, options->n_roots, error) <
            0 ||
        load_known(library, error) < 0) {
        library_free(library);
        return -1;
    }
    *ret_library = library;
    return 0;
}

void
library_free(struct library *library)
{
    if (library == NULL)
        return;
    if (library->job != NULL)
        library->job->library = NULL;
    LIST_FOR_SAFE(node, &library->waiters)
    {
        list_remove(node);
        free(LIST_ENTRY(node, struct waiter, node));
    }
    size_t at = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&library->ids, &at)) != NULL)
        free(slot->value);
    map_release(&library->ids);
    catalog_release(&library->catalog);
    free_texts(library->roots, library->n_roots);
    free(library);
}

/* ---- asking ---- */

size_t
library_count(const struct library *library)
{
    return library->catalog.n;
}

const struct model *
library_at(const struct library *library, size_t i)
{
    return i < library->catalog.n ? &library->catalog.models[i] : NULL;
}

const struct model *
library_find(const struct library *library, struct str id_or_name)
{
    const struct model *model = map_get(&library->catalog.by_id, id_or_name);
    return model != NULL ? model
                         : map_get(&library->catalog.by_name, id_or_name);
}

enum library_place
library_locate(const struct library *library, const char *path)
{
    char resolved[LIMIT_PATH_BYTES], root[LIMIT_PATH_BYTES];
    struct error error;
    if (folder_resolve(path, resolved, sizeof resolved, &error) < 0)
        return LIBRARY_MISSING;
    for (size_t i = 0; i < library->n_roots; i++) {
        if (folder_resolve(library->roots[i], root, sizeof root, &error) < 0)
            continue;
        size_t n = strlen(root);
        if (strcmp(root, "/") == 0 ||
            (strncmp(resolved, root, n) == 0 &&
             (resolved[n] == '/' || resolved[n] == '\0')))
            return LIBRARY_INSIDE;
    }
    return LIBRARY_OUTSIDE;
}

bool
library_is_folder(const char *path)
{
    char resolved[LIMIT_PATH_BYTES];
    int64_t size_bytes, modified_at_ms;
    struct error error;
    return folder_resolve(path, resolved, sizeof resolved, &error) == 0 &&
           folder_file_facts(resolved, &size_bytes, &modified_at_ms) < 0;
}

bool
library_holds(const struct library *library, const char *path)
{
    return library_locate(library, path) == LIBRARY_INSIDE;
}
