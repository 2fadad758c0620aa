/* The table of events: each is served by a row of REST that there is, and says
 * what its path is about exactly when the path wants to know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/live/live_internal.h"

static const struct api_row *
find_api_row(const struct event_row *row)
{
    for (size_t i = 0; i < n_api_rows; i++)
        if (strcmp(api_rows[i].method, row->method) == 0 &&
            strcmp(api_rows[i].pattern, row->pattern) == 0)
            return &api_rows[i];
    return NULL;
}

static void
test_events_have_their_rows(void **state)
{
    const unsigned elsewhere =
        ROW_STREAM | ROW_PLAIN | ROW_WEBSOCKET | ROW_UNCHECKED | ROW_HEADERS;
    for (size_t i = 0; i < n_event_rows; i++) {
        const struct event_row *row = &event_rows[i];
        if (row->method == NULL)
            continue; /* served here, or not yet */
        const struct api_row *api_row = find_api_row(row);
        if (api_row == NULL || (api_row->flags & elsewhere) != 0)
            fail_msg("%s: no %s %s", row->event, row->method, row->pattern);
        bool wants_subject = strchr(row->pattern, '{') != NULL;
        if (wants_subject != (row->subject != NULL))
            fail_msg("%s: a subject or none", row->event);
        bool wants_body = api_row->input != NULL;
        if (wants_body != (row->write_body != NULL))
            fail_msg("%s: a body or none", row->event);
        if (row->suits != NULL && strcmp(row->event, row[1].event) != 0)
            fail_msg("%s: nothing when it does not suit", row->event);
        if (row->shape != NULL && row->wrap != NULL)
            fail_msg("%s: shaped and wrapped", row->event);
    }
}

static void
test_an_event_has_one_row(void **state)
{
    for (size_t i = 0; i < n_event_rows; i++)
        /* The next row of one that does not always suit is of its event. */
        if (event_row_find(str_from(event_rows[i].event)) != &event_rows[i] &&
            event_rows[i - 1].suits == NULL)
            fail_msg("twice: %s", event_rows[i].event);
    assert_null(event_row_find(STR("models:list ")));
    assert_null(event_row_find(STR("")));
}

static void
test_the_path_is_one_of_two(void **state)
{
    assert_true(live_is_path(STR("/llamaproxws")));
    assert_true(live_is_path(STR("/llamaproxws/")));
    assert_false(live_is_path(STR("/llamaproxws/a")));
    assert_false(live_is_path(STR("/llamaproxws//")));
    assert_false(live_is_path(STR("/llamaproxwsa")));
    assert_false(live_is_path(STR("/llamaprox")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_have_their_rows),
        cmocka_unit_test(test_an_event_has_one_row),
        cmocka_unit_test(test_the_path_is_one_of_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
