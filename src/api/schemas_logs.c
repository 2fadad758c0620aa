/* The shapes of the log. */
#include "api/schema.h"

#define FIELDS(table) \
    .fields = (table), .n_fields = sizeof(table) / sizeof *(table)

enum { NUL = FIELD_IS_NULLABLE };

static const char *const level_names[] = { "debug", "info", "warn", "error",
                                           NULL };
static const struct schema schema_level = { .type = SCHEMA_TEXT,
                                            .choices = level_names };
static const struct schema_field log_fields[] = {
    { "id", &schema_int, 0, NULL },
    { "at_ms", &schema_int, 0, "Unix time." },
    { "level", &schema_level, 0, NULL },
    { "source", &schema_text, 0, "The module." },
    { "message", &schema_text, 0, NULL },
};
const struct schema schema_log = { "LogEntry", SCHEMA_OBJECT,
                                   FIELDS(log_fields) };
static const struct schema schema_logs = { .type = SCHEMA_ARRAY,
                                           .of = &schema_log };
static const struct schema_field log_page_fields[] = {
    { "entries", &schema_logs, 0, "Newest first." },
    { "next_before_id", &schema_int, NUL,
      "What to send as before_id for the page after this one." },
};
const struct schema schema_log_page = { .type = SCHEMA_OBJECT,
                                        FIELDS(log_page_fields) };

enum { CLIENT_SOURCE_BYTES = 32 };
static const struct schema schema_message = { .type = SCHEMA_TEXT,
                                              .min = 1,
                                              .max = LOG_TEXT_BYTES - 1 };
static const struct schema schema_source = { .type = SCHEMA_TEXT,
                                             .max = CLIENT_SOURCE_BYTES };
static const struct schema_field input_fields[] = {
    { "level", &schema_level, FIELD_IS_OPTIONAL, "info." },
    { "message", &schema_message, 0, NULL },
    { "source", &schema_source, FIELD_IS_OPTIONAL,
      "Who says so; the entry's source is client:IT." },
};
const struct schema schema_log_input = { .type = SCHEMA_OBJECT,
                                         FIELDS(input_fields) };

static const struct schema_field export_fields[] = {
    { "version", &schema_text, 0, "Of the program." },
    { "exported_at_ms", &schema_int, 0, "Unix time." },
    { "entries", &schema_logs, 0, "Newest first." },
};
const struct schema schema_log_export = { "LogExport", SCHEMA_OBJECT,
                                          FIELDS(export_fields) };

static const struct schema_field file_fields[] = {
    { "name", &schema_text, 0, NULL },
    { "size_bytes", &schema_int, 0, NULL },
    { "modified_at_ms", &schema_int, 0, "Unix time." },
};
const struct schema schema_stored_log_file = { "LogFile", SCHEMA_OBJECT,
                                               FIELDS(file_fields) };
static const struct schema schema_files = { .type = SCHEMA_ARRAY,
                                            .of = &schema_stored_log_file };
static const struct schema_field files_fields[] = {
    { "files", &schema_files, 0, "Newest first." },
    { "size_bytes", &schema_int, 0, "Of all of them." },
};
const struct schema schema_log_files = { .type = SCHEMA_OBJECT,
                                         FIELDS(files_fields) };

static const struct schema_field removed_fields[] = {
    { "removed", &schema_int, 0, "How many there were." },
};
const struct schema schema_removed = { .type = SCHEMA_OBJECT,
                                       FIELDS(removed_fields) };

static const struct schema_field line_fields[] = {
    { "at_ms", &schema_int, NUL, "Unix time; null: the line has none." },
    { "level", &schema_level, 0, NULL },
    { "source", &schema_text, 0, "The module." },
    { "message", &schema_text, 0, NULL },
};
const struct schema schema_log_line = { "LogLine", SCHEMA_OBJECT,
                                        FIELDS(line_fields) };
static const struct schema schema_lines = { .type = SCHEMA_ARRAY,
                                            .of = &schema_log_line };
static const struct schema_field log_file_fields[] = {
    { "file_name", &schema_text, 0, NULL },
    { "lines", &schema_lines, 0, "Newest first." },
    { "has_more", &schema_bool, 0, "Older lines were left out." },
};
const struct schema schema_log_file = { .type = SCHEMA_OBJECT,
                                        FIELDS(log_file_fields) };

static const struct schema_field engine_log_fields[] = {
    { "profile_id", &schema_text, NUL, "null: none has run." },
    { "profile_name", &schema_text, NUL, NULL },
    { "lines", &schema_texts, 0, "Oldest first." },
};
const struct schema schema_engine_log = { .type = SCHEMA_OBJECT,
                                          FIELDS(engine_log_fields) };
