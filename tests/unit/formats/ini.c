/* Preset files: read, changed, and written byte for byte. */
#include "formats/ini.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const char shipped[] = "LLAMA_CONFIG_VERSION = 1\r\n"
                              "\r\n"
                              "; for all\r\n"
                              "[*]\r\n"
                              "ctx-size=4096   ; tokens\r\n"
                              "\ttop-p =\t0.9\r\n"
                              "\r\n"
                              "# about the next one\r\n"
                              "[ org/model.gguf ] ; named\r\n"
                              "temp = 0.2";

static struct ini *
parse(const char *text)
{
    struct ini *ini = ini_parse(str_from(text), NULL);
    assert_non_null(ini);
    return ini;
}

static void
assert_text(const struct ini *ini, const char *text)
{
    struct strbuf out = STRBUF_INIT(INI_BYTES_MAX * 2);
    ini_write(ini, &out);
    assert_string_equal(strbuf_text(&out), text);
    strbuf_release(&out);
}

static void
assert_value(const struct ini *ini, const char *section, const char *key,
             const char *value)
{
    const struct ini_line *line =
        ini_find(ini, str_from(section), str_from(key));
    if (value == NULL) {
        assert_null(line);
        return;
    }
    assert_non_null(line);
    char text[128];
    snprintf(text, sizeof text, "%.*s", STR_ARG(line->value));
    assert_string_equal(text, value);
}

static void
set(struct ini *ini, const char *section, const char *key, const char *value)
{
    struct error error = { .message = "" };
    int failed =
        ini_set(ini, str_from(section), str_from(key), str_from(value), &error);
    assert_string_equal(error.message, "");
    assert_int_equal(failed, 0);
}

static void
test_reads_what_a_preset_says(void **state)
{
    (void)state;
    struct ini *ini = parse(shipped);
    assert_int_equal(ini_count_problems(ini), 0);
    assert_int_equal(ini_count(ini), 10);
    assert_value(ini, "", "LLAMA_CONFIG_VERSION", "1");
    assert_value(ini, "*", "ctx-size", "4096");
    assert_value(ini, "*", "top-p", "0.9");
    assert_value(ini, "org/model.gguf", "temp", "0.2");
    assert_value(ini, "*", "temp", NULL);
    assert_true(ini_has_section(ini, STR("*")));
    assert_false(ini_has_section(ini, STR("org")));
    assert_text(ini, shipped);
    ini_free(ini);
}

static void
test_a_change_leaves_the_rest(void **state)
{
    (void)state;
    struct ini *ini = parse(shipped);
    set(ini, "*", "ctx-size", "8");
    set(ini, "*", "seed", "-1");
    set(ini, "org/model.gguf", "top-k", "40");
    set(ini, "new one", "temp", "1");
    ini_remove(ini, STR("*"), STR("top-p"));
    ini_remove(ini, STR("*"), STR("absent"));
    assert_text(ini, "LLAMA_CONFIG_VERSION = 1\r\n"
                     "\r\n"
                     "; for all\r\n"
                     "[*]\r\n"
                     "ctx-size=8   ; tokens\r\n"
                     "seed = -1\r\n"
                     "\r\n"
                     "# about the next one\r\n"
                     "[ org/model.gguf ] ; named\r\n"
                     "temp = 0.2\r\n"
                     "top-k = 40\r\n"
                     "\r\n"
                     "[new one]\r\n"
                     "temp = 1\r\n");
    set(ini, "org/model.gguf", "temp", "0.25");
    assert_value(ini, "org/model.gguf", "temp", "0.25");
    assert_int_equal(ini_count_problems(ini), 0);
    ini_free(ini);
}

static void
test_a_removed_section_leaves_comments(void **state)
{
    (void)state;
    struct ini *ini = parse("a = 1\n[x]\nb = 2\n; note\n[y]\nc = 3\n");
    ini_remove_section(ini, STR("x"));
    ini_remove_section(ini, STR("z"));
    assert_text(ini, "a = 1\n; note\n[y]\nc = 3\n");
    assert_true(ini_at(ini, 1)->section.n == 0);
    ini_remove_section(ini, STR("y"));
    assert_text(ini, "a = 1\n; note\n");
    set(ini, "y", "d", "4");
    assert_text(ini, "a = 1\n; note\n\n[y]\nd = 4\n");
    ini_free(ini);
}

static void
test_starts_from_nothing(void **state)
{
    (void)state;
    struct ini *ini = parse("");
    set(ini, "", "version", "1");
    set(ini, "*", "mlock", "true");
    assert_text(ini, "version = 1\n\n[*]\nmlock = true\n");
    ini_free(ini);
    ini = parse("[*]\ntemp =\nseed = # none\n");
    set(ini, "*", "temp", "1");
    set(ini, "*", "seed", "7");
    assert_value(ini, "*", "temp", "1");
    assert_value(ini, "*", "seed", "7");
    assert_text(ini, "[*]\ntemp = 1\nseed = 7# none\n");
    ini_free(ini);
}

static void
test_problems_have_lines(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *says;
    } rows[] = {
        { "[*]\nctx-size\n", 2, "expected [section], option = value" },
        { "\n\n[x\n", 3, "does not end with ]" },
        { "[]\n", 1, "a section needs a name" },
        { "[x] y\n", 1, "nothing but a comment" },
        { "[x]\n= 1\n", 2, "is no name of an option" },
        { "[x]\n-a = 1\n", 2, "is no name of an option" },
        { "[x]\na b = 1\n", 2, "is no name of an option" },
        { "[x]\na=1\nb=2\na=3\n", 4, "given twice: before in line 2" },
        { "[x]\n[y]\n[x]\n", 3, "[x] is there twice" },
        { "[x]\na = \x01\n", 2, "control characters" },
        { "[x]\na = \xff\n", 2, "UTF-8" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct ini *ini = parse(rows[i].text);
        assert_int_equal(ini_count_problems(ini), 1);
        assert_int_equal(ini_problem_at(ini, 0)->line, rows[i].line);
        if (strstr(ini_problem_at(ini, 0)->message, rows[i].says) == NULL)
            fail_msg("row %zu: %s", i, ini_problem_at(ini, 0)->message);
        assert_text(ini, rows[i].text);
        ini_free(ini);
    }
}

static void
test_what_cannot_be_said(void **state)
{
    (void)state;
    struct error error;
    struct ini *ini = parse("[*]\na = 1\n");
    assert_int_equal(ini_set(ini, STR("*"), STR("a"), STR("x;y"), &error), -1);
    assert_non_null(strstr(error.message, "; or #"));
    assert_int_equal(ini_set(ini, STR("*"), STR("a"), STR(" x"), NULL), -1);
    assert_int_equal(ini_set(ini, STR("*"), STR("a"), STR("x\ny"), NULL), -1);
    assert_int_equal(ini_set(ini, STR("*"), STR("a]"), STR("x"), NULL), -1);
    assert_int_equal(ini_set(ini, STR("a]"), STR("a"), STR("x"), NULL), -1);
    assert_int_equal(ini_set(ini, STR("\n"), STR("a"), STR("x"), NULL), -1);
    assert_text(ini, "[*]\na = 1\n");
    ini_free(ini);
    static char large[INI_BYTES_MAX + 1];
    memset(large, ';', sizeof large);
    assert_null(ini_parse((struct str){ large, sizeof large }, &error));
    assert_int_equal(error.code, ERR_TOO_LARGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_a_preset_says),
        cmocka_unit_test(test_a_change_leaves_the_rest),
        cmocka_unit_test(test_a_removed_section_leaves_comments),
        cmocka_unit_test(test_starts_from_nothing),
        cmocka_unit_test(test_problems_have_lines),
        cmocka_unit_test(test_what_cannot_be_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
