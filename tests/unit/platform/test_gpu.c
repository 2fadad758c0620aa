/* GPUs by a tree like sysfs's. What a driver says needs one: here only that
 * it is asked, and answers, one way or the other. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/linux/gpu_internal.h"

static void
put(const char *folder, int card, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/card%d", folder, card);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/card%d/device", folder, card);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/card%d/device/%s", folder, card, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void
drop(const char *folder, int n_cards)
{
    static const char *const rest[] = { "device/mem_info_vram_total",
                                        "device/mem_info_vram_used",
                                        "device/gpu_busy_percent",
                                        "device/hwmon/hwmon3/temp1_input",
                                        "device/hwmon/hwmon3/power1_average",
                                        "device/hwmon/hwmon3",
                                        "device/hwmon",
                                        "device",
                                        "." };
    const size_t n_rest = sizeof rest / sizeof rest[0];
    for (int card = 0; card < n_cards; card++)
        for (size_t i = 0; i < n_rest; i++) {
            char path[512];
            snprintf(path, sizeof path, "%s/card%d/%s", folder, card, rest[i]);
            if (i == n_rest - 1)
                snprintf(path, sizeof path, "%s/card%d", folder, card);
            remove(path);
        }
    rmdir(folder);
}

static void
amd_by_sysfs(void **state)
{
    char folder[] = "/tmp/hearth-gpu-XXXXXX";
    struct gpu_facts gpus[GPUS_MAX];
    assert_non_null(mkdtemp(folder));
    put(folder, 0, "mem_info_vram_total", "17163091968\n");
    put(folder, 0, "mem_info_vram_used", "1000000000\n");
    put(folder, 1, "mem_info_vram_total", "words\n");
    put(folder, 2, "mem_info_vram_total", "8000000000"); /* no line end */
    put(folder, 3, "mem_info_vram_total", "1000\n");
    put(folder, 3, "mem_info_vram_used", "2000\n");
    put(folder, 4, "mem_info_vram_total", "0\n");
    size_t n = gpu_list_drm(folder, gpus, 0);
    drop(folder, 5);
    assert_int_equal(n, 3);
    assert_string_equal(gpus[0].name, "AMD GPU 0");
    assert_int_equal(gpus[0].total_bytes, 17163091968);
    assert_int_equal(gpus[0].free_bytes, 16163091968);
    assert_string_equal(gpus[1].name, "AMD GPU 2");
    assert_int_equal(gpus[1].free_bytes, -1);
    assert_int_equal(gpus[2].free_bytes, -1); /* more than there is */
    assert_int_equal(gpu_list_drm(folder, gpus, 0), 0);
}

static void
amd_at_work(void **state)
{
    char folder[] = "/tmp/hearth-gpu-XXXXXX", path[512];
    static struct gpu_reading reading;
    assert_non_null(mkdtemp(folder));
    put(folder, 0, "mem_info_vram_total", "8000\n");
    put(folder, 0, "mem_info_vram_used", "2000\n");
    put(folder, 0, "gpu_busy_percent", "42\n");
    snprintf(path, sizeof path, "%s/card0/device/hwmon", folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/card0/device/hwmon/hwmon3", folder);
    mkdir(path, 0700);
    put(folder, 0, "hwmon/hwmon3/temp1_input", "61000\n");
    put(folder, 0, "hwmon/hwmon3/power1_average", "95000000\n");
    put(folder, 1, "mem_info_vram_total", "1000\n");
    put(folder, 1, "gpu_busy_percent", "101\n");
    reading.n_gpus = 0;
    gpu_read_drm(folder, &reading);
    drop(folder, 2);
    assert_int_equal(reading.n_gpus, 2);
    assert_int_equal(reading.gpus[0].facts.free_bytes, 6000);
    assert_int_equal(reading.gpus[0].busy_percent, 42);
    assert_int_equal(reading.gpus[0].temperature_c, 61);
    assert_int_equal(reading.gpus[0].power_mw, 95000);
    assert_int_equal(reading.gpus[1].busy_percent, -1);
    assert_int_equal(reading.gpus[1].temperature_c, INT_MIN);
    assert_int_equal(reading.gpus[1].power_mw, -1);
    assert_false(reading.knows_users);
}

static void
none_has_a_reason(void **state)
{
    struct gpu_facts gpus[GPUS_MAX];
    struct error error = { .code = ERR_OK };
    size_t n = gpu_list(gpus, &error);
    assert_true(n <= GPUS_MAX);
    if (n == 0)
        assert_true(error.message[0] != '\0');
    for (size_t i = 0; i < n; i++)
        assert_true(gpus[i].total_bytes > 0 && gpus[i].name[0] != '\0');
    gpu_list(gpus, NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(amd_by_sysfs),
        cmocka_unit_test(amd_at_work),
        cmocka_unit_test(none_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
