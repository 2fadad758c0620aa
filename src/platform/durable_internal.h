/* Files on disk for good: what is called otherwise by each system. Shared by
 * the files of platform/ only. */
#ifndef PLATFORM_DURABLE_INTERNAL_H
#define PLATFORM_DURABLE_INTERNAL_H

#include <stdint.h>

/* Brings a file or a folder to the disk itself, not only to its cache. 0, or
 * -1 with errno. */
int durable_sync(int fd);

/* Takes the room for the first `size_bytes` of a file; whether its size grows
 * by it is open. 0, also where the file system cannot do so, or -1 with
 * errno. */
int durable_reserve(int fd, uint64_t size_bytes);

#endif
