/* Measured values: what is kept, averaged, pruned and found again. */
#include "fixture.h"

#include <math.h>

#include "base/units.h"
#include "store/sqlite/metric_blocks.h"
#include "store/sqlite/sqlite_internal.h"

/* 2026-01-01T00:00:00Z, the begin of an hour. */
static const int64_t T0 = 1767225600000;
static const int64_t DAY = 24 * (int64_t)HOUR_MS;

struct found {
    int n_calls;
    bool has_failed;
    struct error error;
    int64_t step_ms;
    size_t n_points, n_series;
    int64_t at_ms[METRIC_POINTS_MAX];
    float values[METRIC_QUERY_SERIES_MAX][METRIC_POINTS_MAX];
};

static void
on_found(void *ctx, const struct metric_history *history,
         const struct error *error)
{
    struct found *found = ctx;
    found->n_calls++;
    found->has_failed = error != NULL;
    if (error != NULL) {
        found->error = *error;
        return;
    }
    found->step_ms = history->step_ms;
    found->n_points = history->n_points;
    found->n_series = history->n_series;
    assert_true(history->n_points <= METRIC_POINTS_MAX);
    memcpy(found->at_ms, history->at_ms,
           history->n_points * sizeof *history->at_ms);
    for (size_t s = 0; s < history->n_series; s++)
        memcpy(found->values[s], history->values + s * history->n_points,
               history->n_points * sizeof *history->values);
}

static struct metric_point
point(const char *series, int64_t at_ms, double value)
{
    struct metric_point made = { .at_ms = at_ms, .value = value };
    snprintf(made.series, sizeof made.series, "%s", series);
    return made;
}

static void
add_one(struct fixture *fixture, const char *series, int64_t at_ms,
        double value)
{
    struct metric_point one = point(series, at_ms, value);
    store_add_metrics(fixture->store, &one, 1, at_ms, NULL, NULL);
}

/* n values of 0, 1, 2, ... from `from_ms`, in one call. */
static void
add_many(struct fixture *fixture, const char *series, int64_t from_ms,
         int64_t step_ms, size_t n)
{
    struct metric_point *points = calloc(n, sizeof *points);
    assert_non_null(points);
    for (size_t i = 0; i < n; i++)
        points[i] = point(series, from_ms + (int64_t)i * step_ms, (double)i);
    store_add_metrics(fixture->store, points, n, from_ms + (int64_t)n * step_ms,
                      NULL, NULL);
    free(points);
}

static struct found *
ask(struct fixture *fixture, const char *series, int64_t from_ms, int64_t to_ms,
    int points, int64_t now_ms)
{
    static struct found found;
    struct metric_query query = { .n_series = 1,
                                  .from_ms = from_ms,
                                  .to_ms = to_ms,
                                  .points = points,
                                  .now_ms = now_ms };
    snprintf(query.series[0], sizeof query.series[0], "%s", series);
    found = (struct found){ .n_calls = 0 };
    store_query_metrics(fixture->store, &query, on_found, &found);
    assert_int_equal(store_wait(fixture->store, NULL),
                     found.has_failed && found.n_calls == 0 ? -1 : 0);
    assert_int_equal(found.n_calls, 1);
    return &found;
}

static int64_t
count(struct fixture *fixture, const char *text)
{
    struct db *db = store_read_begin(fixture->store);
    struct sql sql;
    sql_init(&sql, db, text);
    int64_t n = sql_next(&sql) ? sql_int(&sql) : -1;
    assert_int_equal(sql_end(&sql, NULL), 0);
    store_read_end(fixture->store);
    return n;
}

static void
test_samples_come_back(void **state)
{
    struct fixture *fixture = *state;
    add_one(fixture, "cpu", T0 + 10 * SECOND_MS, 12.5);
    add_one(fixture, "cpu", T0 + 20 * SECOND_MS, 25);
    fixture_reopen(fixture);
    struct found *found =
        ask(fixture, "cpu", T0, T0 + 30 * SECOND_MS, 30, T0 + MINUTE_MS);
    assert_int_equal(found->step_ms, SECOND_MS);
    assert_int_equal(found->n_points, 2);
    assert_int_equal(found->at_ms[0], T0 + 10 * SECOND_MS);
    assert_float_equal(found->values[0][0], 12.5F, 0);
    assert_int_equal(found->at_ms[1], T0 + 20 * SECOND_MS);
    assert_float_equal(found->values[0][1], 25.0F, 0);
    /* The end does not belong to the range. */
    found = ask(fixture, "cpu", T0, T0 + 20 * SECOND_MS, 30, T0 + MINUTE_MS);
    assert_int_equal(found->n_points, 1);
    found = ask(fixture, "other", T0, T0 + MINUTE_MS, 30, T0 + MINUTE_MS);
    assert_int_equal(found->n_points, 0);
}

static void
test_steps_are_averages(void **state)
{
    struct fixture *fixture = *state;
    add_many(fixture, "cpu", T0, SECOND_MS, 1200); /* two blocks */
    struct found *found =
        ask(fixture, "cpu", T0, T0 + 20 * MINUTE_MS, 120, T0 + HOUR_MS);
    assert_int_equal(found->step_ms, 10 * SECOND_MS);
    assert_int_equal(found->n_points, 120);
    for (size_t i = 0; i < found->n_points; i++) {
        assert_int_equal(found->at_ms[i], T0 + (int64_t)i * 10 * SECOND_MS);
        assert_float_equal(found->values[0][i], (float)i * 10 + 4.5F, 0.001);
    }
    /* A step of two minutes comes from averages of minutes. */
    found = ask(fixture, "cpu", T0, T0 + 20 * MINUTE_MS, 10, T0 + HOUR_MS);
    assert_int_equal(found->step_ms, 2 * MINUTE_MS);
    assert_int_equal(found->n_points, 10);
    assert_float_equal(found->values[0][0], 59.5F, 0.001);
    assert_float_equal(found->values[0][9], 1139.5F, 0.001);
}

static void
test_a_minute_in_pieces_is_one_average(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 6; i++)
        add_one(fixture, "cpu", T0 + i * 10 * SECOND_MS, i);
    /* The same second again takes the place of what was there. */
    add_one(fixture, "cpu", T0, 6);
    struct found *found =
        ask(fixture, "cpu", T0, T0 + 10 * MINUTE_MS, 10, T0 + MINUTE_MS);
    assert_int_equal(found->step_ms, MINUTE_MS);
    assert_int_equal(found->n_points, 1);
    assert_float_equal(found->values[0][0], 3.5F, 0.001);
}

static void
test_never_more_points_than_asked(void **state)
{
    struct fixture *fixture = *state;
    static const int64_t ranges[] = { 1,
                                      999,
                                      61 * SECOND_MS,
                                      HOUR_MS,
                                      HOUR_MS + 1,
                                      7 * HOUR_MS - 1,
                                      INT32_MAX,
                                      20 * (int64_t)86400000,
                                      400 * (int64_t)86400000 };
    static const int points[] = { 1, 2, 7, 599, 600 };
    add_many(fixture, "cpu", T0, 7 * SECOND_MS, 5000);
    for (size_t r = 0; r < sizeof ranges / sizeof *ranges; r++) {
        for (size_t p = 0; p < sizeof points / sizeof *points; p++) {
            const struct found *found =
                ask(fixture, "cpu", T0 + 1, T0 + 1 + ranges[r], points[p],
                    T0 + DAY / 2);
            if (found->has_failed || found->n_points > (size_t)points[p] ||
                found->step_ms * points[p] < ranges[r])
                fail_msg("%lld ms in %d points: %zu of %lld ms",
                         (long long)ranges[r], points[p], found->n_points,
                         (long long)found->step_ms);
        }
    }
}

static void
test_series_share_their_steps(void **state)
{
    struct fixture *fixture = *state;
    struct metric_query query = { .n_series = 3,
                                  .from_ms = T0,
                                  .to_ms = T0 + MINUTE_MS,
                                  .points = 6,
                                  .now_ms = T0 + MINUTE_MS };
    static struct found found;
    snprintf(query.series[0], METRIC_NAME_BYTES, "a");
    snprintf(query.series[1], METRIC_NAME_BYTES, "none");
    snprintf(query.series[2], METRIC_NAME_BYTES, "b");
    add_one(fixture, "a", T0 + 15 * SECOND_MS, 1);
    add_one(fixture, "b", T0 + 15 * SECOND_MS, 2);
    add_one(fixture, "b", T0 + 45 * SECOND_MS, 3);
    found = (struct found){ .n_calls = 0 };
    store_query_metrics(fixture->store, &query, on_found, &found);
    fixture_wait(fixture);
    assert_int_equal(found.n_series, 3);
    assert_int_equal(found.n_points, 2);
    assert_int_equal(found.at_ms[0], T0 + 10 * SECOND_MS);
    assert_int_equal(found.at_ms[1], T0 + 40 * SECOND_MS);
    assert_float_equal(found.values[0][0], 1, 0);
    assert_true(isnan(found.values[0][1]));
    assert_true(isnan(found.values[1][0]));
    assert_float_equal(found.values[2][0], 2, 0);
    assert_float_equal(found.values[2][1], 3, 0);
}

static void
test_old_samples_leave_their_minutes(void **state)
{
    struct fixture *fixture = *state;
    add_many(fixture, "cpu", T0, MINUTE_MS, 600); /* 60 blocks, 10 hours */
    assert_int_equal(count(fixture, "SELECT count(*) FROM metric_samples"), 60);
    add_one(fixture, "cpu", T0 + 3 * DAY, 1);
    assert_int_equal(count(fixture, "SELECT count(*) FROM metric_samples"),
                     61 - 32);
    add_one(fixture, "cpu", T0 + 3 * DAY, 1);
    assert_int_equal(count(fixture, "SELECT count(*) FROM metric_samples"), 1);
    assert_int_equal(count(fixture, "SELECT count(*) FROM metric_minutes"), 11);
    /* What is older than samples are is answered from minutes. */
    struct found *found =
        ask(fixture, "cpu", T0, T0 + MINUTE_MS, 60, T0 + 3 * DAY);
    assert_int_equal(found->step_ms, MINUTE_MS);
    assert_int_equal(found->n_points, 1);
}

static void
test_series_without_rows_go(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 20; i++) {
        char name[METRIC_NAME_BYTES];
        snprintf(name, sizeof name, "old %d", i);
        add_one(fixture, name, T0, i);
    }
    assert_int_equal(count(fixture, "SELECT count(*) FROM metric_series"), 20);
    for (int i = 0; i < 6; i++)
        add_one(fixture, "new", T0 + 40 * DAY + i * SECOND_MS, 1);
    assert_int_equal(count(fixture, "SELECT count(*) FROM metric_series"), 1);
    assert_int_equal(count(fixture, "SELECT count(*) FROM metric_minutes"), 1);
}

struct named {
    int n_calls;
    size_t n;
    struct error error;
    struct metric_label rows[4];
};

static void
on_named(void *ctx, const struct metric_label *found, size_t n,
         const struct error *error)
{
    struct named *named = ctx;
    named->n_calls++;
    named->n = n;
    assert_int_equal(found == NULL, error != NULL);
    if (error != NULL)
        named->error = *error;
    for (size_t i = 0; i < n && i < 4; i++)
        named->rows[i] = found[i];
}

static struct named
seek(struct fixture *fixture, const char *pattern, int64_t from_ms,
     int64_t to_ms)
{
    struct named named = { .n_calls = 0 };
    struct metric_search search = { .from_ms = from_ms,
                                    .to_ms = to_ms,
                                    .now_ms = T0 + DAY };
    snprintf(search.pattern, sizeof search.pattern, "%s", pattern);
    store_find_metrics(fixture->store, &search, on_named, &named);
    assert_int_equal(store_wait(fixture->store, NULL), 0);
    assert_int_equal(named.n_calls, 1);
    return named;
}

static void
label_one(struct fixture *fixture, const char *series, const char *text)
{
    struct metric_label one;
    snprintf(one.series, sizeof one.series, "%s", series);
    snprintf(one.label, sizeof one.label, "%s", text);
    store_label_metrics(fixture->store, &one, 1, NULL, NULL);
    assert_int_equal(store_wait(fixture->store, NULL), 0);
}

static void
test_series_are_found_with_their_labels(void **state)
{
    struct fixture *fixture = *state;
    add_one(fixture, "server.b.rss_bytes", T0, 1);
    add_one(fixture, "server.a.rss_bytes", T0 + HOUR_MS, 1);
    add_one(fixture, "server.a.threads", T0, 1);
    add_one(fixture, "cpu_percent", T0, 1);
    label_one(fixture, "server.b.rss_bytes", "coder");
    label_one(fixture, "server.b.rss_bytes", "coder it is");
    label_one(fixture, "server.c.rss_bytes", "never measured");
    struct named named =
        seek(fixture, "server.*.rss_bytes", T0, T0 + 2 * HOUR_MS);
    assert_int_equal(named.n, 2);
    assert_string_equal(named.rows[0].series, "server.a.rss_bytes");
    assert_string_equal(named.rows[0].label, "");
    assert_string_equal(named.rows[1].series, "server.b.rss_bytes");
    assert_string_equal(named.rows[1].label, "coder it is");
    /* To the minute: the other one has its values later. */
    named = seek(fixture, "server.*.rss_bytes", T0, T0 + HOUR_MS);
    assert_int_equal(named.n, 1);
    assert_string_equal(named.rows[0].series, "server.b.rss_bytes");
    named = seek(fixture, "server.*.rss_bytes", T0 + 3 * MINUTE_MS,
                 T0 + 5 * MINUTE_MS);
    assert_int_equal(named.n, 0);
    named = seek(fixture, "server.*.rss_bytes", T0, T0);
    assert_string_equal(named.error.field, "from");
}

static void
test_series_have_a_ceiling(void **state)
{
    struct fixture *fixture = *state;
    enum { MORE = METRIC_SERIES_MAX + 10 };
    struct metric_point *points = calloc(MORE, sizeof *points);
    assert_non_null(points);
    for (int i = 0; i < MORE; i++) {
        points[i] = point("", T0, i);
        snprintf(points[i].series, METRIC_NAME_BYTES, "%05d", i);
    }
    store_add_metrics(fixture->store, points, MORE, T0, NULL, NULL);
    fixture_wait(fixture);
    free(points);
    assert_int_equal(count(fixture, "SELECT count(*) FROM metric_series"),
                     METRIC_SERIES_MAX);
}

static void
test_strange_points_are_left_out(void **state)
{
    struct fixture *fixture = *state;
    add_one(fixture, "cpu", -1, 1);
    add_one(fixture, "cpu", INT64_MAX, 1);
    add_one(fixture, "cpu", T0, (double)NAN);
    add_one(fixture, "cpu", T0, (double)INFINITY);
    add_one(fixture, "cpu", T0, 1e300);
    fixture_wait(fixture);
    assert_int_equal(count(fixture, "SELECT count(*) FROM metric_samples"), 0);
}

static void
test_bad_queries_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        int64_t from_ms, to_ms;
        int points;
        const char *field;
    } rows[] = { { 0, 1, 0, "points" },
                 { 0, 1, 601, "points" },
                 { 5, 5, 1, "from" },
                 { -1, 5, 1, "from" },
                 { 0, INT64_MAX, 1, "from" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct found *found = ask(fixture, "cpu", rows[i].from_ms,
                                        rows[i].to_ms, rows[i].points, T0);
        assert_true(found->has_failed);
        assert_string_equal(found->error.field, rows[i].field);
    }
}

static void
meddle(struct fixture *fixture, const char *text)
{
    struct db *db = store_read_begin(fixture->store);
    assert_int_equal(db_exec(db, text, NULL), 0);
    store_read_end(fixture->store);
}

static void
test_damage_is_told(void **state)
{
    struct fixture *fixture = *state;
    static struct found found;
    struct metric_query query = { .n_series = 1,
                                  .from_ms = T0,
                                  .to_ms = T0 + MINUTE_MS,
                                  .points = 60,
                                  .now_ms = T0 };
    snprintf(query.series[0], METRIC_NAME_BYTES, "cpu");
    add_one(fixture, "cpu", T0, 1);
    fixture_wait(fixture);
    meddle(fixture, "UPDATE metric_samples SET packed = x'000102'");
    found = (struct found){ .n_calls = 0 };
    store_query_metrics(fixture->store, &query, on_found, &found);
    assert_int_equal(store_wait(fixture->store, NULL), -1);
    assert_int_equal(found.n_calls, 1);
    assert_true(found.has_failed);
    assert_non_null(strstr(found.error.message, "damaged"));
}

static void
test_packed_bytes_are_checked(void **state)
{
    (void)state;
    struct samples_block samples;
    struct minutes_block minutes;
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        { "\0\0\0\0\0", 5 },                /* not whole */
        { "\x58\x02\0\0\0\0", 6 },          /* second 600 */
        { "\1\0\0\0\0\0\1\0\0\0\0\0", 12 }, /* twice */
        { "\2\0\0\0\0\0\1\0\0\0\0\0", 12 }, /* falling */
        { "\0\0\0\0\xc0\x7f", 6 },          /* no number */
        { "\0\0\0\0\x80\x7f", 6 },          /* infinite */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(
            samples_unpack((struct str){ bad[i].bytes, bad[i].n }, &samples),
            -1);
    assert_int_equal(samples_unpack(STR(""), &samples), 0);
    assert_true(isnan(samples_average(&samples, 9)));
    assert_int_equal(minutes_unpack(STR(""), &minutes), -1);
    uint8_t packed[MINUTES_BLOCK_BYTES];
    minutes_clear(&minutes);
    minutes.averages[59] = 7.25F;
    minutes_pack(&minutes, packed);
    assert_int_equal(
        minutes_unpack((struct str){ (const char *)packed, sizeof packed },
                       &minutes),
        0);
    assert_true(isnan(minutes.averages[58]));
    assert_float_equal(minutes.averages[59], 7.25F, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_samples_come_back),
        FIXTURE_TEST(test_steps_are_averages),
        FIXTURE_TEST(test_a_minute_in_pieces_is_one_average),
        FIXTURE_TEST(test_never_more_points_than_asked),
        FIXTURE_TEST(test_series_share_their_steps),
        FIXTURE_TEST(test_old_samples_leave_their_minutes),
        FIXTURE_TEST(test_series_without_rows_go),
        FIXTURE_TEST(test_series_are_found_with_their_labels),
        FIXTURE_TEST(test_series_have_a_ceiling),
        FIXTURE_TEST(test_strange_points_are_left_out),
        FIXTURE_TEST(test_bad_queries_are_refused),
        FIXTURE_TEST(test_damage_is_told),
        cmocka_unit_test(test_packed_bytes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
