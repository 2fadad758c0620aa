/* /api/activity: inference requests, those under way and those that were. */
#include "api/handlers.h"
#include "base/limits.h"

enum { DEFAULT_LIMIT = 100 };

static void
member_text_if(struct json_writer *w, const char *key, const char *text)
{
    member_text(w, key, text[0] == '\0' ? NULL : text);
}

static void
member_count(struct json_writer *w, const char *key, int64_t value)
{
    member_int_if(w, key, value >= 0, value);
}

/* What is known from the beginning. */
static void
write_head(const struct activity_entry *entry, struct json_writer *w)
{
    member_int(w, "id", entry->id);
    member_int(w, "at_ms", entry->at_ms);
    member_text_if(w, "model", entry->model);
    member_text_if(w, "profile_id", entry->profile_id);
    member_text(w, "method", entry->method);
    member_text(w, "path", entry->path);
    member_text_if(w, "client", entry->client);
    member_text_if(w, "key_id", entry->key_id);
    member_text_if(w, "caller", entry->caller);
    member_bool(w, "is_stream", entry->is_stream);
    member_count(w, "queue_ms", entry->queue_ms);
    member_count(w, "load_ms", entry->load_ms);
    member_count(w, "first_token_ms", entry->first_token_ms);
    member_int(w, "answer_bytes", entry->answer_bytes);
}

static void
write_members(const struct activity_entry *entry, struct json_writer *w)
{
    write_head(entry, w);
    member_text(w, "outcome", activity_outcome_name(entry->outcome));
    member_int_if(w, "status", entry->status != 0, entry->status);
    member_text_if(w, "error", entry->error);
    member_int(w, "duration_ms", entry->duration_ms);
    member_int(w, "request_bytes", entry->request_bytes);
    member_count(w, "prompt_tokens", entry->prompt_tokens);
    member_count(w, "completion_tokens", entry->completion_tokens);
    member_count(w, "cached_tokens", entry->cached_tokens);
    member_real_if(w, "prompt_tokens_per_s", entry->prompt_per_s >= 0,
                   entry->prompt_per_s);
    member_real_if(w, "completion_tokens_per_s", entry->completion_per_s >= 0,
                   entry->completion_per_s);
}

static void
write_entry(const struct activity_entry *entry, struct json_writer *w)
{
    json_object_begin(w);
    write_members(entry, w);
    json_object_end(w);
}

static void
write_active(void *ctx, const struct activity_item *item)
{
    struct json_writer *w = ctx;
    json_object_begin(w);
    write_head(&item->entry, w);
    member_text(w, "phase", activity_phase_name(item->phase));
    member_int(w, "phase_at_ms",
               item->entry.at_ms + item->phase_ms - item->began_ms);
    json_object_end(w);
}

void
activity_news_write(const struct activity_news *news, struct json_writer *out)
{
    json_object_begin(out);
    json_key(out, "active");
    json_array_begin(out);
    for (size_t i = 0; i < news->n_active; i++)
        write_active(out, news->active[i]);
    json_array_end(out);
    json_key(out, "ended");
    json_array_begin(out);
    for (size_t i = 0; i < news->n_ended; i++)
        write_entry(&news->ended[i], out);
    json_array_end(out);
    json_key(out, "gone");
    json_array_begin(out);
    for (size_t i = 0; i < news->n_gone; i++)
        json_int(out, news->gone[i]);
    json_array_end(out);
    member_int(out, "n_ended", (int64_t)news->n_all_ended);
    member_bool(out, "is_cleared", news->is_cleared);
    json_object_end(out);
}

/* ---- those that have ended ---- */

static void
copy_query(struct call *call, const char *name, char *to, size_t size)
{
    struct str text = query_text(call, name);
    snprintf(to, size, "%.*s", STR_ARG(text));
}

static void
on_found(void *ctx, const struct activity_entry *entries, size_t n,
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
        write_entry(&entries[i], w);
    json_array_end(w);
    member_int_if(w, "next_before_id", n > 0 && (int64_t)n == limit,
                  n == 0 ? 0 : entries[n - 1].id);
    json_object_end(w);
    reply_end(call, 200);
    call_unref(call);
}

void
activity_list(struct call *call)
{
    struct activity_query query = {
        .before_id = query_int(call, "before_id", 0),
        .limit = (int)query_int(call, "limit", DEFAULT_LIMIT),
        .since_ms = query_int(call, "since", 0),
        .until_ms = query_int(call, "until", 0),
    };
    copy_query(call, "model", query.model, sizeof query.model);
    copy_query(call, "caller", query.caller, sizeof query.caller);
    copy_query(call, "q", query.text, sizeof query.text);
    struct str outcome = query_text(call, "outcome");
    query.has_outcome = /* one of the choices */
        outcome.n > 0 && activity_outcome_from(outcome, &query.outcome) == 0;
    activity_find(call->api->options.activity, &query, on_found,
                  call_ref(call));
}

void
activity_forget(struct call *call)
{
    activity_clear(call->api->options.activity, reply_done, call_ref(call));
}

/* The id in the path, or an answer. */
static bool
take_id(struct call *call, int64_t *ret_id)
{
    if (str_to_i64(call->params[0], ret_id) == 0 && *ret_id > 0)
        return true;
    reply_errorf(call, ERR_NOT_FOUND, "\"%.*s\" is not the id of a request",
                 STR_ARG(call->params[0]));
    return false;
}

static void
on_one_found(void *ctx, const struct activity_entry *entries, size_t n,
             const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_error(call, error);
    } else if (n == 0) {
        reply_errorf(call, ERR_NOT_FOUND,
                     "request %.*s has not ended, or is not remembered",
                     STR_ARG(call->params[0]));
    } else {
        struct json_writer *w = reply_begin(call);
        json_object_begin(w);
        write_members(&entries[0], w);
        member_bool(w, "is_captured",
                    activity_captured(call->api->options.activity,
                                      entries[0].id) != NULL);
        json_object_end(w);
        reply_end(call, 200);
    }
    call_unref(call);
}

void
activity_show(struct call *call)
{
    struct activity_query query = { .limit = 1 };
    if (take_id(call, &query.id))
        activity_find(call->api->options.activity, &query, on_one_found,
                      call_ref(call));
}

/* ---- those under way ---- */

void
activity_list_active(struct call *call)
{
    struct json_writer *w = reply_begin(call);
    json_array_begin(w);
    activity_each(call->api->options.activity, write_active, w);
    json_array_end(w);
    reply_end(call, 200);
}

void
activity_do_cancel(struct call *call)
{
    struct error error;
    int64_t id;
    if (!take_id(call, &id))
        return;
    if (activity_cancel(call->api->options.activity, id, &error) < 0)
        reply_error(call, &error);
    else
        reply_empty(call);
}

/* ---- what was captured ---- */

/* A body that was cut may end in the middle of a character. */
static struct str
text_of_body(const struct captured_body *body)
{
    struct str text = { body->bytes, body->n };
    for (int i = 0; i < 3 && (int64_t)body->n < body->n_all && text.n > 0 &&
                    !str_is_utf8(text);
         i++)
        text.n--;
    return text;
}

static void
write_body(const struct captured_body *body, struct json_writer *w)
{
    struct str text = text_of_body(body);
    bool is_text = str_is_utf8(text);
    json_object_begin(w);
    member_text_if(w, "content_type", body->content_type);
    json_key(w, "text");
    if (is_text)
        json_str(w, text);
    else
        json_null(w);
    member_int(w, "n_bytes", body->n_all);
    member_bool(w, "is_cut", (int64_t)body->n < body->n_all);
    json_object_end(w);
}

void
activity_show_capture(struct call *call)
{
    int64_t id;
    if (!take_id(call, &id))
        return;
    const struct captured *captured =
        activity_captured(call->api->options.activity, id);
    if (captured == NULL) {
        reply_errorf(call, ERR_NOT_FOUND,
                     "nothing is captured of request %lld: activity.capture "
                     "was off, or later ones took its place",
                     (long long)id);
        return;
    }
    struct json_writer *w = reply_begin(call);
    json_object_begin(w);
    member_int(w, "id", id);
    json_key(w, "request");
    write_body(&captured->bodies[CAPTURE_REQUEST], w);
    json_key(w, "answer");
    write_body(&captured->bodies[CAPTURE_ANSWER], w);
    json_object_end(w);
    reply_end(call, 200);
}

/* ---- GET /api/usage ---- */

static void
write_usage(const struct activity_entry *entry, struct json_writer *w)
{
    json_object_begin(w);
    member_int(w, "at_ms", entry->at_ms + entry->duration_ms);
    member_text(w, "model", entry->model);
    member_text(w, "path", entry->path);
    member_int_if(w, "status", entry->status != 0, entry->status);
    member_bool(w, "complete", entry->outcome == ACTIVITY_COMPLETED);
    member_int(w, "duration_ms", entry->duration_ms);
    member_count(w, "first_token_ms", entry->first_token_ms);
    member_int(w, "answer_bytes", entry->answer_bytes);
    member_count(w, "prompt_tokens", entry->prompt_tokens);
    member_count(w, "completion_tokens", entry->completion_tokens);
    member_count(w, "cached_tokens", entry->cached_tokens);
    member_real_if(w, "prompt_per_second", entry->prompt_per_s >= 0,
                   entry->prompt_per_s);
    member_real_if(w, "predicted_per_second", entry->completion_per_s >= 0,
                   entry->completion_per_s);
    json_object_end(w);
}

static void
on_usage_found(void *ctx, const struct activity_entry *entries, size_t n,
               const struct error *error)
{
    struct call *call = ctx;
    if (error != NULL) {
        reply_error(call, error);
        call_unref(call);
        return;
    }
    struct json_writer *w = reply_begin(call);
    json_array_begin(w);
    for (size_t i = 0; i < n; i++)
        write_usage(&entries[i], w);
    json_array_end(w);
    reply_end(call, 200);
    call_unref(call);
}

void
usage_list(struct call *call)
{
    struct activity_query query = { .limit = ACTIVITY_QUERY_MAX };
    activity_find(call->api->options.activity, &query, on_usage_found,
                  call_ref(call));
}
