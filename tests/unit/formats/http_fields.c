/* Fields as servers write them, and as they should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/http_fields.h"

static void
test_content_range(void **state)
{
    struct content_range range;
    assert_true(http_content_range(STR("bytes 0-99/1000"), &range));
    assert_int_equal(range.first, 0);
    assert_int_equal(range.last, 99);
    assert_int_equal(range.total, 1000);
    assert_true(http_content_range(STR(" Bytes 5-5/*"), &range));
    assert_int_equal(range.total, -1);
    static const char *const bad[] = {
        "",
        "bytes",
        "bytes 0-99",
        "bytes 9-8/10",
        "bytes 0-10/10",
        "bytes */10",
        "bytes -1-5/10",
        "bytes 0-+5/10",
        "items 0-5/10",
        "bytes 0-99999999999999999999/1",
        "bytes 0-5/10 ",
        "bytes 0-5/x",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (i != 10 && http_content_range(str_from(bad[i]), &range))
            fail_msg("%s", bad[i]);
    assert_int_equal(http_unsatisfied_length(STR("bytes */1000")), 1000);
    assert_int_equal(http_unsatisfied_length(STR("bytes 0-1/1000")), -1);
    (void)state;
}

static void
test_waiting(void **state)
{
    enum { NOW = 784111777 }; /* Sun, 06 Nov 1994 08:49:37 GMT */
    static const struct {
        const char *value;
        int64_t seconds;
    } rows[] = {
        { "0", 0 },
        { "120", 120 },
        { "99999999", 86400 },
        { "Sun, 06 Nov 1994 08:50:37 GMT", 60 },
        { "Sunday, 06-Nov-94 08:50:37 GMT", 60 },
        { "Sun Nov  6 08:50:37 1994", 60 },
        { "Sun, 06 Nov 1994 08:00:00 GMT", 0 },
        { "-5", -1 },
        { "soon", -1 },
        { "", -1 },
        { "1.5", -1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (http_retry_after(str_from(rows[i].value), NOW) != rows[i].seconds)
            fail_msg("%s: %lld", rows[i].value,
                     (long long)http_retry_after(str_from(rows[i].value), NOW));
    assert_int_equal(http_rate_limit_wait(STR("\"api\";r=0;t=55")), 55);
    assert_int_equal(http_rate_limit_wait(STR("\"api\";r=3;t=55")), -1);
    assert_int_equal(http_rate_limit_wait(STR("\"api\";r=0")), -1);
    assert_int_equal(http_rate_limit_wait(STR("")), -1);
    (void)state;
}

static void
test_etags_and_links(void **state)
{
    bool is_weak;
    assert_true(str_is(http_etag(STR("\"abc\""), &is_weak), "abc"));
    assert_false(is_weak);
    assert_true(str_is(http_etag(STR("W/\"abc\""), &is_weak), "abc"));
    assert_true(is_weak);
    assert_true(str_is(http_etag(STR("abc"), &is_weak), "abc"));
    assert_true(str_is(http_link_next(STR("<https://h/a?x=1,2>; rel=\"next\"")),
                       "https://h/a?x=1,2"));
    assert_true(
        str_is(http_link_next(STR("<a>; rel=prev, <b>; rel=next")), "b"));
    assert_int_equal(http_link_next(STR("<a>; rel=prev")).n, 0);
    assert_int_equal(http_link_next(STR("nonsense")).n, 0);
    (void)state;
}

static void
test_disposition(void **state)
{
    static const struct {
        const char *value, *name; /* NULL: none */
    } rows[] = {
        { "attachment; filename=a.bin", "a.bin" },
        { "attachment; filename=\"a b.bin\"; x=1", "a b.bin" },
        { "attachment; filename=\"a\\\"b\"", "a\"b" },
        { "attachment; filename=\"x\"; filename*=UTF-8''caf%C3%A9",
          "caf\xC3\xA9" },
        { "attachment; filename*=latin1''x; filename=y", "y" },
        { "attachment; filename*=UTF-8''%zz; filename=y", "y" },
        { "attachment", NULL },
        { "", NULL },
        { "attachment; filename=", NULL },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct strbuf name = STRBUF_INIT(4096);
        bool is_found = http_disposition_name(str_from(rows[i].value), &name);
        if (is_found != (rows[i].name != NULL) ||
            (is_found && strcmp(strbuf_text(&name), rows[i].name) != 0))
            fail_msg("%s: %s", rows[i].value, strbuf_text(&name));
        strbuf_release(&name);
    }
    (void)state;
}

static void
test_uri(void **state)
{
    struct strbuf out = STRBUF_INIT(4096);
    uri_add_path(&out, STR("a b/c+d/\xC3\xA9%"));
    assert_string_equal(strbuf_text(&out), "a%20b/c%2Bd/%C3%A9%25");
    strbuf_clear(&out);
    assert_true(uri_decode(STR("a%20b"), &out));
    assert_string_equal(strbuf_text(&out), "a b");
    assert_false(uri_decode(STR("a%2"), &out));
    assert_false(uri_decode(STR("a%00"), &out));
    assert_true(
        str_is(uri_last_segment(STR("https://h/a/b.bin?x=/y#z/")), "b.bin"));
    assert_true(str_is(uri_last_segment(STR("https://h/")), ""));
    strbuf_release(&out);
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content_range),
        cmocka_unit_test(test_waiting),
        cmocka_unit_test(test_etags_and_links),
        cmocka_unit_test(test_disposition),
        cmocka_unit_test(test_uri),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
