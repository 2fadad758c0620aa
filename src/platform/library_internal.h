/* Between posix/ and the folders of the systems. */
#ifndef PLATFORM_LIBRARY_INTERNAL_H
#define PLATFORM_LIBRARY_INTERNAL_H

enum { LIBRARY_FILE_BYTES = 128 };

/* "libcrypto.so.3", "libcrypto.3.dylib"; version LIBRARY_OF_SYSTEM: the path of
 * a framework. */
void library_file_name(const char *name, int version,
                       char ret_file[LIBRARY_FILE_BYTES]);

/* Where libraries are looked for, each with its last slash, up to a NULL; first
 * where the system itself does: "". */
extern const char *const library_folders[];

#endif
