/* What went wrong, as a value.
 *
 * A function that can fail returns 0 or a negative number and fills a
 * `struct error` that its caller owns (on the stack, usually). Library code
 * never logs; one layer (API handler, CLI, daemon) turns the error into an
 * answer or a log line. The codes are rows: each has its name on the wire
 * and the HTTP status it becomes. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* clang-format off */
/*      name                wire                   HTTP */
#define ERROR_CODES(X)                                  \
    X(OK,                   "ok",                   200) \
    X(BAD_REQUEST,          "bad_request",          400) \
    X(UNAUTHORIZED,         "unauthorized",         401) \
    X(FORBIDDEN,            "forbidden",            403) \
    X(NOT_FOUND,            "not_found",            404) \
    X(METHOD_NOT_ALLOWED,   "method_not_allowed",   405) \
    X(TIMEOUT,              "timeout",              408) \
    X(CONFLICT,             "conflict",             409) \
    X(PINNED,               "pinned",               409) \
    X(TOO_LARGE,            "too_large",            413) \
    X(URI_TOO_LONG,         "uri_too_long",         414) \
    X(UNSUPPORTED_MEDIA,    "unsupported_media",    415) \
    X(INVALID,              "invalid",              422) \
    X(UPGRADE_REQUIRED,     "upgrade_required",     426) \
    X(TOO_MANY_REQUESTS,    "too_many_requests",    429) \
    X(HEADERS_TOO_LARGE,    "headers_too_large",    431) \
    X(INTERNAL,             "internal",             500) \
    X(NO_MEMORY,            "no_memory",            503) \
    X(IO,                   "io_error",             500) \
    X(NO_SPACE,             "no_space",             507) \
    X(CHECKSUM,             "checksum",             502) \
    X(NOT_IMPLEMENTED,      "not_implemented",      501) \
    X(BAD_GATEWAY,          "bad_gateway",          502) \
    X(REDIRECT_LOOP,        "redirect_loop",        502) \
    X(UNAVAILABLE,          "unavailable",          503) \
    X(QUEUE_FULL,           "queue_full",           503) \
    X(QUEUE_TIMEOUT,        "queue_timeout",        503) \
    X(LOAD_FAILED,          "load_failed",          503) \
    X(DRAINING,             "draining",             503) \
    X(GATEWAY_TIMEOUT,      "gateway_timeout",      504) \
    X(VERSION_NOT_SUPPORTED, "version_not_supported", 505) \
    /* why an engine failed: explained from its exit and its log */ \
    X(ENGINE_PORT_IN_USE,   "port_in_use",          503) \
    X(ENGINE_MODEL_MISSING, "model_missing",        503) \
    X(ENGINE_MODEL_BAD,     "model_bad",            503) \
    X(ENGINE_OUT_OF_MEMORY, "out_of_memory",        503) \
    X(ENGINE_UNKNOWN_OPTION, "unknown_option",      503) \
    X(ENGINE_BINARY_MISSING, "binary_missing",      503) \
    X(ENGINE_GATED_MODEL,   "gated_model",          503) \
    X(ENGINE_EXITED,        "engine_exited",        503) \
    X(ENGINE_LOAD_TIMEOUT,  "load_timeout",         503) \
    X(ENGINE_UNHEALTHY,     "engine_unhealthy",     503) \
    X(ENGINE_LOST,          "engine_lost",          503) \
    X(REQUEST_CANCELLED,    "request_cancelled",    499) \
    X(CANCELLED,            "cancelled",            503)
/* clang-format on */

enum error_code {
#define X(name, wire, status) ERR_##name,
    ERROR_CODES(X)
#undef X
        ERR_COUNT
};

enum { ERROR_MESSAGE_MAX = 512, ERROR_FIELD_MAX = 64 };

struct error {
    enum error_code code;
    char field[ERROR_FIELD_MAX]; /* the field at fault, or "" */
    char message[ERROR_MESSAGE_MAX];
};

/* All that is wrong with one input: one message for each field. */
enum { FIELD_PROBLEMS_MAX = 32 };
struct field_problem {
    char field[ERROR_FIELD_MAX];
    char message[256];
};
struct field_problems {
    struct field_problem at[FIELD_PROBLEMS_MAX];
    size_t n;
};

/* Fills `error` (which may be NULL) and returns -1, so that a failure is one
 * statement: `return error_set(error, ERR_NOT_FOUND, "no profile %s", id);`
 * A message that does not fit is cut at a UTF-8 boundary. */
int error_set(struct error *error, enum error_code code, const char *format,
              ...) __attribute__((format(printf, 3, 4)));

/* The same for one field of the caller's input: code ERR_INVALID. */
int error_field(struct error *error, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* From `errno`-style numbers: "what: strerror". Code ERR_IO; ENOMEM becomes
 * ERR_NO_MEMORY. Returns -1. */
int error_errno(struct error *error, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

const char *error_wire(enum error_code code); /* "not_found" */
int error_http_status(enum error_code code);  /* 404 */
/* The code of a wire name, or ERR_COUNT. */
enum error_code error_from_wire(const char *wire);

#endif
