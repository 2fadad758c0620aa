/* /health, /api/system and /api/usage. */
#include "api/handlers.h"
#include "core/hardware/hardware.h"
#include "engines/mlx_detect.h"

static int64_t
uptime_s(const struct api *api)
{
    return (loop_wall_ms() - api->options.started_at_ms) / SECOND_MS;
}

/* null for "". */
static void
member_name(struct json_writer *out, const char *key, const char *text)
{
    member_text(out, key, text[0] == '\0' ? NULL : text);
}

static void
member_gib(struct json_writer *out, const char *key, int64_t bytes)
{
    member_real_if(out, key, bytes >= 0, (double)bytes / (double)GIB);
}

void
system_health(struct call *call)
{
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_text(w, "status", "ok");
    member_text(w, "version", call->api->options.version);
    member_int(w, "uptime_s", uptime_s(call->api));
    json_object_end(w);
    reply_end(call, 200);
}

void
system_info(struct call *call)
{
    const struct api_options *options = &call->api->options;
    struct hardware_facts facts;
    hardware_read_facts(&facts);
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_text(w, "version", options->version);
    member_name(w, "hostname", facts.host_name);
    member_name(w, "os_version", facts.system_name);
    member_name(w, "chip", facts.processor_name);
    member_int(w, "processors", facts.processors);
    member_int_if(w, "memory_bytes", facts.memory_bytes >= 0,
                  facts.memory_bytes);
    member_gib(w, "memory_gb", facts.memory_bytes);
    member_int(w, "pid", facts.pid);
    member_text(w, "data_dir", options->data_dir);
    member_int(w, "started_at_ms", options->started_at_ms);
    member_int(w, "uptime_s", uptime_s(call->api));
    json_object_end(w);
    reply_end(call, 200);
}

static void
write_memory(const struct hardware_use *use, struct json_writer *out)
{
    int64_t total = use->memory_total_bytes;
    int64_t available = use->memory_available_bytes;
    bool is_known = total > 0 && available >= 0;
    int64_t used = is_known ? total - available : -1;
    json_object_begin(out);
    member_int_if(out, "total_bytes", total >= 0, total);
    member_int_if(out, "available_bytes", available >= 0, available);
    member_int_if(out, "used_bytes", used >= 0, used);
    member_gib(out, "total_gb", total);
    member_gib(out, "available_gb", available);
    member_gib(out, "used_gb", used);
    member_real_if(out, "percent_used", is_known,
                   is_known ? 100.0 * (double)used / (double)total : 0);
    member_text(out, "error", is_known ? NULL : use->error.message);
    json_object_end(out);
}

void
system_memory(struct call *call)
{
    struct hardware_use use;
    hardware_read_use(&use);
    write_memory(&use, reply_begin(call));
    reply_end(call, 200);
}

struct sums {
    struct api *api;
    int64_t rss_bytes;
    double cpu_percent;
    int64_t n_running, n_ready;
};

static void
add_instance(void *ctx, const struct instance_view *view)
{
    struct sums *sums = ctx;
    if (!server_is_running(view))
        return;
    sums->n_running++;
    sums->n_ready += view->state == INSTANCE_READY;
    sums->rss_bytes += view->rss_bytes > 0 ? view->rss_bytes : 0;
    sums->cpu_percent += view->cpu_percent;
}

struct queues {
    struct router *router;
    size_t n_active, n_waiting;
};

static void
add_queue(void *ctx, const struct instance_view *view)
{
    struct queues *queues = ctx;
    struct router_status status = { .n_active = 0 };
    if (view->profile == NULL)
        return;
    router_status(queues->router, view->profile->id, &status);
    queues->n_active += status.n_active;
    queues->n_waiting += status.n_waiting;
}

void
system_metrics(struct call *call)
{
    struct api *api = call->api;
    struct hardware_use use;
    struct sums sums = { .api = api };
    struct queues queues = { .router = api->options.router };
    const struct metrics_sample *sample =
        api->options.metrics == NULL ? NULL
                                     : metrics_newest(api->options.metrics);
    hardware_read_use(&use);
    instances_each(api->options.instances, add_instance, &sums);
    instances_each(api->options.instances, add_queue, &queues);
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_int(w, "at_ms", loop_wall_ms());
    member_int(w, "uptime_s", uptime_s(api));
    member_real_if(w, "load_1m", use.load_1m >= 0, use.load_1m);
    json_key(w, "memory");
    write_memory(&use, w);
    member_int_if(w, "hearth_rss_bytes", use.own_rss_bytes >= 0,
                  use.own_rss_bytes);
    member_int(w, "engines_rss_bytes", sums.rss_bytes);
    member_real_if(w, "engines_cpu_percent", true, sums.cpu_percent);
    member_int(w, "servers_running", sums.n_running);
    member_int(w, "servers_ready", sums.n_ready);
    member_int(w, "requests_active", (int64_t)queues.n_active);
    member_int(w, "requests_waiting", (int64_t)queues.n_waiting);
    json_key(w, "sample");
    if (sample == NULL)
        json_null(w);
    else
        sample_write(sample, w);
    json_object_end(w);
    reply_end(call, 200);
}

static void
write_parsers(enum mlx_parser kind, const char *key, struct json_writer *out)
{
    const char *const *names = mlx_parsers(kind);
    json_key(out, key);
    json_array_begin(out);
    for (size_t i = 0; names[i] != NULL; i++)
        json_text(out, names[i]);
    json_array_end(out);
}

void
system_parsers(struct call *call)
{
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    write_parsers(MLX_TOOL_CALL, "tool_call_parsers", w);
    write_parsers(MLX_REASONING, "reasoning_parsers", w);
    write_parsers(MLX_CONVERTER, "message_converters", w);
    json_object_end(w);
    reply_end(call, 200);
}
