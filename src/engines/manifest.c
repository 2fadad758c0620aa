/* From the JSON of a manifest to the structs of engines.h.
 *
 * The reader is sticky: the first wrong member fills the error, everything
 * after it reads as absent, and manifest_parse() asks once at the end. A
 * member that no row below names is wrong too, so that a typing error in a
 * user's own manifest is told instead of ignored. */
#include <math.h>
#include <signal.h>
#include <stdio.h>

#include "engines/engines_internal.h"

struct reader {
    struct arena *arena;
    struct error *error;
    bool failed;
    char place[48]; /* "options[3]." before a member's name */
};

static void
fail(struct reader *r, const char *key, const char *expected)
{
    if (r->failed)
        return;
    r->failed = true;
    error_set(r->error, ERR_INVALID, "%s%s: expected %s", r->place, key,
              expected);
}

static void
fail_no_memory(struct reader *r)
{
    if (r->failed)
        return;
    r->failed = true;
    error_set(r->error, ERR_NO_MEMORY, "out of memory");
}

static void *
allocate(struct reader *r, size_t n, size_t size)
{
    size_t n_bytes;
    void *p = NULL;
    if (!__builtin_mul_overflow(n, size, &n_bytes))
        p = arena_alloc(r->arena, n_bytes);
    if (p == NULL)
        fail_no_memory(r);
    return p;
}

static const char *
copy(struct reader *r, struct str text)
{
    char *p = allocate(r, text.n + 1, 1);
    if (p != NULL && text.n > 0)
        memcpy(p, text.p, text.n);
    return p;
}

/* Text; an array of texts is one text in several lines, joined by spaces. */
static const char *
read_text(struct reader *r, const struct json *object, const char *key,
          const char *otherwise)
{
    const struct json *value = json_get(object, key);
    struct str text;
    if (value == NULL || r->failed)
        return otherwise;
    if (json_as_text(value, &text) && !has_control(text))
        return copy(r, text);
    struct strbuf joined = STRBUF_INIT(OPTION_TEXT_MAX);
    for (size_t i = 0; i < json_count(value); i++) {
        if (!json_as_text(json_at(value, i), &text) || has_control(text)) {
            fail(r, key, "text");
            break;
        }
        if (i > 0)
            strbuf_add_byte(&joined, ' ');
        strbuf_add_str(&joined, text);
    }
    if (joined.state == STRBUF_NO_MEMORY)
        fail_no_memory(r);
    else if (json_type(value) != JSON_ARRAY || strbuf_failed(&joined))
        fail(r, key, "text");
    const char *result = copy(r, strbuf_view(&joined));
    strbuf_release(&joined);
    return result;
}

static const char *const *
read_texts(struct reader *r, const struct json *object, const char *key)
{
    const struct json *array = json_get(object, key);
    if (array == NULL || r->failed)
        return NULL;
    if (json_type(array) != JSON_ARRAY) {
        fail(r, key, "an array of texts");
        return NULL;
    }
    size_t n = json_count(array);
    const char **texts = allocate(r, n + 1, sizeof *texts);
    for (size_t i = 0; i < n && !r->failed; i++) {
        struct str text;
        if (json_as_text(json_at(array, i), &text) && !has_control(text))
            texts[i] = copy(r, text);
        else
            fail(r, key, "an array of texts");
    }
    return texts;
}

static bool
read_bool(struct reader *r, const struct json *object, const char *key)
{
    bool value = false;
    const struct json *member = json_get(object, key);
    if (member != NULL && !json_as_bool(member, &value))
        fail(r, key, "true or false");
    return value;
}

static double
read_real(struct reader *r, const struct json *object, const char *key,
          double otherwise)
{
    double value = otherwise;
    const struct json *member = json_get(object, key);
    if (member != NULL && !json_as_real(member, &value))
        fail(r, key, "a number");
    return value;
}

static int
read_choice(struct reader *r, const struct json *object, const char *key,
            const char *const *names)
{
    struct str text;
    if (!json_as_text(json_get(object, key), &text))
        text = (struct str){ NULL, 0 };
    int at = texts_find(names, text);
    if (at >= 0)
        return at;
    char expected[160];
    size_t n = 0;
    for (size_t i = 0; names[i] != NULL && n < sizeof expected; i++)
        n += (size_t)snprintf(expected + n, sizeof expected - n, "%s%s",
                              i == 0 ? "" : ", ", names[i]);
    fail(r, key, expected);
    return 0;
}

/* Every member of the object must be one of the names. */
static void
check_members(struct reader *r, const struct json *object,
              const char *const *names)
{
    if (json_type(object) != JSON_OBJECT) {
        fail(r, "", "an object");
        return;
    }
    struct json_iter it;
    for (json_iter_init(&it, object); json_iter_next(&it);) {
        if (texts_find(names, it.key) >= 0)
            continue;
        char key[48];
        snprintf(key, sizeof key, "%.*s", (int)(it.key.n < 40 ? it.key.n : 40),
                 it.key.p);
        fail(r, key, "no such member; its name may be misspelt");
    }
}

static const char *const type_names[] = { "int",    "real", "text", "bool",
                                          "choice", "path", "list", NULL };

const char *
option_type_name(enum option_type type)
{
    return type_names[type];
}

static void
read_bounds(struct reader *r, const struct json *json,
            struct engine_option *option)
{
    bool is_number = option->type == OPTION_INT || option->type == OPTION_REAL;
    option->min = read_real(r, json, "min", is_number ? -1e15 : 0);
    option->max = read_real(r, json, "max", is_number ? 1e15 : OPTION_TEXT_MAX);
    if (option->min > option->max)
        fail(r, "max", "no less than min");
}

static void
read_option(struct reader *r, const struct json *json,
            struct engine_option *option)
{
    static const char *const members[] = {
        "key",      "flag",   "other_flags", "off",     "env",    "type",
        "min",      "max",    "default",     "choices", "values", "group",
        "help",     "secret", "executes",    "output",  "scaled", "forbids",
        "replaces", "also",   NULL,
    };
    check_members(r, json, members);
    option->key = read_text(r, json, "key", NULL);
    if (option->key == NULL)
        fail(r, "key", "text");
    option->type = (enum option_type)read_choice(r, json, "type", type_names);
    option->flag = read_text(r, json, "flag", NULL);
    option->other_flags = read_texts(r, json, "other_flags");
    option->flag_off = read_text(r, json, "off", NULL);
    option->env = read_text(r, json, "env", NULL);
    option->default_text = read_text(r, json, "default", NULL);
    option->choices = read_texts(r, json, "choices");
    option->values = read_texts(r, json, "values");
    option->group = read_text(r, json, "group", "other");
    option->help = read_text(r, json, "help", "");
    option->is_secret = read_bool(r, json, "secret");
    option->executes = read_bool(r, json, "executes");
    option->is_output = read_bool(r, json, "output");
    option->is_scaled = read_bool(r, json, "scaled");
    option->forbids = read_text(r, json, "forbids", NULL);
    option->replaces = read_text(r, json, "replaces", NULL);
    option->also = read_texts(r, json, "also");
    read_bounds(r, json, option);
    if (option->type == OPTION_CHOICE && option->choices == NULL)
        fail(r, "choices", "an array of texts for a choice");
    if (json_get(json, "values") != NULL &&
        json_count(json_get(json, "values")) !=
            json_count(json_get(json, "choices")))
        fail(r, "values", "as many as choices");
    if (option->is_secret && option->env == NULL)
        fail(r, "env", "the name of a variable for a secret");
}

static void
enter(struct reader *r, const char *array, size_t i)
{
    snprintf(r->place, sizeof r->place, "%s[%zu].", array, i);
}

static void
read_options(struct reader *r, const struct json *json,
             struct engine_manifest *m)
{
    const struct json *array = json_get(json, "options");
    size_t n = json_count(array);
    struct engine_option *options = allocate(r, n + 1, sizeof *options);
    for (size_t i = 0; i < n && !r->failed; i++) {
        enter(r, "options", i);
        read_option(r, json_at(array, i), &options[i]);
        m->options = options;
        m->n_options = i;
        if (!r->failed && option_find(m, str_from(options[i].key)) != NULL)
            fail(r, "key", "a key that no other row has");
    }
    r->place[0] = '\0';
    m->options = options;
    m->n_options = n;
}

static void
read_stop(struct reader *r, const struct json *json, struct engine_manifest *m)
{
    static const char *const members[] = { "signal", "wait_ms", NULL };
    static const char *const names[] = { "TERM", "INT", "QUIT", "KILL", NULL };
    static const int numbers[] = { SIGTERM, SIGINT, SIGQUIT, SIGKILL };
    const struct json *array = json_get(json, "stop");
    size_t n = json_count(array);
    struct stop_step *stop = allocate(r, n + 1, sizeof *stop);
    for (size_t i = 0; i < n && !r->failed; i++) {
        enter(r, "stop", i);
        const struct json *step = json_at(array, i);
        check_members(r, step, members);
        stop[i].signum = numbers[read_choice(r, step, "signal", names)];
        double wait_ms = read_real(r, step, "wait_ms", -1);
        if (wait_ms < 0 || wait_ms > 600000)
            fail(r, "wait_ms", "0 to 600000");
        stop[i].wait_ms = (int64_t)wait_ms;
    }
    r->place[0] = '\0';
    if (!r->failed && (n == 0 || stop[n - 1].signum != SIGKILL))
        fail(r, "stop", "steps of which the last is KILL");
    m->stop = stop;
    m->n_stop = n;
}

static void
read_errors(struct reader *r, const struct json *json,
            struct engine_manifest *m)
{
    static const char *const members[] = { "contains", "code", "advice", NULL };
    const struct json *array = json_get(json, "errors");
    size_t n = json_count(array);
    struct log_pattern *errors = allocate(r, n + 1, sizeof *errors);
    for (size_t i = 0; i < n && !r->failed; i++) {
        enter(r, "errors", i);
        const struct json *row = json_at(array, i);
        check_members(r, row, members);
        errors[i].contains = read_text(r, row, "contains", "");
        errors[i].advice = read_text(r, row, "advice", "");
        const char *code = read_text(r, row, "code", "");
        errors[i].code = code == NULL ? ERR_COUNT : error_from_wire(code);
        if (errors[i].code == ERR_COUNT)
            fail(r, "code", "the name of an error");
        if (!r->failed && errors[i].contains[0] == '\0')
            fail(r, "contains", "text");
    }
    r->place[0] = '\0';
    m->errors = errors;
    m->n_errors = n;
}

static void
read_parts(struct reader *r, const struct json *json, struct engine_manifest *m)
{
    const struct json *probe = json_get(json, "probe");
    m->probe_method = read_text(r, probe, "method", NULL);
    m->probe_path = read_text(r, probe, "path", NULL);
    m->probe_body = read_text(r, probe, "body", NULL);
    const struct json *key = json_get(json, "key");
    m->key_env = read_text(r, key, "env", NULL);
    m->supports_key = m->key_env != NULL;
    if (key != NULL && m->key_env == NULL)
        fail(r, "key.env", "the name of a variable");
    const struct json *slots = json_get(json, "slots");
    m->slots_option = read_text(r, slots, "option", NULL);
    double n_slots = read_real(r, slots, "default", 1);
    if (n_slots < 1 || n_slots > 65536)
        fail(r, "slots.default", "1 to 65536");
    else
        m->default_slots = (int)n_slots;
    static const char *const forms[] = { "separate", "joined", NULL };
    static const char *const fields[] = { "keep", "rewrite", NULL };
    if (json_get(json, "value_form") != NULL)
        m->joins_values = read_choice(r, json, "value_form", forms) == 1;
    if (json_get(json, "model_field") != NULL)
        m->rewrites_model = read_choice(r, json, "model_field", fields) == 1;
}

static const char *const *
texts_or_none(const char *const *texts)
{
    static const char *const none[] = { NULL };
    return texts == NULL ? none : texts;
}

static void
read_manifest(struct reader *r, const struct json *json,
              struct engine_manifest *m)
{
    static const char *const members[] = {
        "name",           "title",       "binaries",   "install_hint",
        "version_args",   "help_args",   "argv",       "options",
        "ready_path",     "probe",       "serves",     "model_field",
        "model_name",     "key",         "is_router",  "needs_model",
        "model_ids",      "model_file",  "value_form", "skips_listener_check",
        "slots",          "stop",        "errors",     "env",
        "python_package", "is_external", NULL,
    };
    check_members(r, json, members);
    m->name = read_text(r, json, "name", NULL);
    if (m->name == NULL || m->name[0] == '\0')
        fail(r, "name", "text");
    m->title = read_text(r, json, "title", m->name);
    m->binaries = texts_or_none(read_texts(r, json, "binaries"));
    m->install_hint = read_text(r, json, "install_hint", "");
    m->python_package = read_text(r, json, "python_package", "");
    m->version_args = texts_or_none(read_texts(r, json, "version_args"));
    m->help_args = texts_or_none(read_texts(r, json, "help_args"));
    m->argv = texts_or_none(read_texts(r, json, "argv"));
    m->ready_path = read_text(r, json, "ready_path", "/health");
    m->serves = texts_or_none(read_texts(r, json, "serves"));
    m->model_name = read_text(r, json, "model_name", "${name}");
    m->is_router = read_bool(r, json, "is_router");
    m->is_external = read_bool(r, json, "is_external");
    m->needs_model = read_bool(r, json, "needs_model");
    m->takes_model_ids = read_bool(r, json, "model_ids");
    m->needs_model_file = read_bool(r, json, "model_file");
    m->skips_listener_check = read_bool(r, json, "skips_listener_check");
    m->env = texts_or_none(read_texts(r, json, "env"));
    read_parts(r, json, m);
    read_options(r, json, m);
    read_stop(r, json, m);
    read_errors(r, json, m);
}

int
manifest_parse(struct str json, struct arena *arena,
               struct engine_manifest *ret_manifest, struct error *error)
{
    struct json_doc *doc = json_parse(json, error);
    if (doc == NULL)
        return -1;
    struct reader r = { .arena = arena, .error = error };
    *ret_manifest = (struct engine_manifest){ .name = NULL };
    read_manifest(&r, json_root(doc), ret_manifest);
    json_doc_free(doc);
    return r.failed ? -1 : 0;
}
