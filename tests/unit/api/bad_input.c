/* Every route, as the rows tell them, with everything that can be wrong with
 * a request; each answer is judged by the OpenAPI document. A new row is
 * covered without a change here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/handlers.h"
#include "openapi_check.h"
#include "world.h"

static struct json_doc *document;

static int
open_world(void **state)
{
    struct world *world = world_new(NULL);
    struct question make = { .method = "POST",
                             .target = "/api/profiles",
                             .is_unix = true };
    struct question read = { .method = "GET", .target = "/api/openapi.json" };
    struct answer answer;
    char path[160];
    snprintf(path, sizeof path, "%s/m.gguf", world_models(world));
    char body[256];
    snprintf(body, sizeof body, "{\"name\":\"known\",\"model_path\":\"%s\"}",
             path);
    make.body = body;
    ask(world, &make, &answer);
    if (answer.status != 201)
        fail_msg("no profile: %s", strbuf_text(&answer.body));
    answer_release(&answer);
    ask(world, &read, &answer);
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

/* The pattern with a profile that exists in place of {id}. */
static void
fill(const struct api_row *row, char *target, size_t size)
{
    struct str rest = str_from(row->pattern);
    struct str before = str_split(&rest, '{');
    if (rest.p == NULL) {
        snprintf(target, size, "%s", row->pattern);
        return;
    }
    str_split(&rest, '}');
    snprintf(target, size, "%.*sknown%.*s", STR_ARG(before), (int)rest.n,
             rest.p == NULL ? "" : rest.p);
}

/* Asks and judges. `names`: a detail must name this field; NULL: none. */
static void
expect(struct world *world, const struct api_row *row,
       const struct question *question, int status, const char *names)
{
    struct answer answer;
    char complaint[COMPLAINT_BYTES] = "";
    /* What is wrong with a draft is what its preview is asked for. */
    if (status == 422 && strcmp(row->pattern, "/api/profiles/preview") == 0 &&
        strchr(question->target, '?') == NULL)
        status = 200;
    ask(world, question, &answer);
    const char *body = strbuf_text(&answer.body);
    if (answer.status != status)
        fail_msg("%s %s with %.60s: %d, not %d: %.300s", question->method,
                 question->target, question->body == NULL ? "" : question->body,
                 answer.status, status, body);
    if (!openapi_fits(json_root(document), row->method, row->pattern,
                      answer.status, answer_header(&answer, "content-type"),
                      strbuf_view(&answer.body), complaint))
        fail_msg("%s %s: %s in %.300s", question->method, question->target,
                 complaint, body);
    if (names != NULL) {
        char field[200];
        snprintf(field, sizeof field, "\"field\":\"%s\"", names);
        if (strstr(body, field) == NULL)
            fail_msg("%s %s with %.60s: %s is not named: %.300s",
                     question->method, question->target,
                     question->body == NULL ? "" : question->body, names, body);
    }
    answer_release(&answer);
}

static void
test_wrong_method(void **state)
{
    for (size_t i = 0; i < n_api_rows; i++) {
        char target[256];
        struct answer answer;
        fill(&api_rows[i], target, sizeof target);
        struct question question = { .method = "PATCH",
                                     .target = target,
                                     .is_unix = true };
        ask(*state, &question, &answer);
        if (answer.status != 405)
            fail_msg("PATCH %s: %d", target, answer.status);
        const char *allow = answer_header(&answer, "allow");
        if (strstr(allow, api_rows[i].method) == NULL)
            fail_msg("PATCH %s: Allow: %s", target, allow);
        assert_non_null(
            strstr(strbuf_text(&answer.body), "\"method_not_allowed\""));
        answer_release(&answer);
    }
}

static void
test_unknown_route(void **state)
{
    static const struct {
        const char *method, *target, *part;
    } rows[] = {
        { "GET", "/api", "\"code\":\"not_found\"" },
        { "GET", "/api/", "\"code\":\"not_found\"" },
        { "GET", "/api/nothing", "\"code\":\"not_found\"" },
        { "POST", "/api/profiles/a/b/c", "\"code\":\"not_found\"" },
        { "GET", "/api/profiles/%00", "\"code\":\"not_found\"" },
        { "GET", "/v1/nothing", "\"type\":\"invalid_request_error\"" },
        { "POST", "/v1/messages/x", "\"type\":\"not_found_error\"" },
        { "GET", "/nothing.txt", "\"code\":\"not_found\"" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answer answer;
        struct question question = { .method = rows[i].method,
                                     .target = rows[i].target,
                                     .is_unix = true };
        ask(*state, &question, &answer);
        if (answer.status != 404 ||
            strstr(strbuf_text(&answer.body), rows[i].part) == NULL)
            fail_msg("%s %s: %d %s", rows[i].method, rows[i].target,
                     answer.status, strbuf_text(&answer.body));
        assert_string_equal(answer_header(&answer, "content-type"),
                            "application/json");
        assert_string_equal(answer_header(&answer, "x-content-type-options"),
                            "nosniff");
        answer_release(&answer);
    }
}

static void
test_unknown_query(void **state)
{
    for (size_t i = 0; i < n_api_rows; i++) {
        char target[256];
        fill(&api_rows[i], target, sizeof target);
        strncat(target, "?nonsense=1", sizeof target - strlen(target) - 1);
        struct question question = { .method = api_rows[i].method,
                                     .target = target,
                                     .is_unix = true };
        expect(*state, &api_rows[i], &question, 422, "nonsense");
    }
}

static const char *
bad_value(const struct query_param *param, int nth)
{
    switch (param->type) {
    case QUERY_INT:
        return nth == 0 ? "x" : nth == 1 ? "-1" : "99999999999999999999";
    case QUERY_BOOL: return nth == 0 ? "maybe" : nth == 1 ? "" : "2";
    case QUERY_CHOICE: return nth == 0 ? "loud" : nth == 1 ? "" : "%zz";
    default: return nth == 0 ? "%ff" : nth == 1 ? "%00" : "%e2%82";
    }
}

static void
test_bad_query(void **state)
{
    size_t n = 0;
    for (size_t i = 0; i < n_api_rows; i++) {
        const struct query_param *param = api_rows[i].query;
        for (; param != NULL && param->name != NULL; param++) {
            for (int nth = 0; nth < 3; nth++, n++) {
                char target[300], base[256];
                fill(&api_rows[i], base, sizeof base);
                snprintf(target, sizeof target, "%s?%s=%s", base, param->name,
                         bad_value(param, nth));
                struct question question = { .method = api_rows[i].method,
                                             .target = target,
                                             .is_unix = true };
                expect(*state, &api_rows[i], &question, 422, param->name);
            }
        }
    }
    assert_true(n > 20);
}

static void
test_bad_bodies(void **state)
{
    static const struct {
        const char *body;
        size_t n;
        const char *type;
        int status;
        const char *names;
    } rows[] = {
        { "{}", 0, "text/plain", 415, NULL },
        { "{}", 0, "application/jsonp", 415, NULL },
        { "a=b", 0, "application/x-www-form-urlencoded", 415, NULL },
        { "{\"a\":", 0, NULL, 400, NULL },
        { "{\"a\":1,}", 0, NULL, 400, NULL },
        { "{\"a\":1,\"a\":2}", 0, NULL, 400, NULL },
        { "{} {}", 0, NULL, 400, NULL },
        { "not json", 0, NULL, 400, NULL },
        { "[]", 0, NULL, 400, NULL },
        { "null", 0, NULL, 400, NULL },
        { "\"text\"", 0, NULL, 400, NULL },
        { "{\"a\":\"\xff\"}", 0, NULL, 400, NULL },
        { "{\"a\":\"\xed\xa0\x80\"}", 0, NULL, 400, NULL },
        { "{\"a\":\"\xc0\x80\"}", 0, NULL, 400, NULL },
        { "{\"nonsense_field\":1}", 0, NULL, 422, "nonsense_field" },
    };
    for (size_t i = 0; i < n_api_rows; i++) {
        for (size_t j = 0; j < sizeof rows / sizeof *rows; j++) {
            char target[256];
            fill(&api_rows[i], target, sizeof target);
            struct question question = { .method = api_rows[i].method,
                                         .target = target,
                                         .body = rows[j].body,
                                         .type = rows[j].type,
                                         .is_unix = true };
            expect(*state, &api_rows[i], &question, rows[j].status,
                   rows[j].names);
        }
    }
}

static void
test_malformed_says_where(void **state)
{
    struct answer answer;
    struct question question = { .method = "POST",
                                 .target = "/api/profiles",
                                 .body = "{\n  \"name\": oops\n}" };
    ask(*state, &question, &answer);
    assert_int_equal(answer.status, 400);
    assert_non_null(strstr(strbuf_text(&answer.body), "line 2, column 11"));
    answer_release(&answer);
}

static void
test_oversize(void **state)
{
    for (size_t i = 0; i < n_api_rows; i++) {
        char target[256];
        fill(&api_rows[i], target, sizeof target);
        struct question question = { .method = api_rows[i].method,
                                     .target = target,
                                     .is_unix = true,
                                     .declared = LIMIT_API_BODY_BYTES + 1 };
        if ((api_rows[i].flags & ROW_LARGE) != 0)
            question.declared = LIMIT_CONFIG_BYTES + 1;
        expect(*state, &api_rows[i], &question, 413, NULL);
    }
}

static void
test_oversize_chunked(void **state)
{
    enum { N = 16 * 70000 };
    char *body = malloc(N + 8);
    assert_non_null(body);
    size_t n = 0;
    for (int i = 0; i < 16; i++) {
        n += (size_t)snprintf(body + n, N - n, "10000\r\n");
        memset(body + n, ' ', 0x10000);
        n += 0x10000;
        n += (size_t)snprintf(body + n, N - n, "\r\n");
    }
    n += (size_t)snprintf(body + n, N - n, "1\r\n \r\n0\r\n\r\n");
    int fd;
    struct strbuf all = STRBUF_INIT(64 * KIB);
    struct question question = {
        .method = "POST",
        .target = "/api/profiles",
        .headers = "Transfer-Encoding: chunked\r\n"
                   "Content-Type: application/json\r\n",
    };
    fd = ask_open(*state, &question);
    for (size_t at = 0; at < n;) {
        ssize_t sent = send(fd, body + at, n - at, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        at += (size_t)sent;
    }
    read_until(fd, "\r\n\r\n", &all);
    close(fd);
    assert_non_null(strstr(strbuf_text(&all), "HTTP/1.1 413 "));
    strbuf_release(&all);
    free(body);
}

/* A value of a type that the schema does not want; nobody wants a list of a
 * list where texts and numbers are taken. */
static const char *
wrong_value(const struct schema *schema)
{
    if (schema->type == SCHEMA_ANY)
        return "[[]]";
    return schema->type == SCHEMA_TEXT ? "17" : "\"text\"";
}

static void
test_wrong_types_of_our_fields(void **state)
{
    size_t n = 0;
    for (size_t i = 0; i < n_api_rows; i++) {
        const struct schema *schema = api_rows[i].input;
        for (size_t j = 0; schema != NULL && j < schema->n_fields; j++) {
            const struct schema_field *field = &schema->fields[j];
            char body[200], target[256];
            fill(&api_rows[i], target, sizeof target);
            snprintf(body, sizeof body, "{\"%s\":%s}", field->name,
                     wrong_value(field->schema));
            struct question question = { .method = api_rows[i].method,
                                         .target = target,
                                         .body = body,
                                         .is_unix = true };
            expect(*state, &api_rows[i], &question, 422, field->name);
            n++;
        }
    }
    assert_true(n >= 5);
}

static const char *
wrong_field_value(const struct field *field)
{
    switch (field->type) {
    case FIELD_TEXT:
    case FIELD_JSON_OBJECT: return "17";
    case FIELD_TEXT_LIST: return "[1]";
    case FIELD_JSON_ARRAY: return "{\"a\":1}";
    case FIELD_BOOL: return "\"true\"";
    default: return "\"loud\"";
    }
}

static const struct api_row *
find_row(const char *method, const char *pattern)
{
    for (size_t i = 0; i < n_api_rows; i++)
        if (strcmp(api_rows[i].method, method) == 0 &&
            strcmp(api_rows[i].pattern, pattern) == 0)
            return &api_rows[i];
    fail_msg("no row %s %s", method, pattern);
    return NULL;
}

static void
test_wrong_types_of_profiles(void **state)
{
    const struct api_row *post = find_row("POST", "/api/profiles");
    const struct api_row *put = find_row("PUT", "/api/profiles/{id}");
    for (size_t i = 0; i < n_profile_fields; i++) {
        const struct field *field = &profile_fields[i];
        char body[300];
        if (strcmp(field->name, "name") == 0)
            snprintf(body, sizeof body, "{\"name\":17}");
        else
            snprintf(body, sizeof body, "{\"name\":\"new\",\"%s\":%s}",
                     field->name, wrong_field_value(field));
        struct question make = { .method = "POST",
                                 .target = "/api/profiles",
                                 .body = body,
                                 .is_unix = true };
        expect(*state, post, &make, 422, field->name);
        snprintf(body, sizeof body, "{\"%s\":%s}", field->name,
                 wrong_field_value(field));
        struct question change = { .method = "PUT",
                                   .target = "/api/profiles/known",
                                   .body = body,
                                   .is_unix = true };
        expect(*state, put, &change, 422, field->name);
    }
}

static void
test_bounds_of_profiles(void **state)
{
    const struct api_row *put = find_row("PUT", "/api/profiles/{id}");
    for (size_t i = 0; i < n_profile_fields; i++) {
        const struct field *field = &profile_fields[i];
        bool is_number = field->type == FIELD_INT || field->type == FIELD_INT64;
        if (!is_number || (field->flags & FIELD_READ_ONLY) != 0)
            continue;
        int64_t values[] = { field->min - 1, field->max + 1 };
        for (int j = 0; j < 2; j++) {
            char body[200];
            snprintf(body, sizeof body, "{\"%s\":%lld}", field->name,
                     (long long)values[j]);
            struct question change = { .method = "PUT",
                                       .target = "/api/profiles/known",
                                       .body = body,
                                       .is_unix = true };
            expect(*state, put, &change, 422, field->name);
        }
    }
}

static void
test_missing_fields(void **state)
{
    const struct api_row *post = find_row("POST", "/api/profiles");
    static const char *const bodies[] = { "{}", "{\"model_path\":\"m\"}" };
    for (size_t i = 0; i < 2; i++) {
        struct question make = { .method = "POST",
                                 .target = "/api/profiles",
                                 .body = bodies[i],
                                 .is_unix = true };
        expect(*state, post, &make, 422, "name");
    }
    struct question without = { .method = "POST",
                                .target = "/api/profiles",
                                .body = "{\"name\":\"n\"}",
                                .is_unix = true };
    expect(*state, post, &without, 422, "model_path");
    struct question empty = { .method = "POST",
                              .target = "/api/profiles",
                              .is_unix = true };
    expect(*state, post, &empty, 400, NULL);
    struct question session = { .method = "POST",
                                .target = "/api/session",
                                .body = "{}",
                                .is_unix = true };
    expect(*state, find_row("POST", "/api/session"), &session, 422, "key");
}

/* The type that each setting does not want. */
static void
test_wrong_types_of_settings(void **state)
{
    const struct api_row *put = find_row("PUT", "/api/settings");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"%s\":{\"a\":[]}}", setting_rows[i].key);
        struct question change = { .method = "PUT",
                                   .target = "/api/settings",
                                   .body = body,
                                   .is_unix = true };
        struct answer answer;
        char complaint[COMPLAINT_BYTES] = "";
        ask(*state, &change, &answer);
        bool is_file_only = (setting_rows[i].flags & SETTING_FILE_ONLY) != 0;
        if (answer.status != 422 && !(is_file_only && answer.status == 409))
            fail_msg("%s: %d %s", body, answer.status,
                     strbuf_text(&answer.body));
        if (!openapi_fits(json_root(document), put->method, put->pattern,
                          answer.status, answer_header(&answer, "content-type"),
                          strbuf_view(&answer.body), complaint))
            fail_msg("%s: %s", body, complaint);
        assert_non_null(strstr(strbuf_text(&answer.body), setting_rows[i].key));
        answer_release(&answer);
    }
}

static void
test_unknown_ids(void **state)
{
    size_t n = 0;
    for (size_t i = 0; i < n_api_rows; i++) {
        struct str rest = str_from(api_rows[i].pattern);
        struct str before = str_split(&rest, '{');
        /* What a hub has is for the hub to tell. */
        if (rest.p == NULL || str_starts_with(before, STR("/api/hub/")) ||
            str_starts_with(before, STR("/api/models/detect-options/")))
            continue;
        if (api_rows[i].input == &schema_preset_input)
            continue; /* makes what is not there */
        str_split(&rest, '}');
        char target[256];
        snprintf(target, sizeof target, "%.*snobody%.*s", STR_ARG(before),
                 (int)rest.n, rest.p == NULL ? "" : rest.p);
        struct question question = { .method = api_rows[i].method,
                                     .target = target,
                                     .is_unix = true };
        if (strcmp(api_rows[i].method, "PUT") == 0)
            question.body = "{}";
        if (api_rows[i].input == &schema_priority)
            question.body = "{\"priority\":1}";
        if (api_rows[i].input == &schema_limit)
            question.body = "{\"limit_bytes_per_s\":1}";
        if (api_rows[i].input == &schema_move)
            question.body = "{\"category\":\"archive\"}";
        if (api_rows[i].input == &schema_preset_section)
            question.body = "{\"options\":{}}";
        expect(*state, &api_rows[i], &question, 404, NULL);
        n++;
    }
    assert_true(n >= 12);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_method),
        cmocka_unit_test(test_unknown_route),
        cmocka_unit_test(test_unknown_query),
        cmocka_unit_test(test_bad_query),
        cmocka_unit_test(test_bad_bodies),
        cmocka_unit_test(test_malformed_says_where),
        cmocka_unit_test(test_oversize),
        cmocka_unit_test(test_oversize_chunked),
        cmocka_unit_test(test_wrong_types_of_our_fields),
        cmocka_unit_test(test_wrong_types_of_profiles),
        cmocka_unit_test(test_bounds_of_profiles),
        cmocka_unit_test(test_missing_fields),
        cmocka_unit_test(test_wrong_types_of_settings),
        cmocka_unit_test(test_unknown_ids),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
