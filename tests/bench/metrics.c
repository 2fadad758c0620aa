/* metrics FOLDER: how long questions about measured values take.
 *
 * Fills a new database in FOLDER with 10,022,400 raw samples (116 series, one
 * a second for a day) and, for the series that are asked about, a month of
 * minutes; closes it, opens it again and asks. Prints Markdown: for one series
 * and for as many as a question may have, the median and the worst of 21, from
 * the call to its answer on the loop's thread, and the very first. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/units.h"
#include "store/store.h"

enum {
    SERIES = 116,
    DAY_S = 86400,
    MONTH_DAYS = 30,
    CHUNK = 43200,
    ROUNDS = 21,
};

static const int64_t NOW_MS = INT64_C(1767225600000);

static double
now_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1000 + (double)at.tv_nsec / 1e6;
}

static void
stop(const char *what, const struct error *error)
{
    fprintf(stderr, "%s: %s\n", what, error->message);
    exit(1);
}

static void
series_name(int series, char *ret_name)
{
    snprintf(ret_name, METRIC_NAME_BYTES, "server.profile_%03d.cpu_percent",
             series);
}

/* n points of one series, `step_ms` apart. */
static void
fill(struct store *store, struct metric_point *points, int series,
     int64_t from_ms, int64_t step_ms, int n)
{
    struct error error;
    for (int i = 0; i < n; i++) {
        series_name(series, points[i].series);
        points[i].at_ms = from_ms + i * step_ms;
        points[i].value = (double)((i * 7 + series) % 1000);
    }
    store_add_metrics(store, points, (size_t)n, from_ms, NULL, NULL);
    if (store_wait(store, &error) < 0)
        stop("fill", &error);
}

static void
fill_all(struct store *store)
{
    struct metric_point *points = calloc(CHUNK, sizeof *points);
    if (points == NULL)
        exit(1);
    for (int series = 0; series < METRIC_QUERY_SERIES_MAX; series++)
        fill(store, points, series,
             NOW_MS - (MONTH_DAYS + 1) * (int64_t)DAY_S * SECOND_MS, MINUTE_MS,
             MONTH_DAYS * 24 * 60);
    for (int series = 0; series < SERIES; series++)
        for (int part = 0; part < DAY_S / CHUNK; part++)
            fill(store, points, series,
                 NOW_MS - (int64_t)(DAY_S - part * CHUNK) * SECOND_MS,
                 SECOND_MS, CHUNK);
    free(points);
}

struct answer {
    size_t n_points;
    double at_ms;
};

static void
on_history(void *ctx, const struct metric_history *history,
           const struct error *error)
{
    struct answer *answer = ctx;
    if (error != NULL)
        stop("query", error);
    answer->n_points = history->n_points;
    answer->at_ms = now_ms();
}

static double
ask(struct store *store, int n_series, int64_t range_ms, size_t *ret_n)
{
    struct metric_query query = { .n_series = (size_t)n_series,
                                  .from_ms = NOW_MS - range_ms,
                                  .to_ms = NOW_MS,
                                  .points = METRIC_POINTS_MAX,
                                  .now_ms = NOW_MS };
    struct answer answer = { .n_points = 0 };
    struct error error;
    for (int i = 0; i < n_series; i++)
        series_name(i, query.series[i]);
    double begun_ms = now_ms();
    store_query_metrics(store, &query, on_history, &answer);
    if (store_wait(store, &error) < 0)
        stop("query", &error);
    *ret_n = answer.n_points;
    return answer.at_ms - begun_ms;
}

static int
compare(const void *a, const void *b)
{
    double one = *(const double *)a, other = *(const double *)b;
    return (one > other) - (one < other);
}

static void
measure(struct store *store, const char *name, int64_t range_ms)
{
    static const int counts[] = { 1, METRIC_QUERY_SERIES_MAX };
    for (int c = 0; c < 2; c++) {
        double took_ms[ROUNDS];
        size_t n_points = 0;
        double first_ms = 0;
        for (int i = 0; i < ROUNDS; i++)
            took_ms[i] = ask(store, counts[c], range_ms, &n_points);
        first_ms = took_ms[0];
        qsort(took_ms, ROUNDS, sizeof *took_ms, compare);
        printf("| %s | %d | %zu | %.2f ms | %.2f ms | %.2f ms |\n", name,
               counts[c], n_points, took_ms[ROUNDS / 2], took_ms[ROUNDS - 1],
               first_ms);
    }
}

int
main(int argc, char **argv)
{
    struct loop loop;
    struct store *store = NULL;
    struct error error;
    if (argc != 2) {
        fprintf(stderr, "usage: metrics FOLDER\n");
        return 2;
    }
    if (loop_init(&loop, &error) < 0 ||
        store_open(&loop, argv[1], "bench", &store, &error) < 0)
        stop("open", &error);
    double begun_ms = now_ms();
    fill_all(store);
    double filled_ms = now_ms() - begun_ms;
    store_close(store);
    begun_ms = now_ms();
    if (store_open(&loop, argv[1], "bench", &store, &error) < 0)
        stop("open", &error);
    printf("%d raw samples of %d series, filled in %.1f s, opened in %.0f ms"
           "\n\n| range | series | points | median | worst of %d | first |\n"
           "|---|--:|--:|--:|--:|--:|\n",
           SERIES * DAY_S, SERIES, filled_ms / 1000, now_ms() - begun_ms,
           ROUNDS);
    measure(store, "10 minutes", 10 * (int64_t)MINUTE_MS);
    measure(store, "1 hour", HOUR_MS);
    measure(store, "10 hours less a minute", 10 * (int64_t)HOUR_MS - MINUTE_MS);
    measure(store, "1 day", 24 * (int64_t)HOUR_MS);
    measure(store, "7 days", 7 * 24 * (int64_t)HOUR_MS);
    measure(store, "31 days", 31 * 24 * (int64_t)HOUR_MS);
    store_close(store);
    loop_close(&loop);
    return 0;
}
