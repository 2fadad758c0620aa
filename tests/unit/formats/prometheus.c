/* What engines say in the Prometheus text format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "formats/prometheus.h"

static void
assert_str(struct str is, const char *wanted)
{
    if (!str_is(is, wanted))
        fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(is), wanted);
}

static void
test_samples_one_by_one(void **state)
{
    (void)state;
    struct str rest = STR("# HELP a:b What it is.\n# TYPE a:b gauge\n"
                          "a:b 3\n\n"
                          "c_total{le=\"0.5\",x=\"}\\\"\"} 1.5e3 1700000\n"
                          "d{} -0.25\r\n"
                          "e 7");
    struct prometheus_sample sample;
    assert_true(prometheus_next(&rest, &sample));
    assert_str(sample.name, "a:b");
    assert_str(sample.labels, "");
    assert_float_equal(sample.value, 3, 0);
    assert_true(prometheus_next(&rest, &sample));
    assert_str(sample.name, "c_total");
    assert_str(sample.labels, "le=\"0.5\",x=\"}\\\"\"");
    assert_float_equal(sample.value, 1500, 0);
    assert_true(prometheus_next(&rest, &sample));
    assert_str(sample.name, "d");
    assert_float_equal(sample.value, -0.25, 0);
    assert_true(prometheus_next(&rest, &sample));
    assert_str(sample.name, "e");
    assert_false(prometheus_next(&rest, &sample));
    assert_false(prometheus_next(&rest, &sample));
}

static void
test_what_is_none_is_passed_over(void **state)
{
    (void)state;
    struct str rest = STR("a\nb NaN\nc +Inf\nd x\n1e 5\n{x=\"1\"} 5\n"
                          "f{x=\"1} 5\ng{x=\"\\\n 5\n-h 5\n\0i 5\nlast 1\n");
    struct prometheus_sample sample;
    assert_true(prometheus_next(&rest, &sample));
    assert_str(sample.name, "last");
    assert_false(prometheus_next(&rest, &sample));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_one_by_one),
        cmocka_unit_test(test_what_is_none_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
