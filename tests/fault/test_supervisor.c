/* The daemon is killed, or ends, and another one comes (or none): what
 * becomes of the engines. The daemon is this program in another process; the
 * one that comes after it is this process itself. */
#include "rig.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "platform/net.h"
#include "platform/process.h"
#include "platform/system.h"

/* ---- the daemon that is killed ---- */

struct engine {
    char name[32];
    char flags[128];
    int64_t orphan_timeout_s;
};

struct daemon {
    char folder[64];
    int64_t pid;
    int64_t pids[2];
    int ports[2];
};

static struct profile *
add_profile(struct rig *rig, const char *name, const char *flags,
            int64_t orphan_timeout_s)
{
    struct profile *profile = rig_profile(rig, name, flags);
    profile->orphan_timeout_s = orphan_timeout_s;
    return profile;
}

/* `__daemon FOLDER (NAME FLAGS TIMEOUT)...`: starts them, prints pid and
 * port of each when all are ready, and waits to be killed. */
static void
be_daemon(int argc, char **argv)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig_init(rig, argv[2]);
    rig_open(rig);
    for (int i = 3; i + 2 < argc; i += 3) {
        struct profile *profile = add_profile(rig, argv[i], argv[i + 1],
                                              strtol(argv[i + 2], NULL, 10));
        rig_start(rig, profile);
    }
    for (int i = 0; i < rig->n_profiles; i++) {
        struct instance_view view;
        if (!rig_wait_state(rig, rig->profiles[i], INSTANCE_READY, 20000))
            exit(1);
        rig_view(rig, rig->profiles[i], &view);
        printf("%lld %d\n", (long long)view.pid, view.address.port);
    }
    rig_pass(rig, 100); /* what is on record is on disk */
    printf("all\n");
    fflush(stdout);
    rig_pass(rig, 600000);
    exit(0);
}

static void
daemon_start(struct daemon *daemon, const struct engine *engines, int n)
{
    char self[512];
    char timeouts[2][24];
    struct error error;
    int fds[2];
    char *argv[16] = { self, (char[]){ "__daemon" }, daemon->folder };
    snprintf(daemon->folder, sizeof daemon->folder, "/tmp/daemon-XXXXXX");
    assert_non_null(mkdtemp(daemon->folder));
    assert_int_equal(system_self_path(self, sizeof self, &error), 0);
    for (int i = 0; i < n; i++) {
        snprintf(timeouts[i], sizeof timeouts[i], "%lld",
                 (long long)engines[i].orphan_timeout_s);
        argv[3 + 3 * i] = (char *)(uintptr_t)engines[i].name;
        argv[4 + 3 * i] = (char *)(uintptr_t)engines[i].flags;
        argv[5 + 3 * i] = timeouts[i];
    }
    assert_int_equal(net_pipe(fds), 0);
    struct spawn_options options = { .path = self,
                                     .argv = argv,
                                     .fds = { -1, fds[1], 2 },
                                     .n_fds = 3,
                                     .is_session_leader = true };
    assert_int_equal(process_spawn(&options, &daemon->pid), 0);
    close(fds[1]);
    FILE *output = fdopen(fds[0], "r");
    for (int i = 0; i < n; i++) {
        long long pid = 0;
        assert_int_equal(fscanf(output, "%lld %d", &pid, &daemon->ports[i]), 2);
        daemon->pids[i] = pid;
    }
    char word[16] = "";
    assert_int_equal(fscanf(output, "%15s", word), 1);
    assert_string_equal(word, "all");
    fclose(output);
}

static void
daemon_kill(struct daemon *daemon)
{
    kill((pid_t)daemon->pid, SIGKILL);
    assert_int_equal(waitpid((pid_t)daemon->pid, NULL, 0), daemon->pid);
}

/* ---- the one that comes after it ---- */

static struct profile *
find_profile(void *ctx, const char *id)
{
    const struct rig *rig = ctx;
    for (int i = 0; i < rig->n_profiles; i++) {
        if (strcmp(rig->profiles[i]->id, id) == 0)
            return rig->profiles[i];
    }
    return NULL;
}

static void
on_attached(void *ctx)
{
    struct rig *rig = ctx;
    rig->is_attached = true;
}

static bool
is_attached(struct rig *rig)
{
    return rig->is_attached;
}

static struct rig *
come_back(const char *folder)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig_init(rig, folder);
    rig->owns_folder = true;
    rig_open(rig);
    return rig;
}

static void
attach(struct rig *rig)
{
    instances_attach_all(rig->instances, find_profile, on_attached, rig);
    assert_true(rig_run(rig, is_attached, 10000));
}

static void
leave(struct rig *rig)
{
    rig_close(rig);
    free(rig);
}

/* Numbered lines of the engine: none twice, none missing. */
struct ticks {
    long first;
    long next;
};

static void
take_tick(void *ctx, uint64_t seq, struct str line)
{
    struct ticks *ticks = ctx;
    (void)seq;
    if (!str_starts_with(line, STR("tick ")))
        return;
    long n = strtol(line.p + strlen("tick "), NULL, 10);
    if (ticks->next < 0)
        ticks->first = n;
    else
        assert_int_equal(n, ticks->next);
    ticks->next = n + 1;
}

static void
test_engines_outlive_a_killed_daemon(void **state)
{
    (void)state;
    static const struct engine engines[] = { { "left", "--tick-ms 10", 60 },
                                             { "right", "", 60 } };
    struct daemon daemon;
    struct instance_view view;
    struct ticks ticks = { 0, -1 };
    daemon_start(&daemon, engines, 2);
    daemon_kill(&daemon);
    nanosleep(&(struct timespec){ 0, 100000000 }, NULL);
    struct rig *rig = come_back(daemon.folder);
    for (int i = 0; i < 2; i++)
        add_profile(rig, engines[i].name, engines[i].flags, 60);
    attach(rig);
    for (int i = 0; i < 2; i++) {
        rig_view(rig, rig->profiles[i], &view);
        assert_int_equal(view.state, INSTANCE_READY);
        assert_int_equal(view.pid, daemon.pids[i]);
        assert_int_equal(view.address.port, daemon.ports[i]);
        /* The key is known still: the engine lets us in. */
        assert_int_equal(rig_stat(&view, "pid"), daemon.pids[i]);
    }
    assert_null(strstr(rig->states, "starting"));
    /* The log goes on where it was, from before the kill to after it. */
    assert_true(rig_wait_line(rig, "tick", 5000));
    instances_log_tail(rig->instances, rig->profiles[0]->id, 100000, take_tick,
                       &ticks);
    assert_int_equal(ticks.first, 0);
    assert_true(ticks.next > 10);
    /* They stop as any other. */
    assert_int_equal(instances_stop(rig->instances, rig->profiles[1]->id, false,
                                    "test", NULL),
                     0);
    assert_true(rig_wait_state(rig, rig->profiles[1], INSTANCE_STOPPED, 5000));
    rig_view(rig, rig->profiles[1], &view);
    assert_int_equal(view.stop, STOP_GRACEFUL);
    assert_true(rig_process_is_gone(daemon.pids[1], 1000));
    leave(rig);
    assert_true(rig_process_is_gone(daemon.pids[0], 1000));
}

static void
test_crash_in_between_keeps_its_exit_status(void **state)
{
    (void)state;
    static const struct engine engines[] = {
        { "code", "--exit-after-ms 1500 --exit-code 42", 60 },
        { "signal", "", 60 }
    };
    struct daemon daemon;
    struct instance_view view;
    daemon_start(&daemon, engines, 2);
    daemon_kill(&daemon);
    assert_int_equal(kill((pid_t)daemon.pids[1], SIGSEGV), 0);
    assert_true(rig_process_is_gone(daemon.pids[0], 5000));
    assert_true(rig_process_is_gone(daemon.pids[1], 5000));
    struct rig *rig = come_back(daemon.folder);
    for (int i = 0; i < 2; i++)
        add_profile(rig, engines[i].name, engines[i].flags, 60);
    attach(rig);
    rig_view(rig, rig->profiles[0], &view);
    assert_int_equal(view.state, INSTANCE_FAILED);
    assert_int_equal(view.exit.exit_code, 42);
    assert_int_equal(view.error.code, ERR_ENGINE_EXITED);
    assert_non_null(strstr(view.error.message, "listening on"));
    rig_view(rig, rig->profiles[1], &view);
    assert_int_equal(view.state, INSTANCE_FAILED);
    assert_int_equal(view.exit.exit_signal, SIGSEGV);
    leave(rig);
}

static void
test_engine_whose_profile_is_gone_is_stopped(void **state)
{
    (void)state;
    static const struct engine engines[] = { { "gone", "", 60 } };
    struct daemon daemon;
    struct instance_view view;
    daemon_start(&daemon, engines, 1);
    daemon_kill(&daemon);
    struct rig *rig = come_back(daemon.folder);
    attach(rig);
    assert_true(rig_process_is_gone(daemon.pids[0], 0) ||
                (rig_pass(rig, 500), true));
    assert_true(rig_process_is_gone(daemon.pids[0], 1000));
    rig_pass(rig, 100);
    assert_int_equal(instances_view(rig->instances, "prf_gone", &view), -1);
    leave(rig);
}

static void
test_daemon_that_never_comes_back(void **state)
{
    (void)state;
    static const struct engine engines[] = {
        { "orphan", "--exit-at-start -1", 1 },
        { "deaf", "--ignore-term 1", 0 },
    };
    struct daemon daemon;
    struct instance_view view;
    daemon_start(&daemon, engines, 2);
    daemon_kill(&daemon);
    int64_t killed_ms = system_monotonic_ms();
    assert_true(rig_process_is_gone(daemon.pids[1], 5000)); /* at once */
    assert_true(rig_process_is_gone(daemon.pids[0], 10000));
    assert_true(system_monotonic_ms() - killed_ms >= 900);
    nanosleep(&(struct timespec){ 0, 300000000 }, NULL);
    struct rig *rig = come_back(daemon.folder);
    for (int i = 0; i < 2; i++)
        add_profile(rig, engines[i].name, engines[i].flags, 1);
    attach(rig);
    rig_view(rig, rig->profiles[0], &view);
    assert_int_equal(view.state, INSTANCE_STOPPED);
    assert_int_equal(view.stop, STOP_GRACEFUL);
    assert_non_null(strstr(view.reason, "hearth was away"));
    rig_view(rig, rig->profiles[1], &view);
    assert_int_equal(view.state, INSTANCE_STOPPED);
    assert_int_equal(view.stop, STOP_FORCED);
    leave(rig);
}

/* ---- rows that tell of somebody else ---- */

static void
put_row(struct rig *rig, const struct process_identity *engine)
{
    struct error error;
    struct instance_row row = { .state = INSTANCE_READY,
                                .port = 1,
                                .engine = *engine };
    snprintf(row.id, sizeof row.id, "ins_recycled");
    snprintf(row.profile_id, sizeof row.profile_id, "prf_recycled");
    snprintf(row.socket_path, sizeof row.socket_path, "%s/run/none.sock",
             rig->data_dir);
    store_put_instance(rig->store, &row, NULL, NULL);
    if (store_wait(rig->store, &error) != 0)
        fail_msg("%s", error.message);
}

static int64_t
start_stranger(void)
{
    char *argv[] = { (char[]){ "/bin/sleep" }, (char[]){ "600" }, NULL };
    struct spawn_options options = { .path = argv[0],
                                     .argv = argv,
                                     .fds = { -1, -1, -1 },
                                     .n_fds = 3,
                                     .is_group_leader = true };
    int64_t pid = 0;
    assert_int_equal(process_spawn(&options, &pid), 0);
    return pid;
}

static void
test_recycled_pid_is_left_alone(void **state)
{
    (void)state;
    char folder[] = "/tmp/recycled-XXXXXX";
    struct instance_view view;
    struct process_identity engine = { .pid = start_stranger() };
    assert_non_null(mkdtemp(folder));
    assert_int_equal(process_start_ticks(engine.pid, &engine.start_ticks), 0);
    assert_int_equal(process_boot_id(engine.boot_id), 0);
    engine.start_ticks--; /* the one on record began before this one */
    struct rig *rig = come_back(folder);
    add_profile(rig, "recycled", "", 60);
    put_row(rig, &engine);
    attach(rig);
    rig_view(rig, rig->profiles[0], &view);
    assert_int_equal(view.state, INSTANCE_FAILED);
    assert_int_equal(view.error.code, ERR_ENGINE_LOST);
    assert_int_equal(view.pid, 0);
    rig_pass(rig, 100);
    assert_int_equal(process_reap(engine.pid), 0); /* alive */
    leave(rig);
    assert_int_equal(process_reap(engine.pid), 0);
    kill((pid_t)engine.pid, SIGKILL);
    waitpid((pid_t)engine.pid, NULL, 0);
}

static void
test_row_of_another_boot_is_no_failure(void **state)
{
    (void)state;
    char folder[] = "/tmp/reboot-XXXXXX";
    struct instance_view view;
    struct process_identity engine = { .pid = start_stranger() };
    assert_non_null(mkdtemp(folder));
    assert_int_equal(process_start_ticks(engine.pid, &engine.start_ticks), 0);
    snprintf(engine.boot_id, sizeof engine.boot_id, "an earlier boot");
    struct rig *rig = come_back(folder);
    add_profile(rig, "recycled", "", 60);
    put_row(rig, &engine);
    attach(rig);
    rig_view(rig, rig->profiles[0], &view);
    assert_int_equal(view.state, INSTANCE_STOPPED);
    assert_int_equal(process_reap(engine.pid), 0);
    leave(rig);
    kill((pid_t)engine.pid, SIGKILL);
    waitpid((pid_t)engine.pid, NULL, 0);
}

/* ---- an orderly end that keeps the engines ---- */

static void
test_keep_engines(void **state)
{
    (void)state;
    char folder[] = "/tmp/keep-XXXXXX";
    struct instance_view view;
    assert_non_null(mkdtemp(folder));
    struct rig *rig = calloc(1, sizeof *rig);
    rig_init(rig, folder);
    rig->options.keep_engines = true;
    rig_open(rig);
    struct profile *profile = add_profile(rig, "kept", "", 60);
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    rig_view(rig, profile, &view);
    int64_t pid = view.pid;
    leave(rig);
    assert_false(rig_process_is_gone(pid, 50));
    rig = come_back(folder);
    profile = add_profile(rig, "kept", "", 60);
    attach(rig);
    rig_view(rig, profile, &view);
    assert_int_equal(view.state, INSTANCE_READY);
    assert_int_equal(view.pid, pid);
    leave(rig);
    assert_true(rig_process_is_gone(pid, 1000));
}

/* ---- the keeper itself is killed ---- */

static void
test_killed_keeper_is_a_failure(void **state)
{
    (void)state;
    char folder[] = "/tmp/keeper-XXXXXX";
    struct instance_view view;
    int64_t keepers[8];
    assert_non_null(mkdtemp(folder));
    struct rig *rig = come_back(folder);
    struct profile *profile = add_profile(rig, "lost", "", 60);
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    rig_view(rig, profile, &view);
    int64_t engine = view.pid;
    int n = process_children(keepers, 8);
    assert_true(n >= 1);
    int64_t keeper = keepers[n - 1];
    assert_int_equal(kill((pid_t)keeper, SIGKILL), 0);
    assert_true(rig_wait_state(rig, profile, INSTANCE_FAILED, 5000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, ERR_ENGINE_LOST);
    assert_true(rig_process_is_gone(engine, 2000));
    leave(rig);
}

int
main(int argc, char **argv)
{
    rig_main(argc, argv);
    if (argc > 2 && strcmp(argv[1], "__daemon") == 0)
        be_daemon(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engines_outlive_a_killed_daemon),
        cmocka_unit_test(test_crash_in_between_keeps_its_exit_status),
        cmocka_unit_test(test_engine_whose_profile_is_gone_is_stopped),
        cmocka_unit_test(test_daemon_that_never_comes_back),
        cmocka_unit_test(test_recycled_pid_is_left_alone),
        cmocka_unit_test(test_row_of_another_boot_is_no_failure),
        cmocka_unit_test(test_keep_engines),
        cmocka_unit_test(test_killed_keeper_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
