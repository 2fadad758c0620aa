/* A server on a thread of its own, with handlers chosen by the path, and a
 * blocking raw client: what is sent and what comes back, byte by byte. */
#ifndef TESTS_HTTP_TESTSERVER_H
#define TESTS_HTTP_TESTSERVER_H

#include <stdatomic.h>

#include "base/strbuf.h"
#include "http/server.h"

/* Paths: /hello (small answer), /echo (streams the body back), /late (50 ms
 * later), /slow (takes 200 ms over the first bytes of a body),
 * /big?n=N (N bytes under back-pressure), /sse (two chunks, 20 ms apart),
 * /never (no answer), /abort (a broken one), /small (bodies up to ten bytes),
 * /tunnel (echo after an upgrade), /who (the client). */
struct test_server {
    struct loop loop;
    struct http_server *http;
    struct address at;
    struct address unix_at;
    char folder[64];
    pthread_t thread;
    struct http_server_options options;
    atomic_int n_requests;
    atomic_int n_closed;
    atomic_int n_gone;
    atomic_int n_bodies;
    atomic_int n_while_paused; /* body bytes /slow got against its will */
    atomic_int n_slow;         /* and all of them */
    atomic_int is_drained;
    atomic_int n_connections;
};

/* `options` fill all but the callbacks. */
void test_server_start(struct test_server *server,
                       const struct http_server_options *options);
void test_server_stop(struct test_server *server);
void test_server_drain(struct test_server *server, int64_t deadline_ms);
/* Waits until the counter has that value; false after ten seconds. */
bool test_wait(atomic_int *counter, int value);
/* The server's own number of connections, asked on its thread. */
int test_connections(struct test_server *server);
size_t test_resident_bytes(void);

/* recv(), again after an interruption. Newer libuv lets the kernel finish
 * work in the thread that made the loop, which interrupts what blocks there
 * and time limits on sockets keep from being restarted. */
ssize_t test_recv(int fd, void *buffer, size_t size);

int test_connect(const struct test_server *server);
void test_send(int fd, struct str bytes);
/* Reads until `n` bytes, the end or ten seconds; a zero behind. -1 for a
 * reset. */
ptrdiff_t test_receive(int fd, char *buffer, size_t n);
/* Reads until the text is there (true) or the end. */
bool test_receive_until(int fd, struct strbuf *got, const char *text);
/* Connects, sends, reads to the end, closes: all that came. */
void test_talk(const struct test_server *server, struct str request,
               struct strbuf *got);
int test_status(const struct strbuf *got); /* of the first answer, or 0 */

#endif
