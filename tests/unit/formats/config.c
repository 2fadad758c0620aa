/* The configuration: who wins, and what is said of slips. The machine is
 * made up: one file, two folders. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "formats/config.h"

static const char *file_text; /* NULL: there is no file */
static const char *file_path; /* where it lies */

static int
fake_read(const char *path, struct strbuf *out, struct error *error)
{
    errno = file_text != NULL && strcmp(path, file_path) == 0 ? 0 : ENOENT;
    if (errno != 0)
        return error_errno(error, ENOENT, "%s", path);
    strbuf_add_text(out, file_text);
    return 0;
}

static int
fake_config_folder(char *ret_path, size_t size, struct error *error)
{
    snprintf(ret_path, size, "/home/u/.config/hearth");
    return 0;
}

static int
fake_data_folder(char *ret_path, size_t size, struct error *error)
{
    snprintf(ret_path, size, "/home/u/.local/share/hearth");
    return 0;
}

static const struct config_machine machine = { fake_read, fake_config_folder,
                                               fake_data_folder };

static struct config *
try_load(const char *file, char *const *environment,
         const struct setting_flag *flags, size_t n_flags, struct error *error)
{
    static char home[] = "HOME=/home/u";
    static char *const only_home[] = { home, NULL };
    const struct config_sources sources = {
        .machine = &machine,
        .flags = flags,
        .n_flags = n_flags,
        .environment = environment == NULL ? only_home : environment,
        .working_folder = "/work here",
    };
    struct config *config;
    file_text = file;
    file_path = "/home/u/.config/hearth/hearth.yaml";
    error->code = ERR_OK;
    return config_load(&sources, &config, error) == 0 ? config : NULL;
}

static struct config *
loaded(const char *file, char *const *environment,
       const struct setting_flag *flags, size_t n_flags)
{
    struct error error;
    struct config *config = try_load(file, environment, flags, n_flags, &error);
    if (config == NULL)
        fail_msg("%s", error.message);
    return config;
}

static void
without_anything_there_are_defaults(void **state)
{
    struct config *config = loaded(NULL, NULL, NULL, 0);
    const struct config_entry *port = config_get(config, SETTING_ID_PORT);
    assert_int_equal(port->value.number, 7117);
    assert_int_equal(port->origin, ORIGIN_DEFAULT);
    assert_string_equal(port->where, "default");
    assert_string_equal(config_get(config, SETTING_ID_HOST)->value.text,
                        "127.0.0.1");
    assert_string_equal(config_get(config, SETTING_ID_DATA_DIR)->value.text,
                        "/home/u/.local/share/hearth");
    assert_int_equal(config_get(config, SETTING_ID_MODELS_DIRS)->value.n_items,
                     0);
    assert_null(config_file_path(config));
    assert_null(config_profiles(config));
    config_free(config);
}

static void
a_later_source_wins(void **state)
{
    static char home[] = "HOME=/home/u", port[] = "HEARTH_PORT=2000",
                max[] = "HEARTH_MODELS_MAX=3";
    static char *const environment[] = { home, port, max, NULL };
    const struct setting_flag flags[] = { { "port", "3000" },
                                          { "port", "3001" } };
    const char *file = "port: 1000\nmodels_max: 2\nlog_level: debug\n";

    struct config *config = loaded(file, NULL, NULL, 0);
    assert_int_equal(config_get(config, SETTING_ID_PORT)->value.number, 1000);
    assert_string_equal(config_get(config, SETTING_ID_PORT)->where,
                        "/home/u/.config/hearth/hearth.yaml line 1");
    config_free(config);

    config = loaded(file, environment, NULL, 0);
    assert_int_equal(config_get(config, SETTING_ID_PORT)->value.number, 2000);
    assert_string_equal(config_get(config, SETTING_ID_PORT)->where,
                        "environment HEARTH_PORT");
    config_free(config);

    config = loaded(file, environment, flags, 2);
    assert_int_equal(config_get(config, SETTING_ID_PORT)->value.number, 3001);
    assert_int_equal(config_get(config, SETTING_ID_PORT)->origin, ORIGIN_FLAG);
    assert_string_equal(config_get(config, SETTING_ID_PORT)->where,
                        "flag --port");
    assert_int_equal(config_get(config, SETTING_ID_MODELS_MAX)->value.number,
                     3);
    assert_string_equal(config_get(config, SETTING_ID_LOG_LEVEL)->value.text,
                        "debug");
    config_free(config);
}

static void
other_programs_variables_count(void **state)
{
    static char home[] = "HOME=/home/u", endpoint[] = "HF_ENDPOINT=https://m",
                token[] = "HF_TOKEN=hf_theirs",
                ours[] = "HEARTH_HUGGINGFACE_"
                         "TOKEN=hf_ours",
                hf_home[] = "HF_HOME=~/hf", cache[] = "HF_HUB_CACHE=/cache",
                offline[] = "HF_HUB_OFFLINE=1", key[] = "CIVITAI_API_KEY=c",
                empty[] = "HF_HUB_CACHE=";
    static char *const first[] = { home,  endpoint, token, hf_home,
                                   empty, offline,  key,   NULL };
    static char *const second[] = { home, cache, hf_home, ours, token, NULL };
    static const struct {
        enum setting_id id;
        const char *text, *where;
    } rows[] = {
        { SETTING_ID_HUGGINGFACE_ENDPOINT, "https://m", "HF_ENDPOINT" },
        { SETTING_ID_HUGGINGFACE_TOKEN, "hf_theirs", "HF_TOKEN" },
        { SETTING_ID_HUGGINGFACE_CACHE_DIR, "/home/u/hf/hub", "HF_HOME" },
        { SETTING_ID_CIVITAI_TOKEN, "c", "CIVITAI_API_KEY" },
    };
    const char *file = "huggingface:\n  token: hf_file\n";
    struct config *config = loaded(file, first, NULL, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct config_entry *entry = config_get(config, rows[i].id);
        char where[64];
        snprintf(where, sizeof where, "environment %s", rows[i].where);
        assert_string_equal(entry->value.text, rows[i].text);
        assert_string_equal(entry->where, where);
        assert_int_equal(entry->origin, ORIGIN_ENVIRONMENT);
    }
    assert_int_equal(
        config_get(config, SETTING_ID_HUGGINGFACE_OFFLINE)->value.number, 1);
    config_free(config);

    config = loaded(file, second, NULL, 0);
    const struct config_entry *entry =
        config_get(config, SETTING_ID_HUGGINGFACE_CACHE_DIR);
    assert_string_equal(entry->value.text, "/cache");
    assert_string_equal(entry->where, "environment HF_HUB_CACHE");
    entry = config_get(config, SETTING_ID_HUGGINGFACE_TOKEN);
    assert_string_equal(entry->value.text, "hf_ours");
    assert_string_equal(entry->where, "environment HEARTH_HUGGINGFACE_TOKEN");
    config_free(config);
}

static void
a_bad_foreign_variable_is_named(void **state)
{
    static char offline[] = "HF_HUB_OFFLINE=maybe";
    static char token[] = "HF_TOKEN=hf_\x01hidden";
    static char *const first[] = { offline, NULL };
    static char *const second[] = { token, NULL };
    struct error error;
    assert_null(try_load(NULL, first, NULL, 0, &error));
    assert_non_null(strstr(error.message, "HF_HUB_OFFLINE: \"maybe\""));
    assert_null(try_load(NULL, second, NULL, 0, &error));
    assert_non_null(strstr(error.message, "HF_TOKEN: the value"));
    assert_null(strstr(error.message, "hidden"));
}

/* Whatever is wrong with a secret, it is not repeated. */
static void
secrets_are_not_in_messages(void **state)
{
    static const char *const files[] = {
        "huggingface.token: [hidden]\n",
        "huggingface.token: {a: hidden}\n",
        "huggingface.token: \"hidden\\x01\"\n",
        "huggingface.token: 'hid''den'\nhuggingface.token: hidden\n",
    };
    static const char *const stored[] = { "7654321", "\"hidden\\u0001\"",
                                          "[\"hidden\"]", "\"***\"" };
    struct error error;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_null(try_load(files[i], NULL, NULL, 0, &error));
        assert_non_null(strstr(error.message, "huggingface.token"));
        assert_null(strstr(error.message, "hidden"));
    }
    for (size_t i = 0; i < sizeof stored / sizeof stored[0]; i++) {
        struct arena arena;
        struct setting_value value;
        arena_init(&arena, 64 * KIB);
        struct json_doc *doc = json_parse(str_from(stored[i]), &error);
        assert_non_null(doc);
        assert_int_equal(
            setting_value_from_json(&setting_rows[SETTING_ID_HUGGINGFACE_TOKEN],
                                    json_root(doc), &arena, &value, &error),
            -1);
        assert_string_equal(error.field, "huggingface.token");
        assert_null(strstr(error.message, "hidden"));
        assert_null(strstr(error.message, "7654321"));
        json_doc_free(doc);
        arena_release(&arena);
    }
}

static void
assert_items(const struct config *config, enum setting_id id, size_t n,
             const char *first, const char *second)
{
    const struct setting_value *value = &config_get(config, id)->value;
    assert_int_equal(value->n_items, n);
    assert_string_equal(value->items[0], first);
    if (n > 1)
        assert_string_equal(value->items[1], second);
}

static void
paths_begin_where_they_are_written(void **state)
{
    static char home[] = "HOME=/home/u",
                dirs[] = "HEARTH_MODELS_DIRS=models:~/m";
    static char *const environment[] = { home, dirs, NULL };
    const struct setting_flag flags[] = { { "models_dirs", "./a" },
                                          { "models_dirs", "/b" } };
    const char *file = "models_dirs:\n  - models\n  - /srv/m\n"
                       "data_dir: ~/hearth\n";

    struct config *config = loaded(file, NULL, NULL, 0);
    assert_items(config, SETTING_ID_MODELS_DIRS, 2,
                 "/home/u/.config/hearth/models", "/srv/m");
    assert_string_equal(config_get(config, SETTING_ID_DATA_DIR)->value.text,
                        "/home/u/hearth");
    config_free(config);
    config = loaded(file, environment, NULL, 0);
    assert_items(config, SETTING_ID_MODELS_DIRS, 2, "/work here/models",
                 "/home/u/m");
    config_free(config);
    config = loaded(file, environment, flags, 2);
    assert_items(config, SETTING_ID_MODELS_DIRS, 2, "/work here/a", "/b");
    config_free(config);
    config = loaded("models_dirs: ~/one\n", NULL, NULL, 0);
    assert_items(config, SETTING_ID_MODELS_DIRS, 1, "/home/u/one", NULL);
    config_free(config);
}

static void
slips_in_the_file_are_named(void **state)
{
#define AT "/home/u/.config/hearth/hearth.yaml line "
    static const char *const rows[][2] = {
        { "\nport: abc\n",
          AT "2: port: \"abc\" is not a whole number from 0 to 65535" },
        { "port: 70000\n", AT "1: port: \"70000\" is not a whole number" },
        { "port: [1]\n", AT "1: port: a list is not a whole number" },
        { "log_level: loud\n", AT "1: log_level: \"loud\" is not one of "
                                  "debug, info, warn, error" },
        { "keep_engines: maybe\n",
          AT "1: keep_engines: \"maybe\" is not true or false" },
        { "models_dirs:\n  a: b\n",
          AT "2: models_dirs: a mapping is not a list of at most 64 paths" },
        { "models_dirs: ['']\n", AT "1: models_dirs: an item is empty" },
        { "host: \"a\\nb\"\n", AT "1: host: " },
        { "a: 1\n", AT "1: a: there is no such setting" },
        { "prot: 1\n", AT "1: prot: there is no such setting; \"port\" may "
                          "be meant" },
        { "profile: []\n", AT "1: profile: there is no such setting; "
                              "\"profiles\" may be meant" },
        { "host: x\nhost: y\n", AT "2: the key \"host\" was on line 1" },
        { "- port\n", AT "1: \"key: value\" lines are expected" },
        { "engines: x\n", AT "1: engines: a mapping of engine names" },
        { "engines:\n  vllm:\n    pth: /x\n",
          AT "3: engines: vllm.pth: there is no such setting; \"path\"" },
        { "engines:\n  vllm:\n    path: [x]\n",
          AT "3: engines: vllm.path is not a path" },
        { "profiles: 3\n", AT "1: profiles: a list of profiles" },
        { "profiles:\n  - x\n",
          AT "2: profiles[0]: the fields of a profile are expected" },
        { "profiles:\n  - port: 1\n", AT "2: profiles[0]: it has no name" },
        { "profiles:\n  - name: a\n    port: 99999\n",
          AT "3: profile \"a\": port: \"99999\" is not a number from 0" },
        { "profiles:\n  - name: a\n    port: '80'\n",
          AT "3: profile \"a\": port: " },
        { "profiles:\n  - name: a\n    pinned: 1\n",
          AT "3: profile \"a\": pinned: \"1\" is not true or false" },
        { "profiles:\n  - name: a\n    restart_policy: sometimes\n",
          AT "3: profile \"a\": restart_policy: \"sometimes\" is not one of "
             "never, on-failure, always" },
        { "profiles:\n  - name: a\n    aliases: b\n",
          AT "3: profile \"a\": aliases: \"b\" is not a list of texts" },
        { "profiles:\n  - name: a\n    options: []\n",
          AT "3: profile \"a\": options: a list is not a mapping" },
        { "profiles:\n  - name: a\n    id: x\n",
          AT "3: profile \"a\": id is not set by hand" },
        { "profiles:\n  - name: a\n  - name: a\n",
          AT "3: profiles: the name \"a\" was on line 2 already" },
    };
#undef AT
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error;
        assert_null(try_load(rows[i][0], NULL, NULL, 0, &error));
        assert_int_equal(error.code, ERR_INVALID);
        if (strncmp(error.message, rows[i][1], strlen(rows[i][1])) != 0)
            fail_msg("row %zu says \"%s\", not \"%s\"", i, error.message,
                     rows[i][1]);
    }
}

static void
slips_elsewhere_are_named(void **state)
{
    static char port[] = "HEARTH_PORT=http", slip[] = "HEARTH_MODEL_MAX=1";
    static char other[] = "HEARTH_LLAMA_SERVER=/x", empty[] = "HEARTH_HOST=";
    static char *const bad_value[] = { port, NULL };
    static char *const bad_name[] = { slip, NULL };
    static char *const harmless[] = { other, empty, NULL };
    const struct setting_flag flag = { "drain_after_ms", "-1" };
    const struct setting_flag stranger = { "no_such", "1" };
    struct error error;

    assert_null(try_load(NULL, bad_value, NULL, 0, &error));
    assert_string_equal(error.message, "HEARTH_PORT: \"http\" is not a "
                                       "whole number from 0 to 65535");
    assert_null(try_load(NULL, bad_name, NULL, 0, &error));
    assert_non_null(strstr(error.message, "HEARTH_MODELS_MAX may be meant"));
    assert_null(try_load(NULL, NULL, &flag, 1, &error));
    assert_string_equal(error.message, "--drain-after-ms: \"-1\" is not a "
                                       "whole number from 0 to 3600000");
    assert_null(try_load(NULL, NULL, &stranger, 1, &error));
    assert_non_null(strstr(error.message, "no_such"));

    struct config *config = loaded(NULL, harmless, NULL, 0);
    assert_int_equal(config_get(config, SETTING_ID_HOST)->origin,
                     ORIGIN_DEFAULT);
    config_free(config);
}

static void
a_named_file_must_be_there(void **state)
{
    static char variable[] = "HEARTH_CONFIG=/etc/h.yaml";
    static char *const environment[] = { variable, NULL };
    struct error error;
    assert_null(try_load(NULL, environment, NULL, 0, &error));
    assert_non_null(strstr(error.message, "/etc/h.yaml"));

    const struct config_sources sources = { .machine = &machine,
                                            .file_path = "sub/x.yaml",
                                            .environment = environment,
                                            .working_folder = "/w" };
    struct config *config;
    assert_int_equal(config_load(&sources, &config, &error), -1);
    assert_non_null(strstr(error.message, "/w/sub/x.yaml"));
    file_text = "models_dirs: m\n";
    file_path = "/w/sub/x.yaml";
    assert_int_equal(config_load(&sources, &config, &error), 0);
    assert_string_equal(config_file_path(config), "/w/sub/x.yaml");
    assert_items(config, SETTING_ID_MODELS_DIRS, 1, "/w/sub/m", NULL);
    config_free(config);
}

static void
engines_have_paths(void **state)
{
    static char home[] = "HOME=/home/u",
                path[] = "HEARTH_ENGINES_MLX_LM_SERVER_PATH=~/mlx";
    static char *const environment[] = { home, path, NULL };
    const char *file = "engines:\n"
                       "  llama-server: {path: bin/llama-server}\n"
                       "  vllm: {path: vllm}\n"
                       "  mlx_lm.server: {path: /f}\n";
    int line;
    struct config *config = loaded(file, environment, NULL, 0);
    assert_string_equal(config_engine_path(config, "llama-server"),
                        "/home/u/.config/hearth/bin/llama-server");
    assert_string_equal(config_engine_path(config, "vllm"), "vllm");
    assert_string_equal(config_engine_path(config, "mlx_lm.server"),
                        "/home/u/mlx");
    assert_null(config_engine_path(config, "whisper-server"));
    assert_string_equal(config_engine_at(config, 1, &line), "vllm");
    assert_int_equal(line, 3);
    assert_null(config_engine_at(config, 3, &line));

    static const char *const all[] = { "llama-server", "mlx_lm.server", "vllm",
                                       NULL };
    struct error error;
    assert_int_equal(config_check_engines(config, all, &error), 0);
    assert_int_equal(config_check_engines(config, all + 1, &error), -1);
    assert_string_equal(error.message,
                        "/home/u/.config/hearth/hearth.yaml line 2: engines: "
                        "there is no engine \"llama-server\"; there are "
                        "mlx_lm.server, vllm");
    assert_int_equal(config_check_engines(config, all + 2, &error), -1);
    assert_string_equal(error.message,
                        "HEARTH_ENGINES_MLX_LM_SERVER_PATH: there is no such "
                        "engine; there are vllm");
    config_free(config);
}

static void
profiles_become_json(void **state)
{
    const char *file = "profiles:\n"
                       "  - name: 7b\n"
                       "    description: 2024\n"
                       "    model_path: /m/a.gguf\n"
                       "    port: 8080\n"
                       "    aliases: [gpt-4, 4]\n"
                       "    pinned: true\n"
                       "    options: {ctx_size: 4096, mlock: true}\n"
                       "    context_length: 512\n"
                       "\n"
                       "  - {name: b, model_path: ./b.gguf, env: {A: \"1\"}, "
                       "command: [x, \"2\"]}\n";
    struct config *config = loaded(file, NULL, NULL, 0);
    char *text = json_to_text(config_profiles(config));
    assert_string_equal(
        text, "[{\"name\":\"7b\",\"description\":\"2024\","
              "\"model_path\":\"/m/a.gguf\",\"port\":8080,"
              "\"aliases\":[\"gpt-4\",\"4\"],\"pinned\":true,"
              "\"options\":{\"ctx_size\":4096,\"mlock\":true},"
              "\"context_length\":512},"
              "{\"name\":\"b\",\"model_path\":"
              "\"/home/u/.config/hearth/b.gguf\",\"env\":{\"A\":\"1\"},"
              "\"command\":[\"x\",\"2\"]}]");
    assert_int_equal(config_profile_line(config, 0), 2);
    assert_int_equal(config_profile_line(config, 1), 11);
    free(text);
    config_free(config);
}

static void
values_are_typed_in_json(void **state)
{
    static const struct {
        enum setting_id id;
        const char *json, *complaint; /* NULL: it is fine */
    } rows[] = {
        { SETTING_ID_MODELS_MAX, "3", NULL },
        { SETTING_ID_MODELS_MAX, "\"3\"", "\"3\" is not a whole number" },
        { SETTING_ID_MODELS_MAX, "1001", "1001 is not a whole number from 0" },
        { SETTING_ID_MODELS_MAX, "1.5",
          "is not a whole number from 0 to 1000" },
        { SETTING_ID_KEEP_ENGINES, "true", NULL },
        { SETTING_ID_KEEP_ENGINES, "1", "1 is not true or false" },
        { SETTING_ID_LOG_LEVEL, "\"warn\"", NULL },
        { SETTING_ID_LOG_LEVEL, "\"\"", "\"\" is not one of debug" },
        { SETTING_ID_PRELOAD, "[\"a\",\"b\"]", NULL },
        { SETTING_ID_PRELOAD, "\"a\"", "\"a\" is not a list" },
        { SETTING_ID_PRELOAD, "[1]", "1 is not a list" },
        { SETTING_ID_MODELS_DIRS, "[\"/a\"]", NULL },
        { SETTING_ID_MODELS_DIRS, "[\"a\"]", "\"a\" is not an absolute" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct setting_row *row = &setting_rows[rows[i].id];
        struct arena arena;
        struct error error = { 0 };
        struct setting_value value, again;
        struct json_doc *doc = json_parse(str_from(rows[i].json), &error);
        arena_init(&arena, 1 * MIB);
        int rc = setting_value_from_json(row, json_root(doc), &arena, &value,
                                         &error);
        if (rows[i].complaint != NULL) {
            assert_int_equal(rc, -1);
            assert_string_equal(error.field, row->key);
            if (strstr(error.message, rows[i].complaint) == NULL)
                fail_msg("row %zu says \"%s\"", i, error.message);
        } else {
            struct strbuf out = STRBUF_INIT(1 * KIB);
            struct json_writer writer;
            assert_int_equal(rc, 0);
            json_writer_init(&writer, &out);
            setting_value_to_json(row, &value, &writer);
            assert_string_equal(strbuf_text(&out), rows[i].json);
            setting_value_from_json(row, json_root(doc), &arena, &again,
                                    &error);
            assert_true(setting_value_eq(row, &value, &again));
            strbuf_release(&out);
        }
        json_doc_free(doc);
        arena_release(&arena);
    }
}

static void
every_row_is_sound(void **state)
{
    for (int id = 0; id < SETTING_COUNT; id++) {
        const struct setting_row *row = &setting_rows[id];
        char name[SETTING_NAME_BYTES];
        assert_int_equal(setting_find(str_from(row->key)), id);
        assert_true(strlen(row->help) > 10);
        setting_environment_name(row->key, name);
        assert_int_equal(strncmp(name, "HEARTH_", 7), 0);
        if (row->type == SETTING_CHOICE)
            assert_true(strlen(row->choices) > 0);
    }
    assert_int_equal(setting_find(STR("nothing")), SETTING_COUNT);
    assert_int_equal(text_distance(STR("kitten"), STR("sitting")), 3);
    assert_int_equal(text_distance(STR(""), STR("abc")), 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_anything_there_are_defaults),
        cmocka_unit_test(a_later_source_wins),
        cmocka_unit_test(other_programs_variables_count),
        cmocka_unit_test(a_bad_foreign_variable_is_named),
        cmocka_unit_test(secrets_are_not_in_messages),
        cmocka_unit_test(paths_begin_where_they_are_written),
        cmocka_unit_test(slips_in_the_file_are_named),
        cmocka_unit_test(slips_elsewhere_are_named),
        cmocka_unit_test(a_named_file_must_be_there),
        cmocka_unit_test(engines_have_paths),
        cmocka_unit_test(profiles_become_json),
        cmocka_unit_test(values_are_typed_in_json),
        cmocka_unit_test(every_row_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
