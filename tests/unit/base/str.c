/* Views of bytes. */
#include "base_test.h"

static void
test_equality(void **state)
{
    assert_true(str_eq(STR("abc"), STR("abc")));
    assert_false(str_eq(STR("abc"), STR("abd")));
    assert_false(str_eq(STR("abc"), STR("ab")));
    assert_true(str_eq(STR(""), str_from(NULL)));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_is(STR("x"), "x"));
    assert_false(str_is(STR("x\0"), "x"));
    assert_true(str_eq_nocase(STR("aBz9[`"), STR("AbZ9[`")));
    assert_false(str_eq_nocase(STR("@[`{"), STR("`{@[")));
    assert_false(str_eq_nocase(STR("\xc3\xa9"), STR("\xc3\x89")));
}

static void
test_searching(void **state)
{
    assert_true(str_starts_with(STR("abc"), STR("ab")));
    assert_true(str_starts_with(STR("abc"), STR("")));
    assert_false(str_starts_with(STR("ab"), STR("abc")));
    assert_true(str_ends_with(STR("abc"), STR("bc")));
    assert_true(str_ends_with(str_from(NULL), STR("")));
    assert_false(str_ends_with(STR("bc"), STR("abc")));
    assert_true(str_contains_nocase(STR("one Two"), STR("e tW")));
    assert_true(str_contains_nocase(STR("[x]"), STR("[")));
    assert_true(str_contains_nocase(STR(""), STR("")));
    assert_false(str_contains_nocase(STR("{x}"), STR("[")));
    assert_false(str_contains_nocase(STR("ab"), STR("abc")));
    assert_true(str_ends_with_nocase(STR("a.GGUF"), STR(".gguf")));
    assert_false(str_ends_with_nocase(STR("gguf"), STR(".gguf")));
    assert_false(str_ends_with_nocase(STR("a.gguf2"), STR(".gguf")));
    assert_true(str_contains(STR("aab"), STR("ab")));
    assert_true(str_contains(STR(""), STR("")));
    assert_true(str_contains(STR("ab"), STR("ab")));
    assert_false(str_contains(STR("ab"), STR("abc")));
    assert_false(str_contains(STR("aba"), STR("bb")));
    assert_int_equal(str_find(STR("a\0b"), '\0'), 1);
    assert_int_equal(str_find(STR("abb"), 'b'), 1);
    assert_int_equal(str_find(STR("ab"), 'c'), -1);
    assert_int_equal(str_find(str_from(NULL), 'c'), -1);
}

static void
test_trim(void **state)
{
    assert_str(str_trim(STR(" \t a b \t")), "a b");
    assert_str(str_trim(STR(" \t ")), "");
    assert_str(str_trim(STR("")), "");
    assert_str(str_trim(STR("\na\n")), "\na\n");
}

static void
test_split(void **state)
{
    struct str rest = STR("a,,b,");
    assert_str(str_split(&rest, ','), "a");
    assert_str(str_split(&rest, ','), "");
    assert_str(str_split(&rest, ','), "b");
    assert_non_null(rest.p); /* an empty last part is there */
    assert_str(str_split(&rest, ','), "");
    assert_null(rest.p);
    rest = STR("");
    assert_str(str_split(&rest, ','), "");
    assert_null(rest.p);
    assert_str(str_split(&rest, ','), "");
    assert_null(rest.p);
}

static void
test_whole_numbers(void **state)
{
    static const struct {
        const char *text;
        bool is_valid;
        int64_t value;
    } rows[] = {
        { "0", true, 0 },
        { "-0", true, 0 },
        { "007", true, 7 },
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775809", false, 0 },
        { "18446744073709551616", false, 0 },
        { "99999999999999999999999", false, 0 },
        { "", false, 0 },
        { "-", false, 0 },
        { "--1", false, 0 },
        { "+1", false, 0 },
        { " 1", false, 0 },
        { "1 ", false, 0 },
        { "1.0", false, 0 },
        { "0x10", false, 0 },
        { "1e3", false, 0 },
        { "\xd9\xa1", false, 0 }, /* a digit of another script */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t value = 42;
        int result = str_to_i64(str_from(rows[i].text), &value);
        if ((result == 0) != rows[i].is_valid)
            fail_msg("'%s': %d", rows[i].text, result);
        assert_int_equal(value, rows[i].is_valid ? rows[i].value : 42);
    }
    uint64_t big;
    assert_int_equal(str_to_u64(STR("18446744073709551615"), &big), 0);
    assert_true(big == UINT64_MAX);
    assert_int_equal(str_to_u64(STR("18446744073709551616"), &big), -1);
    assert_int_equal(str_to_u64(STR("-1"), &big), -1);
    assert_int_equal(str_to_u64(STR("1\0"), &big), -1);
}

static void
test_real_numbers(void **state)
{
    static const struct {
        const char *text;
        bool is_valid;
        double value;
    } rows[] = {
        { "0", true, 0 },    { "-2.5", true, -2.5 }, { "1e3", true, 1000 },
        { ".5", true, 0.5 }, { "+1", true, 1 },      { "", false, 0 },
        { "1e", false, 0 },  { "1 ", false, 0 },     { "nan", false, 0 },
        { "inf", false, 0 }, { "1e999", false, 0 },  { "0x1p3", false, 0 },
        { "1,5", false, 0 }, { "1.2.3", false, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double value = 42;
        int result = str_to_double(str_from(rows[i].text), &value);
        if ((result == 0) != rows[i].is_valid)
            fail_msg("'%s': %d", rows[i].text, result);
        assert_true(!rows[i].is_valid || value == rows[i].value);
    }
    double value;
    char digits[100];
    memset(digits, '1', sizeof digits);
    assert_int_equal(str_to_double((struct str){ digits, 100 }, &value), -1);
    assert_int_equal(str_to_double(STR("1\0002"), &value), -1);
}

static void
test_utf8(void **state)
{
    static const struct {
        const char *text;
        bool is_valid;
    } rows[] = {
        { "", true },
        { "plain", true },
        { "\xc2\x80\xdf\xbf", true },
        { "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", true },
        { "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", true },
        { "\x80", false },
        { "\xc0\x80", false },
        { "\xc1\xbf", false },
        { "\xc2", false },
        { "\xc2x", false },
        { "\xe0\x9f\xbf", false }, /* too long a form */
        { "\xed\xa0\x80", false }, /* a surrogate */
        { "\xe2\x82", false },
        { "\xe2\x82x", false },
        { "\xf0\x8f\xbf\xbf", false }, /* too long a form */
        { "\xf4\x90\x80\x80", false }, /* past U+10FFFF */
        { "\xf5\x80\x80\x80", false },
        { "\xf0\x90\x80", false },
        { "\xff", false },
        { "a\xc3\xa9\xc3", false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (str_is_utf8(str_from(rows[i].text)) != rows[i].is_valid)
            fail_msg("row %zu", i);
    assert_true(str_is_utf8(STR("a\0b")));
}

static void
test_order_and_copies(void **state)
{
    assert_true(str_compare(STR("a"), STR("b")) < 0);
    assert_true(str_compare(STR("b"), STR("a")) > 0);
    assert_true(str_compare(STR("a"), STR("ab")) < 0);
    assert_true(str_compare(STR("ab"), STR("a")) > 0);
    assert_true(str_compare(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_compare(STR("a"), STR("a")), 0);
    assert_int_equal(str_compare(str_from(NULL), STR("")), 0);
    char *copy = str_dup(STR("a\0b"));
    assert_memory_equal(copy, "a\0b", 4);
    free(copy);
    copy = str_dup(str_from(NULL));
    assert_string_equal(copy, "");
    free(copy);
}

static void
assert_quoted(struct str words, const char *secret, size_t size,
              const char *expected)
{
    char quoted[64];
    memset(quoted, 'x', sizeof quoted);
    str_quote(words, secret, quoted, size);
    assert_string_equal(quoted, expected);
    for (size_t i = size; i < sizeof quoted; i++)
        assert_int_equal(quoted[i], 'x');
}

static void
test_quote(void **state)
{
    (void)state;
    assert_quoted(STR("as it is"), "", 64, "as it is");
    assert_quoted(STR("as it is"), NULL, 64, "as it is");
    assert_quoted(str_from(NULL), "hf_secret", 64, "");
    assert_quoted(STR("a\nb\0c\x7f"), "", 64, "a b c ");
    assert_quoted(STR("a\xff\xc3"), "", 64, "a??");
    /* The secret: once, again, whole, with something on both sides. */
    assert_quoted(STR("hf_secret"), "hf_secret", 64, "***");
    assert_quoted(STR("no hf_secrethf_secret!"), "hf_secret", 64, "no ******!");
    assert_quoted(STR("hf_hf_secret"), "hf_secret", 64, "hf_***");
    /* Its beginning where the words end, which may be where they were cut. */
    assert_quoted(STR("no hf_secre"), "hf_secret", 64, "no ***");
    assert_quoted(STR("no hf_s"), "hf_secret", 64, "no ***");
    assert_quoted(STR("no hf_"), "hf_secret", 64, "no hf_");
    assert_quoted(STR("hf_secre no"), "hf_secret", 64, "hf_secre no");
    /* What has no room is left out whole. */
    assert_quoted(STR("abcd"), "", 4, "abc");
    assert_quoted(STR("ab\xc3\xa9"), "", 4, "ab");
    assert_quoted(STR("ab hf_secret"), "hf_secret", 6, "ab ");
    assert_quoted(STR("ab hf_secret"), "hf_secret", 7, "ab ***");
    assert_quoted(STR("a"), "", 1, "");
}

static void
test_hash(void **state)
{
    /* FNV-1a, 64 bits: values of its authors' test vectors */
    assert_true(str_hash(STR("")) == UINT64_C(0xcbf29ce484222325));
    assert_true(str_hash(STR("a")) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(str_hash(STR("foobar")) == UINT64_C(0x85944171f73967e8));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equality),
        cmocka_unit_test(test_searching),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_real_numbers),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_order_and_copies),
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
