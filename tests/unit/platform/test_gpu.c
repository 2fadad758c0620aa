/* GPUs by a tree like sysfs's. What a driver says needs one: here only that
 * it is asked, and answers, one way or the other. */
#include <ftw.h>
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

/* ---- who has memory of them ---- */

/* Makes the folders of `path` below `folder`, and there a file with `text`, or
 * a link to `target`. */
static void
make(const char *folder, const char *path, const char *text, const char *target)
{
    char at[512];
    snprintf(at, sizeof at, "%s/%s", folder, path);
    for (char *slash = at + strlen(folder) + 1;
         (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        mkdir(at, 0700);
        *slash = '/';
    }
    if (target != NULL) {
        assert_int_equal(symlink(target, at), 0);
        return;
    }
    FILE *file = fopen(at, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int
remove_one(const char *path, const struct stat *facts, int type,
           struct FTW *where)
{
    return remove(path);
}

static void
drop_tree(const char *folder)
{
    assert_int_equal(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static int64_t
has(const struct gpu_reading *reading, int64_t pid)
{
    for (size_t i = 0; i < reading->n_users; i++)
        if (reading->users[i].pid == pid)
            return reading->users[i].bytes;
    return -1;
}

static void
amd_users_by_kfd(void **state)
{
    char folder[] = "/tmp/hearth-kfd-XXXXXX";
    static struct gpu_reading reading;
    reading = (struct gpu_reading){ .n_gpus = 0 };
    gpu_users_kfd("/no/such/folder", &reading);
    assert_false(reading.knows_users);
    assert_non_null(mkdtemp(folder));
    make(folder, "123/vram_30381", "1610571776\n", NULL);
    make(folder, "123/vram_4711", "1000\n", NULL);
    make(folder, "123/sdma_4711", "77\n", NULL);
    make(folder, "124/vram_30381", "0\n", NULL);
    make(folder, "125/vram_30381", "words\n", NULL);
    make(folder, "self/vram_30381", "5\n", NULL);
    gpu_users_kfd(folder, &reading);
    drop_tree(folder);
    assert_true(reading.knows_users);
    assert_int_equal(reading.n_users, 1);
    assert_int_equal(has(&reading, 123), 1610571776 + 1000);
}

static void
amd_users_by_fdinfo(void **state)
{
    static const char amd[] =
        "pos:\t0\nflags:\t02100002\ndrm-driver:\tamdgpu\n"
        "drm-pdev:\t0000:03:00.0\ndrm-client-id:\t7\n"
        "drm-resident-vram:\t544428 KiB\ndrm-memory-gtt: \t22528 KiB\n"
        "drm-memory-vram:\t544428 KiB\n";
    static const char other_client[] =
        "drm-driver:\tamdgpu\ndrm-client-id:\t8\ndrm-memory-vram:\t2 MiB\n";
    static const char intel[] =
        "drm-driver:\ti915\ndrm-client-id:\t9\ndrm-memory-vram:\t2 MiB\n";
    static const char odd[] = "drm-driver:\tamdgpu\ndrm-client-id:\t10\n"
                              "drm-memory-vram:\t3 parsecs\n";
    char folder[] = "/tmp/hearth-fdinfo-XXXXXX";
    static struct gpu_reading reading;
    reading = (struct gpu_reading){ .users = { { 50, 100 } }, .n_users = 1 };
    assert_non_null(mkdtemp(folder));
    make(folder, "50/fd/3", NULL, "/dev/dri/renderD128");
    make(folder, "50/fdinfo/3", amd, NULL);
    make(folder, "50/fd/4", NULL, "/dev/dri/renderD128");
    make(folder, "50/fdinfo/4", amd, NULL); /* the same client */
    make(folder, "50/fd/5", NULL, "/dev/dri/card0");
    make(folder, "50/fdinfo/5", other_client, NULL);
    make(folder, "51/fd/3", NULL, "/dev/dri/renderD129");
    make(folder, "51/fdinfo/3", intel, NULL);
    make(folder, "52/fd/3", NULL, "/dev/dri/renderD128");
    make(folder, "52/fdinfo/3", odd, NULL);
    make(folder, "53/fd/3", NULL, "/tmp/file");
    make(folder, "53/fdinfo/3", amd, NULL);
    make(folder, "54/fd/3", NULL, "/dev/dri/renderD128"); /* just closed */
    gpu_users_drm(folder, &reading);
    drop_tree(folder);
    assert_true(reading.knows_users);
    assert_int_equal(reading.n_users, 1);
    assert_int_equal(has(&reading, 50), 544428LL * 1024 + 2 * 1024 * 1024);
    /* What is less than known already changes nothing. */
    reading.users[0].bytes = INT64_MAX;
    gpu_users_drm("/proc", &reading);
    assert_int_equal(has(&reading, 50), INT64_MAX);
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
        cmocka_unit_test(amd_users_by_kfd),
        cmocka_unit_test(amd_users_by_fdinfo),
        cmocka_unit_test(none_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
