/* What a reader makes of bytes, as text: the same bytes must give the same
 * text however they are cut. */
#ifndef TESTS_FUZZ_HTTP_TRANSCRIPT_H
#define TESTS_FUZZ_HTTP_TRANSCRIPT_H

#include <stdlib.h>

#include "base/list.h"
#include "base/strbuf.h"
#include "http/reader.h"

/* Below every limit that counts pieces of input. */
enum { TRANSCRIPT_INPUT_MAX = 12 * 1024 };

struct transcript {
    struct reader reader;
    struct strbuf text;
};

static inline void
transcript_on_body(struct reader *reader, struct str bytes)
{
    struct transcript *transcript =
        LIST_ENTRY(reader, struct transcript, reader);
    if (bytes.n == 0)
        abort();
    strbuf_add_str(&transcript->text, bytes);
}

static inline void
transcript_add_head(struct transcript *transcript)
{
    const struct reader *reader = &transcript->reader;
    struct http_headers fields = reader_headers(reader);
    bool has_length = http_headers_get(fields, "content-length").p != NULL;
    bool has_coding = http_headers_get(fields, "transfer-encoding").p != NULL;
    if (has_length && has_coding)
        abort();
    strbuf_addf(&transcript->text, "\n[%d %d %lld %d]", reader->status,
                reader->minor_version, (long long)reader->content_length,
                (int)reader->framing);
    strbuf_add_str(&transcript->text, reader->method);
    strbuf_add_byte(&transcript->text, ' ');
    strbuf_add_str(&transcript->text, reader->target);
    for (size_t i = 0; i < fields.n; i++) {
        if (!http_header_is_clean(&fields.at[i]))
            abort();
        strbuf_add_byte(&transcript->text, '|');
        strbuf_add_str(&transcript->text, fields.at[i].name);
        strbuf_add_byte(&transcript->text, '=');
        strbuf_add_str(&transcript->text, fields.at[i].value);
    }
    strbuf_add_byte(&transcript->text, '\n');
}

/* False when nothing more is to be read. */
static inline bool
transcript_add_piece(struct transcript *transcript, struct str piece)
{
    struct reader *reader = &transcript->reader;
    for (;;) {
        struct str before = piece;
        switch (reader_read(reader, &piece)) {
        case READER_MORE:
            if (piece.n != 0)
                abort();
            return true;
        case READER_HEAD:
            transcript_add_head(transcript);
            if (reader->parser.type == HTTP_RESPONSE && reader->status < 200)
                reader_reset(reader);
            break;
        case READER_END:
            strbuf_add_text(&transcript->text, "\n[end]");
            reader_reset(reader);
            if (piece.n == 0)
                return true;
            break;
        case READER_BAD:
            if (reader->refusal < 400 || reader->message == NULL)
                abort();
            strbuf_add_text(&transcript->text, "\n[bad]");
            return false;
        }
        if (piece.n > before.n || piece.p + piece.n != before.p + before.n)
            abort();
    }
}

/* Reads the input cut into pieces whose lengths come from `cut`. */
static inline void
transcript_make(struct transcript *transcript, llhttp_type_t type,
                struct str input, size_t cut)
{
    reader_init(&transcript->reader, type, transcript_on_body);
    strbuf_init(&transcript->text, 1 << 20);
    bool goes_on = true;
    while (goes_on && input.n > 0) {
        size_t n = cut < input.n ? cut : input.n;
        /* A copy of its own: nobody may keep a pointer into it. */
        char *piece = malloc(n);
        if (piece == NULL)
            abort();
        memcpy(piece, input.p, n);
        goes_on = transcript_add_piece(transcript, (struct str){ piece, n });
        free(piece);
        input.p += n;
        input.n -= n;
    }
    if (goes_on && reader_finish(&transcript->reader) == READER_END)
        strbuf_add_text(&transcript->text, "\n[end by close]");
    reader_release(&transcript->reader);
}

static inline void
transcript_compare(llhttp_type_t type, struct str input)
{
    static const size_t cuts[] = { 1, 2, 3, 7, 64, 1000 };
    if (input.n > TRANSCRIPT_INPUT_MAX)
        return;
    struct transcript whole;
    transcript_make(&whole, type, input, input.n > 0 ? input.n : 1);
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct transcript cut;
        transcript_make(&cut, type, input, cuts[i]);
        if (!str_eq(strbuf_view(&whole.text), strbuf_view(&cut.text)))
            abort();
        strbuf_release(&cut.text);
    }
    strbuf_release(&whole.text);
}

#endif
