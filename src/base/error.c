/* Errors as values: see error.h. */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *wire;
    int status;
} error_rows[] = {
#define X(name, wire, status) [ERR_##name] = { wire, status },
    ERROR_CODES(X)
#undef X
};

_Static_assert(sizeof error_rows / sizeof *error_rows == ERR_COUNT,
               "one row for each error code");

/* Steps back from a cut in the middle of a UTF-8 sequence. */
static void
trim_partial_utf8(char *text, size_t n)
{
    size_t start = n;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (n - (start - 1) < want)
        text[start - 1] = '\0';
}

__attribute__((format(printf, 2, 0))) static void
set_message(struct error *error, const char *format, va_list args)
{
    int n = vsnprintf(error->message, sizeof error->message, format, args);
    if (n < 0)
        error->message[0] = '\0';
    else if ((size_t)n >= sizeof error->message)
        trim_partial_utf8(error->message, sizeof error->message - 1);
}

int
error_set(struct error *error, enum error_code code, const char *format, ...)
{
    if (error == NULL)
        return -1;
    error->code = code;
    error->field[0] = '\0';
    va_list args;
    va_start(args, format);
    set_message(error, format, args);
    va_end(args);
    return -1;
}

int
error_field(struct error *error, const char *field, const char *format, ...)
{
    if (error == NULL)
        return -1;
    error->code = ERR_INVALID;
    snprintf(error->field, sizeof error->field, "%s", field);
    va_list args;
    va_start(args, format);
    set_message(error, format, args);
    va_end(args);
    return -1;
}

/* strerror_r() is one of two functions: POSIX's fills the buffer and returns
 * a number, GNU's returns the text, which may lie elsewhere. */
__attribute__((unused)) static const char *
reason_posix(int result, const char *buf)
{
    return result == 0 ? buf : "unknown error";
}

__attribute__((unused)) static const char *
reason_gnu(const char *result, const char *buf)
{
    (void)buf;
    return result;
}

#define REASON(result, buf) \
    _Generic((result), int : reason_posix, char * : reason_gnu)((result), (buf))

int
error_errno(struct error *error, int errnum, const char *format, ...)
{
    if (error == NULL)
        return -1;
    error->code = errnum == ENOMEM ? ERR_NO_MEMORY : ERR_IO;
    error->field[0] = '\0';
    va_list args;
    va_start(args, format);
    set_message(error, format, args);
    va_end(args);
    size_t n = strlen(error->message);
    char buf[128];
    const char *reason = REASON(strerror_r(errnum, buf, sizeof buf), buf);
    snprintf(error->message + n, sizeof error->message - n, ": %s", reason);
    return -1;
}

const char *
error_wire(enum error_code code)
{
    return (unsigned)code < ERR_COUNT ? error_rows[code].wire : "internal";
}

int
error_http_status(enum error_code code)
{
    return (unsigned)code < ERR_COUNT ? error_rows[code].status : 500;
}

enum error_code
error_from_wire(const char *wire)
{
    for (int i = 0; i < ERR_COUNT; i++)
        if (strcmp(error_rows[i].wire, wire) == 0)
            return (enum error_code)i;
    return ERR_COUNT;
}
