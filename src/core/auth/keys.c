/* API keys in memory, and their way to the store. */
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "core/auth/auth_internal.h"
#include "store/store.h"

/* A key on its way to the store. It outlives auth if need be: then `auth` is
 * NULL and the caller is still told. */
struct key_change {
    struct list node;
    struct auth *auth;
    struct api_key key;
    char secret[KEY_SECRET_BYTES]; /* "" when revoking */
    auth_key_done_fn *on_done;
    void *ctx;
};

/* ---- in memory ---- */

static struct api_key *
find_by_id(const struct auth *auth, struct str id)
{
    for (size_t i = 0; i < auth->n_keys; i++)
        if (str_is(id, auth->keys[i].id))
            return &auth->keys[i];
    return NULL;
}

static int
keep_key(void *ctx, const struct api_key *key)
{
    struct auth *auth = ctx;
    struct api_key *keys =
        realloc(auth->keys, (auth->n_keys + 1) * sizeof *keys);
    if (keys == NULL)
        return -1;
    auth->keys = keys;
    auth->keys[auth->n_keys++] = *key;
    return 0;
}

int
keys_load(struct auth *auth, struct error *error)
{
    if (store_load_api_keys(auth->store, keep_key, auth, error) == 0)
        return 0;
    if (error != NULL && error->code == ERR_CANCELLED)
        error_set(error, ERR_NO_MEMORY, "out of memory for the api keys");
    return -1;
}

void
keys_release(struct auth *auth)
{
    LIST_FOR_SAFE(node, &auth->changes)
    {
        LIST_ENTRY(node, struct key_change, node)->auth = NULL;
        list_remove(node);
    }
    free(auth->keys);
    auth->keys = NULL;
    auth->n_keys = 0;
}

/* Every key is compared, whichever it is. */
const struct api_key *
keys_find(const struct auth *auth, struct str secret)
{
    uint8_t digest[KEY_DIGEST_BYTES];
    const struct api_key *found = NULL;
    secret_digest(secret, digest);
    for (size_t i = 0; i < auth->n_keys; i++) {
        const struct api_key *key = &auth->keys[i];
        bool is_same = secret_matches(key->digest, digest);
        if (is_same && key->revoked_at_ms == 0)
            found = key;
    }
    return found;
}

bool
keys_look_like(struct str text)
{
    return str_starts_with(text, STR("hk_"));
}

bool
auth_has_admin_key(const struct auth *auth)
{
    for (size_t i = 0; i < auth->n_keys; i++)
        if (auth->keys[i].scope == KEY_SCOPE_ADMIN &&
            auth->keys[i].revoked_at_ms == 0)
            return true;
    return false;
}

size_t
auth_key_count(const struct auth *auth)
{
    return auth->n_keys;
}

const struct api_key *
auth_key_at(const struct auth *auth, size_t i)
{
    return i < auth->n_keys ? &auth->keys[i] : NULL;
}

/* ---- making ---- */

static int
check_name(struct str name, struct error *error)
{
    struct api_key *key = NULL;
    if (name.n == 0)
        return error_field(error, "name", "a key needs a name");
    if (name.n >= sizeof key->name)
        return error_field(error, "name",
                           "a key's name has at most %zu bytes, not %zu",
                           sizeof key->name - 1, name.n);
    if (!str_is_utf8(name))
        return error_field(error, "name", "a key's name is UTF-8");
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7f)
            return error_field(error, "name",
                               "a key's name has no control characters");
    return 0;
}

int
auth_key_generate(struct str name, enum key_scope scope,
                  struct api_key *ret_key, char ret_secret[KEY_SECRET_BYTES],
                  struct error *error)
{
    uint8_t digest[KEY_DIGEST_BYTES];
    if (check_name(name, error) < 0 ||
        secret_make("hk_", ret_secret, error) < 0)
        return -1;
    *ret_key = (struct api_key){ .scope = scope };
    ret_key->created_at_ms = loop_wall_ms();
    secret_digest(str_from(ret_secret), ret_key->digest);
    /* The id must tell nothing of the secret: it is the digest of its
     * digest, which is as random as an id has to be. */
    secret_digest(
        (struct str){ (const char *)ret_key->digest, KEY_DIGEST_BYTES },
        digest);
    id_format(ret_key->id, "key", ret_key->created_at_ms, digest);
    memcpy(ret_key->name, name.p, name.n);
    return 0;
}

/* ---- changing ---- */

static void
on_key_stored(void *ctx, const struct error *error)
{
    struct key_change *change = ctx;
    struct auth *auth = change->auth;
    bool is_new = change->secret[0] != '\0';
    struct error failure;
    if (auth != NULL) {
        list_remove(&change->node);
        auth->n_creating -= is_new;
    }
    if (error == NULL && auth != NULL && is_new &&
        keep_key(auth, &change->key) < 0) {
        error_set(&failure, ERR_NO_MEMORY,
                  "the key is stored, but there is no memory to use it");
        error = &failure;
    }
    if (error == NULL && auth != NULL && !is_new) {
        struct api_key *key = find_by_id(auth, str_from(change->key.id));
        key->revoked_at_ms = change->key.revoked_at_ms;
        sessions_end_of_key(auth, key->id);
        events_publish(auth->events, EVENT_ACCESS_ENDED, "", NULL);
    }
    if (error == NULL && auth != NULL) {
        events_log(auth->events, LOG_INFO, "auth", "%s key %s '%s' was %s",
                   key_scope_name(change->key.scope), change->key.id,
                   change->key.name, is_new ? "made" : "revoked");
        events_publish(auth->events, EVENT_KEYS_CHANGED, "", NULL);
    }
    if (change->on_done != NULL) {
        if (error != NULL)
            change->on_done(change->ctx, NULL, NULL, error);
        else
            change->on_done(change->ctx, &change->key,
                            is_new ? change->secret : NULL, NULL);
    }
    secret_wipe(change, sizeof *change);
    free(change);
}

static struct key_change *
change_new(struct auth *auth, auth_key_done_fn *on_done, void *ctx,
           struct error *error)
{
    struct key_change *change = calloc(1, sizeof *change);
    if (change == NULL) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    change->auth = auth;
    change->on_done = on_done;
    change->ctx = ctx;
    return change;
}

int
auth_key_create(struct auth *auth, struct str name, enum key_scope scope,
                auth_key_done_fn *on_done, void *ctx, struct error *error)
{
    if (auth->n_keys + auth->n_creating >= KEYS_MAX)
        return error_set(error, ERR_CONFLICT,
                         "there are %d keys already, revoked ones included",
                         KEYS_MAX);
    struct key_change *change = change_new(auth, on_done, ctx, error);
    if (change == NULL)
        return -1;
    if (auth_key_generate(name, scope, &change->key, change->secret, error) <
        0) {
        free(change);
        return -1;
    }
    list_push_back(&auth->changes, &change->node);
    auth->n_creating++;
    store_put_api_key(auth->store, &change->key, on_key_stored, change);
    return 0;
}

int
auth_key_revoke(struct auth *auth, struct str id, auth_key_done_fn *on_done,
                void *ctx, struct error *error)
{
    const struct api_key *key = find_by_id(auth, id);
    if (key == NULL)
        return error_set(error, ERR_NOT_FOUND, "there is no key '%.*s'",
                         id.n > ID_BYTES ? ID_BYTES : (int)id.n,
                         id.p == NULL ? "" : id.p);
    struct key_change *change = change_new(auth, on_done, ctx, error);
    if (change == NULL)
        return -1;
    change->key = *key;
    if (change->key.revoked_at_ms == 0)
        change->key.revoked_at_ms = loop_wall_ms();
    list_push_back(&auth->changes, &change->node);
    store_put_api_key(auth->store, &change->key, on_key_stored, change);
    return 0;
}
