/* An instance: one engine process (group) that serves one profile. */
#ifndef RECORDS_INSTANCE_H
#define RECORDS_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/state_table.h"

/* clang-format off */
#define INSTANCE_STATES(X)                                              \
    X(STOPPED, "stopped")       X(ATTACHING, "attaching")               \
    X(STARTING, "starting")     X(LOADING, "loading")                   \
    X(READY, "ready")           X(UNHEALTHY, "unhealthy")               \
    X(DRAINING, "draining")     X(STOPPING, "stopping")                 \
    X(FAILED, "failed")         X(BACKOFF, "backoff")
/* clang-format on */

enum instance_state {
#define X(name, wire) INSTANCE_##name,
    INSTANCE_STATES(X)
#undef X
        INSTANCE_STATE_COUNT
};

/* Rows by state: the wire name and what may follow. */
extern const struct state_row instance_state_rows[INSTANCE_STATE_COUNT];

const char *instance_state_name(enum instance_state state);

/* How a process is told from another one that got its number. */
struct process_identity {
    int64_t pid;          /* 0: none */
    uint64_t start_ticks; /* the system's own measure of the start time */
    char boot_id[40];
};

enum stop_kind { STOP_NONE, STOP_GRACEFUL, STOP_FORCED };

const char *stop_kind_name(enum stop_kind kind); /* "graceful", "forced" */

/* How the last process ended. */
struct instance_exit {
    bool has_exited;
    int exit_code;   /* -1 when ended by a signal */
    int exit_signal; /* 0 when it exited */
};

/* What the database keeps, so that a restarted daemon finds its engines. */
struct instance_row {
    char id[ID_BYTES];
    char profile_id[ID_BYTES];
    char node[64];
    enum instance_state state;
    int port;
    struct process_identity keeper;
    struct process_identity engine;
    char socket_path[512]; /* the keeper's */
    char api_key[80];      /* the engine's own, per instance; a secret */
    int64_t started_at_ms;
};

#endif
