/* Inside of auth: secrets, keys, sessions, and where a request comes from. */
#ifndef CORE_AUTH_INTERNAL_H
#define CORE_AUTH_INTERNAL_H

#include "base/list.h"
#include "core/auth/auth.h"

enum {
    KEYS_MAX = 1000,
    SESSIONS_MAX = 64,
    LINKS_MAX = 16,
};

struct session {
    bool is_used;
    uint8_t digest[KEY_DIGEST_BYTES];
    char key_id[ID_BYTES]; /* the key it was traded for, or "" */
    int64_t last_at_ms;
};

struct link {
    bool is_used;
    uint8_t digest[KEY_DIGEST_BYTES];
    int64_t until_ms;
};

/* Names that we answer to, and origins that we let in. */
struct auth_names {
    char **hosts;
    size_t n_hosts;
    char **origins;
    size_t n_origins;
    char *bound_host;
    bool is_wildcard; /* bound to all addresses */
};

struct auth {
    struct loop *loop;
    struct events *events;
    struct store *store;
    int64_t (*now_ms)(void *ctx);
    void *now_ctx;
    bool is_loopback_bound;
    int64_t owner_uid;
    struct auth_names names;
    struct api_key *keys;
    size_t n_keys;
    size_t n_creating;   /* on their way to the store */
    struct list changes; /* of struct key_change */
    struct session sessions[SESSIONS_MAX];
    struct link links[LINKS_MAX];
};

int64_t auth_now_ms(const struct auth *auth);

/* ---- secrets (secret.c) ---- */

/* 256 random bits as text, after a prefix of three characters. */
int secret_make(const char *prefix, char ret_secret[KEY_SECRET_BYTES],
                struct error *error);
void secret_digest(struct str secret, uint8_t ret_digest[KEY_DIGEST_BYTES]);
bool secret_matches(const uint8_t a[KEY_DIGEST_BYTES],
                    const uint8_t b[KEY_DIGEST_BYTES]);
void secret_wipe(void *bytes, size_t n);

/* What a request presents. */
enum presented { PRESENTED_NONE, PRESENTED_KEY, PRESENTED_WRONG };

enum { PRESENTED_BYTES = 256 };

struct presented_key {
    enum presented what;
    char text[PRESENTED_BYTES]; /* PRESENTED_KEY; wipe it after use */
    size_t n;
};

void presented_read(const struct auth_request *request,
                    struct presented_key *ret_presented);

/* ---- keys (keys.c) ---- */

int keys_load(struct auth *auth, struct error *error);
void keys_release(struct auth *auth);
/* The key in force of this secret, or NULL. Takes as long for every wrong
 * one. */
const struct api_key *keys_find(const struct auth *auth, struct str secret);
bool keys_look_like(struct str text); /* "hk_..." */

/* ---- sessions (sessions.c) ---- */

/* Finds the session of a Cookie header and notes its use. */
struct session *sessions_find(struct auth *auth, struct str cookie_header);
void sessions_end_of_key(struct auth *auth, const char *key_id);

/* ---- names (names.c) ---- */

int names_init(struct auth_names *names, const struct auth_options *options,
               struct error *error);
void names_release(struct auth_names *names);
/* Is each host and each origin of `names` one of `all`, too? */
bool names_are_among(const struct auth_names *names,
                     const struct auth_names *all);
bool names_has_host(const struct auth_names *names, struct str host_header);
bool names_has_origin(const struct auth_names *names, struct str origin);
/* Is this the origin of our own page, as asked for by this Host header? */
bool origin_is_own(struct str origin, struct str host_header);

#endif
