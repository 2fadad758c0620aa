/* Walks through the folders, one at a time, on a worker: who waits for one,
 * how far it is, when the next one begins. */
#include <assert.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/library/library_internal.h"
#include "io/worker.h"
#include "platform/process.h"
#include "platform/system.h"

enum { PROGRESS_MS = 200, TRIM_AFTER_MS = 1000 };

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
    scan->archive_dir = str_dup(str_from(library->archive_dir));
    if (scan->archive_dir == NULL || roots_copy(library, scan) < 0)
        return -1;
    for (size_t i = 0; i < library->catalog.n; i++)
        if (add_known(scan, library->catalog.models[i]) < 0)
            return -1;
    return 0;
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

/* What a scan that runs tells, seldom. */
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
trim_work(void *arg)
{
    (void)arg;
    process_trim_heap();
}

static void
on_trimmed(void *arg)
{
    (void)arg;
}

/* A walk holds every model once more, and all that it read of them. Others
 * wait for memory meanwhile: not while something may begin. */
static void
on_trim(struct timer *timer)
{
    struct library *library = LIST_ENTRY(timer, struct library, trim);
    (void)worker_submit(library->loop, trim_work, on_trimmed, NULL);
}

static void
count_errors(struct library *library)
{
    library->progress.n_errors = 0;
    for (size_t i = 0; i < library->catalog.n; i++)
        library->progress.n_errors +=
            library->catalog.models[i]->error[0] != '\0';
}

static void
end_walk(struct library *library, struct walk_job *job)
{
    library->progress = (struct library_progress){
        .number = library->last_number,
        .n_read = atomic_load(&job->scan.n_read),
        .n_to_read = atomic_load(&job->scan.n_to_read),
        .finished_at_ms = loop_wall_ms(),
    };
    takeover_apply(library, &job->scan);
    library->progress.n_found = library->catalog.n_records;
    count_errors(library);
    tell_progress(library);
    walks_arm(library);
    (void)timer_start(library->loop, &library->trim, TRIM_AFTER_MS);
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
    library->last_number++;
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
    library_log_problem(library, "no memory to scan the model folders");
    library->progress.number = library->last_number;
    tell_progress(library);
    call_waiters(library);
}

int64_t
library_scan(struct library *library, void (*on_done)(void *ctx), void *ctx)
{
    assert(loop_is_here(library->loop));
    struct waiter *waiter = calloc(1, sizeof *waiter);
    if (waiter == NULL) {
        library_log_problem(library, "no memory to scan the model folders");
        if (on_done != NULL)
            on_done(ctx);
        return library->last_number;
    }
    waiter->on_done = on_done;
    waiter->ctx = ctx;
    list_push_back(&library->asked, &waiter->node);
    if (library->job != NULL)
        return library->last_number + 1;
    begin_walk(library);
    return library->last_number;
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
    ret_progress->number = library->last_number;
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

void
walks_arm(struct library *library)
{
    timer_stop(&library->rescan);
    if (library->rescan_s > 0 && timer_start(library->loop, &library->rescan,
                                             library->rescan_s * SECOND_MS) < 0)
        library_log_problem(library,
                            "no memory for the timer of the next scan");
}

/* ---- with the library ---- */

void
walks_init(struct library *library)
{
    list_init(&library->waiters);
    list_init(&library->asked);
    /* Above all of earlier times: none takes a millisecond only. */
    library->last_number = loop_wall_ms();
    timer_init(&library->rescan, on_rescan);
    timer_init(&library->trim, on_trim);
}

void
walks_detach(struct library *library)
{
    timer_stop(&library->rescan);
    timer_stop(&library->trim);
    if (library->job != NULL) {
        atomic_store(&library->job->scan.is_cancelled, true);
        library->job->library = NULL;
    }
    take_over_asked(library);
    LIST_FOR_SAFE(node, &library->waiters)
    {
        list_remove(node);
        free(LIST_ENTRY(node, struct waiter, node));
    }
}
