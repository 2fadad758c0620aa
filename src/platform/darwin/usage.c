/* Readings from the Mach kernel, sysctl(3) and route(4): usage.h. */
#include "platform/usage.h"

#include <errno.h>
#include <mach/mach.h>
#include <net/if.h>
#include <net/route.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <unistd.h>

#include "platform/darwin/task_internal.h"
#include "platform/usage_internal.h"

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

/* The kernel's list of interfaces, with counters of 64 bits: getifaddrs(3) has
 * 32, which wrap at 4 GiB. To free(); NULL with errno. */
static char *
list_interfaces(size_t *ret_n)
{
    enum { TRIES = 4 };
    int what[] = { CTL_NET, PF_ROUTE, 0, 0, NET_RT_IFLIST2, 0 };
    for (int i = 0; i < TRIES; i++) {
        size_t n = 0;
        if (sysctl(what, 6, NULL, &n, NULL, 0) != 0)
            return NULL;
        char *list = malloc(n + 1);
        if (list == NULL)
            return NULL;
        if (sysctl(what, 6, list, &n, NULL, 0) == 0) {
            *ret_n = n;
            return list;
        }
        int errnum = errno;
        free(list);
        errno = errnum;
        if (errnum != ENOMEM)
            return NULL; /* else it has grown meanwhile */
    }
    return NULL;
}

int
usage_network(struct network_usage *ret_usage, struct error *error)
{
    size_t n = 0;
    char *list = list_interfaces(&n);
    *ret_usage = (struct network_usage){ .received_bytes = 0 };
    if (list == NULL)
        return error_errno(error, errno, "the list of interfaces");
    struct if_msghdr head;
    for (size_t at = 0; at + sizeof head <= n; at += head.ifm_msglen) {
        struct if_msghdr2 one;
        memcpy(&head, list + at, sizeof head);
        if (head.ifm_msglen == 0)
            break;
        if (head.ifm_type != RTM_IFINFO2 || at + sizeof one > n)
            continue;
        memcpy(&one, list + at, sizeof one);
        if ((one.ifm_flags & IFF_LOOPBACK) != 0)
            continue;
        ret_usage->received_bytes += (int64_t)one.ifm_data.ifi_ibytes;
        ret_usage->sent_bytes += (int64_t)one.ifm_data.ifi_obytes;
    }
    free(list);
    return 0;
}

int
usage_own(struct own_usage *ret_usage, struct error *error)
{
    struct task_facts facts;
    if (task_read(getpid(), &facts) != 0)
        return error_errno(error, errno, "our own use");
    *ret_usage = (struct own_usage){ .rss_bytes = facts.rss_bytes,
                                     .cpu_ms = facts.cpu_ms,
                                     .n_threads = facts.n_threads };
    return 0;
}

/* statvfs(3) has 32 bits for the number of blocks: 16 TiB of them. */
int
usage_disk_blocks(const char *path, struct disk_blocks *ret_blocks)
{
    struct statfs facts;
    if (statfs(path, &facts) != 0)
        return -1;
    *ret_blocks = (struct disk_blocks){ .n = facts.f_blocks,
                                        .n_free = facts.f_bavail,
                                        .bytes = facts.f_bsize };
    return 0;
}
