/* /api/keys: made, listed, ended. A secret is shown once, when its key is
 * made, and never again. */
#include "api/handlers.h"

static void
write_key(const struct api_key *key, const char *secret,
          struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "id", key->id);
    member_text(out, "name", key->name);
    member_text(out, "scope", key_scope_name(key->scope));
    member_int(out, "created_at_ms", key->created_at_ms);
    member_int_if(out, "revoked_at_ms", key->revoked_at_ms != 0,
                  key->revoked_at_ms);
    if (secret != NULL)
        member_text(out, "secret", secret);
    json_object_end(out);
}

void
keys_list(struct call *call)
{
    struct auth *auth = call->api->options.auth;
    struct json_writer *w = reply_begin(call);
    json_array_begin(w);
    for (size_t i = 0; i < auth_key_count(auth); i++)
        write_key(auth_key_at(auth, i), NULL, w);
    json_array_end(w);
    reply_end(call, 200);
}

static void
on_created(void *ctx, const struct api_key *key, const char *secret,
           const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_error(call, error);
    } else {
        write_key(key, secret, reply_begin(call));
        reply_end(call, 201);
    }
    call_unref(call);
}

void
keys_create(struct call *call)
{
    struct error error = { .code = ERR_OK };
    enum key_scope scope = KEY_SCOPE_ADMIN;
    struct str wanted = input_text(call, "scope");
    if (wanted.n > 0)
        key_scope_from(wanted, &scope); /* one of the schema's choices */
    struct str name = input_text(call, "name");
    call_ref(call);
    if (auth_key_create(call->api->options.auth,
                        name.n == 0 ? STR("key") : name, scope, on_created,
                        call, &error) < 0) {
        reply_error(call, &error);
        call_unref(call);
    }
}

static void
on_revoked(void *ctx, const struct api_key *key, const char *secret,
           const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL)
        reply_error(call, error);
    else
        reply_empty(call);
    call_unref(call);
}

void
keys_revoke(struct call *call)
{
    struct error error = { .code = ERR_OK };
    call_ref(call);
    if (auth_key_revoke(call->api->options.auth, call->params[0], on_revoked,
                        call, &error) < 0) {
        reply_error(call, &error);
        call_unref(call);
    }
}
