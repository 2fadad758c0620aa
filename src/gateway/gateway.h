/* The gateway: inference requests on their way to an engine and back.
 *
 * A request comes in with its method and path; the table in paths.c says
 * where its model's name stands (JSON body, multipart body, query, path) and
 * in which dialect its errors are told. The router is asked for a lease of
 * the model; relay.c then carries the bytes both ways. Only the value of the
 * top-level `model` may change on the way, and only when the engine's
 * manifest says so; an answer passes as it comes, piece by piece.
 *
 * Served here: what is below /v1 (inference and lists of models), llama.cpp's
 * own paths (/completion, /infill, /tokenize, /props, /slots, ...), GET
 * /models, POST /models/load and /models/unload, /metrics?model=, what is
 * below /sdapi/v1, and /upstream/{model}/..., WebSockets included. Whether a request may be made
 * at all is decided before it gets here.
 *
 * Loop thread only; nothing is global. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "base/strbuf.h"
#include "core/activity/activity.h"
#include "core/auth/auth.h"
#include "core/router/router.h"
#include "engines/engines.h"
#include "http/server.h"

struct gateway;

struct gateway_options {
    struct loop *loop;
    struct events *events;
    struct router *router;
    struct profiles *profiles;
    struct library *library;
    struct instances *instances;
    struct engines *engines;
    struct llama *llama;       /* NULL: there is none */
    struct auth *auth;         /* for the names of keys; NULL: they have none */
    struct activity *activity; /* is told of each request; NULL: none is */
    int models_max;            /* told by GET /props without a model */
    const char *spill_dir;     /* for bodies that do not fit in memory; their
                              * files are unlinked at birth. NULL: /tmp */
};

int gateway_new(const struct gateway_options *options,
                struct gateway **ret_gateway, struct error *error);
/* After a reload. */
void gateway_set_models_max(struct gateway *gateway, int models_max);
/* Every exchange must be closed by then (http_server_close). */
void gateway_free(struct gateway *gateway);

/* True for paths of ours, whatever the method: a wrong one is answered 405
 * in the dialect of the path. `GET /models` as a page and `/metrics` without
 * `?model=` are not ours: the caller decides about them first. */
bool gateway_handles(struct str method, struct str path);

/* Takes the exchange over, to its end. `who->allow_origin` goes into the
 * CORS headers of the answer; the rest of `who` is not looked at. */
void gateway_request(struct gateway *gateway, struct http_exchange *exchange,
                     const struct auth_answer *who);

/* How long something took. The last bucket has no upper bound. */
enum { LATENCY_BUCKETS = 15 };
extern const int64_t latency_bounds_ms[LATENCY_BUCKETS - 1];
struct latency {
    uint64_t n_in[LATENCY_BUCKETS]; /* not of shorter ones too */
    uint64_t n;
    uint64_t sum_ms;
};

/* Of the requests for a model that have ended, since the start. */
enum { GATEWAY_NO_ANSWER, GATEWAY_STATUS_CLASSES = 6 };
struct gateway_counts {
    /* By hundreds of the answer's status. */
    uint64_t n_requests[GATEWAY_STATUS_CLASSES];
    struct latency duration;   /* from the head to the end */
    struct latency first_byte; /* to the head of the engine's answer */
    struct latency waiting;    /* for a lease: in the queue, or a load */
    uint64_t n_prompt_tokens;  /* as far as engines told */
    uint64_t n_completion_tokens;
    uint64_t n_cached_tokens;
    uint64_t n_answer_bytes;
};
const struct gateway_counts *gateway_counts(const struct gateway *gateway);
/* The same in the Prometheus text format. */
void gateway_write_counts(const struct gateway *gateway, struct strbuf *out);

/* How many requests are under way. */
size_t gateway_active(const struct gateway *gateway);

#endif
