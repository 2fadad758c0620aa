/* The owner of the catalog: starts scans, takes over what they found, keeps
 * the records of what is gone, tells of changes. */
#include "core/library/library.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/library/library_internal.h"
#include "io/worker.h"
#include "platform/system.h"
#include "store/store.h"

#define ID_KEY_PREFIX "model_id:"

enum {
    PROGRESS_MS = 200,
    GONE_MAX = 20000, /* records of files that are no more */
    STORE_CHUNK = 256,
};

struct waiter {
    struct list node;
    void (*on_done)(void *ctx);
    void *ctx;
};

/* One walk on a worker. Outlives a library that is freed meanwhile. */
struct walk_job {
    struct library *library; /* NULL: gone; the loop's thread only */
    struct loop *loop;
    struct scan scan;
    uint64_t roots_version;
    int64_t told_at_ms; /* the worker's */
};

static void
log_problem(struct library *library, const char *message)
{
    events_log(library->events, LOG_WARN, "library", "%s", message);
}

/* ---- roots ---- */

static void
free_roots(struct scan_root *roots, size_t n)
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
    free_roots(roots, *ret_n);
    return NULL;
}

static void arm_rescan(struct library *library);

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
            log_problem(library, "no memory to watch the model folders");
    }
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
        free_roots(roots, roots == NULL ? 0 : n);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    free_roots(library->roots, library->n_roots);
    free(library->archive_dir);
    library->roots = roots;
    library->n_roots = n;
    library->archive_dir = archive_dir;
    library->has_hashes = options->has_hashes;
    library->rescan_s = options->rescan_s;
    set_watched(library, options->is_watched);
    library->roots_version++;
    arm_rescan(library);
    return 0;
}

/* ---- what a scan is given ---- */

static int
add_known(struct scan *scan, const struct model *model)
{
    struct known_file *known = malloc(sizeof *known);
    if (known == NULL)
        return -1;
    *known = (struct known_file){ model->size_bytes, model->modified_at_ms,
                                  model->device, model->inode,
                                  model->sidecar_stamp };
    if (map_put(&scan->known, str_from(model->path), known) == 0)
        return 0;
    free(known);
    return -1;
}

static int
scan_init(const struct library *library, struct scan *scan)
{
    map_init(&scan->known);
    scan->roots = calloc(library->n_roots + 1, sizeof *scan->roots);
    scan->archive_dir = str_dup(str_from(library->archive_dir));
    if (scan->roots == NULL || scan->archive_dir == NULL)
        return -1;
    for (size_t i = 0; i < library->n_roots; i++) {
        const struct scan_root *root = &library->roots[i];
        if (add_root(scan->roots, &scan->n_roots, str_from(root->path), root) <
            0)
            return -1;
    }
    for (size_t i = 0; i < library->catalog.n; i++)
        if (add_known(scan, library->catalog.models[i]) < 0)
            return -1;
    return 0;
}

/* ---- records that are gone ---- */

static int
add_gone(struct library *library, struct model *model)
{
    struct gone *gone = malloc(sizeof *gone);
    if (gone == NULL)
        return -1;
    gone->model = model;
    list_push_back(&library->gone, &gone->node);
    library->n_gone++;
    return 0;
}

static void
drop_gone(struct library *library, struct gone *gone)
{
    list_remove(&gone->node);
    library->n_gone--;
    model_free(gone->model);
    free(gone);
}

/* ---- taking over what was found ---- */

struct takeover {
    struct library *library;
    struct scan *scan;
    struct model **records; /* the catalog's, then the gone ones */
    size_t n_records;
    struct model **matches; /* by found model */
    struct model **models;  /* the new catalog's */
    size_t n_models;
    struct map used;       /* ids of records that live on */
    struct model *nothing; /* every field empty */
};

/* The id that an earlier version gave this path, else a new one. */
static void
mint_id(struct library *library, struct model *model)
{
    const char *legacy = map_get(&library->legacy_ids, str_from(model->path));
    if (legacy != NULL &&
        map_get(&library->catalog.by_id, str_from(legacy)) == NULL) {
        snprintf(model->id, sizeof model->id, "%s", legacy);
        return;
    }
    uint8_t random[10];
    system_random(random, sizeof random);
    id_format(model->id, "model", loop_wall_ms(), random);
}

static bool
is_same_file(const struct model *a, const struct model *b)
{
    return a->device == b->device && a->inode == b->inode &&
           a->size_bytes == b->size_bytes &&
           a->modified_at_ms == b->modified_at_ms;
}

/* Whether the record's value goes before what the scan found. */
static bool
is_inherited(const struct found_model *found, const struct model *record,
             const struct model *nothing, const struct model_field *field)
{
    bool is_empty = model_field_equals(nothing, record, field);
    if ((field->flags & MODEL_DIGEST) != 0)
        return !is_empty &&
               (found->is_known || is_same_file(found->model, record));
    if ((field->flags & MODEL_FACT) != 0)
        return found->is_known;
    if ((field->flags & MODEL_KEPT) != 0)
        return !is_empty && model_field_equals(nothing, found->model, field);
    return !is_empty && (field->flags & MODEL_PLACE) == 0;
}

/* What the scan cannot know, or did not read, comes from the record; where
 * that has nothing, what a sidecar says stays. */
static int
inherit(struct found_model *found, const struct model *record,
        const struct model *nothing)
{
    struct model *model = found->model;
    memcpy(model->id, record->id, sizeof model->id);
    for (size_t i = 0; i < n_model_fields; i++)
        if (is_inherited(found, record, nothing, &model_fields[i]) &&
            model_copy_field(model, record, &model_fields[i]) < 0)
            return -1;
    model->gone_at_ms = 0;
    return 0;
}

static int
takeover_init(struct takeover *t)
{
    struct library *library = t->library;
    size_t room = library->catalog.n + library->n_gone + 1;
    map_init(&t->used);
    t->records = calloc(room, sizeof *t->records);
    t->matches = calloc(t->scan->n_models + 1, sizeof *t->matches);
    t->models = calloc(t->scan->n_models + room, sizeof *t->models);
    t->nothing = model_new();
    if (t->records == NULL || t->matches == NULL || t->models == NULL ||
        t->nothing == NULL)
        return -1;
    for (size_t i = 0; i < library->catalog.n; i++)
        t->records[t->n_records++] = library->catalog.models[i];
    LIST_FOR(node, &library->gone)
    t->records[t->n_records++] = LIST_ENTRY(node, struct gone, node)->model;
    return identity_match(t->scan->models, t->scan->n_models, t->records,
                          t->n_records, t->matches);
}

static int
take_found(struct takeover *t)
{
    for (size_t i = 0; i < t->scan->n_models; i++) {
        struct found_model *found = &t->scan->models[i];
        const struct model *record = t->matches[i];
        if (record != NULL) {
            if (inherit(found, record, t->nothing) < 0 ||
                map_put(&t->used, str_from(record->id), found->model) < 0)
                return -1;
        } else {
            mint_id(t->library, found->model);
            found->model->created_at_ms = loop_wall_ms();
        }
        t->models[t->n_models++] = found->model;
        found->model = NULL;
    }
    return 0;
}

/* Whether the record was found under a folder that could not be read whole:
 * a disk that was unplugged must not end engines. */
static bool
is_out_of_sight(const struct scan *scan, const struct model *record)
{
    for (size_t i = 0; i < scan->n_roots; i++)
        if (strcmp(scan->roots[i].path, record->root) == 0)
            return scan->roots[i].is_incomplete &&
                   (!scan->roots[i].is_optional ||
                    scan->roots[i].resolved != NULL);
    return false;
}

static int
keep_out_of_sight(struct takeover *t)
{
    struct catalog *catalog = &t->library->catalog;
    for (size_t i = 0; i < catalog->n; i++) {
        const struct model *record = catalog->models[i];
        if (map_get(&t->used, str_from(record->id)) != NULL ||
            !is_out_of_sight(t->scan, record))
            continue;
        struct model *copy = model_copy(record);
        if (copy == NULL)
            return -1;
        t->models[t->n_models++] = copy;
        if (map_put(&t->used, str_from(copy->id), copy) < 0)
            return -1;
    }
    return 0;
}

static void
takeover_release(struct takeover *t)
{
    for (size_t i = 0; i < t->n_models; i++)
        model_free(t->models[i]);
    model_free(t->nothing);
    free(t->records);
    free(t->matches);
    free(t->models);
    map_release(&t->used);
}

/* What differs is stored; whether anything that is seen differs. */
static bool
store_changes(struct library *library, const struct catalog *before)
{
    const struct catalog *catalog = &library->catalog;
    const struct model *chunk[STORE_CHUNK];
    size_t n = 0;
    bool has_changed = before->n != catalog->n;
    for (size_t i = 0; i < catalog->n; i++) {
        const struct model *model = catalog->models[i];
        const struct model *old = map_get(&before->by_id, str_from(model->id));
        if (old != NULL && model_equals(old, model))
            continue;
        has_changed = true;
        chunk[n++] = model;
        if (n == STORE_CHUNK) {
            store_put_models(library->store, chunk, n, NULL, NULL);
            n = 0;
        }
    }
    if (n > 0)
        store_put_models(library->store, chunk, n, NULL, NULL);
    return has_changed;
}

/* Models of before that are no more become gone; gone ones that are back
 * leave the list. */
static void
sort_out_gone(struct library *library, struct catalog *before)
{
    LIST_FOR_SAFE(node, &library->gone)
    {
        struct gone *gone = LIST_ENTRY(node, struct gone, node);
        if (map_get(&library->catalog.by_id, str_from(gone->model->id)) != NULL)
            drop_gone(library, gone);
    }
    for (size_t i = 0; i < before->n; i++) {
        struct model *model = before->models[i];
        if (map_get(&library->catalog.by_id, str_from(model->id)) != NULL)
            continue;
        struct model *copy = model_copy(model);
        if (copy == NULL)
            continue; /* the row of the database still has it */
        copy->gone_at_ms = loop_wall_ms();
        const struct model *changed = copy;
        store_put_models(library->store, &changed, 1, NULL, NULL);
        if (add_gone(library, copy) < 0)
            model_free(copy);
    }
    while (library->n_gone > GONE_MAX) {
        struct gone *oldest =
            LIST_ENTRY(list_first(&library->gone), struct gone, node);
        store_delete_model(library->store, oldest->model->id, NULL, NULL);
        drop_gone(library, oldest);
    }
}

static void
replace_catalog(struct library *library, const struct catalog *catalog)
{
    struct catalog before = library->catalog;
    library->catalog = *catalog;
    bool has_changed = store_changes(library, &before);
    sort_out_gone(library, &before);
    if (has_changed)
        events_publish(library->events, EVENT_LIBRARY_CHANGED, "", NULL);
    catalog_release(&before);
}

static void
count_errors(struct library *library)
{
    library->progress.n_errors = 0;
    for (size_t i = 0; i < library->catalog.n; i++)
        library->progress.n_errors +=
            library->catalog.models[i]->error[0] != '\0';
}

/* Takes what was found; tells when it differs from what was known. */
static void
apply(struct library *library, struct scan *scan)
{
    struct takeover t = { .library = library, .scan = scan };
    struct catalog catalog;
    bool is_done = !scan->is_out_of_memory && takeover_init(&t) == 0 &&
                   take_found(&t) == 0 && keep_out_of_sight(&t) == 0 &&
                   catalog_init(&catalog, t.models, t.n_models) == 0;
    if (is_done)
        t.n_models = 0; /* the catalog's now */
    takeover_release(&t);
    if (!is_done) {
        log_problem(library, "no memory for a scan; the models that were "
                             "known are kept");
        return;
    }
    if (scan->n_left_out > 0)
        events_log(library->events, LOG_WARN, "library",
                   "%zu left out of the scan; the first: %s", scan->n_left_out,
                   scan->problem);
    replace_catalog(library, &catalog);
}

/* ---- scanning ---- */

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
tell_progress(struct library *library)
{
    struct library_progress progress;
    library_progress(library, &progress);
    events_publish(library->events, EVENT_LIBRARY_SCAN, "", &progress);
}

/* What a scan that runs tells, seldom: a note that outlives both sides. */
struct note {
    struct walk_job *job;
};

static void
on_note(void *arg)
{
    struct walk_job *job = arg;
    if (job->library != NULL)
        tell_progress(job->library);
}

static void
on_progress(void *ctx)
{
    struct walk_job *job = ctx;
    int64_t now_ms = system_monotonic_ms();
    if (now_ms - job->told_at_ms < PROGRESS_MS)
        return;
    job->told_at_ms = now_ms;
    /* Comes before on_walked: the loop keeps the order of what it is sent. */
    loop_post(job->loop, on_note, job);
}

static void
work(void *arg)
{
    struct walk_job *job = arg;
    job->told_at_ms = system_monotonic_ms();
    scan_run(&job->scan);
}

static void begin_walk(struct library *library);

static void
free_walk(void *arg)
{
    struct walk_job *job = arg;
    scan_release(&job->scan);
    free(job);
}

static void
end_walk(struct library *library, struct walk_job *job)
{
    library->progress = (struct library_progress){
        .n_read = atomic_load(&job->scan.n_read),
        .n_to_read = atomic_load(&job->scan.n_to_read),
        .finished_at_ms = loop_wall_ms(),
    };
    apply(library, &job->scan);
    library->progress.n_found = library->catalog.n;
    count_errors(library);
    tell_progress(library);
    arm_rescan(library);
    /* In a folder that is watched only now, something may have changed since
     * it was looked through. */
    size_t n_new = 0;
    if (library->watch != NULL)
        watch_set(library->watch, job->scan.folders, job->scan.n_folders,
                  &n_new);
    call_waiters(library);
    if (library->job == NULL && (n_new > 0 || !list_is_empty(&library->asked)))
        begin_walk(library);
    map_release(&library->unhashable);
    hashes_next(library);
}

static void
on_walked(void *arg)
{
    struct walk_job *job = arg;
    struct library *library = job->library;
    job->library = NULL;
    if (library != NULL) {
        library->job = NULL;
        if (job->roots_version != library->roots_version)
            begin_walk(library); /* these are not the folders any more */
        else
            end_walk(library, job);
    }
    /* A note may still be on its way; what is posted now comes after it. */
    if (loop_post(job->loop, free_walk, job) < 0)
        free_walk(job);
}

static void
take_over_asked(struct library *library)
{
    struct list *node;
    while ((node = list_first(&library->asked)) != NULL) {
        list_remove(node);
        list_push_back(&library->waiters, node);
    }
}

static void
begin_walk(struct library *library)
{
    take_over_asked(library);
    struct walk_job *job = calloc(1, sizeof *job);
    if (job != NULL && scan_init(library, &job->scan) == 0) {
        job->library = library;
        job->loop = library->loop;
        job->roots_version = library->roots_version;
        job->scan.on_progress = on_progress;
        job->scan.ctx = job;
        library->job = job;
        if (worker_submit(library->loop, work, on_walked, job) == 0)
            return;
        library->job = NULL;
    }
    if (job != NULL)
        free_walk(job);
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
    list_push_back(&library->asked, &waiter->node);
    if (library->job == NULL)
        begin_walk(library);
}

void
library_progress(const struct library *library,
                 struct library_progress *ret_progress)
{
    *ret_progress = library->progress;
    if (library->job == NULL)
        return;
    const struct scan *scan = &library->job->scan;
    ret_progress->is_running = true;
    ret_progress->n_found = atomic_load(&scan->n_found);
    ret_progress->n_to_read = atomic_load(&scan->n_to_read);
    ret_progress->n_read = atomic_load(&scan->n_read);
}

static void
on_rescan(struct timer *timer)
{
    struct library *library = LIST_ENTRY(timer, struct library, rescan);
    library_scan(library, NULL, NULL);
}

static void
arm_rescan(struct library *library)
{
    timer_stop(&library->rescan);
    if (library->rescan_s > 0 && timer_start(library->loop, &library->rescan,
                                             library->rescan_s * SECOND_MS) < 0)
        log_problem(library, "no memory for the timer of the next scan");
}

/* ---- opening and closing ---- */

static int
on_legacy_id(void *ctx, const char *key, const char *value)
{
    struct library *library = ctx;
    if (strlen(value) >= ID_BYTES)
        return 0;
    char *copy = str_dup(str_from(value));
    if (copy == NULL ||
        map_put(&library->legacy_ids, str_from(key + strlen(ID_KEY_PREFIX)),
                copy) < 0) {
        free(copy);
        return -1;
    }
    return 0;
}

struct loading {
    struct library *library;
    struct model **models; /* those that are there */
    size_t n;
    bool is_out_of_memory;
};

static bool
is_still_there(const struct library *library, const struct model *model)
{
    struct folder_facts facts;
    if (model->gone_at_ms != 0)
        return false;
    for (size_t i = 0; i < library->n_roots; i++)
        if (strcmp(library->roots[i].path, model->root) == 0)
            return folder_facts(model->path, &facts) == 0;
    return false;
}

static int
on_stored_model(void *ctx, struct model *model)
{
    struct loading *loading = ctx;
    struct library *library = loading->library;
    if (!is_still_there(library, model)) {
        if (add_gone(library, model) == 0)
            return 0;
    } else {
        if ((loading->n & (loading->n - 1)) == 0) {
            size_t room = loading->n == 0 ? 1 : loading->n * 2;
            struct model **grown =
                reallocarray(loading->models, room, sizeof *grown);
            if (grown == NULL)
                goto no_memory;
            loading->models = grown;
        }
        loading->models[loading->n++] = model;
        return 0;
    }
no_memory:
    loading->is_out_of_memory = true;
    model_free(model);
    return -1;
}

/* The models of the last run whose files are there: enough to serve before
 * the first scan has ended. */
static int
load_known(struct library *library, struct error *error)
{
    struct loading loading = { .library = library };
    int result = store_load_metadata(library->store, ID_KEY_PREFIX,
                                     on_legacy_id, library, error);
    if (result == 0)
        result =
            store_load_models(library->store, on_stored_model, &loading, error);
    if (result == 0 &&
        catalog_init(&library->catalog, loading.models, loading.n) == 0) {
        free(loading.models);
        return 0;
    }
    if (result == 0 || loading.is_out_of_memory)
        error_set(error, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < loading.n; i++)
        model_free(loading.models[i]);
    free(loading.models);
    return -1;
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
    map_init(&library->legacy_ids);
    map_init(&library->unhashable);
    list_init(&library->waiters);
    list_init(&library->asked);
    list_init(&library->gone);
    list_init(&library->manage_jobs);
    timer_init(&library->rescan, on_rescan);
    if (library_configure(library, options, error) < 0 ||
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
    timer_stop(&library->rescan);
    watch_free(library->watch);
    if (library->job != NULL) {
        atomic_store(&library->job->scan.is_cancelled, true);
        library->job->library = NULL;
    }
    hashes_detach(library);
    manage_detach(library);
    take_over_asked(library);
    LIST_FOR_SAFE(node, &library->waiters)
    {
        list_remove(node);
        free(LIST_ENTRY(node, struct waiter, node));
    }
    LIST_FOR_SAFE(node, &library->gone)
    drop_gone(library, LIST_ENTRY(node, struct gone, node));
    size_t at = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&library->legacy_ids, &at)) != NULL)
        free(slot->value);
    map_release(&library->legacy_ids);
    map_release(&library->unhashable);
    catalog_release(&library->catalog);
    free_roots(library->roots, library->n_roots);
    free(library->archive_dir);
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
    return i < library->catalog.n ? library->catalog.models[i] : NULL;
}

const struct model *
library_find(const struct library *library, struct str id_or_name)
{
    const struct model *model = map_get(&library->catalog.by_id, id_or_name);
    if (model == NULL)
        model = map_get(&library->catalog.by_name, id_or_name);
    return model != NULL ? model
                         : catalog_find_origin(&library->catalog, id_or_name);
}

const struct model *
library_find_path(const struct library *library, const char *path)
{
    for (size_t i = 0; i < library->catalog.n; i++) {
        const struct model *model = library->catalog.models[i];
        if (strcmp(model->path, path) == 0 ||
            text_list_has(&model->other_paths, str_from(path)))
            return model;
    }
    return NULL;
}

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

/* ---- for the files that change models ---- */

struct model *
library_get(struct library *library, const char *id)
{
    return map_get(&library->catalog.by_id, str_from(id));
}

void
library_changed(struct library *library, const struct model *const *models,
                size_t n)
{
    store_put_models(library->store, models, n, NULL, NULL);
    events_publish(library->events, EVENT_LIBRARY_CHANGED, "", NULL);
}

void
library_add_origin(struct library *library, const char *id, struct str origin)
{
    struct model *model = library_get(library, id);
    if (model == NULL || text_list_has(&model->origins, origin) ||
        model->origins.n >= ORIGINS_MAX ||
        text_list_add(&model->origins, origin) < 0)
        return; /* no memory: it goes by its name */
    const struct model *changed = model;
    library_changed(library, &changed, 1);
}

int
library_rename_all(struct library *library)
{
    struct catalog catalog;
    if (catalog_init(&catalog, library->catalog.models, library->catalog.n) < 0)
        return -1;
    library->catalog.n = 0; /* the models are the new catalog's */
    catalog_release(&library->catalog);
    library->catalog = catalog;
    return 0;
}

void
library_forget(struct library *library, const char *id)
{
    struct catalog catalog, before = library->catalog;
    struct model **models = calloc(before.n + 1, sizeof *models);
    struct model *forgotten = library_get(library, id);
    size_t n = 0;
    for (size_t i = 0; models != NULL && i < before.n; i++)
        if (before.models[i] != forgotten)
            models[n++] = before.models[i];
    bool is_done = forgotten != NULL && models != NULL &&
                   catalog_init(&catalog, models, n) == 0;
    free(models);
    store_delete_model(library->store, id, NULL, NULL);
    if (!is_done)
        return; /* the next scan finds that it is gone */
    library->catalog = catalog;
    events_publish(library->events, EVENT_LIBRARY_CHANGED, "", NULL);
    before.n = 0; /* the others are the new catalog's */
    catalog_release(&before);
    model_free(forgotten);
}
