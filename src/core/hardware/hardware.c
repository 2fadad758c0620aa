/* Readings of the machine, with what is unknown said so: hardware.h. */
#include "core/hardware/hardware.h"

#include <stdio.h>

#include "platform/gpu.h"
#include "platform/hardware.h"
#include "platform/system.h"

void
hardware_read_facts(struct hardware_facts *ret_facts)
{
    *ret_facts = (struct hardware_facts){
        .pid = hardware_own_pid(),
        .processors = system_processors(),
        .memory_bytes = system_memory_bytes(),
    };
    if (system_host_name(ret_facts->host_name, sizeof ret_facts->host_name) < 0)
        ret_facts->host_name[0] = '\0';
    if (hardware_system_name(ret_facts->system_name, NULL) < 0)
        ret_facts->system_name[0] = '\0';
    if (hardware_processor_name(ret_facts->processor_name, NULL) < 0)
        ret_facts->processor_name[0] = '\0';
}

void
hardware_read_use(struct hardware_use *ret_use)
{
    *ret_use = (struct hardware_use){
        .memory_total_bytes = system_memory_bytes(),
    };
    struct error *error = &ret_use->error;
    if (ret_use->memory_total_bytes < 0)
        error_set(error, ERR_IO, "the system does not say its memory");
    if (hardware_memory_available(&ret_use->memory_available_bytes, error) < 0)
        ret_use->memory_available_bytes = -1;
    if (hardware_own_rss(&ret_use->own_rss_bytes, error) < 0)
        ret_use->own_rss_bytes = -1;
    if (hardware_load(&ret_use->load_1m, error) < 0)
        ret_use->load_1m = -1;
}

size_t
hardware_read_gpus(struct hardware_gpu ret_gpus[HARDWARE_GPUS_MAX],
                   struct error *why)
{
    struct gpu_facts gpus[GPUS_MAX];
    size_t n = gpu_list(gpus, why);
    _Static_assert((int)HARDWARE_GPUS_MAX == (int)GPUS_MAX,
                   "as many as there can be");
    for (size_t i = 0; i < n; i++) {
        ret_gpus[i].memory_total_bytes = gpus[i].total_bytes;
        ret_gpus[i].memory_free_bytes = gpus[i].free_bytes;
        snprintf(ret_gpus[i].name, sizeof ret_gpus[i].name, "%s", gpus[i].name);
    }
    return n;
}
