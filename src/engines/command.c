/* A profile becomes argv and environment.
 *
 * The template of the manifest first, then the options in the order of the
 * manifest's rows, so that the same profile always gives the same command.
 * An option whose flag stands in the template replaces the value there. The
 * key that only Hearth knows goes last into the environment: nothing may
 * replace it. */
#include <stdio.h>

#include "base/limits.h"
#include "engines/engines_internal.h"

struct builder {
    const struct engine_manifest *manifest;
    const struct engine_launch *launch;
    struct arena *arena;
    struct error *error;
    char port[12];
    char mask[4];      /* what is shown of a secret */
    const char *field; /* of what is being added */
    const char **fields;
    char **argv;
    size_t argc;
    char **env;
    size_t n_env;
};

static int
no_memory(struct builder *b)
{
    return error_set(b->error, ERR_NO_MEMORY, "out of memory");
}

static int
push(struct builder *b, char *argument)
{
    if (argument == NULL)
        return no_memory(b);
    if (b->argc == LIMIT_ARGV_COUNT)
        return error_set(b->error, ERR_INVALID,
                         "the command line has more than %d arguments",
                         LIMIT_ARGV_COUNT);
    b->fields[b->argc] = b->field;
    b->argv[b->argc++] = argument;
    b->argv[b->argc] = NULL;
    return 0;
}

/* What is wrong with one value is told and left out, where somebody listens
 * and there is memory: 0 then, else -1. */
static int
leave_out(const struct builder *b)
{
    if (b->launch->on_problem == NULL || b->error->code == ERR_NO_MEMORY)
        return -1;
    b->launch->on_problem(b->launch->problem_ctx, b->error->field,
                          b->error->message);
    *b->error = (struct error){ .code = ERR_OK };
    return 0;
}

/* Adds or replaces "name=value". */
static int
put_env(struct builder *b, struct str name, struct str value)
{
    char *text =
        arena_printf(b->arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(value));
    if (text == NULL)
        return no_memory(b);
    for (size_t i = 0; i < b->n_env; i++) {
        if (strncmp(b->env[i], text, name.n + 1) == 0) {
            b->env[i] = text;
            return 0;
        }
    }
    if (b->n_env == LIMIT_ARGV_COUNT)
        return error_field(b->error, "env", "more than %d variables",
                           LIMIT_ARGV_COUNT);
    b->env[b->n_env++] = text;
    b->env[b->n_env] = NULL;
    return 0;
}

/* ---- flags of the installed binary ---- */

static bool
binary_has(const struct engine_binary *binary, struct str flag)
{
    const char *const *flags = binary->flags;
    if (flags == NULL)
        return true;
    size_t n = 0;
    while (flags[n] != NULL)
        n++;
    for (size_t low = 0, high = n; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(flag, str_from(flags[middle]));
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool
has_flag(const struct builder *b, struct str flag)
{
    return binary_has(b->launch->binary, flag);
}

bool
engine_lacks_option(const struct engine_binary *binary,
                    const struct engine_option *option)
{
    const char *const *others = option->other_flags;
    if (option->env != NULL || option->flag == NULL ||
        binary_has(binary, str_from(option->flag)) ||
        (option->flag_off != NULL &&
         binary_has(binary, str_from(option->flag_off))))
        return false;
    for (size_t i = 0; others != NULL && others[i] != NULL; i++)
        if (binary_has(binary, str_from(others[i])))
            return false;
    return true;
}

static const char *
version_of(const struct builder *b)
{
    const char *version = b->launch->binary->version;
    return version == NULL || version[0] == '\0' ? "(unknown version)"
                                                 : version;
}

/* The name under which this binary has the option, or NULL. */
static const char *
known_flag(const struct builder *b, const struct engine_option *option)
{
    if (option->flag == NULL || has_flag(b, str_from(option->flag)))
        return option->flag;
    for (size_t i = 0;
         option->other_flags != NULL && option->other_flags[i] != NULL; i++)
        if (has_flag(b, str_from(option->other_flags[i])))
            return option->other_flags[i];
    return NULL;
}

static int
lacks_flag(struct builder *b, const struct engine_option *option,
           const char *flag)
{
    char field[ERROR_FIELD_MAX];
    snprintf(field, sizeof field, "options.%s", option->key);
    error_field(b->error, field, "the installed %s %s has no %s",
                b->manifest->name, version_of(b), flag);
    if (b->error != NULL)
        b->error->code = ERR_ENGINE_UNKNOWN_OPTION;
    return -1;
}

/* ---- placeholders ---- */

static const char *
placeholder(const struct builder *b, struct str name)
{
    if (str_is(name, "port"))
        return b->launch->port_text != NULL ? b->launch->port_text : b->port;
    if (str_is(name, "host"))
        return b->launch->host;
    if (str_is(name, "model"))
        return b->launch->profile->model_path;
    if (str_is(name, "name"))
        return b->launch->profile->name;
    if (str_is(name, "preset"))
        return b->launch->preset == NULL ? "" : b->launch->preset;
    return NULL;
}

/* The field that the first placeholder of a text stands for, or "". */
static const char *
field_of(const char *text)
{
    static const struct {
        const char *placeholder, *field;
    } rows[] = { { "${port}", "port" },
                 { "${host}", "host" },
                 { "${model}", "model_path" },
                 { "${name}", "name" } };
    const char *at = text == NULL ? NULL : strstr(text, "${");
    for (size_t i = 0; at != NULL && i < sizeof rows / sizeof *rows; i++)
        if (strncmp(at, rows[i].placeholder, strlen(rows[i].placeholder)) == 0)
            return rows[i].field;
    return "";
}

/* The text with its placeholders replaced; *ret_has_empty tells that one had
 * nothing to stand for. NULL when out of memory. */
static char *
expand(struct builder *b, const char *text, bool *ret_has_empty)
{
    struct strbuf out = STRBUF_INIT(64 * KIB);
    *ret_has_empty = false;
    while (*text != '\0') {
        const char *end =
            strncmp(text, "${", 2) == 0 ? strchr(text, '}') : NULL;
        const char *value = NULL;
        if (end != NULL)
            value = placeholder(
                b, (struct str){ text + 2, (size_t)(end - text - 2) });
        if (value == NULL) {
            strbuf_add_byte(&out, *text++);
            continue;
        }
        if (value[0] == '\0')
            *ret_has_empty = true;
        strbuf_add_text(&out, value);
        text = end + 1;
    }
    char *copy =
        strbuf_failed(&out) ? NULL : arena_str(b->arena, strbuf_view(&out));
    strbuf_release(&out);
    return copy;
}

/* ---- the template ---- */

static struct str
flag_of(const char *argument)
{
    struct str rest = str_from(argument);
    return str_split(&rest, '=');
}

/* How many elements of the template make one argument: a flag with a value of
 * its own is two. */
static int
n_of_template(const char *const *at)
{
    const char *argument = at[0] + (at[0][0] == '?' ? 1 : 0);
    bool has_value = argument[0] == '-' && strchr(argument, '=') == NULL &&
                     at[1] != NULL && at[1][0] != '-' && at[1][0] != '?';
    return has_value ? 2 : 1;
}

static int
push_template(struct builder *b, const char *const *at)
{
    bool is_optional = at[0][0] == '?';
    const char *argument = at[0] + (is_optional ? 1 : 0);
    bool is_flag = argument[0] == '-';
    bool has_value = n_of_template(at) == 2;
    bool is_empty = false, value_is_empty = false;
    char *text = expand(b, argument, &is_empty);
    char *value = has_value ? expand(b, at[1], &value_is_empty) : NULL;
    if (text == NULL || (has_value && value == NULL))
        return no_memory(b);
    if (is_empty || value_is_empty)
        return 0;
    if (is_flag && !has_flag(b, flag_of(argument))) {
        if (is_optional)
            return 0;
        return error_set(b->error, ERR_ENGINE_UNKNOWN_OPTION,
                         "the installed %s %s has no %.*s", b->manifest->name,
                         version_of(b), STR_ARG(flag_of(argument)));
    }
    const char *bare = has_value ? value : text;
    if ((has_value || !is_flag) && bare[0] == '-')
        return error_set(b->error, ERR_INVALID,
                         "%s begins with - and could be taken for a flag",
                         bare);
    b->field = field_of(has_value ? at[1] : argument);
    if (push(b, text) < 0 || (has_value && push(b, value) < 0))
        return -1;
    return 0;
}

static int
add_template(struct builder *b)
{
    if (push(b, arena_str(b->arena, str_from(b->launch->binary->path))) < 0)
        return -1;
    for (const char *const *at = b->manifest->argv; *at != NULL;) {
        if (push_template(b, at) < 0 && leave_out(b) < 0)
            return -1;
        at += n_of_template(at);
    }
    return 0;
}

/* ---- options ---- */

static size_t
find_flag(const struct builder *b, const char *flag)
{
    for (size_t i = 1; i < b->argc; i++)
        if (str_is(flag_of(b->argv[i]), flag))
            return i;
    return 0;
}

static void
drop(struct builder *b, const char *flag)
{
    size_t at = flag == NULL ? 0 : find_flag(b, flag);
    if (at == 0)
        return;
    memmove(&b->argv[at], &b->argv[at + 1], (b->argc - at) * sizeof *b->argv);
    memmove(&b->fields[at], &b->fields[at + 1],
            (b->argc - at - 1) * sizeof *b->fields);
    b->argc--;
}

static int
add_switch(struct builder *b, const struct engine_option *option, bool is_on)
{
    if (option->env != NULL)
        return put_env(b, str_from(option->env), is_on ? STR("1") : STR("0"));
    const char *flag = is_on ? known_flag(b, option) : option->flag_off;
    if (!is_on && flag == NULL) {
        drop(b, option->flag); /* off is what the engine does without it */
        return 0;
    }
    if (flag == NULL || !has_flag(b, str_from(flag)))
        return lacks_flag(b, option, is_on ? option->flag : flag);
    if (find_flag(b, flag) != 0)
        return 0;
    return push(b, arena_str(b->arena, str_from(flag)));
}

static int
add_value(struct builder *b, const struct engine_option *option, char *value)
{
    if (value == NULL)
        return no_memory(b);
    if (option->is_secret && b->launch->hides_secrets)
        value = b->mask;
    if (option->env != NULL)
        return put_env(b, str_from(option->env), str_from(value));
    if (option->flag == NULL)
        return 0; /* for Hearth, not for the engine */
    const char *flag = known_flag(b, option);
    if (flag == NULL)
        return lacks_flag(b, option, option->flag);
    drop(b, option->replaces);
    size_t at = option->type == OPTION_LIST ? 0 : find_flag(b, flag);
    if (b->manifest->joins_values) {
        char *joined = arena_printf(b->arena, "%s=%s", flag, value);
        if (at == 0 || joined == NULL)
            return push(b, joined);
        b->argv[at] = joined;
        b->fields[at] = b->field;
        return 0;
    }
    if (at != 0) {
        b->argv[at + 1] = value;
        b->fields[at] = b->fields[at + 1] = b->field;
        return 0;
    }
    if (push(b, arena_str(b->arena, str_from(flag))) < 0)
        return -1;
    return push(b, value);
}

static char *
real_text(struct builder *b, double value)
{
    for (int precision = 6; precision < 17; precision++) {
        char text[40];
        double back;
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (str_to_double(str_from(text), &back) == 0 && back == value)
            return arena_str(b->arena, str_from(text));
    }
    return arena_printf(b->arena, "%.17g", value);
}

static int
resolve_path(struct builder *b, const struct engine_option *option,
             struct str path)
{
    if (b->launch->check_path == NULL)
        return 0;
    char *text = arena_str(b->arena, engine_option_path(option, path));
    if (text == NULL)
        return no_memory(b);
    struct error problem = { .code = ERR_INVALID };
    if (b->launch->check_path(b->launch->check_ctx, text, &problem) == 0)
        return 0;
    char field[ERROR_FIELD_MAX];
    snprintf(field, sizeof field, "options.%s", option->key);
    return error_field(b->error, field, "%s", problem.message);
}

static int
add_list(struct builder *b, const struct engine_option *option,
         const struct json *list)
{
    for (size_t i = 0; i < json_count(list); i++) {
        struct str text;
        json_as_text(json_at(list, i), &text);
        if (add_value(b, option, arena_str(b->arena, text)) < 0)
            return -1;
    }
    return 0;
}

/* The value has passed option_check. */
static int
add_option(struct builder *b, const struct engine_option *option,
           const struct json *value)
{
    struct str text = { NULL, 0 };
    int64_t whole;
    double real = 0;
    bool is_on = false;
    switch (option->type) {
    case OPTION_BOOL:
        json_as_bool(value, &is_on);
        return add_switch(b, option, is_on);
    case OPTION_LIST: return add_list(b, option, value);
    case OPTION_INT:
        if (json_as_int(value, &whole))
            return add_value(b, option,
                             arena_printf(b->arena, "%lld", (long long)whole));
        break; /* one of its words */
    case OPTION_REAL:
        json_as_real(value, &real);
        return add_value(b, option, real_text(b, real));
    case OPTION_PATH:
        json_as_text(value, &text);
        if (resolve_path(b, option, text) < 0)
            return -1;
        break;
    case OPTION_CHOICE:
        json_as_text(value, &text);
        if (option->values != NULL)
            text = str_from(option->values[texts_find(option->choices, text)]);
        break;
    case OPTION_TEXT: break;
    }
    if (text.p == NULL)
        json_as_text(value, &text);
    return add_value(b, option, arena_str(b->arena, text));
}

struct faults {
    struct builder *b;
    bool *is_bad; /* by row of the manifest: to be left out */
    bool is_fatal;
};

static void
on_fault(void *ctx, const char *field, const char *message)
{
    struct faults *faults = ctx;
    struct builder *b = faults->b;
    if (!faults->is_fatal)
        error_field(b->error, field, "%s", message);
    if (faults->is_fatal || leave_out(b) < 0) {
        faults->is_fatal = true; /* the first one is told */
        return;
    }
    struct str name = str_from(field);
    str_split(&name, '.');
    const char *key = engine_canonical_option(b->manifest, name);
    for (size_t i = 0; i < b->manifest->n_options; i++)
        if (b->manifest->options[i].key == key)
            faults->is_bad[i] = true;
}

/* The member of `options` that means this row, under whatever name. */
static const struct json *
value_of(const struct builder *b, const struct engine_option *option,
         const struct json *options)
{
    const struct json *value = json_get(options, option->key);
    struct json_iter it;
    for (json_iter_init(&it, options); value == NULL && json_iter_next(&it);)
        if (engine_canonical_option(b->manifest, it.key) == option->key)
            value = it.value;
    return value;
}

/* One row: what the profile says, or the number of threads by default. */
static int
add_row(struct builder *b, const struct engine_option *option,
        const struct json *options)
{
    const struct json *value = value_of(b, option, options);
    const char *threads = b->launch->default_threads;
    if (value != NULL) {
        b->field = arena_printf(b->arena, "options.%s", option->key);
        return b->field == NULL ? no_memory(b) : add_option(b, option, value);
    }
    b->field = "";
    if (threads == NULL || threads[0] == '\0' ||
        strcmp(option->key, "threads") != 0)
        return 0;
    return add_value(b, option, arena_str(b->arena, str_from(threads)));
}

static int
add_options(struct builder *b, const struct json *options)
{
    size_t n = b->manifest->n_options;
    struct faults faults = { .b = b };
    faults.is_bad = arena_alloc(b->arena, n * sizeof *faults.is_bad + 1);
    if (faults.is_bad == NULL)
        return no_memory(b);
    memset(faults.is_bad, 0, n * sizeof *faults.is_bad);
    engine_check_options(b->manifest, options, on_fault, &faults);
    if (faults.is_fatal)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (!faults.is_bad[i] &&
            add_row(b, &b->manifest->options[i], options) < 0 &&
            leave_out(b) < 0)
            return -1;
    return 0;
}

/* ---- environment, and the command of engine `command` ---- */

static bool
is_env_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_letter =
            (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!is_letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return name.n > 0;
}

static int
add_variable(struct builder *b, struct str name, const struct json *value)
{
    struct str text;
    int n = (int)(name.n < 80 ? name.n : 80);
    if (!is_env_name(name))
        return error_field(b->error, "env",
                           "%.*s is not the name of a variable", n, name.p);
    if (!json_as_text(value, &text) || has_control(text))
        return error_field(b->error, "env",
                           "the value of %.*s is not one line of text", n,
                           name.p);
    return put_env(b, name,
                   b->launch->hides_secrets ? str_from(b->mask) : text);
}

static int
add_env(struct builder *b, const struct json *env)
{
    struct json_iter it;
    for (json_iter_init(&it, env); json_iter_next(&it);)
        if (add_variable(b, it.key, it.value) < 0 && leave_out(b) < 0)
            return -1;
    return 0;
}

static int
add_word(struct builder *b, const struct json *word)
{
    struct str text;
    bool is_empty;
    if (!json_as_text(word, &text) || str_find(text, '\0') >= 0)
        return error_field(b->error, "command", "expected an array of texts");
    char *element = arena_str(b->arena, text);
    if (element == NULL)
        return no_memory(b);
    return push(b, expand(b, element, &is_empty));
}

static int
add_command(struct builder *b, const struct json *command)
{
    b->field = "command";
    for (size_t i = 0; i < json_count(command); i++)
        if (add_word(b, json_at(command, i)) < 0 && leave_out(b) < 0)
            return -1;
    if (b->argc > 0 && b->argv[0][0] != '\0')
        return 0;
    error_field(b->error, "command", "expected the program and its arguments");
    return leave_out(b);
}

/* ---- all of it ---- */

struct documents {
    struct json_doc *options, *env, *command;
};

static int
parse_documents(const struct profile *profile, struct documents *docs,
                struct error *error)
{
    docs->options = json_parse(str_from(profile->options_json), error);
    docs->env = docs->options == NULL
                    ? NULL
                    : json_parse(str_from(profile->env_json), error);
    docs->command = docs->env == NULL
                        ? NULL
                        : json_parse(str_from(profile->command_json), error);
    return docs->command == NULL ? -1 : 0;
}

static int
build(struct builder *b, const struct documents *docs)
{
    const struct engine_manifest *manifest = b->manifest;
    for (const char *const *at = manifest->env; *at != NULL; at++) {
        struct str rest = str_from(*at);
        struct str name = str_split(&rest, '=');
        if (put_env(b, name, rest) < 0)
            return -1;
    }
    int result = manifest->binaries[0] == NULL
                     ? add_command(b, json_root(docs->command))
                     : add_template(b);
    if (result < 0 || add_options(b, json_root(docs->options)) < 0 ||
        add_env(b, json_root(docs->env)) < 0)
        return -1;
    const char *key = b->launch->api_key;
    if (manifest->supports_key && key != NULL && key[0] != '\0')
        return put_env(b, str_from(manifest->key_env), str_from(key));
    return 0;
}

int
engine_build_command(const struct engine_manifest *manifest,
                     const struct engine_launch *launch, struct arena *arena,
                     struct engine_command *ret_command, struct error *error)
{
    struct error unwanted;
    struct builder b = { .manifest = manifest,
                         .launch = launch,
                         .arena = arena,
                         .error = error != NULL ? error : &unwanted,
                         .field = "",
                         .mask = "***" };
    if (manifest->needs_model && launch->profile->model_path[0] == '\0') {
        error_field(b.error, "model_path", "%s needs a model", manifest->name);
        if (leave_out(&b) < 0)
            return -1;
    }
    snprintf(b.port, sizeof b.port, "%d", launch->port);
    b.argv = arena_alloc(arena, (LIMIT_ARGV_COUNT + 1) * sizeof *b.argv);
    b.env = arena_alloc(arena, (LIMIT_ARGV_COUNT + 1) * sizeof *b.env);
    b.fields = arena_alloc(arena, (LIMIT_ARGV_COUNT + 1) * sizeof *b.fields);
    if (b.argv == NULL || b.env == NULL || b.fields == NULL)
        return no_memory(&b);
    b.argv[0] = b.env[0] = NULL;
    struct documents docs = { NULL, NULL, NULL };
    int result = parse_documents(launch->profile, &docs, b.error);
    if (result == 0)
        result = build(&b, &docs);
    json_doc_free(docs.options);
    json_doc_free(docs.env);
    json_doc_free(docs.command);
    *ret_command = (struct engine_command){
        .argv = b.argv, .argc = b.argc, .fields = b.fields, .env = b.env
    };
    return result;
}
