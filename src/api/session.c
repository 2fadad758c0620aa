/* /api/session: a browser trades a key, or the secret of a one-time link,
 * for a cookie that no script can read and no other site can send. */
#include "api/handlers.h"

static const char *
who_name(enum auth_who who)
{
    static const char *const names[] = {
        [WHO_NOBODY] = "nobody",     [WHO_UNIX] = "unix",
        [WHO_KEY] = "key",           [WHO_SESSION] = "session",
        [WHO_LOOPBACK] = "loopback",
    };
    return names[who];
}

static void
write_session(const struct auth_answer *who, struct json_writer *out)
{
    json_object_begin(out);
    member_text(out, "who", who_name(who->who));
    member_text(out, "scope",
                who->who == WHO_KEY ? key_scope_name(who->scope) : NULL);
    member_bool(out, "may_execute", who->may_execute);
    json_object_end(out);
}

void
session_show(struct call *call)
{
    write_session(&call->who, reply_begin(call));
    reply_end(call, 200);
}

/* The cookie's line: valid for every path, so that the page, the API and
 * the inference paths share it. */
static const char *
cookie(struct call *call, const char *value, const char *life)
{
    bool is_secure =
        call->exchange != NULL && http_request(call->exchange)->is_secure;
    return arena_printf(&call->arena,
                        "hearth_session=%s; Path=/; HttpOnly; "
                        "SameSite=Strict%s%s",
                        value, is_secure ? "; Secure" : "", life);
}

void
session_open(struct call *call)
{
    struct error error = { .code = ERR_OK };
    struct str key = input_text(call, "key");
    struct str link = input_text(call, "link");
    if ((key.n == 0) == (link.n == 0)) {
        error_field(&error, "key",
                    "a session needs either \"key\" or \"link\"");
        reply_error(call, &error);
        return;
    }
    char secret[KEY_SECRET_BYTES];
    if (auth_session_create(call->api->options.auth, key.n > 0 ? key : link,
                            secret, &error) < 0) {
        reply_error(call, &error);
        return;
    }
    const char *line = cookie(call, secret, "");
    if (line == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    struct http_header header = { STR("Set-Cookie"), str_from(line) };
    struct auth_answer who = { .who = WHO_SESSION, .may_execute = true };
    write_session(&who, reply_begin(call));
    reply_end_with(call, 200, &header);
}

void
session_close(struct call *call)
{
    struct str cookies =
        http_headers_get(http_request(call->exchange)->headers, "cookie");
    auth_session_end(call->api->options.auth, cookies);
    const char *line = cookie(call, "", "; Max-Age=0");
    struct http_header header = { STR("Set-Cookie"), str_from(line) };
    reply_raw(call, 204, NULL, STR(""), line == NULL ? NULL : &header);
}

void
session_link(struct call *call)
{
    struct error error = { .code = ERR_OK };
    char secret[KEY_SECRET_BYTES];
    if (auth_link_create(call->api->options.auth, secret, &error) < 0) {
        reply_error(call, &error);
        return;
    }
    const char *url =
        arena_printf(&call->arena, "%s/?link=%s",
                     call->api->url == NULL ? "" : call->api->url, secret);
    if (url == NULL) {
        reply_errorf(call, ERR_NO_MEMORY, "there is not enough memory");
        return;
    }
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_text(w, "url", url);
    json_object_end(w);
    reply_end(call, 201);
}
