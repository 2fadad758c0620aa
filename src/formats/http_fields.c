/* Values of HTTP fields: see http_fields.h. */
#include "formats/http_fields.h"

#include <time.h>

enum { DAY_S = 24 * 60 * 60 };

/* ---- ranges ---- */

static bool
cut_prefix(struct str *text, struct str prefix)
{
    if (text->n < prefix.n ||
        !str_eq_nocase((struct str){ text->p, prefix.n }, prefix))
        return false;
    *text = (struct str){ text->p + prefix.n, text->n - prefix.n };
    return true;
}

static bool
is_number(struct str text, int64_t *ret)
{
    return text.n > 0 && text.p[0] >= '0' && text.p[0] <= '9' &&
           str_to_i64(text, ret) == 0;
}

bool
http_content_range(struct str value, struct content_range *ret)
{
    struct str rest = str_trim(value);
    if (!cut_prefix(&rest, STR("bytes ")))
        return false;
    struct str range = str_split(&rest, '/');
    struct str first = str_split(&range, '-');
    if (!is_number(first, &ret->first) || !is_number(range, &ret->last) ||
        ret->last < ret->first)
        return false;
    ret->total = -1;
    if (str_is(rest, "*"))
        return true;
    return is_number(rest, &ret->total) && ret->total > ret->last;
}

int64_t
http_unsatisfied_length(struct str value)
{
    int64_t n = -1;
    struct str rest = str_trim(value);
    if (!cut_prefix(&rest, STR("bytes */")) || !is_number(rest, &n))
        return -1;
    return n;
}

struct str
http_etag(struct str value, bool *ret_is_weak)
{
    value = str_trim(value);
    *ret_is_weak = cut_prefix(&value, STR("W/"));
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
        value = (struct str){ value.p + 1, value.n - 2 };
    return value;
}

/* ---- waiting ---- */

static int64_t
bounded(int64_t seconds)
{
    return seconds < 0 ? 0 : seconds > DAY_S ? DAY_S : seconds;
}

int64_t
http_retry_after(struct str value, int64_t now_s)
{
    static const char *const formats[] = { "%a, %d %b %Y %H:%M:%S GMT",
                                           "%A, %d-%b-%y %H:%M:%S GMT",
                                           "%a %b %d %H:%M:%S %Y" };
    int64_t seconds;
    char text[64];
    value = str_trim(value);
    if (is_number(value, &seconds))
        return bounded(seconds);
    if (value.n == 0 || value.n >= sizeof text)
        return -1;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        struct tm parts = { .tm_isdst = 0 };
        const char *end = strptime(text, formats[i], &parts);
        if (end != NULL && *end == '\0')
            return bounded((int64_t)timegm(&parts) - now_s);
    }
    return -1;
}

int64_t
http_rate_limit_wait(struct str value)
{
    int64_t left = -1, reset = -1;
    while (value.n > 0) {
        struct str part = str_trim(str_split(&value, ';'));
        if (cut_prefix(&part, STR("r=")) && !is_number(part, &left))
            return -1;
        if (cut_prefix(&part, STR("t=")) && !is_number(part, &reset))
            return -1;
    }
    return left == 0 && reset >= 0 ? bounded(reset) : -1;
}

/* ---- links and names ---- */

struct str
http_link_next(struct str value)
{
    while (value.n > 0) {
        struct str link = str_trim(value);
        ptrdiff_t end = str_find(link, '>');
        if (link.n == 0 || link.p[0] != '<' || end < 0)
            break;
        struct str target = { link.p + 1, (size_t)end - 1 };
        value = (struct str){ link.p + end + 1, link.n - (size_t)end - 1 };
        struct str params = str_split(&value, ',');
        while (params.n > 0) {
            struct str param = str_trim(str_split(&params, ';'));
            if (str_eq_nocase(param, STR("rel=\"next\"")) ||
                str_eq_nocase(param, STR("rel=next")))
                return target;
        }
    }
    return STR("");
}

bool
uri_decode(struct str text, struct strbuf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = text.n - i < 3 ? -1 : str_hex_digit(text.p[i + 1]);
            int low = high < 0 ? -1 : str_hex_digit(text.p[i + 2]);
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return false;
        strbuf_add_byte(out, c);
    }
    return true;
}

/* "..." with backslashes, or up to a semicolon. Moves past it. */
static void
take_value(struct str *rest, struct strbuf *out)
{
    if (rest->n == 0 || rest->p[0] != '"') {
        strbuf_add_str(out, str_trim(str_split(rest, ';')));
        return;
    }
    size_t i = 1;
    for (; i < rest->n && rest->p[i] != '"'; i++) {
        if (rest->p[i] == '\\' && i + 1 < rest->n)
            i++;
        strbuf_add_byte(out, rest->p[i]);
    }
    *rest = (struct str){ rest->p + i, rest->n - i };
    str_split(rest, ';');
}

/* charset'language'percent-encoded; only UTF-8 is read. */
static bool
decode_extended(struct str value, struct strbuf *out)
{
    struct str charset = str_split(&value, '\'');
    str_split(&value, '\'');
    return str_eq_nocase(charset, STR("utf-8")) && value.n > 0 &&
           uri_decode(value, out);
}

bool
http_disposition_name(struct str value, struct strbuf *out)
{
    struct strbuf plain = STRBUF_INIT(4096), text = STRBUF_INIT(4096);
    bool is_found = false, is_plain_found = false;
    str_split(&value, ';'); /* attachment */
    while (value.n > 0 && !is_found) {
        struct str rest = str_trim(value);
        ptrdiff_t equals = str_find(rest, '=');
        if (equals < 0)
            break;
        struct str name = str_trim((struct str){ rest.p, (size_t)equals });
        rest = str_trim(
            (struct str){ rest.p + equals + 1, rest.n - (size_t)equals - 1 });
        strbuf_clear(&text);
        take_value(&rest, &text);
        value = rest;
        if (str_eq_nocase(name, STR("filename*"))) {
            is_found = decode_extended(strbuf_view(&text), out);
        } else if (str_eq_nocase(name, STR("filename")) && !is_plain_found) {
            is_plain_found = text.n > 0;
            strbuf_add_str(&plain, strbuf_view(&text));
        }
    }
    if (!is_found && is_plain_found) {
        strbuf_clear(out);
        strbuf_add_str(out, strbuf_view(&plain));
        is_found = true;
    }
    strbuf_release(&plain);
    strbuf_release(&text);
    return is_found;
}

void
uri_add_segment(struct strbuf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') ||
                        (c != 0 && strchr("-._~", c) != NULL);
        if (is_plain)
            strbuf_add_byte(out, (char)c);
        else
            strbuf_addf(out, "%%%02X", c);
    }
}

void
uri_add_path(struct strbuf *out, struct str path)
{
    while (path.p != NULL) {
        uri_add_segment(out, str_split(&path, '/'));
        if (path.p != NULL)
            strbuf_add_byte(out, '/');
    }
}

struct str
uri_last_segment(struct str url)
{
    url = str_split(&url, '#');
    url = str_split(&url, '?');
    for (size_t i = url.n; i > 0; i--)
        if (url.p[i - 1] == '/')
            return (struct str){ url.p + i, url.n - i };
    return url;
}
