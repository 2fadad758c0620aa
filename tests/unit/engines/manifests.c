#include <signal.h>

#include "fixture.h"

static const char *const names[] = {
    "command",
    "llama-server",
    "llama-server-attached",
    "llama-server-router",
    "mlx-openai-server",
    "mlx_lm.server",
    "sd-server",
    "vllm",
    "whisper-server",
};

static void
test_nine_are_embedded(void **state)
{
    struct engines *engines = fixture_engines();
    assert_int_equal(engines_count(engines), 9);
    for (size_t i = 0; i < 9; i++) {
        const struct engine_manifest *m = engines_find(engines, names[i]);
        assert_non_null(m);
        assert_true(m->title[0] != '\0' && m->install_hint[0] != '\0');
        assert_true(m->ready_path[0] == '/');
        assert_non_null(m->serves[0]);
        assert_true(m->default_slots >= 1);
        assert_int_equal(m->is_external,
                         strcmp(names[i], "llama-server-attached") == 0);
        if (m->is_external) /* it writes no log of ours, and is not ended */
            continue;
        assert_true(m->n_errors > 0);
        assert_int_equal(m->stop[0].signum,
                         strcmp(names[i], "mlx_lm.server") == 0 ? SIGINT
                                                                : SIGTERM);
        assert_int_equal(m->stop[m->n_stop - 1].signum, SIGKILL);
    }
    assert_null(engines_find(engines, "llama"));
    assert_null(engines_at(engines, 9));
    const struct engine_manifest *llama = engines_find(engines, "llama-server");
    assert_int_equal(llama->n_stop, 3);
    assert_int_equal(llama->stop[1].signum, SIGTERM);
    assert_int_equal(llama->stop[1].wait_ms, 1500);
    engines_free(engines);
}

static void
test_what_is_served(void **state)
{
    static const struct {
        const char *engine, *path;
        bool is_served;
    } rows[] = {
        { "llama-server", "/v1/chat/completions", true },
        { "llama-server", "/v1/responses", true },
        { "llama-server", "/v1/embeddings", true },
        { "llama-server", "/v1/messages", true },
        { "llama-server", "/v1/messages/count_tokens", true },
        { "llama-server", "/v1/rerank", true },
        { "llama-server", "/reranking", true },
        { "llama-server", "/infill", true },
        { "llama-server", "/slots/0", true },
        { "llama-server", "/v1/chat", false },
        { "llama-server", "/v1/chat/completions2", false },
        { "llama-server", "/v1/audio/speech", false },
        { "llama-server", "/v1/audio/transcriptions", false },
        { "llama-server", "/v1/images/generations", false },
        { "llama-server", "/sdapi/v1/txt2img", false },
        { "sd-server", "/sdapi/v1/txt2img", true },
        { "sd-server", "/v1/images/edits", true },
        { "sd-server", "/v1/chat/completions", false },
        { "whisper-server", "/v1/audio/transcriptions", true },
        { "whisper-server", "/load", false },
        { "mlx_lm.server", "/v1/embeddings", false },
        { "vllm", "/v1/audio/transcriptions", true },
        { "vllm", "/infill", false },
        { "command", "/anything/at/all", true },
    };
    struct engines *engines = fixture_engines();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct engine_manifest *m = engines_find(engines, rows[i].engine);
        if (engine_serves(m, str_from(rows[i].path)) != rows[i].is_served)
            fail_msg("%s %s: expected %d", rows[i].engine, rows[i].path,
                     rows[i].is_served);
    }
    engines_free(engines);
}

static void
test_failures_are_explained(void **state)
{
    static const struct {
        const char *engine, *log;
        enum error_code code;
    } rows[] = {
        { "llama-server",
          "E start: couldn't bind HTTP server socket, hostname: 127.0.0.1\n"
          "E llama_server: exiting due to HTTP server error\n",
          ERR_ENGINE_PORT_IN_USE },
        { "llama-server",
          "E gguf_init_from_file: failed to open GGUF file '/x.gguf' (No such"
          " file or directory)\nE srv load_model: failed to load model, '/x'\n"
          "E llama_server: exiting due to model loading error\n",
          ERR_ENGINE_MODEL_MISSING },
        { "llama-server",
          "E gguf_init_from_reader: invalid magic characters: 'junk'\n"
          "E srv load_model: failed to load model\n",
          ERR_ENGINE_MODEL_BAD },
        { "llama-server", "error: invalid argument: --bogus\n",
          ERR_ENGINE_UNKNOWN_OPTION },
        { "llama-server", "error while handling argument \"-c\": stoi\n",
          ERR_ENGINE_UNKNOWN_OPTION },
        { "llama-server",
          "E ggml_aligned_malloc: insufficient memory (attempted to allocate "
          "4882.81 MB)\nE cmn common_init_: failed to create context\n",
          ERR_ENGINE_OUT_OF_MEMORY },
        { "llama-server", "I listening on http://127.0.0.1:1\n", ERR_OK },
        { "llama-server", "", ERR_OK },
        { "mlx-openai-server", "Error: No such option: --message-converter\n",
          ERR_ENGINE_UNKNOWN_OPTION },
        { "mlx-openai-server",
          "huggingface_hub.errors.GatedRepoError: 401 Client Error.\n",
          ERR_ENGINE_GATED_MODEL },
        { "mlx_lm.server", "OSError: [Errno 48] Address already in use\n",
          ERR_ENGINE_PORT_IN_USE },
        { "vllm", "torch.OutOfMemoryError: CUDA out of memory. Tried\n",
          ERR_ENGINE_OUT_OF_MEMORY },
        { "vllm", "vllm: error: unrecognized arguments: --x\n",
          ERR_ENGINE_UNKNOWN_OPTION },
        { "whisper-server", "error: unknown argument: --x\n",
          ERR_ENGINE_UNKNOWN_OPTION },
    };
    struct engines *engines = fixture_engines();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct log_pattern *row = engine_explain(
            engines_find(engines, rows[i].engine), str_from(rows[i].log));
        enum error_code code = row == NULL ? ERR_OK : row->code;
        if (code != rows[i].code)
            fail_msg("%s: got %s, expected %s", rows[i].log, error_wire(code),
                     error_wire(rows[i].code));
        assert_true(row == NULL || row->advice[0] != '\0');
    }
    engines_free(engines);
}

static void
test_slots_and_names(void **state)
{
    struct engines *engines = fixture_engines();
    const struct engine_manifest *llama = engines_find(engines, "llama-server");
    const struct engine_manifest *vllm = engines_find(engines, "vllm");
    const struct engine_manifest *mlx =
        engines_find(engines, "mlx-openai-server");
    struct profile *profile = profile_new();
    profile_set_text(&profile->name, STR("My Model"));
    profile_set_text(&profile->model_path, STR("/m/x.gguf"));
    assert_int_equal(engine_slots(llama, profile), 4);
    assert_int_equal(engine_slots(mlx, profile), 1);
    profile_set_text(&profile->options_json, STR("{\"parallel\":7}"));
    assert_int_equal(engine_slots(llama, profile), 7);
    profile_set_text(&profile->options_json, STR("{\"parallel\":-1}"));
    assert_int_equal(engine_slots(llama, profile), 4);
    profile_set_text(&profile->options_json, STR("not json"));
    assert_int_equal(engine_slots(llama, profile), 4);

    assert_false(llama->rewrites_model);
    assert_true(vllm->rewrites_model && mlx->rewrites_model);
    assert_string_equal(engine_model_name(llama, profile), "My Model");
    assert_string_equal(engine_model_name(vllm, profile), "My Model");
    assert_string_equal(engine_model_name(mlx, profile), "/m/x.gguf");
    assert_string_equal(
        engine_model_name(engines_find(engines, "mlx_lm.server"), profile),
        "default_model");

    const struct engine_manifest *command = engines_find(engines, "command");
    struct arena arena;
    arena_init(&arena, 4096);
    assert_string_equal(engine_ready_path(command, profile, &arena), "/health");
    profile_set_text(&profile->options_json, STR("{\"ready_path\":\"/up\"}"));
    assert_string_equal(engine_ready_path(command, profile, &arena), "/up");
    assert_string_equal(engine_ready_path(llama, profile, &arena), "/health");
    arena_release(&arena);
    profile_unref(profile);
    engines_free(engines);
}

#define REST "\"stop\":[{\"signal\":\"KILL\",\"wait_ms\":1}]"

static void
test_wrong_manifests_are_refused(void **state)
{
    static const struct {
        const char *json, *says;
    } rows[] = {
        { "{", "engines.d/x.json: line 1" },
        { "[]", "expected an object" },
        { "{" REST "}", "name: expected text" },
        { "{\"name\":\"x\"}", "stop: expected" },
        { "{\"name\":\"x\",\"stop\":[{\"signal\":\"TERM\"}]}", "wait_ms" },
        { "{\"name\":\"x\",\"stop\":[{\"signal\":\"STOP\",\"wait_ms\":1}]}",
          "stop[0].signal: expected TERM, INT, QUIT, KILL" },
        { "{\"name\":7," REST "}", "name: expected text" },
        { "{\"name\":\"x\",\"optoins\":[]," REST "}", "optoins: expected no" },
        { "{\"name\":\"x\",\"argv\":[1]," REST "}", "argv: expected an array" },
        { "{\"name\":\"x\",\"options\":[{\"key\":\"a\",\"type\":\"number\"}]"
          "," REST "}",
          "options[0].type: expected int, real" },
        { "{\"name\":\"x\",\"options\":[{\"key\":\"a\",\"type\":\"choice\"}]"
          "," REST "}",
          "options[0].choices" },
        { "{\"name\":\"x\",\"options\":[{\"key\":\"a\",\"type\":\"bool\"},"
          "{\"key\":\"a\",\"type\":\"bool\"}]," REST "}",
          "options[1].key" },
        { "{\"name\":\"x\",\"options\":[{\"key\":\"a\",\"type\":\"text\","
          "\"flag\":\"--a\",\"secret\":true}]," REST "}",
          "options[0].env" },
        { "{\"name\":\"x\",\"errors\":[{\"contains\":\"a\",\"code\":\"b\"}]"
          "," REST "}",
          "errors[0].code" },
        { "{\"name\":\"x\",\"slots\":{\"default\":0}," REST "}",
          "slots.default" },
        { "{\"name\":\"x\",\"key\":{\"flag\":\"--api-key\"}," REST "}",
          "key.env" },
        { "{\"name\":\"x\",\"model_field\":\"drop\"," REST "}",
          "model_field: expected keep, rewrite" },
    };
    struct engines *engines = fixture_engines();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = { .message = "" };
        if (engines_add(engines, str_from(rows[i].json), "engines.d/x.json",
                        &error) == 0)
            fail_msg("accepted: %s", rows[i].json);
        assert_int_equal(error.code, ERR_INVALID);
        if (strstr(error.message, rows[i].says) == NULL)
            fail_msg("%s: got \"%s\", expected \"%s\"", rows[i].json,
                     error.message, rows[i].says);
    }
    assert_int_equal(engines_count(engines), 9);
    engines_free(engines);
}

static void
test_a_manifest_of_the_user_adds_or_replaces(void **state)
{
    struct engines *engines = fixture_engines();
    struct error error;
    const struct engine_manifest *before = engines_find(engines, "vllm");
    assert_int_equal(
        engines_add(engines,
                    STR("{\"name\":\"mine\",\"binaries\":[\"m\"],"
                        "\"skips_listener_check\":true,"
                        "\"install_hint\":[\"two\",\"lines\"]," REST "}"),
                    "mine", &error),
        0);
    assert_int_equal(engines_count(engines), 10);
    assert_string_equal(engines_find(engines, "mine")->install_hint,
                        "two lines");
    assert_true(engines_find(engines, "mine")->skips_listener_check);
    assert_int_equal(
        engines_add(engines,
                    STR("{\"name\":\"vllm\",\"title\":\"own\"," REST "}"),
                    "mine", &error),
        0);
    assert_int_equal(engines_count(engines), 10);
    assert_string_equal(engines_find(engines, "vllm")->title, "own");
    assert_string_equal(before->title, "vLLM"); /* still to be held */
    engines_free(engines);
}

/* Lines of a text are joined by a space: none may end inside of a word. */
static void
test_hints_name_settings_in_one_piece(void **state)
{
    struct engines *engines = fixture_engines();
    for (size_t i = 0; i < engines_count(engines); i++) {
        const struct engine_manifest *m = engines_at(engines, i);
        assert_null(strstr(m->install_hint, "- "));
        for (size_t j = 0; j < m->n_errors; j++)
            assert_null(strstr(m->errors[j].advice, "- "));
    }
    engines_free(engines);
}

static void
test_manifests_as_json(void **state)
{
    struct engines *engines = fixture_engines();
    for (size_t i = 0; i < engines_count(engines); i++) {
        const struct engine_manifest *m = engines_at(engines, i);
        struct strbuf out = STRBUF_INIT(1 << 20);
        struct json_writer w;
        json_writer_init(&w, &out);
        engine_to_json(m, &w);
        struct json_doc *doc = fixture_json(strbuf_text(&out));
        struct str name;
        assert_true(json_as_text(json_get(json_root(doc), "name"), &name));
        assert_true(str_is(name, m->name));
        const struct json *options = json_get(json_root(doc), "options");
        assert_int_equal(json_count(options), m->n_options);
        json_doc_free(doc);
        strbuf_release(&out);
    }
    engines_free(engines);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nine_are_embedded),
        cmocka_unit_test(test_what_is_served),
        cmocka_unit_test(test_hints_name_settings_in_one_piece),
        cmocka_unit_test(test_failures_are_explained),
        cmocka_unit_test(test_slots_and_names),
        cmocka_unit_test(test_wrong_manifests_are_refused),
        cmocka_unit_test(test_a_manifest_of_the_user_adds_or_replaces),
        cmocka_unit_test(test_manifests_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
