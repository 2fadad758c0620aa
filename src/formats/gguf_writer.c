/* The GGUF writer: see gguf_writer.h. */
#include "formats/gguf_writer.h"

#include <assert.h>
#include <math.h>

#include "base/units.h"

/* Value types of keys, by their numbers in the file. */
enum gguf_value {
    VALUE_U32 = 4,
    VALUE_I32 = 5,
    VALUE_F32 = 6,
    VALUE_BOOL = 7,
    VALUE_TEXT = 8,
    VALUE_ARRAY = 9
};

enum { GGUF_VERSION = 3 };

#define GGUF_HEAD_MAX_BYTES (64 * MIB)

static void
store_le(uint8_t *to, uint64_t value, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t
float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void
add_le(struct strbuf *out, uint64_t value, size_t n_bytes)
{
    uint8_t bytes[8];
    store_le(bytes, value, n_bytes);
    strbuf_add(out, bytes, n_bytes);
}

static void
add_text(struct strbuf *out, struct str text)
{
    add_le(out, text.n, 8);
    strbuf_add_str(out, text);
}

static void
add_key(struct gguf_writer *w, const char *key, enum gguf_value type)
{
    add_text(&w->keys, str_from(key));
    add_le(&w->keys, type, 4);
    w->n_keys++;
}

static void
add_array_key(struct gguf_writer *w, const char *key, enum gguf_value type,
              size_t n)
{
    add_key(w, key, VALUE_ARRAY);
    add_le(&w->keys, type, 4);
    add_le(&w->keys, n, 8);
}

void
gguf_writer_init(struct gguf_writer *w)
{
    *w = (struct gguf_writer){ 0 };
    strbuf_init(&w->keys, GGUF_HEAD_MAX_BYTES);
    strbuf_init(&w->tensors, GGUF_HEAD_MAX_BYTES);
}

void
gguf_writer_release(struct gguf_writer *w)
{
    strbuf_release(&w->keys);
    strbuf_release(&w->tensors);
}

void
gguf_put_text(struct gguf_writer *w, const char *key, struct str text)
{
    add_key(w, key, VALUE_TEXT);
    add_text(&w->keys, text);
}

void
gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t value)
{
    add_key(w, key, VALUE_U32);
    add_le(&w->keys, value, 4);
}

void
gguf_put_f32(struct gguf_writer *w, const char *key, float value)
{
    add_key(w, key, VALUE_F32);
    add_le(&w->keys, float_bits(value), 4);
}

void
gguf_put_bool(struct gguf_writer *w, const char *key, bool value)
{
    add_key(w, key, VALUE_BOOL);
    add_le(&w->keys, value, 1);
}

void
gguf_put_texts(struct gguf_writer *w, const char *key, const struct str *texts,
               size_t n)
{
    add_array_key(w, key, VALUE_TEXT, n);
    for (size_t i = 0; i < n; i++)
        add_text(&w->keys, texts[i]);
}

void
gguf_put_f32s(struct gguf_writer *w, const char *key, const float *values,
              size_t n)
{
    add_array_key(w, key, VALUE_F32, n);
    for (size_t i = 0; i < n; i++)
        add_le(&w->keys, float_bits(values[i]), 4);
}

void
gguf_put_i32s(struct gguf_writer *w, const char *key, const int32_t *values,
              size_t n)
{
    add_array_key(w, key, VALUE_I32, n);
    for (size_t i = 0; i < n; i++)
        add_le(&w->keys, (uint32_t)values[i], 4);
}

void
gguf_add_tensor(struct gguf_writer *w, const char *name, enum gguf_type type,
                const uint64_t *shape, unsigned n_dims)
{
    assert(n_dims >= 1 && n_dims <= GGUF_DIMS_MAX);
    uint64_t n = 1;
    add_text(&w->tensors, str_from(name));
    add_le(&w->tensors, n_dims, 4);
    for (unsigned i = 0; i < n_dims; i++) {
        add_le(&w->tensors, shape[i], 8);
        n *= shape[i];
    }
    add_le(&w->tensors, type, 4);
    add_le(&w->tensors, w->data_bytes, 8);
    uint64_t bytes = gguf_bytes(type, n);
    w->data_bytes += bytes + gguf_padding(bytes);
    w->n_tensors++;
}

int
gguf_finish(const struct gguf_writer *w, struct strbuf *out,
            struct error *error)
{
    static const char zeros[GGUF_ALIGNMENT];
    size_t begin = out->n;
    strbuf_add_text(out, "GGUF");
    add_le(out, GGUF_VERSION, 4);
    add_le(out, w->n_tensors, 8);
    add_le(out, w->n_keys, 8);
    strbuf_add_str(out, strbuf_view(&w->keys));
    strbuf_add_str(out, strbuf_view(&w->tensors));
    strbuf_add(out, zeros, gguf_padding(out->n - begin));
    if (strbuf_failed(&w->keys) || strbuf_failed(&w->tensors) ||
        strbuf_failed(out))
        return error_set(error, ERR_NO_MEMORY,
                         "the model's head does not fit in memory");
    return 0;
}

uint64_t
gguf_bytes(enum gguf_type type, uint64_t n)
{
    switch (type) {
    case GGUF_F32: return n * 4;
    case GGUF_F16:
    case GGUF_BF16: return n * 2;
    case GGUF_Q8_0: return n / GGUF_BLOCK * 34;
    case GGUF_Q4_0: return n / GGUF_BLOCK * 18;
    }
    return 0;
}

size_t
gguf_padding(uint64_t bytes)
{
    return (size_t)((GGUF_ALIGNMENT - bytes % GGUF_ALIGNMENT) % GGUF_ALIGNMENT);
}

/* ---- numbers ---- */

/* IEEE 754 binary16 by way of integers: frexp gives an exact mantissa and
 * rint rounds it to nearest even. */
static uint16_t
half_bits(float value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    double x = fabs((double)value);
    if (x >= 65520.0)
        return sign | 0x7c00; /* infinity */
    if (x < 0x1p-14)          /* subnormal: steps of 2^-24 */
        return sign | (uint16_t)rint(x * 0x1p24);
    int exponent;
    double mantissa = frexp(x, &exponent); /* 0.5 <= mantissa < 1 */
    /* A mantissa that rounds up to 2048 carries into the exponent, which is
     * the right answer. */
    unsigned bits = (unsigned)(exponent + 14) << 10;
    return sign | (uint16_t)(bits + (unsigned)rint(mantissa * 2048.0) - 1024);
}

static uint16_t
bfloat_bits(float value)
{
    uint32_t bits = float_bits(value);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static float
clamped(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

/* A block: the scale as binary16, then 32 signed bytes. */
static void
pack_q8_0(const float *values, uint8_t *out)
{
    float peak = 0;
    for (size_t i = 0; i < GGUF_BLOCK; i++)
        peak = fmaxf(peak, fabsf(values[i]));
    float scale = peak / 127.0f;
    float inverse = scale > 0 ? 1.0f / scale : 0.0f;
    store_le(out, half_bits(scale), 2);
    for (size_t i = 0; i < GGUF_BLOCK; i++) {
        float q = clamped(rintf(values[i] * inverse), -127, 127);
        out[2 + i] = (uint8_t)(int8_t)q;
    }
}

/* A block: the scale as binary16, then 16 bytes that hold element i in the
 * low and element i + 16 in the high four bits, biased by 8. */
static void
pack_q4_0(const float *values, uint8_t *out)
{
    float peak = 0;
    for (size_t i = 0; i < GGUF_BLOCK; i++)
        if (fabsf(values[i]) > fabsf(peak))
            peak = values[i];
    float scale = peak / -8.0f;
    float inverse = scale < 0 || scale > 0 ? 1.0f / scale : 0.0f;
    uint8_t q[GGUF_BLOCK];
    for (size_t i = 0; i < GGUF_BLOCK; i++)
        q[i] = (uint8_t)clamped(floorf(values[i] * inverse + 8.5f), 0, 15);
    store_le(out, half_bits(scale), 2);
    for (size_t i = 0; i < GGUF_BLOCK / 2; i++)
        out[2 + i] = (uint8_t)(q[i] | q[i + GGUF_BLOCK / 2] << 4);
}

static void
pack_block(enum gguf_type type, const float *values, uint8_t *out)
{
    switch (type) {
    case GGUF_Q8_0: pack_q8_0(values, out); return;
    case GGUF_Q4_0: pack_q4_0(values, out); return;
    case GGUF_F32:
        for (size_t i = 0; i < GGUF_BLOCK; i++)
            store_le(out + 4 * i, float_bits(values[i]), 4);
        return;
    case GGUF_F16:
        for (size_t i = 0; i < GGUF_BLOCK; i++)
            store_le(out + 2 * i, half_bits(values[i]), 2);
        return;
    case GGUF_BF16:
        for (size_t i = 0; i < GGUF_BLOCK; i++)
            store_le(out + 2 * i, bfloat_bits(values[i]), 2);
        return;
    }
}

void
gguf_pack(enum gguf_type type, const float *values, size_t n, uint8_t *out)
{
    assert(n % GGUF_BLOCK == 0);
    size_t block_bytes = (size_t)gguf_bytes(type, GGUF_BLOCK);
    for (size_t i = 0; i < n; i += GGUF_BLOCK) {
        pack_block(type, values + i, out);
        out += block_bytes;
    }
}
