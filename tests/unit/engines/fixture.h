/* Files of fixtures/, and small things that the tests of engines/ share. */
#ifndef TESTS_ENGINES_FIXTURE_H
#define TESTS_ENGINES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engines/engines.h"

/* <engine>.<kind>.txt on the heap; fails the test when it is not there. */
char *fixture_read(const char *engine, const char *kind);

/* The embedded manifests, or a failed test. */
struct engines *fixture_engines(void);

/* A document that must be right. */
struct json_doc *fixture_json(const char *text);

#endif
