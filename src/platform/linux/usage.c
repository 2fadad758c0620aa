/* Readings from /proc (proc(5)): usage.h. */
#include "platform/usage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/units.h"
#include "platform/linux/proc_texts.h"
#include "platform/usage_internal.h"

/* What is looked for stands near the begin of each. */
enum { TEXT_BYTES = 16 * 1024 };

static int
read_text(const char *path, char *buffer, struct str *ret_text,
          struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(error, errno, "%s", path);
    size_t n = 0;
    ssize_t got = 0;
    while (n < TEXT_BYTES && (got = read(fd, buffer + n, TEXT_BYTES - n)) > 0)
        n += (size_t)got;
    int errnum = errno;
    close(fd);
    if (got < 0)
        return error_errno(error, errnum, "%s", path);
    *ret_text = (struct str){ buffer, n };
    return 0;
}

int
usage_cpu(struct cpu_usage *ret_usage, struct error *error)
{
    char buffer[TEXT_BYTES];
    struct str text = STR("");
    if (read_text("/proc/stat", buffer, &text, error) < 0)
        return -1;
    return proc_read_cpu(text, ret_usage, error);
}

int
usage_memory(struct memory_usage *ret_usage, struct error *error)
{
    char buffer[TEXT_BYTES];
    struct str text = STR("");
    if (read_text("/proc/meminfo", buffer, &text, error) < 0 ||
        proc_read_number(text, "MemTotal", &ret_usage->total_bytes, error) < 0)
        return -1;
    return proc_read_number(text, "MemAvailable", &ret_usage->available_bytes,
                            error);
}

int
usage_swap(struct swap_usage *ret_usage, struct error *error)
{
    char buffer[TEXT_BYTES];
    struct str text = STR("");
    if (read_text("/proc/meminfo", buffer, &text, error) < 0 ||
        proc_read_number(text, "SwapTotal", &ret_usage->total_bytes, error) < 0)
        return -1;
    return proc_read_number(text, "SwapFree", &ret_usage->free_bytes, error);
}

int
usage_network(struct network_usage *ret_usage, struct error *error)
{
    char buffer[TEXT_BYTES];
    struct str text = STR("");
    if (read_text("/proc/net/dev", buffer, &text, error) < 0)
        return -1;
    return proc_read_network(text, ret_usage, error);
}

static int64_t
time_ms(const struct timeval *time)
{
    return (int64_t)time->tv_sec * SECOND_MS + time->tv_usec / 1000;
}

int
usage_own(struct own_usage *ret_usage, struct error *error)
{
    char buffer[TEXT_BYTES];
    struct str text = STR("");
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0)
        return error_errno(error, errno, "getrusage");
    ret_usage->cpu_ms = time_ms(&used.ru_utime) + time_ms(&used.ru_stime);
    if (read_text("/proc/self/status", buffer, &text, error) < 0 ||
        proc_read_number(text, "VmRSS", &ret_usage->rss_bytes, error) < 0)
        return -1;
    return proc_read_number(text, "Threads", &ret_usage->n_threads, error);
}

int
usage_disk_blocks(const char *path, struct disk_blocks *ret_blocks)
{
    struct statvfs facts;
    if (statvfs(path, &facts) != 0)
        return -1;
    *ret_blocks = (struct disk_blocks){ .n = facts.f_blocks,
                                        .n_free = facts.f_bavail,
                                        .bytes = facts.f_frsize };
    return 0;
}
