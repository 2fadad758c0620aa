/* AMD's GPUs, apart for tests. */
#ifndef PLATFORM_GPU_INTERNAL_H
#define PLATFORM_GPU_INTERNAL_H

#include "platform/gpu.h"

/* AMD's driver writes sizes into sysfs (Linux, amdgpu: mem_info_vram_*).
 * `folder` is /sys/class/drm. Appends to the n that are there and returns how
 * many there are then. */
size_t gpu_list_drm(const char *folder, struct gpu_facts *gpus, size_t n);

/* The same with how busy they are: appends to the reading. sysfs:
 * gpu_busy_percent and hwmon's temp1_input and power1_average, as amdgpu
 * writes them. */
void gpu_read_drm(const char *folder, struct gpu_reading *reading);

/* Who has memory of them, each process once with the larger of two counts.
 *   kfd  ROCm's: `folder` is /sys/class/kfd/kfd/proc, with vram_GPU, bytes, in
 *        a folder for each process
 *   drm  Vulkan's and what else opens /dev/dri/: `folder` is /proc, of which
 *        the fdinfo of such descriptors is read (Linux, drm-usage-stats);
 *        those of other users' processes are not to be had */
void gpu_users_kfd(const char *folder, struct gpu_reading *reading);
void gpu_users_drm(const char *folder, struct gpu_reading *reading);

#endif
