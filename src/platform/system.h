/* This machine, this user, this program. */
#ifndef PLATFORM_SYSTEM_H
#define PLATFORM_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Fills from the system's random source; never short. Ends the program when
 * there is none, for nothing safe could be done. */
void system_random(void *ret_bytes, size_t n);

/* Monotonic milliseconds, for callers without a loop. */
int64_t system_monotonic_ms(void);
/* Unix time in milliseconds. */
int64_t system_wall_ms(void);

/* Standard folders of this user for `hearth`, without making them: data
 * (XDG_DATA_HOME, ~/.local/share or the system's own), configuration. 0, or
 * -1 with `error` when there is no home or the path does not fit. */
int system_data_folder(char *ret_path, size_t size, struct error *error);
int system_config_folder(char *ret_path, size_t size, struct error *error);

/* Absolute path of the running program. */
int system_self_path(char *ret_path, size_t size, struct error *error);

/* Lets this thread's reading and writing wait for everybody else's, or no
 * more. Where the system has no such thing, nothing happens. */
void system_io_idle(bool is_idle);

/* Whether there is a screen even where no variable says so. */
bool system_has_own_screen(void);
int system_processors(void);       /* that we may run on; >= 1 */
int64_t system_memory_bytes(void); /* installed, -1: unknown */
int system_host_name(char *ret_name, size_t size);

#endif
