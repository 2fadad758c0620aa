/* Questions about an engine that its manifest answers. */
#include "engines/engines_internal.h"

/* The integer under `key` of the profile's options, or -1. */
static int64_t
option_number(const struct profile *profile, const char *key)
{
    int64_t value = -1;
    struct json_doc *doc = json_parse(str_from(profile->options_json), NULL);
    if (doc == NULL || !json_as_int(json_get(json_root(doc), key), &value))
        value = -1;
    json_doc_free(doc);
    return value;
}

int
engine_slots(const struct engine_manifest *manifest,
             const struct profile *profile)
{
    int64_t n = -1;
    if (manifest->slots_option != NULL)
        n = option_number(profile, manifest->slots_option);
    return n >= 1 && n <= 65536 ? (int)n : manifest->default_slots;
}

static bool
matches(const char *pattern, struct str path)
{
    struct str p = str_from(pattern);
    if (p.n > 0 && p.p[p.n - 1] == '*')
        return str_starts_with(path, (struct str){ p.p, p.n - 1 });
    return str_eq(p, path);
}

bool
engine_serves(const struct engine_manifest *manifest, struct str path)
{
    for (const char *const *at = manifest->serves; *at != NULL; at++)
        if (matches(*at, path))
            return true;
    return false;
}

const struct log_pattern *
engine_explain(const struct engine_manifest *manifest, struct str log_tail)
{
    for (size_t i = 0; i < manifest->n_errors; i++)
        if (str_contains(log_tail, str_from(manifest->errors[i].contains)))
            return &manifest->errors[i];
    return NULL;
}

const char *
engine_model_name(const struct engine_manifest *manifest,
                  const struct profile *profile)
{
    if (strcmp(manifest->model_name, "${model}") == 0)
        return profile->model_path;
    if (strcmp(manifest->model_name, "${name}") == 0)
        return profile->name;
    return manifest->model_name;
}

const char *
engine_ready_path(const struct engine_manifest *manifest,
                  const struct profile *profile, struct arena *arena)
{
    const char *path = manifest->ready_path;
    if (option_find(manifest, STR("ready_path")) == NULL)
        return path;
    struct json_doc *doc = json_parse(str_from(profile->options_json), NULL);
    struct str text;
    if (doc != NULL &&
        json_as_text(json_get(json_root(doc), "ready_path"), &text) &&
        text.n > 0 && text.p[0] == '/') {
        const char *copy = arena_str(arena, text);
        path = copy == NULL ? path : copy;
    }
    json_doc_free(doc);
    return path;
}

/* ---- as JSON ---- */

static void
write_texts(struct json_writer *out, const char *key, const char *const *texts)
{
    json_key(out, key);
    json_array_begin(out);
    for (; texts != NULL && *texts != NULL; texts++)
        json_text(out, *texts);
    json_array_end(out);
}

static void
write_option(const struct engine_option *option, struct json_writer *out)
{
    bool is_number = option->type == OPTION_INT || option->type == OPTION_REAL;
    json_object_begin(out);
    json_key(out, "key");
    json_text(out, option->key);
    json_key(out, "type");
    json_text(out, option_type_name(option->type));
    json_key(out, "flag");
    json_text(out, option->flag);
    json_key(out, "group");
    json_text(out, option->group);
    json_key(out, "help");
    json_text(out, option->help);
    json_key(out, "default");
    json_text(out, option->default_text);
    if (is_number) {
        json_key(out, "min");
        json_real(out, option->min);
        json_key(out, "max");
        json_real(out, option->max);
    }
    if (option->choices != NULL)
        write_texts(out, "choices", option->choices);
    if (option->is_secret) {
        json_key(out, "secret");
        json_bool(out, true);
    }
    if (option->executes) {
        json_key(out, "executes");
        json_bool(out, true);
    }
    json_object_end(out);
}

void
engine_to_json(const struct engine_manifest *manifest, struct json_writer *out)
{
    json_object_begin(out);
    json_key(out, "name");
    json_text(out, manifest->name);
    json_key(out, "title");
    json_text(out, manifest->title);
    json_key(out, "install_hint");
    json_text(out, manifest->install_hint);
    write_texts(out, "binaries", manifest->binaries);
    write_texts(out, "serves", manifest->serves);
    json_key(out, "model_field");
    json_text(out, manifest->rewrites_model ? "rewrite" : "keep");
    json_key(out, "needs_model");
    json_bool(out, manifest->needs_model);
    json_key(out, "is_router");
    json_bool(out, manifest->is_router);
    json_key(out, "is_external");
    json_bool(out, manifest->is_external);
    json_key(out, "slots");
    json_int(out, manifest->default_slots);
    json_key(out, "options");
    json_array_begin(out);
    for (size_t i = 0; i < manifest->n_options; i++)
        write_option(&manifest->options[i], out);
    json_array_end(out);
    json_object_end(out);
}
