/* The table from text to pointer, against a plain array that does the same
 * slowly. */
#include "base_test.h"

#include "base/map.h"

static void
test_few(void **state)
{
    struct map map;
    int a;
    int b;
    size_t at = 0;
    map_init(&map);
    assert_null(map_get(&map, STR("a")));
    assert_null(map_remove(&map, STR("a")));
    assert_null(map_next(&map, &at));
    assert_int_equal(map_put(&map, STR("a"), &a), 0);
    assert_int_equal(map_put(&map, STR(""), &b), 0);
    assert_ptr_equal(map_get(&map, STR("a")), &a);
    assert_ptr_equal(map_get(&map, STR("")), &b);
    assert_null(map_get(&map, STR("a\0")));
    assert_int_equal(map_put(&map, STR("a"), &b), 0);
    assert_ptr_equal(map_get(&map, STR("a")), &b);
    assert_int_equal(map.n, 2);
    assert_ptr_equal(map_remove(&map, STR("a")), &b);
    assert_null(map_get(&map, STR("a")));
    assert_int_equal(map.n, 1);
    map_release(&map);
    assert_int_equal(map.n, 0);
    assert_null(map_get(&map, STR("")));
    map_release(&map);
    map_release(NULL);
}

static void
test_keys_are_copies(void **state)
{
    struct map map;
    char key[] = "key";
    map_init(&map);
    map_put(&map, str_from(key), &map);
    key[0] = 'x';
    assert_ptr_equal(map_get(&map, STR("key")), &map);
    assert_null(map_get(&map, str_from(key)));
    map_release(&map);
}

enum { KEYS = 500, STEPS = 20000 };

static void
check_all(const struct map *map, int *const values[KEYS])
{
    char key[16];
    size_t n = 0;
    for (int i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "k%d", i);
        assert_ptr_equal(map_get(map, str_from(key)), values[i]);
        n += values[i] != NULL;
    }
    assert_int_equal(map->n, n);
    size_t at = 0;
    size_t n_walked = 0;
    const struct map_slot *slot;
    while ((slot = map_next(map, &at)) != NULL) {
        assert_ptr_equal(slot->value, values[strtol(slot->key + 1, NULL, 10)]);
        n_walked++;
    }
    assert_int_equal(n_walked, n);
}

/* Adding and removing at random, so that runs of slots form, wrap round the
 * end and are closed again. */
static void
test_many(void **state)
{
    struct map map;
    static int cells[STEPS];
    int *values[KEYS] = { NULL };
    uint64_t random = 88172645463325252U;
    map_init(&map);
    for (int step = 0; step < STEPS; step++) {
        char key[16];
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        size_t i = random % KEYS;
        snprintf(key, sizeof key, "k%zu", i);
        /* mostly filling, then mostly emptying, and so on */
        bool adds = (random >> 32) % 10 < (step / 2000 % 2 == 0 ? 7U : 3U);
        if (adds) {
            values[i] = &cells[step];
            assert_int_equal(map_put(&map, str_from(key), values[i]), 0);
        } else {
            assert_ptr_equal(map_remove(&map, str_from(key)), values[i]);
            values[i] = NULL;
        }
        if (step % 500 == 0)
            check_all(&map, values);
    }
    check_all(&map, values);
    map_release(&map);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few),
        cmocka_unit_test(test_keys_are_copies),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
