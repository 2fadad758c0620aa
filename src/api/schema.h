/* What a JSON value has to look like: for the OpenAPI document and for the
 * check of what clients send (JSON Schema 2020-12, the part that we use).
 * Schemas are constant tables. */
#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include "core/profiles/profiles.h"
#include "formats/json.h"

enum schema_type {
    SCHEMA_TEXT,
    SCHEMA_INT,
    SCHEMA_REAL,
    SCHEMA_BOOL,
    SCHEMA_OBJECT,
    SCHEMA_ARRAY,
    SCHEMA_MAP /* any keys, one kind of value */,
    SCHEMA_ANY
};

/* Objects whose members are those of the profile's field table. */
enum schema_record {
    RECORD_NONE,
    RECORD_PROFILE,       /* as shown: all fields, then `fields` */
    RECORD_PROFILE_INPUT, /* as sent: those that are not read-only */
    RECORD_PROFILE_NEW,   /* the same, `name` required */
    RECORD_MODEL          /* fields of the model's table, then `fields` */
};

struct schema_field;

struct schema {
    const char *name; /* in components/schemas; NULL: in place */
    enum schema_type type;
    const struct schema_field *fields; /* SCHEMA_OBJECT */
    size_t n_fields;
    const struct schema *of;    /* SCHEMA_ARRAY, SCHEMA_MAP */
    int64_t min, max;           /* numbers; text: bytes; when max > min */
    const char *const *choices; /* NULL-terminated, SCHEMA_TEXT */
    enum schema_record record;
    bool is_open; /* further members are allowed */
};

enum {
    FIELD_IS_OPTIONAL = 1 << 0, /* may be absent */
    FIELD_IS_NULLABLE = 1 << 1  /* may be null */
};

struct schema_field {
    const char *name;
    const struct schema *schema;
    unsigned flags;
    const char *help; /* NULL: its name says it */
};

/* The member "enum" with the choices, up to a NULL. */
void schema_print_choices(const char *const *choices, struct json_writer *out);
/* Writes the schema; named ones as a reference unless `is_definition`. */
void schema_print(const struct schema *schema, bool is_definition,
                  struct json_writer *out);

/* Checks a client's object; each fault becomes a problem by field name. True
 * when there is none. Only objects with `fields` (no record). */
bool schema_check(const struct schema *schema, const struct json *object,
                  struct field_problems *problems);

/* Adds a problem; those that find no room are dropped. */
void problem_add(struct field_problems *problems, struct str field,
                 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- the tables (schemas.c) ---- */

extern const struct schema schema_text, schema_int, schema_real, schema_bool;
extern const struct schema schema_any, schema_texts;
extern const struct schema schema_profile, schema_profiles;
extern const struct schema schema_profile_new, schema_profile_patch;
extern const struct schema schema_profile_draft, schema_profile_preview;
extern const struct schema schema_port, schema_duplicate;
extern const struct schema schema_server, schema_servers, schema_change;
extern const struct schema schema_health, schema_server_health;
extern const struct schema schema_info, schema_memory, schema_metrics;
extern const struct schema schema_sample, schema_metrics_history;
extern const struct schema schema_metrics_servers;
extern const struct schema schema_parsers, schema_engines;
extern const struct schema schema_settings, schema_settings_patch;
extern const struct schema schema_log_input;
extern const struct schema schema_log, schema_log_page, schema_log_export;
extern const struct schema schema_stored_log_file, schema_log_line;
extern const struct schema schema_log_files, schema_log_file, schema_removed;
extern const struct schema schema_engine_log;
extern const struct schema schema_activity, schema_activity_page;
extern const struct schema schema_active, schema_active_request;
extern const struct schema schema_capture, schema_captured_body;
extern const struct schema schema_keys, schema_key, schema_new_key;
extern const struct schema schema_key_input;
extern const struct schema schema_session, schema_session_input, schema_link;
extern const struct schema schema_model, schema_models, schema_scan;
extern const struct schema schema_model_patch, schema_model_files;
extern const struct schema schema_move, schema_moved;
extern const struct schema schema_bulk_move, schema_bulk_moved;
extern const struct schema schema_model_groups, schema_fit;
extern const struct schema schema_download_order, schema_priority, schema_limit;
extern const struct schema schema_download, schema_downloads;
extern const struct schema schema_hub_found, schema_hub_files;
extern const struct schema schema_token, schema_token_owner, schema_detected;
extern const struct schema schema_inference_request;
extern const struct schema schema_inference_model, schema_inference_models;
extern const struct schema schema_inference_change;
extern const struct schema schema_openai_error, schema_anthropic_error;
extern const struct schema schema_llama_config, schema_llama_input;
extern const struct schema schema_llama_status;
extern const struct schema schema_config, schema_config_input;
extern const struct schema schema_config_changes;
extern const struct schema schema_preset, schema_presets;
extern const struct schema schema_preset_options, schema_preset_new;
extern const struct schema schema_preset_input, schema_preset_section;
extern const struct schema schema_preset_check, schema_preset_checked;
extern const char *const preset_template_names[]; /* NULL at the end */
extern const struct schema schema_usage, schema_error, schema_empty;

/* Every schema that has a name. */
extern const struct schema *const named_schemas[];
extern const size_t n_named_schemas;

#endif
