/* The GPU of a Mac, which works in the machine's own memory. */
#include "platform/gpu.h"

#include <stdio.h>
#include <sys/sysctl.h>

#include "base/units.h"
#include "platform/darwin/iokit_internal.h"
#include "platform/hardware.h"
#include "platform/library.h"
#include "platform/system.h"

struct row {
    const char *name;
    void *function; /* a member of struct iokit */
};

static int
load(const char *framework, const struct row *rows, size_t n,
     struct error *error)
{
    void *library;
    if (library_load(framework, LIBRARY_OF_SYSTEM, &library, error) < 0)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (library_function(library, rows[i].name, rows[i].function, error) <
            0)
            return -1;
    return 0;
}

static int
load_all(struct iokit *iokit, struct error *error)
{
    const struct row io[] = {
        { "IOServiceMatching", &iokit->service_matching },
        { "IOServiceGetMatchingServices",
          &iokit->service_get_matching_services },
        { "IOIteratorNext", &iokit->iterator_next },
        { "IORegistryEntryCreateCFProperty",
          &iokit->registry_entry_create_cf_property },
        { "IOObjectRelease", &iokit->object_release },
    };
    const struct row cf[] = {
        { "CFStringCreateWithCString", &iokit->string_create },
        { "CFDictionaryGetValue", &iokit->dictionary_get_value },
        { "CFNumberGetValue", &iokit->number_get_value },
        { "CFGetTypeID", &iokit->get_type_id },
        { "CFDictionaryGetTypeID", &iokit->dictionary_type_id },
        { "CFNumberGetTypeID", &iokit->number_type_id },
        { "CFRelease", &iokit->release },
    };
    return load("IOKit", io, sizeof io / sizeof io[0], error) < 0 ||
                   load("CoreFoundation", cf, sizeof cf / sizeof cf[0], error) <
                       0
               ? -1
               : 0;
}

/* What the GPU may have of the memory: the limit that an owner has set, else
 * all of it. */
static int64_t
memory_limit(void)
{
    int64_t memory = system_memory_bytes();
    int limit_mib = 0;
    size_t n = sizeof limit_mib;
    if (sysctlbyname("iogpu.wired_limit_mb", &limit_mib, &n, NULL, 0) == 0 &&
        n == sizeof limit_mib && limit_mib > 0)
        return (int64_t)limit_mib * MIB;
    return memory;
}

void
gpu_read(struct gpu_reading *ret_reading, struct error *error)
{
    struct iokit iokit;
    char name[HARDWARE_NAME_BYTES];
    *ret_reading = (struct gpu_reading){ .n_gpus = 0 };
    if (load_all(&iokit, error) < 0)
        return;
    if (hardware_processor_name(name, NULL) < 0)
        snprintf(name, sizeof name, "GPU");
    iokit_read_gpus(&iokit, name, memory_limit(), ret_reading, error);
}

/* None that has memory of its own. */
size_t
gpu_list(struct gpu_facts ret_gpus[GPUS_MAX], struct error *error)
{
    (void)ret_gpus;
    error_set(error, ERR_NOT_FOUND, "the GPU uses the machine's memory");
    return 0;
}
