/* What this machine's parts do now: processors, memory, disks, networks, this
 * process. Each reading is one short look; any thread, but a disk may have to
 * be waited for, so not the loop's. 0, or -1 with `error` when the system does
 * not say. */
#ifndef PLATFORM_USAGE_H
#define PLATFORM_USAGE_H

#include <stdint.h>

#include "base/error.h"

/* Time of all processors together since the start of the system, in a unit of
 * the system's own: only differences of two readings say something. */
struct cpu_usage {
    int64_t busy;
    int64_t total;
};
int usage_cpu(struct cpu_usage *ret_usage, struct error *error);

/* Mean number of runnable threads over 1, 5 and 15 minutes. */
int usage_load(double ret_load[3], struct error *error);

struct memory_usage {
    int64_t total_bytes;
    int64_t available_bytes; /* that new work could get without swapping */
};
int usage_memory(struct memory_usage *ret_usage, struct error *error);

struct swap_usage {
    int64_t total_bytes; /* 0: there is none */
    int64_t free_bytes;
};
int usage_swap(struct swap_usage *ret_usage, struct error *error);

struct disk_usage {
    int64_t total_bytes;
    int64_t free_bytes; /* for this user */
};
/* Of the disk that the folder lies on, or will: one that does not exist yet
 * is looked for further up. */
int usage_disk(const char *folder, struct disk_usage *ret_usage,
               struct error *error);

/* Of all interfaces but loopback, since they came up. */
struct network_usage {
    int64_t received_bytes;
    int64_t sent_bytes;
};
int usage_network(struct network_usage *ret_usage, struct error *error);

/* Of this process: processor time since its start, threads now. */
struct own_usage {
    int64_t rss_bytes;
    int64_t cpu_ms;
    int64_t n_threads;
};
int usage_own(struct own_usage *ret_usage, struct error *error);

#endif
