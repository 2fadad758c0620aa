/* What is one model, and what heads, texts and sidecars tell of it. */
#include "fixture.h"
#include "formats/gguf_writer.h"

/* ---- what is one model ---- */

static void
test_parts_are_one_model(void **state)
{
    struct fixture *f = *state;
    put(f, "models/big-00001-of-00003.gguf", "1");
    put(f, "models/big-00001-of-00003.png", "png");
    put(f, "models/big-00002-of-00003.gguf", "22");
    put(f, "models/big-00003-of-00003.gguf", "333");
    put(f, "models/headless-00002-of-00002.gguf", "x");
    scan(f);
    assert_names(f, "big-00001-of-00003");
    const struct model *big = find(f, "big-00001-of-00003");
    assert_int_equal(big->size_bytes, 6);
    assert_int_equal(big->shards.n, 2);
    assert_string_equal(big->shards.at[1],
                        at(f, "models/big-00003-of-00003.gguf"));
    assert_string_equal(big->preview_path,
                        at(f, "models/big-00001-of-00003.png"));
    assert_null(strstr(big->error, "incomplete"));
    assert_int_equal(unlink(at(f, "models/big-00002-of-00003.gguf")), 0);
    scan(f);
    assert_string_equal(find(f, "big-00001-of-00003")->error,
                        "incomplete: 1 of 3 parts are missing");
}

static void
test_parts_count_together(void **state)
{
    struct fixture *f = *state;
    put_tensors(f, "models/dit-00001-of-00003.safetensors",
                "{\"a\":{\"dtype\":\"F16\",\"shape\":[2,5],"
                "\"data_offsets\":[0,20]}}",
                20);
    put_tensors(f, "models/dit-00002-of-00003.safetensors",
                "{\"b\":{\"dtype\":\"F16\",\"shape\":[7],"
                "\"data_offsets\":[0,14]}}",
                14);
    put_tensors(f, "models/dit-00003-of-00003.safetensors", "{}", 0);
    put_tensors(f, "models/bad-00001-of-00002.safetensors", "{}", 0);
    put(f, "models/bad-00002-of-00002.safetensors", "12345");
    scan(f);
    assert_int_equal(find(f, "dit-00001-of-00003")->n_parameters, 17);
    assert_string_equal(find(f, "dit-00001-of-00003")->error, "");
    assert_string_not_equal(find(f, "bad-00001-of-00002")->error, "");
}

static void
test_a_projector_belongs_to_its_model(void **state)
{
    struct fixture *f = *state;
    put(f, "models/one/gemma-q4.gguf", "1");
    put(f, "models/one/mmproj-F16.gguf", "p");
    put(f, "models/two/llava-7b-q4.gguf", "2");
    put(f, "models/two/qwen-vl-q4.gguf", "3");
    put(f, "models/two/mmproj-qwen-vl-f16.gguf", "pp");
    scan(f);
    assert_names(f, "gemma-q4 llava-7b-q4 qwen-vl-q4");
    assert_string_equal(find(f, "gemma-q4")->mmproj_path,
                        at(f, "models/one/mmproj-F16.gguf"));
    assert_string_equal(find(f, "qwen-vl-q4")->mmproj_path,
                        at(f, "models/two/mmproj-qwen-vl-f16.gguf"));
    assert_string_equal(find(f, "llava-7b-q4")->mmproj_path, "");
}

static void
test_a_folder_with_a_configuration_is_one_model(void **state)
{
    struct fixture *f = *state;
    put(f, "models/mlx-model/config.json", "{\"model_type\":\"llama\"}");
    put(f, "models/mlx-model/model.safetensors", "12345");
    put(f, "models/mlx-model-2/model.safetensors", "1");
    put(f, "models/plain/config.json", "{\"_class_name\":\"X\"}");
    put(f, "models/plain/thing.safetensors", "1");
    put(f, "models/gguf/config.json", "{\"model_type\":\"llama\"}");
    put(f, "models/gguf/x.gguf", "1");
    scan(f);
    assert_names(f, "mlx-model model thing x");
    const struct model *folder = find(f, "mlx-model");
    assert_int_equal(folder->format, MODEL_FORMAT_TRANSFORMERS);
    assert_int_equal(folder->size_bytes, 5);
    assert_string_equal(folder->path, at(f, "models/mlx-model"));
}

static void
test_texts_in_and_beside_models(void **state)
{
    struct fixture *f = *state;
    put(f, "models/quantized/config.json",
        "{\"model_type\":\"qwen3\",\"num_hidden_layers\":28,"
        "\"num_attention_heads\":16,\"num_key_value_heads\":8,"
        "\"hidden_size\":1024,\"vocab_size\":151936,"
        "\"max_position_embeddings\":40960,"
        "\"quantization\":{\"bits\":4,\"group_size\":64}}");
    put(f, "models/quantized/model.safetensors", "12345");
    put(f, "models/loras/style.safetensors", "1");
    put(f, "models/loras/style.civitai.info",
        "{\"id\":12,\"modelId\":7,\"baseModel\":\"SDXL 1.0\","
        "\"trainedWords\":[\"shiny\",5,\"shiny\",\"\",\"dull\"],"
        "\"model\":{\"name\":\"Some style\"}}");
    put(f, "models/loras/broken.safetensors", "22");
    put(f, "models/loras/broken.civitai.info", "{");
    for (int i = 0; i < 2; i++) {
        scan(f);
        const struct model *folder = find(f, "quantized");
        assert_int_equal(folder->format, MODEL_FORMAT_MLX);
        assert_string_equal(folder->architecture, "qwen3");
        assert_string_equal(folder->quantization, "4bit");
        assert_int_equal(folder->n_layers, 28);
        assert_int_equal(folder->n_kv_heads, 8);
        assert_int_equal(folder->context_length, 40960);
        const struct model *style = find(f, "style");
        assert_int_equal(style->civitai_model_id, 7);
        assert_int_equal(style->civitai_version_id, 12);
        assert_string_equal(style->base_model, "SDXL 1.0");
        assert_string_equal(style->title, "Some style");
        assert_int_equal(style->trigger_words.n, 2);
        assert_int_equal(find(f, "broken")->trigger_words.n, 0);
    }
}

static void
test_folders_of_several_texts(void **state)
{
    struct fixture *f = *state;
    static const char index[] =
        "{\"metadata\":{\"total_parameters\":7},\"weight_map\":{\"a\":"
        "\"model-00001-of-00002.safetensors\",\"b\":"
        "\"model-00002-of-00002.safetensors\"}}";
    put(f, "models/half/config.json", "{\"model_type\":\"llama\"}");
    put_tensors(f, "models/half/model-00001-of-00002.safetensors", "{}", 0);
    put(f, "models/half/model.safetensors.index.json", index);
    put(f, "models/half/tokenizer_config.json", "{\"chat_template\":\"x\"}");
    put(f, "models/odd/config.json",
        "{\"model_type\":\"llama\",\"vocab_size\":[]}");
    put(f, "models/odd/model.safetensors", "22");
    put(f, "models/odd/chat_template.jinja", "x");
    put(f, "models/vectors/config.json",
        "{\"model_type\":\"qwen3\",\"limit\":Infinity}");
    put_tensors(f, "models/vectors/model.safetensors", "{}", 0);
    put(f, "models/vectors/modules.json", "[]");
    scan(f);
    const struct model *half = find(f, "half");
    assert_string_equal(
        half->error, "incomplete: model-00002-of-00002.safetensors is missing");
    assert_int_equal(half->n_parameters, 7);
    assert_true(half->has_template);
    const struct model *odd = find(f, "odd");
    assert_string_equal(odd->error, "config.json: vocab_size is an array");
    assert_true(odd->has_template);
    const struct model *vectors = find(f, "vectors");
    assert_int_equal(vectors->kind, MODEL_KIND_EMBEDDING);
    assert_false(vectors->has_template);
    assert_string_equal(vectors->error, "");
    put_tensors(f, "models/half/model-00002-of-00002.safetensors", "{}", 0);
    scan(f);
    assert_string_equal(find(f, "half")->error, "");
}

/* One tensor of 64 bytes, after what `front` says. */
static void
put_weights(struct fixture *f, const char *name, const char *front,
            const char *dtype, int n_elements)
{
    char head[256];
    snprintf(head, sizeof head,
             "{%s\"a\":{\"dtype\":\"%s\",\"shape\":[%d],"
             "\"data_offsets\":[0,64]}}",
             front, dtype, n_elements);
    put_tensors(f, name, head, 64);
}

/* Such as MLX did not quantize, and everybody's. */
static void
test_folders_that_are_not_quantized(void **state)
{
    struct fixture *f = *state;
    static const char mlx[] = "\"__metadata__\":{\"format\":\"mlx\"},";
    static const struct {
        const char *name, *config, *front, *dtype;
        int n_elements;
        enum model_format format;
        enum model_kind kind;
        const char *quantization;
    } rows[] = {
        { "llama", "\"model_type\":\"llama\"", mlx, "F16", 32, MODEL_FORMAT_MLX,
          MODEL_KIND_LLM, "F16" },
        { "said", "\"model_type\":\"llama\",\"torch_dtype\":\"bfloat16\"", "",
          "F16", 32, MODEL_FORMAT_TRANSFORMERS, MODEL_KIND_LLM, "BF16" },
        { "vectors", "\"model_type\":\"bert\"", "", "F32", 16,
          MODEL_FORMAT_TRANSFORMERS, MODEL_KIND_EMBEDDING, "F32" },
        { "sees", "\"model_type\":\"qwen2_vl\",\"vision_config\":{}", mlx,
          "BF16", 32, MODEL_FORMAT_MLX, MODEL_KIND_VISION, "BF16" },
        { "hears", "\"model_type\":\"whisper\"", "", "F16", 32,
          MODEL_FORMAT_TRANSFORMERS, MODEL_KIND_AUDIO, "F16" },
        { "encodes", "\"architectures\":[\"T5EncoderModel\"]", "", "F16", 32,
          MODEL_FORMAT_TRANSFORMERS, MODEL_KIND_TEXT_ENCODER, "F16" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[200], config[200];
        snprintf(path, sizeof path, "models/%s/config.json", rows[i].name);
        snprintf(config, sizeof config, "{%s}", rows[i].config);
        put(f, path, config);
        snprintf(path, sizeof path, "models/%s/weights.safetensors",
                 rows[i].name);
        put_weights(f, path, rows[i].front, rows[i].dtype, rows[i].n_elements);
    }
    put(f, "models/cut/config.json", "{\"model_type\":\"llama\"}");
    put(f, "models/cut/model.safetensors", "12345");
    scan(f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct model *model = find(f, rows[i].name);
        assert_string_equal(model->error, "");
        assert_string_equal(model_format_names[model->format],
                            model_format_names[rows[i].format]);
        assert_string_equal(model_kind_names[model->kind],
                            model_kind_names[rows[i].kind]);
        assert_string_equal(model->quantization, rows[i].quantization);
    }
    assert_int_equal(find(f, "llama")->n_parameters, 32);
    assert_int_equal(find(f, "llama")->guessed.n, 0);
    assert_true(str_starts_with(str_from(find(f, "cut")->error),
                                STR("model.safetensors: ")));
}

static void
test_sidecars_fill_each_other_in(void **state)
{
    struct fixture *f = *state;
    put(f, "models/loras/a.safetensors", "1");
    put(f, "models/loras/a.safetensors.civitai.info", "{\"id\":1}");
    put(f, "models/loras/a.civitai.info",
        "{\"id\":2,\"modelId\":3,\"trainedWords\":[\"w\"]}");
    put(f, "models/loras/a.metadata.json",
        "{\"model_name\":\"A\",\"base_model\":\"Pony\",\"tags\":[\"t\"],"
        "\"civitai\":{\"id\":4,\"trainedWords\":[\"x\"]}}");
    scan(f);
    const struct model *model = find(f, "a");
    assert_int_equal(model->civitai_version_id, 1);
    assert_int_equal(model->civitai_model_id, 3);
    assert_int_equal(model->trigger_words.n, 1);
    assert_string_equal(model->trigger_words.at[0], "w");
    assert_string_equal(model->tags.at[0], "t");
    assert_string_equal(model->title, "A");
    assert_string_equal(model->base_model, "Pony");
}

/* All that a sidecar says; and it is seen when it comes, changes, goes. */
static void
test_a_sidecar_is_followed(void **state)
{
    struct fixture *f = *state;
    char id[ID_BYTES];
    put(f, "models/loras/a.safetensors", "1");
    put(f, "models/loras/a.webp", "webp");
    scan(f);
    copy_id(f, "a", id);
    assert_string_equal(find(f, "a")->creator, "");
    assert_string_equal(find(f, "a")->preview_path,
                        at(f, "models/loras/a.webp"));
    put(f, "models/loras/a.civitai.info",
        "{\"id\":1,\"name\":\"v1.0\",\"baseModel\":\"Pony\",\"description\":"
        "\"\",\"model\":{\"name\":\"A\",\"description\":\"<p>Nice</p>\"},"
        "\"creator\":{\"username\":\"someone\"},\"trainedWords\":[\"w\"],"
        "\"images\":[{\"url\":\"https://h/1.png\"},{\"url\":\"file:///x\"}]}");
    assert_int_equal(scan(f).n_read, 1);
    close_all(f);
    open_all(f);
    for (int i = 0; i < 2; i++) { /* from the store, and from a scan */
        const struct model *model = find(f, "a");
        assert_string_equal(model->id, id);
        assert_string_equal(model->creator, "someone");
        assert_string_equal(model->version_name, "v1.0");
        assert_string_equal(model->description, "<p>Nice</p>");
        assert_int_equal(model->image_urls.n, 1);
        assert_string_equal(model->image_urls.at[0], "https://h/1.png");
        assert_string_equal(model->trigger_words.at[0], "w");
        assert_int_equal(scan(f).n_read, 0);
    }
    put(f, "models/loras/a.civitai.info",
        "{\"id\":1,\"baseModel\":\"Illustrious\"}");
    assert_int_equal(scan(f).n_read, 1);
    assert_string_equal(find(f, "a")->base_model, "Illustrious");
    assert_string_equal(find(f, "a")->creator, "");
    assert_int_equal(unlink(at(f, "models/loras/a.civitai.info")), 0);
    assert_int_equal(scan(f).n_read, 1);
    assert_string_equal(find(f, "a")->base_model, "");
    assert_string_equal(find(f, "a")->id, id);
}

static void
test_image_files_by_their_folder(void **state)
{
    struct fixture *f = *state;
    put(f, "models/loras/style.safetensors", "1");
    put(f, "models/loras/style.preview.png", "png");
    put(f, "models/Stable-diffusion/old.ckpt", "2");
    put(f, "models/Stable-diffusion/old.preview.avif", "avif");
    put(f, "models/vae/v.pt", "3");
    put(f, "models/embeddings/e.bin", "4");
    put(f, "models/clip/c.safetensors", "66");
    put(f, "models/controlnet/n.safetensors", "777");
    put(f, "models/upscale_models/u.pth", "8888");
    put(f, "models/elsewhere/tokenizer.bin", "5");
    put(f, "models/loras/half.safetensors.part", "6");
    scan(f);
    assert_names(f, "c e n old style u v");
    assert_int_equal(find(f, "c")->kind, MODEL_KIND_TEXT_ENCODER);
    assert_int_equal(find(f, "n")->kind, MODEL_KIND_CONTROLNET);
    assert_int_equal(find(f, "u")->kind, MODEL_KIND_UPSCALER);
    assert_int_equal(find(f, "style")->kind, MODEL_KIND_LORA);
    assert_string_equal(find(f, "style")->preview_path,
                        at(f, "models/loras/style.preview.png"));
    assert_int_equal(find(f, "old")->kind, MODEL_KIND_CHECKPOINT);
    assert_int_equal(find(f, "old")->format, MODEL_FORMAT_PICKLE);
    assert_string_equal(find(f, "old")->preview_path,
                        at(f, "models/Stable-diffusion/old.preview.avif"));
    assert_int_equal(find(f, "v")->kind, MODEL_KIND_VAE);
    assert_int_equal(find(f, "e")->kind, MODEL_KIND_EMBEDDING_SD);
}

static const char lora_head[] =
    "{\"__metadata__\":{\"ss_output_name\":\"inside\","
    "\"modelspec.trigger_phrase\":\"own word\","
    "\"ss_tag_frequency\":\"{\\\"a\\\":{\\\"red\\\":3}}\"},"
    "\"lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k."
    "lora_down.weight\":{\"dtype\":\"F16\",\"shape\":[1,2048],"
    "\"data_offsets\":[0,4096]},"
    "\"lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k."
    "lora_up.weight\":{\"dtype\":\"F16\",\"shape\":[640,1],"
    "\"data_offsets\":[4096,5376]}}";

static void
test_heads_of_image_files(void **state)
{
    struct fixture *f = *state;
    put_tensors(f, "models/anywhere/bare.safetensors", lora_head, 5376);
    put_tensors(f, "models/checkpoints/told.safetensors", lora_head, 5376);
    put(f, "models/checkpoints/told.civitai.info",
        "{\"id\":1,\"baseModel\":\"Pony\",\"trainedWords\":[\"theirs\"],"
        "\"model\":{\"name\":\"Their name\"}}");
    put_tensors(f, "models/loras/cut.safetensors", lora_head, 5375);
    put_tensors(f, "models/text_encoders/t.safetensors",
                "{\"model.layers.0.self_attn.q_proj.weight\":{\"dtype\":"
                "\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}",
                1);
    for (int i = 0; i < 2; i++) {
        scan(f);
        const struct model *bare = find(f, "bare");
        assert_string_equal(bare->error, "");
        assert_int_equal(bare->kind, MODEL_KIND_LORA);
        assert_string_equal(bare->base_model, "SDXL");
        assert_string_equal(bare->quantization, "F16");
        assert_string_equal(bare->title, "inside");
        assert_int_equal(bare->n_parameters, 2688);
        assert_int_equal(bare->trigger_words.n, 1);
        assert_string_equal(bare->trigger_words.at[0], "own word");
        assert_string_equal(bare->tags.at[0], "red");
        /* What a sidecar says goes before; of the kind the tensors know. */
        const struct model *told = find(f, "told");
        assert_int_equal(told->kind, MODEL_KIND_LORA);
        assert_string_equal(told->base_model, "Pony");
        assert_string_equal(told->title, "Their name");
        assert_int_equal(told->trigger_words.n, 1);
        assert_string_equal(told->trigger_words.at[0], "theirs");
        assert_non_null(strstr(find(f, "cut")->error, "cut short"));
        assert_int_equal(find(f, "cut")->kind, MODEL_KIND_LORA);
        assert_int_equal(find(f, "t")->kind, MODEL_KIND_TEXT_ENCODER);
    }
}

/* By what the head calls itself; a projector makes a model see. */
static void
test_kinds_of_gguf_files(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *architecture, *type;
        enum model_kind kind;
    } rows[] = {
        { "chats", "llama", "model", MODEL_KIND_LLM },
        { "embeds", "nomic-bert", "model", MODEL_KIND_EMBEDDING },
        { "hears", "whisper", "model", MODEL_KIND_AUDIO },
        { "looks", "clip", "model", MODEL_KIND_VISION },
        { "encodes", "t5encoder", "model", MODEL_KIND_TEXT_ENCODER },
        { "adapts", "llama", "adapter", MODEL_KIND_LORA },
        { "paints", "flux", "model", MODEL_KIND_CHECKPOINT },
        { "sees", "qwen2vl", "model", MODEL_KIND_VISION },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct gguf_writer writer;
        struct strbuf file = STRBUF_INIT(1 << 20);
        struct error error;
        char path[200];
        gguf_writer_init(&writer);
        gguf_put_text(&writer, "general.architecture",
                      str_from(rows[i].architecture));
        gguf_put_text(&writer, "general.type", str_from(rows[i].type));
        assert_int_equal(gguf_finish(&writer, &file, &error), 0);
        gguf_writer_release(&writer);
        snprintf(path, sizeof path, "models/%s/%s.gguf", rows[i].name,
                 rows[i].name);
        put_bytes(f, path, strbuf_view(&file));
        strbuf_release(&file);
    }
    put(f, "models/sees/mmproj-F16.gguf", "p");
    scan(f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_string_equal(find(f, rows[i].name)->error, "");
        if (find(f, rows[i].name)->kind != rows[i].kind)
            fail_msg("%s: %s", rows[i].name,
                     model_kind_names[find(f, rows[i].name)->kind]);
    }
}

/* As stable-diffusion.cpp writes them: tensors, and not one key. */
static void
test_a_gguf_file_without_keys(void **state)
{
    struct fixture *f = *state;
    static const char name[] = "model.diffusion_model.input_blocks.1.1."
                               "transformer_blocks.0.attn2.to_k.weight";
    const uint64_t shape[] = { 768, 2 };
    struct gguf_writer writer;
    struct strbuf file = STRBUF_INIT(1 << 20);
    struct error error;
    gguf_writer_init(&writer);
    gguf_add_tensor(&writer, name, GGUF_F16, shape, 2);
    assert_int_equal(gguf_finish(&writer, &file, &error), 0);
    gguf_writer_release(&writer);
    for (size_t i = 0; i < gguf_bytes(GGUF_F16, 768 * 2); i++)
        strbuf_add_byte(&file, '\0');
    put_bytes(f, "models/image.gguf", strbuf_view(&file));
    strbuf_release(&file);
    scan(f);
    assert_string_equal(find(f, "image")->error, "");
    assert_int_equal(find(f, "image")->kind, MODEL_KIND_CHECKPOINT);
    assert_string_equal(find(f, "image")->base_model, "SD1.5");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_parts_are_one_model),
        TEST(test_parts_count_together),
        TEST(test_a_projector_belongs_to_its_model),
        TEST(test_a_folder_with_a_configuration_is_one_model),
        TEST(test_texts_in_and_beside_models),
        TEST(test_folders_of_several_texts),
        TEST(test_folders_that_are_not_quantized),
        TEST(test_sidecars_fill_each_other_in),
        TEST(test_a_sidecar_is_followed),
        TEST(test_image_files_by_their_folder),
        TEST(test_heads_of_image_files),
        TEST(test_kinds_of_gguf_files),
        TEST(test_a_gguf_file_without_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
