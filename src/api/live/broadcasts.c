/* The bus, as events that everybody hears. Nothing is written while nobody is
 * here and nobody may come back. */
#include "api/live/live_internal.h"

/* What a model is called on this wire; NULL: on its way, which the server's
 * own event tells. */
static const char *
status_of(enum instance_state state)
{
    switch (state) {
    case INSTANCE_READY: return "loaded";
    case INSTANCE_STARTING:
    case INSTANCE_LOADING:
    case INSTANCE_ATTACHING: return "loading";
    case INSTANCE_STOPPED: return "unloaded";
    case INSTANCE_FAILED:
    case INSTANCE_BACKOFF:
    case INSTANCE_UNHEALTHY: return "error";
    default: return NULL;
    }
}

static void
tell_model_status(struct live *live, const struct instance_change *change,
                  const struct instance_view *view)
{
    const char *status = status_of(change->to);
    struct live_message message;
    if (status == NULL || (view->manifest != NULL && view->manifest->is_router))
        return; /* a router is no model: those that it has are told of */
    struct json_writer *w =
        broadcast_begin(live, &message, "models:status", MESSAGE_KEPT);
    json_object_begin(w);
    member_text(w, "modelName", view->profile->name);
    member_text(w, "modelId", view->profile->id);
    member_text(w, "status", status);
    if (view->error.code != ERR_OK && strcmp(status, "error") == 0)
        member_text(w, "error", view->error.message);
    json_object_end(w);
    broadcast_end(live, &message);
}

static void
tell_state(struct live *live, const struct instance_change *change)
{
    struct instance_view view;
    struct live_message message;
    if (instances_view(live->api->options.instances, change->profile_id,
                       &view) < 0 ||
        view.profile == NULL)
        return;
    tell_model_status(live, change, &view);
    struct json_writer *w =
        broadcast_begin(live, &message, "servers:status", MESSAGE_KEPT);
    json_object_begin(w);
    member_text(w, "from", instance_state_name(change->from));
    member_text(w, "to", instance_state_name(change->to));
    member_text(w, "reason", change->reason);
    json_key(w, "server");
    server_write(live->api, &view, w);
    json_object_end(w);
    broadcast_end(live, &message);
}

/* A model that an engine for many has. */
static void
tell_llama_model(struct live *live, const struct llama_change *change)
{
    struct live_message message;
    const struct llama_model *model = change->model;
    const struct model *file =
        model->path[0] == '\0'
            ? NULL
            : library_find_path(live->api->options.library, model->path);
    struct json_writer *w =
        broadcast_begin(live, &message, "models:status", MESSAGE_KEPT);
    json_object_begin(w);
    member_text(w, "modelName", model->name);
    member_text(w, "modelId", file == NULL ? NULL : file->id);
    member_text(w, "status", llama_state_name(model->state));
    member_text(w, "profileId", change->profile_id);
    if (model->progress >= 0) {
        json_key(w, "progress");
        json_real(w, model->progress);
    }
    if (model->state == LLAMA_FAILED)
        member_text(w, "error", "its process ended");
    json_object_end(w);
    broadcast_end(live, &message);
}

/* The same as an event of the server, progress included. */
static void
tell_server_event(struct live *live, const struct llama_change *change)
{
    struct live_message message;
    const struct llama_model *model = change->model;
    struct json_writer *w =
        broadcast_begin(live, &message, "llama:server-event", MESSAGE_KEPT);
    json_object_begin(w);
    member_text(w, "type", "status_change");
    json_key(w, "data");
    json_object_begin(w);
    member_text(w, "model", model->name);
    member_text(w, "status", llama_state_name(model->state));
    member_real_if(w, "progress", model->progress >= 0, model->progress);
    member_int_if(w, "exitCode", model->exit_code >= 0, model->exit_code);
    json_object_end(w);
    json_object_end(w);
    broadcast_end(live, &message);
}

static bool
is_managed(struct live *live, const char *profile_id)
{
    const struct profile *profile = llama_managed(live->api->options.llama);
    return profile != NULL && strcmp(profile->id, profile_id) == 0;
}

/* What REST would answer now. */
static void
tell_llama(struct live *live, const char *event,
           void (*write)(struct api *api, struct json_writer *w),
           void (*shape)(const struct json *data, struct json_writer *w))
{
    struct live_message message;
    struct strbuf text = STRBUF_INIT(64 * MIB);
    struct json_writer plain;
    json_writer_init(&plain, &text);
    write(live->api, &plain);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    if (doc != NULL) {
        struct json_writer *w =
            broadcast_begin(live, &message, event, MESSAGE_KEPT);
        shape(json_root(doc), w);
        broadcast_end(live, &message);
    }
    json_doc_free(doc);
    strbuf_release(&text);
}

static void
tell_llama_state(struct live *live, const struct instance_change *change)
{
    struct live_message message;
    if (!is_managed(live, change->profile_id))
        return;
    tell_llama(live, "llama:status", llama_status_write, write_llama_status);
    if (change->to != INSTANCE_STOPPED && change->to != INSTANCE_FAILED)
        return;
    struct json_writer *w =
        broadcast_begin(live, &message, "models:router-stopped", MESSAGE_KEPT);
    json_object_begin(w);
    json_object_end(w);
    broadcast_end(live, &message);
}

/* How a model is launched is a part of it here. */
static void
tell_launched(struct live *live, const struct profile *profile)
{
    struct live_message message;
    struct api *api = live->api;
    if (is_managed(live, profile->id))
        tell_llama(live, "routerConfig:updated", llama_config_write,
                   write_router_config);
    if (!llama_is_launch_profile(api->options.llama, profile))
        return;
    struct json_writer *w =
        broadcast_begin(live, &message, "models:updated", MESSAGE_KEPT);
    write_launched(api, str_from(profile->name), w);
    broadcast_end(live, &message);
}

static void
tell_profile(struct live *live, const char *event,
             const struct profile *profile)
{
    struct live_message message;
    struct json_writer *w =
        broadcast_begin(live, &message, event, MESSAGE_KEPT);
    json_object_begin(w);
    member_text(w, "profileId", profile->id);
    json_key(w, "profile");
    profile_to_json(live->api->options.engines, profile, false, w);
    json_object_end(w);
    broadcast_end(live, &message);
    tell_launched(live, profile);
}

static void
tell_download(struct live *live, const char *event,
              const struct download *download, enum message_kind kind)
{
    struct live_message message;
    struct json_writer *w = broadcast_begin(live, &message, event, kind);
    json_object_begin(w);
    json_key(w, "download");
    download_write(download, w);
    json_object_end(w);
    broadcast_end(live, &message);
}

/* Out of the history. */
static void
tell_download_removed(struct live *live, const struct download *download)
{
    struct live_message message;
    struct json_writer *w =
        broadcast_begin(live, &message, "downloads:removed", MESSAGE_KEPT);
    json_object_begin(w);
    member_text(w, "taskId", download_id(download));
    json_object_end(w);
    broadcast_end(live, &message);
}

static void
tell_scan(struct live *live, const struct library_progress *progress)
{
    struct live_message message;
    struct json_writer *w =
        progress->is_running
            ? broadcast_begin(live, &message, "models:scanning",
                              MESSAGE_VOLATILE)
            : broadcast_begin(live, &message, "models:scanned", MESSAGE_KEPT);
    json_object_begin(w);
    member_int(w, "scanned", (int64_t)progress->n_found);
    member_int(w, "updated", (int64_t)progress->n_read);
    member_int(w, "total", (int64_t)progress->n_found);
    member_int(w, "errors", (int64_t)progress->n_errors);
    json_object_end(w);
    broadcast_end(live, &message);
}

static void
tell_log(struct live *live, const struct log_entry *entry)
{
    struct live_message message;
    if (entry->level < LOG_INFO)
        return;
    struct json_writer *w =
        broadcast_begin(live, &message, "logs:entry", MESSAGE_KEPT);
    json_object_begin(w);
    json_key(w, "entry");
    json_object_begin(w);
    member_text(w, "level", log_level_name(entry->level));
    member_text(w, "message", entry->message);
    member_text(w, "source", entry->source);
    member_int(w, "timestamp", entry->at_ms);
    json_object_end(w);
    json_object_end(w);
    broadcast_end(live, &message);
}

static void
tell_log_cleared(struct live *live, int64_t count)
{
    struct live_message message;
    struct json_writer *w =
        broadcast_begin(live, &message, "logs:cleared", MESSAGE_KEPT);
    json_object_begin(w);
    member_int(w, "count", count);
    json_object_end(w);
    broadcast_end(live, &message);
}

static void
tell_settings(struct live *live, const char *key)
{
    struct live_message message;
    struct json_writer *w =
        broadcast_begin(live, &message, "settings:updated", MESSAGE_KEPT);
    json_object_begin(w);
    member_text(w, "key", key);
    json_key(w, "settings");
    settings_to_json(live->api->options.settings, w);
    json_object_end(w);
    broadcast_end(live, &message);
    logging_tell(live, key);
}

/* Each client gets all of them, as the list answers. */
static void
tell_presets(struct live *live)
{
    struct live_message message;
    struct strbuf text = STRBUF_INIT(256 * MIB);
    struct json_writer list;
    json_writer_init(&list, &text);
    presets_write(live->api, &list);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    if (doc != NULL) {
        struct json_writer *w =
            broadcast_begin(live, &message, "presets:updated", MESSAGE_KEPT);
        write_presets(json_root(doc), w);
        broadcast_end(live, &message);
    }
    json_doc_free(doc);
    strbuf_release(&text);
}

/* Who came with a key or a session that is no more sees no more. */
static void
let_go(struct live *live)
{
    LIST_FOR_SAFE(node, &live->connections)
    live_connection_let_go(LIST_ENTRY(node, struct live_connection, node));
}

/* Nothing of the keys themselves: not everybody here may see them. */
static void
tell_keys(struct live *live)
{
    struct live_message message;
    struct json_writer *w =
        broadcast_begin(live, &message, "keys:changed", MESSAGE_KEPT);
    json_object_begin(w);
    json_object_end(w);
    broadcast_end(live, &message);
}

static void
tell_activity(struct live *live, const struct activity_news *news)
{
    struct live_message message;
    struct json_writer *w =
        broadcast_begin(live, &message, "activity:changed", MESSAGE_KEPT);
    activity_news_write(news, w);
    broadcast_end(live, &message);
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct live *live = LIST_ENTRY(subscription, struct live, subscription);
    if (!recovery_has_audience(live)) {
        library_diff_release(live);
        return;
    }
    switch (event->type) {
    case EVENT_INSTANCE_STATE:
        tell_state(live, event->payload);
        tell_llama_state(live, event->payload);
        break;
    case EVENT_PROFILE_CREATED:
        tell_profile(live, "profiles:created", event->payload);
        break;
    case EVENT_PROFILE_UPDATED:
        tell_profile(live, "profiles:updated", event->payload);
        break;
    case EVENT_PROFILE_DELETED:
        tell_profile(live, "profiles:deleted", event->payload);
        break;
    case EVENT_DOWNLOAD_CHANGED:
        tell_download(live, "downloads:updated", event->payload, MESSAGE_KEPT);
        break;
    case EVENT_DOWNLOAD_PROGRESS:
        tell_download(live, "downloads:progress", event->payload,
                      MESSAGE_VOLATILE);
        break;
    case EVENT_DOWNLOAD_REMOVED:
        tell_download_removed(live, event->payload);
        break;
    case EVENT_LLAMA_MODEL:
        tell_llama_model(live, event->payload);
        tell_server_event(live, event->payload);
        break;
    case EVENT_LLAMA_MODELS:
        if (is_managed(live, event->subject))
            tell_llama(live, "llama:status", llama_status_write,
                       write_llama_status);
        break;
    case EVENT_PRESETS_CHANGED: tell_presets(live); break;
    case EVENT_ACCESS_ENDED: let_go(live); break;
    case EVENT_KEYS_CHANGED: tell_keys(live); break;
    case EVENT_LIBRARY_SCAN: tell_scan(live, event->payload); break;
    case EVENT_LIBRARY_CHANGED:
        if (!library_diff_tell(live, event->subject))
            library_diff_await(live);
        break;
    case EVENT_ACTIVITY: tell_activity(live, event->payload); break;
    case EVENT_METRICS:
        measured_tell(live, event->payload);
        llama_measured_tell(live, event->payload);
        break;
    case EVENT_SETTINGS_CHANGED: tell_settings(live, event->payload); break;
    case EVENT_LOG: tell_log(live, event->payload); break;
    case EVENT_LOG_CLEARED:
        tell_log_cleared(live, *(const int64_t *)event->payload);
        break;
    default: break;
    }
}

void
broadcasts_start(struct live *live)
{
    library_diff_init(live);
    events_subscribe(live->api->options.events, &live->subscription,
                     EVENT_ALL & ~EVENT_BIT(INSTANCE_LOG), on_event);
}

void
broadcasts_stop(struct live *live)
{
    events_unsubscribe(&live->subscription);
    timer_stop(&live->library_changed);
}
