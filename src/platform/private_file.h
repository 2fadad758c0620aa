/* Files that are nobody else's, and the lock that keeps a second process out
 * of them. Blocking; any thread. */
#ifndef PLATFORM_PRIVATE_FILE_H
#define PLATFORM_PRIVATE_FILE_H

#include "base/error.h"

/* Makes an empty file of mode 0600, durably, if there is none; else leaves it
 * alone, but for taking the group's and the others' rights away. */
int private_file_make(const char *path, struct error *error);

/* A lock on a file (flock): held until file_lock_release() or until the
 * process is gone, however it went. The file stays; while locked it holds
 * "<pid> <holder>\n". Children do not inherit it past exec. */
struct file_lock {
    int fd; /* -1: not held */
};

enum { FILE_LOCK_HOLDER_BYTES = 128 };

/* Takes the lock without waiting. 0; or 1 when another process (or another
 * struct of this one) has it: then `ret_holder` and `ret_pid` say who, as far
 * as known ("" and 0 else). -1 with `error` when the file cannot be used. */
int file_lock_take(struct file_lock *lock, const char *path, const char *holder,
                   char ret_holder[FILE_LOCK_HOLDER_BYTES], long *ret_pid,
                   struct error *error);
void file_lock_release(struct file_lock *lock); /* twice is once */

#endif
