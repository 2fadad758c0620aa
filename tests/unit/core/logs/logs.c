/* The log: what a line looks like, what is kept back, and that nobody waits
 * for a reader. */
#include <fcntl.h>
#include <ftw.h>
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
#include "io/line_queue.h"
#include "platform/system.h"
#include "store/store.h"

struct fixture {
    struct loop loop;
    struct events events;
    struct logs *logs;
    struct logs_options options;
    char folder[64];
    int pipe[2];
    char text[1 << 20];
};

static int
setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    assert_int_equal(loop_init(&fixture->loop, NULL), 0);
    events_init(&fixture->events);
    assert_int_equal(pipe(fixture->pipe), 0);
    snprintf(fixture->folder, sizeof fixture->folder,
             "/tmp/hearth-logs-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->options =
        (struct logs_options){ .loop = &fixture->loop,
                               .events = &fixture->events,
                               .data_dir = fixture->folder,
                               .fd = fixture->pipe[1],
                               .config = { .level = LOG_INFO,
                                           .has_console = true,
                                           .max_file_bytes = 4096,
                                           .n_files = 3,
                                           .n_remembered = 10,
                                           .n_stored = 1000 } };
    assert_int_equal(logs_new(&fixture->options, &fixture->logs, NULL), 0);
    *state = fixture;
    return 0;
}

static int
remove_entry(const char *path, const struct stat *stat, int type,
             struct FTW *walk)
{
    return remove(path);
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
    loop_close(&fixture->loop);
    nftw(fixture->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
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
set_level(struct fixture *fixture, enum log_level level)
{
    struct logs_config config = *logs_config(fixture->logs);
    config.level = level;
    logs_configure(fixture->logs, &config);
}

static void
test_level_is_the_least(void **state)
{
    struct fixture *fixture = *state;
    events_log(&fixture->events, LOG_DEBUG, "t", "one");
    events_log(&fixture->events, LOG_INFO, "t", "two");
    set_level(fixture, LOG_DEBUG);
    events_log(&fixture->events, LOG_DEBUG, "t", "three");
    set_level(fixture, LOG_ERROR);
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
    assert_in_range(n_dropped, LINES / 2, LINES - LINE_QUEUE_MAX);
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
    int64_t before_ms = system_monotonic_ms();
    for (int i = 0; i < 500; i++)
        events_log(&fixture->events, LOG_INFO, "t", "line %d", i);
    logs_free(fixture->logs);
    fixture->logs = NULL;
    assert_in_range(system_monotonic_ms() - before_ms, 0, 900);
}

/* ---- questions ---- */

struct found {
    size_t n;
    bool has_failed;
    struct log_entry entries[64];
};

static void
on_found(void *ctx, const struct log_entry *entries, size_t n,
         const struct error *error)
{
    struct found *found = ctx;
    found->n = n;
    found->has_failed = error != NULL;
    if (n > 0)
        memcpy(found->entries, entries, n * sizeof *entries);
}

static struct store *
open_store(struct fixture *fixture)
{
    struct store *store;
    assert_int_equal(
        store_open(&fixture->loop, fixture->folder, "test", &store, NULL), 0);
    return store;
}

static void
reopen(struct fixture *fixture, struct store *store)
{
    logs_free(fixture->logs);
    fixture->options.store = store;
    assert_int_equal(logs_new(&fixture->options, &fixture->logs, NULL), 0);
}

static void
find(struct fixture *fixture, struct logs_query query, struct found *ret_found)
{
    *ret_found = (struct found){ 0 };
    logs_find(fixture->logs, &query, on_found, ret_found);
    if (fixture->options.store != NULL)
        assert_int_equal(store_wait(fixture->options.store, NULL), 0);
}

/* Memory holds ten of them, the store all: asked for pages of three, each of
 * forty comes once, in order. */
static void
test_pages_over_memory_and_store(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    struct store *store = open_store(fixture);
    fixture->options.config.has_store = true;
    reopen(fixture, store);
    for (int i = 1; i <= 40; i++)
        events_log(&fixture->events, LOG_INFO, i % 2 == 0 ? "even" : "odd",
                   "line %d", i);
    int64_t before_id = 0;
    for (int next = 40; next >= 1;) {
        find(fixture, (struct logs_query){ .limit = 3, .before_id = before_id },
             &found);
        assert_int_equal(found.n, next >= 3 ? 3 : next);
        for (size_t i = 0; i < found.n; i++, next--) {
            char text[32];
            snprintf(text, sizeof text, "line %d", next);
            assert_string_equal(found.entries[i].message, text);
        }
        before_id = found.entries[found.n - 1].id;
    }
    find(fixture,
         (struct logs_query){ .limit = 50, .filter = { .source = STR("odd") } },
         &found);
    assert_int_equal(found.n, 20);
    assert_string_equal(found.entries[19].message, "line 1");
    find(
        fixture,
        (struct logs_query){ .limit = 50, .filter = { .text = STR("LINE 3") } },
        &found);
    assert_int_equal(found.n, 11); /* 3, 30..39 */
    logs_free(fixture->logs);
    fixture->logs = NULL;
    store_close(store);
}

/* Ids go on after a restart, whatever was stored. */
static void
test_ids_go_on(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    struct store *store = open_store(fixture);
    fixture->options.config.has_store = true;
    reopen(fixture, store);
    events_log(&fixture->events, LOG_INFO, "t", "one");
    find(fixture, (struct logs_query){ .limit = 1 }, &found);
    int64_t id = found.entries[0].id;
    fixture->events.next_log_id = 1;
    reopen(fixture, store);
    events_log(&fixture->events, LOG_INFO, "t", "two");
    find(fixture, (struct logs_query){ .limit = 9 }, &found);
    assert_int_equal(found.n, 2);
    assert_int_equal(found.entries[0].id, id + 1);
    logs_free(fixture->logs);
    fixture->logs = NULL;
    store_close(store);
}

static void
test_what_is_switched_off_gets_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    struct store *store = open_store(fixture);
    reopen(fixture, store); /* console and memory only */
    events_log(&fixture->events, LOG_INFO, "t", "one");
    struct log_query stored = { .limit = 9 };
    store_query_logs(store, &stored, on_found, &found);
    assert_int_equal(store_wait(store, NULL), 0);
    assert_int_equal(found.n, 0);
    find(fixture, (struct logs_query){ .limit = 9 }, &found);
    assert_int_equal(found.n, 1);
    struct logs_config config = *logs_config(fixture->logs);
    config.has_console = false;
    config.n_remembered = 0;
    config.has_store = true;
    logs_configure(fixture->logs, &config);
    events_log(&fixture->events, LOG_INFO, "t", "two");
    find(fixture, (struct logs_query){ .limit = 9 }, &found);
    assert_int_equal(found.n, 1);
    assert_string_equal(found.entries[0].message, "two");
    logs_free(fixture->logs);
    fixture->logs = NULL;
    store_close(store);
    const char *text = finish(fixture);
    assert_non_null(strstr(text, "t: one\n"));
    assert_null(strstr(text, "two"));
}

static void
test_limits_are_checked(void **state)
{
    struct fixture *fixture = *state;
    struct found found;
    static const int limits[] = { 0, -1, LOGS_PAGE_MAX + 1 };
    for (size_t i = 0; i < 3; i++) {
        find(fixture, (struct logs_query){ .limit = limits[i] }, &found);
        assert_true(found.has_failed);
    }
    char text[200];
    memset(text, 'x', sizeof text);
    find(fixture,
         (struct logs_query){ .limit = 1, .filter.text = { text, 128 } },
         &found);
    assert_true(found.has_failed);
    find(fixture,
         (struct logs_query){ .limit = 1, .filter.source = { text, 48 } },
         &found);
    assert_true(found.has_failed);
}

static void
test_a_filter_matches_all_of_it(void **state)
{
    const struct log_entry entry = { .at_ms = 1000,
                                     .level = LOG_WARN,
                                     .source = "router",
                                     .message = "a Model is ready" };
    static const struct {
        struct log_filter filter;
        bool matches;
    } rows[] = {
        { { .level = LOG_DEBUG }, true },
        { { .level = LOG_WARN }, true },
        { { .level = LOG_ERROR }, false },
        { { .source = { "router", 6 } }, true },
        { { .source = { "route", 5 } }, false },
        { { .text = { "model", 5 } }, true },
        { { .text = { "models", 6 } }, false },
        { { .since_ms = 1000 }, true },
        { { .since_ms = 1001 }, false },
        { { .until_ms = 1000 }, false },
        { { .until_ms = 1001, .text = { "READY", 5 } }, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (log_filter_matches(&rows[i].filter, &entry) != rows[i].matches)
            fail_msg("row %zu", i);
}

/* ---- files ---- */

struct answered {
    struct loop *loop;
    bool is_there;
    struct log_files files;
    int n_removed;
    size_t n;
    struct log_entry entries[LOGS_PAGE_MAX];
    bool is_cut;
    enum error_code code;
};

static void
note(struct answered *answered, const struct error *error)
{
    answered->is_there = true;
    answered->code = error == NULL ? ERR_OK : error->code;
    loop_stop(answered->loop);
}

static void
on_listed(void *ctx, const struct log_files *files, const struct error *error)
{
    struct answered *answered = ctx;
    if (files != NULL)
        answered->files = *files;
    note(answered, error);
}

static void
on_cleared(void *ctx, int n, const struct error *error)
{
    struct answered *answered = ctx;
    answered->n_removed = n;
    note(answered, error);
}

static void
on_read(void *ctx, const struct log_entry *entries, size_t n, bool is_cut,
        const struct error *error)
{
    struct answered *answered = ctx;
    answered->n = n;
    answered->is_cut = is_cut;
    if (n > 0)
        memcpy(answered->entries, entries, n * sizeof *entries);
    note(answered, error);
}

static struct answered *
answered_new(struct fixture *fixture)
{
    struct answered *answered = calloc(1, sizeof *answered);
    assert_non_null(answered);
    answered->loop = &fixture->loop;
    return answered;
}

static void
wait_for(struct fixture *fixture, struct answered *answered)
{
    while (!answered->is_there)
        loop_run(&fixture->loop);
    answered->is_there = false;
}

static void
list(struct fixture *fixture, struct answered *answered)
{
    answered->files.n = 0;
    logs_list_files(fixture->logs, on_listed, answered);
    wait_for(fixture, answered);
}

static void
read_name(struct fixture *fixture, const char *name, int limit,
          struct answered *answered)
{
    const struct log_filter all = { .level = LOG_DEBUG };
    logs_read_file(fixture->logs, str_from(name), &all, limit, on_read,
                   answered);
    wait_for(fixture, answered);
}

static void
write_files(struct fixture *fixture, int n_lines)
{
    fixture->options.config.has_files = true;
    fixture->options.config.has_console = false;
    reopen(fixture, NULL);
    for (int i = 0; i < n_lines; i++)
        events_log(&fixture->events, LOG_INFO, "t", "line %d", i);
    reopen(fixture, NULL); /* all is written by then */
}

static void
test_files_are_rotated_listed_and_read(void **state)
{
    struct fixture *fixture = *state;
    struct answered *answered = answered_new(fixture);
    write_files(fixture, 400); /* about 16 KB: more than three files hold */
    list(fixture, answered);
    assert_int_equal(answered->code, ERR_OK);
    assert_int_equal(answered->files.n, 3);
    assert_string_equal(answered->files.at[0].name, "hearth.log");
    assert_string_equal(answered->files.at[2].name, "hearth.log.2");
    for (size_t i = 0; i < 3; i++)
        assert_in_range(answered->files.at[i].size_bytes, 1, 4096);
    int next = 399;
    for (size_t i = 0; i < 3; i++) {
        read_name(fixture, answered->files.at[i].name, LOGS_PAGE_MAX, answered);
        assert_int_equal(answered->code, ERR_OK);
        assert_true(answered->n > 0);
        assert_false(answered->is_cut);
        for (size_t j = 0; j < answered->n; j++, next--) {
            char text[32];
            snprintf(text, sizeof text, "line %d", next);
            assert_string_equal(answered->entries[j].message, text);
            assert_true(answered->entries[j].at_ms > 0);
        }
    }
    read_name(fixture, "hearth.log.1", 2, answered);
    assert_int_equal(answered->n, 2);
    assert_true(answered->is_cut);
    free(answered);
}

static void
test_only_names_of_the_list_are_names(void **state)
{
    static const char *const names[] = {
        "hearth.log.3",
        "hearth.log.0",
        "hearth.log.01",
        "hearth.log.30",
        "hearth.log.",
        "hearth.log.1x",
        "hearth.logx",
        "hearth.db",
        "../hearth.db",
        "/etc/passwd",
        "",
        ".",
        "hearth.log/",
        "./hearth.log",
        "HEARTH.LOG",
        "hearth.log.-1",
    };
    struct fixture *fixture = *state;
    struct answered *answered = answered_new(fixture);
    write_files(fixture, 400);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        read_name(fixture, names[i], 9, answered);
        if (answered->code != ERR_NOT_FOUND)
            fail_msg("\"%s\" is read", names[i]);
        if (names[i][0] == '\0')
            continue; /* all of them */
        logs_clear_files(fixture->logs, str_from(names[i]), on_cleared,
                         answered);
        wait_for(fixture, answered);
        if (answered->code != ERR_NOT_FOUND)
            fail_msg("\"%s\" is removed", names[i]);
    }
    /* A link in the place of one leads nowhere. */
    char path[128];
    snprintf(path, sizeof path, "%s/logs/hearth.log.1", fixture->folder);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    read_name(fixture, "hearth.log.1", 9, answered);
    assert_int_equal(answered->code, ERR_NOT_FOUND);
    list(fixture, answered);
    assert_int_equal(answered->files.n, 2);
    free(answered);
}

static void
test_files_are_cleared_and_begun_anew(void **state)
{
    struct fixture *fixture = *state;
    struct answered *answered = answered_new(fixture);
    write_files(fixture, 400);
    logs_clear_files(fixture->logs, STR("hearth.log.2"), on_cleared, answered);
    wait_for(fixture, answered);
    assert_int_equal(answered->n_removed, 1);
    logs_clear_files(fixture->logs, STR(""), on_cleared, answered);
    wait_for(fixture, answered);
    assert_int_equal(answered->n_removed, 2);
    list(fixture, answered);
    assert_int_equal(answered->files.n, 0);
    write_files(fixture, 1);
    read_name(fixture, "hearth.log", 9, answered);
    assert_int_equal(answered->n, 1);
    free(answered);
}

/* Fewer files from now on: those beyond go. */
static void
test_fewer_files(void **state)
{
    struct fixture *fixture = *state;
    struct answered *answered = answered_new(fixture);
    write_files(fixture, 400);
    fixture->options.config.n_files = 1;
    write_files(fixture, 1);
    list(fixture, answered);
    assert_int_equal(answered->files.n, 1);
    free(answered);
}

/* The folder is a file: nothing can be written there. It is told once, the
 * log goes on elsewhere, and as soon as there is a folder the file begins with
 * how many are missing. */
static void
test_files_that_cannot_be_written_to(void **state)
{
    struct fixture *fixture = *state;
    struct answered *answered = answered_new(fixture);
    char path[128];
    struct found found;
    fixture->options.config.n_remembered = 100;
    snprintf(path, sizeof path, "%s/logs", fixture->folder);
    rmdir(path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    fixture->options.config.has_files = true;
    reopen(fixture, NULL);
    for (int i = 0; i < 5; i++)
        events_log(&fixture->events, LOG_INFO, "t", "lost %d", i);
    const struct logs_query failures = {
        .limit = 9, .filter = { .text = STR("cannot be written to") }
    };
    for (int i = 0; i < 500; i++) {
        loop_run(&fixture->loop);
        find(fixture, failures, &found);
        if (found.n > 0)
            break;
        usleep(10000);
    }
    assert_int_equal(found.n, 1);
    assert_int_equal(found.entries[0].level, LOG_ERROR);
    usleep(100000); /* that entry's own loss is counted, too */
    assert_int_equal(unlink(path), 0);
    events_log(&fixture->events, LOG_INFO, "t", "first again");
    for (int i = 0; i < 500; i++) {
        loop_run(&fixture->loop);
        find(fixture,
             (struct logs_query){ .limit = 9,
                                  .filter = { .text = STR("to again") } },
             &found);
        if (found.n > 0)
            break;
        events_log(&fixture->events, LOG_INFO, "t", "and again");
        usleep(10000);
    }
    assert_int_equal(found.n, 1);
    find(fixture, failures, &found);
    assert_int_equal(found.n, 1);
    reopen(fixture, NULL);
    read_name(fixture, "hearth.log", LOGS_PAGE_MAX, answered);
    assert_true(answered->n >= 2);
    assert_non_null(strstr(answered->entries[answered->n - 1].message,
                           " lines could not be written here"));
    free(answered);
}

/* ---- secrets ---- */

static void
test_secrets_are_taken_out(void **state)
{
    struct fixture *fixture = *state;
    static const char key[] = "hk_0123456789012345678901234567890123456789abc";
    events_hide(&fixture->events, 0, "a secret of no form");
    events_log(&fixture->events, LOG_ERROR, "t", "refused: Bearer %s", key);
    events_log(&fixture->events, LOG_ERROR, "t",
               "it said: a secret of no form, twice: a secret of no form");
    events_hide(&fixture->events, 0, NULL);
    events_log(&fixture->events, LOG_ERROR, "t", "a secret of no form");
    const char *text = finish(fixture);
    assert_null(strstr(text, key));
    assert_non_null(strstr(text, "t: refused: Bearer ***\n"));
    assert_non_null(strstr(text, "t: it said: ***, twice: ***\n"));
    assert_non_null(strstr(text, "t: a secret of no form\n"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_level_is_the_least),
        TEST(test_nobody_waits_for_a_reader),
        TEST(test_ending_does_not_wait_for_a_reader),
        TEST(test_a_reader_that_left_does_no_harm),
        TEST(test_pages_over_memory_and_store),
        TEST(test_ids_go_on),
        TEST(test_what_is_switched_off_gets_nothing),
        TEST(test_limits_are_checked),
        TEST(test_a_filter_matches_all_of_it),
        TEST(test_files_are_rotated_listed_and_read),
        TEST(test_only_names_of_the_list_are_names),
        TEST(test_files_are_cleared_and_begun_anew),
        TEST(test_fewer_files),
        TEST(test_files_that_cannot_be_written_to),
        TEST(test_secrets_are_taken_out),
    };
    return cmocka_run_group_tests_name("logs", tests, NULL, NULL);
}
