/* Loop, timers and workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "io/timer.h"
#include "io/worker.h"

struct timer_log {
    struct timer timer;
    struct loop *loop;
    char *order;
    char mark;
    int n_fired;
    int n_again;
    struct timer *to_stop;
};

static void
on_timer(struct timer *timer)
{
    struct timer_log *log = LIST_ENTRY(timer, struct timer_log, timer);
    log->n_fired++;
    if (log->order != NULL) {
        size_t n = strlen(log->order);
        log->order[n] = log->mark;
        log->order[n + 1] = '\0';
    }
    if (log->to_stop != NULL)
        timer_stop(log->to_stop);
    if (log->n_again-- > 0)
        assert_int_equal(timer_start(log->loop, timer, 0), 0);
}

static void
test_timers_fire_in_order(void **state)
{
    (void)state;
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    char order[64] = "";
    struct timer_log logs[26];
    static const int waits_ms[26] = { 9,  3,  7,  1,  8,  2,  6,  4,  5,
                                      0,  11, 19, 13, 17, 12, 18, 14, 16,
                                      15, 10, 25, 21, 23, 22, 24, 20 };
    for (int i = 0; i < 26; i++) {
        logs[i] = (struct timer_log){ .loop = &loop,
                                      .order = order,
                                      .mark = (char)('a' + waits_ms[i]) };
        timer_init(&logs[i].timer, on_timer);
        assert_int_equal(timer_start(&loop, &logs[i].timer, waits_ms[i]), 0);
    }
    /* One is stopped, one is moved to the end. */
    timer_stop(&logs[10].timer);
    assert_false(timer_is_armed(&logs[10].timer));
    assert_int_equal(timer_start(&loop, &logs[3].timer, 40), 0);
    loop_run(&loop);
    assert_string_equal(order, "acdefghijkmnopqrstuvwxyzb");
    loop_close(&loop);
}

static void
test_timer_rearmed_with_zero_lets_the_loop_turn(void **state)
{
    (void)state;
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    struct timer_log victim = { .loop = &loop };
    timer_init(&victim.timer, on_timer);
    timer_start(&loop, &victim.timer, 60000);
    struct timer_log log = { .loop = &loop,
                             .n_again = 5,
                             .to_stop = &victim.timer };
    timer_init(&log.timer, on_timer);
    timer_start(&loop, &log.timer, 0);
    int64_t start_ms = loop_now_ms(&loop);
    loop_run(&loop);
    assert_int_equal(log.n_fired, 6);
    assert_int_equal(victim.n_fired, 0);
    /* Five real turns, and nobody waited for the stopped timer. */
    assert_in_range(loop_now_ms(&loop) - start_ms, 5, 5000);
    loop_close(&loop);
}

struct deferring {
    struct timer timer;
    struct deferred deferred;
    struct loop *loop;
    int n_ran;
};

static void
on_deferred(struct deferred *deferred)
{
    struct deferring *it = LIST_ENTRY(deferred, struct deferring, deferred);
    it->n_ran++;
    loop_stop(it->loop);
}

static void
on_timer_defers(struct timer *timer)
{
    struct deferring *it = LIST_ENTRY(timer, struct deferring, timer);
    loop_defer(it->loop, &it->deferred);
    loop_defer(it->loop, &it->deferred);
}

static void
test_deferred_from_a_timer_does_not_sleep(void **state)
{
    (void)state;
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    struct timer_log late = { .loop = &loop };
    timer_init(&late.timer, on_timer);
    timer_start(&loop, &late.timer, 30000);
    struct deferring it = { .loop = &loop };
    timer_init(&it.timer, on_timer_defers);
    deferred_init(&it.deferred, on_deferred);
    timer_start(&loop, &it.timer, 1);
    int64_t start_ms = loop_now_ms(&loop);
    loop_run(&loop);
    assert_int_equal(it.n_ran, 1);
    assert_in_range(loop_now_ms(&loop) - start_ms, 0, 10000);
    timer_stop(&late.timer);
    loop_close(&loop);
}

enum { N_POSTS = 1000 };

struct posting {
    struct loop *loop;
    struct timer guard;
    int next;
    bool is_ordered;
};

struct posted {
    struct posting *posting;
    int number;
};

static struct posted posted[N_POSTS];

static void
on_post(void *arg)
{
    struct posted *post = arg;
    struct posting *posting = post->posting;
    assert_true(loop_is_here(posting->loop));
    posting->is_ordered &= post->number == posting->next++;
    if (posting->next == N_POSTS)
        timer_stop(&posting->guard);
}

static void *
post_all(void *arg)
{
    struct posting *posting = arg;
    assert_false(loop_is_here(posting->loop));
    for (int i = 0; i < N_POSTS; i++) {
        posted[i] = (struct posted){ posting, i };
        assert_int_equal(loop_post(posting->loop, on_post, &posted[i]), 0);
    }
    return NULL;
}

static void
on_guard(struct timer *timer)
{
    (void)timer;
}

static void
test_posts_come_in_order_from_another_thread(void **state)
{
    (void)state;
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    struct posting posting = { .loop = &loop, .is_ordered = true };
    timer_init(&posting.guard, on_guard);
    timer_start(&loop, &posting.guard, 20000);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_all, &posting), 0);
    loop_run(&loop);
    pthread_join(thread, NULL);
    assert_int_equal(posting.next, N_POSTS);
    assert_true(posting.is_ordered);
    loop_close(&loop);
}

struct job {
    struct loop *loop;
    pthread_t worked_on;
    bool is_worked;
    bool is_done;
};

static void
work(void *arg)
{
    struct job *job = arg;
    job->worked_on = pthread_self();
    job->is_worked = true;
}

static void
done(void *arg)
{
    struct job *job = arg;
    assert_true(loop_is_here(job->loop));
    job->is_done = true;
}

static void
test_worker_works_elsewhere_and_answers_here(void **state)
{
    (void)state;
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    struct job jobs[20];
    for (int i = 0; i < 20; i++) {
        jobs[i] = (struct job){ .loop = &loop };
        assert_int_equal(worker_submit(&loop, work, done, &jobs[i]), 0);
    }
    loop_run(&loop);
    for (int i = 0; i < 20; i++) {
        assert_true(jobs[i].is_worked);
        assert_true(jobs[i].is_done);
        assert_false(pthread_equal(jobs[i].worked_on, pthread_self()));
    }
    loop_close(&loop);
}

static void
on_signal(void *arg, int signum)
{
    struct timer *guard = arg;
    assert_int_equal(signum, SIGUSR1);
    timer_stop(guard);
}

static void
test_signal_reaches_the_loop(void **state)
{
    (void)state;
    struct loop loop;
    assert_int_equal(loop_init(&loop, NULL), 0);
    struct timer_log guard = { .loop = &loop };
    timer_init(&guard.timer, on_timer);
    timer_start(&loop, &guard.timer, 20000);
    struct loop_signal handle;
    assert_int_equal(loop_signal_open(&loop, &handle, SIGUSR1, on_signal,
                                      &guard.timer, NULL),
                     0);
    raise(SIGUSR1);
    loop_run(&loop);
    assert_int_equal(guard.n_fired, 0);
    struct loop_signal bad;
    struct error error = { 0 };
    assert_int_equal(
        loop_signal_open(&loop, &bad, 9999, on_signal, NULL, &error), -1);
    assert_non_null(strstr(error.message, "9999"));
    loop_signal_close(&handle);
    loop_signal_close(&handle);
    loop_close(&loop);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers_fire_in_order),
        cmocka_unit_test(test_timer_rearmed_with_zero_lets_the_loop_turn),
        cmocka_unit_test(test_deferred_from_a_timer_does_not_sleep),
        cmocka_unit_test(test_posts_come_in_order_from_another_thread),
        cmocka_unit_test(test_worker_works_elsewhere_and_answers_here),
        cmocka_unit_test(test_signal_reaches_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
