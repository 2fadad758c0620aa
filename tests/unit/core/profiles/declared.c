#include "fixture.h"

#define TINY "\"model_path\":\"%/tiny.gguf\""

static struct profile *
named(struct fixture *f, const char *name)
{
    struct profile *profile = profiles_resolve(f->profiles, str_from(name));
    assert_non_null(profile);
    return profile;
}

static void
test_declared_profiles(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set_file(f, "[{\"name\":\"a\"," TINY "},"
                                 "{\"name\":\"b\",\"aliases\":[\"bee\"]," TINY
                                 ",\"options\":{\"ctx_size\":8}}]"),
                     0);
    assert_int_equal(profiles_count(f->profiles), 2);
    struct profile *b = named(f, "bee");
    assert_string_equal(b->name, "b");
    assert_int_equal(b->source, PROFILE_SOURCE_FILE);
    assert_string_equal(f->told, "created:a created:b");
    assert_int_equal(update(f, b->id, "{\"ttl_s\":1}"), -1);
    assert_int_equal(f->error.code, ERR_CONFLICT);
    assert_int_equal(profiles_delete(f->profiles, str_from(b->id), fixture_done,
                                     f, &f->error),
                     -1);
    assert_int_equal(f->error.code, ERR_CONFLICT);
    assert_int_equal(create(f, "{\"name\":\"bee\"," TINY "}"), -1);
    assert_int_equal(f->error.code, ERR_CONFLICT);
}

static void
test_only_what_changed_is_touched(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set_file(f, "[{\"name\":\"a\"," TINY "},"
                                 "{\"name\":\"b\"," TINY "},"
                                 "{\"name\":\"c\"," TINY "}]"),
                     0);
    struct profile *a = profile_ref(named(f, "a"));
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", named(f, "b")->id);
    f->n_told = 0;
    assert_int_equal(set_file(f, "[{\"name\":\"d\"," TINY "},"
                                 "{\"name\":\"b\",\"ttl_s\":9," TINY "},"
                                 "{\"name\":\"a\"," TINY "}]"),
                     0);
    assert_string_equal(f->told, "deleted:c created:d updated:b");
    assert_ptr_equal(named(f, "a"), a); /* the same object */
    assert_string_equal(named(f, "b")->id, id);
    assert_int_equal(named(f, "b")->ttl_s, 9);
    profile_unref(a);
    f->n_told = 0;
    assert_int_equal(set_file(f, "[]"), 0);
    assert_string_equal(f->told, "deleted:a deleted:b deleted:d");
    assert_int_equal(profiles_set_file(f->profiles, NULL, &f->error), 0);
}

static void
test_ids_are_kept_by_name(void **state)
{
    struct fixture *f = *state;
    char id[ID_BYTES];
    assert_int_equal(set_file(f, "[{\"name\":\"a\"," TINY "}]"), 0);
    snprintf(id, sizeof id, "%s", named(f, "a")->id);
    fixture_restart(f);
    assert_int_equal(profiles_count(f->profiles), 0); /* not in the store */
    assert_int_equal(set_file(f, "[{\"name\":\"z\"," TINY "},"
                                 "{\"name\":\"a\"," TINY "}]"),
                     0);
    assert_string_equal(named(f, "a")->id, id);
    assert_string_not_equal(named(f, "z")->id, id);
}

static void
test_a_wrong_file_changes_nothing(void **state)
{
    static const struct {
        const char *array, *field, *says;
        enum error_code code;
    } rows[] = {
        { "{}", "profiles", "a list", ERR_INVALID },
        { "[{\"name\":\"b\"," TINY "},7]", "profiles[1]", "an object",
          ERR_INVALID },
        { "[{\"name\":\"b\"," TINY "},{\"name\":\"c\",\"port\":70000," TINY
          "}]",
          "profiles[1].port", "0 to 65535", ERR_INVALID },
        { "[{\"name\":\"b\"," TINY ",\"options\":{\"cxt_size\":1}}]",
          "profiles[0].options.cxt_size", "no such option", ERR_INVALID },
        { "[{\"name\":\"b\"," TINY "},{\"name\":\"b\"," TINY "}]",
          "profiles[1].name", "earlier", ERR_CONFLICT },
        { "[{\"name\":\"b\",\"port\":40990," TINY "},"
          "{\"name\":\"c\",\"port\":40990," TINY "}]",
          "profiles[1].port", "\"b\"", ERR_CONFLICT },
        { "[{\"name\":\"stored\"," TINY "}]", "profiles[0].name", "\"stored\"",
          ERR_CONFLICT },
        { "[{\"name\":\"b\",\"model_path\":\"/etc/passwd\"}]",
          "profiles[0].model_path", "inside the model", ERR_INVALID },
    };
    struct fixture *f = *state;
    create_ok(f, "{\"name\":\"stored\"," TINY "}");
    assert_int_equal(set_file(f, "[{\"name\":\"a\"," TINY "}]"), 0);
    struct profile *a = profile_ref(named(f, "a"));
    f->n_told = 0;
    f->told[0] = '\0';
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(set_file(f, rows[i].array), -1);
        assert_string_equal(f->error.field, rows[i].field);
        assert_int_equal(f->error.code, rows[i].code);
        if (strstr(f->error.message, rows[i].says) == NULL)
            fail_msg("%s: got \"%s\"", rows[i].array, f->error.message);
        assert_int_equal(profiles_count(f->profiles), 2);
        assert_ptr_equal(named(f, "a"), a);
    }
    assert_string_equal(f->told, "");
    profile_unref(a);
}

/* A model that is not there (a disk not mounted) does not stop the start. */
static void
test_the_model_may_come_later(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set_file(f, "[{\"name\":\"a\",\"model_path\":"
                                 "\"%/later.gguf\"}]"),
                     0);
    assert_int_equal(profiles_count(f->profiles), 1);
}

/* A declared one and a stored one may trade a name over two reloads. */
static void
test_a_name_that_becomes_free(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(set_file(f, "[{\"name\":\"a\"," TINY "}]"), 0);
    assert_int_equal(create(f, "{\"name\":\"a\"," TINY "}"), -1);
    assert_int_equal(set_file(f, "[]"), 0);
    create_ok(f, "{\"name\":\"a\"," TINY "}");
    assert_int_equal(set_file(f, "[{\"name\":\"a\"," TINY "}]"), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PROFILE_TEST(test_declared_profiles),
        PROFILE_TEST(test_only_what_changed_is_touched),
        PROFILE_TEST(test_ids_are_kept_by_name),
        PROFILE_TEST(test_a_wrong_file_changes_nothing),
        PROFILE_TEST(test_the_model_may_come_later),
        PROFILE_TEST(test_a_name_that_becomes_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
