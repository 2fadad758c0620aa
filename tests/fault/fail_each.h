/* Letting each allocation of some work fail in turn. The program is linked with
 * --wrap for malloc, calloc and realloc; one thread. */
#ifndef FAULT_FAIL_EACH_H
#define FAULT_FAIL_EACH_H

#include "base/error.h"

/* Does the work once as it is, then once for each of its allocations, which
 * fails: each time it must succeed or answer ERR_NO_MEMORY, else the program
 * ends with what went wrong. `work` returns 0, or -1 with its error. */
void fail_each(const char *what, int (*work)(struct error *error));

#endif
