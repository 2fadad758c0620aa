/* Which bytes of a file are there: sorted ranges that do not touch. Pure. */
#ifndef CORE_DOWNLOADS_SPANS_H
#define CORE_DOWNLOADS_SPANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    uint64_t from, to; /* `to` is the first byte that is not in it */
};

struct spans {
    struct span *at;
    size_t n, capacity;
};

void spans_release(struct spans *spans); /* empty, ready for use again */
/* 0, or -1 when out of memory (nothing is added). */
int spans_add(struct spans *spans, uint64_t from, uint64_t to);
int spans_copy(struct spans *to, const struct spans *from);
uint64_t spans_total(const struct spans *spans);
/* How far the file is there from its beginning. */
uint64_t spans_front(const struct spans *spans);
/* The first piece of [0, size) that is not there, at most `most` bytes. False
 * when there is none. */
bool spans_gap(const struct spans *spans, uint64_t size, uint64_t most,
               struct span *ret_gap);

#endif
