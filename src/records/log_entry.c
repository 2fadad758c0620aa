/* The log record: see log_entry.h. */
#include "records/log_entry.h"

static const char *const level_names[] = { "debug", "info", "warn", "error" };

const char *
log_level_name(enum log_level level)
{
    return level_names[level];
}

int
log_level_from(struct str text, enum log_level *ret_level)
{
    for (int i = 0; i < 4; i++) {
        if (str_is(text, level_names[i])) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -1;
}
