/* The log: what a line looks like, what is kept back, and that nobody waits
 * for a reader. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/logs/logs.h"
#include "core/logs/logs_internal.h"
#include "platform/system.h"
#include "store/store.h"

struct fixture {
    struct events events;
    struct logs *logs;
    int pipe[2];
    char text[1 << 20];
};

static int
setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    events_init(&fixture->events);
    assert_int_equal(pipe(fixture->pipe), 0);
    struct logs_options options = { .events = &fixture->events,
                                    .level = LOG_INFO,
                                    .fd = fixture->pipe[1] };
    assert_int_equal(logs_new(&options, &fixture->logs, NULL), 0);
    *state = fixture;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *fixture = *state;
    logs_free(fixture->logs);
    if (fixture->pipe[0] >= 0)
        close(fixture->pipe[0]);
    if (fixture->pipe[1] >= 0)
        close(fixture->pipe[1]);
    free(fixture);
    return 0;
}

/* Ends the log and reads all that it wrote. */
static const char *
finish(struct fixture *fixture)
{
    logs_free(fixture->logs);
    fixture->logs = NULL;
    close(fixture->pipe[1]);
    fixture->pipe[1] = -1;
    size_t n = 0;
    ssize_t got;
    while ((got = read(fixture->pipe[0], fixture->text + n,
                       sizeof fixture->text - 1 - n)) > 0)
        n += (size_t)got;
    fixture->text[n] = '\0';
    return fixture->text;
}

static size_t
count_lines(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += *text == '\n';
    return n;
}

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

static void
test_level_is_the_least(void **state)
{
    struct fixture *fixture = *state;
    events_log(&fixture->events, LOG_DEBUG, "t", "one");
    events_log(&fixture->events, LOG_INFO, "t", "two");
    logs_set_level(fixture->logs, LOG_DEBUG);
    assert_int_equal(logs_level(fixture->logs), LOG_DEBUG);
    events_log(&fixture->events, LOG_DEBUG, "t", "three");
    logs_set_level(fixture->logs, LOG_ERROR);
    events_log(&fixture->events, LOG_WARN, "t", "four");
    events_log(&fixture->events, LOG_ERROR, "t", "five");
    events_publish(&fixture->events, EVENT_LIBRARY_CHANGED, "", NULL);
    const char *text = finish(fixture);
    assert_int_equal(count_lines(text), 3);
    assert_null(strstr(text, "one"));
    assert_non_null(strstr(text, "info t: two\n"));
    assert_non_null(strstr(text, "debug t: three\n"));
    assert_null(strstr(text, "four"));
    assert_non_null(strstr(text, "error t: five\n"));
}

/* Twenty thousand lines that nobody reads: publishing goes on, and whoever
 * reads at last learns how many are missing. */
static void
test_nobody_waits_for_a_reader(void **state)
{
    enum { LINES = 20000 };
    struct fixture *fixture = *state;
    for (int i = 0; i < LINES; i++)
        events_log(&fixture->events, LOG_INFO, "t", "line %d", i);
    fcntl(fixture->pipe[0], F_SETFL, O_NONBLOCK);
    size_t n = 0;
    char *last = NULL;
    int64_t until_ms = system_monotonic_ms() + 10000;
    while (last == NULL && system_monotonic_ms() < until_ms) {
        ssize_t got = read(fixture->pipe[0], fixture->text + n,
                           sizeof fixture->text - 1 - n);
        if (got > 0)
            n += (size_t)got;
        else
            usleep(1000);
        fixture->text[n] = '\0';
        last = strstr(fixture->text, "line 19999\n");
    }
    assert_non_null(last);
    size_t n_dropped = 0;
    size_t n_notes = 0;
    for (char *at = fixture->text; (at = strstr(at, " warn logs: ")) != NULL;
         at++) {
        n_dropped += strtoul(at + strlen(" warn logs: "), NULL, 10);
        n_notes++;
    }
    assert_true(n_notes >= 1);
    assert_int_equal(count_lines(fixture->text) - n_notes + n_dropped, LINES);
    assert_in_range(n_dropped, LINES / 2, LINES - LOGS_QUEUED_MAX);
}

static void
test_ending_does_not_wait_for_a_reader(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3000; i++)
        events_log(&fixture->events, LOG_INFO, "t", "line %060d", i);
    int64_t before_ms = system_monotonic_ms();
    logs_free(fixture->logs);
    fixture->logs = NULL;
    assert_in_range(system_monotonic_ms() - before_ms, 900, 5000);
}

static void
test_a_reader_that_left_does_no_harm(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->pipe[0]);
    fixture->pipe[0] = -1;
    struct loop loop; /* ignores SIGPIPE, as the daemon does */
    assert_int_equal(loop_init(&loop, NULL), 0);
    int64_t before_ms = system_monotonic_ms();
    for (int i = 0; i < 500; i++)
        events_log(&fixture->events, LOG_INFO, "t", "line %d", i);
    logs_free(fixture->logs);
    fixture->logs = NULL;
    assert_in_range(system_monotonic_ms() - before_ms, 0, 900);
    loop_close(&loop);
}

struct stored {
    size_t n;
    struct log_entry entries[8];
};

static void
on_stored(void *ctx, const struct log_entry *entries, size_t n,
          const struct error *error)
{
    struct stored *stored = ctx;
    assert_null(error);
    stored->n = n;
    memcpy(stored->entries, entries, n * sizeof *entries);
}

static void
test_lines_are_stored(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = { "hearth.db", "hearth.db-wal",
                                         "hearth.db-shm", "hearth.lock" };
    char dir[] = "/tmp/hearth-logs-XXXXXX";
    struct loop loop;
    struct store *store;
    struct logs *logs;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(loop_init(&loop, NULL), 0);
    assert_int_equal(store_open(&loop, dir, "test", &store, NULL), 0);
    struct logs_options options = { .events = &fixture->events,
                                    .store = store,
                                    .level = LOG_WARN,
                                    .fd = fixture->pipe[1] };
    assert_int_equal(logs_new(&options, &logs, NULL), 0);
    events_log(&fixture->events, LOG_INFO, "t", "not stored");
    events_log(&fixture->events, LOG_WARN, "t", "stored\nas it is");
    struct stored stored = { 0 };
    struct log_query query = { .limit = 8 };
    store_query_logs(store, &query, on_stored, &stored);
    assert_int_equal(store_wait(store, NULL), 0);
    assert_int_equal(stored.n, 1);
    assert_string_equal(stored.entries[0].message, "stored\nas it is");
    assert_string_equal(stored.entries[0].source, "t");
    assert_int_equal(stored.entries[0].level, LOG_WARN);
    assert_true(stored.entries[0].at_ms > INT64_C(1600000000000));
    logs_free(logs);
    store_close(store);
    loop_close(&loop);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_longest_line_fits),
        TEST(test_level_is_the_least),
        TEST(test_nobody_waits_for_a_reader),
        TEST(test_ending_does_not_wait_for_a_reader),
        TEST(test_a_reader_that_left_does_no_harm),
        TEST(test_lines_are_stored),
    };
    return cmocka_run_group_tests_name("logs", tests, NULL, NULL);
}
