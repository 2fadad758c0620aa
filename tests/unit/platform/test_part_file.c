/* Files that grow under another name, on a real file system. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/part_file.h"

struct place {
    char folder[64], part[96], path[96];
};

static int
set_up(void **state)
{
    struct place *at = calloc(1, sizeof *at);
    if (at == NULL)
        return -1;
    *state = at;
    snprintf(at->folder, sizeof at->folder, "/tmp/hearth-part-XXXXXX");
    if (mkdtemp(at->folder) == NULL)
        return -1;
    snprintf(at->part, sizeof at->part, "%s/a.part", at->folder);
    snprintf(at->path, sizeof at->path, "%s/a", at->folder);
    return 0;
}

static int
tear_down(void **state)
{
    struct place *at = *state;
    unlink(at->part);
    unlink(at->path);
    rmdir(at->folder);
    free(at);
    return 0;
}

static void
make_part(const struct place *at, struct str bytes)
{
    struct error error = { 0 };
    int fd = -1;
    if (part_file_open(at->part, &fd, &error) != 0 ||
        part_file_write(fd, 0, bytes, &error) != 0)
        fail_msg("%s", error.message);
    part_file_close(fd);
}

static void
test_write_and_publish(void **state)
{
    struct place *at = *state;
    struct error error = { 0 };
    char back[16] = "";
    int fd = -1;
    assert_int_equal(part_file_open(at->part, &fd, &error), 0);
    assert_int_equal(part_file_reserve(fd, 10, &error), 0);
    assert_int_equal(part_file_write(fd, 5, STR("world"), &error), 0);
    assert_int_equal(part_file_write(fd, 0, STR("hello"), &error), 0);
    assert_int_equal(part_file_sync(fd, &error), 0);
    assert_int_equal(part_file_read(fd, 0, back, 15, &error), 10);
    assert_string_equal(back, "helloworld");
    assert_int_equal(part_file_cut(fd, 5, &error), 0);
    assert_int_equal(part_file_read(fd, 5, back, 15, &error), 0);
    part_file_close(fd);
    assert_int_equal(part_file_publish(at->part, at->path, &error), 0);
    assert_int_equal(access(at->path, F_OK), 0);
    assert_int_equal(access(at->part, F_OK), -1);
}

static void
test_publish_never_replaces(void **state)
{
    struct place *at = *state;
    struct error error = { 0 };
    struct stat info;
    make_part(at, STR("old"));
    assert_int_equal(part_file_publish(at->part, at->path, &error), 0);
    make_part(at, STR("newer"));
    assert_int_equal(part_file_publish(at->part, at->path, &error), -1);
    assert_int_equal(error.code, ERR_CONFLICT);
    assert_int_equal(stat(at->path, &info), 0);
    assert_int_equal(info.st_size, 3);
    assert_int_equal(access(at->part, F_OK), 0);
}

static void
test_publish_goes_on_after_a_crash(void **state)
{
    struct place *at = *state;
    struct error error = { 0 };
    make_part(at, STR("whole"));
    assert_int_equal(link(at->part, at->path), 0);
    assert_int_equal(part_file_publish(at->part, at->path, &error), 0);
    assert_int_equal(access(at->path, F_OK), 0);
    assert_int_equal(access(at->part, F_OK), -1);
}

static void
test_links(void **state)
{
    struct place *at = *state;
    struct error error = { 0 };
    char target[16] = "";
    int fd = -1;
    assert_int_equal(part_file_link("one", at->path, &error), 0);
    assert_int_equal(part_file_link("one", at->path, &error), 0);
    assert_int_equal(part_file_link("two", at->path, &error), 0);
    assert_int_equal(readlink(at->path, target, sizeof target - 1), 3);
    assert_string_equal(target, "two");
    assert_int_equal(part_file_open(at->path, &fd, &error), -1);
    assert_int_equal(part_file_remove(at->path, &error), 0);
    assert_int_equal(part_file_remove(at->path, &error), 0);
    make_part(at, STR("x"));
    assert_int_equal(part_file_link("one", at->part, &error), -1);
    assert_int_equal(error.code, ERR_CONFLICT);
}

int
main(void)
{
#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_write_and_publish),
        IN_PLACE(test_publish_never_replaces),
        IN_PLACE(test_publish_goes_on_after_a_crash),
        IN_PLACE(test_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
