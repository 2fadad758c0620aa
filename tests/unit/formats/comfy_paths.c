/* ComfyUI's extra_model_paths.yaml. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/strbuf.h"
#include "formats/comfy_paths.h"

struct told {
    struct strbuf paths, ignored;
};

static const char *
variable(void *ctx, const char *name)
{
    (void)ctx;
    if (strcmp(name, "HOME") == 0)
        return "/home/me";
    return strcmp(name, "MODELS") == 0 ? "/mnt/models" : "";
}

static void
on_path(void *ctx, const struct comfy_path *path)
{
    struct told *told = ctx;
    strbuf_addf(&told->paths, "%.*s %.*s %s%s\n", STR_ARG(path->section),
                STR_ARG(path->folder), path->path,
                path->is_default ? " default" : "");
}

static void
on_ignored(void *ctx, int line, const char *why)
{
    struct told *told = ctx;
    strbuf_addf(&told->ignored, "%d: %s\n", line, why);
}

static int
read_text(const char *text, struct told *told, struct error *error)
{
    const struct comfy_reader reader = { .folder = "/opt/comfy",
                                         .variable = variable,
                                         .on_path = on_path,
                                         .on_ignored = on_ignored,
                                         .ctx = told };
    told->paths = STRBUF_INIT(1 << 20);
    told->ignored = STRBUF_INIT(1 << 20);
    return comfy_paths_read(&reader, str_from(text), error);
}

static void
told_release(struct told *told)
{
    strbuf_release(&told->paths);
    strbuf_release(&told->ignored);
}

static void
expect(const char *text, const char *paths, const char *ignored)
{
    struct told told;
    struct error error;
    if (read_text(text, &told, &error) < 0)
        fail_msg("%s: %s", text, error.message);
    assert_string_equal(strbuf_text(&told.paths), paths);
    assert_string_equal(strbuf_text(&told.ignored), ignored);
    told_release(&told);
}

/* Cut from the example that ComfyUI comes with. */
static void
test_the_example(void **state)
{
    expect("a111:\n"
           "    base_path: /data/webui/\n"
           "    checkpoints: models/Stable-diffusion\n"
           "    configs: models/Stable-diffusion\n"
           "    loras: |\n"
           "         models/Lora\n"
           "\n"
           "         models/LyCORIS\n"
           "comfyui:\n"
           "     is_default: true\n"
           "     base_path: ../other\n"
           "     clip: models/clip/\n"
           "     unet: ./models/../models/unet\n"
           "     custom_nodes: custom_nodes\n"
           "other_ui:\n"
           "     vae: [\n"
           "       ]\n",
           "a111 checkpoints /data/webui/models/Stable-diffusion\n"
           "a111 loras /data/webui/models/Lora\n"
           "a111 loras /data/webui/models/LyCORIS\n"
           "comfyui text_encoders /opt/other/models/clip default\n"
           "comfyui diffusion_models /opt/other/models/unet default\n",
           "16: a folder is no text: it is left out\n");
    (void)state;
}

static void
test_bases(void **state)
{
    expect("a:\n  vae: x\nb:\n  base_path: ~/ui\n  vae: x\n"
           "c:\n  base_path: $MODELS/${MODELS}x$NONE\n  vae: x\n"
           "d:\n  base_path: ~other\n  vae: /absolute\n"
           "e:\n  base_path: /a\n  vae: ~/x\n"
           "f:\n  base_path: ~\n  vae: x\n",
           "a vae /opt/comfy/x\nb vae /home/me/ui/x\n"
           "c vae /mnt/models/mnt/modelsx$NONE/x\nd vae /absolute\n"
           "e vae /a/~/x\nf vae /opt/comfy/x\n",
           "");
    (void)state;
}

static void
test_what_is_left_out(void **state)
{
    expect("a: 5\nb: [x]\nc:\n  base_path: {x: y}\n  vae: z\nd:\ne:\n"
           "  vae: \"a\\eb\"\n  loras: /\n  clip: ../../..\n  x: ''\n",
           "",
           "1: a section is no mapping: it is left out\n"
           "2: a section is no mapping: it is left out\n"
           "4: base_path is no text: the section is left out\n"
           "8: a path has control characters: it is left out\n"
           "9: a path is the root of all: it is left out\n"
           "10: a path is the root of all: it is left out\n");
    expect("", "", "");
    expect("~", "", "");
    (void)state;
}

static void
test_too_long(void **state)
{
    struct strbuf text = STRBUF_INIT(1 << 20);
    struct told told;
    struct error error;
    strbuf_add_text(&text, "a:\n  vae: ");
    for (int i = 0; i < 5000; i++)
        strbuf_add_byte(&text, 'x');
    strbuf_add_text(&text, "\n  clip: /fits\nb:\n  base_path: ");
    for (int i = 0; i < 5000; i++)
        strbuf_add_byte(&text, 'x');
    strbuf_add_text(&text, "\n  vae: x\n");
    expect(strbuf_text(&text), "a text_encoders /fits\n",
           "2: a path is too long: it is left out\n"
           "5: base_path is too long: the section is left out\n");
    strbuf_clear(&text);
    strbuf_add_text(&text, "a:\n  vae: |\n");
    for (int i = 0; i < COMFY_LINES_MAX + 1; i++)
        strbuf_add_text(&text, "    x\n");
    assert_int_equal(read_text(strbuf_text(&text), &told, &error), -1);
    assert_int_equal(error.code, ERR_TOO_LARGE);
    told_release(&told);
    strbuf_release(&text);
    (void)state;
}

static void
test_no_sections(void **state)
{
    static const char *const texts[] = { "[a]", "x", "a: b: c", "a: 1\na: 2" };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct told told;
        struct error error = { .code = ERR_OK };
        if (read_text(texts[i], &told, &error) == 0)
            fail_msg("\"%s\" was read", texts[i]);
        assert_string_not_equal(error.message, "");
        told_release(&told);
    }
    (void)state;
}

static void
test_folders(void **state)
{
    static const struct {
        const char *folder;
        enum model_kind kind;
    } rows[] = {
        { "checkpoints", MODEL_KIND_CHECKPOINT },
        { "Unet", MODEL_KIND_CHECKPOINT },
        { "loras", MODEL_KIND_LORA },
        { "text_encoders", MODEL_KIND_TEXT_ENCODER },
        { "clip", MODEL_KIND_TEXT_ENCODER },
        { "embeddings", MODEL_KIND_EMBEDDING_SD },
        { "upscale_models", MODEL_KIND_UPSCALER },
        { "clip_vision", MODEL_KIND_UNKNOWN },
        { "lor", MODEL_KIND_UNKNOWN },
        { "", MODEL_KIND_UNKNOWN },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(comfy_folder_kind(str_from(rows[i].folder)),
                         rows[i].kind);
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example),
        cmocka_unit_test(test_bases),
        cmocka_unit_test(test_what_is_left_out),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_no_sections),
        cmocka_unit_test(test_folders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
