/* Hours of the day: see day_hours.h. */
#include "formats/day_hours.h"

enum { MINUTES_OF_DAY = 24 * 60 };

/* "HH:MM" in minutes, or -1. */
static int
minutes_of(struct str text)
{
    int64_t hours, minutes;
    struct str rest = text;
    struct str first = str_split(&rest, ':');
    if (str_to_i64(str_trim(first), &hours) != 0 ||
        str_to_i64(str_trim(rest), &minutes) != 0 || hours < 0 || hours > 24 ||
        minutes < 0 || minutes > 59)
        return -1;
    int64_t at = hours * 60 + minutes;
    return at > MINUTES_OF_DAY ? -1 : (int)at;
}

bool
day_hours_read(struct str text, struct day_hours *ret_hours)
{
    *ret_hours = (struct day_hours){ 0, 0 };
    if (text.n == 0)
        return true;
    struct str rest = text;
    const struct day_hours hours = { minutes_of(str_split(&rest, '-')),
                                     minutes_of(rest) };
    if (hours.from < 0 || hours.to < 0)
        return false;
    *ret_hours = hours;
    return true;
}

bool
day_hours_has(const struct day_hours *hours, int minute)
{
    if (hours->from == hours->to)
        return true;
    bool is_after = minute >= hours->from, is_before = minute < hours->to;
    return hours->from < hours->to ? is_after && is_before
                                   : is_after || is_before;
}
