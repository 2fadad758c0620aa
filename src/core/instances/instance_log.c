/* Lines of an engine's output: see instance_log.h. */
#include "core/instances/instance_log.h"

#include <stdlib.h>

#include "formats/redact.h"

typedef void line_fn(void *ctx, uint64_t seq, struct str line);

void
instance_log_init(struct instance_log *log)
{
    *log = (struct instance_log){ .is_fresh = true };
    strbuf_init(&log->partial, LIMIT_LOG_LINE_BYTES);
}

static void
drop_oldest(struct instance_log *log)
{
    struct str *oldest =
        &log->lines[(log->next_seq - log->n_lines) % LIMIT_LOG_RING_LINES];
    log->n_bytes -= oldest->n;
    log->n_lines--;
    free((void *)(uintptr_t)oldest->p);
    *oldest = (struct str){ NULL, 0 };
}

void
instance_log_release(struct instance_log *log)
{
    while (log->n_lines > 0)
        drop_oldest(log);
    strbuf_release(&log->partial);
}

void
instance_log_begin(struct instance_log *log)
{
    log->is_fresh = true;
    log->expected = 0;
    strbuf_clear(&log->partial);
}

/* A copy, NULL without memory. */
static struct str
copy_line(const struct instance_log *log, struct str line)
{
    char *text = str_dup(line);
    if (text == NULL)
        return (struct str){ NULL, 0 };
    if (log->secret != NULL && log->secret[0] != '\0' &&
        str_contains(line, str_from(log->secret))) {
        redact_known(text, log->secret);
        line.n = strlen(text);
    }
    return (struct str){ text, line.n };
}

/* Without memory the line is numbered and told, but it is empty. */
static void
add(struct instance_log *log, struct str line, line_fn *on_line, void *ctx)
{
    while (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    while (log->n_lines > 0 && (log->n_lines == LIMIT_LOG_RING_LINES ||
                                log->n_bytes + line.n > LOG_RING_BYTES_MAX))
        drop_oldest(log);
    struct str copy = copy_line(log, line);
    uint64_t seq = log->next_seq++;
    log->lines[seq % LIMIT_LOG_RING_LINES] = copy;
    log->n_lines++;
    log->n_bytes += copy.n;
    on_line(ctx, seq, copy);
}

static void
add_partial(struct instance_log *log, line_fn *on_line, void *ctx)
{
    struct str line = strbuf_view(&log->partial);
    add(log, line, on_line, ctx);
    strbuf_clear(&log->partial);
}

static void
note_gap(struct instance_log *log, uint64_t n, line_fn *on_line, void *ctx)
{
    char note[96];
    if (log->partial.n > 0)
        add_partial(log, on_line, ctx);
    int length = snprintf(note, sizeof note,
                          "[hearth: %llu bytes of log were dropped here]",
                          (unsigned long long)n);
    add(log, (struct str){ note, (size_t)length }, on_line, ctx);
}

void
instance_log_feed(struct instance_log *log, uint64_t position, struct str bytes,
                  line_fn *on_line, void *ctx)
{
    /* What was written before we first listened is not a loss. */
    if (!log->is_fresh && position > log->expected)
        note_gap(log, position - log->expected, on_line, ctx);
    log->is_fresh = false;
    log->expected = position + bytes.n;
    while (bytes.n > 0) {
        ptrdiff_t end = str_find(bytes, '\n');
        size_t n = end < 0 ? bytes.n : (size_t)end;
        size_t room = LIMIT_LOG_LINE_BYTES - log->partial.n;
        bool is_cut = n > room;
        if (is_cut)
            n = room;
        strbuf_add(&log->partial, bytes.p, n);
        if (strbuf_failed(&log->partial))
            strbuf_clear(&log->partial);
        bytes.p += n;
        bytes.n -= n;
        if (!is_cut && end < 0)
            return;
        add_partial(log, on_line, ctx);
        if (!is_cut) {
            bytes.p++;
            bytes.n--;
        }
    }
}

void
instance_log_end(struct instance_log *log, line_fn *on_line, void *ctx)
{
    if (log->partial.n > 0)
        add_partial(log, on_line, ctx);
}

uint64_t
instance_log_tail(const struct instance_log *log, size_t n_lines, line_fn *fn,
                  void *ctx)
{
    if (n_lines > log->n_lines)
        n_lines = log->n_lines;
    for (uint64_t seq = log->next_seq - n_lines; seq < log->next_seq; seq++)
        fn(ctx, seq, log->lines[seq % LIMIT_LOG_RING_LINES]);
    return log->next_seq;
}
