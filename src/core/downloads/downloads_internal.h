/* Shared by the files of core/downloads that know tasks:
 *
 *   downloads.c       the owner and the queue
 *   download.c        a task as a value
 *   download_state.c  its state, stored and published
 *   download_order.c  a plan becomes a task
 *   download_verbs.c  pausing, cancelling, forgetting, ...
 *   download_sweep.c  what is left of a cancelled one
 *   download_task.c   a task that runs
 *   download_place.c  where files go, the links of a cache
 *   download_json.c   a task as JSON: for the store, for people */
#ifndef CORE_DOWNLOADS_INTERNAL_H
#define CORE_DOWNLOADS_INTERNAL_H

#include "base/limits.h"
#include "core/digest/digest.h"
#include "core/downloads/downloads.h"
#include "core/downloads/transfer.h"
#include "io/bandwidth.h"
#include "io/timer.h"
#include "store/store.h"

enum {
    DOWNLOAD_FILES_MAX = 10000,
    DOWNLOAD_BODY_BYTES = 16 * 1024 * 1024,
    DOWNLOAD_HOURS_BYTES = 64
};

struct download_file {
    char *path;  /* in the repository */
    char *place; /* absolute: where it ends up */
    char *url;
    int64_t size_bytes;  /* announced, or of what came; -1: not known */
    uint64_t seen_bytes; /* what its origin says; 0: nothing yet */
    char sha256[SHA256_HEX_BYTES];
    char etag[128];
    bool is_optional; /* its failure does not matter: a preview */
    enum download_state state;
    uint64_t downloaded_bytes;
};

/* Somebody who is told when it is stored, or quiet. */
struct download_wait {
    struct list node;
    downloads_told_fn *on_done;
    void *ctx;
    bool is_new;
};

struct download {
    struct list node; /* of one of the owner's lists */
    struct list waits;
    struct downloads *all;
    char id[ID_BYTES];
    enum download_state state;
    int64_t priority;
    int64_t created_at_ms, started_at_ms;
    int64_t ended_at_ms; /* completed, failed or cancelled; else 0 */
    enum hub_source source;
    char *model_id, *revision, *ref, *variant, *display_name, *kind;
    char *target; /* folder */
    /* So many bytes of it and "/blobs" name the first folder that was made for
     * it; 0: none, or a folder of the user's, where such a one stays. */
    size_t made_bytes;
    char *sidecar;
    bool is_cache;   /* target is Hugging Face's cache folder of the model */
    bool is_renamed; /* the user named its file; known until it has a place */
    int64_t limit_bytes_per_s;
    char limit_hours[DOWNLOAD_HOURS_BYTES]; /* checked; "": always */
    struct download_file *files;
    size_t n_files;
    struct error error; /* of FAILED */

    /* while it runs */
    char *token;
    struct transfer *transfer;
    size_t at; /* the file that is transferred */
    struct bandwidth bandwidth;
    bool is_busy;               /* a job on a worker, or a transfer */
    enum download_state wanted; /* when it is quiet again */
    bool is_interrupted;        /* the daemon ends: the state stays */
    bool is_forgotten;          /* is freed when it is quiet */
    bool is_arriving;           /* all is in place; the library looks for it */
    double bytes_per_s;
    uint64_t measured_bytes;
    int64_t measured_at_ms;
    int64_t told_at_ms;
};

struct downloads {
    struct downloads_options options; /* texts are owned */
    char **roots;
    struct list tasks;
    size_t n;
    struct list adding;  /* on their way into the store */
    struct list leaving; /* forgotten, until nothing of them is left */
    struct bandwidth bandwidth;
    struct timer clock; /* hours of the limit; what waits for its turn */
    bool is_stopping;
    void (*on_stopped)(void *ctx);
    void *stopped_ctx;
};

/* ---- downloads.c ---- */

/* Starts what may start. */
void downloads_look(struct downloads *downloads);
/* Whether these hours, "" or a text that was checked, hold now. */
bool downloads_is_within(const char *hours);
/* The stored token of a hub, or "". */
const char *downloads_token(const struct downloads *downloads,
                            enum hub_source source);
struct download *downloads_get(const struct downloads *downloads,
                               struct str id); /* or NULL */

/* ---- download.c ---- */

struct download *download_new(struct downloads *downloads); /* or NULL */
void download_free(struct download *download);
char *download_text(const char *text); /* a copy; of NULL, of "" */
struct download *download_of_plan(struct downloads *downloads,
                                  const struct hub_plan *plan,
                                  const struct download_order *order,
                                  struct error *error);
/* As downloads_check_limit(), and then they are taken. */
int download_take_limit(struct download *download, int64_t bytes_per_s,
                        struct str hours, struct error *error);
/* For good: what has failed may still go on. */
bool download_has_ended(const struct download *download);
/* It is being cancelled, and nothing else can become of it. */
bool download_is_leaving(const struct download *download);
bool download_has_place(const struct download *download, const char *place);
bool download_shares_place(const struct download *a, const struct download *b);

/* ---- download_state.c ---- */

/* The one setter: checks the table, stores, publishes. */
void download_set_state(struct download *download, enum download_state state);
void download_store(struct download *download);
void download_store_then(const struct download *download,
                         store_done_fn *on_done, void *ctx);
/* Nothing of it runs any more; whoever waits for that is told. */
void download_end(struct download *download, enum download_state state);
int download_add_wait(struct download *download, downloads_told_fn *on_done,
                      void *ctx, bool is_new, struct error *error);
/* `error`: there is no such task. */
void download_tell_waits(struct download *download, const struct error *error);
/* To the queue, with a token that was set since. */
void download_queue_again(struct download *download);

/* ---- download_sweep.c ---- */

/* Removes what there is of it; then it is cancelled. */
void download_sweep(struct download *download);
/* From now on nobody else begins on its files; then it is swept. */
void download_leave(struct download *download);

/* ---- download_task.c ---- */

void download_run(struct download *download);
/* How fast it may be just now. */
void download_apply_limit(struct download *download);
/* Stops it; then it is in `wanted`. */
void download_halt(struct download *download, enum download_state wanted);

/* ---- download_place.c ---- */

/* Fills target, is_cache and each file's place. */
int download_place(const struct downloads *downloads, struct download *download,
                   struct str target, struct error *error);
/* After a file has come: the cache's links, the sidecar. Blocks: workers. */
int download_settle(const struct download *download, size_t file,
                    struct error *error);

/* ---- download_json.c ---- */

void download_write_body(const struct download *download,
                         struct json_writer *out);
int download_read_body(struct download *download, struct str body,
                       struct error *error);

#endif
