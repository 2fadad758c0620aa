/* GET /metrics: counts of Hearth's own in the Prometheus text format
 * (version 0.0.4). An engine's own metrics are under ?model=. What is not
 * known has no line. */
#include <inttypes.h>
#include <limits.h>
#include <math.h>

#include "api/handlers.h"
#include "core/hardware/hardware.h"

static const size_t METRICS_BYTES_MAX = 64 * MIB;

static void
add_help(struct strbuf *out, const char *name, const char *type,
         const char *help)
{
    strbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
add_number(struct strbuf *out, const char *name, const char *type,
           const char *help, int64_t value)
{
    add_help(out, name, type, help);
    strbuf_addf(out, "%s %" PRId64 "\n", name, value);
}

/* A label's value: backslash, quote and line end are escaped. */
static void
add_label(struct strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            strbuf_add_text(out, "\\n");
            continue;
        }
        if (*text == '\\' || *text == '"')
            strbuf_add_byte(out, '\\');
        strbuf_add_byte(out, *text);
    }
}

enum server_number {
    RSS,
    CPU,
    THREADS,
    RESTARTS,
    ACTIVE,
    WAITING,
    SERVED,
    READY,
    SERVER_NUMBERS
};

static const struct {
    const char *name, *type, *help;
} server_rows[SERVER_NUMBERS] = {
    [RSS] = { "hearth_server_resident_memory_bytes", "gauge",
              "Resident memory of the engine's process group." },
    [CPU] = { "hearth_server_cpu_percent", "gauge",
              "Processor time of the process group, of one core." },
    [THREADS] = { "hearth_server_threads", "gauge",
                  "Threads of the process group." },
    [RESTARTS] = { "hearth_server_restarts_total", "counter",
                   "Automatic restarts since the last stable time." },
    [ACTIVE] = { "hearth_server_requests_active", "gauge",
                 "Requests that the engine has now." },
    [WAITING] = { "hearth_server_requests_waiting", "gauge",
                  "Requests that wait for the engine." },
    [SERVED] = { "hearth_server_requests_total", "counter",
                 "Requests that had their turn at the engine." },
    [READY] = { "hearth_server_ready", "gauge", "1 when the engine is ready." },
};

/* The name that requests reach it by; its id where that name is another's by
 * now: a profile may be called as a model of the library is, or as a deleted
 * one whose engine is still ending. */
static void
add_model_label(struct api *api, const char *profile_id, const char *name,
                struct strbuf *out)
{
    struct profiles *profiles = api->options.profiles;
    const struct profile *known = profiles_get(profiles, str_from(profile_id));
    const struct profile *reached = profiles_resolve(
        profiles, str_from(known != NULL ? known->name : name));
    bool is_reached = reached != NULL && strcmp(reached->id, profile_id) == 0;
    strbuf_add_text(out, "{model=\"");
    add_label(out, is_reached ? reached->name : profile_id);
    strbuf_add_text(out, "\"}");
}

struct section {
    struct api *api;
    struct strbuf *out;
    enum server_number number;
};

static double
known(int64_t number)
{
    return number < 0 ? (double)NAN : (double)number;
}

static double
number_of(struct api *api, const struct instance_view *view,
          enum server_number number)
{
    struct router_status status = { .n_active = 0 };
    router_status(api->options.router, view->profile->id, &status);
    switch (number) {
    case RSS: return known(view->rss_bytes);
    case CPU: return view->cpu_percent;
    case THREADS: return known(view->n_threads);
    case RESTARTS: return view->n_restarts;
    case ACTIVE: return (double)status.n_active;
    case WAITING: return (double)status.n_waiting;
    case SERVED: return (double)status.n_served;
    default: return view->state == INSTANCE_READY;
    }
}

static void
add_server(void *ctx, const struct instance_view *view)
{
    struct section *section = ctx;
    if (view->profile == NULL)
        return;
    double value = number_of(section->api, view, section->number);
    if (isnan(value))
        return;
    strbuf_add_text(section->out, server_rows[section->number].name);
    add_model_label(section->api, view->profile->id, view->profile->name,
                    section->out);
    strbuf_addf(section->out, " %.15g\n", value);
}

static void
count_state(void *ctx, const struct instance_view *view)
{
    int64_t *counts = ctx;
    counts[view->state]++;
}

static void
add_states(struct api *api, struct strbuf *out)
{
    int64_t counts[INSTANCE_STATE_COUNT] = { 0 };
    instances_each(api->options.instances, count_state, counts);
    add_help(out, "hearth_servers", "gauge", "Known servers by state.");
    for (int i = 0; i < INSTANCE_STATE_COUNT; i++)
        strbuf_addf(out, "hearth_servers{state=\"%s\"} %" PRId64 "\n",
                    instance_state_name((enum instance_state)i), counts[i]);
}

static void
add_own(struct api *api, struct strbuf *out)
{
    struct hardware_use use;
    hardware_read_use(&use);
    add_help(out, "hearth_build_info", "gauge", "The running version.");
    strbuf_addf(out, "hearth_build_info{version=\"%s\"} 1\n",
                api->options.version);
    add_number(out, "hearth_start_time_seconds", "gauge",
               "Unix time of the start.",
               api->options.started_at_ms / SECOND_MS);
    if (use.own_rss_bytes >= 0)
        add_number(out, "hearth_resident_memory_bytes", "gauge",
                   "Resident memory of Hearth itself.", use.own_rss_bytes);
    add_number(out, "hearth_profiles", "gauge", "Profiles.",
               (int64_t)profiles_count(api->options.profiles));
    add_number(out, "hearth_models", "gauge", "Models of the library.",
               (int64_t)library_count(api->options.library));
}

static void
add_work(struct api *api, struct strbuf *out)
{
    const struct api_options *options = &api->options;
    struct instances_counts loads = instances_counts(options->instances);
    struct router_counts router = router_counts(options->router);
    add_number(out, "hearth_loads_total", "counter",
               "Loads of engines that ended ready.", (int64_t)loads.n_loads);
    add_help(out, "hearth_load_seconds_total", "counter",
             "How long those took, together.");
    strbuf_addf(out, "hearth_load_seconds_total %.15g\n",
                (double)loads.load_ms / SECOND_MS);
    add_number(out, "hearth_server_failures_total", "counter",
               "Engines that failed to start, ended or hung.",
               (int64_t)loads.n_failed);
    add_number(out, "hearth_evictions_total", "counter",
               "Engines stopped to make room for another.",
               (int64_t)router.n_evicted);
}

static void
add_downloads(struct api *api, struct strbuf *out)
{
    int64_t counts[DOWNLOAD_STATE_COUNT] = { 0 };
    struct downloads *downloads = api->options.downloads;
    const struct download *download = NULL;
    while ((download = downloads_next(downloads, download)) != NULL)
        counts[download_state(download)]++;
    add_help(out, "hearth_downloads", "gauge", "Known downloads by state.");
    for (int i = 0; i < DOWNLOAD_STATE_COUNT; i++)
        strbuf_addf(out, "hearth_downloads{state=\"%s\"} %" PRId64 "\n",
                    download_state_name((enum download_state)i), counts[i]);
    add_number(out, "hearth_download_bytes_total", "counter",
               "Bytes of files that downloads received.",
               (int64_t)downloads_received_bytes(downloads));
}

/* ---- what the collector measured ---- */

static void
add_readings(const struct metrics_sample *sample, struct strbuf *out)
{
    /* Rates of what is counted here are for Prometheus to make. */
    for (int i = 0; i < METRICS_REQUESTS; i++) {
        const char *reading = metrics_reading_name((enum metrics_reading)i);
        char name[96];
        if (isnan(sample->values[i]))
            continue;
        bool is_own = str_starts_with(str_from(reading), STR("hearth_"));
        /* Prometheus wants units in full. */
        bool is_rate = str_ends_with(str_from(reading), STR("_per_s"));
        snprintf(name, sizeof name, "%s%s%s", is_own ? "" : "hearth_system_",
                 reading, is_rate ? "econd" : "");
        add_help(out, name, "gauge", "As /api/system/metrics has it.");
        strbuf_addf(out, "%s %.15g\n", name, sample->values[i]);
    }
}

enum gpu_number {
    GPU_TOTAL,
    GPU_USED,
    GPU_BUSY,
    GPU_HEAT,
    GPU_POWER,
    GPU_ROWS
};

static const struct {
    const char *name, *help;
} gpu_rows[GPU_ROWS] = {
    [GPU_TOTAL] = { "hearth_gpu_memory_total_bytes", "Memory of the GPU." },
    [GPU_USED] = { "hearth_gpu_memory_used_bytes", "Memory in use." },
    [GPU_BUSY] = { "hearth_gpu_busy_percent", "How busy the GPU is." },
    [GPU_HEAT] = { "hearth_gpu_temperature_celsius", "How warm it is." },
    [GPU_POWER] = { "hearth_gpu_power_watts", "Power that it draws." },
};

static double
gpu_number(const struct hardware_gpu_use *gpu, enum gpu_number number)
{
    switch (number) {
    case GPU_TOTAL: return known(gpu->memory_total_bytes);
    case GPU_USED: return known(gpu->memory_used_bytes);
    case GPU_BUSY: return known(gpu->busy_percent);
    case GPU_HEAT:
        return gpu->temperature_c == INT_MIN ? (double)NAN : gpu->temperature_c;
    default: return known(gpu->power_mw) / 1000;
    }
}

static void
add_gpus(const struct metrics_sample *sample, struct strbuf *out)
{
    for (int row = 0; row < GPU_ROWS && sample->n_gpus > 0; row++) {
        add_help(out, gpu_rows[row].name, "gauge", gpu_rows[row].help);
        for (size_t i = 0; i < sample->n_gpus; i++) {
            double value = gpu_number(&sample->gpus[i], (enum gpu_number)row);
            if (isnan(value))
                continue;
            strbuf_addf(out, "%s{gpu=\"%zu\",name=\"", gpu_rows[row].name, i);
            add_label(out, sample->gpus[i].name);
            strbuf_addf(out, "\"} %.15g\n", value);
        }
    }
}

static void
add_sample(struct api *api, struct strbuf *out)
{
    const struct metrics_sample *sample =
        api->options.metrics == NULL ? NULL
                                     : metrics_newest(api->options.metrics);
    if (sample == NULL)
        return;
    add_readings(sample, out);
    add_gpus(sample, out);
    bool has_head = false;
    for (size_t i = 0; i < sample->n_servers; i++) {
        if (sample->servers[i].gpu_memory_bytes < 0)
            continue;
        if (!has_head)
            add_help(out, "hearth_server_gpu_memory_bytes", "gauge",
                     "Memory of GPUs that the process group has.");
        has_head = true;
        strbuf_add_text(out, "hearth_server_gpu_memory_bytes");
        add_model_label(api, sample->servers[i].profile_id,
                        sample->servers[i].name, out);
        strbuf_addf(out, " %" PRId64 "\n", sample->servers[i].gpu_memory_bytes);
    }
}

void
metrics_text(struct call *call)
{
    struct api *api = call->api;
    struct strbuf out = STRBUF_INIT(METRICS_BYTES_MAX);
    add_own(api, &out);
    add_states(api, &out);
    for (int i = 0; i < SERVER_NUMBERS; i++) {
        struct section section = { api, &out, (enum server_number)i };
        add_help(&out, server_rows[i].name, server_rows[i].type,
                 server_rows[i].help);
        instances_each(api->options.instances, add_server, &section);
    }
    add_work(api, &out);
    add_downloads(api, &out);
    if (api->options.hooks.write_counts != NULL)
        api->options.hooks.write_counts(api->options.hooks.ctx, &out);
    add_sample(api, &out);
    if (strbuf_failed(&out))
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
    else
        reply_raw(call, 200, "text/plain; version=0.0.4; charset=utf-8",
                  strbuf_view(&out), NULL);
    strbuf_release(&out);
}
