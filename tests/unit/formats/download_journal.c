/* What is written comes back; anything else is no journal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "formats/download_journal.h"

struct ranges {
    uint64_t at[8][2];
    size_t n;
};

static int
keep(void *ctx, uint64_t from, uint64_t to)
{
    struct ranges *ranges = ctx;
    if (ranges->n == 8)
        return -1;
    ranges->at[ranges->n][0] = from;
    ranges->at[ranges->n++][1] = to;
    return 0;
}

static void
test_round_trip(void **state)
{
    struct download_journal journal = { .size_bytes = 1000 }, back;
    struct ranges ranges = { .n = 0 };
    struct strbuf out = STRBUF_INIT(JOURNAL_BYTES_MAX);
    struct error error = { 0 };
    snprintf(journal.etag, sizeof journal.etag, "W/\"a\\b\"");
    snprintf(journal.sha256, sizeof journal.sha256, "%064d", 7);
    download_journal_begin(&journal, &out);
    download_journal_range(&out, 0, 10);
    download_journal_range(&out, 20, 1000);
    download_journal_end(&out);
    if (download_journal_read(strbuf_view(&out), &back, keep, &ranges,
                              &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(back.size_bytes, 1000);
    assert_string_equal(back.etag, journal.etag);
    assert_string_equal(back.sha256, journal.sha256);
    assert_int_equal(ranges.n, 2);
    assert_int_equal(ranges.at[0][1], 10);
    assert_int_equal(ranges.at[1][0], 20);
    assert_int_equal(ranges.at[1][1], 1000);
    strbuf_release(&out);
    (void)state;
}

static void
test_unknown_size(void **state)
{
    struct download_journal journal = { .size_bytes = -1 }, back;
    struct ranges ranges = { .n = 0 };
    struct strbuf out = STRBUF_INIT(JOURNAL_BYTES_MAX);
    download_journal_begin(&journal, &out);
    download_journal_end(&out);
    assert_int_equal(
        download_journal_read(strbuf_view(&out), &back, keep, &ranges, NULL),
        0);
    assert_int_equal(back.size_bytes, -1);
    assert_string_equal(back.sha256, "");
    assert_int_equal(ranges.n, 0);
    strbuf_release(&out);
    (void)state;
}

#define HEAD \
    "{\"version\":1,\"size\":100,\"etag\":\"\",\"sha256\":\"\",\"done\":"

static void
test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        HEAD,
        HEAD "null}",
        HEAD "[[0]]}",
        HEAD "[[0,1,2]]}",
        HEAD "[[0,\"1\"]]}",
        HEAD "[[-1,5]]}",
        HEAD "[[5,5]]}",
        HEAD "[[9,5]]}",
        HEAD "[[0,101]]}",
        HEAD "[[0,50],[40,60]]}",
        HEAD "[[0,50],[50,60]]}", /* these are one */
        HEAD "[[50,60],[0,10]]}",
        HEAD "[[0,99999999999999999999]]}",
        "{\"version\":2,\"size\":1,\"etag\":\"\",\"sha256\":\"\",\"done\":[]}",
        "{\"version\":1,\"size\":-5,\"etag\":\"\",\"sha256\":\"\",\"done\":[]}",
        "{\"version\":1,\"size\":1,\"etag\":1,\"sha256\":\"\",\"done\":[]}",
        "{\"version\":1,\"size\":1,\"etag\":\"\",\"sha256\":\"ab\","
        "\"done\":[]}",
        "{\"version\":1,\"size\":1,\"etag\":\"\",\"sha256\":\"\\\"\","
        "\"done\":[]}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct download_journal back;
        struct ranges ranges = { .n = 0 };
        struct error error = { 0 };
        if (download_journal_read(str_from(bad[i]), &back, keep, &ranges,
                                  &error) != -1)
            fail_msg("taken: %s", bad[i]);
        assert_string_not_equal(error.message, "");
    }
    (void)state;
}

static void
test_no_room_for_a_range(void **state)
{
    struct download_journal back;
    struct ranges ranges = { .n = 8 };
    struct error error = { 0 };
    assert_int_equal(download_journal_read(STR(HEAD "[[0,1]]}"), &back, keep,
                                           &ranges, &error),
                     -1);
    assert_int_equal(error.code, ERR_NO_MEMORY);
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_unknown_size),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_room_for_a_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
