/* The owner of the tasks: see downloads.h. */
#include "core/downloads/downloads.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/downloads/downloads_internal.h"
#include "formats/day_hours.h"
#include "io/worker.h"
#include "platform/part_file.h"
#include "platform/private_file.h"
#include "platform/system.h"

enum { CLOCK_MS = 30 * 1000, DOWNLOADS_MAX = 100000 };

/* ---- a task ---- */

static bool
download_has_ended(const struct download *d)
{
    return d->state == DOWNLOAD_COMPLETED || d->state == DOWNLOAD_CANCELLED;
}

static void
download_free(struct download *d)
{
    for (size_t i = 0; i < d->n_files; i++) {
        free(d->files[i].path);
        free(d->files[i].place);
        free(d->files[i].url);
    }
    free(d->files);
    free(d->model_id);
    free(d->revision);
    free(d->ref);
    free(d->variant);
    free(d->display_name);
    free(d->kind);
    free(d->target);
    free(d->sidecar);
    free(d->token);
    bandwidth_release(&d->bandwidth);
    free(d);
}

static struct download *
download_new(struct downloads *downloads)
{
    struct download *d = calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    list_init(&d->node);
    list_init(&d->waits);
    d->all = downloads;
    bandwidth_init(&d->bandwidth, &downloads->bandwidth);
    return d;
}

static char *
dup_or_empty(const char *text)
{
    return str_dup(str_from(text == NULL ? "" : text));
}

static int
copy_file(struct download_file *to, const struct hub_file *from)
{
    to->path = dup_or_empty(from->path);
    to->url = dup_or_empty(from->url);
    to->size_bytes = from->size_bytes;
    snprintf(to->sha256, sizeof to->sha256, "%s", from->sha256);
    snprintf(to->etag, sizeof to->etag, "%s", from->etag);
    to->state = DOWNLOAD_QUEUED;
    return to->path == NULL || to->url == NULL ? -1 : 0;
}

/* The picture of a Civitai model, beside its file. */
static int
add_preview(struct download *d, const struct hub_plan *plan)
{
    struct download_file *file = &d->files[d->n_files];
    struct strbuf path = STRBUF_INIT(LIMIT_PATH_BYTES);
    const char *first = d->files[0].path;
    const char *dot = strrchr(first, '.');
    strbuf_add(&path, first,
               dot == NULL ? strlen(first) : (size_t)(dot - first));
    strbuf_add_text(&path, ".preview.png");
    file->path = strbuf_detach(&path, NULL);
    file->url = dup_or_empty(plan->preview_url);
    file->size_bytes = -1;
    file->is_optional = true;
    d->n_files++;
    return file->path == NULL || file->url == NULL ? -1 : 0;
}

static int
copy_plan(struct download *d, const struct hub_plan *plan)
{
    d->source = plan->source;
    d->is_renamed = plan->is_renamed;
    d->model_id = dup_or_empty(plan->model_id);
    d->revision = dup_or_empty(plan->revision);
    d->ref = dup_or_empty(plan->ref);
    d->variant = dup_or_empty(plan->variant);
    d->display_name = dup_or_empty(plan->display_name);
    d->kind = dup_or_empty(plan->kind);
    d->sidecar = dup_or_empty(plan->sidecar);
    d->token = dup_or_empty(plan->token);
    d->files = calloc(plan->n_files + 2, sizeof *d->files);
    if (d->model_id == NULL || d->revision == NULL || d->ref == NULL ||
        d->variant == NULL || d->display_name == NULL || d->kind == NULL ||
        d->sidecar == NULL || d->token == NULL || d->files == NULL)
        return -1;
    for (; d->n_files < plan->n_files; d->n_files++)
        if (copy_file(&d->files[d->n_files], &plan->files[d->n_files]) < 0) {
            d->n_files++;
            return -1;
        }
    bool has_preview =
        plan->preview_url != NULL && plan->preview_url[0] != '\0';
    return has_preview && d->n_files > 0 ? add_preview(d, plan) : 0;
}

static struct download *
download_of_plan(struct downloads *downloads, const struct hub_plan *plan,
                 const struct download_order *order, struct error *error)
{
    uint8_t random[10];
    struct download *d = download_new(downloads);
    if (d == NULL || copy_plan(d, plan) < 0) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        goto failed;
    }
    if (plan->n_files == 0 || plan->n_files > DOWNLOAD_FILES_MAX) {
        error_set(error, ERR_INVALID, "%zu files: 1 to %d are expected",
                  plan->n_files, DOWNLOAD_FILES_MAX);
        goto failed;
    }
    if (download_place(downloads, d, order->target, error) < 0)
        goto failed;
    system_random(random, sizeof random);
    id_format(d->id, "download", loop_wall_ms(), random);
    d->created_at_ms = loop_wall_ms();
    d->priority = order->priority;
    d->limit_bytes_per_s = order->limit_bytes_per_s;
    return d;
failed:
    if (d != NULL)
        download_free(d);
    return NULL;
}

/* ---- state ---- */

static char *
body_of(const struct download *d)
{
    struct strbuf body = STRBUF_INIT(DOWNLOAD_BODY_BYTES);
    struct json_writer w;
    json_writer_init(&w, &body);
    download_write_body(d, &w);
    if (!strbuf_failed(&body))
        return strbuf_detach(&body, NULL);
    strbuf_release(&body);
    return NULL;
}

void
download_store_then(const struct download *d, store_done_fn *on_done, void *ctx)
{
    char *body = body_of(d);
    const struct download_row row = { .state = d->state,
                                      .priority = d->priority,
                                      .created_at_ms = d->created_at_ms,
                                      .body = body == NULL ? "" : body };
    struct download_row copy = row;
    snprintf(copy.id, sizeof copy.id, "%s", d->id);
    if (body != NULL) {
        store_put_download(d->all->options.store, &copy, on_done, ctx);
    } else if (on_done != NULL) {
        struct error error;
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, &error);
    }
    free(body);
}

void
download_store(struct download *d)
{
    download_store_then(d, NULL, NULL);
}

void
download_set_state(struct download *d, enum download_state state)
{
    if (d->state == state)
        return;
    assert(state_table_allows(download_state_rows, (int)d->state, (int)state));
    d->state = state;
    if (state != DOWNLOAD_FAILED)
        d->error = (struct error){ .code = ERR_OK };
    if (state != DOWNLOAD_RESOLVING) /* passes at once */
        download_store(d);
    events_publish(d->all->options.events, EVENT_DOWNLOAD_CHANGED, d->id, d);
}

/* ---- who waits ---- */

static int
add_wait(struct download *d, downloads_told_fn *on_done, void *ctx, bool is_new,
         struct error *error)
{
    struct download_wait *wait = malloc(sizeof *wait);
    if (wait == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    *wait = (struct download_wait){ .on_done = on_done,
                                    .ctx = ctx,
                                    .is_new = is_new };
    list_push_back(&d->waits, &wait->node);
    return 0;
}

/* `error`: there is no such task. */
static void
tell_waits(struct download *d, const struct error *error)
{
    struct list *node;
    while ((node = list_first(&d->waits)) != NULL) {
        struct download_wait wait =
            *LIST_ENTRY(node, struct download_wait, node);
        list_remove(node);
        free(LIST_ENTRY(node, struct download_wait, node));
        wait.on_done(wait.ctx, error == NULL ? d : NULL, wait.is_new, error);
    }
}

void
download_end(struct download *d, enum download_state state)
{
    struct downloads *downloads = d->all;
    d->is_busy = false;
    if (!d->is_interrupted)
        download_set_state(d, state);
    tell_waits(d, NULL);
    downloads_look(downloads);
}

/* ---- the queue ---- */

static size_t
count_busy(const struct downloads *downloads)
{
    size_t n = 0;
    LIST_FOR(node, &downloads->tasks)
    n += LIST_ENTRY(node, struct download, node)->is_busy;
    return n;
}

/* It is being cancelled, and nothing else can become of it. */
static bool
is_leaving(const struct download *d)
{
    return d->is_busy && d->wanted == DOWNLOAD_CANCELLED;
}

static bool
has_place(const struct download *d, const char *place)
{
    for (size_t i = 0; i < d->n_files; i++)
        if (strcmp(d->files[i].place, place) == 0)
            return true;
    return false;
}

static bool
shares_place(const struct download *a, const struct download *b)
{
    for (size_t i = 0; i < a->n_files; i++)
        if (has_place(b, a->files[i].place))
            return true;
    return false;
}

static bool
must_wait_for(const struct download *wanted, const struct list *tasks)
{
    LIST_FOR(node, tasks)
    {
        const struct download *d = LIST_ENTRY(node, struct download, node);
        bool is_near = d->is_cache && wanted->is_cache &&
                       strcmp(d->target, wanted->target) == 0;
        if (d->is_busy &&
            (is_near || (is_leaving(d) && shares_place(d, wanted))))
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
        if (d->state == DOWNLOAD_QUEUED && !d->is_busy && !must_wait(d) &&
            (best == NULL || d->priority > best->priority))
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

/* ---- the limit's hours ---- */

static bool
is_limited_now(const struct downloads *downloads)
{
    struct day_hours hours;
    time_t now = (time_t)(loop_wall_ms() / 1000);
    struct tm local;
    return !day_hours_read(str_from(downloads->options.limit_hours), &hours) ||
           localtime_r(&now, &local) == NULL ||
           day_hours_has(&hours, local.tm_hour * 60 + local.tm_min);
}

static void
apply_limit(struct downloads *downloads)
{
    bandwidth_set(
        &downloads->bandwidth,
        is_limited_now(downloads) ? downloads->options.limit_bytes_per_s : 0);
}

static void
on_clock(struct timer *timer)
{
    struct downloads *downloads = LIST_ENTRY(timer, struct downloads, clock);
    apply_limit(downloads);
    (void)timer_start(downloads->options.loop, &downloads->clock, CLOCK_MS);
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
    to->options.cache_dir = dup_or_empty(from->cache_dir);
    to->options.download_dir = dup_or_empty(from->download_dir);
    to->options.huggingface_token = dup_or_empty(from->huggingface_token);
    to->options.civitai_token = dup_or_empty(from->civitai_token);
    to->options.limit_hours = dup_or_empty(from->limit_hours);
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
    apply_limit(downloads);
    downloads_look(downloads);
    return 0;
}

/* ---- begin and end ---- */

static const char *
token_for(const struct downloads *downloads, enum hub_source source)
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
    d->token = dup_or_empty(token_for(downloads, d->source));
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
        timer_start(options->loop, &downloads->clock, CLOCK_MS) != 0) {
        downloads_free(downloads);
        return -1;
    }
    downloads_look(downloads);
    *ret_downloads = downloads;
    return 0;
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

/* ---- adding ---- */

static bool
is_same(const struct download *a, const struct download *b)
{
    if (download_has_ended(a) || a->n_files != b->n_files ||
        a->source != b->source || strcmp(a->revision, b->revision) != 0 ||
        strcmp(a->target, b->target) != 0)
        return false;
    for (size_t i = 0; i < a->n_files; i++)
        if (strcmp(a->files[i].place, b->files[i].place) != 0 ||
            strcmp(a->files[i].url, b->files[i].url) != 0)
            return false;
    return true;
}

static struct download *
find_same(const struct list *tasks, const struct download *wanted)
{
    LIST_FOR(node, tasks)
    {
        struct download *d = LIST_ENTRY(node, struct download, node);
        if (!is_leaving(d) && is_same(d, wanted))
            return d;
    }
    return NULL;
}

/* Another task that writes one of these files. */
static int
check_targets(const struct list *tasks, const struct download *wanted,
              struct error *error)
{
    LIST_FOR(node, tasks)
    {
        const struct download *d = LIST_ENTRY(node, struct download, node);
        if (download_has_ended(d) || is_leaving(d) || d->is_cache)
            continue;
        for (size_t i = 0; i < d->n_files; i++)
            if (has_place(wanted, d->files[i].place))
                return error_set(error, ERR_CONFLICT,
                                 "download %s, which is %s, writes %s: let it "
                                 "end, or cancel it",
                                 d->id, download_state_name(d->state),
                                 d->files[i].place);
    }
    return 0;
}

/* A token that was set since then counts. */
static void
take_token(struct download *d)
{
    if (d->token[0] != '\0')
        return;
    char *token = dup_or_empty(token_for(d->all, d->source));
    if (token == NULL)
        return;
    free(d->token);
    d->token = token;
}

static int
queue_again(struct downloads *downloads, struct download *d)
{
    for (size_t i = 0; i < d->n_files; i++)
        if (d->files[i].state != DOWNLOAD_COMPLETED)
            d->files[i].state = DOWNLOAD_QUEUED;
    take_token(d);
    download_set_state(d, DOWNLOAD_QUEUED);
    downloads_look(downloads);
    return 0;
}

static void
on_stored(void *ctx, const struct error *error)
{
    struct download *d = ctx;
    struct downloads *downloads = d->all;
    list_remove(&d->node);
    if (error != NULL) {
        tell_waits(d, error);
        download_free(d);
        downloads_look(downloads);
        return;
    }
    list_push_back(&downloads->tasks, &d->node);
    downloads->n++;
    events_publish(downloads->options.events, EVENT_DOWNLOAD_CHANGED, d->id, d);
    tell_waits(d, NULL);
    downloads_look(downloads);
}

/* The same was ordered again: one that has failed is tried again, with the
 * token of this order. */
static void
renew(struct download *same, struct download *order)
{
    if (same->state != DOWNLOAD_FAILED || same->is_busy)
        return;
    if (order->token[0] != '\0') {
        char *token = same->token;
        same->token = order->token;
        order->token = token;
    }
    queue_again(same->all, same);
}

/* The same task, if there is one: whoever orders it is told of it. */
static int
join_same(struct downloads *downloads, struct download *d,
          downloads_told_fn *on_done, void *ctx, struct error *error)
{
    struct download *same = find_same(&downloads->tasks, d);
    if (same != NULL) {
        renew(same, d);
        on_done(ctx, same, false, NULL);
        return 1;
    }
    same = find_same(&downloads->adding, d);
    if (same == NULL)
        return 0;
    return add_wait(same, on_done, ctx, false, error) < 0 ? -1 : 1;
}

int
downloads_add(struct downloads *downloads, const struct hub_plan *plan,
              const struct download_order *order, downloads_told_fn *on_done,
              void *ctx, struct error *error)
{
    if (downloads->n >= DOWNLOADS_MAX)
        return error_set(error, ERR_CONFLICT,
                         "there are %zu downloads: delete some of the history",
                         downloads->n);
    struct download *d = download_of_plan(downloads, plan, order, error);
    if (d == NULL)
        return -1;
    int joined = join_same(downloads, d, on_done, ctx, error);
    if (joined != 0 || check_targets(&downloads->tasks, d, error) < 0 ||
        check_targets(&downloads->adding, d, error) < 0 ||
        add_wait(d, on_done, ctx, true, error) < 0) {
        download_free(d);
        return joined > 0 ? 0 : -1;
    }
    list_push_back(&downloads->adding, &d->node);
    download_store_then(d, on_stored, d);
    return 0;
}

int
downloads_target(const struct downloads *downloads, const struct hub_plan *plan,
                 const struct download_order *order, struct strbuf *ret_target,
                 struct error *error)
{
    struct downloads *owner = (struct downloads *)(uintptr_t)downloads;
    struct download *d = download_of_plan(owner, plan, order, error);
    if (d == NULL)
        return -1;
    strbuf_add_text(ret_target, d->target);
    download_free(d);
    return 0;
}

/* ---- verbs ---- */

size_t
downloads_count(const struct downloads *downloads)
{
    return downloads->n;
}

const struct download *
downloads_at(const struct downloads *downloads, size_t i)
{
    LIST_FOR(node, &downloads->tasks)
    {
        if (i-- == 0)
            return LIST_ENTRY(node, struct download, node);
    }
    return NULL;
}

static struct download *
find(const struct downloads *downloads, struct str id)
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
    return find(downloads, id);
}

static struct download *
find_for(struct downloads *downloads, struct str id, struct error *error)
{
    struct download *d = find(downloads, id);
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

static struct download *
find_staying(struct downloads *downloads, struct str id, struct error *error)
{
    struct download *d = find_for(downloads, id, error);
    if (d == NULL || !is_leaving(d))
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
    if (!download_state_is_active(d->state) || d->is_arriving)
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
    return d->state == DOWNLOAD_PAUSED ? queue_again(downloads, d)
                                       : cannot(d, "resume", error);
}

int
downloads_retry(struct downloads *downloads, struct str id, struct error *error)
{
    struct download *d = find_staying(downloads, id, error);
    if (d == NULL)
        return -1;
    return d->state == DOWNLOAD_FAILED ? queue_again(downloads, d)
                                       : cannot(d, "retry", error);
}

int
downloads_await(struct downloads *downloads, struct str id,
                downloads_told_fn *on_done, void *ctx, struct error *error)
{
    struct download *d = find_for(downloads, id, error);
    if (d == NULL)
        return -1;
    if (d->is_busy && d->wanted != DOWNLOAD_COMPLETED)
        return add_wait(d, on_done, ctx, false, error);
    on_done(ctx, d, false, NULL);
    return 0;
}

/* What is left of it. */
struct sweep_job {
    struct download *d;
    char **places;
    size_t n;
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
    for (size_t i = 0; i < job->n; i++)
        sweep_place(job->places[i]);
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
            !is_leaving(d) && has_place(d, place))
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
static void
begin_leaving(struct download *d)
{
    d->is_busy = true;
    d->wanted = DOWNLOAD_CANCELLED;
    download_sweep(d);
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
    if (d->state == DOWNLOAD_COMPLETED || d->is_arriving)
        return cannot(d, "cancel", error);
    if (d->is_busy && !is_leaving(d))
        download_halt(d, DOWNLOAD_CANCELLED);
    else if (!d->is_busy)
        begin_leaving(d);
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
downloads_forget(struct downloads *downloads, struct str id,
                 struct error *error)
{
    struct download *d = find_staying(downloads, id, error);
    if (d == NULL)
        return -1;
    if (d->is_busy || (d->state != DOWNLOAD_FAILED && !download_has_ended(d)))
        return cannot(d, "delete", error);
    store_delete_download(downloads->options.store, d->id, NULL, NULL);
    list_remove(&d->node);
    downloads->n--;
    if (d->state != DOWNLOAD_FAILED) {
        download_free(d);
        return 0;
    }
    d->is_forgotten = true;
    list_push_back(&downloads->leaving, &d->node);
    begin_leaving(d);
    return 0;
}

/* ---- looking at one ---- */

const char *
download_id(const struct download *d)
{
    return d->id;
}

enum download_state
download_state(const struct download *d)
{
    return d->state;
}

const char *
download_kind(const struct download *d)
{
    return d->kind;
}

static bool
contains_nocase(const char *text, struct str part)
{
    struct str downloads = str_from(text);
    for (size_t i = 0; i + part.n <= downloads.n; i++)
        if (str_eq_nocase((struct str){ downloads.p + i, part.n }, part))
            return true;
    return false;
}

bool
download_matches(const struct download *d, struct str text)
{
    bool is_match = contains_nocase(d->model_id, text) ||
                    contains_nocase(d->display_name, text);
    for (size_t i = 0; i < d->n_files && !is_match; i++)
        is_match = contains_nocase(d->files[i].path, text);
    return is_match;
}

struct str
download_target(const struct download *d)
{
    return d->is_cache ? STR("") : str_from(d->target);
}

struct hub_plan *
download_plan(const struct download *d)
{
    struct hub_file *files = calloc(d->n_files + 1, sizeof *files);
    if (files == NULL)
        return NULL;
    struct hub_plan plan = {
        .source = d->source,
        .model_id = d->model_id,
        .revision = d->revision,
        .ref = d->ref,
        .variant = d->variant,
        .display_name = d->display_name,
        .kind = d->kind,
        .token = d->token,
        .sidecar = d->sidecar,
        .files = files,
    };
    for (size_t i = 0; i < d->n_files; i++) {
        const struct download_file *from = &d->files[i];
        struct hub_file *to = &files[plan.n_files];
        if (from->is_optional) {
            plan.preview_url = from->url;
            continue;
        }
        *to = (struct hub_file){ .path = from->path,
                                 .url = from->url,
                                 .size_bytes = -1 };
        plan.n_files++;
        if (d->source == HUB_URL) /* whatever lies there now */
            continue;
        to->size_bytes = from->size_bytes;
        snprintf(to->sha256, sizeof to->sha256, "%s", from->sha256);
        snprintf(to->etag, sizeof to->etag, "%s", from->etag);
    }
    struct hub_plan *copy = hub_plan_copy(&plan);
    free(files);
    return copy;
}
