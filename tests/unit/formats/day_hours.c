/* Hours of the day. */
#include "formats/day_hours.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_hours(void **state)
{
    static const struct {
        const char *text;
        int minute;
        bool has;
    } rows[] = {
        { "", 0, true },
        { "08:00-22:30", 479, false },
        { "08:00-22:30", 480, true },
        { "08:00-22:30", 1349, true },
        { "08:00-22:30", 1350, false },
        { "22:00-06:30", 1320, true },
        { "22:00-06:30", 0, true },
        { "22:00-06:30", 389, true },
        { "22:00-06:30", 390, false },
        { "22:00-06:30", 1319, false },
        { "00:00-24:00", 1439, true },
        { "9:00 - 9:01", 540, true },
        { "9:00 - 9:01", 541, false },
        { "12:00-12:00", 0, true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct day_hours hours;
        if (!day_hours_read(str_from(rows[i].text), &hours))
            fail_msg("\"%s\" is refused", rows[i].text);
        if (day_hours_has(&hours, rows[i].minute) != rows[i].has)
            fail_msg("\"%s\" at minute %d", rows[i].text, rows[i].minute);
    }
}

static void
test_no_hours(void **state)
{
    static const char *const texts[] = {
        "8-",          "08:00",       "08:00-",      "-08:00",
        "always",      "25:00-01:00", "08:61-09:00", "-1:00-2:00",
        "24:01-03:00", "8-9",         "08:00-09:00x"
    };
    struct day_hours hours;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (day_hours_read(str_from(texts[i]), &hours))
            fail_msg("\"%s\" is taken", texts[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hours),
        cmocka_unit_test(test_no_hours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
