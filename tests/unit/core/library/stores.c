/* What is one model, which one it is, and what other programs' stores look
 * like to the library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/library/library.h"
#include "formats/gguf_writer.h"
#include "platform/file.h"
#include "store/store.h"

struct fixture {
    char dir[256];
    struct loop loop;
    struct events events;
    struct store *store;
    struct library *library;
    struct library_options options;
    struct str roots[2];
    struct library_place places[4];
    char texts[6][300];
    int n_calls;
    struct error error;
    char old_path[600];
};

static char *
at(struct fixture *f, const char *name)
{
    static char path[800];
    snprintf(path, sizeof path, "%s/%s", f->dir, name);
    return path;
}

static void
open_all(struct fixture *f)
{
    struct error error;
    if (store_open(&f->loop, at(f, "data"), "test", &f->store, &error) < 0)
        fail_msg("%s", error.message);
    f->options.loop = &f->loop;
    f->options.events = &f->events;
    f->options.store = f->store;
    if (library_new(&f->options, &f->library, &error) < 0)
        fail_msg("%s", error.message);
}

static void
close_all(struct fixture *f)
{
    library_free(f->library);
    store_close(f->store);
}

static void
add_place(struct fixture *f, const char *name, enum model_source source)
{
    size_t i = f->options.n_places++;
    snprintf(f->texts[i + 2], sizeof f->texts[0], "%s", at(f, name));
    f->places[i] = (struct library_place){ .path = str_from(f->texts[i + 2]),
                                           .source = source };
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct error error;
    const char *tmp = getenv("TMPDIR");
    char made[200];
    snprintf(made, sizeof made, "%.150s/hearth-stores-XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(made));
    char *real = realpath(made, NULL);
    assert_non_null(real);
    snprintf(f->dir, sizeof f->dir, "%s", real);
    free(real);
    assert_int_equal(mkdir(at(f, "models"), 0700), 0);
    assert_int_equal(loop_init(&f->loop, &error), 0);
    events_init(&f->events);
    snprintf(f->texts[0], sizeof f->texts[0], "%s", at(f, "models"));
    f->roots[0] = str_from(f->texts[0]);
    f->options = (struct library_options){ .roots = f->roots,
                                           .n_roots = 1,
                                           .places = f->places };
    add_place(f, "hub", MODEL_SOURCE_HUGGINGFACE);
    add_place(f, "ollama", MODEL_SOURCE_OLLAMA);
    open_all(f);
    *state = f;
    return 0;
}

static void
remove_tree(const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("rm", "rm", "-rf", path, (char *)NULL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
}

static int
teardown(void **state)
{
    struct fixture *f = *state;
    close_all(f);
    loop_close(&f->loop);
    remove_tree(f->dir);
    free(f);
    return 0;
}

static void
put_bytes(struct fixture *f, const char *name, struct str contents)
{
    char path[800];
    struct error error;
    snprintf(path, sizeof path, "%s", at(f, name));
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_int_equal(file_make_folders(path, 0700, &error), 0);
    *slash = '/';
    if (file_write_atomic(path, contents, 0600, &error) < 0)
        fail_msg("%s", error.message);
}

static void
put(struct fixture *f, const char *name, const char *contents)
{
    put_bytes(f, name, str_from(contents));
}

/* A safetensors file: the length of the head, the head, that much data. */
static void
put_tensors(struct fixture *f, const char *name, const char *head,
            size_t n_data)
{
    struct strbuf file = STRBUF_INIT(1 << 20);
    uint64_t n = strlen(head);
    for (size_t i = 0; i < 8; i++)
        strbuf_add_byte(&file, (char)(n >> (8 * i)));
    strbuf_add_text(&file, head);
    for (size_t i = 0; i < n_data; i++)
        strbuf_add_byte(&file, '\0');
    put_bytes(f, name, strbuf_view(&file));
    strbuf_release(&file);
}

static void
move(struct fixture *f, const char *from, const char *to)
{
    char path[800];
    snprintf(path, sizeof path, "%s", at(f, from));
    assert_int_equal(rename(path, at(f, to)), 0);
}

static void
stop(void *ctx)
{
    struct fixture *f = ctx;
    loop_stop(&f->loop);
}

static struct library_progress
scan(struct fixture *f)
{
    struct library_progress progress;
    library_scan(f->library, stop, f);
    loop_run(&f->loop);
    library_progress(f->library, &progress);
    assert_false(progress.is_running);
    return progress;
}

static const struct model *
find(struct fixture *f, const char *name)
{
    const struct model *model = library_find(f->library, str_from(name));
    if (model == NULL)
        fail_msg("there is no model %s", name);
    return model;
}

static void
assert_names(struct fixture *f, const char *expected)
{
    char names[1024] = "";
    size_t n = 0;
    for (size_t i = 0; i < library_count(f->library); i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s",
                              i == 0 ? "" : " ",
                              library_at(f->library, i)->name);
    assert_string_equal(names, expected);
}

static void
copy_id(struct fixture *f, const char *name, char id[ID_BYTES])
{
    snprintf(id, ID_BYTES, "%s", find(f, name)->id);
}

/* ---- identity ---- */

static void
test_only_what_changed_is_read(void **state)
{
    struct fixture *f = *state;
    put(f, "models/a.gguf", "1");
    put(f, "models/b.gguf", "22");
    assert_int_equal(scan(f).n_read, 2);
    assert_int_equal(scan(f).n_read, 0);
    put(f, "models/b.gguf", "333");
    assert_int_equal(scan(f).n_read, 1);
    close_all(f);
    open_all(f);
    assert_names(f, "a b");
    assert_int_equal(scan(f).n_read, 0); /* the store knows them */
}

static void
test_ids_follow_names_that_are_swapped(void **state)
{
    struct fixture *f = *state;
    char a[ID_BYTES], b[ID_BYTES];
    put(f, "models/a.gguf", "1");
    put(f, "models/b.gguf", "22");
    scan(f);
    copy_id(f, "a", a);
    copy_id(f, "b", b);
    move(f, "models/a.gguf", "models/x.gguf");
    move(f, "models/b.gguf", "models/a.gguf");
    move(f, "models/x.gguf", "models/b.gguf");
    scan(f);
    assert_string_equal(find(f, "a")->id, b);
    assert_string_equal(find(f, "b")->id, a);
}

static void
test_an_id_waits_for_a_file_that_is_gone(void **state)
{
    struct fixture *f = *state;
    char a[ID_BYTES], moved[ID_BYTES];
    put(f, "models/a.gguf", "1");
    put(f, "models/m.gguf", "22");
    scan(f);
    copy_id(f, "a", a);
    copy_id(f, "m", moved);
    assert_int_equal(unlink(at(f, "models/a.gguf")), 0);
    assert_int_equal(mkdir(at(f, "away"), 0700), 0);
    move(f, "models/m.gguf", "away/m.gguf");
    scan(f);
    assert_names(f, "");
    close_all(f);
    open_all(f);
    put(f, "models/a.gguf", "4444");
    move(f, "away/m.gguf", "models/other.gguf");
    scan(f);
    assert_string_equal(find(f, "a")->id, a);
    assert_string_equal(find(f, "other")->id, moved);
}

static void
test_a_copy_of_what_is_gone_is_it(void **state)
{
    struct fixture *f = *state;
    char id[ID_BYTES];
    put(f, "models/a.gguf", "GGUF and a head of its own");
    put(f, "models/b.gguf", "no head at all");
    scan(f);
    copy_id(f, "a", id);
    assert_non_null(strstr(find(f, "b")->error, "no GGUF file"));
    put(f, "models/copy.gguf", "GGUF and a head of its own");
    scan(f);
    assert_string_not_equal(find(f, "copy")->id, id); /* a is there, too */
    assert_int_equal(unlink(at(f, "models/a.gguf")), 0);
    assert_int_equal(unlink(at(f, "models/b.gguf")), 0);
    assert_int_equal(unlink(at(f, "models/copy.gguf")), 0);
    put(f, "models/deep/else.gguf", "GGUF and a head of its own");
    put(f, "models/deep/other.gguf", "no head at all");
    copy_id(f, "copy", id); /* the last that was seen with this head */
    scan(f);
    assert_names(f, "else other");
    assert_string_equal(find(f, "else")->id, id);
}

static void
test_guesses_from_a_name_are_marked(void **state)
{
    struct fixture *f = *state;
    put(f, "models/Qwen2.5-7B-Instruct-Q4_K_M.gguf", "damaged");
    put(f, "models/nothing.gguf", "damaged");
    scan(f);
    const struct model *model = find(f, "Qwen2.5-7B-Instruct-Q4_K_M");
    assert_string_equal(model->quantization, "Q4_K_M");
    assert_string_equal(model->architecture, "Qwen");
    assert_int_equal(model->n_parameters, 7000000000);
    assert_int_equal(model->guessed.n, 3);
    assert_true(text_list_has(&model->guessed, STR("quantization")));
    assert_int_equal(find(f, "nothing")->guessed.n, 0);
}

static void
test_hard_links_are_one_file(void **state)
{
    struct fixture *f = *state;
    char from[800];
    put(f, "models/a.gguf", "1");
    snprintf(from, sizeof from, "%s", at(f, "models/a.gguf"));
    assert_int_equal(link(from, at(f, "models/z.gguf")), 0);
    scan(f);
    assert_names(f, "a");
    assert_int_equal(find(f, "a")->other_paths.n, 1);
    assert_string_equal(find(f, "a")->other_paths.at[0],
                        at(f, "models/z.gguf"));
    char id[ID_BYTES];
    copy_id(f, "a", id);
    assert_int_equal(unlink(at(f, "models/a.gguf")), 0);
    scan(f);
    assert_string_equal(find(f, "z")->id, id);
}

static void
test_what_an_unreadable_folder_had_stays(void **state)
{
    struct fixture *f = *state;
    char id[ID_BYTES];
    put(f, "models/a.gguf", "1");
    scan(f);
    copy_id(f, "a", id);
    move(f, "models", "unplugged");
    scan(f);
    assert_string_equal(find(f, "a")->id, id);
    move(f, "unplugged", "models");
    assert_int_equal(unlink(at(f, "models/a.gguf")), 0);
    scan(f);
    assert_names(f, "");
}

/* ---- what is one model ---- */

static void
test_parts_are_one_model(void **state)
{
    struct fixture *f = *state;
    put(f, "models/big-00001-of-00003.gguf", "1");
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
    put(f, "models/vae/v.pt", "3");
    put(f, "models/embeddings/e.bin", "4");
    put(f, "models/elsewhere/tokenizer.bin", "5");
    put(f, "models/loras/half.safetensors.part", "6");
    scan(f);
    assert_names(f, "e old style v");
    assert_int_equal(find(f, "style")->kind, MODEL_KIND_LORA);
    assert_string_equal(find(f, "style")->preview_path,
                        at(f, "models/loras/style.preview.png"));
    assert_int_equal(find(f, "old")->kind, MODEL_KIND_CHECKPOINT);
    assert_int_equal(find(f, "old")->format, MODEL_FORMAT_PICKLE);
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

/* ---- other programs' stores ---- */

static void
put_link(struct fixture *f, const char *target, const char *name)
{
    put(f, name, "");
    assert_int_equal(unlink(at(f, name)), 0);
    assert_int_equal(symlink(target, at(f, name)), 0);
}

#define DIGEST \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
test_the_hubs_cache(void **state)
{
    struct fixture *f = *state;
    put(f, "hub/models--org--repo/refs/main", "new");
    put(f, "hub/models--org--repo/blobs/b1", "1");
    put(f, "hub/models--org--repo/blobs/" DIGEST, "2");
    put(f, "hub/models--org--repo/blobs/b3.incomplete", "3");
    put_link(f, "../../blobs/b1",
             "hub/models--org--repo/snapshots/old/before.gguf");
    put_link(f, "../../../blobs/" DIGEST,
             "hub/models--org--repo/snapshots/new/sub/now.gguf");
    put(f, "hub/models--other--repo/snapshots/x/now.gguf", "44");
    put(f, "hub/datasets--org--set/snapshots/x/data.gguf", "5");
    scan(f);
    assert_names(f, "before@old repo/now sub/now");
    const struct model *model = find(f, "sub/now");
    assert_int_equal(model->source, MODEL_SOURCE_HUGGINGFACE);
    assert_string_equal(model->sha256, DIGEST);
    assert_string_equal(model->autov2, "0123456789");
    assert_string_equal(find(f, "repo/now")->sha256, "");
    assert_true(library_holds(f->library, model->path));
}

static void
assert_found(struct fixture *f, const char *by, const char *path)
{
    const struct model *model = library_find(f->library, str_from(by));
    if (model == NULL)
        fail_msg("nothing is called %s", by);
    else
        assert_string_equal(model->path, at(f, path));
}

/* What was pulled as ORG/NAME:VARIANT@REVISION goes by that. */
static void
test_models_go_by_what_they_were_pulled_as(void **state)
{
    struct fixture *f = *state;
#define REPO "hub/models--Org--repo-GGUF/"
    put(f, REPO "refs/main", "aaaaaaaaaaaaaaaa");
    put(f, REPO "refs/v1", "bbbbbbbbbbbbbbbb");
    put(f, REPO "blobs/b1", "1");
    put(f, REPO "blobs/b2", "22");
    put(f, REPO "blobs/b3", "333");
    put(f, REPO "blobs/b4", "4444");
    put(f, REPO "blobs/b5", "55555");
    put_link(f, "../../blobs/b1",
             REPO "snapshots/aaaaaaaaaaaaaaaa/m-Q8_0.gguf");
    put_link(f, "../../blobs/b2",
             REPO "snapshots/aaaaaaaaaaaaaaaa/m-Q4_K_M.gguf");
    put_link(f, "../../blobs/b3",
             REPO "snapshots/bbbbbbbbbbbbbbbb/m-Q8_0.gguf");
    /* The same bytes as the one in use: one model of two revisions. */
    put_link(f, "../../blobs/b2",
             REPO "snapshots/bbbbbbbbbbbbbbbb/m-Q4_K_M.gguf");
    put_link(f, "../../blobs/b4",
             REPO "snapshots/cccccccccccccccc/m-Q8_0.gguf");
    put_link(f, "../../blobs/b5",
             REPO "snapshots/cccccccccccccccc/config.json");
    scan(f);
    assert_names(f, "m-Q4_K_M m-Q8_0 m-Q8_0@cccccccccccc m-Q8_0@v1");
#define IN_USE REPO "snapshots/aaaaaaaaaaaaaaaa/"
#define OLD    REPO "snapshots/bbbbbbbbbbbbbbbb/"
#define OLDER  REPO "snapshots/cccccccccccccccc/"
    assert_found(f, "Org/repo-GGUF", IN_USE "m-Q4_K_M.gguf");
    assert_found(f, "org/REPO-gguf", IN_USE "m-Q4_K_M.gguf");
    assert_found(f, "Org/repo-GGUF:Q8_0", IN_USE "m-Q8_0.gguf");
    assert_found(f, "Org/repo-GGUF:q8_0@main", IN_USE "m-Q8_0.gguf");
    assert_found(f, "Org/repo-GGUF:m-Q8_0", IN_USE "m-Q8_0.gguf");
    assert_found(f, "Org/repo-GGUF:Q8_0@v1", OLD "m-Q8_0.gguf");
    assert_found(f, "Org/repo-GGUF:Q4_K_M@v1", IN_USE "m-Q4_K_M.gguf");
    assert_found(f, "Org/repo-GGUF:Q8_0@bbbbbbbb", OLD "m-Q8_0.gguf");
    assert_found(f, "Org/repo-GGUF@cccccccccccccccc", OLDER "m-Q8_0.gguf");
    static const char *const none[] = {
        "Org/repo",
        "Org/repo-GGUF:Q2_K",
        "Org/repo-GGUF@v2",
        "Org/repo-GGUF@bb",
        "Org/repo-GGUF:Q4_K_M@cccccccc",
        "repo-GGUF",
        "Org",
        "",
        ":Q8_0",
        "@v1",
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (library_find(f->library, str_from(none[i])) != NULL)
            fail_msg("something is called \"%s\"", none[i]);
}

/* Where no store tells, a download does; it outlasts scans, moves and the
 * daemon. */
static void
test_downloads_tell_where_models_come_from(void **state)
{
    struct fixture *f = *state;
    put(f, "models/a.gguf", "1");
    scan(f);
    const struct model *model =
        library_find_path(f->library, at(f, "models/a.gguf"));
    assert_non_null(model);
    library_add_origin(f->library, model->id, STR("org/a"));
    library_add_origin(f->library, model->id, STR("https://host/x/a.gguf"));
    library_add_origin(f->library, model->id, STR("org/a"));
    assert_int_equal(model->origins.n, 2);
    char from[800];
    snprintf(from, sizeof from, "%s", at(f, "models/a.gguf"));
    assert_int_equal(rename(from, at(f, "models/b.gguf")), 0);
    scan(f);
    assert_found(f, "https://host/x/a.gguf", "models/b.gguf");
    close_all(f);
    open_all(f);
    assert_found(f, "org/a", "models/b.gguf");
    scan(f);
    assert_found(f, "org/a@main", "models/b.gguf");
    assert_null(library_find_path(f->library, from));
}

#define MANIFEST(type)                                                      \
    "{\"layers\":[{\"mediaType\":\"application/vnd.ollama.image."           \
    "license\",\"digest\":\"sha256:00\"},{\"mediaType\":"                   \
    "\"application/vnd.ollama.image." type "\",\"digest\":\"sha256:" DIGEST \
    "\"}]}"

static void
test_ollamas_store(void **state)
{
    struct fixture *f = *state;
    put(f, "ollama/blobs/sha256-" DIGEST, "1");
    put(f, "ollama/manifests/registry.ollama.ai/library/whale/7b",
        MANIFEST("model"));
    put(f, "ollama/manifests/registry.ollama.ai/someone/whale/mine",
        MANIFEST("model"));
    put(f, "ollama/manifests/registry.ollama.ai/library/adapter/7b",
        MANIFEST("adapter"));
    put(f, "ollama/manifests/registry.ollama.ai/library/broken/7b", "{");
    scan(f);
    /* The same blob is the same model; the first label names it. */
    assert_names(f, "whale:mine");
    assert_found(f, "whale:7b", "ollama/blobs/sha256-" DIGEST);
    assert_found(f, "someone/whale", "ollama/blobs/sha256-" DIGEST);
    const struct model *model = find(f, "whale:mine");
    assert_string_equal(model->sha256, DIGEST);
    assert_string_equal(model->path, at(f, "ollama/blobs/sha256-" DIGEST));
    assert_int_equal(model->format, MODEL_FORMAT_GGUF);
}

#define OTHER "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define THIRD "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define LAYER(type, digest)                                                \
    "{\"mediaType\":\"application/vnd.ollama.image." type "\",\"digest\":" \
    "\"sha256:" digest "\"}"

static void
test_a_projector_of_ollamas(void **state)
{
    struct fixture *f = *state;
    put(f, "ollama/blobs/sha256-" DIGEST, "1");
    put(f, "ollama/blobs/sha256-" OTHER, "22");
    put(f, "ollama/manifests/hf.co/org/sees/Q4_K_M",
        "{\"layers\":[" LAYER("model", DIGEST) "," LAYER("projector",
                                                         OTHER) "]}");
    scan(f);
    const struct model *model = find(f, "sees:Q4_K_M");
    assert_string_equal(model->label, "hf.co/org/sees:Q4_K_M");
    assert_string_equal(model->mmproj_path,
                        at(f, "ollama/blobs/sha256-" OTHER));
}

/* ---- changing ---- */

static void
on_moved(void *ctx, const struct model *model, const char *old_path,
         const struct error *error)
{
    struct fixture *f = ctx;
    (void)model;
    f->n_calls++;
    f->error = error == NULL ? (struct error){ .code = ERR_OK } : *error;
    snprintf(f->old_path, sizeof f->old_path, "%s", old_path);
    loop_stop(&f->loop);
}

static enum error_code
move_model(struct fixture *f, const char *name, enum model_category category)
{
    f->n_calls = 0;
    library_move(f->library, find(f, name)->id, category, on_moved, f);
    while (f->n_calls == 0)
        loop_run(&f->loop);
    return f->error.code;
}

static bool
is_there(struct fixture *f, const char *name)
{
    return access(at(f, name), F_OK) == 0;
}

static void
test_a_move_that_fails_is_undone(void **state)
{
    struct fixture *f = *state;
    put(f, "models/vae/v.safetensors", "1");
    put(f, "models/vae/v.civitai.info", "{}");
    put(f, "models/archive/vae/v.civitai.info", "in the way");
    scan(f);
    assert_int_equal(move_model(f, "v", MODEL_ARCHIVE), ERR_CONFLICT);
    assert_non_null(strstr(f->error.message, "v.civitai.info"));
    assert_true(is_there(f, "models/vae/v.safetensors"));
    assert_false(is_there(f, "models/archive/vae/v.safetensors"));
    assert_int_equal(find(f, "v")->category, MODEL_ACTIVE);
    assert_int_equal(unlink(at(f, "models/archive/vae/v.civitai.info")), 0);
    assert_int_equal(move_model(f, "v", MODEL_ARCHIVE), ERR_OK);
    assert_true(is_there(f, "models/archive/vae/v.civitai.info"));
    assert_string_equal(find(f, "v")->path,
                        at(f, "models/archive/vae/v.safetensors"));
    assert_int_equal(move_model(f, "v", MODEL_ARCHIVE), ERR_CONFLICT);
}

static void
on_deleted(void *ctx, const struct library_files *files,
           const struct error *error)
{
    struct fixture *f = ctx;
    (void)files;
    f->n_calls++;
    f->error = error == NULL ? (struct error){ .code = ERR_OK } : *error;
    loop_stop(&f->loop);
}

/* What another model needs stays, be that model ever so broken. */
static void
test_deleting_of_ollamas(void **state)
{
    struct fixture *f = *state;
    put(f, "ollama/blobs/sha256-" DIGEST, "1");
    put(f, "ollama/blobs/sha256-" OTHER, "22");
    put(f, "ollama/blobs/sha256-" THIRD, "333");
    put(f, "ollama/manifests/hf.co/org/goes/x",
        "{\"config\":{\"digest\":\"sha256:" THIRD "\"},\"layers\":[" LAYER(
            "model", DIGEST) "," LAYER("license", OTHER) "]}");
    put(f, "ollama/manifests/registry.ollama.ai/library/stays/x",
        "{ sha256:" OTHER);
    scan(f);
    f->n_calls = 0;
    library_delete(f->library, find(f, "goes:x")->id, false, on_deleted, f);
    while (f->n_calls == 0)
        loop_run(&f->loop);
    assert_int_equal(f->error.code, ERR_OK);
    assert_false(is_there(f, "ollama/manifests/hf.co/org/goes/x"));
    assert_false(is_there(f, "ollama/blobs/sha256-" DIGEST));
    assert_false(is_there(f, "ollama/blobs/sha256-" THIRD));
    assert_true(is_there(f, "ollama/blobs/sha256-" OTHER));
}

static void
test_no_link_leads_a_move_elsewhere(void **state)
{
    struct fixture *f = *state;
    put(f, "models/vae/v.safetensors", "1");
    scan(f);
    assert_int_equal(mkdir(at(f, "outside"), 0700), 0);
    put_link(f, "../../outside", "models/archive/vae");
    assert_int_equal(move_model(f, "v", MODEL_ARCHIVE), ERR_INVALID);
    assert_true(is_there(f, "models/vae/v.safetensors"));
    assert_false(is_there(f, "outside/v.safetensors"));
}

static void
test_other_programs_stores_are_not_moved(void **state)
{
    struct fixture *f = *state;
    put(f, "hub/models--org--repo/snapshots/x/m.gguf", "44");
    scan(f);
    assert_int_equal(move_model(f, "m", MODEL_ARCHIVE), ERR_INVALID);
    assert_true(is_there(f, "hub/models--org--repo/snapshots/x/m.gguf"));
}

static void
test_questions(void **state)
{
    struct fixture *f = *state;
    put(f, "models/loras/big.safetensors", "333");
    put(f, "models/loras/small.safetensors", "1");
    put(f, "models/llm.gguf", "22");
    scan(f);
    struct library_query query = { .text = STR("BIG style"),
                                   .kind = -1,
                                   .source = -1,
                                   .category = -1,
                                   .favourite = -1 };
    const struct model **models;
    size_t n;
    assert_int_equal(library_select(f->library, &query, &models, &n), 0);
    assert_int_equal(n, 0); /* every word has to be there */
    free(models);
    query.text = STR("LORAS");
    query.sort = STR("size_bytes");
    query.is_descending = true;
    assert_int_equal(library_select(f->library, &query, &models, &n), 0);
    assert_int_equal(n, 2);
    assert_string_equal(models[0]->name, "big");
    assert_string_equal(models[1]->name, "small");
    free(models);
    query = (struct library_query){ .kind = MODEL_KIND_LORA,
                                    .source = MODEL_SOURCE_OLLAMA,
                                    .category = -1,
                                    .favourite = -1 };
    assert_int_equal(library_select(f->library, &query, &models, &n), 0);
    assert_int_equal(n, 0);
    free(models);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_only_what_changed_is_read),
        TEST(test_ids_follow_names_that_are_swapped),
        TEST(test_an_id_waits_for_a_file_that_is_gone),
        TEST(test_a_copy_of_what_is_gone_is_it),
        TEST(test_guesses_from_a_name_are_marked),
        TEST(test_hard_links_are_one_file),
        TEST(test_what_an_unreadable_folder_had_stays),
        TEST(test_parts_are_one_model),
        TEST(test_a_projector_belongs_to_its_model),
        TEST(test_a_folder_with_a_configuration_is_one_model),
        TEST(test_texts_in_and_beside_models),
        TEST(test_folders_of_several_texts),
        TEST(test_folders_that_are_not_quantized),
        TEST(test_sidecars_fill_each_other_in),
        TEST(test_a_sidecar_is_followed),
        TEST(test_image_files_by_their_folder),
        TEST(test_heads_of_image_files),
        TEST(test_a_gguf_file_without_keys),
        TEST(test_the_hubs_cache),
        TEST(test_models_go_by_what_they_were_pulled_as),
        TEST(test_downloads_tell_where_models_come_from),
        TEST(test_ollamas_store),
        TEST(test_a_projector_of_ollamas),
        TEST(test_deleting_of_ollamas),
        TEST(test_a_move_that_fails_is_undone),
        TEST(test_no_link_leads_a_move_elsewhere),
        TEST(test_other_programs_stores_are_not_moved),
        TEST(test_questions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
