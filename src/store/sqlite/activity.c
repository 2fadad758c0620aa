/* Requests that have ended: added in batches, pruned by number and age, asked
 * for newest first. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/sqlite/sqlite_internal.h"

enum {
    PRUNE_EVERY = 250, /* rows added between two prunings, or a twentieth of
                        * what is kept if that is more */
};

struct keep {
    int64_t n_kept;
    int64_t since_ms;
};

struct add_job {
    struct job job;
    struct keep keep;
    struct activity_entry *entries;
    size_t n;
};

struct keep_job {
    struct job job;
    struct keep keep;
};

struct activity_query_job {
    struct job job;
    struct activity_query query;
    struct activity_entry *entries;
    size_t n;
    void (*on_done)(void *ctx, const struct activity_entry *entries, size_t n,
                    const struct error *error);
};

/* Ids and beginnings rise together, so the old ones are the first rows. */
static int
prune(struct db *db, const struct keep *keep, struct error *error)
{
    struct sql sql;
    db->n_activity_unpruned = 0;
    sql_init(&sql, db,
             "DELETE FROM activity WHERE id <= "
             "(SELECT id FROM activity ORDER BY id DESC LIMIT 1 OFFSET ?)");
    sql_bind_int(&sql, keep->n_kept);
    if (sql_run(&sql, error) < 0)
        return -1;
    sql_init(&sql, db,
             "DELETE FROM activity WHERE id < coalesce("
             "(SELECT id FROM activity WHERE at_ms >= ? ORDER BY id LIMIT 1), "
             "9223372036854775807)");
    sql_bind_int(&sql, keep->since_ms);
    return sql_run(&sql, error);
}

/* ---- adding ---- */

static void
bind_entry(struct sql *sql, const struct activity_entry *entry)
{
    sql_bind_int(sql, entry->id);
    sql_bind_int(sql, entry->at_ms);
    sql_bind_lent(sql, activity_outcome_name(entry->outcome));
    sql_bind_int(sql, entry->status);
    sql_bind_int(sql, entry->is_stream);
    sql_bind_int(sql, entry->duration_ms);
    sql_bind_int(sql, entry->queue_ms);
    sql_bind_int(sql, entry->load_ms);
    sql_bind_int(sql, entry->first_token_ms);
    sql_bind_int(sql, entry->request_bytes);
    sql_bind_int(sql, entry->answer_bytes);
    sql_bind_int(sql, entry->prompt_tokens);
    sql_bind_int(sql, entry->completion_tokens);
    sql_bind_int(sql, entry->cached_tokens);
    sql_bind_real(sql, entry->prompt_per_s);
    sql_bind_real(sql, entry->completion_per_s);
    sql_bind_lent(sql, entry->model);
    sql_bind_lent(sql, entry->profile_id);
    sql_bind_lent(sql, entry->method);
    sql_bind_lent(sql, entry->path);
    sql_bind_lent(sql, entry->client);
    sql_bind_lent(sql, entry->key_id);
    sql_bind_lent(sql, entry->caller);
    sql_bind_lent(sql, entry->error);
}

static const char columns[] =
    "id, at_ms, outcome, status, is_stream, duration_ms, queue_ms, load_ms, "
    "first_token_ms, request_bytes, answer_bytes, prompt_tokens, "
    "completion_tokens, cached_tokens, prompt_per_s, completion_per_s, model, "
    "profile_id, method, path, client, key_id, caller, error";

static int
add_activity(struct db *db, struct job *job, struct error *error)
{
    const struct add_job *change = (const struct add_job *)job;
    int64_t every = change->keep.n_kept / 20;
    char text[640];
    struct sql sql;
    snprintf(text, sizeof text,
             "INSERT INTO activity (%s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
             "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
             columns);
    sql_init(&sql, db, text);
    for (size_t i = 0; i < change->n; i++) {
        bind_entry(&sql, &change->entries[i]);
        sql_again(&sql);
    }
    if (sql_end(&sql, error) < 0)
        return -1;
    db->n_activity_unpruned += (int64_t)change->n;
    if (db->n_activity_unpruned < (every > PRUNE_EVERY ? every : PRUNE_EVERY))
        return 0;
    return prune(db, &change->keep, error);
}

static void
release_added(struct job *job)
{
    free(((struct add_job *)job)->entries);
}

void
store_add_activity(struct store *store, const struct activity_entry *entries,
                   size_t n, int64_t n_kept, int64_t since_ms)
{
    struct add_job *change = job_new(sizeof *change, add_activity, NULL, NULL);
    if (change == NULL)
        return;
    change->job.release = release_added;
    change->job.can_linger = true;
    change->keep = (struct keep){ n_kept, since_ms };
    change->entries = malloc(n * sizeof *entries);
    change->n = n;
    if (change->entries == NULL) {
        job_fail_no_memory(&change->job);
        return;
    }
    memcpy(change->entries, entries, n * sizeof *entries);
    store_submit(store, &change->job);
}

static int
keep_activity(struct db *db, struct job *job, struct error *error)
{
    return prune(db, &((struct keep_job *)job)->keep, error);
}

void
store_keep_activity(struct store *store, int64_t n_kept, int64_t since_ms,
                    store_done_fn *on_done, void *ctx)
{
    struct keep_job *change =
        job_new(sizeof *change, keep_activity, on_done, ctx);
    if (change == NULL)
        return;
    change->keep = (struct keep){ n_kept, since_ms };
    store_submit(store, &change->job);
}

static int
clear_activity(struct db *db, struct job *job, struct error *error)
{
    (void)job;
    return db_exec(db, "DELETE FROM activity", error);
}

void
store_clear_activity(struct store *store, store_done_fn *on_done, void *ctx)
{
    struct job *job = job_new(sizeof *job, clear_activity, on_done, ctx);
    if (job != NULL)
        store_submit(store, job);
}

/* ---- asking ---- */

int64_t
store_last_activity_id(struct store *store)
{
    int64_t id = 0;
    struct sql sql;
    sql_init(&sql, store_read_begin(store), "SELECT max(id) FROM activity");
    if (sql_next(&sql))
        id = sql_int(&sql);
    sql_end(&sql, NULL);
    store_read_end(store);
    return id;
}

static int
read_entry(struct sql *sql, struct activity_entry *entry, struct error *error)
{
    entry->id = sql_int(sql);
    entry->at_ms = sql_int(sql);
    if (activity_outcome_from(sql_text(sql), &entry->outcome) < 0) {
        char id[24];
        snprintf(id, sizeof id, "%" PRId64, entry->id);
        return db_row_error(sql->db, error, "activity", id, "unknown outcome");
    }
    entry->status = (int)sql_int(sql);
    entry->is_stream = sql_int(sql) != 0;
    entry->duration_ms = sql_int(sql);
    entry->queue_ms = sql_int(sql);
    entry->load_ms = sql_int(sql);
    entry->first_token_ms = sql_int(sql);
    entry->request_bytes = sql_int(sql);
    entry->answer_bytes = sql_int(sql);
    entry->prompt_tokens = sql_int(sql);
    entry->completion_tokens = sql_int(sql);
    entry->cached_tokens = sql_int(sql);
    entry->prompt_per_s = sql_real(sql);
    entry->completion_per_s = sql_real(sql);
#define COPY(member) \
    (sql_copy_text(sql, entry->member, sizeof entry->member, error) < 0)
    if (COPY(model) || COPY(profile_id) || COPY(method) || COPY(path) ||
        COPY(client) || COPY(key_id) || COPY(caller) || COPY(error))
        return -1;
#undef COPY
    return 0;
}

/* Only what is asked for is among the conditions. */
static void
write_question(const struct activity_query *query, struct strbuf *out)
{
    strbuf_addf(out, "SELECT %s FROM activity WHERE id < ?", columns);
    if (query->id != 0)
        strbuf_add_text(out, " AND id = ?");
    if (query->model[0] != '\0')
        strbuf_add_text(out, " AND model = ?");
    if (query->caller[0] != '\0')
        strbuf_add_text(out, " AND caller = ?");
    if (query->has_outcome)
        strbuf_add_text(out, " AND outcome = ?");
    if (query->text[0] != '\0')
        strbuf_add_text(out, " AND lower(model || char(10) || path || "
                             "char(10) || client || char(10) || caller || "
                             "char(10) || error) LIKE lower(?) ESCAPE '!'");
    if (query->since_ms != 0)
        strbuf_add_text(out, " AND at_ms >= ?");
    if (query->until_ms != 0)
        strbuf_add_text(out, " AND at_ms < ?");
    strbuf_add_text(out, " ORDER BY id DESC LIMIT ?");
}

static void
bind_question(const struct activity_query *query, struct str pattern,
              struct sql *sql)
{
    sql_bind_int(sql, query->before_id == 0 ? INT64_MAX : query->before_id);
    if (query->id != 0)
        sql_bind_int(sql, query->id);
    if (query->model[0] != '\0')
        sql_bind_text(sql, query->model);
    if (query->caller[0] != '\0')
        sql_bind_text(sql, query->caller);
    if (query->has_outcome)
        sql_bind_text(sql, activity_outcome_name(query->outcome));
    if (query->text[0] != '\0')
        sql_bind_str(sql, pattern);
    if (query->since_ms != 0)
        sql_bind_int(sql, query->since_ms);
    if (query->until_ms != 0)
        sql_bind_int(sql, query->until_ms);
    sql_bind_int(sql, query->limit);
}

static int
query_activity(struct db *db, struct job *job, struct error *error)
{
    struct activity_query_job *call = (struct activity_query_job *)job;
    const struct activity_query *query = &call->query;
    struct strbuf pattern = STRBUF_INIT(2 * sizeof query->text + 2);
    struct strbuf text = STRBUF_INIT(2 * KIB);
    struct sql sql;
    int result = 0;
    sql_add_pattern(&pattern, query->text);
    write_question(query, &text);
    if (strbuf_failed(&pattern) || strbuf_failed(&text)) {
        result = error_set(error, ERR_NO_MEMORY, "out of memory");
    } else {
        sql_init(&sql, db, strbuf_text(&text));
        bind_question(query, strbuf_view(&pattern), &sql);
        while (result == 0 && call->n < (size_t)query->limit &&
               sql_next(&sql)) {
            result = read_entry(&sql, &call->entries[call->n], error);
            call->n++;
        }
        if (sql_end(&sql, result == 0 ? error : NULL) < 0)
            result = -1;
    }
    strbuf_release(&text);
    strbuf_release(&pattern);
    return result;
}

static void
deliver_activity(struct job *job, const struct error *error)
{
    struct activity_query_job *call = (struct activity_query_job *)job;
    if (error != NULL)
        call->on_done(job->ctx, NULL, 0, error);
    else
        call->on_done(job->ctx, call->entries, call->n, NULL);
}

static void
release_query(struct job *job)
{
    free(((struct activity_query_job *)job)->entries);
}

void
store_query_activity(struct store *store, const struct activity_query *query,
                     void (*on_done)(void *ctx,
                                     const struct activity_entry *entries,
                                     size_t n, const struct error *error),
                     void *ctx)
{
    struct error error;
    if (query->limit < 1 || query->limit > ACTIVITY_QUERY_MAX) {
        error_field(&error, "limit", "limit %d: expected 1 to %d", query->limit,
                    ACTIVITY_QUERY_MAX);
        on_done(ctx, NULL, 0, &error);
        return;
    }
    struct activity_query_job *call =
        job_new(sizeof *call, query_activity, NULL, ctx);
    if (call == NULL) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, NULL, 0, &error);
        return;
    }
    call->job.deliver = deliver_activity;
    call->job.release = release_query;
    call->query = *query;
    call->on_done = on_done;
    call->entries = calloc((size_t)query->limit, sizeof *call->entries);
    if (call->entries == NULL)
        job_fail_no_memory(&call->job);
    else
        store_submit(store, &call->job);
}
