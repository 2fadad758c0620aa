/* The configuration as a command sees it: see settings_source.h. */
#include "cli/settings_source.h"

#include <stdlib.h>

#include "platform/file.h"
#include "platform/system.h"

int
cli_load_config(const struct cli *cli, struct config **ret_config)
{
    static const struct config_machine machine = {
        .read_file = file_read,
        .config_folder = system_config_folder,
        .data_folder = system_data_folder,
    };
    const struct setting_flag data_dir = { "data_dir",
                                           cli_value(cli, "data-dir") };
    char *here = realpath(".", NULL);
    const struct config_sources sources = {
        .machine = &machine,
        .flags = &data_dir,
        .n_flags = data_dir.value == NULL ? 0 : 1,
        .environment = cli->environment,
        .file_path = cli_value(cli, "config"),
        .working_folder = here == NULL ? "" : here,
    };
    struct error error = { 0 };
    int rc = config_load(&sources, ret_config, &error);
    free(here);
    return rc == 0 ? CLI_OK : cli_fail_error(&error);
}

const char *
cli_models_dir(const struct config *config, size_t i, char *buffer, size_t size)
{
    const struct setting_value *dirs =
        &config_get(config, SETTING_ID_MODELS_DIRS)->value;
    if (i < dirs->n_items)
        return dirs->items[i];
    if (dirs->n_items > 0 || i > 0)
        return NULL;
    snprintf(buffer, size, "%s/models",
             config_get(config, SETTING_ID_DATA_DIR)->value.text);
    return buffer;
}
