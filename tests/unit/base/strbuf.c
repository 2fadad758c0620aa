/* The growing buffer and its ceiling. */
#include "base_test.h"

#include "base/strbuf.h"

static void
test_appending(void **state)
{
    struct strbuf buf = STRBUF_INIT(1000);
    assert_string_equal(strbuf_text(&buf), "");
    assert_int_equal(strbuf_view(&buf).n, 0);
    strbuf_add_text(&buf, "a");
    strbuf_add_str(&buf, STR("b\0c"));
    strbuf_add_str(&buf, str_from(NULL));
    strbuf_add_byte(&buf, 'd');
    strbuf_addf(&buf, "%d-%s", 7, "e");
    strbuf_addf(&buf, "%s", "");
    assert_int_equal(buf.n, 8);
    assert_memory_equal(strbuf_text(&buf), "ab\0cd7-e", 9);
    assert_false(strbuf_failed(&buf));
    strbuf_release(&buf);
    assert_null(buf.p);
    assert_int_equal(buf.ceiling, 1000);
}

/* Up to the ceiling and not one byte more, by every way of adding. */
static void
test_ceiling(void **state)
{
    for (size_t ceiling = 0; ceiling < 300; ceiling++) {
        struct strbuf buf = STRBUF_INIT(ceiling);
        for (size_t i = 0; i < ceiling; i++) {
            if (i % 2 == 0)
                strbuf_add_byte(&buf, 'x');
            else
                strbuf_addf(&buf, "%c", 'y');
        }
        assert_false(strbuf_failed(&buf));
        assert_int_equal(buf.n, ceiling);
        assert_true(buf.capacity <= ceiling + 1);
        strbuf_addf(&buf, "%s", "z");
        assert_int_equal(buf.state, STRBUF_FULL);
        assert_int_equal(buf.n, ceiling);
        strbuf_release(&buf);
    }
}

static void
test_failure_sticks(void **state)
{
    struct strbuf buf = STRBUF_INIT(4);
    strbuf_add_text(&buf, "abc");
    strbuf_add_text(&buf, "de");
    strbuf_add_text(&buf, "f");
    assert_true(strbuf_failed(&buf));
    assert_string_equal(strbuf_text(&buf), "abc");
    assert_null(strbuf_reserve(&buf, 0));
    assert_null(strbuf_detach(&buf, NULL));
    assert_false(strbuf_failed(&buf));
    strbuf_add_text(&buf, "g");
    assert_string_equal(strbuf_text(&buf), "g");
    strbuf_add_text(&buf, "too long");
    strbuf_clear(&buf);
    assert_false(strbuf_failed(&buf));
    assert_string_equal(strbuf_text(&buf), "");
    strbuf_release(&buf);
}

/* Sums that a size cannot hold are full, not small. */
static void
test_sizes_do_not_wrap(void **state)
{
    static const size_t ceilings[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 };
    static const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 2,
                                    SIZE_MAX / 2 + 1 };
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < 4; i++) {
            struct strbuf buf = STRBUF_INIT(ceilings[c]);
            strbuf_add_text(&buf, "ab");
            assert_false(strbuf_failed(&buf));
            assert_null(strbuf_reserve(&buf, sizes[i]));
            assert_int_equal(buf.state, STRBUF_FULL);
            assert_string_equal(strbuf_text(&buf), "ab");
            strbuf_release(&buf);
        }
    }
}

static void
test_reserve_and_commit(void **state)
{
    struct strbuf buf = STRBUF_INIT(100);
    char *at = strbuf_reserve(&buf, 10);
    memset(at, 'h', 5);
    strbuf_commit(&buf, 5);
    assert_string_equal(strbuf_text(&buf), "hhhhh");
    at = strbuf_reserve(&buf, 95);
    assert_non_null(at);
    memset(at, 'x', 95);
    strbuf_commit(&buf, 95);
    assert_int_equal(buf.n, 100);
    assert_int_equal(buf.p[100], 0);
    strbuf_release(&buf);
}

static void
test_cutting(void **state)
{
    struct strbuf buf = STRBUF_INIT(100);
    strbuf_drop_front(&buf, 0);
    strbuf_truncate(&buf, 5);
    strbuf_add_text(&buf, "abcdef");
    strbuf_drop_front(&buf, 2);
    assert_string_equal(strbuf_text(&buf), "cdef");
    strbuf_truncate(&buf, 9);
    strbuf_truncate(&buf, 3);
    assert_string_equal(strbuf_text(&buf), "cde");
    strbuf_drop_front(&buf, 3);
    assert_string_equal(strbuf_text(&buf), "");
    strbuf_release(&buf);
}

static void
test_detach(void **state)
{
    struct strbuf buf = STRBUF_INIT(100);
    size_t n = 9;
    char *text = strbuf_detach(&buf, &n);
    assert_string_equal(text, "");
    assert_int_equal(n, 0);
    free(text);
    strbuf_add_text(&buf, "abc");
    text = strbuf_detach(&buf, &n);
    assert_string_equal(text, "abc");
    assert_int_equal(n, 3);
    assert_null(buf.p);
    assert_int_equal(buf.n, 0);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appending),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_failure_sticks),
        cmocka_unit_test(test_sizes_do_not_wrap),
        cmocka_unit_test(test_reserve_and_commit),
        cmocka_unit_test(test_cutting),
        cmocka_unit_test(test_detach),
    };
    return cmocka_run_group_tests_name("strbuf", tests, NULL, NULL);
}
