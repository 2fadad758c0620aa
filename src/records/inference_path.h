/* The paths that the gateway serves, as rows: who may be asked how, and where
 * the model's name stands. The gateway routes by them, the API's document
 * tells of them. */
#ifndef RECORDS_INFERENCE_PATH_H
#define RECORDS_INFERENCE_PATH_H

#include <stdbool.h>

#include "base/str.h"

enum path_kind {
    PATH_NONE,
    PATH_BODY,     /* in the body: JSON or form; `?model=` goes before it */
    PATH_QUERY,    /* ?model= */
    PATH_UPSTREAM, /* /upstream/{model}/rest */
    PATH_LIST,     /* GET /v1/models, GET /models */
    PATH_ONE,      /* GET /v1/models/{id} */
    PATH_LOAD,     /* POST /models/load */
    PATH_UNLOAD,   /* POST /models/unload */
};

struct path_row {
    const char *path;   /* ends in '*': everything that begins so */
    enum path_kind get; /* PATH_NONE: 405 */
    enum path_kind post;
    enum path_kind other; /* PUT, DELETE, PATCH */
    bool is_open;         /* GET without `?model=` is answered by us */
};

extern const struct path_row path_rows[];
extern const size_t n_path_rows;

/* The row of a path, or NULL. */
const struct path_row *path_find(struct str path);
/* What this method means on it. */
enum path_kind path_kind_of(const struct path_row *row, struct str method);
/* "GET, HEAD, POST" */
const char *path_allow(const struct path_row *row);

#endif
