/* Clock, random bytes, names: what every POSIX system says alike. */
#include "platform/system.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

void
system_random(void *ret_bytes, size_t n)
{
    char *at = ret_bytes;
    while (n > 0) {
        size_t piece = n < 256 ? n : 256; /* getentropy's own limit */
        if (getentropy(at, piece) != 0)
            abort();
        at += piece;
        n -= piece;
    }
}

static int64_t
clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
system_monotonic_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t
system_wall_ms(void)
{
    return clock_ms(CLOCK_REALTIME);
}

int
system_processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

int
system_host_name(char *ret_name, size_t size)
{
    if (gethostname(ret_name, size) != 0)
        return -1;
    ret_name[size - 1] = '\0';
    return 0;
}
