/* The client against an engine that does as it is told, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "http/client.h"
#include "io/address.h"
#include "io/timer.h"

/* ---- an engine in a thread ---- */

enum action { KEEP, CLOSE, RESET, CLOSE_UNREAD, ECHOES };

struct engine {
    int listen_fd;
    struct address at;
    pthread_t thread;
    struct str answer;
    enum action action;
    bool by_byte;
    size_t n_big; /* bytes of body after the answer */
    int delay_ms;
    int n_answers_then_close; /* 0: never */
    int dies_of;              /* takes this request, answers nothing; 0: none */
    atomic_bool must_stop;
    atomic_int n_connections;
    atomic_int n_requests;
    char last_request[64 * 1024];
};

static void
send_all(int fd, struct str bytes, bool by_byte)
{
    while (bytes.n > 0) {
        ssize_t n = send(fd, bytes.p, by_byte ? 1 : bytes.n, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        bytes.p += n;
        bytes.n -= (size_t)n;
        if (by_byte)
            usleep(100);
    }
}

/* Reads one request; false at the end. */
static bool
read_request(struct engine *engine, int fd)
{
    char *text = engine->last_request;
    size_t n = 0, body_at = 0;
    long body_n = 0;
    while (n + 1 < sizeof engine->last_request) {
        ssize_t got =
            recv(fd, text + n, sizeof engine->last_request - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
        char *end = strstr(text, "\r\n\r\n");
        if (end == NULL)
            continue;
        body_at = (size_t)(end + 4 - text);
        char *length = strstr(text, "Content-Length: ");
        body_n = length == NULL ? 0 : strtol(length + 16, NULL, 10);
        bool is_chunked = strstr(text, "chunked\r\n") != NULL;
        if (is_chunked ? strstr(text + body_at - 2, "\r\n0\r\n\r\n") != NULL
                       : n >= body_at + (size_t)body_n)
            return true;
        if (engine->action == CLOSE_UNREAD)
            return true;
    }
    return true;
}

static void
send_big(int fd, size_t n)
{
    static const char zeros[65536];
    while (n > 0) {
        size_t piece = n < sizeof zeros ? n : sizeof zeros;
        ssize_t sent = send(fd, zeros, piece, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        n -= (size_t)sent;
    }
}

static void
reset(int fd)
{
    struct linger linger = { .l_onoff = 1 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static void
echo(int fd)
{
    char buffer[4096];
    ssize_t n;
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        send_all(fd, (struct str){ buffer, (size_t)n }, false);
    send_all(fd, STR("bye"), false);
}

static void
serve(struct engine *engine, int fd)
{
    int n_answers = 0;
    while (read_request(engine, fd)) {
        if (atomic_fetch_add(&engine->n_requests, 1) + 1 == engine->dies_of)
            break;
        if (engine->delay_ms > 0)
            usleep((useconds_t)engine->delay_ms * 1000);
        send_all(fd, engine->answer, engine->by_byte);
        send_big(fd, engine->n_big);
        n_answers++;
        if (engine->action == RESET)
            reset(fd);
        if (engine->action == ECHOES)
            echo(fd);
        if (engine->action != KEEP || n_answers == engine->n_answers_then_close)
            break;
    }
}

struct served {
    struct engine *engine;
    int fd;
};

static void *
run_engine(void *arg)
{
    struct engine *engine = arg;
    while (!atomic_load(&engine->must_stop)) {
        int fd = accept(engine->listen_fd, NULL, NULL);
        if (fd < 0)
            break;
        atomic_fetch_add(&engine->n_connections, 1);
        struct timeval limit = { .tv_sec = 10 };
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        serve(engine, fd);
        close(fd);
    }
    return NULL;
}

static void
engine_start(struct engine *engine, const char *answer, enum action action)
{
    memset(engine, 0, sizeof *engine);
    engine->answer = str_from(answer);
    engine->action = action;
    engine->at = (struct address){ .host = "127.0.0.1" };
    struct sockaddr_storage storage;
    socklen_t n;
    address_to_sockaddr(&engine->at, &storage, &n, NULL);
    engine->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(engine->listen_fd, (struct sockaddr *)&storage, n),
                     0);
    assert_int_equal(listen(engine->listen_fd, 16), 0);
    getsockname(engine->listen_fd, (struct sockaddr *)&storage, &n);
    assert_int_equal(
        address_from_sockaddr((struct sockaddr *)&storage, &engine->at), 0);
    assert_int_equal(pthread_create(&engine->thread, NULL, run_engine, engine),
                     0);
}

static void
engine_stop(struct engine *engine)
{
    atomic_store(&engine->must_stop, true);
    shutdown(engine->listen_fd, SHUT_RDWR);
    pthread_join(engine->thread, NULL);
    close(engine->listen_fd);
}

/* ---- a caller ---- */

struct caller {
    struct loop loop;
    struct http_pool *pool;
    struct http_call *call;
    struct strbuf body;
    struct timer timer;
    size_t n_body;
    int status;
    int64_t content_length;
    int n_heads, n_ends, n_errors, n_drains;
    struct http_call_failure failure;
    struct http_call_options options;
    struct str request_body;
    int n_more;      /* calls to start in on_end */
    bool must_sleep; /* in on_end, before the next call */
    bool must_pause;
    bool is_stopped_at_head, is_stopped_at_body;
    struct str tunnel; /* what to write after a 101 */
};

static void start(struct caller *caller);

static void
on_head(struct http_call *call, const struct http_response *response)
{
    struct caller *caller = http_call_ctx(call);
    caller->n_heads++;
    caller->status = response->status;
    caller->content_length = response->content_length;
    if (caller->must_pause)
        http_call_pause(call);
    if (caller->is_stopped_at_head)
        http_call_cancel(call);
    else if (response->is_upgrade) {
        assert_int_equal(http_call_write(call, caller->tunnel), 0);
        http_call_shutdown(call);
    }
}

static void
on_body(struct http_call *call, struct str bytes)
{
    struct caller *caller = http_call_ctx(call);
    caller->n_body += bytes.n;
    if (caller->n_body < 1000000)
        strbuf_add_str(&caller->body, bytes);
    if (caller->is_stopped_at_body)
        http_call_cancel(call);
}

static void
on_end(struct http_call *call)
{
    struct caller *caller = http_call_ctx(call);
    caller->n_ends++;
    if (caller->must_sleep)
        usleep(50000);
    if (caller->n_more == 0)
        return;
    caller->n_more--;
    start(caller);
}

static void
on_error(struct http_call *call, const struct http_call_failure *failure)
{
    struct caller *caller = http_call_ctx(call);
    caller->n_errors++;
    caller->failure = *failure;
}

static void
on_drain(struct http_call *call)
{
    struct caller *caller = http_call_ctx(call);
    caller->n_drains++;
}

static const struct http_call_ops ops = { on_head, on_body, on_end, on_error,
                                          on_drain };

static void
caller_init(struct caller *caller, const struct address *at)
{
    memset(caller, 0, sizeof *caller);
    assert_int_equal(loop_init(&caller->loop, NULL), 0);
    caller->pool = http_pool_new(&caller->loop, at);
    assert_non_null(caller->pool);
    strbuf_init(&caller->body, 2 * MIB);
    caller->options = (struct http_call_options){
        .method = STR("GET"),
        .target = STR("/x"),
        .ops = &ops,
        .ctx = caller,
        .total_timeout_ms = 10000,
    };
}

static void
start(struct caller *caller)
{
    struct error error = { 0 };
    caller->call = http_call_start(caller->pool, &caller->options, &error);
    if (caller->call == NULL)
        fail_msg("%s", error.message);
    http_call_write(caller->call, caller->request_body);
    http_call_end(caller->call);
}

static void
run_call(struct caller *caller)
{
    strbuf_clear(&caller->body);
    caller->status = 0;
    start(caller);
    loop_run(&caller->loop);
}

static void
caller_release(struct caller *caller)
{
    http_pool_free(caller->pool);
    loop_run(&caller->loop);
    loop_close(&caller->loop);
    strbuf_release(&caller->body);
}

/* The pool's own timer would keep the loop running for seconds. */
static void
run_until_over(struct caller *caller)
{
    int n_over = caller->n_ends + caller->n_errors + 1 + caller->n_more;
    strbuf_clear(&caller->body);
    start(caller);
    while (caller->n_ends + caller->n_errors < n_over)
        uv_run(&caller->loop.uv, UV_RUN_ONCE);
}

/* ---- answers ---- */

struct row {
    const char *answer;
    int status; /* 0: an error */
    const char *body;
};

static const struct row rows[] = {
    { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello" },
    { "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "" },
    { "HTTP/1.1 200 OK\r\n\r\nuntil close", 200, "until close" },
    { "HTTP/1.0 200 OK\r\n\r\nold", 200, "old" },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: v\r\n\r\n",
      200, "abcdefg" },
    { "HTTP/1.1 404 Nope\r\nContent-Length: 2\r\n\r\nno", 404, "no" },
    { "HTTP/1.1 204 No Content\r\n\r\n", 204, "" },
    { "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", 304, "" },
    { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      200, "ok" },
    /* what a client could read differently */
    { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", 0,
      NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", 0,
      NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
      "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      0, NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0,
      NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\nx", 0,
      NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", 0, NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok", 0, NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", 0, NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", 0, NULL },
    { "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", 0, NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok", 0, NULL },
    { "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nok", 0, NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0x3\r\nabc\r\n0\r\n\r\n",
      0, NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabcd\r\n0\r\n\r\n",
      0, NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\nabc\r\n0\r\n\r\n",
      0, NULL },
    { "HTTP/1.1 2OO OK\r\nContent-Length: 2\r\n\r\nok", 0, NULL },
    { "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok", 0, NULL },
    { "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok", 0, NULL },
    { "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok", 0, NULL },
    { "HTTP/1.1 700 OK\r\nContent-Length: 2\r\n\r\nok", 0, NULL },
    { "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, NULL },
    { "HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok", 0, NULL },
    { "ICY 200 OK\r\n\r\nok", 0, NULL },
    { "garbage", 0, NULL },
    { "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n"
      "Connection: upgrade\r\n\r\n",
      0, NULL },
    /* truncated anywhere */
    { "", 0, NULL },
    { "HTTP/1.1 200 OK\r\nContent-Le", 0, NULL },
    { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", 0, NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", 0, NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", 0,
      NULL },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n0\r\n",
      0, NULL },
    { "HTTP/1.1 100 Continue\r\n\r\n", 0, NULL },
};

static void
test_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i / 2];
        struct engine engine;
        engine_start(&engine, row->answer, CLOSE);
        engine.by_byte = i % 2;
        struct caller caller;
        caller_init(&caller, &engine.at);
        run_call(&caller);
        bool is_end = caller.n_ends == 1 && caller.n_errors == 0;
        bool is_error = caller.n_ends == 0 && caller.n_errors == 1;
        if (row->status == 0
                ? !is_error
                : !is_end || caller.status != row->status ||
                      strcmp(strbuf_text(&caller.body), row->body) != 0)
            fail_msg("%s\n(by byte: %d) gave status %d, %d ends, %d errors "
                     "(%s), body %s",
                     row->answer, engine.by_byte, caller.status, caller.n_ends,
                     caller.n_errors, caller.failure.error.message,
                     strbuf_text(&caller.body));
        if (is_error) {
            assert_int_equal(caller.failure.has_response_begun,
                             row->answer[0] != '\0');
            assert_false(caller.failure.is_stale_reuse);
            assert_false(caller.failure.is_connect);
            assert_int_not_equal(caller.failure.error.message[0], '\0');
        }
        caller_release(&caller);
        engine_stop(&engine);
    }
}

static void
test_head_answers_have_no_body(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine, "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n",
                 KEEP);
    struct caller caller;
    caller_init(&caller, &engine.at);
    caller.options.method = STR("HEAD");
    caller.n_more = 1;
    run_until_over(&caller);
    assert_int_equal(caller.n_ends, 2);
    assert_int_equal(caller.content_length, 77);
    assert_int_equal(atomic_load(&engine.n_connections), 1);
    caller_release(&caller);
    engine_stop(&engine);
}

static void
test_request_is_written_right(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", KEEP);
    struct caller caller;
    caller_init(&caller, &engine.at);
    struct http_header fields[] = {
        { STR("Accept"), STR("a/b") },
        { STR("Host"), STR("evil") },
        { STR("Connection"), STR("close") },
        { STR("content-length"), STR("999") },
        { STR("Transfer-Encoding"), STR("chunked") },
        { STR("Expect"), STR("100-continue") },
        { STR("X-Two"), STR("") },
    };
    caller.options.headers = (struct http_headers){ fields, 7 };
    caller.options.method = STR("POST");
    caller.options.content_length = 4;
    caller.request_body = STR("body");
    run_until_over(&caller);
    char want[256];
    snprintf(want, sizeof want,
             "POST /x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: a/b\r\n"
             "X-Two: \r\nContent-Length: 4\r\n\r\nbody",
             engine.at.port);
    assert_string_equal(engine.last_request, want);
    caller.options.content_length = -1;
    caller.options.headers.n = 0;
    run_until_over(&caller);
    assert_non_null(strstr(engine.last_request,
                           "\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "4\r\nbody\r\n0\r\n\r\n"));
    caller.options.content_length = 0;
    caller.request_body = STR("");
    run_until_over(&caller);
    assert_non_null(strstr(engine.last_request, "Content-Length: 0\r\n"));
    caller.options.method = STR("GET");
    run_until_over(&caller);
    assert_null(strstr(engine.last_request, "Content-Length"));
    assert_int_equal(caller.n_ends, 4);
    assert_int_equal(atomic_load(&engine.n_connections), 1);
    /* Nothing that would split a head is sent. */
    static const struct {
        struct str method, target, name, value;
    } bad[] = {
        { { "GET", 3 }, { "/ x", 3 }, { "a", 1 }, { "b", 1 } },
        { { "GET", 3 }, { "/\r\n", 3 }, { "a", 1 }, { "b", 1 } },
        { { "GET", 3 }, { "", 0 }, { "a", 1 }, { "b", 1 } },
        { { "G T", 3 }, { "/", 1 }, { "a", 1 }, { "b", 1 } },
        { { "GET", 3 }, { "/", 1 }, { "a:", 2 }, { "b", 1 } },
        { { "GET", 3 }, { "/", 1 }, { "a", 1 }, { "b\r\nc: d", 7 } },
        { { "GET", 3 }, { "/", 1 }, { "a", 1 }, { "b\0c", 3 } },
        { { "GET", 3 }, { "/", 1 }, { "", 0 }, { "b", 1 } },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_header field = { bad[i].name, bad[i].value };
        caller.options.method = bad[i].method;
        caller.options.target = bad[i].target;
        caller.options.headers = (struct http_headers){ &field, 1 };
        struct error error = { 0 };
        assert_null(http_call_start(caller.pool, &caller.options, &error));
        assert_int_equal(error.code, ERR_BAD_REQUEST);
    }
    caller_release(&caller);
    engine_stop(&engine);
}

/* ---- kept connections ---- */

static void
test_connections_are_kept_and_retired(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                 KEEP);
    struct caller caller;
    caller_init(&caller, &engine.at);
    caller.n_more = LIMIT_UPSTREAM_REQUESTS - 1;
    run_until_over(&caller);
    assert_int_equal(atomic_load(&engine.n_connections), 1);
    run_until_over(&caller);
    assert_int_equal(caller.n_ends, LIMIT_UPSTREAM_REQUESTS + 1);
    assert_int_equal(atomic_load(&engine.n_connections), 2);
    /* Left alone, it closes before the engine would close it. */
    int64_t start_ms = loop_now_ms(&caller.loop);
    loop_run(&caller.loop);
    assert_in_range(loop_now_ms(&caller.loop) - start_ms,
                    LIMIT_UPSTREAM_IDLE_MS - 50, LIMIT_UPSTREAM_IDLE_MS + 900);
    run_until_over(&caller);
    assert_int_equal(atomic_load(&engine.n_connections), 3);
    /* A fresh one on demand; a flush forgets the kept ones. */
    http_pool_flush(caller.pool);
    run_until_over(&caller);
    assert_int_equal(atomic_load(&engine.n_connections), 4);
    http_pool_flush(caller.pool);
    caller.options.must_be_fresh = true;
    run_until_over(&caller);
    assert_int_equal(atomic_load(&engine.n_connections), 5);
    assert_int_equal(caller.n_errors, 0);
    caller_release(&caller);
    engine_stop(&engine);
}

static void
test_connection_close_is_honoured(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\n"
        "Content-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        /* bytes behind the answer */
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"
        "Content-Length: 3\r\n\r\nbad",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct engine engine;
        engine_start(&engine, answers[i], KEEP);
        struct caller caller;
        caller_init(&caller, &engine.at);
        for (int n = 0; n < 2; n++) {
            run_until_over(&caller);
            assert_string_equal(strbuf_text(&caller.body), "ok");
        }
        assert_int_equal(caller.n_ends, 2);
        assert_int_equal(atomic_load(&engine.n_connections), 2);
        caller_release(&caller);
        engine_stop(&engine);
    }
}

static void
test_stale_reuse_is_told_from_a_dead_engine(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                 KEEP);
    engine.n_answers_then_close = 1;
    struct caller caller;
    caller_init(&caller, &engine.at);
    /* While on_end sleeps the engine closes; the next call writes to it. */
    caller.n_more = 1;
    caller.must_sleep = true;
    run_until_over(&caller);
    assert_int_equal(caller.n_ends, 1);
    assert_int_equal(caller.n_errors, 1);
    assert_true(caller.failure.is_stale_reuse);
    assert_false(caller.failure.has_response_begun);
    assert_false(caller.failure.is_connect);
    caller_release(&caller);
    engine_stop(&engine);

    /* Now it takes the second request and dies of it. */
    engine_start(&engine, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                 KEEP);
    engine.dies_of = 2;
    caller_init(&caller, &engine.at);
    run_until_over(&caller);
    run_until_over(&caller);
    assert_int_equal(atomic_load(&engine.n_requests), 2);
    assert_int_equal(atomic_load(&engine.n_connections), 1);
    assert_int_equal(caller.n_errors, 1);
    assert_false(caller.failure.is_stale_reuse);
    assert_false(caller.failure.has_response_begun);
    caller_release(&caller);
    engine_stop(&engine);
}

static void
test_closed_idle_connection_is_not_used(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                 CLOSE);
    struct caller caller;
    caller_init(&caller, &engine.at);
    for (int i = 0; i < 20; i++) {
        run_until_over(&caller);
        usleep(2000);
        uv_run(&caller.loop.uv, UV_RUN_NOWAIT);
    }
    assert_int_equal(caller.n_ends, 20);
    assert_int_equal(caller.n_errors, 0);
    caller_release(&caller);
    engine_stop(&engine);
}

/* ---- failures ---- */

static void
test_early_answer_is_read(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine,
                 "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig",
                 CLOSE_UNREAD);
    struct caller caller;
    caller_init(&caller, &engine.at);
    char *big = calloc(1, 8 * MIB);
    caller.options.method = STR("POST");
    caller.options.content_length = 8 * MIB;
    caller.request_body = (struct str){ big, 8 * MIB };
    run_until_over(&caller);
    free(big);
    assert_int_equal(caller.n_ends, 1);
    assert_int_equal(caller.status, 413);
    assert_string_equal(strbuf_text(&caller.body), "big");
    caller_release(&caller);
    engine_stop(&engine);
}

static void
test_no_connection(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine, "", CLOSE);
    struct address at = engine.at;
    engine_stop(&engine);
    struct caller caller;
    caller_init(&caller, &at);
    run_call(&caller);
    assert_int_equal(caller.n_errors, 1);
    assert_true(caller.failure.is_connect);
    assert_false(caller.failure.has_response_begun);
    caller_release(&caller);
    struct address nowhere = { .is_unix = true, .host = "/nonexistent/x" };
    caller_init(&caller, &nowhere);
    run_call(&caller);
    assert_int_equal(caller.n_errors, 1);
    assert_true(caller.failure.is_connect);
    caller_release(&caller);
    struct address name = { .host = "localhost", .port = 1 };
    caller_init(&caller, &name);
    struct error error = { 0 };
    assert_null(http_call_start(caller.pool, &caller.options, &error));
    assert_non_null(strstr(error.message, "localhost"));
    caller_release(&caller);
}

static void
test_time_limits(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                 CLOSE);
    engine.delay_ms = 300;
    struct caller caller;
    caller_init(&caller, &engine.at);
    caller.options.answer_timeout_ms = 50;
    run_call(&caller);
    assert_int_equal(caller.n_errors, 1);
    assert_true(caller.failure.is_timeout);
    assert_int_equal(caller.failure.error.code, ERR_GATEWAY_TIMEOUT);
    caller.options.answer_timeout_ms = 5000;
    caller.options.total_timeout_ms = 60;
    run_call(&caller);
    assert_int_equal(caller.n_errors, 2);
    assert_true(caller.failure.is_timeout);
    /* An answer in time stops the answer's clock. */
    caller.options.answer_timeout_ms = 2000;
    caller.options.total_timeout_ms = 0;
    engine.answer = STR("HTTP/1.1 200 OK\r\n\r\nslow");
    run_call(&caller);
    assert_int_equal(caller.n_ends, 1);
    caller_release(&caller);
    engine_stop(&engine);
}

static void
test_cancelled_calls_say_nothing(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine,
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n",
                 KEEP);
    struct caller caller;
    caller_init(&caller, &engine.at);
    start(&caller);
    http_call_cancel(caller.call);
    loop_run(&caller.loop);
    assert_int_equal(caller.n_heads, 0);
    caller.is_stopped_at_head = true;
    run_call(&caller);
    assert_int_equal(caller.n_heads, 1);
    assert_int_equal(caller.n_body, 0);
    caller.is_stopped_at_head = false;
    caller.is_stopped_at_body = true;
    run_call(&caller);
    assert_int_equal(caller.n_heads, 2);
    assert_int_equal(caller.n_body, 3);
    assert_int_equal(caller.n_ends + caller.n_errors, 0);
    /* A pool that goes while a call runs lets it run to its end. */
    caller.is_stopped_at_body = false;
    start(&caller);
    http_pool_free(caller.pool);
    loop_run(&caller.loop);
    assert_int_equal(caller.n_ends, 1);
    loop_close(&caller.loop);
    strbuf_release(&caller.body);
    engine_stop(&engine);
}

/* ---- back-pressure ---- */

static void
on_resume(struct timer *timer)
{
    struct caller *caller = LIST_ENTRY(timer, struct caller, timer);
    assert_true(caller->n_body <= 2 * LOOP_READ_BYTES);
    caller->must_pause = false;
    http_call_resume(caller->call);
}

static void
test_paused_call_stops_the_engine(void **state)
{
    (void)state;
    enum { N = 64 * 1024 * 1024 };
    struct engine engine;
    engine_start(&engine, "HTTP/1.1 200 OK\r\n\r\n", CLOSE);
    engine.n_big = N;
    struct caller caller;
    caller_init(&caller, &engine.at);
    caller.must_pause = true;
    timer_init(&caller.timer, on_resume);
    timer_start(&caller.loop, &caller.timer, 200);
    run_call(&caller);
    assert_int_equal(caller.n_ends, 1);
    assert_int_equal(caller.n_body, N);
    caller_release(&caller);
    engine_stop(&engine);
}

static void
test_slow_engine_is_seen_in_pending(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                 CLOSE_UNREAD);
    engine.delay_ms = 200;
    struct caller caller;
    caller_init(&caller, &engine.at);
    caller.options.method = STR("POST");
    caller.options.content_length = -1;
    caller.call = http_call_start(caller.pool, &caller.options, NULL);
    assert_non_null(caller.call);
    static char piece[50000];
    int n_pieces = 0;
    while (http_call_pending(caller.call) < LIMIT_RELAY_WINDOW_BYTES) {
        assert_int_equal(
            http_call_write(caller.call, (struct str){ piece, sizeof piece }),
            0);
        n_pieces++;
        uv_run(&caller.loop.uv, UV_RUN_NOWAIT);
    }
    assert_true(n_pieces >= 2);
    loop_run(&caller.loop);
    assert_int_equal(caller.n_heads, 1);
    caller_release(&caller);
    engine_stop(&engine);
}

/* ---- tunnels, fetches ---- */

static void
test_upgrade(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\n"
                 "Connection: upgrade\r\n\r\nfirst ",
                 ECHOES);
    struct caller caller;
    caller_init(&caller, &engine.at);
    caller.options.is_upgrade = true;
    struct http_header field = { STR("Upgrade"), STR("echo") };
    caller.options.headers = (struct http_headers){ &field, 1 };
    caller.tunnel = STR("through the tunnel ");
    run_call(&caller);
    assert_non_null(strstr(engine.last_request, "Connection: Upgrade\r\n"));
    assert_int_equal(caller.status, 101);
    assert_int_equal(caller.n_ends, 1);
    assert_string_equal(strbuf_text(&caller.body),
                        "first through the tunnel bye");
    /* Not asked for a tunnel after all: an ordinary answer. */
    engine.answer = STR("HTTP/1.1 426 No\r\nContent-Length: 2\r\n\r\nno");
    engine.action = CLOSE;
    run_call(&caller);
    assert_int_equal(caller.status, 426);
    assert_int_equal(caller.n_ends, 2);
    caller_release(&caller);
    engine_stop(&engine);
}

struct fetched {
    int n_done;
    int status;
    char body[64];
    char type[64];
    struct error error;
};

static void
on_done(void *ctx, const struct http_fetch_result *result)
{
    struct fetched *fetched = ctx;
    fetched->n_done++;
    fetched->status = result->status;
    fetched->error = result->error;
    snprintf(fetched->body, sizeof fetched->body, "%.*s",
             STR_ARG(result->body));
    snprintf(fetched->type, sizeof fetched->type, "%.*s",
             STR_ARG(result->content_type));
}

static void
test_fetch(void **state)
{
    (void)state;
    struct engine engine;
    engine_start(&engine,
                 "HTTP/1.1 201 OK\r\nContent-Type: text/x\r\n"
                 "Content-Length: 5\r\n\r\nhello",
                 CLOSE);
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    struct http_pool *pool = http_pool_new(&loop, &engine.at);
    struct http_fetch_options options = {
        .method = STR("POST"),
        .target = STR("/y"),
        .body = STR("{}"),
        .max_answer_bytes = 5,
        .timeout_ms = 5000,
    };
    struct fetched fetched = { 0 };
    assert_non_null(http_fetch(pool, &options, on_done, &fetched, NULL));
    assert_int_equal(fetched.n_done, 0);
    loop_run(&loop);
    assert_int_equal(fetched.n_done, 1);
    assert_int_equal(fetched.status, 201);
    assert_string_equal(fetched.body, "hello");
    assert_string_equal(fetched.type, "text/x");
    assert_true(str_ends_with(str_from(engine.last_request), STR("\r\n{}")));
    options.max_answer_bytes = 4;
    assert_non_null(http_fetch(pool, &options, on_done, &fetched, NULL));
    loop_run(&loop);
    assert_int_equal(fetched.n_done, 2);
    assert_int_equal(fetched.status, 0);
    assert_int_equal(fetched.error.code, ERR_TOO_LARGE);
    engine.delay_ms = 200;
    options.timeout_ms = 40;
    assert_non_null(http_fetch(pool, &options, on_done, &fetched, NULL));
    loop_run(&loop);
    assert_int_equal(fetched.n_done, 3);
    assert_int_equal(fetched.error.code, ERR_GATEWAY_TIMEOUT);
    struct http_call *call =
        http_fetch(pool, &options, on_done, &fetched, NULL);
    http_call_cancel(call);
    loop_run(&loop);
    assert_int_equal(fetched.n_done, 3);
    http_pool_free(pool);
    loop_run(&loop);
    loop_close(&loop);
    engine_stop(&engine);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_head_answers_have_no_body),
        cmocka_unit_test(test_request_is_written_right),
        cmocka_unit_test(test_connections_are_kept_and_retired),
        cmocka_unit_test(test_connection_close_is_honoured),
        cmocka_unit_test(test_stale_reuse_is_told_from_a_dead_engine),
        cmocka_unit_test(test_closed_idle_connection_is_not_used),
        cmocka_unit_test(test_early_answer_is_read),
        cmocka_unit_test(test_no_connection),
        cmocka_unit_test(test_time_limits),
        cmocka_unit_test(test_cancelled_calls_say_nothing),
        cmocka_unit_test(test_paused_call_stops_the_engine),
        cmocka_unit_test(test_slow_engine_is_seen_in_pending),
        cmocka_unit_test(test_upgrade),
        cmocka_unit_test(test_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
