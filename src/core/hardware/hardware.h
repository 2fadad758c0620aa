/* This machine: what it is, and what is in use now. A reading that could not
 * be had is marked as unknown and says why; it is never 0. Loop thread. */
#ifndef CORE_HARDWARE_H
#define CORE_HARDWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hardware_facts {
    char host_name[256]; /* "" unknown, as for each text here */
    char system_name[128];
    char processor_name[128];
    int64_t pid;          /* of this process */
    int processors;       /* that the program may run on */
    int64_t memory_bytes; /* -1: unknown, as for each number below */
};

struct hardware_use {
    int64_t memory_total_bytes;
    int64_t memory_available_bytes;
    int64_t own_rss_bytes; /* of this process */
    double load_1m;        /* < 0: unknown */
    struct error error;    /* of the last reading that failed */
};

/* A GPU with memory of its own. */
enum { HARDWARE_GPUS_MAX = 16 };
struct hardware_gpu {
    char name[96];
    int64_t memory_total_bytes;
    int64_t memory_free_bytes;
};
/* How many there are. When there is none, `why` (which may be NULL) says why
 * none was found. Asks drivers: on a worker. */
size_t hardware_read_gpus(struct hardware_gpu ret_gpus[HARDWARE_GPUS_MAX],
                          struct error *why);

/* ---- what is in use, part by part ---- */

/* Each may be unknown for a reason of its own. */
enum hardware_part {
    HARDWARE_CPU,
    HARDWARE_LOAD,
    HARDWARE_MEMORY,
    HARDWARE_SWAP,
    HARDWARE_MODELS_DISK,
    HARDWARE_DATA_DISK,
    HARDWARE_NETWORK,
    HARDWARE_OWN, /* this process */
    HARDWARE_GPUS,
    HARDWARE_GPU_USERS, /* who has memory of a GPU */
    HARDWARE_PARTS
};
/* "cpu", "models_disk", ... */
const char *hardware_part_name(enum hardware_part part);

struct hardware_gpu_use {
    char name[96];
    int64_t memory_total_bytes;
    int64_t memory_used_bytes; /* -1: unknown, as for each number here */
    int busy_percent;
    int temperature_c; /* INT_MIN: unknown */
    int64_t power_mw;
};

/* Memory on GPUs of a process group. */
struct hardware_gpu_user {
    int64_t group;
    int64_t bytes;
};
enum { HARDWARE_GPU_USERS_MAX = 256 };

/* Counters count since some start; only their differences say something. */
struct hardware_sample {
    struct error why[HARDWARE_PARTS]; /* ERR_OK: the part is known */
    int64_t cpu_busy, cpu_total;      /* in the same unit */
    double load[3];                   /* over 1, 5 and 15 minutes */
    int64_t memory_total_bytes, memory_available_bytes;
    int64_t swap_total_bytes, swap_free_bytes;
    int64_t models_disk_total_bytes, models_disk_free_bytes;
    int64_t data_disk_total_bytes, data_disk_free_bytes;
    int64_t received_bytes, sent_bytes;
    int64_t own_rss_bytes, own_cpu_ms, own_threads;
    struct hardware_gpu_use gpus[HARDWARE_GPUS_MAX];
    size_t n_gpus;
    struct hardware_gpu_user gpu_users[HARDWARE_GPU_USERS_MAX];
    size_t n_gpu_users;
};
/* Asks disks and drivers: on a worker. */
void hardware_read_sample(const char *models_dir, const char *data_dir,
                          struct hardware_sample *ret_sample);

void hardware_read_facts(struct hardware_facts *ret_facts);
void hardware_read_use(struct hardware_use *ret_use);

#endif
