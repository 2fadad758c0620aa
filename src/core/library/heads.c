/* What the head of a GGUF or safetensors file tells. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"
#include "formats/gguf.h"
#include "formats/sd_model.h"
#include "formats/transformers.h"
#include "platform/file.h"

/* ---- a file as a source of bytes ---- */

/* 0, or -1 when there is no such file. */
static int
open_source(char *path, struct byte_source *ret_source)
{
    struct folder_facts facts;
    if (folder_facts(path, &facts) < 0 || facts.is_folder)
        return -1;
    *ret_source =
        (struct byte_source){ .read = file_read_exactly,
                              .ctx = path,
                              .size_bytes = (uint64_t)facts.size_bytes };
    return 0;
}

/* ---- GGUF ---- */

static const struct {
    const char *architecture;
    enum model_kind kind;
} architecture_rows[] = {
    { "bert", MODEL_KIND_EMBEDDING },
    { "nomic-bert", MODEL_KIND_EMBEDDING },
    { "nomic-bert-moe", MODEL_KIND_EMBEDDING },
    { "jina-bert-v2", MODEL_KIND_EMBEDDING },
    { "jina-bert-v3", MODEL_KIND_EMBEDDING },
    { "modern-bert", MODEL_KIND_EMBEDDING },
    { "neo-bert", MODEL_KIND_EMBEDDING },
    { "gemma-embedding", MODEL_KIND_EMBEDDING },
    { "t5encoder", MODEL_KIND_TEXT_ENCODER },
    { "clip", MODEL_KIND_VISION },
    { "whisper", MODEL_KIND_AUDIO },
    { "wavtokenizer-dec", MODEL_KIND_AUDIO },
};

static int
set_utf8(char **field, struct str text)
{
    enum { FACT_BYTES = 256 };
    if (text.n == 0 || text.n > FACT_BYTES || !str_is_utf8(text))
        return 0;
    return model_set_text(field, text);
}

static int64_t
number_of(const struct gguf_value *value)
{
    uint64_t number = 0;
    if (!gguf_as_u64(value, &number) || number > INT64_MAX)
        return 0;
    return (int64_t)number;
}

static void
take_numbers(struct model *model, const struct gguf_info *info)
{
    const struct gguf_value *tokens = gguf_get(info, "tokenizer.ggml.tokens");
    model->context_length = number_of(gguf_get_arch(info, "context_length"));
    model->n_layers = number_of(gguf_get_arch(info, "block_count"));
    model->n_heads = number_of(gguf_get_arch(info, "attention.head_count"));
    model->n_kv_heads =
        number_of(gguf_get_arch(info, "attention.head_count_kv"));
    model->embedding_length =
        number_of(gguf_get_arch(info, "embedding_length"));
    model->vocabulary = number_of(gguf_get_arch(info, "vocab_size"));
    if (model->vocabulary == 0 && tokens != NULL &&
        tokens->type == GGUF_VALUE_ARRAY && tokens->n_items <= INT64_MAX)
        model->vocabulary = (int64_t)tokens->n_items;
    model->has_template = gguf_get(info, "tokenizer.chat_template") != NULL;
    if (info->n_parameters <= INT64_MAX)
        model->n_parameters = (int64_t)info->n_parameters;
}

static int
take_quantization(struct model *model, const struct gguf_info *info)
{
    const struct gguf_value *value = gguf_get(info, "general.file_type");
    const struct ggml_type_row *row = ggml_type_find(info->most_bytes_type);
    uint64_t ftype;
    const char *name = NULL;
    if (gguf_as_u64(value, &ftype))
        name = llama_ftype_name(ftype);
    if (name == NULL && row != NULL)
        name = row->name;
    return name == NULL ? 0
                        : model_set_text(&model->quantization, str_from(name));
}

static int
take_gguf_kind(struct model *model, const struct gguf_info *info)
{
    struct str type = STR("");
    enum model_kind kind = MODEL_KIND_LLM;
    gguf_as_text(gguf_get(info, "general.type"), &type);
    if (gguf_get_arch(info, "pooling_type") != NULL)
        kind = MODEL_KIND_EMBEDDING;
    for (size_t i = 0; i < sizeof architecture_rows / sizeof *architecture_rows;
         i++)
        if (strcmp(model->architecture, architecture_rows[i].architecture) == 0)
            kind = architecture_rows[i].kind;
    struct sd_model image =
        sd_model_of_architecture(str_from(model->architecture));
    if (image.kind != MODEL_KIND_UNKNOWN)
        kind = image.kind;
    if (model_set_text(&model->base_model, str_from(image.base_model)) < 0)
        return -1;
    if (str_is(type, "adapter"))
        kind = MODEL_KIND_LORA;
    if (kind == MODEL_KIND_LLM && model->mmproj_path[0] != '\0')
        kind = MODEL_KIND_VISION;
    if (model->kind == MODEL_KIND_UNKNOWN || kind != MODEL_KIND_LLM)
        model->kind = kind;
    return 0;
}

static int
on_tensor(void *ctx, const struct gguf_tensor *tensor)
{
    sd_scan_see_gguf(ctx, tensor);
    return 0;
}

/* Image models are often written without a word on what they are. The file
 * is read again, so that the many others are not held up. */
static int
take_tensors(struct model *model, const struct byte_source *source)
{
    struct sd_scan scan = { .marks = 0 };
    const struct gguf_visitor visitor = { on_tensor, &scan };
    struct gguf_info info;
    struct error error;
    if (gguf_read(source, &visitor, &info, &error) < 0)
        return facts_note_failure(model, &error);
    gguf_info_release(&info);
    struct sd_model found = sd_scan_result(&scan, NULL);
    if (found.kind != MODEL_KIND_UNKNOWN)
        model->kind = found.kind;
    return model_set_text(&model->base_model, str_from(found.base_model));
}

static int
count_gguf(const struct byte_source *source, uint64_t *ret_n,
           struct error *error)
{
    struct gguf_info info;
    if (gguf_read(source, NULL, &info, error) < 0)
        return -1;
    *ret_n = info.n_parameters;
    gguf_info_release(&info);
    return 0;
}

static int
count_safetensors(const struct byte_source *source, uint64_t *ret_n,
                  struct error *error)
{
    struct safetensors_info info;
    if (safetensors_read(source, &info, error) < 0)
        return -1;
    *ret_n = info.n_parameters;
    safetensors_info_release(&info);
    return 0;
}

typedef int count_fn(const struct byte_source *source, uint64_t *ret_n,
                     struct error *error);

/* The other parts have tensors, too. */
static int
add_parts(struct model *model, count_fn *count)
{
    for (size_t i = 0; i < model->shards.n; i++) {
        struct byte_source source;
        struct error error;
        uint64_t n;
        if (open_source(model->shards.at[i], &source) < 0)
            continue; /* gone: the next scan sees it */
        if (count(&source, &n, &error) < 0)
            return facts_note_failure(model, &error);
        if (n <= INT64_MAX / 2 && model->n_parameters <= INT64_MAX / 2)
            model->n_parameters += (int64_t)n;
    }
    return 0;
}

int
heads_read_gguf(struct model *model)
{
    struct byte_source source;
    struct gguf_info info;
    struct error error;
    struct str title = STR("");
    if (open_source(model->path, &source) < 0)
        return 0;
    if (gguf_read(&source, NULL, &info, &error) < 0)
        return facts_note_failure(model, &error);
    gguf_as_text(gguf_get(&info, "general.name"), &title);
    take_numbers(model, &info);
    int result = set_utf8(&model->architecture, gguf_architecture(&info));
    if (result == 0)
        result = set_utf8(&model->title, title);
    if (result == 0)
        result = take_quantization(model, &info);
    if (result == 0)
        result = take_gguf_kind(model, &info);
    bool is_silent = gguf_architecture(&info).n == 0;
    gguf_info_release(&info);
    if (result == 0 && is_silent)
        result = take_tensors(model, &source);
    return result == 0 ? add_parts(model, count_gguf) : -1;
}

/* ---- safetensors ---- */

/* Language models serve image programs as text encoders: then the folder
 * knows better. */
static void
take_kind(struct model *model, enum model_kind kind)
{
    bool is_encoder =
        kind == MODEL_KIND_LLM && model->kind == MODEL_KIND_TEXT_ENCODER;
    if (kind != MODEL_KIND_UNKNOWN && !is_encoder)
        model->kind = kind;
}

/* What a sidecar has said stays. */
static int
fill_text(char **field, struct str text)
{
    return (*field)[0] != '\0' ? 0 : set_utf8(field, text);
}

static void
fill_list(struct text_list *list, struct text_list *from)
{
    if (list->n > 0)
        return;
    struct text_list none = *list;
    *list = *from;
    *from = none;
}

static int
take_words(struct model *model, const struct json *metadata)
{
    struct sd_words words;
    if (sd_words_read(&words, metadata) < 0)
        return -1;
    fill_list(&model->trigger_words, &words.triggers);
    fill_list(&model->tags, &words.tags);
    sd_words_release(&words);
    return 0;
}

static int
take_safetensors(struct model *model, const struct safetensors_info *info)
{
    struct sd_model found = sd_model_of_safetensors(info);
    struct str title = STR("");
    take_kind(model, found.kind);
    if (info->n_parameters <= INT64_MAX)
        model->n_parameters = (int64_t)info->n_parameters;
    if (!json_as_text(json_get(info->metadata, "modelspec.title"), &title))
        json_as_text(json_get(info->metadata, "ss_output_name"), &title);
    if (fill_text(&model->quantization, info->main_type) < 0 ||
        fill_text(&model->title, title) < 0 ||
        fill_text(&model->base_model, str_from(found.base_model)) < 0)
        return -1;
    return take_words(model, info->metadata);
}

int
heads_read_safetensors(struct model *model)
{
    struct byte_source source;
    struct safetensors_info info;
    struct error error;
    if (open_source(model->path, &source) < 0)
        return 0;
    if (safetensors_read(&source, &info, &error) < 0)
        return facts_note_failure(model, &error);
    int result = take_safetensors(model, &info);
    safetensors_info_release(&info);
    return result == 0 ? add_parts(model, count_safetensors) : -1;
}

/* What is quantized counts its parameters in words. */
static int
take_weights(struct model *model, const struct safetensors_info *info,
             bool is_whole)
{
    bool is_plain = model->quantization[0] == '\0' ||
                    str_is(info->main_type, model->quantization);
    if (transformers_is_mlx(info->metadata))
        model->format = MODEL_FORMAT_MLX;
    if (is_whole && is_plain && model->n_parameters == 0 &&
        info->n_parameters <= INT64_MAX)
        model->n_parameters = (int64_t)info->n_parameters;
    return fill_text(&model->quantization, info->main_type);
}

int
heads_read_weights(struct model *model, const char *path, bool is_whole)
{
    char name[LIMIT_PATH_BYTES * 2];
    struct byte_source source;
    struct safetensors_info info;
    struct error error, named;
    snprintf(name, sizeof name, "%s", path);
    if (open_source(name, &source) < 0)
        return 0;
    if (safetensors_read(&source, &info, &error) < 0) {
        error_set(&named, error.code, "%s: %s", strrchr(path, '/') + 1,
                  error.message);
        return model->error[0] != '\0' && error.code != ERR_NO_MEMORY
                   ? 0
                   : facts_note_failure(model, &named);
    }
    int result = take_weights(model, &info, is_whole);
    safetensors_info_release(&info);
    return result;
}
