/* The engine's process: see engine.h. */
#include "keeper/engine.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/net.h"
#include "platform/process.h"
#include "platform/system.h"

extern char **environ;

enum {
    END_MAX_MS = 2000, /* for the last of the group to be gone */
    END_LOOK_MS = 20,  /* between two looks for them */
    KILL_AGAIN_MS = 1000,
    PIPE_BYTES = 256 * 1024,
    ENV_MAX = 1024,
    READS_EACH_TURN = 16,
};

void
engine_init(struct engine *engine, struct log_ring *ring)
{
    *engine = (struct engine){ .ring = ring, .output_fd = -1, .input_fd = -1 };
    engine->status.phase = KEEPER_WAITING;
    engine->status.keeper_pid = getpid();
    (void)process_start_ticks(getpid(), &engine->status.keeper_ticks);
}

/* True when one of the additions has the same name. */
static bool
is_overridden(const char *entry, const struct keeper_spec *spec)
{
    size_t n = strcspn(entry, "=") + 1;
    for (size_t i = 0; i < spec->n_env; i++) {
        if (strncmp(entry, spec->env[i], n) == 0)
            return true;
    }
    return false;
}

/* Our environment without what is hearth's own business, then the
 * additions. */
static void
build_env(const struct keeper_spec *spec, char *env[ENV_MAX + 1])
{
    size_t n = 0;
    for (char **entry = environ; *entry != NULL; entry++) {
        if (n < ENV_MAX - spec->n_env &&
            strncmp(*entry, "HEARTH_", strlen("HEARTH_")) != 0 &&
            !is_overridden(*entry, spec))
            env[n++] = *entry;
    }
    for (size_t i = 0; i < spec->n_env; i++)
        env[n++] = spec->env[i];
    env[n] = NULL;
}

static void
close_pair(int fds[2])
{
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

static int
spawn(const struct keeper_spec *spec, int in, int out, int64_t *ret_pid)
{
    char *env[ENV_MAX + 1];
    build_env(spec, env);
    struct spawn_options options = { .path = spec->program,
                                     .argv = spec->argv,
                                     .envp = env,
                                     .fds = { in, out, out },
                                     .n_fds = 3,
                                     .is_group_leader = true,
                                     .dies_with_parent = true };
    return process_spawn(&options, ret_pid);
}

void
engine_start(struct engine *engine, const struct keeper_spec *spec)
{
    struct keeper_status *status = &engine->status;
    int in[2] = { -1, -1 };
    int out[2] = { -1, -1 };
    int failed = 0;
    strncpy(status->instance_id, spec->instance_id, ID_BYTES - 1);
    memcpy(engine->stop, spec->stop, sizeof engine->stop);
    engine->n_stop = spec->n_stop;
    status->started_at_ms = system_wall_ms();
    if (net_pipe(in) != 0 || net_pipe(out) != 0 ||
        net_set_nonblocking(out[0]) != 0)
        failed = errno;
    if (failed == 0) {
        net_grow_pipe(out[0], PIPE_BYTES);
        failed = spawn(spec, in[0], out[1], &status->engine_pid);
    }
    if (failed != 0) {
        close_pair(in);
        close_pair(out);
        status->phase = KEEPER_EXEC_FAILED;
        status->exec_errno = failed;
        status->exited_at_ms = system_wall_ms();
        return;
    }
    close(in[0]);
    close(out[1]);
    engine->input_fd = in[1];
    engine->output_fd = out[0];
    (void)process_start_ticks(status->engine_pid, &status->engine_ticks);
    status->phase = KEEPER_RUNNING;
}

bool
engine_is_running(const struct engine *engine)
{
    return engine->status.phase == KEEPER_RUNNING;
}

int
engine_signal(struct engine *engine, int signum)
{
    if (!engine_is_running(engine) || engine->is_ending)
        return -1;
    return kill((pid_t)-engine->status.engine_pid, signum);
}

static void
kill_now(struct engine *engine, int64_t now_ms)
{
    engine->status.stop_kind = KEEPER_FORCED;
    engine->step_at_ms = now_ms + KILL_AGAIN_MS;
    (void)engine_signal(engine, SIGKILL);
}

static void
take_step(struct engine *engine, int64_t now_ms)
{
    if (engine->next_step >= engine->n_stop) {
        kill_now(engine, now_ms);
        return;
    }
    const struct keeper_stop_step *step = &engine->stop[engine->next_step++];
    if (step->signum == SIGKILL) {
        kill_now(engine, now_ms);
        return;
    }
    engine->status.stop_kind = KEEPER_GRACEFUL;
    engine->step_at_ms = now_ms + step->wait_ms;
    (void)engine_signal(engine, (int)step->signum);
}

void
engine_stop(struct engine *engine, bool is_forced, int64_t now_ms)
{
    if (!engine_is_running(engine) || engine->is_ending)
        return;
    if (is_forced)
        kill_now(engine, now_ms);
    else if (!engine->is_stopping)
        take_step(engine, now_ms);
    engine->is_stopping = true;
    if (is_forced)
        engine->next_step = engine->n_stop;
}

static void
close_output(struct engine *engine)
{
    if (engine->output_fd >= 0)
        close(engine->output_fd);
    engine->output_fd = -1;
}

void
engine_read_output(struct engine *engine)
{
    for (int i = 0; i < READS_EACH_TURN && engine->output_fd >= 0; i++) {
        ssize_t n = log_ring_fill(engine->ring, engine->output_fd);
        if (n > 0 || (n < 0 && errno == EINTR))
            continue;
        if (n == 0 || errno != EAGAIN)
            close_output(engine);
        return;
    }
}

/* The main process is a zombie still: its number, and with it the group's,
 * is not free yet, so the kill reaches our group or nobody. */
static void
main_exited(struct engine *engine, const siginfo_t *info, int64_t now_ms)
{
    struct keeper_status *status = &engine->status;
    pid_t pid = (pid_t)status->engine_pid;
    status->exit_code = info->si_code == CLD_EXITED ? info->si_status : -1;
    status->exit_signal = info->si_code == CLD_EXITED ? 0 : info->si_status;
    status->exited_at_ms = system_wall_ms();
    kill(-pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    engine->is_ending = true;
    engine->end_by_ms = now_ms + END_MAX_MS;
    if (engine->input_fd >= 0)
        close(engine->input_fd);
    engine->input_fd = -1;
}

/* True when no child of ours is left. */
static bool
reap_others(struct engine *engine, int64_t now_ms)
{
    for (;;) {
        siginfo_t info = { 0 };
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
            return errno == ECHILD;
        if (info.si_pid == 0)
            return false;
        if (!engine->is_ending && info.si_pid == engine->status.engine_pid)
            main_exited(engine, &info, now_ms);
        else
            waitpid(info.si_pid, NULL, WNOHANG);
    }
}

/* Descendants that left the group for a session of their own: orphaned,
 * they are our children now. */
static void
kill_strays(void)
{
    int64_t pids[64];
    int n = process_children(pids, 64);
    for (int i = 0; i < n; i++)
        kill((pid_t)pids[i], SIGKILL);
}

void
engine_turn(struct engine *engine, int64_t now_ms)
{
    if (!engine_is_running(engine))
        return;
    bool is_alone = reap_others(engine, now_ms);
    if (!engine->is_ending) {
        if (engine->is_stopping && now_ms >= engine->step_at_ms)
            take_step(engine, now_ms);
        return;
    }
    if (!is_alone) {
        kill_strays();
        is_alone = reap_others(engine, now_ms);
    }
    if (!is_alone && now_ms < engine->end_by_ms)
        return;
    /* Whoever still holds the pipe, nothing of ours writes to it. */
    engine_read_output(engine);
    close_output(engine);
    engine->status.phase = KEEPER_EXITED;
}

int64_t
engine_due_ms(const struct engine *engine, int64_t now_ms)
{
    if (!engine_is_running(engine))
        return -1;
    if (engine->is_ending)
        return END_LOOK_MS;
    if (!engine->is_stopping)
        return -1;
    return engine->step_at_ms > now_ms ? engine->step_at_ms - now_ms : 0;
}
