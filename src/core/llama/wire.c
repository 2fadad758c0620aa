/* What is asked of a server, and what it tells (llama.cpp,
 * tools/server/README.md, "router mode").
 *
 * The stream is opened first; once it is there the list is asked for, so that
 * nothing is missed between. An event that came while the list was on its way
 * is newer than what the list says of that model. */
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/llama/llama_internal.h"

enum {
    LIST_BYTES = 16 * 1024 * 1024,
    EVENT_BYTES = 256 * 1024,
    ASK_MS = 30 * 1000,
    AGAIN_MS = 250, /* after a stream ended */
    POLL_MS = 2000, /* of a server without one */
};

static void open_stream(struct llama_link *link);

static size_t
key_header(const struct llama_link *link, char bearer[96],
           struct http_header *ret_header)
{
    if (link->api_key[0] == '\0')
        return 0;
    snprintf(bearer, 96, "Bearer %s", link->api_key);
    *ret_header =
        (struct http_header){ STR("Authorization"), str_from(bearer) };
    return 1;
}

static void
on_again(struct timer *timer)
{
    struct llama_link *link = LIST_ENTRY(timer, struct llama_link, again);
    open_stream(link);
}

static void
again_after(struct llama_link *link, int64_t ms)
{
    (void)timer_start(link->llama->options.loop, &link->again, ms);
}

/* ---- the list ---- */

static void
keep_text(char **field, struct str text)
{
    char *copy = str_dup(text);
    if (copy == NULL)
        return;
    free(*field);
    *field = copy;
}

static void
keep_aliases(struct llama_model *model, const struct json *aliases)
{
    struct strbuf all = STRBUF_INIT(64 * KIB);
    for (size_t i = 0; i < json_count(aliases); i++) {
        struct str alias;
        if (json_as_text(json_at(aliases, i), &alias)) {
            strbuf_add_str(&all, alias);
            strbuf_add_byte(&all, '\n');
        }
    }
    keep_text(&model->aliases, strbuf_view(&all));
    strbuf_release(&all);
}

/* The argument after --model. */
static void
keep_path(struct llama_model *model, const struct json *args)
{
    struct str text;
    for (size_t i = 0; i + 1 < json_count(args); i++)
        if (json_as_text(json_at(args, i), &text) &&
            (str_is(text, "--model") || str_is(text, "-m")) &&
            json_as_text(json_at(args, i + 1), &text))
            keep_text(&model->path, text);
}

/* A server for one model alone lists it without a status, once it is
 * loaded. */
static enum llama_state
state_of(const struct json *status)
{
    struct str value;
    bool has_failed = false;
    json_as_bool(json_get(status, "failed"), &has_failed);
    if (!json_as_text(json_get(status, "value"), &value))
        return LLAMA_LOADED;
    if (str_is(value, "loaded"))
        return LLAMA_LOADED;
    if (str_is(value, "loading"))
        return LLAMA_LOADING;
    if (str_is(value, "sleeping"))
        return LLAMA_SLEEPING;
    return has_failed ? LLAMA_FAILED : LLAMA_UNLOADED;
}

static int
exit_code_of(const struct json *status)
{
    int64_t code = -1;
    json_as_int(json_get(status, "exit_code"), &code);
    return code >= 0 && code < 256 ? (int)code : -1;
}

/* True when the model is a new one. */
static bool
take_model(struct llama_link *link, const struct json *row, uint64_t since)
{
    struct str name;
    const struct json *status = json_get(row, "status");
    if (!json_as_text(json_get(row, "id"), &name))
        return false;
    struct llama_model *model = link_find(link, name);
    bool is_new = model == NULL || !str_is(name, model->name);
    if (is_new)
        model = link_add(link, name);
    if (model == NULL)
        return false;
    keep_aliases(model, json_get(row, "aliases"));
    keep_path(model, json_get(status, "args"));
    json_as_int(json_get(row, "context_length"), &model->context_length);
    if (link->told_at[model - link->models] <= since)
        link_set_state(link, model, state_of(status), -1, exit_code_of(status));
    return is_new;
}

static bool
is_listed(const struct json *rows, const char *name)
{
    struct str id;
    for (size_t i = 0; i < json_count(rows); i++)
        if (json_as_text(json_get(json_at(rows, i), "id"), &id) &&
            str_is(id, name))
            return true;
    return false;
}

static void
take_list(struct llama_link *link, const struct json *rows, uint64_t since)
{
    bool is_other = !link->is_known;
    for (size_t i = link->n; i-- > 0;)
        if (!is_listed(rows, link->models[i].name)) {
            link_set_state(link, &link->models[i], LLAMA_UNLOADED, -1, -1);
            link_remove(link, i);
            is_other = true;
        }
    link->is_known = true;
    for (size_t i = 0; i < json_count(rows); i++)
        if (take_model(link, json_at(rows, i), since))
            is_other = true;
    if (is_other)
        events_publish(link->llama->options.events, EVENT_LLAMA_MODELS,
                       link->profile_id, NULL);
}

static void ask_list(struct llama_link *link);

static void
on_list(void *ctx, const struct http_fetch_result *result)
{
    struct llama_link *link = ctx;
    struct json_doc *doc =
        result->status == 200 ? json_parse(result->body, NULL) : NULL;
    const struct json *rows =
        doc == NULL ? NULL : json_get(json_root(doc), "data");
    link->listing = NULL;
    if (json_type(rows) == JSON_ARRAY)
        take_list(link, rows, link->n_told_at_ask);
    json_doc_free(doc);
    if (link->wants_listing)
        ask_list(link);
    if (link->has_no_stream)
        again_after(link, POLL_MS);
}

static void
ask_list(struct llama_link *link)
{
    char bearer[96];
    struct http_header key;
    struct http_fetch_options options = {
        .method = STR("GET"),
        .target = STR("/models"),
        .headers = { &key, key_header(link, bearer, &key) },
        .max_answer_bytes = LIST_BYTES,
        .timeout_ms = ASK_MS,
    };
    if (link->listing != NULL) {
        link->wants_listing = true;
        return;
    }
    link->wants_listing = false;
    link->n_told_at_ask = link->n_told;
    link->listing = http_fetch(link->pool, &options, on_list, link, NULL);
    if (link->listing == NULL)
        again_after(link, AGAIN_MS);
}

/* ---- the stream ---- */

static void
take_status(struct llama_link *link, struct str name, const struct json *data)
{
    struct str status;
    double progress = -1;
    struct llama_model *model = link_find(link, name);
    if (!json_as_text(json_get(data, "status"), &status))
        return;
    link->n_told++;
    if (model == NULL) {
        ask_list(link);
        return;
    }
    link->told_at[model - link->models] = link->n_told;
    json_as_real(json_get(json_get(data, "progress"), "value"), &progress);
    int exit_code = exit_code_of(data);
    enum llama_state state = str_is(status, "loaded")     ? LLAMA_LOADED
                             : str_is(status, "loading")  ? LLAMA_LOADING
                             : str_is(status, "sleeping") ? LLAMA_SLEEPING
                             : exit_code > 0              ? LLAMA_FAILED
                                                          : LLAMA_UNLOADED;
    link_set_state(link, model, state, progress, exit_code);
}

static void
on_sse(void *ctx, struct str name, struct str text)
{
    struct llama_link *link = ctx;
    struct str event, model;
    struct json_doc *doc = json_parse(text, NULL);
    const struct json *root = doc == NULL ? NULL : json_root(doc);
    (void)name;
    if (json_as_text(json_get(root, "event"), &event)) {
        if (str_is(event, "models_reload"))
            ask_list(link);
        else if (json_as_text(json_get(root, "model"), &model))
            take_status(link, model, json_get(root, "data"));
    }
    json_doc_free(doc);
}

static void
on_stream_head(struct http_call *call, const struct http_response *response)
{
    struct llama_link *link = http_call_ctx(call);
    link->has_no_stream = response->status != 200;
    ask_list(link);
}

static void
on_stream_body(struct http_call *call, struct str bytes)
{
    struct llama_link *link = http_call_ctx(call);
    if (!link->has_no_stream)
        sse_reader_feed(&link->reader, bytes);
}

/* Events may have been missed: the list is asked for when there is a stream
 * again. Perhaps the server has gone; its probes will tell. */
static void
on_stream_over(struct llama_link *link)
{
    link->stream = NULL;
    sse_reader_release(&link->reader);
    if (!link->has_no_stream)
        instances_suspect(link->llama->options.instances, link->profile_id);
    again_after(link, link->has_no_stream ? POLL_MS : AGAIN_MS);
}

static void
on_stream_end(struct http_call *call)
{
    on_stream_over(http_call_ctx(call));
}

static void
on_stream_error(struct http_call *call, const struct http_call_failure *failure)
{
    (void)failure;
    on_stream_over(http_call_ctx(call));
}

static const struct http_call_ops stream_ops = {
    .on_head = on_stream_head,
    .on_body = on_stream_body,
    .on_end = on_stream_end,
    .on_error = on_stream_error,
};

static void
open_stream(struct llama_link *link)
{
    char bearer[96];
    struct http_header key;
    struct http_call_options options = {
        .method = STR("GET"),
        .target = STR("/models/sse"),
        .headers = { &key, key_header(link, bearer, &key) },
        .must_be_fresh = true,
        .ops = &stream_ops,
        .ctx = link,
    };
    if (link->has_no_stream) {
        ask_list(link);
        return;
    }
    if (link->stream != NULL || link->pool == NULL)
        return;
    link->stream = http_call_start(link->pool, &options, NULL);
    if (link->stream == NULL) {
        again_after(link, AGAIN_MS);
        return;
    }
    sse_reader_init(&link->reader, EVENT_BYTES, on_sse, link);
    http_call_end(link->stream);
}

void
link_open(struct llama_link *link)
{
    timer_init(&link->again, on_again);
    open_stream(link);
}

/* ---- orders ---- */

struct order {
    struct list node;
    struct llama_link *link;
    struct http_call *call;
    llama_done_fn *on_done;
    void *ctx;
};

static void
order_end(struct order *order, const struct error *error)
{
    list_remove(&order->node);
    order->on_done(order->ctx, error);
    free(order);
}

static void
on_ordered(void *ctx, const struct http_fetch_result *result)
{
    struct order *order = ctx;
    struct error error = { .code = ERR_OK };
    struct str message = STR("");
    order->call = NULL;
    if (result->status >= 200 && result->status < 300) {
        order_end(order, NULL);
        return;
    }
    struct json_doc *doc = json_parse(result->body, NULL);
    if (doc != NULL)
        json_as_text(json_get(json_get(json_root(doc), "error"), "message"),
                     &message);
    if (result->status == 0)
        error_set(&error, ERR_BAD_GATEWAY, "the llama router: %s",
                  result->error.message);
    else
        error_set(&error,
                  result->status == 404  ? ERR_NOT_FOUND
                  : result->status < 500 ? ERR_CONFLICT
                                         : ERR_UNAVAILABLE,
                  "the llama router says: %.*s",
                  (int)(message.n > 300 ? 300 : message.n), message.p);
    json_doc_free(doc);
    order_end(order, &error);
}

int
link_order(struct llama_link *link, const char *method, const char *target,
           struct str body, llama_done_fn *on_done, void *ctx,
           struct error *error)
{
    char bearer[96];
    struct http_header headers[2];
    struct order *order = calloc(1, sizeof *order);
    if (order == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    size_t n = key_header(link, bearer, headers);
    headers[n++] =
        (struct http_header){ STR("Content-Type"), STR("application/json") };
    struct http_fetch_options options = {
        .method = str_from(method),
        .target = str_from(target),
        .headers = { headers, n },
        .body = body,
        .max_answer_bytes = LIST_BYTES,
        .timeout_ms = ASK_MS,
    };
    order->link = link;
    order->on_done = on_done;
    order->ctx = ctx;
    order->call = http_fetch(link->pool, &options, on_ordered, order, error);
    if (order->call == NULL) {
        free(order);
        return -1;
    }
    list_push_back(&link->orders, &order->node);
    return 0;
}

void
link_close(struct llama_link *link)
{
    struct error error;
    timer_stop(&link->again);
    if (link->stream != NULL) {
        http_call_cancel(link->stream);
        sse_reader_release(&link->reader);
    }
    if (link->listing != NULL)
        http_call_cancel(link->listing);
    link->stream = NULL;
    link->listing = NULL;
    error_set(&error, ERR_UNAVAILABLE, "the llama router has gone");
    LIST_FOR_SAFE(node, &link->orders)
    {
        struct order *order = LIST_ENTRY(node, struct order, node);
        if (order->call != NULL)
            http_call_cancel(order->call);
        order_end(order, &error);
    }
    http_pool_free(link->pool);
    link->pool = NULL;
}
