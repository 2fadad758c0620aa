/* The gateway's door: which request is whose. See gateway.h. */
#include "gateway/gateway.h"

#include <stdlib.h>

#include "formats/model_scanner.h"
#include "gateway/gateway_internal.h"
#include "gateway/headers.h"

enum { ERROR_BYTES = 8 * 1024 };

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct gateway *gateway =
        LIST_ENTRY(subscription, struct gateway, subscription);
    const struct instance_change *change = event->payload;
    if (change->to == INSTANCE_STOPPED || change->to == INSTANCE_FAILED)
        upstreams_drop(&gateway->upstreams, change->profile_id);
}

int
gateway_new(const struct gateway_options *options, struct gateway **ret_gateway,
            struct error *error)
{
    struct gateway *gateway = calloc(1, sizeof *gateway);
    if (gateway == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    gateway->options = *options;
    if (gateway->options.spill_dir == NULL)
        gateway->options.spill_dir = "/tmp";
    list_init(&gateway->relays);
    upstreams_init(&gateway->upstreams, options->loop);
    events_subscribe(options->events, &gateway->subscription,
                     EVENT_BIT(INSTANCE_STATE), on_event);
    *ret_gateway = gateway;
    return 0;
}

void
gateway_set_models_max(struct gateway *gateway, int models_max)
{
    gateway->options.models_max = models_max;
}

void
gateway_free(struct gateway *gateway)
{
    if (gateway == NULL)
        return;
    events_unsubscribe(&gateway->subscription);
    relay_drop_all(gateway);
    upstreams_release(&gateway->upstreams);
    body_spares_release(&gateway->bodies);
    free(gateway);
}

size_t
gateway_active(const struct gateway *gateway)
{
    return gateway->n_relays;
}

bool
gateway_handles(struct str method, struct str path)
{
    (void)method;
    return path_find(path) != NULL;
}

/* ---- answers of our own ---- */

void
answer_json(struct http_exchange *exchange, int status,
            const char *allow_origin, struct str body)
{
    struct header_list list = { .n = 0 };
    headers_add_cors(&list, allow_origin);
    /* A browser that navigates to /models gets a page instead. */
    headers_add(&list, STR("Vary"), STR("Accept, Sec-Fetch-Mode"));
    struct http_headers headers = { list.at, list.n };
    http_respond(exchange, status, headers, "application/json", body);
}

static void
answer(struct http_exchange *exchange, int status, enum error_code code,
       const char *message, struct header_list *list)
{
    struct strbuf body = STRBUF_INIT(ERROR_BYTES);
    error_dialect_write(error_dialect_of(http_request(exchange)->path), status,
                        error_wire(code), message, &body);
    struct http_headers headers = { list->at, list->n };
    http_respond(exchange, status, headers, "application/json",
                 strbuf_view(&body));
    strbuf_release(&body);
}

void
answer_error(struct http_exchange *exchange, const struct error *error,
             const char *allow_origin, int retry_after_s)
{
    struct header_list list = { .n = 0 };
    char seconds[16];
    headers_add_cors(&list, allow_origin);
    if (retry_after_s > 0) {
        snprintf(seconds, sizeof seconds, "%d", retry_after_s);
        headers_add(&list, STR("Retry-After"), str_from(seconds));
    }
    answer(exchange, error_http_status(error->code), error->code,
           error->message, &list);
}

void
answer_status(struct http_exchange *exchange, int status, enum error_code code,
              const char *message, const char *allow_origin, const char *allow)
{
    struct header_list list = { .n = 0 };
    headers_add_cors(&list, allow_origin);
    if (allow != NULL)
        headers_add(&list, STR("Allow"), str_from(allow));
    answer(exchange, status, code, message, &list);
}

/* ---- requests ---- */

static bool
names_model(const struct http_request *request)
{
    char name[MODEL_NAME_BYTES];
    return http_query_get(request->query, "model", name, sizeof name) > 0;
}

void
gateway_request(struct gateway *gateway, struct http_exchange *exchange,
                const struct auth_answer *who)
{
    const struct http_request *request = http_request(exchange);
    const struct path_row *row = path_find(request->path);
    enum path_kind kind =
        row == NULL ? PATH_NONE : path_kind_of(row, request->method);
    switch (kind) {
    case PATH_NONE:
        if (row == NULL)
            answer_status(exchange, 404, ERR_NOT_FOUND, "no such path",
                          who->allow_origin, NULL);
        else
            answer_status(exchange, 405, ERR_METHOD_NOT_ALLOWED,
                          "the method is not allowed here", who->allow_origin,
                          path_allow(row));
        break;
    case PATH_LIST:
        models_answer_list(gateway, exchange, who->allow_origin);
        break;
    case PATH_ONE:
        models_answer_one(gateway, exchange, who->allow_origin);
        break;
    case PATH_LOAD:
    case PATH_UNLOAD:
        models_change(gateway, exchange, kind, who->allow_origin);
        break;
    case PATH_QUERY:
        if (row->is_open && !names_model(request)) {
            models_answer_props(gateway, exchange, who->allow_origin);
            break;
        }
        relay_start(gateway, exchange, row, kind, who);
        break;
    case PATH_BODY:
    case PATH_UPSTREAM: relay_start(gateway, exchange, row, kind, who); break;
    }
}
