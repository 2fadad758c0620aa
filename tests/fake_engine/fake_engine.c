/* fake_engine: an inference server that misbehaves on command.
 *
 * It speaks enough HTTP/1.1 to be probed, asked and streamed from, and it
 * breaks in every way that a test needs. What it does is said by flags,
 * by the same flags in the environment variable FAKE_ENGINE (separated by
 * spaces), and for one request by the header
 *     X-Fake: cut-after-chunks=3; chunk-delay-ms=20
 * with the names of the request's options below. Plain sockets, one thread
 * for each connection; nothing of hearth.
 *
 * Answers: GET /health (503 while loading), GET /v1/models, GET /stats
 * (counters as JSON), GET /last (the last POST as it came: head and body),
 * GET /big?bytes=N, an Upgrade (101, then it echoes), and for anything else
 * a JSON answer that carries --words, as a stream when the body holds
 * "stream":true. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- options: one row each, whole numbers ---- */

/* of the process */
#define PROCESS_OPTIONS(X)                                                  \
    X(port, "port", 0, "where to listen; 0: print a free one")              \
    X(bind_delay_ms, "bind-delay-ms", 0, "before listening")                \
    X(never_bind, "never-bind", 0, "1: never listens")                      \
    X(load_ms, "load-ms", 0, "503 on every path for so long")               \
    X(never_ready, "never-ready", 0, "1: 503 for ever")                     \
    X(exit_at_start, "exit-at-start", -1, "exits at once with the code")    \
    X(exit_after_ms, "exit-after-ms", -1, "exits after the time")           \
    X(exit_code, "exit-code", 1, "with this code")                          \
    X(signal_after_ms, "signal-after-ms", -1, "kills itself")               \
    X(signal_number, "signal-number", 6, "with this signal")                \
    X(hang_after_ms, "hang-after-ms", -1,                                   \
      "/health stays well, all else hangs")                                 \
    X(fail_after_ms, "fail-after-ms", -1,                                   \
      "/health stays well, all else is 500")                                \
    X(hang_all_after_ms, "hang-all-after-ms", -1, "every request hangs")    \
    X(stop_after_ms, "stop-after-ms", -1, "stops itself by SIGSTOP")        \
    X(ignore_term, "ignore-term", 0, "1: SIGTERM and SIGINT do nothing")    \
    X(term_delay_ms, "term-delay-ms", 0, "from SIGTERM to the exit")        \
    X(term_exit_code, "term-exit-code", 0, "exit code after SIGTERM")       \
    X(grandchild_s, "grandchild-s", 0,                                      \
      "a child that holds the output so long")                              \
    X(grandchild_session, "grandchild-session", 0, "1: in its own session") \
    X(flood_mb_per_s, "flood-mb-per-s", 0, "writes so much to stdout")      \
    X(flood_ms, "flood-ms", 3600000, "for so long")                         \
    X(tick_ms, "tick-ms", 0, "writes a numbered line so often")             \
    X(idle_ms, "idle-ms", 3600000, "closes an idle connection")             \
    X(max_requests, "max-requests", 1000000, "closes after so many")        \
    X(version_exit, "version-exit", 0, "exit code of --version")

/* of a request; as a flag, the default for every request */
#define REQUEST_OPTIONS(X)                                             \
    X(delay_ms, "delay-ms", 0, "before the answer")                    \
    X(chunk_delay_ms, "chunk-delay-ms", 0, "between the chunks")       \
    X(chunks, "chunks", 0, "of the stream; 0: one for each word")      \
    X(status, "status", 200, "of the answer")                          \
    X(hang, "hang", 0, "1: never answers")                             \
    X(cut_before, "cut-before", 0, "1: closes without an answer")      \
    X(die_before, "die-before", 0, "1: the process ends without one")  \
    X(cut_after_chunks, "cut-after-chunks", 0, "closes after so many") \
    X(die_after_chunks, "die-after-chunks", 0, "the process ends")     \
    X(bad_chunk, "bad-chunk", 0, "1: a chunk size that is no number")  \
    X(short_body, "short-body", 0, "1: fewer bytes than announced")    \
    X(close_after, "close-after", 0, "1: Connection: close")           \
    X(early_close, "early-close", 0, "1: closes after it without a word")

struct option_row {
    const char *name;
    long default_value;
    const char *help;
};

enum {
#define X(id, name, value, help) P_##id,
    PROCESS_OPTIONS(X)
#undef X
        P_COUNT
};
enum {
#define X(id, name, value, help) R_##id,
    REQUEST_OPTIONS(X)
#undef X
        R_COUNT
};

static const struct option_row process_rows[P_COUNT] = {
#define X(id, name, value, help) { (name), (value), (help) },
    PROCESS_OPTIONS(X)
#undef X
};
static const struct option_row request_rows[R_COUNT] = {
#define X(id, name, value, help) { (name), (value), (help) },
    REQUEST_OPTIONS(X)
#undef X
};

enum {
    LINES_MAX = 16,
    HEAD_BYTES = 64 * 1024,
    LAST_BYTES = 4 * 1024 * 1024,
};

static struct {
    long process[P_COUNT];
    long request[R_COUNT];
    const char *host;
    const char *name;       /* of the model */
    const char *only_model; /* others get 404 */
    const char *api_key;
    const char *words;
    const char *lines[LINES_MAX]; /* written to stderr at the start */
    int n_lines;
    const char *health_path;
    int64_t born_ms;
    pthread_mutex_t lock;
    char *last; /* under the lock */
    size_t n_last;
} fake = { .host = "127.0.0.1",
           .name = "fake",
           .words = "hello from the fake engine",
           .health_path = "/health",
           .lock = PTHREAD_MUTEX_INITIALIZER };

static atomic_long n_requests, n_posts, n_connections, n_open, n_client_gone;
static atomic_long n_flood_bytes, max_write_us;

static int64_t
now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t
age_ms(void)
{
    return now_us() / 1000 - fake.born_ms;
}

static void
sleep_ms(long ms)
{
    struct timespec rest = { ms / 1000, ms % 1000 * 1000000 };
    while (ms > 0 && nanosleep(&rest, &rest) != 0 && errno == EINTR)
        continue;
}

static bool
has_passed(int option)
{
    return fake.process[option] >= 0 && age_ms() >= fake.process[option];
}

/* ---- a connection ---- */

struct connection {
    int fd;
    char in[HEAD_BYTES];
    size_t n_in;
};

struct request {
    char method[16];
    char target[1024];
    char *body;
    size_t n_body;
    bool has_upgrade;
    bool wants_close;
    bool wants_stream;
    long options[R_COUNT];
};

static bool
send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, bytes, n, MSG_NOSIGNAL);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            atomic_fetch_add(&n_client_gone, 1);
            return false;
        }
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

static bool
send_text(int fd, const char *text)
{
    return send_all(fd, text, strlen(text));
}

static bool
answer(int fd, const struct request *request, long status, const char *type,
       const char *body, size_t n)
{
    char head[512];
    size_t announced = request->options[R_short_body] ? n + 10 : n;
    snprintf(head, sizeof head,
             "HTTP/1.1 %ld Fake\r\nContent-Type: %s\r\n"
             "Content-Length: %zu\r\nServer: fake\r\n%s\r\n",
             status, type, announced,
             request->options[R_close_after] ? "Connection: close\r\n" : "");
    if (!send_text(fd, head))
        return false;
    if (strcmp(request->method, "HEAD") != 0 && !send_all(fd, body, n))
        return false;
    return !request->options[R_short_body] &&
           !request->options[R_close_after] && !request->options[R_early_close];
}

static bool
answer_json(int fd, const struct request *request, long status,
            const char *json)
{
    return answer(fd, request, status, "application/json", json, strlen(json));
}

/* ---- reading a request ---- */

static bool
fill(struct connection *connection, int timeout_ms)
{
    struct pollfd item = { .fd = connection->fd, .events = POLLIN };
    if (connection->n_in == sizeof connection->in ||
        poll(&item, 1, timeout_ms) <= 0)
        return false;
    ssize_t n = recv(connection->fd, connection->in + connection->n_in,
                     sizeof connection->in - connection->n_in, 0);
    if (n <= 0)
        return false;
    connection->n_in += (size_t)n;
    return true;
}

static void
consume(struct connection *connection, size_t n)
{
    memmove(connection->in, connection->in + n, connection->n_in - n);
    connection->n_in -= n;
}

/* Exactly n bytes of body into `to`. */
static bool
take_body(struct connection *connection, char *to, size_t n)
{
    while (n > 0) {
        if (connection->n_in == 0 && !fill(connection, 30000))
            return false;
        size_t piece = connection->n_in < n ? connection->n_in : n;
        memcpy(to, connection->in, piece);
        consume(connection, piece);
        to += piece;
        n -= piece;
    }
    return true;
}

static bool
take_line(struct connection *connection, char *to, size_t size)
{
    for (;;) {
        char *end = memchr(connection->in, '\n', connection->n_in);
        if (end != NULL) {
            size_t n = (size_t)(end - connection->in);
            snprintf(to, size, "%.*s", (int)n, connection->in);
            consume(connection, n + 1);
            return true;
        }
        if (!fill(connection, 30000))
            return false;
    }
}

static bool
take_chunked(struct connection *connection, struct request *request)
{
    char line[64];
    for (;;) {
        if (!take_line(connection, line, sizeof line))
            return false;
        size_t n = strtoul(line, NULL, 16);
        if (n > (size_t)256 * 1024 * 1024)
            return false;
        char *grown = realloc(request->body, request->n_body + n + 1);
        if (grown == NULL)
            return false;
        request->body = grown;
        if (!take_body(connection, request->body + request->n_body, n) ||
            !take_line(connection, line, sizeof line))
            return false;
        request->n_body += n;
        if (n == 0)
            return true;
    }
}

static void
set_option(long *values, const struct option_row *rows, int n, const char *name,
           size_t n_name, const char *value)
{
    for (int i = 0; i < n; i++) {
        if (strlen(rows[i].name) == n_name &&
            memcmp(rows[i].name, name, n_name) == 0)
            values[i] = strtol(value, NULL, 10);
    }
}

static void
read_fake_header(struct request *request, const char *value)
{
    while (*value != '\0' && *value != '\r') {
        value += strspn(value, " ;");
        size_t n = strcspn(value, "=;\r");
        if (value[n] == '=')
            set_option(request->options, request_rows, R_COUNT, value, n,
                       value + n + 1);
        value += strcspn(value, ";\r");
    }
}

static const char *
find_header(const char *head, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = strstr(head, "\r\n"); at != NULL;
         at = strstr(at + 2, "\r\n")) {
        if (strncasecmp(at + 2, name, n) == 0 && at[2 + n] == ':')
            return at + 3 + n + strspn(at + 3 + n, " ");
    }
    return NULL;
}

static void
keep_last(const char *head, const struct request *request)
{
    size_t n_head = strlen(head);
    pthread_mutex_lock(&fake.lock);
    free(fake.last);
    size_t n = n_head + request->n_body;
    fake.last = n <= LAST_BYTES ? malloc(n + 1) : NULL;
    fake.n_last = fake.last == NULL ? 0 : n;
    if (fake.last != NULL) {
        memcpy(fake.last, head, n_head);
        if (request->n_body > 0)
            memcpy(fake.last + n_head, request->body, request->n_body);
    }
    pthread_mutex_unlock(&fake.lock);
}

static bool
read_body(struct connection *connection, const char *head,
          struct request *request)
{
    const char *length = find_header(head, "Content-Length");
    const char *coding = find_header(head, "Transfer-Encoding");
    if ((length != NULL || coding != NULL) &&
        find_header(head, "Expect") != NULL)
        send_text(connection->fd, "HTTP/1.1 100 Continue\r\n\r\n");
    if (coding != NULL)
        return take_chunked(connection, request);
    if (length == NULL)
        return true;
    request->n_body = strtoul(length, NULL, 10);
    request->body = malloc(request->n_body + 1);
    return request->body != NULL &&
           take_body(connection, request->body, request->n_body);
}

static bool
read_request(struct connection *connection, struct request *request)
{
    char *end = NULL;
    int64_t deadline_ms = now_us() / 1000 + fake.process[P_idle_ms];
    while (connection->n_in == 0 ||
           (end = memmem(connection->in, connection->n_in, "\r\n\r\n", 4)) ==
               NULL) {
        int64_t left_ms = deadline_ms - now_us() / 1000;
        if (left_ms <= 0 || !fill(connection, (int)left_ms))
            return false;
    }
    size_t n_head = (size_t)(end - connection->in) + 4;
    char *head = calloc(1, n_head + 1);
    if (head == NULL)
        return false;
    memcpy(head, connection->in, n_head);
    consume(connection, n_head);
    memcpy(request->options, fake.request, sizeof request->options);
    const char *options = find_header(head, "X-Fake");
    if (options != NULL)
        read_fake_header(request, options);
    const char *upgrade = find_header(head, "Upgrade");
    const char *close = find_header(head, "Connection");
    request->has_upgrade = upgrade != NULL;
    request->wants_close = close != NULL && strncasecmp(close, "close", 5) == 0;
    bool is_good =
        sscanf(head, "%15s %1023s", request->method, request->target) == 2 &&
        read_body(connection, head, request);
    if (is_good && strcmp(request->method, "POST") == 0) {
        atomic_fetch_add(&n_posts, 1);
        keep_last(head, request);
    }
    if (is_good && request->n_body > 0) {
        request->body[request->n_body] = '\0';
        request->wants_stream = memmem(request->body, request->n_body,
                                       "\"stream\":true", 13) != NULL ||
                                memmem(request->body, request->n_body,
                                       "\"stream\": true", 14) != NULL;
    }
    if (is_good && fake.api_key != NULL &&
        strcmp(request->target, fake.health_path) != 0) {
        const char *key = find_header(head, "Authorization");
        size_t n = strlen(fake.api_key);
        if (key == NULL || strncmp(key, "Bearer ", 7) != 0 ||
            strncmp(key + 7, fake.api_key, n) != 0 || key[7 + n] != '\r') {
            request->options[R_status] = 401;
            request->wants_stream = false;
        }
    }
    free(head);
    return is_good;
}

/* ---- answers ---- */

static bool
send_chunk(int fd, const char *text)
{
    char head[32];
    snprintf(head, sizeof head, "%zx\r\n", strlen(text));
    return send_text(fd, head) && send_text(fd, text) && send_text(fd, "\r\n");
}

/* The i-th word, going round. */
static void
nth_word(long i, char *to, size_t size)
{
    const char *at = fake.words;
    for (;;) {
        at += strspn(at, " ");
        if (*at == '\0') {
            at = fake.words + strspn(fake.words, " ");
            if (*at == '\0') {
                to[0] = '\0';
                return;
            }
        }
        size_t n = strcspn(at, " ");
        if (i-- == 0) {
            snprintf(to, size, "%.*s", (int)n, at);
            return;
        }
        at += n;
    }
}

static long
count_words(void)
{
    long n = 0;
    for (const char *at = fake.words; *at != '\0';) {
        at += strspn(at, " ");
        n += *at != '\0';
        at += strcspn(at, " ");
    }
    return n;
}

static bool
answer_stream(int fd, const struct request *request)
{
    const long *options = request->options;
    long n = options[R_chunks] > 0 ? options[R_chunks] : count_words();
    if (!send_text(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                       "Transfer-Encoding: chunked\r\nServer: fake\r\n\r\n"))
        return false;
    for (long i = 0; i < n; i++) {
        char word[256];
        char event[512];
        nth_word(i, word, sizeof word);
        snprintf(event, sizeof event,
                 "data: {\"model\":\"%s\",\"choices\":[{\"index\":0,\"delta\":"
                 "{\"content\":\"%s%s\"}}]}\n\n",
                 fake.name, i == 0 ? "" : " ", word);
        if (options[R_bad_chunk])
            return send_text(fd, "zz\r\n") && false;
        if (!send_chunk(fd, event))
            return false;
        if (options[R_cut_after_chunks] == i + 1)
            return false;
        if (options[R_die_after_chunks] == i + 1)
            _exit(1);
        sleep_ms(options[R_chunk_delay_ms]);
    }
    return send_chunk(fd, "data: [DONE]\n\n") && send_text(fd, "0\r\n\r\n") &&
           !options[R_early_close];
}

static bool
answer_stats(int fd, const struct request *request)
{
    char json[512];
    snprintf(json, sizeof json,
             "{\"requests\":%ld,\"posts\":%ld,\"connections\":%ld,"
             "\"open\":%ld,\"client_gone\":%ld,\"flood_bytes\":%ld,"
             "\"max_write_us\":%ld,\"pid\":%d,\"age_ms\":%lld}",
             (long)n_requests, (long)n_posts, (long)n_connections, (long)n_open,
             (long)n_client_gone, (long)n_flood_bytes, (long)max_write_us,
             (int)getpid(), (long long)age_ms());
    return answer_json(fd, request, 200, json);
}

static bool
answer_last(int fd, const struct request *request)
{
    pthread_mutex_lock(&fake.lock);
    size_t n = fake.n_last;
    char *copy = malloc(n + 1);
    if (copy != NULL && n > 0)
        memcpy(copy, fake.last, n);
    pthread_mutex_unlock(&fake.lock);
    bool is_open = copy != NULL && answer(fd, request, 200,
                                          "application/octet-stream", copy, n);
    free(copy);
    return is_open;
}

static bool
answer_big(int fd, const struct request *request)
{
    static const char block[65536];
    const char *said = strstr(request->target, "bytes=");
    size_t n = said == NULL ? 1000000 : strtoul(said + 6, NULL, 10);
    char head[256];
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
             "Content-Length: %zu\r\n\r\n",
             n);
    if (!send_text(fd, head))
        return false;
    while (n > 0) {
        size_t piece = n < sizeof block ? n : sizeof block;
        if (!send_all(fd, block, piece))
            return false;
        n -= piece;
    }
    return true;
}

static bool
echo(struct connection *connection)
{
    send_text(connection->fd, "HTTP/1.1 101 Switching Protocols\r\n"
                              "Upgrade: websocket\r\n"
                              "Connection: Upgrade\r\n\r\n");
    do {
        if (!send_all(connection->fd, connection->in, connection->n_in))
            return false;
        connection->n_in = 0;
    } while (fill(connection, 60000));
    return false;
}

static bool
names_other_model(const struct request *request)
{
    char wanted[256];
    if (fake.only_model == NULL || request->n_body == 0)
        return false;
    snprintf(wanted, sizeof wanted, "\"%s\"", fake.only_model);
    return memmem(request->body, request->n_body, wanted, strlen(wanted)) ==
           NULL;
}

static bool
answer_words(int fd, const struct request *request)
{
    char json[4096];
    if (request->options[R_status] != 200) {
        snprintf(json, sizeof json,
                 "{\"error\":{\"code\":%ld,\"message\":\"as you wish\","
                 "\"type\":\"fake_error\"}}",
                 request->options[R_status]);
        return answer_json(fd, request, request->options[R_status], json);
    }
    if (names_other_model(request))
        return answer_json(fd, request, 404,
                           "{\"error\":{\"code\":404,\"message\":\"this "
                           "engine has another model\",\"type\":"
                           "\"not_found_error\"}}");
    if (request->wants_stream)
        return answer_stream(fd, request);
    snprintf(json, sizeof json,
             "{\"object\":\"chat.completion\",\"model\":\"%s\",\"choices\":"
             "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
             "\"%s\"},\"finish_reason\":\"stop\"}],\"content\":\"%s\","
             "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":%ld,"
             "\"total_tokens\":%ld},\"path\":\"%s\",\"bytes\":%zu}",
             fake.name, fake.words, fake.words, count_words(),
             count_words() + 3, request->target, request->n_body);
    return answer_json(fd, request, 200, json);
}

static bool
is_target(const struct request *request, const char *path)
{
    size_t n = strcspn(request->target, "?");
    return strlen(path) == n && memcmp(request->target, path, n) == 0;
}

/* True when the connection stays open. */
static bool
serve(struct connection *connection, struct request *request)
{
    int fd = connection->fd;
    bool is_health = is_target(request, fake.health_path);
    if (has_passed(P_hang_all_after_ms) ||
        (!is_health && !is_target(request, "/stats") &&
         has_passed(P_hang_after_ms)))
        request->options[R_hang] = 1;
    if (request->options[R_hang])
        sleep_ms(3600 * 1000);
    if (!is_health && has_passed(P_fail_after_ms))
        return answer_json(fd, request, 500,
                           "{\"error\":{\"message\":\"broken inside\","
                           "\"type\":\"server_error\",\"code\":500}}");
    if (fake.process[P_never_ready] ||
        age_ms() < fake.process[P_load_ms] + fake.process[P_bind_delay_ms])
        return answer_json(fd, request, 503,
                           "{\"error\":{\"message\":\"Loading model\","
                           "\"type\":\"unavailable_error\",\"code\":503}}");
    if (is_health)
        return answer_json(fd, request, 200, "{\"status\":\"ok\"}");
    if (is_target(request, "/stats"))
        return answer_stats(fd, request);
    if (is_target(request, "/last"))
        return answer_last(fd, request);
    if (request->options[R_die_before])
        _exit(1);
    if (request->options[R_cut_before])
        return false;
    sleep_ms(request->options[R_delay_ms]);
    if (request->has_upgrade)
        return echo(connection);
    if (is_target(request, "/big"))
        return answer_big(fd, request);
    if (is_target(request, "/v1/models")) {
        char json[512];
        snprintf(json, sizeof json,
                 "{\"object\":\"list\",\"data\":[{\"id\":\"%s\",\"object\":"
                 "\"model\",\"owned_by\":\"fake\"}]}",
                 fake.name);
        return answer_json(fd, request, 200, json);
    }
    return answer_words(fd, request);
}

static void *
run_connection(void *arg)
{
    struct connection *connection = arg;
    bool is_open = true;
    atomic_fetch_add(&n_open, 1);
    for (long i = 1; is_open; i++) {
        struct request request = { 0 };
        is_open = read_request(connection, &request);
        if (is_open) {
            atomic_fetch_add(&n_requests, 1);
            is_open = serve(connection, &request) && !request.wants_close &&
                      i < fake.process[P_max_requests];
        }
        free(request.body);
    }
    close(connection->fd);
    free(connection);
    atomic_fetch_sub(&n_open, 1);
    return NULL;
}

/* ---- the process's own misbehaviour ---- */

static void *
run_flood(void *arg)
{
    static char block[64 * 1024];
    (void)arg;
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = i % 128 == 127 ? '\n' : (char)('a' + i % 26);
    int64_t started_us = now_us();
    int64_t sent = 0;
    while (now_us() - started_us < fake.process[P_flood_ms] * 1000) {
        int64_t before_us = now_us();
        ssize_t n = write(STDOUT_FILENO, block, sizeof block);
        int64_t took_us = now_us() - before_us;
        if (n < 0)
            break;
        sent += n;
        atomic_store(&n_flood_bytes, (long)sent);
        if (took_us > atomic_load(&max_write_us))
            atomic_store(&max_write_us, (long)took_us);
        int64_t due_us = started_us + sent / fake.process[P_flood_mb_per_s];
        if (due_us > now_us())
            sleep_ms((due_us - now_us()) / 1000);
    }
    return NULL;
}

static void *
run_ticks(void *arg)
{
    (void)arg;
    for (long i = 0;; i++) {
        printf("tick %ld\n", i);
        fflush(stdout);
        sleep_ms(fake.process[P_tick_ms]);
    }
    return NULL;
}

static void *
run_timers(void *arg)
{
    (void)arg;
    for (;;) {
        if (has_passed(P_exit_after_ms))
            _exit((int)fake.process[P_exit_code]);
        if (has_passed(P_signal_after_ms)) {
            signal((int)fake.process[P_signal_number], SIG_DFL);
            kill(getpid(), (int)fake.process[P_signal_number]);
        }
        if (has_passed(P_stop_after_ms)) {
            fake.process[P_stop_after_ms] = -1;
            raise(SIGSTOP);
        }
        sleep_ms(1);
    }
    return NULL;
}

static void *
run_signals(void *arg)
{
    sigset_t *set = arg;
    int signum = 0;
    for (;;) {
        sigwait(set, &signum);
        if (fake.process[P_ignore_term])
            continue;
        sleep_ms(fake.process[P_term_delay_ms]);
        _exit((int)fake.process[P_term_exit_code]);
    }
    return NULL;
}

static void
start_thread(void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    if (pthread_create(&thread, &attributes, fn, arg) != 0)
        _exit(99);
    pthread_attr_destroy(&attributes);
}

static void
start_grandchild(void)
{
    pid_t pid = fork();
    if (pid != 0) {
        fprintf(stderr, "grandchild %d\n", (int)pid);
        return;
    }
    if (fake.process[P_grandchild_session])
        setsid();
    signal(SIGTERM, SIG_IGN);
    sleep_ms(fake.process[P_grandchild_s] * 1000);
    _exit(0);
}

/* ---- start ---- */

static void
print_help(void)
{
    puts("usage: fake_engine [--OPTION VALUE]...\n"
         "  --host ADDRESS\n  --model FILE\n  --alias NAME\n"
         "  --only-model NAME\n  --api-key KEY\n  --words TEXT\n"
         "  --line TEXT\n  --health-path PATH\n  --ctx-size N\n"
         "  --version\n  --help");
    for (int i = 0; i < P_COUNT; i++)
        printf("  --%s N   %s (%ld)\n", process_rows[i].name,
               process_rows[i].help, process_rows[i].default_value);
    for (int i = 0; i < R_COUNT; i++)
        printf("  --%s N   %s (%ld)\n", request_rows[i].name,
               request_rows[i].help, request_rows[i].default_value);
}

static bool
take_text_option(const char *name, const char *value)
{
    const struct {
        const char *name;
        const char **to;
    } texts[] = {
        { "host", &fake.host },
        { "alias", &fake.name },
        { "only-model", &fake.only_model },
        { "api-key", &fake.api_key },
        { "words", &fake.words },
        { "health-path", &fake.health_path },
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].to = value;
            return true;
        }
    }
    if (strcmp(name, "line") == 0 && fake.n_lines < LINES_MAX) {
        fake.lines[fake.n_lines++] = value;
        return true;
    }
    return strcmp(name, "model") == 0 || strcmp(name, "ctx-size") == 0;
}

static void
take_option(const char *flag, const char *value)
{
    const char *name = flag + strspn(flag, "-");
    if (take_text_option(name, value))
        return;
    for (int i = 0; i < P_COUNT; i++) {
        if (strcmp(name, process_rows[i].name) == 0) {
            fake.process[i] = strtol(value, NULL, 10);
            return;
        }
    }
    for (int i = 0; i < R_COUNT; i++) {
        if (strcmp(name, request_rows[i].name) == 0) {
            fake.request[i] = strtol(value, NULL, 10);
            return;
        }
    }
    fprintf(stderr, "error: invalid argument: %s\n", flag);
    exit(1);
}

static void
read_environment(void)
{
    const char *said = getenv("FAKE_ENGINE");
    char *copy = strdup(said == NULL ? "" : said);
    char *rest = NULL;
    for (char *flag = strtok_r(copy, " ", &rest); flag != NULL;
         flag = strtok_r(NULL, " ", &rest)) {
        const char *value = strtok_r(NULL, " ", &rest);
        if (value == NULL)
            break;
        take_option(flag, value); /* texts may point into the copy */
    }
}

static void
read_options(int argc, char **argv)
{
    for (int i = 0; i < P_COUNT; i++)
        fake.process[i] = process_rows[i].default_value;
    for (int i = 0; i < R_COUNT; i++)
        fake.request[i] = request_rows[i].default_value;
    read_environment();
    for (int i = 1; i < argc; i += 2) {
        if (strcmp(argv[i], "--version") == 0) {
            puts("version: 1.2.3 (build 42, commit fake)");
            exit((int)fake.process[P_version_exit]);
        }
        if (strcmp(argv[i], "--help") == 0) {
            print_help();
            exit(0);
        }
        if (i + 1 == argc) {
            fprintf(stderr, "error: invalid argument: %s\n", argv[i]);
            exit(1);
        }
        take_option(argv[i], argv[i + 1]);
    }
}

static int
listen_there(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port =
                                       htons((uint16_t)fake.process[P_port]) };
    socklen_t n = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (inet_pton(AF_INET, fake.host, &address.sin_addr) != 1 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, 1024) != 0) {
        fprintf(stderr, "error: couldn't bind to server socket: %s\n",
                strerror(errno));
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&address, &n);
    fprintf(stderr, "listening on http://%s:%d\n", fake.host,
            ntohs(address.sin_port));
    return fd;
}

static void
accept_all(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct connection *connection = malloc(sizeof *connection);
        if (connection == NULL)
            exit(98);
        connection->fd = fd;
        connection->n_in = 0;
        atomic_fetch_add(&n_connections, 1);
        start_thread(run_connection, connection);
    }
}

int
main(int argc, char **argv)
{
    static sigset_t stop_signals;
    fake.born_ms = now_us() / 1000;
    read_options(argc, argv);
    setvbuf(stderr, NULL, _IOLBF, 4096);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGTERM);
    sigaddset(&stop_signals, SIGINT);
    for (int i = 0; i < fake.n_lines; i++)
        fprintf(stderr, "%s\n", fake.lines[i]);
    if (fake.process[P_exit_at_start] >= 0)
        exit((int)fake.process[P_exit_at_start]);
    if (fake.process[P_grandchild_s] > 0)
        start_grandchild();
    pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
    start_thread(run_signals, &stop_signals);
    start_thread(run_timers, NULL);
    if (fake.process[P_flood_mb_per_s] > 0)
        start_thread(run_flood, NULL);
    if (fake.process[P_tick_ms] > 0)
        start_thread(run_ticks, NULL);
    sleep_ms(fake.process[P_bind_delay_ms]);
    if (fake.process[P_never_bind])
        sleep_ms(24L * 3600 * 1000);
    accept_all(listen_there());
}
