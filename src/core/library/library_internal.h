/* Shared by the files of library/ only. */
#ifndef CORE_LIBRARY_INTERNAL_H
#define CORE_LIBRARY_INTERNAL_H

#include "base/limits.h"
#include "base/map.h"
#include "core/library/library.h"

enum {
    SCAN_DEPTH_MAX = 16,
    SCAN_ENTRIES_MAX = 1000000,
    SCAN_MODELS_MAX = 100000,
    SCAN_PROBLEM_BYTES = 256,
};

/* ---- scan.c: what a walk found; blocking, any thread ---- */

struct found_file {
    char *path; /* as struct model's */
    uint64_t device, inode;
    int64_t size_bytes;
    int64_t modified_at_ms;
    bool is_link;
};

struct scan {
    char **roots; /* in: absolute folders, owned */
    size_t n_roots;
    struct found_file *files; /* out: by path, each file once */
    size_t n_files;
    size_t n_left_out;                /* unreadable, outside, or past a limit */
    char problem[SCAN_PROBLEM_BYTES]; /* the first reason, or "" */
    bool is_out_of_memory;
};

void scan_run(struct scan *scan);
/* The same for paths that are known instead of for folders. */
void scan_known(struct scan *scan, char *const *paths, size_t n);
void scan_release(struct scan *scan);

/* ---- catalog.c: models and how to find them; no I/O ---- */

struct catalog {
    struct model *models; /* by name */
    size_t n;
    struct map by_id, by_name;
};

/* Makes the models of the files: names are unique. `id_of(ctx, path, id)`
 * gives each its id. 0, or -1 when out of memory (nothing is made). */
int catalog_init(struct catalog *catalog, const struct found_file *files,
                 size_t n,
                 int (*id_of)(void *ctx, const char *path, char *ret_id),
                 void *ctx);
void catalog_release(struct catalog *catalog);
bool catalog_equals(const struct catalog *a, const struct catalog *b);

#endif
