/* What the name of a model's file tells: guesses, for where no header says
 * it, and how the files of a repository belong together. */
#ifndef FORMATS_MODEL_NAME_H
#define FORMATS_MODEL_NAME_H

#include "base/str.h"

/* A part of a split model: "name-00002-of-00005.gguf". */
struct model_shard {
    struct str stem; /* "name", or the name without ending when it is whole */
    unsigned index;  /* from 1; 0: no shard */
    unsigned count;
};
/* `name` without folders. */
struct model_shard model_shard_of(struct str name);

/* A projector of a vision model: its name says mmproj. */
bool model_name_is_projector(struct str name);

/* The quantization that the name speaks of, as it stands there: "Q4_K_M",
 * "UD-Q4_K_XL", "IQ2_XS", "BF16", "MXFP4", "4bit"; or the empty view. */
struct str model_name_quantization(struct str name);

/* Parameters: "7B" 7e9, "0.5b" 5e8, "270M" 2.7e8, "8x7B" 5.6e10. 0: none. */
uint64_t model_name_parameters(struct str name);

/* The family's usual name ("Qwen", "Llama", ...), or "". */
const char *model_name_family(struct str name);

/* Which files of a repository are one download: the variant of a path
 * ("Q4_K_M"; "" when the name tells none). Of a path, since some put each
 * quantization into a folder of its own. */
struct str model_name_variant(struct str path);

#endif
