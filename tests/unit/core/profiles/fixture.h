/* A registry over a real store and a model folder with tiny.gguf and
 * big.gguf, and what most tests do with it. */
#ifndef TESTS_PROFILES_FIXTURE_H
#define TESTS_PROFILES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/profiles/profiles.h"
#include "engines/engines.h"
#include "store/store.h"

struct fixture {
    char dir[256], root[300];
    struct loop loop;
    struct events events;
    struct store *store;
    struct engines *engines;
    struct library *library;
    struct profiles *profiles;
    struct subscription subscription;
    char told[1024]; /* "created:tiny updated:tiny ..." */
    size_t n_told;

    struct field_problems problems;
    struct error error;
    char seen[4096]; /* the problems: "field: message\n" */
    /* of the change that was acknowledged last */
    int n_done;
    struct profile *done; /* one reference, until the next */
    struct error done_error;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* The same store, opened again as after a restart. */
void fixture_restart(struct fixture *f);

/* The verbs over the text of a patch, `%` standing for the model folder.
 * They wait for the acknowledgement: 0, or -1 with f->error (also when the
 * store refused) and f->seen. */
int create(struct fixture *f, const char *patch);
int create_unprivileged(struct fixture *f, const char *patch);
int update(struct fixture *f, const char *id, const char *patch);
int update_unprivileged(struct fixture *f, const char *id, const char *patch);
int set_file(struct fixture *f, const char *array);

/* Must succeed. */
struct profile *create_ok(struct fixture *f, const char *patch);
struct profile *update_ok(struct fixture *f, const char *id, const char *patch);

void fixture_done(void *ctx, struct profile *profile,
                  const struct error *error);
/* Runs the loop until n_done changes were acknowledged in all. */
void wait_done(struct fixture *f, int n_done);
/* The profile as JSON text; valid until the next call. */
const char *shown(struct fixture *f, const struct profile *profile,
                  bool with_secrets);

#define PROFILE_TEST(name) \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
