/* The n-th allocation of a request fails, for n = 1, 2, ... as far as there
 * are any: the client gets an answer, an error or a broken connection, no
 * lease is lost, nothing is left behind, and the next request is served. The
 * linker puts our allocators in place (--wrap); the sanitizer looks for
 * leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/units.h"
#include "fixture.h"

void *real_malloc(size_t n) __asm__("__real_malloc");
void *real_calloc(size_t n, size_t size) __asm__("__real_calloc");
void *real_realloc(void *p, size_t n) __asm__("__real_realloc");
void *our_malloc(size_t n) __asm__("__wrap_malloc");
void *our_calloc(size_t n, size_t size) __asm__("__wrap_calloc");
void *our_realloc(void *p, size_t n) __asm__("__wrap_realloc");

static _Atomic long n_left; /* the allocation that takes it to 0 fails */

static bool
is_last(void)
{
    return n_left > 0 && --n_left == 0;
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

static const char chat[] = "{\"x\":1,\"model\":\"alias\",\"stream\":true}";

struct talk {
    const char *headers;
    struct str body;
    enum engine_mode mode;
};

static void
send_talk(struct client *client, struct fixture *f, const struct talk *talk)
{
    char head[512];
    client_open(client, f);
    int n = snprintf(head, sizeof head,
                     "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
                     "Connection: close\r\nOrigin: http://page\r\n%s"
                     "Content-Length: %zu\r\n\r\n",
                     talk->headers, talk->body.n);
    client_send(client, (struct str){ head, (size_t)n });
    client_send(client, talk->body);
}

static bool
is_quiet(void *ctx)
{
    struct fixture *f = ctx;
    return gateway_active(f->gateway) == 0;
}

/* True when nothing was left to fail. */
static bool
talk_with_failure(const struct talk *talk, long n)
{
    struct fixture f;
    struct client client;
    fixture_open(&f);
    f.mode = talk->mode;
    f.n_events = 3;
    f.patience_ms = 2500; /* more than a broken write is waited for */
    send_talk(&client, &f, talk);
    n_left = n;
    run_until(&f, client_is_done, &client);
    bool has_failed = n_left == 0;
    n_left = 0;
    int status = client_status(&client);
    if (!has_failed)
        assert_int_equal(status, 200);
    client_close(&client);
    if (!run_until(&f, is_quiet, &f)) {
        /* It was the engine's memory that was missing: it never took the
         * connection. Its end ends the wait. */
        assert_int_equal(f.n_requests, 0);
        fixture_end_engine(&f);
        assert_true(run_until(&f, is_quiet, &f));
        fixture_close(&f);
        return false;
    }

    f.mode = ENGINE_ECHO;
    client_post(&client, &f, "/v1/chat/completions", "",
                STR("{\"model\":\"real\"}"));
    if (client_status(&client) != 200)
        print_error("n %ld: %s\n", n, strbuf_text(&client.in));
    assert_int_equal(client_status(&client), 200);
    client_close(&client);
    fixture_close(&f);
    return !has_failed;
}

static void
fail_each(const struct talk *talk, long at_least)
{
    long n = 1;
    while (!talk_with_failure(talk, n))
        n++;
    /* Less would mean that the allocators were not in place. */
    assert_in_range(n, at_least, 1000);
}

static void
test_events(void **state)
{
    (void)state;
    fail_each(&(struct talk){ .headers = "X-Hearth-Progress: 1\r\n",
                              .body = STR(chat),
                              .mode = ENGINE_EVENTS },
              15);
}

static void
test_spilled_form(void **state)
{
    (void)state;
    struct strbuf body = STRBUF_INIT(MIB);
    strbuf_add_text(&body, "--b\r\nContent-Disposition: form-data; "
                           "name=\"file\"\r\n\r\n");
    for (size_t i = 0; i < 600 * KIB; i++)
        strbuf_add_byte(&body, 'w');
    strbuf_add_text(&body, "\r\n--b\r\nContent-Disposition: form-data; "
                           "name=\"model\"\r\n\r\nalias\r\n--b--\r\n");
    fail_each(&(struct talk){ .headers = "Content-Type: multipart/form-data; "
                                         "boundary=b\r\n",
                              .body = strbuf_view(&body),
                              .mode = ENGINE_ECHO },
              25);
    strbuf_release(&body);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_spilled_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
