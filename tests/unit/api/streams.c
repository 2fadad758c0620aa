/* Live views: what comes first, what follows, how they end, and what
 * becomes of a reader that does not read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/units.h"
#include "world.h"

static int
open_world(void **state)
{
    *state = world_new(NULL);
    return 0;
}

static int
close_world(void **state)
{
    world_free(*state);
    return 0;
}

static void
make_profile(struct world *world, const char *name)
{
    struct answer answer;
    char body[200];
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"model_path\":\"%s/m.gguf\"}", name,
             world_models(world));
    struct question question = { .method = "POST",
                                 .target = "/api/profiles",
                                 .body = body };
    ask(world, &question, &answer);
    assert_int_equal(answer.status, 201);
    answer_release(&answer);
}

static void
delete_profile(struct world *world, const char *name)
{
    struct answer answer;
    char target[200];
    snprintf(target, sizeof target, "/api/profiles/%s", name);
    struct question question = { .method = "DELETE", .target = target };
    ask(world, &question, &answer);
    assert_int_equal(answer.status, 204);
    answer_release(&answer);
}

static void
test_events_begin_with_a_snapshot(void **state)
{
    make_profile(*state, "before");
    struct question question = { .method = "GET", .target = "/api/events" };
    struct strbuf text = STRBUF_INIT(1 * MIB);
    int fd = ask_open(*state, &question);
    assert_true(read_until(fd, "\"models\":[", &text));
    const char *at = strbuf_text(&text);
    assert_non_null(strstr(at, "Content-Type: text/event-stream"));
    assert_non_null(strstr(at, "event: snapshot\ndata: {\"version\":"));
    assert_non_null(strstr(at, "\"name\":\"before\""));
    make_profile(*state, "after");
    assert_true(read_until(fd, "event: profile.created\n", &text));
    assert_true(read_until(fd, "\"name\":\"after\"", &text));
    delete_profile(*state, "after");
    assert_true(read_until(fd, "event: profile.deleted\n", &text));
    close(fd);
    strbuf_release(&text);
    delete_profile(*state, "before");
}

/* The id of the last event in the text, into a header. */
static void
last_id(const struct strbuf *text, char ret_header[96])
{
    const char *at = strbuf_text(text), *found = NULL;
    while ((at = strstr(at, "\nid: ")) != NULL)
        found = at += 5;
    assert_non_null(found);
    snprintf(ret_header, 96, "%.*s", (int)strcspn(found, "\n"), found);
}

static int
come_back(struct world *world, const char *target, const char *id)
{
    char header[128];
    snprintf(header, sizeof header, "Last-Event-ID: %s\r\n", id);
    struct question question = { .method = "GET",
                                 .target = target,
                                 .headers = header };
    return ask_open(world, &question);
}

static void
test_who_comes_back_is_told_what_it_missed(void **state)
{
    static const char target[] = "/api/events?types=profile.created";
    struct question question = { .method = "GET", .target = target };
    struct strbuf text = STRBUF_INIT(1 * MIB);
    char id[96], old[96];
    int fd = ask_open(*state, &question);
    assert_true(read_until(fd, "\"models\":[", &text));
    last_id(&text, id); /* the snapshot has one */
    close(fd);
    make_profile(*state, "missed-1");
    make_profile(*state, "missed-2");
    delete_profile(*state, "missed-1"); /* of no type that was asked for */
    strbuf_clear(&text);
    fd = come_back(*state, target, id);
    assert_true(read_until(fd, "\"name\":\"missed-2\"", &text));
    assert_non_null(
        strstr(strbuf_text(&text), "event: resumed\ndata: {\"missed\":2}\n"));
    assert_non_null(strstr(strbuf_text(&text), "\"name\":\"missed-1\""));
    assert_null(strstr(strbuf_text(&text), "event: snapshot"));
    assert_null(strstr(strbuf_text(&text), "profile.deleted"));
    last_id(&text, old);
    make_profile(*state, "later"); /* and then it goes on */
    assert_true(read_until(fd, "\"name\":\"later\"", &text));
    last_id(&text, id);
    assert_string_not_equal(id, old);
    close(fd);
    strbuf_clear(&text);
    fd = come_back(*state, target, id);
    assert_true(read_until(fd, "event: resumed\ndata: {\"missed\":0}", &text));
    close(fd);
    static const char *const names[] = { "missed-2", "later" };
    for (size_t i = 0; i < 2; i++)
        delete_profile(*state, names[i]);
    strbuf_release(&text);
}

static void flood_changes(struct world *world, void *arg);

static void
test_who_comes_back_too_late_gets_a_snapshot(void **state)
{
    struct question question = { .method = "GET", .target = "/api/events" };
    struct strbuf text = STRBUF_INIT(64 * MIB);
    char id[96], wrong[128];
    int fd = ask_open(*state, &question);
    assert_true(read_until(fd, "\"models\":[", &text));
    last_id(&text, id);
    close(fd);
    snprintf(wrong, sizeof wrong, "0%s", id);
    const char *const others[] = {
        wrong, "17", "-1", "x-1", "", "18c0ffee-3", "1-99999999999999999999"
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        strbuf_clear(&text);
        fd = come_back(*state, "/api/events", others[i]);
        assert_true(read_until(fd, "event: snapshot\n", &text));
        close(fd);
    }
    world_do(*state, flood_changes, NULL); /* more than is kept */
    strbuf_clear(&text);
    fd = come_back(*state, "/api/events", id);
    assert_true(read_until(fd, "event: snapshot\n", &text));
    assert_null(strstr(strbuf_text(&text), "event: resumed"));
    close(fd);
    strbuf_release(&text);
}

static void
publish(struct world *world, void *arg)
{
    struct api_options *parts = world_parts(world);
    events_log(parts->events, LOG_WARN, "test", "%s", (const char *)arg);
}

static void
test_types_choose(void **state)
{
    struct question question = { .method = "GET",
                                 .target =
                                     "/api/events?types=log,profile.created" };
    struct strbuf text = STRBUF_INIT(1 * MIB);
    int fd = ask_open(*state, &question);
    assert_true(read_until(fd, "event: snapshot\n", &text));
    make_profile(*state, "chosen");
    delete_profile(*state, "chosen");
    char last[] = "the last word";
    world_do(*state, publish, last);
    assert_true(read_until(fd, "the last word", &text));
    assert_non_null(strstr(strbuf_text(&text), "event: profile.created\n"));
    assert_null(strstr(strbuf_text(&text), "event: profile.deleted\n"));
    close(fd);
    strbuf_release(&text);
    struct answer answer;
    question.target = "/api/events?types=log,nothing";
    ask(*state, &question, &answer);
    assert_int_equal(answer.status, 422);
    assert_non_null(strstr(strbuf_text(&answer.body), "\"field\":\"types\""));
    answer_release(&answer);
}

/* The bus goes on, and so does everybody else. */
static void
flood_log(struct world *world, void *arg)
{
    char line[900];
    struct api_options *parts = world_parts(world);
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\0';
    for (int i = 0; i < 20000; i++)
        events_log(parts->events, LOG_INFO, "flood", "%d %s", i, line);
}

static void
test_slow_reader_loses_log_lines_and_hears_it(void **state)
{
    struct question question = { .method = "GET",
                                 .target = "/api/events?types=log" };
    struct strbuf slow = STRBUF_INIT(64 * MIB);
    int fd = ask_open(*state, &question);
    assert_true(read_until(fd, "event: snapshot\n", &slow));
    world_do(*state, flood_log, NULL); /* 18 MB in one turn */
    struct answer answer;
    struct question other = { .method = "GET", .target = "/health" };
    ask(*state, &other, &answer);
    assert_int_equal(answer.status, 200);
    answer_release(&answer);
    assert_true(read_until(fd, "event: dropped\ndata: {\"dropped\":", &slow));
    assert_true(slow.n < 10 * MIB);
    char more[] = "still here";
    world_do(*state, publish, more);
    assert_true(read_until(fd, "still here", &slow));
    close(fd);
    strbuf_release(&slow);
}

static void
flood_changes(struct world *world, void *arg)
{
    struct api_options *parts = world_parts(world);
    for (int i = 0; i < 100000; i++)
        events_publish(parts->events, EVENT_LIBRARY_CHANGED, "", NULL);
}

static void
test_hopeless_reader_is_let_go_with_a_reason(void **state)
{
    struct question question = { .method = "GET", .target = "/api/events" };
    struct strbuf text = STRBUF_INIT(64 * MIB);
    int fd = ask_open(*state, &question);
    assert_true(read_until(fd, "event: snapshot\n", &text));
    world_do(*state, flood_changes, NULL);
    assert_true(read_until(fd, "event: end\ndata: {\"reason\":", &text));
    close(fd);
    strbuf_release(&text);
}

static void
test_log_of_a_server_that_never_ran(void **state)
{
    make_profile(*state, "silent");
    static const char *const targets[] = {
        "/api/servers/silent/logs",
        "/api/servers/silent/logs?follow=0&lines=5",
    };
    for (size_t i = 0; i < 2; i++) {
        struct answer answer;
        struct question question = { .method = "GET", .target = targets[i] };
        ask(*state, &question, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer_header(&answer, "content-type"),
                            "text/event-stream");
        assert_non_null(
            strstr(strbuf_text(&answer.body),
                   "data: {\"status\":\"stopped\",\"state\":\"stopped\","));
        answer_release(&answer);
    }
    delete_profile(*state, "silent");
}

static void
test_streams_end_when_hearth_stops(void **state)
{
    struct world *world = world_new(NULL);
    struct question question = { .method = "GET", .target = "/api/events" };
    struct strbuf text = STRBUF_INIT(1 * MIB);
    int fd = ask_open(world, &question);
    assert_true(read_until(fd, "event: snapshot\n", &text));
    world_free(world);
    assert_true(read_until(
        fd, "event: end\ndata: {\"reason\":\"hearth is stopping\"}", &text));
    close(fd);
    strbuf_release(&text);
}

static void
test_heartbeat(void **state)
{
    struct question question = { .method = "GET",
                                 .target = "/api/events?types=log" };
    struct strbuf text = STRBUF_INIT(1 * MIB);
    int fd = ask_open(*state, &question);
    assert_true(read_until(fd, "event: snapshot\n", &text));
    strbuf_clear(&text);
    assert_true(read_until(fd, ":\n\n", &text));
    strbuf_clear(&text);
    assert_true(read_until(fd, ":\n\n", &text)); /* and again */
    close(fd);
    strbuf_release(&text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_begin_with_a_snapshot),
        cmocka_unit_test(test_types_choose),
        cmocka_unit_test(test_who_comes_back_is_told_what_it_missed),
        cmocka_unit_test(test_who_comes_back_too_late_gets_a_snapshot),
        cmocka_unit_test(test_slow_reader_loses_log_lines_and_hears_it),
        cmocka_unit_test(test_hopeless_reader_is_let_go_with_a_reason),
        cmocka_unit_test(test_heartbeat),
        cmocka_unit_test(test_log_of_a_server_that_never_ran),
        cmocka_unit_test(test_streams_end_when_hearth_stops),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
