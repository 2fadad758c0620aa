/* The log's rows: the newest stay.
 *
 * Ids are never given twice, also not after the log was cleared:
 * then a row of metadata remembers the last one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "store/sqlite/sqlite_internal.h"

enum {
    LOGS_PRUNE_EVERY = 250, /* lines added between two prunings */
};

static const char last_id_key[] = "store:last_log_id";

struct log_job {
    struct job job;
    struct log_entry entry;
};

struct log_query_job {
    struct job job;
    struct log_query query;
    struct log_entry *entries;
    size_t n;
    void (*on_done)(void *ctx, const struct log_entry *entries, size_t n,
                    const struct error *error);
};

static int
prune(struct db *db, struct error *error)
{
    struct sql sql;
    sql_init(&sql, db,
             "DELETE FROM logs WHERE id <= "
             "(SELECT id FROM logs ORDER BY id DESC LIMIT 1 OFFSET ?)");
    sql_bind_int(&sql, db->n_logs_kept);
    db->n_logs_unpruned = 0;
    return sql_run(&sql, error);
}

int
logs_open(struct db *db, struct error *error)
{
    int64_t last_row = 0;
    int64_t last_cleared = 0;
    struct sql sql;
    sql_init(&sql, db, "SELECT max(id) FROM logs");
    if (sql_next(&sql))
        last_row = sql_int(&sql);
    if (sql_end(&sql, error) < 0)
        return -1;
    sql_init(&sql, db, "SELECT value FROM metadata WHERE key = ?");
    sql_bind_text(&sql, last_id_key);
    if (sql_next(&sql) && str_to_i64(sql_text(&sql), &last_cleared) < 0)
        last_cleared = 0;
    if (sql_end(&sql, error) < 0)
        return -1;
    db->next_log_id = 1 + (last_row > last_cleared ? last_row : last_cleared);
    db->n_logs_kept = LOGS_KEPT_DEFAULT;
    return 0;
}

int64_t
store_last_log_id(struct store *store)
{
    int64_t id = store_read_begin(store)->next_log_id - 1;
    store_read_end(store);
    return id;
}

struct keep_job {
    struct job job;
    int64_t n_kept;
};

static int
keep_logs(struct db *db, struct job *job, struct error *error)
{
    db->n_logs_kept = ((struct keep_job *)job)->n_kept;
    return prune(db, error);
}

void
store_keep_logs(struct store *store, int64_t n_kept, store_done_fn *on_done,
                void *ctx)
{
    struct keep_job *change = job_new(sizeof *change, keep_logs, on_done, ctx);
    if (change == NULL)
        return;
    change->n_kept = n_kept;
    store_submit(store, &change->job);
}

static int
add_log(struct db *db, struct job *job, struct error *error)
{
    const struct log_entry *entry = &((struct log_job *)job)->entry;
    int64_t id = entry->id > 0 ? entry->id : db->next_log_id;
    struct sql sql;
    sql_init(&sql, db,
             "INSERT INTO logs (id, at_ms, level, source, message) "
             "VALUES (?, ?, ?, ?, ?)");
    sql_bind_int(&sql, id);
    sql_bind_int(&sql, entry->at_ms);
    sql_bind_int(&sql, entry->level);
    sql_bind_text(&sql, entry->source);
    sql_bind_text(&sql, entry->message);
    if (sql_run(&sql, error) < 0)
        return -1;
    if (id >= db->next_log_id)
        db->next_log_id = id + 1;
    if (++db->n_logs_unpruned < LOGS_PRUNE_EVERY)
        return 0;
    return prune(db, error);
}

void
store_add_log(struct store *store, const struct log_entry *entry)
{
    struct log_job *change = job_new(sizeof *change, add_log, NULL, NULL);
    if (change == NULL)
        return;
    change->entry = *entry;
    change->job.can_linger = true;
    store_submit(store, &change->job);
}

struct clear_job {
    struct job job;
    int64_t n;
    void (*on_done)(void *ctx, int64_t n, const struct error *error);
};

static int
clear_logs(struct db *db, struct job *job, struct error *error)
{
    char last_id[24];
    snprintf(last_id, sizeof last_id, "%" PRId64, db->next_log_id - 1);
    if (metadata_put(db, last_id_key, last_id, error) < 0)
        return -1;
    if (db_exec(db, "DELETE FROM logs", error) < 0)
        return -1;
    ((struct clear_job *)job)->n = db_n_changed(db);
    return 0;
}

static void
deliver_cleared(struct job *job, const struct error *error)
{
    const struct clear_job *clear = (const struct clear_job *)job;
    clear->on_done(job->ctx, error == NULL ? clear->n : 0, error);
}

void
store_clear_logs(struct store *store,
                 void (*on_done)(void *ctx, int64_t n,
                                 const struct error *error),
                 void *ctx)
{
    struct error error;
    struct clear_job *clear = job_new(sizeof *clear, clear_logs, NULL, ctx);
    if (clear == NULL) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, 0, &error);
        return;
    }
    clear->job.deliver = deliver_cleared;
    clear->on_done = on_done;
    store_submit(store, &clear->job);
}

static int
read_entry(struct sql *sql, struct log_entry *entry, struct error *error)
{
    entry->id = sql_int(sql);
    entry->at_ms = sql_int(sql);
    int64_t level = sql_int(sql);
    if (level < LOG_DEBUG || level > LOG_ERROR) {
        char id[24];
        snprintf(id, sizeof id, "%" PRId64, entry->id);
        return db_row_error(sql->db, error, "logs", id, "unknown level");
    }
    entry->level = (enum log_level)level;
    if (sql_copy_text(sql, entry->source, sizeof entry->source, error) < 0)
        return -1;
    return sql_copy_text(sql, entry->message, sizeof entry->message, error);
}

/* Only what is asked for is among the conditions, so that the index over the
 * sources serves. */
static int
query_logs(struct db *db, struct job *job, struct error *error)
{
    struct log_query_job *call = (struct log_query_job *)job;
    const struct log_query *query = &call->query;
    struct strbuf pattern = STRBUF_INIT(2 * sizeof query->text + 2);
    char text[512];
    sql_add_pattern(&pattern, query->text);
    snprintf(text, sizeof text,
             "SELECT id, at_ms, level, source, message FROM logs "
             "WHERE id < ? AND level >= ?%s%s%s%s ORDER BY id DESC LIMIT ?",
             query->source[0] == '\0' ? "" : " AND source = ?",
             query->text[0] == '\0'
                 ? ""
                 : " AND lower(message) LIKE lower(?) ESCAPE '!'",
             query->since_ms == 0 ? "" : " AND at_ms >= ?",
             query->until_ms == 0 ? "" : " AND at_ms < ?");
    struct sql sql;
    sql_init(&sql, db, text);
    sql_bind_int(&sql, query->before_id == 0 ? INT64_MAX : query->before_id);
    sql_bind_int(&sql, query->level);
    if (query->source[0] != '\0')
        sql_bind_text(&sql, query->source);
    if (query->text[0] != '\0')
        sql_bind_str(&sql, strbuf_view(&pattern));
    if (query->since_ms != 0)
        sql_bind_int(&sql, query->since_ms);
    if (query->until_ms != 0)
        sql_bind_int(&sql, query->until_ms);
    sql_bind_int(&sql, query->limit);
    int result = 0;
    if (strbuf_failed(&pattern))
        result = error_set(error, ERR_NO_MEMORY, "out of memory");
    while (result == 0 && call->n < (size_t)query->limit && sql_next(&sql)) {
        result = read_entry(&sql, &call->entries[call->n], error);
        call->n++;
    }
    if (sql_end(&sql, result == 0 ? error : NULL) < 0)
        result = -1;
    strbuf_release(&pattern);
    return result;
}

static void
deliver_logs(struct job *job, const struct error *error)
{
    struct log_query_job *call = (struct log_query_job *)job;
    if (error != NULL)
        call->on_done(job->ctx, NULL, 0, error);
    else
        call->on_done(job->ctx, call->entries, call->n, NULL);
}

static void
release_query(struct job *job)
{
    free(((struct log_query_job *)job)->entries);
}

void
store_query_logs(struct store *store, const struct log_query *query,
                 void (*on_done)(void *ctx, const struct log_entry *entries,
                                 size_t n, const struct error *error),
                 void *ctx)
{
    struct error error;
    if (query->limit < 1 || query->limit > LOGS_QUERY_MAX) {
        error_field(&error, "limit", "limit %d: expected 1 to %d", query->limit,
                    LOGS_QUERY_MAX);
        on_done(ctx, NULL, 0, &error);
        return;
    }
    struct log_query_job *call = job_new(sizeof *call, query_logs, NULL, ctx);
    if (call == NULL) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, NULL, 0, &error);
        return;
    }
    call->job.deliver = deliver_logs;
    call->job.release = release_query;
    call->query = *query;
    call->on_done = on_done;
    call->entries = calloc((size_t)query->limit, sizeof *call->entries);
    if (call->entries == NULL)
        job_fail_no_memory(&call->job);
    else
        store_submit(store, &call->job);
}
