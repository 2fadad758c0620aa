/* What a key of a preset file means: the option rows of `llama-server`, whose
 * flags without their dashes are the keys (llama.cpp, common/preset.cpp), and
 * a few that only the router knows. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/units.h"
#include "core/presets/presets_internal.h"
#include "records/settings.h"

enum { VALUE_BYTES = 64 * KIB, PROBLEM_BYTES = 256 };

/* clang-format off */
static const struct engine_option router_rows[] = {
    { .key = "model", .flag = "--model", .type = OPTION_PATH, .max = 4096,
      .group = "router", .help = "File of the model." },
    { .key = "alias", .flag = "--alias", .type = OPTION_TEXT, .max = 1024,
      .group = "router", .help = "More names, separated by commas." },
    { .key = "hf_repo", .flag = "--hf-repo", .type = OPTION_TEXT, .max = 256,
      .group = "router",
      .help = "The model, which the engine fetches itself: USER/MODEL:QUANT." },
    { .key = "hf_file", .flag = "--hf-file", .type = OPTION_TEXT, .max = 256,
      .group = "router", .help = "The file of that model." },
    { .key = "tags", .flag = "--tags", .type = OPTION_TEXT, .max = 1024,
      .group = "router", .help = "Words about it, separated by commas." },
    { .key = "load_on_startup", .flag = "--load-on-startup",
      .type = OPTION_BOOL, .default_text = "false", .group = "router",
      .help = "Loads the model when the router starts." },
    { .key = "stop_timeout", .flag = "--stop-timeout", .type = OPTION_INT,
      .max = 86400, .group = "router",
      .help = "Seconds that an unloaded model may take to end." },
};
/* clang-format on */

int
preset_rows_new(struct presets *presets, struct error *error)
{
    const size_t n_own = sizeof router_rows / sizeof *router_rows;
    const struct engine_manifest *engine =
        engines_find(presets->options.engines, "llama-server");
    if (engine == NULL)
        return error_set(error, ERR_INTERNAL,
                         "the engine llama-server is not known");
    presets->own = calloc(n_own + engine->n_options, sizeof *presets->own);
    if (presets->own == NULL)
        return error_set(error, ERR_NO_MEMORY, "out of memory");
    size_t n = 0;
    for (size_t i = 0; i < n_own; i++)
        if (engine_canonical_option(engine, str_from(router_rows[i].key)) ==
            NULL)
            presets->own[n++] = router_rows[i];
    for (size_t i = 0; i < engine->n_options; i++)
        if (engine->options[i].flag != NULL && !engine->options[i].is_secret &&
            !engine->options[i].executes)
            presets->own[n++] = engine->options[i];
    presets->rows = *engine;
    presets->rows.options = presets->own;
    presets->rows.n_options = n;
    return 0;
}

const struct engine_manifest *
presets_rows(const struct presets *presets)
{
    return &presets->rows;
}

/* ---- keys ---- */

static bool
is_flag(const char *flag, struct str key)
{
    struct str name = str_from(flag);
    while (name.n > 0 && name.p[0] == '-') {
        name.p++;
        name.n--;
    }
    return name.n > 0 && str_eq(name, key);
}

const struct engine_option *
presets_row(const struct presets *presets, struct str key, bool *ret_is_negated)
{
    *ret_is_negated = false;
    for (size_t i = 0; i < presets->rows.n_options; i++) {
        const struct engine_option *row = &presets->own[i];
        if (is_flag(row->flag, key))
            return row;
        for (size_t k = 0;
             row->other_flags != NULL && row->other_flags[k] != NULL; k++)
            if (is_flag(row->other_flags[k], key))
                return row;
        if (row->flag_off != NULL && is_flag(row->flag_off, key)) {
            *ret_is_negated = true;
            return row;
        }
    }
    return NULL;
}

void
preset_key_of(const struct engine_option *row, char ret_key[PRESET_KEY_BYTES])
{
    const char *flag = row->flag;
    while (*flag == '-')
        flag++;
    snprintf(ret_key, PRESET_KEY_BYTES, "%s", flag);
}

/* The flag that looks most like it, or NULL. */
static const char *
nearest_key(const struct presets *presets, struct str key)
{
    const char *nearest = NULL;
    unsigned best = 6;
    for (size_t i = 0; i < presets->rows.n_options; i++) {
        const char *flag = presets->own[i].flag + 2;
        unsigned distance = text_distance(key, str_from(flag));
        bool begins = key.n > 2 && str_starts_with(str_from(flag), key);
        if (begins)
            distance = 1;
        if (distance < best && (begins || distance * 2 < key.n)) {
            best = distance;
            nearest = flag;
        }
    }
    return nearest;
}

/* ---- values: text of a file to JSON ---- */

static bool
is_word(struct str text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (str_is(text, *words))
            return true;
    return false;
}

/* What Hearth starts every engine with, by its own settings. */
static const char *const own_keys[] = { "host",
                                        "port",
                                        "reuse-port",
                                        "api-key",
                                        "api-key-file",
                                        "api-prefix",
                                        "ssl-cert-file",
                                        "ssl-key-file",
                                        "models-dir",
                                        "models-max",
                                        "models-preset",
                                        "models-autoload",
                                        "no-models-autoload",
                                        NULL };

/* Why a key has no row. */
static void
explain_unknown(const struct presets *presets, struct str key, char *ret_text,
                size_t size)
{
    const char *nearest = nearest_key(presets, key);
    if (is_word(key, own_keys))
        snprintf(ret_text, size, "Hearth says this to llama-server itself");
    else
        snprintf(ret_text, size,
                 "no option of llama-server that a preset may set%s%s%s",
                 nearest != NULL ? "; is it " : "",
                 nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
}

/* What llama.cpp takes for true and for false. */
static const char *const true_words[] = { "true", "on", "enabled", "1", NULL };
static const char *const false_words[] = { "false", "off", "disabled", "0",
                                           NULL };

static void
write_choice(const struct engine_option *row, struct str value,
             struct json_writer *out)
{
    for (size_t i = 0; row->values != NULL && row->choices[i] != NULL; i++)
        if (str_is(value, row->values[i])) {
            json_text(out, row->choices[i]);
            return;
        }
    bool has_on = false;
    for (size_t i = 0; row->choices[i] != NULL; i++)
        has_on = has_on || strcmp(row->choices[i], "on") == 0;
    if (has_on && is_word(value, true_words))
        json_text(out, "on");
    else if (has_on && is_word(value, false_words))
        json_text(out, "off");
    else
        json_str(out, value);
}

/* The value as the engine's rows have it: a number, true, a text. */
static void
preset_value_write(const struct engine_option *row, bool is_negated,
                   struct str value, struct json_writer *out)
{
    int64_t whole;
    double real;
    switch (row->type) {
    case OPTION_INT:
        if (str_to_i64(value, &whole) == 0) {
            json_int(out, whole);
            return;
        }
        break;
    case OPTION_REAL:
        if (str_to_double(value, &real) == 0) {
            json_real(out, real);
            return;
        }
        break;
    case OPTION_BOOL:
        if (is_word(value, true_words) || is_word(value, false_words)) {
            json_bool(out, is_word(value, true_words) != is_negated);
            return;
        }
        break;
    case OPTION_CHOICE: write_choice(row, value, out); return;
    case OPTION_LIST:
        json_array_begin(out);
        json_str(out, value);
        json_array_end(out);
        return;
    default: break;
    }
    json_str(out, value);
}

/* ---- values: JSON to text of a file ---- */

static const char *
choice_value(const struct engine_option *row, struct str choice)
{
    for (size_t i = 0; row->values != NULL && row->choices[i] != NULL; i++)
        if (str_is(choice, row->choices[i]))
            return row->values[i];
    return NULL;
}

/* A JSON value of a row as text of a file: 0, or -1 with `error`. */
static int
preset_value_text(const struct engine_option *row, const struct json *value,
                  struct strbuf *out, struct error *error)
{
    struct str text;
    int64_t whole;
    double real;
    bool truth;
    const struct json *one = value;
    if (json_type(value) == JSON_ARRAY && json_count(value) == 1)
        one = json_at(value, 0);
    if (json_as_text(one, &text)) {
        const char *said =
            row->type == OPTION_CHOICE ? choice_value(row, text) : NULL;
        strbuf_add_str(out, said != NULL ? str_from(said) : text);
    } else if (json_as_bool(one, &truth)) {
        strbuf_add_text(out, truth ? "true" : "false");
    } else if (json_as_int(one, &whole)) {
        strbuf_addf(out, "%lld", (long long)whole);
    } else if (json_as_real(one, &real) && isfinite(real)) {
        strbuf_addf(out, "%.15g", real);
    } else {
        return error_field(error, row->key,
                           "a preset can hold one text, number or truth of "
                           "it, got %s",
                           json_type_name(json_type(value)));
    }
    return ini_check_value(strbuf_view(out), error);
}

/* `temp`, `top-k`, `top_k`: as a key of the file. NULL: there is no such. */
static const struct engine_option *
row_of_member(const struct presets *presets, struct str key)
{
    bool is_negated;
    const struct engine_option *row = presets_row(presets, key, &is_negated);
    if (row != NULL && !is_negated)
        return row;
    const char *name = engine_canonical_option(&presets->rows, key);
    for (size_t i = 0; name != NULL && i < presets->rows.n_options; i++)
        if (strcmp(presets->own[i].key, name) == 0)
            return &presets->own[i];
    return NULL;
}

static void
remove_other_names(const struct presets *presets, struct ini *ini,
                   struct str section, const struct engine_option *row,
                   const char *kept)
{
    bool is_negated;
    for (size_t i = ini_count(ini); i-- > 0;) {
        const struct ini_line *line = ini_at(ini, i);
        if (line->kind == INI_PAIR && str_eq(line->section, section) &&
            !str_is(line->key, kept) &&
            presets_row(presets, line->key, &is_negated) == row)
            ini_remove(ini, section, line->key);
    }
}

int
preset_set(struct presets *presets, struct ini *ini, struct str section,
           struct str key, const struct json *value, struct error *error)
{
    const struct engine_option *row = row_of_member(presets, key);
    char name[PRESET_KEY_BYTES];
    if (row == NULL && json_type(value) == JSON_NULL) {
        ini_remove(ini, section, key); /* a wrong one has to go, too */
        return 0;
    }
    if (row == NULL) {
        char field[ERROR_FIELD_MAX], text[PROBLEM_BYTES];
        snprintf(field, sizeof field, "%.*s", (int)(key.n > 60 ? 60 : key.n),
                 key.p);
        explain_unknown(presets, key, text, sizeof text);
        return error_field(error, field, "%s", text);
    }
    preset_key_of(row, name);
    if (json_type(value) == JSON_NULL) {
        remove_other_names(presets, ini, section, row, "");
        return 0;
    }
    struct strbuf text = STRBUF_INIT(VALUE_BYTES);
    int failed = preset_value_text(row, value, &text, error);
    if (failed == 0 && strbuf_failed(&text))
        failed = error_set(error, ERR_NO_MEMORY, "out of memory");
    if (failed == 0)
        failed =
            ini_set(ini, section, str_from(name), strbuf_view(&text), error);
    if (failed == 0)
        remove_other_names(presets, ini, section, row, name);
    else if (error->field[0] == '\0')
        snprintf(error->field, sizeof error->field, "%s", row->key);
    strbuf_release(&text);
    return failed;
}

/* ---- the check ---- */

void
preset_problem_add(struct preset_problems *problems, int line, struct str key,
                   const char *format, ...)
{
    if (problems->n == INI_PROBLEMS_MAX)
        return;
    struct preset_problem *problem = &problems->at[problems->n++];
    va_list args;
    problem->line = line;
    snprintf(
        problem->key, sizeof problem->key, "%.*s",
        (int)(key.n < sizeof problem->key ? key.n : sizeof problem->key - 1),
        key.p == NULL ? "" : key.p);
    va_start(args, format);
    vsnprintf(problem->message, sizeof problem->message, format, args);
    va_end(args);
}

struct checking {
    struct presets *presets;
    struct preset_problems *problems;
    int line;
    struct str key;
    bool is_bad;
};

static void
on_problem(void *ctx, const char *field, const char *message)
{
    struct checking *checking = ctx;
    (void)field;
    checking->is_bad = true;
    preset_problem_add(checking->problems, checking->line, checking->key, "%s",
                       message);
}

static void
check_row_path(struct checking *checking, const struct engine_option *row,
               struct str value)
{
    const struct presets_options *options = &checking->presets->options;
    char path[PRESET_PATH_BYTES * 8];
    struct error error;
    if (row->type != OPTION_PATH || options->check_path == NULL)
        return;
    value = engine_option_path(row, value);
    snprintf(path, sizeof path, "%.*s", STR_ARG(value));
    if (options->check_path(options->ctx, path, &error) != 0)
        on_problem(checking, row->key,
                   "does not exist inside the model folders (models_dirs)");
}

static void
check_pair(struct checking *checking, const struct ini_line *line)
{
    bool is_negated;
    struct presets *presets = checking->presets;
    const struct engine_option *row =
        presets_row(presets, line->key, &is_negated);
    checking->key = line->key;
    if (row == NULL) {
        char text[PROBLEM_BYTES];
        explain_unknown(presets, line->key, text, sizeof text);
        preset_problem_add(checking->problems, checking->line, line->key, "%s",
                           text);
        return;
    }
    struct strbuf text = STRBUF_INIT(VALUE_BYTES * 2);
    struct json_writer w;
    json_writer_init(&w, &text);
    json_object_begin(&w);
    json_key(&w, row->key);
    preset_value_write(row, is_negated, line->value, &w);
    json_object_end(&w);
    struct json_doc *doc = json_parse(strbuf_view(&text), NULL);
    checking->is_bad = false;
    engine_check_options(&presets->rows, json_root(doc), on_problem, checking);
    if (!checking->is_bad)
        check_row_path(checking, row, line->value);
    json_doc_free(doc);
    strbuf_release(&text);
}

/* Before the first section stands the version, and nothing else. */
static void
check_head(struct checking *checking, const struct ini_line *line)
{
    if (!str_is(line->key, "LLAMA_CONFIG_VERSION") &&
        !str_is(line->key, "version"))
        preset_problem_add(checking->problems, checking->line, line->key,
                           "stands before the first section: options of all "
                           "models stand under [*]");
    else if (!str_is(line->value, "1"))
        preset_problem_add(checking->problems, checking->line, line->key,
                           "only version 1 is known");
}

void
presets_check(struct presets *presets, const struct ini *ini,
              struct preset_problems *ret_problems)
{
    struct checking checking = { .presets = presets, .problems = ret_problems };
    ret_problems->n = 0;
    for (size_t i = 0; i < ini_count_problems(ini); i++) {
        const struct ini_problem *problem = ini_problem_at(ini, i);
        preset_problem_add(ret_problems, problem->line, STR(""), "%s",
                           problem->message);
    }
    for (size_t i = 0; i < ini_count(ini); i++) {
        const struct ini_line *line = ini_at(ini, i);
        checking.line = (int)i + 1;
        if (line->kind != INI_PAIR)
            continue;
        if (line->section.n == 0)
            check_head(&checking, line);
        else
            check_pair(&checking, line);
    }
}
