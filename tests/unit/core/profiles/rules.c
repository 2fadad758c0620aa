#include "fixture.h"

#include <sys/stat.h>

#define TINY "\"name\":\"chat\",\"model_path\":\"%/tiny.gguf\""
#define LONG_NAME                                                   \
    "0123456789012345678901234567890123456789012345678901234567890" \
    "0123456789012345678901234567890123456789012345678901234567890123456789"

struct refusal {
    const char *patch, *field, *says;
};

static void
assert_refused(struct fixture *f, const struct refusal *row)
{
    char start[80];
    if (create(f, row->patch) == 0)
        fail_msg("accepted: %s", row->patch);
    snprintf(start, sizeof start, "%s: ", row->field);
    if (f->problems.n != 1 || strncmp(f->seen, start, strlen(start)) != 0 ||
        strstr(f->seen, row->says) == NULL)
        fail_msg("%s\n got \"%s\"\n expected \"%s%s\"", row->patch, f->seen,
                 start, row->says);
    assert_int_equal(f->error.code, ERR_INVALID);
    assert_string_equal(f->error.field, row->field);
    assert_int_equal(profiles_count(f->profiles), 0);
}

static void
test_wrong_fields(void **state)
{
    static const struct refusal rows[] = {
        { "[]", "", "an object" },
        { "null", "", "an object" },
        { "{\"model_path\":\"%/tiny.gguf\"}", "name", "required" },
        { "{\"name\":null,\"model_path\":\"%/tiny.gguf\"}", "name", "empty" },
        { "{\"name\":7,\"model_path\":\"%/tiny.gguf\"}", "name", "text" },
        { "{\"name\":\" x\",\"model_path\":\"%/tiny.gguf\"}", "name", "space" },
        { "{\"name\":\"x \",\"model_path\":\"%/tiny.gguf\"}", "name", "space" },
        { "{\"name\":\"-x\",\"model_path\":\"%/tiny.gguf\"}", "name", "-" },
        { "{" TINY ",\"colour\":\"red\"}", "colour", "neither a field" },
        { "{" TINY ",\"tool_call_parser\":\"qwen3\"}", "tool_call_parser",
          "llama-server" },
        { "{" TINY ",\"port\":\"80\"}", "port", "0 to 65535" },
        { "{" TINY ",\"port\":65536}", "port", "0 to 65535" },
        { "{" TINY ",\"port\":-1}", "port", "0 to 65535" },
        { "{" TINY ",\"port\":80.5}", "port", "whole number" },
        { "{" TINY ",\"ttl_s\":-1}", "ttl_s", "from 0" },
        { "{" TINY ",\"pinned\":1}", "pinned", "true or false" },
        { "{" TINY ",\"restart_policy\":\"sometimes\"}", "restart_policy",
          "never, on-failure, always" },
        { "{" TINY ",\"load_timeout_s\":0}", "load_timeout_s", "from 1" },
        { "{" TINY ",\"description\":[]}", "description", "text" },
        { "{" TINY ",\"description\":\"a\\u0000b\"}", "description",
          "control" },
        { "{" TINY ",\"aliases\":\"x\"}", "aliases", "array" },
        { "{" TINY ",\"aliases\":[1]}", "aliases", "element 0" },
        { "{" TINY ",\"aliases\":[\"x\",\"x\"]}", "aliases", "twice" },
        { "{" TINY ",\"aliases\":[\"x\",\"\"]}", "aliases", "element 1" },
        { "{" TINY ",\"aliases\":[\"chat\"]}", "aliases", "the name itself" },
        { "{" TINY ",\"host\":\"0.0.0.0\"}", "host", "loopback" },
        { "{" TINY ",\"host\":\"example.org\"}", "host", "loopback" },
        { "{" TINY ",\"env\":[]}", "env", "an object" },
        { "{" TINY ",\"env\":{\"A\":1}}", "env", "for A" },
        { "{" TINY ",\"env\":{\"A B\":\"1\"}}", "env", "\"A B\"" },
        { "{" TINY ",\"env\":{\"A\":\"1\\n2\"}}", "env", "one line" },
        { "{" TINY ",\"engine\":\"nope\"}", "engine", "\"nope\"" },
        { "{" TINY ",\"id\":\"profile_1\"}", "id", "set by Hearth" },
        { "{" TINY ",\"created_at_ms\":1}", "created_at_ms", "set by" },
        { "{" TINY ",\"options\":[]}", "options", "an object" },
        { "{" TINY ",\"options\":{\"ctx\":1}}", "options.ctx", "no such" },
        { "{" TINY ",\"options\":{\"ctx_size\":\"1\"}}", "options.ctx_size",
          "whole number" },
        { "{" TINY ",\"context_length\":\"1\"}", "options.ctx_size",
          "whole number" },
        { "{" TINY ",\"options\":{\"n_ctx\":1,\"context_length\":2}}",
          "options.ctx_size", "twice" },
        { "{" TINY ",\"options\":{\"mmproj\":\"%/none.gguf\"}}",
          "options.mmproj", "inside the model folders" },
        { "{" TINY ",\"options\":{\"mmproj\":\"/etc/passwd\"}}",
          "options.mmproj", "inside the model folders" },
        { "{" TINY ",\"command\":[\"x\"],\"engine\":\"llama-server\"}",
          "command", "only engine command" },
        { "{\"name\":\"x\"}", "model_path", "needs a model" },
        { "{\"name\":\"x\",\"model_path\":\"\"}", "model_path", "needs a" },
        { "{\"name\":\"x\",\"model_path\":\"%/none.gguf\"}", "model_path",
          "inside the model folders" },
        { "{\"name\":\"x\",\"model_path\":\"%/../data\"}", "model_path",
          "inside the model folders" },
        { "{\"name\":\"x\",\"model_path\":\"/etc/passwd\"}", "model_path",
          "inside the model folders" },
        { "{\"name\":\"x\",\"model_path\":\"org/name\"}", "model_path",
          "absolute path" },
        { "{\"name\":\"x\",\"engine\":\"command\"}", "command", "needs" },
        { "{\"name\":\"x\",\"command\":[]}", "model_path", "needs a model" },
        { "{\"name\":\"x\",\"command\":[\"\"]}", "command", "program" },
        { "{\"name\":\"x\",\"command\":[\"a\",1]}", "command", "texts" },
        { "{\"name\":\"x\",\"command\":[\"a\",\"b\\u0000\"]}", "command",
          "texts" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_refused(*state, &rows[i]);
}

static void
test_a_long_name(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(create(f, "{\"name\":\"" LONG_NAME "\","
                               "\"model_path\":\"%/tiny.gguf\"}"),
                     -1);
    assert_non_null(strstr(f->seen, "name: expected 1 to 128 bytes"));
}

static void
test_every_problem_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        create(f, "{\"name\":\"\",\"port\":-5,\"host\":\"8.8.8.8\",\"x\":1,"
                  "\"model_path\":\"/nope\",\"options\":{\"temp\":-1}}"),
        -1);
    static const char *const fields[] = {
        "name: ", "port: ", "host: ", "x: ", "model_path: ", "options.temp: "
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (strstr(f->seen, fields[i]) == NULL)
            fail_msg("no %s in %s", fields[i], f->seen);
    assert_string_equal(f->error.field, f->problems.at[0].field);
}

/* No more problems than fit, whatever is sent. */
static void
test_a_flood_of_problems(void **state)
{
    struct fixture *f = *state;
    char patch[4096] = "{" TINY;
    size_t n = strlen(patch);
    for (int i = 0; i < 100; i++)
        n += (size_t)snprintf(patch + n, sizeof patch - n, ",\"f%d\":0", i);
    snprintf(patch + n, sizeof patch - n, "}");
    assert_int_equal(create(f, patch), -1);
    assert_int_equal(f->problems.n, FIELD_PROBLEMS_MAX);
}

static void
test_hub_ids(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *id;
        bool is_right;
    } rows[] = {
        { "org/name", true },
        { "o/N-1.2_b", true },
        { "mlx-community/Qwen3-8B-4bit", true },
        { "org", false },
        { "org/name/more", false },
        { "org/", false },
        { "/name", false },
        { "../name", false },
        { "org/..", false },
        { "org/a..b", false },
        { "org/a--b", false },
        { "org/-name", false },
        { "-org/name", false },
        { "org/na me", false },
        { ".org/name", false },
        { "org/n\xC3\xA9", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char patch[256];
        snprintf(patch, sizeof patch,
                 "{\"name\":\"n%zu\",\"engine\":\"vllm\",\"model_path\":"
                 "\"%s\"}",
                 i, rows[i].id);
        if ((create(f, patch) == 0) != rows[i].is_right)
            fail_msg("%s: expected %d (%s)", rows[i].id, rows[i].is_right,
                     f->seen);
    }
}

static void
test_a_model_by_its_name(void **state)
{
    struct fixture *f = *state;
    char path[400];
    snprintf(path, sizeof path, "%s/tiny.gguf", f->root);
    struct profile *p = create_ok(f, "{\"name\":\"x\",\"model_path\":"
                                     "\"tiny\",\"host\":\"localhost\"}");
    assert_string_equal(p->model_path, path);
    assert_string_equal(p->host, "127.0.0.1");
    p = update_ok(f, p->id, "{\"host\":\"::1\"}");
    assert_string_equal(p->host, "::1");
}

static void
test_the_engine_that_is_a_command(void **state)
{
    struct fixture *f = *state;
    struct profile *p =
        create_ok(f, "{\"name\":\"x\",\"command\":[\"/bin/run\",\"--port\","
                     "\"${port}\"],\"options\":{\"ready_path\":\"/up\"}}");
    assert_string_equal(p->engine, "command");
    assert_string_equal(p->command_json,
                        "[\"/bin/run\",\"--port\",\"${port}\"]");
    assert_string_equal(p->options_json, "{\"ready_path\":\"/up\"}");
}

/* The flat names of other managers end under `options`, or in a field. */
static void
test_flat_names(void **state)
{
    struct fixture *f = *state;
    struct profile *p = create_ok(
        f, "{\"name\":\"m\",\"model_path\":\"org/name\",\"engine\":"
           "\"mlx-openai-server\",\"port\":40994,\"description\":null,"
           "\"model_type\":\"lm\",\"host\":\"127.0.0.1\","
           "\"context_length\":4096,\"max_concurrency\":2,"
           "\"queue_timeout\":60,\"queue_size\":10,"
           "\"tool_call_parser\":\"qwen3\",\"reasoning_parser\":null,"
           "\"message_converter\":null,\"enable_auto_tool_choice\":false,"
           "\"trust_remote_code\":false,\"chat_template_file\":null,"
           "\"log_level\":\"INFO\",\"log_file\":null,\"no_log_file\":false,"
           "\"auto_start\":false}");
    assert_int_equal(p->max_concurrency, 2);
    assert_int_equal(p->queue_size, 10);
    assert_string_equal(
        p->options_json,
        "{\"model_type\":\"lm\",\"context_length\":4096,\"queue_timeout\":60,"
        "\"tool_call_parser\":\"qwen3\",\"enable_auto_tool_choice\":false,"
        "\"trust_remote_code\":false,\"log_level\":\"INFO\","
        "\"no_log_file\":false}");
}

static void
test_another_engine_checks_the_options_anew(void **state)
{
    struct fixture *f = *state;
    struct profile *p = create_ok(
        f, "{\"name\":\"x\",\"model_path\":\"org/name\",\"engine\":\"vllm\","
           "\"options\":{\"max_model_len\":10,\"enforce_eager\":true}}");
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", p->id);
    assert_int_equal(update(f, id, "{\"engine\":\"llama-server\"}"), -1);
    assert_non_null(strstr(f->seen, "options.max_model_len: Hearth knows"));
    assert_non_null(strstr(f->seen, "options.enforce_eager: "));
    assert_non_null(strstr(f->seen, "model_path: "));
    p = update_ok(f, id, "{\"engine\":\"mlx_lm.server\",\"options\":{}}");
    assert_string_equal(p->engine, "mlx_lm.server");
}

/* What is executed is for trusted callers; all else is for everybody. */
static void
test_who_decides_what_is_executed(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *patch, *field;
    } rows[] = {
        { "{\"name\":\"x\",\"command\":[\"rm\"]}", "engine" },
        { "{" TINY ",\"engine\":\"vllm\"}", "engine" },
        { "{" TINY ",\"env\":{\"LD_PRELOAD\":\"x\"}}", "env" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(create_unprivileged(f, rows[i].patch), -1);
        assert_int_equal(f->error.code, ERR_FORBIDDEN);
        assert_string_equal(f->error.field, rows[i].field);
        assert_int_equal(f->problems.n, 0);
    }
    assert_int_equal(create_unprivileged(f, "{" TINY
                                            ",\"engine\":\"llama-server\","
                                            "\"env\":{},\"command\":[],"
                                            "\"options\":{\"temp\":1}}"),
                     0);

    struct profile *p = create_ok(
        f, "{\"name\":\"v\",\"model_path\":\"org/name\",\"engine\":\"vllm\","
           "\"env\":{\"A\":\"1\"}}");
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", p->id);
    assert_int_equal(update_unprivileged(f, id, "{\"ttl_s\":4}"), 0);
    assert_int_equal(update_unprivileged(f, id,
                                         "{\"engine\":\"vllm\",\"env\":"
                                         "{\"A\":\"***\"},\"ttl_s\":5}"),
                     0);
    assert_int_equal(update_unprivileged(f, id, "{\"env\":{\"A\":\"2\"}}"), -1);
    assert_int_equal(f->error.code, ERR_FORBIDDEN);
    assert_int_equal(update_unprivileged(
                         f, id, "{\"options\":{\"trust_remote_code\":true}}"),
                     -1);
    assert_int_equal(f->error.code, ERR_FORBIDDEN);
    assert_string_equal(f->error.field, "options.trust_remote_code");
    update_ok(f, id, "{\"trust_remote_code\":true}");
    assert_int_equal(update_unprivileged(f, id,
                                         "{\"ttl_s\":6,"
                                         "\"trust_remote_code\":true,"
                                         "\"max_num_seqs\":4}"),
                     0);
}

/* Not only switches decide what is executed. */
static void
test_a_value_that_is_executed(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        engines_add(f->engines,
                    STR("{\"name\":\"plugged\",\"title\":\"Plugged\","
                        "\"binaries\":[\"plugged\"],\"install_hint\":\"x\","
                        "\"argv\":[\"--port\",\"${port}\"],\"options\":["
                        "{\"key\":\"plugin\",\"flag\":\"--plugin\","
                        "\"type\":\"text\",\"group\":\"g\",\"help\":\"h\","
                        "\"executes\":true}],\"ready_path\":\"/health\","
                        "\"serves\":[\"/v1/*\"],\"needs_model\":false,"
                        "\"stop\":[{\"signal\":\"TERM\",\"wait_ms\":9},"
                        "{\"signal\":\"KILL\",\"wait_ms\":9}]}"),
                    "plugged.json", &f->error),
        0);
    struct profile *p = create_ok(f, "{\"name\":\"x\",\"engine\":\"plugged\"}");
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", p->id);
    assert_int_equal(update_unprivileged(f, id, "{\"plugin\":\"evil\"}"), -1);
    assert_int_equal(f->error.code, ERR_FORBIDDEN);
    assert_string_equal(f->error.field, "options.plugin");
    update_ok(f, id, "{\"plugin\":\"good\"}");
    assert_int_equal(update_unprivileged(f, id, "{\"plugin\":\"evil\"}"), -1);
    assert_int_equal(update_unprivileged(f, id, "{\"options\":{}}"), -1);
    assert_int_equal(f->error.code, ERR_FORBIDDEN);
    assert_int_equal(
        update_unprivileged(f, id, "{\"plugin\":\"good\",\"ttl_s\":3}"), 0);
}

static void
test_a_secret_value(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        engines_add(f->engines,
                    STR("{\"name\":\"locked\",\"title\":\"Locked\","
                        "\"binaries\":[\"locked\"],\"install_hint\":\"x\","
                        "\"argv\":[\"--port\",\"${port}\"],\"options\":["
                        "{\"key\":\"token\",\"env\":\"TOKEN\","
                        "\"type\":\"text\",\"group\":\"g\",\"help\":\"h\","
                        "\"secret\":true},{\"key\":\"mood\",\"env\":\"MOOD\","
                        "\"type\":\"text\",\"group\":\"g\",\"help\":\"h\"}],"
                        "\"ready_path\":\"/health\","
                        "\"serves\":[\"/v1/*\"],\"needs_model\":false,"
                        "\"stop\":[{\"signal\":\"TERM\",\"wait_ms\":9},"
                        "{\"signal\":\"KILL\",\"wait_ms\":9}]}"),
                    "locked.json", &f->error),
        0);
    struct profile *p =
        create_ok(f, "{\"name\":\"x\",\"engine\":\"locked\",\"options\":"
                     "{\"token\":\"hush\",\"mood\":\"calm\"}}");
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", p->id);
    assert_non_null(strstr(shown(f, p, false), "{\"token\":\"***\","
                                               "\"mood\":\"calm\"}"));
    assert_non_null(strstr(shown(f, p, true), "hush"));
    p = update_ok(f, id, "{\"options\":{\"token\":\"***\",\"mood\":\"odd\"}}");
    assert_string_equal(p->options_json,
                        "{\"token\":\"hush\",\"mood\":\"odd\"}");
    p = update_ok(f, id, "{\"token\":\"***\"}");
    assert_non_null(strstr(p->options_json, "hush"));
    p = update_ok(f, id, "{\"options\":{\"token\":\"new\"}}");
    assert_string_equal(p->options_json, "{\"token\":\"new\"}");
    update_ok(f, id, "{\"options\":{}}");
    assert_int_equal(update(f, id, "{\"token\":\"***\"}"), -1);
    assert_string_equal(f->error.field, "options.token");
    assert_non_null(strstr(f->error.message, "nothing is stored"));
}

/* One that reads a file is not given a folder; others may be. */
static void
test_a_folder_as_model(void **state)
{
    struct fixture *f = *state;
    char path[400];
    snprintf(path, sizeof path, "%s/mlx", f->root);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(create(f, "{\"name\":\"x\",\"model_path\":\"%/mlx\"}"),
                     -1);
    assert_string_equal(f->error.field, "model_path");
    assert_non_null(strstr(f->error.message, "is a folder"));
    create_ok(f, "{\"name\":\"x\",\"engine\":\"vllm\",\"model_path\":"
                 "\"%/mlx\"}");
    assert_int_equal(update(f, f->done->id, "{\"engine\":\"llama-server\"}"),
                     -1);
    assert_string_equal(f->error.field, "model_path");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PROFILE_TEST(test_wrong_fields),
        PROFILE_TEST(test_a_long_name),
        PROFILE_TEST(test_every_problem_is_told_at_once),
        PROFILE_TEST(test_a_flood_of_problems),
        PROFILE_TEST(test_hub_ids),
        PROFILE_TEST(test_a_model_by_its_name),
        PROFILE_TEST(test_the_engine_that_is_a_command),
        PROFILE_TEST(test_flat_names),
        PROFILE_TEST(test_another_engine_checks_the_options_anew),
        PROFILE_TEST(test_who_decides_what_is_executed),
        PROFILE_TEST(test_a_value_that_is_executed),
        PROFILE_TEST(test_a_secret_value),
        PROFILE_TEST(test_a_folder_as_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
