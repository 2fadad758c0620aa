/* GET /metrics: counts of Hearth's own in the Prometheus text format
 * (version 0.0.4). An engine's own metrics are under ?model=. */
#include <inttypes.h>

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
    RESTARTS,
    ACTIVE,
    WAITING,
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
    [RESTARTS] = { "hearth_server_restarts_total", "counter",
                   "Automatic restarts since the last stable time." },
    [ACTIVE] = { "hearth_server_requests_active", "gauge",
                 "Requests that the engine has now." },
    [WAITING] = { "hearth_server_requests_waiting", "gauge",
                  "Requests that wait for the engine." },
    [READY] = { "hearth_server_ready", "gauge", "1 when the engine is ready." },
};

struct section {
    struct api *api;
    struct strbuf *out;
    enum server_number number;
};

static double
number_of(struct api *api, const struct instance_view *view,
          enum server_number number)
{
    struct router_status status = { .n_active = 0 };
    router_status(api->options.router, view->profile->id, &status);
    switch (number) {
    case RSS: return view->rss_bytes < 0 ? 0 : (double)view->rss_bytes;
    case CPU: return view->cpu_percent;
    case RESTARTS: return view->n_restarts;
    case ACTIVE: return (double)status.n_active;
    case WAITING: return (double)status.n_waiting;
    default: return view->state == INSTANCE_READY;
    }
}

static void
add_server(void *ctx, const struct instance_view *view)
{
    struct section *section = ctx;
    if (view->profile == NULL)
        return;
    strbuf_addf(section->out, "%s{model=\"", server_rows[section->number].name);
    add_label(section->out, view->profile->name);
    strbuf_addf(section->out, "\"} %.15g\n",
                number_of(section->api, view, section->number));
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
    if (strbuf_failed(&out))
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
    else
        reply_raw(call, 200, "text/plain; version=0.0.4; charset=utf-8",
                  strbuf_view(&out), NULL);
    strbuf_release(&out);
}
