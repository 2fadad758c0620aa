/* What /proc says, and what it should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "platform/linux/proc_texts.h"

static const char stat_text[] = "cpu  100 20 30 1000 50 1 2 3 40 5\n"
                                "cpu0 100 20 30 1000 50 1 2 3 40 5\n"
                                "intr 12345 0 0\n";

static const char meminfo_text[] = "MemTotal:       16384 kB\n"
                                   "MemFree:         1024 kB\n"
                                   "MemAvailable:    8192 kB\n"
                                   "SwapTotal:          0 kB\n"
                                   "HugePages_Total:    7\n";

static const char net_text[] =
    "Inter-|   Receive                            |  Transmit\n"
    " face |bytes packets errs drop fifo frame compressed multicast|bytes "
    "packets errs drop fifo colls carrier compressed\n"
    "    lo: 999999 9 0 0 0 0 0 0 999999 9 0 0 0 0 0 0\n"
    "  eth0: 1000 9 0 0 0 0 0 0 200 9 0 0 0 0 0 0\n"
    "wlan0:30 9 0 0 0 0 0 0 4 9 0 0 0 0 0 0\n";

static void
test_processor_time(void **state)
{
    (void)state;
    struct cpu_usage usage;
    assert_int_equal(proc_read_cpu(str_from(stat_text), &usage, NULL), 0);
    assert_int_equal(usage.total, 1206); /* guests are not counted twice */
    assert_int_equal(usage.busy, 156);
    /* An old kernel has four. */
    assert_int_equal(proc_read_cpu(STR("cpu 1 2 3 4"), &usage, NULL), 0);
    assert_int_equal(usage.total, 10);
    assert_int_equal(usage.busy, 6);
}

static void
test_numbers_by_key(void **state)
{
    (void)state;
    struct str text = str_from(meminfo_text);
    int64_t number = 0;
    assert_int_equal(proc_read_number(text, "MemAvailable", &number, NULL), 0);
    assert_int_equal(number, 8192 * 1024);
    assert_int_equal(proc_read_number(text, "SwapTotal", &number, NULL), 0);
    assert_int_equal(number, 0);
    assert_int_equal(proc_read_number(text, "HugePages_Total", &number, NULL),
                     0);
    assert_int_equal(number, 7);
    assert_int_equal(proc_read_number(text, "Mem", &number, NULL), -1);
    assert_int_equal(proc_read_number(text, "Other", &number, NULL), -1);
}

static void
test_interfaces_are_summed_without_loopback(void **state)
{
    (void)state;
    struct network_usage usage;
    assert_int_equal(proc_read_network(str_from(net_text), &usage, NULL), 0);
    assert_int_equal(usage.received_bytes, 1030);
    assert_int_equal(usage.sent_bytes, 204);
}

/* Each is refused with a reason. */
static void
test_hostile_texts(void **state)
{
    (void)state;
    static const char *const cpus[] = { "",
                                        "cpu",
                                        "cpu \n",
                                        "cpu  1 2 3\n",
                                        "cpu  1 2 x 4\n",
                                        "cpu  -1 2 3 4\n",
                                        "cpu  1 2 3 99999999999999999999\n" };
    static const char *const numbers[] = { "Key:", "Key", "Key: x kB\n",
                                           "Key: -1 kB\n",
                                           "Key: 9223372036854775807 kB\n" };
    static const char *const nets[] = { "", "head\n", "eth0:", "eth0: 1 2 3\n",
                                        "eth0: 1 2 3 4 5 6 7 8 -9\n" };
    for (size_t i = 0; i < sizeof cpus / sizeof *cpus; i++) {
        struct cpu_usage usage;
        struct error error = { .code = ERR_OK };
        assert_int_equal(proc_read_cpu(str_from(cpus[i]), &usage, &error), -1);
        assert_int_equal(error.code, ERR_IO);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        int64_t number;
        assert_int_equal(
            proc_read_number(str_from(numbers[i]), "Key", &number, NULL), -1);
    }
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct network_usage usage;
        assert_int_equal(proc_read_network(str_from(nets[i]), &usage, NULL),
                         -1);
    }
}

static void
test_sums_do_not_overflow(void **state)
{
    (void)state;
    struct cpu_usage cpu;
    struct network_usage net;
    assert_int_equal(proc_read_cpu(STR("cpu  9223372036854775807 1 1 "
                                       "9223372036854775807 5 6\n"),
                                   &cpu, NULL),
                     0);
    assert_true(cpu.busy >= 0 && cpu.busy <= cpu.total);
    assert_int_equal(
        proc_read_network(STR("a: 9223372036854775807 0 0 0 0 0 0 0 5\n"
                              "b: 9223372036854775807 0 0 0 0 0 0 0 6\n"),
                          &net, NULL),
        0);
    assert_true(net.received_bytes == INT64_MAX);
    assert_int_equal(net.sent_bytes, 11);
}

/* Every beginning of a good text is read or refused, nothing else. */
static void
test_cut_texts(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof net_text; n++) {
        struct network_usage usage;
        struct cpu_usage cpu;
        (void)proc_read_network((struct str){ net_text, n }, &usage, NULL);
        if (n < sizeof stat_text &&
            proc_read_cpu((struct str){ stat_text, n }, &cpu, NULL) == 0)
            assert_true(cpu.busy <= cpu.total);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processor_time),
        cmocka_unit_test(test_numbers_by_key),
        cmocka_unit_test(test_interfaces_are_summed_without_loopback),
        cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_sums_do_not_overflow),
        cmocka_unit_test(test_cut_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
