/* Runs one command line inside the test, with its output in memory and a
 * folder of its own. */
#ifndef TESTS_UNIT_CLI_HARNESS_H
#define TESTS_UNIT_CLI_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/cli.h"

enum { OUTPUT_BYTES = 64 * 1024 };

struct harness {
    char folder[64];
    char home[96], data_dir[128];
    char *environment[8]; /* ends with NULL; tests may add */
    struct cli_hooks hooks;
    char out[OUTPUT_BYTES], err[OUTPUT_BYTES]; /* of the last run */
};

int harness_set_up(void **state);    /* *state: struct harness */
int harness_tear_down(void **state); /* removes the folder */

/* Splits `line` at spaces ('...' keeps them) and runs it: the exit code. */
int harness_run(struct harness *h, const char *line);
/* "<folder>/name" in a buffer that the next call overwrites. */
const char *harness_path(struct harness *h, const char *name);
void harness_write(struct harness *h, const char *name, const char *text);
void assert_contains(const char *text, const char *part);

#endif
