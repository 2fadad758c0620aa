/* Values of settings: see setting_value.h. */
#include "formats/setting_value.h"

#include "base/units.h"
#include "formats/day_hours.h"

enum { SHOWN_BYTES = 80 };
#define SECRET_MASK "***"

int
setting_value_refuse(const struct setting_row *row, const char *found,
                     struct error *error)
{
    struct strbuf expected = STRBUF_INIT(1 * KIB);
    setting_expectation(row, &expected);
    error_field(error, row->key, "%s is not %s", found, strbuf_text(&expected));
    strbuf_release(&expected);
    return -1;
}

/* A secret's value is not for messages. */
static int
refuse_text(const struct setting_row *row, struct str text, struct error *error)
{
    char found[SHOWN_BYTES + 3] = "the value";
    int n = text.n > SHOWN_BYTES ? SHOWN_BYTES : (int)text.n;
    if ((row->flags & SETTING_SECRET) == 0)
        snprintf(found, sizeof found, "\"%.*s\"", n, text.n ? text.p : "");
    return setting_value_refuse(row, found, error);
}

static int
no_memory(struct error *error)
{
    return error_set(error, ERR_NO_MEMORY, "no memory for a setting");
}

static int
number_from(const struct setting_row *row, struct str text, int64_t *ret,
            struct error *error)
{
    if (str_to_i64(text, ret) == 0 && *ret >= row->min && *ret <= row->max)
        return 0;
    return refuse_text(row, text, error);
}

static int
bool_from(const struct setting_row *row, struct str text, int64_t *ret,
          struct error *error)
{
    static const char *const words[][2] = {
        { "false", "true" }, { "0", "1" }, { "no", "yes" }, { "off", "on" }
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (int value = 0; value < 2; value++)
            if (str_eq_nocase(text, str_from(words[i][value]))) {
                *ret = value;
                return 0;
            }
    return refuse_text(row, text, error);
}

static bool
is_choice(const struct setting_row *row, struct str text)
{
    struct str rest = str_from(row->choices);
    while (rest.p != NULL)
        if (str_eq(str_split(&rest, '|'), text))
            return true;
    return false;
}

/* No control characters, no invalid UTF-8: these texts go into headers,
 * paths and logs. */
static bool
is_clean(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 32 || text.p[i] == 127)
            return false;
    return str_is_utf8(text);
}

const char *
path_resolve(struct str path, const struct path_base *base, struct arena *arena)
{
    if (base == NULL || path.n == 0 || path.p[0] == '/')
        return arena_str(arena, path);
    bool is_home = path.p[0] == '~' && (path.n == 1 || path.p[1] == '/');
    if (is_home && *base->home != '\0')
        return arena_printf(arena, "%s%.*s", base->home, (int)path.n - 1,
                            path.p + 1);
    if (*base->folder == '\0' || is_home)
        return arena_str(arena, path);
    if (path.n > 2 && path.p[0] == '.' && path.p[1] == '/')
        path = (struct str){ path.p + 2, path.n - 2 };
    return arena_printf(arena, "%s/%.*s", base->folder, STR_ARG(path));
}

static int
text_from(const struct setting_row *row, struct str text,
          const struct path_base *base, struct arena *arena,
          const char **ret_text, struct error *error)
{
    bool is_path = row->type == SETTING_PATH || row->type == SETTING_PATHS;
    bool is_item = row->type == SETTING_LIST || row->type == SETTING_PATHS;
    size_t longest = is_item ? 4096 : (size_t)row->max;
    if (is_item && (!is_clean(text) || text.n == 0 || text.n > longest))
        return error_field(error, row->key,
                           "an item is empty, too long or no clean text");
    /* Nothing that is stored has a folder to begin at. */
    if (is_item && is_path && base == NULL && text.p[0] != '/')
        return error_field(error, row->key, "\"%.*s\" is not an absolute path",
                           STR_ARG(text));
    if (!is_clean(text))
        return refuse_text(row, text, error);
    if (row->type == SETTING_CHOICE ? !is_choice(row, text) : text.n > longest)
        return refuse_text(row, text, error);
    struct day_hours hours;
    if (row->type == SETTING_HOURS && !day_hours_read(text, &hours))
        return refuse_text(row, text, error);
    *ret_text =
        is_path ? path_resolve(text, base, arena) : arena_str(arena, text);
    return *ret_text == NULL ? no_memory(error) : 0;
}

static int
items_from(const struct setting_row *row, const struct str *texts, size_t n,
           const struct path_base *base, struct arena *arena,
           struct setting_value *ret, struct error *error)
{
    char found[48];
    if (n > (size_t)row->max) {
        snprintf(found, sizeof found, "a list of %zu", n);
        return setting_value_refuse(row, found, error);
    }
    const char **items = arena_alloc(arena, (n + 1) * sizeof *items);
    if (items == NULL)
        return no_memory(error);
    for (size_t i = 0; i < n; i++)
        if (text_from(row, texts[i], base, arena, &items[i], error) != 0)
            return -1;
    ret->items = items;
    ret->n_items = n;
    return 0;
}

int
setting_value_from_texts(const struct setting_row *row, const struct str *texts,
                         size_t n, const struct path_base *base,
                         struct arena *arena, struct setting_value *ret_value,
                         struct error *error)
{
    *ret_value = (struct setting_value){ .text = "" };
    if (row->type == SETTING_LIST || row->type == SETTING_PATHS)
        return items_from(row, texts, n, base, arena, ret_value, error);
    if (n != 1)
        return setting_value_refuse(row, "a list", error);
    switch (row->type) {
    case SETTING_BOOL:
        return bool_from(row, texts[0], &ret_value->number, error);
    case SETTING_INT:
        return number_from(row, texts[0], &ret_value->number, error);
    default:
        return text_from(row, texts[0], base, arena, &ret_value->text, error);
    }
}

int
setting_value_from_text(const struct setting_row *row, struct str text,
                        const struct path_base *base, struct arena *arena,
                        struct setting_value *ret_value, struct error *error)
{
    enum { PARTS_MAX = 256 };
    struct str parts[PARTS_MAX];
    size_t n = 0;
    if (row->type != SETTING_LIST && row->type != SETTING_PATHS)
        return setting_value_from_texts(row, &text, 1, base, arena, ret_value,
                                        error);
    char separator = row->type == SETTING_LIST ? ',' : ':';
    while (text.n > 0) {
        struct str part = str_trim(str_split(&text, separator));
        if (part.n == 0)
            continue;
        if (n == PARTS_MAX)
            return setting_value_refuse(row, "a longer list", error);
        parts[n++] = part;
    }
    return setting_value_from_texts(row, parts, n, base, arena, ret_value,
                                    error);
}

/* ---- JSON ---- */

static int
refuse_json(const struct setting_row *row, const struct json *json,
            struct error *error)
{
    struct str text;
    char found[48];
    int64_t number;
    if (json_as_text(json, &text))
        return refuse_text(row, text, error);
    bool is_secret = (row->flags & SETTING_SECRET) != 0;
    if (!is_secret && json_as_int(json, &number))
        snprintf(found, sizeof found, "%lld", (long long)number);
    else
        snprintf(found, sizeof found, "%s", json_type_name(json_type(json)));
    return setting_value_refuse(row, found, error);
}

static int
items_from_json(const struct setting_row *row, const struct json *json,
                struct arena *arena, struct setting_value *ret,
                struct error *error)
{
    size_t n = json_count(json);
    if (json_type(json) != JSON_ARRAY || n > (size_t)row->max)
        return refuse_json(row, json, error);
    struct str *texts = arena_alloc(arena, (n + 1) * sizeof *texts);
    if (texts == NULL)
        return no_memory(error);
    for (size_t i = 0; i < n; i++)
        if (!json_as_text(json_at(json, i), &texts[i]))
            return refuse_json(row, json_at(json, i), error);
    return items_from(row, texts, n, NULL, arena, ret, error);
}

int
setting_value_from_json(const struct setting_row *row, const struct json *json,
                        struct arena *arena, struct setting_value *ret_value,
                        struct error *error)
{
    struct str text;
    bool is_true;
    int64_t number;
    *ret_value = (struct setting_value){ .text = "" };
    switch (row->type) {
    case SETTING_LIST:
    case SETTING_PATHS:
        return items_from_json(row, json, arena, ret_value, error);
    case SETTING_BOOL:
        if (!json_as_bool(json, &is_true))
            return refuse_json(row, json, error);
        ret_value->number = is_true;
        return 0;
    case SETTING_INT:
        if (!json_as_int(json, &number) || number < row->min ||
            number > row->max)
            return refuse_json(row, json, error);
        ret_value->number = number;
        return 0;
    default:
        if (!json_as_text(json, &text))
            return refuse_json(row, json, error);
        if ((row->flags & SETTING_SECRET) != 0 && str_is(text, SECRET_MASK))
            return error_field(error, row->key,
                               SECRET_MASK " stands for the value that is "
                                           "set; leave the key out to keep it");
        return text_from(row, text, NULL, arena, &ret_value->text, error);
    }
}

bool
setting_value_eq(const struct setting_row *row, const struct setting_value *a,
                 const struct setting_value *b)
{
    switch (row->type) {
    case SETTING_BOOL:
    case SETTING_INT: return a->number == b->number;
    case SETTING_LIST:
    case SETTING_PATHS:
        if (a->n_items != b->n_items)
            return false;
        for (size_t i = 0; i < a->n_items; i++)
            if (strcmp(a->items[i], b->items[i]) != 0)
                return false;
        return true;
    default: return strcmp(a->text, b->text) == 0;
    }
}

void
setting_value_to_json(const struct setting_row *row,
                      const struct setting_value *value,
                      struct json_writer *out)
{
    switch (row->type) {
    case SETTING_BOOL: json_bool(out, value->number != 0); return;
    case SETTING_INT: json_int(out, value->number); return;
    case SETTING_LIST:
    case SETTING_PATHS:
        json_array_begin(out);
        for (size_t i = 0; i < value->n_items; i++)
            json_text(out, value->items[i]);
        json_array_end(out);
        return;
    default:
        if ((row->flags & SETTING_SECRET) != 0 && *value->text != '\0')
            json_text(out, SECRET_MASK);
        else
            json_text(out, value->text);
        return;
    }
}
