/* What headers say about memory, and what they must not be believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"
#include "core/fit/fit.h"
#include "formats/gguf_writer.h"
#include "formats/tiny_model.h"

static struct fit_facts facts;

static int
collect(void *ctx, struct str bytes, struct error *error)
{
    strbuf_add(ctx, bytes.p, bytes.n);
    return strbuf_failed(ctx) ? error_set(error, ERR_IO, "full") : 0;
}

static int
read_bytes(struct str file, struct error *error)
{
    struct byte_prefix prefix = { .have = file };
    struct byte_source source = byte_prefix_source(&prefix, file.n);
    return fit_facts_read(&source, &facts, error);
}

static void
read_tiny(enum tiny_arch arch, int64_t n_layers)
{
    const struct tiny_model_options options = {
        .say = STR("a b"), .arch = arch, .n_layers = n_layers, .n_window = 300
    };
    struct strbuf file = STRBUF_INIT(64 * MIB);
    struct error error = { 0 };
    assert_int_equal(tiny_model_write(&options, collect, &file, &error), 0);
    if (read_bytes(strbuf_view(&file), &error) < 0)
        fail_msg("%s", error.message);
    strbuf_release(&file);
}

/* Blocks that are windowed (w), attend (a), or have a state (s). */
static void
assert_blocks(const char *expected)
{
    char found[FIT_LAYERS_MAX + 1] = "";
    for (size_t i = 0; i < facts.n_layers; i++) {
        const struct fit_layer *layer = &facts.layers[i];
        bool is_cached = layer->k_width + layer->v_width > 0;
        assert_true(layer->weight_bytes > 0);
        found[i] = layer->state_bytes > 0 ? (is_cached ? 'b' : 's')
                   : !is_cached           ? '-'
                   : layer->is_windowed   ? 'w'
                                          : 'a';
        found[i + 1] = '\0';
    }
    assert_string_equal(found, expected);
}

static void
blocks_by_architecture(void **state)
{
    read_tiny(TINY_LLAMA, 3);
    assert_blocks("aaa");
    assert_int_equal(facts.layers[0].k_width, 32); /* 2 kv heads of 16 */
    assert_int_equal(facts.layers[0].v_width, 32);
    assert_int_equal(facts.context_length, 2048);
    assert_int_equal(facts.embedding, 64);
    assert_int_equal(facts.ffn_width, 128);
    assert_int_equal(facts.n_experts_used, 0);
    assert_true(facts.has_gate);
    assert_false(facts.is_guess);
    read_tiny(TINY_GEMMA3, 13);
    assert_blocks("wwwwwawwwwwaw");
    assert_int_equal(facts.window, 300);
    read_tiny(TINY_QWEN3MOE, 2);
    assert_blocks("aa");
    assert_int_equal(facts.n_experts_used, 2);
    assert_int_equal(facts.expert_width, 128);
    assert_true(facts.has_gate);
    read_tiny(TINY_DEEPSEEK2, 2);
    assert_blocks("aa");
    assert_int_equal(facts.layers[1].k_width, 32 + 32); /* rank and RoPE */
    assert_int_equal(facts.layers[1].v_width, 0);
    read_tiny(TINY_MAMBA, 3);
    assert_blocks("sss");
    /* (3 of the convolution + 16 of the state) x 128, F32 */
    assert_int_equal(facts.layers[2].state_bytes, 19 * 128 * 4);
    read_tiny(TINY_JAMBA, 4);
    assert_blocks("sasa");
}

/* A header with tensors of `type`; what they hold is not there. */
static void
read_matrices(const char *architecture, uint32_t type, uint64_t n_words)
{
    static const struct {
        const char *name;
        uint64_t shape[3];
        unsigned n_dims;
    } rows[] = {
        { "blk.0.attn_q.weight", { 512, 96, 1 }, 2 },
        { "blk.0.attn_k.weight", { 512, 48, 1 }, 2 }, /* no multiple of 32 */
        { "blk.0.ffn_up_exps.weight", { 512, 64, 4 }, 3 },
        { "blk.0.attn_q.bias", { 512, 1, 1 }, 1 },
    };
    const uint64_t embedding[] = { 512, n_words };
    struct gguf_writer w;
    struct strbuf file = STRBUF_INIT(16 * MIB);
    struct error error = { 0 };
    char key[64];
    gguf_writer_init(&w);
    gguf_put_text(&w, "general.architecture", str_from(architecture));
    snprintf(key, sizeof key, "%s.block_count", architecture);
    gguf_put_u32(&w, key, 1);
    snprintf(key, sizeof key, "%s.embedding_length", architecture);
    gguf_put_u32(&w, key, 512);
    gguf_add_tensor(&w, "token_embd.weight", GGUF_F16, embedding, 2);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        gguf_add_tensor(&w, rows[i].name, GGUF_F32, rows[i].shape,
                        rows[i].n_dims);
    assert_int_equal(gguf_finish(&w, &file, &error), 0);
    uint64_t data_bytes = w.data_bytes;
    gguf_writer_release(&w);
    /* Each type that is asked for is smaller than the F32 of the table. */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *at = memmem(file.p, file.n, rows[i].name, strlen(rows[i].name));
        assert_non_null(at);
        memcpy(at + strlen(rows[i].name) + 4 + 8 * (size_t)rows[i].n_dims,
               &type, 4);
    }
    struct byte_prefix prefix = { .have = strbuf_view(&file) };
    struct byte_source source =
        byte_prefix_source(&prefix, file.n + data_bytes);
    if (fit_facts_read(&source, &facts, &error) < 0)
        fail_msg("%s", error.message);
    strbuf_release(&file);
}

static void
matrices_are_repacked_for_amx(void **state)
{
    const struct {
        uint32_t type;
        int64_t more_bytes; /* of 512 x 96 */
    } rows[] = {
        { 8, 512 * 96 / 32 * 4 }, /* Q8_0 */
        { 12, 512 * 96 / 256 * 4 },
        { 13, 512 * 96 / 256 * 4 },
        { 23, 512 * 96 / 256 * 2 },
        { 0, 0 },
        { 1, 0 },
        { 2, 0 },
        { 14, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_matrices("llama", rows[i].type, 64);
        assert_int_equal(facts.layers[0].repack_bytes, rows[i].more_bytes);
        assert_int_equal(facts.input_repack_bytes, 512 * 64 * 2);
    }
    read_matrices("llama", 8, 65); /* words that are no multiple of 32 */
    assert_int_equal(facts.input_repack_bytes, 0);
    read_matrices("bert", 8, 64); /* no output matrix */
    assert_int_equal(facts.input_repack_bytes, 0);
    assert_int_equal(facts.output_repack_bytes, 0);
}

static void
weights_are_told_by_place(void **state)
{
    int64_t in_blocks = 0;
    read_tiny(TINY_LLAMA, 2);
    for (size_t i = 0; i < facts.n_layers; i++)
        in_blocks += facts.layers[i].weight_bytes;
    assert_int_equal(facts.input_bytes, facts.vocabulary * 64 * 4);
    assert_int_equal(facts.output_bytes, facts.input_bytes);
    assert_int_equal(facts.weight_bytes, in_blocks + 2 * facts.input_bytes +
                                             64 * 4 /* the last norm */);
}

/* ---- headers of our own ---- */

struct made {
    struct gguf_writer w;
    char arch[32];
};

static void
begin(struct made *made, const char *arch)
{
    snprintf(made->arch, sizeof made->arch, "%s", arch);
    gguf_writer_init(&made->w);
    gguf_put_text(&made->w, "general.architecture", str_from(arch));
}

static void
put(struct made *made, const char *name, uint32_t value)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", made->arch, name);
    gguf_put_u32(&made->w, key, value);
}

static void
put_list(struct made *made, const char *name, const int32_t *values, size_t n)
{
    char key[96];
    snprintf(key, sizeof key, "%s.%s", made->arch, name);
    gguf_put_i32s(&made->w, key, values, n);
}

/* A model of 4 blocks of width 64 and 4 heads. */
static void
begin_model(struct made *made, const char *arch)
{
    begin(made, arch);
    put(made, "block_count", 4);
    put(made, "embedding_length", 64);
    put(made, "attention.head_count", 4);
}

static int
end(struct made *made, struct error *error)
{
    struct strbuf file = STRBUF_INIT(MIB);
    struct error ignored;
    assert_int_equal(gguf_finish(&made->w, &file, &ignored), 0);
    int rc = read_bytes(strbuf_view(&file), error);
    gguf_writer_release(&made->w);
    strbuf_release(&file);
    return rc;
}

static void
assert_kinds(const char *expected)
{
    for (size_t i = 0; i < facts.n_layers; i++)
        facts.layers[i].weight_bytes = 1; /* these have no tensors */
    assert_blocks(expected);
}

static void
the_file_may_say_which_blocks(void **state)
{
    static const int32_t flags[] = { 1, 0, 0, 1 };
    struct made made;
    struct error error;
    begin_model(&made, "gemma4");
    put(&made, "attention.sliding_window", 100);
    put_list(&made, "attention.sliding_window_pattern", flags, 4);
    put(&made, "attention.key_length", 32);
    put(&made, "attention.key_length_swa", 8);
    put(&made, "attention.shared_kv_layers", 1);
    assert_int_equal(end(&made, &error), 0);
    assert_kinds("waa-");
    assert_int_equal(facts.layers[0].k_width, 4 * 8);
    assert_int_equal(facts.layers[1].k_width, 4 * 32);
    begin_model(&made, "cohere2");
    put(&made, "attention.sliding_window", 100);
    put(&made, "attention.sliding_window_pattern", 2);
    assert_int_equal(end(&made, &error), 0);
    assert_kinds("wawa");
    begin_model(&made, "smallthinker");
    put(&made, "attention.sliding_window", 100);
    assert_int_equal(end(&made, &error), 0);
    assert_kinds("awww");
    begin_model(&made, "smallthinker"); /* without a window */
    assert_int_equal(end(&made, &error), 0);
    assert_kinds("aaaa");
    begin_model(&made, "gemma2"); /* its window is known */
    assert_int_equal(end(&made, &error), 0);
    assert_kinds("wawa");
    assert_int_equal(facts.window, 4096);
}

static void
other_recurrences(void **state)
{
    static const int32_t kv[] = { 0, 0, 2, 0 };
    struct made made;
    struct error error;
    begin_model(&made, "lfm2");
    put_list(&made, "attention.head_count_kv", kv, 4);
    put(&made, "shortconv.l_cache", 3);
    assert_int_equal(end(&made, &error), 0);
    assert_kinds("ssas");
    assert_int_equal(facts.layers[0].state_bytes, 2 * 64 * 4);
    begin_model(&made, "rwkv7");
    put(&made, "wkv.head_size", 16);
    assert_int_equal(end(&made, &error), 0);
    assert_kinds("ssss");
    assert_int_equal(facts.layers[0].state_bytes, (2 + 16) * 64 * 4);
    begin_model(&made, "qwen3next");
    put(&made, "ssm.conv_kernel", 4);
    put(&made, "ssm.inner_size", 128);
    put(&made, "ssm.state_size", 8);
    put(&made, "ssm.group_count", 2);
    assert_int_equal(end(&made, &error), 0);
    assert_kinds("sssa");
    assert_int_equal(facts.layers[0].state_bytes,
                     (3 * (128 + 2 * 2 * 8) + 8 * 128) * 4);
    begin_model(&made, "falcon-h1");
    put(&made, "ssm.inner_size", 128);
    put(&made, "ssm.state_size", 8);
    assert_int_equal(end(&made, &error), 0);
    assert_kinds("bbbb");
    begin_model(&made, "bert");
    assert_int_equal(end(&made, &error), 0);
    assert_kinds("----");
}

static void
an_unknown_architecture_is_a_guess(void **state)
{
    struct made made;
    struct error error;
    begin_model(&made, "of-tomorrow");
    put(&made, "attention.sliding_window", 100);
    assert_int_equal(end(&made, &error), 0);
    assert_true(facts.is_guess);
    assert_kinds("aaaa");
}

static void
bad_headers_are_refused(void **state)
{
    static const int32_t short_list[] = { 1, 1 };
    static const int32_t negative[] = { 1, 1, -1, 1 };
    const struct {
        const char *key;
        uint32_t value;
        const int32_t *list;
        size_t n;
        const char *message;
    } rows[] = {
        { "block_count", 0, NULL, 0, "no language model" },
        { "block_count", FIT_LAYERS_MAX + 1, NULL, 0, "block_count" },
        { "embedding_length", 0, NULL, 0, "no language model" },
        { "embedding_length", FIT_WIDTH_MAX + 1, NULL, 0, "embedding_length" },
        { "attention.head_count", UINT32_MAX, NULL, 0, "head_count" },
        { "attention.head_count_kv", 5, NULL, 0, "more kv heads" },
        { "attention.head_count_kv", 0, short_list, 2, "for each block" },
        { "attention.head_count_kv", 0, negative, 4, "cannot be" },
        { "attention.key_length", UINT32_MAX, NULL, 0, "key_length" },
        { "attention.key_length", FIT_WIDTH_MAX, NULL, 0, "too wide" },
        { "attention.key_length_mla", FIT_WIDTH_MAX, NULL, 0, "too wide" },
        { "wkv.head_size", FIT_WIDTH_MAX + 1, NULL, 0, "head_size" },
        { "ssm.state_size", UINT32_MAX, NULL, 0, "state_size" },
        { "expert_used_count", UINT32_MAX, NULL, 0, "expert_used_count" },
        { "attention.sliding_window", UINT32_MAX, NULL, 0, "sliding_window" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct made made;
        struct error error = { 0 };
        begin(&made, "llama"); /* the first of equal keys counts */
        if (rows[i].list != NULL)
            put_list(&made, rows[i].key, rows[i].list, rows[i].n);
        else
            put(&made, rows[i].key, rows[i].value);
        put(&made, "block_count", 4);
        put(&made, "embedding_length", 64);
        put(&made, "attention.head_count", 4);
        assert_int_equal(end(&made, &error), -1);
        assert_int_equal(error.code, ERR_INVALID);
        if (strstr(error.message, rows[i].message) == NULL)
            fail_msg("%s: %s", rows[i].key, error.message);
    }
}

static void
what_is_no_gguf_is_refused(void **state)
{
    struct error error = { 0 };
    assert_int_equal(read_bytes(STR("not a model at all, is it"), &error), -1);
    assert_int_equal(error.code, ERR_INVALID);
    struct made made;
    gguf_writer_init(&made.w);
    assert_int_equal(end(&made, &error), -1);
    assert_non_null(strstr(error.message, "no architecture"));
}

static void
parts_add_weights(void **state)
{
    const struct tiny_model_options options = { .say = STR("a b") };
    struct strbuf file = STRBUF_INIT(64 * MIB);
    struct error error = { 0 };
    assert_int_equal(tiny_model_write(&options, collect, &file, &error), 0);
    assert_int_equal(read_bytes(strbuf_view(&file), &error), 0);
    int64_t weights = facts.weight_bytes, block = facts.layers[1].weight_bytes;
    struct byte_prefix prefix = { .have = strbuf_view(&file) };
    struct byte_source source = byte_prefix_source(&prefix, file.n);
    assert_int_equal(fit_facts_add_part(&source, &facts, &error), 0);
    assert_int_equal(facts.weight_bytes, 2 * weights);
    assert_int_equal(facts.layers[1].weight_bytes, 2 * block);
    assert_int_equal(facts.n_layers, 2);
    strbuf_release(&file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_by_architecture),
        cmocka_unit_test(weights_are_told_by_place),
        cmocka_unit_test(matrices_are_repacked_for_amx),
        cmocka_unit_test(the_file_may_say_which_blocks),
        cmocka_unit_test(other_recurrences),
        cmocka_unit_test(an_unknown_architecture_is_a_guess),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(what_is_no_gguf_is_refused),
        cmocka_unit_test(parts_add_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
