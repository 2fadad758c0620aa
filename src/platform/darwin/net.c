/* Who listens on a port, through libproc. Written from Apple's headers; not
 * yet run on a Mac. */
#include "platform/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libproc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIDS_MAX = 8192, FDS_MAX = 4096 };

static bool
descriptor_listens(pid_t pid, int fd, int port)
{
    struct socket_fdinfo info;
    if (proc_pidfdinfo(pid, fd, PROC_PIDFDSOCKETINFO, &info, sizeof info) !=
            (int)sizeof info ||
        info.psi.soi_kind != SOCKINFO_TCP)
        return false;
    const struct tcp_sockinfo *tcp = &info.psi.soi_proto.pri_tcp;
    return tcp->tcpsi_state == TSI_S_LISTEN &&
           ntohs((uint16_t)tcp->tcpsi_ini.insi_lport) == port;
}

static bool
process_listens(pid_t pid, int port, struct proc_fdinfo *fds)
{
    int n_bytes =
        proc_pidinfo(pid, PROC_PIDLISTFDS, 0, fds, FDS_MAX * (int)sizeof *fds);
    for (int i = 0; i < n_bytes / (int)sizeof *fds; i++) {
        if (fds[i].proc_fdtype == PROX_FDTYPE_SOCKET &&
            descriptor_listens(pid, fds[i].proc_fd, port))
            return true;
    }
    return false;
}

enum listener_owner_kind
net_listener_owner(int port, int64_t group, struct listener_owner *ret_owner)
{
    *ret_owner = (struct listener_owner){ 0 };
    pid_t *pids = calloc(PIDS_MAX, sizeof *pids);
    struct proc_fdinfo *fds = calloc(FDS_MAX, sizeof *fds);
    enum listener_owner_kind kind = LISTENER_NONE;
    if (pids == NULL || fds == NULL) {
        kind = LISTENER_UNKNOWN;
        goto done;
    }
    int n =
        proc_listpids(PROC_ALL_PIDS, 0, pids, PIDS_MAX * (int)sizeof *pids) /
        (int)sizeof *pids;
    for (int i = 0; i < n; i++) {
        if (pids[i] <= 0 || !process_listens(pids[i], port, fds))
            continue;
        ret_owner->pid = pids[i];
        if (group != 0 && getpgid(pids[i]) == group) {
            kind = LISTENER_OURS;
            goto done;
        }
        kind = LISTENER_FOREIGN;
    }
    if (kind == LISTENER_FOREIGN)
        process_command(ret_owner->pid, ret_owner->command);

done:
    free(pids);
    free(fds);
    return kind;
}

int64_t
net_peer_uid(int fd)
{
    uid_t uid;
    gid_t gid;
    return getpeereid(fd, &uid, &gid) == 0 ? (int64_t)uid : -1;
}

int
net_pipe(int ret_fds[2])
{
    if (pipe(ret_fds) != 0)
        return -1;
    for (int i = 0; i < 2; i++) {
        if (fcntl(ret_fds[i], F_SETFD, FD_CLOEXEC) != 0) {
            int saved = errno;
            close(ret_fds[0]);
            close(ret_fds[1]);
            errno = saved;
            return -1;
        }
    }
    return 0;
}

void
net_grow_pipe(int fd, int n_bytes)
{
    /* Pipes grow by themselves here, up to 64 KiB. */
    (void)fd;
    (void)n_bytes;
}

void
net_limit_unsent(int fd, int64_t limit_ms)
{
    int seconds = (int)((limit_ms + 999) / 1000);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_RXT_CONNDROPTIME, &seconds,
                     sizeof seconds);
}
