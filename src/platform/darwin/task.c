/* One process by libproc: task_internal.h. */
#include "platform/darwin/task_internal.h"

#include <errno.h>
#include <libproc.h>
#include <mach/mach_time.h>

/* The kernel counts in ticks of mach_absolute_time(): nanoseconds on Intel, 41
 * and two thirds of them on Apple's own processors. */
static int64_t
ms_of(uint64_t ticks)
{
    mach_timebase_info_data_t base = { 0 };
    if (mach_timebase_info(&base) != KERN_SUCCESS || base.denom == 0)
        base = (mach_timebase_info_data_t){ .numer = 1, .denom = 1 };
    return (int64_t)((double)ticks * base.numer / base.denom / 1e6);
}

int
task_read(int64_t pid, struct task_facts *ret_facts)
{
    struct proc_taskinfo info;
    int n = proc_pidinfo((int)pid, PROC_PIDTASKINFO, 0, &info, sizeof info);
    if (n != (int)sizeof info) {
        errno = n < 0 && errno != 0 ? errno : ESRCH;
        return -1;
    }
    *ret_facts = (struct task_facts){
        .rss_bytes = (int64_t)info.pti_resident_size,
        .cpu_ms = ms_of(info.pti_total_user + info.pti_total_system),
        .n_threads = info.pti_threadnum,
    };
    return 0;
}
