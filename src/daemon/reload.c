/* Changes while running.
 *
 * SIGHUP re-reads hearth.yaml; a bad file changes nothing and is said in
 * the log. Settings that changed, by the file or over the API, are told by
 * one event each; they are gathered for the rest of the turn and then every
 * module that depends on one of them is configured once. Engines go on
 * running: a changed profile of the file is marked as needing a restart. */
#include <limits.h>
#include <signal.h>
#include <stdlib.h>

#include "cli/engine_files.h"
#include "daemon/daemon.h"

int
daemon_check_engines(struct daemon *daemon, struct error *error)
{
    const char **names = engine_files_names(daemon->engines);
    if (names == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    int result = settings_check_engines(daemon->settings, names, error);
    free(names);
    return result;
}

/* The profile that the error speaks of ("profiles[2].port"), or -1. */
static int
declared_index(const struct error *error)
{
    struct str field = str_from(error->field);
    if (!str_starts_with(field, STR("profiles[")))
        return -1;
    field.p += sizeof "profiles[" - 1;
    field.n -= sizeof "profiles[" - 1;
    int64_t i;
    if (str_to_i64(str_split(&field, ']'), &i) < 0 || i > INT_MAX)
        return -1;
    return (int)i;
}

int
daemon_declare_profiles(struct daemon *daemon, struct error *error)
{
    const struct json *declared = settings_profiles(daemon->settings);
    if (profiles_set_file(daemon->profiles, declared, error) == 0)
        return 0;
    int i = declared_index(error);
    if (i < 0)
        return -1;
    struct error inner = *error;
    return error_set(error, ERR_INVALID, "%s line %d: %s",
                     settings_file_path(daemon->settings),
                     settings_profile_line(daemon->settings, (size_t)i),
                     inner.message);
}

static void
on_hangup(void *arg, int signum)
{
    (void)signum;
    struct daemon *daemon = arg;
    struct error error;
    int n_waiting = settings_reload(daemon->settings, &error);
    bool is_bad =
        n_waiting >= 0 && (daemon_check_engines(daemon, &error) < 0 ||
                           daemon_declare_profiles(daemon, &error) < 0);
    if (is_bad)
        settings_revert(daemon->settings);
    if (n_waiting < 0 || is_bad) {
        events_log(&daemon->events, LOG_ERROR, "settings",
                   "the configuration was not reloaded: %s", error.message);
        return;
    }
    const char *path = settings_file_path(daemon->settings);
    events_publish(&daemon->events, EVENT_CONFIG_RELOADED, "", NULL);
    events_log(&daemon->events, LOG_INFO, "settings", "reloaded %s",
               path == NULL ? "(no file)" : path);
    if (n_waiting > 0)
        events_log(&daemon->events, LOG_WARN, "settings",
                   "changed, but in force only after a restart: %s",
                   settings_waiting(daemon->settings));
}

static void
on_terminate(void *arg, int signum)
{
    struct daemon *daemon = arg;
    events_log(&daemon->events, LOG_INFO, "daemon", "%s: stopping",
               signum == SIGINT ? "interrupted" : "asked to end");
    daemon_stop(daemon);
}

static void
reconfigure(struct deferred *deferred)
{
    struct daemon *daemon = LIST_ENTRY(deferred, struct daemon, reconfigure);
    daemon_hide_secrets(daemon);
    struct logs_config logs;
    daemon_logs_config(daemon, &logs);
    logs_configure(daemon->logs, &logs);
    struct activity_config activity;
    daemon_activity_config(daemon, &activity);
    activity_configure(daemon->activity, &activity);

    struct router_options router;
    daemon_router_options(daemon, &router);
    router_configure(daemon->router, &router);

    gateway_set_models_max(daemon->gateway, router.models_max);
    struct instances_options instances;
    daemon_instances_options(daemon, &instances);
    instances_configure(daemon->instances, &instances);

    struct error error;
    struct auth_options auth;
    daemon_auth_options(daemon, &auth);
    if (auth_configure(daemon->auth, &auth, &error) < 0)
        events_log(&daemon->events, LOG_ERROR, "auth", "%s", error.message);

    const char *const *allow_http;
    size_t n_allowed = settings_list(
        daemon->settings, SETTING_ID_DOWNLOADS_ALLOW_HTTP, &allow_http);
    if (fetcher_set_allow_http(daemon->fetcher, allow_http, n_allowed, &error) <
        0)
        events_log(&daemon->events, LOG_ERROR, "settings", "%s", error.message);

    struct daemon_library library;
    daemon_library_options(daemon, &library);
    int is_due = library_configure(daemon->library, &library.options, &error);
    if (is_due < 0)
        events_log(&daemon->events, LOG_ERROR, "library", "%s", error.message);
    else if (is_due > 0)
        library_scan(daemon->library, NULL, NULL);

    char root[LIMIT_PATH_BYTES];
    daemon_first_root(daemon, root);
    metrics_set_models_dir(daemon->metrics, root);

    struct hub_options hub;
    struct daemon_downloads downloads;
    daemon_hub_options(daemon, &hub);
    daemon_downloads_options(daemon, &downloads);
    if (hub_configure(daemon->hub, &hub, &error) < 0 ||
        downloads_configure(daemon->downloads, &downloads.options, &error) < 0)
        events_log(&daemon->events, LOG_ERROR, "downloads", "%s",
                   error.message);
}

static void
on_setting(struct subscription *subscription, const struct event *event)
{
    (void)event;
    struct daemon *daemon = LIST_ENTRY(subscription, struct daemon, on_setting);
    loop_defer(&daemon->loop, &daemon->reconfigure);
}

/* Its model left the library while it was in use, and it has ended now. */
static void
on_instance(struct subscription *subscription, const struct event *event)
{
    struct daemon *daemon =
        LIST_ENTRY(subscription, struct daemon, on_instance);
    const struct instance_change *change = event->payload;
    struct instance_view view;
    if ((change->to == INSTANCE_STOPPED || change->to == INSTANCE_FAILED) &&
        instances_view(daemon->instances, event->subject, &view) == 0 &&
        view.profile != NULL &&
        view.profile->source == PROFILE_SOURCE_LIBRARY &&
        profiles_get(daemon->profiles, str_from(event->subject)) == NULL)
        instances_forget(daemon->instances, event->subject, NULL, NULL);
}

/* What is loaded has read its file: the router ends it when it is idle. */
static bool
may_go_on(struct daemon *daemon, const struct profile *gone)
{
    struct instance_view view;
    return gone->source == PROFILE_SOURCE_LIBRARY &&
           instances_view(daemon->instances, gone->id, &view) == 0 &&
           (view.state == INSTANCE_READY || view.state == INSTANCE_UNHEALTHY ||
            view.state == INSTANCE_DRAINING);
}

/* A running engine keeps what it was started with; that it has to be started
 * anew is for its instance to know, whoever edited the profile. One that left
 * the file, or whose model left the library, takes its engine and its log
 * along; of a stored one, whoever deletes it does that. */
static void
on_profile(struct subscription *subscription, const struct event *event)
{
    struct daemon *daemon = LIST_ENTRY(subscription, struct daemon, on_profile);
    const struct profile *told = event->payload;
    struct profile *profile =
        profiles_get(daemon->profiles, str_from(event->subject));
    if (profile != NULL)
        instances_profile_changed(daemon->instances, profile);
    else if (told->source != PROFILE_SOURCE_DATABASE &&
             !may_go_on(daemon, told))
        instances_forget(daemon->instances, event->subject, NULL, NULL);
}

int
daemon_watch(struct daemon *daemon, struct error *error)
{
    static const struct {
        int signum;
        void (*fn)(void *arg, int signum);
    } rows[DAEMON_SIGNALS] = {
        { SIGHUP, on_hangup },
        { SIGTERM, on_terminate },
        { SIGINT, on_terminate },
    };
    for (int i = 0; i < DAEMON_SIGNALS; i++)
        if (loop_signal_open(&daemon->loop, &daemon->signals[i], rows[i].signum,
                             rows[i].fn, daemon, error) < 0)
            return -1;
    daemon->has_signals = true;
    deferred_init(&daemon->reconfigure, reconfigure);
    events_subscribe(&daemon->events, &daemon->on_setting,
                     EVENT_BIT(SETTINGS_CHANGED), on_setting);
    events_subscribe(&daemon->events, &daemon->on_profile,
                     EVENT_BIT(PROFILE_UPDATED) | EVENT_BIT(PROFILE_DELETED),
                     on_profile);
    events_subscribe(&daemon->events, &daemon->on_instance,
                     EVENT_BIT(INSTANCE_STATE), on_instance);
    return 0;
}

void
daemon_unwatch(struct daemon *daemon)
{
    if (!daemon->has_signals)
        return;
    daemon->has_signals = false;
    events_unsubscribe(&daemon->on_setting);
    events_unsubscribe(&daemon->on_profile);
    events_unsubscribe(&daemon->on_instance);
    deferred_cancel(&daemon->reconfigure);
    for (int i = 0; i < DAEMON_SIGNALS; i++) {
        int signum = daemon->signals[i].uv.signum;
        loop_signal_close(&daemon->signals[i]);
        signal(signum, SIG_IGN); /* it ends anyway, but stores first */
    }
}
