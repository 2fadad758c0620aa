/* Requests under way, their rows and news, and what is captured of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/units.h"
#include "core/activity/activity.h"
#include "io/loop.h"
#include "io/timer.h"

struct fixture {
    struct loop loop;
    struct events events;
    struct activity *activity;
    struct subscription subscription;
    struct timer wake;
    int n_news;
    size_t n_active, n_ended, n_all_ended, n_gone;
    int64_t last_gone;
    struct activity_entry last;
    struct activity_item *cancelled;
    bool is_cleared;
};

static struct fixture *running; /* for callbacks that have no context */

static void
on_news(struct subscription *subscription, const struct event *event)
{
    struct fixture *f = LIST_ENTRY(subscription, struct fixture, subscription);
    const struct activity_news *news = event->payload;
    f->n_news++;
    f->n_active += news->n_active;
    f->n_ended += news->n_ended;
    f->n_all_ended += news->n_all_ended;
    f->n_gone += news->n_gone;
    if (news->n_gone > 0)
        f->last_gone = news->gone[news->n_gone - 1];
    if (news->n_ended > 0)
        f->last = news->ended[news->n_ended - 1];
    f->is_cleared |= news->is_cleared;
}

static void
on_cancel(struct activity_item *item)
{
    running->cancelled = item;
    item->entry.outcome = ACTIVITY_CANCELLED;
    activity_end(running->activity, item);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error error;
    assert_non_null(f);
    assert_int_equal(loop_init(&f->loop, &error), 0);
    events_init(&f->events);
    struct activity_options options = {
        .loop = &f->loop,
        .events = &f->events,
        .config = { .captures = true, .capture_bytes = 64 * KIB },
    };
    assert_int_equal(activity_new(&options, &f->activity, &error), 0);
    events_subscribe(&f->events, &f->subscription, EVENT_BIT(ACTIVITY),
                     on_news);
    running = f;
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    activity_free(f->activity);
    events_unsubscribe(&f->subscription);
    loop_close(&f->loop);
    free(f);
    return 0;
}

static void
on_wake(struct timer *timer)
{
    loop_stop(timer->loop == NULL ? &running->loop : timer->loop);
}

static void
run_for(struct fixture *f, int64_t ms)
{
    timer_init(&f->wake, on_wake);
    assert_int_equal(timer_start(&f->loop, &f->wake, ms), 0);
    loop_run(&f->loop);
}

static void
begin(struct fixture *f, struct activity_item *item)
{
    memset(item, 0, sizeof *item);
    activity_entry_init(&item->entry);
    activity_begin(f->activity, item, on_cancel);
}

static void
test_time_goes_to_its_phase(void **state)
{
    struct fixture *f = *state;
    struct activity_item item;
    begin(f, &item);
    assert_int_equal(item.entry.queue_ms, -1);
    activity_enter(f->activity, &item, ACTIVITY_QUEUED);
    run_for(f, 30);
    activity_enter(f->activity, &item, ACTIVITY_LOADING);
    run_for(f, 60);
    activity_enter(f->activity, &item, ACTIVITY_QUEUED); /* once more */
    run_for(f, 30);
    activity_enter(f->activity, &item, ACTIVITY_WORKING);
    run_for(f, 30);
    activity_first_token(f->activity, &item);
    activity_enter(f->activity, &item, ACTIVITY_ANSWERING);
    activity_end(f->activity, &item);
    run_for(f, 300);
    assert_int_equal(f->n_ended, 1);
    const struct activity_entry *entry = &f->last;
    assert_in_range(entry->queue_ms, 58, 5000);
    assert_in_range(entry->load_ms, 58, 5000);
    assert_true(entry->first_token_ms >= entry->queue_ms + entry->load_ms + 28);
    assert_true(entry->duration_ms >= entry->first_token_ms);
}

static void
test_what_is_short_is_told_once(void **state)
{
    struct fixture *f = *state;
    struct activity_item items[300];
    for (int i = 0; i < 300; i++)
        begin(f, &items[i]);
    assert_int_equal(activity_count(f->activity), 300);
    for (int i = 0; i < 300; i++)
        activity_end(f->activity, &items[i]);
    run_for(f, 300);
    assert_int_equal(f->n_news, 1);
    assert_int_equal(f->n_active, 0); /* nobody saw them under way */
    assert_int_equal(f->n_ended, ACTIVITY_NEWS_ROWS);
    assert_int_equal(f->n_all_ended, 300);
    assert_int_equal(f->n_gone, 0);
    assert_int_equal(f->last.id, items[299].entry.id);
    run_for(f, 300);
    assert_int_equal(f->n_news, 1); /* silence is not told */
}

static void
test_what_was_seen_is_told_to_be_gone(void **state)
{
    struct fixture *f = *state;
    struct activity_item early, items[150];
    begin(f, &early);
    run_for(f, 300);
    assert_int_equal(f->n_active, 1);
    activity_end(f->activity, &early);
    for (int i = 0; i < 150; i++) {
        begin(f, &items[i]);
        activity_end(f->activity, &items[i]);
    }
    run_for(f, 300);
    assert_int_equal(f->n_gone, 1); /* its row is not among the newest */
    assert_int_equal(f->last_gone, early.entry.id);
}

static void
test_ids_rise(void **state)
{
    struct fixture *f = *state;
    struct activity_item a, b;
    begin(f, &a);
    begin(f, &b);
    assert_true(a.entry.id >= loop_wall_ms() - 60 * SECOND_MS);
    assert_int_equal(b.entry.id, a.entry.id + 1);
    activity_end(f->activity, &a);
    activity_end(f->activity, &b);
}

static void
test_cancelling(void **state)
{
    struct fixture *f = *state;
    struct activity_item item, late;
    struct error error;
    begin(f, &item);
    begin(f, &late);
    int64_t id = item.entry.id;
    assert_int_equal(activity_cancel(f->activity, id, &error), 0);
    assert_ptr_equal(f->cancelled, &item);
    assert_int_equal(activity_cancel(f->activity, id, &error), -1);
    assert_int_equal(error.code, ERR_NOT_FOUND);
    activity_enter(f->activity, &late, ACTIVITY_FINISHING);
    assert_int_equal(activity_cancel(f->activity, late.entry.id, &error), -1);
    assert_int_equal(error.code, ERR_CONFLICT);
    activity_end(f->activity, &late);
    run_for(f, 300);
    assert_int_equal(f->n_ended, 2);
}

/* ---- what is captured ---- */

static void
test_bodies_are_captured(void **state)
{
    struct fixture *f = *state;
    struct activity_item item;
    begin(f, &item);
    int64_t id = item.entry.id;
    activity_capture_type(f->activity, &item, CAPTURE_REQUEST,
                          STR("application/json"));
    activity_capture(f->activity, &item, CAPTURE_REQUEST, STR("{\"a\":"));
    activity_capture(f->activity, &item, CAPTURE_REQUEST, STR("1}"));
    activity_capture(f->activity, &item, CAPTURE_ANSWER, STR("yes"));
    activity_end(f->activity, &item);
    const struct captured *captured = activity_captured(f->activity, id);
    assert_non_null(captured);
    const struct captured_body *body = &captured->bodies[CAPTURE_REQUEST];
    assert_string_equal(body->content_type, "application/json");
    assert_int_equal(body->n, 7);
    assert_int_equal(body->n_all, 7);
    assert_memory_equal(body->bytes, "{\"a\":1}", 7);
    assert_memory_equal(captured->bodies[CAPTURE_ANSWER].bytes, "yes", 3);
}

static void
on_cleared(void *ctx, const struct error *error)
{
    assert_null(error);
    (*(int *)ctx)++;
}

/* The oldest makes room; one that is under way is never taken away, and what
 * does not fit in the rest is cut. */
static void
test_memory_is_bounded(void **state)
{
    struct fixture *f = *state;
    static char text[16 * KIB];
    struct activity_item items[12], large;
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 12; i++) {
        begin(f, &items[i]);
        activity_capture(f->activity, &items[i], CAPTURE_REQUEST,
                         (struct str){ text, sizeof text });
        activity_end(f->activity, &items[i]);
    }
    assert_null(activity_captured(f->activity, items[0].entry.id));
    assert_non_null(activity_captured(f->activity, items[11].entry.id));
    begin(f, &large);
    for (int i = 0; i < 8; i++)
        activity_capture(f->activity, &large, CAPTURE_ANSWER,
                         (struct str){ text, sizeof text });
    const struct captured *captured =
        activity_captured(f->activity, large.entry.id);
    assert_non_null(captured);
    assert_null(activity_captured(f->activity, items[11].entry.id));
    assert_int_equal(captured->bodies[CAPTURE_ANSWER].n_all, 8 * sizeof text);
    assert_true(captured->bodies[CAPTURE_ANSWER].n < 64 * KIB);
    activity_end(f->activity, &large);

    int n_cleared = 0;
    activity_clear(f->activity, on_cleared, &n_cleared);
    assert_int_equal(n_cleared, 1);
    assert_null(activity_captured(f->activity, large.entry.id));
    run_for(f, 300);
    assert_true(f->is_cleared);
    activity_configure(f->activity, &(struct activity_config){ .n_stored = 1 });
    begin(f, &large);
    activity_capture(f->activity, &large, CAPTURE_ANSWER, STR("secret"));
    assert_null(activity_captured(f->activity, large.entry.id));
    activity_end(f->activity, &large);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_time_goes_to_its_phase),
        TEST(test_what_is_short_is_told_once),
        TEST(test_what_was_seen_is_told_to_be_gone),
        TEST(test_ids_rise),
        TEST(test_cancelling),
        TEST(test_bodies_are_captured),
        TEST(test_memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
