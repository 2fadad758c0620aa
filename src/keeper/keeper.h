/* The keeper: the small process that each engine runs under.
 *
 * Started by hearth as `hearth __keeper NAME`, with a listening unix socket
 * as descriptor 3 and nothing else; what to run comes over that socket
 * (formats/keeper_protocol.h), so that no secret stands in a command line.
 * It starts the engine in a process group of its own, reads all that the
 * engine writes, keeps it in a rotated file without ever holding the engine
 * up, reaps it, and keeps its exit status until hearth has taken it. It
 * outlives hearth: a new one attaches to the same socket. When nobody has
 * been attached for the orphan timeout, it stops the engine by the given
 * steps, leaves the last status in a file, and ends. */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

/* The entry, called from main(); returns the exit code: 0 when released, 1
 * when it could not work at all. NAME is for `ps` only. */
int keeper_main(int argc, char **argv);

enum { KEEPER_LISTENER_FD = 3 };

#endif
