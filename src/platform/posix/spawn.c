/* Starting a program.
 *
 * posix_spawn does not copy the caller's page tables, so it costs the same
 * however large the caller is; it has no way to ask for a signal at the
 * parent's death, so `dies_with_parent` forks (the keeper, which is small).
 * In both, the descriptors are first copied out of the way of their targets,
 * so that no assignment overwrites one that is still needed. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/net.h"
#include "platform/process.h"
#include "platform/process_internal.h"

extern char **environ;

enum { FDS_ABOVE = 32 };

/* Copies each source to a number above all targets; 0 or errno. */
static int
lift_fds(const struct spawn_options *options, int lifted[SPAWN_FDS_MAX])
{
    for (int i = 0; i < SPAWN_FDS_MAX; i++)
        lifted[i] = -1;
    for (int i = 0; i < options->n_fds; i++) {
        int from = options->fds[i];
        int null_fd = -1;
        if (from < 0) {
            null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
            from = null_fd;
        }
        if (from >= 0)
            lifted[i] = fcntl(from, F_DUPFD_CLOEXEC, FDS_ABOVE);
        int saved = errno;
        if (null_fd >= 0)
            close(null_fd);
        if (lifted[i] < 0)
            return saved;
    }
    return 0;
}

static void
close_all(const int *fds, int n)
{
    for (int i = 0; i < n; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

static int
spawn_plain(const struct spawn_options *options, const int *lifted, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    for (int i = 0; failed == 0 && i < options->n_fds; i++)
        failed = posix_spawn_file_actions_adddup2(&actions, lifted[i], i);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (options->is_session_leader)
        flags |= POSIX_SPAWN_SETSID;
    else if (options->is_group_leader)
        flags |= POSIX_SPAWN_SETPGROUP;
    if (failed == 0)
        failed = posix_spawnattr_setsigmask(&attributes, &none);
    if (failed == 0)
        failed = posix_spawnattr_setsigdefault(&attributes, &all);
    if (failed == 0)
        failed = posix_spawnattr_setflags(&attributes, flags);
    if (failed == 0)
        failed = posix_spawn(pid, options->path, &actions, &attributes,
                             options->argv,
                             options->envp != NULL ? options->envp : environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* In the child: only async-signal-safe calls. Returns when exec failed. */
static int
become(const struct spawn_options *options, const int *lifted, pid_t parent)
{
    struct sigaction standard = { .sa_handler = SIG_DFL };
    for (int signum = 1; signum < NSIG; signum++)
        sigaction(signum, &standard, NULL); /* KILL and STOP refuse: fine */
    if (options->is_session_leader) {
        if (setsid() < 0)
            return errno;
    } else if (options->is_group_leader && setpgid(0, 0) != 0) {
        return errno;
    }
    for (int i = 0; i < options->n_fds; i++) {
        if (dup2(lifted[i], i) < 0)
            return errno;
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    process_die_with_parent(parent);
    execve(options->path, options->argv,
           options->envp != NULL ? options->envp : environ);
    return errno;
}

static int
spawn_bound(const struct spawn_options *options, const int *lifted, pid_t *pid)
{
    int report[2];
    if (net_pipe(report) != 0)
        return errno;
    /* The child's end must not sit where a target goes. */
    int told = fcntl(report[1], F_DUPFD_CLOEXEC, FDS_ABOVE);
    close(report[1]);
    if (told < 0) {
        int saved = errno;
        close(report[0]);
        return saved;
    }
    pid_t parent = getpid();
    *pid = fork();
    if (*pid == 0) {
        int failed = become(options, lifted, parent);
        ssize_t n = write(told, &failed, sizeof failed);
        _exit(n == (ssize_t)sizeof failed ? 127 : 126);
    }
    int failed = *pid < 0 ? errno : 0;
    close(told);
    if (*pid > 0) {
        int why = 0;
        ssize_t n;
        do
            n = read(report[0], &why, sizeof why);
        while (n < 0 && errno == EINTR);
        if (n == (ssize_t)sizeof why) {
            failed = why;
            while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
                continue;
        }
    }
    close(report[0]);
    return failed;
}

int
process_spawn(const struct spawn_options *options, int64_t *ret_pid)
{
    int lifted[SPAWN_FDS_MAX];
    pid_t pid = -1;
    int failed = lift_fds(options, lifted);
    if (failed == 0)
        failed = options->dies_with_parent ? spawn_bound(options, lifted, &pid)
                                           : spawn_plain(options, lifted, &pid);
    close_all(lifted, options->n_fds);
    if (failed == 0)
        *ret_pid = pid;
    return failed;
}
