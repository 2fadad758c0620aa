/* The newest entries in memory. Internal to core/logs/. */
#ifndef CORE_LOGS_MEMORY_H
#define CORE_LOGS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "records/log_entry.h"

struct log_memory_entry;

struct log_memory {
    struct log_memory_entry **entries; /* a ring of n_max; NULL: none yet */
    size_t n_max;
    size_t first;
    size_t n;
};

void log_memory_release(struct log_memory *memory);
/* As many from now on; the oldest of those that do not fit go. */
void log_memory_resize(struct log_memory *memory, size_t n_max);
/* Forgets the oldest when it is full; without memory it keeps none. */
void log_memory_add(struct log_memory *memory, const struct log_entry *entry);
/* The i-th, 0 the oldest, as an entry. */
void log_memory_get(const struct log_memory *memory, size_t i,
                    struct log_entry *ret_entry);
int64_t log_memory_id(const struct log_memory *memory, size_t i);

#endif
