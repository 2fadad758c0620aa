/* Metadata: small facts of our own, key -> text. */
#include <stdlib.h>

#include "store/sqlite/sqlite_internal.h"

struct metadata_job {
    struct job job;
    char *key;
    char *value; /* NULL: delete */
};

int
metadata_put(struct db *db, const char *key, const char *value,
             struct error *error)
{
    struct sql sql;
    if (value == NULL) {
        sql_init(&sql, db, "DELETE FROM metadata WHERE key = ?");
        sql_bind_text(&sql, key);
        return sql_run(&sql, error);
    }
    sql_init(&sql, db,
             "INSERT INTO metadata (key, value) VALUES (?, ?) "
             "ON CONFLICT (key) DO UPDATE SET value = excluded.value");
    sql_bind_text(&sql, key);
    sql_bind_text(&sql, value);
    return sql_run(&sql, error);
}

static int
put_metadata(struct db *db, struct job *job, struct error *error)
{
    const struct metadata_job *change = (const struct metadata_job *)job;
    return metadata_put(db, change->key, change->value, error);
}

static void
release_metadata(struct job *job)
{
    struct metadata_job *change = (struct metadata_job *)job;
    free(change->key);
    free(change->value);
}

void
store_put_metadata(struct store *store, const char *key, const char *value,
                   store_done_fn *on_done, void *ctx)
{
    struct metadata_job *change =
        job_new(sizeof *change, put_metadata, on_done, ctx);
    if (change == NULL)
        return;
    change->job.release = release_metadata;
    change->key = str_dup(str_from(key));
    change->value = value == NULL ? NULL : str_dup(str_from(value));
    if (change->key == NULL || (value != NULL && change->value == NULL))
        job_fail_no_memory(&change->job);
    else
        store_submit(store, &change->job);
}

int
store_load_metadata(struct store *store, const char *prefix,
                    int (*fn)(void *ctx, const char *key, const char *value),
                    void *ctx, struct error *error)
{
    struct rows rows;
    rows_begin(&rows, store, "metadata",
               "SELECT key, value FROM metadata "
               "WHERE substr(key, 1, length(?)) = ? ORDER BY key");
    sql_bind_text(&rows.sql, prefix);
    sql_bind_text(&rows.sql, prefix);
    while (rows_next(&rows)) {
        const char *key = sql_text(&rows.sql).p;
        rows.is_stopped = fn(ctx, key, sql_text(&rows.sql).p) != 0;
    }
    return rows_end(&rows, error);
}
