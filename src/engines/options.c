/* What a value of an option may be. The same check stands before a profile
 * is stored and before a command line is built, because a profile may be
 * older than the manifest.
 *
 * The rule that no value becomes a flag: an engine that takes "--flag=value"
 * gets that; for the others no text may begin with '-'. */
#include <math.h>
#include <stdio.h>

#include "engines/engines_internal.h"

int
texts_find(const char *const *texts, struct str text)
{
    for (int i = 0; texts != NULL && texts[i] != NULL; i++)
        if (str_is(text, texts[i]))
            return i;
    return -1;
}

bool
has_control(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7F)
            return true;
    return !str_is_utf8(text);
}

const struct engine_option *
option_find(const struct engine_manifest *manifest, struct str key)
{
    for (size_t i = 0; i < manifest->n_options; i++)
        if (str_is(key, manifest->options[i].key))
            return &manifest->options[i];
    return NULL;
}

static bool
is_same_but_dashes(struct str name, const char *key)
{
    if (name.n != strlen(key))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if ((name.p[i] == '-' ? '_' : name.p[i]) != key[i])
            return false;
    return true;
}

const char *
engine_canonical_option(const struct engine_manifest *manifest,
                        struct str flat_name)
{
    for (size_t i = 0; i < manifest->n_options; i++)
        if (is_same_but_dashes(flat_name, manifest->options[i].key))
            return manifest->options[i].key;
    for (size_t i = 0; i < manifest->n_options; i++)
        if (texts_find(manifest->options[i].also, flat_name) >= 0)
            return manifest->options[i].key;
    return NULL;
}

/* "a, b or c", cut when there are too many. */
static void
list_choices(const struct engine_option *option, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; option->choices[i] != NULL && n < size; i++) {
        bool is_last = option->choices[i + 1] == NULL;
        int added = snprintf(out + n, size - n, "%s%s",
                             i == 0    ? ""
                             : is_last ? " or "
                                       : ", ",
                             option->choices[i]);
        n += added > 0 ? (size_t)added : 0;
    }
}

static int
check_number(const struct engine_option *option, const struct json *value,
             char *message)
{
    bool is_int = option->type == OPTION_INT;
    struct str text;
    int64_t whole;
    double real;
    if (is_int && json_as_text(value, &text) &&
        texts_find(option->choices, text) >= 0)
        return 0;
    bool fits = is_int ? json_as_int(value, &whole)
                       : json_as_real(value, &real) && isfinite(real);
    if (is_int && fits)
        real = (double)whole;
    if (fits && real >= option->min && real <= option->max)
        return 0;
    char words[96] = "";
    if (is_int && option->choices != NULL) {
        memcpy(words, ", ", 3);
        list_choices(option, words + 2, sizeof words - 2);
    }
    snprintf(message, OPTION_MESSAGE_MAX, "expected %s from %.15g to %.15g%s",
             is_int ? "a whole number" : "a number", option->min, option->max,
             words);
    return -1;
}

static int
check_text(const struct engine_option *option, struct str text, char *message)
{
    const char *what = NULL;
    if (text.n == 0)
        what = "expected text, got nothing";
    else if (has_control(text))
        what = "control characters and line ends are not allowed";
    else if (option->type != OPTION_PATH && (double)text.n > option->max)
        what = "longer than the bound of the option";
    else if (text.n > OPTION_TEXT_MAX)
        what = "longer than 4096 bytes";
    if (what == NULL && option->forbids != NULL) {
        for (const char *byte = option->forbids; *byte != '\0'; byte++)
            if (str_find(text, *byte) >= 0)
                what = "holds a character that the engine would misread";
    }
    if (what == NULL)
        return 0;
    snprintf(message, OPTION_MESSAGE_MAX, "%s", what);
    return -1;
}

struct str
engine_option_path(const struct engine_option *option, struct str value)
{
    ptrdiff_t colon = option->is_scaled ? str_find(value, ':') : -1;
    if (colon >= 0)
        value.n = (size_t)colon;
    while (option->is_output && value.n > 1 && value.p[value.n - 1] != '/')
        value.n--;
    return value;
}

static bool
has_scale(struct str value)
{
    double scale;
    str_split(&value, ':');
    return value.p != NULL && str_to_double(value, &scale) == 0;
}

/* Absolute and without "." and ".." parts, so that what is checked against
 * the model folders is what the engine opens. */
static int
check_path(const struct engine_option *option, struct str path, char *message)
{
    if (check_text(option, path, message) < 0)
        return -1;
    const char *what = NULL;
    if (path.p[0] != '/')
        what = "expected an absolute path";
    if (option->is_output && !str_ends_with(path, STR(".log")))
        what = "expected a file name that ends in .log";
    if (option->is_scaled && !has_scale(path))
        what = "expected a path, a colon and a number";
    struct str rest = path;
    while (rest.p != NULL) {
        struct str part = str_split(&rest, '/');
        if (str_is(part, "..") || str_is(part, "."))
            what = "expected a path without . and .. in it";
    }
    if (what == NULL)
        return 0;
    snprintf(message, OPTION_MESSAGE_MAX, "%s", what);
    return -1;
}

static int
check_list(const struct engine_option *option, const struct json *value,
           char *message)
{
    enum { ITEMS_MAX = 64 };
    size_t n = json_count(value);
    if (json_type(value) != JSON_ARRAY || n > ITEMS_MAX) {
        snprintf(message, OPTION_MESSAGE_MAX,
                 "expected an array of at most 64 texts");
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        struct str text;
        if (!json_as_text(json_at(value, i), &text)) {
            snprintf(message, OPTION_MESSAGE_MAX,
                     "expected text in the array, got %s",
                     json_type_name(json_type(json_at(value, i))));
            return -1;
        }
        if (check_text(option, text, message) < 0)
            return -1;
    }
    return 0;
}

static int
check_choice(const struct engine_option *option, struct str text, char *message)
{
    if (texts_find(option->choices, text) >= 0)
        return 0;
    char choices[200];
    list_choices(option, choices, sizeof choices);
    snprintf(message, OPTION_MESSAGE_MAX, "expected %s", choices);
    return -1;
}

static int
option_check(const struct engine_option *option, const struct json *value,
             char message[OPTION_MESSAGE_MAX])
{
    struct str text = { NULL, 0 };
    bool flag;
    switch (option->type) {
    case OPTION_INT:
    case OPTION_REAL: return check_number(option, value, message);
    case OPTION_BOOL:
        if (json_as_bool(value, &flag))
            return 0;
        break;
    case OPTION_LIST: return check_list(option, value, message);
    case OPTION_CHOICE:
        if (json_as_text(value, &text))
            return check_choice(option, text, message);
        break;
    case OPTION_TEXT:
        if (json_as_text(value, &text))
            return check_text(option, text, message);
        break;
    case OPTION_PATH:
        if (json_as_text(value, &text))
            return check_path(option, text, message);
        break;
    }
    snprintf(message, OPTION_MESSAGE_MAX, "expected %s, got %s",
             option->type == OPTION_BOOL ? "true or false" : "text",
             json_type_name(json_type(value)));
    return -1;
}

/* A text that reaches argv as an argument of its own. */
static bool
could_be_flag(const struct engine_manifest *manifest,
              const struct engine_option *option, const struct json *value)
{
    struct str text;
    if (manifest->joins_values || option->flag == NULL ||
        option->type == OPTION_CHOICE)
        return false;
    if (json_as_text(value, &text))
        return text.n > 0 && text.p[0] == '-';
    for (size_t i = 0; i < json_count(value); i++)
        if (json_as_text(json_at(value, i), &text) && text.n > 0 &&
            text.p[0] == '-')
            return true;
    return false;
}

static void
check_member(const struct engine_manifest *manifest, const struct json_iter *it,
             const struct json *options, char message[OPTION_MESSAGE_MAX])
{
    const char *key = engine_canonical_option(manifest, it->key);
    message[0] = '\0';
    if (key == NULL) {
        snprintf(message, OPTION_MESSAGE_MAX,
                 "Hearth knows no such option of %s", manifest->name);
        return;
    }
    if (!str_is(it->key, key) && json_get(options, key) != NULL) {
        snprintf(message, OPTION_MESSAGE_MAX,
                 "the same option as %s, which is given too", key);
        return;
    }
    const struct engine_option *option = option_find(manifest, str_from(key));
    if (option_check(option, it->value, message) < 0)
        return;
    if (could_be_flag(manifest, option, it->value))
        snprintf(message, OPTION_MESSAGE_MAX,
                 "a text that begins with - could be taken for a flag");
}

void
engine_check_options(const struct engine_manifest *manifest,
                     const struct json *options,
                     void (*on_problem)(void *ctx, const char *field,
                                        const char *message),
                     void *ctx)
{
    char message[OPTION_MESSAGE_MAX];
    char field[ERROR_FIELD_MAX];
    if (json_type(options) != JSON_OBJECT) {
        snprintf(message, sizeof message, "expected an object, got %s",
                 json_type_name(json_type(options)));
        on_problem(ctx, "options", message);
        return;
    }
    struct json_iter it;
    for (json_iter_init(&it, options); json_iter_next(&it);) {
        check_member(manifest, &it, options, message);
        if (message[0] == '\0')
            continue;
        snprintf(field, sizeof field, "options.%.*s",
                 (int)(it.key.n < 48 ? it.key.n : 48), it.key.p);
        on_problem(ctx, field, message);
    }
}
