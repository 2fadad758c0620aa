/* For tests of the keeper: starts a real one in a process of its own and
 * speaks its protocol. */
#ifndef TEST_KEEPER_HARNESS_H
#define TEST_KEEPER_HARNESS_H

#include "formats/keeper_protocol.h"

struct keeper_harness {
    char folder[64];
    char socket_path[100];
    char log_path[128];
    char exit_path[128];
    int64_t pid;
    int fd;                      /* the connection, -1: none */
    struct strbuf in;            /* received, not yet taken */
    struct strbuf log;           /* all LOG bytes so far */
    uint64_t log_at;             /* position after them */
    uint64_t n_gap_bytes;        /* positions that were jumped over */
    struct keeper_status status; /* the last one */
    int n_statuses;
    char refused[128]; /* text of the last REFUSED */
};

/* What to run: `argv` NULL-terminated, argv[0] is the program's path. */
struct keeper_order {
    char *const *argv;
    char *const *env; /* NULL: none */
    int64_t orphan_timeout_ms;
    int64_t log_file_bytes;              /* 0: LIMIT_LOG_FILE_BYTES */
    const char *log_path;                /* NULL: in the folder */
    const struct keeper_stop_step *stop; /* NULL: TERM, 1 s */
    size_t n_stop;
};

/* Makes the folder, starts the keeper, sends START, waits for the first
 * status and follows the log. */
void keeper_harness_start(struct keeper_harness *harness,
                          const struct keeper_order *order);
/* Ends what still runs and removes the folder. */
void keeper_harness_end(struct keeper_harness *harness);

void keeper_harness_connect(struct keeper_harness *harness);
void keeper_harness_disconnect(struct keeper_harness *harness);
void keeper_harness_send(struct keeper_harness *harness, struct strbuf *frame);
void keeper_harness_number(struct keeper_harness *harness, uint8_t type,
                           int64_t number);
void keeper_harness_attach(struct keeper_harness *harness);
/* Takes what comes until `is_enough` says so or the time is over; true when
 * it was enough. */
bool keeper_harness_wait(struct keeper_harness *harness,
                         bool (*is_enough)(const struct keeper_harness *),
                         int64_t max_ms);
bool keeper_has_exited(const struct keeper_harness *harness);
bool keeper_is_running(const struct keeper_harness *harness);
bool keeper_was_refused(const struct keeper_harness *harness);
/* Waits for the keeper's own end: its exit code, or -1. */
int keeper_harness_reap(struct keeper_harness *harness, int64_t max_ms);
bool keeper_log_holds(const struct keeper_harness *harness, const char *text);

/* The process that tests start as a keeper: call it first in main(). */
int keeper_harness_main(int argc, char **argv);
const char *fake_engine_path(void);

#endif
