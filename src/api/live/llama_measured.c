/* What the llama router measures, told to everybody with each sample: the
 * event llama-server:status. It has no figures of its own: they are those of
 * the models that it has loaded, together. What none of them tells is null. */
#include <math.h>

#include "api/live/live_internal.h"
#include "formats/prometheus.h"

static const struct {
    const char *name;
    enum metrics_engine_reading reading;
} figures[] = {
    { "promptTokensSeconds", METRICS_ENGINE_PROMPT_SPEED },
    { "predictedTokensSeconds", METRICS_ENGINE_ANSWER_SPEED },
    { "promptTokensTotal", METRICS_ENGINE_PROMPT_TOKENS },
    { "predictedTokensTotal", METRICS_ENGINE_ANSWER_TOKENS },
    { "promptSecondsTotal", METRICS_ENGINE_PROMPT_SECONDS },
    { "predictedSecondsTotal", METRICS_ENGINE_ANSWER_SECONDS },
    { "nDecodeTotal", METRICS_ENGINE_DECODES },
    { "nBusySlotsPerDecode", METRICS_ENGINE_BUSY_SLOTS },
    { "nTokensMax", METRICS_ENGINE_TOKENS_MAX },
};

static const struct metrics_server *
measured_of(const struct metrics_sample *sample, const char *profile_id)
{
    for (size_t i = 0; i < sample->n_servers; i++)
        if (strcmp(sample->servers[i].profile_id, profile_id) == 0)
            return &sample->servers[i];
    return NULL;
}

static int64_t
memory_of_gpus(const struct metrics_sample *sample)
{
    int64_t n = 0;
    for (size_t i = 0; i < sample->n_gpus; i++)
        n += sample->gpus[i].memory_total_bytes;
    return n;
}

static size_t
count_loaded(const struct json *status)
{
    const struct json *models = json_get(status, "models");
    struct str state;
    size_t n = 0;
    for (size_t i = 0; i < json_count(models); i++)
        n += json_as_text(json_get(json_at(models, i), "status"), &state) &&
             str_is(state, "loaded");
    return n;
}

/* The configuration's own numbers. */
static void
write_config(struct api *api, struct json_writer *w)
{
    struct strbuf text = STRBUF_INIT(64 * KIB);
    struct json_writer plain;
    json_writer_init(&plain, &text);
    llama_config_write(api, &plain);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    const struct json *config = doc == NULL ? NULL : json_root(doc);
    copy_member(config, "ctx_size", "nCtx", w);
    copy_member(config, "parallel", "nParallel", w);
    copy_member(config, "threads", "nThreads", w);
    json_doc_free(doc);
    strbuf_release(&text);
}

static void
write_figures(struct live *live, const struct metrics_sample *sample,
              const struct profile *profile, const struct json *status,
              struct json_writer *w)
{
    const struct metrics_server *server = measured_of(sample, profile->id);
    struct router_status queue;
    struct instance_view view;
    router_status(live->api->options.router, profile->id, &queue);
    json_object_begin(w);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        double value = server == NULL
                           ? (double)NAN
                           : server->engine.values[figures[i].reading];
        member_real_if(w, figures[i].name, !isnan(value), value);
    }
    member_int_if(w, "vramTotal", sample->n_gpus > 0, memory_of_gpus(sample));
    member_int_if(w, "vramUsed",
                  server != NULL && server->gpu_memory_bytes >= 0,
                  server == NULL ? 0 : server->gpu_memory_bytes);
    write_config(live->api, w);
    member_int(w, "activeModels", (int64_t)count_loaded(status));
    member_int(w, "queueSize", (int64_t)queue.n_waiting);
    member_int(w, "totalRequests", (int64_t)queue.n_served);
    bool is_up =
        instances_view(live->api->options.instances, profile->id, &view) == 0 &&
        view.ready_at_ms > 0;
    member_int_if(w, "uptime", is_up,
                  is_up ? (loop_wall_ms() - view.ready_at_ms) / SECOND_MS : 0);
    json_object_end(w);
}

/* ---- what they answer, series by series ---- */

enum { SERIES_MAX = 256 };
struct series_sums {
    struct str names[SERIES_MAX];
    double values[SERIES_MAX];
    size_t n;
};

static void
add_answer(void *ctx, const char *model, struct str text)
{
    struct series_sums *sums = ctx;
    struct prometheus_sample sample;
    (void)model;
    while (prometheus_next(&text, &sample)) {
        size_t i = 0;
        while (i < sums->n && !str_eq(sums->names[i], sample.name))
            i++;
        if (i == SERIES_MAX)
            continue;
        if (i == sums->n) {
            sums->names[sums->n++] = sample.name;
            sums->values[i] = 0;
        }
        sums->values[i] += sample.value;
    }
}

/* Each series under its own name, summed over the models; null: none told. */
static void
write_raw(struct live *live, const struct profile *profile,
          struct json_writer *w)
{
    struct series_sums sums = { .n = 0 };
    metrics_each_answer(live->api->options.metrics, profile->id, add_answer,
                        &sums);
    json_key(w, "rawMetrics");
    if (sums.n == 0) {
        json_null(w);
        return;
    }
    json_object_begin(w);
    for (size_t i = 0; i < sums.n; i++) {
        json_key_str(w, sums.names[i]);
        json_real(w, sums.values[i]);
    }
    json_object_end(w);
}

void
llama_measured_tell(struct live *live, const struct metrics_sample *sample)
{
    const struct profile *profile = llama_managed(live->api->options.llama);
    struct strbuf text = STRBUF_INIT(64 * MIB);
    struct live_message message;
    struct json_writer plain;
    if (profile == NULL || measured_of(sample, profile->id) == NULL)
        return;
    json_writer_init(&plain, &text);
    llama_status_write(live->api, &plain);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    if (doc != NULL) {
        const struct json *status = json_root(doc);
        struct json_writer *w = broadcast_begin(
            live, &message, "llama-server:status", MESSAGE_VOLATILE);
        json_object_begin(w);
        copy_member(status, "status", "status", w);
        copy_member(status, "url", "url", w);
        copy_member(status, "port", "port", w);
        json_key(w, "metrics");
        write_figures(live, sample, profile, status, w);
        write_raw(live, profile, w);
        json_object_end(w);
        broadcast_end(live, &message);
    }
    json_doc_free(doc);
    strbuf_release(&text);
}
