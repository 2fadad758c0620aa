/* GPUs by the I/O Registry: iokit_internal.h. */
#include "platform/darwin/iokit_internal.h"

#include <limits.h>
#include <stdio.h>

enum {
    MAIN_PORT_DEFAULT = 0,
    ENCODING_UTF8 = 0x08000100, /* kCFStringEncodingUTF8 */
    NUMBER_INT64 = 4,           /* kCFNumberSInt64Type */
};

/* The number of that name, or -1. */
static int64_t
number_of(const struct iokit *iokit, const void *dictionary, const char *name)
{
    int64_t value = -1;
    const void *key = iokit->string_create(NULL, name, ENCODING_UTF8);
    if (key == NULL)
        return -1;
    const void *number = iokit->dictionary_get_value(dictionary, key);
    if (number == NULL ||
        iokit->get_type_id(number) != iokit->number_type_id() ||
        !iokit->number_get_value(number, NUMBER_INT64, &value))
        value = -1;
    iokit->release(key);
    return value;
}

static void
read_statistics(const struct iokit *iokit, const void *statistics,
                struct gpu_use *use)
{
    int64_t busy = number_of(iokit, statistics, "Device Utilization %");
    int64_t used = number_of(iokit, statistics, "In use system memory");
    if (busy >= 0 && busy <= 100)
        use->busy_percent = (int)busy;
    if (used >= 0 && used <= use->facts.total_bytes)
        use->facts.free_bytes = use->facts.total_bytes - used;
}

static void
read_entry(const struct iokit *iokit, unsigned entry, struct gpu_use *use)
{
    const void *key =
        iokit->string_create(NULL, "PerformanceStatistics", ENCODING_UTF8);
    if (key == NULL)
        return;
    const void *found =
        iokit->registry_entry_create_cf_property(entry, key, NULL, 0);
    iokit->release(key);
    if (found == NULL)
        return;
    if (iokit->get_type_id(found) == iokit->dictionary_type_id())
        read_statistics(iokit, found, use);
    iokit->release(found);
}

void
iokit_read_gpus(const struct iokit *iokit, const char *name,
                int64_t total_bytes, struct gpu_reading *ret_reading,
                struct error *error)
{
    unsigned iterator = 0, entry;
    void *matching = iokit->service_matching("IOAccelerator");
    *ret_reading = (struct gpu_reading){ .n_gpus = 0 };
    int rc = matching == NULL ? -1
                              : iokit->service_get_matching_services(
                                    MAIN_PORT_DEFAULT, matching, &iterator);
    if (rc != 0) {
        error_set(error, ERR_IO, "the I/O Registry does not answer: error %d",
                  rc);
        return;
    }
    while ((entry = iokit->iterator_next(iterator)) != 0) {
        if (ret_reading->n_gpus < GPUS_MAX) {
            struct gpu_use *use = &ret_reading->gpus[ret_reading->n_gpus++];
            *use = (struct gpu_use){ .facts = { .total_bytes = total_bytes,
                                                .free_bytes = -1 },
                                     .busy_percent = -1,
                                     .temperature_c = INT_MIN,
                                     .power_mw = -1 };
            snprintf(use->facts.name, sizeof use->facts.name, "%s", name);
            read_entry(iokit, entry, use);
        }
        iokit->object_release(entry);
    }
    iokit->object_release(iterator);
    if (ret_reading->n_gpus == 0)
        error_set(error, ERR_NOT_FOUND, "the I/O Registry lists no GPU");
}
