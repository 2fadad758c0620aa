/* A call: one request to the control plane, from its head to its answer.
 *
 * call_start() reads the body, checks it and the query against the row, then
 * runs the row's handler. A handler answers at once, or takes a reference
 * (call_ref) for each thing that it waits for, answers later and drops it
 * (call_unref). A client that leaves only closes the exchange: the call
 * lives until its last reference is gone, and answering it then does
 * nothing. All memory of a call is in its arena and goes with it. */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/api.h"
#include "api/event_ring.h"
#include "api/rows.h"
#include "base/arena.h"
#include "base/limits.h"

/* A request from inside the program, by its path. */
struct api_question {
    const char *method; /* "GET" */
    struct str path;    /* percent-encoded: "/api/models/a%20b" */
    struct str query;   /* without '?' */
    struct str body;    /* JSON, or "" */
};

/* `body`: the envelope, or "" for 204; good until this returns. Status 0: the
 * program ends before there is an answer. */
typedef void api_answer_fn(void *ctx, int status, struct str body);

struct api {
    int n_refs;     /* the owner's and one for each call */
    bool is_closed; /* freed by its owner: the modules may be gone */
    struct api_options options;
    struct route *routes; /* api_rows, for http/routes.h */
    struct list calls;    /* every live call */
    struct subscription on_access;
    int64_t memory_bytes; /* of the machine and its GPUs; 0: not asked yet */
    char *url;            /* or NULL */
    struct live *live;
    struct event_ring ring;
    bool is_importing; /* a configuration: one at a time */
};

struct call {
    struct list node;
    struct api *api;
    struct http_exchange *exchange; /* NULL: closed, or from inside */
    api_answer_fn *on_answer;       /* from inside, not answered yet */
    void *answer_ctx;
    struct str query; /* good while the call is open */
    const struct api_row *row;
    int n_refs;
    struct auth_answer who;
    struct str params[ROUTE_PARAMS_MAX]; /* decoded, in the arena */
    size_t n_params;
    struct arena arena;
    struct strbuf body;
    struct json_doc *doc;
    const struct json *input; /* the body's object, or NULL */
    struct strbuf out;
    struct json_writer writer;
    bool is_answered;
    /* For handlers that stay: called once when the exchange closes. */
    void (*on_close)(struct call *call);
    void (*on_drain)(struct call *call);
    /* Say goodbye: at shutdown, or when who it is may look no more. `code` is
     * of enum websocket_close, where there is one to send. */
    void (*on_end_stream)(struct call *call, int code, const char *reason);
    /* After an upgrade (api/socket.h). */
    void (*on_raw)(struct call *call, struct str bytes);
    struct socket *socket;
    void *state; /* the handler's own, in the arena */
};

/* Takes over the exchange. The row's authority has been granted. */
void call_start(struct api *api, struct http_exchange *exchange,
                const struct api_row *row, const struct route_match *match,
                struct arena *arena, const struct auth_answer *who);
/* A call without an exchange: `on_answer` is called exactly once, perhaps in
 * here. Takes the arena. -1: no memory, or a body that is too long; then
 * nothing is called. */
int call_run(struct api *api, const struct api_row *row,
             const struct route_match *match, struct arena *arena,
             const struct auth_answer *who, const struct api_question *question,
             api_answer_fn *on_answer, void *ctx);
/* For reply.c: gives the answer to whoever is inside. */
void call_hand_over(struct call *call, int status, struct str body);
/* Whether there is still somebody to answer. */
bool call_is_open(const struct call *call);

/* Runs the row of the question's path under the authority of `facts`, of which
 * the method and what is needed are filled in here: what a request over HTTP
 * would be refused, this is, too, with the same envelope. Rows that stream,
 * answer plain text or piece by piece, or look at the request's headers cannot be asked: they are
 * not found. `on_answer` is called exactly once, perhaps in here. */
void api_ask(struct api *api, const struct api_question *question,
             struct auth_request facts, api_answer_fn *on_answer, void *ctx);
/* The facts of a request that authority looks at; views into it. */
void api_facts(const struct http_request *request,
               struct auth_request *ret_facts);

void api_unref(struct api *api);
struct call *call_ref(struct call *call);
void call_unref(struct call *call);

/* ---- what was asked (input.c) ---- */

/* Values of declared query parameters; those were checked before the
 * handler ran. "" / `otherwise` when absent. */
struct str query_text(struct call *call, const char *name);
int64_t query_int(struct call *call, const char *name, int64_t otherwise);
bool query_bool(struct call *call, const char *name, bool otherwise);
/* A member of the body that is a text, or "". */
struct str input_text(const struct call *call, const char *name);

/* Checks the query, then the body. False when it has answered. */
bool call_check_query(struct call *call);
bool call_check_body(struct call *call);

/* ---- the answer (reply.c) ---- */

/* Data: `w = reply_begin(call)`, write one value, reply_end(call, 200). */
struct json_writer *reply_begin(struct call *call);
void reply_end(struct call *call, int status);
void reply_empty(struct call *call); /* 204 */
/* The end of a change that was waited for, with call_ref() as `ctx`. */
void reply_done(void *ctx, const struct error *error);
void reply_error(struct call *call, const struct error *error);
void reply_errorf(struct call *call, enum error_code code, const char *format,
                  ...) __attribute__((format(printf, 3, 4)));
/* 422 with details, or what `error` says when no problem was named. */
void reply_problems(struct call *call, const struct field_problems *problems,
                    const struct error *error);
/* A whole answer of another kind. `extra`: one more header, or NULL. */
void reply_raw(struct call *call, int status, const char *type, struct str body,
               const struct http_header *extra);
void reply_end_with(struct call *call, int status,
                    const struct http_header *extra);
/* The headers of every answer of ours; `at` has room for REPLY_HEADERS_MAX.
 * Returns how many were written. */
enum { REPLY_HEADERS_MAX = 12 };
/* How long it may be kept, and what it depends on. */
enum reply_kind {
    REPLY_DATA,
    REPLY_PAGE,
    REPLY_FILE,
    REPLY_HASHED_FILE,
    REPLY_PICTURE /* a file of the user's; never a page, whatever it holds */
};
size_t reply_headers(const struct auth_answer *who, enum reply_kind kind,
                     struct http_header *at);

#endif
