/* One hop of a fetch: what libcurl is told, what it tells, and what comes
 * next.
 *
 * Redirects are followed here and not by libcurl, so that every URL passes
 * the rules and secrets stay with the origin they were meant for. The body
 * of a redirect is thrown away; if it is long, the connection with it.
 *
 * A proxy of the environment (https_proxy, no_proxy) is used, as by every
 * program, but never for what allow_http lists. The socket to a proxy shows
 * by its port, which is not the URL's; its address is the user's choice and
 * not checked, and the look-up of the name is the proxy's. */
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "io/address.h"
#include "io/fetch_internal.h"

int64_t
fetch_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
made_progress(struct fetch *fetch)
{
    fetch->progress_at_ms = fetch_now_ms();
}

static void
fail(struct fetch *fetch, const struct error *error)
{
    if (fetch->error.code != ERR_OK)
        return;
    fetch->error = *error;
    if (error->code == ERR_BAD_GATEWAY)
        error_set(&fetch->error, ERR_BAD_GATEWAY, "%.200s: %.250s",
                  fetch->place.host, error->message);
}

/* ---- what libcurl tells ---- */

static bool
is_redirect_status(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

/* Calls with the lock held: once fetch_cancel() has returned, none begins. */
static enum fetch_verdict
show_head(struct fetch *fetch)
{
    enum fetch_verdict verdict = FETCH_ABORT;
    pthread_mutex_lock(&fetch->callback_lock);
    if (!fetch->is_cancelled) {
        verdict = FETCH_GO_ON;
        if (fetch->request.on_head != NULL)
            verdict =
                fetch->request.on_head(fetch->request.ctx, &fetch->heads.head);
    }
    pthread_mutex_unlock(&fetch->callback_lock);
    return verdict;
}

static enum fetch_verdict
show_body(struct fetch *fetch, struct str bytes)
{
    enum fetch_verdict verdict = FETCH_ABORT;
    pthread_mutex_lock(&fetch->callback_lock);
    if (!fetch->is_cancelled) {
        verdict = FETCH_GO_ON;
        if (fetch->request.on_body != NULL)
            verdict = fetch->request.on_body(fetch->request.ctx, bytes);
    }
    pthread_mutex_unlock(&fetch->callback_lock);
    return verdict;
}

static int
set_aborted(struct fetch *fetch)
{
    struct error error;
    error_set(&error, ERR_CANCELLED, "cancelled");
    fail(fetch, &error);
    return -1;
}

/* -1 ends the transfer; a redirect goes on from there. */
static int
end_head(struct fetch *fetch, struct error *error)
{
    struct fetch_heads *heads = &fetch->heads;
    if (is_redirect_status(heads->status) && !fetch->request.keeps_redirect) {
        int64_t length;
        if (fetch_heads_length(heads, &length, error) < 0) {
            fail(fetch, error);
            return -1;
        }
        fetch->is_redirect = true;
        return length > FETCH_REDIRECT_BODY_MAX ? -1 : 0;
    }
    if (fetch_heads_finish(heads, strbuf_view(&fetch->url_text), error) < 0) {
        fail(fetch, error);
        return -1;
    }
    fetch->is_shown = true;
    enum fetch_verdict verdict = show_head(fetch);
    if (verdict == FETCH_ABORT)
        return set_aborted(fetch);
    fetch->is_held = verdict == FETCH_PAUSE;
    return 0;
}

static size_t
on_header(void *bytes, size_t size, size_t n, void *arg)
{
    struct fetch *fetch = arg;
    struct error error;
    made_progress(fetch);
    bool was_whole = fetch->heads.is_whole;
    const struct str line = { bytes, size * n };
    if (fetch_heads_add(&fetch->heads, line, &error) < 0) {
        fail(fetch, &error);
        return 0;
    }
    if (!was_whole && fetch->heads.is_whole && end_head(fetch, &error) < 0)
        return 0;
    return line.n;
}

static size_t
on_bytes(void *bytes, size_t size, size_t n, void *arg)
{
    struct fetch *fetch = arg;
    const struct str piece = { bytes, size * n };
    if (fetch->is_redirect) {
        fetch->n_thrown_bytes += piece.n;
        return fetch->n_thrown_bytes > FETCH_REDIRECT_BODY_MAX ? 0 : piece.n;
    }
    made_progress(fetch);
    if (!fetch->is_shown) { /* a switch of protocols, unasked for */
        struct error error;
        error_set(&error, ERR_BAD_GATEWAY, "a body without an answer");
        fail(fetch, &error);
        return 0;
    }
    if (piece.n == 0)
        return 0;
    enum fetch_verdict verdict =
        fetch->is_held ? FETCH_PAUSE : show_body(fetch, piece);
    if (verdict == FETCH_ABORT) {
        set_aborted(fetch);
        return 0;
    }
    if (verdict == FETCH_GO_ON)
        return piece.n;
    fetch->is_paused = true;
    return CURL_WRITEFUNC_PAUSE;
}

/* ---- addresses ---- */

static bool
may_connect(struct fetch *fetch, const struct sockaddr *address, int port)
{
    bool is_proxy = port != fetch->place.port;
    if (fetch->place.is_allowed_http || is_proxy ||
        fetch_address_is_public(address))
        return true;
    fetch->was_refused = true;
    return false;
}

static curl_socket_t
on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct fetch *fetch = arg;
    struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
    unsigned n = address->addrlen;
    if (purpose != CURLSOCKTYPE_IPCXN || n > sizeof storage)
        return CURL_SOCKET_BAD;
    memcpy(&storage, &address->addr, n);
    struct address at;
    if (address_from_sockaddr((const struct sockaddr *)&storage, &at) < 0 ||
        at.is_unix ||
        !may_connect(fetch, (const struct sockaddr *)&storage, at.port))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype, address->protocol);
}

/* Once more, for a kept connection may have been opened under other rules. */
static int
on_before_request(void *arg, char *remote, char *local, int remote_port,
                  int local_port)
{
    struct fetch *fetch = arg;
    struct address at = { .port = remote_port };
    struct sockaddr_storage storage;
    socklen_t n;
    int fits = snprintf(at.host, sizeof at.host, "%s", remote);
    if (fits < 0 || (size_t)fits >= sizeof at.host ||
        address_to_sockaddr(&at, &storage, &n, NULL) < 0)
        return CURL_PREREQFUNC_ABORT;
    return may_connect(fetch, (const struct sockaddr *)&storage, remote_port)
               ? CURL_PREREQFUNC_OK
               : CURL_PREREQFUNC_ABORT;
}

/* ---- what libcurl is told ---- */

static const struct {
    CURLoption option;
    long value;
} numbers[] = {
    { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
    { CURLOPT_FOLLOWLOCATION, 0 },
    { CURLOPT_NOSIGNAL, 1 },
    { CURLOPT_NOPROGRESS, 1 },
    { CURLOPT_TCP_KEEPALIVE, 1 },
    { CURLOPT_BUFFERSIZE, 512L * 1024 },
    { CURLOPT_CONNECTTIMEOUT_MS, 1L << 30 }, /* the stall decides */
    { CURLOPT_SSL_VERIFYPEER, 1 },
    { CURLOPT_SSL_VERIFYHOST, 2 },
    { CURLOPT_SUPPRESS_CONNECT_HEADERS, 1 }, /* a proxy's */
    { CURLOPT_QUICK_EXIT, 1 }, /* do not wait for a look-up that stalls */
};

static bool
tell(struct fetch *fetch, CURLoption option, const void *value)
{
    return fetch->curl->easy_setopt(fetch->easy, option, value) == CURLE_OK;
}

static bool
tell_basics(struct fetch *fetch)
{
    bool is_ok = true;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        is_ok &= fetch->curl->easy_setopt(fetch->easy, numbers[i].option,
                                          numbers[i].value) == CURLE_OK;
    fetch->curl->easy_setopt(fetch->easy, CURLOPT_HEADERFUNCTION, on_header);
    fetch->curl->easy_setopt(fetch->easy, CURLOPT_WRITEFUNCTION, on_bytes);
    fetch->curl->easy_setopt(fetch->easy, CURLOPT_OPENSOCKETFUNCTION,
                             on_open_socket);
    fetch->curl->easy_setopt(fetch->easy, CURLOPT_PREREQFUNCTION,
                             on_before_request);
    return is_ok && tell(fetch, CURLOPT_PROTOCOLS_STR, "http,https") &&
           tell(fetch, CURLOPT_HEADERDATA, fetch) &&
           tell(fetch, CURLOPT_WRITEDATA, fetch) &&
           tell(fetch, CURLOPT_OPENSOCKETDATA, fetch) &&
           tell(fetch, CURLOPT_PREREQDATA, fetch) &&
           tell(fetch, CURLOPT_PRIVATE, fetch) &&
           tell(fetch, CURLOPT_ERRORBUFFER, fetch->curl_words) &&
           tell(fetch, CURLOPT_USERAGENT, fetch->fetcher->user_agent);
}

static bool
add_line(struct fetch *fetch, const char *line)
{
    struct curl_slist *lines = fetch->curl->slist_append(fetch->lines, line);
    if (lines == NULL)
        return false;
    fetch->lines = lines;
    return true;
}

static bool
add_lines(struct fetch *fetch, const char *const *lines)
{
    for (size_t i = 0; lines != NULL && lines[i] != NULL; i++)
        if (!add_line(fetch, lines[i]))
            return false;
    return true;
}

static bool
tell_headers(struct fetch *fetch)
{
    const struct fetch_request *request = &fetch->request;
    char range[80];
    fetch->curl->slist_free_all(fetch->lines);
    fetch->lines = NULL;
    if (!add_line(fetch, "Accept-Encoding: identity") ||
        !add_line(fetch, "Expect:") || !add_lines(fetch, request->headers))
        return false;
    if (request->range_first >= 0) {
        if (request->range_last >= 0)
            snprintf(range, sizeof range, "Range: bytes=%lld-%lld",
                     (long long)request->range_first,
                     (long long)request->range_last);
        else
            snprintf(range, sizeof range, "Range: bytes=%lld-",
                     (long long)request->range_first);
        if (!add_line(fetch, range))
            return false;
    }
    if (fetch_place_is_same(&fetch->first, &fetch->place)) {
        if (!add_lines(fetch, request->private_headers))
            return false;
        if (request->bearer != NULL && request->bearer[0] != '\0') {
            char *line = arena_printf(&fetch->arena, "Authorization: Bearer %s",
                                      request->bearer);
            if (line == NULL || !add_line(fetch, line))
                return false;
        }
    }
    return tell(fetch, CURLOPT_HTTPHEADER, fetch->lines);
}

static bool
tell_method(struct fetch *fetch)
{
    struct str method = str_from(fetch->method);
    if (str_is(method, "HEAD"))
        return fetch->curl->easy_setopt(fetch->easy, CURLOPT_NOBODY, 1L) ==
               CURLE_OK;
    if (!str_is(method, "POST"))
        return fetch->curl->easy_setopt(fetch->easy, CURLOPT_HTTPGET, 1L) ==
               CURLE_OK;
    const struct str body = fetch->request.body;
    return fetch->curl->easy_setopt(fetch->easy, CURLOPT_POST, 1L) ==
               CURLE_OK &&
           fetch->curl->easy_setopt(fetch->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                    (curl_off_t)body.n) == CURLE_OK &&
           tell(fetch, CURLOPT_POSTFIELDS, body.n > 0 ? body.p : "");
}

static int
set_no_memory(struct fetch *fetch)
{
    struct error error;
    error_set(&error, ERR_NO_MEMORY, "out of memory");
    fail(fetch, &error);
    return -1;
}

/* The URL and place of this hop are set. */
static int
prepare(struct fetch *fetch)
{
    char *text = NULL;
    if (fetch->curl->url_get(fetch->url, CURLUPART_URL, &text, 0) != CURLUE_OK)
        return set_no_memory(fetch);
    strbuf_clear(&fetch->url_text);
    strbuf_add_text(&fetch->url_text, text);
    fetch->curl->free(text);
    if (strbuf_failed(&fetch->url_text))
        return set_no_memory(fetch);
    if (fetch->easy == NULL)
        fetch->easy = fetch->curl->easy_init();
    else
        fetch->curl->easy_reset(fetch->easy);
    if (fetch->easy == NULL || !tell_basics(fetch) || !tell_headers(fetch) ||
        !tell_method(fetch) ||
        !tell(fetch, CURLOPT_URL, strbuf_text(&fetch->url_text)) ||
        (fetch->place.is_allowed_http && !tell(fetch, CURLOPT_PROXY, "")))
        return set_no_memory(fetch);
    fetch->is_redirect = false;
    fetch->was_refused = false;
    fetch->n_thrown_bytes = 0;
    fetch->curl_words[0] = '\0';
    made_progress(fetch);
    return 0;
}

static int
check_lines(const char *const *lines, struct error *error)
{
    for (size_t i = 0; lines != NULL && lines[i] != NULL; i++)
        if (!fetch_text_is_clean(str_from(lines[i])) ||
            strchr(lines[i], ':') == NULL)
            return error_field(error, "headers",
                               "header %zu is not \"Name: value\"", i);
    return 0;
}

static int
check_request(const struct fetch_request *request, struct error *error)
{
    struct str method = str_from(request->method);
    if (method.n > 0 && !str_is(method, "GET") && !str_is(method, "HEAD") &&
        !str_is(method, "POST"))
        return error_field(error, "method",
                           "\"%.20s\" is none of GET, HEAD and POST",
                           request->method);
    if (request->range_last >= 0 &&
        (request->range_first < 0 ||
         request->range_last < request->range_first))
        return error_field(error, "range", "%lld-%lld is not a range",
                           (long long)request->range_first,
                           (long long)request->range_last);
    if (!fetch_text_is_clean(str_from(request->bearer)))
        return error_field(error, "bearer",
                           "the token holds a control character");
    if (check_lines(request->headers, error) < 0)
        return -1;
    return check_lines(request->private_headers, error);
}

int
fetch_hop_first(struct fetch *fetch)
{
    const struct fetch_request *request = &fetch->request;
    struct error error;
    fetch->url = fetch->curl->url();
    if (fetch->url == NULL)
        return set_no_memory(fetch);
    if (check_request(request, &error) < 0) {
        fail(fetch, &error);
        return -1;
    }
    fetch->method = request->method == NULL ? "GET" : request->method;
    if (fetch_rules_check(fetch->rules, fetch->curl, fetch->url,
                          str_from(request->url), &fetch->place, &error) < 0) {
        fail(fetch, &error);
        return -1;
    }
    fetch->first = fetch->place;
    return prepare(fetch);
}

int
fetch_hop_next(struct fetch *fetch)
{
    struct error error;
    struct str location;
    assert(fetch->is_redirect && fetch->error.code == ERR_OK);
    if (fetch_heads_location(&fetch->heads, &location, &error) < 0) {
        fail(fetch, &error);
        return -1;
    }
    if (fetch->heads.hop >= FETCH_HOPS_MAX) {
        error_set(&error, ERR_REDIRECT_LOOP,
                  "%.200s: more than %d redirects: they lead in a circle, or "
                  "nowhere",
                  fetch->first.host, FETCH_HOPS_MAX);
        fail(fetch, &error);
        return -1;
    }
    int status = fetch->heads.status;
    if (status != 307 && status != 308 &&
        str_is(str_from(fetch->method), "POST"))
        fetch->method = "GET";
    struct fetch_place place;
    if (fetch_rules_check(fetch->rules, fetch->curl, fetch->url, location,
                          &place, &error) < 0) {
        if (error.code == ERR_INVALID)
            error.code = ERR_BAD_GATEWAY;
        fail(fetch, &error);
        return -1;
    }
    fetch->place = place;
    fetch_heads_next_hop(&fetch->heads);
    return prepare(fetch);
}

/* ---- libcurl's verdict ---- */

static const struct {
    CURLcode code;
    enum error_code becomes;
    const char *what;
} verdicts[] = {
    { CURLE_OUT_OF_MEMORY, ERR_NO_MEMORY, "out of memory" },
    { CURLE_COULDNT_RESOLVE_HOST, ERR_UNAVAILABLE, "no such host" },
    { CURLE_COULDNT_RESOLVE_PROXY, ERR_UNAVAILABLE, "no such proxy" },
    { CURLE_COULDNT_CONNECT, ERR_UNAVAILABLE, "cannot connect" },
    { CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "no answer in time" },
    { CURLE_PEER_FAILED_VERIFICATION, ERR_BAD_GATEWAY,
      "its certificate is not trusted" },
    { CURLE_SSL_ISSUER_ERROR, ERR_BAD_GATEWAY,
      "its certificate is not trusted" },
    { CURLE_SSL_CONNECT_ERROR, ERR_BAD_GATEWAY, "no TLS connection" },
    { CURLE_SSL_CACERT_BADFILE, ERR_UNAVAILABLE,
      "the system's certificates cannot be read" },
    { CURLE_PARTIAL_FILE, ERR_BAD_GATEWAY, "the body is incomplete" },
};

static void
set_verdict(struct fetch *fetch, CURLcode code)
{
    enum error_code becomes = ERR_BAD_GATEWAY;
    const char *what = "the answer is broken";
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (verdicts[i].code == code) {
            becomes = verdicts[i].becomes;
            what = verdicts[i].what;
        }
    }
    const char *words = fetch->curl_words[0] != '\0'
                            ? fetch->curl_words
                            : fetch->curl->easy_strerror(code);
    error_set(&fetch->error, becomes, "%.200s:%d: %s (%.200s)",
              fetch->place.host, fetch->place.port, what, words);
}

void
fetch_hop_judge(struct fetch *fetch, CURLcode code)
{
    if (fetch->error.code != ERR_OK)
        return;
    if (fetch->was_refused && code != CURLE_OK) {
        error_set(&fetch->error, ERR_FORBIDDEN,
                  "%.200s:%d leads to a private or local address and is not "
                  "in downloads.allow_http",
                  fetch->place.host, fetch->place.port);
        return;
    }
    if (code != CURLE_OK)
        set_verdict(fetch, code);
    else if (!fetch->is_shown)
        error_set(&fetch->error, ERR_BAD_GATEWAY, "%.200s:%d: no answer",
                  fetch->place.host, fetch->place.port);
}

void
fetch_hop_release(struct fetch *fetch)
{
    fetch->curl->easy_cleanup(fetch->easy);
    fetch->easy = NULL;
    fetch->curl->url_cleanup(fetch->url);
    fetch->url = NULL;
    fetch->curl->slist_free_all(fetch->lines);
    fetch->lines = NULL;
}
