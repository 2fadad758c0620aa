/* Which flags an installed binary has, read from what it prints for --help.
 *
 * Three families of printers are understood: llama.cpp's and whisper.cpp's
 * own ("-t, --threads N   text"), Python's argparse ("--port PORT  text")
 * and click ("--port INTEGER  text", "--on / --off"). Only the definition at
 * the beginning of a line counts, never the prose: a line that does not
 * begin with a dash is skipped, and after the flags and the word that stands
 * for their value the line is done. */
#include <stdlib.h>

#include "engines/engines_internal.h"

enum { FLAGS_MAX = 4096 };

struct found {
    struct arena *arena;
    const char **flags;
    size_t n;
};

static bool
is_flag_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Bytes of the flag at the front ("--a-b", "-t"), or 0. */
static size_t
flag_length(struct str s)
{
    size_t dashes = 0;
    while (dashes < s.n && dashes < 2 && s.p[dashes] == '-')
        dashes++;
    if (dashes == 0 || dashes == s.n || !is_letter(s.p[dashes]))
        return 0;
    size_t n = dashes;
    while (n < s.n && is_flag_byte(s.p[n]))
        n++;
    return n;
}

static struct str
skip(struct str s, size_t n)
{
    return (struct str){ s.p + n, s.n - n };
}

/* Between two names of one option: spaces, a comma, a slash or a bar. */
static struct str
skip_separators(struct str s)
{
    while (s.n > 0 && strchr(" \t,/|", s.p[0]) != NULL && s.p[0] != '\0')
        s = skip(s, 1);
    return s;
}

static int
add_flag(struct found *found, struct str flag)
{
    if (found->n == FLAGS_MAX)
        return 0;
    char *copy = arena_str(found->arena, flag);
    if (copy == NULL)
        return -1;
    found->flags[found->n++] = copy;
    return 0;
}

static int
read_line(struct found *found, struct str line)
{
    struct str rest = str_trim(line);
    if (flag_length(rest) == 0 ||
        str_contains(line, STR("argument has been removed")))
        return 0;
    for (;;) {
        size_t n = flag_length(rest);
        if (n > 0) {
            if (add_flag(found, (struct str){ rest.p, n }) < 0)
                return -1;
            rest = skip(rest, n);
        }
        /* What stands for the value: one word right after the flag. */
        size_t gap = 0;
        while (gap < rest.n && rest.p[gap] == ' ')
            gap++;
        if (n > 0 && gap <= 2 && flag_length(skip(rest, gap)) == 0) {
            rest = skip(rest, gap);
            while (rest.n > 0 && rest.p[0] != ' ' && rest.p[0] != ',')
                rest = skip(rest, 1);
        }
        rest = skip_separators(rest);
        if (flag_length(rest) == 0)
            return 0;
    }
}

static int
compare_texts(const void *a, const void *b)
{
    return str_compare(str_from(*(const char *const *)a),
                       str_from(*(const char *const *)b));
}

int
engine_parse_help(struct str help, struct arena *arena,
                  const char *const **ret_flags, struct error *error)
{
    struct found found = { .arena = arena };
    found.flags = arena_alloc(arena, (FLAGS_MAX + 1) * sizeof *found.flags);
    if (found.flags == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    struct str rest = help;
    while (rest.p != NULL) {
        struct str line = str_split(&rest, '\n');
        if (line.n > 0 && read_line(&found, line) < 0)
            return error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    if (found.n == 0)
        return error_set(error, ERR_INVALID,
                         "no options found in what the binary printed");
    qsort((void *)found.flags, found.n, sizeof *found.flags, compare_texts);
    size_t n = 1;
    for (size_t i = 1; i < found.n; i++)
        if (strcmp(found.flags[i], found.flags[n - 1]) != 0)
            found.flags[n++] = found.flags[i];
    found.flags[n] = NULL;
    *ret_flags = found.flags;
    return 0;
}

/* The word at the front: digits, dots and what versions add to them. */
static struct str
version_word(struct str s)
{
    size_t n = 0;
    while (n < s.n && (is_flag_byte(s.p[n]) || s.p[n] == '+'))
        n++;
    return (struct str){ s.p, n };
}

/* After "version" where the text has that word, else anywhere: the first
 * word that begins with a digit ("version: 0.7.0 (build ...)", "v0.11.2"). */
int
engine_parse_version(struct str text, struct arena *arena,
                     const char **ret_version)
{
    struct str from = text;
    for (size_t i = 0; i + 7 <= text.n; i++) {
        if (str_eq_nocase((struct str){ text.p + i, 7 }, STR("version"))) {
            from = skip(text, i + 7);
            break;
        }
    }
    struct str version = { NULL, 0 };
    for (size_t i = 0; i < from.n && version.n == 0; i++) {
        bool is_start =
            i == 0 || !is_flag_byte(from.p[i - 1]) ||
            (from.p[i - 1] == 'v' && (i == 1 || !is_flag_byte(from.p[i - 2])));
        if (is_start && from.p[i] >= '0' && from.p[i] <= '9')
            version = version_word(skip(from, i));
    }
    if (version.n > 64)
        version.n = 64;
    const char *copy = version.n == 0 ? "" : arena_str(arena, version);
    if (copy == NULL)
        return -1;
    *ret_version = copy;
    return 0;
}
