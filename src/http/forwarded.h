/* Who the client is behind proxies that we trust: X-Forwarded-For and
 * X-Forwarded-Proto are believed only from listed addresses. */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include "base/error.h"
#include "http/message.h"
#include "io/stream.h"

struct address_block {
    unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned n_bits;
};

struct forwarded {
    struct address_block *blocks;
    size_t n_blocks;
};

/* Reads "10.0.0.0/8", "::1" and the like; -1 names the one that is wrong. */
int forwarded_init(struct forwarded *forwarded, const struct str *texts,
                   size_t n, struct error *error);
void forwarded_release(struct forwarded *forwarded);

/* The rightmost hop that is not one of ours. */
void forwarded_client(const struct forwarded *forwarded,
                      const struct address *peer, struct http_headers headers,
                      struct address *ret_client);
/* True when a trusted peer says that the client came by https. */
bool forwarded_is_secure(const struct forwarded *forwarded,
                         const struct address *peer,
                         struct http_headers headers);

#endif
