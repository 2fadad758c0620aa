/* Views of bytes: see str.h. */
#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

static unsigned char
lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c | 0x20) : c;
}

bool
str_same_nocase(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i] &&
            lower((unsigned char)a[i]) != lower((unsigned char)b[i]))
            return false;
    return true;
}

bool
str_starts_with(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq((struct str){ s.p, prefix.n }, prefix);
}

bool
str_ends_with(struct str s, struct str suffix)
{
    if (suffix.n == 0)
        return true;
    return s.n >= suffix.n &&
           str_eq((struct str){ s.p + (s.n - suffix.n), suffix.n }, suffix);
}

bool
str_ends_with_nocase(struct str s, struct str suffix)
{
    return s.n >= suffix.n &&
           str_eq_nocase((struct str){ s.p + (s.n - suffix.n), suffix.n },
                         suffix);
}

bool
str_contains(struct str s, struct str part)
{
    if (part.n == 0)
        return true;
    for (size_t i = 0; i + part.n <= s.n; i++)
        if (memcmp(s.p + i, part.p, part.n) == 0)
            return true;
    return false;
}

bool
str_contains_nocase(struct str s, struct str part)
{
    if (part.n == 0)
        return true;
    char low = lower((unsigned char)part.p[0]);
    char high = low >= 'a' && low <= 'z' ? (char)(low - 'a' + 'A') : low;
    for (size_t i = 0; i + part.n <= s.n; i++)
        if ((s.p[i] == low || s.p[i] == high) &&
            str_same_nocase(s.p + i, part.p, part.n))
            return true;
    return false;
}

ptrdiff_t
str_find(struct str s, char byte)
{
    if (s.n == 0)
        return -1;
    const char *at = memchr(s.p, byte, s.n);
    return at == NULL ? -1 : at - s.p;
}

struct str
str_trim(struct str s)
{
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

int
str_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct str
str_split(struct str *rest, char separator)
{
    ptrdiff_t at = str_find(*rest, separator);
    struct str head = *rest;
    if (at < 0) {
        *rest = (struct str){ NULL, 0 };
        return head;
    }
    head.n = (size_t)at;
    rest->p += at + 1;
    rest->n -= (size_t)at + 1;
    return head;
}

int
str_to_u64(struct str s, uint64_t *ret_value)
{
    if (s.n == 0)
        return -1;
    uint64_t value = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return -1;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return 0;
}

int
str_to_i64(struct str s, int64_t *ret_value)
{
    bool is_negative = s.n > 0 && s.p[0] == '-';
    if (is_negative) {
        s.p++;
        s.n--;
    }
    uint64_t magnitude;
    if (str_to_u64(s, &magnitude) < 0)
        return -1;
    if (magnitude > (uint64_t)INT64_MAX + (is_negative ? 1 : 0))
        return -1;
    *ret_value = is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

int
str_to_double(struct str s, double *ret_value)
{
    char text[64];
    if (s.n == 0 || s.n >= sizeof text)
        return -1;
    for (size_t i = 0; i < s.n; i++)
        if (strchr("0123456789+-.eE", s.p[i]) == NULL || s.p[i] == '\0')
            return -1;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (*end != '\0' || end == text || !isfinite(value))
        return -1;
    *ret_value = value;
    return 0;
}

/* Length of the valid sequence at `p`, or 0. */
static size_t
utf8_sequence(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    size_t want = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (n < want)
        return 0;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (p[0] == 0xE0)
        low = 0xA0;
    else if (p[0] == 0xED)
        high = 0x9F;
    else if (p[0] == 0xF0)
        low = 0x90;
    else if (p[0] == 0xF4)
        high = 0x8F;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < want; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return want;
}

bool
str_is_utf8(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t n = s.n;
    while (n > 0) {
        size_t step = utf8_sequence(p, n);
        if (step == 0)
            return false;
        p += step;
        n -= step;
    }
    return true;
}

enum { SECRET_BEGINNING = 4 }; /* fewer bytes tell nothing, and hide words */

/* How many bytes at the front of `rest` are the secret; 0: it is not there. */
static size_t
secret_bytes(struct str rest, struct str secret)
{
    if (secret.n == 0)
        return 0;
    if (str_starts_with(rest, secret))
        return secret.n;
    bool is_cut = rest.n >= SECRET_BEGINNING && str_starts_with(secret, rest);
    return is_cut ? rest.n : 0;
}

void
str_quote(struct str words, const char *secret, char *ret, size_t size)
{
    size_t n = 0;
    while (words.n > 0) {
        const unsigned char *p = (const unsigned char *)words.p;
        size_t taken = secret_bytes(words, str_from(secret));
        struct str piece = STR("***");
        if (taken == 0) {
            taken = utf8_sequence(p, words.n);
            piece = taken == 0                ? STR("?")
                    : *p < 0x20 || *p == 0x7F ? STR(" ")
                                              : (struct str){ words.p, taken };
            taken = taken == 0 ? 1 : taken;
        }
        if (piece.n >= size - n)
            break;
        memcpy(ret + n, piece.p, piece.n);
        n += piece.n;
        words = (struct str){ words.p + taken, words.n - taken };
    }
    ret[n] = '\0';
}

char *
str_dup(struct str s)
{
    char *copy = malloc(s.n + 1);
    if (copy == NULL)
        return NULL;
    if (s.n > 0)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

int
str_compare(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n == 0 ? 0 : memcmp(a.p, b.p, n);
    if (order != 0)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

uint64_t
str_hash(struct str s)
{
    uint64_t hash = 14695981039346656037U;
    for (size_t i = 0; i < s.n; i++) {
        hash ^= (unsigned char)s.p[i];
        hash *= 1099511628211U;
    }
    return hash;
}
