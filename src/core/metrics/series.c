/* Samples as points of series: names are in metrics.h. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/metrics/metrics_internal.h"

enum { PENDING_MAX = 65536 };

static struct metric_point *
make_room(struct metrics_pending *pending)
{
    if (pending->n < pending->capacity)
        return &pending->points[pending->n];
    size_t capacity = pending->capacity == 0 ? 64 : 2 * pending->capacity;
    if (capacity > PENDING_MAX)
        return NULL;
    struct metric_point *points =
        realloc(pending->points, capacity * sizeof *points);
    if (points == NULL)
        return NULL;
    pending->points = points;
    pending->capacity = capacity;
    return &points[pending->n];
}

/* What is not known is left out. */
static int
add(struct metrics_pending *pending, int64_t at_ms, double value,
    const char *group, const char *of, const char *name)
{
    if (isnan(value))
        return 0;
    struct metric_point *point = make_room(pending);
    if (point == NULL)
        return -1;
    point->at_ms = at_ms;
    point->value = value;
    if (group == NULL)
        snprintf(point->series, sizeof point->series, "%s", name);
    else
        snprintf(point->series, sizeof point->series, "%s.%s.%s", group, of,
                 name);
    pending->n++;
    return 0;
}

static double
known(int64_t number)
{
    return number < 0 ? (double)NAN : (double)number;
}

static int
add_gpu(struct metrics_pending *pending, int64_t at_ms, size_t at,
        const struct hardware_gpu_use *gpu)
{
    char number[24];
    int failed = 0;
    snprintf(number, sizeof number, "%zu", at);
    const struct {
        const char *name;
        double value;
    } rows[] = {
        { "memory_total_bytes", known(gpu->memory_total_bytes) },
        { "memory_used_bytes", known(gpu->memory_used_bytes) },
        { "busy_percent", known(gpu->busy_percent) },
        { "temperature_c",
          gpu->temperature_c == INT_MIN ? (double)NAN : gpu->temperature_c },
        { "power_w", known(gpu->power_mw) / 1000 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        failed |=
            add(pending, at_ms, rows[i].value, "gpu", number, rows[i].name);
    return failed;
}

/* Kept with the history: of a profile that is deleted it is all there is. */
static int
add_label(struct metrics_pending *pending, const struct metrics_server *server)
{
    struct metric_label label;
    snprintf(label.series, sizeof label.series, METRICS_SERVER_SERIES,
             server->profile_id);
    snprintf(label.label, sizeof label.label, "%s", server->name);
    if (pending->labels == NULL)
        pending->labels = calloc(METRICS_SERVERS_MAX, sizeof label);
    if (pending->labels == NULL)
        return -1;
    size_t at = 0;
    while (at < pending->n_labels &&
           strcmp(pending->labels[at].series, label.series) != 0)
        at++;
    if (at == METRICS_SERVERS_MAX)
        return -1;
    pending->labels[at] = label;
    if (at == pending->n_labels)
        pending->n_labels++;
    return 0;
}

static int
add_server(struct metrics_pending *pending, int64_t at_ms,
           const struct metrics_server *server)
{
    const double *engine = server->engine.values;
    int failed = 0;
    const struct {
        const char *name;
        double value;
    } rows[] = {
        { "rss_bytes", known(server->rss_bytes) },
        { "cpu_percent", server->cpu_percent },
        { "threads", known(server->n_threads) },
        { "gpu_memory_bytes", known(server->gpu_memory_bytes) },
        { "requests_active", engine[METRICS_ENGINE_ACTIVE] },
        { "requests_waiting", engine[METRICS_ENGINE_WAITING] },
        { "prompt_tokens_per_s", engine[METRICS_ENGINE_PROMPT_SPEED] },
        { "completion_tokens_per_s", engine[METRICS_ENGINE_ANSWER_SPEED] },
        { "slots_busy", engine[METRICS_ENGINE_SLOTS_BUSY] },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        failed |= add(pending, at_ms, rows[i].value, "server",
                      server->profile_id, rows[i].name);
    return failed;
}

int
metrics_add_points(struct metrics_pending *pending,
                   const struct metrics_sample *sample)
{
    int failed = 0;
    if (pending->n == 0)
        pending->since_ms = sample->at_ms;
    for (int i = 0; i < METRICS_READING_COUNT; i++)
        failed |= add(pending, sample->at_ms, sample->values[i], NULL, NULL,
                      metrics_reading_name((enum metrics_reading)i));
    for (size_t i = 0; i < sample->n_gpus; i++)
        failed |= add_gpu(pending, sample->at_ms, i, &sample->gpus[i]);
    for (size_t i = 0; i < sample->n_servers; i++)
        failed |= add_server(pending, sample->at_ms, &sample->servers[i]) |
                  add_label(pending, &sample->servers[i]);
    return failed == 0 ? 0 : -1;
}
