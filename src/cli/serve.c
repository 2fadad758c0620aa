/* hearth serve: the flags, then the daemon. */
#include "cli/commands.h"

static const struct cli_option options[] = {
    { "config", 'c', "FILE", "read this hearth.yaml (HEARTH_CONFIG)" },
    { "host", 0, "ADDRESS", "listen here (default: 127.0.0.1)" },
    { "port", 'p', "PORT",
      "listen on this port (default: 7117; 0: a free "
      "one)" },
    { "data-dir", 0, "DIR", "folder of the database, sockets and logs" },
    { "models-dir", 'm', "DIR",
      "search this folder for models; may be "
      "given more than once" },
    { "log-level", 0, "LEVEL", "debug, info, warn or error" },
    { "keep-engines", 0, NULL, "leave engines running when this ends" },
    { "conformance", 0, NULL,
      "serve what public test suites of the protocols talk to" },
    { 0 }
};

/* Which setting a flag is. */
static const struct {
    const char *option, *key;
} keys[] = {
    { "host", "host" },
    { "port", "port" },
    { "data-dir", "data_dir" },
    { "models-dir", "models_dirs" },
    { "log-level", "log_level" },
    { "keep-engines", "keep_engines" },
    { "conformance", "conformance" },
};

static int
run(struct cli *cli)
{
    struct setting_flag flags[CLI_ARGS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < cli->n_given; i++)
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
            if (strcmp(cli->given[i].option->name, keys[k].option) == 0)
                flags[n++] = (struct setting_flag){ keys[k].key,
                                                    cli->given[i].value == NULL
                                                        ? "true"
                                                        : cli->given[i].value };
    return cli->hooks->serve(flags, n, cli_value(cli, "config"));
}

const struct cli_command cli_command_serve = {
    .name = "serve",
    .usage = "[OPTION...]",
    .summary = "run the daemon",
    .details =
        "Settings come from these flags, then from HEARTH_* variables, then "
        "from\nhearth.yaml, then from what was changed while running. "
        "\"hearth config show\"\nlists all of them. SIGHUP reads hearth.yaml "
        "again.",
    .options = options,
    .run = run
};
