/* What the folders of platform/ ask of each other. */
#ifndef PLATFORM_PROCESS_INTERNAL_H
#define PLATFORM_PROCESS_INTERNAL_H

#include <stdint.h>

/* In a fresh child, before exec; async-signal-safe. */
void process_die_with_parent(int64_t parent);
/* Sends a signal to the group of a leader that was just identified. */
int process_kill_group(int64_t pid, uint64_t start_ticks, int signum);
/* True when the process has ended but was not reaped. */
int process_is_zombie(int64_t pid);

#endif
