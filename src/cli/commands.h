/* Every command, in the order of the help. Internal to cli/. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/command.h"

#define CLI_COMMANDS(X) \
    X(demo_model)       \
    X(version)

#define X(name) extern const struct cli_command cli_command_##name;
CLI_COMMANDS(X)
#undef X

#endif
