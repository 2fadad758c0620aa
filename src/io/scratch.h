/* A file without a name, for bytes that do not fit in memory: unlinked at
 * birth, so it is gone with its descriptor, whatever happens to us. Every
 * call blocks: on a worker only (scratch_close may be called anywhere). */
#ifndef IO_SCRATCH_H
#define IO_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

/* In the folder; the descriptor (0600, close-on-exec), or -1. */
int scratch_open(const char *dir);
/* All of the bytes at that offset: 0, or -1. */
int scratch_write(int fd, uint64_t at, const char *bytes, size_t n);
/* At most n bytes from that offset: how many, 0 at the end, or -1. */
ptrdiff_t scratch_read(int fd, uint64_t at, char *bytes, size_t n);
void scratch_close(int fd);

#endif
