/* Readings from sysctl(3) and the Mach kernel. */
#include "platform/hardware.h"

#include <errno.h>
#include <mach/mach.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysctl.h>
#include <unistd.h>

int
hardware_memory_available(int64_t *ret_bytes, struct error *error)
{
    vm_statistics64_data_t pages;
    mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;
    vm_size_t page_bytes = 0;
    mach_port_t host = mach_host_self();
    if (host_page_size(host, &page_bytes) != KERN_SUCCESS ||
        host_statistics64(host, HOST_VM_INFO64, (host_info64_t)&pages, &n) !=
            KERN_SUCCESS)
        return error_set(error, ERR_IO, "the kernel does not say its memory");
    *ret_bytes = ((int64_t)pages.free_count + pages.inactive_count +
                  pages.purgeable_count) *
                 (int64_t)page_bytes;
    return 0;
}

static int
read_name(const char *key, char *ret_name, size_t size, struct error *error)
{
    if (sysctlbyname(key, ret_name, &size, NULL, 0) != 0)
        return error_errno(error, errno, "%s", key);
    return 0;
}

int
hardware_processor_name(char ret_name[HARDWARE_NAME_BYTES], struct error *error)
{
    return read_name("machdep.cpu.brand_string", ret_name, HARDWARE_NAME_BYTES,
                     error);
}

int
hardware_system_name(char ret_name[HARDWARE_NAME_BYTES], struct error *error)
{
    char version[64];
    if (read_name("kern.osproductversion", version, sizeof version, error) < 0)
        return -1;
    snprintf(ret_name, HARDWARE_NAME_BYTES, "macOS %s", version);
    return 0;
}

int
hardware_load(double *ret_load, struct error *error)
{
    if (getloadavg(ret_load, 1) == 1)
        return 0;
    return error_set(error, ERR_IO, "the system does not say its load");
}

int
hardware_own_rss(int64_t *ret_bytes, struct error *error)
{
    struct mach_task_basic_info info;
    mach_msg_type_number_t n = MACH_TASK_BASIC_INFO_COUNT;
    if (task_info(mach_task_self(), MACH_TASK_BASIC_INFO, (task_info_t)&info,
                  &n) != KERN_SUCCESS)
        return error_set(error, ERR_IO, "the kernel does not say our memory");
    *ret_bytes = (int64_t)info.resident_size;
    return 0;
}

int64_t
hardware_own_pid(void)
{
    return getpid();
}

bool
hardware_has_amx(void)
{
    return false;
}
