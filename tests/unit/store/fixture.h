/* A store in a folder of its own, and what most tests do with one. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

struct fixture {
    struct loop loop;
    char dir[256];
    struct store *store;
};

/* How often a change's end was told, and how it ended. */
struct outcome {
    int n_calls;
    bool has_failed;
    struct error error;
};

static inline void
on_outcome(void *ctx, const struct error *error)
{
    struct outcome *outcome = ctx;
    outcome->n_calls++;
    outcome->has_failed = error != NULL;
    if (error != NULL)
        outcome->error = *error;
}

static inline void
fixture_open(struct fixture *fixture)
{
    struct error error;
    if (store_open(&fixture->loop, fixture->dir, "hearth serve",
                   &fixture->store, &error) < 0)
        fail_msg("store_open: %s", error.message);
}

static inline void
fixture_reopen(struct fixture *fixture)
{
    store_close(fixture->store);
    fixture_open(fixture);
}

static inline int
fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct error error;
    const char *tmp = getenv("TMPDIR");
    assert_non_null(fixture);
    snprintf(fixture->dir, sizeof fixture->dir, "%s/hearth-store-XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(fixture->dir));
    assert_int_equal(loop_init(&fixture->loop, &error), 0);
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

static inline const char *
fixture_path(const struct fixture *fixture, const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", fixture->dir, name);
    return path;
}

static inline int
fixture_teardown(void **state)
{
    static const char *const names[] = { "hearth.db", "hearth.db-wal",
                                         "hearth.db-shm", "hearth.lock" };
    struct fixture *fixture = *state;
    char path[512];
    store_close(fixture->store);
    loop_close(&fixture->loop);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(fixture_path(fixture, names[i], path));
    rmdir(fixture->dir);
    free(fixture);
    return 0;
}

/* All that is queued must succeed. */
static inline void
fixture_wait(struct fixture *fixture)
{
    struct error error;
    if (store_wait(fixture->store, &error) < 0)
        fail_msg("store_wait: %s", error.message);
}

#define FIXTURE_TEST(fn) \
    cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

#endif
