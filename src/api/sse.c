/* Server-sent events: see sse.h. */
#include "api/sse.h"

enum { HEARTBEAT_MS = 15 * SECOND_MS, STALL_MS = 10 * SECOND_MS };

static void
arm(struct sse *sse)
{
    const struct api_options *options = &sse->call->api->options;
    timer_start(options->loop, &sse->heartbeat,
                options->heartbeat_ms > 0 ? options->heartbeat_ms
                                          : HEARTBEAT_MS);
}

/* After the end: who takes nothing of what is left is not waited for. */
static void
part(struct sse *sse, struct http_exchange *exchange)
{
    size_t n_left = http_pending(exchange);
    if (sse->n_left > 0 && n_left >= sse->n_left) {
        http_abort(exchange);
        return;
    }
    sse->n_left = n_left;
    timer_start(sse->call->api->options.loop, &sse->heartbeat, STALL_MS);
}

static void
on_heartbeat(struct timer *timer)
{
    struct sse *sse = LIST_ENTRY(timer, struct sse, heartbeat);
    struct http_exchange *exchange = sse->call->exchange;
    if (exchange == NULL)
        return;
    if (sse->is_ending) {
        part(sse, exchange);
        return;
    }
    if (http_pending(exchange) == 0)
        http_write(exchange, STR(":\n\n"));
    arm(sse);
}

bool
sse_begin(struct sse *sse, struct call *call)
{
    sse->call = call;
    sse->is_ending = false;
    sse->n_left = 0;
    timer_init(&sse->heartbeat, on_heartbeat);
    if (call->exchange == NULL)
        return false;
    struct http_header headers[REPLY_HEADERS_MAX + 2];
    size_t n = reply_headers(&call->who, REPLY_DATA, headers);
    headers[n++] =
        (struct http_header){ STR("Content-Type"), STR("text/event-stream") };
    /* Proxies that buffer answers leave this one alone. */
    headers[n++] = (struct http_header){ STR("X-Accel-Buffering"), STR("no") };
    call->is_answered = true;
    if (http_respond_head(call->exchange, 200,
                          (struct http_headers){ headers, n }, -1) < 0)
        return false;
    if (http_request(call->exchange)->is_head) {
        http_finish(call->exchange);
        return false;
    }
    arm(sse);
    return true;
}

void
sse_event(struct sse *sse, const char *id, const char *type, struct str data)
{
    struct call *call = sse->call;
    if (call->exchange == NULL)
        return;
    strbuf_clear(&call->body);
    if (call->body.ceiling < data.n + 256)
        call->body.ceiling = data.n + 256;
    if (id != NULL)
        strbuf_addf(&call->body, "id: %s\n", id);
    if (type != NULL)
        strbuf_addf(&call->body, "event: %s\n", type);
    strbuf_add_text(&call->body, "data: ");
    strbuf_add_str(&call->body, data);
    strbuf_add_text(&call->body, "\n\n");
    if (strbuf_failed(&call->body))
        http_abort(call->exchange); /* a gap would go unseen */
    else
        http_write(call->exchange, strbuf_view(&call->body));
}

bool
sse_is_behind(const struct sse *sse)
{
    return sse->call->exchange != NULL &&
           http_pending(sse->call->exchange) > LIMIT_RELAY_WINDOW_BYTES;
}

bool
sse_is_hopeless(const struct sse *sse)
{
    return sse->call->exchange != NULL &&
           http_pending(sse->call->exchange) >
               LIMIT_SSE_READER_BYTES + sse->picture_bytes;
}

void
sse_end(struct sse *sse)
{
    timer_stop(&sse->heartbeat);
    if (sse->call->exchange == NULL)
        return;
    sse->is_ending = true;
    http_finish(sse->call->exchange);
    if (http_pending(sse->call->exchange) > 0)
        part(sse, sse->call->exchange);
}

void
sse_release(struct sse *sse)
{
    timer_stop(&sse->heartbeat);
}
