/* The files: who may open them, what is refused, what happens when they
 * cannot be written, and when results are told. */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "io/timer.h"
#include "store/sqlite/sqlite_internal.h"

static void
assert_refused(struct fixture *fixture, enum error_code code, const char *words)
{
    struct store *store;
    struct error error;
    assert_int_equal(
        store_open(&fixture->loop, fixture->dir, "hearth key", &store, &error),
        -1);
    assert_null(store);
    if (strstr(error.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", error.message, words);
    assert_int_equal(error.code, code);
    assert_non_null(strstr(error.message, fixture->dir));
}

static void
test_files_are_private(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = { "hearth.db", "hearth.db-wal",
                                         "hearth.lock" };
    char path[512];
    struct stat info;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(stat(fixture_path(fixture, names[i], path), &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
    store_close(fixture->store);
    chmod(fixture_path(fixture, "hearth.db", path), 0644);
    fixture_open(fixture);
    stat(path, &info);
    assert_int_equal(info.st_mode & 0777, 0600);
}

static void
test_folders_are_made(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    char inner[600];
    struct store *store;
    struct error error;
    struct stat info;
    fixture_path(fixture, "new", path);
    snprintf(inner, sizeof inner, "%s/inner", path);
    assert_int_equal(
        store_open(&fixture->loop, inner, "hearth serve", &store, &error), 0);
    store_close(store);
    assert_int_equal(stat(inner, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    char name[700];
    snprintf(name, sizeof name, "%s/hearth.db", inner);
    assert_int_equal(unlink(name), 0);
    snprintf(name, sizeof name, "%s/hearth.lock", inner);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(rmdir(inner), 0);
    assert_int_equal(rmdir(path), 0);
}

static void
test_second_daemon_is_told_of_the_first(void **state)
{
    struct fixture *fixture = *state;
    char words[64];
    snprintf(words, sizeof words, "in use by hearth serve (pid %ld)",
             (long)getpid());
    assert_refused(fixture, ERR_CONFLICT, words);
    store_close(fixture->store);
    fixture_open(fixture);
}

/* The lock of a process that was killed is nobody's. */
static void
test_lock_ends_with_its_holder(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    fixture->store = NULL;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct store *store;
        struct error error;
        struct loop loop;
        bool is_open = loop_init(&loop, &error) == 0 &&
                       store_open(&loop, fixture->dir, "hearth serve", &store,
                                  &error) == 0;
        ssize_t n = write(ready[1], is_open ? "y" : "n", 1);
        (void)n;
        for (;;)
            pause();
    }
    char byte = 0;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    char words[64];
    snprintf(words, sizeof words, "(pid %ld)", (long)child);
    assert_refused(fixture, ERR_CONFLICT, words);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
    fixture_open(fixture);
}

/* Runs a statement behind the store's back. */
static void
meddle(struct fixture *fixture, const char *sql)
{
    char path[512];
    sqlite3 *db;
    assert_int_equal(
        sqlite3_open(fixture_path(fixture, "hearth.db", path), &db), SQLITE_OK);
    char *said = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &said) != SQLITE_OK)
        fail_msg("%s: %s", sql, said);
    sqlite3_close(db);
}

static void
test_newer_database_is_refused(void **state)
{
    struct fixture *fixture = *state;
    store_close(fixture->store);
    fixture->store = NULL;
    meddle(fixture, "INSERT INTO migrations VALUES (999, 'later', 0)");
    assert_refused(fixture, ERR_CONFLICT, "schema version 999");
    meddle(fixture, "DELETE FROM migrations WHERE version = 999");
    fixture_open(fixture);
}

static void
test_migrations_run_once(void **state)
{
    struct fixture *fixture = *state;
    fixture_reopen(fixture);
    struct sql sql;
    sql_init(&sql, store_read_begin(fixture->store),
             "SELECT count(*), max(version) FROM migrations");
    assert_true(sql_next(&sql));
    assert_int_equal(sql_int(&sql), n_migrations);
    assert_int_equal(sql_int(&sql), n_migrations);
    sql_end(&sql, NULL);
    store_read_end(fixture->store);
}

static void
test_other_programs_database_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    store_close(fixture->store);
    fixture->store = NULL;
    unlink(fixture_path(fixture, "hearth.db", path));
    meddle(fixture, "CREATE TABLE theirs (x)");
    assert_refused(fixture, ERR_CONFLICT, "another program");
    meddle(fixture, "SELECT x FROM theirs");
}

static void
overwrite(const char *path, off_t at, const char *bytes, size_t n)
{
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    close(fd);
}

static void
test_damaged_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    char noise[4096];
    memset(noise, 0x5a, sizeof noise);
    fixture_path(fixture, "hearth.db", path);
    store_close(fixture->store);
    fixture->store = NULL;
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    /* a page in the middle, then the header */
    overwrite(path, 4096 * 2, noise, sizeof noise);
    assert_refused(fixture, ERR_IO, "damaged");
    overwrite(path, 0, noise, 100);
    assert_refused(fixture, ERR_IO, "damaged");
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size > 4096);
}

/* Runs `fn` in a child, as a user who is not root; its answer is its exit
 * status. */
static int
as_nobody(struct fixture *fixture, int (*fn)(struct fixture *fixture))
{
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && setuid(65534) != 0)
            _exit(99);
        _exit(fn(fixture));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int
try_open(struct fixture *fixture)
{
    struct loop loop;
    struct store *store;
    struct error error;
    if (loop_init(&loop, &error) < 0)
        return 2;
    if (store_open(&loop, fixture->dir, "hearth serve", &store, &error) == 0)
        return 3;
    if (error.code != ERR_IO || strstr(error.message, fixture->dir) == NULL ||
        strstr(error.message, "denied") == NULL) {
        fprintf(stderr, "%s\n", error.message);
        return 4;
    }
    return 0;
}

static void
test_folder_without_permission_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[512];
    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(chmod(fixture->dir, 0555), 0);
    assert_int_equal(as_nobody(fixture, try_open), 0);
    unlink(fixture_path(fixture, "hearth.lock", path));
    assert_int_equal(as_nobody(fixture, try_open), 0);
    assert_int_equal(chmod(fixture->dir, 0700), 0);
}

static void
test_something_else_in_its_place_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct store *store;
    struct error error;
    char path[512];
    char inside[600];
    fixture_path(fixture, "hearth.lock", path);
    assert_int_equal(
        store_open(&fixture->loop, path, "hearth serve", &store, &error), -1);
    assert_int_equal(error.code, ERR_IO);
    assert_non_null(strstr(error.message, path));
    snprintf(inside, sizeof inside, "%s/below", path);
    assert_int_equal(
        store_open(&fixture->loop, inside, "hearth serve", &store, &error), -1);
    assert_int_equal(error.code, ERR_IO);
}

/* Big values until there is no more room; then the rest must be as it was,
 * and once there is room again all goes on. */
static void
fill(struct fixture *fixture, const char *words)
{
    static char big[200000];
    memset(big, 'x', sizeof big - 1);
    int n_stored = 0;
    struct outcome outcome = { 0 };
    for (int i = 0; i < 100 && !outcome.has_failed; i++) {
        char key[16];
        snprintf(key, sizeof key, "big%02d", i);
        store_put_metadata(fixture->store, key, big, on_outcome, &outcome);
        store_wait(fixture->store, NULL);
        n_stored += !outcome.has_failed;
    }
    assert_true(outcome.has_failed);
    assert_int_equal(outcome.error.code, ERR_IO);
    if (strstr(outcome.error.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", outcome.error.message, words);
    assert_in_range(n_stored, 1, 90);
}

static int
count_pair(void *ctx, const char *key, const char *value)
{
    (*(int *)ctx)++;
    assert_true(strncmp(key, "big", 3) != 0 || strlen(value) == 199999);
    return 0;
}

static void
test_full_disk_fails_changes_and_no_more(void **state)
{
    struct fixture *fixture = *state;
    struct db *db = store_read_begin(fixture->store);
    assert_int_equal(db_exec(db, "PRAGMA max_page_count = 400", NULL), 0);
    store_read_end(fixture->store);
    fill(fixture, "no room");
    store_put_metadata(fixture->store, "big00", NULL, NULL, NULL);
    store_put_metadata(fixture->store, "after", "x", NULL, NULL);
    fixture_wait(fixture);
    fixture_reopen(fixture);
    int n = 0;
    assert_int_equal(
        store_load_metadata(fixture->store, "after", count_pair, &n, NULL), 0);
    assert_int_equal(n, 1);
}

static void
on_lost(void *ctx, const struct error *error)
{
    assert_non_null(error);
    (*(int *)ctx)++;
}

static void
test_what_nobody_waits_for_is_told_when_it_is_lost(void **state)
{
    struct fixture *fixture = *state;
    struct log_entry entry = { .at_ms = 1, .level = LOG_INFO };
    int n_lost = 0;
    store_on_lost(fixture->store, on_lost, &n_lost);
    struct db *db = store_read_begin(fixture->store);
    assert_int_equal(db_exec(db, "PRAGMA query_only = 1", NULL), 0);
    store_read_end(fixture->store);
    snprintf(entry.source, sizeof entry.source, "test");
    snprintf(entry.message, sizeof entry.message, "lost");
    store_add_log(fixture->store, &entry);
    assert_int_equal(store_wait(fixture->store, NULL), -1);
    assert_int_equal(n_lost, 1);
    db = store_read_begin(fixture->store);
    assert_int_equal(db_exec(db, "PRAGMA query_only = 0", NULL), 0);
    store_read_end(fixture->store);
    store_add_log(fixture->store, &entry);
    assert_int_equal(store_wait(fixture->store, NULL), 0);
    assert_int_equal(n_lost, 1);
}

/* All of a batch that SQLite gave up as a whole must be told. */
static void
test_full_disk_fails_the_whole_batch(void **state)
{
    struct fixture *fixture = *state;
    static char big[3000000];
    memset(big, 'x', sizeof big - 1);
    struct outcome outcomes[4] = { 0 };
    struct db *db = store_read_begin(fixture->store);
    assert_int_equal(db_exec(db, "PRAGMA max_page_count = 400", NULL), 0);
    store_put_metadata(fixture->store, "a", "1", on_outcome, &outcomes[0]);
    store_put_metadata(fixture->store, "b", "2", on_outcome, &outcomes[1]);
    store_put_metadata(fixture->store, "c", big, on_outcome, &outcomes[2]);
    store_put_metadata(fixture->store, "d", "4", on_outcome, &outcomes[3]);
    store_read_end(fixture->store);
    assert_int_equal(store_wait(fixture->store, NULL), -1);
    assert_true(outcomes[2].has_failed);
    fixture_reopen(fixture);
    static const char *const keys[] = { "a", "b", "c", "d" };
    for (int i = 0; i < 4; i++) {
        int n = 0;
        store_load_metadata(fixture->store, keys[i], count_pair, &n, NULL);
        assert_int_equal(outcomes[i].n_calls, 1);
        assert_int_equal(n, outcomes[i].has_failed ? 0 : 1);
    }
}

static void
test_file_size_limit_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    limit = before;
    limit.rlim_cur = 2000000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fill(fixture, fixture->dir);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    store_put_metadata(fixture->store, "after", "x", NULL, NULL);
    fixture_wait(fixture);
    fixture_reopen(fixture);
    int n = 0;
    store_load_metadata(fixture->store, "", count_pair, &n, NULL);
    assert_in_range(n, 2, 91);
}

/* ---- when results are told ---- */

struct told {
    struct loop *loop;
    char order[32];
};

static void
note_a(void *ctx, const struct error *error)
{
    struct told *told = ctx;
    assert_null(error);
    assert_true(loop_is_here(told->loop));
    strncat(told->order, "a", 2);
}

static void
note_b_and_stop(void *ctx, const struct error *error)
{
    struct told *told = ctx;
    assert_null(error);
    strncat(told->order, "b", 2);
    loop_stop(told->loop);
}

static void
on_guard(struct timer *timer)
{
    fail_msg("no answer after five seconds");
}

static void
test_results_come_in_order_on_the_loop(void **state)
{
    struct fixture *fixture = *state;
    struct told told = { .loop = &fixture->loop };
    struct timer guard;
    timer_init(&guard, on_guard);
    assert_int_equal(timer_start(&fixture->loop, &guard, 5000), 0);
    store_put_setting(fixture->store, "k", "1", note_a, &told);
    store_put_setting(fixture->store, "k", "2", note_a, &told);
    store_put_setting(fixture->store, "k", "3", note_b_and_stop, &told);
    assert_string_equal(told.order, "");
    loop_run(&fixture->loop);
    assert_string_equal(told.order, "aab");
    timer_stop(&guard);
}

static void
test_closing_writes_and_tells(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcomes[50] = { 0 };
    for (int i = 0; i < 50; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        store_put_metadata(fixture->store, key, "v", on_outcome, &outcomes[i]);
        if (i == 25)
            usleep(20000); /* so that a call is on its way */
    }
    fixture_reopen(fixture);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(outcomes[i].n_calls, 1);
        assert_false(outcomes[i].has_failed);
    }
    int n = 0;
    store_load_metadata(fixture->store, "k", count_pair, &n, NULL);
    assert_int_equal(n, 50);
}

struct late {
    struct store *store;
    struct outcome outcome;
};

static void
change_again(void *ctx, const struct error *error)
{
    struct late *late = ctx;
    store_put_setting(late->store, "late", "1", on_outcome, &late->outcome);
}

static void
test_a_change_while_closing_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct late late = { .store = fixture->store };
    store_put_setting(fixture->store, "k", "1", change_again, &late);
    store_close(fixture->store);
    fixture->store = NULL;
    assert_int_equal(late.outcome.n_calls, 1);
    assert_true(late.outcome.has_failed);
    assert_int_equal(late.outcome.error.code, ERR_UNAVAILABLE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_files_are_private),
        FIXTURE_TEST(test_folders_are_made),
        FIXTURE_TEST(test_second_daemon_is_told_of_the_first),
        FIXTURE_TEST(test_lock_ends_with_its_holder),
        FIXTURE_TEST(test_newer_database_is_refused),
        FIXTURE_TEST(test_migrations_run_once),
        FIXTURE_TEST(test_other_programs_database_is_refused),
        FIXTURE_TEST(test_damaged_file_is_refused),
        FIXTURE_TEST(test_folder_without_permission_is_refused),
        FIXTURE_TEST(test_something_else_in_its_place_is_refused),
        FIXTURE_TEST(test_full_disk_fails_changes_and_no_more),
        FIXTURE_TEST(test_full_disk_fails_the_whole_batch),
        FIXTURE_TEST(test_what_nobody_waits_for_is_told_when_it_is_lost),
        FIXTURE_TEST(test_file_size_limit_is_an_error),
        FIXTURE_TEST(test_results_come_in_order_on_the_loop),
        FIXTURE_TEST(test_closing_writes_and_tells),
        FIXTURE_TEST(test_a_change_while_closing_is_refused),
    };
    return cmocka_run_group_tests_name("store files", tests, NULL, NULL);
}
