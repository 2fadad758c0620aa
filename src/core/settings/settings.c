/* Settings in force: see settings.h.
 *
 * Two layers: `config` holds what flags, environment and file say, and the
 * defaults; `stored` holds what the database says. A stored value counts
 * only where config has no better one. Each stored value has its own memory,
 * so that it can be replaced alone. */
#include "core/settings/settings.h"

#include <stdlib.h>

#include "base/units.h"
#include "core/settings/settings_internal.h"
#include "platform/file.h"
#include "platform/system.h"

static const struct config_machine our_machine = {
    .read_file = file_read,
    .config_folder = system_config_folder,
    .data_folder = system_data_folder,
};

static int
load_config(const struct settings *settings, struct config **ret_config,
            struct error *error)
{
    char *here = realpath(".", NULL);
    const struct config_sources sources = {
        .machine = &our_machine,
        .flags = settings->sources.flags,
        .n_flags = settings->sources.n_flags,
        .environment = settings->sources.environment,
        .file_path = settings->sources.file_path,
        .working_folder = here == NULL ? "" : here,
    };
    int rc = config_load(&sources, ret_config, error);
    free(here);
    return rc;
}

int
settings_load(const struct settings_sources *sources,
              struct settings **ret_settings, struct error *error)
{
    struct settings *settings = calloc(1, sizeof *settings);
    *ret_settings = NULL;
    if (settings == NULL)
        return error_set(error, ERR_NO_MEMORY, "no memory for the settings");
    settings->sources = *sources;
    list_init(&settings->changes);
    for (int id = 0; id < SETTING_COUNT; id++)
        arena_init(&settings->stored[id].memory, STORED_VALUE_BYTES);
    if (load_config(settings, &settings->config, error) != 0) {
        settings_free(settings);
        return -1;
    }
    *ret_settings = settings;
    return 0;
}

void
settings_free(struct settings *settings)
{
    if (settings == NULL)
        return;
    settings_drop_changes(settings);
    for (int id = 0; id < SETTING_COUNT; id++)
        arena_release(&settings->stored[id].memory);
    config_free(settings->before);
    config_free(settings->config);
    free(settings);
}

/* ---- the database ---- */

struct loading {
    struct settings *settings;
    struct error error;
};

/* A key that no row has is from another version of the program: left alone. */
static int
load_stored(void *ctx, const char *key, const char *text)
{
    struct loading *loading = ctx;
    struct error inner = { 0 };
    enum setting_id id = setting_find(str_from(key));
    if (id == SETTING_COUNT)
        return 0;
    struct stored_value *stored = &loading->settings->stored[id];
    struct json_doc *doc = json_parse(str_from(text), &inner);
    int rc = -1;
    if (doc != NULL)
        rc = setting_value_from_json(&setting_rows[id], json_root(doc),
                                     &stored->memory, &stored->value, &inner);
    json_doc_free(doc);
    stored->is_set = rc == 0;
    if (rc != 0)
        error_set(&loading->error, inner.code, "database: %s: %s", key,
                  inner.message);
    return rc;
}

int
settings_attach(struct settings *settings, struct store *store,
                struct events *events, struct error *error)
{
    struct loading loading = { .settings = settings };
    if (store_load_settings(store, load_stored, &loading, error) != 0) {
        if (loading.error.code != ERR_OK && error != NULL)
            *error = loading.error;
        return -1;
    }
    settings->store = store;
    settings->events = events;
    return 0;
}

/* ---- values ---- */

static bool
is_stored_in_force(const struct settings *settings, enum setting_id id)
{
    return settings->stored[id].is_set &&
           config_get(settings->config, id)->origin < ORIGIN_DATABASE;
}

const struct setting_value *
settings_value(const struct settings *settings, enum setting_id id)
{
    return is_stored_in_force(settings, id)
               ? &settings->stored[id].value
               : &config_get(settings->config, id)->value;
}

bool
settings_bool(const struct settings *settings, enum setting_id id)
{
    return settings_value(settings, id)->number != 0;
}

int64_t
settings_int(const struct settings *settings, enum setting_id id)
{
    return settings_value(settings, id)->number;
}

const char *
settings_text(const struct settings *settings, enum setting_id id)
{
    return settings_value(settings, id)->text;
}

size_t
settings_list(const struct settings *settings, enum setting_id id,
              const char *const **ret_texts)
{
    const struct setting_value *value = settings_value(settings, id);
    *ret_texts = value->items;
    return value->n_items;
}

const char *
settings_engine_path(const struct settings *settings, const char *engine)
{
    return config_engine_path(settings->config, engine);
}

int
settings_check_engines(const struct settings *settings,
                       const char *const *names, struct error *error)
{
    return config_check_engines(settings->config, names, error);
}

const struct json *
settings_profiles(const struct settings *settings)
{
    return config_profiles(settings->config);
}

int
settings_profile_line(const struct settings *settings, size_t i)
{
    return config_profile_line(settings->config, i);
}

const char *
settings_file_path(const struct settings *settings)
{
    return config_file_path(settings->config);
}

enum setting_origin
settings_origin(const struct settings *settings, enum setting_id id)
{
    return is_stored_in_force(settings, id)
               ? ORIGIN_DATABASE
               : config_get(settings->config, id)->origin;
}

const char *
settings_origin_text(const struct settings *settings, enum setting_id id)
{
    return is_stored_in_force(settings, id)
               ? "database"
               : config_get(settings->config, id)->where;
}

/* ---- reload ---- */

static bool
differs(const struct settings *settings, const struct config *before,
        enum setting_id id)
{
    const struct config_entry *old = config_get(before, id);
    const struct setting_value *value = &old->value;
    if (settings->stored[id].is_set && old->origin < ORIGIN_DATABASE)
        value = &settings->stored[id].value;
    return !setting_value_eq(&setting_rows[id], value,
                             settings_value(settings, id));
}

/* Every engine that either of the two names. */
static bool
engines_differ(const struct config *a, const struct config *b)
{
    int line;
    const char *name;
    for (size_t i = 0; (name = config_engine_at(a, i, &line)) != NULL; i++) {
        const char *there = config_engine_path(b, name);
        if (there == NULL || strcmp(there, config_engine_path(a, name)) != 0)
            return true;
    }
    return false;
}

static void
publish(const struct settings *settings, const char *key)
{
    if (settings->events != NULL)
        events_publish(settings->events, EVENT_SETTINGS_CHANGED, key, key);
}

/* Tells what differs between `before` and what is in force now. */
static int
publish_changes(struct settings *settings, const struct config *before)
{
    int n_waiting = 0;
    size_t n = 0;
    settings->waiting[0] = '\0';
    for (int id = 0; id < SETTING_COUNT; id++) {
        if (!differs(settings, before, (enum setting_id)id))
            continue;
        if ((setting_rows[id].flags & SETTING_RESTART) != 0 &&
            n < sizeof settings->waiting)
            n += (size_t)snprintf(
                settings->waiting + n, sizeof settings->waiting - n, "%s%s",
                n_waiting++ == 0 ? "" : ", ", setting_rows[id].key);
        publish(settings, setting_rows[id].key);
    }
    if (engines_differ(before, settings->config) ||
        engines_differ(settings->config, before))
        publish(settings, "engines");
    return n_waiting;
}

int
settings_reload(struct settings *settings, struct error *error)
{
    struct config *after;
    if (load_config(settings, &after, error) != 0)
        return -1;
    config_free(settings->before);
    settings->before = settings->config;
    settings->config = after;
    return publish_changes(settings, settings->before);
}

const char *
settings_waiting(const struct settings *settings)
{
    return settings->waiting;
}

void
settings_revert(struct settings *settings)
{
    struct config *rejected = settings->config;
    if (settings->before == NULL)
        return;
    settings->config = settings->before;
    settings->before = rejected;
    publish_changes(settings, rejected);
}

/* ---- to JSON ---- */

static const char *
type_name(enum setting_type type)
{
    static const char *const names[] = {
        [SETTING_BOOL] = "bool",     [SETTING_INT] = "int",
        [SETTING_TEXT] = "text",     [SETTING_PATH] = "path",
        [SETTING_CHOICE] = "choice", [SETTING_LIST] = "list",
        [SETTING_PATHS] = "paths",   [SETTING_HOURS] = "hours",
    };
    return names[type];
}

static void
row_to_json(const struct settings *settings, enum setting_id id,
            struct json_writer *out)
{
    const struct setting_row *row = &setting_rows[id];
    struct str choices = str_from(row->choices);
    bool is_pinned = settings_origin(settings, id) > ORIGIN_DATABASE;
    json_key(out, row->key);
    json_object_begin(out);
    json_key(out, "value");
    setting_value_to_json(row, settings_value(settings, id), out);
    json_key(out, "origin");
    json_text(out, setting_origin_name(settings_origin(settings, id)));
    json_key(out, "pinned_by");
    json_text(out, is_pinned ? settings_origin_text(settings, id) : NULL);
    json_key(out, "type");
    json_text(out, type_name(row->type));
    if (row->type == SETTING_INT) {
        json_key(out, "min");
        json_int(out, row->min);
        json_key(out, "max");
        json_int(out, row->max);
    }
    if (choices.n > 0) {
        json_key(out, "choices");
        json_array_begin(out);
        while (choices.p != NULL)
            json_str(out, str_split(&choices, '|'));
        json_array_end(out);
    }
    json_key(out, "needs_restart");
    json_bool(out, (row->flags & SETTING_RESTART) != 0);
    json_key(out, "is_editable");
    json_bool(out, !is_pinned && (row->flags & SETTING_FILE_ONLY) == 0);
    json_key(out, "help");
    json_text(out, row->help);
    json_object_end(out);
}

void
settings_to_json(const struct settings *settings, struct json_writer *out)
{
    json_object_begin(out);
    for (int id = 0; id < SETTING_COUNT; id++)
        row_to_json(settings, (enum setting_id)id, out);
    json_object_end(out);
}
