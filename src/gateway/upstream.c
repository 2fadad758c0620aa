/* Pools of connections to engines: see upstream.h. */
#include "gateway/upstream.h"

#include <stdlib.h>

struct upstream {
    uint64_t generation;
    struct http_pool *pool;
};

static void
upstream_free(struct upstream *upstream)
{
    http_pool_free(upstream->pool);
    free(upstream);
}

void
upstreams_init(struct upstreams *upstreams, struct loop *loop)
{
    upstreams->loop = loop;
    map_init(&upstreams->by_profile);
}

void
upstreams_release(struct upstreams *upstreams)
{
    size_t at = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&upstreams->by_profile, &at)) != NULL)
        upstream_free(slot->value);
    map_release(&upstreams->by_profile);
}

void
upstreams_drop(struct upstreams *upstreams, const char *profile_id)
{
    struct upstream *upstream =
        map_remove(&upstreams->by_profile, str_from(profile_id));
    if (upstream != NULL)
        upstream_free(upstream);
}

struct http_pool *
upstreams_get(struct upstreams *upstreams, const struct lease *lease)
{
    struct str key = str_from(lease->profile_id);
    struct upstream *upstream = map_get(&upstreams->by_profile, key);
    if (upstream != NULL && upstream->generation == lease->generation)
        return upstream->pool;
    if (upstream != NULL)
        upstreams_drop(upstreams, lease->profile_id);
    upstream = calloc(1, sizeof *upstream);
    if (upstream == NULL)
        return NULL;
    upstream->generation = lease->generation;
    upstream->pool = http_pool_new(upstreams->loop, &lease->address);
    if (upstream->pool == NULL ||
        map_put(&upstreams->by_profile, key, upstream) != 0) {
        if (upstream->pool != NULL)
            http_pool_free(upstream->pool);
        free(upstream);
        return NULL;
    }
    return upstream->pool;
}
