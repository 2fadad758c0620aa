/* GET /api/config/export: what is stored of this Hearth as one document, to be
 * kept, or brought to another one. */
#include <stdarg.h>

#include "api/handlers.h"
#include "core/presets/presets.h"

static void __attribute__((format(printf, 2, 3)))
leave_out(struct json_writer *w, const char *format, ...)
{
    char name[CONFIG_LEFT_OUT_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    json_text(w, name);
}

void
config_left_out_name(char ret_name[CONFIG_LEFT_OUT_BYTES], const char *profile,
                     const char *field, struct str key)
{
    snprintf(ret_name, CONFIG_LEFT_OUT_BYTES, "profiles.%s.%s.%.*s", profile,
             field, STR_ARG(key));
}

static void
on_secret_setting(void *ctx, const char *key)
{
    leave_out(ctx, "settings.%s", key);
}

static bool
is_secret_option(const struct engine_manifest *engine, struct str key)
{
    for (size_t i = 0; engine != NULL && i < engine->n_options; i++)
        if (str_is(key, engine->options[i].key))
            return engine->options[i].is_secret;
    return true; /* nobody says that it is none */
}

/* Of `options` what is no secret; of `env` nothing. */
static void
write_open_members(const struct engine_manifest *engine,
                   const struct profile *profile, const char *field,
                   const struct json *members, struct json_writer *w,
                   struct json_writer *left_out)
{
    struct json_iter iter;
    bool is_env = strcmp(field, "env") == 0;
    json_object_begin(w);
    for (json_iter_init(&iter, members); json_iter_next(&iter);) {
        if (is_env || is_secret_option(engine, iter.key)) {
            char name[CONFIG_LEFT_OUT_BYTES];
            config_left_out_name(name, profile->name, field, iter.key);
            json_text(left_out, name);
            continue;
        }
        json_key_str(w, iter.key);
        json_value(w, iter.value);
    }
    json_object_end(w);
}

/* The fields that can be sent again. */
static void
write_profile(struct api *api, const struct profile *profile, bool with_secrets,
              struct json_writer *w, struct json_writer *left_out)
{
    const struct engines *engines = api->options.engines;
    const struct engine_manifest *engine =
        engines_find(engines, profile->engine);
    struct strbuf text = STRBUF_INIT(8 * MIB);
    struct json_writer all;
    json_writer_init(&all, &text);
    profile_to_json(engines, profile, true, &all);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    json_object_begin(w);
    for (size_t i = 0; doc != NULL && i < n_profile_fields; i++) {
        const struct field *field = &profile_fields[i];
        const struct json *value = json_get(json_root(doc), field->name);
        bool has_secrets = strcmp(field->name, "env") == 0 ||
                           strcmp(field->name, "options") == 0;
        if ((field->flags & FIELD_READ_ONLY) != 0)
            continue;
        json_key(w, field->name);
        if (has_secrets && !with_secrets)
            write_open_members(engine, profile, field->name, value, w,
                               left_out);
        else
            json_value(w, value);
    }
    json_object_end(w);
    if (doc == NULL)
        w->out->state = STRBUF_NO_MEMORY;
    json_doc_free(doc);
    strbuf_release(&text);
}

/* A file with a mistake in it, put there by hand, could not be imported. */
static void
write_presets_map(struct api *api, struct json_writer *w,
                  struct json_writer *left_out)
{
    const struct presets *presets = api->options.presets;
    json_object_begin(w);
    for (size_t i = 0; i < presets_count(presets); i++) {
        const struct preset *preset = presets_at(presets, i);
        if (preset->problems.n > 0) {
            leave_out(left_out, "presets.%s", preset->name);
            continue;
        }
        struct strbuf text = STRBUF_INIT(2 * INI_BYTES_MAX);
        ini_write(preset->ini, &text);
        json_key(w, preset->name);
        json_str(w, strbuf_view(&text));
        strbuf_release(&text);
    }
    json_object_end(w);
}

void
config_export(struct call *call)
{
    struct api *api = call->api;
    bool with_secrets = query_bool(call, "secrets", false);
    struct strbuf names = STRBUF_INIT(4 * MIB);
    struct json_writer left_out;
    if (with_secrets && !call->who.may_execute) {
        reply_errorf(call, ERR_FORBIDDEN,
                     "secrets are exported to an admin only: with an admin "
                     "key, a session or over the unix socket");
        return;
    }
    json_writer_init(&left_out, &names);
    json_array_begin(&left_out);
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_int(w, "hearth_config", CONFIG_DOCUMENT_VERSION);
    member_text(w, "version", api->options.version);
    member_int(w, "exported_at_ms", loop_wall_ms());
    member_bool(w, "has_secrets", with_secrets);
    json_key(w, "settings");
    settings_export(api->options.settings, with_secrets, on_secret_setting,
                    &left_out, w);
    json_key(w, "profiles");
    json_array_begin(w);
    for (size_t i = 0; i < profiles_count(api->options.profiles); i++) {
        const struct profile *profile = profiles_at(api->options.profiles, i);
        if (profile->source == PROFILE_SOURCE_DATABASE)
            write_profile(api, profile, with_secrets, w, &left_out);
    }
    json_array_end(w);
    json_key(w, "presets");
    write_presets_map(api, w, &left_out);
    json_array_end(&left_out);
    json_key(w, "left_out");
    json_raw(w, strbuf_view(&names));
    json_object_end(w);
    reply_end(call, 200);
    strbuf_release(&names);
}
