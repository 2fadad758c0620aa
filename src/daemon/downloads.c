/* What core/hub and core/downloads are told of the settings. */
#include <stdio.h>

#include "base/units.h"
#include "daemon/daemon.h"

void
daemon_hub_options(struct daemon *daemon, struct hub_options *ret_options)
{
    const struct settings *settings = daemon->settings;
    *ret_options = (struct hub_options){
        .loop = &daemon->loop,
        .events = &daemon->events,
        .fetcher = daemon->fetcher,
        .huggingface_endpoint =
            settings_text(settings, SETTING_ID_HUGGINGFACE_ENDPOINT),
        .huggingface_token =
            settings_text(settings, SETTING_ID_HUGGINGFACE_TOKEN),
        .civitai_endpoint =
            settings_text(settings, SETTING_ID_CIVITAI_ENDPOINT),
        .civitai_token = settings_text(settings, SETTING_ID_CIVITAI_TOKEN),
        .is_offline = settings_bool(settings, SETTING_ID_HUGGINGFACE_OFFLINE),
    };
    ret_options->n_organizations =
        settings_list(settings, SETTING_ID_HUGGINGFACE_ORGANIZATIONS,
                      &ret_options->organizations);
}

/* Without a place of its own a download goes to the first model folder. Into
 * the hub's cache it goes only if the library looks there. */
static void
find_folders(struct daemon *daemon, struct daemon_downloads *ret)
{
    const char *set = settings_text(daemon->settings, SETTING_ID_DOWNLOADS_DIR);
    size_t n = daemon_model_roots(daemon, ret->roots, DAEMON_ROOTS_MAX - 2);
    if (set[0] != '\0')
        snprintf(ret->download_dir, sizeof ret->download_dir, "%s", set);
    else
        snprintf(ret->download_dir, sizeof ret->download_dir, "%.*s",
                 STR_ARG(ret->roots[0]));
    ret->cache_dir[0] = '\0';
    if (daemon_has_source(daemon, MODEL_SOURCE_HUGGINGFACE) &&
        !daemon_hub_cache(daemon, ret->cache_dir))
        ret->cache_dir[0] = '\0';
    ret->roots[n++] = str_from(ret->download_dir);
    if (ret->cache_dir[0] != '\0')
        ret->roots[n++] = str_from(ret->cache_dir);
    ret->options.n_roots = n;
}

void
daemon_downloads_options(struct daemon *daemon, struct daemon_downloads *ret)
{
    const struct settings *settings = daemon->settings;
    ret->options = (struct downloads_options){
        .loop = &daemon->loop,
        .events = &daemon->events,
        .store = daemon->store,
        .fetcher = daemon->fetcher,
        .library = daemon->library,
        .cache_dir = ret->cache_dir,
        .download_dir = ret->download_dir,
        .roots = ret->roots,
        .huggingface_token =
            settings_text(settings, SETTING_ID_HUGGINGFACE_TOKEN),
        .civitai_token = settings_text(settings, SETTING_ID_CIVITAI_TOKEN),
        .max_concurrent =
            (int)settings_int(settings, SETTING_ID_DOWNLOADS_MAX_CONCURRENT),
        .n_connections =
            (int)settings_int(settings, SETTING_ID_DOWNLOADS_CONNECTIONS),
        .limit_bytes_per_s =
            settings_int(settings, SETTING_ID_DOWNLOADS_LIMIT_BYTES_PER_S),
        .limit_hours =
            settings_text(settings, SETTING_ID_DOWNLOADS_LIMIT_HOURS),
        .stall_ms =
            settings_int(settings, SETTING_ID_DOWNLOADS_STALL_TIMEOUT_S) *
            SECOND_MS,
        .max_file_bytes =
            settings_int(settings, SETTING_ID_DOWNLOADS_MAX_FILE_BYTES),
        .headroom_bytes =
            settings_int(settings, SETTING_ID_DOWNLOADS_HEADROOM_BYTES),
    };
    find_folders(daemon, ret);
}
