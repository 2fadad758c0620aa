/* The instance record and its state table: see instance.h. */
#include "records/instance.h"

#define TO(name) STATE_BIT(INSTANCE_##name)

const struct state_row instance_state_rows[INSTANCE_STATE_COUNT] = {
    [INSTANCE_STOPPED] = { "stopped", TO(STARTING) | TO(ATTACHING) },
    [INSTANCE_ATTACHING] = { "attaching", TO(READY) | TO(LOADING) | TO(FAILED) |
                                              TO(STOPPED) },
    [INSTANCE_STARTING] = { "starting",
                            TO(LOADING) | TO(FAILED) | TO(STOPPING) },
    [INSTANCE_LOADING] = { "loading", TO(READY) | TO(FAILED) | TO(STOPPING) },
    [INSTANCE_READY] = { "ready", TO(DRAINING) | TO(UNHEALTHY) | TO(FAILED) |
                                      TO(STOPPING) },
    [INSTANCE_UNHEALTHY] = { "unhealthy",
                             TO(READY) | TO(FAILED) | TO(STOPPING) },
    [INSTANCE_DRAINING] = { "draining", TO(STOPPING) | TO(READY) | TO(FAILED) },
    [INSTANCE_STOPPING] = { "stopping", TO(STOPPED) | TO(FAILED) },
    [INSTANCE_FAILED] = { "failed", TO(BACKOFF) | TO(STOPPED) | TO(STARTING) },
    [INSTANCE_BACKOFF] = { "backoff", TO(STOPPED) | TO(STARTING) },
};

const char *
instance_state_name(enum instance_state state)
{
    return instance_state_rows[state].name;
}

const char *
stop_kind_name(enum stop_kind kind)
{
    static const char *const names[] = { "none", "graceful", "forced" };
    return names[kind];
}
