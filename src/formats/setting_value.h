/* A setting's value: checked by its row, from text or JSON, to JSON. */
#ifndef FORMATS_SETTING_VALUE_H
#define FORMATS_SETTING_VALUE_H

#include "base/arena.h"
#include "base/error.h"
#include "formats/json.h"
#include "records/settings.h"

struct setting_value {
    int64_t number;           /* SETTING_INT; SETTING_BOOL: 0 or 1 */
    const char *text;         /* the others; "" when unset */
    const char *const *items; /* lists */
    size_t n_items;
};

/* Where relative paths begin, and what ~/ stands for; "" leaves a path as
 * it is. */
struct path_base {
    const char *folder;
    const char *home;
};

/* Reads a value from its text: one for a scalar, one for each item of a
 * list. `base` NULL: paths are taken as they are. Memory comes from the
 * arena. -1 with `error`: the field is the row's key, the message says what
 * was found and what was expected. */
int setting_value_from_texts(const struct setting_row *row,
                             const struct str *texts, size_t n,
                             const struct path_base *base, struct arena *arena,
                             struct setting_value *ret_value,
                             struct error *error);
/* The same from one text that holds a whole list ("a,b" or "/a:/b"), as
 * the environment and the defaults have it. */
int setting_value_from_text(const struct setting_row *row, struct str text,
                            const struct path_base *base, struct arena *arena,
                            struct setting_value *ret_value,
                            struct error *error);
/* Typed: a number must be a number. */
int setting_value_from_json(const struct setting_row *row,
                            const struct json *json, struct arena *arena,
                            struct setting_value *ret_value,
                            struct error *error);
bool setting_value_eq(const struct setting_row *row,
                      const struct setting_value *a,
                      const struct setting_value *b);
/* A secret that is set becomes "***". */
void setting_value_to_json(const struct setting_row *row,
                           const struct setting_value *value,
                           struct json_writer *out);

/* The path made absolute by `base`, in the arena; NULL: no memory. */
const char *path_resolve(struct str path, const struct path_base *base,
                         struct arena *arena);

/* Fills `error` for a value that does not fit its row: `found` is what was
 * there ("a list", "\"abc\""). Returns -1. */
int setting_value_refuse(const struct setting_row *row, const char *found,
                         struct error *error);

#endif
