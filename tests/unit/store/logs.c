/* The log's rows: order, filters, pruning. */
#include "fixture.h"

#include "store/sqlite/sqlite_internal.h"

struct found {
    int n_calls;
    size_t n;
    bool has_failed;
    struct error error;
    struct log_entry entries[1000];
};

static void
on_found(void *ctx, const struct log_entry *entries, size_t n,
         const struct error *error)
{
    struct found *found = ctx;
    found->n_calls++;
    found->n = n;
    found->has_failed = error != NULL;
    if (error != NULL)
        found->error = *error;
    else
        memcpy(found->entries, entries, n * sizeof *entries);
}

static void
add(struct fixture *fixture, enum log_level level, const char *source,
    const char *message)
{
    struct log_entry entry = { .at_ms = 1000, .level = level };
    snprintf(entry.source, sizeof entry.source, "%s", source);
    snprintf(entry.message, sizeof entry.message, "%s", message);
    store_add_log(fixture->store, &entry);
}

static struct found *
find(struct fixture *fixture, struct log_query query)
{
    static struct found found;
    memset(&found, 0, sizeof found);
    store_query_logs(fixture->store, &query, on_found, &found);
    store_wait(fixture->store, NULL);
    assert_int_equal(found.n_calls, 1);
    return &found;
}

static void
test_newest_come_first(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, LOG_INFO, "a", "first");
    add(fixture, LOG_INFO, "a", "second");
    add(fixture, LOG_INFO, "a", "third");
    struct found *found = find(fixture, (struct log_query){ .limit = 2 });
    assert_int_equal(found->n, 2);
    assert_string_equal(found->entries[0].message, "third");
    assert_string_equal(found->entries[1].message, "second");
    assert_int_equal(found->entries[0].id, found->entries[1].id + 1);
    assert_int_equal(found->entries[0].at_ms, 1000);
    int64_t before = found->entries[1].id;
    found =
        find(fixture, (struct log_query){ .limit = 10, .before_id = before });
    assert_int_equal(found->n, 1);
    assert_string_equal(found->entries[0].message, "first");
}

static void
test_filters(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, LOG_DEBUG, "router", "fine: 100% of it");
    add(fixture, LOG_INFO, "router", "100 of it");
    add(fixture, LOG_WARN, "instances", "under_score!");
    add(fixture, LOG_ERROR, "instances", "UnderXscore");
    static const struct {
        struct log_query query;
        size_t n;
    } rows[] = {
        { { .limit = 9 }, 4 },
        { { .limit = 9, .level = LOG_INFO }, 3 },
        { { .limit = 9, .level = LOG_ERROR }, 1 },
        { { .limit = 9, .source = "router" }, 2 },
        { { .limit = 9, .source = "rout" }, 0 },
        { { .limit = 9, .source = "instances", .level = LOG_ERROR }, 1 },
        { { .limit = 9, .text = "100" }, 2 },
        { { .limit = 9, .text = "100%" }, 1 },
        { { .limit = 9, .text = "under_" }, 1 },
        { { .limit = 9, .text = "UNDER" }, 2 },
        { { .limit = 9, .text = "e!" }, 1 },
        { { .limit = 9, .text = "' OR 1=1 --" }, 0 },
        { { .limit = 9, .since_ms = 1000 }, 4 },
        { { .limit = 9, .since_ms = 1001 }, 0 },
        { { .limit = 9, .until_ms = 1001 }, 4 },
        { { .limit = 9, .until_ms = 1000 }, 0 },
        { { .limit = 9, .until_ms = 1001, .source = "router", .text = "1" },
          2 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct found *found = find(fixture, rows[i].query);
        if (found->n != rows[i].n)
            fail_msg("row %zu: found %zu, expected %zu", i, found->n,
                     rows[i].n);
    }
}

static void
test_limit_has_bounds(void **state)
{
    struct fixture *fixture = *state;
    static const int limits[] = { 0, -1, 1001 };
    for (size_t i = 0; i < 3; i++) {
        struct found *found =
            find(fixture, (struct log_query){ .limit = limits[i] });
        assert_true(found->has_failed);
        assert_int_equal(found->error.code, ERR_INVALID);
        assert_string_equal(found->error.field, "limit");
    }
}

static int64_t
count(struct fixture *fixture)
{
    struct sql sql;
    sql_init(&sql, store_read_begin(fixture->store),
             "SELECT count(*) FROM logs");
    assert_true(sql_next(&sql));
    int64_t n = sql_int(&sql);
    assert_int_equal(sql_end(&sql, NULL), 0);
    store_read_end(fixture->store);
    return n;
}

static void
test_old_lines_go(void **state)
{
    struct fixture *fixture = *state;
    char text[32];
    for (int i = 0; i < 10600; i++) {
        snprintf(text, sizeof text, "line %d", i);
        add(fixture, LOG_INFO, "a", text);
        if (i % 400 == 0)
            fixture_wait(fixture);
    }
    int64_t n = count(fixture);
    assert_in_range(n, 10000, 10250);
    struct outcome outcome = { 0 };
    store_keep_logs(fixture->store, 10000, on_outcome, &outcome);
    fixture_wait(fixture);
    assert_int_equal(count(fixture), 10000);
    store_keep_logs(fixture->store, 150, on_outcome, &outcome);
    fixture_wait(fixture);
    assert_int_equal(outcome.n_calls, 2);
    assert_int_equal(count(fixture), 150);
    struct found *found = find(fixture, (struct log_query){ .limit = 1 });
    assert_string_equal(found->entries[0].message, "line 10599");
    assert_int_equal(found->entries[0].id, 10600);
}

static void
test_a_flood_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    store_read_begin(fixture->store);
    for (int i = 0; i < 5000; i++)
        add(fixture, LOG_INFO, "a", "flood");
    store_read_end(fixture->store);
    fixture_wait(fixture);
    /* what waits, and the batch that was being written */
    assert_in_range(count(fixture), 1000, 2000);
}

static void
on_cleared(void *ctx, int64_t n, const struct error *error)
{
    assert_null(error);
    *(int64_t *)ctx = n;
}

static void
test_ids_go_on_after_clearing(void **state)
{
    struct fixture *fixture = *state;
    int64_t n = -1;
    add(fixture, LOG_INFO, "a", "one");
    add(fixture, LOG_INFO, "a", "two");
    store_clear_logs(fixture->store, on_cleared, &n);
    fixture_wait(fixture);
    assert_int_equal(n, 2);
    assert_int_equal(count(fixture), 0);
    fixture_reopen(fixture);
    add(fixture, LOG_INFO, "a", "three");
    struct found *found = find(fixture, (struct log_query){ .limit = 5 });
    assert_int_equal(found->n, 1);
    assert_int_equal(found->entries[0].id, 3);
}

/* Nobody asks and nothing else is stored: the lines are written anyway. */
static void
test_lines_are_written_unasked(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, LOG_INFO, "a", "alone");
    char path[512];
    struct db reader;
    int64_t n = 0;
    for (int i = 0; i < 500 && n == 0; i++) {
        usleep(10000);
        assert_int_equal(
            sqlite3_open_v2(fixture_path(fixture, "hearth.db", path),
                            &reader.handle, SQLITE_OPEN_READONLY, NULL),
            SQLITE_OK);
        struct sql sql;
        sql_init(&sql, &reader, "SELECT count(*) FROM logs");
        n = sql_next(&sql) ? sql_int(&sql) : -1;
        sql_end(&sql, NULL);
        sqlite3_close(reader.handle);
    }
    assert_int_equal(n, 1);
}

/* The log numbers its lines itself; the store goes on from there. */
static void
test_ids_may_be_given(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(store_last_log_id(fixture->store), 0);
    struct log_entry entry = { .id = 41, .at_ms = 1 };
    store_add_log(fixture->store, &entry);
    add(fixture, LOG_INFO, "a", "next");
    struct found *found = find(fixture, (struct log_query){ .limit = 5 });
    assert_int_equal(found->n, 2);
    assert_int_equal(found->entries[0].id, 42);
    assert_int_equal(store_last_log_id(fixture->store), 42);
    fixture_reopen(fixture);
    assert_int_equal(store_last_log_id(fixture->store), 42);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_newest_come_first),
        FIXTURE_TEST(test_filters),
        FIXTURE_TEST(test_limit_has_bounds),
        FIXTURE_TEST(test_old_lines_go),
        FIXTURE_TEST(test_a_flood_is_bounded),
        FIXTURE_TEST(test_ids_go_on_after_clearing),
        FIXTURE_TEST(test_lines_are_written_unasked),
        FIXTURE_TEST(test_ids_may_be_given),
    };
    return cmocka_run_group_tests_name("store logs", tests, NULL, NULL);
}
