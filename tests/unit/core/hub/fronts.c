/* Fronts of files, by answers from a script: this program's own fetch_start()
 * stands in for the one of io. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hub/hub.h"

static const char content[] = "0123456789abcdefghijklmnopqrstuvwxyz";
enum { SIZE = sizeof content - 1 };

static struct fetch_request pending;
static char asked_url[256];
static bool is_pending;

struct fetch *
fetch_start(struct fetcher *fetcher, const struct fetch_request *request)
{
    assert_null(fetcher);
    assert_false(is_pending);
    pending = *request;
    snprintf(asked_url, sizeof asked_url, "%s", request->url);
    is_pending = true;
    return (struct fetch *)&pending;
}

struct fetch *
fetch_text(struct fetcher *fetcher, const struct fetch_text_request *request)
{
    (void)fetcher;
    (void)request;
    fail_msg("nothing is asked whole");
    return NULL;
}

int
fetch_check_url(struct fetcher *fetcher, const char *url, struct error *error)
{
    (void)fetcher;
    (void)url;
    (void)error;
    return 0;
}

/* ---- the hub ---- */

static struct hub *hub;
static struct hub_reader *reader;
static struct error error;
static char front[SIZE + 1];
static size_t n_done;

static struct hub_options
options_of(bool is_offline)
{
    return (struct hub_options){ .huggingface_endpoint = "https://hub.test",
                                 .huggingface_token = "hf_stored",
                                 .civitai_endpoint = "https://art.test",
                                 .civitai_token = "",
                                 .is_offline = is_offline };
}

static const struct hub_plan *
plan_of(int64_t size_bytes)
{
    static char id[] = "org/name", empty[] = "", ref[] = "main",
                token[] = "hf_plan", paths[][8] = { "a.gguf", "b.gguf" },
                urls[][32] = { "https://hub.test/a", "https://hub.test/b" };
    static struct hub_file files[2];
    static struct hub_plan plan;
    for (size_t i = 0; i < 2; i++)
        files[i] = (struct hub_file){ .path = paths[i],
                                      .url = urls[i],
                                      .size_bytes = size_bytes };
    plan = (struct hub_plan){ .model_id = id,
                              .revision = empty,
                              .ref = ref,
                              .variant = empty,
                              .token = token,
                              .files = files,
                              .n_files = 2 };
    return &plan;
}

static void
open_all(int64_t size_bytes)
{
    const struct hub_options options = options_of(false);
    assert_int_equal(hub_new(&options, &hub, &error), 0);
    assert_int_equal(hub_reader_open(hub, plan_of(size_bytes), &reader, &error),
                     0);
}

static void
close_all(void)
{
    hub_reader_close(reader);
    hub_free(hub);
}

static void
on_front(void *ctx, struct str bytes, const struct error *what)
{
    (void)ctx;
    n_done++;
    error = (struct error){ .code = ERR_OK };
    if (what != NULL)
        error = *what;
    assert_true(bytes.n < sizeof front);
    memcpy(front, bytes.p, bytes.n);
    front[bytes.n] = '\0';
}

/* ---- the answers ---- */

struct answer {
    int status;
    const char *range; /* Content-Range, or NULL */
    const char *body;
    const char *name, *value; /* one more header */
    enum error_code failure;  /* behind the body */
};

static void
give(const struct answer *answer)
{
    struct fetch_header headers[2];
    struct fetch_head head = { .status = answer->status,
                               .headers = headers,
                               .content_length = -1 };
    struct error what = { .code = answer->failure };
    is_pending = false;
    if (answer->range != NULL)
        headers[head.n_headers++] =
            (struct fetch_header){ STR("Content-Range"),
                                   str_from(answer->range), 0 };
    if (answer->name != NULL)
        headers[head.n_headers++] =
            (struct fetch_header){ str_from(answer->name),
                                   str_from(answer->value), 0 };
    enum fetch_verdict verdict = FETCH_GO_ON;
    if (answer->status != 0)
        verdict = pending.on_head(pending.ctx, &head);
    /* Five bytes at a time, until the reader has enough. */
    struct str rest = str_from(answer->body);
    while (verdict == FETCH_GO_ON && rest.n > 0) {
        struct str piece = { rest.p, rest.n < 5 ? rest.n : 5 };
        verdict = pending.on_body(pending.ctx, piece);
        rest = (struct str){ rest.p + piece.n, rest.n - piece.n };
    }
    if (verdict == FETCH_ABORT)
        error_set(&what, ERR_CANCELLED, "cancelled");
    pending.on_done(pending.ctx, what.code == ERR_OK ? NULL : &what);
}

/* Reads `n` bytes of a file; what was answered is in `front` and `error`. */
static bool
ask(size_t file, int64_t n, const struct answer *answer)
{
    n_done = 0;
    assert_int_equal(hub_reader_read(reader, file, n, on_front, NULL, &error),
                     0);
    assert_int_equal(n_done, 0);
    give(answer);
    assert_int_equal(n_done, 1);
    return error.code == ERR_OK;
}

/* ---- tests ---- */

static void
fronts_grow(void **state)
{
    const struct answer first = { .status = 206,
                                  .range = "bytes 0-9/36",
                                  .body = "0123456789" };
    const struct answer second = { .status = 206,
                                   .range = "bytes 10-19/36",
                                   .body = "abcdefghij" };
    const struct answer last = { .status = 206,
                                 .range = "bytes 20-35/36",
                                 .body = "klmnopqrstuvwxyz" };
    open_all(SIZE);
    assert_true(ask(0, 10, &first));
    assert_string_equal(front, "0123456789");
    assert_int_equal(pending.range_first, 0);
    assert_int_equal(pending.range_last, 9);
    assert_string_equal(asked_url, "https://hub.test/a");
    assert_string_equal(pending.bearer, "hf_plan");
    assert_true(ask(0, 20, &second));
    assert_string_equal(front, "0123456789abcdefghij");
    assert_int_equal(pending.range_first, 10);
    assert_true(ask(0, 1000, &last)); /* no more than the file has */
    assert_string_equal(front, content);
    assert_int_equal(pending.range_last, SIZE - 1);
    assert_int_equal(hub_reader_bytes(reader), SIZE);
    assert_true(ask(1, 10, &first)); /* another file: from its first byte */
    assert_string_equal(front, "0123456789");
    assert_string_equal(asked_url, "https://hub.test/b");
    close_all();
}

static void
whole_answers_are_cut(void **state)
{
    const struct answer whole = { .status = 200, .body = content };
    open_all(SIZE);
    assert_true(ask(0, 7, &whole));
    assert_string_equal(front, "0123456");
    assert_int_equal(hub_reader_bytes(reader), 10); /* two pieces */
    assert_true(ask(0, 12, &whole));
    assert_string_equal(front, "0123456789ab");
    assert_true(ask(0, SIZE, &whole));
    assert_string_equal(front, content);
    /* More than the range that it announced. */
    const struct answer more = { .status = 206,
                                 .range = "bytes 0-7/36",
                                 .body = content };
    assert_true(ask(1, 8, &more));
    assert_string_equal(front, "01234567");
    close_all();
}

static void
odd_answers(void **state)
{
    const struct {
        struct answer answer;
        enum error_code code;
        const char *words;
    } rows[] = {
        { { .status = 206, .range = "bytes 3-9/36", .body = "3456789" },
          ERR_BAD_GATEWAY,
          "other bytes" },
        { { .status = 206, .body = "0123456789" },
          ERR_BAD_GATEWAY,
          "other bytes" },
        { { .status = 206, .range = "bytes 0-4/36", .body = "01234" },
          ERR_BAD_GATEWAY,
          "only 5 bytes of a.gguf" },
        { { .status = 200, .body = "0123" }, ERR_BAD_GATEWAY, "only 4 bytes" },
        { { .status = 206,
            .range = "bytes 0-9/36",
            .body = "0123",
            .failure = ERR_TIMEOUT },
          ERR_TIMEOUT,
          "" },
        { { .status = 0, .body = "", .failure = ERR_CANCELLED },
          ERR_CANCELLED,
          "" },
        { { .status = 403,
            .body = "{\"error\":\"no\"}",
            .name = "X-Error-Code",
            .value = "GatedRepo" },
          ERR_FORBIDDEN,
          "org/name is gated" },
        { { .status = 404,
            .body = "",
            .name = "X-Error-Code",
            .value = "EntryNotFound" },
          ERR_NOT_FOUND,
          "no such file" },
        { { .status = 429, .body = "", .name = "Retry-After", .value = "9" },
          ERR_TOO_MANY_REQUESTS,
          "wait 9 s" },
        { { .status = 500, .body = "{\"error\":\"hf_plan is bad\"}" },
          ERR_UNAVAILABLE,
          "500: *** is bad" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_all(SIZE);
        assert_false(ask(0, 10, &rows[i].answer));
        assert_int_equal(error.code, rows[i].code);
        if (strstr(error.message, rows[i].words) == NULL)
            fail_msg("%zu: \"%s\"", i, error.message);
        assert_string_equal(front, "");
        close_all();
    }
}

static void
what_is_not_asked(void **state)
{
    const struct hub_options offline = options_of(true);
    open_all(INT64_C(1) << 40);
    assert_int_equal(hub_reader_read(reader, 0, HUB_FRONT_BYTES_MAX + 1,
                                     on_front, NULL, &error),
                     -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    assert_int_equal(hub_configure(hub, &offline, &error), 0);
    assert_int_equal(hub_reader_read(reader, 0, 10, on_front, NULL, &error),
                     -1);
    assert_int_equal(error.code, ERR_UNAVAILABLE);
    close_all();
    open_all(-1);
    assert_int_equal(hub_reader_read(reader, 0, 10, on_front, NULL, &error),
                     -1);
    assert_int_equal(error.code, ERR_BAD_GATEWAY);
    assert_false(is_pending);
    close_all();
}

static void
readers_are_few_and_may_outlive_the_hub(void **state)
{
    struct hub_reader *more[HUB_READERS_MAX], *none = NULL;
    open_all(SIZE);
    for (size_t i = 1; i < HUB_READERS_MAX; i++)
        assert_int_equal(hub_reader_open(hub, plan_of(SIZE), &more[i], &error),
                         0);
    assert_int_equal(hub_reader_open(hub, plan_of(SIZE), &none, &error), -1);
    assert_int_equal(error.code, ERR_TOO_MANY_REQUESTS);
    hub_reader_close(more[1]);
    assert_int_equal(hub_reader_open(hub, plan_of(SIZE), &more[1], &error), 0);
    hub_free(hub);
    assert_int_equal(hub_reader_read(reader, 0, 10, on_front, NULL, &error),
                     -1);
    assert_int_equal(error.code, ERR_CANCELLED);
    for (size_t i = 1; i < HUB_READERS_MAX; i++)
        hub_reader_close(more[i]);
    hub_reader_close(reader);
    hub_reader_close(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fronts_grow),
        cmocka_unit_test(whole_answers_are_cut),
        cmocka_unit_test(odd_answers),
        cmocka_unit_test(what_is_not_asked),
        cmocka_unit_test(readers_are_few_and_may_outlive_the_hub),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
