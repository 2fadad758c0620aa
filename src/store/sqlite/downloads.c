/* Downloads: what the queue looks at in columns, the rest as JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "store/sqlite/sqlite_internal.h"

struct download_job {
    struct job job;
    struct download_row row;
    char *body; /* owned */
};

static int
put_download(struct db *db, struct job *job, struct error *error)
{
    struct download_job *change = (struct download_job *)job;
    const struct download_row *row = &change->row;
    struct sql sql;
    sql_init(&sql, db,
             "INSERT INTO downloads (id, state, priority, created_at_ms, body) "
             "VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
             "state = excluded.state, priority = excluded.priority, "
             "created_at_ms = excluded.created_at_ms, body = excluded.body");
    sql_bind_text(&sql, row->id);
    sql_bind_text(&sql, download_state_name(row->state));
    sql_bind_int(&sql, row->priority);
    sql_bind_int(&sql, row->created_at_ms);
    sql_bind_text(&sql, change->body);
    return sql_run(&sql, error);
}

static void
release_download(struct job *job)
{
    free(((struct download_job *)job)->body);
}

void
store_put_download(struct store *store, const struct download_row *row,
                   store_done_fn *on_done, void *ctx)
{
    struct download_job *change =
        job_new(sizeof *change, put_download, on_done, ctx);
    if (change == NULL)
        return;
    change->job.release = release_download;
    change->row = *row;
    change->body = str_dup(str_from(row->body));
    if (change->body == NULL) {
        job_fail_no_memory(&change->job);
        return;
    }
    store_submit(store, &change->job);
}

static int
delete_download(struct db *db, struct job *job, struct error *error)
{
    struct sql sql;
    sql_init(&sql, db, "DELETE FROM downloads WHERE id = ?");
    sql_bind_text(&sql, ((struct download_job *)job)->row.id);
    return sql_run(&sql, error);
}

void
store_delete_download(struct store *store, const char *id,
                      store_done_fn *on_done, void *ctx)
{
    struct download_job *change =
        job_new(sizeof *change, delete_download, on_done, ctx);
    if (change == NULL)
        return;
    snprintf(change->row.id, sizeof change->row.id, "%s", id);
    store_submit(store, &change->job);
}

static int
read_download(struct sql *sql, struct download_row *row, struct error *error)
{
    *row = (struct download_row){ .body = "" };
    if (sql_copy_text(sql, row->id, sizeof row->id, error) < 0)
        return -1;
    row->state = download_state_from(sql_text(sql));
    if (row->state == DOWNLOAD_STATE_COUNT)
        return db_row_error(sql->db, error, "downloads", row->id,
                            "unknown state");
    row->priority = sql_int(sql);
    row->created_at_ms = sql_int(sql);
    row->body = sql_text(sql).p;
    return 0;
}

int
store_load_downloads(struct store *store,
                     int (*fn)(void *ctx, const struct download_row *row),
                     void *ctx, struct error *error)
{
    struct download_row row;
    struct rows rows;
    rows_begin(&rows, store, "downloads",
               "SELECT id, state, priority, created_at_ms, body FROM downloads "
               "ORDER BY created_at_ms, id");
    while (rows_next(&rows)) {
        rows.result = read_download(&rows.sql, &row, error);
        rows.is_stopped = rows.result == 0 && fn(ctx, &row) != 0;
    }
    return rows_end(&rows, error);
}
