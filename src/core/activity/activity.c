/* Requests under way and their rows: see activity.h. */
#include "core/activity/activity_internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "store/store.h"

enum {
    FLUSH_MS = 250,
    ENDED_MAX = 512, /* rows that wait for the flush; more make one at once */
};

static struct activity_item *
item_at(struct list *node)
{
    return LIST_ENTRY(node, struct activity_item, node);
}

/* ---- news and rows ---- */

/* What began or changed, in an array that lives until the next turn. */
static const struct activity_item **
take_changed(struct activity *activity, size_t *ret_n)
{
    const struct activity_item **changed =
        calloc(activity->n_items + 1, sizeof *changed);
    *ret_n = 0;
    if (changed == NULL)
        return NULL;
    LIST_FOR(node, &activity->items)
    {
        struct activity_item *item = item_at(node);
        if (!item->is_changed)
            continue;
        item->is_changed = false;
        item->is_told = true;
        changed[(*ret_n)++] = item;
    }
    return changed;
}

/* Those of `gone` that have no row in the news. */
static size_t
drop_told_as_rows(struct activity *activity, const struct activity_news *news)
{
    size_t n = 0;
    for (size_t i = 0; i < activity->n_gone; i++) {
        bool has_row = false;
        for (size_t j = 0; j < news->n_ended && !has_row; j++)
            has_row = news->ended[j].id == activity->gone[i];
        if (!has_row)
            activity->gone[n++] = activity->gone[i];
    }
    return n;
}

static void
tell(struct activity *activity)
{
    struct activity_news news = { .n_all_ended = activity->n_ended,
                                  .is_cleared = activity->is_cleared };
    const struct activity_item **changed =
        take_changed(activity, &news.n_active);
    news.active = changed;
    news.n_ended = activity->n_ended < ACTIVITY_NEWS_ROWS ? activity->n_ended
                                                          : ACTIVITY_NEWS_ROWS;
    news.ended = activity->n_ended == 0
                     ? NULL
                     : activity->ended + activity->n_ended - news.n_ended;
    news.gone = activity->gone;
    news.n_gone = drop_told_as_rows(activity, &news);
    activity->is_cleared = false;
    if (news.n_active + news.n_all_ended + news.n_gone > 0 || news.is_cleared)
        events_publish(activity->events, EVENT_ACTIVITY, "", &news);
    free(changed);
}

static int64_t
oldest_kept_ms(const struct activity *activity)
{
    int64_t keep_ms = activity->config.keep_ms;
    return keep_ms == 0 ? 0 : loop_wall_ms() - keep_ms;
}

static bool
keeps_rows(const struct activity *activity)
{
    return activity->store != NULL && activity->config.n_stored > 0;
}

static void
flush(struct activity *activity)
{
    if (activity->is_flushing) /* asked by whoever hears the news */
        return;
    activity->is_flushing = true;
    timer_stop(&activity->flush);
    tell(activity);
    if (activity->n_ended > 0 && keeps_rows(activity))
        store_add_activity(activity->store, activity->ended, activity->n_ended,
                           activity->config.n_stored, oldest_kept_ms(activity));
    activity->n_ended = 0;
    activity->n_gone = 0;
    activity->is_flushing = false;
}

static void
on_flush(struct timer *timer)
{
    flush(LIST_ENTRY(timer, struct activity, flush));
}

static void
await_flush(struct activity *activity)
{
    if (!timer_is_armed(&activity->flush) &&
        timer_start(activity->loop, &activity->flush, FLUSH_MS) != 0)
        flush(activity);
}

/* ---- the module ---- */

int
activity_new(const struct activity_options *options,
             struct activity **ret_activity, struct error *error)
{
    struct activity *activity = calloc(1, sizeof *activity);
    if (activity == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    activity->loop = options->loop;
    activity->events = options->events;
    activity->store = options->store;
    list_init(&activity->items);
    timer_init(&activity->flush, on_flush);
    captures_init(&activity->captures);
    /* Ids go on where the last run ended, also when its rows are gone: a
     * clock runs ahead of any number of requests that were relayed in its
     * time, but for a burst, whose rows are still there. */
    if (options->store != NULL)
        activity->next_id = store_last_activity_id(options->store) + 1;
    if (activity->next_id < loop_wall_ms())
        activity->next_id = loop_wall_ms();
    activity_configure(activity, &options->config);
    *ret_activity = activity;
    return 0;
}

void
activity_free(struct activity *activity)
{
    if (activity == NULL)
        return;
    assert(list_is_empty(&activity->items));
    flush(activity);
    captures_release(&activity->captures);
    free(activity->ended);
    free(activity->gone);
    free(activity);
}

void
activity_configure(struct activity *activity,
                   const struct activity_config *config)
{
    bool keeps_less = config->n_stored < activity->config.n_stored ||
                      config->keep_ms != activity->config.keep_ms;
    flush(activity);
    activity->config = *config;
    captures_limit(&activity->captures,
                   config->captures ? config->capture_bytes : 0);
    if (keeps_less && activity->store != NULL)
        store_keep_activity(activity->store, config->n_stored,
                            oldest_kept_ms(activity), NULL, NULL);
}

/* ---- steps of a request ---- */

void
activity_begin(struct activity *activity, struct activity_item *item,
               void (*cancel)(struct activity_item *item))
{
    item->entry.id = activity->next_id++;
    item->entry.at_ms = loop_wall_ms();
    item->phase = ACTIVITY_RECEIVING;
    item->began_ms = item->phase_ms = loop_now_ms(activity->loop);
    item->is_changed = true;
    item->is_told = false;
    item->cancel = cancel;
    item->capture = activity->config.captures
                        ? capture_begin(&activity->captures, item->entry.id)
                        : NULL;
    list_push_back(&activity->items, &item->node);
    activity->n_items++;
    await_flush(activity);
}

static void
end_phase(struct activity *activity, struct activity_item *item)
{
    struct activity_entry *entry = &item->entry;
    int64_t now_ms = loop_now_ms(activity->loop);
    int64_t spent_ms = now_ms - item->phase_ms;
    item->phase_ms = now_ms;
    if (item->phase == ACTIVITY_QUEUED)
        entry->queue_ms =
            spent_ms + (entry->queue_ms < 0 ? 0 : entry->queue_ms);
    else if (item->phase == ACTIVITY_LOADING)
        entry->load_ms = spent_ms + (entry->load_ms < 0 ? 0 : entry->load_ms);
}

void
activity_enter(struct activity *activity, struct activity_item *item,
               enum activity_phase phase)
{
    if (item->phase == phase)
        return;
    end_phase(activity, item);
    item->phase = phase;
    item->is_changed = true;
    /* Waiting begins at nothing, not at unknown. */
    if (phase > ACTIVITY_RECEIVING && item->entry.queue_ms < 0)
        item->entry.queue_ms = item->entry.load_ms = 0;
    await_flush(activity);
}

void
activity_first_token(struct activity *activity, struct activity_item *item)
{
    if (item->entry.first_token_ms < 0)
        item->entry.first_token_ms =
            loop_now_ms(activity->loop) - item->began_ms;
}

/* Room for one more; false: no memory, the row is lost. */
static bool
make_room(void **array, size_t n, size_t *n_room, size_t size)
{
    if (n < *n_room)
        return true;
    size_t want = *n_room == 0 ? 16 : *n_room * 2;
    void *bigger = realloc(*array, want * size);
    if (bigger == NULL)
        return false;
    *array = bigger;
    *n_room = want;
    return true;
}

static void
note_gone(struct activity *activity, int64_t id)
{
    void *gone = activity->gone;
    if (make_room(&gone, activity->n_gone, &activity->n_gone_room,
                  sizeof *activity->gone)) {
        activity->gone = gone;
        activity->gone[activity->n_gone++] = id;
    }
}

static void
note_ended(struct activity *activity, const struct activity_entry *entry)
{
    void *ended = activity->ended;
    if (make_room(&ended, activity->n_ended, &activity->n_ended_room,
                  sizeof *activity->ended)) {
        activity->ended = ended;
        activity->ended[activity->n_ended++] = *entry;
    }
}

void
activity_end(struct activity *activity, struct activity_item *item)
{
    end_phase(activity, item);
    item->entry.duration_ms = loop_now_ms(activity->loop) - item->began_ms;
    activity_entry_rate(&item->entry);
    list_remove(&item->node);
    activity->n_items--;
    if (item->is_told)
        note_gone(activity, item->entry.id);
    note_ended(activity, &item->entry);
    if (item->capture != NULL)
        item->capture->captured.is_under_way = false;
    item->capture = NULL;
    captures_limit(&activity->captures, activity->captures.n_bytes_max);
    if (activity->n_ended >= ENDED_MAX)
        flush(activity);
    else
        await_flush(activity);
}

/* ---- asking ---- */

size_t
activity_count(const struct activity *activity)
{
    return activity->n_items;
}

void
activity_each(const struct activity *activity,
              void (*fn)(void *ctx, const struct activity_item *item),
              void *ctx)
{
    LIST_FOR(node, &activity->items)
    fn(ctx, item_at(node));
}

int
activity_cancel(struct activity *activity, int64_t id, struct error *error)
{
    LIST_FOR(node, &activity->items)
    {
        struct activity_item *item = item_at(node);
        if (item->entry.id != id)
            continue;
        if (item->phase == ACTIVITY_FINISHING)
            return error_set(error, ERR_CONFLICT,
                             "nobody waits for request %lld any more, and its "
                             "engine cannot be told to stop",
                             (long long)id);
        item->cancel(item);
        return 0;
    }
    return error_set(error, ERR_NOT_FOUND,
                     "no request %lld is under way: it has ended, or never was",
                     (long long)id);
}

void
activity_find(struct activity *activity, const struct activity_query *query,
              void (*on_done)(void *ctx, const struct activity_entry *entries,
                              size_t n, const struct error *error),
              void *ctx)
{
    flush(activity);
    if (activity->store == NULL)
        on_done(ctx, NULL, 0, NULL);
    else
        store_query_activity(activity->store, query, on_done, ctx);
}

void
activity_clear(struct activity *activity,
               void (*on_done)(void *ctx, const struct error *error), void *ctx)
{
    flush(activity);
    captures_limit(&activity->captures, 0);
    activity->captures.n_bytes_max =
        activity->config.captures ? activity->config.capture_bytes : 0;
    activity->is_cleared = true;
    await_flush(activity);
    if (activity->store == NULL)
        on_done(ctx, NULL);
    else
        store_clear_activity(activity->store, on_done, ctx);
}
