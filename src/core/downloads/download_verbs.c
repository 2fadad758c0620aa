/* What can be asked of a task: see downloads.h for the rules. */
#include <stdlib.h>

#include "core/downloads/downloads_internal.h"

static struct download *
find_for(struct downloads *downloads, struct str id, struct error *error)
{
    struct download *d = downloads_get(downloads, id);
    if (d == NULL)
        error_set(error, ERR_NOT_FOUND, "there is no download %.*s",
                  (int)(id.n > 64 ? 64 : id.n), id.p);
    return d;
}

static int
cannot(const struct download *d, const char *verb, struct error *error)
{
    return error_set(error, ERR_CONFLICT, "cannot %s a download that is %s",
                     verb, download_state_name(d->state));
}

/* All of it is in place: there is nothing left to stop, and what is there is a
 * model like any other in a moment. */
static int
is_here(const struct download *d, const char *verb, struct error *error)
{
    return error_set(error, ERR_CONFLICT,
                     "cannot %s download %s: all its files have come, and the "
                     "library takes them in; delete the model if it is not "
                     "wanted",
                     verb, d->id);
}

static struct download *
find_staying(struct downloads *downloads, struct str id, struct error *error)
{
    struct download *d = find_for(downloads, id, error);
    if (d == NULL || !download_is_leaving(d))
        return d;
    error_set(error, ERR_CONFLICT, "download %s is being cancelled", d->id);
    return NULL;
}

int
downloads_pause(struct downloads *downloads, struct str id, struct error *error)
{
    struct download *d = find_staying(downloads, id, error);
    if (d == NULL)
        return -1;
    if (d->state == DOWNLOAD_PAUSED)
        return 0;
    if (d->is_arriving)
        return is_here(d, "pause", error);
    if (!download_state_is_active(d->state))
        return cannot(d, "pause", error);
    if (d->is_busy)
        download_halt(d, DOWNLOAD_PAUSED);
    else
        download_set_state(d, DOWNLOAD_PAUSED);
    return 0;
}

int
downloads_resume(struct downloads *downloads, struct str id,
                 struct error *error)
{
    struct download *d = find_staying(downloads, id, error);
    if (d == NULL)
        return -1;
    if (d->is_busy && d->wanted == DOWNLOAD_PAUSED)
        return error_set(error, ERR_CONFLICT, "it is still being paused");
    if (download_state_is_active(d->state))
        return 0;
    if (d->state != DOWNLOAD_PAUSED)
        return cannot(d, "resume", error);
    download_queue_again(d);
    return 0;
}

int
downloads_retry(struct downloads *downloads, struct str id, struct error *error)
{
    struct download *d = find_staying(downloads, id, error);
    if (d == NULL)
        return -1;
    if (d->state != DOWNLOAD_FAILED)
        return cannot(d, "retry", error);
    download_queue_again(d);
    return 0;
}

int
downloads_await(struct downloads *downloads, struct str id,
                downloads_told_fn *on_done, void *ctx, struct error *error)
{
    struct download *d = find_for(downloads, id, error);
    if (d == NULL)
        return -1;
    if (d->is_busy && d->wanted != DOWNLOAD_COMPLETED)
        return download_add_wait(d, on_done, ctx, false, error);
    on_done(ctx, d, false, NULL);
    return 0;
}

int
downloads_cancel(struct downloads *downloads, struct str id,
                 struct error *error)
{
    struct download *d = find_for(downloads, id, error);
    if (d == NULL)
        return -1;
    if (d->state == DOWNLOAD_CANCELLED)
        return 0;
    if (d->is_arriving)
        return is_here(d, "cancel", error);
    if (d->state == DOWNLOAD_COMPLETED)
        return cannot(d, "cancel", error);
    if (d->is_busy && !download_is_leaving(d))
        download_halt(d, DOWNLOAD_CANCELLED);
    else if (!d->is_busy)
        download_leave(d);
    return 0;
}

int
downloads_set_priority(struct downloads *downloads, struct str id,
                       int64_t priority, struct error *error)
{
    struct download *d = find_staying(downloads, id, error);
    if (d == NULL)
        return -1;
    d->priority = priority;
    download_store(d);
    events_publish(downloads->options.events, EVENT_DOWNLOAD_CHANGED, d->id, d);
    downloads_look(downloads);
    return 0;
}

int
downloads_set_limit(struct downloads *downloads, struct str id,
                    int64_t bytes_per_s, struct str hours, struct error *error)
{
    struct download *d = find_staying(downloads, id, error);
    if (d == NULL)
        return -1;
    if (download_has_ended(d))
        return cannot(d, "limit", error);
    if (download_take_limit(d, bytes_per_s, hours, error) < 0)
        return -1;
    download_apply_limit(d);
    download_store(d);
    events_publish(downloads->options.events, EVENT_DOWNLOAD_CHANGED, d->id, d);
    return 0;
}

int
downloads_forget(struct downloads *downloads, struct str id,
                 struct error *error)
{
    struct download *d = find_staying(downloads, id, error);
    if (d == NULL)
        return -1;
    if (d->is_busy || (d->state != DOWNLOAD_FAILED && !download_has_ended(d)))
        return cannot(d, "delete", error);
    events_publish(downloads->options.events, EVENT_DOWNLOAD_REMOVED, d->id, d);
    store_delete_download(downloads->options.store, d->id, NULL, NULL);
    list_remove(&d->node);
    downloads->n--;
    if (d->state != DOWNLOAD_FAILED) {
        download_free(d);
        return 0;
    }
    d->is_forgotten = true;
    list_push_back(&downloads->leaving, &d->node);
    download_leave(d);
    return 0;
}
