/* GPUs as NVIDIA's library tells of them; fake_nvml.c is in its place. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/hardware/hardware.h"

static void
test_gpus_and_their_users(void **state)
{
    struct hardware_sample *sample = calloc(1, sizeof *sample);
    (void)state;
    assert_non_null(sample);
    hardware_read_sample("/", "/", sample);
    assert_int_equal(sample->why[HARDWARE_GPUS].code, ERR_OK);
    assert_true(sample->n_gpus >= 2);
    const struct hardware_gpu_use *one = &sample->gpus[sample->n_gpus - 2],
                                  *two = &sample->gpus[sample->n_gpus - 1];
    assert_string_equal(one->name, "Test GPU A");
    assert_int_equal(one->memory_total_bytes, 8000);
    assert_int_equal(one->memory_used_bytes, 3000);
    assert_int_equal(one->busy_percent, 37);
    assert_int_equal(one->temperature_c, 61);
    assert_int_equal(one->power_mw, 215500);
    assert_string_equal(two->name, "Test GPU B");
    assert_int_equal(two->memory_used_bytes, 0);
    assert_int_equal(two->busy_percent, -1);
    assert_int_equal(two->temperature_c, INT_MIN);
    assert_int_equal(two->power_mw, -1);
    assert_int_equal(sample->why[HARDWARE_GPU_USERS].code, ERR_OK);
    assert_int_equal(sample->n_gpu_users, 1);
    assert_int_equal(sample->gpu_users[0].group, getpgid(0));
    assert_int_equal(sample->gpu_users[0].bytes, 1020);
    free(sample);
}

static void
test_the_fit_sees_the_same(void **state)
{
    struct hardware_gpu gpus[HARDWARE_GPUS_MAX];
    size_t n = hardware_read_gpus(gpus, NULL);
    (void)state;
    assert_true(n >= 2);
    assert_string_equal(gpus[n - 2].name, "Test GPU A");
    assert_int_equal(gpus[n - 2].memory_free_bytes, 5000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpus_and_their_users),
        cmocka_unit_test(test_the_fit_sees_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
