/* What engines measure themselves: GET /metrics and GET /slots of those that
 * serve them, asked with each sample. The answers come too late for that
 * sample and stand in the next.
 *
 * llama-server serves the one only with its option `metrics`, the other unless
 * its option `slots` is off; it is not asked for what it does not serve, for it
 * would note each refusal in its log. /slots wakes an engine that sleeps: one
 * that may (`sleep_idle_seconds`) is not asked for it. */
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
    struct http_call *slots_call;
    bool is_seen; /* in this round */
    struct metrics_engine answer;
    int64_t n_slots, n_busy_slots; /* -1: not known */
};

static void
forget(struct asked_engine *asked)
{
    if (asked->call != NULL)
        http_call_cancel(asked->call);
    if (asked->slots_call != NULL)
        http_call_cancel(asked->slots_call);
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
    asked->n_slots = asked->n_busy_slots = -1;
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
        snprintf(why, sizeof why, "%.100s", result->error.message);
    clear(&asked->answer, why);
}

bool
metrics_read_slots(struct str text, int64_t *ret_n, int64_t *ret_n_busy)
{
    struct json_doc *doc = json_parse(text, NULL);
    const struct json *slots = doc == NULL ? NULL : json_root(doc);
    bool is_list = json_type(slots) == JSON_ARRAY;
    int64_t n_busy = 0;
    for (size_t i = 0; is_list && i < json_count(slots); i++) {
        bool is_busy = false;
        is_list = json_as_bool(json_get(json_at(slots, i), "is_processing"),
                               &is_busy);
        n_busy += is_busy;
    }
    if (is_list) {
        *ret_n = (int64_t)json_count(slots);
        *ret_n_busy = n_busy;
    }
    json_doc_free(doc);
    return is_list;
}

static void
on_slots(void *ctx, const struct http_fetch_result *result)
{
    struct asked_engine *asked = ctx;
    asked->slots_call = NULL;
    if (result->status != 200 ||
        !metrics_read_slots(result->body, &asked->n_slots,
                            &asked->n_busy_slots))
        asked->n_slots = asked->n_busy_slots = -1;
}

/* ---- asking ---- */

/* By name: what a manifest only does not exclude is not asked for. */
static bool
serves(const struct engine_manifest *manifest, const char *wanted)
{
    const char *const *path = manifest->serves;
    while (*path != NULL && strcmp(*path, wanted) != 0)
        path++;
    return *path != NULL && !manifest->is_router;
}

/* What the profile says of what it is to be asked. */
struct wishes {
    bool has_metrics_option;
    bool metrics, slots;
};

static void
read_wishes(const struct engine_manifest *manifest, const char *options_json,
            struct wishes *ret_wishes)
{
    int64_t sleep_s = -1;
    *ret_wishes = (struct wishes){ .slots = true };
    for (size_t i = 0; i < manifest->n_options; i++)
        ret_wishes->has_metrics_option |=
            strcmp(manifest->options[i].key, "metrics") == 0;
    struct json_doc *doc =
        options_json == NULL ? NULL : json_parse(str_from(options_json), NULL);
    if (doc == NULL)
        return;
    const struct json *options = json_root(doc);
    (void)json_as_bool(json_get(options, "metrics"), &ret_wishes->metrics);
    (void)json_as_bool(json_get(options, "slots"), &ret_wishes->slots);
    (void)json_as_int(json_get(options, "sleep_idle_seconds"), &sleep_s);
    ret_wishes->slots &= sleep_s < 0;
    json_doc_free(doc);
}

static struct http_call *
ask(struct metrics *metrics, struct asked_engine *asked,
    const struct instance_view *view, const char *path,
    void (*on_done)(void *ctx, const struct http_fetch_result *result))
{
    char bearer[sizeof view->api_key + 8];
    struct http_header header = { STR("Authorization"), STR("") };
    struct http_fetch_options options = { .method = STR("GET"),
                                          .target = str_from(path),
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
        return NULL; /* the next time, perhaps */
    struct http_call *call = http_fetch(pool, &options, on_done, asked, NULL);
    http_pool_free(pool); /* goes with the call's end */
    return call;
}

static void
ask_one(void *ctx, const struct instance_view *view)
{
    struct metrics *metrics = ctx;
    struct wishes wishes;
    if (view->state != INSTANCE_READY || view->profile == NULL ||
        view->manifest == NULL)
        return;
    struct asked_engine *asked = find_or_make(metrics, view->profile->id);
    if (asked == NULL)
        return;
    asked->is_seen = true;
    if (asked->pid != view->pid) {
        clear(&asked->answer, "it was not asked yet");
        asked->n_slots = asked->n_busy_slots = -1;
    }
    asked->pid = view->pid;
    read_wishes(view->manifest, view->profile->options_json, &wishes);
    if (!serves(view->manifest, "/metrics"))
        clear(&asked->answer, "this engine has no /metrics");
    else if (wishes.has_metrics_option && !wishes.metrics)
        clear(&asked->answer, "the profile's option metrics is off");
    else if (asked->call == NULL)
        asked->call = ask(metrics, asked, view, "/metrics", on_answer);
    if (serves(view->manifest, "/slots") && wishes.slots &&
        asked->slots_call == NULL)
        asked->slots_call = ask(metrics, asked, view, "/slots", on_slots);
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
    if (asked == NULL || asked->pid != server->pid) {
        clear(&server->engine, "it was not asked yet");
        return;
    }
    server->engine = asked->answer;
    if (asked->n_slots >= 0) {
        double *values = server->engine.values;
        values[METRICS_ENGINE_SLOTS] = (double)asked->n_slots;
        values[METRICS_ENGINE_SLOTS_BUSY] = (double)asked->n_busy_slots;
    }
}

void
metrics_forget_engines(struct metrics *metrics)
{
    struct list *node;
    while ((node = list_first(&metrics->asked)) != NULL)
        forget(LIST_ENTRY(node, struct asked_engine, node));
}
