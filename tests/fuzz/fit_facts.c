/* Whatever a header says: facts within their bounds, and an estimate of them
 * that leaves no 64 bits and does not contradict itself. */
#include <stdlib.h>

#include "core/fit/fit.h"
#include "fuzz.h"

static void
check(const struct fit_facts *facts)
{
    static struct fit_machine machine = {
        .memory_total_bytes = INT64_C(64) << 30,
        .memory_available_bytes = INT64_C(32) << 30,
        .gpus = { { "gpu", INT64_C(8) << 30, INT64_C(7) << 30 } },
        .n_gpus = 1,
    };
    const struct fit_options options[] = {
        { .gpu_layers = -1 },
        { .n_ctx = FIT_CTX_MAX,
          .n_slots = FIT_SLOTS_MAX,
          .type_k = "f32",
          .type_v = "f32" },
    };
    struct fit_result result;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        int64_t sum = 0;
        fit_estimate(facts, &options[i], &machine, &result);
        for (size_t p = 0; p < FIT_PART_COUNT; p++) {
            if (result.parts[p] < 0)
                abort();
            sum += result.parts[p];
        }
        if (sum != result.total_bytes || result.max_ctx < 0)
            abort();
    }
}

/* As a header comes from a hub: of its front alone either the same is told, or
 * that more is missed, which is behind it and in the file. */
static void
check_front(const char *bytes, size_t n_front, size_t n, bool is_good,
            struct fit_facts *facts)
{
    struct error error;
    struct byte_prefix prefix = { .have = { bytes, n_front } };
    struct byte_source source = byte_prefix_source(&prefix, n);
    if (fit_facts_read(&source, facts, &error) == 0) {
        if (!is_good)
            abort();
    } else if (error.code == ERR_UNAVAILABLE) {
        if (prefix.wanted <= n_front || prefix.wanted > n)
            abort();
    } else if (is_good) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct error error;
    char *copy = calloc(n + 1, 1);
    struct fit_facts *facts = calloc(1, sizeof *facts);
    if (copy == NULL || facts == NULL)
        abort();
    if (n > 0)
        memcpy(copy, data, n);
    struct byte_prefix prefix = { .have = { copy, n } };
    struct byte_source source = byte_prefix_source(&prefix, n);
    bool is_good = fit_facts_read(&source, facts, &error) == 0;
    if (is_good)
        check(facts);
    check_front(copy, n / 2, n, is_good, facts);
    free(facts);
    free(copy);
    return 0;
}
