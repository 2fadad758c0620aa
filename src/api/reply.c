/* Answers of the control plane: one envelope, one set of headers. */
#include <stdarg.h>
#include <string.h>

#include "api/call.h"
#include "api/web_files.h"

/* The largest answer is a list of LIMIT_PROFILES long profiles. */
static const size_t REPLY_BYTES_MAX = 256 * MIB;

static void
add_header(struct http_header *at, size_t *n, const char *name,
           const char *value)
{
    at[(*n)++] = (struct http_header){ str_from(name), str_from(value) };
}

size_t
reply_headers(const struct auth_answer *who, enum reply_kind kind,
              struct http_header *at)
{
    static const struct {
        const char *cache, *vary;
    } kinds[] = {
        [REPLY_DATA] = { "no-store", "Origin" },
        [REPLY_PAGE] = { "no-cache", "Origin, Accept, Sec-Fetch-Mode" },
        [REPLY_FILE] = { "no-cache", "Origin, Accept-Encoding" },
        [REPLY_HASHED_FILE] = { "public, max-age=31536000, immutable",
                                "Origin, Accept-Encoding" },
        [REPLY_PICTURE] = { "private, no-cache", "Origin" },
    };
    size_t n = 0;
    add_header(at, &n, "X-Content-Type-Options", "nosniff");
    add_header(at, &n, "Cache-Control", kinds[kind].cache);
    add_header(at, &n, "Vary", kinds[kind].vary);
    if (kind == REPLY_PAGE) {
        add_header(at, &n, "Content-Security-Policy", web_files.policy);
        add_header(at, &n, "Referrer-Policy", "no-referrer");
        add_header(at, &n, "X-Frame-Options", "DENY");
    }
    if (kind == REPLY_PICTURE) {
        add_header(at, &n, "Content-Security-Policy",
                   "default-src 'none'; sandbox");
        add_header(at, &n, "Cross-Origin-Resource-Policy", "same-origin");
    }
    if (who->allow_origin[0] != '\0')
        add_header(at, &n, "Access-Control-Allow-Origin", who->allow_origin);
    return n;
}

void
reply_raw(struct call *call, int status, const char *type, struct str body,
          const struct http_header *extra)
{
    if (call->on_answer != NULL) {
        call_hand_over(call, status, body);
        return;
    }
    if (call->exchange == NULL || call->is_answered ||
        http_has_responded(call->exchange))
        return;
    struct http_header headers[REPLY_HEADERS_MAX + 2];
    size_t n = reply_headers(&call->who, REPLY_DATA, headers);
    if (status == 401)
        add_header(headers, &n, "WWW-Authenticate", "Bearer");
    if (extra != NULL)
        headers[n++] = *extra;
    call->is_answered = true;
    http_respond(call->exchange, status, (struct http_headers){ headers, n },
                 type, body);
}

struct json_writer *
reply_begin(struct call *call)
{
    strbuf_release(&call->out);
    strbuf_init(&call->out, REPLY_BYTES_MAX);
    json_writer_init(&call->writer, &call->out);
    if ((call->row->flags & ROW_BARE) == 0) {
        json_object_begin(&call->writer);
        json_key(&call->writer, "success");
        json_bool(&call->writer, true);
        json_key(&call->writer, "data");
    }
    return &call->writer;
}

static void
send_json(struct call *call, int status, const struct http_header *extra)
{
    if (strbuf_failed(&call->out)) {
        reply_raw(call, 503, "application/json",
                  STR("{\"success\":false,\"error\":{\"code\":\"no_memory\","
                      "\"message\":\"there is not enough memory for this "
                      "answer\"}}"),
                  NULL);
        return;
    }
    reply_raw(call, status, "application/json", strbuf_view(&call->out), extra);
}

void
reply_end_with(struct call *call, int status, const struct http_header *extra)
{
    if ((call->row->flags & ROW_BARE) == 0)
        json_object_end(&call->writer);
    send_json(call, status, extra);
}

void
reply_end(struct call *call, int status)
{
    reply_end_with(call, status, NULL);
}

void
reply_empty(struct call *call)
{
    reply_raw(call, 204, NULL, STR(""), NULL);
}

void
reply_done(void *ctx, const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL)
        reply_error(call, error);
    else
        reply_empty(call);
    call_unref(call);
}

/* Opens {"success":false,"error":{"code","message" and leaves it open. */
static struct json_writer *
begin_error(struct call *call, const char *code, const char *message)
{
    strbuf_release(&call->out);
    strbuf_init(&call->out, REPLY_BYTES_MAX);
    struct json_writer *w = &call->writer;
    json_writer_init(w, &call->out);
    json_object_begin(w);
    json_key(w, "success");
    json_bool(w, false);
    json_key(w, "error");
    json_object_begin(w);
    json_key(w, "code");
    json_text(w, code);
    json_key(w, "message");
    json_text(w, message);
    return w;
}

static void
write_detail(struct json_writer *w, const char *field, const char *message)
{
    json_object_begin(w);
    json_key(w, "field");
    json_text(w, field);
    json_key(w, "message");
    json_text(w, message);
    json_object_end(w);
}

void
reply_problems(struct call *call, const struct field_problems *problems,
               const struct error *error)
{
    bool has_field = error->field[0] != '\0';
    char message[ERROR_FIELD_MAX + ERROR_MESSAGE_MAX + 2];
    /* Read alone, a message must say what it is about. */
    bool is_bare = has_field && strstr(error->message, error->field) == NULL;
    snprintf(message, sizeof message, "%s%s%s", is_bare ? error->field : "",
             is_bare ? ": " : "", error->message);
    struct json_writer *w = begin_error(call, error_wire(error->code), message);
    if (problems->n > 0 || has_field) {
        json_key(w, "details");
        json_array_begin(w);
        for (size_t i = 0; i < problems->n; i++)
            write_detail(w, problems->at[i].field, problems->at[i].message);
        if (problems->n == 0)
            write_detail(w, error->field, error->message);
        json_array_end(w);
    }
    json_object_end(w);
    json_object_end(w);
    send_json(call, error_http_status(error->code), NULL);
}

void
reply_error(struct call *call, const struct error *error)
{
    struct field_problems none = { .n = 0 };
    reply_problems(call, &none, error);
}

void
reply_errorf(struct call *call, enum error_code code, const char *format, ...)
{
    struct error error = { .code = code };
    va_list args;
    va_start(args, format);
    vsnprintf(error.message, sizeof error.message, format, args);
    va_end(args);
    reply_error(call, &error);
}
