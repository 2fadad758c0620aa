/* Members of a patch become fields of the record.
 *
 * The rows of profile_fields say type and bounds. `null` gives a field its
 * default. What is no field may be an option of the engine under the flat
 * name of another manager; those are gathered into `options`. A caller who
 * writes back what was shown to him is not punished: a read-only field may
 * be sent unchanged, and "***" keeps the value of a variable. */
#include <stdio.h>
#include <stdlib.h>

#include "core/profiles/profiles_internal.h"

enum { JSON_TEXT_MAX = LIMIT_API_BODY_BYTES };

void
edit_problem(struct edit *edit, const char *field, const char *format, ...)
{
    if (edit->problems->n == FIELD_PROBLEMS_MAX)
        return;
    for (size_t i = 0; i < edit->problems->n; i++)
        if (strcmp(edit->problems->at[i].field, field) == 0)
            return; /* what follows from the first is no news */
    struct field_problem *problem = &edit->problems->at[edit->problems->n++];
    va_list args;
    va_start(args, format);
    snprintf(problem->field, sizeof problem->field, "%s", field);
    vsnprintf(problem->message, sizeof problem->message, format, args);
    va_end(args);
}

static const void *
at_of(const struct profile *profile, const struct field *field)
{
    return (const char *)profile + field->offset;
}

static void *
place_of(struct profile *profile, const struct field *field)
{
    return (char *)profile + field->offset;
}

static bool
aliases_equal(const struct profile *a, const struct profile *b)
{
    if (a->n_aliases != b->n_aliases)
        return false;
    for (size_t i = 0; i < a->n_aliases; i++)
        if (strcmp(a->aliases[i], b->aliases[i]) != 0)
            return false;
    return true;
}

bool
field_equals(const struct field *field, const struct profile *a,
             const struct profile *b)
{
    const void *x = at_of(a, field), *y = at_of(b, field);
    switch (field->type) {
    case FIELD_TEXT:
        if (field->offset == offsetof(struct profile, id))
            return strcmp(a->id, b->id) == 0;
        return strcmp(*(char *const *)x, *(char *const *)y) == 0;
    case FIELD_JSON_OBJECT:
    case FIELD_JSON_ARRAY:
        return strcmp(*(char *const *)x, *(char *const *)y) == 0;
    case FIELD_INT:
    case FIELD_ENUM: return *(const int *)x == *(const int *)y;
    case FIELD_INT64: return *(const int64_t *)x == *(const int64_t *)y;
    case FIELD_BOOL: return *(const bool *)x == *(const bool *)y;
    case FIELD_TEXT_LIST: return aliases_equal(a, b);
    }
    return false;
}

bool
profile_equals(const struct profile *a, const struct profile *b)
{
    for (size_t i = 0; i < n_profile_fields; i++) {
        const struct field *field = &profile_fields[i];
        if ((field->flags & FIELD_READ_ONLY) == 0 && !field_equals(field, a, b))
            return false;
    }
    return true;
}

static int
no_memory(struct edit *edit)
{
    edit_problem(edit, "", "out of memory");
    return -1;
}

/* ---- plain fields ---- */

static bool
has_bad_byte(const struct field *field, struct str text)
{
    bool is_prose = field->offset == offsetof(struct profile, description);
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool is_space = c == '\n' || c == '\t' || c == '\r';
        if ((c < 0x20 && !(is_prose && is_space)) || c == 0x7F)
            return true;
    }
    return false;
}

static int
set_text(struct edit *edit, const struct field *field, const struct json *value)
{
    struct str text;
    if (!json_as_text(value, &text))
        edit_problem(edit, field->name, "expected text, got %s",
                     json_type_name(json_type(value)));
    else if ((int64_t)text.n < field->min || (int64_t)text.n > field->max)
        edit_problem(edit, field->name,
                     "expected %lld to %lld bytes of text, got %zu",
                     (long long)field->min, (long long)field->max, text.n);
    else if (has_bad_byte(field, text))
        edit_problem(edit, field->name, "control characters are not allowed");
    else if (profile_set_text(place_of(edit->profile, field), text) < 0)
        return no_memory(edit);
    return 0;
}

static int
set_number(struct edit *edit, const struct field *field,
           const struct json *value)
{
    int64_t number;
    if (!json_as_int(value, &number) || number < field->min ||
        number > field->max) {
        edit_problem(edit, field->name,
                     "expected a whole number from %lld to %lld",
                     (long long)field->min, (long long)field->max);
        return 0;
    }
    void *at = place_of(edit->profile, field);
    if (field->type == FIELD_INT)
        *(int *)at = (int)number;
    else
        *(int64_t *)at = number;
    return 0;
}

static int
set_bool(struct edit *edit, const struct field *field, const struct json *value)
{
    if (!json_as_bool(value, place_of(edit->profile, field)))
        edit_problem(edit, field->name, "expected true or false, got %s",
                     json_type_name(json_type(value)));
    return 0;
}

static int
set_choice(struct edit *edit, const struct field *field,
           const struct json *value)
{
    struct str text = { NULL, 0 };
    json_as_text(value, &text);
    char expected[128];
    size_t n = 0;
    for (int i = 0; field->choices[i] != NULL; i++) {
        if (text.p != NULL && str_is(text, field->choices[i])) {
            *(int *)place_of(edit->profile, field) = i;
            return 0;
        }
        n += (size_t)snprintf(expected + n, sizeof expected - n, "%s%s",
                              i == 0 ? "" : ", ", field->choices[i]);
    }
    edit_problem(edit, field->name, "expected one of %s", expected);
    return 0;
}

static int
set_aliases(struct edit *edit, const struct field *field,
            const struct json *value)
{
    struct str aliases[ALIASES_MAX];
    size_t n = json_count(value);
    if (json_type(value) != JSON_ARRAY || n > ALIASES_MAX) {
        edit_problem(edit, field->name, "expected an array of at most %d texts",
                     ALIASES_MAX);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        const char *what = "expected text";
        if (json_as_text(json_at(value, i), &aliases[i]))
            what = name_problem(aliases[i]);
        for (size_t j = 0; what == NULL && j < i; j++)
            if (str_eq(aliases[i], aliases[j]))
                what = "stands there twice";
        if (what != NULL) {
            edit_problem(edit, field->name, "element %zu: %s", i, what);
            return 0;
        }
    }
    if (profile_set_aliases(edit->profile, aliases, n) < 0)
        return no_memory(edit);
    return 0;
}

/* ---- fields of JSON ---- */

static bool
is_variable_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_letter =
            (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!is_letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.n > 0 && name.n <= LIMIT_NAME_BYTES;
}

static bool
has_control(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7F)
            return true;
    return false;
}

/* The texts of env; "***" stands for what is stored under that name. */
static bool
write_env(struct edit *edit, const struct json *value,
          const struct json *stored, struct json_writer *out)
{
    struct json_iter it;
    json_object_begin(out);
    for (json_iter_init(&it, value); json_iter_next(&it);) {
        struct str text;
        int n = (int)(it.key.n < 64 ? it.key.n : 64);
        if (!is_variable_name(it.key)) {
            edit_problem(edit, "env", "\"%.*s\" is not a variable's name", n,
                         it.key.p);
            return false;
        }
        if (json_as_text(it.value, &text) && str_is(text, "***") &&
            !json_as_text(json_get_str(stored, it.key), &text)) {
            edit_problem(edit, "env", "nothing is stored for %.*s to keep", n,
                         it.key.p);
            return false;
        }
        if (!json_as_text(it.value, &text) || has_control(text)) {
            edit_problem(edit, "env", "expected one line of text for %.*s", n,
                         it.key.p);
            return false;
        }
        if (str_is(text, "***"))
            json_as_text(json_get_str(stored, it.key), &text);
        json_key_str(out, it.key);
        json_str(out, text);
    }
    json_object_end(out);
    return true;
}

static int
set_env(struct edit *edit, const struct field *field, const struct json *value)
{
    if (json_type(value) != JSON_OBJECT) {
        edit_problem(edit, field->name, "expected an object of texts, got %s",
                     json_type_name(json_type(value)));
        return 0;
    }
    struct strbuf text = STRBUF_INIT(JSON_TEXT_MAX);
    struct json_writer w;
    json_writer_init(&w, &text);
    struct json_doc *stored =
        json_parse(str_from(edit->profile->env_json), NULL);
    int result = 0;
    if (write_env(edit, value, json_root(stored), &w) &&
        (strbuf_failed(&text) ||
         profile_set_text(&edit->profile->env_json, strbuf_view(&text)) < 0))
        result = no_memory(edit);
    json_doc_free(stored);
    strbuf_release(&text);
    return result;
}

static int
set_command(struct edit *edit, const struct field *field,
            const struct json *value)
{
    size_t n = json_count(value);
    bool is_right = json_type(value) == JSON_ARRAY && n < LIMIT_ARGV_COUNT;
    for (size_t i = 0; i < n && is_right; i++) {
        struct str text;
        is_right = json_as_text(json_at(value, i), &text) &&
                   str_find(text, '\0') < 0 && (i > 0 || text.n > 0);
    }
    if (!is_right) {
        edit_problem(edit, field->name,
                     "expected an array of texts, the program first");
        return 0;
    }
    char *text = json_to_text(value);
    int result = text == NULL ? -1
                              : profile_set_text(&edit->profile->command_json,
                                                 str_from(text));
    free(text);
    return result < 0 ? no_memory(edit) : 0;
}

static int
set_default(struct edit *edit, const struct field *field)
{
    struct profile *fresh = profile_new();
    if (fresh == NULL)
        return no_memory(edit);
    const void *from = at_of(fresh, field);
    void *to = place_of(edit->profile, field);
    int result = 0;
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_JSON_OBJECT:
    case FIELD_JSON_ARRAY:
        result = profile_set_text(to, str_from(*(char *const *)from));
        break;
    case FIELD_INT:
    case FIELD_ENUM: *(int *)to = *(const int *)from; break;
    case FIELD_INT64: *(int64_t *)to = *(const int64_t *)from; break;
    case FIELD_BOOL: *(bool *)to = *(const bool *)from; break;
    case FIELD_TEXT_LIST:
        result = profile_set_aliases(edit->profile, NULL, 0);
        break;
    }
    profile_unref(fresh);
    return result < 0 ? no_memory(edit) : 0;
}

static int
set_field(struct edit *edit, const struct field *field,
          const struct json *value)
{
    if (json_type(value) == JSON_NULL)
        return set_default(edit, field);
    switch (field->type) {
    case FIELD_TEXT: return set_text(edit, field, value);
    case FIELD_INT:
    case FIELD_INT64: return set_number(edit, field, value);
    case FIELD_BOOL: return set_bool(edit, field, value);
    case FIELD_ENUM: return set_choice(edit, field, value);
    case FIELD_TEXT_LIST: return set_aliases(edit, field, value);
    case FIELD_JSON_OBJECT:
        return set_env(edit, field, value); /* options: set_options */
    case FIELD_JSON_ARRAY: return set_command(edit, field, value);
    }
    return 0;
}

/* ---- read-only fields and forbidden ones ---- */

/* A read-only field may come back as it was shown. */
static void
check_read_only(struct edit *edit, const struct field *field,
                const struct json *value)
{
    struct strbuf shown = STRBUF_INIT(16 * KIB);
    struct json_writer w;
    json_writer_init(&w, &shown);
    bool is_same = false;
    if (edit->before != NULL) {
        profile_to_json(edit->profiles->options.engines, edit->before, false,
                        &w);
        struct json_doc *doc = json_parse(strbuf_view(&shown), NULL);
        char *a = json_to_text(json_get(json_root(doc), field->name));
        char *b = json_to_text(value);
        is_same = a != NULL && b != NULL && strcmp(a, b) == 0;
        free(a);
        free(b);
        json_doc_free(doc);
    }
    strbuf_release(&shown);
    if (!is_same)
        edit_problem(edit, field->name, "is set by Hearth and cannot be set");
}

static bool
is_chosen_engine(const struct edit *edit, const struct field *field)
{
    return field->offset == offsetof(struct profile, engine) &&
           edit->engine != NULL &&
           strcmp(edit->engine, edit->profile->engine) == 0;
}

static void
check_authority(struct edit *edit, const struct field *field)
{
    struct profile *fresh = edit->before == NULL ? profile_new() : NULL;
    const struct profile *before = edit->before == NULL ? fresh : edit->before;
    if (before != NULL && !field_equals(field, before, edit->profile) &&
        edit->forbidden.code == ERR_OK) {
        error_field(&edit->forbidden, field->name,
                    "%s decides what is executed: a key, the dashboard's "
                    "session or the unix socket is needed to set it",
                    field->name);
        edit->forbidden.code = ERR_FORBIDDEN;
    }
    profile_unref(fresh);
}

/* ---- options ---- */

struct option_member {
    const char *key; /* of the manifest */
    const struct json *value;
};

struct option_members {
    struct option_member at[256];
    size_t n;
};

static const struct engine_option *
find_option(const struct engine_manifest *manifest, const char *key)
{
    for (size_t i = 0; i < manifest->n_options; i++)
        if (strcmp(manifest->options[i].key, key) == 0)
            return &manifest->options[i];
    return NULL;
}

/* "***" for a secret stands for what is stored, as long as the engine that
 * is to have it stays the same. NULL: nothing is. */
static const struct json *
unmasked(struct edit *edit, const char *key, const struct json *value,
         const struct json *stored)
{
    struct str text;
    const struct engine_option *option = find_option(edit->manifest, key);
    if (option == NULL || !option->is_secret || !json_as_text(value, &text) ||
        !str_is(text, "***"))
        return value;
    bool is_same_engine =
        edit->before != NULL &&
        strcmp(edit->before->engine, edit->manifest->name) == 0;
    const struct json *kept = is_same_engine ? json_get(stored, key) : NULL;
    if (kept == NULL) {
        char field[ERROR_FIELD_MAX];
        snprintf(field, sizeof field, "options.%s", key);
        edit_problem(edit, field, "nothing is stored to keep");
    }
    return kept;
}

/* Adds or replaces; null takes away. */
static void
put_member(struct edit *edit, struct option_members *members, const char *key,
           const struct json *value, bool may_replace)
{
    size_t i = 0;
    while (i < members->n && strcmp(members->at[i].key, key) != 0)
        i++;
    if (i < members->n && !may_replace) {
        char field[ERROR_FIELD_MAX];
        snprintf(field, sizeof field, "options.%s", key);
        edit_problem(edit, field, "given twice, under two names");
        return;
    }
    if (i == members->n) {
        if (members->n == sizeof members->at / sizeof *members->at)
            return; /* no manifest has so many rows */
        members->n++;
    }
    members->at[i] = (struct option_member){ key, value };
}

static void
put_object(struct edit *edit, struct option_members *members,
           const struct json *object, const struct json *stored)
{
    struct json_iter it;
    for (json_iter_init(&it, object); json_iter_next(&it);) {
        const char *key = engine_canonical_option(edit->manifest, it.key);
        char field[ERROR_FIELD_MAX];
        snprintf(field, sizeof field, "options.%.*s",
                 (int)(it.key.n < 48 ? it.key.n : 48), it.key.p);
        if (key == NULL)
            edit_problem(edit, field, "Hearth knows no such option of %s",
                         edit->manifest->name);
        else
            put_member(edit, members, key,
                       unmasked(edit, key, it.value, stored), false);
    }
}

static void
put_flat(struct edit *edit, struct option_members *members,
         const struct json *stored)
{
    struct json_iter it;
    for (json_iter_init(&it, edit->patch); json_iter_next(&it);) {
        if (profile_field_find(it.key) != NULL)
            continue;
        const char *key = engine_canonical_option(edit->manifest, it.key);
        if (key != NULL)
            put_member(edit, members, key,
                       unmasked(edit, key, it.value, stored), true);
    }
}

static void
on_option_problem(void *ctx, const char *field, const char *message)
{
    edit_problem(ctx, field, "%s", message);
}

static int
store_options(struct edit *edit, const struct option_members *members)
{
    struct strbuf text = STRBUF_INIT(JSON_TEXT_MAX);
    struct json_writer w;
    json_writer_init(&w, &text);
    json_object_begin(&w);
    for (size_t i = 0; i < members->n; i++) {
        if (members->at[i].value == NULL ||
            json_type(members->at[i].value) == JSON_NULL)
            continue;
        json_key(&w, members->at[i].key);
        json_value(&w, members->at[i].value);
    }
    json_object_end(&w);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    int result = 0;
    if (doc == NULL || strbuf_failed(&text) ||
        profile_set_text(&edit->profile->options_json, strbuf_view(&text)) < 0)
        result = no_memory(edit);
    else
        engine_check_options(edit->manifest, json_root(doc), on_option_problem,
                             edit);
    json_doc_free(doc);
    strbuf_release(&text);
    return result;
}

/* Options that are given replace the stored ones; flat names go on top. */
static int
set_options(struct edit *edit)
{
    if (edit->manifest == NULL)
        return 0; /* the engine is wrong: said already */
    const struct json *given = json_get(edit->patch, "options");
    if (given != NULL && json_type(given) != JSON_OBJECT &&
        json_type(given) != JSON_NULL) {
        edit_problem(edit, "options", "expected an object, got %s",
                     json_type_name(json_type(given)));
        return 0;
    }
    struct option_members members = { .n = 0 };
    struct json_doc *stored =
        json_parse(str_from(edit->profile->options_json), NULL);
    const struct json *old = json_root(stored);
    put_object(edit, &members, given != NULL ? given : old, old);
    put_flat(edit, &members, old);
    int result = store_options(edit, &members);
    json_doc_free(stored);
    return result;
}

/* ---- the patch ---- */

static int
set_engine(struct edit *edit)
{
    const struct json *engine = json_get(edit->patch, "engine");
    const struct json *command = json_get(edit->patch, "command");
    const struct field *field = profile_field_find(STR("engine"));
    int result = 0;
    if (engine != NULL)
        result = set_field(edit, field, engine);
    else if (edit->before == NULL && json_count(command) > 0)
        result = profile_set_text(&edit->profile->engine, STR("command"));
    edit->manifest =
        engines_find(edit->profiles->options.engines, edit->profile->engine);
    return result;
}

static int
apply_member(struct edit *edit, const struct json_iter *it)
{
    const struct field *field = profile_field_find(it->key);
    if (field == NULL) {
        char name[ERROR_FIELD_MAX];
        snprintf(name, sizeof name, "%.*s",
                 (int)(it->key.n < 60 ? it->key.n : 60), it->key.p);
        if (edit->manifest == NULL ||
            engine_canonical_option(edit->manifest, it->key) == NULL)
            edit_problem(edit, name,
                         "neither a field of a profile nor an option of %s",
                         edit->profile->engine);
        return 0;
    }
    if ((field->flags & FIELD_READ_ONLY) != 0) {
        check_read_only(edit, field, it->value);
        return 0;
    }
    bool is_done_apart =
        field->offset == offsetof(struct profile, engine) ||
        field->offset == offsetof(struct profile, options_json);
    return is_done_apart ? 0 : set_field(edit, field, it->value);
}

int
edit_apply(struct edit *edit)
{
    if (set_engine(edit) < 0)
        return no_memory(edit);
    struct json_iter it;
    for (json_iter_init(&it, edit->patch); json_iter_next(&it);)
        if (apply_member(edit, &it) < 0)
            return -1;
    if (set_options(edit) < 0)
        return -1;
    for (size_t i = 0; i < n_profile_fields && !edit->may_execute; i++)
        if ((profile_fields[i].flags & FIELD_EXECUTES) != 0 &&
            !is_chosen_engine(edit, &profile_fields[i]))
            check_authority(edit, &profile_fields[i]);
    return 0;
}
