/* The log as text, one line for each entry:
 *
 *     2026-01-31T12:00:00.123Z info instances: tiny is ready
 *
 * The time is RFC 3339, UTC. Control characters and bytes that are not UTF-8
 * are escaped, so that no text from outside can forge a line or steer a
 * terminal. */
#ifndef FORMATS_LOG_LINE_H
#define FORMATS_LOG_LINE_H

#include <stdbool.h>

#include "records/log_entry.h"

/* With its line end, on the heap; NULL when out of memory. */
char *log_line(const struct log_entry *entry);

/* Such a line, without its end, as an entry (id 0); what was escaped stays
 * so, and what is too long is cut. False when it is no such line. */
bool log_line_read(struct str line, struct log_entry *ret_entry);

#endif
