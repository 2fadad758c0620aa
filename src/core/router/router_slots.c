/* A row for each model that was ever asked for: see router.h. */
#include <stdlib.h>

#include "base/units.h"
#include "core/router/router_internal.h"

enum { RETIRED_TTL_MS = 1 };

void
router_slot_configure(struct router *router, struct router_slot *slot,
                      struct profile *profile)
{
    struct router_row *row = &router->rows[slot->at];
    profile_ref(profile);
    profile_unref(slot->profile);
    slot->profile = profile;
    slot->manifest =
        router->effects.manifest(router->effects.ctx, profile->engine);
    int n_places = profile->max_concurrency;
    if (n_places <= 0 && slot->manifest != NULL)
        n_places = engine_slots(slot->manifest, profile);
    row->capacity = n_places < 1 ? 1 : (size_t)n_places;
    row->queue_size = profile->queue_size < 0 ? 0 : (size_t)profile->queue_size;
    row->queue_timeout_ms = profile->queue_timeout_s * SECOND_MS;
    int64_t ttl_s = profile->ttl_s;
    if (profile->source == PROFILE_SOURCE_LIBRARY && ttl_s == 0)
        ttl_s = router->options.default_ttl_s;
    row->ttl_ms = slot->is_retired ? RETIRED_TTL_MS : ttl_s * SECOND_MS;
    row->is_pinned = profile->is_pinned && !slot->is_retired;
}

static int
reserve_slot(struct router *router)
{
    if (router->n_slots < router->capacity)
        return 0;
    size_t capacity = router->capacity == 0 ? 16 : router->capacity * 2;
    struct router_row *rows = realloc(router->rows, capacity * sizeof *rows);
    if (rows == NULL)
        return -1;
    router->rows = rows;
    struct router_slot **slots =
        realloc(router->slots, capacity * sizeof(*slots));
    if (slots == NULL)
        return -1;
    router->slots = slots;
    router->capacity = capacity;
    return 0;
}

struct router_slot *
router_find_slot(const struct router *router, const char *profile_id)
{
    return map_get(&router->by_profile, str_from(profile_id));
}

/* The slot of a profile, made at its first use; brought up to date. NULL
 * when out of memory. */
struct router_slot *
router_slot_of(struct router *router, struct profile *profile)
{
    struct router_slot *slot = router_find_slot(router, profile->id);
    if (slot != NULL) {
        if (slot->profile != profile) {
            slot->is_retired = false;
            router_slot_configure(router, slot, profile);
            slot->is_deleted = false; /* its model is back in the library */
            slot->is_unwanted = false;
        }
        return slot;
    }
    if (reserve_slot(router) != 0)
        return NULL;
    slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return NULL;
    if (map_put(&router->by_profile, str_from(profile->id), slot) != 0) {
        free(slot);
        return NULL;
    }
    slot->at = router->n_slots++;
    router->slots[slot->at] = slot;
    router->rows[slot->at] = (struct router_row){ .state = INSTANCE_STOPPED };
    router_slot_configure(router, slot, profile);
    return slot;
}

void
router_slot_free(struct router_slot *slot)
{
    profile_unref(slot->profile);
    free(slot);
}

/* The last row takes the place of the one that goes. */
static void
remove_slot(struct router *router, struct router_slot *slot)
{
    map_remove(&router->by_profile, str_from(slot->profile->id));
    size_t last = --router->n_slots;
    router->rows[slot->at] = router->rows[last];
    router->slots[slot->at] = router->slots[last];
    router->slots[slot->at]->at = slot->at;
    router_slot_free(slot);
}

static bool
is_waited_for(const struct router *router, const struct router_slot *slot)
{
    LIST_FOR(node, &router->waiting)
    if (LIST_ENTRY(node, struct router_ticket, node)->slot == slot)
        return true;
    return false;
}

void
router_remove_unwanted(struct router *router)
{
    for (size_t i = 0; i < router->n_slots;) {
        struct router_slot *slot = router->slots[i];
        if (slot->is_unwanted && !is_waited_for(router, slot) &&
            !router_state_occupies(router->rows[i].state))
            remove_slot(router, slot);
        else
            i++;
    }
}
