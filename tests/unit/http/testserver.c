/* The test server's handlers and the raw client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "io/address.h"
#include "io/timer.h"
#include "testserver.h"

struct handler {
    struct http_exchange *exchange;
    struct test_server *server;
    struct timer timer;
    size_t n_left;
    int n_steps;
};

static void
on_close(struct http_exchange *exchange, bool is_client_gone)
{
    struct handler *handler = http_ctx(exchange);
    atomic_fetch_add(&handler->server->n_closed, 1);
    if (is_client_gone)
        atomic_fetch_add(&handler->server->n_gone, 1);
    timer_stop(&handler->timer);
    free(handler);
}

static void
answer(struct http_exchange *exchange, const char *text)
{
    http_respond(exchange, 200, (struct http_headers){ 0 }, "text/plain",
                 str_from(text));
}

/* ---- /echo ---- */

static void
echo_body(struct http_exchange *exchange, struct str bytes)
{
    if (http_write(exchange, bytes) == 0 &&
        http_pending(exchange) > LIMIT_RELAY_WINDOW_BYTES)
        http_pause_body(exchange);
}

static void
echo_end(struct http_exchange *exchange)
{
    struct handler *handler = http_ctx(exchange);
    atomic_fetch_add(&handler->server->n_bodies, 1);
    http_finish(exchange);
}

static const struct http_exchange_ops echo_ops = {
    .on_body = echo_body,
    .on_body_end = echo_end,
    .on_drain = http_resume_body,
    .on_close = on_close,
};

/* ---- /slow ---- */

static void
slow_body(struct http_exchange *exchange, struct str bytes)
{
    struct handler *handler = http_ctx(exchange);
    atomic_fetch_add(&handler->server->n_slow, (int)bytes.n);
    if (handler->n_steps++ > 0) {
        if (timer_is_armed(&handler->timer))
            atomic_fetch_add(&handler->server->n_while_paused, (int)bytes.n);
        return;
    }
    http_pause_body(exchange);
    timer_start(http_loop(exchange), &handler->timer, 200);
}

static void
on_slow(struct timer *timer)
{
    http_resume_body(LIST_ENTRY(timer, struct handler, timer)->exchange);
}

static void
slow_end(struct http_exchange *exchange)
{
    answer(exchange, "all");
}

static const struct http_exchange_ops slow_ops = {
    .on_body = slow_body,
    .on_body_end = slow_end,
    .on_close = on_close,
};

/* ---- /big ---- */

static void
big_more(struct http_exchange *exchange)
{
    static char bytes[32 * 1024];
    struct handler *handler = http_ctx(exchange);
    while (handler->n_left > 0 &&
           http_pending(exchange) < LIMIT_RELAY_WINDOW_BYTES) {
        size_t n =
            handler->n_left < sizeof bytes ? handler->n_left : sizeof bytes;
        if (http_write(exchange, (struct str){ bytes, n }) != 0)
            return;
        handler->n_left -= n;
        if (handler->n_left == 0)
            http_finish(exchange);
    }
}

static const struct http_exchange_ops big_ops = {
    .on_drain = big_more,
    .on_close = on_close,
};

/* ---- /late, /sse ---- */

static void
on_late(struct timer *timer)
{
    struct handler *handler = LIST_ENTRY(timer, struct handler, timer);
    answer(handler->exchange, "late");
}

static void
on_sse(struct timer *timer)
{
    struct handler *handler = LIST_ENTRY(timer, struct handler, timer);
    http_write(handler->exchange, STR("data: tick\n\n"));
    if (++handler->n_steps == 3)
        http_finish(handler->exchange);
    else
        timer_start(http_loop(handler->exchange), timer, 20);
}

static const struct http_exchange_ops plain_ops = { .on_close = on_close };

/* ---- /tunnel ---- */

static void
tunnel_raw(struct http_exchange *exchange, struct str bytes)
{
    if (http_write_raw(exchange, bytes) == 0 &&
        http_pending(exchange) > LIMIT_RELAY_WINDOW_BYTES)
        http_pause_raw(exchange);
}

static void
tunnel_eof(struct http_exchange *exchange)
{
    http_write_raw(exchange, STR("bye"));
    http_finish(exchange);
}

static const struct http_exchange_ops tunnel_ops = {
    .on_raw = tunnel_raw,
    .on_raw_eof = tunnel_eof,
    .on_drain = http_resume_raw,
    .on_close = on_close,
};

/* ---- requests ---- */

static void
handle_who(struct http_exchange *exchange)
{
    const struct http_request *request = http_request(exchange);
    struct strbuf text = STRBUF_INIT(4096);
    strbuf_addf(&text,
                "%s secure=%d unix=%d uid=%lld target=%.*s path=%.*s"
                " query=%.*s\n",
                request->client->host, request->is_secure, request->is_unix,
                (long long)request->peer_uid, STR_ARG(request->target),
                STR_ARG(request->path), STR_ARG(request->query));
    for (size_t i = 0; i < request->headers.n; i++)
        strbuf_addf(&text, "[%.*s|%.*s]", STR_ARG(request->headers.at[i].name),
                    STR_ARG(request->headers.at[i].value));
    answer(exchange, strbuf_text(&text));
    strbuf_release(&text);
}

static void
handle_big(struct http_exchange *exchange, struct handler *handler)
{
    char n[24] = "0";
    ptrdiff_t n_digits =
        http_query_get(http_request(exchange)->query, "n", n, sizeof n - 1);
    n[n_digits < 0 ? 0 : n_digits] = '\0';
    handler->n_left = strtoul(n, NULL, 10);
    http_set_ops(exchange, &big_ops, handler);
    http_respond_head(exchange, 200, (struct http_headers){ 0 },
                      (int64_t)handler->n_left);
    big_more(exchange);
}

static void
handle_tunnel(struct http_exchange *exchange, struct handler *handler)
{
    http_set_ops(exchange, &tunnel_ops, handler);
    struct http_header field = { STR("Upgrade"), STR("echo") };
    if (http_upgrade(exchange, (struct http_headers){ &field, 1 }) != 0)
        http_respond(exchange, 426, (struct http_headers){ 0 }, NULL, STR(""));
}

static void
handle_stream(struct http_exchange *exchange, struct handler *handler)
{
    struct http_header field = { STR("Content-Type"),
                                 STR("text/event-stream") };
    http_respond_head(exchange, 200, (struct http_headers){ &field, 1 }, -1);
    timer_init(&handler->timer, on_sse);
    timer_start(http_loop(exchange), &handler->timer, 20);
}

static void
on_request(void *ctx, struct http_exchange *exchange)
{
    struct test_server *server = ctx;
    struct str path = http_request(exchange)->path;
    struct handler *handler = calloc(1, sizeof *handler);
    handler->exchange = exchange;
    handler->server = server;
    http_set_ops(exchange, &plain_ops, handler);
    atomic_fetch_add(&server->n_requests, 1);
    if (str_is(path, "/hello")) {
        answer(exchange, "hello");
    } else if (str_is(path, "/echo") || str_is(path, "/small")) {
        http_set_ops(exchange, &echo_ops, handler);
        if (str_is(path, "/small"))
            http_limit_body(exchange, 10);
        http_want_body(exchange);
        if (!http_has_responded(exchange) &&
            http_request(exchange)->content_length >= 0)
            http_respond_head(exchange, 200, (struct http_headers){ 0 },
                              http_request(exchange)->content_length);
        else if (str_is(path, "/echo"))
            http_respond_head(exchange, 200, (struct http_headers){ 0 }, -1);
    } else if (str_is(path, "/slow")) {
        timer_init(&handler->timer, on_slow);
        http_set_ops(exchange, &slow_ops, handler);
        http_want_body(exchange);
    } else if (str_is(path, "/late")) {
        timer_init(&handler->timer, on_late);
        timer_start(http_loop(exchange), &handler->timer, 50);
    } else if (str_is(path, "/sse")) {
        handle_stream(exchange, handler);
    } else if (str_is(path, "/big")) {
        handle_big(exchange, handler);
    } else if (str_is(path, "/tunnel")) {
        handle_tunnel(exchange, handler);
    } else if (str_is(path, "/who")) {
        handle_who(exchange);
    } else if (str_is(path, "/abort")) {
        http_respond_head(exchange, 200, (struct http_headers){ 0 }, 100);
        http_write(exchange, STR("part"));
        http_finish(exchange);
    } else if (!str_is(path, "/never")) {
        http_respond(exchange, 404, (struct http_headers){ 0 }, "text/plain",
                     STR("none"));
    }
}

static void
on_refuse(void *ctx, struct str path, int status, const char *message,
          struct strbuf *ret_body)
{
    (void)ctx;
    strbuf_addf(ret_body, "{\"refused\":%d,\"path\":\"%.*s\",\"why\":\"%s\"}",
                status, STR_ARG(path), message);
}

/* ---- the thread ---- */

static void *
run(void *arg)
{
    struct test_server *server = arg;
    loop_run(&server->loop);
    return NULL;
}

void
test_server_start(struct test_server *server,
                  const struct http_server_options *options)
{
    memset(server, 0, sizeof *server);
    struct error error = { 0 };
    assert_int_equal(loop_init(&server->loop, &error), 0);
    if (options != NULL)
        server->options = *options;
    server->options.ctx = server;
    server->options.on_request = on_request;
    server->options.on_refuse = on_refuse;
    server->http = http_server_new(&server->loop, &server->options, &error);
    if (server->http == NULL)
        fail_msg("%s", error.message);
    struct address at = { .host = "127.0.0.1" };
    assert_int_equal(http_server_listen(server->http, &at, &server->at, &error),
                     0);
    snprintf(server->folder, sizeof server->folder, "/tmp/testserver.XXXXXX");
    assert_non_null(mkdtemp(server->folder));
    server->unix_at.is_unix = true;
    snprintf(server->unix_at.host, sizeof server->unix_at.host, "%s/s",
             server->folder);
    assert_int_equal(
        http_server_listen(server->http, &server->unix_at, NULL, &error), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
}

static void
post_close(void *arg)
{
    struct test_server *server = arg;
    http_server_close(server->http, NULL, NULL);
}

void
test_server_stop(struct test_server *server)
{
    assert_int_equal(loop_post(&server->loop, post_close, server), 0);
    pthread_join(server->thread, NULL);
    assert_int_equal(atomic_load(&server->n_requests),
                     atomic_load(&server->n_closed));
    loop_close(&server->loop);
    assert_int_equal(rmdir(server->folder), 0);
}

static void
on_drained(void *ctx)
{
    struct test_server *server = ctx;
    atomic_store(&server->is_drained, 1);
}

struct draining {
    struct test_server *server;
    int64_t deadline_ms;
};

static void
post_drain(void *arg)
{
    struct draining *draining = arg;
    http_server_drain(draining->server->http, draining->deadline_ms, on_drained,
                      draining->server);
    free(draining);
}

void
test_server_drain(struct test_server *server, int64_t deadline_ms)
{
    struct draining *draining = malloc(sizeof *draining);
    *draining = (struct draining){ server, deadline_ms };
    assert_int_equal(loop_post(&server->loop, post_drain, draining), 0);
}

static void
post_count(void *arg)
{
    struct test_server *server = arg;
    atomic_store(&server->n_connections,
                 (int)http_server_connections(server->http));
}

int
test_connections(struct test_server *server)
{
    atomic_store(&server->n_connections, -1);
    assert_int_equal(loop_post(&server->loop, post_count, server), 0);
    int n;
    while ((n = atomic_load(&server->n_connections)) < 0)
        usleep(200);
    return n;
}

bool
test_wait(atomic_int *counter, int value)
{
    for (int i = 0; i < 10000; i++) {
        if (atomic_load(counter) == value)
            return true;
        usleep(1000);
    }
    return false;
}

size_t
test_resident_bytes(void)
{
    unsigned long n_total, n_resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu %lu", &n_total, &n_resident) != 2)
        n_resident = 0;
    if (file != NULL)
        fclose(file);
    return n_resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- the client ---- */

static int
connect_to(const struct address *at)
{
    struct sockaddr_storage storage;
    socklen_t n;
    assert_int_equal(address_to_sockaddr(at, &storage, &n, NULL), 0);
    int fd = socket(storage.ss_family, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&storage, n), 0);
    struct timeval limit = { .tv_sec = 10 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return fd;
}

int
test_connect(const struct test_server *server)
{
    return connect_to(&server->at);
}

ssize_t
test_recv(int fd, void *buffer, size_t size)
{
    ssize_t n;
    do
        n = recv(fd, buffer, size, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

void
test_send(int fd, struct str bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* what was refused early may not take the rest */
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
}

ptrdiff_t
test_receive(int fd, char *buffer, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t more = test_recv(fd, buffer + got, n - got);
        if (more < 0)
            return -1;
        if (more == 0)
            break;
        got += (size_t)more;
    }
    buffer[got] = '\0';
    return (ptrdiff_t)got;
}

bool
test_receive_until(int fd, struct strbuf *got, const char *text)
{
    char buffer[4096];
    while (got->p == NULL || strstr(got->p, text) == NULL) {
        ssize_t n = test_recv(fd, buffer, sizeof buffer);
        if (n <= 0)
            return false;
        strbuf_add(got, buffer, (size_t)n);
    }
    return true;
}

void
test_talk(const struct test_server *server, struct str request,
          struct strbuf *got)
{
    int fd = test_connect(server);
    test_send(fd, request);
    char buffer[4096];
    ssize_t n;
    while ((n = test_recv(fd, buffer, sizeof buffer)) > 0)
        strbuf_add(got, buffer, (size_t)n);
    if (n < 0)
        strbuf_addf(got, "<%s>", strerror(errno));
    close(fd);
}

int
test_status(const struct strbuf *got)
{
    int status = 0;
    return got->p != NULL && sscanf(got->p, "HTTP/1.1 %3d ", &status) == 1
               ? status
               : 0;
}
