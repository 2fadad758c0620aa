/* Units spelled out. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <stdint.h>

#define KIB ((size_t)1024)
#define MIB (KIB * 1024)
#define GIB ((uint64_t)1024 * 1024 * 1024)

#define SECOND_MS 1000
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

#endif
