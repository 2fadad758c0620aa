/* Who listens on a port: the kernel names the inode of each listening socket,
 * and the descriptors of a process name it again (proc(5),
 * "socket:[inode]").
 *
 * Listeners are asked for over netlink (sock_diag(7)), which walks only
 * those; the tables in /proc/net list every connection as well, thousands on
 * a busy machine, and are read only where netlink is not to be had. */
#include "platform/net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INODES_MAX = 16, TCP_LISTEN_STATE = 0x0A };

struct inodes {
    uint64_t at[INODES_MAX];
    int n;
};

/* ---- netlink ---- */

static int
send_question(int fd, int family, int port)
{
    struct {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
    } question = {
        .head = { .nlmsg_len = sizeof question,
                  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
        .body = { .sdiag_family = (uint8_t)family,
                  .sdiag_protocol = IPPROTO_TCP,
                  .idiag_states = 1U << TCP_LISTEN_STATE,
                  .id = { .idiag_sport = htons((uint16_t)port) } },
    };
    return send(fd, &question, sizeof question, 0) == (ssize_t)sizeof question
               ? 0
               : -1;
}

/* One datagram of answers: 1 when more come, 0 at the end, -1 when netlink
 * refuses. */
static int
take_answers(const char *bytes, size_t n, int port, struct inodes *found)
{
    struct nlmsghdr head;
    while (n >= sizeof head) {
        struct inet_diag_msg body;
        memcpy(&head, bytes, sizeof head);
        if (head.nlmsg_len < sizeof head || head.nlmsg_len > n)
            return -1;
        if (head.nlmsg_type == NLMSG_DONE)
            return 0;
        if (head.nlmsg_type == NLMSG_ERROR ||
            head.nlmsg_len < NLMSG_LENGTH(sizeof body))
            return -1;
        memcpy(&body, bytes + NLMSG_HDRLEN, sizeof body);
        if (ntohs(body.id.idiag_sport) == port && body.idiag_inode != 0 &&
            found->n < INODES_MAX)
            found->at[found->n++] = body.idiag_inode;
        size_t taken = NLMSG_ALIGN(head.nlmsg_len);
        if (taken > n)
            return -1;
        bytes += taken;
        n -= taken;
    }
    return 1;
}

static int
ask_netlink(int family, int port, struct inodes *found)
{
    char answer[16384];
    struct timeval patience = { .tv_sec = 2 };
    int more = -1;
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (send_question(fd, family, port) == 0) {
        do {
            ssize_t n = recv(fd, answer, sizeof answer, 0);
            if (n < 0 && errno == EINTR)
                continue;
            more = n <= 0 ? -1 : take_answers(answer, (size_t)n, port, found);
        } while (more > 0);
    }
    close(fd);
    return more;
}

/* ---- the tables ---- */

/* A line: "sl local_address rem_address st tx:rx tr:tm retr uid timeout
 * inode ...", addresses as HEX:PORT. */
static void
take_line(const char *line, int port, struct inodes *found)
{
    unsigned local_port = 0;
    unsigned state = 0;
    unsigned long long inode = 0;
    if (sscanf(line,
               " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x "
               "%*x %*u %*d %llu",
               &local_port, &state, &inode) != 3)
        return;
    if ((int)local_port == port && state == TCP_LISTEN_STATE && inode != 0 &&
        found->n < INODES_MAX)
        found->at[found->n++] = inode;
}

static int
read_table(const char *path, int port, struct inodes *found)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    char line[512];
    while (fgets(line, sizeof line, file) != NULL)
        take_line(line, port, found);
    fclose(file);
    return 0;
}

/* Both families; 0, or -1 when the system does not say. */
static int
find_listeners(int port, struct inodes *found)
{
    if (ask_netlink(AF_INET, port, found) == 0 &&
        ask_netlink(AF_INET6, port, found) == 0)
        return 0;
    found->n = 0;
    int n_tables = read_table("/proc/net/tcp", port, found) == 0;
    n_tables += read_table("/proc/net/tcp6", port, found) == 0;
    return n_tables == 0 ? -1 : 0;
}

/* ---- processes ---- */

/* True when one of the sockets is open in that process. */
static bool
process_holds(int64_t pid, const struct inodes *wanted)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/fd", (long long)pid);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    bool is_found = false;
    const struct dirent *entry;
    while (!is_found && (entry = readdir(folder)) != NULL) {
        char target[64];
        ssize_t n =
            readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1);
        struct str text = { target, n < 0 ? 0 : (size_t)n };
        if (!str_starts_with(text, STR("socket:[")) || text.n < 10)
            continue;
        uint64_t inode = 0;
        struct str number = { text.p + 8, text.n - 9 };
        if (str_to_u64(number, &inode) != 0)
            continue;
        for (int i = 0; i < wanted->n; i++)
            is_found = is_found || wanted->at[i] == inode;
    }
    closedir(folder);
    return is_found;
}

static int64_t
group_of(int64_t pid)
{
    return getpgid((pid_t)pid);
}

/* All processes, or only those of one group. */
static int64_t
find_holder(const struct inodes *wanted, int64_t only_group)
{
    DIR *folder = opendir("/proc");
    if (folder == NULL)
        return 0;
    int64_t holder = 0;
    const struct dirent *entry;
    while (holder == 0 && (entry = readdir(folder)) != NULL) {
        int64_t pid = 0;
        if (str_to_i64(str_from(entry->d_name), &pid) != 0 ||
            (only_group != 0 && group_of(pid) != only_group))
            continue;
        if (process_holds(pid, wanted))
            holder = pid;
    }
    closedir(folder);
    return holder;
}

enum listener_owner_kind
net_listener_owner(int port, int64_t group, struct listener_owner *ret_owner)
{
    struct inodes wanted = { .n = 0 };
    *ret_owner = (struct listener_owner){ 0 };
    if (find_listeners(port, &wanted) != 0)
        return LISTENER_UNKNOWN;
    if (wanted.n == 0)
        return LISTENER_NONE;
    /* The leader first: that is nearly always it. */
    if (group != 0) {
        int64_t holder =
            process_holds(group, &wanted) ? group : find_holder(&wanted, group);
        if (holder != 0) {
            ret_owner->pid = holder;
            return LISTENER_OURS;
        }
    }
    ret_owner->pid = find_holder(&wanted, 0);
    if (ret_owner->pid != 0)
        process_command(ret_owner->pid, ret_owner->command);
    return LISTENER_FOREIGN;
}

int64_t
net_peer_uid(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) != 0)
        return -1;
    return peer.uid;
}

int
net_pipe(int ret_fds[2])
{
    return pipe2(ret_fds, O_CLOEXEC);
}

void
net_grow_pipe(int fd, int n_bytes)
{
    /* Refused when the user has used up the share: then it stays small. */
    (void)fcntl(fd, F_SETPIPE_SZ, n_bytes);
}

void
net_limit_unsent(int fd, int64_t limit_ms)
{
    unsigned ms = (unsigned)limit_ms;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
}
