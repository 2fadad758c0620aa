/* The scanner is a small machine over the root object's own structure; the
 * bulk of a body is inside strings, which are skipped by vectors. */
#include "formats/member_scanner.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/units.h"

enum place {
    AT_START,      /* before '{' */
    AT_KEY_OR_END, /* after '{' */
    AT_KEY,        /* after ',' */
    IN_KEY,
    AT_COLON,
    AT_VALUE,
    IN_STRING, /* value that is a string */
    IN_NESTED, /* value that is an object or array */
    IN_SCALAR, /* number, true, false, null */
    AT_COMMA_OR_END,
};

void
member_scanner_init(struct member_scanner *scanner)
{
    *scanner = (struct member_scanner){ .state = SCAN_GOING,
                                        .where = AT_START,
                                        .current = -1 };
}

void
member_scanner_want(struct member_scanner *scanner, const char *key,
                    size_t max_bytes)
{
    struct scanned_member *member = &scanner->members[scanner->n_members++];
    *member = (struct scanned_member){ .key = key, .max_bytes = max_bytes };
    strbuf_init(&member->text, max_bytes);
}

void
member_scanner_release(struct member_scanner *scanner)
{
    for (size_t i = 0; i < scanner->n_members; i++)
        strbuf_release(&scanner->members[i].text);
}

/* ---- unescaping ---- */

static int
hex4(const char *p, const char *end, uint32_t *ret_unit)
{
    if (end - p < 4)
        return -1;
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (uint32_t)((c | 0x20) - 'a') + 10;
        else
            return -1;
        unit = unit << 4 | digit;
    }
    *ret_unit = unit;
    return 0;
}

static void
add_utf8(struct strbuf *out, uint32_t point)
{
    if (point < 0x80) {
        strbuf_add_byte(out, (char)point);
        return;
    }
    if (point < 0x800) {
        strbuf_add_byte(out, (char)(0xC0 | point >> 6));
    } else if (point < 0x10000) {
        strbuf_add_byte(out, (char)(0xE0 | point >> 12));
        strbuf_add_byte(out, (char)(0x80 | (point >> 6 & 0x3F)));
    } else {
        strbuf_add_byte(out, (char)(0xF0 | point >> 18));
        strbuf_add_byte(out, (char)(0x80 | (point >> 12 & 0x3F)));
        strbuf_add_byte(out, (char)(0x80 | (point >> 6 & 0x3F)));
    }
    strbuf_add_byte(out, (char)(0x80 | (point & 0x3F)));
}

/* After "\u": the digits of one code point, which may be a pair. */
static int
unescape_unicode(const char **p, const char *end, struct strbuf *out)
{
    uint32_t point;
    if (hex4(*p, end, &point) != 0)
        return -1;
    *p += 4;
    if (point >= 0xDC00 && point <= 0xDFFF)
        return -1;
    if (point >= 0xD800 && point <= 0xDBFF) {
        uint32_t low;
        if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u' ||
            hex4(*p + 2, end, &low) != 0 || low < 0xDC00 || low > 0xDFFF)
            return -1;
        *p += 6;
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    add_utf8(out, point);
    return 0;
}

int
json_unescape(struct str text, struct strbuf *out)
{
    static const char names[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    const char *p = text.p;
    const char *end = text.p + text.n;
    while (p < end) {
        const char *plain = p;
        while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
            p++;
        strbuf_add(out, plain, (size_t)(p - plain));
        if (p == end)
            break;
        if (*p++ != '\\' || p == end)
            return -1;
        char name = *p++;
        if (name == 'u') {
            if (unescape_unicode(&p, end, out) != 0)
                return -1;
            continue;
        }
        const char *known = name == '\0' ? NULL : strchr(names, name);
        if (known == NULL)
            return -1;
        strbuf_add_byte(out, bytes[known - names]);
    }
    return strbuf_failed(out) ? -1 : 0;
}

/* ---- scanning ---- */

/* The first '"' or '\\' from p, or end. */
static const char *
skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i slash = _mm_set1_epi8('\\');
    while (end - p >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        int hits = _mm_movemask_epi8(_mm_or_si128(
            _mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)));
        if (hits != 0)
            return p + __builtin_ctz((unsigned)hits);
        p += 16;
    }
#else
    /* A word at a time: a byte is zero where it equals what is looked for
     * (the classic test for a zero byte, which may only err to the safe
     * side above the first hit). */
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = UINT64_C(0x8080808080808080);
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        uint64_t a = word ^ ones * '"';
        uint64_t b = word ^ ones * '\\';
        if (((a - ones) & ~a & highs) != 0 || ((b - ones) & ~b & highs) != 0)
            break;
        p += 8;
    }
#endif
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

#ifdef __SSE2__
static inline uint64_t
mask16(const char *p, __m128i wanted)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
    return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted));
}

/* Bit i is set where byte i of the 64 at p equals c. */
static inline uint64_t
mask64(const char *p, char c)
{
    const __m128i wanted = _mm_set1_epi8(c);
    return mask16(p, wanted) | mask16(p + 16, wanted) << 16 |
           mask16(p + 32, wanted) << 32 | mask16(p + 48, wanted) << 48;
}

/* The bytes that a backslash before them has taken. `carry`: whether the one
 * before the first did, then whether the last one does. */
static inline uint64_t
taken_bytes(uint64_t slashes, bool *carry)
{
    uint64_t taken = slashes << 1 | *carry;
    if ((slashes & taken) == 0) {
        *carry = slashes >> 63 != 0;
        return taken;
    }
    /* Some backslashes are taken themselves. */
    taken = *carry;
    *carry = false;
    slashes &= ~taken;
    while (slashes != 0) {
        uint64_t slash = slashes & -slashes;
        uint64_t behind = slash << 1;
        *carry = behind == 0;
        taken |= behind;
        slashes &= ~(slash | behind);
    }
    return taken;
}

/* 64 bytes at a time: prose is full of escapes, and stopping at each costs
 * more than the bytes between. True behind the closing quote; false when
 * fewer bytes are left. */
static bool
pass_blocks(struct member_scanner *scanner, const char **p, const char *end)
{
    bool carry = scanner->is_escaped;
    uint64_t quotes = 0;
    const char *at = *p;
    for (; end - at >= 64; at += 64) {
        uint64_t taken = taken_bytes(mask64(at, '\\'), &carry);
        quotes = mask64(at, '"') & ~taken;
        if (quotes != 0)
            break;
    }
    *p = quotes != 0 ? at + __builtin_ctzll(quotes) + 1 : at;
    scanner->is_escaped = quotes == 0 && carry;
    return quotes != 0;
}
#endif

/* Goes on inside a string; true when its closing quote was passed. */
static bool
pass_string(struct member_scanner *scanner, const char **p, const char *end)
{
#ifdef __SSE2__
    if (pass_blocks(scanner, p, end))
        return true;
#endif
    while (*p < end) {
        if (scanner->is_escaped) {
            scanner->is_escaped = false;
            (*p)++;
            continue;
        }
        *p = skip_plain(*p, end);
        if (*p == end)
            return false;
        char c = *(*p)++;
        if (c == '"')
            return true;
        scanner->is_escaped = true;
    }
    return false;
}

/* Goes on inside an object or array; true when it has ended. */
static bool
pass_nested(struct member_scanner *scanner, const char **p, const char *end)
{
    while (*p < end) {
        if (scanner->is_in_string) {
            if (!pass_string(scanner, p, end))
                return false;
            scanner->is_in_string = false;
            continue;
        }
        switch (*(*p)++) {
        case '"': scanner->is_in_string = true; break;
        case '{':
        case '[': scanner->depth++; break;
        case '}':
        case ']':
            if (--scanner->depth == 0)
                return true;
            break;
        default: break;
        }
    }
    return false;
}

static int
find_member(struct member_scanner *scanner)
{
    if (scanner->key_n > SCANNER_KEY_BYTES)
        return -1;
    struct str raw = { scanner->key, scanner->key_n };
    struct strbuf key = STRBUF_INIT(SCANNER_KEY_BYTES);
    bool has_escape = str_find(raw, '\\') >= 0;
    if (has_escape && json_unescape(raw, &key) != 0) {
        strbuf_release(&key);
        return -1;
    }
    struct str name = has_escape ? strbuf_view(&key) : raw;
    int found = -1;
    for (size_t i = 0; i < scanner->n_members; i++)
        if (str_is(name, scanner->members[i].key))
            found = (int)i;
    strbuf_release(&key);
    return found;
}

static void
begin_value(struct member_scanner *scanner, uint64_t at)
{
    if (scanner->current < 0)
        return;
    struct scanned_member *member = &scanner->members[scanner->current];
    scanner->is_kept = member->n_seen++ == 0;
    if (scanner->is_kept)
        member->begin = at;
}

static void
end_value(struct member_scanner *scanner, uint64_t at)
{
    if (scanner->current >= 0 && scanner->is_kept) {
        scanner->members[scanner->current].end = at;
        scanner->members[scanner->current].is_whole = true;
    }
    scanner->current = -1;
    scanner->is_kept = false;
}

static void
keep(struct member_scanner *scanner, const char *from, const char *to)
{
    if (scanner->current < 0 || !scanner->is_kept)
        return;
    struct scanned_member *member = &scanner->members[scanner->current];
    if (member->is_cut || member->max_bytes == 0)
        return;
    size_t n = (size_t)(to - from);
    if (member->text.n + n > member->max_bytes) {
        member->is_cut = true;
        n = member->max_bytes - member->text.n;
    }
    strbuf_add(&member->text, from, n);
}

static void
keep_key(struct member_scanner *scanner, const char *from, const char *to)
{
    size_t n = (size_t)(to - from);
    if (scanner->key_n > SCANNER_KEY_BYTES)
        return;
    if (scanner->key_n + n > SCANNER_KEY_BYTES) {
        scanner->key_n = SCANNER_KEY_BYTES + 1;
        return;
    }
    memcpy(scanner->key + scanner->key_n, from, n);
    scanner->key_n += n;
}

static void
pass_key(struct member_scanner *scanner, const char **p, const char *end)
{
    const char *from = *p;
    bool has_ended = pass_string(scanner, p, end);
    keep_key(scanner, from, has_ended ? *p - 1 : *p);
    if (!has_ended)
        return;
    scanner->current = find_member(scanner);
    scanner->where = AT_COLON;
}

static bool
is_scalar_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '+' || c == '.' || c == 'E';
}

/* Goes on inside a value; it may end here. `base` is the offset of p[0] of
 * this piece. */
static void
pass_value(struct member_scanner *scanner, const char *piece, const char **p,
           const char *end)
{
    const char *from = *p;
    bool has_ended = false;
    if (scanner->where == IN_STRING) {
        has_ended = pass_string(scanner, p, end);
    } else if (scanner->where == IN_NESTED) {
        has_ended = pass_nested(scanner, p, end);
    } else {
        while (*p < end && is_scalar_byte(**p))
            (*p)++;
        has_ended = *p < end;
    }
    keep(scanner, from, *p);
    if (has_ended) {
        end_value(scanner, scanner->offset + (uint64_t)(*p - piece));
        scanner->where = AT_COMMA_OR_END;
    }
}

/* The first byte of a value at *p. */
static void
enter_value(struct member_scanner *scanner, const char *piece, const char **p)
{
    begin_value(scanner, scanner->offset + (uint64_t)(*p - piece));
    const char *from = *p;
    switch (**p) {
    case '"':
        scanner->where = IN_STRING;
        (*p)++;
        break;
    case '{':
    case '[':
        scanner->where = IN_NESTED;
        scanner->depth = 1;
        (*p)++;
        break;
    default:
        if (is_scalar_byte(**p))
            scanner->where = IN_SCALAR;
        else
            scanner->state = SCAN_BROKEN;
        return;
    }
    keep(scanner, from, *p);
}

/* One byte of the root object's own structure. */
static void
pass_structure(struct member_scanner *scanner, char c)
{
    switch (scanner->where) {
    case AT_START:
        if (c == '{')
            scanner->where = AT_KEY_OR_END;
        else
            scanner->state = SCAN_NO_OBJECT;
        break;
    case AT_KEY_OR_END:
    case AT_KEY:
        if (c == '"') {
            scanner->where = IN_KEY;
            scanner->key_n = 0;
        } else if (c == '}' && scanner->where == AT_KEY_OR_END) {
            scanner->state = SCAN_WHOLE;
        } else {
            scanner->state = SCAN_BROKEN;
        }
        break;
    case AT_COLON:
        if (c == ':')
            scanner->where = AT_VALUE;
        else
            scanner->state = SCAN_BROKEN;
        break;
    default: /* AT_COMMA_OR_END */
        if (c == ',')
            scanner->where = AT_KEY;
        else if (c == '}')
            scanner->state = SCAN_WHOLE;
        else
            scanner->state = SCAN_BROKEN;
        break;
    }
}

enum scan_state
member_scanner_feed(struct member_scanner *scanner, struct str bytes)
{
    const char *p = bytes.p;
    const char *end = bytes.p + bytes.n;
    while (p < end && scanner->state == SCAN_GOING) {
        switch (scanner->where) {
        case IN_KEY: pass_key(scanner, &p, end); break;
        case IN_STRING:
        case IN_NESTED:
        case IN_SCALAR: pass_value(scanner, bytes.p, &p, end); break;
        default:
            if (is_space(*p))
                p++;
            else if (scanner->where == AT_VALUE)
                enter_value(scanner, bytes.p, &p);
            else
                pass_structure(scanner, *p++);
            break;
        }
    }
    scanner->offset += bytes.n;
    return scanner->state;
}
