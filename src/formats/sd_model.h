/* What an image program's model is, told from its tensors' names and shapes
 * and from what trainers write into __metadata__: kind, base model, the words
 * that a LoRA was trained with.
 *
 * There is no specification. The rules are tables in sd_model.c, each with
 * its reason; what no rule knows is MODEL_KIND_UNKNOWN and "". Pure: any
 * thread. */
#ifndef FORMATS_SD_MODEL_H
#define FORMATS_SD_MODEL_H

#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "records/model.h"

struct sd_model {
    enum model_kind kind;
    const char *base_model; /* "SDXL"; static, "" when not known */
};

/* Tensors in any order, one by one. */
struct sd_scan {
    uint64_t marks; /* see sd_model.c */
};
/* `shape` as PyTorch orders it. */
void sd_scan_see(struct sd_scan *scan, struct str name, unsigned n_dims,
                 const uint64_t *shape);
void sd_scan_see_gguf(struct sd_scan *scan, const struct gguf_tensor *tensor);
/* `metadata` may be NULL; it counts where the tensors leave a doubt. */
struct sd_model sd_scan_result(const struct sd_scan *scan,
                               const struct json *metadata);

/* Of general.architecture in a GGUF file; UNKNOWN when it is none of an image
 * model's. */
struct sd_model sd_model_of_architecture(struct str architecture);

struct sd_model sd_model_of_safetensors(const struct safetensors_info *info);

/* ---- words ---- */

enum { SD_WORDS_MAX = 16 };

struct sd_words {
    struct text_list triggers; /* what the author says, or else the tags that
                                * came with most images */
    struct text_list tags;     /* the author's, or else the commonest */
};
/* From modelspec.trigger_phrase, modelspec.tags and ss_tag_frequency. 0, or
 * -1: out of memory, and nothing to release. */
int sd_words_read(struct sd_words *ret_words, const struct json *metadata);
void sd_words_release(struct sd_words *words);

#endif
