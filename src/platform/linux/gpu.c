/* GPUs by sysfs and by NVML: gpu_internal.h. */
#include "platform/linux/gpu_internal.h"

#include <limits.h>
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

/* The card's number `name`, below `device`: 0, or -1. */
static int
read_card(const char *folder, int card, const char *name, int64_t *ret)
{
    char path[512];
    snprintf(path, sizeof path, "%s/card%d/device/%s", folder, card, name);
    return read_number(path, ret);
}

/* Each card has one folder of sensors, hwmon/hwmonN. */
static int
read_sensor(const char *folder, int card, const char *name, int64_t *ret)
{
    enum { SENSORS_MAX = 64 };
    char path[64];
    for (int i = 0; i < SENSORS_MAX; i++) {
        snprintf(path, sizeof path, "hwmon/hwmon%d/%s", i, name);
        if (read_card(folder, card, path, ret) == 0)
            return 0;
    }
    return -1;
}

/* False: there is no card with memory of its own at this number. */
static bool
read_card_facts(const char *folder, int card, struct gpu_facts *ret_facts)
{
    int64_t total = 0, used = 0;
    if (read_card(folder, card, "mem_info_vram_total", &total) < 0 ||
        total <= 0)
        return false;
    bool is_known = read_card(folder, card, "mem_info_vram_used", &used) == 0 &&
                    used >= 0 && used <= total;
    ret_facts->total_bytes = total;
    ret_facts->free_bytes = is_known ? total - used : -1;
    snprintf(ret_facts->name, sizeof ret_facts->name, "AMD GPU %d", card);
    return true;
}

enum { CARDS_MAX = 32 };

size_t
gpu_list_drm(const char *folder, struct gpu_facts *gpus, size_t n)
{
    for (int card = 0; card < CARDS_MAX && n < GPUS_MAX; card++)
        n += read_card_facts(folder, card, &gpus[n]);
    return n;
}

static void
read_card_use(const char *folder, int card, struct gpu_use *use)
{
    int64_t value = 0;
    use->busy_percent = -1;
    use->temperature_c = INT_MIN;
    use->power_mw = -1;
    if (read_card(folder, card, "gpu_busy_percent", &value) == 0 &&
        value >= 0 && value <= 100)
        use->busy_percent = (int)value;
    if (read_sensor(folder, card, "temp1_input", &value) == 0 &&
        value > -300000 && value < 300000)
        use->temperature_c = (int)(value / 1000);
    if (read_sensor(folder, card, "power1_average", &value) == 0 && value >= 0)
        use->power_mw = value / 1000;
}

void
gpu_read_drm(const char *folder, struct gpu_reading *reading)
{
    for (int card = 0; card < CARDS_MAX && reading->n_gpus < GPUS_MAX; card++) {
        struct gpu_use *use = &reading->gpus[reading->n_gpus];
        if (!read_card_facts(folder, card, &use->facts))
            continue;
        read_card_use(folder, card, use);
        reading->n_gpus++;
    }
}

/* ---- NVIDIA (nvml.h of the CUDA toolkit) ---- */

struct nvml_memory {
    unsigned long long total, free, used;
};

struct nvml_rates {
    unsigned gpu, memory; /* percent */
};

/* nvmlProcessInfo_t of version 2 and 3 */
struct nvml_process {
    unsigned pid;
    unsigned long long bytes; /* all ones: not told */
    unsigned instance, compute_instance;
};

enum { NVML_SENSOR_GPU = 0 };

struct nvml {
    int (*init)(void);
    int (*shutdown)(void);
    int (*count)(unsigned *ret);
    int (*handle)(unsigned index, void **ret);
    int (*name)(void *device, char *ret, unsigned size);
    int (*memory)(void *device, struct nvml_memory *ret);
    /* NULL where the library is too old. */
    int (*rates)(void *device, struct nvml_rates *ret);
    int (*temperature)(void *device, unsigned sensor, unsigned *ret_c);
    int (*power)(void *device, unsigned *ret_mw);
    int (*processes)(void *device, unsigned *n, struct nvml_process *ret);
    const char *(*words)(int rc);
};

static int
nvml_load(struct nvml *nvml, struct error *error)
{
    void *library;
    *nvml = (struct nvml){ .init = NULL };
    if (library_load("nvidia-ml", 1, &library, error) < 0)
        return -1;
    const struct {
        const char *name;
        void *function;
        bool can_lack;
    } rows[] = {
        { "nvmlInit_v2", &nvml->init, false },
        { "nvmlShutdown", &nvml->shutdown, false },
        { "nvmlDeviceGetCount_v2", &nvml->count, false },
        { "nvmlDeviceGetHandleByIndex_v2", &nvml->handle, false },
        { "nvmlDeviceGetName", &nvml->name, false },
        { "nvmlDeviceGetMemoryInfo", &nvml->memory, false },
        { "nvmlDeviceGetUtilizationRates", &nvml->rates, true },
        { "nvmlDeviceGetTemperature", &nvml->temperature, true },
        { "nvmlDeviceGetPowerUsage", &nvml->power, true },
        /* The same in both; drivers before 510 have only the first. */
        { "nvmlDeviceGetComputeRunningProcesses_v2", &nvml->processes, true },
        { "nvmlDeviceGetComputeRunningProcesses_v3", &nvml->processes, true },
        { "nvmlErrorString", &nvml->words, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (library_function(library, rows[i].name, rows[i].function,
                             rows[i].can_lack ? NULL : error) < 0 &&
            !rows[i].can_lack)
            return -1;
    return 0;
}

static bool
nvml_read_facts(const struct nvml *nvml, void *device, unsigned at,
                struct gpu_facts *ret_facts)
{
    struct nvml_memory memory;
    if (nvml->memory(device, &memory) != 0 || memory.total > INT64_MAX ||
        memory.free > memory.total)
        return false;
    if (nvml->name(device, ret_facts->name, GPU_NAME_BYTES) != 0)
        snprintf(ret_facts->name, GPU_NAME_BYTES, "NVIDIA GPU %u", at);
    ret_facts->total_bytes = (int64_t)memory.total;
    ret_facts->free_bytes = (int64_t)memory.free;
    return true;
}

static void
nvml_read_use(const struct nvml *nvml, void *device, struct gpu_use *use)
{
    struct nvml_rates rates;
    unsigned value = 0;
    use->busy_percent = -1;
    use->temperature_c = INT_MIN;
    use->power_mw = -1;
    if (nvml->rates != NULL && nvml->rates(device, &rates) == 0 &&
        rates.gpu <= 100)
        use->busy_percent = (int)rates.gpu;
    if (nvml->temperature != NULL &&
        nvml->temperature(device, NVML_SENSOR_GPU, &value) == 0 && value < 300)
        use->temperature_c = (int)value;
    if (nvml->power != NULL && nvml->power(device, &value) == 0)
        use->power_mw = value;
}

static void
nvml_read_users(const struct nvml *nvml, void *device,
                struct gpu_reading *reading)
{
    struct nvml_process found[64];
    unsigned n = sizeof found / sizeof found[0];
    if (nvml->processes == NULL || nvml->processes(device, &n, found) != 0 ||
        n > sizeof found / sizeof found[0])
        return;
    reading->knows_users = true;
    for (unsigned i = 0; i < n && reading->n_users < GPU_USERS_MAX; i++) {
        if (found[i].bytes > INT64_MAX)
            continue;
        reading->users[reading->n_users++] =
            (struct gpu_user){ .pid = found[i].pid,
                               .bytes = (int64_t)found[i].bytes };
    }
}

static void
nvml_read(const struct nvml *nvml, struct gpu_reading *reading)
{
    unsigned n_devices = 0;
    if (nvml->count(&n_devices) != 0)
        return;
    for (unsigned i = 0; i < n_devices && reading->n_gpus < GPUS_MAX; i++) {
        struct gpu_use *use = &reading->gpus[reading->n_gpus];
        void *device;
        if (nvml->handle(i, &device) != 0 ||
            !nvml_read_facts(nvml, device, i, &use->facts))
            continue;
        nvml_read_use(nvml, device, use);
        nvml_read_users(nvml, device, reading);
        reading->n_gpus++;
    }
}

static void
gpu_read_nvml(struct gpu_reading *reading, struct error *error)
{
    struct nvml nvml;
    size_t n = reading->n_gpus;
    if (nvml_load(&nvml, error) < 0)
        return;
    int rc = nvml.init();
    if (rc != 0) {
        error_set(error, ERR_IO, "NVML does not start: its error %d%s%s", rc,
                  nvml.words == NULL ? "" : ", ",
                  nvml.words == NULL ? "" : nvml.words(rc));
        return;
    }
    nvml_read(&nvml, reading);
    nvml.shutdown();
    if (reading->n_gpus == n)
        error_set(error, ERR_NOT_FOUND, "NVML knows no GPU");
}

/* NVIDIA's management library (NVML), where it is installed; appends. */
static size_t
gpu_list_nvml(struct gpu_facts *gpus, size_t n, struct error *error)
{
    struct gpu_reading reading = { .n_gpus = 0 };
    gpu_read_nvml(&reading, error);
    for (size_t i = 0; i < reading.n_gpus && n < GPUS_MAX; i++)
        gpus[n++] = reading.gpus[i].facts;
    return n;
}

void
gpu_read(struct gpu_reading *ret_reading, struct error *error)
{
    *ret_reading = (struct gpu_reading){ .n_gpus = 0 };
    gpu_read_drm("/sys/class/drm", ret_reading);
    if (ret_reading->n_gpus > 0) {
        gpu_users_kfd("/sys/class/kfd/kfd/proc", ret_reading);
        gpu_users_drm("/proc", ret_reading);
    }
    gpu_read_nvml(ret_reading, error);
}

size_t
gpu_list(struct gpu_facts ret_gpus[GPUS_MAX], struct error *error)
{
    size_t n = gpu_list_drm("/sys/class/drm", ret_gpus, 0);
    return gpu_list_nvml(ret_gpus, n, error);
}
