/* Ollama's store of models (github.com/ollama/ollama, types/model/name.go
 * and server/manifest.go): manifests/HOST/NAMESPACE/NAME/TAG is JSON in the
 * form of an OCI image manifest, whose layers name files in blobs/ by
 * digest. Pure: any thread. */
#ifndef FORMATS_OLLAMA_H
#define FORMATS_OLLAMA_H

#include "base/error.h"
#include "base/str.h"

enum {
    OLLAMA_MANIFEST_BYTES = 4 << 20,
    OLLAMA_BLOBS_MAX = 4096, /* newer models have a layer for each tensor */
    OLLAMA_DIGITS = 64,
    OLLAMA_BLOB_NAME_BYTES = 7 + OLLAMA_DIGITS + 1
};

enum ollama_layer {
    OLLAMA_MODEL, /* a GGUF file */
    OLLAMA_PROJECTOR,
    OLLAMA_ADAPTER,
    OLLAMA_TEMPLATE,
    OLLAMA_SYSTEM,
    OLLAMA_PARAMS,
    OLLAMA_MESSAGES,
    OLLAMA_LICENSE,
    OLLAMA_CONFIG, /* what the layers belong to; JSON */
    OLLAMA_OTHER
};

struct ollama_blob {
    enum ollama_layer layer;
    char sha256[OLLAMA_DIGITS + 1]; /* lower case */
    int64_t size_bytes;             /* -1: not said */
};

struct ollama_manifest {
    struct ollama_blob *blobs; /* the configuration first, then the layers in
                                * their order */
    size_t n;
    size_t n_ignored; /* layers without a SHA-256 digest: not in `blobs` */
};

/* 0, or -1 when it is no JSON (json_parse's error), not of this form
 * (ERR_INVALID), past a limit (ERR_TOO_LARGE), or for lack of memory; then
 * there is nothing to release. */
int ollama_manifest_read(struct str text, struct ollama_manifest *ret_manifest,
                         struct error *error);
void ollama_manifest_release(struct ollama_manifest *manifest);

/* The first blob of that kind, or NULL. */
const struct ollama_blob *
ollama_manifest_find(const struct ollama_manifest *manifest,
                     enum ollama_layer layer);

/* The blob's file in blobs/: "sha256-<digits>". */
void ollama_blob_name(const struct ollama_blob *blob,
                      char ret_name[OLLAMA_BLOB_NAME_BYTES]);

/* What Ollama calls the model of a manifest, by its path below manifests/:
 * "registry.ollama.ai/library/llama3/8b" is "llama3:8b", the parts that are
 * not the usual ones stay ("someone/llama3:8b", "hf.co/org/repo:Q4_K_M").
 * And back. False for what is no such path or name, and when it does not
 * fit. */
bool ollama_name_of_path(struct str path, char *ret_name, size_t size);
bool ollama_path_of_name(struct str name, char *ret_path, size_t size);

#endif
