/* Tensors as the models of each family have them, in each of the usual
 * namings, and what they are told to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "formats/sd_model.h"

enum { TENSORS_MAX = 6 };

struct tensor_row {
    const char *name; /* NULL ends the list */
    uint64_t shape[4];
};

static const struct {
    const char *about;
    struct tensor_row tensors[TENSORS_MAX];
    const char *metadata; /* JSON, or NULL */
    enum model_kind kind;
    const char *base_model;
} rows[] = {
    /* ---- checkpoints ---- */
    { "SD 1.5, one file",
      { { "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2."
          "to_k.weight",
          { 320, 768 } },
        { "first_stage_model.decoder.up.0.block.0.conv1.weight",
          { 128, 256, 3, 3 } },
        { "cond_stage_model.transformer.text_model.encoder.layers.0.self_attn."
          "q_proj.weight",
          { 768, 768 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "SD1.5" },
    { "SD 2, one file",
      { { "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2."
          "to_k.weight",
          { 320, 1024 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "SD2" },
    { "SDXL, one file",
      { { "conditioner.embedders.1.model.ln_final.weight", { 1280 } },
        { "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2."
          "to_k.weight",
          { 640, 2048 } },
        { "model.diffusion_model.label_emb.0.0.weight", { 1280, 2816 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "SDXL" },
    { "SDXL's refiner",
      { { "model.diffusion_model.label_emb.0.0.weight", { 1536, 2560 } },
        { "model.diffusion_model.input_blocks.4.1.transformer_blocks.0.attn2."
          "to_k.weight",
          { 768, 1280 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "SDXL Refiner" },
    { "SDXL, diffusers' UNet",
      { { "add_embedding.linear_1.weight", { 1280, 2816 } },
        { "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
          { 640, 2048 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "SDXL" },
    { "SD 1.5, diffusers' UNet",
      { { "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight",
          { 320, 768 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "SD1.5" },
    { "Kolors reads text as wide as SDXL",
      { { "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
          { 640, 2048 } },
        { "encoder_hid_proj.weight", { 2048, 4096 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "Kolors" },
    { "SVD reads images as wide as SD 2's text",
      { { "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2."
          "to_k.weight",
          { 320, 1024 } },
        { "model.diffusion_model.input_blocks.1.1.time_stack.0.attn1.to_k."
          "weight",
          { 320, 320 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "SVD" },
    { "SD 3 medium",
      { { "model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight",
          { 4608, 1536 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "SD3" },
    { "SD 3.5 large",
      { { "model.diffusion_model.joint_blocks.0.context_block.attn.qkv.weight",
          { 7296, 2432 } },
        { "model.diffusion_model.joint_blocks.0.x_block.attn.ln_q.weight",
          { 64 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "SD3.5" },
    { "Flux, its authors' layout",
      { { "double_blocks.0.img_attn.qkv.weight", { 9216, 3072 } },
        { "single_blocks.37.linear1.weight", { 21504, 3072 } },
        { "guidance_in.in_layer.weight", { 3072, 256 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "Flux" },
    { "Flux, with all inside",
      { { "model.diffusion_model.double_blocks.0.img_attn.qkv.weight",
          { 9216, 3072 } },
        { "vae.decoder.up.0.block.0.conv1.weight", { 128, 256, 3, 3 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "Flux" },
    { "Flux, diffusers",
      { { "transformer_blocks.0.attn.add_k_proj.weight", { 3072, 3072 } },
        { "single_transformer_blocks.0.attn.to_k.weight", { 3072, 3072 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "Flux" },
    { "Flux 2",
      { { "double_blocks.0.img_attn.qkv.weight", { 18432, 6144 } },
        { "double_stream_modulation_img.lin.weight", { 36864, 6144 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "Flux.2" },
    { "Chroma is a pruned Flux",
      { { "double_blocks.0.img_attn.qkv.weight", { 9216, 3072 } },
        { "distilled_guidance_layer.norms.0.scale", { 5120 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "Chroma" },
    { "Hunyuan Video",
      { { "double_blocks.0.img_attn_qkv.weight", { 9216, 3072 } },
        { "txt_in.individual_token_refiner.blocks.0.norm1.weight", { 3072 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "Hunyuan Video" },
    { "Wan",
      { { "blocks.0.self_attn.q.weight", { 1536, 1536 } },
        { "blocks.0.cross_attn.k.weight", { 1536, 1536 } },
        { "head.modulation", { 1, 2, 1536 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "Wan" },
    { "Qwen-Image",
      { { "transformer_blocks.0.attn.add_k_proj.weight", { 3072, 3072 } },
        { "transformer_blocks.0.img_mod.1.weight", { 18432, 3072 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "Qwen-Image" },
    { "AuraFlow",
      { { "model.double_layers.0.attn.w1q.weight", { 3072, 3072 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "AuraFlow" },
    { "LTX-Video",
      { { "model.diffusion_model.patchify_proj.weight", { 2048, 128 } },
        { "model.diffusion_model.transformer_blocks.0.attn2.to_k.weight",
          { 2048, 2048 } } },
      NULL,
      MODEL_KIND_CHECKPOINT,
      "LTX-Video" },

    /* ---- LoRAs ---- */
    { "kohya, SD 1.5",
      { { "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_"
          "to_k.lora_down.weight",
          { 16, 768 } },
        { "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_"
          "to_k.lora_up.weight",
          { 320, 16 } } },
      NULL,
      MODEL_KIND_LORA,
      "SD1.5" },
    { "kohya, SD 2, as convolutions",
      { { "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_"
          "to_k.lora_down.weight",
          { 16, 1024, 1, 1 } },
        { "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_"
          "to_k.lora_up.weight",
          { 320, 16, 1, 1 } } },
      NULL,
      MODEL_KIND_LORA,
      "SD2" },
    { "kohya, SDXL",
      { { "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_"
          "down.weight",
          { 32, 2048 } },
        { "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight",
          { 5120, 32 } } },
      NULL,
      MODEL_KIND_LORA,
      "SDXL" },
    { "kohya, SDXL, without cross-attention",
      { { "lora_unet_input_blocks_4_1_proj_in.lora_up.weight", { 640, 32 } } },
      NULL,
      MODEL_KIND_LORA,
      "SDXL" },
    { "kohya, the text encoder alone",
      { { "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down."
          "weight",
          { 8, 768 } },
        { "lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight",
          { 768, 8 } } },
      NULL,
      MODEL_KIND_LORA,
      "SD1.5" },
    { "kohya, Flux",
      { { "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight",
          { 16, 3072 } },
        { "lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight",
          { 9216, 16 } } },
      NULL,
      MODEL_KIND_LORA,
      "Flux" },
    { "kohya, Flux 2 by its width",
      { { "lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight",
          { 16, 6144 } },
        { "lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight",
          { 18432, 16 } } },
      NULL,
      MODEL_KIND_LORA,
      "Flux.2" },
    { "the same names, and metadata that knows better",
      { { "lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight",
          { 9216, 16 } } },
      "{\"modelspec.architecture\":\"hunyuan-video/lora\"}",
      MODEL_KIND_LORA,
      "Hunyuan Video" },
    { "metadata does not outdo shapes",
      { { "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_"
          "to_k.lora_down.weight",
          { 16, 768 } },
        { "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_"
          "to_k.lora_up.weight",
          { 320, 16 } } },
      "{\"ss_base_model_version\":\"sdxl_base_v1-0\"}",
      MODEL_KIND_LORA,
      "SD1.5" },
    { "PEFT, SDXL",
      { { "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k."
          "lora_A.weight",
          { 4, 2048 } } },
      NULL,
      MODEL_KIND_LORA,
      "SDXL" },
    { "diffusers' first naming, SD 1.5",
      { { "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2."
          "processor.to_k_lora.down.weight",
          { 4, 768 } },
        { "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2."
          "processor.to_k_lora.up.weight",
          { 320, 4 } } },
      NULL,
      MODEL_KIND_LORA,
      "SD1.5" },
    { "PEFT, Flux",
      { { "transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight",
          { 16, 3072 } } },
      NULL,
      MODEL_KIND_LORA,
      "Flux" },
    { "PEFT, Flux 2",
      { { "transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj."
          "lora_A.weight",
          { 16, 6144 } } },
      NULL,
      MODEL_KIND_LORA,
      "Flux.2" },
    { "PEFT, SD 3",
      { { "transformer.transformer_blocks.0.attn.add_k_proj.lora_A.weight",
          { 16, 1536 } } },
      NULL,
      MODEL_KIND_LORA,
      "SD3" },
    { "PEFT, Qwen-Image",
      { { "transformer.transformer_blocks.0.img_mlp.net.0.proj.lora_A.weight",
          { 16, 3072 } } },
      NULL,
      MODEL_KIND_LORA,
      "Qwen-Image" },
    { "Wan",
      { { "diffusion_model.blocks.0.cross_attn.k.lora_A.weight",
          { 32, 1536 } } },
      NULL,
      MODEL_KIND_LORA,
      "Wan" },
    { "LyCORIS, LoHa, SD 1.5",
      { { "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_"
          "to_k.hada_w1_a",
          { 320, 8 } },
        { "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_"
          "to_k.hada_w1_b",
          { 8, 768 } } },
      NULL,
      MODEL_KIND_LORA,
      "SD1.5" },
    { "LyCORIS, LoKr: shapes tell nothing, metadata does",
      { { "lora_unet_down_blocks_0_attentions_0_proj_in.lokr_w1", { 8, 8 } } },
      "{\"ss_base_model_version\":\"sd_v2_v\"}",
      MODEL_KIND_LORA,
      "SD2" },
    { "of a language model",
      { { "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
          { 8, 4096 } } },
      NULL,
      MODEL_KIND_LORA,
      "" },

    /* ---- the others ---- */
    { "ControlNet, SD 1.5",
      { { "control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k."
          "weight",
          { 320, 768 } } },
      NULL,
      MODEL_KIND_CONTROLNET,
      "SD1.5" },
    { "ControlNet, diffusers, SDXL",
      { { "controlnet_cond_embedding.conv_in.weight", { 16, 3, 3, 3 } },
        { "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
          { 640, 2048 } } },
      NULL,
      MODEL_KIND_CONTROLNET,
      "SDXL" },
    { "VAE, LDM",
      { { "encoder.down.0.block.0.conv1.weight", { 128, 128, 3, 3 } },
        { "decoder.up.0.block.0.conv1.weight", { 128, 256, 3, 3 } } },
      NULL,
      MODEL_KIND_VAE,
      "" },
    { "VAE, diffusers",
      { { "decoder.up_blocks.0.resnets.0.conv1.weight", { 512, 512, 3, 3 } } },
      NULL,
      MODEL_KIND_VAE,
      "" },
    { "CLIP's text half",
      { { "text_model.encoder.layers.0.self_attn.q_proj.weight",
          { 768, 768 } } },
      NULL,
      MODEL_KIND_TEXT_ENCODER,
      "" },
    { "T5's encoder",
      { { "encoder.block.0.layer.0.SelfAttention.q.weight", { 4096, 4096 } },
        { "shared.weight", { 32128, 4096 } } },
      NULL,
      MODEL_KIND_TEXT_ENCODER,
      "" },
    { "the whole of T5",
      { { "encoder.block.0.layer.0.SelfAttention.q.weight", { 512, 512 } },
        { "decoder.block.0.layer.0.SelfAttention.q.weight", { 512, 512 } } },
      NULL,
      MODEL_KIND_LLM,
      "" },
    { "ESRGAN, old names",
      { { "model.1.sub.0.RDB1.conv1.0.weight", { 32, 64, 3, 3 } } },
      NULL,
      MODEL_KIND_UPSCALER,
      "" },
    { "ESRGAN, new names",
      { { "body.0.rdb1.conv1.weight", { 32, 64, 3, 3 } } },
      NULL,
      MODEL_KIND_UPSCALER,
      "" },
    { "textual inversion, SD 1.5",
      { { "emb_params", { 4, 768 } } },
      NULL,
      MODEL_KIND_EMBEDDING_SD,
      "SD1.5" },
    { "textual inversion, SDXL",
      { { "clip_l", { 4, 768 } }, { "clip_g", { 4, 1280 } } },
      NULL,
      MODEL_KIND_EMBEDDING_SD,
      "SDXL" },
    { "a language model",
      { { "model.embed_tokens.weight", { 151936, 896 } },
        { "model.layers.0.self_attn.q_proj.weight", { 896, 896 } } },
      NULL,
      MODEL_KIND_LLM,
      "" },
    { "nothing that is known",
      { { "fc.weight", { 10, 512 } }, { "clip_gx", { 1, 1280 } } },
      "{\"ss_base_model_version\":\"sd_v1\"}",
      MODEL_KIND_UNKNOWN,
      "" },
};

static unsigned
dims_of(const struct tensor_row *tensor)
{
    unsigned n = 0;
    while (n < 4 && tensor->shape[n] != 0)
        n++;
    return n;
}

static struct json_doc *
parse(const char *text)
{
    struct error error = { .code = ERR_OK };
    struct json_doc *doc = json_parse(str_from(text), &error);
    if (doc == NULL)
        fail_msg("%s: %s", text, error.message);
    return doc;
}

static void
test_tells_them_apart(void **state)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sd_scan scan = { .marks = 0 };
        struct json_doc *doc =
            rows[i].metadata == NULL ? NULL : parse(rows[i].metadata);
        const struct tensor_row *tensor = rows[i].tensors;
        for (size_t j = 0; j < TENSORS_MAX && tensor[j].name != NULL; j++)
            sd_scan_see(&scan, str_from(tensor[j].name), dims_of(&tensor[j]),
                        tensor[j].shape);
        struct sd_model model = sd_scan_result(&scan, json_root(doc));
        if (model.kind != rows[i].kind ||
            strcmp(model.base_model, rows[i].base_model) != 0)
            fail_msg("%s: a %s of \"%s\", not a %s of \"%s\"", rows[i].about,
                     model_kind_names[model.kind], model.base_model,
                     model_kind_names[rows[i].kind], rows[i].base_model);
        json_doc_free(doc);
    }
    (void)state;
}

/* GGUF has a row's length first. */
static void
test_turns_gguf_shapes(void **state)
{
    struct sd_scan scan = { .marks = 0 };
    struct gguf_tensor tensor = {
        .name = STR("model.diffusion_model.input_blocks.1.1.transformer_blocks."
                    "0.attn2.to_k.weight"),
        .n_dims = 2,
        .shape = { 768, 320, 1, 1 },
    };
    sd_scan_see_gguf(&scan, &tensor);
    assert_string_equal(sd_scan_result(&scan, NULL).base_model, "SD1.5");
    (void)state;
}

static void
test_names_of_gguf(void **state)
{
    struct sd_model model = sd_model_of_architecture(STR("wan"));
    assert_int_equal(model.kind, MODEL_KIND_CHECKPOINT);
    assert_string_equal(model.base_model, "Wan");
    model = sd_model_of_architecture(STR("llama"));
    assert_int_equal(model.kind, MODEL_KIND_UNKNOWN);
    assert_string_equal(model.base_model, "");
    (void)state;
}

/* ---- words ---- */

static const struct {
    const char *metadata;
    const char *triggers, *tags; /* with bars between */
} word_rows[] = {
    { "{}", "", "" },
    { "{\"modelspec.trigger_phrase\":\" my cat , sitting\","
      "\"modelspec.tags\":\"cat,animal,,cat\"}",
      "my cat|sitting", "cat|animal" },
    { "{\"ss_tag_frequency\":\"{\\\"5_a\\\":{\\\"sks\\\":9,\\\"red\\\":3},"
      "\\\"2_b\\\":{\\\" sks\\\":1,\\\"hat\\\":10,\\\"x\\\":-4}}\"}",
      "hat|sks", "hat|sks|red" },
    { "{\"modelspec.trigger_phrase\":\"word\","
      "\"ss_tag_frequency\":\"{\\\"a\\\":{\\\"sks\\\":9}}\"}",
      "word", "sks" },
    { "{\"ss_tag_frequency\":\"no JSON\"}", "", "" },
    { "{\"ss_tag_frequency\":\"[1,{}]\"}", "", "" },
    { "{\"ss_tag_frequency\":\"{\\\"a\\\":[1],\\\"b\\\":{\\\"\\\":3}}\"}", "",
      "" },
    { "{\"ss_tag_frequency\":7,\"modelspec.tags\":[]}", "", "" },
};

static void
check_words(const char *about, const struct text_list *list, const char *wanted)
{
    struct strbuf text = STRBUF_INIT(4096);
    for (size_t i = 0; i < list->n; i++)
        strbuf_addf(&text, "%s%s", i == 0 ? "" : "|", list->at[i]);
    if (strcmp(strbuf_text(&text), wanted) != 0)
        fail_msg("%s: \"%s\", not \"%s\"", about, strbuf_text(&text), wanted);
    strbuf_release(&text);
}

static void
test_words(void **state)
{
    for (size_t i = 0; i < sizeof word_rows / sizeof *word_rows; i++) {
        struct json_doc *doc = parse(word_rows[i].metadata);
        struct sd_words words;
        assert_int_equal(sd_words_read(&words, json_root(doc)), 0);
        check_words(word_rows[i].metadata, &words.triggers,
                    word_rows[i].triggers);
        check_words(word_rows[i].metadata, &words.tags, word_rows[i].tags);
        sd_words_release(&words);
        json_doc_free(doc);
    }
    (void)state;
}

static void
test_words_are_bounded(void **state)
{
    struct strbuf text = STRBUF_INIT(1 << 20);
    strbuf_add_text(&text, "{\"ss_tag_frequency\":\"{\\\"a\\\":{");
    for (int i = 0; i < 1000; i++)
        strbuf_addf(&text, "%s\\\"t%d\\\":7", i == 0 ? "" : ",", i);
    strbuf_add_text(&text, "}}\"}");
    struct json_doc *doc = parse(strbuf_text(&text));
    struct sd_words words;
    assert_int_equal(sd_words_read(&words, json_root(doc)), 0);
    assert_int_equal(words.tags.n, SD_WORDS_MAX);
    assert_int_equal(words.triggers.n, SD_WORDS_MAX);
    sd_words_release(&words);
    json_doc_free(doc);
    strbuf_release(&text);
    (void)state;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tells_them_apart),
        cmocka_unit_test(test_turns_gguf_shapes),
        cmocka_unit_test(test_names_of_gguf),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_words_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
