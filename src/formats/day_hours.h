/* Hours of the day, "08:00-22:30": from the first minute on, before the last.
 * The second may be the earlier one: "22:00-06:30" goes over midnight. */
#ifndef FORMATS_DAY_HOURS_H
#define FORMATS_DAY_HOURS_H

#include <stdbool.h>

#include "base/str.h"

/* Minutes of the day, 0 to 1440. Both the same, or the text empty: always. */
struct day_hours {
    int from, to;
};

/* False when the text is neither empty nor hours. */
bool day_hours_read(struct str text, struct day_hours *ret_hours);
bool day_hours_has(const struct day_hours *hours, int minute);

#endif
