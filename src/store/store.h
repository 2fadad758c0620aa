/* The store: what survives a restart. SQLite in WAL mode with
 * synchronous=FULL; one writer thread; PostgreSQL may stand behind the same
 * verbs one day, so nothing here speaks SQL.
 *
 * A change returns at once; its values are copied, written on the SQL
 * thread in order, and `on_done(ctx, error)` comes on the loop's thread when
 * the commit is on disk (error NULL) or failed (ERR_CONFLICT with the field
 * that is taken, ERR_IO ...; nothing is stored then). Changes that arrive
 * together share a commit. Loading functions block and are for start-up,
 * before the loop runs; they call `fn` for each row, which returns 0 to go
 * on (else the load ends with ERR_CANCELLED) and must not load anything
 * itself.
 *
 * Every on_done is called once: at the latest by store_close(), and inside
 * the verb only when there is no memory even for the copy (ERR_NO_MEMORY).
 * With on_done NULL nobody but store_wait() learns of a failure. Whoever goes
 * while a change of his is on its way calls store_wait() first.
 *
 * One daemon per data directory: store_open takes a lock and refuses the
 * second one by name and pid of the first. A database newer than the
 * program is refused; an older one is migrated, each step in one
 * transaction. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "io/loop.h"
#include "records/activity.h"
#include "records/api_key.h"
#include "records/download.h"
#include "records/instance.h"
#include "records/log_entry.h"
#include "records/model.h"
#include "records/profile.h"

struct store;

typedef void store_done_fn(void *ctx, const struct error *error);

/* Opens <data_dir>/hearth.db, making the folder (0700) and the file (0600)
 * as needed. `holder` is what the lock says of us ("hearth serve"). */
int store_open(struct loop *loop, const char *data_dir, const char *holder,
               struct store **ret_store, struct error *error);
/* Rows of logs, metrics and activity are added without waiting: `fn` is called,
 * from the loop, for each such change that could not be stored. */
void store_on_lost(struct store *store,
                   void (*fn)(void *ctx, const struct error *error), void *ctx);
/* Writes what is queued, then closes; blocks until the thread has ended.
 * Calls the on_done that are due. Accepts NULL. */
void store_close(struct store *store);

/* Without a daemon (`hearth key`): opens, and refuses with ERR_CONFLICT when
 * a daemon holds the lock. Same verbs; run them with store_wait(). */
/* Blocks until all that is queued is done and calls each on_done. 0, or -1
 * with the first failure since the last call. */
int store_wait(struct store *store, struct error *error);

/* Changes between the two are one: all of them are stored, or none. They are
 * made in one go, in one turn of the loop: nothing is loaded or waited for
 * between. Where one fails, each on_done says why. With `is_kept` false none
 * is stored, and each on_done comes inside of the call with ERR_CANCELLED. A
 * change that found no memory says so at once and is none of them. */
int store_group_begin(struct store *store, struct error *error);
void store_group_end(struct store *store, bool is_kept);

/* profiles: only those of source database. A profile that `fn` keeps, it
 * refs. Conflicts: field "name", and "port" when above 0. */
int store_load_profiles(struct store *store,
                        int (*fn)(void *ctx, struct profile *profile),
                        void *ctx, struct error *error);
void store_put_profile(struct store *store, const struct profile *profile,
                       store_done_fn *on_done, void *ctx); /* insert/update */
void store_delete_profile(struct store *store, const char *id,
                          store_done_fn *on_done, void *ctx);

/* instances */
int store_load_instances(struct store *store,
                         int (*fn)(void *ctx, const struct instance_row *row),
                         void *ctx, struct error *error);
void store_put_instance(struct store *store, const struct instance_row *row,
                        store_done_fn *on_done, void *ctx);
void store_delete_instance(struct store *store, const char *id,
                           store_done_fn *on_done, void *ctx);

/* models: what the library knows, also of files that are gone. `fn` takes the
 * model over. */
int store_load_models(struct store *store,
                      int (*fn)(void *ctx, struct model *model), void *ctx,
                      struct error *error);
/* Inserts or updates; all of them in one commit. */
void store_put_models(struct store *store, const struct model *const *models,
                      size_t n, store_done_fn *on_done, void *ctx);
void store_delete_model(struct store *store, const char *id,
                        store_done_fn *on_done, void *ctx);

/* downloads, in order of their making; `row` is valid during the call */
int store_load_downloads(struct store *store,
                         int (*fn)(void *ctx, const struct download_row *row),
                         void *ctx, struct error *error);
void store_put_download(struct store *store, const struct download_row *row,
                        store_done_fn *on_done, void *ctx);
void store_delete_download(struct store *store, const char *id,
                           store_done_fn *on_done, void *ctx);

/* settings: key -> JSON text; and metadata: anything small of our own
 * (file profiles' and library models' ids: "model_id:<path>") */
int store_load_settings(struct store *store,
                        int (*fn)(void *ctx, const char *key, const char *json),
                        void *ctx, struct error *error);
void store_put_setting(struct store *store, const char *key, const char *json,
                       store_done_fn *on_done, void *ctx); /* NULL: delete */
/* Keys that begin with `prefix`. Those that begin with "store:" are the
 * store's own. */
int store_load_metadata(struct store *store, const char *prefix,
                        int (*fn)(void *ctx, const char *key,
                                  const char *value),
                        void *ctx, struct error *error);
void store_put_metadata(struct store *store, const char *key, const char *value,
                        store_done_fn *on_done, void *ctx); /* NULL: delete */

/* api keys */
int store_load_api_keys(struct store *store,
                        int (*fn)(void *ctx, const struct api_key *key),
                        void *ctx, struct error *error);
void store_put_api_key(struct store *store, const struct api_key *key,
                       store_done_fn *on_done, void *ctx);

/* Log lines: kept to the newest `n_kept` (LOGS_KEPT_DEFAULT until
 * store_keep_logs). They gather for up to 250 ms, so that a line costs no
 * commit of its own; of a flood some are left out. An entry without an id is
 * given the next one; ids rise, and none is used twice. */
enum { LOGS_KEPT_DEFAULT = 10000, LOGS_QUERY_MAX = 1000 };
void store_add_log(struct store *store, const struct log_entry *entry);
/* The older ones go at once. */
void store_keep_logs(struct store *store, int64_t n_kept,
                     store_done_fn *on_done, void *ctx);
/* The highest id that was ever given, 0: none. Blocks: for start-up. */
int64_t store_last_log_id(struct store *store);
struct log_query {
    int64_t before_id;             /* 0: from the newest */
    int limit;                     /* 1..LOGS_QUERY_MAX */
    enum log_level level;          /* at least */
    char source[LOG_SOURCE_BYTES]; /* "": any */
    char text[128];                /* "": any; substring, ASCII case aside */
    int64_t since_ms, until_ms;    /* [since, until), Unix time; until 0: now */
};
/* Newest first. `entries` is valid during the callback. */
void store_query_logs(struct store *store, const struct log_query *query,
                      void (*on_done)(void *ctx,
                                      const struct log_entry *entries, size_t n,
                                      const struct error *error),
                      void *ctx);
/* `n`: how many there were. */
void store_clear_logs(struct store *store,
                      void (*on_done)(void *ctx, int64_t n,
                                      const struct error *error),
                      void *ctx);

/* Requests that have ended. Those of one call are one change; like log lines
 * they gather for up to 250 ms. Kept are the newest `n_kept`, and of these the
 * ones that began at or after `since_ms`; the others go in time. */
void store_add_activity(struct store *store,
                        const struct activity_entry *entries, size_t n,
                        int64_t n_kept, int64_t since_ms);
/* The same at once, without new ones. */
void store_keep_activity(struct store *store, int64_t n_kept, int64_t since_ms,
                         store_done_fn *on_done, void *ctx);
/* The highest id that is kept, 0: none. Blocks: for start-up. */
int64_t store_last_activity_id(struct store *store);
/* Newest first. `entries` is valid during the callback. */
void store_query_activity(struct store *store,
                          const struct activity_query *query,
                          void (*on_done)(void *ctx,
                                          const struct activity_entry *entries,
                                          size_t n, const struct error *error),
                          void *ctx);
void store_clear_activity(struct store *store, store_done_fn *on_done,
                          void *ctx);

/* Measured values by series and second: kept for a day, their averages by
 * minute for a month. A series is made by its first point; of those beyond
 * METRIC_SERIES_MAX the points are left out. Values are kept as 32-bit
 * floats. What is too old goes in small steps, with each call that adds. */
enum {
    METRIC_NAME_BYTES = 96,
    METRIC_SERIES_MAX = 4096,
    METRIC_POINTS_MAX = 600,      /* in an answer, of each series */
    METRIC_QUERY_SERIES_MAX = 16, /* in a query */
};
/* The last Unix time in ms that a query may name. */
#define METRIC_TIME_MAX_MS (INT64_C(1) << 51)

struct metric_point {
    char series[METRIC_NAME_BYTES];
    int64_t at_ms; /* Unix time, >= 0 */
    double value;
};
void store_add_metrics(struct store *store, const struct metric_point *points,
                       size_t n, int64_t now_ms, store_done_fn *on_done,
                       void *ctx);
struct metric_query {
    char series[METRIC_QUERY_SERIES_MAX][METRIC_NAME_BYTES];
    size_t n_series;
    int64_t from_ms, to_ms; /* [from, to), Unix time; 0 <= from < to */
    int points;             /* at most; 1..METRIC_POINTS_MAX */
    int64_t now_ms;         /* samples older than a day before are not there */
};
/* Averages over steps of equal length; a step in which no series has a value
 * is left out. */
struct metric_history {
    int64_t step_ms;
    size_t n_points;
    const int64_t *at_ms; /* begin of each step */
    size_t n_series;      /* as in the query */
    const float *values;  /* of series s at point p: [s * n_points + p];
                             NAN: none */
};
/* Blocks nobody; an unknown series has no values. `history` is valid during
 * the callback and NULL when `error` is not. */
void store_query_metrics(struct store *store, const struct metric_query *query,
                         void (*on_done)(void *ctx,
                                         const struct metric_history *history,
                                         const struct error *error),
                         void *ctx);
/* What people call the thing that a series is of; it goes with the series. One
 * that has no points is passed over. */
enum { METRIC_LABEL_BYTES = 256 };
struct metric_label {
    char series[METRIC_NAME_BYTES];
    char label[METRIC_LABEL_BYTES]; /* cut off; "": nobody said */
};
void store_label_metrics(struct store *store, const struct metric_label *labels,
                         size_t n, store_done_fn *on_done, void *ctx);
/* The series whose names match `pattern` (* is any text) and which have a value
 * in [from, to), by name. `found` is valid during the callback and NULL when
 * `error` is not. */
struct metric_search {
    char pattern[METRIC_NAME_BYTES];
    int64_t from_ms, to_ms, now_ms; /* as of a query */
};
typedef void store_metrics_found_fn(void *ctx, const struct metric_label *found,
                                    size_t n, const struct error *error);
void store_find_metrics(struct store *store, const struct metric_search *search,
                        store_metrics_found_fn *on_done, void *ctx);

#endif
