/* Folders of the transformers layout. The configurations are those of
 * published models, cut to what is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "formats/transformers.h"

static int
read_index(struct str text, struct transformers_index *ret_index,
           struct error *error)
{
    struct strbuf room = STRBUF_INIT(TRANSFORMERS_INDEX_ROOM);
    strbuf_add_str(&room, text);
    int result = transformers_index_read(&room, ret_index, error);
    strbuf_release(&room);
    return result;
}

static struct transformers_config
config_of(const char *text)
{
    struct transformers_config config;
    struct error error;
    if (transformers_config_read(str_from(text), &config, &error) < 0)
        fail_msg("%s: %s", text, error.message);
    return config;
}

static void
test_an_mlx_model(void **state)
{
    struct transformers_config c = config_of(
        "{\"architectures\":[\"Qwen3MoeForCausalLM\"],\"model_type\":"
        "\"qwen3_moe\",\"head_dim\":128,\"hidden_size\":2048,"
        "\"max_position_embeddings\":40960,\"num_attention_heads\":32,"
        "\"num_hidden_layers\":48,\"num_key_value_heads\":4,"
        "\"quantization\":{\"group_size\":64,\"bits\":4,"
        "\"model.layers.0.mlp.gate\":{\"group_size\":64,\"bits\":8}},"
        "\"quantization_config\":{\"group_size\":64,\"bits\":4},"
        "\"torch_dtype\":\"bfloat16\",\"vocab_size\":151936}");
    assert_true(c.is_model);
    assert_true(c.is_mlx);
    assert_int_equal(c.kind, MODEL_KIND_LLM);
    assert_string_equal(c.model_type, "qwen3_moe");
    assert_int_equal(c.n_architectures, 1);
    assert_string_equal(c.architectures[0], "Qwen3MoeForCausalLM");
    assert_string_equal(c.quantization, "4bit");
    assert_int_equal(c.quantization_bits, 4);
    assert_int_equal(c.quantization_group_size, 64);
    assert_int_equal(c.context_length, 40960);
    assert_int_equal(c.n_layers, 48);
    assert_int_equal(c.n_heads, 32);
    assert_int_equal(c.n_kv_heads, 4);
    assert_int_equal(c.head_dim, 128);
    assert_int_equal(c.embedding_length, 2048);
    assert_int_equal(c.vocabulary, 151936);
    assert_string_equal(c.ignored, "");
    (void)state;
}

/* The language model is a part of it, and says less than it seems. */
static void
test_parts_of_a_model(void **state)
{
    struct transformers_config c = config_of(
        "{\"model_type\":\"gemma3\",\"vocab_size\":7,\"text_config\":{"
        "\"hidden_size\":3840,\"num_hidden_layers\":48,\"dtype\":"
        "\"bfloat16\"},\"vision_config\":{\"hidden_size\":1152}}");
    assert_int_equal(c.kind, MODEL_KIND_VISION);
    assert_int_equal(c.embedding_length, 3840);
    assert_int_equal(c.n_layers, 48);
    assert_int_equal(c.vocabulary, 7);
    assert_string_equal(c.quantization, "BF16");
    c = config_of("{\"model_type\":\"qwen2_5_omni\",\"thinker_config\":{"
                  "\"text_config\":{\"hidden_size\":3584},\"vision_config\":"
                  "{\"hidden_size\":1}}}");
    assert_int_equal(c.kind, MODEL_KIND_VISION);
    assert_int_equal(c.embedding_length, 3584);
    (void)state;
}

static void
test_names_of_older_models(void **state)
{
    struct transformers_config c =
        config_of("{\"architectures\":[\"GPT2LMHeadModel\"],\"model_type\":"
                  "\"gpt2\",\"n_ctx\":7,\"n_embd\":768,\"n_head\":12,"
                  "\"n_layer\":11,\"n_positions\":1024}");
    assert_int_equal(c.kind, MODEL_KIND_LLM);
    assert_int_equal(c.context_length, 1024);
    assert_int_equal(c.embedding_length, 768);
    assert_int_equal(c.n_heads, 12);
    assert_int_equal(c.head_dim, 64);
    assert_int_equal(c.n_layers, 11);
    assert_int_equal(c.n_kv_heads, 0);
    (void)state;
}

static void
test_kinds(void **state)
{
    static const struct {
        const char *members;
        enum model_kind kind;
    } rows[] = {
        { "\"model_type\":\"bert\"", MODEL_KIND_EMBEDDING },
        { "\"architectures\":[\"MistralModel\"]", MODEL_KIND_EMBEDDING },
        { "\"architectures\":[\"T5EncoderModel\"]", MODEL_KIND_TEXT_ENCODER },
        { "\"model_type\":\"clip_text_model\"", MODEL_KIND_TEXT_ENCODER },
        { "\"model_type\":\"whisper\",\"architectures\":["
          "\"WhisperForConditionalGeneration\"]",
          MODEL_KIND_AUDIO },
        { "\"model_type\":\"qwen2_audio\",\"audio_config\":{}",
          MODEL_KIND_AUDIO },
        { "\"model_type\":\"qwen2_vl\"", MODEL_KIND_VISION },
        { "\"model_type\":\"llava\",\"image_token_index\":32000",
          MODEL_KIND_VISION },
        { "\"model_type\":\"llama\",\"vision_config\":null,"
          "\"image_token_id\":null",
          MODEL_KIND_LLM },
        { "\"model_type\":\"chatglm\",\"architectures\":[\"ChatGLMModel\"]",
          MODEL_KIND_LLM },
        { "\"hidden_size\":1", MODEL_KIND_UNKNOWN },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[256];
        snprintf(text, sizeof text, "{%s}", rows[i].members);
        struct transformers_config c = config_of(text);
        if (c.kind != rows[i].kind)
            fail_msg("%s: %s, not %s", text, model_kind_names[c.kind],
                     model_kind_names[rows[i].kind]);
        assert_int_equal(c.is_model, rows[i].kind != MODEL_KIND_UNKNOWN);
    }
    (void)state;
}

static void
test_quantizations(void **state)
{
    static const struct {
        const char *members, *quantization;
        int64_t bits;
    } rows[] = {
        { "\"quantization\":{\"bits\":4,\"mode\":\"affine\"}", "4bit", 4 },
        { "\"quantization\":{\"bits\":4,\"mode\":\"mxfp4\"}", "MXFP4", 4 },
        { "\"quantization_config\":{\"quant_method\":\"awq\",\"bits\":4}",
          "AWQ-4bit", 4 },
        { "\"quantization_config\":{\"quant_method\":\"bitsandbytes\","
          "\"load_in_8bit\":false,\"load_in_4bit\":true}",
          "BNB-4bit", 4 },
        { "\"quantization_config\":{\"quant_method\":\"fp8\"}", "FP8", 0 },
        { "\"quantization_config\":{\"quant_method\":\"compressed-tensors\","
          "\"config_groups\":{\"group_0\":{\"weights\":{\"num_bits\":8}}}}",
          "COMPRESSED-TENSORS-8bit", 8 },
        { "\"quantization\":{},\"torch_dtype\":\"float16\"", "F16", 0 },
        { "\"torch_dtype\":\"float8_e4m3fn\"", "float8_e4m3fn", 0 },
        { "\"quantization\":{\"bits\":400}", "", 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[256];
        snprintf(text, sizeof text, "{%s}", rows[i].members);
        struct transformers_config c = config_of(text);
        assert_string_equal(c.quantization, rows[i].quantization);
        assert_int_equal(c.quantization_bits, rows[i].bits);
    }
    (void)state;
}

static void
test_wrong_types_are_named(void **state)
{
    struct transformers_config c = config_of(
        "{\"model_type\":[],\"architectures\":\"X\",\"hidden_size\":\"big\","
        "\"num_hidden_layers\":-3,\"num_attention_heads\":[1,2],"
        "\"vocab_size\":99999999999,\"head_dim\":1.5,\"text_config\":5}");
    static const char *const told[] = {
        "text_config is a whole number",   "model_type is an array",
        "architectures is text",           "num_hidden_layers is out of range",
        "num_attention_heads is an array",
    };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        if (strstr(c.ignored, told[i]) == NULL)
            fail_msg("not \"%s\" in \"%s\"", told[i], c.ignored);
    assert_false(c.is_model);
    assert_int_equal(c.embedding_length, 0);
    assert_int_equal(c.n_layers, 0);
    assert_int_equal(c.n_heads, 0);
    assert_int_equal(c.vocabulary, 0);
    /* A wrong one is no reason to overlook another name of the same. */
    c = config_of("{\"hidden_size\":null,\"n_embd\":0,\"d_model\":512,"
                  "\"model_type\":\"a\\u0000b\"}");
    assert_int_equal(c.embedding_length, 512);
    assert_string_equal(c.model_type, "");
    (void)state;
}

static void
test_several_architectures(void **state)
{
    struct transformers_config c = config_of(
        "{\"architectures\":[\"A\",5,\"B\",\"C\",\"D\",\"E\",\"F\",\"G\","
        "\"H\",\"I\"]}");
    assert_int_equal(c.n_architectures, TRANSFORMERS_ARCHITECTURES_MAX);
    assert_string_equal(c.architectures[1], "B");
    assert_string_equal(c.architectures[7], "H");
    assert_string_equal(c.ignored, "architectures is a whole number");
    (void)state;
}

static void
test_what_python_writes(void **state)
{
    struct transformers_config c = config_of(
        "{\"model_type\":\"mamba2\",\"time_step_limit\":[0.0,Infinity,"
        "-Infinity],\"x\":NaN,\"chat\":\"\\\"Infinity\",\"vocab_size\":3}");
    assert_string_equal(c.model_type, "mamba2");
    assert_int_equal(c.vocabulary, 3);
    (void)state;
}

static void
test_no_configuration(void **state)
{
    static const char *const texts[] = { "",  "[]",   "5",
                                         "{", "null", "{\"a\":1,\"a\":2}" };
    struct transformers_config config;
    struct transformers_index index;
    struct error error;
    bool has_template;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct str text = str_from(texts[i]);
        assert_int_equal(transformers_config_read(text, &config, &error), -1);
        assert_string_not_equal(error.message, "");
        assert_int_equal(read_index(text, &index, &error), -1);
        assert_int_equal(
            transformers_tokenizer_read(text, &has_template, &error), -1);
    }
    struct str endless = { "{", TRANSFORMERS_CONFIG_BYTES + 1 };
    assert_int_equal(transformers_config_read(endless, &config, &error), -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    (void)state;
}

static void
test_templates(void **state)
{
    static const struct {
        const char *text;
        bool has_template;
    } rows[] = {
        { "{\"chat_template\":\"{{ messages }}\"}", true },
        { "{\"chat_template\":[{\"name\":\"default\",\"template\":\"x\"}]}",
          true },
        { "{\"chat_template\":\"\"}", false },
        { "{\"chat_template\":null}", false },
        { "{\"chat_template\":[5]}", false },
        { "{}", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error;
        bool has_template = !rows[i].has_template;
        assert_int_equal(transformers_tokenizer_read(str_from(rows[i].text),
                                                     &has_template, &error),
                         0);
        if (has_template != rows[i].has_template)
            fail_msg("%s: %d", rows[i].text, has_template);
    }
    (void)state;
}

/* ---- the index ---- */

static void
test_an_index(void **state)
{
    struct transformers_index index;
    struct error error;
    int result = read_index(
        STR("{\"metadata\":{\"total_parameters\":8190735360,\"total_size\":"
            "1.5e10},\"weight_map\":{\"a\":\"model-00002-of-00002."
            "safetensors\",\"b\":\"model-00001-of-00002.safetensors\",\"c\":"
            "\"model-00002-of-00002.safetensors\"}}"),
        &index, &error);
    assert_int_equal(result, 0);
    assert_int_equal(index.n_parameters, 8190735360);
    assert_int_equal(index.total_bytes, 15000000000);
    assert_int_equal(index.shards.n, 2);
    assert_string_equal(index.shards.at[0], "model-00002-of-00002.safetensors");
    assert_string_equal(index.shards.at[1], "model-00001-of-00002.safetensors");
    transformers_index_release(&index);
    (void)state;
}

static void
test_hostile_indexes(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        { "{}", "missing" },
        { "{\"weight_map\":[]}", "an array" },
        { "{\"weight_map\":{\"a\":5}}", "a in weight_map is a whole number" },
        { "{\"weight_map\":{\"a\":\"fine\",\"b\":\"../../etc/passwd\"}}",
          "cannot be" },
        { "{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "cannot be" },
        { "{\"weight_map\":{\"a\":\"\"}}", "cannot be" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct transformers_index index;
        struct error error;
        assert_int_equal(read_index(str_from(rows[i].text), &index, &error),
                         -1);
        assert_int_equal(error.code, ERR_INVALID);
        if (strstr(error.message, rows[i].why) == NULL)
            fail_msg("%s: %s", rows[i].text, error.message);
    }
    (void)state;
}

static void
test_an_index_of_too_many_files(void **state)
{
    struct strbuf text = STRBUF_INIT(1 << 20);
    struct transformers_index index;
    struct error error;
    strbuf_add_text(&text, "{\"weight_map\":{\"\":\"x\"");
    for (int i = 0; i < TRANSFORMERS_SHARDS_MAX; i++)
        strbuf_addf(&text, ",\"%d\":\"%d\"", i, i);
    strbuf_add_text(&text, "}}");
    assert_false(strbuf_failed(&text));
    assert_int_equal(read_index(strbuf_view(&text), &index, &error), -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    strbuf_release(&text);
    (void)state;
}

/* A value takes more memory than the two bytes that it may be. */
static void
test_too_many_values(void **state)
{
    struct strbuf text = STRBUF_INIT(4 << 20);
    struct transformers_config config;
    struct transformers_index index;
    struct error error;
    strbuf_add_text(&text, "{\"a\":[0");
    for (int i = 0; i < TRANSFORMERS_VALUES_MAX; i++)
        strbuf_add_text(&text, ",0");
    strbuf_add_text(&text, "]}");
    assert_false(strbuf_failed(&text));
    assert_int_equal(
        transformers_config_read(strbuf_view(&text), &config, &error), -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    assert_int_equal(read_index(strbuf_view(&text), &index, &error), -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    strbuf_release(&text);
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_mlx_model),
        cmocka_unit_test(test_parts_of_a_model),
        cmocka_unit_test(test_names_of_older_models),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_quantizations),
        cmocka_unit_test(test_wrong_types_are_named),
        cmocka_unit_test(test_several_architectures),
        cmocka_unit_test(test_what_python_writes),
        cmocka_unit_test(test_no_configuration),
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_an_index),
        cmocka_unit_test(test_hostile_indexes),
        cmocka_unit_test(test_an_index_of_too_many_files),
        cmocka_unit_test(test_too_many_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
