/* What a start of a profile would run, with nothing started or written: built
 * by the code of a start. Loop thread only. */
#ifndef CORE_INSTANCES_START_PREVIEW_H
#define CORE_INSTANCES_START_PREVIEW_H

#include "core/instances/instances.h"
#include "engines/engines.h"

/* `program` is the file that argv[0] stands for, or NULL: it is not there, or
 * nothing is started (argc 0). In argv, START_PREVIEW_PORT stands for a port
 * that is chosen at each start, and secrets are "***". Borrowed for the
 * call. */
#define START_PREVIEW_PORT "${port}"
typedef void start_preview_fn(void *ctx, const char *program,
                              const struct engine_command *command);

struct start_preview_options {
    struct profile *profile; /* perhaps with values that are wrong */
    /* What would keep it from starting, or cannot be used and is left out;
     * `field` is "" where it is about none. Before `on_done`. */
    void (*on_problem)(void *ctx, const char *field, const char *message);
    start_preview_fn *on_done;
    void *ctx;
};

/* Asks the installed program for its flags (once, on a worker), then calls
 * back; at once when that is known. */
void start_preview(struct instances *instances,
                   const struct start_preview_options *options);

#endif
