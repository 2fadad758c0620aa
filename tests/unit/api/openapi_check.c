/* A judge of answers: see openapi_check.h. */
#include "openapi_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool complain(char complaint[COMPLAINT_BYTES], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool
complain(char complaint[COMPLAINT_BYTES], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(complaint, COMPLAINT_BYTES, format, args);
    va_end(args);
    return false;
}

static const struct json *
resolve(const struct json *document, const struct json *schema)
{
    struct str reference = STR("");
    if (!json_as_text(json_get(schema, "$ref"), &reference))
        return schema;
    str_split(&reference, '/'); /* "#" */
    const struct json *at = document;
    while (reference.n > 0)
        at = json_get_str(at, str_split(&reference, '/'));
    return at;
}

static const char *
type_word(const struct json *value)
{
    static const char *const words[] = {
        [JSON_NULL] = "null",     [JSON_BOOL] = "boolean",
        [JSON_INT] = "integer",   [JSON_REAL] = "number",
        [JSON_TEXT] = "string",   [JSON_ARRAY] = "array",
        [JSON_OBJECT] = "object",
    };
    return words[json_type(value)];
}

static bool
check_type(const struct json *schema, const struct json *value,
           const char *where, char *complaint)
{
    struct str wanted = STR("");
    if (!json_as_text(json_get(schema, "type"), &wanted))
        return true;
    const char *is = type_word(value);
    if (str_is(wanted, is) ||
        (str_is(wanted, "number") && strcmp(is, "integer") == 0))
        return true;
    return complain(complaint, "%s is %s, not %.*s", where, is,
                    STR_ARG(wanted));
}

static bool
check_enum(const struct json *schema, const struct json *value,
           const char *where, char *complaint)
{
    const struct json *list = json_get(schema, "enum");
    struct str text = STR("");
    if (list == NULL || !json_as_text(value, &text))
        return true;
    for (size_t i = 0; i < json_count(list); i++) {
        struct str choice = STR("");
        if (json_as_text(json_at(list, i), &choice) && str_eq(choice, text))
            return true;
    }
    return complain(complaint, "%s: \"%.*s\" is none of the enum", where,
                    STR_ARG(text));
}

static bool
check_const(const struct json *schema, const struct json *value,
            const char *where, char *complaint)
{
    const struct json *wanted = json_get(schema, "const");
    bool a = false, b = false;
    if (wanted == NULL)
        return true;
    if (json_as_bool(wanted, &a) && json_as_bool(value, &b) && a == b)
        return true;
    return complain(complaint, "%s is not the constant", where);
}

static bool
check_bounds(const struct json *schema, const struct json *value,
             const char *where, char *complaint)
{
    double bound = 0, number = 0;
    struct str text = STR("");
    if (json_as_real(value, &number)) {
        if (json_as_real(json_get(schema, "minimum"), &bound) && number < bound)
            return complain(complaint, "%s is below the minimum", where);
        if (json_as_real(json_get(schema, "maximum"), &bound) && number > bound)
            return complain(complaint, "%s is above the maximum", where);
    }
    if (json_as_text(value, &text)) {
        if (json_as_real(json_get(schema, "minLength"), &bound) &&
            (double)text.n < bound)
            return complain(complaint, "%s is too short", where);
        if (json_as_real(json_get(schema, "maxLength"), &bound) &&
            (double)text.n > bound)
            return complain(complaint, "%s is too long", where);
    }
    return true;
}

static bool
check_members(const struct json *document, const struct json *schema,
              const struct json *value, const char *where, char *complaint)
{
    const struct json *properties = json_get(schema, "properties");
    const struct json *more = json_get(schema, "additionalProperties");
    const struct json *required = json_get(schema, "required");
    for (size_t i = 0; i < json_count(required); i++) {
        struct str name = STR("");
        json_as_text(json_at(required, i), &name);
        if (json_get_str(value, name) == NULL)
            return complain(complaint, "%s lacks %.*s", where, STR_ARG(name));
    }
    struct json_iter iter;
    json_iter_init(&iter, value);
    while (json_iter_next(&iter)) {
        char path[200];
        bool is_open = true;
        const struct json *member = json_get_str(properties, iter.key);
        snprintf(path, sizeof path, "%.100s.%.*s", where,
                 (int)(iter.key.n > 80 ? 80 : iter.key.n), iter.key.p);
        if (member == NULL && json_as_bool(more, &is_open) && !is_open)
            return complain(complaint, "%s is not in the document", path);
        if (member == NULL && json_type(more) == JSON_OBJECT)
            member = more;
        if (member != NULL &&
            !schema_fits(document, member, iter.value, path, complaint))
            return false;
    }
    return true;
}

static bool
check_items(const struct json *document, const struct json *schema,
            const struct json *value, const char *where, char *complaint)
{
    const struct json *items = json_get(schema, "items");
    for (size_t i = 0; items != NULL && i < json_count(value); i++) {
        char path[200];
        snprintf(path, sizeof path, "%.150s[%zu]", where, i);
        if (!schema_fits(document, items, json_at(value, i), path, complaint))
            return false;
    }
    return true;
}

bool
schema_fits(const struct json *document, const struct json *schema,
            const struct json *value, const char *where,
            char complaint[COMPLAINT_BYTES])
{
    schema = resolve(document, schema);
    if (schema == NULL)
        return complain(complaint, "%s: its $ref leads nowhere", where);
    const struct json *any = json_get(schema, "anyOf");
    if (any != NULL) {
        for (size_t i = 0; i < json_count(any); i++)
            if (schema_fits(document, json_at(any, i), value, where, complaint))
                return true;
        return false;
    }
    return check_type(schema, value, where, complaint) &&
           check_enum(schema, value, where, complaint) &&
           check_const(schema, value, where, complaint) &&
           check_bounds(schema, value, where, complaint) &&
           (json_type(value) != JSON_OBJECT ||
            check_members(document, schema, value, where, complaint)) &&
           (json_type(value) != JSON_ARRAY ||
            check_items(document, schema, value, where, complaint));
}

static bool
path_matches(struct str pattern, struct str path)
{
    while (pattern.p != NULL && path.p != NULL) {
        struct str a = str_split(&pattern, '/');
        struct str b = str_split(&path, '/');
        bool is_param = a.n > 0 && a.p[0] == '{';
        if (!is_param && !str_eq(a, b))
            return false;
    }
    return pattern.p == NULL && path.p == NULL;
}

/* Fixed words win over patterns, as they do in serving. */
static const struct json *
find_path(const struct json *document, struct str path)
{
    const struct json *paths = json_get(document, "paths");
    const struct json *exact = json_get_str(paths, path);
    if (exact != NULL)
        return exact;
    struct json_iter iter;
    json_iter_init(&iter, paths);
    while (json_iter_next(&iter))
        if (path_matches(iter.key, path))
            return iter.value;
    return NULL;
}

bool
openapi_fits(const struct json *document, const char *method, const char *path,
             int status, const char *type, struct str body,
             char complaint[COMPLAINT_BYTES])
{
    struct str rest = str_from(path);
    struct str bare = str_split(&rest, '?');
    char name[16] = "", code[16];
    for (size_t i = 0; method[i] != '\0' && i + 1 < sizeof name; i++)
        name[i] = (char)(method[i] | 0x20);
    const struct json *operation = json_get(find_path(document, bare), name);
    if (operation == NULL)
        return complain(complaint, "%s %s is not in the document", method,
                        path);
    snprintf(code, sizeof code, "%d", status);
    const struct json *responses = json_get(operation, "responses");
    const struct json *response = json_get(responses, code);
    if (response == NULL && status >= 400)
        response = json_get(responses, "default");
    if (response == NULL)
        return complain(complaint, "%s %s: no response %d", method, path,
                        status);
    const struct json *content = json_get(response, "content");
    if (content == NULL)
        return body.n == 0 || complain(complaint, "%s %s: a body with %d",
                                       method, path, status);
    struct str kind = str_from(type);
    kind = str_trim(str_split(&kind, ';'));
    const struct json *schema = json_get(json_get_str(content, kind), "schema");
    if (schema == NULL)
        return complain(complaint, "%s %s: type %s is not in the document",
                        method, path, type);
    if (!str_is(kind, "application/json"))
        return true;
    struct error error = { .code = ERR_OK };
    struct json_doc *doc = json_parse(body, &error);
    if (doc == NULL)
        return complain(complaint, "%s %s: %s", method, path, error.message);
    bool fits =
        schema_fits(document, schema, json_root(doc), "answer", complaint);
    json_doc_free(doc);
    return fits;
}
