/* The connection to one keeper: see keeper_link.h. */
#include "core/instances/keeper_link.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/net.h"
#include "platform/process.h"

enum {
    LINK_IN_BYTES = 128 * 1024, /* a read and the rest of a frame before it */
    REAP_MAX = 600,
    REAP_PAUSE_MAX_MS = 100,
};

static struct keeper_link *
link_of(struct stream *stream)
{
    return LIST_ENTRY(stream, struct keeper_link, stream);
}

/* ---- the end ---- */

static void
free_link(struct keeper_link *link)
{
    timer_stop(&link->reap_timer);
    list_remove(&link->node);
    strbuf_release(&link->in);
    strbuf_release(&link->first);
    free(link);
}

/* The socket closes a moment before the process can be reaped. */
static void
on_reap(struct timer *timer)
{
    struct keeper_link *link =
        LIST_ENTRY(timer, struct keeper_link, reap_timer);
    if (process_reap(link->child_pid) == 1 || ++link->n_reaps > REAP_MAX) {
        free_link(link);
        return;
    }
    link->reap_pause_ms *= 2;
    if (link->reap_pause_ms > REAP_PAUSE_MAX_MS)
        link->reap_pause_ms = REAP_PAUSE_MAX_MS;
    if (timer_start(link->loop, timer, link->reap_pause_ms) != 0)
        free_link(link);
}

static void
on_close(struct stream *stream)
{
    struct keeper_link *link = link_of(stream);
    link->is_closed = true;
    link->reap_pause_ms = 1;
    if (link->child_pid == 0 || process_reap(link->child_pid) == 1 ||
        timer_start(link->loop, &link->reap_timer, 1) != 0)
        free_link(link);
}

static void
lose(struct keeper_link *link, const char *why)
{
    void *ctx = link->ctx;
    link->ctx = NULL;
    stream_close(&link->stream);
    if (ctx != NULL)
        link->ops->on_lost(ctx, link->is_connected, why);
}

void
keeper_link_detach(struct keeper_link *link)
{
    link->ctx = NULL;
}

void
keeper_link_close(struct keeper_link *link)
{
    link->ctx = NULL;
    /* A keeper that goes on must not be waited for. */
    link->child_pid = 0;
    stream_close(&link->stream);
}

/* ---- receiving ---- */

static int
take(struct keeper_link *link, uint8_t type, struct str body)
{
    struct keeper_status status;
    struct str bytes;
    uint64_t position = 0;
    if (link->ctx == NULL)
        return 0;
    if (type == KEEPER_STATUS) {
        if (keeper_status_read(body, &status, NULL) != 0)
            return -1;
        link->ops->on_status(link->ctx, &status);
    } else if (type == KEEPER_LOG) {
        if (keeper_log_read(body, &position, &bytes) != 0)
            return -1;
        link->ops->on_log(link->ctx, position, bytes);
    } else if (type == KEEPER_REFUSED && !link->is_connected) {
        return -1;
    }
    return 0;
}

static void
on_read(struct stream *stream, struct str bytes)
{
    struct keeper_link *link = link_of(stream);
    strbuf_add_str(&link->in, bytes);
    if (strbuf_failed(&link->in)) {
        lose(link, "its messages do not fit");
        return;
    }
    size_t used = 0;
    for (;;) {
        struct keeper_header header;
        struct str body;
        struct str rest = { link->in.p + used, link->in.n - used };
        ptrdiff_t n =
            keeper_frame_next(rest, KEEPER_ANSWER_BYTES, &header, &body);
        if (n == 0)
            break;
        if (n < 0 || take(link, header.type, body) != 0) {
            lose(link, "it does not speak our protocol");
            return;
        }
        used += (size_t)n;
    }
    strbuf_drop_front(&link->in, used);
}

static void
on_eof(struct stream *stream)
{
    lose(link_of(stream), "its keeper ended");
}

static void
on_error(struct stream *stream, int status)
{
    (void)status;
    lose(link_of(stream), "the connection to its keeper broke");
}

/* ---- sending ---- */

static int
send_frame(struct keeper_link *link, struct strbuf *frame)
{
    struct str piece = strbuf_view(frame);
    int failed =
        strbuf_failed(frame) ? -1 : stream_write(&link->stream, &piece, 1);
    strbuf_release(frame);
    return failed;
}

static int
send_number(struct keeper_link *link, uint8_t type, int64_t number)
{
    struct strbuf frame = STRBUF_INIT(64);
    keeper_number_write(&frame, type, number);
    return send_frame(link, &frame);
}

static void
on_connect(struct stream *stream, int status)
{
    struct keeper_link *link = link_of(stream);
    if (status != 0) {
        lose(link, "nobody answers on its keeper's socket");
        return;
    }
    link->is_connected = true;
    if (send_frame(link, &link->first) != 0 || stream_read_start(stream) != 0 ||
        (link->is_stop_asked &&
         keeper_link_stop(link, link->is_stop_forced) != 0))
        lose(link, "the connection to its keeper broke");
}

int
keeper_link_stop(struct keeper_link *link, bool is_forced)
{
    if (!link->is_connected) { /* what to start comes first */
        link->is_stop_asked = true;
        link->is_stop_forced = link->is_stop_forced || is_forced;
        return 0;
    }
    return send_number(link, KEEPER_STOP, is_forced ? 1 : 0);
}

void
keeper_link_release(struct keeper_link *link)
{
    keeper_link_detach(link);
    if (send_number(link, KEEPER_RELEASE, 0) != 0)
        stream_close(&link->stream);
}

/* ---- opening ---- */

static const struct stream_ops stream_ops = {
    .on_connect = on_connect,
    .on_read = on_read,
    .on_eof = on_eof,
    .on_error = on_error,
    .on_close = on_close,
};

static struct keeper_link *
connect_link(const struct keeper_link_options *options, struct strbuf *first,
             struct error *error)
{
    const char *socket_path = options->socket_path;
    struct address address = { .is_unix = true };
    if (strlen(socket_path) >= sizeof address.host) {
        error_set(error, ERR_INVALID, "%s: the path is too long", socket_path);
        return NULL;
    }
    memcpy(address.host, socket_path, strlen(socket_path) + 1);
    struct keeper_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    link->loop = options->loop;
    link->ops = options->ops;
    link->ctx = options->ctx;
    strbuf_init(&link->in, LINK_IN_BYTES);
    timer_init(&link->reap_timer, on_reap);
    if (stream_connect(options->loop, &link->stream, &address, &stream_ops,
                       error) != 0) {
        free(link);
        return NULL;
    }
    /* In one piece with the rest, so that a keeper whose engine has ended
     * sends the log before the last status. */
    keeper_number_write(first, KEEPER_FOLLOW, 0);
    link->first = *first;
    *first = STRBUF_INIT(0);
    list_push_back(options->links, &link->node);
    return link;
}

static int
spawn_keeper(const char *hearth_path, const char *label, int listener,
             int64_t *ret_pid, struct error *error)
{
    char name[] = "__keeper";
    char *path = str_dup(str_from(hearth_path));
    char *what = str_dup(str_from(label));
    int failed = -1;
    if (path == NULL || what == NULL) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        goto done;
    }
    char *argv[] = { path, name, what, NULL };
    struct spawn_options options = { .path = path,
                                     .argv = argv,
                                     .fds = { -1, -1, -1, listener },
                                     .n_fds = 4,
                                     .is_session_leader = true };
    int errnum = process_spawn(&options, ret_pid);
    failed = errnum == 0 ? 0 : error_errno(error, errnum, "%s", path);

done:
    free(what);
    free(path);
    return failed;
}

struct keeper_link *
keeper_link_start(const struct keeper_link_options *options,
                  const char *hearth_path, const char *label,
                  const struct keeper_spec *spec, struct error *error)
{
    struct keeper_link *link = NULL;
    struct strbuf first = STRBUF_INIT(KEEPER_SPEC_BYTES + KEEPER_CONTROL_BYTES);
    int64_t pid = 0;
    int listener = net_listen_unix(options->socket_path, error);
    if (listener < 0)
        return NULL;
    keeper_spec_write(&first, spec);
    if (strbuf_failed(&first)) {
        error_set(error, ERR_INVALID,
                  "the command line and environment are too long");
        goto done;
    }
    link = connect_link(options, &first, error);
    if (link == NULL)
        goto done;
    if (spawn_keeper(hearth_path, label, listener, &pid, error) != 0) {
        keeper_link_close(link);
        link = NULL;
        goto done;
    }
    link->child_pid = pid;

done:
    net_close(listener);
    if (link == NULL)
        (void)remove(options->socket_path);
    strbuf_release(&first);
    return link;
}

struct keeper_link *
keeper_link_attach(const struct keeper_link_options *options,
                   const char *instance_id, struct error *error)
{
    struct strbuf first = STRBUF_INIT(KEEPER_CONTROL_BYTES);
    keeper_attach_write(&first, instance_id);
    struct keeper_link *link = connect_link(options, &first, error);
    strbuf_release(&first);
    return link;
}
