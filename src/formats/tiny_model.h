/* A tiny language model whose answer is known in advance.
 *
 * It is a real model: an engine loads it like any other and computes
 * attention, recurrence, feed-forward and KV cache. But its blocks carry only small
 * noise, and its output matrix is made from its embedding matrix so that
 * after each word of `say` the next one wins, at any usual temperature.
 * Anything that is not one of the words leads to the first; the last leads
 * to the end of the answer, or back to the first. So a demo, a test or a
 * benchmark can tell which model answered, and that the answer is whole and
 * in order.
 *
 * The qwen architectures come with a tokenizer of byte-level pairs, the
 * others with a byte-fallback one. The same options give the same bytes.
 *
 *     llama, qwen2, qwen3   attention with grouped keys and values
 *     qwen3moe              the same, with experts
 *     gemma3                a sliding window, in 5 of 6 blocks
 *     deepseek2             keys and values in one latent vector (MLA)
 *     mamba                 recurrent blocks
 *     jamba                 recurrent blocks and attention in turn */
#ifndef FORMATS_TINY_MODEL_H
#define FORMATS_TINY_MODEL_H

#include "base/error.h"
#include "base/str.h"
#include "formats/gguf_writer.h"

enum tiny_arch {
    TINY_LLAMA,
    TINY_QWEN2,
    TINY_QWEN3,
    TINY_GEMMA3,
    TINY_QWEN3MOE,
    TINY_DEEPSEEK2,
    TINY_MAMBA,
    TINY_JAMBA
};

enum {
    TINY_WORDS_MAX = 1000,
    TINY_WORD_MAX_BYTES = 200,
    TINY_LAYERS_MAX = 512
};

/* Sizes: what is 0 gets the default. */
struct tiny_model_options {
    struct str name; /* "" : "tiny" */
    struct str say;  /* words between white space, none twice */
    enum tiny_arch arch;
    enum gguf_type type;    /* of the large tensors */
    bool is_looping;        /* the last word leads to the first */
    bool has_no_template;   /* leave the chat template out */
    int64_t n_layers;       /* 2 */
    int64_t dim;            /* 64: multiple of 32 */
    int64_t ffn;            /* 128: multiple of 32 */
    int64_t n_heads;        /* 4: divides dim, dim / n_heads is even */
    int64_t n_kv_heads;     /* 2: divides n_heads */
    int64_t n_ctx;          /* 2048 */
    int64_t n_window;       /* 512: what a sliding window holds */
    int64_t n_experts;      /* 4 */
    int64_t n_experts_used; /* 2: of them, for each token */
    uint64_t seed;          /* 1 */
};

/* Names as the command line has them; 0, or -1. */
int tiny_arch_from(struct str text, enum tiny_arch *ret_arch);
int tiny_type_from(struct str text, enum gguf_type *ret_type);

/* Hands the file to `write` piece by piece, in order; `write` returns 0, or
 * -1 with `error`, which ends it. A bad option is ERR_INVALID with its name
 * (as on the command line: "kv-heads") as field. */
int tiny_model_write(const struct tiny_model_options *options,
                     int (*write)(void *ctx, struct str bytes,
                                  struct error *error),
                     void *ctx, struct error *error);

#endif
