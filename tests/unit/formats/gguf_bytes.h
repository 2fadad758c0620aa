/* Builds GGUF files byte by byte, right and wrong ones, in any version and
 * byte order; for tests only (the program's own writer makes right ones). */
#ifndef TESTS_FORMATS_GGUF_BYTES_H
#define TESTS_FORMATS_GGUF_BYTES_H

#include "base/strbuf.h"

struct gguf_bytes {
    struct strbuf out;
    int version;
    bool is_big_endian;
};

static inline void
gb_uint(struct gguf_bytes *b, size_t n, uint64_t value)
{
    for (size_t i = 0; i < n; i++) {
        size_t shift = 8 * (b->is_big_endian ? n - 1 - i : i);
        strbuf_add_byte(&b->out, (char)(value >> shift));
    }
}

static inline void
gb_length(struct gguf_bytes *b, uint64_t n)
{
    gb_uint(b, b->version == 1 ? 4 : 8, n);
}

static inline void
gb_text(struct gguf_bytes *b, const char *text)
{
    gb_length(b, strlen(text));
    strbuf_add_text(&b->out, text);
}

static inline void
gb_begin(struct gguf_bytes *b, int version, bool is_big_endian,
         uint64_t n_tensors, uint64_t n_keys)
{
    *b = (struct gguf_bytes){ .out = STRBUF_INIT(1 << 26),
                              .version = version,
                              .is_big_endian = is_big_endian };
    strbuf_add_text(&b->out, "GGUF");
    gb_uint(b, 4, (uint64_t)version);
    gb_length(b, n_tensors);
    gb_length(b, n_keys);
}

/* A key whose value follows. */
static inline void
gb_key(struct gguf_bytes *b, const char *name, uint32_t type)
{
    gb_text(b, name);
    gb_uint(b, 4, type);
}

static inline void
gb_real(struct gguf_bytes *b, size_t n, double value)
{
    float single = (float)value;
    uint32_t half;
    uint64_t bits;
    memcpy(&half, &single, sizeof half);
    memcpy(&bits, &value, sizeof bits);
    gb_uint(b, n, n == 4 ? half : bits);
}

static inline void
gb_tensor(struct gguf_bytes *b, const char *name, unsigned n_dims,
          const uint64_t *shape, uint32_t type, uint64_t offset)
{
    gb_text(b, name);
    gb_uint(b, 4, n_dims);
    for (unsigned i = 0; i < n_dims; i++)
        gb_length(b, shape[i]);
    gb_uint(b, 4, type);
    gb_uint(b, 8, offset);
}

static inline void
gb_data(struct gguf_bytes *b, size_t alignment, size_t n)
{
    while (b->out.n % alignment != 0)
        strbuf_add_byte(&b->out, '\0');
    for (size_t i = 0; i < n; i++)
        strbuf_add_byte(&b->out, (char)i);
}

#endif
