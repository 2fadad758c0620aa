/* Telling processes apart: see process.h. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/process.h"
#include "platform/process_internal.h"

bool
process_is_alive(int64_t pid, uint64_t start_ticks, const char *boot_id)
{
    char boot_now[BOOT_ID_BYTES];
    uint64_t ticks_now = 0;
    if (pid <= 0 || process_boot_id(boot_now) != 0 ||
        strcmp(boot_now, boot_id) != 0)
        return false;
    return process_start_ticks(pid, &ticks_now) == 0 &&
           ticks_now == start_ticks && process_is_zombie(pid) == 0;
}

int64_t
process_group_of(int64_t pid)
{
    return getpgid((pid_t)pid);
}

int
process_signal_group(int64_t pid, uint64_t start_ticks, const char *boot_id,
                     int signum)
{
    if (!process_is_alive(pid, start_ticks, boot_id) || pid == getpgrp()) {
        errno = ESRCH;
        return -1;
    }
    return process_kill_group(pid, start_ticks, signum);
}

int
process_reap(int64_t pid)
{
    pid_t got;
    do
        got = waitpid((pid_t)pid, NULL, WNOHANG);
    while (got < 0 && errno == EINTR);
    return got == 0 ? 0 : 1;
}
