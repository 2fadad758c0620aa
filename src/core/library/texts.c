/* What texts beside or inside a model tell: those of a folder of the
 * transformers layout, and the sidecars of image programs. */
#include <stdio.h>
#include <stdlib.h>

#include "core/library/library_internal.h"
#include "formats/sidecar.h"
#include "formats/transformers.h"
#include "platform/file.h"

/* False when there is none, or none that can be read. */
static bool
read_text(const char *path, struct strbuf *ret_text)
{
    struct folder_facts facts;
    return folder_facts(path, &facts) == 0 && !facts.is_folder &&
           file_read(path, ret_text, NULL) == 0;
}

static bool
is_file(const char *folder, const char *name)
{
    char path[LIMIT_PATH_BYTES * 2];
    struct folder_facts facts;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return folder_facts(path, &facts) == 0 && !facts.is_folder;
}

/* ---- config.json ---- */

static int
note_ignored(struct model *model, const char *ignored)
{
    char text[TRANSFORMERS_IGNORED_BYTES + 32];
    if (ignored[0] == '\0')
        return 0;
    snprintf(text, sizeof text, "config.json: %s", ignored);
    return model_set_text(&model->error, str_from(text));
}

static int
take_config(struct model *model, const struct transformers_config *config)
{
    model->kind = config->kind;
    model->context_length = config->context_length;
    model->n_layers = config->n_layers;
    model->n_heads = config->n_heads;
    model->n_kv_heads = config->n_kv_heads;
    model->embedding_length = config->embedding_length;
    model->vocabulary = config->vocabulary;
    if (config->is_mlx)
        model->format = MODEL_FORMAT_MLX;
    if (model_set_text(&model->architecture, str_from(config->model_type)) <
            0 ||
        model_set_text(&model->quantization, str_from(config->quantization)) <
            0)
        return -1;
    return note_ignored(model, config->ignored);
}

static int
read_config(struct model *model, const char *path)
{
    struct transformers_config config;
    struct strbuf text = STRBUF_INIT(TRANSFORMERS_CONFIG_BYTES);
    struct error error;
    int result = 0;
    if (!read_text(path, &text))
        result =
            model_set_text(&model->error, STR("config.json cannot be read"));
    else if (transformers_config_read(strbuf_view(&text), &config, &error) < 0)
        result = facts_note_failure(model, &error);
    else
        result = take_config(model, &config);
    strbuf_release(&text);
    return result;
}

/* ---- the texts beside it ---- */

static bool
has_template(const struct model *model)
{
    char path[LIMIT_PATH_BYTES * 2];
    struct strbuf text = STRBUF_INIT(TRANSFORMERS_TOKENIZER_BYTES);
    bool has_one = false;
    for (size_t i = 0; transformers_template_names[i] != NULL; i++)
        has_one |= is_file(model->path, transformers_template_names[i]);
    snprintf(path, sizeof path, "%s/tokenizer_config.json", model->path);
    if (!has_one && read_text(path, &text))
        transformers_tokenizer_read(strbuf_view(&text), &has_one, NULL);
    strbuf_release(&text);
    return has_one;
}

static int
take_index(struct model *model, const struct transformers_index *index)
{
    char text[256], first[LIMIT_PATH_BYTES * 2];
    model->n_parameters = index->n_parameters;
    for (size_t i = 0; i < index->shards.n; i++) {
        if (is_file(model->path, index->shards.at[i]))
            continue;
        snprintf(text, sizeof text, "incomplete: %.200s is missing",
                 index->shards.at[i]);
        return model_set_text(&model->error, str_from(text));
    }
    if (index->shards.n == 0 ||
        !str_ends_with(str_from(index->shards.at[0]), STR(".safetensors")))
        return 0;
    snprintf(first, sizeof first, "%s/%s", model->path, index->shards.at[0]);
    return heads_read_weights(model, first, index->shards.n == 1);
}

/* Sets `ret_is_read` when there is one. */
static int
read_index(struct model *model, bool *ret_is_read)
{
    int result = 0;
    for (size_t i = 0;
         result == 0 && !*ret_is_read && transformers_index_names[i] != NULL;
         i++) {
        char path[LIMIT_PATH_BYTES * 2];
        struct transformers_index index;
        struct error error;
        struct strbuf text = STRBUF_INIT(TRANSFORMERS_INDEX_ROOM);
        snprintf(path, sizeof path, "%s/%s", model->path,
                 transformers_index_names[i]);
        *ret_is_read = read_text(path, &text);
        if (*ret_is_read &&
            transformers_index_read(&text, &index, &error) < 0) {
            result = facts_note_failure(model, &error);
        } else if (*ret_is_read) {
            result = take_index(model, &index);
            transformers_index_release(&index);
        }
        strbuf_release(&text);
    }
    return result;
}

/* ---- weights that no index lists ---- */

struct weights {
    char first[LIMIT_PATH_BYTES]; /* by name */
    size_t n;
};

static int
on_weights(void *ctx, const struct folder_file *file)
{
    struct weights *weights = ctx;
    if (weights->n++ == 0 || strcmp(file->path, weights->first) < 0)
        snprintf(weights->first, sizeof weights->first, "%s", file->path);
    return 0;
}

static int
read_weights(struct model *model)
{
    static const char *const suffixes[] = { ".safetensors", NULL };
    struct weights weights = { .n = 0 };
    struct folder_walk walk = { .suffixes = suffixes,
                                .max_entries = SCAN_ENTRIES_MAX,
                                .on_file = on_weights,
                                .ctx = &weights };
    struct error error;
    if (folder_walk(model->path, &walk, &error) < 0)
        return facts_note_failure(model, &error);
    return weights.n == 0
               ? 0
               : heads_read_weights(model, weights.first, weights.n == 1);
}

int
texts_read_folder(struct model *model)
{
    char path[LIMIT_PATH_BYTES + 16];
    bool has_index = false;
    snprintf(path, sizeof path, "%s/config.json", model->path);
    if (read_config(model, path) < 0)
        return -1;
    model->has_template = has_template(model);
    /* As sentence-transformers lays out a model that gives vectors. */
    if (model->kind == MODEL_KIND_LLM && is_file(model->path, "modules.json"))
        model->kind = MODEL_KIND_EMBEDDING;
    if (read_index(model, &has_index) < 0)
        return -1;
    return has_index ? 0 : read_weights(model);
}

bool
texts_config_is_model(const char *path)
{
    struct transformers_config config;
    struct strbuf text = STRBUF_INIT(TRANSFORMERS_CONFIG_BYTES);
    bool is_model =
        read_text(path, &text) &&
        transformers_config_read(strbuf_view(&text), &config, NULL) == 0 &&
        config.is_model;
    strbuf_release(&text);
    return is_model;
}

/* ---- sidecars ---- */

static int
set_if_known(char **field, const char *text)
{
    return text == NULL ? 0 : model_set_text(field, str_from(text));
}

static void
move_list(struct text_list *to, struct text_list *from)
{
    text_list_release(to);
    *to = *from;
    *from = (struct text_list){ NULL, 0 };
}

static int
take_sidecar(struct model *model, struct sidecar *sidecar)
{
    const struct {
        char **field;
        const char *text;
    } rows[] = {
        { &model->base_model, sidecar->base_model },
        { &model->title, sidecar->name },
        { &model->version_name, sidecar->version },
        { &model->creator, sidecar->creator },
        { &model->description, sidecar->description },
    };
    model->civitai_version_id = sidecar->version_id;
    model->civitai_model_id = sidecar->model_id;
    move_list(&model->trigger_words, &sidecar->trigger_words);
    move_list(&model->tags, &sidecar->tags);
    move_list(&model->image_urls, &sidecar->image_urls);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (set_if_known(rows[i].field, rows[i].text) < 0)
            return -1;
    return 0;
}

/* One that is broken tells nothing: it is not the model that is broken. -1:
 * out of memory. */
static int
read_sidecar(struct sidecar *sidecar, const char *path)
{
    struct strbuf text = STRBUF_INIT(SIDECAR_BYTES);
    struct error error = { .code = ERR_OK };
    if (read_text(path, &text))
        sidecar_read(sidecar, strbuf_view(&text), &error);
    strbuf_release(&text);
    return error.code == ERR_NO_MEMORY ? -1 : 0;
}

/* The first one counts; the others fill in what it does not say. */
static const struct {
    const char *ending;
    bool is_after_stem; /* else after the whole name */
} sidecar_rows[] = { { ".civitai.info", false },
                     { ".civitai.info", true },
                     { ".metadata.json", true } };
enum { SIDECAR_ROWS = sizeof sidecar_rows / sizeof *sidecar_rows };

static void
sidecar_path(const struct model *model, size_t i,
             char ret_path[LIMIT_PATH_BYTES * 2])
{
    const char *dot = strrchr(model->path, '.');
    size_t n = strlen(model->path);
    if (sidecar_rows[i].is_after_stem && dot != NULL)
        n = (size_t)(dot - model->path);
    snprintf(ret_path, LIMIT_PATH_BYTES * 2, "%.*s%s", (int)n, model->path,
             sidecar_rows[i].ending);
}

int64_t
texts_sidecar_stamp(const struct model *model)
{
    int64_t told[SIDECAR_ROWS][2] = { { 0 } };
    bool is_any = false;
    for (size_t i = 0; i < SIDECAR_ROWS; i++) {
        char path[LIMIT_PATH_BYTES * 2];
        sidecar_path(model, i, path);
        is_any |= folder_file_facts(path, &told[i][0], &told[i][1]) == 0;
    }
    if (!is_any)
        return 0;
    uint64_t hash = str_hash((struct str){ (const char *)told, sizeof told });
    return (int64_t)(hash >> 1) | 1;
}

int
texts_read_sidecars(struct model *model)
{
    struct sidecar sidecar = { .name = NULL };
    int result = 0;
    for (size_t i = 0; result == 0 && i < SIDECAR_ROWS; i++) {
        char path[LIMIT_PATH_BYTES * 2];
        sidecar_path(model, i, path);
        result = read_sidecar(&sidecar, path);
    }
    if (result == 0)
        result = take_sidecar(model, &sidecar);
    sidecar_release(&sidecar);
    return result;
}
