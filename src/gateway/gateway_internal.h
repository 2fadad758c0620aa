/* Inside gateway/: what its files share. */
#ifndef GATEWAY_INTERNAL_H
#define GATEWAY_INTERNAL_H

#include "gateway/body_buffer.h"
#include "gateway/dialect.h"
#include "gateway/gateway.h"
#include "gateway/paths.h"
#include "gateway/upstream.h"
#include "gateway/usage.h"

struct gateway {
    struct gateway_options options;
    struct upstreams upstreams;
    struct gateway_counts counts;
    struct body_spares bodies;
    struct list relays; /* under way */
    size_t n_relays;
    uint64_t n_kept_bytes; /* of bodies that wait, in memory and files */
    struct subscription subscription;
};

/* counts.c: one request has ended. A moment that never came is 0. */
struct counted_request {
    int status; /* 0: no answer */
    int64_t started_at_ms, leased_at_ms, first_byte_at_ms, ended_at_ms;
    int64_t n_answer_bytes;
    struct usage usage;
};
void gateway_count(struct gateway *gateway,
                   const struct counted_request *request);

/* One request for one model, from its head to its end: relay.c and
 * relay_engine.c. */
void relay_start(struct gateway *gateway, struct http_exchange *exchange,
                 const struct path_row *row, enum path_kind kind,
                 const struct auth_answer *who);
/* Ends those that go on without their client. */
void relay_drop_all(struct gateway *gateway);

/* Answers that need no engine: models.c. */
void models_answer_list(struct gateway *gateway, struct http_exchange *exchange,
                        const char *allow_origin);
void models_answer_one(struct gateway *gateway, struct http_exchange *exchange,
                       const char *allow_origin);
void models_answer_props(struct gateway *gateway,
                         struct http_exchange *exchange,
                         const char *allow_origin);
/* POST /models/load and /models/unload: collects the body, then acts. */
void models_change(struct gateway *gateway, struct http_exchange *exchange,
                   enum path_kind kind, const char *allow_origin);

/* CORS, Retry-After and whatever else an answer of ours carries. */
void answer_json(struct http_exchange *exchange, int status,
                 const char *allow_origin, struct str body);
void answer_error(struct http_exchange *exchange, const struct error *error,
                  const char *allow_origin, int retry_after_s);
void answer_status(struct http_exchange *exchange, int status,
                   enum error_code code, const char *message,
                   const char *allow_origin, const char *allow);

#endif
