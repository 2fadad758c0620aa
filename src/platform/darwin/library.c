/* What a shared library's file is called. */
#include "platform/library_internal.h"

#include <stddef.h>
#include <stdio.h>

#include "platform/library.h"

/* The system does not look where Homebrew (of Apple's processors, of Intel's)
 * and MacPorts put theirs; what the system has of the kind, Homebrew keeps
 * apart. */
const char *const library_folders[] = {
    "",
    "/opt/homebrew/lib/",
    "/opt/homebrew/opt/openssl@3/lib/",
    "/opt/homebrew/opt/curl/lib/",
    "/usr/local/opt/openssl@3/lib/",
    "/usr/local/opt/curl/lib/",
    "/opt/local/lib/",
    NULL,
};

void
library_file_name(const char *name, int version,
                  char ret_file[LIBRARY_FILE_BYTES])
{
    if (version == LIBRARY_OF_SYSTEM)
        snprintf(ret_file, LIBRARY_FILE_BYTES,
                 "/System/Library/Frameworks/%s.framework/%s", name, name);
    else
        snprintf(ret_file, LIBRARY_FILE_BYTES, "lib%s.%d.dylib", name, version);
}
