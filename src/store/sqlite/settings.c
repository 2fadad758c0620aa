/* Settings: key -> JSON text. */
#include <stdlib.h>

#include "store/sqlite/sqlite_internal.h"

struct setting_job {
    struct job job;
    char *key;
    char *json; /* NULL: delete */
};

static int
put_setting(struct db *db, struct job *job, struct error *error)
{
    const struct setting_job *change = (const struct setting_job *)job;
    struct sql sql;
    if (change->json == NULL) {
        sql_init(&sql, db, "DELETE FROM settings WHERE key = ?");
        sql_bind_text(&sql, change->key);
        return sql_run(&sql, error);
    }
    sql_init(&sql, db,
             "INSERT INTO settings (key, value, updated_at_ms) "
             "VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
             "value = excluded.value, updated_at_ms = excluded.updated_at_ms");
    sql_bind_text(&sql, change->key);
    sql_bind_text(&sql, change->json);
    sql_bind_int(&sql, loop_wall_ms());
    return sql_run(&sql, error);
}

static void
release_setting(struct job *job)
{
    struct setting_job *change = (struct setting_job *)job;
    free(change->key);
    free(change->json);
}

void
store_put_setting(struct store *store, const char *key, const char *json,
                  store_done_fn *on_done, void *ctx)
{
    struct setting_job *change =
        job_new(sizeof *change, put_setting, on_done, ctx);
    if (change == NULL)
        return;
    change->job.release = release_setting;
    change->key = str_dup(str_from(key));
    change->json = json == NULL ? NULL : str_dup(str_from(json));
    if (change->key == NULL || (json != NULL && change->json == NULL))
        job_fail_no_memory(&change->job);
    else
        store_submit(store, &change->job);
}

int
store_load_settings(struct store *store,
                    int (*fn)(void *ctx, const char *key, const char *json),
                    void *ctx, struct error *error)
{
    struct rows rows;
    rows_begin(&rows, store, "settings",
               "SELECT key, value FROM settings ORDER BY key");
    while (rows_next(&rows)) {
        const char *key = sql_text(&rows.sql).p;
        rows.is_stopped = fn(ctx, key, sql_text(&rows.sql).p) != 0;
    }
    return rows_end(&rows, error);
}
