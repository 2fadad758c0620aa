/* Readings that POSIX and its relatives have: usage.h. */
#include "platform/usage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
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
    struct disk_blocks blocks;
    uint64_t total = 0, free = 0;
    int n = snprintf(at, sizeof at, "%s", folder);
    if (n < 0 || (size_t)n >= sizeof at)
        return error_errno(error, ENAMETOOLONG, "%.64s...", folder);
    while (usage_disk_blocks(at, &blocks) != 0) {
        char *slash = strrchr(at, '/');
        if (errno != ENOENT || slash == NULL || at[1] == '\0')
            return error_errno(error, errno, "%s", at);
        slash[slash == at ? 1 : 0] = '\0';
    }
    if (u64_mul_overflows(blocks.n, blocks.bytes, &total) ||
        u64_mul_overflows(blocks.n_free, blocks.bytes, &free) ||
        total > INT64_MAX || free > INT64_MAX)
        return error_set(error, ERR_IO, "%s: a disk of absurd size", at);
    *ret_usage = (struct disk_usage){ .total_bytes = (int64_t)total,
                                      .free_bytes = (int64_t)free };
    return 0;
}
