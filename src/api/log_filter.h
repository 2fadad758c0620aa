/* What the views of the log share: logs.c, log_views.c. */
#ifndef API_LOG_FILTER_H
#define API_LOG_FILTER_H

#include "api/handlers.h"

/* From the query parameters level, source, q, since and until; texts live as
 * long as the call. */
void log_filter_read(struct call *call, struct log_filter *ret_filter);

#endif
