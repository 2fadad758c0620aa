/* A task on its way out: what is left of its files goes, on a worker, before
 * anybody else begins on them. */
#include <stdio.h>
#include <stdlib.h>

#include "core/downloads/downloads_internal.h"
#include "io/worker.h"
#include "platform/file.h"
#include "platform/part_file.h"
#include "platform/private_file.h"

/* What is left of it. */
struct sweep_job {
    struct download *d;
    char **places;
    size_t n;
    size_t made_bytes; /* as the task's */
};

/* Whoever holds the lock, here or in another process, writes them now. */
static void
sweep_place(const char *place)
{
    static const char *const endings[] = { ".part", ".part.journal",
                                           ".part.journal.new", ".part.lock" };
    char path[LIMIT_PATH_BYTES + 32], holder[FILE_LOCK_HOLDER_BYTES];
    struct file_lock lock = { .fd = -1 };
    struct error error;
    long pid;
    snprintf(path, sizeof path, "%s.part.lock", place);
    if (file_lock_take(&lock, path, "hearth download", holder, &pid, &error) !=
        0)
        return;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        snprintf(path, sizeof path, "%s%s", place, endings[i]);
        part_file_remove(path, NULL);
    }
    file_lock_release(&lock);
}

static void
sweep_work(void *arg)
{
    struct sweep_job *job = arg;
    char folder[LIMIT_PATH_BYTES];
    for (size_t i = 0; i < job->n; i++) {
        const char *place = job->places[i];
        sweep_place(place);
        snprintf(folder, sizeof folder, "%.*s",
                 (int)(strrchr(place, '/') - place), place);
        file_remove_empty_folders(folder, job->made_bytes);
    }
}

/* Nothing of it is left. */
static void
end_swept(struct download *d)
{
    struct downloads *downloads = d->all;
    for (size_t i = 0; i < d->n_files; i++)
        if (d->files[i].state != DOWNLOAD_COMPLETED)
            d->files[i].state = DOWNLOAD_CANCELLED;
    if (!d->is_forgotten) {
        download_end(d, DOWNLOAD_CANCELLED);
        return;
    }
    list_remove(&d->node);
    download_free(d);
    downloads_look(downloads);
}

static void
on_swept(void *arg)
{
    struct sweep_job *job = arg;
    struct download *d = job->d;
    for (size_t i = 0; i < job->n; i++)
        free(job->places[i]);
    free(job->places);
    free(job);
    end_swept(d);
}

/* Another of the same repository goes on with it some day. */
static bool
is_needed(const struct download *but, const char *place)
{
    LIST_FOR(node, &but->all->tasks)
    {
        const struct download *d = LIST_ENTRY(node, struct download, node);
        if (d != but && d->is_cache && !download_has_ended(d) &&
            !download_is_leaving(d) && download_has_place(d, place))
            return true;
    }
    return false;
}

void
download_sweep(struct download *d)
{
    struct sweep_job *job = calloc(1, sizeof *job);
    if (job != NULL)
        job->places = calloc(d->n_files + 1, sizeof *job->places);
    if (job == NULL || job->places == NULL) {
        free(job);
        end_swept(d); /* a .part stays; it is never taken for a model */
        return;
    }
    job->d = d;
    job->made_bytes = d->made_bytes;
    for (size_t i = 0; i < d->n_files; i++) {
        const char *place = d->files[i].place;
        bool is_ours = d->files[i].state != DOWNLOAD_COMPLETED &&
                       !(d->is_cache && is_needed(d, place));
        char *copy = is_ours ? str_dup(str_from(place)) : NULL;
        if (copy != NULL)
            job->places[job->n++] = copy;
    }
    if (worker_submit(d->all->options.loop, sweep_work, on_swept, job) != 0)
        on_swept(job);
}

/* From now on nobody else begins on its files. */
void
download_leave(struct download *d)
{
    d->is_busy = true;
    d->wanted = DOWNLOAD_CANCELLED;
    download_sweep(d);
}
