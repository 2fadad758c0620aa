/* Models go in and come out again, field by field. */
#include "fixture.h"

/* Every field differs from its default. */
static struct model *
make_full(const char *id)
{
    struct model *model = model_new();
    assert_non_null(model);
    snprintf(model->id, sizeof model->id, "%s", id);
    for (size_t i = 0; i < n_model_fields; i++) {
        const struct model_field *field = &model_fields[i];
        void *at = (char *)model + field->offset;
        char text[64];
        snprintf(text, sizeof text, "'%s' \"\xc3\xa9\"", field->name);
        switch (field->type) {
        case MODEL_TEXT:
            assert_int_equal(model_set_text(at, str_from(text)), 0);
            break;
        case MODEL_INT: *(int64_t *)at = INT64_MAX - (int64_t)i; break;
        case MODEL_BOOL: *(bool *)at = true; break;
        case MODEL_CHOICE: *(unsigned *)at = 1; break;
        case MODEL_LIST:
            assert_int_equal(text_list_add(at, STR("one")), 0);
            assert_int_equal(text_list_add(at, str_from(text)), 0);
            break;
        }
    }
    return model;
}

struct loaded {
    struct model *at[4];
    size_t n;
};

static int
on_model(void *ctx, struct model *model)
{
    struct loaded *loaded = ctx;
    assert_true(loaded->n < 4);
    loaded->at[loaded->n++] = model;
    return 0;
}

static void
load(struct fixture *fixture, struct loaded *ret_loaded)
{
    struct error error;
    ret_loaded->n = 0;
    if (store_load_models(fixture->store, on_model, ret_loaded, &error) < 0)
        fail_msg("%s", error.message);
}

static void
release(struct loaded *loaded)
{
    for (size_t i = 0; i < loaded->n; i++)
        model_free(loaded->at[i]);
}

static void
test_every_field_comes_back(void **state)
{
    struct fixture *fixture = *state;
    struct model *full = make_full("model_1"), *empty = model_new();
    assert_non_null(empty);
    snprintf(empty->id, sizeof empty->id, "model_2");
    const struct model *both[] = { full, empty };
    struct outcome outcome = { .n_calls = 0 };
    store_put_models(fixture->store, both, 2, on_outcome, &outcome);
    assert_int_equal(store_wait(fixture->store, NULL), 0);
    assert_int_equal(outcome.n_calls, 1);
    fixture_reopen(fixture);
    struct loaded loaded;
    load(fixture, &loaded);
    assert_int_equal(loaded.n, 2);
    assert_string_equal(loaded.at[0]->id, "model_1");
    for (size_t i = 0; i < n_model_fields; i++)
        if (!model_field_equals(full, loaded.at[0], &model_fields[i]) ||
            !model_field_equals(empty, loaded.at[1], &model_fields[i]))
            fail_msg("%s is not what was stored", model_fields[i].name);
    release(&loaded);
    model_free(full);
    model_free(empty);
}

static void
test_replaced_and_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct model *model = make_full("model_1");
    const struct model *one = model;
    store_put_models(fixture->store, &one, 1, NULL, NULL);
    text_list_release(&model->tags);
    model->is_favourite = false;
    store_put_models(fixture->store, &one, 1, NULL, NULL);
    struct loaded loaded;
    load(fixture, &loaded);
    assert_int_equal(loaded.n, 1);
    assert_true(model_equals(loaded.at[0], model));
    release(&loaded);
    store_delete_model(fixture->store, "model_1", NULL, NULL);
    load(fixture, &loaded);
    assert_int_equal(loaded.n, 0);
    model_free(model);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_every_field_comes_back),
        FIXTURE_TEST(test_replaced_and_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
