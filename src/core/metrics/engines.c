/* What engines measure themselves: GET /metrics and GET /slots of those that
 * serve them, asked with each sample. The answers come too late for that
 * sample and stand in the next.
 *
 * llama-server serves the one only with its option `metrics`, the other unless
 * its option `slots` is off; it is not asked for what it does not serve, for it
 * would note each refusal in its log. /slots wakes an engine that sleeps: one
 * that may (`sleep_idle_seconds`) is not asked for it.
 *
 * A llama router has no figures of its own: each model that it has loaded is
 * asked through it (?model=), and what they tell is put together. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/metrics/metrics_internal.h"
#include "engines/engines.h"
#include "formats/http_fields.h"
#include "formats/json.h"
#include "formats/prometheus.h"
#include "http/client.h"

enum { ANSWER_BYTES_MAX = 1024 * 1024, TIMEOUT_MS = 5000 };
enum { TARGET_BYTES = 1024 };

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

/* One that answers for itself: the engine, or a model of a router. */
struct asked_model {
    struct list node;
    char name[LLAMA_NAME_BYTES]; /* "": the engine itself */
    struct http_call *call;
    struct http_call *slots_call;
    bool is_seen;    /* in this round */
    bool is_refused; /* it does not serve /metrics */
    struct metrics_engine answer;
    struct strbuf text;            /* of the answer */
    int64_t n_slots, n_busy_slots; /* -1: not known */
};

struct asked_engine {
    struct list node;
    struct list models;
    char profile_id[ID_BYTES];
    int64_t pid;   /* whose answers they are */
    bool is_seen;  /* in this round */
    char why[128]; /* it is not asked; "": it is */
};

static void
forget_model(struct asked_model *model)
{
    if (model->call != NULL)
        http_call_cancel(model->call);
    if (model->slots_call != NULL)
        http_call_cancel(model->slots_call);
    strbuf_release(&model->text);
    list_remove(&model->node);
    free(model);
}

static void
forget_models(struct asked_engine *asked)
{
    struct list *node;
    while ((node = list_first(&asked->models)) != NULL)
        forget_model(LIST_ENTRY(node, struct asked_model, node));
}

static void
forget(struct asked_engine *asked)
{
    forget_models(asked);
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
find(const struct metrics *metrics, const char *profile_id)
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
    list_init(&asked->models);
    list_push_back(&metrics->asked, &asked->node);
    return asked;
}

static struct asked_model *
find_or_make_model(struct asked_engine *asked, const char *name)
{
    LIST_FOR(node, &asked->models)
    {
        struct asked_model *model = LIST_ENTRY(node, struct asked_model, node);
        if (strcmp(model->name, name) == 0)
            return model;
    }
    struct asked_model *model = calloc(1, sizeof *model);
    if (model == NULL)
        return NULL;
    snprintf(model->name, sizeof model->name, "%s", name);
    clear(&model->answer, "it was not asked yet");
    model->text = STRBUF_INIT(ANSWER_BYTES_MAX);
    model->n_slots = model->n_busy_slots = -1;
    list_push_back(&asked->models, &model->node);
    return model;
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

/* It would note each refusal in its log. */
static bool
is_final(int status)
{
    return status == 401 || status == 403 || status == 404 || status == 501;
}

static void
on_answer(void *ctx, const struct http_fetch_result *result)
{
    struct asked_model *model = ctx;
    model->call = NULL;
    strbuf_clear(&model->text);
    if (result->status == 200) {
        metrics_read_engine(result->body, &model->answer);
        strbuf_add_str(&model->text, result->body);
        return;
    }
    char why[sizeof model->answer.why];
    if (result->status != 0)
        snprintf(why, sizeof why, "its /metrics answers %d", result->status);
    else
        snprintf(why, sizeof why, "%.100s", result->error.message);
    clear(&model->answer, why);
    model->is_refused = is_final(result->status);
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
    struct asked_model *model = ctx;
    model->slots_call = NULL;
    if (result->status != 200 ||
        !metrics_read_slots(result->body, &model->n_slots,
                            &model->n_busy_slots))
        model->n_slots = model->n_busy_slots = -1;
}

/* ---- asking ---- */

/* By name: what a manifest only does not exclude is not asked for. */
static bool
serves(const struct engine_manifest *manifest, const char *wanted)
{
    const char *const *path = manifest->serves;
    while (*path != NULL && strcmp(*path, wanted) != 0)
        path++;
    return *path != NULL;
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
    /* How one was started that only was found is not known. */
    ret_wishes->slots &= sleep_s < 0 && !manifest->is_external;
    json_doc_free(doc);
}

static struct http_call *
ask(struct metrics *metrics, struct asked_model *model,
    const struct instance_view *view, const char *path,
    void (*on_done)(void *ctx, const struct http_fetch_result *result))
{
    char bearer[sizeof view->api_key + 8];
    struct http_header header = { STR("Authorization"), STR("") };
    struct strbuf target = STRBUF_INIT(TARGET_BYTES);
    strbuf_add_text(&target, path);
    if (model->name[0] != '\0') { /* of what is loaded: it loads nothing */
        strbuf_add_text(&target, "?autoload=false&model=");
        uri_add_segment(&target, str_from(model->name));
    }
    struct http_fetch_options options = { .method = STR("GET"),
                                          .target = strbuf_view(&target),
                                          .body = STR(""),
                                          .max_answer_bytes = ANSWER_BYTES_MAX,
                                          .timeout_ms = TIMEOUT_MS };
    if (view->api_key[0] != '\0') {
        snprintf(bearer, sizeof bearer, "Bearer %s", view->api_key);
        header.value = str_from(bearer);
        options.headers = (struct http_headers){ &header, 1 };
    }
    struct http_call *call = NULL;
    struct http_pool *pool =
        strbuf_failed(&target)
            ? NULL
            : http_pool_new(metrics->options.loop, &view->address);
    if (pool != NULL) { /* else the next time, perhaps */
        call = http_fetch(pool, &options, on_done, model, NULL);
        http_pool_free(pool); /* goes with the call's end */
    }
    strbuf_release(&target);
    return call;
}

static void
ask_model(struct metrics *metrics, struct asked_engine *asked,
          const struct instance_view *view, const struct wishes *wishes,
          const char *name)
{
    struct asked_model *model = find_or_make_model(asked, name);
    if (model == NULL)
        return;
    model->is_seen = true;
    if (asked->why[0] != '\0')
        clear(&model->answer, asked->why);
    else if (model->call == NULL && !model->is_refused)
        model->call = ask(metrics, model, view, "/metrics", on_answer);
    if (serves(view->manifest, "/slots") && wishes->slots &&
        model->slots_call == NULL)
        model->slots_call = ask(metrics, model, view, "/slots", on_slots);
}

static void
ask_router(struct metrics *metrics, struct asked_engine *asked,
           const struct instance_view *view, const struct wishes *wishes)
{
    const struct llama *llama = metrics->options.llama;
    size_t n = llama == NULL ? 0 : llama_count(llama, asked->profile_id);
    for (size_t i = 0; i < n; i++) {
        const struct llama_model *model = llama_at(llama, asked->profile_id, i);
        if (model->state == LLAMA_LOADED)
            ask_model(metrics, asked, view, wishes, model->name);
    }
}

/* "": it is to be asked. */
static const char *
why_not(const struct instance_view *view, const struct wishes *wishes)
{
    if (!serves(view->manifest, "/metrics"))
        return "this engine has no /metrics";
    if (wishes->has_metrics_option && !wishes->metrics)
        return "the profile's option metrics is off";
    return "";
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
    if (asked->pid != view->pid)
        forget_models(asked);
    asked->pid = view->pid;
    read_wishes(view->manifest, view->profile->options_json, &wishes);
    snprintf(asked->why, sizeof asked->why, "%s", why_not(view, &wishes));
    LIST_FOR(node, &asked->models)
    {
        LIST_ENTRY(node, struct asked_model, node)->is_seen = false;
    }
    if (view->manifest->is_router)
        ask_router(metrics, asked, view, &wishes);
    else
        ask_model(metrics, asked, view, &wishes, "");
    LIST_FOR_SAFE(node, &asked->models)
    {
        struct asked_model *model = LIST_ENTRY(node, struct asked_model, node);
        if (!model->is_seen)
            forget_model(model);
    }
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

/* Counts and rates of several are their sum; of what no sum has a meaning, it
 * is the greatest. */
static double
together(enum metrics_engine_reading reading, double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) ? b : a;
    bool is_peak = reading == METRICS_ENGINE_TOKENS_MAX ||
                   reading == METRICS_ENGINE_BUSY_SLOTS;
    if (is_peak)
        return a > b ? a : b;
    return a + b;
}

static void
take_model(const struct asked_model *model, struct metrics_engine *engine)
{
    double values[METRICS_ENGINE_COUNT];
    memcpy(values, model->answer.values, sizeof values);
    if (model->n_slots >= 0) {
        values[METRICS_ENGINE_SLOTS] = (double)model->n_slots;
        values[METRICS_ENGINE_SLOTS_BUSY] = (double)model->n_busy_slots;
    }
    for (int i = 0; i < METRICS_ENGINE_COUNT; i++)
        engine->values[i] = together((enum metrics_engine_reading)i,
                                     engine->values[i], values[i]);
    if (model->answer.why[0] != '\0')
        memcpy(engine->why, model->answer.why, sizeof engine->why);
}

void
metrics_take_engine(struct metrics *metrics, struct metrics_server *server)
{
    const struct asked_engine *asked = find(metrics, server->profile_id);
    bool is_known = asked != NULL && asked->pid == server->pid;
    clear(&server->engine, "it was not asked yet");
    if (!is_known)
        return;
    snprintf(server->engine.why, sizeof server->engine.why, "%s",
             asked->why[0] != '\0' || !list_is_empty(&asked->models)
                 ? asked->why
                 : "it has no model loaded");
    LIST_FOR(node, &asked->models)
    {
        take_model(LIST_ENTRY(node, struct asked_model, node), &server->engine);
    }
}

void
metrics_each_answer(const struct metrics *metrics, const char *profile_id,
                    void (*fn)(void *ctx, const char *model, struct str text),
                    void *ctx)
{
    const struct asked_engine *asked = find(metrics, profile_id);
    if (asked == NULL)
        return;
    LIST_FOR(node, &asked->models)
    {
        struct asked_model *model = LIST_ENTRY(node, struct asked_model, node);
        if (model->text.n > 0)
            fn(ctx, model->name, strbuf_view(&model->text));
    }
}

void
metrics_forget_engines(struct metrics *metrics)
{
    struct list *node;
    while ((node = list_first(&metrics->asked)) != NULL)
        forget(LIST_ENTRY(node, struct asked_engine, node));
}
