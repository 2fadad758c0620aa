/* The log's settings and files in this protocol's words: `loggingConfig:*` and
 * `logs:*-files`. Each name is one of our settings; those that have none here
 * keep the names that they have in REST. */
#include "api/live/live_internal.h"

static const struct {
    const char *name;  /* on this wire */
    const char *other; /* the same from older clients, or NULL */
    const char *key;   /* of the setting */
} logging_rows[] = {
    { "level", "logLevel", "log_level" },
    { "maxFileSize", NULL, "logs.max_file_bytes" },
    { "maxFiles", NULL, "logs.max_files" },
    { "enableFileLogging", NULL, "logs.files" },
    { "enableDatabaseLogging", NULL, "logs.database" },
    { "enableConsoleLogging", NULL, "logs.console" },
    { "maxStored", NULL, "logs.max_stored" },
    { "memory", NULL, "logs.memory" },
};
enum { LOGGING_ROWS = sizeof logging_rows / sizeof *logging_rows };

/* What a client writes into the log, alone or as `entry`. */
void
body_log_entry(const struct json *request, struct json_writer *w)
{
    static const char *const names[] = { "level", "message", "source" };
    const struct json *entry = json_get(request, "entry");
    json_object_begin(w);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct json *value = json_get(
            json_type(entry) == JSON_OBJECT ? entry : request, names[i]);
        if (value == NULL)
            continue;
        json_key(w, names[i]);
        json_value(w, value);
    }
    json_object_end(w);
}

/* A name that is none goes to REST as it is, which refuses it by name. */
static const char *
key_of(struct str name)
{
    for (size_t i = 0; i < LOGGING_ROWS; i++)
        if (str_is(name, logging_rows[i].name) ||
            (logging_rows[i].other != NULL &&
             str_is(name, logging_rows[i].other)))
            return logging_rows[i].key;
    return NULL;
}

void
body_logging(const struct json *request, struct json_writer *w)
{
    static const char *const wrappers[] = { "config", "settings", "updates" };
    const struct json *config = request;
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (json_type(json_get(request, wrappers[i])) == JSON_OBJECT)
            config = json_get(request, wrappers[i]);
    struct json_iter iter;
    json_object_begin(w);
    for (json_iter_init(&iter, config); json_iter_next(&iter);) {
        const char *key = key_of(iter.key);
        if (key != NULL)
            json_key(w, key);
        else
            json_key_str(w, iter.key);
        json_value(w, iter.value);
    }
    json_object_end(w);
}

void
body_logging_reset(const struct json *request, struct json_writer *w)
{
    (void)request;
    json_object_begin(w);
    for (size_t i = 0; i < LOGGING_ROWS; i++) {
        json_key(w, logging_rows[i].key);
        json_null(w);
    }
    json_object_end(w);
}

/* From the settings as REST shows them. */
static void
write_config(const struct json *settings, struct json_writer *w)
{
    json_object_begin(w);
    json_key(w, "config");
    json_object_begin(w);
    for (size_t i = 0; i < LOGGING_ROWS; i++)
        copy_member(json_get(settings, logging_rows[i].key), "value",
                    logging_rows[i].name, w);
    json_object_end(w);
    json_object_end(w);
}

void
shape_logging(const struct shape_input *input, struct json_writer *w)
{
    write_config(input->data, w);
}

static bool
is_of_the_log(const char *key)
{
    for (size_t i = 0; i < LOGGING_ROWS; i++)
        if (strcmp(key, logging_rows[i].key) == 0)
            return true;
    return false;
}

void
logging_tell(struct live *live, const char *key)
{
    struct strbuf text = STRBUF_INIT(1 * MIB);
    struct live_message message;
    struct json_writer all;
    if (!is_of_the_log(key))
        return;
    json_writer_init(&all, &text);
    settings_to_json(live->api->options.settings, &all);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    if (doc != NULL) {
        struct json_writer *w = broadcast_begin(
            live, &message, "loggingConfig:updated", MESSAGE_KEPT);
        write_config(json_root(doc), w);
        broadcast_end(live, &message);
    }
    json_doc_free(doc);
    strbuf_release(&text);
}

/* ---- files ---- */

void
shape_log_files(const struct shape_input *input, struct json_writer *w)
{
    const struct json *files = json_get(input->data, "files");
    json_object_begin(w);
    json_key(w, "files");
    json_array_begin(w);
    for (size_t i = 0; i < json_count(files); i++) {
        const struct json *file = json_at(files, i);
        json_object_begin(w);
        copy_member(file, "name", "name", w);
        copy_member(file, "size_bytes", "size", w);
        copy_member(file, "modified_at_ms", "modifiedAt", w);
        json_object_end(w);
    }
    json_array_end(w);
    copy_member(input->data, "size_bytes", "size", w);
    json_object_end(w);
}

void
shape_log_file(const struct shape_input *input, struct json_writer *w)
{
    const struct json *lines = json_get(input->data, "lines");
    json_object_begin(w);
    json_key(w, "logs");
    json_array_begin(w);
    for (size_t i = 0; i < json_count(lines); i++) {
        const struct json *line = json_at(lines, i);
        json_object_begin(w);
        copy_member(line, "level", "level", w);
        copy_member(line, "message", "message", w);
        copy_member(line, "source", "source", w);
        copy_member(line, "at_ms", "timestamp", w);
        json_object_end(w);
    }
    json_array_end(w);
    copy_member(input->data, "file_name", "fileName", w);
    copy_member(input->data, "has_more", "hasMore", w);
    json_object_end(w);
}

void
shape_files_cleared(const struct shape_input *input, struct json_writer *w)
{
    json_object_begin(w);
    copy_member(input->data, "removed", "count", w);
    json_object_end(w);
}

/* Newest first, as everywhere in this protocol. Whether a line is an error is
 * not known: an engine writes what it likes to either output. */
void
shape_engine_log(const struct shape_input *input, struct json_writer *w)
{
    const struct json *lines = json_get(input->data, "lines");
    bool has_run = json_type(json_get(input->data, "profile_id")) == JSON_TEXT;
    json_object_begin(w);
    json_key(w, "logs");
    json_array_begin(w);
    for (size_t i = json_count(lines); i-- > 0;) {
        json_object_begin(w);
        member_text(w, "level", "info");
        json_key(w, "message");
        json_value(w, json_at(lines, i));
        member_text(w, "source", "llama-server");
        member_text(w, "timestamp", NULL);
        json_object_end(w);
    }
    json_array_end(w);
    copy_member(input->data, "profile_name", "fileName", w);
    if (!has_run)
        member_text(w, "message", "no llama-server has run");
    json_object_end(w);
}
