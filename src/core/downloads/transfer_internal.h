/* Shared by the files of a transfer:
 *
 *   transfer.c         phases, connections, the end
 *   transfer_wire.c    what a connection brings, on the fetch thread
 *   transfer_judge.c   what an ended connection means
 *   transfer_disk.c    jobs on workers: open, digest, sync, finish */
#ifndef CORE_DOWNLOADS_TRANSFER_INTERNAL_H
#define CORE_DOWNLOADS_TRANSFER_INTERNAL_H

#include <stdatomic.h>

#include "base/strbuf.h"
#include "core/digest/digest.h"
#include "core/downloads/spans.h"
#include "core/downloads/transfer.h"
#include "formats/download_journal.h"
#include "io/timer.h"
#include "platform/private_file.h"

enum {
    TRANSFER_CONNECTIONS_MAX = 16,
    TRANSFER_TEXT_BYTES = 4096,
    TRANSFER_SNIFF_BYTES = 16,
    TRANSFER_PATH_BYTES = 4096,
};
#define TRANSFER_PIECE_MIN (4 * UINT64_C(1048576))
#define TRANSFER_PIECE_MAX (64 * UINT64_C(1048576))

/* What an answer was, beyond "all went well". */
enum wire_outcome {
    WIRE_FINE,
    WIRE_STATUS,        /* neither 200 nor 206: see status, text */
    WIRE_RANGE_IGNORED, /* 200 to a request from the middle */
    WIRE_RANGE_WRONG,   /* 206 of other bytes than asked for */
    WIRE_UNSATISFIED,   /* 416 */
    WIRE_CHANGED,       /* another version than before */
    WIRE_ASKED,         /* no byte was wanted: see total, etag */
    WIRE_REFUSED,       /* not a file, or too large: see error */
    WIRE_DISK           /* could not be written: see error */
};

struct connection {
    struct transfer *transfer;
    struct fetch *fetch; /* NULL: free */
    struct span piece;   /* claimed; to: UINT64_MAX when the end is not known */
    uint64_t folded;     /* up to here it is in the spans */
    bool is_cancelled;
    bool has_range;
    bool is_question; /* which version there is */
    /* Copies for the fetch thread. */
    int64_t expect_size;
    char expect_etag[JOURNAL_TEXT_BYTES];
    /* The fetch thread's, until on_done; what is atomic is read before. */
    _Atomic uint64_t at;   /* the next byte goes there */
    _Atomic bool has_head; /* total, etag and is_ranged are good */
    _Atomic bool is_paused;
    _Atomic bool is_held; /* until there is room for what its head announced */
    uint64_t end;         /* of what comes */
    enum wire_outcome outcome;
    int status;
    bool is_ranged;
    bool is_elsewhere; /* the answer came from another host */
    int64_t total;     /* of the file; -1: not told */
    int64_t retry_after_s;
    char etag[JOURNAL_TEXT_BYTES];
    char text[TRANSFER_TEXT_BYTES]; /* an error's body, or its header */
    size_t n_text;
    struct error error;
};

struct transfer {
    struct transfer_options options;
    char *url, *bearer, *path, *part, *journal, *journal_new, *lock_path;
    char sha256[SHA256_HEX_BYTES];     /* wanted, or "" */
    char git_blob[GIT_BLOB_HEX_BYTES]; /* wanted when that is not, or "" */
    char known_sha256[SHA256_HEX_BYTES], known_etag[JOURNAL_TEXT_BYTES];
    enum transfer_phase phase;
    struct timer tick;
    struct timer retry;
    int fd;
    struct file_lock lock;
    size_t made_bytes;

    struct spans done;
    int64_t size;     /* -1: not known */
    int64_t reserved; /* the size that there is room for; -1: none */
    char etag[JOURNAL_TEXT_BYTES];
    bool is_ranged;     /* the origin answers ranges */
    bool is_sequential; /* it does not */
    bool is_whole;      /* a body without announced length has ended */
    bool is_asking;     /* the file is there: is it what the origin has? */
    struct connection connections[TRANSFER_CONNECTIONS_MAX];
    size_t n_active;

    int n_failures; /* in a row without a byte between them */
    int n_restarts;
    uint64_t bytes_at_failure;

    uint64_t version; /* rises when all is thrown away */
    struct sha256 *digest;
    uint64_t hashed;
    bool is_hashing;
    char found_sha256[SHA256_HEX_BYTES];
    char found_git_blob[GIT_BLOB_HEX_BYTES]; /* where one is wanted */
    bool is_syncing;
    uint64_t synced_bytes;
    int64_t synced_at_ms;
    bool is_dirty;
    bool is_stale; /* the journal tells of bytes that were thrown away */
    bool is_told;  /* on_verified was called */
    bool is_let;   /* the file may have its name */
    bool is_opening;
    bool is_reserving;
    bool is_finishing;

    bool is_stopping;
    bool forgets;
    struct error error; /* why it ends; code ERR_OK: it does not */
};

/* ---- transfer.c ---- */

/* Ends with this error once all is quiet. */
void transfer_fail(struct transfer *transfer, const struct error *error);
/* Does what there is to do now: connections, jobs, the end. */
void transfer_turn(struct transfer *transfer);
/* Everything from the beginning. */
void transfer_restart(struct transfer *transfer);
/* What came is worth nothing, but the version is the same. */
void transfer_throw_away(struct transfer *transfer);
bool transfer_has_all(const struct transfer *transfer);
void transfer_retry_after(struct transfer *transfer, int64_t ms);
/* A file has the name already and is not known to be the wanted one: -1. */
int transfer_set_taken(const struct transfer *transfer, const char *why,
                       struct error *error);

/* ---- transfer_wire.c; on the fetch thread ---- */

enum fetch_verdict wire_on_head(void *ctx, const struct fetch_head *head);
enum fetch_verdict wire_on_body(void *ctx, struct str bytes);

/* ---- transfer_judge.c ---- */

void transfer_judge(struct connection *connection, const struct error *error);

/* ---- transfer_disk.c ---- */

void transfer_open(struct transfer *transfer);
/* Takes the room of t->size, while no connection writes. */
void transfer_reserve(struct transfer *transfer);
void transfer_hash(struct transfer *transfer);
void transfer_sync(struct transfer *transfer);
void transfer_finish(struct transfer *transfer);
void transfer_close(struct transfer *transfer); /* then it is freed */

#endif
