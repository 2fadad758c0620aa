/* The life of a profile over the API. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

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

/* Asks as keyless loopback unless `is_unix`; the data of the answer, which
 * goes with the document, or its error. */
static struct json_doc *
ask_json(struct world *world, bool is_unix, const char *method,
         const char *target, const char *body, int status)
{
    struct answer answer;
    struct question question = {
        .method = method, .target = target, .body = body, .is_unix = is_unix
    };
    ask(world, &question, &answer);
    if (answer.status != status)
        fail_msg("%s %s: %d %.300s", method, target, answer.status,
                 strbuf_text(&answer.body));
    struct json_doc *doc =
        answer.body.n == 0 ? NULL : json_parse(strbuf_view(&answer.body), NULL);
    answer_release(&answer);
    return doc;
}

static void
done(struct world *world, bool is_unix, const char *method, const char *target,
     const char *body, int status)
{
    json_doc_free(ask_json(world, is_unix, method, target, body, status));
}

static struct str
text_of(const struct json_doc *doc, const char *part, const char *key)
{
    struct str text = STR("");
    json_as_text(json_get(json_get(json_root(doc), part), key), &text);
    return text;
}

static int64_t
int_of(const struct json_doc *doc, const char *part, const char *key)
{
    int64_t value = INT64_MIN;
    json_as_int(json_get(json_get(json_root(doc), part), key), &value);
    return value;
}

static void
make(struct world *world, const char *name, int port)
{
    char body[300];
    snprintf(body, sizeof body,
             "{\"name\":\"%s\",\"model_path\":\"%s/m.gguf\",\"port\":%d}", name,
             world_models(world), port);
    done(world, false, "POST", "/api/profiles", body, 201);
}

static void
test_make_show_change_delete(void **state)
{
    make(*state, "first", 0);
    struct json_doc *doc =
        ask_json(*state, false, "GET", "/api/profiles/first", NULL, 200);
    char by_id[128];
    struct str id = text_of(doc, "data", "id");
    snprintf(by_id, sizeof by_id, "/api/profiles/%.*s", STR_ARG(id));
    assert_true(str_is(text_of(doc, "data", "state"), "stopped"));
    assert_true(str_is(text_of(doc, "data", "source"), "database"));
    json_doc_free(doc);
    doc = ask_json(*state, false, "PUT", by_id,
                   "{\"description\":\"warm\",\"ttl_s\":60}", 200);
    assert_true(str_is(text_of(doc, "data", "description"), "warm"));
    assert_true(str_is(text_of(doc, "data", "name"), "first"));
    assert_int_equal(int_of(doc, "data", "ttl_s"), 60);
    json_doc_free(doc);
    done(*state, false, "DELETE", by_id, NULL, 204);
    done(*state, false, "GET", by_id, NULL, 404);
    done(*state, false, "DELETE", by_id, NULL, 404);
}

static void
test_taken_names_and_ports(void **state)
{
    make(*state, "one", 20311);
    make(*state, "two", 20312);
    struct json_doc *doc = ask_json(*state, false, "PUT", "/api/profiles/two",
                                    "{\"name\":\"one\"}", 409);
    assert_true(str_is(text_of(doc, "error", "code"), "conflict"));
    json_doc_free(doc);
    done(*state, false, "PUT", "/api/profiles/two", "{\"port\":20311}", 409);
    done(*state, false, "PUT", "/api/profiles/two", "{\"aliases\":[\"one\"]}",
         409);
    char body[300];
    snprintf(body, sizeof body,
             "{\"name\":\"one\",\"model_path\":\"%s/m.gguf\"}",
             world_models(*state));
    done(*state, false, "POST", "/api/profiles", body, 409);
    done(*state, false, "DELETE", "/api/profiles/one", NULL, 204);
    done(*state, false, "DELETE", "/api/profiles/two", NULL, 204);
}

static void
test_duplicate(void **state)
{
    make(*state, "source", 20321);
    struct json_doc *doc = ask_json(
        *state, false, "POST",
        "/api/profiles/source/duplicate?new_name=copy%20one", NULL, 201);
    assert_true(str_is(text_of(doc, "data", "name"), "copy one"));
    assert_int_not_equal(int_of(doc, "data", "port"), 20321);
    json_doc_free(doc);
    doc = ask_json(*state, false, "POST", "/api/profiles/source/duplicate",
                   "{\"new_name\":\"copy two\"}", 201);
    assert_true(str_is(text_of(doc, "data", "name"), "copy two"));
    json_doc_free(doc);
    done(*state, false, "POST", "/api/profiles/source/duplicate",
         "{\"name\":\"copy three\"}", 201);
    done(*state, false, "DELETE", "/api/profiles/copy%20three", NULL, 204);
    done(*state, false, "POST",
         "/api/profiles/source/duplicate?new_name=copy%20one", NULL, 409);
    done(*state, false, "POST", "/api/profiles/source/duplicate", NULL, 422);
    done(*state, false, "POST",
         "/api/profiles/source/duplicate?new_name=", NULL, 422);
    done(*state, false, "DELETE", "/api/profiles/copy%20one", NULL, 204);
    done(*state, false, "DELETE", "/api/profiles/copy%20two", NULL, 204);
    done(*state, false, "DELETE", "/api/profiles/source", NULL, 204);
}

static void
test_next_port_is_free_and_nobodys(void **state)
{
    struct json_doc *doc =
        ask_json(*state, false, "GET", "/api/profiles/next-port", NULL, 200);
    int64_t first = int_of(doc, "data", "port");
    assert_true(first >= 20240);
    json_doc_free(doc);
    make(*state, "holder", (int)first);
    doc = ask_json(*state, false, "GET", "/api/profiles/next-port", NULL, 200);
    assert_true(int_of(doc, "data", "port") > first);
    json_doc_free(doc);
    done(*state, false, "DELETE", "/api/profiles/holder", NULL, 204);
}

/* Keyless loopback may not decide what is executed. */
static void
test_what_is_executed_needs_authority(void **state)
{
    make(*state, "plain", 0);
    static const char *const bodies[] = {
        "{\"command\":[\"/bin/true\"]}",
        "{\"env\":{\"LD_PRELOAD\":\"x\"}}",
        "{\"engine\":\"command\",\"command\":[\"/bin/true\"]}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct json_doc *doc = ask_json(*state, false, "PUT",
                                        "/api/profiles/plain", bodies[i], 403);
        assert_true(str_is(text_of(doc, "error", "code"), "forbidden"));
        json_doc_free(doc);
    }
    done(*state, false, "POST", "/api/profiles",
         "{\"name\":\"evil\",\"engine\":\"command\","
         "\"command\":[\"/bin/true\"]}",
         403);
    done(*state, true, "PUT", "/api/profiles/plain",
         "{\"env\":{\"SECRET\":\"hush-hush\"}}", 200);
    struct answer answer;
    struct question read = { .method = "GET", .target = "/api/profiles/plain" };
    ask(*state, &read, &answer);
    assert_null(strstr(strbuf_text(&answer.body), "hush-hush"));
    assert_non_null(strstr(strbuf_text(&answer.body), "SECRET"));
    answer_release(&answer);
    done(*state, false, "DELETE", "/api/profiles/plain", NULL, 204);
}

/* The message for a field among data.problems, or "". */
static struct str
problem_of(const struct json_doc *doc, const char *field)
{
    struct str text = STR("");
    const struct json *all =
        json_get(json_get(json_root(doc), "data"), "problems");
    for (size_t i = 0; i < json_count(all); i++) {
        json_as_text(json_get(json_at(all, i), "field"), &text);
        if (str_is(text, field)) {
            json_as_text(json_get(json_at(all, i), "message"), &text);
            return text;
        }
    }
    return STR("");
}

/* data.argv and data.env as text. */
static void
joined(const struct json_doc *doc, char *out, size_t size)
{
    const struct json *data = json_get(json_root(doc), "data");
    char *argv = json_to_text(json_get(data, "argv"));
    char *env = json_to_text(json_get(data, "env"));
    snprintf(out, size, "%s %s", argv, env);
    free(argv);
    free(env);
}

static void
test_preview_tells_and_changes_nothing(void **state)
{
    char body[500], text[1000];
    make(*state, "seen", 20331);
    done(*state, true, "PUT", "/api/profiles/seen",
         "{\"env\":{\"SECRET\":\"hush-hush\"},\"options\":{\"seed\":4}}", 200);
    struct json_doc *doc =
        ask_json(*state, false, "GET", "/api/profiles/seen", NULL, 200);
    struct str id = text_of(doc, "data", "id");
    snprintf(body, sizeof body,
             "{\"id\":\"%.*s\",\"env\":{\"SECRET\":\"***\"},"
             "\"description\":\"new\"}",
             STR_ARG(id));
    json_doc_free(doc);

    /* What is not given comes from the profile; its own port is its own. */
    doc = ask_json(*state, false, "POST", "/api/profiles/preview", body, 200);
    joined(doc, text, sizeof text);
    assert_non_null(strstr(text, "\"--port\",\"20331\""));
    assert_non_null(strstr(text, "\"--seed\",\"4\""));
    assert_non_null(strstr(text, "\"SECRET\":\"***\""));
    assert_non_null(strstr(text, "\"LLAMA_API_KEY\":\"***\""));
    assert_null(strstr(text, "hush-hush"));
    assert_non_null(strstr(problem_of(doc, "engine").p, "not installed"));
    assert_true(problem_of(doc, "port").n == 0);
    json_doc_free(doc);
    doc = ask_json(*state, false, "GET", "/api/profiles/seen", NULL, 200);
    assert_true(str_is(text_of(doc, "data", "description"), ""));
    assert_true(str_is(text_of(doc, "data", "state"), "stopped"));
    json_doc_free(doc);

    /* A new one: every wrong value, in the words of a refusal. */
    static const char wrong[] =
        "{\"name\":\"seen\",\"ttl_s\":\"x\",\"options\":"
        "{\"ctx_size\":-1,\"seed\":7},\"odd\":1}";
    doc = ask_json(*state, false, "POST", "/api/profiles/preview", wrong, 200);
    joined(doc, text, sizeof text);
    assert_non_null(strstr(text, "\"--seed\",\"7\""));
    assert_non_null(strstr(text, "\"${port}\""));
    assert_null(strstr(text, "--ctx-size"));
    assert_non_null(strstr(problem_of(doc, "name").p, "belongs to"));
    struct json_doc *refused =
        ask_json(*state, false, "POST", "/api/profiles", wrong, 422);
    const struct json *details =
        json_get(json_get(json_root(refused), "error"), "details");
    assert_int_equal(json_count(details), 4);
    for (size_t i = 0; i < json_count(details); i++) {
        struct str field = STR(""), message = STR("");
        json_as_text(json_get(json_at(details, i), "field"), &field);
        json_as_text(json_get(json_at(details, i), "message"), &message);
        snprintf(body, sizeof body, "%.*s", STR_ARG(field));
        assert_true(str_eq(problem_of(doc, body), message));
    }
    json_doc_free(refused);
    json_doc_free(doc);

    done(*state, false, "POST", "/api/profiles/preview", "{\"id\":\"nobody\"}",
         404);
    done(*state, false, "POST", "/api/profiles/preview",
         "{\"engine\":\"command\",\"command\":[\"/bin/true\"]}", 403);
    done(*state, false, "DELETE", "/api/profiles/seen", NULL, 204);
}

static void
test_preview_of_what_is_no_engine_of_ours(void **state)
{
    struct json_doc *doc = ask_json(
        *state, true, "POST", "/api/profiles/preview",
        "{\"name\":\"c\",\"command\":[\"/bin/sh\",\"${port}\"],\"port\":20332}",
        200);
    assert_true(str_is(text_of(doc, "data", "program"), "/bin/sh"));
    char text[300];
    joined(doc, text, sizeof text);
    assert_string_equal(text, "[\"/bin/sh\",\"20332\"] {}");
    json_doc_free(doc);
    doc = ask_json(*state, true, "POST", "/api/profiles/preview",
                   "{\"name\":\"c\",\"command\":[\"/no/such\"]}", 200);
    assert_true(problem_of(doc, "command").n > 0);
    json_doc_free(doc);
    doc =
        ask_json(*state, true, "POST", "/api/profiles/preview",
                 "{\"name\":\"c\",\"engine\":\"llama-server-attached\"}", 200);
    joined(doc, text, sizeof text);
    assert_string_equal(text, "[] {}");
    assert_true(problem_of(doc, "port").n > 0);
    json_doc_free(doc);
    doc = ask_json(*state, true, "POST", "/api/profiles/preview",
                   "{\"name\":\"c\",\"engine\":\"zzz\"}", 200);
    assert_true(problem_of(doc, "engine").n > 0);
    json_doc_free(doc);
}

static void
test_defaults(void **state)
{
    struct json_doc *doc =
        ask_json(*state, false, "GET", "/api/profiles/defaults", NULL, 200);
    assert_true(str_is(text_of(doc, "data", "engine"), "llama-server"));
    assert_int_equal(int_of(doc, "data", "queue_size"), 100);
    json_doc_free(doc);
}

static void
declare(struct world *world, void *arg)
{
    struct error error = { .code = ERR_OK };
    struct json_doc *doc = json_parse(str_from(arg), &error);
    assert_non_null(doc);
    int result =
        profiles_set_file(world_parts(world)->profiles, json_root(doc), &error);
    json_doc_free(doc);
    if (result < 0)
        fail_msg("%s: %s", error.field, error.message);
}

static void
test_declared_profiles_are_read_only(void **state)
{
    char text[300];
    snprintf(text, sizeof text,
             "[{\"name\":\"declared\",\"model_path\":\"%s/m.gguf\"}]",
             world_models(*state));
    world_do(*state, declare, text);
    struct json_doc *doc =
        ask_json(*state, true, "GET", "/api/profiles/declared", NULL, 200);
    assert_true(str_is(text_of(doc, "data", "source"), "file"));
    json_doc_free(doc);
    doc = ask_json(*state, true, "PUT", "/api/profiles/declared",
                   "{\"ttl_s\":1}", 409);
    assert_true(
        str_contains(text_of(doc, "error", "message"), STR("declared in")));
    json_doc_free(doc);
    done(*state, true, "DELETE", "/api/profiles/declared", NULL, 409);
    char nothing[] = "[]";
    world_do(*state, declare, nothing);
    done(*state, true, "GET", "/api/profiles/declared", NULL, 404);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make_show_change_delete),
        cmocka_unit_test(test_taken_names_and_ports),
        cmocka_unit_test(test_duplicate),
        cmocka_unit_test(test_next_port_is_free_and_nobodys),
        cmocka_unit_test(test_what_is_executed_needs_authority),
        cmocka_unit_test(test_declared_profiles_are_read_only),
        cmocka_unit_test(test_preview_tells_and_changes_nothing),
        cmocka_unit_test(test_preview_of_what_is_no_engine_of_ours),
        cmocka_unit_test(test_defaults),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
