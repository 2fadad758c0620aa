/* Command lines under test: see harness.h. */
#include "harness.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

enum { WORDS_MAX = 32, LINE_BYTES = 2048 };

static int
serve(const struct setting_flag *flags, size_t n_flags, const char *config_path)
{
    printf("config=%s\n", config_path == NULL ? "" : config_path);
    for (size_t i = 0; i < n_flags; i++)
        printf("%s=%s\n", flags[i].key, flags[i].value);
    return 42;
}

static int
generate_key(struct str name, enum key_scope scope, struct api_key *ret_key,
             char ret_secret[CLI_SECRET_BYTES], struct error *error)
{
    static int n;
    if (name.n == 0)
        return error_field(error, "name", "a key needs a name");
    *ret_key = (struct api_key){ .scope = scope, .created_at_ms = 1000 };
    snprintf(ret_key->id, sizeof ret_key->id, "key_%d", ++n);
    snprintf(ret_key->name, sizeof ret_key->name, "%.*s", STR_ARG(name));
    ret_key->digest[0] = (uint8_t)n;
    snprintf(ret_secret, CLI_SECRET_BYTES, "hk_secret_%d", n);
    return 0;
}

int
harness_set_up(void **state)
{
    struct harness *h = calloc(1, sizeof *h);
    assert_non_null(h);
    snprintf(h->folder, sizeof h->folder, "/tmp/hearth-cli-XXXXXX");
    assert_non_null(mkdtemp(h->folder));
    snprintf(h->home, sizeof h->home, "HOME=%s", h->folder);
    snprintf(h->data_dir, sizeof h->data_dir, "HEARTH_DATA_DIR=%s/data",
             h->folder);
    h->environment[0] = h->home;
    h->environment[1] = h->data_dir;
    h->hooks = (struct cli_hooks){ serve, generate_key };
    /* The platform asks the real environment for the standard folders. */
    setenv("XDG_CONFIG_HOME", h->folder, 1);
    *state = h;
    return 0;
}

static void
remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char inner[512];
        struct stat info;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (lstat(inner, &info) == 0 && S_ISDIR(info.st_mode))
            remove_folder(inner);
        else
            unlink(inner);
    }
    if (folder != NULL)
        closedir(folder);
    rmdir(path);
}

int
harness_tear_down(void **state)
{
    struct harness *h = *state;
    remove_folder(h->folder);
    assert_int_not_equal(access(h->folder, F_OK), 0);
    free(h);
    return 0;
}

static size_t
split(char *line, char **words)
{
    size_t n = 0;
    while (*line != '\0') {
        while (*line == ' ')
            line++;
        if (*line == '\0')
            break;
        char end = ' ';
        if (*line == '\'') {
            end = '\'';
            line++;
        }
        assert_true(n < WORDS_MAX);
        words[n++] = line;
        while (*line != '\0' && *line != end)
            line++;
        if (*line != '\0')
            *line++ = '\0';
    }
    return n;
}

/* Points a standard stream at a file; returns the old descriptor. */
static int
redirect(FILE *stream, int fd, const char *path)
{
    fflush(stream);
    int old = dup(fd);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(dup2(fileno(file), fd), fd);
    fclose(file);
    return old;
}

static void
restore(FILE *stream, int fd, int old, const char *path, char *ret_text)
{
    fflush(stream);
    clearerr(stream);
    dup2(old, fd);
    close(old);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t n = fread(ret_text, 1, OUTPUT_BYTES - 1, file);
    ret_text[n] = '\0';
    fclose(file);
}

int
harness_run(struct harness *h, const char *line)
{
    char copy[LINE_BYTES], out[128], err[128];
    char program[] = "hearth";
    char *words[WORDS_MAX + 2] = { program };
    assert_true(strlen(line) < sizeof copy);
    memcpy(copy, line, strlen(line) + 1);
    size_t n = split(copy, words + 1);
    snprintf(out, sizeof out, "%s/out.txt", h->folder);
    snprintf(err, sizeof err, "%s/err.txt", h->folder);
    int old_out = redirect(stdout, STDOUT_FILENO, out);
    int old_err = redirect(stderr, STDERR_FILENO, err);
    int rc = cli_main((int)n + 1, words, h->environment, &h->hooks);
    restore(stdout, STDOUT_FILENO, old_out, out, h->out);
    restore(stderr, STDERR_FILENO, old_err, err, h->err);
    return rc;
}

const char *
harness_path(struct harness *h, const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", h->folder, name);
    return path;
}

void
harness_write(struct harness *h, const char *name, const char *text)
{
    char folder[256];
    snprintf(folder, sizeof folder, "%s", harness_path(h, name));
    *strrchr(folder, '/') = '\0';
    mkdir(folder, 0700);
    FILE *file = fopen(harness_path(h, name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

void
assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}
