/* What is known of an unfinished download, beside its `.part`: JSON,
 *
 *     {"version":1,"size":N or null,"etag":"...","sha256":"...",
 *      "done":[[from,to],...]}
 *
 * `done` are ranges of bytes (`to` not included) that were on disk before
 * this was written; size, etag and sha256 say of which version of the file.
 * The file is replaced whole, so it is whole. */
#ifndef FORMATS_DOWNLOAD_JOURNAL_H
#define FORMATS_DOWNLOAD_JOURNAL_H

#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { JOURNAL_BYTES_MAX = 1024 * 1024, JOURNAL_TEXT_BYTES = 256 };

struct download_journal {
    int64_t size_bytes; /* -1: not known */
    char etag[JOURNAL_TEXT_BYTES];
    char sha256[65];
};

/* Hands each range to `on_range`, in rising order, none twice; it returns 0
 * to go on. -1 with `error` for anything that was not written by us; then
 * ranges may have been handed over and must be forgotten. */
int download_journal_read(struct str text, struct download_journal *ret,
                          int (*on_range)(void *ctx, uint64_t from,
                                          uint64_t to),
                          void *ctx, struct error *error);

/* begin, range by range, end. */
void download_journal_begin(const struct download_journal *journal,
                            struct strbuf *out);
void download_journal_range(struct strbuf *out, uint64_t from, uint64_t to);
void download_journal_end(struct strbuf *out);

#endif
