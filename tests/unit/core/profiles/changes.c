#include "fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define TINY "\"name\":\"chat\",\"model_path\":\"%/tiny.gguf\""

static void
test_created_shown_and_kept(void **state)
{
    struct fixture *f = *state;
    struct profile *p = create_ok(
        f, "{" TINY ",\"description\":\"two\\nlines\",\"port\":40999,"
           "\"aliases\":[\"a\",\"b c\"],\"ttl_s\":60,\"pinned\":true,"
           "\"auto_start\":true,\"restart_policy\":\"always\","
           "\"max_concurrency\":3,\"queue_size\":5,\"queue_timeout_s\":7,"
           "\"load_timeout_s\":9,\"orphan_timeout_s\":0,"
           "\"env\":{\"A\":\"secret\"},"
           "\"options\":{\"ctx_size\":512,\"temp\":0.5}}");
    char id[ID_BYTES], model[400], before[4096];
    snprintf(id, sizeof id, "%s", p->id);
    snprintf(model, sizeof model, "%s/tiny.gguf", f->root);
    assert_string_equal(p->model_path, model);
    assert_int_equal(p->restart_policy, RESTART_ALWAYS);
    assert_int_equal(p->n_aliases, 2);
    assert_true(p->is_pinned && p->is_auto_start);
    assert_string_equal(f->told, "created:chat");
    assert_null(strstr(shown(f, p, false), "secret"));
    assert_non_null(strstr(f->seen, "\"env\":{\"A\":\"***\"}"));
    snprintf(before, sizeof before, "%s", shown(f, p, true));
    assert_non_null(strstr(before, "\"env\":{\"A\":\"secret\"}"));
    assert_non_null(strstr(before, "\"options\":{\"ctx_size\":512,"
                                   "\"temp\":0.5}"));
    assert_non_null(strstr(before, "\"source\":\"database\""));

    fixture_restart(f);
    p = profiles_get(f->profiles, str_from(id));
    assert_non_null(p);
    assert_string_equal(shown(f, p, true), before);
}

static void
test_defaults(void **state)
{
    struct fixture *f = *state;
    struct profile *p = create_ok(f, "{" TINY "}");
    assert_string_equal(p->engine, "llama-server");
    assert_string_equal(p->host, "127.0.0.1");
    assert_int_equal(p->port, 0);
    assert_int_equal(p->restart_policy, RESTART_ON_FAILURE);
    assert_int_equal(p->load_timeout_s, 300);
    assert_int_equal(p->queue_size, 100);
    assert_int_equal(p->queue_timeout_s, 300);
    assert_string_equal(p->options_json, "{}");
    assert_true(p->created_at_ms > 0);
    assert_int_equal(p->created_at_ms, p->updated_at_ms);
}

static void
test_updates_touch_only_what_is_sent(void **state)
{
    struct fixture *f = *state;
    struct profile *p = create_ok(
        f, "{" TINY ",\"ttl_s\":60,\"options\":{\"ctx_size\":512,\"temp\":1},"
           "\"env\":{\"A\":\"1\",\"B\":\"2\"}}");
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", p->id);
    int64_t created_at_ms = p->created_at_ms, updated_at_ms = p->updated_at_ms;
    struct profile *before = profile_ref(p);
    p = update_ok(f, id, "{\"description\":\"new\"}");
    assert_int_equal(p->ttl_s, 60);
    assert_string_equal(p->options_json, before->options_json);
    assert_int_equal(p->created_at_ms, created_at_ms);
    assert_true(p->updated_at_ms > updated_at_ms);
    assert_string_equal(before->description, ""); /* records do not change */
    assert_false(profile_needs_restart(before, p));
    profile_unref(before);

    /* options are replaced, flat names go on top, null takes away */
    p = update_ok(f, id, "{\"context_length\":1024}");
    assert_string_equal(p->options_json, "{\"ctx_size\":1024,\"temp\":1}");
    p = update_ok(f, id, "{\"options\":{\"top_k\":3},\"ctx-size\":8}");
    assert_string_equal(p->options_json, "{\"top_k\":3,\"ctx_size\":8}");
    p = update_ok(f, id, "{\"ctx_size\":null}");
    assert_string_equal(p->options_json, "{\"top_k\":3}");
    p = update_ok(f, id, "{\"options\":null,\"ttl_s\":null}");
    assert_string_equal(p->options_json, "{}");
    assert_int_equal(p->ttl_s, 0);

    /* "***" keeps what is stored */
    p = update_ok(f, id, "{\"env\":{\"B\":\"***\",\"C\":\"3\"}}");
    assert_string_equal(p->env_json, "{\"B\":\"2\",\"C\":\"3\"}");
    assert_int_equal(update(f, id, "{\"env\":{\"D\":\"***\"}}"), -1);
    assert_non_null(strstr(f->seen, "nothing is stored for D"));
    assert_non_null(strstr(f->told, "updated:chat"));
}

static void
test_the_whole_record_may_come_back(void **state)
{
    struct fixture *f = *state;
    struct profile *p =
        create_ok(f, "{" TINY ",\"env\":{\"A\":\"1\"},\"port\":40998,"
                     "\"options\":{\"temp\":0.25}}");
    char id[ID_BYTES], text[4096], changed[4200];
    snprintf(id, sizeof id, "%s", p->id);
    snprintf(text, sizeof text, "%s", shown(f, p, false));
    struct profile *before = profile_ref(p);
    p = update_ok(f, id, text);
    assert_string_equal(p->env_json, "{\"A\":\"1\"}");
    assert_string_equal(p->options_json, before->options_json);
    profile_unref(before);
    snprintf(changed, sizeof changed, "{\"id\":\"profile_other\"%s",
             strchr(text, ','));
    assert_int_equal(update(f, id, changed), -1);
    assert_non_null(strstr(f->seen, "id: is set by Hearth"));
}

static void
test_conflicts(void **state)
{
    struct fixture *f = *state;
    create_ok(f, "{" TINY ",\"aliases\":[\"nick\"],\"port\":40997}");
    struct profile *other =
        create_ok(f, "{\"name\":\"other\",\"model_path\":\"%/big.gguf\"}");
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", other->id);
    static const struct {
        const char *patch, *field;
    } rows[] = {
        { "{" TINY "}", "name" },
        { "{\"name\":\"nick\",\"model_path\":\"%/big.gguf\"}", "name" },
        { "{\"name\":\"x\",\"aliases\":[\"chat\"],\"model_path\":"
          "\"%/big.gguf\"}",
          "aliases" },
        { "{\"name\":\"x\",\"aliases\":[\"y\",\"nick\"],\"model_path\":"
          "\"%/big.gguf\"}",
          "aliases" },
        { "{\"name\":\"x\",\"port\":40997,\"model_path\":\"%/big.gguf\"}",
          "port" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(create(f, rows[i].patch), -1);
        assert_int_equal(f->error.code, ERR_CONFLICT);
        assert_string_equal(f->error.field, rows[i].field);
        assert_non_null(strstr(f->error.message, "\"chat\""));
    }
    assert_int_equal(update(f, id, "{\"name\":\"chat\"}"), -1);
    assert_int_equal(f->error.code, ERR_CONFLICT);
    assert_int_equal(update(f, id, "{\"port\":40997}"), -1);
    assert_string_equal(f->error.field, "port");
    assert_int_equal(profiles_count(f->profiles), 2);
    update_ok(f, id, "{\"name\":\"other\",\"port\":40996}"); /* its own */
}

/* Names are taken from the moment a change is accepted. */
static void
test_changes_at_the_same_time(void **state)
{
    struct fixture *f = *state;
    struct json_doc *one =
        json_parse(STR("{\"name\":\"same\",\"engine\":\"command\","
                       "\"command\":[\"x\"],\"aliases\":[\"one\"]}"),
                   NULL);
    assert_int_equal(profiles_create(f->profiles, json_root(one), true,
                                     &f->problems, fixture_done, f, &f->error),
                     0);
    assert_int_equal(profiles_count(f->profiles), 0); /* not on disk yet */
    assert_int_equal(f->n_done, 0);
    assert_int_equal(profiles_create(f->profiles, json_root(one), true,
                                     &f->problems, fixture_done, f, &f->error),
                     -1);
    assert_int_equal(f->error.code, ERR_CONFLICT);
    wait_done(f, 1);
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", f->done->id);

    /* two edits of one record: the second builds on the first */
    struct json_doc *ttl = json_parse(STR("{\"ttl_s\":5}"), NULL);
    struct json_doc *pin = json_parse(STR("{\"pinned\":true}"), NULL);
    assert_int_equal(profiles_update(f->profiles, str_from(id), json_root(ttl),
                                     true, &f->problems, fixture_done, f,
                                     &f->error),
                     0);
    assert_int_equal(profiles_update(f->profiles, str_from(id), json_root(pin),
                                     true, &f->problems, fixture_done, f,
                                     &f->error),
                     0);
    wait_done(f, 3);
    assert_int_equal(f->done->ttl_s, 5);
    assert_true(f->done->is_pinned);
    assert_int_equal(profiles_count(f->profiles), 1);

    /* deleted: nothing can be changed, the name is free only afterwards */
    assert_int_equal(
        profiles_delete(f->profiles, str_from(id), fixture_done, f, &f->error),
        0);
    assert_int_equal(profiles_update(f->profiles, str_from(id), json_root(pin),
                                     true, &f->problems, fixture_done, f,
                                     &f->error),
                     -1);
    assert_int_equal(f->error.code, ERR_NOT_FOUND);
    wait_done(f, 4);
    assert_int_equal(profiles_count(f->profiles), 0);
    assert_null(profiles_resolve(f->profiles, STR("one")));
    assert_string_equal(f->told, "created:same updated:same updated:same "
                                 "deleted:same");
    json_doc_free(one);
    json_doc_free(ttl);
    json_doc_free(pin);
    create_ok(f, "{\"name\":\"same\",\"command\":[\"x\"]}");
}

static void
ignore_stored(void *ctx, const struct error *error)
{
    *(bool *)ctx = true;
    assert_true(error == NULL);
}

/* What the disk refused does not come in with the change behind it. */
static void
test_a_refused_change_takes_the_next_along(void **state)
{
    struct fixture *f = *state;
    struct profile *mine =
        create_ok(f, "{\"name\":\"mine\",\"command\":[\"x\"]}");
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", mine->id);

    /* a row that only the disk knows holds the name */
    bool is_there = false;
    struct profile *hidden = profile_copy(mine);
    assert_non_null(hidden);
    snprintf(hidden->id, sizeof hidden->id, "profile_hidden");
    assert_int_equal(profile_set_text(&hidden->name, STR("held")), 0);
    store_put_profile(f->store, hidden, ignore_stored, &is_there);

    struct json_doc *refused = json_parse(
        STR("{\"name\":\"held\",\"description\":\"refused\"}"), NULL);
    struct json_doc *next = json_parse(STR("{\"name\":\"free\"}"), NULL);
    int n_done = f->n_done;
    assert_int_equal(profiles_update(f->profiles, str_from(id),
                                     json_root(refused), true, &f->problems,
                                     fixture_done, f, &f->error),
                     0);
    assert_int_equal(profiles_update(f->profiles, str_from(id), json_root(next),
                                     true, &f->problems, fixture_done, f,
                                     &f->error),
                     0);
    wait_done(f, n_done + 2);
    assert_true(is_there);
    assert_int_equal(f->done_error.code, ERR_CONFLICT);
    mine = profiles_get(f->profiles, str_from(id));
    assert_string_equal(mine->name, "mine");
    assert_string_equal(mine->description, "");

    update_ok(f, id, "{\"name\":\"free\"}");
    fixture_restart(f);
    mine = profiles_get(f->profiles, str_from(id));
    assert_string_equal(mine->name, "free");
    assert_string_equal(mine->description, "");
    profile_unref(hidden);
    json_doc_free(refused);
    json_doc_free(next);
}

static void
test_deleted_for_good(void **state)
{
    struct fixture *f = *state;
    struct profile *p = create_ok(f, "{" TINY "}");
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", p->id);
    assert_int_equal(
        profiles_delete(f->profiles, str_from(id), fixture_done, f, &f->error),
        0);
    wait_done(f, 2);
    assert_string_equal(f->done->id, id); /* what was deleted */
    assert_null(profiles_get(f->profiles, str_from(id)));
    fixture_restart(f);
    assert_null(profiles_get(f->profiles, str_from(id)));
    assert_int_equal(
        profiles_delete(f->profiles, str_from(id), fixture_done, f, &f->error),
        -1);
    assert_int_equal(f->error.code, ERR_NOT_FOUND);
}

static void
test_resolution(void **state)
{
    struct fixture *f = *state;
    struct profile *p = create_ok(f, "{" TINY ",\"aliases\":[\"gpt-4\"]}");
    assert_ptr_equal(profiles_resolve(f->profiles, STR("chat")), p);
    assert_ptr_equal(profiles_resolve(f->profiles, STR("gpt-4")), p);
    assert_ptr_equal(profiles_resolve(f->profiles, str_from(p->id)), p);
    assert_null(profiles_resolve(f->profiles, STR("gpt-5")));
    assert_null(profiles_resolve(f->profiles, STR("")));
    assert_null(profiles_get(f->profiles, STR("chat")));

    /* a library model has a profile of its own */
    struct profile *big = profiles_resolve(f->profiles, STR("big"));
    assert_non_null(big);
    assert_int_equal(big->source, PROFILE_SOURCE_LIBRARY);
    assert_string_equal(big->engine, "llama-server");
    assert_string_equal(big->options_json, "{}");
    const struct model *model = library_find(f->library, STR("big"));
    assert_string_equal(big->id, model->id);
    assert_string_equal(big->model_path, model->path);
    assert_ptr_equal(profiles_get(f->profiles, str_from(model->id)), big);
    assert_ptr_equal(profiles_resolve(f->profiles, str_from(model->id)), big);
    assert_int_equal(profiles_count(f->profiles), 1);

    /* a profile's name goes before a model's */
    struct profile *mine =
        create_ok(f, "{\"name\":\"big\",\"model_path\":\"%/tiny.gguf\"}");
    assert_ptr_equal(profiles_resolve(f->profiles, STR("big")), mine);
    assert_int_equal(update(f, big->id, "{\"ttl_s\":1}"), -1);
    assert_int_equal(f->error.code, ERR_CONFLICT);
}

static void
stop_loop(void *ctx)
{
    loop_stop(ctx);
}

static void
test_implicit_profiles_go_with_their_models(void **state)
{
    struct fixture *f = *state;
    char path[400], aside[400], id[ID_BYTES];
    struct profile *big = profiles_resolve(f->profiles, STR("big"));
    struct profile *tiny =
        profile_ref(profiles_resolve(f->profiles, STR("tiny")));
    snprintf(id, sizeof id, "%s", big->id);
    snprintf(path, sizeof path, "%s/big.gguf", f->root);
    snprintf(aside, sizeof aside, "%s/big.part", f->root);
    assert_int_equal(rename(path, aside), 0);
    library_scan(f->library, stop_loop, &f->loop);
    loop_run(&f->loop);
    assert_string_equal(f->told, "deleted:big");
    assert_null(profiles_get(f->profiles, str_from(id)));
    assert_null(profiles_resolve(f->profiles, STR("big")));
    assert_ptr_equal(profiles_resolve(f->profiles, STR("tiny")), tiny);
    /* Back again, it is who it was. */
    assert_int_equal(rename(aside, path), 0);
    library_scan(f->library, stop_loop, &f->loop);
    loop_run(&f->loop);
    assert_string_equal(profiles_resolve(f->profiles, STR("big"))->id, id);
    assert_ptr_equal(profiles_resolve(f->profiles, STR("tiny")), tiny);
    assert_string_equal(f->told, "deleted:big");
    profile_unref(tiny);
}

static void
test_hearths_own_port(void **state)
{
    struct fixture *f = *state;
    struct error error;
    int port = profiles_next_port(f->profiles, &error);
    char patch[512];
    profiles_set_own_port(f->profiles, port);
    assert_int_not_equal(profiles_next_port(f->profiles, &error), port);
    snprintf(patch, sizeof patch,
             "{\"name\":\"x\",\"model_path\":\"%s/tiny.gguf\",\"port\":%d}",
             f->root, port);
    assert_int_equal(create(f, patch), -1);
    assert_string_equal(f->error.field, "port");
    assert_non_null(strstr(f->error.message, "Hearth itself"));
    snprintf(patch, sizeof patch,
             "[{\"name\":\"x\",\"model_path\":\"%s/tiny.gguf\",\"port\":%d}]",
             f->root, port);
    assert_int_equal(set_file(f, patch), -1);
    assert_string_equal(f->error.field, "profiles[0].port");
    /* Without one, nothing is refused. */
    profiles_set_own_port(f->profiles, 0);
    create_ok(f, "{" TINY "}");
}

static void
test_duplicates(void **state)
{
    struct fixture *f = *state;
    struct profile *p =
        create_ok(f, "{" TINY ",\"aliases\":[\"nick\"],\"port\":40995,"
                     "\"auto_start\":true,\"options\":{\"ctx_size\":512},"
                     "\"ttl_s\":9}");
    char id[ID_BYTES];
    snprintf(id, sizeof id, "%s", p->id);
    assert_int_equal(profiles_duplicate(f->profiles, str_from(id), STR("copy"),
                                        fixture_done, f, &f->error),
                     0);
    wait_done(f, 2);
    struct profile *copy = f->done;
    assert_string_equal(copy->name, "copy");
    assert_string_not_equal(copy->id, id);
    assert_string_equal(copy->options_json, "{\"ctx_size\":512}");
    assert_int_equal(copy->ttl_s, 9);
    assert_int_equal(copy->n_aliases, 0);
    assert_false(copy->is_auto_start);
    assert_true(copy->port >= 40240 && copy->port != 40995);

    static const struct {
        const char *name;
        enum error_code code;
    } rows[] = { { "copy", ERR_CONFLICT },
                 { "nick", ERR_CONFLICT },
                 { "", ERR_INVALID },
                 { " x", ERR_INVALID },
                 { "\xFF", ERR_INVALID } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(profiles_duplicate(f->profiles, str_from(id),
                                            str_from(rows[i].name),
                                            fixture_done, f, &f->error),
                         -1);
        assert_int_equal(f->error.code, rows[i].code);
    }
    /* an implicit profile becomes one that can be changed */
    struct profile *big = profiles_resolve(f->profiles, STR("big"));
    assert_int_equal(profiles_duplicate(f->profiles, str_from(big->id),
                                        STR("mine"), fixture_done, f,
                                        &f->error),
                     0);
    wait_done(f, 3);
    assert_int_equal(f->done->source, PROFILE_SOURCE_DATABASE);
    assert_int_equal(f->done->port, 0);
}

static void
test_next_port(void **state)
{
    struct fixture *f = *state;
    struct error error;
    int first = profiles_next_port(f->profiles, &error);
    assert_true(first >= 40240);
    char patch[200];
    snprintf(patch, sizeof patch,
             "{\"name\":\"x\",\"command\":[\"x\"],\"port\":%d}", first);
    create_ok(f, patch);
    /* The port after it is held by another program: by us, or by whoever
     * was quicker. */
    int holder = socket(AF_INET, SOCK_STREAM, 0), second, rc;
    do {
        second = profiles_next_port(f->profiles, &error);
        assert_true(second > first); /* taken by a profile */
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)second),
                                       .sin_addr = { htonl(INADDR_LOOPBACK) } };
        rc = bind(holder, (struct sockaddr *)&address, sizeof address);
    } while (rc != 0 && errno == EADDRINUSE);
    assert_int_equal(rc, 0);
    assert_int_equal(listen(holder, 1), 0);
    assert_true(profiles_next_port(f->profiles, &error) > second);
    close(holder);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        PROFILE_TEST(test_created_shown_and_kept),
        PROFILE_TEST(test_defaults),
        PROFILE_TEST(test_updates_touch_only_what_is_sent),
        PROFILE_TEST(test_the_whole_record_may_come_back),
        PROFILE_TEST(test_conflicts),
        PROFILE_TEST(test_changes_at_the_same_time),
        PROFILE_TEST(test_a_refused_change_takes_the_next_along),
        PROFILE_TEST(test_deleted_for_good),
        PROFILE_TEST(test_resolution),
        PROFILE_TEST(test_implicit_profiles_go_with_their_models),
        PROFILE_TEST(test_hearths_own_port),
        PROFILE_TEST(test_duplicates),
        PROFILE_TEST(test_next_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
