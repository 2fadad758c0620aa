/* Graphics processors with memory of their own. Any thread; may load a
 * library and ask a driver, so not the loop's. */
#ifndef PLATFORM_GPU_H
#define PLATFORM_GPU_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { GPUS_MAX = 16, GPU_NAME_BYTES = 96 };

struct gpu_facts {
    char name[GPU_NAME_BYTES];
    int64_t total_bytes;
    int64_t free_bytes; /* -1: unknown */
};

/* How many there are, up to GPUS_MAX. When there is none, `error` (which may
 * be NULL) says why none was found; that is no failure. */
size_t gpu_list(struct gpu_facts ret_gpus[GPUS_MAX], struct error *error);

#endif
