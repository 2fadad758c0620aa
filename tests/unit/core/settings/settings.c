/* Settings in force: file, database and changes, with a real store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/units.h"
#include "core/settings/settings.h"
#include "io/timer.h"
#include "store/store.h"

struct world {
    char folder[64], file[96], variable[128];
    char *environment[3];
    struct loop loop;
    struct store *store;
    struct events events;
    struct subscription subscription;
    char heard[256]; /* keys of the events, in order */
    struct settings *settings;
    struct error answer;
    struct field_problems problems; /* of the last update */
    int n_answers;
    struct timer patience;
};

static void
write_file(const struct world *w, const char *text)
{
    FILE *file = fopen(w->file, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct world *w = LIST_ENTRY(subscription, struct world, subscription);
    size_t n = strlen(w->heard);
    assert_int_equal(event->type, EVENT_SETTINGS_CHANGED);
    assert_string_equal(event->subject, event->payload);
    snprintf(w->heard + n, sizeof w->heard - n, "%s ", event->subject);
}

static void
open_settings(struct world *w)
{
    struct error error;
    const struct settings_sources sources = { .file_path = w->file,
                                              .environment = w->environment };
    if (settings_load(&sources, &w->settings, &error) != 0 ||
        settings_attach(w->settings, w->store, &w->events, &error) != 0)
        fail_msg("%s", error.message);
}

static int
set_up(void **state)
{
    struct error error;
    struct world *w = calloc(1, sizeof *w);
    snprintf(w->folder, sizeof w->folder, "/tmp/hearth-settings-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->file, sizeof w->file, "%s/hearth.yaml", w->folder);
    snprintf(w->variable, sizeof w->variable, "HEARTH_PORT=1234");
    w->environment[0] = w->variable;
    write_file(w, "models_max: 2\n");
    assert_int_equal(loop_init(&w->loop, &error), 0);
    if (store_open(&w->loop, w->folder, "a test", &w->store, &error) != 0)
        fail_msg("%s", error.message);
    events_init(&w->events);
    events_subscribe(&w->events, &w->subscription, EVENT_ALL, on_event);
    open_settings(w);
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;
    char command[128];
    store_close(w->store);
    settings_free(w->settings);
    loop_close(&w->loop);
    static const char *const names[] = { "hearth.yaml",   "hearth.db",
                                         "hearth.db-wal", "hearth.db-shm",
                                         "hearth.lock",   "lock" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(command, sizeof command, "%s/%s", w->folder, names[i]);
        remove(command);
    }
    assert_int_equal(remove(w->folder), 0);
    free(w);
    return 0;
}

static void
on_updated(void *ctx, const struct error *error)
{
    struct world *w = ctx;
    w->n_answers++;
    w->answer = error == NULL ? (struct error){ 0 } : *error;
    loop_stop(&w->loop);
}

static void
on_patience_end(struct timer *timer)
{
    loop_stop(&LIST_ENTRY(timer, struct world, patience)->loop);
}

/* The answer's code; ERR_OK when it was stored. */
static enum error_code
update(struct world *w, const char *patch, bool may_execute,
       struct error *error)
{
    struct error parse;
    struct json_doc *doc = json_parse(str_from(patch), &parse);
    assert_non_null(doc);
    w->heard[0] = '\0';
    *error = (struct error){ 0 };
    int rc = settings_update(w->settings, json_root(doc), may_execute,
                             &w->problems, on_updated, w, error);
    json_doc_free(doc);
    if (rc != 0)
        return error->code;
    timer_init(&w->patience, on_patience_end);
    assert_int_equal(timer_start(&w->loop, &w->patience, 10 * SECOND_MS), 0);
    w->n_answers = 0;
    loop_run(&w->loop);
    timer_stop(&w->patience);
    assert_int_equal(w->n_answers, 1);
    *error = w->answer;
    return w->answer.code;
}

static void
changes_are_stored_and_told(void **state)
{
    struct world *w = *state;
    struct error error;
    const char *const *names;
    assert_int_equal(update(w,
                            "{\"drain_after_ms\":9,\"preload\":[\"a\"],"
                            "\"keep_engines\":false}",
                            false, &error),
                     ERR_OK);
    assert_string_equal(w->heard, "drain_after_ms preload ");
    assert_int_equal(settings_int(w->settings, SETTING_ID_DRAIN_AFTER_MS), 9);
    assert_int_equal(settings_origin(w->settings, SETTING_ID_DRAIN_AFTER_MS),
                     ORIGIN_DATABASE);
    assert_string_equal(
        settings_origin_text(w->settings, SETTING_ID_DRAIN_AFTER_MS),
        "database");

    settings_free(w->settings); /* as after a restart */
    open_settings(w);
    assert_int_equal(settings_int(w->settings, SETTING_ID_DRAIN_AFTER_MS), 9);
    assert_int_equal(settings_list(w->settings, SETTING_ID_PRELOAD, &names), 1);
    assert_string_equal(names[0], "a");
    assert_int_equal(update(w, "{\"drain_after_ms\":null}", false, &error),
                     ERR_OK);
    assert_string_equal(w->heard, "drain_after_ms ");
    assert_int_equal(settings_int(w->settings, SETTING_ID_DRAIN_AFTER_MS),
                     5000);
    assert_int_equal(settings_origin(w->settings, SETTING_ID_DRAIN_AFTER_MS),
                     ORIGIN_DEFAULT);
}

static void
what_may_not_change_says_why(void **state)
{
    static const struct {
        const char *patch;
        bool may_execute;
        enum error_code code;
        const char *field, *message;
    } rows[] = {
        { "{\"models_max\":5}", true, ERR_PINNED, "models_max",
          "hearth.yaml line 1" },
        { "{\"port\":5}", true, ERR_PINNED, "port", "environment HEARTH_PORT" },
        { "{\"host\":\"::\"}", true, ERR_INVALID, "host", "hearth.yaml" },
        { "{\"models_dirs\":[\"/x\"]}", false, ERR_FORBIDDEN, "models_dirs",
          "admin key" },
        { "{\"models_dirs\":[\"x\"]}", true, ERR_INVALID, "models_dirs",
          "absolute" },
        { "{\"drain_after_ms\":\"9\"}", true, ERR_INVALID, "drain_after_ms",
          "is not a whole number" },
        { "{\"nothing\":1}", true, ERR_INVALID, "nothing", "no such" },
        { "{\"drain_after_ms\":7,\"log_level\":\"x\"}", true, ERR_INVALID,
          "log_level", "one of debug" },
        { "{}", true, ERR_INVALID, "", "object" },
        { "[]", true, ERR_INVALID, "", "object" },
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error error;
        assert_int_equal(update(w, rows[i].patch, rows[i].may_execute, &error),
                         rows[i].code);
        assert_string_equal(error.field, rows[i].field);
        if (strstr(error.message, rows[i].message) == NULL)
            fail_msg("row %zu says \"%s\"", i, error.message);
        assert_string_equal(w->heard, "");
    }
    assert_int_equal(settings_int(w->settings, SETTING_ID_DRAIN_AFTER_MS),
                     5000);
}

static void
every_bad_key_is_named(void **state)
{
    struct world *w = *state;
    struct error error;
    assert_int_equal(update(w,
                            "{\"log_level\":\"x\",\"drain_after_ms\":7,"
                            "\"models_max\":5,\"nothing\":1}",
                            true, &error),
                     ERR_INVALID);
    assert_string_equal(error.field, "log_level");
    assert_int_equal(w->problems.n, 3);
    assert_string_equal(w->problems.at[0].field, "log_level");
    assert_string_equal(w->problems.at[1].field, "models_max");
    assert_string_equal(w->problems.at[2].field, "nothing");
    assert_non_null(strstr(w->problems.at[2].message, "no such setting"));
    /* Who may not touch a key is not told what else is wrong. */
    assert_int_equal(
        update(w, "{\"nothing\":1,\"models_dirs\":[\"/x\"]}", false, &error),
        ERR_FORBIDDEN);
    assert_int_equal(w->problems.n, 0);
    assert_int_equal(settings_int(w->settings, SETTING_ID_DRAIN_AFTER_MS),
                     5000);
}

static void
a_reload_touches_what_changed(void **state)
{
    struct world *w = *state;
    struct error error;
    assert_int_equal(update(w, "{\"log_level\":\"warn\"}", true, &error),
                     ERR_OK);
    write_file(w, "models_max: 3\nport: 99\nlog_level: warn\n"
                  "rate_limit_per_s: 5\nprofiles: [{name: a}]\n"
                  "engines: {vllm: {path: /v}}\n");
    w->heard[0] = '\0';
    /* The port is pinned by the environment, the level was warn before. */
    assert_int_equal(settings_reload(w->settings, &error), 1);
    assert_string_equal(settings_waiting(w->settings), "rate_limit_per_s");
    assert_string_equal(w->heard, "models_max rate_limit_per_s engines ");
    assert_int_equal(settings_int(w->settings, SETTING_ID_MODELS_MAX), 3);
    assert_int_equal(settings_int(w->settings, SETTING_ID_PORT), 1234);
    assert_int_equal(settings_origin(w->settings, SETTING_ID_LOG_LEVEL),
                     ORIGIN_FILE);
    assert_string_equal(settings_engine_path(w->settings, "vllm"), "/v");
    assert_int_equal(json_count(settings_profiles(w->settings)), 1);
    assert_int_equal(settings_profile_line(w->settings, 0), 5);

    /* Without the line, the stored value is back in force. */
    write_file(w, "models_max: 3\nrate_limit_per_s: 5\n");
    w->heard[0] = '\0';
    assert_int_equal(settings_reload(w->settings, &error), 0);
    assert_string_equal(settings_waiting(w->settings), "");
    assert_string_equal(w->heard, "engines ");
    assert_string_equal(settings_text(w->settings, SETTING_ID_LOG_LEVEL),
                        "warn");
    assert_null(settings_profiles(w->settings));
    write_file(w, "rate_limit_per_s: 6\nport_start: 2000\n");
    assert_int_equal(settings_reload(w->settings, &error), 2);
    assert_string_equal(settings_waiting(w->settings),
                        "port_start, rate_limit_per_s");
}

static void
a_reload_can_be_undone(void **state)
{
    struct world *w = *state;
    struct error error;
    const char *path = settings_file_path(w->settings);
    settings_revert(w->settings); /* of nothing */
    write_file(w, "models_max: 7\nengines: {vllm: {path: /v}}\n");
    assert_int_equal(settings_reload(w->settings, &error), 0);
    assert_string_equal(path, w->file); /* still valid */
    w->heard[0] = '\0';
    settings_revert(w->settings);
    assert_string_equal(w->heard, "models_max engines ");
    assert_int_equal(settings_int(w->settings, SETTING_ID_MODELS_MAX), 2);
    assert_null(settings_engine_path(w->settings, "vllm"));
    assert_int_equal(settings_reload(w->settings, &error), 0);
    assert_int_equal(settings_int(w->settings, SETTING_ID_MODELS_MAX), 7);
}

static void
a_bad_file_changes_nothing(void **state)
{
    struct world *w = *state;
    struct error error;
    write_file(w, "models_max: 7\nport: x\n");
    assert_int_equal(settings_reload(w->settings, &error), -1);
    assert_non_null(strstr(error.message, "hearth.yaml line 2: port: \"x\""));
    assert_string_equal(w->heard, "");
    assert_int_equal(settings_int(w->settings, SETTING_ID_MODELS_MAX), 2);
    assert_int_equal(remove(w->file), 0);
    assert_int_equal(settings_reload(w->settings, &error), -1);
    assert_int_equal(settings_int(w->settings, SETTING_ID_MODELS_MAX), 2);
}

static void
all_of_it_is_shown(void **state)
{
    struct world *w = *state;
    struct strbuf out = STRBUF_INIT(64 * KIB);
    struct json_writer writer;
    struct error error;
    json_writer_init(&writer, &out);
    settings_to_json(w->settings, &writer);
    struct json_doc *doc = json_parse(strbuf_view(&out), &error);
    assert_non_null(doc);
    assert_int_equal(json_count(json_root(doc)), SETTING_COUNT);
    const struct json *port = json_get(json_root(doc), "port");
    struct str text;
    int64_t number;
    assert_true(json_as_int(json_get(port, "value"), &number));
    assert_int_equal(number, 1234);
    assert_true(json_as_text(json_get(port, "pinned_by"), &text));
    assert_true(str_is(text, "environment HEARTH_PORT"));
    const struct json *level = json_get(json_root(doc), "log_level");
    assert_int_equal(json_type(json_get(level, "pinned_by")), JSON_NULL);
    assert_int_equal(json_count(json_get(level, "choices")), 4);
    json_doc_free(doc);
    strbuf_release(&out);
}

static int put_done_count;

static void
on_put(void *ctx, const struct error *error)
{
    assert_null(error);
    put_done_count++;
}

static void
a_bad_stored_value_is_named(void **state)
{
    struct world *w = *state;
    struct error error;
    struct settings *second;
    const struct settings_sources sources = { .file_path = w->file };
    put_done_count = 0;
    store_put_setting(w->store, "port_start", "\"x\"", on_put, NULL);
    store_put_setting(w->store, "of_another_version", "1", on_put, NULL);
    assert_int_equal(store_wait(w->store, &error), 0);
    assert_int_equal(settings_load(&sources, &second, &error), 0);
    assert_int_equal(settings_attach(second, w->store, &w->events, &error), -1);
    assert_non_null(strstr(error.message, "database: port_start: \"x\""));
    settings_free(second);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(changes_are_stored_and_told),   T(what_may_not_change_says_why),
        T(a_reload_touches_what_changed), T(a_bad_file_changes_nothing),
        T(a_reload_can_be_undone),        T(all_of_it_is_shown),
        T(a_bad_stored_value_is_named),   T(every_bad_key_is_named),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
