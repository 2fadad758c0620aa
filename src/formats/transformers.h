/* What the texts of a model's folder tell, in the layout of the transformers
 * library and of mlx-lm: config.json, tokenizer_config.json, and the
 * *.index.json beside weights in parts. There is no specification; the
 * members are those that transformers' PretrainedConfig and its models
 * write, and mlx-lm's convert.py.
 *
 * Every member may be missing. One that is there with another type, or with
 * a number that cannot be, counts as missing and is named in `ignored`.
 * Python writes Infinity and NaN, which are no JSON: they are read as
 * null. Whatever a text says, reading it takes less than 48 MiB of memory,
 * the text with it. Pure: any thread. */
#ifndef FORMATS_TRANSFORMERS_H
#define FORMATS_TRANSFORMERS_H

#include "base/error.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "formats/json.h"
#include "records/model.h"

#define TRANSFORMERS_CONFIG_BYTES    (4 * MIB)
#define TRANSFORMERS_TOKENIZER_BYTES (8 * MIB)
#define TRANSFORMERS_INDEX_BYTES     (22 * MIB)

enum {
    TRANSFORMERS_NAME_BYTES = 128,
    TRANSFORMERS_IGNORED_BYTES = 256,
    TRANSFORMERS_ARCHITECTURES_MAX = 8, /* more are left out */
    TRANSFORMERS_SHARDS_MAX = 4096,
    TRANSFORMERS_VALUES_MAX = 500000 /* of a text, keys counted */
};

/* Numbers that are not known are 0, texts "". */
struct transformers_config {
    bool is_model; /* model_type or architectures is there: else the file
                    * configures something else */
    bool is_mlx;   /* quantized by MLX. The configuration of what MLX did not
                    * quantize looks as anybody's: see transformers_is_mlx */
    enum model_kind kind; /* LLM when nothing speaks for another */
    char model_type[TRANSFORMERS_NAME_BYTES]; /* "qwen3_moe" */
    char architectures[TRANSFORMERS_ARCHITECTURES_MAX]
                      [TRANSFORMERS_NAME_BYTES]; /* "Qwen3MoeForCausalLM" */
    size_t n_architectures;
    char quantization[TRANSFORMERS_NAME_BYTES]; /* "4bit", "AWQ-4bit", "FP8",
                                                 * or the type: "BF16" */
    int64_t quantization_bits, quantization_group_size;
    int64_t context_length, n_layers, n_heads, n_kv_heads, head_dim;
    int64_t embedding_length, vocabulary;
    /* "hidden_size is text; ...", cut where it does not fit, or "" */
    char ignored[TRANSFORMERS_IGNORED_BYTES];
};

/* config.json: 0, or -1 when it is no JSON (json_parse's error), no object
 * (ERR_INVALID), too long or of too many values (ERR_TOO_LARGE), or for lack
 * of memory. */
int transformers_config_read(struct str text,
                             struct transformers_config *ret_config,
                             struct error *error);

/* tokenizer_config.json: whether a chat template is in it. The same errors. */
int transformers_tokenizer_read(struct str text, bool *ret_has_template,
                                struct error *error);

/* Newer folders have the template in a file of its own: one of these. NULL
 * at the end. */
extern const char *const transformers_template_names[];
/* What an index is called, the first that is there counts. */
extern const char *const transformers_index_names[];
/* Whether MLX wrote a safetensors file, by its __metadata__: that tells what
 * it did not quantize. */
bool transformers_is_mlx(const struct json *metadata);

struct transformers_index {
    struct text_list shards; /* each once, in the order of the file; names
                              * that are safe below the folder */
    int64_t total_bytes;     /* of all tensors; 0: not said */
    int64_t n_parameters;    /* newer files say it; 0: not said */
};

/* *.index.json, which is read in place: `text` is of no use afterwards, and
 * its ceiling TRANSFORMERS_INDEX_ROOM. Besides the errors above, ERR_INVALID for a name of a shard
 * that leads out of the folder and ERR_TOO_LARGE for more than
 * TRANSFORMERS_SHARDS_MAX. After -1 there is nothing to release. */
#define TRANSFORMERS_INDEX_ROOM (TRANSFORMERS_INDEX_BYTES + 16)
int transformers_index_read(struct strbuf *text,
                            struct transformers_index *ret_index,
                            struct error *error);
void transformers_index_release(struct transformers_index *index);

#endif
