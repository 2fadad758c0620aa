/* Server-sent events: see sse.h. */
#include "formats/sse.h"

void
sse_reader_init(struct sse_reader *reader, size_t max_event_bytes,
                void (*on_event)(void *ctx, struct str name, struct str data),
                void *ctx)
{
    *reader = (struct sse_reader){ .is_first_line = true,
                                   .on_event = on_event,
                                   .ctx = ctx };
    strbuf_init(&reader->line, max_event_bytes);
    strbuf_init(&reader->data, max_event_bytes);
}

void
sse_reader_release(struct sse_reader *reader)
{
    strbuf_release(&reader->line);
    strbuf_release(&reader->data);
}

bool
sse_reader_is_between(const struct sse_reader *reader)
{
    return reader->line.n == 0 && !reader->has_data && !reader->is_too_large &&
           reader->name_n == 0;
}

static void
end_event(struct sse_reader *reader)
{
    if (reader->has_data && !reader->is_too_large)
        reader->on_event(reader->ctx,
                         (struct str){ reader->name, reader->name_n },
                         strbuf_view(&reader->data));
    strbuf_clear(&reader->data);
    reader->has_data = false;
    reader->is_too_large = false;
    reader->name_n = 0;
}

static void
take_field(struct sse_reader *reader, struct str name, struct str value)
{
    if (str_is(name, "data")) {
        if (reader->has_data)
            strbuf_add_byte(&reader->data, '\n');
        strbuf_add_str(&reader->data, value);
        reader->has_data = true;
        if (strbuf_failed(&reader->data))
            reader->is_too_large = true;
    } else if (str_is(name, "event")) {
        if (value.n > sizeof reader->name)
            value.n = sizeof reader->name;
        memcpy(reader->name, value.p, value.n);
        reader->name_n = value.n;
    }
}

static void
take_line(struct sse_reader *reader, struct str line)
{
    if (reader->is_first_line && str_starts_with(line, STR("\xEF\xBB\xBF"))) {
        line.p += 3;
        line.n -= 3;
    }
    reader->is_first_line = false;
    if (line.n == 0) {
        end_event(reader);
        return;
    }
    ptrdiff_t colon = str_find(line, ':');
    if (colon < 0) {
        take_field(reader, line, STR(""));
        return;
    }
    struct str value = { line.p + colon + 1, line.n - (size_t)colon - 1 };
    if (value.n > 0 && value.p[0] == ' ') {
        value.p++;
        value.n--;
    }
    take_field(reader, (struct str){ line.p, (size_t)colon }, value);
}

/* A line's last piece is there; one that came whole is not copied. */
static void
end_line(struct sse_reader *reader, struct str piece)
{
    if (reader->line.n == 0 && !strbuf_failed(&reader->line)) {
        take_line(reader, piece);
        return;
    }
    strbuf_add_str(&reader->line, piece);
    if (strbuf_failed(&reader->line)) {
        reader->is_too_large = true;
        reader->is_first_line = false;
    } else {
        take_line(reader, strbuf_view(&reader->line));
    }
    strbuf_clear(&reader->line);
}

void
sse_reader_feed(struct sse_reader *reader, struct str bytes)
{
    const char *p = bytes.p;
    const char *end = bytes.p + bytes.n;
    if (reader->is_after_cr && p < end) {
        reader->is_after_cr = false;
        if (*p == '\n')
            p++;
    }
    while (p < end) {
        const char *from = p;
        while (p < end && *p != '\n' && *p != '\r')
            p++;
        struct str piece = { from, (size_t)(p - from) };
        if (p == end) {
            strbuf_add_str(&reader->line, piece);
            return;
        }
        end_line(reader, piece);
        if (*p++ != '\r')
            continue;
        if (p == end)
            reader->is_after_cr = true;
        else if (*p == '\n')
            p++;
    }
}
