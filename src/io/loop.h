/* The event loop: one thread, callbacks, one "now" per turn.
 *
 * Everything of one loop hangs off its `struct loop`; nothing is global.
 * Only loop_post() may be called from other threads. A turn is: timers,
 * polls, deferred work, closings. */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/error.h"
#include "base/list.h"

struct timer;

struct loop {
    uv_loop_t uv;
    pthread_t thread;
    uv_timer_t tick;     /* drives the timer heap */
    struct timer **heap; /* see timer.h */
    size_t n_timers;
    size_t heap_capacity;
    uv_async_t wake; /* posted work is there */
    pthread_mutex_t post_lock;
    struct list posts;
    uv_check_t turn_end; /* after the polls of a turn: deferred work */
    struct list deferred;
    bool is_closing;
    uv_prepare_t turn_start; /* deferred by timers and closings: before the
                              * loop sleeps, too */
    bool is_firing;          /* inside a timer's callback */
    char *read_buffer;       /* what every stream reads into */
};

enum { LOOP_READ_BYTES = 64 * 1024 };

/* Also makes the process ignore SIGPIPE: a write to a peer that is gone is
 * an error, not a signal. */
int loop_init(struct loop *loop, struct error *error);
/* Runs until loop_stop() or until nothing is left to wait for. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Closes what the loop itself opened and runs it until every handle is
 * gone. Handles of others must have been closed by then. */
void loop_close(struct loop *loop);

/* Monotonic milliseconds, the same for a whole turn. */
int64_t loop_now_ms(const struct loop *loop);
/* Unix time in milliseconds (reads the clock). */
int64_t loop_wall_ms(void);

/* True on the loop's own thread: `assert(loop_is_here(loop))`. */
bool loop_is_here(const struct loop *loop);

/* Calls `fn(arg)` on the loop's thread, soon, in order of posting. From any
 * thread. 0, or -1 when out of memory (then `fn` is never called). */
int loop_post(struct loop *loop, void (*fn)(void *arg), void *arg);

/* Calls `fn` once at the end of this turn, before the loop sleeps. The node
 * lives in the caller's object; deferring twice is one call. */
struct deferred {
    struct list node;
    void (*fn)(struct deferred *deferred);
};

void deferred_init(struct deferred *deferred,
                   void (*fn)(struct deferred *deferred));
void loop_defer(struct loop *loop, struct deferred *deferred);
void deferred_cancel(struct deferred *deferred);

/* Calls `fn` when the process gets the signal (which alone does not keep
 * the loop running). The handle is closed by
 * loop_signal_close; its memory must outlive the loop's next turn. */
struct loop_signal {
    uv_signal_t uv;
    void (*fn)(void *arg, int signum);
    void *arg;
};

int loop_signal_open(struct loop *loop, struct loop_signal *handle, int signum,
                     void (*fn)(void *arg, int signum), void *arg,
                     struct error *error);
void loop_signal_close(struct loop_signal *handle);

#endif
