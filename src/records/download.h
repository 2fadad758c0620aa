/* A download: its states, what may follow each, and its row in the store. */
#ifndef RECORDS_DOWNLOAD_H
#define RECORDS_DOWNLOAD_H

#include <stdbool.h>

#include "base/id.h"
#include "base/state_table.h"
#include "base/str.h"

/* clang-format off */
#define DOWNLOAD_STATES(X)                                              \
    X(QUEUED, "queued")            X(RESOLVING, "resolving")            \
    X(DOWNLOADING, "downloading")  X(VERIFYING, "verifying")            \
    X(COMPLETED, "completed")      X(PAUSED, "paused")                  \
    X(FAILED, "failed")            X(CANCELLED, "cancelled")
/* clang-format on */

enum download_state {
#define X(name, wire) DOWNLOAD_##name,
    DOWNLOAD_STATES(X)
#undef X
        DOWNLOAD_STATE_COUNT
};

/* Rows by state: the wire name and what may follow. A failed one is queued
 * again by a retry; what runs is queued again by a start of the daemon. */
extern const struct state_row download_state_rows[DOWNLOAD_STATE_COUNT];

const char *download_state_name(enum download_state state);
/* The state of a wire name, or DOWNLOAD_STATE_COUNT. */
enum download_state download_state_from(struct str wire);
/* True for the states that need the queue's attention. */
bool download_state_is_active(enum download_state state);

/* What is stored of one. `body` is JSON, borrowed: see core/downloads. */
struct download_row {
    char id[ID_BYTES];
    enum download_state state;
    int64_t priority; /* higher ones go first */
    int64_t created_at_ms;
    const char *body;
};

#endif
