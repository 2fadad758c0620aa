/* Server-sent events (WHATWG HTML, section 9.2.6), read in any cut: lines
 * end in CR, LF or CRLF, `data` lines of one event are joined by LF, comments
 * and unknown fields are dropped. Used to look at events that pass by: an
 * event larger than its limit is passed over, not an error. */
#ifndef FORMATS_SSE_H
#define FORMATS_SSE_H

#include "base/strbuf.h"

enum { SSE_NAME_BYTES = 64 };

struct sse_reader {
    struct strbuf line;
    struct strbuf data;
    char name[SSE_NAME_BYTES]; /* of the event under way; "" none */
    size_t name_n;
    bool has_data;
    bool is_too_large;  /* the event under way: passed over */
    bool is_after_cr;   /* a LF now belongs to the line before */
    bool is_first_line; /* may begin with a byte order mark */
    void (*on_event)(void *ctx, struct str name, struct str data);
    void *ctx;
};

/* `max_event_bytes` bounds a line and an event's data. */
void sse_reader_init(struct sse_reader *reader, size_t max_event_bytes,
                     void (*on_event)(void *ctx, struct str name,
                                      struct str data),
                     void *ctx);
void sse_reader_release(struct sse_reader *reader);
/* Events that end in these bytes are told before it returns. */
void sse_reader_feed(struct sse_reader *reader, struct str bytes);
/* Nothing of an event has been read yet. */
bool sse_reader_is_between(const struct sse_reader *reader);

#endif
