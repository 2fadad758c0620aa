/* GPUs by sysfs and by NVML: gpu_internal.h. */
#include "platform/linux/gpu_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "platform/library.h"

/* ---- AMD ---- */

/* The one number of a file: 0, or -1. */
static int
read_number(const char *path, int64_t *ret)
{
    char line[32];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    size_t n = fread(line, 1, sizeof line, file);
    fclose(file);
    while (n > 0 && line[n - 1] == '\n')
        n--;
    return str_to_i64((struct str){ line, n }, ret);
}

size_t
gpu_list_drm(const char *folder, struct gpu_facts *gpus, size_t n)
{
    enum { CARDS_MAX = 32 };
    for (int card = 0; card < CARDS_MAX && n < GPUS_MAX; card++) {
        char path[512];
        int64_t total = 0, used = 0;
        snprintf(path, sizeof path, "%s/card%d/device/mem_info_vram_total",
                 folder, card);
        if (read_number(path, &total) < 0 || total <= 0)
            continue;
        snprintf(path, sizeof path, "%s/card%d/device/mem_info_vram_used",
                 folder, card);
        bool is_known =
            read_number(path, &used) == 0 && used >= 0 && used <= total;
        gpus[n].total_bytes = total;
        gpus[n].free_bytes = is_known ? total - used : -1;
        snprintf(gpus[n].name, sizeof gpus[n].name, "AMD GPU %d", card);
        n++;
    }
    return n;
}

/* ---- NVIDIA (nvml.h of the CUDA toolkit) ---- */

struct nvml_memory {
    unsigned long long total, free, used;
};

struct nvml {
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *ret);
    int (*handle)(unsigned index, void **ret);
    int (*name)(void *device, char *ret, unsigned size);
    int (*memory)(void *device, struct nvml_memory *ret);
};

static int
nvml_load(struct nvml *nvml, struct error *error)
{
    void *library;
    if (library_load("nvidia-ml", 1, &library, error) < 0)
        return -1;
    const struct {
        const char *name;
        void *function;
    } rows[] = {
        { "nvmlInit_v2", &nvml->init },
        { "nvmlShutdown", &nvml->shutdown },
        { "nvmlDeviceGetCount_v2", &nvml->count },
        { "nvmlDeviceGetHandleByIndex_v2", &nvml->handle },
        { "nvmlDeviceGetName", &nvml->name },
        { "nvmlDeviceGetMemoryInfo", &nvml->memory },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (library_function(library, rows[i].name, rows[i].function, error) <
            0)
            return -1;
    return 0;
}

static size_t
nvml_read(const struct nvml *nvml, struct gpu_facts *gpus, size_t n)
{
    unsigned n_devices = 0;
    if (nvml->count(&n_devices) != 0)
        return n;
    for (unsigned i = 0; i < n_devices && n < GPUS_MAX; i++) {
        struct nvml_memory memory;
        void *device;
        if (nvml->handle(i, &device) != 0 ||
            nvml->memory(device, &memory) != 0 || memory.total > INT64_MAX ||
            memory.free > memory.total)
            continue;
        if (nvml->name(device, gpus[n].name, GPU_NAME_BYTES) != 0)
            snprintf(gpus[n].name, GPU_NAME_BYTES, "NVIDIA GPU %u", i);
        gpus[n].total_bytes = (int64_t)memory.total;
        gpus[n].free_bytes = (int64_t)memory.free;
        n++;
    }
    return n;
}

/* NVIDIA's management library (NVML), where it is installed; appends. */
static size_t
gpu_list_nvml(struct gpu_facts *gpus, size_t n, struct error *error)
{
    struct nvml nvml;
    if (nvml_load(&nvml, error) < 0)
        return n;
    int rc = nvml.init();
    if (rc != 0) {
        error_set(error, ERR_IO, "NVML does not start: its error %d", rc);
        return n;
    }
    size_t n_all = nvml_read(&nvml, gpus, n);
    nvml.shutdown();
    if (n_all == n)
        error_set(error, ERR_NOT_FOUND, "NVML knows no GPU");
    return n_all;
}

size_t
gpu_list(struct gpu_facts ret_gpus[GPUS_MAX], struct error *error)
{
    size_t n = gpu_list_drm("/sys/class/drm", ret_gpus, 0);
    return gpu_list_nvml(ret_gpus, n, error);
}
