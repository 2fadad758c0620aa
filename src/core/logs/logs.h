/* The program's own log: what modules publish as EVENT_LOG goes to standard
 * error, one line each, and to the store.
 *
 *     2026-01-31T12:00:00.123Z info instances: tiny is ready
 *
 * Control characters and bytes that are not UTF-8 are escaped, so that no
 * text from outside can forge a line or steer a terminal.
 *
 * Nothing here blocks the loop: a thread of its own writes. Lines wait in a
 * queue of bounded length; when nobody reads them, the oldest go, and a line
 * says how many went. Loop thread, all of it. */
#ifndef CORE_LOGS_H
#define CORE_LOGS_H

#include "core/events/events.h"

struct logs;
struct store;

enum { LOGS_QUEUED_MAX = 1024 }; /* lines */

struct logs_options {
    struct events *events;
    struct store *store;  /* NULL: none */
    enum log_level level; /* the least that is written and stored */
    int fd;               /* where to write: 2; stays open */
};

int logs_new(const struct logs_options *options, struct logs **ret_logs,
             struct error *error);
/* Writes what is queued, for at most a second. Accepts NULL. */
void logs_free(struct logs *logs);

void logs_set_level(struct logs *logs, enum log_level level);
enum log_level logs_level(const struct logs *logs);

#endif
