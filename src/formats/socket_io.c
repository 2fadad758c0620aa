/* Socket.IO packets: see socket_io.h. */
#include "formats/socket_io.h"

#include <inttypes.h>
#include <string.h>

enum { ESCAPE_BYTES = 6 }; /* of \uXXXX */

static bool
is_binary(enum socket_io_type type)
{
    return type == SOCKET_IO_BINARY_EVENT || type == SOCKET_IO_BINARY_ACK;
}

/* Cuts the digits at the front. */
static struct str
cut_digits(struct str *rest)
{
    struct str digits = { rest->p, 0 };
    while (digits.n < rest->n && rest->p[digits.n] >= '0' &&
           rest->p[digits.n] <= '9')
        digits.n++;
    rest->p += digits.n;
    rest->n -= digits.n;
    return digits;
}

static int
read_type(struct str *rest, struct socket_io_packet *packet,
          struct error *error)
{
    if (rest->n == 0 || rest->p[0] < '0' ||
        rest->p[0] >= '0' + SOCKET_IO_TYPE_COUNT)
        return error_set(error, ERR_BAD_REQUEST, "unknown packet type");
    packet->type = (enum socket_io_type)(rest->p[0] - '0');
    rest->p++;
    rest->n--;
    return 0;
}

static int
read_attachments(struct str *rest, struct socket_io_packet *packet,
                 struct error *error)
{
    int64_t n = 0;
    if (!is_binary(packet->type))
        return 0;
    struct str digits = cut_digits(rest);
    if (str_to_i64(digits, &n) < 0 || n < 1 || n > SOCKET_IO_ATTACHMENTS_MAX ||
        rest->n == 0 || rest->p[0] != '-')
        return error_set(error, ERR_BAD_REQUEST,
                         "a binary packet has 1 to %d attachments and a dash",
                         SOCKET_IO_ATTACHMENTS_MAX);
    rest->p++;
    rest->n--;
    packet->n_attachments = (size_t)n;
    return 0;
}

static void
read_namespace(struct str *rest, struct socket_io_packet *packet)
{
    packet->name_space = STR("/");
    if (rest->n > 0 && rest->p[0] == '/')
        packet->name_space = str_split(rest, ',');
}

static int
read_id(struct str *rest, struct socket_io_packet *packet, struct error *error)
{
    packet->id = -1;
    struct str digits = cut_digits(rest);
    if (digits.n > 0 &&
        (str_to_i64(digits, &packet->id) < 0 || packet->id > SOCKET_IO_ID_MAX))
        return error_set(error, ERR_BAD_REQUEST,
                         "an acknowledgement id is too large");
    return 0;
}

/* ---- payloads ---- */

static bool
is_reserved(struct str name)
{
    static const char *const names[] = { "connect",     "connect_error",
                                         "disconnect",  "disconnecting",
                                         "newListener", "removeListener" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

static bool
begins_with_name(const struct json *data)
{
    if (json_type(data) != JSON_ARRAY || json_count(data) == 0)
        return false;
    const struct json *first = json_at(data, 0);
    struct str name;
    if (json_as_text(first, &name))
        return !is_reserved(name);
    return json_type(first) == JSON_INT || json_type(first) == JSON_REAL;
}

static bool
is_payload_valid(const struct socket_io_packet *packet)
{
    bool has_data = packet->data != NULL;
    switch (packet->type) {
    case SOCKET_IO_CONNECT:
        return !has_data || json_type(packet->data) == JSON_OBJECT;
    case SOCKET_IO_DISCONNECT: return !has_data;
    case SOCKET_IO_EVENT: return !has_data || begins_with_name(packet->data);
    case SOCKET_IO_BINARY_EVENT: return begins_with_name(packet->data);
    case SOCKET_IO_ACK:
        return !has_data || json_type(packet->data) == JSON_ARRAY;
    case SOCKET_IO_BINARY_ACK: return json_type(packet->data) == JSON_ARRAY;
    case SOCKET_IO_CONNECT_ERROR:
        return json_type(packet->data) == JSON_TEXT ||
               json_type(packet->data) == JSON_OBJECT;
    case SOCKET_IO_TYPE_COUNT: break;
    }
    return false;
}

/* Every placeholder stands for an attachment that will come. The depth is
 * bounded by the reader of the JSON. */
static bool
are_placeholders_valid(const struct json *value, size_t n_attachments)
{
    bool is_placeholder = false;
    int64_t number = -1;
    if (json_type(value) == JSON_ARRAY) {
        size_t n = json_count(value);
        for (size_t i = 0; i < n; i++)
            if (!are_placeholders_valid(json_at(value, i), n_attachments))
                return false;
        return true;
    }
    if (json_type(value) != JSON_OBJECT)
        return true;
    json_as_bool(json_get(value, "_placeholder"), &is_placeholder);
    if (is_placeholder)
        return json_as_int(json_get(value, "num"), &number) && number >= 0 &&
               number < (int64_t)n_attachments;
    struct json_iter iter;
    for (json_iter_init(&iter, value); json_iter_next(&iter);)
        if (!are_placeholders_valid(iter.value, n_attachments))
            return false;
    return true;
}

/* The UTF-16 unit of an escape at `at`; -1: none is there. */
static int
escaped_unit(struct str text, size_t at)
{
    int unit = 0;
    if (text.n < ESCAPE_BYTES || at > text.n - ESCAPE_BYTES ||
        text.p[at] != '\\' || text.p[at + 1] != 'u')
        return -1;
    for (size_t i = at + 2; i < at + ESCAPE_BYTES; i++) {
        int digit = str_hex_digit(text.p[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* JavaScript cuts a text between the halves of a character and sends the
 * half as an escape: it becomes U+FFFD, which is as long. True if there was
 * one. */
static bool
mend_halves(struct strbuf *text)
{
    bool has_mended = false;
    for (size_t i = 0; i < text->n;) {
        int unit = escaped_unit(strbuf_view(text), i);
        bool is_high = unit >= 0xD800 && unit < 0xDC00;
        int next =
            is_high ? escaped_unit(strbuf_view(text), i + ESCAPE_BYTES) : -1;
        if (is_high && next >= 0xDC00 && next < 0xE000) {
            i += 2 * ESCAPE_BYTES;
            continue;
        }
        if (unit >= 0xD800 && unit < 0xE000) {
            memcpy(text->p + i, "\\uFFFD", ESCAPE_BYTES);
            has_mended = true;
        }
        if (unit >= 0)
            i += ESCAPE_BYTES;
        else
            i += text->p[i] == '\\' ? 2 : 1;
    }
    return has_mended;
}

static struct json_doc *
parse_payload(struct str text, struct error *error)
{
    struct json_doc *doc = json_parse(text, error);
    struct strbuf copy = STRBUF_INIT(SIZE_MAX / 2);
    if (doc != NULL || !str_contains_nocase(text, STR("\\ud")))
        return doc;
    strbuf_add_str(&copy, text);
    if (!strbuf_failed(&copy) && mend_halves(&copy))
        doc = json_parse(strbuf_view(&copy), error);
    strbuf_release(&copy);
    return doc;
}

static int
read_payload(struct str rest, struct socket_io_packet *packet,
             struct error *error)
{
    if (rest.n > 0) {
        packet->doc = parse_payload(rest, error);
        if (packet->doc == NULL)
            return -1;
        packet->data = json_root(packet->doc);
    }
    if (is_payload_valid(packet) &&
        (!is_binary(packet->type) ||
         are_placeholders_valid(packet->data, packet->n_attachments)))
        return 0;
    socket_io_packet_release(packet);
    return error_set(error, ERR_BAD_REQUEST,
                     "the payload does not suit the packet's type");
}

int
socket_io_read(struct str text, struct socket_io_packet *ret_packet,
               struct error *error)
{
    *ret_packet = (struct socket_io_packet){ .id = -1 };
    if (read_type(&text, ret_packet, error) < 0 ||
        read_attachments(&text, ret_packet, error) < 0)
        return -1;
    read_namespace(&text, ret_packet);
    if (read_id(&text, ret_packet, error) < 0)
        return -1;
    return read_payload(text, ret_packet, error);
}

void
socket_io_packet_release(struct socket_io_packet *packet)
{
    json_doc_free(packet->doc);
    packet->doc = NULL;
    packet->data = NULL;
}

void
socket_io_write_head(const struct socket_io_packet *packet, struct strbuf *out)
{
    strbuf_add_byte(out, (char)('0' + (int)packet->type));
    if (is_binary(packet->type))
        strbuf_addf(out, "%zu-", packet->n_attachments);
    if (packet->name_space.n > 0 && !str_is(packet->name_space, "/")) {
        strbuf_add_str(out, packet->name_space);
        strbuf_add_byte(out, ',');
    }
    if (packet->id >= 0)
        strbuf_addf(out, "%" PRId64, packet->id);
}
