/* What goes in comes out again, after closing and opening too. */
#include "fixture.h"

#include <sqlite3.h>

#include "store/sqlite/sqlite_internal.h"

/* ---- profiles ---- */

static struct profile *
make_profile(const char *id, const char *name, int port)
{
    struct profile *profile = profile_new();
    assert_non_null(profile);
    snprintf(profile->id, sizeof profile->id, "%s", id);
    assert_int_equal(profile_set_text(&profile->name, str_from(name)), 0);
    profile->port = port;
    return profile;
}

/* Every field differs from its default. */
static struct profile *
make_full_profile(void)
{
    struct profile *profile = make_profile("prf_1", "tiny 'quoted' \"x\"", 9);
    const struct str aliases[] = { STR("a\"b"), STR("\xc3\xa9"), STR("c,d") };
    assert_int_equal(profile_set_aliases(profile, aliases, 3), 0);
    profile_set_text(&profile->description, STR("line\nline"));
    profile_set_text(&profile->engine, STR("vllm"));
    profile_set_text(&profile->model_path, STR("/m/x.gguf"));
    profile_set_text(&profile->host, STR("::1"));
    profile_set_text(&profile->env_json, STR("{\"A\":\"b\"}"));
    profile_set_text(&profile->options_json, STR("{\"ctx_size\":4096}"));
    profile_set_text(&profile->command_json, STR("[\"a\",\"b\"]"));
    profile_set_text(&profile->node, STR("box"));
    profile->ttl_s = 31536000;
    profile->is_pinned = true;
    profile->is_auto_start = true;
    profile->restart_policy = RESTART_ALWAYS;
    profile->max_concurrency = 3;
    profile->queue_size = 7;
    profile->queue_timeout_s = 11;
    profile->load_timeout_s = 13;
    profile->orphan_timeout_s = 17;
    profile->created_at_ms = INT64_C(1700000000001);
    profile->updated_at_ms = INT64_C(1700000000002);
    return profile;
}

struct profiles {
    struct profile *all[16];
    size_t n;
};

static int
keep_profile(void *ctx, struct profile *profile)
{
    struct profiles *profiles = ctx;
    assert_true(profiles->n < 16);
    profiles->all[profiles->n++] = profile_ref(profile);
    return 0;
}

static struct profiles
load_profiles(struct fixture *fixture)
{
    struct profiles profiles = { .n = 0 };
    struct error error;
    if (store_load_profiles(fixture->store, keep_profile, &profiles, &error) <
        0)
        fail_msg("%s", error.message);
    return profiles;
}

static void
release_profiles(struct profiles *profiles)
{
    for (size_t i = 0; i < profiles->n; i++)
        profile_unref(profiles->all[i]);
    profiles->n = 0;
}

static void
put_profile(struct fixture *fixture, struct profile *profile,
            struct outcome *outcome)
{
    store_put_profile(fixture->store, profile,
                      outcome == NULL ? NULL : on_outcome, outcome);
    profile_unref(profile);
}

static void
assert_profiles_equal(const struct profile *a, const struct profile *b)
{
    for (size_t i = 0; i < n_profile_fields; i++) {
        const struct field *field = &profile_fields[i];
        const void *in_a = (const char *)a + field->offset;
        const void *in_b = (const char *)b + field->offset;
        switch (field->type) {
        case FIELD_INT:
        case FIELD_ENUM:
            assert_int_equal(*(const int *)in_a, *(const int *)in_b);
            break;
        case FIELD_INT64:
            assert_int_equal(*(const int64_t *)in_a, *(const int64_t *)in_b);
            break;
        case FIELD_BOOL:
            assert_int_equal(*(const bool *)in_a, *(const bool *)in_b);
            break;
        case FIELD_TEXT_LIST:
            assert_int_equal(a->n_aliases, b->n_aliases);
            for (size_t j = 0; j < a->n_aliases; j++)
                assert_string_equal(a->aliases[j], b->aliases[j]);
            break;
        default:
            if (field->offset == offsetof(struct profile, id))
                assert_string_equal(a->id, b->id);
            else
                assert_string_equal(*(const char *const *)in_a,
                                    *(const char *const *)in_b);
        }
    }
}

static void
test_profile_keeps_every_field(void **state)
{
    struct fixture *fixture = *state;
    struct profile *profile = make_full_profile();
    store_put_profile(fixture->store, profile, NULL, NULL);
    fixture_wait(fixture);
    fixture_reopen(fixture);
    struct profiles profiles = load_profiles(fixture);
    assert_int_equal(profiles.n, 1);
    assert_profiles_equal(profiles.all[0], profile);
    release_profiles(&profiles);
    profile_unref(profile);
}

static void
test_profile_is_replaced_and_deleted(void **state)
{
    struct fixture *fixture = *state;
    put_profile(fixture, make_profile("prf_1", "one", 0), NULL);
    put_profile(fixture, make_profile("prf_1", "two", 5), NULL);
    put_profile(fixture, make_profile("prf_2", "one", 0), NULL);
    fixture_wait(fixture);
    struct profiles profiles = load_profiles(fixture);
    assert_int_equal(profiles.n, 2);
    assert_string_equal(profiles.all[0]->name, "two");
    assert_int_equal(profiles.all[0]->port, 5);
    assert_string_equal(profiles.all[1]->name, "one");
    release_profiles(&profiles);
    store_delete_profile(fixture->store, "prf_1", NULL, NULL);
    store_delete_profile(fixture->store, "prf_none", NULL, NULL);
    fixture_wait(fixture);
    profiles = load_profiles(fixture);
    assert_int_equal(profiles.n, 1);
    assert_string_equal(profiles.all[0]->id, "prf_2");
    release_profiles(&profiles);
}

static void
test_what_is_taken_is_a_conflict_of_its_field(void **state)
{
    struct fixture *fixture = *state;
    struct outcome taken_name = { 0 };
    struct outcome taken_port = { 0 };
    put_profile(fixture, make_profile("prf_1", "one", 80), NULL);
    fixture_wait(fixture);
    put_profile(fixture, make_profile("prf_2", "one", 0), &taken_name);
    put_profile(fixture, make_profile("prf_3", "three", 80), &taken_port);
    struct error error;
    assert_int_equal(store_wait(fixture->store, &error), -1);
    assert_int_equal(error.code, ERR_CONFLICT);
    assert_int_equal(taken_name.n_calls, 1);
    assert_int_equal(taken_name.error.code, ERR_CONFLICT);
    assert_string_equal(taken_name.error.field, "name");
    assert_int_equal(taken_port.error.code, ERR_CONFLICT);
    assert_string_equal(taken_port.error.field, "port");
    fixture_wait(fixture);
}

static void
test_port_zero_is_nobodys(void **state)
{
    struct fixture *fixture = *state;
    put_profile(fixture, make_profile("prf_1", "one", 0), NULL);
    put_profile(fixture, make_profile("prf_2", "two", 0), NULL);
    fixture_wait(fixture);
    struct profiles profiles = load_profiles(fixture);
    assert_int_equal(profiles.n, 2);
    release_profiles(&profiles);
}

/* The queue is held while it fills, so that all go into one transaction. */
static void
test_failed_change_leaves_its_neighbours(void **state)
{
    struct fixture *fixture = *state;
    struct outcome outcomes[5] = { 0 };
    store_read_begin(fixture->store);
    put_profile(fixture, make_profile("prf_0", "same", 1), &outcomes[0]);
    put_profile(fixture, make_profile("prf_1", "same", 2), &outcomes[1]);
    put_profile(fixture, make_profile("prf_2", "two", 1), &outcomes[2]);
    put_profile(fixture, make_profile("prf_3", "three", 3), &outcomes[3]);
    put_profile(fixture, make_profile("prf_4", "four", 2), &outcomes[4]);
    store_read_end(fixture->store);
    assert_int_equal(store_wait(fixture->store, NULL), -1);
    static const bool fails[5] = { false, true, true, false, false };
    for (int i = 0; i < 5; i++) {
        assert_int_equal(outcomes[i].n_calls, 1);
        assert_int_equal(outcomes[i].has_failed, fails[i]);
    }
    fixture_reopen(fixture);
    struct profiles profiles = load_profiles(fixture);
    assert_int_equal(profiles.n, 3);
    assert_string_equal(profiles.all[0]->id, "prf_0");
    assert_string_equal(profiles.all[1]->id, "prf_3");
    assert_string_equal(profiles.all[2]->id, "prf_4");
    release_profiles(&profiles);
}

/* A field that is added to the table needs a migration. */
static void
test_columns_are_the_fields(void **state)
{
    struct fixture *fixture = *state;
    struct sql sql;
    size_t n_columns = 0;
    sql_init(&sql, store_read_begin(fixture->store),
             "SELECT name FROM pragma_table_info('profiles')");
    while (sql_next(&sql)) {
        struct str name = sql_text(&sql);
        bool is_field = false;
        for (size_t i = 0; i < n_profile_fields; i++)
            is_field |= str_is(name, profile_fields[i].name);
        if (!is_field)
            fail_msg("column %.*s is no field", STR_ARG(name));
        n_columns++;
    }
    assert_int_equal(sql_end(&sql, NULL), 0);
    store_read_end(fixture->store);
    assert_int_equal(n_columns, n_profile_fields - 1);
}

static int
stop_at_first(void *ctx, struct profile *profile)
{
    (*(int *)ctx)++;
    return 1;
}

static void
test_load_can_be_stopped(void **state)
{
    struct fixture *fixture = *state;
    int n = 0;
    struct error error;
    put_profile(fixture, make_profile("prf_1", "one", 0), NULL);
    put_profile(fixture, make_profile("prf_2", "two", 0), NULL);
    assert_int_equal(
        store_load_profiles(fixture->store, stop_at_first, &n, &error), -1);
    assert_int_equal(error.code, ERR_CANCELLED);
    assert_int_equal(n, 1);
}

static void
test_damaged_row_is_named(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *change;
        const char *word;
    } rows[] = {
        { "UPDATE profiles SET restart_policy = 'often'", "restart_policy" },
        { "UPDATE profiles SET aliases = '{}'", "aliases" },
        { "UPDATE profiles SET aliases = '[1]'", "aliases" },
        { "UPDATE profiles SET queue_size = 4294967296", "queue_size" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct profiles profiles = { .n = 0 };
        struct error error;
        put_profile(fixture, make_profile("prf_1", "one", 0), NULL);
        fixture_wait(fixture);
        struct db *db = store_read_begin(fixture->store);
        assert_int_equal(db_exec(db, rows[i].change, NULL), 0);
        store_read_end(fixture->store);
        assert_int_equal(store_load_profiles(fixture->store, keep_profile,
                                             &profiles, &error),
                         -1);
        assert_int_equal(error.code, ERR_IO);
        assert_non_null(strstr(error.message, "prf_1"));
        assert_non_null(strstr(error.message, rows[i].word));
        assert_int_equal(profiles.n, 0);
    }
}

/* ---- instances ---- */

struct instances {
    struct instance_row rows[4];
    size_t n;
};

static int
keep_instance(void *ctx, const struct instance_row *row)
{
    struct instances *instances = ctx;
    instances->rows[instances->n++] = *row;
    return 0;
}

static void
test_instances_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct instance_row row = {
        .id = "ins_1",
        .profile_id = "prf_1",
        .node = "box",
        .state = INSTANCE_UNHEALTHY,
        .port = 65535,
        .keeper = { 123456, UINT64_MAX - 3, "boot-a" },
        .engine = { 123457, 99, "boot-b" },
        .socket_path = "/data/run/ins_1.sock",
        .api_key = "engine's own",
        .started_at_ms = INT64_C(1700000000003),
    };
    struct instances instances = { .n = 0 };
    store_put_instance(fixture->store, &row, NULL, NULL);
    fixture_wait(fixture);
    fixture_reopen(fixture);
    assert_int_equal(
        store_load_instances(fixture->store, keep_instance, &instances, NULL),
        0);
    assert_int_equal(instances.n, 1);
    assert_memory_equal(&instances.rows[0], &row, sizeof row);
    row.state = INSTANCE_READY;
    store_put_instance(fixture->store, &row, NULL, NULL);
    instances.n = 0;
    store_load_instances(fixture->store, keep_instance, &instances, NULL);
    assert_int_equal(instances.n, 1);
    assert_int_equal(instances.rows[0].state, INSTANCE_READY);
    store_delete_instance(fixture->store, "ins_1", NULL, NULL);
    instances.n = 0;
    store_load_instances(fixture->store, keep_instance, &instances, NULL);
    assert_int_equal(instances.n, 0);
}

/* ---- settings and metadata ---- */

struct pairs {
    char text[512]; /* "key=value;" for each */
};

static int
keep_pair(void *ctx, const char *key, const char *value)
{
    struct pairs *pairs = ctx;
    size_t n = strlen(pairs->text);
    snprintf(pairs->text + n, sizeof pairs->text - n, "%s=%s;", key, value);
    return 0;
}

static void
test_settings_come_back(void **state)
{
    struct fixture *fixture = *state;
    store_put_setting(fixture->store, "models_max", "4", NULL, NULL);
    store_put_setting(fixture->store, "log_level", "\"warn\"", NULL, NULL);
    store_put_setting(fixture->store, "gone", "1", NULL, NULL);
    store_put_setting(fixture->store, "models_max", "7", NULL, NULL);
    store_put_setting(fixture->store, "gone", NULL, NULL, NULL);
    fixture_wait(fixture);
    fixture_reopen(fixture);
    struct pairs pairs = { "" };
    assert_int_equal(
        store_load_settings(fixture->store, keep_pair, &pairs, NULL), 0);
    assert_string_equal(pairs.text, "log_level=\"warn\";models_max=7;");
}

static void
test_metadata_is_found_by_prefix(void **state)
{
    struct fixture *fixture = *state;
    store_put_metadata(fixture->store, "model_id:/a", "mdl_1", NULL, NULL);
    store_put_metadata(fixture->store, "model_id:/b", "mdl_2", NULL, NULL);
    store_put_metadata(fixture->store, "model_idx", "no", NULL, NULL);
    store_put_metadata(fixture->store, "Model_id:", "no", NULL, NULL);
    store_put_metadata(fixture->store, "model_id:/b", "mdl_3", NULL, NULL);
    store_put_metadata(fixture->store, "model_id:/%", "mdl_4", NULL, NULL);
    store_put_metadata(fixture->store, "model_id:/%", NULL, NULL, NULL);
    fixture_wait(fixture);
    struct pairs pairs = { "" };
    assert_int_equal(store_load_metadata(fixture->store, "model_id:", keep_pair,
                                         &pairs, NULL),
                     0);
    assert_string_equal(pairs.text, "model_id:/a=mdl_1;model_id:/b=mdl_3;");
}

/* ---- keys ---- */

struct keys {
    struct api_key keys[4];
    size_t n;
};

static int
keep_key(void *ctx, const struct api_key *key)
{
    struct keys *keys = ctx;
    keys->keys[keys->n++] = *key;
    return 0;
}

static void
test_keys_come_back(void **state)
{
    struct fixture *fixture = *state;
    struct api_key key = { .id = "key_1",
                           .name = "laptop",
                           .scope = KEY_SCOPE_READ,
                           .created_at_ms = 5 };
    for (int i = 0; i < KEY_DIGEST_BYTES; i++)
        key.digest[i] = (uint8_t)(i * 9 + 200);
    struct keys keys = { .n = 0 };
    store_put_api_key(fixture->store, &key, NULL, NULL);
    fixture_wait(fixture);
    fixture_reopen(fixture);
    store_load_api_keys(fixture->store, keep_key, &keys, NULL);
    assert_int_equal(keys.n, 1);
    assert_memory_equal(&keys.keys[0], &key, sizeof key);
    key.revoked_at_ms = 6;
    store_put_api_key(fixture->store, &key, NULL, NULL);
    keys.n = 0;
    store_load_api_keys(fixture->store, keep_key, &keys, NULL);
    assert_int_equal(keys.n, 1);
    assert_int_equal(keys.keys[0].revoked_at_ms, 6);
}

static void
test_digest_belongs_to_one_key(void **state)
{
    struct fixture *fixture = *state;
    struct api_key key = { .id = "key_1", .name = "a" };
    struct outcome outcome = { 0 };
    store_put_api_key(fixture->store, &key, NULL, NULL);
    snprintf(key.id, sizeof key.id, "key_2");
    store_put_api_key(fixture->store, &key, on_outcome, &outcome);
    store_wait(fixture->store, NULL);
    assert_int_equal(outcome.n_calls, 1);
    assert_int_equal(outcome.error.code, ERR_CONFLICT);
    assert_string_equal(outcome.error.field, "digest");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_profile_keeps_every_field),
        FIXTURE_TEST(test_profile_is_replaced_and_deleted),
        FIXTURE_TEST(test_what_is_taken_is_a_conflict_of_its_field),
        FIXTURE_TEST(test_port_zero_is_nobodys),
        FIXTURE_TEST(test_failed_change_leaves_its_neighbours),
        FIXTURE_TEST(test_columns_are_the_fields),
        FIXTURE_TEST(test_load_can_be_stopped),
        FIXTURE_TEST(test_damaged_row_is_named),
        FIXTURE_TEST(test_instances_come_back),
        FIXTURE_TEST(test_settings_come_back),
        FIXTURE_TEST(test_metadata_is_found_by_prefix),
        FIXTURE_TEST(test_keys_come_back),
        FIXTURE_TEST(test_digest_belongs_to_one_key),
    };
    return cmocka_run_group_tests_name("store records", tests, NULL, NULL);
}
