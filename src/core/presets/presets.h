/* Presets: named INI files that say with which options llama.cpp's server, in
 * router mode, serves its models. They are the files of <data_dir>/presets;
 * who edits one there is heard, too.
 *
 * A preset is checked against the option rows of the engine `llama-server`.
 * What is put through here is refused while anything is wrong with it; a file
 * that somebody else made may be wrong: it is listed with its problems, and
 * no server is started with it.
 *
 * What the engine itself reads is never such a file but one that is composed
 * of it (preset_compose): its own words are fewer (LLAMA_CONFIG_VERSION is an
 * error to it), and the launch profiles of models go into it.
 *
 * Changes are queued, written by a worker so that a crash leaves the old or
 * the new file, then taken over, published (EVENT_PRESETS_CHANGED) and
 * acknowledged. Loop thread only. */
#ifndef CORE_PRESETS_H
#define CORE_PRESETS_H

#include "core/events/events.h"
#include "engines/engines.h"
#include "formats/ini.h"
#include "io/loop.h"

#define PRESET_BUILT_IN "default"

enum { PRESETS_MAX = 200, PRESET_NAME_BYTES = 64, PRESET_KEY_BYTES = 64 };

struct presets;

struct presets_options {
    struct loop *loop;
    struct events *events;
    const struct engines *engines;
    const char *data_dir;
    /* For options that name a file: -1 with `error` when it is outside the
     * model folders. NULL: not checked. */
    int (*check_path)(void *ctx, const char *path, struct error *error);
    void *ctx;
};

struct preset_problem {
    int line; /* from 1; 0: of the whole */
    char key[PRESET_KEY_BYTES];
    char message[256];
};
struct preset_problems {
    struct preset_problem at[INI_PROBLEMS_MAX];
    size_t n;
};

struct preset {
    char name[PRESET_NAME_BYTES + 1];
    struct ini *ini;
    size_t n_bytes;
    int64_t modified_at_ms;
    struct preset_problems problems;
};

/* Reads the folder, which is made with the built-in preset in it if it is not
 * there. Blocking: before the loop runs. */
int presets_new(const struct presets_options *options,
                struct presets **ret_presets, struct error *error);
void presets_free(struct presets *presets); /* accepts NULL */
/* The folder is watched from now on. */
void presets_watch(struct presets *presets);

size_t presets_count(const struct presets *presets);
/* In order of name. Borrowed until the next turn. */
const struct preset *presets_at(const struct presets *presets, size_t i);
/* `name` with or without ".ini"; NULL: none. */
const struct preset *presets_get(const struct presets *presets,
                                 struct str name);
/* "<data_dir>/presets/NAME.ini" */
void preset_path(const struct presets *presets, const char *name,
                 char ret_path[512]);

/* What is wrong with a text. */
void presets_check(struct presets *presets, const struct ini *ini,
                   struct preset_problems *ret_problems);
/* Whether a preset may have this name: 0, or -1 with ERR_INVALID. */
int preset_check_name(struct str name, struct error *error);

/* ---- changes: `on_done` is called once, perhaps in here ---- */

/* `preset` is NULL with `error`, and after a deletion. Of ERR_INVALID the
 * problems say more, if there are any. */
typedef void presets_done_fn(void *ctx, const struct preset *preset,
                             const struct preset_problems *problems,
                             const struct error *error);

enum preset_change_kind {
    PRESET_CREATE,         /* with `text`; ERR_CONFLICT when it is there */
    PRESET_PUT,            /* with `text`, new or not */
    PRESET_DELETE,         /* ERR_CONFLICT for the built-in one */
    PRESET_SET_SECTIONS,   /* to exactly `values`: {section: {key: value}} */
    PRESET_ADD_SECTION,    /* `section` by `values`; ERR_CONFLICT: is there */
    PRESET_CHANGE_SECTION, /* sets the members of `values`; null removes */
    PRESET_REMOVE_SECTION, /* ERR_NOT_FOUND */
};
struct preset_change {
    enum preset_change_kind kind;
    struct str name; /* with or without ".ini" */
    struct str text;
    struct str section;
    const struct json *values; /* of keys, as in the file or with '_' */
};
/* All of it is copied. */
void presets_change(struct presets *presets, const struct preset_change *change,
                    presets_done_fn *on_done, void *ctx);

/* ---- several at once, together with what the store holds ----
 *
 *   presets_stage()    writes them beside the folder, under `id`
 *   store: metadata PRESETS_STAGED_KEY = id, in one group with the rest
 *   presets_unstage()  takes them over, or throws them away
 *
 * A program that ends in between finds out at its next start by the metadata,
 * which is handed to presets_recover() before presets_new(). */
#define PRESETS_STAGED_KEY "presets:staged"

struct preset_text {
    struct str name, text;
};
void presets_stage(struct presets *presets, const struct preset_text *texts,
                   size_t n, const char *id,
                   void (*on_done)(void *ctx, const struct error *error),
                   void *ctx);
void presets_unstage(struct presets *presets, const char *id, bool is_taken,
                     void (*on_done)(void *ctx, const struct error *error),
                     void *ctx);
/* `id`: of the last change that was committed, or "". Blocking. */
int presets_recover(const char *data_dir, const char *id, struct error *error);

/* ---- what options mean ---- */

/* The rows that a section may use: those of the engine and a few of the
 * router's own. */
const struct engine_manifest *presets_rows(const struct presets *presets);
/* The row of a key of such a file, or NULL; `ret_is_negated` for "no-...". */
const struct engine_option *presets_row(const struct presets *presets,
                                        struct str key, bool *ret_is_negated);
/* What a key is called in a file: "ctx-size". */
void preset_key_of(const struct engine_option *row,
                   char ret_key[PRESET_KEY_BYTES]);
/* {section: {key: text}}, all texts as they stand in the file. */
void preset_parameters_write(const struct preset *preset,
                             struct json_writer *out);

/* Appends to `ini` a section with the options of a launch profile, where it
 * does not set them already. Values that a file cannot say are an error. */
int preset_add_options(struct presets *presets, struct ini *ini,
                       struct str section, const struct json *options,
                       struct error *error);
/* The text for the engine: that of `ini` (NULL: none) in the words of the
 * installed one. */
void preset_compose(const struct ini *ini, struct strbuf *out);

#endif
