/* Shared by the files of engines/ only. */
#ifndef ENGINES_INTERNAL_H
#define ENGINES_INTERNAL_H

#include "engines/engines.h"

/* Made by tools/embed-manifests. */
struct embedded_manifest {
    const char *file;
    const char *json;
    size_t n;
};
extern const struct embedded_manifest embedded_manifests[];
extern const size_t n_embedded_manifests;

enum {
    MANIFEST_BYTES_MAX = 1 << 20, /* memory of one manifest */
    OPTION_TEXT_MAX = 4096,       /* bytes of a value without its own bound */
    OPTION_MESSAGE_MAX = 256,
};

/* Reads a manifest; everything lives in the arena. */
int manifest_parse(struct str json, struct arena *arena,
                   struct engine_manifest *ret_manifest, struct error *error);

/* The row of a key, or NULL. */
const struct engine_option *option_find(const struct engine_manifest *manifest,
                                        struct str key);

/* Index in a NULL-terminated list, or -1; a NULL list has nothing. */
int texts_find(const char *const *texts, struct str text);

/* A control character, or bytes that are not UTF-8: what no argument,
 * environment value or path of ours may hold. */
bool has_control(struct str text);

#endif
