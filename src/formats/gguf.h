/* Reads GGUF versions 1 to 3, both byte orders (specification:
 * github.com/ggml-org/ggml, docs/gguf.md): keys and tensor table, never
 * the tensors' data.
 *
 * Nothing the file says is trusted: every length is checked against what is
 * left of the file, counts against the least room that so many items need,
 * arrays are walked through a small window (a tokenizer's words are passed
 * over, not kept), nesting is bounded. Memory is bounded whatever the file
 * says: texts that are kept are cut at GGUF_TEXT_MAX, arrays of numbers at
 * GGUF_NUMBERS_MAX, arrays of texts are kept (cut at GGUF_NAME_MAX) up to
 * GGUF_TEXTS_MAX, and tensors are handed to a callback one by one.
 *
 *     struct gguf_info info;
 *     if (gguf_read(&source, NULL, &info, &error) == 0) ...
 *     gguf_info_release(&info);
 *
 * Pure: any thread. */
#ifndef FORMATS_GGUF_H
#define FORMATS_GGUF_H

#include "base/arena.h"
#include "formats/byte_source.h"

enum {
    GGUF_TEXT_MAX = 64 * 1024,
    GGUF_NUMBERS_MAX = 4096,
    GGUF_TEXTS_MAX = 32,
    GGUF_KEYS_MAX = 65536,
    GGUF_TENSORS_MAX = 1000000,
    GGUF_NAME_MAX = 256,
    GGUF_SHAPE_MAX = 4
};

/* Value types, by their numbers in the file. */
enum gguf_value_type {
    GGUF_VALUE_U8,
    GGUF_VALUE_I8,
    GGUF_VALUE_U16,
    GGUF_VALUE_I16,
    GGUF_VALUE_U32,
    GGUF_VALUE_I32,
    GGUF_VALUE_F32,
    GGUF_VALUE_BOOL,
    GGUF_VALUE_TEXT,
    GGUF_VALUE_ARRAY,
    GGUF_VALUE_U64,
    GGUF_VALUE_I64,
    GGUF_VALUE_F64
};

struct gguf_value {
    enum gguf_value_type type;
    union {
        uint64_t u;  /* unsigned kinds, bool */
        int64_t i;   /* signed kinds */
        double real; /* F32, F64 */
    };
    struct str text;  /* TEXT: may be cut, see is_cut. As in the file: not
                       * checked to be UTF-8 */
    uint64_t n_bytes; /* TEXT: its true length */
    /* ARRAY */
    enum gguf_value_type item_type;
    uint64_t n_items;      /* as the file says */
    const double *numbers; /* the first ones, when the items are numbers or
                            * bools; NULL for texts and arrays */
    size_t n_numbers;
    const struct str *texts; /* all n_items, when they are few texts; or NULL */
    bool is_cut;
};

struct gguf_key {
    struct str name;
    struct gguf_value value;
};

struct gguf_tensor {
    struct str name; /* valid during the callback */
    uint32_t type;   /* ggml_type; see ggml_type_find */
    unsigned n_dims;
    uint64_t shape[GGUF_SHAPE_MAX]; /* row length first; 1 beyond n_dims */
    uint64_t n_elements;
    uint64_t n_bytes; /* 0 for a type that is not known */
    uint64_t offset;  /* in the data part */
};

struct gguf_visitor {
    /* Nonzero ends the reading as if the file ended there: not an error. */
    int (*on_tensor)(void *ctx, const struct gguf_tensor *tensor);
    void *ctx;
};

struct gguf_info {
    uint32_t version;
    bool is_big_endian;
    uint64_t n_tensors, n_keys;  /* as the file says */
    const struct gguf_key *keys; /* in the file's order; the first of equal
                                  * names counts */
    size_t n_kept;
    uint64_t n_parameters;    /* elements of all tensors */
    uint64_t tensor_bytes;    /* bytes of all tensors of known types */
    uint64_t data_offset;     /* where tensor data begins in the file */
    uint32_t most_bytes_type; /* the ggml_type that holds most bytes */
    struct arena arena;       /* of keys, texts and numbers */
};

/* 0, or -1: ERR_INVALID when it is no GGUF or contradicts itself (the
 * message says what and at which byte), ERR_TOO_LARGE past a limit above,
 * ERR_NO_MEMORY, or what the source said. A file whose data part is cut short
 * is ERR_INVALID, too. `visitor` may be NULL. After -1 there is nothing to
 * release. */
int gguf_read(const struct byte_source *source,
              const struct gguf_visitor *visitor, struct gguf_info *ret_info,
              struct error *error);
void gguf_info_release(struct gguf_info *info);

const struct gguf_value *gguf_get(const struct gguf_info *info,
                                  const char *name);
/* "<architecture>.<name>", e.g. "context_length". */
const struct gguf_value *gguf_get_arch(const struct gguf_info *info,
                                       const char *name);
/* Whole numbers of any kind, and the first of an array of them. */
bool gguf_as_u64(const struct gguf_value *value, uint64_t *ret);
bool gguf_as_real(const struct gguf_value *value, double *ret);
bool gguf_as_text(const struct gguf_value *value, struct str *ret);
bool gguf_as_bool(const struct gguf_value *value, bool *ret);
struct str gguf_architecture(const struct gguf_info *info); /* or "" */

/* ---- names of numbers ---- */

/* How a ggml_type stores numbers: blocks of `block` elements in
 * `block_bytes`. NULL for a type that is not known. */
struct ggml_type_row {
    uint32_t type;
    const char *name; /* "Q4_K" */
    uint32_t block, block_bytes;
};
const struct ggml_type_row *ggml_type_find(uint32_t type);
/* The name of a llama_ftype (general.file_type): "Q4_K_M"; NULL: unknown. */
const char *llama_ftype_name(uint64_t ftype);

#endif
