/* The packed values in a row of metrics, both kinds little-endian.
 *
 *   samples   of ten minutes: for each, the second in the block (16 bits) and
 *             the value (a 32-bit float of IEEE 754), by rising second
 *   minutes   of an hour: sixty such floats, NAN where there is no average
 *
 * Bytes come from a file that others could have written: what is not of this
 * form is refused. */
#ifndef STORE_METRIC_BLOCKS_H
#define STORE_METRIC_BLOCKS_H

#include <stdint.h>

#include "base/str.h"

enum {
    SAMPLES_BLOCK_S = 600,
    SAMPLE_BYTES = 6,
    MINUTES_IN_BLOCK = 60,
    MINUTES_BLOCK_S = 3600,
    SAMPLES_BLOCK_BYTES = SAMPLES_BLOCK_S * SAMPLE_BYTES,
    MINUTES_BLOCK_BYTES = MINUTES_IN_BLOCK * 4,
};

/* A value for each second of the block, NAN where there is none. */
struct samples_block {
    float values[SAMPLES_BLOCK_S];
};
/* 0, or -1 when the bytes are no such block. */
int samples_unpack(struct str packed, struct samples_block *ret_block);
/* How many bytes it takes. */
size_t samples_pack(const struct samples_block *block,
                    uint8_t ret_packed[SAMPLES_BLOCK_BYTES]);
void samples_clear(struct samples_block *block);
/* Average of one minute of the block, 0 to 9; NAN: nothing is there. */
float samples_average(const struct samples_block *block, int minute);

struct minutes_block {
    float averages[MINUTES_IN_BLOCK];
};
int minutes_unpack(struct str packed, struct minutes_block *ret_block);
void minutes_pack(const struct minutes_block *block,
                  uint8_t ret_packed[MINUTES_BLOCK_BYTES]);
void minutes_clear(struct minutes_block *block);

#endif
