/* The life of a call: see call.h. */
#include "api/call.h"

#include <assert.h>
#include <stdlib.h>

void
call_hand_over(struct call *call, int status, struct str body)
{
    api_answer_fn *on_answer = call->on_answer;
    call->on_answer = NULL;
    call->is_answered = true;
    on_answer(call->answer_ctx, status, body);
}

static void
call_free(struct call *call)
{
    if (call->on_answer != NULL)
        call_hand_over(call, 0, STR(""));
    list_remove(&call->node);
    json_doc_free(call->doc);
    strbuf_release(&call->body);
    strbuf_release(&call->out);
    arena_release(&call->arena);
    api_unref(call->api);
    free(call);
}

struct call *
call_ref(struct call *call)
{
    call->n_refs++;
    return call;
}

bool
call_is_open(const struct call *call)
{
    return call->exchange != NULL || call->on_answer != NULL;
}

void
call_unref(struct call *call)
{
    assert(call->n_refs > 0);
    if (--call->n_refs == 0)
        call_free(call);
}

static void
run(struct call *call)
{
    if (call_check_body(call))
        call->row->handle(call);
}

static void
on_body(struct http_exchange *exchange, struct str bytes)
{
    struct call *call = http_ctx(exchange);
    strbuf_add_str(&call->body, bytes);
}

static void
on_body_end(struct http_exchange *exchange)
{
    struct call *call = call_ref(http_ctx(exchange));
    if (call->body.state == STRBUF_NO_MEMORY)
        reply_errorf(call, ERR_NO_MEMORY,
                     "there is not enough memory for this body");
    else if (call->body.state == STRBUF_FULL)
        reply_errorf(call, ERR_TOO_LARGE, "the body is larger than %zu bytes",
                     call->body.ceiling);
    else if (!call->is_answered)
        run(call);
    call_unref(call);
}

static void
on_drain(struct http_exchange *exchange)
{
    struct call *call = http_ctx(exchange);
    if (call->on_drain != NULL)
        call->on_drain(call);
}

static void
on_close(struct http_exchange *exchange, bool is_client_gone)
{
    struct call *call = http_ctx(exchange);
    call->exchange = NULL;
    if (call->on_close != NULL)
        call->on_close(call);
    call_unref(call);
}

static void
on_raw(struct http_exchange *exchange, struct str bytes)
{
    struct call *call = http_ctx(exchange);
    if (call->on_raw != NULL)
        call->on_raw(call, bytes);
}

static const struct http_exchange_ops call_ops = {
    .on_body = on_body,
    .on_body_end = on_body_end,
    .on_drain = on_drain,
    .on_close = on_close,
    .on_raw = on_raw,
};

static bool
is_json_type(struct str content_type)
{
    struct str type = str_trim(str_split(&content_type, ';'));
    return str_eq_nocase(type, STR("application/json"));
}

static size_t
body_limit(const struct api_row *row)
{
    return (row->flags & ROW_LARGE) != 0 ? LIMIT_CONFIG_BYTES
                                         : LIMIT_API_BODY_BYTES;
}

static void
read_body(struct call *call, const struct http_request *request)
{
    struct str type = http_headers_get(request->headers, "content-type");
    if (!is_json_type(type)) {
        reply_errorf(call, ERR_UNSUPPORTED_MEDIA,
                     "a body must be sent as Content-Type: application/json, "
                     "not \"%.*s\"",
                     (int)(type.n > 100 ? 100 : type.n),
                     type.p == NULL ? "" : type.p);
        return;
    }
    http_limit_body(call->exchange, body_limit(call->row));
    if (call->exchange != NULL && !http_has_responded(call->exchange))
        http_want_body(call->exchange);
}

/* Takes the arena; with one reference. NULL when out of memory. */
static struct call *
call_new(struct api *api, const struct api_row *row,
         const struct route_match *match, struct arena *arena,
         const struct auth_answer *who)
{
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        arena_release(arena);
        return NULL;
    }
    call->api = api;
    api->n_refs++;
    call->row = row;
    call->n_refs = 1;
    call->who = *who;
    call->query = STR("");
    call->n_params = match->n_params;
    for (size_t i = 0; i < match->n_params; i++)
        call->params[i] = match->params[i];
    call->arena = *arena;
    strbuf_init(&call->body, body_limit(row));
    list_push_back(&api->calls, &call->node);
    return call;
}

void
call_start(struct api *api, struct http_exchange *exchange,
           const struct api_row *row, const struct route_match *match,
           struct arena *arena, const struct auth_answer *who)
{
    struct call *call = call_new(api, row, match, arena, who);
    if (call == NULL) {
        http_respond(exchange, 503, (struct http_headers){ NULL, 0 }, NULL,
                     STR(""));
        return;
    }
    call_ref(call); /* the exchange's; ours until the end of this */
    call->exchange = exchange;
    http_set_ops(exchange, &call_ops, call);
    const struct http_request *request = http_request(exchange);
    call->query = request->query;
    if ((row->flags & ROW_UNCHECKED) != 0) {
        row->handle(call);
    } else if (call_check_query(call)) {
        if (request->has_body)
            read_body(call, request);
        else
            run(call);
    }
    call_unref(call);
}

int
call_run(struct api *api, const struct api_row *row,
         const struct route_match *match, struct arena *arena,
         const struct auth_answer *who, const struct api_question *question,
         api_answer_fn *on_answer, void *ctx)
{
    struct call *call = call_new(api, row, match, arena, who);
    if (call == NULL)
        return -1;
    char *query = arena_str(&call->arena, question->query);
    strbuf_add_str(&call->body, question->body);
    if (query == NULL || strbuf_failed(&call->body)) {
        call_unref(call);
        return -1;
    }
    call->query = (struct str){ query, question->query.n };
    call->on_answer = on_answer;
    call->answer_ctx = ctx;
    if (call_check_query(call))
        run(call);
    call_unref(call);
    return 0;
}
