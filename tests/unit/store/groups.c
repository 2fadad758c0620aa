/* Changes that are one. */
#include "fixture.h"

static int
count_setting(void *ctx, const char *key, const char *json)
{
    (void)key;
    (void)json;
    ++*(int *)ctx;
    return 0;
}

static int
count_settings(struct fixture *fixture)
{
    int n = 0;
    struct error error;
    assert_int_equal(
        store_load_settings(fixture->store, count_setting, &n, &error), 0);
    return n;
}

static void
put_profile(struct fixture *fixture, const char *id, const char *name,
            struct outcome *outcome)
{
    struct profile *profile = profile_new();
    assert_non_null(profile);
    snprintf(profile->id, sizeof profile->id, "%s", id);
    assert_int_equal(profile_set_text(&profile->name, str_from(name)), 0);
    store_put_profile(fixture->store, profile, on_outcome, outcome);
    profile_unref(profile);
}

static void
test_all_of_a_group_is_stored(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcomes[3] = { 0 };
    struct error error;
    assert_int_equal(store_group_begin(fixture->store, &error), 0);
    store_put_setting(fixture->store, "a", "1", on_outcome, &outcomes[0]);
    put_profile(fixture, "prf_1", "one", &outcomes[1]);
    store_put_metadata(fixture->store, "b", "2", on_outcome, &outcomes[2]);
    store_group_end(fixture->store, true);
    fixture_wait(fixture);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(outcomes[i].n_calls, 1);
        assert_false(outcomes[i].has_failed);
    }
    fixture_reopen(fixture);
    assert_int_equal(count_settings(fixture), 1);
}

static void
test_one_that_fails_fails_all(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcomes[3] = { 0 }, before = { 0 }, after = { 0 };
    struct error error;
    put_profile(fixture, "prf_1", "taken", &before);
    assert_int_equal(store_group_begin(fixture->store, &error), 0);
    store_put_setting(fixture->store, "a", "1", on_outcome, &outcomes[0]);
    put_profile(fixture, "prf_2", "taken", &outcomes[1]);
    store_put_setting(fixture->store, "b", "1", on_outcome, &outcomes[2]);
    store_group_end(fixture->store, true);
    store_put_setting(fixture->store, "c", "1", on_outcome, &after);
    assert_int_equal(store_wait(fixture->store, &error), -1);
    assert_int_equal(before.n_calls, 1);
    assert_false(before.has_failed);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(outcomes[i].n_calls, 1);
        assert_true(outcomes[i].has_failed);
        assert_int_equal(outcomes[i].error.code, ERR_CONFLICT);
        assert_string_equal(outcomes[i].error.field, "name");
    }
    assert_int_equal(after.n_calls, 1);
    assert_false(after.has_failed);
    assert_int_equal(count_settings(fixture), 1);
}

static void
test_a_group_taken_back_is_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcomes[2] = { 0 }, after = { 0 };
    struct error error;
    assert_int_equal(store_group_begin(fixture->store, &error), 0);
    store_put_setting(fixture->store, "a", "1", on_outcome, &outcomes[0]);
    put_profile(fixture, "prf_1", "one", &outcomes[1]);
    assert_int_equal(outcomes[0].n_calls, 0);
    store_group_end(fixture->store, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(outcomes[i].n_calls, 1);
        assert_int_equal(outcomes[i].error.code, ERR_CANCELLED);
    }
    put_profile(fixture, "prf_2", "one", &after);
    fixture_wait(fixture);
    assert_false(after.has_failed);
    assert_int_equal(count_settings(fixture), 0);
    /* An empty one is nothing, too. */
    assert_int_equal(store_group_begin(fixture->store, &error), 0);
    store_group_end(fixture->store, true);
    fixture_wait(fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_all_of_a_group_is_stored),
        FIXTURE_TEST(test_one_that_fails_fails_all),
        FIXTURE_TEST(test_a_group_taken_back_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
