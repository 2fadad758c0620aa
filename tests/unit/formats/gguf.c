/* Every version, byte order and kind of value; every place where a file can
 * end; files that lie about their lengths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "formats/gguf.h"
#include "gguf_bytes.h"

enum { N_KEYS = 18, N_TENSORS = 2, DATA_BYTES = 32 + 36 };

static const uint64_t shape_a[] = { 4, 2 };
static const uint64_t shape_b[] = { 32, 2, 1 };

static void
add_array(struct gguf_bytes *b, uint32_t type, uint64_t n)
{
    gb_uint(b, 4, type);
    gb_length(b, n);
}

static void
add_keys(struct gguf_bytes *b)
{
    gb_key(b, "general.architecture", GGUF_VALUE_TEXT);
    gb_text(b, "llama");
    gb_key(b, "u8", GGUF_VALUE_U8), gb_uint(b, 1, 200);
    gb_key(b, "i8", GGUF_VALUE_I8), gb_uint(b, 1, 0xFE);
    gb_key(b, "u16", GGUF_VALUE_U16), gb_uint(b, 2, 60000);
    gb_key(b, "i16", GGUF_VALUE_I16), gb_uint(b, 2, 0xFFFD);
    gb_key(b, "u32", GGUF_VALUE_U32), gb_uint(b, 4, 4000000000U);
    gb_key(b, "i32", GGUF_VALUE_I32), gb_uint(b, 4, 0xFFFFFFFC);
    gb_key(b, "f32", GGUF_VALUE_F32), gb_real(b, 4, 1.5);
    gb_key(b, "bool", GGUF_VALUE_BOOL), gb_uint(b, 1, 1);
    gb_key(b, "u64", GGUF_VALUE_U64), gb_uint(b, 8, UINT64_MAX);
    gb_key(b, "i64", GGUF_VALUE_I64), gb_uint(b, 8, (uint64_t)-5);
    gb_key(b, "f64", GGUF_VALUE_F64), gb_real(b, 8, -0.25);
    gb_key(b, "llama.context_length", GGUF_VALUE_U32), gb_uint(b, 4, 4096);
    gb_key(b, "llama.attention.head_count_kv", GGUF_VALUE_ARRAY);
    add_array(b, GGUF_VALUE_I32, 3);
    gb_uint(b, 4, 8), gb_uint(b, 4, 0), gb_uint(b, 4, 0xFFFFFFFF);
    gb_key(b, "tokens", GGUF_VALUE_ARRAY);
    add_array(b, GGUF_VALUE_TEXT, 3);
    gb_text(b, "one"), gb_text(b, ""), gb_text(b, "three");
    gb_key(b, "nested", GGUF_VALUE_ARRAY);
    add_array(b, GGUF_VALUE_ARRAY, 2);
    add_array(b, GGUF_VALUE_U16, 2), gb_uint(b, 2, 1), gb_uint(b, 2, 2);
    add_array(b, GGUF_VALUE_TEXT, 1), gb_text(b, "deep");
    gb_key(b, "empty", GGUF_VALUE_ARRAY), add_array(b, GGUF_VALUE_F64, 0);
    gb_key(b, "u8", GGUF_VALUE_U8), gb_uint(b, 1, 7); /* the first counts */
}

static void
build(struct gguf_bytes *b, int version, bool is_big_endian)
{
    gb_begin(b, version, is_big_endian, N_TENSORS, N_KEYS);
    add_keys(b);
    gb_tensor(b, "a", 2, shape_a, 0, 0);  /* F32: 32 bytes */
    gb_tensor(b, "b", 3, shape_b, 2, 32); /* Q4_0: 2 blocks of 18 */
    gb_data(b, 32, DATA_BYTES);
}

struct seen {
    struct strbuf text;
    size_t stop_after;
    size_t n;
};

static int
on_tensor(void *ctx, const struct gguf_tensor *tensor)
{
    struct seen *seen = ctx;
    strbuf_addf(&seen->text, "%.*s %u [%llu %llu %llu %llu] %llu @%llu;",
                STR_ARG(tensor->name), tensor->type,
                (unsigned long long)tensor->shape[0],
                (unsigned long long)tensor->shape[1],
                (unsigned long long)tensor->shape[2],
                (unsigned long long)tensor->shape[3],
                (unsigned long long)tensor->n_bytes,
                (unsigned long long)tensor->offset);
    return ++seen->n == seen->stop_after;
}

static int
read_bytes(struct str bytes, struct gguf_info *info, struct error *error)
{
    /* A copy of its own, so that nothing behind it can be read. */
    char *copy = malloc(bytes.n + 1);
    assert_non_null(copy);
    if (bytes.n > 0)
        memcpy(copy, bytes.p, bytes.n);
    struct byte_prefix prefix = { .have = { copy, bytes.n } };
    struct byte_source source = byte_prefix_source(&prefix, bytes.n);
    int rc = gguf_read(&source, NULL, info, error);
    free(copy);
    return rc;
}

static uint64_t
u64_of(const struct gguf_info *info, const char *name)
{
    uint64_t value = 0;
    assert_true(gguf_as_u64(gguf_get(info, name), &value));
    return value;
}

static void
check_values(const struct gguf_info *info)
{
    double real = 0;
    bool is_true = false;
    uint64_t number = 0;
    assert_int_equal(info->n_kept, N_KEYS);
    assert_true(str_is(gguf_architecture(info), "llama"));
    assert_int_equal(u64_of(info, "u8"), 200);
    assert_int_equal(gguf_get(info, "i8")->i, -2);
    assert_int_equal(u64_of(info, "u16"), 60000);
    assert_int_equal(gguf_get(info, "i16")->i, -3);
    assert_int_equal(u64_of(info, "u32"), 4000000000U);
    assert_int_equal(gguf_get(info, "i32")->i, -4);
    assert_false(gguf_as_u64(gguf_get(info, "i32"), &number));
    assert_true(gguf_as_real(gguf_get(info, "f32"), &real) && real == 1.5);
    assert_true(gguf_as_bool(gguf_get(info, "bool"), &is_true) && is_true);
    assert_true(u64_of(info, "u64") == UINT64_MAX);
    assert_int_equal(gguf_get(info, "i64")->i, -5);
    assert_true(gguf_as_real(gguf_get(info, "f64"), &real) && real == -0.25);
    assert_true(gguf_as_u64(gguf_get_arch(info, "context_length"), &number));
    assert_int_equal(number, 4096);
    const struct gguf_value *heads =
        gguf_get_arch(info, "attention.head_count_kv");
    assert_int_equal(heads->n_numbers, 3);
    assert_true(heads->numbers[2] == -1);
    assert_true(gguf_as_u64(heads, &number) && number == 8);
    assert_int_equal(gguf_get(info, "tokens")->n_items, 3);
    assert_null(gguf_get(info, "tokens")->numbers);
    assert_true(str_is(gguf_get(info, "tokens")->texts[2], "three"));
    assert_null(gguf_get(info, "nested")->texts);
    assert_int_equal(gguf_get(info, "nested")->n_items, 2);
    assert_int_equal(gguf_get(info, "empty")->n_items, 0);
    assert_null(gguf_get(info, "none"));
}

static void
test_every_version(void **state)
{
    for (int version = 1; version <= 3; version++) {
        for (int is_big = 0; is_big < 2; is_big++) {
            struct gguf_bytes b;
            struct gguf_info info;
            struct error error;
            struct seen seen = { .text = STRBUF_INIT(4096) };
            const struct gguf_visitor visitor = { on_tensor, &seen };
            build(&b, version, is_big != 0);
            struct byte_prefix prefix = { .have = strbuf_view(&b.out) };
            struct byte_source source = byte_prefix_source(&prefix, b.out.n);
            if (gguf_read(&source, &visitor, &info, &error) != 0)
                fail_msg("version %d: %s", version, error.message);
            assert_int_equal(info.version, version);
            assert_int_equal(info.is_big_endian, is_big);
            check_values(&info);
            assert_string_equal(strbuf_text(&seen.text),
                                "a 0 [4 2 1 1] 32 @0;b 2 [32 2 1 1] 36 @32;");
            assert_int_equal(info.n_parameters, 8 + 64);
            assert_int_equal(info.tensor_bytes, 68);
            assert_int_equal(info.data_offset, b.out.n - DATA_BYTES);
            assert_int_equal(info.most_bytes_type, 2);
            gguf_info_release(&info);
            strbuf_release(&seen.text);
            strbuf_release(&b.out);
        }
    }
    (void)state;
}

static void
test_every_cut_is_an_error(void **state)
{
    struct gguf_bytes b;
    build(&b, 3, false);
    for (size_t n = 0; n < b.out.n; n++) {
        struct gguf_info info;
        struct error error = { .code = ERR_OK };
        if (read_bytes((struct str){ b.out.p, n }, &info, &error) == 0)
            fail_msg("the first %zu bytes are taken for whole", n);
        assert_int_equal(error.code, ERR_INVALID);
        assert_true(error.message[0] != '\0');
    }
    strbuf_release(&b.out);
    (void)state;
}

/* A front of the file: says up to where it wants more, and reads when that
 * is there, without the data. */
static void
test_a_front_is_enough(void **state)
{
    struct gguf_bytes b;
    struct gguf_info info;
    struct error error = { .code = ERR_OK };
    build(&b, 3, false);
    size_t have = 4, n_rounds = 0;
    int rc = -1;
    while (rc != 0) {
        struct byte_prefix prefix = { .have = { b.out.p, have } };
        struct byte_source source = byte_prefix_source(&prefix, b.out.n);
        rc = gguf_read(&source, NULL, &info, &error);
        if (rc != 0) {
            assert_int_equal(error.code, ERR_UNAVAILABLE);
            assert_true(prefix.wanted > have);
            have = (size_t)prefix.wanted;
        }
        assert_true(n_rounds++ < 1000);
    }
    assert_true(have <= b.out.n - DATA_BYTES);
    check_values(&info);
    gguf_info_release(&info);
    strbuf_release(&b.out);
    (void)state;
}

static void
test_the_visitor_may_stop(void **state)
{
    struct gguf_bytes b;
    struct gguf_info info;
    struct error error;
    struct seen seen = { .text = STRBUF_INIT(4096), .stop_after = 1 };
    const struct gguf_visitor visitor = { on_tensor, &seen };
    build(&b, 3, false);
    struct byte_prefix prefix = { .have = strbuf_view(&b.out) };
    struct byte_source source = byte_prefix_source(&prefix, b.out.n);
    assert_int_equal(gguf_read(&source, &visitor, &info, &error), 0);
    assert_int_equal(seen.n, 1);
    gguf_info_release(&info);
    strbuf_release(&seen.text);
    strbuf_release(&b.out);
    (void)state;
}

/* ---- lies ---- */

static void
lie_magic(struct gguf_bytes *b)
{
    gb_begin(b, 3, false, 0, 0);
    b->out.p[0] = 'g';
}

static void
lie_version(struct gguf_bytes *b)
{
    gb_begin(b, 4, false, 0, 0);
}

static void
lie_n_keys(struct gguf_bytes *b)
{
    gb_begin(b, 3, false, 0, UINT64_MAX);
}

static void
lie_n_tensors(struct gguf_bytes *b)
{
    gb_begin(b, 3, false, UINT64_MAX / 24, 0);
}

static void
lie_key_length(struct gguf_bytes *b)
{
    gb_begin(b, 3, false, 0, 1);
    gb_length(b, UINT64_MAX - 3);
    strbuf_add_text(&b->out, "abcdefgh");
}

static void
lie_value_type(struct gguf_bytes *b)
{
    gb_begin(b, 3, false, 0, 1);
    gb_key(b, "x", 13);
    gb_uint(b, 8, 0);
}

static void
lie_text_length(struct gguf_bytes *b)
{
    gb_begin(b, 3, false, 0, 1);
    gb_key(b, "x", GGUF_VALUE_TEXT);
    gb_length(b, 1000);
    gb_uint(b, 8, 0);
}

static void
lie_array(struct gguf_bytes *b, uint32_t type, uint64_t n)
{
    gb_begin(b, 3, false, 0, 1);
    gb_key(b, "x", GGUF_VALUE_ARRAY);
    add_array(b, type, n);
    gb_data(b, 1, 64);
}

static void
lie_array_of_numbers(struct gguf_bytes *b)
{
    lie_array(b, GGUF_VALUE_U64, (UINT64_MAX >> 3) + 1);
}

static void
lie_array_of_texts(struct gguf_bytes *b)
{
    lie_array(b, GGUF_VALUE_TEXT, UINT64_C(1) << 60);
}

static void
lie_array_of_arrays(struct gguf_bytes *b)
{
    lie_array(b, GGUF_VALUE_ARRAY, UINT64_C(1) << 60);
}

static void
lie_nesting(struct gguf_bytes *b)
{
    gb_begin(b, 3, false, 0, 1);
    gb_key(b, "x", GGUF_VALUE_ARRAY);
    for (int i = 0; i < 1000; i++)
        add_array(b, GGUF_VALUE_ARRAY, 1);
    add_array(b, GGUF_VALUE_U8, 0);
}

static void
lie_alignment(struct gguf_bytes *b, uint32_t value)
{
    gb_begin(b, 3, false, 0, 1);
    gb_key(b, "general.alignment", GGUF_VALUE_U32);
    gb_uint(b, 4, value);
}

static void
lie_alignment_zero(struct gguf_bytes *b)
{
    lie_alignment(b, 0);
}

static void
lie_alignment_odd(struct gguf_bytes *b)
{
    lie_alignment(b, 24);
}

static void
lie_tensor(struct gguf_bytes *b, unsigned n_dims, uint64_t row, uint32_t type,
           uint64_t offset)
{
    const uint64_t shape[5] = { row, UINT64_C(1) << 32, 2, 2, 2 };
    gb_begin(b, 3, false, 1, 0);
    gb_tensor(b, "t", n_dims, shape, type, offset);
    gb_data(b, 32, 4096);
}

static void
lie_dimensions(struct gguf_bytes *b)
{
    lie_tensor(b, 5, 32, 0, 0);
}

static void
lie_elements(struct gguf_bytes *b)
{
    lie_tensor(b, 2, UINT64_C(1) << 32, 0, 0);
}

static void
lie_bytes(struct gguf_bytes *b)
{
    lie_tensor(b, 2, UINT64_C(1) << 30, 28, 0); /* F64: 2^65 bytes */
}

static void
lie_blocks(struct gguf_bytes *b)
{
    lie_tensor(b, 1, 33, 2, 0);
}

static void
lie_offset(struct gguf_bytes *b)
{
    lie_tensor(b, 1, 32, 0, UINT64_MAX - 31);
}

static void
lie_offset_odd(struct gguf_bytes *b)
{
    lie_tensor(b, 1, 32, 0, 16);
}

static void
lie_data(struct gguf_bytes *b)
{
    lie_tensor(b, 1, 32, 0, 1 << 20);
}

static const struct {
    const char *what;
    void (*build)(struct gguf_bytes *b);
    const char *message; /* a part of it */
} lies[] = {
    { "magic", lie_magic, "begin with" },
    { "version", lie_version, "version 4" },
    { "keys", lie_n_keys, "more keys" },
    { "tensors", lie_n_tensors, "more tensors" },
    { "length of a key", lie_key_length, "cut short" },
    { "type of a value", lie_value_type, "13 is no type" },
    { "length of a text", lie_text_length, "cut short" },
    { "array of numbers", lie_array_of_numbers, "larger than any" },
    { "array of texts", lie_array_of_texts, "more texts" },
    { "array of arrays", lie_array_of_arrays, "more arrays" },
    { "nesting", lie_nesting, "nested" },
    { "alignment 0", lie_alignment_zero, "alignment" },
    { "alignment 24", lie_alignment_odd, "alignment" },
    { "dimensions", lie_dimensions, "dimensions" },
    { "elements", lie_elements, "elements" },
    { "bytes", lie_bytes, "larger than any" },
    { "blocks", lie_blocks, "blocks" },
    { "offset", lie_offset, "larger than any" },
    { "odd offset", lie_offset_odd, "aligned" },
    { "data", lie_data, "cut short" },
};

static void
test_lies(void **state)
{
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct gguf_bytes b;
        struct gguf_info info;
        struct error error = { .code = ERR_OK };
        lies[i].build(&b);
        if (read_bytes(strbuf_view(&b.out), &info, &error) == 0)
            fail_msg("%s: believed", lies[i].what);
        if (error.code != ERR_INVALID ||
            strstr(error.message, lies[i].message) == NULL)
            fail_msg("%s: %s", lies[i].what, error.message);
        strbuf_release(&b.out);
    }
    (void)state;
}

/* Long texts are cut, and all of them together have a limit. */
static void
test_memory_is_bounded(void **state)
{
    enum { LONG = 100 * 1024 };
    struct gguf_bytes b;
    struct gguf_info info;
    struct error error = { .code = ERR_OK };
    char *text = malloc(LONG + 1);
    assert_non_null(text);
    memset(text, 'x', LONG);
    text[LONG] = '\0';
    gb_begin(&b, 3, false, 0, 1);
    gb_key(&b, "long", GGUF_VALUE_TEXT);
    gb_text(&b, text);
    assert_int_equal(read_bytes(strbuf_view(&b.out), &info, &error), 0);
    assert_true(gguf_get(&info, "long")->is_cut);
    assert_int_equal(gguf_get(&info, "long")->n_bytes, LONG);
    assert_int_equal(gguf_get(&info, "long")->text.n, GGUF_TEXT_MAX);
    gguf_info_release(&info);
    strbuf_release(&b.out);
    text[GGUF_TEXT_MAX - 1] = '\0';
    gb_begin(&b, 3, false, 0, 300);
    for (int i = 0; i < 300; i++) {
        gb_key(&b, "k", GGUF_VALUE_TEXT);
        gb_text(&b, text);
    }
    int rc = read_bytes(strbuf_view(&b.out), &info, &error);
    assert_int_equal(rc, -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    strbuf_release(&b.out);
    free(text);
    (void)state;
}

static void
test_names_of_numbers(void **state)
{
    assert_string_equal(ggml_type_find(12)->name, "Q4_K");
    assert_int_equal(ggml_type_find(14)->block_bytes, 210);
    assert_int_equal(ggml_type_find(41)->block, 128);
    assert_null(ggml_type_find(4));
    assert_null(ggml_type_find(UINT32_MAX));
    /* enum llama_ftype, by number; 5 and 6 are no more */
    static const char *const ftypes[] = {
        "F32",    "F16",     "Q4_0",   "Q4_1",     "Q4_1_F16", NULL,
        NULL,     "Q8_0",    "Q5_0",   "Q5_1",     "Q2_K",     "Q3_K_S",
        "Q3_K_M", "Q3_K_L",  "Q4_K_S", "Q4_K_M",   "Q5_K_S",   "Q5_K_M",
        "Q6_K",   "IQ2_XXS", "IQ2_XS", "Q2_K_S",   "IQ3_XS",   "IQ3_XXS",
        "IQ1_S",  "IQ4_NL",  "IQ3_S",  "IQ3_M",    "IQ2_S",    "IQ2_M",
        "IQ4_XS", "IQ1_M",   "BF16",   "Q4_0_4_4", "Q4_0_4_8", "Q4_0_8_8",
        "TQ1_0",  "TQ2_0",   "MXFP4",
    };
    for (size_t i = 0; i < sizeof ftypes / sizeof *ftypes; i++) {
        const char *name = llama_ftype_name(i);
        assert_string_equal(name == NULL ? "" : name,
                            ftypes[i] == NULL ? "" : ftypes[i]);
    }
    assert_null(llama_ftype_name(UINT64_MAX));
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_version),
        cmocka_unit_test(test_every_cut_is_an_error),
        cmocka_unit_test(test_a_front_is_enough),
        cmocka_unit_test(test_the_visitor_may_stop),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_names_of_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
