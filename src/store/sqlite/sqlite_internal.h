/* Inside of the SQLite store: the connection, statements, and changes that
 * travel to the SQL thread and back. */
#ifndef STORE_SQLITE_INTERNAL_H
#define STORE_SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "store/store.h"

/* ---- the connection (db.c); one thread at a time ---- */

struct db {
    sqlite3 *handle;
    char path[LIMIT_PATH_BYTES];
    int64_t next_log_id;   /* logs.c */
    int n_logs_unpruned;   /* lines added since the last pruning */
    int64_t n_logs_kept;   /* 0: LOGS_KEPT_DEFAULT */
    int64_t pruned_series; /* metrics.c: the last one that was looked at */
    int64_t n_activity_unpruned; /* activity.c: rows since the last pruning */
};

/* Opens, checks and migrates the file. On failure nothing is left open. */
int db_open(struct db *db, const char *path, struct error *error);
void db_close(struct db *db);

/* Runs statements that give no rows. */
int db_exec(struct db *db, const char *sql, struct error *error);
/* Rows that the last statement wrote or deleted. */
int64_t db_n_changed(const struct db *db);

/* Brings the schema to the newest version; refuses a newer one (migrate.c) */
int db_migrate(struct db *db, struct error *error);

struct migration {
    int version; /* rises by one from 1 */
    const char *name;
    const char *sql;
};
/* Generated from store/migrations/NNNN_name.sql. */
extern const struct migration migrations[];
extern const size_t n_migrations;

/* ---- one statement ----
 *
 * Binding goes from left to right and, as with strbuf, does not fail loudly:
 * the first failure sticks and sql_run() or sql_end() tells. One of these
 * two must be called.
 *
 *     struct sql sql;
 *     sql_init(&sql, db, "SELECT value FROM settings WHERE key = ?");
 *     sql_bind_text(&sql, key);
 *     while (sql_next(&sql))
 *         ... sql_text(&sql) ...
 *     return sql_end(&sql, error);
 */
struct sql {
    struct db *db;
    sqlite3_stmt *statement;
    int n_bound;
    int column; /* the next one to be read */
    int rc;
};

void sql_init(struct sql *sql, struct db *db, const char *text);
void sql_bind_int(struct sql *sql, int64_t value);
void sql_bind_real(struct sql *sql, double value);
void sql_bind_text(struct sql *sql, const char *text);
void sql_bind_str(struct sql *sql, struct str text);
/* Not copied: it must stay until the row is there (sql_again, sql_end). */
void sql_bind_lent(struct sql *sql, const char *text);
void sql_bind_bytes(struct sql *sql, const void *bytes, size_t n);
bool sql_next(struct sql *sql); /* false: no more rows, or a failure */
/* The row's columns from left to right; text is valid until the next row,
 * ends with a zero byte and is never NULL. */
int64_t sql_int(struct sql *sql);
double sql_real(struct sql *sql);
struct str sql_text(struct sql *sql);
struct str sql_bytes(struct sql *sql); /* a blob as it is */
/* Copies a column into an array of the record; what is too long is a damaged
 * row: returns -1 with `error`. */
int sql_copy_text(struct sql *sql, char *to, size_t n_bytes,
                  struct error *error);
int sql_end(struct sql *sql, struct error *error);
int sql_run(struct sql *sql, struct error *error); /* no rows expected */
/* Runs it, no rows expected, and makes it ready to be bound anew. */
void sql_again(struct sql *sql);
/* Appends the pattern for LIKE ... ESCAPE '!' that finds the text itself,
 * whatever it holds. */
void sql_add_pattern(struct strbuf *out, const char *text);

/* A row that says something which no version of ours writes. Returns -1. */
int db_row_error(struct db *db, struct error *error, const char *table,
                 const char *id, const char *what);

/* ---- changes (thread.c) ---- */

/* The first member of what a verb sends to the SQL thread. */
struct job {
    struct list node;
    /* SQL thread, inside a transaction; 0 or -1 with `error`. */
    int (*run)(struct db *db, struct job *job, struct error *error);
    /* Loop's thread: hands the result over; NULL: calls on_done, if any. */
    void (*deliver)(struct job *job, const struct error *error);
    /* Frees what the job owns beside itself; NULL: nothing. Any thread. */
    void (*release)(struct job *job);
    store_done_fn *on_done;
    void *ctx;
    bool can_linger; /* waits a little for company: log lines */
    bool has_failed;
    struct error error;
};

/* Room for a job of `n_bytes` (zeroed, but for the fields given). NULL when
 * out of memory: then on_done has been called with ERR_NO_MEMORY. */
void *job_new(size_t n_bytes,
              int (*run)(struct db *db, struct job *job, struct error *error),
              store_done_fn *on_done, void *ctx);
/* Tells its result and frees it. */
void job_deliver(struct job *job);
void job_free(struct job *job);
/* When copying what the job needs found no memory: tells and frees. */
void job_fail_no_memory(struct job *job);
void store_submit(struct store *store, struct job *job);

/* For loading: waits until the queue is empty and keeps the SQL thread from
 * the connection until store_read_end(). */
struct db *store_read_begin(struct store *store);
void store_read_end(struct store *store);

/* Loading row by row:
 *
 *     rows_begin(&rows, store, "settings", "SELECT key, value FROM settings");
 *     while (rows_next(&rows)) {
 *         ... sql_text(&rows.sql) ...
 *     }
 *     return rows_end(&rows, error);
 *
 * Who sets `result` to -1 (with an error) or `is_stopped` ends the walk; the
 * latter is ERR_CANCELLED. */
struct rows {
    struct store *store;
    struct sql sql;
    const char *what;
    int result;
    bool is_stopped;
};

void rows_begin(struct rows *rows, struct store *store, const char *what,
                const char *text);
bool rows_next(struct rows *rows);
int rows_end(struct rows *rows, struct error *error);

/* ---- between repositories; SQL thread ---- */

int logs_open(struct db *db, struct error *error);
int metadata_put(struct db *db, const char *key, const char *value,
                 struct error *error);

/* group.c: a job that is made of others. NULL: no memory. */
struct job *group_new(void);
void group_add(struct job *group, struct job *job); /* takes it over */
/* Tells each that it was cancelled, and frees all. */
void group_cancel(struct job *group);

#endif
