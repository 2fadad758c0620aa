/* Preset files, line by line: see ini.h. */
#include "formats/ini.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/units.h"

enum { NAME_BYTES = 255, TEXTS_BYTES = 16 * MIB };

struct ini {
    struct arena texts; /* what lines and names lie in */
    struct ini_line *lines;
    size_t n, room;
    struct ini_problem problems[INI_PROBLEMS_MAX];
    size_t n_problems;
    const char *line_end; /* of lines that are added */
};

/* ---- the parts of a line ---- */

static void __attribute__((format(printf, 3, 4)))
add_problem(struct ini *ini, size_t i, const char *format, ...)
{
    if (ini->n_problems == INI_PROBLEMS_MAX)
        return;
    struct ini_problem *problem = &ini->problems[ini->n_problems++];
    va_list args;
    problem->line = (int)i + 1;
    va_start(args, format);
    vsnprintf(problem->message, sizeof problem->message, format, args);
    va_end(args);
}

/* Without its end: "\n" or "\r\n". */
static struct str
line_body(struct str text)
{
    if (text.n > 0 && text.p[text.n - 1] == '\n')
        text.n--;
    if (text.n > 0 && text.p[text.n - 1] == '\r')
        text.n--;
    return text;
}

static bool
has_bad_byte(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char byte = (unsigned char)text.p[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7F)
            return true;
    }
    return !str_is_utf8(text);
}

/* Up to where a comment begins, if one does. */
static struct str
before_comment(struct str text)
{
    size_t n = 0;
    while (n < text.n && text.p[n] != ';' && text.p[n] != '#')
        n++;
    return (struct str){ text.p, n };
}

static bool
is_key_byte(char byte, bool is_first)
{
    bool is_letter = (byte >= 'a' && byte <= 'z') ||
                     (byte >= 'A' && byte <= 'Z') || byte == '_';
    return is_letter || (!is_first && ((byte >= '0' && byte <= '9') ||
                                       byte == '.' || byte == '-'));
}

/* ---- what a file can say ---- */

static int
ini_check_key(struct str key, struct error *error)
{
    bool is_good = key.n > 0 && key.n <= NAME_BYTES;
    for (size_t i = 0; i < key.n && is_good; i++)
        is_good = is_key_byte(key.p[i], i == 0);
    if (is_good)
        return 0;
    return error_set(error, ERR_INVALID,
                     "\"%.*s\" is no name of an option: letters, digits, - _ "
                     "and . are expected, a letter first",
                     (int)(key.n > 60 ? 60 : key.n), key.p);
}

static int
ini_check_section(struct str section, struct error *error)
{
    if (section.n == 0 || section.n > NAME_BYTES ||
        str_trim(section).n != section.n || has_bad_byte(section) ||
        str_find(section, ']') >= 0 || str_find(section, '\t') >= 0)
        return error_set(error, ERR_INVALID,
                         "a section needs a name of up to %d bytes, on one "
                         "line and without ]",
                         NAME_BYTES);
    return 0;
}

int
ini_check_value(struct str value, struct error *error)
{
    if (has_bad_byte(value))
        return error_set(error, ERR_INVALID,
                         "a value is text on one line, without control "
                         "characters");
    if (str_trim(value).n != value.n)
        return error_set(error, ERR_INVALID,
                         "a value cannot begin or end with blanks");
    if (before_comment(value).n != value.n)
        return error_set(error, ERR_INVALID,
                         "a value cannot hold ; or #: they begin a comment");
    return 0;
}

/* ---- reading ---- */

static void
read_section(struct ini *ini, size_t i, struct str body)
{
    struct ini_line *line = &ini->lines[i];
    struct error error;
    ptrdiff_t end = str_find(body, ']');
    line->kind = INI_BAD;
    if (end < 0) {
        add_problem(ini, i, "the name of the section does not end with ]");
        return;
    }
    struct str name = str_trim((struct str){ body.p + 1, (size_t)end - 1 });
    struct str rest = { body.p + end + 1, body.n - (size_t)end - 1 };
    if (str_trim(before_comment(rest)).n > 0) {
        add_problem(ini, i, "nothing but a comment may follow a section's ]");
    } else if (ini_check_section(name, &error) != 0) {
        add_problem(ini, i, "%.150s", error.message);
    } else {
        if (ini_has_section(ini, name))
            add_problem(ini, i, "the section [%.*s] is there twice",
                        (int)(name.n > 80 ? 80 : name.n), name.p);
        line->kind = INI_SECTION;
        line->section = name;
    }
}

static int
line_number(const struct ini *ini, const struct ini_line *line)
{
    return (int)(line - ini->lines) + 1;
}

static void
read_pair(struct ini *ini, size_t i, struct str body)
{
    struct ini_line *line = &ini->lines[i];
    struct error error;
    ptrdiff_t equals = str_find(body, '=');
    line->kind = INI_BAD;
    if (str_starts_with(body, STR("\xEF\xBB\xBF"))) {
        add_problem(ini, i,
                    "a byte order mark is no part of a preset: save it as "
                    "plain UTF-8");
        return;
    }
    if (equals < 0) {
        add_problem(ini, i, "expected [section], option = value or a comment");
        return;
    }
    struct str key = str_trim((struct str){ body.p, (size_t)equals });
    struct str value = str_trim(before_comment(
        (struct str){ body.p + equals + 1, body.n - (size_t)equals - 1 }));
    if (ini_check_key(key, &error) != 0) {
        add_problem(ini, i, "%.150s", error.message);
        return;
    }
    const struct ini_line *other = ini_find(ini, line->section, key);
    if (other != NULL)
        add_problem(ini, i, "%.*s is given twice: before in line %d",
                    (int)(key.n > 80 ? 80 : key.n), key.p,
                    line_number(ini, other));
    line->kind = INI_PAIR;
    line->key = key;
    line->value = value;
}

/* Fills in what the text of the i-th line means, in `section`. */
static void
read_line(struct ini *ini, size_t i, struct str section)
{
    struct ini_line *line = &ini->lines[i];
    struct str body = str_trim(line_body(line->text));
    line->kind = INI_BLANK;
    line->section = section;
    if (body.n == 0)
        return;
    if (has_bad_byte(body)) {
        line->kind = INI_BAD;
        add_problem(ini, i,
                    "the line holds control characters or is not "
                    "UTF-8 text");
    } else if (body.p[0] == ';' || body.p[0] == '#') {
        line->kind = INI_COMMENT;
    } else if (body.p[0] == '[') {
        read_section(ini, i, body);
    } else {
        read_pair(ini, i, body);
    }
}

/* Makes room at `i`: the new line is blank. -1: no memory. */
static int
insert_line(struct ini *ini, size_t i, struct str text)
{
    if (ini->n == ini->room) {
        size_t room = ini->room == 0 ? 64 : ini->room * 2;
        struct ini_line *lines = realloc(ini->lines, room * sizeof *ini->lines);
        if (lines == NULL)
            return -1;
        ini->lines = lines;
        ini->room = room;
    }
    memmove(&ini->lines[i + 1], &ini->lines[i],
            (ini->n - i) * sizeof *ini->lines);
    ini->lines[i] = (struct ini_line){ .kind = INI_BLANK, .text = text };
    ini->n++;
    return 0;
}

static int
read_all(struct ini *ini, struct str text)
{
    struct str section = { "", 0 };
    while (text.n > 0) {
        ptrdiff_t end = str_find(text, '\n');
        size_t n = end < 0 ? text.n : (size_t)end + 1;
        size_t i = ini->n;
        if (insert_line(ini, i, (struct str){ text.p, n }) < 0)
            return -1;
        read_line(ini, i, section);
        section = ini->lines[i].section;
        text = (struct str){ text.p + n, text.n - n };
    }
    return 0;
}

struct ini *
ini_parse(struct str text, struct error *error)
{
    if (text.n > INI_BYTES_MAX) {
        error_set(error, ERR_TOO_LARGE,
                  "a preset has at most %d bytes, this one has %zu",
                  INI_BYTES_MAX, text.n);
        return NULL;
    }
    struct ini *ini = calloc(1, sizeof *ini);
    if (ini == NULL) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    arena_init(&ini->texts, TEXTS_BYTES);
    char *copy = arena_str(&ini->texts, text);
    if (copy == NULL || read_all(ini, (struct str){ copy, text.n }) < 0) {
        error_set(error, ERR_NO_MEMORY, "out of memory");
        ini_free(ini);
        return NULL;
    }
    ini->line_end = "\n";
    if (ini->n > 0 && str_ends_with(ini->lines[0].text, STR("\r\n")))
        ini->line_end = "\r\n";
    return ini;
}

void
ini_free(struct ini *ini)
{
    if (ini == NULL)
        return;
    arena_release(&ini->texts);
    free(ini->lines);
    free(ini);
}

/* ---- looking ---- */

size_t
ini_count_problems(const struct ini *ini)
{
    return ini->n_problems;
}

const struct ini_problem *
ini_problem_at(const struct ini *ini, size_t i)
{
    return &ini->problems[i];
}

size_t
ini_count(const struct ini *ini)
{
    return ini->n;
}

const struct ini_line *
ini_at(const struct ini *ini, size_t i)
{
    return &ini->lines[i];
}

void
ini_write(const struct ini *ini, struct strbuf *out)
{
    for (size_t i = 0; i < ini->n; i++)
        strbuf_add_str(out, ini->lines[i].text);
}

bool
ini_has_section(const struct ini *ini, struct str section)
{
    for (size_t i = 0; i < ini->n; i++)
        if (ini->lines[i].kind == INI_SECTION &&
            str_eq(ini->lines[i].section, section))
            return true;
    return false;
}

const struct ini_line *
ini_find(const struct ini *ini, struct str section, struct str key)
{
    for (size_t i = 0; i < ini->n; i++)
        if (ini->lines[i].kind == INI_PAIR && str_eq(ini->lines[i].key, key) &&
            str_eq(ini->lines[i].section, section))
            return &ini->lines[i];
    return NULL;
}

/* ---- changing ---- */

static int
no_memory(struct error *error)
{
    return error_set(error, ERR_NO_MEMORY, "out of memory");
}

/* A last line without an end gets one before others follow it. */
static int
end_last_line(struct ini *ini)
{
    if (ini->n == 0)
        return 0;
    struct ini_line *last = &ini->lines[ini->n - 1];
    const char *old = last->text.p;
    if (str_ends_with(last->text, STR("\n")))
        return 0;
    /* Half of an end is completed. */
    const char *end =
        str_ends_with(last->text, STR("\r")) ? "\n" : ini->line_end;
    size_t n = last->text.n, n_end = strlen(end);
    char *text = arena_alloc(&ini->texts, n + n_end);
    if (text == NULL)
        return -1;
    memcpy(text, last->text.p, n); /* may hold any byte */
    memcpy(text + n, end, n_end);
    last->text = (struct str){ text, n + n_end };
    /* Its value has to lie in its text; the names need not. */
    if (last->kind == INI_PAIR)
        last->value.p = text + (last->value.p - old);
    return 0;
}

/* Text for a new line at `i`, with what it means in `section`. */
static int
add_line(struct ini *ini, size_t i, struct str section, struct str text,
         struct error *error)
{
    char *name = arena_str(&ini->texts, section);
    char *copy =
        arena_printf(&ini->texts, "%.*s%s", STR_ARG(text), ini->line_end);
    if (name == NULL || copy == NULL ||
        (i == ini->n && end_last_line(ini) < 0) ||
        insert_line(ini, i, str_from(copy)) < 0)
        return no_memory(error);
    read_line(ini, i, (struct str){ name, section.n });
    return 0;
}

int
ini_add_section(struct ini *ini, struct str section, struct error *error)
{
    if (ini_check_section(section, error) != 0)
        return -1;
    if (ini_has_section(ini, section))
        return 0;
    char *header = arena_printf(&ini->texts, "[%.*s]", STR_ARG(section));
    if (header == NULL)
        return no_memory(error);
    bool has_gap = ini->n > 0 && ini->lines[ini->n - 1].kind != INI_BLANK;
    struct str before = ini->n == 0 ? STR("") : ini->lines[ini->n - 1].section;
    if (has_gap && add_line(ini, ini->n, before, STR(""), error) < 0)
        return -1;
    return add_line(ini, ini->n, section, str_from(header), error);
}

/* Where a pair is added: after the last one of the section, or its head. */
static size_t
end_of_section(const struct ini *ini, struct str section)
{
    size_t end = 0;
    for (size_t i = 0; i < ini->n; i++)
        if ((ini->lines[i].kind == INI_PAIR ||
             ini->lines[i].kind == INI_SECTION) &&
            str_eq(ini->lines[i].section, section))
            end = i + 1;
    return end;
}

static int
replace_value(struct ini *ini, size_t i, struct str value, struct error *error)
{
    struct ini_line *line = &ini->lines[i];
    /* Up to the value, the value, and what follows it. After "key =" without
     * a value a blank looks better. */
    size_t head = (size_t)(line->value.p - line->text.p);
    struct str tail = { line->value.p + line->value.n,
                        line->text.n - head - line->value.n };
    const char *blank =
        head > 0 && line->text.p[head - 1] == '=' && line->value.n == 0 ? " "
                                                                        : "";
    struct str section = line->section;
    char *text =
        arena_printf(&ini->texts, "%.*s%s%.*s%.*s", (int)head, line->text.p,
                     blank, STR_ARG(value), STR_ARG(tail));
    if (text == NULL)
        return no_memory(error);
    line->text = str_from(text);
    line->key = (struct str){ "", 0 }; /* so that it is no other one */
    read_line(ini, i, section);
    return 0;
}

int
ini_set(struct ini *ini, struct str section, struct str key, struct str value,
        struct error *error)
{
    if (ini_check_key(key, error) != 0 || ini_check_value(value, error) != 0)
        return -1;
    const struct ini_line *found = ini_find(ini, section, key);
    if (found != NULL)
        return replace_value(ini, (size_t)(found - ini->lines), value, error);
    char *text =
        arena_printf(&ini->texts, "%.*s = %.*s", STR_ARG(key), STR_ARG(value));
    if (text == NULL)
        return no_memory(error);
    if (section.n > 0 && ini_add_section(ini, section, error) < 0)
        return -1;
    return add_line(ini, end_of_section(ini, section), section, str_from(text),
                    error);
}

static void
remove_line(struct ini *ini, size_t i)
{
    ini->n--;
    memmove(&ini->lines[i], &ini->lines[i + 1],
            (ini->n - i) * sizeof *ini->lines);
}

void
ini_remove(struct ini *ini, struct str section, struct str key)
{
    const struct ini_line *found = ini_find(ini, section, key);
    if (found != NULL)
        remove_line(ini, (size_t)(found - ini->lines));
}

void
ini_remove_section(struct ini *ini, struct str section)
{
    size_t end = end_of_section(ini, section), i = 0;
    if (!ini_has_section(ini, section))
        return;
    while (ini->lines[i].kind != INI_SECTION ||
           !str_eq(ini->lines[i].section, section))
        i++;
    struct str before = i == 0 ? STR("") : ini->lines[i - 1].section;
    while (end < ini->n && ini->lines[end].kind == INI_BLANK &&
           str_eq(ini->lines[end].section, section))
        end++;
    for (size_t k = i; k < end; k++)
        remove_line(ini, i);
    for (; i < ini->n && str_eq(ini->lines[i].section, section); i++)
        ini->lines[i].section = before;
}
