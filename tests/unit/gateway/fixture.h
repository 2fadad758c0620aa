/* A gateway between a real client socket and an engine on loopback, all on
 * one loop: the router is the real one, its effects are simulated. */
#ifndef TESTS_GATEWAY_FIXTURE_H
#define TESTS_GATEWAY_FIXTURE_H

#include "core/router/router_internal.h"
#include "gateway/gateway.h"
#include "io/loop.h"
#include "io/timer.h"

enum engine_mode {
    ENGINE_ECHO,    /* 200, JSON: what it was asked */
    ENGINE_EVENTS,  /* an event each 5 ms, n_events of them, then [DONE] */
    ENGINE_CUT,     /* two events, then the connection breaks */
    ENGINE_DIES,    /* closes without an answer */
    ENGINE_HANGS,   /* answers when engine_answer() is called */
    ENGINE_LARGE,   /* large_bytes of 'x' as fast as they are taken */
    ENGINE_ERROR,   /* 429 with Retry-After and a body */
    ENGINE_UPGRADE, /* 101, then echoes raw bytes */
};

struct fixture {
    struct loop loop;
    struct events events;
    struct router *router;
    struct gateway *gateway;
    struct activity *activity;
    struct subscription news;         /* of the activity */
    struct activity_entry last_ended; /* id 0: none */
    enum activity_phase last_phase;
    struct http_server *front, *engine;
    struct address front_at, engine_at;
    struct engine_manifest manifest;
    struct profile *profile;
    enum instance_state state;
    bool fails_to_load, is_slow_to_load;
    struct timer wake;
    struct deferred turn;
    int64_t patience_ms; /* how long run_until() waits */

    enum engine_mode mode;
    int n_events;
    int64_t large_bytes;
    int n_requests; /* that the engine got */
    int n_gone;     /* of them, left by their client */
    int n_answered;
    int n_suspected; /* times that the engine was to be probed */
    int64_t n_large_written;
    struct strbuf seen; /* of the last: method, target, headers */
    struct strbuf seen_body;
    struct http_exchange *hanging;
};

void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
/* The engine's process ends; nothing takes its place. */
void fixture_end_engine(struct fixture *f);
/* One begins in its place, at another port. */
void fixture_begin_engine(struct fixture *f);
/* The simulated engine becomes ready, or fails. */
void fixture_set_state(struct fixture *f, enum instance_state to);
/* The hanging request is answered now. */
void engine_answer(struct fixture *f);

/* Runs the loop until `is_done` or for patience_ms; false when time ran out. */
bool run_until(struct fixture *f, bool (*is_done)(void *ctx), void *ctx);
void run_for(struct fixture *f, int64_t ms);

struct client {
    struct fixture *f;
    struct stream stream;
    struct strbuf in;
    bool is_connected, is_eof, is_broken, is_closed;
    bool is_kept; /* do not wait for the end of the connection */
};

void client_open(struct client *client, struct fixture *f);
void client_send(struct client *client, struct str bytes);
void client_stop_reading(struct client *client);
void client_close(struct client *client);
/* The connection has ended (every request says Connection: close). */
bool client_is_done(void *ctx);
bool client_has(struct client *client, const char *text);
/* Sends a POST of JSON and waits for the end; the answer is in client->in. */
void client_post(struct client *client, struct fixture *f, const char *path,
                 const char *headers, struct str body);
void client_get(struct client *client, struct fixture *f, const char *path);
int client_status(const struct client *client);
/* The answer's body, chunks joined. */
struct str client_body(struct client *client, struct strbuf *out);

#endif
