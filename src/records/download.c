/* The states of a download: see download.h. */
#include "records/download.h"

#define TO(name) STATE_BIT(DOWNLOAD_##name)

const struct state_row download_state_rows[DOWNLOAD_STATE_COUNT] = {
    [DOWNLOAD_QUEUED] = { "queued", TO(RESOLVING) | TO(PAUSED) | TO(FAILED) |
                                        TO(CANCELLED) },
    [DOWNLOAD_RESOLVING] = { "resolving", TO(DOWNLOADING) | TO(QUEUED) |
                                              TO(PAUSED) | TO(FAILED) |
                                              TO(CANCELLED) },
    [DOWNLOAD_DOWNLOADING] = { "downloading", TO(VERIFYING) | TO(QUEUED) |
                                                  TO(PAUSED) | TO(FAILED) |
                                                  TO(CANCELLED) },
    [DOWNLOAD_VERIFYING] = { "verifying", TO(COMPLETED) | TO(DOWNLOADING) |
                                              TO(QUEUED) | TO(FAILED) |
                                              TO(CANCELLED) },
    [DOWNLOAD_COMPLETED] = { "completed", 0 },
    [DOWNLOAD_PAUSED] = { "paused", TO(QUEUED) | TO(CANCELLED) },
    [DOWNLOAD_FAILED] = { "failed", TO(QUEUED) | TO(CANCELLED) },
    [DOWNLOAD_CANCELLED] = { "cancelled", 0 },
};

const char *
download_state_name(enum download_state state)
{
    return download_state_rows[state].name;
}

enum download_state
download_state_from(struct str wire)
{
    int state = 0;
    while (state < DOWNLOAD_STATE_COUNT &&
           !str_is(wire, download_state_rows[state].name))
        state++;
    return (enum download_state)state;
}

bool
download_state_is_active(enum download_state state)
{
    return state <= DOWNLOAD_VERIFYING;
}
