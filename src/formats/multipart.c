/* The scanner looks for CR LF "--" boundary byte by byte, which is cheap: a
 * carriage return stands only at the delimiter's start, so after a mismatch
 * nothing before the byte at hand can begin one. */
#include "formats/multipart.h"

enum place {
    IN_PREAMBLE,
    AFTER_DELIMITER, /* "--" ends the body, else the rest of the line */
    AFTER_DASH,
    IN_PADDING, /* up to the line's end */
    IN_HEADER,
    IN_BODY,
    AT_END,
};

/* The value of `name` among parameters ("; a=b; c=\"d\""), unquoted; NULL if
 * it is not there. A quoted pair stands for its second byte, which does not
 * matter for the names looked for here. */
static struct str
parameter(struct str rest, const char *name)
{
    while (rest.n > 0) {
        struct str part = rest;
        bool is_quoted = false;
        size_t n = 0;
        while (n < rest.n && (is_quoted || rest.p[n] != ';')) {
            if (rest.p[n] == '"')
                is_quoted = !is_quoted;
            else if (rest.p[n] == '\\' && is_quoted && n + 1 < rest.n)
                n++;
            n++;
        }
        part.n = n;
        rest.p += n < rest.n ? n + 1 : n;
        rest.n -= n < rest.n ? n + 1 : n;
        ptrdiff_t equals = str_find(part, '=');
        if (equals < 0)
            continue;
        struct str key = str_trim((struct str){ part.p, (size_t)equals });
        struct str value = str_trim(
            (struct str){ part.p + equals + 1, part.n - (size_t)equals - 1 });
        if (!str_eq_nocase(key, str_from(name)))
            continue;
        if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
            return (struct str){ value.p + 1, value.n - 2 };
        return value;
    }
    return (struct str){ NULL, 0 };
}

int
multipart_scanner_init(struct multipart_scanner *scanner,
                       struct str content_type, struct error *error)
{
    *scanner = (struct multipart_scanner){ .where = IN_PREAMBLE };
    strbuf_init(&scanner->header, MULTIPART_HEADER_BYTES);
    strbuf_init(&scanner->model.text, MODEL_NAME_BYTES);
    strbuf_init(&scanner->stream.text, 16);
    struct str rest = content_type;
    struct str type = str_trim(str_split(&rest, ';'));
    if (!str_eq_nocase(type, STR("multipart/form-data")))
        return error_set(error, ERR_UNSUPPORTED_MEDIA,
                         "expected multipart/form-data");
    struct str boundary = parameter(rest, "boundary");
    if (boundary.n == 0 || boundary.n > MULTIPART_BOUNDARY_BYTES ||
        str_find(boundary, '\r') >= 0 || str_find(boundary, '\n') >= 0)
        return error_set(error, ERR_BAD_REQUEST,
                         "multipart/form-data needs a boundary of 1 to %d "
                         "characters",
                         MULTIPART_BOUNDARY_BYTES);
    memcpy(scanner->delimiter, "\r\n--", 4);
    memcpy(scanner->delimiter + 4, boundary.p, boundary.n);
    scanner->delimiter_n = 4 + boundary.n;
    scanner->n_matched = 2; /* the first one may stand at the very start */
    return 0;
}

void
multipart_scanner_release(struct multipart_scanner *scanner)
{
    strbuf_release(&scanner->header);
    strbuf_release(&scanner->model.text);
    strbuf_release(&scanner->stream.text);
}

/* ---- a part's header ---- */

static struct multipart_field *
field_of(struct multipart_scanner *scanner, struct str disposition)
{
    struct str rest = disposition;
    if (!str_eq_nocase(str_trim(str_split(&rest, ';')), STR("form-data")) ||
        parameter(rest, "filename").p != NULL)
        return NULL;
    struct str name = parameter(rest, "name");
    if (str_is(name, "model"))
        return &scanner->model;
    if (str_is(name, "stream"))
        return &scanner->stream;
    return NULL;
}

static void
end_header(struct multipart_scanner *scanner, uint64_t body_at)
{
    struct str rest = strbuf_view(&scanner->header);
    struct multipart_field *field = NULL;
    while (rest.n > 0) {
        struct str line = str_split(&rest, '\n');
        struct str value = line;
        struct str name = str_trim(str_split(&value, ':'));
        if (value.n > 0 && value.p[value.n - 1] == '\r')
            value.n--;
        if (value.p != NULL && str_eq_nocase(name, STR("content-disposition")))
            field = field_of(scanner, str_trim(value));
    }
    strbuf_clear(&scanner->header);
    scanner->current = NULL;
    if (field != NULL && field->n_seen++ == 0) {
        scanner->current = field;
        field->begin = body_at;
    } else if (field == &scanner->model) {
        scanner->problem =
            "the field \"model\" stands more than once in the request";
    }
    scanner->where = IN_BODY;
    scanner->n_matched = 2; /* an empty body: the delimiter's CR LF is the
                             * header's own last one */
}

static void
take_header_byte(struct multipart_scanner *scanner, char c, uint64_t next)
{
    strbuf_add_byte(&scanner->header, c);
    if (strbuf_failed(&scanner->header)) {
        scanner->problem = "the header of a part is too large";
        return;
    }
    struct str text = strbuf_view(&scanner->header);
    if (str_is(text, "\r\n") || str_ends_with(text, STR("\r\n\r\n")))
        end_header(scanner, next);
}

/* ---- bodies ---- */

static void
keep(struct multipart_scanner *scanner, const char *bytes, size_t n)
{
    struct multipart_field *field = scanner->current;
    if (field == NULL || n == 0)
        return;
    strbuf_add(&field->text, bytes, n);
    if (strbuf_failed(&field->text) && field == &scanner->model)
        scanner->problem = "the field \"model\" is too long";
}

/* The delimiter's last byte was at `next` - 1. */
static void
end_body(struct multipart_scanner *scanner, uint64_t next)
{
    struct multipart_field *field = scanner->current;
    if (field != NULL) {
        uint64_t end = next - scanner->delimiter_n;
        field->end = end < field->begin ? field->begin : end;
        field->is_whole = true;
        if (field == &scanner->model && !str_is_utf8(strbuf_view(&field->text)))
            scanner->problem =
                "the field \"model\" must be text of valid characters";
    }
    scanner->current = NULL;
    scanner->where = AFTER_DELIMITER;
    scanner->n_matched = 0;
}

/* Bytes that looked like a delimiter and were none belong to the value; at
 * its start the first two of them are the header's. */
static void
give_back(struct multipart_scanner *scanner, uint64_t at)
{
    struct multipart_field *field = scanner->current;
    size_t n = scanner->n_matched;
    if (field == NULL || n == 0)
        return;
    size_t skip = at - field->begin < n ? n - (size_t)(at - field->begin) : 0;
    keep(scanner, scanner->delimiter + skip, n - skip);
}

static void
take_body(struct multipart_scanner *scanner, const char *piece, const char **p,
          const char *end)
{
    while (*p < end && scanner->where != AFTER_DELIMITER) {
        uint64_t at = scanner->offset + (uint64_t)(*p - piece);
        if (scanner->n_matched == 0) {
            const char *cr = memchr(*p, '\r', (size_t)(end - *p));
            const char *to = cr == NULL ? end : cr;
            keep(scanner, *p, (size_t)(to - *p));
            *p = to;
            if (cr == NULL)
                return;
            scanner->n_matched = 1;
            (*p)++;
            continue;
        }
        if (**p == scanner->delimiter[scanner->n_matched]) {
            (*p)++;
            if (++scanner->n_matched == scanner->delimiter_n)
                end_body(scanner, at + 1);
            continue;
        }
        give_back(scanner, at);
        scanner->n_matched = 0;
    }
}

static void
take_line_byte(struct multipart_scanner *scanner, char c)
{
    switch (scanner->where) {
    case AFTER_DELIMITER:
        scanner->where = c == '-'    ? AFTER_DASH
                         : c == '\n' ? IN_HEADER
                                     : IN_PADDING;
        break;
    case AFTER_DASH: scanner->where = c == '-' ? AT_END : IN_PADDING; break;
    default:
        if (c == '\n')
            scanner->where = IN_HEADER;
        break;
    }
}

static enum model_scan
verdict(const struct multipart_scanner *scanner)
{
    if (scanner->problem != NULL)
        return MODEL_ERROR;
    if (scanner->model.is_whole)
        return MODEL_FOUND;
    return scanner->where == AT_END ? MODEL_MISSING : MODEL_UNKNOWN;
}

enum model_scan
multipart_scanner_feed(struct multipart_scanner *scanner, struct str bytes)
{
    const char *p = bytes.p;
    const char *end = bytes.p + bytes.n;
    while (p < end && scanner->problem == NULL && scanner->where != AT_END) {
        uint64_t next = scanner->offset + (uint64_t)(p - bytes.p) + 1;
        switch (scanner->where) {
        case IN_PREAMBLE:
        case IN_BODY: take_body(scanner, bytes.p, &p, end); break;
        case IN_HEADER: take_header_byte(scanner, *p++, next); break;
        default: take_line_byte(scanner, *p++); break;
        }
    }
    scanner->offset += bytes.n;
    return verdict(scanner);
}

void
multipart_scanner_error(const struct multipart_scanner *scanner,
                        struct error *error)
{
    error_set(error, ERR_BAD_REQUEST, "%s",
              scanner->problem != NULL ? scanner->problem
                                       : "the multipart body ended too early");
}

struct str
multipart_scanner_name(const struct multipart_scanner *scanner)
{
    return strbuf_view(&scanner->model.text);
}

bool
multipart_scanner_streams(const struct multipart_scanner *scanner)
{
    return scanner->stream.is_whole &&
           str_is(strbuf_view(&scanner->stream.text), "true");
}
