/* What JSON beside or inside a model tells: the config.json of a folder
 * (keys as the transformers library writes them; mlx adds "quantization"),
 * and the sidecars of image programs (a Civitai version, as its API gives
 * it). Whatever is missing or of another type is left as it is. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"
#include "formats/json.h"
#include "platform/file.h"

enum { TEXT_BYTES_MAX = 4 << 20, WORDS_MAX = 64 };

/* NULL when there is none, or none that can be read. */
static struct json_doc *
read_json(const char *path)
{
    struct folder_facts facts;
    struct strbuf text = STRBUF_INIT(TEXT_BYTES_MAX);
    struct json_doc *doc = NULL;
    if (folder_facts(path, &facts) == 0 && !facts.is_folder &&
        file_read(path, &text, NULL) == 0)
        doc = json_parse(strbuf_view(&text), NULL);
    strbuf_release(&text);
    return doc;
}

static int64_t
number(const struct json *object, const char *key)
{
    int64_t value = 0;
    return json_as_int(json_get(object, key), &value) && value > 0 ? value : 0;
}

static int
take_text(char **field, const struct json *object, const char *key)
{
    struct str text;
    if (!json_as_text(json_get(object, key), &text) || text.n == 0)
        return 0;
    return model_set_text(field, text);
}

/* ---- folders ---- */

static int
take_config(struct model *model, const struct json *root)
{
    const struct json *quantization = json_get(root, "quantization");
    const struct json *text = json_get(root, "text_config");
    const struct json *sizes = text != NULL ? text : root;
    char bits[32];
    model->context_length = number(sizes, "max_position_embeddings");
    model->n_layers = number(sizes, "num_hidden_layers");
    model->n_heads = number(sizes, "num_attention_heads");
    model->n_kv_heads = number(sizes, "num_key_value_heads");
    model->embedding_length = number(sizes, "hidden_size");
    model->vocabulary = number(sizes, "vocab_size");
    model->kind = text != NULL || json_get(root, "vision_config") != NULL
                      ? MODEL_KIND_VISION
                      : MODEL_KIND_LLM;
    if (quantization == NULL)
        return take_text(&model->quantization, root, "torch_dtype");
    model->format = MODEL_FORMAT_MLX;
    if (number(quantization, "bits") == 0)
        return 0;
    snprintf(bits, sizeof bits, "%dbit", (int)number(quantization, "bits"));
    return model_set_text(&model->quantization, str_from(bits));
}

int
texts_read_config(struct model *model, const char *path)
{
    struct json_doc *doc = read_json(path);
    const struct json *root = json_root(doc);
    int result = doc == NULL ? 0 : take_config(model, root);
    if (result == 0)
        result = take_text(&model->architecture, root, "model_type");
    json_doc_free(doc);
    return result;
}

/* ---- sidecars ---- */

static int
take_sidecar(struct model *model, const struct json *root)
{
    const struct json *words = json_get(root, "trainedWords");
    model->civitai_version_id = number(root, "id");
    model->civitai_model_id = number(root, "modelId");
    for (size_t i = 0; i < json_count(words) && i < WORDS_MAX; i++) {
        struct str word;
        if (json_as_text(json_at(words, i), &word) && word.n > 0 &&
            !text_list_has(&model->trigger_words, word) &&
            text_list_add(&model->trigger_words, word) < 0)
            return -1;
    }
    if (take_text(&model->base_model, root, "baseModel") < 0)
        return -1;
    return take_text(&model->title, json_get(root, "model"), "name");
}

int
texts_read_sidecar(struct model *model)
{
    static const char *const endings[] = { ".civitai.info", ".metadata.json",
                                           NULL };
    const char *dot = strrchr(model->path, '.');
    char path[LIMIT_PATH_BYTES * 2];
    snprintf(path, sizeof path, "%s.civitai.info", model->path);
    struct json_doc *doc = read_json(path);
    for (size_t i = 0; doc == NULL && dot != NULL && endings[i] != NULL; i++) {
        snprintf(path, sizeof path, "%.*s%s", (int)(dot - model->path),
                 model->path, endings[i]);
        doc = read_json(path);
    }
    int result = doc == NULL ? 0 : take_sidecar(model, json_root(doc));
    json_doc_free(doc);
    return result;
}
