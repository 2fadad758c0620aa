/* The entry of every request: browser rules, authority, then the path.
 *
 * The order matters: nobody learns which paths exist, or that a body was
 * malformed, who may not ask at all. Paths of the gateway are the hot ones
 * and are handed over without an allocation. */
#include "api/api.h"

#include <assert.h>
#include <stdlib.h>

#include "api/dialect.h"
#include "api/handlers.h"
#include "api/live/live.h"
#include "api/openapi_internal.h"
#include "formats/websocket.h"

enum { CALL_ARENA_BYTES = 4 * 1024 * 1024 };

static int decide(struct api *api, const struct http_request *request,
                  enum authority needs, struct auth_answer *who,
                  struct error *error);

/* Who looks at something with a key or a session that is no more. Socket.IO
 * has its own, for its clients bring their key later (live/). */
static void
on_access_ended(struct subscription *subscription, const struct event *event)
{
    (void)event;
    struct api *api = LIST_ENTRY(subscription, struct api, on_access);
    struct auth_answer who;
    struct error error;
    LIST_FOR_SAFE(node, &api->calls)
    {
        struct call *call = LIST_ENTRY(node, struct call, node);
        if (call->on_end_stream != NULL && call->exchange != NULL &&
            call->row->needs != AUTHORITY_NONE &&
            decide(api, http_request(call->exchange), call->row->needs, &who,
                   &error) < 0)
            call->on_end_stream(call, WEBSOCKET_POLICY,
                                "access has been withdrawn");
    }
}

struct api *
api_new(const struct api_options *options)
{
    struct api *api = calloc(1, sizeof *api);
    if (api == NULL)
        return NULL;
    api->n_refs = 1;
    api->options = *options;
    list_init(&api->calls);
    event_ring_init(&api->ring, api);
    events_subscribe(options->events, &api->on_access, EVENT_BIT(ACCESS_ENDED),
                     on_access_ended);
    api->routes = calloc(n_api_rows, sizeof *api->routes);
    api->live = live_new(api);
    if (api->routes == NULL || api->live == NULL) {
        events_unsubscribe(&api->on_access);
        live_free(api->live);
        free(api->routes);
        free(api);
        return NULL;
    }
    for (size_t i = 0; i < n_api_rows; i++)
        api->routes[i] = (struct route){ api_rows[i].method,
                                         api_rows[i].pattern, (unsigned)i };
    return api;
}

void
api_unref(struct api *api)
{
    if (--api->n_refs > 0)
        return;
    live_free(api->live);
    free(api->url);
    free(api->routes);
    free(api);
}

void
api_free(struct api *api)
{
    if (api == NULL)
        return;
    events_unsubscribe(&api->on_access);
    live_close(api->live);
    event_ring_release(&api->ring);
    api->is_closed = true; /* calls that still wait for a store end it */
    api_unref(api);
}

int
api_set_url(struct api *api, const char *url)
{
    char *copy = str_dup(str_from(url));
    if (copy == NULL)
        return -1;
    free(api->url);
    api->url = copy;
    return 0;
}

void
api_end_streams(struct api *api)
{
    LIST_FOR_SAFE(node, &api->calls)
    {
        struct call *call = LIST_ENTRY(node, struct call, node);
        if (call->on_end_stream != NULL)
            call->on_end_stream(call, WEBSOCKET_GOING_AWAY,
                                "hearth is stopping");
    }
}

/* ---- refusals ---- */

static void
refuse(struct http_exchange *exchange, const struct auth_answer *who,
       int status, const char *code, const char *message,
       const struct http_header *extra)
{
    struct http_header headers[REPLY_HEADERS_MAX + 2];
    size_t n = reply_headers(who, REPLY_DATA, headers);
    if (status == 401)
        headers[n++] =
            (struct http_header){ STR("WWW-Authenticate"), STR("Bearer") };
    if (extra != NULL)
        headers[n++] = *extra;
    struct strbuf body = STRBUF_INIT(8 * KIB);
    dialect_write(dialect_of_path(http_request(exchange)->path), status, code,
                  message, &body);
    http_respond(exchange, status, (struct http_headers){ headers, n },
                 "application/json", strbuf_view(&body));
    strbuf_release(&body);
}

static void
refuse_error(struct http_exchange *exchange, const struct auth_answer *who,
             const struct error *error)
{
    refuse(exchange, who, error_http_status(error->code),
           error_wire(error->code), error->message, NULL);
}

void
api_refuse(struct str path, int status, const char *message,
           struct strbuf *ret_body)
{
    const char *code = "bad_request";
    for (int i = ERR_BAD_REQUEST; i < ERR_COUNT; i++) {
        if (error_http_status((enum error_code)i) == status) {
            code = error_wire((enum error_code)i);
            break;
        }
    }
    dialect_write(dialect_of_path(path), status, code, message, ret_body);
}

/* ---- whose path is it? ---- */

enum place {
    PLACE_GATEWAY,
    PLACE_ROW,
    PLACE_LIVE,
    PLACE_PAGE,
    PLACE_FILE,
    PLACE_PREFLIGHT,
    PLACE_WRONG_METHOD,
    PLACE_NOWHERE
};

struct target {
    enum place place;
    enum authority needs;
    const struct api_row *row;
    const struct web_file *file;
    struct route_match match;
    struct arena arena;
};

static bool
is_below_api(struct str path)
{
    return str_is(path, "/api") || str_starts_with(path, STR("/api/"));
}

static bool
is_safe(struct str method)
{
    return str_is(method, "GET") || str_is(method, "HEAD") ||
           str_is(method, "OPTIONS");
}

/* What the gateway's paths need: lists of models are for readers too, and
 * loading by hand is control. */
enum authority
inference_authority(struct str method, struct str path)
{
    if (str_is(path, "/models/load") || str_is(path, "/models/unload"))
        return AUTHORITY_CONTROL;
    if (is_safe(method) &&
        (str_is(path, "/models") || str_is(path, "/v1/models") ||
         str_starts_with(path, STR("/v1/models/"))))
        return AUTHORITY_MODELS;
    if (str_is(path, "/metrics"))
        return AUTHORITY_READ;
    return AUTHORITY_INFERENCE;
}

static bool
has_query(const struct http_request *request, const char *name)
{
    char value[512];
    return request->query.n > 0 &&
           http_query_get(request->query, name, value, sizeof value) >= 0;
}

/* Paths that the gateway serves but which are ours for some clients. */
static bool
is_gateways(const struct api *api, const struct http_request *request)
{
    const struct api_hooks *hooks = &api->options.hooks;
    if (hooks->gateway_handles == NULL || is_below_api(request->path))
        return false;
    if (str_is(request->path, "/models") && is_safe(request->method) &&
        page_is_wanted(request))
        return false;
    if (str_is(request->path, "/metrics") && !has_query(request, "model"))
        return false;
    return hooks->gateway_handles(hooks->ctx, request->method, request->path);
}

/* Browser paths: an address of the page's own, whatever it is called. */
static bool
is_pages(const struct http_request *request)
{
    if (!is_safe(request->method) || is_below_api(request->path) ||
        str_starts_with(request->path, STR("/v1/")))
        return false;
    return str_is(request->path, "/") || page_is_wanted(request);
}

static int
locate(struct api *api, const struct http_request *request,
       struct target *target)
{
    if (str_is(request->method, "OPTIONS")) {
        target->place = PLACE_PREFLIGHT;
        target->needs = AUTHORITY_NONE;
        return 0;
    }
    if (live_serves(api->live, request->path)) {
        target->place = PLACE_LIVE; /* who it is is asked once it joins */
        target->needs = AUTHORITY_NONE;
        return 0;
    }
    target->file =
        is_safe(request->method) ? web_file_find(request->path) : NULL;
    if (target->file != NULL) {
        target->place = PLACE_FILE; /* it holds no data: anybody's */
        target->needs = AUTHORITY_NONE;
        return 0;
    }
    if (is_gateways(api, request)) {
        target->place = PLACE_GATEWAY;
        target->needs = inference_authority(request->method, request->path);
        return 0;
    }
    if (routes_match(api->routes, n_api_rows, request->method, request->path,
                     &target->arena, &target->match) < 0)
        return -1;
    if (target->match.route != NULL) {
        target->place = PLACE_ROW;
        target->row = &api_rows[target->match.route->id];
        target->needs = target->row->needs;
        return 0;
    }
    target->needs = AUTHORITY_READ;
    if (target->match.is_path_known) {
        target->place = PLACE_WRONG_METHOD;
    } else if (is_pages(request)) {
        target->place = PLACE_PAGE;
        target->needs = AUTHORITY_NONE;
    } else {
        target->place = PLACE_NOWHERE;
        if (dialect_of_path(request->path) != DIALECT_OWN)
            target->needs = AUTHORITY_MODELS;
    }
    return 0;
}

/* The headers that authority looks at, in one pass: every relayed request
 * goes through here. The first of a name counts. */
static void
collect_facts(struct http_headers headers, struct auth_request *facts)
{
    struct {
        struct str name;
        struct str *value;
    } wanted[] = {
        { STR("host"), &facts->host },
        { STR("origin"), &facts->origin },
        { STR("cookie"), &facts->cookie },
        { STR("x-api-key"), &facts->x_api_key },
        { STR("authorization"), &facts->authorization },
        { STR("sec-fetch-site"), &facts->sec_fetch_site },
        { STR("sec-fetch-mode"), &facts->sec_fetch_mode },
    };
    for (size_t i = 0; i < headers.n; i++) {
        const struct http_header *header = &headers.at[i];
        for (size_t j = 0; j < sizeof wanted / sizeof *wanted; j++) {
            if (header->name.n == wanted[j].name.n &&
                wanted[j].value->p == NULL &&
                str_eq_nocase(header->name, wanted[j].name)) {
                *wanted[j].value = header->value;
                break;
            }
        }
    }
}

void
api_facts(const struct http_request *request, struct auth_request *ret_facts)
{
    *ret_facts = (struct auth_request){
        .is_unix = request->is_unix,
        .peer_uid = request->peer_uid,
        .client = request->client,
        .is_safe_method = is_safe(request->method),
    };
    collect_facts(request->headers, ret_facts);
}

static int
decide(struct api *api, const struct http_request *request,
       enum authority needs, struct auth_answer *who, struct error *error)
{
    struct auth_request facts;
    api_facts(request, &facts);
    facts.needs = needs;
    return auth_decide(api->options.auth, &facts, who, error);
}

/* ---- answers that need no row ---- */

static bool
is_field_name_list(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!is_word && c != ',' && c != ' ')
            return false;
    }
    return value.n > 0 && value.n <= 2048;
}

static void
answer_preflight(struct http_exchange *exchange, const struct auth_answer *who)
{
    const struct http_request *request = http_request(exchange);
    struct http_header headers[REPLY_HEADERS_MAX + 4];
    size_t n = reply_headers(who, REPLY_DATA, headers);
    headers[n++] =
        (struct http_header){ STR("Allow"),
                              STR("GET, HEAD, POST, PUT, DELETE, OPTIONS") };
    if (who->allow_origin[0] != '\0') {
        struct str wanted = http_headers_get(request->headers,
                                             "access-control-request-headers");
        headers[n++] = (struct http_header){
            STR("Access-Control-Allow-Methods"),
            STR("GET, HEAD, POST, PUT, DELETE, OPTIONS")
        };
        headers[n++] =
            (struct http_header){ STR("Access-Control-Allow-Headers"),
                                  is_field_name_list(wanted)
                                      ? wanted
                                      : STR("Authorization, Content-Type") };
        headers[n++] =
            (struct http_header){ STR("Access-Control-Max-Age"), STR("600") };
    }
    http_respond(exchange, 204, (struct http_headers){ headers, n }, NULL,
                 STR(""));
}

static void
answer_wrong_method(struct api *api, struct http_exchange *exchange,
                    const struct auth_answer *who)
{
    const struct http_request *request = http_request(exchange);
    char allow[128] = "";
    routes_allow(api->routes, n_api_rows, request->path, allow, sizeof allow);
    struct http_header header = { STR("Allow"), str_from(allow) };
    char message[ERROR_MESSAGE_MAX];
    snprintf(message, sizeof message, "%.*s is not served here; %s is",
             (int)(request->method.n > 32 ? 32 : request->method.n),
             request->method.p, allow);
    refuse(exchange, who, 405, "method_not_allowed", message, &header);
}

static void
answer_nowhere(struct http_exchange *exchange, const struct auth_answer *who)
{
    const struct http_request *request = http_request(exchange);
    struct error error;
    if (str_is(request->path, "/") && !is_safe(request->method)) {
        struct http_header allow = { STR("Allow"), STR("GET, HEAD") };
        refuse(exchange, who, 405, "method_not_allowed",
               "only GET is served here", &allow);
        return;
    }
    error_set(&error, ERR_NOT_FOUND, "there is no %.*s %.*s",
              (int)(request->method.n > 32 ? 32 : request->method.n),
              request->method.p,
              (int)(request->path.n > 200 ? 200 : request->path.n),
              request->path.p);
    refuse_error(exchange, who, &error);
}

static void
serve(struct api *api, struct http_exchange *exchange, struct target *target,
      const struct auth_answer *who)
{
    switch (target->place) {
    case PLACE_GATEWAY:
        api->options.hooks.gateway_request(api->options.hooks.ctx, exchange,
                                           who);
        break;
    case PLACE_ROW:
        call_start(api, exchange, target->row, &target->match, &target->arena,
                   who);
        return; /* the arena went with it */
    case PLACE_LIVE:
        live_request(api, exchange, &target->arena, who);
        return; /* the same */
    case PLACE_PAGE: page_send(api, exchange, who); break;
    case PLACE_FILE: web_file_send(target->file, exchange, who); break;
    case PLACE_PREFLIGHT: answer_preflight(exchange, who); break;
    case PLACE_WRONG_METHOD: answer_wrong_method(api, exchange, who); break;
    case PLACE_NOWHERE: answer_nowhere(exchange, who); break;
    }
    arena_release(&target->arena);
}

void
api_request(struct api *api, struct http_exchange *exchange)
{
    assert(loop_is_here(api->options.loop));
    const struct http_request *request = http_request(exchange);
    struct target target = { .place = PLACE_NOWHERE };
    arena_init(&target.arena, CALL_ARENA_BYTES);
    struct auth_answer who = { .who = WHO_NOBODY };
    struct error error = { .code = ERR_OK };
    if (locate(api, request, &target) < 0) {
        error_set(&error, ERR_NO_MEMORY,
                  "there is not enough memory for this request");
        refuse_error(exchange, &who, &error);
        arena_release(&target.arena);
        return;
    }
    if (decide(api, request, target.needs, &who, &error) < 0) {
        refuse_error(exchange, &who, &error);
        arena_release(&target.arena);
        return;
    }
    serve(api, exchange, &target, &who);
}

/* ---- requests from inside ---- */

static void
refuse_inside(const struct error *error, api_answer_fn *on_answer, void *ctx)
{
    struct strbuf body = STRBUF_INIT(8 * KIB);
    dialect_write(DIALECT_OWN, error_http_status(error->code),
                  error_wire(error->code), error->message, &body);
    on_answer(ctx, error_http_status(error->code), strbuf_view(&body));
    strbuf_release(&body);
}

/* The row, or NULL with `error`. */
static const struct api_row *
find_row(struct api *api, const struct api_question *question,
         struct arena *arena, struct route_match *match, struct error *error)
{
    const unsigned elsewhere = ROW_STREAM | ROW_PLAIN | ROW_WEBSOCKET |
                               ROW_UNCHECKED | ROW_HEADERS | ROW_DOWNLOAD;
    if (routes_match(api->routes, n_api_rows, str_from(question->method),
                     question->path, arena, match) < 0) {
        error_set(error, ERR_NO_MEMORY, "there is not enough memory");
        return NULL;
    }
    const struct api_row *row =
        match->route == NULL ? NULL : &api_rows[match->route->id];
    if (row != NULL && (row->flags & elsewhere) == 0)
        return row;
    error_set(error, ERR_NOT_FOUND, "there is no %s %.*s", question->method,
              (int)(question->path.n > 200 ? 200 : question->path.n),
              question->path.p);
    return NULL;
}

void
api_ask(struct api *api, const struct api_question *question,
        struct auth_request facts, api_answer_fn *on_answer, void *ctx)
{
    struct route_match match;
    struct auth_answer who;
    struct arena arena;
    struct error error = { .code = ERR_OK };
    arena_init(&arena, CALL_ARENA_BYTES);
    const struct api_row *row = find_row(api, question, &arena, &match, &error);
    facts.needs = row == NULL ? AUTHORITY_READ : row->needs;
    facts.is_safe_method = is_safe(str_from(question->method));
    struct error refusal;
    bool is_allowed =
        auth_decide(api->options.auth, &facts, &who, &refusal) == 0;
    if (row == NULL || !is_allowed) {
        arena_release(&arena);
        refuse_inside(is_allowed ? &error : &refusal, on_answer, ctx);
        return;
    }
    if (call_run(api, row, &match, &arena, &who, question, on_answer, ctx) == 0)
        return;
    error_set(&error, ERR_TOO_LARGE, "the request is larger than %zu bytes",
              LIMIT_API_BODY_BYTES);
    refuse_inside(&error, on_answer, ctx);
}
