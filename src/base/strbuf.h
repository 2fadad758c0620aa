/* A growing buffer with a ceiling from birth.
 *
 * Appending never fails loudly in the middle of a composition: the first
 * append that would pass the ceiling, or that finds no memory, sets a sticky
 * state and every later one does nothing. Ask once at the end:
 *
 *     struct strbuf out = STRBUF_INIT(64 * KIB);
 *     strbuf_addf(&out, "%s: %d", name, n);
 *     if (strbuf_failed(&out)) ...
 *     strbuf_release(&out);
 *
 * The contents always end with a zero byte that `n` does not count. */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdarg.h>

#include "base/str.h"

enum strbuf_state { STRBUF_OK, STRBUF_FULL, STRBUF_NO_MEMORY };

struct strbuf {
    char *p; /* NULL until the first append */
    size_t n;
    size_t capacity;
    size_t ceiling; /* bytes that n may reach */
    enum strbuf_state state;
};

#define STRBUF_INIT(ceiling_bytes) \
    ((struct strbuf){ NULL, 0, 0, (ceiling_bytes), STRBUF_OK })

void strbuf_init(struct strbuf *buf, size_t ceiling_bytes);
void strbuf_release(struct strbuf *buf); /* ready for use again, empty */
void strbuf_clear(struct strbuf *buf);   /* empty, keeps the memory */

/* What strbuf_add does when there is no room yet. */
void strbuf_add_slowly(struct strbuf *buf, const void *bytes, size_t n);

/* Heads of messages are put together of dozens of pieces: as long as there
 * is room, a piece is a copy and no call. */
static inline void
strbuf_add(struct strbuf *buf, const void *bytes, size_t n)
{
    if (buf->state != STRBUF_OK || n >= buf->capacity - buf->n) {
        strbuf_add_slowly(buf, bytes, n);
        return;
    }
    if (n > 0)
        memcpy(buf->p + buf->n, bytes, n);
    buf->n += n;
    buf->p[buf->n] = '\0';
}

static inline void
strbuf_add_str(struct strbuf *buf, struct str s)
{
    strbuf_add(buf, s.p, s.n);
}

static inline void
strbuf_add_byte(struct strbuf *buf, char byte)
{
    strbuf_add(buf, &byte, 1);
}

void strbuf_add_text(struct strbuf *buf, const char *text);
void strbuf_addf(struct strbuf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Room for `n` more bytes at buf->p + buf->n, or NULL (and the sticky
 * state). After writing there, call strbuf_commit with what was written. */
char *strbuf_reserve(struct strbuf *buf, size_t n);
void strbuf_commit(struct strbuf *buf, size_t n);

void strbuf_drop_front(struct strbuf *buf, size_t n);
void strbuf_truncate(struct strbuf *buf, size_t n);

static inline bool
strbuf_failed(const struct strbuf *buf)
{
    return buf->state != STRBUF_OK;
}

/* The text so far; "" when empty. Valid until the next change. */
const char *strbuf_text(const struct strbuf *buf);
struct str strbuf_view(const struct strbuf *buf);

/* Gives the heap block (zero-terminated) to the caller and empties the
 * buffer; NULL if it had failed. An empty buffer gives an empty string. */
char *strbuf_detach(struct strbuf *buf, size_t *ret_n);

#endif
