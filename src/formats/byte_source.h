/* Bytes that a reader of formats/ asks for, wherever they are: a file, the
 * front of one that is still on another machine, a block of memory. */
#ifndef FORMATS_BYTE_SOURCE_H
#define FORMATS_BYTE_SOURCE_H

#include <stdint.h>

#include "base/error.h"
#include "base/str.h"

struct byte_source {
    /* Copies n bytes at `offset`, all of them, or -1 with `error`. Never
     * asked beyond size_bytes. Bytes that cannot be had yet (see
     * byte_prefix) are ERR_UNAVAILABLE. */
    int (*read)(void *ctx, uint64_t offset, void *ret_bytes, size_t n,
                struct error *error);
    void *ctx;
    uint64_t size_bytes; /* of the whole file */
};

/* The front of a file of which `have` bytes are here; when more was asked
 * for, `wanted` says up to where. */
struct byte_prefix {
    struct str have;
    uint64_t wanted;
};
/* A source over it; `size_bytes` is the whole file's. */
struct byte_source byte_prefix_source(struct byte_prefix *prefix,
                                      uint64_t size_bytes);

#endif
