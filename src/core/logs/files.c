/* The log in files, and what can be asked about those: see logs.h.
 *
 * Only the names of the row "hearth.log", "hearth.log.1", ... are names; no
 * path is ever made of what a client sends. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/logs/logs_internal.h"
#include "formats/log_line.h"
#include "io/worker.h"
#include "platform/file.h"

#define FILE_NAME "hearth.log"

_Static_assert(LOG_FILES_MAX == (int)ROTATED_FILES_MAX, "as many as can be");

/* ---- telling of failures, by way of the loop ---- */

static void
on_news(void *arg)
{
    struct log_news *news = arg;
    struct logs *logs = news->logs;
    if (logs != NULL) {
        pthread_mutex_lock(&logs->news_lock);
        logs->news = NULL;
        pthread_mutex_unlock(&logs->news_lock);
        if (news->is_failure)
            events_log(logs->events, LOG_ERROR, "logs",
                       "the log's file cannot be written to: %s",
                       news->error.message);
        if (!news->is_failure || news->is_over)
            events_log(logs->events, LOG_INFO, "logs",
                       "the log's file is written to again");
    }
    free(news);
}

/* One at a time: what comes while one is on its way is told with it, as far as
 * it is still so. */
static void
tell(struct logs *logs, bool is_failure, const struct error *error)
{
    pthread_mutex_lock(&logs->news_lock);
    if (logs->news != NULL && is_failure) {
        logs->news->is_failure = true;
        logs->news->is_over = false;
        logs->news->error = *error;
    } else if (logs->news != NULL) {
        logs->news->is_over = logs->news->is_failure;
    } else {
        struct log_news *news = calloc(1, sizeof *news);
        if (news != NULL) {
            news->logs = logs;
            news->is_failure = is_failure;
            news->error = *error;
            if (loop_post(logs->loop, on_news, news) == 0)
                logs->news = news;
            else
                free(news);
        }
    }
    pthread_mutex_unlock(&logs->news_lock);
}

/* ---- writing; on the queue's thread ---- */

/* Takes over what the loop wants. */
static void
take_limits(struct log_files_sink *files)
{
    uint64_t max_bytes = (uint64_t)atomic_load(&files->max_bytes);
    int n_files = atomic_load(&files->n_files);
    if (files->file.max_bytes != max_bytes || files->file.n_files != n_files)
        rotated_file_limit(&files->file, max_bytes, n_files);
}

/* 0 when all of it is in the file. What was begun is not left to look like a
 * part of the next line. */
static int
put(struct log_files_sink *files, struct str line)
{
    if (files->is_torn && rotated_file_add(&files->file, STR("\n")) == 0)
        return -1;
    files->is_torn = false;
    size_t n = rotated_file_add(&files->file, line);
    files->is_torn = n > 0 && n < line.n;
    return n == line.n ? 0 : -1;
}

static int
put_loss(struct log_files_sink *files)
{
    struct log_entry entry = { .at_ms = loop_wall_ms(), .level = LOG_WARN };
    snprintf(entry.source, sizeof entry.source, "logs");
    snprintf(entry.message, sizeof entry.message,
             "%zu lines could not be written here", files->n_lost);
    char *line = log_line(&entry);
    int result = line == NULL ? 0 : put(files, str_from(line));
    free(line);
    return result;
}

static void
write_file(void *ctx, struct str line)
{
    struct logs *logs = ctx;
    struct log_files_sink *files = &logs->files;
    struct error error = { .code = ERR_OK };
    pthread_mutex_lock(&files->lock);
    take_limits(files);
    bool was_failed = files->is_failed;
    errno = 0;
    files->is_failed =
        (was_failed && put_loss(files) != 0) || put(files, line) != 0;
    if (files->is_failed) {
        files->n_lost++;
        error_errno(&error, errno == 0 ? EIO : errno, "%s", files->file.path);
        /* The folder may be new, or have been removed. */
        rotated_file_close(&files->file);
        (void)file_make_folders(logs->folder, 0700, NULL);
    } else {
        files->n_lost = 0;
    }
    bool has_news = files->is_failed != was_failed;
    bool is_failure = files->is_failed;
    pthread_mutex_unlock(&files->lock);
    if (has_news)
        tell(logs, is_failure, &error);
}

int
log_files_open(struct logs *logs, const char *data_dir, struct error *error)
{
    struct log_files_sink *files = &logs->files;
    char path[LIMIT_PATH_BYTES];
    int n = snprintf(logs->folder, sizeof logs->folder, "%s/logs", data_dir);
    int m = snprintf(path, sizeof path, "%s/logs/" FILE_NAME, data_dir);
    if (n < 0 || m < 0 || (size_t)m >= sizeof path ||
        rotated_file_init(&files->file, path,
                          (uint64_t)logs->config.max_file_bytes,
                          logs->config.n_files) != 0)
        return error_field(error, "data_dir", "the path is too long: %.64s...",
                           data_dir);
    rotated_file_limit(&files->file, files->file.max_bytes,
                       files->file.n_files);
    /* Whether there is room for files shows when the first line is written. */
    (void)file_make_folders(logs->folder, 0700, NULL);
    files->has_queue = line_queue_start(&files->queue, write_file,
                                        log_loss_line, logs, error) == 0;
    return files->has_queue ? 0 : -1;
}

void
log_files_stop(struct logs *logs)
{
    if (logs->files.has_queue)
        line_queue_stop(&logs->files.queue);
    logs->files.has_queue = false;
}

void
log_files_let_go(struct logs *logs)
{
    if (!logs->is_over || logs->n_jobs > 0)
        return;
    if (logs->folder[0] != '\0')
        rotated_file_close(&logs->files.file);
    pthread_mutex_destroy(&logs->files.lock);
    pthread_mutex_destroy(&logs->news_lock);
    free(logs);
}

/* ---- names ---- */

/* The number of the file of that name, or -1. */
static int
number_of(struct str name)
{
    struct str stem = STR(FILE_NAME);
    uint64_t i;
    if (str_eq(name, stem))
        return 0;
    if (!str_starts_with(name, stem) || name.n < stem.n + 2 ||
        name.n > stem.n + 3 || name.p[stem.n] != '.' ||
        name.p[stem.n + 1] < '1' || name.p[stem.n + 1] > '9')
        return -1;
    struct str digits = { name.p + stem.n + 1, name.n - stem.n - 1 };
    return str_to_u64(digits, &i) == 0 && i < LOG_FILES_MAX ? (int)i : -1;
}

static void
name_of(int i, char ret_name[LOG_FILE_NAME_BYTES])
{
    if (i == 0)
        snprintf(ret_name, LOG_FILE_NAME_BYTES, FILE_NAME);
    else
        snprintf(ret_name, LOG_FILE_NAME_BYTES, FILE_NAME ".%d", i);
}

static int
number_or_error(struct str name, struct error *error)
{
    int i = number_of(name);
    if (i < 0)
        error_set(error, ERR_NOT_FOUND, "there is no log file \"%.*s\"",
                  (int)(name.n > 64 ? 64 : name.n), name.p);
    return i;
}

/* ---- jobs of workers ---- */

struct file_job {
    struct logs *logs;
    int i; /* of the file; -1: of all */
    struct error error;
    /* results */
    struct log_files files;
    int n_removed;
    struct log_entry *entries; /* room for `limit`, newest first */
    size_t n;
    bool is_cut;
    /* what is read */
    struct log_filter filter;
    char source[LOG_SOURCE_BYTES], text[128];
    int limit;
    /* one of them */
    void (*on_listed)(void *ctx, const struct log_files *files,
                      const struct error *error);
    void (*on_cleared)(void *ctx, int n, const struct error *error);
    void (*on_read)(void *ctx, const struct log_entry *entries, size_t n,
                    bool is_cut, const struct error *error);
    void *ctx;
};

static void
deliver(struct file_job *job)
{
    const struct error *error = job->error.code == ERR_OK ? NULL : &job->error;
    if (job->on_listed != NULL)
        job->on_listed(job->ctx, error == NULL ? &job->files : NULL, error);
    else if (job->on_cleared != NULL)
        job->on_cleared(job->ctx, job->n_removed, error);
    else
        job->on_read(job->ctx, error == NULL ? job->entries : NULL, job->n,
                     job->is_cut, error);
    free(job->entries);
    free(job);
}

static void
finish_job(void *arg)
{
    struct file_job *job = arg;
    struct logs *logs = job->logs;
    deliver(job);
    logs->n_jobs--;
    log_files_let_go(logs);
}

/* Takes the job; an error of its own is told without a worker. What a worker
 * has is not looked at any more. */
static void
submit(struct file_job *job, void (*work)(void *arg))
{
    struct logs *logs = job->logs;
    bool is_good = job->error.code == ERR_OK;
    if (is_good && logs->folder[0] == '\0') {
        error_set(&job->error, ERR_NOT_IMPLEMENTED, "no log files are kept");
        is_good = false;
    }
    if (is_good && worker_submit(logs->loop, work, finish_job, job) == 0) {
        logs->n_jobs++;
        return;
    }
    if (is_good)
        error_set(&job->error, ERR_NO_MEMORY, "out of memory");
    deliver(job);
}

static void
list_files(void *arg)
{
    struct file_job *job = arg;
    for (int i = 0; i < LOG_FILES_MAX; i++) {
        struct log_file_facts *facts = &job->files.at[job->files.n];
        name_of(i, facts->name);
        if (rotated_file_facts(job->logs->files.file.path, i,
                               &facts->size_bytes, &facts->modified_at_ms) == 0)
            job->files.n++;
    }
}

void
logs_list_files(struct logs *logs,
                void (*on_done)(void *ctx, const struct log_files *files,
                                const struct error *error),
                void *ctx)
{
    struct error error;
    struct file_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, NULL, &error);
        return;
    }
    job->logs = logs;
    job->on_listed = on_done;
    job->ctx = ctx;
    submit(job, list_files);
}

static void
clear_files(void *arg)
{
    struct file_job *job = arg;
    struct log_files_sink *files = &job->logs->files;
    pthread_mutex_lock(&files->lock);
    if (job->i < 0)
        job->n_removed = rotated_file_clear(&files->file);
    else
        job->n_removed = rotated_file_remove(&files->file, job->i);
    files->is_torn = files->is_torn && job->i > 0;
    pthread_mutex_unlock(&files->lock);
    if (job->i >= 0 && job->n_removed == 0)
        error_set(&job->error, ERR_NOT_FOUND, "there is no such log file");
}

void
logs_clear_files(struct logs *logs, struct str name,
                 void (*on_done)(void *ctx, int n, const struct error *error),
                 void *ctx)
{
    struct error error;
    struct file_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, 0, &error);
        return;
    }
    job->logs = logs;
    job->on_cleared = on_done;
    job->ctx = ctx;
    job->i = name.n == 0 ? -1 : number_or_error(name, &job->error);
    submit(job, clear_files);
}

/* ---- reading ---- */

static void
take_line(struct file_job *job, struct str line)
{
    struct log_entry *entry = &job->entries[job->n];
    if (!log_line_read(line, entry)) {
        *entry = (struct log_entry){ .level = LOG_INFO };
        str_quote(line, NULL, entry->message, sizeof entry->message);
    }
    job->n += log_filter_matches(&job->filter, entry);
}

/* From the end; the first line of a part may be half a line. */
static void
take_lines(struct file_job *job, struct str text)
{
    while (text.n > 0 && job->n < (size_t)job->limit) {
        const char *end = text.p + text.n;
        if (end[-1] == '\n')
            end--;
        struct str line = { text.p, (size_t)(end - text.p) };
        for (const char *at = end; at > text.p; at--)
            if (at[-1] == '\n') {
                line = (struct str){ at, (size_t)(end - at) };
                break;
            }
        text.n = (size_t)(line.p - text.p);
        if (text.n == 0 && job->is_cut)
            return;
        if (line.n > 0)
            take_line(job, line);
    }
    job->is_cut = job->is_cut || text.n > 0;
}

static void
read_file(void *arg)
{
    struct file_job *job = arg;
    struct strbuf text = STRBUF_INIT(LOG_FILE_READ_BYTES + 1);
    if (rotated_file_tail(job->logs->files.file.path, job->i,
                          LOG_FILE_READ_BYTES, &text, &job->is_cut,
                          &job->error) == 0)
        take_lines(job, strbuf_view(&text));
    strbuf_release(&text);
}

static struct str
keep_text(struct str text, char *room, size_t size)
{
    size_t n = text.n < size ? text.n : size - 1;
    if (n > 0)
        memcpy(room, text.p, n);
    return (struct str){ room, n };
}

void
logs_read_file(struct logs *logs, struct str name,
               const struct log_filter *filter, int limit,
               void (*on_done)(void *ctx, const struct log_entry *entries,
                               size_t n, bool is_cut,
                               const struct error *error),
               void *ctx)
{
    struct error error;
    struct file_job *job = calloc(1, sizeof *job);
    struct log_entry *entries = limit < 1 || limit > LOGS_PAGE_MAX
                                    ? NULL
                                    : calloc((size_t)limit, sizeof *entries);
    if (job == NULL || entries == NULL) {
        free(job);
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, NULL, 0, false, &error);
        return;
    }
    job->logs = logs;
    job->on_read = on_done;
    job->ctx = ctx;
    job->limit = limit;
    job->entries = entries;
    job->filter = *filter;
    job->filter.source =
        keep_text(filter->source, job->source, sizeof job->source);
    job->filter.text = keep_text(filter->text, job->text, sizeof job->text);
    job->i = number_or_error(name, &job->error);
    submit(job, read_file);
}
