/* The text table: see map.h. Linear probing; removal shifts back, so there
 * are no tombstones to grow over time. */
#include "base/map.h"

#include <stdlib.h>

enum { MAP_FIRST_SLOTS = 16 };

void
map_init(struct map *map)
{
    *map = (struct map){ NULL, 0, 0 };
}

void
map_release(struct map *map)
{
    if (map == NULL)
        return;
    for (size_t i = 0; i < map->capacity; i++)
        free(map->slots[i].key);
    free(map->slots);
    map_init(map);
}

/* The slot that holds the key, or the free one where it would go. */
static struct map_slot *
find_slot(const struct map *map, struct str key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct map_slot *slot = &map->slots[i];
        if (slot->key == NULL)
            return slot;
        if (slot->hash == hash &&
            str_eq((struct str){ slot->key, slot->key_n }, key))
            return slot;
    }
}

void *
map_get(const struct map *map, struct str key)
{
    if (map->capacity == 0)
        return NULL;
    return find_slot(map, key, str_hash(key))->value;
}

static int
grow(struct map *map)
{
    size_t capacity = map->capacity == 0 ? MAP_FIRST_SLOTS : map->capacity * 2;
    struct map bigger = { calloc(capacity, sizeof(struct map_slot)), capacity,
                          map->n };
    if (bigger.slots == NULL)
        return -1;
    for (size_t i = 0; i < map->capacity; i++) {
        struct map_slot *old = &map->slots[i];
        if (old->key != NULL)
            *find_slot(&bigger, (struct str){ old->key, old->key_n },
                       old->hash) = *old;
    }
    free(map->slots);
    *map = bigger;
    return 0;
}

int
map_put(struct map *map, struct str key, void *value)
{
    if ((map->n + 1) * 4 > map->capacity * 3 && grow(map) < 0)
        return -1;
    uint64_t hash = str_hash(key);
    struct map_slot *slot = find_slot(map, key, hash);
    if (slot->key == NULL) {
        char *copy = str_dup(key);
        if (copy == NULL)
            return -1;
        *slot = (struct map_slot){ copy, key.n, hash, NULL };
        map->n++;
    }
    slot->value = value;
    return 0;
}

void *
map_remove(struct map *map, struct str key)
{
    if (map->capacity == 0)
        return NULL;
    struct map_slot *slot = find_slot(map, key, str_hash(key));
    if (slot->key == NULL)
        return NULL;
    void *value = slot->value;
    free(slot->key);
    size_t mask = map->capacity - 1;
    size_t hole = (size_t)(slot - map->slots);
    map->slots[hole] = (struct map_slot){ NULL, 0, 0, NULL };
    map->n--;
    for (size_t i = (hole + 1) & mask; map->slots[i].key != NULL;
         i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* its home lies after the hole: it stays */
        map->slots[hole] = map->slots[i];
        map->slots[i] = (struct map_slot){ NULL, 0, 0, NULL };
        hole = i;
    }
    return value;
}

const struct map_slot *
map_next(const struct map *map, size_t *at)
{
    while (*at < map->capacity) {
        const struct map_slot *slot = &map->slots[(*at)++];
        if (slot->key != NULL)
            return slot;
    }
    return NULL;
}
