/* POST /api/config/import: settings, profiles and presets of a document that
 * config_export.c wrote.
 *
 * It has the stored settings, the stored profiles with their aliases, and the
 * presets; not what flags, environment or hearth.yaml say, which belongs to
 * the machine. An import adds and changes, it never removes; what the document
 * says was left out of it, secrets, stays as it is here. It is checked as
 * a whole first: everything is done up to the point of storing it, and taken
 * back; that is all a dry run does. Then settings and profiles are stored in
 * one transaction, which also says that the presets, by then on disk beside
 * their folder, are to be taken over. */
#include <stdlib.h>

#include "api/handlers.h"
#include "core/presets/presets.h"

enum { DOCUMENT_BYTES = 32 * MIB };

/* ---- import: what it comes to ---- */

enum change_action { ACTION_NONE, ACTION_CREATE, ACTION_UPDATE };

struct import {
    struct call *call;
    size_t n_profiles;
    enum change_action *profiles; /* one for each of the document */
    struct json_doc **completed;  /* the same; NULL: as it is given */
    struct preset_text *presets;  /* those that differ */
    size_t n_presets;
    struct strbuf settings; /* a patch of those that differ */
    size_t n_settings;
    char id[ID_BYTES];
    /* storing */
    bool is_trial;
    size_t n_waiting;
    struct error error;
};

static const struct json *
part(const struct import *import, const char *name)
{
    return json_get(import->call->input, name);
}

static struct str
name_of(const struct json *profile)
{
    struct str name = STR("");
    json_as_text(json_get(profile, "name"), &name);
    return name;
}

/* The stored profile of that very name, or NULL. */
static struct profile *
find_profile(const struct import *import, struct str name)
{
    struct profile *profile =
        profiles_resolve(import->call->api->options.profiles, name);
    return profile != NULL && str_is(name, profile->name) &&
                   profile->source == PROFILE_SOURCE_DATABASE
               ? profile
               : NULL;
}

static bool
is_same_json(const struct json *a, const struct json *b)
{
    char *text = json_to_text(a), *other = json_to_text(b);
    bool is_same = text != NULL && other != NULL && strcmp(text, other) == 0;
    free(text);
    free(other);
    return is_same;
}

/* Whether each field that is given has that value already; what is not given
 * stays as it is. */
static bool
profile_has(struct api *api, const struct profile *profile,
            const struct json *fields)
{
    struct strbuf text = STRBUF_INIT(8 * MIB);
    struct json_writer w;
    struct json_iter iter;
    json_writer_init(&w, &text);
    profile_to_json(api->options.engines, profile, true, &w);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    bool has_all = doc != NULL;
    for (json_iter_init(&iter, fields); has_all && json_iter_next(&iter);)
        has_all =
            is_same_json(iter.value, json_get_str(json_root(doc), iter.key));
    json_doc_free(doc);
    strbuf_release(&text);
    return has_all;
}

/* ---- import: what was left out ---- */

static bool
is_left_out(const struct import *import, const struct profile *profile,
            const char *field, struct str key)
{
    char name[CONFIG_LEFT_OUT_BYTES];
    const struct json *names = part(import, "left_out");
    config_left_out_name(name, profile->name, field, key);
    for (size_t i = 0; i < json_count(names); i++) {
        struct str text;
        if (json_as_text(json_at(names, i), &text) && str_is(text, name))
            return true;
    }
    return false;
}

/* The members that are given, and of the stored ones those that were left
 * out. */
static size_t
write_completed(const struct import *import, const struct profile *profile,
                const char *field, const struct json *given,
                struct json_writer *w)
{
    bool is_env = strcmp(field, "env") == 0;
    const char *text = is_env ? profile->env_json : profile->options_json;
    struct json_doc *stored = json_parse(str_from(text), NULL);
    struct json_iter iter;
    size_t n_kept = 0;
    json_object_begin(w);
    for (json_iter_init(&iter, json_root(stored)); json_iter_next(&iter);) {
        const struct json *value = json_get_str(given, iter.key);
        bool is_kept =
            value == NULL && is_left_out(import, profile, field, iter.key);
        if (value == NULL && !is_kept)
            continue;
        json_key_str(w, iter.key);
        json_value(w, is_kept ? iter.value : value);
        n_kept += is_kept;
    }
    for (json_iter_init(&iter, given); json_iter_next(&iter);)
        if (json_get_str(json_root(stored), iter.key) == NULL) {
            json_key_str(w, iter.key);
            json_value(w, iter.value);
        }
    json_object_end(w);
    json_doc_free(stored);
    return n_kept;
}

/* 0, or -1: there is not enough memory. */
static int
complete_profile(struct import *import, size_t i)
{
    const struct json *given = json_at(part(import, "profiles"), i);
    const struct profile *profile = find_profile(import, name_of(given));
    struct strbuf text = STRBUF_INIT(DOCUMENT_BYTES);
    struct json_writer w;
    struct json_iter iter;
    size_t n_kept = 0;
    if (profile == NULL)
        return 0;
    json_writer_init(&w, &text);
    json_object_begin(&w);
    for (json_iter_init(&iter, given); json_iter_next(&iter);) {
        bool is_env = str_is(iter.key, "env");
        json_key_str(&w, iter.key);
        if (json_type(iter.value) == JSON_OBJECT &&
            (is_env || str_is(iter.key, "options")))
            n_kept += write_completed(
                import, profile, is_env ? "env" : "options", iter.value, &w);
        else
            json_value(&w, iter.value);
    }
    json_object_end(&w);
    if (n_kept > 0)
        import->completed[i] = json_parse(strbuf_view(&text), NULL);
    bool has_failed = n_kept > 0 && import->completed[i] == NULL;
    strbuf_release(&text);
    return has_failed ? -1 : 0;
}

static int
complete_profiles(struct import *import)
{
    if (json_count(part(import, "left_out")) == 0)
        return 0;
    for (size_t i = 0; i < import->n_profiles; i++)
        if (complete_profile(import, i) < 0)
            return -1;
    return 0;
}

static const struct json *
given_profile(const struct import *import, size_t i)
{
    return import->completed[i] != NULL ? json_root(import->completed[i])
                                        : json_at(part(import, "profiles"), i);
}

/* ---- import: what differs ---- */

static void
compare_settings(struct import *import)
{
    struct json_iter iter;
    struct json_writer w;
    json_writer_init(&w, &import->settings);
    json_object_begin(&w);
    if (part(import, "settings") != NULL)
        for (json_iter_init(&iter, part(import, "settings"));
             json_iter_next(&iter);)
            if (!settings_has(import->call->api->options.settings, iter.key,
                              iter.value)) {
                json_key_str(&w, iter.key);
                json_value(&w, iter.value);
                import->n_settings++;
            }
    json_object_end(&w);
}

static void
compare_profiles(struct import *import)
{
    for (size_t i = 0; i < import->n_profiles; i++) {
        const struct json *given = given_profile(import, i);
        const struct profile *profile = find_profile(import, name_of(given));
        if (profile == NULL)
            import->profiles[i] = ACTION_CREATE;
        else if (!profile_has(import->call->api, profile, given))
            import->profiles[i] = ACTION_UPDATE;
    }
}

static bool
has_preset_text(const struct preset *preset, struct str text)
{
    struct strbuf now = STRBUF_INIT(2 * INI_BYTES_MAX);
    if (preset != NULL)
        ini_write(preset->ini, &now);
    bool is_same = preset != NULL && str_eq(strbuf_view(&now), text);
    strbuf_release(&now);
    return is_same;
}

/* Adds what is wrong with a preset: true when nothing is. `text` is its text,
 * empty if `value` is none. */
static bool
check_preset(struct import *import, struct str name, const struct json *value,
             struct str text, struct field_problems *problems)
{
    struct presets *presets = import->call->api->options.presets;
    struct preset_problems found = { .n = 0 };
    struct error error;
    char field[ERROR_FIELD_MAX];
    snprintf(field, sizeof field, "presets.%.*s",
             (int)(name.n > 40 ? 40 : name.n), name.p);
    if (json_type(value) != JSON_TEXT) {
        problem_add(problems, str_from(field), "must be text, not %s",
                    json_type_name(json_type(value)));
        return false;
    }
    struct ini *ini =
        preset_check_name(name, &error) == 0 ? ini_parse(text, &error) : NULL;
    if (ini == NULL)
        problem_add(problems, str_from(field), "%s", error.message);
    else
        presets_check(presets, ini, &found);
    for (size_t i = 0; i < found.n; i++)
        problem_add(problems, str_from(field), "line %d: %s%s%s",
                    found.at[i].line, found.at[i].key,
                    found.at[i].key[0] == '\0' ? "" : ": ",
                    found.at[i].message);
    bool is_good = ini != NULL && found.n == 0;
    ini_free(ini);
    return is_good;
}

static bool
compare_presets(struct import *import, struct field_problems *problems)
{
    const struct presets *presets = import->call->api->options.presets;
    struct json_iter iter;
    bool is_good = true;
    size_t n_new = 0;
    if (part(import, "presets") == NULL)
        return true;
    for (json_iter_init(&iter, part(import, "presets"));
         json_iter_next(&iter);) {
        struct str text = STR("");
        const struct preset *preset = presets_get(presets, iter.key);
        bool is_text = json_as_text(iter.value, &text);
        if (is_text && has_preset_text(preset, text))
            continue;
        if (check_preset(import, iter.key, iter.value, text, problems))
            import->presets[import->n_presets++] =
                (struct preset_text){ iter.key, text };
        else
            is_good = false;
        n_new += preset == NULL;
    }
    if (presets_count(presets) + n_new <= PRESETS_MAX)
        return is_good;
    problem_add(problems, STR("presets"), "there would be more than %d",
                PRESETS_MAX);
    return false;
}

/* ---- import: doing it ---- */

static void import_end(struct import *import);

static void
note_result(struct import *import, const struct error *error)
{
    if (error != NULL && import->error.code == ERR_OK)
        import->error = *error;
    import->n_waiting--;
    if (!import->is_trial && import->n_waiting == 0)
        import_end(import);
}

static void
on_stored(void *ctx, const struct error *error)
{
    note_result(ctx, error);
}

static void
on_profile(void *ctx, struct profile *profile, const struct error *error)
{
    struct import *import = ctx;
    if (error == NULL && !import->call->api->is_closed)
        instances_profile_changed(import->call->api->options.instances,
                                  profile);
    note_result(import, error);
}

/* "port" of the third profile is "profiles[2].port". */
static void
prefix_problems(size_t i, struct field_problems *problems, struct error *error)
{
    char field[2 * ERROR_FIELD_MAX];
    for (size_t k = 0; k < problems->n; k++) {
        snprintf(field, sizeof field, "profiles[%zu]%s%s", i,
                 problems->at[k].field[0] != '\0' ? "." : "",
                 problems->at[k].field);
        snprintf(problems->at[k].field, sizeof problems->at[k].field, "%.63s",
                 field);
    }
    snprintf(field, sizeof field, "profiles[%zu]%s%s", i,
             error->field[0] != '\0' ? "." : "", error->field);
    snprintf(error->field, sizeof error->field, "%.63s", field);
}

static int
put_profile(struct import *import, size_t i, struct field_problems *problems,
            struct error *error)
{
    struct call *call = import->call;
    struct profiles *profiles = call->api->options.profiles;
    const struct json *given = given_profile(import, i);
    const struct profile *known = find_profile(import, name_of(given));
    import->n_waiting++;
    int failed = known != NULL
                     ? profiles_update(profiles, str_from(known->id), given,
                                       call->who.may_execute, problems,
                                       on_profile, import, error)
                     : profiles_create(profiles, given, call->who.may_execute,
                                       problems, on_profile, import, error);
    if (failed == 0)
        return 0;
    import->n_waiting--;
    prefix_problems(i, problems, error);
    return -1;
}

static int
put_all(struct import *import, struct field_problems *problems,
        struct error *error)
{
    struct call *call = import->call;
    if (import->n_settings > 0) {
        struct json_doc *patch =
            json_parse(strbuf_view(&import->settings), error);
        import->n_waiting++;
        int failed = patch == NULL ||
                     settings_update(call->api->options.settings,
                                     json_root(patch), call->who.may_execute,
                                     problems, on_stored, import, error) < 0;
        json_doc_free(patch);
        if (failed) {
            import->n_waiting--;
            return -1;
        }
    }
    for (size_t i = 0; i < import->n_profiles; i++)
        if (import->profiles[i] != ACTION_NONE &&
            put_profile(import, i, problems, error) < 0)
            return -1;
    if (import->n_presets > 0) {
        import->n_waiting++;
        call->api->options.hooks.put_metadata(call->api->options.hooks.ctx,
                                              PRESETS_STAGED_KEY, import->id,
                                              on_stored, import);
    }
    return 0;
}

/* Everything in one transaction, of which `is_trial` keeps nothing. 0, or -1
 * when something is wrong and nothing was stored. */
static int
put_together(struct import *import, bool is_trial,
             struct field_problems *problems, struct error *error)
{
    const struct api_hooks *hooks = &import->call->api->options.hooks;
    import->is_trial = true; /* on_done of a failure may come at once */
    import->n_waiting = 0;
    import->error.code = ERR_OK;
    problems->n = 0;
    if (hooks->group_begin(hooks->ctx, error) < 0)
        return -1;
    int failed = put_all(import, problems, error);
    if (failed == 0 && import->error.code != ERR_OK) {
        *error = import->error;
        failed = -1;
    }
    bool is_kept = failed == 0 && !is_trial;
    import->is_trial = !is_kept;
    hooks->group_end(hooks->ctx, is_kept);
    return failed;
}

static const char *
action_name(enum change_action action)
{
    static const char *const names[] = { "none", "create", "update" };
    return names[action];
}

static void
write_change(struct json_writer *w, const char *what, struct str name,
             enum change_action action)
{
    json_object_begin(w);
    member_text(w, "kind", what);
    json_key(w, "name");
    json_str(w, name);
    member_text(w, "action", action_name(action));
    json_object_end(w);
}

static void
write_plan(struct import *import, bool is_dry_run, struct json_writer *w)
{
    const struct json *profiles = part(import, "profiles");
    struct json_doc *patch = json_parse(strbuf_view(&import->settings), NULL);
    struct json_iter iter;
    json_object_begin(w);
    member_bool(w, "dry_run", is_dry_run);
    json_key(w, "changes");
    json_array_begin(w);
    for (json_iter_init(&iter, json_root(patch));
         patch != NULL && json_iter_next(&iter);)
        write_change(w, "setting", iter.key, ACTION_UPDATE);
    for (size_t i = 0; i < json_count(profiles); i++)
        if (import->profiles[i] != ACTION_NONE)
            write_change(w, "profile", name_of(json_at(profiles, i)),
                         import->profiles[i]);
    for (size_t i = 0; i < import->n_presets; i++)
        write_change(w, "preset", import->presets[i].name,
                     presets_get(import->call->api->options.presets,
                                 import->presets[i].name) == NULL
                         ? ACTION_CREATE
                         : ACTION_UPDATE);
    json_array_end(w);
    json_object_end(w);
    json_doc_free(patch);
}

static void
import_free(struct import *import)
{
    struct call *call = import->call;
    call->api->is_importing = false;
    strbuf_release(&import->settings);
    for (size_t i = 0; i < import->n_profiles; i++)
        json_doc_free(import->completed[i]);
    call_unref(call);
}

/* The plan was written before anything changed: it says what was new. */
static void
on_unstaged(void *ctx, const struct error *error)
{
    struct import *import = ctx;
    if (error != NULL && import->error.code == ERR_OK)
        import->error = *error;
    if (import->error.code != ERR_OK)
        reply_error(import->call, &import->error);
    else if (call_is_open(import->call))
        reply_end(import->call, 200);
    import_free(import);
}

static void
import_end(struct import *import)
{
    struct api *api = import->call->api;
    if (import->n_presets == 0 || api->is_closed)
        on_unstaged(import, NULL);
    else
        presets_unstage(api->options.presets, import->id,
                        import->error.code == ERR_OK, on_unstaged, import);
}

static void
on_staged(void *ctx, const struct error *error)
{
    struct import *import = ctx;
    struct call *call = import->call;
    struct field_problems problems = { .n = 0 };
    struct error inner = { .code = ERR_OK };
    if (error != NULL || call->api->is_closed) {
        import->error = error != NULL ? *error : import->error;
        import_end(import);
        return;
    }
    write_plan(import, false, reply_begin(call));
    if (put_together(import, false, &problems, &inner) < 0) {
        import->error = inner;
        import_end(import);
    } else if (import->n_waiting == 0) {
        import_end(import);
    }
}

static bool
is_known_version(struct call *call)
{
    struct error error;
    int64_t version = 0;
    json_as_int(json_get(call->input, "hearth_config"), &version);
    if (version == CONFIG_DOCUMENT_VERSION)
        return true;
    error_field(&error, "hearth_config",
                "this Hearth knows version %d of such documents, not %lld",
                CONFIG_DOCUMENT_VERSION, (long long)version);
    reply_error(call, &error);
    return false;
}

static struct import *
import_new(struct call *call)
{
    size_t n_profiles = json_count(json_get(call->input, "profiles"));
    size_t n_presets = json_count(json_get(call->input, "presets"));
    struct import *import = arena_alloc(&call->arena, sizeof *import);
    if (import == NULL)
        return NULL;
    import->call = call;
    strbuf_init(&import->settings, DOCUMENT_BYTES);
    /* There is one import at a time: the moment tells them apart. */
    id_format(import->id, "imp", loop_wall_ms(), (const uint8_t[10]){ 0 });
    import->n_profiles = n_profiles;
    import->profiles =
        arena_alloc(&call->arena, (n_profiles + 1) * sizeof *import->profiles);
    import->completed =
        arena_alloc(&call->arena, (n_profiles + 1) * sizeof *import->completed);
    import->presets =
        arena_alloc(&call->arena, (n_presets + 1) * sizeof *import->presets);
    return import->profiles != NULL && import->completed != NULL &&
                   import->presets != NULL
               ? import
               : NULL;
}

void
config_import(struct call *call)
{
    struct field_problems problems = { .n = 0 };
    struct error error = { .code = ERR_INVALID };
    bool is_dry_run = query_bool(call, "dry_run", false);
    if (!is_known_version(call))
        return;
    if (call->api->options.hooks.group_begin == NULL) {
        reply_errorf(call, ERR_NOT_IMPLEMENTED, "nothing can be stored here");
        return;
    }
    if (call->api->is_importing) {
        reply_errorf(call, ERR_CONFLICT, "another import is under way");
        return;
    }
    struct import *import = import_new(call);
    if (import == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    call->api->is_importing = true;
    call_ref(call);
    if (complete_profiles(import) < 0) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        import_free(import);
        return;
    }
    compare_settings(import);
    compare_profiles(import);
    if (!compare_presets(import, &problems)) {
        error_field(&error, problems.at[0].field, "%s", problems.at[0].message);
        reply_problems(call, &problems, &error);
        import_free(import);
    } else if (put_together(import, true, &problems, &error) < 0) {
        reply_problems(call, &problems, &error);
        import_free(import);
    } else if (is_dry_run) {
        write_plan(import, true, reply_begin(call));
        reply_end(call, 200);
        import_free(import);
    } else if (import->n_presets > 0) {
        presets_stage(call->api->options.presets, import->presets,
                      import->n_presets, import->id, on_staged, import);
    } else {
        on_staged(import, NULL);
    }
}
