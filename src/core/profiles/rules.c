/* Rules that take more than one field, or more than one record. */
#include <stdio.h>

#include "core/profiles/profiles_internal.h"
#include "io/stream.h"

const char *
name_problem(struct str name)
{
    if (name.n == 0)
        return "is empty";
    if (name.n > LIMIT_NAME_BYTES)
        return "is longer than 128 bytes";
    if (name.p[0] == ' ' || name.p[name.n - 1] == ' ')
        return "begins or ends with a space";
    if (name.p[0] == '-')
        return "begins with -";
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < 0x20 || name.p[i] == 0x7F)
            return "holds a control character";
    return NULL;
}

/* "org/name" of a hub: each part begins with a letter or digit, goes on with
 * those, dots, dashes and underscores, and holds neither ".." nor "--". */
static bool
is_model_id(struct str id)
{
    size_t n_parts = 0;
    struct str rest = id;
    while (rest.p != NULL) {
        struct str part = str_split(&rest, '/');
        n_parts++;
        if (part.n == 0 || part.n > 96 || str_contains(part, STR("..")) ||
            str_contains(part, STR("--")))
            return false;
        for (size_t i = 0; i < part.n; i++) {
            char c = part.p[i];
            bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9');
            if (!is_word && (i == 0 || (c != '.' && c != '-' && c != '_')))
                return false;
        }
    }
    return n_parts == 2;
}

static bool
is_changed(const struct edit *edit, const char *name)
{
    const struct field *field = profile_field_find(str_from(name));
    return edit->before == NULL ||
           !field_equals(field, edit->before, edit->profile);
}

/* The file is there and inside; or, where it may be missing, not outside. */
static bool
is_allowed_path(const struct edit *edit, const char *path)
{
    enum library_place_of place =
        library_locate(edit->profiles->options.library, path);
    return place == LIBRARY_INSIDE ||
           (place == LIBRARY_MISSING && edit->may_lack_model);
}

/* A path, a library model by name, or a hub's id where the engine takes it. */
static void
check_model(struct edit *edit)
{
    struct profile *profile = edit->profile;
    struct str path = str_from(profile->model_path);
    if (path.n == 0) {
        if (edit->manifest->needs_model)
            edit_problem(edit, "model_path", "%s needs a model",
                         edit->manifest->name);
        return;
    }
    if (!is_changed(edit, "model_path") && !is_changed(edit, "engine"))
        return;
    if (path.p[0] != '/') {
        const struct model *model =
            library_find(edit->profiles->options.library, path);
        if (model != NULL) {
            if (profile_set_text(&profile->model_path, str_from(model->path)) <
                0)
                edit_problem(edit, "model_path", "out of memory");
        } else if (!edit->manifest->takes_model_ids || !is_model_id(path)) {
            edit_problem(edit, "model_path",
                         "expected an absolute path or the name of a model "
                         "in the library%s",
                         edit->manifest->takes_model_ids
                             ? ", or org/name of the hub"
                             : "");
        }
        return;
    }
    if (!is_allowed_path(edit, profile->model_path))
        edit_problem(edit, "model_path",
                     "does not exist inside the model folders (models_dirs)");
    else if (edit->manifest->needs_model_file &&
             library_is_folder(profile->model_path))
        edit_problem(edit, "model_path", "is a folder; %s takes a file",
                     edit->manifest->name);
}

static void
check_command(struct edit *edit)
{
    bool takes_command = edit->manifest->binaries[0] == NULL;
    bool has_command = strcmp(edit->profile->command_json, "[]") != 0;
    if (takes_command && !has_command)
        edit_problem(edit, "command", "engine %s needs a command",
                     edit->manifest->name);
    if (!takes_command && has_command)
        edit_problem(edit, "command", "only engine command takes one");
}

static void
check_host(struct edit *edit)
{
    struct address address = { .port = 0 };
    if (strcmp(edit->profile->host, "localhost") == 0) {
        if (profile_set_text(&edit->profile->host, STR("127.0.0.1")) < 0)
            edit_problem(edit, "host", "out of memory");
        return;
    }
    int n =
        snprintf(address.host, sizeof address.host, "%s", edit->profile->host);
    if (n >= (int)sizeof address.host || !address_is_loopback(&address))
        edit_problem(edit, "host",
                     "expected a loopback address such as 127.0.0.1: clients "
                     "reach the engine through Hearth");
}

static void
check_port(struct edit *edit)
{
    int port = edit->profile->port;
    if (port != 0 && port == edit->profiles->options.own_port &&
        is_changed(edit, "port"))
        edit_problem(edit, "port", "%d is where Hearth itself listens", port);
}

static void
check_names(struct edit *edit)
{
    struct profile *profile = edit->profile;
    const char *what = name_problem(str_from(profile->name));
    if (what != NULL && (edit->patch == NULL || edit->before != NULL ||
                         json_get(edit->patch, "name") != NULL))
        edit_problem(edit, "name", "%s", what);
    else if (what != NULL)
        edit_problem(edit, "name", "is required");
    for (size_t i = 0; i < profile->n_aliases; i++)
        if (strcmp(profile->aliases[i], profile->name) == 0)
            edit_problem(edit, "aliases", "element %zu: is the name itself", i);
}

static bool
is_same_value(const struct json *a, const struct json *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    char *text = json_to_text(a), *other = json_to_text(b);
    bool is_same = text != NULL && other != NULL && strcmp(text, other) == 0;
    free(text);
    free(other);
    return is_same;
}

/* To switch one off is anybody's. */
static void
check_executing(struct edit *edit, const char *field, const struct json *value,
                const struct json *before)
{
    bool is_on = true;
    if (edit->may_execute || edit->forbidden.code != ERR_OK ||
        is_same_value(value, before) ||
        (value != NULL && json_as_bool(value, &is_on) && !is_on))
        return;
    error_field(&edit->forbidden, field,
                "%s decides what is executed: a key, the dashboard's "
                "session or the unix socket is needed to set it",
                field);
    edit->forbidden.code = ERR_FORBIDDEN;
}

/* One path-typed or executing option; `value` is NULL where it is not set. */
static void
check_option(struct edit *edit, const struct engine_option *option,
             const struct json *value, const struct json *before)
{
    char field[ERROR_FIELD_MAX], path[LIMIT_PATH_BYTES + 1];
    snprintf(field, sizeof field, "options.%s", option->key);
    if (option->executes && (value != NULL || json_type(before) != JSON_BOOL))
        check_executing(edit, field, value, before);
    if (value == NULL)
        return;
    struct str text;
    if (option->type != OPTION_PATH || !json_as_text(value, &text) ||
        text.n > LIMIT_PATH_BYTES || text.n == 0 || text.p[0] != '/')
        return; /* what else is wrong was said */
    text = engine_option_path(option, text);
    snprintf(path, sizeof path, "%.*s", STR_ARG(text));
    if (!is_allowed_path(edit, path))
        edit_problem(edit, field,
                     "does not exist inside the model folders (models_dirs)");
}

static void
check_options(struct edit *edit)
{
    if (!is_changed(edit, "options") && !is_changed(edit, "engine"))
        return;
    struct json_doc *doc =
        json_parse(str_from(edit->profile->options_json), NULL);
    struct json_doc *before =
        edit->before == NULL
            ? NULL
            : json_parse(str_from(edit->before->options_json), NULL);
    const struct json *old = before == NULL ? NULL : json_root(before);
    for (size_t i = 0; doc != NULL && i < edit->manifest->n_options; i++) {
        const struct engine_option *option = &edit->manifest->options[i];
        const struct json *value = json_get(json_root(doc), option->key);
        check_option(edit, option, value, json_get(old, option->key));
    }
    json_doc_free(before);
    json_doc_free(doc);
}

void
edit_check(struct edit *edit)
{
    check_names(edit);
    check_host(edit);
    check_port(edit);
    if (edit->manifest == NULL) {
        edit_problem(edit, "engine", "there is no engine \"%.40s\"",
                     edit->profile->engine);
        return;
    }
    check_model(edit);
    check_command(edit);
    check_options(edit);
}

/* ---- among all records ---- */

static bool
answers_to(const struct profile *profile, const char *name)
{
    if (strcmp(profile->name, name) == 0)
        return true;
    for (size_t i = 0; i < profile->n_aliases; i++)
        if (strcmp(profile->aliases[i], name) == 0)
            return true;
    return false;
}

static int
taken(struct error *error, const char *field, const char *what,
      const struct profile *by)
{
    error_field(error, field, "%s belongs to profile \"%s\" already", what,
                by->name);
    if (error != NULL)
        error->code = ERR_CONFLICT;
    return -1;
}

static int
check_against(const struct profile *profile, const struct profile *other,
              struct error *error)
{
    char what[160];
    if (strcmp(profile->id, other->id) == 0)
        return 0;
    if (answers_to(other, profile->name)) {
        snprintf(what, sizeof what, "the name \"%s\"", profile->name);
        return taken(error, "name", what, other);
    }
    for (size_t i = 0; i < profile->n_aliases; i++) {
        if (!answers_to(other, profile->aliases[i]))
            continue;
        snprintf(what, sizeof what, "the alias \"%s\"", profile->aliases[i]);
        return taken(error, "aliases", what, other);
    }
    if (profile->port != 0 && profile->port == other->port) {
        snprintf(what, sizeof what, "port %d", profile->port);
        return taken(error, "port", what, other);
    }
    return 0;
}

int
check_unique(struct profiles *profiles, const struct profile *profile,
             struct error *error)
{
    for (size_t i = 0; i < profiles->n; i++)
        if (check_against(profile, profiles->at[i], error) < 0)
            return -1;
    LIST_FOR(node, &profiles->changes)
    {
        const struct change *change = LIST_ENTRY(node, struct change, node);
        if (change->after != NULL &&
            check_against(profile, change->after, error) < 0)
            return -1;
    }
    return 0;
}
