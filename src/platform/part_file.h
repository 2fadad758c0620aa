/* A file that is written piece by piece and appears under its name only when
 * it is whole. Blocks; a descriptor may be written from one thread and
 * brought to disk from another at the same time. */
#ifndef PLATFORM_PART_FILE_H
#define PLATFORM_PART_FILE_H

#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* Opens or makes `path` for reading and writing; never through a link. */
int part_file_open(const char *path, int *ret_fd, struct error *error);
void part_file_close(int fd); /* accepts -1 */
/* The room that it takes on disk already; 0 when it is not there. */
int64_t part_file_allocated(const char *path);
/* Takes the room on disk now: ERR_NO_SPACE when there is not enough. Nobody
 * else may write meanwhile. */
int part_file_reserve(int fd, uint64_t size_bytes, struct error *error);
/* Cuts to that size. */
int part_file_cut(int fd, uint64_t size_bytes, struct error *error);
int part_file_write(int fd, uint64_t offset, struct str bytes,
                    struct error *error);
/* How many bytes there were, at most n; 0 at the end; -1. */
int64_t part_file_read(int fd, uint64_t offset, void *ret_bytes, size_t n,
                       struct error *error);
int part_file_sync(int fd, struct error *error);
/* Gives the finished file (on disk already) its name, durably. Never
 * replaces: ERR_CONFLICT. */
int part_file_publish(const char *part, const char *path, struct error *error);

/* Removes a file; that it is not there is no error. */
int part_file_remove(const char *path, struct error *error);
/* A link at `path` that says `target`, in place of one that says otherwise.
 * ERR_CONFLICT when something else is there. */
int part_file_link(const char *target, const char *path, struct error *error);

#endif
