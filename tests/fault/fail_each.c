/* The linker's --wrap in front of the allocator: see fail_each.h. */
#include "fail_each.h"

#include <stdio.h>
#include <stdlib.h>

static long allocations_left = -1; /* -1: none fails */
static long n_allocations;

static int
must_fail(void)
{
    n_allocations++;
    return allocations_left >= 0 && allocations_left-- == 0;
}

/* The linker's names for the real functions and for those in their place. */
void *real_malloc(size_t n) __asm__("__real_malloc");
void *real_calloc(size_t n, size_t size) __asm__("__real_calloc");
void *real_realloc(void *p, size_t n) __asm__("__real_realloc");
void *our_malloc(size_t n) __asm__("__wrap_malloc");
void *our_calloc(size_t n, size_t size) __asm__("__wrap_calloc");
void *our_realloc(void *p, size_t n) __asm__("__wrap_realloc");

void *
our_malloc(size_t n)
{
    return must_fail() ? NULL : real_malloc(n);
}

void *
our_calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : real_calloc(n, size);
}

void *
our_realloc(void *p, size_t n)
{
    return must_fail() ? NULL : real_realloc(p, n);
}

static void
give_up(const char *what, long at, const struct error *error)
{
    fprintf(stderr, "%s, allocation %ld: %s (%s)\n", what, at,
            error_wire(error->code), error->message);
    exit(1);
}

void
fail_each(const char *what, int (*work)(struct error *error))
{
    struct error error = { .code = ERR_OK };
    n_allocations = 0;
    if (work(&error) != 0)
        give_up(what, -1, &error);
    long n = n_allocations;
    if (n == 0) {
        fprintf(stderr, "%s: nothing was allocated\n", what);
        exit(1);
    }
    for (long i = 0; i < n; i++) {
        error = (struct error){ .code = ERR_OK };
        allocations_left = i;
        int result = work(&error);
        allocations_left = -1;
        if (result != 0 && error.code != ERR_NO_MEMORY)
            give_up(what, i, &error);
    }
    printf("%s: %ld allocations failed in turn\n", what, n);
}
