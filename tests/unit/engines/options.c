#include "fixture.h"

struct seen {
    char text[1024];
    size_t n, count;
};

static void
collect(void *ctx, const char *field, const char *message)
{
    struct seen *seen = ctx;
    seen->count++;
    seen->n +=
        (size_t)snprintf(seen->text + seen->n, sizeof seen->text - seen->n,
                         "%s: %s\n", field, message);
}

static struct seen
check(const char *engine, const char *options)
{
    struct engines *engines = fixture_engines();
    struct json_doc *doc = fixture_json(options);
    struct seen seen = { .text = "" };
    engine_check_options(engines_find(engines, engine), json_root(doc), collect,
                         &seen);
    json_doc_free(doc);
    engines_free(engines);
    return seen;
}

static void
test_right_values(void **state)
{
    static const char *const rows[] = {
        "{}",
        "{\"ctx_size\":0,\"temp\":1,\"top_p\":0.5,\"jinja\":false}",
        "{\"n_gpu_layers\":\"auto\"}",
        "{\"n_gpu_layers\":-1}",
        "{\"cache_type_k\":\"q8_0\"}",
        "{\"mmproj\":\"/models/a b/x.gguf\"}",
        "{\"context_length\":4096}",
        "{\"ctx-size\":4096}",
        "{\"samplers\":\"top_k;temperature\"}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(check("llama-server", rows[i]).text, "");
}

static void
test_wrong_values(void **state)
{
    static const struct {
        const char *options, *field, *says;
    } rows[] = {
        { "[]", "options: ", "an object" },
        { "{\"no_such\":1}", "options.no_such: ", "no such option" },
        { "{\"ctx_size\":\"4096\"}", "options.ctx_size: ", "whole number" },
        { "{\"ctx_size\":1.5}", "options.ctx_size: ", "whole number" },
        { "{\"ctx_size\":-1}", "options.ctx_size: ", "from 0 to 16777216" },
        { "{\"ctx_size\":null}", "options.ctx_size: ", "whole number" },
        { "{\"n_gpu_layers\":\"most\"}",
          "options.n_gpu_layers: ", "auto or all" },
        { "{\"top_p\":1.01}", "options.top_p: ", "from 0 to 1" },
        { "{\"top_p\":true}", "options.top_p: ", "a number" },
        { "{\"jinja\":\"yes\"}", "options.jinja: ", "true or false" },
        { "{\"flash_attn\":\"maybe\"}",
          "options.flash_attn: ", "on, off or auto" },
        { "{\"flash_attn\":true}", "options.flash_attn: ", "text" },
        { "{\"mmproj\":\"x.gguf\"}", "options.mmproj: ", "absolute" },
        { "{\"mmproj\":\"/m/../etc/x\"}", "options.mmproj: ", "without ." },
        { "{\"mmproj\":\"/m/./x\"}", "options.mmproj: ", "without ." },
        { "{\"mmproj\":\"/m/x\\u0000y\"}", "options.mmproj: ", "control" },
        { "{\"mmproj\":\"\"}", "options.mmproj: ", "nothing" },
        { "{\"lora\":\"/m/a,/etc/b\"}", "options.lora: ", "misread" },
        { "{\"lora_scaled\":\"/m/a\"}", "options.lora_scaled: ", "a number" },
        { "{\"lora_scaled\":\"/m/a:\"}", "options.lora_scaled: ", "a number" },
        { "{\"lora_scaled\":\"/m/a:b:1\"}",
          "options.lora_scaled: ", "a colon and a number" },
        { "{\"lora_scaled\":\"a:1\"}", "options.lora_scaled: ", "absolute" },
        { "{\"device\":\"-m\"}", "options.device: ", "taken for a flag" },
        { "{\"device\":\"--api-key=x\"}", "options.device: ", "flag" },
        { "{\"device\":\"a\\nb\"}", "options.device: ", "line ends" },
        { "{\"ctx_size\":1,\"context_length\":2}",
          "options.context_length: ", "the same option as ctx_size" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct seen seen = check("llama-server", rows[i].options);
        if (seen.count != 1 || strstr(seen.text, rows[i].says) == NULL ||
            strncmp(seen.text, rows[i].field, strlen(rows[i].field)) != 0)
            fail_msg("%s: got \"%s\", expected \"%s%s\"", rows[i].options,
                     seen.text, rows[i].field, rows[i].says);
    }
}

static void
test_every_problem_is_told(void **state)
{
    struct seen seen = check("llama-server", "{\"ctx_size\":\"x\",\"temp\":1,"
                                             "\"top_p\":9,\"what\":0}");
    assert_int_equal(seen.count, 3);
    assert_non_null(strstr(seen.text, "options.ctx_size"));
    assert_non_null(strstr(seen.text, "options.top_p"));
    assert_non_null(strstr(seen.text, "options.what"));
}

static void
test_long_texts(void **state)
{
    char options[8192];
    memset(options, 'a', sizeof options);
    memcpy(options, "{\"device\":\"", 11);
    memcpy(options + 11 + 257, "\"}", 3);
    struct seen seen = check("llama-server", options);
    assert_non_null(strstr(seen.text, "longer than"));
    memcpy(options + 11 + 256, "\"}", 3);
    assert_int_equal(check("llama-server", options).count, 0);
}

/* Where "--flag=value" is passed, a value cannot become a flag. */
static void
test_joined_values_may_begin_with_a_dash(void **state)
{
    assert_int_equal(check("vllm", "{\"revision\":\"-x\"}").count, 0);
    assert_int_equal(
        check("mlx-openai-server", "{\"log_file\":\"/models/x.log\"}").count,
        0);
    struct seen seen =
        check("mlx-openai-server", "{\"log_file\":\"/models/x.gguf\"}");
    assert_non_null(strstr(seen.text, "ends in .log"));
}

static void
test_flat_names(void **state)
{
    static const struct {
        const char *engine, *flat, *key;
    } rows[] = {
        { "llama-server", "context_length", "ctx_size" },
        { "llama-server", "ctx_size", "ctx_size" },
        { "llama-server", "ctx-size", "ctx_size" },
        { "llama-server", "temperature", "temp" },
        { "llama-server", "chat_template_file", "chat_template_file" },
        { "llama-server", "log_level", "log_level" },
        { "llama-server", "tool_call_parser", "" },
        { "llama-server", "ctx", "" },
        { "llama-server", "", "" },
        { "mlx-openai-server", "model_type", "model_type" },
        { "mlx-openai-server", "context_length", "context_length" },
        { "mlx-openai-server", "max_concurrency", "max_concurrency" },
        { "mlx-openai-server", "queue_timeout", "queue_timeout" },
        { "mlx-openai-server", "queue_size", "queue_size" },
        { "mlx-openai-server", "tool_call_parser", "tool_call_parser" },
        { "mlx-openai-server", "reasoning_parser", "reasoning_parser" },
        { "mlx-openai-server", "message_converter", "message_converter" },
        { "mlx-openai-server", "enable_auto_tool_choice",
          "enable_auto_tool_choice" },
        { "mlx-openai-server", "trust_remote_code", "trust_remote_code" },
        { "mlx-openai-server", "chat_template_file", "chat_template_file" },
        { "mlx-openai-server", "log_level", "log_level" },
        { "mlx-openai-server", "log_file", "log_file" },
        { "mlx-openai-server", "no_log_file", "no_log_file" },
        { "vllm", "context_length", "max_model_len" },
        { "mlx_lm.server", "context_length", "max_kv_size" },
    };
    struct engines *engines = fixture_engines();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *key = engine_canonical_option(
            engines_find(engines, rows[i].engine), str_from(rows[i].flat));
        assert_string_equal(key == NULL ? "" : key, rows[i].key);
    }
    engines_free(engines);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_values),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_every_problem_is_told),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_joined_values_may_begin_with_a_dash),
        cmocka_unit_test(test_flat_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
