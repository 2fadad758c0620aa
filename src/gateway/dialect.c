/* Errors in the client's own words: see dialect.h. */
#include "gateway/dialect.h"

#include "formats/json.h"

struct type_row {
    int status; /* 0: every other one below 500; 500: every other above */
    const char *names[3];
};

static const struct type_row types[] = {
    { 401,
      { "authentication_error", "authentication_error",
        "authentication_error" } },
    { 403, { "permission_error", "permission_error", "permission_error" } },
    { 404, { "invalid_request_error", "not_found_error", "not_found_error" } },
    { 413,
      { "invalid_request_error", "request_too_large",
        "invalid_request_error" } },
    { 429, { "rate_limit_error", "rate_limit_error", "rate_limit_error" } },
    { 501,
      { "not_supported_error", "invalid_request_error",
        "not_supported_error" } },
    { 503, { "server_error", "overloaded_error", "unavailable_error" } },
    { 0,
      { "invalid_request_error", "invalid_request_error",
        "invalid_request_error" } },
    { 500, { "server_error", "api_error", "server_error" } },
};

enum error_dialect
error_dialect_of(struct str path)
{
    struct str messages = STR("/v1/messages");
    if (str_starts_with(path, messages) &&
        (path.n == messages.n || path.p[messages.n] == '/'))
        return ERRORS_ANTHROPIC;
    if (str_starts_with(path, STR("/v1/")) ||
        str_starts_with(path, STR("/sdapi/")))
        return ERRORS_OPENAI;
    return ERRORS_LLAMA;
}

static const char *
type_name(enum error_dialect dialect, int status)
{
    int rest = status < 500 ? 0 : 500;
    size_t i = 0;
    while (types[i].status != status && types[i].status != rest)
        i++;
    return types[i].names[dialect];
}

void
error_dialect_write(enum error_dialect dialect, int status, const char *code,
                    const char *message, struct strbuf *out)
{
    const char *type = type_name(dialect, status);
    struct json_writer w;
    json_writer_init(&w, out);
    json_object_begin(&w);
    if (dialect == ERRORS_ANTHROPIC) {
        json_key(&w, "type");
        json_text(&w, "error");
    }
    json_key(&w, "error");
    json_object_begin(&w);
    if (dialect == ERRORS_LLAMA) {
        json_key(&w, "code");
        json_int(&w, status);
    }
    json_key(&w, "message");
    json_text(&w, message);
    json_key(&w, "type");
    json_text(&w, type);
    if (dialect == ERRORS_OPENAI) {
        json_key(&w, "param");
        if (status == 404)
            json_text(&w, "model");
        else
            json_null(&w);
        json_key(&w, "code");
        json_text(&w, status == 404 ? "model_not_found" : code);
    }
    json_object_end(&w);
    json_object_end(&w);
}

void
error_dialect_write_event(enum error_dialect dialect, int status,
                          const char *code, const char *message,
                          struct strbuf *out)
{
    if (dialect == ERRORS_ANTHROPIC)
        strbuf_add_text(out, "event: error\n");
    strbuf_add_text(out, "data: ");
    error_dialect_write(dialect, status, code, message, out);
    strbuf_add_text(out, "\n\n");
}
