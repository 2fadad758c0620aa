/* Processes as /proc tells of them (proc(5)). */
#include "platform/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "platform/process_internal.h"

/* What /proc/PID/stat says, as far as it is of use here. */
struct proc_stat {
    char state;
    int64_t group;
    int64_t cpu_ticks;
    int64_t n_threads;
    uint64_t start_ticks;
    int64_t rss_pages;
};

/* Reads a small file whole; the length, or -1 with errno. */
static ssize_t
read_small(const char *path, char *buffer, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t n = 0;
    ssize_t got = 0;
    while (n < size - 1 && (got = read(fd, buffer + n, size - 1 - n)) > 0)
        n += (size_t)got;
    int saved = errno;
    close(fd);
    errno = saved;
    buffer[n] = '\0';
    return got < 0 ? -1 : (ssize_t)n;
}

/* Field numbers are those of proc(5). The second one, the name, may hold
 * spaces and brackets: counting starts after the last bracket. */
static int
read_stat(int64_t pid, struct proc_stat *ret)
{
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    if (read_small(path, text, sizeof text) <= 0) {
        errno = ESRCH;
        return -1;
    }
    char *at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ') {
        errno = ESRCH;
        return -1;
    }
    struct str rest = str_from(at + 2);
    *ret = (struct proc_stat){ 0 };
    for (int field = 3; field <= 24 && rest.p != NULL; field++) {
        struct str word = str_split(&rest, ' ');
        int64_t number = 0;
        if (field == 3)
            ret->state = word.n > 0 ? word.p[0] : '?';
        else if (field == 22)
            (void)str_to_u64(word, &ret->start_ticks);
        else if (str_to_i64(word, &number) != 0)
            continue;
        if (field == 5)
            ret->group = number;
        else if (field == 14 || field == 15)
            ret->cpu_ticks += number;
        else if (field == 20)
            ret->n_threads = number;
        else if (field == 24)
            ret->rss_pages = number;
    }
    return 0;
}

int
process_start_ticks(int64_t pid, uint64_t *ret_ticks)
{
    struct proc_stat stat;
    if (read_stat(pid, &stat) != 0)
        return -1;
    *ret_ticks = stat.start_ticks;
    return 0;
}

int
process_is_zombie(int64_t pid)
{
    struct proc_stat stat;
    return read_stat(pid, &stat) == 0 &&
           (stat.state == 'Z' || stat.state == 'X');
}

int
process_boot_id(char ret_id[BOOT_ID_BYTES])
{
    char text[64];
    ssize_t n =
        read_small("/proc/sys/kernel/random/boot_id", text, sizeof text);
    if (n < 36)
        return -1;
    snprintf(ret_id, BOOT_ID_BYTES, "%.36s", text);
    return 0;
}

/* A pidfd holds on to the very process: once its start time is seen to be
 * right, the number cannot be given to another one while we look. */
int
process_kill_group(int64_t pid, uint64_t start_ticks, int signum)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0 && errno != ENOSYS && errno != EPERM)
        return -1;
    uint64_t ticks_now = 0;
    int failed = -1;
    if (process_start_ticks(pid, &ticks_now) == 0 && ticks_now == start_ticks)
        failed = kill((pid_t)-pid, signum);
    else
        errno = ESRCH;
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return failed;
}

void
process_die_with_parent(int64_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* It may have died before the call above. */
    if (getppid() != parent)
        _exit(127);
}

void
process_adopt_orphans(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int
process_children(int64_t *ret_pids, int max)
{
    char path[64];
    char text[4096];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    if (read_small(path, text, sizeof text) < 0)
        return -1;
    struct str rest = str_trim(str_from(text));
    int n = 0;
    while (rest.p != NULL && n < max) {
        int64_t pid = 0;
        if (str_to_i64(str_split(&rest, ' '), &pid) == 0)
            ret_pids[n++] = pid;
    }
    return n;
}

static void
add_process(int64_t pid, struct group_stats *rows, int n_rows)
{
    struct proc_stat stat;
    if (read_stat(pid, &stat) != 0 || stat.state == 'Z')
        return;
    for (int i = 0; i < n_rows; i++) {
        if (rows[i].group != stat.group)
            continue;
        rows[i].n_processes++;
        rows[i].n_threads += stat.n_threads;
        rows[i].rss_bytes += stat.rss_pages * sysconf(_SC_PAGESIZE);
        rows[i].cpu_ms += stat.cpu_ticks * 1000 / sysconf(_SC_CLK_TCK);
    }
}

int
process_sample_groups(struct group_stats *rows, int n_rows)
{
    for (int i = 0; i < n_rows; i++)
        rows[i] = (struct group_stats){ .group = rows[i].group };
    DIR *folder = opendir("/proc");
    if (folder == NULL)
        return -1;
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        int64_t pid = 0;
        if (str_to_i64(str_from(entry->d_name), &pid) == 0)
            add_process(pid, rows, n_rows);
    }
    closedir(folder);
    return 0;
}

void
process_command(int64_t pid, char ret_command[COMMAND_BYTES])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/cmdline", (long long)pid);
    ssize_t n = read_small(path, ret_command, COMMAND_BYTES);
    if (n <= 0) {
        snprintf(path, sizeof path, "/proc/%lld/comm", (long long)pid);
        n = read_small(path, ret_command, COMMAND_BYTES);
    }
    if (n < 0)
        n = 0;
    while (n > 0 && (ret_command[n - 1] == '\0' || ret_command[n - 1] == '\n'))
        n--;
    for (ssize_t i = 0; i < n; i++) {
        if ((unsigned char)ret_command[i] < ' ')
            ret_command[i] = ' ';
    }
    ret_command[n] = '\0';
}

int
process_signal_fd(const int *signums, int n)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < n; i++)
        sigaddset(&set, signums[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int
process_signal_next(int fd)
{
    struct signalfd_siginfo info;
    return read(fd, &info, sizeof info) == (ssize_t)sizeof info
               ? (int)info.ssi_signo
               : 0;
}

void
process_close_fds(int first)
{
    /* Not by the libc's wrapper: glibc has it only since 2.34. */
    if (syscall(SYS_close_range, (unsigned)first, ~0U, 0) == 0)
        return;
    long n = sysconf(_SC_OPEN_MAX);
    for (int fd = first; fd < (n > 0 && n < 65536 ? n : 65536); fd++)
        close(fd);
}

/* One mapping of /proc/self/smaps: a line "from-to access ... path", then
 * lines of facts. */
struct mapping {
    uintptr_t from;
    uintptr_t to;
    bool is_clean_file; /* of a file, and not writable */
};

static struct mapping
read_mapping(struct str line)
{
    char *end = NULL;
    struct mapping mapping = { .from = strtoul(line.p, &end, 16) };
    mapping.to = strtoul(end + 1, &end, 16);
    mapping.is_clean_file =
        *end == ' ' && end[2] != 'w' && str_find(line, '/') >= 0;
    return mapping;
}

static bool
is_header(struct str line)
{
    ptrdiff_t dash = str_find(line, '-');
    ptrdiff_t colon = str_find(line, ':');
    return dash > 0 && (colon < 0 || dash < colon);
}

/* Pages of files that nobody has written to: the next use reads them again
 * from the page cache. Relocated ones are not writable either, but count as
 * anonymous, and must stay. */
void
process_trim_memory(void)
{
    enum { SMAPS_BYTES = 256 * 1024 };
    struct mapping mapping = { 0 };
    char *text = malloc(SMAPS_BYTES);
    if (text == NULL ||
        read_small("/proc/self/smaps", text, SMAPS_BYTES) <= 0) {
        free(text);
        return;
    }
    struct str rest = str_from(text);
    while (rest.p != NULL) {
        struct str line = str_split(&rest, '\n');
        if (rest.p == NULL) /* cut off by the buffer, or empty */
            break;
        if (is_header(line))
            mapping = read_mapping(line);
        else if (mapping.is_clean_file &&
                 str_starts_with(line, STR("Anonymous:")) &&
                 strtoul(line.p + strlen("Anonymous:"), NULL, 10) == 0)
            madvise((void *)mapping.from, mapping.to - mapping.from,
                    MADV_DONTNEED);
    }
    free(text);
}

void
process_trim_heap(void)
{
    malloc_trim(0);
}
