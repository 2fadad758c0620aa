/* What hearth and a keeper say to each other over the keeper's socket.
 *
 * Both are the same program, but not always the same build: a keeper lives
 * on through an upgrade. A frame is 4 bytes of length (of the body, little
 * endian), 1 byte of type, the body. A body is a row of fields: integers of
 * 8 bytes little endian, texts as an integer length and the bytes with a
 * terminating zero that the length counts. A reader ignores what follows
 * the fields it knows, so fields are only ever added at the end.
 *
 *     hearth                          keeper
 *       START spec          ->                  once, first
 *       ATTACH instance id  ->                  instead, after a restart; ""
 *                                               takes any
 *                           <-   STATUS         answer to both, and at every
 *                                               change of the phase
 *       FOLLOW position     ->
 *                           <-   LOG position bytes ...
 *       SIGNAL number       ->                  to the engine's group
 *       STOP is_forced      ->
 *                           <-   STATUS exited  after the last LOG
 *       RELEASE             ->                  the status is on record: the
 *                                               keeper ends
 *                           <-   REFUSED text   for what makes no sense now
 *
 * Pure: no I/O. Decoded texts point into the body they came from. */
#ifndef FORMATS_KEEPER_PROTOCOL_H
#define FORMATS_KEEPER_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/strbuf.h"

enum keeper_message {
    KEEPER_START = 1,
    KEEPER_ATTACH = 2,
    KEEPER_FOLLOW = 3,
    KEEPER_SIGNAL = 4,
    KEEPER_STOP = 5,
    KEEPER_RELEASE = 6,
    KEEPER_STATUS = 64,
    KEEPER_LOG = 65,
    KEEPER_REFUSED = 66,
};

enum {
    KEEPER_HEADER_BYTES = 5,
    KEEPER_SPEC_BYTES = 512 * 1024,  /* body of START */
    KEEPER_CONTROL_BYTES = 1024,     /* body of any other from hearth */
    KEEPER_ANSWER_BYTES = 16 * 1024, /* body of any from the keeper */
    KEEPER_ENV_COUNT = 256,
    KEEPER_STOP_STEPS = 8,
};

/* A frame's header: its type and the length of its body. */
struct keeper_header {
    uint8_t type;
    uint32_t n;
};

void keeper_header_write(char ret_bytes[KEEPER_HEADER_BYTES], uint8_t type,
                         uint32_t n);
/* Takes one whole frame off the front of `bytes`: its length with header,
 * 0 when more bytes are needed, -1 when it is larger than `max_body`. */
ptrdiff_t keeper_frame_next(struct str bytes, uint32_t max_body,
                            struct keeper_header *ret_header,
                            struct str *ret_body);

struct keeper_stop_step {
    int64_t signum;
    int64_t wait_ms;
};

/* What to run and how. */
struct keeper_spec {
    const char *instance_id;
    const char *program; /* absolute path */
    char *argv[LIMIT_ARGV_COUNT + 1];
    size_t argc;
    char *env[KEEPER_ENV_COUNT + 1]; /* added to the keeper's own */
    size_t n_env;
    const char *log_path;
    const char *exit_path; /* the last status, when nobody came to ask */
    int64_t log_file_bytes;
    int64_t n_log_files;
    int64_t orphan_timeout_ms;
    struct keeper_stop_step stop[KEEPER_STOP_STEPS];
    size_t n_stop;
};

/* Appends a whole START frame. */
void keeper_spec_write(struct strbuf *out, const struct keeper_spec *spec);
/* `body` must be writable memory that outlives `ret_spec`, whose texts point
 * into it. -1 with `error` when it is malformed. */
int keeper_spec_read(char *body, size_t n, struct keeper_spec *ret_spec,
                     struct error *error);

enum keeper_phase {
    KEEPER_WAITING, /* no START yet */
    KEEPER_RUNNING,
    KEEPER_EXITED,      /* reaped, the group is gone, the log is whole */
    KEEPER_EXEC_FAILED, /* the program never ran */
    KEEPER_PHASE_COUNT,
};

enum keeper_stop_kind {
    KEEPER_NOT_STOPPED, /* it ended by itself */
    KEEPER_GRACEFUL,    /* by a step before the last resort */
    KEEPER_FORCED,
};

struct keeper_status {
    char instance_id[ID_BYTES];
    int64_t phase; /* enum keeper_phase */
    int64_t keeper_pid;
    uint64_t keeper_ticks;
    int64_t engine_pid;
    uint64_t engine_ticks;
    int64_t exec_errno;
    int64_t exit_code; /* -1: by a signal */
    int64_t exit_signal;
    int64_t stop_kind;      /* enum keeper_stop_kind */
    int64_t is_orphan_stop; /* 1: stopped because nobody came back */
    int64_t started_at_ms;  /* Unix time */
    int64_t exited_at_ms;
    uint64_t log_begin; /* oldest position that can be followed */
    uint64_t log_end;
};

void keeper_status_write(struct strbuf *out,
                         const struct keeper_status *status);
int keeper_status_read(struct str body, struct keeper_status *ret_status,
                       struct error *error);

/* The small ones. */
void keeper_attach_write(struct strbuf *out, const char *instance_id);
void keeper_number_write(struct strbuf *out, uint8_t type, int64_t number);
int keeper_text_read(struct str body, struct str *ret_text);
int keeper_number_read(struct str body, int64_t *ret_number);
/* A LOG body is a number, the position, and then bare bytes. */
int keeper_log_read(struct str body, uint64_t *ret_position,
                    struct str *ret_bytes);
void keeper_refused_write(struct strbuf *out, const char *why);

#endif
