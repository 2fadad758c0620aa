/* What is installed of an engine: for the list of engines and for the
 * doctor. Loop thread only. */
#ifndef CORE_INSTANCES_INSTALLED_H
#define CORE_INSTANCES_INSTALLED_H

#include "core/instances/instances.h"
#include "engines/engines.h"

/* `binary` is what the program says of itself (its path; version "" and
 * flags NULL when it does not say), or NULL with `error`: not installed, or
 * not asked. Both are borrowed for the call. */
typedef void installed_fn(void *ctx, const struct engine_binary *binary,
                          const struct error *error);

/* Looks for the engine's program where a start would, asks it once on a
 * worker, then calls back; at once when that is known already. An engine
 * without a program of its own is ERR_NOT_FOUND. */
void installed_ask(struct instances *instances,
                   const struct engine_manifest *manifest,
                   installed_fn *on_done, void *ctx);

#endif
