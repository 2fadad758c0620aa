#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/file.h"
#include "platform/folder.h"
#include "platform/tree.h"

static char dir[256], elsewhere[256];

static int
setup(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%.200s/hearth-tree-XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    snprintf(elsewhere, sizeof elsewhere, "/dev/shm/hearth-tree-XXXXXX");
    assert_non_null(mkdtemp(dir));
    if (mkdtemp(elsewhere) == NULL)
        elsewhere[0] = '\0'; /* no second file system here */
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    const char *slash = strrchr(dir, '/');
    char parent[256];
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - dir), dir);
    const struct tree_name name = { parent, slash + 1 };
    assert_int_equal(tree_remove(&name, NULL), 0);
    assert_int_not_equal(access(dir, F_OK), 0);
    if (elsewhere[0] != '\0') {
        const struct tree_name other = { "/dev/shm",
                                         elsewhere + sizeof "/dev/shm" };
        assert_int_equal(tree_remove(&other, NULL), 0);
    }
    return 0;
}

static void
put(const char *name, const char *contents)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(file_write_atomic(path, str_from(contents), 0600, NULL),
                     0);
}

static void
assert_holds(const char *root, const char *name, const char *contents)
{
    char path[600];
    struct strbuf text = STRBUF_INIT(1024);
    struct error error;
    snprintf(path, sizeof path, "%s/%s", root, name);
    if (file_read(path, &text, &error) < 0)
        fail_msg("%s", error.message);
    assert_string_equal(strbuf_text(&text), contents);
    strbuf_release(&text);
}

static enum error_code
read_file(const char *file, size_t ceiling, const char *contents)
{
    struct error error = { .code = ERR_OK };
    struct folder_facts facts = { .size_bytes = -1 };
    struct strbuf out = STRBUF_INIT(ceiling);
    const struct tree_name name = { dir, file };
    if (tree_read(&name, &out, &facts, &error) == 0) {
        assert_string_equal(strbuf_text(&out), contents);
        assert_int_equal(facts.size_bytes, strlen(contents));
        assert_true(facts.inode > 0 && facts.modified_at_ms > 0);
    } else {
        assert_int_equal(out.n, 0);
        assert_int_not_equal(error.code, ERR_OK);
    }
    strbuf_release(&out);
    return error.code;
}

static enum error_code
move(const char *from, const char *to_root, const char *to)
{
    struct error error = { .code = ERR_OK };
    const struct tree_name a = { dir, from }, b = { to_root, to };
    int result = tree_move(&a, &b, &error);
    assert_int_equal(result == 0, error.code == ERR_OK);
    return error.code;
}

static void
test_reads_regular_files_only(void **state)
{
    (void)state;
    char path[600];
    snprintf(path, sizeof path, "%s/read", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    put("read/a", "12345");
    put("read/empty", "");
    assert_int_equal(read_file("read/a", 5, "12345"), ERR_OK);
    assert_int_equal(read_file("read/a", 4, ""), ERR_TOO_LARGE);
    assert_int_equal(read_file("read/empty", 5, ""), ERR_OK);
    assert_int_equal(read_file("read/none", 5, ""), ERR_NOT_FOUND);
    assert_int_equal(read_file("none/a", 5, ""), ERR_NOT_FOUND);
    assert_int_equal(read_file("read", 5, ""), ERR_INVALID);
    snprintf(path, sizeof path, "%s/read/pipe", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(read_file("read/pipe", 5, ""), ERR_INVALID);
    snprintf(path, sizeof path, "%s/read/link", dir);
    assert_int_equal(symlink("a", path), 0);
    assert_int_equal(read_file("read/link", 5, ""), ERR_INVALID);
    snprintf(path, sizeof path, "%s/folder", dir);
    assert_int_equal(symlink("read", path), 0);
    assert_int_equal(read_file("folder/a", 5, ""), ERR_INVALID);
    assert_int_equal(read_file("read/../read/a", 5, ""), ERR_INVALID);
}

static void
test_moves_and_never_replaces(void **state)
{
    (void)state;
    put("a", "1");
    put("b", "2");
    assert_int_equal(move("a", dir, "b"), ERR_CONFLICT);
    assert_holds(dir, "a", "1");
    assert_holds(dir, "b", "2");
    assert_int_equal(move("a", dir, "x/y/a"), ERR_OK);
    assert_holds(dir, "x/y/a", "1");
    assert_int_equal(move("x", dir, "z"), ERR_OK); /* a folder */
    assert_holds(dir, "z/y/a", "1");
    assert_int_equal(move("none", dir, "n"), ERR_IO);
}

static void
test_stays_below_the_root(void **state)
{
    (void)state;
    char link[600];
    put("a", "1");
    assert_int_equal(move("a", dir, "../a"), ERR_INVALID);
    assert_int_equal(move("a", dir, "/tmp/a"), ERR_INVALID);
    assert_int_equal(move("a", dir, "x/./a"), ERR_INVALID);
    assert_int_equal(move("a", dir, ""), ERR_INVALID);
    snprintf(link, sizeof link, "%s/link", dir);
    assert_int_equal(symlink("/tmp", link), 0);
    assert_int_equal(move("a", dir, "link/a"), ERR_INVALID);
    const struct tree_name through = { dir, "link/x" };
    struct error error;
    assert_int_equal(tree_remove(&through, &error), -1);
    assert_int_equal(error.code, ERR_INVALID);
    assert_holds(dir, "a", "1");
}

static void
test_to_another_file_system(void **state)
{
    (void)state;
    struct folder_facts here, there, file, moved;
    char path[600];
    put("a", "1");
    if (elsewhere[0] == '\0' || folder_facts(dir, &here) < 0 ||
        folder_facts(elsewhere, &there) < 0 || here.device == there.device)
        skip();
    snprintf(path, sizeof path, "%s/a", dir);
    assert_int_equal(folder_facts(path, &file), 0);
    assert_int_equal(move("a", elsewhere, "x/a"), ERR_OK);
    assert_holds(elsewhere, "x/a", "1");
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof path, "%s/x/a", elsewhere);
    assert_int_equal(folder_facts(path, &moved), 0);
    assert_int_equal(moved.modified_at_ms, file.modified_at_ms);
    put("a", "2");
    assert_int_equal(move("a", elsewhere, "x/a"), ERR_CONFLICT);
    assert_holds(elsewhere, "x/a", "1");
    assert_holds(dir, "a", "2");
}

static size_t
count_names(const char *folder)
{
    size_t n = 0;
    DIR *names = opendir(folder);
    assert_non_null(names);
    while (readdir(names) != NULL)
        n++;
    closedir(names);
    return n - 2;
}

/* Also what is hidden, and links as links. */
static void
test_a_folder_to_another_file_system(void **state)
{
    (void)state;
    struct folder_facts here, there;
    char path[600], target[600];
    if (elsewhere[0] == '\0' || folder_facts(dir, &here) < 0 ||
        folder_facts(elsewhere, &there) < 0 || here.device == there.device)
        skip();
    snprintf(path, sizeof path, "%s/folder/deep", dir);
    struct error error;
    assert_int_equal(file_make_folders(path, 0700, &error), 0);
    put("folder/a", "1");
    put("folder/deep/.b", "22");
    snprintf(path, sizeof path, "%s/folder/deep/c", dir);
    assert_int_equal(symlink("../a", path), 0);
    /* Something that is no file: nothing is moved. */
    snprintf(path, sizeof path, "%s/folder/deep/pipe", dir);
    assert_int_equal(mkfifo(path, 0600), 0);
    size_t n_before = count_names(elsewhere);
    assert_int_not_equal(move("folder", elsewhere, "folder"), ERR_OK);
    assert_int_equal(count_names(elsewhere), n_before);
    assert_holds(dir, "folder/deep/.b", "22");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(move("folder", elsewhere, "folder"), ERR_OK);
    assert_holds(elsewhere, "folder/a", "1");
    assert_holds(elsewhere, "folder/deep/.b", "22");
    snprintf(path, sizeof path, "%s/folder/deep/c", elsewhere);
    ssize_t n = readlink(path, target, sizeof target - 1);
    assert_int_equal(n, 4);
    snprintf(path, sizeof path, "%s/folder", dir);
    assert_int_equal(access(path, F_OK), -1);
    /* In the way. */
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(move("folder", elsewhere, "folder"), ERR_CONFLICT);
    assert_holds(elsewhere, "folder/a", "1");
    const struct tree_name copied = { elsewhere, "folder" };
    assert_int_equal(tree_remove(&copied, &error), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_reads_regular_files_only),
        TEST(test_moves_and_never_replaces),
        TEST(test_stays_below_the_root),
        TEST(test_to_another_file_system),
        TEST(test_a_folder_to_another_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
