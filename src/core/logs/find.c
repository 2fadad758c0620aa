/* Questions about the log. Memory has every entry since the oldest that it
 * holds, whatever the store left out of a flood or was not to keep; the store
 * has those before. */
#include <stdlib.h>
#include <string.h>

#include "core/logs/logs_internal.h"

bool
log_filter_matches(const struct log_filter *filter,
                   const struct log_entry *entry)
{
    return entry->level >= filter->level &&
           (filter->source.n == 0 || str_is(filter->source, entry->source)) &&
           (filter->since_ms == 0 || entry->at_ms >= filter->since_ms) &&
           (filter->until_ms == 0 || entry->at_ms < filter->until_ms) &&
           (filter->text.n == 0 ||
            str_contains_nocase(str_from(entry->message), filter->text));
}

struct finding {
    struct log_entry *entries; /* room for `limit` */
    size_t n;
    logs_found_fn *on_found;
    void *ctx;
};

static void
finish(struct finding *finding, const struct error *error)
{
    finding->on_found(finding->ctx, error == NULL ? finding->entries : NULL,
                      error == NULL ? finding->n : 0, error);
    free(finding->entries);
    free(finding);
}

static void
on_stored(void *ctx, const struct log_entry *entries, size_t n,
          const struct error *error)
{
    struct finding *finding = ctx;
    if (n > 0)
        memcpy(finding->entries + finding->n, entries, n * sizeof *entries);
    finding->n += n;
    finish(finding, error);
}

static void
find_in_memory(const struct logs *logs, const struct logs_query *query,
               struct finding *finding)
{
    const struct log_memory *memory = &logs->memory;
    for (size_t i = memory->n; i-- > 0 && finding->n < (size_t)query->limit;) {
        struct log_entry *entry = &finding->entries[finding->n];
        if (query->before_id != 0 &&
            log_memory_id(memory, i) >= query->before_id)
            continue;
        log_memory_get(memory, i, entry);
        finding->n += log_filter_matches(&query->filter, entry);
    }
}

static void
find_in_store(struct logs *logs, const struct logs_query *query,
              struct finding *finding)
{
    struct log_query stored = {
        .before_id = query->before_id,
        .limit = query->limit - (int)finding->n,
        .level = query->filter.level,
        .since_ms = query->filter.since_ms,
        .until_ms = query->filter.until_ms,
    };
    if (logs->memory.n > 0) {
        int64_t oldest_id = log_memory_id(&logs->memory, 0);
        if (stored.before_id == 0 || stored.before_id > oldest_id)
            stored.before_id = oldest_id;
    }
    if (query->filter.source.n > 0)
        memcpy(stored.source, query->filter.source.p, query->filter.source.n);
    if (query->filter.text.n > 0)
        memcpy(stored.text, query->filter.text.p, query->filter.text.n);
    store_query_logs(logs->store, &stored, on_stored, finding);
}

/* What the store has room for. */
enum {
    SOURCE_MAX = sizeof((struct log_query *)NULL)->source - 1,
    TEXT_MAX = sizeof((struct log_query *)NULL)->text - 1,
};

static int
check(const struct logs_query *query, struct error *error)
{
    if (query->limit < 1 || query->limit > LOGS_PAGE_MAX)
        return error_field(error, "limit", "limit %d: expected 1 to %d",
                           query->limit, LOGS_PAGE_MAX);
    if (query->filter.source.n > SOURCE_MAX)
        return error_field(error, "source", "source: at most %d bytes",
                           SOURCE_MAX);
    if (query->filter.text.n > TEXT_MAX)
        return error_field(error, "q", "q: at most %d bytes", TEXT_MAX);
    return 0;
}

void
logs_find(struct logs *logs, const struct logs_query *query,
          logs_found_fn *on_found, void *ctx)
{
    struct error error;
    if (check(query, &error) < 0) {
        on_found(ctx, NULL, 0, &error);
        return;
    }
    struct finding *finding = calloc(1, sizeof *finding);
    if (finding != NULL)
        finding->entries =
            calloc((size_t)query->limit, sizeof *finding->entries);
    if (finding == NULL || finding->entries == NULL) {
        free(finding);
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_found(ctx, NULL, 0, &error);
        return;
    }
    finding->on_found = on_found;
    finding->ctx = ctx;
    find_in_memory(logs, query, finding);
    if (finding->n == (size_t)query->limit || logs->store == NULL)
        finish(finding, NULL);
    else
        find_in_store(logs, query, finding);
}

int64_t
logs_each_after(const struct logs *logs, int64_t id,
                bool (*fn)(void *ctx, const struct log_entry *entry), void *ctx)
{
    const struct log_memory *memory = &logs->memory;
    for (size_t i = 0; i < memory->n; i++) {
        struct log_entry entry;
        if (log_memory_id(memory, i) <= id)
            continue;
        log_memory_get(memory, i, &entry);
        if (!fn(ctx, &entry))
            break;
    }
    return memory->n == 0 ? 0 : log_memory_id(memory, 0);
}

/* It may outlive `logs`, but not the bus. */
struct clearing {
    struct events *events;
    int64_t n_in_memory;
    void (*on_done)(void *ctx, const struct error *error);
    void *ctx;
};

static void
on_cleared(void *ctx, int64_t n, const struct error *error)
{
    struct clearing *clearing = ctx;
    if (n < clearing->n_in_memory)
        n = clearing->n_in_memory;
    if (error == NULL)
        events_publish(clearing->events, EVENT_LOG_CLEARED, "", &n);
    clearing->on_done(clearing->ctx, error);
    free(clearing);
}

void
logs_clear(struct logs *logs,
           void (*on_done)(void *ctx, const struct error *error), void *ctx)
{
    struct error error;
    struct clearing *clearing = calloc(1, sizeof *clearing);
    if (clearing == NULL) {
        error_set(&error, ERR_NO_MEMORY, "out of memory");
        on_done(ctx, &error);
        return;
    }
    *clearing = (struct clearing){ logs->events, (int64_t)logs->memory.n,
                                   on_done, ctx };
    log_memory_release(&logs->memory);
    if (logs->store != NULL)
        store_clear_logs(logs->store, on_cleared, clearing);
    else
        on_cleared(clearing, 0, NULL);
}
