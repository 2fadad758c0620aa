/* The gateway's paths in the OpenAPI document, printed from the rows that the
 * gateway routes by (records/inference_path.h).
 *
 * What an engine takes and gives is its own affair: beyond the model's name a
 * body is open, and an answer may be of any type. Only the errors are told
 * exactly, in the dialect of the path's clients, and what Hearth answers
 * itself: the lists of models, loading and unloading. */
#include <string.h>

#include "api/dialect.h"
#include "api/openapi_internal.h"
#include "records/inference_path.h"

/* The document knows no '*': the rest of a path is a parameter. */
enum { PATTERN_BYTES = 128 };

static void
write_pattern(const char *path, char ret_pattern[PATTERN_BYTES])
{
    size_t n = strlen(path);
    bool is_open = path[n - 1] == '*';
    const char *rest = !is_open                            ? ""
                       : strcmp(path, "/upstream/*") == 0  ? "{model}/{rest}"
                       : strcmp(path, "/v1/models/*") == 0 ? "{model}"
                                                           : "{rest}";
    snprintf(ret_pattern, PATTERN_BYTES, "%.*s%s", (int)(is_open ? n - 1 : n),
             path, rest);
}

static void
write_parameter(const char *name, const char *where, bool is_required,
                const char *help, struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "name", name);
    member_text(out, "in", where);
    member_bool(out, "required", is_required);
    member_text(out, "description", help);
    json_key(out, "schema");
    schema_print(&schema_text, false, out);
    json_object_end(out);
}

static void
write_parameters(const struct path_row *row, enum path_kind kind,
                 const char *pattern, struct json_writer *out)
{
    json_key(out, "parameters");
    json_array_begin(out);
    if (strstr(pattern, "{model}") != NULL)
        write_parameter("model", "path", true,
                        "Profile, alias or library model, percent-encoded.",
                        out);
    if (strstr(pattern, "{rest}") != NULL)
        write_parameter("rest", "path", true,
                        "What the engine serves there; may hold slashes.", out);
    if (kind == PATH_QUERY)
        write_parameter("model", "query", !row->is_open,
                        "Profile, alias or library model.", out);
    else if (kind == PATH_BODY)
        write_parameter("model", "query", false,
                        "Goes before the `model` of the body.", out);
    json_array_end(out);
}

static void
write_content(const char *type, const struct schema *schema,
              struct json_writer *out)
{
    json_key(out, type);
    json_object_begin(out);
    json_key(out, "schema");
    schema_print(schema, false, out);
    json_object_end(out);
}

static void
write_body(enum path_kind kind, struct json_writer *out)
{
    if (kind != PATH_BODY && kind != PATH_LOAD && kind != PATH_UNLOAD &&
        kind != PATH_UPSTREAM)
        return;
    json_key(out, "requestBody");
    json_object_begin(out);
    member_bool(out, "required", kind != PATH_UPSTREAM);
    json_key(out, "content");
    json_object_begin(out);
    if (kind == PATH_UPSTREAM) {
        write_content("*/*", &schema_any, out);
    } else {
        write_content("application/json", &schema_inference_request, out);
        if (kind == PATH_BODY)
            write_content("multipart/form-data", &schema_inference_request,
                          out);
    }
    json_object_end(out);
    json_object_end(out);
}

static void
begin_response(const char *status, const char *description,
               struct json_writer *out)
{
    json_key(out, status);
    json_object_begin(out);
    member_text(out, "description", description);
    json_key(out, "content");
    json_object_begin(out);
}

static void
end_response(struct json_writer *out)
{
    json_object_end(out);
    json_object_end(out);
}

/* Of an engine: any success, whole or streamed. */
static void
write_engine_responses(enum path_kind kind, struct json_writer *out)
{
    if (kind == PATH_UPSTREAM) {
        json_key(out, "101");
        json_object_begin(out);
        member_text(out, "description", "A WebSocket of the engine");
        json_object_end(out);
    }
    begin_response("2XX", "What the engine answers", out);
    write_content("application/json", &schema_any, out);
    write_content("text/event-stream", &schema_text, out);
    write_content("*/*", &schema_any, out);
    end_response(out);
}

static void
write_success(const char *path, enum path_kind kind, struct json_writer *out)
{
    const struct schema *schema = kind == PATH_LIST  ? &schema_inference_models
                                  : kind == PATH_ONE ? &schema_inference_model
                                                     : &schema_inference_change;
    if (kind == PATH_BODY || kind == PATH_QUERY || kind == PATH_UPSTREAM) {
        write_engine_responses(kind, out);
        return;
    }
    begin_response("200", "OK", out);
    write_content("application/json", schema, out);
    if (strcmp(path, "/models") == 0)
        write_content("text/html", &schema_text, out);
    end_response(out);
}

static void
write_responses(const char *path, enum path_kind kind, struct json_writer *out)
{
    bool is_anthropic = dialect_of_path(str_from(path)) == DIALECT_ANTHROPIC;
    json_key(out, "responses");
    json_object_begin(out);
    write_success(path, kind, out);
    begin_response("default", "What went wrong, or what the engine says did",
                   out);
    write_content("application/json",
                  is_anthropic ? &schema_anthropic_error : &schema_openai_error,
                  out);
    write_content("text/event-stream", &schema_text, out);
    end_response(out);
    json_object_end(out);
}

static const char *
summary_of(const struct path_row *row, enum path_kind kind)
{
    switch (kind) {
    case PATH_LIST: return "The models that can be asked";
    case PATH_ONE: return "One of them";
    case PATH_LOAD: return "Load a model";
    case PATH_UNLOAD: return "Unload a model";
    case PATH_UPSTREAM: return "Anything of a model's engine";
    default: break;
    }
    return row->is_open && kind == PATH_QUERY
               ? "Relayed to the model's engine; without a model, of Hearth"
               : "Relayed to the model's engine";
}

static void
write_operation(const struct path_row *row, const char *method,
                enum path_kind kind, const char *pattern,
                struct json_writer *out)
{
    char name[16];
    size_t n = strlen(method);
    for (size_t i = 0; i < n && i < sizeof name; i++)
        name[i] = (char)(method[i] | 0x20); /* letters only */
    json_key_str(out, (struct str){ name, n });
    json_object_begin(out);
    member_text(out, "summary", summary_of(row, kind));
    member_text(out, "x-authority",
                openapi_authority_name(inference_authority(
                    str_from(method), str_from(row->path))));
    write_parameters(row, kind, pattern, out);
    write_body(kind, out);
    write_responses(row->path, kind, out);
    json_object_end(out);
}

void
openapi_write_shared(const struct api_row *row, struct json_writer *out)
{
    const struct path_row *path = path_find(str_from(row->pattern));
    if (path != NULL && path_kind_of(path, str_from(row->method)) == PATH_QUERY)
        write_parameter("model", "query", false,
                        "Relayed to the engine of this model.", out);
}

static bool
is_ours(const char *path)
{
    for (size_t i = 0; i < n_api_rows; i++)
        if (strcmp(api_rows[i].pattern, path) == 0)
            return true;
    return false;
}

void
openapi_write_inference(struct json_writer *out)
{
    static const char *const methods[] = { "GET", "POST", "PUT", "PATCH",
                                           "DELETE" };
    for (size_t i = 0; i < n_path_rows; i++) {
        const struct path_row *row = &path_rows[i];
        char pattern[PATTERN_BYTES];
        if (is_ours(row->path))
            continue;
        write_pattern(row->path, pattern);
        json_key(out, pattern);
        json_object_begin(out);
        for (size_t j = 0; j < sizeof methods / sizeof *methods; j++) {
            enum path_kind kind = path_kind_of(row, str_from(methods[j]));
            if (kind != PATH_NONE)
                write_operation(row, methods[j], kind, pattern, out);
        }
        json_object_end(out);
    }
}
