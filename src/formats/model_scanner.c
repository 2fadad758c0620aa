/* The "model" of a request: see model_scanner.h. */
#include "formats/model_scanner.h"

enum { MEMBER_MODEL, MEMBER_STREAM };

void
model_scanner_init(struct model_scanner *scanner)
{
    member_scanner_init(&scanner->members);
    member_scanner_want(&scanner->members, "model", MODEL_NAME_BYTES);
    member_scanner_want(&scanner->members, "stream", 8);
}

void
model_scanner_release(struct model_scanner *scanner)
{
    member_scanner_release(&scanner->members);
}

static const struct scanned_member *
model_member(const struct model_scanner *scanner)
{
    return &scanner->members.members[MEMBER_MODEL];
}

/* The value's text without its quotes, or { NULL, 0 } if it is no string. */
static struct str
inner_text(const struct model_scanner *scanner)
{
    struct str text = strbuf_view(&model_member(scanner)->text);
    if (text.n < 2 || text.p[0] != '"')
        return (struct str){ NULL, 0 };
    return (struct str){ text.p + 1, text.n - 2 };
}

static bool
is_name_good(const struct model_scanner *scanner)
{
    struct str inner = inner_text(scanner);
    if (inner.p == NULL)
        return false;
    struct strbuf name = STRBUF_INIT(MODEL_NAME_BYTES);
    bool is_good =
        json_unescape(inner, &name) == 0 && str_is_utf8(strbuf_view(&name));
    strbuf_release(&name);
    return is_good;
}

enum model_scan
model_scanner_feed(struct model_scanner *scanner, struct str bytes)
{
    bool was_whole = model_member(scanner)->is_whole;
    enum scan_state state = member_scanner_feed(&scanner->members, bytes);
    const struct scanned_member *model = model_member(scanner);
    if (model->n_seen > 1 || model->is_cut ||
        model->text.state == STRBUF_NO_MEMORY)
        return MODEL_ERROR;
    if (model->is_whole) {
        if (!was_whole && !is_name_good(scanner))
            return MODEL_ERROR;
        return MODEL_FOUND;
    }
    switch (state) {
    case SCAN_GOING: return MODEL_UNKNOWN;
    case SCAN_WHOLE: return MODEL_MISSING;
    default: return MODEL_ERROR;
    }
}

void
model_scanner_error(const struct model_scanner *scanner, struct error *error)
{
    const struct scanned_member *model = model_member(scanner);
    if (model->text.state == STRBUF_NO_MEMORY)
        error_set(error, ERR_NO_MEMORY, "out of memory");
    else if (model->n_seen > 1)
        error_set(error, ERR_BAD_REQUEST,
                  "\"model\" stands more than once in the request");
    else if (model->is_cut)
        error_set(error, ERR_BAD_REQUEST, "\"model\" is longer than %d bytes",
                  MODEL_NAME_BYTES);
    else if (model->is_whole)
        error_set(error, ERR_BAD_REQUEST,
                  "\"model\" must be a string of valid characters");
    else if (scanner->members.state == SCAN_NO_OBJECT)
        error_set(error, ERR_BAD_REQUEST, "the request must be a JSON object");
    else
        error_set(error, ERR_BAD_REQUEST,
                  "the request is not valid JSON (near byte %llu)",
                  (unsigned long long)scanner->members.offset);
}

int
model_scanner_name(const struct model_scanner *scanner, struct strbuf *out)
{
    return json_unescape(inner_text(scanner), out);
}

uint64_t
model_scanner_begin(const struct model_scanner *scanner)
{
    return model_member(scanner)->begin;
}

uint64_t
model_scanner_end(const struct model_scanner *scanner)
{
    return model_member(scanner)->end;
}

bool
model_scanner_streams(const struct model_scanner *scanner)
{
    const struct scanned_member *stream =
        &scanner->members.members[MEMBER_STREAM];
    return stream->is_whole && str_is(strbuf_view(&stream->text), "true");
}

bool
model_scanner_knows_stream(const struct model_scanner *scanner)
{
    return scanner->members.members[MEMBER_STREAM].is_whole ||
           scanner->members.state != SCAN_GOING;
}
