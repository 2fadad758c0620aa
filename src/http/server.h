/* HTTP/1.1 server (RFC 9112), made for relaying.
 *
 * One request at a time per connection: a pipelined next one is read only
 * when the answer of the one before has been handed over. For each request
 * that passes the syntax rules the server calls `on_request` once, when its
 * head is there. The handler then owns the exchange until on_close:
 *
 *   on_request -> [on_body ...] -> on_body_end
 *                 http_respond_head -> http_write ... -> http_finish
 *                                            ... -> on_close, always, last
 *
 * - Bodies arrive as they come; http_pause_body() stops reading the socket,
 *   which is all the back-pressure there is. `Expect: 100-continue` is
 *   answered when the handler first asks for the body (http_want_body).
 * - Nothing of the body is delivered before http_want_body(): a handler may
 *   answer (404, 413) without it. What is left of a body when the answer is
 *   finished is drained up to a small bound, else the connection closes.
 * - http_write() gives bytes to the socket in this turn. If the client does
 *   not take them they are queued; http_pending() tells how much; stop
 *   producing above LIMIT_RELAY_WINDOW_BYTES, go on at on_drain.
 * - HEAD: handlers answer as for GET; the server drops the body.
 * - Framing of the answer: a content length, else chunked (HTTP/1.1), else
 *   close (HTTP/1.0).
 * - http_abort() breaks the connection so that the client cannot take what
 *   it has for a whole answer (no last chunk, RST where possible).
 * - A client that goes away: on_close with is_client_gone; in the middle of
 *   a request, or while an answer is pending or streaming, at once. A
 *   client that only half-closes then counts as gone, too (tunnels excepted:
 *   on_raw_eof).
 *
 * Refused by the server itself, in the error dialect that on_refuse writes:
 * 400 (ambiguous or malformed: two lengths, length and chunked, bare LF,
 * space before the colon, folded lines, bad chunk sizes, bad Host, NUL),
 * 408, 413 (declared length above the route's limit; the same for chunked
 * once passed), 414, 417, 431, 501 (unknown transfer coding), 505; the
 * connection is closed after each of them.
 *
 * Loop thread only. No globals: several servers may live on several loops. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/error.h"
#include "base/strbuf.h"
#include "http/message.h"
#include "io/stream.h"

struct http_server;
struct http_exchange;

struct http_request {
    struct str method; /* "GET" */
    struct str target; /* path and query as sent, base path removed */
    struct str path;   /* as sent, not decoded, without the query */
    struct str query;  /* without '?', "" if none */
    struct http_headers headers;
    int64_t content_length; /* -1: chunked */
    bool has_body;
    bool is_head;
    bool is_upgrade; /* Connection: upgrade with Upgrade: ... */
    bool is_http_10;
    const struct address *peer;   /* the connection's other end */
    const struct address *client; /* behind trusted proxies: the real one */
    bool is_unix;                 /* came in by the unix socket */
    int64_t peer_uid;             /* of the unix socket, else -1 */
    bool is_secure; /* X-Forwarded-Proto: https of a trusted proxy */
};

struct http_exchange_ops {
    void (*on_body)(struct http_exchange *exchange, struct str bytes);
    void (*on_body_end)(struct http_exchange *exchange);
    void (*on_drain)(struct http_exchange *exchange);
    /* Always called, once, last; the exchange is gone after it. */
    void (*on_close)(struct http_exchange *exchange, bool is_client_gone);
    /* The raw connection's bytes after http_upgrade. */
    void (*on_raw)(struct http_exchange *exchange, struct str bytes);
    void (*on_raw_eof)(struct http_exchange *exchange);
};

struct http_server_options {
    const char *base_path;             /* "" or "/hearth": cut from targets */
    const struct str *trusted_proxies; /* addresses or CIDR blocks */
    size_t n_trusted_proxies;
    int64_t header_timeout_ms; /* 0: LIMIT_HEADER_TIMEOUT_MS */
    int64_t body_stall_ms;     /* 0: LIMIT_BODY_STALL_MS */
    int64_t unsent_ms;         /* 0: LIMIT_UNSENT_MS */
    int64_t idle_ms;           /* 0: LIMIT_IDLE_MS */
    size_t max_connections;    /* 0: LIMIT_CONNECTIONS */
    size_t max_body_bytes;     /* 0: LIMIT_INFERENCE_BODY_BYTES */
    int rate_limit_per_s;      /* per client address; 0: off. Else 429 */
    int rate_limit_burst;      /* 0: the same as per_s */
    void *ctx;                 /* for the two callbacks */
    /* The head is there: set ops, then answer now or later. */
    void (*on_request)(void *ctx, struct http_exchange *exchange);
    /* Writes the JSON body of a refusal in the dialect of the path (which
     * is "" when the request line was not understood). */
    void (*on_refuse)(void *ctx, struct str path, int status,
                      const char *message, struct strbuf *ret_body);
    /* May pages of this origin read a refusal (CORS)? NULL: none may. */
    bool (*is_origin_allowed)(void *ctx, struct str origin);
};

struct http_server *http_server_new(struct loop *loop,
                                    const struct http_server_options *options,
                                    struct error *error);
/* More than one address may be listened on; the bound one is told back. */
int http_server_listen(struct http_server *server, const struct address *at,
                       struct address *ret_bound, struct error *error);
/* Stops accepting, finishes running exchanges until `deadline_ms` from now,
 * closes idle connections at once; then `on_drained`. Again, with NULL: only
 * the deadline is another. */
void http_server_drain(struct http_server *server, int64_t deadline_ms,
                       void (*on_drained)(void *ctx), void *ctx);
/* Closes all, frees the server at the end, then calls `on_closed`. */
void http_server_close(struct http_server *server, void (*on_closed)(void *ctx),
                       void *ctx);
size_t http_server_connections(const struct http_server *server);

/* ---- an exchange ---- */

const struct http_request *http_request(const struct http_exchange *exchange);
void http_set_ops(struct http_exchange *exchange,
                  const struct http_exchange_ops *ops, void *ctx);
void *http_ctx(const struct http_exchange *exchange);
struct loop *http_loop(const struct http_exchange *exchange);
/* Lowers the body limit for this request (413 when it declares more). */
void http_limit_body(struct http_exchange *exchange, size_t max_bytes);
void http_want_body(struct http_exchange *exchange);
void http_pause_body(struct http_exchange *exchange);
void http_resume_body(struct http_exchange *exchange);

/* Sends the head. `content_length` -1: chunked or close, see above. Date,
 * Content-Length / Transfer-Encoding and Connection are written here and
 * must not be among `headers`. Header values with CR, LF or NUL are
 * refused: -1 and nothing is sent. Held back until the first body bytes,
 * the finish, or the end of the turn, whichever comes first. */
int http_respond_head(struct http_exchange *exchange, int status,
                      struct http_headers headers, int64_t content_length);
/* Bytes of the body. May be freed at return. 0, or -1 when the client is
 * gone (on_close follows) or more is written than was declared. */
int http_write(struct http_exchange *exchange, struct str bytes);
size_t http_pending(const struct http_exchange *exchange);
/* The answer is whole. A body shorter than declared breaks the connection. */
void http_finish(struct http_exchange *exchange);
void http_abort(struct http_exchange *exchange);
bool http_has_responded(const struct http_exchange *exchange);

/* A whole answer at once. `type` NULL: no body. */
void http_respond(struct http_exchange *exchange, int status,
                  struct http_headers headers, const char *type,
                  struct str body);

/* Answers 101 with the headers and turns the connection into a raw tunnel:
 * on_raw / http_write_raw. Ends by http_finish or http_abort. */
int http_upgrade(struct http_exchange *exchange, struct http_headers headers);
int http_write_raw(struct http_exchange *exchange, struct str bytes);
void http_pause_raw(struct http_exchange *exchange);
void http_resume_raw(struct http_exchange *exchange);

#endif
