/* Addresses between `struct address`, the system's form and text. */
#include "io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>

#include "platform/net.h"

static int
unix_to_sockaddr(const struct address *address,
                 struct sockaddr_storage *ret_sockaddr, socklen_t *ret_n,
                 struct error *error)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t n = strnlen(address->host, sizeof address->host);
    if (n == 0 || n >= sizeof un.sun_path)
        return error_set(error, ERR_INVALID,
                         "socket path '%.*s' must have 1 to %zu bytes", (int)n,
                         address->host, sizeof un.sun_path - 1);
    memcpy(un.sun_path, address->host, n);
    memcpy(ret_sockaddr, &un, sizeof un);
    *ret_n = sizeof un;
    return 0;
}

int
address_to_sockaddr(const struct address *address,
                    struct sockaddr_storage *ret_sockaddr, socklen_t *ret_n,
                    struct error *error)
{
    memset(ret_sockaddr, 0, sizeof *ret_sockaddr);
    if (address->is_unix)
        return unix_to_sockaddr(address, ret_sockaddr, ret_n, error);
    if (address->port < 0 || address->port > 65535)
        return error_set(error, ERR_INVALID, "port %d is not in 0..65535",
                         address->port);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (uv_ip4_addr(address->host, address->port, &v4) == 0) {
        memcpy(ret_sockaddr, &v4, sizeof v4);
        *ret_n = sizeof v4;
        return 0;
    }
    if (uv_ip6_addr(address->host, address->port, &v6) == 0) {
        memcpy(ret_sockaddr, &v6, sizeof v6);
        *ret_n = sizeof v6;
        return 0;
    }
    return error_set(error, ERR_INVALID,
                     "'%s' is not a numeric IPv4 or IPv6 address",
                     address->host);
}

int
address_from_sockaddr(const struct sockaddr *sockaddr,
                      struct address *ret_address)
{
    memset(ret_address, 0, sizeof *ret_address);
    if (sockaddr->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, sockaddr, sizeof v4);
        ret_address->port = ntohs(v4.sin_port);
        return uv_ip4_name(&v4, ret_address->host, sizeof ret_address->host);
    }
    if (sockaddr->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, sockaddr, sizeof v6);
        ret_address->port = ntohs(v6.sin6_port);
        return uv_ip6_name(&v6, ret_address->host, sizeof ret_address->host);
    }
    ret_address->is_unix = sockaddr->sa_family == AF_UNIX;
    return ret_address->is_unix ? 0 : -1;
}

const char *
address_text(const struct address *address, char *buffer, size_t size)
{
    if (address->is_unix)
        snprintf(buffer, size, "%s", address->host);
    else if (strchr(address->host, ':') != NULL)
        snprintf(buffer, size, "[%s]:%d", address->host, address->port);
    else
        snprintf(buffer, size, "%s:%d", address->host, address->port);
    return buffer;
}

int
address_to_bytes(struct str host, unsigned char ret_bytes[16])
{
    char text[INET6_ADDRSTRLEN];
    if (host.n == 0 || host.n >= sizeof text)
        return -1;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    static const unsigned char v4_prefix[12] = { [10] = 0xFF, [11] = 0xFF };
    memcpy(ret_bytes, v4_prefix, sizeof v4_prefix);
    if (inet_pton(AF_INET, text, ret_bytes + 12) == 1)
        return 0;
    return inet_pton(AF_INET6, text, ret_bytes) == 1 ? 0 : -1;
}

bool
address_is_loopback(const struct address *address)
{
    if (address->is_unix)
        return true;
    unsigned char bytes[16];
    if (address_to_bytes(str_from(address->host), bytes) != 0)
        return false;
    static const unsigned char v4_loop[13] = {
        [10] = 0xFF, [11] = 0xFF, [12] = 127
    };
    static const unsigned char v6_loop[16] = { [15] = 1 };
    return memcmp(bytes, v4_loop, sizeof v4_loop) == 0 ||
           memcmp(bytes, v6_loop, sizeof v6_loop) == 0;
}

bool
address_is_free(const struct address *address)
{
    return !address->is_unix && net_port_is_free(address->host, address->port);
}
