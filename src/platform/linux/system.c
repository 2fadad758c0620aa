/* Standard folders (XDG base directory specification 0.8) and the machine. */
#include "platform/system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

static int
standard_folder(const char *variable, const char *below_home, char *ret_path,
                size_t size, struct error *error)
{
    const char *base = getenv(variable);
    const char *home = getenv("HOME");
    int n;
    /* The specification: a relative path in the variable is ignored. */
    if (base != NULL && base[0] == '/')
        n = snprintf(ret_path, size, "%s/hearth", base);
    else if (home != NULL && home[0] == '/')
        n = snprintf(ret_path, size, "%s/%s/hearth", home, below_home);
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
    return standard_folder("XDG_DATA_HOME", ".local/share", ret_path, size,
                           error);
}

int
system_config_folder(char *ret_path, size_t size, struct error *error)
{
    return standard_folder("XDG_CONFIG_HOME", ".config", ret_path, size, error);
}

int
system_self_path(char *ret_path, size_t size, struct error *error)
{
    ssize_t n = readlink("/proc/self/exe", ret_path, size);
    if (n < 0)
        return error_errno(error, errno, "/proc/self/exe");
    if ((size_t)n >= size)
        return error_set(error, ERR_INVALID, "our own path is too long");
    ret_path[n] = '\0';
    return 0;
}

bool
system_has_own_screen(void)
{
    return false; /* DISPLAY or WAYLAND_DISPLAY says so */
}

int64_t
system_memory_bytes(void)
{
    struct sysinfo info;
    if (sysinfo(&info) != 0)
        return -1;
    return (int64_t)info.totalram * info.mem_unit;
}

/* ioprio_set(2): class in the upper three bits of 16; there is no wrapper. */
void
system_io_idle(bool is_idle)
{
    enum { WHO_THREAD = 1, CLASS_SHIFT = 13, CLASS_NONE = 0, CLASS_IDLE = 3 };
    syscall(SYS_ioprio_set, WHO_THREAD, 0,
            (is_idle ? CLASS_IDLE : CLASS_NONE) << CLASS_SHIFT);
}
