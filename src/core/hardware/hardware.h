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

void hardware_read_facts(struct hardware_facts *ret_facts);
void hardware_read_use(struct hardware_use *ret_use);

#endif
