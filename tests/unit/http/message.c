/* Header fields, query strings, phrases, rate limits and proxies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/message.h"
#include "http/rate_limit.h"

static const struct http_header fields[] = {
    { { "Accept", 6 }, { "a", 1 } },
    { { "CONNECTION", 10 }, { "close ,\tX-Mine,", 15 } },
    { { "accept", 6 }, { "b", 1 } },
    { { "Connection", 10 }, { "Upgrade", 7 } },
    { { "X-Mine", 6 }, { "", 0 } },
};
static const struct http_headers headers = { fields, 5 };

static void
test_fields(void **state)
{
    (void)state;
    assert_true(str_is(http_headers_get(headers, "ACCEPT"), "a"));
    assert_non_null(http_headers_get(headers, "x-mine").p);
    assert_int_equal(http_headers_get(headers, "x-mine").n, 0);
    assert_null(http_headers_get(headers, "x-min").p);
    assert_true(http_headers_has_token(headers, "connection", "upgrade"));
    assert_true(http_headers_has_token(headers, "connection", "CLOSE"));
    assert_false(http_headers_has_token(headers, "connection", "clos"));
    assert_false(http_headers_has_token(headers, "accept", "a, b"));
}

static void
test_hop_by_hop(void **state)
{
    (void)state;
    static const char *const hop[] = {
        "Connection",
        "keep-alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "transfer-encoding",
        "Upgrade",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "x-mine",
    };
    static const char *const end_to_end[] = {
        "Accept", "Content-Length", "Host", "X-Mine2", "Trailers",
        "Cookie", "Authorization",  "",     "T",
    };
    for (size_t i = 0; i < sizeof hop / sizeof *hop; i++)
        if (!http_header_is_hop_by_hop(headers, str_from(hop[i])))
            fail_msg("%s is for one connection", hop[i]);
    for (size_t i = 0; i < sizeof end_to_end / sizeof *end_to_end; i++)
        if (end_to_end[i][0] != '\0' &&
            http_header_is_hop_by_hop(headers, str_from(end_to_end[i])))
            fail_msg("%s is passed on", end_to_end[i]);
}

static void
test_clean_fields(void **state)
{
    (void)state;
    static const struct {
        struct http_header field;
        bool is_clean;
    } rows[] = {
        { { { "A", 1 }, { "b c", 3 } }, true },
        { { { "A-b_c!", 6 }, { "", 0 } }, true },
        { { { "", 0 }, { "b", 1 } }, false },
        { { { "A ", 2 }, { "b", 1 } }, false },
        { { { "A:", 2 }, { "b", 1 } }, false },
        { { { "\xc3", 1 }, { "b", 1 } }, false },
        { { { "A", 1 }, { "b\r", 2 } }, false },
        { { { "A", 1 }, { "b\nc: d", 6 } }, false },
        { { { "A", 1 }, { "b\0c", 3 } }, false },
        { { { "A", 1 }, { "\xc3\xa4", 2 } }, true },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (http_header_is_clean(&rows[i].field) != rows[i].is_clean)
            fail_msg("row %zu", i);
    static const char tokens[] = "!#$%&'*+-.^_`|~019azAZ";
    for (int c = 0; c < 256; c++) {
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z');
        bool is_token = is_alnum || (c != 0 && strchr(tokens, c) != NULL);
        assert_int_equal(http_is_token_byte((char)c), is_token);
    }
}

static void
test_query(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        const char *name;
        const char *value; /* NULL: none */
    } rows[] = {
        { "a=b", "a", "b" },
        { "x=1&a=b&y", "a", "b" },
        { "a", "a", "" },
        { "a=", "a", "" },
        { "a=b=c", "a", "b=c" },
        { "a=b+c%20d%2B", "a", "b c d+" },
        { "%61=b", "a", "b" },
        { "a=1&a=2", "a", "1" },
        { "aa=b", "a", NULL },
        { "", "a", NULL },
        { "a=%", "a", NULL },
        { "a=%4", "a", NULL },
        { "a=%4g", "a", NULL },
        { "a=%00", "a", NULL },
        { "a=0123456789abcdef", "a", "0123456789abcdef" },
        { "a=0123456789abcdefg", "a", NULL },
        { "%zz=1&a=b", "a", "b" },
        { "&&a=b", "a", "b" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char value[16];
        ptrdiff_t n = http_query_get(str_from(rows[i].query), rows[i].name,
                                     value, sizeof value);
        struct str got = { value, n < 0 ? 0 : (size_t)n };
        if (rows[i].value == NULL ? n != -1
                                  : n < 0 || !str_is(got, rows[i].value))
            fail_msg("%s: %td", rows[i].query, n);
    }
}

static void
test_phrases(void **state)
{
    (void)state;
    assert_string_equal(http_status_reason(404), "Not Found");
    assert_string_equal(http_status_reason(101), "Switching Protocols");
    assert_string_equal(http_status_reason(599), "");
}

static void
test_rate_limit_is_bounded_and_refills(void **state)
{
    (void)state;
    struct rate_limit limit;
    assert_int_equal(rate_limit_init(&limit, 2, 4), 0);
    struct str host = STR("10.0.0.1");
    for (int i = 0; i < 4; i++)
        assert_int_equal(rate_limit_take(&limit, host, 1000), 0);
    assert_int_equal(rate_limit_take(&limit, host, 1000), 1);
    assert_int_equal(rate_limit_take(&limit, host, 1400), 1);
    assert_int_equal(rate_limit_take(&limit, host, 1500), 0);
    assert_int_equal(rate_limit_take(&limit, host, 1501), 1);
    /* IPv4 in IPv6 is the same client; so is another host of its /64. */
    assert_int_equal(rate_limit_take(&limit, STR("::ffff:10.0.0.1"), 1501), 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(rate_limit_take(&limit, STR("2001:db8::1"), 1501), 0);
    assert_int_equal(rate_limit_take(&limit, STR("2001:db8::2"), 1501), 1);
    assert_int_equal(rate_limit_take(&limit, STR("2001:db8:0:1::"), 1501), 0);
    /* Many addresses push each other out instead of growing. */
    for (int i = 0; i < 100000; i++) {
        char text[32];
        snprintf(text, sizeof text, "11.%d.%d.%d", i >> 16, i >> 8 & 255,
                 i & 255);
        assert_int_equal(rate_limit_take(&limit, str_from(text), 2000), 0);
    }
    /* A long quiet fills the bucket, not more. */
    for (int i = 0; i < 4; i++)
        assert_int_equal(rate_limit_take(&limit, host, 90000000), 0);
    assert_int_equal(rate_limit_take(&limit, host, 90000000), 1);
    rate_limit_release(&limit);
    assert_int_equal(rate_limit_init(&limit, 0, 0), 0);
    assert_int_equal(rate_limit_take(&limit, host, 1), 0);
    rate_limit_release(&limit);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_hop_by_hop),
        cmocka_unit_test(test_clean_fields),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_phrases),
        cmocka_unit_test(test_rate_limit_is_bounded_and_refills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
