/* Between posix/ and the folders of the systems. */
#ifndef PLATFORM_LIBRARY_INTERNAL_H
#define PLATFORM_LIBRARY_INTERNAL_H

enum { LIBRARY_FILE_BYTES = 64 };

/* "libcrypto.so.3", "libcrypto.3.dylib" */
void library_file_name(const char *name, int version,
                       char ret_file[LIBRARY_FILE_BYTES]);

#endif
