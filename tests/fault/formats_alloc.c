/* Fails the n-th allocation, for all n, of reading the heads of model files
 * and the words in them: each time the answer is "out of memory" or the right
 * one, and nothing leaks. */
#include <stdio.h>
#include <stdlib.h>

#include "fail_each.h"
#include "formats/gguf_writer.h"
#include "formats/sd_model.h"

/* ---- what is read ---- */

static struct strbuf gguf_file, safetensors_file;

static void
expect(int is_right, const char *what)
{
    if (is_right)
        return;
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static int
read_gguf(struct error *error)
{
    struct byte_prefix prefix = { .have = strbuf_view(&gguf_file) };
    struct byte_source source = byte_prefix_source(&prefix, gguf_file.n);
    struct gguf_info info;
    if (gguf_read(&source, NULL, &info, error) < 0)
        return -1;
    expect(info.n_kept == 2 && info.n_parameters == 64, "another GGUF file");
    gguf_info_release(&info);
    return 0;
}

static int
read_safetensors(struct error *error)
{
    struct byte_prefix prefix = { .have = strbuf_view(&safetensors_file) };
    struct byte_source source = byte_prefix_source(&prefix, safetensors_file.n);
    struct safetensors_info info;
    struct sd_words words;
    if (safetensors_read(&source, &info, error) < 0)
        return -1;
    int rc = sd_words_read(&words, info.metadata);
    if (rc == 0) {
        expect(words.triggers.n == 1 && words.tags.n == 2, "other words");
        sd_words_release(&words);
    } else {
        error_set(error, ERR_NO_MEMORY, "out of memory");
    }
    safetensors_info_release(&info);
    return rc;
}

static void
make_files(void)
{
    static const char head[] =
        "{\"__metadata__\":{\"ss_tag_frequency\":"
        "\"{\\\"a\\\":{\\\"sks\\\":2,\\\"hat\\\":1}}\"},"
        "\"w\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}";
    const struct str tags[] = { STR("one"), STR("two") };
    const uint64_t shape[] = { 32, 2 };
    struct gguf_writer writer;
    struct error error;
    strbuf_init(&gguf_file, 4096);
    strbuf_init(&safetensors_file, 4096);
    gguf_writer_init(&writer);
    gguf_put_text(&writer, "general.architecture", STR("llama"));
    gguf_put_texts(&writer, "general.tags", tags, 2);
    gguf_add_tensor(&writer, "t", GGUF_Q8_0, shape, 2);
    expect(gguf_finish(&writer, &gguf_file, &error) == 0, "no GGUF file");
    gguf_writer_release(&writer);
    for (size_t i = 0; i < 68; i++)
        strbuf_add_byte(&gguf_file, 0);
    for (size_t i = 0; i < 8; i++)
        strbuf_add_byte(&safetensors_file,
                        (char)((sizeof head - 1) >> (8 * i)));
    strbuf_add(&safetensors_file, head, sizeof head); /* the zero: the data */
}

int
main(void)
{
    make_files();
    fail_each("GGUF", read_gguf);
    fail_each("safetensors", read_safetensors);
    strbuf_release(&gguf_file);
    strbuf_release(&safetensors_file);
    return 0;
}
