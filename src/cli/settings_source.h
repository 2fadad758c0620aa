/* The configuration as a command sees it. Internal to cli/. */
#ifndef CLI_SETTINGS_SOURCE_H
#define CLI_SETTINGS_SOURCE_H

#include "cli/command.h"
#include "formats/config.h"

/* What --config and --data-dir, the environment and hearth.yaml say. CLI_OK,
 * or CLI_USAGE with the reason printed. */
int cli_load_config(const struct cli *cli, struct config **ret_config);

/* The folders that are searched for models: what the settings name, else
 * <data_dir>/models. The i-th one, or NULL after the last. */
const char *cli_models_dir(const struct config *config, size_t i, char *buffer,
                           size_t size);

#endif
