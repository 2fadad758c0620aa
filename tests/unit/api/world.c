/* The control plane under test: see world.h. */
#include "world.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <ftw.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "io/timer.h"

struct world {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_up, is_over;
    struct loop loop;
    struct events events;
    struct store *store;
    struct settings *settings;
    struct fetcher *fetcher;
    struct api_options parts;
    struct api *api;
    struct http_server *server;
    struct address bound;
    char folder[64];
    char models[80];
    char socket_path[96];
    const char *const *environment;
};

static void
must(int result, const struct error *error, const char *what)
{
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s %s\n", what, error->field, error->message);
    abort();
}

/* ---- the hooks: a gateway ---- */

static bool
handles(void *ctx, struct str method, struct str path)
{
    (void)ctx;
    (void)method;
    return str_starts_with(path, STR("/v1/models")) ||
           str_is(path, "/v1/chat/completions") ||
           str_is(path, "/v1/messages") || str_is(path, "/models") ||
           str_is(path, "/models/load") || str_is(path, "/metrics");
}

static void
relay(void *ctx, struct http_exchange *exchange, const struct auth_answer *who)
{
    static const struct http_exchange_ops ops = { NULL };
    (void)ctx;
    http_set_ops(exchange, &ops, NULL);
    struct http_header header = { STR("X-Who"), who->who == WHO_KEY
                                                    ? STR("key")
                                                    : STR("other") };
    http_respond(exchange, 200, (struct http_headers){ &header, 1 },
                 "application/json", STR("{\"object\":\"list\"}"));
}

/* ---- opening and closing, on the loop's thread ---- */

static void
on_request(void *ctx, struct http_exchange *exchange)
{
    struct world *world = ctx;
    api_request(world->api, exchange);
}

static void
on_refuse(void *ctx, struct str path, int status, const char *message,
          struct strbuf *ret_body)
{
    (void)ctx;
    api_refuse(path, status, message, ret_body);
}

static void
open_core(struct world *world)
{
    struct error error = { .code = ERR_OK };
    struct api_options *parts = &world->parts;
    static const char *const nothing[] = { NULL };
    struct settings_sources sources = {
        .environment = (char *const *)(uintptr_t)(world->environment == NULL
                                                      ? nothing
                                                      : world->environment),
    };
    must(settings_load(&sources, &world->settings, &error), &error,
         "settings_load");
    must(store_open(&world->loop, world->folder, "test", &world->store, &error),
         &error, "store_open");
    struct logs_options logs = { .loop = &world->loop,
                                 .events = &world->events,
                                 .store = world->store,
                                 .data_dir = world->folder,
                                 .fd = STDERR_FILENO,
                                 .config = { .level = LOG_INFO,
                                             .has_files = true,
                                             .has_store = true,
                                             .max_file_bytes = 1 << 20,
                                             .n_files = 3,
                                             .n_remembered = 100,
                                             .n_stored = 1000 } };
    must(logs_new(&logs, &parts->logs, &error), &error, "logs_new");
    events_log(&world->events, LOG_WARN, "test", "line 1");
    events_log(&world->events, LOG_WARN, "test", "line 2");
    must(settings_attach(world->settings, world->store, &world->events, &error),
         &error, "settings_attach");
    must(engines_new(&parts->engines, &error), &error, "engines_new");
    struct str root = str_from(world->models);
    struct library_options library = { &world->loop, &world->events,
                                       world->store, &root, 1 };
    must(library_new(&library, &parts->library, &error), &error, "library_new");
    const struct fetcher_options fetcher = { .loop = &world->loop,
                                             .user_agent = "test" };
    must(fetcher_new(&fetcher, &world->fetcher, &error), &error, "fetcher_new");
    /* Nothing outside is asked. */
    const struct hub_options hub = { .loop = &world->loop,
                                     .events = &world->events,
                                     .fetcher = world->fetcher,
                                     .huggingface_endpoint = "https://hub",
                                     .huggingface_token = "",
                                     .civitai_endpoint = "https://civitai",
                                     .civitai_token = "",
                                     .is_offline = true };
    must(hub_new(&hub, &parts->hub, &error), &error, "hub_new");
    const struct downloads_options downloads = { .loop = &world->loop,
                                                 .events = &world->events,
                                                 .store = world->store,
                                                 .fetcher = world->fetcher,
                                                 .library = parts->library,
                                                 .cache_dir = world->folder,
                                                 .download_dir = world->models,
                                                 .roots = &root,
                                                 .n_roots = 1,
                                                 .huggingface_token = "",
                                                 .civitai_token = "",
                                                 .limit_hours = "",
                                                 .max_concurrent = 1,
                                                 .n_connections = 1,
                                                 .stall_ms = 1000 };
    must(downloads_new(&downloads, &parts->downloads, &error), &error,
         "downloads_new");
    struct profiles_options profiles = {
        .loop = &world->loop,
        .events = &world->events,
        .store = world->store,
        .engines = parts->engines,
        .library = parts->library,
        .port_start = 20240,
    };
    must(profiles_new(&profiles, &parts->profiles, &error), &error,
         "profiles_new");
    struct instances_options instances = {
        .loop = &world->loop,
        .events = &world->events,
        .store = world->store,
        .engines = parts->engines,
        .data_dir = world->folder,
        .hearth_path = "/nonexistent/hearth",
        .orphan_timeout_s = 1,
    };
    must(instances_new(&instances, &parts->instances, &error), &error,
         "instances_new");
    const struct presets_options presets = {
        .loop = &world->loop,
        .events = &world->events,
        .engines = parts->engines,
        .data_dir = world->folder,
    };
    must(presets_new(&presets, &parts->presets, &error), &error, "presets_new");
    const struct llama_options llama = {
        .loop = &world->loop,
        .events = &world->events,
        .instances = parts->instances,
        .profiles = parts->profiles,
        .library = parts->library,
        .presets = parts->presets,
        .engines = parts->engines,
    };
    must(llama_new(&llama, &parts->llama, &error), &error, "llama_new");
    struct router_options router = { .llama = parts->llama,
                                     .loop = &world->loop,
                                     .events = &world->events,
                                     .instances = parts->instances,
                                     .profiles = parts->profiles,
                                     .engines = parts->engines,
                                     .models_max = 2,
                                     .drain_after_ms = 1000,
                                     .drain_timeout_ms = 1000 };
    must(router_new(&router, &parts->router, &error), &error, "router_new");
    const struct metrics_options metrics = {
        .loop = &world->loop,
        .events = &world->events,
        .instances = parts->instances,
        .store = world->store,
        .models_dir = world->models,
        .data_dir = world->folder,
    };
    must(metrics_new(&metrics, &parts->metrics, &error), &error, "metrics_new");
}

static void
open_surface(struct world *world)
{
    struct error error = { .code = ERR_OK };
    struct api_options *parts = &world->parts;
    struct auth_options auth = { .loop = &world->loop,
                                 .events = &world->events,
                                 .store = world->store,
                                 .is_loopback_bound = true,
                                 .owner_uid = (int64_t)geteuid() };
    auth.n_allowed_hosts = settings_list(
        world->settings, SETTING_ID_ALLOWED_HOSTS, &auth.allowed_hosts);
    auth.n_cors_origins = settings_list(
        world->settings, SETTING_ID_CORS_ORIGINS, &auth.cors_origins);
    must(auth_new(&auth, &parts->auth, &error), &error, "auth_new");
    struct activity_options activity = { .loop = &world->loop,
                                         .events = &world->events,
                                         .store = world->store,
                                         .config = { .n_stored = 100 } };
    must(activity_new(&activity, &parts->activity, &error), &error,
         "activity_new");
    parts->loop = &world->loop;
    parts->events = &world->events;
    parts->settings = world->settings;
    parts->version = "0.0.1";
    parts->data_dir = world->folder;
    parts->started_at_ms = loop_wall_ms();
    parts->heartbeat_ms = 200;
    parts->hooks = (struct api_hooks){ .ctx = world,
                                       .gateway_handles = handles,
                                       .gateway_request = relay };
    world->api = api_new(parts);
    assert_non_null(world->api);
    const struct str loopback = STR("127.0.0.1");
    struct http_server_options options = { .base_path = "",
                                           .trusted_proxies = &loopback,
                                           .n_trusted_proxies = 1,
                                           .ctx = world,
                                           .on_request = on_request,
                                           .on_refuse = on_refuse };
    world->server = http_server_new(&world->loop, &options, &error);
    assert_non_null(world->server);
    struct address tcp = { .host = "127.0.0.1" };
    must(http_server_listen(world->server, &tcp, &world->bound, &error), &error,
         "listen");
    struct address local = { .is_unix = true };
    snprintf(local.host, sizeof local.host, "%s", world->socket_path);
    must(http_server_listen(world->server, &local, NULL, &error), &error,
         "listen");
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", world->bound.port);
    assert_int_equal(api_set_url(world->api, url), 0);
}

static void
on_downloads_stopped(void *ctx)
{
    struct world *world = ctx;
    loop_stop(&world->loop);
}

static void
on_instances_down(void *ctx)
{
    struct world *world = ctx;
    downloads_stop(world->parts.downloads, on_downloads_stopped, world);
}

static void
on_server_closed(void *ctx)
{
    struct world *world = ctx;
    instances_shutdown(world->parts.instances, on_instances_down, world);
}

static void
on_drained(void *ctx)
{
    struct world *world = ctx;
    http_server_close(world->server, on_server_closed, world);
}

static void
close_world(void *arg)
{
    struct world *world = arg;
    api_end_streams(world->api);
    http_server_drain(world->server, 2000, on_drained, world);
}

static void
release(struct world *world)
{
    struct api_options *parts = &world->parts;
    fetcher_stop(world->fetcher);
    metrics_free(parts->metrics);
    router_free(parts->router);
    llama_free(parts->llama);
    presets_free(parts->presets);
    instances_free(parts->instances);
    profiles_free(parts->profiles);
    downloads_free(parts->downloads);
    hub_free(parts->hub);
    fetcher_free(world->fetcher);
    library_free(parts->library);
    logs_free(parts->logs);
    store_close(world->store);
    api_free(world->api);
    activity_free(parts->activity);
    auth_free(parts->auth);
    engines_free(parts->engines);
    loop_close(&world->loop);
    settings_free(world->settings);
}

static void *
run(void *arg)
{
    struct world *world = arg;
    struct error error = { .code = ERR_OK };
    must(loop_init(&world->loop, &error), &error, "loop_init");
    events_init(&world->events);
    open_core(world);
    open_surface(world);
    pthread_mutex_lock(&world->lock);
    world->is_up = true;
    pthread_cond_broadcast(&world->changed);
    pthread_mutex_unlock(&world->lock);
    loop_run(&world->loop);
    release(world);
    return NULL;
}

struct world *
world_new(const char *const *environment)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    const char *tmp = getenv("TMPDIR");
    snprintf(world->folder, sizeof world->folder, "%s/hearth-api-XXXXXX",
             tmp == NULL || strlen(tmp) > 30 ? "/tmp" : tmp);
    assert_non_null(mkdtemp(world->folder));
    snprintf(world->socket_path, sizeof world->socket_path, "%s/hearth.sock",
             world->folder);
    snprintf(world->models, sizeof world->models, "%s/models", world->folder);
    assert_int_equal(mkdir(world->models, 0700), 0);
    char path[160];
    snprintf(path, sizeof path, "%s/m.gguf", world->models);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    world->environment = environment;
    pthread_mutex_init(&world->lock, NULL);
    pthread_cond_init(&world->changed, NULL);
    assert_int_equal(pthread_create(&world->thread, NULL, run, world), 0);
    pthread_mutex_lock(&world->lock);
    while (!world->is_up)
        pthread_cond_wait(&world->changed, &world->lock);
    pthread_mutex_unlock(&world->lock);
    return world;
}

static int
remove_entry(const char *path, const struct stat *stat, int type,
             struct FTW *walk)
{
    return remove(path);
}

void
world_free(struct world *world)
{
    assert_int_equal(loop_post(&world->loop, close_world, world), 0);
    pthread_join(world->thread, NULL);
    pthread_mutex_destroy(&world->lock);
    pthread_cond_destroy(&world->changed);
    assert_int_equal(nftw(world->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS),
                     0);
    free(world);
}

int
world_port(const struct world *world)
{
    return world->bound.port;
}

const char *
world_models(const struct world *world)
{
    return world->models;
}

struct api_options *
world_parts(struct world *world)
{
    return &world->parts;
}

struct task {
    struct world *world;
    void (*fn)(struct world *world, void *arg);
    void *arg;
    bool is_done;
};

static void
run_task(void *arg)
{
    struct task *task = arg;
    task->fn(task->world, task->arg);
    pthread_mutex_lock(&task->world->lock);
    task->is_done = true;
    pthread_cond_broadcast(&task->world->changed);
    pthread_mutex_unlock(&task->world->lock);
}

void
world_do(struct world *world, void (*fn)(struct world *world, void *arg),
         void *arg)
{
    struct task task = { world, fn, arg, false };
    assert_int_equal(loop_post(&world->loop, run_task, &task), 0);
    pthread_mutex_lock(&world->lock);
    while (!task.is_done)
        pthread_cond_wait(&world->changed, &world->lock);
    pthread_mutex_unlock(&world->lock);
}

/* ---- the client ---- */

static int
connect_to(const struct world *world, bool is_unix)
{
    struct sockaddr_in tcp = { .sin_family = AF_INET,
                               .sin_port = htons((uint16_t)world->bound.port) };
    tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_un local = { .sun_family = AF_UNIX };
    snprintf(local.sun_path, sizeof local.sun_path, "%s", world->socket_path);
    int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval patience = { .tv_sec = 20 };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int result = is_unix ? connect(fd, (struct sockaddr *)&local, sizeof local)
                         : connect(fd, (struct sockaddr *)&tcp, sizeof tcp);
    assert_int_equal(result, 0);
    return fd;
}

static void
send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* refused early: the answer says so */
        bytes += sent;
        n -= (size_t)sent;
    }
}

static int
send_question(struct world *world, const struct question *q, bool is_last)
{
    struct strbuf head = STRBUF_INIT(64 * KIB);
    char host[64];
    snprintf(host, sizeof host, "127.0.0.1:%d", world->bound.port);
    strbuf_addf(&head, "%s %s HTTP/1.1\r\nHost: %s\r\n", q->method, q->target,
                q->host == NULL ? host : q->host);
    if (is_last)
        strbuf_add_text(&head, "Connection: close\r\n");
    if (q->headers != NULL)
        strbuf_add_text(&head, q->headers);
    size_t n_body = q->body == NULL ? 0
                    : q->n_body > 0 ? q->n_body
                                    : strlen(q->body);
    if (q->body != NULL || q->declared > 0)
        strbuf_addf(&head, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                    q->type == NULL ? "application/json" : q->type,
                    q->declared > 0 ? q->declared : n_body);
    strbuf_add_text(&head, "\r\n");
    int fd = connect_to(world, q->is_unix);
    send_all(fd, head.p, head.n);
    if (n_body > 0)
        send_all(fd, q->body, n_body);
    strbuf_release(&head);
    return fd;
}

int
ask_open(struct world *world, const struct question *question)
{
    return send_question(world, question, false);
}

bool
read_until(int fd, const char *text, struct strbuf *into)
{
    char bytes[4096];
    size_t seen = 0; /* what has been searched */
    for (;;) {
        struct str news = strbuf_view(into);
        if (news.n > 0) {
            news.p += seen;
            news.n -= seen;
        }
        if (text != NULL && str_contains(news, str_from(text)))
            return true;
        size_t overlap = text == NULL ? 0 : strlen(text);
        seen = into->n > overlap ? into->n - overlap : 0;
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        if (n <= 0)
            return text == NULL && n == 0;
        strbuf_add(into, bytes, (size_t)n);
    }
}

static void
join_chunks(struct str rest, struct strbuf *out)
{
    size_t n;
    while (rest.n > 0 && (n = strtoul(rest.p, NULL, 16)) > 0) {
        ptrdiff_t end = str_find(rest, '\n');
        assert_true(end > 0 && (size_t)end + 1 + n + 2 <= rest.n);
        strbuf_add(out, rest.p + end + 1, n);
        rest.p += (size_t)end + n + 3;
        rest.n -= (size_t)end + n + 3;
    }
}

static void
split_answer(const struct strbuf *all, struct answer *answer)
{
    const char *end = strstr(strbuf_text(all), "\r\n\r\n");
    assert_non_null(end);
    assert_int_equal(strncmp(all->p, "HTTP/1.1 ", 9), 0);
    answer->status = (int)strtol(all->p + 9, NULL, 10);
    size_t n = (size_t)(end - all->p) + 2;
    assert_true(n < sizeof answer->headers);
    bool is_name = true;
    for (size_t i = 0; i < n; i++) {
        char c = all->p[i];
        answer->headers[i] = is_name ? (char)tolower((unsigned char)c) : c;
        is_name = c == '\n' || (is_name && c != ':');
    }
    answer->headers[n] = '\0';
    struct str body = { end + 4, all->n - (size_t)(end - all->p) - 4 };
    if (strstr(answer->headers, "\ntransfer-encoding: chunked\r") != NULL)
        join_chunks(body, &answer->body);
    else
        strbuf_add_str(&answer->body, body);
}

void
ask(struct world *world, const struct question *question,
    struct answer *ret_answer)
{
    *ret_answer = (struct answer){ .body = STRBUF_INIT(ASK_BYTES_MAX) };
    struct strbuf all = STRBUF_INIT(ASK_BYTES_MAX);
    int fd = send_question(world, question, true);
    bool is_whole = read_until(fd, NULL, &all);
    close(fd);
    if (!is_whole && all.n == 0) {
        fprintf(stderr, "no answer to %s %s\n", question->method,
                question->target);
        fail();
    }
    split_answer(&all, ret_answer);
    strbuf_release(&all);
}

void
answer_release(struct answer *answer)
{
    strbuf_release(&answer->body);
}

const char *
answer_header(const struct answer *answer, const char *name)
{
    static char value[1024];
    char key[128];
    snprintf(key, sizeof key, "\n%s:", name);
    const char *at = strstr(answer->headers, key);
    value[0] = '\0';
    if (at == NULL)
        return value;
    at += strlen(key);
    at += strspn(at, " ");
    snprintf(value, sizeof value, "%.*s", (int)strcspn(at, "\r\n"), at);
    return value;
}
