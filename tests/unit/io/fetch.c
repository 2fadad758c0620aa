/* Fetching, against an origin that misbehaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/address.h"
#include "io/fetch_internal.h"
#include "io/timer.h"
#include "origin.h"

struct world {
    struct loop loop;
    struct fetcher *fetcher;
    struct origin a, b;
};

/* `what` of the origins stands in allow_http: "a", "b", "ab" or "". */
static void
open_world(struct world *world, const char *what)
{
    origin_open(&world->a, false);
    origin_open(&world->b, false);
    world->a.other_port = world->b.port;
    assert_int_equal(loop_init(&world->loop, NULL), 0);
    char texts[2][32];
    const char *allowed[2];
    size_t n = 0;
    for (const char *p = what; *p != '\0'; p++) {
        snprintf(texts[n], sizeof texts[n], "127.0.0.1:%d",
                 *p == 'a' ? world->a.port : world->b.port);
        allowed[n] = texts[n];
        n++;
    }
    const struct fetcher_options options = { .loop = &world->loop,
                                             .user_agent = "hearth/test",
                                             .allow_http = allowed,
                                             .n_allow_http = n };
    struct error error;
    assert_int_equal(fetcher_new(&options, &world->fetcher, &error), 0);
}

static void
close_world(struct world *world)
{
    fetcher_free(world->fetcher);
    loop_close(&world->loop);
    origin_close(&world->a);
    origin_close(&world->b);
}

/* ---- one fetch, looked at from outside ---- */

struct result {
    struct world *world;
    struct fetch *fetch;
    int n_done;
    struct error error; /* code ERR_OK: none */
    /* what the fetch thread wrote; read after on_done */
    int n_heads;
    int status, n_hops;
    int64_t content_length;
    char url[256];
    char linked_size[16], odd[16], encoding[16], etag[16];
    char body[64];
    size_t n_body_bytes;
    enum fetch_verdict head_verdict;
    /* pausing and cancelling */
    struct timer timer;
    int64_t taken_bytes, most_ahead_bytes;
    int n_pauses;
    bool pauses_next;
    bool cancels_in_body;
    atomic_bool is_cancelled;
    atomic_int n_late;
};

static void
copy(char *to, size_t size, struct str from)
{
    snprintf(to, size, "%.*s", STR_ARG(from));
}

static enum fetch_verdict
on_head(void *ctx, const struct fetch_head *head)
{
    struct result *result = ctx;
    if (atomic_load(&result->is_cancelled))
        atomic_fetch_add(&result->n_late, 1);
    result->n_heads++;
    result->status = head->status;
    result->n_hops = head->n_hops;
    result->content_length = head->content_length;
    copy(result->url, sizeof result->url, head->url);
    copy(result->linked_size, sizeof result->linked_size,
         fetch_header_get(head, "x-linked-size"));
    copy(result->odd, sizeof result->odd, fetch_header_get(head, "X-ODD"));
    copy(result->etag, sizeof result->etag,
         fetch_hop_header_get(head, 0, "etag"));
    copy(result->encoding, sizeof result->encoding,
         fetch_header_get(head, "content-encoding"));
    return result->head_verdict;
}

static enum fetch_verdict
on_body(void *ctx, struct str bytes)
{
    struct result *result = ctx;
    if (atomic_load(&result->is_cancelled))
        atomic_fetch_add(&result->n_late, 1);
    for (size_t i = 0; i < bytes.n; i++)
        if (result->n_body_bytes + i < sizeof result->body - 1)
            result->body[result->n_body_bytes + i] = bytes.p[i];
    result->n_body_bytes += bytes.n;
    return FETCH_GO_ON;
}

static void
on_done(void *ctx, const struct error *error)
{
    struct result *result = ctx;
    result->n_done++;
    timer_stop(&result->timer);
    if (error != NULL)
        result->error = *error;
}

static struct fetch_request
request_for(struct result *result, char *url, size_t size, const char *path)
{
    snprintf(url, size, "http://127.0.0.1:%d%s", result->world->a.port, path);
    return (struct fetch_request){ .url = url,
                                   .range_first = -1,
                                   .range_last = -1,
                                   .on_head = on_head,
                                   .on_body = on_body,
                                   .on_done = on_done,
                                   .ctx = result };
}

static void
init_result(struct result *result, struct world *world)
{
    memset(result, 0, sizeof *result);
    result->world = world;
    timer_init(&result->timer, NULL);
}

static void
run_request(struct result *result, const struct fetch_request *request)
{
    result->fetch = fetch_start(result->world->fetcher, request);
    assert_non_null(result->fetch);
    assert_int_equal(result->n_done, 0);
    loop_run(&result->world->loop);
    assert_int_equal(result->n_done, 1);
}

static void
get(struct result *result, struct world *world, const char *path)
{
    char url[256];
    init_result(result, world);
    struct fetch_request request = request_for(result, url, sizeof url, path);
    run_request(result, &request);
}

static void
assert_fails(const struct result *result, enum error_code code,
             const char *words)
{
    if (result->error.code != code ||
        strstr(result->error.message, words) == NULL)
        print_error("%s: %s\n", error_wire(result->error.code),
                    result->error.message);
    assert_int_equal(result->error.code, code);
    assert_non_null(strstr(result->error.message, words));
    assert_null(strstr(result->error.message, "secret"));
}

static void
assert_hello(const struct result *result)
{
    assert_string_equal(result->error.message, "");
    assert_int_equal(result->error.code, ERR_OK);
    assert_int_equal(result->n_heads, 1);
    assert_int_equal(result->status, 200);
    assert_string_equal(result->body, "hello");
}

/* ---- answers ---- */

static void
test_gets_a_body_and_its_head(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    open_world(&world, "a");
    get(&result, &world, "/ok?signature=secret#part");
    assert_hello(&result);
    assert_int_equal(result.content_length, 5);
    assert_int_equal(result.n_hops, 0);
    assert_string_equal(result.odd, "spaces");
    assert_string_equal(result.etag, "\"e\"");
    assert_string_equal(result.linked_size, "");
    assert_null(strchr(result.url, '#'));
    assert_non_null(strstr(result.url, "/ok?signature=secret"));
    const char *sent = origin_find(&world.a, 0, "GET ");
    assert_non_null(sent);
    assert_non_null(strstr(sent, "GET /ok?signature=secret HTTP/1.1\r\n"));
    assert_non_null(strstr(sent, "\r\nAccept-Encoding: identity\r\n"));
    assert_non_null(strstr(sent, "\r\nUser-Agent: hearth/test\r\n"));
    assert_null(strstr(sent, "Range:"));
    assert_null(strstr(sent, "Authorization"));
    close_world(&world);
}

static void
test_reads_what_servers_send(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    open_world(&world, "a");
    get(&result, &world, "/chunks");
    assert_hello(&result);
    assert_int_equal(result.content_length, -1);
    get(&result, &world, "/hints");
    assert_hello(&result);
    get(&result, &world, "/404");
    assert_int_equal(result.error.code, ERR_OK);
    assert_int_equal(result.status, 404);
    assert_string_equal(result.body, "no");
    get(&result, &world, "/encoded");
    assert_int_equal(result.error.code, ERR_OK);
    assert_string_equal(result.encoding, "gzip");
    assert_string_equal(result.body, "abc");
    get(&result, &world, "/longer"); /* what is behind it is not shown */
    assert_int_equal(result.error.code, ERR_OK);
    assert_string_equal(result.body, "four");
    close_world(&world);
}

static void
test_sends_method_body_and_range(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    char url[256];
    open_world(&world, "a");
    init_result(&result, &world);
    struct fetch_request request = request_for(&result, url, sizeof url, "/ok");
    request.method = "HEAD";
    run_request(&result, &request);
    assert_int_equal(result.error.code, ERR_OK);
    assert_int_equal(result.content_length, 5);
    assert_int_equal(result.n_body_bytes, 0);
    assert_non_null(origin_find(&world.a, 0, "HEAD /ok HTTP/1.1\r\n"));

    static const char *const json[] = { "Content-Type: application/json",
                                        NULL };
    init_result(&result, &world);
    request.method = "POST";
    request.headers = json;
    request.body = STR("{\"a\":1}");
    run_request(&result, &request);
    assert_hello(&result);
    assert_non_null(origin_find(&world.a, 1, "POST /ok HTTP/1.1\r\n"));
    assert_non_null(
        origin_find(&world.a, 1, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(origin_find(&world.a, 1, "\r\n\r\n{\"a\":1}"));
    assert_null(origin_find(&world.a, 1, "Expect"));

    init_result(&result, &world);
    request = request_for(&result, url, sizeof url, "/ok");
    request.range_first = 100;
    run_request(&result, &request);
    assert_non_null(origin_find(&world.a, 2, "\r\nRange: bytes=100-\r\n"));
    init_result(&result, &world);
    request.range_first = 0;
    request.range_last = INT64_C(5000000000);
    run_request(&result, &request);
    assert_non_null(
        origin_find(&world.a, 3, "\r\nRange: bytes=0-5000000000\r\n"));
    close_world(&world);
}

static void
test_refuses_bad_requests(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    char url[256];
    static const char *const split[] = { "A: b\r\nC: d", NULL };
    static const char *const nameless[] = { "secret", NULL };
    open_world(&world, "a");
    for (int i = 0; i < 5; i++) {
        init_result(&result, &world);
        struct fetch_request request =
            request_for(&result, url, sizeof url, "/ok");
        if (i == 0)
            request.method = "DELETE";
        else if (i == 1)
            request.bearer = "secret\r\nX: y";
        else if (i == 2)
            request.headers = split;
        else if (i == 3)
            request.private_headers = nameless;
        else
            request.range_last = 3;
        run_request(&result, &request);
        assert_fails(&result, ERR_INVALID, "");
    }
    assert_int_equal(origin_n_requests(&world.a), 0);
    close_world(&world);
}

static void
test_broken_answers_are_told(void **state)
{
    (void)state;
    static const char *const paths[] = { "/short",     "/broken-chunk",
                                         "/cut-chunk", "/reset",
                                         "/no-http",   "/two-lengths",
                                         "/101",       "/nothing" };
    struct world world;
    struct result result;
    open_world(&world, "a");
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s?sig=secret", paths[i]);
        get(&result, &world, path);
        assert_fails(&result, ERR_BAD_GATEWAY, "127.0.0.1");
    }
    get(&result, &world, "/flood");
    assert_fails(&result, ERR_BAD_GATEWAY, "headers are longer than 65536");
    assert_int_equal(result.n_heads, 0);
    close_world(&world);
}

static void
test_nobody_there_is_unavailable(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    open_world(&world, "ab");
    int port = world.b.port;
    origin_close(&world.b);
    char url[64];
    init_result(&result, &world);
    struct fetch_request request = request_for(&result, url, sizeof url, "/");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/?secret", port);
    run_request(&result, &request);
    assert_fails(&result, ERR_UNAVAILABLE, "cannot connect");
    origin_open(&world.b, false);
    close_world(&world);
}

/* ---- redirects ---- */

static void
test_follows_redirects(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    open_world(&world, "ab");
    get(&result, &world, "/dir/relative");
    assert_hello(&result);
    assert_int_equal(result.n_hops, 1);
    assert_string_equal(result.linked_size, "7");
    assert_string_equal(result.etag, ""); /* hop 0 has none */
    assert_non_null(origin_find(&world.a, 1, "GET /ok?x=1 HTTP/1.1\r\n"));
    assert_non_null(strstr(result.url, "/ok?x=1"));
    get(&result, &world, "/fat");
    assert_hello(&result);
    get(&result, &world, "/other");
    assert_hello(&result);
    assert_int_equal(origin_n_requests(&world.b), 1);
    close_world(&world);
}

static void
test_odd_redirects_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        enum error_code code;
        const char *words;
    } rows[] = {
        { "/loop", ERR_REDIRECT_LOOP, "127.0.0.1: more than 10 redirects" },
        { "/empty", ERR_BAD_GATEWAY, "to nowhere" },
        { "/without", ERR_BAD_GATEWAY, "to nowhere" },
        { "/odd", ERR_BAD_GATEWAY, "not a URL" },
        { "/two", ERR_BAD_GATEWAY, "to two places" },
        { "/overlong", ERR_BAD_GATEWAY, "longer than 16384" },
        { "/file", ERR_FORBIDDEN, "file:// is not https://" },
        { "/private", ERR_FORBIDDEN, "downloads.allow_http" },
        { "/localhost", ERR_FORBIDDEN, "downloads.allow_http" },
        { "/other", ERR_FORBIDDEN, "downloads.allow_http" },
    };
    struct world world;
    struct result result;
    open_world(&world, "a");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        get(&result, &world, rows[i].path);
        assert_fails(&result, rows[i].code, rows[i].words);
        assert_int_equal(result.n_heads, 0);
    }
    assert_int_equal(origin_n_requests(&world.a),
                     10 + 10); /* the loop asks 11 times */
    assert_int_equal(origin_n_requests(&world.b), 0);
    close_world(&world);
}

static void
test_a_redirect_can_be_the_answer(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    char url[256];
    open_world(&world, "a");
    init_result(&result, &world);
    struct fetch_request request =
        request_for(&result, url, sizeof url, "/other");
    request.keeps_redirect = true;
    run_request(&result, &request);
    assert_int_equal(result.error.code, ERR_OK);
    assert_int_equal(result.status, 302);
    assert_string_equal(result.body, "move");
    assert_string_equal(result.linked_size, "7");
    close_world(&world);
}

static void
test_secrets_stay_with_their_origin(void **state)
{
    (void)state;
    static const char *const private[] = { "X-Private: secret", NULL };
    static const char *const open[] = { "X-Open: yes", NULL };
    struct world world;
    struct result result;
    char url[256];
    open_world(&world, "ab");
    init_result(&result, &world);
    struct fetch_request request =
        request_for(&result, url, sizeof url, "/same");
    request.bearer = "secret";
    request.private_headers = private;
    request.headers = open;
    run_request(&result, &request);
    assert_hello(&result);
    for (int i = 0; i < 2; i++) {
        assert_non_null(
            origin_find(&world.a, i, "\r\nAuthorization: Bearer secret\r\n"));
        assert_non_null(origin_find(&world.a, i, "\r\nX-Private: secret\r\n"));
    }
    init_result(&result, &world);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/other", world.a.port);
    run_request(&result, &request);
    assert_hello(&result);
    assert_non_null(origin_find(&world.a, 2, "Bearer secret"));
    assert_non_null(origin_find(&world.b, 0, "\r\nX-Open: yes\r\n"));
    assert_null(origin_find(&world.b, 0, "secret"));
    assert_null(origin_find(&world.b, 0, "Authorization"));
    close_world(&world);
}

static void
test_posts_through_redirects(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    char url[256];
    open_world(&world, "a");
    init_result(&result, &world);
    struct fetch_request request =
        request_for(&result, url, sizeof url, "/307");
    request.method = "POST";
    request.body = STR("body");
    run_request(&result, &request);
    assert_hello(&result);
    assert_non_null(origin_find(&world.a, 1, "POST /ok HTTP/1.1\r\n"));
    assert_non_null(origin_find(&world.a, 1, "\r\n\r\nbody"));
    init_result(&result, &world);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/303", world.a.port);
    run_request(&result, &request);
    assert_hello(&result);
    assert_non_null(origin_find(&world.a, 3, "GET /ok HTTP/1.1\r\n"));
    assert_null(origin_find(&world.a, 3, "body"));
    close_world(&world);
}

/* ---- rules ---- */

static void
test_rules_of_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        enum error_code code;
    } rows[] = {
        { "https://example.com/x", ERR_OK },
        { "https://example.com:443/x?y", ERR_OK },
        { "https://example.com:80/", ERR_OK },
        { "https://93.184.215.14/", ERR_OK },
        { "https://[2606:2800:21f::1]/", ERR_OK },
        { "http://inside.test/", ERR_OK },
        { "http://INSIDE.test:9/", ERR_OK },
        { "http://127.0.0.1:8080/", ERR_OK },
        { "https://[fd00::1]:7/", ERR_OK },
        { "http://127.0.0.1:8081/", ERR_FORBIDDEN },
        { "http://example.com/", ERR_FORBIDDEN },
        { "https://example.com:8443/", ERR_FORBIDDEN },
        { "https://localhost/", ERR_FORBIDDEN },
        { "https://a.LOCALHOST./", ERR_FORBIDDEN },
        { "https://127.0.0.1/", ERR_FORBIDDEN },
        { "https://0x7f.1/", ERR_FORBIDDEN },
        { "https://2130706433/", ERR_FORBIDDEN },
        { "https://169.254.169.254/", ERR_FORBIDDEN },
        { "https://[::1]/", ERR_FORBIDDEN },
        { "https://[::ffff:10.0.0.1]/", ERR_FORBIDDEN },
        { "https://[fd00::2]/", ERR_FORBIDDEN },
        { "ftp://example.com/", ERR_FORBIDDEN },
        { "file:///etc/passwd", ERR_FORBIDDEN },
        { "gopherissimo://example.com/", ERR_FORBIDDEN },
        { "https://user:secret@example.com/", ERR_INVALID },
        { "https://:secret@example.com/", ERR_INVALID },
        { "https://exa mple.com/", ERR_INVALID },
        { "https://example.com/\r\nX: y", ERR_INVALID },
        { "https://", ERR_INVALID },
        { "example.com/x", ERR_INVALID },
        { "", ERR_INVALID },
    };
    static const char *const allowed[] = { "inside.test", "127.0.0.1:8080",
                                           "[fd00::1]:7" };
    struct world world;
    open_world(&world, "");
    assert_int_equal(fetcher_set_allow_http(world.fetcher, allowed, 3, NULL),
                     0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = { .code = ERR_OK };
        int status = fetch_check_url(world.fetcher, rows[i].url, &error);
        if (error.code != rows[i].code)
            print_error("%s: %s\n", rows[i].url, error.message);
        assert_int_equal(error.code, rows[i].code);
        assert_int_equal(status, rows[i].code == ERR_OK ? 0 : -1);
        assert_null(strstr(error.message, "secret"));
    }
    close_world(&world);
}

static void
test_rules_of_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        bool is_public;
    } rows[] = {
        { "8.8.8.8", true },
        { "0.0.0.0", false },
        { "9.255.255.255", true },
        { "10.0.0.0", false },
        { "10.255.255.255", false },
        { "11.0.0.0", true },
        { "100.63.255.255", true },
        { "100.64.0.0", false },
        { "100.127.0.1", false },
        { "100.128.0.0", true },
        { "127.255.0.1", false },
        { "169.254.169.254", false },
        { "172.15.0.1", true },
        { "172.16.0.1", false },
        { "172.31.255.1", false },
        { "172.32.0.1", true },
        { "192.0.0.8", false },
        { "192.0.2.1", false },
        { "192.88.99.1", false },
        { "192.168.1.1", false },
        { "198.17.0.1", true },
        { "198.18.0.1", false },
        { "198.19.0.1", false },
        { "198.51.100.1", false },
        { "203.0.113.1", false },
        { "223.255.255.255", true },
        { "224.0.0.1", false },
        { "240.0.0.1", false },
        { "255.255.255.255", false },
        { "::", false },
        { "::1", false },
        { "::ffff:8.8.8.8", false },
        { "64:ff9b::808:808", false },
        { "100::1", false },
        { "2001::1", false },
        { "2001:db8::1", false },
        { "2001:4860:4860::8888", true },
        { "2002:a00:1::", false },
        { "2606:4700::1111", true },
        { "3fff::1", false },
        { "4000::1", false },
        { "fc00::1", false },
        { "fd12::1", false },
        { "fe80::1", false },
        { "ff02::1", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct address at = { .port = 443 };
        struct sockaddr_storage storage;
        socklen_t n;
        snprintf(at.host, sizeof at.host, "%s", rows[i].host);
        assert_int_equal(address_to_sockaddr(&at, &storage, &n, NULL), 0);
        bool is_public =
            fetch_address_is_public((const struct sockaddr *)&storage);
        if (is_public != rows[i].is_public)
            print_error("%s\n", rows[i].host);
        assert_int_equal(is_public, rows[i].is_public);
    }
}

static void
test_bad_allow_lists_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "",    "host:",  "host:0", "host:65536",
                                       ":80", "[::1]x", "[::1]:", "host:x" };
    struct world world;
    open_world(&world, "");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error error;
        assert_int_equal(
            fetcher_set_allow_http(world.fetcher, &bad[i], 1, &error), -1);
        assert_int_equal(error.code, ERR_INVALID);
        assert_string_equal(error.field, "downloads.allow_http");
    }
    close_world(&world);
}

static CURLcode
perform(const struct curl_api *curl, CURL *easy)
{
    int n_running, n_left;
    CURLM *multi = curl->multi_init();
    assert_non_null(multi);
    assert_int_equal(curl->multi_add_handle(multi, easy), CURLM_OK);
    const CURLMsg *message = NULL;
    while (message == NULL) {
        curl->multi_perform(multi, &n_running);
        message = curl->multi_info_read(multi, &n_left);
        if (message == NULL)
            curl->multi_poll(multi, NULL, 0, 1000, NULL);
    }
    CURLcode code = message->data.result;
    curl->multi_remove_handle(multi, easy);
    curl->multi_cleanup(multi);
    return code;
}

/* Whatever the name said: a hop whose URL passed, and whose address is inside
 * and not listed, as when the look-up has led there. It is refused before the
 * socket is opened, and before the request on a connection that is open. */
static void
test_a_name_cannot_lead_inside(void **state)
{
    (void)state;
    struct world world;
    char url[64];
    open_world(&world, "a");
    snprintf(url, sizeof url, "http://127.0.0.1:%d/ok", world.a.port);
    assert_int_equal(fetch_check_url(world.fetcher, url, NULL), 0);
    const struct curl_api *curl = &world.fetcher->curl; /* it is loaded now */
    for (int i = 0; i < 3; i++) {
        struct fetch fetch = {
            .curl = curl,
            .fetcher = world.fetcher,
            .rules = world.fetcher->rules,
            .request = { .url = url, .range_first = -1, .range_last = -1 }
        };
        strbuf_init(&fetch.url_text, 1000);
        arena_init(&fetch.arena, 1000);
        fetch_heads_init(&fetch.heads);
        pthread_mutex_init(&fetch.callback_lock, NULL);
        assert_int_equal(fetch_hop_first(&fetch), 0);
        assert_true(fetch.place.is_allowed_http);
        fetch.place.is_allowed_http = i == 0;
        if (i == 2)
            curl->easy_setopt(fetch.easy, CURLOPT_OPENSOCKETFUNCTION, NULL);
        fetch_hop_judge(&fetch, perform(curl, fetch.easy));
        assert_int_equal(fetch.error.code, i == 0 ? ERR_OK : ERR_FORBIDDEN);
        assert_int_equal(origin_n_requests(&world.a), 1);
        fetch_hop_release(&fetch);
        fetch_heads_release(&fetch.heads);
        strbuf_release(&fetch.url_text);
        arena_release(&fetch.arena);
        pthread_mutex_destroy(&fetch.callback_lock);
    }
    close_world(&world);
}

static void
test_certificates_are_verified(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    char url[256];
    struct origin tls;
    open_world(&world, "");
    origin_open(&tls, true);
    char entry[32];
    snprintf(entry, sizeof entry, "127.0.0.1:%d", tls.port);
    const char *const allowed[] = { entry };
    assert_int_equal(fetcher_set_allow_http(world.fetcher, allowed, 1, NULL),
                     0);
    init_result(&result, &world);
    struct fetch_request request = request_for(&result, url, sizeof url, "/");
    snprintf(url, sizeof url, "https://127.0.0.1:%d/?secret", tls.port);
    run_request(&result, &request);
    assert_fails(&result, ERR_BAD_GATEWAY, "certificate is not trusted");
    assert_int_equal(result.n_heads, 0);
    origin_close(&tls);
    close_world(&world);
}

/* The environment's proxy, here the origin, is asked to connect; but never
 * for what may be inside. */
static void
test_proxies_are_for_the_outside(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    char url[256];
    open_world(&world, "a");
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", world.b.port);
    /* No fetch runs: nobody reads the environment now. */
    setenv("https_proxy", proxy, 1);
    setenv("http_proxy", proxy, 1);
    get(&result, &world, "/ok");
    assert_hello(&result);
    assert_int_equal(origin_n_requests(&world.b), 0);
    init_result(&result, &world);
    struct fetch_request request = request_for(&result, url, sizeof url, "/");
    snprintf(url, sizeof url, "https://outside.test/?secret");
    run_request(&result, &request);
    assert_fails(&result, ERR_BAD_GATEWAY, "outside.test");
    assert_int_equal(origin_n_requests(&world.b), 1);
    assert_non_null(
        origin_find(&world.b, 0, "CONNECT outside.test:443 HTTP/1.1"));
    assert_null(origin_find(&world.b, 0, "secret"));
    close_world(&world);
    unsetenv("https_proxy");
    unsetenv("http_proxy");
}

/* ---- time ---- */

static void
test_stalls_are_given_up(void **state)
{
    (void)state;
    static const char *const paths[] = { "/stall", "/half-stall" };
    struct world world;
    struct result result;
    char url[256];
    open_world(&world, "a");
    for (int i = 0; i < 2; i++) {
        init_result(&result, &world);
        struct fetch_request request =
            request_for(&result, url, sizeof url, paths[i]);
        request.stall_ms = 100;
        run_request(&result, &request);
        assert_fails(&result, ERR_TIMEOUT, "no byte for 100 ms");
        assert_int_equal(result.n_heads, i);
        assert_string_equal(result.body, i == 0 ? "" : "half");
    }
    close_world(&world);
}

/* ---- pausing ---- */

enum { PIECES_BETWEEN_PAUSES = 40, AHEAD_BYTES_MAX = 24 * 1000 * 1000 };

static void
on_pause_over(struct timer *timer)
{
    struct result *result = LIST_ENTRY(timer, struct result, timer);
    fetch_resume(result->fetch);
}

static void
pause_a_while(void *arg)
{
    struct result *result = arg;
    timer_start(&result->world->loop, &result->timer, 150);
}

static enum fetch_verdict
on_body_pausing(void *ctx, struct str bytes)
{
    struct result *result = ctx;
    int64_t ahead = origin_sent_bytes(&result->world->a) - result->taken_bytes;
    if (ahead > result->most_ahead_bytes)
        result->most_ahead_bytes = ahead;
    if (result->pauses_next && result->n_pauses < 6) {
        result->pauses_next = false;
        result->n_pauses++;
        loop_post(&result->world->loop, pause_a_while, result);
        return FETCH_PAUSE;
    }
    result->pauses_next = true;
    result->taken_bytes += (int64_t)bytes.n;
    result->n_body_bytes += bytes.n;
    return FETCH_GO_ON;
}

/* What the origin got rid of and the reader did not take lies somewhere:
 * only as much as sockets hold and libcurl's one buffer. The pauses are
 * longer than stall_ms, which must not matter. */
static void
test_a_paused_reader_keeps_memory_flat(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    char url[256];
    open_world(&world, "a");
    init_result(&result, &world);
    timer_init(&result.timer, on_pause_over);
    struct fetch_request request =
        request_for(&result, url, sizeof url, "/very-long");
    request.on_body = on_body_pausing;
    run_request(&result, &request);
    assert_string_equal(result.error.message, "");
    assert_int_equal(result.n_pauses, 6);
    assert_int_equal(result.n_body_bytes, ORIGIN_LONG_BYTES);
    assert_in_range(result.most_ahead_bytes, 1, AHEAD_BYTES_MAX);
    close_world(&world);
}

static void
test_a_pause_is_no_stall(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    char url[256];
    open_world(&world, "a");
    init_result(&result, &world);
    timer_init(&result.timer, on_pause_over);
    result.pauses_next = true;
    result.n_pauses = 5;
    struct fetch_request request = request_for(&result, url, sizeof url, "/ok");
    request.on_body = on_body_pausing;
    request.stall_ms = 50;
    run_request(&result, &request);
    assert_string_equal(result.error.message, "");
    assert_int_equal(result.n_pauses, 6);
    assert_int_equal(result.n_body_bytes, 5);
    close_world(&world);
}

/* ---- cancelling ---- */

static void
cancel_now(void *arg)
{
    struct result *result = arg;
    fetch_cancel(result->fetch);
    atomic_store(&result->is_cancelled, true);
    fetch_cancel(result->fetch);
}

static enum fetch_verdict
on_body_cancelled(void *ctx, struct str bytes)
{
    struct result *result = ctx;
    if (atomic_load(&result->is_cancelled))
        atomic_fetch_add(&result->n_late, 1);
    if (!result->cancels_in_body) {
        result->cancels_in_body = true;
        loop_post(&result->world->loop, cancel_now, result);
    }
    result->n_body_bytes += bytes.n;
    usleep(100); /* so that most of the time one runs, and more are there */
    return result->pauses_next ? FETCH_PAUSE : FETCH_GO_ON;
}

static bool
is_over(struct result *result)
{
    struct fetcher *fetcher = result->world->fetcher;
    pthread_mutex_lock(&fetcher->lock);
    bool is_over = result->fetch->is_over;
    pthread_mutex_unlock(&fetcher->lock);
    return is_over;
}

enum phase { AT_ONCE, ASKED, IN_BODY, PAUSED, OVER, N_PHASES };

static void
test_cancels_in_every_phase(void **state)
{
    (void)state;
    static const char *const paths[N_PHASES] = { "/ok", "/stall", "/very-long",
                                                 "/very-long", "/ok" };
    struct world world;
    struct result result;
    char url[256];
    open_world(&world, "a");
    for (enum phase phase = AT_ONCE; phase < N_PHASES; phase++) {
        init_result(&result, &world);
        struct fetch_request request =
            request_for(&result, url, sizeof url, paths[phase]);
        int n_requests = origin_n_requests(&world.a);
        result.pauses_next = phase == PAUSED;
        if (phase == IN_BODY || phase == PAUSED)
            request.on_body = on_body_cancelled;
        result.fetch = fetch_start(world.fetcher, &request);
        assert_non_null(result.fetch);
        if (phase == ASKED)
            origin_await(&world.a, n_requests + 1);
        while (phase == OVER && !is_over(&result))
            sched_yield();
        if (phase != IN_BODY && phase != PAUSED)
            cancel_now(&result);
        loop_run(&world.loop);
        assert_int_equal(result.n_done, 1);
        assert_fails(&result, ERR_CANCELLED, "cancelled");
        assert_int_equal(atomic_load(&result.n_late), 0);
    }
    close_world(&world);
}

static void
test_callbacks_can_abort(void **state)
{
    (void)state;
    struct world world;
    struct result result;
    char url[256];
    open_world(&world, "a");
    init_result(&result, &world);
    struct fetch_request request = request_for(&result, url, sizeof url, "/ok");
    result.head_verdict = FETCH_ABORT;
    run_request(&result, &request);
    assert_fails(&result, ERR_CANCELLED, "cancelled");
    assert_int_equal(result.n_body_bytes, 0);
    close_world(&world);
}

static void
test_the_end_cancels_all(void **state)
{
    (void)state;
    enum { N = 8 };
    static const char *const paths[N] = { "/stall",     "/ok",   "/half-stall",
                                          "/very-long", "/loop", "/stall",
                                          "/ok",        "/404" };
    struct world world;
    struct result results[N];
    char url[256];
    open_world(&world, "a");
    for (int i = 0; i < N; i++) {
        init_result(&results[i], &world);
        struct fetch_request request =
            request_for(&results[i], url, sizeof url, paths[i]);
        results[i].fetch = fetch_start(world.fetcher, &request);
        assert_non_null(results[i].fetch);
    }
    fetcher_stop(world.fetcher);
    for (int i = 0; i < N; i++)
        assert_int_equal(results[i].n_done, 1);
    assert_int_equal(results[0].error.code, ERR_CANCELLED);
    struct fetch_request late = request_for(&results[0], url, sizeof url, "/");
    assert_null(fetch_start(world.fetcher, &late));
    close_world(&world);
}

static void
test_many_at_once(void **state)
{
    (void)state;
    enum { N = 200 };
    struct world world;
    char url[256];
    struct result *results = calloc(N, sizeof *results);
    assert_non_null(results);
    open_world(&world, "ab");
    for (int i = 0; i < N; i++) {
        init_result(&results[i], &world);
        struct fetch_request request = request_for(
            &results[i], url, sizeof url, i % 2 == 0 ? "/ok" : "/other");
        results[i].fetch = fetch_start(world.fetcher, &request);
        assert_non_null(results[i].fetch);
    }
    loop_run(&world.loop);
    for (int i = 0; i < N; i++) {
        assert_int_equal(results[i].n_done, 1);
        assert_hello(&results[i]);
    }
    close_world(&world);
    free(results);
}

/* ---- text ---- */

struct text_result {
    int n_done;
    int status;
    char body[64];
    char etag[16];
    struct error error;
};

static void
on_text(void *ctx, const struct fetch_answer *answer, const struct error *error)
{
    struct text_result *result = ctx;
    result->n_done++;
    if (error != NULL)
        result->error = *error;
    if (answer == NULL)
        return;
    result->status = answer->status;
    copy(result->body, sizeof result->body, answer->body);
    copy(result->etag, sizeof result->etag,
         fetch_header_get(answer->head, "ETag"));
}

static void
get_text(struct text_result *result, struct world *world, const char *path,
         const char *method, size_t max_bytes)
{
    char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", world->a.port, path);
    *result = (struct text_result){ .n_done = 0 };
    const struct fetch_text_request request = { .url = url,
                                                .method = method,
                                                .range_first = -1,
                                                .range_last = -1,
                                                .max_bytes = max_bytes,
                                                .on_done = on_text,
                                                .ctx = result };
    assert_non_null(fetch_text(world->fetcher, &request));
    loop_run(&world->loop);
    assert_int_equal(result->n_done, 1);
    assert_int_equal(result->status == 0, result->error.code != ERR_OK);
}

static void
test_keeps_an_answer_as_text(void **state)
{
    (void)state;
    struct world world;
    struct text_result result;
    open_world(&world, "a");
    get_text(&result, &world, "/same", NULL, 100);
    assert_int_equal(result.status, 200);
    assert_string_equal(result.body, "hello");
    assert_string_equal(result.etag, "\"e\"");
    get_text(&result, &world, "/ok", NULL, 5);
    assert_int_equal(result.status, 200);
    get_text(&result, &world, "/ok", NULL, 4);
    assert_int_equal(result.error.code, ERR_TOO_LARGE);
    get_text(&result, &world, "/chunks", NULL, 4);
    assert_int_equal(result.error.code, ERR_TOO_LARGE);
    get_text(&result, &world, "/ok", "HEAD", 4);
    assert_int_equal(result.status, 200);
    get_text(&result, &world, "/short", NULL, 100);
    assert_int_equal(result.error.code, ERR_BAD_GATEWAY);
    close_world(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gets_a_body_and_its_head),
        cmocka_unit_test(test_reads_what_servers_send),
        cmocka_unit_test(test_sends_method_body_and_range),
        cmocka_unit_test(test_refuses_bad_requests),
        cmocka_unit_test(test_broken_answers_are_told),
        cmocka_unit_test(test_nobody_there_is_unavailable),
        cmocka_unit_test(test_follows_redirects),
        cmocka_unit_test(test_odd_redirects_are_errors),
        cmocka_unit_test(test_a_redirect_can_be_the_answer),
        cmocka_unit_test(test_secrets_stay_with_their_origin),
        cmocka_unit_test(test_posts_through_redirects),
        cmocka_unit_test(test_rules_of_urls),
        cmocka_unit_test(test_rules_of_addresses),
        cmocka_unit_test(test_bad_allow_lists_are_refused),
        cmocka_unit_test(test_a_name_cannot_lead_inside),
        cmocka_unit_test(test_certificates_are_verified),
        cmocka_unit_test(test_proxies_are_for_the_outside),
        cmocka_unit_test(test_stalls_are_given_up),
        cmocka_unit_test(test_a_paused_reader_keeps_memory_flat),
        cmocka_unit_test(test_a_pause_is_no_stall),
        cmocka_unit_test(test_cancels_in_every_phase),
        cmocka_unit_test(test_callbacks_can_abort),
        cmocka_unit_test(test_the_end_cancels_all),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_keeps_an_answer_as_text),
    };
    static const char *const proxies[] = { "http_proxy",  "https_proxy",
                                           "HTTPS_PROXY", "all_proxy",
                                           "ALL_PROXY",   "no_proxy",
                                           "NO_PROXY" };
    for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++)
        unsetenv(proxies[i]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
