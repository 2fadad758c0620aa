/* The cut of a stream changes no event. */
#include <stdlib.h>

#include "formats/sse.h"
#include "fuzz.h"

static void
write_event(void *ctx, struct str name, struct str data)
{
    struct strbuf *out = ctx;
    strbuf_addf(out, "%zu %zu ", name.n, data.n);
    strbuf_add_str(out, name);
    strbuf_add_str(out, data);
}

static void
read_in_pieces(const uint8_t *data, size_t n, size_t piece, struct strbuf *out)
{
    struct sse_reader reader;
    sse_reader_init(&reader, 200, write_event, out);
    for (size_t at = 0; at < n; at += piece) {
        size_t take = n - at < piece ? n - at : piece;
        char *copy = malloc(take);
        if (copy == NULL)
            abort();
        memcpy(copy, data + at, take);
        sse_reader_feed(&reader, (struct str){ copy, take });
        free(copy);
    }
    sse_reader_release(&reader);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0)
        return 0;
    struct strbuf whole = STRBUF_INIT(1 << 24);
    struct strbuf cut = STRBUF_INIT(1 << 24);
    read_in_pieces(data + 1, n - 1, n, &whole);
    read_in_pieces(data + 1, n - 1, 1 + data[0] % 11, &cut);
    if (!str_eq(strbuf_view(&whole), strbuf_view(&cut)))
        abort();
    strbuf_release(&whole);
    strbuf_release(&cut);
    return 0;
}
