/* Bodies and answers that look otherwise on this wire than in REST. */
#include "api/live/live_internal.h"

/* ---- bodies ---- */

static void
write_member_or_all(const struct json *request, const char *member,
                    struct json_writer *w)
{
    const struct json *value = json_get(request, member);
    json_value(w, json_type(value) == JSON_OBJECT ? value : request);
}

void
body_all(const struct json *request, struct json_writer *w)
{
    json_value(w, request);
}

void
body_updates(const struct json *request, struct json_writer *w)
{
    write_member_or_all(request, "updates", w);
}

void
body_profile(const struct json *request, struct json_writer *w)
{
    write_member_or_all(request, "profile", w);
}

void
body_settings(const struct json *request, struct json_writer *w)
{
    bool has_config = json_type(json_get(request, "config")) == JSON_OBJECT;
    write_member_or_all(request, has_config ? "config" : "settings", w);
}

/* `name`: request[member]; nothing when it is not there: REST says so. */
static void
write_one(const struct json *request, const char *member, const char *name,
          struct json_writer *w)
{
    const struct json *value = json_get(request, member);
    if (value == NULL)
        return;
    json_key(w, name);
    json_value(w, value);
}

void
body_favourite(const struct json *request, struct json_writer *w)
{
    json_object_begin(w);
    write_one(request, "favorite", "is_favourite", w);
    json_object_end(w);
}

void
body_move(const struct json *request, struct json_writer *w)
{
    bool has_category = json_get(request, "category") != NULL;
    json_object_begin(w);
    write_one(request, has_category ? "category" : "to", "category", w);
    write_one(request, "location", "location", w);
    json_object_end(w);
}

/* ---- answers ---- */

void
copy_member(const struct json *from, const char *member, const char *name,
            struct json_writer *w)
{
    const struct json *value = json_get(from, member);
    json_key(w, name);
    if (value == NULL)
        json_null(w);
    else
        json_value(w, value);
}

static void
write_subject(const char *name, const struct shape_input *input,
              struct json_writer *w)
{
    json_key(w, name);
    json_str(w, input->subject);
}

void
shape_deleted(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    write_subject("deletedId", input, w);
    json_object_end(w);
}

/* REST has waited for the end of the change. */
static void
write_status(const struct shape_input *input, const char *status,
             struct json_writer *w)
{
    json_object_begin(w);
    write_subject("modelName", input, w);
    member_text(w, "status", status);
    json_key(w, "server");
    if (input->data == NULL)
        json_null(w);
    else
        json_value(w, input->data);
    json_object_end(w);
}

void
shape_loaded(const struct shape_input *input, struct json_writer *w)
{
    write_status(input, "loaded", w);
}

void
shape_unloaded(const struct shape_input *input, struct json_writer *w)
{
    write_status(input, "unloaded", w);
}

void
shape_scanned(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    copy_member(input->data, "n_models", "scanned", w);
    copy_member(input->data, "n_read", "updated", w);
    copy_member(input->data, "n_models", "total", w);
    copy_member(input->data, "n_errors", "errors", w);
    json_object_end(w);
}

/* A scan has let go of models whose files are gone. */
void
shape_cleaned(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    member_int(w, "deletedCount",
               (int64_t)library_diff_count_gone(input->api->live));
    json_object_end(w);
}

void
shape_logs(const struct shape_input *input, struct json_writer *w)
{
    const struct json *entries = json_get(input->data, "entries");
    size_t n = json_count(entries);
    json_object_begin(w);
    json_key(w, "logs");
    json_array_begin(w);
    for (size_t i = 0; i < n; i++) {
        const struct json *entry = json_at(entries, i);
        json_object_begin(w);
        copy_member(entry, "id", "id", w);
        copy_member(entry, "level", "level", w);
        copy_member(entry, "message", "message", w);
        copy_member(entry, "source", "source", w);
        copy_member(entry, "at_ms", "timestamp", w);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

void
shape_cleared(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    member_bool(w, "cleared", true);
    json_object_end(w);
}
