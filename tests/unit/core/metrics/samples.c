/* The collector in a loop, with a real store: samples come, sooner when they
 * are watched, and the history has them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/metrics/metrics.h"
#include "engines/engines.h"
#include "io/timer.h"

struct world {
    struct loop loop;
    struct events events;
    struct store *store;
    struct engines *engines;
    struct instances *instances;
    struct metrics *metrics;
    struct subscription subscription;
    char folder[64];
    int n_wanted, n_samples;
    struct metrics_traffic traffic;
    struct metrics_sample last;
};

static void
on_sample(struct subscription *subscription, const struct event *event)
{
    struct world *world = LIST_ENTRY(subscription, struct world, subscription);
    const struct metrics_sample *sample = event->payload;
    assert_ptr_equal(sample, metrics_newest(world->metrics));
    world->last = *sample;
    world->traffic.n_requests += 100;
    if (++world->n_samples == world->n_wanted)
        loop_stop(&world->loop);
}

static void
read_traffic(void *ctx, struct metrics_traffic *ret_traffic)
{
    *ret_traffic = ((struct world *)ctx)->traffic;
}

static void
must(int result, const struct error *error)
{
    if (result < 0)
        fail_msg("%s", error->message);
}

static int
set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    struct error error;
    assert_non_null(world);
    snprintf(world->folder, sizeof world->folder, "/tmp/hearth-metrics-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    events_init(&world->events);
    must(loop_init(&world->loop, &error), &error);
    must(store_open(&world->loop, world->folder, "test", &world->store, &error),
         &error);
    must(engines_new(&world->engines, &error), &error);
    const struct instances_options instances = {
        .loop = &world->loop,
        .events = &world->events,
        .store = world->store,
        .engines = world->engines,
        .data_dir = world->folder,
        .hearth_path = "/nonexistent/hearth",
    };
    must(instances_new(&instances, &world->instances, &error), &error);
    events_subscribe(&world->events, &world->subscription, EVENT_BIT(METRICS),
                     on_sample);
    *state = world;
    return 0;
}

static void
open_metrics(struct world *world, struct store *store, int64_t interval_ms)
{
    struct error error;
    const struct metrics_options options = { .loop = &world->loop,
                                             .events = &world->events,
                                             .instances = world->instances,
                                             .store = store,
                                             .models_dir = world->folder,
                                             .data_dir = "/dev/null/a",
                                             .read_traffic = read_traffic,
                                             .ctx = world,
                                             .interval_ms = interval_ms };
    must(metrics_new(&options, &world->metrics, &error), &error);
}

static void
wait_samples(struct world *world, int n)
{
    world->n_wanted = world->n_samples + n;
    loop_run(&world->loop);
    assert_int_equal(world->n_samples, world->n_wanted);
}

static int
tear_down(void **state)
{
    static const char *const names[] = { "hearth.db", "hearth.db-wal",
                                         "hearth.db-shm", "hearth.lock" };
    struct world *world = *state;
    metrics_free(world->metrics);
    instances_free(world->instances);
    engines_free(world->engines);
    store_close(world->store);
    loop_close(&world->loop);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", world->folder, names[i]);
        unlink(path);
    }
    rmdir(world->folder);
    free(world);
    return 0;
}

static void
test_samples_come(void **state)
{
    struct world *world = *state;
    open_metrics(world, NULL, 20);
    assert_null(metrics_newest(world->metrics));
    wait_samples(world, 1);
    assert_int_equal(world->last.interval_ms, 0);
    assert_true(world->last.values[METRICS_MEMORY_TOTAL] > 0);
    assert_true(world->last.values[METRICS_MODELS_TOTAL] > 0);
    assert_true(isnan(world->last.values[METRICS_DATA_TOTAL]));
    assert_non_null(
        strstr(world->last.why[HARDWARE_DATA_DISK].message, "/dev/null/a"));
    assert_true(isnan(world->last.values[METRICS_REQUESTS]));
    wait_samples(world, 1);
    assert_true(world->last.interval_ms >= 20);
    assert_true(world->last.values[METRICS_REQUESTS] > 0);
    assert_true(world->last.values[METRICS_REQUESTS] <= 100 * 1000.0 / 20);
    assert_int_equal(world->last.n_servers, 0);
    /* GPUs, or a reason. */
    assert_int_equal(world->last.n_gpus > 0,
                     world->last.why[HARDWARE_GPUS].code == ERR_OK);
}

/* Ten minutes are not waited for: a watch is enough, until it ends. */
static void
test_a_watch_hastens(void **state)
{
    struct world *world = *state;
    struct metrics_watch watch = { .metrics = NULL };
    open_metrics(world, NULL, 600000);
    wait_samples(world, 2);
    metrics_watch_start(world->metrics, &watch, 1);
    assert_int_equal(watch.interval_ms, METRICS_INTERVAL_MIN_MS);
    wait_samples(world, 1);
    metrics_watch_start(world->metrics, &watch, INT64_MAX);
    assert_int_equal(watch.interval_ms, METRICS_INTERVAL_MAX_MS);
    metrics_watch_stop(&watch);
    metrics_watch_stop(&watch);
}

struct told {
    int n_calls;
    size_t n_points;
    float first;
    enum error_code code;
    struct loop *loop;
};

static void
on_history(void *ctx, const struct metric_history *history,
           const struct error *error)
{
    struct told *told = ctx;
    told->n_calls++;
    if (error != NULL) {
        told->code = error->code;
        return;
    }
    told->n_points = history->n_points;
    told->first = history->n_points > 0 ? history->values[0] : 0;
}

static struct metric_query
query_of(const char *series)
{
    struct metric_query query = { .n_series = 1,
                                  .from_ms = 0,
                                  .to_ms = loop_wall_ms() + 60000,
                                  .points = 1 };
    snprintf(query.series[0], sizeof query.series[0], "%s", series);
    return query;
}

static void
test_history_has_the_newest(void **state)
{
    struct world *world = *state;
    struct told told = { .n_calls = 0 };
    open_metrics(world, world->store, 20);
    wait_samples(world, 3);
    struct metric_query query = query_of("memory_total_bytes");
    metrics_query(world->metrics, &query, on_history, &told);
    assert_int_equal(store_wait(world->store, NULL), 0);
    assert_int_equal(told.n_calls, 1);
    assert_int_equal(told.n_points, 1);
    assert_float_equal(told.first,
                       (float)world->last.values[METRICS_MEMORY_TOTAL], 0);
}

static void
test_the_end_stores_what_waits(void **state)
{
    struct world *world = *state;
    struct told told = { .n_calls = 0 };
    open_metrics(world, world->store, 20);
    wait_samples(world, 1);
    metrics_free(world->metrics); /* perhaps with a look on its way */
    world->metrics = NULL;
    struct metric_query query = query_of("memory_total_bytes");
    query.now_ms = loop_wall_ms();
    store_query_metrics(world->store, &query, on_history, &told);
    assert_int_equal(store_wait(world->store, NULL), 0);
    assert_int_equal(told.n_points, 1);
}

static void
test_without_a_store_there_is_none(void **state)
{
    struct world *world = *state;
    struct told told = { .n_calls = 0 };
    struct metric_query query = query_of("cpu_percent");
    open_metrics(world, NULL, 0);
    metrics_query(world->metrics, &query, on_history, &told);
    assert_int_equal(told.n_calls, 1);
    assert_int_equal(told.code, ERR_NOT_IMPLEMENTED);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_samples_come),
        TEST(test_a_watch_hastens),
        TEST(test_history_has_the_newest),
        TEST(test_the_end_stores_what_waits),
        TEST(test_without_a_store_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
