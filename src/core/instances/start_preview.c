/* A look at a start: see start_preview.h. */
#include "core/instances/start_preview.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/instances/installed.h"
#include "core/instances/instances_internal.h"

enum { PREVIEW_ARENA_BYTES = 2 * 1024 * 1024 };

struct look {
    struct instances *all;
    const struct engine_manifest *manifest;
    struct start_preview_options options; /* holds the profile */
};

static void
tell(const struct look *look, const char *field, const char *message)
{
    look->options.on_problem(look->options.ctx, field, message);
}

static void
look_end(struct look *look, const char *program,
         const struct engine_command *command)
{
    look->options.on_done(look->options.ctx, program, command);
    profile_unref(look->options.profile);
    free(look);
}

static void
look_end_empty(struct look *look)
{
    char *none[] = { NULL };
    look_end(look, NULL, &(struct engine_command){ .argv = none, .env = none });
}

/* The path of the file that a router reads, where it would get one. */
static const char *
preset_of(const struct look *look, char path[512])
{
    struct error error = { .code = ERR_OK };
    struct strbuf text;
    struct profile *profile = look->options.profile;
    if (instances_compose(look->all, look->manifest, profile, &text, &error) !=
        0)
        tell(look, error.field, error.message);
    bool has_preset = text.n > 0;
    strbuf_release(&text);
    instance_preset_path(look->all,
                         profile->id[0] == '\0' ? "${id}" : profile->id, path);
    return has_preset ? path : NULL;
}

/* `program`: NULL when the engine's is not installed. */
static void
look_build(struct look *look, const struct engine_binary *binary,
           const char *program)
{
    struct error error = { .code = ERR_OK };
    struct arena arena;
    struct engine_command command;
    char preset[512], own[PROGRAM_BYTES];
    struct profile *profile = look->options.profile;
    struct engine_launch order = start_order(look->all, profile, binary);
    order.preset = preset_of(look, preset);
    order.port_text = profile->port == 0 ? START_PREVIEW_PORT : NULL;
    order.api_key = "***";
    order.hides_secrets = true;
    order.on_problem = look->options.on_problem;
    order.problem_ctx = look->options.ctx;
    arena_init(&arena, PREVIEW_ARENA_BYTES);
    if (engine_build_command(look->manifest, &order, &arena, &command,
                             &error) != 0) {
        tell(look, error.field, error.message);
        look_end_empty(look);
        arena_release(&arena);
        return;
    }
    if (start_has_own_program(look->manifest) && command.argc > 0) {
        program = NULL;
        if (process_find_program(command.argv[0], own, sizeof own) == 0)
            program = own;
        else
            error_set(&error, ERR_ENGINE_BINARY_MISSING,
                      "%s: there is no such program", command.argv[0]);
        if (program == NULL)
            tell(look, "command", error.message);
    }
    look_end(look, program, &command);
    arena_release(&arena);
}

static void
on_installed(void *ctx, const struct engine_binary *binary,
             const struct error *error)
{
    struct look *look = ctx;
    struct engine_binary missing = { .path = look->manifest->binaries[0],
                                     .version = "" };
    if (binary == NULL)
        tell(look, "engine", error->message);
    look_build(look, binary == NULL ? &missing : binary,
               binary == NULL ? NULL : binary->path);
}

void
start_preview(struct instances *instances,
              const struct start_preview_options *options)
{
    struct error error = { .code = ERR_OK };
    struct profile *profile = options->profile;
    struct look *look = calloc(1, sizeof *look);
    if (look == NULL) {
        char *none[] = { NULL };
        options->on_problem(options->ctx, "", "out of memory");
        options->on_done(options->ctx, NULL,
                         &(struct engine_command){ .argv = none, .env = none });
        return;
    }
    *look = (struct look){
        .all = instances,
        .manifest = engines_find(instances->options.engines, profile->engine),
        .options = *options,
    };
    profile_ref(profile);
    if (look->manifest == NULL) {
        error_set(&error, ERR_INVALID, "there is no engine \"%.40s\"",
                  profile->engine);
        tell(look, "engine", error.message);
        look_end_empty(look);
        return;
    }
    if (look->manifest->is_external) {
        if (profile->port == 0)
            tell(look, "port",
                 "a server that runs already has a port: none is named");
        look_end_empty(look);
        return;
    }
    if (start_check_model(look->manifest, profile, &error) != 0)
        tell(look, "model_path", error.message);
    struct engine_binary unknown = { .path = "", .version = "" };
    if (start_has_own_program(look->manifest))
        look_build(look, &unknown, NULL);
    else
        installed_ask(instances, look->manifest, on_installed, look);
}
