/* The control plane: REST under /api, /health, /metrics, the live views of
 * the event bus and the page that a browser gets.
 *
 * The HTTP server hands every request to api_request(), which does in this
 * order: browser rules and authority (core/auth; preflights are answered
 * there), then the path: what the gateway serves goes to the gateway, the
 * rest is looked up among our rows (api/rows.h). A path that nobody knows is
 * 404, a known path with another method 405 with Allow.
 *
 * Every answer under /api is {"success":true,"data":...} or
 * {"success":false,"error":{"code","message","details"?}}; a refusal on an
 * inference path speaks the dialect of that path's clients (api/dialect.h).
 * GET /api/openapi.json is printed from the same rows that serve.
 *
 * Loop thread only. Nothing here is global; two servers may share one api. */
#ifndef API_API_H
#define API_API_H

#include "core/activity/activity.h"
#include "core/auth/auth.h"
#include "core/downloads/downloads.h"
#include "core/hub/hub.h"
#include "core/instances/instances.h"
#include "core/library/library.h"
#include "core/llama/llama.h"
#include "core/logs/logs.h"
#include "core/metrics/metrics.h"
#include "core/presets/presets.h"
#include "core/profiles/profiles.h"
#include "core/router/router.h"
#include "core/settings/settings.h"
#include "engines/engines.h"
#include "http/server.h"

struct api;

/* The end of what a hook began; `error` is NULL when it went well. */
typedef void api_done_fn(void *ctx, const struct error *error);

/* What lives beside or above the api and is handed down to it. `ctx` goes to
 * each of them. A NULL function: what it serves answers 501. */
struct api_hooks {
    void *ctx;
    /* The gateway: does it serve this? Then it answers, and it puts
     * who->allow_origin (if any) into the answer's CORS headers. */
    bool (*gateway_handles)(void *ctx, struct str method, struct str path);
    void (*gateway_request)(void *ctx, struct http_exchange *exchange,
                            const struct auth_answer *who);
    /* What the gateway counted, in the Prometheus text format. */
    void (*write_counts)(void *ctx, struct strbuf *out);
    /* Several changes of what is stored as one (store.h), and a note of ours
     * among them. */
    int (*group_begin)(void *ctx, struct error *error);
    void (*group_end)(void *ctx, bool is_kept);
    void (*put_metadata)(void *ctx, const char *key, const char *value,
                         api_done_fn *on_done, void *done_ctx);
};

/* Of the Socket.IO surface; a recovery of 0: none. */
struct live_options {
    int64_t ping_interval_ms;
    int64_t ping_timeout_ms;
    int64_t connect_timeout_ms;
    int64_t recovery_ms;
    int64_t max_payload_bytes;
    bool is_conformance; /* serve what public test suites need */
};

struct api_options {
    struct loop *loop;
    struct events *events;
    struct profiles *profiles;
    struct instances *instances;
    struct router *router;
    struct auth *auth;
    struct settings *settings;
    struct library *library;
    struct hub *hub;
    struct downloads *downloads;
    struct presets *presets;
    struct llama *llama;
    struct metrics *metrics; /* NULL: nothing is measured */
    struct logs *logs;
    struct activity *activity;
    struct engines *engines;
    struct api_hooks hooks;
    const char *version;   /* "0.1.0"; borrowed for the api's life */
    const char *data_dir;  /* the same */
    int64_t started_at_ms; /* Unix time */
    int64_t heartbeat_ms;  /* of live views; 0: 15 s */
    struct live_options live;
};

/* NULL when out of memory. */
struct api *api_new(const struct api_options *options);
/* After the HTTP server is closed. Calls that still wait for a change to be
 * stored end quietly when that comes. Accepts NULL. */
void api_free(struct api *api);
/* Where browsers find us, for one-time links: "http://127.0.0.1:7117", known
 * once the port is bound. 0, or -1 when out of memory. */
int api_set_url(struct api *api, const char *url);

/* The server's on_request. */
void api_request(struct api *api, struct http_exchange *exchange);
/* The server's on_refuse: the body of an error in the dialect of `path`. */
void api_refuse(struct str path, int status, const char *message,
                struct strbuf *ret_body);
/* Closes every live view with its last event (at the start of a shutdown,
 * so that the server can drain). */
void api_end_streams(struct api *api);

#endif
