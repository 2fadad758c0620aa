/* store_kill [ROUNDS]: a process that writes is killed at a random instant,
 * again and again; each time the database must open, be sound, and hold every
 * change whose end was told.
 *
 * The writer is this program, started as `store_kill write DIR N`: it makes
 * the changes N, N+1, ... with several on their way at once, and says
 * "<change>\n" on its output when one is acknowledged. What change `n` does
 * follows from n alone:
 *
 *     n % 4 == 0   metadata "n:<n>" = n, which is there for ever
 *     n % 4 == 1   setting "counter" = n
 *     n % 4 == 2   profile number n % 24, described as n
 *     n % 4 == 3   instance number n % 24, started at n
 *
 * So a value that is older than the last acknowledged one was lost, and one
 * that is newer than the last change anybody made is invented. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"

enum {
    ROUNDS = 60,
    IN_FLIGHT = 12,
    SLOTS = 24,
    WAIT_MAX_US = 40000,
    CHANGES_MAX = 4000000,
};

static void
die(const char *what, const char *why)
{
    fprintf(stderr, "store_kill: %s: %s\n", what, why);
    exit(1);
}

/* ---- the writer ---- */

struct writer {
    struct store *store;
    long next;
};

struct change {
    struct writer *writer;
    long n;
};

static void submit(struct writer *writer);

static void
on_done(void *ctx, const struct error *error)
{
    struct change *change = ctx;
    char line[32];
    if (error != NULL)
        die("a change failed", error->message);
    int n = snprintf(line, sizeof line, "%ld\n", change->n);
    if (write(STDOUT_FILENO, line, (size_t)n) != n)
        die("write", "the acknowledgement did not go out");
    submit(change->writer);
    free(change);
}

static void
submit_profile(struct writer *writer, struct change *change)
{
    char text[32];
    struct profile *profile = profile_new();
    if (profile == NULL)
        die("profile_new", "out of memory");
    snprintf(profile->id, sizeof profile->id, "prf_%ld", change->n % SLOTS);
    snprintf(text, sizeof text, "profile %ld", change->n % SLOTS);
    profile_set_text(&profile->name, str_from(text));
    snprintf(text, sizeof text, "%ld", change->n);
    profile_set_text(&profile->description, str_from(text));
    store_put_profile(writer->store, profile, on_done, change);
    profile_unref(profile);
}

static void
submit_instance(struct writer *writer, struct change *change)
{
    struct instance_row row = { .state = INSTANCE_READY };
    snprintf(row.id, sizeof row.id, "ins_%ld", change->n % SLOTS);
    row.started_at_ms = change->n;
    store_put_instance(writer->store, &row, on_done, change);
}

static void
submit(struct writer *writer)
{
    char key[32];
    char value[32];
    struct change *change = malloc(sizeof *change);
    struct log_entry entry = { .at_ms = 1, .source = "store_kill" };
    if (change == NULL)
        die("malloc", "out of memory");
    *change = (struct change){ writer, writer->next++ };
    snprintf(entry.message, sizeof entry.message, "change %ld", change->n);
    store_add_log(writer->store, &entry);
    snprintf(key, sizeof key, "n:%ld", change->n);
    snprintf(value, sizeof value, "%ld", change->n);
    switch (change->n % 4) {
    case 0:
        store_put_metadata(writer->store, key, value, on_done, change);
        break;
    case 1:
        store_put_setting(writer->store, "counter", value, on_done, change);
        break;
    case 2: submit_profile(writer, change); break;
    default: submit_instance(writer, change); break;
    }
}

static void
on_still_alive(uv_timer_t *timer)
{
    /* keeps the loop running; the end comes from outside */
}

static int
run_writer(const char *dir, const char *first)
{
    static struct loop loop;
    struct writer writer = { NULL, strtol(first, NULL, 10) };
    struct error error;
    uv_timer_t alive;
    if (loop_init(&loop, &error) < 0 ||
        store_open(&loop, dir, "store_kill", &writer.store, &error) < 0)
        die("the writer cannot start", error.message);
    uv_timer_init(&loop.uv, &alive);
    uv_timer_start(&alive, on_still_alive, 1000, 1000);
    for (int i = 0; i < IN_FLIGHT; i++)
        submit(&writer);
    return loop_run(&loop);
}

/* ---- the judge ---- */

struct judge {
    char dir[256];
    struct loop loop;
    uint64_t random;
    long next;             /* the first change of the next writer */
    bool *is_acknowledged; /* by change */
    long last_counter;     /* the newest acknowledged ones, -1: none */
    long last_profile[SLOTS];
    long last_instance[SLOTS];
    bool *is_there; /* by change: seen while loading metadata */
    long n_acknowledged;
    long n_wrong;
};

static uint64_t
next_random(struct judge *judge)
{
    judge->random ^= judge->random << 13;
    judge->random ^= judge->random >> 7;
    judge->random ^= judge->random << 17;
    return judge->random;
}

static void
acknowledge(struct judge *judge, long n)
{
    if (n < 0 || n >= CHANGES_MAX)
        die("the writer", "acknowledged what it cannot have done");
    judge->is_acknowledged[n] = true;
    judge->n_acknowledged++;
    if (n >= judge->next)
        judge->next = n + 1;
    if (n % 4 == 1 && n > judge->last_counter)
        judge->last_counter = n;
    if (n % 4 == 2 && n > judge->last_profile[n % SLOTS])
        judge->last_profile[n % SLOTS] = n;
    if (n % 4 == 3 && n > judge->last_instance[n % SLOTS])
        judge->last_instance[n % SLOTS] = n;
}

/* Whole lines only: the last one may have been cut by the kill. */
static void
read_acknowledgements(struct judge *judge, int fd, bool until_first)
{
    static char text[1 << 16];
    static size_t n;
    ssize_t got;
    while ((got = read(fd, text + n, sizeof text - n)) > 0) {
        n += (size_t)got;
        char *line = text;
        char *end;
        while ((end = memchr(line, '\n', n - (size_t)(line - text))) != NULL) {
            acknowledge(judge, strtol(line, NULL, 10));
            line = end + 1;
        }
        n -= (size_t)(line - text);
        memmove(text, line, n);
        if (until_first)
            return;
    }
    n = 0;
}

static void
write_and_kill(struct judge *judge, const char *self)
{
    char first[32];
    int out[2];
    snprintf(first, sizeof first, "%ld", judge->next);
    if (pipe(out) < 0)
        die("pipe", "cannot make one");
    pid_t child = fork();
    if (child < 0)
        die("fork", "cannot make a process");
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        execl(self, self, "write", judge->dir, first, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    /* One in eight is killed while it still opens the database. */
    if (next_random(judge) % 8 != 0)
        read_acknowledgements(judge, out[0], true);
    usleep((useconds_t)(next_random(judge) % WAIT_MAX_US));
    kill(child, SIGKILL);
    int status;
    if (waitpid(child, &status, 0) != child)
        die("waitpid", "the writer is gone");
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
        die("the writer", "ended before it was killed");
    read_acknowledgements(judge, out[0], false);
    close(out[0]);
    /* What was on its way may have been stored without a word. */
    judge->next += IN_FLIGHT + 1;
}

static void
wrong(struct judge *judge, const char *what, long has, long expected)
{
    fprintf(stderr, "store_kill: %s: %ld, acknowledged %ld, next %ld\n", what,
            has, expected, judge->next);
    judge->n_wrong++;
}

static void
check_value(struct judge *judge, const char *what, long has, long last)
{
    if (has < last || has >= judge->next)
        wrong(judge, what, has, last);
}

static int
see_metadata(void *ctx, const char *key, const char *value)
{
    struct judge *judge = ctx;
    long n = strtol(value, NULL, 10);
    if (strtol(key + 2, NULL, 10) != n || n < 0 || n >= judge->next)
        wrong(judge, key, n, -1);
    else
        judge->is_there[n] = true;
    return 0;
}

static int
see_setting(void *ctx, const char *key, const char *json)
{
    *(long *)ctx = strtol(json, NULL, 10);
    return 0;
}

static int
see_profile(void *ctx, struct profile *profile)
{
    long *values = ctx;
    values[strtol(profile->id + 4, NULL, 10)] =
        strtol(profile->description, NULL, 10);
    return 0;
}

static int
see_instance(void *ctx, const struct instance_row *row)
{
    long *values = ctx;
    values[strtol(row->id + 4, NULL, 10)] = (long)row->started_at_ms;
    return 0;
}

static void
check_integrity(struct judge *judge)
{
    char path[300];
    sqlite3 *db;
    sqlite3_stmt *statement = NULL;
    snprintf(path, sizeof path, "%s/hearth.db", judge->dir);
    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement,
                           NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        die("integrity_check", sqlite3_errmsg(db));
    const char *said = (const char *)sqlite3_column_text(statement, 0);
    if (said == NULL || strcmp(said, "ok") != 0)
        die("integrity_check", said == NULL ? "nothing" : said);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void
check_contents(struct judge *judge)
{
    struct store *store;
    struct error error;
    long counter = -1;
    long profiles[SLOTS];
    long instances[SLOTS];
    memset(profiles, 0xff, sizeof profiles);
    memset(instances, 0xff, sizeof instances);
    memset(judge->is_there, 0, (size_t)judge->next);
    if (store_open(&judge->loop, judge->dir, "store_kill", &store, &error) <
            0 ||
        store_load_metadata(store, "n:", see_metadata, judge, &error) < 0 ||
        store_load_settings(store, see_setting, &counter, &error) < 0 ||
        store_load_profiles(store, see_profile, profiles, &error) < 0 ||
        store_load_instances(store, see_instance, instances, &error) < 0)
        die("after a kill", error.message);
    store_close(store);
    for (long n = 0; n < judge->next; n += 4)
        if (judge->is_acknowledged[n] && !judge->is_there[n])
            wrong(judge, "metadata is lost", n, n);
    check_value(judge, "counter", counter, judge->last_counter);
    for (int i = 0; i < SLOTS; i++) {
        check_value(judge, "profile", profiles[i], judge->last_profile[i]);
        check_value(judge, "instance", instances[i], judge->last_instance[i]);
    }
}

static void
remove_files(const struct judge *judge)
{
    static const char *const names[] = { "hearth.db", "hearth.db-wal",
                                         "hearth.db-shm", "hearth.lock" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", judge->dir, names[i]);
        unlink(path);
    }
    rmdir(judge->dir);
}

static void
judge_init(struct judge *judge)
{
    const char *tmp = getenv("TMPDIR");
    struct error error;
    snprintf(judge->dir, sizeof judge->dir, "%s/hearth-kill-XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(judge->dir) == NULL)
        die("mkdtemp", judge->dir);
    if (loop_init(&judge->loop, &error) < 0)
        die("loop_init", error.message);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    judge->random = (uint64_t)now.tv_nsec << 20 | (uint64_t)getpid() | 1;
    judge->last_counter = -1;
    memset(judge->last_profile, 0xff, sizeof judge->last_profile);
    memset(judge->last_instance, 0xff, sizeof judge->last_instance);
    judge->is_acknowledged = calloc(CHANGES_MAX, sizeof(bool));
    judge->is_there = calloc(CHANGES_MAX, sizeof(bool));
    if (judge->is_acknowledged == NULL || judge->is_there == NULL)
        die("calloc", "out of memory");
}

int
main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "write") == 0)
        return run_writer(argv[2], argv[3]);
    static struct judge judge;
    long n_rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;
    judge_init(&judge);
    for (long round = 0; round < n_rounds && judge.n_wrong == 0; round++) {
        write_and_kill(&judge, argv[0]);
        check_integrity(&judge);
        check_contents(&judge);
    }
    printf("store_kill: %ld rounds, %ld changes acknowledged, %ld wrong\n",
           n_rounds, judge.n_acknowledged, judge.n_wrong);
    if (judge.n_acknowledged < n_rounds)
        die("the writers", "acknowledged too little to judge");
    loop_close(&judge.loop);
    remove_files(&judge);
    free(judge.is_acknowledged);
    free(judge.is_there);
    return judge.n_wrong == 0 ? 0 : 1;
}
