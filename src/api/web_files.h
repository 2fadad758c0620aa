/* The dashboard, embedded at build time: made by tools/embed-web out of web/,
 * or no_web_files.c where the build leaves it out. */
#ifndef API_WEB_FILES_H
#define API_WEB_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct web_file {
    const char *path; /* below the base path: "/favicon.svg" */
    const char *type;
    const char *etag; /* W/"...": the same for both forms */
    bool is_hashed;   /* its name tells its content: never changes */
    struct str plain;
    struct str packed; /* gzip; { NULL, 0 }: not worth it */
};

struct web_files {
    const struct web_file *at; /* sorted by path */
    size_t n;
    /* The page of every address, cut where the base path goes. */
    const char *const *shell_parts;
    size_t n_shell_parts;
    const char *policy; /* Content-Security-Policy of the shell */
};

extern const struct web_files web_files;

#endif
