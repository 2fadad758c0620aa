/* What a transfer does on workers. Each job has copies of what it needs and
 * gives its result back on the loop; one of each kind runs at a time. The
 * transfer outlives its jobs (transfer_turn waits for them). */
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "core/downloads/transfer_internal.h"
#include "io/worker.h"
#include "platform/file.h"
#include "platform/part_file.h"
#include "platform/tree.h"
#include "platform/usage.h"

enum { HASH_STEP_BYTES = 1024 * 1024 };
#define HASH_JOB_BYTES (256 * UINT64_C(1048576))

static void
submit(struct transfer *t, void (*work)(void *), void (*done)(void *),
       void *job, bool *flag)
{
    *flag = true;
    if (worker_submit(t->options.loop, work, done, job) == 0)
        return;
    *flag = false;
    free(job);
    struct error error;
    error_set(&error, ERR_NO_MEMORY, "out of memory");
    transfer_fail(t, &error);
}

/* ---- open ---- */

struct open_job {
    struct transfer *t;
    struct error error;
    bool is_there; /* the whole file, with the right digest */
    bool is_known; /* the whole file, with the digest of an earlier one */
};

static int
take_range(void *ctx, uint64_t from, uint64_t to)
{
    return spans_add(ctx, from, to);
}

/* What the journal says, if it is of this version and the data is there. */
static void
read_journal(struct transfer *t)
{
    struct strbuf text = STRBUF_INIT(JOURNAL_BYTES_MAX);
    struct download_journal journal;
    struct file_stamp stamp;
    bool is_good =
        file_stamp(t->part, &stamp) == 0 &&
        file_read(t->journal, &text, NULL) == 0 &&
        download_journal_read(strbuf_view(&text), &journal, take_range,
                              &t->done, NULL) == 0 &&
        (t->size < 0 || journal.size_bytes == t->size) &&
        (journal.sha256[0] == '\0' || strcmp(journal.sha256, t->sha256) == 0);
    strbuf_release(&text);
    if (is_good && t->done.n > 0 &&
        t->done.at[t->done.n - 1].to > (uint64_t)stamp.size_bytes)
        is_good = false;
    if (!is_good) {
        spans_release(&t->done);
        return;
    }
    t->size = journal.size_bytes;
    snprintf(t->etag, sizeof t->etag, "%s", journal.etag);
}

static int
hash_file(const char *path, char ret_hex[SHA256_HEX_BYTES], struct error *error)
{
    struct sha256 *digest = sha256_new(error);
    char *bytes = malloc(HASH_STEP_BYTES);
    ptrdiff_t n = digest == NULL || bytes == NULL ? -1 : 1;
    for (uint64_t at = 0; n > 0; at += (uint64_t)n) {
        n = file_read_part(path, at, bytes, HASH_STEP_BYTES, error);
        if (n > 0)
            sha256_add(digest, bytes, (size_t)n);
    }
    if (n == 0 && sha256_hex(digest, ret_hex) < 0)
        n = -1;
    free(bytes);
    sha256_free(digest);
    return n == 0 ? 0 : -1;
}

/* The same of a file that Git has a name for. */
static int
look_at_blob(struct open_job *job, const struct file_stamp *stamp)
{
    struct transfer *t = job->t;
    char found[GIT_BLOB_HEX_BYTES];
    if ((t->size < 0 || stamp->size_bytes == t->size) &&
        git_blob_of_file(t->path, (uint64_t)stamp->size_bytes, found,
                         &job->error) == 0 &&
        strcmp(found, t->git_blob) == 0 &&
        hash_file(t->path, t->found_sha256, &job->error) == 0) {
        t->size = stamp->size_bytes;
        job->is_there = true;
        return 0;
    }
    return transfer_set_taken(t, "it is another file", &job->error);
}

/* A file that has the name already: ours, or somebody else's. */
static int
look_at_target(struct open_job *job)
{
    struct transfer *t = job->t;
    struct file_stamp stamp;
    char hex[SHA256_HEX_BYTES];
    if (file_stamp(t->path, &stamp) < 0)
        return 0;
    bool is_wanted = t->sha256[0] != '\0';
    if (t->git_blob[0] != '\0')
        return look_at_blob(job, &stamp);
    const char *digest = is_wanted ? t->sha256 : t->known_sha256;
    if (digest[0] != '\0' && (t->size < 0 || stamp.size_bytes == t->size) &&
        hash_file(t->path, hex, &job->error) == 0 && strcmp(hex, digest) == 0) {
        t->size = stamp.size_bytes;
        snprintf(t->found_sha256, sizeof t->found_sha256, "%s", hex);
        job->is_there = is_wanted;
        job->is_known = !is_wanted;
        return 0;
    }
    return transfer_set_taken(t,
                              digest[0] == '\0'
                                  ? "nothing says that it is the same file"
                                  : "it is another file",
                              &job->error);
}

/* What it takes already is not needed once more. */
static int
check_room(struct transfer *t, int64_t size, struct error *error)
{
    struct disk_usage disk = { .free_bytes = INT64_MAX };
    (void)usage_disk(t->path, &disk, NULL); /* else the writing tells */
    int64_t needed = size - part_file_allocated(t->part);
    if (needed > 0 &&
        i64_add_capped(needed, t->options.headroom_bytes) > disk.free_bytes)
        return error_set(error, ERR_NO_SPACE,
                         "%lld bytes are needed beside %lld that are to stay "
                         "free or others need, and the disk has %lld",
                         (long long)needed,
                         (long long)t->options.headroom_bytes,
                         (long long)disk.free_bytes);
    return 0;
}

static void
folder_of(const struct transfer *t, char *ret_folder)
{
    snprintf(ret_folder, TRANSFER_PATH_BYTES, "%.*s",
             (int)(strrchr(t->path, '/') - t->path), t->path);
}

static int
make_folder(struct transfer *t, struct error *error)
{
    char folder[TRANSFER_PATH_BYTES];
    size_t made;
    folder_of(t, folder);
    if (file_make_folders_noting(folder, 0755, &made, error) < 0)
        return -1;
    if (made > 0 && (t->made_bytes == 0 || made < t->made_bytes))
        t->made_bytes = made;
    return 0;
}

static int
open_files(struct open_job *job)
{
    struct transfer *t = job->t;
    char holder[FILE_LOCK_HOLDER_BYTES];
    long pid;
    if (make_folder(t, &job->error) < 0)
        return -1;
    int taken = file_lock_take(&t->lock, t->lock_path, "hearth download",
                               holder, &pid, &job->error);
    if (taken > 0)
        error_set(&job->error, ERR_CONFLICT,
                  "another download writes %s (process %ld)", t->path, pid);
    if (taken != 0 || look_at_target(job) < 0)
        return -1;
    if (job->is_there || job->is_known)
        return 0;
    read_journal(t);
    if ((t->size >= 0 && check_room(t, t->size, &job->error) < 0) ||
        part_file_open(t->part, &t->fd, &job->error) < 0)
        return -1;
    /* The journal goes first: what it says must never fit again. */
    if (t->done.n == 0 && (part_file_remove(t->journal, &job->error) < 0 ||
                           part_file_cut(t->fd, 0, &job->error) < 0))
        return -1;
    return t->size < 0
               ? 0
               : part_file_reserve(t->fd, (uint64_t)t->size, &job->error);
}

static void
open_work(void *arg)
{
    struct open_job *job = arg;
    if (open_files(job) < 0 && job->error.code == ERR_OK)
        error_set(&job->error, ERR_IO, "cannot begin");
}

static void
on_opened(void *arg)
{
    struct open_job *job = arg;
    struct transfer *t = job->t;
    t->is_opening = false;
    t->phase = TRANSFER_RUNNING;
    t->reserved = t->size;
    if (job->error.code != ERR_OK && !job->is_there && !job->is_known)
        transfer_fail(t, &job->error);
    t->is_whole = job->is_there;
    t->is_asking = job->is_known;
    if (job->is_known)
        snprintf(t->etag, sizeof t->etag, "%s", t->known_etag);
    free(job);
    transfer_turn(t);
}

void
transfer_open(struct transfer *t)
{
    struct open_job *job = calloc(1, sizeof *job);
    if (job != NULL)
        job->t = t;
    if (job != NULL) {
        submit(t, open_work, on_opened, job, &t->is_opening);
        return;
    }
    struct error error;
    error_set(&error, ERR_NO_MEMORY, "out of memory");
    transfer_fail(t, &error);
}

/* ---- room, when the size was not known before ---- */

struct reserve_job {
    struct transfer *t;
    int64_t size;
    struct error error;
};

static void
reserve_work(void *arg)
{
    struct reserve_job *job = arg;
    struct transfer *t = job->t;
    if (check_room(t, job->size, &job->error) == 0)
        part_file_reserve(t->fd, (uint64_t)job->size, &job->error);
}

static void
on_reserved(void *arg)
{
    struct reserve_job *job = arg;
    struct transfer *t = job->t;
    t->is_reserving = false;
    if (job->error.code != ERR_OK)
        transfer_fail(t, &job->error);
    else
        t->reserved = job->size;
    free(job);
    transfer_turn(t);
}

void
transfer_reserve(struct transfer *t)
{
    struct reserve_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return; /* the next tick tries again */
    job->t = t;
    job->size = t->size;
    submit(t, reserve_work, on_reserved, job, &t->is_reserving);
}

/* ---- digest ---- */

struct hash_job {
    struct transfer *t;
    uint64_t from, to, version;
    bool is_end; /* `to` is the end of the file */
    struct error error;
};

static void
hash_work(void *arg)
{
    struct hash_job *job = arg;
    struct transfer *t = job->t;
    char *bytes = malloc(HASH_STEP_BYTES);
    if (bytes == NULL)
        error_set(&job->error, ERR_NO_MEMORY, "out of memory");
    while (bytes != NULL && job->from < job->to) {
        uint64_t left = job->to - job->from;
        size_t want =
            left < HASH_STEP_BYTES ? (size_t)left : (size_t)HASH_STEP_BYTES;
        int64_t n = part_file_read(t->fd, job->from, bytes, want, &job->error);
        if (n <= 0)
            break;
        sha256_add(t->digest, bytes, (size_t)n);
        job->from += (uint64_t)n;
    }
    free(bytes);
    if (job->from < job->to && job->error.code == ERR_OK)
        error_set(&job->error, ERR_IO, "the file is shorter than was written");
    else if (job->is_end && t->git_blob[0] != '\0')
        git_blob_of_file(t->part, job->to, t->found_git_blob, &job->error);
}

static void
on_hashed(void *arg)
{
    struct hash_job *job = arg;
    struct transfer *t = job->t;
    t->is_hashing = false;
    if (job->version != t->version)
        t->hashed = 0;
    else if (job->error.code != ERR_OK)
        transfer_fail(t, &job->error);
    else
        t->hashed = job->to;
    free(job);
    transfer_turn(t);
}

void
transfer_hash(struct transfer *t)
{
    uint64_t front = spans_front(&t->done);
    bool is_end = t->size >= 0 && front == (uint64_t)t->size;
    if (t->is_hashing || front <= t->hashed ||
        (!is_end && front - t->hashed < TRANSFER_PIECE_MIN))
        return;
    struct error error = { .code = ERR_OK };
    if (t->digest == NULL)
        t->digest = sha256_new(&error);
    else if (t->hashed == 0)
        sha256_reset(t->digest);
    struct hash_job *job = t->digest == NULL ? NULL : calloc(1, sizeof *job);
    if (job == NULL) {
        if (error.code == ERR_OK)
            error_set(&error, ERR_NO_MEMORY, "out of memory");
        transfer_fail(t, &error);
        return;
    }
    uint64_t to =
        front - t->hashed > HASH_JOB_BYTES ? t->hashed + HASH_JOB_BYTES : front;
    *job = (struct hash_job){
        .t = t,
        .from = t->hashed,
        .to = to,
        .is_end = is_end && to == front,
        .version = t->version,
    };
    submit(t, hash_work, on_hashed, job, &t->is_hashing);
}

/* ---- sync ---- */

struct sync_job {
    struct transfer *t;
    struct spans done;
    struct download_journal journal;
    uint64_t version;
    struct error error;
};

static void
sync_work(void *arg)
{
    struct sync_job *job = arg;
    struct transfer *t = job->t;
    struct strbuf text = STRBUF_INIT(JOURNAL_BYTES_MAX);
    download_journal_begin(&job->journal, &text);
    for (size_t i = 0; i < job->done.n; i++)
        download_journal_range(&text, job->done.at[i].from, job->done.at[i].to);
    download_journal_end(&text);
    if (strbuf_failed(&text))
        error_set(&job->error, ERR_NO_MEMORY, "out of memory");
    else if (part_file_sync(t->fd, &job->error) == 0)
        file_write_by(t->journal_new, t->journal, strbuf_view(&text), 0600,
                      &job->error);
    strbuf_release(&text);
}

static void
on_synced(void *arg)
{
    struct sync_job *job = arg;
    struct transfer *t = job->t;
    t->is_syncing = false;
    if (job->version == t->version)
        t->is_stale = false;
    if (job->error.code != ERR_OK)
        transfer_fail(t, &job->error);
    spans_release(&job->done);
    free(job);
    transfer_turn(t);
}

/* The data first, then what says that it is there. */
void
transfer_sync(struct transfer *t)
{
    struct sync_job *job = calloc(1, sizeof *job);
    if (job == NULL || spans_copy(&job->done, &t->done) < 0) {
        free(job); /* the next tick tries again */
        return;
    }
    job->t = t;
    job->version = t->version;
    job->journal.size_bytes = t->size;
    snprintf(job->journal.etag, sizeof job->journal.etag, "%s", t->etag);
    snprintf(job->journal.sha256, sizeof job->journal.sha256, "%s", t->sha256);
    t->synced_bytes = spans_total(&t->done);
    t->synced_at_ms = loop_now_ms(t->options.loop);
    t->is_dirty = false;
    submit(t, sync_work, on_synced, job, &t->is_syncing);
}

/* ---- finish and close ---- */

struct end_job {
    struct transfer *t;
    bool publishes;
    bool removes; /* the part and its journal, whatever comes */
    struct error error;
};

static void
end_work(void *arg)
{
    struct end_job *job = arg;
    struct transfer *t = job->t;
    if (job->publishes &&
        (part_file_cut(t->fd, (uint64_t)t->size, &job->error) < 0 ||
         part_file_sync(t->fd, &job->error) < 0 ||
         part_file_publish(t->part, t->path, &job->error) < 0))
        job->publishes = false;
    part_file_close(t->fd);
    t->fd = -1;
    bool is_owner = t->lock.fd >= 0;
    if (is_owner && (job->publishes || job->removes)) {
        part_file_remove(t->part, NULL);
        part_file_remove(t->journal, NULL);
        part_file_remove(t->journal_new, NULL);
    }
    if (is_owner)
        part_file_remove(t->lock_path, NULL);
    file_lock_release(&t->lock);
    char folder[TRANSFER_PATH_BYTES];
    folder_of(t, folder);
    if (t->options.clears_folders && !job->publishes &&
        file_remove_empty_folders(folder, t->made_bytes))
        t->made_bytes = 0; /* what stays of them holds what others made */
}

static void
free_transfer(struct transfer *t)
{
    timer_stop(&t->tick);
    timer_stop(&t->retry);
    spans_release(&t->done);
    sha256_free(t->digest);
    free(t->url);
    free(t->bearer);
    free(t->path);
    free(t->part);
    free(t->journal);
    free(t->journal_new);
    free(t->lock_path);
    free(t);
}

static void
on_ended(void *arg)
{
    struct end_job *job = arg;
    struct transfer *t = job->t;
    /* Stopped while it got its name: it has it. */
    struct error error = job->publishes ? job->error : t->error;
    if (error.code == ERR_OK)
        error = job->error;
    void (*on_done)(void *ctx, const struct error *error) = t->options.on_done;
    void *ctx = t->options.ctx;
    on_done(ctx, error.code == ERR_OK ? NULL : &error);
    free(job);
    free_transfer(t);
}

static void
end(struct transfer *t, bool publishes)
{
    struct end_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        (void)timer_start(t->options.loop, &t->tick, 1000); /* tries again */
        return;
    }
    bool was_there = t->fd < 0 && t->is_whole && t->error.code == ERR_OK;
    *job = (struct end_job){ .t = t,
                             .publishes = publishes,
                             .removes = was_there || t->forgets };
    submit(t, end_work, on_ended, job, &t->is_finishing);
}

void
transfer_finish(struct transfer *t)
{
    end(t, t->fd >= 0); /* without a descriptor the file was there before */
}

void
transfer_close(struct transfer *t)
{
    end(t, false);
}
