/* One look at everything that is in use: hardware.h. */
#include <limits.h>
#include <stdio.h>

#include "base/checked.h"
#include "core/hardware/hardware.h"
#include "platform/gpu.h"
#include "platform/process.h"
#include "platform/usage.h"

static const char *const part_names[HARDWARE_PARTS] = {
    [HARDWARE_CPU] = "cpu",
    [HARDWARE_LOAD] = "load",
    [HARDWARE_MEMORY] = "memory",
    [HARDWARE_SWAP] = "swap",
    [HARDWARE_MODELS_DISK] = "models_disk",
    [HARDWARE_DATA_DISK] = "data_disk",
    [HARDWARE_NETWORK] = "network",
    [HARDWARE_OWN] = "hearth",
    [HARDWARE_GPUS] = "gpus",
    [HARDWARE_GPU_USERS] = "gpu_users",
};

const char *
hardware_part_name(enum hardware_part part)
{
    return part_names[part];
}

static void
read_machine(struct hardware_sample *ret)
{
    struct cpu_usage cpu = { 0 };
    struct memory_usage memory = { 0 };
    struct swap_usage swap = { 0 };
    struct network_usage network = { 0 };
    struct own_usage own = { 0 };
    (void)usage_cpu(&cpu, &ret->why[HARDWARE_CPU]);
    (void)usage_load(ret->load, &ret->why[HARDWARE_LOAD]);
    (void)usage_memory(&memory, &ret->why[HARDWARE_MEMORY]);
    (void)usage_swap(&swap, &ret->why[HARDWARE_SWAP]);
    (void)usage_network(&network, &ret->why[HARDWARE_NETWORK]);
    (void)usage_own(&own, &ret->why[HARDWARE_OWN]);
    ret->cpu_busy = cpu.busy;
    ret->cpu_total = cpu.total;
    ret->memory_total_bytes = memory.total_bytes;
    ret->memory_available_bytes = memory.available_bytes;
    ret->swap_total_bytes = swap.total_bytes;
    ret->swap_free_bytes = swap.free_bytes;
    ret->received_bytes = network.received_bytes;
    ret->sent_bytes = network.sent_bytes;
    ret->own_rss_bytes = own.rss_bytes;
    ret->own_cpu_ms = own.cpu_ms;
    ret->own_threads = own.n_threads;
}

static void
read_disks(const char *models_dir, const char *data_dir,
           struct hardware_sample *ret)
{
    struct disk_usage models = { 0 }, data = { 0 };
    (void)usage_disk(models_dir, &models, &ret->why[HARDWARE_MODELS_DISK]);
    (void)usage_disk(data_dir, &data, &ret->why[HARDWARE_DATA_DISK]);
    ret->models_disk_total_bytes = models.total_bytes;
    ret->models_disk_free_bytes = models.free_bytes;
    ret->data_disk_total_bytes = data.total_bytes;
    ret->data_disk_free_bytes = data.free_bytes;
}

static void
add_user(struct hardware_sample *ret, const struct gpu_user *user)
{
    int64_t group = process_group_of(user->pid);
    size_t i = 0;
    if (group < 0)
        return; /* has ended meanwhile */
    while (i < ret->n_gpu_users && ret->gpu_users[i].group != group)
        i++;
    if (i == HARDWARE_GPU_USERS_MAX)
        return;
    if (i == ret->n_gpu_users)
        ret->gpu_users[ret->n_gpu_users++] =
            (struct hardware_gpu_user){ .group = group };
    ret->gpu_users[i].bytes =
        i64_add_capped(ret->gpu_users[i].bytes, user->bytes);
}

static void
read_gpus(struct hardware_sample *ret)
{
    struct gpu_reading reading;
    struct error why = { .code = ERR_OK };
    _Static_assert((int)HARDWARE_GPUS_MAX == (int)GPUS_MAX &&
                       (int)HARDWARE_GPU_USERS_MAX == (int)GPU_USERS_MAX,
                   "as many as there can be");
    gpu_read(&reading, &why);
    for (size_t i = 0; i < reading.n_gpus; i++) {
        const struct gpu_use *use = &reading.gpus[i];
        struct hardware_gpu_use *to = &ret->gpus[ret->n_gpus++];
        snprintf(to->name, sizeof to->name, "%s", use->facts.name);
        to->memory_total_bytes = use->facts.total_bytes;
        to->memory_used_bytes =
            use->facts.free_bytes < 0
                ? -1
                : use->facts.total_bytes - use->facts.free_bytes;
        to->busy_percent = use->busy_percent;
        to->temperature_c = use->temperature_c;
        to->power_mw = use->power_mw;
    }
    for (size_t i = 0; i < reading.n_users; i++)
        add_user(ret, &reading.users[i]);
    if (reading.n_gpus == 0)
        ret->why[HARDWARE_GPUS] = ret->why[HARDWARE_GPU_USERS] = why;
    else if (!reading.knows_users)
        error_set(&ret->why[HARDWARE_GPU_USERS], ERR_IO,
                  "the driver does not tell who has memory");
}

void
hardware_read_sample(const char *models_dir, const char *data_dir,
                     struct hardware_sample *ret_sample)
{
    *ret_sample = (struct hardware_sample){ .n_gpus = 0 };
    read_machine(ret_sample);
    read_disks(models_dir, data_dir, ret_sample);
    read_gpus(ret_sample);
}
