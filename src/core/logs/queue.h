/* Lines on their way to a thread that writes them, so that nobody else waits
 * for a pipe that is not read or a disk that hangs. Internal to core/logs/. */
#ifndef CORE_LOGS_QUEUE_H
#define CORE_LOGS_QUEUE_H

#include "base/error.h"
#include "base/str.h"
#include "core/logs/logs.h"

struct log_queue {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    char *lines[LOGS_QUEUED_MAX]; /* a ring */
    size_t first;
    size_t n;
    size_t n_dropped; /* since it was last told */
    bool is_stopping;
    int64_t stop_by_ms;
    /* On the thread: writes the line, or gives it up. */
    void (*write)(void *ctx, struct str line);
    void *ctx;
};

int log_queue_start(struct log_queue *queue,
                    void (*write)(void *ctx, struct str line), void *ctx,
                    struct error *error);
/* Writes what is queued, for at most a second. */
void log_queue_stop(struct log_queue *queue);
/* Copies the line; NULL: it was lost before it came here. */
void log_queue_add(struct log_queue *queue, const char *line);
/* For `write`: false when the time for the last lines is over. */
bool log_queue_may_go_on(struct log_queue *queue);

#endif
