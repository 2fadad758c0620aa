/* Writing to a descriptor that others share and that may not be read: a pipe,
 * a terminal that is stopped. */
#ifndef PLATFORM_OUTPUT_H
#define PLATFORM_OUTPUT_H

#include "base/str.h"

/* Writes the beginning of `bytes` as soon as that does not block, waiting for
 * at most `timeout_ms`. Leaves the descriptor's flags alone: they belong to
 * the open file, which other processes have, too. Returns how many bytes were
 * taken, 0 when none could be; -1 when none ever will. Any thread. */
ptrdiff_t output_write(int fd, struct str bytes, int timeout_ms);

#endif
