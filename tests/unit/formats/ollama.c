/* Ollama's manifests and names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "formats/ollama.h"

#define TYPE "application/vnd.ollama.image."
#define A    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
test_a_manifest(void **state)
{
    struct ollama_manifest manifest;
    struct error error;
    char name[OLLAMA_BLOB_NAME_BYTES];
    int result = ollama_manifest_read(
        STR("{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker."
            "distribution.manifest.v2+json\",\"config\":{\"mediaType\":"
            "\"application/vnd.docker.container.image.v1+json\",\"digest\":"
            "\"sha256:" C "\",\"size\":487},\"layers\":[{\"mediaType\":\"" TYPE
            "license\",\"digest\":\"sha256:" A "\",\"size\":-1},"
            "{\"mediaType\":\"" TYPE "model\",\"digest\":\"sha256:" B
            "\",\"size\":4661211808,\"from\":\"/x\"},{\"mediaType\":\"" TYPE
            "projector\",\"digest\":\"sha256:" A "\"},{\"mediaType\":\"" TYPE
            "model\",\"digest\":\"sha256:" A "\"},{\"mediaType\":5,"
            "\"digest\":\"sha256:" A "\"}]}"),
        &manifest, &error);
    assert_int_equal(result, 0);
    assert_int_equal(manifest.n, 6);
    assert_int_equal(manifest.n_ignored, 0);
    assert_int_equal(manifest.blobs[0].layer, OLLAMA_CONFIG);
    assert_string_equal(manifest.blobs[0].sha256, C);
    assert_int_equal(manifest.blobs[1].layer, OLLAMA_LICENSE);
    assert_int_equal(manifest.blobs[1].size_bytes, -1);
    assert_int_equal(manifest.blobs[5].layer, OLLAMA_OTHER);
    const struct ollama_blob *model =
        ollama_manifest_find(&manifest, OLLAMA_MODEL);
    assert_ptr_equal(model, &manifest.blobs[2]);
    assert_int_equal(model->size_bytes, 4661211808);
    ollama_blob_name(model, name);
    assert_string_equal(name, "sha256-" B);
    assert_string_equal(
        ollama_manifest_find(&manifest, OLLAMA_PROJECTOR)->sha256, A);
    assert_null(ollama_manifest_find(&manifest, OLLAMA_ADAPTER));
    ollama_manifest_release(&manifest);
    (void)state;
}

/* A digest becomes a file's name: nothing else may pass for one. */
static void
test_layers_without_a_digest(void **state)
{
    static const char *const digests[] = {
        "\"sha256:" A "a\"",
        "\"sha256:\"",
        "\"sha256-" A "\"",
        "\"sha512:" A "\"",
        "\"sha256:../../aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaa\"",
        "\"sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        "AAAAA\"",
        "\"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaa\\u0000\"",
        "null",
        "5",
        "[]",
    };
    for (size_t i = 0; i < sizeof digests / sizeof *digests; i++) {
        struct ollama_manifest manifest;
        struct error error;
        char text[512];
        snprintf(text, sizeof text,
                 "{\"layers\":[7,{\"mediaType\":\"" TYPE
                 "model\",\"digest\":%s}]}",
                 digests[i]);
        assert_int_equal(
            ollama_manifest_read(str_from(text), &manifest, &error), 0);
        if (manifest.n != 0 || manifest.n_ignored != 2)
            fail_msg("%s: %zu, %zu ignored", digests[i], manifest.n,
                     manifest.n_ignored);
        ollama_manifest_release(&manifest);
    }
    (void)state;
}

static void
test_no_manifest(void **state)
{
    static const char *const texts[] = {
        "", "{", "{}", "[]", "null", "{\"layers\":{}}", "{\"layers\":5}",
    };
    struct ollama_manifest manifest;
    struct error error;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        error.message[0] = '\0';
        assert_int_equal(
            ollama_manifest_read(str_from(texts[i]), &manifest, &error), -1);
        assert_string_not_equal(error.message, "");
    }
    struct strbuf text = STRBUF_INIT(1 << 20);
    strbuf_add_text(&text, "{\"layers\":[0");
    for (int i = 0; i < OLLAMA_BLOBS_MAX; i++)
        strbuf_add_text(&text, ",0");
    strbuf_add_text(&text, "]}");
    assert_int_equal(
        ollama_manifest_read(strbuf_view(&text), &manifest, &error), -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    strbuf_release(&text);
    struct str endless = { "{", OLLAMA_MANIFEST_BYTES + 1 };
    assert_int_equal(ollama_manifest_read(endless, &manifest, &error), -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    (void)state;
}

static const struct {
    const char *path, *name;
} names[] = {
    { "registry.ollama.ai/library/llama3/8b", "llama3:8b" },
    { "registry.ollama.ai/someone/llama3/8b", "someone/llama3:8b" },
    { "hf.co/org/repo-GGUF/Q4_K_M", "hf.co/org/repo-GGUF:Q4_K_M" },
    { "localhost:5000/library/x/latest", "localhost:5000/library/x:latest" },
};

static void
test_names(void **state)
{
    char text[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_true(
            ollama_name_of_path(str_from(names[i].path), text, sizeof text));
        assert_string_equal(text, names[i].name);
        assert_true(
            ollama_path_of_name(str_from(names[i].name), text, sizeof text));
        assert_string_equal(text, names[i].path);
    }
    assert_true(ollama_name_of_path(str_from(names[0].path), text, 10));
    assert_false(ollama_name_of_path(str_from(names[0].path), text, 9));
    assert_true(ollama_path_of_name(str_from(names[0].name), text, 37));
    assert_false(ollama_path_of_name(str_from(names[0].name), text, 36));
    (void)state;
}

static void
test_no_names(void **state)
{
    static const char *const bad_paths[] = {
        "",       "a",        "a/b/c",    "a/b/c/d/e", "a//c/d",
        "a/b/c/", "../b/c/d", "a/b/../d", "a/b/c/d:e",
    };
    static const char *const bad_names[] = {
        "",       "a",      ":",      "a:",   ":b",    "a/b/c/d:e",
        "../b:c", "a/..:c", "a//b:c", "a:..", "a:b/c",
    };
    char text[256];
    for (size_t i = 0; i < sizeof bad_paths / sizeof *bad_paths; i++)
        if (ollama_name_of_path(str_from(bad_paths[i]), text, sizeof text))
            fail_msg("%s: %s", bad_paths[i], text);
    for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++)
        if (ollama_path_of_name(str_from(bad_names[i]), text, sizeof text))
            fail_msg("%s: %s", bad_names[i], text);
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_manifest),
        cmocka_unit_test(test_layers_without_a_digest),
        cmocka_unit_test(test_no_manifest),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_no_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
