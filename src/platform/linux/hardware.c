/* Readings from /proc (proc(5)) and os-release(5). */
#include "platform/hardware.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"
#include "base/units.h"

/* The rest of the first line that begins with `key`, without the separator
 * characters around it: 0, or -1 with `error`. */
static int
read_value(const char *path, const char *key, const char *separators,
           char *ret_value, size_t size, struct error *error)
{
    char line[1024];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_errno(error, errno, "%s", path);
    size_t n_key = strlen(key);
    int result = -1;
    while (result < 0 && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, n_key) != 0)
            continue;
        char *value = line + n_key;
        value += strspn(value, separators);
        size_t n = strlen(value);
        while (n > 0 && strchr(separators, value[n - 1]) != NULL)
            n--;
        snprintf(ret_value, size, "%.*s", (int)n, value);
        result = 0;
    }
    fclose(file);
    if (result < 0)
        return error_set(error, ERR_IO, "%s says nothing of %s", path, key);
    return 0;
}

int
hardware_memory_available(int64_t *ret_bytes, struct error *error)
{
    char text[64];
    if (read_value("/proc/meminfo", "MemAvailable", ": \tkB\n", text,
                   sizeof text, error) < 0)
        return -1;
    int64_t kib = 0;
    if (str_to_i64(str_from(text), &kib) < 0 || kib < 0)
        return error_set(error, ERR_IO, "/proc/meminfo: MemAvailable is %s",
                         text);
    *ret_bytes = kib * (int64_t)KIB;
    return 0;
}

int
hardware_processor_name(char ret_name[HARDWARE_NAME_BYTES], struct error *error)
{
    static const char *const keys[] = { "model name", "Model", "Hardware",
                                        "cpu model" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (read_value("/proc/cpuinfo", keys[i], ": \t\n", ret_name,
                       HARDWARE_NAME_BYTES, error) == 0)
            return 0;
    return -1;
}

int
hardware_system_name(char ret_name[HARDWARE_NAME_BYTES], struct error *error)
{
    if (read_value("/etc/os-release", "PRETTY_NAME=", "\"'\n", ret_name,
                   HARDWARE_NAME_BYTES, error) == 0)
        return 0;
    return read_value("/usr/lib/os-release", "PRETTY_NAME=", "\"'\n", ret_name,
                      HARDWARE_NAME_BYTES, error);
}

int
hardware_load(double *ret_load, struct error *error)
{
    if (getloadavg(ret_load, 1) == 1)
        return 0;
    return error_set(error, ERR_IO, "the system does not say its load");
}

int
hardware_own_rss(int64_t *ret_bytes, struct error *error)
{
    char text[64];
    if (read_value("/proc/self/status", "VmRSS", ": \tkB\n", text, sizeof text,
                   error) < 0)
        return -1;
    int64_t kib = 0;
    if (str_to_i64(str_from(text), &kib) < 0 || kib < 0)
        return error_set(error, ERR_IO, "/proc/self/status: VmRSS is %s", text);
    *ret_bytes = kib * (int64_t)KIB;
    return 0;
}

int64_t
hardware_own_pid(void)
{
    return getpid();
}

/* The line of flags is longer than read_value() reads. */
bool
hardware_has_amx(void)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char *line = NULL;
    size_t size = 0;
    bool is_found = false, has_amx = false;
    while (file != NULL && !is_found && getline(&line, &size, file) > 0) {
        is_found = strncmp(line, "flags", 5) == 0;
        has_amx = is_found && strstr(line, " amx_int8") != NULL &&
                  strstr(line, " avx512_vnni") != NULL;
    }
    free(line);
    if (file != NULL)
        fclose(file);
    return has_amx;
}
