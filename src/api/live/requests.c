/* An event that is a request: finds its row, asks the same route of REST and
 * answers with its envelope on `<event>:result`, and by acknowledgement when
 * one was asked for. The request may be flat (its members beside requestId) or
 * wrapped in `data`. */
#include <stdlib.h>

#include "api/live/live_internal.h"
#include "formats/http_fields.h"

enum {
    REQUESTS_MAX = 32, /* of a client at once */
    /* A client may ask so often in a second, and save up for two. */
    REQUESTS_PER_S = 200,
    REQUEST_ID_BYTES = 256,
    QUERY_BYTES = 8 * 1024
};
static const size_t ENVELOPE_BYTES_MAX = 256 * MIB;

struct request {
    struct list node; /* of the connection's; alone when that is gone */
    struct live *live;
    struct live_connection *connection; /* NULL: gone */
    char sid[NONCE_BYTES];
    int64_t ack_id;              /* -1: none */
    char *event;                 /* its name */
    char *ask_id;                /* requestId as JSON, or NULL */
    bool is_id_too_long;         /* to be told back */
    char *input;                 /* the request as JSON */
    char *subject;               /* what it names, or NULL */
    char *part;                  /* and what of that, or NULL */
    const struct event_row *row; /* NULL: unknown */
};

static void
request_free(struct request *request)
{
    if (request->connection != NULL)
        request->connection->n_requests--;
    list_remove(&request->node);
    free(request->event);
    free(request->ask_id);
    free(request->input);
    free(request->subject);
    free(request->part);
    free(request);
}

void
requests_orphan(struct live_connection *connection)
{
    LIST_FOR_SAFE(node, &connection->requests)
    {
        struct request *request = LIST_ENTRY(node, struct request, node);
        request->connection = NULL;
        list_remove(&request->node);
    }
    connection->n_requests = 0;
}

bool
requests_take(struct live_connection *connection)
{
    const int64_t full = INT64_C(2) * REQUESTS_PER_S * 1000;
    int64_t now_ms = loop_now_ms(connection->live->api->options.loop);
    int64_t earned =
        connection->allowance_at_ms == 0
            ? full
            : (now_ms - connection->allowance_at_ms) * REQUESTS_PER_S;
    connection->allowance_at_ms = now_ms;
    connection->allowance += earned;
    if (connection->allowance > full || earned > full)
        connection->allowance = full;
    if (connection->allowance < 1000)
        return false;
    connection->allowance -= 1000;
    return true;
}

/* ---- answers ---- */

/* The envelope up to its `data` or `error`, and from there on. */
static void
envelope_begin(const struct request *request, bool is_success,
               struct strbuf *out, struct json_writer *w)
{
    json_writer_init(w, out);
    json_object_begin(w);
    member_text(w, "type", "response");
    member_text(w, "event", request->event);
    member_bool(w, "success", is_success);
    json_key(w, is_success ? "data" : "error");
}

static void
envelope_end(const struct request *request, struct json_writer *w)
{
    json_key(w, "requestId");
    if (request->ask_id != NULL)
        json_raw(w, str_from(request->ask_id));
    else
        json_null(w);
    member_int(w, "timestamp", loop_wall_ms());
    json_object_end(w);
}

static void
send_result(struct request *request, struct str envelope)
{
    struct live_message message;
    struct strbuf name = STRBUF_INIT(2 * MIB);
    strbuf_add_text(&name, request->event);
    strbuf_add_text(&name, ":result");
    struct json_writer *w = message_begin(request->live, &message,
                                          strbuf_text(&name), MESSAGE_KEPT);
    json_raw(w, envelope);
    message_to_one(request->live, &message, request->sid);
    strbuf_release(&name);
}

static void
send_ack(struct request *request, struct str envelope)
{
    if (request->ack_id < 0 || request->connection == NULL)
        return;
    struct strbuf text = STRBUF_INIT(ENVELOPE_BYTES_MAX);
    packet_begin(SOCKET_IO_ACK, "/", request->ack_id, &text);
    strbuf_add_byte(&text, '[');
    strbuf_add_str(&text, envelope);
    strbuf_add_byte(&text, ']');
    if (!strbuf_failed(&text))
        live_connection_send(request->connection, strbuf_view(&text));
    strbuf_release(&text);
}

/* Ends the request. */
static void
answer(struct request *request, struct strbuf *envelope)
{
    if (strbuf_failed(envelope)) {
        if (request->connection != NULL)
            live_connection_close(request->connection, WEBSOCKET_INTERNAL,
                                  "there is not enough memory");
    } else {
        send_ack(request, strbuf_view(envelope));
        send_result(request, strbuf_view(envelope));
    }
    strbuf_release(envelope);
    request_free(request);
}

static void
answer_error(struct request *request, const char *code, const char *message)
{
    struct strbuf envelope = STRBUF_INIT(ENVELOPE_BYTES_MAX);
    struct json_writer w;
    envelope_begin(request, false, &envelope, &w);
    json_object_begin(&w);
    member_text(&w, "code", code);
    member_text(&w, "message", message);
    json_object_end(&w);
    envelope_end(request, &w);
    answer(request, &envelope);
}

static void
write_data(const struct request *request, const struct json *data,
           struct json_writer *w)
{
    const struct event_row *row = request->row;
    if (row->shape != NULL) {
        struct json_doc *asked = json_parse(str_from(request->input), NULL);
        const struct shape_input input = {
            .api = request->live->api,
            .data = data,
            .request = asked == NULL ? NULL : json_root(asked),
            .subject = str_from(request->subject),
        };
        row->shape(&input, w);
        json_doc_free(asked);
        return;
    }
    if (row->wrap != NULL) {
        json_object_begin(w);
        json_key(w, row->wrap);
    }
    if (data == NULL)
        json_null(w);
    else
        json_value(w, data);
    if (row->wrap != NULL)
        json_object_end(w);
}

/* What REST answered. Those without an envelope are all data. */
static void
on_answer(void *ctx, int status, struct str body)
{
    struct request *request = ctx;
    struct json_doc *doc = NULL;
    if (body.n > 0)
        doc = json_parse(body, NULL);
    if (status == 0 || (body.n > 0 && doc == NULL)) {
        answer_error(request, error_wire(ERR_UNAVAILABLE),
                     "hearth could not answer");
        json_doc_free(doc);
        return;
    }
    const struct json *root = doc == NULL ? NULL : json_root(doc);
    const struct json *data = json_get(root, "data");
    bool is_success = status < 400;
    if (json_get(root, "success") == NULL)
        data = root;
    struct strbuf envelope = STRBUF_INIT(ENVELOPE_BYTES_MAX);
    struct json_writer w;
    envelope_begin(request, is_success, &envelope, &w);
    if (is_success)
        write_data(request, data, &w);
    else
        json_value(&w, json_get(root, "error"));
    envelope_end(request, &w);
    json_doc_free(doc);
    answer(request, &envelope);
}

/* ---- questions ---- */

static const struct api_row *
find_api_row(const struct event_row *row)
{
    for (size_t i = 0; i < n_api_rows; i++)
        if (strcmp(api_rows[i].method, row->method) == 0 &&
            strcmp(api_rows[i].pattern, row->pattern) == 0)
            return &api_rows[i];
    return NULL;
}

/* The first of the members that is there, as text; ids of requests are
 * numbers. */
static char *
find_subject(const char *members, const struct json *input)
{
    struct str rest = str_from(members), text;
    char digits[24];
    int64_t number;
    if (members[0] == '=')
        return str_dup(str_from(members + 1));
    while (rest.n > 0) {
        struct str name = str_split(&rest, '|');
        if (json_as_text(json_get_str(input, name), &text) && text.n > 0)
            return str_dup(text);
        if (json_as_int(json_get_str(input, name), &number)) {
            snprintf(digits, sizeof digits, "%" PRId64, number);
            return str_dup(str_from(digits));
        }
    }
    return NULL;
}

static void
write_path(const struct request *request, struct strbuf *out)
{
    struct str rest = str_from(request->row->pattern);
    const char *values[] = { request->subject, request->part };
    for (size_t i = 0; rest.p != NULL; i++) {
        strbuf_add_str(out, str_split(&rest, '{'));
        if (rest.p == NULL)
            return;
        struct str name = str_split(&rest, '}');
        struct str value = str_from(i < 2 ? values[i] : NULL);
        if (str_ends_with(name, STR("*")))
            uri_add_path(out, value);
        else
            uri_add_segment(out, value);
    }
}

/* The parameters that the route declares, taken from the request. */
static void
write_query(const struct event_row *row, const struct json *input,
            struct strbuf *out)
{
    const struct api_row *api_row = find_api_row(row);
    strbuf_add_text(out, row->query == NULL ? "" : row->query);
    if (row->write_query != NULL) {
        row->write_query(input, out);
        return;
    }
    const struct query_param *param = api_row == NULL ? NULL : api_row->query;
    for (; param != NULL && param->name != NULL; param++) {
        const struct json *value = json_get(input, param->name);
        struct str text;
        int64_t number;
        bool truth;
        if (value == NULL || json_type(value) == JSON_NULL ||
            (row->query != NULL &&
             str_starts_with(str_from(row->query), str_from(param->name))))
            continue;
        strbuf_addf(out, "%s%s=", out->n > 0 ? "&" : "", param->name);
        if (json_as_text(value, &text))
            uri_add_segment(out, text);
        else if (json_as_int(value, &number))
            strbuf_addf(out, "%lld", (long long)number);
        else if (json_as_bool(value, &truth))
            strbuf_add_text(out, truth ? "true" : "false");
        else
            strbuf_add_byte(out, '?'); /* nothing that any of them may be */
    }
}

static void
ask(struct request *request, const struct json *input)
{
    const struct event_row *row = request->row;
    struct strbuf path = STRBUF_INIT(LIMIT_API_BODY_BYTES);
    struct strbuf query = STRBUF_INIT(QUERY_BYTES);
    struct strbuf body = STRBUF_INIT(LIMIT_API_BODY_BYTES);
    write_path(request, &path);
    write_query(row, input, &query);
    if (row->write_body != NULL) {
        struct json_writer w;
        json_writer_init(&w, &body);
        row->write_body(input, &w);
    }
    if (strbuf_failed(&path) || strbuf_failed(&query) || strbuf_failed(&body)) {
        answer_error(request, error_wire(ERR_TOO_LARGE),
                     "the request is too large");
    } else {
        const struct api_question question = {
            .method = row->method,
            .path = strbuf_view(&path),
            .query = strbuf_view(&query),
            .body = strbuf_view(&body),
        };
        struct auth_request facts;
        client_facts(request->connection, &facts);
        api_ask(request->live->api, &question, facts, on_answer, request);
    }
    strbuf_release(&path);
    strbuf_release(&query);
    strbuf_release(&body);
}

/* What is about the connection alone; it must still be let in. */
static void
run_local(struct request *request, const struct json *input)
{
    struct error error = { .code = ERR_OK };
    struct strbuf data = STRBUF_INIT(64 * KIB);
    struct json_writer w;
    json_writer_init(&w, &data);
    if (!client_may_read(request->connection, &error) ||
        request->row->local(request->connection, input, &w, &error) < 0) {
        answer_error(request, error_wire(error.code), error.message);
    } else {
        struct strbuf envelope = STRBUF_INIT(ENVELOPE_BYTES_MAX);
        struct json_writer out;
        envelope_begin(request, true, &envelope, &out);
        json_raw(&out, strbuf_view(&data));
        envelope_end(request, &out);
        answer(request, &envelope);
    }
    strbuf_release(&data);
}

static bool
find_name(struct request *request, const char *members,
          const struct json *input, char **ret_name)
{
    char message[160];
    const char *within = request->row->within;
    if (members == NULL || (*ret_name = find_subject(members, input)) != NULL)
        return true;
    if (within != NULL &&
        (*ret_name = find_subject(members, json_get(input, within))) != NULL)
        return true;
    snprintf(message, sizeof message, "the request must name one of %s",
             members);
    answer_error(request, error_wire(ERR_INVALID), message);
    return false;
}

/* What the path is made of. False when it has answered. */
static bool
find_names(struct request *request, const struct json *input)
{
    return find_name(request, request->row->subject, input,
                     &request->subject) &&
           find_name(request, request->row->part, input, &request->part);
}

static void
run(struct request *request, const struct json *input)
{
    while (request->row != NULL && request->row->suits != NULL &&
           !request->row->suits(input))
        request->row++;
    const struct event_row *row = request->row;
    if (str_is(str_from(request->event), "connection:ack")) {
        struct strbuf envelope = STRBUF_INIT(4 * KIB);
        struct json_writer w;
        message_established(request->connection);
        envelope_begin(request, true, &envelope, &w);
        json_object_begin(&w);
        member_text(&w, "clientId", request->sid);
        json_object_end(&w);
        envelope_end(request, &w);
        answer(request, &envelope);
    } else if (row == NULL) {
        answer_error(request, "UNKNOWN_EVENT", "there is no such event");
    } else if (row->local != NULL) {
        run_local(request, input);
    } else if (row->method == NULL) {
        answer_error(request, error_wire(ERR_NOT_IMPLEMENTED),
                     "this Hearth cannot do that");
    } else if (find_names(request, input)) {
        ask(request, input);
    }
}

/* ---- what came ---- */

/* Members of the envelope that a flat request has among its own. */
static bool
is_envelope_member(struct str key, const struct json *value, const char *event)
{
    struct str text;
    bool is_text = json_as_text(value, &text);
    if (str_is(key, "requestId"))
        return true;
    if (str_is(key, "type"))
        return is_text && str_is(text, "request");
    if (str_is(key, "event"))
        return is_text && str_is(text, event);
    return str_is(key, "timestamp") || (str_is(key, "version") && is_text);
}

/* The request alone, as JSON on the heap, or NULL: no memory. */
static char *
copy_input(const struct json *payload, const char *event)
{
    struct strbuf out = STRBUF_INIT(ENVELOPE_BYTES_MAX);
    struct json_writer w;
    const struct json *data = json_get(payload, "data");
    json_writer_init(&w, &out);
    if (json_type(data) == JSON_OBJECT) {
        json_value(&w, data);
        return strbuf_detach(&out, NULL);
    }
    struct json_iter iter;
    json_object_begin(&w);
    if (json_type(payload) == JSON_OBJECT)
        for (json_iter_init(&iter, payload); json_iter_next(&iter);)
            if (!is_envelope_member(iter.key, iter.value, event)) {
                json_key_str(&w, iter.key);
                json_value(&w, iter.value);
            }
    json_object_end(&w);
    return strbuf_detach(&out, NULL);
}

static struct request *
request_new(struct live_connection *connection, struct str event,
            const struct json *payload, int64_t ack_id)
{
    struct request *request = calloc(1, sizeof *request);
    if (request == NULL)
        return NULL;
    request->live = connection->live;
    request->connection = connection;
    request->ack_id = ack_id;
    memcpy(request->sid, connection->sid, sizeof request->sid);
    list_push_back(&connection->requests, &request->node);
    connection->n_requests++;
    request->row = event_row_find(event);
    request->event = str_dup(event);
    const struct json *ask_id = json_get(payload, "requestId");
    if (ask_id != NULL)
        request->ask_id = json_to_text(ask_id);
    bool has_id = ask_id == NULL || request->ask_id != NULL;
    if (request->ask_id != NULL && strlen(request->ask_id) > REQUEST_ID_BYTES) {
        request->is_id_too_long = true;
        free(request->ask_id);
        request->ask_id = NULL;
    }
    if (request->event != NULL)
        request->input = copy_input(payload, request->event);
    if (has_id && request->event != NULL && request->input != NULL)
        return request;
    request_free(request);
    return NULL;
}

void
request_begin(struct live_connection *connection, const struct json *data,
              int64_t id)
{
    struct str event;
    if (!json_as_text(json_at(data, 0), &event))
        return; /* a number is a name, too, of nothing */
    bool is_allowed =
        requests_take(connection) && connection->n_requests < REQUESTS_MAX;
    struct request *request =
        request_new(connection, event, json_at(data, 1), id);
    if (request == NULL) {
        live_connection_close(connection, WEBSOCKET_INTERNAL,
                              "there is not enough memory");
        return;
    }
    if (!is_allowed) {
        answer_error(request, error_wire(ERR_TOO_MANY_REQUESTS),
                     "this client asks too often");
        return;
    }
    if (request->is_id_too_long) {
        char message[80];
        snprintf(message, sizeof message,
                 "requestId must be at most %d bytes of JSON",
                 REQUEST_ID_BYTES);
        answer_error(request, error_wire(ERR_INVALID), message);
        return;
    }
    struct json_doc *doc = json_parse(str_from(request->input), NULL);
    if (doc == NULL)
        answer_error(request, error_wire(ERR_NO_MEMORY),
                     "there is not enough memory");
    else
        run(request, json_root(doc));
    json_doc_free(doc);
}
