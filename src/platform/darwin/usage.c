/* Readings from the Mach kernel, sysctl(3) and getifaddrs(3): usage.h. */
#include "platform/usage.h"

#include <errno.h>
#include <ifaddrs.h>
#include <libproc.h>
#include <mach/mach.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/if_types.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <unistd.h>

int
usage_cpu(struct cpu_usage *ret_usage, struct error *error)
{
    host_cpu_load_info_data_t load;
    mach_msg_type_number_t n = HOST_CPU_LOAD_INFO_COUNT;
    if (host_statistics(mach_host_self(), HOST_CPU_LOAD_INFO,
                        (host_info_t)&load, &n) != KERN_SUCCESS)
        return error_set(error, ERR_IO, "the kernel does not say its load");
    *ret_usage = (struct cpu_usage){ .busy = 0 };
    for (int i = 0; i < CPU_STATE_MAX; i++)
        ret_usage->total += load.cpu_ticks[i];
    ret_usage->busy = ret_usage->total - load.cpu_ticks[CPU_STATE_IDLE];
    return 0;
}

int
usage_memory(struct memory_usage *ret_usage, struct error *error)
{
    vm_statistics64_data_t pages;
    mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;
    vm_size_t page_bytes = 0;
    size_t size = sizeof ret_usage->total_bytes;
    mach_port_t host = mach_host_self();
    if (sysctlbyname("hw.memsize", &ret_usage->total_bytes, &size, NULL, 0) !=
        0)
        return error_errno(error, errno, "hw.memsize");
    if (host_page_size(host, &page_bytes) != KERN_SUCCESS ||
        host_statistics64(host, HOST_VM_INFO64, (host_info64_t)&pages, &n) !=
            KERN_SUCCESS)
        return error_set(error, ERR_IO, "the kernel does not say its memory");
    ret_usage->available_bytes =
        ((int64_t)pages.free_count + pages.inactive_count +
         pages.purgeable_count) *
        (int64_t)page_bytes;
    return 0;
}

int
usage_swap(struct swap_usage *ret_usage, struct error *error)
{
    struct xsw_usage swap;
    size_t size = sizeof swap;
    if (sysctlbyname("vm.swapusage", &swap, &size, NULL, 0) != 0)
        return error_errno(error, errno, "vm.swapusage");
    ret_usage->total_bytes = (int64_t)swap.xsu_total;
    ret_usage->free_bytes = (int64_t)swap.xsu_avail;
    return 0;
}

int
usage_network(struct network_usage *ret_usage, struct error *error)
{
    struct ifaddrs *all;
    *ret_usage = (struct network_usage){ .received_bytes = 0 };
    if (getifaddrs(&all) != 0)
        return error_errno(error, errno, "getifaddrs");
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        const struct if_data *data = one->ifa_data;
        if (one->ifa_addr == NULL || one->ifa_addr->sa_family != AF_LINK ||
            data == NULL || data->ifi_type == IFT_LOOP)
            continue;
        ret_usage->received_bytes += data->ifi_ibytes;
        ret_usage->sent_bytes += data->ifi_obytes;
    }
    freeifaddrs(all);
    return 0;
}

int
usage_own(struct own_usage *ret_usage, struct error *error)
{
    struct proc_taskinfo info;
    if (proc_pidinfo(getpid(), PROC_PIDTASKINFO, 0, &info, sizeof info) !=
        (int)sizeof info)
        return error_set(error, ERR_IO, "the kernel does not say our memory");
    ret_usage->rss_bytes = (int64_t)info.pti_resident_size;
    ret_usage->cpu_ms =
        (int64_t)((info.pti_total_user + info.pti_total_system) / 1000000);
    ret_usage->n_threads = info.pti_threadnum;
    return 0;
}
