/* What a GGUF header says about memory. Numbers are bounded here, so that no
 * product of them in estimate.c leaves 64 bits: 2^24 cells x 2^22 numbers x 4
 * bytes x 2^10 blocks. */
#include "core/fit/fit_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

struct reading {
    const struct gguf_info *info;
    struct fit_facts *facts;
    const struct fit_arch *arch; /* NULL: not known */
    struct error *error;
};

/* ---- tensors ---- */

struct tensors {
    struct fit_facts *facts;
    bool is_bad;
};

/* The block that "blk.12.attn_q.weight" belongs to, or -1. */
static int64_t
block_of(struct str name)
{
    int64_t block = 0;
    size_t i = 4;
    if (!str_starts_with(name, STR("blk.")))
        return -1;
    for (; i < name.n && name.p[i] >= '0' && name.p[i] <= '9' && i < 10; i++)
        block = block * 10 + (name.p[i] - '0');
    return i > 4 && i < name.n && name.p[i] == '.' && block < FIT_LAYERS_MAX
               ? block
               : -1;
}

/* Whether llama.cpp repacks this matrix for AMX, and how many bytes that adds
 * (ggml-cpu/amx, build 11669). Those of experts it does not; a matrix of three
 * dimensions it does, without growing. */
static bool
is_repacked(const struct gguf_tensor *tensor, int64_t *ret_more_bytes)
{
    static const struct {
        uint32_t type;
        unsigned block, more_bytes;
    } rows[] = {
        { 1, 1, 0 },    /* F16 */
        { 2, 32, 0 },   /* Q4_0 */
        { 3, 32, 0 },   /* Q4_1 */
        { 8, 32, 4 },   /* Q8_0 */
        { 12, 256, 4 }, /* Q4_K */
        { 13, 256, 4 }, /* Q5_K */
        { 14, 256, 0 }, /* Q6_K */
        { 23, 256, 2 }, /* IQ4_XS */
    };
    enum { ROWS_MULTIPLE = 32 };
    *ret_more_bytes = 0;
    if (tensor->n_dims != 2 || tensor->shape[1] % ROWS_MULTIPLE != 0)
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].type == tensor->type) {
            *ret_more_bytes = (int64_t)(tensor->n_elements / rows[i].block *
                                        rows[i].more_bytes);
            return true;
        }
    return false;
}

static int
on_tensor(void *ctx, const struct gguf_tensor *tensor)
{
    struct tensors *tensors = ctx;
    struct fit_facts *facts = tensors->facts;
    int64_t block = block_of(tensor->name);
    int64_t more_bytes;
    uint64_t sum;
    if (u64_add_overflows((uint64_t)facts->weight_bytes, tensor->n_bytes,
                          &sum) ||
        sum > INT64_MAX / 4) {
        tensors->is_bad = true;
        return -1;
    }
    int64_t n_bytes = (int64_t)tensor->n_bytes;
    bool is_amx = is_repacked(tensor, &more_bytes);
    facts->weight_bytes = (int64_t)sum;
    if (block >= 0) {
        facts->layers[block].weight_bytes += n_bytes;
        facts->layers[block].repack_bytes += more_bytes;
    } else if (str_is(tensor->name, "token_embd.weight")) {
        facts->input_bytes = n_bytes;
        facts->input_repack_bytes = is_amx ? n_bytes + more_bytes : 0;
    } else if (str_is(tensor->name, "output.weight")) {
        facts->output_bytes = n_bytes;
        facts->output_repack_bytes = more_bytes;
    }
    if (block >= 0 &&
        (str_ends_with(tensor->name, STR(".ffn_gate.weight")) ||
         str_ends_with(tensor->name, STR(".ffn_gate_exps.weight"))))
        facts->has_gate = true;
    return 0;
}

static int
read_header(const struct byte_source *source, struct fit_facts *facts,
            struct gguf_info *info, struct error *error)
{
    struct tensors tensors = { .facts = facts };
    const struct gguf_visitor visitor = { on_tensor, &tensors };
    if (gguf_read(source, &visitor, info, error) < 0)
        return -1;
    if (!tensors.is_bad)
        return 0;
    gguf_info_release(info);
    return error_set(error, ERR_INVALID, "its tensors are too large");
}

/* ---- keys ---- */

/* A whole number from 0 to `max`; `fallback` when the key is not there. */
static int
number(const struct reading *r, const char *name, int64_t fallback, int64_t max,
       int64_t *ret)
{
    const struct gguf_value *value = gguf_get_arch(r->info, name);
    uint64_t n;
    *ret = fallback;
    if (value == NULL)
        return 0;
    if (!gguf_as_u64(value, &n) || n > (uint64_t)max)
        return error_set(r->error, ERR_INVALID,
                         "%s.%s is no number up to %" PRId64,
                         r->facts->architecture, name, max);
    *ret = (int64_t)n;
    return 0;
}

/* A number for each block, or one for all. */
struct series {
    const struct gguf_value *value;
    int64_t one;
};

static int
series(const struct reading *r, const char *name, int64_t fallback,
       struct series *ret)
{
    *ret = (struct series){ gguf_get_arch(r->info, name), fallback };
    if (ret->value == NULL || ret->value->type != GGUF_VALUE_ARRAY)
        return number(r, name, fallback, FIT_WIDTH_MAX, &ret->one);
    if (ret->value->n_numbers < r->facts->n_layers)
        return error_set(r->error, ERR_INVALID,
                         "%s.%s has not a number for each block",
                         r->facts->architecture, name);
    for (size_t i = 0; i < r->facts->n_layers; i++)
        if (!(ret->value->numbers[i] >= 0 &&
              ret->value->numbers[i] <= FIT_WIDTH_MAX))
            return error_set(r->error, ERR_INVALID,
                             "%s.%s has a number that cannot be",
                             r->facts->architecture, name);
    return 0;
}

static int64_t
series_at(const struct series *s, size_t layer)
{
    if (s->value == NULL || s->value->type != GGUF_VALUE_ARRAY)
        return s->one;
    return (int64_t)s->value->numbers[layer];
}

static int64_t
series_max(const struct series *s, size_t n)
{
    int64_t most = 0;
    for (size_t i = 0; i < n; i++)
        if (series_at(s, i) > most)
            most = series_at(s, i);
    return most;
}

static enum fit_kind
kind_of(const struct reading *r)
{
    return r->arch == NULL ? FIT_KIND_PLAIN : r->arch->kind;
}

/* ---- blocks ---- */

static int
take_sizes(struct reading *r)
{
    struct fit_facts *f = r->facts;
    const struct gguf_value *words = gguf_get(r->info, "tokenizer.ggml.tokens");
    int64_t n_layers;
    uint64_t n_parts;
    if (number(r, "block_count", 0, FIT_LAYERS_MAX, &n_layers) < 0 ||
        number(r, "embedding_length", 0, FIT_WIDTH_MAX, &f->embedding) < 0 ||
        number(r, "context_length", 0, INT64_MAX, &f->context_length) < 0 ||
        number(r, "vocab_size", 0, INT32_MAX, &f->vocabulary) < 0)
        return -1;
    if (n_layers == 0 || f->embedding == 0)
        return error_set(r->error, ERR_INVALID,
                         "\"%s\" says nothing of blocks: it is no language "
                         "model",
                         f->architecture);
    if (gguf_as_u64(gguf_get(r->info, "split.count"), &n_parts) &&
        n_parts <= INT32_MAX)
        f->n_parts = (int64_t)n_parts;
    if (words != NULL && words->n_items <= INT32_MAX)
        f->vocabulary = (int64_t)words->n_items;
    if (f->context_length > FIT_CTX_MAX)
        f->context_length = FIT_CTX_MAX;
    f->n_layers = (size_t)n_layers;
    return 0;
}

/* What a slot's state takes: that of an RWKV block, of a short convolution,
 * or of a state space (Mamba; its convolution, too). F32. */
static int
take_state(struct reading *r, int64_t *ret_bytes)
{
    struct fit_facts *f = r->facts;
    int64_t wkv, shift, short_conv, conv, inner, state, groups;
    if (number(r, "wkv.head_size", 0, FIT_WIDTH_MAX, &wkv) < 0 ||
        number(r, "token_shift_count", 2, 16, &shift) < 0 ||
        number(r, "shortconv.l_cache", 0, 1024, &short_conv) < 0 ||
        number(r, "ssm.conv_kernel", 0, 1024, &conv) < 0 ||
        number(r, "ssm.inner_size", 0, FIT_WIDTH_MAX, &inner) < 0 ||
        number(r, "ssm.state_size", 0, 1 << 16, &state) < 0 ||
        number(r, "ssm.group_count", 0, 1024, &groups) < 0)
        return -1;
    int64_t numbers;
    if (wkv > 0)
        numbers = f->embedding * (shift + wkv);
    else if (short_conv > 0)
        numbers = f->embedding * (short_conv - 1);
    else
        numbers = (conv > 0 ? conv - 1 : 0) * (inner + 2 * groups * state) +
                  state * inner;
    if (numbers > INT64_C(1) << 38)
        return error_set(r->error, ERR_INVALID, "its state is too large");
    f->ssm_inner = wkv > 0 || short_conv > 0 ? 0 : inner;
    *ret_bytes = numbers * 4;
    return 0;
}

/* Whether the block sees only a window. The file says so for each block, or
 * says the period, or the architecture implies it. */
static bool
is_windowed(const struct reading *r, const struct series *pattern, size_t i)
{
    int64_t period = r->arch == NULL ? 0 : r->arch->period;
    bool is_full_first = r->arch != NULL && r->arch->is_full_first;
    if (r->facts->window == 0 || kind_of(r) != FIT_KIND_WINDOW)
        return false;
    if (pattern->value != NULL && pattern->value->type == GGUF_VALUE_ARRAY)
        return series_at(pattern, i) != 0;
    if (pattern->value != NULL)
        period = pattern->one;
    if (period <= 0)
        return true;
    return (int64_t)i % period != (is_full_first ? 0 : period - 1);
}

static bool
is_recurrent(const struct reading *r, int64_t interval, int64_t kv_heads,
             size_t i)
{
    switch (kind_of(r)) {
    case FIT_KIND_STATE:
    case FIT_KIND_BOTH: return true;
    case FIT_KIND_MIXED: return kv_heads == 0;
    case FIT_KIND_INTERVAL:
        return interval > 0 && ((int64_t)i + 1) % interval != 0;
    case FIT_KIND_PLAIN:
    case FIT_KIND_WINDOW:
    case FIT_KIND_ENCODER: break;
    }
    return false;
}

/* Numbers that the attention of a block is made of. */
struct heads {
    struct series all, kv;
    int64_t key, value, key_windowed, value_windowed;
    int64_t n_shared; /* last blocks that use the cache of others */
};

static int
take_heads(struct reading *r, struct heads *h)
{
    struct fit_facts *f = r->facts;
    int64_t latent_key = 0;
    if (series(r, "attention.head_count", 0, &h->all) < 0)
        return -1;
    f->n_heads = series_max(&h->all, f->n_layers);
    int64_t head = f->n_heads == 0 ? 0 : f->embedding / f->n_heads;
    if (series(r, "attention.head_count_kv", f->n_heads, &h->kv) < 0 ||
        number(r, "attention.key_length", head, FIT_WIDTH_MAX, &h->key) < 0 ||
        number(r, "attention.value_length", head, FIT_WIDTH_MAX, &h->value) <
            0 ||
        number(r, "attention.key_length_swa", h->key, FIT_WIDTH_MAX,
               &h->key_windowed) < 0 ||
        number(r, "attention.value_length_swa", h->value, FIT_WIDTH_MAX,
               &h->value_windowed) < 0 ||
        number(r, "attention.shared_kv_layers", 0, FIT_LAYERS_MAX,
               &h->n_shared) < 0 ||
        number(r, "attention.key_length_mla", 0, FIT_WIDTH_MAX, &latent_key) <
            0)
        return -1;
    if (f->n_heads > FIT_WIDTH_MAX / (h->key + h->value + 1))
        return error_set(r->error, ERR_INVALID, "its heads are too wide");
    f->q_width = f->n_heads * h->key;
    if (latent_key == 0)
        return 0;
    if (number(r, "attention.kv_lora_rank", 0, FIT_WIDTH_MAX, &f->latent_rank) <
            0 ||
        number(r, "rope.dimension_count", 0, FIT_WIDTH_MAX, &f->latent_rope) <
            0)
        return -1;
    if (f->n_heads >
        FIT_WIDTH_MAX / (latent_key + f->latent_rank + f->latent_rope + 1))
        return error_set(r->error, ERR_INVALID, "its heads are too wide");
    f->latent_q = f->n_heads * latent_key;
    h->value = 0; /* the values are a part of the cached keys */
    return 0;
}

static int
take_layers(struct reading *r)
{
    struct fit_facts *f = r->facts;
    struct heads heads;
    struct series pattern;
    int64_t state_bytes = 0, interval, window;
    int64_t n_full = r->arch == NULL ? 0 : r->arch->period;
    if (take_heads(r, &heads) < 0 || take_state(r, &state_bytes) < 0 ||
        number(r, "full_attention_interval", n_full, FIT_LAYERS_MAX,
               &interval) < 0 ||
        number(r, "attention.sliding_window",
               r->arch == NULL ? 0 : r->arch->window, INT32_MAX, &window) < 0)
        return -1;
    f->window = kind_of(r) == FIT_KIND_WINDOW ? window : 0;
    if (series(r, "attention.sliding_window_pattern", 0, &pattern) < 0)
        return -1;
    int64_t n_cached = (int64_t)f->n_layers - heads.n_shared;
    for (size_t i = 0; i < f->n_layers; i++) {
        struct fit_layer *layer = &f->layers[i];
        int64_t kv = series_at(&heads.kv, i);
        if (kv > f->n_heads)
            return error_set(r->error, ERR_INVALID,
                             "a block has more kv heads than heads");
        bool has_state = is_recurrent(r, interval, kv, i);
        layer->is_windowed = is_windowed(r, &pattern, i);
        layer->state_bytes = has_state ? state_bytes : 0;
        if (kind_of(r) == FIT_KIND_ENCODER || (int64_t)i >= n_cached ||
            (has_state && kind_of(r) != FIT_KIND_BOTH))
            continue;
        layer->k_width =
            kv * (layer->is_windowed ? heads.key_windowed : heads.key);
        layer->v_width =
            kv * (layer->is_windowed ? heads.value_windowed : heads.value);
    }
    return 0;
}

static int
take_feed_forward(struct reading *r)
{
    struct fit_facts *f = r->facts;
    struct series ffn;
    int64_t n_experts;
    if (series(r, "feed_forward_length", 0, &ffn) < 0 ||
        number(r, "expert_count", 0, 1 << 16, &n_experts) < 0 ||
        number(r, "expert_used_count", 0, 1024, &f->n_experts_used) < 0 ||
        number(r, "expert_feed_forward_length", series_max(&ffn, f->n_layers),
               FIT_WIDTH_MAX, &f->expert_width) < 0)
        return -1;
    f->ffn_width = series_max(&ffn, f->n_layers);
    if (n_experts == 0)
        f->n_experts_used = 0;
    return 0;
}

/* ---- the whole ---- */

static int
take_all(const struct gguf_info *info, struct fit_facts *facts,
         struct error *error)
{
    struct str name = gguf_architecture(info);
    struct reading r = { info, facts, fit_arch_find(name), error };
    if (name.n == 0 || name.n >= FIT_ARCH_BYTES || !str_is_utf8(name))
        return error_set(error, ERR_INVALID, "it names no architecture");
    snprintf(facts->architecture, sizeof facts->architecture, "%.*s",
             STR_ARG(name));
    facts->is_guess = r.arch == NULL;
    if (kind_of(&r) == FIT_KIND_ENCODER)
        facts->input_repack_bytes = 0; /* it has no output matrix */
    if (take_sizes(&r) < 0 || take_layers(&r) < 0)
        return -1;
    return take_feed_forward(&r);
}

int
fit_facts_read(const struct byte_source *source, struct fit_facts *facts,
               struct error *error)
{
    struct gguf_info info;
    memset(facts, 0, sizeof *facts);
    if (read_header(source, facts, &info, error) < 0)
        return -1;
    int rc = take_all(&info, facts, error);
    gguf_info_release(&info);
    return rc;
}

int
fit_facts_add_part(const struct byte_source *source, struct fit_facts *facts,
                   struct error *error)
{
    struct gguf_info info;
    if (read_header(source, facts, &info, error) < 0)
        return -1;
    gguf_info_release(&info);
    return 0;
}
