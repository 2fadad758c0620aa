/* Between posix/ and the folders of the systems. */
#ifndef PLATFORM_USAGE_INTERNAL_H
#define PLATFORM_USAGE_INTERNAL_H

#include "platform/usage.h"

/* Of the disk that holds `path`, which is there: 0, or -1 with errno. */
int usage_disk_at(const char *path, struct disk_usage *ret_usage);

#endif
