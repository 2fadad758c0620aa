/* The library: the model files that are already on this machine.
 *
 * Model folders and the stores of other programs are searched in place, on a
 * worker; nothing is copied or imported. A model is a *.gguf, *.safetensors,
 * *.ckpt, *.pt, *.pth (a *.bin only in a folder that says what it is) or a
 * folder of the transformers layout. Not models are: hidden names, files that
 * are still being downloaded, the later parts of a split model and the
 * projector of another one (they belong to it), a second name of the same
 * file, and links that lead out of the folders.
 *
 * A model is one record, whatever the number of places that hold its bytes:
 * copies are known by their digest, and become one record once that is
 * computed. The place that was known first stands for it; when its file goes,
 * the record lives on at the next one.
 *
 * An id is minted once. A file is known again by its path, by device and
 * inode (renamed, moved), by size and head (moved to another disk), or by a
 * digest. What was known at the last end is there right after library_new(),
 * without a look into any file, if it still exists. What lies below a folder
 * that cannot be read now stays known. Loop thread only.
 *
 *     scan.c      walking; each file once
 *     group.c     files -> models: parts, projectors, folders
 *     places.c    what is particular to the other programs' stores
 *     heads.c     what the head of a file tells
 *     texts.c     what JSON in or beside it tells
 *     facts.c     what a header, a sidecar or a name tells
 *     identity.c  found models -> known ones
 *     catalog.c   names, and finding by them
 *     copies.c    places with the same bytes: one record
 *     origins.c   where a model comes from, and finding it by that
 *     query.c     filter, sort, page
 *     manage.c    move, delete
 *     previews.c  the picture beside a model
 *     hashes.c    digests in the background
 *     roots.c     which folders
 *     walks.c     when they are searched
 *     takeover.c  what was found -> what is known
 *     library.c   the owner of all that */
#ifndef CORE_LIBRARY_H
#define CORE_LIBRARY_H

#include "core/events/events.h"
#include "records/model.h"

struct library;
struct store;

/* A store of another program; one that does not exist is no error. */
struct library_place {
    struct str path; /* absolute */
    enum model_source source;
    enum model_kind kind; /* what is in it, where no folder in it says more */
};

struct library_options {
    struct loop *loop;
    struct events *events;
    struct store *store;
    const struct str *roots; /* absolute folders */
    size_t n_roots;
    const struct library_place *places;
    size_t n_places;
    /* Where archived models go; "": the folder `archive` in each root. */
    struct str archive_dir;
    bool has_hashes;  /* digests are computed */
    bool is_watched;  /* looks again when something in a folder changes */
    int64_t rescan_s; /* and so often in any case; 0: never */
};

int library_new(const struct library_options *options,
                struct library **ret_library, struct error *error);
void library_free(struct library *library);

/* Other folders, places, archive, digests and interval (copied). Does not
 * scan: 1 when what is searched is not what it was, so that a scan is due,
 * else 0. */
int library_configure(struct library *library,
                      const struct library_options *options,
                      struct error *error);
/* Searches on a worker, then publishes EVENT_LIBRARY_CHANGED if anything
 * differs and calls back. Asked for while a search runs, one more follows it
 * (for all who ask meanwhile): whatever is there when a scan is asked for is
 * known when its call-back comes. Returns the number of the scan that will
 * know; numbers rise, over restarts, too. */
int64_t library_scan(struct library *library, void (*on_done)(void *ctx),
                     void *ctx);

/* How far the scan that runs is; else of the last one. */
struct library_progress {
    int64_t number; /* 0: there was none yet */
    bool is_running;
    size_t n_found; /* models */
    size_t n_read;  /* heads that were read */
    size_t n_to_read;
    size_t n_errors;        /* models that could not be read */
    int64_t finished_at_ms; /* 0: never */
};
void library_progress(const struct library *library,
                      struct library_progress *ret_progress);

/* The records of what is there, by name. */
size_t library_count(const struct library *library);
const struct model *library_at(const struct library *library, size_t i);
/* By id, by name, or by what it was pulled as: ORG/NAME[:VARIANT][@REVISION]
 * or a URL; any of these of any of its places. NULL: there is none. */
const struct model *library_find(const struct library *library,
                                 struct str id_or_name);
/* The model whose first file it is (or a further name or a copy of that), or
 * NULL. */
const struct model *library_find_path(const struct library *library,
                                      const char *path);
/* Notes what a model was downloaded by, where its store does not tell. */
void library_add_origin(struct library *library, const char *id,
                        struct str origin);

/* ---- places (copies.c) ---- */

/* The i-th place that holds the bytes of the model, the one that stands for
 * it first; NULL behind the last. A place is a struct model with an id of its
 * own: library_find() takes that for the whole model, library_delete() and
 * library_move() for the place. */
const struct model *library_location(const struct library *library,
                                     const struct model *model, size_t i);
size_t library_n_locations(const struct library *library,
                           const struct model *model);
/* Archived is what has no active place. */
enum model_category library_category(const struct library *library,
                                     const struct model *model);

/* ---- questions (query.c) ---- */

struct library_query {
    struct str text; /* words that name, title, path or tags contain */
    struct str architecture, quantization, tag; /* "": any */
    int kind, source, category;                 /* -1: any */
    int favourite;                              /* -1, 0, 1 */
    struct str sort;                            /* field name; "": name */
    bool is_descending;
};
enum { LIBRARY_SORT_KEYS = 8 };
extern const char *const library_sort_keys[]; /* NULL at the end */
/* The models that fit the question in its order: *ret_models is an array of
 * borrowed ones that the caller frees. -1: out of memory. */
int library_select(const struct library *library,
                   const struct library_query *query,
                   const struct model ***ret_models, size_t *ret_n);

/* ---- changes ---- */

/* NULL / -1: as it is. */
struct library_patch {
    const struct text_list *tags;
    const char *civitai_url; /* "": none; else civitai_page_read's */
    int is_favourite;
};
typedef void library_done_fn(void *ctx, const struct model *model,
                             const struct error *error);
/* Stored, then applied, published and told. -1 with `error`: not called. */
int library_update(struct library *library, const char *id,
                   const struct library_patch *patch, library_done_fn *on_done,
                   void *ctx, struct error *error);

/* What deleting or moving touches. */
struct library_files {
    char **paths; /* absolute */
    size_t n;
    int64_t size_bytes; /* that are freed */
};
typedef void library_files_fn(void *ctx, const struct library_files *files,
                              const struct error *error);
/* Deletes a place's files with its sidecars and second names, on a worker;
 * with `is_dry` it only says which. Of a folder all goes that is no other
 * model's; a blob of another program's store that something else refers to
 * stays. Callers make sure that no engine runs it. */
void library_delete(struct library *library, const char *id, bool is_dry,
                    library_files_fn *on_done, void *ctx);

/* What a move touched beside the model's files, as it was before; borrowed. */
struct library_moved {
    const char *old_path;
    struct text_list moved;    /* hard links in its folder: went along */
    struct text_list relinked; /* links, wherever: lead to the new path now */
    struct text_list left;     /* the rest: hard links that another folder or
                                * file system keeps, links that cannot be
                                * changed */
};
/* Moves a place with its sidecars to the archive or back. Its second names
 * must neither bring it back (a hard link is the file, and where it lies is
 * where the model is) nor lead nowhere (a link). ERR_CONFLICT when a path is
 * in the way; `model` is NULL then. */
typedef void library_moved_fn(void *ctx, const struct model *model,
                              const struct library_moved *moved,
                              const struct error *error);
void library_move(struct library *library, const char *id,
                  enum model_category category, library_moved_fn *on_done,
                  void *ctx);

/* ---- pictures (previews.c) ---- */

enum { LIBRARY_PREVIEW_BYTES = 16 << 20 };

/* Borrowed. */
struct library_preview {
    struct str bytes;
    const char *type;    /* formats/picture.h */
    const char *version; /* another one when the file is */
};
typedef void library_preview_fn(void *ctx,
                                const struct library_preview *preview,
                                const struct error *error);
/* Reads the picture that the record names, on a worker. Only what lies, links
 * resolved, in a folder that is searched. Errors: ERR_NOT_FOUND (none, gone,
 * or elsewhere), ERR_TOO_LARGE, ERR_UNSUPPORTED_MEDIA (no picture that is
 * shown), and the system's. `on_done` is called exactly once, perhaps in here,
 * or after library_free(). */
void library_preview(const struct library *library, const struct model *model,
                     library_preview_fn *on_done, void *ctx);

/* ---- paths ---- */

/* Where a path, symlinks resolved, lies. Reads the file system (one realpath
 * for it and for each root). */
enum library_place_of { LIBRARY_INSIDE, LIBRARY_OUTSIDE, LIBRARY_MISSING };
enum library_place_of library_locate(const struct library *library,
                                     const char *path);
/* True when the path, symlinks resolved, is there and no regular file. */
bool library_is_folder(const char *path);
/* True when it is inside a root. */
bool library_holds(const struct library *library, const char *path);

#endif
