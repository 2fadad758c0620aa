/* Measured values: what each series was, second by second for a day and minute
 * by minute for a month.
 *
 * Points that come together are sorted by series and time; each block that
 * one of them falls into is read, changed and written once. The averages of
 * the minutes that were touched are made anew from the samples, which a block
 * holds whole, so it does not matter in how many calls a minute comes.
 *
 * A query walks one range of ids for each series: blocks of samples when its
 * steps are shorter than a minute and it lies in the last day, else blocks of
 * minutes. Either way that is at most 750 rows of a series.
 *
 * Pruning goes round: each call looks at some series and takes a few rows of
 * each; a series without a row left goes itself. */
#include <math.h>
#include <stdlib.h>

#include "base/units.h"
#include "store/sqlite/metric_blocks.h"
#include "store/sqlite/sqlite_internal.h"

enum {
    POINTS_MAX = 65536, /* in one call */
    PRUNED_SERIES = 8,  /* looked at in one call */
    PRUNED_ROWS = 32,   /* taken of each kind */
};

/* One of the two kinds of rows. */
struct kind {
    int64_t block_ms;
    int64_t kept_ms;
    const char *select, *range, *put, *prune;
};

#define KIND_SQL(table)                                                   \
    .select = "SELECT packed FROM " table " WHERE id = ?",                \
    .range = "SELECT id, packed FROM " table " WHERE id BETWEEN ? AND ? " \
             "ORDER BY id",                                               \
    .put = "INSERT INTO " table " (id, packed) VALUES (?, ?) "            \
           "ON CONFLICT (id) DO UPDATE SET packed = excluded.packed",     \
    .prune = "DELETE FROM " table " WHERE id IN (SELECT id FROM " table   \
             " WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?)"

static const struct kind samples_kind = { SAMPLES_BLOCK_S * SECOND_MS,
                                          24 * (int64_t)HOUR_MS,
                                          KIND_SQL("metric_samples") };
static const struct kind minutes_kind = { MINUTES_BLOCK_S * SECOND_MS,
                                          31 * 24 * (int64_t)HOUR_MS,
                                          KIND_SQL("metric_minutes") };

static int64_t
row_id(const struct kind *kind, int64_t series, int64_t at_ms)
{
    return series << 32 | (at_ms / kind->block_ms & UINT32_MAX);
}

static int64_t
row_begins_at(const struct kind *kind, int64_t id)
{
    return (id & UINT32_MAX) * kind->block_ms;
}

/* Times whose blocks have a number of 32 bits. */
static bool
is_time(int64_t at_ms)
{
    return at_ms >= 0 && at_ms / (SAMPLES_BLOCK_S * SECOND_MS) < UINT32_MAX;
}

static int
damaged(struct db *db, const char *table, int64_t id, struct error *error)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)id);
    return db_row_error(db, error, table, text, "its values are not packed");
}

/* ---- series ---- */

/* 0: there is none. -1 on failure. */
static int64_t
find_series(struct db *db, const char *name, struct error *error)
{
    int64_t id = 0;
    struct sql sql;
    sql_init(&sql, db, "SELECT id FROM metric_series WHERE name = ?");
    sql_bind_text(&sql, name);
    if (sql_next(&sql))
        id = sql_int(&sql);
    return sql_end(&sql, error) < 0 ? -1 : id;
}

/* Ids are not used again while there is a larger one; rows of a series go
 * before it. 0: there are too many. */
static int64_t
make_series(struct db *db, const char *name, struct error *error)
{
    int64_t n = 0, id = 0;
    struct sql sql;
    sql_init(&sql, db,
             "SELECT count(*), coalesce(max(id), 0) FROM "
             "metric_series");
    if (sql_next(&sql)) {
        n = sql_int(&sql);
        id = sql_int(&sql) + 1;
    }
    if (sql_end(&sql, error) < 0)
        return -1;
    if (n >= METRIC_SERIES_MAX || id >= INT32_MAX)
        return 0;
    sql_init(&sql, db, "INSERT INTO metric_series (id, name) VALUES (?, ?)");
    sql_bind_int(&sql, id);
    sql_bind_text(&sql, name);
    return sql_run(&sql, error) < 0 ? -1 : id;
}

/* ---- adding ---- */

struct add_job {
    struct job job;
    struct metric_point *points;
    size_t n;
    int64_t now_ms;
};

static int
put_row(struct db *db, const struct kind *kind, int64_t id, const void *packed,
        size_t n, struct error *error)
{
    struct sql sql;
    sql_init(&sql, db, kind->put);
    sql_bind_int(&sql, id);
    sql_bind_bytes(&sql, packed, n);
    return sql_run(&sql, error);
}

static int
read_samples(struct db *db, int64_t id, struct samples_block *ret_block,
             struct error *error)
{
    struct sql sql;
    int unpacked = 0;
    samples_clear(ret_block);
    sql_init(&sql, db, samples_kind.select);
    sql_bind_int(&sql, id);
    if (sql_next(&sql))
        unpacked = samples_unpack(sql_bytes(&sql), ret_block);
    if (sql_end(&sql, error) < 0)
        return -1;
    return unpacked < 0 ? damaged(db, "metric_samples", id, error) : 0;
}

static int
read_minutes(struct db *db, int64_t id, struct minutes_block *ret_block,
             struct error *error)
{
    struct sql sql;
    int unpacked = 0;
    minutes_clear(ret_block);
    sql_init(&sql, db, minutes_kind.select);
    sql_bind_int(&sql, id);
    if (sql_next(&sql))
        unpacked = minutes_unpack(sql_bytes(&sql), ret_block);
    if (sql_end(&sql, error) < 0)
        return -1;
    return unpacked < 0 ? damaged(db, "metric_minutes", id, error) : 0;
}

static int
put_averages(struct db *db, int64_t series, int64_t begin_ms,
             const struct samples_block *samples, uint32_t touched,
             struct error *error)
{
    int64_t id = row_id(&minutes_kind, series, begin_ms);
    struct minutes_block minutes;
    if (read_minutes(db, id, &minutes, error) < 0)
        return -1;
    int first =
        (int)((begin_ms - row_begins_at(&minutes_kind, id)) / MINUTE_MS);
    for (int i = 0; i < SAMPLES_BLOCK_S / 60; i++)
        if ((touched & 1U << i) != 0)
            minutes.averages[first + i] = samples_average(samples, i);
    uint8_t packed[MINUTES_BLOCK_BYTES];
    minutes_pack(&minutes, packed);
    return put_row(db, &minutes_kind, id, packed, sizeof packed, error);
}

/* Takes the points that fall into one block: how many, or -1. */
static ptrdiff_t
add_to_block(struct db *db, int64_t series, const struct metric_point *points,
             size_t n, struct error *error)
{
    int64_t id = row_id(&samples_kind, series, points[0].at_ms);
    int64_t begin_ms = row_begins_at(&samples_kind, id);
    struct samples_block block;
    uint32_t touched = 0;
    size_t n_taken = 0;
    if (read_samples(db, id, &block, error) < 0)
        return -1;
    while (n_taken < n &&
           row_id(&samples_kind, series, points[n_taken].at_ms) == id) {
        int second = (int)((points[n_taken].at_ms - begin_ms) / SECOND_MS);
        block.values[second] = (float)points[n_taken].value;
        touched |= 1U << (second / 60);
        n_taken++;
    }
    uint8_t packed[SAMPLES_BLOCK_BYTES];
    size_t n_bytes = samples_pack(&block, packed);
    if (put_row(db, &samples_kind, id, packed, n_bytes, error) < 0 ||
        put_averages(db, series, begin_ms, &block, touched, error) < 0)
        return -1;
    return (ptrdiff_t)n_taken;
}

static int
add_to_series(struct db *db, const struct metric_point *points, size_t n,
              struct error *error)
{
    int64_t series = find_series(db, points[0].series, error);
    if (series == 0)
        series = make_series(db, points[0].series, error);
    if (series <= 0)
        return (int)series;
    while (n > 0) {
        ptrdiff_t n_taken = add_to_block(db, series, points, n, error);
        if (n_taken < 0)
            return -1;
        points += n_taken;
        n -= (size_t)n_taken;
    }
    return 0;
}

static int
compare_points(const void *a, const void *b)
{
    const struct metric_point *one = a, *other = b;
    int order = strcmp(one->series, other->series);
    if (order != 0)
        return order;
    return (one->at_ms > other->at_ms) - (one->at_ms < other->at_ms);
}

/* ---- pruning ---- */

static int
prune_rows(struct db *db, const struct kind *kind, int64_t series,
           int64_t now_ms, struct error *error)
{
    int64_t before_ms = now_ms - kind->kept_ms;
    if (before_ms < kind->block_ms)
        return 0;
    struct sql sql;
    sql_init(&sql, db, kind->prune);
    sql_bind_int(&sql, series << 32);
    sql_bind_int(&sql, row_id(kind, series, before_ms) - 1);
    sql_bind_int(&sql, PRUNED_ROWS);
    return sql_run(&sql, error);
}

/* A series whose rows have all gone. */
static int
prune_series(struct db *db, int64_t series, struct error *error)
{
    struct sql sql;
    sql_init(&sql, db,
             "DELETE FROM metric_series WHERE id = ? AND NOT EXISTS (SELECT "
             "1 FROM metric_minutes WHERE id BETWEEN ? AND ?) AND NOT EXISTS "
             "(SELECT 1 FROM metric_samples WHERE id BETWEEN ? AND ?)");
    sql_bind_int(&sql, series);
    for (int i = 0; i < 2; i++) {
        sql_bind_int(&sql, series << 32);
        sql_bind_int(&sql, series << 32 | UINT32_MAX);
    }
    return sql_run(&sql, error);
}

static int
prune(struct db *db, int64_t now_ms, struct error *error)
{
    int64_t found[PRUNED_SERIES];
    int n = 0;
    struct sql sql;
    sql_init(&sql, db,
             "SELECT id FROM metric_series WHERE id > ? ORDER BY id LIMIT ?");
    sql_bind_int(&sql, db->pruned_series);
    sql_bind_int(&sql, PRUNED_SERIES);
    while (n < PRUNED_SERIES && sql_next(&sql))
        found[n++] = sql_int(&sql);
    if (sql_end(&sql, error) < 0)
        return -1;
    for (int i = 0; i < n; i++) {
        if (prune_rows(db, &samples_kind, found[i], now_ms, error) < 0 ||
            prune_rows(db, &minutes_kind, found[i], now_ms, error) < 0 ||
            prune_series(db, found[i], error) < 0)
            return -1;
    }
    db->pruned_series = n < PRUNED_SERIES ? 0 : found[n - 1];
    return 0;
}

static int
add_metrics(struct db *db, struct job *job, struct error *error)
{
    struct add_job *add = (struct add_job *)job;
    size_t first = 0;
    if (add->n > 0)
        qsort(add->points, add->n, sizeof *add->points, compare_points);
    while (first < add->n) {
        size_t end = first + 1;
        while (end < add->n &&
               strcmp(add->points[end].series, add->points[first].series) == 0)
            end++;
        if (add_to_series(db, add->points + first, end - first, error) < 0)
            return -1;
        first = end;
    }
    return prune(db, add->now_ms, error);
}

static void
release_add(struct job *job)
{
    free(((struct add_job *)job)->points);
}

void
store_add_metrics(struct store *store, const struct metric_point *points,
                  size_t n, int64_t now_ms, store_done_fn *on_done, void *ctx)
{
    struct add_job *add = job_new(sizeof *add, add_metrics, on_done, ctx);
    if (add == NULL)
        return;
    add->job.release = release_add;
    add->now_ms = now_ms;
    add->points = n > POINTS_MAX ? NULL : calloc(n + 1, sizeof *points);
    if (add->points == NULL) {
        job_fail_no_memory(&add->job);
        return;
    }
    for (size_t i = 0; i < n; i++)
        if (is_time(points[i].at_ms) && isfinite((float)points[i].value))
            add->points[add->n++] = points[i];
    store_submit(store, &add->job);
}

/* ---- asking ---- */

static int64_t
ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

struct query_job {
    struct job job;
    struct metric_query query;
    bool has_samples; /* the query is answered from samples */
    int64_t first_ms; /* begin of the first step */
    size_t n_steps;
    struct metric_history history;
    int64_t *at_ms;
    float *values;
    uint32_t *counts; /* values of each step, of one series */
    double *sums;
    void (*on_done)(void *ctx, const struct metric_history *history,
                    const struct error *error);
};

/* The shortest step that needs no more points than were asked for; of whole
 * seconds, or of whole minutes. Steps begin at multiples of themselves where
 * that fits, so that a window that moves on keeps its points. */
static void
plan_steps(struct query_job *call)
{
    const struct metric_query *query = &call->query;
    int64_t step_ms = (query->to_ms - query->from_ms) / query->points;
    call->has_samples = step_ms < MINUTE_MS &&
                        query->from_ms >= query->now_ms - samples_kind.kept_ms;
    int64_t unit_ms = call->has_samples ? SECOND_MS : MINUTE_MS;
    int64_t first_ms = query->from_ms / unit_ms * unit_ms;
    step_ms = ceil_div(query->to_ms - first_ms, query->points);
    step_ms = ceil_div(step_ms, unit_ms) * unit_ms;
    int64_t aligned_ms = query->from_ms / step_ms * step_ms;
    if (ceil_div(query->to_ms - aligned_ms, step_ms) <= query->points)
        first_ms = aligned_ms;
    call->first_ms = first_ms;
    call->n_steps = (size_t)ceil_div(query->to_ms - first_ms, step_ms);
    call->history.step_ms = step_ms;
}

static void
take_value(struct query_job *call, int64_t at_ms, float value)
{
    if (isnan(value) || at_ms < call->first_ms || at_ms >= call->query.to_ms)
        return;
    size_t step = (size_t)((at_ms - call->first_ms) / call->history.step_ms);
    call->sums[step] += (double)value;
    call->counts[step]++;
}

static int
take_row(struct query_job *call, int64_t begin_ms, struct str packed)
{
    if (call->has_samples) {
        struct samples_block block;
        if (samples_unpack(packed, &block) < 0)
            return -1;
        for (int i = 0; i < SAMPLES_BLOCK_S; i++)
            take_value(call, begin_ms + i * SECOND_MS, block.values[i]);
        return 0;
    }
    struct minutes_block block;
    if (minutes_unpack(packed, &block) < 0)
        return -1;
    for (int i = 0; i < MINUTES_IN_BLOCK; i++)
        take_value(call, begin_ms + i * MINUTE_MS, block.averages[i]);
    return 0;
}

static int
read_range(struct db *db, struct query_job *call, int64_t series,
           struct error *error)
{
    const struct kind *kind = call->has_samples ? &samples_kind : &minutes_kind;
    struct sql sql;
    int64_t bad_id = 0;
    sql_init(&sql, db, kind->range);
    sql_bind_int(&sql, row_id(kind, series, call->first_ms));
    sql_bind_int(&sql, row_id(kind, series, call->query.to_ms - 1));
    while (bad_id == 0 && sql_next(&sql)) {
        int64_t id = sql_int(&sql);
        if (take_row(call, row_begins_at(kind, id), sql_bytes(&sql)) < 0)
            bad_id = id;
    }
    if (sql_end(&sql, error) < 0)
        return -1;
    return bad_id == 0 ? 0 : damaged(db, "metrics", bad_id, error);
}

static int
query_series(struct db *db, struct query_job *call, size_t at,
             struct error *error)
{
    memset(call->sums, 0, call->n_steps * sizeof *call->sums);
    memset(call->counts, 0, call->n_steps * sizeof *call->counts);
    int64_t series = find_series(db, call->query.series[at], error);
    if (series < 0 || (series > 0 && read_range(db, call, series, error) < 0))
        return -1;
    float *values = call->values + at * call->n_steps;
    for (size_t i = 0; i < call->n_steps; i++)
        values[i] = call->counts[i] == 0
                        ? NAN
                        : (float)(call->sums[i] / call->counts[i]);
    return 0;
}

static bool
has_value(const struct query_job *call, size_t step)
{
    for (size_t s = 0; s < call->query.n_series; s++)
        if (!isnan(call->values[s * call->n_steps + step]))
            return true;
    return false;
}

/* Leaves out the steps that nobody has a value in. Each value moves to the
 * front, so in rising order none is overwritten before it is read. */
static void
make_history(struct query_job *call)
{
    struct metric_history *history = &call->history;
    size_t n = 0;
    for (size_t i = 0; i < call->n_steps; i++) {
        if (!has_value(call, i))
            continue;
        call->at_ms[n] = call->first_ms + (int64_t)i * history->step_ms;
        for (size_t s = 0; s < call->query.n_series; s++)
            call->values[s * call->n_steps + n] =
                call->values[s * call->n_steps + i];
        n++;
    }
    for (size_t s = 1; s < call->query.n_series; s++)
        memmove(call->values + s * n, call->values + s * call->n_steps,
                n * sizeof *call->values);
    history->n_points = n;
    history->n_series = call->query.n_series;
    history->at_ms = call->at_ms;
    history->values = call->values;
}

static int
query_metrics(struct db *db, struct job *job, struct error *error)
{
    struct query_job *call = (struct query_job *)job;
    for (size_t s = 0; s < call->query.n_series; s++)
        if (query_series(db, call, s, error) < 0)
            return -1;
    make_history(call);
    return 0;
}

static void
deliver_history(struct job *job, const struct error *error)
{
    struct query_job *call = (struct query_job *)job;
    call->on_done(job->ctx, error == NULL ? &call->history : NULL, error);
}

static void
release_query(struct job *job)
{
    struct query_job *call = (struct query_job *)job;
    free(call->at_ms);
    free(call->values);
    free(call->counts);
    free(call->sums);
}

static int
check_query(const struct metric_query *query, struct error *error)
{
    if (query->points < 1 || query->points > METRIC_POINTS_MAX)
        return error_field(error, "points", "points %d: expected 1 to %d",
                           query->points, METRIC_POINTS_MAX);
    if (query->n_series < 1 || query->n_series > METRIC_QUERY_SERIES_MAX)
        return error_field(error, "series", "%zu series: expected 1 to %d",
                           query->n_series, METRIC_QUERY_SERIES_MAX);
    if (!is_time(query->from_ms) || !is_time(query->to_ms) ||
        query->from_ms >= query->to_ms)
        return error_field(error, "from", "from %lld to %lld is no range",
                           (long long)query->from_ms, (long long)query->to_ms);
    return 0;
}

void
store_query_metrics(struct store *store, const struct metric_query *query,
                    void (*on_done)(void *ctx,
                                    const struct metric_history *history,
                                    const struct error *error),
                    void *ctx)
{
    struct error error;
    if (check_query(query, &error) < 0) {
        on_done(ctx, NULL, &error);
        return;
    }
    struct query_job *call = job_new(sizeof *call, query_metrics, NULL, ctx);
    if (call == NULL) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, NULL, &error);
        return;
    }
    call->job.deliver = deliver_history;
    call->job.release = release_query;
    call->on_done = on_done;
    call->query = *query;
    plan_steps(call);
    call->at_ms = calloc(call->n_steps, sizeof *call->at_ms);
    call->values =
        calloc(call->n_steps * query->n_series, sizeof *call->values);
    call->counts = calloc(call->n_steps, sizeof *call->counts);
    call->sums = calloc(call->n_steps, sizeof *call->sums);
    if (call->at_ms == NULL || call->values == NULL || call->counts == NULL ||
        call->sums == NULL)
        job_fail_no_memory(&call->job);
    else
        store_submit(store, &call->job);
}

/* ---- labels, and finding by what they are of ---- */

struct label_job {
    struct job job;
    struct metric_label *labels;
    size_t n;
};

static int
label_metrics(struct db *db, struct job *job, struct error *error)
{
    const struct label_job *call = (struct label_job *)job;
    for (size_t i = 0; i < call->n; i++) {
        struct sql sql;
        sql_init(&sql, db,
                 "UPDATE metric_series SET label = ? WHERE name = ? AND "
                 "label <> ?");
        sql_bind_text(&sql, call->labels[i].label);
        sql_bind_text(&sql, call->labels[i].series);
        sql_bind_text(&sql, call->labels[i].label);
        if (sql_run(&sql, error) < 0)
            return -1;
    }
    return 0;
}

static void
release_labels(struct job *job)
{
    free(((struct label_job *)job)->labels);
}

void
store_label_metrics(struct store *store, const struct metric_label *labels,
                    size_t n, store_done_fn *on_done, void *ctx)
{
    struct label_job *call = job_new(sizeof *call, label_metrics, on_done, ctx);
    if (call == NULL)
        return;
    call->job.release = release_labels;
    call->labels = calloc(n + 1, sizeof *labels);
    if (call->labels == NULL) {
        job_fail_no_memory(&call->job);
        return;
    }
    memcpy(call->labels, labels, n * sizeof *labels);
    call->n = n;
    store_submit(store, &call->job);
}

/* A query of one step, of each series in turn. */
struct find_job {
    struct query_job step;
    struct metric_label *found;
    int64_t *ids;
    size_t n;
    double sum;
    uint32_t count;
    store_metrics_found_fn *on_done;
};

static int
find_matching(struct db *db, struct find_job *call, struct error *error)
{
    struct sql sql;
    sql_init(&sql, db,
             "SELECT id, name, label FROM metric_series WHERE name GLOB ? "
             "ORDER BY name LIMIT ?");
    sql_bind_text(&sql, call->step.query.series[0]);
    sql_bind_int(&sql, METRIC_SERIES_MAX);
    while (sql_next(&sql) && call->n < METRIC_SERIES_MAX) {
        struct metric_label *one = &call->found[call->n];
        call->ids[call->n++] = sql_int(&sql);
        struct str name = sql_text(&sql), label = sql_text(&sql);
        snprintf(one->series, sizeof one->series, "%.*s", STR_ARG(name));
        snprintf(one->label, sizeof one->label, "%.*s", STR_ARG(label));
    }
    return sql_end(&sql, error);
}

static int
find_metrics(struct db *db, struct job *job, struct error *error)
{
    struct find_job *call = (struct find_job *)job;
    size_t n = 0;
    if (find_matching(db, call, error) < 0)
        return -1;
    for (size_t i = 0; i < call->n; i++) {
        call->count = 0;
        if (read_range(db, &call->step, call->ids[i], error) < 0)
            return -1;
        if (call->count > 0)
            call->found[n++] = call->found[i];
    }
    call->n = n;
    return 0;
}

static void
deliver_found(struct job *job, const struct error *error)
{
    const struct find_job *call = (struct find_job *)job;
    if (error == NULL)
        call->on_done(job->ctx, call->found, call->n, NULL);
    else
        call->on_done(job->ctx, NULL, 0, error);
}

static void
release_found(struct job *job)
{
    free(((struct find_job *)job)->found);
    free(((struct find_job *)job)->ids);
}

void
store_find_metrics(struct store *store, const struct metric_search *search,
                   store_metrics_found_fn *on_done, void *ctx)
{
    struct error error;
    struct metric_query query = { .n_series = 1,
                                  .from_ms = search->from_ms,
                                  .to_ms = search->to_ms,
                                  .points = 1,
                                  .now_ms = search->now_ms };
    snprintf(query.series[0], sizeof query.series[0], "%s", search->pattern);
    if (check_query(&query, &error) < 0) {
        on_done(ctx, NULL, 0, &error);
        return;
    }
    struct find_job *call = job_new(sizeof *call, find_metrics, NULL, ctx);
    if (call == NULL) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, NULL, 0, &error);
        return;
    }
    call->step.job.deliver = deliver_found;
    call->step.job.release = release_found;
    call->on_done = on_done;
    call->step.query = query;
    plan_steps(&call->step);
    call->step.sums = &call->sum;
    call->step.counts = &call->count;
    call->found = calloc(METRIC_SERIES_MAX, sizeof *call->found);
    call->ids = calloc(METRIC_SERIES_MAX, sizeof *call->ids);
    if (call->found == NULL || call->ids == NULL)
        job_fail_no_memory(&call->step.job);
    else
        store_submit(store, &call->step.job);
}
