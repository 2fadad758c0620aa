/* Every rule of router_decide.h as a row: a small machine in, orders out.
 *
 * A case is written as text. Rows: "A ready 1/2 used=5 ..." with
 * active/capacity; waiters: "A client since". The answer is the list of
 * actions as text, so that a failure shows both whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/str.h"
#include "base/strbuf.h"
#include "core/router/router_decide.h"

enum { NOW = 100000 };

struct decide_case {
    const char *name;
    size_t models_max;
    int64_t drain_after_ms;
    bool is_closing;
    struct {
        bool has_defaults;
        struct router_row row;
    } rows[4];
    struct router_waiter waiters[6];
    struct router_event event;
    const char *expected;
};

#define CHANGED                \
    {                          \
        .kind = ROUTER_CHANGED \
    }
#define ARRIVED(r)                                      \
    {                                                   \
        .kind = ROUTER_ARRIVED, .row = (r), .client = 1 \
    }
#define FAILED(r)                         \
    {                                     \
        .kind = ROUTER_FAILED, .row = (r) \
    }
#define DROPPED(r)                         \
    {                                      \
        .kind = ROUTER_DROPPED, .row = (r) \
    }

/* A row made by these has capacity 1 and queue size 100 where it says
 * nothing. */
#define ROW(s, ...)                                                        \
    {                                                                      \
        .has_defaults = true, .row = {.state = INSTANCE_##s, __VA_ARGS__ } \
    }
#define ROW_PLAIN(s)                                          \
    {                                                         \
        .has_defaults = true, .row = {.state = INSTANCE_##s } \
    }
/* since: how long ago. */
#define WAITS(r, c, t, ago)                                            \
    {                                                                  \
        .row = (r), .client = (c), .tag = (t), .since_ms = NOW - (ago) \
    }
#define LOADS(r, ago)                                          \
    {                                                          \
        .row = (r), .kind = WAIT_LOAD, .since_ms = NOW - (ago) \
    }
#define PRELOADS(r)                                       \
    {                                                     \
        .row = (r), .kind = WAIT_PRELOAD, .since_ms = NOW \
    }

static const struct decide_case cases[] = {
    /* ---- arrivals ---- */
    { .name = "ready and free serves",
      .rows = { ROW_PLAIN(READY) },
      .event = ARRIVED(0),
      .expected = "serve new A tag=1;" },
    { .name = "ready and full queues",
      .rows = { ROW(READY, .n_active = 1, .clock = 7) },
      .event = ARRIVED(0),
      .expected = "queue A tag=8;" },
    { .name = "behind others although a place is free",
      .rows = { ROW(READY, .n_waiting = 1) },
      .waiters = { WAITS(0, 2, 1, 5) },
      .event = ARRIVED(0),
      .expected = "queue A tag=1;" },
    { .name = "stopped queues (and is started by the next look)",
      .rows = { ROW_PLAIN(STOPPED) },
      .event = ARRIVED(0),
      .expected = "queue A tag=1;" },
    { .name = "loading joins",
      .rows = { ROW_PLAIN(LOADING) },
      .event = ARRIVED(0),
      .expected = "queue A tag=1;" },
    { .name = "draining queues",
      .rows = { ROW(DRAINING, .hold = HOLD_EVICT, .n_active = 1) },
      .event = ARRIVED(0),
      .expected = "queue A tag=1;" },
    { .name = "unhealthy queues",
      .rows = { ROW_PLAIN(UNHEALTHY) },
      .event = ARRIVED(0),
      .expected = "queue A tag=1;" },
    { .name = "queue full is refused",
      .rows = { ROW(READY, .n_active = 1, .n_waiting = 2, .queue_size = 2) },
      .event = ARRIVED(0),
      .expected = "refuse new A queue_full 1000;" },
    { .name = "queue size 0 still lets one ask for the load",
      .rows = { { .row = { .state = INSTANCE_STOPPED, .capacity = 1 } } },
      .event = ARRIVED(0),
      .expected = "queue A tag=1;" },
    { .name = "queue size 0 refuses what the load would not serve",
      .rows = { { .row = { .state = INSTANCE_LOADING,
                           .capacity = 1,
                           .n_waiting = 1 } } },
      .event = ARRIVED(0),
      .expected = "refuse new A queue_full 1000;" },
    { .name = "back-off refuses with the time left",
      .rows = { ROW(BACKOFF, .retry_at_ms = NOW + 2500) },
      .event = ARRIVED(0),
      .expected = "refuse new A unavailable 2500;" },
    { .name = "failed just now refuses",
      .rows = { ROW(FAILED, .retry_at_ms = NOW + 1) },
      .event = ARRIVED(0),
      .expected = "refuse new A unavailable 1;" },
    { .name = "failed long ago may be tried again",
      .rows = { ROW(FAILED, .retry_at_ms = NOW) },
      .event = ARRIVED(0),
      .expected = "queue A tag=1;" },
    { .name = "closing refuses",
      .is_closing = true,
      .rows = { ROW_PLAIN(READY) },
      .event = ARRIVED(0),
      .expected = "refuse new A draining 0;" },
    { .name = "a second one of a client queues behind its first",
      .rows = { ROW(READY, .n_active = 1, .clock = 3, .n_waiting = 2) },
      .waiters = { WAITS(0, 1, 4, 9), WAITS(0, 1, 5, 8) },
      .event = ARRIVED(0),
      .expected = "queue A tag=6;" },
    { .name = "a new client gets ahead of another's many",
      .rows = { ROW(READY, .n_active = 1, .clock = 3, .n_waiting = 2) },
      .waiters = { WAITS(0, 2, 4, 9), WAITS(0, 2, 5, 8) },
      .event = ARRIVED(0),
      .expected = "queue A tag=4;" },

    /* ---- serving ---- */
    { .name = "smallest tag first, the first of equals",
      .rows = { ROW_PLAIN(READY) },
      .waiters = { WAITS(0, 1, 5, 9), WAITS(0, 2, 4, 8), WAITS(0, 3, 4, 7) },
      .event = CHANGED,
      .expected = "serve 1 A tag=4;" },
    { .name = "as many as there are places",
      .rows = { ROW(READY, .n_active = 1, .capacity = 3) },
      .waiters = { WAITS(0, 1, 1, 9), WAITS(0, 1, 2, 8), WAITS(0, 1, 3, 7) },
      .event = CHANGED,
      .expected = "serve 0 A tag=1; serve 1 A tag=2;" },
    { .name = "nobody by a held one",
      .rows = { ROW(READY, .n_active = 1, .capacity = 2, .hold = HOLD_UNLOAD) },
      .waiters = { WAITS(0, 1, 1, 9) },
      .event = CHANGED,
      .expected = "" },
    { .name = "a load by hand is answered by readiness, takes no place",
      .rows = { ROW(READY, .n_active = 1) },
      .waiters = { LOADS(0, 9) },
      .event = CHANGED,
      .expected = "serve 0 A tag=0;" },

    /* ---- starting ---- */
    { .name = "free room starts",
      .models_max = 1,
      .rows = { ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(0, 1, 1, 0) },
      .event = CHANGED,
      .expected = "start A;" },
    { .name = "one load for many waiters",
      .models_max = 1,
      .rows = { ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(0, 1, 1, 2), WAITS(0, 2, 1, 1) },
      .event = CHANGED,
      .expected = "start A;" },
    { .name = "no second load while it loads",
      .models_max = 2,
      .rows = { ROW_PLAIN(LOADING) },
      .waiters = { WAITS(0, 1, 1, 0) },
      .event = CHANGED,
      .expected = "" },
    { .name = "without a limit all start",
      .rows = { ROW_PLAIN(STOPPED), ROW_PLAIN(READY), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(0, 1, 1, 0), WAITS(2, 1, 1, 5) },
      .event = CHANGED,
      .expected = "start C; start A;" },
    { .name = "idle least recently used makes room",
      .models_max = 2,
      .rows = { ROW(READY, .last_used_ms = 50), ROW(READY, .last_used_ms = 40),
                ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(2, 1, 1, 0) },
      .event = CHANGED,
      .expected = "evict B;" },
    { .name = "a busy one is not evicted",
      .models_max = 1,
      .drain_after_ms = 1000,
      .rows = { ROW(READY, .n_active = 1), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(1, 1, 1, 400) },
      .event = CHANGED,
      .expected = "wake +600;" },
    { .name = "a busy one drains after the wait",
      .models_max = 2,
      .drain_after_ms = 1000,
      .rows = { ROW(READY, .n_active = 1, .last_used_ms = 9),
                ROW(READY, .n_active = 1, .last_used_ms = 8),
                ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(2, 1, 1, 1000) },
      .event = CHANGED,
      .expected = "drain B;" },
    { .name = "one that was just served is not idle",
      .models_max = 1,
      .drain_after_ms = 1000,
      .rows = { ROW_PLAIN(READY), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(0, 1, 1, 1), WAITS(1, 1, 1, 10) },
      .event = CHANGED,
      .expected = "serve 0 A tag=1; wake +990;" },
    { .name = "loading is never a victim",
      .models_max = 1,
      .rows = { ROW_PLAIN(LOADING), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(1, 1, 1, 9999) },
      .event = CHANGED,
      .expected = "" },
    { .name = "starting and attaching are never victims",
      .models_max = 2,
      .rows = { ROW_PLAIN(STARTING), ROW_PLAIN(ATTACHING), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(2, 1, 1, 9999) },
      .event = CHANGED,
      .expected = "" },
    { .name = "pinned is never a victim, the other one is",
      .models_max = 2,
      .rows = { ROW(READY, .is_pinned = true, .last_used_ms = 1),
                ROW(READY, .last_used_ms = 2), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(2, 1, 1, 0) },
      .event = CHANGED,
      .expected = "evict B;" },
    { .name = "all places pinned: refused",
      .models_max = 1,
      .rows = { ROW(READY, .is_pinned = true), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(1, 1, 1, 0) },
      .event = CHANGED,
      .expected = "refuse 0 B pinned 0;" },
    { .name = "one in back-off gives up its place",
      .models_max = 1,
      .rows = { ROW(BACKOFF, .retry_at_ms = NOW + 9), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(1, 1, 1, 0) },
      .event = CHANGED,
      .expected = "evict A;" },
    { .name = "room to come is waited for",
      .models_max = 1,
      .rows = { ROW_PLAIN(STOPPING), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(1, 1, 1, 9999) },
      .event = CHANGED,
      .expected = "" },
    { .name = "nobody is sent away twice for one",
      .models_max = 2,
      .drain_after_ms = 10,
      .rows = { ROW(DRAINING, .n_active = 1, .hold = HOLD_EVICT),
                ROW(READY, .n_active = 1), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(2, 1, 1, 500) },
      .event = CHANGED,
      .expected = "" },
    { .name = "two needs send two away",
      .models_max = 2,
      .rows = { ROW(READY, .last_used_ms = 1), ROW(READY, .last_used_ms = 2),
                ROW_PLAIN(STOPPED), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(3, 1, 1, 5), WAITS(2, 1, 1, 3) },
      .event = CHANGED,
      .expected = "evict A; evict B;" },
    { .name = "oldest need first",
      .models_max = 2,
      .drain_after_ms = 1000,
      .rows = { ROW_PLAIN(READY), ROW_PLAIN(STOPPED), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(2, 1, 1, 5), WAITS(1, 1, 1, 3), WAITS(0, 1, 1, 1) },
      .event = CHANGED,
      .expected = "serve 2 A tag=1; start C; wake +997;" },
    { .name = "who made room queues behind whom it was for",
      .models_max = 1,
      .rows = { ROW(STOPPED, .left_at_ms = NOW - 10), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(0, 1, 1, 900), WAITS(1, 1, 1, 500) },
      .drain_after_ms = 5000,
      .event = CHANGED,
      .expected = "start B; wake +4990;" },
    { .name = "a stopping one that is asked for starts when it is stopped",
      .models_max = 1,
      .rows = { ROW_PLAIN(STOPPING) },
      .waiters = { WAITS(0, 1, 1, 5) },
      .event = CHANGED,
      .expected = "" },
    { .name = "failed waits for its time",
      .rows = { ROW(FAILED, .retry_at_ms = NOW + 70) },
      .waiters = { LOADS(0, 5) },
      .event = CHANGED,
      .expected = "wake +70;" },

    /* ---- holds ---- */
    { .name = "drained is stopped",
      .rows = { ROW(DRAINING, .hold = HOLD_EVICT) },
      .event = CHANGED,
      .models_max = 1,
      .expected = "evict A;" },
    { .name = "drained too long is stopped",
      .rows = { ROW(DRAINING, .hold = HOLD_UNLOAD, .n_active = 1,
                    .drain_by_ms = NOW) },
      .event = CHANGED,
      .expected = "stop A;" },
    { .name = "not yet too long",
      .rows = { ROW(DRAINING, .hold = HOLD_UNLOAD, .n_active = 1,
                    .drain_by_ms = NOW + 30) },
      .event = CHANGED,
      .expected = "wake +30;" },
    { .name = "the need went away: draining is undone",
      .models_max = 1,
      .rows = { ROW(DRAINING, .hold = HOLD_EVICT, .n_active = 1) },
      .event = CHANGED,
      .expected = "undrain A;" },
    { .name = "its own waiters do not keep it draining",
      .models_max = 1,
      .rows = { ROW(DRAINING, .hold = HOLD_EVICT, .n_active = 1) },
      .waiters = { WAITS(0, 1, 1, 3) },
      .event = CHANGED,
      .expected = "undrain A;" },
    { .name = "unloading by hand is not undone",
      .models_max = 1,
      .rows = { ROW(DRAINING, .hold = HOLD_UNLOAD, .n_active = 1) },
      .event = CHANGED,
      .expected = "" },

    /* ---- time ---- */
    { .name = "idle longer than its TTL stops",
      .rows = { ROW(READY, .ttl_ms = 100, .last_used_ms = NOW - 100) },
      .event = CHANGED,
      .expected = "stop A;" },
    { .name = "TTL runs from the last use",
      .rows = { ROW(READY, .ttl_ms = 100, .last_used_ms = NOW - 40) },
      .event = CHANGED,
      .expected = "wake +60;" },
    { .name = "TTL not for busy ones",
      .rows = { ROW(READY, .ttl_ms = 100, .n_active = 1) },
      .event = CHANGED,
      .expected = "" },
    { .name = "TTL not for pinned ones",
      .rows = { ROW(READY, .ttl_ms = 100, .is_pinned = true) },
      .event = CHANGED,
      .expected = "" },
    { .name = "TTL not while loading",
      .rows = { ROW(LOADING, .ttl_ms = 100) },
      .event = CHANGED,
      .expected = "" },
    { .name = "waited too long",
      .rows = { ROW(READY, .n_active = 1, .queue_timeout_ms = 300) },
      .waiters = { WAITS(0, 1, 1, 300), WAITS(0, 2, 1, 200) },
      .event = CHANGED,
      .expected = "refuse 0 A queue_timeout 1000; wake +100;" },
    { .name = "that time does not run while it loads",
      .rows = { ROW(LOADING, .queue_timeout_ms = 300) },
      .waiters = { WAITS(0, 1, 1, 9000) },
      .event = CHANGED,
      .expected = "" },

    /* ---- failure, unload, limits ---- */
    { .name = "a failed load answers all its waiters",
      .rows = { ROW(FAILED, .retry_at_ms = NOW + 1000), ROW_PLAIN(LOADING) },
      .waiters = { WAITS(0, 1, 1, 9), WAITS(1, 1, 1, 8), WAITS(0, 2, 1, 7) },
      .event = FAILED(0),
      .expected = "refuse 0 A load_failed 1000; "
                  "refuse 2 A load_failed 1000;" },
    { .name = "its place is given on at once",
      .models_max = 1,
      .rows = { ROW(FAILED, .retry_at_ms = NOW + 1), ROW_PLAIN(STOPPED) },
      .waiters = { WAITS(0, 1, 1, 9), WAITS(1, 1, 1, 8) },
      .event = FAILED(0),
      .expected = "refuse 0 A load_failed 1; start B;" },
    { .name = "unloaded by hand",
      .rows = { ROW_PLAIN(STOPPING) },
      .waiters = { WAITS(0, 1, 1, 9) },
      .event = DROPPED(0),
      .expected = "refuse 0 A cancelled 0;" },
    { .name = "closing answers everybody",
      .is_closing = true,
      .rows = { ROW_PLAIN(LOADING), ROW(READY, .n_active = 1) },
      .waiters = { WAITS(0, 1, 1, 9), WAITS(1, 1, 1, 9) },
      .event = CHANGED,
      .expected = "refuse 0 A draining 0; refuse 1 B draining 0;" },
    { .name = "preload only into free room",
      .models_max = 2,
      .rows = { ROW_PLAIN(READY), ROW_PLAIN(STOPPED), ROW_PLAIN(STOPPED) },
      .waiters = { PRELOADS(1), PRELOADS(2) },
      .event = CHANGED,
      .expected = "start B; refuse 1 C unavailable 0;" },
    { .name = "a request goes before a preload",
      .models_max = 1,
      .rows = { ROW_PLAIN(STOPPED), ROW_PLAIN(STOPPED) },
      .waiters = { PRELOADS(0), WAITS(1, 1, 1, 0) },
      .event = CHANGED,
      .expected = "start B; refuse 0 A unavailable 0;" },
    { .name = "lowered limit sends idle ones away",
      .models_max = 1,
      .rows = { ROW(READY, .last_used_ms = 3), ROW(READY, .last_used_ms = 2),
                ROW(READY, .n_active = 1, .last_used_ms = 1) },
      .event = CHANGED,
      .expected = "evict B; evict A;" },
};

static const char letters[] = "ABCD";

static void
add_waiter(struct strbuf *out, const struct router_action *action)
{
    if (action->waiter == ROUTER_NEWCOMER)
        strbuf_add_text(out, " new");
    else
        strbuf_addf(out, " %zu", action->waiter);
}

static void
describe(struct strbuf *out, const struct router_action *action)
{
    static const char *const verbs[] = {
        [ROUTER_SERVE] = "serve",     [ROUTER_QUEUE] = "queue",
        [ROUTER_REFUSE] = "refuse",   [ROUTER_START] = "start",
        [ROUTER_STOP] = "stop",       [ROUTER_DRAIN] = "drain",
        [ROUTER_UNDRAIN] = "undrain", [ROUTER_WAKE] = "wake",
    };
    if (out->n > 0)
        strbuf_add_byte(out, ' ');
    strbuf_add_text(out, action->is_eviction ? "evict" : verbs[action->verb]);
    if (action->verb == ROUTER_SERVE || action->verb == ROUTER_REFUSE)
        add_waiter(out, action);
    if (action->verb == ROUTER_WAKE)
        strbuf_addf(out, " +%lld", (long long)(action->at_ms - NOW));
    else
        strbuf_addf(out, " %c", letters[action->row]);
    if (action->verb == ROUTER_SERVE || action->verb == ROUTER_QUEUE)
        strbuf_addf(out, " tag=%llu", (unsigned long long)action->tag);
    if (action->verb == ROUTER_REFUSE)
        strbuf_addf(out, " %s %lld", error_wire(action->code),
                    (long long)action->retry_after_ms);
    strbuf_add_byte(out, ';');
}

static size_t
fill_rows(const struct decide_case *c, struct router_row rows[4])
{
    size_t n = 0;
    while (n < 4 && (c->rows[n].has_defaults || c->rows[n].row.capacity > 0)) {
        rows[n] = c->rows[n].row;
        if (c->rows[n].has_defaults && rows[n].capacity == 0)
            rows[n].capacity = 1;
        if (c->rows[n].has_defaults && rows[n].queue_size == 0)
            rows[n].queue_size = 100;
        n++;
    }
    return n;
}

static void
run_case(const struct decide_case *c)
{
    struct router_row rows[4];
    struct router_snapshot snapshot = {
        .now_ms = NOW,
        .models_max = c->models_max,
        .drain_after_ms = c->drain_after_ms,
        .is_closing = c->is_closing,
        .rows = rows,
        .n_rows = fill_rows(c, rows),
        .waiters = c->waiters,
    };
    while (snapshot.n_waiters < 6 &&
           c->waiters[snapshot.n_waiters].since_ms > 0)
        snapshot.n_waiters++;
    struct router_actions actions = { 0 };
    assert_int_equal(
        router_actions_reserve(&actions, snapshot.n_rows, snapshot.n_waiters),
        0);
    router_decide(&snapshot, &c->event, &actions);
    struct strbuf text = STRBUF_INIT(4096);
    for (size_t i = 0; i < actions.n; i++)
        describe(&text, &actions.at[i]);
    if (strcmp(strbuf_text(&text), c->expected) != 0)
        print_error("case: %s\n", c->name);
    assert_string_equal(strbuf_text(&text), c->expected);
    strbuf_release(&text);
    router_actions_release(&actions);
}

static void
test_every_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        run_case(&cases[i]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_every_rule) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
