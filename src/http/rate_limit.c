/* Token buckets for client addresses: see rate_limit.h. */
#include "http/rate_limit.h"

#include <stdlib.h>

#include "io/address.h"

enum { N_SETS = 1024, SET_SIZE = 4, TOKEN = 1000 };

struct rate_bucket {
    unsigned char bytes[16];
    int64_t used_at_ms; /* 0: free */
    int64_t tokens;     /* in thousandths */
};

int
rate_limit_init(struct rate_limit *limit, int per_s, int burst)
{
    *limit = (struct rate_limit){ .per_s = per_s,
                                  .burst = burst > 0 ? burst : per_s };
    if (per_s <= 0)
        return 0;
    limit->buckets = calloc((size_t)N_SETS * SET_SIZE, sizeof *limit->buckets);
    return limit->buckets == NULL ? -1 : 0;
}

void
rate_limit_release(struct rate_limit *limit)
{
    free(limit->buckets);
    limit->buckets = NULL;
}

/* The bucket of that address; a new one is full. */
static struct rate_bucket *
find(struct rate_limit *limit, const unsigned char bytes[16], int64_t now_ms)
{
    uint64_t hash = str_hash((struct str){ (const char *)bytes, 16 });
    struct rate_bucket *set = &limit->buckets[hash % N_SETS * SET_SIZE];
    struct rate_bucket *oldest = set;
    for (size_t i = 0; i < SET_SIZE; i++) {
        if (set[i].used_at_ms != 0 && memcmp(set[i].bytes, bytes, 16) == 0)
            return &set[i];
        if (set[i].used_at_ms < oldest->used_at_ms)
            oldest = &set[i];
    }
    memcpy(oldest->bytes, bytes, 16);
    oldest->used_at_ms = now_ms;
    oldest->tokens = limit->burst * TOKEN;
    return oldest;
}

int
rate_limit_take(struct rate_limit *limit, struct str host, int64_t now_ms)
{
    unsigned char bytes[16];
    if (limit->buckets == NULL || address_to_bytes(host, bytes) != 0)
        return 0;
    static const unsigned char v4_prefix[12] = { [10] = 0xFF, [11] = 0xFF };
    if (memcmp(bytes, v4_prefix, sizeof v4_prefix) != 0)
        memset(bytes + 8, 0, 8);
    now_ms++; /* never 0 */
    struct rate_bucket *bucket = find(limit, bytes, now_ms);
    int64_t full = limit->burst * TOKEN;
    int64_t missing_ms = (full - bucket->tokens) / limit->per_s + 1;
    if (now_ms - bucket->used_at_ms >= missing_ms)
        bucket->tokens = full;
    else
        bucket->tokens += (now_ms - bucket->used_at_ms) * limit->per_s;
    bucket->used_at_ms = now_ms;
    if (bucket->tokens >= TOKEN) {
        bucket->tokens -= TOKEN;
        return 0;
    }
    int64_t wait_ms = (TOKEN - bucket->tokens) / limit->per_s + 1;
    return (int)((wait_ms + 999) / 1000);
}
