/* Request-scoped memory: see arena.h. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BLOCK_BYTES = 4096 };

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    _Alignas(max_align_t) char bytes[];
};

void
arena_init(struct arena *arena, size_t ceiling_bytes)
{
    *arena = (struct arena){ NULL, 0, ceiling_bytes };
}

void
arena_release(struct arena *arena)
{
    if (arena == NULL)
        return;
    struct arena_block *block = arena->blocks;
    while (block != NULL) {
        struct arena_block *next = block->next;
        free(block);
        block = next;
    }
    arena_init(arena, arena->ceiling_bytes);
}

void *
arena_alloc(struct arena *arena, size_t n_bytes)
{
    const size_t align = _Alignof(max_align_t);
    if (n_bytes > SIZE_MAX / 2) /* leaves room for the sums below */
        return NULL;
    size_t n = (n_bytes + align - 1) / align * align;
    if (n == 0)
        n = align;
    if (n > arena->ceiling_bytes ||
        arena->used_bytes > arena->ceiling_bytes - n)
        return NULL;
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size - block->used < n) {
        size_t size = n > ARENA_BLOCK_BYTES ? n : ARENA_BLOCK_BYTES;
        block = malloc(sizeof *block + size);
        if (block == NULL)
            return NULL;
        block->next = arena->blocks;
        block->size = size;
        block->used = 0;
        arena->blocks = block;
    }
    void *p = block->bytes + block->used;
    block->used += n;
    arena->used_bytes += n;
    memset(p, 0, n);
    return p;
}

char *
arena_str(struct arena *arena, struct str s)
{
    char *copy = arena_alloc(arena, s.n + 1);
    if (copy != NULL && s.n > 0)
        memcpy(copy, s.p, s.n);
    return copy;
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = n < 0 ? NULL : arena_alloc(arena, (size_t)n + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return text;
}
