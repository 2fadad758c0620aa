/* The keeper's life: one poll loop over the socket, the engine's output and
 * two signals; see keeper.h. A second thread only writes the log file. */
#include "keeper/keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "keeper/clients.h"
#include "keeper/log_file.h"
#include "platform/file.h"
#include "platform/net.h"
#include "platform/process.h"
#include "platform/system.h"

enum { START_MAX_MS = 10000, FLUSH_MAX_MS = 2000, TRIM_AFTER_MS = 2000 };

struct keeper {
    struct log_ring ring;
    struct log_file file;
    struct engine engine;
    struct clients clients;
    int signal_fd;
    bool is_asked_to_end; /* by SIGTERM */
    int64_t orphan_timeout_ms;
    int64_t trim_at_ms;   /* monotonic; -1: done */
    int64_t orphan_at_ms; /* monotonic; -1: somebody is attached */
    char exit_path[LIMIT_PATH_BYTES];
};

/* ---- the first message ---- */

/* Waits for input until the deadline: 0 or -1. */
static int
wait_input(int fd, int64_t deadline_ms)
{
    for (;;) {
        struct pollfd item = { .fd = fd, .events = POLLIN };
        int64_t left_ms = deadline_ms - system_monotonic_ms();
        if (left_ms <= 0)
            return -1;
        int n = poll(&item, 1, (int)left_ms);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -1;
    }
}

static int
receive(int fd, char *to, size_t n, int64_t deadline_ms)
{
    while (n > 0) {
        if (wait_input(fd, deadline_ms) != 0)
            return -1;
        ssize_t got = recv(fd, to, n, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return -1;
        if (got > 0) {
            to += got;
            n -= (size_t)got;
        }
    }
    return 0;
}

/* The body of START on the heap, or NULL. Nothing is read past it: what
 * follows belongs to the loop. */
static char *
receive_start(int fd, size_t *ret_n)
{
    int64_t deadline_ms = system_monotonic_ms() + START_MAX_MS;
    char head[KEEPER_HEADER_BYTES];
    struct keeper_header header;
    struct str none;
    if (receive(fd, head, sizeof head, deadline_ms) != 0 ||
        keeper_frame_next((struct str){ head, sizeof head }, KEEPER_SPEC_BYTES,
                          &header, &none) < 0 ||
        header.type != KEEPER_START)
        return NULL;
    char *body = malloc((size_t)header.n + 1);
    if (body == NULL || receive(fd, body, header.n, deadline_ms) != 0) {
        free(body);
        return NULL;
    }
    *ret_n = header.n;
    return body;
}

/* Starts what the first client asks for; 0, or -1: nothing to keep. */
static int
begin(struct keeper *keeper)
{
    struct error error;
    if (wait_input(KEEPER_LISTENER_FD, system_monotonic_ms() + START_MAX_MS) !=
        0)
        return -1;
    int fd = net_accept(KEEPER_LISTENER_FD);
    struct client *client = fd < 0 ? NULL : clients_add(&keeper->clients, fd);
    if (client == NULL)
        return -1;
    size_t n = 0;
    char *body = receive_start(fd, &n);
    struct keeper_spec *spec = calloc(1, sizeof *spec);
    int failed = -1;
    if (body == NULL || spec == NULL ||
        keeper_spec_read(body, n, spec, &error) != 0)
        goto done;
    keeper->orphan_timeout_ms = spec->orphan_timeout_ms;
    snprintf(keeper->exit_path, sizeof keeper->exit_path, "%s",
             spec->exit_path);
    /* Before the thread for the file: a fork is simplest with one. */
    engine_start(&keeper->engine, spec);
    if (log_file_start(&keeper->file, &keeper->ring, spec->log_path,
                       (uint64_t)spec->log_file_bytes,
                       (int)spec->n_log_files) != 0)
        log_ring_close(&keeper->ring); /* without a file, but running */
    client->is_attached = true;
    client->owes_status = true;
    failed = 0;

done:
    free(spec);
    free(body);
    return failed;
}

/* ---- the loop ---- */

static int64_t
sooner(int64_t a, int64_t b)
{
    if (a < 0)
        return b;
    return b < 0 || a < b ? a : b;
}

static void
watch_orphan(struct keeper *keeper, int64_t now_ms)
{
    if (clients_attached(&keeper->clients) > 0) {
        keeper->orphan_at_ms = -1;
        return;
    }
    if (keeper->orphan_at_ms < 0)
        keeper->orphan_at_ms = now_ms + keeper->orphan_timeout_ms;
    if (now_ms < keeper->orphan_at_ms || keeper->engine.is_stopping ||
        !engine_is_running(&keeper->engine))
        return;
    keeper->engine.status.is_orphan_stop = 1;
    engine_stop(&keeper->engine, false, now_ms);
}

static bool
is_done(const struct keeper *keeper, int64_t now_ms)
{
    if (engine_is_running(&keeper->engine))
        return false;
    return keeper->clients.is_released ||
           (keeper->orphan_at_ms >= 0 &&
            (keeper->is_asked_to_end || now_ms >= keeper->orphan_at_ms));
}

static void
wait_event(struct keeper *keeper, int64_t now_ms)
{
    struct pollfd items[CLIENTS_MAX + 3];
    int n = 0;
    items[n++] = (struct pollfd){ .fd = keeper->signal_fd, .events = POLLIN };
    items[n++] = (struct pollfd){ .fd = KEEPER_LISTENER_FD, .events = POLLIN };
    if (keeper->engine.output_fd >= 0)
        items[n++] =
            (struct pollfd){ .fd = keeper->engine.output_fd, .events = POLLIN };
    n += clients_poll(&keeper->clients, items + n);
    int64_t due_ms = sooner(engine_due_ms(&keeper->engine, now_ms),
                            clients_due_ms(&keeper->clients, now_ms));
    if (keeper->orphan_at_ms >= 0 && !keeper->engine.is_stopping)
        due_ms = sooner(due_ms, keeper->orphan_at_ms > now_ms
                                    ? keeper->orphan_at_ms - now_ms
                                    : 0);
    if (keeper->trim_at_ms >= 0)
        due_ms = sooner(due_ms, TRIM_AFTER_MS);
    if (due_ms > 3600 * 1000)
        due_ms = 3600 * 1000;
    poll(items, (nfds_t)n, (int)due_ms);
}

static void
take_signals(struct keeper *keeper, int64_t now_ms)
{
    int signum;
    while ((signum = process_signal_next(keeper->signal_fd)) != 0) {
        /* The machine goes down, or somebody ends us by hand. */
        if (signum == SIGTERM) {
            keeper->is_asked_to_end = true;
            engine_stop(&keeper->engine, false, now_ms);
        }
    }
}

static void
run(struct keeper *keeper)
{
    int64_t now_ms = system_monotonic_ms();
    while (!is_done(keeper, now_ms)) {
        wait_event(keeper, now_ms);
        now_ms = system_monotonic_ms();
        take_signals(keeper, now_ms);
        int fd = net_accept(KEEPER_LISTENER_FD);
        if (fd >= 0)
            (void)clients_add(&keeper->clients, fd);
        int64_t phase = keeper->engine.status.phase;
        engine_read_output(&keeper->engine);
        engine_turn(&keeper->engine, now_ms);
        if (keeper->engine.status.phase != phase) {
            log_ring_close(&keeper->ring);
            clients_tell(&keeper->clients);
        }
        clients_turn(&keeper->clients, now_ms);
        watch_orphan(keeper, now_ms);
        if (keeper->trim_at_ms >= 0 && now_ms >= keeper->trim_at_ms) {
            keeper->trim_at_ms = -1;
            process_trim_memory();
        }
    }
}

/* ---- the end ---- */

static void
remove_socket(void)
{
    struct sockaddr_un address = { 0 };
    socklen_t n = sizeof address;
    if (getsockname(KEEPER_LISTENER_FD, (struct sockaddr *)&address, &n) == 0 &&
        address.sun_path[0] == '/')
        unlink(address.sun_path);
}

/* For a hearth that comes after we are gone. */
static void
leave_status(const struct keeper *keeper)
{
    struct strbuf frame = STRBUF_INIT(KEEPER_ANSWER_BYTES);
    struct error error;
    keeper_status_write(&frame, &keeper->engine.status);
    if (!strbuf_failed(&frame))
        (void)file_write_atomic(keeper->exit_path, strbuf_view(&frame), 0600,
                                &error);
    strbuf_release(&frame);
}

int
keeper_main(int argc, char **argv)
{
    static const int signums[] = { SIGCHLD, SIGTERM };
    (void)argc;
    (void)argv;
    process_close_fds(KEEPER_LISTENER_FD + 1);
    net_set_cloexec(KEEPER_LISTENER_FD); /* not the engine's */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    if (net_set_nonblocking(KEEPER_LISTENER_FD) != 0)
        return 1;
    struct keeper *keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL)
        return 1;
    process_adopt_orphans();
    log_ring_init(&keeper->ring);
    engine_init(&keeper->engine, &keeper->ring);
    clients_init(&keeper->clients, &keeper->engine);
    keeper->orphan_at_ms = -1;
    keeper->signal_fd = process_signal_fd(signums, 2);
    if (keeper->signal_fd < 0 || begin(keeper) != 0) {
        remove_socket();
        free(keeper);
        return 1;
    }
    /* Once what only the start needed is over. */
    keeper->trim_at_ms = system_monotonic_ms() + TRIM_AFTER_MS;
    run(keeper);
    log_ring_close(&keeper->ring);
    if (!keeper->clients.is_released)
        leave_status(keeper);
    remove_socket();
    /* On a hung disk the thread still uses the memory: it goes with us. */
    if (!log_file_join(&keeper->file, FLUSH_MAX_MS))
        _exit(0);
    free(keeper);
    return 0;
}
