/* The field `model` of a form, in every cut, before and after a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "formats/multipart.h"

#define FORM "multipart/form-data; boundary=\"b-1\""
#define FIELD(name, value)                                                     \
    "--b-1\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value \
    "\r\n"
#define FILE_PART                                              \
    "--b-1\r\nContent-Disposition: form-data; name=\"file\"; " \
    "filename=\"model\"\r\nContent-Type: audio/wav\r\n\r\n"    \
    "RIFF\r\r\n\r\n--b-\r\n--b-2\r\nname=\"model\"\r\n\r\nno\r\n"
#define END "--b-1--\r\n"

struct form_case {
    const char *body;
    enum model_scan expected;
    const char *name;
    bool streams;
};

static const struct form_case cases[] = {
    { FIELD("model", "whisper") FILE_PART END, MODEL_FOUND, "whisper", false },
    { FILE_PART FIELD("model", "whisper/large v3") END, MODEL_FOUND,
      "whisper/large v3", false },
    { FILE_PART FIELD("stream", "true") FIELD("model", "w") END, MODEL_FOUND,
      "w", true },
    { "preamble\r\n" FIELD("model", "a\r\n--b-\rx") END, MODEL_FOUND,
      "a\r\n--b-\rx", false },
    { FIELD("model", "") END, MODEL_FOUND, "", false },
    { "--b-1\r\ncontent-disposition:form-data;name=model\r\n\r\n\r\n-x\r\n" END,
      MODEL_FOUND, "\r\n-x", false },
    { "--b-1  \r\nX: y\r\nContent-Disposition: form-data; "
      "name=\"model\"\r\n\r\nm\r\n" END,
      MODEL_FOUND, "m", false },
    { "--b-1\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n"
      "--b-1--",
      MODEL_FOUND, "", false },
    { FILE_PART END, MODEL_MISSING, NULL, false },
    { "--b-1\r\nContent-Disposition: form-data; name=\"model\"; "
      "filename=\"x\"\r\n\r\nno\r\n" END,
      MODEL_MISSING, NULL, false },
    { END, MODEL_MISSING, NULL, false },
    { FIELD("model", "a") FIELD("model", "b") END, MODEL_ERROR, NULL, false },
    { FIELD("model", "\xff") END, MODEL_ERROR, NULL, false },
    { FILE_PART, MODEL_UNKNOWN, NULL, false },
    { "not a form at all", MODEL_UNKNOWN, NULL, false },
};

static void
check_found(const struct multipart_scanner *scanner, const struct form_case *c)
{
    struct str name = multipart_scanner_name(scanner);
    assert_int_equal(name.n, strlen(c->name));
    assert_memory_equal(name.p == NULL ? "" : name.p, c->name, name.n);
    assert_int_equal(scanner->model.end - scanner->model.begin, name.n);
    assert_memory_equal(c->body + scanner->model.begin, c->name, name.n);
    assert_int_equal(multipart_scanner_streams(scanner), c->streams);
}

static void
test_every_case_in_every_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str body = str_from(cases[i].body);
        for (size_t piece = 1; piece <= body.n; piece++) {
            struct multipart_scanner scanner;
            struct error error;
            assert_int_equal(
                multipart_scanner_init(&scanner, STR(FORM), &error), 0);
            enum model_scan scan = MODEL_UNKNOWN;
            for (size_t at = 0; at < body.n && scan != MODEL_ERROR;
                 at += piece) {
                size_t n = body.n - at < piece ? body.n - at : piece;
                char *copy = malloc(n);
                assert_non_null(copy);
                memcpy(copy, body.p + at, n);
                scan =
                    multipart_scanner_feed(&scanner, (struct str){ copy, n });
                free(copy);
            }
            if (scan != cases[i].expected)
                print_error("case %zu in pieces of %zu\n", i, piece);
            assert_int_equal(scan, cases[i].expected);
            if (scan == MODEL_FOUND)
                check_found(&scanner, &cases[i]);
            multipart_scanner_release(&scanner);
        }
    }
}

static void
test_boundary_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum error_code code;
    } rows[] = {
        { "multipart/form-data; boundary=x", ERR_OK },
        { "Multipart/Form-Data; charset=utf-8; Boundary=\"a;b\"", ERR_OK },
        { "multipart/form-data", ERR_BAD_REQUEST },
        { "multipart/form-data; boundary=", ERR_BAD_REQUEST },
        { "multipart/form-data; boundary="
          "01234567890123456789012345678901234567890123456789"
          "012345678901234567890",
          ERR_BAD_REQUEST },
        { "multipart/mixed; boundary=x", ERR_UNSUPPORTED_MEDIA },
        { "application/json", ERR_UNSUPPORTED_MEDIA },
        { "", ERR_UNSUPPORTED_MEDIA },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct multipart_scanner scanner;
        struct error error = { .code = ERR_OK };
        multipart_scanner_init(&scanner, str_from(rows[i].type), &error);
        assert_int_equal(error.code, rows[i].code);
        multipart_scanner_release(&scanner);
    }
}

static void
test_header_is_bounded(void **state)
{
    (void)state;
    struct multipart_scanner scanner;
    struct error error;
    assert_int_equal(multipart_scanner_init(&scanner, STR(FORM), &error), 0);
    assert_int_equal(multipart_scanner_feed(&scanner, STR("--b-1\r\nX: ")),
                     MODEL_UNKNOWN);
    enum model_scan scan = MODEL_UNKNOWN;
    for (size_t i = 0; i < MULTIPART_HEADER_BYTES && scan == MODEL_UNKNOWN;
         i += 4)
        scan = multipart_scanner_feed(&scanner, STR("abcd"));
    assert_int_equal(scan, MODEL_ERROR);
    multipart_scanner_error(&scanner, &error);
    assert_non_null(strstr(error.message, "too large"));
    multipart_scanner_release(&scanner);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case_in_every_cut),
        cmocka_unit_test(test_boundary_is_checked),
        cmocka_unit_test(test_header_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
