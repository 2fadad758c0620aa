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
 * writes them. It does not say who has memory. */
void gpu_read_drm(const char *folder, struct gpu_reading *reading);

#endif
