/* Reads metrics in the Prometheus text format, version 0.0.4
 * (prometheus.io, "Exposition formats"), as engines write them:
 *
 *     # HELP llamacpp:requests_deferred Number of requests deferred.
 *     # TYPE llamacpp:requests_deferred gauge
 *     llamacpp:requests_deferred 0
 *     vllm:num_requests_running{model_name="a"} 1.0 1700000000000
 *
 * Comments, values that are no finite number, and lines that are not of this
 * form are passed over. */
#ifndef FORMATS_PROMETHEUS_H
#define FORMATS_PROMETHEUS_H

#include <stdbool.h>

#include "base/str.h"

struct prometheus_sample {
    struct str name;
    struct str labels; /* what is between the braces, as it is; or empty */
    double value;
};

/* Takes the next sample off `rest`; false: there is none any more. Views into
 * the text. */
bool prometheus_next(struct str *rest, struct prometheus_sample *ret_sample);

#endif
