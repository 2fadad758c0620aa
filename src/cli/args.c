/* Reads a command line by the command's own table. */
#include <stdlib.h>

#include "cli/command.h"

static const struct cli_option daemon_options[] = {
    { "url", 0, "URL", "ask the daemon at this address (HEARTH_URL)" },
    { "key-file", 0, "FILE",
      "file that holds the key for --url (else HEARTH_API_KEY)" },
    { "config", 'c', "FILE", "the daemon's hearth.yaml" },
    { "data-dir", 0, "DIR", "the daemon's data folder" },
    { 0 }
};
static const struct cli_option config_options[] = {
    { "config", 'c', "FILE", "read this hearth.yaml" },
    { "data-dir", 0, "DIR", "the data folder" },
    { 0 }
};
static const struct cli_option list_options[] = {
    { "json", 0, NULL, "print JSON" }, { 0 }
};
static const struct cli_option common_options[] = {
    { "help", 'h', NULL, "show this text" }, { 0 }
};

const struct cli_option *
cli_options(const struct cli_command *command, unsigned table)
{
    const struct cli_option *tables[4];
    unsigned n = 0;
    if (command->options != NULL)
        tables[n++] = command->options;
    if (command->flags & CLI_PRINTS_LIST)
        tables[n++] = list_options;
    if (command->flags & CLI_ASKS_DAEMON)
        tables[n++] = daemon_options;
    else if (command->flags & CLI_LOADS_CONFIG)
        tables[n++] = config_options;
    if (table < n)
        return tables[table];
    return table == n ? common_options : NULL;
}

static const struct cli_option *
option_find(const struct cli_command *command, struct str name, char letter)
{
    const struct cli_option *row;
    for (unsigned t = 0; (row = cli_options(command, t)) != NULL; t++)
        for (; row->name != NULL; row++)
            if (letter != 0 ? row->letter == letter : str_is(name, row->name))
                return row;
    return NULL;
}

static int
complain(const struct cli *cli, const char *text, const char *about)
{
    fprintf(stderr, "hearth %s: %s%s\nSee: hearth %s --help\n",
            cli->command->name, text, about, cli->command->name);
    return CLI_USAGE;
}

/* One option at argv[*at]; moves *at past its value. */
static int
parse_option(struct cli *cli, int argc, char *const *argv, int *at)
{
    const char *arg = argv[*at];
    const char *value = NULL;
    const struct cli_option *option;
    if (arg[1] == '-') {
        struct str name = str_from(arg + 2);
        ptrdiff_t equals = str_find(name, '=');
        if (equals >= 0) {
            value = arg + 2 + equals + 1;
            name.n = (size_t)equals;
        }
        option = option_find(cli->command, name, 0);
    } else {
        option = option_find(cli->command, STR(""), arg[1]);
        if (arg[2] != '\0')
            value = arg + 2;
    }
    if (option == NULL)
        return complain(cli, "there is no option ", arg);
    if (option->value == NULL && value != NULL)
        return complain(cli, "this option takes no value: ", arg);
    if (option->value != NULL && value == NULL) {
        if (*at + 1 >= argc)
            return complain(cli, "a value is missing after ", arg);
        value = argv[++*at];
    }
    if (cli->n_given == CLI_ARGS_MAX)
        return complain(cli, "too many options at ", arg);
    cli->given[cli->n_given++] = (struct cli_given){ option, value };
    return CLI_OK;
}

int
cli_parse(struct cli *cli, int argc, char *const *argv, bool *ret_wants_help)
{
    bool only_args = false;
    *ret_wants_help = false;
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (!only_args && strcmp(arg, "--") == 0) {
            only_args = true;
        } else if (!only_args && arg[0] == '-' && arg[1] != '\0') {
            int rc = parse_option(cli, argc, argv, &i);
            if (rc != CLI_OK)
                return rc;
        } else if (cli->n_args == CLI_ARGS_MAX) {
            return complain(cli, "too many words at ", arg);
        } else {
            cli->args[cli->n_args++] = arg;
        }
    }
    if (cli_has(cli, "help")) {
        *ret_wants_help = true;
        return CLI_OK;
    }
    if (cli->n_args < cli->command->min_args)
        return complain(cli, "something is missing; it takes ",
                        cli->command->usage);
    if (cli->n_args > cli->command->max_args)
        return complain(
            cli, "one word too many: ", cli->args[cli->command->max_args]);
    return CLI_OK;
}

const char *
cli_value(const struct cli *cli, const char *option)
{
    for (size_t i = cli->n_given; i-- > 0;)
        if (strcmp(cli->given[i].option->name, option) == 0)
            return cli->given[i].value;
    return NULL;
}

bool
cli_has(const struct cli *cli, const char *option)
{
    for (size_t i = 0; i < cli->n_given; i++)
        if (strcmp(cli->given[i].option->name, option) == 0)
            return true;
    return false;
}

const char *
cli_environment(const struct cli *cli, const char *name)
{
    size_t n = strlen(name);
    for (char *const *at = cli->environment; at != NULL && *at != NULL; at++)
        if (strncmp(*at, name, n) == 0 && (*at)[n] == '=')
            return (*at)[n + 1] == '\0' ? NULL : *at + n + 1;
    return NULL;
}

int
cli_int(const struct cli *cli, const char *option, int64_t min, int64_t max,
        int64_t *ret_value)
{
    const char *text = cli_value(cli, option);
    int64_t value;
    if (text == NULL)
        return 0;
    if (str_to_i64(str_from(text), &value) != 0 || value < min || value > max) {
        fprintf(stderr,
                "hearth %s: --%s: \"%s\" is not a number from %lld to "
                "%lld\n",
                cli->command->name, option, text, (long long)min,
                (long long)max);
        return -1;
    }
    *ret_value = value;
    return 0;
}

int
cli_rate(const char *what, const char *text, int64_t *ret_bytes_per_s)
{
    static const char units[] = "kmgt";
    struct str number = str_from(text);
    double value = 0;
    int64_t factor = 1;
    if (number.n > 1) {
        char last = (char)(number.p[number.n - 1] | 0x20);
        const char *unit = strchr(units, last);
        if (unit != NULL && *unit != '\0') {
            factor = (int64_t)1 << (10 * (unit - units + 1));
            number.n--;
        }
    }
    if (str_to_double(number, &value) != 0 || value * (double)factor < 1 ||
        value * (double)factor > 1e12)
        return cli_fail(CLI_USAGE,
                        "%s: \"%s\" is no rate like 500k, 10M or 1.5G (bytes "
                        "per second)",
                        what, text);
    *ret_bytes_per_s = (int64_t)(value * (double)factor);
    return CLI_OK;
}
