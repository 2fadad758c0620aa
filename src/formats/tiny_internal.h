/* What the architectures of tiny models consist of: their tensors and keys,
 * apart from words and weights. Pure. */
#ifndef FORMATS_TINY_INTERNAL_H
#define FORMATS_TINY_INTERNAL_H

#include "formats/tiny_model.h"

enum tiny_fill { FILL_EMBEDDING, FILL_OUTPUT, FILL_NOISE, FILL_CONSTANT };

struct tiny_tensor {
    char name[64];
    enum tiny_fill fill;
    float value; /* FILL_CONSTANT: always F32 */
    uint64_t shape[3];
    unsigned n_dims;
};

enum { TINY_BLOCK_TENSORS_MAX = 20 };

/* The tensors of one block, in the file's order. */
struct tiny_block {
    int64_t layer;
    struct tiny_tensor at[TINY_BLOCK_TENSORS_MAX];
    size_t n;
};

struct tiny_arch_row {
    const char *name;
    bool is_spm; /* a byte-fallback tokenizer; else byte-level pairs */
};

const struct tiny_arch_row *tiny_arch_row(enum tiny_arch arch);

/* `o` has its defaults filled in and is checked. */
void tiny_block_fill(struct tiny_block *block,
                     const struct tiny_model_options *o, int64_t layer);
void tiny_put_shape(struct gguf_writer *w, const struct tiny_model_options *o,
                    size_t n_tokens);

#endif
