/* Reads a YAML file (yaml.org, version 1.2, by libyaml) into a tree whose
 * nodes know their lines, so that a complaint can name the place.
 *
 * Only what a configuration needs: one document, plain and quoted scalars,
 * sequences, mappings, anchors and aliases. Refused are two equal keys in a
 * mapping, tags, merge keys, keys that are no scalars, more than
 * YAML_DEPTH_MAX levels, and more than YAML_NODES_MAX nodes once aliases
 * are followed (so that a short text cannot stand for an endless one). */
#ifndef FORMATS_YAML_H
#define FORMATS_YAML_H

#include "base/error.h"
#include "base/str.h"
#include "formats/json.h"

enum { YAML_DEPTH_MAX = 24, YAML_NODES_MAX = 100000 };

struct yaml_doc; /* owns the nodes */

enum yaml_type { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_item;

struct yaml {
    enum yaml_type type;
    int line;                      /* 1 is the first */
    bool is_plain;                 /* a scalar without quotes */
    struct str text;               /* of a scalar; zero-terminated */
    const struct yaml_item *items; /* of a sequence or mapping */
    size_t n_items;
    size_t weight; /* nodes, aliases followed */
};

struct yaml_item {
    struct str key; /* of a mapping; zero-terminated */
    int line;
    const struct yaml *value;
    const struct yaml_item *next;
};

/* NULL with `error` ("line 3: ..."). */
struct yaml_doc *yaml_parse(struct str text, struct error *error);
void yaml_doc_free(struct yaml_doc *doc);                 /* accepts NULL */
const struct yaml *yaml_root(const struct yaml_doc *doc); /* NULL: empty */

/* An empty plain scalar, ~ or null. */
bool yaml_is_null(const struct yaml *node);
/* The value of a key, or NULL. */
const struct yaml *yaml_get(const struct yaml *mapping, const char *key);
/* "a list", "a mapping", "\"text\"" (cut at 80 bytes): for messages. */
void yaml_describe(const struct yaml *node, struct strbuf *out);

/* Plain scalars become null, booleans and numbers as the core schema has
 * them; all else becomes text. */
void yaml_to_json(const struct yaml *node, struct json_writer *out);

#endif
