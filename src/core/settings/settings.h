/* Settings: one table of rows, five places a value can come from.
 *
 * flag > environment > hearth.yaml > database > default. A key that is set
 * by one of the first three is pinned: changing it over the API is refused
 * (ERR_PINNED) and says who pins it. A bad key or value in any source is an
 * error that names the source ("hearth.yaml line 7", "HEARTH_PORT",
 * "--port"), the key, the value and what was expected. Loop thread only,
 * but for loading, which happens before the loop runs. */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include "core/events/events.h"
#include "formats/json.h"
#include "records/settings.h"

struct settings;
struct store;

/* Borrowed: all of it must outlive the settings. */
struct settings_sources {
    const struct setting_flag *flags;
    size_t n_flags;
    char *const *environment; /* environ */
    const char *file_path;    /* --config: must exist. NULL: HEARTH_CONFIG,
                                * else the default path if it exists */
    bool is_file_required;    /* implied by file_path */
};

/* Reads flags, environment and file (not the database yet). */
int settings_load(const struct settings_sources *sources,
                  struct settings **ret_settings, struct error *error);
/* After the store is closed: nobody is told of changes on their way. */
void settings_free(struct settings *settings);
/* Adds the stored values; from now on changes are stored and published. */
int settings_attach(struct settings *settings, struct store *store,
                    struct events *events, struct error *error);
/* Re-reads the file (on SIGHUP): all or nothing; publishes
 * EVENT_SETTINGS_CHANGED for each key whose value differs. Returns the
 * number of keys that changed but act only after a restart, or -1. */
int settings_reload(struct settings *settings, struct error *error);
/* Those keys: "port, base_path". Good until the next reload. */
const char *settings_waiting(const struct settings *settings);
/* Undoes the last reload, for when what the file says turns out to be bad in
 * a way that settings cannot know of (a profile); publishes the way back. */
void settings_revert(struct settings *settings);
const char *settings_file_path(const struct settings *settings); /* or NULL */

/* Texts and lists are valid until the key is changed over the API, or until
 * the second reload from now; whoever needs one longer copies it. */
bool settings_bool(const struct settings *settings, enum setting_id id);
int64_t settings_int(const struct settings *settings, enum setting_id id);
const char *settings_text(const struct settings *settings,
                          enum setting_id id); /* "" when unset */
size_t settings_list(const struct settings *settings, enum setting_id id,
                     const char *const **ret_texts);
/* `engines.<name>.path`: the configured binary of an engine, or NULL. */
const char *settings_engine_path(const struct settings *settings,
                                 const char *engine);
/* Whether each engine that file or environment gives a path is one of
 * `names` (NULL at the end); an error names the place. */
int settings_check_engines(const struct settings *settings,
                           const char *const *names, struct error *error);
/* The file's `profiles:` as JSON, or NULL when it declares none. */
const struct json *settings_profiles(const struct settings *settings);
/* The line of the i-th of them in the file. */
int settings_profile_line(const struct settings *settings, size_t i);

enum setting_origin settings_origin(const struct settings *settings,
                                    enum setting_id id);
/* "flag --port", "environment HEARTH_PORT", "/etc/hearth.yaml line 3". */
const char *settings_origin_text(const struct settings *settings,
                                 enum setting_id id);

/* Changes stored settings by a JSON object {key: value, ...}: all or
 * nothing; null goes back to the default. ERR_PINNED, ERR_INVALID with the
 * key as field, ERR_FORBIDDEN for keys that decide what is executed or read
 * when `may_execute` is false. `error` is the first of them, every bad key is
 * in `problems`. */
int settings_update(struct settings *settings, const struct json *patch,
                    bool may_execute, struct field_problems *problems,
                    void (*on_done)(void *ctx, const struct error *error),
                    void *ctx, struct error *error);

/* {"port":{"value":7117,"origin":"default","pinned_by":null,...},...};
 * secrets are masked. */
void settings_to_json(const struct settings *settings, struct json_writer *out);

/* {key: value} of those that are stored. Secrets are left out, and told to
 * `on_secret`, unless `with_secrets`. */
void settings_export(const struct settings *settings, bool with_secrets,
                     void (*on_secret)(void *ctx, const char *key), void *ctx,
                     struct json_writer *out);
/* Whether the key is there and has this value in force. */
bool settings_has(const struct settings *settings, struct str key,
                  const struct json *value);

#endif
