/* Presets: what may stand in one, what an engine reads of it, and several at
 * once across a crash. */
#include "core/presets/presets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/units.h"
#include "io/timer.h"
#include "platform/tree.h"

struct world {
    char folder[64];
    struct loop loop;
    struct events events;
    struct subscription subscription;
    char heard[256];
    struct engines *engines;
    struct presets *presets;
    struct error answer;
    int n_answers;
    struct timer patience;
};

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct world *w = LIST_ENTRY(subscription, struct world, subscription);
    size_t n = strlen(w->heard);
    snprintf(w->heard + n, sizeof w->heard - n, "%s ", event->subject);
}

/* Nothing outside of /models. */
static int
check_path(void *ctx, const char *path, struct error *error)
{
    (void)ctx;
    return strncmp(path, "/models/", 8) == 0
               ? 0
               : error_set(error, ERR_INVALID, "outside");
}

static void
open_presets(struct world *w)
{
    struct error error;
    const struct presets_options options = { .loop = &w->loop,
                                             .events = &w->events,
                                             .engines = w->engines,
                                             .data_dir = w->folder,
                                             .check_path = check_path };
    if (presets_new(&options, &w->presets, &error) < 0)
        fail_msg("%s", error.message);
}

static int
setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    snprintf(w->folder, sizeof w->folder, "/tmp/hearth-presets-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    assert_int_equal(loop_init(&w->loop, NULL), 0);
    events_init(&w->events);
    events_subscribe(&w->events, &w->subscription, EVENT_ALL, on_event);
    assert_int_equal(engines_new(&w->engines, NULL), 0);
    open_presets(w);
    *state = w;
    return 0;
}

static int
teardown(void **state)
{
    struct world *w = *state;
    presets_free(w->presets);
    engines_free(w->engines);
    loop_close(&w->loop);
    const struct tree_name name = { "/tmp", w->folder + 5 };
    assert_int_equal(tree_remove(&name, NULL), 0);
    free(w);
    return 0;
}

static void
on_impatient(struct timer *timer)
{
    (void)timer;
    fail_msg("no answer came");
}

static void
wait_for(struct world *w, int n)
{
    timer_init(&w->patience, on_impatient);
    timer_start(&w->loop, &w->patience, 10000);
    while (w->n_answers < n)
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    timer_stop(&w->patience);
}

static void
on_done(void *ctx, const struct preset *preset,
        const struct preset_problems *problems, const struct error *error)
{
    struct world *w = ctx;
    (void)preset;
    (void)problems;
    w->n_answers++;
    w->answer = error != NULL ? *error : (struct error){ .code = ERR_OK };
}

static void
on_staged(void *ctx, const struct error *error)
{
    on_done(ctx, NULL, NULL, error);
}

static void
put(struct world *w, const char *name, const char *text)
{
    int n = w->n_answers;
    presets_change(w->presets,
                   &(struct preset_change){ .kind = PRESET_PUT,
                                            .name = str_from(name),
                                            .text = str_from(text) },
                   on_done, w);
    wait_for(w, n + 1);
}

/* "LINE KEY: the message's begin" of the i-th problem. */
static void
assert_problem(const struct preset_problems *problems, size_t i, int line,
               const char *key, const char *says)
{
    assert_true(i < problems->n);
    assert_int_equal(problems->at[i].line, line);
    assert_string_equal(problems->at[i].key, key);
    if (strstr(problems->at[i].message, says) == NULL)
        fail_msg("%s: %s", key, problems->at[i].message);
}

static void
test_the_check(void **state)
{
    struct world *w = *state;
    struct preset_problems problems;
    struct ini *ini = ini_parse(STR("LLAMA_CONFIG_VERSION = 1\n"
                                    "[*]\n"
                                    "ctx-size = 4096\n"
                                    "no-warmup = on\n"
                                    "flash-attn = true\n"
                                    "n-gpu-layers = all\n"
                                    "gpu-layers-x = 1\n"
                                    "temp = hot\n"
                                    "ctx-size = 1\n"
                                    "[m]\n"
                                    "model = /models/a.gguf\n"
                                    "mmproj = /etc/passwd\n"
                                    "model = /x/../models/a.gguf\n"
                                    "load-on-startup = true\n"
                                    "stop-timeout = -1\n"
                                    "alias = -x\n"
                                    "api-key = secret\n"
                                    "port = 1\n"
                                    "lora-scaled = /etc/passwd:0.5\n"
                                    "control-vector-scaled = "
                                    "/models/a.gguf:0.5\n"),
                                NULL);
    presets_check(w->presets, ini, &problems);
    assert_problem(&problems, 0, 9, "", "given twice: before in line 3");
    assert_problem(&problems, 1, 13, "", "given twice: before in line 11");
    assert_problem(&problems, 2, 7, "gpu-layers-x", "may set; is it");
    assert_problem(&problems, 3, 8, "temp", "a number");
    assert_problem(&problems, 4, 12, "mmproj", "model folders");
    assert_problem(&problems, 5, 13, "model", "without . and ..");
    assert_problem(&problems, 6, 15, "stop-timeout", "whole number");
    assert_problem(&problems, 7, 16, "alias", "taken for a flag");
    assert_problem(&problems, 8, 17, "api-key", "Hearth says");
    assert_problem(&problems, 9, 18, "port", "Hearth says");
    assert_problem(&problems, 10, 19, "lora-scaled", "model folders");
    assert_int_equal(problems.n, 11);
    ini_free(ini);
    ini = ini_parse(STR("version = 2\nctx-size = 1\n"), NULL);
    presets_check(w->presets, ini, &problems);
    assert_problem(&problems, 0, 1, "version", "only version 1");
    assert_problem(&problems, 1, 2, "ctx-size", "under [*]");
    ini_free(ini);
}

static void
test_what_the_engine_reads(void **state)
{
    struct world *w = *state;
    struct error error;
    struct strbuf out = STRBUF_INIT(64 * KIB);
    struct ini *ini = ini_parse(STR("LLAMA_CONFIG_VERSION = 1\n; x\n[*]\n"
                                    "  ctx-size=4096 ; y\n[m]\ntemp = 1\n"),
                                NULL);
    struct json_doc *doc =
        json_parse(STR("{\"temp\":0.5,\"ctx_size\":512,\"warmup\":false,"
                       "\"flash_attn\":\"on\",\"no_such\":1}"),
                   NULL);
    assert_int_equal(
        preset_add_options(w->presets, ini, STR("m"), json_root(doc), &error),
        0);
    preset_compose(ini, &out);
    assert_string_equal(strbuf_text(&out),
                        "version = 1\n"
                        "\n[*]\nctx-size = 4096\n"
                        "\n[m]\ntemp = 1\nctx-size = 512\nwarmup = false\n"
                        "flash-attn = on\n");
    json_doc_free(doc);
    doc = json_parse(STR("{\"chat_template\":\"a;b\"}"), NULL);
    assert_int_equal(
        preset_add_options(w->presets, ini, STR("m"), json_root(doc), &error),
        -1);
    assert_string_equal(error.field, "chat_template");
    json_doc_free(doc);
    ini_free(ini);
    strbuf_release(&out);
}

static void
stage(struct world *w, const char *id)
{
    const struct preset_text texts[] = { { STR("a"), STR("[*]\ntemp = 1\n") },
                                         { STR("b.ini"), STR("") } };
    int n = w->n_answers;
    presets_stage(w->presets, texts, 2, id, on_staged, w);
    wait_for(w, n + 1);
    assert_int_equal(w->answer.code, ERR_OK);
}

static void
unstage(struct world *w, const char *id, bool is_taken)
{
    int n = w->n_answers;
    presets_unstage(w->presets, id, is_taken, on_staged, w);
    wait_for(w, n + 1);
    assert_int_equal(w->answer.code, ERR_OK);
}

static void
test_several_at_once(void **state)
{
    struct world *w = *state;
    stage(w, "one");
    assert_int_equal(presets_count(w->presets), 1);
    unstage(w, "one", false);
    assert_int_equal(presets_count(w->presets), 1);
    assert_string_equal(w->heard, "");
    stage(w, "two");
    unstage(w, "two", true);
    assert_int_equal(presets_count(w->presets), 3);
    assert_non_null(presets_get(w->presets, STR("b")));
    assert_string_equal(w->heard, "a b ");
}

/* The program dies with presets beside the folder: the database decides. */
static void
test_a_crash_in_between(void **state)
{
    struct world *w = *state;
    char path[128];
    snprintf(path, sizeof path, "%s/presets-staged", w->folder);
    for (int i = 0; i < 2; i++) {
        stage(w, "one");
        assert_int_equal(access(path, F_OK), 0);
        presets_free(w->presets);
        assert_int_equal(
            presets_recover(w->folder, i == 0 ? "other" : "one", NULL), 0);
        assert_int_equal(access(path, F_OK), -1);
        open_presets(w);
        assert_int_equal(presets_count(w->presets), i == 0 ? 1 : 3);
    }
    assert_int_equal(presets_recover(w->folder, "one", NULL), 0);
}

static void
test_changes_wait_for_each_other(void **state)
{
    struct world *w = *state;
    put(w, "x", "[*]\n");
    struct json_doc *first = json_parse(STR("{\"temp\":1}"), NULL);
    struct json_doc *second = json_parse(STR("{\"top-k\":2}"), NULL);
    struct preset_change change = { .kind = PRESET_CHANGE_SECTION,
                                    .name = STR("x"),
                                    .section = STR("*"),
                                    .values = json_root(first) };
    presets_change(w->presets, &change, on_done, w);
    change.values = json_root(second);
    presets_change(w->presets, &change, on_done, w);
    wait_for(w, 3);
    const struct preset *preset = presets_get(w->presets, STR("x.ini"));
    assert_non_null(ini_find(preset->ini, STR("*"), STR("temp")));
    assert_non_null(ini_find(preset->ini, STR("*"), STR("top-k")));
    json_doc_free(first);
    json_doc_free(second);
    /* Whoever goes leaves nobody without an answer but for one under way. */
    put(w, "bad", "[*]\nnope = 1\n");
    assert_int_equal(w->answer.code, ERR_INVALID);
    assert_null(presets_get(w->presets, STR("bad")));
    presets_change(
        w->presets,
        &(struct preset_change){ .kind = PRESET_DELETE, .name = STR("x") },
        on_done, w);
    presets_change(
        w->presets,
        &(struct preset_change){ .kind = PRESET_DELETE, .name = STR("x") },
        on_done, w);
    presets_free(w->presets);
    w->presets = NULL;
    assert_int_equal(w->answer.code, ERR_UNAVAILABLE);
    wait_for(w, 6);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_the_check),
        TEST(test_what_the_engine_reads),
        TEST(test_several_at_once),
        TEST(test_a_crash_in_between),
        TEST(test_changes_wait_for_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
