/* The server: listeners, the table of connections, drain and close. */
#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "http/server_internal.h"

static void wake_listeners(struct http_server *server);

/* Idle and unwatched connections hold no exchange; what is left is busy. */
static bool
is_over(const struct http_server *server)
{
    return server->n_connections == 0 && list_is_empty(&server->listeners);
}

static void
on_ended(struct deferred *deferred)
{
    struct http_server *server =
        LIST_ENTRY(deferred, struct http_server, ended);
    if (!is_over(server))
        return;
    if (server->on_drained != NULL) {
        void (*on_drained)(void *ctx) = server->on_drained;
        server->on_drained = NULL;
        timer_stop(&server->drain_deadline);
        on_drained(server->drained_ctx);
        /* The callback may have closed the server: that came here anew. */
        if (server->is_closing)
            loop_defer(server->loop, &server->ended);
        return;
    }
    if (!server->is_closing)
        return;
    void (*on_closed)(void *ctx) = server->on_closed;
    void *ctx = server->closed_ctx;
    timer_stop(&server->watch);
    timer_stop(&server->drain_deadline);
    while (!list_is_empty(&server->spares)) {
        struct http_exchange *spare = LIST_ENTRY(
            list_first(&server->spares), struct http_exchange, spare_node);
        list_remove(&spare->spare_node);
        exchange_free(spare);
    }
    forwarded_release(&server->proxies);
    rate_limit_release(&server->rate_limit);
    free(server->base_path);
    free(server);
    if (on_closed != NULL)
        on_closed(ctx);
}

static void
check_ended(struct http_server *server)
{
    if ((server->is_draining || server->is_closing) && is_over(server))
        loop_defer(server->loop, &server->ended);
}

/* ---- connections ---- */

void
server_list_connection(struct connection *connection, bool is_idle)
{
    struct http_server *server = connection->server;
    if (connection->is_idle_listed == is_idle)
        return;
    connection->is_idle_listed = is_idle;
    list_remove(&connection->node);
    list_push_back(is_idle ? &server->idle : &server->busy, &connection->node);
}

void
server_forget_connection(struct connection *connection)
{
    struct http_server *server = connection->server;
    list_remove(&connection->node);
    list_remove(&connection->watch_node);
    timer_stop(&connection->timer);
    free(connection->stash);
    free(connection);
    server->n_connections--;
    wake_listeners(server);
    check_ended(server);
}

/* The timer always stands among the loop's, if only far away: to bring it
 * near takes no memory, which is what a listener may be waiting for. */
static void
watch_soon(struct http_server *server)
{
    if (server->is_watch_near)
        return;
    server->is_watch_near = true;
    timer_start(server->loop, &server->watch, WATCH_MS);
}

/* A connection that nobody reads does not tell when its client leaves. */
static void
on_watch(struct timer *timer)
{
    struct http_server *server = LIST_ENTRY(timer, struct http_server, watch);
    struct list unseen = server->watched, *node;
    timer_start(server->loop, timer, WATCH_REST_MS);
    server->is_watch_near = false;
    if (!list_is_empty(&server->watched)) {
        unseen.next->prev = unseen.prev->next = &unseen;
        list_init(&server->watched);
    } else {
        list_init(&unseen);
    }
    while ((node = list_first(&unseen)) != NULL) {
        struct connection *connection =
            LIST_ENTRY(node, struct connection, watch_node);
        list_remove(node);
        list_push_back(&server->watched, node);
        if (stream_is_peer_gone(&connection->stream))
            connection_drop(connection, true);
    }
    wake_listeners(server);
    if (!list_is_empty(&server->watched))
        watch_soon(server);
}

void
server_watch(struct connection *connection, bool is_watched)
{
    struct http_server *server = connection->server;
    bool is_on = !list_is_empty(&connection->watch_node);
    if (is_on == is_watched)
        return;
    list_remove(&connection->watch_node);
    if (!is_watched)
        return;
    list_push_back(&server->watched, &connection->watch_node);
    watch_soon(server);
}

/* Makes room by closing the connection that has been idle longest. */
static bool
has_room(struct http_server *server)
{
    if (server->n_connections < server->options.max_connections)
        return true;
    struct list *oldest = list_first(&server->idle);
    if (oldest == NULL)
        return false;
    struct connection *connection = LIST_ENTRY(oldest, struct connection, node);
    server_list_connection(connection, false);
    connection_drop(connection, true);
    return true;
}

/* 0, or -1 when nothing waits or there is no room. */
static int
accept_one(struct server_listener *at)
{
    struct http_server *server = at->server;
    at->is_waiting = false;
    struct connection *connection =
        has_room(server) ? calloc(1, sizeof *connection) : NULL;
    if (connection == NULL) {
        at->is_waiting = true;
        watch_soon(server);
        return -1;
    }
    if (listener_accept(&at->listener, &connection->stream, &connection_ops) !=
        0) {
        free(connection);
        return -1;
    }
    stream_limit_unsent(&connection->stream, server->options.unsent_ms);
    connection->server = server;
    connection->is_unix = at->listener.address.is_unix;
    list_init(&connection->watch_node);
    list_push_back(&server->idle, &connection->node);
    connection->is_idle_listed = true;
    timer_init(&connection->timer, connection_on_timer);
    server->n_connections++;
    connection_start(connection);
    return 0;
}

static void
on_connection(struct listener *listener)
{
    accept_one(LIST_ENTRY(listener, struct server_listener, listener));
}

static void
wake_listeners(struct http_server *server)
{
    LIST_FOR(node, &server->listeners)
    {
        struct server_listener *at =
            LIST_ENTRY(node, struct server_listener, node);
        if (at->is_waiting)
            accept_one(at);
    }
}

/* ---- listening ---- */

static void
on_listener_close(struct listener *listener)
{
    struct server_listener *at =
        LIST_ENTRY(listener, struct server_listener, listener);
    struct http_server *server = at->server;
    list_remove(&at->node);
    free(at);
    check_ended(server);
}

static const struct listener_ops listener_ops = {
    .on_connection = on_connection,
    .on_close = on_listener_close,
};

int
http_server_listen(struct http_server *server, const struct address *at,
                   struct address *ret_bound, struct error *error)
{
    assert(loop_is_here(server->loop));
    struct server_listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL)
        return error_set(error, ERR_NO_MEMORY, "no memory for a listener");
    listener->server = server;
    if (listener_open(server->loop, &listener->listener, at, &listener_ops,
                      error) != 0) {
        free(listener);
        return -1;
    }
    list_push_back(&server->listeners, &listener->node);
    if (ret_bound != NULL)
        *ret_bound = listener->listener.address;
    return 0;
}

static void
close_listeners(struct http_server *server)
{
    LIST_FOR_SAFE(node, &server->listeners)
    listener_close(&LIST_ENTRY(node, struct server_listener, node)->listener);
}

/* ---- life ---- */

static void on_drain_deadline(struct timer *timer);

static void
fill_defaults(struct http_server_options *options)
{
    if (options->header_timeout_ms == 0)
        options->header_timeout_ms = LIMIT_HEADER_TIMEOUT_MS;
    if (options->body_stall_ms == 0)
        options->body_stall_ms = LIMIT_BODY_STALL_MS;
    if (options->unsent_ms == 0)
        options->unsent_ms = LIMIT_UNSENT_MS;
    if (options->idle_ms == 0)
        options->idle_ms = LIMIT_IDLE_MS;
    if (options->max_connections == 0)
        options->max_connections = LIMIT_CONNECTIONS;
    if (options->max_body_bytes == 0)
        options->max_body_bytes = LIMIT_INFERENCE_BODY_BYTES;
}

/* "/hearth" or "/hearth/"; "" and "/" are the root. */
static int
set_base_path(struct http_server *server, struct error *error)
{
    struct str base = str_from(server->options.base_path);
    while (base.n > 0 && base.p[base.n - 1] == '/')
        base.n--;
    if (base.n > 0 && base.p[0] != '/')
        return error_set(error, ERR_INVALID,
                         "base path '%s' must begin with a slash",
                         server->options.base_path);
    server->base_path = str_dup(base);
    server->options.base_path = server->base_path;
    if (server->base_path == NULL)
        return error_set(error, ERR_NO_MEMORY, "no memory for a server");
    return 0;
}

struct http_server *
http_server_new(struct loop *loop, const struct http_server_options *options,
                struct error *error)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        error_set(error, ERR_NO_MEMORY, "no memory for a server");
        return NULL;
    }
    server->loop = loop;
    server->options = *options;
    fill_defaults(&server->options);
    if (set_base_path(server, error) != 0 ||
        forwarded_init(&server->proxies, options->trusted_proxies,
                       options->n_trusted_proxies, error) != 0)
        goto failed;
    if (rate_limit_init(&server->rate_limit, options->rate_limit_per_s,
                        options->rate_limit_burst) != 0) {
        error_set(error, ERR_NO_MEMORY, "no memory for the rate limit");
        goto failed;
    }
    timer_init(&server->watch, on_watch);
    if (timer_start(loop, &server->watch, WATCH_REST_MS) != 0) {
        error_set(error, ERR_NO_MEMORY, "no memory for a server");
        goto failed;
    }
    list_init(&server->listeners);
    list_init(&server->idle);
    list_init(&server->busy);
    list_init(&server->watched);
    list_init(&server->spares);
    timer_init(&server->drain_deadline, on_drain_deadline);
    deferred_init(&server->ended, on_ended);
    return server;
failed:
    rate_limit_release(&server->rate_limit);
    forwarded_release(&server->proxies);
    free(server->base_path);
    free(server);
    return NULL;
}

static void
drop_all(struct list *connections)
{
    struct list *node = connections->next;
    while (node != connections) {
        struct connection *connection =
            LIST_ENTRY(node, struct connection, node);
        node = node->next;
        /* It stays on the list until its stream is closed. */
        connection_drop(connection, false);
    }
}

static void
on_drain_deadline(struct timer *timer)
{
    struct http_server *server =
        LIST_ENTRY(timer, struct http_server, drain_deadline);
    drop_all(&server->busy);
    drop_all(&server->idle);
}

void
http_server_drain(struct http_server *server, int64_t deadline_ms,
                  void (*on_drained)(void *ctx), void *ctx)
{
    assert(loop_is_here(server->loop));
    server->is_draining = true;
    if (on_drained != NULL) {
        server->on_drained = on_drained;
        server->drained_ctx = ctx;
    }
    close_listeners(server);
    drop_all(&server->idle);
    if (timer_start(server->loop, &server->drain_deadline, deadline_ms) != 0)
        on_drain_deadline(&server->drain_deadline);
    check_ended(server);
}

void
http_server_close(struct http_server *server, void (*on_closed)(void *ctx),
                  void *ctx)
{
    assert(loop_is_here(server->loop));
    server->is_closing = true;
    server->on_closed = on_closed;
    server->closed_ctx = ctx;
    server->on_drained = NULL;
    close_listeners(server);
    drop_all(&server->busy);
    drop_all(&server->idle);
    check_ended(server);
}

size_t
http_server_connections(const struct http_server *server)
{
    return server->n_connections;
}

/* The time as RFC 9110 5.6.7 writes it, made anew once a second. */
const char *
server_date(struct http_server *server)
{
    static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed",
                                     "Thu", "Fri", "Sat" };
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr",
                                        "May", "Jun", "Jul", "Aug",
                                        "Sep", "Oct", "Nov", "Dec" };
    int64_t now_s = loop_now_ms(server->loop) / 1000 + 1;
    if (server->date_at_s == now_s)
        return server->date;
    server->date_at_s = now_s;
    time_t wall = (time_t)(loop_wall_ms() / 1000);
    struct tm tm;
    gmtime_r(&wall, &tm);
    char text[64];
    snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT",
             days[tm.tm_wday], tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900,
             tm.tm_hour, tm.tm_min, tm.tm_sec);
    snprintf(server->date, sizeof server->date, "%.*s", DATE_BYTES - 1, text);
    return server->date;
}
