/* Browser sessions and one-time links: digests in two small tables. */
#include "base/units.h"
#include "core/auth/auth_internal.h"

#define SESSION_IDLE_MS (INT64_C(30) * 24 * HOUR_MS)
#define LINK_LIFE_MS    (10 * MINUTE_MS)

static const struct str cookie_name = { "hearth_session", 14 };

static bool
is_alive(const struct session *session, int64_t now_ms)
{
    return session->is_used && now_ms - session->last_at_ms < SESSION_IDLE_MS;
}

static struct session *
find_by_secret(struct auth *auth, struct str secret)
{
    uint8_t digest[KEY_DIGEST_BYTES];
    struct session *found = NULL;
    int64_t now_ms = auth_now_ms(auth);
    secret_digest(secret, digest);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = &auth->sessions[i];
        bool is_same = secret_matches(session->digest, digest);
        if (is_same && is_alive(session, now_ms))
            found = session;
    }
    return found;
}

/* RFC 6265 section 4.2.1. There may be several of our name, set for different
 * paths or by a neighbour on another port: any that is good is good. */
struct session *
sessions_find(struct auth *auth, struct str cookie_header)
{
    while (cookie_header.p != NULL) {
        struct str value = str_trim(str_split(&cookie_header, ';'));
        struct str name = str_split(&value, '=');
        if (!str_eq(name, cookie_name) || value.n == 0 ||
            value.n >= KEY_SECRET_BYTES)
            continue;
        struct session *session = find_by_secret(auth, value);
        if (session == NULL)
            continue;
        session->last_at_ms = auth_now_ms(auth);
        return session;
    }
    return NULL;
}

void
sessions_end_of_key(struct auth *auth, const char *key_id)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++)
        if (str_is(str_from(key_id), auth->sessions[i].key_id))
            auth->sessions[i] = (struct session){ 0 };
}

/* A free place, or that of the session idle for longest. */
static struct session *
make_room(struct auth *auth)
{
    struct session *oldest = &auth->sessions[0];
    int64_t now_ms = auth_now_ms(auth);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        struct session *session = &auth->sessions[i];
        if (!is_alive(session, now_ms))
            return session;
        if (session->last_at_ms < oldest->last_at_ms)
            oldest = session;
    }
    return oldest;
}

int
auth_link_create(struct auth *auth, char ret_secret[KEY_SECRET_BYTES],
                 struct error *error)
{
    if (secret_make("hl_", ret_secret, error) < 0)
        return -1;
    struct link *link = &auth->links[0];
    int64_t now_ms = auth_now_ms(auth);
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *other = &auth->links[i];
        if (!other->is_used || other->until_ms <= now_ms) {
            link = other;
            break;
        }
        if (other->until_ms < link->until_ms)
            link = other;
    }
    link->is_used = true;
    link->until_ms = now_ms + LINK_LIFE_MS;
    secret_digest(str_from(ret_secret), link->digest);
    return 0;
}

/* Good once: taken is gone. */
static bool
take_link(struct auth *auth, struct str secret)
{
    uint8_t digest[KEY_DIGEST_BYTES];
    struct link *found = NULL;
    secret_digest(secret, digest);
    for (size_t i = 0; i < LINKS_MAX; i++) {
        struct link *link = &auth->links[i];
        bool is_same = secret_matches(link->digest, digest);
        if (is_same && link->is_used && auth_now_ms(auth) < link->until_ms)
            found = link;
    }
    if (found != NULL)
        *found = (struct link){ 0 };
    return found != NULL;
}

int
auth_session_create(struct auth *auth, struct str key_or_link,
                    char ret_secret[KEY_SECRET_BYTES], struct error *error)
{
    const struct api_key *key = keys_find(auth, key_or_link);
    if (key != NULL && key->scope != KEY_SCOPE_ADMIN)
        return error_set(error, ERR_FORBIDDEN,
                         "a key of scope %s opens no session; an admin key "
                         "does",
                         key_scope_name(key->scope));
    if (key == NULL && !take_link(auth, key_or_link))
        return error_set(error, ERR_UNAUTHORIZED,
                         "the key or link is not valid; `hearth open` prints "
                         "a new link");
    if (secret_make("hs_", ret_secret, error) < 0)
        return -1;
    struct session *session = make_room(auth);
    bool is_taken = is_alive(session, auth_now_ms(auth));
    *session = (struct session){ .is_used = true };
    session->last_at_ms = auth_now_ms(auth);
    if (key != NULL)
        memcpy(session->key_id, key->id, sizeof session->key_id);
    secret_digest(str_from(ret_secret), session->digest);
    if (is_taken)
        events_publish(auth->events, EVENT_ACCESS_ENDED, "", NULL);
    return 0;
}

void
auth_session_end(struct auth *auth, struct str cookie_header)
{
    struct session *session;
    bool has_ended = false;
    while ((session = sessions_find(auth, cookie_header)) != NULL) {
        *session = (struct session){ 0 };
        has_ended = true;
    }
    if (has_ended)
        events_publish(auth->events, EVENT_ACCESS_ENDED, "", NULL);
}
