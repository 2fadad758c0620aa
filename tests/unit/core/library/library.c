#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/library/library.h"
#include "platform/file.h"
#include "store/store.h"

/* <dir>/models is the model folder, <dir>/data the store's. */
struct fixture {
    char dir[256], root[300];
    struct loop loop;
    struct events events;
    struct store *store;
    struct library *library;
    struct subscription subscription;
    struct library_progress progress; /* the last that was told */
    int n_changes, n_scanned, n_warnings, n_progress;
    bool is_waiting; /* for the end of a scan */
    char warning[LOG_TEXT_BYTES];
};

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct fixture *f = LIST_ENTRY(subscription, struct fixture, subscription);
    if (event->type == EVENT_LIBRARY_CHANGED) {
        f->n_changes++;
    } else if (event->type == EVENT_LIBRARY_SCAN) {
        f->n_progress++;
        f->progress = *(const struct library_progress *)event->payload;
        if (f->is_waiting && !f->progress.is_running)
            loop_stop(&f->loop);
    } else if (event->type == EVENT_LOG) {
        const struct log_entry *entry = event->payload;
        f->n_warnings++;
        snprintf(f->warning, sizeof f->warning, "%s", entry->message);
    }
}

static void
open_library(struct fixture *f)
{
    struct str root = str_from(f->root);
    struct library_options options = { .loop = &f->loop,
                                       .events = &f->events,
                                       .store = f->store,
                                       .roots = &root,
                                       .n_roots = 1 };
    struct error error;
    if (library_new(&options, &f->library, &error) < 0)
        fail_msg("%s", error.message);
}

static int
set_roots(struct fixture *f, const struct str *roots, size_t n,
          struct error *error)
{
    const struct library_options options = { .roots = roots, .n_roots = n };
    return library_configure(f->library, &options, error);
}

static void
open_store(struct fixture *f)
{
    char data[300];
    struct error error;
    snprintf(data, sizeof data, "%s/data", f->dir);
    if (store_open(&f->loop, data, "test", &f->store, &error) < 0)
        fail_msg("%s", error.message);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error error;
    const char *tmp = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/hearth-library-XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(f->dir));
    char *real = realpath(f->dir, NULL);
    assert_non_null(real);
    snprintf(f->root, sizeof f->root, "%s/models", real);
    free(real);
    assert_int_equal(mkdir(f->root, 0700), 0);
    assert_int_equal(loop_init(&f->loop, &error), 0);
    events_init(&f->events);
    events_subscribe(&f->events, &f->subscription,
                     EVENT_BIT(LIBRARY_CHANGED) | EVENT_BIT(LIBRARY_SCAN) |
                         EVENT_BIT(LOG),
                     on_event);
    open_store(f);
    open_library(f);
    *state = f;
    return 0;
}

static void
remove_tree(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", path, (char *)NULL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    library_free(f->library);
    events_unsubscribe(&f->subscription);
    store_close(f->store);
    loop_close(&f->loop);
    remove_tree(f->dir);
    free(f);
    return 0;
}

static void
put(struct fixture *f, const char *name, const char *contents)
{
    char path[600];
    struct error error;
    snprintf(path, sizeof path, "%s/%s", f->root, name);
    char folder[600];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = '\0';
    assert_int_equal(file_make_folders(folder, 0700, &error), 0);
    assert_int_equal(file_write_atomic(path, str_from(contents), 0600, &error),
                     0);
}

static void
put_link(struct fixture *f, const char *target, const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", f->root, name);
    assert_int_equal(symlink(target, path), 0);
}

static void
on_scanned(void *ctx)
{
    struct fixture *f = ctx;
    f->n_scanned++;
    loop_stop(&f->loop);
}

static void
scan(struct fixture *f)
{
    int before = f->n_scanned;
    library_scan(f->library, on_scanned, f);
    loop_run(&f->loop);
    assert_int_equal(f->n_scanned, before + 1);
}

static void
assert_names(struct fixture *f, const char *expected)
{
    char names[2048] = "";
    size_t n = 0;
    for (size_t i = 0; i < library_count(f->library); i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s",
                              i == 0 ? "" : " ",
                              library_at(f->library, i)->name);
    assert_string_equal(names, expected);
    assert_null(library_at(f->library, library_count(f->library)));
}

static void
test_finds_models(void **state)
{
    struct fixture *f = *state;
    put(f, "b.gguf", "12345");
    put(f, "sub/deep/a.GGUF", "x");
    put(f, "half.gguf.part", "x");
    put(f, "coming.gguf", "x");
    put(f, "coming.gguf.aria2", "x");
    put(f, ".hidden.gguf", "x");
    put(f, ".cache/c.gguf", "x");
    put(f, "readme.md", "x");
    put(f, ".gguf", "x");
    put(f, "split-00001-of-00002.gguf", "x");
    put(f, "split-00002-of-00002.gguf", "x");
    put(f, "odd-00002-of-2.gguf", "x");
    scan(f);
    assert_names(f, "a b odd-00002-of-2 split-00001-of-00002");
    const struct model *b = library_find(f->library, STR("b"));
    assert_non_null(b);
    assert_int_equal(b->size_bytes, 5);
    assert_true(b->modified_at_ms > 1600000000000);
    assert_true(str_starts_with(str_from(b->id), STR("model_")));
    assert_ptr_equal(library_find(f->library, str_from(b->id)), b);
    assert_null(library_find(f->library, STR("c")));
    assert_null(library_find(f->library, STR("")));
    assert_int_equal(f->n_changes, 1);
    assert_int_equal(f->n_warnings, 0);
}

static void
test_ids_stay_and_changes_are_told(void **state)
{
    struct fixture *f = *state;
    char a[ID_BYTES], b[ID_BYTES];
    put(f, "a.gguf", "x");
    put(f, "b.gguf", "x");
    scan(f);
    snprintf(a, sizeof a, "%s", library_find(f->library, STR("a"))->id);
    snprintf(b, sizeof b, "%s", library_find(f->library, STR("b"))->id);
    assert_string_not_equal(a, b);
    scan(f);
    assert_int_equal(f->n_changes, 1); /* nothing differs */
    put(f, "b.gguf", "longer");
    scan(f);
    assert_int_equal(f->n_changes, 2);
    assert_string_equal(library_find(f->library, STR("b"))->id, b);
    char path[600];
    snprintf(path, sizeof path, "%s/a.gguf", f->root);
    assert_int_equal(unlink(path), 0);
    scan(f);
    assert_int_equal(f->n_changes, 3);
    assert_names(f, "b");
    put(f, "a.gguf", "back");
    scan(f);
    assert_string_equal(library_find(f->library, STR("a"))->id, a);
}

static void
test_known_at_once_after_a_restart(void **state)
{
    struct fixture *f = *state;
    char a[ID_BYTES];
    put(f, "a.gguf", "x");
    put(f, "gone.gguf", "x");
    scan(f);
    snprintf(a, sizeof a, "%s", library_find(f->library, STR("a"))->id);
    char path[600];
    snprintf(path, sizeof path, "%s/gone.gguf", f->root);
    assert_int_equal(unlink(path), 0);

    library_free(f->library);
    store_close(f->store);
    open_store(f);
    open_library(f);
    assert_names(f, "a"); /* before any scan */
    assert_string_equal(library_find(f->library, STR("a"))->id, a);
    int n_changes = f->n_changes;
    scan(f);
    assert_int_equal(f->n_changes, n_changes);
}

static void
test_names_are_made_unique_by_folders(void **state)
{
    struct fixture *f = *state;
    put(f, "one/m.gguf", "1");
    put(f, "two/m.gguf", "2");
    put(f, "x/q/n.gguf", "3");
    put(f, "y/q/n.gguf", "4");
    put(f, "alone.gguf", "5");
    scan(f);
    assert_names(f, "alone one/m two/m x/q/n y/q/n");
    assert_null(library_find(f->library, STR("m")));
}

static void
test_each_file_once(void **state)
{
    struct fixture *f = *state;
    char from[600], to[600];
    put(f, "real.gguf", "x");
    put(f, "folder/inside.gguf", "y");
    put_link(f, "real.gguf", "alias.gguf");
    put_link(f, "folder", "again");
    put_link(f, "..", "folder/loop");
    put_link(f, "nowhere.gguf", "broken.gguf");
    snprintf(from, sizeof from, "%s/real.gguf", f->root);
    snprintf(to, sizeof to, "%s/zhard.gguf", f->root);
    assert_int_equal(link(from, to), 0);
    scan(f);
    assert_names(f, "inside real");
    snprintf(to, sizeof to, "%s/folder/inside.gguf", f->root);
    assert_string_equal(library_find(f->library, STR("inside"))->path, to);
}

static void
test_what_leads_outside_is_left_out(void **state)
{
    struct fixture *f = *state;
    char outside[300], file[600], target[600];
    snprintf(outside, sizeof outside, "%s/elsewhere", f->dir);
    assert_int_equal(mkdir(outside, 0700), 0);
    struct error error;
    snprintf(file, sizeof file, "%s/secret.gguf", outside);
    assert_int_equal(file_write_atomic(file, STR("x"), 0600, &error), 0);
    put(f, "ok.gguf", "x");
    put_link(f, file, "stolen.gguf");
    put_link(f, outside, "folder");
    scan(f);
    assert_names(f, "ok");
    assert_int_equal(f->n_warnings, 1);
    assert_non_null(strstr(f->warning, "leads out of the model folders"));

    snprintf(target, sizeof target, "%s/stolen.gguf", f->root);
    assert_false(library_holds(f->library, target));
    assert_false(library_holds(f->library, file));
    snprintf(target, sizeof target, "%s/../elsewhere/secret.gguf", f->root);
    assert_false(library_holds(f->library, target));
    snprintf(target, sizeof target, "%s2", f->root); /* a mere prefix */
    assert_int_equal(mkdir(target, 0700), 0);
    assert_false(library_holds(f->library, target));
    snprintf(target, sizeof target, "%s/ok.gguf", f->root);
    assert_true(library_holds(f->library, target));
    assert_true(library_holds(f->library, f->root));
    snprintf(target, sizeof target, "%s/none.gguf", f->root);
    assert_false(library_holds(f->library, target));
}

static void
test_odd_names(void **state)
{
    struct fixture *f = *state;
    put(f, "with space and \xC3\xA9.gguf", "x");
    put(f, "line\nend.gguf", "x");
    put(f, "bad\xFF.gguf", "x");
    scan(f);
    assert_names(f, "with space and \xC3\xA9");
    assert_non_null(strstr(f->warning, "2 left out"));
}

static void
test_scans_are_joined(void **state)
{
    struct fixture *f = *state;
    put(f, "a.gguf", "x");
    library_scan(f->library, on_scanned, f);
    library_scan(f->library, NULL, NULL);
    library_scan(f->library, on_scanned, f);
    loop_run(&f->loop);
    while (f->n_scanned < 2)
        loop_run(&f->loop);
    assert_int_equal(f->n_scanned, 2);
    assert_int_equal(f->n_changes, 1);
}

static void
test_new_roots_while_scanning(void **state)
{
    struct fixture *f = *state;
    char other[600];
    put(f, "a.gguf", "x");
    put(f, "other/b.gguf", "x");
    snprintf(other, sizeof other, "%s/other", f->root);
    struct str root = str_from(other);
    struct error error;
    library_scan(f->library, on_scanned, f);
    assert_int_equal(set_roots(f, &root, 1, &error), 1);
    loop_run(&f->loop);
    assert_names(f, "b"); /* of the new folder only */
    assert_int_equal(set_roots(f, &root, 1, &error), 0); /* nothing new */
    struct str wrong = STR("relative/path");
    assert_int_equal(set_roots(f, &wrong, 1, &error), -1);
    assert_string_equal(error.field, "models_dirs");
}

static void
test_a_missing_root_is_told(void **state)
{
    struct fixture *f = *state;
    struct str roots[] = { STR("/does/not/exist"), str_from(f->root) };
    struct error error;
    put(f, "a.gguf", "x");
    assert_int_equal(set_roots(f, roots, 2, &error), 1);
    scan(f);
    assert_names(f, "a");
    assert_non_null(strstr(f->warning, "/does/not/exist"));
}

static void
test_freed_while_scanning(void **state)
{
    struct fixture *f = *state;
    put(f, "a.gguf", "x");
    library_scan(f->library, on_scanned, f);
    library_free(f->library);
    f->library = NULL; /* loop_close runs the rest */
    assert_int_equal(f->n_scanned, 0);
}

static void
test_how_far_a_scan_is(void **state)
{
    struct fixture *f = *state;
    struct library_progress now;
    put(f, "a.gguf", "damaged");
    put(f, "b.gguf", "too");
    library_progress(f->library, &now);
    assert_int_equal(now.finished_at_ms, 0);
    library_scan(f->library, on_scanned, f);
    library_progress(f->library, &now);
    assert_true(now.is_running);
    loop_run(&f->loop);
    assert_true(f->n_progress > 0);
    library_progress(f->library, &now);
    assert_memory_equal(&now, &f->progress, sizeof now);
    assert_false(now.is_running);
    assert_int_equal(now.n_found, 2);
    assert_int_equal(now.n_read, 2);
    assert_int_equal(now.n_errors, 2);
    assert_true(now.finished_at_ms > 0);
}

/* Where nothing tells of changes, it looks by itself now and then. */
static void
test_looks_again_by_itself(void **state)
{
    struct fixture *f = *state;
    struct str root = str_from(f->root);
    const struct library_options options = { .roots = &root,
                                             .n_roots = 1,
                                             .rescan_s = 1 };
    struct error error;
    scan(f);
    assert_int_equal(library_configure(f->library, &options, &error), 0);
    put(f, "late.gguf", "x");
    f->is_waiting = true;
    loop_run(&f->loop);
    assert_names(f, "late");
}

static void
test_a_thousand_models(void **state)
{
    struct fixture *f = *state;
    char name[64];
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "d%d/m%d.gguf", i % 10, i / 2);
        put(f, name, "x");
    }
    scan(f);
    assert_int_equal(library_count(f->library), 1000);
    struct library_progress progress; /* several threads have read */
    library_progress(f->library, &progress);
    assert_int_equal(progress.n_read, 1000);
    assert_int_equal(progress.n_errors, 1000);
    for (size_t i = 0; i < 1000; i++) {
        const struct model *model = library_at(f->library, i);
        assert_ptr_equal(library_find(f->library, str_from(model->name)),
                         model);
        assert_ptr_equal(library_find(f->library, str_from(model->id)), model);
    }
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_finds_models),
        TEST(test_ids_stay_and_changes_are_told),
        TEST(test_known_at_once_after_a_restart),
        TEST(test_names_are_made_unique_by_folders),
        TEST(test_each_file_once),
        TEST(test_what_leads_outside_is_left_out),
        TEST(test_odd_names),
        TEST(test_scans_are_joined),
        TEST(test_new_roots_while_scanning),
        TEST(test_a_missing_root_is_told),
        TEST(test_freed_while_scanning),
        TEST(test_how_far_a_scan_is),
        TEST(test_looks_again_by_itself),
        TEST(test_a_thousand_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
