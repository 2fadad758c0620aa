/* What needs no server: dialects, schemas, the OpenAPI document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/dialect.h"
#include "api/handlers.h"
#include "openapi_check.h"

static void
test_dialect_follows_the_path(void **state)
{
    static const struct {
        const char *path;
        enum dialect dialect;
    } rows[] = {
        { "", DIALECT_OWN },
        { "/", DIALECT_OWN },
        { "/api/profiles", DIALECT_OWN },
        { "/api/models", DIALECT_OWN },
        { "/health", DIALECT_OWN },
        { "/v1", DIALECT_OPENAI },
        { "/v1/chat/completions", DIALECT_OPENAI },
        { "/v1/messages", DIALECT_ANTHROPIC },
        { "/v1/messages/count_tokens", DIALECT_ANTHROPIC },
        { "/v1/messagesque", DIALECT_OPENAI },
        { "/completion", DIALECT_OPENAI },
        { "/completionist", DIALECT_OWN },
        { "/upstream/a/b", DIALECT_OPENAI },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(dialect_of_path(str_from(rows[i].path)),
                         rows[i].dialect);
}

static void
test_errors_by_dialect(void **state)
{
    static const struct {
        enum dialect dialect;
        int status;
        const char *text;
    } rows[] = {
        { DIALECT_OWN, 404,
          "{\"success\":false,\"error\":{\"code\":\"not_found\","
          "\"message\":\"a \\\"b\\\"\"}}" },
        { DIALECT_OPENAI, 401,
          "{\"error\":{\"message\":\"a \\\"b\\\"\","
          "\"type\":\"authentication_error\",\"param\":null,"
          "\"code\":\"not_found\"}}" },
        { DIALECT_OPENAI, 500,
          "{\"error\":{\"message\":\"a \\\"b\\\"\",\"type\":\"server_error\","
          "\"param\":null,\"code\":\"not_found\"}}" },
        { DIALECT_OPENAI, 422,
          "{\"error\":{\"message\":\"a \\\"b\\\"\","
          "\"type\":\"invalid_request_error\",\"param\":null,"
          "\"code\":\"not_found\"}}" },
        { DIALECT_ANTHROPIC, 404,
          "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\","
          "\"message\":\"a \\\"b\\\"\"}}" },
        { DIALECT_ANTHROPIC, 502,
          "{\"type\":\"error\",\"error\":{\"type\":\"api_error\","
          "\"message\":\"a \\\"b\\\"\"}}" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct strbuf out = STRBUF_INIT(1 * KIB);
        dialect_write(rows[i].dialect, rows[i].status, "not_found", "a \"b\"",
                      &out);
        assert_string_equal(strbuf_text(&out), rows[i].text);
        strbuf_release(&out);
    }
}

static void
test_refusal_of_the_server_names_its_code(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *part;
    } rows[] = {
        { "/api/profiles", 413, "\"code\":\"too_large\"" },
        { "", 400, "\"code\":\"bad_request\"" },
        { "/v1/chat/completions", 413, "\"code\":\"too_large\"" },
        { "/v1/messages", 413, "\"type\":\"request_too_large\"" },
        { "/api/x", 431, "\"code\":\"headers_too_large\"" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct strbuf out = STRBUF_INIT(1 * KIB);
        api_refuse(str_from(rows[i].path), rows[i].status, "Too much.", &out);
        assert_non_null(strstr(strbuf_text(&out), rows[i].part));
        strbuf_release(&out);
    }
}

static void
check_input(const struct schema *schema, const char *text, const char *field,
            const char *message)
{
    struct field_problems problems = { .n = 0 };
    struct json_doc *doc = json_parse(str_from(text), NULL);
    assert_non_null(doc);
    bool is_good = schema_check(schema, json_root(doc), &problems);
    json_doc_free(doc);
    assert_int_equal(is_good, field == NULL);
    if (field == NULL)
        return;
    assert_int_equal(problems.n, 1);
    assert_string_equal(problems.at[0].field, field);
    assert_non_null(strstr(problems.at[0].message, message));
}

static void
test_input_is_checked(void **state)
{
    check_input(&schema_key_input, "{}", NULL, NULL);
    check_input(&schema_key_input, "{\"name\":\"a\",\"scope\":\"read\"}", NULL,
                NULL);
    check_input(&schema_key_input, "{\"name\":3}", "name", "text");
    check_input(&schema_key_input, "{\"name\":null}", "name", "must be");
    check_input(&schema_key_input, "{\"name\":\"\"}", "name", "1 to 128");
    check_input(&schema_key_input, "{\"scope\":\"root\"}", "scope",
                "admin, inference, read");
    check_input(&schema_key_input, "{\"other\":1}", "other", "not a known");
    check_input(&schema_empty, "{\"x\":1}", "x", "not a known");
    check_input(&schema_port, "{}", "port", "missing");
    check_input(&schema_port, "{\"port\":1.5}", "port", "must be");
}

static void
test_problems_have_a_ceiling(void **state)
{
    struct field_problems problems = { .n = 0 };
    for (int i = 0; i < 2 * FIELD_PROBLEMS_MAX; i++)
        problem_add(&problems, STR("field"), "number %d", i);
    assert_int_equal(problems.n, FIELD_PROBLEMS_MAX);
    char name[300];
    memset(name, 'n', sizeof name);
    problems.n = 0;
    problem_add(&problems, (struct str){ name, sizeof name }, "x");
    assert_int_equal(strlen(problems.at[0].field), ERROR_FIELD_MAX - 1);
}

static struct json_doc *
read_document(void)
{
    struct strbuf out = STRBUF_INIT(4 * MIB);
    struct json_writer w;
    struct error error = { .code = ERR_OK };
    json_writer_init(&w, &out);
    openapi_write("1.2.3", &w);
    struct json_doc *doc = json_parse(strbuf_view(&out), &error);
    if (doc == NULL)
        fail_msg("%s", error.message);
    strbuf_release(&out);
    return doc;
}

/* Every $ref of the document, resolved; returns how many there are. */
static size_t
follow_references(const struct json *document, const struct json *value)
{
    size_t n = 0;
    struct json_iter iter;
    if (json_type(value) == JSON_ARRAY) {
        for (size_t i = 0; i < json_count(value); i++)
            n += follow_references(document, json_at(value, i));
        return n;
    }
    if (json_type(value) != JSON_OBJECT)
        return 0;
    struct str reference = STR("");
    if (json_as_text(json_get(value, "$ref"), &reference)) {
        struct str prefix = STR("#/components/schemas/");
        assert_true(str_starts_with(reference, prefix));
        struct str name = { reference.p + prefix.n, reference.n - prefix.n };
        const struct json *schemas =
            json_get(json_get(document, "components"), "schemas");
        if (json_get_str(schemas, name) == NULL)
            fail_msg("%.*s is not defined", STR_ARG(reference));
        return 1;
    }
    json_iter_init(&iter, value);
    while (json_iter_next(&iter))
        n += follow_references(document, iter.value);
    return n;
}

static void
test_document_holds_every_row(void **state)
{
    struct json_doc *doc = read_document();
    const struct json *root = json_root(doc);
    const struct json *paths = json_get(root, "paths");
    for (size_t i = 0; i < n_api_rows; i++) {
        char method[16] = "";
        for (size_t n = 0; api_rows[i].method[n] != '\0'; n++)
            method[n] = (char)(api_rows[i].method[n] | 0x20);
        const struct json *operation =
            json_get(json_get(paths, api_rows[i].pattern), method);
        if (operation == NULL)
            fail_msg("%s %s is missing", api_rows[i].method,
                     api_rows[i].pattern);
        assert_true(json_count(json_get(operation, "responses")) >= 2);
    }
    assert_true(follow_references(root, root) > 20);
    json_doc_free(doc);
}

static void
test_document_knows_the_profile(void **state)
{
    struct json_doc *doc = read_document();
    const struct json *schemas =
        json_get(json_get(json_root(doc), "components"), "schemas");
    const struct json *shown = json_get(schemas, "Profile");
    const struct json *sent = json_get(schemas, "NewProfile");
    for (size_t i = 0; i < n_profile_fields; i++) {
        bool is_read_only = (profile_fields[i].flags & FIELD_READ_ONLY) != 0;
        const char *name = profile_fields[i].name;
        assert_non_null(json_get(json_get(shown, "properties"), name));
        assert_int_equal(json_get(json_get(sent, "properties"), name) == NULL,
                         is_read_only);
    }
    assert_int_equal(json_count(json_get(sent, "required")), 1);
    json_doc_free(doc);
}

/* The judge itself: what does not fit is refused. */
static void
test_judge_refuses(void **state)
{
    struct json_doc *doc = read_document();
    const struct json *root = json_root(doc);
    char complaint[COMPLAINT_BYTES] = "";
    static const struct {
        const char *path;
        int status;
        const char *body;
        const char *complaint; /* NULL: fits */
    } rows[] = {
        { "/health", 200,
          "{\"status\":\"ok\",\"version\":\"1\",\"uptime_s\":3}", NULL },
        { "/health", 200, "{\"status\":\"ok\",\"version\":\"1\"}", "lacks" },
        { "/health", 200,
          "{\"status\":\"ok\",\"version\":\"1\",\"uptime_s\":\"3\"}",
          "not integer" },
        { "/health", 200,
          "{\"status\":\"ok\",\"version\":\"1\",\"uptime_s\":3,\"x\":1}",
          "not in the document" },
        { "/health", 201, "{}", "no response" },
        { "/nowhere", 200, "{}", "not in the document" },
        { "/api/profiles/next-port", 200,
          "{\"success\":true,\"data\":{\"port\":1}}", NULL },
        { "/api/profiles/next-port", 200,
          "{\"success\":false,\"data\":{\"port\":1}}", "constant" },
        { "/api/session", 200,
          "{\"success\":true,\"data\":{\"who\":\"me\",\"scope\":null,"
          "\"may_execute\":true}}",
          "enum" },
        { "/api/profiles/some%20name", 404,
          "{\"success\":false,\"error\":{\"code\":\"not_found\","
          "\"message\":\"no\"}}",
          NULL },
        { "/api/profiles/x", 404,
          "{\"success\":false,\"error\":{\"code\":\"odd\","
          "\"message\":\"no\"}}",
          "enum" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool fits =
            openapi_fits(root, "GET", rows[i].path, rows[i].status,
                         "application/json", str_from(rows[i].body), complaint);
        if (fits != (rows[i].complaint == NULL) ||
            (!fits && strstr(complaint, rows[i].complaint) == NULL))
            fail_msg("row %zu: %s", i, complaint);
    }
    json_doc_free(doc);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialect_follows_the_path),
        cmocka_unit_test(test_errors_by_dialect),
        cmocka_unit_test(test_refusal_of_the_server_names_its_code),
        cmocka_unit_test(test_input_is_checked),
        cmocka_unit_test(test_problems_have_a_ceiling),
        cmocka_unit_test(test_document_holds_every_row),
        cmocka_unit_test(test_document_knows_the_profile),
        cmocka_unit_test(test_judge_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
