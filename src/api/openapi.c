/* GET /api/openapi.json: the rows, printed (OpenAPI 3.1.0). */
#include <string.h>

#include "api/openapi_internal.h"
#include "formats/picture.h"

static const char *const query_types[] = {
    [QUERY_TEXT] = "string",
    [QUERY_INT] = "integer",
    [QUERY_BOOL] = "string",
    [QUERY_CHOICE] = "string",
};

static const char *const bool_texts[] = { "0", "1", "false", "true", NULL };

static void
write_parameter(const char *name, size_t n, const char *where, bool is_required,
                struct json_writer *out)
{
    json_object_begin(out);
    json_key(out, "name");
    json_str(out, (struct str){ name, n });
    member_text(out, "in", where);
    member_bool(out, "required", is_required);
}

static void
write_query(const struct query_param *param, struct json_writer *out)
{
    write_parameter(param->name, strlen(param->name), "query", false, out);
    member_text(out, "description", param->help);
    json_key(out, "schema");
    json_object_begin(out);
    member_text(out, "type", query_types[param->type]);
    if (param->type == QUERY_INT) {
        member_int(out, "minimum", param->min);
        member_int(out, "maximum", param->max);
    } else if (param->type == QUERY_TEXT) {
        member_int(out, "maxLength", param->max);
    } else {
        schema_print_choices(
            param->type == QUERY_BOOL ? bool_texts : param->choices, out);
    }
    json_object_end(out);
    json_object_end(out);
}

static void
write_parameters(const struct api_row *row, struct json_writer *out)
{
    json_key(out, "parameters");
    json_array_begin(out);
    for (const char *at = strchr(row->pattern, '{'); at != NULL;
         at = strchr(at + 1, '{')) {
        write_parameter(at + 1, strcspn(at + 1, "*}"), "path", true, out);
        json_key(out, "schema");
        schema_print(&schema_text, false, out);
        json_object_end(out);
    }
    for (const struct query_param *p = row->query; p != NULL && p->name != NULL;
         p++)
        write_query(p, out);
    openapi_write_shared(row, out);
    json_array_end(out);
}

static void
write_body(const struct api_row *row, struct json_writer *out)
{
    if (row->input == NULL)
        return;
    json_key(out, "requestBody");
    json_object_begin(out);
    member_bool(out, "required", (row->flags & ROW_BODY_OPTIONAL) == 0);
    json_key(out, "content");
    json_object_begin(out);
    json_key(out, "application/json");
    json_object_begin(out);
    json_key(out, "schema");
    schema_print(row->input, false, out);
    json_object_end(out);
    json_object_end(out);
    json_object_end(out);
}

/* {"success":true,"data":...} around a schema. */
static void
write_envelope(const struct schema *schema, struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "type", "object");
    json_key(out, "properties");
    json_object_begin(out);
    json_key(out, "success");
    json_object_begin(out);
    json_key(out, "const");
    json_bool(out, true);
    json_object_end(out);
    json_key(out, "data");
    schema_print(schema, false, out);
    json_object_end(out);
    json_key(out, "required");
    json_array_begin(out);
    json_text(out, "success");
    json_text(out, "data");
    json_array_end(out);
    member_bool(out, "additionalProperties", false);
    json_object_end(out);
}

/* Each type that it may have, bytes all of them. */
static void
write_pictures(struct json_writer *out)
{
    json_key(out, "content");
    json_object_begin(out);
    for (size_t i = 0; picture_types[i] != NULL; i++) {
        json_key(out, picture_types[i]);
        json_object_begin(out);
        json_key(out, "schema");
        schema_print(&schema_text, false, out);
        json_object_end(out);
    }
    json_object_end(out);
}

static void
write_content(const struct api_row *row, struct json_writer *out)
{
    if ((row->flags & ROW_PICTURE) != 0) {
        write_pictures(out);
        return;
    }
    const char *type = (row->flags & ROW_STREAM) != 0  ? "text/event-stream"
                       : (row->flags & ROW_PLAIN) != 0 ? "text/plain"
                                                       : "application/json";
    if (row->output == NULL && (row->flags & (ROW_STREAM | ROW_PLAIN)) == 0)
        return;
    json_key(out, "content");
    json_object_begin(out);
    json_key(out, type);
    json_object_begin(out);
    json_key(out, "schema");
    if (row->output == NULL)
        schema_print(&schema_text, false, out);
    else if ((row->flags & ROW_BARE) != 0)
        schema_print(row->output, false, out);
    else
        write_envelope(row->output, out);
    json_object_end(out);
    json_object_end(out);
}

static void
write_error_response(struct json_writer *out)
{
    json_key(out, "default");
    json_object_begin(out);
    member_text(out, "description", "What went wrong");
    json_key(out, "content");
    json_object_begin(out);
    json_key(out, "application/json");
    json_object_begin(out);
    json_key(out, "schema");
    schema_print(&schema_error, false, out);
    json_object_end(out);
    json_object_end(out);
    json_object_end(out);
}

static void
write_responses(const struct api_row *row, struct json_writer *out)
{
    json_key(out, "responses");
    json_object_begin(out);
    struct str rest = str_from(row->statuses);
    while (rest.n > 0) {
        struct str status = str_split(&rest, ' ');
        int64_t number = 0;
        str_to_i64(status, &number);
        json_key_str(out, status);
        json_object_begin(out);
        member_text(out, "description", http_status_reason((int)number));
        if (number != 204 && number != 304 && number != 101)
            write_content(row, out);
        json_object_end(out);
    }
    write_error_response(out);
    json_object_end(out);
}

static const char *const authority_names[] = {
    [AUTHORITY_NONE] = "none",           [AUTHORITY_READ] = "read",
    [AUTHORITY_INFERENCE] = "inference", [AUTHORITY_MODELS] = "models",
    [AUTHORITY_CONTROL] = "control",     [AUTHORITY_EXECUTE] = "execute",
};

const char *
openapi_authority_name(enum authority needs)
{
    return authority_names[needs];
}

static void
write_operation(const struct api_row *row, struct json_writer *out)
{
    char method[16];
    size_t n = 0;
    for (; row->method[n] != '\0' && n + 1 < sizeof method; n++)
        method[n] = (char)(row->method[n] | 0x20); /* letters only */
    json_key_str(out, (struct str){ method, n });
    json_object_begin(out);
    member_text(out, "summary", row->summary);
    member_text(out, "x-authority", authority_names[row->needs]);
    write_parameters(row, out);
    write_body(row, out);
    write_responses(row, out);
    json_object_end(out);
}

/* Rows of one path need not stand together: the first one prints all. */
static void
write_paths(struct json_writer *out)
{
    json_key(out, "paths");
    json_object_begin(out);
    for (size_t i = 0; i < n_api_rows; i++) {
        bool is_first = true;
        for (size_t j = 0; j < i && is_first; j++)
            is_first = strcmp(api_rows[j].pattern, api_rows[i].pattern) != 0;
        if (!is_first)
            continue;
        json_key(out, api_rows[i].pattern);
        json_object_begin(out);
        for (size_t j = i; j < n_api_rows; j++)
            if (strcmp(api_rows[j].pattern, api_rows[i].pattern) == 0)
                write_operation(&api_rows[j], out);
        json_object_end(out);
    }
    openapi_write_inference(out);
    json_object_end(out);
}

static void
write_security(struct json_writer *out)
{
    json_key(out, "securitySchemes");
    json_object_begin(out);
    json_key(out, "key");
    json_object_begin(out);
    member_text(out, "type", "http");
    member_text(out, "scheme", "bearer");
    json_object_end(out);
    json_key(out, "session");
    json_object_begin(out);
    member_text(out, "type", "apiKey");
    member_text(out, "in", "cookie");
    member_text(out, "name", "hearth_session");
    json_object_end(out);
    json_object_end(out);
}

void
openapi_write(const char *version, struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "openapi", "3.1.0");
    json_key(out, "info");
    json_object_begin(out);
    member_text(out, "title", "Hearth");
    member_text(out, "version", version);
    json_object_end(out);
    write_paths(out);
    json_key(out, "components");
    json_object_begin(out);
    json_key(out, "schemas");
    json_object_begin(out);
    for (size_t i = 0; i < n_named_schemas; i++) {
        json_key(out, named_schemas[i]->name);
        schema_print(named_schemas[i], true, out);
    }
    json_object_end(out);
    write_security(out);
    json_object_end(out);
    json_object_end(out);
}

void
openapi_show(struct call *call)
{
    openapi_write(call->api->options.version, reply_begin(call));
    reply_end(call, 200);
}
