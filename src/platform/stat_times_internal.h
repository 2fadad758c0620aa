/* Shared by the files of platform/ only. */
#ifndef PLATFORM_STAT_TIMES_INTERNAL_H
#define PLATFORM_STAT_TIMES_INTERNAL_H

#include <sys/stat.h>

/* When a file was read last and written to last, as futimens() takes them. */
void stat_times(const struct stat *facts, struct timespec ret_times[2]);

#endif
