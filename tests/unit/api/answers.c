/* What the routes answer when all is well, each judged by the document; and
 * the conventions that hold for all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/handlers.h"
#include "api/web_files.h"
#include "openapi_check.h"
#include "world.h"

static struct json_doc *document;

static int
open_world(void **state)
{
    struct world *world = world_new(NULL);
    struct question read = { .method = "GET", .target = "/api/openapi.json" };
    struct answer answer;
    ask(world, &read, &answer);
    assert_int_equal(answer.status, 200);
    document = json_parse(strbuf_view(&answer.body), NULL);
    assert_non_null(document);
    answer_release(&answer);
    *state = world;
    return 0;
}

static int
close_world(void **state)
{
    json_doc_free(document);
    world_free(*state);
    return 0;
}

/* Asks, wants the status and an answer that fits the document. */
static void
get(struct world *world, const char *method, const char *target,
    const char *body, int status, struct answer *ret_answer)
{
    char complaint[COMPLAINT_BYTES] = "";
    struct question question = {
        .method = method, .target = target, .body = body, .is_unix = true
    };
    ask(world, &question, ret_answer);
    if (ret_answer->status != status)
        fail_msg("%s %s: %d %.300s", method, target, ret_answer->status,
                 strbuf_text(&ret_answer->body));
    if (!openapi_fits(json_root(document), method, target, status,
                      answer_header(ret_answer, "content-type"),
                      strbuf_view(&ret_answer->body), complaint))
        fail_msg("%s %s: %s in %.300s", method, target, complaint,
                 strbuf_text(&ret_answer->body));
}

static void
test_every_list(void **state)
{
    size_t n = 0;
    for (size_t i = 0; i < n_api_rows; i++) {
        const struct api_row *row = &api_rows[i];
        struct answer answer;
        if (strcmp(row->method, "GET") != 0 ||
            strchr(row->pattern, '{') != NULL || (row->flags & ROW_STREAM) != 0)
            continue;
        /* Offline, no hub is asked; and of no model nothing can be told. */
        int status = strcmp(row->pattern, "/api/models/search") == 0 ? 503
                     : strcmp(row->pattern, "/api/hub/fit") == 0     ? 422
                                                                     : 200;
        get(*state, row->method, row->pattern, NULL, status, &answer);
        if (strncmp(row->pattern, "/api/", 5) == 0) {
            assert_string_equal(answer_header(&answer, "cache-control"),
                                "no-store");
            assert_non_null(strstr(answer_header(&answer, "vary"), "Origin"));
        }
        assert_string_equal(answer_header(&answer, "x-content-type-options"),
                            "nosniff");
        answer_release(&answer);
        n++;
    }
    assert_true(n >= 15);
}

static void
test_head_is_get_without_body(void **state)
{
    struct answer answer;
    struct question question = { .method = "HEAD", .target = "/health" };
    ask(*state, &question, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.n, 0);
    assert_true(strtol(answer_header(&answer, "content-length"), NULL, 10) >
                10);
    answer_release(&answer);
    question.target = "/api/events";
    ask(*state, &question, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.n, 0);
    answer_release(&answer);
}

static void
test_health_needs_nothing(void **state)
{
    struct answer answer;
    get(*state, "GET", "/health", NULL, 200, &answer);
    assert_non_null(strstr(strbuf_text(&answer.body),
                           "{\"status\":\"ok\",\"version\":\"0.0.1\""));
    answer_release(&answer);
}

static void
test_memory_adds_up(void **state)
{
    struct answer answer;
    get(*state, "GET", "/api/system/memory", NULL, 200, &answer);
    struct json_doc *doc = json_parse(strbuf_view(&answer.body), NULL);
    const struct json *data = json_get(json_root(doc), "data");
    int64_t total = 0, available = 0, used = 0;
    assert_true(json_as_int(json_get(data, "total_bytes"), &total));
    assert_true(json_as_int(json_get(data, "available_bytes"), &available));
    assert_true(json_as_int(json_get(data, "used_bytes"), &used));
    assert_true(total > 0 && available > 0 && available <= total);
    assert_int_equal(total, available + used);
    json_doc_free(doc);
    answer_release(&answer);
}

static void
test_metrics_are_prometheus(void **state)
{
    struct answer answer;
    get(*state, "GET", "/metrics", NULL, 200, &answer);
    const char *text = strbuf_text(&answer.body);
    assert_non_null(strstr(text, "# TYPE hearth_servers gauge\n"));
    assert_non_null(strstr(text, "hearth_servers{state=\"ready\"} 0\n"));
    assert_non_null(strstr(text, "hearth_build_info{version=\"0.0.1\"} 1\n"));
    assert_non_null(strstr(text, "\nhearth_models 0\n"));
    answer_release(&answer);
}

static void
test_logs_page(void **state)
{
    struct answer answer;
    get(*state, "GET", "/api/logs?limit=2&level=warn&source=test&q=line", NULL,
        200, &answer);
    const char *text = strbuf_text(&answer.body);
    assert_non_null(strstr(text, "\"message\":\"line 2\""));
    assert_non_null(strstr(text, "\"next_before_id\":1"));
    answer_release(&answer);
    get(*state, "GET", "/api/logs?limit=5", NULL, 200, &answer);
    assert_non_null(
        strstr(strbuf_text(&answer.body), "\"next_before_id\":null"));
    answer_release(&answer);
    get(*state, "DELETE", "/api/logs", NULL, 204, &answer);
    answer_release(&answer);
}

static void
test_settings_change_and_go_back(void **state)
{
    struct answer answer;
    get(*state, "PUT", "/api/settings", "{\"models_max\":7}", 200, &answer);
    struct json_doc *doc = json_parse(strbuf_view(&answer.body), NULL);
    const struct json *row =
        json_get(json_get(json_root(doc), "data"), "models_max");
    int64_t value = 0;
    assert_true(json_as_int(json_get(row, "value"), &value));
    assert_int_equal(value, 7);
    json_doc_free(doc);
    answer_release(&answer);
    get(*state, "PUT", "/api/settings", "{\"models_max\":null}", 200, &answer);
    doc = json_parse(strbuf_view(&answer.body), NULL);
    row = json_get(json_get(json_root(doc), "data"), "models_max");
    assert_true(json_as_int(json_get(row, "value"), &value));
    assert_int_equal(value, 4);
    json_doc_free(doc);
    answer_release(&answer);
}

static void
test_pinned_setting_says_by_whom(void **state)
{
    static const char *const environment[] = { "HEARTH_MODELS_MAX=3", NULL };
    struct world *world = world_new(environment);
    struct answer answer;
    get(world, "PUT", "/api/settings", "{\"models_max\":7}", 409, &answer);
    const char *text = strbuf_text(&answer.body);
    assert_non_null(strstr(text, "\"code\":\"pinned\""));
    assert_non_null(strstr(text, "HEARTH_MODELS_MAX"));
    answer_release(&answer);
    world_free(world);
}

static void
test_scan_finds_files(void **state)
{
    struct answer answer;
    char path[160];
    snprintf(path, sizeof path, "%s/tiny.gguf", world_models(*state));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("GGUF", file);
    fclose(file);
    get(*state, "POST", "/api/models/scan", NULL, 200, &answer);
    assert_non_null(strstr(strbuf_text(&answer.body), "\"n_models\":2"));
    answer_release(&answer);
    get(*state, "GET", "/api/models/tiny", NULL, 200, &answer);
    assert_non_null(strstr(strbuf_text(&answer.body), "\"size_bytes\":4"));
    answer_release(&answer);
    /* its implicit profile: shown, not changed, not deleted */
    get(*state, "GET", "/api/profiles/tiny", NULL, 200, &answer);
    assert_non_null(
        strstr(strbuf_text(&answer.body), "\"source\":\"library\""));
    answer_release(&answer);
    get(*state, "PUT", "/api/profiles/tiny", "{\"description\":\"x\"}", 409,
        &answer);
    answer_release(&answer);
    get(*state, "DELETE", "/api/profiles/tiny", NULL, 409, &answer);
    answer_release(&answer);
    get(*state, "GET", "/api/servers/tiny/status", NULL, 200, &answer);
    assert_non_null(strstr(strbuf_text(&answer.body), "\"state\":\"stopped\""));
    answer_release(&answer);
    get(*state, "GET", "/api/servers/tiny/health", NULL, 200, &answer);
    assert_non_null(
        strstr(strbuf_text(&answer.body), "\"status\":\"stopped\""));
    answer_release(&answer);
    unlink(path);
    get(*state, "POST", "/api/models/scan", NULL, 200, &answer);
    assert_non_null(strstr(strbuf_text(&answer.body), "\"n_models\":1"));
    answer_release(&answer);
}

static void
write_file(const char *path, struct str bytes)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, file), bytes.n);
    fclose(file);
}

/* A picture of the user's is never a page, and asked for again it is sent
 * again only if it is another one. */
static void
test_preview_of_a_model(void **state)
{
    static const char target[] = "/api/models/drawn/preview";
    struct answer answer;
    char model[160], picture[160], header[120];
    get(*state, "GET", target, NULL, 404, &answer);
    answer_release(&answer);
    snprintf(model, sizeof model, "%s/drawn.safetensors", world_models(*state));
    snprintf(picture, sizeof picture, "%s/drawn.png", world_models(*state));
    write_file(model, STR("GGUF"));
    write_file(picture, STR("GIF89a picture"));
    get(*state, "POST", "/api/models/scan", NULL, 200, &answer);
    answer_release(&answer);

    get(*state, "GET", target, NULL, 200, &answer);
    assert_string_equal(strbuf_text(&answer.body), "GIF89a picture");
    assert_string_equal(answer_header(&answer, "content-type"), "image/gif");
    assert_string_equal(answer_header(&answer, "x-content-type-options"),
                        "nosniff");
    assert_string_equal(answer_header(&answer, "content-security-policy"),
                        "default-src 'none'; sandbox");
    assert_string_equal(answer_header(&answer, "cache-control"),
                        "private, no-cache");
    snprintf(header, sizeof header, "If-None-Match: %.80s\r\n",
             answer_header(&answer, "etag"));
    answer_release(&answer);
    struct question question = {
        .method = "GET", .target = target, .headers = header, .is_unix = true
    };
    ask(*state, &question, &answer);
    assert_int_equal(answer.status, 304);
    assert_int_equal(answer.body.n, 0);
    answer_release(&answer);
    question.method = "HEAD";
    question.headers = NULL;
    ask(*state, &question, &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body.n, 0);
    assert_string_equal(answer_header(&answer, "content-length"), "14");
    answer_release(&answer);

    write_file(picture, STR("<svg onload='alert(1)'/>"));
    question.method = "GET";
    question.headers = header;
    ask(*state, &question, &answer);
    assert_int_equal(answer.status, 415);
    assert_string_equal(answer_header(&answer, "content-type"),
                        "application/json");
    answer_release(&answer);
    unlink(picture);
    get(*state, "GET", target, NULL, 404, &answer);
    assert_non_null(strstr(strbuf_text(&answer.body), "drawn.png"));
    answer_release(&answer);
    unlink(model);
    get(*state, "POST", "/api/models/scan", NULL, 200, &answer);
    answer_release(&answer);
}

static void
test_page_and_list_share_an_address(void **state)
{
    struct answer answer;
    struct question question = { .method = "GET",
                                 .target = "/models",
                                 .headers = "Accept: text/html,*/*\r\n" };
    ask(*state, &question, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_header(&answer, "content-type"),
                        "text/html; charset=utf-8");
    assert_non_null(strstr(answer_header(&answer, "vary"), "Accept"));
    assert_non_null(strstr(answer_header(&answer, "content-security-policy"),
                           "default-src 'none'"));
    answer_release(&answer);
    question.headers = "Sec-Fetch-Mode: navigate\r\n"
                       "Sec-Fetch-Site: none\r\n";
    ask(*state, &question, &answer);
    assert_string_equal(answer_header(&answer, "content-type"),
                        "text/html; charset=utf-8");
    answer_release(&answer);
    question.headers = "Accept: application/json\r\n";
    ask(*state, &question, &answer);
    assert_string_equal(answer_header(&answer, "content-type"),
                        "application/json");
    answer_release(&answer);
    question.headers = NULL;
    ask(*state, &question, &answer);
    assert_string_equal(answer_header(&answer, "content-type"),
                        "application/json");
    answer_release(&answer);
}

static void
test_page_paths(void **state)
{
    static const struct {
        const char *method, *target, *headers;
        int status;
    } rows[] = {
        { "GET", "/", NULL, 200 },
        { "GET", "/?link=hk_x", NULL, 200 },
        { "GET", "/servers/abc", "Accept: text/html\r\n", 200 },
        { "GET", "/servers/abc", NULL, 404 },
        { "POST", "/favicon.svg", NULL, 404 },
        { "GET", "/_app/abc", "Accept: text/html\r\n", 404 },
        { "GET", "/api/abc", "Accept: text/html\r\n", 404 },
        { "GET", "/v1/abc", "Accept: text/html\r\n", 404 },
        { "POST", "/", NULL, 405 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answer answer;
        struct question question = { .method = rows[i].method,
                                     .target = rows[i].target,
                                     .headers = rows[i].headers };
        ask(*state, &question, &answer);
        if (answer.status != rows[i].status)
            fail_msg("%s %s: %d", rows[i].method, rows[i].target,
                     answer.status);
        answer_release(&answer);
    }
}

static void
check_file(void *state, const struct web_file *file, const char *headers,
           int status, struct str body)
{
    struct answer answer;
    struct question question = { .method = "GET",
                                 .target = file->path,
                                 .headers = headers };
    ask(state, &question, &answer);
    if (answer.status != status || answer.body.n != body.n)
        fail_msg("%s: %d, %zu bytes", file->path, answer.status, answer.body.n);
    assert_memory_equal(strbuf_text(&answer.body), body.p, body.n);
    assert_string_equal(answer_header(&answer, "etag"), file->etag);
    assert_non_null(strstr(answer_header(&answer, "vary"), "Accept-Encoding"));
    assert_int_equal(
        strstr(answer_header(&answer, "cache-control"), "immutable") != NULL,
        file->is_hashed);
    answer_release(&answer);
}

/* Where the build has no dashboard there are none. */
static void
test_files_of_the_dashboard(void **state)
{
    for (size_t i = 0; i < web_files.n; i++) {
        const struct web_file *file = &web_files.at[i];
        char known[128];
        bool is_packed = file->packed.n > 0;
        if (i > 0)
            assert_true(strcmp(web_files.at[i - 1].path, file->path) < 0);
        check_file(*state, file, NULL, 200, file->plain);
        check_file(*state, file, "Accept-Encoding: br, gzip;q=0.5\r\n", 200,
                   is_packed ? file->packed : file->plain);
        check_file(*state, file, "Accept-Encoding: gzip;q=0\r\n", 200,
                   file->plain);
        snprintf(known, sizeof known, "If-None-Match: \"x\", %s\r\n",
                 file->etag);
        check_file(*state, file, known, 304, STR(""));
        snprintf(known, sizeof known, "If-None-Match: %s\r\n",
                 file->etag + strlen("W/"));
        check_file(*state, file, known, 304, STR(""));
        check_file(*state, file, "If-None-Match: \"x\"\r\n", 200, file->plain);
    }
}

static void
test_metrics_of_a_model_are_the_gateways(void **state)
{
    struct answer answer;
    struct question question = { .method = "GET",
                                 .target = "/metrics?model=x" };
    ask(*state, &question, &answer);
    assert_string_equal(answer_header(&answer, "content-type"),
                        "application/json");
    answer_release(&answer);
}

static void
test_start_that_cannot_be(void **state)
{
    struct answer answer;
    get(*state, "POST", "/api/profiles",
        "{\"name\":\"absent\",\"engine\":\"command\",\"command\":"
        "[\"/nonexistent/engine\"]}",
        201, &answer);
    answer_release(&answer);
    get(*state, "POST", "/api/servers/absent/start?wait=1", NULL, 409, &answer);
    assert_non_null(strstr(strbuf_text(&answer.body), "\"state\":"));
    answer_release(&answer);
    get(*state, "POST", "/api/servers/absent/stop", NULL, 409, &answer);
    answer_release(&answer);
    get(*state, "DELETE", "/api/profiles/absent?wait=1", NULL, 204, &answer);
    answer_release(&answer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_list),
        cmocka_unit_test(test_head_is_get_without_body),
        cmocka_unit_test(test_health_needs_nothing),
        cmocka_unit_test(test_memory_adds_up),
        cmocka_unit_test(test_metrics_are_prometheus),
        cmocka_unit_test(test_logs_page),
        cmocka_unit_test(test_settings_change_and_go_back),
        cmocka_unit_test(test_pinned_setting_says_by_whom),
        cmocka_unit_test(test_scan_finds_files),
        cmocka_unit_test(test_preview_of_a_model),
        cmocka_unit_test(test_page_and_list_share_an_address),
        cmocka_unit_test(test_page_paths),
        cmocka_unit_test(test_files_of_the_dashboard),
        cmocka_unit_test(test_metrics_of_a_model_are_the_gateways),
        cmocka_unit_test(test_start_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
