/* Stands in for the dashboard where it was left out of the build. */
#include "api/web_files.h"

static const char *const shell_parts[] = {
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    "<title>Hearth</title></head>\n<body><h1>Hearth</h1>\n"
    "<p>This build has no dashboard (-Dweb=disabled). What it can do is at <a "
    "href=\"",
    "/api/openapi.json\">openapi.json</a>.</p></body></html>\n",
};

const struct web_files web_files = {
    .shell_parts = shell_parts,
    .n_shell_parts = sizeof shell_parts / sizeof *shell_parts,
    .policy = "default-src 'none'; form-action 'none'; base-uri 'none'; "
              "frame-ancestors 'none'",
};
