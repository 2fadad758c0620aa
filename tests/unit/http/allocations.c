/* The n-th allocation fails, for n = 1, 2, ... as far as there are any:
 * a server, a client and a conversation between them end in an answer or in
 * an error that was told once, and leave nothing behind. The linker puts our
 * allocators in place (--wrap); the sanitizer looks for leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/client.h"
#include "http/server.h"

void *real_malloc(size_t n) __asm__("__real_malloc");
void *real_calloc(size_t n, size_t size) __asm__("__real_calloc");
void *real_realloc(void *p, size_t n) __asm__("__real_realloc");
void *our_malloc(size_t n) __asm__("__wrap_malloc");
void *our_calloc(size_t n, size_t size) __asm__("__wrap_calloc");
void *our_realloc(void *p, size_t n) __asm__("__wrap_realloc");

static long n_left; /* the allocation that takes it to 0 fails */
static int n_more;  /* and so many after it */

static bool
is_last(void)
{
    if (n_left > 0)
        return --n_left == 0;
    return n_more > 0 && n_more-- > 0;
}

void *
our_malloc(size_t n)
{
    return is_last() ? NULL : real_malloc(n);
}

void *
our_calloc(size_t n, size_t size)
{
    return is_last() ? NULL : real_calloc(n, size);
}

void *
our_realloc(void *p, size_t n)
{
    return is_last() ? NULL : real_realloc(p, n);
}

struct talk {
    struct loop loop;
    struct http_server *server;
    struct http_pool *pool;
    int n_requests, n_closed, n_done;
    int status;
    size_t n_body;
    struct error error;
};

enum { ANSWER_BYTES = 40000, REQUEST_BYTES = 30000 };

static void
on_body_end(struct http_exchange *exchange)
{
    static char bytes[ANSWER_BYTES];
    if (http_respond_head(exchange, 200, (struct http_headers){ 0 }, -1) != 0) {
        http_abort(exchange);
        return;
    }
    http_write(exchange, (struct str){ bytes, 1000 });
    http_write(exchange, (struct str){ bytes, ANSWER_BYTES - 1000 });
    http_finish(exchange);
}

static void
on_close(struct http_exchange *exchange, bool is_client_gone)
{
    (void)is_client_gone;
    struct talk *talk = http_ctx(exchange);
    talk->n_closed++;
}

static const struct http_exchange_ops ops = {
    .on_body_end = on_body_end,
    .on_close = on_close,
};

static void
on_request(void *ctx, struct http_exchange *exchange)
{
    struct talk *talk = ctx;
    talk->n_requests++;
    http_set_ops(exchange, &ops, talk);
    http_want_body(exchange);
}

static void
on_refuse(void *ctx, struct str path, int status, const char *message,
          struct strbuf *ret_body)
{
    (void)ctx;
    (void)path;
    strbuf_addf(ret_body, "%d %s", status, message);
}

static void
on_done(void *ctx, const struct http_fetch_result *result)
{
    struct talk *talk = ctx;
    talk->n_done++;
    talk->status = result->status;
    talk->n_body = result->body.n;
    talk->error = result->error;
    http_pool_free(talk->pool);
    http_server_close(talk->server, NULL, NULL);
}

/* 0 when the request was started; else what was made is closed. */
static int
begin(struct talk *talk)
{
    static char body[REQUEST_BYTES];
    struct str trusted = STR("127.0.0.1");
    struct http_server_options options = {
        .base_path = "/base",
        .trusted_proxies = &trusted,
        .n_trusted_proxies = 1,
        .rate_limit_per_s = 100,
        .ctx = talk,
        .on_request = on_request,
        .on_refuse = on_refuse,
    };
    struct address at = { .host = "127.0.0.1" }, bound;
    talk->server = http_server_new(&talk->loop, &options, &talk->error);
    if (talk->server == NULL)
        return -1;
    if (http_server_listen(talk->server, &at, &bound, &talk->error) != 0) {
        http_server_close(talk->server, NULL, NULL);
        return -1;
    }
    talk->pool = http_pool_new(&talk->loop, &bound);
    struct http_header fields[20];
    for (size_t i = 0; i < 20; i++)
        fields[i] = (struct http_header){ STR("X-Some-Field"),
                                          STR("some value of some length") };
    struct http_fetch_options fetch = {
        .method = STR("POST"),
        .target = STR("/base/x"),
        .headers = { fields, 20 },
        .body = { body, sizeof body },
        .max_answer_bytes = ANSWER_BYTES,
        .timeout_ms = 3000,
    };
    if (talk->pool == NULL)
        error_set(&talk->error, ERR_NO_MEMORY, "no memory for a pool");
    else if (http_fetch(talk->pool, &fetch, on_done, talk, &talk->error) !=
             NULL)
        return 0;
    http_pool_free(talk->pool);
    http_server_close(talk->server, NULL, NULL);
    return -1;
}

/* True when all went well. */
static bool
talk_with_failure(long n)
{
    struct talk talk = { .status = -1 };
    n_left = n;
    if (loop_init(&talk.loop, &talk.error) != 0) {
        assert_int_equal(talk.error.code, ERR_NO_MEMORY);
        return false;
    }
    int status = begin(&talk);
    loop_run(&talk.loop);
    bool has_failed = n_left == 0;
    n_left = 0;
    loop_close(&talk.loop);
    assert_int_equal(talk.n_requests, talk.n_closed);
    if (status != 0) {
        assert_int_equal(talk.n_done, 0);
        assert_int_equal(talk.error.code, ERR_NO_MEMORY);
        return false;
    }
    assert_int_equal(talk.n_done, 1);
    if (talk.status == 200)
        assert_int_equal(talk.n_body, ANSWER_BYTES);
    else
        assert_true(talk.status == 503 || talk.error.message[0] != '\0');
    assert_true(has_failed || talk.status == 200);
    return !has_failed;
}

static void
test_every_allocation_may_fail(void **state)
{
    (void)state;
    long n = 1;
    while (!talk_with_failure(n))
        n++;
    /* Less would mean that the allocators were not in place. */
    assert_in_range(n, 20, 1000);
}

static void
on_only_request(void *ctx, struct http_exchange *exchange)
{
    struct talk *talk = ctx;
    talk->n_requests++;
    http_set_ops(exchange, &ops, talk);
    http_respond(exchange, 200, (struct http_headers){ 0 }, "text/plain",
                 STR("late"));
    http_server_close(talk->server, NULL, NULL);
}

/* No other connection ends, and no timer stands among the loop's but the
 * server's own: the one that waits is taken all the same. */
static void
test_the_only_connection_finds_no_memory(void **state)
{
    (void)state;
    struct talk talk = { .status = -1 };
    struct http_server_options options = { .ctx = &talk,
                                           .on_request = on_only_request,
                                           .on_refuse = on_refuse };
    struct address at = { .host = "127.0.0.1" }, bound;
    n_left = 0;
    assert_int_equal(loop_init(&talk.loop, &talk.error), 0);
    talk.server = http_server_new(&talk.loop, &options, &talk.error);
    assert_non_null(talk.server);
    assert_int_equal(http_server_listen(talk.server, &at, &bound, &talk.error),
                     0);
    struct sockaddr_in there = { .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)bound.port),
                                 .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&there, sizeof there), 0);
    struct str text = STR("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_int_equal(write(fd, text.p, text.n), (ssize_t)text.n);
    n_left = 1;
    n_more = 2;
    alarm(20);
    loop_run(&talk.loop);
    alarm(0);
    assert_int_equal(n_left, 0);
    n_more = 0;
    assert_int_equal(talk.n_requests, 1);
    assert_int_equal(talk.n_closed, 1);
    close(fd);
    loop_close(&talk.loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_the_only_connection_finds_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
