/* Looking through folders. Blocks: workers and start-up. */
#ifndef PLATFORM_FOLDER_H
#define PLATFORM_FOLDER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

/* A regular file that was found, or what a link to one leads to. */
struct folder_file {
    const char *path;       /* absolute; valid during the call */
    struct str name;        /* the last part of it */
    uint64_t device, inode; /* what tells two names of one file */
    int64_t size_bytes;
    int64_t modified_at_ms; /* Unix time */
    bool is_link;
};

struct folder_walk {
    /* Of names, ASCII case aside, NULL at the end: { ".gguf", NULL }. */
    const char *const *suffixes;
    int max_depth;      /* folders below the root; 0: none */
    size_t max_entries; /* names looked at in all */
    /* Called for each file; nonzero ends the walk. */
    int (*on_file)(void *ctx, const struct folder_file *file);
    /* Called for each folder before what is in it; may be NULL. */
    void (*on_folder)(void *ctx, const char *path);
    void *ctx;
    /* out */
    size_t n_entries;    /* names looked at so far */
    bool is_cut;         /* a limit left something out */
    size_t n_unreadable; /* folders that could not be read */
    struct error first_unreadable;
};

/* Walks a folder (an absolute path) and what is below it, in no order.
 * Follows links to files and folders, no folder twice. Hidden names (those
 * that begin with a dot) are passed over. Broken links are, too. 0, also when
 * a folder below could not be read; -1 with `error` when the root cannot be
 * read or there is no memory. The outcome is added to, so that one struct
 * serves several roots. */
int folder_walk(const char *root, struct folder_walk *walk,
                struct error *error);

/* The path without links, "." and "..": 0, or -1 with `error` when it does
 * not exist or does not fit. */
int folder_resolve(const char *path, char *ret_path, size_t size,
                   struct error *error);

/* Size and time of a regular file; -1 when there is none. */
int folder_file_facts(const char *path, int64_t *ret_size_bytes,
                      int64_t *ret_modified_at_ms);

/* What two names of one file have in common. */
struct folder_facts {
    uint64_t device, inode;
    int64_t size_bytes;
    int64_t modified_at_ms;
    bool is_folder;
};
/* Follows links. 0, or -1 with errno when there is nothing. */
int folder_facts(const char *path, struct folder_facts *ret_facts);

#endif
