/* The shapes of presets. */
#include "api/schema.h"
#include "formats/ini.h"

#define FIELDS(table) \
    .fields = (table), .n_fields = sizeof(table) / sizeof *(table)

enum { OPT = FIELD_IS_OPTIONAL, NUL = FIELD_IS_NULLABLE };

static const struct schema_field problem_fields[] = {
    { "line", &schema_int, NUL, "From 1; null: of the whole." },
    { "key", &schema_text, NUL, NULL },
    { "message", &schema_text, 0, NULL },
};
static const struct schema schema_problem = { .type = SCHEMA_OBJECT,
                                              FIELDS(problem_fields) };
static const struct schema schema_problems = { .type = SCHEMA_ARRAY,
                                               .of = &schema_problem };
static const struct schema schema_pairs = { .type = SCHEMA_MAP,
                                            .of = &schema_text };
static const struct schema schema_parameters = { .type = SCHEMA_MAP,
                                                 .of = &schema_pairs };

static const struct schema_field preset_fields[] = {
    { "name", &schema_text, 0, NULL },
    { "path", &schema_text, 0, "Of its file." },
    { "is_builtin", &schema_bool, 0, "Cannot be deleted." },
    { "size_bytes", &schema_int, 0, NULL },
    { "line_count", &schema_int, 0, NULL },
    { "modified_at_ms", &schema_int, 0, "Unix time." },
    { "is_valid", &schema_bool, 0, NULL },
    { "problems", &schema_problems, 0, NULL },
    { "models", &schema_texts, 0, "Sections but [*]." },
    { "parameters", &schema_parameters, 0, "By section and key, as written." },
    { "text", &schema_text, 0, "The whole file." },
};
const struct schema schema_preset = { "Preset", SCHEMA_OBJECT,
                                      FIELDS(preset_fields) };
const struct schema schema_presets = { .type = SCHEMA_ARRAY,
                                       .of = &schema_preset };

static const struct schema_field option_fields[] = {
    { "key", &schema_text, 0, "As in a file: ctx-size." },
    { "type", &schema_text, 0, NULL },
    { "min", &schema_real, NUL, NULL },
    { "max", &schema_real, NUL, NULL },
    { "default", &schema_text, NUL, "The engine's own." },
    { "choices", &schema_texts, 0, "Empty: none are given." },
    { "group", &schema_text, NUL, NULL },
    { "help", &schema_text, NUL, NULL },
};
static const struct schema schema_option = { .type = SCHEMA_OBJECT,
                                             FIELDS(option_fields) };
const struct schema schema_preset_options = { .type = SCHEMA_ARRAY,
                                              .of = &schema_option };

static const struct schema schema_preset_text = { .type = SCHEMA_TEXT,
                                                  .max = INI_BYTES_MAX };
static const struct schema schema_short = { .type = SCHEMA_TEXT,
                                            .min = 1,
                                            .max = 68 };
static const struct schema schema_description = { .type = SCHEMA_TEXT,
                                                  .max = 1024 };
static const struct schema schema_template = { .type = SCHEMA_TEXT,
                                               .choices =
                                                   preset_template_names };
static const struct schema_field new_fields[] = {
    { "name", &schema_short, 0, "Letters, digits, - _ and ." },
    { "text", &schema_preset_text, OPT, "The whole file." },
    { "description", &schema_description, OPT, "Becomes a comment." },
    { "template", &schema_template, OPT, "Options to begin with." },
};
const struct schema schema_preset_new = { "NewPreset", SCHEMA_OBJECT,
                                          FIELDS(new_fields) };

static const struct schema schema_values = { .type = SCHEMA_MAP,
                                             .of = &schema_any };
static const struct schema schema_sections = { .type = SCHEMA_MAP,
                                               .of = &schema_values };
static const struct schema_field input_fields[] = {
    { "text", &schema_preset_text, OPT, "The whole file; or:" },
    { "sections", &schema_sections, OPT,
      "What each section is to have; comments stay." },
};
const struct schema schema_preset_input = { .type = SCHEMA_OBJECT,
                                            FIELDS(input_fields) };

static const struct schema_field check_fields[] = {
    { "text", &schema_preset_text, 0, "The whole file." },
};
const struct schema schema_preset_check = { .type = SCHEMA_OBJECT,
                                            FIELDS(check_fields) };
static const struct schema_field checked_fields[] = {
    { "is_valid", &schema_bool, 0, NULL },
    { "line_count", &schema_int, 0, NULL },
    { "problems", &schema_problems, 0, NULL },
};
const struct schema schema_preset_checked = { .type = SCHEMA_OBJECT,
                                              FIELDS(checked_fields) };

static const struct schema_field section_fields[] = {
    { "options", &schema_values, 0, "By key; null removes." },
};
const struct schema schema_preset_section = { .type = SCHEMA_OBJECT,
                                              FIELDS(section_fields) };

/* ---- the configuration as a document ---- */

static const struct schema schema_texts_by_name = { .type = SCHEMA_MAP,
                                                    .of = &schema_preset_text };
static const struct schema schema_fields = { .type = SCHEMA_OBJECT,
                                             .is_open = true };
static const struct schema schema_profiles_given = { .type = SCHEMA_ARRAY,
                                                     .of = &schema_fields };
static const struct schema_field config_fields[] = {
    { "hearth_config", &schema_int, 0, "1: how to read it." },
    { "version", &schema_text, 0, "Of the Hearth that wrote it." },
    { "exported_at_ms", &schema_int, 0, "Unix time." },
    { "has_secrets", &schema_bool, 0, NULL },
    { "settings", &schema_values, 0, "Those that are stored." },
    { "profiles", &schema_profiles_given, 0,
      "Those that are stored, with aliases." },
    { "presets", &schema_texts_by_name, 0, "Text by name." },
    { "left_out", &schema_texts, 0,
      "Names of the secrets that there are, and of presets with a mistake." },
};
const struct schema schema_config = { "Configuration", SCHEMA_OBJECT,
                                      FIELDS(config_fields) };
static const struct schema_field config_input_fields[] = {
    { "hearth_config", &schema_int, 0, "1." },
    { "version", &schema_text, OPT, NULL },
    { "exported_at_ms", &schema_int, OPT, NULL },
    { "has_secrets", &schema_bool, OPT, NULL },
    { "settings", &schema_values, OPT, NULL },
    { "profiles", &schema_profiles_given, OPT, NULL },
    { "presets", &schema_texts_by_name, OPT, NULL },
    { "left_out", &schema_texts, OPT,
      "Of a profile that is here already these stay as they are." },
};
const struct schema schema_config_input = { .type = SCHEMA_OBJECT,
                                            FIELDS(config_input_fields) };
static const char *const change_kinds[] = { "setting", "profile", "preset",
                                            NULL };
static const char *const change_actions[] = { "create", "update", NULL };
static const struct schema schema_change_kind = { .type = SCHEMA_TEXT,
                                                  .choices = change_kinds };
static const struct schema schema_change_action = { .type = SCHEMA_TEXT,
                                                    .choices = change_actions };
static const struct schema_field config_change_fields[] = {
    { "kind", &schema_change_kind, 0, NULL },
    { "name", &schema_text, 0, NULL },
    { "action", &schema_change_action, 0, NULL },
};
static const struct schema schema_config_change = {
    .type = SCHEMA_OBJECT, FIELDS(config_change_fields)
};
static const struct schema schema_config_change_list = {
    .type = SCHEMA_ARRAY, .of = &schema_config_change
};
static const struct schema_field config_changes_fields[] = {
    { "dry_run", &schema_bool, 0, NULL },
    { "changes", &schema_config_change_list, 0, "What is the same is not." },
};
const struct schema schema_config_changes = { .type = SCHEMA_OBJECT,
                                              FIELDS(config_changes_fields) };
