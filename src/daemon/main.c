/* The program's entry: the keeper of an engine when we were re-executed as
 * one, else the command line. */
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/auth/auth.h"
#include "daemon/serve.h"
#include "keeper/keeper.h"

extern char **environ;

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "__keeper") == 0)
        return keeper_main(argc, argv);
    const struct cli_hooks hooks = { .serve = daemon_serve,
                                     .generate_key = auth_key_generate };
    return cli_main(argc, argv, environ, &hooks);
}
