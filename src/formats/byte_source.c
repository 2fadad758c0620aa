/* Sources in memory: see byte_source.h. */
#include "formats/byte_source.h"

static int
read_prefix(void *ctx, uint64_t offset, void *ret_bytes, size_t n,
            struct error *error)
{
    struct byte_prefix *prefix = ctx;
    if (offset > prefix->have.n || n > prefix->have.n - offset) {
        prefix->wanted = offset + n;
        return error_set(error, ERR_UNAVAILABLE,
                         "bytes up to %llu are not here yet",
                         (unsigned long long)prefix->wanted);
    }
    if (n > 0)
        memcpy(ret_bytes, prefix->have.p + offset, n);
    return 0;
}

struct byte_source
byte_prefix_source(struct byte_prefix *prefix, uint64_t size_bytes)
{
    return (struct byte_source){ .read = read_prefix,
                                 .ctx = prefix,
                                 .size_bytes = size_bytes };
}
