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
 * Before that, but for the unix socket: `Host` must be on the allow-list (DNS
 * rebinding); a foreign `Origin` or a foreign `Sec-Fetch-Site` is refused
 * with 403 unless cors_origins lists the origin. `null` is nobody's origin. A
 * link on a foreign page may lead to our pages and lists: Sec-Fetch-Mode
 * navigate, a safe method, no more than AUTHORITY_MODELS or AUTHORITY_READ.
 *
 * Keys come as `Authorization: Bearer`, as the password of `Authorization:
 * Basic`, or as `x-api-key`. Who presents one is judged by it alone: it can
 * narrow what loopback or a session would be given. Rules for several: both
 * headers must carry the same key, an empty one counts as absent. A key that
 * is wrong or revoked, two that differ and an unknown scheme are 401 with one
 * and the same answer, also where no key is needed. Only while no key was
 * ever made, a text that does not look like one of ours counts as absent:
 * client libraries insist on sending something.
 *
 * Secrets are compared by digest in constant time. Loop thread only. */
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
    bool is_loopback_bound; /* else loopback needs a key, too */
    int64_t owner_uid;
    /* The address we listen on, a name for ourselves; all addresses
     * ("0.0.0.0", "::"): then any address in numbers is. NULL: none. */
    const char *bound_host;
    /* Monotonic milliseconds, so that tests can wait for days; NULL: the
     * loop's. */
    int64_t (*now_ms)(void *ctx);
    void *now_ctx;
};

/* Copies the options and loads the keys: before the loop runs. An entry of
 * cors_origins or allowed_hosts that cannot be one is an error of its
 * field. */
int auth_new(const struct auth_options *options, struct auth **ret_auth,
             struct error *error);
/* Accepts NULL. A change of keys that is on its way still calls on_done. */
void auth_free(struct auth *auth);
/* After a reload: takes the hosts, the origins and the bound address; on
 * failure all stays as it was. */
int auth_configure(struct auth *auth, const struct auth_options *options,
                   struct error *error);
/* True when there is an admin key in force (to bind beyond loopback). */
bool auth_has_admin_key(const struct auth *auth);

struct auth_request {
    bool is_unix;
    int64_t peer_uid;
    const struct address *client;
    struct str host;   /* Host header */
    struct str origin; /* Origin header, "" when absent */
    struct str sec_fetch_site;
    struct str sec_fetch_mode;
    struct str authorization; /* "Bearer ..." or "Basic ..." */
    struct str x_api_key;
    struct str cookie;
    bool is_safe_method; /* GET, HEAD, OPTIONS */
    enum authority needs;
};

enum auth_who { WHO_NOBODY, WHO_UNIX, WHO_KEY, WHO_SESSION, WHO_LOOPBACK };

struct auth_answer {
    enum auth_who who;
    char key_id[ID_BYTES];  /* WHO_KEY, else "" */
    enum key_scope scope;   /* WHO_KEY, else admin */
    bool may_execute;       /* would AUTHORITY_EXECUTE be granted too */
    char allow_origin[256]; /* CORS: the origin to answer with, or "" */
};

/* 0 and who it is, or -1 with ERR_UNAUTHORIZED or ERR_FORBIDDEN and a
 * message that says what to do and never holds a secret. `allow_origin` is
 * filled in both cases. */
int auth_decide(struct auth *auth, const struct auth_request *request,
                struct auth_answer *ret_answer, struct error *error);

/* Is it a foreign origin that cors_origins lets in? */
bool auth_has_origin(const struct auth *auth, struct str origin);

/* ---- keys ---- */

enum { KEY_SECRET_BYTES = 64 }; /* text with zero: "hk_" + 43 base64url */

typedef void auth_key_done_fn(void *ctx, const struct api_key *key,
                              const char *secret, const struct error *error);
/* 0, and on_done comes once the key is stored, with the secret, this once;
 * or with an error and NULLs. -1 with `error`: the name is bad or there are
 * too many keys; then nothing is called. Until on_done the key is not in
 * force. */
int auth_key_create(struct auth *auth, struct str name, enum key_scope scope,
                    auth_key_done_fn *on_done, void *ctx, struct error *error);
/* The same; the secret is NULL. The key and the sessions made with it end once
 * that is stored, as EVENT_ACCESS_ENDED tells. ERR_NOT_FOUND; revoking twice is
 * no error. */
int auth_key_revoke(struct auth *auth, struct str id, auth_key_done_fn *on_done,
                    void *ctx, struct error *error);
/* Revoked ones too. */
size_t auth_key_count(const struct auth *auth);
const struct api_key *auth_key_at(const struct auth *auth, size_t i);
/* For `hearth key` without a daemon, before auth_new: fills a new key and
 * its secret; the caller stores it. */
int auth_key_generate(struct str name, enum key_scope scope,
                      struct api_key *ret_key,
                      char ret_secret[KEY_SECRET_BYTES], struct error *error);

/* A fresh name that nobody can guess: 20 characters that a URL may hold. */
enum { NONCE_BYTES = 21 };
int auth_nonce(char ret_nonce[NONCE_BYTES], struct error *error);

/* ---- browser sessions and one-time links ---- */

/* Sessions and links live in memory: they end with the daemon. A session ends
 * after 30 days without a request; there are at most 64, the one idle for
 * longest makes room. Whose connections stay is asked anew at
 * EVENT_ACCESS_ENDED, which comes when a session ends (not by its age), a key,
 * or the place of a host or an origin among those that are let in. */

/* A secret for a link, good once and for ten minutes. */
int auth_link_create(struct auth *auth, char ret_secret[KEY_SECRET_BYTES],
                     struct error *error);
/* Trades an admin key or a link's secret for a session: the value for the
 * cookie "hearth_session". Wrong: -1, ERR_UNAUTHORIZED; a key of another
 * scope: ERR_FORBIDDEN. */
int auth_session_create(struct auth *auth, struct str key_or_link,
                        char ret_secret[KEY_SECRET_BYTES], struct error *error);
void auth_session_end(struct auth *auth, struct str cookie_header);

#endif
