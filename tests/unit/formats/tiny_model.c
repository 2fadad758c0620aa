/* The model with a known answer: is the file well formed, and does each
 * word lead to the next? The table of tensors is read back here, and the
 * output matrix is multiplied as an engine with empty blocks would. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "formats/tiny_model.h"

static int
collect(void *ctx, struct str bytes, struct error *error)
{
    strbuf_add(ctx, bytes.p, bytes.n);
    return strbuf_failed(ctx) ? error_set(error, ERR_IO, "full") : 0;
}

static struct strbuf
made(const struct tiny_model_options *options)
{
    struct strbuf out = STRBUF_INIT(64 * MIB);
    struct error error = { 0 };
    if (tiny_model_write(options, collect, &out, &error) != 0)
        fail_msg("%s: %s", error.field, error.message);
    return out;
}

/* ---- a reader that is just enough ---- */

struct cursor {
    const uint8_t *p;
    size_t n, at;
};

static uint64_t
take(struct cursor *c, size_t n_bytes)
{
    uint64_t value = 0;
    assert_true(c->at + n_bytes <= c->n);
    for (size_t i = 0; i < n_bytes; i++)
        value |= (uint64_t)c->p[c->at + i] << (8 * i);
    c->at += n_bytes;
    return value;
}

static struct str
take_text(struct cursor *c)
{
    size_t n = (size_t)take(c, 8);
    assert_true(n <= c->n - c->at);
    struct str text = { (const char *)c->p + c->at, n };
    c->at += n;
    return text;
}

static void
skip_value(struct cursor *c, uint64_t type)
{
    if (type == 8) {
        take_text(c);
    } else if (type == 9) {
        uint64_t of = take(c, 4), n = take(c, 8);
        for (uint64_t i = 0; i < n; i++)
            skip_value(c, of);
    } else {
        take(c, type == 7 ? 1 : 4);
    }
}

struct model {
    size_t n_tokens, dim, first_word;
    const float *embedding, *output;
    uint64_t data_end;
    size_t n_tensors;
};

static void
read_keys(struct cursor *c, uint64_t n, struct model *m)
{
    for (uint64_t i = 0; i < n; i++) {
        struct str key = take_text(c);
        uint64_t type = take(c, 4);
        if (!str_is(key, "tokenizer.ggml.tokens")) {
            skip_value(c, type);
            continue;
        }
        assert_int_equal(take(c, 4), 8);
        m->n_tokens = (size_t)take(c, 8);
        for (size_t t = 0; t < m->n_tokens; t++)
            if (str_is(take_text(c), "\xe2\x96\x81"
                                     "alpha"))
                m->first_word = t;
    }
}

/* Checks that offsets follow each other; remembers the matrices (F32). */
static void
read_model(struct str file, struct model *m)
{
    struct cursor c = { (const uint8_t *)file.p, file.n, 0 };
    uint64_t embedding_at = 0, output_at = 0, expected = 0;
    assert_int_equal(take(&c, 4), 0x46554747);
    assert_int_equal(take(&c, 4), 3);
    m->n_tensors = (size_t)take(&c, 8);
    read_keys(&c, take(&c, 8), m);
    for (size_t i = 0; i < m->n_tensors; i++) {
        struct str name = take_text(&c);
        uint64_t n_dims = take(&c, 4), n = 1, width = 0;
        for (uint64_t d = 0; d < n_dims; d++) {
            uint64_t length = take(&c, 8);
            width = d == 0 ? length : width;
            n *= length;
        }
        enum gguf_type type = (enum gguf_type)take(&c, 4);
        uint64_t offset = take(&c, 8);
        assert_int_equal(offset, expected);
        if (str_is(name, "token_embd.weight")) {
            embedding_at = offset;
            m->dim = (size_t)width;
            assert_int_equal(n, m->n_tokens * m->dim);
        } else if (str_is(name, "output.weight")) {
            output_at = offset;
        }
        expected += gguf_bytes(type, n);
        expected += gguf_padding(expected);
    }
    size_t data = c.at + gguf_padding(c.at);
    m->data_end = data + expected;
    m->embedding = (const void *)(file.p + data + embedding_at);
    m->output = (const void *)(file.p + data + output_at);
}

static size_t
successor(const struct model *m, size_t token)
{
    size_t best = 0;
    float most = -1e30f;
    for (size_t t = 0; t < m->n_tokens; t++) {
        float sum = 0;
        for (size_t j = 0; j < m->dim; j++)
            sum += m->output[t * m->dim + j] * m->embedding[token * m->dim + j];
        if (sum > most) {
            most = sum;
            best = t;
        }
    }
    return best;
}

/* ---- tests ---- */

static void
each_word_leads_to_the_next(void **state)
{
    struct tiny_model_options o = { .say = STR(" alpha beta\n gamma\tdelta "),
                                    .name = STR("t") };
    for (int looping = 0; looping < 2; looping++) {
        struct model m = { 0 };
        o.is_looping = looping != 0;
        struct strbuf file = made(&o);
        read_model(strbuf_view(&file), &m);
        assert_int_equal(m.data_end, file.n);
        assert_int_equal(m.n_tensors, 3 + 2 * 9);
        assert_int_not_equal(m.first_word, 0);
        for (size_t t = 0; t < m.first_word; t++)
            assert_int_equal(successor(&m, t), m.first_word);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(successor(&m, m.first_word + i),
                             m.first_word + i + 1);
        assert_int_equal(successor(&m, m.first_word + 3),
                         looping ? m.first_word : 2 /* </s> */);
        strbuf_release(&file);
    }
}

static void
every_arch_and_type_is_well_formed(void **state)
{
    static const enum gguf_type types[] = { GGUF_F32, GGUF_F16, GGUF_BF16,
                                            GGUF_Q8_0, GGUF_Q4_0 };
    /* of two blocks */
    static const size_t n_tensors[] = { 18, 24, 22, 26, 24, 26, 20, 26 };
    for (int arch = TINY_LLAMA; arch <= TINY_JAMBA; arch++)
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            struct tiny_model_options o = { .say = STR("h\xc3\xa9 du"),
                                            .arch = (enum tiny_arch)arch,
                                            .type = types[t] };
            struct model m = { 0 };
            struct strbuf file = made(&o);
            read_model(strbuf_view(&file), &m);
            assert_int_equal(m.data_end, file.n);
            assert_int_equal(m.n_tensors, 3 + n_tensors[arch]);
            assert_int_equal(m.n_tokens % 32, 0);
            strbuf_release(&file);
        }
}

static void
the_seed_decides_every_byte(void **state)
{
    struct tiny_model_options o = { .say = STR("a b") };
    struct strbuf first = made(&o), same = made(&o);
    o.seed = 2;
    struct strbuf other = made(&o);
    assert_int_equal(first.n, same.n);
    assert_memory_equal(first.p, same.p, first.n);
    assert_int_equal(first.n, other.n);
    assert_memory_not_equal(first.p, other.p, first.n);
    strbuf_release(&first);
    strbuf_release(&same);
    strbuf_release(&other);
}

static void
bad_options_are_named(void **state)
{
#define O(...)                         \
    {                                  \
        .say = STR("a b"), __VA_ARGS__ \
    }
    const struct {
        struct tiny_model_options options;
        const char *field, *message;
    } rows[] = {
        { { .say = STR("one two one") }, "say", "\"one\" comes twice" },
        { { .say = STR(" \n") }, "say", "no word" },
        { { .say = STR("a \xff") }, "say", "not UTF-8" },
        { O(.name = STR("\xff")), "name", "not UTF-8" },
        { O(.dim = 40), "dim", "no multiple of 32" },
        { O(.dim = 1 << 20), "dim", "not between" },
        { O(.ffn = 100), "ffn", "no multiple of 32" },
        { O(.n_heads = 3), "heads", "does not divide dim" },
        { O(.n_heads = 64), "heads", "even" },
        { O(.n_heads = 4, .n_kv_heads = 3), "kv-heads", "does not divide" },
        { O(.n_layers = -1), "layers", "not between" },
        { O(.n_ctx = 1), "ctx", "not between" },
        { O(.n_window = -1), "window", "not between" },
        { O(.n_experts = 2, .n_experts_used = 3), "experts-used", "more" },
    };
#undef O
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct strbuf out = STRBUF_INIT(16 * MIB);
        struct error error = { 0 };
        assert_int_equal(
            tiny_model_write(&rows[i].options, collect, &out, &error), -1);
        assert_int_equal(error.code, ERR_INVALID);
        assert_string_equal(error.field, rows[i].field);
        assert_non_null(strstr(error.message, rows[i].message));
        assert_int_equal(out.n, 0);
        strbuf_release(&out);
    }
}

static int
refuse(void *ctx, struct str bytes, struct error *error)
{
    int *n_left = ctx;
    return (*n_left)-- > 0 ? 0 : error_set(error, ERR_IO, "disk full");
}

static void
a_failing_write_ends_it(void **state)
{
    struct tiny_model_options o = { .say = STR("a b") };
    for (int n = 0; n < 60; n += 3) {
        int n_left = n;
        struct error error = { 0 };
        assert_int_equal(tiny_model_write(&o, refuse, &n_left, &error), -1);
        assert_int_equal(error.code, ERR_IO);
        assert_int_equal(n_left, -1); /* not asked again */
    }
}

static void
too_many_words_are_refused(void **state)
{
    struct strbuf say = STRBUF_INIT(64 * KIB);
    struct strbuf out = STRBUF_INIT(64 * MIB);
    struct error error = { 0 };
    for (int i = 0; i <= TINY_WORDS_MAX; i++)
        strbuf_addf(&say, "w%d ", i);
    struct tiny_model_options o = { .say = strbuf_view(&say) };
    assert_int_equal(tiny_model_write(&o, collect, &out, &error), -1);
    assert_string_equal(error.field, "say");
    strbuf_release(&say);
    strbuf_release(&out);
}

static void
names_of_the_command_line(void **state)
{
    enum tiny_arch arch;
    enum gguf_type type;
    assert_int_equal(tiny_arch_from(STR("qwen3"), &arch), 0);
    assert_int_equal(arch, TINY_QWEN3);
    assert_int_equal(tiny_arch_from(STR("gpt"), &arch), -1);
    assert_int_equal(tiny_type_from(STR("q8_0"), &type), 0);
    assert_int_equal(type, GGUF_Q8_0);
    assert_int_equal(tiny_type_from(STR("Q5_0"), &type), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_word_leads_to_the_next),
        cmocka_unit_test(every_arch_and_type_is_well_formed),
        cmocka_unit_test(the_seed_decides_every_byte),
        cmocka_unit_test(bad_options_are_named),
        cmocka_unit_test(a_failing_write_ends_it),
        cmocka_unit_test(too_many_words_are_refused),
        cmocka_unit_test(names_of_the_command_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
