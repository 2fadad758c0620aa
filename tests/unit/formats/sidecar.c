/* Sidecars in the forms that programs keep, and the one that we keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "formats/sidecar.h"

#define UPPER "0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF"
#define LOWER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char version[] =
    "{\"id\":128713,\"modelId\":4384,\"name\":\"v8\",\"description\":"
    "\"<p>of the version</p>\",\"baseModel\":\"SD 1.5\",\"trainedWords\":"
    "[\"shiny\",5,\" shiny \",\"\",\"a, b\"],\"model\":{\"name\":"
    "\"DreamShaper\",\"type\":\"Checkpoint\"},\"files\":[{\"hashes\":"
    "{\"SHA256\":\"x\"}},{\"primary\":true,\"hashes\":{\"SHA256\":\"" UPPER
    "\"}}],\"images\":[{\"url\":\"https://image.example/1.jpeg\"},{\"url\":"
    "\"javascript:alert(1)\"},{\"url\":null},7]}";

static void
read_into(struct sidecar *sidecar, const char *text)
{
    struct error error;
    if (sidecar_read(sidecar, str_from(text), &error) < 0)
        fail_msg("%s: %s", text, error.message);
}

static void
test_a_version(void **state)
{
    struct sidecar s = { .name = NULL };
    read_into(&s, version);
    assert_string_equal(s.name, "DreamShaper");
    assert_string_equal(s.version, "v8");
    assert_string_equal(s.description, "<p>of the version</p>");
    assert_string_equal(s.base_model, "SD 1.5");
    assert_null(s.creator);
    assert_int_equal(s.model_id, 4384);
    assert_int_equal(s.version_id, 128713);
    assert_string_equal(s.sha256, LOWER);
    assert_int_equal(s.trigger_words.n, 2);
    assert_string_equal(s.trigger_words.at[0], "shiny");
    assert_string_equal(s.trigger_words.at[1], "a, b");
    assert_int_equal(s.image_urls.n, 1);
    assert_string_equal(s.image_urls.at[0], "https://image.example/1.jpeg");
    assert_int_equal(s.tags.n, 0);
    sidecar_release(&s);
    (void)state;
}

/* Which of several versions the file is, nobody says. */
static void
test_a_model(void **state)
{
    static const char about[] =
        "\"id\":4384,\"name\":\"DreamShaper\",\"description\":\"<p>all</p>\","
        "\"tags\":[\"anime\",\"art\"],\"creator\":{\"username\":\"Lykon\"}";
    struct sidecar s = { .name = NULL };
    char text[512];
    snprintf(text, sizeof text,
             "{%s,\"modelVersions\":[{\"id\":1,\"baseModel\":\"SDXL\"},"
             "{\"id\":2}]}",
             about);
    read_into(&s, text);
    assert_int_equal(s.model_id, 4384);
    assert_int_equal(s.version_id, 0);
    assert_null(s.base_model);
    assert_string_equal(s.creator, "Lykon");
    assert_string_equal(s.description, "<p>all</p>");
    assert_int_equal(s.tags.n, 2);
    sidecar_release(&s);
    snprintf(text, sizeof text,
             "{%s,\"modelVersions\":[{\"id\":9,\"name\":\"only\",\"files\":"
             "[{\"hashes\":{\"SHA256\":\"" UPPER "\"}}]}]}",
             about);
    read_into(&s, text);
    assert_int_equal(s.version_id, 9);
    assert_string_equal(s.name, "DreamShaper");
    assert_string_equal(s.version, "only");
    assert_string_equal(s.sha256, LOWER);
    sidecar_release(&s);
    (void)state;
}

static void
test_lora_managers(void **state)
{
    struct sidecar s = { .name = NULL };
    read_into(&s,
              "{\"file_name\":\"x\",\"model_name\":\"My name\",\"sha256\":"
              "\"" LOWER "\",\"base_model\":\"Unknown\",\"tags\":[\"mine\"],"
              "\"modelDescription\":\"mine\",\"civitai\":{\"id\":5,\"modelId\":"
              "6,\"name\":\"v1\",\"baseModel\":\"Pony\",\"trainedWords\":"
              "[\"w\"],\"model\":{\"name\":\"Its name\",\"tags\":[\"its\"]},"
              "\"creator\":{\"username\":\"who\"}}}");
    assert_string_equal(s.name, "My name");
    assert_string_equal(s.base_model, "Pony");
    assert_string_equal(s.description, "mine");
    assert_string_equal(s.creator, "who");
    assert_string_equal(s.sha256, LOWER);
    assert_int_equal(s.tags.n, 1);
    assert_string_equal(s.tags.at[0], "mine");
    assert_string_equal(s.trigger_words.at[0], "w");
    assert_int_equal(s.version_id, 5);
    sidecar_release(&s);
    read_into(&s, "{\"model_name\":\"alone\",\"civitai\":null}");
    assert_string_equal(s.name, "alone");
    sidecar_release(&s);
    (void)state;
}

static void
test_the_first_counts(void **state)
{
    struct sidecar s = { .name = NULL };
    read_into(&s, "{\"id\":1,\"baseModel\":\"Pony\",\"trainedWords\":[\"a\"]}");
    read_into(&s, "{\"model_name\":\"Name\",\"base_model\":\"SDXL\",\"tags\":"
                  "[\"t\"],\"civitai\":{\"id\":2,\"modelId\":3,"
                  "\"trainedWords\":[\"b\"]}}");
    assert_int_equal(s.version_id, 1);
    assert_int_equal(s.model_id, 3);
    assert_string_equal(s.base_model, "Pony");
    assert_string_equal(s.name, "Name");
    assert_int_equal(s.trigger_words.n, 1);
    assert_string_equal(s.trigger_words.at[0], "a");
    assert_string_equal(s.tags.at[0], "t");
    sidecar_release(&s);
    (void)state;
}

static void
test_wrong_types_and_lengths(void **state)
{
    struct sidecar s = { .name = NULL };
    struct strbuf text = STRBUF_INIT(1 << 20);
    read_into(&s, "{\"id\":\"1\",\"modelId\":-4,\"name\":[],\"baseModel\":7,"
                  "\"trainedWords\":\"w\",\"images\":{},\"files\":[[]],"
                  "\"model\":[],\"creator\":5,\"description\":false,"
                  "\"tags\":{}}");
    assert_int_equal(s.version_id, 0);
    assert_int_equal(s.model_id, 0);
    assert_null(s.version);
    assert_null(s.base_model);
    assert_int_equal(s.trigger_words.n, 0);
    read_into(&s, "{\"baseModel\":\"a\\u0000b\",\"trainedWords\":"
                  "[\"c\\u0000\"]}");
    assert_null(s.base_model);
    assert_int_equal(s.trigger_words.n, 0);
    strbuf_add_text(&text, "{\"name\":\"");
    for (int i = 0; i <= SIDECAR_TEXT_BYTES; i++)
        strbuf_add_byte(&text, 'x');
    strbuf_add_text(&text, "\",\"trainedWords\":[0");
    for (int i = 0; i <= SIDECAR_WORDS_MAX; i++)
        strbuf_addf(&text, ",\"%d\"", i);
    strbuf_add_text(&text, "]}");
    read_into(&s, strbuf_text(&text));
    assert_null(s.version);
    assert_int_equal(s.trigger_words.n, SIDECAR_WORDS_MAX);
    strbuf_release(&text);
    sidecar_release(&s);
    (void)state;
}

static void
test_no_sidecar(void **state)
{
    static const char *const texts[] = { "", "{", "[]", "5", "\"x\"" };
    struct sidecar s = { .name = NULL };
    struct error error;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        error.message[0] = '\0';
        assert_int_equal(sidecar_read(&s, str_from(texts[i]), &error), -1);
        assert_string_not_equal(error.message, "");
    }
    struct str endless = { "{", SIDECAR_BYTES + 1 };
    assert_int_equal(sidecar_read(&s, endless, &error), -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    sidecar_release(&s);
    (void)state;
}

static void
write_of(const char *text, struct strbuf *out)
{
    struct error error;
    struct json_doc *doc = json_parse(str_from(text), &error);
    struct json_writer writer;
    assert_non_null(doc);
    json_writer_init(&writer, out);
    sidecar_write(json_root(doc), &writer);
    json_doc_free(doc);
    assert_false(strbuf_failed(out));
}

static void
test_writing(void **state)
{
    struct strbuf out = STRBUF_INIT(1 << 16);
    struct sidecar s = { .name = NULL };
    write_of("{\"id\":1,\"extra\":{\"a\":[1.5,null]},\"images\":null}", &out);
    assert_string_equal(strbuf_text(&out),
                        "{\"id\":1,\"extra\":{\"a\":[1.5,null]},\"images\":"
                        "null,\"description\":\"\",\"baseModel\":\"\","
                        "\"trainedWords\":[],\"files\":[],\"model\":{}}");
    strbuf_clear(&out);
    /* What is all there is kept as it is, and read again. */
    write_of(version, &out);
    assert_string_equal(strbuf_text(&out), version);
    read_into(&s, strbuf_text(&out));
    assert_string_equal(s.name, "DreamShaper");
    sidecar_release(&s);
    strbuf_release(&out);
    (void)state;
}

static void
test_pages(void **state)
{
    static const struct {
        const char *url;
        int64_t model_id, version_id;
    } rows[] = {
        { "https://civitai.com/models/12/some-name", 12, 0 },
        { "https://civitai.com/models/12?modelVersionId=34", 12, 34 },
        { "https://civitai.com/api/v1/models/12", 12, 0 },
        { "https://civitai.com/api/v1/model-versions/34", 0, 34 },
        { "https://civitai.com/api/download/models/34?type=Model", 0, 34 },
        { "https://civitai.com/models/99999999999999999999", 0, 0 },
        { "https://civitai.com/models/", 0, 0 },
        { "https://civitai.com/", 0, 0 },
        { "http://civitai.com/models/12", 0, 0 },
        { "javascript:/models/12", 0, 0 },
        { "", 0, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t model_id = -1, version_id = -1;
        bool is_page =
            civitai_page_read(str_from(rows[i].url), &model_id, &version_id);
        assert_int_equal(is_page, rows[i].model_id + rows[i].version_id > 0);
        assert_int_equal(model_id, rows[i].model_id);
        assert_int_equal(version_id, rows[i].version_id);
    }
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_version),
        cmocka_unit_test(test_a_model),
        cmocka_unit_test(test_lora_managers),
        cmocka_unit_test(test_the_first_counts),
        cmocka_unit_test(test_wrong_types_and_lengths),
        cmocka_unit_test(test_no_sidecar),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
