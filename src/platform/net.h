/* Ports and local sockets, as far as a supervisor needs them. Blocking but
 * quick, except where said; any thread. */
#ifndef PLATFORM_NET_H
#define PLATFORM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "platform/process.h"

/* A TCP port that is free on `host` (numeric) right now, or -1 with
 * `error`. */
int net_free_port(const char *host, struct error *error);
/* True when the port could be bound on `host` right now. */
bool net_port_is_free(const char *host, int port);

enum listener_owner_kind {
    LISTENER_OURS,    /* a member of the group listens there */
    LISTENER_FOREIGN, /* somebody else does */
    LISTENER_NONE,    /* nobody listens on that port */
    LISTENER_UNKNOWN, /* the system does not say */
};

struct listener_owner {
    int64_t pid;                 /* 0: not known */
    char command[COMMAND_BYTES]; /* "": not known */
};

/* Who listens on the port? `group` is the process group asked about; 0 only
 * names the owner. Walks the system's tables: call it on a worker. */
enum listener_owner_kind net_listener_owner(int port, int64_t group,
                                            struct listener_owner *ret_owner);

enum { UNIX_PATH_MAX_BYTES = 103 }; /* what every system takes */

/* A listening unix socket with mode 0600 from its first instant; replaces
 * an old file. The descriptor (close-on-exec, non-blocking), or -1. */
int net_listen_unix(const char *path, struct error *error);
/* Closes a descriptor that these functions gave; -1 is no harm. */
void net_close(int fd);
/* Calls `fn` for the path of each unix socket in the folder; a folder that
 * cannot be read has none. */
void net_each_unix(const char *folder, void (*fn)(void *ctx, const char *path),
                   void *ctx);
/* uid of the process at the other end of a unix socket, or -1. */
int64_t net_peer_uid(int fd);

/* A pipe, both ends close-on-exec. 0, or -1 with errno. */
int net_pipe(int ret_fds[2]);
/* Close-on-exec and non-blocking accept. */
int net_accept(int listener_fd);
/* Asks for a larger pipe, where the system can. */
void net_grow_pipe(int fd, int n_bytes);
int net_set_nonblocking(int fd);
/* Breaks a TCP connection whose other end takes nothing of what was sent for
 * so long, be it gone or only not reading. Does nothing where the system
 * has no such limit. */
void net_limit_unsent(int fd, int64_t limit_ms);
/* An inherited descriptor is not handed on to programs that we start. */
int net_set_cloexec(int fd);

#endif
