/* Right heads, every place where a file can end, and heads that lie about
 * lengths, shapes and places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "formats/safetensors.h"

/* The file: length, head, and that many bytes of data. */
static struct strbuf
file_of(const char *head, size_t n_data)
{
    struct strbuf file = STRBUF_INIT(64 << 20);
    uint64_t n = strlen(head);
    for (size_t i = 0; i < 8; i++)
        strbuf_add_byte(&file, (char)(n >> (8 * i)));
    strbuf_add_text(&file, head);
    for (size_t i = 0; i < n_data; i++)
        strbuf_add_byte(&file, (char)i);
    assert_false(strbuf_failed(&file));
    return file;
}

static int
read_bytes(struct str bytes, struct safetensors_info *info, struct error *error)
{
    /* A copy of its own, so that nothing behind it can be read. */
    char *copy = malloc(bytes.n + 1);
    assert_non_null(copy);
    if (bytes.n > 0)
        memcpy(copy, bytes.p, bytes.n);
    struct byte_prefix prefix = { .have = { copy, bytes.n } };
    struct byte_source source = byte_prefix_source(&prefix, bytes.n);
    int rc = safetensors_read(&source, info, error);
    free(copy);
    return rc;
}

static const char good[] =
    "{\"__metadata__\":{\"format\":\"pt\",\"note\":\"a \\\"b\\\", c\"},"
    "\"w\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[4,16]},"
    "\"half\":{\"dtype\":\"F4\",\"shape\":[8],\"data_offsets\":[0,4]},"
    "\"one\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[16,20]},"
    "\"none\":{\"dtype\":\"I64\",\"shape\":[0,5],\"data_offsets\":[16,16]},"
    "\"new\":{\"dtype\":\"X3\",\"shape\":[9],\"data_offsets\":[20,21]}}   ";

static void
test_reads_a_head(void **state)
{
    struct strbuf file = file_of(good, 21);
    struct safetensors_info info;
    struct error error = { .code = ERR_OK };
    struct str text;
    assert_int_equal(read_bytes(strbuf_view(&file), &info, &error), 0);
    assert_int_equal(info.n_tensors, 5);
    assert_int_equal(info.n_parameters, 6 + 8 + 1 + 0 + 9);
    assert_int_equal(info.data_bytes, 21);
    assert_int_equal(info.head_bytes, 8 + strlen(good));
    assert_true(str_is(info.main_type, "F16"));
    const struct safetensors_tensor *w = safetensors_find(&info, "w");
    assert_non_null(w);
    assert_ptr_equal(w, &info.tensors[0]);
    assert_int_equal(w->n_dims, 2);
    assert_int_equal(w->shape[1], 3);
    assert_int_equal(w->begin, 4);
    assert_int_equal(w->n_bytes, 12);
    assert_int_equal(safetensors_find(&info, "one")->n_elements, 1);
    assert_int_equal(safetensors_find(&info, "none")->n_elements, 0);
    assert_null(safetensors_find(&info, "__metadata__"));
    assert_true(json_as_text(json_get(info.metadata, "note"), &text));
    assert_true(str_is(text, "a \"b\", c"));
    safetensors_info_release(&info);
    strbuf_release(&file);
    (void)state;
}

static void
test_nothing_in_it(void **state)
{
    struct strbuf file = file_of("{}", 0);
    struct safetensors_info info;
    assert_int_equal(read_bytes(strbuf_view(&file), &info, NULL), 0);
    assert_int_equal(info.n_tensors, 0);
    assert_null(info.metadata);
    assert_true(str_is(info.main_type, ""));
    safetensors_info_release(&info);
    strbuf_release(&file);
    (void)state;
}

static void
test_cut_anywhere(void **state)
{
    struct strbuf file = file_of(good, 21);
    for (size_t n = 0; n < file.n; n++) {
        struct safetensors_info info;
        struct error error = { .code = ERR_OK };
        assert_int_equal(read_bytes((struct str){ file.p, n }, &info, &error),
                         -1);
        assert_int_equal(error.code, ERR_INVALID);
    }
    strbuf_release(&file);
    (void)state;
}

/* What is asked of a file on another machine: the length, then the head. */
static void
test_a_front_is_enough(void **state)
{
    struct strbuf file = file_of(good, 21);
    struct safetensors_info info;
    struct error error = { .code = ERR_OK };
    struct byte_prefix prefix = { .have = { file.p, 0 } };
    struct byte_source source = byte_prefix_source(&prefix, file.n);
    assert_int_equal(safetensors_read(&source, &info, &error), -1);
    assert_int_equal(error.code, ERR_UNAVAILABLE);
    assert_int_equal(prefix.wanted, 8);
    prefix.have.n = 8;
    assert_int_equal(safetensors_read(&source, &info, &error), -1);
    assert_int_equal(prefix.wanted, 8 + strlen(good));
    prefix.have.n = (size_t)prefix.wanted;
    assert_int_equal(safetensors_read(&source, &info, &error), 0);
    safetensors_info_release(&info);
    strbuf_release(&file);
    (void)state;
}

static const struct {
    const char *head;
    size_t n_data;
    enum error_code code;
    const char *part; /* of the message */
} bad_rows[] = {
    { "", 0, ERR_INVALID, "no JSON object" },
    { "[]", 0, ERR_INVALID, "no JSON object" },
    { "{", 0, ERR_INVALID, "no JSON" },
    { "{} x", 0, ERR_INVALID, "no JSON" },
    { "{\"a\":1,\"a\":2}", 0, ERR_INVALID, "twice" },
    { "{\"__metadata__\":[]}", 0, ERR_INVALID, "__metadata__" },
    { "{\"__metadata__\":{\"a\":1}}", 0, ERR_INVALID, "no text" },
    { "{\"a\":5}", 0, ERR_INVALID, "\"a\": it is no object" },
    { "{\"a\\nb\":5}", 0, ERR_INVALID, "\"a?b\"" },
    { "{\"a\":{}}", 0, ERR_INVALID, "no type" },
    { "{\"a\":{\"dtype\":\"F32\"}}", 0, ERR_INVALID, "no shape" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1]}}", 0, ERR_INVALID, "whole" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0]}}", 0, ERR_INVALID, "whole" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1]}}", 0,
      ERR_INVALID, "8 dimensions" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296]}}", 0,
      ERR_INVALID, "more elements" },
    { "{\"a\":{\"dtype\":\"F64\",\"shape\":[4611686018427387904],"
      "\"data_offsets\":[0,0]}}",
      0, ERR_INVALID, "more elements" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, ERR_INVALID, "offsets" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4,
      ERR_INVALID, "in order" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4,
      ERR_INVALID, "in order" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,"
      "9223372036854775807]}}",
      4, ERR_INVALID, "cut short" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4,
      ERR_INVALID, "do not agree" },
    { "{\"a\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,1]}}", 1,
      ERR_INVALID, "do not agree" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2,
      ERR_INVALID, "hole" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
      "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
      3, ERR_INVALID, "\"b\": its data overlaps" },
    { "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 3,
      ERR_INVALID, "take 2 bytes and the file has 3" },
};

static void
test_refuses_lies(void **state)
{
    for (size_t i = 0; i < sizeof bad_rows / sizeof *bad_rows; i++) {
        struct strbuf file = file_of(bad_rows[i].head, bad_rows[i].n_data);
        struct safetensors_info info;
        struct error error = { .code = ERR_OK };
        int rc = read_bytes(strbuf_view(&file), &info, &error);
        strbuf_release(&file);
        if (rc == -1 && error.code == bad_rows[i].code &&
            strstr(error.message, bad_rows[i].part) != NULL)
            continue;
        fail_msg("%s: %d, %s, \"%s\"", bad_rows[i].head, rc,
                 error_wire(error.code), error.message);
    }
    (void)state;
}

static void
test_keeps_its_bounds(void **state)
{
    struct strbuf head = STRBUF_INIT(64 << 20);
    struct safetensors_info info;
    struct error error = { .code = ERR_OK };
    strbuf_add_text(&head, "{\"a\":[");
    for (size_t i = 0; i < SAFETENSORS_VALUES_MAX; i++)
        strbuf_add_text(&head, "1,");
    strbuf_add_text(&head, "1]}");
    struct strbuf file = file_of(strbuf_text(&head), 0);
    assert_int_equal(read_bytes(strbuf_view(&file), &info, &error), -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    strbuf_release(&file);
    while (head.n <= SAFETENSORS_HEAD_MAX)
        strbuf_add_text(&head, "                                        ");
    file = file_of(strbuf_text(&head), 0);
    assert_int_equal(read_bytes(strbuf_view(&file), &info, &error), -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    assert_non_null(strstr(error.message, "a head of"));
    strbuf_release(&file);
    strbuf_release(&head);
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_a_head),
        cmocka_unit_test(test_nothing_in_it),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_a_front_is_enough),
        cmocka_unit_test(test_refuses_lies),
        cmocka_unit_test(test_keeps_its_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
