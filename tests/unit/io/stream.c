/* Streams and listeners between two ends in one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "io/address.h"
#include "io/timer.h"

/* One end of a conversation: what happened to it. */
struct end {
    struct stream stream;
    struct loop *loop;
    size_t n_read;
    int connect_status;
    int error_status;
    bool is_connected, has_eof, is_closed, has_drained;
    bool must_echo, must_close_at_eof;
    struct end *other; /* closed with this one */
};

struct pair {
    struct loop loop;
    struct listener listener;
    struct end server, client;
    struct timer guard;
    struct timer step;
    bool is_late;
    bool has_accepted;
    bool is_listener_closed;
};

static void
end_connect(struct stream *stream, int status)
{
    struct end *end = LIST_ENTRY(stream, struct end, stream);
    end->connect_status = status;
    end->is_connected = status == 0;
    if (status == 0)
        stream_read_start(stream);
    else
        stream_close(stream);
}

static void
end_read(struct stream *stream, struct str bytes)
{
    struct end *end = LIST_ENTRY(stream, struct end, stream);
    end->n_read += bytes.n;
    if (end->must_echo)
        assert_int_equal(stream_write(stream, &bytes, 1), 0);
}

static void
end_eof(struct stream *stream)
{
    struct end *end = LIST_ENTRY(stream, struct end, stream);
    end->has_eof = true;
    if (end->must_close_at_eof)
        stream_close(stream);
}

static void
end_error(struct stream *stream, int status)
{
    struct end *end = LIST_ENTRY(stream, struct end, stream);
    end->error_status = status;
    stream_close(stream);
}

static void
end_drain(struct stream *stream)
{
    LIST_ENTRY(stream, struct end, stream)->has_drained = true;
}

static void
end_close(struct stream *stream)
{
    struct end *end = LIST_ENTRY(stream, struct end, stream);
    assert_false(end->is_closed);
    end->is_closed = true;
    if (end->other != NULL)
        stream_close(&end->other->stream);
}

static const struct stream_ops end_ops = { end_connect, end_read,  end_eof,
                                           end_error,   end_drain, end_close };

static void
pair_stop(struct pair *pair)
{
    timer_stop(&pair->guard);
    timer_stop(&pair->step);
    listener_close(&pair->listener);
    stream_close(&pair->server.stream);
    stream_close(&pair->client.stream);
}

static void
on_guard(struct timer *timer)
{
    struct pair *pair = LIST_ENTRY(timer, struct pair, guard);
    pair->is_late = true;
    pair_stop(pair);
}

static void
on_connection(struct listener *listener)
{
    struct pair *pair = LIST_ENTRY(listener, struct pair, listener);
    assert_int_equal(listener_accept(listener, &pair->server.stream, &end_ops),
                     0);
    assert_int_equal(listener_accept(listener, &pair->server.stream, &end_ops),
                     -1);
    pair->has_accepted = true;
    stream_read_start(&pair->server.stream);
}

static void
on_listener_close(struct listener *listener)
{
    LIST_ENTRY(listener, struct pair, listener)->is_listener_closed = true;
}

static const struct listener_ops listener_ops = { on_connection,
                                                  on_listener_close };

static void
pair_open(struct pair *pair, const struct address *at,
          void (*step)(struct timer *timer))
{
    memset(pair, 0, sizeof *pair);
    struct error error = { 0 };
    assert_int_equal(loop_init(&pair->loop, NULL), 0);
    if (listener_open(&pair->loop, &pair->listener, at, &listener_ops,
                      &error) != 0)
        fail_msg("%s", error.message);
    timer_init(&pair->guard, on_guard);
    timer_start(&pair->loop, &pair->guard, 20000);
    timer_init(&pair->step, step);
    timer_start(&pair->loop, &pair->step, 1);
    pair->client.loop = pair->server.loop = &pair->loop;
    assert_int_equal(stream_connect(&pair->loop, &pair->client.stream,
                                    &pair->listener.address, &end_ops, NULL),
                     0);
}

static void
pair_close(struct pair *pair)
{
    loop_run(&pair->loop);
    assert_false(pair->is_late);
    assert_true(pair->client.is_closed);
    assert_true(pair->is_listener_closed);
    loop_close(&pair->loop);
}

static const struct address loopback = { .host = "127.0.0.1" };

enum { ECHO_BYTES = 300 * 1000 };

static void
step_echo(struct timer *timer)
{
    struct pair *pair = LIST_ENTRY(timer, struct pair, step);
    if (pair->client.n_read == ECHO_BYTES) {
        struct address peer;
        assert_int_equal(stream_peer(&pair->server.stream, &peer), 0);
        assert_int_equal(peer.is_unix, pair->listener.address.is_unix);
        assert_int_equal(stream_peer_uid(&pair->server.stream),
                         peer.is_unix ? (int64_t)getuid() : -1);
        pair_stop(pair);
        return;
    }
    timer_start(&pair->loop, timer, 1);
}

static void
echo_over(const struct address *at)
{
    struct pair pair;
    pair_open(&pair, at, step_echo);
    pair.server.must_echo = true;
    char *bytes = calloc(1, ECHO_BYTES);
    struct str pieces[3] = { { bytes, 1 },
                             { bytes, 0 },
                             { bytes, ECHO_BYTES - 1 } };
    /* Before the connection is there: queued. */
    assert_int_equal(stream_write(&pair.client.stream, pieces, 3), 0);
    assert_int_equal(pair.client.stream.n_pending, ECHO_BYTES);
    free(bytes);
    pair_close(&pair);
    assert_true(pair.client.has_drained);
    assert_int_equal(pair.client.stream.n_pending, 0);
    assert_int_equal(pair.server.n_read, ECHO_BYTES);
}

static void
test_echo_over_tcp(void **state)
{
    (void)state;
    echo_over(&loopback);
    struct address v6 = { .host = "::1" };
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_storage any;
    socklen_t n;
    address_to_sockaddr(&v6, &any, &n, NULL);
    bool has_v6 = fd >= 0 && bind(fd, (struct sockaddr *)&any, n) == 0;
    close(fd);
    if (has_v6)
        echo_over(&v6);
}

static void
socket_path(struct address *address, char folder[64])
{
    snprintf(folder, 64, "%s", "/tmp/stream_test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    *address = (struct address){ .is_unix = true };
    snprintf(address->host, sizeof address->host, "%s/s", folder);
}

static void
test_echo_over_a_unix_socket(void **state)
{
    (void)state;
    char folder[64];
    struct address at;
    socket_path(&at, folder);
    echo_over(&at);
    struct stat info;
    assert_int_equal(lstat(at.host, &info), -1); /* removed at the close */
    assert_int_equal(rmdir(folder), 0);
}

static void
test_unix_socket_stale_live_and_mode(void **state)
{
    (void)state;
    char folder[64];
    struct address at;
    socket_path(&at, folder);
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    /* A socket file that nobody answers on. */
    struct sockaddr_storage storage;
    socklen_t n;
    assert_int_equal(address_to_sockaddr(&at, &storage, &n, NULL), 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&storage, n), 0);
    close(fd);
    static const struct listener_ops no_ops = { 0 };
    struct listener first, second;
    struct error error = { 0 };
    mode_t old_mask = umask(0);
    assert_int_equal(listener_open(&loop, &first, &at, &no_ops, &error), 0);
    umask(old_mask);
    struct stat info;
    assert_int_equal(stat(at.host, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    /* Now somebody answers. */
    assert_int_equal(listener_open(&loop, &second, &at, &no_ops, &error), -1);
    assert_int_equal(error.code, ERR_CONFLICT);
    assert_non_null(strstr(error.message, at.host));
    listener_close(&first);
    loop_run(&loop);
    /* A file that is no socket stays. */
    FILE *file = fopen(at.host, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(listener_open(&loop, &second, &at, &no_ops, &error), -1);
    assert_int_equal(unlink(at.host), 0);
    loop_close(&loop);
    assert_int_equal(rmdir(folder), 0);
}

static void
test_bad_addresses_say_what_is_wrong(void **state)
{
    (void)state;
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    static const struct {
        struct address at;
        const char *says;
    } rows[] = {
        { { .host = "localhost", .port = 1 }, "'localhost' is not" },
        { { .host = "", .port = 1 }, "'' is not" },
        { { .host = "127.0.0.1", .port = 65536 }, "65536" },
        { { .host = "127.0.0.1", .port = -1 }, "-1" },
        { { .is_unix = true, .host = "" }, "socket path" },
    };
    static const struct listener_ops no_ops = { 0 };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = { 0 };
        struct stream stream;
        struct listener listener;
        assert_int_equal(
            stream_connect(&loop, &stream, &rows[i].at, &end_ops, &error), -1);
        assert_non_null(strstr(error.message, rows[i].says));
        memset(&error, 0, sizeof error);
        assert_int_equal(
            listener_open(&loop, &listener, &rows[i].at, &no_ops, &error), -1);
        assert_non_null(strstr(error.message, rows[i].says));
    }
    struct address long_path = { .is_unix = true };
    memset(long_path.host, 'x', sizeof long_path.host - 1);
    struct error error = { 0 };
    struct stream stream;
    assert_int_equal(
        stream_connect(&loop, &stream, &long_path, &end_ops, &error), -1);
    assert_non_null(strstr(error.message, "bytes"));
    loop_close(&loop);
}

static void
test_port_in_use_is_named(void **state)
{
    (void)state;
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    static const struct listener_ops no_ops = { 0 };
    struct listener first, second;
    assert_int_equal(listener_open(&loop, &first, &loopback, &no_ops, NULL), 0);
    assert_int_not_equal(first.address.port, 0);
    struct error error = { 0 };
    assert_int_equal(
        listener_open(&loop, &second, &first.address, &no_ops, &error), -1);
    assert_int_equal(error.code, ERR_CONFLICT);
    char text[64];
    snprintf(text, sizeof text, "127.0.0.1:%d", first.address.port);
    assert_non_null(strstr(error.message, text));
    listener_close(&first);
    listener_close(&first);
    loop_run(&loop);
    loop_close(&loop);
}

static void
test_refused_connection_is_told_later(void **state)
{
    (void)state;
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    static const struct listener_ops no_ops = { 0 };
    struct listener gone;
    assert_int_equal(listener_open(&loop, &gone, &loopback, &no_ops, NULL), 0);
    struct address at = gone.address;
    listener_close(&gone);
    loop_run(&loop);
    struct end end = { .loop = &loop };
    assert_int_equal(stream_connect(&loop, &end.stream, &at, &end_ops, NULL),
                     0);
    assert_int_equal(end.connect_status, 0);
    loop_run(&loop);
    assert_int_equal(end.connect_status, UV_ECONNREFUSED);
    assert_true(end.is_closed);

    struct end nowhere = { .loop = &loop };
    struct address path = { .is_unix = true, .host = "/nonexistent/s" };
    assert_int_equal(
        stream_connect(&loop, &nowhere.stream, &path, &end_ops, NULL), 0);
    loop_run(&loop);
    assert_int_equal(nowhere.connect_status, UV_ENOENT);
    assert_true(nowhere.is_closed);

    /* Closed before it could connect: only on_close comes. */
    struct end cut = { .loop = &loop, .connect_status = 77 };
    assert_int_equal(stream_connect(&loop, &cut.stream, &at, &end_ops, NULL),
                     0);
    stream_close(&cut.stream);
    stream_close(&cut.stream);
    loop_run(&loop);
    assert_int_equal(cut.connect_status, 77);
    assert_true(cut.is_closed);
    loop_close(&loop);
}

static void
step_reset(struct timer *timer)
{
    struct pair *pair = LIST_ENTRY(timer, struct pair, step);
    if (pair->has_accepted && !pair->server.stream.is_closing)
        stream_reset(&pair->server.stream);
    if (pair->client.is_closed)
        pair_stop(pair);
    else
        timer_start(&pair->loop, timer, 1);
}

static void
test_reset_is_no_end(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair, &loopback, step_reset);
    pair_close(&pair);
    assert_int_equal(pair.client.error_status, UV_ECONNRESET);
    assert_false(pair.client.has_eof);
}

static void
step_half_close(struct timer *timer)
{
    struct pair *pair = LIST_ENTRY(timer, struct pair, step);
    timer_start(&pair->loop, timer, 1);
    if (!pair->server.has_eof)
        return;
    struct str bye = STR("bye");
    if (pair->client.n_read == 0 && pair->server.n_read == 2)
        assert_int_equal(stream_write(&pair->server.stream, &bye, 1), 0);
    pair->server.n_read = 0;
    if (pair->client.n_read == 3)
        pair_stop(pair);
}

static void
test_shutdown_leaves_the_other_direction(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair, &loopback, step_half_close);
    struct str hi = STR("hi");
    assert_int_equal(stream_write(&pair.client.stream, &hi, 1), 0);
    assert_int_equal(stream_shutdown(&pair.client.stream), 0);
    pair_close(&pair);
    assert_int_equal(pair.client.n_read, 3);
}

static void
step_gone(struct timer *timer)
{
    struct pair *pair = LIST_ENTRY(timer, struct pair, step);
    timer_start(&pair->loop, timer, 1);
    if (!pair->has_accepted)
        return;
    struct stream *server = &pair->server.stream;
    if (server->is_reading) {
        stream_read_stop(server);
        assert_false(stream_is_peer_gone(server));
        struct str unread = STR("never read");
        stream_write(&pair->client.stream, &unread, 1);
        stream_close(&pair->client.stream);
    } else if (stream_is_peer_gone(server)) {
        assert_int_equal(pair->server.n_read, 0);
        pair_stop(pair);
    }
}

static void
test_peer_that_left_is_seen_behind_unread_bytes(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair, &loopback, step_gone);
    pair_close(&pair);
}

static void
test_loopback_addresses(void **state)
{
    (void)state;
    static const struct {
        struct address address;
        bool is_loopback;
    } rows[] = {
        { { .host = "127.0.0.1" }, true },
        { { .host = "127.255.3.4" }, true },
        { { .host = "::1" }, true },
        { { .host = "::ffff:127.9.9.9" }, true },
        { { .is_unix = true }, true },
        { { .host = "128.0.0.1" }, false },
        { { .host = "0.0.0.0" }, false },
        { { .host = "::" }, false },
        { { .host = "::2" }, false },
        { { .host = "::ffff:10.0.0.1" }, false },
        { { .host = "" }, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (address_is_loopback(&rows[i].address) != rows[i].is_loopback)
            fail_msg("%s", rows[i].address.host);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo_over_tcp),
        cmocka_unit_test(test_echo_over_a_unix_socket),
        cmocka_unit_test(test_unix_socket_stale_live_and_mode),
        cmocka_unit_test(test_bad_addresses_say_what_is_wrong),
        cmocka_unit_test(test_port_in_use_is_named),
        cmocka_unit_test(test_refused_connection_is_told_later),
        cmocka_unit_test(test_reset_is_no_end),
        cmocka_unit_test(test_shutdown_leaves_the_other_direction),
        cmocka_unit_test(test_peer_that_left_is_seen_behind_unread_bytes),
        cmocka_unit_test(test_loopback_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
