/* Reads one HTTP/1.1 message from bytes that come in any pieces: llhttp in
 * its strict mode for the grammar, and the rules of rules.c on top. No
 * sockets, no callbacks but the body's: server, client and fuzz targets use
 * the same code.
 *
 *     while (input.n > 0)
 *         switch (reader_read(&reader, &input)) {
 *         READER_MORE     all taken, go on with the next bytes
 *         READER_HEAD     the head is whole: fields below are valid; input
 *                         holds what follows it
 *         READER_END      the message is whole; input holds what follows
 *         READER_BAD      refuse: `refusal` and `message` say why
 *         }
 *
 * Body bytes go to on_body and are valid until it returns; they point into
 * the input, never into a copy, except those that came in one piece with
 * the end of the head. The head is copied once and stays until
 * reader_reset(). Trailers are checked, bounded and dropped. */
#ifndef HTTP_READER_H
#define HTTP_READER_H

#include <llhttp.h>

#include "http/message.h"

enum reader_event { READER_MORE, READER_HEAD, READER_END, READER_BAD };

enum reader_framing {
    FRAMING_NONE,
    FRAMING_COUNTED,
    FRAMING_CHUNKED,
    FRAMING_UNTIL_CLOSE, /* answers only */
};

enum {
    READER_CHUNK_EXTENSION_BYTES = 4 * 1024,
    READER_TRAILER_BYTES = 16 * 1024,
    READER_STUCK_BYTES = 16 * 1024, /* framing without any progress */
};

struct reader {
    llhttp_t parser;
    void (*on_body)(struct reader *reader, struct str bytes);

    char *bytes; /* the head as received */
    size_t n;
    size_t capacity;
    struct http_header *fields;
    size_t n_fields;
    size_t fields_capacity;
    size_t n_field_bytes;

    struct str target; /* of a request; reason of an answer */
    struct str method;
    int status;
    int minor_version;
    int64_t content_length; /* -1: chunked or until close */
    enum reader_framing framing;
    bool is_keep_alive;

    bool is_in_body;
    bool is_value_next; /* between a field's name and its end */
    bool has_progress;
    int64_t n_left; /* of a counted body */
    size_t n_extension_bytes;
    size_t n_stuck_bytes;

    int refusal; /* the status to refuse with */
    const char *message;
};

void reader_init(struct reader *reader, llhttp_type_t type,
                 void (*on_body)(struct reader *reader, struct str bytes));
void reader_release(struct reader *reader);
/* Ready for the next message. Keeps small buffers, frees large ones. */
void reader_reset(struct reader *reader);

/* See above. After READER_HEAD of a message without a body, the next call
 * says READER_END without taking anything. */
enum reader_event reader_read(struct reader *reader, struct str *input);
/* After READER_HEAD: there is no body, whatever the head says (HEAD, 1xx,
 * 204, 304). */
void reader_skip_body(struct reader *reader);
/* The stream ended: READER_END when that is the end of the message, else
 * READER_BAD. */
enum reader_event reader_finish(struct reader *reader);

/* True once any byte of this message was seen. */
static inline bool
reader_has_begun(const struct reader *reader)
{
    return reader->n > 0;
}

static inline struct http_headers
reader_headers(const struct reader *reader)
{
    return (struct http_headers){ reader->fields, reader->n_fields };
}

#endif
