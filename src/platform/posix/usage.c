/* Readings that POSIX and its relatives have: usage.h. */
#include "platform/usage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "platform/usage_internal.h"

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
    int n = snprintf(at, sizeof at, "%s", folder);
    if (n < 0 || (size_t)n >= sizeof at)
        return error_errno(error, ENAMETOOLONG, "%.64s...", folder);
    while (usage_disk_at(at, ret_usage) != 0) {
        char *slash = strrchr(at, '/');
        if (errno != ENOENT || slash == NULL || at[1] == '\0')
            return error_errno(error, errno, "%s", at);
        slash[slash == at ? 1 : 0] = '\0';
    }
    return 0;
}
