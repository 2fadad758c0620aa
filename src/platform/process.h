/* Processes: starting them, telling them apart, looking at their groups.
 *
 * A process is named by its pid, the system's measure of its start time and
 * the boot; a pid alone may be somebody else's by now. None of these
 * functions keeps state; all may be called from any thread. They report
 * through `struct error` or by a negative result with errno set. */
#ifndef PLATFORM_PROCESS_H
#define PLATFORM_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

enum {
    SPAWN_FDS_MAX = 8,
    BOOT_ID_BYTES = 40,
    COMMAND_BYTES = 256,
    SIGNUM_KILL = 9, /* SIGKILL, by POSIX (kill utility, XCU) */
};

struct spawn_options {
    const char *path;       /* of the program; not looked up on PATH */
    char *const *argv;      /* NULL-terminated */
    char *const *envp;      /* NULL: ours */
    int fds[SPAWN_FDS_MAX]; /* the child's fd i is our fds[i]; -1: the
                               * null device. All others are closed when
                               * they are O_CLOEXEC, as all of ours are */
    int n_fds;
    bool is_session_leader; /* setsid: own session and group */
    bool is_group_leader;   /* own process group in our session */
    bool dies_with_parent;  /* killed when we end, where the system can;
                               * forks, so for small callers only */
};

/* Starts a program with default signal dispositions and no blocked signal.
 * 0; or an errno value: nothing runs then (ENOENT, EACCES, ENOEXEC: what
 * exec said). The child is the caller's to reap. */
int process_spawn(const struct spawn_options *options, int64_t *ret_pid);

/* Takes the exit status off a child of ours, without waiting: 1 when it is
 * gone (or never was ours), 0 when it still runs. */
int process_reap(int64_t pid);

/* The system's measure of when the process started, in its own unit; only
 * good for comparing. -1 with errno ESRCH when there is no such process. */
int process_start_ticks(int64_t pid, uint64_t *ret_ticks);
/* An id of this boot of the machine. */
int process_boot_id(char ret_id[BOOT_ID_BYTES]);
/* True when that very process is alive (a zombie is not). */
bool process_is_alive(int64_t pid, uint64_t start_ticks, const char *boot_id);
/* Signals the process group led by that very process. 0, or -1 with errno
 * ESRCH when it is not that process any more: nothing is signalled then. */
int process_signal_group(int64_t pid, uint64_t start_ticks, const char *boot_id,
                         int signum);

/* Orphaned descendants of this process become its children, where the
 * system can (Linux). */
void process_adopt_orphans(void);
/* pids of our own children, at most `max`; the number, or -1 when the system
 * does not say. They are unreaped, so these pids are safe to signal. */
int process_children(int64_t *ret_pids, int max);

/* Resident memory, processor time and threads of process groups. */
struct group_stats {
    int64_t group;   /* in: its id, the leader's pid */
    int n_processes; /* out; 0: the group is gone */
    int64_t rss_bytes;
    int64_t cpu_ms; /* user and system, since their start */
    int64_t n_threads;
};

/* Fills the rows in one look over the system's processes. Blocks: call it on
 * a worker. 0, or -1 when the system does not say. */
int process_sample_groups(struct group_stats *rows, int n_rows);

/* The process group that a process is in, or -1. */
int64_t process_group_of(int64_t pid);

/* Command line of a process as one line of text ("" when unknown). */
void process_command(int64_t pid, char ret_command[COMMAND_BYTES]);

/* Runs a program with no input and collects what it writes to stdout and
 * stderr, at most the buffer's ceiling (the rest is thrown away). Blocks up
 * to `timeout_ms`, then kills its group: call it on a worker. 0 with its
 * exit code (128 + n for a signal), or -1 with `error`. */
int process_capture(const char *path, char *const *argv, int64_t timeout_ms,
                    struct strbuf *out, int *ret_exit_code,
                    struct error *error);

/* Absolute path of a program: itself when it holds a slash, else the first
 * match on PATH. 0, or -1 when there is none that may be executed. */
int process_find_program(const char *name, char *ret_path, int size);

/* Signals as a descriptor: blocks the signals in this thread and those it
 * makes later, and gives a non-blocking descriptor that polls as readable
 * while one of them waits. -1 with errno. */
int process_signal_fd(const int *signums, int n);
/* Takes the next one: its number, or 0 when none waits. */
int process_signal_next(int fd);

/* Closes every descriptor from `first` on. */
void process_close_fds(int first);
/* Gives back what a start has touched and a long quiet life does not need:
 * clean pages of files, which come back from the page cache when used. */
void process_trim_memory(void);
/* Gives back what was freed and is kept for the next allocation: after work
 * that took much at once. Takes a millisecond or so: workers. */
void process_trim_heap(void);

#endif
