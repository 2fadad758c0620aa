/* A real keeper for a test: see harness.h. */
#include "harness.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "keeper/keeper.h"
#include "platform/net.h"
#include "platform/process.h"
#include "platform/system.h"

int
keeper_harness_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "__keeper") == 0)
        exit(keeper_main(argc, argv));
    return 0;
}

const char *
fake_engine_path(void)
{
    const char *path = getenv("HEARTH_FAKE_ENGINE");
    assert_non_null(path);
    return path;
}

static void
spawn_keeper(struct keeper_harness *harness)
{
    char self[512];
    struct error error;
    int listener = net_listen_unix(harness->socket_path, &error);
    assert_true(listener >= 0);
    assert_int_equal(system_self_path(self, sizeof self, &error), 0);
    char *argv[] = { self, (char[]){ "__keeper" }, (char[]){ "test" }, NULL };
    struct spawn_options options = { .path = self,
                                     .argv = argv,
                                     .fds = { -1, 1, 2, listener },
                                     .n_fds = 4,
                                     .is_session_leader = true };
    assert_int_equal(process_spawn(&options, &harness->pid), 0);
    close(listener);
}

void
keeper_harness_connect(struct keeper_harness *harness)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy(address.sun_path, harness->socket_path,
           strlen(harness->socket_path) + 1);
    harness->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        connect(harness->fd, (struct sockaddr *)&address, sizeof address), 0);
    strbuf_clear(&harness->in);
}

void
keeper_harness_disconnect(struct keeper_harness *harness)
{
    if (harness->fd >= 0)
        close(harness->fd);
    harness->fd = -1;
}

void
keeper_harness_send(struct keeper_harness *harness, struct strbuf *frame)
{
    assert_false(strbuf_failed(frame));
    size_t done = 0;
    while (done < frame->n) {
        ssize_t n =
            send(harness->fd, frame->p + done, frame->n - done, MSG_NOSIGNAL);
        assert_true(n > 0);
        done += (size_t)n;
    }
    strbuf_release(frame);
}

void
keeper_harness_number(struct keeper_harness *harness, uint8_t type,
                      int64_t number)
{
    struct strbuf frame = STRBUF_INIT(64);
    keeper_number_write(&frame, type, number);
    keeper_harness_send(harness, &frame);
}

void
keeper_harness_attach(struct keeper_harness *harness)
{
    struct strbuf frame = STRBUF_INIT(256);
    keeper_attach_write(&frame, "ins_test");
    keeper_harness_send(harness, &frame);
}

static void
take(struct keeper_harness *harness, uint8_t type, struct str body)
{
    struct error error;
    struct str bytes;
    uint64_t at = 0;
    if (type == KEEPER_STATUS) {
        assert_int_equal(keeper_status_read(body, &harness->status, &error), 0);
        harness->n_statuses++;
    } else if (type == KEEPER_LOG) {
        assert_int_equal(keeper_log_read(body, &at, &bytes), 0);
        assert_true(at >= harness->log_at);
        harness->n_gap_bytes += at - harness->log_at;
        harness->log_at = at + bytes.n;
        strbuf_add_str(&harness->log, bytes);
    } else {
        assert_int_equal(type, KEEPER_REFUSED);
        assert_int_equal(keeper_text_read(body, &bytes), 0);
        snprintf(harness->refused, sizeof harness->refused, "%.*s",
                 STR_ARG(bytes));
    }
}

static void
take_frames(struct keeper_harness *harness)
{
    struct keeper_header header;
    struct str body;
    ptrdiff_t n;
    while ((n = keeper_frame_next(strbuf_view(&harness->in),
                                  KEEPER_ANSWER_BYTES, &header, &body)) > 0) {
        take(harness, header.type, body);
        strbuf_drop_front(&harness->in, (size_t)n);
    }
    assert_true(n == 0);
}

bool
keeper_harness_wait(struct keeper_harness *harness,
                    bool (*is_enough)(const struct keeper_harness *),
                    int64_t max_ms)
{
    char chunk[16384];
    int64_t deadline_ms = system_monotonic_ms() + max_ms;
    while (!is_enough(harness)) {
        struct pollfd item = { .fd = harness->fd, .events = POLLIN };
        int64_t left_ms = deadline_ms - system_monotonic_ms();
        if (left_ms <= 0 || poll(&item, 1, (int)left_ms) <= 0)
            return false;
        ssize_t n = recv(harness->fd, chunk, sizeof chunk, 0);
        if (n <= 0)
            return is_enough(harness);
        strbuf_add(&harness->in, chunk, (size_t)n);
        take_frames(harness);
    }
    return true;
}

bool
keeper_has_exited(const struct keeper_harness *harness)
{
    return harness->n_statuses > 0 &&
           (harness->status.phase == KEEPER_EXITED ||
            harness->status.phase == KEEPER_EXEC_FAILED);
}

bool
keeper_is_running(const struct keeper_harness *harness)
{
    return harness->n_statuses > 0 && harness->status.phase == KEEPER_RUNNING;
}

bool
keeper_was_refused(const struct keeper_harness *harness)
{
    return harness->refused[0] != '\0';
}

static bool
has_any_status(const struct keeper_harness *harness)
{
    return harness->n_statuses > 0;
}

void
keeper_harness_start(struct keeper_harness *harness,
                     const struct keeper_order *order)
{
    static const struct keeper_stop_step term = { SIGTERM, 1000 };
    *harness = (struct keeper_harness){ .fd = -1 };
    strbuf_init(&harness->in, 1 * MIB);
    strbuf_init(&harness->log, 64 * MIB);
    snprintf(harness->folder, sizeof harness->folder, "/tmp/keeper-XXXXXX");
    assert_non_null(mkdtemp(harness->folder));
    snprintf(harness->socket_path, sizeof harness->socket_path, "%s/s",
             harness->folder);
    snprintf(harness->log_path, sizeof harness->log_path, "%s/log",
             harness->folder);
    snprintf(harness->exit_path, sizeof harness->exit_path, "%s/exit",
             harness->folder);
    spawn_keeper(harness);
    keeper_harness_connect(harness);

    struct keeper_spec *spec = calloc(1, sizeof *spec);
    assert_non_null(spec);
    spec->instance_id = "ins_test";
    spec->program = order->argv[0];
    for (; order->argv[spec->argc] != NULL; spec->argc++)
        spec->argv[spec->argc] = order->argv[spec->argc];
    for (; order->env != NULL && order->env[spec->n_env] != NULL; spec->n_env++)
        spec->env[spec->n_env] = order->env[spec->n_env];
    spec->log_path =
        order->log_path != NULL ? order->log_path : harness->log_path;
    spec->exit_path = harness->exit_path;
    spec->log_file_bytes = order->log_file_bytes != 0
                               ? order->log_file_bytes
                               : (int64_t)LIMIT_LOG_FILE_BYTES;
    spec->n_log_files = LIMIT_LOG_FILES;
    spec->orphan_timeout_ms = order->orphan_timeout_ms;
    const struct keeper_stop_step *stop =
        order->stop != NULL ? order->stop : &term;
    spec->n_stop = order->stop != NULL ? order->n_stop : 1;
    memcpy(spec->stop, stop, spec->n_stop * sizeof *stop);
    struct strbuf frame = STRBUF_INIT(KEEPER_SPEC_BYTES);
    keeper_spec_write(&frame, spec);
    free(spec);
    keeper_harness_send(harness, &frame);
    keeper_harness_number(harness, KEEPER_FOLLOW, 0);
    assert_true(keeper_harness_wait(harness, has_any_status, 5000));
}

int
keeper_harness_reap(struct keeper_harness *harness, int64_t max_ms)
{
    int status = 0;
    for (int64_t i = 0; i < max_ms / 5; i++) {
        if (waitpid((pid_t)harness->pid, &status, WNOHANG) == harness->pid) {
            harness->pid = 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
        }
        poll(NULL, 0, 5);
    }
    return -1;
}

bool
keeper_log_holds(const struct keeper_harness *harness, const char *text)
{
    return str_contains(strbuf_view(&harness->log), str_from(text));
}

/* A keeper that is killed may leave a temporary file. */
static void
remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    assert_non_null(folder);
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL)
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    closedir(folder);
    assert_int_equal(rmdir(path), 0);
}

void
keeper_harness_end(struct keeper_harness *harness)
{
    keeper_harness_disconnect(harness);
    if (harness->pid > 0) {
        kill((pid_t)harness->pid, SIGKILL);
        waitpid((pid_t)harness->pid, NULL, 0);
    }
    strbuf_release(&harness->in);
    strbuf_release(&harness->log);
    remove_folder(harness->folder);
}
