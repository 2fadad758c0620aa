/* Readers of what /proc says (proc(5)), apart for tests. Texts may be cut off
 * or be of a kernel that writes them otherwise: what does not read as it
 * should is refused, sums do not overflow. 0, or -1 with `error`. */
#ifndef PLATFORM_PROC_TEXTS_H
#define PLATFORM_PROC_TEXTS_H

#include "base/str.h"
#include "platform/usage.h"

/* /proc/stat: its line "cpu ". Time of guests is in that of users already. */
int proc_read_cpu(struct str text, struct cpu_usage *ret_usage,
                  struct error *error);
/* A line "Key:   123 kB" of /proc/meminfo or of a /proc/PID/status, in bytes;
 * or, without the unit, the number. */
int proc_read_number(struct str text, const char *key, int64_t *ret_number,
                     struct error *error);
/* /proc/net/dev: the sum over all interfaces but lo. */
int proc_read_network(struct str text, struct network_usage *ret_usage,
                      struct error *error);

#endif
