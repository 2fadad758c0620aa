/* Names from outside: what may be a file's, what a model's tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/file_name.h"
#include "formats/model_name.h"

static const char *const good[] = {
    "model.gguf",
    "a",
    "Qwen3-8B.Q4_K_M.gguf",
    "caf\xC3\xA9.safetensors",
    "\xE6\xA8\xA1\xE5\x9E\x8B.gguf",
    "with space.bin",
    ".gitattributes",
    "a+b(c)[d]{e},f;g=h&i@j!k'l~m#n$o%p^q",
};

static const struct {
    const char *name, *why;
} bad[] = {
    { "", "empty" },
    { ".", "out of its folder" },
    { "..", "out of its folder" },
    { "a/b", "slash" },
    { "a\\b", "slash" },
    { "C:evil", "one of" },
    { "a\nb", "control" },
    { "a\x7F", "control" },
    { "a\xC2\x85", "control" },
    { "a\xE2\x80\xAEgpj.exe", "hides or turns" },
    { "a\xE2\x80\x8B", "hides or turns" },
    { "\xEF\xBB\xBFx", "hides or turns" },
    { "\xFF", "UTF-8" },
    { "\xC0\xAF", "UTF-8" },
    { "-rf", "dash" },
    { " a", "space" },
    { "a ", "space" },
    { "a.", "dot" },
    { ".GIT", ".git" },
    { "CON", "reserve" },
    { "nul.gguf", "reserve" },
    { "a*", "one of" },
    { "a.part", "unfinished" },
    { "a.part.journal", "unfinished" },
};

static void
test_names(void **state)
{
    struct error error;
    char name[300];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (file_name_check(str_from(good[i]), &error) != 0)
            fail_msg("%s: %s", good[i], error.message);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        error.message[0] = '\0';
        if (file_name_check(str_from(bad[i].name), &error) == 0 ||
            strstr(error.message, bad[i].why) == NULL)
            fail_msg("\"%s\": %s, not %s", bad[i].name, error.message,
                     bad[i].why);
    }
    memset(name, 'a', sizeof name);
    assert_int_equal(file_name_check((struct str){ name, 255 }, &error), 0);
    assert_int_equal(file_name_check((struct str){ name, 256 }, &error), -1);
    assert_int_equal(file_name_check((struct str){ "a\0b", 3 }, &error), -1);
    (void)state;
}

static void
test_paths(void **state)
{
    static const char *const fine[] = { "a", "a/b/c.gguf", "a/.hidden/b" };
    static const char *const wrong[] = {
        "/a",       "a/", "a//b", "a/../b", "..", "a/./b", "a/.git/config",
        "a\\..\\b", ""
    };
    struct error error;
    char path[1100];
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        assert_int_equal(file_name_check_path(str_from(fine[i]), &error), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (file_name_check_path(str_from(wrong[i]), &error) == 0)
            fail_msg("%s is let through", wrong[i]);
    for (size_t i = 0; i < sizeof path; i++)
        path[i] = i % 2 == 0 ? 'a' : '/';
    assert_int_equal(file_name_check_path((struct str){ path, 1023 }, &error),
                     0);
    assert_int_equal(file_name_check_path((struct str){ path, 1025 }, &error),
                     -1);
    (void)state;
}

static const struct {
    const char *name, *quant;
    uint64_t parameters;
    const char *family;
} models[] = {
    { "Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf", "Q4_K_M", 7000000000U, "Qwen" },
    { "Meta-Llama-3.1-8B-Instruct.IQ2_XS.gguf", "IQ2_XS", 8000000000U,
      "Llama" },
    { "mixtral-8x7b-v0.1.Q5_0.gguf", "Q5_0", 56000000000U, "Mixtral" },
    { "gemma-3-270m-it-F16.gguf", "F16", 270000000U, "Gemma" },
    { "Qwen3-30B-A3B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL", 30000000000U, "Qwen" },
    { "gpt-oss-20b-MXFP4.gguf", "MXFP4", 20000000000U, "GPT-OSS" },
    { "DeepSeek-R1-Distill-Qwen-1.5B-BF16.gguf", "BF16", 1500000000U,
      "DeepSeek-R1" },
    { "Phi-3-mini-4k-instruct-q4.gguf", "q4", 0, "Phi" },
    { "mlx-community/Qwen3-8B-4bit", "4bit", 8000000000U, "Qwen" },
    { "nothing.gguf", "", 0, "" },
    { "yield-ship.gguf", "", 0, "" },
};

static void
test_guesses(void **state)
{
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct str name = str_from(models[i].name);
        struct str quant = model_name_quantization(name);
        if (!str_is(quant, models[i].quant))
            fail_msg("%s: \"%.*s\"", models[i].name, STR_ARG(quant));
        if (model_name_parameters(name) != models[i].parameters)
            fail_msg("%s: %llu", models[i].name,
                     (unsigned long long)model_name_parameters(name));
        assert_string_equal(model_name_family(name), models[i].family);
    }
    (void)state;
}

static void
test_shards(void **state)
{
    struct model_shard shard =
        model_shard_of(STR("big-Q8_0-00002-of-00003.gguf"));
    assert_true(str_is(shard.stem, "big-Q8_0"));
    assert_int_equal(shard.index, 2);
    assert_int_equal(shard.count, 3);
    static const char *const whole[] = { "big-00004-of-00003.gguf",
                                         "big-0001-of-0003.gguf",
                                         "big00001-of-00003.gguf",
                                         "-00001-of-00003.gguf",
                                         "big-00000-of-00003.gguf",
                                         "a.gguf",
                                         "a",
                                         ".gguf" };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        if (model_shard_of(str_from(whole[i])).index != 0)
            fail_msg("%s is taken for a shard", whole[i]);
    (void)state;
}

static void
test_variants(void **state)
{
    static const struct {
        const char *path, *variant;
    } rows[] = {
        { "m-Q4_K_M.gguf", "Q4_K_M" },
        { "m-Q8_0-00001-of-00002.gguf", "Q8_0" },
        { "Q6_K/m-00001-of-00002.gguf", "Q6_K" },
        { "BF16/m.gguf", "BF16" },
        { "model.safetensors", "" },
        { "config.json", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!str_is(model_name_variant(str_from(rows[i].path)),
                    rows[i].variant))
            fail_msg("%s", rows[i].path);
    assert_true(model_name_is_projector(STR("a/mmproj-F16.gguf")));
    assert_true(model_name_is_projector(STR("Model-MMPROJ.gguf")));
    assert_false(model_name_is_projector(STR("mmproj/model.gguf")));
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),    cmocka_unit_test(test_paths),
        cmocka_unit_test(test_guesses),  cmocka_unit_test(test_shards),
        cmocka_unit_test(test_variants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
