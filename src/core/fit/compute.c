/* What the engine's graph holds at once.
 *
 * ggml lays the vectors of a graph for 512 tokens into one buffer and reuses
 * room once a vector is not needed. Measured over models of many shapes, its
 * size is that of the greediest moment of any block, plus the masks that stay
 * all the time. With D the width of the model, and as many rows as tokens:
 *
 *     attention     4 D + Q + max(Q, K + V)   queries before and after RoPE
 *     latent        3 D + Q + Qrope + 2 KV + heads x (2 rank + rope)
 *     feed-forward  5 D + 3 F, with F above D: the gaps that D left do not
 *                   take an F; else 3 D + 3 F
 *     experts       the same with E = F x experts used; then all of their
 *                   results at once, E' = D x experts used, which take the
 *                   room of two E when they fit, or else their own
 *     state space   3 D + 6 I, with I the inner width, and the states of all
 *                   slots; those twice when they are more than 3/2 I and the
 *                   gaps do not take them
 *
 * Three D are there in all of them: the block's input, and two that llama.cpp
 * keeps for embeddings that come from outside. */
#include "core/fit/fit_internal.h"

enum { F32_BYTES = 4 };

static int64_t
larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Widths of one token's row, in numbers. */

static int64_t
attention_width(const struct fit_facts *f)
{
    int64_t kv = 0;
    if (f->latent_rank > 0)
        return 3 * f->embedding + f->latent_q + f->n_heads * f->latent_rope +
               2 * (f->latent_rank + f->latent_rope) +
               f->n_heads * (2 * f->latent_rank + f->latent_rope);
    for (size_t i = 0; i < f->n_layers; i++)
        kv = larger(kv, f->layers[i].k_width + f->layers[i].v_width);
    if (kv == 0)
        return 0;
    return 4 * f->embedding + f->q_width + larger(f->q_width, kv);
}

static int64_t
feed_forward_width(const struct fit_facts *f)
{
    int64_t d = f->embedding, n_ups = f->has_gate ? 3 : 2;
    return (f->ffn_width > d ? 5 : 3) * d + n_ups * f->ffn_width;
}

static int64_t
experts_width(const struct fit_facts *f)
{
    int64_t d = f->embedding, used = f->n_experts_used;
    int64_t e = f->expert_width * used, results = d * used;
    if (e <= d)
        return larger(3 * d + 3 * e, 5 * d + results);
    return larger(5 * d + 3 * e + (results > 2 * e ? results : 0),
                  5 * d + results);
}

static int64_t
block_width(const struct fit_facts *f)
{
    int64_t width = attention_width(f);
    if (f->n_experts_used > 0)
        return larger(width, experts_width(f));
    return larger(width, feed_forward_width(f));
}

/* 16-bit, of each cell for each token; as many as kinds of cache. */
static int64_t
mask_bytes(const struct fit_facts *f, const struct fit_layout *layout)
{
    bool has_full = false, has_window = false;
    for (size_t i = 0; i < f->n_layers; i++) {
        bool is_cached = f->layers[i].k_width + f->layers[i].v_width > 0;
        has_full = has_full || (is_cached && !f->layers[i].is_windowed);
        has_window = has_window || (is_cached && f->layers[i].is_windowed);
    }
    return ((has_full ? layout->cells : 0) +
            (has_window ? layout->window_cells : 0)) *
           layout->n_tokens * 2;
}

static int64_t
state_space_bytes(const struct fit_facts *f, const struct fit_layout *layout)
{
    int64_t states = 0, row = layout->n_tokens * F32_BYTES;
    if (f->ssm_inner == 0)
        return 0;
    for (size_t i = 0; i < f->n_layers; i++)
        states = larger(states, f->layers[i].state_bytes);
    states *= layout->n_slots;
    if (states > f->ssm_inner * row / 2 * 3)
        states *= 2;
    return (3 * f->embedding + 6 * f->ssm_inner) * row + states;
}

int64_t
fit_compute_bytes(const struct fit_facts *facts,
                  const struct fit_layout *layout)
{
    return mask_bytes(facts, layout) +
           larger(block_width(facts) * layout->n_tokens * F32_BYTES,
                  state_space_bytes(facts, layout));
}
