/* Packing of measured values: metric_blocks.h. */
#include "store/sqlite/metric_blocks.h"

#include <math.h>
#include <string.h>

static uint32_t
get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
           (uint32_t)at[3] << 24;
}

static float
get_float(const uint8_t *at)
{
    uint32_t bits = get_u32(at);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void
put_float(uint8_t *at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(bits >> (8 * i));
}

static void
clear(float *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = NAN;
}

void
samples_clear(struct samples_block *block)
{
    clear(block->values, SAMPLES_BLOCK_S);
}

int
samples_unpack(struct str packed, struct samples_block *ret_block)
{
    const uint8_t *at = (const uint8_t *)packed.p;
    int last_second = -1;
    samples_clear(ret_block);
    if (packed.n % SAMPLE_BYTES != 0 || packed.n > SAMPLES_BLOCK_BYTES)
        return -1;
    for (size_t i = 0; i < packed.n; i += SAMPLE_BYTES) {
        int second = at[i] | at[i + 1] << 8;
        float value = get_float(at + i + 2);
        if (second <= last_second || second >= SAMPLES_BLOCK_S ||
            !isfinite(value))
            return -1;
        ret_block->values[second] = value;
        last_second = second;
    }
    return 0;
}

size_t
samples_pack(const struct samples_block *block,
             uint8_t ret_packed[SAMPLES_BLOCK_BYTES])
{
    size_t n = 0;
    for (int second = 0; second < SAMPLES_BLOCK_S; second++) {
        if (isnan(block->values[second]))
            continue;
        ret_packed[n] = (uint8_t)(second & 0xff);
        ret_packed[n + 1] = (uint8_t)(second >> 8);
        put_float(ret_packed + n + 2, block->values[second]);
        n += SAMPLE_BYTES;
    }
    return n;
}

float
samples_average(const struct samples_block *block, int minute)
{
    double sum = 0;
    int n = 0;
    for (int i = minute * 60; i < (minute + 1) * 60; i++) {
        if (isnan(block->values[i]))
            continue;
        sum += (double)block->values[i];
        n++;
    }
    return n == 0 ? NAN : (float)(sum / n);
}

void
minutes_clear(struct minutes_block *block)
{
    clear(block->averages, MINUTES_IN_BLOCK);
}

int
minutes_unpack(struct str packed, struct minutes_block *ret_block)
{
    const uint8_t *at = (const uint8_t *)packed.p;
    minutes_clear(ret_block);
    if (packed.n != MINUTES_BLOCK_BYTES)
        return -1;
    for (int i = 0; i < MINUTES_IN_BLOCK; i++) {
        ret_block->averages[i] = get_float(at + (size_t)i * 4);
        if (isinf(ret_block->averages[i]))
            return -1;
    }
    return 0;
}

void
minutes_pack(const struct minutes_block *block,
             uint8_t ret_packed[MINUTES_BLOCK_BYTES])
{
    for (int i = 0; i < MINUTES_IN_BLOCK; i++)
        put_float(ret_packed + (size_t)i * 4, block->averages[i]);
}
