/* Timers without a second phase: a timer is a plain member of its owner's
 * struct, lives in the loop's heap while armed, and may be freed right after
 * timer_stop(). Starting, moving and stopping cost O(log n). */
#ifndef IO_TIMER_H
#define IO_TIMER_H

#include "io/loop.h"

struct timer {
    struct loop *loop; /* NULL: not armed */
    size_t heap_at;
    int64_t at_ms;
    void (*fn)(struct timer *timer);
};

void timer_init(struct timer *timer, void (*fn)(struct timer *timer));
/* Arms, or re-arms: fires once, `after_ms` from the turn's now. 0, or -1
 * when out of memory. */
int timer_start(struct loop *loop, struct timer *timer, int64_t after_ms);
void timer_stop(struct timer *timer);
bool timer_is_armed(const struct timer *timer);

#endif
