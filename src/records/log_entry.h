/* One line of the program's own log. */
#ifndef RECORDS_LOG_ENTRY_H
#define RECORDS_LOG_ENTRY_H

#include <stdint.h>

#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

const char *log_level_name(enum log_level level); /* "debug" ... "error" */
int log_level_from(struct str text, enum log_level *ret_level);

enum { LOG_SOURCE_BYTES = 48, LOG_TEXT_BYTES = 1024 };

struct log_entry {
    int64_t id;    /* rises by one, gaps allowed */
    int64_t at_ms; /* Unix time */
    enum log_level level;
    char source[LOG_SOURCE_BYTES]; /* the module: "instances" */
    char message[LOG_TEXT_BYTES];
};

#endif
