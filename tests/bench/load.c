/* The load generator of the benchmarks: a closed loop on N connections.
 *
 *   load --port N [--connections N] [--seconds S] [--body-bytes N]
 *        [--stream EVERY_US] [--hold] [--get PATH]
 *
 * Posts {"model":"bench","messages":[...]} padded to --body-bytes with prose
 * to /v1/chat/completions and waits for the whole answer, over and over.
 * With --stream the answer is an SSE stream whose events carry the moment of
 * their writing; with --hold each connection opens one stream, waits for its
 * first event and keeps it until the time is up; with --get the path is
 * fetched instead.
 *
 * Prints one line of JSON: requests, errors, per_s, p50_us, p99_us and, for
 * streams, events and the lag of an event, lag_p50_us and lag_p99_us.
 * One thread, poll; loopback only. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 4096, SAMPLES = 4 << 20, READ_BYTES = 65536 };

struct options {
    int port;
    int connections;
    double seconds;
    size_t body_bytes;
    long every_us; /* -1: no stream */
    bool is_hold;
    const char *get_path;
};

struct connection {
    int64_t begun_ns;
    size_t sent;
    size_t scanned_n; /* of the answer's head so far */
    uint64_t body_left;
    bool has_head;
    bool is_chunked;
    bool is_open_stream; /* --hold: its first event has come */
    size_t tail_n;
    char tail[64]; /* the last bytes seen */
    char head[4096];
};

static struct options options = {
    .connections = 1, .seconds = 2, .body_bytes = 200, .every_us = -1
};
static struct connection connections[MAX_CONNECTIONS];
static struct pollfd polls[MAX_CONNECTIONS];
static char *request;
static size_t request_n;
static uint32_t *latency_us;
static size_t n_latency;
static uint32_t *lag_us;
static size_t n_lag;
static uint64_t n_requests, n_errors, n_events;

static int64_t
now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
sample(uint32_t *samples, size_t *n, int64_t ns)
{
    if (*n < SAMPLES)
        samples[(*n)++] = (uint32_t)(ns / 1000);
}

static void
build_request(void)
{
    static const char prose[] =
        "The quick brown fox jumps over the lazy dog, says \\\"hello\\\"\\n";
    size_t capacity = options.body_bytes + 4096;
    char *body = malloc(capacity);
    request = malloc(capacity + 4096);
    if (body == NULL || request == NULL)
        exit(1);
    int n = snprintf(body, capacity,
                     "{\"messages\":[{\"role\":\"user\",\"content\":\"");
    while ((size_t)n + sizeof prose + 64 < options.body_bytes) {
        memcpy(body + n, prose, sizeof prose - 1);
        n += (int)sizeof prose - 1;
    }
    n += snprintf(body + n, capacity - (size_t)n,
                  "\"}],\"model\":\"bench\",\"temperature\":0}");
    char extra[128] = "";
    if (options.every_us >= 0)
        snprintf(extra, sizeof extra, "X-Stream: 1\r\n%sX-Every-Us: %ld\r\n",
                 options.is_hold ? "X-Hold: 1\r\n" : "", options.every_us);
    if (options.get_path != NULL)
        request_n = (size_t)snprintf(request, capacity + 4096,
                                     "GET %s HTTP/1.1\r\nHost: "
                                     "127.0.0.1:%d\r\n\r\n",
                                     options.get_path, options.port);
    else
        request_n = (size_t)snprintf(
            request, capacity + 4096,
            "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
            "Content-Type: application/json\r\nAccept: */*\r\n"
            "User-Agent: load/1\r\nAuthorization: Bearer none-needed\r\n"
            "%sContent-Length: %d\r\n\r\n%s",
            options.port, extra, n, body);
    free(body);
}

static void
open_connection(int i)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)options.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
        perror("load: connect");
        exit(1);
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    polls[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
    memset(&connections[i], 0, sizeof connections[i]);
}

static void
push(int i)
{
    struct connection *c = &connections[i];
    while (c->sent < request_n) {
        ssize_t n = send(polls[i].fd, request + c->sent, request_n - c->sent,
                         MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            break;
        c->sent += (size_t)n;
    }
    polls[i].events = (short)(POLLIN | (c->sent < request_n ? POLLOUT : 0));
}

static void
begin(int i)
{
    struct connection *c = &connections[i];
    c->begun_ns = now_ns();
    c->sent = c->scanned_n = c->tail_n = 0;
    c->has_head = c->is_chunked = false;
    push(i);
}

static void
finish(int i, bool is_error)
{
    n_requests++;
    n_errors += is_error;
    sample(latency_us, &n_latency, now_ns() - connections[i].begun_ns);
    if (is_error) {
        close(polls[i].fd);
        open_connection(i);
    }
    begin(i);
}

static void
count_events(const char *bytes, size_t n)
{
    static const char mark[] = "\"at\":";
    const char *end = bytes + n;
    for (const char *at = bytes;
         (at = memmem(at, (size_t)(end - at), mark, 5)) != NULL; at += 5) {
        n_events++;
        if (end - at >= 25)
            sample(lag_us, &n_lag, now_ns() - strtoll(at + 5, NULL, 10));
    }
}

/* Takes the body's bytes; true when the answer has ended. */
static bool
take_body(struct connection *c, const char *bytes, size_t n)
{
    if (!c->is_chunked) {
        c->body_left -= n < c->body_left ? n : c->body_left;
        return c->body_left == 0;
    }
    count_events(bytes, n);
    if (n >= sizeof c->tail) {
        memcpy(c->tail, bytes + n - sizeof c->tail, sizeof c->tail);
        c->tail_n = sizeof c->tail;
    } else {
        size_t keep =
            sizeof c->tail - n < c->tail_n ? sizeof c->tail - n : c->tail_n;
        memmove(c->tail, c->tail + c->tail_n - keep, keep);
        memcpy(c->tail + keep, bytes, n);
        c->tail_n = keep + n;
    }
    return c->tail_n >= 5 &&
           memcmp(c->tail + c->tail_n - 5, "0\r\n\r\n", 5) == 0;
}

/* 1: whole, 0: more to come, -1: broken. */
static int
take(struct connection *c, const char *bytes, size_t n)
{
    if (c->has_head)
        return take_body(c, bytes, n);
    size_t room = sizeof c->head - 1 - c->scanned_n;
    size_t k = n < room ? n : room;
    memcpy(c->head + c->scanned_n, bytes, k);
    c->head[c->scanned_n + k] = '\0';
    char *end = strstr(c->head, "\r\n\r\n");
    if (end == NULL) {
        c->scanned_n += k;
        return c->scanned_n >= sizeof c->head - 1 ? -1 : 0;
    }
    size_t head_n = (size_t)(end + 4 - c->head) - c->scanned_n;
    end[2] = '\0';
    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0)
        return -1;
    c->has_head = true;
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->body_left = length == NULL ? 0 : strtoull(length + 17, NULL, 10);
    c->is_chunked = length == NULL;
    if (head_n == n)
        return !c->is_chunked && c->body_left == 0;
    return take_body(c, bytes + head_n, n - head_n);
}

static void
on_ready(int i)
{
    static char buffer[READ_BYTES];
    struct connection *c = &connections[i];
    if ((polls[i].revents & POLLOUT) != 0)
        push(i);
    if ((polls[i].revents & (POLLIN | POLLHUP | POLLERR)) == 0)
        return;
    ssize_t n = recv(polls[i].fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    int end = n <= 0 ? -1 : take(c, buffer, (size_t)n);
    if (options.is_hold && end == 0 && c->has_head && !c->is_open_stream) {
        c->is_open_stream = true;
        n_requests++;
    } else if (end != 0 && !options.is_hold) {
        finish(i, end < 0);
    } else if (end < 0) {
        n_errors++;
        polls[i].fd = -1;
    }
}

static int
by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t
percentile(uint32_t *samples, size_t n, double p)
{
    if (n == 0)
        return 0;
    qsort(samples, n, sizeof *samples, by_value);
    return samples[(size_t)((double)(n - 1) * p)];
}

static void
parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(name, "--hold") == 0) {
            options.is_hold = true;
            continue;
        }
        if (strcmp(name, "--port") == 0)
            options.port = (int)strtol(value, NULL, 10);
        else if (strcmp(name, "--connections") == 0)
            options.connections = (int)strtol(value, NULL, 10);
        else if (strcmp(name, "--seconds") == 0)
            options.seconds = strtod(value, NULL);
        else if (strcmp(name, "--body-bytes") == 0)
            options.body_bytes = strtoull(value, NULL, 10);
        else if (strcmp(name, "--stream") == 0)
            options.every_us = strtol(value, NULL, 10);
        else if (strcmp(name, "--get") == 0)
            options.get_path = value;
        else {
            fprintf(stderr, "load: unknown option %s\n", name);
            exit(2);
        }
        i++;
    }
    if (options.port == 0 || options.connections < 1 ||
        options.connections > MAX_CONNECTIONS) {
        fprintf(stderr, "load: --port and 1..%d connections are needed\n",
                MAX_CONNECTIONS);
        exit(2);
    }
}

int
main(int argc, char **argv)
{
    parse(argc, argv);
    latency_us = malloc(SAMPLES * sizeof *latency_us);
    lag_us = malloc(SAMPLES * sizeof *lag_us);
    if (latency_us == NULL || lag_us == NULL)
        return 1;
    build_request();
    for (int i = 0; i < options.connections; i++)
        open_connection(i);
    int64_t begun = now_ns();
    int64_t until = begun + (int64_t)(options.seconds * 1e9);
    for (int i = 0; i < options.connections; i++)
        begin(i);
    while (now_ns() < until) {
        if (poll(polls, (nfds_t)options.connections, 100) <= 0)
            continue;
        for (int i = 0; i < options.connections; i++)
            if (polls[i].revents != 0)
                on_ready(i);
    }
    double seconds = (double)(now_ns() - begun) / 1e9;
    uint32_t p50 = percentile(latency_us, n_latency, 0.50);
    uint32_t p99 = percentile(latency_us, n_latency, 0.99);
    uint32_t lag50 = percentile(lag_us, n_lag, 0.50);
    uint32_t lag99 = percentile(lag_us, n_lag, 0.99);
    printf("{\"requests\":%llu,\"errors\":%llu,\"per_s\":%.0f,"
           "\"p50_us\":%u,\"p99_us\":%u,\"events\":%llu,"
           "\"lag_p50_us\":%u,\"lag_p99_us\":%u}\n",
           (unsigned long long)n_requests, (unsigned long long)n_errors,
           (double)n_requests / seconds, p50, p99, (unsigned long long)n_events,
           lag50, lag99);
    return n_errors > 0 && n_requests == n_errors;
}
