#include "fixture.h"

static const char *const *
flags_in(const char *help, struct arena *arena)
{
    const char *const *flags = NULL;
    struct error error;
    arena_init(arena, 1 << 20);
    if (engine_parse_help(str_from(help), arena, &flags, &error) < 0)
        fail_msg("%s", error.message);
    return flags;
}

static void
assert_flags(const char *help, const char *expected)
{
    struct arena arena;
    const char *const *flags = flags_in(help, &arena);
    char joined[512] = "";
    size_t n = 0;
    for (; *flags != NULL; flags++)
        n += (size_t)snprintf(joined + n, sizeof joined - n, "%s%s",
                              n == 0 ? "" : " ", *flags);
    assert_string_equal(joined, expected);
    arena_release(&arena);
}

static void
test_reads_definitions_only(void **state)
{
    assert_flags("-t,    --threads N       threads, see --other\n"
                 "                         not --prose either\n"
                 "                         - none: no\n"
                 "                         -1 = all\n",
                 "--threads -t");
    assert_flags("-h,    --help, --usage   text\n", "--help --usage -h");
    assert_flags("-kvo,  --kv-offload, -nkvo, --no-kv-offload\n"
                 "                         text\n",
                 "--kv-offload --no-kv-offload -kvo -nkvo");
    assert_flags("--spec-model, -md, --model-draft FNAME\n",
                 "--model-draft --spec-model -md");
    assert_flags("--lora-scaled FNAME:SCALE,...  text\n", "--lora-scaled");
    assert_flags("--cpu-strict <0|1>  text\n", "--cpu-strict");
    assert_flags("-fa,   --flash-attn [on|off|auto]  text\n",
                 "--flash-attn -fa");
}

static void
test_reads_other_printers(void **state)
{
    /* argparse, with the value repeated, and an option of both kinds */
    assert_flags("usage: x [-h] [--nothing N]\n"
                 "  -q QUANT, --quantization QUANT\n"
                 "                        text with --prose\n"
                 "  --on, --no-on         text\n",
                 "--no-on --on --quantization -q");
    /* click */
    assert_flags("Options:\n"
                 "  --model-type [lm|whisper]  text\n"
                 "  --cache / --no-cache       text\n"
                 "  --debug                    text\n",
                 "--cache --debug --model-type --no-cache");
    /* whisper.cpp */
    assert_flags("  -on N,     --offset-n N        [0  ] text\n"
                 "  -dtw MODEL --dtw MODEL         [   ] text\n"
                 "  --host HOST,                   [x  ] text\n"
                 "  -vspd N,   --vad-least  N      [250] text\n",
                 "--dtw --host --offset-n --vad-least -dtw -on -vspd");
}

static void
test_leaves_out_what_was_removed(void **state)
{
    assert_flags("--draft, --draft-max N  the argument has been removed. use "
                 "--other\n--kept N  text\n--kept N  again\n",
                 "--kept");
}

static void
test_refuses_what_is_no_help(void **state)
{
    static const char *const texts[] = { "", "no such command\n", "- a\n--\n",
                                         "-1\n" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct arena arena;
        struct error error;
        const char *const *flags;
        arena_init(&arena, 1 << 20);
        assert_int_equal(
            engine_parse_help(str_from(texts[i]), &arena, &flags, &error), -1);
        assert_non_null(strstr(error.message, "no options found"));
        arena_release(&arena);
    }
}

static void
test_finds_versions(void **state)
{
    static const struct {
        const char *text, *version;
    } rows[] = {
        { "version: 0.7.0 (build 11669, commit Debian)\n"
          "built with GNU 16.2.0 for Linux x86_64\n",
          "0.7.0" },
        { "version: 4321 (abcdef0)\n", "4321" },
        { "\n== server ==\nVersion: 1.0.1\n", "1.0.1" },
        { "0.11.2\n", "0.11.2" },
        { "vllm v0.11.2rc1+cu129\n", "0.11.2rc1+cu129" },
        { "INFO 07-01 loaded\nvllm version 0.9.1\n", "0.9.1" },
        { "no number here", "" },
        { "", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena arena;
        const char *version = NULL;
        arena_init(&arena, 4096);
        assert_int_equal(
            engine_parse_version(str_from(rows[i].text), &arena, &version), 0);
        assert_string_equal(version, rows[i].version);
        arena_release(&arena);
    }
}

static bool
has(const char *const *flags, const char *flag)
{
    for (; *flags != NULL; flags++)
        if (strcmp(*flags, flag) == 0)
            return true;
    return false;
}

/* Every flag that a manifest would pass is one that the engine documents. */
static void
check_manifest(const struct engine_manifest *manifest, const char *fixture)
{
    struct arena arena;
    char *help = fixture_read(fixture, "help");
    const char *const *flags = flags_in(help, &arena);
    for (size_t i = 0; i < manifest->n_options; i++) {
        const struct engine_option *option = &manifest->options[i];
        if (option->flag != NULL && !has(flags, option->flag))
            fail_msg("%s has no %s", fixture, option->flag);
        if (option->flag_off != NULL && !has(flags, option->flag_off))
            fail_msg("%s has no %s", fixture, option->flag_off);
    }
    for (const char *const *at = manifest->argv; *at != NULL; at++) {
        const char *text = **at == '?' ? *at + 1 : *at;
        struct str rest = str_from(text);
        struct str flag = str_split(&rest, '=');
        char name[64];
        snprintf(name, sizeof name, "%.*s", STR_ARG(flag));
        if (name[0] == '-' && !has(flags, name))
            fail_msg("%s has no %s", fixture, name);
    }
    arena_release(&arena);
    free(help);
}

static void
test_manifests_use_documented_flags(void **state)
{
    struct engines *engines = fixture_engines();
    for (size_t i = 0; i < engines_count(engines); i++) {
        const struct engine_manifest *manifest = engines_at(engines, i);
        if (manifest->binaries[0] != NULL)
            check_manifest(manifest, manifest->is_router ? "llama-server"
                                                         : manifest->name);
    }
    engines_free(engines);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_definitions_only),
        cmocka_unit_test(test_reads_other_printers),
        cmocka_unit_test(test_leaves_out_what_was_removed),
        cmocka_unit_test(test_refuses_what_is_no_help),
        cmocka_unit_test(test_finds_versions),
        cmocka_unit_test(test_manifests_use_documented_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
