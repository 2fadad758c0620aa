/* Memory that is freed at once. */
#include "base_test.h"

#include "base/arena.h"

static void
test_blocks_are_apart_and_zero(void **state)
{
    struct arena arena;
    unsigned char *blocks[200];
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < 200; i++) {
        size_t n = i * 7;
        blocks[i] = arena_alloc(&arena, n);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        for (size_t j = 0; j < n; j++)
            assert_int_equal(blocks[i][j], 0);
        memset(blocks[i], (int)i, n);
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i * 7; j++)
            assert_int_equal(blocks[i][j], (unsigned char)i);
    arena_release(&arena);
    assert_int_equal(arena.used_bytes, 0);
}

static void
test_ceiling(void **state)
{
    struct arena arena;
    arena_init(&arena, 8192);
    assert_null(arena_alloc(&arena, 8193));
    assert_non_null(arena_alloc(&arena, 8000));
    assert_null(arena_alloc(&arena, 200));
    assert_non_null(arena_alloc(&arena, 100));
    arena_release(&arena);
    assert_non_null(arena_alloc(&arena, 8000));
    arena_release(&arena);
    arena_init(&arena, 0);
    assert_null(arena_alloc(&arena, 0));
    arena_release(&arena);
    arena_release(NULL);
}

static void
test_sizes_do_not_wrap(void **state)
{
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    for (size_t back = 0; back < 64; back++)
        assert_null(arena_alloc(&arena, SIZE_MAX - back));
    assert_non_null(arena_alloc(&arena, 1));
    arena_release(&arena);
}

static void
test_texts(void **state)
{
    struct arena arena;
    char big[6000];
    arena_init(&arena, 1 << 16);
    assert_string_equal(arena_str(&arena, STR("abc")), "abc");
    assert_string_equal(arena_str(&arena, str_from(NULL)), "");
    assert_string_equal(arena_printf(&arena, "%s-%d", "x", 5), "x-5");
    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    assert_string_equal(arena_printf(&arena, "%s", big), big);
    arena_release(&arena);
    arena_init(&arena, 64);
    assert_null(arena_printf(&arena, "%s", big));
    assert_null(arena_str(&arena, str_from(big)));
    arena_release(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_are_apart_and_zero),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_sizes_do_not_wrap),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
