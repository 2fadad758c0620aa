/* Arithmetic on numbers from outside: true means that the result does not
 * fit and `*ret` must not be used. */
#ifndef BASE_CHECKED_H
#define BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

static inline bool
size_add_overflows(size_t a, size_t b, size_t *ret)
{
    return __builtin_add_overflow(a, b, ret);
}

static inline bool
size_mul_overflows(size_t a, size_t b, size_t *ret)
{
    return __builtin_mul_overflow(a, b, ret);
}

static inline bool
u64_add_overflows(uint64_t a, uint64_t b, uint64_t *ret)
{
    return __builtin_add_overflow(a, b, ret);
}

static inline bool
u64_mul_overflows(uint64_t a, uint64_t b, uint64_t *ret)
{
    return __builtin_mul_overflow(a, b, ret);
}

/* realloc() for `n` elements of `size` bytes each: NULL, and `array` stays as
 * it is, when there is no memory for them or their size is no size_t. */
static inline void *
realloc_checked(void *array, size_t n, size_t size)
{
    size_t n_bytes;
    return size_mul_overflows(n, size, &n_bytes) ? NULL
                                                 : realloc(array, n_bytes);
}

/* The sum of sizes, or the most that there is. */
static inline int64_t
i64_add_capped(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

#endif
