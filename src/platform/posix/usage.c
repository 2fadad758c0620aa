/* Readings that POSIX and its relatives have: usage.h. */
#include "platform/usage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/limits.h"

int
usage_load(double ret_load[3], struct error *error)
{
    if (getloadavg(ret_load, 3) == 3)
        return 0;
    return error_set(error, ERR_IO, "the system does not say its load");
}

int
usage_disk(const char *folder, struct disk_usage *ret_usage,
           struct error *error)
{
    char at[LIMIT_PATH_BYTES];
    struct statvfs facts;
    int n = snprintf(at, sizeof at, "%s", folder);
    if (n < 0 || (size_t)n >= sizeof at)
        return error_errno(error, ENAMETOOLONG, "%.64s...", folder);
    while (statvfs(at, &facts) != 0) {
        char *slash = strrchr(at, '/');
        if (errno != ENOENT || slash == NULL || slash == at)
            return error_errno(error, errno, "%s", at);
        *slash = '\0';
    }
    if (__builtin_mul_overflow(facts.f_blocks, facts.f_frsize,
                               &ret_usage->total_bytes) ||
        __builtin_mul_overflow(facts.f_bavail, facts.f_frsize,
                               &ret_usage->free_bytes))
        return error_set(error, ERR_IO, "%s: a disk of absurd size", at);
    return 0;
}
