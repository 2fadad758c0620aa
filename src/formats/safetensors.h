/* Reads the head of a safetensors file (format: github.com/huggingface/
 * safetensors, README "Format"): 8 bytes length, JSON, then data that is
 * never looked at.
 *
 * The head may not be longer than SAFETENSORS_HEAD_MAX or the file, nor hold
 * more than SAFETENSORS_VALUES_MAX values: with both, reading stays below
 * 48 MiB of memory. Offsets have to agree with shape and type, and the tensors
 * to fill the data part without hole and overlap. A type that is not known is
 * taken as it is. Pure: any thread. */
#ifndef FORMATS_SAFETENSORS_H
#define FORMATS_SAFETENSORS_H

#include "formats/byte_source.h"
#include "formats/json.h"

enum {
    SAFETENSORS_HEAD_MAX = 8 * 1024 * 1024,
    SAFETENSORS_VALUES_MAX = 1000000,
    SAFETENSORS_DIMS_MAX = 8
};

struct safetensors_tensor {
    struct str name;
    struct str type; /* "F16", "BF16", "F8_E4M3", "I64", ... */
    unsigned n_dims;
    uint64_t shape[SAFETENSORS_DIMS_MAX];
    uint64_t n_elements;
    uint64_t begin; /* in the data part */
    uint64_t n_bytes;
};

struct safetensors_info {
    struct json_doc *doc;
    const struct json *metadata; /* __metadata__: text to text; or NULL */
    struct safetensors_tensor *tensors; /* in the head's order */
    size_t n_tensors;
    uint64_t n_parameters;
    uint64_t data_bytes;
    uint64_t head_bytes;  /* 8 + the JSON: where data begins */
    struct str main_type; /* the type that holds most bytes; "" if none */
};

/* 0, or -1: ERR_INVALID (what and where), ERR_TOO_LARGE, ERR_NO_MEMORY, or
 * what the source said. After -1 there is nothing to release. */
int safetensors_read(const struct byte_source *source,
                     struct safetensors_info *ret_info, struct error *error);
void safetensors_info_release(struct safetensors_info *info);
const struct safetensors_tensor *
safetensors_find(const struct safetensors_info *info, const char *name);

#endif
