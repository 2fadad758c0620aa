/* One line of the log: see log_line.h. */
#include "formats/log_line.h"

#include <string.h>
#include <time.h>

#include "base/strbuf.h"
#include "base/units.h"

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

/* ---- reading ---- */

/* Exactly `n` digits. */
static bool
take_digits(struct str *rest, size_t n, int *ret_value)
{
    int64_t value;
    struct str digits = { rest->p, n };
    if (rest->n < n || rest->p[0] < '0' || rest->p[0] > '9' ||
        str_to_i64(digits, &value) < 0)
        return false;
    rest->p += n;
    rest->n -= n;
    *ret_value = (int)value;
    return true;
}

static bool
take_byte(struct str *rest, char byte)
{
    if (rest->n == 0 || rest->p[0] != byte)
        return false;
    rest->p++;
    rest->n--;
    return true;
}

/* Days from 1970-01-01 in the Gregorian calendar; years count from March, so
 * that a leap day is the last of its year. */
static int64_t
days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = month <= 2 ? month + 9 : month - 3;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 -
           719468;
}

static bool
take_time(struct str *rest, int64_t *ret_at_ms)
{
    int year, month, day, hour, minute, second, ms;
    if (!take_digits(rest, 4, &year) || !take_byte(rest, '-') ||
        !take_digits(rest, 2, &month) || !take_byte(rest, '-') ||
        !take_digits(rest, 2, &day) || !take_byte(rest, 'T') ||
        !take_digits(rest, 2, &hour) || !take_byte(rest, ':') ||
        !take_digits(rest, 2, &minute) || !take_byte(rest, ':') ||
        !take_digits(rest, 2, &second) || !take_byte(rest, '.') ||
        !take_digits(rest, 3, &ms) || !take_byte(rest, 'Z') || year < 1970 ||
        month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
        minute > 59 || second > 60)
        return false;
    int64_t seconds = days_of(year, month, day) * (int64_t)24 * 3600 +
                      hour * 3600 + minute * 60 + second;
    *ret_at_ms = seconds * SECOND_MS + ms;
    return true;
}

static void
copy(struct str from, char *to, size_t size)
{
    size_t n = from.n < size ? from.n : size - 1;
    while (n < from.n && n > 0 && ((unsigned char)from.p[n] & 0xc0) == 0x80)
        n--;
    if (n > 0)
        memcpy(to, from.p, n);
    to[n] = '\0';
}

bool
log_line_read(struct str line, struct log_entry *ret_entry)
{
    struct str rest = line;
    *ret_entry = (struct log_entry){ .level = LOG_INFO };
    if (!str_is_utf8(line) || memchr(line.p, 0, line.n) != NULL ||
        !take_time(&rest, &ret_entry->at_ms) || !take_byte(&rest, ' ') ||
        log_level_from(str_split(&rest, ' '), &ret_entry->level) < 0)
        return false;
    const char *colon = rest.n == 0 ? NULL : memmem(rest.p, rest.n, ": ", 2);
    if (colon == NULL)
        return false;
    size_t n_source = (size_t)(colon - rest.p);
    if (n_source >= sizeof ret_entry->source)
        return false;
    copy((struct str){ rest.p, n_source }, ret_entry->source,
         sizeof ret_entry->source);
    copy((struct str){ colon + 2, rest.n - n_source - 2 }, ret_entry->message,
         sizeof ret_entry->message);
    return true;
}
