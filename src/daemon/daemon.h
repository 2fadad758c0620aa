/* The daemon: everything that `hearth serve` holds, in the order in which it
 * is opened. Closing goes the other way round.
 *
 *   serve.c     the phases of start-up, the words it prints
 *   wiring.c    opens each module and hands it to the next
 *   places.c    where the library looks
 *   reload.c    SIGHUP and changed settings: who has to hear of it
 *   shutdown.c  SIGTERM and SIGINT: drain, stop the engines, close */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "api/api.h"
#include "base/limits.h"
#include "core/auth/auth.h"
#include "core/downloads/downloads.h"
#include "core/hub/hub.h"
#include "core/instances/instances.h"
#include "core/library/library.h"
#include "core/llama/llama.h"
#include "core/logs/logs.h"
#include "core/metrics/metrics.h"
#include "core/presets/presets.h"
#include "core/profiles/profiles.h"
#include "core/router/router.h"
#include "core/settings/settings.h"
#include "engines/engines.h"
#include "gateway/gateway.h"
#include "http/server.h"
#include "io/fetch.h"
#include "io/loop.h"
#include "store/store.h"

enum { DAEMON_SIGNALS = 3 };

struct daemon {
    struct loop loop;
    struct settings *settings;
    struct store *store;
    uint64_t n_lost; /* changes of the store that nobody waited for */
    int64_t lost_told_ms;
    struct events events;
    struct fetcher *fetcher;
    struct logs *logs;
    struct activity *activity;
    struct engines *engines;
    struct library *library;
    struct hub *hub;
    struct downloads *downloads;
    struct profiles *profiles;
    struct instances *instances;
    struct router *router;
    struct presets *presets;
    struct llama *llama;
    struct metrics *metrics;
    struct auth *auth;
    struct gateway *gateway;
    struct api *api;
    struct http_server *server;
    struct address bound; /* the TCP address, with the real port */
    struct loop_signal signals[DAEMON_SIGNALS];
    struct subscription on_setting;
    struct subscription on_profile;
    struct subscription on_instance;
    struct deferred reconfigure; /* after settings changed in this turn */
    char *const *environment;
    char data_dir[LIMIT_PATH_BYTES];
    char models_dir[LIMIT_PATH_BYTES]; /* when models_dirs names none */
    char socket_path[LIMIT_PATH_BYTES];
    char hearth_path[LIMIT_PATH_BYTES];
    char engine_threads[16]; /* "" or a number */
    int64_t started_at_ms;
    int exit_code;
    bool is_loop_open;
    bool has_signals;
    bool is_stopping;
    bool is_hasty; /* asked twice to stop: nothing is waited for */
    bool is_router_draining;
};

/* Opens everything but the listeners. -1 with `error`; what was opened is
 * closed by daemon_close. */
int daemon_open(struct daemon *daemon, const struct settings_sources *sources,
                struct error *error);
/* Frees what daemon_open made; the loop must have ended. */
void daemon_close(struct daemon *daemon);

/* Whether each engine that the settings give a path exists. */
int daemon_check_engines(struct daemon *daemon, struct error *error);

/* Takes over the `profiles:` of the file; an error names file and line. */
int daemon_declare_profiles(struct daemon *daemon, struct error *error);

/* Lets SIGHUP and changed settings through from now on. */
int daemon_watch(struct daemon *daemon, struct error *error);
void daemon_unwatch(struct daemon *daemon);

/* Begins the orderly end; a second call shortens it. */
void daemon_stop(struct daemon *daemon);

/* The folders of the library as the settings name them, else
 * <data_dir>/models. Views into `settings`; at most `max`. */
size_t daemon_model_roots(const struct daemon *daemon, struct str *ret_roots,
                          size_t max);
/* The first of them. */
void daemon_first_root(const struct daemon *daemon,
                       char ret_path[LIMIT_PATH_BYTES]);
/* Those folders, the other programs' stores, and what else the library is
 * told; views into itself and `settings`. */
enum { DAEMON_ROOTS_MAX = 64, DAEMON_PLACES_MAX = 60 };
struct daemon_library {
    struct library_options options;
    struct str roots[DAEMON_ROOTS_MAX];
    struct library_place places[DAEMON_PLACES_MAX];
    char texts[DAEMON_PLACES_MAX][LIMIT_PATH_BYTES];
};
void daemon_library_options(struct daemon *daemon,
                            struct daemon_library *ret_library);
/* Hugging Face's cache folder as its own tools find it; false: there is none
 * for this user. */
bool daemon_hub_cache(const struct daemon *daemon,
                      char ret_path[LIMIT_PATH_BYTES]);
/* Whether the library searches that program's store. */
bool daemon_has_source(const struct daemon *daemon, enum model_source source);
/* What core/downloads and core/hub are told; views likewise. */
struct daemon_downloads {
    struct downloads_options options;
    struct str roots[DAEMON_ROOTS_MAX];
    char cache_dir[LIMIT_PATH_BYTES];
    char download_dir[LIMIT_PATH_BYTES];
};
void daemon_downloads_options(struct daemon *daemon,
                              struct daemon_downloads *ret_downloads);
void daemon_hub_options(struct daemon *daemon, struct hub_options *ret_options);
/* Options of modules that can be changed while running. */
void daemon_router_options(struct daemon *daemon,
                           struct router_options *ret_options);
void daemon_instances_options(struct daemon *daemon,
                              struct instances_options *ret_options);
void daemon_auth_options(struct daemon *daemon,
                         struct auth_options *ret_options);
void daemon_logs_config(const struct daemon *daemon,
                        struct logs_config *ret_config);
void daemon_activity_config(const struct daemon *daemon,
                            struct activity_config *ret_config);
/* No log entry may say a secret that is a setting. */
void daemon_hide_secrets(struct daemon *daemon);

#endif
