#include "fixture.h"

#include "base/units.h"

/* One start: change what a test is about, then build(). */
struct start {
    struct engines *engines;
    const struct engine_manifest *manifest;
    struct profile *profile;
    struct engine_binary binary;
    struct engine_launch launch;
    struct engine_command command;
    struct arena arena;
    struct error error;
    char joined[4096]; /* argv, by spaces */
    char env[1024];
};

static struct start *
start_new(const char *engine)
{
    struct start *s = calloc(1, sizeof *s);
    s->engines = fixture_engines();
    s->manifest = engines_find(s->engines, engine);
    s->profile = profile_new();
    profile_set_text(&s->profile->name, STR("tiny"));
    if (strcmp(engine, "command") == 0)
        profile_set_text(&s->profile->command_json, STR("[\"x\"]"));
    else
        profile_set_text(&s->profile->model_path, STR("/models/tiny"));
    s->binary = (struct engine_binary){ "/bin/e", "1.2", NULL };
    s->launch = (struct engine_launch){ .profile = s->profile,
                                        .binary = &s->binary,
                                        .port = 4711,
                                        .host = "127.0.0.1",
                                        .api_key = "",
                                        .default_threads = "" };
    return s;
}

static void
start_free(struct start *s)
{
    arena_release(&s->arena);
    profile_unref(s->profile);
    engines_free(s->engines);
    free(s);
}

static void
join(char *const *texts, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (; *texts != NULL; texts++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", n == 0 ? "" : " ",
                              *texts);
}

static int
build(struct start *s)
{
    arena_release(&s->arena);
    arena_init(&s->arena, MIB);
    s->error = (struct error){ .message = "" };
    int result = engine_build_command(s->manifest, &s->launch, &s->arena,
                                      &s->command, &s->error);
    if (result == 0) {
        join(s->command.argv, s->joined, sizeof s->joined);
        join(s->command.env, s->env, sizeof s->env);
    }
    return result;
}

static void
build_ok(struct start *s)
{
    if (build(s) < 0)
        fail_msg("%s: %s: %s", s->manifest->name, s->error.field,
                 s->error.message);
}

static void
test_base_commands(void **state)
{
    static const struct {
        const char *engine, *argv, *env;
    } rows[] = {
        { "llama-server",
          "/bin/e --host 127.0.0.1 --port 4711 -m /models/tiny --alias tiny "
          "--sse-ping-interval 2",
          "LLAMA_API_KEY=secret" },
        { "llama-server-router",
          "/bin/e --host 127.0.0.1 --port 4711 --models-dir /models/tiny "
          "--sse-ping-interval 2",
          "LLAMA_API_KEY=secret" },
        { "mlx-openai-server",
          "/bin/e launch --model-path=/models/tiny --host=127.0.0.1 "
          "--port=4711 --no-log-file",
          "PYTHONUNBUFFERED=1" },
        { "mlx_lm.server",
          "/bin/e --model=/models/tiny --host=127.0.0.1 --port=4711",
          "PYTHONUNBUFFERED=1" },
        { "vllm",
          "/bin/e serve /models/tiny --host=127.0.0.1 --port=4711 "
          "--served-model-name=tiny",
          "PYTHONUNBUFFERED=1 VLLM_NO_USAGE_STATS=1 VLLM_API_KEY=secret" },
        { "sd-server",
          "/bin/e --listen-ip 127.0.0.1 --listen-port 4711 -m /models/tiny",
          "" },
        { "whisper-server",
          "/bin/e --host 127.0.0.1 --port 4711 -m /models/tiny "
          "--inference-path /v1/audio/transcriptions",
          "" },
        { "command", "x", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct start *s = start_new(rows[i].engine);
        s->launch.api_key = "secret";
        build_ok(s);
        assert_string_equal(s->joined, rows[i].argv);
        assert_string_equal(s->env, rows[i].env);
        assert_null(strstr(s->joined, "secret"));
        assert_null(s->command.argv[s->command.argc]);
        start_free(s);
    }
}

static void
set_option(struct start *s, struct str key, struct str value)
{
    char json[1024];
    snprintf(json, sizeof json, "{\"%.*s\":%.*s}", STR_ARG(key),
             STR_ARG(value));
    profile_set_text(&s->profile->options_json, str_from(json));
}

/* One row of <engine>.argv.txt: what the option adds to the base command.
 * Where the template has the flag already, the value changes there. */
static void
check_row(struct start *s, const char *base, const char *base_env,
          struct str line)
{
    char expected[4096], env[1024];
    struct str key = str_trim(str_split(&line, '|'));
    struct str value = str_trim(str_split(&line, '|'));
    struct str adds = str_trim(line);
    struct str rest = adds;
    struct str flag = str_split(&rest, ' ');
    set_option(s, key, value);
    build_ok(s);
    const char *there = NULL;
    char flag_text[80];
    snprintf(flag_text, sizeof flag_text, " %.*s", STR_ARG(flag));
    if (adds.n > 0)
        there = strstr(base, flag_text);
    snprintf(env, sizeof env, "%s", base_env);
    if (str_starts_with(adds, STR("env "))) {
        snprintf(expected, sizeof expected, "%s", base);
        snprintf(env, sizeof env, "%s%s%.*s", base_env,
                 base_env[0] == '\0' ? "" : " ", STR_ARG(rest));
    } else if (there != NULL) {
        snprintf(expected, sizeof expected, "%.*s %.*s", (int)(there - base),
                 base, STR_ARG(adds));
    } else {
        snprintf(expected, sizeof expected, "%s%s%.*s", base,
                 adds.n == 0 ? "" : " ", STR_ARG(adds));
    }
    if (strcmp(s->joined, expected) != 0 || strcmp(s->env, env) != 0)
        fail_msg("%.*s = %.*s\n got      %s (%s)\n expected %s (%s)",
                 STR_ARG(key), STR_ARG(value), s->joined, s->env, expected,
                 env);
}

static bool
table_has(const char *table, const char *key)
{
    char start[80];
    snprintf(start, sizeof start, "\n%s | ", key);
    return strstr(table, start) != NULL;
}

static void
check_table(const char *engine)
{
    struct start *s = start_new(engine);
    char *table = fixture_read(engine, "argv");
    char base[4096], base_env[1024];
    build_ok(s);
    snprintf(base, sizeof base, "%s", s->joined);
    snprintf(base_env, sizeof base_env, "%s", s->env);
    for (size_t i = 0; i < s->manifest->n_options; i++) {
        const struct engine_option *option = &s->manifest->options[i];
        if (!table_has(table, option->key))
            fail_msg("no row for %s of %s", option->key, engine);
    }
    size_t n = 0;
    struct str rest = str_from(table);
    while (rest.p != NULL) {
        struct str line = str_split(&rest, '\n');
        if (line.n == 0 || line.p[0] == '#' ||
            str_starts_with(line, STR("log_file ")))
            continue;
        check_row(s, base, base_env, line);
        n++;
    }
    assert_true(n >= s->manifest->n_options - 1);
    free(table);
    start_free(s);
}

static void
test_every_option_of_every_engine(void **state)
{
    struct engines *engines = fixture_engines();
    for (size_t i = 0; i < engines_count(engines); i++)
        check_table(engines_at(engines, i)->name);
    engines_free(engines);
}

static void
test_options_go_in_the_order_of_the_rows(void **state)
{
    struct start *s = start_new("llama-server");
    profile_set_text(&s->profile->options_json,
                     STR("{\"temp\":0.7,\"webui\":false,\"parallel\":2,"
                         "\"n_ctx\":512,\"sse_ping_interval\":1}"));
    build_ok(s);
    assert_string_equal(s->joined,
                        "/bin/e --host 127.0.0.1 --port 4711 -m /models/tiny "
                        "--alias tiny --sse-ping-interval 1 --ctx-size 512 "
                        "--parallel 2 --temp 0.7 --no-webui");
    start_free(s);
}

static void
test_threads_default(void **state)
{
    struct start *s = start_new("llama-server");
    s->launch.default_threads = "3";
    build_ok(s);
    assert_non_null(strstr(s->joined, " --threads 3"));
    profile_set_text(&s->profile->options_json, STR("{\"threads\":1}"));
    build_ok(s);
    assert_non_null(strstr(s->joined, " --threads 1"));
    assert_null(strstr(s->joined, " --threads 3"));
    start_free(s);
    s = start_new("vllm"); /* has no such option */
    s->launch.default_threads = "3";
    build_ok(s);
    assert_null(strstr(s->joined, "threads"));
    start_free(s);
}

static void
test_flags_of_the_binary(void **state)
{
    static const char *const flags[] = { "--alias", "--draft-max", "--host",
                                         "--port",  "-m",          NULL };
    struct start *s = start_new("llama-server");
    s->binary.flags = flags;
    build_ok(s); /* --sse-ping-interval is left out, it may be */
    assert_string_equal(s->joined, "/bin/e --host 127.0.0.1 --port 4711 "
                                   "-m /models/tiny --alias tiny");
    set_option(s, STR("draft_max"), STR("8")); /* under its older name */
    build_ok(s);
    assert_non_null(strstr(s->joined, " --draft-max 8"));
    set_option(s, STR("ctx_size"), STR("8"));
    assert_int_equal(build(s), -1);
    assert_int_equal(s->error.code, ERR_ENGINE_UNKNOWN_OPTION);
    assert_string_equal(s->error.field, "options.ctx_size");
    assert_string_equal(s->error.message,
                        "the installed llama-server 1.2 has no --ctx-size");
    set_option(s, STR("jinja"), STR("false"));
    assert_int_equal(build(s), -1);
    assert_non_null(strstr(s->error.message, "--no-jinja"));
    s->binary.flags = flags + 1; /* without --alias */
    set_option(s, STR("temp"), STR("1"));
    assert_int_equal(build(s), -1);
    assert_non_null(strstr(s->error.message, "has no --alias"));
    start_free(s);
}

static void
test_nothing_becomes_a_flag(void **state)
{
    struct start *s = start_new("llama-server");
    profile_set_text(&s->profile->name, STR("--api-key"));
    assert_int_equal(build(s), -1);
    assert_non_null(strstr(s->error.message, "taken for a flag"));
    profile_set_text(&s->profile->name, STR("tiny"));
    profile_set_text(&s->profile->model_path, STR("-m"));
    assert_int_equal(build(s), -1);
    start_free(s);

    s = start_new("vllm");
    profile_set_text(&s->profile->model_path, STR("--config"));
    assert_int_equal(build(s), -1);
    profile_set_text(&s->profile->model_path, STR("org/name"));
    profile_set_text(&s->profile->name, STR("-x"));
    build_ok(s); /* joined: it cannot */
    assert_non_null(strstr(s->joined, " --served-model-name=-x"));
    start_free(s);

    s = start_new("llama-server"); /* stored before the check was there */
    set_option(s, STR("device"), STR("\"--api-key\""));
    assert_int_equal(build(s), -1);
    assert_string_equal(s->error.field, "options.device");
    start_free(s);
}

static int
only_models(void *ctx, const char *path, struct error *error)
{
    snprintf(ctx, 64, "%s", path);
    return strncmp(path, "/models/", 8) == 0
               ? 0
               : error_set(error, ERR_FORBIDDEN, "%s is outside", path);
}

static void
test_paths_are_resolved_inside_the_roots(void **state)
{
    char asked[64] = "";
    struct start *s = start_new("llama-server");
    s->launch.check_path = only_models;
    s->launch.check_ctx = asked;
    set_option(s, STR("mmproj"), STR("\"/models/p.gguf\""));
    build_ok(s);
    assert_string_equal(asked, "/models/p.gguf");
    set_option(s, STR("mmproj"), STR("\"/etc/passwd\""));
    assert_int_equal(build(s), -1);
    assert_string_equal(s->error.field, "options.mmproj");
    assert_string_equal(s->error.message, "/etc/passwd is outside");
    start_free(s);

    s = start_new("mlx-openai-server"); /* the file need not be there */
    s->launch.check_path = only_models;
    s->launch.check_ctx = asked;
    set_option(s, STR("log_file"), STR("\"/models/logs/x.log\""));
    build_ok(s);
    assert_string_equal(asked, "/models/logs/");
    assert_non_null(strstr(s->joined, " --log-file=/models/logs/x.log"));
    assert_null(strstr(s->joined, "--no-log-file"));
    set_option(s, STR("no_log_file"), STR("false"));
    build_ok(s);
    assert_null(strstr(s->joined, "--no-log-file"));
    start_free(s);
}

static void
test_environment(void **state)
{
    struct start *s = start_new("vllm");
    s->launch.api_key = "secret";
    profile_set_text(&s->profile->env_json,
                     STR("{\"A\":\"1\",\"PYTHONUNBUFFERED\":\"0\","
                         "\"VLLM_API_KEY\":\"known\"}"));
    build_ok(s);
    assert_string_equal(s->env, "PYTHONUNBUFFERED=0 VLLM_NO_USAGE_STATS=1 "
                                "A=1 VLLM_API_KEY=secret");
    static const char *const wrong[] = {
        "{\"A B\":\"1\"}", "{\"\":\"1\"}",      "{\"1A\":\"1\"}",
        "{\"A\":1}",       "{\"A\":\"x\\ny\"}", "{\"A=B\":\"1\"}"
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        profile_set_text(&s->profile->env_json, str_from(wrong[i]));
        assert_int_equal(build(s), -1);
        assert_string_equal(s->error.field, "env");
    }
    start_free(s);
}

static void
test_the_command_engine(void **state)
{
    struct start *s = start_new("command");
    profile_set_text(&s->profile->model_path, STR("/m/x"));
    profile_set_text(&s->profile->command_json,
                     STR("[\"/bin/run\",\"--port=${port}\",\"${model}\","
                         "\"${name}-${name}\",\"${HOME}\",\"$x ${\",\"\"]"));
    build_ok(s);
    static const char *const expected[] = { "/bin/run",  "--port=4711", "/m/x",
                                            "tiny-tiny", "${HOME}",     "$x ${",
                                            "" };
    assert_int_equal(s->command.argc, 7);
    for (size_t i = 0; i < 7; i++)
        assert_string_equal(s->command.argv[i], expected[i]);
    static const char *const wrong[] = { "[]", "[\"\"]", "[1]",
                                         "[\"a\",\"b\\u0000c\"]" };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        profile_set_text(&s->profile->command_json, str_from(wrong[i]));
        assert_int_equal(build(s), -1);
        assert_string_equal(s->error.field, "command");
    }
    start_free(s);
}

static void
test_what_is_missing(void **state)
{
    struct start *s = start_new("llama-server");
    profile_set_text(&s->profile->model_path, STR(""));
    assert_int_equal(build(s), -1);
    assert_string_equal(s->error.field, "model_path");
    start_free(s);
    s = start_new("llama-server-router"); /* the hub's cache then */
    profile_set_text(&s->profile->model_path, STR(""));
    build_ok(s);
    assert_null(strstr(s->joined, "--models-dir"));
    start_free(s);
}

static void
note(void *ctx, const char *field, const char *message)
{
    struct strbuf *told = ctx;
    strbuf_addf(told, "%s: %s\n", field, message);
}

/* For show: what is wrong is told and left out, the rest stands, secrets and
 * the port that nobody knows yet do not. */
static void
test_a_command_that_is_only_looked_at(void **state)
{
    static const char *const flags[] = { "--alias", "--ctx-size", "--host",
                                         "--port",  "--seed",     "-m",
                                         NULL };
    struct start *s = start_new("llama-server");
    struct strbuf told = STRBUF_INIT(4096);
    s->binary.flags = flags;
    s->launch.port_text = "${port}";
    s->launch.hides_secrets = true;
    s->launch.api_key = "***";
    s->launch.on_problem = note;
    s->launch.problem_ctx = &told;
    profile_set_text(&s->profile->env_json,
                     STR("{\"HF_TOKEN\":\"hush\",\"A-B\":\"1\"}"));
    profile_set_text(&s->profile->options_json,
                     STR("{\"context_length\":\"big\",\"seed\":4,\"nope\":1,"
                         "\"parallel\":2}"));
    build_ok(s);
    assert_string_equal(s->joined, "/bin/e --host 127.0.0.1 --port ${port} -m "
                                   "/models/tiny --alias tiny --seed 4");
    assert_string_equal(s->env, "HF_TOKEN=*** LLAMA_API_KEY=***");
    assert_string_equal(
        strbuf_text(&told),
        "options.context_length: expected a whole number from 0 to 16777216\n"
        "options.nope: Hearth knows no such option of llama-server\n"
        "options.parallel: the installed llama-server 1.2 has no --parallel\n"
        "env: A-B is not the name of a variable\n");
    static const char *const fields[] = {
        "",     "host",         "host",        "port",
        "port", "model_path",   "model_path",  "name",
        "name", "options.seed", "options.seed"
    };
    assert_int_equal(s->command.argc, sizeof fields / sizeof *fields);
    for (size_t i = 0; i < s->command.argc; i++)
        assert_string_equal(s->command.fields[i], fields[i]);
    /* Nothing at all is given. */
    strbuf_clear(&told);
    profile_set_text(&s->profile->model_path, STR(""));
    profile_set_text(&s->profile->options_json, STR("[]"));
    build_ok(s);
    assert_null(strstr(s->joined, "-m"));
    assert_non_null(strstr(strbuf_text(&told), "model_path: llama-server"));
    assert_non_null(strstr(strbuf_text(&told), "options: expected an object"));
    start_free(s);
    s = start_new("command");
    strbuf_clear(&told);
    s->launch.on_problem = note;
    s->launch.problem_ctx = &told;
    profile_set_text(&s->profile->command_json, STR("[]"));
    build_ok(s);
    assert_int_equal(s->command.argc, 0);
    assert_string_equal(strbuf_text(&told),
                        "command: expected the program and its arguments\n");
    start_free(s);
    strbuf_release(&told);
}

static void
test_what_a_binary_lacks(void **state)
{
    static const char *const flags[] = { "--no-jinja", "--old-name", "--seed",
                                         NULL };
    static const char *const others[] = { "--old-name", NULL };
    struct engine_binary known = { "/bin/e", "1.2", NULL };
    struct engine_option seed = { .flag = "--seed" };
    struct engine_option gone = { .flag = "--gone" };
    struct engine_option renamed = { .flag = "--new", .other_flags = others };
    struct engine_option off = { .flag = "--jinja", .flag_off = "--no-jinja" };
    struct engine_option by_env = { .flag = "--x", .env = "X" };
    assert_false(engine_lacks_option(&known, &gone)); /* it did not say */
    known.flags = flags;
    assert_true(engine_lacks_option(&known, &gone));
    assert_false(engine_lacks_option(&known, &seed));
    assert_false(engine_lacks_option(&known, &renamed));
    assert_false(engine_lacks_option(&known, &off));
    assert_false(engine_lacks_option(&known, &by_env));
    assert_false(
        engine_lacks_option(&known, &(struct engine_option){ .key = "k" }));
}

/* Out of memory at whatever point is an error, and nothing leaks. */
static void
test_out_of_memory(void **state)
{
    struct start *s = start_new("llama-server");
    profile_set_text(&s->profile->options_json,
                     STR("{\"temp\":0.7,\"parallel\":2,\"jinja\":true}"));
    profile_set_text(&s->profile->env_json, STR("{\"A\":\"1\"}"));
    bool has_failed = false, has_worked = false;
    for (size_t ceiling = 0; ceiling < 32 * KIB; ceiling += 16) {
        arena_release(&s->arena);
        arena_init(&s->arena, ceiling);
        int result = engine_build_command(s->manifest, &s->launch, &s->arena,
                                          &s->command, &s->error);
        if (result < 0)
            assert_int_equal(s->error.code, ERR_NO_MEMORY);
        has_failed = has_failed || result < 0;
        has_worked = has_worked || result == 0;
    }
    assert_true(has_failed && has_worked);
    start_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_commands),
        cmocka_unit_test(test_every_option_of_every_engine),
        cmocka_unit_test(test_options_go_in_the_order_of_the_rows),
        cmocka_unit_test(test_threads_default),
        cmocka_unit_test(test_flags_of_the_binary),
        cmocka_unit_test(test_nothing_becomes_a_flag),
        cmocka_unit_test(test_paths_are_resolved_inside_the_roots),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_the_command_engine),
        cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_a_command_that_is_only_looked_at),
        cmocka_unit_test(test_what_a_binary_lacks),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
