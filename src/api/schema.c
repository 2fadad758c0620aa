/* Schemas: printed as JSON Schema, and checked against what clients send. */
#include "api/schema.h"

#include <stdarg.h>
#include <stdio.h>

void
problem_add(struct field_problems *problems, struct str field,
            const char *format, ...)
{
    if (problems->n == FIELD_PROBLEMS_MAX)
        return;
    struct field_problem *problem = &problems->at[problems->n++];
    size_t n =
        field.n < sizeof problem->field ? field.n : sizeof problem->field - 1;
    snprintf(problem->field, sizeof problem->field, "%.*s", (int)n,
             n == 0 ? "" : field.p);
    va_list args;
    va_start(args, format);
    vsnprintf(problem->message, sizeof problem->message, format, args);
    va_end(args);
}

/* ---- printing ---- */

static const char *const type_names[] = {
    [SCHEMA_TEXT] = "string",   [SCHEMA_INT] = "integer",
    [SCHEMA_REAL] = "number",   [SCHEMA_BOOL] = "boolean",
    [SCHEMA_OBJECT] = "object", [SCHEMA_ARRAY] = "array",
    [SCHEMA_MAP] = "object",
};

void
schema_print_choices(const char *const *choices, struct json_writer *out)
{
    json_key(out, "enum");
    json_array_begin(out);
    for (size_t i = 0; choices[i] != NULL; i++)
        json_text(out, choices[i]);
    json_array_end(out);
}

static void
print_bounds(enum schema_type type, int64_t min, int64_t max,
             struct json_writer *out)
{
    if (max <= min)
        return;
    bool is_text = type == SCHEMA_TEXT;
    json_key(out, is_text ? "minLength" : "minimum");
    json_int(out, min);
    json_key(out, is_text ? "maxLength" : "maximum");
    json_int(out, max);
}

static void
print_record_type(const struct field *field, bool has_bounds,
                  struct json_writer *out)
{
    static const enum schema_type types[] = {
        [FIELD_TEXT] = SCHEMA_TEXT,          [FIELD_INT] = SCHEMA_INT,
        [FIELD_INT64] = SCHEMA_INT,          [FIELD_BOOL] = SCHEMA_BOOL,
        [FIELD_ENUM] = SCHEMA_TEXT,          [FIELD_TEXT_LIST] = SCHEMA_ARRAY,
        [FIELD_JSON_OBJECT] = SCHEMA_OBJECT, [FIELD_JSON_ARRAY] = SCHEMA_ARRAY,
    };
    enum schema_type type = types[field->type];
    json_object_begin(out);
    json_key(out, "type");
    json_text(out, type_names[type]);
    if (type == SCHEMA_ARRAY) {
        json_key(out, "items");
        schema_print(&schema_text, false, out);
    } else if (field->type == FIELD_ENUM) {
        schema_print_choices(field->choices, out);
    } else if (has_bounds && type != SCHEMA_BOOL && type != SCHEMA_OBJECT) {
        print_bounds(type, field->min, field->max, out);
    }
    json_key(out, "description");
    json_text(out, field->help);
    json_object_end(out);
}

static bool
is_shown(const struct field *field, enum schema_record record)
{
    return record == RECORD_PROFILE || (field->flags & FIELD_READ_ONLY) == 0;
}

static void
print_field(const struct schema_field *field, struct json_writer *out)
{
    if ((field->flags & FIELD_IS_NULLABLE) == 0) {
        schema_print(field->schema, false, out);
        return;
    }
    json_object_begin(out);
    json_key(out, "anyOf");
    json_array_begin(out);
    schema_print(field->schema, false, out);
    json_object_begin(out);
    json_key(out, "type");
    json_text(out, "null");
    json_object_end(out);
    json_array_end(out);
    if (field->help != NULL) {
        json_key(out, "description");
        json_text(out, field->help);
    }
    json_object_end(out);
}

static void
print_model_type(const struct model_field *field, struct json_writer *out)
{
    static const enum schema_type types[] = {
        [MODEL_TEXT] = SCHEMA_TEXT,   [MODEL_INT] = SCHEMA_INT,
        [MODEL_BOOL] = SCHEMA_BOOL,   [MODEL_LIST] = SCHEMA_ARRAY,
        [MODEL_CHOICE] = SCHEMA_TEXT,
    };
    json_object_begin(out);
    json_key(out, "type");
    json_text(out, type_names[types[field->type]]);
    if (field->type == MODEL_LIST) {
        json_key(out, "items");
        schema_print(&schema_text, false, out);
    } else if (field->type == MODEL_CHOICE) {
        schema_print_choices(field->choices, out);
    }
    if (field->help != NULL) {
        json_key(out, "description");
        json_text(out, field->help);
    }
    json_object_end(out);
}

static void
print_model_properties(struct json_writer *out)
{
    json_key(out, "id");
    schema_print(&schema_text, false, out);
    for (size_t i = 0; i < n_model_fields; i++) {
        if ((model_fields[i].flags & MODEL_HIDDEN) != 0)
            continue;
        json_key(out, model_fields[i].name);
        print_model_type(&model_fields[i], out);
    }
}

static void
print_properties(const struct schema *schema, struct json_writer *out)
{
    json_key(out, "properties");
    json_object_begin(out);
    if (schema->record == RECORD_MODEL)
        print_model_properties(out);
    bool is_profile =
        schema->record != RECORD_NONE && schema->record != RECORD_MODEL;
    for (size_t i = 0; is_profile && i < n_profile_fields; i++) {
        if (!is_shown(&profile_fields[i], schema->record))
            continue;
        json_key(out, profile_fields[i].name);
        print_record_type(&profile_fields[i], schema->record != RECORD_PROFILE,
                          out);
    }
    for (size_t i = 0; i < schema->n_fields; i++) {
        json_key(out, schema->fields[i].name);
        print_field(&schema->fields[i], out);
    }
    json_object_end(out);
}

static void
print_required(const struct schema *schema, struct json_writer *out)
{
    json_key(out, "required");
    json_array_begin(out);
    for (size_t i = 0; schema->record == RECORD_PROFILE && i < n_profile_fields;
         i++)
        json_text(out, profile_fields[i].name);
    if (schema->record == RECORD_MODEL)
        json_text(out, "id");
    for (size_t i = 0; schema->record == RECORD_MODEL && i < n_model_fields;
         i++)
        if ((model_fields[i].flags & (MODEL_HIDDEN | MODEL_DETAIL)) == 0)
            json_text(out, model_fields[i].name);
    if (schema->record == RECORD_PROFILE_NEW)
        json_text(out, "name");
    for (size_t i = 0; i < schema->n_fields; i++)
        if ((schema->fields[i].flags & FIELD_IS_OPTIONAL) == 0)
            json_text(out, schema->fields[i].name);
    json_array_end(out);
}

static void
print_reference(const char *name, struct json_writer *out)
{
    char path[128];
    snprintf(path, sizeof path, "#/components/schemas/%s", name);
    json_object_begin(out);
    json_key(out, "$ref");
    json_text(out, path);
    json_object_end(out);
}

void
schema_print(const struct schema *schema, bool is_definition,
             struct json_writer *out)
{
    if (schema->name != NULL && !is_definition) {
        print_reference(schema->name, out);
        return;
    }
    json_object_begin(out);
    if (schema->type != SCHEMA_ANY) {
        json_key(out, "type");
        json_text(out, type_names[schema->type]);
    }
    print_bounds(schema->type, schema->min, schema->max, out);
    if (schema->choices != NULL)
        schema_print_choices(schema->choices, out);
    if (schema->type == SCHEMA_ARRAY) {
        json_key(out, "items");
        schema_print(schema->of, false, out);
    } else if (schema->type == SCHEMA_MAP) {
        json_key(out, "additionalProperties");
        schema_print(schema->of, false, out);
    } else if (schema->type == SCHEMA_OBJECT) {
        print_properties(schema, out);
        print_required(schema, out);
        json_key(out, "additionalProperties");
        json_bool(out, schema->is_open);
    }
    json_object_end(out);
}

/* ---- checking ---- */

static const struct schema_field *
find_field(const struct schema *schema, struct str name)
{
    for (size_t i = 0; i < schema->n_fields; i++)
        if (str_is(name, schema->fields[i].name))
            return &schema->fields[i];
    return NULL;
}

static void
check_text(const struct schema *schema, struct str field, struct str text,
           struct field_problems *problems)
{
    if (schema->max > schema->min &&
        ((int64_t)text.n < schema->min || (int64_t)text.n > schema->max)) {
        problem_add(problems, field, "must have %lld to %lld bytes, not %zu",
                    (long long)schema->min, (long long)schema->max, text.n);
        return;
    }
    if (schema->choices == NULL)
        return;
    for (size_t i = 0; schema->choices[i] != NULL; i++)
        if (str_is(text, schema->choices[i]))
            return;
    char list[160] = "";
    size_t n = 0;
    for (size_t i = 0; schema->choices[i] != NULL && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s",
                              i == 0 ? "" : ", ", schema->choices[i]);
    problem_add(problems, field, "must be one of %s", list);
}

static const char *
expected_name(enum schema_type type)
{
    static const enum json_type names[] = {
        [SCHEMA_TEXT] = JSON_TEXT,     [SCHEMA_INT] = JSON_INT,
        [SCHEMA_REAL] = JSON_REAL,     [SCHEMA_BOOL] = JSON_BOOL,
        [SCHEMA_OBJECT] = JSON_OBJECT, [SCHEMA_ARRAY] = JSON_ARRAY,
        [SCHEMA_MAP] = JSON_OBJECT,
    };
    return json_type_name(names[type]);
}

static bool
has_type(const struct schema *schema, const struct json *value)
{
    int64_t whole = 0;
    double real = 0;
    switch (schema->type) {
    case SCHEMA_TEXT: return json_type(value) == JSON_TEXT;
    case SCHEMA_INT: return json_as_int(value, &whole);
    case SCHEMA_REAL: return json_as_real(value, &real);
    case SCHEMA_BOOL: return json_type(value) == JSON_BOOL;
    case SCHEMA_OBJECT:
    case SCHEMA_MAP: return json_type(value) == JSON_OBJECT;
    case SCHEMA_ARRAY: return json_type(value) == JSON_ARRAY;
    case SCHEMA_ANY: return true;
    }
    return false;
}

static void
check_value(const struct schema_field *field, const struct json *value,
            struct field_problems *problems)
{
    struct str name = str_from(field->name);
    if (json_type(value) == JSON_NULL &&
        (field->flags & FIELD_IS_NULLABLE) != 0)
        return;
    if (!has_type(field->schema, value)) {
        problem_add(problems, name, "must be %s, not %s",
                    expected_name(field->schema->type),
                    json_type_name(json_type(value)));
        return;
    }
    struct str text = STR("");
    if (json_as_text(value, &text))
        check_text(field->schema, name, text, problems);
}

bool
schema_check(const struct schema *schema, const struct json *object,
             struct field_problems *problems)
{
    struct json_iter iter;
    json_iter_init(&iter, object);
    while (json_iter_next(&iter)) {
        const struct schema_field *field = find_field(schema, iter.key);
        if (field != NULL)
            check_value(field, iter.value, problems);
        else if (!schema->is_open)
            problem_add(problems, iter.key, "is not a known field here");
    }
    for (size_t i = 0; i < schema->n_fields; i++)
        if ((schema->fields[i].flags & FIELD_IS_OPTIONAL) == 0 &&
            json_get(object, schema->fields[i].name) == NULL)
            problem_add(problems, str_from(schema->fields[i].name),
                        "is missing");
    return problems->n == 0;
}
