/* A binary heap of the armed timers, earliest first, on one uv timer.
 *
 * The tick may be set too early (its timer was stopped or moved back): then
 * it finds nothing due and is set anew. It is never set too late. */
#include "io/timer.h"

#include <assert.h>
#include <stdlib.h>

static void
place(struct loop *loop, size_t at, struct timer *timer)
{
    loop->heap[at] = timer;
    timer->heap_at = at;
}

static void
sift_up(struct loop *loop, size_t at)
{
    struct timer *timer = loop->heap[at];
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (loop->heap[parent]->at_ms <= timer->at_ms)
            break;
        place(loop, at, loop->heap[parent]);
        at = parent;
    }
    place(loop, at, timer);
}

static void
sift_down(struct loop *loop, size_t at)
{
    struct timer *timer = loop->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= loop->n_timers)
            break;
        if (child + 1 < loop->n_timers &&
            loop->heap[child + 1]->at_ms < loop->heap[child]->at_ms)
            child++;
        if (timer->at_ms <= loop->heap[child]->at_ms)
            break;
        place(loop, at, loop->heap[child]);
        at = child;
    }
    place(loop, at, timer);
}

static void on_tick(uv_timer_t *tick);

/* No tick without a timer: it would keep the loop running. */
static void
set_tick(struct loop *loop)
{
    if (loop->is_firing)
        return;
    if (loop->n_timers == 0) {
        uv_timer_stop(&loop->tick);
        return;
    }
    int64_t wait_ms = loop->heap[0]->at_ms - loop_now_ms(loop);
    if (wait_ms < 0)
        wait_ms = 0;
    if (uv_is_active((uv_handle_t *)&loop->tick) &&
        uv_timer_get_due_in(&loop->tick) <= (uint64_t)wait_ms)
        return;
    uv_timer_start(&loop->tick, on_tick, (uint64_t)wait_ms, 0);
}

static void
on_tick(uv_timer_t *tick)
{
    struct loop *loop = tick->data;
    int64_t now_ms = loop_now_ms(loop);
    loop->is_firing = true;
    while (loop->n_timers > 0 && loop->heap[0]->at_ms <= now_ms) {
        struct timer *timer = loop->heap[0];
        timer_stop(timer);
        timer->fn(timer);
    }
    loop->is_firing = false;
    set_tick(loop);
}

void
timer_init(struct timer *timer, void (*fn)(struct timer *timer))
{
    *timer = (struct timer){ .fn = fn };
}

static int
make_room(struct loop *loop)
{
    if (loop->n_timers < loop->heap_capacity)
        return 0;
    size_t capacity = loop->heap_capacity == 0 ? 64 : 2 * loop->heap_capacity;
    struct timer **heap = realloc(loop->heap, capacity * sizeof *heap);
    if (heap == NULL)
        return -1;
    loop->heap = heap;
    loop->heap_capacity = capacity;
    return 0;
}

int
timer_start(struct loop *loop, struct timer *timer, int64_t after_ms)
{
    assert(loop_is_here(loop));
    /* A timer that re-arms itself with 0 must let the loop turn. */
    if (after_ms <= 0)
        after_ms = loop->is_firing ? 1 : 0;
    if (timer->loop == NULL) {
        if (make_room(loop) != 0)
            return -1;
        timer->loop = loop;
        place(loop, loop->n_timers++, timer);
    }
    if (__builtin_add_overflow(loop_now_ms(loop), after_ms, &timer->at_ms))
        timer->at_ms = INT64_MAX;
    sift_up(loop, timer->heap_at);
    sift_down(loop, timer->heap_at);
    set_tick(loop);
    return 0;
}

void
timer_stop(struct timer *timer)
{
    struct loop *loop = timer->loop;
    if (loop == NULL)
        return;
    size_t at = timer->heap_at;
    struct timer *last = loop->heap[--loop->n_timers];
    timer->loop = NULL;
    if (last != timer) {
        place(loop, at, last);
        sift_up(loop, at);
        sift_down(loop, last->heap_at);
    }
    set_tick(loop);
}

bool
timer_is_armed(const struct timer *timer)
{
    return timer->loop != NULL;
}
