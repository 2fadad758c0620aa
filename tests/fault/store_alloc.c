/* store_alloc: lets the n-th allocation fail, ours and SQLite's, for n = 1, 2,
 * ... as far as there are any (of SQLite's thousands a different sample at each
 * start). Whatever fails: nothing is lost or done twice, every change is told
 * once how it ended, and what was told stored is there afterwards.
 *
 * Our own allocations are caught by the linker (--wrap). */
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"

/* The linker's names for the real functions and for those in their place. */
void *real_malloc(size_t n) __asm__("__real_malloc");
void *real_calloc(size_t n, size_t size) __asm__("__real_calloc");
void *real_realloc(void *p, size_t n) __asm__("__real_realloc");
void *our_malloc(size_t n) __asm__("__wrap_malloc");
void *our_calloc(size_t n, size_t size) __asm__("__wrap_calloc");
void *our_realloc(void *p, size_t n) __asm__("__wrap_realloc");

enum { CHANGES = 6, SQLITE_STRIDE = 29 };

/* Counts down; the allocation that takes it from 1 to 0 fails. */
static atomic_long ours_left;
static atomic_long sqlites_left;
static sqlite3_mem_methods sqlite_methods;

static bool
is_last(atomic_long *left)
{
    return atomic_load(left) > 0 && atomic_fetch_sub(left, 1) == 1;
}

void *
our_malloc(size_t n)
{
    return is_last(&ours_left) ? NULL : real_malloc(n);
}

void *
our_calloc(size_t n, size_t size)
{
    return is_last(&ours_left) ? NULL : real_calloc(n, size);
}

void *
our_realloc(void *p, size_t n)
{
    return is_last(&ours_left) ? NULL : real_realloc(p, n);
}

static void *
sqlite_malloc(int n)
{
    return is_last(&sqlites_left) ? NULL : sqlite_methods.xMalloc(n);
}

static void *
sqlite_realloc(void *p, int n)
{
    return is_last(&sqlites_left) ? NULL : sqlite_methods.xRealloc(p, n);
}

static void
die(const char *what, long n, const char *why)
{
    fprintf(stderr, "store_alloc: allocation %ld: %s: %s\n", n, what, why);
    exit(1);
}

/* ---- the scenario ---- */

struct outcome {
    int n_calls;
    bool has_failed;
    enum error_code code;
};

struct run {
    long n;
    const char *dir;
    struct loop loop;
    struct outcome outcomes[CHANGES];
    int n_queries;
    bool has_failed; /* anything did */
};

static void
on_done(void *ctx, const struct error *error)
{
    struct outcome *outcome = ctx;
    outcome->n_calls++;
    outcome->has_failed = error != NULL;
    outcome->code = error == NULL ? ERR_OK : error->code;
}

static void
on_logs(void *ctx, const struct log_entry *entries, size_t n,
        const struct error *error)
{
    struct run *run = ctx;
    run->n_queries++;
    if (error != NULL && error->code != ERR_NO_MEMORY)
        die("query", run->n, error->message);
}

static void
on_metrics(void *ctx, const struct metric_history *history,
           const struct error *error)
{
    struct run *run = ctx;
    run->n_queries++;
    if (error != NULL && error->code != ERR_NO_MEMORY)
        die("query", run->n, error->message);
}

static const struct metric_query metrics_query = {
    .series = { "s" }, .n_series = 1, .to_ms = 60000, .points = 60
};

static void
change(struct store *store, struct run *run, const struct profile *profile)
{
    struct instance_row row = { .id = "ins_1" };
    struct api_key key = { .id = "key_1" };
    struct log_entry entry = { .message = "m" };
    struct log_query query = { .limit = 3, .text = "m" };
    store_put_profile(store, profile, on_done, &run->outcomes[0]);
    store_put_setting(store, "k", "1", on_done, &run->outcomes[1]);
    store_put_metadata(store, "k", "1", on_done, &run->outcomes[2]);
    store_put_instance(store, &row, on_done, &run->outcomes[3]);
    store_put_api_key(store, &key, on_done, &run->outcomes[4]);
    const struct metric_point point = { "s", 5000, 1 };
    store_add_metrics(store, &point, 1, 5000, on_done, &run->outcomes[5]);
    store_query_metrics(store, &metrics_query, on_metrics, run);
    store_add_log(store, &entry);
    store_query_logs(store, &query, on_logs, run);
    struct error error;
    if (store_wait(store, &error) < 0 && error.code != ERR_NO_MEMORY)
        die("store_wait", run->n, error.message);
}

static int
see_profile(void *ctx, struct profile *profile)
{
    ((int *)ctx)[0]++;
    return profile->n_aliases == 2 ? 0 : -1;
}

static int
see_setting(void *ctx, const char *key, const char *json)
{
    ((int *)ctx)[1]++;
    return 0;
}

static int
see_metadata(void *ctx, const char *key, const char *value)
{
    ((int *)ctx)[2]++;
    return 0;
}

static int
see_instance(void *ctx, const struct instance_row *row)
{
    ((int *)ctx)[3]++;
    return 0;
}

static int
see_key(void *ctx, const struct api_key *key)
{
    ((int *)ctx)[4]++;
    return 0;
}

struct seen {
    int n;
    struct error error; /* of the question */
};

static void
see_metrics(void *ctx, const struct metric_history *history,
            const struct error *error)
{
    struct seen *seen = ctx;
    if (error != NULL)
        seen->error = *error;
    else
        seen->n = (int)history->n_points;
}

static int
load_metrics(struct store *store, int *ret_n, struct error *error)
{
    struct seen seen = { .error.code = ERR_OK };
    store_query_metrics(store, &metrics_query, see_metrics, &seen);
    (void)store_wait(store, NULL);
    *ret_n = seen.n;
    if (seen.error.code == ERR_OK)
        return 0;
    *error = seen.error;
    return -1;
}

static int
load(struct store *store, int counts[CHANGES], struct error *error)
{
    memset(counts, 0, CHANGES * sizeof *counts);
    if (store_load_profiles(store, see_profile, counts, error) < 0 ||
        store_load_settings(store, see_setting, counts, error) < 0 ||
        store_load_metadata(store, "k", see_metadata, counts, error) < 0 ||
        store_load_instances(store, see_instance, counts, error) < 0 ||
        load_metrics(store, &counts[5], error) < 0)
        return -1;
    return store_load_api_keys(store, see_key, counts, error);
}

static struct store *
open_store(struct run *run)
{
    struct store *store = NULL;
    struct error error;
    if (store_open(&run->loop, run->dir, "store_alloc", &store, &error) == 0)
        return store;
    if (error.code != ERR_NO_MEMORY)
        die("store_open", run->n, error.message);
    return NULL;
}

/* With memory again: is there what was told to be there? */
static void
check(struct run *run)
{
    int counts[CHANGES];
    struct error error;
    struct store *store = open_store(run);
    if (store == NULL || load(store, counts, &error) < 0)
        die("afterwards", run->n, "the store cannot be read");
    for (int i = 0; i < CHANGES; i++) {
        const struct outcome *outcome = &run->outcomes[i];
        bool is_expected = outcome->n_calls == 1 && !outcome->has_failed;
        if (outcome->n_calls > 1)
            die("a change", run->n, "told twice");
        if (outcome->has_failed && outcome->code != ERR_NO_MEMORY)
            die("a change", run->n, error_wire(outcome->code));
        if (counts[i] != is_expected)
            die("a change", run->n, "told one thing, stored another");
        run->has_failed |= !is_expected;
    }
    store_close(store);
}

static void
remove_files(const char *dir)
{
    static const char *const names[] = { "hearth.db", "hearth.db-wal",
                                         "hearth.db-shm", "hearth.lock" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
}

/* True when the allocation was reached: then there may be a next one. */
static bool
run_once(const char *dir, const struct profile *profile, atomic_long *left,
         long n)
{
    struct run run = { .n = n, .dir = dir };
    struct error error;
    int counts[CHANGES];
    if (loop_init(&run.loop, &error) < 0)
        die("loop_init", n, error.message);
    atomic_store(left, n);
    struct store *store = open_store(&run);
    if (store != NULL) {
        change(store, &run, profile);
        for (int i = 0; i < CHANGES; i++)
            if (run.outcomes[i].n_calls != 1)
                die("a change", n, "never told");
        if (run.n_queries != 2)
            die("a query", n, "not answered once");
        if (load(store, counts, &error) < 0 && error.code != ERR_NO_MEMORY)
            die("load", n, error.message);
        store_close(store);
    }
    bool was_reached = atomic_exchange(left, 0) <= 0;
    check(&run);
    if (run.has_failed && !was_reached)
        die("a change", n, "failed with all its memory");
    loop_close(&run.loop);
    remove_files(dir);
    return was_reached;
}

static struct profile *
make_profile(void)
{
    const struct str aliases[] = { STR("a"), STR("b") };
    struct profile *profile = profile_new();
    if (profile == NULL || profile_set_aliases(profile, aliases, 2) < 0)
        die("profile", 0, "out of memory");
    snprintf(profile->id, sizeof profile->id, "prf_1");
    return profile;
}

int
main(void)
{
    sqlite3_mem_methods methods;
    char dir[] = "/tmp/hearth-alloc-XXXXXX";
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_methods);
    methods = sqlite_methods;
    methods.xMalloc = sqlite_malloc;
    methods.xRealloc = sqlite_realloc;
    /* The pool of small blocks would hide most allocations. */
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK ||
        mkdtemp(dir) == NULL)
        die("start", 0, "cannot");
    struct profile *profile = make_profile();
    long n_ours = 1;
    long n_sqlites = 1 + getpid() % SQLITE_STRIDE;
    while (run_once(dir, profile, &ours_left, n_ours))
        n_ours++;
    while (run_once(dir, profile, &sqlites_left, n_sqlites))
        n_sqlites += SQLITE_STRIDE;
    profile_unref(profile);
    rmdir(dir);
    printf("store_alloc: %ld allocations of ours, about %ld of SQLite's\n",
           n_ours - 1, n_sqlites - 1);
    return n_ours > 20 && n_sqlites > 500 ? 0 : 1;
}
