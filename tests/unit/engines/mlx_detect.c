#include "engines/mlx_detect.h"

#include "fixture.h"

struct match {
    enum mlx_parser kind;
    const char *model;
    const char *parser; /* "" none */
};

static void
test_matches_parsers(void **state)
{
    static const struct match rows[] = {
        { MLX_TOOL_CALL, "Qwen3-8B-4bit", "qwen3" },
        { MLX_TOOL_CALL, "Qwen3-Coder-32B", "qwen3_coder" },
        { MLX_TOOL_CALL, "Qwen3-MoE-30B", "qwen3_moe" },
        { MLX_TOOL_CALL, "MiniMax-M2.1-3bit", "minimax_m2" },
        { MLX_TOOL_CALL, "GLM-4-9B", "glm4_moe" },
        { MLX_TOOL_CALL, "Nemotron-3-8B", "nemotron3_nano" },
        { MLX_TOOL_CALL, "Hermes-3-70B", "hermes" },
        { MLX_TOOL_CALL, "Solar-10.7B", "solar_open" },
        { MLX_TOOL_CALL, "Llama-3.1-70B-4bit", "" },
        { MLX_TOOL_CALL, "Mistral-7B-Instruct", "" },
        { MLX_TOOL_CALL, "Phi-3-mini", "" },
        { MLX_TOOL_CALL, "mlx-community/Qwen3-30B-A3.3B-MoE-4bit",
          "qwen3_moe" },
        { MLX_TOOL_CALL, "openai/Qwen3-8B", "qwen3" },
        { MLX_TOOL_CALL, "/models/Qwen3_VL_7B", "qwen3_vl" },
        { MLX_TOOL_CALL, "", "" },
        { MLX_REASONING, "Qwen3-8B-4bit", "qwen3" },
        { MLX_REASONING, "Qwen3-MoE-30B", "qwen3_moe" },
        { MLX_REASONING, "MiniMax-M2.1-3bit", "minimax_m2" },
        { MLX_REASONING, "GLM-4-9B", "glm4_moe" },
        { MLX_REASONING, "Hermes-3-70B", "hermes" },
        { MLX_REASONING, "Qwen3-Coder-32B", "" },
        { MLX_CONVERTER, "Qwen3-Coder-32B", "qwen3_coder" },
        { MLX_CONVERTER, "MiniMax-M2.1-3bit", "minimax_m2" },
        { MLX_CONVERTER, "MiniMax-Text-01-3bit", "minimax" },
        { MLX_CONVERTER, "GLM-4-9B", "" },
        { MLX_CONVERTER, "Nemotron-3-8B", "" },
        { MLX_CONVERTER, "Qwen3-8B-4bit", "" },
        { MLX_CONVERTER, "Qwen3-MoE-30B", "" },
        { MLX_CONVERTER, "Qwen3-VL-7B", "" },
        { MLX_CONVERTER, "Hermes-3-70B", "" },
        { MLX_CONVERTER, "Solar-10.7B", "" },
        { MLX_CONVERTER, "Llama-3.1-70B", "" },
        { MLX_CONVERTER, "mlx-community/Qwen3-8B-Instruct-4bit", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got =
            mlx_match_parser(rows[i].kind, str_from(rows[i].model));
        if (strcmp(got == NULL ? "" : got, rows[i].parser) != 0)
            fail_msg("%s (kind %d): got \"%s\", expected \"%s\"", rows[i].model,
                     (int)rows[i].kind, got == NULL ? "" : got, rows[i].parser);
    }
}

static void
test_finds_families(void **state)
{
    static const struct {
        const char *model_type, *architecture, *model, *family;
    } rows[] = {
        { "qwen3_moe", "", "x", "qwen3_moe" },
        { "qwen3", "Qwen3MoeForCausalLM", "Qwen3-Coder", "qwen3" },
        { "", "Qwen3VLForConditionalGeneration", "x", "qwen3_vl" },
        { "llama", "LlamaForCausalLM", "NousResearch/Hermes-3", "hermes" },
        { "", "", "Qwen3-Coder-32B", "qwen3_coder" },
        { "", "", "zai-org/GLM-4.5-Air", "glm" },
        { "", "", "MiniMax-M2.1-3bit", "minimax" },
        { "", "", "Nemotron-3-8B", "nemotron" },
        { "", "", "harmony-20b", "harmony" },
        { "", "", "Solar-10.7B", "solar" },
        { "llama", "LlamaForCausalLM", "Llama-3.1-70B", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct str architecture = str_from(rows[i].architecture);
        const char *got = mlx_family(str_from(rows[i].model_type),
                                     &architecture, 1, str_from(rows[i].model));
        assert_string_equal(got == NULL ? "" : got, rows[i].family);
    }
}

static void
test_families_need_versions(void **state)
{
    (void)state;
    assert_string_equal(mlx_required_version("minimax"), "0.28.4");
    assert_null(mlx_required_version("qwen3"));
    assert_null(mlx_required_version(NULL));
    static const struct {
        const char *version;
        bool reaches;
    } rows[] = {
        { "0.28.4", true },
        { "0.28.10", true },
        { "0.29", true },
        { "1", true },
        { "0.28.4.1", true },
        { "0.28.4.post1", true },
        { "0.28.4+cu", true },
        { "0.28.3", false },
        { "0.28", false },
        { "0.28.4rc1", false },
        { "0.28.4a2", false },
        { "0.28.4.dev1", false },
        { "0.9.9", false },
        { "", false },
        { "abc", false },
        { "0.29rc1", true },
        { "99999999999999999999", true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (mlx_version_reaches(str_from(rows[i].version), STR("0.28.4")) !=
            rows[i].reaches)
            fail_msg("%s", rows[i].version);
}

static void
test_estimates_sizes(void **state)
{
    static const struct {
        const char *model;
        double billions, bytes_each;
    } rows[] = {
        { "Qwen3-8B-4bit", 8, 0.5 },
        { "Qwen3-8B", 8, 0.5 },
        { "Qwen3-0.6B-bf16", 0.6, 2 },
        { "x-7B-fp16", 7, 2 },
        { "x-7B-16bit", 7, 2 },
        { "x-7Beta-4bit", 0, 0 },
        { "Llama-3.1-70B-8bit", 70, 1 },
        { "MiniMax-30b-3bit", 30, 0.375 },
        { "x-7B-2bit", 7, 0.25 },
        { "org7B/Qwen3-30B-A3.3B-MoE-4bit", 30, 0.5 },
        { "MiniMax-M2.1-3bit", 0, 0 },
        { "Phi-3-mini", 0, 0 },
        { "b", 0, 0 },
        { "..b", 0, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double expected = rows[i].billions * 1e9 * rows[i].bytes_each * 1.1;
        double got = (double)mlx_estimated_bytes(str_from(rows[i].model));
        if (got < expected - 2 || got > expected + 2)
            fail_msg("%s: got %.0f, expected %.0f", rows[i].model, got,
                     expected);
    }
}

/* The form offers what detection may answer. */
static void
test_manifest_offers_the_parsers(void **state)
{
    static const char *const keys[] = { [MLX_TOOL_CALL] = "tool_call_parser",
                                        [MLX_REASONING] = "reasoning_parser",
                                        [MLX_CONVERTER] = "message_converter" };
    struct engines *engines = fixture_engines();
    const struct engine_manifest *m =
        engines_find(engines, "mlx-openai-server");
    for (int kind = MLX_TOOL_CALL; kind <= MLX_CONVERTER; kind++) {
        const char *const *parsers = mlx_parsers((enum mlx_parser)kind);
        const struct engine_option *row = NULL;
        for (size_t i = 0; i < m->n_options; i++)
            if (strcmp(m->options[i].key, keys[kind]) == 0)
                row = &m->options[i];
        assert_non_null(row);
        size_t i = 0;
        for (; parsers[i] != NULL; i++)
            assert_string_equal(parsers[i], row->choices[i]);
        assert_null(row->choices[i]);
    }
    engines_free(engines);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_parsers),
        cmocka_unit_test(test_finds_families),
        cmocka_unit_test(test_families_need_versions),
        cmocka_unit_test(test_estimates_sizes),
        cmocka_unit_test(test_manifest_offers_the_parsers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
