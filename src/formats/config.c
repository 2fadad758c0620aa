/* Flags, environment and file, laid over each other: see config.h. */
#include "formats/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "base/limits.h"
#include "formats/config_internal.h"

enum { ITEMS_MAX = 256 };

#define CONFIG_MEMORY_BYTES (16 * MIB)

/* Variables of ours that are no settings. */
static const char *const other_variables[] = { "HEARTH_CONFIG", "HEARTH_URL",
                                               "HEARTH_API_KEY" };

static int
no_memory(struct error *error)
{
    return error_set(error, ERR_NO_MEMORY, "no memory for the configuration");
}

static const char *
environment_get(char *const *environment, const char *name)
{
    size_t n = strlen(name);
    for (char *const *at = environment; at != NULL && *at != NULL; at++)
        if (strncmp(*at, name, n) == 0 && (*at)[n] == '=')
            return (*at)[n + 1] == '\0' ? NULL : *at + n + 1;
    return NULL;
}

/* "--port: ..." or "HEARTH_PORT: ..." before what the value's own check
 * said. */
static int
complain_of(const char *name, struct error *error)
{
    struct error inner = *error;
    if (inner.code != ERR_INVALID)
        return -1;
    return error_set(error, ERR_INVALID, "%s: %s", name, inner.message);
}

/* ---- defaults ---- */

static int
set_defaults(struct config *config, const struct config_sources *sources,
             struct error *error)
{
    char folder[LIMIT_PATH_BYTES] = "";
    for (int id = 0; id < SETTING_COUNT; id++) {
        struct config_entry *entry = &config->entries[id];
        const struct setting_row *row = &setting_rows[id];
        entry->where = "default";
        if (setting_value_from_text(row, str_from(row->default_text), NULL,
                                    &config->arena, &entry->value, error) != 0)
            return -1;
    }
    /* Without a home there is no default folder; then one must be named. */
    if (sources->machine->data_folder(folder, sizeof folder, error) != 0)
        folder[0] = '\0';
    struct config_entry *data = &config->entries[SETTING_ID_DATA_DIR];
    data->value.text = arena_str(&config->arena, str_from(folder));
    return data->value.text == NULL ? no_memory(error) : 0;
}

static void
set_bases(struct config *config, const struct config_sources *sources)
{
    const char *home = environment_get(sources->environment, "HOME");
    config->base.home = home == NULL ? "" : home;
    config->base.folder =
        sources->working_folder == NULL ? "" : sources->working_folder;
    config->file_base = config->base;
}

/* ---- the file ---- */

static const char *
default_file(struct config *config, const struct config_sources *sources)
{
    char folder[LIMIT_PATH_BYTES];
    struct error ignored;
    if (sources->machine->config_folder(folder, sizeof folder, &ignored) != 0)
        return NULL;
    return arena_printf(&config->arena, "%s/hearth.yaml", folder);
}

static int
read_text(struct config *config, const struct config_sources *sources,
          const char *path, bool is_required, struct error *error)
{
    struct strbuf text = STRBUF_INIT(LIMIT_CONFIG_FILE_BYTES);
    errno = 0;
    int rc = sources->machine->read_file(path, &text, error);
    if (rc != 0 && errno == ENOENT && !is_required) {
        strbuf_release(&text);
        return 0;
    }
    if (rc != 0) {
        struct error inner = *error;
        error_set(error, ERR_INVALID, "cannot read the configuration: %s",
                  inner.message);
    }
    if (rc == 0) {
        const char *slash = strrchr(path, '/');
        config->file_path = path;
        config->file_base.folder = arena_str(
            &config->arena,
            (struct str){ path, slash == NULL ? 0 : (size_t)(slash - path) });
        rc = config->file_base.folder == NULL
                 ? no_memory(error)
                 : config_read_file(config, strbuf_view(&text), error);
    }
    strbuf_release(&text);
    return rc;
}

static int
load_file(struct config *config, const struct config_sources *sources,
          struct error *error)
{
    const char *path = sources->file_path;
    if (path == NULL)
        path = environment_get(sources->environment, "HEARTH_CONFIG");
    bool is_required = path != NULL;
    path = is_required
               ? path_resolve(str_from(path), &config->base, &config->arena)
               : default_file(config, sources);
    if (path == NULL)
        return is_required ? no_memory(error) : 0;
    return read_text(config, sources, path, is_required, error);
}

/* ---- the environment ---- */

/* What other programs' variables say of our settings: for the same setting a
 * later row wins, and HEARTH_'s own over all of them. */
static const struct {
    const char *name;
    enum setting_id id;
    const char *suffix; /* of a path */
} foreign_variables[] = {
    { "HF_ENDPOINT", SETTING_ID_HUGGINGFACE_ENDPOINT, "" },
    { "HF_TOKEN", SETTING_ID_HUGGINGFACE_TOKEN, "" },
    { "HF_HOME", SETTING_ID_HUGGINGFACE_CACHE_DIR, "/hub" },
    { "HF_HUB_CACHE", SETTING_ID_HUGGINGFACE_CACHE_DIR, "" },
    { "HF_HUB_OFFLINE", SETTING_ID_HUGGINGFACE_OFFLINE, "" },
    { "CIVITAI_API_KEY", SETTING_ID_CIVITAI_TOKEN, "" },
};

static int
set_from_variable(struct config *config, enum setting_id id, const char *name,
                  const char *text, struct error *error)
{
    struct config_entry *entry = &config->entries[id];
    if (setting_value_from_text(&setting_rows[id], str_from(text),
                                &config->base, &config->arena, &entry->value,
                                error) != 0)
        return complain_of(name, error);
    entry->origin = ORIGIN_ENVIRONMENT;
    entry->where = arena_printf(&config->arena, "environment %s", name);
    return entry->where == NULL ? no_memory(error) : 0;
}

static int
load_foreign_variables(struct config *config, char *const *env,
                       struct error *error)
{
    size_t n = sizeof foreign_variables / sizeof foreign_variables[0];
    for (size_t i = 0; i < n; i++) {
        const char *name = foreign_variables[i].name;
        const char *value = environment_get(env, name);
        if (value == NULL)
            continue;
        const char *text = arena_printf(&config->arena, "%s%s", value,
                                        foreign_variables[i].suffix);
        if (text == NULL)
            return no_memory(error);
        if (set_from_variable(config, foreign_variables[i].id, name, text,
                              error) != 0)
            return -1;
    }
    return 0;
}

static int
load_variable(struct config *config, enum setting_id id, char *const *env,
              struct error *error)
{
    char name[SETTING_NAME_BYTES];
    setting_environment_name(setting_rows[id].key, name);
    const char *text = environment_get(env, name);
    if (text == NULL)
        return 0;
    return set_from_variable(config, id, name, text, error);
}

/* HEARTH_ENGINES_<NAME>_PATH; false when it is none. */
static bool
is_engine_variable(struct str name, struct str *ret_engine)
{
    struct str prefix = STR("HEARTH_ENGINES_"), suffix = STR("_PATH");
    if (!str_starts_with(name, prefix) || !str_ends_with(name, suffix) ||
        name.n <= prefix.n + suffix.n)
        return false;
    *ret_engine =
        (struct str){ name.p + prefix.n, name.n - prefix.n - suffix.n };
    return true;
}

static int
add_override(struct config *config, struct str engine, struct str path,
             struct error *error)
{
    struct config_engine *override =
        arena_alloc(&config->arena, sizeof *override);
    if (override == NULL)
        return no_memory(error);
    /* A bare name is looked up on PATH later. */
    bool is_bare = str_find(path, '/') < 0;
    *override = (struct config_engine){
        .name = arena_str(&config->arena, engine),
        .path =
            path_resolve(path, is_bare ? NULL : &config->base, &config->arena),
        .next = config->overrides,
    };
    if (override->name == NULL || override->path == NULL)
        return no_memory(error);
    config->overrides = override;
    return 0;
}

/* A variable that is nearly a setting is a slip, not somebody else's. */
static int
check_variable(struct str name, struct error *error)
{
    char key[SETTING_NAME_BYTES], meant[SETTING_NAME_BYTES];
    size_t prefix = strlen("HEARTH_"), n = 0;
    for (size_t i = 0; i < sizeof other_variables / sizeof(char *); i++)
        if (str_is(name, other_variables[i]))
            return 0;
    for (size_t i = prefix; i < name.n && n < sizeof key; i++)
        key[n++] = (char)tolower((unsigned char)name.p[i]);
    const char *nearest = setting_nearest((struct str){ key, n });
    if (nearest == NULL)
        return 0;
    setting_environment_name(nearest, meant);
    if (str_is(name, meant))
        return 0;
    return error_set(error, ERR_INVALID,
                     "%.*s: there is no such setting; %s may be meant",
                     STR_ARG(name), meant);
}

static int
load_environment(struct config *config, char *const *env, struct error *error)
{
    if (load_foreign_variables(config, env, error) != 0)
        return -1;
    for (int id = 0; id < SETTING_COUNT; id++)
        if (load_variable(config, (enum setting_id)id, env, error) != 0)
            return -1;
    for (; env != NULL && *env != NULL; env++) {
        struct str value = str_from(*env), engine;
        struct str name = str_split(&value, '=');
        if (!str_starts_with(name, STR("HEARTH_")) || value.n == 0)
            continue;
        int rc = is_engine_variable(name, &engine)
                     ? add_override(config, engine, value, error)
                     : check_variable(name, error);
        if (rc != 0)
            return -1;
    }
    return 0;
}

/* ---- the command line ---- */

static int
load_flag(struct config *config, const struct config_sources *sources,
          enum setting_id id, struct error *error)
{
    char name[SETTING_NAME_BYTES];
    struct str texts[ITEMS_MAX];
    size_t n = 0;
    const struct setting_row *row = &setting_rows[id];
    bool is_list = row->type == SETTING_LIST || row->type == SETTING_PATHS;
    for (size_t i = 0; i < sources->n_flags && n < ITEMS_MAX; i++) {
        if (strcmp(sources->flags[i].key, row->key) != 0)
            continue;
        if (!is_list)
            n = 0; /* the last one counts */
        texts[n++] = str_from(sources->flags[i].value);
    }
    if (n == 0)
        return 0;
    struct config_entry *entry = &config->entries[id];
    setting_flag_name(row->key, name);
    if (setting_value_from_texts(row, texts, n, &config->base, &config->arena,
                                 &entry->value, error) != 0)
        return complain_of(name, error);
    entry->origin = ORIGIN_FLAG;
    entry->where = arena_printf(&config->arena, "flag %s", name);
    return entry->where == NULL ? no_memory(error) : 0;
}

static int
load_flags(struct config *config, const struct config_sources *sources,
           struct error *error)
{
    for (size_t i = 0; i < sources->n_flags; i++)
        if (setting_find(str_from(sources->flags[i].key)) == SETTING_COUNT)
            return error_set(error, ERR_INVALID, "there is no setting \"%s\"",
                             sources->flags[i].key);
    for (int id = 0; id < SETTING_COUNT; id++)
        if (load_flag(config, sources, (enum setting_id)id, error) != 0)
            return -1;
    return 0;
}

/* ---- outside ---- */

int
config_load(const struct config_sources *sources, struct config **ret_config,
            struct error *error)
{
    struct config *config = calloc(1, sizeof *config);
    *ret_config = NULL;
    if (config == NULL)
        return no_memory(error);
    arena_init(&config->arena, CONFIG_MEMORY_BYTES);
    set_bases(config, sources);
    if (set_defaults(config, sources, error) != 0 ||
        load_file(config, sources, error) != 0 ||
        load_environment(config, sources->environment, error) != 0 ||
        load_flags(config, sources, error) != 0) {
        config_free(config);
        return -1;
    }
    *ret_config = config;
    return 0;
}

void
config_free(struct config *config)
{
    if (config == NULL)
        return;
    json_doc_free(config->profiles);
    arena_release(&config->arena);
    free(config);
}

const struct config_entry *
config_get(const struct config *config, enum setting_id id)
{
    return &config->entries[id];
}

const char *
config_file_path(const struct config *config)
{
    return config->file_path;
}

/* Is "LLAMA_SERVER" the variable's form of "llama-server"? */
static bool
is_variable_form(const char *variable, const char *engine)
{
    size_t n = strlen(engine);
    if (strlen(variable) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)engine[i];
        if (variable[i] != (isalnum(c) ? (char)toupper(c) : '_'))
            return false;
    }
    return true;
}

const char *
config_engine_path(const struct config *config, const char *engine)
{
    for (const struct config_engine *e = config->overrides; e != NULL;
         e = e->next)
        if (is_variable_form(e->name, engine))
            return e->path;
    for (const struct config_engine *e = config->engines; e != NULL;
         e = e->next)
        if (strcmp(e->name, engine) == 0)
            return e->path;
    return NULL;
}

const char *
config_engine_at(const struct config *config, size_t i, int *ret_line)
{
    const struct config_engine *engine = config->engines;
    while (engine != NULL && i-- > 0)
        engine = engine->next;
    if (engine == NULL)
        return NULL;
    *ret_line = engine->line;
    return engine->name;
}

static bool
is_one_of(const char *name, const char *const *names, bool is_variable)
{
    for (; *names != NULL; names++)
        if (is_variable ? is_variable_form(name, *names)
                        : strcmp(name, *names) == 0)
            return true;
    return false;
}

/* "a, b, c", as far as there is room. */
static void
list_names(const char *const *names, char *text, size_t size)
{
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; names[i] != NULL && n < size; i++) {
        int more =
            snprintf(text + n, size - n, "%s%s", i == 0 ? "" : ", ", names[i]);
        n += more < 0 ? size : (size_t)more;
    }
}

int
config_check_engines(const struct config *config, const char *const *names,
                     struct error *error)
{
    char known[256];
    list_names(names, known, sizeof known);
    for (const struct config_engine *e = config->overrides; e != NULL;
         e = e->next)
        if (!is_one_of(e->name, names, true))
            return error_set(error, ERR_INVALID,
                             "HEARTH_ENGINES_%s_PATH: there is no such "
                             "engine; there are %s",
                             e->name, known);
    for (const struct config_engine *e = config->engines; e != NULL;
         e = e->next)
        if (!is_one_of(e->name, names, false))
            return config_complain(config, e->line, "engines", error,
                                   "there is no engine \"%s\"; there are %s",
                                   e->name, known);
    return 0;
}

const struct json *
config_profiles(const struct config *config)
{
    return config->profiles == NULL ? NULL : json_root(config->profiles);
}

int
config_profile_line(const struct config *config, size_t i)
{
    return i < config->n_profiles ? config->profile_lines[i] : 0;
}
