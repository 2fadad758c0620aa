/* What machine and engines use, in the form that clients of this protocol look
 * for: `metrics:update` every ten seconds, or as often as a client subscribed
 * for, and the history. What is not known is null. */
#include <math.h>

#include "api/live/live_internal.h"

enum {
    EVERY_MS = 10 * SECOND_MS,
    SLACK_MS = 500, /* the collector is not on time to the millisecond */
    HISTORY_DEFAULT = 100,
    HISTORY_MOST = 10 * 1000 * 1000 /* three years */
};

/* ---- one sample ---- */

static double
share(double part, double whole)
{
    return whole > 0 ? 100.0 * part / whole : (double)NAN;
}

static void
member_number(struct json_writer *w, const char *key, double value)
{
    member_real_if(w, key, !isnan(value), value);
}

static void
write_used(struct json_writer *w, const char *key, double used, double total)
{
    json_key(w, key);
    json_object_begin(w);
    member_number(w, "used", share(used, total));
    member_number(w, "usedBytes", used);
    member_number(w, "totalBytes", total);
    json_object_end(w);
}

static void
write_gpu(const struct hardware_gpu_use *gpu, size_t i, struct json_writer *w)
{
    json_object_begin(w);
    member_int(w, "index", (int64_t)i);
    member_text(w, "name", gpu->name);
    member_int_if(w, "usage", gpu->busy_percent >= 0, gpu->busy_percent);
    member_int_if(w, "memoryUsed", gpu->memory_used_bytes >= 0,
                  gpu->memory_used_bytes);
    member_int(w, "memoryTotal", gpu->memory_total_bytes);
    member_bool(w, "hasUtilizationData", gpu->busy_percent >= 0);
    json_object_end(w);
}

/* The first one's numbers, then all of them. */
static void
write_gpus(const struct metrics_sample *sample, struct json_writer *w)
{
    const struct hardware_gpu_use none = { .busy_percent = -1,
                                           .memory_used_bytes = -1 };
    const struct hardware_gpu_use *first =
        sample->n_gpus > 0 ? &sample->gpus[0] : &none;
    json_object_begin(w);
    member_int_if(w, "usage", first->busy_percent >= 0, first->busy_percent);
    member_int_if(w, "memoryUsed", first->memory_used_bytes >= 0,
                  first->memory_used_bytes);
    member_int_if(w, "memoryTotal", sample->n_gpus > 0,
                  first->memory_total_bytes);
    json_key(w, "list");
    json_array_begin(w);
    for (size_t i = 0; i < sample->n_gpus; i++)
        write_gpu(&sample->gpus[i], i, w);
    json_array_end(w);
    json_object_end(w);
}

static void
write_metrics(const struct api *api, const struct metrics_sample *sample,
              struct json_writer *w)
{
    const double *values = sample->values;
    json_object_begin(w);
    json_key(w, "cpu");
    json_object_begin(w);
    member_number(w, "usage", values[METRICS_CPU]);
    json_object_end(w);
    write_used(w, "memory", values[METRICS_MEMORY_USED],
               values[METRICS_MEMORY_TOTAL]);
    write_used(w, "swap", values[METRICS_SWAP_USED],
               values[METRICS_SWAP_TOTAL]);
    write_used(w, "disk",
               values[METRICS_MODELS_TOTAL] - values[METRICS_MODELS_FREE],
               values[METRICS_MODELS_TOTAL]);
    json_key(w, "gpu");
    write_gpus(sample, w);
    member_int(w, "uptime",
               (loop_wall_ms() - api->options.started_at_ms) / SECOND_MS);
    member_int(w, "timestamp", sample->at_ms);
    json_key(w, "sample");
    sample_write(sample, w);
    json_object_end(w);
}

void
shape_metrics(const struct shape_input *input, struct json_writer *w)
{
    const struct metrics *metrics = input->api->options.metrics;
    const struct metrics_sample *sample =
        metrics == NULL ? NULL : metrics_newest(metrics);
    json_object_begin(w);
    json_key(w, "metrics");
    if (sample == NULL)
        json_null(w);
    else
        write_metrics(input->api, sample, w);
    json_object_end(w);
}

/* ---- who wants it, and how often ---- */

void
measured_start(struct live_connection *connection)
{
    connection->metrics_interval_ms = EVERY_MS;
}

void
measured_restore(struct live_connection *connection, int64_t interval_ms)
{
    struct metrics *metrics = connection->live->api->options.metrics;
    connection->metrics_interval_ms = interval_ms;
    if (metrics != NULL && interval_ms > 0 && interval_ms != EVERY_MS)
        metrics_watch_start(metrics, &connection->watch, interval_ms);
}

void
measured_stop(struct live_connection *connection)
{
    metrics_watch_stop(&connection->watch);
}

static bool
is_due(struct live_connection *connection)
{
    int64_t now_ms = loop_now_ms(connection->live->api->options.loop);
    if (connection->metrics_interval_ms == 0 ||
        (connection->metrics_at_ms > 0 &&
         now_ms - connection->metrics_at_ms <
             connection->metrics_interval_ms - SLACK_MS))
        return false;
    connection->metrics_at_ms = now_ms;
    return true;
}

void
measured_tell(struct live *live, const struct metrics_sample *sample)
{
    struct live_message message;
    struct json_writer *w =
        broadcast_begin(live, &message, "metrics:update", MESSAGE_VOLATILE);
    json_object_begin(w);
    json_key(w, "metrics");
    write_metrics(live->api, sample, w);
    json_object_end(w);
    member_int(w, "timestamp", loop_wall_ms());
    json_object_end(w);
    message_to_some(live, &message, is_due);
}

int
local_subscribe(struct live_connection *connection, const struct json *request,
                struct json_writer *w, struct error *error)
{
    struct metrics *metrics = connection->live->api->options.metrics;
    const struct json *value = json_get(request, "interval");
    int64_t interval_ms = 2 * SECOND_MS;
    if (metrics == NULL)
        return error_set(error, ERR_NOT_IMPLEMENTED, "nothing is measured");
    if (value != NULL && (!json_as_int(value, &interval_ms) ||
                          interval_ms < METRICS_INTERVAL_MIN_MS ||
                          interval_ms > METRICS_INTERVAL_MAX_MS))
        return error_field(error, "interval",
                           "interval must be a number of milliseconds from %d "
                           "to %d",
                           METRICS_INTERVAL_MIN_MS, METRICS_INTERVAL_MAX_MS);
    connection->metrics_interval_ms = interval_ms;
    metrics_watch_start(metrics, &connection->watch, interval_ms);
    json_object_begin(w);
    member_int(w, "interval", interval_ms);
    json_object_end(w);
    return 0;
}

int
local_unsubscribe(struct live_connection *connection,
                  const struct json *request, struct json_writer *w,
                  struct error *error)
{
    connection->metrics_interval_ms = 0;
    metrics_watch_stop(&connection->watch);
    json_object_begin(w);
    member_bool(w, "unsubscribed", true);
    json_object_end(w);
    return 0;
}

/* ---- the history ---- */

/* A member that is none, or null, leaves *ret as it is; what is no number is
 * passed on for REST to say so. */
static bool
take_number(const struct json *request, const char *name, const char *rest_name,
            int64_t *ret, struct strbuf *out)
{
    const struct json *value = json_get(request, name);
    if (value == NULL || json_type(value) == JSON_NULL ||
        json_as_int(value, ret))
        return true;
    strbuf_addf(out, "%s=?", rest_name);
    return false;
}

/* The newest `limit` points; a range may be given as in REST. */
void
query_history(const struct json *request, struct strbuf *out)
{
    int64_t limit = HISTORY_DEFAULT, to_ms = loop_wall_ms() + 1;
    if (!take_number(request, "limit", "points", &limit, out) ||
        !take_number(request, "to", "to", &to_ms, out))
        return;
    int64_t span_ms = (limit < HISTORY_MOST ? limit : HISTORY_MOST) * EVERY_MS;
    int64_t from_ms = to_ms > span_ms && span_ms > 0 ? to_ms - span_ms : 0;
    if (!take_number(request, "from", "from", &from_ms, out))
        return;
    strbuf_addf(
        out,
        "points=%lld&from=%lld&to=%lld&series=cpu_percent,"
        "memory_used_bytes,memory_total_bytes,swap_used_bytes,"
        "swap_total_bytes,models_disk_free_bytes,"
        "models_disk_total_bytes,requests_per_s,"
        "completion_tokens_per_s,gpu.0.busy_percent,"
        "gpu.0.memory_used_bytes",
        (long long)(limit > METRIC_POINTS_MAX ? METRIC_POINTS_MAX : limit),
        (long long)from_ms, (long long)to_ms);
}

static double
at(const struct json *series, const char *name, size_t i)
{
    double value = (double)NAN;
    json_as_real(json_at(json_get(series, name), i), &value);
    return value;
}

static void
write_point(const struct json *series, size_t i, int64_t at_ms,
            struct json_writer *w)
{
    double disk = at(series, "models_disk_total_bytes", i);
    json_object_begin(w);
    json_key(w, "cpu");
    json_object_begin(w);
    member_number(w, "usage", at(series, "cpu_percent", i));
    json_object_end(w);
    write_used(w, "memory", at(series, "memory_used_bytes", i),
               at(series, "memory_total_bytes", i));
    write_used(w, "swap", at(series, "swap_used_bytes", i),
               at(series, "swap_total_bytes", i));
    write_used(w, "disk", disk - at(series, "models_disk_free_bytes", i), disk);
    json_key(w, "gpu");
    json_object_begin(w);
    member_number(w, "usage", at(series, "gpu.0.busy_percent", i));
    member_number(w, "memoryUsed", at(series, "gpu.0.memory_used_bytes", i));
    json_object_end(w);
    member_number(w, "requestsPerSecond", at(series, "requests_per_s", i));
    member_number(w, "tokensPerSecond",
                  at(series, "completion_tokens_per_s", i));
    member_int(w, "timestamp", at_ms);
    json_object_end(w);
}

/* Steps in which nothing was measured are left out. */
void
shape_history(const struct shape_input *input, struct json_writer *w)
{
    const struct json *times = json_get(input->data, "at_ms");
    const struct json *series = json_get(input->data, "series");
    size_t n = json_count(times);
    json_object_begin(w);
    json_key(w, "history");
    json_array_begin(w);
    for (size_t i = 0; i < n; i++) {
        int64_t at_ms = 0;
        json_as_int(json_at(times, i), &at_ms);
        if (!isnan(at(series, "cpu_percent", i)) ||
            !isnan(at(series, "memory_used_bytes", i)))
            write_point(series, i, at_ms, w);
    }
    json_array_end(w);
    json_object_end(w);
}
