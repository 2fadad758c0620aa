/* The newest lines of an engine's output, numbered. Bounded by lines and by
 * bytes; a line longer than LIMIT_LOG_LINE_BYTES becomes several. */
#ifndef CORE_INSTANCES_INSTANCE_LOG_H
#define CORE_INSTANCES_INSTANCE_LOG_H

#include "base/limits.h"
#include "base/strbuf.h"

enum { LOG_RING_BYTES_MAX = 1024 * 1024 };

struct instance_log {
    struct str lines[LIMIT_LOG_RING_LINES]; /* owned; seq % the size */
    uint64_t next_seq;
    size_t n_lines;
    size_t n_bytes;
    struct strbuf partial; /* the line that is not ended */
    uint64_t expected;     /* the keeper's next position */
    bool is_fresh;         /* nothing has come from this keeper yet */
    const char *secret;    /* "***" in the lines; lives as long; NULL: none */
};

void instance_log_init(struct instance_log *log);
void instance_log_release(struct instance_log *log);
/* Another keeper's output begins. */
void instance_log_begin(struct instance_log *log);
/* Takes output; `on_line` is called for each line that is whole. Bytes that
 * are missing before `position` become a line that says how many. */
void
instance_log_feed(struct instance_log *log, uint64_t position, struct str bytes,
                  void (*on_line)(void *ctx, uint64_t seq, struct str line),
                  void *ctx);
/* The output is over: what is left is a line too. */
void instance_log_end(struct instance_log *log,
                      void (*on_line)(void *ctx, uint64_t seq, struct str line),
                      void *ctx);
/* The newest lines in order; see instances_log_tail. */
uint64_t instance_log_tail(const struct instance_log *log, size_t n_lines,
                           void (*fn)(void *ctx, uint64_t seq, struct str line),
                           void *ctx);

#endif
