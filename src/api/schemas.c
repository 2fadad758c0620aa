/* The shapes of what the control plane takes and gives. */
#include "api/schema.h"
#include "records/instance.h"

#define FIELDS(table) \
    .fields = (table), .n_fields = sizeof(table) / sizeof *(table)

enum { OPT = FIELD_IS_OPTIONAL, NUL = FIELD_IS_NULLABLE };

const struct schema schema_text = { .type = SCHEMA_TEXT };
const struct schema schema_int = { .type = SCHEMA_INT };
const struct schema schema_real = { .type = SCHEMA_REAL };
const struct schema schema_bool = { .type = SCHEMA_BOOL };
const struct schema schema_any = { .type = SCHEMA_ANY };
const struct schema schema_texts = { .type = SCHEMA_ARRAY, .of = &schema_text };
const struct schema schema_empty = { .type = SCHEMA_OBJECT };

static const char *const state_names[] = {
#define X(name, wire) wire,
    INSTANCE_STATES(X)
#undef X
        NULL
};
static const struct schema schema_state = { .type = SCHEMA_TEXT,
                                            .choices = state_names };

static const char *const code_names[] = {
#define X(name, wire, status) wire,
    ERROR_CODES(X)
#undef X
        NULL
};
static const struct schema schema_code = { .type = SCHEMA_TEXT,
                                           .choices = code_names };

static const char *const stop_names[] = { "graceful", "forced", NULL };
static const struct schema schema_stop = { .type = SCHEMA_TEXT,
                                           .choices = stop_names };

/* ---- errors ---- */

static const struct schema_field detail_fields[] = {
    { "field", &schema_text, 0, NULL },
    { "message", &schema_text, 0, NULL },
};
static const struct schema schema_detail = { "FieldError", SCHEMA_OBJECT,
                                             FIELDS(detail_fields) };
static const struct schema schema_details = { .type = SCHEMA_ARRAY,
                                              .of = &schema_detail };

static const struct schema_field error_fields[] = {
    { "code", &schema_code, 0, NULL },
    { "message", &schema_text, 0, NULL },
    { "details", &schema_details, OPT, "Every bad field." },
    { "state", &schema_state, OPT, "Of the server that failed." },
    { "exit_code", &schema_int, OPT | NUL, NULL },
    { "exit_signal", &schema_int, OPT | NUL, NULL },
    { "advice", &schema_text, OPT, "What can be done about it." },
    { "field", &schema_text, OPT, "Of the profile, when it is at fault." },
    { "log_tail", &schema_texts, OPT, "The engine's last lines." },
};
static const struct schema schema_error_body = { .type = SCHEMA_OBJECT,
                                                 FIELDS(error_fields) };

static const struct schema_field envelope_fields[] = {
    { "success", &schema_bool, 0, "false" },
    { "error", &schema_error_body, 0, NULL },
};
const struct schema schema_error = { "Error", SCHEMA_OBJECT,
                                     FIELDS(envelope_fields) };

/* ---- profiles ---- */

static const struct schema_field profile_extra[] = {
    { "state", &schema_state, 0, "Of its server." },
    { "restart_required", &schema_bool, 0,
      "The running engine still has the profile from before an edit." },
};
const struct schema schema_profile = { "Profile", SCHEMA_OBJECT,
                                       FIELDS(profile_extra),
                                       .record = RECORD_PROFILE };
const struct schema schema_profiles = { .type = SCHEMA_ARRAY,
                                        .of = &schema_profile };
const struct schema schema_profile_new = { "NewProfile", SCHEMA_OBJECT,
                                           .record = RECORD_PROFILE_NEW,
                                           .is_open = true };
const struct schema schema_profile_patch = { "ProfilePatch", SCHEMA_OBJECT,
                                             .record = RECORD_PROFILE_INPUT,
                                             .is_open = true };

static const struct schema_field draft_fields[] = {
    { "id", &schema_text, OPT,
      "Of the profile that is edited: what is not given comes from it." },
};
const struct schema schema_profile_draft = { "ProfileDraft", SCHEMA_OBJECT,
                                             FIELDS(draft_fields),
                                             .record = RECORD_PROFILE_INPUT,
                                             .is_open = true };
static const struct schema schema_text_map = { .type = SCHEMA_MAP,
                                               .of = &schema_text };
static const struct schema_field preview_fields[] = {
    { "program", &schema_text, NUL,
      "The file that runs; null where there is none." },
    { "argv", &schema_texts, 0,
      "Without what cannot be used. ${port} stands for the free port that each "
      "start of a profile with port 0 takes, ${id} for an id that is not given "
      "yet, *** for a secret. Empty where nothing is started." },
    { "fields", &schema_texts, 0,
      "For each argument, the field that it comes from (options.ctx_size, "
      "model_path), or an empty text." },
    { "env", &schema_text_map, 0,
      "Variables that are added; *** for secrets and the profile's own." },
    { "problems", &schema_details, 0,
      "What would be refused, or would keep it from starting." },
};
const struct schema schema_profile_preview = { "ProfilePreview", SCHEMA_OBJECT,
                                               FIELDS(preview_fields) };

static const struct schema_field port_fields[] = {
    { "port", &schema_int, 0, NULL },
};
const struct schema schema_port = { .type = SCHEMA_OBJECT,
                                    FIELDS(port_fields) };

static const struct schema schema_name = { .type = SCHEMA_TEXT,
                                           .min = 1,
                                           .max = 128 };
static const struct schema_field duplicate_fields[] = {
    { "new_name", &schema_name, OPT, "Of the copy; or by ?new_name=." },
    { "name", &schema_name, OPT, "The same." },
};
const struct schema schema_duplicate = { .type = SCHEMA_OBJECT,
                                         FIELDS(duplicate_fields) };

/* ---- servers ---- */

static const struct schema_field cause_fields[] = {
    { "code", &schema_code, 0, NULL },
    { "message", &schema_text, 0, NULL },
    { "advice", &schema_text, 0, "What can be done about it, or empty." },
    { "field", &schema_text, OPT, "Of the profile, when it is at fault." },
    { "log_tail", &schema_texts, 0, "The engine's last lines." },
};
static const struct schema schema_cause = { "Cause", SCHEMA_OBJECT,
                                            FIELDS(cause_fields) };

static const struct schema_field queue_fields[] = {
    { "active", &schema_int, 0, "Requests that the engine has now." },
    { "waiting", &schema_int, 0, NULL },
};
static const struct schema schema_queue = { .type = SCHEMA_OBJECT,
                                            FIELDS(queue_fields) };

static const char *const health_names[] = { "healthy", "unhealthy", "starting",
                                            "stopped", NULL };
static const struct schema schema_health_word = { .type = SCHEMA_TEXT,
                                                  .choices = health_names };

static const struct schema_field server_fields[] = {
    { "profile_id", &schema_text, 0, NULL },
    { "profile_name", &schema_text, 0, NULL },
    { "source", &schema_text, 0, "Where the profile is declared." },
    { "engine", &schema_text, 0, NULL },
    { "model_path", &schema_text, 0, NULL },
    { "state", &schema_state, 0, NULL },
    { "reason", &schema_text, 0, "Of the last change of state." },
    { "state_since_ms", &schema_int, NUL, "Unix time." },
    { "running", &schema_bool, 0, "A process is there." },
    { "failed", &schema_bool, 0, NULL },
    { "health", &schema_health_word, 0, NULL },
    { "pid", &schema_int, NUL, NULL },
    { "host", &schema_text, NUL, NULL },
    { "port", &schema_int, NUL, NULL },
    { "started_at_ms", &schema_int, NUL, "Unix time." },
    { "ready_at_ms", &schema_int, NUL, "Unix time." },
    { "uptime_s", &schema_int, NUL, NULL },
    { "rss_bytes", &schema_int, NUL, "Of the process group." },
    { "cpu_percent", &schema_real, NUL, "Of one core." },
    { "slots", &schema_int, NUL, "Requests it takes at once." },
    { "queue", &schema_queue, 0, NULL },
    { "exit_code", &schema_int, NUL, "Of the last process." },
    { "exit_signal", &schema_int, NUL, "Of the last process." },
    { "stop", &schema_stop, NUL, "How the last stop went." },
    { "error", &schema_cause, NUL, "Why it failed." },
    { "n_restarts", &schema_int, 0, NULL },
    { "backoff_until_ms", &schema_int, NUL, "Unix time of the next try." },
    { "restart_required", &schema_bool, 0, NULL },
};
const struct schema schema_server = { "Server", SCHEMA_OBJECT,
                                      FIELDS(server_fields) };
const struct schema schema_servers = { .type = SCHEMA_ARRAY,
                                       .of = &schema_server };

static const struct schema_field change_fields[] = {
    { "profile_id", &schema_text, 0, NULL },
    { "state", &schema_state, 0, NULL },
    { "pid", &schema_int, OPT, NULL },
    { "port", &schema_int, OPT, NULL },
    { "stop", &schema_stop, OPT, NULL },
    { "exit_code", &schema_int, OPT, NULL },
    { "exit_signal", &schema_int, OPT, NULL },
    { "model", &schema_text, OPT, "Of a server for many." },
};
const struct schema schema_change = { "ServerChange", SCHEMA_OBJECT,
                                      FIELDS(change_fields) };

static const struct schema_field server_health_fields[] = {
    { "status", &schema_health_word, 0, NULL },
    { "state", &schema_state, 0, NULL },
    { "response_time_ms", &schema_int, NUL,
      "Of a probe that was made for this answer." },
    { "model_loaded", &schema_bool, 0, NULL },
    { "error", &schema_text, NUL, NULL },
};
const struct schema schema_server_health = { .type = SCHEMA_OBJECT,
                                             FIELDS(server_health_fields) };

/* ---- the system ---- */

static const struct schema_field health_fields[] = {
    { "status", &schema_text, 0, "ok" },
    { "version", &schema_text, 0, NULL },
    { "uptime_s", &schema_int, 0, NULL },
};
const struct schema schema_health = { "Health", SCHEMA_OBJECT,
                                      FIELDS(health_fields) };

static const struct schema_field info_fields[] = {
    { "version", &schema_text, 0, NULL },
    { "hostname", &schema_text, NUL, NULL },
    { "os_version", &schema_text, NUL, NULL },
    { "chip", &schema_text, NUL, "The processor's name." },
    { "processors", &schema_int, 0, "That the program may run on." },
    { "memory_bytes", &schema_int, NUL, NULL },
    { "memory_gb", &schema_real, NUL, "GiB." },
    { "pid", &schema_int, 0, "Of Hearth." },
    { "data_dir", &schema_text, 0, NULL },
    { "started_at_ms", &schema_int, 0, "Unix time." },
    { "uptime_s", &schema_int, 0, NULL },
};
const struct schema schema_info = { "SystemInfo", SCHEMA_OBJECT,
                                    FIELDS(info_fields) };

static const struct schema_field memory_fields[] = {
    { "total_bytes", &schema_int, NUL, NULL },
    { "available_bytes", &schema_int, NUL, NULL },
    { "used_bytes", &schema_int, NUL, NULL },
    { "total_gb", &schema_real, NUL, "GiB." },
    { "available_gb", &schema_real, NUL, "GiB." },
    { "used_gb", &schema_real, NUL, "GiB." },
    { "percent_used", &schema_real, NUL, NULL },
    { "error", &schema_text, NUL, "Why a reading could not be had." },
};
const struct schema schema_memory = { "Memory", SCHEMA_OBJECT,
                                      FIELDS(memory_fields) };

static const struct schema_field metrics_fields[] = {
    { "at_ms", &schema_int, 0, "Unix time." },
    { "uptime_s", &schema_int, 0, NULL },
    { "load_1m", &schema_real, NUL, "Of the whole machine." },
    { "memory", &schema_memory, 0, NULL },
    { "hearth_rss_bytes", &schema_int, NUL, NULL },
    { "engines_rss_bytes", &schema_int, 0, NULL },
    { "engines_cpu_percent", &schema_real, 0, "Of one core." },
    { "servers_running", &schema_int, 0, NULL },
    { "servers_ready", &schema_int, 0, NULL },
    { "requests_active", &schema_int, 0, NULL },
    { "requests_waiting", &schema_int, 0, NULL },
    { "sample", &schema_sample, NUL, "What the collector measured last." },
};
const struct schema schema_metrics = { "Metrics", SCHEMA_OBJECT,
                                       FIELDS(metrics_fields) };

static const struct schema_field parsers_fields[] = {
    { "tool_call_parsers", &schema_texts, 0, NULL },
    { "reasoning_parsers", &schema_texts, 0, NULL },
    { "message_converters", &schema_texts, 0, NULL },
};
const struct schema schema_parsers = { .type = SCHEMA_OBJECT,
                                       FIELDS(parsers_fields) };

static const struct schema schema_manifest = { .type = SCHEMA_OBJECT,
                                               .is_open = true };
static const struct schema_field binary_fields[] = {
    { "path", &schema_text, 0, NULL },
    { "version", &schema_text, NUL, NULL },
    { "lacks", &schema_texts, NUL,
      "Keys of the manifest's options whose flag it does not have, as it says "
      "itself; null when it does not say." },
};
static const struct schema schema_binary = { .type = SCHEMA_OBJECT,
                                             FIELDS(binary_fields) };
static const struct schema_field engine_fields[] = {
    { "name", &schema_text, 0, NULL },
    { "manifest", &schema_manifest, 0, "What Hearth knows of it." },
    { "binary", &schema_binary, NUL, "What is installed." },
    { "error", &schema_text, NUL, "Why no binary is known." },
};
static const struct schema schema_engine = { "Engine", SCHEMA_OBJECT,
                                             FIELDS(engine_fields) };
const struct schema schema_engines = { .type = SCHEMA_ARRAY,
                                       .of = &schema_engine };

static const struct schema schema_setting = { .type = SCHEMA_OBJECT,
                                              .is_open = true };
const struct schema schema_settings = { "Settings", SCHEMA_MAP,
                                        .of = &schema_setting };
const struct schema schema_settings_patch = { "SettingsPatch", SCHEMA_MAP,
                                              .of = &schema_any };

/* ---- keys and sessions ---- */

static const char *const scope_names[] = { "admin", "inference", "read", NULL };
static const struct schema schema_scope = { .type = SCHEMA_TEXT,
                                            .choices = scope_names };

#define KEY_FIELDS                                                      \
    { "id", &schema_text, 0, NULL }, { "name", &schema_text, 0, NULL }, \
        { "scope", &schema_scope, 0, NULL },                            \
        { "created_at_ms", &schema_int, 0, "Unix time." },              \
    {                                                                   \
        "revoked_at_ms", &schema_int, NUL, "Unix time."                 \
    }

static const struct schema_field key_fields[] = { KEY_FIELDS };
const struct schema schema_key = { "Key", SCHEMA_OBJECT, FIELDS(key_fields) };
const struct schema schema_keys = { .type = SCHEMA_ARRAY, .of = &schema_key };
static const struct schema_field new_key_fields[] = {
    KEY_FIELDS,
    { "secret", &schema_text, 0, "Shown this once." },
};
const struct schema schema_new_key = { .type = SCHEMA_OBJECT,
                                       FIELDS(new_key_fields) };
static const struct schema_field key_input_fields[] = {
    { "name", &schema_name, OPT, NULL },
    { "scope", &schema_scope, OPT, "admin when absent." },
};
const struct schema schema_key_input = { .type = SCHEMA_OBJECT,
                                         FIELDS(key_input_fields) };

static const char *const who_names[] = { "nobody",  "unix",     "key",
                                         "session", "loopback", NULL };
static const struct schema schema_who = { .type = SCHEMA_TEXT,
                                          .choices = who_names };
static const struct schema_field session_fields[] = {
    { "who", &schema_who, 0, NULL },
    { "scope", &schema_scope, NUL, "Of the key." },
    { "may_execute", &schema_bool, 0, "May decide what is executed or read." },
};
const struct schema schema_session = { .type = SCHEMA_OBJECT,
                                       FIELDS(session_fields) };
static const struct schema schema_secret = { .type = SCHEMA_TEXT,
                                             .min = 1,
                                             .max = 256 };
static const struct schema_field session_input_fields[] = {
    { "key", &schema_secret, OPT, "An admin key." },
    { "link", &schema_secret, OPT, "The secret of a one-time link." },
};
const struct schema schema_session_input = { .type = SCHEMA_OBJECT,
                                             FIELDS(session_input_fields) };
static const struct schema_field link_fields[] = {
    { "url", &schema_text, 0, "Good once, for ten minutes." },
};
const struct schema schema_link = { .type = SCHEMA_OBJECT,
                                    FIELDS(link_fields) };

/* ---- the library ---- */

static const struct schema schema_source = { .type = SCHEMA_TEXT,
                                             .choices = model_source_names };
static const struct schema schema_category = { .type = SCHEMA_TEXT,
                                               .choices =
                                                   model_category_names };
static const struct schema_field location_fields[] = {
    { "id", &schema_text, 0, "Of the place; stands for the model, too." },
    { "name", &schema_text, 0, "By which the model is found, too." },
    { "path", &schema_text, 0, NULL },
    { "source", &schema_source, 0, NULL },
    { "category", &schema_category, 0, NULL },
    { "modified_at_ms", &schema_int, 0, "Unix time." },
    { "other_paths", &schema_texts, 0, "Further names of the same file." },
};
static const struct schema schema_location = { .type = SCHEMA_OBJECT,
                                               FIELDS(location_fields) };
static const struct schema schema_locations = { .type = SCHEMA_ARRAY,
                                                .of = &schema_location };
static const struct schema_field model_more[] = {
    { "n_locations", &schema_int, 0, "How many places hold its bytes." },
    { "locations", &schema_locations, OPT, "The place that is served first." },
    { "state", &schema_state, 0, "Of its own server." },
};
const struct schema schema_model = { "Model", SCHEMA_OBJECT, FIELDS(model_more),
                                     .record = RECORD_MODEL };
const struct schema schema_models = { .type = SCHEMA_ARRAY,
                                      .of = &schema_model };
static const char *const scan_states[] = { "queued", "running", "completed",
                                           NULL };
static const struct schema schema_scan_state = { .type = SCHEMA_TEXT,
                                                 .choices = scan_states };
static const struct schema_field scan_fields[] = {
    { "task_id", &schema_text, 0, "For /ws/scan/{task}." },
    { "status", &schema_scan_state, 0,
      "queued: the numbers are those of the scan before it." },
    { "is_running", &schema_bool, 0, NULL },
    { "n_models", &schema_int, 0, NULL },
    { "n_read", &schema_int, 0, "Heads that were read." },
    { "n_to_read", &schema_int, 0, NULL },
    { "n_errors", &schema_int, 0, "Models that could not be read." },
    { "finished_at_ms", &schema_int, 0, "Unix time; 0: never." },
};
const struct schema schema_scan = { .type = SCHEMA_OBJECT,
                                    FIELDS(scan_fields) };

static const struct schema schema_tag = { .type = SCHEMA_TEXT,
                                          .min = 1,
                                          .max = 128 };
static const struct schema schema_tags = { .type = SCHEMA_ARRAY,
                                           .of = &schema_tag };
static const struct schema schema_url = { .type = SCHEMA_TEXT,
                                          .min = 0,
                                          .max = 2048 };
static const struct schema_field model_patch_fields[] = {
    { "is_favourite", &schema_bool, OPT, NULL },
    { "tags", &schema_tags, OPT, NULL },
    { "civitai_url", &schema_url, OPT, "Its page; empty: none." },
};
const struct schema schema_model_patch = { .type = SCHEMA_OBJECT,
                                           FIELDS(model_patch_fields) };
static const struct schema_field model_files_fields[] = {
    { "is_deleted", &schema_bool, 0, "False for a dry run." },
    { "files", &schema_texts, 0, NULL },
    { "size_bytes", &schema_int, 0, "What becomes free." },
};
const struct schema schema_model_files = { .type = SCHEMA_OBJECT,
                                           FIELDS(model_files_fields) };
static const struct schema_field move_fields[] = {
    { "category", &schema_category, 0, "Where to." },
    { "location", &schema_text, OPT,
      "Which place, by path or id; needed when there are several." },
};
const struct schema schema_move = { .type = SCHEMA_OBJECT,
                                    FIELDS(move_fields) };
static const struct schema_field moved_fields[] = {
    { "moved_count", &schema_int, 0, NULL },
    { "old_path", &schema_text, 0, NULL },
    { "new_path", &schema_text, 0, NULL },
    { "moved_names", &schema_texts, 0,
      "Hard links to the file in its folder, which went along." },
    { "relinked_names", &schema_texts, 0,
      "Links to it, which lead to the new path now." },
    { "left_names", &schema_texts, 0,
      "Further names that are as they were: the file is still there, too." },
    { "message", &schema_text, 0, NULL },
};
const struct schema schema_moved = { .type = SCHEMA_OBJECT,
                                     FIELDS(moved_fields) };
static const struct schema_field bulk_move_fields[] = {
    { "model_ids", &schema_texts, 0, "At most 1,000." },
    { "category", &schema_category, 0, "Where to." },
};
const struct schema schema_bulk_move = { .type = SCHEMA_OBJECT,
                                         FIELDS(bulk_move_fields) };
static const struct schema_field move_detail_fields[] = {
    { "id", &schema_text, 0, NULL },
    { "status", &schema_text, 0, "moved or failed" },
    { "new_path", &schema_text, OPT, NULL },
    { "left_names", &schema_texts, OPT, "Further names that stay." },
    { "error", &schema_text, OPT, NULL },
};
static const struct schema schema_move_detail = { .type = SCHEMA_OBJECT,
                                                  FIELDS(move_detail_fields) };
static const struct schema schema_move_details = { .type = SCHEMA_ARRAY,
                                                   .of = &schema_move_detail };
static const struct schema_field bulk_moved_fields[] = {
    { "moved_count", &schema_int, 0, NULL },
    { "failed_count", &schema_int, 0, NULL },
    { "details", &schema_move_details, 0, NULL },
    { "message", &schema_text, 0, NULL },
};
const struct schema schema_bulk_moved = { .type = SCHEMA_OBJECT,
                                          FIELDS(bulk_moved_fields) };
static const struct schema_field model_group_fields[] = {
    { "id", &schema_text, 0, "Of the model." },
    { "name", &schema_text, 0, NULL },
    { "sha256", &schema_text, 0, NULL },
    { "size_bytes", &schema_int, 0, "Of each." },
    { "locations", &schema_locations, 0, "Two or more." },
};
static const struct schema schema_model_group = { .type = SCHEMA_OBJECT,
                                                  FIELDS(model_group_fields) };
const struct schema schema_model_groups = { .type = SCHEMA_ARRAY,
                                            .of = &schema_model_group };
/* ---- inference ---- */

static const struct schema_field inference_request_fields[] = {
    { "model", &schema_text, OPT,
      "Profile, alias or library model; or by ?model=." },
};
const struct schema schema_inference_request = {
    "InferenceRequest", SCHEMA_OBJECT, FIELDS(inference_request_fields),
    .is_open = true
};

static const char *const loaded_names[] = { "unloaded", "loading", "loaded",
                                            NULL };
static const struct schema schema_loaded = { .type = SCHEMA_TEXT,
                                             .choices = loaded_names };
static const struct schema_field model_status_fields[] = {
    { "value", &schema_loaded, 0, NULL },
    { "failed", &schema_bool, OPT, NULL },
    { "exit_code", &schema_int, OPT | NUL, NULL },
};
static const struct schema schema_model_status = {
    .type = SCHEMA_OBJECT, FIELDS(model_status_fields)
};
static const struct schema_field inference_model_fields[] = {
    { "id", &schema_text, 0, "What to send as `model`." },
    { "object", &schema_text, 0, "model" },
    { "type", &schema_text, 0, "model" },
    { "created", &schema_int, 0, "Unix time in seconds." },
    { "created_at", &schema_text, 0, "RFC 3339." },
    { "owned_by", &schema_text, 0, NULL },
    { "display_name", &schema_text, 0, NULL },
    { "aliases", &schema_texts, 0, NULL },
    { "tags", &schema_texts, 0, NULL },
    { "status", &schema_model_status, 0, NULL },
};
const struct schema schema_inference_model = { "InferenceModel", SCHEMA_OBJECT,
                                               FIELDS(inference_model_fields) };
static const struct schema schema_inference_model_array = {
    .type = SCHEMA_ARRAY, .of = &schema_inference_model
};
static const struct schema_field inference_models_fields[] = {
    { "object", &schema_text, 0, "list" },
    { "data", &schema_inference_model_array, 0, NULL },
    { "has_more", &schema_bool, 0, NULL },
    { "first_id", &schema_text, NUL, NULL },
    { "last_id", &schema_text, NUL, NULL },
};
const struct schema schema_inference_models = {
    "InferenceModels", SCHEMA_OBJECT, FIELDS(inference_models_fields)
};
static const struct schema_field inference_change_fields[] = {
    { "success", &schema_bool, 0, "true: the change goes on." },
};
const struct schema schema_inference_change = {
    .type = SCHEMA_OBJECT, FIELDS(inference_change_fields)
};

/* The engines of llama.cpp put a number under `code` and may add members. */
static const struct schema_field openai_error_fields[] = {
    { "message", &schema_text, 0, NULL },
    { "type", &schema_text, 0, NULL },
    { "param", &schema_text, OPT | NUL, NULL },
    { "code", &schema_any, OPT, "A word, or the status." },
};
static const struct schema schema_openai_error_body = {
    .type = SCHEMA_OBJECT, FIELDS(openai_error_fields), .is_open = true
};
static const struct schema_field openai_envelope_fields[] = {
    { "error", &schema_openai_error_body, 0, NULL },
};
const struct schema schema_openai_error = { "InferenceError", SCHEMA_OBJECT,
                                            FIELDS(openai_envelope_fields),
                                            .is_open = true };
static const struct schema_field anthropic_error_fields[] = {
    { "type", &schema_text, 0, NULL },
    { "message", &schema_text, 0, NULL },
};
static const struct schema schema_anthropic_error_body = {
    .type = SCHEMA_OBJECT, FIELDS(anthropic_error_fields), .is_open = true
};
static const struct schema_field anthropic_envelope_fields[] = {
    { "type", &schema_text, OPT, "error; some engines leave it out." },
    { "error", &schema_anthropic_error_body, 0, NULL },
};
const struct schema schema_anthropic_error = {
    "AnthropicError", SCHEMA_OBJECT, FIELDS(anthropic_envelope_fields),
    .is_open = true
};

static const struct schema schema_open = { .type = SCHEMA_OBJECT,
                                           .is_open = true };
const struct schema schema_usage = { .type = SCHEMA_ARRAY, .of = &schema_open };

const struct schema *const named_schemas[] = {
    &schema_error,           &schema_detail,
    &schema_profile,         &schema_cause,
    &schema_profile_new,     &schema_profile_patch,
    &schema_profile_draft,   &schema_profile_preview,
    &schema_server,          &schema_change,
    &schema_health,          &schema_info,
    &schema_memory,          &schema_metrics,
    &schema_sample,          &schema_metrics_history,
    &schema_engine,          &schema_settings,
    &schema_settings_patch,  &schema_log,
    &schema_log_export,      &schema_stored_log_file,
    &schema_log_line,        &schema_key,
    &schema_model,           &schema_inference_request,
    &schema_inference_model, &schema_inference_models,
    &schema_openai_error,    &schema_anthropic_error,
    &schema_download_order,  &schema_download,
    &schema_hub_found,       &schema_hub_files,
    &schema_detected,        &schema_fit,
    &schema_preset,          &schema_preset_new,
    &schema_config,          &schema_llama_config,
    &schema_llama_input,     &schema_llama_status,
    &schema_activity,        &schema_active_request,
    &schema_capture,         &schema_captured_body,
};
const size_t n_named_schemas = sizeof named_schemas / sizeof *named_schemas;
