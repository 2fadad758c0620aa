/* Names from outside: see file_name.h. */
#include "formats/file_name.h"

#include <stdio.h>

static const char *const reserved[] = { "con",  "prn",  "aux",  "nul",  "com1",
                                        "com2", "com3", "com4", "com5", "com6",
                                        "com7", "com8", "com9", "lpt1", "lpt2",
                                        "lpt3", "lpt4", "lpt5", "lpt6", "lpt7",
                                        "lpt8", "lpt9" };

/* Of files that are not finished; see core/downloads. */
static const char *const ours[] = { ".part", ".part.journal", ".incomplete",
                                    ".lock" };

/* Code points that show text in another order, or do not show at all. */
static const struct {
    uint32_t first, last;
} hidden[] = {
    { 0x00AD, 0x00AD }, { 0x061C, 0x061C }, { 0x115F, 0x1160 },
    { 0x180E, 0x180E }, { 0x200B, 0x200F }, { 0x2028, 0x202E },
    { 0x2060, 0x206F }, { 0x3164, 0x3164 }, { 0xFE00, 0xFE0F },
    { 0xFEFF, 0xFEFF }, { 0xFFF9, 0xFFFB }, { 0xE0000, 0xE0FFF },
};

/* `text` is UTF-8. */
static uint32_t
next_character(struct str *text)
{
    unsigned char first = (unsigned char)text->p[0];
    size_t n = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t c = n == 1 ? first : first & (0xFFU >> (n + 1));
    for (size_t i = 1; i < n; i++)
        c = c << 6 | ((unsigned char)text->p[i] & 0x3FU);
    *text = (struct str){ text->p + n, text->n - n };
    return c;
}

static const char *
bad_character(struct str name)
{
    while (name.n > 0) {
        uint32_t c = next_character(&name);
        if (c < 0x20 || (c >= 0x7F && c < 0xA0))
            return "it holds a control character";
        if (c == '/' || c == '\\')
            return "it holds a slash";
        if (c < 0x80 && strchr("<>:\"|?*", (int)c) != NULL)
            return "it holds one of < > : \" | ? *";
        for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
            if (c >= hidden[i].first && c <= hidden[i].last)
                return "it holds a character that hides or turns text";
    }
    return NULL;
}

static bool
is_reserved(struct str name)
{
    ptrdiff_t dot = str_find(name, '.');
    struct str stem = { name.p, dot < 0 ? name.n : (size_t)dot };
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (str_eq_nocase(stem, str_from(reserved[i])))
            return true;
    return false;
}

static bool
is_ours(struct str name)
{
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (str_ends_with(name, str_from(ours[i])))
            return true;
    return false;
}

static const char *
fault_of(struct str name)
{
    if (name.n == 0)
        return "it is empty";
    if (name.n > FILE_NAME_PART_BYTES)
        return "it is longer than 255 bytes";
    if (str_is(name, ".") || str_is(name, ".."))
        return "it leads out of its folder";
    if (!str_is_utf8(name))
        return "it is no UTF-8";
    const char *fault = bad_character(name);
    if (fault != NULL)
        return fault;
    if (name.p[0] == '-')
        return "it begins with a dash";
    if (name.p[0] == ' ' || name.p[name.n - 1] == ' ' ||
        name.p[name.n - 1] == '.')
        return "it begins with a space or ends with a space or dot";
    if (str_eq_nocase(name, STR(".git")))
        return "it is .git";
    if (is_reserved(name))
        return "some systems reserve it";
    return is_ours(name) ? "it has the ending of an unfinished file" : NULL;
}

/* What can be shown of it. */
static int
refuse(struct str name, const char *fault, struct error *error)
{
    char shown[64];
    size_t n = 0;
    for (size_t i = 0; i < name.n && n + 1 < sizeof shown; i++) {
        unsigned char c = (unsigned char)name.p[i];
        shown[n++] = c < 0x20 || c >= 0x7F ? '?' : (char)c;
    }
    shown[n] = '\0';
    return error_set(error, ERR_INVALID, "\"%s\" is no name for a file: %s",
                     shown, fault);
}

int
file_name_check(struct str name, struct error *error)
{
    const char *fault = fault_of(name);
    return fault == NULL ? 0 : refuse(name, fault, error);
}

int
file_name_check_path(struct str path, struct error *error)
{
    if (path.n > FILE_NAME_PATH_BYTES)
        return refuse(path, "it is longer than 1024 bytes", error);
    struct str rest = path;
    do {
        struct str part = str_split(&rest, '/');
        const char *fault = fault_of(part);
        if (fault != NULL)
            return refuse(path, fault, error);
    } while (rest.p != NULL);
    return 0;
}
