/* What the collector measured: the newest sample, and the history of series
 * at /api/system/metrics/history. */
#include <limits.h>
#include <math.h>
#include <stdio.h>

#include "api/handlers.h"

/* ---- a sample ---- */

static void
write_gpu(const struct hardware_gpu_use *gpu, struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "name", gpu->name);
    member_int(out, "memory_total_bytes", gpu->memory_total_bytes);
    member_int_if(out, "memory_used_bytes", gpu->memory_used_bytes >= 0,
                  gpu->memory_used_bytes);
    member_int_if(out, "busy_percent", gpu->busy_percent >= 0,
                  gpu->busy_percent);
    member_int_if(out, "temperature_c", gpu->temperature_c != INT_MIN,
                  gpu->temperature_c);
    member_real_if(out, "power_w", gpu->power_mw >= 0,
                   (double)gpu->power_mw / 1000);
    json_object_end(out);
}

/* `error` says why it tells nothing. */
static void
write_engine(const struct metrics_engine *engine, struct json_writer *out)
{
    json_object_begin(out);
    for (int i = 0; i < METRICS_ENGINE_COUNT; i++)
        member_real_if(
            out, metrics_engine_reading_name((enum metrics_engine_reading)i),
            !isnan(engine->values[i]), engine->values[i]);
    member_text(out, "error", engine->why[0] == '\0' ? NULL : engine->why);
    json_object_end(out);
}

static void
write_server(const struct metrics_server *server, struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "profile_id", server->profile_id);
    member_text(out, "profile_name", server->name);
    member_int(out, "pid", server->pid);
    member_int_if(out, "rss_bytes", server->rss_bytes >= 0, server->rss_bytes);
    member_real_if(out, "cpu_percent", true, server->cpu_percent);
    member_int_if(out, "threads", server->n_threads >= 0, server->n_threads);
    member_int_if(out, "gpu_memory_bytes", server->gpu_memory_bytes >= 0,
                  server->gpu_memory_bytes);
    json_key(out, "engine");
    write_engine(&server->engine, out);
    json_object_end(out);
}

void
sample_write(const struct metrics_sample *sample, struct json_writer *out)
{
    json_object_begin(out);
    member_int(out, "at_ms", sample->at_ms);
    member_int_if(out, "interval_ms", sample->interval_ms > 0,
                  sample->interval_ms);
    json_key(out, "readings");
    json_object_begin(out);
    for (int i = 0; i < METRICS_READING_COUNT; i++)
        member_real_if(out, metrics_reading_name((enum metrics_reading)i),
                       !isnan(sample->values[i]), sample->values[i]);
    json_object_end(out);
    json_key(out, "gpus");
    json_array_begin(out);
    for (size_t i = 0; i < sample->n_gpus; i++)
        write_gpu(&sample->gpus[i], out);
    json_array_end(out);
    json_key(out, "servers");
    json_array_begin(out);
    for (size_t i = 0; i < sample->n_servers; i++)
        write_server(&sample->servers[i], out);
    json_array_end(out);
    json_key(out, "unknown");
    json_object_begin(out);
    for (int i = 0; i < HARDWARE_PARTS; i++)
        if (sample->why[i].code != ERR_OK)
            member_text(out, hardware_part_name((enum hardware_part)i),
                        sample->why[i].message);
    json_object_end(out);
    json_object_end(out);
}

/* ---- the history ---- */

static const char default_series[] =
    "cpu_percent,memory_used_bytes,swap_used_bytes,hearth_cpu_percent,"
    "hearth_rss_bytes,requests_per_s,completion_tokens_per_s";

static bool
refuse_series(struct call *call, const char *why, struct str name)
{
    struct error error;
    error_field(&error, "series", "%s: \"%.*s\"", why, STR_ARG(name));
    reply_error(call, &error);
    return false;
}

static bool
parse_series(struct call *call, struct metric_query *query)
{
    struct str rest = query_text(call, "series");
    if (rest.n == 0)
        rest = str_from(default_series);
    while (rest.n > 0) {
        struct str name = str_trim(str_split(&rest, ','));
        if (name.n == 0)
            continue;
        if (name.n >= METRIC_NAME_BYTES)
            return refuse_series(call, "there is no series of such a name",
                                 name);
        if (query->n_series == METRIC_QUERY_SERIES_MAX)
            return refuse_series(call, "more than 16 series", name);
        for (size_t i = 0; i < query->n_series; i++)
            if (str_is(name, query->series[i]))
                return refuse_series(call, "asked for twice", name);
        snprintf(query->series[query->n_series++], METRIC_NAME_BYTES, "%.*s",
                 STR_ARG(name));
    }
    if (query->n_series == 0)
        return refuse_series(call, "no series is named", STR(""));
    return true;
}

/* The fewest digits that tell 32-bit floats apart well enough for a plot. */
static void
write_value(float value, struct json_writer *out)
{
    char digits[40];
    double rounded = (double)value;
    if (isnan(value)) {
        json_null(out);
        return;
    }
    snprintf(digits, sizeof digits, "%.7g", (double)value);
    (void)str_to_double(str_from(digits), &rounded);
    json_real(out, rounded);
}

/* The same parse again, of what was found to be good. */
static void
write_history(struct call *call, const struct metric_history *history)
{
    struct metric_query query = { .n_series = 0 };
    (void)parse_series(call, &query);
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_int(w, "step_ms", history->step_ms);
    json_key(w, "at_ms");
    json_array_begin(w);
    for (size_t i = 0; i < history->n_points; i++)
        json_int(w, history->at_ms[i]);
    json_array_end(w);
    json_key(w, "series");
    json_object_begin(w);
    for (size_t s = 0; s < history->n_series; s++) {
        json_key(w, query.series[s]);
        json_array_begin(w);
        for (size_t i = 0; i < history->n_points; i++)
            write_value(history->values[s * history->n_points + i], w);
        json_array_end(w);
    }
    json_object_end(w);
    json_object_end(w);
    reply_end(call, 200);
}

static void
on_history(void *ctx, const struct metric_history *history,
           const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL)
        reply_error(call, error);
    else
        write_history(call, history);
    call_unref(call);
}

/* NULL: answered. */
static struct metrics *
measured(struct call *call)
{
    struct metrics *metrics = call->api->options.metrics;
    if (metrics == NULL)
        reply_errorf(call, ERR_NOT_IMPLEMENTED, "nothing is measured");
    return metrics;
}

static void
read_range(struct call *call, int64_t *ret_from_ms, int64_t *ret_to_ms)
{
    int64_t to_ms = query_int(call, "to", loop_wall_ms() + 1);
    if (to_ms > METRIC_TIME_MAX_MS)
        to_ms = METRIC_TIME_MAX_MS; /* for ever */
    *ret_to_ms = to_ms;
    *ret_from_ms =
        query_int(call, "from", to_ms > HOUR_MS ? to_ms - HOUR_MS : 0);
}

void
system_metrics_history(struct call *call)
{
    struct metrics *metrics = measured(call);
    struct metric_query query = { .n_series = 0 };
    if (metrics == NULL)
        return;
    read_range(call, &query.from_ms, &query.to_ms);
    query.points = (int)query_int(call, "points", METRIC_POINTS_MAX);
    if (parse_series(call, &query))
        metrics_query(metrics, &query, on_history, call_ref(call));
}

/* ---- who was measured ---- */

static void
on_servers(void *ctx, const struct metric_label *found, size_t n,
           const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_error(call, error);
        call_unref(call);
        return;
    }
    struct json_writer *w = reply_begin(call);
    json_array_begin(w);
    for (size_t i = 0; i < n; i++) {
        json_object_begin(w);
        json_key(w, "profile_id");
        json_str(w, metrics_server_of(found[i].series));
        json_key(w, "profile_name");
        json_text(w, found[i].label[0] == '\0' ? NULL : found[i].label);
        json_object_end(w);
    }
    json_array_end(w);
    reply_end(call, 200);
    call_unref(call);
}

void
system_metrics_servers(struct call *call)
{
    struct metrics *metrics = measured(call);
    int64_t from_ms, to_ms;
    if (metrics == NULL)
        return;
    read_range(call, &from_ms, &to_ms);
    metrics_find_servers(metrics, from_ms, to_ms, on_servers, call_ref(call));
}
