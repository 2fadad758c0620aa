/* The keeper under a real engine process: exec, exit, stop, log, orphan. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "platform/file.h"
#include "platform/process.h"
#include "platform/system.h"

#define ARGV(...) \
    ((char *[]){ (char *)(uintptr_t)fake_engine_path(), __VA_ARGS__, NULL })
#define ARG(text) ((char[]){ text })

static bool
listens(const struct keeper_harness *harness)
{
    return keeper_log_holds(harness, "listening on");
}

static bool
is_gone(int64_t pid)
{
    for (int i = 0; i < 400; i++) {
        uint64_t ticks = 0;
        if (process_start_ticks(pid, &ticks) != 0)
            return true;
        nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
    }
    return false;
}

static void
test_exec_failure_is_told_with_its_errno(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    char *argv[] = { ARG("/nowhere/engine"), NULL };
    keeper_harness_start(&keeper, &(struct keeper_order){ .argv = argv });
    assert_int_equal(keeper.status.phase, KEEPER_EXEC_FAILED);
    assert_int_equal(keeper.status.exec_errno, ENOENT);
    assert_int_equal(keeper.status.engine_pid, 0);
    keeper_harness_number(&keeper, KEEPER_RELEASE, 0);
    assert_int_equal(keeper_harness_reap(&keeper, 3000), 0);
    assert_int_equal(access(keeper.socket_path, F_OK), -1);
    keeper_harness_end(&keeper);
}

static void
test_exit_code_waits_until_it_is_taken(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    keeper_harness_start(&keeper,
                         &(struct keeper_order){
                             .argv = ARGV(ARG("--line"), ARG("no such model"),
                                          ARG("--exit-at-start"), ARG("7")),
                             .orphan_timeout_ms = 60000 });
    keeper_harness_disconnect(&keeper);
    nanosleep(&(struct timespec){ 0, 200000000 }, NULL);
    keeper.n_statuses = 0;
    keeper.log_at = 0;
    strbuf_clear(&keeper.log);
    keeper_harness_connect(&keeper);
    keeper_harness_attach(&keeper);
    keeper_harness_number(&keeper, KEEPER_FOLLOW, 0);
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 3000));
    assert_int_equal(keeper.status.exit_code, 7);
    assert_int_equal(keeper.status.exit_signal, 0);
    assert_int_equal(keeper.status.stop_kind, KEEPER_NOT_STOPPED);
    /* One turn may pass between the two answers. */
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 100));
    keeper_harness_number(&keeper, KEEPER_RELEASE, 0);
    assert_int_equal(keeper_harness_reap(&keeper, 3000), 0);
    struct strbuf file = STRBUF_INIT(4096);
    struct error error;
    assert_int_equal(file_read(keeper.log_path, &file, &error), 0);
    assert_string_equal(strbuf_text(&file), "no such model\n");
    strbuf_release(&file);
    keeper_harness_end(&keeper);
}

static void
test_death_by_signal_is_a_signal(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    keeper_harness_start(&keeper,
                         &(struct keeper_order){
                             .argv = ARGV(ARG("--signal-after-ms"), ARG("20"),
                                          ARG("--signal-number"), ARG("11")) });
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 5000));
    assert_int_equal(keeper.status.exit_code, -1);
    assert_int_equal(keeper.status.exit_signal, SIGSEGV);
    keeper_harness_end(&keeper);
}

static void
test_log_comes_before_the_last_status(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    keeper_harness_start(&keeper,
                         &(struct keeper_order){
                             .argv = ARGV(ARG("--line"), ARG("first"),
                                          ARG("--line"), ARG("last words"),
                                          ARG("--exit-at-start"), ARG("0")) });
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 5000));
    assert_string_equal(strbuf_text(&keeper.log), "first\nlast words\n");
    assert_int_equal(keeper.status.log_end, keeper.log_at);
    assert_int_equal(keeper.status.exit_code, 0);
    keeper_harness_end(&keeper);
}

static void
test_stop_is_graceful(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    keeper_harness_start(&keeper, &(struct keeper_order){
                                      .argv = ARGV(ARG("--port"), ARG("0")) });
    assert_true(keeper_harness_wait(&keeper, listens, 5000));
    keeper_harness_number(&keeper, KEEPER_STOP, 0);
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 5000));
    assert_int_equal(keeper.status.stop_kind, KEEPER_GRACEFUL);
    assert_int_equal(keeper.status.exit_code, 0);
    keeper_harness_end(&keeper);
}

static void
test_ignored_term_ends_forced(void **state)
{
    (void)state;
    static const struct keeper_stop_step steps[] = { { SIGTERM, 50 },
                                                     { SIGTERM, 50 } };
    struct keeper_harness keeper;
    keeper_harness_start(
        &keeper,
        &(struct keeper_order){ .argv = ARGV(ARG("--ignore-term"), ARG("1")),
                                .stop = steps,
                                .n_stop = 2 });
    assert_true(keeper_harness_wait(&keeper, listens, 5000));
    int64_t begun_ms = system_monotonic_ms();
    keeper_harness_number(&keeper, KEEPER_STOP, 0);
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 5000));
    assert_true(system_monotonic_ms() - begun_ms >= 100);
    assert_int_equal(keeper.status.stop_kind, KEEPER_FORCED);
    assert_int_equal(keeper.status.exit_signal, SIGKILL);
    keeper_harness_end(&keeper);
}

static void
test_forced_stop_does_not_wait(void **state)
{
    (void)state;
    static const struct keeper_stop_step steps[] = { { SIGTERM, 60000 } };
    struct keeper_harness keeper;
    keeper_harness_start(
        &keeper,
        &(struct keeper_order){ .argv = ARGV(ARG("--ignore-term"), ARG("1")),
                                .stop = steps,
                                .n_stop = 1 });
    assert_true(keeper_harness_wait(&keeper, listens, 5000));
    keeper_harness_number(&keeper, KEEPER_STOP, 0); /* begins to wait 60 s */
    keeper_harness_number(&keeper, KEEPER_STOP, 1);
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 5000));
    assert_int_equal(keeper.status.stop_kind, KEEPER_FORCED);
    keeper_harness_end(&keeper);
}

/* A process stopped by SIGSTOP does not see TERM; the last resort ends it. */
static void
test_stopped_process_is_ended(void **state)
{
    (void)state;
    static const struct keeper_stop_step steps[] = { { SIGTERM, 50 } };
    struct keeper_harness keeper;
    keeper_harness_start(
        &keeper, &(struct keeper_order){ .argv = ARGV(ARG("--port"), ARG("0")),
                                         .stop = steps,
                                         .n_stop = 1 });
    assert_true(keeper_harness_wait(&keeper, listens, 5000));
    keeper_harness_number(&keeper, KEEPER_SIGNAL, SIGSTOP);
    keeper_harness_number(&keeper, KEEPER_STOP, 0);
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 5000));
    assert_int_equal(keeper.status.stop_kind, KEEPER_FORCED);
    keeper_harness_end(&keeper);
}

static int64_t
grandchild_of(const struct keeper_harness *keeper)
{
    const char *at = strstr(strbuf_text(&keeper->log), "grandchild ");
    assert_non_null(at);
    return strtol(at + strlen("grandchild "), NULL, 10);
}

/* The grandchild holds the pipe and ignores TERM: the exit is told all the
 * same, at once, and nobody is left. */
static void
check_grandchild(char *session)
{
    struct keeper_harness keeper;
    keeper_harness_start(&keeper,
                         &(struct keeper_order){
                             .argv = ARGV(ARG("--grandchild-s"), ARG("600"),
                                          ARG("--grandchild-session"), session,
                                          ARG("--exit-after-ms"), ARG("100"),
                                          ARG("--exit-code"), ARG("3")) });
    int64_t begun_ms = system_monotonic_ms();
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 5000));
    assert_true(system_monotonic_ms() - begun_ms < 1500);
    assert_int_equal(keeper.status.exit_code, 3);
    assert_true(is_gone(grandchild_of(&keeper)));
    keeper_harness_number(&keeper, KEEPER_RELEASE, 0);
    assert_int_equal(keeper_harness_reap(&keeper, 3000), 0);
    keeper_harness_end(&keeper);
}

static void
test_grandchild_in_the_group(void **state)
{
    (void)state;
    check_grandchild(ARG("0"));
}

static void
test_grandchild_in_its_own_session(void **state)
{
    (void)state;
    check_grandchild(ARG("1"));
}

static void
test_orphan_is_stopped_and_leaves_a_note(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    keeper_harness_start(
        &keeper, &(struct keeper_order){ .argv = ARGV(ARG("--port"), ARG("0")),
                                         .orphan_timeout_ms = 150 });
    assert_true(keeper_harness_wait(&keeper, listens, 5000));
    int64_t engine = keeper.status.engine_pid;
    keeper_harness_disconnect(&keeper);
    assert_int_equal(keeper_harness_reap(&keeper, 5000), 0);
    assert_true(is_gone(engine));
    struct strbuf note = STRBUF_INIT(4096);
    struct error error;
    struct keeper_header header;
    struct str body;
    struct keeper_status status;
    assert_int_equal(file_read(keeper.exit_path, &note, &error), 0);
    assert_true(keeper_frame_next(strbuf_view(&note), KEEPER_ANSWER_BYTES,
                                  &header, &body) > 0);
    assert_int_equal(keeper_status_read(body, &status, &error), 0);
    assert_int_equal(status.is_orphan_stop, 1);
    assert_int_equal(status.engine_pid, engine);
    assert_int_equal(status.exit_code, 0);
    strbuf_release(&note);
    keeper_harness_end(&keeper);
}

static void
test_return_in_time_keeps_the_engine(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    keeper_harness_start(
        &keeper, &(struct keeper_order){ .argv = ARGV(ARG("--port"), ARG("0")),
                                         .orphan_timeout_ms = 400 });
    assert_true(keeper_harness_wait(&keeper, listens, 5000));
    uint64_t follow_from = keeper.log_at;
    for (int i = 0; i < 3; i++) {
        keeper_harness_disconnect(&keeper);
        nanosleep(&(struct timespec){ 0, 200000000 }, NULL);
        keeper.n_statuses = 0;
        keeper_harness_connect(&keeper);
        keeper_harness_attach(&keeper);
        keeper_harness_number(&keeper, KEEPER_FOLLOW, (int64_t)follow_from);
        assert_true(keeper_harness_wait(&keeper, keeper_is_running, 2000));
    }
    /* Nothing of the log came twice. */
    assert_int_equal(keeper.log_at, follow_from);
    keeper_harness_end(&keeper);
}

static void
test_strangers_and_nonsense_are_refused(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    keeper_harness_start(&keeper, &(struct keeper_order){
                                      .argv = ARGV(ARG("--port"), ARG("0")) });
    keeper_harness_number(&keeper, KEEPER_RELEASE, 0);
    assert_true(keeper_harness_wait(&keeper, keeper_was_refused, 2000));
    assert_string_equal(keeper.refused, "the engine is running");
    keeper.refused[0] = '\0';
    keeper_harness_number(&keeper, KEEPER_SIGNAL, 0);
    assert_true(keeper_harness_wait(&keeper, keeper_was_refused, 2000));

    int first = keeper.fd;
    keeper_harness_connect(&keeper);
    keeper.refused[0] = '\0';
    struct strbuf frame = STRBUF_INIT(256);
    keeper_attach_write(&frame, "ins_other");
    keeper_harness_send(&keeper, &frame);
    assert_true(keeper_harness_wait(&keeper, keeper_was_refused, 2000));
    assert_string_equal(keeper.refused, "this is another instance's keeper");
    keeper.refused[0] = '\0';
    keeper_harness_number(&keeper, KEEPER_STOP, 1); /* not attached */
    assert_true(keeper_harness_wait(&keeper, keeper_was_refused, 2000));
    close(first);
    struct stat info;
    assert_int_equal(stat(keeper.socket_path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    keeper_harness_end(&keeper);
}

/* No secret in a command line; the engine's environment has the additions
 * and nothing of hearth's own. */
static void
test_environment_of_the_engine(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    char *env[] = { ARG("SECRET_KEY=s3cret"), ARG("PATH=/replaced"), NULL };
    char *argv[] = { ARG("/usr/bin/env"), NULL };
    setenv("HEARTH_HF_TOKEN", "never", 1);
    setenv("KEPT", "yes", 1);
    keeper_harness_start(&keeper,
                         &(struct keeper_order){ .argv = argv, .env = env });
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 5000));
    assert_true(keeper_log_holds(&keeper, "SECRET_KEY=s3cret\n"));
    assert_true(keeper_log_holds(&keeper, "PATH=/replaced\n"));
    assert_true(keeper_log_holds(&keeper, "KEPT=yes\n"));
    assert_false(keeper_log_holds(&keeper, "HEARTH_"));
    char command[COMMAND_BYTES];
    process_command(keeper.pid, command);
    assert_null(strstr(command, "s3cret"));
    keeper_harness_end(&keeper);
}

static off_t
size_of(const char *folder, const char *name)
{
    char path[128];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &info) == 0 ? info.st_size : -1;
}

static void
test_log_rotates(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    keeper_harness_start(
        &keeper,
        &(struct keeper_order){
            .argv = ARGV(ARG("--flood-mb-per-s"), ARG("2"), ARG("--flood-ms"),
                         ARG("400"), ARG("--exit-after-ms"), ARG("600")),
            .log_file_bytes = 128 * 1024 });
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 10000));
    keeper_harness_number(&keeper, KEEPER_RELEASE, 0);
    assert_int_equal(keeper_harness_reap(&keeper, 3000), 0);
    assert_in_range(size_of(keeper.folder, "log"), 1, 128 * 1024);
    assert_in_range(size_of(keeper.folder, "log.1"), 64 * 1024, 128 * 1024);
    assert_in_range(size_of(keeper.folder, "log.2"), 64 * 1024, 128 * 1024);
    assert_int_equal(size_of(keeper.folder, "log.3"), -1);
    keeper_harness_end(&keeper);
}

static int64_t
resident_bytes(int64_t pid)
{
    char path[64];
    struct strbuf text = STRBUF_INIT(16384);
    struct error error;
    snprintf(path, sizeof path, "/proc/%lld/status", (long long)pid);
    assert_int_equal(file_read(path, &text, &error), 0);
    const char *at = strstr(strbuf_text(&text), "VmRSS:");
    assert_non_null(at);
    int64_t kib = strtol(at + 6, NULL, 10);
    strbuf_release(&text);
    return kib * 1024;
}

/* 100 MB/s to a disk that hangs (a fifo that nobody reads): the engine is
 * not held up, the keeper does not grow, hearth still hears of the end. */
static void
test_flood_with_a_hung_disk(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    char fifo[128] = "/tmp/keeper-fifo-XXXXXX";
    int fd = mkstemp(fifo);
    assert_true(fd >= 0);
    close(fd);
    unlink(fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    keeper_harness_start(
        &keeper,
        &(struct keeper_order){
            .argv = ARGV(ARG("--flood-mb-per-s"), ARG("100"), ARG("--flood-ms"),
                         ARG("1000"), ARG("--exit-after-ms"), ARG("1500")),
            .log_path = fifo });
    nanosleep(&(struct timespec){ 0, 700000000 }, NULL);
    int64_t before = resident_bytes(keeper.pid);
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 10000));
    assert_true(resident_bytes(keeper.pid) - before < (int64_t)MIB);
    /* A stalled one would have come to some hundred kilobytes. */
    assert_true(keeper.status.log_end > 30 * 1000 * 1000);
    assert_true(keeper.n_gap_bytes > 0);
    assert_int_equal(keeper.log_at, keeper.status.log_end);
    close(reader);
    unlink(fifo);
    keeper_harness_end(&keeper);
}

static void
test_flood_leaves_a_counted_note(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    keeper_harness_start(
        &keeper,
        &(struct keeper_order){
            .argv = ARGV(ARG("--flood-mb-per-s"), ARG("100"), ARG("--flood-ms"),
                         ARG("1500"), ARG("--exit-after-ms"), ARG("1800")),
            .log_file_bytes = 64 * 1024 * 1024 });
    assert_true(keeper_harness_wait(&keeper, keeper_has_exited, 20000));
    keeper_harness_number(&keeper, KEEPER_RELEASE, 0);
    assert_int_equal(keeper_harness_reap(&keeper, 5000), 0);
    assert_true(keeper.status.log_end > 30 * 1000 * 1000);
    struct strbuf text = STRBUF_INIT(96 * MIB);
    struct error error;
    assert_int_equal(file_read(keeper.log_path, &text, &error), 0);
    assert_true(str_contains(strbuf_view(&text),
                             STR("bytes of log were dropped here]\n")));
    /* Kept and dropped together are what was written. */
    uint64_t dropped = 0;
    uint64_t notes = 0;
    const char *at = strbuf_text(&text);
    while ((at = strstr(at, "[hearth: ")) != NULL) {
        dropped += strtoull(at + 9, NULL, 10);
        const char *end = strchr(at, '\n');
        notes += (uint64_t)(end - at) + 1;
        at = end;
    }
    assert_int_equal(text.n - notes + dropped, keeper.status.log_end);
    strbuf_release(&text);
    keeper_harness_end(&keeper);
}

/* When the keeper itself is killed, its engine does not live on alone. */
static void
test_killed_keeper_takes_the_engine_along(void **state)
{
    (void)state;
    struct keeper_harness keeper;
    keeper_harness_start(&keeper, &(struct keeper_order){
                                      .argv = ARGV(ARG("--port"), ARG("0")) });
    assert_true(keeper_harness_wait(&keeper, listens, 5000));
    kill((pid_t)keeper.pid, SIGKILL);
    assert_true(is_gone(keeper.status.engine_pid));
    keeper_harness_end(&keeper);
}

int
main(int argc, char **argv)
{
    keeper_harness_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exec_failure_is_told_with_its_errno),
        cmocka_unit_test(test_exit_code_waits_until_it_is_taken),
        cmocka_unit_test(test_death_by_signal_is_a_signal),
        cmocka_unit_test(test_log_comes_before_the_last_status),
        cmocka_unit_test(test_stop_is_graceful),
        cmocka_unit_test(test_ignored_term_ends_forced),
        cmocka_unit_test(test_forced_stop_does_not_wait),
        cmocka_unit_test(test_stopped_process_is_ended),
        cmocka_unit_test(test_grandchild_in_the_group),
        cmocka_unit_test(test_grandchild_in_its_own_session),
        cmocka_unit_test(test_orphan_is_stopped_and_leaves_a_note),
        cmocka_unit_test(test_return_in_time_keeps_the_engine),
        cmocka_unit_test(test_strangers_and_nonsense_are_refused),
        cmocka_unit_test(test_environment_of_the_engine),
        cmocka_unit_test(test_log_rotates),
        cmocka_unit_test(test_flood_with_a_hung_disk),
        cmocka_unit_test(test_flood_leaves_a_counted_note),
        cmocka_unit_test(test_killed_keeper_takes_the_engine_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
