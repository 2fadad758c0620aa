/* Errors in the language of a path's clients: see dialect.h. */
#include "api/dialect.h"

#include "api/live/live.h"
#include "formats/engine_io.h"
#include "formats/json.h"

/* First segments whose clients speak OpenAI's or llama.cpp's protocol. */
static const char *const inference_segments[] = {
    "v1",     "models",    "completion",    "completions",    "chat",
    "infill", "tokenize",  "detokenize",    "embedding",      "embeddings",
    "rerank", "reranking", "props",         "apply-template", "slots",
    "sdapi",  "upstream",  "lora-adapters", "responses",
};

static bool
is_below(struct str path, struct str prefix)
{
    return str_starts_with(path, prefix) &&
           (path.n == prefix.n || path.p[prefix.n] == '/');
}

enum dialect
dialect_of_path(struct str path)
{
    if (live_is_path(path))
        return DIALECT_ENGINE_IO;
    if (is_below(path, STR("/v1/messages")))
        return DIALECT_ANTHROPIC;
    if (path.n < 2 || path.p[0] != '/')
        return DIALECT_OWN;
    struct str rest = { path.p + 1, path.n - 1 };
    struct str segment = str_split(&rest, '/');
    for (size_t i = 0;
         i < sizeof inference_segments / sizeof *inference_segments; i++)
        if (str_is(segment, inference_segments[i]))
            return DIALECT_OPENAI;
    return DIALECT_OWN;
}

struct type_row {
    int status;
    const char *openai;
    const char *anthropic;
};

/* The last row is for every other status below 500. */
static const struct type_row types[] = {
    { 401, "authentication_error", "authentication_error" },
    { 403, "permission_error", "permission_error" },
    { 404, "invalid_request_error", "not_found_error" },
    { 413, "invalid_request_error", "request_too_large" },
    { 429, "rate_limit_error", "rate_limit_error" },
    { 503, "server_error", "overloaded_error" },
    { 0, "invalid_request_error", "invalid_request_error" },
};

static struct type_row
type_of_status(int status)
{
    size_t i = 0;
    while (types[i].status != 0 && types[i].status != status)
        i++;
    if (types[i].status == 0 && status >= 500)
        return (struct type_row){ status, "server_error", "api_error" };
    return types[i];
}

static void
write_own(const char *code, const char *message, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "success");
    json_bool(w, false);
    json_key(w, "error");
    json_object_begin(w);
    json_key(w, "code");
    json_text(w, code);
    json_key(w, "message");
    json_text(w, message);
    json_object_end(w);
    json_object_end(w);
}

static void
write_openai(const char *type, const char *code, const char *message,
             struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "error");
    json_object_begin(w);
    json_key(w, "message");
    json_text(w, message);
    json_key(w, "type");
    json_text(w, type);
    json_key(w, "param");
    json_null(w);
    json_key(w, "code");
    json_text(w, code);
    json_object_end(w);
    json_object_end(w);
}

static void
write_anthropic(const char *type, const char *message, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "type");
    json_text(w, "error");
    json_key(w, "error");
    json_object_begin(w);
    json_key(w, "type");
    json_text(w, type);
    json_key(w, "message");
    json_text(w, message);
    json_object_end(w);
    json_object_end(w);
}

void
dialect_write(enum dialect dialect, int status, const char *code,
              const char *message, struct strbuf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    struct type_row type = type_of_status(status);
    switch (dialect) {
    case DIALECT_OWN: write_own(code, message, &w); break;
    case DIALECT_OPENAI: write_openai(type.openai, code, message, &w); break;
    case DIALECT_ANTHROPIC: write_anthropic(type.anthropic, message, &w); break;
    case DIALECT_ENGINE_IO:
        engine_io_write_refusal(status == 401 || status == 403
                                    ? ENGINE_IO_FORBIDDEN
                                    : ENGINE_IO_BAD_REQUEST,
                                out);
        break;
    }
}
