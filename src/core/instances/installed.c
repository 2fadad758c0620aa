/* What is installed of an engine: see installed.h. */
#include "core/instances/installed.h"

#include <stdlib.h>

#include "core/instances/instances_internal.h"

enum { INSTALLED_PATH_BYTES = 4096 };

struct inquiry {
    struct instances *instances;
    installed_fn *on_done;
    void *ctx;
    char path[INSTALLED_PATH_BYTES];
};

int
instances_find_program(const struct instances *all,
                       const struct engine_manifest *manifest, char *ret_path,
                       size_t size, struct error *error)
{
    const struct instances_options *options = &all->options;
    const char *configured =
        options->engine_path == NULL
            ? NULL
            : options->engine_path(options->ctx, manifest->name);
    if (manifest->binaries == NULL || manifest->binaries[0] == NULL)
        return error_set(error, ERR_NOT_FOUND, "%s has no program of its own",
                         manifest->name);
    if (configured != NULL && configured[0] != '\0') {
        if (process_find_program(configured, ret_path, size) == 0)
            return 0;
        return error_set(error, ERR_ENGINE_BINARY_MISSING,
                         "engines.%s.path: %s is no program", manifest->name,
                         configured);
    }
    for (size_t i = 0; manifest->binaries[i] != NULL; i++)
        if (process_find_program(manifest->binaries[i], ret_path, size) == 0)
            return 0;
    return error_set(error, ERR_ENGINE_BINARY_MISSING,
                     "%s is not installed. %s", manifest->binaries[0],
                     manifest->install_hint);
}

static void
on_asked(void *ctx)
{
    struct inquiry *inquiry = ctx;
    const struct engine_binary *binary =
        binary_probe_find(inquiry->instances->probes, inquiry->path);
    struct error error;
    error_set(&error, ERR_UNAVAILABLE, "%s changed while it was asked",
              inquiry->path);
    inquiry->on_done(inquiry->ctx, binary, binary == NULL ? &error : NULL);
    free(inquiry);
}

void
installed_ask(struct instances *instances,
              const struct engine_manifest *manifest, installed_fn *on_done,
              void *ctx)
{
    struct error error = { .code = ERR_OK };
    struct inquiry *inquiry = calloc(1, sizeof *inquiry);
    if (inquiry == NULL) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, NULL, &error);
        return;
    }
    *inquiry = (struct inquiry){ .instances = instances,
                                 .on_done = on_done,
                                 .ctx = ctx };
    if (instances_find_program(instances, manifest, inquiry->path,
                               sizeof inquiry->path, &error) < 0) {
        on_done(ctx, NULL, &error);
        free(inquiry);
        return;
    }
    if (binary_probe_find(instances->probes, inquiry->path) != NULL) {
        on_asked(inquiry);
        return;
    }
    if (binary_probe_ask(instances->probes, inquiry->path, manifest, on_asked,
                         inquiry) < 0) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, NULL, &error);
        free(inquiry);
    }
}
