/* What a command is made of, and what it gets when it runs. Internal to
 * cli/. */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/cli.h"

struct cli_option {
    const char *name;  /* "models-dir"; NULL ends the table */
    char letter;       /* 'f' for -f, or 0 */
    const char *value; /* what the help calls its value; NULL: a switch */
    const char *help;
};

enum { CLI_ARGS_MAX = 256 };

struct cli_given { /* an option of the command line, in order */
    const struct cli_option *option;
    const char *value; /* NULL for a switch */
};

struct cli {
    const struct cli_hooks *hooks;
    const struct cli_command *command;
    char *const *environment;
    struct cli_given given[CLI_ARGS_MAX];
    size_t n_given;
    const char *args[CLI_ARGS_MAX]; /* what is no option */
    size_t n_args;
};

enum cli_command_flag {
    CLI_ASKS_DAEMON = 1 << 0, /* takes --url, --key-file, --data-dir ... */
    CLI_PRINTS_LIST = 1 << 1, /* takes --json */
    CLI_LOADS_CONFIG = 1 << 2 /* takes --config and --data-dir */
};

struct cli_command {
    const char *name;                 /* "ps", "profile list" */
    const char *usage;                /* "MODEL [PROMPT]" */
    const char *summary;              /* one line, for the table of commands */
    const char *details;              /* more, for its own --help; or NULL */
    const struct cli_option *options; /* ends with name NULL; or NULL */
    unsigned flags;                   /* enum cli_command_flag */
    unsigned min_args, max_args;
    int (*run)(struct cli *cli); /* an exit code */
};

extern const struct cli_command *const cli_commands[]; /* ends with NULL */

/* ---- args.c ---- */

/* Reads what follows the command's name. CLI_OK, or CLI_USAGE with the
 * reason printed. Sets *ret_wants_help for --help. */
int cli_parse(struct cli *cli, int argc, char *const *argv,
              bool *ret_wants_help);
bool cli_has(const struct cli *cli, const char *option);
/* The last value of an option, or NULL. */
const char *cli_value(const struct cli *cli, const char *option);
/* A variable of the environment, or NULL when unset or empty. */
const char *cli_environment(const struct cli *cli, const char *name);
/* A whole number in [min, max]: 0, or -1 with the complaint printed. An
 * option that was not given leaves *ret_value as it is. */
int cli_int(const struct cli *cli, const char *option, int64_t min, int64_t max,
            int64_t *ret_value);

/* "10M", "500k", "1.5G", "800000": bytes per second, powers of 1024. CLI_OK,
 * or CLI_USAGE with the complaint printed, which names `what`. */
int cli_rate(const char *what, const char *text, int64_t *ret_bytes_per_s);

/* The option tables that a command's flags add, for help and parsing:
 * table by table, until NULL. */
const struct cli_option *cli_options(const struct cli_command *command,
                                     unsigned table);

/* ---- help.c ---- */

void cli_print_overview(FILE *out);
void cli_print_group(FILE *out, const char *group); /* "profile" */
void cli_print_help(FILE *out, const struct cli_command *command);
void cli_print_exits(FILE *out);

/* ---- messages ---- */

/* "hearth: ..." on standard error; returns `code`. */
int cli_fail(enum cli_exit code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for a filled error: picks the exit code by its code. */
int cli_fail_error(const struct error *error);

#endif
