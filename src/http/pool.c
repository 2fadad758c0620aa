/* Connections kept to one engine, and calls kept for reuse.
 *
 * The most recently used connection goes first, so that a quiet pool
 * shrinks. Idle connections are read all the time: an end or a stray byte
 * closes them. */
#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "http/client_internal.h"
#include "io/address.h"

static void
check_ended(struct http_pool *pool)
{
    if (pool->is_freed && pool->n_upstreams == 0 && pool->n_calls == 0)
        loop_defer(pool->loop, &pool->ended);
}

static void
free_call(struct http_call *call)
{
    reader_release(&call->reader);
    strbuf_release(&call->out);
    free(call);
}

static void
on_ended(struct deferred *deferred)
{
    struct http_pool *pool = LIST_ENTRY(deferred, struct http_pool, ended);
    struct list *node;
    while ((node = list_first(&pool->spares)) != NULL) {
        list_remove(node);
        free_call(LIST_ENTRY(node, struct http_call, spare_node));
    }
    timer_stop(&pool->retire);
    free(pool);
}

static void
leave_idle(struct upstream *upstream)
{
    if (list_is_empty(&upstream->node))
        return;
    list_remove(&upstream->node);
    upstream->pool->n_idle--;
}

void
pool_drop(struct upstream *upstream)
{
    leave_idle(upstream);
    if (upstream->pool->n_idle == 0)
        timer_stop(&upstream->pool->retire);
    upstream->call = NULL;
    stream_close(&upstream->stream);
}

void
pool_forget(struct upstream *upstream)
{
    struct http_pool *pool = upstream->pool;
    leave_idle(upstream);
    pool->n_upstreams--;
    free(upstream);
    check_ended(pool);
}

static bool
is_too_old(const struct upstream *upstream)
{
    return loop_now_ms(upstream->pool->loop) - upstream->idle_since_ms >=
           LIMIT_UPSTREAM_IDLE_MS;
}

/* The oldest are at the end. */
static void
on_retire(struct timer *timer)
{
    struct http_pool *pool = LIST_ENTRY(timer, struct http_pool, retire);
    while (!list_is_empty(&pool->idle)) {
        struct upstream *oldest =
            LIST_ENTRY(pool->idle.prev, struct upstream, node);
        if (!is_too_old(oldest)) {
            timer_start(pool->loop, timer,
                        oldest->idle_since_ms + LIMIT_UPSTREAM_IDLE_MS -
                            loop_now_ms(pool->loop));
            return;
        }
        pool_drop(oldest);
    }
}

struct http_pool *
http_pool_new(struct loop *loop, const struct address *to)
{
    struct http_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return NULL;
    pool->loop = loop;
    pool->to = *to;
    char text[ADDRESS_TEXT_BYTES + 16] = "localhost";
    if (!to->is_unix)
        address_text(to, text, sizeof text);
    snprintf(pool->host, sizeof pool->host, "Host: %s\r\n", text);
    list_init(&pool->idle);
    list_init(&pool->spares);
    timer_init(&pool->retire, on_retire);
    deferred_init(&pool->ended, on_ended);
    return pool;
}

void
http_pool_flush(struct http_pool *pool)
{
    struct list *node;
    while ((node = list_first(&pool->idle)) != NULL)
        pool_drop(LIST_ENTRY(node, struct upstream, node));
}

void
http_pool_free(struct http_pool *pool)
{
    if (pool == NULL || pool->is_freed)
        return;
    http_pool_flush(pool);
    timer_stop(&pool->retire);
    pool->is_freed = true;
    check_ended(pool);
}

static struct upstream *
take_kept(struct http_pool *pool)
{
    int64_t now_ms = loop_now_ms(pool->loop);
    LIST_FOR_SAFE(node, &pool->idle)
    {
        struct upstream *upstream = LIST_ENTRY(node, struct upstream, node);
        if (is_too_old(upstream)) {
            pool_drop(upstream);
        } else if (now_ms >= upstream->rests_until_ms) {
            leave_idle(upstream);
            return upstream;
        }
    }
    return NULL;
}

struct upstream *
pool_take(struct http_pool *pool, bool must_be_fresh, struct error *error)
{
    struct upstream *upstream = must_be_fresh ? NULL : take_kept(pool);
    if (upstream != NULL)
        return upstream;
    upstream = calloc(1, sizeof *upstream);
    if (upstream == NULL) {
        error_set(error, ERR_NO_MEMORY, "no memory for a connection");
        return NULL;
    }
    list_init(&upstream->node);
    upstream->pool = pool;
    if (stream_connect(pool->loop, &upstream->stream, &pool->to, &upstream_ops,
                       error) != 0) {
        free(upstream);
        return NULL;
    }
    pool->n_upstreams++;
    return upstream;
}

/* Some engines (llama-server among them) end the connection after each
 * event stream without having announced it. A request that crosses that end
 * on the way could not be told from one that the engine has begun, so such a
 * connection rests until its end would have come. */
void
pool_give_back(struct upstream *upstream, bool was_stream)
{
    struct http_pool *pool = upstream->pool;
    upstream->call = NULL;
    if (pool->is_freed || pool->n_idle >= LIMIT_UPSTREAM_POOL ||
        upstream->n_requests >= LIMIT_UPSTREAM_REQUESTS ||
        stream_read_start(&upstream->stream) != 0) {
        pool_drop(upstream);
        return;
    }
    upstream->idle_since_ms = loop_now_ms(pool->loop);
    upstream->rests_until_ms =
        upstream->idle_since_ms + (was_stream ? STREAM_REST_MS : 0);
    list_push_front(&pool->idle, &upstream->node);
    pool->n_idle++;
    if (!timer_is_armed(&pool->retire) &&
        timer_start(pool->loop, &pool->retire, LIMIT_UPSTREAM_IDLE_MS) != 0)
        pool_drop(upstream);
}

struct http_call *
pool_new_call(struct http_pool *pool)
{
    struct list *node = list_first(&pool->spares);
    struct http_call *call;
    if (node != NULL) {
        list_remove(node);
        pool->n_spares--;
        call = LIST_ENTRY(node, struct http_call, spare_node);
    } else {
        call = calloc(1, sizeof *call);
        if (call == NULL)
            return NULL;
        reader_init(&call->reader, HTTP_RESPONSE, call_on_body);
        strbuf_init(&call->out, CALL_OUT_MAX_BYTES);
    }
    list_init(&call->spare_node);
    deferred_init(&call->settle, call_on_settle);
    timer_init(&call->timer, call_on_timer);
    call->pool = pool;
    pool->n_calls++;
    return call;
}

void
pool_free_call(struct http_call *call)
{
    struct http_pool *pool = call->pool;
    deferred_cancel(&call->settle);
    timer_stop(&call->timer);
    if (call->on_release != NULL)
        call->on_release(call);
    pool->n_calls--;
    if (pool->n_spares >= SPARE_CALLS || strbuf_failed(&call->out)) {
        free_call(call);
    } else {
        reader_reset(&call->reader);
        if (call->out.capacity > CALL_OUT_KEEP_BYTES)
            strbuf_release(&call->out);
        strbuf_clear(&call->out);
        size_t from = offsetof(struct http_call, ops);
        memset((char *)call + from, 0, sizeof *call - from);
        list_push_front(&pool->spares, &call->spare_node);
        pool->n_spares++;
    }
    check_ended(pool);
}
