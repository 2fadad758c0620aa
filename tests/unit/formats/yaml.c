/* The YAML reader: what it makes of good text, what it says of bad text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "formats/yaml.h"

static void
good_text_becomes_json(void **state)
{
    static const char *const rows[][2] = {
        { "a: 1\nb: [x, 'y', \"z\"]\n", "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"]}" },
        { "- true\n- \"true\"\n- ~\n- null\n- \"\"\n-\n",
          "[true,\"true\",null,null,\"\",null]" },
        { "[1, -2, 007, 1.5, '1', 0x10, 1e3x]",
          "[1,-2,7,1.5,\"1\",\"0x10\",\"1e3x\"]" },
        { "a: &x [1, 2]\nb: *x\n", "{\"a\":[1,2],\"b\":[1,2]}" },
        { "a: &x {p: q}\nb: {c: *x, d: *x}\n",
          "{\"a\":{\"p\":\"q\"},\"b\":{\"c\":{\"p\":\"q\"},"
          "\"d\":{\"p\":\"q\"}}}" },
        { "text: |\n  one\n  two\n", "{\"text\":\"one\\ntwo\\n\"}" },
        { "caf\xc3\xa9: \xe2\x82\xac # a comment\n",
          "{\"caf\xc3\xa9\":\"\xe2\x82\xac\"}" },
        { "---\na: {}\n...\n", "{\"a\":{}}" },
        { "99999999999999999999", "100000000000000000000.0" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = { 0 };
        struct strbuf out = STRBUF_INIT(64 * KIB);
        struct json_writer writer;
        struct yaml_doc *doc = yaml_parse(str_from(rows[i][0]), &error);
        if (doc == NULL)
            fail_msg("row %zu: %s", i, error.message);
        json_writer_init(&writer, &out);
        yaml_to_json(yaml_root(doc), &writer);
        if (i + 1 < sizeof rows / sizeof rows[0]) {
            assert_string_equal(strbuf_text(&out), rows[i][1]);
        } else {
            struct json_doc *json = json_parse(strbuf_view(&out), &error);
            assert_int_equal(json_type(json_root(json)), JSON_REAL);
            json_doc_free(json);
        }
        strbuf_release(&out);
        yaml_doc_free(doc);
    }
}

static void
bad_text_names_its_line(void **state)
{
    static const char *const rows[][2] = {
        { "a: 1\nb: 2\na: 3\n", "line 3: the key \"a\" was on line 1" },
        { "a: [1, 2\nb: 3\n", "line 2: " },
        { "a: *nobody\n", "line 1: no anchor before this alias: *nobody" },
        { "a: &x [*x]\n", "line 1: no anchor before this alias: *x" },
        { "a: 1\nb: !!int 2\n", "line 2: tags are not supported" },
        { "a: &x {p: 1}\nb:\n  <<: *x\n", "line 3: merge keys" },
        { "? [1, 2]\n: 3\n", "line 1: a key must be a word" },
        { "a: 1\n---\nb: 2\n", "line 2: a second document" },
        { "a:\n\t- 1\n", "line 2: " },
        { "a: \"\\0\"\n", "line 1: a zero byte" },
        { "a: \xff\n", "byte 3: " },
        { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
          "line 1: nested too deeply" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error = { 0 };
        assert_null(yaml_parse(str_from(rows[i][0]), &error));
        assert_int_equal(error.code, ERR_INVALID);
        if (strncmp(error.message, rows[i][1], strlen(rows[i][1])) != 0)
            fail_msg("row %zu says \"%s\", not \"%s\"", i, error.message,
                     rows[i][1]);
    }
}

/* Nine lists of nine of the one before: 10^9 nodes in 300 bytes. */
static void
aliases_do_not_multiply(void **state)
{
    struct strbuf text = STRBUF_INIT(4 * KIB);
    struct error error = { 0 };
    strbuf_add_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 10; i++) {
        strbuf_addf(&text, "a%d: &a%d [", i, i);
        for (int j = 0; j < 9; j++)
            strbuf_addf(&text, "%s*a%d", j == 0 ? "" : ", ", i - 1);
        strbuf_add_text(&text, "]\n");
    }
    assert_null(yaml_parse(strbuf_view(&text), &error));
    assert_non_null(strstr(error.message, "too large"));
    strbuf_release(&text);
}

static void
nodes_know_their_lines(void **state)
{
    struct error error = { 0 };
    struct yaml_doc *doc =
        yaml_parse(STR("# head\na:\n  b: 1\n  c:\n    - x\n"), &error);
    assert_non_null(doc);
    const struct yaml *a = yaml_get(yaml_root(doc), "a");
    assert_int_equal(a->type, YAML_MAPPING);
    assert_int_equal(a->n_items, 2);
    assert_int_equal(a->items->line, 3);
    assert_int_equal(yaml_get(a, "b")->line, 3);
    assert_int_equal(yaml_get(a, "c")->items->line, 5);
    assert_null(yaml_get(a, "d"));
    assert_null(yaml_get(yaml_get(a, "b"), "d"));
    yaml_doc_free(doc);
}

static void
an_empty_file_has_no_root(void **state)
{
    struct error error = { 0 };
    struct yaml_doc *doc = yaml_parse(STR("# nothing but this\n"), &error);
    assert_non_null(doc);
    assert_null(yaml_root(doc));
    yaml_doc_free(doc);
    doc = yaml_parse((struct str){ NULL, 0 }, &error);
    assert_non_null(doc);
    assert_null(yaml_root(doc));
    yaml_doc_free(doc);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_text_becomes_json),
        cmocka_unit_test(bad_text_names_its_line),
        cmocka_unit_test(aliases_do_not_multiply),
        cmocka_unit_test(nodes_know_their_lines),
        cmocka_unit_test(an_empty_file_has_no_root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
