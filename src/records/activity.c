/* The record of a request: see activity.h. */
#include "records/activity.h"

static const char *const phase_names[ACTIVITY_PHASES] = {
    [ACTIVITY_RECEIVING] = "receiving", [ACTIVITY_QUEUED] = "queued",
    [ACTIVITY_LOADING] = "loading",     [ACTIVITY_WORKING] = "working",
    [ACTIVITY_ANSWERING] = "answering", [ACTIVITY_FINISHING] = "finishing",
};
static const char *const outcome_names[ACTIVITY_OUTCOMES] = {
    [ACTIVITY_COMPLETED] = "completed",
    [ACTIVITY_FAILED] = "failed",
    [ACTIVITY_GONE] = "client_gone",
    [ACTIVITY_CANCELLED] = "cancelled",
};

const char *
activity_phase_name(enum activity_phase phase)
{
    return phase_names[phase];
}

const char *
activity_outcome_name(enum activity_outcome outcome)
{
    return outcome_names[outcome];
}

int
activity_outcome_from(struct str text, enum activity_outcome *ret_outcome)
{
    for (int i = 0; i < ACTIVITY_OUTCOMES; i++) {
        if (str_is(text, outcome_names[i])) {
            *ret_outcome = (enum activity_outcome)i;
            return 0;
        }
    }
    return -1;
}

void
activity_entry_init(struct activity_entry *entry)
{
    *entry = (struct activity_entry){
        .queue_ms = -1,
        .load_ms = -1,
        .first_token_ms = -1,
        .prompt_tokens = -1,
        .completion_tokens = -1,
        .cached_tokens = -1,
        .prompt_per_s = -1,
        .completion_per_s = -1,
    };
}

void
activity_entry_rate(struct activity_entry *entry)
{
    int64_t spent_ms = entry->duration_ms - entry->first_token_ms;
    if (entry->completion_per_s >= 0 || entry->first_token_ms < 0 ||
        entry->completion_tokens < 2 || spent_ms <= 0)
        return;
    entry->completion_per_s =
        (double)(entry->completion_tokens - 1) * 1000.0 / (double)spent_ms;
}
