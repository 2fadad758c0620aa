/* The reader is yyjson, which does not recurse, wrapped in two checks of our
 * own: the depth is counted over the raw text before parsing, so that the
 * error has a place; repeated keys are looked for afterwards, over the flat
 * array in which yyjson keeps every value of a document. The strings of a
 * document lie in a copy of the input at their old offsets, which is how a
 * repeated key gets its line and column. */
#include "formats/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yyjson.h>

#include "base/limits.h"

/* `struct json` is a yyjson_val, `struct json_doc` a yyjson_doc. */
static yyjson_val *
val_of(const struct json *value)
{
    return (yyjson_val *)(uintptr_t)value;
}

static const struct json *
json_of(yyjson_val *value)
{
    return (const struct json *)(const void *)value;
}

/* ---- reading ---- */

/* Line and column (in characters) of a byte, both from 1. */
static void
locate(struct str text, size_t at, size_t *ret_line, size_t *ret_column)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < text.n; i++) {
        unsigned char byte = (unsigned char)text.p[i];
        if (byte == '\n') {
            line++;
            column = 1;
        } else if ((byte & 0xC0) != 0x80) {
            column++;
        }
    }
    *ret_line = line;
    *ret_column = column;
}

static int
set_error_at(struct error *error, struct str text, size_t at,
             const char *message)
{
    size_t line, column;
    locate(text, at, &line, &column);
    return error_set(error, ERR_BAD_REQUEST, "line %zu, column %zu: %s", line,
                     column, message);
}

static int
check_depth(struct str text, struct error *error)
{
    size_t depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < text.n; i++) {
        char byte = text.p[i];
        if (in_text) {
            if (byte == '\\')
                i++;
            else if (byte == '"')
                in_text = false;
        } else if (byte == '"') {
            in_text = true;
        } else if (byte == '[' || byte == '{') {
            if (++depth > LIMIT_JSON_DEPTH)
                return set_error_at(error, text, i,
                                    "nested too deeply (at most 64 levels)");
        } else if ((byte == ']' || byte == '}') && depth > 0) {
            depth--;
        }
    }
    return 0;
}

static struct str
text_of(yyjson_val *value)
{
    return (struct str){ yyjson_get_str(value), yyjson_get_len(value) };
}

static int
compare_keys(const void *a, const void *b)
{
    return str_compare(text_of(*(yyjson_val *const *)a),
                       text_of(*(yyjson_val *const *)b));
}

static int
report_duplicate(const yyjson_doc *doc, struct str text, yyjson_val *key,
                 struct error *error)
{
    char message[160];
    struct str name = text_of(key);
    snprintf(message, sizeof message, "the key \"%.*s\" stands there twice",
             (int)(name.n < 80 ? name.n : 80), name.p);
    const char *base = doc->str_pool != NULL ? doc->str_pool : text.p;
    size_t at = (size_t)(name.p - base);
    return set_error_at(error, text, at > 0 ? at - 1 : 0, message);
}

/* Small objects pairwise, without memory; large ones sorted. */
static int
check_object(const yyjson_doc *doc, struct str text, yyjson_val *object,
             struct error *error)
{
    enum { SMALL = 12 };
    size_t n = yyjson_obj_size(object);
    yyjson_val *few[SMALL];
    yyjson_val **keys = few;
    if (n > SMALL && (keys = calloc(n, sizeof(yyjson_val *))) == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    yyjson_obj_iter iter = yyjson_obj_iter_with(object);
    for (size_t i = 0; i < n; i++)
        keys[i] = yyjson_obj_iter_next(&iter);
    if (n > SMALL)
        qsort(keys, n, sizeof *keys, compare_keys);
    int result = 0;
    for (size_t i = 1; i < n && result == 0; i++) {
        size_t from = n > SMALL ? i - 1 : 0;
        for (size_t j = from; j < i && result == 0; j++) {
            if (!str_eq(text_of(keys[i]), text_of(keys[j])))
                continue;
            bool is_later = yyjson_get_str(keys[i]) > yyjson_get_str(keys[j]);
            result = report_duplicate(doc, text, keys[is_later ? i : j], error);
        }
    }
    if (keys != few)
        free(keys);
    return result;
}

static int
check_keys(yyjson_doc *doc, struct str text, struct error *error)
{
    for (size_t i = 0; i < doc->val_read; i++) {
        yyjson_val *value = doc->root + i;
        if (yyjson_is_obj(value) && yyjson_obj_size(value) > 1 &&
            check_object(doc, text, value, error) < 0)
            return -1;
    }
    return 0;
}

/* Without the in-situ flag the text is not written to. */
static struct json_doc *
parse(struct str text, yyjson_read_flag flags, struct error *error)
{
    if (text.n == 0) {
        error_set(error, ERR_BAD_REQUEST,
                  "line 1, column 1: nothing there, expected JSON");
        return NULL;
    }
    if (check_depth(text, error) < 0)
        return NULL;
    yyjson_read_err problem = { 0 };
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text.p, text.n, flags,
                                       NULL, &problem);
    if (doc == NULL) {
        if (problem.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
            error_set(error, ERR_NO_MEMORY, "out of memory");
        else
            set_error_at(error, text, problem.pos, problem.msg);
        return NULL;
    }
    if (check_keys(doc, text, error) < 0) {
        yyjson_doc_free(doc);
        return NULL;
    }
    return (struct json_doc *)doc;
}

struct json_doc *
json_parse(struct str text, struct error *error)
{
    return parse(text, YYJSON_READ_NOFLAG, error);
}

struct json_doc *
json_parse_in_place(struct strbuf *text, struct error *error)
{
    const struct str view = strbuf_view(text);
    char *padding = strbuf_reserve(text, YYJSON_PADDING_SIZE);
    if (padding == NULL) {
        bool is_full = text->state == STRBUF_FULL;
        error_set(error, is_full ? ERR_TOO_LARGE : ERR_NO_MEMORY,
                  is_full ? "it is too large" : "out of memory");
        return NULL;
    }
    memset(padding, 0, YYJSON_PADDING_SIZE);
    return parse((struct str){ text->p, view.n }, YYJSON_READ_INSITU, error);
}

size_t
json_values_at_most(struct str text)
{
    size_t n = 1;
    bool in_text = false;
    for (size_t i = 0; i < text.n; i++) {
        char byte = text.p[i];
        if (in_text && byte == '\\')
            i++;
        else if (byte == '"')
            in_text = !in_text;
        else if (!in_text &&
                 (byte == ',' || byte == ':' || byte == '[' || byte == '{'))
            n++;
    }
    return n;
}

void
json_doc_free(struct json_doc *doc)
{
    yyjson_doc_free((yyjson_doc *)doc);
}

const struct json *
json_root(const struct json_doc *doc)
{
    return json_of(yyjson_doc_get_root((yyjson_doc *)(uintptr_t)doc));
}

enum json_type
json_type(const struct json *value)
{
    yyjson_val *val = val_of(value);
    switch (yyjson_get_type(val)) {
    case YYJSON_TYPE_BOOL: return JSON_BOOL;
    case YYJSON_TYPE_NUM: return yyjson_is_int(val) ? JSON_INT : JSON_REAL;
    case YYJSON_TYPE_STR: return JSON_TEXT;
    case YYJSON_TYPE_ARR: return JSON_ARRAY;
    case YYJSON_TYPE_OBJ: return JSON_OBJECT;
    default: return JSON_NULL;
    }
}

const char *
json_type_name(enum json_type type)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",          [JSON_BOOL] = "true or false",
        [JSON_INT] = "a whole number", [JSON_REAL] = "a number",
        [JSON_TEXT] = "text",          [JSON_ARRAY] = "an array",
        [JSON_OBJECT] = "an object",
    };
    return names[type];
}

const struct json *
json_get(const struct json *object, const char *key)
{
    return json_get_str(object, str_from(key));
}

const struct json *
json_get_str(const struct json *object, struct str key)
{
    if (key.p == NULL)
        return NULL;
    return json_of(yyjson_obj_getn(val_of(object), key.p, key.n));
}

size_t
json_count(const struct json *array_or_object)
{
    yyjson_val *val = val_of(array_or_object);
    return yyjson_is_ctn(val) ? yyjson_get_len(val) : 0;
}

const struct json *
json_at(const struct json *array, size_t i)
{
    return json_of(yyjson_arr_get(val_of(array), i));
}

_Static_assert(sizeof(yyjson_obj_iter) <=
                   sizeof(((struct json_iter *)NULL)->state),
               "an iterator of yyjson fits json_iter.state");

void
json_iter_init(struct json_iter *iter, const struct json *object)
{
    *iter = (struct json_iter){ .value = NULL };
    yyjson_obj_iter state = yyjson_obj_iter_with(val_of(object));
    memcpy(iter->state, &state, sizeof state);
}

bool
json_iter_next(struct json_iter *iter)
{
    yyjson_obj_iter state;
    memcpy(&state, iter->state, sizeof state);
    yyjson_val *key = yyjson_obj_iter_next(&state);
    if (key == NULL)
        return false;
    iter->key = text_of(key);
    iter->value = json_of(yyjson_obj_iter_get_val(key));
    memcpy(iter->state, &state, sizeof state);
    return true;
}

bool
json_as_text(const struct json *value, struct str *ret)
{
    if (!yyjson_is_str(val_of(value)))
        return false;
    *ret = text_of(val_of(value));
    return true;
}

bool
json_as_int(const struct json *value, int64_t *ret)
{
    yyjson_val *val = val_of(value);
    if (!yyjson_is_int(val))
        return false;
    if (yyjson_is_uint(val) && yyjson_get_uint(val) > INT64_MAX)
        return false;
    *ret = yyjson_get_sint(val);
    return true;
}

bool
json_as_real(const struct json *value, double *ret)
{
    if (!yyjson_is_num(val_of(value)))
        return false;
    *ret = yyjson_get_num(val_of(value));
    return true;
}

bool
json_as_bool(const struct json *value, bool *ret)
{
    if (!yyjson_is_bool(val_of(value)))
        return false;
    *ret = yyjson_get_bool(val_of(value));
    return true;
}

char *
json_to_text(const struct json *value)
{
    return yyjson_val_write_opts(val_of(value), YYJSON_WRITE_NOFLAG, NULL, NULL,
                                 NULL);
}

/* ---- writing ---- */

void
json_writer_init(struct json_writer *w, struct strbuf *out)
{
    *w = (struct json_writer){ .out = out };
}

/* The comma before an item, where one is due. */
static void
begin_item(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth > 0) {
        if (w->has_items[w->depth - 1] != 0)
            strbuf_add_byte(w->out, ',');
        w->has_items[w->depth - 1] = 1;
    }
}

static void
open_container(struct json_writer *w, char bracket)
{
    begin_item(w);
    assert(w->depth < JSON_WRITER_DEPTH);
    w->has_items[w->depth++] = 0;
    strbuf_add_byte(w->out, bracket);
}

static void
close_container(struct json_writer *w, char bracket)
{
    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    strbuf_add_byte(w->out, bracket);
}

void
json_object_begin(struct json_writer *w)
{
    open_container(w, '{');
}

void
json_object_end(struct json_writer *w)
{
    close_container(w, '}');
}

void
json_array_begin(struct json_writer *w)
{
    open_container(w, '[');
}

void
json_array_end(struct json_writer *w)
{
    close_container(w, ']');
}

static const char short_escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
    ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
};

/* Bytes of the UTF-8 character at the front of `s`, or 0 when it is none. */
static size_t
utf8_length(struct str s)
{
    unsigned char lead = (unsigned char)s.p[0];
    if (lead < 0x80)
        return 1;
    size_t n = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (n > s.n || !str_is_utf8((struct str){ s.p, n }))
        return 0;
    return n;
}

static void
add_quoted(struct strbuf *out, struct str text)
{
    strbuf_add_byte(out, '"');
    size_t from = 0; /* what is before has been added */
    for (size_t i = 0; i < text.n;) {
        unsigned char byte = (unsigned char)text.p[i];
        size_t n = utf8_length((struct str){ text.p + i, text.n - i });
        if (n > 0 && byte >= 0x20 && byte != '"' && byte != '\\') {
            i += n;
            continue;
        }
        strbuf_add(out, text.p + from, i - from);
        if (n == 0)
            strbuf_add_text(out, "\xEF\xBF\xBD");
        else if (short_escapes[byte] != 0)
            strbuf_addf(out, "\\%c", short_escapes[byte]);
        else
            strbuf_addf(out, "\\u%04x", byte);
        from = ++i;
    }
    if (from < text.n)
        strbuf_add(out, text.p + from, text.n - from);
    strbuf_add_byte(out, '"');
}

void
json_key_str(struct json_writer *w, struct str key)
{
    assert(w->depth > 0 && !w->after_key);
    begin_item(w);
    add_quoted(w->out, key);
    strbuf_add_byte(w->out, ':');
    w->after_key = true;
}

void
json_key(struct json_writer *w, const char *key)
{
    json_key_str(w, str_from(key));
}

void
json_str(struct json_writer *w, struct str text)
{
    begin_item(w);
    add_quoted(w->out, text);
}

void
json_text(struct json_writer *w, const char *text)
{
    if (text == NULL)
        json_null(w);
    else
        json_str(w, str_from(text));
}

void
json_int(struct json_writer *w, int64_t value)
{
    begin_item(w);
    strbuf_addf(w->out, "%lld", (long long)value);
}

/* The shortest of the usual precisions that reads back as the same number. */
void
json_real(struct json_writer *w, double value)
{
    if (!isfinite(value)) {
        json_null(w);
        return;
    }
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        double back;
        if (str_to_double(str_from(digits), &back) == 0 && back == value)
            break;
    }
    begin_item(w);
    strbuf_add_text(w->out, digits);
}

void
json_bool(struct json_writer *w, bool value)
{
    json_raw(w, value ? STR("true") : STR("false"));
}

void
json_null(struct json_writer *w)
{
    json_raw(w, STR("null"));
}

void
json_raw(struct json_writer *w, struct str json)
{
    begin_item(w);
    strbuf_add_str(w->out, json);
}

void
json_value(struct json_writer *w, const struct json *value)
{
    size_t n = 0;
    char *text = yyjson_val_write_opts(val_of(value), YYJSON_WRITE_NOFLAG, NULL,
                                       &n, NULL);
    if (value == NULL)
        json_null(w);
    else if (text == NULL) /* out of memory; the buffer carries it on */
        w->out->state = STRBUF_NO_MEMORY;
    else
        json_raw(w, (struct str){ text, n });
    free(text);
}
