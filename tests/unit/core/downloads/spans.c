/* Ranges of bytes, against a plain map of a small file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/downloads/spans.h"

enum { FILE_BYTES = 64, N_FILES = 500, N_PIECES = 40 };

static uint32_t
next_number(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 16;
}

static void
check_against(const struct spans *spans, const bool *is_there)
{
    bool seen[FILE_BYTES] = { false };
    uint64_t total = 0, front = 0;
    for (size_t i = 0; i < spans->n; i++) {
        assert_true(spans->at[i].from < spans->at[i].to);
        if (i > 0) /* they do not touch */
            assert_true(spans->at[i - 1].to < spans->at[i].from);
        for (uint64_t k = spans->at[i].from; k < spans->at[i].to; k++)
            seen[k] = true;
    }
    assert_memory_equal(seen, is_there, sizeof seen);
    for (size_t i = 0; i < FILE_BYTES; i++)
        total += is_there[i];
    while (front < FILE_BYTES && is_there[front])
        front++;
    assert_int_equal(spans_total(spans), total);
    assert_int_equal(spans_front(spans), front);
    struct span gap = { 0 };
    assert_int_equal(spans_gap(spans, FILE_BYTES, 5, &gap), front < FILE_BYTES);
    if (front == FILE_BYTES)
        return;
    uint64_t to = front;
    while (to < FILE_BYTES && to < front + 5 && !is_there[to])
        to++;
    assert_int_equal(gap.from, front);
    assert_int_equal(gap.to, to);
}

static void
test_any_order(void **state)
{
    uint32_t seed = 1;
    for (int file = 0; file < N_FILES; file++) {
        struct spans spans = { 0 };
        bool is_there[FILE_BYTES] = { false };
        for (int i = 0; i < N_PIECES; i++) {
            uint64_t from = next_number(&seed) % FILE_BYTES;
            uint64_t to = from + next_number(&seed) % 9;
            to = to > FILE_BYTES ? FILE_BYTES : to;
            assert_int_equal(spans_add(&spans, from, to), 0);
            for (uint64_t k = from; k < to; k++)
                is_there[k] = true;
            check_against(&spans, is_there);
        }
        spans_release(&spans);
    }
    (void)state;
}

static void
test_gap_ends_with_the_file(void **state)
{
    struct spans spans = { 0 };
    struct span gap;
    assert_false(spans_gap(&spans, 0, 10, &gap));
    assert_int_equal(spans_add(&spans, 8, 20), 0);
    assert_true(spans_gap(&spans, 5, 10, &gap));
    assert_int_equal(gap.to, 5);
    assert_int_equal(spans_add(&spans, 0, 8), 0);
    assert_int_equal(spans.n, 1);
    assert_false(spans_gap(&spans, 20, 10, &gap));
    spans_release(&spans);
    (void)state;
}

static void
test_copy_is_apart(void **state)
{
    struct spans spans = { 0 }, copy;
    assert_int_equal(spans_add(&spans, 3, 9), 0);
    assert_int_equal(spans_copy(&copy, &spans), 0);
    assert_int_equal(spans_add(&spans, 0, 3), 0);
    assert_int_equal(spans_total(&copy), 6);
    assert_int_equal(spans_total(&spans), 9);
    spans_release(&spans);
    spans_release(&copy);
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_gap_ends_with_the_file),
        cmocka_unit_test(test_copy_is_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
