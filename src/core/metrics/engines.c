/* What engines measure themselves: GET /metrics of those that serve it, asked
 * with each sample. The answer comes too late for that sample and stands in
 * the next.
 *
 * llama-server serves it only with its option `metrics`; without, it is not
 * asked, for it would note each refusal in its log. /slots tells more, and
 * wakes an engine that sleeps: it is left alone. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/metrics/metrics_internal.h"
#include "engines/engines.h"
#include "formats/json.h"
#include "formats/prometheus.h"
#include "http/client.h"

enum { ANSWER_BYTES_MAX = 1024 * 1024, TIMEOUT_MS = 5000 };

static const struct {
    const char *name;
    const char *series[2]; /* as llama.cpp and vLLM call it */
} rows[METRICS_ENGINE_COUNT] = {
#define X(name, wire, llama, vllm) \
    [METRICS_ENGINE_##name] = { (wire), { (llama), (vllm) } },
    METRICS_ENGINE_READINGS(X)
#undef X
};

const char *
metrics_engine_reading_name(enum metrics_engine_reading reading)
{
    return rows[reading].name;
}

struct asked_engine {
    struct list node;
    char profile_id[ID_BYTES];
    int64_t pid; /* whose answer it was */
    struct http_call *call;
    bool is_seen; /* in this round */
    struct metrics_engine answer;
};

static void
forget(struct asked_engine *asked)
{
    if (asked->call != NULL)
        http_call_cancel(asked->call);
    list_remove(&asked->node);
    free(asked);
}

static void
clear(struct metrics_engine *engine, const char *why)
{
    for (int i = 0; i < METRICS_ENGINE_COUNT; i++)
        engine->values[i] = (double)NAN;
    snprintf(engine->why, sizeof engine->why, "%s", why);
}

static struct asked_engine *
find(struct metrics *metrics, const char *profile_id)
{
    LIST_FOR(node, &metrics->asked)
    {
        struct asked_engine *asked =
            LIST_ENTRY(node, struct asked_engine, node);
        if (strcmp(asked->profile_id, profile_id) == 0)
            return asked;
    }
    return NULL;
}

static struct asked_engine *
find_or_make(struct metrics *metrics, const char *profile_id)
{
    struct asked_engine *asked = find(metrics, profile_id);
    if (asked != NULL)
        return asked;
    asked = calloc(1, sizeof *asked);
    if (asked == NULL)
        return NULL;
    snprintf(asked->profile_id, sizeof asked->profile_id, "%s", profile_id);
    clear(&asked->answer, "it was not asked yet");
    list_push_back(&metrics->asked, &asked->node);
    return asked;
}

/* ---- its answer ---- */

void
metrics_read_engine(struct str text, struct metrics_engine *ret_engine)
{
    struct prometheus_sample sample;
    clear(ret_engine, "");
    while (prometheus_next(&text, &sample)) {
        for (int i = 0; i < METRICS_ENGINE_COUNT; i++) {
            if (!str_is(sample.name, rows[i].series[0]) &&
                !str_is(sample.name, rows[i].series[1]))
                continue;
            double *value = &ret_engine->values[i];
            *value = isnan(*value) ? sample.value : *value + sample.value;
        }
    }
}

static void
on_answer(void *ctx, const struct http_fetch_result *result)
{
    struct asked_engine *asked = ctx;
    asked->call = NULL;
    if (result->status == 200) {
        metrics_read_engine(result->body, &asked->answer);
        return;
    }
    char why[sizeof asked->answer.why];
    if (result->status != 0)
        snprintf(why, sizeof why, "its /metrics answers %d", result->status);
    else
        snprintf(why, sizeof why, "%s", result->error.message);
    clear(&asked->answer, why);
}

/* ---- asking ---- */

/* By name: what a manifest only does not exclude is not asked for. */
static bool
serves_metrics(const struct engine_manifest *manifest)
{
    const char *const *path = manifest->serves;
    while (*path != NULL && strcmp(*path, "/metrics") != 0)
        path++;
    return *path != NULL && !manifest->is_router;
}

static bool
has_option_on(const struct engine_manifest *manifest, const char *options_json,
              bool *ret_is_on)
{
    bool has_option = false;
    *ret_is_on = false;
    for (size_t i = 0; i < manifest->n_options; i++)
        has_option |= strcmp(manifest->options[i].key, "metrics") == 0;
    if (!has_option || options_json == NULL)
        return has_option;
    struct json_doc *doc = json_parse(str_from(options_json), NULL);
    if (doc == NULL)
        return true;
    (void)json_as_bool(json_get(json_root(doc), "metrics"), ret_is_on);
    json_doc_free(doc);
    return true;
}

static void
ask(struct metrics *metrics, struct asked_engine *asked,
    const struct instance_view *view)
{
    char bearer[sizeof view->api_key + 8];
    struct http_header header = { STR("Authorization"), STR("") };
    struct http_fetch_options options = { .method = STR("GET"),
                                          .target = STR("/metrics"),
                                          .body = STR(""),
                                          .max_answer_bytes = ANSWER_BYTES_MAX,
                                          .timeout_ms = TIMEOUT_MS };
    if (view->api_key[0] != '\0') {
        snprintf(bearer, sizeof bearer, "Bearer %s", view->api_key);
        header.value = str_from(bearer);
        options.headers = (struct http_headers){ &header, 1 };
    }
    struct http_pool *pool =
        http_pool_new(metrics->options.loop, &view->address);
    if (pool == NULL)
        return; /* the next time, perhaps */
    asked->call = http_fetch(pool, &options, on_answer, asked, NULL);
    http_pool_free(pool); /* goes with the call's end */
}

static void
ask_one(void *ctx, const struct instance_view *view)
{
    struct metrics *metrics = ctx;
    bool is_on = false;
    if (view->state != INSTANCE_READY || view->profile == NULL ||
        view->manifest == NULL)
        return;
    struct asked_engine *asked = find_or_make(metrics, view->profile->id);
    if (asked == NULL)
        return;
    asked->is_seen = true;
    if (asked->pid != view->pid)
        clear(&asked->answer, "it was not asked yet");
    asked->pid = view->pid;
    if (!serves_metrics(view->manifest))
        clear(&asked->answer, "this engine has no /metrics");
    else if (has_option_on(view->manifest, view->profile->options_json,
                           &is_on) &&
             !is_on)
        clear(&asked->answer, "the profile's option metrics is off");
    else if (asked->call == NULL)
        ask(metrics, asked, view);
}

void
metrics_ask_engines(struct metrics *metrics)
{
    LIST_FOR(node, &metrics->asked)
    {
        LIST_ENTRY(node, struct asked_engine, node)->is_seen = false;
    }
    instances_each(metrics->options.instances, ask_one, metrics);
    LIST_FOR_SAFE(node, &metrics->asked)
    {
        struct asked_engine *asked =
            LIST_ENTRY(node, struct asked_engine, node);
        if (!asked->is_seen)
            forget(asked);
    }
}

void
metrics_take_engine(struct metrics *metrics, struct metrics_server *server)
{
    const struct asked_engine *asked = find(metrics, server->profile_id);
    if (asked != NULL && asked->pid == server->pid)
        server->engine = asked->answer;
    else
        clear(&server->engine, "it was not asked yet");
}

void
metrics_forget_engines(struct metrics *metrics)
{
    struct list *node;
    while ((node = list_first(&metrics->asked)) != NULL)
        forget(LIST_ENTRY(node, struct asked_engine, node));
}
