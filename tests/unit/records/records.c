/* The nouns: defaults, copies, tables and names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "records/api_key.h"
#include "records/instance.h"
#include "records/log_entry.h"
#include "records/profile.h"
#include "records/settings.h"

/* ---- profile ---- */

static void
test_profile_defaults(void **state)
{
    struct profile *profile = profile_new();
    assert_non_null(profile);
    assert_int_equal(profile->n_refs, 1);
    assert_string_equal(profile->name, "");
    assert_string_equal(profile->engine, "llama-server");
    assert_string_equal(profile->host, "127.0.0.1");
    assert_string_equal(profile->env_json, "{}");
    assert_string_equal(profile->options_json, "{}");
    assert_string_equal(profile->command_json, "[]");
    assert_int_equal(profile->restart_policy, RESTART_ON_FAILURE);
    assert_int_equal(profile->load_timeout_s, 300);
    assert_int_equal(profile->orphan_timeout_s, -1);
    assert_int_equal(profile->n_aliases, 0);
    profile_unref(profile);
    profile_unref(NULL);
}

/* Defaults must themselves be allowed. */
static void
test_profile_defaults_are_in_bounds(void **state)
{
    struct profile *profile = profile_new();
    for (size_t i = 0; i < n_profile_fields; i++) {
        const struct field *field = &profile_fields[i];
        const void *at = (const char *)profile + field->offset;
        int64_t value;
        if ((field->flags & FIELD_READ_ONLY) != 0)
            continue;
        if (field->type == FIELD_INT)
            value = *(const int *)at;
        else if (field->type == FIELD_INT64)
            value = *(const int64_t *)at;
        else
            continue;
        if (value < field->min || value > field->max)
            fail_msg("%s: %lld", field->name, (long long)value);
    }
    profile_unref(profile);
}

static void
test_profile_fields_are_sound(void **state)
{
    for (size_t i = 0; i < n_profile_fields; i++) {
        const struct field *field = &profile_fields[i];
        assert_true(field->offset < sizeof(struct profile));
        assert_true(field->min <= field->max);
        assert_true(strlen(field->help) > 0);
        assert_int_equal(field->type == FIELD_ENUM, field->choices != NULL);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(field->name, profile_fields[j].name);
            assert_int_not_equal(field->offset, profile_fields[j].offset);
        }
    }
}

static struct profile *
make_profile(void)
{
    struct profile *profile = profile_new();
    const struct str aliases[] = { STR("a"), STR("b") };
    profile_set_text(&profile->name, STR("tiny"));
    profile_set_text(&profile->options_json, STR("{\"x\":1}"));
    profile_set_aliases(profile, aliases, 2);
    profile->port = 9;
    return profile;
}

static void
test_profile_copy_shares_nothing(void **state)
{
    struct profile *profile = make_profile();
    assert_ptr_equal(profile_ref(profile), profile);
    assert_int_equal(profile->n_refs, 2);
    struct profile *copy = profile_copy(profile);
    assert_int_equal(copy->n_refs, 1);
    assert_int_equal(copy->port, 9);
    assert_ptr_not_equal(copy->name, profile->name);
    assert_ptr_not_equal(copy->aliases, profile->aliases);
    profile_set_text(&copy->name, STR("other"));
    profile_set_aliases(copy, NULL, 0);
    assert_string_equal(profile->name, "tiny");
    assert_int_equal(profile->n_aliases, 2);
    assert_string_equal(profile->aliases[1], "b");
    profile_unref(profile);
    profile_unref(profile);
    assert_string_equal(copy->name, "other");
    assert_string_equal(copy->options_json, "{\"x\":1}");
    profile_unref(copy);
}

/* What the new aliases are views of may be the old ones. */
static void
test_aliases_may_come_from_themselves(void **state)
{
    struct profile *profile = make_profile();
    const struct str swapped[] = { str_from(profile->aliases[1]),
                                   str_from(profile->aliases[0]) };
    assert_int_equal(profile_set_aliases(profile, swapped, 2), 0);
    assert_string_equal(profile->aliases[0], "b");
    assert_string_equal(profile->aliases[1], "a");
    assert_int_equal(
        profile_set_text(&profile->name, (struct str){ profile->name + 1, 3 }),
        0);
    assert_string_equal(profile->name, "iny");
    profile_unref(profile);
}

/* Exactly the fields that are marked so need a restart. */
static void
test_profile_restart(void **state)
{
    for (size_t i = 0; i < n_profile_fields; i++) {
        const struct field *field = &profile_fields[i];
        struct profile *before = make_profile();
        struct profile *after = profile_copy(before);
        void *at = (char *)after + field->offset;
        assert_false(profile_needs_restart(before, after));
        switch (field->type) {
        case FIELD_INT: (*(int *)at)++; break;
        case FIELD_INT64: (*(int64_t *)at)++; break;
        case FIELD_BOOL: *(bool *)at = !*(bool *)at; break;
        case FIELD_ENUM: *(unsigned *)at = 2; break;
        case FIELD_TEXT_LIST: profile_set_aliases(after, NULL, 0); break;
        default:
            if (field->offset == offsetof(struct profile, id))
                after->id[0] = 'x';
            else
                profile_set_text(at, STR("changed"));
        }
        bool needs = (field->flags & FIELD_RESTARTS) != 0;
        if (profile_needs_restart(before, after) != needs)
            fail_msg("%s: expected %d", field->name, needs);
        profile_unref(before);
        profile_unref(after);
    }
}

static void
test_profile_names(void **state)
{
    enum restart_policy policy;
    static const enum restart_policy policies[] = { RESTART_NEVER,
                                                    RESTART_ON_FAILURE,
                                                    RESTART_ALWAYS };
    for (size_t i = 0; i < 3; i++) {
        const char *name = restart_policy_name(policies[i]);
        assert_int_equal(restart_policy_from(str_from(name), &policy), 0);
        assert_int_equal(policy, policies[i]);
    }
    assert_int_equal(restart_policy_from(STR("often"), &policy), -1);
    assert_int_equal(restart_policy_from(STR(""), &policy), -1);
    assert_string_equal(profile_source_name(PROFILE_SOURCE_DATABASE),
                        "database");
    assert_string_equal(profile_source_name(PROFILE_SOURCE_FILE), "file");
    assert_string_equal(profile_source_name(PROFILE_SOURCE_LIBRARY), "library");
}

/* ---- instance ---- */

static void
test_instance_states(void **state)
{
    /* by row: what may follow, in the order of INSTANCE_STATES */
    static const char *const may[INSTANCE_STATE_COUNT] = {
        [INSTANCE_STOPPED] = "attaching starting",
        [INSTANCE_ATTACHING] = "stopped loading ready failed",
        [INSTANCE_STARTING] = "loading stopping failed",
        [INSTANCE_LOADING] = "ready stopping failed",
        [INSTANCE_READY] = "unhealthy draining stopping failed",
        [INSTANCE_UNHEALTHY] = "ready stopping failed",
        [INSTANCE_DRAINING] = "ready stopping failed",
        [INSTANCE_STOPPING] = "stopped failed",
        [INSTANCE_FAILED] = "stopped starting backoff",
        [INSTANCE_BACKOFF] = "stopped starting",
    };
    for (int from = 0; from < INSTANCE_STATE_COUNT; from++) {
        char follow[128] = "";
        for (int to = 0; to < INSTANCE_STATE_COUNT; to++) {
            if (!state_table_allows(instance_state_rows, from, to))
                continue;
            size_t n = strlen(follow);
            snprintf(follow + n, sizeof follow - n, "%s%s", n == 0 ? "" : " ",
                     instance_state_name((enum instance_state)to));
        }
        assert_string_equal(follow, may[from]);
    }
    assert_string_equal(stop_kind_name(STOP_GRACEFUL), "graceful");
    assert_string_equal(stop_kind_name(STOP_FORCED), "forced");
}

/* ---- keys, log ---- */

static void
test_scopes_and_levels(void **state)
{
    enum key_scope scope;
    enum log_level level;
    for (int i = KEY_SCOPE_ADMIN; i <= KEY_SCOPE_READ; i++) {
        const char *name = key_scope_name((enum key_scope)i);
        assert_int_equal(key_scope_from(str_from(name), &scope), 0);
        assert_int_equal(scope, i);
    }
    assert_int_equal(key_scope_from(STR("Admin"), &scope), -1);
    assert_int_equal(key_scope_from(STR(""), &scope), -1);
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        const char *name = log_level_name((enum log_level)i);
        assert_int_equal(log_level_from(str_from(name), &level), 0);
        assert_int_equal(level, i);
    }
    assert_int_equal(log_level_from(STR("warning"), &level), -1);
}

/* ---- settings ---- */

static bool
is_number_in(const struct setting_row *row)
{
    int64_t value;
    return str_to_i64(str_from(row->default_text), &value) == 0 &&
           value >= row->min && value <= row->max;
}

static bool
is_choice_of(const struct setting_row *row)
{
    struct str rest = str_from(row->choices);
    while (rest.p != NULL)
        if (str_is(str_split(&rest, '|'), row->default_text))
            return true;
    return false;
}

static void
test_settings_rows_are_sound(void **state)
{
    for (int i = 0; i < SETTING_COUNT; i++) {
        const struct setting_row *row = &setting_rows[i];
        bool is_good = true;
        if (row->type == SETTING_INT)
            is_good = is_number_in(row);
        else if (row->type == SETTING_CHOICE)
            is_good = is_choice_of(row);
        else if (row->type == SETTING_BOOL)
            is_good = strcmp(row->default_text, "true") == 0 ||
                      strcmp(row->default_text, "false") == 0;
        if (!is_good)
            fail_msg("the default of %s is none", row->key);
        assert_true(strlen(row->help) > 0);
        assert_int_equal(setting_find(str_from(row->key)), i);
    }
    assert_int_equal(setting_find(STR("nonsense")), SETTING_COUNT);
    assert_int_equal(setting_find(STR("")), SETTING_COUNT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_profile_defaults),
        cmocka_unit_test(test_profile_defaults_are_in_bounds),
        cmocka_unit_test(test_profile_fields_are_sound),
        cmocka_unit_test(test_profile_copy_shares_nothing),
        cmocka_unit_test(test_aliases_may_come_from_themselves),
        cmocka_unit_test(test_profile_restart),
        cmocka_unit_test(test_profile_names),
        cmocka_unit_test(test_instance_states),
        cmocka_unit_test(test_scopes_and_levels),
        cmocka_unit_test(test_settings_rows_are_sound),
    };
    return cmocka_run_group_tests_name("records", tests, NULL, NULL);
}
