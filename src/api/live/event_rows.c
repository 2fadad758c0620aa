/* The events that are requests. Each is served by the row of its route, so
 * that its checks, its authority and its errors are those of REST. */
#include "api/live/live_internal.h"

#define MODEL_ID  "modelId|model_id|id|modelName|name"
#define SERVER_ID "serverId|profileId|profile_id|id|name|modelName"
#define TASK_ID   "taskId|task_id|id"
#define PRESET_ID "filename|name|presetName"
#define SECTION   "modelName|model|section"

/* clang-format off */
const struct event_row event_rows[] = {
    /* the library */
    { "models:list", "GET", "/api/models", .wrap = "models" },
    { "models:get", "GET", "/api/models/{id}", MODEL_ID, .wrap = "model" },
    /* what the user says of a model, or how it is launched */
    { "models:update", "PUT", "/api/models/{id}", MODEL_ID,
      body_updates, .wrap = "model", .suits = suits_record },
    { "models:update", "PUT", "/api/models/{id}/profile", MODEL_ID,
      body_updates, .shape = shape_launched },
    { "models:create", "PUT", "/api/models/{id}/profile", MODEL_ID,
      body_model, .shape = shape_launched, .within = "model" },
    { "models:delete", "DELETE", "/api/models/{id}/profile", MODEL_ID,
      .query = "wait=1", .shape = shape_deleted },
    { "models:delete-files", "DELETE", "/api/models/{id}", MODEL_ID,
      .shape = shape_deleted },
    { "models:toggle-favorite", "PUT", "/api/models/{id}", MODEL_ID,
      body_favourite, .wrap = "model" },
    { "models:move", "POST", "/api/models/{id}/move", MODEL_ID,
      body_move },
    { "models:fit", "GET", "/api/models/{id}/fit", MODEL_ID, .wrap = "fit" },
    { "models:duplicates", "GET", "/api/models/duplicates",
      .wrap = "groups" },
    { "models:scan", "POST", "/api/models/scan", .shape = shape_scanned },
    { "models:search", "GET", "/api/models/search" },
    { "models:files", "GET", "/api/hub/models/{id*}", MODEL_ID },
    { "models:load", "POST", "/api/models/{id}/load",
      "modelName|modelId|model_id|id|name", .query = "wait=1",
      .shape = shape_loaded },
    { "models:unload", "POST", "/api/models/{id}/unload",
      "modelName|modelId|model_id|id|name", .query = "wait=1",
      .shape = shape_unloaded },
    { "models:cleanup", "POST", "/api/models/scan", .shape = shape_cleaned },
    /* downloads */
    { "downloads:list", "GET", "/api/models/downloads", .wrap = "downloads" },
    { "downloads:active", "GET", "/api/models/downloads/active",
      .wrap = "downloads" },
    { "downloads:get", "GET", "/api/models/download/{task}", TASK_ID,
      .wrap = "download" },
    { "downloads:create", "POST", "/api/models/download", NULL, body_all,
      .wrap = "download" },
    { "downloads:pause", "POST", "/api/models/download/{task}/pause", TASK_ID,
      .wrap = "download" },
    { "downloads:resume", "POST", "/api/models/download/{task}/resume",
      TASK_ID, .wrap = "download" },
    { "downloads:retry", "POST", "/api/models/download/{task}/retry", TASK_ID,
      .wrap = "download" },
    { "downloads:cancel", "POST", "/api/models/download/{task}/cancel",
      TASK_ID, .wrap = "download" },
    /* profiles and servers */
    { "profiles:list", "GET", "/api/profiles", .wrap = "profiles" },
    { "profiles:get", "GET", "/api/profiles/{id}", SERVER_ID,
      .wrap = "profile" },
    { "profiles:create", "POST", "/api/profiles", NULL, body_profile,
      .wrap = "profile" },
    { "profiles:update", "PUT", "/api/profiles/{id}", SERVER_ID, body_updates,
      .wrap = "profile" },
    { "profiles:delete", "DELETE", "/api/profiles/{id}", SERVER_ID,
      .shape = shape_deleted },
    { "servers:list", "GET", "/api/servers", .wrap = "servers" },
    { "servers:get", "GET", "/api/servers/{id}/status", SERVER_ID,
      .wrap = "server" },
    { "servers:start", "POST", "/api/servers/{id}/start", SERVER_ID },
    { "servers:stop", "POST", "/api/servers/{id}/stop", SERVER_ID },
    { "servers:restart", "POST", "/api/servers/{id}/restart", SERVER_ID },
    { "servers:health", "GET", "/api/servers/{id}/health", SERVER_ID },
    /* the program */
    { "settings:get", "GET", "/api/settings", .wrap = "settings" },
    { "settings:update", "PUT", "/api/settings", NULL, body_settings,
      .wrap = "settings" },
    { "config:get", "GET", "/api/settings", .wrap = "config" },
    { "config:update", "PUT", "/api/settings", NULL, body_settings,
      .wrap = "config" },
    { "logs:get", "GET", "/api/logs", .shape = shape_logs },
    { "logs:clear", "DELETE", "/api/logs", .shape = shape_cleared },
    { "metrics:get", "GET", "/api/system/metrics", .shape = shape_metrics },
    { "metrics:history", "GET", "/api/system/metrics/history",
      .write_query = query_history, .shape = shape_history },
    { "metrics:subscribe", .local = local_subscribe },
    { "metrics:update-interval", .local = local_subscribe },
    { "metrics:unsubscribe", .local = local_unsubscribe },
    { "system:info", "GET", "/api/system/info" },
    { "system:memory", "GET", "/api/system/memory" },
    { "system:health", "GET", "/health" },
    { "system:engines", "GET", "/api/system/engines", .wrap = "engines" },
    { "usage:list", "GET", "/api/usage", .wrap = "requests" },
    /* the llama router */
    { "llama:status", "GET", "/api/llama/status", .shape = shape_llama },
    { "llama:start", "POST", "/api/llama/start",
      .write_body = body_router_config, .query = "wait=1",
      .shape = shape_llama_started },
    { "llama:start-with-preset", "POST", "/api/llama/start",
      .write_body = body_with_preset, .query = "wait=1",
      .shape = shape_llama_started },
    { "llama:restart", "POST", "/api/llama/restart", .query = "wait=1",
      .shape = shape_llama_started },
    { "llama:stop", "POST", "/api/llama/stop", .query = "wait=1",
      .shape = shape_llama_stopped },
    { "llama:rescan", "POST", "/api/llama/rescan", .shape = shape_llama },
    { "llama:config", "PUT", "/api/llama/config",
      .write_body = body_router_config, .shape = shape_llama_settings },
    { "routerConfig:get", "GET", "/api/llama/config",
      .shape = shape_router_config },
    { "routerConfig:update", "PUT", "/api/llama/config",
      .write_body = body_router_config, .shape = shape_router_config },
    { "routerConfig:reset", "DELETE", "/api/llama/config",
      .shape = shape_router_config },
    { "presets:get-models-dir", "GET", "/api/llama/config",
      .shape = shape_models_dir },
    /* presets */
    { "presets:list", "GET", "/api/presets", .shape = shape_presets },
    { "presets:read", "GET", "/api/presets/{name}", PRESET_ID,
      .shape = shape_preset },
    { "presets:get-models", "GET", "/api/presets/{name}", PRESET_ID,
      .shape = shape_preset_models },
    { "presets:save-raw", "PUT", "/api/presets/{name}", PRESET_ID,
      .write_body = body_preset_text, .shape = shape_preset },
    { "presets:save", "PUT", "/api/presets/{name}", PRESET_ID,
      .write_body = body_sections, .shape = shape_preset },
    { "presets:create", "POST", "/api/presets",
      .write_body = body_new_preset, .shape = shape_preset },
    { "presets:delete", "DELETE", "/api/presets/{name}", PRESET_ID,
      .shape = shape_preset_deleted },
    { "presets:validate", "POST", "/api/presets/check",
      .write_body = body_preset_text, .shape = shape_preset_checked },
    { "presets:add-model", "PUT", "/api/presets/{name}/sections/{section*}",
      PRESET_ID, .part = SECTION, .write_body = body_section,
      .query = "create=1", .shape = shape_preset },
    { "presets:update-model", "PUT",
      "/api/presets/{name}/sections/{section*}", PRESET_ID, .part = SECTION,
      .write_body = body_section, .shape = shape_preset },
    { "presets:remove-model", "DELETE",
      "/api/presets/{name}/sections/{section*}", PRESET_ID, .part = SECTION,
      .shape = shape_preset },
    { "presets:get-defaults", "GET", "/api/presets/{name}", PRESET_ID,
      .shape = shape_preset_defaults },
    { "presets:update-defaults", "PUT",
      "/api/presets/{name}/sections/{section*}", PRESET_ID, .part = "=*",
      .write_body = body_section, .shape = shape_preset_defaults },
    { "presets:get-default-params", "GET", "/api/presets/options",
      .shape = shape_preset_options },
    /* no such feature yet */
    { "logs:read-file" }, { "logs:list-files" }, { "logs:clear-files" },
    { "logs:read-llama-server" },
    { "loggingConfig:get" }, { "loggingConfig:update" },
    { "loggingConfig:reset" },
};
/* clang-format on */

const size_t n_event_rows = sizeof event_rows / sizeof *event_rows;

const struct event_row *
event_row_find(struct str event)
{
    for (size_t i = 0; i < n_event_rows; i++)
        if (str_is(event, event_rows[i].event))
            return &event_rows[i];
    return NULL;
}
