/* Requests to the daemon: see daemon_client.h. */
#include "cli/daemon_client.h"

#include <assert.h>
#include <netdb.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/units.h"
#include "cli/settings_source.h"
#include "formats/sse.h"
#include "platform/file.h"

enum { ANSWER_MAX_BYTES = 64 * 1024 * 1024, EVENT_MAX_BYTES = 1024 * 1024 };

/* ---- where it is ---- */

/* Over the socket we are who we are: a key from the environment, which may
 * be an old one or somebody else's, is for --url. */
static int
read_key(struct daemon_client *client, const struct cli *cli)
{
    const char *path = cli_value(cli, "key-file");
    const char *variable =
        client->address.is_unix ? NULL : cli_environment(cli, "HEARTH_API_KEY");
    struct strbuf text = STRBUF_INIT(256);
    struct error error = { 0 };
    if (path == NULL && variable == NULL)
        return CLI_OK;
    if (path != NULL && file_read(path, &text, &error) != 0) {
        strbuf_release(&text);
        return cli_fail(CLI_USAGE, "--key-file: %s", error.message);
    }
    struct str key = path != NULL ? strbuf_view(&text) : str_from(variable);
    while (key.n > 0 && strchr("\r\n \t", key.p[key.n - 1]) != NULL)
        key.n--;
    bool is_clean = key.n > 0 && key.n < 256;
    for (size_t i = 0; i < key.n; i++)
        is_clean = is_clean && key.p[i] > ' ' && key.p[i] < 127;
    if (is_clean)
        snprintf(client->authorization, sizeof client->authorization,
                 "Bearer %.*s", STR_ARG(key));
    strbuf_release(&text);
    return is_clean ? CLI_OK
                    : cli_fail(CLI_USAGE, "%s holds no key",
                               path != NULL ? path : "HEARTH_API_KEY");
}

static int
look_up(struct daemon_client *client, const char *host, const char *port)
{
    /* The daemon's own default is 127.0.0.1, whatever comes first for this
     * name. */
    bool is_local = strcmp(host, "localhost") == 0;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_family = is_local ? AF_INET : AF_UNSPEC };
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc == 0)
        rc =
            getnameinfo(found->ai_addr, found->ai_addrlen, client->address.host,
                        sizeof client->address.host, NULL, 0, NI_NUMERICHOST);
    if (found != NULL)
        freeaddrinfo(found);
    if (rc != 0)
        return cli_fail(CLI_NOT_RUNNING, "%s: %s", client->url,
                        gai_strerror(rc));
    return CLI_OK;
}

static int
bad_url(const struct daemon_client *client)
{
    return cli_fail(CLI_USAGE,
                    "\"%s\" is not an address like http://127.0.0.1:7117",
                    client->url);
}

/* http://HOST[:PORT][/BASE]; HOST may be a name or an address. */
static int
parse_url(struct daemon_client *client, const char *url)
{
    char host[256], port[8];
    struct str rest = str_from(url);
    int64_t number = 80;
    snprintf(client->url, sizeof client->url, "%s", url);
    if (str_starts_with(rest, STR("https://")))
        return cli_fail(CLI_USAGE, "https is not spoken here; use the "
                                   "address behind the proxy");
    if (!str_starts_with(rest, STR("http://")))
        return bad_url(client);
    rest = (struct str){ rest.p + 7, rest.n - 7 };
    struct str place = str_split(&rest, '/');
    struct str name;
    ptrdiff_t bracket = str_find(place, ']');
    if (place.n > 0 && place.p[0] == '[' && bracket > 0) {
        name = (struct str){ place.p + 1, (size_t)bracket - 1 };
        place = (struct str){ place.p + bracket + 1,
                              place.n - (size_t)bracket - 1 };
        str_split(&place, ':');
    } else {
        name = str_split(&place, ':');
    }
    if (place.p != NULL &&
        (str_to_i64(place, &number) != 0 || number < 1 || number > 65535))
        return bad_url(client);
    if (name.n == 0 || name.n >= sizeof host)
        return bad_url(client);
    snprintf(host, sizeof host, "%.*s", STR_ARG(name));
    snprintf(port, sizeof port, "%d", (int)number);
    while (rest.n > 0 && rest.p[rest.n - 1] == '/')
        rest.n--;
    if (rest.n > 0)
        snprintf(client->base, sizeof client->base, "/%.*s", STR_ARG(rest));
    client->address.port = (int)number;
    return look_up(client, host, port);
}

static int
find_socket(struct daemon_client *client, const struct cli *cli)
{
    struct config *config;
    int rc = cli_load_config(cli, &config);
    if (rc != CLI_OK)
        return rc;
    const char *folder = config_get(config, SETTING_ID_DATA_DIR)->value.text;
    int n = snprintf(client->address.host, sizeof client->address.host,
                     "%s/hearth.sock", folder);
    client->address.is_unix = true;
    if (n < 0 || (size_t)n >= sizeof client->address.host)
        rc = cli_fail(CLI_USAGE,
                      "the data folder's path is too long for a socket: %s",
                      folder);
    config_free(config);
    return rc;
}

/* What is said on the command line goes before the environment. */
static int
find_daemon(struct daemon_client *client, const struct cli *cli)
{
    const char *url = cli_value(cli, "url");
    if (url == NULL && !cli_has(cli, "data-dir") && !cli_has(cli, "config"))
        url = cli_environment(cli, "HEARTH_URL");
    return url == NULL ? find_socket(client, cli) : parse_url(client, url);
}

int
client_open(struct daemon_client *client, const struct cli *cli)
{
    struct error error;
    memset(client, 0, sizeof *client);
    int rc = find_daemon(client, cli);
    if (rc == CLI_OK)
        rc = read_key(client, cli);
    if (rc != CLI_OK)
        return rc;
    signal(SIGPIPE, SIG_IGN);
    if (loop_init(&client->loop, &error) != 0)
        return cli_fail_error(&error);
    client->is_open = true;
    return CLI_OK;
}

void
client_close(struct daemon_client *client)
{
    if (!client->is_open)
        return;
    loop_close(&client->loop);
    client->is_open = false;
}

/* ---- one request ---- */

struct request {
    struct daemon_client *client;
    struct http_call *call;
    int status;     /* 0: no answer has begun */
    bool is_stream; /* the answer is one of events */
    bool is_done;
    bool is_interrupted;
    bool listens;       /* for Ctrl-C */
    bool at_line_start; /* of a stream, for its comments */
    struct strbuf body;
    struct sse_reader events;
    const struct client_stream_ops *ops; /* NULL: no stream is expected */
    void *ctx;
    bool wants_no_more;
    struct http_call_failure failure;
    bool has_failed;
};

/* Nothing is left for the loop then but to close what was opened. From here
 * on Ctrl-C ends the program again. */
static void
finish(struct request *request)
{
    request->is_done = true;
    if (request->listens)
        loop_signal_close(&request->client->interrupt);
    request->listens = false;
}

static void
on_head(struct http_call *call, const struct http_response *response)
{
    struct request *request = http_call_ctx(call);
    struct str type = http_headers_get(response->headers, "content-type");
    request->status = response->status;
    request->is_stream = request->ops != NULL && response->status == 200 &&
                         str_starts_with(type, STR("text/event-stream"));
}

static void
on_event(void *ctx, struct str name, struct str data)
{
    struct request *request = ctx;
    if (!request->wants_no_more && !request->ops->on_event(request->ctx, data))
        request->wants_no_more = true;
}

/* Comments are lines that begin with a colon; the event reader drops them.
 * They come in one piece in practice; one that is cut is not shown. */
static void
tell_comments(struct request *request, struct str bytes)
{
    while (bytes.n > 0 && request->ops->on_comment != NULL) {
        bool is_comment = request->at_line_start && bytes.p[0] == ':';
        struct str line = str_split(&bytes, '\n');
        if (is_comment && bytes.p != NULL)
            request->ops->on_comment(
                request->ctx, str_trim((struct str){ line.p + 1, line.n - 1 }));
        request->at_line_start = bytes.p != NULL;
    }
}

static void
on_body(struct http_call *call, struct str bytes)
{
    struct request *request = http_call_ctx(call);
    if (!request->is_stream) {
        strbuf_add_str(&request->body, bytes);
        return;
    }
    tell_comments(request, bytes);
    sse_reader_feed(&request->events, bytes);
    if (request->wants_no_more) {
        http_call_cancel(call);
        finish(request);
    }
}

static void
on_end(struct http_call *call)
{
    finish(http_call_ctx(call));
}

static void
on_error(struct http_call *call, const struct http_call_failure *failure)
{
    struct request *request = http_call_ctx(call);
    request->failure = *failure;
    request->has_failed = true;
    finish(request);
}

static void
on_interrupt(void *arg, int signum)
{
    struct request *request = arg;
    request->is_interrupted = true;
    http_call_cancel(request->call);
    finish(request);
}

static int
not_reached(const struct daemon_client *client, const struct error *why)
{
    if (client->url[0] != '\0')
        return cli_fail(CLI_NOT_RUNNING, "cannot reach hearth at %s: %s",
                        client->url, why->message);
    fputs("hearth is not running. Start it with: hearth serve\n", stderr);
    return CLI_NOT_RUNNING;
}

/* The pool is for this one request: let go at once, it goes with the call. */
static struct http_call *
start_call(struct request *request, const char *method, const char *target,
           const char *body, struct error *error)
{
    static const struct http_call_ops ops = { .on_head = on_head,
                                              .on_body = on_body,
                                              .on_end = on_end,
                                              .on_error = on_error };
    const struct daemon_client *client = request->client;
    struct http_header headers[4];
    size_t n = 0;
    if (client->authorization[0] != '\0')
        headers[n++] = (struct http_header){ STR("Authorization"),
                                             str_from(client->authorization) };
    if (body != NULL)
        headers[n++] = (struct http_header){ STR("Content-Type"),
                                             STR("application/json") };
    if (request->ops != NULL)
        headers[n++] =
            (struct http_header){ STR("X-Hearth-Progress"), STR("1") };
    struct strbuf path = STRBUF_INIT(16 * KIB);
    strbuf_add_text(&path, client->base);
    strbuf_add_text(&path, target);
    const struct http_call_options options = {
        .method = str_from(method),
        .target = strbuf_view(&path),
        .headers = { headers, n },
        .content_length = body == NULL ? 0 : (int64_t)strlen(body),
        .must_be_fresh = true,
        .ops = &ops,
        .ctx = request,
    };
    struct http_pool *pool =
        http_pool_new(&request->client->loop, &client->address);
    struct http_call *call = NULL;
    if (pool != NULL)
        call = http_call_start(pool, &options, error);
    else
        error_set(error, ERR_NO_MEMORY, "out of memory");
    http_pool_free(pool);
    strbuf_release(&path);
    return call;
}

/* Runs the request to its end; the outcome is in `request`. */
static int
run_request(struct request *request, const char *method, const char *target,
            const char *body)
{
    struct daemon_client *client = request->client;
    struct error error = { 0 };
    request->call = start_call(request, method, target, body, &error);
    if (request->call == NULL) {
        request->has_failed = true;
        request->failure.error = error;
        return CLI_OK;
    }
    request->listens =
        request->ops != NULL &&
        loop_signal_open(&client->loop, &client->interrupt, SIGINT,
                         on_interrupt, request, &error) == 0;
    if (body != NULL)
        http_call_write(request->call, str_from(body));
    http_call_end(request->call);
    loop_run(&client->loop);
    assert(request->is_done);
    return request->is_interrupted ? CLI_INTERRUPTED : CLI_OK;
}

static void
request_init(struct request *request, struct daemon_client *client)
{
    *request = (struct request){ .client = client, .at_line_start = true };
    strbuf_init(&request->body, ANSWER_MAX_BYTES);
    sse_reader_init(&request->events, EVENT_MAX_BYTES, on_event, request);
}

static void
request_release(struct request *request)
{
    strbuf_release(&request->body);
    sse_reader_release(&request->events);
}

/* ---- what it answered ---- */

static void
print_texts(const char *before, const struct json *texts)
{
    struct str text;
    for (size_t i = 0; i < json_count(texts); i++)
        if (json_as_text(json_at(texts, i), &text))
            fprintf(stderr, "%s%.*s\n", before, STR_ARG(text));
}

/* Every bad field; false when none is told. */
static bool
print_details(const struct json *details)
{
    struct str field, message;
    bool has_any = false;
    for (size_t i = 0; i < json_count(details); i++) {
        const struct json *at = json_at(details, i);
        if (json_as_text(json_get(at, "field"), &field) &&
            json_as_text(json_get(at, "message"), &message)) {
            cli_fail(CLI_FAILED, "%.*s: %.*s", STR_ARG(field),
                     STR_ARG(message));
            has_any = true;
        }
    }
    return has_any;
}

static enum cli_exit
exit_of_status(int status)
{
    switch (status) {
    case 400:
    case 422: return CLI_USAGE;
    case 401:
    case 403: return CLI_REFUSED;
    case 404: return CLI_NOT_FOUND;
    case 409: return CLI_CONFLICT;
    default: return CLI_FAILED;
    }
}

/* The error object of the control plane or of a dialect. */
static int
print_error(int status, const struct json *error)
{
    struct str message, advice;
    enum cli_exit code = exit_of_status(status);
    if (!json_as_text(json_get(error, "message"), &message))
        return cli_fail(code, "the daemon answered with HTTP status %d",
                        status);
    if (!print_details(json_get(error, "details")))
        cli_fail(code, "%.*s", STR_ARG(message));
    if (json_as_text(json_get(error, "advice"), &advice) && advice.n > 0)
        fprintf(stderr, "%.*s\n", STR_ARG(advice));
    const struct json *tail = json_get(error, "log_tail");
    if (json_count(tail) > 0) {
        fputs("its last lines:\n", stderr);
        print_texts("  ", tail);
    }
    return code;
}

/* Which failures are told as they come. */
enum telling { TELL_ALL, TELL_NO_CONFLICT, TELL_NONE };

static int
read_answer(const struct request *request, struct client_answer *answer,
            enum telling telling)
{
    struct error error;
    answer->status = request->status;
    if (request->body.n > 0 && !strbuf_failed(&request->body))
        answer->doc = json_parse(strbuf_view(&request->body), &error);
    const struct json *root =
        answer->doc == NULL ? NULL : json_root(answer->doc);
    if (request->status >= 200 && request->status < 300) {
        if (request->body.n > 0 && answer->doc == NULL)
            return cli_fail(CLI_FAILED, "the answer is no JSON");
        answer->data = json_get(root, "data");
        return CLI_OK;
    }
    enum cli_exit code = exit_of_status(request->status);
    answer->error = json_get(root, "error");
    if (telling == TELL_NONE ||
        (telling == TELL_NO_CONFLICT && code == CLI_CONFLICT))
        return code;
    return print_error(request->status, answer->error);
}

static int
call(struct daemon_client *client, const char *method, const char *target,
     const char *body, struct client_answer *ret_answer, enum telling telling)
{
    struct request request;
    memset(ret_answer, 0, sizeof *ret_answer);
    request_init(&request, client);
    int rc = run_request(&request, method, target, body);
    if (rc == CLI_OK && request.has_failed) {
        rc = request.failure.is_connect ? CLI_NOT_RUNNING : CLI_FAILED;
        if (telling != TELL_NONE && request.failure.is_connect)
            not_reached(client, &request.failure.error);
        else if (telling != TELL_NONE)
            cli_fail(CLI_FAILED, "the daemon did not answer: %s",
                     request.failure.error.message);
    } else if (rc == CLI_OK) {
        rc = read_answer(&request, ret_answer, telling);
    }
    request_release(&request);
    bool is_kept = telling == TELL_NO_CONFLICT && rc == CLI_CONFLICT;
    if (rc != CLI_OK && !is_kept)
        client_answer_free(ret_answer);
    return rc;
}

int
client_call(struct daemon_client *client, const char *method,
            const char *target, const char *body,
            struct client_answer *ret_answer)
{
    return call(client, method, target, body, ret_answer, TELL_ALL);
}

int
client_try(struct daemon_client *client, const char *method, const char *target,
           struct client_answer *ret_answer)
{
    return call(client, method, target, NULL, ret_answer, TELL_NONE);
}

int
client_change(struct daemon_client *client, const char *method,
              const char *target, struct client_answer *ret_answer)
{
    return call(client, method, target, NULL, ret_answer, TELL_NO_CONFLICT);
}

void
client_tell(const struct client_answer *answer)
{
    print_error(answer->status, answer->error);
}

void
client_answer_free(struct client_answer *answer)
{
    json_doc_free(answer->doc);
    memset(answer, 0, sizeof *answer);
}

int
client_stream(struct daemon_client *client, const char *method,
              const char *target, const char *body,
              const struct client_stream_ops *ops, void *ctx)
{
    struct request request;
    struct client_answer answer = { 0 };
    request_init(&request, client);
    request.ops = ops;
    request.ctx = ctx;
    int rc = run_request(&request, method, target, body);
    if (rc == CLI_OK && request.has_failed)
        rc = request.failure.is_connect
                 ? not_reached(client, &request.failure.error)
                 : cli_fail(CLI_FAILED, "the answer broke off: %s",
                            request.failure.error.message);
    else if (rc == CLI_OK && !request.is_stream)
        rc = read_answer(&request, &answer, TELL_ALL);
    request_release(&request);
    client_answer_free(&answer);
    return rc;
}

void
client_add_segment(struct strbuf *target, const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || strchr("-._~", c) != NULL;
        if (is_plain)
            strbuf_add_byte(target, (char)c);
        else
            strbuf_addf(target, "%%%02X", c);
    }
}

void
client_add_query(struct strbuf *target, const char *name, const char *value)
{
    if (value == NULL)
        return;
    bool is_first = str_find(strbuf_view(target), '?') < 0;
    strbuf_addf(target, "%c%s=", is_first ? '?' : '&', name);
    client_add_segment(target, value);
}

int
client_add_moment(const struct cli *cli, const char *option,
                  struct strbuf *target)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = { { 's', SECOND_MS },
                  { 'm', MINUTE_MS },
                  { 'h', HOUR_MS },
                  { 'd', DAY_MS } };
    const char *value = cli_value(cli, option);
    struct str text = str_from(value);
    int64_t n = 0, unit_ms = 0;
    if (value == NULL)
        return CLI_OK;
    for (size_t i = 0; i < 4 && text.n > 1; i++)
        if (text.p[text.n - 1] == units[i].unit)
            unit_ms = units[i].ms;
    if (unit_ms != 0)
        text.n--;
    if (unit_ms == 0 || str_to_i64(text, &n) < 0 || n < 0 || n > 100000000)
        return cli_fail(CLI_USAGE,
                        "--%s: \"%s\" is not how long ago, such as 90s, 10m, "
                        "2h or 3d",
                        option, value);
    int64_t at_ms = loop_wall_ms() - n * unit_ms;
    char moment[24];
    snprintf(moment, sizeof moment, "%lld", (long long)(at_ms < 1 ? 1 : at_ms));
    client_add_query(target, option, moment);
    return CLI_OK;
}

int
client_ask(const struct cli *cli, const char *method, const char *target,
           const char *body, client_print_fn *print)
{
    struct daemon_client client;
    struct client_answer answer;
    int rc = client_open(&client, cli);
    if (rc == CLI_OK)
        rc = client_call(&client, method, target, body, &answer);
    if (rc == CLI_OK) {
        if (print != NULL)
            rc = print(cli, answer.data);
        client_answer_free(&answer);
    }
    client_close(&client);
    return rc;
}
