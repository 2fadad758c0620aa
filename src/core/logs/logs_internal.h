/* Inside of logs. */
#ifndef CORE_LOGS_INTERNAL_H
#define CORE_LOGS_INTERNAL_H

#include "records/log_entry.h"

/* The entry as a line of text with its end, on the heap; NULL when out of
 * memory. Any thread. */
char *log_line(const struct log_entry *entry);

#endif
