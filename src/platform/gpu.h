/* Graphics processors. Any thread; may load a library and ask a driver, so not
 * the loop's. */
#ifndef PLATFORM_GPU_H
#define PLATFORM_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { GPUS_MAX = 16, GPU_NAME_BYTES = 96 };

struct gpu_facts {
    char name[GPU_NAME_BYTES];
    int64_t total_bytes;
    int64_t free_bytes; /* -1: unknown */
};

/* How busy each is, and who has memory of it. */
struct gpu_use {
    struct gpu_facts facts;
    int busy_percent;  /* -1: unknown, as for each number here */
    int temperature_c; /* INT_MIN: unknown */
    int64_t power_mw;
};
struct gpu_user {
    int64_t pid;
    int64_t bytes; /* on one GPU; a process may have memory of several */
};
enum { GPU_USERS_MAX = 256 };
struct gpu_reading {
    struct gpu_use gpus[GPUS_MAX];
    size_t n_gpus;
    struct gpu_user users[GPU_USERS_MAX];
    size_t n_users;
    bool knows_users; /* else no driver told who has memory */
};
/* Also those that work in the machine's memory, where the system tells of
 * them. When there is no GPU, `error` says why none was found. */
void gpu_read(struct gpu_reading *ret_reading, struct error *error);

/* Those with memory of their own, up to GPUS_MAX: how many there are. When
 * there is none, `error` (which may be NULL) says why; that is no failure. */
size_t gpu_list(struct gpu_facts ret_gpus[GPUS_MAX], struct error *error);

#endif
