/* Folders that are watched for names that come, go or change, by what the
 * system has for that (inotify, FSEvents): nothing is polled.
 *
 * A burst of changes is one call: QUIET_MS after the last of them, or
 * LATEST_MS after the first. Names of files that are only half there (hidden
 * ones, .part, .incomplete, ...) are no change. A system that watches no
 * more folders, or a network file system that tells nothing, is no error:
 * whoever needs to be sure looks for himself now and then. Loop thread
 * only. */
#ifndef IO_WATCH_H
#define IO_WATCH_H

#include <stddef.h>

#include "io/loop.h"

enum {
    WATCH_QUIET_MS = 500,
    WATCH_LATEST_MS = 10000,
    WATCH_FOLDERS_MAX = 8192,
};

struct watch;

/* NULL when out of memory. */
struct watch *watch_new(struct loop *loop, void (*on_change)(void *ctx),
                        void *ctx);
/* Watches exactly these folders from now on (paths are copied): returns how
 * many of them it does watch, and in `ret_n_new` (or NULL) how many of those
 * it did not before. */
size_t watch_set(struct watch *watch, char *const *folders, size_t n,
                 size_t *ret_n_new);
void watch_free(struct watch *watch); /* accepts NULL; no call after it */

#endif
