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

/* Runs `work(arg)` here and on up to `n_more` threads beside this one, and
 * returns when all of them have. Where no thread is to be had, there are fewer.
 * For work that is shared out by an atomic counter; any thread. */
enum { WORKER_MORE_MAX = 15 };
void worker_side_by_side(size_t n_more, void (*work)(void *arg), void *arg);

#endif
