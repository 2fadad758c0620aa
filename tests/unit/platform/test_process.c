/* Spawning, identity, groups, listeners, capture: with real processes. */
#include "platform/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "platform/net.h"
#include "platform/system.h"

#define ARG(text) ((char[]){ text })

static int64_t
spawn(char **argv, bool is_group_leader)
{
    struct spawn_options options = { .path = argv[0],
                                     .argv = argv,
                                     .fds = { -1, 1, 2 },
                                     .n_fds = 3,
                                     .is_group_leader = is_group_leader };
    int64_t pid = 0;
    assert_int_equal(process_spawn(&options, &pid), 0);
    return pid;
}

static void
end(int64_t pid)
{
    kill((pid_t)pid, SIGKILL);
    assert_int_equal(waitpid((pid_t)pid, NULL, 0), pid);
}

static void
test_spawn_reports_why_not(void **state)
{
    (void)state;
    char *argv[] = { ARG("/nowhere/at/all"), NULL };
    struct spawn_options options = { .path = argv[0], .argv = argv };
    int64_t pid = 0;
    assert_int_equal(process_spawn(&options, &pid), ENOENT);
    options.dies_with_parent = true;
    assert_int_equal(process_spawn(&options, &pid), ENOENT);
    options.path = "/etc/passwd";
    assert_int_equal(process_spawn(&options, &pid), EACCES);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Sources that are each other's targets must not overwrite each other. */
static void
check_descriptors(bool dies_with_parent)
{
    int a[2];
    int b[2];
    assert_int_equal(net_pipe(a), 0);
    assert_int_equal(net_pipe(b), 0);
    char *argv[] = { ARG("/bin/sh"), ARG("-c"),
                     ARG("echo one >&3; echo two >&4; ls /proc/self/fd | wc "
                         "-l >&4"),
                     NULL };
    int at3 = fcntl(a[1], F_DUPFD_CLOEXEC, 3);
    struct spawn_options options = {
        .path = argv[0],
        .argv = argv,
        .fds = { -1, -1, 2, a[1], b[1] },
        .n_fds = 5,
        .dies_with_parent = dies_with_parent,
    };
    int64_t pid = 0;
    assert_int_equal(process_spawn(&options, &pid), 0);
    close(a[1]);
    close(b[1]);
    close(at3);
    char text[64] = "";
    assert_int_equal(read(a[0], text, sizeof text), 4);
    assert_memory_equal(text, "one\n", 4);
    assert_int_equal(waitpid((pid_t)pid, NULL, 0), pid);
    /* 0 1 2 3 4 and the folder that ls reads: nothing else came through. */
    memset(text, 0, sizeof text);
    assert_int_equal(read(b[0], text, sizeof text), 6);
    assert_string_equal(text, "two\n6\n");
    close(a[0]);
    close(b[0]);
}

static void
test_spawn_passes_just_what_is_asked(void **state)
{
    (void)state;
    check_descriptors(false);
    check_descriptors(true);
}

static void
test_identity_tells_processes_apart(void **state)
{
    (void)state;
    char boot[BOOT_ID_BYTES];
    uint64_t ticks = 0;
    assert_int_equal(process_boot_id(boot), 0);
    assert_int_equal(strlen(boot), 36);
    char *argv[] = { ARG("/bin/sleep"), ARG("60"), NULL };
    int64_t pid = spawn(argv, true);
    assert_int_equal(process_start_ticks(pid, &ticks), 0);
    assert_true(process_is_alive(pid, ticks, boot));
    assert_false(process_is_alive(pid, ticks + 1, boot));
    assert_false(process_is_alive(pid, ticks, "another boot"));
    /* The number is right, the process is not: nothing is signalled. */
    assert_int_equal(process_signal_group(pid, ticks + 1, boot, SIGKILL), -1);
    assert_int_equal(errno, ESRCH);
    assert_int_equal(waitpid((pid_t)pid, NULL, WNOHANG), 0);
    assert_int_equal(process_signal_group(pid, ticks, boot, SIGKILL), 0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(process_is_alive(pid, ticks, boot)); /* a zombie */
    assert_int_equal(waitpid((pid_t)pid, NULL, 0), pid);
    assert_int_equal(process_start_ticks(pid, &ticks), -1);
}

static void
test_own_group_is_never_signalled(void **state)
{
    (void)state;
    char boot[BOOT_ID_BYTES];
    uint64_t ticks = 0;
    assert_int_equal(process_boot_id(boot), 0);
    assert_int_equal(process_start_ticks(getpgrp(), &ticks), 0);
    assert_int_equal(process_signal_group(getpgrp(), ticks, boot, 0), -1);
    assert_int_equal(process_signal_group(0, 0, boot, 0), -1);
    assert_int_equal(process_signal_group(-1, 0, boot, 0), -1);
}

static void
test_group_is_sampled_whole(void **state)
{
    (void)state;
    char *argv[] = { ARG("/bin/sh"), ARG("-c"),
                     ARG("sleep 60 & sleep 60 & wait"), NULL };
    int64_t pid = spawn(argv, true);
    struct group_stats rows[2] = { { .group = pid }, { .group = 0x7ffffff0 } };
    for (int i = 0; i < 200 && rows[0].n_processes < 3; i++) {
        nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
        assert_int_equal(process_sample_groups(rows, 2), 0);
    }
    assert_int_equal(rows[0].n_processes, 3);
    assert_true(rows[0].rss_bytes > 100000);
    assert_int_equal(rows[0].n_threads, 3);
    assert_int_equal(rows[1].n_processes, 0);
    kill((pid_t)-pid, SIGKILL);
    assert_int_equal(waitpid((pid_t)pid, NULL, 0), pid);
}

static int
listen_somewhere(int *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t n = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void
test_listener_has_an_owner(void **state)
{
    (void)state;
    struct error error;
    struct listener_owner owner;
    int port = net_free_port("127.0.0.1", &error);
    assert_in_range(port, 1, 65535);
    assert_true(net_port_is_free("127.0.0.1", port));
    assert_int_equal(net_listener_owner(port, getpgrp(), &owner),
                     LISTENER_NONE);
    int fd = listen_somewhere(&port);
    assert_false(net_port_is_free("127.0.0.1", port));
    assert_int_equal(net_listener_owner(port, getpgrp(), &owner),
                     LISTENER_OURS);
    char *argv[] = { ARG("/bin/sleep"), ARG("60"), NULL };
    int64_t other = spawn(argv, true);
    assert_int_equal(net_listener_owner(port, other, &owner), LISTENER_FOREIGN);
    assert_int_equal(owner.pid, getpid());
    assert_non_null(strstr(owner.command, "test_process"));
    end(other);
    close(fd);
    assert_true(net_port_is_free("127.0.0.1", port));
    assert_int_equal(net_free_port("not an address", &error), -1);
}

static void
test_capture_collects_and_is_bounded(void **state)
{
    (void)state;
    struct strbuf out = STRBUF_INIT(64);
    struct error error;
    int exit_code = -1;
    char *speak[] = { ARG("/bin/sh"), ARG("-c"),
                      ARG("echo out; echo err >&2; exit 3"), NULL };
    assert_int_equal(
        process_capture(speak[0], speak, 5000, &out, &exit_code, &error), 0);
    assert_string_equal(strbuf_text(&out), "out\nerr\n");
    assert_int_equal(exit_code, 3);
    strbuf_clear(&out);
    char *flood[] = { ARG("/bin/sh"), ARG("-c"), ARG("yes | head -n 100000"),
                      NULL };
    assert_int_equal(
        process_capture(flood[0], flood, 20000, &out, &exit_code, &error), 0);
    assert_int_equal(out.n, 64);
    strbuf_clear(&out);
    /* The pipe is held by a child as well: both must go. */
    char *hang[] = { ARG("/bin/sh"), ARG("-c"), ARG("sleep 60 & sleep 60"),
                     NULL };
    int64_t begun_ms = system_monotonic_ms();
    assert_int_equal(
        process_capture(hang[0], hang, 150, &out, &exit_code, &error), -1);
    assert_int_equal(error.code, ERR_TIMEOUT);
    assert_true(system_monotonic_ms() - begun_ms < 5000);
    char *missing[] = { ARG("/nowhere/engine"), NULL };
    assert_int_equal(
        process_capture(missing[0], missing, 1000, &out, &exit_code, &error),
        -1);
    strbuf_release(&out);
}

static void
test_programs_are_found_on_path_only(void **state)
{
    (void)state;
    char path[256];
    assert_int_equal(process_find_program("sh", path, sizeof path), 0);
    assert_int_equal(path[0], '/');
    assert_int_equal(process_find_program("/bin/sh", path, sizeof path), 0);
    assert_string_equal(path, "/bin/sh");
    assert_int_equal(process_find_program("no-such-engine", path, sizeof path),
                     -1);
    assert_int_equal(process_find_program("/etc/passwd", path, sizeof path),
                     -1);
    assert_int_equal(process_find_program("", path, sizeof path), -1);
    setenv("PATH", ".::relative", 1);
    assert_int_equal(process_find_program("sh", path, sizeof path), -1);
    setenv("PATH", "/usr/bin:/bin", 1);
}

static void
test_command_is_one_line(void **state)
{
    (void)state;
    char command[COMMAND_BYTES];
    char *argv[] = { ARG("/bin/sleep"), ARG("61"), NULL };
    int64_t pid = spawn(argv, true);
    for (int i = 0; i < 100; i++) {
        process_command(pid, command);
        if (strcmp(command, "/bin/sleep 61") == 0)
            break;
        nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
    }
    assert_string_equal(command, "/bin/sleep 61");
    end(pid);
    process_command(pid, command);
    assert_string_equal(command, "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spawn_reports_why_not),
        cmocka_unit_test(test_spawn_passes_just_what_is_asked),
        cmocka_unit_test(test_identity_tells_processes_apart),
        cmocka_unit_test(test_own_group_is_never_signalled),
        cmocka_unit_test(test_group_is_sampled_whole),
        cmocka_unit_test(test_listener_has_an_owner),
        cmocka_unit_test(test_capture_collects_and_is_bounded),
        cmocka_unit_test(test_programs_are_found_on_path_only),
        cmocka_unit_test(test_command_is_one_line),
    };
    process_close_fds(3); /* what the runner left open */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
