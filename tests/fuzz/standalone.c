/* Feeds a fuzz target without libFuzzer: every seed of a folder as it is, cut
 * short at each length, and then with random small changes. The changes come
 * from a fixed generator, so that a failure comes back when run again.
 *
 *     fuzz_NAME [CORPUS_FOLDER [ROUNDS]]
 *
 * A folder that does not exist counts as one empty seed. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { SEED_MAX = 64 * 1024, SEEDS_MAX = 512, GROWTH_MAX = 64 };
enum { DEFAULT_ROUNDS = 20000, CUTS_MAX = 2048 };

struct seed {
    uint8_t *p;
    size_t n;
};

struct generator {
    uint64_t state;
};

/* Marsaglia's xorshift, 64 bits. */
static uint64_t
generator_next(struct generator *generator)
{
    uint64_t x = generator->state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    generator->state = x;
    return x;
}

static size_t
generator_below(struct generator *generator, size_t limit)
{
    return limit ? (size_t)(generator_next(generator) % limit) : 0;
}

/* Runs on a copy of exactly n bytes, so that the address sanitizer sees a read
 * of the byte behind it. */
static void
feed(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n ? n : 1);

    if (!copy)
        abort();
    if (n)
        memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static bool
seed_read(struct seed *seed, const char *path)
{
    FILE *file = fopen(path, "rb");

    if (!file)
        return false;
    seed->p = malloc(SEED_MAX);
    if (!seed->p)
        abort();
    seed->n = fread(seed->p, 1, SEED_MAX, file);
    fclose(file);
    return true;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The seeds of a folder in the order of their names. */
static size_t
seeds_read(struct seed *seeds, const char *folder)
{
    DIR *dir = folder ? opendir(folder) : NULL;
    char *names[SEEDS_MAX];
    size_t n_names = 0, n_seeds = 0;
    struct dirent *entry;

    while (dir && n_names < SEEDS_MAX && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            names[n_names++] = strdup(entry->d_name);
    if (dir)
        closedir(dir);
    if (n_names)
        qsort(names, n_names, sizeof names[0], by_name);
    for (size_t i = 0; i < n_names; i++) {
        char path[4096];

        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (seed_read(&seeds[n_seeds], path))
            n_seeds++;
        free(names[i]);
    }
    return n_seeds;
}

/* One small change of the n bytes at p, which has room for GROWTH_MAX more.
 * Returns the new length. */
static size_t
mutate(struct generator *generator, uint8_t *p, size_t n, size_t room)
{
    static const char telling[] = "{}[]\"\\:,;=-+0123456789eE.\r\n\t \0%/#&<";
    size_t at = generator_below(generator, n);
    size_t span = 1 + generator_below(generator, 16);

    if (span > n - at)
        span = n - at;
    switch (n ? generator_below(generator, 6) : 4) {
    case 0: p[at] ^= (uint8_t)(1u << generator_below(generator, 8)); return n;
    case 1: p[at] = (uint8_t)generator_next(generator); return n;
    case 2:
        p[at] = (uint8_t)telling[generator_below(generator, sizeof telling)];
        return n;
    case 3: /* drop a few bytes */
        memmove(p + at, p + at + span, n - at - span);
        return n - span;
    case 4: /* insert one */
        if (n == room)
            return n;
        memmove(p + at + 1, p + at, n - at);
        p[at] = (uint8_t)telling[generator_below(generator, sizeof telling)];
        return n + 1;
    default: /* repeat a few bytes */
        if (n + span > room)
            return n;
        memmove(p + at + span, p + at, n - at);
        return n + span;
    }
}

static void
mutate_and_feed(struct generator *generator, const struct seed *seed)
{
    static uint8_t bytes[SEED_MAX + GROWTH_MAX];
    size_t n = seed->n;
    size_t n_changes = 1 + generator_below(generator, 8);

    if (n)
        memcpy(bytes, seed->p, n);
    while (n_changes--)
        n = mutate(generator, bytes, n, sizeof bytes);
    feed(bytes, n);
}

int
main(int argc, char **argv)
{
    static struct seed seeds[SEEDS_MAX];
    struct generator generator = { 0x9e3779b97f4a7c15u };
    size_t n_seeds = seeds_read(seeds, argc > 1 ? argv[1] : NULL);
    long rounds = argc > 2 ? strtol(argv[2], NULL, 10) : DEFAULT_ROUNDS;

    if (!n_seeds)
        n_seeds = 1;
    for (size_t i = 0; i < n_seeds; i++) {
        size_t n = seeds[i].n;

        for (size_t cut = 0; cut < n && cut < CUTS_MAX; cut++)
            feed(seeds[i].p, cut);
        feed(seeds[i].p, n);
    }
    for (long i = 0; i < rounds; i++)
        mutate_and_feed(&generator,
                        &seeds[generator_below(&generator, n_seeds)]);
    printf("%zu seeds, %ld changes of them\n", n_seeds, rounds);
    for (size_t i = 0; i < n_seeds; i++)
        free(seeds[i].p);
    return 0;
}
