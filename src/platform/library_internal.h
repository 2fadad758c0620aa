/* Between posix/ and the folders of the systems. */
#ifndef PLATFORM_LIBRARY_INTERNAL_H
#define PLATFORM_LIBRARY_INTERNAL_H

#include "base/error.h"

enum { LIBRARY_FILE_BYTES = 128 };

/* "libcrypto.so.3", "libcrypto.3.dylib" */
void library_file_name(const char *name, int version,
                       char ret_file[LIBRARY_FILE_BYTES]);

/* Where libraries are looked for, each with its last slash, up to a NULL; first
 * where the system itself does: "". */
extern const char *const library_folders[];

/* library_load() of a file by its name or path. */
int library_open(const char *file, void **ret_library, struct error *error);

#endif
