/* The routes of the control plane as rows: what serves them, what they need,
 * what they take and give. Serving, checking of input and the OpenAPI
 * document all read this one table. */
#ifndef API_ROWS_H
#define API_ROWS_H

#include "api/schema.h"
#include "core/auth/auth.h"
#include "http/routes.h"

struct call;

enum query_type { QUERY_TEXT, QUERY_INT, QUERY_BOOL, QUERY_CHOICE };

struct query_param {
    const char *name; /* NULL ends the list */
    enum query_type type;
    int64_t min, max; /* int: bounds; text: bytes */
    const char *const *choices;
    const char *help;
};

enum row_flag {
    ROW_STREAM = 1 << 0,      /* answers with server-sent events */
    ROW_PLAIN = 1 << 1,       /* answers with text */
    ROW_BARE = 1 << 2,        /* answers with the data itself, no envelope */
    ROW_CORE_CHECKS = 1 << 3, /* core checks the body, by its own tables */
    ROW_BODY_OPTIONAL = 1 << 4,
    ROW_WEBSOCKET = 1 << 5, /* answers 101 to a handshake (api/socket.h) */
    ROW_UNCHECKED = 1 << 6, /* the handler looks at query and body itself */
    ROW_HEADERS = 1 << 7,   /* looks at the request's headers */
    ROW_DOWNLOAD = 1 << 8,  /* answers piece by piece; bare */
    ROW_PICTURE = 1 << 9,   /* answers with a picture (formats/picture.h) */
    ROW_LARGE = 1 << 10     /* its body may have LIMIT_CONFIG_BYTES */
};

struct api_row {
    const char *method;
    const char *pattern;
    enum authority needs;
    void (*handle)(struct call *call);
    const char *summary;
    const char *statuses;            /* of success: "200", "202 204" */
    const struct schema *input;      /* NULL: a body must be empty or {} */
    const struct schema *output;     /* of `data`; NULL: nothing or text */
    const struct query_param *query; /* NULL: takes none */
    unsigned flags;
};

extern const struct api_row api_rows[];
extern const size_t n_api_rows;

#endif
