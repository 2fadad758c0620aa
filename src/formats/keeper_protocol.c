/* Frames between hearth and a keeper: see keeper_protocol.h. */
#include "formats/keeper_protocol.h"

#include <stdio.h>
#include <string.h>

enum { INTEGER_BYTES = 8 };

static void
store_le(char *to, uint64_t value, int n)
{
    for (int i = 0; i < n; i++)
        to[i] = (char)(unsigned char)(value >> (8 * i));
}

static uint64_t
load_le(const char *from, int n)
{
    uint64_t value = 0;
    for (int i = 0; i < n; i++)
        value |= (uint64_t)(unsigned char)from[i] << (8 * i);
    return value;
}

void
keeper_header_write(char ret_bytes[KEEPER_HEADER_BYTES], uint8_t type,
                    uint32_t n)
{
    store_le(ret_bytes, n, 4);
    ret_bytes[4] = (char)type;
}

ptrdiff_t
keeper_frame_next(struct str bytes, uint32_t max_body,
                  struct keeper_header *ret_header, struct str *ret_body)
{
    if (bytes.n < KEEPER_HEADER_BYTES)
        return 0;
    ret_header->n = (uint32_t)load_le(bytes.p, 4);
    ret_header->type = (uint8_t)bytes.p[4];
    if (ret_header->n > max_body)
        return -1;
    if (bytes.n - KEEPER_HEADER_BYTES < ret_header->n)
        return 0;
    *ret_body = (struct str){ bytes.p + KEEPER_HEADER_BYTES, ret_header->n };
    return (ptrdiff_t)KEEPER_HEADER_BYTES + (ptrdiff_t)ret_header->n;
}

/* ---- writing: the length is filled in at the end ---- */

static size_t
begin(struct strbuf *out, uint8_t type)
{
    char header[KEEPER_HEADER_BYTES];
    size_t at = out->n;
    keeper_header_write(header, type, 0);
    strbuf_add(out, header, sizeof header);
    return at;
}

static void
end(struct strbuf *out, size_t at)
{
    if (!strbuf_failed(out))
        store_le(out->p + at, out->n - at - KEEPER_HEADER_BYTES, 4);
}

static void
add_int(struct strbuf *out, uint64_t value)
{
    char bytes[INTEGER_BYTES];
    store_le(bytes, value, INTEGER_BYTES);
    strbuf_add(out, bytes, sizeof bytes);
}

static void
add_text(struct strbuf *out, const char *text)
{
    size_t n = strlen(text) + 1;
    add_int(out, n);
    strbuf_add(out, text, n);
}

void
keeper_spec_write(struct strbuf *out, const struct keeper_spec *spec)
{
    size_t at = begin(out, KEEPER_START);
    add_text(out, spec->instance_id);
    add_text(out, spec->program);
    add_text(out, spec->log_path);
    add_text(out, spec->exit_path);
    add_int(out, (uint64_t)spec->log_file_bytes);
    add_int(out, (uint64_t)spec->n_log_files);
    add_int(out, (uint64_t)spec->orphan_timeout_ms);
    add_int(out, spec->n_stop);
    for (size_t i = 0; i < spec->n_stop; i++) {
        add_int(out, (uint64_t)spec->stop[i].signum);
        add_int(out, (uint64_t)spec->stop[i].wait_ms);
    }
    add_int(out, spec->argc);
    for (size_t i = 0; i < spec->argc; i++)
        add_text(out, spec->argv[i]);
    add_int(out, spec->n_env);
    for (size_t i = 0; i < spec->n_env; i++)
        add_text(out, spec->env[i]);
    end(out, at);
}

/* One row for each field: writing and reading cannot drift apart. */
/* clang-format off */
#define STATUS_FIELDS(X)                                     \
    X(phase) X(keeper_pid) X(keeper_ticks)                   \
    X(engine_pid) X(engine_ticks) X(exec_errno)              \
    X(exit_code) X(exit_signal) X(stop_kind)                 \
    X(is_orphan_stop) X(started_at_ms) X(exited_at_ms)       \
    X(log_begin) X(log_end)
/* clang-format on */

void
keeper_status_write(struct strbuf *out, const struct keeper_status *status)
{
    size_t at = begin(out, KEEPER_STATUS);
    add_text(out, status->instance_id);
#define X(field) add_int(out, (uint64_t)status->field);
    STATUS_FIELDS(X)
#undef X
    end(out, at);
}

void
keeper_attach_write(struct strbuf *out, const char *instance_id)
{
    size_t at = begin(out, KEEPER_ATTACH);
    add_text(out, instance_id);
    end(out, at);
}

void
keeper_number_write(struct strbuf *out, uint8_t type, int64_t number)
{
    size_t at = begin(out, type);
    add_int(out, (uint64_t)number);
    end(out, at);
}

void
keeper_refused_write(struct strbuf *out, const char *why)
{
    size_t at = begin(out, KEEPER_REFUSED);
    add_text(out, why);
    end(out, at);
}

/* ---- reading: a failure sticks, later reads give nothing ---- */

struct cursor {
    struct str rest;
    bool has_failed;
};

static uint64_t
take_int(struct cursor *in)
{
    if (in->has_failed || in->rest.n < INTEGER_BYTES) {
        in->has_failed = true;
        return 0;
    }
    uint64_t value = load_le(in->rest.p, INTEGER_BYTES);
    in->rest.p += INTEGER_BYTES;
    in->rest.n -= INTEGER_BYTES;
    return value;
}

/* The text without its zero; it must hold exactly that one. */
static struct str
take_text(struct cursor *in)
{
    uint64_t n = take_int(in);
    struct str text = { "", 0 };
    if (in->has_failed || n == 0 || n > in->rest.n ||
        memchr(in->rest.p, 0, (size_t)n) != in->rest.p + n - 1) {
        in->has_failed = true;
        return text;
    }
    text = (struct str){ in->rest.p, (size_t)n - 1 };
    in->rest.p += n;
    in->rest.n -= (size_t)n;
    return text;
}

/* The body is the caller's own writable memory, see keeper_spec_read. */
static char *
take_pointer(struct cursor *in, char *body, const char *body_start)
{
    struct str text = take_text(in);
    return in->has_failed ? NULL : body + (text.p - body_start);
}

static size_t
take_count(struct cursor *in, size_t max)
{
    uint64_t n = take_int(in);
    if (n > max) {
        in->has_failed = true;
        return 0;
    }
    return (size_t)n;
}

int
keeper_spec_read(char *body, size_t n, struct keeper_spec *ret_spec,
                 struct error *error)
{
    struct cursor in = { { body, n }, false };
    const char *start = body;
    *ret_spec = (struct keeper_spec){ 0 };
    ret_spec->instance_id = take_pointer(&in, body, start);
    ret_spec->program = take_pointer(&in, body, start);
    ret_spec->log_path = take_pointer(&in, body, start);
    ret_spec->exit_path = take_pointer(&in, body, start);
    ret_spec->log_file_bytes = (int64_t)take_int(&in);
    ret_spec->n_log_files = (int64_t)take_int(&in);
    ret_spec->orphan_timeout_ms = (int64_t)take_int(&in);
    ret_spec->n_stop = take_count(&in, KEEPER_STOP_STEPS);
    for (size_t i = 0; i < ret_spec->n_stop; i++) {
        ret_spec->stop[i].signum = (int64_t)take_int(&in);
        ret_spec->stop[i].wait_ms = (int64_t)take_int(&in);
        if (ret_spec->stop[i].signum < 1 || ret_spec->stop[i].signum > 31 ||
            ret_spec->stop[i].wait_ms < 0)
            in.has_failed = true;
    }
    ret_spec->argc = take_count(&in, LIMIT_ARGV_COUNT);
    for (size_t i = 0; i < ret_spec->argc; i++)
        ret_spec->argv[i] = take_pointer(&in, body, start);
    ret_spec->n_env = take_count(&in, KEEPER_ENV_COUNT);
    for (size_t i = 0; i < ret_spec->n_env; i++)
        ret_spec->env[i] = take_pointer(&in, body, start);
    if (in.has_failed || ret_spec->argc == 0 ||
        strlen(ret_spec->instance_id) >= ID_BYTES ||
        ret_spec->log_file_bytes <= 0 || ret_spec->n_log_files < 1 ||
        ret_spec->orphan_timeout_ms < 0)
        return error_set(error, ERR_BAD_REQUEST,
                         "keeper: a malformed START of %zu bytes", n);
    return 0;
}

int
keeper_status_read(struct str body, struct keeper_status *ret_status,
                   struct error *error)
{
    struct cursor in = { body, false };
    struct str id = take_text(&in);
    *ret_status = (struct keeper_status){ 0 };
#define X(field) \
    ret_status->field = (__typeof__(ret_status->field))take_int(&in);
    STATUS_FIELDS(X)
#undef X
    if (in.has_failed || id.n >= ID_BYTES || ret_status->phase < 0 ||
        ret_status->phase >= KEEPER_PHASE_COUNT)
        return error_set(error, ERR_BAD_REQUEST,
                         "keeper: a malformed STATUS of %zu bytes", body.n);
    memcpy(ret_status->instance_id, id.p, id.n);
    return 0;
}

int
keeper_text_read(struct str body, struct str *ret_text)
{
    struct cursor in = { body, false };
    *ret_text = take_text(&in);
    return in.has_failed ? -1 : 0;
}

int
keeper_number_read(struct str body, int64_t *ret_number)
{
    struct cursor in = { body, false };
    *ret_number = (int64_t)take_int(&in);
    return in.has_failed ? -1 : 0;
}

int
keeper_log_read(struct str body, uint64_t *ret_position, struct str *ret_bytes)
{
    struct cursor in = { body, false };
    *ret_position = take_int(&in);
    *ret_bytes = in.rest;
    return in.has_failed ? -1 : 0;
}
