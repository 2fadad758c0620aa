/* The life of a download as a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "records/download.h"

static void
test_names_come_back(void **state)
{
    static const char *const wire[] = {
#define X(name, text) text,
        DOWNLOAD_STATES(X)
#undef X
    };
    for (int i = 0; i < DOWNLOAD_STATE_COUNT; i++) {
        assert_string_equal(download_state_name((enum download_state)i),
                            wire[i]);
        assert_int_equal(download_state_from(str_from(wire[i])), i);
    }
    assert_int_equal(download_state_from(STR("done")), DOWNLOAD_STATE_COUNT);
    (void)state;
}

static bool
allows(enum download_state from, enum download_state to)
{
    return state_table_allows(download_state_rows, from, to);
}

static void
test_what_may_follow(void **state)
{
    for (int i = 0; i < DOWNLOAD_STATE_COUNT; i++) {
        enum download_state at = (enum download_state)i;
        bool is_over = at == DOWNLOAD_COMPLETED || at == DOWNLOAD_CANCELLED;
        assert_int_equal(allows(at, DOWNLOAD_CANCELLED), !is_over);
        /* Nothing is complete that was not verified. */
        assert_int_equal(allows(at, DOWNLOAD_COMPLETED),
                         at == DOWNLOAD_VERIFYING);
        assert_int_equal(allows(at, DOWNLOAD_PAUSED),
                         at == DOWNLOAD_QUEUED || at == DOWNLOAD_RESOLVING ||
                             at == DOWNLOAD_DOWNLOADING);
        assert_int_equal(download_state_is_active(at),
                         !is_over && at != DOWNLOAD_PAUSED &&
                             at != DOWNLOAD_FAILED);
    }
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_come_back),
        cmocka_unit_test(test_what_may_follow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
