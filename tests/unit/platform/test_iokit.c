/* A Mac's GPU by an I/O Registry of our own, which counts what is held of it:
 * all that was made is released, once. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/darwin/iokit_internal.h"

enum type { DICTIONARY = 1, NUMBER, STRING };

struct object {
    enum type type;
    int64_t number;
    const char *text;
    const struct object *names[4], *values[4];
};

static const struct object word = { .type = STRING, .text = "many" };
static const struct object busy_name = { .text = "Device Utilization %" },
                           used_name = { .text = "In use system memory" };
static const struct object busy = { NUMBER, .number = 57 },
                           used = { NUMBER, .number = 1200357376 },
                           absurd = { NUMBER, .number = INT64_MAX },
                           negative = { NUMBER, .number = -1 };

static const struct object at_work = { DICTIONARY,
                                       .names = { &busy_name, &used_name },
                                       .values = { &busy, &used } };
static const struct object nothing_told = { DICTIONARY };
static const struct object odd = { DICTIONARY,
                                   .names = { &busy_name, &used_name },
                                   .values = { &word, &absurd } };
static const struct object odder = { DICTIONARY,
                                     .names = { &busy_name, &used_name },
                                     .values = { &absurd, &negative } };

enum { ITERATOR = 100, ENTRIES_MAX = 32 };

static struct {
    const struct object *entries[ENTRIES_MAX]; /* NULL: has no statistics */
    size_t n;
    size_t next;
    int rc;
    int n_ports; /* held */
    int n_objects;
} world;

static void *
service_matching(const char *class_name)
{
    assert_string_equal(class_name, "IOAccelerator");
    world.n_objects++;
    return &world;
}

static int
get_matching(unsigned main_port, void *matching, unsigned *ret_iterator)
{
    assert_int_equal(main_port, 0);
    assert_ptr_equal(matching, &world);
    world.n_objects--;
    if (world.rc != 0)
        return world.rc;
    world.n_ports++;
    *ret_iterator = ITERATOR;
    return 0;
}

static unsigned
iterator_next(unsigned iterator)
{
    assert_int_equal(iterator, ITERATOR);
    if (world.next == world.n)
        return 0;
    world.n_ports++;
    return (unsigned)++world.next;
}

static int
object_release(unsigned object)
{
    assert_true(object != 0 && world.n_ports > 0);
    world.n_ports--;
    return 0;
}

static const void *
string_create(const void *allocator, const char *text, unsigned encoding)
{
    struct object *made = calloc(1, sizeof *made);
    assert_int_equal(encoding, 0x08000100);
    assert_non_null(made);
    *made = (struct object){ .type = STRING, .text = text };
    world.n_objects++;
    return made;
}

static const void *
create_property(unsigned entry, const void *key, const void *allocator,
                unsigned options)
{
    const struct object *name = key, *found = world.entries[entry - 1];
    assert_string_equal(name->text, "PerformanceStatistics");
    if (found == NULL)
        return NULL;
    struct object *copy = malloc(sizeof *copy);
    assert_non_null(copy);
    *copy = *found;
    world.n_objects++;
    return copy;
}

static const void *
get_value(const void *dictionary, const void *key)
{
    const struct object *in = dictionary, *name = key;
    for (size_t i = 0; i < 4 && in->names[i] != NULL; i++)
        if (strcmp(in->names[i]->text, name->text) == 0)
            return in->values[i];
    return NULL;
}

static unsigned char
number_value(const void *number, long type, void *ret_value)
{
    const struct object *of = number;
    assert_int_equal(type, 4);
    assert_int_equal(of->type, NUMBER);
    memcpy(ret_value, &of->number, sizeof of->number);
    return 1;
}

static unsigned long
type_id(const void *object)
{
    return ((const struct object *)object)->type;
}

static unsigned long
dictionary_type(void)
{
    return DICTIONARY;
}

static unsigned long
number_type(void)
{
    return NUMBER;
}

static void
release(const void *object)
{
    assert_true(world.n_objects > 0);
    world.n_objects--;
    free((void *)(uintptr_t)object);
}

static const struct iokit iokit = {
    service_matching, get_matching,    iterator_next, create_property,
    object_release,   string_create,   get_value,     number_value,
    type_id,          dictionary_type, number_type,   release
};

static const int64_t total_bytes = 17179869184;

static struct gpu_reading reading;
static struct error error;

static void
look(void)
{
    world.next = 0;
    error = (struct error){ .code = ERR_OK };
    iokit_read_gpus(&iokit, "Apple M9", total_bytes, &reading, &error);
    assert_int_equal(world.n_ports, 0);
    assert_int_equal(world.n_objects, 0);
}

static void
at_its_work(void **state)
{
    world.entries[0] = &at_work;
    world.n = 1;
    look();
    assert_int_equal(error.code, ERR_OK);
    assert_int_equal(reading.n_gpus, 1);
    assert_string_equal(reading.gpus[0].facts.name, "Apple M9");
    assert_int_equal(reading.gpus[0].facts.total_bytes, total_bytes);
    assert_int_equal(reading.gpus[0].facts.free_bytes,
                     total_bytes - 1200357376);
    assert_int_equal(reading.gpus[0].busy_percent, 57);
    assert_int_equal(reading.gpus[0].temperature_c, INT_MIN);
    assert_int_equal(reading.gpus[0].power_mw, -1);
    assert_false(reading.knows_users);
}

static void
what_is_not_told_is_unknown(void **state)
{
    const struct object *all[] = { NULL, &nothing_told, &odd, &odder, &word };
    memcpy(world.entries, all, sizeof all);
    world.n = sizeof all / sizeof all[0];
    look();
    assert_int_equal(reading.n_gpus, world.n);
    for (size_t i = 0; i < reading.n_gpus; i++) {
        assert_int_equal(reading.gpus[i].busy_percent, -1);
        assert_int_equal(reading.gpus[i].facts.free_bytes, -1);
    }
}

static void
more_than_can_be_kept(void **state)
{
    for (size_t i = 0; i < ENTRIES_MAX; i++)
        world.entries[i] = &at_work;
    world.n = ENTRIES_MAX;
    look();
    assert_int_equal(reading.n_gpus, GPUS_MAX);
}

static void
none_has_a_reason(void **state)
{
    world.n = 0;
    look();
    assert_int_equal(reading.n_gpus, 0);
    assert_int_equal(error.code, ERR_NOT_FOUND);
    world.rc = 5;
    look();
    world.rc = 0;
    assert_int_equal(error.code, ERR_IO);
    assert_non_null(strstr(error.message, "error 5"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_its_work),
        cmocka_unit_test(what_is_not_told_is_unknown),
        cmocka_unit_test(more_than_can_be_kept),
        cmocka_unit_test(none_has_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
