/* Events come out the same in every cut of the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "formats/sse.h"

static void
write_event(void *ctx, struct str name, struct str data)
{
    struct strbuf *out = ctx;
    strbuf_addf(out, "[%.*s|%.*s]", STR_ARG(name), STR_ARG(data));
}

struct sse_case {
    const char *stream;
    const char *events;
    bool is_between;
};

static const struct sse_case cases[] = {
    { "data: a\n\n", "[|a]", true },
    { "data: a\r\n\r\ndata:b\r\n\r\n", "[|a][|b]", true },
    { "data: a\r\rdata: b\n\n", "[|a][|b]", true },
    { "event: x\ndata: 1\ndata:  2\n\n", "[x|1\n 2]", true },
    { ": comment\n\n:\n\ndata: a\n\n", "[|a]", true },
    { "id: 7\nretry: 10\nunknown\ndata\n\n", "[|]", true },
    { "event: lonely\n\ndata: a\n\n", "[|a]", true },
    { "\xEF\xBB\xBF"
      "data: bom\n\n",
      "[|bom]", true },
    { "data: {\"a\":\"b:c\"}\n\n", "[|{\"a\":\"b:c\"}]", true },
    { "data: cut", "", false },
    { "data: not ended\n", "", false },
    { "data: 0123456789012345678901234567890123456789\n\ndata: a\n\n", "[|a]",
      true },
    { "data: 0123456789\ndata: 0123456789\ndata: 0123456789\n\ndata: a\n\n",
      "[|a]", true },
};

static void
test_every_case_in_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str stream = str_from(cases[i].stream);
        for (size_t piece = 1; piece <= stream.n; piece++) {
            struct strbuf out = STRBUF_INIT(4096);
            struct sse_reader reader;
            sse_reader_init(&reader, 30, write_event, &out);
            for (size_t at = 0; at < stream.n; at += piece) {
                size_t n = stream.n - at < piece ? stream.n - at : piece;
                char *copy = malloc(n);
                assert_non_null(copy);
                memcpy(copy, stream.p + at, n);
                sse_reader_feed(&reader, (struct str){ copy, n });
                free(copy);
            }
            if (strcmp(strbuf_text(&out), cases[i].events) != 0)
                print_error("case %zu in pieces of %zu\n", i, piece);
            assert_string_equal(strbuf_text(&out), cases[i].events);
            assert_int_equal(sse_reader_is_between(&reader),
                             cases[i].is_between);
            sse_reader_release(&reader);
            strbuf_release(&out);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case_in_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
