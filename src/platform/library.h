/* Shared libraries that are loaded when they are first needed. Being linked to
 * one costs every process of the program its pages and its relocations: a
 * keeper would be five times its size for libraries that it never calls.
 *
 * A loaded library stays for the life of the process; loading it again is
 * cheap. Any thread. */
#ifndef PLATFORM_LIBRARY_H
#define PLATFORM_LIBRARY_H

#include "base/error.h"

/* Instead of a version: one that comes with the system, macOS's "IOKit". */
enum { LIBRARY_OF_SYSTEM = -1 };

/* By its name and the version of its binary interface: "crypto", 3. 0, or -1
 * with ERR_NOT_IMPLEMENTED that names the file that is missing. */
int library_load(const char *name, int version, void **ret_library,
                 struct error *error);

/* Stores the address of a function at `ret_function`, a pointer to a function
 * of its type. */
int library_function(void *library, const char *name, void *ret_function,
                     struct error *error);

#endif
