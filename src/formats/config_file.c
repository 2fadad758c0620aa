/* hearth.yaml: keys to rows, engines, profiles. */
#include <stdarg.h>

#include "base/limits.h"
#include "formats/config_internal.h"

enum { ITEMS_MAX = 256 };

int
config_complain(const struct config *config, int line, const char *key,
                struct error *error, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return error_set(error, ERR_INVALID, "%s line %d: %s%s%s",
                     config->file_path, line, key, *key == '\0' ? "" : ": ",
                     message);
}

static int
no_memory(struct error *error)
{
    return error_set(error, ERR_NO_MEMORY, "no memory for the configuration");
}

static int
refuse_node(const struct config *config, const struct setting_row *row,
            const struct yaml *node, struct error *error)
{
    struct strbuf found = STRBUF_INIT(1 * KIB);
    struct error inner = { 0 };
    yaml_describe(node, &found);
    setting_value_refuse(row, strbuf_text(&found), &inner);
    strbuf_release(&found);
    return config_complain(config, node->line, row->key, error, "%s",
                           inner.message);
}

/* The texts of a scalar or of a list of scalars. -1 when it is neither. */
static int
texts_of(const struct yaml *node, bool is_list, struct str *ret_texts,
         size_t *ret_n)
{
    *ret_n = 0;
    if (node->type == YAML_SCALAR) {
        ret_texts[(*ret_n)++] = node->text;
        return 0;
    }
    if (node->type != YAML_SEQUENCE || !is_list || node->n_items > ITEMS_MAX)
        return -1;
    for (const struct yaml_item *i = node->items; i != NULL; i = i->next) {
        if (i->value->type != YAML_SCALAR)
            return -1;
        ret_texts[(*ret_n)++] = i->value->text;
    }
    return 0;
}

static int
read_setting(struct config *config, enum setting_id id, const struct yaml *node,
             struct error *error)
{
    struct str texts[ITEMS_MAX];
    size_t n;
    struct error inner = { 0 };
    const struct setting_row *row = &setting_rows[id];
    struct config_entry *entry = &config->entries[id];
    bool is_list = row->type == SETTING_LIST || row->type == SETTING_PATHS;
    if (yaml_is_null(node)) /* "key:" alone: as if it were not there */
        return 0;
    if (texts_of(node, is_list, texts, &n) != 0)
        return refuse_node(config, row, node, error);
    if (setting_value_from_texts(row, texts, n, &config->file_base,
                                 &config->arena, &entry->value, &inner) != 0)
        return config_complain(config, node->line, row->key, error, "%s",
                               inner.message);
    entry->origin = ORIGIN_FILE;
    entry->where = arena_printf(&config->arena, "%s line %d", config->file_path,
                                node->line);
    return entry->where == NULL ? no_memory(error) : 0;
}

static int
unknown_key(const struct config *config, const char *key, int line,
            struct error *error)
{
    const char *nearest = setting_nearest(str_from(key));
    if (nearest == NULL && text_distance(str_from(key), STR("profiles")) < 3)
        nearest = "profiles";
    if (nearest == NULL && text_distance(str_from(key), STR("engines")) < 3)
        nearest = "engines";
    return config_complain(config, line, key, error,
                           nearest == NULL
                               ? "there is no such setting"
                               : "there is no such setting; \"%s\" may be "
                                 "meant",
                           nearest);
}

static int
add_engine(struct config *config, const struct yaml_item *item,
           const struct yaml *path, struct error *error)
{
    struct config_engine *engine = arena_alloc(&config->arena, sizeof *engine);
    bool is_bare = path->type == YAML_SCALAR && str_find(path->text, '/') < 0;
    if (path->type != YAML_SCALAR || yaml_is_null(path))
        return config_complain(config, path->line, "engines", error,
                               "%s.path is not a path", item->key.p);
    if (engine == NULL)
        return no_memory(error);
    *engine = (struct config_engine){
        .name = arena_str(&config->arena, item->key),
        .path = path_resolve(path->text, is_bare ? NULL : &config->file_base,
                             &config->arena),
        .line = item->line
    };
    if (engine->name == NULL || engine->path == NULL)
        return no_memory(error);
    if (config->engines == NULL)
        config->engines = engine;
    else
        config->last_engine->next = engine;
    config->last_engine = engine;
    return 0;
}

/* engines: {llama-server: {path: ...}} */
static int
read_engines(struct config *config, const struct yaml *engines,
             struct error *error)
{
    if (yaml_is_null(engines))
        return 0;
    if (engines->type != YAML_MAPPING)
        return config_complain(config, engines->line, "engines", error,
                               "a mapping of engine names is expected");
    for (const struct yaml_item *e = engines->items; e != NULL; e = e->next) {
        if (e->value->type != YAML_MAPPING)
            return config_complain(config, e->line, "engines", error,
                                   "%s: \"path: ...\" is expected", e->key.p);
        for (const struct yaml_item *i = e->value->items; i != NULL;
             i = i->next) {
            if (!str_is(i->key, "path"))
                return config_complain(
                    config, i->line, "engines", error,
                    "%s.%s: there is no such setting; \"path\" may be meant",
                    e->key.p, i->key.p);
            if (add_engine(config, e, i->value, error) != 0)
                return -1;
        }
    }
    return 0;
}

static bool
is_prefix(const char *key)
{
    size_t n = strlen(key);
    for (int id = 0; id < SETTING_COUNT; id++)
        if (strncmp(setting_rows[id].key, key, n) == 0 &&
            setting_rows[id].key[n] == '.')
            return true;
    return false;
}

static int read_mapping(struct config *config, const char *prefix,
                        const struct yaml *mapping, struct error *error);

static int
read_item(struct config *config, const char *prefix,
          const struct yaml_item *item, struct error *error)
{
    const char *key = arena_printf(&config->arena, "%s%s%s", prefix,
                                   *prefix == '\0' ? "" : ".", item->key.p);
    if (key == NULL)
        return no_memory(error);
    enum setting_id id = setting_find(str_from(key));
    if (id != SETTING_COUNT)
        return read_setting(config, id, item->value, error);
    if (strcmp(key, "engines") == 0)
        return read_engines(config, item->value, error);
    if (strcmp(key, "profiles") == 0)
        return config_read_profiles(config, item->value, error);
    if (is_prefix(key) && item->value->type == YAML_MAPPING)
        return read_mapping(config, key, item->value, error);
    return unknown_key(config, key, item->line, error);
}

static int
read_mapping(struct config *config, const char *prefix,
             const struct yaml *mapping, struct error *error)
{
    for (const struct yaml_item *i = mapping->items; i != NULL; i = i->next)
        if (read_item(config, prefix, i, error) != 0)
            return -1;
    return 0;
}

int
config_read_file(struct config *config, struct str text, struct error *error)
{
    struct error inner = { 0 };
    struct yaml_doc *doc = yaml_parse(text, &inner);
    if (doc == NULL)
        return error_set(error, ERR_INVALID, "%s %s", config->file_path,
                         inner.message);
    const struct yaml *root = yaml_root(doc);
    int rc = 0;
    if (root != NULL && root->type == YAML_MAPPING)
        rc = read_mapping(config, "", root, error);
    else if (root != NULL && !yaml_is_null(root))
        rc = config_complain(config, root->line, "", error,
                             "\"key: value\" lines are expected");
    yaml_doc_free(doc);
    return rc;
}
