/* The SQL thread: changes go to it through a queue, results come back through
 * another.
 *
 * The thread takes all that is queued and runs it in one transaction, so that
 * changes which arrive together share the cost of reaching the disk. Each has
 * a savepoint of its own: one that fails is undone alone. A failure that
 * makes SQLite drop the whole transaction (disk full, I/O error) fails the
 * changes before it too, none of which was acknowledged; those after it are
 * tried in a new one.
 *
 * Results are acknowledged on the loop's thread by one posted call for all
 * that is done. The call's argument is a small object of its own, so that it
 * may come after the store has gone.
 *
 * Two locks: `lock` guards the queues, for moments; `db_lock` guards the
 * connection, for as long as a transaction or a load takes. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "platform/file.h"
#include "platform/private_file.h"
#include "store/sqlite/sqlite_internal.h"

enum {
    BATCH_MAX = 512,      /* changes in one transaction */
    LINGERING_MAX = 1000, /* log lines that wait; more are dropped */
    LINGER_MS = 250,      /* how long they wait for company */
    POST_RETRY_MS = 20,
};

struct delivery {
    struct store *store; /* NULL: the store has gone */
};

struct store {
    struct loop *loop;
    struct file_lock file_lock;
    struct db db;
    pthread_t thread;
    pthread_mutex_t db_lock;
    pthread_mutex_t lock;
    pthread_cond_t work; /* something to do, or the end */
    pthread_cond_t idle; /* nothing is queued or running */
    struct list queue;   /* of struct job, in order */
    struct list done;    /* to be delivered, in order */
    size_t n_lingering;  /* of those in the queue */
    size_t n_queued;
    size_t n_running;
    bool is_stopping;
    bool is_hurried;         /* somebody waits for the queue to be empty */
    struct delivery *posted; /* a call is on its way to the loop */
    struct job *group;       /* takes what is changed, or NULL */
    bool has_failed;         /* since the last store_wait() */
    struct error first_failure;
    void (*on_lost)(void *ctx, const struct error *error); /* or NULL */
    void *lost_ctx;
};

/* ---- jobs ---- */

static struct job *
job_at(struct list *node)
{
    return LIST_ENTRY(node, struct job, node);
}

void *
job_new(size_t n_bytes,
        int (*run)(struct db *db, struct job *job, struct error *error),
        store_done_fn *on_done, void *ctx)
{
    struct job *job = calloc(1, n_bytes);
    if (job == NULL) {
        struct error error;
        error_set(&error, ERR_NO_MEMORY, "out of memory before storing");
        if (on_done != NULL)
            on_done(ctx, &error);
        return NULL;
    }
    list_init(&job->node);
    job->run = run;
    job->on_done = on_done;
    job->ctx = ctx;
    return job;
}

void
job_free(struct job *job)
{
    if (job->release != NULL)
        job->release(job);
    free(job);
}

void
job_deliver(struct job *job)
{
    const struct error *error = job->has_failed ? &job->error : NULL;
    if (job->deliver != NULL)
        job->deliver(job, error);
    else if (job->on_done != NULL)
        job->on_done(job->ctx, error);
    job_free(job);
}

void
job_fail_no_memory(struct job *job)
{
    error_set(&job->error, ERR_NO_MEMORY, "out of memory before storing");
    job->has_failed = true;
    job_deliver(job);
}

void
store_submit(struct store *store, struct job *job)
{
    if (store->group != NULL && !job->can_linger) {
        group_add(store->group, job);
        return;
    }
    pthread_mutex_lock(&store->lock);
    bool is_dropped = job->can_linger && store->n_lingering >= LINGERING_MAX;
    if (!is_dropped) {
        list_push_back(&store->queue, &job->node);
        store->n_queued++;
        store->n_lingering += job->can_linger;
        pthread_cond_signal(&store->work);
    }
    pthread_mutex_unlock(&store->lock);
    if (is_dropped)
        job_free(job);
}

int
store_group_begin(struct store *store, struct error *error)
{
    assert(store->group == NULL);
    store->group = group_new();
    return store->group != NULL
               ? 0
               : error_set(error, ERR_NO_MEMORY, "out of memory");
}

void
store_group_end(struct store *store, bool is_kept)
{
    struct job *group = store->group;
    store->group = NULL;
    if (is_kept)
        store_submit(store, group);
    else
        group_cancel(group);
}

/* ---- results ---- */

/* Loop's thread: hands over all that is done. */
static bool
is_awaited(const struct job *job)
{
    return job->deliver != NULL || job->on_done != NULL;
}

void
store_on_lost(struct store *store,
              void (*fn)(void *ctx, const struct error *error), void *ctx)
{
    store->on_lost = fn;
    store->lost_ctx = ctx;
}

static void
deliver_done(struct store *store)
{
    struct list done;
    list_init(&done);
    pthread_mutex_lock(&store->lock);
    while (!list_is_empty(&store->done)) {
        struct list *node = list_first(&store->done);
        list_remove(node);
        list_push_back(&done, node);
    }
    pthread_mutex_unlock(&store->lock);
    LIST_FOR_SAFE(node, &done)
    {
        struct job *job = job_at(node);
        list_remove(node);
        if (job->has_failed && !is_awaited(job) && store->on_lost != NULL)
            store->on_lost(store->lost_ctx, &job->error);
        job_deliver(job);
    }
}

static void
on_posted(void *arg)
{
    struct delivery *delivery = arg;
    struct store *store = delivery->store;
    free(delivery);
    if (store == NULL)
        return;
    pthread_mutex_lock(&store->lock);
    store->posted = NULL;
    pthread_mutex_unlock(&store->lock);
    deliver_done(store);
}

/* SQL thread, locked: true when a call is on its way or nobody needs one. */
static bool
post_done(struct store *store)
{
    if (list_is_empty(&store->done) || store->posted != NULL)
        return true;
    struct delivery *delivery = malloc(sizeof *delivery);
    if (delivery == NULL)
        return false;
    delivery->store = store;
    store->posted = delivery;
    if (loop_post(store->loop, on_posted, delivery) == 0)
        return true;
    store->posted = NULL;
    free(delivery);
    return false;
}

/* ---- the thread ---- */

static void
note_failure(struct store *store, const struct error *error)
{
    if (!store->has_failed)
        store->first_failure = *error;
    store->has_failed = true;
}

/* What was done in a transaction that is no more has failed as well. */
static void
fail_until(struct list *batch, struct list *end, const struct error *error)
{
    LIST_FOR(node, batch)
    {
        if (node == end)
            break;
        struct job *job = job_at(node);
        if (job->has_failed)
            continue;
        job->has_failed = true;
        job->error = *error;
    }
}

static int
run_one(struct db *db, struct job *job)
{
    if (db_exec(db, "SAVEPOINT change", &job->error) < 0)
        return -1;
    if (job->run(db, job, &job->error) == 0)
        return db_exec(db, "RELEASE change", &job->error);
    job->has_failed = true;
    if (sqlite3_get_autocommit(db->handle) != 0 ||
        db_exec(db, "ROLLBACK TO change; RELEASE change", NULL) < 0)
        return -1;
    return 0;
}

/* Runs what it can of the batch; returns the first that was not run, or the
 * list's head. Every one before it has its result. */
static struct list *
run_transaction(struct db *db, struct list *batch)
{
    struct list *node = list_first(batch);
    struct error error;
    if (db_exec(db, "BEGIN IMMEDIATE", &error) < 0) {
        fail_until(batch, batch, &error);
        return batch;
    }
    for (; node != batch; node = node->next) {
        struct job *job = job_at(node);
        if (run_one(db, job) == 0)
            continue;
        job->has_failed = true;
        error = job->error;
        if (sqlite3_get_autocommit(db->handle) == 0)
            db_exec(db, "ROLLBACK", NULL);
        fail_until(batch, node, &error);
        return node->next;
    }
    if (db_exec(db, "COMMIT", &error) < 0) {
        if (sqlite3_get_autocommit(db->handle) == 0)
            db_exec(db, "ROLLBACK", NULL);
        fail_until(batch, batch, &error);
    }
    return batch;
}

static void
run_batch(struct store *store, struct list *batch)
{
    struct list finished;
    list_init(&finished);
    pthread_mutex_lock(&store->db_lock);
    while (!list_is_empty(batch)) {
        struct list *rest = run_transaction(&store->db, batch);
        while (!list_is_empty(batch) && list_first(batch) != rest) {
            struct list *node = list_first(batch);
            list_remove(node);
            list_push_back(&finished, node);
        }
    }
    pthread_mutex_unlock(&store->db_lock);
    pthread_mutex_lock(&store->lock);
    LIST_FOR_SAFE(node, &finished)
    {
        struct job *job = job_at(node);
        list_remove(node);
        if (job->has_failed)
            note_failure(store, &job->error);
        if (!is_awaited(job) && !job->has_failed)
            job_free(job);
        else
            list_push_back(&store->done, node);
    }
    pthread_mutex_unlock(&store->lock);
}

static struct timespec
moment_after(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    int64_t ns = at.tv_nsec + ms * 1000000;
    at.tv_sec += (time_t)(ns / 1000000000);
    at.tv_nsec = (long)(ns % 1000000000);
    return at;
}

/* Locked: is there something that should be written now? */
static bool
has_work(const struct store *store, bool has_lingered)
{
    if (store->n_queued > store->n_lingering)
        return true;
    bool is_due = has_lingered || store->is_hurried || store->is_stopping;
    return store->n_queued > 0 && is_due;
}

/* Locked: sleeps until there is a batch; false at the end. Lines of the log
 * alone are left to gather for a while. */
static bool
wait_for_work(struct store *store)
{
    bool has_lingered = false;
    struct timespec due = moment_after(LINGER_MS);
    for (;;) {
        bool is_posted = post_done(store);
        if (has_work(store, has_lingered))
            return true;
        if (store->n_queued > 0) {
            has_lingered = pthread_cond_timedwait(&store->work, &store->lock,
                                                  &due) == ETIMEDOUT;
            continue;
        }
        pthread_cond_broadcast(&store->idle);
        if (store->is_stopping)
            return false;
        if (is_posted) {
            pthread_cond_wait(&store->work, &store->lock);
        } else {
            struct timespec again = moment_after(POST_RETRY_MS);
            pthread_cond_timedwait(&store->work, &store->lock, &again);
        }
        due = moment_after(LINGER_MS);
    }
}

static void
take_batch(struct store *store, struct list *batch)
{
    list_init(batch);
    for (int i = 0; i < BATCH_MAX && !list_is_empty(&store->queue); i++) {
        struct list *node = list_first(&store->queue);
        list_remove(node);
        list_push_back(batch, node);
        store->n_queued--;
        store->n_lingering -= job_at(node)->can_linger;
        store->n_running++;
    }
}

static void *
sql_thread(void *arg)
{
    struct store *store = arg;
    pthread_mutex_lock(&store->lock);
    while (wait_for_work(store)) {
        struct list batch;
        take_batch(store, &batch);
        pthread_mutex_unlock(&store->lock);
        run_batch(store, &batch);
        pthread_mutex_lock(&store->lock);
        store->n_running = 0;
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

/* ---- open, wait, close ---- */

static int
take_lock(struct store *store, const char *data_dir, const char *holder,
          struct error *error)
{
    char path[LIMIT_PATH_BYTES];
    char other[FILE_LOCK_HOLDER_BYTES];
    long pid;
    int n = snprintf(path, sizeof path, "%s/hearth.lock", data_dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return error_errno(error, ENAMETOOLONG, "the data directory %.64s...",
                           data_dir);
    int result =
        file_lock_take(&store->file_lock, path, holder, other, &pid, error);
    if (result <= 0)
        return result;
    if (pid == 0)
        return error_set(error, ERR_CONFLICT,
                         "data directory %s is in use by another process",
                         data_dir);
    return error_set(error, ERR_CONFLICT,
                     "data directory %s is in use by %s (pid %ld)", data_dir,
                     other, pid);
}

static int
open_files(struct store *store, const char *data_dir, const char *holder,
           struct error *error)
{
    char path[LIMIT_PATH_BYTES];
    if (file_make_folders(data_dir, 0700, error) < 0 ||
        take_lock(store, data_dir, holder, error) < 0)
        return -1;
    int n = snprintf(path, sizeof path, "%s/hearth.db", data_dir);
    if (n < 0 || (size_t)n >= sizeof path)
        return error_errno(error, ENAMETOOLONG, "the data directory %.64s...",
                           data_dir);
    if (private_file_make(path, error) < 0)
        return -1;
    return db_open(&store->db, path, error);
}

static void
store_free(struct store *store)
{
    pthread_cond_destroy(&store->work);
    pthread_cond_destroy(&store->idle);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->db_lock);
    file_lock_release(&store->file_lock);
    free(store);
}

int
store_open(struct loop *loop, const char *data_dir, const char *holder,
           struct store **ret_store, struct error *error)
{
    *ret_store = NULL;
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    store->loop = loop;
    store->file_lock.fd = -1;
    list_init(&store->queue);
    list_init(&store->done);
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->db_lock, NULL);
    pthread_cond_init(&store->work, NULL);
    pthread_cond_init(&store->idle, NULL);
    if (open_files(store, data_dir, holder, error) < 0) {
        store_free(store);
        return -1;
    }
    int errnum = pthread_create(&store->thread, NULL, sql_thread, store);
    if (errnum != 0) {
        db_close(&store->db);
        store_free(store);
        return error_errno(error, errnum, "cannot start the SQL thread");
    }
    *ret_store = store;
    return 0;
}

/* Locked. */
static void
wait_until_idle(struct store *store)
{
    store->is_hurried = true;
    pthread_cond_signal(&store->work);
    while (store->n_queued > 0 || store->n_running > 0)
        pthread_cond_wait(&store->idle, &store->lock);
    store->is_hurried = false;
}

int
store_wait(struct store *store, struct error *error)
{
    pthread_mutex_lock(&store->lock);
    wait_until_idle(store);
    bool has_failed = store->has_failed;
    store->has_failed = false;
    if (has_failed && error != NULL)
        *error = store->first_failure;
    pthread_mutex_unlock(&store->lock);
    deliver_done(store);
    return has_failed ? -1 : 0;
}

void
store_close(struct store *store)
{
    if (store == NULL)
        return;
    pthread_mutex_lock(&store->lock);
    store->is_stopping = true;
    pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);
    deliver_done(store);
    if (store->posted != NULL)
        store->posted->store = NULL;
    /* What a callback of the last moment wanted to change comes too late. */
    while (!list_is_empty(&store->queue)) {
        struct job *job = job_at(list_first(&store->queue));
        list_remove(&job->node);
        error_set(&job->error, ERR_UNAVAILABLE, "the database is closed");
        job->has_failed = true;
        job_deliver(job);
    }
    db_close(&store->db);
    store_free(store);
}

/* ---- loading ---- */

struct db *
store_read_begin(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    wait_until_idle(store);
    pthread_mutex_unlock(&store->lock);
    pthread_mutex_lock(&store->db_lock);
    return &store->db;
}

void
store_read_end(struct store *store)
{
    pthread_mutex_unlock(&store->db_lock);
}

void
rows_begin(struct rows *rows, struct store *store, const char *what,
           const char *text)
{
    *rows = (struct rows){ .store = store, .what = what };
    sql_init(&rows->sql, store_read_begin(store), text);
}

bool
rows_next(struct rows *rows)
{
    return rows->result == 0 && !rows->is_stopped && sql_next(&rows->sql);
}

int
rows_end(struct rows *rows, struct error *error)
{
    if (sql_end(&rows->sql, rows->result == 0 ? error : NULL) < 0)
        rows->result = -1;
    store_read_end(rows->store);
    if (!rows->is_stopped)
        return rows->result;
    return error_set(error, ERR_CANCELLED, "loading of %s was stopped",
                     rows->what);
}
