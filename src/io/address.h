/* Addresses between `struct address`, the system's form and text. */
#ifndef IO_ADDRESS_H
#define IO_ADDRESS_H

#include <sys/socket.h>

#include "io/stream.h"

/* Only numeric hosts and ports 0..65535; a unix path must fit. -1 says
 * which part is wrong. */
int address_to_sockaddr(const struct address *address,
                        struct sockaddr_storage *ret_sockaddr, socklen_t *ret_n,
                        struct error *error);
int address_from_sockaddr(const struct sockaddr *sockaddr,
                          struct address *ret_address);
/* "127.0.0.1:80", "[::1]:80" or the path, for messages. */
const char *address_text(const struct address *address, char *buffer,
                         size_t size);

/* The sixteen bytes of a numeric IPv6 address; IPv4 as ::ffff:a.b.c.d. -1
 * when `host` is no address. */
int address_to_bytes(struct str host, unsigned char ret_bytes[16]);

/* True when a listener could be opened there right now. Quick; any thread. */
bool address_is_free(const struct address *address);

#endif
