/* A file that is appended to and does not grow without end: PATH is the
 * newest, PATH.1 the one before, and so on, each up to a given size. What does
 * not fit into the newest begins the next one.
 *
 * Blocks, and belongs to one thread at a time. The files are the owner's alone
 * (0600); a link in the place of one is not followed. */
#ifndef PLATFORM_ROTATED_FILE_H
#define PLATFORM_ROTATED_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/strbuf.h"

enum { ROTATED_FILES_MAX = 30 };

struct rotated_file {
    char path[LIMIT_PATH_BYTES];
    uint64_t max_bytes; /* of each */
    int n_files;        /* 1..ROTATED_FILES_MAX, the newest counted */
    int fd;             /* -1: not open */
    uint64_t size_bytes;
};

/* Opens nothing yet. 0, or ENAMETOOLONG. */
int rotated_file_init(struct rotated_file *file, const char *path,
                      uint64_t max_bytes, int n_files);
void rotated_file_close(struct rotated_file *file); /* twice is once */
/* Other bounds from now on; files beyond the new number are removed. */
void rotated_file_limit(struct rotated_file *file, uint64_t max_bytes,
                        int n_files);
/* How many of the bytes were written; when not all were, errno says why. They
 * all go into one file. One that was removed or moved meanwhile is begun
 * anew. */
size_t rotated_file_add(struct rotated_file *file, struct str bytes);
/* Removes them all; how many there were. */
int rotated_file_clear(struct rotated_file *file);
/* Removes the i-th: whether there was one. */
bool rotated_file_remove(struct rotated_file *file, int i);

/* ---- for readers; any thread ---- */

/* 0, or -1 when there is no such file. */
int rotated_file_facts(const char *path, int i, int64_t *ret_size_bytes,
                       int64_t *ret_modified_at_ms);
/* Appends the last bytes of the i-th, at most `max_bytes`; `ret_is_cut`: there
 * are more before them. ERR_NOT_FOUND when there is none. */
int rotated_file_tail(const char *path, int i, size_t max_bytes,
                      struct strbuf *out, bool *ret_is_cut,
                      struct error *error);

#endif
