/* A model: one file (or folder, or set of parts) that an engine or an image
 * program can load, and what is known of it.
 *
 * The id is minted once and stays: over rescans, renames and moves. Texts are
 * owned and never NULL ("" is: not known); numbers that are not known are 0.
 * What was only guessed from the name is listed in `guessed`. */
#ifndef RECORDS_MODEL_H
#define RECORDS_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/id.h"
#include "base/str.h"

/* clang-format off */
#define MODEL_KINDS(X)                                                     \
    X(UNKNOWN, "unknown")           X(LLM, "llm")                          \
    X(EMBEDDING, "embedding")       X(VISION, "vision")                    \
    X(AUDIO, "audio")               X(CHECKPOINT, "checkpoint")            \
    X(LORA, "lora")                 X(VAE, "vae")                          \
    X(TEXT_ENCODER, "text-encoder") X(CONTROLNET, "controlnet")            \
    X(UPSCALER, "upscaler")         X(EMBEDDING_SD, "embedding-sd")
#define MODEL_FORMATS(X)                                                   \
    X(GGUF, "gguf")                 X(SAFETENSORS, "safetensors")          \
    X(MLX, "mlx")                   X(TRANSFORMERS, "transformers")        \
    X(PICKLE, "pickle")
#define MODEL_SOURCES(X)                                                   \
    X(FOLDER, "folder")             X(HUGGINGFACE, "huggingface")          \
    X(LLAMA_CPP, "llama.cpp")       X(LMSTUDIO, "lmstudio")                \
    X(OLLAMA, "ollama")             X(COMFYUI, "comfyui")                  \
    X(DOWNLOADS, "downloads")
/* clang-format on */

#define X(name, wire) MODEL_KIND_##name,
enum model_kind { MODEL_KINDS(X) MODEL_KIND_COUNT };
#undef X
#define X(name, wire) MODEL_FORMAT_##name,
enum model_format { MODEL_FORMATS(X) MODEL_FORMAT_COUNT };
#undef X
#define X(name, wire) MODEL_SOURCE_##name,
enum model_source { MODEL_SOURCES(X) MODEL_SOURCE_COUNT };
#undef X
enum model_category { MODEL_ACTIVE, MODEL_ARCHIVE };

/* NULL at the end. */
extern const char *const model_kind_names[];
extern const char *const model_format_names[];
extern const char *const model_source_names[];
extern const char *const model_category_names[];

struct text_list {
    char **at;
    size_t n;
};

struct model {
    char id[ID_BYTES];
    char *name;  /* unique in the library: what clients call it by */
    char *path;  /* absolute; no link in its folders. The file itself may be
                 * one: engines read the name, too */
    char *root;  /* the folder it was found under, as configured */
    char *label; /* what the name is made of: path or "org/repo/file" */
    enum model_source source;
    enum model_format format;
    enum model_kind kind;
    enum model_category category;
    int64_t size_bytes; /* of all parts together */
    int64_t modified_at_ms;
    int64_t device, inode;        /* of `path`: who the file is */
    char *fingerprint;            /* of the head, "" when it is no good */
    struct text_list other_paths; /* further names of the same file */
    struct text_list shards;      /* the parts after the first, by path */
    char *mmproj_path;            /* the projector that belongs to it */
    struct text_list origins;     /* "org/repo", "org/repo@revision",
                                   * "llama3:8b": what the store it is in calls
                                   * it; or what it was downloaded by */
    /* from the header, the sidecars, or the name */
    char *architecture, *title, *quantization, *base_model;
    int64_t n_parameters;
    int64_t context_length, n_layers, n_heads, n_kv_heads;
    int64_t embedding_length, vocabulary;
    bool has_template;
    struct text_list guessed; /* names of the fields that are guesses */
    char *error;              /* why it could not be read, or "" */
    /* digests, once they are known */
    char *sha256, *autov2; /* lower case hexadecimal; 64, 10 digits */
    /* of sidecars */
    char *creator, *version_name;
    char *description; /* HTML, from outside */
    struct text_list image_urls;
    int64_t sidecar_stamp; /* of the files that they are; 0: none */
    /* of the user and of sidecars */
    struct text_list tags, trigger_words;
    char *preview_path, *civitai_url;
    int64_t civitai_model_id, civitai_version_id;
    bool is_favourite;
    int64_t created_at_ms; /* when it was first seen */
    int64_t gone_at_ms;    /* 0: it is there */
};

enum model_field_type {
    MODEL_TEXT,
    MODEL_INT,
    MODEL_BOOL,
    MODEL_LIST,
    MODEL_CHOICE
};

enum model_field_flag {
    MODEL_HIDDEN = 1 << 0, /* stored, not shown */
    MODEL_FACT = 1 << 1,   /* read from the file: goes when the file changes */
    MODEL_PLACE = 1 << 2,  /* where the file is, as each scan finds it */
    MODEL_KEPT = 1 << 3,   /* with PLACE: stays when a scan finds none */
    MODEL_DIGEST = 1 << 4, /* a fact that holds as long as the file does */
    MODEL_DETAIL = 1 << 5, /* long: shown of one model, not in lists */
};

struct model_field {
    const char *name; /* on the wire and as column */
    enum model_field_type type;
    unsigned flags;
    size_t offset;
    const char *const *choices;
    const char *help;
};

/* Every member but `id`. */
extern const struct model_field model_fields[];
extern const size_t n_model_fields;

struct model *model_new(void); /* NULL when out of memory */
struct model *model_copy(const struct model *model);
void model_free(struct model *model); /* accepts NULL */

/* 0, or -1 when out of memory (nothing changed). */
int model_set_text(char **field, struct str value);
int text_list_add(struct text_list *list, struct str text);
void text_list_release(struct text_list *list);
bool text_list_has(const struct text_list *list, struct str text);

/* Copies one field; 0, or -1 when out of memory. */
int model_copy_field(struct model *to, const struct model *from,
                     const struct model_field *field);
bool model_field_equals(const struct model *a, const struct model *b,
                        const struct model_field *field);
/* Whether every field is the same, id aside. */
bool model_equals(const struct model *a, const struct model *b);

/* The index of a name in a list of names, or -1. */
int model_choice(const char *const *choices, struct str name);

#endif
