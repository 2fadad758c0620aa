/* The owner of the tasks, and their queue: see downloads.h. */
#include "core/downloads/downloads.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/downloads/downloads_internal.h"
#include "formats/day_hours.h"

enum { CLOCK_MS = 30 * 1000 };

/* ---- the queue ---- */

static size_t
count_busy(const struct downloads *downloads)
{
    size_t n = 0;
    LIST_FOR(node, &downloads->tasks)
    n += LIST_ENTRY(node, struct download, node)->is_busy;
    return n;
}

static bool
must_wait_for(const struct download *wanted, const struct list *tasks)
{
    LIST_FOR(node, tasks)
    {
        const struct download *d = LIST_ENTRY(node, struct download, node);
        bool is_near = d->is_cache && wanted->is_cache &&
                       strcmp(d->target, wanted->target) == 0;
        if (d->is_busy && (is_near || (download_is_leaving(d) &&
                                       download_shares_place(d, wanted))))
            return true;
    }
    return false;
}

/* Two of one repository in the cache may share blobs: one after the other.
 * What is left of one that was cancelled goes before its files come anew. */
static bool
must_wait(const struct download *wanted)
{
    return must_wait_for(wanted, &wanted->all->tasks) ||
           must_wait_for(wanted, &wanted->all->leaving);
}

static struct download *
next_queued(const struct downloads *downloads)
{
    struct download *best = NULL;
    LIST_FOR(node, &downloads->tasks)
    {
        struct download *d = LIST_ENTRY(node, struct download, node);
        if (d->state == DOWNLOAD_QUEUED && !d->is_busy &&
            (best == NULL || d->priority > best->priority) && !must_wait(d))
            best = d;
    }
    return best;
}

void
downloads_look(struct downloads *downloads)
{
    if (downloads->is_stopping) {
        if (count_busy(downloads) == 0 && list_is_empty(&downloads->adding) &&
            list_is_empty(&downloads->leaving) &&
            downloads->on_stopped != NULL) {
            void (*on_stopped)(void *ctx) = downloads->on_stopped;
            downloads->on_stopped = NULL;
            on_stopped(downloads->stopped_ctx);
        }
        return;
    }
    struct download *d;
    while (count_busy(downloads) < (size_t)downloads->options.max_concurrent &&
           (d = next_queued(downloads)) != NULL)
        download_run(d);
}

/* ---- the limits' hours ---- */

bool
downloads_is_within(const char *text)
{
    struct day_hours hours;
    time_t now = (time_t)(loop_wall_ms() / 1000);
    struct tm local;
    return !day_hours_read(str_from(text), &hours) ||
           localtime_r(&now, &local) == NULL ||
           day_hours_has(&hours, local.tm_hour * 60 + local.tm_min);
}

static void
apply_limits(struct downloads *downloads)
{
    const struct downloads_options *options = &downloads->options;
    bandwidth_set(&downloads->bandwidth,
                  downloads_is_within(options->limit_hours)
                      ? options->limit_bytes_per_s
                      : 0);
    LIST_FOR(node, &downloads->tasks)
    {
        struct download *d = LIST_ENTRY(node, struct download, node);
        if (d->is_busy)
            download_apply_limit(d);
    }
}

/* Hours begin and end with a minute; a clock that was set anew is noticed. */
static int
start_clock(struct downloads *downloads)
{
    int64_t to_minute_ms = MINUTE_MS - loop_wall_ms() % MINUTE_MS;
    return timer_start(downloads->options.loop, &downloads->clock,
                       to_minute_ms < CLOCK_MS ? to_minute_ms : CLOCK_MS);
}

static void
on_clock(struct timer *timer)
{
    struct downloads *downloads = LIST_ENTRY(timer, struct downloads, clock);
    apply_limits(downloads);
    (void)start_clock(downloads);
}

/* ---- options ---- */

static void
free_options(struct downloads *downloads)
{
    for (size_t i = 0;
         downloads->roots != NULL && i < downloads->options.n_roots; i++)
        free(downloads->roots[i]);
    free(downloads->roots);
    free((char *)(uintptr_t)downloads->options.cache_dir);
    free((char *)(uintptr_t)downloads->options.download_dir);
    free((char *)(uintptr_t)downloads->options.huggingface_token);
    free((char *)(uintptr_t)downloads->options.civitai_token);
    free((char *)(uintptr_t)downloads->options.limit_hours);
    downloads->roots = NULL;
}

static int
copy_options(struct downloads *to, const struct downloads_options *from)
{
    to->options = *from;
    to->options.roots = NULL;
    to->options.cache_dir = download_text(from->cache_dir);
    to->options.download_dir = download_text(from->download_dir);
    to->options.huggingface_token = download_text(from->huggingface_token);
    to->options.civitai_token = download_text(from->civitai_token);
    to->options.limit_hours = download_text(from->limit_hours);
    to->roots = calloc(from->n_roots + 1, sizeof *to->roots);
    bool is_whole = to->options.cache_dir != NULL &&
                    to->options.download_dir != NULL &&
                    to->options.huggingface_token != NULL &&
                    to->options.civitai_token != NULL &&
                    to->options.limit_hours != NULL && to->roots != NULL;
    for (size_t i = 0; to->roots != NULL && i < from->n_roots; i++) {
        to->roots[i] = str_dup(from->roots[i]);
        is_whole = is_whole && to->roots[i] != NULL;
    }
    return is_whole ? 0 : -1;
}

int
downloads_configure(struct downloads *downloads,
                    const struct downloads_options *options,
                    struct error *error)
{
    struct downloads fresh = { .n = 0 };
    if (copy_options(&fresh, options) < 0) {
        free_options(&fresh);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    free_options(downloads);
    downloads->options = fresh.options;
    downloads->roots = fresh.roots;
    apply_limits(downloads);
    downloads_look(downloads);
    return 0;
}

/* ---- begin and end ---- */

const char *
downloads_token(const struct downloads *downloads, enum hub_source source)
{
    switch (source) {
    case HUB_HUGGINGFACE: return downloads->options.huggingface_token;
    case HUB_CIVITAI: return downloads->options.civitai_token;
    case HUB_URL: return "";
    }
    return "";
}

struct loading {
    struct downloads *downloads;
    struct error *error;
};

static int
on_row(void *ctx, const struct download_row *row)
{
    struct loading *loading = ctx;
    struct downloads *downloads = loading->downloads;
    struct download *d = download_new(downloads);
    if (d == NULL)
        return error_set(loading->error, ERR_NO_MEMORY, "out of memory");
    snprintf(d->id, sizeof d->id, "%s", row->id);
    d->priority = row->priority;
    d->created_at_ms = row->created_at_ms;
    /* What ran at the last end waits for its turn. */
    d->state =
        download_state_is_active(row->state) ? DOWNLOAD_QUEUED : row->state;
    if (download_read_body(d, str_from(row->body), loading->error) < 0) {
        download_free(d);
        return -1;
    }
    d->token = download_text(downloads_token(downloads, d->source));
    list_push_back(&downloads->tasks, &d->node);
    downloads->n++;
    return d->token == NULL ? -1 : 0;
}

int
downloads_new(const struct downloads_options *options,
              struct downloads **ret_downloads, struct error *error)
{
    *ret_downloads = NULL;
    struct downloads *downloads = calloc(1, sizeof *downloads);
    if (downloads == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    list_init(&downloads->tasks);
    list_init(&downloads->adding);
    list_init(&downloads->leaving);
    bandwidth_init(&downloads->bandwidth, NULL);
    timer_init(&downloads->clock, on_clock);
    struct loading loading = { .downloads = downloads, .error = error };
    if (downloads_configure(downloads, options, error) < 0 ||
        store_load_downloads(options->store, on_row, &loading, error) < 0 ||
        start_clock(downloads) != 0) {
        downloads_free(downloads);
        return -1;
    }
    downloads_look(downloads);
    *ret_downloads = downloads;
    return 0;
}

uint64_t
downloads_received_bytes(struct downloads *downloads)
{
    return bandwidth_taken(&downloads->bandwidth);
}

void
downloads_stop(struct downloads *downloads, void (*on_done)(void *ctx),
               void *ctx)
{
    downloads->is_stopping = true;
    downloads->on_stopped = on_done;
    downloads->stopped_ctx = ctx;
    timer_stop(&downloads->clock);
    LIST_FOR_SAFE(node, &downloads->tasks)
    {
        struct download *d = LIST_ENTRY(node, struct download, node);
        if (!d->is_busy || d->wanted != DOWNLOAD_COMPLETED)
            continue; /* what was asked of it still becomes true */
        d->is_interrupted = true;
        download_halt(d, DOWNLOAD_QUEUED);
    }
    downloads_look(downloads);
}

void
downloads_free(struct downloads *downloads)
{
    struct list *node;
    if (downloads == NULL)
        return;
    timer_stop(&downloads->clock);
    while ((node = list_first(&downloads->tasks)) != NULL) {
        list_remove(node);
        download_free(LIST_ENTRY(node, struct download, node));
    }
    bandwidth_release(&downloads->bandwidth);
    free_options(downloads);
    free(downloads);
}

/* ---- finding ---- */

const struct download *
downloads_next(const struct downloads *downloads, const struct download *after)
{
    struct list *node =
        after == NULL ? downloads->tasks.prev : after->node.prev;
    return node == &downloads->tasks ? NULL
                                     : LIST_ENTRY(node, struct download, node);
}

struct download *
downloads_get(const struct downloads *downloads, struct str id)
{
    LIST_FOR(node, &downloads->tasks)
    {
        struct download *d = LIST_ENTRY(node, struct download, node);
        if (str_is(id, d->id))
            return d;
    }
    return NULL;
}

const struct download *
downloads_find(const struct downloads *downloads, struct str id)
{
    return downloads_get(downloads, id);
}
