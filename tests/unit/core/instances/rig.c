/* The supervisor on a bench: see rig.h. */
#include "rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "keeper/keeper.h"
#include "platform/process.h"
#include "platform/system.h"

void
rig_main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "__keeper") == 0)
        exit(keeper_main(argc, argv));
}

/* ---- making ---- */

static const char manifest_format[] =
    "{\"name\":\"fake\",\"title\":\"Fake\",\"binaries\":[\"%s\"],"
    "\"install_hint\":\"Build it.\",\"version_args\":[\"--version\"],"
    "\"help_args\":[\"--help\"],\"argv\":[\"--host\",\"${host}\",\"--port\","
    "\"${port}\",\"--alias\",\"${name}\"],\"ready_path\":\"/health\","
    "\"probe\":{\"method\":\"POST\",\"path\":\"/v1/chat/completions\","
    "\"body\":\"{}\"},\"serves\":[\"/*\"],\"model_field\":\"keep\","
    "\"key\":{\"env\":\"FAKE_API_KEY\"},\"needs_model\":false,"
    "\"model_ids\":true,\"value_form\":\"separate\","
    "\"slots\":{\"default\":2},"
    "\"stop\":[{\"signal\":\"TERM\",\"wait_ms\":200},"
    "{\"signal\":\"TERM\",\"wait_ms\":100},"
    "{\"signal\":\"KILL\",\"wait_ms\":2000}],\"options\":["
    "{\"key\":\"ctx_size\",\"flag\":\"--ctx-size\",\"type\":\"int\","
    "\"min\":0,\"max\":1000000,\"group\":\"model\",\"help\":\"Context.\"},"
    "{\"key\":\"warp\",\"flag\":\"--warp-drive\",\"type\":\"int\",\"min\":0,"
    "\"max\":9,\"group\":\"model\",\"help\":\"Not there.\"}],"
    "\"errors\":["
    "{\"contains\":\"couldn't bind\",\"code\":\"port_in_use\","
    "\"advice\":\"Choose another port.\"},"
    "{\"contains\":\"no such model\",\"code\":\"model_missing\","
    "\"advice\":\"Check the model's path.\"},"
    "{\"contains\":\"out of memory\",\"code\":\"out_of_memory\","
    "\"advice\":\"Use a smaller model.\"}]}";

static void
take_event(struct rig *rig, const struct event *event)
{
    if (event->type == EVENT_INSTANCE_STATE) {
        const struct instance_change *change = event->payload;
        size_t n = strlen(rig->states);
        snprintf(rig->states + n, sizeof rig->states - n, "%s ",
                 instance_state_name(change->to));
    } else if (event->type == EVENT_INSTANCE_LOG) {
        const struct instance_line *line = event->payload;
        rig->n_lines++;
        rig->next_seq = line->seq + 1;
        if (rig->awaited_line != NULL &&
            str_contains((struct str){ line->text, line->n },
                         str_from(rig->awaited_line)))
            rig->has_line = true;
    }
}

static void
on_event(struct subscription *subscription, const struct event *event)
{
    take_event(LIST_ENTRY(subscription, struct rig, subscription), event);
}

void
rig_init(struct rig *rig, const char *data_dir)
{
    *rig = (struct rig){ .owns_folder = data_dir == NULL };
    snprintf(rig->data_dir, sizeof rig->data_dir, "%s",
             data_dir == NULL ? "/tmp/rig-XXXXXX" : data_dir);
    if (data_dir == NULL)
        assert_non_null(mkdtemp(rig->data_dir));
    rig->options = (struct instances_options){
        .orphan_timeout_s = 60,
        .health_interval_ms = 20,
        .health_timeout_ms = 300,
        .probe_interval_ms = 20,
        .probe_timeout_ms = 300,
        .backoff_min_ms = 20,
        .backoff_max_ms = 100,
        .stable_ms = 60000,
        .sample_interval_ms = 20,
    };
}

static void
add_fake_engine(struct rig *rig)
{
    char manifest[4096];
    struct error error;
    const char *path = getenv("HEARTH_FAKE_ENGINE");
    assert_non_null(path);
    /* The format is a constant above; the warning cannot see that. */
    struct strbuf text = STRBUF_INIT(sizeof manifest);
    const char *at = strstr(manifest_format, "%s");
    strbuf_add(&text, manifest_format, (size_t)(at - manifest_format));
    strbuf_add_text(&text, path);
    strbuf_add_text(&text, at + 2);
    if (engines_add(rig->engines, strbuf_view(&text), "rig", &error) != 0)
        fail_msg("%s", error.message);
    strbuf_release(&text);
}

void
rig_open(struct rig *rig)
{
    char self[512];
    struct error error = { .code = ERR_OK };
    assert_int_equal(system_self_path(self, sizeof self, &error), 0);
    assert_int_equal(loop_init(&rig->loop, &error), 0);
    events_init(&rig->events);
    if (store_open(&rig->loop, rig->data_dir, "rig", &rig->store, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(engines_new(&rig->engines, &error), 0);
    add_fake_engine(rig);
    rig->options.loop = &rig->loop;
    rig->options.events = &rig->events;
    rig->options.store = rig->store;
    rig->options.engines = rig->engines;
    rig->options.data_dir = rig->data_dir;
    rig->options.hearth_path = self;
    if (instances_new(&rig->options, &rig->instances, &error) != 0)
        fail_msg("%s", error.message);
    events_subscribe(&rig->events, &rig->subscription,
                     EVENT_BIT(INSTANCE_STATE) | EVENT_BIT(INSTANCE_LOG),
                     on_event);
}

/* ---- running ---- */

static void
on_tick(struct timer *timer)
{
    struct rig *rig = LIST_ENTRY(timer, struct rig, tick);
    rig->was_enough = rig->is_enough(rig);
    if (rig->was_enough || system_monotonic_ms() >= rig->deadline_ms)
        loop_stop(&rig->loop);
    else
        assert_int_equal(timer_start(&rig->loop, timer, 1), 0);
}

bool
rig_run(struct rig *rig, bool (*is_enough)(struct rig *rig), int64_t max_ms)
{
    rig->is_enough = is_enough;
    rig->was_enough = false;
    rig->deadline_ms = system_monotonic_ms() + max_ms;
    timer_init(&rig->tick, on_tick);
    assert_int_equal(timer_start(&rig->loop, &rig->tick, 0), 0);
    loop_run(&rig->loop);
    return rig->was_enough;
}

static bool
is_in_state(struct rig *rig)
{
    struct instance_view view;
    return instances_view(rig->instances, rig->watched, &view) == 0 &&
           view.state == rig->watched_state;
}

bool
rig_wait_state(struct rig *rig, const struct profile *profile,
               enum instance_state state, int64_t max_ms)
{
    rig->watched = profile->id;
    rig->watched_state = state;
    if (rig_run(rig, is_in_state, max_ms))
        return true;
    struct instance_view view;
    if (instances_view(rig->instances, profile->id, &view) == 0)
        print_error("%s is %s (%s) %s; so far: %s\n", profile->name,
                    instance_state_name(view.state), view.reason,
                    view.error.message, rig->states);
    return false;
}

static bool
has_line(struct rig *rig)
{
    return rig->has_line;
}

bool
rig_wait_line(struct rig *rig, const char *text, int64_t max_ms)
{
    rig->awaited_line = strdup(text);
    rig->has_line = false;
    bool was_seen = rig_run(rig, has_line, max_ms);
    free(rig->awaited_line);
    rig->awaited_line = NULL;
    return was_seen;
}

static bool
never(struct rig *rig)
{
    (void)rig;
    return false;
}

void
rig_pass(struct rig *rig, int64_t ms)
{
    (void)rig_run(rig, never, ms);
}

/* ---- profiles ---- */

struct profile *
rig_profile(struct rig *rig, const char *name, const char *flags)
{
    char env[1024];
    struct profile *profile = profile_new();
    assert_non_null(profile);
    assert_true(rig->n_profiles < RIG_PROFILES);
    snprintf(profile->id, sizeof profile->id, "prf_%s", name);
    snprintf(env, sizeof env, "{\"FAKE_ENGINE\":\"%s\"}", flags);
    assert_int_equal(profile_set_text(&profile->name, str_from(name)), 0);
    assert_int_equal(profile_set_text(&profile->engine, STR("fake")), 0);
    assert_int_equal(profile_set_text(&profile->host, STR("127.0.0.1")), 0);
    assert_int_equal(profile_set_text(&profile->env_json, str_from(env)), 0);
    profile->orphan_timeout_s = -1;
    profile->load_timeout_s = 30;
    profile->restart_policy = RESTART_NEVER;
    rig->profiles[rig->n_profiles++] = profile;
    return profile;
}

void
rig_policy(struct rig *rig, struct profile *profile, enum restart_policy policy)
{
    (void)rig;
    profile->restart_policy = policy;
}

void
rig_start(struct rig *rig, struct profile *profile)
{
    struct error error = { .code = ERR_OK };
    if (instances_start(rig->instances, profile, "test", &error) != 0)
        fail_msg("%s: %s", error.field, error.message);
}

void
rig_view(struct rig *rig, const struct profile *profile,
         struct instance_view *ret_view)
{
    assert_int_equal(instances_view(rig->instances, profile->id, ret_view), 0);
}

/* ---- the end ---- */

static int
remove_entry(const char *path, const struct stat *info, int kind,
             struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

static void
on_down(void *ctx)
{
    struct rig *rig = ctx;
    rig->is_down = true;
}

static bool
is_down(struct rig *rig)
{
    return rig->is_down;
}

static void
close_rest(struct rig *rig)
{
    events_unsubscribe(&rig->subscription);
    instances_free(rig->instances);
    store_close(rig->store);
    loop_close(&rig->loop);
    engines_free(rig->engines);
    for (int i = 0; i < rig->n_profiles; i++)
        profile_unref(rig->profiles[i]);
}

void
rig_close(struct rig *rig)
{
    instances_shutdown(rig->instances, on_down, rig);
    assert_true(rig_run(rig, is_down, 20000));
    close_rest(rig);
    if (rig->owns_folder)
        assert_int_equal(
            nftw(rig->data_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

void
rig_abandon(struct rig *rig)
{
    close_rest(rig);
}

/* ---- looking at the outside ---- */

long
rig_stat(const struct instance_view *view, const char *name)
{
    char request[512];
    char answer[4096];
    char key[64];
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port =
                                       htons((uint16_t)view->address.port) };
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address),
                     0);
    int n = snprintf(request, sizeof request,
                     "GET /stats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                     "%s\r\nConnection: close\r\n\r\n",
                     view->api_key);
    assert_int_equal(send(fd, request, (size_t)n, 0), n);
    size_t got = 0;
    ssize_t piece;
    while ((piece = recv(fd, answer + got, sizeof answer - 1 - got, 0)) > 0)
        got += (size_t)piece;
    answer[got] = '\0';
    close(fd);
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(answer, key);
    assert_non_null(at);
    return strtol(at + strlen(key), NULL, 10);
}

bool
rig_process_is_gone(int64_t pid, int64_t max_ms)
{
    uint64_t ticks = 0;
    for (int64_t i = 0; i <= max_ms / 5; i++) {
        if (process_start_ticks(pid, &ticks) != 0)
            return true;
        nanosleep(&(struct timespec){ 0, 5000000 }, NULL);
    }
    return false;
}

int
rig_count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        n++;
    closedir(folder);
    return n;
}

int
rig_count_children(void)
{
    int64_t pids[256];
    return process_children(pids, 256);
}
