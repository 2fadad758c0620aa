/* Secrets by their form: what is taken out, and what is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "formats/redact.h"

#define KEY "hk_abcdefghijklmnopqrstuvwxyz0123456789ABCDE-_"

static const struct {
    const char *text, *expected;
} rows[] = {
    /* tokens that say what they are */
    { KEY, "***" },
    { "a " KEY " b", "a *** b" },
    { "(" KEY ")", "(***)" },
    { "hf_abcdefghijklmn", "***" },
    { "hf_short", "hf_short" },
    { "sk-0123456789abcdefghij", "***" },
    { "ask-0123456789abcdefghij", "ask-0123456789abcdefghij" },
    { "link=hl_abcdefghijklmnopqrstuvwxyz", "link=***" },
    /* credentials */
    { "Authorization: Bearer abcdefghij", "Authorization: Bearer ***" },
    { "authorization: abcdefghij", "authorization: ***" },
    { "sent \"Bearer abc.def.ghi\", got 401", "sent \"Bearer ***\", got 401" },
    { "bearer abcdefghij!x", "bearer ***" },
    { "Basic dXNlcjpwYXNz", "Basic ***" },
    { "Proxy-Authorization: Basic dXNlcjpwYXNz",
      "Proxy-Authorization: Basic ***" },
    { "a basic model is there", "a basic model is there" },
    { "the bearer of it", "the bearer of it" },
    /* names */
    { "api_key=abc", "api_key=***" },
    { "HF_TOKEN=abcd HOME=/x", "HF_TOKEN=*** HOME=/x" },
    { "?token=abcd&page=2", "?token=***&page=2" },
    { "https://h/x?X-Amz-Signature=0f0f0f&y=1",
      "https://h/x?X-Amz-Signature=***&y=1" },
    { "https://h/x?key=abcd&link=efgh", "https://h/x?key=***&link=***" },
    { "the key=value pair", "the key=value pair" },
    { "{\"password\":\"a b c\",\"x\":1}", "{\"password\":\"***\",\"x\":1}" },
    { "{\"api_key\": \"a\\\"b\", \"x\":1}", "{\"api_key\": \"***\", \"x\":1}" },
    { "'token': 'abcd'", "'token': '***'" },
    { "x-api-key: abcdef", "x-api-key: ***" },
    { "Cookie: a=b; hearth_session=hs_x\nnext", "Cookie: ***\nnext" },
    { "--api-key abcdef --port 1", "--api-key *** --port 1" },
    { "--api-key=abcdef", "--api-key=***" },
    { "--hf-token --port 1", "--hf-token --port 1" },
    { "huggingface.token: expected text", "huggingface.token: expected text" },
    { "n_tokens=5", "n_tokens=5" },
    { "max_token=12345", "max_token=***" },
    { "token=ab", "token=ab" },
    /* URLs */
    { "http://user:pass@host/x", "http://***@host/x" },
    { "http://host:80/a@b", "http://host:80/a@b" },
    { "http://user@host/", "http://user@host/" },
    { "token=abcd http://user:pass@host/", "token=*** http://***@host/" },
    { "token=abcdefg\nhttp://u:pw@h", "token=***\nhttp://***@h" },
    /* nothing */
    { "", "" },
    { "tiny is ready", "tiny is ready" },
    { "authorization", "authorization" },
    { "Bearer ", "Bearer " },
    { "token=", "token=" },
    { "password\":\"", "password\":\"" },
    { "--token ", "--token " },
};

static void
test_rows(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[256];
        snprintf(text, sizeof text, "%s", rows[i].text);
        redact(text);
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("%s\n  became   %s\n  expected %s", rows[i].text, text,
                     rows[i].expected);
        redact(text);
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("%s\n  became, the second time, %s", rows[i].text, text);
    }
}

static void
test_known(void **state)
{
    char text[] = "xSECRETx SECRET SECRE SECRETSECRET";
    redact_known(text, "SECRET");
    assert_string_equal(text, "x***x *** SECRE ******");
    redact_known(text, "SECRE"); /* too short to be one */
    redact_known(text, "");
    redact_known(text, NULL);
    assert_string_equal(text, "x***x *** SECRE ******");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_known),
    };
    return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
