/* hearth version */
#include "cli/commands.h"

static int
run(struct cli *cli)
{
    if (cli_has(cli, "json"))
        puts("{\"version\":\"" HEARTH_VERSION "\"}");
    else
        puts("hearth " HEARTH_VERSION);
    return CLI_OK;
}

const struct cli_command cli_command_version = {
    .name = "version",
    .usage = "",
    .summary = "print the version of this program",
    .flags = CLI_PRINTS_LIST,
    .run = run
};
