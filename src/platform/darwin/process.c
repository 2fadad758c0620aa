/* Processes as libproc and sysctl tell of them. Written from Apple's
 * headers; not yet run on a Mac. */
#include "platform/process.h"

#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <malloc/malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/event.h>
#include <sys/sysctl.h>
#include <time.h>
#include <unistd.h>

#include "platform/darwin/task_internal.h"
#include "platform/process_internal.h"

static int
read_info(int64_t pid, struct proc_bsdinfo *ret)
{
    int n = proc_pidinfo((int)pid, PROC_PIDTBSDINFO, 0, ret, sizeof *ret);
    if (n == (int)sizeof *ret)
        return 0;
    errno = ESRCH;
    return -1;
}

int
process_start_ticks(int64_t pid, uint64_t *ret_ticks)
{
    struct proc_bsdinfo info;
    if (read_info(pid, &info) != 0)
        return -1;
    *ret_ticks = info.pbi_start_tvsec * 1000000 + info.pbi_start_tvusec;
    return 0;
}

int
process_is_zombie(int64_t pid)
{
    struct proc_bsdinfo info;
    return read_info(pid, &info) == 0 && info.pbi_status == SZOMB;
}

int
process_boot_id(char ret_id[BOOT_ID_BYTES])
{
    size_t n = BOOT_ID_BYTES;
    return sysctlbyname("kern.bootsessionuuid", ret_id, &n, NULL, 0);
}

int
process_kill_group(int64_t pid, uint64_t start_ticks, int signum)
{
    uint64_t ticks_now = 0;
    if (process_start_ticks(pid, &ticks_now) != 0 || ticks_now != start_ticks) {
        errno = ESRCH;
        return -1;
    }
    return kill((pid_t)-pid, signum);
}

/* This system has no signal at a parent's death: the end of the pipe on its
 * standard input is all that an engine gets. */
void
process_die_with_parent(int64_t parent)
{
    if (getppid() != parent)
        _exit(127);
}

void
process_adopt_orphans(void)
{
    /* There are no subreapers: orphans go to launchd, which reaps them. */
}

int
process_children(int64_t *ret_pids, int max)
{
    pid_t pids[256];
    int n_bytes =
        proc_listpids(PROC_PPID_ONLY, (uint32_t)getpid(), pids, sizeof pids);
    if (n_bytes < 0)
        return -1;
    int n = n_bytes / (int)sizeof pids[0];
    for (int i = 0; i < n && i < max; i++)
        ret_pids[i] = pids[i];
    return n < max ? n : max;
}

static void
add_process(int pid, struct group_stats *row)
{
    struct task_facts facts;
    if (task_read(pid, &facts) != 0)
        return;
    row->n_processes++;
    row->n_threads += facts.n_threads;
    row->rss_bytes += facts.rss_bytes;
    row->cpu_ms += facts.cpu_ms;
}

int
process_sample_groups(struct group_stats *rows, int n_rows)
{
    for (int i = 0; i < n_rows; i++) {
        pid_t pids[1024];
        rows[i] = (struct group_stats){ .group = rows[i].group };
        int n_bytes = proc_listpids(PROC_PGRP_ONLY, (uint32_t)rows[i].group,
                                    pids, sizeof pids);
        if (n_bytes < 0)
            return -1;
        for (size_t k = 0; k < (size_t)n_bytes / sizeof pids[0]; k++) {
            if (pids[k] != 0)
                add_process(pids[k], &rows[i]);
        }
    }
    return 0;
}

void
process_command(int64_t pid, char ret_command[COMMAND_BYTES])
{
    if (proc_name((int)pid, ret_command, COMMAND_BYTES) <= 0)
        ret_command[0] = '\0';
}

int
process_signal_fd(const int *signums, int n)
{
    int fd = kqueue();
    if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return -1;
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < n; i++) {
        struct kevent change;
        sigaddset(&set, signums[i]);
        EV_SET(&change, (uintptr_t)signums[i], EVFILT_SIGNAL, EV_ADD, 0, 0,
               NULL);
        if (kevent(fd, &change, 1, NULL, 0, NULL) != 0) {
            close(fd);
            return -1;
        }
    }
    return sigprocmask(SIG_BLOCK, &set, NULL) == 0 ? fd : -1;
}

int
process_signal_next(int fd)
{
    struct kevent event;
    struct timespec at_once = { 0, 0 };
    return kevent(fd, NULL, 0, &event, 1, &at_once) == 1 ? (int)event.ident : 0;
}

void
process_close_fds(int first)
{
    int n = getdtablesize();
    for (int fd = first; fd < n; fd++)
        close(fd);
}

void
process_trim_memory(void)
{
    /* The system takes clean pages back by itself when it needs them. */
}

void
process_trim_heap(void)
{
    malloc_zone_pressure_relief(NULL, 0);
}
