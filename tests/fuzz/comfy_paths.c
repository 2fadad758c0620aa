/* extra_model_paths.yaml from anywhere: every path that is told is absolute,
 * tidy and of printable characters; every refusal says why. */
#include <stdlib.h>

#include "base/limits.h"
#include "formats/comfy_paths.h"
#include "fuzz.h"

static const char *
variable(void *ctx, const char *name)
{
    (void)ctx;
    return strcmp(name, "HOME") == 0 ? "/home/me" : "";
}

static void
on_path(void *ctx, const struct comfy_path *path)
{
    struct str rest = str_from(path->path);
    (void)ctx;
    if (rest.n >= LIMIT_PATH_BYTES || !str_starts_with(rest, STR("/")))
        abort();
    str_split(&rest, '/');
    while (rest.p != NULL) {
        struct str part = str_split(&rest, '/');
        if (part.n == 0 || str_is(part, ".") || str_is(part, ".."))
            abort();
    }
    for (const char *p = path->path; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20)
            abort();
    comfy_folder_kind(path->folder);
}

static void
on_ignored(void *ctx, int line, const char *why)
{
    (void)ctx;
    if (line < 1 || why[0] == '\0')
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct comfy_reader reader = { .folder = "/opt/comfy",
                                         .variable = variable,
                                         .on_path = on_path,
                                         .on_ignored = on_ignored };
    struct error error = { .code = ERR_OK };
    struct str text = { (const char *)data, n };
    if (comfy_paths_read(&reader, text, &error) < 0 && error.message[0] == '\0')
        abort();
    return 0;
}
