/* Reading of messages: see reader.h.
 *
 * The head is appended to one buffer in bounded pieces and parsed there, so
 * that what llhttp points at stays valid and a field that came in two reads
 * is contiguous. The parser pauses at the end of the head. A counted body is
 * then counted here; only a chunked one goes on through the parser. */
#include "http/reader.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/list.h"
#include "http/rules.h"

enum {
    HEAD_PIECE_BYTES = 2 * 1024, /* body bytes copied in vain are fewer */
    HEAD_KEEP_BYTES = 4 * 1024,
    FIELDS_KEEP = 32,
    HEAD_MAX_BYTES = LIMIT_REQUEST_LINE_BYTES + 2 * LIMIT_HEADERS_BYTES,
};

static struct reader *
reader_of(llhttp_t *parser)
{
    return LIST_ENTRY(parser, struct reader, parser);
}

static int
on_url(llhttp_t *parser, const char *at, size_t n)
{
    struct reader *reader = reader_of(parser);
    if (reader->target.n == 0)
        reader->target.p = at;
    reader->target.n += n;
    if (reader->target.n > LIMIT_REQUEST_LINE_BYTES)
        return rules_refuse(reader, 414, "the request target is too long");
    return 0;
}

static int
on_method(llhttp_t *parser, const char *at, size_t n)
{
    struct reader *reader = reader_of(parser);
    if (reader->method.n == 0)
        reader->method.p = at;
    reader->method.n += n;
    return 0;
}

static int
count_field_bytes(struct reader *reader, size_t n)
{
    reader->n_field_bytes += n;
    if (reader->is_in_body && reader->n_field_bytes > READER_TRAILER_BYTES)
        return rules_refuse(reader, 400, "the trailers are too long");
    if (reader->n_field_bytes > LIMIT_HEADERS_BYTES)
        return rules_refuse(reader, 431, "the header fields are too long");
    return 0;
}

static int
add_field(struct reader *reader)
{
    if (reader->n_fields == LIMIT_HEADERS_COUNT)
        return rules_refuse(reader, 431, "too many header fields");
    if (reader->n_fields == reader->fields_capacity) {
        size_t capacity =
            reader->fields_capacity == 0 ? 16 : 2 * reader->fields_capacity;
        struct http_header *fields =
            realloc(reader->fields, capacity * sizeof *fields);
        if (fields == NULL)
            return rules_refuse(reader, 503, "out of memory");
        reader->fields = fields;
        reader->fields_capacity = capacity;
    }
    reader->fields[reader->n_fields++] = (struct http_header){ { 0 }, { 0 } };
    return 0;
}

static int
on_field_name(llhttp_t *parser, const char *at, size_t n)
{
    struct reader *reader = reader_of(parser);
    if (count_field_bytes(reader, n) != 0)
        return -1;
    if (reader->is_in_body)
        return 0;
    if (!reader->is_value_next) {
        if (add_field(reader) != 0)
            return -1;
        reader->is_value_next = true;
        reader->fields[reader->n_fields - 1].name.p = at;
    }
    reader->fields[reader->n_fields - 1].name.n += n;
    return 0;
}

static int
on_field_value(llhttp_t *parser, const char *at, size_t n)
{
    struct reader *reader = reader_of(parser);
    if (count_field_bytes(reader, n) != 0)
        return -1;
    if (reader->is_in_body)
        return 0;
    struct str *value = &reader->fields[reader->n_fields - 1].value;
    if (value->n == 0)
        value->p = at;
    value->n += n;
    return 0;
}

static int
on_field_end(llhttp_t *parser)
{
    struct reader *reader = reader_of(parser);
    if (reader->is_in_body)
        return 0;
    struct str *value = &reader->fields[reader->n_fields - 1].value;
    if (value->p == NULL)
        value->p = "";
    *value = str_trim(*value);
    reader->is_value_next = false;
    return count_field_bytes(reader, 4); /* ": " and CRLF */
}

static int
on_pause(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

static int
on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct reader *reader = reader_of(parser);
    reader->has_progress = true;
    reader->on_body(reader, (struct str){ at, n });
    return 0;
}

static int
on_extension(llhttp_t *parser, const char *at, size_t n)
{
    (void)at;
    struct reader *reader = reader_of(parser);
    reader->n_extension_bytes += n;
    if (reader->n_extension_bytes > READER_CHUNK_EXTENSION_BYTES)
        return rules_refuse(reader, 400, "a chunk extension is too long");
    return 0;
}

static int
on_chunk(llhttp_t *parser)
{
    struct reader *reader = reader_of(parser);
    reader->n_extension_bytes = 0;
    reader->has_progress = true;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_status = on_url, /* the reason phrase */
    .on_method = on_method,
    .on_header_field = on_field_name,
    .on_header_value = on_field_value,
    .on_header_value_complete = on_field_end,
    .on_headers_complete = on_pause,
    .on_body = on_body,
    .on_chunk_extension_name = on_extension,
    .on_chunk_extension_value = on_extension,
    .on_chunk_header = on_chunk,
    .on_message_complete = on_pause,
};

static void
clear_fields(struct reader *reader)
{
    size_t offset = offsetof(struct reader, n_field_bytes);
    memset((char *)reader + offset, 0, sizeof *reader - offset);
    reader->n = 0;
    reader->n_fields = 0;
}

void
reader_init(struct reader *reader, llhttp_type_t type,
            void (*on_body_bytes)(struct reader *reader, struct str bytes))
{
    memset(reader, 0, sizeof *reader);
    reader->on_body = on_body_bytes;
    llhttp_init(&reader->parser, type, &settings);
}

void
reader_release(struct reader *reader)
{
    free(reader->bytes);
    free(reader->fields);
    reader->bytes = NULL;
    reader->fields = NULL;
    reader->capacity = reader->fields_capacity = 0;
    clear_fields(reader);
}

void
reader_reset(struct reader *reader)
{
    if (reader->capacity > HEAD_KEEP_BYTES) {
        free(reader->bytes);
        reader->bytes = NULL;
        reader->capacity = 0;
    }
    if (reader->fields_capacity > FIELDS_KEEP) {
        free(reader->fields);
        reader->fields = NULL;
        reader->fields_capacity = 0;
    }
    clear_fields(reader);
    llhttp_init(&reader->parser, (llhttp_type_t)reader->parser.type, &settings);
}

static void
rebase(struct str *s, const char *from, size_t n, const char *to)
{
    if (s->p != NULL && s->p >= from && s->p <= from + n)
        s->p = to + (s->p - from);
}

/* Grows the head's buffer; every view into it moves along. */
static int
make_room(struct reader *reader, size_t n)
{
    size_t needed = reader->n + n;
    if (needed <= reader->capacity)
        return 0;
    size_t capacity = reader->capacity == 0 ? 1024 : reader->capacity;
    while (capacity < needed)
        capacity *= 2;
    char *bytes = malloc(capacity);
    if (bytes == NULL)
        return rules_refuse(reader, 503, "out of memory");
    if (reader->n > 0)
        memcpy(bytes, reader->bytes, reader->n);
    rebase(&reader->target, reader->bytes, reader->n, bytes);
    rebase(&reader->method, reader->bytes, reader->n, bytes);
    for (size_t i = 0; i < reader->n_fields; i++) {
        rebase(&reader->fields[i].name, reader->bytes, reader->n, bytes);
        rebase(&reader->fields[i].value, reader->bytes, reader->n, bytes);
    }
    free(reader->bytes);
    reader->bytes = bytes;
    reader->capacity = capacity;
    return 0;
}

/* An unknown method is 501 when it could be one, else 400. */
static int
refuse_method(struct reader *reader)
{
    size_t at = 0;
    while (at < reader->n &&
           (reader->bytes[at] == '\r' || reader->bytes[at] == '\n'))
        at++;
    size_t n = 0;
    while (at + n < reader->n && http_is_token_byte(reader->bytes[at + n]))
        n++;
    if (n == 0 || (at + n < reader->n && reader->bytes[at + n] != ' '))
        return rules_refuse(reader, 400, "the request line is malformed");
    return rules_refuse(reader, 501, "the method is not known");
}

/* The version is another one, or the line goes on after it. */
static int
refuse_version(struct reader *reader)
{
    size_t end = (size_t)(reader->target.p - reader->bytes) + reader->target.n;
    struct str rest = { reader->bytes + end, reader->n - end };
    bool is_version = rest.n >= 9 && str_starts_with(rest, STR(" HTTP/")) &&
                      rest.p[6] >= '0' && rest.p[6] <= '9' &&
                      rest.p[7] == '.' && rest.p[8] >= '0' && rest.p[8] <= '9';
    bool is_known = is_version && rest.p[6] == '1' && rest.p[8] <= '1';
    if (is_version && !is_known)
        return rules_refuse(
            reader, 505, "only versions 1.0 and 1.1 of HTTP are spoken here");
    return rules_refuse(reader, 400, "the request line is malformed");
}

static int
refuse_errno(struct reader *reader, llhttp_errno_t errnum)
{
    bool is_request = reader->parser.type == HTTP_REQUEST;
    switch ((int)errnum) {
    case HPE_INVALID_METHOD:
        if (is_request)
            return refuse_method(reader);
        break;
    case HPE_INVALID_VERSION:
        if (is_request && reader->target.p != NULL)
            return refuse_version(reader);
        break;
    case HPE_PAUSED_H2_UPGRADE:
        return rules_refuse(
            reader, 505, "only versions 1.0 and 1.1 of HTTP are spoken here");
    default: break;
    }
    const char *reason = llhttp_get_error_reason(&reader->parser);
    return rules_refuse(
        reader, 400, reason != NULL && *reason != '\0' ? reason : "malformed");
}

/* Appends a piece of the input and parses it: the number of bytes that
 * belong to the head, and whether it is whole. */
static enum reader_event
read_head(struct reader *reader, struct str *input)
{
    while (input->n > 0) {
        size_t n = input->n < HEAD_PIECE_BYTES ? input->n : HEAD_PIECE_BYTES;
        if (reader->n + n > HEAD_MAX_BYTES) {
            rules_refuse(reader, 431, "the head is too long");
            return READER_BAD;
        }
        if (make_room(reader, n) != 0)
            return READER_BAD;
        char *piece = reader->bytes + reader->n;
        memcpy(piece, input->p, n);
        reader->n += n;
        llhttp_errno_t errnum = llhttp_execute(&reader->parser, piece, n);
        if (errnum == HPE_OK) {
            input->p += n;
            input->n -= n;
            continue;
        }
        if (errnum != HPE_PAUSED) {
            refuse_errno(reader, errnum);
            return READER_BAD;
        }
        size_t taken = (size_t)(llhttp_get_error_pos(&reader->parser) - piece);
        reader->n -= n - taken;
        input->p += taken;
        input->n -= taken;
        return READER_HEAD;
    }
    return READER_MORE;
}

static int
check_head(struct reader *reader)
{
    reader->minor_version = reader->parser.http_minor;
    reader->status = reader->parser.status_code;
    int status = reader->parser.type == HTTP_REQUEST
                     ? rules_check_request(reader)
                     : rules_check_response(reader);
    if (status != 0)
        return -1;
    reader->is_in_body = true;
    reader->n_field_bytes = 0;
    reader->n_left =
        reader->framing == FRAMING_COUNTED ? reader->content_length : 0;
    if (reader->framing == FRAMING_CHUNKED)
        llhttp_resume(&reader->parser);
    return 0;
}

static enum reader_event
read_counted(struct reader *reader, struct str *input)
{
    struct str bytes = *input;
    if (reader->n_left < (int64_t)bytes.n)
        bytes.n = (size_t)reader->n_left;
    input->p += bytes.n;
    input->n -= bytes.n;
    reader->n_left -= (int64_t)bytes.n;
    if (bytes.n > 0)
        reader->on_body(reader, bytes);
    return reader->n_left == 0 ? READER_END : READER_MORE;
}

static enum reader_event
read_chunked(struct reader *reader, struct str *input)
{
    reader->has_progress = false;
    llhttp_errno_t errnum = llhttp_execute(&reader->parser, input->p, input->n);
    if (errnum == HPE_OK) {
        reader->n_stuck_bytes =
            reader->has_progress ? 0 : reader->n_stuck_bytes + input->n;
        if (reader->n_stuck_bytes > READER_STUCK_BYTES) {
            rules_refuse(reader, 400, "a chunk's framing is too long");
            return READER_BAD;
        }
        *input = (struct str){ input->p + input->n, 0 };
        return READER_MORE;
    }
    if (errnum != HPE_PAUSED) {
        refuse_errno(reader, errnum);
        return READER_BAD;
    }
    size_t taken = (size_t)(llhttp_get_error_pos(&reader->parser) - input->p);
    input->p += taken;
    input->n -= taken;
    reader->framing = FRAMING_NONE;
    return READER_END;
}

enum reader_event
reader_read(struct reader *reader, struct str *input)
{
    if (reader->refusal != 0)
        return READER_BAD;
    if (!reader->is_in_body) {
        enum reader_event event = read_head(reader, input);
        if (event == READER_HEAD && check_head(reader) != 0)
            return READER_BAD;
        return event;
    }
    switch (reader->framing) {
    case FRAMING_COUNTED: return read_counted(reader, input);
    case FRAMING_CHUNKED:
        return input->n == 0 ? READER_MORE : read_chunked(reader, input);
    case FRAMING_UNTIL_CLOSE:
        if (input->n > 0)
            reader->on_body(reader, *input);
        *input = (struct str){ input->p + input->n, 0 };
        return READER_MORE;
    case FRAMING_NONE: break;
    }
    return READER_END;
}

void
reader_skip_body(struct reader *reader)
{
    reader->framing = FRAMING_NONE;
    reader->n_left = 0;
}

enum reader_event
reader_finish(struct reader *reader)
{
    if (reader->refusal == 0 && reader->is_in_body &&
        (reader->framing == FRAMING_UNTIL_CLOSE ||
         reader->framing == FRAMING_NONE))
        return READER_END;
    rules_refuse(reader, 400, "the message ended early");
    return READER_BAD;
}
