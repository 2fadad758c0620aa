/* Any bytes as a journal: no crash, and what passes is a journal of ours that
 * reads the same when it is written again. */
#include <stdlib.h>

#include "formats/download_journal.h"
#include "fuzz.h"

struct copy {
    struct strbuf ranges;
    uint64_t end;
    size_t n;
};

static int
keep(void *ctx, uint64_t from, uint64_t to)
{
    struct copy *copy = ctx;
    if (to <= from || (copy->n > 0 && from <= copy->end))
        abort();
    copy->end = to;
    copy->n++;
    download_journal_range(&copy->ranges, from, to);
    return 0;
}

static int
count(void *ctx, uint64_t from, uint64_t to)
{
    (void)from;
    (void)to;
    ++*(size_t *)ctx;
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct download_journal journal, back;
    struct copy copy = { .ranges = STRBUF_INIT(4 * JOURNAL_BYTES_MAX) };
    struct strbuf out = STRBUF_INIT(8 * JOURNAL_BYTES_MAX);
    size_t n_back = 0;
    strbuf_add_byte(&copy.ranges, '['); /* so the first has no comma */
    if (download_journal_read((struct str){ (const char *)data, n }, &journal,
                              keep, &copy, NULL) == 0) {
        if (journal.size_bytes >= 0 && copy.end > (uint64_t)journal.size_bytes)
            abort();
        download_journal_begin(&journal, &out);
        strbuf_drop_front(&copy.ranges, 1);
        strbuf_add_str(&out, strbuf_view(&copy.ranges));
        download_journal_end(&out);
        if (download_journal_read(strbuf_view(&out), &back, count, &n_back,
                                  NULL) != 0 ||
            n_back != copy.n || back.size_bytes != journal.size_bytes)
            abort();
    }
    strbuf_release(&out);
    strbuf_release(&copy.ranges);
    return 0;
}
