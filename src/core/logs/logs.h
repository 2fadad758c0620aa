/* The program's own log: what modules publish as EVENT_LOG goes to up to four
 * places, each of which can be switched off:
 *
 *   standard error   one line each (formats/log_line.h)
 *   files            the same lines in <data_dir>/logs/hearth.log, .1, ...
 *   memory           the newest, for whoever follows or asks
 *   the store        the newest some thousand, over restarts
 *
 * Nothing here blocks the loop: standard error and the files have a thread
 * each, so that one that hangs does not hold up the other. Lines wait in
 * queues of bounded length; when nobody takes them, the oldest go, and a line
 * says how many went. A file that cannot be written to (the disk is full) is
 * told once, by an entry of its own, and tried again with every line.
 *
 *   logs.c    the entries' way to those places
 *   queue.c   lines on their way to a thread
 *   memory.c  the newest in memory
 *   find.c    questions, answered from memory and store
 *   files.c   the files: listing, reading, clearing
 *
 * Loop thread, all of it. */
#ifndef CORE_LOGS_H
#define CORE_LOGS_H

#include "core/events/events.h"

struct logs;
struct store;

struct logs_config {
    enum log_level level; /* the least that is written and kept */
    bool has_console;
    bool has_files;
    bool has_store;
    int64_t max_file_bytes;
    int n_files;      /* 1..30 */
    int n_remembered; /* entries in memory; 0: none */
    int64_t n_stored; /* entries in the store */
};

struct logs_options {
    struct loop *loop;
    struct events *events;
    struct store *store;  /* NULL: none */
    const char *data_dir; /* NULL: no files */
    int fd;               /* of standard error: 2; stays open */
    struct logs_config config;
};

/* Blocks: before the loop runs. */
int logs_new(const struct logs_options *options, struct logs **ret_logs,
             struct error *error);
/* Writes what is queued, for at most a second. Accepts NULL. */
void logs_free(struct logs *logs);
void logs_configure(struct logs *logs, const struct logs_config *config);
const struct logs_config *logs_config(const struct logs *logs);

/* ---- asking ---- */

struct log_filter {
    enum log_level level; /* at least */
    struct str source;    /* "": any */
    struct str text;      /* "": any; a part of the message, case aside */
    int64_t since_ms;     /* [since, until), Unix time; 0: no bound */
    int64_t until_ms;
};
bool log_filter_matches(const struct log_filter *filter,
                        const struct log_entry *entry);

struct logs_query {
    struct log_filter filter; /* texts are borrowed for the call */
    int64_t before_id;        /* 0: from the newest */
    int limit;                /* 1..LOGS_PAGE_MAX */
};
enum { LOGS_PAGE_MAX = 1000 };
typedef void logs_found_fn(void *ctx, const struct log_entry *entries, size_t n,
                           const struct error *error);
/* Newest first, from memory and then the store. `entries` is valid during the
 * callback, which comes once, perhaps in here. */
void logs_find(struct logs *logs, const struct logs_query *query,
               logs_found_fn *on_found, void *ctx);
/* Those in memory after `id`, oldest first; false of `fn` ends it. Returns the
 * id of the oldest that memory still has, 0: it has none. */
int64_t logs_each_after(const struct logs *logs, int64_t id,
                        bool (*fn)(void *ctx, const struct log_entry *entry),
                        void *ctx);
/* Forgets what is in memory and store, and says so (EVENT_LOG_CLEARED);
 * `on_done` comes when that is on disk, perhaps in here. Files stay. */
void logs_clear(struct logs *logs,
                void (*on_done)(void *ctx, const struct error *error),
                void *ctx);

/* ---- files ---- */

enum { LOG_FILES_MAX = 30, LOG_FILE_NAME_BYTES = 32 };
struct log_file_facts {
    char name[LOG_FILE_NAME_BYTES]; /* "hearth.log", "hearth.log.1" */
    int64_t size_bytes;
    int64_t modified_at_ms; /* Unix time */
};
struct log_files {
    struct log_file_facts at[LOG_FILES_MAX]; /* newest first */
    size_t n;
};
/* What was done on a worker; callbacks come later, on the loop's thread. An
 * error of all of them: ERR_NOT_IMPLEMENTED when there is no data folder. */
void logs_list_files(struct logs *logs,
                     void (*on_done)(void *ctx, const struct log_files *files,
                                     const struct error *error),
                     void *ctx);
/* Removes them all, or the one of this name; `n` says how many there were. */
void logs_clear_files(struct logs *logs, struct str name,
                      void (*on_done)(void *ctx, int n,
                                      const struct error *error),
                      void *ctx);
/* The newest lines of a file that the filter lets through, newest first. Only
 * the names of logs_list_files() are names: anything else is ERR_NOT_FOUND. Of
 * a long file the last LOG_FILE_READ_BYTES are looked at; `is_cut`: there was
 * more. A line that is none of ours has no time (0). */
enum { LOG_FILE_READ_BYTES = 4 * 1024 * 1024 };
void logs_read_file(struct logs *logs, struct str name,
                    const struct log_filter *filter, int limit,
                    void (*on_done)(void *ctx, const struct log_entry *entries,
                                    size_t n, bool is_cut,
                                    const struct error *error),
                    void *ctx);

#endif
