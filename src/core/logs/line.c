/* One line of the log: see logs.h. */
#include <time.h>

#include "base/strbuf.h"
#include "base/units.h"
#include "core/logs/logs_internal.h"

enum { LINE_BYTES_MAX = 64 + 6 * (LOG_SOURCE_BYTES + LOG_TEXT_BYTES) };

/* RFC 3339, UTC */
static void
add_time(struct strbuf *out, int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / SECOND_MS);
    struct tm parts;
    char text[40];
    if (gmtime_r(&seconds, &parts) == NULL)
        parts = (struct tm){ .tm_year = 70, .tm_mday = 1 };
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    strbuf_add(out, text, n);
    strbuf_addf(out, ".%03dZ", (int)(at_ms % SECOND_MS));
}

/* Length of the UTF-8 sequence at the start of `s`, 0 when there is none. */
static size_t
sequence(struct str s)
{
    for (size_t n = 1; n <= 4 && n <= s.n; n++)
        if (str_is_utf8((struct str){ s.p, n }))
            return n;
    return 0;
}

/* U+0000-001F, U+007F and U+0080-009F, which are C2 80 - C2 9F */
static bool
is_control(const char *p, size_t n)
{
    unsigned char first = (unsigned char)p[0];
    if (n == 1)
        return first < 0x20 || first == 0x7f;
    return n == 2 && first == 0xc2 && (unsigned char)p[1] < 0xa0;
}

static void
add_escaped(struct strbuf *out, struct str text)
{
    while (text.n > 0) {
        size_t n = sequence(text);
        if (n > 0 && !is_control(text.p, n)) {
            strbuf_add(out, text.p, n);
        } else if (text.p[0] == '\n') {
            strbuf_add_text(out, "\\n");
        } else if (text.p[0] == '\t') {
            strbuf_add_text(out, "\\t");
        } else if (n == 2) {
            strbuf_addf(out, "\\u00%02x", (unsigned char)text.p[1]);
        } else {
            strbuf_addf(out, "\\x%02x", (unsigned char)text.p[0]);
        }
        n = n == 0 ? 1 : n;
        text.p += n;
        text.n -= n;
    }
}

char *
log_line(const struct log_entry *entry)
{
    struct strbuf out = STRBUF_INIT(LINE_BYTES_MAX);
    add_time(&out, entry->at_ms);
    strbuf_addf(&out, " %s ", log_level_name(entry->level));
    add_escaped(&out, str_from(entry->source));
    strbuf_add_text(&out, ": ");
    add_escaped(&out, str_from(entry->message));
    strbuf_add_byte(&out, '\n');
    return strbuf_detach(&out, NULL);
}
