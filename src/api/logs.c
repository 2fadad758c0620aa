/* /api/logs: Hearth's own log, as memory and store have it. */
#include "api/log_filter.h"

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

void
log_filter_read(struct call *call, struct log_filter *ret_filter)
{
    *ret_filter = (struct log_filter){
        .level = LOG_DEBUG,
        .source = query_text(call, "source"),
        .text = query_text(call, "q"),
        .since_ms = query_int(call, "since", 0),
        .until_ms = query_int(call, "until", 0),
    };
    struct str level = query_text(call, "level");
    if (level.n > 0)
        log_level_from(level, &ret_filter->level); /* one of the choices */
}

static void
on_found(void *ctx, const struct log_entry *entries, size_t n,
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

void
logs_list(struct call *call)
{
    struct logs_query query = {
        .before_id = query_int(call, "before_id", 0),
        .limit = (int)query_int(call, "limit", DEFAULT_LIMIT),
    };
    log_filter_read(call, &query.filter);
    logs_find(call->api->options.logs, &query, on_found, call_ref(call));
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
logs_forget(struct call *call)
{
    logs_clear(call->api->options.logs, on_cleared, call_ref(call));
}

/* What a client has to say stands in the log under its own name. */
void
logs_write(struct call *call)
{
    enum log_level level = LOG_INFO;
    char source[LOG_SOURCE_BYTES] = "client";
    struct str from = input_text(call, "source");
    struct str message = input_text(call, "message");
    log_level_from(input_text(call, "level"), &level); /* one of the choices */
    if (from.n > 0)
        snprintf(source, sizeof source, "client:%.*s", STR_ARG(from));
    events_log(call->api->options.events, level, source, "%.*s",
               STR_ARG(message));
    reply_empty(call);
}

/* ---- files ---- */

static void
on_listed(void *ctx, const struct log_files *files, const struct error *error)
{
    struct call *call = ctx;
    int64_t size_bytes = 0;
    if (error != NULL) {
        reply_error(call, error);
        call_unref(call);
        return;
    }
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    json_key(w, "files");
    json_array_begin(w);
    for (size_t i = 0; i < files->n; i++) {
        json_object_begin(w);
        member_text(w, "name", files->at[i].name);
        member_int(w, "size_bytes", files->at[i].size_bytes);
        member_int(w, "modified_at_ms", files->at[i].modified_at_ms);
        json_object_end(w);
        size_bytes += files->at[i].size_bytes;
    }
    json_array_end(w);
    member_int(w, "size_bytes", size_bytes);
    json_object_end(w);
    reply_end(call, 200);
    call_unref(call);
}

void
log_files_list(struct call *call)
{
    logs_list_files(call->api->options.logs, on_listed, call_ref(call));
}

static void
on_files_cleared(void *ctx, int n, const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_error(call, error);
    } else {
        struct json_writer *w = reply_begin(call);
        json_object_begin(w);
        member_int(w, "removed", n);
        json_object_end(w);
        reply_end(call, 200);
    }
    call_unref(call);
}

void
log_files_clear(struct call *call)
{
    logs_clear_files(call->api->options.logs,
                     call->n_params == 0 ? STR("") : call->params[0],
                     on_files_cleared, call_ref(call));
}

static void
on_read(void *ctx, const struct log_entry *entries, size_t n, bool is_cut,
        const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_error(call, error);
        call_unref(call);
        return;
    }
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    json_key(w, "file_name");
    json_str(w, call->params[0]);
    json_key(w, "lines");
    json_array_begin(w);
    for (size_t i = 0; i < n; i++) {
        json_object_begin(w);
        member_int_if(w, "at_ms", entries[i].at_ms > 0, entries[i].at_ms);
        member_text(w, "level", log_level_name(entries[i].level));
        member_text(w, "source", entries[i].source);
        member_text(w, "message", entries[i].message);
        json_object_end(w);
    }
    json_array_end(w);
    member_bool(w, "has_more", is_cut);
    json_object_end(w);
    reply_end(call, 200);
    call_unref(call);
}

void
log_files_read(struct call *call)
{
    struct log_filter filter;
    log_filter_read(call, &filter);
    logs_read_file(call->api->options.logs, call->params[0], &filter,
                   (int)query_int(call, "limit", DEFAULT_LIMIT), on_read,
                   call_ref(call));
}

/* ---- the output of llama-server ---- */

/* The llama-server that is of most interest: a router before one that serves a
 * single model, one that runs before one that ran, the latest of them. */
struct choice {
    const struct profile *profile;
    int rank;
    int64_t started_at_ms;
};

static void
consider(void *ctx, const struct instance_view *view)
{
    struct choice *choice = ctx;
    if (view->profile == NULL || view->started_at_ms == 0)
        return;
    struct str engine = str_from(view->profile->engine);
    bool is_router = str_is(engine, "llama-server-router");
    if (!is_router && !str_is(engine, "llama-server"))
        return;
    int rank = 2 * (view->pid != 0) + is_router + 1;
    if (rank < choice->rank ||
        (rank == choice->rank && view->started_at_ms <= choice->started_at_ms))
        return;
    *choice = (struct choice){ view->profile, rank, view->started_at_ms };
}

static void
write_line(void *ctx, uint64_t seq, struct str line)
{
    (void)seq;
    json_str(ctx, line);
}

void
logs_show_llama_server(struct call *call)
{
    struct instances *instances = call->api->options.instances;
    struct choice choice = { .profile = NULL };
    instances_each(instances, consider, &choice);
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_text(w, "profile_id",
                choice.profile == NULL ? NULL : choice.profile->id);
    member_text(w, "profile_name",
                choice.profile == NULL ? NULL : choice.profile->name);
    json_key(w, "lines");
    json_array_begin(w);
    if (choice.profile != NULL)
        instances_log_tail(instances, choice.profile->id,
                           (size_t)query_int(call, "lines", DEFAULT_LIMIT),
                           write_line, w);
    json_array_end(w);
    json_object_end(w);
    reply_end(call, 200);
}
