/* The configuration: the three places above the database that settings come
 * from. Flag wins over environment, environment over hearth.yaml.
 *
 * The file's keys are the rows of records/settings.h (dots may be written
 * as nested mappings), `engines.<name>.path`, and `profiles:`, a list of
 * profile records. A bad key or value anywhere is an error that names the
 * place, the key, the value and what was expected:
 *
 *     /etc/hearth.yaml line 7: port: "abc" is not a number from 0 to 65535
 *
 * HF_ENDPOINT, HF_TOKEN, HF_HUB_CACHE, HF_HOME, HF_HUB_OFFLINE and
 * CIVITAI_API_KEY count as the environment too, below our own variables.
 *
 * Relative paths in the file begin at the file's folder, others at the
 * working folder; ~/ is the home. Reads through `machine` only, so that
 * whoever holds the machine decides; otherwise pure. */
#ifndef FORMATS_CONFIG_H
#define FORMATS_CONFIG_H

#include "formats/setting_value.h"

struct config;

struct config_machine {
    /* Appends the whole file; sets errno to ENOENT when there is none. */
    int (*read_file)(const char *path, struct strbuf *out, struct error *error);
    int (*config_folder)(char *ret_path, size_t size, struct error *error);
    int (*data_folder)(char *ret_path, size_t size, struct error *error);
};

struct config_sources {
    const struct config_machine *machine;
    const struct setting_flag *flags;
    size_t n_flags;
    char *const *environment;   /* environ */
    const char *file_path;      /* --config. NULL: HEARTH_CONFIG, else
                                 * hearth.yaml in the configuration folder,
                                 * if it is there */
    const char *working_folder; /* absolute, or "" */
};

int config_load(const struct config_sources *sources,
                struct config **ret_config, struct error *error);
void config_free(struct config *config); /* accepts NULL */

struct config_entry {
    struct setting_value value;
    enum setting_origin origin; /* default, file, environment or flag */
    const char *where;          /* "flag --port", "environment HEARTH_PORT",
                        * "/etc/hearth.yaml line 3", "default" */
};
const struct config_entry *config_get(const struct config *config,
                                      enum setting_id id);

/* The file that was read, or NULL. */
const char *config_file_path(const struct config *config);
/* The path of an engine's program (a bare name: looked up on PATH), or
 * NULL. `engine` is a manifest's name; in a variable its other characters
 * are underscores: HEARTH_ENGINES_LLAMA_SERVER_PATH. */
const char *config_engine_path(const struct config *config, const char *engine);
/* The engines that hearth.yaml names, in its order: the i-th name and its
 * line, or NULL. */
const char *config_engine_at(const struct config *config, size_t i,
                             int *ret_line);
/* Whether each engine that has a path there, or in a variable, is one of
 * `names` (manifests', NULL at the end): 0, or -1 with the place, the name
 * and the names that there are. */
int config_check_engines(const struct config *config, const char *const *names,
                         struct error *error);
/* `profiles:` as a JSON array, or NULL; and the line of the i-th. */
const struct json *config_profiles(const struct config *config);
int config_profile_line(const struct config *config, size_t i);

#endif
