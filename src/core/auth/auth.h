/* Who may do what.
 *
 * A request is described by facts (struct auth_request), an action by the
 * authority it needs (enum authority); auth_decide() is a function of both,
 * of the configuration and of the keys and sessions in memory. Every surface
 * (HTTP, SSE, WebSocket) asks here before anything else.
 *
 *   unix socket (peer uid is ours or root), admin key   everything
 *   browser session                                     everything
 *   loopback without a key   everything but what decides what is executed
 *                            or read (AUTHORITY_EXECUTE)
 *   key of scope inference   AUTHORITY_INFERENCE and lists of models
 *   key of scope read        AUTHORITY_READ
 *   beyond loopback          a key or a session, always
 *
 * Before that: `Host` must be on the allow-list (DNS rebinding), a foreign
 * `Origin` or a cross-site `Sec-Fetch-Site` is refused with 403 unless
 * cors_origins lists it. Secrets are compared by digest in constant time. A
 * presented key that is wrong or revoked is 401, also where none is needed.
 * Loop thread only. */
#ifndef CORE_AUTH_H
#define CORE_AUTH_H

#include "core/events/events.h"
#include "io/stream.h"
#include "records/api_key.h"

struct auth;
struct store;

enum authority {
    AUTHORITY_NONE,      /* /health, the page and its assets, /api/session */
    AUTHORITY_READ,      /* GETs under /api, /metrics */
    AUTHORITY_INFERENCE, /* /v1/..., /completion, ... */
    AUTHORITY_MODELS,    /* GET /models, /v1/models: read or inference */
    AUTHORITY_CONTROL,   /* start, stop, edit, settings, load, unload */
    AUTHORITY_EXECUTE,   /* command, env, binary paths, roots, keys */
};

struct auth_options {
    struct loop *loop;
    struct events *events;
    struct store *store;
    const char *const *allowed_hosts; /* beside localhost and our address */
    size_t n_allowed_hosts;
    const char *const *cors_origins;
    size_t n_cors_origins;
    bool is_loopback_bound;
    int64_t owner_uid;
};

int auth_new(const struct auth_options *options, struct auth **ret_auth,
             struct error *error); /* loads keys: before the loop runs */
void auth_free(struct auth *auth);
int auth_configure(struct auth *auth, const struct auth_options *options,
                   struct error *error); /* after a reload */
/* True when there is an admin key in force (to bind beyond loopback). */
bool auth_has_admin_key(const struct auth *auth);

struct auth_request {
    bool is_unix;
    int64_t peer_uid;
    const struct address *client;
    struct str host;             /* Host header */
    struct str origin;           /* Origin header, "" when absent */
    struct str sec_fetch_site;
    struct str sec_fetch_mode;
    struct str authorization;    /* "Bearer ..." or "Basic ..." */
    struct str x_api_key;
    struct str cookie;
    bool is_safe_method;         /* GET, HEAD, OPTIONS */
    enum authority needs;
};

enum auth_who {
    WHO_NOBODY, WHO_UNIX, WHO_KEY, WHO_SESSION, WHO_LOOPBACK
};

struct auth_answer {
    enum auth_who who;
    char key_id[ID_BYTES];       /* WHO_KEY */
    enum key_scope scope;
    bool may_execute;            /* would AUTHORITY_EXECUTE be granted too */
    char allow_origin[256];      /* CORS: the origin to answer with, or "" */
};

/* 0 and who it is, or -1 with ERR_UNAUTHORIZED or ERR_FORBIDDEN and a
 * message that says what to do and never holds a secret. `allow_origin` is
 * filled in both cases. */
int auth_decide(struct auth *auth, const struct auth_request *request,
                struct auth_answer *ret_answer, struct error *error);

/* ---- keys ---- */

enum { KEY_SECRET_BYTES = 64 }; /* text with zero: "hk_" + 43 base64url */

typedef void auth_key_done_fn(void *ctx, const struct api_key *key,
                              const char *secret, const struct error *error);
/* The secret is given once, to the callback. */
int auth_key_create(struct auth *auth, struct str name, enum key_scope scope,
                    auth_key_done_fn *on_done, void *ctx,
                    struct error *error);
int auth_key_revoke(struct auth *auth, struct str id,
                    auth_key_done_fn *on_done, void *ctx,
                    struct error *error);
size_t auth_key_count(const struct auth *auth);
const struct api_key *auth_key_at(const struct auth *auth, size_t i);
/* For `hearth key` without a daemon, before auth_new: fills a new key and
 * its secret; the caller stores it. */
int auth_key_generate(struct str name, enum key_scope scope,
                      struct api_key *ret_key,
                      char ret_secret[KEY_SECRET_BYTES], struct error *error);

/* ---- browser sessions and one-time links ---- */

/* A secret for a link, good once and for ten minutes. */
int auth_link_create(struct auth *auth, char ret_secret[KEY_SECRET_BYTES],
                     struct error *error);
/* Trades an admin key or a link's secret for a session: the value for the
 * cookie "hearth_session". Wrong: -1, ERR_UNAUTHORIZED. */
int auth_session_create(struct auth *auth, struct str key_or_link,
                        char ret_secret[KEY_SECRET_BYTES],
                        struct error *error);
void auth_session_end(struct auth *auth, struct str cookie_header);

#endif
