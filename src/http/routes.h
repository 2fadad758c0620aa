/* Routes as rows. A row's pattern is a path whose `{name}` parts take one
 * segment and whose last part may be `{name*}`, which takes the rest (with
 * slashes). Patterns are matched before percent-decoding, parameters are
 * handed out decoded; a `%00` or a bad escape matches nothing (404). A path
 * that some row spells out without parameters matches such rows only. */
#ifndef HTTP_ROUTES_H
#define HTTP_ROUTES_H

#include "base/arena.h"
#include "http/message.h"

enum { ROUTE_PARAMS_MAX = 4 };

struct route {
    const char *method; /* "GET"; HEAD matches GET rows */
    const char *pattern;
    unsigned id; /* the caller's: index into its own rows */
};

struct route_match {
    const struct route *route;           /* NULL: see is_method_wrong */
    bool is_path_known;                  /* another method would match: 405 */
    struct str params[ROUTE_PARAMS_MAX]; /* decoded, in order */
    size_t n_params;
};

/* Looks up among the rows in order (first match wins); decoded parameters
 * live in the arena. -1 when out of memory. */
int routes_match(const struct route *rows, size_t n, struct str method,
                 struct str path, struct arena *arena,
                 struct route_match *ret_match);
/* "GET, HEAD, POST" for the Allow header of a 405. */
int routes_allow(const struct route *rows, size_t n, struct str path,
                 char *buffer, size_t size);

#endif
