/* A profile as JSON, by the rows of the field table. */
#include "core/profiles/profiles_internal.h"

static void
write_env(const struct profile *profile, bool with_secrets,
          struct json_writer *out)
{
    if (with_secrets) {
        json_raw(out, str_from(profile->env_json));
        return;
    }
    struct json_doc *doc = json_parse(str_from(profile->env_json), NULL);
    struct json_iter it;
    json_object_begin(out);
    for (json_iter_init(&it, json_root(doc)); json_iter_next(&it);) {
        json_key_str(out, it.key);
        json_text(out, "***");
    }
    json_object_end(out);
    json_doc_free(doc);
}

static bool
is_secret_option(const struct engine_manifest *manifest, struct str key)
{
    for (size_t i = 0; manifest != NULL && i < manifest->n_options; i++)
        if (str_is(key, manifest->options[i].key))
            return manifest->options[i].is_secret;
    return true; /* nobody says that it is none */
}

static void
write_options(const struct engines *engines, const struct profile *profile,
              struct json_writer *out)
{
    const struct engine_manifest *manifest =
        engines_find(engines, profile->engine);
    struct json_doc *doc = json_parse(str_from(profile->options_json), NULL);
    struct json_iter it;
    json_object_begin(out);
    for (json_iter_init(&it, json_root(doc)); json_iter_next(&it);) {
        json_key_str(out, it.key);
        if (is_secret_option(manifest, it.key))
            json_text(out, "***");
        else
            json_value(out, it.value);
    }
    json_object_end(out);
    json_doc_free(doc);
}

static void
write_aliases(const struct profile *profile, struct json_writer *out)
{
    json_array_begin(out);
    for (size_t i = 0; i < profile->n_aliases; i++)
        json_text(out, profile->aliases[i]);
    json_array_end(out);
}

static void
write_field(const struct engines *engines, const struct profile *profile,
            const struct field *field, bool with_secrets,
            struct json_writer *out)
{
    const void *at = (const char *)profile + field->offset;
    switch (field->type) {
    case FIELD_TEXT:
        if (field->offset == offsetof(struct profile, id))
            json_text(out, profile->id); /* an array, not a pointer */
        else
            json_text(out, *(char *const *)at);
        break;
    case FIELD_INT: json_int(out, *(const int *)at); break;
    case FIELD_INT64: json_int(out, *(const int64_t *)at); break;
    case FIELD_BOOL: json_bool(out, *(const bool *)at); break;
    case FIELD_ENUM:
        json_text(out, field->choices[*(const unsigned *)at]);
        break;
    case FIELD_TEXT_LIST: write_aliases(profile, out); break;
    case FIELD_JSON_OBJECT:
    case FIELD_JSON_ARRAY:
        if ((field->flags & FIELD_SECRET) != 0)
            write_env(profile, with_secrets, out);
        else if (field->offset == offsetof(struct profile, options_json) &&
                 !with_secrets)
            write_options(engines, profile, out);
        else
            json_raw(out, str_from(*(char *const *)at));
        break;
    }
}

void
profile_to_json(const struct engines *engines, const struct profile *profile,
                bool with_secrets, struct json_writer *out)
{
    json_object_begin(out);
    for (size_t i = 0; i < n_profile_fields; i++) {
        json_key(out, profile_fields[i].name);
        write_field(engines, profile, &profile_fields[i], with_secrets, out);
    }
    json_object_end(out);
}
