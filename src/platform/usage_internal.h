/* Between posix/ and the folders of the systems. */
#ifndef PLATFORM_USAGE_INTERNAL_H
#define PLATFORM_USAGE_INTERNAL_H

#include "platform/usage.h"

struct disk_blocks {
    uint64_t n;
    uint64_t n_free; /* for this user */
    uint64_t bytes;  /* of each */
};
/* Of the disk that holds `path`, which is there: 0, or -1 with errno. */
int usage_disk_blocks(const char *path, struct disk_blocks *ret_blocks);

#endif
