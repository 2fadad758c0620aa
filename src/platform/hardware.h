/* What this machine is and how busy it is. Each reading is one short look at
 * what the system keeps in memory; any thread. */
#ifndef PLATFORM_HARDWARE_H
#define PLATFORM_HARDWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { HARDWARE_NAME_BYTES = 128 };

/* Bytes that new work could get without swapping. 0, or -1 with `error`. */
int hardware_memory_available(int64_t *ret_bytes, struct error *error);
/* The processor's name as its maker calls it. */
int hardware_processor_name(char ret_name[HARDWARE_NAME_BYTES],
                            struct error *error);
/* The system's name and version: "Debian GNU/Linux 12 (bookworm)". */
int hardware_system_name(char ret_name[HARDWARE_NAME_BYTES],
                         struct error *error);
/* Mean number of runnable threads over the last minute. */
int hardware_load(double *ret_load, struct error *error);
/* Resident memory of this process. */
int hardware_own_rss(int64_t *ret_bytes, struct error *error);
int64_t hardware_own_pid(void);
/* Whether the processor multiplies matrices of bytes (AMX) and the system
 * lets programs do it. */
bool hardware_has_amx(void);

#endif
