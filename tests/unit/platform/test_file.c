/* Files, folders, sockets and names of the platform layer. */
#include "platform/file.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "platform/net.h"
#include "platform/private_file.h"
#include "platform/system.h"

struct folder {
    char path[64];
};

static int
make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    snprintf(folder->path, sizeof folder->path, "/tmp/platform-XXXXXX");
    *state = folder;
    return mkdtemp(folder->path) == NULL;
}

static int
remove_folder(void **state)
{
    struct folder *folder = *state;
    int failed = rmdir(folder->path); /* a test cleans up after itself */
    free(folder);
    return failed;
}

static void
test_atomic_write_replaces_whole(void **state)
{
    const struct folder *folder = *state;
    struct error error;
    char path[128];
    struct stat info;
    struct strbuf text = STRBUF_INIT(32);
    snprintf(path, sizeof path, "%s/file", folder->path);
    assert_int_equal(
        file_write_atomic(path, STR("first, longer"), 0600, &error), 0);
    assert_int_equal(file_write_atomic(path, STR("second"), 0600, &error), 0);
    assert_int_equal(file_read(path, &text, &error), 0);
    assert_string_equal(strbuf_text(&text), "second");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(file_write_atomic("/nowhere/file", STR("x"), 0600, &error),
                     -1);
    assert_int_equal(error.code, ERR_IO);
    strbuf_release(&text);
    text.ceiling = 3;
    assert_int_equal(file_read(path, &text, &error), -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    strbuf_release(&text);
    assert_int_equal(file_read("/nowhere/file", &text, &error), -1);
    assert_int_equal(unlink(path), 0);
}

static void
test_folders_are_made(void **state)
{
    const struct folder *folder = *state;
    struct error error;
    char path[128];
    snprintf(path, sizeof path, "%s/a/b/c", folder->path);
    assert_int_equal(file_make_folders(path, 0700, &error), 0);
    assert_int_equal(file_make_folders(path, 0700, &error), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rmdir(path), 0);
        *strrchr(path, '/') = '\0';
    }
    snprintf(path, sizeof path, "%s/f", folder->path);
    assert_int_equal(file_write_atomic(path, STR(""), 0600, &error), 0);
    assert_int_equal(file_make_folders(path, 0700, &error), -1);
    assert_non_null(strstr(error.message, "is no folder"));
    assert_int_equal(file_make_folders("", 0700, &error), -1);
    assert_int_equal(unlink(path), 0);
}

static void
test_made_folders_go_while_they_are_empty(void **state)
{
    const struct folder *folder = *state;
    struct error error;
    char path[128], file[160];
    size_t made, n = strlen(folder->path);
    snprintf(path, sizeof path, "%s/x", folder->path);
    assert_int_equal(file_make_folders(path, 0700, &error), 0);
    snprintf(path, sizeof path, "%s/x/y/z", folder->path);
    assert_int_equal(file_make_folders_noting(path, 0700, &made, &error), 0);
    assert_int_equal(made, n + 4); /* "x" was there */
    snprintf(file, sizeof file, "%s/f", path);
    assert_int_equal(file_write_atomic(file, STR(""), 0600, &error), 0);
    assert_false(file_remove_empty_folders(path, made));
    assert_int_equal(unlink(file), 0);
    assert_false(file_remove_empty_folders(path, 0));
    assert_true(file_remove_empty_folders(path, made));
    path[n + 2] = '\0';
    assert_int_equal(rmdir(path), 0); /* not made by that call, and empty */
    assert_int_equal(file_make_folders_noting(path, 0700, &made, &error), 0);
    assert_int_equal(made, n + 2);
    assert_int_equal(file_make_folders_noting(path, 0700, &made, &error), 0);
    assert_int_equal(made, 0);
    assert_int_equal(rmdir(path), 0);
}

static void
test_unix_listener_is_private(void **state)
{
    const struct folder *folder = *state;
    struct error error;
    char path[128];
    char long_path[300];
    struct stat info;
    snprintf(path, sizeof path, "%s/socket", folder->path);
    int fd = net_listen_unix(path, &error);
    assert_true(fd >= 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(net_accept(fd), -1); /* does not block */
    close(fd);
    fd = net_listen_unix(path, &error); /* the old file is in nobody's way */
    assert_true(fd >= 0);
    close(fd);
    unlink(path);
    snprintf(long_path, sizeof long_path, "%s/%0200d", folder->path, 0);
    assert_int_equal(net_listen_unix(long_path, &error), -1);
    assert_non_null(strstr(error.message, "shorter data folder"));
}

static void
test_standard_folders(void **state)
{
    (void)state;
    struct error error;
    char path[128];
    setenv("HOME", "/home/ada", 1);
    setenv("XDG_DATA_HOME", "/data", 1);
    assert_int_equal(system_data_folder(path, sizeof path, &error), 0);
    assert_string_equal(path, "/data/hearth");
    unsetenv("XDG_CONFIG_HOME");
    assert_int_equal(system_config_folder(path, sizeof path, &error), 0);
    assert_string_equal(path, "/home/ada/.config/hearth");
    setenv("XDG_DATA_HOME", "relative", 1);
    assert_int_equal(system_data_folder(path, sizeof path, &error), 0);
    assert_string_equal(path, "/home/ada/.local/share/hearth");
    assert_int_equal(system_data_folder(path, 10, &error), -1);
    unsetenv("HOME");
    assert_int_equal(system_data_folder(path, sizeof path, &error), -1);
    assert_non_null(strstr(error.message, "HOME"));
}

static void
test_random_bytes_differ(void **state)
{
    (void)state;
    uint8_t a[600] = { 0 };
    uint8_t b[600] = { 0 };
    system_random(a, sizeof a);
    system_random(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + 584, b + 584, 16); /* the last piece too */
}

/* Two that take the lock, remove its file while they hold it and let go, over
 * and over: never both at once. */
enum { LOCK_ROUNDS = 20000 };
struct lockers {
    char path[96];
    _Atomic int n_inside, n_taken;
    _Atomic bool was_shared;
};

static void *
lock_and_remove(void *arg)
{
    struct lockers *all = arg;
    for (int i = 0; i < LOCK_ROUNDS; i++) {
        char holder[FILE_LOCK_HOLDER_BYTES];
        struct file_lock lock;
        struct error error;
        long pid;
        if (file_lock_take(&lock, all->path, "test", holder, &pid, &error) != 0)
            continue;
        if (atomic_fetch_add(&all->n_inside, 1) > 0)
            atomic_store(&all->was_shared, true);
        atomic_fetch_add(&all->n_taken, 1);
        sched_yield();
        atomic_fetch_sub(&all->n_inside, 1);
        unlink(all->path);
        file_lock_release(&lock);
    }
    return NULL;
}

static void
test_a_removed_lock_is_nobodys(void **state)
{
    struct folder *folder = *state;
    struct lockers all = { .n_inside = 0 };
    pthread_t threads[2];
    snprintf(all.path, sizeof all.path, "%s/x.lock", folder->path);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, lock_and_remove, &all), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    unlink(all.path);
    assert_false(atomic_load(&all.was_shared));
    assert_true(atomic_load(&all.n_taken) >= 2);
}

static void
test_machine_is_described(void **state)
{
    (void)state;
    char name[256];
    struct error error;
    assert_true(system_processors() >= 1);
    assert_true(system_memory_bytes() > (int64_t)64 * 1024 * 1024);
    assert_int_equal(system_host_name(name, sizeof name), 0);
    assert_int_equal(system_self_path(name, sizeof name, &error), 0);
    assert_non_null(strstr(name, "test_file"));
    assert_int_equal(system_self_path(name, 4, &error), -1);
    int64_t before = system_monotonic_ms();
    assert_true(system_monotonic_ms() >= before);
    assert_true(system_wall_ms() > INT64_C(1600000000000));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_atomic_write_replaces_whole),
        cmocka_unit_test(test_folders_are_made),
        cmocka_unit_test(test_made_folders_go_while_they_are_empty),
        cmocka_unit_test(test_unix_listener_is_private),
        cmocka_unit_test(test_standard_folders),
        cmocka_unit_test(test_random_bytes_differ),
        cmocka_unit_test(test_a_removed_lock_is_nobodys),
        cmocka_unit_test(test_machine_is_described),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
