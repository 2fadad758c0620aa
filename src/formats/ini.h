/* Preset files: INI as llama.cpp's server reads it (common/preset.cpp), kept
 * line by line so that what is not changed comes out byte for byte.
 *
 *     LLAMA_CONFIG_VERSION = 1      ; before the first section
 *     [*]                           ; for every model
 *     ctx-size = 4096
 *     [model-name]
 *     temp = 0.2                    ; a comment ends a value, as does '#'
 *
 * Blanks around names, at the begin and the end of lines are no part of
 * anything. Every line has a kind; what cannot be read is INI_BAD and a
 * problem, and stays in the document all the same. */
#ifndef FORMATS_INI_H
#define FORMATS_INI_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { INI_BYTES_MAX = 64 * 1024, INI_PROBLEMS_MAX = 32 };

enum ini_kind { INI_BLANK, INI_COMMENT, INI_SECTION, INI_PAIR, INI_BAD };

struct ini_line {
    enum ini_kind kind;
    struct str text;       /* the whole line with its end, if it has one */
    struct str section;    /* it belongs to, or begins; "": before the first */
    struct str key, value; /* of INI_PAIR; `value` lies in `text` */
};

struct ini_problem {
    int line; /* from 1 */
    char message[160];
};

struct ini;

/* NULL with `error` when there is no memory or more than INI_BYTES_MAX: a
 * text with problems is a document, too. The text is copied. */
struct ini *ini_parse(struct str text, struct error *error);
void ini_free(struct ini *ini); /* accepts NULL */

/* What is wrong, in order of lines; beyond INI_PROBLEMS_MAX it is left out.
 * Sections and keys that are there twice are problems of the second. */
size_t ini_count_problems(const struct ini *ini);
const struct ini_problem *ini_problem_at(const struct ini *ini, size_t i);

size_t ini_count(const struct ini *ini);
/* Valid until the next change. The i-th line is line i + 1 of the text. */
const struct ini_line *ini_at(const struct ini *ini, size_t i);
/* The text: that of ini_parse(), with what was changed since. */
void ini_write(const struct ini *ini, struct strbuf *out);

bool ini_has_section(const struct ini *ini, struct str section);
/* NULL when there is no such pair. */
const struct ini_line *ini_find(const struct ini *ini, struct str section,
                                struct str key);

/* ---- changes: 0, or -1 with `error` and nothing changed ---- */

/* Whether a value can be said in such a file: ERR_INVALID if not. */
int ini_check_value(struct str value, struct error *error);

/* Sets a value in its place, or adds the pair after the last of its section,
 * and the section at the end. */
int ini_set(struct ini *ini, struct str section, struct str key,
            struct str value, struct error *error);
int ini_add_section(struct ini *ini, struct str section, struct error *error);
/* No such pair or section is fine. Comments beyond the last pair of a section
 * stay: they may be about the next one. */
void ini_remove(struct ini *ini, struct str section, struct str key);
void ini_remove_section(struct ini *ini, struct str section);

#endif
