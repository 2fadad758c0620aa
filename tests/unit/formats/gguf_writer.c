/* The GGUF writer, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "formats/gguf_writer.h"

static void
head_has_the_bytes_of_the_specification(void **state)
{
    static const uint8_t want[] = {
        'G', 'G', 'U', 'F', 3,  0, 0, 0, 1,   0, 0, 0, 0, 0, 0, 0, /* tensors */
        2,   0,   0,   0,   0,  0, 0, 0,                           /* keys */
        1,   0,   0,   0,   0,  0, 0, 0, 'a', 4, 0, 0, 0, 7, 1, 0, 0,
        1,   0,   0,   0,   0,  0, 0, 0, 'b', 9, 0, 0, 0, 8, 0, 0, 0,
        2,   0,   0,   0,   0,  0, 0, 0, 1,   0, 0, 0, 0, 0, 0, 0, 'x',
        0,   0,   0,   0,   0,  0, 0, 0, 1,   0, 0, 0, 0, 0, 0, 0, 't',
        2,   0,   0,   0,   32, 0, 0, 0, 0,   0, 0, 0, 3, 0, 0, 0, 0,
        0,   0,   0,   8,   0,  0, 0, 0, 0,   0, 0, 0, 0, 0, 0,
    };
    const struct str texts[] = { STR("x"), STR("") };
    const uint64_t shape[] = { 32, 3 };
    struct strbuf out = STRBUF_INIT(1 * KIB);
    struct gguf_writer w;
    struct error error;
    gguf_writer_init(&w);
    gguf_put_u32(&w, "a", 263);
    gguf_put_texts(&w, "b", texts, 2);
    gguf_add_tensor(&w, "t", GGUF_Q8_0, shape, 2);
    assert_int_equal(gguf_finish(&w, &out, &error), 0);
    assert_int_equal(out.n % GGUF_ALIGNMENT, 0);
    assert_true(out.n >= sizeof want);
    assert_memory_equal(out.p, want, sizeof want);
    for (size_t i = sizeof want; i < out.n; i++)
        assert_int_equal(out.p[i], 0);
    assert_int_equal(w.data_bytes, 3 * 34 + 26);
    strbuf_release(&out);
    gguf_writer_release(&w);
}

static void
a_head_that_does_not_fit_is_an_error(void **state)
{
    struct strbuf out = STRBUF_INIT(40);
    struct gguf_writer w;
    struct error error;
    gguf_writer_init(&w);
    gguf_put_text(&w, "general.name", STR("a name that is long"));
    assert_int_equal(gguf_finish(&w, &out, &error), -1);
    assert_int_equal(error.code, ERR_NO_MEMORY);
    strbuf_release(&out);
    gguf_writer_release(&w);
}

static uint16_t
half_of(float value)
{
    float values[GGUF_BLOCK] = { value };
    uint8_t out[GGUF_BLOCK * 2];
    gguf_pack(GGUF_F16, values, GGUF_BLOCK, out);
    return (uint16_t)(out[0] | out[1] << 8);
}

static void
halves_round_to_nearest_even(void **state)
{
    static const struct {
        float value;
        uint16_t bits;
    } rows[] = {
        { 0.0f, 0x0000 },         { -0.0f, 0x8000 },
        { 1.0f, 0x3c00 },         { -2.0f, 0xc000 },
        { 0.5f, 0x3800 },         { 65504.0f, 0x7bff },
        { 65520.0f, 0x7c00 },     { 1e9f, 0x7c00 },
        { 0x1p-14f, 0x0400 },     { 0x1p-24f, 0x0001 },
        { 0x1p-25f, 0x0000 },     { 0x1.8p-24f, 0x0002 },
        { 0x1.004p0f, 0x3c01 },   { 0x1.002p0f, 0x3c00 },
        { 0x1.006p0f, 0x3c02 },   { 0x1.ffep0f, 0x4000 },
        { 0x1.ff8p-15f, 0x03ff }, { 0x1.fffp-15f, 0x0400 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(half_of(rows[i].value), rows[i].bits);
}

static void
other_types_have_their_layout(void **state)
{
    float values[GGUF_BLOCK];
    uint8_t out[GGUF_BLOCK * 4];
    for (int i = 0; i < GGUF_BLOCK; i++)
        values[i] = (float)(i - 16);

    gguf_pack(GGUF_F32, values, GGUF_BLOCK, out);
    assert_memory_equal(out, "\x00\x00\x80\xc1", 4); /* -16 */
    gguf_pack(GGUF_BF16, values, GGUF_BLOCK, out);
    assert_memory_equal(out, "\x80\xc1", 2);

    gguf_pack(GGUF_Q8_0, values, GGUF_BLOCK, out); /* scale 16/127 */
    assert_int_equal((int8_t)out[2], -127);
    assert_int_equal((int8_t)out[2 + 16], 0);
    assert_int_equal((int8_t)out[2 + 31], 119);
    assert_int_equal(out[0] | out[1] << 8, half_of(16.0f / 127.0f));

    gguf_pack(GGUF_Q4_0, values, GGUF_BLOCK, out); /* scale 2: q - 8 */
    assert_int_equal(out[0] | out[1] << 8, half_of(2.0f));
    assert_int_equal(out[2], 0 | 8 << 4);       /* -16 and 0 */
    assert_int_equal(out[2 + 14], 7 | 15 << 4); /* -2 and 14 */
}

static void
sizes_and_padding(void **state)
{
    assert_int_equal(gguf_bytes(GGUF_F32, 64), 256);
    assert_int_equal(gguf_bytes(GGUF_BF16, 64), 128);
    assert_int_equal(gguf_bytes(GGUF_Q8_0, 64), 68);
    assert_int_equal(gguf_bytes(GGUF_Q4_0, 64), 36);
    assert_int_equal(gguf_padding(0), 0);
    assert_int_equal(gguf_padding(1), 31);
    assert_int_equal(gguf_padding(32), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_has_the_bytes_of_the_specification),
        cmocka_unit_test(a_head_that_does_not_fit_is_an_error),
        cmocka_unit_test(halves_round_to_nearest_even),
        cmocka_unit_test(other_types_have_their_layout),
        cmocka_unit_test(sizes_and_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
