/* What this system calls the times of a file. */
#include "platform/stat_times_internal.h"

void
stat_times(const struct stat *facts, struct timespec ret_times[2])
{
    ret_times[0] = facts->st_atimespec;
    ret_times[1] = facts->st_mtimespec;
}
