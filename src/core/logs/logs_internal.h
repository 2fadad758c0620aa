/* Inside of logs. */
#ifndef CORE_LOGS_INTERNAL_H
#define CORE_LOGS_INTERNAL_H

#include <stdatomic.h>

#include "core/logs/logs.h"
#include "core/logs/memory.h"
#include "io/line_queue.h"
#include "platform/rotated_file.h"
#include "store/store.h"

/* What the threads say to the loop. A small object of its own, so that it may
 * come after the log has gone. */
struct log_news {
    struct logs *logs; /* NULL: gone */
    struct error error;
    bool is_failure; /* else: it works again */
    bool is_over;    /* the failure, by now */
};

/* The files. Writers are the queue's thread and workers that clear. */
struct log_files_sink {
    struct line_queue queue;
    bool has_queue;
    pthread_mutex_t lock; /* of what follows; held while a disk is slow, so
                           * never by the loop */
    struct rotated_file file;
    bool is_torn; /* its last line has no end */
    bool is_failed;
    size_t n_lost; /* lines, since the last that was written */
    /* What the loop wants. */
    atomic_llong max_bytes;
    atomic_int n_files;
};

struct logs {
    struct subscription subscription;
    struct loop *loop;
    struct events *events;
    struct store *store;
    struct logs_config config;
    int fd;
    struct line_queue console;
    bool has_console;
    struct log_files_sink files;
    char folder[LIMIT_PATH_BYTES];
    struct log_memory memory;
    pthread_mutex_t news_lock;
    struct log_news *news; /* on its way to the loop */
    int n_jobs;            /* of workers */
    bool is_over;          /* freed when the last of them ends */
};

/* The line that says how many were lost, to free(). */
char *log_loss_line(size_t n_dropped);

/* files.c */
int log_files_open(struct logs *logs, const char *data_dir,
                   struct error *error);
void log_files_stop(struct logs *logs);
/* Frees the log once no worker has a part in it. */
void log_files_let_go(struct logs *logs);

#endif
