/* Shared by the files of darwin/ only. */
#ifndef PLATFORM_DARWIN_TASK_INTERNAL_H
#define PLATFORM_DARWIN_TASK_INTERNAL_H

#include <stdint.h>

/* What libproc's PROC_PIDTASKINFO tells of one process. */
struct task_facts {
    int64_t rss_bytes;
    int64_t cpu_ms; /* user and system, since its start */
    int64_t n_threads;
};

/* 0, or -1 with errno: it has ended, or is another user's. */
int task_read(int64_t pid, struct task_facts *ret_facts);

#endif
