/* The GPU of a Mac works in the machine's own memory. */
#include "platform/gpu.h"

void
gpu_read(struct gpu_reading *ret_reading, struct error *error)
{
    *ret_reading = (struct gpu_reading){ .n_gpus = 0 };
    error_set(error, ERR_NOT_FOUND, "the GPU uses the machine's memory");
}

size_t
gpu_list(struct gpu_facts ret_gpus[GPUS_MAX], struct error *error)
{
    (void)ret_gpus;
    error_set(error, ERR_NOT_FOUND, "the GPU uses the machine's memory");
    return 0;
}
