/* What the server's own files share: see server.h.
 *
 * A connection is small and lives as long as its socket. An exchange holds
 * everything of one request (head, buffers); a connection has one from the
 * first byte of a request to the end of its answer, so an idle connection
 * costs its socket and a few hundred bytes. Ended exchanges are kept for
 * the next request.
 *
 *     IDLE -> HEAD -> EXCHANGE -> IDLE
 *               |        |  `---> RAW (after an upgrade) ---.
 *               `--------+-------> LINGERING ---------------+-> closed
 *
 * LINGERING: the answer is out and the connection is to close, but the
 * client still sends: closing now would reset it and destroy the answer. */
#ifndef HTTP_SERVER_INTERNAL_H
#define HTTP_SERVER_INTERNAL_H

#include "base/units.h"
#include "http/forwarded.h"
#include "http/rate_limit.h"
#include "http/reader.h"
#include "http/server.h"
#include "io/timer.h"

enum {
    DATE_BYTES = 32,
    SPARE_EXCHANGES = 64,
    OUT_KEEP_BYTES = 2 * 1024,    /* an idle exchange's buffer */
    OUT_GATHER_BYTES = 16 * 1024, /* bytes held for the end of the turn */
    OUT_MAX_BYTES = 96 * 1024,
    DRAIN_BODY_BYTES = 64 * 1024, /* unread body worth a kept connection */
    LINGER_MS = 5000,
    WATCH_MS = 200,
    WATCH_REST_MS = 24 * HOUR_MS,
};

enum connection_state {
    CONNECTION_IDLE,
    CONNECTION_HEAD,
    CONNECTION_EXCHANGE,
    CONNECTION_RAW,
    CONNECTION_LINGERING,
};

struct connection {
    struct stream stream;
    struct http_server *server;
    struct list node;       /* among the server's idle or busy ones */
    struct list watch_node; /* among those nobody reads, see on_watch */
    struct http_exchange *exchange;
    enum connection_state state;
    bool is_unix;
    bool is_idle_listed;
    bool is_feeding; /* inside a read: pauses apply at its end */
    int64_t peer_uid;
    struct address peer;
    char *stash; /* bytes read before their time */
    size_t stash_at;
    size_t stash_n;      /* end; stash_at == stash_n: none */
    struct timer timer;  /* may fire early: deadline_ms decides */
    int64_t deadline_ms; /* 0: none */
};

struct http_exchange {
    struct connection *connection;
    struct list spare_node;
    struct reader reader;
    struct http_request request;
    struct address client;
    const struct http_exchange_ops *ops;
    void *ctx;
    struct deferred settle;
    struct strbuf out; /* bytes of the answer held for this turn */

    uint64_t max_body_bytes;
    uint64_t n_body_bytes; /* of the request, so far */
    int64_t n_declared;    /* of the answer; -1: not known */
    int64_t n_written;
    uint64_t n_discarded; /* of the body, after the answer */
    int retry_after_s;
    bool must_close; /* after this answer */
    bool expects_continue;
    bool is_body_wanted;
    bool is_body_paused;
    bool is_body_ended;
    bool is_discarding; /* what is left of the body */
    bool has_responded;
    bool has_no_body; /* HEAD, 204, 304 */
    bool is_chunked;
    bool is_finished;
    bool is_refused; /* the server has answered itself */
    bool is_broken;  /* the client does not take what is written */
    bool is_aborted;
    bool is_dispatching; /* inside on_request */
    bool is_raw_eof;     /* the client has half-closed the tunnel */
};

struct server_listener {
    struct listener listener;
    struct http_server *server;
    struct list node;
    bool is_waiting; /* a connection waits for room */
};

struct http_server {
    struct loop *loop;
    struct http_server_options options;
    char *base_path;
    struct forwarded proxies;
    struct rate_limit rate_limit;
    struct list listeners;
    struct list idle; /* oldest first */
    struct list busy;
    struct list watched;
    struct list spares;
    size_t n_connections;
    size_t n_spares;
    struct timer watch;
    bool is_watch_near; /* else it is there for the room it has */
    struct timer drain_deadline;
    struct deferred ended; /* tells of a drain or a close */
    bool is_draining;
    bool is_closing;
    void (*on_drained)(void *ctx);
    void *drained_ctx;
    void (*on_closed)(void *ctx);
    void *closed_ctx;
    int64_t date_at_s;
    char date[DATE_BYTES];
};

/* ---- connection.c ---- */

extern const struct stream_ops connection_ops;

void connection_start(struct connection *connection);
/* Ends the exchange, if there is one, and closes. */
void connection_drop(struct connection *connection, bool is_client_gone);
void connection_set_deadline(struct connection *connection, int64_t after_ms);
void connection_clear_deadline(struct connection *connection);
/* Starts or stops reading, as state, stash and pauses want it. */
void connection_update_reading(struct connection *connection);
void connection_feed_stash(struct connection *connection);
void connection_on_timer(struct timer *timer);

/* ---- exchange.c ---- */

struct http_exchange *exchange_new(struct connection *connection);
/* Calls on_close and gives the exchange back. */
void exchange_end(struct http_exchange *exchange, bool is_client_gone);
void exchange_free(struct http_exchange *exchange);
/* The head is whole: checks, then the handler. */
void exchange_dispatch(struct http_exchange *exchange);
/* Answers in the server's own name and closes after it. */
void exchange_refuse(struct http_exchange *exchange, int status,
                     const char *message);

/* ---- respond.c ---- */

/* Sends what is held; a failure marks the exchange broken. */
void exchange_flush(struct http_exchange *exchange);
int exchange_respond_head(struct http_exchange *exchange, int status,
                          struct http_headers headers, int64_t content_length);
int exchange_write(struct http_exchange *exchange, struct str bytes);
void exchange_finish(struct http_exchange *exchange);

/* ---- server.c ---- */

void server_forget_connection(struct connection *connection);
void server_watch(struct connection *connection, bool is_watched);
void server_list_connection(struct connection *connection, bool is_idle);
const char *server_date(struct http_server *server);

#endif
