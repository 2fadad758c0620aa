/* A table from text to pointer: open addressing, keys copied by the map,
 * values not owned. Not for outsiders' unbounded input: whoever fills it
 * bounds it. Iteration order is unspecified; do not change the map while
 * iterating. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

struct map_slot {
    char *key; /* NULL: free */
    size_t key_n;
    uint64_t hash;
    void *value;
};

struct map {
    struct map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t n;
};

void map_init(struct map *map);
void map_release(struct map *map);

void *map_get(const struct map *map, struct str key); /* or NULL */
/* Adds or replaces: 0, or -1 when out of memory (the map is unchanged). The
 * value must not be NULL. */
int map_put(struct map *map, struct str key, void *value);
void *map_remove(struct map *map, struct str key); /* the value or NULL */

/* `size_t at = 0; while ((slot = map_next(map, &at)) != NULL) ...` */
const struct map_slot *map_next(const struct map *map, size_t *at);

#endif
