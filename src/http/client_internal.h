/* What the client's own files share: see client.h.
 *
 * An upstream is one connection to the engine; a call is one request. A call
 * has its upstream from the start to the end of the answer; then the
 * upstream waits in the pool and the call is kept for the next request. */
#ifndef HTTP_CLIENT_INTERNAL_H
#define HTTP_CLIENT_INTERNAL_H

#include "base/strbuf.h"
#include "http/client.h"
#include "http/reader.h"
#include "io/timer.h"

enum {
    SPARE_CALLS = 64,
    CALL_OUT_KEEP_BYTES = 2 * 1024,
    CALL_OUT_GATHER_BYTES = 16 * 1024,
    CALL_OUT_MAX_BYTES = 96 * 1024,
    CONNECT_TIMEOUT_MS = 5000,
    INTERIM_MAX = 16, /* 1xx answers before the real one */
    STALE_WAIT_MS = 20,
    BROKEN_WAIT_MS = 1000,
    STREAM_REST_MS = 50, /* see pool_give_back */
};

struct upstream {
    struct stream stream;
    struct http_pool *pool;
    struct list node;       /* in the pool's idle list, or alone */
    struct http_call *call; /* NULL: idle or closing */
    int n_requests;
    int64_t idle_since_ms;
    int64_t rests_until_ms; /* not handed out before */
    bool is_connected;
};

struct http_pool {
    struct loop *loop;
    struct address to;
    char host[ADDRESS_TEXT_BYTES + 32]; /* the Host line */
    struct list idle;                   /* most recently used first */
    struct list spares;
    size_t n_idle;
    size_t n_spares;
    size_t n_upstreams; /* until their streams are closed */
    size_t n_calls;
    struct timer retire;
    struct deferred ended;
    bool is_freed;
};

struct http_call {
    struct http_pool *pool;
    struct upstream *upstream;
    struct list spare_node;
    struct reader reader;
    struct strbuf out; /* bytes of the request held for this turn */
    struct deferred settle;
    struct timer timer;
    const struct http_call_ops *ops;
    void *ctx;
    void (*on_release)(struct http_call *call); /* of a fetch */

    int64_t n_declared; /* of the request; -1: chunked */
    int64_t n_written;
    int64_t answer_by_ms; /* 0: no limit */
    int64_t total_by_ms;
    int64_t connect_by_ms;
    int64_t broken_by_ms; /* a write failed: an answer until then */
    int n_interim;
    bool is_head;
    bool is_upgrade;
    bool is_reused;
    bool is_request_ended;
    bool is_paused;
    bool has_begun; /* a byte of the answer came */
    bool is_raw;
    bool is_stream; /* the answer is an event stream */
    bool is_write_broken;
    bool is_feeding;  /* inside the reader */
    bool is_over;     /* no callback any more */
    bool is_deciding; /* closed without an answer: stale or dead? */
};

/* ---- pool.c ---- */

extern const struct stream_ops upstream_ops; /* call.c */

/* A kept upstream, else a new one that connects. NULL with `error`. */
struct upstream *pool_take(struct http_pool *pool, bool must_be_fresh,
                           struct error *error);
/* Keeps it for the next call, or closes it when it is too old. */
void pool_give_back(struct upstream *upstream, bool was_stream);
void pool_drop(struct upstream *upstream);   /* closes */
void pool_forget(struct upstream *upstream); /* closed: frees */
struct http_call *pool_new_call(struct http_pool *pool);
void pool_free_call(struct http_call *call);

/* ---- call.c ---- */

void call_on_body(struct reader *reader, struct str bytes);
void call_on_settle(struct deferred *deferred);
void call_on_timer(struct timer *timer);

#endif
