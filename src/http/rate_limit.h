/* How many requests a second one client address may make: a bucket of
 * tokens for each, in a table of fixed size. When two addresses meet in a
 * full set, the one that has been quiet longest is forgotten, so a flood of
 * addresses costs no memory. An IPv6 client is its /64. */
#ifndef HTTP_RATE_LIMIT_H
#define HTTP_RATE_LIMIT_H

#include "base/str.h"

struct rate_bucket;

struct rate_limit {
    struct rate_bucket *buckets; /* NULL: no limit */
    int64_t per_s;
    int64_t burst;
};

/* `per_s` 0: no limit. -1 when out of memory. */
int rate_limit_init(struct rate_limit *limit, int per_s, int burst);
void rate_limit_release(struct rate_limit *limit);
/* Takes a token: 0, or the seconds after which one will be there (>= 1). */
int rate_limit_take(struct rate_limit *limit, struct str host, int64_t now_ms);

#endif
