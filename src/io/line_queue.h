/* Lines on their way to a thread that writes them, so that nobody else waits
 * for a pipe that is not read or a disk that hangs. What does not fit is
 * counted, and a line says so. Any thread may add. */
#ifndef IO_LINE_QUEUE_H
#define IO_LINE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

enum { LINE_QUEUE_MAX = 1024 }; /* lines */

struct line_queue {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    char *lines[LINE_QUEUE_MAX]; /* a ring */
    size_t first;
    size_t n;
    size_t n_dropped; /* since it was last told */
    bool is_stopping;
    int64_t stop_by_ms;
    /* On the thread: writes the line, or gives it up. */
    void (*write)(void *ctx, struct str line);
    char *(*tell_loss)(size_t n_dropped);
    void *ctx;
};

/* `tell_loss` makes the line that says how many were lost, to free(). */
int line_queue_start(struct line_queue *queue,
                     void (*write)(void *ctx, struct str line),
                     char *(*tell_loss)(size_t n_dropped), void *ctx,
                     struct error *error);
/* Writes what is queued, for at most a second. */
void line_queue_stop(struct line_queue *queue);
/* Copies the line; NULL: it was lost before it came here. */
void line_queue_add(struct line_queue *queue, const char *line);
/* For `write`: false when the time for the last lines is over. */
bool line_queue_may_go_on(struct line_queue *queue);

#endif
