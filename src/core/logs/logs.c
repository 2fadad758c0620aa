/* The log: see logs.h. */
#include "core/logs/logs_internal.h"

#include <stdio.h>
#include <stdlib.h>

#include "formats/log_line.h"
#include "io/loop.h"
#include "platform/output.h"

enum { WRITE_TIMEOUT_MS = 100 };

char *
log_loss_line(size_t n_dropped)
{
    struct log_entry entry = { .at_ms = loop_wall_ms(), .level = LOG_WARN };
    snprintf(entry.source, sizeof entry.source, "logs");
    snprintf(entry.message, sizeof entry.message,
             "%zu lines were dropped: they were not read in time", n_dropped);
    return log_line(&entry);
}

/* On the console's thread. */
static void
write_console(void *ctx, struct str line)
{
    struct logs *logs = ctx;
    while (line.n > 0 && line_queue_may_go_on(&logs->console)) {
        ptrdiff_t n = output_write(logs->fd, line, WRITE_TIMEOUT_MS);
        if (n < 0)
            return; /* nobody will ever read it, and there is no other way */
        line.p += n;
        line.n -= (size_t)n;
    }
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct logs *logs = LIST_ENTRY(subscription, struct logs, subscription);
    const struct log_entry *entry = event->payload;
    const struct logs_config *config = &logs->config;
    if (entry->level < config->level)
        return;
    if (config->has_store && logs->store != NULL)
        store_add_log(logs->store, entry);
    log_memory_add(&logs->memory, entry);
    bool to_files = config->has_files && logs->files.has_queue;
    if (!config->has_console && !to_files)
        return;
    char *line = log_line(entry);
    if (config->has_console)
        line_queue_add(&logs->console, line);
    if (to_files)
        line_queue_add(&logs->files.queue, line);
    free(line);
}

static void
on_kept(void *ctx, const struct error *error)
{
    struct events *events = ctx;
    if (error != NULL && error->code != ERR_UNAVAILABLE)
        events_log(events, LOG_WARN, "logs",
                   "old entries could not be removed: %s", error->message);
}

void
logs_configure(struct logs *logs, const struct logs_config *config)
{
    bool keeps_others = config->n_stored != logs->config.n_stored;
    logs->config = *config;
    log_memory_resize(&logs->memory, (size_t)config->n_remembered);
    atomic_store(&logs->files.max_bytes, config->max_file_bytes);
    atomic_store(&logs->files.n_files, config->n_files);
    if (keeps_others && logs->store != NULL)
        store_keep_logs(logs->store, config->n_stored, on_kept, logs->events);
}

const struct logs_config *
logs_config(const struct logs *logs)
{
    return &logs->config;
}

int
logs_new(const struct logs_options *options, struct logs **ret_logs,
         struct error *error)
{
    *ret_logs = NULL;
    struct logs *logs = calloc(1, sizeof *logs);
    if (logs == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    logs->loop = options->loop;
    logs->events = options->events;
    logs->store = options->store;
    logs->fd = options->fd;
    pthread_mutex_init(&logs->news_lock, NULL);
    pthread_mutex_init(&logs->files.lock, NULL);
    logs_configure(logs, &options->config);
    if (logs->store != NULL &&
        options->events->next_log_id <= store_last_log_id(logs->store))
        options->events->next_log_id = store_last_log_id(logs->store) + 1;
    events_subscribe(options->events, &logs->subscription, EVENT_BIT(LOG),
                     on_event);
    logs->has_console = line_queue_start(&logs->console, write_console,
                                         log_loss_line, logs, error) == 0;
    if (!logs->has_console ||
        (options->data_dir != NULL &&
         log_files_open(logs, options->data_dir, error) < 0)) {
        logs_free(logs);
        return -1;
    }
    *ret_logs = logs;
    return 0;
}

void
logs_free(struct logs *logs)
{
    if (logs == NULL)
        return;
    events_unsubscribe(&logs->subscription);
    log_files_stop(logs);
    if (logs->has_console)
        line_queue_stop(&logs->console);
    pthread_mutex_lock(&logs->news_lock);
    if (logs->news != NULL)
        logs->news->logs = NULL;
    pthread_mutex_unlock(&logs->news_lock);
    log_memory_release(&logs->memory);
    logs->is_over = true;
    log_files_let_go(logs);
}
