/* The newest entries in memory, each as long as its texts are. */
#include "core/logs/memory.h"

#include <stdlib.h>
#include <string.h>

struct log_memory_entry {
    int64_t id;
    int64_t at_ms;
    enum log_level level;
    char texts[]; /* source and message, each with its zero */
};

static void
drop_oldest(struct log_memory *memory)
{
    free(memory->entries[memory->first]);
    memory->entries[memory->first] = NULL;
    memory->first = (memory->first + 1) % memory->n_max;
    memory->n--;
}

void
log_memory_release(struct log_memory *memory)
{
    while (memory->n > 0)
        drop_oldest(memory);
    free(memory->entries);
    *memory = (struct log_memory){ .n_max = memory->n_max };
}

void
log_memory_resize(struct log_memory *memory, size_t n_max)
{
    struct log_memory_entry **entries = NULL;
    if (n_max == memory->n_max)
        return;
    while (memory->n > n_max)
        drop_oldest(memory);
    if (memory->n > 0)
        entries = calloc(n_max, sizeof *entries);
    if (entries == NULL)
        log_memory_release(memory);
    for (size_t i = 0; i < memory->n; i++)
        entries[i] = memory->entries[(memory->first + i) % memory->n_max];
    free(memory->entries);
    memory->entries = entries;
    memory->first = 0;
    memory->n_max = n_max;
}

void
log_memory_add(struct log_memory *memory, const struct log_entry *entry)
{
    size_t n_source = strlen(entry->source) + 1;
    size_t n_message = strlen(entry->message) + 1;
    if (memory->n_max == 0)
        return;
    if (memory->entries == NULL)
        memory->entries = calloc(memory->n_max, sizeof *memory->entries);
    if (memory->entries == NULL)
        return;
    struct log_memory_entry *kept = malloc(sizeof *kept + n_source + n_message);
    if (kept == NULL)
        return;
    kept->id = entry->id;
    kept->at_ms = entry->at_ms;
    kept->level = entry->level;
    memcpy(kept->texts, entry->source, n_source);
    memcpy(kept->texts + n_source, entry->message, n_message);
    if (memory->n == memory->n_max)
        drop_oldest(memory);
    memory->entries[(memory->first + memory->n++) % memory->n_max] = kept;
}

static const struct log_memory_entry *
at(const struct log_memory *memory, size_t i)
{
    return memory->entries[(memory->first + i) % memory->n_max];
}

void
log_memory_get(const struct log_memory *memory, size_t i,
               struct log_entry *ret_entry)
{
    const struct log_memory_entry *kept = at(memory, i);
    size_t n_source = strlen(kept->texts) + 1;
    ret_entry->id = kept->id;
    ret_entry->at_ms = kept->at_ms;
    ret_entry->level = kept->level;
    memcpy(ret_entry->source, kept->texts, n_source);
    const char *message = kept->texts + n_source;
    memcpy(ret_entry->message, message, strlen(message) + 1);
}

int64_t
log_memory_id(const struct log_memory *memory, size_t i)
{
    return at(memory, i)->id;
}
