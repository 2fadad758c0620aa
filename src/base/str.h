/* A view of bytes that somebody else owns. Not terminated by a zero; may
 * hold any byte. Passed by value. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){ (literal), sizeof(literal) - 1 })
/* For printf: `"%.*s", STR_ARG(s)`. */
#define STR_ARG(s) ((int)(s).n), ((s).p)

static inline struct str
str_from(const char *text) /* NULL gives the empty view */
{
    return (struct str){ text, text == NULL ? 0 : strlen(text) };
}

static inline bool
str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool
str_is(struct str a, const char *text)
{
    return str_eq(a, str_from(text));
}

bool str_same_nocase(const char *a, const char *b, size_t n);
/* ASCII only. Names differ in length far more often than not. */
static inline bool
str_eq_nocase(struct str a, struct str b)
{
    return a.n == b.n && str_same_nocase(a.p, b.p, a.n);
}
bool str_starts_with(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
bool str_ends_with_nocase(struct str s, struct str suffix); /* ASCII */
bool str_contains(struct str s, struct str part);
bool str_contains_nocase(struct str s, struct str part); /* ASCII */
/* Index of the byte or -1. */
ptrdiff_t str_find(struct str s, char byte);
struct str str_trim(struct str s); /* spaces and tabs at both ends */

/* The value of a hexadecimal digit, or -1. */
int str_hex_digit(char c);

/* Cuts `*rest` at the first `separator`: returns the part before it and
 * leaves the part after it. Without one, returns all and leaves n = 0 and
 * p = NULL, which tells the end from an empty last part. */
struct str str_split(struct str *rest, char separator);

/* Words of somebody else for a message of ours: on one line, cut between
 * characters to `size` bytes with the zero, and "***" wherever they say the
 * secret, or end in its first bytes (four or more: it was cut). NULL or "": no
 * secret. */
void str_quote(struct str words, const char *secret, char *ret, size_t size);

/* Whole-string decimal numbers: 0, or -1 when anything else is there or the
 * number does not fit the type. */
int str_to_i64(struct str s, int64_t *ret_value);
int str_to_u64(struct str s, uint64_t *ret_value);
int str_to_double(struct str s, double *ret_value); /* finite only */

bool str_is_utf8(struct str s); /* RFC 3629, no surrogates, no overlongs */

/* A heap copy with a terminating zero, or NULL when out of memory. */
char *str_dup(struct str s);

/* Order by bytes, shorter first when one is a prefix: <0, 0, >0. */
int str_compare(struct str a, struct str b);

/* FNV-1a, 64 bits; for tables inside the process only. */
uint64_t str_hash(struct str s);

#endif
