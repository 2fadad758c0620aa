/* Memory of one request: many small allocations, freed once.
 *
 * Blocks come from malloc; nothing is returned before arena_release. Zeroed
 * memory, aligned for any type. NULL when out of memory or past the
 * ceiling. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used_bytes;
    size_t ceiling_bytes;
};

void arena_init(struct arena *arena, size_t ceiling_bytes);
void arena_release(struct arena *arena); /* ready for use again, empty */

void *arena_alloc(struct arena *arena, size_t n_bytes);
/* Zero-terminated copies. */
char *arena_str(struct arena *arena, struct str s);
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
