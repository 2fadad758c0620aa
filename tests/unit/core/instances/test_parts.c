/* The parts of the supervisor that need no process: the ring of lines, the
 * memory of installed programs, the state table. */
#include "core/instances/binary_probe.h"
#include "core/instances/instance_log.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "records/instance.h"

/* ---- the log ---- */

struct seen {
    int n;
    uint64_t seq;
    char text[LIMIT_LOG_LINE_BYTES + 1];
};

static void
on_line(void *ctx, uint64_t seq, struct str line)
{
    struct seen *seen = ctx;
    seen->n++;
    seen->seq = seq;
    snprintf(seen->text, sizeof seen->text, "%.*s", STR_ARG(line));
}

static void
test_lines_come_whole(void **state)
{
    (void)state;
    struct instance_log *log = malloc(sizeof *log);
    struct seen seen = { .n = 0 };
    instance_log_init(log);
    instance_log_feed(log, 1000, STR("fir"), on_line, &seen);
    assert_int_equal(seen.n, 0);
    instance_log_feed(log, 1003, STR("st\r\nsecond\n\nth"), on_line, &seen);
    assert_int_equal(seen.n, 3);
    assert_string_equal(seen.text, "");
    instance_log_end(log, on_line, &seen);
    assert_int_equal(seen.n, 4);
    assert_string_equal(seen.text, "th");
    instance_log_end(log, on_line, &seen);
    assert_int_equal(seen.n, 4);
    assert_int_equal(instance_log_tail(log, 2, on_line, &seen), 4);
    assert_int_equal(seen.n, 6);
    instance_log_release(log);
    free(log);
}

static void
test_the_key_is_in_no_line(void **state)
{
    (void)state;
    struct instance_log *log = malloc(sizeof *log);
    char key[65] = "";
    struct seen seen = { .n = 0 };
    instance_log_init(log);
    log->secret = key;
    instance_log_feed(log, 0, (struct str){ "a\0b\n", 4 }, on_line, &seen);
    assert_int_equal(instance_log_tail(log, 1, on_line, &seen), 1);
    assert_int_equal(log->lines[0].n, 3); /* no key: as it is */
    memset(key, 'k', 64);
    instance_log_feed(log, 4,
                      STR("args: --api-key kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"),
                      on_line, &seen);
    instance_log_feed(log, 52,
                      STR("kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk --port 1\n"),
                      on_line, &seen);
    assert_string_equal(seen.text, "args: --api-key *** --port 1");
    instance_log_tail(log, 1, on_line, &seen);
    assert_string_equal(seen.text, "args: --api-key *** --port 1");
    instance_log_release(log);
    free(log);
}

static void
test_missing_bytes_are_told(void **state)
{
    (void)state;
    struct instance_log *log = malloc(sizeof *log);
    struct seen seen = { .n = 0 };
    instance_log_init(log);
    instance_log_feed(log, 500, STR("kept\nhalf"), on_line, &seen);
    assert_int_equal(seen.n, 1); /* what was before we listened is no loss */
    instance_log_feed(log, 600, STR("later\n"), on_line, &seen);
    assert_int_equal(seen.n, 4);
    assert_string_equal(seen.text, "later");
    instance_log_begin(log);
    instance_log_feed(log, 0, STR("another keeper\n"), on_line, &seen);
    assert_int_equal(seen.n, 5);
    assert_int_equal(seen.seq, 4); /* numbers go on over restarts */
    instance_log_release(log);
    free(log);
}

static void
test_ring_is_bounded(void **state)
{
    (void)state;
    struct instance_log *log = malloc(sizeof *log);
    struct seen seen = { .n = 0 };
    static char block[3 * LIMIT_LOG_LINE_BYTES];
    memset(block, 'x', sizeof block);
    instance_log_init(log);
    uint64_t at = 0;
    for (int i = 0; i < 3000; i++, at += 2)
        instance_log_feed(log, at, STR("a\n"), on_line, &seen);
    assert_int_equal(log->n_lines, LIMIT_LOG_RING_LINES);
    seen.n = 0;
    instance_log_tail(log, SIZE_MAX, on_line, &seen);
    assert_int_equal(seen.n, LIMIT_LOG_RING_LINES);
    assert_int_equal(seen.seq, 2999);
    for (int i = 0; i < 200; i++, at += sizeof block)
        instance_log_feed(log, at, (struct str){ block, sizeof block }, on_line,
                          &seen);
    assert_true(log->n_bytes <= LOG_RING_BYTES_MAX);
    assert_true(log->n_bytes > LOG_RING_BYTES_MAX - LIMIT_LOG_LINE_BYTES);
    assert_int_equal(strlen(seen.text), LIMIT_LOG_LINE_BYTES);
    instance_log_release(log);
    free(log);
}

/* ---- installed programs ---- */

static const char *const version_args[] = { "--version", NULL };
static const char *const help_args[] = { "--help", NULL };
static const struct engine_manifest manifest = { .name = "toy",
                                                 .version_args = version_args,
                                                 .help_args = help_args };

static void
write_program(const char *path, const char *flag)
{
    char next[128];
    snprintf(next, sizeof next, "%s.new", path);
    FILE *file = fopen(next, "we");
    assert_non_null(file);
    fprintf(file,
            "#!/bin/sh\necho asked >>%s.count\ncase $1 in\n"
            "--version) echo version: 4.5.6 ;;\n"
            "--help) echo '  %s N   a number' ;;\nesac\n",
            path, flag);
    fclose(file);
    assert_int_equal(chmod(next, 0700), 0);
    assert_int_equal(rename(next, path), 0);
}

static void
on_known(void *ctx)
{
    loop_stop(ctx);
}

static bool
has_flag(const struct engine_binary *binary, const char *flag)
{
    for (size_t i = 0; binary->flags != NULL && binary->flags[i] != NULL; i++)
        if (strcmp(binary->flags[i], flag) == 0)
            return true;
    return false;
}

static long
count_questions(const char *path)
{
    char name[128];
    struct stat info;
    snprintf(name, sizeof name, "%s.count", path);
    return stat(name, &info) == 0 ? (long)info.st_size / 6 : 0;
}

static void
test_program_is_asked_once_until_replaced(void **state)
{
    (void)state;
    struct loop loop;
    struct error error;
    char folder[] = "/tmp/probe-XXXXXX";
    char path[64];
    char count[72];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/toy", folder);
    snprintf(count, sizeof count, "%s.count", path);
    assert_int_equal(loop_init(&loop, &error), 0);
    struct binary_probes *probes = binary_probes_new(&loop);
    write_program(path, "--one");
    assert_null(binary_probe_find(probes, path));
    assert_int_equal(binary_probe_ask(probes, path, &manifest, on_known, &loop),
                     0);
    loop_run(&loop);
    const struct engine_binary *known = binary_probe_find(probes, path);
    assert_non_null(known);
    assert_string_equal(known->version, "4.5.6");
    assert_true(has_flag(known, "--one"));
    assert_int_equal(count_questions(path), 2);
    for (int i = 0; i < 100; i++)
        assert_ptr_equal(binary_probe_find(probes, path), known);
    assert_int_equal(count_questions(path), 2);
    /* A new build in its place is another program. */
    write_program(path, "--two");
    assert_null(binary_probe_find(probes, path));
    assert_int_equal(binary_probe_ask(probes, path, &manifest, on_known, &loop),
                     0);
    loop_run(&loop);
    known = binary_probe_find(probes, path);
    assert_non_null(known);
    assert_true(has_flag(known, "--two"));
    assert_false(has_flag(known, "--one"));
    /* One that is gone is not known, and asking for it does no harm. */
    unlink(path);
    assert_null(binary_probe_find(probes, path));
    assert_int_equal(binary_probe_ask(probes, path, &manifest, on_known, &loop),
                     0);
    loop_run(&loop);
    assert_null(binary_probe_find(probes, path));
    /* Freed while one is under way. */
    write_program(path, "--three");
    assert_int_equal(binary_probe_ask(probes, path, &manifest, on_known, &loop),
                     0);
    binary_probes_free(probes);
    loop_close(&loop);
    unlink(path);
    unlink(count);
    assert_int_equal(rmdir(folder), 0);
}

/* ---- the table ---- */

/* Row by row what may follow; everything else may not. */
static void
test_table_of_states(void **state)
{
    (void)state;
    static const char *const allowed[] = {
        [INSTANCE_STOPPED] = "attaching starting ",
        [INSTANCE_ATTACHING] = "stopped loading ready failed ",
        [INSTANCE_STARTING] = "loading stopping failed ",
        [INSTANCE_LOADING] = "ready stopping failed ",
        [INSTANCE_READY] = "unhealthy draining stopping failed ",
        [INSTANCE_UNHEALTHY] = "ready stopping failed ",
        [INSTANCE_DRAINING] = "ready stopping failed ",
        [INSTANCE_STOPPING] = "stopped failed ",
        [INSTANCE_FAILED] = "stopped starting backoff ",
        [INSTANCE_BACKOFF] = "stopped starting ",
    };
    for (int from = 0; from < INSTANCE_STATE_COUNT; from++) {
        char said[256] = "";
        for (int to = 0; to < INSTANCE_STATE_COUNT; to++) {
            size_t n = strlen(said);
            if (state_table_allows(instance_state_rows, from, to))
                snprintf(said + n, sizeof said - n, "%s ",
                         instance_state_name((enum instance_state)to));
        }
        assert_string_equal(said, allowed[from]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_come_whole),
        cmocka_unit_test(test_the_key_is_in_no_line),
        cmocka_unit_test(test_missing_bytes_are_told),
        cmocka_unit_test(test_ring_is_bounded),
        cmocka_unit_test(test_program_is_asked_once_until_replaced),
        cmocka_unit_test(test_table_of_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
