/* The decision: see auth.h.
 *
 * First where the request comes from (Host, Origin), then who sends it (key,
 * session, unix socket, loopback), then what that one may. */
#include "core/auth/auth.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/auth/auth_internal.h"

/* ---- life ---- */

int64_t
auth_now_ms(const struct auth *auth)
{
    return auth->now_ms == NULL ? loop_now_ms(auth->loop)
                                : auth->now_ms(auth->now_ctx);
}

int
auth_new(const struct auth_options *options, struct auth **ret_auth,
         struct error *error)
{
    *ret_auth = NULL;
    if (sodium_init() < 0)
        return error_set(error, ERR_INTERNAL, "libsodium cannot be used");
    struct auth *auth = calloc(1, sizeof *auth);
    if (auth == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    auth->loop = options->loop;
    auth->events = options->events;
    auth->store = options->store;
    auth->now_ms = options->now_ms;
    auth->now_ctx = options->now_ctx;
    list_init(&auth->changes);
    if (auth_configure(auth, options, error) < 0 ||
        keys_load(auth, error) < 0) {
        auth_free(auth);
        return -1;
    }
    *ret_auth = auth;
    return 0;
}

void
auth_free(struct auth *auth)
{
    if (auth == NULL)
        return;
    keys_release(auth);
    names_release(&auth->names);
    secret_wipe(auth, sizeof *auth);
    free(auth);
}

int
auth_configure(struct auth *auth, const struct auth_options *options,
               struct error *error)
{
    struct auth_names names;
    if (names_init(&names, options, error) < 0)
        return -1;
    bool is_narrower = !names_are_among(&auth->names, &names);
    names_release(&auth->names);
    auth->names = names;
    auth->is_loopback_bound = options->is_loopback_bound;
    auth->owner_uid = options->owner_uid;
    if (is_narrower)
        events_publish(auth->events, EVENT_ACCESS_ENDED, "", NULL);
    return 0;
}

/* ---- where from ---- */

/* A link that was followed: shows a page or a list, starts nothing. */
static bool
is_harmless_navigation(const struct auth_request *request)
{
    return str_is(request->sec_fetch_mode, "navigate") &&
           request->is_safe_method &&
           (request->needs == AUTHORITY_NONE ||
            request->needs == AUTHORITY_READ ||
            request->needs == AUTHORITY_MODELS);
}

bool
auth_has_origin(const struct auth *auth, struct str origin)
{
    return names_has_origin(&auth->names, origin);
}

static int
check_origin(const struct auth *auth, const struct auth_request *request,
             struct auth_answer *answer, struct error *error)
{
    if (request->origin.n > 0) {
        if (origin_is_own(request->origin, request->host))
            return 0;
        if (!names_has_origin(&auth->names, request->origin))
            return error_set(error, ERR_FORBIDDEN,
                             "requests of the origin '%.*s' are refused; "
                             "cors_origins lists those that are let in",
                             request->origin.n > 100 ? 100
                                                     : (int)request->origin.n,
                             request->origin.p);
        if (request->origin.n < sizeof answer->allow_origin)
            snprintf(answer->allow_origin, sizeof answer->allow_origin, "%.*s",
                     STR_ARG(request->origin));
        return 0;
    }
    struct str site = request->sec_fetch_site;
    if (site.n == 0 || str_is(site, "same-origin") || str_is(site, "none") ||
        is_harmless_navigation(request))
        return 0;
    return error_set(error, ERR_FORBIDDEN,
                     "requests made by the pages of other sites are refused");
}

static int
check_source(const struct auth *auth, const struct auth_request *request,
             struct auth_answer *answer, struct error *error)
{
    if (request->is_unix) {
        if (request->peer_uid == auth->owner_uid || request->peer_uid == 0)
            return 0;
        return error_set(error, ERR_FORBIDDEN,
                         "the socket belongs to another user");
    }
    if (!names_has_host(&auth->names, request->host))
        return error_set(error, ERR_FORBIDDEN,
                         "the host '%.*s' is not one of ours; allowed_hosts "
                         "lists further names",
                         request->host.n > 100 ? 100 : (int)request->host.n,
                         request->host.p == NULL ? "" : request->host.p);
    return check_origin(auth, request, answer, error);
}

/* ---- who ---- */

static void
answer_set(struct auth_answer *answer, enum auth_who who, bool may_execute)
{
    answer->who = who;
    answer->scope = KEY_SCOPE_ADMIN;
    answer->may_execute = may_execute;
}

/* 1: found; 0: no key was presented; -1: a wrong one. */
static int
identify_by_key(const struct auth *auth, const struct auth_request *request,
                struct auth_answer *answer)
{
    struct presented_key presented;
    presented_read(request, &presented);
    struct str text = { presented.text, presented.n };
    int result = -1;
    bool is_like_ours = presented.what == PRESENTED_KEY && keys_look_like(text);
    if (presented.what == PRESENTED_NONE ||
        (auth->n_keys == 0 && !is_like_ours)) {
        result = 0;
    } else if (presented.what == PRESENTED_KEY) {
        const struct api_key *key = keys_find(auth, text);
        if (key != NULL) {
            answer_set(answer, WHO_KEY, key->scope == KEY_SCOPE_ADMIN);
            answer->scope = key->scope;
            memcpy(answer->key_id, key->id, sizeof answer->key_id);
            result = 1;
        }
    }
    secret_wipe(&presented, sizeof presented);
    return result;
}

static int
identify(struct auth *auth, const struct auth_request *request,
         struct auth_answer *answer, struct error *error)
{
    int by_key = identify_by_key(auth, request, answer);
    if (by_key < 0)
        return error_set(error, ERR_UNAUTHORIZED, "the key is not valid");
    if (by_key > 0)
        return 0;
    bool is_near =
        request->client != NULL && address_is_loopback(request->client);
    if (request->is_unix)
        answer_set(answer, WHO_UNIX, true);
    else if (sessions_find(auth, request->cookie) != NULL)
        answer_set(answer, WHO_SESSION, true);
    else if (is_near && auth->is_loopback_bound)
        answer_set(answer, WHO_LOOPBACK, false);
    return 0;
}

/* ---- may it ---- */

/* By scope: the authorities it has. */
static const unsigned scope_rows[] = {
    [KEY_SCOPE_ADMIN] = ~0U,
    [KEY_SCOPE_INFERENCE] = 1U << AUTHORITY_NONE | 1U << AUTHORITY_INFERENCE |
                            1U << AUTHORITY_MODELS,
    [KEY_SCOPE_READ] =
        1U << AUTHORITY_NONE | 1U << AUTHORITY_READ | 1U << AUTHORITY_MODELS,
};

static int
check_authority(const struct auth_answer *answer, enum authority needs,
                struct error *error)
{
    switch (answer->who) {
    case WHO_UNIX:
    case WHO_SESSION: return 0;
    case WHO_KEY:
        if ((scope_rows[answer->scope] & 1U << needs) != 0)
            return 0;
        return error_set(error, ERR_FORBIDDEN,
                         "a key of scope %s may not do this",
                         key_scope_name(answer->scope));
    case WHO_LOOPBACK:
        if (needs != AUTHORITY_EXECUTE)
            return 0;
        return error_set(error, ERR_FORBIDDEN,
                         "deciding what is executed or read needs an admin "
                         "key, a session (`hearth open`) or the unix socket");
    case WHO_NOBODY: break;
    }
    if (needs == AUTHORITY_NONE)
        return 0;
    return error_set(error, ERR_UNAUTHORIZED,
                     "a key is needed; `hearth key create` makes one");
}

int
auth_decide(struct auth *auth, const struct auth_request *request,
            struct auth_answer *ret_answer, struct error *error)
{
    *ret_answer = (struct auth_answer){ .who = WHO_NOBODY };
    if (check_source(auth, request, ret_answer, error) < 0 ||
        identify(auth, request, ret_answer, error) < 0)
        return -1;
    return check_authority(ret_answer, request->needs, error);
}
