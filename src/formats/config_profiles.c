/* `profiles:` of hearth.yaml: what can be said of it by the record's own
 * table, with the line. What needs more (engines, files, other profiles) is
 * said by whoever takes them in. */
#include "base/limits.h"
#include "formats/config_internal.h"
#include "records/profile.h"

#define PROFILES_JSON_BYTES (8 * MIB)

/* Appends what the field wants to be. */
static void
expectation(const struct field *field, struct strbuf *out)
{
    switch (field->type) {
    case FIELD_TEXT:
        strbuf_addf(out, "text of at most %lld bytes", (long long)field->max);
        return;
    case FIELD_INT:
    case FIELD_INT64:
        strbuf_addf(out, "a number from %lld to %lld", (long long)field->min,
                    (long long)field->max);
        return;
    case FIELD_BOOL: strbuf_add_text(out, "true or false"); return;
    case FIELD_TEXT_LIST: strbuf_add_text(out, "a list of texts"); return;
    case FIELD_JSON_OBJECT: strbuf_add_text(out, "a mapping"); return;
    case FIELD_JSON_ARRAY: strbuf_add_text(out, "a list"); return;
    case FIELD_ENUM:
        strbuf_add_text(out, "one of ");
        for (size_t i = 0; field->choices[i] != NULL; i++)
            strbuf_addf(out, "%s%s", i == 0 ? "" : ", ", field->choices[i]);
        return;
    }
}

static bool
is_choice(const struct field *field, struct str text)
{
    for (size_t i = 0; field->choices[i] != NULL; i++)
        if (str_is(text, field->choices[i]))
            return true;
    return false;
}

static bool
is_text_list(const struct yaml *node)
{
    if (node->type != YAML_SEQUENCE)
        return false;
    for (const struct yaml_item *i = node->items; i != NULL; i = i->next)
        if (i->value->type != YAML_SCALAR)
            return false;
    return true;
}

static bool
fits(const struct field *field, const struct yaml *node)
{
    int64_t number;
    bool is_scalar = node->type == YAML_SCALAR;
    switch (field->type) {
    case FIELD_TEXT:
        return is_scalar && node->text.n >= (size_t)field->min &&
               node->text.n <= (size_t)field->max;
    case FIELD_INT:
    case FIELD_INT64:
        return is_scalar && node->is_plain &&
               str_to_i64(node->text, &number) == 0 && number >= field->min &&
               number <= field->max;
    case FIELD_BOOL:
        return is_scalar &&
               (str_is(node->text, "true") || str_is(node->text, "false"));
    case FIELD_ENUM: return is_scalar && is_choice(field, node->text);
    case FIELD_TEXT_LIST: return is_text_list(node);
    case FIELD_JSON_OBJECT: return node->type == YAML_MAPPING;
    case FIELD_JSON_ARRAY: return node->type == YAML_SEQUENCE;
    }
    return false;
}

static int
check_field(const struct config *config, const struct field *field,
            const struct yaml_item *item, const char *name, struct error *error)
{
    if (field->flags & FIELD_READ_ONLY)
        return config_complain(config, item->line, name, error,
                               "%s is not set by hand", field->name);
    if (yaml_is_null(item->value) || fits(field, item->value))
        return 0;
    struct strbuf text = STRBUF_INIT(2 * KIB);
    strbuf_addf(&text, "%s: ", field->name);
    yaml_describe(item->value, &text);
    strbuf_add_text(&text, " is not ");
    expectation(field, &text);
    config_complain(config, item->line, name, error, "%s", strbuf_text(&text));
    strbuf_release(&text);
    return -1;
}

static int
check_profile(const struct config *config, const struct yaml *profile, size_t i,
              struct error *error)
{
    char place[200];
    snprintf(place, sizeof place, "profiles[%zu]", i);
    const struct yaml *name = yaml_get(profile, "name");
    if (profile->type != YAML_MAPPING)
        return config_complain(config, profile->line, place, error,
                               "the fields of a profile are expected");
    if (name == NULL || name->type != YAML_SCALAR || name->text.n == 0)
        return config_complain(config, profile->line, place, error,
                               "it has no name");
    snprintf(place, sizeof place, "profile \"%.*s\"",
             name->text.n > 128 ? 128 : (int)name->text.n, name->text.p);
    for (const struct yaml_item *f = profile->items; f != NULL; f = f->next) {
        const struct field *field = profile_field_find(f->key);
        if (field != NULL && check_field(config, field, f, place, error) != 0)
            return -1;
    }
    return 0;
}

/* Names are unique: two of one name in one file is a slip. */
static int
check_names(const struct config *config, const struct yaml *list,
            struct error *error)
{
    for (const struct yaml_item *a = list->items; a != NULL; a = a->next)
        for (const struct yaml_item *b = list->items; b != a; b = b->next) {
            struct str name = yaml_get(a->value, "name")->text;
            if (str_eq(name, yaml_get(b->value, "name")->text))
                return config_complain(config, a->line, "profiles", error,
                                       "the name \"%s\" was on line %d already",
                                       name.p, b->line);
        }
    return 0;
}

/* ---- to JSON: by the field's type, so that a name may be a number ---- */

static void
text_to_json(const struct yaml *node, struct json_writer *out)
{
    if (yaml_is_null(node))
        json_null(out);
    else
        json_str(out, node->text);
}

/* What begins like a path is one of the file's; all else may be the name of
 * a model. */
static void
model_path_to_json(struct config *config, const struct yaml *node,
                   struct json_writer *out)
{
    struct str path = node->text;
    if (str_starts_with(path, STR("~/")) || str_starts_with(path, STR("./")) ||
        str_starts_with(path, STR("../")))
        json_text(out, path_resolve(path, &config->file_base, &config->arena));
    else
        text_to_json(node, out);
}

static void
field_to_json(struct config *config, const struct yaml_item *item,
              struct json_writer *out)
{
    const struct field *field = profile_field_find(item->key);
    json_key_str(out, item->key);
    if (str_is(item->key, "model_path")) {
        model_path_to_json(config, item->value, out);
    } else if (field != NULL && field->type == FIELD_TEXT) {
        text_to_json(item->value, out);
    } else if (field != NULL && field->type == FIELD_TEXT_LIST &&
               item->value->type == YAML_SEQUENCE) {
        json_array_begin(out);
        for (const struct yaml_item *i = item->value->items; i != NULL;
             i = i->next)
            text_to_json(i->value, out);
        json_array_end(out);
    } else {
        yaml_to_json(item->value, out);
    }
}

static int
keep_json(struct config *config, const struct yaml *list, struct error *error)
{
    struct strbuf text = STRBUF_INIT(PROFILES_JSON_BYTES);
    struct json_writer out;
    json_writer_init(&out, &text);
    json_array_begin(&out);
    for (const struct yaml_item *p = list->items; p != NULL; p = p->next) {
        json_object_begin(&out);
        for (const struct yaml_item *f = p->value->items; f != NULL;
             f = f->next)
            field_to_json(config, f, &out);
        json_object_end(&out);
    }
    json_array_end(&out);
    int rc = -1;
    if (strbuf_failed(&text)) {
        config_complain(config, list->line, "profiles", error,
                        "they are too large");
    } else {
        struct error inner = { 0 };
        config->profiles = json_parse(strbuf_view(&text), &inner);
        rc = config->profiles != NULL
                 ? 0
                 : config_complain(config, list->line, "profiles", error, "%s",
                                   inner.message);
    }
    strbuf_release(&text);
    return rc;
}

int
config_read_profiles(struct config *config, const struct yaml *list,
                     struct error *error)
{
    if (yaml_is_null(list))
        return 0;
    if (list->type != YAML_SEQUENCE)
        return config_complain(config, list->line, "profiles", error,
                               "a list of profiles is expected");
    if (list->n_items > LIMIT_PROFILES / 10)
        return config_complain(config, list->line, "profiles", error,
                               "more than %d", LIMIT_PROFILES / 10);
    int *lines =
        arena_alloc(&config->arena, (list->n_items + 1) * sizeof *lines);
    if (lines == NULL)
        return error_set(error, ERR_NO_MEMORY,
                         "no memory for the configuration");
    size_t n = 0;
    for (const struct yaml_item *p = list->items; p != NULL; p = p->next) {
        if (check_profile(config, p->value, n, error) != 0)
            return -1;
        lines[n++] = p->line;
    }
    if (check_names(config, list, error) != 0)
        return -1;
    config->profile_lines = lines;
    config->n_profiles = n;
    return keep_json(config, list, error);
}
