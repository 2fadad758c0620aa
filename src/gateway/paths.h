/* Model names in paths. The rows of the gateway are in
 * records/inference_path.h. */
#ifndef GATEWAY_PATHS_H
#define GATEWAY_PATHS_H

#include "records/inference_path.h"

/* Decodes %XX; the length, or -1 for a bad escape, a zero byte or when it
 * does not fit. */
ptrdiff_t path_decode(struct str text, char *buffer, size_t size);

#endif
