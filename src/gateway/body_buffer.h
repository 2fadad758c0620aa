/* A request's body while nobody can take it yet, and as long as it may have
 * to be sent again.
 *
 * The first LIMIT_PREFIX_BYTES stay in memory; what comes after goes through
 * a worker to a file that is unlinked at birth. While a write is under way
 * body_buffer_is_busy() is true and the caller stops reading; on_room says
 * that it may go on. Reading back starts when nothing is being written.
 *
 * Freed at any time: what a worker still does is finished without it. */
#ifndef GATEWAY_BODY_BUFFER_H
#define GATEWAY_BODY_BUFFER_H

#include "base/strbuf.h"
#include "io/loop.h"

struct spill;

enum { BODY_SPARES = 8 };

/* Memory of long bodies that are over: growing it anew for each would cost
 * more, in pages to map and to clear, than all else that is done to them. */
struct body_spares {
    struct strbuf at[BODY_SPARES];
    size_t n;
};

struct body_buffer {
    struct loop *loop;
    struct body_spares *spares;
    const char *dir;
    struct strbuf memory; /* bytes [0, memory.n) */
    struct strbuf tail;   /* not yet handed to the file */
    struct spill *spill;  /* the file and what is done to it; or NULL */
    uint64_t n_in_file;
    bool is_broken; /* a write or memory failed: bytes are lost */
    void (*on_room)(void *ctx);
    void (*on_piece)(void *ctx, struct str piece); /* p NULL: it failed */
    void *ctx;
};

void body_spares_release(struct body_spares *spares);

/* `spares` outlives the buffer. */
void body_buffer_init(struct body_buffer *body, struct loop *loop,
                      struct body_spares *spares, const char *dir,
                      void (*on_room)(void *ctx),
                      void (*on_piece)(void *ctx, struct str piece), void *ctx);
void body_buffer_release(struct body_buffer *body);
/* So many bytes are announced: makes room for them at once. Before the first
 * of them. */
void body_buffer_expect(struct body_buffer *body, uint64_t n_bytes);
/* 0, or -1 when bytes were lost (see is_broken). */
int body_buffer_add(struct body_buffer *body, struct str bytes);
bool body_buffer_is_busy(const struct body_buffer *body);
uint64_t body_buffer_size(const struct body_buffer *body);
/* Bytes at `at` that are in memory (at most to its end), or { NULL, 0 }:
 * they are in the file. */
struct str body_buffer_peek(const struct body_buffer *body, uint64_t at);
/* Reads from the file; on_piece gets the bytes, later. 0, or -1. */
int body_buffer_read(struct body_buffer *body, uint64_t at);

#endif
