/* Ranges of bytes: see spans.h. */
#include "core/downloads/spans.h"

#include <stdlib.h>
#include <string.h>

void
spans_release(struct spans *spans)
{
    free(spans->at);
    *spans = (struct spans){ .n = 0 };
}

static int
make_room(struct spans *spans)
{
    if (spans->n < spans->capacity)
        return 0;
    size_t capacity = spans->capacity == 0 ? 8 : spans->capacity * 2;
    struct span *at = realloc(spans->at, capacity * sizeof *at);
    if (at == NULL)
        return -1;
    spans->at = at;
    spans->capacity = capacity;
    return 0;
}

int
spans_add(struct spans *spans, uint64_t from, uint64_t to)
{
    if (from >= to)
        return 0;
    if (make_room(spans) < 0)
        return -1;
    size_t first = 0; /* the first that touches or lies behind */
    while (first < spans->n && spans->at[first].to < from)
        first++;
    size_t last = first; /* the first that lies apart behind */
    while (last < spans->n && spans->at[last].from <= to) {
        if (spans->at[last].from < from)
            from = spans->at[last].from;
        if (spans->at[last].to > to)
            to = spans->at[last].to;
        last++;
    }
    memmove(&spans->at[first + 1], &spans->at[last],
            (spans->n - last) * sizeof *spans->at);
    spans->at[first] = (struct span){ from, to };
    spans->n = spans->n - (last - first) + 1;
    return 0;
}

int
spans_copy(struct spans *to, const struct spans *from)
{
    *to = (struct spans){ .n = 0 };
    for (size_t i = 0; i < from->n; i++) {
        if (spans_add(to, from->at[i].from, from->at[i].to) < 0) {
            spans_release(to);
            return -1;
        }
    }
    return 0;
}

uint64_t
spans_total(const struct spans *spans)
{
    uint64_t total = 0;
    for (size_t i = 0; i < spans->n; i++)
        total += spans->at[i].to - spans->at[i].from;
    return total;
}

uint64_t
spans_front(const struct spans *spans)
{
    return spans->n > 0 && spans->at[0].from == 0 ? spans->at[0].to : 0;
}

bool
spans_gap(const struct spans *spans, uint64_t size, uint64_t most,
          struct span *ret_gap)
{
    uint64_t from = spans_front(spans);
    size_t next = from > 0 ? 1 : 0;
    uint64_t to = next < spans->n ? spans->at[next].from : size;
    if (to > size)
        to = size;
    if (from >= to)
        return false;
    *ret_gap = (struct span){ from, to - from > most ? from + most : to };
    return true;
}
