/* /api/logs: Hearth's own log, as it is stored. */
#include "api/handlers.h"

enum { DEFAULT_LIMIT = 100 };

void
log_entry_write(const struct log_entry *entry, struct json_writer *out)
{
    json_object_begin(out);
    member_int(out, "id", entry->id);
    member_int(out, "at_ms", entry->at_ms);
    member_text(out, "level", log_level_name(entry->level));
    member_text(out, "source", entry->source);
    member_text(out, "message", entry->message);
    json_object_end(out);
}

static void
on_entries(void *ctx, const struct log_entry *entries, size_t n,
           const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_error(call, error);
        call_unref(call);
        return;
    }
    struct json_writer *w = reply_begin(call);
    int64_t limit = query_int(call, "limit", DEFAULT_LIMIT);
    json_object_begin(w);
    json_key(w, "entries");
    json_array_begin(w);
    for (size_t i = 0; i < n; i++)
        log_entry_write(&entries[i], w);
    json_array_end(w);
    member_int_if(w, "next_before_id", n > 0 && (int64_t)n == limit,
                  n == 0 ? 0 : entries[n - 1].id);
    json_object_end(w);
    reply_end(call, 200);
    call_unref(call);
}

static bool
has_log(struct call *call)
{
    const struct api_hooks *hooks = &call->api->options.hooks;
    if (hooks->query_logs != NULL && hooks->clear_logs != NULL)
        return true;
    reply_errorf(call, ERR_NOT_IMPLEMENTED, "no log is kept");
    return false;
}

void
logs_list(struct call *call)
{
    const struct api_hooks *hooks = &call->api->options.hooks;
    if (!has_log(call))
        return;
    struct api_log_query query = {
        .before_id = query_int(call, "before_id", 0),
        .limit = (int)query_int(call, "limit", DEFAULT_LIMIT),
        .level = LOG_DEBUG,
        .source = query_text(call, "source"),
        .text = query_text(call, "q"),
    };
    struct str level = query_text(call, "level");
    if (level.n > 0)
        log_level_from(level, &query.level); /* one of the row's choices */
    hooks->query_logs(hooks->ctx, &query, on_entries, call_ref(call));
}

static void
on_cleared(void *ctx, const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL)
        reply_error(call, error);
    else
        reply_empty(call);
    call_unref(call);
}

void
logs_clear(struct call *call)
{
    const struct api_hooks *hooks = &call->api->options.hooks;
    if (has_log(call))
        hooks->clear_logs(hooks->ctx, on_cleared, call_ref(call));
}
