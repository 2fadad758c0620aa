/* Folders of the transformers layout: see transformers.h. */
#include "formats/transformers.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "formats/file_name.h"

const char *const transformers_template_names[] = { "chat_template.jinja",
                                                    "chat_template.json",
                                                    NULL };
const char *const transformers_index_names[] = { "model.safetensors.index.json",
                                                 "pytorch_model.bin.index.json",
                                                 NULL };

struct reader {
    struct transformers_config *config;
    const struct json *root;
    const struct json *text;  /* of a model with several parts, the part that
                              * is the language model; or NULL */
    const struct json *inner; /* the same a level down, or NULL */
};

/* ---- JSON as Python writes it ---- */

/* The length of the word that stands for a number that is not finite, or 0. */
static size_t
non_finite(struct str text)
{
    static const char *const words[] = { "-Infinity", "Infinity", "NaN" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_starts_with(text, str_from(words[i])))
            return strlen(words[i]);
    return 0;
}

static void
copy_finite(struct str text, struct strbuf *out)
{
    bool is_in_text = false;
    for (size_t i = 0; i < text.n; i++) {
        struct str rest = { text.p + i, text.n - i };
        size_t n = is_in_text ? 0 : non_finite(rest);
        if (n > 0) {
            strbuf_add_text(out, "null");
            i += n - 1;
            continue;
        }
        if (text.p[i] == '"')
            is_in_text = !is_in_text;
        else if (text.p[i] == '\\' && is_in_text && i + 1 < text.n)
            strbuf_add_byte(out, text.p[i++]);
        strbuf_add_byte(out, text.p[i]);
    }
}

static int
check_size(struct str text, size_t max_bytes, struct error *error)
{
    if (text.n > max_bytes)
        return error_set(error, ERR_TOO_LARGE, "it is larger than %zu bytes",
                         max_bytes);
    if (json_values_at_most(text) > TRANSFORMERS_VALUES_MAX)
        return error_set(error, ERR_TOO_LARGE, "it holds more than %d values",
                         TRANSFORMERS_VALUES_MAX);
    return 0;
}

/* NULL when it is NULL or no object. */
static struct json_doc *
only_object(struct json_doc *doc, struct error *error)
{
    if (doc == NULL || json_type(json_root(doc)) == JSON_OBJECT)
        return doc;
    error_set(error, ERR_INVALID, "an object is expected, it is %s",
              json_type_name(json_type(json_root(doc))));
    json_doc_free(doc);
    return NULL;
}

/* NULL with `error`. */
static struct json_doc *
parse_object(struct str text, size_t max_bytes, struct error *error)
{
    struct json_doc *doc = NULL;
    struct strbuf finite = STRBUF_INIT(text.n * 2 + 1); /* NaN grows */
    if (check_size(text, max_bytes, error) < 0)
        return NULL;
    if (str_contains(text, STR("Infinity")) || str_contains(text, STR("NaN"))) {
        copy_finite(text, &finite);
        text = strbuf_view(&finite);
    }
    if (strbuf_failed(&finite))
        error_set(error, ERR_NO_MEMORY, "out of memory");
    else
        doc = only_object(json_parse(text, error), error);
    strbuf_release(&finite);
    return doc;
}

/* ---- members ---- */

static void
ignore(struct reader *r, const char *key, const char *what)
{
    char *ignored = r->config->ignored;
    size_t n = strlen(ignored);
    snprintf(ignored + n, TRANSFORMERS_IGNORED_BYTES - n, "%s%s is %s",
             n == 0 ? "" : "; ", key, what);
}

/* A member that is there; null is as good as missing. */
static const struct json *
get(const struct json *object, const char *key)
{
    const struct json *value = json_get(object, key);
    return json_type(value) == JSON_NULL ? NULL : value;
}

static const struct json *
get_object(struct reader *r, const struct json *object, const char *key)
{
    const struct json *value = get(object, key);
    if (value == NULL || json_type(value) == JSON_OBJECT)
        return value;
    ignore(r, key, json_type_name(json_type(value)));
    return NULL;
}

/* Whether the member is there and may be a count of something. */
static bool
take_number(struct reader *r, const struct json *object, const char *key,
            int64_t max, int64_t *ret_number)
{
    const struct json *value = get(object, key);
    int64_t number;
    if (value == NULL)
        return false;
    if (!json_as_int(value, &number))
        ignore(r, key, json_type_name(json_type(value)));
    else if (number <= 0 || number > max)
        ignore(r, key, "out of range");
    else {
        *ret_number = number;
        return true;
    }
    return false;
}

static bool
take_name(struct reader *r, const struct json *value, const char *key,
          char ret_name[TRANSFORMERS_NAME_BYTES])
{
    struct str text;
    if (value == NULL)
        return false;
    if (!json_as_text(value, &text))
        ignore(r, key, json_type_name(json_type(value)));
    else if (text.n == 0 || text.n >= TRANSFORMERS_NAME_BYTES ||
             memchr(text.p, '\0', text.n) != NULL)
        ignore(r, key, "no name");
    else {
        snprintf(ret_name, TRANSFORMERS_NAME_BYTES, "%.*s", STR_ARG(text));
        return true;
    }
    return false;
}

/* ---- sizes ---- */

#define AT(member) offsetof(struct transformers_config, member)

/* Older models have names of their own for the same. */
static const struct {
    size_t offset;
    const char *keys[8];
} number_rows[] = {
    { AT(context_length),
      { "max_position_embeddings", "n_positions", "max_sequence_length",
        "max_seq_len", "seq_length", "n_ctx" } },
    { AT(n_layers),
      { "num_hidden_layers", "n_layer", "n_layers", "num_layers",
        "encoder_layers" } },
    { AT(n_heads),
      { "num_attention_heads", "n_head", "n_heads", "num_heads",
        "encoder_attention_heads" } },
    { AT(n_kv_heads),
      { "num_key_value_heads", "multi_query_group_num", "n_head_kv",
        "num_kv_heads" } },
    { AT(head_dim), { "head_dim", "kv_channels", "d_kv" } },
    { AT(embedding_length), { "hidden_size", "n_embd", "d_model" } },
    { AT(vocabulary), { "vocab_size", "padded_vocab_size" } },
};

static void
take_numbers(struct reader *r)
{
    for (size_t i = 0; i < sizeof number_rows / sizeof *number_rows; i++) {
        int64_t *number =
            (int64_t *)(void *)((char *)r->config + number_rows[i].offset);
        const struct json *places[] = { r->inner, r->text, r->root };
        for (size_t p = 0; p < 3; p++)
            for (const char *const *key = number_rows[i].keys;
                 *number == 0 && *key != NULL; key++)
                take_number(r, places[p], *key, INT32_MAX, number);
    }
    struct transformers_config *config = r->config;
    if (config->head_dim == 0 && config->n_heads > 0)
        config->head_dim = config->embedding_length / config->n_heads;
}

/* ---- quantization ---- */

static void
take_dtype(struct reader *r)
{
    static const struct {
        const char *dtype, *name;
    } rows[] = {
        { "bfloat16", "BF16" },
        { "float16", "F16" },
        { "float32", "F32" },
    };
    static const char *const keys[] = { "torch_dtype", "dtype" };
    const struct json *places[] = { r->root, r->text, r->inner };
    char *name = r->config->quantization;
    for (size_t p = 0; p < 3; p++)
        for (size_t i = 0; i < 2 && name[0] == '\0'; i++)
            take_name(r, get(places[p], keys[i]), keys[i], name);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(name, rows[i].dtype) == 0)
            snprintf(name, TRANSFORMERS_NAME_BYTES, "%s", rows[i].name);
}

/* compressed-tensors (vLLM): config_groups.*.weights.num_bits; the first. */
static int64_t
grouped_bits(struct reader *r, const struct json *quantization)
{
    struct json_iter it;
    int64_t bits = 0;
    json_iter_init(&it, get_object(r, quantization, "config_groups"));
    while (bits == 0 && json_iter_next(&it))
        take_number(r, json_get(it.value, "weights"), "num_bits", 32, &bits);
    return bits;
}

static int64_t
bits_of(struct reader *r, const struct json *quantization)
{
    static const struct {
        const char *key;
        int64_t bits;
    } rows[] = { { "load_in_4bit", 4 }, { "load_in_8bit", 8 } };
    int64_t bits = 0;
    bool is_so = false;
    if (take_number(r, quantization, "bits", 32, &bits))
        return bits;
    for (size_t i = 0; i < 2; i++)
        if (json_as_bool(json_get(quantization, rows[i].key), &is_so) && is_so)
            return rows[i].bits;
    return grouped_bits(r, quantization);
}

static void
to_upper(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'a' && *text <= 'z')
            *text = (char)(*text - ('a' - 'A'));
}

static void
name_quantization(struct transformers_config *config, char *method)
{
    char *name = config->quantization;
    int bits = (int)config->quantization_bits;
    if (strcmp(method, "bitsandbytes") == 0)
        snprintf(method, TRANSFORMERS_NAME_BYTES, "bnb");
    to_upper(method);
    size_t n = strlen(method);
    bool has_bits = n > 0 && method[n - 1] >= '0' && method[n - 1] <= '9';
    if (bits > 0 && !has_bits)
        snprintf(name, TRANSFORMERS_NAME_BYTES, "%.64s%s%dbit", method,
                 n > 0 ? "-" : "", bits);
    else
        snprintf(name, TRANSFORMERS_NAME_BYTES, "%s", method);
}

/* MLX writes `quantization`, with a `mode` unless it is the usual one, and
 * copies it to where the others write theirs. */
static void
take_quantization(struct reader *r)
{
    struct transformers_config *config = r->config;
    const struct json *mlx = get_object(r, r->root, "quantization");
    const struct json *from = mlx;
    char method[TRANSFORMERS_NAME_BYTES] = "";
    if (from == NULL)
        from = get_object(r, r->root, "quantization_config");
    if (from == NULL)
        from = get_object(r, r->text, "quantization_config");
    config->is_mlx = mlx != NULL;
    if (from != NULL) {
        config->quantization_bits = bits_of(r, from);
        take_number(r, from, "group_size", INT32_MAX,
                    &config->quantization_group_size);
        const char *key = mlx != NULL ? "mode" : "quant_method";
        take_name(r, get(from, key), key, method);
        if (mlx != NULL && strcmp(method, "affine") == 0)
            method[0] = '\0';
        name_quantization(config, method);
    }
    if (config->quantization[0] == '\0')
        take_dtype(r);
}

/* ---- what it is ---- */

static const struct {
    const char *model_type;
    enum model_kind kind;
} type_rows[] = {
    { "albert", MODEL_KIND_EMBEDDING },
    { "bert", MODEL_KIND_EMBEDDING },
    { "camembert", MODEL_KIND_EMBEDDING },
    { "deberta", MODEL_KIND_EMBEDDING },
    { "deberta-v2", MODEL_KIND_EMBEDDING },
    { "distilbert", MODEL_KIND_EMBEDDING },
    { "electra", MODEL_KIND_EMBEDDING },
    { "modernbert", MODEL_KIND_EMBEDDING },
    { "mpnet", MODEL_KIND_EMBEDDING },
    { "nomic_bert", MODEL_KIND_EMBEDDING },
    { "roberta", MODEL_KIND_EMBEDDING },
    { "xlm-roberta", MODEL_KIND_EMBEDDING },
    { "bark", MODEL_KIND_AUDIO },
    { "csm", MODEL_KIND_AUDIO },
    { "encodec", MODEL_KIND_AUDIO },
    { "hubert", MODEL_KIND_AUDIO },
    { "moonshine", MODEL_KIND_AUDIO },
    { "musicgen", MODEL_KIND_AUDIO },
    { "seamless_m4t", MODEL_KIND_AUDIO },
    { "seamless_m4t_v2", MODEL_KIND_AUDIO },
    { "speech_to_text", MODEL_KIND_AUDIO },
    { "speecht5", MODEL_KIND_AUDIO },
    { "vits", MODEL_KIND_AUDIO },
    { "wav2vec2", MODEL_KIND_AUDIO },
    { "wav2vec2-bert", MODEL_KIND_AUDIO },
    { "whisper", MODEL_KIND_AUDIO },
    { "clip_text_model", MODEL_KIND_TEXT_ENCODER },
    { "chatglm", MODEL_KIND_LLM }, /* its class is ChatGLMModel */
};

static bool
sees_images(struct reader *r)
{
    static const char *const keys[] = { "image_token_id", "image_token_index",
                                        "video_token_id",
                                        "vision_start_token_id" };
    static const char *const words[] = { "vl", "vision", "multimodal" };
    struct str type = str_from(r->config->model_type);
    const struct json *thinker = json_get(r->root, "thinker_config");
    if (get_object(r, r->root, "vision_config") != NULL ||
        get(thinker, "vision_config") != NULL)
        return true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (get(r->root, keys[i]) != NULL)
            return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (str_contains(type, str_from(words[i])))
            return true;
    return false;
}

/* A class without a head gives vectors: "MistralModel". */
static enum model_kind
kind_of_class(struct str architecture)
{
    if (str_ends_with(architecture, STR("EncoderModel")))
        return MODEL_KIND_TEXT_ENCODER;
    if (str_ends_with(architecture, STR("Model")) &&
        !str_ends_with(architecture, STR("LMHeadModel")))
        return MODEL_KIND_EMBEDDING;
    return MODEL_KIND_LLM;
}

static enum model_kind
kind_of(struct reader *r)
{
    const char *type = r->config->model_type;
    if (sees_images(r))
        return MODEL_KIND_VISION;
    if (get_object(r, r->root, "audio_config") != NULL)
        return MODEL_KIND_AUDIO;
    for (size_t i = 0; i < sizeof type_rows / sizeof *type_rows; i++)
        if (strcmp(type, type_rows[i].model_type) == 0)
            return type_rows[i].kind;
    return kind_of_class(str_from(r->config->architectures[0]));
}

static void
take_names(struct reader *r)
{
    const struct json *classes = get(r->root, "architectures");
    struct transformers_config *config = r->config;
    size_t n = 0;
    take_name(r, get(r->root, "model_type"), "model_type", config->model_type);
    if (classes != NULL && json_type(classes) != JSON_ARRAY)
        ignore(r, "architectures", json_type_name(json_type(classes)));
    for (size_t i = 0;
         n < TRANSFORMERS_ARCHITECTURES_MAX &&
         json_type(classes) == JSON_ARRAY && i < json_count(classes);
         i++)
        n += take_name(r, json_at(classes, i), "architectures",
                       config->architectures[n]);
    config->n_architectures = n;
    config->is_model = config->model_type[0] != '\0' || n > 0;
}

static void
find_text_model(struct reader *r)
{
    static const char *const keys[] = { "text_config", "llm_config",
                                        "language_config", "thinker_config" };
    for (size_t i = 0; r->text == NULL && i < sizeof keys / sizeof *keys; i++)
        r->text = get_object(r, r->root, keys[i]);
    r->inner = get_object(r, r->text, "text_config");
}

int
transformers_config_read(struct str text,
                         struct transformers_config *ret_config,
                         struct error *error)
{
    *ret_config = (struct transformers_config){ .kind = MODEL_KIND_UNKNOWN };
    struct json_doc *doc = parse_object(text, TRANSFORMERS_CONFIG_BYTES, error);
    if (doc == NULL)
        return -1;
    struct reader r = { .config = ret_config, .root = json_root(doc) };
    find_text_model(&r);
    take_names(&r);
    take_numbers(&r);
    take_quantization(&r);
    if (ret_config->is_model)
        ret_config->kind = kind_of(&r);
    json_doc_free(doc);
    return 0;
}

/* ---- the tokenizer ---- */

/* One text, or a list of {"name": ..., "template": ...}. */
int
transformers_tokenizer_read(struct str text, bool *ret_has_template,
                            struct error *error)
{
    struct str template;
    *ret_has_template = false;
    struct json_doc *doc =
        parse_object(text, TRANSFORMERS_TOKENIZER_BYTES, error);
    if (doc == NULL)
        return -1;
    const struct json *value = json_get(json_root(doc), "chat_template");
    const struct json *first = json_at(value, 0);
    *ret_has_template =
        (json_as_text(value, &template) ||
         json_as_text(json_get(first, "template"), &template)) &&
        template.n > 0;
    json_doc_free(doc);
    return 0;
}

bool
transformers_is_mlx(const struct json *metadata)
{
    struct str format;
    return json_as_text(json_get(metadata, "format"), &format) &&
           str_is(format, "mlx");
}

/* ---- the index ---- */

struct collector {
    struct transformers_index *index;
    struct map seen;
    struct error *error;
};

static int
add_shard(struct collector *c, struct str name)
{
    struct error why;
    if (map_get(&c->seen, name) != NULL)
        return 0;
    if (file_name_check_path(name, &why) < 0)
        return error_set(c->error, ERR_INVALID,
                         "a name in weight_map cannot be: %s", why.message);
    if (c->index->shards.n >= TRANSFORMERS_SHARDS_MAX)
        return error_set(c->error, ERR_TOO_LARGE,
                         "weight_map names more than %d files",
                         TRANSFORMERS_SHARDS_MAX);
    if (text_list_add(&c->index->shards, name) < 0 ||
        map_put(&c->seen, name, c) < 0)
        return error_set(c->error, ERR_NO_MEMORY, "out of memory");
    return 0;
}

static int
add_shards(struct collector *c, const struct json *weights)
{
    struct json_iter it;
    struct str before = { NULL, 0 }; /* neighbours are mostly in one file */
    if (json_type(weights) != JSON_OBJECT)
        return error_set(c->error, ERR_INVALID, "weight_map is %s",
                         weights == NULL ? "missing"
                                         : json_type_name(json_type(weights)));
    for (json_iter_init(&it, weights); json_iter_next(&it);) {
        struct str name;
        if (!json_as_text(it.value, &name))
            return error_set(c->error, ERR_INVALID, "%.*s in weight_map is %s",
                             (int)(it.key.n > 80 ? 80 : it.key.n), it.key.p,
                             json_type_name(json_type(it.value)));
        if ((before.p == NULL || !str_eq(name, before)) &&
            add_shard(c, name) < 0)
            return -1;
        before = name;
    }
    return 0;
}

/* Some write the sizes as 1.5e10. */
static int64_t
size_of(const struct json *metadata, const char *key)
{
    int64_t number = 0;
    double real = 0;
    const struct json *value = json_get(metadata, key);
    if (!json_as_int(value, &number) && json_as_real(value, &real) &&
        real > 0 && real < 1e18)
        number = (int64_t)real;
    return number > 0 ? number : 0;
}

int
transformers_index_read(struct strbuf *text,
                        struct transformers_index *ret_index,
                        struct error *error)
{
    *ret_index = (struct transformers_index){ .total_bytes = 0 };
    if (check_size(strbuf_view(text), TRANSFORMERS_INDEX_BYTES, error) < 0)
        return -1;
    struct json_doc *doc = only_object(json_parse_in_place(text, error), error);
    if (doc == NULL)
        return -1;
    struct collector c = { .index = ret_index, .error = error };
    const struct json *metadata = json_get(json_root(doc), "metadata");
    map_init(&c.seen);
    ret_index->total_bytes = size_of(metadata, "total_size");
    ret_index->n_parameters = size_of(metadata, "total_parameters");
    int result = add_shards(&c, json_get(json_root(doc), "weight_map"));
    map_release(&c.seen);
    json_doc_free(doc);
    if (result < 0)
        transformers_index_release(ret_index);
    return result;
}

void
transformers_index_release(struct transformers_index *index)
{
    text_list_release(&index->shards);
}
