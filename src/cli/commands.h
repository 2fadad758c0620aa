/* Every command, in the order of the help. Internal to cli/. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

#define CLI_COMMANDS(X)  \
    X(serve)             \
    X(status)            \
    X(open)              \
    X(run)               \
    X(ps)                \
    X(start)             \
    X(stop)              \
    X(restart)           \
    X(logs)              \
    X(activity_list)     \
    X(activity_active)   \
    X(activity_cancel)   \
    X(search)            \
    X(pull)              \
    X(downloads_list)    \
    X(downloads_pause)   \
    X(downloads_resume)  \
    X(downloads_retry)   \
    X(downloads_cancel)  \
    X(downloads_limit)   \
    X(models_list)       \
    X(models_show)       \
    X(models_rm)         \
    X(models_mv)         \
    X(models_scan)       \
    X(models_dups)       \
    X(fit)               \
    X(inspect)           \
    X(profile_list)      \
    X(profile_show)      \
    X(profile_create)    \
    X(profile_set)       \
    X(profile_delete)    \
    X(profile_duplicate) \
    X(preset_list)       \
    X(preset_show)       \
    X(preset_check)      \
    X(preset_import)     \
    X(preset_delete)     \
    X(key_create)        \
    X(key_list)          \
    X(key_revoke)        \
    X(config_show)       \
    X(config_check)      \
    X(config_export)     \
    X(config_import)     \
    X(doctor)            \
    X(demo_model)        \
    X(version)

#define X(name) extern const struct cli_command cli_command_##name;
CLI_COMMANDS(X)
#undef X

#endif
