/* Running a program to its end for what it prints, and finding one. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/units.h"
#include "platform/net.h"
#include "platform/process.h"
#include "platform/system.h"

/* Reads until the end of the output, the deadline, or an error. */
static void
collect(int fd, int64_t deadline_ms, struct strbuf *out)
{
    char chunk[4096];
    for (;;) {
        int64_t left_ms = deadline_ms - system_monotonic_ms();
        struct pollfd item = { .fd = fd, .events = POLLIN };
        if (left_ms <= 0)
            return;
        int n_ready = poll(&item, 1, (int)left_ms);
        if (n_ready < 0 && errno != EINTR)
            return;
        if (n_ready <= 0)
            continue;
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
            return;
        if (n > 0) {
            size_t room = out->ceiling - out->n;
            strbuf_add(out, chunk, (size_t)n < room ? (size_t)n : room);
        }
    }
}

/* Waits until the deadline, then kills the group. */
static int
reap(pid_t pid, int64_t deadline_ms, bool *ret_is_late)
{
    int status = 0;
    int64_t pause_ms = 1;
    for (;;) {
        pid_t got = waitpid(pid, &status, *ret_is_late ? 0 : WNOHANG);
        if (got == pid)
            return status;
        if (got < 0 && errno != EINTR)
            return 0;
        if (system_monotonic_ms() >= deadline_ms && !*ret_is_late) {
            *ret_is_late = true;
            kill(-pid, SIGKILL);
        } else if (!*ret_is_late) {
            poll(NULL, 0, (int)pause_ms);
            pause_ms = pause_ms < 16 ? pause_ms * 2 : 16;
        }
    }
}

int
process_capture(const char *path, char *const *argv, int64_t timeout_ms,
                struct strbuf *out, int *ret_exit_code, struct error *error)
{
    int fds[2];
    if (net_pipe(fds) != 0)
        return error_errno(error, errno, "a pipe for %s", path);
    struct spawn_options options = { .path = path,
                                     .argv = argv,
                                     .fds = { -1, fds[1], fds[1] },
                                     .n_fds = 3,
                                     .is_group_leader = true };
    int64_t pid = 0;
    int failed = process_spawn(&options, &pid);
    close(fds[1]);
    if (failed != 0) {
        close(fds[0]);
        return error_errno(error, failed, "%s", path);
    }
    int64_t deadline_ms = system_monotonic_ms() + timeout_ms;
    collect(fds[0], deadline_ms, out);
    close(fds[0]);
    bool is_late = false;
    int status = reap((pid_t)pid, deadline_ms, &is_late);
    if (is_late)
        return error_set(error, ERR_TIMEOUT, "%s %s: no answer within %lld ms",
                         path, argv[1] != NULL ? argv[1] : "",
                         (long long)timeout_ms);
    *ret_exit_code =
        WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return 0;
}

static bool
is_program(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
           access(path, X_OK) == 0;
}

int
process_find_program(const char *name, char *ret_path, int size)
{
    if (name[0] == '\0')
        return -1;
    if (strchr(name, '/') != NULL) {
        int n = snprintf(ret_path, (size_t)size, "%s", name);
        return n < size && is_program(ret_path) ? 0 : -1;
    }
    const char *path = getenv("PATH");
    struct str rest =
        str_from(path != NULL ? path : "/usr/local/bin:/usr/bin:/bin");
    while (rest.p != NULL) {
        struct str folder = str_split(&rest, ':');
        /* An empty entry would mean the current folder: not for us. */
        if (folder.n == 0 || folder.p[0] != '/')
            continue;
        int n =
            snprintf(ret_path, (size_t)size, "%.*s/%s", STR_ARG(folder), name);
        if (n < size && is_program(ret_path))
            return 0;
    }
    return -1;
}
