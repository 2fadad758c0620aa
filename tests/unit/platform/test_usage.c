/* What this machine says of itself hangs together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "platform/system.h"
#include "platform/usage.h"

static void
test_processor_time_rises(void **state)
{
    (void)state;
    struct cpu_usage before, after;
    struct own_usage own_before, own_after;
    assert_int_equal(usage_cpu(&before, NULL), 0);
    assert_int_equal(usage_own(&own_before, NULL), 0);
    do {
        assert_int_equal(usage_own(&own_after, NULL), 0);
    } while (own_after.cpu_ms < own_before.cpu_ms + 50);
    assert_int_equal(usage_cpu(&after, NULL), 0);
    assert_true(after.busy > before.busy);
    assert_true(after.total >= after.busy);
    assert_true(own_after.rss_bytes > 100000);
    assert_true(own_after.n_threads >= 1);
}

static void
test_memory_and_swap(void **state)
{
    (void)state;
    struct memory_usage memory;
    struct swap_usage swap;
    assert_int_equal(usage_memory(&memory, NULL), 0);
    assert_true(memory.total_bytes > 0);
    assert_true(memory.available_bytes <= memory.total_bytes);
    assert_int_equal(usage_swap(&swap, NULL), 0);
    assert_true(swap.free_bytes <= swap.total_bytes);
}

static void
test_disk_of_a_folder_to_come(void **state)
{
    (void)state;
    struct disk_usage root, below;
    struct error error = { .code = ERR_OK };
    assert_int_equal(usage_disk("/", &root, NULL), 0);
    assert_true(root.total_bytes > 0 && root.free_bytes <= root.total_bytes);
    assert_int_equal(usage_disk("/tmp/no/such/folder", &below, NULL), 0);
    assert_true(below.total_bytes > 0);
    assert_int_equal(usage_disk("/dev/null/x", &below, &error), -1);
    assert_non_null(strstr(error.message, "/dev/null/x"));
}

static void
test_load_and_network(void **state)
{
    (void)state;
    double load[3];
    struct network_usage network;
    assert_int_equal(usage_load(load, NULL), 0);
    assert_true(load[0] >= 0 && load[1] >= 0 && load[2] >= 0);
    assert_int_equal(usage_network(&network, NULL), 0);
    assert_true(network.received_bytes >= 0 && network.sent_bytes >= 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processor_time_rises),
        cmocka_unit_test(test_memory_and_swap),
        cmocka_unit_test(test_disk_of_a_folder_to_come),
        cmocka_unit_test(test_load_and_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
