/* List, errors, ids, checked sums, state tables. */
#include "base_test.h"

#include <errno.h>

#include "base/checked.h"
#include "base/error.h"
#include "base/id.h"
#include "base/list.h"
#include "base/state_table.h"

/* ---- list ---- */

struct item {
    int n;
    struct list node;
};

static void
test_list(void **state)
{
    struct list head;
    struct item items[4];
    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_null(list_first(&head));
    for (int i = 0; i < 4; i++) {
        items[i].n = i;
        if (i < 2)
            list_push_back(&head, &items[i].node);
        else
            list_push_front(&head, &items[i].node);
    }
    static const int order[] = { 3, 2, 0, 1 };
    size_t at = 0;
    LIST_FOR(node, &head)
    {
        assert_int_equal(LIST_ENTRY(node, struct item, node)->n, order[at]);
        at++;
    }
    assert_int_equal(at, 4);
    assert_int_equal(list_count(&head), 4);
    LIST_FOR_SAFE(node, &head)
    {
        if (LIST_ENTRY(node, struct item, node)->n % 2 == 0)
            list_remove(node);
    }
    assert_int_equal(list_count(&head), 2);
    assert_ptr_equal(list_first(&head), &items[3].node);
    list_remove(&items[3].node);
    list_remove(&items[3].node);
    list_insert_after(&items[1].node, &items[0].node);
    assert_int_equal(list_count(&head), 2);
    assert_ptr_equal(head.prev, &items[0].node);
}

/* ---- error ---- */

static void
test_errors_are_values(void **state)
{
    struct error error = { .field = "old" };
    assert_int_equal(error_set(&error, ERR_NOT_FOUND, "no %s", "profile"), -1);
    assert_int_equal(error.code, ERR_NOT_FOUND);
    assert_string_equal(error.message, "no profile");
    assert_string_equal(error.field, "");
    assert_int_equal(error_field(&error, "port", "port %d", 7), -1);
    assert_int_equal(error.code, ERR_INVALID);
    assert_string_equal(error.field, "port");
    assert_int_equal(error_set(NULL, ERR_IO, "unheard"), -1);
    assert_int_equal(error_field(NULL, "f", "unheard"), -1);
    assert_int_equal(error_errno(NULL, EIO, "unheard"), -1);
}

static void
test_system_errors_say_why(void **state)
{
    struct error error;
    assert_int_equal(error_errno(&error, ENOENT, "open %s", "/x"), -1);
    assert_int_equal(error.code, ERR_IO);
    assert_string_equal(error.message, "open /x: No such file or directory");
    error_errno(&error, ENOMEM, "x");
    assert_int_equal(error.code, ERR_NO_MEMORY);
    error_errno(&error, 99999, "x");
    assert_non_null(strstr(error.message, "x: "));
    char big[600];
    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    error_errno(&error, EIO, "%s", big);
    assert_int_equal(strlen(error.message), ERROR_MESSAGE_MAX - 1);
}

/* A cut never leaves half of a character. */
static void
test_long_messages_are_cut_between_characters(void **state)
{
    static const char *const characters[] = { "a", "\xc3\xa9", "\xe2\x82\xac",
                                              "\xf0\x9f\x94\xa5" };
    for (size_t c = 0; c < 4; c++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char text[1200];
            size_t n = shift;
            memset(text, 'x', shift);
            while (n < 1000) {
                memcpy(text + n, characters[c], strlen(characters[c]));
                n += strlen(characters[c]);
            }
            text[n] = '\0';
            struct error error;
            error_set(&error, ERR_IO, "%s", text);
            size_t kept = strlen(error.message);
            assert_true(kept > ERROR_MESSAGE_MAX - 5);
            assert_true(str_is_utf8((struct str){ error.message, kept }));
            assert_memory_equal(error.message, text, kept);
        }
    }
}

static void
test_codes_have_names_and_statuses(void **state)
{
    for (int i = 0; i < ERR_COUNT; i++) {
        const char *wire = error_wire((enum error_code)i);
        int status = error_http_status((enum error_code)i);
        assert_true(wire[0] != '\0');
        assert_in_range(status, 200, 599);
        /* no two codes share a name */
        assert_int_equal(error_from_wire(wire), i);
    }
    assert_int_equal(error_from_wire("nonsense"), ERR_COUNT);
    assert_string_equal(error_wire(ERR_COUNT), "internal");
    assert_int_equal(error_http_status(ERR_COUNT), 500);
    assert_int_equal(error_http_status(ERR_CONFLICT), 409);
}

/* ---- id ---- */

static void
test_ids(void **state)
{
    char id[ID_BYTES];
    char later[ID_BYTES];
    uint8_t random[10] = { 0 };
    id_format(id, "prf", 0, random);
    assert_string_equal(id, "prf_00000000000000000000000000");
    memset(random, 0xff, sizeof random);
    id_format(id, "prf", (INT64_C(1) << 48) - 1, random);
    assert_string_equal(id, "prf_7zzzzzzzzzzzzzzzzzzzzzzzzz");
    random[9] = 0xfe;
    id_format(id, "prf", 0, random);
    assert_string_equal(id, "prf_0000000000zzzzzzzzzzzzzzzy");
    id_format(id, "a_very_long_prefix", 1, random);
    assert_int_equal(strlen(id), ID_BYTES - 1);
    /* order of birth is order of text */
    for (int64_t now_ms = 1; now_ms < INT64_C(1) << 47; now_ms *= 3) {
        memset(random, 0xff, sizeof random);
        id_format(id, "x", now_ms, random);
        memset(random, 0, sizeof random);
        id_format(later, "x", now_ms + 1, random);
        assert_true(strcmp(id, later) < 0);
    }
}

/* ---- checked, state_table ---- */

static void
test_checked_sums(void **state)
{
    size_t size;
    uint64_t number;
    assert_false(size_add_overflows(SIZE_MAX - 1, 1, &size));
    assert_true(size == SIZE_MAX);
    assert_true(size_add_overflows(SIZE_MAX, 1, &size));
    assert_false(size_mul_overflows(SIZE_MAX / 2, 2, &size));
    assert_true(size_mul_overflows(SIZE_MAX / 2 + 1, 2, &size));
    assert_false(u64_add_overflows(UINT64_MAX - 1, 1, &number));
    assert_true(u64_add_overflows(UINT64_MAX, 1, &number));
    assert_false(u64_mul_overflows(UINT64_MAX / 3, 3, &number));
    assert_true(u64_mul_overflows(UINT64_MAX / 3 + 1, 3, &number));
}

static void
test_state_tables(void **state)
{
    static const struct state_row rows[] = {
        { "a", STATE_BIT(1) | STATE_BIT(2) },
        { "b", STATE_BIT(0) },
        { "c", 0 },
    };
    static const bool may[3][3] = { { false, true, true },
                                    { true, false, false },
                                    { false, false, false } };
    for (int from = 0; from < 3; from++)
        for (int to = 0; to < 3; to++)
            assert_int_equal(state_table_allows(rows, from, to), may[from][to]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_errors_are_values),
        cmocka_unit_test(test_system_errors_say_why),
        cmocka_unit_test(test_long_messages_are_cut_between_characters),
        cmocka_unit_test(test_codes_have_names_and_statuses),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_checked_sums),
        cmocka_unit_test(test_state_tables),
    };
    return cmocka_run_group_tests_name("small base types", tests, NULL, NULL);
}
