/* Writes GGUF version 3, the container of model files (specification:
 * github.com/ggml-org/ggml, docs/gguf.md). Little-endian, alignment 32.
 *
 *     struct gguf_writer w;
 *     gguf_writer_init(&w);
 *     gguf_put_text(&w, "general.architecture", "llama");   each key
 *     gguf_add_tensor(&w, "output.weight", GGUF_F16, shape, 2); each tensor
 *     gguf_finish(&w, out, &error);            the file up to its data
 *     gguf_writer_release(&w);
 *
 * The caller then writes each tensor's data in the order they were added,
 * each followed by gguf_padding(bytes) zero bytes. Nothing fails before
 * gguf_finish(), which reports what went wrong on the way. */
#ifndef FORMATS_GGUF_WRITER_H
#define FORMATS_GGUF_WRITER_H

#include "base/error.h"
#include "base/strbuf.h"

enum { GGUF_ALIGNMENT = 32, GGUF_BLOCK = 32, GGUF_DIMS_MAX = 4 };

/* Element types, by their numbers in the file. */
enum gguf_type {
    GGUF_F32 = 0,
    GGUF_F16 = 1,
    GGUF_Q4_0 = 2,
    GGUF_Q8_0 = 8,
    GGUF_BF16 = 30
};

struct gguf_writer {
    struct strbuf keys;
    struct strbuf tensors;
    uint64_t n_keys;
    uint64_t n_tensors;
    uint64_t data_bytes; /* of the tensors added so far, padded */
};

void gguf_writer_init(struct gguf_writer *w);
void gguf_writer_release(struct gguf_writer *w);

void gguf_put_text(struct gguf_writer *w, const char *key, struct str text);
void gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t value);
void gguf_put_f32(struct gguf_writer *w, const char *key, float value);
void gguf_put_bool(struct gguf_writer *w, const char *key, bool value);
void gguf_put_texts(struct gguf_writer *w, const char *key,
                    const struct str *texts, size_t n);
void gguf_put_f32s(struct gguf_writer *w, const char *key, const float *values,
                   size_t n);
void gguf_put_i32s(struct gguf_writer *w, const char *key,
                   const int32_t *values, size_t n);

/* `shape` as GGUF orders it: the length of a row first. A row of a
 * quantized type is a multiple of GGUF_BLOCK. */
void gguf_add_tensor(struct gguf_writer *w, const char *name,
                     enum gguf_type type, const uint64_t *shape,
                     unsigned n_dims);

/* Appends head, keys, tensor table and padding to `out`: 0, or -1. */
int gguf_finish(const struct gguf_writer *w, struct strbuf *out,
                struct error *error);

/* Bytes of `n` elements (a multiple of GGUF_BLOCK for quantized types). */
uint64_t gguf_bytes(enum gguf_type type, uint64_t n);
/* Zero bytes that follow that many bytes of data. */
size_t gguf_padding(uint64_t bytes);

/* Converts `n` floats, a multiple of GGUF_BLOCK, into that type. `out` has
 * room for gguf_bytes(type, n). */
void gguf_pack(enum gguf_type type, const float *values, size_t n,
               uint8_t *out);

#endif
