/* A task that runs: its files one after the other. */
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "core/downloads/downloads_internal.h"
#include "io/worker.h"

enum { TELL_MS = 100, MEASURE_MS = 500 };

static void next_file(struct download *d);

/* ---- the end of a run ---- */

static void
rest(struct download *d, enum download_state state)
{
    d->transfer = NULL;
    if (d->wanted == DOWNLOAD_CANCELLED)
        download_sweep(d); /* it may have been paused a moment before */
    else
        download_end(d, state);
}

static void
fail(struct download *d, const struct error *error)
{
    if (d->wanted == DOWNLOAD_CANCELLED) {
        rest(d, DOWNLOAD_CANCELLED);
        return;
    }
    d->error = *error;
    d->files[d->at].state = DOWNLOAD_FAILED;
    events_log(d->all->options.events, LOG_WARN, "downloads", "%s: %s: %s",
               d->display_name, d->files[d->at].path, error->message);
    rest(d, DOWNLOAD_FAILED);
}

/* ---- arriving: completed is what the library knows ---- */

/* A URL without what may be secret or only once: what is behind the path. */
static struct str
bare_url(const char *url)
{
    return (struct str){ url, strcspn(url, "?#") };
}

/* The hub's cache tells by itself. */
static void
note_origins(const struct download *d)
{
    struct library *library = d->all->options.library;
    for (size_t i = 0; i < d->n_files && !d->is_cache; i++) {
        const struct model *model =
            library_find_path(library, d->files[i].place);
        if (model == NULL)
            model = library_find_path(library, d->target);
        if (model == NULL)
            continue;
        if (d->source == HUB_HUGGINGFACE)
            library_add_origin(library, model->id, str_from(d->model_id));
        else if (d->source == HUB_URL)
            library_add_origin(library, model->id, bare_url(d->files[i].url));
    }
}

static void
arrive(struct download *d)
{
    d->is_arriving = false;
    if (d->wanted == DOWNLOAD_COMPLETED)
        events_log(d->all->options.events, LOG_INFO, "downloads",
                   "%s is complete in %s", d->display_name, d->target);
    rest(d, d->wanted);
}

static void
on_scanned(void *ctx)
{
    struct download *d = ctx;
    if (!d->is_arriving)
        return; /* the daemon ends */
    note_origins(d);
    arrive(d);
}

static void
complete(struct download *d)
{
    if (d->state == DOWNLOAD_DOWNLOADING)
        download_set_state(d, DOWNLOAD_VERIFYING);
    d->is_arriving = true;
    library_scan(d->all->options.library, on_scanned, d);
}

/* ---- settling: links and sidecars, on a worker ---- */

struct settle_job {
    struct download *d;
    struct error error;
};

static void
settle_work(void *arg)
{
    struct settle_job *job = arg;
    if (download_settle(job->d, job->d->at, &job->error) < 0 &&
        job->error.code == ERR_OK)
        error_set(&job->error, ERR_IO, "cannot be put into its place");
}

static void
on_settled(void *arg)
{
    struct settle_job *job = arg;
    struct download *d = job->d;
    struct error error = job->error;
    free(job);
    if (error.code != ERR_OK) {
        fail(d, &error);
        return;
    }
    d->files[d->at].state = DOWNLOAD_COMPLETED;
    d->at++;
    download_store(d);
    if (d->is_interrupted || d->wanted != DOWNLOAD_COMPLETED) {
        rest(d, d->wanted);
        return;
    }
    next_file(d);
}

static void
settle(struct download *d)
{
    struct settle_job *job = calloc(1, sizeof *job);
    struct error error;
    if (job != NULL)
        job->d = d;
    if (job != NULL &&
        worker_submit(d->all->options.loop, settle_work, on_settled, job) == 0)
        return;
    free(job);
    error_set(&error, ERR_NO_MEMORY, "out of memory");
    fail(d, &error);
}

/* ---- transferring ---- */

static void
measure(struct download *d, uint64_t bytes)
{
    int64_t now_ms = loop_now_ms(d->all->options.loop);
    int64_t passed_ms = now_ms - d->measured_at_ms;
    if (d->measured_at_ms == 0 || bytes < d->measured_bytes) {
        d->measured_at_ms = now_ms;
        d->measured_bytes = bytes;
        return;
    }
    if (passed_ms < MEASURE_MS)
        return;
    double speed =
        (double)(bytes - d->measured_bytes) * 1000 / (double)passed_ms;
    d->bytes_per_s =
        d->bytes_per_s == 0 ? speed : 0.7 * d->bytes_per_s + 0.3 * speed;
    d->measured_at_ms = now_ms;
    d->measured_bytes = bytes;
}

static void
take_view(struct download *d)
{
    struct transfer_view view;
    struct download_file *file = &d->files[d->at];
    transfer_view(d->transfer, &view);
    if (view.phase == TRANSFER_OPENING)
        return;
    if (d->is_cache)
        d->made_bytes = view.made_bytes;
    file->downloaded_bytes = view.downloaded_bytes;
    file->seen_bytes = view.size_bytes > 0 ? (uint64_t)view.size_bytes : 0;
    bool is_checking = view.phase == TRANSFER_CHECKING;
    file->state = is_checking ? DOWNLOAD_VERIFYING : DOWNLOAD_DOWNLOADING;
    measure(d, view.downloaded_bytes);
}

static void
on_progress(void *ctx)
{
    struct download *d = ctx;
    int64_t now_ms = loop_now_ms(d->all->options.loop);
    if (now_ms - d->told_at_ms < TELL_MS)
        return;
    take_view(d);
    d->told_at_ms = now_ms;
    events_publish(d->all->options.events, EVENT_DOWNLOAD_PROGRESS, d->id, d);
}

static void
on_noted(void *ctx, const struct error *error)
{
    struct download *d = ctx;
    (void)error; /* then a crash just now would leave a file of nobody's */
    transfer_publish(d->transfer); /* which has waited for this */
}

/* Which version came, of a file that nobody told of. */
static void
note_version(struct download *d)
{
    struct transfer_view view;
    struct download_file *file = &d->files[d->at];
    transfer_view(d->transfer, &view);
    snprintf(file->sha256, sizeof file->sha256, "%s", view.sha256);
    if (file->etag[0] == '\0')
        snprintf(file->etag, sizeof file->etag, "%s", view.etag);
}

/* The digest is stored before the file has its name: after a crash in between
 * it is known by it. */
static void
on_verified(void *ctx)
{
    struct download *d = ctx;
    if (d->files[d->at].sha256[0] != '\0') {
        transfer_publish(d->transfer);
        return;
    }
    note_version(d);
    download_store_then(d, on_noted, d);
}

static void
on_transferred(void *ctx, const struct error *error)
{
    struct download *d = ctx;
    struct download_file *file = &d->files[d->at];
    take_view(d);
    if (error == NULL && file->sha256[0] == '\0')
        note_version(d); /* it was there before */
    d->transfer = NULL;
    if (error == NULL) {
        if (file->size_bytes < 0)
            file->size_bytes = (int64_t)file->seen_bytes;
        file->downloaded_bytes = (uint64_t)file->size_bytes;
        settle(d);
        return;
    }
    if (error->code == ERR_CANCELLED) {
        file->state = DOWNLOAD_QUEUED;
        rest(d, d->wanted);
        return;
    }
    if (file->is_optional && d->wanted == DOWNLOAD_COMPLETED) {
        file->state = DOWNLOAD_FAILED;
        d->at++;
        next_file(d);
        return;
    }
    fail(d, error);
}

/* What is still to come after the files under way, whose room is taken: of
 * this task and of all that run beside it. */
static int64_t
outstanding_bytes(const struct downloads *downloads)
{
    int64_t sum = 0;
    LIST_FOR(node, &downloads->tasks)
    {
        const struct download *d = LIST_ENTRY(node, struct download, node);
        for (size_t i = d->at + 1; d->is_busy && i < d->n_files; i++)
            if (d->files[i].state != DOWNLOAD_COMPLETED &&
                d->files[i].size_bytes > 0)
                sum = i64_add_capped(sum, d->files[i].size_bytes);
    }
    return sum;
}

/* What came from there to there before; NULL: nothing. */
static const struct download_file *
find_earlier(const struct download *wanted, const struct download_file *file)
{
    const struct download_file *found = NULL;
    LIST_FOR(node, &wanted->all->tasks)
    {
        const struct download *d = LIST_ENTRY(node, struct download, node);
        if (d->state != DOWNLOAD_COMPLETED || d->source != wanted->source)
            continue;
        for (size_t i = 0; i < d->n_files; i++)
            if (strcmp(d->files[i].place, file->place) == 0 &&
                strcmp(d->files[i].url, file->url) == 0)
                found = &d->files[i]; /* the newest counts */
    }
    return found;
}

/* Of a file without SHA-256 the hub says Git's hash, its name in the cache. */
static const char *
git_blob_of(const struct download *d, const struct download_file *file)
{
    return d->source == HUB_HUGGINGFACE && git_blob_is_hex(str_from(file->etag))
               ? file->etag
               : "";
}

static void
transfer(struct download *d)
{
    const struct downloads_options *options = &d->all->options;
    struct download_file *file = &d->files[d->at];
    const struct download_file *earlier =
        file->sha256[0] == '\0' ? find_earlier(d, file) : NULL;
    const struct transfer_options wanted = {
        .loop = options->loop,
        .fetcher = options->fetcher,
        .bandwidth = &d->bandwidth,
        .url = file->url,
        /* A preview is public, and lies where the hub's JSON says. */
        .bearer = file->is_optional ? "" : d->token,
        .path = file->place,
        .size_bytes = file->size_bytes,
        .sha256 = file->sha256,
        .git_blob = git_blob_of(d, file),
        .known_sha256 = earlier == NULL ? "" : earlier->sha256,
        .known_etag = earlier == NULL ? "" : earlier->etag,
        .clears_folders = d->is_cache,
        .made_bytes = d->made_bytes,
        .n_connections = options->n_connections,
        .stall_ms = options->stall_ms,
        .max_bytes = options->max_file_bytes,
        .headroom_bytes =
            i64_add_capped(options->headroom_bytes, outstanding_bytes(d->all)),
        .on_progress = on_progress,
        .on_verified = on_verified,
        .on_done = on_transferred,
        .ctx = d,
    };
    file->state = DOWNLOAD_DOWNLOADING;
    d->measured_at_ms = 0;
    d->transfer = transfer_start(&wanted);
    if (d->transfer != NULL)
        return;
    struct error error;
    error_set(&error, ERR_NO_MEMORY, "out of memory");
    fail(d, &error);
}

static void
next_file(struct download *d)
{
    while (d->at < d->n_files && d->files[d->at].state == DOWNLOAD_COMPLETED)
        d->at++;
    if (d->at == d->n_files)
        complete(d);
    else
        transfer(d);
}

void
download_apply_limit(struct download *d)
{
    bandwidth_set(&d->bandwidth, downloads_is_within(d->limit_hours)
                                     ? d->limit_bytes_per_s
                                     : 0);
}

void
download_run(struct download *d)
{
    d->is_busy = true;
    d->wanted = DOWNLOAD_COMPLETED;
    d->at = 0;
    d->bytes_per_s = 0;
    d->error = (struct error){ .code = ERR_OK };
    if (d->started_at_ms == 0)
        d->started_at_ms = loop_wall_ms();
    download_apply_limit(d);
    download_set_state(d, DOWNLOAD_RESOLVING);
    download_set_state(d, DOWNLOAD_DOWNLOADING);
    next_file(d);
}

void
download_halt(struct download *d, enum download_state wanted)
{
    d->wanted = wanted;
    if (d->transfer != NULL)
        transfer_stop(d->transfer, wanted == DOWNLOAD_CANCELLED);
    if (d->is_arriving && d->is_interrupted)
        arrive(d); /* it is noted as not ended: the next start goes on */
}
