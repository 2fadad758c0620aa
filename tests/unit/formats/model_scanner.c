/* The scanner finds the one top-level "model" in every cut of a body. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/units.h"
#include "formats/model_scanner.h"

struct scan_case {
    const char *body;
    enum model_scan expected;
    const char *name;  /* MODEL_FOUND */
    const char *error; /* MODEL_ERROR: a part of the message */
    bool streams;
};

static const struct scan_case cases[] = {
    { "{\"model\":\"a\"}", MODEL_FOUND, "a", NULL, false },
    { " \r\n\t{ \"model\" : \"a b/c:d\" } ", MODEL_FOUND, "a b/c:d", NULL,
      false },
    { "{\"messages\":[{\"model\":\"no\"}],\"model\":\"yes\",\"x\":1}",
      MODEL_FOUND, "yes", NULL, false },
    { "{\"x\":{\"model\":\"no\",\"y\":[[[]],{}]},\"stream\":true,"
      "\"model\":\"yes\"}",
      MODEL_FOUND, "yes", NULL, true },
    { "{\"\\u006dodel\":\"esc\\u0061ped\"}", MODEL_FOUND, "escaped", NULL,
      false },
    { "{\"m\\u006f\\u0064el\":\"q\\\"\\\\\\/\\n\"}", MODEL_FOUND, "q\"\\/\n",
      NULL, false },
    { "{\"model\":\"\\ud83d\\ude00 \xc3\xa9\"}", MODEL_FOUND,
      "\xf0\x9f\x98\x80 \xc3\xa9", NULL, false },
    { "{\"prompt\":\"\\\"model\\\":\\\"no\\\"\",\"model\":\"m\"}", MODEL_FOUND,
      "m", NULL, false },
    { "{\"prompt\":\"ends in \\\\\",\"model\":\"m\"}", MODEL_FOUND, "m", NULL,
      false },
    { "{\"n\":-1.5e+10,\"t\":true,\"z\":null,\"model\":\"m\"}", MODEL_FOUND,
      "m", NULL, false },
    { "{\"model\":\"m\",\"stream\":false}", MODEL_FOUND, "m", NULL, false },
    { "{\"model\":\"m\",\"stream\" : true }", MODEL_FOUND, "m", NULL, true },
    { "{\"model\":\"m\",\"o\":{\"stream\":true}}", MODEL_FOUND, "m", NULL,
      false },
    { "{\"Model\":\"m\"}", MODEL_MISSING, NULL, NULL, false },
    { "{}", MODEL_MISSING, NULL, NULL, false },
    { "{\"models\":\"m\",\"mode\":1}", MODEL_MISSING, NULL, NULL, false },
    { "{\"model\":\"\"}", MODEL_FOUND, "", NULL, false },
    { "{\"model\":\"a\",\"model\":\"a\"}", MODEL_ERROR, NULL, "more than once",
      false },
    { "{\"model\":\"a\",\"x\":[1],\"\\u006dodel\":2}", MODEL_ERROR, NULL,
      "more than once", false },
    { "{\"model\":1}", MODEL_ERROR, NULL, "must be a string", false },
    { "{\"model\":null}", MODEL_ERROR, NULL, "must be a string", false },
    { "{\"model\":[\"a\"]}", MODEL_ERROR, NULL, "must be a string", false },
    { "{\"model\":{\"a\":\"b\"}}", MODEL_ERROR, NULL, "must be a string",
      false },
    { "{\"model\":\"\\ud800\"}", MODEL_ERROR, NULL, "valid characters", false },
    { "{\"model\":\"\\x\"}", MODEL_ERROR, NULL, "valid characters", false },
    { "{\"model\":\"\xff\"}", MODEL_ERROR, NULL, "valid characters", false },
    { "[\"model\"]", MODEL_ERROR, NULL, "must be a JSON object", false },
    { "\"model\"", MODEL_ERROR, NULL, "must be a JSON object", false },
    { "model=a", MODEL_ERROR, NULL, "must be a JSON object", false },
    { "{model:\"a\"}", MODEL_ERROR, NULL, "not valid JSON", false },
    { "{\"x\" \"a\"}", MODEL_ERROR, NULL, "not valid JSON", false },
    { "{\"x\":1 \"model\":\"a\"}", MODEL_ERROR, NULL, "not valid JSON", false },
    { "{\"x\":1,}", MODEL_ERROR, NULL, "not valid JSON", false },
    { "{\"x\":}", MODEL_ERROR, NULL, "not valid JSON", false },
    { "{\"model\":\"a", MODEL_UNKNOWN, NULL, NULL, false },
    { "{\"prompt\":\"never ends", MODEL_UNKNOWN, NULL, NULL, false },
    { "", MODEL_UNKNOWN, NULL, NULL, false },
};

/* Each piece in memory of its own, so that a read past it is seen. */
static enum model_scan
feed_in_pieces(struct model_scanner *scanner, struct str body, size_t piece)
{
    enum model_scan scan = MODEL_UNKNOWN;
    for (size_t at = 0; at < body.n; at += piece) {
        size_t n = body.n - at < piece ? body.n - at : piece;
        char *copy = malloc(n);
        assert_non_null(copy);
        memcpy(copy, body.p + at, n);
        scan = model_scanner_feed(scanner, (struct str){ copy, n });
        free(copy);
        if (scan == MODEL_ERROR)
            break;
    }
    return scan;
}

static void
check_found(const struct model_scanner *scanner, const struct scan_case *c)
{
    struct strbuf name = STRBUF_INIT(MODEL_NAME_BYTES);
    assert_int_equal(model_scanner_name(scanner, &name), 0);
    assert_string_equal(strbuf_text(&name), c->name);
    strbuf_release(&name);
    /* The range is the value, quotes included, and its text gives the same
     * name again. */
    size_t begin = (size_t)model_scanner_begin(scanner);
    size_t end = (size_t)model_scanner_end(scanner);
    assert_in_range(end, begin + 2, strlen(c->body));
    assert_int_equal(c->body[begin], '"');
    assert_int_equal(c->body[end - 1], '"');
    struct strbuf again = STRBUF_INIT(MODEL_NAME_BYTES);
    struct str inner = { c->body + begin + 1, end - begin - 2 };
    assert_int_equal(json_unescape(inner, &again), 0);
    assert_string_equal(strbuf_text(&again), c->name);
    strbuf_release(&again);
    assert_int_equal(model_scanner_streams(scanner), c->streams);
}

static void
test_every_case_in_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct scan_case *c = &cases[i];
        struct str body = str_from(c->body);
        for (size_t piece = 1; piece <= body.n + 1; piece++) {
            struct model_scanner scanner;
            model_scanner_init(&scanner);
            enum model_scan scan = feed_in_pieces(&scanner, body, piece);
            if (scan != c->expected)
                print_error("%s in pieces of %zu\n", c->body, piece);
            assert_int_equal(scan, c->expected);
            if (scan == MODEL_FOUND)
                check_found(&scanner, c);
            if (scan == MODEL_ERROR) {
                struct error error;
                model_scanner_error(&scanner, &error);
                if (strstr(error.message, c->error) == NULL)
                    print_error("%s: %s\n", c->body, error.message);
                assert_non_null(strstr(error.message, c->error));
            }
            model_scanner_release(&scanner);
        }
    }
}

static void
test_long_strings_of_every_alignment(void **state)
{
    (void)state;
    for (size_t pad = 0; pad < 70; pad++) {
        for (size_t quote = 0; quote < 40; quote++) {
            struct strbuf body = STRBUF_INIT(4096);
            strbuf_add_text(&body, "{\"prompt\":\"");
            for (size_t i = 0; i < pad; i++)
                strbuf_add_byte(&body, 'x');
            strbuf_add_text(&body, "\\\"");
            for (size_t i = 0; i < quote; i++)
                strbuf_add_byte(&body, 'y');
            strbuf_add_text(&body, "\\\\\",\"model\":\"deep\"}");
            struct model_scanner scanner;
            model_scanner_init(&scanner);
            assert_int_equal(
                feed_in_pieces(&scanner, strbuf_view(&body), body.n),
                MODEL_FOUND);
            assert_int_equal(model_scanner_end(&scanner), body.n - 1);
            model_scanner_release(&scanner);
            strbuf_release(&body);
        }
    }
}

static void
test_name_has_a_limit(void **state)
{
    (void)state;
    struct strbuf body = STRBUF_INIT(MIB);
    strbuf_add_text(&body, "{\"model\":\"");
    for (size_t i = 0; i < MODEL_NAME_BYTES; i++)
        strbuf_add_byte(&body, 'm');
    struct model_scanner scanner;
    model_scanner_init(&scanner);
    assert_int_equal(model_scanner_feed(&scanner, strbuf_view(&body)),
                     MODEL_ERROR);
    struct error error;
    model_scanner_error(&scanner, &error);
    assert_non_null(strstr(error.message, "longer than 1024"));
    model_scanner_release(&scanner);
    strbuf_release(&body);
}

/* A long string of quotes' and backslashes' every neighbourhood ends at the
 * same byte whether it is looked at whole or byte by byte. */
static void
test_escapes_in_long_strings(void **state)
{
    (void)state;
    enum { PIECES = 400, ROUNDS = 2000 };
    static const char *const pieces[] = { "\\\\", "\\\"", "\\n", "x",
                                          "some longer text of no interest" };
    uint32_t seed = 1;
    for (int round = 0; round < ROUNDS; round++) {
        struct strbuf body = STRBUF_INIT(64 * KIB);
        strbuf_add_text(&body, "{\"prompt\":\"");
        for (int i = 0; i < PIECES; i++) {
            seed = seed * 1664525 + 1013904223;
            /* Some rounds are nearly nothing but escapes. */
            unsigned n_kinds = round % 2 == 0 ? 2 : 5;
            strbuf_add_text(&body, pieces[(seed >> 16) % n_kinds]);
        }
        strbuf_add_text(&body, "\",\"model\":\"m\"}");
        struct model_scanner whole, cut;
        model_scanner_init(&whole);
        model_scanner_init(&cut);
        assert_int_equal(model_scanner_feed(&whole, strbuf_view(&body)),
                         MODEL_FOUND);
        enum model_scan scan = MODEL_UNKNOWN;
        for (size_t at = 0; at < body.n; at += 1 + (size_t)round % 150) {
            size_t n = 1 + (size_t)round % 150;
            n = n < body.n - at ? n : body.n - at;
            scan = model_scanner_feed(&cut, (struct str){ body.p + at, n });
        }
        assert_int_equal(scan, MODEL_FOUND);
        assert_int_equal(model_scanner_begin(&whole), body.n - 4);
        assert_int_equal(model_scanner_begin(&cut), body.n - 4);
        model_scanner_release(&whole);
        model_scanner_release(&cut);
        strbuf_release(&body);
    }
}

static void
test_found_early_then_doubled(void **state)
{
    (void)state;
    struct model_scanner scanner;
    model_scanner_init(&scanner);
    assert_int_equal(model_scanner_feed(&scanner, STR("{\"model\":\"a\",")),
                     MODEL_FOUND);
    assert_false(model_scanner_knows_stream(&scanner));
    assert_int_equal(model_scanner_feed(&scanner, STR("\"stream\":true,")),
                     MODEL_FOUND);
    assert_true(model_scanner_knows_stream(&scanner));
    assert_true(model_scanner_streams(&scanner));
    assert_int_equal(model_scanner_feed(&scanner, STR("\"model\":\"b\"")),
                     MODEL_ERROR);
    model_scanner_release(&scanner);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case_in_every_cut),
        cmocka_unit_test(test_long_strings_of_every_alignment),
        cmocka_unit_test(test_name_has_a_limit),
        cmocka_unit_test(test_escapes_in_long_strings),
        cmocka_unit_test(test_found_early_then_doubled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
