/* The server against raw sockets: what it refuses, and what it keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/limits.h"
#include "testserver.h"

#define GET  "GET /hello HTTP/1.1\r\nHost: h\r\n"
#define POST "POST /echo HTTP/1.1\r\nHost: h\r\n"
/* Answers nothing before the body is whole. */
#define CHUNKED                           \
    "POST /small HTTP/1.1\r\nHost: h\r\n" \
    "Transfer-Encoding: chunked\r\n\r\n"
#define ECHO_CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct row {
    struct str request;
    int status;
};
#define ROW(text, status)                      \
    {                                          \
        { (text), sizeof(text) - 1 }, (status) \
    }

static const struct row refusals[] = {
    /* the length of the body */
    ROW(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    ROW(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400),
    ROW(POST "Content-Length: 3, 3\r\n\r\nabc", 400),
    ROW(POST "Content-Length: +3\r\n\r\nabc", 400),
    ROW(POST "Content-Length: -3\r\n\r\nabc", 400),
    ROW(POST "Content-Length: 0x3\r\n\r\nabc", 400),
    ROW(POST "Content-Length: 3 3\r\n\r\nabc", 400),
    ROW(POST "Content-Length: \r\n\r\n", 400),
    ROW(POST "Content-Length: abc\r\n\r\n", 400),
    ROW(POST "Content-Length: 99999999999999999999\r\n\r\n", 400),
    ROW(POST "Content-Length: 9223372036854775808\r\n\r\n", 400),
    ROW(POST "Content-Length: 18446744073709551619\r\n\r\n", 400),
    ROW(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
             "0\r\n\r\n",
        400),
    ROW(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
             "0\r\n\r\n",
        400),
    ROW(POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    ROW(POST "Transfer-Encoding: identity\r\n\r\n", 400),
    ROW(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    ROW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"
             "\r\n0\r\n\r\n",
        400),
    ROW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"
             "\r\n0\r\n\r\n",
        400),
    ROW(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    ROW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ROW(POST "Transfer-Encoding: gzip\r\n\r\n", 501),
    ROW(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    ROW(POST "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n0\r\n\r\n",
        400),
    ROW(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 501),
    ROW(POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n", 501),
    ROW(POST "Transfer-Encoding:\r\n\r\n", 501),
    ROW("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n",
        400),
    /* line ends and field names */
    ROW("GET /hello HTTP/1.1\nHost: h\n\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: h\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: h\r\n\n", 400),
    ROW("GET /hello HTTP/1.1\rHost: h\r\n\r\n", 400),
    ROW(GET "A: b\rContent-Length: 3\r\n\r\nabc", 400),
    ROW(GET "A: b\r\rC: d\r\n\r\n", 400),
    ROW(GET "A: b\r\n\rx", 400),
    ROW(GET "A : b\r\n\r\n", 400),
    ROW(POST "Content-Length : 3\r\n\r\nabc", 400),
    ROW(GET "A\t: b\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\n Host: h\r\n\r\n", 400),
    ROW(GET " A: folded\r\n\r\n", 400),
    ROW(GET "A: b\r\n folded\r\n\r\n", 400),
    ROW(GET "A: b\r\n\tfolded\r\n\r\n", 400),
    ROW(GET "A\r\n\r\n", 400),
    ROW(GET ": b\r\n\r\n", 400),
    ROW(GET "A b: c\r\n\r\n", 400),
    ROW(GET "A\x00: c\r\n\r\n", 400),
    ROW(GET "A: c\x00"
            "d\r\n\r\n",
        400),
    ROW(GET "A: c\x01"
            "d\r\n\r\n",
        400),
    ROW(GET "A(: c\r\n\r\n", 400),
    ROW(GET "\xc3\xa4: c\r\n\r\n", 400),
    /* chunks */
    ROW(CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "+3\r\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "-3\r\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED " 3\r\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "3 \r\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "\r\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "g\r\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "3\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "3\r\nabc\n0\r\n\r\n", 400),
    ROW(CHUNKED "3\r\nabc0\r\n\r\n", 400),
    ROW(CHUNKED "3\r\nabcd\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "3\rabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "3;a\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "3;a=\"\n\"\r\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "ffffffffffffffffff\r\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "10000000000000000\r\nabc\r\n0\r\n\r\n", 400),
    ROW(CHUNKED "0\r\nA : b\r\n\r\n", 400),
    ROW(CHUNKED "0\r\nA: b\n\r\n", 400),
    ROW(CHUNKED "0\r\n\n", 400),
    /* the host */
    ROW("GET /hello HTTP/1.1\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost:\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: a,b\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: u@h\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: h/x\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: h:x\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: h:123456\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n", 400),
    /* the request line */
    ROW("GET  /hello HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("GET /hello  HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("GET /hello HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
    ROW("GET /he llo HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("GET /hello\r\nHost: h\r\n\r\n", 505),
    ROW("GET /hello\r\n\r\n", 505),
    ROW("GET hello HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("GET /hel\x00lo HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("GET /hel\x7flo HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("GET /hello#x HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("GET h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 400),
    ROW("GET ftp://h/hello HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("GET http://x/hello HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("GET http://u@h/hello HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    ROW("\r\r\nGET /hello HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("get /hello HTTP/1.1\r\nHost: h\r\n\r\n", 501),
    ROW("FROB /hello HTTP/1.1\r\nHost: h\r\n\r\n", 501),
    ROW("G\x01T /hello HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", 501),
    ROW("GET /hello HTTP/1.2\r\nHost: h\r\n\r\n", 505),
    ROW("GET /hello HTTP/2.0\r\nHost: h\r\n\r\n", 505),
    ROW("GET /hello HTTP/0.9\r\nHost: h\r\n\r\n", 505),
    ROW("GET /hello HTTP/3.7\r\nHost: h\r\n\r\n", 505),
    ROW("GET /hello HTTP/11\r\nHost: h\r\n\r\n", 400),
    ROW("GET /hello http/1.1\r\nHost: h\r\n\r\n", 400),
    ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ROW("GET /hello RTSP/1.0\r\nHost: h\r\n\r\n", 400),
    /* expectations and limits */
    ROW(GET "Expect: 200-maybe\r\n\r\n", 417),
    ROW("POST /small HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n"
        "01234567890",
        413),
    ROW("POST /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
        "\r\nb\r\n01234567890\r\n0\r\n\r\n",
        413),
    ROW(POST "Content-Length: 67108865\r\n\r\n", 413),
};

/* What must pass although it looks unusual. */
static const struct row acceptances[] = {
    ROW(GET "\r\n", 200),
    ROW("\r\n" GET "\r\n", 200),
    ROW("GET /hello HTTP/1.1\r\nHost:h\r\n\r\n", 200),
    ROW("GET /hello HTTP/1.1\r\nHost: \t h \t\r\n\r\n", 200),
    ROW("GET /hello HTTP/1.1\r\nHOST: [::1]:80\r\n\r\n", 200),
    ROW("GET /hello HTTP/1.0\r\n\r\n", 200),
    ROW("GET http://h/hello HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    ROW("GET HTTP://H:80/hello?x HTTP/1.1\r\nHost: h:80\r\n\r\n", 200),
    ROW("GET http://h?x HTTP/1.1\r\nHost: h\r\n\r\n", 404),
    ROW("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 404),
    ROW("PROPFIND /x HTTP/1.1\r\nHost: h\r\n\r\n", 404),
    ROW(GET "A:\r\nB: \r\n\r\n", 200),
    ROW(GET "A: \xc3\xa4\r\n\r\n", 200),
    ROW(GET "Content-Length: 0\r\n\r\n", 200),
    ROW(GET "Expect: 100-Continue\r\n\r\n", 200),
    ROW(POST "Content-Length: 000003\r\n\r\nabc", 200),
    ROW(POST "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", 200),
    ROW(ECHO_CHUNKED "3\r\nabc\r\n0\r\n\r\n", 200),
    ROW(ECHO_CHUNKED "0003;a=b;c=\"d e\"\r\nabc\r\n0;x\r\nT: v\r\n\r\n", 200),
};

/* Talks with `Connection: close` taken care of by a second request that
 * must not be answered when the first one is refused. */
static int
status_of(struct test_server *server, struct str request, bool by_byte,
          bool is_refused, struct strbuf *got)
{
    int fd = test_connect(server);
    if (by_byte) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
        for (size_t i = 0; i < request.n; i++)
            test_send(fd, (struct str){ request.p + i, 1 });
    } else {
        test_send(fd, request);
    }
    test_send(fd, STR("\r\n\r\nGET /hello HTTP/1.1\r\nHost: h\r\n"
                      "Connection: close\r\n\r\n"));
    char buffer[4096];
    ssize_t n;
    while ((n = test_recv(fd, buffer, sizeof buffer)) > 0)
        strbuf_add(got, buffer, (size_t)n);
    close(fd);
    /* Who goes on sending may be reset, but not before the refusal. */
    if (is_refused && n != 0)
        fail_msg("reset before the answer: %.*s", STR_ARG(request));
    return test_status(got);
}

static size_t
count(const struct strbuf *got, const char *text)
{
    size_t n = 0;
    for (const char *at = strbuf_text(got); (at = strstr(at, text)) != NULL;
         at++)
        n++;
    return n;
}

static void
check_row(struct test_server *server, const struct row *row, bool is_refused)
{
    for (int by_byte = 0; by_byte < 2; by_byte++) {
        struct strbuf got = STRBUF_INIT(1 * MIB);
        int status = status_of(server, row->request, by_byte, is_refused, &got);
        if (status != row->status)
            fail_msg("%.*s\n(by byte: %d) got %d, want %d\n%s",
                     STR_ARG(row->request), by_byte, status, row->status,
                     strbuf_text(&got));
        /* After a refusal nothing more is read as a request. */
        if (is_refused && count(&got, "HTTP/1.1 ") != 1)
            fail_msg("%.*s\nanswered more than once:\n%s",
                     STR_ARG(row->request), strbuf_text(&got));
        if (is_refused &&
            strstr(strbuf_text(&got), "Connection: close\r\n") == NULL)
            fail_msg("%.*s\nkept the connection", STR_ARG(row->request));
        strbuf_release(&got);
    }
}

static void
test_refusals(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        check_row(&server, &refusals[i], true);
    test_server_stop(&server);
}

static void
test_acceptances(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    for (size_t i = 0; i < sizeof acceptances / sizeof *acceptances; i++)
        check_row(&server, &acceptances[i], false);
    test_server_stop(&server);
}

static void
add_repeated(struct strbuf *buf, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        strbuf_add_text(buf, text);
}

static void
check_long(struct test_server *server, struct strbuf *request, int status)
{
    assert_int_equal(request->state, STRBUF_OK);
    struct row row = { strbuf_view(request), status };
    for (int whole = 0; whole < 2; whole++) {
        struct strbuf got = STRBUF_INIT(1 * MIB);
        struct strbuf sent = STRBUF_INIT(1 * MIB);
        /* Once in one go, once in two with a pause between. */
        int fd = test_connect(server);
        size_t cut = whole ? row.request.n : row.request.n / 2;
        test_send(fd, (struct str){ row.request.p, cut });
        if (!whole)
            usleep(20000);
        test_send(fd, (struct str){ row.request.p + cut, row.request.n - cut });
        assert_true(test_receive_until(fd, &got, "\r\n\r\n"));
        if (test_status(&got) != status)
            fail_msg("%.60s...: got %s, want %d", row.request.p,
                     strbuf_text(&got), status);
        close(fd);
        strbuf_release(&got);
        strbuf_release(&sent);
    }
    strbuf_release(request);
}

static void
test_limits_of_heads(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    struct strbuf text = STRBUF_INIT(1 * MIB);
    strbuf_add_text(&text, "GET /");
    add_repeated(&text, "a", LIMIT_REQUEST_LINE_BYTES);
    strbuf_add_text(&text, " HTTP/1.1\r\nHost: h\r\n\r\n");
    check_long(&server, &text, 414);
    strbuf_add_text(&text, "GET /");
    add_repeated(&text, "a", LIMIT_REQUEST_LINE_BYTES - 10);
    strbuf_add_text(&text, " HTTP/1.1\r\nHost: h\r\n\r\n");
    check_long(&server, &text, 404);
    strbuf_add_text(&text, GET "A: ");
    add_repeated(&text, "a", LIMIT_HEADERS_BYTES);
    strbuf_add_text(&text, "\r\n\r\n");
    check_long(&server, &text, 431);
    strbuf_add_text(&text, GET "A: ");
    add_repeated(&text, "a", LIMIT_HEADERS_BYTES - 200);
    strbuf_add_text(&text, "\r\n\r\n");
    check_long(&server, &text, 200);
    strbuf_add_text(&text, GET);
    add_repeated(&text, "A: b\r\n", LIMIT_HEADERS_COUNT - 1);
    strbuf_add_text(&text, "\r\n");
    check_long(&server, &text, 200);
    strbuf_add_text(&text, GET);
    add_repeated(&text, "A: b\r\n", LIMIT_HEADERS_COUNT);
    strbuf_add_text(&text, "\r\n");
    check_long(&server, &text, 431);
    /* a method without an end, a line of empty lines */
    add_repeated(&text, "A", 100000);
    check_long(&server, &text, 501);
    add_repeated(&text, "\r\n", 100000);
    check_long(&server, &text, 431);
    test_server_stop(&server);
}

static void
test_limits_of_chunk_framing(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    struct strbuf text = STRBUF_INIT(1 * MIB);
    const char *head = "POST /small HTTP/1.1\r\nHost: h\r\n"
                       "Transfer-Encoding: chunked\r\n\r\n";
    strbuf_add_text(&text, head);
    strbuf_add_text(&text, "1;");
    add_repeated(&text, "x", 5000);
    strbuf_add_text(&text, "\r\na\r\n0\r\n\r\n");
    check_long(&server, &text, 400);
    strbuf_add_text(&text, head);
    strbuf_add_text(&text, "1;x=\"");
    add_repeated(&text, "x", 5000);
    strbuf_add_text(&text, "\"\r\na\r\n0\r\n\r\n");
    check_long(&server, &text, 400);
    strbuf_add_text(&text, head);
    add_repeated(&text, "0", 400000);
    check_long(&server, &text, 400);
    strbuf_add_text(&text, head);
    strbuf_add_text(&text, "0\r\n");
    add_repeated(&text, "A: bbbbbbbbbbbbbbbbbbbbb\r\n", 1000);
    strbuf_add_text(&text, "\r\n");
    check_long(&server, &text, 400);
    test_server_stop(&server);
}

/* ---- answers ---- */

static void
test_keep_alive_and_close(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    int fd = test_connect(&server);
    for (int i = 0; i < 3; i++) {
        struct strbuf got = STRBUF_INIT(1 * MIB);
        test_send(fd, STR(GET "\r\n"));
        assert_true(test_receive_until(fd, &got, "hello"));
        assert_non_null(strstr(got.p, "HTTP/1.1 200 OK\r\n"));
        assert_non_null(strstr(got.p, "\r\nContent-Length: 5\r\n"));
        assert_non_null(strstr(got.p, "\r\nDate: "));
        assert_null(strstr(got.p, "Connection:"));
        strbuf_release(&got);
    }
    assert_int_equal(test_connections(&server), 1);
    close(fd);
    static const struct {
        struct str request;
        const char *says;
        const char *says_not;
    } rows[] = {
        { { GET "Connection: close\r\n\r\n", sizeof GET + 20 },
          "Connection: close\r\n",
          "keep-alive" },
        { { "GET /hello HTTP/1.0\r\n\r\n", 23 },
          "Connection: close\r\n",
          "keep-alive" },
        { { "GET /sse HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 45 },
          "Connection: close\r\n",
          "chunked" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct strbuf got = STRBUF_INIT(1 * MIB);
        test_talk(&server, rows[i].request, &got);
        assert_int_equal(test_status(&got), 200);
        assert_non_null(strstr(got.p, rows[i].says));
        assert_null(strstr(got.p, rows[i].says_not));
        strbuf_release(&got);
    }
    /* HTTP/1.0 with keep-alive is kept and told so. */
    fd = test_connect(&server);
    for (int i = 0; i < 2; i++) {
        struct strbuf got = STRBUF_INIT(1 * MIB);
        test_send(fd, STR("GET /hello HTTP/1.0\r\nConnection: Keep-Alive\r\n"
                          "\r\n"));
        assert_true(test_receive_until(fd, &got, "hello"));
        assert_non_null(strstr(got.p, "Connection: keep-alive\r\n"));
        strbuf_release(&got);
    }
    close(fd);
    test_server_stop(&server);
    assert_int_equal(atomic_load(&server.n_gone), 0);
}

static void
test_head_has_no_body(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    struct strbuf got = STRBUF_INIT(1 * MIB);
    test_talk(&server,
              STR("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n"
                  "HEAD /sse HTTP/1.1\r\nHost: h\r\n\r\n"
                  "HEAD /big?n=1000000 HTTP/1.1\r\nHost: h\r\n\r\n"
                  "GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
                  "\r\n"),
              &got);
    assert_int_equal(count(&got, "HTTP/1.1 200 OK\r\n"), 4);
    assert_int_equal(count(&got, "hello"), 1);
    assert_int_equal(count(&got, "tick"), 0);
    assert_int_equal(count(&got, "Content-Length: 1000000\r\n"), 1);
    assert_int_equal(count(&got, "Transfer-Encoding: chunked\r\n"), 1);
    assert_true(str_ends_with(strbuf_view(&got), STR("\r\n\r\nhello")));
    strbuf_release(&got);
    /* A refusal to HEAD has none either. */
    test_talk(&server,
              STR("HEAD /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n"
                  "\r\n"),
              &got);
    assert_int_equal(test_status(&got), 400);
    assert_true(str_ends_with(strbuf_view(&got), STR("\r\n\r\n")));
    strbuf_release(&got);
    test_server_stop(&server);
}

static void
test_pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    struct strbuf sent = STRBUF_INIT(1 * MIB), got = STRBUF_INIT(1 * MIB);
    for (int i = 0; i < 300; i++) {
        strbuf_addf(&sent, "GET /%s HTTP/1.1\r\nHost: h\r\n\r\n",
                    i % 100 == 50 ? "late" : "hello");
        strbuf_addf(&sent,
                    "POST /echo HTTP/1.1\r\nHost: h\r\n"
                    "Content-Length: 5\r\n\r\n<%03d>",
                    i);
    }
    strbuf_add_text(&sent, GET "Connection: close\r\n\r\n");
    test_talk(&server, strbuf_view(&sent), &got);
    assert_int_equal(count(&got, "HTTP/1.1 200 OK\r\n"), 601);
    const char *at = got.p;
    for (int i = 0; i < 300; i++) {
        char mark[8];
        snprintf(mark, sizeof mark, "<%03d>", i);
        at = strstr(at, mark);
        assert_non_null(at);
    }
    assert_int_equal(count(&got, "late"), 3);
    strbuf_release(&sent);
    strbuf_release(&got);
    test_server_stop(&server);
    assert_int_equal(atomic_load(&server.n_requests), 601);
}

/* Replaces the answer by its chunked body; fails when that is malformed. */
static void
join_chunks(struct strbuf *got)
{
    struct strbuf body = STRBUF_INIT(4 * MIB);
    char *at = strstr(got->p, "\r\n\r\n") + 4;
    for (;;) {
        char *end;
        size_t n = strtoul(at, &end, 16);
        assert_true(end > at && memcmp(end, "\r\n", 2) == 0);
        at = end + 2;
        assert_true(at + n + 2 <= got->p + got->n);
        assert_memory_equal(at + n, "\r\n", 2);
        strbuf_add(&body, at, n);
        at += n + 2;
        if (n == 0)
            break;
    }
    assert_ptr_equal(at, got->p + got->n);
    strbuf_release(got);
    *got = body;
}

static void
test_bodies_come_back_in_both_framings(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    struct strbuf got = STRBUF_INIT(4 * MIB), sent = STRBUF_INIT(4 * MIB);
    strbuf_add_text(&sent, POST "Connection: close\r\n"
                                "Content-Length: 1000000\r\n\r\n");
    add_repeated(&sent, "0123456789", 100000);
    test_talk(&server, strbuf_view(&sent), &got);
    assert_int_equal(test_status(&got), 200);
    assert_non_null(strstr(got.p, "Content-Length: 1000000\r\n"));
    assert_int_equal(count(&got, "0123456789"), 100000);
    strbuf_release(&sent);
    strbuf_release(&got);
    strbuf_add_text(&sent, POST "Connection: close\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n");
    add_repeated(&sent, "a;x=y\r\n0123456789\r\n", 20000);
    strbuf_add_text(&sent, "0\r\nTrailer: gone\r\n\r\n");
    test_talk(&server, strbuf_view(&sent), &got);
    assert_int_equal(test_status(&got), 200);
    assert_non_null(strstr(got.p, "Transfer-Encoding: chunked\r\n"));
    join_chunks(&got);
    assert_int_equal(count(&got, "0123456789"), 20000);
    assert_null(strstr(got.p, "Trailer"));
    strbuf_release(&sent);
    strbuf_release(&got);
    test_server_stop(&server);
    assert_int_equal(atomic_load(&server.n_bodies), 2);
}

static void
test_expect_continue(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    struct strbuf got = STRBUF_INIT(1 * MIB);
    int fd = test_connect(&server);
    test_send(fd, STR(POST "Expect: 100-continue\r\nContent-Length: 3\r\n"
                           "\r\n"));
    assert_true(test_receive_until(fd, &got, "100 Continue\r\n\r\n"));
    test_send(fd, STR("abc"));
    assert_true(test_receive_until(fd, &got, "abc"));
    assert_non_null(strstr(got.p, "HTTP/1.1 200 OK\r\n"));
    close(fd);
    strbuf_release(&got);
    /* Who does not want it does not ask for it, and closes. */
    test_talk(&server,
              STR("POST /none HTTP/1.1\r\nHost: h\r\n"
                  "Expect: 100-continue\r\nContent-Length: 3\r\n"
                  "\r\n"),
              &got);
    assert_int_equal(test_status(&got), 404);
    assert_null(strstr(got.p, "100 Continue"));
    assert_non_null(strstr(got.p, "Connection: close\r\n"));
    strbuf_release(&got);
    /* Bytes that are there already need no invitation. */
    test_talk(&server,
              STR(POST "Connection: close\r\n"
                       "Expect: 100-continue\r\n"
                       "Content-Length: 3\r\n\r\nabc"),
              &got);
    assert_non_null(strstr(got.p, "abc"));
    strbuf_release(&got);
    test_server_stop(&server);
}

static void
test_unwanted_body_is_drained_or_closed(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    struct strbuf got = STRBUF_INIT(1 * MIB);
    test_talk(&server,
              STR("POST /none HTTP/1.1\r\nHost: h\r\n"
                  "Content-Length: 4\r\n\r\nbody" GET
                  "Connection: close\r\n\r\n"),
              &got);
    assert_int_equal(test_status(&got), 404);
    assert_non_null(strstr(got.p, "hello"));
    strbuf_release(&got);
    /* Five megabytes nobody asked for: the answer still arrives. */
    struct strbuf sent = STRBUF_INIT(8 * MIB);
    strbuf_add_text(&sent, "POST /none HTTP/1.1\r\nHost: h\r\n"
                           "Content-Length: 5000000\r\n\r\n");
    add_repeated(&sent, "0123456789", 500000);
    strbuf_add_text(&sent, GET "\r\n");
    test_talk(&server, strbuf_view(&sent), &got);
    assert_int_equal(test_status(&got), 404);
    assert_non_null(strstr(got.p, "Connection: close\r\n"));
    assert_null(strstr(got.p, "hello"));
    strbuf_release(&sent);
    strbuf_release(&got);
    test_server_stop(&server);
}

static void
test_abort_is_no_end(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    int fd = test_connect(&server);
    test_send(fd, STR("GET /abort HTTP/1.1\r\nHost: h\r\n\r\n"));
    char buffer[4096];
    assert_int_equal(test_receive(fd, buffer, sizeof buffer - 1), -1);
    close(fd);
    test_server_stop(&server);
}

/* ---- clients that leave ---- */

static void
test_client_that_leaves_is_noticed(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        bool is_reset;
    } rows[] = {
        { "GET /never HTTP/1.1\r\nHost: h\r\n\r\n", false },
        { "GET /never HTTP/1.1\r\nHost: h\r\n\r\n", true },
        /* unread bytes in the way: a body nobody asked for */
        { "POST /never HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab",
          false },
        { "POST /never HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab",
          true },
        /* a pipelined request behind it */
        { "GET /never HTTP/1.1\r\nHost: h\r\n\r\n" GET "\r\n", false },
        /* in the middle of a body, of an answer */
        { POST "Content-Length: 9\r\n\r\nab", false },
        { "GET /big?n=100000000 HTTP/1.1\r\nHost: h\r\n\r\n", false },
        { "GET /sse HTTP/1.1\r\nHost: h\r\n\r\n", true },
    };
    struct test_server server;
    test_server_start(&server, NULL);
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        int fd = test_connect(&server);
        test_send(fd, str_from(rows[i].request));
        assert_true(test_wait(&server.n_requests, i + 1));
        usleep(5000);
        struct linger linger = { .l_onoff = rows[i].is_reset };
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
        close(fd);
        if (!test_wait(&server.n_closed, i + 1))
            fail_msg("not noticed: %s", rows[i].request);
        assert_int_equal(atomic_load(&server.n_gone), i + 1);
    }
    test_server_stop(&server);
}

static void
test_stalled_reader_costs_no_memory(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    int fd = test_connect(&server);
    size_t before = test_resident_bytes();
    test_send(fd, STR("GET /big?n=300000000 HTTP/1.1\r\nHost: h\r\n\r\n"));
    usleep(300000);
    size_t after = test_resident_bytes();
    /* The sanitizer's own bookkeeping comes on top of the 64 KiB window. */
    assert_true(after < before + 8 * MIB);
    assert_int_equal(atomic_load(&server.n_closed), 0);
    /* And it goes on when the reader does. */
    static char buffer[65536];
    size_t n_body = 0;
    ssize_t n;
    struct strbuf head = STRBUF_INIT(64 * KIB);
    assert_true(test_receive_until(fd, &head, "\r\n\r\n"));
    n_body = head.n - (size_t)(strstr(head.p, "\r\n\r\n") + 4 - head.p);
    strbuf_release(&head);
    while (n_body < 300000000 && (n = test_recv(fd, buffer, sizeof buffer)) > 0)
        n_body += (size_t)n;
    assert_int_equal(n_body, 300000000);
    close(fd);
    test_server_stop(&server);
    assert_int_equal(atomic_load(&server.n_gone), 0);
}

static void
test_paused_body_stops_the_client(void **state)
{
    (void)state;
    enum { N = 30 * 1000 * 1000 };
    for (int is_chunked = 0; is_chunked < 2; is_chunked++) {
        struct test_server server;
        test_server_start(&server, NULL);
        struct strbuf sent = STRBUF_INIT(N + 1000), got = STRBUF_INIT(4096);
        strbuf_addf(&sent, "POST /slow HTTP/1.1\r\nHost: h\r\n");
        strbuf_addf(&sent,
                    is_chunked ? "Transfer-Encoding: chunked\r\n\r\n%x\r\n"
                               : "Content-Length: %d\r\n\r\n",
                    N);
        add_repeated(&sent, "0123456789", N / 10);
        if (is_chunked)
            strbuf_add_text(&sent, "\r\n0\r\n\r\n");
        int fd = test_connect(&server);
        test_send(fd, strbuf_view(&sent));
        assert_true(test_receive_until(fd, &got, "all"));
        assert_int_equal(atomic_load(&server.n_slow), N);
        /* At most what was read before the pause. */
        assert_in_range(atomic_load(&server.n_while_paused), 0,
                        LOOP_READ_BYTES);
        close(fd);
        strbuf_release(&sent);
        strbuf_release(&got);
        test_server_stop(&server);
    }
}

/* ---- time ---- */

static void
test_timeouts(void **state)
{
    (void)state;
    struct http_server_options options = {
        .header_timeout_ms = 150,
        .body_stall_ms = 150,
        .idle_ms = 300,
    };
    struct test_server server;
    test_server_start(&server, &options);
    struct strbuf got = STRBUF_INIT(1 * MIB);
    /* A byte now and then does not prolong the head's time. */
    int fd = test_connect(&server);
    for (size_t i = 0; i < 12; i++) {
        test_send(fd, (struct str){ GET + i, 1 });
        usleep(20000);
    }
    assert_true(test_receive_until(fd, &got, "\r\n\r\n"));
    assert_int_equal(test_status(&got), 408);
    close(fd);
    strbuf_release(&got);
    /* A body may take long as long as it moves. */
    fd = test_connect(&server);
    test_send(fd, STR(POST "Content-Length: 6\r\n\r\n"));
    for (int i = 0; i < 6; i++) {
        usleep(60000);
        test_send(fd, STR("x"));
    }
    assert_true(test_receive_until(fd, &got, "xxxxxx"));
    assert_int_equal(test_status(&got), 200);
    close(fd);
    strbuf_release(&got);
    /* A stalled one is told when nothing was answered yet. */
    test_talk(&server,
              STR("POST /small HTTP/1.1\r\nHost: h\r\n"
                  "Transfer-Encoding: chunked\r\n\r\n1\r\n"),
              &got);
    assert_int_equal(test_status(&got), 408);
    strbuf_release(&got);
    /* An idle connection closes without a word. */
    test_talk(&server, STR(""), &got);
    assert_int_equal(got.n, 0);
    strbuf_release(&got);
    fd = test_connect(&server);
    test_send(fd, STR(GET "\r\n"));
    assert_true(test_receive_until(fd, &got, "hello"));
    char byte[2];
    assert_int_equal(test_receive(fd, byte, 1), 0);
    close(fd);
    strbuf_release(&got);
    test_server_stop(&server);
}

/* A client that never reads its answer does not hold a place for ever. */
static void
test_unread_answer_is_given_up(void **state)
{
    (void)state;
    struct http_server_options options = { .unsent_ms = 300 };
    struct test_server server;
    test_server_start(&server, &options);
    int fd = test_connect(&server);
    test_send(fd, STR("GET /big?n=300000000 HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_true(test_wait(&server.n_gone, 1));
    close(fd);
    test_server_stop(&server);
}

static void
test_slow_clients_disturb_nobody(void **state)
{
    (void)state;
    enum { N_SLOW = 400 };
    struct test_server server;
    test_server_start(&server, NULL);
    static int fds[N_SLOW];
    for (int i = 0; i < N_SLOW; i++) {
        fds[i] = test_connect(&server);
        test_send(fds[i], STR("G"));
    }
    for (size_t at = 1; at < 10; at++) {
        for (int i = 0; i < N_SLOW; i++)
            test_send(fds[i], (struct str){ GET "\r\n" + at, 1 });
        struct strbuf got = STRBUF_INIT(1 * MIB);
        test_talk(&server, STR(GET "Connection: close\r\n\r\n"), &got);
        assert_int_equal(test_status(&got), 200);
        strbuf_release(&got);
    }
    assert_int_equal(test_connections(&server), N_SLOW);
    for (int i = 0; i < N_SLOW; i++)
        close(fds[i]);
    test_server_stop(&server);
}

static void
test_connection_limit_gives_up_idle_ones(void **state)
{
    (void)state;
    struct http_server_options options = { .max_connections = 4 };
    struct test_server server;
    test_server_start(&server, &options);
    int idle = test_connect(&server);
    int busy[3];
    for (int i = 0; i < 3; i++) {
        busy[i] = test_connect(&server);
        test_send(busy[i], STR("GET /never HTTP/1.1\r\nHost: h\r\n\r\n"));
    }
    assert_true(test_wait(&server.n_requests, 3));
    struct strbuf got = STRBUF_INIT(1 * MIB);
    test_talk(&server, STR(GET "Connection: close\r\n\r\n"), &got);
    assert_int_equal(test_status(&got), 200);
    strbuf_release(&got);
    char byte[2];
    assert_int_equal(test_receive(idle, byte, 1), 0);
    close(idle);
    /* All busy: a new one waits until one of them goes. */
    int fourth = test_connect(&server);
    test_send(fourth, STR("GET /never HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_true(test_wait(&server.n_requests, 5));
    int waiting = test_connect(&server);
    test_send(waiting, STR(GET "\r\n"));
    usleep(50000);
    assert_int_equal(atomic_load(&server.n_requests), 5);
    close(fourth);
    assert_true(test_receive_until(waiting, &got, "hello"));
    strbuf_release(&got);
    close(waiting);
    for (int i = 0; i < 3; i++)
        close(busy[i]);
    test_server_stop(&server);
}

static void
test_drain(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    int idle = test_connect(&server), late = test_connect(&server);
    int stuck = test_connect(&server);
    test_send(late, STR("GET /sse HTTP/1.1\r\nHost: h\r\n\r\n"));
    test_send(stuck, STR("GET /never HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_true(test_wait(&server.n_requests, 2));
    test_server_drain(&server, 500);
    char buffer[4096];
    assert_int_equal(test_receive(idle, buffer, 1), 0);
    struct strbuf got = STRBUF_INIT(1 * MIB);
    assert_true(test_receive_until(late, &got, "\r\n0\r\n\r\n"));
    assert_int_equal(count(&got, "tick"), 3);
    assert_int_equal(test_receive(late, buffer, 1), 0);
    assert_int_equal(atomic_load(&server.is_drained), 0);
    strbuf_release(&got);
    assert_true(test_wait(&server.is_drained, 1));
    assert_true(test_receive(stuck, buffer, 1) <= 0);
    close(idle);
    close(late);
    close(stuck);
    test_server_stop(&server);
}

/* ---- tunnels ---- */

static void
test_tunnel(void **state)
{
    (void)state;
    struct test_server server;
    test_server_start(&server, NULL);
    struct strbuf got = STRBUF_INIT(1 * MIB);
    int fd = test_connect(&server);
    /* The first raw bytes come with the head. */
    test_send(fd, STR("GET /tunnel HTTP/1.1\r\nHost: h\r\n"
                      "Connection: keep-alive, Upgrade\r\nUpgrade: echo\r\n"
                      "\r\nearly"));
    assert_true(test_receive_until(fd, &got, "early"));
    assert_int_equal(test_status(&got), 101);
    assert_non_null(strstr(got.p, "Upgrade: echo\r\n"));
    assert_null(strstr(got.p, "Content-Length"));
    strbuf_release(&got);
    /* Not HTTP any more. */
    test_send(fd, STR("GET / HTTP/9\n\n"));
    assert_true(test_receive_until(fd, &got, "HTTP/9\n\n"));
    strbuf_release(&got);
    /* Back-pressure: we write ten megabytes and read them late. */
    enum { N = 10 * 1000 * 1000 };
    pid_t writer = fork();
    if (writer == 0) {
        static char zeros[100000];
        for (int i = 0; i < N / (int)sizeof zeros; i++)
            test_send(fd, (struct str){ zeros, sizeof zeros });
        shutdown(fd, SHUT_WR);
        _exit(0);
    }
    usleep(200000);
    char *buffer = malloc(N + 64);
    ptrdiff_t n = test_receive(fd, buffer, N + 16);
    assert_int_equal(n, N + 3);
    assert_string_equal(buffer + N, "bye"); /* after our half close */
    free(buffer);
    close(fd);
    test_talk(&server,
              STR("GET /tunnel HTTP/1.1\r\nHost: h\r\n"
                  "Connection: close\r\n\r\n"),
              &got);
    assert_int_equal(test_status(&got), 426);
    strbuf_release(&got);
    test_server_stop(&server);
    assert_int_equal(atomic_load(&server.n_gone), 0);
}

/* ---- who asks ---- */

static void
check_who(struct test_server *server, const char *fields, const char *says)
{
    struct strbuf got = STRBUF_INIT(1 * MIB), sent = STRBUF_INIT(64 * KIB);
    strbuf_addf(&sent, "GET %s\r\nConnection: close\r\n\r\n", fields);
    test_talk(server, strbuf_view(&sent), &got);
    if (strstr(strbuf_text(&got), says) == NULL)
        fail_msg("%s\nshould say %s:\n%s", fields, says, strbuf_text(&got));
    strbuf_release(&sent);
    strbuf_release(&got);
}

static void
test_trusted_proxies(void **state)
{
    (void)state;
    struct str trusted[] = { STR("127.0.0.0/8"), STR("10.1.2.3"),
                             STR("2001:db8::/32") };
    struct http_server_options options = { .trusted_proxies = trusted,
                                           .n_trusted_proxies = 3 };
    struct test_server server;
    test_server_start(&server, &options);
#define WHO "/who HTTP/1.1\r\nHost: h\r\n"
    check_who(&server, WHO "A: b", "127.0.0.1 secure=0");
    check_who(&server, WHO "X-Forwarded-For: 9.9.9.9, 8.8.8.8",
              "8.8.8.8 secure=0");
    check_who(&server, WHO "X-Forwarded-For: 9.9.9.9, 8.8.8.8, 10.1.2.3",
              "8.8.8.8 ");
    check_who(&server,
              WHO "X-Forwarded-For: 9.9.9.9\r\n"
                  "X-Forwarded-For: 127.0.0.9",
              "9.9.9.9 ");
    check_who(&server, WHO "X-Forwarded-For: 9.9.9.9, [2001:db8::7]:80",
              "9.9.9.9 ");
    check_who(&server, WHO "X-Forwarded-For: 1.2.3.4:5678", "1.2.3.4 ");
    check_who(&server, WHO "X-Forwarded-For: 2001:db9::1", "2001:db9::1 ");
    check_who(&server, WHO "X-Forwarded-For: 9.9.9.9, junk, 10.1.2.3",
              "10.1.2.3 ");
    check_who(&server, WHO "X-Forwarded-Proto: https", "secure=1");
    check_who(&server, WHO "X-Forwarded-Proto: https, http", "secure=0");
    test_server_stop(&server);
    /* Nobody is trusted unless listed. */
    test_server_start(&server, NULL);
    check_who(&server,
              WHO "X-Forwarded-For: 9.9.9.9\r\n"
                  "X-Forwarded-Proto: https",
              "127.0.0.1 secure=0");
    test_server_stop(&server);
    struct error error = { 0 };
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    static const char *const bad[] = { "10.0.0.0/33", "x", "::/129", "1.2.3.4/",
                                       "1.2.3.4/-1" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        trusted[1] = str_from(bad[i]);
        options.on_request = NULL;
        assert_null(http_server_new(&loop, &options, &error));
        assert_non_null(strstr(error.message, bad[i]));
    }
    loop_close(&loop);
}

static void
test_base_path(void **state)
{
    (void)state;
    struct http_server_options options = { .base_path = "/hearth/" };
    struct test_server server;
    test_server_start(&server, &options);
#define TAIL " HTTP/1.1\r\nHost: h"
    check_who(&server, "/hearth/who?a=b" TAIL,
              "target=/who?a=b path=/who query=a=b");
    check_who(&server, "/hearth" TAIL, "HTTP/1.1 404 ");
    check_who(&server, "/hearth" TAIL, "none");
    check_who(&server, "/hearth?x" TAIL, "none");
    check_who(&server, "/hearthwho" TAIL, "\"refused\":404");
    check_who(&server, "/who" TAIL, "\"refused\":404,\"path\":\"/who\"");
    test_server_stop(&server);
}

static void
test_unix_socket(void **state)
{
    (void)state;
    struct http_server_options options = { .base_path = "/hearth",
                                           .rate_limit_per_s = 1 };
    struct test_server server;
    test_server_start(&server, &options);
    struct address tcp = server.at;
    server.at = server.unix_at;
    char says[64];
    snprintf(says, sizeof says, "unix=1 uid=%d target=/who", (int)getuid());
    for (int i = 0; i < 5; i++)
        check_who(&server, "/who" TAIL, says);
    check_who(&server, "/hearth/who" TAIL, says);
    server.at = tcp;
    test_server_stop(&server);
}

static void
test_rate_limit(void **state)
{
    (void)state;
    struct http_server_options options = { .rate_limit_per_s = 5,
                                           .rate_limit_burst = 10 };
    struct str trusted[] = { STR("127.0.0.1") };
    options.trusted_proxies = trusted;
    options.n_trusted_proxies = 1;
    struct test_server server;
    test_server_start(&server, &options);
    int n_ok = 0, n_refused = 0;
    for (int i = 0; i < 30; i++) {
        struct strbuf got = STRBUF_INIT(64 * KIB);
        test_talk(&server, STR(GET "Connection: close\r\n\r\n"), &got);
        int status = test_status(&got);
        n_ok += status == 200;
        n_refused += status == 429;
        if (status == 429)
            assert_non_null(strstr(got.p, "Retry-After: 1\r\n"));
        strbuf_release(&got);
    }
    assert_int_equal(n_ok + n_refused, 30);
    assert_in_range(n_ok, 10, 20);
    assert_true(n_refused > 0);
    /* Another client has its own bucket. */
    check_who(&server, WHO "X-Forwarded-For: 7.7.7.7", "HTTP/1.1 200");
    /* Tokens come back. */
    usleep(400000);
    check_who(&server, WHO "A: b", "HTTP/1.1 200");
    test_server_stop(&server);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_acceptances),
        cmocka_unit_test(test_limits_of_heads),
        cmocka_unit_test(test_limits_of_chunk_framing),
        cmocka_unit_test(test_keep_alive_and_close),
        cmocka_unit_test(test_head_has_no_body),
        cmocka_unit_test(test_pipelined_requests_are_answered_in_order),
        cmocka_unit_test(test_bodies_come_back_in_both_framings),
        cmocka_unit_test(test_expect_continue),
        cmocka_unit_test(test_unwanted_body_is_drained_or_closed),
        cmocka_unit_test(test_abort_is_no_end),
        cmocka_unit_test(test_client_that_leaves_is_noticed),
        cmocka_unit_test(test_stalled_reader_costs_no_memory),
        cmocka_unit_test(test_paused_body_stops_the_client),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_unread_answer_is_given_up),
        cmocka_unit_test(test_slow_clients_disturb_nobody),
        cmocka_unit_test(test_connection_limit_gives_up_idle_ones),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_tunnel),
        cmocka_unit_test(test_trusted_proxies),
        cmocka_unit_test(test_base_path),
        cmocka_unit_test(test_unix_socket),
        cmocka_unit_test(test_rate_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
