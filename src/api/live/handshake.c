/* HTTP on the path of the live surface: every request that is no good
 * handshake is told why, in the words of Engine.IO. */
#include "api/live/live_internal.h"
#include "formats/engine_io.h"

static const char live_path[] = "/llamaproxws";

static const char echo_path[] = "/ws/echo";

bool
live_serves(const struct live *live, struct str path)
{
    return live_is_path(path) || echo_of_path(live, path) != ECHO_NONE ||
           (live->options.is_conformance && str_is(path, echo_path));
}

bool
live_is_path(struct str path)
{
    struct str base = STR("/llamaproxws");
    return str_starts_with(path, base) &&
           (path.n == base.n ||
            (path.n == base.n + 1 && path.p[base.n] == '/'));
}

/* A parameter that is too long or badly encoded is none that we know. */
static struct str
parameter(struct str query, const char *name, char *buffer, size_t size)
{
    ptrdiff_t n = http_query_get(query, name, buffer, size);
    return n < 0 ? STR("") : (struct str){ buffer, (size_t)n };
}

static bool
has_parameter(struct str query, const char *name)
{
    while (query.n > 0) {
        struct str pair = str_split(&query, '&');
        if (str_is(str_split(&pair, '='), name))
            return true;
    }
    return false;
}

/* As the reference server has it: a client that wants to upgrade reads text,
 * all others JSON. */
static void
refuse(struct call *call, enum engine_io_refusal refusal, bool is_upgrade)
{
    struct strbuf body = STRBUF_INIT(1 * KIB);
    bool is_text = is_upgrade && refusal != ENGINE_IO_UNSUPPORTED_VERSION;
    if (is_text)
        strbuf_add_text(&body, engine_io_refusal_text(refusal));
    else
        engine_io_write_refusal(refusal, &body);
    reply_raw(call, refusal == ENGINE_IO_FORBIDDEN ? 403 : 400,
              is_text ? "text/plain" : "application/json", strbuf_view(&body),
              NULL);
    strbuf_release(&body);
}

static void
begin(struct call *call)
{
    const struct http_request *request = http_request(call->exchange);
    char transport[32], version[8];
    enum echo_kind kind = echo_of_path(call->api->live, request->path);
    if (str_is(request->path, echo_path)) {
        echo_plain(call);
        return;
    }
    bool is_upgrade =
        request->is_upgrade &&
        http_headers_has_token(request->headers, "upgrade", "websocket");
    const struct engine_io_handshake handshake = {
        .method = request->method,
        .transport =
            parameter(request->query, "transport", transport, sizeof transport),
        .version = parameter(request->query, "EIO", version, sizeof version),
        .has_sid = has_parameter(request->query, "sid"),
        .is_upgrade = is_upgrade,
    };
    enum engine_io_refusal refusal = engine_io_check(&handshake);
    if (refusal != ENGINE_IO_ACCEPTED)
        refuse(call, refusal, is_upgrade);
    else
        live_connection_begin(call, kind);
}

void
live_request(struct api *api, struct http_exchange *exchange,
             struct arena *arena, const struct auth_answer *who)
{
    static const struct api_row row = {
        .method = "GET",
        .pattern = live_path,
        .needs = AUTHORITY_NONE,
        .handle = begin,
        .flags = ROW_WEBSOCKET | ROW_UNCHECKED,
    };
    const struct route_match match = { .n_params = 0 };
    call_start(api, exchange, &row, &match, arena, who);
}

/* ---- life ---- */

struct live *
live_new(struct api *api)
{
    struct live *live = calloc(1, sizeof *live);
    if (live == NULL)
        return NULL;
    live->api = api;
    live->options = api->options.live;
    live->next_seq = 1;
    list_init(&live->connections);
    list_init(&live->log);
    list_init(&live->lost);
    broadcasts_start(live);
    return live;
}

void
live_close(struct live *live)
{
    if (live == NULL)
        return;
    broadcasts_stop(live);
    recovery_release(live);
    library_diff_release(live);
}

void
live_free(struct live *live)
{
    if (live == NULL)
        return;
    live_close(live);
    free(live);
}
