/* The routes of the control plane. First match wins: fixed words stand
 * before the patterns that would take them for an id. */
#include "api/handlers.h"

#include "base/limits.h"
#include "core/fit/fit.h"

static const struct query_param wait_query[] = {
    { "wait", QUERY_BOOL, 0, 0, NULL,
      "Hold the answer until the change has ended." },
    { NULL },
};

static const struct query_param stop_query[] = {
    { "force", QUERY_BOOL, 0, 0, NULL, "Kill at once." },
    { "wait", QUERY_BOOL, 0, 0, NULL,
      "Hold the answer until the change has ended." },
    { NULL },
};

static const struct query_param duplicate_query[] = {
    { "new_name", QUERY_TEXT, 1, LIMIT_NAME_BYTES, NULL,
      "Name of the copy; or `new_name` in the body." },
    { NULL },
};

static const struct query_param servers_query[] = {
    { "running", QUERY_BOOL, 0, 0, NULL, "Only those with a process." },
    { NULL },
};

static const struct query_param follow_query[] = {
    { "lines", QUERY_INT, 0, LIMIT_LOG_RING_LINES, NULL,
      "How many of the newest lines come first (100)." },
    { "follow", QUERY_BOOL, 0, 0, NULL,
      "Go on with new lines (1), or end after those that are there." },
    { NULL },
};

static const char *const level_choices[] = { "debug", "info", "warn", "error",
                                             NULL };
/* clang-format off */
#define LOG_PARAMS                                                          \
    { "level", QUERY_CHOICE, 0, 0, level_choices, "At least this." },       \
    { "source", QUERY_TEXT, 0, LOG_SOURCE_BYTES - 1, NULL, "The module." }, \
    { "q", QUERY_TEXT, 0, 127, NULL, "A part of the message." },            \
    { "since", QUERY_INT, 0, INT64_MAX, NULL, "Unix time in ms." },         \
    { "until", QUERY_INT, 1, INT64_MAX, NULL, "Unix time in ms; before it." }
/* clang-format on */
static const struct query_param logs_query[] = {
    LOG_PARAMS,
    { "limit", QUERY_INT, 1, LOGS_PAGE_MAX, NULL, "Entries in a page (100)." },
    { "before_id", QUERY_INT, 1, INT64_MAX, NULL, "Older than this one." },
    { NULL },
};
static const struct query_param logs_export_query[] = { LOG_PARAMS, { NULL } };
static const struct query_param logs_follow_query[] = {
    LOG_PARAMS,
    { "lines", QUERY_INT, 0, 10000, NULL,
      "How many of the newest in memory come first (100)." },
    { "follow", QUERY_BOOL, 0, 0, NULL,
      "Go on with new ones (1), or end after those that are there." },
    { NULL },
};
static const struct query_param log_file_query[] = {
    LOG_PARAMS,
    { "limit", QUERY_INT, 1, LOGS_PAGE_MAX, NULL, "Lines (100)." },
    { NULL },
};
static const char *const outcome_choices[] = { "completed", "failed",
                                               "client_gone", "cancelled",
                                               NULL };
static const struct query_param activity_query[] = {
    { "limit", QUERY_INT, 1, ACTIVITY_QUERY_MAX, NULL,
      "Entries in a page (100)." },
    { "before_id", QUERY_INT, 1, INT64_MAX, NULL, "Older than this one." },
    { "model", QUERY_TEXT, 0, ACTIVITY_MODEL_BYTES - 1, NULL,
      "As clients named it." },
    { "caller", QUERY_TEXT, 0, ACTIVITY_CALLER_BYTES - 1, NULL,
      "A key's name, or dashboard, loopback, socket." },
    { "outcome", QUERY_CHOICE, 0, 0, outcome_choices, "How it ended." },
    { "q", QUERY_TEXT, 0, 127, NULL,
      "A part of model, path, client, caller or error." },
    { "since", QUERY_INT, 0, INT64_MAX, NULL, "Unix time in ms." },
    { "until", QUERY_INT, 1, INT64_MAX, NULL, "Unix time in ms; before it." },
    { NULL },
};
static const struct query_param lines_query[] = {
    { "lines", QUERY_INT, 1, LIMIT_LOG_RING_LINES, NULL,
      "How many of the newest (100)." },
    { NULL },
};

static const struct query_param events_query[] = {
    { "types", QUERY_TEXT, 0, 512, NULL,
      "Names separated by commas; default: all but instance.log." },
    { "metrics_interval_s", QUERY_INT, 1, 60, NULL,
      "Measure at least so often while this view is open (10)." },
    { NULL },
};

static const struct query_param metrics_query_params[] = {
    { "from", QUERY_INT, 0, INT64_MAX, NULL,
      "Unix time in ms (an hour before `to`)." },
    { "to", QUERY_INT, 1, INT64_MAX, NULL, "Unix time in ms (now)." },
    { "series", QUERY_TEXT, 0, 2047, NULL,
      "Names separated by commas, at most 16: those of `readings`, "
      "gpu.N.NAME, server.PROFILE_ID.NAME." },
    { "points", QUERY_INT, 1, METRIC_POINTS_MAX, NULL, "At most (600)." },
    { NULL },
};

static const struct query_param range_query[] = {
    { "from", QUERY_INT, 0, INT64_MAX, NULL,
      "Unix time in ms (an hour before `to`)." },
    { "to", QUERY_INT, 1, INT64_MAX, NULL, "Unix time in ms (now)." },
    { NULL },
};

static const char *const order_choices[] = { "asc", "desc", NULL };
static const struct query_param models_query[] = {
    { "q", QUERY_TEXT, 0, 255, NULL,
      "Words that name, title, path, architecture or tags contain." },
    { "kind", QUERY_CHOICE, 0, 0, model_kind_names, NULL },
    { "source", QUERY_CHOICE, 0, 0, model_source_names, NULL },
    { "category", QUERY_CHOICE, 0, 0, model_category_names, NULL },
    { "arch", QUERY_TEXT, 0, 128, NULL, "The architecture." },
    { "quant", QUERY_TEXT, 0, 64, NULL, "The quantization." },
    { "tag", QUERY_TEXT, 0, 128, NULL, NULL },
    { "favourite", QUERY_BOOL, 0, 0, NULL, NULL },
    { "fits", QUERY_BOOL, 0, 0, NULL,
      "Whether files and a context of 4096 tokens (F16, plain attention) are "
      "no more than all memory of the machine and its GPUs, in use or not: a "
      "glance; /fit looks." },
    { "sort", QUERY_CHOICE, 0, 0, library_sort_keys, "By which field (name)." },
    { "order", QUERY_CHOICE, 0, 0, order_choices, "asc" },
    { "limit", QUERY_INT, 1, 100000, NULL, "Models in a page (all)." },
    { "offset", QUERY_INT, 0, 1000000, NULL, "Models before it (0)." },
    { NULL },
};

static const struct query_param export_query[] = {
    { "secrets", QUERY_BOOL, 0, 0, NULL,
      "With tokens and variables, for an admin (0)." },
    { NULL },
};

static const struct query_param import_query[] = {
    { "dry_run", QUERY_BOOL, 0, 0, NULL, "Only say what would change." },
    { NULL },
};

static const struct query_param section_query[] = {
    { "create", QUERY_BOOL, 0, 0, NULL, "Only if it is not there yet." },
    { NULL },
};

static const struct query_param delete_model_query[] = {
    { "dry_run", QUERY_BOOL, 0, 0, NULL, "Only say what would be deleted." },
    { "location", QUERY_TEXT, 0, LIMIT_PATH_BYTES, NULL,
      "Which place, by path or id, or all; needed when there are several." },
    { NULL },
};

/* clang-format off */
#define FIT_PARAMS                                                        \
    { "ctx", QUERY_INT, FIT_CTX_MIN, FIT_CTX_MAX, NULL,                   \
      "Context of all slots together (as trained)." },                    \
    { "parallel", QUERY_INT, 1, FIT_SLOTS_MAX, NULL,                      \
      "Slots, each with its part of it (four that share it)." },          \
    { "cache_type_k", QUERY_CHOICE, 0, 0, fit_cache_types, "f16" },       \
    { "cache_type_v", QUERY_CHOICE, 0, 0, fit_cache_types, "f16" },       \
    { "gpu_layers", QUERY_INT, 0, FIT_LAYERS_MAX + 1, NULL,               \
      "Blocks, and the output, on GPUs (as many as fit)." },              \
    { "mmproj", QUERY_BOOL, 0, 0, NULL,                                   \
      "Count the projector, too (whether a profile names it as mmproj)." }, \
    { NULL }
/* clang-format on */
static const struct query_param fit_query[] = { FIT_PARAMS };

static const char *const fit_sources[] = { "huggingface", NULL };
static const struct query_param hub_fit_query[] = {
    { "source", QUERY_CHOICE, 0, 0, fit_sources, "huggingface." },
    { "model_id", QUERY_TEXT, 0, 255, NULL, "ORGANISATION/NAME." },
    { "variant", QUERY_TEXT, 0, 64, NULL,
      "A quantization; if not given, chosen as for a download." },
    { "file", QUERY_TEXT, 0, 1023, NULL,
      "A GGUF file instead; a part stands for all parts." },
    { "revision", QUERY_TEXT, 0, 255, NULL, "Branch, tag or commit (main)." },
    FIT_PARAMS,
};

static const char *const source_choices[] = { "huggingface", "civitai", NULL };
static const struct query_param search_query[] = {
    { "source", QUERY_CHOICE, 0, 0, source_choices, "huggingface." },
    { "q", QUERY_TEXT, 0, 255, NULL, "Words." },
    { "query", QUERY_TEXT, 0, 255, NULL, "The same." },
    { "author", QUERY_TEXT, 0, 127, NULL, "User or organisation." },
    { "library", QUERY_TEXT, 0, 127, NULL,
      "gguf, mlx, ...; Civitai: the base model." },
    { "kind", QUERY_TEXT, 0, 127, NULL, "Task; Civitai: the type." },
    { "sort", QUERY_TEXT, 0, 32, NULL, "downloads, likes, updated, trending." },
    { "cursor", QUERY_TEXT, 0, 4096, NULL, "Of the page before." },
    { "max_size_bytes", QUERY_INT, 0, INT64_MAX / 2, NULL,
      "Larger ones are left out." },
    { "max_size_gb", QUERY_INT, 0, 1000000, NULL, "The same in GiB." },
    { "gated", QUERY_BOOL, 0, 0, NULL, "Only those, or only the others." },
    { "limit", QUERY_INT, 1, 100, NULL, "Rows (20)." },
    { NULL },
};

static const struct query_param files_query[] = {
    { "source", QUERY_CHOICE, 0, 0, source_choices, "huggingface." },
    { "version_id", QUERY_TEXT, 0, 20, NULL, "Civitai: this version." },
    { "revision", QUERY_TEXT, 0, 255, NULL, "Branch, tag or commit (main)." },
    { NULL },
};

static const struct query_param history_query[] = {
    { "q", QUERY_TEXT, 0, 255, NULL, "A part of a name." },
    { "model_type", QUERY_TEXT, 0, 64, NULL, "lora, checkpoint, ..." },
    { NULL },
};

#define READ    AUTHORITY_READ
#define CONTROL AUTHORITY_CONTROL
#define EXECUTE AUTHORITY_EXECUTE
#define PUBLIC  AUTHORITY_NONE

const struct api_row api_rows[] = {
    /* profiles */
    { "GET", "/api/profiles", READ, profiles_list, "List the profiles", "200",
      NULL, &schema_profiles, NULL, 0 },
    { "POST", "/api/profiles", CONTROL, profiles_add, "Make a profile", "201",
      &schema_profile_new, &schema_profile, NULL, ROW_CORE_CHECKS },
    { "GET", "/api/profiles/next-port", READ, profiles_show_next_port,
      "A port that no profile has and that is free now", "200", NULL,
      &schema_port, NULL, 0 },
    { "GET", "/api/profiles/defaults", READ, profiles_show_defaults,
      "What holds where a profile says nothing", "200", NULL, &schema_profile,
      NULL, 0 },
    { "POST", "/api/profiles/preview", CONTROL, profiles_do_preview,
      "What a start of such a profile would run; nothing is stored or started",
      "200", &schema_profile_draft, &schema_profile_preview, NULL,
      ROW_CORE_CHECKS },
    { "GET", "/api/profiles/{id}", READ, profiles_show, "Show a profile", "200",
      NULL, &schema_profile, NULL, 0 },
    { "PUT", "/api/profiles/{id}", CONTROL, profiles_change,
      "Change some fields of a profile", "200", &schema_profile_patch,
      &schema_profile, NULL, ROW_CORE_CHECKS },
    { "DELETE", "/api/profiles/{id}", CONTROL, profiles_remove,
      "Delete a profile; a running one is stopped, its log removed", "202 204",
      NULL, &schema_change, wait_query, 0 },
    { "POST", "/api/profiles/{id}/duplicate", CONTROL, profiles_copy,
      "Copy a profile under a new name and port", "201", &schema_duplicate,
      &schema_profile, duplicate_query, ROW_BODY_OPTIONAL },
    /* servers */
    { "GET", "/api/servers", READ, servers_list, "List the servers", "200",
      NULL, &schema_servers, servers_query, 0 },
    { "POST", "/api/servers/{id}/start", CONTROL, servers_start,
      "Start a server", "200 202", NULL, &schema_change, wait_query, 0 },
    { "POST", "/api/servers/{id}/stop", CONTROL, servers_stop, "Stop a server",
      "200 202", NULL, &schema_change, stop_query, 0 },
    { "POST", "/api/servers/{id}/restart", CONTROL, servers_restart,
      "Stop a server, then start it", "200 202", NULL, &schema_change,
      wait_query, 0 },
    { "GET", "/api/servers/{id}/health", READ, servers_probe,
      "Ask a server whether it is ready", "200", NULL, &schema_server_health,
      NULL, 0 },
    { "GET", "/api/servers/{id}/status", READ, servers_show,
      "What a server is doing", "200", NULL, &schema_server, NULL, 0 },
    { "GET", "/api/servers/{id}/logs", READ, servers_follow_log,
      "Follow the output of a server", "200", NULL, NULL, follow_query,
      ROW_STREAM },
    /* the library */
    { "GET", "/api/models", READ, models_list,
      "List the library; X-Total-Count says how many fit in all", "200", NULL,
      &schema_models, models_query, 0 },
    { "GET", "/api/models/duplicates", READ, models_duplicates,
      "Models whose bytes lie in several places", "200", NULL,
      &schema_model_groups, NULL, 0 },
    { "GET", "/api/models/scan", READ, models_scan_show,
      "How far a scan of the model folders is", "200", NULL, &schema_scan, NULL,
      0 },
    { "POST", "/api/models/scan", CONTROL, models_scan,
      "Search the model folders anew; waits unless wait=0", "200 202", NULL,
      &schema_scan, wait_query, 0 },
    { "POST", "/api/models/bulk-move", CONTROL, models_bulk_move,
      "Move models to the archive or back", "200", &schema_bulk_move,
      &schema_bulk_moved, NULL, 0 },
    /* hubs and downloads */
    { "GET", "/api/models/search", READ, hub_do_search, "Search a hub", "200",
      NULL, &schema_hub_found, search_query, 0 },
    { "GET", "/api/hub/models/{id*}", READ, hub_do_files,
      "The files of a repository, in groups", "200", NULL, &schema_hub_files,
      files_query, 0 },
    { "GET", "/api/hub/fit", READ, hub_do_fit,
      "The fit of a model on a hub, from the headers of its files alone", "200",
      NULL, &schema_fit, hub_fit_query, 0 },
    { "GET", "/api/hub/civitai/versions/by-hash/{hash}", READ, hub_do_hash,
      "The version at Civitai that has a file of this digest", "200", NULL,
      &schema_hub_files, NULL, 0 },
    { "POST", "/api/hub/check-token", CONTROL, hub_do_check_token,
      "Ask a hub whose token this is; without one, the stored token's", "200",
      &schema_token, &schema_token_owner, NULL, 0 },
    { "GET", "/api/models/detect-options/{id*}", READ, hub_do_detect,
      "The options that suit an MLX model", "200", NULL, &schema_detected, NULL,
      0 },
    { "POST", "/api/models/download", CONTROL, downloads_create,
      "Download a model", "200 201", &schema_download_order, &schema_download,
      NULL, 0 },
    { "POST", "/api/download", CONTROL, downloads_create, "The same", "200 201",
      &schema_download_order, &schema_download, NULL, 0 },
    { "GET", "/api/models/downloads", READ, downloads_list,
      "All downloads, newest first", "200", NULL, &schema_downloads,
      history_query, 0 },
    { "GET", "/api/models/downloads/active", READ, downloads_list_active,
      "Those that have not ended", "200", NULL, &schema_downloads,
      history_query, 0 },
    { "GET", "/api/models/download/{task}", READ, downloads_show,
      "Show a download", "200", NULL, &schema_download, NULL, 0 },
    { "DELETE", "/api/models/download/{task}", CONTROL, downloads_do_cancel,
      "Cancel a download and remove what there is of it", "200", NULL,
      &schema_download, NULL, 0 },
    { "GET", "/api/models/download/{task}/progress", READ, downloads_follow,
      "Follow a download to its end", "200", NULL, NULL, NULL, ROW_STREAM },
    { "POST", "/api/models/download/{task}/pause", CONTROL, downloads_do_pause,
      "Pause a download", "200", NULL, &schema_download, NULL, 0 },
    { "POST", "/api/models/download/{task}/resume", CONTROL,
      downloads_do_resume, "Go on with a paused download", "200", NULL,
      &schema_download, NULL, 0 },
    { "POST", "/api/models/download/{task}/retry", CONTROL, downloads_do_retry,
      "Try a failed download again", "200", NULL, &schema_download, NULL, 0 },
    { "POST", "/api/models/download/{task}/cancel", CONTROL,
      downloads_do_cancel, "Cancel a download and remove what there is of it",
      "200", NULL, &schema_download, NULL, 0 },
    { "POST", "/api/models/download/{task}/priority", CONTROL,
      downloads_do_priority, "Change the place in the queue", "200",
      &schema_priority, &schema_download, NULL, 0 },
    { "POST", "/api/models/download/{task}/limit", CONTROL, downloads_do_limit,
      "Change how fast it may be, and when", "200", &schema_limit,
      &schema_download, NULL, 0 },
    { "GET", "/ws/download/{task}", READ, downloads_follow_socket,
      "Follow a download over a WebSocket", "101", NULL, NULL, NULL,
      ROW_WEBSOCKET },
    { "GET", "/ws/scan/{task}", READ, scan_follow_socket,
      "Follow a scan of the model folders over a WebSocket", "101", NULL, NULL,
      NULL, ROW_WEBSOCKET },
    { "GET", "/api/history", READ, history_list,
      "Downloads that have ended, newest first", "200", NULL, &schema_downloads,
      history_query, 0 },
    { "DELETE", "/api/history", CONTROL, history_clear, "Forget them all",
      "204", NULL, NULL, NULL, 0 },
    { "GET", "/api/history/search", READ, history_list,
      "The same as ?q=", "200", NULL, &schema_downloads, history_query, 0 },
    { "GET", "/api/history/{task}", READ, downloads_show, "Show one of them",
      "200", NULL, &schema_download, NULL, 0 },
    { "DELETE", "/api/history/{task}", CONTROL, history_remove,
      "Forget one; its files stay", "204", NULL, NULL, NULL, 0 },
    { "POST", "/api/history/{task}/download", CONTROL, history_again,
      "Download it again", "200 201", NULL, &schema_download, NULL, 0 },
    { "GET", "/api/models/{id}", READ, models_show, "Show a library model",
      "200", NULL, &schema_model, NULL, 0 },
    { "PUT", "/api/models/{id}", CONTROL, models_update,
      "Change what the user says of a model", "200", &schema_model_patch,
      &schema_model, NULL, 0 },
    { "DELETE", "/api/models/{id}", CONTROL, models_remove,
      "Delete a model's files", "200", NULL, &schema_model_files,
      delete_model_query, 0 },
    { "GET", "/api/models/{id}/preview", READ, models_show_preview,
      "The picture beside a model's file", "200 304", NULL, NULL, NULL,
      ROW_PICTURE | ROW_HEADERS },
    { "GET", "/api/models/{id}/fit", READ, models_fit,
      "How much memory a model takes, and whether this machine has it", "200",
      NULL, &schema_fit, fit_query, 0 },
    { "POST", "/api/models/{id}/move", CONTROL, models_move,
      "Move a model to the archive or back", "200", &schema_move, &schema_moved,
      NULL, 0 },
    { "POST", "/api/models/{id}/load", CONTROL, models_load,
      "Load a model: by the llama router, where that runs and has it",
      "200 202", NULL, &schema_change, wait_query, 0 },
    { "POST", "/api/models/{id}/unload", CONTROL, models_unload,
      "Unload a model from whatever has it loaded", "200 202", NULL,
      &schema_change, wait_query, 0 },
    { "GET", "/api/models/{id}/profile", READ, models_show_profile,
      "How a model is launched", "200", NULL, &schema_profile, NULL, 0 },
    { "PUT", "/api/models/{id}/profile", CONTROL, models_change_profile,
      "Change how a model is launched", "200", &schema_profile_patch,
      &schema_profile, NULL, ROW_CORE_CHECKS },
    { "DELETE", "/api/models/{id}/profile", CONTROL, models_remove_profile,
      "Launch a model as if nothing had been said", "202 204", NULL,
      &schema_change, wait_query, 0 },
    /* the llama router */
    { "GET", "/api/llama/status", READ, llama_show_status,
      "What llama.cpp's router is doing, and its models", "200", NULL,
      &schema_llama_status, NULL, 0 },
    { "POST", "/api/llama/start", CONTROL, llama_start,
      "Start it, or attach to it; what is sent is configured first", "200 202",
      &schema_llama_input, &schema_change, wait_query, ROW_BODY_OPTIONAL },
    { "POST", "/api/llama/stop", CONTROL, llama_stop,
      "Stop it; one that was attached goes on", "200 202", NULL, &schema_change,
      stop_query, 0 },
    { "POST", "/api/llama/restart", CONTROL, llama_restart,
      "Stop it, then start it", "200 202", NULL, &schema_change, wait_query,
      0 },
    { "POST", "/api/llama/rescan", CONTROL, llama_do_rescan,
      "Have it read its folder and preset anew", "200", NULL,
      &schema_llama_status, NULL, 0 },
    { "GET", "/api/llama/config", READ, llama_show_config,
      "What it is started with", "200", NULL, &schema_llama_config, NULL, 0 },
    { "PUT", "/api/llama/config", CONTROL, llama_change_config,
      "Change that; null goes back to the engine's own", "200",
      &schema_llama_input, &schema_llama_config, NULL, 0 },
    { "DELETE", "/api/llama/config", CONTROL, llama_reset_config,
      "Go back to the beginning", "200", NULL, &schema_llama_config, NULL, 0 },
    /* the system */
    { "GET", "/health", PUBLIC, system_health, "Is Hearth up?", "200", NULL,
      &schema_health, NULL, ROW_BARE },
    { "GET", "/metrics", READ, metrics_text,
      "Counts in the Prometheus text format", "200", NULL, NULL, NULL,
      ROW_PLAIN },
    { "GET", "/api/system/info", READ, system_info, "This machine", "200", NULL,
      &schema_info, NULL, 0 },
    { "GET", "/api/system/memory", READ, system_memory, "Memory in use", "200",
      NULL, &schema_memory, NULL, 0 },
    { "GET", "/api/system/metrics", READ, system_metrics,
      "What machine and engines use now", "200", NULL, &schema_metrics, NULL,
      0 },
    { "GET", "/api/system/metrics/history", READ, system_metrics_history,
      "What was measured in a range of time, averaged", "200", NULL,
      &schema_metrics_history, metrics_query_params, 0 },
    { "GET", "/api/system/metrics/servers", READ, system_metrics_servers,
      "The servers that were measured in a range of time, deleted ones too",
      "200", NULL, &schema_metrics_servers, range_query, 0 },
    { "GET", "/api/system/parser-options", READ, system_parsers,
      "Parsers that mlx-openai-server knows", "200", NULL, &schema_parsers,
      NULL, 0 },
    { "GET", "/api/system/engines", READ, system_engines,
      "Known engines and what is installed of them", "200", NULL,
      &schema_engines, NULL, 0 },
    { "GET", "/api/usage", READ, usage_list,
      "The latest relayed requests, newest first", "200", NULL, &schema_usage,
      NULL, 0 },
    { "GET", "/api/settings", READ, settings_show, "Every setting", "200", NULL,
      &schema_settings, NULL, 0 },
    { "PUT", "/api/settings", CONTROL, settings_change,
      "Change settings; null goes back to the default", "200",
      &schema_settings_patch, &schema_settings, NULL, ROW_CORE_CHECKS },
    /* presets */
    { "GET", "/api/presets", READ, presets_list, "List the presets", "200",
      NULL, &schema_presets, NULL, 0 },
    { "POST", "/api/presets", CONTROL, presets_create, "Make a preset", "201",
      &schema_preset_new, &schema_preset, NULL, 0 },
    { "POST", "/api/presets/check", CONTROL, presets_do_check,
      "What is wrong with the text of a preset", "200", &schema_preset_check,
      &schema_preset_checked, NULL, 0 },
    { "GET", "/api/presets/options", READ, presets_show_options,
      "What may stand in a section", "200", NULL, &schema_preset_options, NULL,
      0 },
    { "GET", "/api/presets/{name}", READ, presets_show, "Show a preset", "200",
      NULL, &schema_preset, NULL, 0 },
    { "PUT", "/api/presets/{name}", CONTROL, presets_put,
      "Replace a preset, or make it", "200", &schema_preset_input,
      &schema_preset, NULL, 0 },
    { "DELETE", "/api/presets/{name}", CONTROL, presets_remove,
      "Delete a preset", "204", NULL, NULL, NULL, 0 },
    { "GET", "/api/presets/{name}/file", READ, presets_show_file,
      "The file itself", "200", NULL, NULL, NULL, ROW_PLAIN },
    { "PUT", "/api/presets/{name}/sections/{section*}", CONTROL,
      presets_put_section, "Set options of a section, or make it", "200",
      &schema_preset_section, &schema_preset, section_query, 0 },
    { "DELETE", "/api/presets/{name}/sections/{section*}", CONTROL,
      presets_remove_section, "Remove a section", "200", NULL, &schema_preset,
      NULL, 0 },
    { "GET", "/api/config/export", READ, config_export,
      "What is stored: settings, profiles, presets", "200", NULL,
      &schema_config, export_query, 0 },
    { "POST", "/api/config/import", CONTROL, config_import,
      "Add and change what such a document has; all or nothing", "200",
      &schema_config_input, &schema_config_changes, import_query, ROW_LARGE },
    { "GET", "/api/activity", READ, activity_list,
      "Inference requests that have ended, newest first", "200", NULL,
      &schema_activity_page, activity_query, 0 },
    { "DELETE", "/api/activity", CONTROL, activity_forget,
      "Forget them, and what was captured", "204", NULL, NULL, NULL, 0 },
    { "GET", "/api/activity/active", READ, activity_list_active,
      "Inference requests that are under way, the oldest first", "200", NULL,
      &schema_active, NULL, 0 },
    { "GET", "/api/activity/{id}", READ, activity_show, "One that has ended",
      "200", NULL, &schema_activity, NULL, 0 },
    { "DELETE", "/api/activity/{id}", CONTROL, activity_do_cancel,
      "End one that is under way", "204", NULL, NULL, NULL, 0 },
    { "GET", "/api/activity/{id}/capture", CONTROL, activity_show_capture,
      "What was asked and answered, if that is captured", "200", NULL,
      &schema_capture, NULL, 0 },
    { "GET", "/api/logs", READ, logs_list, "Hearth's own log", "200", NULL,
      &schema_log_page, logs_query, 0 },
    { "DELETE", "/api/logs", CONTROL, logs_forget,
      "Forget the log in memory and database", "204", NULL, NULL, NULL, 0 },
    { "POST", "/api/logs", CONTROL, logs_write,
      "Write an entry of a client's own into the log", "204", &schema_log_input,
      NULL, NULL, 0 },
    { "GET", "/api/logs/follow", READ, logs_follow,
      "Follow Hearth's own log: the newest lines first", "200", NULL, NULL,
      logs_follow_query, ROW_STREAM },
    { "GET", "/api/logs/export", READ, logs_export,
      "The log as one document, newest first", "200", NULL, &schema_log_export,
      logs_export_query, ROW_BARE | ROW_DOWNLOAD },
    { "GET", "/api/logs/files", READ, log_files_list,
      "The files that the log is written to, newest first", "200", NULL,
      &schema_log_files, NULL, 0 },
    { "DELETE", "/api/logs/files", CONTROL, log_files_clear, "Remove them",
      "200", NULL, &schema_removed, NULL, 0 },
    { "GET", "/api/logs/files/{name}", READ, log_files_read,
      "The newest lines of one of them, newest first", "200", NULL,
      &schema_log_file, log_file_query, 0 },
    { "DELETE", "/api/logs/files/{name}", CONTROL, log_files_clear,
      "Remove one of them", "200", NULL, &schema_removed, NULL, 0 },
    { "GET", "/api/logs/llama-server", READ, logs_show_llama_server,
      "The newest output of the llama-server that runs, or ran last", "200",
      NULL, &schema_engine_log, lines_query, 0 },
    { "GET", "/api/events", READ, events_follow,
      "Follow what happens: a snapshot first, then changes", "200", NULL, NULL,
      events_query, ROW_STREAM },
    { "GET", "/api/openapi.json", READ, openapi_show, "This document", "200",
      NULL, &schema_any, NULL, ROW_BARE },
    /* keys and sessions */
    { "GET", "/api/keys", EXECUTE, keys_list, "List the keys", "200", NULL,
      &schema_keys, NULL, 0 },
    { "POST", "/api/keys", EXECUTE, keys_create, "Make a key", "201",
      &schema_key_input, &schema_new_key, NULL, ROW_BODY_OPTIONAL },
    { "DELETE", "/api/keys/{id}", EXECUTE, keys_revoke, "End a key", "204",
      NULL, NULL, NULL, 0 },
    { "GET", "/api/session", PUBLIC, session_show, "Who is asking", "200", NULL,
      &schema_session, NULL, ROW_HEADERS },
    { "POST", "/api/session", PUBLIC, session_open,
      "Trade a key or a one-time link for a browser session", "200",
      &schema_session_input, &schema_session, NULL, ROW_HEADERS },
    { "DELETE", "/api/session", PUBLIC, session_close,
      "End the browser session", "204", NULL, NULL, NULL, ROW_HEADERS },
    { "POST", "/api/session/link", EXECUTE, session_link,
      "Make a one-time link for a browser", "201", NULL, &schema_link, NULL,
      0 },
};

const size_t n_api_rows = sizeof api_rows / sizeof *api_rows;
