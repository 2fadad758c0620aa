/* What is called of IOKit and Core Foundation, apart for tests. Both are loaded
 * when they are first needed (platform/library.h), so their types stand here
 * as their binary interface has them. */
#ifndef PLATFORM_DARWIN_IOKIT_INTERNAL_H
#define PLATFORM_DARWIN_IOKIT_INTERNAL_H

#include "platform/gpu.h"

/* IOKitLib.h, CFBase.h, CFDictionary.h, CFNumber.h, CFString.h. An object of
 * IOKit is a Mach port's name; 0 is none. What a function named Create, Copy
 * or Matching returns is the caller's to release. */
struct iokit {
    void *(*service_matching)(const char *class_name);
    /* Releases `matching`. */
    int (*service_get_matching_services)(unsigned main_port, void *matching,
                                         unsigned *ret_iterator);
    unsigned (*iterator_next)(unsigned iterator);
    const void *(*registry_entry_create_cf_property)(unsigned entry,
                                                     const void *key,
                                                     const void *allocator,
                                                     unsigned options);
    int (*object_release)(unsigned object);
    const void *(*string_create)(const void *allocator, const char *text,
                                 unsigned encoding);
    const void *(*dictionary_get_value)(const void *dictionary,
                                        const void *key);
    unsigned char (*number_get_value)(const void *number, long type,
                                      void *ret_value);
    unsigned long (*get_type_id)(const void *object);
    unsigned long (*dictionary_type_id)(void);
    unsigned long (*number_type_id)(void);
    void (*release)(const void *object);
};

/* The GPUs that the registry lists as IOAccelerator: how busy each is and what
 * it has of the machine's memory, from its PerformanceStatistics. Their facts
 * have `name` and, as their memory, `total_bytes`. */
void iokit_read_gpus(const struct iokit *iokit, const char *name,
                     int64_t total_bytes, struct gpu_reading *ret_reading,
                     struct error *error);

#endif
