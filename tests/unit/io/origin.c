/* See origin.h. */
#include "origin.h"

#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct visit {
    struct origin *origin;
    int fd;
    char request[ORIGIN_REQUEST_BYTES];
};

static void
fatal_if(bool is_bad, const char *what)
{
    if (is_bad) {
        perror(what);
        abort();
    }
}

static bool
send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

static void
say(const struct visit *visit, const char *text)
{
    send_all(visit->fd, text, strlen(text));
}

/* Until the other side closes. */
static void
hang(const struct visit *visit)
{
    char bytes[256];
    while (recv(visit->fd, bytes, sizeof bytes, 0) > 0)
        ;
}

static void
redirect(const struct visit *visit, int status, const char *location)
{
    char text[9000];
    snprintf(text, sizeof text,
             "HTTP/1.1 %d Moved\r\nX-Linked-Size: 7\r\nLocation: %s\r\n"
             "Content-Length: 4\r\n\r\nmove",
             status, location);
    say(visit, text);
}

static void
redirect_to_port(const struct visit *visit, int status, int port)
{
    char location[64];
    snprintf(location, sizeof location, "http://127.0.0.1:%d/ok", port);
    redirect(visit, status, location);
}

static void
answer_ok(struct visit *visit)
{
    say(visit, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"e\"\r\n"
               "X-Odd:   spaces  \r\n\r\n");
    if (strncmp(visit->request, "HEAD", 4) != 0)
        say(visit, "hello");
}

static void
redirect_relative(struct visit *visit)
{
    redirect(visit, 302, "../ok?x=1#part");
}

static void
redirect_same(struct visit *visit)
{
    redirect_to_port(visit, 302, visit->origin->port);
}

static void
redirect_other(struct visit *visit)
{
    redirect_to_port(visit, 302, visit->origin->other_port);
}

static void
redirect_307(struct visit *visit)
{
    redirect_to_port(visit, 307, visit->origin->port);
}

static void
redirect_303(struct visit *visit)
{
    redirect_to_port(visit, 303, visit->origin->port);
}

static void
redirect_loop(struct visit *visit)
{
    redirect(visit, 301, "/loop");
}

static void
redirect_private(struct visit *visit)
{
    redirect(visit, 302, "https://10.1.2.3/x");
}

static void
redirect_localhost(struct visit *visit)
{
    redirect(visit, 302, "https://localhost/x");
}

static void
redirect_file(struct visit *visit)
{
    redirect(visit, 302, "file:///etc/passwd");
}

static void
redirect_empty(struct visit *visit)
{
    redirect(visit, 302, "");
}

static void
redirect_without(struct visit *visit)
{
    say(visit, "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n");
}

static void
redirect_odd(struct visit *visit)
{
    redirect(visit, 302, "http://[::zz]/x");
}

static void
redirect_two(struct visit *visit)
{
    redirect(visit, 302, "/ok\r\nLocation: /other");
}

static void
redirect_overlong(struct visit *visit)
{
    enum { N = 20000 };
    char *text = malloc(N + 1);
    fatal_if(text == NULL, "malloc");
    memset(text, 'a', N);
    text[N] = '\0';
    say(visit, "HTTP/1.1 302 Found\r\nLocation: /");
    say(visit, text);
    say(visit, "\r\nContent-Length: 0\r\n\r\n");
    free(text);
}

/* A redirect whose body never ends is not waited for. */
static void
redirect_fat(struct visit *visit)
{
    static const char junk[4096];
    char head[200];
    snprintf(head, sizeof head,
             "HTTP/1.1 302 Found\r\nLocation: /ok\r\n"
             "Transfer-Encoding: chunked\r\n\r\n");
    say(visit, head);
    while (send_all(visit->fd, "1000\r\n", 6) &&
           send_all(visit->fd, junk, sizeof junk) &&
           send_all(visit->fd, "\r\n", 2))
        ;
}

static void
stall_at_once(struct visit *visit)
{
    hang(visit);
}

static void
stall_in_body(struct visit *visit)
{
    say(visit, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    hang(visit);
}

static void
short_body(struct visit *visit)
{
    say(visit, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
}

static void
long_body(struct visit *visit)
{
    say(visit, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour and more");
}

static void
broken_chunk(struct visit *visit)
{
    say(visit, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "4\r\nfour\r\nzz\r\nno\r\n");
}

static void
cut_chunk(struct visit *visit)
{
    say(visit, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "4\r\nfour\r\n");
}

static void
good_chunks(struct visit *visit)
{
    say(visit, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "2\r\nhe\r\n3\r\nllo\r\n0\r\nX-Trailer: t\r\n\r\n");
}

static void
reset(struct visit *visit)
{
    say(visit, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    const struct linger now = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(visit->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void
two_lengths(struct visit *visit)
{
    say(visit, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n"
               "Content-Length: 9\r\n\r\nfour");
}

static void
no_http(struct visit *visit)
{
    say(visit, "hello there\n");
}

static void
flood(struct visit *visit)
{
    char line[512];
    memset(line, 'x', sizeof line);
    memcpy(line, "X-Flood: ", 9);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    say(visit, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 200 && send_all(visit->fd, line, sizeof line); i++)
        ;
    say(visit, "\r\n");
}

static void
hints(struct visit *visit)
{
    say(visit, "HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n");
    answer_ok(visit);
}

static void
switch_protocol(struct visit *visit)
{
    say(visit, "HTTP/1.1 101 Switching\r\nUpgrade: odd\r\n\r\nodd bytes");
}

static void
encoded(struct visit *visit)
{
    say(visit, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
               "Content-Length: 3\r\n\r\nabc");
}

static void
not_found(struct visit *visit)
{
    say(visit, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
}

static void
very_long(struct visit *visit)
{
    static const char piece[50 * 1000];
    struct origin *origin = visit->origin;
    char head[100];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
             ORIGIN_LONG_BYTES);
    say(visit, head);
    for (int sent = 0; sent < ORIGIN_LONG_BYTES; sent += (int)sizeof piece) {
        if (!send_all(visit->fd, piece, sizeof piece))
            return;
        pthread_mutex_lock(&origin->lock);
        origin->n_sent_bytes += (int64_t)sizeof piece;
        pthread_mutex_unlock(&origin->lock);
    }
}

static const struct {
    const char *path;
    void (*answer)(struct visit *visit);
} behaviours[] = {
    { "/ok", answer_ok },
    { "/dir/relative", redirect_relative },
    { "/same", redirect_same },
    { "/other", redirect_other },
    { "/307", redirect_307 },
    { "/303", redirect_303 },
    { "/loop", redirect_loop },
    { "/private", redirect_private },
    { "/localhost", redirect_localhost },
    { "/file", redirect_file },
    { "/empty", redirect_empty },
    { "/without", redirect_without },
    { "/odd", redirect_odd },
    { "/two", redirect_two },
    { "/overlong", redirect_overlong },
    { "/fat", redirect_fat },
    { "/stall", stall_at_once },
    { "/half-stall", stall_in_body },
    { "/short", short_body },
    { "/longer", long_body },
    { "/broken-chunk", broken_chunk },
    { "/cut-chunk", cut_chunk },
    { "/chunks", good_chunks },
    { "/reset", reset },
    { "/two-lengths", two_lengths },
    { "/no-http", no_http },
    { "/flood", flood },
    { "/hints", hints },
    { "/101", switch_protocol },
    { "/encoded", encoded },
    { "/404", not_found },
    { "/very-long", very_long },
};

/* The head, and the body when a Content-Length tells of one. */
static bool
read_request(struct visit *visit)
{
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(visit->fd, visit->request + n,
                           sizeof visit->request - 1 - n, 0);
        if (got <= 0)
            return false;
        n += (size_t)got;
        visit->request[n] = '\0';
        const char *end = strstr(visit->request, "\r\n\r\n");
        if (end == NULL)
            continue;
        const char *length = strstr(visit->request, "Content-Length: ");
        long body = length == NULL ? 0 : strtol(length + 16, NULL, 10);
        if (visit->request + n >= end + 4 + body)
            return true;
    }
}

static void
keep_request(struct visit *visit)
{
    struct origin *origin = visit->origin;
    pthread_mutex_lock(&origin->lock);
    if (origin->n_requests < ORIGIN_KEPT)
        memcpy(origin->requests[origin->n_requests], visit->request,
               sizeof visit->request);
    origin->n_requests++;
    pthread_cond_broadcast(&origin->changed);
    pthread_mutex_unlock(&origin->lock);
}

static void
answer(struct visit *visit)
{
    const char *path = strchr(visit->request, ' ');
    if (path == NULL)
        return;
    path++;
    size_t n = strcspn(path, " ?");
    for (size_t i = 0; i < sizeof behaviours / sizeof behaviours[0]; i++)
        if (strlen(behaviours[i].path) == n &&
            memcmp(behaviours[i].path, path, n) == 0)
            behaviours[i].answer(visit);
}

static void
shake_hands(struct visit *visit)
{
    SSL *ssl = SSL_new(visit->origin->tls);
    fatal_if(ssl == NULL, "SSL_new");
    SSL_set_fd(ssl, visit->fd);
    SSL_accept(ssl);
    SSL_free(ssl);
}

static void *
serve_visit(void *arg)
{
    struct visit *visit = arg;
    struct origin *origin = visit->origin;
    if (origin->tls != NULL) {
        shake_hands(visit);
    } else if (read_request(visit)) {
        keep_request(visit);
        answer(visit);
    }
    close(visit->fd);
    free(visit);
    pthread_mutex_lock(&origin->lock);
    origin->n_connections--;
    pthread_cond_broadcast(&origin->changed);
    pthread_mutex_unlock(&origin->lock);
    return NULL;
}

static void *
serve(void *arg)
{
    struct origin *origin = arg;
    for (;;) {
        int fd = accept(origin->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        struct visit *visit = calloc(1, sizeof *visit);
        fatal_if(visit == NULL, "calloc");
        visit->origin = origin;
        visit->fd = fd;
        pthread_mutex_lock(&origin->lock);
        origin->n_connections++;
        pthread_mutex_unlock(&origin->lock);
        pthread_t thread;
        fatal_if(pthread_create(&thread, NULL, serve_visit, visit) != 0,
                 "pthread_create");
        pthread_detach(thread);
    }
}

/* A context with a certificate that only it believes. */
static SSL_CTX *
make_tls(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    X509 *certificate = X509_new();
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    fatal_if(key == NULL || certificate == NULL || tls == NULL, "openssl");
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *)"127.0.0.1", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    fatal_if(X509_sign(certificate, key, EVP_sha256()) == 0, "X509_sign");
    fatal_if(SSL_CTX_use_certificate(tls, certificate) != 1 ||
                 SSL_CTX_use_PrivateKey(tls, key) != 1,
             "SSL_CTX");
    X509_free(certificate);
    EVP_PKEY_free(key);
    return tls;
}

void
origin_open(struct origin *origin, bool has_tls)
{
    memset(origin, 0, sizeof *origin);
    pthread_mutex_init(&origin->lock, NULL);
    pthread_cond_init(&origin->changed, NULL);
    if (has_tls)
        origin->tls = make_tls();
    origin->fd = socket(AF_INET, SOCK_STREAM, 0);
    fatal_if(origin->fd < 0, "socket");
    int buffer_bytes = 256 * 1024;
    setsockopt(origin->fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes,
               sizeof buffer_bytes);
    struct sockaddr_in in = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof in;
    fatal_if(bind(origin->fd, (struct sockaddr *)&in, n) < 0 ||
                 listen(origin->fd, 512) < 0 ||
                 getsockname(origin->fd, (struct sockaddr *)&in, &n) < 0,
             "listen");
    origin->port = ntohs(in.sin_port);
    fatal_if(pthread_create(&origin->thread, NULL, serve, origin) != 0,
             "pthread_create");
}

void
origin_close(struct origin *origin)
{
    shutdown(origin->fd, SHUT_RDWR);
    pthread_join(origin->thread, NULL);
    close(origin->fd);
    pthread_mutex_lock(&origin->lock);
    while (origin->n_connections > 0)
        pthread_cond_wait(&origin->changed, &origin->lock);
    pthread_mutex_unlock(&origin->lock);
    pthread_mutex_destroy(&origin->lock);
    pthread_cond_destroy(&origin->changed);
    SSL_CTX_free(origin->tls);
}

void
origin_await(struct origin *origin, int n_requests)
{
    pthread_mutex_lock(&origin->lock);
    while (origin->n_requests < n_requests)
        pthread_cond_wait(&origin->changed, &origin->lock);
    pthread_mutex_unlock(&origin->lock);
}

int64_t
origin_sent_bytes(struct origin *origin)
{
    pthread_mutex_lock(&origin->lock);
    int64_t n_bytes = origin->n_sent_bytes;
    pthread_mutex_unlock(&origin->lock);
    return n_bytes;
}

int
origin_n_requests(struct origin *origin)
{
    pthread_mutex_lock(&origin->lock);
    int n = origin->n_requests;
    pthread_mutex_unlock(&origin->lock);
    return n;
}

const char *
origin_find(struct origin *origin, int i, const char *text)
{
    pthread_mutex_lock(&origin->lock);
    const char *found = strstr(origin->requests[i], text);
    pthread_mutex_unlock(&origin->lock);
    return found;
}
