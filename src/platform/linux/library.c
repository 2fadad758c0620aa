/* What a shared library's file is called. */
#include "platform/library_internal.h"

#include <stddef.h>
#include <stdio.h>

const char *const library_folders[] = { "", NULL };

void
library_file_name(const char *name, int version,
                  char ret_file[LIBRARY_FILE_BYTES])
{
    snprintf(ret_file, LIBRARY_FILE_BYTES, "lib%s.so.%d", name, version);
}
