/* Ordering: a plan becomes a task, or finds the one that there is. */
#include <stdlib.h>

#include "core/downloads/downloads_internal.h"

enum { DOWNLOADS_MAX = 100000 };

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
        if (!download_is_leaving(d) && is_same(d, wanted))
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
        if (download_has_ended(d) || download_is_leaving(d) || d->is_cache)
            continue;
        for (size_t i = 0; i < d->n_files; i++)
            if (download_has_place(wanted, d->files[i].place))
                return error_set(error, ERR_CONFLICT,
                                 "download %s, which is %s, writes %s: let it "
                                 "end, or cancel it",
                                 d->id, download_state_name(d->state),
                                 d->files[i].place);
    }
    return 0;
}

static void
on_stored(void *ctx, const struct error *error)
{
    struct download *d = ctx;
    struct downloads *downloads = d->all;
    list_remove(&d->node);
    if (error != NULL) {
        download_tell_waits(d, error);
        download_free(d);
        downloads_look(downloads);
        return;
    }
    list_push_back(&downloads->tasks, &d->node);
    downloads->n++;
    events_publish(downloads->options.events, EVENT_DOWNLOAD_CHANGED, d->id, d);
    download_tell_waits(d, NULL);
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
    download_queue_again(same);
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
    return download_add_wait(same, on_done, ctx, false, error) < 0 ? -1 : 1;
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
        download_add_wait(d, on_done, ctx, true, error) < 0) {
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
