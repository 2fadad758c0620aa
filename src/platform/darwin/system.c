/* Standard folders and the machine. Written from Apple's headers; not yet
 * run on a Mac. */
#include "platform/system.h"

#include <mach-o/dyld.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sysctl.h>

static int
support_folder(const char *variable, char *ret_path, size_t size,
               struct error *error)
{
    const char *base = getenv(variable);
    const char *home = getenv("HOME");
    int n;
    if (base != NULL && base[0] == '/')
        n = snprintf(ret_path, size, "%s/hearth", base);
    else if (home != NULL && home[0] == '/')
        n = snprintf(ret_path, size, "%s/Library/Application Support/hearth",
                     home);
    else
        return error_set(error, ERR_INVALID,
                         "neither %s nor HOME names a folder", variable);
    if (n < 0 || (size_t)n >= size)
        return error_set(error, ERR_INVALID, "the path in %s is too long",
                         variable);
    return 0;
}

int
system_data_folder(char *ret_path, size_t size, struct error *error)
{
    return support_folder("XDG_DATA_HOME", ret_path, size, error);
}

int
system_config_folder(char *ret_path, size_t size, struct error *error)
{
    return support_folder("XDG_CONFIG_HOME", ret_path, size, error);
}

int
system_self_path(char *ret_path, size_t size, struct error *error)
{
    uint32_t n = (uint32_t)size;
    if (_NSGetExecutablePath(ret_path, &n) != 0)
        return error_set(error, ERR_INVALID, "our own path is too long");
    return 0;
}

bool
system_has_own_screen(void)
{
    return true;
}

int64_t
system_memory_bytes(void)
{
    uint64_t bytes = 0;
    size_t n = sizeof bytes;
    if (sysctlbyname("hw.memsize", &bytes, &n, NULL, 0) != 0)
        return -1;
    return (int64_t)bytes;
}

/* setiopolicy_np(3) */
void
system_io_idle(bool is_idle)
{
    setiopolicy_np(IOPOL_TYPE_DISK, IOPOL_SCOPE_THREAD,
                   is_idle ? IOPOL_THROTTLE : IOPOL_DEFAULT);
}
