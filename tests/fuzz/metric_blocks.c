/* Packed values of a file that somebody else wrote: what unpacks packs to the
 * same bytes, and averages lie among the samples. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "store/sqlite/metric_blocks.h"

static void
check(bool is_so)
{
    if (!is_so)
        abort();
}

static void
check_samples(struct str packed)
{
    struct samples_block block;
    uint8_t again[SAMPLES_BLOCK_BYTES];
    if (samples_unpack(packed, &block) < 0)
        return;
    size_t n = samples_pack(&block, again);
    check(n == packed.n && (n == 0 || memcmp(again, packed.p, n) == 0));
    for (int minute = 0; minute < SAMPLES_BLOCK_S / 60; minute++) {
        float average = samples_average(&block, minute);
        float least = INFINITY, most = -INFINITY;
        for (int i = minute * 60; i < (minute + 1) * 60; i++) {
            least = fminf(least, block.values[i]);
            most = fmaxf(most, block.values[i]);
        }
        check(isnan(average) ? least > most
                             : average >= least && average <= most);
    }
}

static void
check_minutes(struct str packed)
{
    struct minutes_block block;
    uint8_t again[MINUTES_BLOCK_BYTES];
    if (minutes_unpack(packed, &block) < 0)
        return;
    for (int i = 0; i < MINUTES_IN_BLOCK; i++)
        check(!isinf(block.averages[i]));
    minutes_pack(&block, again);
    check(minutes_unpack((struct str){ (const char *)again, sizeof again },
                         &block) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str packed = { (const char *)data, n };
    check_samples(packed);
    check_minutes(packed);
    /* Most inputs are too short for an hour. */
    uint8_t hour[MINUTES_BLOCK_BYTES] = { 0 };
    for (size_t i = 0; i < n && i < sizeof hour; i++)
        hour[i] = data[i];
    check_minutes((struct str){ (const char *)hour, sizeof hour });
    return 0;
}
