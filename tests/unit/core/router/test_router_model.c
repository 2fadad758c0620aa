/* The router against a simulated machine: many seeds, each a different mix
 * of models, limits, loads, failures, stops by hand and clients who leave.
 * After every step the promises are checked:
 *
 * - never more than models_max models hold a place;
 * - never two loads of one model;
 * - never more leases of a model than places, and only of a ready one;
 * - no stop of a loading, pinned or busy model, but when asked for by hand
 *   or when its time to drain is over;
 * - every waiter is answered exactly once, and once traffic ends, all are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/router/router_internal.h"

enum { MODELS_MAX = 6, REQUESTS_MAX = 4096, DRAIN_TIMEOUT_MS = 4000 };

struct sim_model {
    struct profile *profile;
    enum instance_state state;
    int64_t next_at_ms; /* when its state changes by itself, 0: never */
    enum instance_state next;
    bool is_by_hand; /* stopped or restarted by hand just now */
    int n_leases;    /* of the running engine */
    int n_starts;
    int64_t draining_since_ms;
};

struct sim_request {
    struct sim *sim;
    size_t model;
    struct router_ticket *ticket; /* while it waits */
    struct lease lease;
    int64_t since_ms, ends_at_ms; /* of the lease, 0: none */
    int n_answers;
    bool is_cancelled, is_done;
};

struct sim {
    struct events events;
    struct router *router;
    struct engine_manifest manifest;
    struct sim_model models[MODELS_MAX];
    size_t n_models;
    struct sim_request requests[REQUESTS_MAX];
    size_t n_requests;
    size_t models_max;
    int64_t now_ms, wake_at_ms;
    uint64_t random;
    unsigned fail_percent;
    int64_t load_ms;
    int64_t longest_wait_ms;
    size_t n_served, n_refused, n_at_once;
};

static uint64_t
draw(struct sim *sim, uint64_t below)
{
    sim->random ^= sim->random << 13;
    sim->random ^= sim->random >> 7;
    sim->random ^= sim->random << 17;
    return sim->random % below;
}

static struct sim_model *
find_model(struct sim *sim, const char *profile_id)
{
    for (size_t i = 0; i < sim->n_models; i++)
        if (strcmp(sim->models[i].profile->id, profile_id) == 0)
            return &sim->models[i];
    fail_msg("no model has the id %s", profile_id);
    return NULL;
}

static void
set_state(struct sim *sim, struct sim_model *model, enum instance_state to)
{
    enum instance_state from = model->state;
    if (!state_table_allows(instance_state_rows, (int)from, (int)to))
        fail_msg("%s -> %s is not allowed", instance_state_name(from),
                 instance_state_name(to));
    model->state = to;
    model->next_at_ms = 0;
    if (to == INSTANCE_STARTING) {
        model->n_leases = 0;
        model->n_starts++;
    }
    struct instance_change change = { .instance_id = "i",
                                      .profile_id = model->profile->id,
                                      .from = from,
                                      .to = to,
                                      .reason = "simulated" };
    events_publish(&sim->events, EVENT_INSTANCE_STATE, model->profile->id,
                   &change);
}

static void
plan(struct sim *sim, struct sim_model *model, enum instance_state next,
     int64_t in_ms)
{
    model->next = next;
    model->next_at_ms = sim->now_ms + 1 + in_ms;
}

/* ---- effects ---- */

static int
sim_start(void *ctx, struct profile *profile, const char *reason,
          struct error *error)
{
    struct sim *sim = ctx;
    (void)reason;
    struct sim_model *model = find_model(sim, profile->id);
    if (model->state != INSTANCE_STOPPED && model->state != INSTANCE_FAILED &&
        model->state != INSTANCE_BACKOFF)
        fail_msg("%s is started while %s", profile->name,
                 instance_state_name(model->state));
    if (draw(sim, 100) < sim->fail_percent / 4)
        return error_set(error, ERR_ENGINE_BINARY_MISSING, "no binary");
    set_state(sim, model, INSTANCE_STARTING);
    plan(sim, model, INSTANCE_LOADING, 1);
    return 0;
}

static int
sim_stop(void *ctx, const char *profile_id, bool is_forced, const char *reason,
         struct error *error)
{
    struct sim *sim = ctx;
    (void)reason;
    (void)error;
    struct sim_model *model = find_model(sim, profile_id);
    bool is_late = model->draining_since_ms != 0 &&
                   sim->now_ms - model->draining_since_ms >= DRAIN_TIMEOUT_MS;
    if (!model->is_by_hand && !is_forced) {
        assert_true(model->state != INSTANCE_STARTING);
        assert_true(model->state != INSTANCE_LOADING);
        assert_true(model->state != INSTANCE_STOPPING);
        assert_false(model->profile->is_pinned);
    }
    if (!is_late && !is_forced)
        assert_int_equal(model->n_leases, 0);
    if (model->state == INSTANCE_BACKOFF) {
        set_state(sim, model, INSTANCE_STOPPED);
    } else if (model->state == INSTANCE_STOPPING) {
        plan(sim, model, INSTANCE_STOPPED, 0);
    } else {
        set_state(sim, model, INSTANCE_STOPPING);
        plan(sim, model, INSTANCE_STOPPED, (int64_t)draw(sim, 40));
    }
    return 0;
}

static int
sim_drain(void *ctx, const char *profile_id, const char *reason)
{
    struct sim *sim = ctx;
    (void)reason;
    struct sim_model *model = find_model(sim, profile_id);
    model->draining_since_ms = sim->now_ms;
    set_state(sim, model, INSTANCE_DRAINING);
    return 0;
}

static int
sim_undrain(void *ctx, const char *profile_id)
{
    struct sim *sim = ctx;
    struct sim_model *model = find_model(sim, profile_id);
    model->draining_since_ms = 0;
    set_state(sim, model, INSTANCE_READY);
    return 0;
}

static void
sim_set_leases(void *ctx, const char *profile_id, int n_leases)
{
    struct sim_model *model = find_model(ctx, profile_id);
    if (n_leases > model->n_leases)
        assert_int_equal(model->state, INSTANCE_READY);
    model->n_leases = n_leases;
    assert_true(n_leases <= model->profile->max_concurrency);
}

/* The simulated engines fail by themselves, not by being asked. */
static void
sim_suspect(void *ctx, const char *profile_id)
{
    assert_non_null(find_model(ctx, profile_id));
}

static int
sim_view(void *ctx, const char *profile_id, struct instance_view *ret_view)
{
    struct sim_model *model = find_model(ctx, profile_id);
    *ret_view = (struct instance_view){ .profile = model->profile,
                                        .state = model->state };
    error_set(&ret_view->error, ERR_ENGINE_EXITED, "exited with code 1");
    return 0;
}

static struct profile *
sim_resolve(void *ctx, struct str name)
{
    struct sim *sim = ctx;
    for (size_t i = 0; i < sim->n_models; i++)
        if (str_is(name, sim->models[i].profile->name))
            return sim->models[i].profile;
    return NULL;
}

static const struct engine_manifest *
sim_manifest(void *ctx, const char *name)
{
    struct sim *sim = ctx;
    (void)name;
    return &sim->manifest;
}

static int64_t
sim_now(void *ctx)
{
    return ((struct sim *)ctx)->now_ms;
}

static void
sim_wake_at(void *ctx, int64_t at_ms)
{
    ((struct sim *)ctx)->wake_at_ms = at_ms;
}

/* ---- clients ---- */

static void
on_ready(void *ctx, const struct lease *lease, const struct error *error,
         int retry_after_s)
{
    struct sim_request *request = ctx;
    struct sim *sim = request->sim;
    (void)retry_after_s;
    request->n_answers++;
    assert_int_equal(request->n_answers, 1);
    assert_false(request->is_cancelled);
    request->ticket = NULL;
    int64_t waited_ms = sim->now_ms - request->since_ms;
    if (waited_ms > sim->longest_wait_ms)
        sim->longest_wait_ms = waited_ms;
    if (lease == NULL) {
        assert_true(error->message[0] != '\0');
        request->is_done = true;
        sim->n_refused++;
        return;
    }
    sim->n_served++;
    struct sim_model *model = &sim->models[request->model];
    assert_string_equal(lease->profile_id, model->profile->id);
    request->lease = *lease;
    request->ends_at_ms = sim->now_ms + 1 + (int64_t)draw(sim, 60);
}

static void
send_request(struct sim *sim, size_t model, unsigned client)
{
    if (sim->n_requests == REQUESTS_MAX)
        return;
    struct sim_request *request = &sim->requests[sim->n_requests++];
    *request = (struct sim_request){ .sim = sim,
                                     .model = model,
                                     .since_ms = sim->now_ms };
    char name[16];
    snprintf(name, sizeof name, "client%u", client);
    struct router_need need = {
        .model = str_from(sim->models[model].profile->name),
        .client = str_from(name),
        .on_ready = on_ready,
        .ctx = request,
    };
    struct error error;
    int retry_after_s;
    struct router_model model_found;
    struct lease lease;
    if (draw(sim, 2) == 0 &&
        router_resolve(sim->router, need.model, &model_found, &error) == 0 &&
        router_lease_now(sim->router, &model_found, &lease)) {
        sim->n_at_once++;
        on_ready(request, &lease, NULL, 0);
        return;
    }
    request->ticket =
        router_acquire(sim->router, &need, &error, &retry_after_s);
    if (request->ticket == NULL) {
        request->n_answers = 1;
        request->is_done = true;
        sim->n_refused++;
    }
}

static void
end_requests(struct sim *sim, bool may_cancel)
{
    for (size_t i = 0; i < sim->n_requests; i++) {
        struct sim_request *request = &sim->requests[i];
        if (request->is_done)
            continue;
        if (request->ticket != NULL && may_cancel && draw(sim, 2000) == 0) {
            request->is_cancelled = true;
            request->is_done = true;
            router_cancel(request->ticket);
            request->ticket = NULL;
        } else if (request->ends_at_ms != 0 &&
                   request->ends_at_ms <= sim->now_ms) {
            router_release(sim->router, &request->lease, LEASE_OK);
            request->is_done = true;
        }
    }
}

/* ---- the machine ---- */

static void
advance_model(struct sim *sim, struct sim_model *model)
{
    if (model->next_at_ms == 0 || model->next_at_ms > sim->now_ms)
        return;
    enum instance_state next = model->next;
    model->draining_since_ms = 0;
    set_state(sim, model, next);
    switch (next) {
    case INSTANCE_LOADING:
        plan(sim, model,
             draw(sim, 100) < sim->fail_percent ? INSTANCE_FAILED
                                                : INSTANCE_READY,
             (int64_t)draw(sim, (uint64_t)sim->load_ms));
        break;
    case INSTANCE_FAILED:
        if (draw(sim, 2) == 0) {
            set_state(sim, model, INSTANCE_BACKOFF);
            plan(sim, model, INSTANCE_STARTING, 200);
        }
        break;
    case INSTANCE_STARTING: plan(sim, model, INSTANCE_LOADING, 1); break;
    case INSTANCE_STOPPED: model->is_by_hand = false; break;
    default: break;
    }
}

static void
crash_something(struct sim *sim)
{
    struct sim_model *model = &sim->models[draw(sim, sim->n_models)];
    if (model->state != INSTANCE_READY && model->state != INSTANCE_DRAINING)
        return;
    model->draining_since_ms = 0;
    set_state(sim, model, INSTANCE_FAILED);
}

static void
meddle(struct sim *sim)
{
    struct sim_model *model = &sim->models[draw(sim, sim->n_models)];
    struct error error;
    switch (draw(sim, 4)) {
    case 0: router_load(sim->router, model->profile, &error); break;
    case 1:
        model->is_by_hand = router_state_occupies(model->state);
        router_unload(sim->router, model->profile->id, draw(sim, 3) == 0,
                      &error);
        break;
    case 2:
        model->is_by_hand = router_state_occupies(model->state);
        router_restart(sim->router, model->profile, &error);
        break;
    default: crash_something(sim); break;
    }
}

static void
check(struct sim *sim)
{
    size_t n_up = 0;
    for (size_t i = 0; i < sim->n_models; i++)
        n_up += router_state_occupies(sim->models[i].state);
    if (sim->models_max > 0 && n_up > sim->models_max)
        fail_msg("%zu models are up, %zu may be", n_up, sim->models_max);
}

static void
step(struct sim *sim)
{
    sim->now_ms++;
    for (size_t i = 0; i < sim->n_models; i++)
        advance_model(sim, &sim->models[i]);
    for (int i = 0; i < 100 && sim->wake_at_ms <= sim->now_ms; i++) {
        sim->wake_at_ms = INT64_MAX;
        router_turn(sim->router);
    }
    if (sim->wake_at_ms <= sim->now_ms)
        fail_msg("the router wakes for ever at %lld", (long long)sim->now_ms);
    check(sim);
}

static void
sim_open(struct sim *sim, uint64_t seed, size_t n_models, size_t models_max,
         int64_t drain_after_ms)
{
    *sim = (struct sim){ .n_models = n_models,
                         .models_max = models_max,
                         .now_ms = 1000,
                         .wake_at_ms = INT64_MAX,
                         .random = seed * 2654435761u + 88172645463325252u,
                         .load_ms = 80 };
    events_init(&sim->events);
    sim->manifest.default_slots = 1;
    sim->manifest.model_name = "${name}";
    for (size_t i = 0; i < n_models; i++) {
        struct profile *profile = profile_new();
        assert_non_null(profile);
        snprintf(profile->id, sizeof profile->id, "prof_%zu", i);
        char name[24];
        snprintf(name, sizeof name, "m%zu", i);
        assert_int_equal(profile_set_text(&profile->name, str_from(name)), 0);
        profile->max_concurrency = 1 + (int)draw(sim, 3);
        sim->models[i].profile = profile;
        sim->models[i].state = INSTANCE_STOPPED;
    }
    struct router_options options = { .events = &sim->events,
                                      .models_max = (int)models_max,
                                      .drain_after_ms = drain_after_ms,
                                      .drain_timeout_ms = DRAIN_TIMEOUT_MS };
    struct router_effects effects = {
        .start = sim_start,
        .stop = sim_stop,
        .drain = sim_drain,
        .undrain = sim_undrain,
        .set_leases = sim_set_leases,
        .suspect = sim_suspect,
        .view = sim_view,
        .resolve = sim_resolve,
        .manifest = sim_manifest,
        .now_ms = sim_now,
        .wall_ms = sim_now,
        .wake_at = sim_wake_at,
        .ctx = sim,
    };
    struct error error;
    assert_int_equal(router_new_with(&options, &effects, &sim->router, &error),
                     0);
}

static void
sim_close(struct sim *sim)
{
    router_free(sim->router);
    for (size_t i = 0; i < sim->n_models; i++)
        profile_unref(sim->models[i].profile);
}

/* No more traffic and no more failures: everybody gets an answer. */
static void
settle(struct sim *sim)
{
    sim->fail_percent = 0;
    size_t n_open = 1;
    for (int i = 0; i < 400000 && n_open > 0; i++) {
        step(sim);
        end_requests(sim, false);
        n_open = 0;
        for (size_t r = 0; r < sim->n_requests; r++)
            n_open += !sim->requests[r].is_done;
    }
    assert_int_equal(n_open, 0);
    for (size_t i = 0; i < sim->n_requests; i++)
        assert_int_equal(sim->requests[i].n_answers,
                         sim->requests[i].is_cancelled ? 0 : 1);
    for (size_t i = 0; i < sim->n_models; i++) {
        struct router_status status;
        router_status(sim->router, sim->models[i].profile->id, &status);
        assert_int_equal(status.n_active, 0);
        assert_int_equal(status.n_waiting, 0);
    }
}

static void
test_random_machines(void **state)
{
    (void)state;
    struct sim *sim = malloc(sizeof *sim);
    assert_non_null(sim);
    size_t n_served = 0, n_refused = 0, n_at_once = 0;
    for (uint64_t seed = 1; seed <= 150; seed++) {
        sim_open(sim, seed, 2 + seed % 5, seed % 4, (int64_t)(seed % 3) * 50);
        sim->fail_percent = (unsigned)(seed % 5) * 10;
        for (size_t i = 0; i < sim->n_models; i++) {
            struct profile *profile = sim->models[i].profile;
            profile->ttl_s = (int64_t)draw(sim, 3);
            profile->queue_size = (int)draw(sim, 12);
            profile->queue_timeout_s = (int64_t)draw(sim, 4);
            profile->is_pinned = draw(sim, 6) == 0;
        }
        unsigned one_in = 2 + (unsigned)draw(sim, 30);
        for (int i = 0; i < 4000; i++) {
            if (draw(sim, one_in) == 0)
                send_request(sim, draw(sim, sim->n_models),
                             (unsigned)draw(sim, 5));
            if (draw(sim, 300) == 0)
                meddle(sim);
            end_requests(sim, true);
            step(sim);
        }
        settle(sim);
        n_served += sim->n_served;
        n_at_once += sim->n_at_once;
        n_refused += sim->n_refused;
        sim_close(sim);
    }
    assert_true(n_served > 10000);
    assert_true(n_at_once > 1000);
    assert_true(n_refused > 1000);
    free(sim);
}

/* Two models under steady traffic, room for two: a third is served within
 * the time to drain, unload and load. */
static void
test_third_model_is_not_starved(void **state)
{
    (void)state;
    struct sim *sim = malloc(sizeof *sim);
    assert_non_null(sim);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        sim_open(sim, seed, 3, 2, 100);
        for (size_t i = 0; i < 3; i++)
            sim->models[i].profile->queue_size = 1000;
        for (int i = 0; i < 3000; i++) {
            if (i % 12 == 0) {
                send_request(sim, 0, 0);
                send_request(sim, 1, 1);
            }
            if (i == 600 || i == 1800)
                send_request(sim, 2, 2);
            end_requests(sim, false);
            step(sim);
        }
        settle(sim);
        assert_int_equal(sim->n_refused, 0);
        int64_t worst_ms = 0;
        for (size_t r = 0; r < sim->n_requests; r++)
            if (sim->requests[r].model == 2 &&
                sim->requests[r].ends_at_ms - sim->requests[r].since_ms >
                    worst_ms)
                worst_ms =
                    sim->requests[r].ends_at_ms - sim->requests[r].since_ms;
        /* drain_after + a request + stop + start + load + its own run */
        assert_true(worst_ms <= 100 + 61 + 42 + 4 + 82 + 61 + 5);
        assert_int_equal(sim->models[2].n_starts >= 1, 1);
        sim_close(sim);
    }
    free(sim);
}

/* One client with many requests does not keep another one waiting. */
static void
test_clients_take_turns(void **state)
{
    (void)state;
    struct sim *sim = malloc(sizeof *sim);
    assert_non_null(sim);
    sim_open(sim, 7, 1, 0, 1000);
    sim->models[0].profile->max_concurrency = 1;
    sim->models[0].profile->queue_size = 1000;
    for (int i = 0; i < 100; i++)
        send_request(sim, 0, 0);
    send_request(sim, 0, 1);
    settle(sim);
    size_t n_after = 0;
    for (size_t r = 0; r < 100; r++)
        n_after += sim->requests[r].ends_at_ms > sim->requests[100].ends_at_ms;
    assert_int_equal(n_after, 99);
    sim_close(sim);
    free(sim);
}

/* Each request to a broken model is answered; the engine is started a few
 * times only. */
static void
test_no_tight_retry(void **state)
{
    (void)state;
    struct sim *sim = malloc(sizeof *sim);
    assert_non_null(sim);
    sim_open(sim, 3, 1, 0, 1000);
    sim->fail_percent = 400; /* each start fails at once */
    sim->models[0].profile->queue_size = 1000;
    for (int i = 0; i < 3900; i++) {
        send_request(sim, 0, 0);
        step(sim);
    }
    settle(sim);
    assert_int_equal(sim->n_served, 0);
    assert_int_equal(sim->n_refused, 3900);
    assert_in_range(sim->models[0].n_starts, 0, 3);
    sim_close(sim);
    free(sim);
}

/* What stands in `model` on the way to an engine is the manifest's to say:
 * some know the model by its path, some by a word of their own. */
static void
test_engine_reads_its_own_name(void **state)
{
    (void)state;
    static const struct {
        const char *model_name, *expected;
    } rows[] = {
        { "${name}", "m0" },
        { "${model}", "/m/zero.gguf" },
        { "default_model", "default_model" },
    };
    struct sim *sim = malloc(sizeof *sim);
    assert_non_null(sim);
    sim_open(sim, 5, 1, 0, 1000);
    struct profile *profile = sim->models[0].profile;
    assert_int_equal(
        profile_set_text(&profile->model_path, STR("/m/zero.gguf")), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct router_model model;
        struct error error;
        sim->manifest.model_name = rows[i].model_name;
        assert_int_equal(router_resolve(sim->router, str_from(profile->name),
                                        &model, &error),
                         0);
        assert_int_equal(model.engine_model.n, strlen(rows[i].expected));
        assert_memory_equal(model.engine_model.p, rows[i].expected,
                            model.engine_model.n);
    }
    sim_close(sim);
    free(sim);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_machines),
        cmocka_unit_test(test_third_model_is_not_starved),
        cmocka_unit_test(test_clients_take_turns),
        cmocka_unit_test(test_no_tight_retry),
        cmocka_unit_test(test_engine_reads_its_own_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
