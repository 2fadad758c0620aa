/* A small request with a small answer, whole in memory: see client.h. */
#include <stdlib.h>

#include "http/client_internal.h"

struct fetch {
    struct strbuf body;
    char content_type[128];
    int status;
    void (*on_done)(void *ctx, const struct http_fetch_result *result);
    void *ctx;
};

/* The call may be cancelled from inside the callback, too. */
static void
tell(struct fetch *fetch, const struct error *error)
{
    struct http_fetch_result result = {
        .status = error == NULL ? fetch->status : 0,
        .body = error == NULL ? strbuf_view(&fetch->body) : STR(""),
        .content_type = str_from(fetch->content_type),
    };
    if (error != NULL)
        result.error = *error;
    fetch->on_done(fetch->ctx, &result);
}

static void
on_head(struct http_call *call, const struct http_response *response)
{
    struct fetch *fetch = http_call_ctx(call);
    struct str type = http_headers_get(response->headers, "content-type");
    fetch->status = response->status;
    snprintf(fetch->content_type, sizeof fetch->content_type, "%.*s",
             (int)type.n, type.p == NULL ? "" : type.p);
}

static void
on_body(struct http_call *call, struct str bytes)
{
    struct fetch *fetch = http_call_ctx(call);
    strbuf_add_str(&fetch->body, bytes);
    if (!strbuf_failed(&fetch->body))
        return;
    struct error error;
    if (fetch->body.state == STRBUF_FULL)
        error_set(&error, ERR_TOO_LARGE, "the answer is larger than %zu bytes",
                  fetch->body.ceiling);
    else
        error_set(&error, ERR_NO_MEMORY, "no memory for the answer");
    tell(fetch, &error);
    http_call_cancel(call);
}

static void
on_end(struct http_call *call)
{
    tell(http_call_ctx(call), NULL);
}

static void
on_error(struct http_call *call, const struct http_call_failure *failure)
{
    tell(http_call_ctx(call), &failure->error);
}

static const struct http_call_ops ops = {
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_error = on_error,
};

static void
on_release(struct http_call *call)
{
    struct fetch *fetch = call->ctx;
    strbuf_release(&fetch->body);
    free(fetch);
}

struct http_call *
http_fetch(struct http_pool *pool, const struct http_fetch_options *options,
           void (*on_done)(void *ctx, const struct http_fetch_result *result),
           void *ctx, struct error *error)
{
    struct fetch *fetch = calloc(1, sizeof *fetch);
    if (fetch == NULL) {
        error_set(error, ERR_NO_MEMORY, "no memory for a request");
        return NULL;
    }
    strbuf_init(&fetch->body, options->max_answer_bytes);
    fetch->on_done = on_done;
    fetch->ctx = ctx;
    struct http_call_options call_options = {
        .method = options->method,
        .target = options->target,
        .headers = options->headers,
        .content_length = (int64_t)options->body.n,
        .total_timeout_ms = options->timeout_ms,
        .ops = &ops,
        .ctx = fetch,
    };
    struct http_call *call = http_call_start(pool, &call_options, error);
    if (call == NULL) {
        free(fetch);
        return NULL;
    }
    call->on_release = on_release;
    http_call_write(call, options->body);
    http_call_end(call);
    return call;
}
