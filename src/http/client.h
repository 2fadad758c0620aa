/* HTTP/1.1 client for engines on this machine, made for relaying.
 *
 * A `struct http_pool` keeps idle connections to one address and gives the
 * most recently used one first; it retires them before the engine's own
 * limits (LIMIT_UPSTREAM_IDLE_MS, LIMIT_UPSTREAM_REQUESTS).
 *
 * A call: http_call_new (fills nothing but the head), http_call_write for
 * each piece of the body, http_call_end; answers come by callback. Exactly
 * one of on_end and on_error ends a call; after that, or after
 * http_call_cancel(), no callback fires and the call is gone.
 *
 * Answers that a client could read differently (two lengths, length and
 * chunked, bad chunks, a bare LF, a bad status line) are errors, never
 * passed on. A body that ends early is an error, never an end.
 *
 * Loop thread only. */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include "base/error.h"
#include "http/message.h"
#include "io/stream.h"

struct http_pool;
struct http_call;

struct http_pool *http_pool_new(struct loop *loop, const struct address *to);
/* Idle connections close at once; running calls go on to their end, which
 * frees the pool. */
void http_pool_free(struct http_pool *pool);
/* Closes the idle connections (the engine was restarted). */
void http_pool_flush(struct http_pool *pool);

struct http_response {
    int status;
    struct str reason;
    struct http_headers headers; /* valid until on_head returns */
    int64_t content_length;      /* -1: chunked or until close */
    bool is_upgrade;             /* 101: on_body carries raw bytes */
};

struct http_call_failure {
    struct error error;
    bool has_response_begun; /* at least one byte of an answer had come */
    bool is_stale_reuse;     /* a kept connection closed before any byte of
                              * the answer and without the engine having
                              * read the request: safe to send once more */
    bool is_connect;         /* no connection was made */
    bool is_timeout;
};

struct http_call_ops {
    void (*on_head)(struct http_call *call,
                    const struct http_response *response);
    void (*on_body)(struct http_call *call, struct str bytes);
    void (*on_end)(struct http_call *call);
    void (*on_error)(struct http_call *call,
                     const struct http_call_failure *failure);
    void (*on_drain)(struct http_call *call); /* written bytes are out */
};

struct http_call_options {
    struct str method;
    struct str target;
    struct http_headers headers; /* end-to-end ones; Host, Connection and
                                  * framing are written by the client, and
                                  * left out when listed, as is Expect */
    int64_t content_length;      /* -1: chunked; 0: no body */
    bool is_upgrade;             /* sends Connection: upgrade */
    bool must_be_fresh;          /* no kept connection */
    int64_t connect_timeout_ms;  /* 0: 5 s */
    int64_t answer_timeout_ms;   /* to the first byte; 0: none */
    int64_t total_timeout_ms;    /* 0: none */
    const struct http_call_ops *ops;
    void *ctx;
};

/* Starts a call: connects or reuses, sends the head with the first body
 * bytes or at the end of the turn. NULL with `error` when out of memory or
 * when a header value holds CR, LF or NUL; no callback then. Callbacks
 * never fire before this returns. */
struct http_call *http_call_start(struct http_pool *pool,
                                  const struct http_call_options *options,
                                  struct error *error);
void *http_call_ctx(const struct http_call *call);
/* 0, or -1 when the call is failing (on_error comes). */
int http_call_write(struct http_call *call, struct str bytes);
size_t http_call_pending(const struct http_call *call);
void http_call_end(struct http_call *call); /* the body is whole */
/* Stops and resumes reading the answer: back-pressure on the engine. */
void http_call_pause(struct http_call *call);
void http_call_resume(struct http_call *call);
/* The connection is closed after this answer, not kept: for engines that
 * close it themselves a moment later and drop what was sent meanwhile. From
 * on_head on. */
void http_call_retire(struct http_call *call);
/* Drops the connection; no callback fires any more. */
void http_call_cancel(struct http_call *call);
/* After a 101: half close towards the engine. */
void http_call_shutdown(struct http_call *call);

/* ---- small requests with a small answer (probes, the CLI) ---- */

struct http_fetch_result {
    int status;      /* 0: failed, see error */
    struct str body; /* valid during the callback */
    struct str content_type;
    struct error error;
};

struct http_fetch_options {
    struct str method, target;
    struct http_headers headers;
    struct str body;
    size_t max_answer_bytes; /* more is an error */
    int64_t timeout_ms;      /* whole */
};

/* Fills nothing; the result comes by callback, never before the return.
 * The fetch can be cancelled by http_call_cancel on the returned call. */
struct http_call *
http_fetch(struct http_pool *pool, const struct http_fetch_options *options,
           void (*on_done)(void *ctx, const struct http_fetch_result *result),
           void *ctx, struct error *error);

#endif
