/* The collector's turns: when it looks, who hears of it, what is stored. See
 * metrics.h.
 *
 * One look at a time is on a worker; the timer for the next is armed when it
 * comes back, so a disk that does not answer makes samples rare and nothing
 * else. Points gather for a minute, or until somebody asks for the history:
 * a commit each minute, not one for each sample. */
#include "core/metrics/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "core/metrics/metrics_internal.h"
#include "io/worker.h"

enum {
    INTERVAL_MS = 10 * SECOND_MS,
    SECOND_LOOK_MS = 1 * SECOND_MS,
    FLUSH_MS = 60 * SECOND_MS,
};

/* On its way through a worker; outlives a collector that is freed. */
struct metrics_look {
    struct metrics *metrics; /* NULL: freed */
    char *models_dir, *data_dir;
    struct hardware_sample hardware;
};

static void
look_free(struct metrics_look *look)
{
    free(look->models_dir);
    free(look->data_dir);
    free(look);
}

/* ---- the history ---- */

static void
flush(struct metrics *metrics)
{
    struct metrics_pending *pending = &metrics->pending;
    if (pending->n > 0 && metrics->options.store != NULL)
        store_add_metrics(metrics->options.store, pending->points, pending->n,
                          loop_wall_ms(), NULL, NULL);
    if (pending->n_labels > 0 && metrics->options.store != NULL)
        store_label_metrics(metrics->options.store, pending->labels,
                            pending->n_labels, NULL, NULL);
    pending->n = pending->n_labels = 0;
}

static void
keep(struct metrics *metrics)
{
    struct metrics_pending *pending = &metrics->pending;
    if (metrics->options.store == NULL)
        return;
    if (metrics_add_points(pending, &metrics->newest) < 0)
        events_log(metrics->options.events, LOG_WARN, "metrics",
                   "there was no memory for some values of the history");
    if (metrics->newest.at_ms - pending->since_ms >= FLUSH_MS ||
        metrics->newest.at_ms < pending->since_ms)
        flush(metrics);
}

void
metrics_query(struct metrics *metrics, const struct metric_query *query,
              metrics_history_fn *on_done, void *ctx)
{
    struct metric_query asked = *query;
    struct error error;
    if (metrics->options.store == NULL) {
        error_set(&error, ERR_NOT_IMPLEMENTED, "no history is kept");
        on_done(ctx, NULL, &error);
        return;
    }
    flush(metrics);
    asked.now_ms = loop_wall_ms();
    store_query_metrics(metrics->options.store, &asked, on_done, ctx);
}

void
metrics_find_servers(struct metrics *metrics, int64_t from_ms, int64_t to_ms,
                     store_metrics_found_fn *on_done, void *ctx)
{
    struct metric_search search = { .from_ms = from_ms,
                                    .to_ms = to_ms,
                                    .now_ms = loop_wall_ms() };
    struct error error;
    if (metrics->options.store == NULL) {
        error_set(&error, ERR_NOT_IMPLEMENTED, "no history is kept");
        on_done(ctx, NULL, 0, &error);
        return;
    }
    flush(metrics);
    snprintf(search.pattern, sizeof search.pattern, METRICS_SERVER_SERIES, "*");
    store_find_metrics(metrics->options.store, &search, on_done, ctx);
}

struct str
metrics_server_of(const char *series)
{
    const char *id = strchr(series, '.') + 1;
    return (struct str){ id, (size_t)(strrchr(series, '.') - id) };
}

/* ---- servers ---- */

struct gathering {
    struct metrics *metrics;
    struct metrics_server *servers;
    size_t n;
    const struct hardware_sample *hardware;
};

static int64_t
gpu_memory_of(const struct hardware_sample *hardware, int64_t group)
{
    if (hardware->why[HARDWARE_GPU_USERS].code != ERR_OK)
        return -1;
    for (size_t i = 0; i < hardware->n_gpu_users; i++)
        if (hardware->gpu_users[i].group == group)
            return hardware->gpu_users[i].bytes;
    return 0;
}

static void
take_server(void *ctx, const struct instance_view *view)
{
    struct gathering *gathering = ctx;
    if (view->pid == 0 || view->profile == NULL ||
        gathering->n == METRICS_SERVERS_MAX)
        return;
    struct metrics_server *server = &gathering->servers[gathering->n++];
    *server = (struct metrics_server){
        .pid = view->pid,
        .rss_bytes = view->rss_bytes,
        .cpu_percent = view->cpu_percent,
        .n_threads = view->n_threads,
        .gpu_memory_bytes = gpu_memory_of(gathering->hardware, view->pid),
    };
    snprintf(server->profile_id, sizeof server->profile_id, "%s",
             view->profile->id);
    snprintf(server->name, sizeof server->name, "%s", view->profile->name);
    metrics_take_engine(gathering->metrics, server);
}

static void
take_servers(struct metrics *metrics, const struct hardware_sample *hardware)
{
    if (metrics->servers == NULL)
        metrics->servers =
            calloc(METRICS_SERVERS_MAX, sizeof *metrics->servers);
    if (metrics->servers == NULL)
        return;
    struct gathering gathering = { .metrics = metrics,
                                   .servers = metrics->servers,
                                   .hardware = hardware };
    instances_each(metrics->options.instances, take_server, &gathering);
    metrics->newest.servers = metrics->servers;
    metrics->newest.n_servers = gathering.n;
}

/* ---- looking ---- */

static int64_t
interval_ms(const struct metrics *metrics)
{
    int64_t least = metrics->options.interval_ms;
    LIST_FOR(node, &metrics->watches)
    {
        const struct metrics_watch *watch =
            LIST_ENTRY(node, struct metrics_watch, node);
        if (watch->interval_ms < least)
            least = watch->interval_ms;
    }
    return least;
}

static void
arm(struct metrics *metrics, int64_t after_ms)
{
    if (timer_start(metrics->options.loop, &metrics->timer, after_ms) < 0)
        events_log(metrics->options.events, LOG_ERROR, "metrics",
                   "there is no memory for a timer: no more samples");
}

static void
take(struct metrics *metrics, const struct hardware_sample *hardware)
{
    struct metrics_counters *last = &metrics->last;
    struct metrics_counters now = { .at_ms =
                                        loop_now_ms(metrics->options.loop) };
    bool has_traffic = metrics->options.read_traffic != NULL;
    now.hardware = *hardware;
    if (has_traffic)
        metrics->options.read_traffic(metrics->options.ctx, &now.traffic);
    metrics_make_sample(last, &now, has_traffic, &metrics->newest);
    metrics->newest.at_ms = loop_wall_ms();
    take_servers(metrics, hardware);
    *last = now;
    metrics->has_newest = true;
    keep(metrics);
    metrics_ask_engines(metrics);
    events_publish(metrics->options.events, EVENT_METRICS, "",
                   &metrics->newest);
}

static void
work(void *arg)
{
    struct metrics_look *look = arg;
    hardware_read_sample(look->models_dir, look->data_dir, &look->hardware);
}

static void
done(void *arg)
{
    struct metrics_look *look = arg;
    struct metrics *metrics = look->metrics;
    if (metrics != NULL) {
        bool is_first = !metrics->has_newest;
        metrics->look = NULL;
        take(metrics, &look->hardware);
        int64_t next_ms = interval_ms(metrics);
        arm(metrics,
            is_first && next_ms > SECOND_LOOK_MS ? SECOND_LOOK_MS : next_ms);
    }
    look_free(look);
}

static void
on_timer(struct timer *timer)
{
    struct metrics *metrics = LIST_ENTRY(timer, struct metrics, timer);
    struct metrics_look *look = calloc(1, sizeof *look);
    if (look != NULL) {
        look->metrics = metrics;
        look->models_dir = str_dup(str_from(metrics->models_dir));
        look->data_dir = str_dup(str_from(metrics->data_dir));
    }
    if (look == NULL || look->models_dir == NULL || look->data_dir == NULL ||
        worker_submit(metrics->options.loop, work, done, look) < 0) {
        if (look != NULL)
            look_free(look);
        arm(metrics, interval_ms(metrics)); /* perhaps there is room then */
        return;
    }
    metrics->look = look;
}

/* ---- watches ---- */

/* The next look comes no later than the new interval asks for. */
static void
hasten(struct metrics *metrics, int64_t interval)
{
    int64_t now_ms = loop_now_ms(metrics->options.loop);
    if (timer_is_armed(&metrics->timer) &&
        metrics->timer.at_ms > now_ms + interval)
        arm(metrics, interval);
}

void
metrics_watch_start(struct metrics *metrics, struct metrics_watch *watch,
                    int64_t interval)
{
    metrics_watch_stop(watch);
    if (interval < METRICS_INTERVAL_MIN_MS)
        interval = METRICS_INTERVAL_MIN_MS;
    if (interval > METRICS_INTERVAL_MAX_MS)
        interval = METRICS_INTERVAL_MAX_MS;
    watch->metrics = metrics;
    watch->interval_ms = interval;
    list_push_back(&metrics->watches, &watch->node);
    hasten(metrics, interval_ms(metrics));
}

void
metrics_watch_stop(struct metrics_watch *watch)
{
    if (watch->metrics == NULL)
        return;
    list_remove(&watch->node);
    watch->metrics = NULL;
}

/* ---- life ---- */

void
metrics_set_models_dir(struct metrics *metrics, const char *models_dir)
{
    snprintf(metrics->models_dir, sizeof metrics->models_dir, "%s", models_dir);
}

int
metrics_new(const struct metrics_options *options, struct metrics **ret_metrics,
            struct error *error)
{
    *ret_metrics = NULL;
    struct metrics *metrics = calloc(1, sizeof *metrics);
    if (metrics == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    metrics->options = *options;
    if (metrics->options.interval_ms == 0)
        metrics->options.interval_ms = INTERVAL_MS;
    metrics_set_models_dir(metrics, options->models_dir);
    snprintf(metrics->data_dir, sizeof metrics->data_dir, "%s",
             options->data_dir);
    list_init(&metrics->watches);
    list_init(&metrics->asked);
    timer_init(&metrics->timer, on_timer);
    if (timer_start(options->loop, &metrics->timer, 0) < 0) {
        free(metrics);
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    *ret_metrics = metrics;
    return 0;
}

void
metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    timer_stop(&metrics->timer);
    metrics_forget_engines(metrics);
    if (metrics->look != NULL)
        metrics->look->metrics = NULL;
    flush(metrics);
    free(metrics->pending.points);
    free(metrics->pending.labels);
    free(metrics->servers);
    free(metrics);
}

const struct metrics_sample *
metrics_newest(const struct metrics *metrics)
{
    return metrics->has_newest ? &metrics->newest : NULL;
}
