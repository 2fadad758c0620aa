/* The growing buffer: see strbuf.h. */
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>

enum { STRBUF_FIRST_BYTES = 64 };

void
strbuf_init(struct strbuf *buf, size_t ceiling_bytes)
{
    *buf = STRBUF_INIT(ceiling_bytes);
}

void
strbuf_release(struct strbuf *buf)
{
    if (buf == NULL)
        return;
    free(buf->p);
    strbuf_init(buf, buf->ceiling);
}

void
strbuf_clear(struct strbuf *buf)
{
    buf->n = 0;
    buf->state = STRBUF_OK;
    if (buf->p != NULL)
        buf->p[0] = '\0';
}

char *
strbuf_reserve(struct strbuf *buf, size_t n)
{
    if (buf->state != STRBUF_OK)
        return NULL;
    /* Half of what a size can say leaves room for sums and doubling. */
    size_t ceiling = buf->ceiling < SIZE_MAX / 2 ? buf->ceiling : SIZE_MAX / 2;
    if (n > ceiling || buf->n > ceiling - n) {
        buf->state = STRBUF_FULL;
        return NULL;
    }
    size_t need = buf->n + n + 1;
    if (need <= buf->capacity)
        return buf->p + buf->n;
    size_t capacity = buf->capacity == 0 ? STRBUF_FIRST_BYTES : buf->capacity;
    while (capacity < need)
        capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    if (capacity > ceiling + 1)
        capacity = ceiling + 1;
    char *p = realloc(buf->p, capacity);
    if (p == NULL) {
        buf->state = STRBUF_NO_MEMORY;
        return NULL;
    }
    buf->p = p;
    buf->capacity = capacity;
    return buf->p + buf->n;
}

void
strbuf_commit(struct strbuf *buf, size_t n)
{
    buf->n += n;
    buf->p[buf->n] = '\0';
}

void
strbuf_add_slowly(struct strbuf *buf, const void *bytes, size_t n)
{
    char *to = strbuf_reserve(buf, n);
    if (to == NULL)
        return;
    if (n > 0)
        memcpy(to, bytes, n);
    strbuf_commit(buf, n);
}

void
strbuf_add_text(struct strbuf *buf, const char *text)
{
    strbuf_add_str(buf, str_from(text));
}

__attribute__((format(printf, 2, 0))) static void
strbuf_vaddf(struct strbuf *buf, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    if (n >= 0) {
        char *to = strbuf_reserve(buf, (size_t)n);
        if (to != NULL) {
            vsnprintf(to, (size_t)n + 1, format, again);
            strbuf_commit(buf, (size_t)n);
        }
    }
    if (n < 0 && buf->state == STRBUF_OK)
        buf->state = STRBUF_FULL; /* more than an int can count */
    va_end(again);
}

void
strbuf_addf(struct strbuf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    strbuf_vaddf(buf, format, args);
    va_end(args);
}

void
strbuf_drop_front(struct strbuf *buf, size_t n)
{
    if (n == 0)
        return;
    memmove(buf->p, buf->p + n, buf->n - n);
    buf->n -= n;
    buf->p[buf->n] = '\0';
}

void
strbuf_truncate(struct strbuf *buf, size_t n)
{
    if (n >= buf->n)
        return;
    buf->n = n;
    buf->p[n] = '\0';
}

const char *
strbuf_text(const struct strbuf *buf)
{
    return buf->p == NULL ? "" : buf->p;
}

struct str
strbuf_view(const struct strbuf *buf)
{
    return (struct str){ buf->p, buf->n };
}

char *
strbuf_detach(struct strbuf *buf, size_t *ret_n)
{
    if (buf->state == STRBUF_OK && buf->p == NULL)
        strbuf_add(buf, "", 0);
    if (buf->state != STRBUF_OK) {
        strbuf_release(buf);
        return NULL;
    }
    char *p = buf->p;
    if (ret_n != NULL)
        *ret_n = buf->n;
    buf->p = NULL;
    strbuf_release(buf);
    return p;
}
