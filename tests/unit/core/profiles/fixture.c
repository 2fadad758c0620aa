#include "fixture.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/file.h"

static void
on_event(struct subscription *subscription, const struct event *event)
{
    struct fixture *f = LIST_ENTRY(subscription, struct fixture, subscription);
    const struct profile *profile = event->payload;
    f->n_told += (size_t)snprintf(
        f->told + f->n_told, sizeof f->told - f->n_told, "%s%s:%s",
        f->n_told == 0 ? "" : " ",
        event_type_name(event->type) + strlen("profile."), profile->name);
}

static void
on_scanned(void *ctx)
{
    loop_stop(ctx);
}

static void
open_all(struct fixture *f)
{
    char data[300];
    struct error error;
    struct str root = str_from(f->root);
    snprintf(data, sizeof data, "%s/data", f->dir);
    if (store_open(&f->loop, data, "test", &f->store, &error) < 0)
        fail_msg("%s", error.message);
    struct library_options library = { .loop = &f->loop,
                                       .events = &f->events,
                                       .store = f->store,
                                       .roots = &root,
                                       .n_roots = 1 };
    assert_int_equal(library_new(&library, &f->library, &error), 0);
    library_scan(f->library, on_scanned, &f->loop);
    loop_run(&f->loop);
    struct profiles_options options = { .loop = &f->loop,
                                        .events = &f->events,
                                        .store = f->store,
                                        .engines = f->engines,
                                        .library = f->library,
                                        .port_start = 40240 };
    if (profiles_new(&options, &f->profiles, &error) < 0)
        fail_msg("%s", error.message);
}

static void
close_all(struct fixture *f)
{
    profiles_free(f->profiles);
    library_free(f->library);
    store_close(f->store);
}

static void
put(const struct fixture *f, const char *name)
{
    char path[400];
    struct error error;
    snprintf(path, sizeof path, "%s/%s", f->root, name);
    assert_int_equal(file_write_atomic(path, STR("x"), 0600, &error), 0);
}

int
fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error error;
    const char *tmp = getenv("TMPDIR");
    snprintf(f->dir, sizeof f->dir, "%s/hearth-profiles-XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(f->dir));
    char *real = realpath(f->dir, NULL);
    snprintf(f->root, sizeof f->root, "%s/models", real);
    free(real);
    assert_int_equal(mkdir(f->root, 0700), 0);
    put(f, "tiny.gguf");
    put(f, "big.gguf");
    assert_int_equal(loop_init(&f->loop, &error), 0);
    events_init(&f->events);
    events_subscribe(&f->events, &f->subscription,
                     EVENT_BIT(PROFILE_CREATED) | EVENT_BIT(PROFILE_UPDATED) |
                         EVENT_BIT(PROFILE_DELETED),
                     on_event);
    assert_int_equal(engines_new(&f->engines, &error), 0);
    open_all(f);
    *state = f;
    return 0;
}

int
fixture_teardown(void **state)
{
    struct fixture *f = *state;
    profile_unref(f->done);
    close_all(f);
    engines_free(f->engines);
    events_unsubscribe(&f->subscription);
    loop_close(&f->loop);
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", f->dir, (char *)NULL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    free(f);
    return 0;
}

void
fixture_restart(struct fixture *f)
{
    close_all(f);
    open_all(f);
}

void
fixture_done(void *ctx, struct profile *profile, const struct error *error)
{
    struct fixture *f = ctx;
    f->n_done++;
    profile_unref(f->done);
    f->done = profile == NULL ? NULL : profile_ref(profile);
    f->done_error = (struct error){ .code = ERR_OK };
    if (error != NULL)
        f->done_error = *error;
    loop_stop(&f->loop);
}

void
wait_done(struct fixture *f, int n_done)
{
    while (f->n_done < n_done)
        loop_run(&f->loop);
}

static struct json_doc *
parse(const struct fixture *f, const char *text)
{
    char whole[8192];
    size_t n = 0;
    for (; *text != '\0' && n < sizeof whole - 400; text++) {
        if (*text == '%')
            n += (size_t)snprintf(whole + n, sizeof whole - n, "%s", f->root);
        else
            whole[n++] = *text;
    }
    struct error error;
    struct json_doc *doc = json_parse((struct str){ whole, n }, &error);
    if (doc == NULL)
        fail_msg("%s", error.message);
    return doc;
}

/* What a verb answered, waited for. */
static int
finish(struct fixture *f, int result, int n_before)
{
    size_t n = 0;
    f->seen[0] = '\0';
    for (size_t i = 0; result < 0 && i < f->problems.n; i++)
        n += (size_t)snprintf(f->seen + n, sizeof f->seen - n, "%s: %s\n",
                              f->problems.at[i].field,
                              f->problems.at[i].message);
    if (result < 0) {
        assert_int_equal(f->n_done, n_before);
        return -1;
    }
    wait_done(f, n_before + 1);
    f->error = f->done_error;
    return f->done == NULL ? -1 : 0;
}

static int
create_as(struct fixture *f, const char *patch, bool may_execute)
{
    struct json_doc *doc = parse(f, patch);
    int n_before = f->n_done;
    f->error = (struct error){ .code = ERR_OK };
    f->problems.n = 0;
    int result = profiles_create(f->profiles, json_root(doc), may_execute,
                                 &f->problems, fixture_done, f, &f->error);
    json_doc_free(doc);
    return finish(f, result, n_before);
}

static int
update_as(struct fixture *f, const char *id, const char *patch,
          bool may_execute)
{
    struct json_doc *doc = parse(f, patch);
    int n_before = f->n_done;
    f->error = (struct error){ .code = ERR_OK };
    int result =
        profiles_update(f->profiles, str_from(id), json_root(doc), may_execute,
                        &f->problems, fixture_done, f, &f->error);
    json_doc_free(doc);
    return finish(f, result, n_before);
}

int
create(struct fixture *f, const char *patch)
{
    return create_as(f, patch, true);
}

int
create_unprivileged(struct fixture *f, const char *patch)
{
    return create_as(f, patch, false);
}

int
update(struct fixture *f, const char *id, const char *patch)
{
    return update_as(f, id, patch, true);
}

int
update_unprivileged(struct fixture *f, const char *id, const char *patch)
{
    return update_as(f, id, patch, false);
}

int
set_file(struct fixture *f, const char *array)
{
    struct json_doc *doc = parse(f, array);
    f->error = (struct error){ .code = ERR_OK };
    int result = profiles_set_file(f->profiles, json_root(doc), &f->error);
    json_doc_free(doc);
    return result;
}

struct profile *
create_ok(struct fixture *f, const char *patch)
{
    if (create(f, patch) < 0)
        fail_msg("%s: %s %s", patch, f->error.message, f->seen);
    return f->done;
}

struct profile *
update_ok(struct fixture *f, const char *id, const char *patch)
{
    if (update(f, id, patch) < 0)
        fail_msg("%s: %s %s", patch, f->error.message, f->seen);
    return f->done;
}

const char *
shown(struct fixture *f, const struct profile *profile, bool with_secrets)
{
    struct strbuf out = STRBUF_INIT(sizeof f->seen - 1);
    struct json_writer w;
    json_writer_init(&w, &out);
    profile_to_json(f->engines, profile, with_secrets, &w);
    snprintf(f->seen, sizeof f->seen, "%s", strbuf_text(&out));
    strbuf_release(&out);
    return f->seen;
}
