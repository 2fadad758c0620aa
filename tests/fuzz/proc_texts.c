/* Texts of /proc, as any kernel could write them: what is read is in bounds,
 * what is not has a reason. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "platform/linux/proc_texts.h"

static void
check(bool is_so)
{
    if (!is_so)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const keys[] = { "MemTotal", "MemAvailable", "SwapFree",
                                        "VmRSS", "Threads" };
    /* Exactly as long as it is, so that reading on is seen. */
    char *copy = malloc(n + (n == 0));
    if (copy == NULL)
        abort();
    if (n > 0)
        memcpy(copy, data, n);
    struct str text = { copy, n };
    struct error error = { .code = ERR_OK };
    struct cpu_usage cpu;
    struct network_usage network;
    if (proc_read_cpu(text, &cpu, &error) == 0)
        check(cpu.busy >= 0 && cpu.busy <= cpu.total);
    else
        check(error.message[0] != '\0');
    if (proc_read_network(text, &network, &error) == 0)
        check(network.received_bytes >= 0 && network.sent_bytes >= 0);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int64_t number;
        if (proc_read_number(text, keys[i], &number, &error) == 0)
            check(number >= 0);
    }
    free(copy);
    return 0;
}
