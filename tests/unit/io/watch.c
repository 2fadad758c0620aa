#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/timer.h"
#include "io/watch.h"

struct fixture {
    char dir[256];
    struct loop loop;
    struct watch *watch;
    int n_changes;
    struct timer end;
};

static void
on_change(void *ctx)
{
    struct fixture *f = ctx;
    f->n_changes++;
    loop_stop(&f->loop);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error error;
    const char *tmp = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%.200s/hearth-watch-XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(loop_init(&f->loop, &error), 0);
    f->watch = watch_new(&f->loop, on_change, f);
    assert_non_null(f->watch);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    watch_free(f->watch);
    loop_close(&f->loop);
    rmdir(f->dir);
    free(f);
    return 0;
}

/* Makes a file, lets the loop look at it, and removes it. */
static void
touch(struct fixture *f, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(unlink(path), 0);
}

static void
test_a_burst_is_one_change(void **state)
{
    struct fixture *f = *state;
    char *folder = f->dir;
    assert_int_equal(watch_set(f->watch, &folder, 1, NULL), 1);
    for (int i = 0; i < 20; i++)
        touch(f, "model.gguf");
    loop_run(&f->loop);
    assert_int_equal(f->n_changes, 1);
}

/* Ends the loop when nothing was told for longer than it would take. */
static void
on_end(struct timer *timer)
{
    struct fixture *f = LIST_ENTRY(timer, struct fixture, end);
    loop_stop(&f->loop);
}

static void
test_half_files_are_no_change(void **state)
{
    struct fixture *f = *state;
    char *folder = f->dir;
    assert_int_equal(watch_set(f->watch, &folder, 1, NULL), 1);
    touch(f, "model.gguf.part");
    touch(f, "blob.incomplete");
    touch(f, ".hidden");
    timer_init(&f->end, on_end);
    assert_int_equal(timer_start(&f->loop, &f->end, 2 * WATCH_QUIET_MS), 0);
    loop_run(&f->loop);
    assert_int_equal(f->n_changes, 0);
}

static void
test_folders_come_and_go(void **state)
{
    struct fixture *f = *state;
    char *folders[] = { f->dir, (char[]){ "/does/not/exist" } };
    size_t n_new;
    assert_int_equal(watch_set(f->watch, folders, 2, &n_new), 1);
    assert_int_equal(n_new, 1);
    assert_int_equal(watch_set(f->watch, folders, 2, &n_new), 1);
    assert_int_equal(n_new, 0);
    assert_int_equal(watch_set(f->watch, NULL, 0, &n_new), 0);
    assert_int_equal(n_new, 0);
    assert_int_equal(watch_set(f->watch, folders, 1, NULL), 1);
    touch(f, "model.gguf");
    loop_run(&f->loop);
    assert_int_equal(f->n_changes, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_burst_is_one_change),
        TEST(test_half_files_are_no_change),
        TEST(test_folders_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
