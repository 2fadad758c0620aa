/* Files and folders. All of it blocks: workers, start-up, or the keeper. */
#ifndef PLATFORM_FILE_H
#define PLATFORM_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

/* Replaces the file so that a reader, or a crash at any instant, finds the
 * old or the new contents whole: temporary file beside it, fsync, rename,
 * fsync of the folder. */
int file_write_atomic(const char *path, struct str bytes, int mode,
                      struct error *error);
/* The same by a name of the caller's, who is the only one that uses it: what
 * a crash leaves there is written over the next time. */
int file_write_by(const char *temporary, const char *path, struct str bytes,
                  int mode, struct error *error);
/* Appends the whole file to `out`; more than its ceiling is an error. */
int file_read(const char *path, struct strbuf *out, struct error *error);
/* Reads up to `n` bytes at `offset`: how many there were (0: the end), or
 * -1. */
ptrdiff_t file_read_part(const char *path, uint64_t offset, void *ret_bytes,
                         size_t n, struct error *error);
/* Reads exactly `n` bytes at `offset`, or -1; a file that ends before is
 * ERR_INVALID. `path` is a char *: so it can be what a reader of formats/ asks
 * (struct byte_source). */
int file_read_exactly(void *path, uint64_t offset, void *ret_bytes, size_t n,
                      struct error *error);
/* What changes when a file is replaced or written to. 0, or -1 when it is
 * not there. One system call. */
struct file_stamp {
    int64_t size_bytes;
    int64_t modified_at_s;
    uint64_t inode; /* a replaced file has another one */
};
int file_stamp(const char *path, struct file_stamp *ret_stamp);
/* Makes the folder and those above it that are missing, with `mode`. */
int file_make_folders(const char *path, int mode, struct error *error);
/* The same; *ret_made is how many bytes of `path` name the first folder that
 * this call made, 0 when all were there. */
int file_make_folders_noting(const char *path, int mode, size_t *ret_made,
                             struct error *error);
/* Removes the folder and those above it as long as they are empty, up to the
 * one that the first `made` bytes of `path` name. True when `path` went. */
bool file_remove_empty_folders(const char *path, size_t made);

#endif
