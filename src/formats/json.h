/* JSON (RFC 8259) for control messages: a strict reader over yyjson and a
 * writer into a strbuf. The data plane does not use this: see
 * formats/model_scanner.h. */
#ifndef FORMATS_JSON_H
#define FORMATS_JSON_H

#include "base/error.h"
#include "base/strbuf.h"

struct json_doc; /* owns the values */
struct json;     /* a value inside a document; borrowed */

/* Strict: no comments, no trailing commas, valid UTF-8, one value, at most
 * LIMIT_JSON_DEPTH levels, no duplicate keys in an object. NULL with
 * `error` ("line 3, column 7: ..."). */
struct json_doc *json_parse(struct str text, struct error *error);
/* The same for a large text that nobody needs afterwards: no copy is made.
 * The document lies in the buffer, which has to outlive it unchanged; after
 * NULL, too, its text is of no use. */
struct json_doc *json_parse_in_place(struct strbuf *text, struct error *error);
/* A text has no more values than this, keys counted. Each takes 16 bytes of a
 * document. */
size_t json_values_at_most(struct str text);
void json_doc_free(struct json_doc *doc); /* accepts NULL */
const struct json *json_root(const struct json_doc *doc);

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,
    JSON_REAL,
    JSON_TEXT,
    JSON_ARRAY,
    JSON_OBJECT
};

enum json_type json_type(const struct json *value); /* NULL: JSON_NULL */
const char *json_type_name(enum json_type type);    /* "a number" */
/* Members and elements, or NULL when absent or of another type. */
const struct json *json_get(const struct json *object, const char *key);
const struct json *json_get_str(const struct json *object, struct str key);
size_t json_count(const struct json *array_or_object);
const struct json *json_at(const struct json *array, size_t i);

/* Walks an object: `for (json_iter_init(&it, obj); json_iter_next(&it);)`. */
struct json_iter {
    void *state[4];
    struct str key;
    const struct json *value;
};
void json_iter_init(struct json_iter *iter, const struct json *object);
bool json_iter_next(struct json_iter *iter);

/* Values; false when the type is another. json_as_int takes whole numbers
 * that fit int64 only (also 3.0 is refused). */
bool json_as_text(const struct json *value, struct str *ret);
bool json_as_int(const struct json *value, int64_t *ret);
bool json_as_real(const struct json *value, double *ret); /* ints too */
bool json_as_bool(const struct json *value, bool *ret);

/* ---- writing ---- */

/* Commas and nesting are kept by the writer; misuse asserts. The strbuf's
 * ceiling is the message's. Text that is not UTF-8 is repaired (U+FFFD). */
enum { JSON_WRITER_DEPTH = 32 };
struct json_writer {
    struct strbuf *out;
    uint8_t has_items[JSON_WRITER_DEPTH];
    unsigned depth;
    bool after_key;
};
void json_writer_init(struct json_writer *w, struct strbuf *out);
void json_object_begin(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array_begin(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_str(struct json_writer *w, struct str key);
void json_text(struct json_writer *w, const char *text); /* NULL: null */
void json_str(struct json_writer *w, struct str text);
void json_int(struct json_writer *w, int64_t value);
void json_real(struct json_writer *w, double value); /* not finite: null */
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
void json_raw(struct json_writer *w, struct str json); /* already JSON */
void json_value(struct json_writer *w, const struct json *value);

/* The value as compact JSON text on the heap, or NULL. */
char *json_to_text(const struct json *value);

#endif
