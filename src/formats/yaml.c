/* The YAML reader: see yaml.h. */
#include "formats/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/limits.h"
#include "base/map.h"

enum { ANCHORS_MAX = 1000 };

#define YAML_MEMORY_BYTES (64 * MIB)

struct yaml_doc {
    struct arena arena;
    const struct yaml *root;
};

struct reader {
    yaml_parser_t parser;
    struct yaml_doc *doc;
    struct map anchors; /* name -> struct yaml */
    size_t n_nodes;
    struct error *error;
};

static int
bad(struct reader *r, int line, const char *what, struct str which)
{
    int n = which.n > 80 ? 80 : (int)which.n;
    return error_set(r->error, ERR_INVALID, "line %d: %s%.*s", line, what, n,
                     which.n == 0 ? "" : which.p);
}

static int
no_memory(struct reader *r)
{
    return error_set(r->error, ERR_NO_MEMORY, "no memory for the file");
}

static int
syntax_error(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem == NULL ? "it is no YAML" : p->problem;
    if (p->error == YAML_MEMORY_ERROR)
        return no_memory(r);
    if (p->error == YAML_READER_ERROR)
        return error_set(r->error, ERR_INVALID, "byte %zu: %s",
                         p->problem_offset, problem);
    return error_set(r->error, ERR_INVALID, "line %zu: %s",
                     p->problem_mark.line + 1, problem);
}

static int
next_event(struct reader *r, yaml_event_t *event)
{
    return yaml_parser_parse(&r->parser, event) == 1 ? 0 : syntax_error(r);
}

static int
line_of(const yaml_event_t *event)
{
    return (int)event->start_mark.line + 1;
}

static struct yaml *
node_new(struct reader *r, const yaml_event_t *event, enum yaml_type type)
{
    struct yaml *node = arena_alloc(&r->doc->arena, sizeof *node);
    if (node == NULL) {
        no_memory(r);
        return NULL;
    }
    node->type = type;
    node->line = line_of(event);
    node->weight = 1;
    return node;
}

static int
count_nodes(struct reader *r, size_t n, int line)
{
    r->n_nodes += n;
    if (r->n_nodes > YAML_NODES_MAX)
        return bad(r, line,
                   "the file is too large once its aliases are "
                   "followed",
                   STR(""));
    return 0;
}

static int
anchor_add(struct reader *r, const yaml_char_t *name, struct yaml *node)
{
    if (name == NULL)
        return 0;
    if (r->anchors.n >= ANCHORS_MAX)
        return bad(r, node->line, "too many anchors", STR(""));
    if (map_put(&r->anchors, str_from((const char *)name), node) != 0)
        return no_memory(r);
    return 0;
}

/* An alias is the anchored node itself: its nodes count again, but take no
 * memory. An anchor is known only after its node has ended, so nothing can
 * contain itself. */
static const struct yaml *
alias_get(struct reader *r, const yaml_event_t *event)
{
    struct str name = str_from((const char *)event->data.alias.anchor);
    const struct yaml *node = map_get(&r->anchors, name);
    if (node == NULL) {
        bad(r, line_of(event), "no anchor before this alias: *", name);
        return NULL;
    }
    return count_nodes(r, node->weight, line_of(event)) == 0 ? node : NULL;
}

static const struct yaml *read_node(struct reader *r, yaml_event_t *event,
                                    unsigned depth);

/* Appends an item; `value` has been read. */
static int
item_add(struct reader *r, struct yaml *parent, const struct yaml_item ***tail,
         struct str key, int line, const struct yaml *value)
{
    struct yaml_item *item = arena_alloc(&r->doc->arena, sizeof *item);
    if (item == NULL)
        return no_memory(r);
    *item = (struct yaml_item){ key, line, value, NULL };
    **tail = item;
    *tail = &item->next;
    parent->n_items++;
    parent->weight += value->weight;
    return 0;
}

static int
read_sequence(struct reader *r, struct yaml *node, unsigned depth)
{
    const struct yaml_item **tail = &node->items;
    for (;;) {
        yaml_event_t event;
        if (next_event(r, &event) != 0)
            return -1;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            return 0;
        }
        int line = line_of(&event);
        const struct yaml *value = read_node(r, &event, depth + 1);
        if (value == NULL ||
            item_add(r, node, &tail, STR(""), line, value) != 0)
            return -1;
    }
}

static int
check_key(struct reader *r, const struct yaml *key, const struct map *keys)
{
    if (key->type != YAML_SCALAR)
        return bad(r, key->line, "a key must be a word", STR(""));
    if (key->is_plain && str_is(key->text, "<<"))
        return bad(r, key->line, "merge keys (<<) are not supported", STR(""));
    const struct yaml *before = map_get(keys, key->text);
    if (before != NULL)
        return error_set(r->error, ERR_INVALID,
                         "line %d: the key \"%.80s\" was on line %d already",
                         key->line, key->text.p, before->line);
    return 0;
}

static int
read_pairs(struct reader *r, struct yaml *node, struct map *keys,
           unsigned depth)
{
    const struct yaml_item **tail = &node->items;
    for (;;) {
        yaml_event_t event;
        if (next_event(r, &event) != 0)
            return -1;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return 0;
        }
        const struct yaml *key = read_node(r, &event, depth + 1);
        if (key == NULL || check_key(r, key, keys) != 0)
            return -1;
        if (map_put(keys, key->text, (void *)(uintptr_t)key) != 0)
            return no_memory(r);
        if (next_event(r, &event) != 0)
            return -1;
        const struct yaml *value = read_node(r, &event, depth + 1);
        if (value == NULL ||
            item_add(r, node, &tail, key->text, key->line, value) != 0)
            return -1;
    }
}

static int
read_mapping(struct reader *r, struct yaml *node, unsigned depth)
{
    struct map keys;
    map_init(&keys);
    int rc = read_pairs(r, node, &keys, depth);
    map_release(&keys);
    return rc;
}

static int
read_scalar(struct reader *r, struct yaml *node, const yaml_event_t *event)
{
    struct str text = { (const char *)event->data.scalar.value,
                        event->data.scalar.length };
    if (memchr(text.p, '\0', text.n) != NULL)
        return bad(r, node->line, "a zero byte in text", STR(""));
    node->text.p = arena_str(&r->doc->arena, text);
    node->text.n = text.n;
    node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return node->text.p == NULL ? no_memory(r) : 0;
}

static const yaml_char_t *
tag_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT: return event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT: return event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT: return event->data.mapping_start.tag;
    default: return NULL;
    }
}

static const struct yaml *
read_tagless(struct reader *r, const yaml_event_t *event, unsigned depth)
{
    struct yaml *node;
    const yaml_char_t *anchor;
    int rc;
    switch (event->type) {
    case YAML_ALIAS_EVENT: return alias_get(r, event);
    case YAML_SCALAR_EVENT:
        node = node_new(r, event, YAML_SCALAR);
        anchor = event->data.scalar.anchor;
        rc = node == NULL ? -1 : read_scalar(r, node, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        node = node_new(r, event, YAML_SEQUENCE);
        anchor = event->data.sequence_start.anchor;
        rc = node == NULL ? -1 : read_sequence(r, node, depth);
        break;
    case YAML_MAPPING_START_EVENT:
        node = node_new(r, event, YAML_MAPPING);
        anchor = event->data.mapping_start.anchor;
        rc = node == NULL ? -1 : read_mapping(r, node, depth);
        break;
    default:
        bad(r, line_of(event), "a value was expected here", STR(""));
        return NULL;
    }
    if (rc != 0 || count_nodes(r, 1, node->line) != 0 ||
        anchor_add(r, anchor, node) != 0)
        return NULL;
    return node;
}

/* Takes the event. */
static const struct yaml *
read_node(struct reader *r, yaml_event_t *event, unsigned depth)
{
    const struct yaml *node = NULL;
    if (depth > YAML_DEPTH_MAX)
        bad(r, line_of(event), "nested too deeply", STR(""));
    else if (tag_of(event) != NULL)
        bad(r, line_of(event),
            "tags are not supported: ", str_from((const char *)tag_of(event)));
    else
        node = read_tagless(r, event, depth);
    yaml_event_delete(event);
    return node;
}

static int
expect(struct reader *r, yaml_event_type_t want, const char *complaint)
{
    yaml_event_t event;
    if (next_event(r, &event) != 0)
        return -1;
    int rc = 0;
    if (event.type != want)
        rc = bad(r, line_of(&event), complaint, STR(""));
    yaml_event_delete(&event);
    return rc;
}

static int
read_document(struct reader *r)
{
    yaml_event_t event;
    if (expect(r, YAML_STREAM_START_EVENT, "it is no YAML") != 0 ||
        next_event(r, &event) != 0)
        return -1;
    bool is_empty = event.type == YAML_STREAM_END_EVENT;
    yaml_event_delete(&event);
    if (is_empty)
        return 0;
    if (next_event(r, &event) != 0)
        return -1;
    r->doc->root = read_node(r, &event, 1);
    if (r->doc->root == NULL ||
        expect(r, YAML_DOCUMENT_END_EVENT, "the document goes on") != 0)
        return -1;
    return expect(r, YAML_STREAM_END_EVENT, "a second document begins");
}

struct yaml_doc *
yaml_parse(struct str text, struct error *error)
{
    struct reader r = { .error = error };
    r.doc = calloc(1, sizeof *r.doc);
    if (r.doc == NULL || yaml_parser_initialize(&r.parser) != 1) {
        no_memory(&r);
        free(r.doc);
        return NULL;
    }
    arena_init(&r.doc->arena, YAML_MEMORY_BYTES);
    map_init(&r.anchors);
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(
        &r.parser, (const unsigned char *)(text.n == 0 ? "" : text.p), text.n);
    if (read_document(&r) != 0) {
        yaml_doc_free(r.doc);
        r.doc = NULL;
    }
    map_release(&r.anchors);
    yaml_parser_delete(&r.parser);
    return r.doc;
}

void
yaml_doc_free(struct yaml_doc *doc)
{
    if (doc == NULL)
        return;
    arena_release(&doc->arena);
    free(doc);
}

const struct yaml *
yaml_root(const struct yaml_doc *doc)
{
    return doc->root;
}

bool
yaml_is_null(const struct yaml *node)
{
    return node->type == YAML_SCALAR && node->is_plain &&
           (node->text.n == 0 || str_is(node->text, "~") ||
            str_is(node->text, "null") || str_is(node->text, "Null") ||
            str_is(node->text, "NULL"));
}

const struct yaml *
yaml_get(const struct yaml *mapping, const char *key)
{
    if (mapping == NULL || mapping->type != YAML_MAPPING)
        return NULL;
    for (const struct yaml_item *i = mapping->items; i != NULL; i = i->next)
        if (str_is(i->key, key))
            return i->value;
    return NULL;
}

void
yaml_describe(const struct yaml *node, struct strbuf *out)
{
    if (node->type == YAML_SEQUENCE)
        strbuf_add_text(out, "a list");
    else if (node->type == YAML_MAPPING)
        strbuf_add_text(out, "a mapping");
    else if (yaml_is_null(node))
        strbuf_add_text(out, "nothing");
    else
        strbuf_addf(out, "\"%.80s\"", node->text.p);
}

/* ---- to JSON ---- */

static bool
bool_of(struct str text, bool *ret)
{
    *ret = str_is(text, "true") || str_is(text, "True") || str_is(text, "TRUE");
    return *ret || str_is(text, "false") || str_is(text, "False") ||
           str_is(text, "FALSE");
}

static void
scalar_to_json(const struct yaml *node, struct json_writer *out)
{
    bool is_true;
    int64_t whole;
    double real;
    if (!node->is_plain)
        json_str(out, node->text);
    else if (yaml_is_null(node))
        json_null(out);
    else if (bool_of(node->text, &is_true))
        json_bool(out, is_true);
    else if (str_to_i64(node->text, &whole) == 0)
        json_int(out, whole);
    else if (str_to_double(node->text, &real) == 0)
        json_real(out, real);
    else
        json_str(out, node->text);
}

void
yaml_to_json(const struct yaml *node, struct json_writer *out)
{
    const struct yaml_item *item = node->items;
    switch (node->type) {
    case YAML_SCALAR: scalar_to_json(node, out); return;
    case YAML_SEQUENCE:
        json_array_begin(out);
        for (; item != NULL; item = item->next)
            yaml_to_json(item->value, out);
        json_array_end(out);
        return;
    case YAML_MAPPING:
        json_object_begin(out);
        for (; item != NULL; item = item->next) {
            json_key_str(out, item->key);
            yaml_to_json(item->value, out);
        }
        json_object_end(out);
        return;
    }
}
