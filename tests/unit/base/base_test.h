/* What every test of base/ includes. */
#ifndef TESTS_BASE_TEST_H
#define TESTS_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

#define assert_str(view, text)                              \
    do {                                                    \
        struct str view_ = (view);                          \
        if (!str_is(view_, text))                           \
            fail_msg("'%.*s' is not '%s'", (int)view_.n,    \
                     view_.p == NULL ? "" : view_.p, text); \
    } while (0)

#endif
