/* The log as text: what a line looks like, and that it can be read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "formats/log_line.h"

static void
assert_line(int64_t at_ms, enum log_level level, const char *source,
            const char *message, const char *expected)
{
    struct log_entry entry = { .at_ms = at_ms, .level = level };
    snprintf(entry.source, sizeof entry.source, "%s", source);
    snprintf(entry.message, sizeof entry.message, "%s", message);
    char *line = log_line(&entry);
    assert_non_null(line);
    assert_string_equal(line, expected);
    free(line);
}

static void
test_lines(void **state)
{
    assert_line(0, LOG_DEBUG, "a", "b",
                "1970-01-01T00:00:00.000Z debug a: "
                "b\n");
    assert_line(INT64_C(1709210096007), LOG_INFO, "router", "x",
                "2024-02-29T12:34:56.007Z info router: x\n");
    assert_line(0, LOG_WARN, "s", "one\ntwo\ttab\r\x1b[31m\x7f",
                "1970-01-01T00:00:00.000Z warn s: "
                "one\\ntwo\\ttab\\x0d\\x1b[31m\\x7f\n");
    assert_line(0, LOG_ERROR, "s\n", "\xc3\xa9 \xf0\x9f\x94\xa5 \xc2\xa0",
                "1970-01-01T00:00:00.000Z error s\\n: "
                "\xc3\xa9 \xf0\x9f\x94\xa5 \xc2\xa0\n");
    assert_line(0, LOG_INFO, "s",
                "\xc2\x9b"
                "31m \xff \xc3 \xed\xa0\x80",
                "1970-01-01T00:00:00.000Z info s: "
                "\\u009b31m \\xff \\xc3 \\xed\\xa0\\x80\n");
    assert_line(0, LOG_INFO, "", "", "1970-01-01T00:00:00.000Z info : \n");
}

static void
test_longest_line_fits(void **state)
{
    struct log_entry entry = { .level = LOG_INFO };
    memset(entry.source, 1, sizeof entry.source - 1);
    memset(entry.message, 2, sizeof entry.message - 1);
    char *line = log_line(&entry);
    assert_non_null(line);
    assert_int_equal(strlen(line), 24 + 6 + 4 * (LOG_SOURCE_BYTES - 1) + 2 +
                                       4 * (LOG_TEXT_BYTES - 1) + 1);
    free(line);
}

static struct log_entry
entry_of(const char *text)
{
    struct log_entry entry;
    assert_true(log_line_read(str_from(text), &entry));
    return entry;
}

static void
test_a_line_is_read(void **state)
{
    struct log_entry entry =
        entry_of("2024-02-29T12:34:56.007Z info router: a: b");
    assert_int_equal(entry.at_ms, INT64_C(1709210096007));
    assert_int_equal(entry.level, LOG_INFO);
    assert_string_equal(entry.source, "router");
    assert_string_equal(entry.message, "a: b");
    entry = entry_of("1970-01-01T00:00:00.000Z error s\\n: \\x1b");
    assert_int_equal(entry.at_ms, 0);
    assert_string_equal(entry.source, "s\\n");
    assert_string_equal(entry.message, "\\x1b");
    assert_string_equal(entry_of("2099-12-31T23:59:59.999Z debug : ").message,
                        "");
}

/* Every day of four centuries, and the ends of each. */
static void
test_times_come_back(void **state)
{
    const int64_t day_ms = INT64_C(86400000);
    for (int64_t day = 0; day < 146097; day += 7)
        for (int64_t ms = 0; ms < day_ms; ms += day_ms - 1) {
            struct log_entry entry = { .at_ms = day * day_ms + ms }, again;
            char *line = log_line(&entry);
            assert_non_null(line);
            struct str text = { line, strlen(line) - 1 };
            if (!log_line_read(text, &again) || again.at_ms != entry.at_ms)
                fail_msg("%s became %lld", line, (long long)again.at_ms);
            free(line);
        }
}

static void
test_other_lines_are_none(void **state)
{
    static const char long_source[] =
        "2024-02-29T12:34:56.007Z info "
        "0123456789012345678901234567890123456789012345678901234567890: x";
    static const char *const lines[] = {
        "",
        "x",
        long_source,
        "2024-02-29T12:34:56.007Z",
        "2024-02-29T12:34:56.007Z info",
        "2024-02-29T12:34:56.007Z info router",
        "2024-02-29T12:34:56.007Z info router:x",
        "2024-02-29T12:34:56.007Z loud router: x",
        "2024-13-29T12:34:56.007Z info router: x",
        "2024-00-29T12:34:56.007Z info router: x",
        "2024-02-29T24:34:56.007Z info router: x",
        "2024-02-29 12:34:56.007Z info router: x",
        "2024-02-29T12:34:56Z info router: x",
        "-024-02-29T12:34:56.007Z info router: x",
        "1969-02-28T12:34:56.007Z info router: x",
        "2024-02-29T12:34:56.007Z info \xff: x",
    };
    struct log_entry entry;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (log_line_read(str_from(lines[i]), &entry))
            fail_msg("\"%s\" is a line", lines[i]);
}

static void
test_a_long_message_is_cut_between_characters(void **state)
{
    char line[64 + 2 * LOG_TEXT_BYTES];
    int n = snprintf(line, sizeof line, "2024-02-29T12:34:56.007Z info r: x");
    for (size_t i = 0; i < LOG_TEXT_BYTES; i++)
        memcpy(line + n + 2 * i, "\xc3\xa9", 3);
    struct log_entry entry = entry_of(line);
    assert_int_equal(strlen(entry.message), LOG_TEXT_BYTES - 1);
    assert_true(str_is_utf8(str_from(entry.message)));
    line[n] = 'y'; /* one byte more, so that the cut is in the middle */
    memmove(line + n + 1, line + n + 2, strlen(line + n + 2) + 1);
    entry = entry_of(line);
    assert_true(str_is_utf8(str_from(entry.message)));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_longest_line_fits),
        cmocka_unit_test(test_a_line_is_read),
        cmocka_unit_test(test_times_come_back),
        cmocka_unit_test(test_other_lines_are_none),
        cmocka_unit_test(test_a_long_message_is_cut_between_characters),
    };
    return cmocka_run_group_tests_name("log lines", tests, NULL, NULL);
}
