/* Loading libraries with dlopen(3): see library.h. */
#include "platform/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "platform/library_internal.h"

static int
open_file(const char *file, void **ret_library, struct error *error)
{
    *ret_library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (*ret_library == NULL)
        return error_set(error, ERR_NOT_IMPLEMENTED,
                         "%s cannot be loaded: install it (%s)", file,
                         dlerror());
    return 0;
}

int
library_load(const char *name, int version, void **ret_library,
             struct error *error)
{
    char file[LIBRARY_FILE_BYTES], path[2 * LIBRARY_FILE_BYTES];
    library_file_name(name, version, file);
    for (size_t i = 0; library_folders[i] != NULL; i++) {
        snprintf(path, sizeof path, "%s%s", library_folders[i], file);
        if (open_file(path, ret_library, i == 0 ? error : NULL) == 0)
            return 0;
    }
    return -1;
}

int
library_function(void *library, const char *name, void *ret_function,
                 struct error *error)
{
    void *address = dlsym(library, name);
    if (address == NULL)
        return error_set(error, ERR_NOT_IMPLEMENTED,
                         "the installed library lacks %s", name);
    memcpy(ret_function, &address, sizeof address);
    return 0;
}
