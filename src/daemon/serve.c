/* `hearth serve`: the phases of a start.
 *
 *   open     settings, store, modules                     (blocking)
 *   scan     the library, so that every model has a name  (loop)
 *   attach   engines of an earlier run                    (loop)
 *   listen   TCP and the unix socket; print where         (loop)
 *   begin    auto-start and preload
 *
 * Anything that fails before `listen` ends the program with the reason on
 * standard error and exit code 2 (configuration) or 1 (the rest). */
#include "daemon/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/limits.h"
#include "daemon/daemon.h"
#include "io/address.h"

extern char **environ;

static void
fail(struct daemon *daemon, const struct error *error)
{
    fprintf(stderr, "hearth: %s\n", error->message);
    daemon->exit_code = error->code == ERR_INVALID ? 2 : 1;
}

/* Each client and each engine needs a descriptor: take what is allowed. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void
on_request(void *ctx, struct http_exchange *exchange)
{
    struct daemon *daemon = ctx;
    api_request(daemon->api, exchange);
}

static void
on_refuse(void *ctx, struct str path, int status, const char *message,
          struct strbuf *ret_body)
{
    (void)ctx;
    api_refuse(path, status, message, ret_body);
}

static bool
is_origin_allowed(void *ctx, struct str origin)
{
    struct daemon *daemon = ctx;
    return auth_has_origin(daemon->auth, origin);
}

static int
make_server(struct daemon *daemon, struct error *error)
{
    const struct settings *settings = daemon->settings;
    const char *const *texts;
    size_t n = settings_list(settings, SETTING_ID_TRUSTED_PROXIES, &texts);
    struct str proxies[64];
    if (n > 64)
        n = 64;
    for (size_t i = 0; i < n; i++)
        proxies[i] = str_from(texts[i]);
    const struct http_server_options options = {
        .base_path = settings_text(settings, SETTING_ID_BASE_PATH),
        .trusted_proxies = proxies,
        .n_trusted_proxies = n,
        .max_body_bytes =
            (size_t)settings_int(settings, SETTING_ID_MAX_BODY_BYTES),
        .rate_limit_per_s =
            (int)settings_int(settings, SETTING_ID_RATE_LIMIT_PER_S),
        .ctx = daemon,
        .on_request = on_request,
        .on_refuse = on_refuse,
        .is_origin_allowed = is_origin_allowed,
    };
    daemon->server = http_server_new(&daemon->loop, &options, error);
    return daemon->server == NULL ? -1 : 0;
}

/* Where the settings want us; names are not looked up. */
static int
read_host(const struct settings *settings, struct address *ret_tcp,
          struct error *error)
{
    const char *host = settings_text(settings, SETTING_ID_HOST);
    struct sockaddr_storage sockaddr;
    socklen_t n;
    *ret_tcp = (struct address){
        .port = (int)settings_int(settings, SETTING_ID_PORT),
    };
    snprintf(ret_tcp->host, sizeof ret_tcp->host, "%s", host);
    if (address_to_sockaddr(ret_tcp, &sockaddr, &n, NULL) == 0)
        return 0;
    return error_field(error, "host",
                       "host: \"%s\" is not an address in numbers, such as "
                       "127.0.0.1, ::1 or 0.0.0.0",
                       host);
}

static int
listen_everywhere(struct daemon *daemon, struct error *error)
{
    const struct settings *settings = daemon->settings;
    struct address tcp;
    if (read_host(settings, &tcp, error) < 0)
        return -1;
    if (!address_is_loopback(&tcp) && !auth_has_admin_key(daemon->auth))
        return error_field(
            error, "host",
            "host: \"%s\" is beyond loopback, and there is no admin key; "
            "make one first: hearth key create --scope admin",
            tcp.host);
    struct address local = { .is_unix = true };
    if (snprintf(local.host, sizeof local.host, "%s", daemon->socket_path) >=
        (int)sizeof local.host)
        return error_field(error, "data_dir",
                           "data_dir: the path is too long for a socket "
                           "(%zu bytes at most): %s",
                           sizeof local.host - sizeof "/hearth.sock",
                           daemon->data_dir);
    if (make_server(daemon, error) < 0 ||
        http_server_listen(daemon->server, &tcp, &daemon->bound, error) < 0 ||
        http_server_listen(daemon->server, &local, NULL, error) < 0)
        return -1;
    profiles_set_own_port(daemon->profiles, daemon->bound.port);
    return 0;
}

static void
print_models_dir(const struct daemon *daemon)
{
    struct str roots[64];
    daemon_model_roots(daemon, roots, 64);
    printf("no model is known yet: put a .gguf file into %.*s\n",
           STR_ARG(roots[0]));
}

/* What a user copies from the terminal. */
static void
print_address(struct daemon *daemon)
{
    const char *base = settings_text(daemon->settings, SETTING_ID_BASE_PATH);
    const char *host = daemon->bound.host;
    bool is_any = strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    bool is_v6 = !is_any && strchr(host, ':') != NULL;
    char url[512];
    snprintf(url, sizeof url, "http://%s%s%s:%d%s", is_v6 ? "[" : "",
             is_any ? "127.0.0.1" : host, is_v6 ? "]" : "", daemon->bound.port,
             base);
    api_set_url(daemon->api, url);
    printf("hearth %s serves at %s\n", HEARTH_VERSION, url);
    char secret[KEY_SECRET_BYTES];
    if (auth_link_create(daemon->auth, secret, NULL) == 0)
        printf("dashboard (link works once): %s/?link=%s\n", url, secret);
    const char *model = NULL;
    if (profiles_count(daemon->profiles) > 0)
        model = profiles_at(daemon->profiles, 0)->name;
    else if (library_count(daemon->library) > 0)
        model = library_at(daemon->library, 0)->name;
    if (model != NULL)
        printf("try it: curl %s/v1/chat/completions -H 'Content-Type: "
               "application/json' -d '{\"model\":\"%s\",\"messages\":"
               "[{\"role\":\"user\",\"content\":\"hello\"}]}'\n",
               url, model);
    else
        print_models_dir(daemon);
    fflush(stdout);
    /* Who reads the log later sees when it was started. */
    events_log(&daemon->events, LOG_INFO, "daemon", "%s serves at %s",
               HEARTH_VERSION, url);
}

static void
start_model(struct daemon *daemon, struct profile *profile)
{
    struct error error;
    if (router_load(daemon->router, profile, &error) < 0)
        events_log(&daemon->events, LOG_ERROR, "daemon", "auto start of %s: %s",
                   profile->name, error.message);
}

static void
begin_engines(struct daemon *daemon)
{
    for (size_t i = 0; i < profiles_count(daemon->profiles); i++) {
        struct profile *profile = profiles_at(daemon->profiles, i);
        if (profile->is_auto_start)
            start_model(daemon, profile);
    }
    const char *const *names;
    size_t n = settings_list(daemon->settings, SETTING_ID_PRELOAD, &names);
    for (size_t i = 0; i < n; i++) {
        struct profile *profile =
            profiles_resolve(daemon->profiles, str_from(names[i]));
        struct error error;
        if (profile != NULL &&
            router_preload(daemon->router, profile, &error) < 0)
            events_log(&daemon->events, LOG_ERROR, "daemon",
                       "preload of %s: %s", names[i], error.message);
        else if (profile == NULL)
            events_log(&daemon->events, LOG_ERROR, "daemon",
                       "preload: there is no model \"%s\"", names[i]);
    }
}

static void
on_attached(void *ctx)
{
    struct daemon *daemon = ctx;
    struct error error;
    if (daemon->is_stopping)
        return;
    if (listen_everywhere(daemon, &error) < 0 ||
        daemon_watch(daemon, &error) < 0) {
        fail(daemon, &error);
        daemon_stop(daemon);
        return;
    }
    print_address(daemon);
    begin_engines(daemon);
}

static struct profile *
find_profile(void *ctx, const char *id)
{
    struct daemon *daemon = ctx;
    return profiles_get(daemon->profiles, str_from(id));
}

static void
on_scanned(void *ctx)
{
    struct daemon *daemon = ctx;
    struct error error;
    if (daemon_declare_profiles(daemon, &error) < 0) {
        fail(daemon, &error);
        daemon_stop(daemon);
        return;
    }
    instances_attach_all(daemon->instances, find_profile, on_attached, daemon);
}

int
daemon_serve(const struct setting_flag *flags, size_t n_flags,
             const char *config_path)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error */
    raise_descriptor_limit();
    struct daemon *daemon = calloc(1, sizeof *daemon);
    if (daemon == NULL) {
        fprintf(stderr, "hearth: out of memory\n");
        return 1;
    }
    const struct settings_sources sources = {
        .flags = flags,
        .n_flags = n_flags,
        .environment = environ,
        .file_path = config_path,
        .is_file_required = config_path != NULL,
    };
    struct error error;
    if (daemon_open(daemon, &sources, &error) < 0) {
        fail(daemon, &error);
    } else {
        library_scan(daemon->library, on_scanned, daemon);
        loop_run(&daemon->loop);
        daemon_unwatch(daemon);
    }
    daemon_close(daemon);
    int exit_code = daemon->exit_code;
    free(daemon);
    return exit_code;
}
