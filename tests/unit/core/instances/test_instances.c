/* The supervisor over a real keeper and an engine that misbehaves: every way
 * that a start, a run and an end can go. */
#include "rig.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/limits.h"
#include "platform/net.h"
#include "platform/process.h"
#include "platform/system.h"

static int
set_up(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    rig_init(rig, NULL);
    *state = rig;
    return 0;
}

static int
tear_down(void **state)
{
    struct rig *rig = *state;
    rig_close(rig);
    free(rig);
    return 0;
}

static void
stop(struct rig *rig, const struct profile *profile)
{
    struct error error = { .code = ERR_OK };
    if (instances_stop(rig->instances, profile->id, false, "test", &error) != 0)
        fail_msg("%s", error.message);
}

/* ---- the good way ---- */

static void
test_start_ready_stop(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "good", "--load-ms 60");
    rig_start(rig, profile);
    rig_view(rig, profile, &view);
    assert_int_equal(view.state, INSTANCE_STARTING);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    rig_view(rig, profile, &view);
    assert_true(view.pid > 0);
    assert_in_range(view.address.port, 1, 65535);
    assert_int_equal(strlen(view.api_key), 64);
    assert_int_equal(view.slots, 2);
    assert_true(view.ready_at_ms >= view.started_at_ms);
    assert_int_equal(rig_stat(&view, "pid"), view.pid);
    /* Starting what runs is no error and changes nothing. */
    rig_start(rig, profile);
    int64_t pid = view.pid;
    stop(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_STOPPED, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.stop, STOP_GRACEFUL);
    assert_int_equal(view.pid, 0);
    assert_int_equal(view.error.code, ERR_OK);
    assert_true(rig_process_is_gone(pid, 0));
    assert_string_equal(rig->states,
                        "starting loading ready stopping stopped ");
    struct error error;
    assert_int_equal(
        instances_stop(rig->instances, profile->id, false, "x", &error), -1);
    assert_int_equal(error.code, ERR_CONFLICT);
    assert_int_equal(
        instances_stop(rig->instances, "prf_none", false, "x", &error), -1);
    assert_int_equal(error.code, ERR_NOT_FOUND);
}

static bool
has_memory(struct rig *rig)
{
    struct instance_view view;
    rig_view(rig, rig->profiles[0], &view);
    return view.rss_bytes > 0 && view.cpu_percent > 20;
}

static void
test_memory_and_cpu_of_the_group(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "busy", "--flood-mb-per-s 1000");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    assert_true(rig_run(rig, has_memory, 10000));
}

/* ---- starts that cannot be ---- */

static void
check_refused(struct rig *rig, struct profile *profile, enum error_code code,
              const char *part)
{
    struct error error = { .code = ERR_OK };
    assert_int_equal(instances_start(rig->instances, profile, "test", &error),
                     -1);
    assert_int_equal(error.code, code);
    if (strstr(error.message, part) == NULL)
        fail_msg("'%s' says nothing of '%s'", error.message, part);
}

static void
test_start_refuses_what_cannot_run(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "bad", "");
    profile_set_text(&profile->engine, STR("warp-engine"));
    check_refused(rig, profile, ERR_INVALID, "warp-engine");
    profile_set_text(&profile->engine, STR("command"));
    profile_set_text(&profile->command_json,
                     STR("[\"/nowhere/engine\",\"--port\",\"${port}\"]"));
    check_refused(rig, profile, ERR_ENGINE_BINARY_MISSING, "/nowhere/engine");
    profile_set_text(&profile->engine, STR("fake"));
    profile_set_text(&profile->model_path, STR("/nowhere/model.gguf"));
    check_refused(rig, profile, ERR_ENGINE_MODEL_MISSING, "model.gguf");
    /* What could be tried by its engine shows as failed, with the reason. */
    assert_string_equal(rig->states, "starting failed starting failed ");
    struct instance_view view;
    rig_view(rig, profile, &view);
    assert_int_equal(view.state, INSTANCE_FAILED);
    assert_int_equal(view.error.code, ERR_ENGINE_MODEL_MISSING);
}

/* The first start asks the binary, so it fails in STARTING; the second one
 * knows and is refused at once. */
static void
test_flag_that_the_binary_lacks_is_named(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "warp", "");
    profile_set_text(&profile->options_json, STR("{\"warp\":9}"));
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_FAILED, 15000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, ERR_ENGINE_UNKNOWN_OPTION);
    assert_string_equal(view.error.field, "options.warp");
    assert_non_null(strstr(view.error.message, "--warp-drive"));
    assert_non_null(strstr(view.error.message, "1.2.3"));
    check_refused(rig, profile, ERR_ENGINE_UNKNOWN_OPTION, "--warp-drive");
    profile_set_text(&profile->options_json, STR("{\"ctx_size\":512}"));
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
}

static void
test_exec_that_fails_is_told(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    char path[128];
    char command[256];
    rig_open(rig);
    snprintf(path, sizeof path, "%s/not-a-program", rig->data_dir);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("\x7f"
          "ELF nonsense",
          file);
    fclose(file);
    assert_int_equal(chmod(path, 0700), 0);
    struct profile *profile = rig_profile(rig, "noexec", "");
    snprintf(command, sizeof command, "[\"%s\"]", path);
    profile_set_text(&profile->engine, STR("command"));
    profile_set_text(&profile->command_json, str_from(command));
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_FAILED, 5000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, ERR_ENGINE_BINARY_MISSING);
    assert_non_null(strstr(view.error.message, "Exec format error"));
    assert_int_equal(view.pid, 0);
}

/* ---- ends that nobody asked for ---- */

static void
check_failure(struct rig *rig, const char *name, const char *flags,
              enum error_code code, int exit_code, int exit_signal,
              const char *part)
{
    struct instance_view view;
    struct profile *profile = rig_profile(rig, name, flags);
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_FAILED, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, code);
    assert_true(view.exit.has_exited);
    assert_int_equal(view.exit.exit_code, exit_code);
    assert_int_equal(view.exit.exit_signal, exit_signal);
    assert_int_equal(view.stop, STOP_NONE);
    if (strstr(view.error.message, part) == NULL)
        fail_msg("'%s' says nothing of '%s'", view.error.message, part);
}

static void
test_exits_at_once(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    check_failure(rig, "once", "--exit-at-start 3", ERR_ENGINE_EXITED, 3, 0,
                  "code 3 and wrote nothing");
}

static void
test_exits_zero_unasked(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    check_failure(rig, "zero", "--exit-after-ms 150 --exit-code 0",
                  ERR_ENGINE_EXITED, 0, 0, "nobody asked");
    assert_string_equal(rig->states, "starting loading ready failed ");
}

static void
test_exits_while_loading(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    check_failure(rig, "loading",
                  "--line no_such_model --load-ms 60000 --exit-after-ms 150 "
                  "--exit-code 1",
                  ERR_ENGINE_EXITED, 1, 0, "last words: listening on");
    assert_string_equal(rig->states, "starting loading failed ");
    rig_view(rig, rig->profiles[0], &view);
    assert_string_equal(view.advice, "");
}

static void
test_death_by_signal(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    check_failure(rig, "killed", "--signal-after-ms 100 --signal-number 9",
                  ERR_ENGINE_EXITED, -1, SIGKILL, "signal 9");
    rig_view(rig, rig->profiles[0], &view);
    assert_non_null(strstr(view.advice, "memory"));
}

/* The log only explains: the same words in the log of one that is stopped
 * make no failure. */
static void
test_log_explains_and_does_not_judge(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "words", "");
    profile_set_text(&profile->engine, STR("command"));
    char command[512];
    snprintf(command, sizeof command,
             "[\"%s\",\"--port\",\"${port}\",\"--line\",\"fatal error: out of "
             "memory\"]",
             getenv("HEARTH_FAKE_ENGINE"));
    profile_set_text(&profile->command_json, str_from(command));
    profile_set_text(&profile->env_json, STR("{}"));
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    stop(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_STOPPED, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, ERR_OK);
    profile_set_text(&profile->env_json,
                     STR("{\"FAKE_ENGINE\":\"--exit-after-ms 50\"}"));
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_FAILED, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, ERR_ENGINE_OUT_OF_MEMORY);
    assert_non_null(strstr(view.advice, "memory"));
}

/* ---- never ready, hung ---- */

static void
check_load_timeout(struct rig *rig, const char *name, const char *flags)
{
    struct instance_view view;
    struct profile *profile = rig_profile(rig, name, flags);
    profile->load_timeout_s = 1;
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_FAILED, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, ERR_ENGINE_LOAD_TIMEOUT);
    assert_non_null(strstr(view.error.message, "1 s"));
    assert_int_equal(view.pid, 0);
}

static void
test_never_ready(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    check_load_timeout(rig, "never", "--never-ready 1");
    assert_string_equal(rig->states, "starting loading stopping failed ");
}

static void
test_never_listens(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    check_load_timeout(rig, "mute", "--never-bind 1");
    assert_string_equal(rig->states, "starting stopping failed ");
}

static void
test_accepts_and_says_nothing(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    check_load_timeout(rig, "silent", "--hang-all-after-ms 0");
}

/* /health stays well; only the small real request tells. */
static void
test_hung_engine_is_noticed_by_a_real_request(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "hung", "--hang-after-ms 300");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    assert_true(rig_wait_state(rig, profile, INSTANCE_UNHEALTHY, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, ERR_ENGINE_UNHEALTHY);
    assert_true(view.pid > 0);
}

static void
test_broken_engine_is_noticed_by_a_real_request(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "broken", "--fail-after-ms 300");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    assert_true(rig_wait_state(rig, profile, INSTANCE_UNHEALTHY, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, ERR_ENGINE_UNHEALTHY);
    assert_non_null(strstr(view.error.message, "fails every request"));
}

/* The next probe would come only after the test's patience. */
static void
test_a_suspected_engine_is_probed_at_once(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "suspect", "--fail-after-ms 0");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    for (int i = 0; i < 20; i++)
        instances_suspect(rig->instances, profile->id);
    instances_suspect(rig->instances, "nobody");
    assert_true(rig_wait_state(rig, profile, INSTANCE_UNHEALTHY, 10000));
}

static void
test_hung_engine_is_left_alone_while_in_use(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "inuse", "--hang-after-ms 300");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    instances_set_leases(rig->instances, profile->id, 1);
    rig_pass(rig, 1500);
    rig_view(rig, profile, &view);
    assert_int_equal(view.state, INSTANCE_READY);
    instances_set_leases(rig->instances, profile->id, 0);
    assert_true(rig_wait_state(rig, profile, INSTANCE_UNHEALTHY, 10000));
}

static void
test_unhealthy_is_restarted_by_policy(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    struct profile *profile =
        rig_profile(rig, "sick", "--hang-all-after-ms 300");
    rig_policy(rig, profile, RESTART_ON_FAILURE);
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    assert_true(rig_wait_state(rig, profile, INSTANCE_BACKOFF, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, ERR_ENGINE_UNHEALTHY);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.n_restarts, 1);
    assert_non_null(strstr(rig->states, "ready unhealthy stopping failed "
                                        "backoff starting loading ready "));
}

static void
test_unhealthy_can_recover(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "pause", "");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(kill((pid_t)view.pid, SIGSTOP), 0);
    assert_true(rig_wait_state(rig, profile, INSTANCE_UNHEALTHY, 10000));
    assert_int_equal(kill((pid_t)view.pid, SIGCONT), 0);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
}

/* ---- stopping ---- */

static void
test_ignored_term_is_forced(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "deaf", "--ignore-term 1");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    stop(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_STOPPED, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.stop, STOP_FORCED);
    assert_int_equal(view.exit.exit_signal, SIGKILL);
}

static void
test_forced_stop_is_immediate(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    struct error error;
    rig_open(rig);
    struct profile *profile =
        rig_profile(rig, "forced", "--term-delay-ms 60000");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    int64_t begun_ms = system_monotonic_ms();
    assert_int_equal(
        instances_stop(rig->instances, profile->id, true, "now", &error), 0);
    assert_true(rig_wait_state(rig, profile, INSTANCE_STOPPED, 5000));
    assert_true(system_monotonic_ms() - begun_ms < 1000);
    rig_view(rig, profile, &view);
    assert_int_equal(view.stop, STOP_FORCED);
}

static void
test_stop_while_starting_and_loading(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "early", "--load-ms 60000");
    rig_start(rig, profile);
    stop(rig, profile); /* before there is a process, or a connection */
    assert_true(rig_wait_state(rig, profile, INSTANCE_STOPPED, 5000));
    rig_start(rig, profile);
    stop(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_STOPPED, 5000));
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_LOADING, 10000));
    stop(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_STOPPED, 5000));
    rig_pass(rig, 100);
    assert_int_equal(rig_count_children(), 0);
}

static void
find_grandchild(void *ctx, uint64_t seq, struct str line)
{
    int64_t *pid = ctx;
    (void)seq;
    if (str_starts_with(line, STR("grandchild ")))
        *pid = strtol(line.p + strlen("grandchild "), NULL, 10);
}

static void
test_grandchild_is_ended_with_it(void **state)
{
    struct rig *rig = *state;
    int64_t grandchild = 0;
    rig_open(rig);
    struct profile *profile = rig_profile(
        rig, "family",
        "--grandchild-s 600 --grandchild-session 1 --exit-after-ms 400");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_FAILED, 5000));
    instances_log_tail(rig->instances, profile->id, 100, find_grandchild,
                       &grandchild);
    assert_true(grandchild > 0);
    assert_true(rig_process_is_gone(grandchild, 1000));
}

static void
test_restart_takes_the_new_profile(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    struct error error;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "edit", "");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    rig_view(rig, profile, &view);
    int64_t pid = view.pid;
    struct profile *edited = profile_copy(profile);
    rig->profiles[rig->n_profiles++] = edited;
    profile_set_text(&edited->env_json,
                     STR("{\"FAKE_ENGINE\":\"--line second\"}"));
    instances_profile_changed(rig->instances, edited);
    rig_view(rig, profile, &view);
    assert_true(view.restart_required);
    assert_int_equal(view.pid, pid);
    assert_int_equal(
        instances_restart(rig->instances, edited, "edited", &error), 0);
    assert_true(rig_wait_line(rig, "second", 10000));
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    rig_view(rig, profile, &view);
    assert_true(view.pid != pid);
    assert_false(view.restart_required);
    assert_string_equal(rig->states, "starting loading ready stopping stopped "
                                     "starting loading ready ");
}

static void
test_drain_and_back(void **state)
{
    struct rig *rig = *state;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "drain", "");
    assert_int_equal(instances_drain(rig->instances, profile->id, "x"), -1);
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    assert_int_equal(instances_undrain(rig->instances, profile->id), -1);
    assert_int_equal(instances_drain(rig->instances, profile->id, "x"), 0);
    assert_int_equal(instances_undrain(rig->instances, profile->id), 0);
    rig_pass(rig, 100);
    assert_int_equal(instances_drain(rig->instances, profile->id, "x"), 0);
    stop(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_STOPPED, 10000));
    assert_string_equal(rig->states,
                        "starting loading ready draining ready draining "
                        "stopping stopped ");
}

/* ---- the port ---- */

static int
listen_at(int *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t n = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void
test_port_held_by_another_process(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    char pid[32];
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "port", "");
    int fd = listen_at(&profile->port);
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_FAILED, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, ERR_ENGINE_PORT_IN_USE);
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    assert_non_null(strstr(view.error.message, pid));
    assert_non_null(strstr(view.error.message, "test_instances"));
    close(fd);
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
}

/* The port is free when the engine starts, but the engine listens elsewhere
 * (or never) and a stranger answers in its place, as well as could be. */
static void
test_port_answered_by_another_process(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    struct error error;
    char port[16];
    char named[64];
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "victim", "--never-bind 1");
    profile->port = net_free_port("127.0.0.1", &error);
    rig_start(rig, profile); /* the probe finds nobody there */
    rig_pass(rig, 100);
    snprintf(port, sizeof port, "%d", profile->port);
    char *argv[] = { getenv("HEARTH_FAKE_ENGINE"), (char[]){ "--port" }, port,
                     NULL };
    struct spawn_options options = { .path = argv[0],
                                     .argv = argv,
                                     .fds = { -1, -1, -1 },
                                     .n_fds = 3,
                                     .is_group_leader = true };
    int64_t pid = 0;
    assert_int_equal(process_spawn(&options, &pid), 0);
    assert_true(rig_wait_state(rig, profile, INSTANCE_FAILED, 10000));
    rig_view(rig, profile, &view);
    assert_int_equal(view.error.code, ERR_ENGINE_PORT_IN_USE);
    snprintf(named, sizeof named, "process %lld (", (long long)pid);
    assert_non_null(strstr(view.error.message, named));
    assert_string_equal(rig->states, "starting stopping failed ");
    assert_int_equal(process_reap(pid), 0); /* the stranger lives */
    kill((pid_t)pid, SIGKILL);
    while (process_reap(pid) == 0)
        continue;
}

/* ---- trying again ---- */

static void
test_backoff_grows_and_is_capped(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "loop", "--exit-at-start 1");
    rig_policy(rig, profile, RESTART_ON_FAILURE);
    rig_start(rig, profile);
    static const char *const waits[] = { "20 ms", "40 ms", "80 ms", "100 ms",
                                         "100 ms" };
    for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        assert_true(rig_wait_state(rig, profile, INSTANCE_BACKOFF, 10000));
        rig_view(rig, profile, &view);
        assert_non_null(strstr(view.reason, waits[i]));
        assert_int_equal(view.error.code, ERR_ENGINE_EXITED);
        assert_true(view.backoff_until_ms > 0);
        assert_int_equal(view.n_restarts, i);
        assert_true(rig_wait_state(rig, profile, INSTANCE_STARTING, 10000));
    }
    assert_true(rig_wait_state(rig, profile, INSTANCE_BACKOFF, 10000));
    stop(rig, profile);
    rig_pass(rig, 300);
    rig_view(rig, profile, &view);
    assert_int_equal(view.state, INSTANCE_STOPPED);
}

static void
test_backoff_resets_after_a_stable_time(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig->options.stable_ms = 100;
    rig_open(rig);
    struct profile *profile =
        rig_profile(rig, "stable", "--exit-after-ms 1000");
    rig_policy(rig, profile, RESTART_ON_FAILURE);
    rig_start(rig, profile);
    for (int i = 0; i < 3; i++) {
        assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
        assert_true(rig_wait_state(rig, profile, INSTANCE_BACKOFF, 10000));
        rig_view(rig, profile, &view);
        assert_non_null(strstr(view.reason, "next try in 20 ms"));
    }
}

static void
test_policy_never_stays_failed(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "once", "--exit-at-start 1");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_FAILED, 10000));
    rig_pass(rig, 200);
    rig_view(rig, profile, &view);
    assert_int_equal(view.state, INSTANCE_FAILED);
    assert_int_equal(view.n_restarts, 0);
}

/* ---- the log ---- */

struct lines {
    uint64_t first;
    uint64_t last;
    int n;
    char text[256];
};

static void
take_line(void *ctx, uint64_t seq, struct str line)
{
    struct lines *lines = ctx;
    if (lines->n++ == 0)
        lines->first = seq;
    else
        assert_int_equal(seq, lines->last + 1);
    lines->last = seq;
    snprintf(lines->text, sizeof lines->text, "%.*s", STR_ARG(line));
}

static void
test_log_has_positions(void **state)
{
    struct rig *rig = *state;
    struct lines lines = { .n = 0 };
    rig_open(rig);
    struct profile *profile =
        rig_profile(rig, "lines", "--line one --line two --line three");
    rig_start(rig, profile);
    assert_true(rig_wait_line(rig, "listening on", 10000));
    assert_int_equal(
        instances_log_tail(rig->instances, profile->id, 100, take_line, &lines),
        rig->next_seq);
    assert_int_equal(lines.n, 4);
    assert_int_equal(lines.last + 1, rig->next_seq);
    lines.n = 0;
    instances_log_tail(rig->instances, profile->id, 1, take_line, &lines);
    assert_int_equal(lines.n, 1);
    assert_non_null(strstr(lines.text, "listening on"));
    assert_int_equal(
        instances_log_tail(rig->instances, profile->id, 0, take_line, &lines),
        rig->next_seq);
    assert_int_equal(lines.n, 1);
}

static int64_t
resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long pages = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*d %ld", &pages), 1);
    fclose(file);
    return pages * 4096;
}

/* 100 MB/s for two seconds: the engine is not held up, we stay small, and
 * the loop goes on serving. */
static void
test_log_flood(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    struct lines lines = { .n = 0 };
    rig_open(rig);
    struct profile *profile =
        rig_profile(rig, "flood", "--flood-mb-per-s 100 --flood-ms 2000");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    rig_pass(rig, 500);
    int64_t before = resident_bytes();
    rig_pass(rig, 1800);
    assert_true(resident_bytes() - before < (int64_t)(8 * MIB));
    rig_view(rig, profile, &view);
    assert_int_equal(view.state, INSTANCE_READY);
    assert_true(rig_stat(&view, "flood_bytes") > 50 * 1000 * 1000L);
    assert_true(rig_stat(&view, "max_write_us") < 500 * 1000L);
    instances_log_tail(rig->instances, profile->id, LIMIT_LOG_RING_LINES * 2,
                       take_line, &lines);
    assert_true(lines.n <= LIMIT_LOG_RING_LINES);
    assert_true(rig->n_lines > 1000);
}

/* ---- waiting, forgetting, leaks ---- */

struct waited {
    int n;
    enum instance_state state;
};

static void
on_waited(void *ctx, const struct instance_view *view)
{
    struct waited *waited = ctx;
    waited->n++;
    waited->state = view->state;
}

static void
test_waiters_are_told_once(void **state)
{
    struct rig *rig = *state;
    struct waited ready = { .n = 0 };
    struct waited cancelled = { .n = 0 };
    struct error error;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "wait", "--load-ms 50");
    rig_start(rig, profile);
    assert_non_null(
        instances_wait(rig->instances, profile->id, on_waited, &ready));
    instance_waiter_cancel(
        instances_wait(rig->instances, profile->id, on_waited, &cancelled));
    assert_int_equal(ready.n, 0);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    rig_pass(rig, 20);
    assert_int_equal(ready.n, 1);
    assert_int_equal(ready.state, INSTANCE_READY);
    /* A restart does not settle on its way. */
    assert_int_equal(instances_restart(rig->instances, profile, "x", &error),
                     0);
    instances_wait(rig->instances, profile->id, on_waited, &ready);
    rig_pass(rig, 1000);
    assert_int_equal(ready.n, 2);
    assert_int_equal(ready.state, INSTANCE_READY);
    assert_int_equal(cancelled.n, 0);
}

static void
on_forgotten(void *ctx)
{
    bool *is_forgotten = ctx;
    *is_forgotten = true;
}

static void
test_forget_stops_and_removes(void **state)
{
    struct rig *rig = *state;
    struct instance_view view;
    char log_path[256];
    bool is_forgotten = false;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "gone", "--line hello");
    rig_start(rig, profile);
    assert_true(rig_wait_state(rig, profile, INSTANCE_READY, 10000));
    snprintf(log_path, sizeof log_path, "%s/logs/%s.log", rig->data_dir,
             profile->id);
    struct stat info;
    assert_int_equal(stat(log_path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    instances_forget(rig->instances, profile->id, on_forgotten, &is_forgotten);
    for (int i = 0; i < 100 && !is_forgotten; i++)
        rig_pass(rig, 100);
    assert_true(is_forgotten);
    assert_int_equal(instances_view(rig->instances, profile->id, &view), -1);
    assert_int_equal(access(log_path, F_OK), -1);
}

static bool
has_no_children(struct rig *rig)
{
    (void)rig;
    return rig_count_children() == 0;
}

static int
run_crashes(struct rig *rig, struct profile *profile, int n)
{
    for (int i = 0; i < n; i++) {
        rig->states[0] = '\0';
        rig_start(rig, profile);
        assert_true(rig_wait_state(rig, profile, INSTANCE_FAILED, 10000));
    }
    assert_true(rig_run(rig, has_no_children, 10000));
    rig_pass(rig, 50);
    return rig_count_fds();
}

/* The number of descriptors after 1,000 crashes is that after 10, and no
 * process is left, dead or alive. */
static void
test_many_crashes_leave_nothing(void **state)
{
    struct rig *rig = *state;
    rig->options.orphan_timeout_s = 0;
    rig_open(rig);
    struct profile *profile = rig_profile(rig, "crash", "--exit-at-start 1");
    int before = run_crashes(rig, profile, 10);
    const char *said = getenv("HEARTH_CRASH_CYCLES");
    int n = said == NULL ? 990 : (int)strtol(said, NULL, 10);
    assert_int_equal(run_crashes(rig, profile, n), before);
}

int
main(int argc, char **argv)
{
    rig_main(argc, argv);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_start_ready_stop),
        TEST(test_memory_and_cpu_of_the_group),
        TEST(test_start_refuses_what_cannot_run),
        TEST(test_flag_that_the_binary_lacks_is_named),
        TEST(test_exec_that_fails_is_told),
        TEST(test_exits_at_once),
        TEST(test_exits_zero_unasked),
        TEST(test_exits_while_loading),
        TEST(test_death_by_signal),
        TEST(test_log_explains_and_does_not_judge),
        TEST(test_never_ready),
        TEST(test_never_listens),
        TEST(test_accepts_and_says_nothing),
        TEST(test_hung_engine_is_noticed_by_a_real_request),
        TEST(test_broken_engine_is_noticed_by_a_real_request),
        TEST(test_a_suspected_engine_is_probed_at_once),
        TEST(test_hung_engine_is_left_alone_while_in_use),
        TEST(test_unhealthy_is_restarted_by_policy),
        TEST(test_unhealthy_can_recover),
        TEST(test_ignored_term_is_forced),
        TEST(test_forced_stop_is_immediate),
        TEST(test_stop_while_starting_and_loading),
        TEST(test_grandchild_is_ended_with_it),
        TEST(test_restart_takes_the_new_profile),
        TEST(test_drain_and_back),
        TEST(test_port_held_by_another_process),
        TEST(test_port_answered_by_another_process),
        TEST(test_backoff_grows_and_is_capped),
        TEST(test_backoff_resets_after_a_stable_time),
        TEST(test_policy_never_stays_failed),
        TEST(test_log_has_positions),
        TEST(test_log_flood),
        TEST(test_waiters_are_told_once),
        TEST(test_forget_stops_and_removes),
        TEST(test_many_crashes_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
