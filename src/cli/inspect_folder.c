/* hearth inspect for a folder of the transformers layout (MLX's is the same):
 * what config.json, the tokenizer and the index say, and whether the weights
 * that they speak of are there. Of the weights the heads are read, one after
 * the other, so that one that was cut short is found. */
#include <stdio.h>
#include <stdlib.h>

#include "base/checked.h"
#include "base/limits.h"
#include "cli/inspect.h"
#include "formats/model_name.h"
#include "formats/safetensors.h"
#include "formats/transformers.h"
#include "platform/file.h"
#include "platform/folder.h"

struct shard {
    char name[256];
    int64_t size_bytes; /* -1: it is not there */
};

struct folder {
    const struct inspected *file;
    char path[LIMIT_PATH_BYTES]; /* without links */
    struct transformers_config config;
    bool is_mlx, has_template, has_vectors;
    uint64_t n_parameters;
    struct shard *shards;
    size_t n_shards;
    struct inspect_types types;
    struct error *error; /* why it is no whole model */
};

static void
path_in(const struct folder *f, const char *name,
        char ret_path[LIMIT_PATH_BYTES * 2])
{
    snprintf(ret_path, LIMIT_PATH_BYTES * 2, "%s/%s", f->path, name);
}

static bool
has_file(const struct folder *f, const char *name)
{
    char path[LIMIT_PATH_BYTES * 2];
    struct folder_facts facts;
    path_in(f, name, path);
    return folder_facts(path, &facts) == 0 && !facts.is_folder;
}

/* The first reason stays. */
static int
say(struct folder *f, enum error_code code, const char *name, const char *why)
{
    if (f->error->code == ERR_OK)
        error_set(f->error, code, "%.200s%s%.250s", name,
                  why[0] == '\0' ? "" : ": ", why);
    return -1;
}

/* ---- the texts ---- */

/* Reads a text of the folder; -1 and the reason said. */
static int
read_text(struct folder *f, const char *name, struct strbuf *text)
{
    char path[LIMIT_PATH_BYTES * 2];
    struct error error;
    path_in(f, name, path);
    return file_read(path, text, &error) == 0
               ? 0
               : say(f, error.code, error.message, "");
}

static int
read_config(struct folder *f)
{
    struct strbuf text = STRBUF_INIT(TRANSFORMERS_CONFIG_BYTES);
    struct error error;
    int result = -1;
    if (!has_file(f, "config.json"))
        say(f, ERR_INVALID, "no model's folder: it has no config.json", "");
    else if (read_text(f, "config.json", &text) < 0)
        result = -1;
    else if (transformers_config_read(strbuf_view(&text), &f->config, &error) <
             0)
        say(f, error.code, "config.json", error.message);
    else if (!f->config.is_model)
        say(f, ERR_INVALID, "config.json",
            "neither model_type nor architectures is there: it is no model's");
    else
        result = 0;
    strbuf_release(&text);
    return result;
}

static void
read_template(struct folder *f)
{
    static const char name[] = "tokenizer_config.json";
    struct strbuf text = STRBUF_INIT(TRANSFORMERS_TOKENIZER_BYTES);
    struct error error;
    for (size_t i = 0; transformers_template_names[i] != NULL; i++)
        f->has_template |= has_file(f, transformers_template_names[i]);
    if (!f->has_template && has_file(f, name) &&
        read_text(f, name, &text) == 0 &&
        transformers_tokenizer_read(strbuf_view(&text), &f->has_template,
                                    &error) < 0)
        say(f, error.code, name, error.message);
    strbuf_release(&text);
}

/* ---- the weights ---- */

static int
add_shard(struct folder *f, struct str name, int64_t size_bytes)
{
    if ((f->n_shards & (f->n_shards - 1)) == 0) {
        size_t room = f->n_shards == 0 ? 1 : f->n_shards * 2;
        struct shard *grown = realloc_checked(f->shards, room, sizeof *grown);
        if (grown == NULL)
            return say(f, ERR_NO_MEMORY, "out of memory", "");
        f->shards = grown;
    }
    struct shard *shard = &f->shards[f->n_shards++];
    snprintf(shard->name, sizeof shard->name, "%.*s", STR_ARG(name));
    shard->size_bytes = size_bytes;
    return 0;
}

static int
by_name(const void *a, const void *b)
{
    const struct shard *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static int
add_listed(struct folder *f, const struct transformers_index *index)
{
    f->n_parameters = (uint64_t)index->n_parameters;
    for (size_t i = 0; i < index->shards.n; i++) {
        char path[LIMIT_PATH_BYTES * 2];
        struct folder_facts facts;
        path_in(f, index->shards.at[i], path);
        bool is_there = folder_facts(path, &facts) == 0 && !facts.is_folder;
        if (add_shard(f, str_from(index->shards.at[i]),
                      is_there ? facts.size_bytes : -1) < 0)
            return -1;
    }
    return 0;
}

static int
read_index(struct folder *f, const char *name)
{
    struct strbuf text = STRBUF_INIT(TRANSFORMERS_INDEX_ROOM);
    struct transformers_index index;
    struct error error;
    int result = read_text(f, name, &text);
    if (result == 0 && transformers_index_read(&text, &index, &error) < 0) {
        result = say(f, error.code, name, error.message);
    } else if (result == 0) {
        strbuf_release(&text);
        result = add_listed(f, &index);
        transformers_index_release(&index);
    }
    strbuf_release(&text);
    return result;
}

static int
on_weights(void *ctx, const struct folder_file *file)
{
    struct folder *f = ctx;
    if (f->n_shards == TRANSFORMERS_SHARDS_MAX)
        return say(f, ERR_TOO_LARGE, "it has more files than a model", "");
    return add_shard(f, file->name, file->size_bytes);
}

/* What lies there, where no index says what should. */
static int
find_weights(struct folder *f)
{
    static const char *const safetensors[] = { ".safetensors", NULL };
    static const char *const pickles[] = { ".bin", ".pth", ".pt", NULL };
    const char *const *const kinds[] = { safetensors, pickles };
    for (size_t i = 0; f->n_shards == 0 && i < 2; i++) {
        struct folder_walk walk = { .suffixes = kinds[i],
                                    .max_entries = 100000,
                                    .on_file = on_weights,
                                    .ctx = f };
        struct error error;
        if (folder_walk(f->path, &walk, &error) < 0)
            return say(f, error.code, error.message, "");
    }
    return f->error->code == ERR_OK ? 0 : -1;
}

/* The parts that the names of the others promise. */
static int
add_unlisted(struct folder *f)
{
    size_t n = f->n_shards;
    for (size_t i = 0; i < n; i++) {
        struct str name = str_from(f->shards[i].name);
        struct model_shard part = model_shard_of(name);
        if (part.index == 0 || part.count > TRANSFORMERS_SHARDS_MAX ||
            strrchr(name.p, '.') == NULL)
            continue;
        for (unsigned k = 1; k <= part.count; k++) {
            struct shard key;
            snprintf(key.name, sizeof key.name, "%.*s-%05u-of-%05u%s",
                     STR_ARG(part.stem), k, part.count, strrchr(name.p, '.'));
            if (bsearch(&key, f->shards, n, sizeof key, by_name) == NULL &&
                add_shard(f, str_from(key.name), -1) < 0)
                return -1;
        }
        break; /* one set is a model */
    }
    return 0;
}

static int
list_weights(struct folder *f)
{
    for (size_t i = 0; transformers_index_names[i] != NULL; i++)
        if (f->n_shards == 0 && has_file(f, transformers_index_names[i]) &&
            read_index(f, transformers_index_names[i]) < 0)
            return -1;
    bool is_listed = f->n_shards > 0;
    if (!is_listed && find_weights(f) < 0)
        return -1;
    if (f->n_shards == 0)
        return say(f, ERR_INVALID, "no model: there are no weights in it", "");
    qsort(f->shards, f->n_shards, sizeof *f->shards, by_name);
    if (!is_listed && add_unlisted(f) < 0)
        return -1;
    qsort(f->shards, f->n_shards, sizeof *f->shards, by_name);
    return 0;
}

/* ---- heads ---- */

static void
take_head(struct folder *f, const struct safetensors_info *info)
{
    struct transformers_config *config = &f->config;
    for (size_t i = 0; i < info->n_tensors; i++)
        inspect_count_type(&f->types, info->tensors[i].type,
                           info->tensors[i].n_bytes);
    f->is_mlx |= transformers_is_mlx(info->metadata);
    if (config->quantization[0] == '\0')
        snprintf(config->quantization, sizeof config->quantization, "%.*s",
                 STR_ARG(info->main_type));
}

static void
read_head(struct folder *f, const struct shard *shard)
{
    char path[LIMIT_PATH_BYTES * 2];
    struct byte_source source = f->file->source;
    struct safetensors_info info;
    struct error error;
    if (!str_ends_with(str_from(shard->name), STR(".safetensors")))
        return;
    path_in(f, shard->name, path);
    source.ctx = path;
    source.size_bytes = (uint64_t)shard->size_bytes;
    if (safetensors_read(&source, &info, &error) < 0) {
        say(f, error.code, shard->name, error.message);
        return;
    }
    take_head(f, &info);
    safetensors_info_release(&info);
}

static void
read_heads(struct folder *f)
{
    size_t n_missing = 0;
    for (size_t i = 0; i < f->n_shards; i++)
        n_missing += f->shards[i].size_bytes < 0;
    for (size_t i = 0; i < f->n_shards; i++) {
        char why[64];
        snprintf(why, sizeof why, "missing (%zu of %zu files)", n_missing,
                 f->n_shards);
        if (f->shards[i].size_bytes < 0)
            say(f, ERR_INVALID, f->shards[i].name, why);
    }
    for (size_t i = 0; i < f->n_shards; i++)
        if (f->shards[i].size_bytes >= 0)
            read_head(f, &f->shards[i]);
}

/* ---- the report ---- */

static void
print_shard(const struct shard *shard)
{
    printf("  ");
    report_print_text(str_from(shard->name), sizeof shard->name);
    if (shard->size_bytes < 0)
        puts(": missing");
    else
        printf(": %lld bytes\n", (long long)shard->size_bytes);
}

static void
report_shards(struct report *report, const struct folder *f)
{
    struct json_writer *json = &report->json;
    if (report->is_json) {
        json_key(json, "shards");
        json_array_begin(json);
    }
    for (size_t i = 0; i < f->n_shards; i++) {
        const struct shard *shard = &f->shards[i];
        bool is_missing = shard->size_bytes < 0;
        if (!report->is_json) {
            print_shard(shard);
            continue;
        }
        json_object_begin(json);
        report_text(report, "name", NULL, str_from(shard->name));
        json_key(json, "size_bytes");
        if (is_missing)
            json_null(json);
        else
            json_int(json, shard->size_bytes);
        json_object_end(json);
    }
    if (report->is_json)
        json_array_end(json);
}

static int
report_folder(const struct folder *f)
{
    const struct transformers_config *c = &f->config;
    struct report report;
    struct inspected whole = *f->file;
    enum model_kind kind = c->kind;
    if (kind == MODEL_KIND_LLM && f->has_vectors)
        kind = MODEL_KIND_EMBEDDING;
    whole.source.size_bytes = 0;
    for (size_t i = 0; i < f->n_shards; i++)
        if (f->shards[i].size_bytes > 0)
            whole.source.size_bytes += (uint64_t)f->shards[i].size_bytes;
    inspect_begin(
        &report, &whole,
        model_format_names[c->is_mlx || f->is_mlx ? MODEL_FORMAT_MLX
                                                  : MODEL_FORMAT_TRANSFORMERS]);
    report_text(&report, "kind", "kind", str_from(model_kind_names[kind]));
    report_text(&report, "architecture", "architecture",
                str_from(c->model_type));
    report_text(&report, "class", "class", str_from(c->architectures[0]));
    report_text(&report, "quantization", "quantization",
                str_from(c->quantization));
    report_count(&report, "n_parameters", "parameters", f->n_parameters);
    report_count(&report, "context_length", "context length",
                 (uint64_t)c->context_length);
    report_count(&report, "n_layers", "layers", (uint64_t)c->n_layers);
    report_count(&report, "n_heads", "heads", (uint64_t)c->n_heads);
    report_count(&report, "n_kv_heads", "kv heads", (uint64_t)c->n_kv_heads);
    report_count(&report, "embedding_length", "embedding",
                 (uint64_t)c->embedding_length);
    report_count(&report, "vocabulary", "vocabulary", (uint64_t)c->vocabulary);
    report_bool(&report, "has_template", "chat template", f->has_template);
    report_text(&report, "ignored", "ignored", str_from(c->ignored));
    report_shards(&report, f);
    inspect_report_types(&report, &f->types);
    report_text(&report, "error", NULL, str_from(f->error->message));
    return report_end(&report);
}

int
inspect_folder(const struct inspected *file)
{
    struct error error = { .code = ERR_OK };
    struct folder *f = calloc(1, sizeof *f);
    if (f == NULL)
        return cli_fail(CLI_FAILED, "out of memory");
    f->file = file;
    f->error = &error;
    int rc = CLI_OK;
    if (folder_resolve(file->path, f->path, sizeof f->path, &error) == 0 &&
        read_config(f) == 0 && list_weights(f) == 0) {
        f->has_vectors = has_file(f, "modules.json");
        read_template(f);
        read_heads(f);
        rc = report_folder(f);
    }
    free(f->shards);
    free(f);
    if (rc == CLI_OK && error.code != ERR_OK)
        rc = inspect_failed(file, &error);
    return rc;
}
