/* The blocks of tiny models, by architecture. Names of tensors and keys are
 * those that llama.cpp reads (github.com/ggml-org/llama.cpp,
 * gguf-py/gguf/constants.py). */
#include <stdio.h>

#include "formats/tiny_internal.h"

enum { SSM_CONV = 4, SSM_STATE = 16, SSM_EXPANSION = 2, MLA_ROPE = 32 };

/* After a norm of weight 1 the noise of a block would be as loud as the
 * words. */
#define POST_NORM 0x1p-6f

static const struct tiny_arch_row arch_rows[] = {
    [TINY_LLAMA] = { "llama", true },
    [TINY_QWEN2] = { "qwen2", false },
    [TINY_QWEN3] = { "qwen3", false },
    [TINY_GEMMA3] = { "gemma3", true },
    [TINY_QWEN3MOE] = { "qwen3moe", false },
    [TINY_DEEPSEEK2] = { "deepseek2", true },
    [TINY_MAMBA] = { "mamba", true },
    [TINY_JAMBA] = { "jamba", true },
};

const struct tiny_arch_row *
tiny_arch_row(enum tiny_arch arch)
{
    return &arch_rows[arch];
}

int
tiny_arch_from(struct str text, enum tiny_arch *ret_arch)
{
    for (size_t i = 0; i < sizeof arch_rows / sizeof arch_rows[0]; i++)
        if (str_is(text, arch_rows[i].name)) {
            *ret_arch = (enum tiny_arch)i;
            return 0;
        }
    return -1;
}

/* ---- sizes ---- */

static int64_t
round_up(int64_t n, int64_t multiple)
{
    return (n + multiple - 1) / multiple * multiple;
}

static int64_t
head_width(const struct tiny_model_options *o)
{
    return o->dim / o->n_heads;
}

/* MLA: the part of a head without positions; values are as wide. */
static int64_t
mla_head(const struct tiny_model_options *o)
{
    return round_up(head_width(o), GGUF_BLOCK);
}

static int64_t
mla_rank(const struct tiny_model_options *o)
{
    return round_up(o->dim / 2, GGUF_BLOCK);
}

static int64_t
ssm_rank(const struct tiny_model_options *o)
{
    return round_up((o->dim + 15) / 16, GGUF_BLOCK);
}

static bool
is_recurrent(const struct tiny_model_options *o, int64_t layer)
{
    return o->arch == TINY_MAMBA || (o->arch == TINY_JAMBA && layer % 2 == 0);
}

/* ---- tensors ---- */

static struct tiny_tensor *
add(struct tiny_block *block, const char *name, enum tiny_fill fill,
    int64_t width, int64_t height)
{
    struct tiny_tensor *tensor = &block->at[block->n++];
    *tensor = (struct tiny_tensor){
        .fill = fill,
        .shape = { (uint64_t)width, (uint64_t)height, 1 },
        .n_dims = height == 0 ? 1 : 2,
    };
    snprintf(tensor->name, sizeof tensor->name, "blk.%lld.%s",
             (long long)block->layer, name);
    return tensor;
}

static void
add_matrix(struct tiny_block *block, const char *name, int64_t width,
           int64_t height)
{
    add(block, name, FILL_NOISE, width, height);
}

static void
add_stack(struct tiny_block *block, const char *name, int64_t width,
          int64_t height, int64_t depth)
{
    struct tiny_tensor *tensor = add(block, name, FILL_NOISE, width, height);
    tensor->shape[2] = (uint64_t)depth;
    tensor->n_dims = 3;
}

static void
add_vector(struct tiny_block *block, const char *name, int64_t width,
           float value)
{
    add(block, name, FILL_CONSTANT, width, 0)->value = value;
}

static void
add_attention(struct tiny_block *block, const struct tiny_model_options *o)
{
    int64_t dim = o->dim, kv = head_width(o) * o->n_kv_heads;
    add_matrix(block, "attn_q.weight", dim, dim);
    add_matrix(block, "attn_k.weight", dim, kv);
    add_matrix(block, "attn_v.weight", dim, kv);
    add_matrix(block, "attn_output.weight", dim, dim);
    if (o->arch == TINY_QWEN2) {
        add_vector(block, "attn_q.bias", dim, 0);
        add_vector(block, "attn_k.bias", kv, 0);
        add_vector(block, "attn_v.bias", kv, 0);
    }
    if (o->arch == TINY_QWEN3 || o->arch == TINY_QWEN3MOE ||
        o->arch == TINY_GEMMA3) {
        add_vector(block, "attn_q_norm.weight", head_width(o), 1);
        add_vector(block, "attn_k_norm.weight", head_width(o), 1);
    }
    if (o->arch == TINY_GEMMA3)
        add_vector(block, "post_attention_norm.weight", dim, POST_NORM);
}

/* Keys and values are made from one narrow vector: multi-head latent
 * attention. */
static void
add_latent_attention(struct tiny_block *block,
                     const struct tiny_model_options *o)
{
    int64_t dim = o->dim, heads = o->n_heads, head = mla_head(o);
    int64_t rank = mla_rank(o);
    add_vector(block, "attn_q_a_norm.weight", rank, 1);
    add_vector(block, "attn_kv_a_norm.weight", rank, 1);
    add_matrix(block, "attn_q_a.weight", dim, rank);
    add_matrix(block, "attn_q_b.weight", rank, heads * (head + MLA_ROPE));
    add_matrix(block, "attn_kv_a_mqa.weight", dim, rank + MLA_ROPE);
    add_stack(block, "attn_k_b.weight", head, rank, heads);
    add_stack(block, "attn_v_b.weight", rank, head, heads);
    add_matrix(block, "attn_output.weight", heads * head, dim);
}

static void
add_recurrence(struct tiny_block *block, const struct tiny_model_options *o)
{
    int64_t inner = SSM_EXPANSION * o->dim, rank = ssm_rank(o);
    add_matrix(block, "ssm_in.weight", o->dim, 2 * inner);
    add(block, "ssm_conv1d.weight", FILL_CONSTANT, SSM_CONV, inner)->value =
        1.0f / SSM_CONV;
    add_vector(block, "ssm_conv1d.bias", inner, 0);
    add_matrix(block, "ssm_x.weight", inner, rank + 2 * SSM_STATE);
    add_matrix(block, "ssm_dt.weight", rank, inner);
    add_vector(block, "ssm_dt.bias", inner, 0);
    if (o->arch == TINY_JAMBA) {
        add_vector(block, "ssm_dt_norm.weight", rank, 1);
        add_vector(block, "ssm_b_norm.weight", SSM_STATE, 1);
        add_vector(block, "ssm_c_norm.weight", SSM_STATE, 1);
    }
    /* The state fades: its factor is below 0. */
    add(block, "ssm_a", FILL_CONSTANT, SSM_STATE, inner)->value = -1;
    add_vector(block, "ssm_d", inner, 1);
    add_matrix(block, "ssm_out.weight", inner, o->dim);
}

static void
add_feed_forward(struct tiny_block *block, const struct tiny_model_options *o)
{
    int64_t dim = o->dim, ffn = o->ffn;
    add_vector(block, "ffn_norm.weight", dim, 1);
    if (o->arch == TINY_QWEN3MOE) {
        add_matrix(block, "ffn_gate_inp.weight", dim, o->n_experts);
        add_stack(block, "ffn_gate_exps.weight", dim, ffn, o->n_experts);
        add_stack(block, "ffn_up_exps.weight", dim, ffn, o->n_experts);
        add_stack(block, "ffn_down_exps.weight", ffn, dim, o->n_experts);
        return;
    }
    add_matrix(block, "ffn_gate.weight", dim, ffn);
    add_matrix(block, "ffn_up.weight", dim, ffn);
    add_matrix(block, "ffn_down.weight", ffn, dim);
    if (o->arch == TINY_GEMMA3)
        add_vector(block, "post_ffw_norm.weight", dim, POST_NORM);
}

void
tiny_block_fill(struct tiny_block *block, const struct tiny_model_options *o,
                int64_t layer)
{
    *block = (struct tiny_block){ .layer = layer };
    add_vector(block, "attn_norm.weight", o->dim, 1);
    if (is_recurrent(o, layer))
        add_recurrence(block, o);
    else if (o->arch == TINY_DEEPSEEK2)
        add_latent_attention(block, o);
    else
        add_attention(block, o);
    if (o->arch != TINY_MAMBA)
        add_feed_forward(block, o);
}

/* ---- keys ---- */

struct keys {
    struct gguf_writer *w;
    const char *arch;
};

static void
put(const struct keys *keys, const char *name, int64_t value)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", keys->arch, name);
    gguf_put_u32(keys->w, key, (uint32_t)value);
}

static void
put_real(const struct keys *keys, const char *name, float value)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", keys->arch, name);
    gguf_put_f32(keys->w, key, value);
}

static void
put_heads(const struct keys *keys, const struct tiny_model_options *o)
{
    int64_t head = head_width(o), rope = head, value = head, kv = o->n_kv_heads;
    if (o->arch == TINY_DEEPSEEK2) {
        rope = MLA_ROPE;
        value = mla_rank(o);
        head = value + rope;
        kv = 1;
        put(keys, "attention.q_lora_rank", mla_rank(o));
        put(keys, "attention.kv_lora_rank", mla_rank(o));
        put(keys, "attention.key_length_mla", mla_head(o) + MLA_ROPE);
        put(keys, "attention.value_length_mla", mla_head(o));
        put(keys, "leading_dense_block_count", o->n_layers);
        put(keys, "expert_feed_forward_length", o->ffn);
        put(keys, "expert_shared_count", 1);
    }
    put(keys, "attention.head_count", o->n_heads);
    if (o->arch != TINY_JAMBA)
        put(keys, "attention.head_count_kv", kv);
    put(keys, "attention.key_length", head);
    put(keys, "attention.value_length", value);
    put(keys, "rope.dimension_count", rope);
}

/* Blocks without keys and values are the recurrent ones. */
static void
put_mixed_heads(const struct keys *keys, const struct tiny_model_options *o)
{
    int32_t heads[TINY_LAYERS_MAX];
    char key[96];
    for (int64_t i = 0; i < o->n_layers; i++)
        heads[i] = is_recurrent(o, i) ? 0 : (int32_t)o->n_kv_heads;
    snprintf(key, sizeof key, "%s.attention.head_count_kv", keys->arch);
    gguf_put_i32s(keys->w, key, heads, (size_t)o->n_layers);
}

static void
put_recurrence(const struct keys *keys, const struct tiny_model_options *o)
{
    put(keys, "ssm.conv_kernel", SSM_CONV);
    put(keys, "ssm.inner_size", SSM_EXPANSION * o->dim);
    put(keys, "ssm.state_size", SSM_STATE);
    put(keys, "ssm.time_step_rank", ssm_rank(o));
}

void
tiny_put_shape(struct gguf_writer *w, const struct tiny_model_options *o,
               size_t n_tokens)
{
    const struct keys keys = { w, tiny_arch_row(o->arch)->name };
    put(&keys, "context_length", o->n_ctx);
    put(&keys, "embedding_length", o->dim);
    put(&keys, "block_count", o->n_layers);
    put(&keys, "feed_forward_length", o->arch == TINY_MAMBA ? 0 : o->ffn);
    if (o->arch == TINY_MAMBA)
        put(&keys, "attention.head_count", 0);
    else
        put_heads(&keys, o);
    if (o->arch == TINY_JAMBA)
        put_mixed_heads(&keys, o);
    if (is_recurrent(o, 0))
        put_recurrence(&keys, o);
    if (o->arch == TINY_GEMMA3)
        put(&keys, "attention.sliding_window", o->n_window);
    if (o->arch == TINY_QWEN3MOE) {
        put(&keys, "expert_count", o->n_experts);
        put(&keys, "expert_used_count", o->n_experts_used);
        put(&keys, "expert_feed_forward_length", o->ffn);
    }
    put(&keys, "vocab_size", (int64_t)n_tokens);
    put_real(&keys, "attention.layer_norm_rms_epsilon", 1e-5f);
    put_real(&keys, "rope.freq_base", 10000.0f);
}
