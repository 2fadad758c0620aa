/* Lines on their way to a thread: see queue.h. */
#include "io/line_queue.h"

#include <stdlib.h>

#include "platform/system.h"

enum { FLUSH_MS = 1000 };

/* ---- the writer ---- */

bool
line_queue_may_go_on(struct line_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool may = !queue->is_stopping || system_monotonic_ms() < queue->stop_by_ms;
    pthread_mutex_unlock(&queue->lock);
    return may;
}

static void
write_loss(struct line_queue *queue, size_t n_dropped)
{
    char *line = queue->tell_loss(n_dropped);
    if (line != NULL)
        queue->write(queue->ctx, str_from(line));
    free(line);
}

static void *
writer(void *arg)
{
    struct line_queue *queue = arg;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (queue->n == 0 && !queue->is_stopping)
            pthread_cond_wait(&queue->work, &queue->lock);
        if (queue->n == 0)
            break;
        char *line = queue->lines[queue->first];
        size_t n_dropped = queue->n_dropped;
        queue->first = (queue->first + 1) % LINE_QUEUE_MAX;
        queue->n--;
        queue->n_dropped = 0;
        pthread_mutex_unlock(&queue->lock);
        if (n_dropped > 0)
            write_loss(queue, n_dropped);
        if (line_queue_may_go_on(queue))
            queue->write(queue->ctx, str_from(line));
        free(line);
        pthread_mutex_lock(&queue->lock);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* ---- the loop's side ---- */

void
line_queue_add(struct line_queue *queue, const char *line)
{
    char *copy = line == NULL ? NULL : str_dup(str_from(line));
    char *oldest = NULL;
    pthread_mutex_lock(&queue->lock);
    if (copy == NULL || queue->n == LINE_QUEUE_MAX)
        queue->n_dropped++;
    if (copy != NULL && queue->n == LINE_QUEUE_MAX) {
        oldest = queue->lines[queue->first];
        queue->first = (queue->first + 1) % LINE_QUEUE_MAX;
        queue->n--;
    }
    if (copy != NULL)
        queue->lines[(queue->first + queue->n++) % LINE_QUEUE_MAX] = copy;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&queue->lock);
    free(oldest);
}

int
line_queue_start(struct line_queue *queue,
                 void (*write)(void *ctx, struct str line),
                 char *(*tell_loss)(size_t n_dropped), void *ctx,
                 struct error *error)
{
    queue->write = write;
    queue->tell_loss = tell_loss;
    queue->ctx = ctx;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->work, NULL);
    int errnum = pthread_create(&queue->thread, NULL, writer, queue);
    if (errnum == 0)
        return 0;
    pthread_cond_destroy(&queue->work);
    pthread_mutex_destroy(&queue->lock);
    return error_errno(error, errnum, "cannot start the log's thread");
}

void
line_queue_stop(struct line_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_stopping = true;
    queue->stop_by_ms = system_monotonic_ms() + FLUSH_MS;
    pthread_cond_signal(&queue->work);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->thread, NULL);
    pthread_cond_destroy(&queue->work);
    pthread_mutex_destroy(&queue->lock);
}
