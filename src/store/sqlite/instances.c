/* Instances: where a restarted daemon finds its engines. */
#include "store/sqlite/sqlite_internal.h"

struct instance_job {
    struct job job;
    struct instance_row row;
};

struct instance_id_job {
    struct job job;
    char id[ID_BYTES];
};

#define INSTANCE_COLUMNS                                                  \
    "id, profile_id, node, state, port, keeper_pid, keeper_start_ticks, " \
    "keeper_boot_id, engine_pid, engine_start_ticks, engine_boot_id, "    \
    "socket_path, api_key, started_at_ms"

static void
bind_identity(struct sql *sql, const struct process_identity *identity)
{
    sql_bind_int(sql, identity->pid);
    sql_bind_int(sql, (int64_t)identity->start_ticks);
    sql_bind_text(sql, identity->boot_id);
}

static int
put_instance(struct db *db, struct job *job, struct error *error)
{
    const struct instance_row *row = &((struct instance_job *)job)->row;
    struct sql sql;
    sql_init(&sql, db,
             "INSERT INTO instances (" INSTANCE_COLUMNS ") "
             "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
             "ON CONFLICT (id) DO UPDATE SET "
             "profile_id = excluded.profile_id, node = excluded.node, "
             "state = excluded.state, port = excluded.port, "
             "keeper_pid = excluded.keeper_pid, "
             "keeper_start_ticks = excluded.keeper_start_ticks, "
             "keeper_boot_id = excluded.keeper_boot_id, "
             "engine_pid = excluded.engine_pid, "
             "engine_start_ticks = excluded.engine_start_ticks, "
             "engine_boot_id = excluded.engine_boot_id, "
             "socket_path = excluded.socket_path, "
             "api_key = excluded.api_key, "
             "started_at_ms = excluded.started_at_ms");
    sql_bind_text(&sql, row->id);
    sql_bind_text(&sql, row->profile_id);
    sql_bind_text(&sql, row->node);
    sql_bind_text(&sql, instance_state_name(row->state));
    sql_bind_int(&sql, row->port);
    bind_identity(&sql, &row->keeper);
    bind_identity(&sql, &row->engine);
    sql_bind_text(&sql, row->socket_path);
    sql_bind_text(&sql, row->api_key);
    sql_bind_int(&sql, row->started_at_ms);
    return sql_run(&sql, error);
}

static int
delete_instance(struct db *db, struct job *job, struct error *error)
{
    struct sql sql;
    sql_init(&sql, db, "DELETE FROM instances WHERE id = ?");
    sql_bind_text(&sql, ((struct instance_id_job *)job)->id);
    return sql_run(&sql, error);
}

void
store_put_instance(struct store *store, const struct instance_row *row,
                   store_done_fn *on_done, void *ctx)
{
    struct instance_job *change =
        job_new(sizeof *change, put_instance, on_done, ctx);
    if (change == NULL)
        return;
    change->row = *row;
    store_submit(store, &change->job);
}

void
store_delete_instance(struct store *store, const char *id,
                      store_done_fn *on_done, void *ctx)
{
    struct instance_id_job *change =
        job_new(sizeof *change, delete_instance, on_done, ctx);
    if (change == NULL)
        return;
    snprintf(change->id, sizeof change->id, "%s", id);
    store_submit(store, &change->job);
}

static int
read_state(struct sql *sql, const char *id, enum instance_state *ret_state,
           struct error *error)
{
    struct str name = sql_text(sql);
    for (int i = 0; i < INSTANCE_STATE_COUNT; i++) {
        if (str_is(name, instance_state_name((enum instance_state)i))) {
            *ret_state = (enum instance_state)i;
            return 0;
        }
    }
    return db_row_error(sql->db, error, "instances", id, "unknown state");
}

static int
read_identity(struct sql *sql, struct process_identity *identity,
              struct error *error)
{
    identity->pid = sql_int(sql);
    identity->start_ticks = (uint64_t)sql_int(sql);
    return sql_copy_text(sql, identity->boot_id, sizeof identity->boot_id,
                         error);
}

static int
read_instance(struct sql *sql, struct instance_row *row, struct error *error)
{
    *row = (struct instance_row){ 0 };
    if (sql_copy_text(sql, row->id, sizeof row->id, error) < 0 ||
        sql_copy_text(sql, row->profile_id, sizeof row->profile_id, error) <
            0 ||
        sql_copy_text(sql, row->node, sizeof row->node, error) < 0 ||
        read_state(sql, row->id, &row->state, error) < 0)
        return -1;
    row->port = (int)sql_int(sql);
    if (read_identity(sql, &row->keeper, error) < 0 ||
        read_identity(sql, &row->engine, error) < 0 ||
        sql_copy_text(sql, row->socket_path, sizeof row->socket_path, error) <
            0 ||
        sql_copy_text(sql, row->api_key, sizeof row->api_key, error) < 0)
        return -1;
    row->started_at_ms = sql_int(sql);
    return 0;
}

int
store_load_instances(struct store *store,
                     int (*fn)(void *ctx, const struct instance_row *row),
                     void *ctx, struct error *error)
{
    struct instance_row row;
    struct rows rows;
    rows_begin(&rows, store, "instances",
               "SELECT " INSTANCE_COLUMNS " FROM instances ORDER BY id");
    while (rows_next(&rows)) {
        rows.result = read_instance(&rows.sql, &row, error);
        rows.is_stopped = rows.result == 0 && fn(ctx, &row) != 0;
    }
    return rows_end(&rows, error);
}
