/* Bodies in memory and in a file: see body_buffer.h. */
#include "gateway/body_buffer.h"

#include <assert.h>
#include <stdlib.h>

#include "base/limits.h"
#include "io/scratch.h"
#include "io/worker.h"

enum {
    READ_BYTES = 64 * 1024,
    TAIL_BYTES = 1024 * 1024,
    LONG_BYTES = 16 * 1024, /* from here on memory is kept for the next */
};

/* The file, and the one thing that a worker does to it at a time. Outlives
 * its buffer until that is done. */
struct spill {
    struct body_buffer *owner; /* NULL: gone */
    char *dir;
    int fd;
    bool is_working;
    bool is_reading;
    bool has_failed;
    uint64_t at; /* where to write or read */
    char *bytes;
    size_t n; /* to write; to read; was read */
};

void
body_spares_release(struct body_spares *spares)
{
    while (spares->n > 0)
        strbuf_release(&spares->at[--spares->n]);
}

void
body_buffer_init(struct body_buffer *body, struct loop *loop,
                 struct body_spares *spares, const char *dir,
                 void (*on_room)(void *ctx),
                 void (*on_piece)(void *ctx, struct str piece), void *ctx)
{
    *body = (struct body_buffer){ .loop = loop,
                                  .spares = spares,
                                  .dir = dir,
                                  .on_room = on_room,
                                  .on_piece = on_piece,
                                  .ctx = ctx };
    strbuf_init(&body->memory, LIMIT_PREFIX_BYTES);
    strbuf_init(&body->tail, TAIL_BYTES);
}

static void
spill_free(struct spill *spill)
{
    if (spill->fd >= 0)
        scratch_close(spill->fd);
    free(spill->dir);
    free(spill->bytes);
    free(spill);
}

void
body_buffer_expect(struct body_buffer *body, uint64_t n_bytes)
{
    struct body_spares *spares = body->spares;
    if (n_bytes > LIMIT_PREFIX_BYTES)
        n_bytes = LIMIT_PREFIX_BYTES;
    if (n_bytes >= LONG_BYTES && spares->n > 0)
        body->memory = spares->at[--spares->n];
    strbuf_reserve(&body->memory, (size_t)n_bytes);
}

static void
release_memory(struct body_buffer *body)
{
    struct body_spares *spares = body->spares;
    if (body->memory.capacity < LONG_BYTES || spares->n == BODY_SPARES) {
        strbuf_release(&body->memory);
        return;
    }
    strbuf_clear(&body->memory);
    spares->at[spares->n++] = body->memory;
    strbuf_init(&body->memory, LIMIT_PREFIX_BYTES);
}

void
body_buffer_release(struct body_buffer *body)
{
    release_memory(body);
    strbuf_release(&body->tail);
    if (body->spill != NULL) {
        body->spill->owner = NULL;
        if (!body->spill->is_working)
            spill_free(body->spill);
        body->spill = NULL;
    }
    body->n_in_file = 0;
}

/* ---- on a worker ---- */

static void
write_all(struct spill *spill)
{
    if (spill->fd < 0)
        spill->fd = scratch_open(spill->dir);
    spill->has_failed =
        spill->fd < 0 ||
        scratch_write(spill->fd, spill->at, spill->bytes, spill->n) != 0;
}

static void
read_some(struct spill *spill)
{
    ptrdiff_t n = scratch_read(spill->fd, spill->at, spill->bytes, spill->n);
    spill->has_failed = n <= 0;
    spill->n = n > 0 ? (size_t)n : 0;
}

static void
work(void *arg)
{
    struct spill *spill = arg;
    if (spill->is_reading)
        read_some(spill);
    else
        write_all(spill);
}

/* ---- on the loop ---- */

static int start_writing(struct body_buffer *body);

static void
done(void *arg)
{
    struct spill *spill = arg;
    struct body_buffer *body = spill->owner;
    spill->is_working = false;
    if (body == NULL) {
        spill_free(spill);
        return;
    }
    char *bytes = spill->bytes;
    spill->bytes = NULL;
    if (spill->is_reading) {
        struct str piece = { bytes, spill->n };
        body->on_piece(body->ctx,
                       spill->has_failed ? (struct str){ NULL, 0 } : piece);
        free(bytes);
        return;
    }
    free(bytes);
    if (spill->has_failed)
        body->is_broken = true;
    else
        body->n_in_file += spill->n;
    if (!body->is_broken && body->tail.n > 0 && start_writing(body) == 0)
        return;
    body->on_room(body->ctx);
}

static int
start_writing(struct body_buffer *body)
{
    if (body->spill == NULL) {
        body->spill = calloc(1, sizeof *body->spill);
        if (body->spill == NULL)
            return -1;
        body->spill->fd = -1;
        body->spill->owner = body;
        body->spill->dir = str_dup(str_from(body->dir));
        if (body->spill->dir == NULL)
            return -1;
    }
    struct spill *spill = body->spill;
    spill->is_reading = false;
    spill->at = body->n_in_file;
    spill->bytes = strbuf_detach(&body->tail, &spill->n);
    strbuf_init(&body->tail, TAIL_BYTES);
    if (spill->bytes == NULL ||
        worker_submit(body->loop, work, done, spill) != 0) {
        free(spill->bytes);
        spill->bytes = NULL;
        body->is_broken = true;
        return -1;
    }
    spill->is_working = true;
    return 0;
}

int
body_buffer_add(struct body_buffer *body, struct str bytes)
{
    if (body->is_broken)
        return -1;
    bool fits = body->spill == NULL && body->tail.n == 0 &&
                body->memory.n + bytes.n <= LIMIT_PREFIX_BYTES;
    struct strbuf *to = fits ? &body->memory : &body->tail;
    strbuf_add_str(to, bytes);
    if (strbuf_failed(to)) {
        body->is_broken = true;
        return -1;
    }
    if (!fits && !body_buffer_is_busy(body) && start_writing(body) != 0) {
        body->is_broken = true;
        return -1;
    }
    return 0;
}

bool
body_buffer_is_busy(const struct body_buffer *body)
{
    return body->spill != NULL && body->spill->is_working;
}

uint64_t
body_buffer_size(const struct body_buffer *body)
{
    uint64_t n = body->memory.n + body->n_in_file + body->tail.n;
    if (body_buffer_is_busy(body) && !body->spill->is_reading)
        n += body->spill->n;
    return n;
}

struct str
body_buffer_peek(const struct body_buffer *body, uint64_t at)
{
    if (at >= body->memory.n)
        return (struct str){ NULL, 0 };
    return (struct str){ body->memory.p + at, body->memory.n - (size_t)at };
}

int
body_buffer_read(struct body_buffer *body, uint64_t at)
{
    struct spill *spill = body->spill;
    assert(spill != NULL && !spill->is_working && at >= body->memory.n);
    spill->bytes = malloc(READ_BYTES);
    if (spill->bytes == NULL)
        return -1;
    spill->is_reading = true;
    spill->at = at - body->memory.n;
    spill->n = READ_BYTES;
    spill->has_failed = false;
    if (worker_submit(body->loop, work, done, spill) != 0) {
        free(spill->bytes);
        spill->bytes = NULL;
        return -1;
    }
    spill->is_working = true;
    return 0;
}
