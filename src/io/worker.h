/* Work that may block, off the loop thread: files, hashes, name look-ups. */
#ifndef IO_WORKER_H
#define IO_WORKER_H

#include "io/loop.h"

struct worker_job;

/* Runs `work(arg)` on a pool thread, then `done(arg)` on the loop's thread.
 * `arg` is the caller's and must live until `done`; there is no cancelling:
 * a caller that is gone by then says so inside `arg`. 0, or -1 when out of
 * memory (then neither is called). */
int worker_submit(struct loop *loop, void (*work)(void *arg),
                  void (*done)(void *arg), void *arg);

#endif
