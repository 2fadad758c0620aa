/* Downloads: one queue of tasks, each a list of files.
 *
 * A plan of core/hub (what to fetch, with sizes and digests, of one version)
 * becomes a task; its files are transferred one after the other, each by
 * several connections (transfer.h). At most max_concurrent tasks run, those
 * of higher priority first, then the older. The row in the store is the truth:
 * a task has its id for ever, what was not finished goes on after a restart,
 * what has ended is the history. Tokens are never stored.
 *
 * Where files go: a folder that the order names, below the folders that
 * models may lie in; else, from Hugging Face, the hub's own cache layout, so
 * that its tools find them; else the download folder, from Civitai into a
 * folder by kind.
 *
 * Loop thread only. */
#ifndef CORE_DOWNLOADS_H
#define CORE_DOWNLOADS_H

#include "core/events/events.h"
#include "core/hub/hub.h"
#include "core/library/library.h"
#include "records/download.h"

struct downloads;
struct download;
struct store;

/* Texts are copied. */
struct downloads_options {
    struct loop *loop;
    struct events *events;
    struct store *store;
    struct fetcher *fetcher;
    struct library *library;  /* is told of new files */
    const char *cache_dir;    /* Hugging Face's hub cache; "": none */
    const char *download_dir; /* everything else */
    const struct str *roots;  /* folders that a target may be below */
    size_t n_roots;
    const char *huggingface_token; /* for tasks of an earlier run; "" */
    const char *civitai_token;
    int max_concurrent;
    int n_connections;
    int64_t limit_bytes_per_s; /* 0: none */
    const char *limit_hours;   /* "08:00-22:30", local; "": always */
    int64_t stall_ms;
    int64_t max_file_bytes; /* 0: no limit */
    int64_t headroom_bytes;
};

int downloads_new(const struct downloads_options *options,
                  struct downloads **ret_downloads, struct error *error);
int downloads_configure(struct downloads *downloads,
                        const struct downloads_options *options,
                        struct error *error);
/* Ends what runs, as if it were killed, but in order; then calls back. */
void downloads_stop(struct downloads *downloads, void (*on_done)(void *ctx),
                    void *ctx);
/* Nothing may run any more. Accepts NULL. */
void downloads_free(struct downloads *downloads);

struct download_order {
    struct str target; /* absolute folder, or "" */
    int64_t priority;
    int64_t limit_bytes_per_s; /* 0: none */
    struct str limit_hours;    /* "08:00-22:30", local; empty: always */
};

/* Where a plan's files would go: 0, or -1 with ERR_INVALID ("target"). */
int downloads_target(const struct downloads *downloads,
                     const struct hub_plan *plan,
                     const struct download_order *order,
                     struct strbuf *ret_target, struct error *error);

/* `download` is NULL when `error` is not. */
typedef void downloads_told_fn(void *ctx, const struct download *download,
                               bool is_new, const struct error *error);
/* A new task, or the one that is there for the same files of the same version
 * and has not ended (`is_new` false). Told when it is stored; -1 with `error`:
 * not called. */
int downloads_add(struct downloads *downloads, const struct hub_plan *plan,
                  const struct download_order *order,
                  downloads_told_fn *on_done, void *ctx, struct error *error);

/* Bytes of files that came since the start of this program. */
uint64_t downloads_received_bytes(struct downloads *downloads);
/* The newest for NULL, then older ones; NULL after the oldest. */
const struct download *downloads_next(const struct downloads *downloads,
                                      const struct download *after);
const struct download *downloads_find(const struct downloads *downloads,
                                      struct str id);

/* -1: ERR_NOT_FOUND, or ERR_CONFLICT when it cannot be done in its state; one
 * that is being cancelled cannot be made anything else. What runs takes a
 * moment to be paused or cancelled: downloads_await() tells when it is. */
int downloads_pause(struct downloads *downloads, struct str id,
                    struct error *error);
int downloads_resume(struct downloads *downloads, struct str id,
                     struct error *error);
int downloads_retry(struct downloads *downloads, struct str id,
                    struct error *error);
/* Also removes what there is of it. */
int downloads_cancel(struct downloads *downloads, struct str id,
                     struct error *error);
int downloads_set_priority(struct downloads *downloads, struct str id,
                           int64_t priority, struct error *error);
/* ERR_INVALID for what is no limit ("limit_bytes_per_s", "limit_hours"). */
int downloads_check_limit(int64_t bytes_per_s, struct str hours,
                          struct error *error);
/* The limit of this task alone, and its hours; it holds at once. */
int downloads_set_limit(struct downloads *downloads, struct str id,
                        int64_t bytes_per_s, struct str hours,
                        struct error *error);
/* Told once nothing that was asked of it is on its way, perhaps at once, with
 * `is_new` false; -1 with ERR_NOT_FOUND or ERR_NO_MEMORY: not called. */
int downloads_await(struct downloads *downloads, struct str id,
                    downloads_told_fn *on_done, void *ctx, struct error *error);
/* Out of the history, and the bus is told: only one that has ended. Its files
 * stay; what a failed one left goes. */
int downloads_forget(struct downloads *downloads, struct str id,
                     struct error *error);

/* ---- a task ---- */

const char *download_id(const struct download *download);
enum download_state download_state(const struct download *download);
int64_t download_limit(const struct download *download); /* 0: none */
struct str download_limit_hours(const struct download *download);
/* Whether words of a search are in its names. */
bool download_matches(const struct download *download, struct str text);
const char *download_kind(const struct download *download);
/* The plan again, for another download; NULL when out of memory. */
struct hub_plan *download_plan(const struct download *download);
/* The folder that another download of it is ordered into; "": the usual. */
struct str download_target(const struct download *download);
/* The record of the API. */
void download_write(const struct download *download, struct json_writer *out);

#endif
