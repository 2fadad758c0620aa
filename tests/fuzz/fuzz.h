/* What a fuzz target defines: reads n bytes at data as an outsider sent them,
 * releases everything, returns 0. Crashing, leaking or an assert is a failure. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#endif
