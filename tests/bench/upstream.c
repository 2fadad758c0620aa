/* The upstream of the benchmarks: answers at once and does nothing else, so
 * that what is measured is what stands in front of it.
 *
 *   upstream --port N
 *
 *   GET  /health           200 {"status":"ok"}
 *   POST ... "stream":true SSE: 200 events of about 120 bytes, one each
 *                          X-Every-Us microseconds (default 2000; 0: all at
 *                          once), then [DONE]; with X-Hold: 1 only the first
 *   GET  /big?mb=N         N MiB of zeros with a length
 *   anything else          200, 300 bytes of JSON
 *
 * One thread, epoll, keep-alive for ever. Each event carries the moment of
 * its writing in monotonic nanoseconds. It trusts its peer: for use on
 * loopback by the benchmark only. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { N_EVENTS = 200, HEAD_MAX = 16384, MAX_CONNECTIONS = 4096 };

struct connection {
    int fd;
    bool has_head;
    bool is_streaming;
    bool is_holding;
    bool has_stream_field;
    bool wants_write;
    size_t head_n;
    size_t body_left;
    uint64_t big_left;
    int events_left;
    int64_t every_ns;
    int64_t next_at_ns;
    char head[HEAD_MAX + 1];
};

static struct connection *connections[MAX_CONNECTIONS];
static int epoll_fd;
static char zeros[65536];

static int64_t
now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
drop(struct connection *c)
{
    close(c->fd);
    connections[c->fd] = NULL;
    free(c);
}

static bool
send_all(struct connection *c, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            usleep(50);
            continue;
        }
        if (sent < 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

static void
watch(struct connection *c, bool wants_write)
{
    if (c->wants_write == wants_write)
        return;
    c->wants_write = wants_write;
    struct epoll_event event = { .events =
                                     EPOLLIN | (wants_write ? EPOLLOUT : 0),
                                 .data.fd = c->fd };
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static bool
send_event(struct connection *c)
{
    char text[512];
    int n = snprintf(text, sizeof text,
                     "data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\","
                     "\"at\":%020lld,\"choices\":[{\"index\":0,\"delta\":"
                     "{\"content\":\" word\"}}]}\n\n",
                     (long long)now_ns());
    char chunk[640];
    int m = snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", n, text);
    if (!send_all(c, chunk, (size_t)m))
        return false;
    if (--c->events_left > 0)
        return true;
    static const char done[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
    c->is_streaming = false;
    return send_all(c, done, sizeof done - 1);
}

static bool
pump_big(struct connection *c)
{
    while (c->big_left > 0) {
        size_t n =
            c->big_left < sizeof zeros ? (size_t)c->big_left : sizeof zeros;
        ssize_t sent = send(c->fd, zeros, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            watch(c, true);
            return true;
        }
        if (sent < 0)
            return false;
        c->big_left -= (uint64_t)sent;
    }
    watch(c, false);
    return true;
}

static bool
begin_stream(struct connection *c)
{
    static const char head[] = "HTTP/1.1 200 OK\r\n"
                               "Content-Type: text/event-stream\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    if (!send_all(c, head, sizeof head - 1))
        return false;
    c->events_left = N_EVENTS;
    if (c->every_ns == 0) {
        while (c->events_left > 0)
            if (!send_event(c))
                return false;
        return true;
    }
    c->is_streaming = true;
    c->next_at_ns = now_ns() + c->every_ns;
    return send_event(c);
}

static bool
answer(struct connection *c)
{
    c->has_head = false;
    c->head_n = 0;
    if (c->has_stream_field)
        return begin_stream(c);
    if (strncmp(c->head, "GET /big?mb=", 12) == 0) {
        c->big_left = strtoull(c->head + 12, NULL, 10) << 20;
        char head[160];
        int n = snprintf(head, sizeof head,
                         "HTTP/1.1 200 OK\r\nContent-Type: "
                         "application/octet-stream\r\nContent-Length: "
                         "%llu\r\n\r\n",
                         (unsigned long long)c->big_left);
        return send_all(c, head, (size_t)n) && pump_big(c);
    }
    char padding[256];
    memset(padding, 'x', sizeof padding);
    char body[512];
    int n = snprintf(body, sizeof body,
                     "{\"id\":\"x\",\"object\":\"chat.completion\","
                     "\"choices\":[{\"message\":{\"content\":\"%.*s\"}}]}",
                     224, padding);
    char whole[1024];
    int whole_n = snprintf(whole, sizeof whole,
                           "HTTP/1.1 200 OK\r\n"
                           "Content-Type: application/json\r\n"
                           "Content-Length: %d\r\n\r\n%s",
                           n, body);
    return send_all(c, whole, (size_t)whole_n);
}

static const char *
field(struct connection *c, const char *name)
{
    const char *at = strcasestr(c->head, name);
    return at == NULL ? NULL : at + strlen(name);
}

static void
read_head(struct connection *c)
{
    const char *length = field(c, "\r\ncontent-length:");
    const char *every = field(c, "\r\nx-every-us:");
    c->body_left = length == NULL ? 0 : strtoull(length, NULL, 10);
    c->every_ns = every == NULL ? 2000000 : strtoll(every, NULL, 10) * 1000;
    c->is_holding = field(c, "\r\nx-hold:") != NULL;
    if (c->is_holding)
        c->every_ns = INT64_C(3600) * 1000000000;
    c->has_stream_field = field(c, "\r\nx-stream:") != NULL;
    c->has_head = true;
}

/* Feeds bytes; bodies are skipped, whatever they hold. */
static bool
feed(struct connection *c, const char *bytes, size_t n)
{
    while (n > 0) {
        if (c->has_head) {
            size_t k = n < c->body_left ? n : c->body_left;
            c->body_left -= k;
            bytes += k;
            n -= k;
        } else {
            if (c->head_n == HEAD_MAX)
                return false;
            c->head[c->head_n++] = *bytes++;
            c->head[c->head_n] = '\0';
            n--;
            if (c->head_n >= 4 &&
                memcmp(c->head + c->head_n - 4, "\r\n\r\n", 4) == 0)
                read_head(c);
        }
        if (c->has_head && c->body_left == 0 && !answer(c))
            return false;
    }
    return true;
}

static void
on_ready(struct connection *c, uint32_t events)
{
    static char buffer[262144];
    if ((events & EPOLLOUT) != 0 && !pump_big(c)) {
        drop(c);
        return;
    }
    if ((events & ~(uint32_t)EPOLLOUT) == 0)
        return;
    ssize_t n = recv(c->fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0 || !feed(c, buffer, (size_t)n))
        drop(c);
}

static void
accept_all(int listen_fd)
{
    for (;;) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct connection *c = NULL;
        if (fd >= MAX_CONNECTIONS || (c = calloc(1, sizeof *c)) == NULL) {
            close(fd);
            continue;
        }
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        c->fd = fd;
        connections[fd] = c;
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

/* Writes the events that are due; the wait until the next one in ms. */
static int
run_streams(void)
{
    int64_t now = now_ns();
    int64_t next = INT64_MAX;
    for (int fd = 0; fd < MAX_CONNECTIONS; fd++) {
        struct connection *c = connections[fd];
        if (c == NULL || !c->is_streaming)
            continue;
        if (c->next_at_ns <= now) {
            c->next_at_ns += c->every_ns;
            if (!send_event(c)) {
                drop(c);
                continue;
            }
        }
        if (c->is_streaming && c->next_at_ns < next)
            next = c->next_at_ns;
    }
    if (next == INT64_MAX)
        return -1;
    int64_t wait_ns = next - now_ns();
    return wait_ns <= 0 ? 0 : (int)((wait_ns + 999999) / 1000000);
}

int
main(int argc, char **argv)
{
    if (argc != 3 || strcmp(argv[1], "--port") != 0) {
        fprintf(stderr, "usage: upstream --port N\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int one = 1;
    setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port =
                                  htons((uint16_t)strtoul(argv[2], NULL, 10)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    if (bind(listen_fd, (struct sockaddr *)&at, sizeof at) < 0 ||
        listen(listen_fd, 4096) < 0) {
        perror("upstream: listen");
        return 1;
    }
    epoll_fd = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listen_fd };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listen_fd, &event);
    for (;;) {
        struct epoll_event ready[256];
        int n = epoll_wait(epoll_fd, ready, 256, run_streams());
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listen_fd)
                accept_all(listen_fd);
            else if (connections[fd] != NULL)
                on_ready(connections[fd], ready[i].events);
        }
    }
}
