/* Requests that have ended: batches, filters, pruning. */
#include "fixture.h"

enum { FOUND_MAX = 1000 };

struct found {
    int n_calls;
    size_t n;
    bool has_failed;
    struct error error;
    struct activity_entry entries[FOUND_MAX];
};

static void
on_found(void *ctx, const struct activity_entry *entries, size_t n,
         const struct error *error)
{
    struct found *found = ctx;
    found->n_calls++;
    found->n = n;
    found->has_failed = error != NULL;
    if (error != NULL)
        found->error = *error;
    else if (n > 0)
        memcpy(found->entries, entries, n * sizeof *entries);
}

static struct found *
find(struct fixture *fixture, struct activity_query query)
{
    static struct found found;
    memset(&found, 0, sizeof found);
    store_query_activity(fixture->store, &query, on_found, &found);
    store_wait(fixture->store, NULL);
    assert_int_equal(found.n_calls, 1);
    return &found;
}

static struct activity_entry
entry_of(int64_t id, const char *model)
{
    struct activity_entry entry;
    activity_entry_init(&entry);
    entry.id = id;
    entry.at_ms = id * 1000;
    entry.status = 200;
    snprintf(entry.model, sizeof entry.model, "%s", model);
    return entry;
}

static void
add(struct fixture *fixture, int64_t first, size_t n, int64_t n_kept,
    int64_t since_ms)
{
    struct activity_entry entries[600];
    for (size_t i = 0; i < n; i++)
        entries[i] = entry_of(first + (int64_t)i, "a");
    store_add_activity(fixture->store, entries, n, n_kept, since_ms);
}

static void
test_all_fields_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct activity_entry entry = {
        .id = 7,
        .at_ms = 1700000000123,
        .outcome = ACTIVITY_CANCELLED,
        .status = 499,
        .is_stream = true,
        .duration_ms = 9000,
        .queue_ms = 10,
        .load_ms = 20,
        .first_token_ms = 30,
        .request_bytes = 40,
        .answer_bytes = 50,
        .prompt_tokens = 60,
        .completion_tokens = 70,
        .cached_tokens = 80,
        .prompt_per_s = 90.5,
        .completion_per_s = 12.25,
        .model = "ünïcode",
        .profile_id = "prof_1",
        .method = "POST",
        .path = "/v1/chat/completions",
        .client = "::1",
        .key_id = "key_1",
        .caller = "laptop",
        .error = "cancelled",
    };
    store_add_activity(fixture->store, &entry, 1, 100, 0);
    fixture_wait(fixture);
    fixture_reopen(fixture);
    assert_int_equal(store_last_activity_id(fixture->store), 7);
    struct found *found = find(fixture, (struct activity_query){ .limit = 5 });
    assert_int_equal(found->n, 1);
    const struct activity_entry *got = &found->entries[0];
    assert_int_equal(got->id, entry.id);
    assert_int_equal(got->at_ms, entry.at_ms);
    assert_int_equal(got->outcome, entry.outcome);
    assert_int_equal(got->status, entry.status);
    assert_true(got->is_stream);
    assert_int_equal(got->duration_ms, entry.duration_ms);
    assert_int_equal(got->queue_ms, entry.queue_ms);
    assert_int_equal(got->load_ms, entry.load_ms);
    assert_int_equal(got->first_token_ms, entry.first_token_ms);
    assert_int_equal(got->request_bytes, entry.request_bytes);
    assert_int_equal(got->answer_bytes, entry.answer_bytes);
    assert_int_equal(got->prompt_tokens, entry.prompt_tokens);
    assert_int_equal(got->completion_tokens, entry.completion_tokens);
    assert_int_equal(got->cached_tokens, entry.cached_tokens);
    assert_true(got->prompt_per_s == entry.prompt_per_s);
    assert_true(got->completion_per_s == entry.completion_per_s);
    assert_string_equal(got->model, entry.model);
    assert_string_equal(got->profile_id, entry.profile_id);
    assert_string_equal(got->method, entry.method);
    assert_string_equal(got->path, entry.path);
    assert_string_equal(got->client, entry.client);
    assert_string_equal(got->key_id, entry.key_id);
    assert_string_equal(got->caller, entry.caller);
    assert_string_equal(got->error, entry.error);
}

static void
test_pages_come_newest_first(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 1, 25, 100, 0);
    struct found *found = find(fixture, (struct activity_query){ .limit = 10 });
    assert_int_equal(found->n, 10);
    assert_int_equal(found->entries[0].id, 25);
    assert_int_equal(found->entries[9].id, 16);
    found =
        find(fixture, (struct activity_query){ .limit = 100, .before_id = 16 });
    assert_int_equal(found->n, 15);
    assert_int_equal(found->entries[0].id, 15);
    found = find(fixture, (struct activity_query){ .limit = 1, .id = 3 });
    assert_int_equal(found->n, 1);
    assert_int_equal(found->entries[0].id, 3);
    found = find(fixture, (struct activity_query){ .limit = 0 });
    assert_true(found->has_failed);
    assert_string_equal(found->error.field, "limit");
}

static void
test_each_filter_holds(void **state)
{
    struct fixture *fixture = *state;
    struct activity_entry entries[4];
    for (int i = 0; i < 4; i++)
        entries[i] = entry_of(i + 1, i == 2 ? "100%_a" : "b");
    entries[1].outcome = ACTIVITY_FAILED;
    snprintf(entries[1].error, sizeof entries[1].error, "OUT of memory");
    snprintf(entries[3].caller, sizeof entries[3].caller, "laptop");
    store_add_activity(fixture->store, entries, 4, 100, 0);
    static const struct {
        struct activity_query query;
        int64_t id;
    } rows[] = {
        { { .limit = 9, .model = "100%_a" }, 3 },
        { { .limit = 9, .text = "0%_A" }, 3 },
        { { .limit = 9, .text = "out OF" }, 2 },
        { { .limit = 9, .caller = "laptop" }, 4 },
        { { .limit = 9, .has_outcome = true, .outcome = ACTIVITY_FAILED }, 2 },
        { { .limit = 9, .since_ms = 4000 }, 4 },
        { { .limit = 9, .until_ms = 2000 }, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct found *found = find(fixture, rows[i].query);
        assert_int_equal(found->n, 1);
        assert_int_equal(found->entries[0].id, rows[i].id);
    }
    assert_int_equal(
        find(fixture, (struct activity_query){ .limit = 9, .text = "_" })->n,
        1); /* no wildcard */
}

static void
test_the_oldest_go(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, 1, 600, 50, 0);
    add(fixture, 601, 600, 50, 0);
    struct found *found =
        find(fixture, (struct activity_query){ .limit = FOUND_MAX });
    assert_int_equal(found->n, 50);
    assert_int_equal(found->entries[0].id, 1200);
    store_keep_activity(fixture->store, 50, 1191 * 1000, NULL, NULL);
    found = find(fixture, (struct activity_query){ .limit = FOUND_MAX });
    assert_int_equal(found->n, 10);
    store_keep_activity(fixture->store, 3, 0, NULL, NULL);
    assert_int_equal(
        find(fixture, (struct activity_query){ .limit = FOUND_MAX })->n, 3);
    store_keep_activity(fixture->store, 50, 2000 * 1000, NULL, NULL);
    assert_int_equal(
        find(fixture, (struct activity_query){ .limit = FOUND_MAX })->n, 0);
}

static void
test_clearing_forgets_all(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcome = { 0 };
    add(fixture, 1, 10, 50, 0);
    store_clear_activity(fixture->store, on_outcome, &outcome);
    fixture_wait(fixture);
    assert_int_equal(outcome.n_calls, 1);
    assert_false(outcome.has_failed);
    assert_int_equal(
        find(fixture, (struct activity_query){ .limit = FOUND_MAX })->n, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_all_fields_come_back),
        FIXTURE_TEST(test_pages_come_newest_first),
        FIXTURE_TEST(test_each_filter_holds),
        FIXTURE_TEST(test_the_oldest_go),
        FIXTURE_TEST(test_clearing_forgets_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
