/* An origin that misbehaves on command: loopback only, a thread for each
 * connection, one request on each. The path's first part picks the
 * behaviour. */
#ifndef TESTS_UNIT_IO_ORIGIN_H
#define TESTS_UNIT_IO_ORIGIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { ORIGIN_KEPT = 16, ORIGIN_REQUEST_BYTES = 16 * 1024 };

struct ssl_ctx_st;

struct origin {
    int fd;
    int port;
    int other_port; /* for redirects elsewhere */
    struct ssl_ctx_st *tls;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int n_requests;
    int n_connections;                                /* open ones */
    char requests[ORIGIN_KEPT][ORIGIN_REQUEST_BYTES]; /* the first ones */
    int64_t n_sent_bytes;                             /* of the long body */
};

void origin_open(struct origin *origin, bool has_tls);
void origin_close(struct origin *origin);
/* Blocks until so many requests have come. */
void origin_await(struct origin *origin, int n_requests);
int64_t origin_sent_bytes(struct origin *origin);
int origin_n_requests(struct origin *origin);
/* Where `text` is in the i-th request, or NULL. */
const char *origin_find(struct origin *origin, int i, const char *text);

enum { ORIGIN_LONG_BYTES = 300 * 1000 * 1000 };

#endif
