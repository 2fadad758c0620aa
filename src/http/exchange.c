/* One exchange: from its head through the handler to its end.
 *
 * Everything that ends an exchange is deferred to `settle` at the end of the
 * turn, so that on_close never fires inside a call of the handler. */
#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "http/server_internal.h"

static void exchange_on_body(struct reader *reader, struct str bytes);
static void exchange_on_settle(struct deferred *deferred);

static const struct http_exchange_ops no_ops = { 0 };

/* ---- life ---- */

struct http_exchange *
exchange_new(struct connection *connection)
{
    struct http_server *server = connection->server;
    struct list *node = list_first(&server->spares);
    struct http_exchange *exchange;
    if (node != NULL) {
        exchange = LIST_ENTRY(node, struct http_exchange, spare_node);
        list_remove(node);
        server->n_spares--;
    } else {
        exchange = calloc(1, sizeof *exchange);
        if (exchange == NULL)
            return NULL;
        reader_init(&exchange->reader, HTTP_REQUEST, exchange_on_body);
        strbuf_init(&exchange->out, OUT_MAX_BYTES);
    }
    list_init(&exchange->spare_node);
    deferred_init(&exchange->settle, exchange_on_settle);
    exchange->connection = connection;
    exchange->ops = &no_ops;
    exchange->ctx = NULL;
    exchange->request = (struct http_request){ .is_unix = false };
    exchange->max_body_bytes = server->options.max_body_bytes;
    return exchange;
}

void
exchange_free(struct http_exchange *exchange)
{
    reader_release(&exchange->reader);
    strbuf_release(&exchange->out);
    free(exchange);
}

static void
give_back(struct http_server *server, struct http_exchange *exchange)
{
    if (server->n_spares >= SPARE_EXCHANGES) {
        exchange_free(exchange);
        return;
    }
    reader_reset(&exchange->reader);
    if (exchange->out.capacity > OUT_KEEP_BYTES ||
        strbuf_failed(&exchange->out))
        strbuf_release(&exchange->out);
    strbuf_clear(&exchange->out);
    size_t from = offsetof(struct http_exchange, max_body_bytes);
    memset((char *)exchange + from, 0, sizeof *exchange - from);
    list_push_front(&server->spares, &exchange->spare_node);
    server->n_spares++;
}

void
exchange_end(struct http_exchange *exchange, bool is_client_gone)
{
    struct connection *connection = exchange->connection;
    connection->exchange = NULL;
    deferred_cancel(&exchange->settle);
    const struct http_exchange_ops *ops = exchange->ops;
    exchange->ops = &no_ops;
    exchange->is_finished = true;
    exchange->is_broken = true;
    if (ops->on_close != NULL)
        ops->on_close(exchange, is_client_gone);
    give_back(connection->server, exchange);
}

/* ---- the request ---- */

static void
cut_query(struct http_request *request)
{
    ptrdiff_t mark = str_find(request->target, '?');
    request->path = request->target;
    request->query = STR("");
    if (mark < 0)
        return;
    request->path.n = (size_t)mark;
    request->query = (struct str){ request->target.p + mark + 1,
                                   request->target.n - (size_t)mark - 1 };
}

/* 0, or -1 when the target is outside the base path. The CLI on the unix
 * socket may leave the base path out. */
static int
cut_base_path(struct http_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    struct str base = str_from(connection->server->base_path);
    struct str *target = &exchange->request.target;
    if (base.n == 0 || str_is(*target, "*"))
        return 0;
    bool is_inside = str_starts_with(*target, base) &&
                     (target->n == base.n || target->p[base.n] == '/' ||
                      target->p[base.n] == '?');
    if (!is_inside)
        return connection->is_unix ? 0 : -1;
    target->p += base.n;
    target->n -= base.n;
    if (target->n > 0 && target->p[0] == '/')
        return 0;
    /* "/base?x" becomes "/?x": a slash over the base's last byte. */
    char *slash =
        exchange->reader.bytes + (target->p - exchange->reader.bytes) - 1;
    *slash = '/';
    target->p--;
    target->n++;
    return 0;
}

static void
fill_request(struct http_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    struct reader *reader = &exchange->reader;
    struct http_headers headers = reader_headers(reader);
    exchange->request = (struct http_request){
        .method = reader->method,
        .target = reader->target,
        .headers = headers,
        .content_length = reader->content_length,
        .has_body = reader->framing != FRAMING_NONE,
        .is_head = str_is(reader->method, "HEAD"),
        .is_http_10 = reader->minor_version == 0,
        .peer = &connection->peer,
        .client = &connection->peer,
        .is_unix = connection->is_unix,
        .peer_uid = connection->peer_uid,
    };
    if (reader->parser.upgrade && !exchange->request.has_body &&
        !exchange->request.is_http_10)
        exchange->request.is_upgrade =
            http_headers_get(headers, "upgrade").n > 0 &&
            http_headers_has_token(headers, "connection", "upgrade");
    const struct forwarded *proxies = &connection->server->proxies;
    if (proxies->n_blocks > 0) {
        forwarded_client(proxies, &connection->peer, headers,
                         &exchange->client);
        exchange->request.client = &exchange->client;
        exchange->request.is_secure =
            forwarded_is_secure(proxies, &connection->peer, headers);
    }
    cut_query(&exchange->request);
}

/* 0, or -1 when refused. */
static int
check_expect(struct http_exchange *exchange)
{
    struct str expect = http_headers_get(exchange->request.headers, "expect");
    if (expect.p == NULL || exchange->request.is_http_10)
        return 0;
    if (!str_eq_nocase(expect, STR("100-continue"))) {
        exchange_refuse(exchange, 417,
                        "the only known expectation is 100-continue");
        return -1;
    }
    exchange->expects_continue = exchange->request.has_body;
    return 0;
}

static int
check_rate(struct http_exchange *exchange)
{
    struct http_server *server = exchange->connection->server;
    if (server->rate_limit.buckets == NULL || exchange->request.is_unix)
        return 0;
    int wait_s = rate_limit_take(&server->rate_limit,
                                 str_from(exchange->request.client->host),
                                 loop_now_ms(server->loop));
    if (wait_s == 0)
        return 0;
    exchange->retry_after_s = wait_s;
    exchange_refuse(exchange, 429, "too many requests from this address");
    return -1;
}

static int
check_body_limit(struct http_exchange *exchange)
{
    if (exchange->request.content_length <= 0 ||
        (uint64_t)exchange->request.content_length <= exchange->max_body_bytes)
        return 0;
    exchange_refuse(exchange, 413, "the body is larger than is allowed");
    return -1;
}

void
exchange_dispatch(struct http_exchange *exchange)
{
    struct http_server *server = exchange->connection->server;
    fill_request(exchange);
    exchange->must_close =
        !exchange->reader.is_keep_alive || server->is_draining;
    if (check_expect(exchange) != 0 || check_rate(exchange) != 0 ||
        check_body_limit(exchange) != 0)
        return;
    if (cut_base_path(exchange) != 0) {
        exchange_refuse(exchange, 404, "nothing is outside the base path");
        return;
    }
    cut_query(&exchange->request);
    exchange->is_dispatching = true;
    server->options.on_request(server->options.ctx, exchange);
    exchange->is_dispatching = false;
    if (exchange->is_body_wanted && !exchange->is_body_ended &&
        !exchange->is_body_paused && exchange->request.has_body)
        connection_set_deadline(exchange->connection,
                                server->options.body_stall_ms);
}

static void
exchange_on_body(struct reader *reader, struct str bytes)
{
    struct http_exchange *exchange =
        LIST_ENTRY(reader, struct http_exchange, reader);
    exchange->n_body_bytes += bytes.n;
    if (exchange->is_refused || exchange->is_aborted || exchange->is_broken)
        return;
    if (exchange->is_discarding) {
        /* An answer is out; a long rest is not worth the connection. */
        exchange->n_discarded += bytes.n;
        if (exchange->n_discarded > DRAIN_BODY_BYTES)
            loop_defer(http_loop(exchange), &exchange->settle);
        return;
    }
    if (exchange->n_body_bytes > exchange->max_body_bytes) {
        exchange_refuse(exchange, 413, "the body is larger than is allowed");
        return;
    }
    if (exchange->ops->on_body != NULL && !exchange->is_finished)
        exchange->ops->on_body(exchange, bytes);
}

/* ---- the handler's side ---- */

const struct http_request *
http_request(const struct http_exchange *exchange)
{
    return &exchange->request;
}

void
http_set_ops(struct http_exchange *exchange,
             const struct http_exchange_ops *ops, void *ctx)
{
    exchange->ops = ops;
    exchange->ctx = ctx;
}

void *
http_ctx(const struct http_exchange *exchange)
{
    return exchange->ctx;
}

struct loop *
http_loop(const struct http_exchange *exchange)
{
    return exchange->connection->server->loop;
}

void
http_limit_body(struct http_exchange *exchange, size_t max_bytes)
{
    if (max_bytes < exchange->max_body_bytes)
        exchange->max_body_bytes = max_bytes;
    if (!exchange->has_responded)
        check_body_limit(exchange);
}

void
http_want_body(struct http_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    if (exchange->is_body_wanted || exchange->is_refused ||
        exchange->is_finished)
        return;
    exchange->is_body_wanted = true;
    bool has_bytes = connection->stash_at < connection->stash_n;
    if (exchange->expects_continue && !has_bytes && !exchange->has_responded) {
        struct str go_on = STR("HTTP/1.1 100 Continue\r\n\r\n");
        if (stream_write(&connection->stream, &go_on, 1) != 0)
            exchange->is_broken = true;
    }
    exchange->expects_continue = false;
    if (exchange->is_dispatching)
        return; /* the bytes behind the head follow at once */
    if (exchange->request.has_body)
        connection_set_deadline(connection,
                                connection->server->options.body_stall_ms);
    loop_defer(http_loop(exchange), &exchange->settle);
}

void
http_pause_body(struct http_exchange *exchange)
{
    if (exchange->is_body_paused)
        return;
    exchange->is_body_paused = true;
    connection_clear_deadline(exchange->connection);
    connection_update_reading(exchange->connection);
}

void
http_resume_body(struct http_exchange *exchange)
{
    if (!exchange->is_body_paused)
        return;
    exchange->is_body_paused = false;
    if (exchange->is_body_wanted && !exchange->is_body_ended)
        connection_set_deadline(
            exchange->connection,
            exchange->connection->server->options.body_stall_ms);
    if (!exchange->is_broken)
        connection_update_reading(exchange->connection);
}

void
http_pause_raw(struct http_exchange *exchange)
{
    exchange->is_body_paused = true;
    connection_update_reading(exchange->connection);
}

void
http_resume_raw(struct http_exchange *exchange)
{
    exchange->is_body_paused = false;
    if (!exchange->is_raw_eof && !exchange->is_broken)
        connection_update_reading(exchange->connection);
}

bool
http_has_responded(const struct http_exchange *exchange)
{
    return exchange->has_responded;
}

/* ---- refusals ---- */

/* A page of a foreign origin that is let in may read why it was refused. */
static void
add_cors(struct http_exchange *exchange, struct http_headers *headers,
         struct http_header *fields)
{
    const struct http_server_options *options =
        &exchange->connection->server->options;
    struct str origin = http_headers_get(exchange->request.headers, "origin");
    if (origin.n == 0 || options->is_origin_allowed == NULL ||
        !options->is_origin_allowed(options->ctx, origin))
        return;
    fields[headers->n++] =
        (struct http_header){ STR("Access-Control-Allow-Origin"), origin };
    fields[headers->n++] = (struct http_header){ STR("Vary"), STR("Origin") };
}

void
exchange_refuse(struct http_exchange *exchange, int status, const char *message)
{
    struct connection *connection = exchange->connection;
    const struct http_server_options *options = &connection->server->options;
    connection_clear_deadline(connection);
    exchange->must_close = true;
    if (exchange->has_responded) {
        /* It cannot be told any more. */
        http_abort(exchange);
        return;
    }
    connection->state = CONNECTION_EXCHANGE;
    struct strbuf body = STRBUF_INIT(16 * KIB);
    struct str path = exchange->request.path;
    if (path.p == NULL && exchange->reader.n_fields > 0)
        path = exchange->reader.target; /* the request line was whole */
    if (path.p == NULL)
        path = STR("");
    if (options->on_refuse != NULL)
        options->on_refuse(options->ctx, path, status, message, &body);
    char retry_after[16];
    snprintf(retry_after, sizeof retry_after, "%d", exchange->retry_after_s);
    struct http_header fields[4] = {
        { STR("Content-Type"), STR("application/json") },
        { STR("Retry-After"), str_from(retry_after) },
    };
    struct http_headers headers = { fields,
                                    exchange->retry_after_s > 0 ? 2 : 1 };
    add_cors(exchange, &headers, fields);
    exchange->request.is_head = str_is(exchange->reader.method, "HEAD");
    exchange_respond_head(exchange, status, headers, (int64_t)body.n);
    exchange_write(exchange, strbuf_view(&body));
    exchange->is_refused = true;
    exchange_finish(exchange);
    strbuf_release(&body);
}

/* ---- the end ---- */

/* The answer is out: whether the client may still send without being reset
 * for it decides how to close. */
static void
close_after_answer(struct http_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    bool must_linger = !exchange->is_body_ended || exchange->is_refused ||
                       connection->state == CONNECTION_RAW ||
                       connection->stash_at < connection->stash_n;
    bool is_raw_eof = exchange->is_raw_eof;
    exchange_end(exchange, false);
    if (!must_linger || is_raw_eof ||
        stream_shutdown(&connection->stream) != 0) {
        connection_drop(connection, false);
        return;
    }
    connection->state = CONNECTION_LINGERING;
    connection->stash_at = connection->stash_n = 0;
    connection_set_deadline(connection, LINGER_MS);
    connection_update_reading(connection);
}

static void
complete(struct http_exchange *exchange)
{
    struct connection *connection = exchange->connection;
    if (!exchange->request.has_body)
        exchange->is_body_ended = true;
    if (exchange->must_close || connection->server->is_draining ||
        connection->state == CONNECTION_RAW ||
        exchange->n_discarded > DRAIN_BODY_BYTES) {
        close_after_answer(exchange);
        return;
    }
    if (!exchange->is_body_ended) {
        if (exchange->is_discarding)
            return;
        const struct http_exchange_ops *ops = exchange->ops;
        exchange->ops = &no_ops;
        exchange->is_discarding = true;
        exchange->is_body_paused = false;
        if (ops->on_close != NULL)
            ops->on_close(exchange, false);
        connection_set_deadline(connection, LINGER_MS);
        connection_feed_stash(connection);
        return;
    }
    exchange_end(exchange, false);
    connection->state = CONNECTION_IDLE;
    connection_set_deadline(connection, connection->server->options.idle_ms);
    server_list_connection(connection, true);
    if (connection->stash_at < connection->stash_n)
        connection_feed_stash(connection);
    else if (!connection->stream.is_reading)
        connection_update_reading(connection);
}

static void
exchange_on_settle(struct deferred *deferred)
{
    struct http_exchange *exchange =
        LIST_ENTRY(deferred, struct http_exchange, settle);
    struct connection *connection = exchange->connection;
    exchange_flush(exchange);
    if (exchange->is_broken) {
        connection_drop(connection, true);
        return;
    }
    if (exchange->is_aborted) {
        exchange_end(exchange, false);
        return;
    }
    if (exchange->is_finished) {
        if (connection->stream.n_pending == 0)
            complete(exchange);
        return;
    }
    if (connection->state == CONNECTION_RAW || exchange->is_body_wanted)
        if (connection->stash_at < connection->stash_n ||
            (connection->state == CONNECTION_EXCHANGE &&
             !exchange->is_body_ended &&
             exchange->reader.framing == FRAMING_NONE))
            connection_feed_stash(connection);
}
