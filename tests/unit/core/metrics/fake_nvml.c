/* In the place of NVIDIA's management library: two GPUs, the second of which
 * tells little. Names, numbers and structs are those of nvml.h. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7 };

struct memory {
    unsigned long long total, free, used;
};
struct utilization {
    unsigned gpu, memory;
};
struct process {
    unsigned pid;
    unsigned long long used;
    unsigned gpu_instance, compute_instance;
};

int nvmlInit_v2(void);
int nvmlShutdown(void);
int nvmlDeviceGetCount_v2(unsigned *ret);
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret);
int nvmlDeviceGetName(void *device, char *ret, unsigned size);
int nvmlDeviceGetMemoryInfo(void *device, struct memory *ret);
int nvmlDeviceGetUtilizationRates(void *device, struct utilization *ret);
int nvmlDeviceGetTemperature(void *device, unsigned sensor, unsigned *ret);
int nvmlDeviceGetPowerUsage(void *device, unsigned *ret);
int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *n,
                                            struct process *ret);

static const char devices[2] = { 0 };

static int
is_second(const void *device)
{
    return device == &devices[1];
}

int
nvmlInit_v2(void)
{
    return OK;
}

int
nvmlShutdown(void)
{
    return OK;
}

int
nvmlDeviceGetCount_v2(unsigned *ret)
{
    *ret = 2;
    return OK;
}

int
nvmlDeviceGetHandleByIndex_v2(unsigned index, void **ret)
{
    const void *device = &devices[index];
    memcpy(ret, &device, sizeof device);
    return OK;
}

int
nvmlDeviceGetName(void *device, char *ret, unsigned size)
{
    snprintf(ret, size, "Test GPU %c", is_second(device) ? 'B' : 'A');
    return OK;
}

int
nvmlDeviceGetMemoryInfo(void *device, struct memory *ret)
{
    *ret = is_second(device) ? (struct memory){ 2000, 2000, 0 }
                             : (struct memory){ 8000, 5000, 3000 };
    return OK;
}

int
nvmlDeviceGetUtilizationRates(void *device, struct utilization *ret)
{
    ret->gpu = 37;
    ret->memory = 99;
    return is_second(device) ? NOT_SUPPORTED : OK;
}

int
nvmlDeviceGetTemperature(void *device, unsigned sensor, unsigned *ret)
{
    *ret = 61;
    return is_second(device) || sensor != 0 ? NOT_SUPPORTED : OK;
}

int
nvmlDeviceGetPowerUsage(void *device, unsigned *ret)
{
    *ret = 215500;
    return is_second(device) ? NOT_SUPPORTED : OK;
}

int
nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *n,
                                        struct process *ret)
{
    const struct process all[] = {
        { .pid = (unsigned)getpid(), .used = is_second(device) ? 20 : 1000 },
        { .pid = (unsigned)getpid(), .used = ~0ULL }, /* not told */
        { .pid = 0x7ffffff0, .used = 5 },             /* has ended */
    };
    if (*n < 3)
        return INSUFFICIENT_SIZE;
    memcpy(ret, all, sizeof all);
    *n = 3;
    return OK;
}
