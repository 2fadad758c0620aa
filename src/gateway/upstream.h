/* Connections to engines: a pool for each profile's engine, renewed when
 * the engine was started anew, so that no request meets a connection of the
 * process before. */
#ifndef GATEWAY_UPSTREAM_H
#define GATEWAY_UPSTREAM_H

#include "base/map.h"
#include "core/router/router.h"
#include "http/client.h"

struct upstreams {
    struct loop *loop;
    struct map by_profile; /* id -> struct upstream */
};

void upstreams_init(struct upstreams *upstreams, struct loop *loop);
void upstreams_release(struct upstreams *upstreams);
/* The pool for a lease, borrowed; NULL when out of memory. */
struct http_pool *upstreams_get(struct upstreams *upstreams,
                                const struct lease *lease);
/* The engine is gone: so are its connections. */
void upstreams_drop(struct upstreams *upstreams, const char *profile_id);

#endif
