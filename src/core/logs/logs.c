/* The log: see logs.h. */
#include "core/logs/logs.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/strbuf.h"
#include "base/units.h"
#include "core/logs/logs_internal.h"
#include "io/loop.h"
#include "platform/output.h"
#include "platform/system.h"
#include "store/store.h"

enum {
    WRITE_TIMEOUT_MS = 100,
    FLUSH_MS = 1000,
};

struct logs {
    struct subscription subscription;
    struct store *store;
    enum log_level level;
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    char *lines[LOGS_QUEUED_MAX]; /* a ring */
    size_t first;
    size_t n;
    size_t n_dropped; /* since it was last told */
    bool is_stopping;
    int64_t stop_by_ms;
};

/* ---- the writer ---- */

/* False when the time for the last lines is over. */
static bool
may_go_on(struct logs *logs)
{
    pthread_mutex_lock(&logs->lock);
    bool may = !logs->is_stopping || system_monotonic_ms() < logs->stop_by_ms;
    pthread_mutex_unlock(&logs->lock);
    return may;
}

static void
write_line(struct logs *logs, struct str line)
{
    while (line.n > 0 && may_go_on(logs)) {
        ptrdiff_t n = output_write(logs->fd, line, WRITE_TIMEOUT_MS);
        if (n < 0)
            return; /* nobody will ever read it, and there is no other way */
        line.p += n;
        line.n -= (size_t)n;
    }
}

static void
write_loss(struct logs *logs, size_t n_dropped)
{
    struct log_entry entry = { .at_ms = loop_wall_ms(), .level = LOG_WARN };
    snprintf(entry.source, sizeof entry.source, "logs");
    snprintf(entry.message, sizeof entry.message,
             "%zu lines were dropped: they were not read in time", n_dropped);
    char *line = log_line(&entry);
    write_line(logs, str_from(line));
    free(line);
}

static void *
writer(void *arg)
{
    struct logs *logs = arg;
    pthread_mutex_lock(&logs->lock);
    for (;;) {
        while (logs->n == 0 && !logs->is_stopping)
            pthread_cond_wait(&logs->work, &logs->lock);
        if (logs->n == 0)
            break;
        char *line = logs->lines[logs->first];
        size_t n_dropped = logs->n_dropped;
        logs->first = (logs->first + 1) % LOGS_QUEUED_MAX;
        logs->n--;
        logs->n_dropped = 0;
        pthread_mutex_unlock(&logs->lock);
        if (n_dropped > 0)
            write_loss(logs, n_dropped);
        write_line(logs, str_from(line));
        free(line);
        pthread_mutex_lock(&logs->lock);
    }
    pthread_mutex_unlock(&logs->lock);
    return NULL;
}

/* ---- the loop's side ---- */

static void
push(struct logs *logs, char *line)
{
    char *oldest = NULL;
    pthread_mutex_lock(&logs->lock);
    if (logs->n == LOGS_QUEUED_MAX) {
        oldest = logs->lines[logs->first];
        logs->first = (logs->first + 1) % LOGS_QUEUED_MAX;
        logs->n--;
        logs->n_dropped++;
    }
    logs->lines[(logs->first + logs->n) % LOGS_QUEUED_MAX] = line;
    logs->n++;
    pthread_cond_signal(&logs->work);
    pthread_mutex_unlock(&logs->lock);
    free(oldest);
}

static void
note_loss(struct logs *logs)
{
    pthread_mutex_lock(&logs->lock);
    logs->n_dropped++;
    pthread_mutex_unlock(&logs->lock);
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct logs *logs = LIST_ENTRY(subscription, struct logs, subscription);
    const struct log_entry *entry = event->payload;
    if (entry->level < logs->level)
        return;
    if (logs->store != NULL)
        store_add_log(logs->store, entry);
    char *line = log_line(entry);
    if (line == NULL)
        note_loss(logs);
    else
        push(logs, line);
}

int
logs_new(const struct logs_options *options, struct logs **ret_logs,
         struct error *error)
{
    *ret_logs = NULL;
    struct logs *logs = calloc(1, sizeof *logs);
    if (logs == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    logs->store = options->store;
    logs->level = options->level;
    logs->fd = options->fd;
    pthread_mutex_init(&logs->lock, NULL);
    pthread_cond_init(&logs->work, NULL);
    int errnum = pthread_create(&logs->thread, NULL, writer, logs);
    if (errnum != 0) {
        pthread_cond_destroy(&logs->work);
        pthread_mutex_destroy(&logs->lock);
        free(logs);
        return error_errno(error, errnum, "cannot start the log's thread");
    }
    events_subscribe(options->events, &logs->subscription, EVENT_BIT(LOG),
                     on_event);
    *ret_logs = logs;
    return 0;
}

void
logs_free(struct logs *logs)
{
    if (logs == NULL)
        return;
    events_unsubscribe(&logs->subscription);
    pthread_mutex_lock(&logs->lock);
    logs->is_stopping = true;
    logs->stop_by_ms = system_monotonic_ms() + FLUSH_MS;
    pthread_cond_signal(&logs->work);
    pthread_mutex_unlock(&logs->lock);
    pthread_join(logs->thread, NULL);
    pthread_cond_destroy(&logs->work);
    pthread_mutex_destroy(&logs->lock);
    free(logs);
}

void
logs_set_level(struct logs *logs, enum log_level level)
{
    logs->level = level;
}

enum log_level
logs_level(const struct logs *logs)
{
    return logs->level;
}
