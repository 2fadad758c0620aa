/* The library: the model files that are already on this machine.
 *
 * Every *.gguf under the model folders is a model, named by its stem; the
 * folders are walked on a worker thread. Not models are: hidden names, files
 * that are still downloaded (*.part), the later parts of a split model (the
 * engine finds them by the first), a second name of the same file, and links
 * that lead out of the model folders. An id is minted once and kept by path
 * over rescans and restarts; what was known at the last end is there right
 * after library_new(), if its file still is. Loop thread only. */
#ifndef CORE_LIBRARY_H
#define CORE_LIBRARY_H

#include "base/id.h"
#include "core/events/events.h"

struct library;
struct store;

struct model {
    char id[ID_BYTES];
    char *name; /* the stem; made unique by its folder when it is not */
    char *path; /* absolute; no link in its folders. The file itself
                      * may be one: engines read the name, too */
    int64_t size_bytes;
    int64_t modified_at_ms;
};

struct library_options {
    struct loop *loop;
    struct events *events;
    struct store *store;
    const struct str *roots; /* absolute folders */
    size_t n_roots;
};

int library_new(const struct library_options *options,
                struct library **ret_library, struct error *error);
void library_free(struct library *library);

/* New folders (copied); does not scan. */
int library_set_roots(struct library *library, const struct str *roots,
                      size_t n, struct error *error);
/* Walks the folders on a worker, then publishes EVENT_LIBRARY_CHANGED if
 * anything differs and calls back. A second scan while one runs joins it. */
void library_scan(struct library *library, void (*on_done)(void *ctx),
                  void *ctx);

size_t library_count(const struct library *library);
const struct model *library_at(const struct library *library, size_t i);
const struct model *library_find(const struct library *library,
                                 struct str id_or_name);
/* Where a path, symlinks resolved, lies. Reads the file system (one realpath
 * for it and for each root). */
enum library_place { LIBRARY_INSIDE, LIBRARY_OUTSIDE, LIBRARY_MISSING };
enum library_place library_locate(const struct library *library,
                                  const char *path);
/* True when the path, symlinks resolved, is there and no regular file. */
bool library_is_folder(const char *path);
/* True when it is inside a root. */
bool library_holds(const struct library *library, const char *path);

#endif
