/* State machines as data: each state is a row with its name and the set of
 * states that may follow it. A machine has one setter, which asks
 * state_table_allows() before anything else.
 *
 *     static const struct state_row rows[] = {
 *         [STOPPED]  = { "stopped",  STATE_BIT(STARTING) },
 *         [STARTING] = { "starting", STATE_BIT(READY) | STATE_BIT(FAILED) },
 *     };
 */
#ifndef BASE_STATE_TABLE_H
#define BASE_STATE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

struct state_row {
    const char *name;
    uint32_t next; /* STATE_BIT of each state that may follow */
};

#define STATE_BIT(state) (UINT32_C(1) << (state))

static inline bool
state_table_allows(const struct state_row *rows, int from, int to)
{
    return (rows[from].next & STATE_BIT(to)) != 0;
}

#endif
