/* One file on its way from an address to a path.
 *
 * Bytes go to `<path>.part`; which of them are on disk stands in
 * `<path>.part.journal` (formats/download_journal.h), written only after the
 * data was brought to disk. Several connections each take the next piece that
 * nobody has; the digest follows behind the front on a worker, so that it is
 * known soon after the last byte. The file gets its name only when length
 * and digest agree and it is on disk.
 *
 * What can go wrong on the way has its rule in transfer_judge.c. After an end
 * at any instant the same transfer goes on from the journal.
 *
 * Loop thread only. */
#ifndef CORE_DOWNLOADS_TRANSFER_H
#define CORE_DOWNLOADS_TRANSFER_H

#include "io/bandwidth.h"
#include "io/fetch.h"

struct transfer;

struct transfer_options {
    struct loop *loop;
    struct fetcher *fetcher;
    struct bandwidth *bandwidth; /* outlives the transfer */
    const char *url;
    const char *bearer; /* or "" */
    const char *path;   /* absolute; its folder is made */
    int64_t size_bytes; /* -1: not known */
    const char *sha256; /* lower case hex, or "" */
    /* Without `sha256`: what Git calls a blob of these bytes; or "". */
    const char *git_blob;
    /* Without `sha256`: what came from there before. A file at the path that
     * has this digest is the one, if the origin says that it still has that
     * version; it is asked for that alone. "": nothing is known. */
    const char *known_sha256, *known_etag;
    /* Whether folders of the path that were made for it go again if it does
     * not come and they are empty; so many bytes of the path name the first
     * one that an earlier transfer made, 0: none. */
    bool clears_folders;
    size_t made_bytes;
    int n_connections; /* >= 1 */
    int64_t stall_ms;
    int64_t max_bytes;      /* 0: no limit */
    int64_t headroom_bytes; /* room that others need on the disk */
    /* Something changed worth showing; often. May be NULL. */
    void (*on_progress)(void *ctx);
    /* Length and digest agree (transfer_view tells the digest), and the journal
     * says so: the file gets its name after transfer_publish(), so that it can
     * be noted before whose file that is. May be NULL: it gets it at once. */
    void (*on_verified)(void *ctx);
    /* The end, once, never inside transfer_start: `error` NULL when the file
     * is at its path. The transfer is gone after it. */
    void (*on_done)(void *ctx, const struct error *error);
    void *ctx;
};

/* Everything is copied. NULL when out of memory. */
struct transfer *transfer_start(const struct transfer_options *options);
/* on_done comes with ERR_CANCELLED when all is quiet. `forgets`: what there
 * is of the file is removed. A transfer that is about to give the file its
 * name still does. */
void transfer_stop(struct transfer *transfer, bool forgets);

/* After on_verified, always: it waits for this, stopped or not. */
void transfer_publish(struct transfer *transfer);

enum transfer_phase {
    TRANSFER_OPENING,
    TRANSFER_RUNNING,
    TRANSFER_WAITING, /* before it tries again */
    TRANSFER_CHECKING /* all bytes are there */
};
struct transfer_view {
    enum transfer_phase phase;
    uint64_t downloaded_bytes;
    int64_t size_bytes; /* -1: not known */
    const char *sha256; /* of what came, "" before it is known */
    const char *etag;
    size_t made_bytes; /* as above, with what this one made */
};
void transfer_view(const struct transfer *transfer,
                   struct transfer_view *ret_view);

#endif
