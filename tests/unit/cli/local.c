/* Commands that need no daemon, and what every command line has. */
#include "harness.h"

#include <string.h>
#include <sys/stat.h>

static void
help_is_everywhere(void **state)
{
    static const char *const commands[] = { "serve",
                                            "status",
                                            "open",
                                            "run",
                                            "ps",
                                            "start",
                                            "stop",
                                            "restart",
                                            "logs",
                                            "profile list",
                                            "profile show",
                                            "profile create",
                                            "profile set",
                                            "profile delete",
                                            "profile duplicate",
                                            "key create",
                                            "key list",
                                            "key revoke",
                                            "config show",
                                            "config check",
                                            "doctor",
                                            "demo-model",
                                            "version" };
    struct harness *h = *state;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char line[64];
        snprintf(line, sizeof line, "%s --help", commands[i]);
        assert_int_equal(harness_run(h, line), 0);
        snprintf(line, sizeof line, "usage: hearth %s", commands[i]);
        assert_contains(h->out, line);
        assert_contains(h->out, "--help");
        assert_string_equal(h->err, "");
        assert_int_equal(harness_run(h, "help"), 0);
        assert_contains(h->out, commands[i]);
    }
    assert_int_equal(harness_run(h, "help exit-codes"), 0);
    assert_contains(h->out, "  3  hearth is not running");
    assert_int_equal(harness_run(h, "profile --help"), 0);
    assert_contains(h->out, "profile duplicate NAME NEW-NAME");
    assert_int_equal(harness_run(h, "help ps"), 0);
    assert_contains(h->out, "--all");
    assert_int_equal(harness_run(h, "help key"), 0);
    assert_contains(h->out, "key revoke ID");
}

static void
slips_are_usage_errors(void **state)
{
    static const char *const rows[][2] = {
        { "", "usage: hearth COMMAND" },
        { "--url x ps", "the command comes first, then --url" },
        { "fly", "there is no command \"fly\"" },
        { "profile", "profile list" },
        { "profile fly", "there is no command \"profile fly\"" },
        { "help fly", "there is no command \"fly\"" },
        { "ps --fly", "there is no option --fly" },
        { "ps -x", "there is no option -x" },
        { "ps --json=1", "takes no value" },
        { "ps extra", "one word too many: extra" },
        { "start", "something is missing; it takes NAME" },
        { "logs x -n", "a value is missing after -n" },
        { "logs x -n few", "\"few\" is not a number from 0 to 2000" },
        { "logs x --level warn", "--level is for Hearth's own log" },
        { "ps --url ftp://x", "is not an address like" },
        { "ps --url http://x:0", "is not an address like" },
        { "ps --url https://x", "https is not spoken here" },
        { "ps --key-file /no/such/file", "--key-file: /no/such/file" },
        { "key create --scope all", "\"all\" is none of admin" },
        { "profile create a b", "\"b\" is not FIELD=VALUE" },
        { "profile create a fly=1", "a profile has no field \"fly\"" },
        { "profile create a port=x", "port: \"x\" is not a number" },
        { "profile create a port=1 port=2", "port is given twice" },
        { "profile create a pinned=2", "pinned: \"2\" is not true or" },
        { "profile create a options={} options.a=1", "whole and in part" },
        { "profile create a command=x", "command: \"x\" is not a JSON" },
        { "demo-model", "something is missing; it takes OUT.gguf" },
        { "demo-model x.gguf", "wants --say" },
    };
    struct harness *h = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int rc = harness_run(h, rows[i][0]);
        if (rc != CLI_USAGE)
            fail_msg("%s: exit code %d: %s", rows[i][0], rc, h->err);
        assert_contains(h->err, rows[i][1]);
        assert_string_equal(h->out, "");
    }
}

static void
without_a_daemon_it_says_how_to_start_one(void **state)
{
    static const char *const lines[] = {
        "status",    "ps",      "start a",      "stop a",
        "restart a", "run a b", "logs a",       "logs",
        "logs -f",   "open",    "profile list", "profile create a port=1",
    };
    struct harness *h = *state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(harness_run(h, lines[i]), CLI_NOT_RUNNING);
        assert_string_equal(
            h->err, "hearth is not running. Start it with: hearth serve\n");
    }
    assert_int_equal(harness_run(h, "ps --url http://127.0.0.1:1"),
                     CLI_NOT_RUNNING);
    assert_contains(h->err, "cannot reach hearth at http://127.0.0.1:1");
}

static void
serve_hands_its_flags_on(void **state)
{
    struct harness *h = *state;
    assert_int_equal(harness_run(h, "serve -p 0 --host=::1 -m a "
                                    "--models-dir b --keep-engines "
                                    "--log-level debug -c /x/h.yaml"),
                     42);
    assert_string_equal(h->out, "config=/x/h.yaml\nport=0\nhost=::1\n"
                                "models_dirs=a\nmodels_dirs=b\n"
                                "keep_engines=true\nlog_level=debug\n");
}

static void
version_is_printed(void **state)
{
    struct harness *h = *state;
    assert_int_equal(harness_run(h, "version"), 0);
    assert_contains(h->out, "hearth ");
    assert_int_equal(harness_run(h, "--version"), 0);
    assert_contains(h->out, "hearth ");
    assert_int_equal(harness_run(h, "version --json"), 0);
    assert_contains(h->out, "{\"version\":\"");
}

static void
the_demo_model_is_whole_or_not_there(void **state)
{
    struct harness *h = *state;
    char line[400];
    struct stat info;
    snprintf(line, sizeof line, "demo-model %s/a.gguf --say 'one two'",
             h->folder);
    assert_int_equal(harness_run(h, line), 0);
    assert_int_equal(stat(harness_path(h, "a.gguf"), &info), 0);
    assert_true(info.st_size > 100000);
    assert_int_equal(harness_run(h, line), CLI_CONFLICT);
    assert_contains(h->err, "is there already; --force replaces it");
    snprintf(line, sizeof line,
             "demo-model %s/a.gguf --say 'one two' --force --type Q4_0",
             h->folder);
    assert_int_equal(harness_run(h, line), 0);
    assert_int_equal(stat(harness_path(h, "a.gguf"), &info), 0);
    assert_true(info.st_size < 100000);

    snprintf(line, sizeof line, "demo-model %s/b.gguf --say 'no no'",
             h->folder);
    assert_int_equal(harness_run(h, line), CLI_USAGE);
    assert_contains(h->err, "--say: the word \"no\" comes twice");
    snprintf(line, sizeof line, "demo-model %s/b.gguf --say a --dim 33",
             h->folder);
    assert_int_equal(harness_run(h, line), CLI_USAGE);
    assert_contains(h->err, "--dim: 33 is no multiple of 32");
    snprintf(line, sizeof line, "demo-model %s/no/b.gguf --say a", h->folder);
    assert_int_equal(harness_run(h, line), CLI_FAILED);
    assert_int_equal(harness_run(h, "doctor --help"), 0);
    assert_int_not_equal(access(harness_path(h, "b.gguf"), F_OK), 0);
}

static void
the_configuration_is_checked(void **state)
{
    static const char *const rows[][2] = {
        { "prot: 1\n", "hearth.yaml line 1: prot: there is no such setting; "
                       "\"port\" may be meant" },
        { "engines:\n  lama-server: {path: x}\n",
          "hearth.yaml line 2: engines: there is no engine \"lama-server\"" },
        { "profiles:\n  - {name: a, engine: nothing}\n",
          "hearth.yaml line 2: profile \"a\": engine: there is no engine" },
        { "profiles:\n  - {name: a, ttl: 3}\n",
          "hearth.yaml line 2: profile \"a\": ttl: neither" },
        { "\nprofiles:\n  - name: a\n    options: {ctx_size: many}\n",
          "hearth.yaml line 3: profile \"a\": options.ctx_size: " },
    };
    struct harness *h = *state;
    assert_int_equal(harness_run(h, "config check"), 0);
    assert_contains(h->out, "there is no hearth.yaml");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        harness_write(h, "hearth/hearth.yaml", rows[i][0]);
        assert_int_equal(harness_run(h, "config check"), CLI_USAGE);
        assert_contains(h->err, rows[i][1]);
        assert_string_equal(h->out, "");
    }
    harness_write(
        h, "hearth/hearth.yaml",
        "port: 7000\nprofiles:\n"
        "  - {name: a, context_length: 9, options: {ctx_size: 512}}\n");
    assert_int_equal(harness_run(h, "config check"), 0);
    assert_contains(h->out, "hearth/hearth.yaml is right");
    assert_int_equal(harness_run(h, "config show"), 0);
    assert_contains(h->out, "7000");
    assert_contains(h->out, "hearth/hearth.yaml line 1");
    assert_contains(h->out, "environment HEARTH_DATA_DIR");
    assert_int_equal(harness_run(h, "config show --json"), 0);
    assert_contains(h->out, "\"port\":{\"value\":7000,\"origin\":\"file\"");
    /* The user's own engines count. */
    mkdir(harness_path(h, "hearth/engines.d"), 0700);
    harness_write(h, "hearth/engines.d/a.json", "{}");
    assert_int_equal(harness_run(h, "config check"), CLI_USAGE);
    assert_contains(h->err, "hearth/engines.d/a.json");
    assert_int_equal(harness_run(h, "doctor"), CLI_FAILED);
    assert_contains(h->out, "hearth/engines.d/a.json");
    harness_write(
        h, "hearth/engines.d/a.json",
        "{\"name\":\"mine\",\"title\":\"Mine\",\"binaries\":[\"mine\"],"
        "\"install_hint\":\"Make it.\",\"version_args\":[],"
        "\"help_args\":[],\"argv\":[\"--port\",\"${port}\"],"
        "\"ready_path\":\"/health\",\"serves\":[\"/v1/*\"],"
        "\"model_field\":\"keep\",\"needs_model\":true,"
        "\"model_ids\":false,\"value_form\":\"separate\","
        "\"slots\":{\"default\":1},\"options\":[],\"errors\":[],"
        "\"stop\":[{\"signal\":\"KILL\",\"wait_ms\":5000}]}");
    harness_write(h, "hearth/hearth.yaml",
                  "engines:\n  mine: {path: /bin/true}\n");
    assert_int_equal(harness_run(h, "config check"), 0);
    harness_write(h, "other.yaml", "port: x\n");
    char line[200];
    snprintf(line, sizeof line, "config check -c %s/other.yaml", h->folder);
    assert_int_equal(harness_run(h, line), CLI_USAGE);
    /* Engines are looked for beside the file in use, nowhere else. */
    harness_write(h, "other.yaml", "engines:\n  mine: {path: /bin/true}\n");
    assert_int_equal(harness_run(h, line), CLI_USAGE);
    assert_contains(h->err, "mine");
    mkdir(harness_path(h, "engines.d"), 0700);
    harness_write(h, "engines.d/b.json", "{}");
    assert_int_equal(harness_run(h, line), CLI_USAGE);
    assert_contains(h->err, "engines.d/b.json");
}

static void
keys_need_no_daemon(void **state)
{
    struct harness *h = *state;
    char id[64], line[128];
    assert_int_equal(harness_run(h, "key list"), 0);
    assert_string_equal(h->out, "There are no keys.\n");
    assert_int_equal(harness_run(h, "key create --name laptop -s read"), 0);
    assert_int_equal(strncmp(h->out, "hk_secret_", 10), 0);
    assert_contains(h->err, "(read)");
    assert_null(strstr(h->err, "hk_secret_"));
    assert_int_equal(sscanf(h->err, "key %63s", id), 1);

    assert_int_equal(harness_run(h, "key list"), 0);
    assert_contains(h->out, id);
    assert_contains(h->out, "laptop");
    assert_contains(h->out, "in force");
    assert_null(strstr(h->out, "hk_secret_"));
    snprintf(line, sizeof line, "key revoke %s", id);
    assert_int_equal(harness_run(h, line), 0);
    assert_int_equal(harness_run(h, "key list --json"), 0);
    assert_contains(h->out, "\"name\":\"laptop\",\"scope\":\"read\"");
    assert_null(strstr(h->out, "\"revoked_at_ms\":null"));
    assert_int_equal(harness_run(h, "key revoke key_none"), CLI_NOT_FOUND);
}

static void
the_doctor_looks_and_changes_nothing(void **state)
{
    struct harness *h = *state;
    harness_run(h, "doctor");
    assert_contains(h->out, "ok    configuration  there is no hearth.yaml");
    assert_contains(h->out, "will be made at the first start");
    assert_contains(h->out, "Start it with: hearth serve");
    assert_int_not_equal(access(harness_path(h, "data"), F_OK), 0);

    harness_write(h, "data/x", "");
    chmod(harness_path(h, "data"), 0755);
    harness_run(h, "doctor");
    assert_contains(h->out, "warn  data folder");
    assert_contains(h->out, "mode 755");
    harness_run(h, "doctor --json");
    assert_contains(h->out, "{\"check\":\"data folder\",\"status\":\"warn\"");
    harness_write(h, "hearth/hearth.yaml",
                  "engines: {vllm: {path: /no/such/vllm}}\n");
    assert_int_equal(harness_run(h, "doctor"), CLI_FAILED);
    assert_contains(h->out, "fail  engine         vllm: /no/such/vllm");
}

int
main(void)
{
#define T(name) \
    cmocka_unit_test_setup_teardown(name, harness_set_up, harness_tear_down)
    const struct CMUnitTest tests[] = {
        T(help_is_everywhere),
        T(slips_are_usage_errors),
        T(without_a_daemon_it_says_how_to_start_one),
        T(serve_hands_its_flags_on),
        T(version_is_printed),
        T(the_demo_model_is_whole_or_not_there),
        T(the_configuration_is_checked),
        T(keys_need_no_daemon),
        T(the_doctor_looks_and_changes_nothing),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
