/* Opens the modules in the order of the layers and hands each to the ones
 * above it. Nothing here decides anything. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/engine_files.h"
#include "daemon/daemon.h"
#include "platform/file.h"
#include "platform/system.h"

size_t
daemon_model_roots(const struct daemon *daemon, struct str *ret_roots,
                   size_t max)
{
    const char *const *texts;
    size_t n = settings_list(daemon->settings, SETTING_ID_MODELS_DIRS, &texts);
    if (n == 0) {
        ret_roots[0] = str_from(daemon->models_dir);
        return 1;
    }
    if (n > max)
        n = max;
    for (size_t i = 0; i < n; i++)
        ret_roots[i] = str_from(texts[i]);
    return n;
}

void
daemon_first_root(const struct daemon *daemon, char ret_path[LIMIT_PATH_BYTES])
{
    struct str root;
    (void)daemon_model_roots(daemon, &root, 1);
    snprintf(ret_path, LIMIT_PATH_BYTES, "%.*s", STR_ARG(root));
}

void
daemon_router_options(struct daemon *daemon, struct router_options *ret_options)
{
    const struct settings *settings = daemon->settings;
    *ret_options = (struct router_options){
        .loop = &daemon->loop,
        .events = &daemon->events,
        .instances = daemon->instances,
        .profiles = daemon->profiles,
        .engines = daemon->engines,
        .llama = daemon->llama,
        .models_max = (int)settings_int(settings, SETTING_ID_MODELS_MAX),
        .drain_after_ms = settings_int(settings, SETTING_ID_DRAIN_AFTER_MS),
        .drain_timeout_ms = settings_int(settings, SETTING_ID_DRAIN_TIMEOUT_MS),
        .default_ttl_s = settings_int(settings, SETTING_ID_DEFAULT_TTL_S),
    };
}

void
daemon_auth_options(struct daemon *daemon, struct auth_options *ret_options)
{
    const struct settings *settings = daemon->settings;
    struct address at = { .is_unix = false };
    snprintf(at.host, sizeof at.host, "%s",
             settings_text(settings, SETTING_ID_HOST));
    *ret_options = (struct auth_options){
        .loop = &daemon->loop,
        .events = &daemon->events,
        .store = daemon->store,
        .is_loopback_bound = address_is_loopback(&at),
        .owner_uid = (int64_t)geteuid(),
        .bound_host = settings_text(settings, SETTING_ID_HOST),
    };
    ret_options->n_allowed_hosts = settings_list(
        settings, SETTING_ID_ALLOWED_HOSTS, &ret_options->allowed_hosts);
    ret_options->n_cors_origins = settings_list(
        settings, SETTING_ID_CORS_ORIGINS, &ret_options->cors_origins);
}

void
daemon_logs_config(const struct daemon *daemon, struct logs_config *ret_config)
{
    const struct settings *settings = daemon->settings;
    *ret_config = (struct logs_config){
        .level = LOG_INFO,
        .has_console = settings_bool(settings, SETTING_ID_LOGS_CONSOLE),
        .has_files = settings_bool(settings, SETTING_ID_LOGS_FILES),
        .has_store = settings_bool(settings, SETTING_ID_LOGS_DATABASE),
        .max_file_bytes =
            settings_int(settings, SETTING_ID_LOGS_MAX_FILE_BYTES),
        .n_files = (int)settings_int(settings, SETTING_ID_LOGS_MAX_FILES),
        .n_remembered = (int)settings_int(settings, SETTING_ID_LOGS_MEMORY),
        .n_stored = settings_int(settings, SETTING_ID_LOGS_MAX_STORED),
    };
    log_level_from(str_from(settings_text(settings, SETTING_ID_LOG_LEVEL)),
                   &ret_config->level);
}

void
daemon_activity_config(const struct daemon *daemon,
                       struct activity_config *ret_config)
{
    const struct settings *settings = daemon->settings;
    *ret_config = (struct activity_config){
        .n_stored = settings_int(settings, SETTING_ID_ACTIVITY_MAX_STORED),
        .keep_ms =
            settings_int(settings, SETTING_ID_ACTIVITY_KEEP_DAYS) * DAY_MS,
        .captures = settings_bool(settings, SETTING_ID_ACTIVITY_CAPTURE),
        .capture_bytes =
            (size_t)settings_int(settings, SETTING_ID_ACTIVITY_CAPTURE_BYTES),
    };
}

void
daemon_hide_secrets(struct daemon *daemon)
{
    unsigned n = 0;
    for (int id = 0; id < SETTING_COUNT; id++)
        if ((setting_rows[id].flags & SETTING_SECRET) != 0)
            events_hide(&daemon->events, n++,
                        settings_text(daemon->settings, (enum setting_id)id));
}

/* The folders that everything else lives in. */
static int
open_folders(struct daemon *daemon, struct error *error)
{
    const char *named = settings_text(daemon->settings, SETTING_ID_DATA_DIR);
    if (named[0] != '\0')
        snprintf(daemon->data_dir, sizeof daemon->data_dir, "%s", named);
    else if (system_data_folder(daemon->data_dir, sizeof daemon->data_dir,
                                error) < 0)
        return -1;
    if (system_self_path(daemon->hearth_path, sizeof daemon->hearth_path,
                         error) < 0)
        return -1;
    int n = snprintf(daemon->models_dir, sizeof daemon->models_dir, "%s/models",
                     daemon->data_dir);
    int m = snprintf(daemon->socket_path, sizeof daemon->socket_path,
                     "%s/hearth.sock", daemon->data_dir);
    if (n >= (int)sizeof daemon->models_dir ||
        m >= (int)sizeof daemon->socket_path)
        return error_field(error, "data_dir", "the path is too long: %s",
                           daemon->data_dir);
    return file_make_folders(daemon->models_dir, 0700, error);
}

/* Once a minute at most: the entry itself may not be stored, either. */
static void
on_lost(void *ctx, const struct error *error)
{
    struct daemon *daemon = ctx;
    int64_t now_ms = loop_now_ms(&daemon->loop);
    bool is_new =
        daemon->lost_told_ms == 0 || now_ms - daemon->lost_told_ms >= MINUTE_MS;
    daemon->n_lost++;
    if (!is_new)
        return;
    daemon->lost_told_ms = now_ms;
    events_log(&daemon->events, LOG_ERROR, "store",
               "rows of logs, metrics or activity were not stored (%" PRIu64
               " times so far): %s",
               daemon->n_lost, error->message);
}

static int
open_state(struct daemon *daemon, struct error *error)
{
    if (store_open(&daemon->loop, daemon->data_dir, "hearth serve",
                   &daemon->store, error) < 0)
        return -1;
    store_on_lost(daemon->store, on_lost, daemon);
    if (settings_attach(daemon->settings, daemon->store, &daemon->events,
                        error) < 0)
        return -1;
    struct logs_options options = { .loop = &daemon->loop,
                                    .events = &daemon->events,
                                    .store = daemon->store,
                                    .data_dir = daemon->data_dir,
                                    .fd = STDERR_FILENO };
    daemon_logs_config(daemon, &options.config);
    daemon_hide_secrets(daemon);
    if (logs_new(&options, &daemon->logs, error) < 0)
        return -1;
    struct activity_options activity = { .loop = &daemon->loop,
                                         .events = &daemon->events,
                                         .store = daemon->store };
    daemon_activity_config(daemon, &activity.config);
    return activity_new(&activity, &daemon->activity, error);
}

static int
open_fetcher(struct daemon *daemon, struct error *error)
{
    struct fetcher_options fetcher = { .loop = &daemon->loop,
                                       .user_agent = "hearth/" HEARTH_VERSION };
    fetcher.n_allow_http = settings_list(
        daemon->settings, SETTING_ID_DOWNLOADS_ALLOW_HTTP, &fetcher.allow_http);
    return fetcher_new(&fetcher, &daemon->fetcher, error);
}

static int
open_models(struct daemon *daemon, struct error *error)
{
    struct daemon_library library;
    daemon_library_options(daemon, &library);
    if (library_new(&library.options, &daemon->library, error) < 0)
        return -1;
    const struct profiles_options profiles = {
        .loop = &daemon->loop,
        .events = &daemon->events,
        .store = daemon->store,
        .engines = daemon->engines,
        .library = daemon->library,
        .port_start =
            (int)settings_int(daemon->settings, SETTING_ID_PORT_START),
        .own_port = (int)settings_int(daemon->settings, SETTING_ID_PORT),
    };
    if (profiles_new(&profiles, &daemon->profiles, error) < 0)
        return -1;
    return 0;
}

static int
open_downloads(struct daemon *daemon, struct error *error)
{
    struct hub_options hub;
    struct daemon_downloads downloads;
    daemon_hub_options(daemon, &hub);
    daemon_downloads_options(daemon, &downloads);
    if (hub_new(&hub, &daemon->hub, error) < 0)
        return -1;
    return downloads_new(&downloads.options, &daemon->downloads, error);
}

static const char *
engine_path(void *ctx, const char *engine)
{
    struct daemon *daemon = ctx;
    return settings_engine_path(daemon->settings, engine);
}

static int
check_path(void *ctx, const char *path, struct error *error)
{
    struct daemon *daemon = ctx;
    if (library_holds(daemon->library, path))
        return 0;
    return error_set(error, ERR_INVALID,
                     "%s is outside the model folders (models_dirs)", path);
}

static int
compose(void *ctx, struct profile *profile, struct strbuf *out,
        struct error *error)
{
    struct daemon *daemon = ctx;
    return llama_compose(daemon->llama, profile, out, error);
}

void
daemon_instances_options(struct daemon *daemon,
                         struct instances_options *ret_options)
{
    const struct settings *settings = daemon->settings;
    int64_t threads = settings_int(settings, SETTING_ID_ENGINE_THREADS);
    daemon->engine_threads[0] = '\0';
    if (threads > 0)
        snprintf(daemon->engine_threads, sizeof daemon->engine_threads, "%d",
                 (int)threads);
    int64_t health_ms = settings_int(settings, SETTING_ID_HEALTH_INTERVAL_MS);
    *ret_options = (struct instances_options){
        .loop = &daemon->loop,
        .events = &daemon->events,
        .store = daemon->store,
        .engines = daemon->engines,
        .data_dir = daemon->data_dir,
        .hearth_path = daemon->hearth_path,
        .orphan_timeout_s = settings_int(settings, SETTING_ID_ORPHAN_TIMEOUT_S),
        .keep_engines = settings_bool(settings, SETTING_ID_KEEP_ENGINES),
        .engine_path = engine_path,
        .check_path = check_path,
        .compose = compose,
        .ctx = daemon,
        .default_threads = daemon->engine_threads,
        .health_interval_ms = health_ms,
        /* A real request costs the engine work: seldom, and with time. */
        .probe_interval_ms = 6 * health_ms,
        .probe_timeout_ms = 3 * health_ms,
    };
}

static int
note_staged(void *ctx, const char *key, const char *value)
{
    char *id = ctx;
    (void)key;
    snprintf(id, ID_BYTES, "%s", value);
    return 0;
}

static int
open_presets(struct daemon *daemon, struct error *error)
{
    char staged[ID_BYTES] = "";
    const struct presets_options presets = {
        .loop = &daemon->loop,
        .events = &daemon->events,
        .engines = daemon->engines,
        .data_dir = daemon->data_dir,
        .check_path = check_path,
        .ctx = daemon,
    };
    if (store_load_metadata(daemon->store, PRESETS_STAGED_KEY, note_staged,
                            staged, error) < 0 ||
        presets_recover(daemon->data_dir, staged, error) < 0 ||
        presets_new(&presets, &daemon->presets, error) < 0)
        return -1;
    presets_watch(daemon->presets);
    return 0;
}

static int
open_engines(struct daemon *daemon, struct error *error)
{
    struct instances_options instances;
    daemon_instances_options(daemon, &instances);
    if (instances_new(&instances, &daemon->instances, error) < 0)
        return -1;
    const struct llama_options llama = {
        .loop = &daemon->loop,
        .events = &daemon->events,
        .instances = daemon->instances,
        .profiles = daemon->profiles,
        .library = daemon->library,
        .presets = daemon->presets,
        .engines = daemon->engines,
    };
    if (llama_new(&llama, &daemon->llama, error) < 0)
        return -1;
    struct router_options router;
    daemon_router_options(daemon, &router);
    return router_new(&router, &daemon->router, error);
}

static bool
handles(void *ctx, struct str method, struct str path)
{
    (void)ctx;
    return gateway_handles(method, path);
}

static void
relay(void *ctx, struct http_exchange *exchange, const struct auth_answer *who)
{
    struct daemon *daemon = ctx;
    gateway_request(daemon->gateway, exchange, who);
}

static void
write_counts(void *ctx, struct strbuf *out)
{
    struct daemon *daemon = ctx;
    gateway_write_counts(daemon->gateway, out);
}

static int
group_begin(void *ctx, struct error *error)
{
    struct daemon *daemon = ctx;
    return store_group_begin(daemon->store, error);
}

static void
group_end(void *ctx, bool is_kept)
{
    struct daemon *daemon = ctx;
    store_group_end(daemon->store, is_kept);
}

static void
put_metadata(void *ctx, const char *key, const char *value,
             api_done_fn *on_done, void *done_ctx)
{
    struct daemon *daemon = ctx;
    store_put_metadata(daemon->store, key, value, on_done, done_ctx);
}

static struct live_options
live_options(const struct settings *settings)
{
    return (struct live_options){
        .ping_interval_ms =
            settings_int(settings, SETTING_ID_SOCKETIO_PING_INTERVAL_MS),
        .ping_timeout_ms =
            settings_int(settings, SETTING_ID_SOCKETIO_PING_TIMEOUT_MS),
        .connect_timeout_ms =
            settings_int(settings, SETTING_ID_SOCKETIO_CONNECT_TIMEOUT_MS),
        .recovery_ms = settings_int(settings, SETTING_ID_SOCKETIO_RECOVERY_MS),
        .max_payload_bytes =
            settings_int(settings, SETTING_ID_SOCKETIO_MAX_PAYLOAD_BYTES),
        .is_conformance = settings_bool(settings, SETTING_ID_CONFORMANCE),
    };
}

static void
read_traffic(void *ctx, struct metrics_traffic *ret_traffic)
{
    struct daemon *daemon = ctx;
    const struct gateway_counts *counts = gateway_counts(daemon->gateway);
    *ret_traffic = (struct metrics_traffic){
        .n_requests = counts->duration.n,
        .n_prompt_tokens = counts->n_prompt_tokens,
        .n_completion_tokens = counts->n_completion_tokens,
    };
}

static int
open_metrics(struct daemon *daemon, struct error *error)
{
    char root[LIMIT_PATH_BYTES];
    daemon_first_root(daemon, root);
    const struct metrics_options options = {
        .loop = &daemon->loop,
        .events = &daemon->events,
        .instances = daemon->instances,
        .store = daemon->store,
        .llama = daemon->llama,
        .models_dir = root,
        .data_dir = daemon->data_dir,
        .read_traffic = read_traffic,
        .ctx = daemon,
    };
    return metrics_new(&options, &daemon->metrics, error);
}

static int
open_surfaces(struct daemon *daemon, struct error *error)
{
    struct auth_options auth;
    daemon_auth_options(daemon, &auth);
    if (auth_new(&auth, &daemon->auth, error) < 0)
        return -1;
    const struct gateway_options gateway = {
        .loop = &daemon->loop,
        .events = &daemon->events,
        .router = daemon->router,
        .profiles = daemon->profiles,
        .library = daemon->library,
        .instances = daemon->instances,
        .engines = daemon->engines,
        .llama = daemon->llama,
        .auth = daemon->auth,
        .activity = daemon->activity,
        .models_max =
            (int)settings_int(daemon->settings, SETTING_ID_MODELS_MAX),
        .spill_dir = daemon->data_dir,
    };
    if (gateway_new(&gateway, &daemon->gateway, error) < 0)
        return -1;
    if (open_metrics(daemon, error) < 0)
        return -1;
    const struct api_options api = {
        .loop = &daemon->loop,
        .events = &daemon->events,
        .profiles = daemon->profiles,
        .instances = daemon->instances,
        .router = daemon->router,
        .auth = daemon->auth,
        .settings = daemon->settings,
        .library = daemon->library,
        .hub = daemon->hub,
        .downloads = daemon->downloads,
        .presets = daemon->presets,
        .llama = daemon->llama,
        .metrics = daemon->metrics,
        .logs = daemon->logs,
        .activity = daemon->activity,
        .engines = daemon->engines,
        .hooks = { .ctx = daemon,
                   .gateway_handles = handles,
                   .gateway_request = relay,
                   .write_counts = write_counts,
                   .group_begin = group_begin,
                   .group_end = group_end,
                   .put_metadata = put_metadata },
        .version = HEARTH_VERSION,
        .data_dir = daemon->data_dir,
        .started_at_ms = daemon->started_at_ms,
        .live = live_options(daemon->settings),
    };
    daemon->api = api_new(&api);
    if (daemon->api == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    return 0;
}

int
daemon_open(struct daemon *daemon, const struct settings_sources *sources,
            struct error *error)
{
    daemon->started_at_ms = loop_wall_ms();
    daemon->environment = sources->environment;
    if (settings_load(sources, &daemon->settings, error) < 0 ||
        open_folders(daemon, error) < 0 || loop_init(&daemon->loop, error) < 0)
        return -1;
    daemon->is_loop_open = true;
    events_init(&daemon->events);
    if (open_state(daemon, error) < 0 ||
        engine_files_load(settings_file_path(daemon->settings),
                          &daemon->engines, error) < 0 ||
        daemon_check_engines(daemon, error) < 0 ||
        open_fetcher(daemon, error) < 0 || open_models(daemon, error) < 0 ||
        open_downloads(daemon, error) < 0 || open_presets(daemon, error) < 0 ||
        open_engines(daemon, error) < 0)
        return -1;
    return open_surfaces(daemon, error);
}

void
daemon_close(struct daemon *daemon)
{
    /* Whoever waits for an answer from outside is told while it lives. */
    if (daemon->fetcher != NULL)
        fetcher_stop(daemon->fetcher);
    /* Whoever waits for a change to be stored is told while it still is. */
    if (daemon->store != NULL)
        store_wait(daemon->store, NULL);
    api_free(daemon->api);
    gateway_free(daemon->gateway);
    auth_free(daemon->auth);
    metrics_free(daemon->metrics);
    router_free(daemon->router);
    llama_free(daemon->llama);
    instances_free(daemon->instances);
    presets_free(daemon->presets);
    profiles_free(daemon->profiles);
    downloads_free(daemon->downloads);
    hub_free(daemon->hub);
    library_free(daemon->library);
    fetcher_free(daemon->fetcher);
    engines_free(daemon->engines);
    activity_free(daemon->activity);
    logs_free(daemon->logs);
    if (daemon->store != NULL)
        store_close(daemon->store);
    if (daemon->is_loop_open)
        loop_close(&daemon->loop);
    settings_free(daemon->settings);
}
