#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "formats/json.h"

static struct json_doc *
parse(const char *text)
{
    struct error error;
    struct json_doc *doc = json_parse(str_from(text), &error);
    if (doc == NULL)
        fail_msg("%s: %s", text, error.message);
    return doc;
}

static void
test_reads_values(void **state)
{
    struct json_doc *doc = parse("{\"t\":\"a\\u00e9\\u0000b\",\"i\":-7,"
                                 "\"r\":2.5,\"b\":true,\"n\":null,"
                                 "\"l\":[1,[2],{}],\"o\":{\"k\":1}}");
    const struct json *root = json_root(doc);
    assert_int_equal(json_type(root), JSON_OBJECT);
    assert_int_equal(json_count(root), 7);
    struct str text;
    assert_true(json_as_text(json_get(root, "t"), &text));
    assert_int_equal(text.n, 5);
    assert_memory_equal(text.p, "a\xC3\xA9\0b", 5);
    int64_t number;
    assert_true(json_as_int(json_get(root, "i"), &number));
    assert_int_equal(number, -7);
    double real;
    assert_true(json_as_real(json_get(root, "r"), &real));
    assert_true(real == 2.5);
    assert_true(json_as_real(json_get(root, "i"), &real));
    assert_true(real == -7.0);
    bool flag = false;
    assert_true(json_as_bool(json_get(root, "b"), &flag));
    assert_true(flag);
    assert_int_equal(json_type(json_get(root, "n")), JSON_NULL);
    assert_non_null(json_get(root, "n"));
    assert_null(json_get(root, "absent"));
    const struct json *list = json_get(root, "l");
    assert_int_equal(json_count(list), 3);
    assert_int_equal(json_type(json_at(list, 1)), JSON_ARRAY);
    assert_null(json_at(list, 3));
    assert_int_equal(json_type(json_get_str(root, STR("o"))), JSON_OBJECT);
    json_doc_free(doc);
}

static void
test_types_are_not_mixed(void **state)
{
    struct json_doc *doc = parse("[\"1\",1,1.0,true,9223372036854775807,"
                                 "9223372036854775808,-9223372036854775808]");
    const struct json *root = json_root(doc);
    static const bool is_int[] = {
        false, true, false, false, true, false, true
    };
    static const bool is_real[] = {
        false, true, true, false, true, true, true
    };
    for (size_t i = 0; i < 7; i++) {
        int64_t number;
        double real;
        struct str text;
        bool flag;
        const struct json *value = json_at(root, i);
        assert_int_equal(json_as_int(value, &number), is_int[i]);
        assert_int_equal(json_as_real(value, &real), is_real[i]);
        assert_int_equal(json_as_text(value, &text), i == 0);
        assert_int_equal(json_as_bool(value, &flag), i == 3);
    }
    assert_null(json_get(root, "a"));
    assert_null(json_at(json_at(root, 0), 0));
    assert_int_equal(json_count(json_at(root, 0)), 0);
    assert_int_equal(json_type(NULL), JSON_NULL);
    assert_string_equal(json_type_name(json_type(json_at(root, 2))),
                        "a number");
    json_doc_free(doc);
}

static void
test_walks_objects(void **state)
{
    struct json_doc *doc = parse("{\"one\":1,\"two\":[2,{\"x\":0}],"
                                 "\"three\":3}");
    static const char *const keys[] = { "one", "two", "three" };
    struct json_iter it;
    size_t n = 0;
    for (json_iter_init(&it, json_root(doc)); json_iter_next(&it); n++) {
        assert_true(str_is(it.key, keys[n]));
        assert_ptr_equal(it.value, json_get(json_root(doc), keys[n]));
    }
    assert_int_equal(n, 3);
    json_iter_init(&it, json_get(json_root(doc), "one"));
    assert_false(json_iter_next(&it));
    json_iter_init(&it, NULL);
    assert_false(json_iter_next(&it));
    json_doc_free(doc);
}

struct refusal {
    const char *text;
    const char *place; /* how the message begins */
    const char *says;  /* what it contains */
};

static void
test_refuses(void **state)
{
    static const struct refusal rows[] = {
        { "", "line 1, column 1: ", "nothing there" },
        { "  ", "line 1, column ", "" },
        { "{\"a\":1,}", "line 1, column 7: ", "comma" },
        { "{\"a\":1 // no\n}", "line 1, column 8: ", "" },
        { "[1] [2]", "line 1, column 5: ", "" },
        { "{'a':1}", "line 1, column 2: ", "" },
        { "[NaN]", "line 1, column 2: ", "" },
        { "[01]", "line 1, column ", "" },
        { "[1e999]", "line 1, column 2: ", "" },
        { "[\n\n  x]", "line 3, column 3: ", "" },
        { "[\"\xC3\xA9\xC3\xA9\", x]", "line 1, column 8: ", "" },
        { "[\"\xFF\"]", "line 1, column ", "" },
        { "[\"\xED\xA0\x80\"]", "line 1, column ", "" },
        { "[\"\\ud800\"]", "line 1, column ", "" },
        { "[\"a\nb\"]", "line 1, column ", "" },
        { "\xEF\xBB\xBF[]", "line 1, column 1: ", "" },
        { "{\"a\":1,\n \"a\":2}", "line 2, column 2: ", "\"a\"" },
        { "{\"a\":{\"b\":1,\"c\":2,\"b\":3}}", "line 1, column 19: ", "\"b\"" },
        { "{\"a\":1,\"\\u0061\":2}", "line 1, column 8: ", "\"a\"" },
        { "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,"
          "\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"c\":1}",
          "line 1, column 80: ", "\"c\"" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = { 0 };
        struct json_doc *doc = json_parse(str_from(rows[i].text), &error);
        if (doc != NULL)
            fail_msg("accepted: %s", rows[i].text);
        assert_int_equal(error.code, ERR_BAD_REQUEST);
        if (strncmp(error.message, rows[i].place, strlen(rows[i].place)) != 0)
            fail_msg("%s gave \"%s\", expected \"%s\"", rows[i].text,
                     error.message, rows[i].place);
        assert_non_null(strstr(error.message, rows[i].says));
    }
}

static void
test_limits_depth(void **state)
{
    char text[4 * LIMIT_JSON_DEPTH];
    for (int depth = LIMIT_JSON_DEPTH; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        struct error error;
        struct json_doc *doc =
            json_parse((struct str){ text, 2 * (size_t)depth }, &error);
        assert_int_equal(doc != NULL, depth == LIMIT_JSON_DEPTH);
        json_doc_free(doc);
        if (depth > LIMIT_JSON_DEPTH)
            assert_non_null(strstr(error.message, "column 65: nested"));
    }
    json_doc_free(
        parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
              "[[[[[[[[[[[[[[[[[\\\"[[[\""));
}

static void
write_all(struct json_writer *w, const struct json *copied)
{
    json_object_begin(w);
    json_key(w, "empty");
    json_array_begin(w);
    json_array_end(w);
    json_key(w, "list");
    json_array_begin(w);
    json_int(w, INT64_MIN);
    json_real(w, 0.1);
    json_real(w, 3);
    json_real(w, 1e300);
    json_real(w, NAN);
    json_bool(w, false);
    json_object_begin(w);
    json_object_end(w);
    json_text(w, NULL);
    json_text(w, "a\"\\\b\f\n\r\t\x01/\xC3\xA9");
    json_str(w, (struct str){ "x\xFFy\xC3", 4 });
    json_str(w, (struct str){ NULL, 0 });
    json_array_end(w);
    json_key_str(w, STR("k\n"));
    json_value(w, copied);
    json_key(w, "raw");
    json_raw(w, STR("[1]"));
    json_key(w, "absent");
    json_value(w, NULL);
    json_object_end(w);
}

static void
test_writes(void **state)
{
    struct json_doc *doc = parse("{ \"deep\" : [ { \"er\": 1.5 } ] }");
    struct strbuf out = STRBUF_INIT(4096);
    struct json_writer w;
    json_writer_init(&w, &out);
    write_all(&w, json_root(doc));
    assert_string_equal(
        strbuf_text(&out),
        "{\"empty\":[],\"list\":[-9223372036854775808,0.1,3,"
        "1e+300,null,false,{},null,"
        "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001/\xC3\xA9\","
        "\"x\xEF\xBF\xBDy\xEF\xBF\xBD\",\"\"],"
        "\"k\\n\":{\"deep\":[{\"er\":1.5}]},\"raw\":[1],\"absent\":null}");
    assert_int_equal(w.depth, 0);
    json_doc_free(parse(strbuf_text(&out)));
    strbuf_release(&out);
    char *text = json_to_text(json_get(json_root(doc), "deep"));
    assert_string_equal(text, "[{\"er\":1.5}]");
    free(text);
    assert_null(json_to_text(NULL));
    json_doc_free(doc);
}

static void
test_writing_stops_at_the_ceiling(void **state)
{
    struct strbuf out = STRBUF_INIT(8);
    struct json_writer w;
    json_writer_init(&w, &out);
    json_array_begin(&w);
    json_text(&w, "0123456789");
    json_array_end(&w);
    assert_true(strbuf_failed(&out));
    strbuf_release(&out);
}

static void
test_reads_in_place(void **state)
{
    struct strbuf text = STRBUF_INIT(64);
    struct error error;
    struct str word;
    strbuf_add_text(&text, "{\"a\":\"x\\ny\",\"b\":[1,2]}");
    struct json_doc *doc = json_parse_in_place(&text, &error);
    assert_non_null(doc);
    assert_true(json_as_text(json_get(json_root(doc), "a"), &word));
    assert_true(str_is(word, "x\ny"));
    assert_int_equal(json_count(json_get(json_root(doc), "b")), 2);
    json_doc_free(doc);
    strbuf_clear(&text);
    strbuf_add_text(&text, "{\"\\u0061\":1,\n \"a\":2}");
    assert_null(json_parse_in_place(&text, &error));
    assert_string_equal(error.message,
                        "line 2, column 2: the key \"a\" stands there twice");
    strbuf_release(&text);
    strbuf_init(&text, 2); /* no room for the padding */
    strbuf_add_text(&text, "{}");
    assert_null(json_parse_in_place(&text, &error));
    assert_int_equal(error.code, ERR_TOO_LARGE);
    strbuf_release(&text);
    assert_int_equal(json_values_at_most(STR("{\"a,[\\\"\":[1,2]}")), 5);
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_values),
        cmocka_unit_test(test_types_are_not_mixed),
        cmocka_unit_test(test_walks_objects),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_limits_depth),
        cmocka_unit_test(test_reads_in_place),
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_writing_stops_at_the_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
