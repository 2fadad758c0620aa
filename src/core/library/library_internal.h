/* Shared by the files of library/ only. */
#ifndef CORE_LIBRARY_INTERNAL_H
#define CORE_LIBRARY_INTERNAL_H

#include <stdatomic.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "core/library/library.h"
#include "io/timer.h"
#include "io/watch.h"
#include "platform/folder.h"

enum {
    SCAN_DEPTH_MAX = 16,
    SCAN_ENTRIES_MAX = 1000000,
    SCAN_MODELS_MAX = 100000,
    SCAN_ROOTS_MAX = 128,
    SCAN_PROBLEM_BYTES = 256,
    HUB_NAME_BYTES = 200, /* the hub allows 96 for each of its two parts */
    HUB_REF_BYTES = 64,
    HUB_COMMIT_BYTES = 128,
    HUB_REFS_MAX = 16,
    ORIGINS_MAX = 16, /* that downloads add to one model */
};

/* ---- scan.c: what a walk found; blocking, any thread ---- */

struct scan_root {
    char *path;     /* as configured */
    char *resolved; /* without links; NULL: not there */
    enum model_source source;
    enum model_kind kind; /* as struct library_place's */
    bool is_optional;     /* that it is not there is no problem */
    bool is_archive;
    bool is_incomplete; /* out: something below could not be read */
};

struct found_file {
    char *path;      /* as struct model's */
    char *label;     /* what its name is made of, without the ending */
    char *projector; /* where its store tells it; or NULL */
    const struct scan_root *root;
    uint64_t device, inode;
    int64_t size_bytes;
    int64_t modified_at_ms;
    char sha256[65]; /* where the store's name for it is one; or "" */
    char repository[HUB_NAME_BYTES]; /* of the hub's cache, or "" */
    char revision[HUB_REF_BYTES];    /* "": the one in use */
    bool is_link;
    bool is_taken;  /* group.c: belongs to another one, or is none */
    bool is_folder; /* group.c: a config.json that stands for its folder */
    struct text_list other_paths, other_origins; /* of the same file */
};

/* What a file was when its head was read, and the sidecars. */
struct known_file {
    int64_t size_bytes, modified_at_ms, device, inode, sidecar_stamp;
};

struct found_model {
    struct model *model;
    bool is_known; /* not read: it is what it was */
};

struct scan {
    struct scan_root *roots; /* in, owned */
    size_t n_roots;
    char *archive_dir; /* resolved, or "" */
    struct map known;  /* in: path -> struct known_file, owned */
    struct found_file *files;
    size_t n_files;
    struct found_model *models; /* out: by path */
    size_t n_models;
    char **folders; /* out: that were looked through */
    size_t n_folders;
    size_t n_left_out;                /* unreadable, outside, or past a limit */
    char problem[SCAN_PROBLEM_BYTES]; /* the first reason, or "" */
    bool is_out_of_memory;
    /* Set by others while it runs. */
    _Atomic bool is_cancelled;
    _Atomic size_t n_found, n_to_read, n_read;
    void (*on_progress)(void *ctx); /* one thread; may be NULL */
    void *ctx;
};

void scan_run(struct scan *scan);
void scan_release(struct scan *scan);
void scan_leave_out(struct scan *scan, const char *what, const char *why);
/* Takes over nothing; 0, or -1 when out of memory. */
int scan_add_file(struct scan *scan, const struct found_file *file);
/* Notes a folder, to be watched. */
void scan_add_folder(struct scan *scan, const char *path);
bool path_is_below(const char *path, const char *folder);
bool path_is_printable(struct str text);

/* ---- group.c ---- */

/* Makes scan->models of scan->files. -1: out of memory. */
int scan_group(struct scan *scan);

/* ---- places.c ---- */

/* The repository that was looked at last, and its named revisions. */
struct hub_cache {
    char repo[LIMIT_PATH_BYTES];
    struct hub_ref {
        char name[HUB_REF_BYTES];
        char commit[HUB_COMMIT_BYTES];
    } refs[HUB_REFS_MAX];
    size_t n_refs;
    const struct hub_ref *main; /* or NULL */
};
/* Whether a file of the hub's cache is one to look at: any of the revision in
 * use, of others those that are models by themselves. What its name is made
 * of ("org/repo/file") goes to `ret_label`. */
bool hub_cache_takes(struct hub_cache *cache, const char *root,
                     const char *path, struct found_file *ret_file,
                     char *ret_label, size_t size);
/* The models of Ollama's manifests. */
void ollama_scan(struct scan *scan, struct scan_root *root);

/* ---- facts.c ---- */

/* Reads what the head, the sidecars and the name tell. Blocks. Failures are
 * the model's `error`; -1 only when out of memory. */
int facts_read(struct model *model);
/* heads.c: the same of the head alone. */
int heads_read_gguf(struct model *model);
int heads_read_safetensors(struct model *model); /* after the sidecar */
/* Of the first file of a folder's weights, for what its texts do not say.
 * `is_whole`: there is no other one. */
int heads_read_weights(struct model *model, const char *path, bool is_whole);
/* texts.c: of the texts in a folder; of the sidecars beside an image
 * program's file. */
int texts_read_folder(struct model *model);
int texts_read_sidecars(struct model *model);
/* What changes when one of them does; 0: there is none. */
int64_t texts_sidecar_stamp(const struct model *model);
/* Whether a config.json is a language model's. */
bool texts_config_is_model(const char *path);
/* Makes a failure the model's `error`; -1 when it is ours: out of memory. */
int facts_note_failure(struct model *model, const struct error *error);
/* What the folders of a path say: "loras" -> lora. */
enum model_kind facts_kind_of_folders(const char *path);

/* ---- origins.c ---- */

/* What the store that a file was found in calls it, if it calls it anything.
 * -1: out of memory. */
int origin_add(struct text_list *origins, const struct found_file *file);
/* Label and origins of a model, from where its file was found. -1: out of
 * memory. */
int origin_set(struct model *model, const struct found_file *file);
struct catalog;
/* By ORG/NAME[:VARIANT][@REVISION], or by the origin as it stands; or NULL.
 * Of several: the one in use, the variant that the hub would choose, the
 * latest. */
struct model *catalog_find_origin(const struct catalog *catalog,
                                  struct str name);

/* ---- identity.c ---- */

/* The record that each found model is, or NULL: a new one. `records` is
 * every known model, those that are gone too. 0, or -1: out of memory. */
int identity_match(const struct found_model *found, size_t n,
                   struct model *const *records, size_t n_records,
                   struct model **ret_matches);

/* ---- catalog.c: models and how to find them; no I/O ---- */

struct catalog {
    struct model **models; /* every place, by name; owned */
    size_t n;
    struct map by_id, by_name; /* of places */
    struct model **records;    /* copies.c: one of each group, by name */
    size_t n_records;
    struct model **by_digest; /* copies.c: by digest, then by id */
    size_t n_by_digest;
};

/* Takes the models over, in any order, and names them. -1 when out of
 * memory: then they are still the caller's. */
int catalog_init(struct catalog *catalog, struct model **models, size_t n);
void catalog_release(struct catalog *catalog);

/* ---- copies.c: places that hold the same bytes are one record ---- */

/* catalog_init() and catalog_release() call these. -1: out of memory. */
int copies_init(struct catalog *catalog);
void copies_release(struct catalog *catalog);
/* A digest became known. The record that had it before, or NULL. */
struct model *copies_note(struct catalog *catalog, struct model *model);
/* The record that has the bytes of this model, which may be gone; or NULL. */
struct model *catalog_same(const struct catalog *catalog,
                           const struct model *model);
/* The record that a place belongs to: itself when it is the only one. */
struct model *catalog_record(const struct catalog *catalog,
                             struct model *place);
/* The places of a record, itself first; NULL behind the last. */
const struct model *catalog_location(const struct catalog *catalog,
                                     const struct model *record, size_t i);
/* The record takes what the user said of the place, where it has nothing or
 * may have more. -1: out of memory, some of it may be taken. */
int copies_adopt(struct model *record, const struct model *place);

/* ---- the owner (library.c) and its changes (manage.c, hashes.c) ---- */

struct walk_job;
struct hash_job;

struct library {
    struct loop *loop;
    struct events *events;
    struct store *store;
    struct scan_root *roots; /* path, source, flags */
    size_t n_roots;
    char *archive_dir;
    bool has_hashes;
    int64_t rescan_s;
    uint64_t roots_version;
    size_t n_left_out; /* of the last scan, and why the first: told of once */
    char problem[SCAN_PROBLEM_BYTES];
    struct catalog catalog; /* of those that are there */
    struct list gone;       /* struct gone: records without a file */
    size_t n_gone;
    struct map legacy_ids; /* path -> id, owned: of earlier versions */
    struct walk_job *job;  /* while one runs */
    int64_t last_number;   /* of that, or of the last one */
    struct hash_job *hash; /* while one runs */
    struct map unhashable; /* ids whose file could not be read; until a scan */
    struct list waiters;   /* struct waiter: for the walk that runs */
    struct list asked;     /* for the one after it */
    struct list manage_jobs; /* struct manage_job */
    struct library_progress progress;
    struct timer rescan;
    struct timer trim;   /* some time after a walk */
    struct watch *watch; /* NULL: not watched */
};

struct gone {
    struct list node;
    struct model *model;
};

/* Something that the user should know and no caller can be told. */
void library_log_problem(struct library *library, const char *message);
/* The place with this id, to be changed; NULL when it is not there. */
struct model *library_get(struct library *library, const char *id);
/* Stores these and tells that the library has changed. */
void library_changed(struct library *library, const struct model *const *models,
                     size_t n);
/* Renames everything after a path changed. -1: out of memory, nothing done. */
int library_rename_all(struct library *library);
/* A place whose files were deleted goes; if others hold the same bytes, the
 * record lives on there. */
void library_forget(struct library *library, const char *id);

/* ---- roots.c ---- */

void roots_free(struct scan_root *roots, size_t n);
/* Makes scan->roots. -1: out of memory. */
int roots_copy(const struct library *library, struct scan *scan);

/* ---- takeover.c ---- */

/* Takes what was found; tells when it differs from what was known. */
void takeover_apply(struct library *library, struct scan *scan);
/* Takes the model over; -1: out of memory, it is still the caller's. */
int gone_add(struct library *library, struct model *model);
void gone_drop(struct library *library, struct gone *gone);

/* ---- walks.c ---- */

void walks_init(struct library *library);
/* Sets the time of the next walk that nobody asks for. */
void walks_arm(struct library *library);
void walks_detach(struct library *library); /* library_free */

/* ---- manage.c, hashes.c ---- */

void manage_detach(struct library *library); /* library_free */

/* Starts the next digest, if one is wanted and none is on its way. */
void hashes_next(struct library *library);
void hashes_detach(struct library *library); /* library_free */

#endif
