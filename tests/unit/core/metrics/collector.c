/* A sample from two looks at counters, and its points. */
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/metrics/metrics_internal.h"

static struct metrics_counters
counters(int64_t at_ms)
{
    struct metrics_counters made = { .at_ms = at_ms };
    made.hardware.memory_total_bytes = 1000;
    made.hardware.memory_available_bytes = 400;
    made.hardware.load[2] = 1.5;
    return made;
}

static void
test_rates_take_two(void **state)
{
    (void)state;
    struct metrics_counters none = { .at_ms = 0 }, one = counters(1000),
                            two = counters(3000);
    struct metrics_sample sample;
    one.hardware.cpu_busy = 100;
    one.hardware.cpu_total = 1000;
    two.hardware.cpu_busy = 150;
    two.hardware.cpu_total = 1200;
    two.hardware.received_bytes = 5000;
    two.hardware.own_cpu_ms = 500;
    two.traffic.n_completion_tokens = 60;
    metrics_make_sample(&none, &one, true, &sample);
    assert_int_equal(sample.interval_ms, 0);
    assert_true(isnan(sample.values[METRICS_CPU]));
    assert_true(isnan(sample.values[METRICS_RECEIVED]));
    assert_true(isnan(sample.values[METRICS_ANSWER_TOKENS]));
    assert_float_equal(sample.values[METRICS_MEMORY_USED], 600, 0);
    assert_float_equal(sample.values[METRICS_LOAD_15M], 1.5, 0);
    metrics_make_sample(&one, &two, true, &sample);
    assert_int_equal(sample.interval_ms, 2000);
    assert_float_equal(sample.values[METRICS_CPU], 25, 0);
    assert_float_equal(sample.values[METRICS_RECEIVED], 2500, 0);
    assert_float_equal(sample.values[METRICS_OWN_CPU], 25, 0);
    assert_float_equal(sample.values[METRICS_ANSWER_TOKENS], 30, 0);
    metrics_make_sample(&one, &two, false, &sample);
    assert_true(isnan(sample.values[METRICS_ANSWER_TOKENS]));
}

static void
test_unknown_parts_have_no_values(void **state)
{
    (void)state;
    struct metrics_counters one = counters(1000), two = counters(2000);
    struct metrics_sample sample;
    one.hardware.cpu_total = two.hardware.received_bytes = 10;
    two.hardware.cpu_total = 20;
    error_set(&two.hardware.why[HARDWARE_MEMORY], ERR_IO, "no memory told");
    error_set(&one.hardware.why[HARDWARE_NETWORK], ERR_IO, "not yet");
    metrics_make_sample(&one, &two, true, &sample);
    assert_true(isnan(sample.values[METRICS_MEMORY_USED]));
    assert_true(isnan(sample.values[METRICS_MEMORY_TOTAL]));
    assert_string_equal(sample.why[HARDWARE_MEMORY].message, "no memory told");
    /* What was unknown before has nothing to be counted from. */
    assert_true(isnan(sample.values[METRICS_RECEIVED]));
    assert_int_equal(sample.why[HARDWARE_NETWORK].code, ERR_OK);
    assert_float_equal(sample.values[METRICS_CPU], 0, 0);
}

static void
test_counters_that_fall(void **state)
{
    (void)state;
    struct metrics_counters one = counters(1000), two = counters(2000);
    struct metrics_sample sample;
    one.hardware.sent_bytes = 10;
    one.hardware.cpu_total = 10;
    two.hardware.cpu_total = 5;
    metrics_make_sample(&one, &two, true, &sample);
    assert_true(isnan(sample.values[METRICS_SENT]));
    assert_true(isnan(sample.values[METRICS_CPU]));
    /* More busy than there was time. */
    two.hardware.cpu_total = 20;
    two.hardware.cpu_busy = 11;
    metrics_make_sample(&one, &two, true, &sample);
    assert_true(isnan(sample.values[METRICS_CPU]));
}

static const struct metric_point *
find(const struct metrics_pending *pending, const char *name)
{
    for (size_t i = 0; i < pending->n; i++)
        if (strcmp(pending->points[i].series, name) == 0)
            return &pending->points[i];
    return NULL;
}

static void
test_only_known_values_become_points(void **state)
{
    (void)state;
    struct metrics_pending pending = { .n = 0 };
    struct metrics_sample sample = { .at_ms = 77, .n_gpus = 1 };
    struct metrics_server server = { .profile_id = "p1",
                                     .name = "coder",
                                     .rss_bytes = 5,
                                     .cpu_percent = 50,
                                     .n_threads = -1,
                                     .gpu_memory_bytes = -1 };
    for (int i = 0; i < METRICS_READING_COUNT; i++)
        sample.values[i] = (double)NAN;
    metrics_read_engine(STR("llamacpp:requests_deferred 3\n"), &server.engine);
    sample.values[METRICS_CPU] = 12;
    sample.gpus[0] = (struct hardware_gpu_use){ .memory_total_bytes = 9,
                                                .memory_used_bytes = -1,
                                                .busy_percent = -1,
                                                .temperature_c = INT_MIN,
                                                .power_mw = 1500 };
    sample.servers = &server;
    sample.n_servers = 1;
    assert_int_equal(metrics_add_points(&pending, &sample), 0);
    assert_int_equal(pending.n, 6);
    assert_int_equal(pending.since_ms, 77);
    assert_float_equal(find(&pending, "cpu_percent")->value, 12, 0);
    assert_float_equal(find(&pending, "gpu.0.memory_total_bytes")->value, 9, 0);
    assert_float_equal(find(&pending, "gpu.0.power_w")->value, 1.5, 0);
    assert_float_equal(find(&pending, "server.p1.rss_bytes")->value, 5, 0);
    assert_float_equal(find(&pending, "server.p1.cpu_percent")->value, 50, 0);
    assert_float_equal(find(&pending, "server.p1.requests_waiting")->value, 3,
                       0);
    /* Each server is named once, as it was last. */
    snprintf(server.name, sizeof server.name, "renamed");
    assert_int_equal(metrics_add_points(&pending, &sample), 0);
    assert_int_equal(pending.n_labels, 1);
    assert_string_equal(pending.labels[0].series, "server.p1.rss_bytes");
    assert_string_equal(pending.labels[0].label, "renamed");
    free(pending.points);
    free(pending.labels);
}

static void
test_slots_are_counted(void **state)
{
    int64_t n = -1, n_busy = -1;
    (void)state;
    assert_true(metrics_read_slots(STR("[{\"id\":0,\"is_processing\":true},"
                                       "{\"id\":1,\"is_processing\":false},"
                                       "{\"id\":2,\"is_processing\":true}]"),
                                   &n, &n_busy));
    assert_int_equal(n, 3);
    assert_int_equal(n_busy, 2);
    assert_true(metrics_read_slots(STR("[]"), &n, &n_busy));
    assert_int_equal(n, 0);
    assert_false(metrics_read_slots(STR("{\"error\":1}"), &n, &n_busy));
    assert_false(metrics_read_slots(STR("[{\"id\":0}]"), &n, &n_busy));
    assert_false(metrics_read_slots(STR("no"), &n, &n_busy));
    assert_int_equal(n, 0); /* as it was */
}

static void
test_engines_tell_by_their_own_names(void **state)
{
    (void)state;
    struct metrics_engine engine;
    metrics_read_engine(STR("# TYPE llamacpp:requests_processing gauge\n"
                            "llamacpp:requests_processing 1\n"
                            "llamacpp:tokens_predicted_total 64\n"),
                        &engine);
    assert_float_equal(engine.values[METRICS_ENGINE_ACTIVE], 1, 0);
    assert_float_equal(engine.values[METRICS_ENGINE_ANSWER_TOKENS], 64, 0);
    assert_true(isnan(engine.values[METRICS_ENGINE_WAITING]));
    assert_string_equal(engine.why, "");
    /* Of several models, the sum. */
    metrics_read_engine(STR("vllm:num_requests_waiting{model=\"a\"} 1.0\n"
                            "vllm:num_requests_waiting{model=\"b\"} 2.0\n"),
                        &engine);
    assert_float_equal(engine.values[METRICS_ENGINE_WAITING], 3, 0);
}

static void
test_what_waits_has_a_ceiling(void **state)
{
    (void)state;
    struct metrics_pending pending = { .n = 0 };
    struct metrics_sample sample = { .at_ms = 1 };
    int n_calls = 0;
    while (metrics_add_points(&pending, &sample) == 0)
        n_calls++;
    assert_int_equal(pending.n, 65536);
    assert_int_equal(n_calls, 65536 / METRICS_READING_COUNT);
    free(pending.points);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_take_two),
        cmocka_unit_test(test_slots_are_counted),
        cmocka_unit_test(test_unknown_parts_have_no_values),
        cmocka_unit_test(test_counters_that_fall),
        cmocka_unit_test(test_only_known_values_become_points),
        cmocka_unit_test(test_engines_tell_by_their_own_names),
        cmocka_unit_test(test_what_waits_has_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
