/* tree_moves: lets the n-th call that changes or opens something fail, for
 * n = 1, 2, ... as far as there are any, while a file and a folder go to
 * another file system. Whatever fails: it is whole at exactly one of the two
 * places, and nothing that somebody would look at lies beside it.
 *
 * The calls are caught by the linker (--wrap). Skipped (77) where there is no
 * second file system. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/file.h"
#include "platform/folder.h"
#include "platform/tree.h"

ssize_t real_write(int fd, const void *p, size_t n) __asm__("__real_write");
ssize_t our_write(int fd, const void *p, size_t n) __asm__("__wrap_write");
int real_fsync(int fd) __asm__("__real_fsync");
int our_fsync(int fd) __asm__("__wrap_fsync");
int real_openat(int fd, const char *name, int flags,
                mode_t mode) __asm__("__real_openat64");
int our_openat(int fd, const char *name, int flags,
               mode_t mode) __asm__("__wrap_openat64");
int real_mkdirat(int fd, const char *name,
                 mode_t mode) __asm__("__real_mkdirat");
int our_mkdirat(int fd, const char *name,
                mode_t mode) __asm__("__wrap_mkdirat");
int real_linkat(int fd, const char *from, int to_fd, const char *to,
                int flags) __asm__("__real_linkat");
int our_linkat(int fd, const char *from, int to_fd, const char *to,
               int flags) __asm__("__wrap_linkat");
int real_symlinkat(const char *target, int fd,
                   const char *name) __asm__("__real_symlinkat");
int our_symlinkat(const char *target, int fd,
                  const char *name) __asm__("__wrap_symlinkat");
int real_renameat(int fd, const char *from, int to_fd,
                  const char *to) __asm__("__real_renameat");
int our_renameat(int fd, const char *from, int to_fd,
                 const char *to) __asm__("__wrap_renameat");
int real_unlinkat(int fd, const char *name,
                  int flags) __asm__("__real_unlinkat");
int our_unlinkat(int fd, const char *name,
                 int flags) __asm__("__wrap_unlinkat");

enum { CALLS_MAX = 200, SKIPPED = 77 };

static long calls_left; /* 0: nothing fails */
static char here[64] = "/tmp/hearth-moves-XXXXXX";
static char there[64] = "/dev/shm/hearth-moves-XXXXXX";

static bool
is_hit(void)
{
    return calls_left > 0 && --calls_left == 0;
}

static int
fail(void)
{
    errno = EIO;
    return -1;
}

ssize_t
our_write(int fd, const void *p, size_t n)
{
    return fd > STDERR_FILENO && is_hit() ? fail() : real_write(fd, p, n);
}

int
our_fsync(int fd)
{
    return is_hit() ? fail() : real_fsync(fd);
}

int
our_openat(int fd, const char *name, int flags, mode_t mode)
{
    return is_hit() ? fail() : real_openat(fd, name, flags, mode);
}

int
our_mkdirat(int fd, const char *name, mode_t mode)
{
    return is_hit() ? fail() : real_mkdirat(fd, name, mode);
}

int
our_linkat(int fd, const char *from, int to_fd, const char *to, int flags)
{
    return is_hit() ? fail() : real_linkat(fd, from, to_fd, to, flags);
}

int
our_symlinkat(const char *target, int fd, const char *name)
{
    return is_hit() ? fail() : real_symlinkat(target, fd, name);
}

int
our_renameat(int fd, const char *from, int to_fd, const char *to)
{
    return is_hit() ? fail() : real_renameat(fd, from, to_fd, to);
}

int
our_unlinkat(int fd, const char *name, int flags)
{
    return is_hit() ? fail() : real_unlinkat(fd, name, flags);
}

static void
die(const char *what, long n, const char *why)
{
    fprintf(stderr, "tree_moves: %s, call %ld: %s\n", what, n, why);
    exit(1);
}

static void
put(const char *name, const char *contents)
{
    char path[200];
    struct error error;
    snprintf(path, sizeof path, "%s/%s", here, name);
    if (file_write_atomic(path, str_from(contents), 0600, &error) < 0)
        die("setting up", 0, error.message);
}

static void
make(void)
{
    char path[200];
    struct error error;
    snprintf(path, sizeof path, "%s/x/deep", here);
    if (file_make_folders(path, 0700, &error) < 0)
        die("setting up", 0, error.message);
    put("x/a", "one");
    put("x/deep/.b", "two");
    put("file", "three");
    snprintf(path, sizeof path, "%s/x/deep/c", here);
    if (symlink("../a", path) != 0)
        die("setting up", 0, strerror(errno));
}

static bool
holds(const char *root, const char *name, const char *contents)
{
    char path[200];
    struct strbuf text = STRBUF_INIT(100);
    snprintf(path, sizeof path, "%s/%s", root, name);
    bool is_so = file_read(path, &text, NULL) == 0 &&
                 strcmp(strbuf_text(&text), contents) == 0;
    strbuf_release(&text);
    return is_so;
}

static bool
is_whole(const char *root, const char *what)
{
    if (strcmp(what, "file") == 0)
        return holds(root, "file", "three");
    return holds(root, "x/a", "one") && holds(root, "x/deep/.b", "two") &&
           holds(root, "x/deep/c", "one");
}

/* Names that do not begin with a dot; with `is_all` those, too. */
static int
count(const char *root, bool is_all)
{
    DIR *folder = opendir(root);
    int n = is_all ? -2 : 0;
    const struct dirent *entry;
    if (folder == NULL)
        die("counting", 0, strerror(errno));
    while ((entry = readdir(folder)) != NULL)
        n += is_all || entry->d_name[0] != '.';
    closedir(folder);
    return n;
}

static void
clear(const char *root)
{
    char parent[64];
    struct error error;
    const char *slash = strrchr(root, '/');
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - root), root);
    const struct tree_name name = { parent, slash + 1 };
    if (tree_remove(&name, &error) < 0)
        die("clearing", 0, error.message);
}

/* True when the n-th call was reached. */
static bool
try_move(const char *what, long n)
{
    const struct tree_name from = { here, what }, to = { there, what };
    struct error error;
    if (mkdir(here, 0700) != 0 || mkdir(there, 0700) != 0)
        die("setting up", n, strerror(errno));
    make();
    calls_left = n;
    bool is_moved = tree_move(&from, &to, &error) == 0;
    bool is_reached = calls_left == 0;
    calls_left = 0;
    const char *place = is_moved ? there : here;
    if (!is_whole(place, what))
        die(what, n, "it is not whole");
    if (count(there, true) != is_moved)
        die(what, n, "something is left at the new place");
    if (count(here, false) != 2 - is_moved)
        die(what, n, "something is left at the old place");
    if (!is_reached && !is_moved)
        die(what, n, error.message);
    clear(here);
    clear(there);
    return is_reached;
}

int
main(void)
{
    static const char *const things[] = { "file", "x" };
    struct folder_facts a, b;
    if (mkdtemp(here) == NULL)
        die("setting up", 0, strerror(errno));
    if (mkdtemp(there) == NULL || folder_facts(here, &a) < 0 ||
        folder_facts(there, &b) < 0 || a.device == b.device) {
        rmdir(here);
        rmdir(there);
        return SKIPPED;
    }
    clear(here);
    clear(there);
    for (size_t i = 0; i < sizeof things / sizeof *things; i++) {
        long n = 1;
        while (try_move(things[i], n))
            if (n++ == CALLS_MAX)
                die(things[i], n, "there is no end of calls");
        printf("%s: %ld calls\n", things[i], n - 1);
        if (n < 8)
            die(things[i], n, "nothing was caught");
    }
    return 0;
}
