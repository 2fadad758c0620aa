/* What the files of the configuration share. Internal to formats/. */
#ifndef FORMATS_CONFIG_INTERNAL_H
#define FORMATS_CONFIG_INTERNAL_H

#include "formats/config.h"
#include "formats/yaml.h"

struct config_engine {
    const char *name;
    const char *path;
    int line;
    struct config_engine *next;
};

struct config {
    struct arena arena;
    struct config_entry entries[SETTING_COUNT];
    const char *file_path; /* NULL: no file */
    struct path_base file_base;
    struct path_base base;         /* of flags and environment */
    struct config_engine *engines; /* of the file */
    struct config_engine *last_engine;
    struct config_engine *overrides; /* of the environment; names as there */
    struct json_doc *profiles;
    const int *profile_lines;
    size_t n_profiles;
};

/* "FILE line 7: KEY: ..." ; `key` may be "". Returns -1. */
int config_complain(const struct config *config, int line, const char *key,
                    struct error *error, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Reads the file's text into `config`. */
int config_read_file(struct config *config, struct str text,
                     struct error *error);
/* Checks `profiles:` and keeps it as JSON. */
int config_read_profiles(struct config *config, const struct yaml *list,
                         struct error *error);

#endif
