/* The connections of a keeper: see clients.h. */
#include "keeper/clients.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform/net.h"
#include "platform/system.h"

enum {
    /* A flood is for the file, not for hearth's loop: at most 1 MiB/s. */
    LOG_WINDOW_MS = 100,
    LOG_WINDOW_BYTES = 100 * 1024,
    LOG_PIECE_BYTES = 8 * 1024,
    LOG_HEAD_BYTES = KEEPER_HEADER_BYTES + 8,
};

void
clients_init(struct clients *clients, struct engine *engine)
{
    clients->engine = engine;
    clients->is_released = false;
    for (int i = 0; i < CLIENTS_MAX; i++)
        clients->at[i].fd = -1;
}

static void
drop(struct client *client)
{
    close(client->fd);
    client->fd = -1;
    client->is_attached = false;
}

struct client *
clients_add(struct clients *clients, int fd)
{
    struct client *client = NULL;
    for (int i = 0; i < CLIENTS_MAX && client == NULL; i++) {
        if (clients->at[i].fd < 0)
            client = &clients->at[i];
    }
    if (client == NULL || net_peer_uid(fd) != (int64_t)geteuid()) {
        close(fd);
        return NULL;
    }
    client->fd = fd;
    client->is_attached = false;
    client->is_following = false;
    client->owes_status = false;
    client->follow_at = 0;
    client->window = 0;
    client->window_bytes = 0;
    client->n_in = 0;
    client->n_out = 0;
    client->out_at = 0;
    return client;
}

int
clients_attached(const struct clients *clients)
{
    int n = 0;
    for (int i = 0; i < CLIENTS_MAX; i++)
        n += clients->at[i].fd >= 0 && clients->at[i].is_attached;
    return n;
}

void
clients_tell(struct clients *clients)
{
    for (int i = 0; i < CLIENTS_MAX; i++)
        clients->at[i].owes_status = clients->at[i].is_attached;
}

/* ---- what hearth says ---- */

static void
refuse(struct client *client, const char *why)
{
    struct strbuf frame = STRBUF_INIT(256);
    keeper_refused_write(&frame, why);
    if (!strbuf_failed(&frame) &&
        frame.n <= sizeof client->out - client->n_out) {
        memcpy(client->out + client->n_out, frame.p, frame.n);
        client->n_out += frame.n;
    }
    strbuf_release(&frame);
}

static void
attach(struct client *client, const struct engine *engine, struct str body)
{
    struct str id;
    /* Without an id: a hearth that has lost the row and found the socket. */
    if (keeper_text_read(body, &id) != 0 ||
        (id.n > 0 && !str_is(id, engine->status.instance_id))) {
        refuse(client, "this is another instance's keeper");
        return;
    }
    client->is_attached = true;
    client->owes_status = true;
}

static void
release(struct clients *clients, struct client *client)
{
    if (engine_is_running(clients->engine))
        refuse(client, "the engine is running");
    else
        clients->is_released = true;
}

static void
obey(struct clients *clients, struct client *client, uint8_t type,
     struct str body, int64_t now_ms)
{
    int64_t number = 0;
    if (type == KEEPER_ATTACH) {
        attach(client, clients->engine, body);
        return;
    }
    if (!client->is_attached ||
        (type != KEEPER_RELEASE && keeper_number_read(body, &number) != 0)) {
        refuse(client, "not understood");
        return;
    }
    switch (type) {
    case KEEPER_FOLLOW:
        client->is_following = true;
        client->follow_at = (uint64_t)number;
        break;
    case KEEPER_SIGNAL:
        if (number < 1 || number > 31 ||
            engine_signal(clients->engine, (int)number) != 0)
            refuse(client, "nothing to signal");
        break;
    case KEEPER_STOP: engine_stop(clients->engine, number != 0, now_ms); break;
    case KEEPER_RELEASE: release(clients, client); break;
    default: refuse(client, "not understood"); break;
    }
}

static void
take_input(struct clients *clients, struct client *client, int64_t now_ms)
{
    ssize_t n = recv(client->fd, client->in + client->n_in,
                     sizeof client->in - client->n_in, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        drop(client);
        return;
    }
    client->n_in += (size_t)n;
    size_t used = 0;
    for (;;) {
        struct keeper_header header;
        struct str body;
        struct str rest = { client->in + used, client->n_in - used };
        ptrdiff_t taken =
            keeper_frame_next(rest, KEEPER_CONTROL_BYTES, &header, &body);
        if (taken < 0) {
            drop(client);
            return;
        }
        if (taken == 0)
            break;
        obey(clients, client, header.type, body, now_ms);
        used += (size_t)taken;
    }
    memmove(client->in, client->in + used, client->n_in - used);
    client->n_in -= used;
}

/* ---- what the keeper says ---- */

static void
put_status(struct client *client, const struct engine *engine)
{
    struct keeper_status status = engine->status;
    struct strbuf frame = STRBUF_INIT(KEEPER_ANSWER_BYTES);
    log_ring_extent(engine->ring, &status.log_begin, &status.log_end);
    keeper_status_write(&frame, &status);
    if (!strbuf_failed(&frame) &&
        frame.n <= sizeof client->out - client->n_out) {
        memcpy(client->out + client->n_out, frame.p, frame.n);
        client->n_out += frame.n;
        client->owes_status = false;
    }
    strbuf_release(&frame);
}

/* How much of the log may go in this window; all of it at the end. */
static size_t
share(struct client *client, const struct engine *engine, int64_t now_ms)
{
    if (!engine_is_running(engine))
        return LOG_PIECE_BYTES;
    if (client->window != now_ms / LOG_WINDOW_MS) {
        client->window = now_ms / LOG_WINDOW_MS;
        client->window_bytes = 0;
    }
    size_t left = LOG_WINDOW_BYTES - client->window_bytes;
    return left < LOG_PIECE_BYTES ? left : LOG_PIECE_BYTES;
}

/* False when there was nothing to put. The position in the frame is that of
 * its first byte, so a gap shows. */
static bool
put_log(struct client *client, struct engine *engine, int64_t now_ms)
{
    uint64_t lost = 0;
    size_t max = share(client, engine, now_ms);
    if (!client->is_following || max == 0)
        return false;
    char *at = client->out + client->n_out;
    size_t n = log_ring_copy(engine->ring, &client->follow_at,
                             at + LOG_HEAD_BYTES, max, &lost);
    if (n == 0)
        return false;
    uint64_t position = client->follow_at - n;
    keeper_header_write(at, KEEPER_LOG, (uint32_t)(8 + n));
    for (int i = 0; i < 8; i++)
        at[KEEPER_HEADER_BYTES + i] =
            (char)(unsigned char)(position >> (8 * i));
    client->n_out += LOG_HEAD_BYTES + n;
    client->window_bytes += n;
    return true;
}

static bool
has_log_left(const struct client *client, struct engine *engine)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    log_ring_extent(engine->ring, &begin, &end);
    return client->is_following && client->follow_at < end;
}

static void
fill_output(struct client *client, struct engine *engine, int64_t now_ms)
{
    bool is_over = !engine_is_running(engine);
    if (client->owes_status && !is_over)
        put_status(client, engine);
    bool has_put = put_log(client, engine, now_ms);
    if (client->owes_status && is_over && !has_put &&
        !has_log_left(client, engine))
        put_status(client, engine);
}

static void
give_output(struct client *client, struct engine *engine, int64_t now_ms)
{
    for (int i = 0; i < 16 && client->fd >= 0; i++) {
        if (client->n_out == 0)
            fill_output(client, engine, now_ms);
        if (client->n_out == 0)
            return;
        ssize_t n =
            send(client->fd, client->out + client->out_at,
                 client->n_out - client->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0) {
            drop(client);
            return;
        }
        client->out_at += (size_t)n;
        if (client->out_at == client->n_out)
            client->out_at = client->n_out = 0;
    }
}

void
clients_turn(struct clients *clients, int64_t now_ms)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &clients->at[i];
        if (client->fd >= 0)
            take_input(clients, client, now_ms);
        if (client->fd >= 0)
            give_output(client, clients->engine, now_ms);
    }
}

int
clients_poll(const struct clients *clients, struct pollfd *ret_items)
{
    int n = 0;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        const struct client *client = &clients->at[i];
        if (client->fd < 0)
            continue;
        short events = POLLIN;
        if (client->n_out != 0)
            events |= POLLOUT;
        ret_items[n++] = (struct pollfd){ .fd = client->fd, .events = events };
    }
    return n;
}

int64_t
clients_due_ms(const struct clients *clients, int64_t now_ms)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        const struct client *client = &clients->at[i];
        if (client->fd < 0 || client->n_out != 0)
            continue;
        if (client->owes_status && !has_log_left(client, clients->engine))
            return 0;
        if (has_log_left(client, clients->engine))
            return engine_is_running(clients->engine) &&
                           client->window_bytes >= LOG_WINDOW_BYTES
                       ? LOG_WINDOW_MS - now_ms % LOG_WINDOW_MS
                       : 0;
    }
    return -1;
}
