/* What an installed engine says of itself: its version and its flags, asked
 * once for each file (path, size, time, inode) on a worker, then known. */
#ifndef CORE_INSTANCES_BINARY_PROBE_H
#define CORE_INSTANCES_BINARY_PROBE_H

#include "engines/engines.h"
#include "io/loop.h"

struct binary_probes;

struct binary_probes *binary_probes_new(struct loop *loop);
/* Running ones end first; nobody is told. */
void binary_probes_free(struct binary_probes *probes);

/* What is known of the program now, or NULL: it must be asked first. Valid
 * until the next turn. Costs one stat(). */
const struct engine_binary *binary_probe_find(struct binary_probes *probes,
                                              const char *path);

/* Asks it, then calls `on_done`. A program that does not answer is known
 * afterwards without version and flags: a start then shows why. 0, or -1
 * when out of memory (`on_done` is not called). */
int binary_probe_ask(struct binary_probes *probes, const char *path,
                     const struct engine_manifest *manifest,
                     void (*on_done)(void *ctx), void *ctx);

#endif
